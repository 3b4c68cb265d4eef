/* SPDX-License-Identifier: Apache-2.0 */
/* What networks need, counted by hand; the zoo against bounds. */
#include "support/support.h"

#include <math.h>

#include <fovea/footprint.h>

static fv_footprint of(fv_model *m, fv_numbers numbers)
{
    fv_footprint f;
    if (fv_model_footprint(m, numbers, &f) != FV_OK)
        fail_msg("no footprint");
    return f;
}

static fv_model *chain(fv_ctx *ctx, int64_t size, int64_t channels, const int64_t filters[3], bool norm)
{
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, size, size, channels);
    for (int i = 0; i < 3 && filters[i]; i++) {
        x = fv_conv2d(m, x, .filters = filters[i], .kernel = {1, 1}, .no_bias = norm);
        x = norm ? fv_batch_norm(m, x, .eps = 1e-5) : x;
    }
    if (fv_model_finish(m, x) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return m;
}

/* Rows of 16 channels are whole vectors: no room is kept behind them. */
static void test_by_hand(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    /* 8x8x16 -> 32 -> 16 -> 64 channels: at most the last two are needed at once, beside the input. */
    fv_model *m = chain(ctx, 8, 16, (int64_t[]){32, 16, 64}, false);
    fv_footprint f = of(m, FV_NUMBERS_FLOAT32);
    const int64_t weights = 16 * 32 + 32 * 16 + 16 * 64, biases = 32 + 16 + 64;
    assert_int_equal(f.parameters, weights + biases);
    assert_int_equal(f.weight_bytes, 4 * (weights + biases));
    assert_int_equal(f.peak_bytes, 4 * 64 * (16 + 16 + 64));
    assert_true(f.macs == 64.0 * (double)weights);
    f = of(m, FV_NUMBERS_INT8);
    assert_int_equal(f.weight_bytes, weights + 4 * biases);
    assert_int_equal(f.peak_bytes, 64 * (16 + 16 + 64));
    fv_footprint none;
    assert_int_equal(fv_model_footprint(m, FV_NUMBERS_COUNT, &none), FV_ERR_VALUE);
    fv_model_destroy(&m);
    /* Batch norm is folded: a bias for each channel takes the place of scale, shift, mean and variance. The filters
     * that folding computes are larger than the activations, and no run needs them there. */
    m = chain(ctx, 2, 16, (int64_t[]){1024, 0, 0}, true);
    f = of(m, FV_NUMBERS_FLOAT32);
    assert_int_equal(f.parameters, 16 * 1024 + 2 * 1024);
    assert_int_equal(f.weight_bytes, 4 * (16 * 1024 + 1024));
    assert_int_equal(f.peak_bytes, 4 * 4 * (16 + 1024));
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* A contender has no weights, and the numbers of the network with them. */
static void test_contenders_are_the_networks(void **state)
{
    static const char *const names[] = {"lenet", "resnet8", "mobilenet_v1_0.25", "googlenet", "squeezenet1_1"};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const fv_device_speed speed = {.gmacs = 2};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fv_model *m = NULL;
        fv_contender c;
        int64_t before, peak;
        fv_ctx_memory(ctx, &before, NULL);
        assert_int_equal(
            fv_zoo_contender(ctx, names[i], NULL, FV_NUMBERS_INT8, &(fv_device_bounds){.ram = 0}, &speed, &c), FV_OK);
        fv_ctx_memory(ctx, NULL, &peak);
        if (i == 3)
            assert_true(peak - before < 4 * c.need.parameters);
        assert_int_equal(fv_model_zoo(ctx, names[i], NULL, &m), FV_OK);
        const fv_footprint f = of(m, FV_NUMBERS_INT8);
        assert_memory_equal(&f, &c.need, sizeof f);
        assert_int_equal(f.parameters, fv_model_parameters(m) - fv_model_aux_parameters(m));
        double macs = 0;
        for (int k = 0; k < fv_model_layer_count(m); k++) {
            fv_layer_info l;
            fv_model_layer(m, k, &l);
            macs += l.training ? 0 : l.macs;
        }
        assert_true(c.need.macs == macs && fabs(c.ms - 1e-6 * macs / 2) < 1e-9 && c.over == 0);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

static unsigned over(fv_ctx *ctx, const char *name, int64_t size, fv_device_bounds bounds)
{
    const fv_zoo_options options = {.img_size = {size, size}, .dropout = -1};
    fv_contender c;
    assert_int_equal(
        fv_zoo_contender(ctx, name, &options, FV_NUMBERS_FLOAT32, &bounds, &(fv_device_speed){.gmacs = 0.001}, &c),
        FV_OK);
    return c.over;
}

static void test_bounds(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_contender c;
    (void)state;
    const fv_device_speed speed = {.gmacs = 0.001};
    assert_int_equal(
        fv_zoo_contender(ctx, "lenet", NULL, FV_NUMBERS_FLOAT32, &(fv_device_bounds){.ram = 0}, &speed, &c), FV_OK);
    const int64_t ram = c.need.peak_bytes, flash = c.need.weight_bytes;
    const double ms = c.ms;
    assert_int_equal(over(ctx, "lenet", 0, (fv_device_bounds){ram, flash, ms, 61706}), 0);
    assert_int_equal(over(ctx, "lenet", 0, (fv_device_bounds){ram - 1, flash, ms, 0}), FV_OVER_RAM);
    assert_int_equal(over(ctx, "lenet", 0, (fv_device_bounds){ram, flash - 1, ms, 0}), FV_OVER_FLASH);
    assert_int_equal(over(ctx, "lenet", 0, (fv_device_bounds){ram, flash, ms * 0.99, 0}), FV_OVER_TIME);
    assert_int_equal(over(ctx, "lenet", 0, (fv_device_bounds){ram, flash, ms, 61705}), FV_OVER_PARAMETERS);
    assert_int_equal(over(ctx, "lenet", 0, (fv_device_bounds){1, 1, 1e-9, 0}),
                     FV_OVER_RAM | FV_OVER_FLASH | FV_OVER_TIME);
    assert_int_equal(over(ctx, "lenet", 4, (fv_device_bounds){0}), FV_NOT_BUILT);
    assert_non_null(strstr(fv_ctx_error(ctx), "lenet"));
    assert_int_equal(
        fv_zoo_contender(ctx, "lenett", NULL, FV_NUMBERS_FLOAT32, &(fv_device_bounds){.ram = 0}, &speed, &c),
        FV_ERR_UNKNOWN_OPTION);
    fv_ctx_destroy(&ctx);
}

/* What was measured is between nothing and all of the machine. */
static void test_speed(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_device_speed speed;
    fv_contender small, large;
    (void)state;
    assert_int_equal(fv_device_speed_measure(ctx, &speed), FV_OK);
    assert_true(speed.gmacs == 0 && speed.share > 0 && speed.share < 2 && speed.machine.gflops_all > 0);
    const fv_device_bounds none = {0};
    assert_int_equal(fv_zoo_contender(ctx, "resnet20", NULL, FV_NUMBERS_FLOAT32, &none, &speed, &small), FV_OK);
    assert_int_equal(fv_zoo_contender(ctx, "resnet18", NULL, FV_NUMBERS_FLOAT32, &none, &speed, &large), FV_OK);
    assert_true(small.ms > 0 && large.ms > 10 * small.ms && large.ms < 500 * small.ms);
    fv_ctx_destroy(&ctx);
}

static fv_status each(fv_ctx *ctx, void *arg)
{
    fv_contender c;
    (void)arg;
    return fv_zoo_contender(ctx, "resnet8", NULL, FV_NUMBERS_INT8, &(fv_device_bounds){.ram = 1000},
                            &(fv_device_speed){.gmacs = 1}, &c);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(each, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_contenders_are_the_networks),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_speed),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
