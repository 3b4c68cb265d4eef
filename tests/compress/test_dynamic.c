/* SPDX-License-Identifier: Apache-2.0 */
/* Integers of activations that are measured on each image: near the floats, and an answer that is its image's alone. */
#define FV_TEST_THREADS 1
#include "compress/nets.h"

static fv_value conv(fv_model *m, fv_value x, const char *name, int64_t filters, int64_t kernel, int64_t groups)
{
    const int64_t pad = kernel / 2;
    return fv_conv2d(m, x, .name = name, .filters = filters, .kernel = {kernel, kernel}, .pad = {pad, pad, pad, pad},
                     .groups = groups);
}

/* Filters of all kinds; a value that two layers take; dense layers. */
static fv_model *network(void)
{
    fv_model *m;
    OK(fv_model_create(ctx, &m));
    fv_value x = fv_input(m, 28, 28, 1);
    x = fv_batch_norm(m, conv(m, x, "stem", 8, 3, 1), .name = "bn", .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {2, 2});
    fv_value parts[2] = {conv(m, x, "deep", 8, 3, -1), conv(m, x, "left", 8, 1, 2)};
    x = fv_activate(m, fv_concat(m, parts, 2), FV_RELU);
    x = fv_activate(m, conv(m, x, "pixels", 12, 1, 1), FV_TANH);
    x = fv_dense(m, fv_flatten(m, fv_avg_pool2d(m, x, .size = {2, 2})), .name = "fc1", .units = 16,
                 .activation = FV_RELU);
    OK(fv_model_finish(m, fv_dense(m, x, .name = "fc2", .units = 10)));
    return m;
}

/* Logits of the first image, alone or behind larger and smaller ones. */
static void logits(fv_model *m, fv_dataset *data, int64_t batch, float out[10])
{
    fv_session *s;
    fv_shape shape;
    const int64_t size = 28 * 28;
    if (fv_session_create(m, batch, &s) != FV_OK)
        fail_msg("%s", fv_ctx_error(m->ctx));
    for (int64_t i = 0; i < batch; i++) {
        fv_image image = {0};
        float *x = fv_session_input(s) + i * size;
        OK(fv_dataset_image(data, batch - 1 - i, &image, NULL));
        OK(fv_pipeline_apply(ctx, fv_model_pipeline(m), &image, x));
        fv_image_free(ctx, &image);
        for (int64_t k = 0; i + 1 < batch && k < size; k++)
            x[k] *= i % 2 ? 1000.0f : 0.001f;
    }
    assert_int_equal(fv_session_run(s), FV_OK);
    memcpy(out, fv_session_output(s, &shape) + (batch - 1) * 10, 10 * sizeof *out);
    fv_session_destroy(&s);
}

static void test_answers(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(200, "train");
    fv_model *m = network(), *made, *loaded;
    fv_dynamic_report report;
    char path[300];
    float real[10], first[10], other[10];
    net_train(m, data);
    OK(fv_quantize_dynamic(m, NULL, &report, &made));
    assert_int_equal(report.integer, 6);
    assert_int_equal(report.real, 0);
    logits(m, data, 1, real);
    logits(made, data, 1, first);
    double signal = 0, noise = 0;
    for (int k = 0; k < 10; k++) {
        signal += (double)real[k] * (double)real[k];
        noise += ((double)real[k] - (double)first[k]) * ((double)real[k] - (double)first[k]);
    }
    if (!(noise > 0 && noise < 3e-3 * signal))
        fail_msg("noise %g of %g", noise, signal);
    logits(made, data, 5, other);
    assert_memory_equal(first, other, sizeof first);
    snprintf(path, sizeof path, "%s/dynamic.safetensors", dir);
    OK(fv_model_save(made, path));
    fv_ctx *three = fv_test_ctx(3, NULL, NULL);
    assert_int_equal(fv_model_load(three, path, &loaded), FV_OK);
    for (int64_t batch = 1; batch <= 4; batch += 3) {
        logits(loaded, data, batch, other);
        assert_memory_equal(first, other, sizeof first);
    }
    fv_model_destroy(&loaded);
    fv_ctx_destroy(&three);
    fv_model_destroy(&made);
    /* The weights of int8 take a quarter; a layer that is skipped stays as it is. */
    OK(fv_quantize_dynamic(m, "fc*,deep", &report, &made));
    assert_int_equal(report.integer, 3);
    assert_int_equal(report.real, 3);
    assert_non_null(fv_model_find_tensor(made, "fc1.weight"));
    assert_null(fv_model_find_tensor(made, "stem.weight"));
    fv_model_destroy(&made);
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
}

static void test_refused(void **state)
{
    (void)state;
    fv_model *m = network(), *made, *again;
    OK(fv_model_init(m, 1, FV_INIT_DEFAULT));
    assert_int_equal(fv_quantize_dynamic(m, "fc3", NULL, &made), FV_ERR_VALUE);
    assert_non_null(strstr(fv_ctx_error(ctx), "is called 'fc3'"));
    assert_int_equal(fv_quantize_dynamic(m, "*", NULL, &made), FV_ERR_MODEL);
    assert_null(made);
    OK(fv_quantize_dynamic(m, NULL, NULL, &made));
    assert_int_equal(fv_quantize_dynamic(made, NULL, NULL, &again), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "has integers already"));
    fv_model_destroy(&made);
    fv_model_destroy(&m);
}

static void test_memory(void **state)
{
    fv_test_allocator a = {0};
    fv_ctx *own = fv_test_ctx(1, &a, NULL), *kept = ctx;
    (void)state;
    ctx = own;
    fv_model *m = network(), *made;
    OK(fv_model_init(m, 1, FV_INIT_DEFAULT));
    a.calls = 0;
    OK(fv_quantize_dynamic(m, NULL, NULL, &made));
    const int64_t calls = a.calls, step = FV_TEST_CASES(1 + calls / 150, 1 + calls / 40);
    fv_model_destroy(&made);
    assert_true(calls > 100);
    for (int64_t i = 1; i <= calls; i += step) {
        const int64_t live = a.live_blocks;
        a.calls = 0;
        a.fail_at = i;
        const fv_status status = fv_quantize_dynamic(m, NULL, NULL, &made);
        a.fail_at = 0;
        fv_model_destroy(&made);
        if (status != FV_OK && status != FV_ERR_NO_MEMORY)
            fail_msg("allocation %d: %s", (int)i, fv_ctx_error(own));
        assert_int_equal(a.live_blocks, live);
    }
    fv_model_destroy(&m);
    ctx = kept;
    fv_ctx_destroy(&own);
    assert_int_equal(a.live_blocks, 0);
    assert_int_equal(a.errors, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
