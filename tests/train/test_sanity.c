/* SPDX-License-Identifier: Apache-2.0 */
/* Two batches by heart from C: what is told is what is there, the model stays as it is, threads and failing allocations
 * change nothing. What is said of networks and runs. The verdicts themselves: tests/cli/cases/sanity.sh. */
#define DIGITS_TRAIN 240
#define DIGITS_TEST  20
#include "train/digits_fixture.h"

#include <math.h>

#include "train/alarm.h"
#include "train/sanity_data.h"
#include "train/tally.h"

static fv_fit_options usual(void)
{
    return FV_FIT_OPTIONS(.batch_size = 16, .lr = 0.02, .workers = -1);
}

static fv_sanity *look(fv_ctx *ctx, fv_model *m, const fv_fit_options *o)
{
    fv_sanity *s = NULL;
    fv_dataset *data = digits_of(ctx, "train");
    if (fv_sanity_run(m, data, o, &s) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    fv_dataset_destroy(&data);
    return s;
}

static void test_learned(void **state)
{
    (void)state;
    char before[65], after[65];
    const fv_fit_options o = usual();
    fv_sanity *first = NULL;
    fv_ctx *kept = NULL;
    for (int threads = 1; threads <= 3; threads++) {
        fv_ctx *ctx = fv_test_ctx(threads, NULL, NULL);
        fv_model *m = digits_net(ctx, "lenet", 28, 1);
        fv_model_sha256(m, before);
        fv_sanity *s = look(ctx, m, &o);
        fv_model_sha256(m, after);
        assert_string_equal(before, after);
        fv_model_destroy(&m);
        assert_int_equal(s->verdict, FV_SANITY_LEARNED);
        assert_string_equal(fv_sanity_name(s->verdict), "learned");
        assert_int_equal(s->batches, 2);
        assert_int_equal(s->samples, 32);
        assert_int_equal(s->n_tries, 1);
        assert_true(s->tries[0].learned && s->tries[0].top1 >= FV_SANITY_TOP1 && s->tries[0].last < FV_SANITY_LOSS);
        assert_int_equal(s->n_units, 4);
        assert_int_equal(s->n_weights, 5);
        if (!first) {
            first = s;
            kept = ctx;
            continue;
        }
        /* The same bits. */
        assert_memory_equal(s->tries, first->tries, sizeof s->tries);
        assert_memory_equal(&s->inputs, &first->inputs, offsetof(fv_sanity_inputs, same));
        assert_memory_equal(&s->others, &first->others, sizeof s->others);
        assert_memory_equal(&s->neighbors, &first->neighbors, sizeof s->neighbors);
        for (int i = 0; i < s->n_units; i++)
            assert_memory_equal(s->units[i].dead, first->units[i].dead, sizeof s->units[i].dead);
        for (int i = 0; i < s->n_weights; i++)
            assert_memory_equal(&s->weights[i].norm, &first->weights[i].norm, 4 * sizeof(double));
        fv_sanity_destroy(&s);
        fv_ctx_destroy(&ctx);
    }
    fv_sanity_destroy(&first);
    fv_ctx_destroy(&kept);
}

/* What the options ask for in a run and would keep a network from learning by heart is off, and on again behind it. */
static void test_what_is_off(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 28, 28, 1);
    x = fv_dropout(m, fv_max_pool2d(m, x, .size = {4, 4}), 0.9);
    x = fv_dense(m, fv_flatten(m, x), .units = 32, .activation = FV_RELU);
    x = fv_dense(m, x, .units = 10);
    assert_int_equal(fv_model_finish(m, x), FV_OK);
    assert_int_equal(fv_model_init(m, 3, FV_INIT_DEFAULT), FV_OK);
    fv_fit_options o = usual();
    o.lr = 0.1;
    o.label_smoothing = 0.3;
    o.augment = "noise sigma=1";
    o.balance = FV_BALANCE_OVERSAMPLE;
    o.model_ema = true;
    fv_sanity *s = look(ctx, m, &o);
    assert_int_equal(s->verdict, FV_SANITY_LEARNED);
    fv_sanity_destroy(&s);
    /* Dropout is at work again. */
    fv_session *session;
    assert_int_equal(fv_session_create_with(m, &(fv_session_options){.batch = 1, .sampling = true}, &session), FV_OK);
    assert_true(fv_session_is_random(session));
    fv_session_destroy(&session);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static fv_status look_failing(fv_ctx *ctx, void *arg)
{
    (void)arg;
    fv_model *m = NULL;
    fv_dataset *data = NULL;
    fv_sanity *s = NULL;
    fv_fit_options o = usual();
    o.max_steps = 2;
    o.batch_size = 4;
    fv_status status = fv_model_create(ctx, &m);
    if (status == FV_OK) {
        fv_value x = fv_max_pool2d(m, fv_input(m, 28, 28, 1), .size = {7, 7});
        x = fv_dense(m, fv_flatten(m, x), .units = 10, .activation = FV_RELU);
        x = fv_dense(m, fv_dropout(m, x, 0.5), .units = 10);
        status = fv_model_finish(m, x);
    }
    if (status == FV_OK)
        status = fv_model_init(m, 3, FV_INIT_DEFAULT);
    if (status == FV_OK)
        status = fv_dataset_open(ctx, data_dir, &(fv_dataset_options){.split = "test"}, &data);
    if (status == FV_OK)
        status = fv_sanity_run(m, data, &o, &s);
    if (status != FV_OK)
        assert_null(s);
    fv_sanity_destroy(&s);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(look_failing, NULL) > 50);
}

/* ---- numbers ---- */

static void test_odds(void **state)
{
    (void)state;
    const int64_t even[] = {50, 50}, all[] = {100, 0};
    /* 100 answers, half of them right by chance, with deviation sqrt(100 / 4) = 5. */
    fv_sanity_odds o = fv_sanity_odds_of(100, 60, even, even, 2);
    assert_true(o.chance == 0.5 && o.right == 0.6 && o.sigmas == 2);
    o = fv_sanity_odds_of(100, 50, all, even, 2);
    assert_true(o.chance == 0.5 && o.sigmas == 0);
    o = fv_sanity_odds_of(100, 100, all, all, 2); /* one class: nothing can be told */
    assert_true(o.chance == 1 && o.sigmas == 0);
    o = fv_sanity_odds_of(0, 0, all, all, 2);
    assert_true(o.images == 0 && o.right == 0);
}

static int lines;
static char last_line[1200];

static void keep_line(void *user, const char *line)
{
    (void)user;
    lines++;
    snprintf(last_line, sizeof last_line, "%s", line);
}

/* Losses of validation and training, epoch by epoch, and in which epoch it is said that they part (0: never). */
static void test_losses_part(void **state)
{
    (void)state;
    static const struct {
        double val[9], train[9];
        int told;
    } runs[] = {{{3, 2, 1, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4}, {3, 2, 1, .9, .8, .7, .6, .5, .4}, 8},
                {{3, 2, 1, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4}, {3, 2, 1, 1, 1, 1, 1, 1, 1}, 0},      /* both stay */
                {{3, 2, 1, 1, 1, 1, 1, 1.05, 1.05}, {3, 2, 1, .9, .8, .7, .6, .5, .4}, 0},        /* hardly worse */
                {{3, 2, 1, 1.4, 1.3, 1.2, 0.9, 1.2, 1.2}, {3, 2, 1, .9, .8, .7, .6, .5, .4}, 0},  /* it came back */
                {{3, 2, 1, NAN, NAN, NAN, NAN, 1.5, NAN}, {3, 2, 1, .9, .8, .7, .6, .5, .4}, 8}}; /* not every epoch */
    for (size_t r = 0; r < sizeof runs / sizeof *runs; r++) {
        fv_alarm a = {.tell = keep_line};
        int told = 0;
        for (int e = 1; e <= 9; e++) {
            const fv_fit_event event = {.epoch = e, .val_loss = runs[r].val[e - 1], .train_loss = runs[r].train[e - 1]};
            lines = 0;
            fv_alarm_losses(&a, &event);
            assert_true(lines == 0 || told == 0); /* once */
            told = lines > 0 ? e : told;
        }
        if (told != runs[r].told)
            fail_msg("run %zu: told in epoch %d, not %d", r, told, runs[r].told);
    }
}

/* A class of 5 samples that nothing is taken for. */
static void test_never(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (int n = 4; n <= 5; n++) {
        fv_tally tally;
        fv_metrics m;
        fv_tally_begin(ctx, FV_TASK_CLASSIFY, 4, NULL, &tally);
        for (int i = 0; i < 20; i++) {
            const int32_t label = i < n ? 2 : i % 2;
            const float scores[4] = {label == 0, label == 1, 0, 0};
            assert_int_equal(fv_tally_add(&tally, i, scores, true, label, NULL), FV_OK);
        }
        assert_int_equal(fv_tally_end(&tally, &m), FV_OK);
        assert_int_equal(m.never, n == 5);
        assert_int_equal(m.never_class, n == 5 ? 2 : -1);
    }
    fv_ctx_destroy(&ctx);
}

/* ---- what is said of networks ---- */

static void test_lint_zoo(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const fv_fit_options fit = usual();
    for (const char *const *name = fv_zoo_names(); *name; name++) {
        fv_model *m;
        lines = 0;
        assert_int_equal(fv_model_zoo(ctx, *name, NULL, &m), FV_OK);
        /* As their papers trained them. */
        assert_int_equal(fv_lint(m, &(fv_lint_options){.fit = &fit, .images = 1200000}, keep_line, NULL), FV_OK);
        if (lines > 0)
            fail_msg("%s: %s", *name, last_line);
        /* On few images only what has wide last layers is told so. */
        assert_int_equal(fv_lint(m, &(fv_lint_options){.images = 300}, keep_line, NULL), FV_OK);
        const bool wide = strstr(*name, "vgg") || strstr(*name, "alexnet") || strstr(*name, "caffenet");
        if (wide && (lines != 1 || !strstr(last_line, "the last layers")))
            fail_msg("%s: %d lines, the last: %s", *name, lines, last_line);
        assert_int_equal(fv_lint(m, &(fv_lint_options){.images = 300, .trained = true}, keep_line, NULL), FV_OK);
        assert_true(lines <= 1);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

static void test_lint(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    static const struct {
        const char *what, *line; /* NULL: nothing is said */
        int depth;
        fv_activation act;
        bool norm, gated;
        double wd;
    } nets[] = {{"plain", NULL, 3, FV_RELU, false, false, 1e-4},
                {"tanh", "'act': tanh between layers with weights", 2, FV_TANH, false, false, 1e-4},
                {"deep", "12 layers with weights one behind the other", 11, FV_RELU, false, false, 1e-4},
                {"deep, normalized", NULL, 11, FV_RELU, true, false, 1e-4},
                {"gate", NULL, 2, FV_RELU, false, true, 1e-4},
                {"no decay", "neither weight decay nor dropout", 2, FV_RELU, false, false, 0}};
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        fv_model *m = NULL;
        assert_int_equal(fv_model_create(ctx, &m), FV_OK);
        fv_value x = fv_input(m, 8, 8, 4);
        for (int k = 0; k < nets[i].depth; k++) {
            x = fv_conv2d(m, x, .filters = 4, .kernel = {3, 3}, .pad = {1, 1, 1, 1});
            if (nets[i].norm)
                x = fv_batch_norm(m, x);
            if (nets[i].gated) /* a sigmoid that multiplies is a gate, and no step between layers */
                x = fv_mul(m, x, fv_activate(m, x, FV_SIGMOID));
            else
                x = fv_activate(m, x, nets[i].act);
        }
        x = fv_dense(m, fv_flatten(m, x), .units = 3);
        assert_int_equal(fv_model_finish(m, x), FV_OK);
        fv_fit_options fit = usual();
        fit.weight_decay = nets[i].wd;
        lines = 0;
        assert_int_equal(fv_lint(m, &(fv_lint_options){.fit = &fit, .images = 100}, keep_line, NULL), FV_OK);
        if (lines != (nets[i].line != NULL) || (lines > 0 && !strstr(last_line, strchr(nets[i].line, ' '))))
            fail_msg("%s: %d lines, the last: %s", nets[i].what, lines, last_line);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_learned),     cmocka_unit_test(test_what_is_off),
                                       cmocka_unit_test(test_allocations), cmocka_unit_test(test_odds),
                                       cmocka_unit_test(test_losses_part), cmocka_unit_test(test_never),
                                       cmocka_unit_test(test_lint_zoo),    cmocka_unit_test(test_lint)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
