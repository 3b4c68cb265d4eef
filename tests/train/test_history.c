/* SPDX-License-Identifier: Apache-2.0 */
/* Which models of single epochs stay: by period, by rank, again after a kill, and nobody else's files. */
#include "support/folder.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include <fovea/fovea.h>

#include "base/file.h"
#include "train/checkpoint.h"

static const fv_monitor *monitor(fv_monitor_id id)
{
    int count;
    return &fv_monitor_list(&count)[id];
}

/* An epoch whose model's file holds its number. */
static fv_status end_epoch(fv_history *h, fv_checkpoints *c, const fv_fit_options *o, const fv_monitor *m,
                           int64_t epoch, double metric)
{
    char text[16];
    fv_fit_event e = {.epoch = epoch};
    *(double *)((char *)&e + m->offset) = metric;
    snprintf(text, sizeof text, "%d", (int)epoch);
    fv_test_write_text(fv_test_path(dir, "last.safetensors"), text);
    return fv_history_epoch(h, c, o, m, &e);
}

/* The epochs that there are files of, as "3 5 ". Each must hold its own. */
static const char *kept(void)
{
    static char list[512];
    list[0] = 0;
    for (int i = 1; i < 150; i++) {
        char name[48], text[16] = "";
        snprintf(name, sizeof name, "epoch-%04d.safetensors", i);
        FILE *f = fopen(fv_test_path(dir, name), "r");
        if (!f)
            continue;
        assert_non_null(fgets(text, sizeof text, f));
        fclose(f);
        assert_int_equal(atoi(text), i);
        snprintf(list + strlen(list), sizeof list - strlen(list), "%d ", i);
    }
    return list;
}

static void run(const fv_fit_options *o, fv_monitor_id id, const double *metrics, int n, const char *expected)
{
    fv_history h = {0};
    fv_checkpoints c = {0};
    fv_test_dir_remove(dir);
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_checkpoints_open(ctx, dir, &c), FV_OK);
    for (int i = 0; i < n; i++)
        assert_int_equal(end_epoch(&h, &c, o, monitor(id), i + 1, metrics[i]), FV_OK);
    assert_string_equal(kept(), expected);
    fv_checkpoints_close(&c);
    fv_ctx_destroy(&ctx);
}

static void test_ranks(void **state)
{
    (void)state;
    static const double rising[] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, equal[] = {0.5, 0.5, 0.5, 0.5},
                        mixed[] = {0.3, 0.9, 0.1, 0.9, 0.5, 0.2}, gaps[] = {0.3, NAN, 0.1, NAN, 0.5, INFINITY};
    const fv_fit_options none = FV_FIT_OPTIONS(.epochs = 6), two = FV_FIT_OPTIONS(.checkpoint_hist = 2),
                         second = FV_FIT_OPTIONS(.save_period = 2),
                         both = FV_FIT_OPTIONS(.save_period = 2, .checkpoint_hist = 1);
    run(&none, FV_MONITOR_val_top1, rising, 6, "");
    run(&second, FV_MONITOR_val_top1, gaps, 6, "2 4 6 "); /* ranks have no part in it */
    run(&two, FV_MONITOR_val_top1, rising, 6, "5 6 ");
    run(&two, FV_MONITOR_val_loss, rising, 6, "1 2 "); /* which is better when it is lower */
    run(&two, FV_MONITOR_val_top1, equal, 4, "1 2 ");  /* of equals the earlier */
    run(&two, FV_MONITOR_val_loss, equal, 4, "1 2 ");
    run(&two, FV_MONITOR_val_top1, mixed, 6, "2 4 ");
    run(&two, FV_MONITOR_val_top1, gaps, 6, "1 5 "); /* epochs without a number have no rank */
    run(&both, FV_MONITOR_val_top1, mixed, 6, "2 "); /* the best of every second one */
}

/* Killed behind any epoch's files and before its state: done again from the state before, or from the one before that,
 * the same files are left. */
static void test_again(void **state)
{
    (void)state;
    enum { EPOCHS = 9 };
    static const double metrics[EPOCHS] = {0.3, 0.2, 0.6, 0.6, 0.1, 0.7, 0.5, 0.65, 0.7};
    const fv_fit_options o = FV_FIT_OPTIONS(.checkpoint_hist = 3);
    const fv_monitor *m = monitor(FV_MONITOR_val_top1);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (int back = 1; back <= 2; back++)
        for (int at = back; at <= EPOCHS; at += 2) {
            fv_history h = {0}, saved[EPOCHS + 1] = {{0}};
            fv_checkpoints c = {0};
            fv_test_dir_remove(dir);
            fv_test_dir_create(dir);
            assert_int_equal(fv_checkpoints_open(ctx, dir, &c), FV_OK);
            for (int i = 0; i < at; i++) {
                assert_int_equal(end_epoch(&h, &c, &o, m, i + 1, metrics[i]), FV_OK);
                saved[i + 1] = h;
            }
            h = saved[at - back];
            fv_history_look(&h, &c);
            for (int i = at - back; i < EPOCHS; i++)
                assert_int_equal(end_epoch(&h, &c, &o, m, i + 1, metrics[i]), FV_OK);
            assert_string_equal(kept(), "6 8 9 ");
            fv_checkpoints_close(&c);
        }
    fv_ctx_destroy(&ctx);
}

/* Files that this run did not write stay; what somebody took away leaves its place to others; fewer are kept from the
 * next epoch on when fewer are asked for. */
static void test_others(void **state)
{
    (void)state;
    fv_fit_options o = FV_FIT_OPTIONS(.checkpoint_hist = 3);
    const fv_monitor *m = monitor(FV_MONITOR_val_top1);
    fv_history h = {0};
    fv_checkpoints c = {0};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_checkpoints_open(ctx, dir, &c), FV_OK);
    fv_test_write_text(fv_test_path(dir, "epoch-0099.safetensors"), "99");
    for (int i = 1; i <= 4; i++)
        assert_int_equal(end_epoch(&h, &c, &o, m, i, i), FV_OK);
    assert_string_equal(kept(), "2 3 4 99 ");
    assert_int_equal(unlink(fv_test_path(dir, "epoch-0004.safetensors")), 0);
    fv_history_look(&h, &c);
    assert_int_equal(end_epoch(&h, &c, &o, m, 5, 2.5), FV_OK);
    assert_string_equal(kept(), "2 3 5 99 ");
    o.checkpoint_hist = 1;
    assert_int_equal(end_epoch(&h, &c, &o, m, 6, 0), FV_OK);
    assert_string_equal(kept(), "3 99 ");
    o.checkpoint_hist = 0;
    assert_int_equal(end_epoch(&h, &c, &o, m, 7, 9), FV_OK);
    assert_string_equal(kept(), "3 99 ");
    fv_checkpoints_close(&c);
    fv_ctx_destroy(&ctx);
}

/* As many as can be asked for, and what room they need. */
static void test_many(void **state)
{
    (void)state;
    fv_history h = {0};
    const fv_fit_options most = FV_FIT_OPTIONS(.checkpoint_hist = FV_HISTORY_MAX, .epochs = 500),
                         tenth = FV_FIT_OPTIONS(.save_period = 10, .epochs = 35), off = FV_FIT_OPTIONS(.epochs = 500);
    fv_checkpoints c = {0};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_checkpoints_open(ctx, dir, &c), FV_OK);
    for (h.count = 0; h.count < FV_HISTORY_MAX; h.count++) {
        h.list[h.count].epoch = h.count + 1;
        h.list[h.count].metric = h.count;
    }
    assert_int_equal(end_epoch(&h, &c, &most, monitor(FV_MONITOR_val_loss), 101, 99), FV_OK);
    assert_string_equal(kept(), ""); /* as good as the last, and later */
    assert_int_equal(end_epoch(&h, &c, &most, monitor(FV_MONITOR_val_loss), 102, -1), FV_OK);
    assert_string_equal(kept(), "102 ");
    assert_int_equal(h.count, FV_HISTORY_MAX);
    assert_int_equal(h.list[0].epoch, 102);
    assert_int_equal(h.list[FV_HISTORY_MAX - 1].epoch, 99);
    fv_checkpoints_close(&c);
    fv_ctx_destroy(&ctx);
    h.count = 0;
    assert_int_equal(fv_history_files(&most, 0, &h), FV_HISTORY_MAX + 1);
    assert_int_equal(fv_history_files(&most, 490, &h), 10);
    h.count = FV_HISTORY_MAX;
    assert_int_equal(fv_history_files(&most, 400, &h), 1);
    assert_int_equal(fv_history_files(&most, 500, &h), 0);
    h.count = 0;
    assert_int_equal(fv_history_files(&tenth, 0, &h), 3);
    assert_int_equal(fv_history_files(&tenth, 20, &h), 1);
    assert_int_equal(fv_history_files(&off, 0, &h), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ranks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
