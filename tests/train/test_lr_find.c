/* SPDX-License-Identifier: Apache-2.0 */
/* The range test of learning rates: its curve, what it suggests, and that nothing else is changed. */
#define DIGITS_TRAIN 200
#define DIGITS_TEST  40
#include "digits_fixture.h"

#include <math.h>

#include "model/model.h"

enum { STEPS = 60 };

typedef struct listener {
    int64_t steps, stop_at;
} listener;

static bool on_point(void *user, const fv_lr_point *p, int64_t step)
{
    listener *l = user;
    assert_true(isfinite(p->loss) && p->lr > 0);
    assert_int_equal(step, ++l->steps);
    return step == l->stop_at;
}

static fv_lr_find_options usual(listener *l)
{
    return (fv_lr_find_options){
        .lr_min = 1e-5, .lr_max = 1e3, .steps = STEPS, .diverged = 4, .on_point = l ? on_point : NULL, .user = l};
}

static void curve(void **state)
{
    (void)state;
    fv_lr_point p[STEPS], again[STEPS];
    fv_lr_found f, g;
    listener l = {0};
    fv_lr_find_options find = usual(&l);
    const fv_fit_options o = FV_FIT_OPTIONS(.batch_size = 20, .seed = 3, .augment = "crop pad=1");
    char before[65], after[65];
    for (int k = 0; k < 2; k++) {
        fv_ctx *ctx = fv_test_ctx(k + 1, NULL, NULL);
        fv_model *m = digits_net(ctx, "lenet", 28, 1);
        fv_dataset *data = digits_of(ctx, "train");
        fv_model_sha256(m, before);
        if (fv_lr_find(m, data, &o, &find, k ? again : p, k ? &g : &f) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        fv_model_sha256(m, after);
        assert_string_equal(before, after);
        /* A run behind it is the run without it. */
        char runs[2][65];
        for (int i = 0; i < 2; i++) {
            fv_model *fresh = i ? digits_net(ctx, "lenet", 28, 1) : m;
            fv_fit_options run = o;
            run.epochs = 1;
            run.lr = 0.05;
            assert_int_equal(fv_fit_with(fresh, data, &run, NULL), FV_OK);
            fv_model_sha256(fresh, runs[i]);
            if (i)
                fv_model_destroy(&fresh);
        }
        assert_string_equal(runs[0], runs[1]);
        find.on_point = NULL;
        fv_dataset_destroy(&data);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
    /* The same curve with other threads. */
    assert_int_equal(f.count, g.count);
    assert_int_equal(l.steps, f.count);
    assert_true(f.steepest == g.steepest && f.minimum == g.minimum);
    for (int64_t i = 0; i < f.count; i++) {
        assert_true(p[i].lr == again[i].lr && p[i].loss == again[i].loss && p[i].smoothed == again[i].smoothed);
        const double expected = 1e-5 * pow(1e8, (double)i / (STEPS - 1));
        assert_true(fabs(p[i].lr - expected) <= 1e-12 * expected);
    }
    /* lenet learns somewhere below 1, and not at the rates of the beginning. */
    assert_true(f.diverged && f.count < STEPS && f.count > STEPS / 2);
    assert_true(f.steepest > 1e-4 && f.steepest < f.minimum && f.minimum < 2);
    assert_true(f.loss_lowest < 0.99 * f.loss_first);
    assert_true(fabs(p[0].loss - log(10)) < 0.3);
}

static void stopped(void **state)
{
    (void)state;
    fv_lr_point p[STEPS];
    fv_lr_found f;
    listener l = {.stop_at = 7};
    const fv_lr_find_options find = usual(&l);
    const fv_fit_options o = FV_FIT_OPTIONS(.batch_size = 64);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "lenet", 28, 1);
    fv_dataset *data = digits_of(ctx, "train");
    assert_int_equal(fv_lr_find(m, data, &o, &find, p, &f), FV_OK);
    assert_true(f.stopped && !f.diverged);
    assert_int_equal(f.count, 7); /* behind the first pass over the data, which has 4 batches */
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        double low, high, diverged;
        int64_t steps;
    } bad[] = {{0, 1, 4, 10},     {1, 1, 4, 10},   {0.1, 1e7, 4, 10}, {NAN, 1, 4, 10},
               {0.1, NAN, 4, 10}, {0.1, 1, 1, 10}, {0.1, 1, 4, 1},    {0.1, 1, 4, 1000001}};
    fv_lr_point p[STEPS];
    fv_lr_found f;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "lenet", 28, 1);
    fv_dataset *data = digits_of(ctx, "train");
    const fv_fit_options o = FV_FIT_OPTIONS(.batch_size = 64);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const fv_lr_find_options find = {
            .lr_min = bad[i].low, .lr_max = bad[i].high, .steps = bad[i].steps, .diverged = bad[i].diverged};
        assert_int_equal(fv_lr_find(m, data, &o, &find, p, &f), FV_ERR_VALUE);
        assert_true(isnan(f.steepest) && f.count == 0);
    }
    /* Weights that are none: no rate is to blame. */
    float *w = fv_slot_data(&m->slots[0]);
    w[0] = NAN;
    fv_model_touch(m);
    const fv_lr_find_options find = usual(NULL);
    assert_int_equal(fv_lr_find(m, data, &o, &find, p, &f), FV_ERR_DIVERGED);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(curve), cmocka_unit_test(stopped), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
