/* SPDX-License-Identifier: Apache-2.0 */
/* A probe of a run: its counts, its sums, and that nothing else is changed. Clocks are real, so no time is compared
 * with a number. */
#define DIGITS_TRAIN 130
#define DIGITS_TEST  40
#include "digits_fixture.h"

#include <dirent.h>
#include <math.h>

#include "model/model.h"

static int files_in(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void test_counts_and_sums(void **state)
{
    const struct {
        const char *name;
        fv_fit_options o;
        bool val, test;
        int64_t epochs, steps, samples, validations;
        double full; /* batches of an epoch */
    } rows[] = {
        {"plain", FV_FIT_OPTIONS(.batch_size = 32, .epochs = 7), true, false, 7, 5, 130, 7, 130.0 / 32},
        {"every third", FV_FIT_OPTIONS(.batch_size = 32, .epochs = 7, .val_interval = 3), true, false, 7, 5, 130, 3,
         130.0 / 32},
        {"steps", FV_FIT_OPTIONS(.batch_size = 16, .epochs = 9, .steps_per_epoch = 4, .max_steps = 13), true, false, 4,
         4, 64, 4, 4},
        {"test alone", FV_FIT_OPTIONS(.batch_size = 64, .epochs = 2, .model_ema = true), false, true, 2, 3, 130, 0,
         130.0 / 64},
        {"nothing", FV_FIT_OPTIONS(.batch_size = 200, .epochs = 2), false, false, 2, 1, 130, 0, 0.65},
    };
    (void)state;
    char weights[300];
    snprintf(weights, sizeof weights, "%s/weights", folder);
    assert_int_equal(mkdir(weights, 0777), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_ctx *ctx = fv_test_ctx(1 + (int)i % 2, NULL, NULL);
        fv_model *m = digits_net(ctx, "lenet", 28, 1);
        fv_dataset *train = digits_of(ctx, "train"), *test = digits_of(ctx, "test");
        char before[65], after[65];
        fv_forecast f;
        fv_fit_options o = rows[i].o;
        o.validation = rows[i].val ? test : NULL;
        const fv_forecast_options p = {
            .seconds = 0.2, .folder = i % 2 ? NULL : weights, .test = rows[i].test ? test : NULL};
        fv_model_sha256(m, before);
        if (fv_fit_forecast(m, train, &o, &p, &f) != FV_OK)
            fail_msg("%s: %s", rows[i].name, fv_ctx_error(ctx));
        fv_model_sha256(m, after);
        assert_string_equal(before, after);
        assert_int_equal(files_in(weights), 0);
        assert_int_equal(f.epochs, rows[i].epochs);
        assert_int_equal(f.steps, rows[i].steps);
        assert_int_equal(f.samples, rows[i].samples);
        assert_int_equal(f.validations, rows[i].validations);
        assert_true(f.timed >= 2 && f.open > 0 && f.step > 0 && f.kept_bytes == 0);
        assert_true(f.first_epoch > 0 && f.epoch >= 0.999 * rows[i].full * f.step);
        assert_int_equal(isnan(f.scored), !rows[i].val && !rows[i].test);
        assert_int_equal(f.checkpoint > 0, p.folder != NULL);
        const double ends = (double)f.epochs * f.checkpoint;
        const double scores = rows[i].val ? f.scored * 40 + (double)(f.validations - 1) * f.validation : 0;
        const double epochs = (double)f.epochs - (o.max_steps > 0 ? 0.75 : 0); /* 13 steps are 3 epochs and a step */
        const double sum = f.open + f.first_epoch + (epochs - 1) * f.epoch + ends + scores;
        assert_true(fabs(f.total - sum) < 1e-6 * sum);
        fv_dataset_destroy(&test);
        fv_dataset_destroy(&train);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
}

/* What a frozen beginning makes of images is kept: rows of fc3's input, 84 floats of 130 images and of 40. */
static void test_kept_and_phases(void **state)
{
    (void)state;
    for (int phases = 0; phases < 2; phases++) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_model *m = digits_net(ctx, "lenet", 28, 1);
        fv_dataset *train = digits_of(ctx, "train"), *test = digits_of(ctx, "test");
        fv_forecast f;
        fv_fit_options o = FV_FIT_OPTIONS(.batch_size = 32, .epochs = 6, .freeze = "-1", .feature_cache = 1 << 20);
        o.unfreeze_at = phases ? "4:*" : NULL;
        o.validation = test;
        const fv_forecast_options p = {.seconds = 0.2};
        if (fv_fit_forecast(m, train, &o, &p, &f) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_int_equal(f.epochs, 6);
        assert_int_equal(f.validations, 6);
        assert_int_equal(f.kept_bytes, 170 * 84 * 4);
        assert_true(f.total > f.open + f.first_epoch);
        fv_dataset_destroy(&test);
        fv_dataset_destroy(&train);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
}

static bool stop_at_once(void *user, double seconds)
{
    (void)user;
    return seconds > 0;
}

static void test_refusals(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "lenet", 28, 1);
    fv_dataset *train = digits_of(ctx, "train");
    fv_forecast f;
    const fv_fit_options bad = FV_FIT_OPTIONS(.batch_size = -1), good = FV_FIT_OPTIONS(.batch_size = 8);
    const fv_forecast_options p = {.seconds = 0.1}, stop = {.seconds = 5, .on_step = stop_at_once},
                              nowhere = {.seconds = 0.1, .folder = "/nonexistent/weights"};
    assert_int_equal(fv_fit_forecast(m, train, &bad, &p, &f), FV_ERR_VALUE);
    assert_int_equal(fv_fit_forecast(m, train, &good, &stop, &f), FV_ERR_INTERRUPTED);
    assert_int_not_equal(fv_fit_forecast(m, train, &good, &nowhere, &f), FV_OK);
    assert_non_null(strstr(fv_ctx_error(ctx), "/nonexistent/weights"));
    fv_dataset_destroy(&train);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts_and_sums), cmocka_unit_test(test_kept_and_phases),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
