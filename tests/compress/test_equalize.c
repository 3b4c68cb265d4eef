/* SPDX-License-Identifier: Apache-2.0 */
/* Networks whose channels are of very different ranges: equalized, they compute the same, and integers tell more. */
#define FV_TEST_THREADS 1
#include "compress/nets.h"
#include "compress/quantize.h"

static float *weights(fv_model *m, const char *name)
{
    return fv_tensor_data(fv_model_find_tensor(m, name));
}

static void scale(float *x, int64_t count, float factor)
{
    for (int64_t i = 0; i < count; i++)
        x[i] *= factor;
}

/* A plain network; channel 0 of conv1, and unit 0 of fc1, are `factor` times the others, and read by as much less. */
static fv_model *uneven(float factor)
{
    fv_model *m;
    OK(fv_model_create(ctx, &m));
    fv_value x = fv_input(m, 28, 28, 1);
    x = fv_conv2d(m, x, .name = "conv1", .filters = 8, .kernel = {5, 5}, .stride = {2, 2}, .activation = FV_RELU);
    x = fv_conv2d(m, x, .name = "conv2", .filters = 16, .kernel = {3, 3}, .stride = {2, 2}, .activation = FV_RELU);
    x = fv_dense(m, fv_flatten(m, x), .name = "fc1", .units = 32, .activation = FV_RELU);
    OK(fv_model_finish(m, fv_dense(m, x, .name = "fc2", .units = 10)));
    OK(fv_model_init(m, 1, FV_INIT_HE_NORMAL));
    scale(weights(m, "conv1.weight"), 25, factor);
    scale(weights(m, "conv1.bias"), 1, factor);
    for (int64_t k = 0; k < 16 * 9; k++) /* k r s c */
        weights(m, "conv2.weight")[k * 8] /= factor;
    scale(weights(m, "fc1.weight"), 400, factor);
    scale(weights(m, "fc1.bias"), 1, factor);
    for (int64_t k = 0; k < 10; k++)
        weights(m, "fc2.weight")[k * 32] /= factor;
    fv_model_touch(m);
    return m;
}

/* Depthwise and grouped filters, an activation that ends at 6, pooling, a value that two layers take. */
static fv_model *mobile(void)
{
    fv_model *m;
    OK(fv_model_create(ctx, &m));
    fv_value x = fv_input(m, 28, 28, 1);
    x = fv_conv2d(m, x, .name = "stem", .filters = 8, .kernel = {3, 3}, .stride = {2, 2}, .activation = FV_RELU6);
    x = fv_conv2d(m, x, .name = "deep", .filters = 8, .kernel = {3, 3}, .groups = -1, .activation = FV_RELU6);
    x = fv_conv2d(m, x, .name = "narrow", .filters = 6, .kernel = {1, 1});
    fv_value y = fv_conv2d(m, x, .name = "wide", .filters = 12, .kernel = {1, 1}, .activation = FV_RELU);
    y = fv_conv2d(m, fv_max_pool2d(m, y, .size = {2, 2}), .name = "grouped", .filters = 6, .kernel = {1, 1},
                  .groups = 3, .activation = FV_RELU);
    x = fv_add(m, y, fv_avg_pool2d(m, x, .size = {2, 2}));
    OK(fv_model_finish(m, fv_dense(m, fv_flatten(m, x), .name = "fc", .units = 10)));
    OK(fv_model_init(m, 3, FV_INIT_HE_NORMAL));
    for (int64_t k = 0; k < 8; k++) { /* some channels are cut at 6, others are small */
        scale(weights(m, "stem.weight") + 9 * k, 9, (float[]){40, 8, 0.01f, 1}[k % 4]);
        scale(weights(m, "deep.weight") + 9 * k, 9, (float[]){1, 9, 5, 0.03f}[k % 4]);
    }
    fv_model_touch(m);
    return m;
}

static const fv_quantize_row *row_of(const fv_quantizer *q, const char *layer)
{
    for (int i = 0; i < fv_quantizer_count(q); i++)
        if (strcmp(fv_quantizer_row(q, i)->layer, layer) == 0)
            return fv_quantizer_row(q, i);
    fail_msg("no row of '%s'", layer);
    return NULL;
}

/* Decibels of the last layer, all in integers; and the pairs that were equalized. */
static double decibels(fv_model *m, fv_dataset *data, const fv_quantize_options *o, const char *layer, int *pairs)
{
    fv_quantizer *q;
    fv_model *made;
    OK(fv_quantizer_create(m, data, o, &q));
    OK(fv_quantizer_make(q, &made));
    OK(fv_quantizer_measure(q, made));
    const double db = row_of(q, layer)->db;
    *pairs = fv_quantizer_equalized(q);
    fv_model_destroy(&made);
    fv_quantizer_destroy(&q);
    return db;
}

/* One scale for all filters, one channel of 1,000 times the others: nothing is left but that channel, and all is back.
 */
static void test_uneven(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(100, "train");
    fv_model *m = uneven(1000.0f), *was = uneven(1000.0f), *even = uneven(1.0f);
    int pairs;
    fv_quantize_options o = {.calibration = FV_CALIBRATION_MINMAX, .per_tensor = true};
    const double plain = decibels(m, data, &o, "fc2", &pairs), best = decibels(even, data, &o, "fc2", &pairs);
    assert_int_equal(pairs, 0);
    o.equalize = true;
    const double equal = decibels(m, data, &o, "fc2", &pairs);
    assert_int_equal(pairs, 3);
    if (!(plain < 12 && equal > 20 && equal > best - 3))
        fail_msg("%.1f dB, equalized %.1f dB, without the outlier %.1f dB", plain, equal, best);
    for (int i = 0; i < m->n_slots; i++) /* whose weights it may share */
        assert_memory_equal(fv_slot_data(&m->slots[i]), fv_slot_data(&was->slots[i]),
                            (size_t)fv_shape_count(&m->slots[i].shape) * sizeof(float));
    fv_model_destroy(&m);
    fv_model_destroy(&was);
    fv_model_destroy(&even);
    fv_dataset_destroy(&data);
}

static void logits(fv_model *m, const float *image, float out[10])
{
    fv_session *s;
    fv_shape shape;
    OK(fv_session_create(m, 1, &s));
    memcpy(fv_session_input(s), image, 28 * 28 * sizeof *image);
    OK(fv_session_run(s));
    memcpy(out, fv_session_output(s, &shape), 10 * sizeof *out);
    fv_session_destroy(&s);
}

/* The same function on the images that ranges were taken from, with numbers that are cut at 6 among them. */
static void test_same_function(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(100, "train");
    fv_model *m = mobile();
    fv_quantizer *q;
    int64_t cut = 0;
    float a[10], b[10];
    OK(fv_quantizer_create(m, data, &(fv_quantize_options){.equalize = true, .measured = 100}, &q));
    assert_int_equal(fv_quantizer_equalized(q), 3);
    for (int64_t i = 0; i < q->n_kept; i++) {
        logits(m, q->kept + i * 28 * 28, a);
        logits(q->model, q->kept + i * 28 * 28, b);
        for (int k = 0; k < 10; k++)
            assert_true(fabsf(a[k] - b[k]) <= 1e-3f * (1 + fabsf(a[k])));
    }
    const fv_val *stem = NULL;
    for (int i = 0; i < q->n_units; i++)
        if (strcmp(q->units[i].row.layer, "stem") == 0)
            stem = q->units[i].result;
    for (int64_t c = 0; c < 8; c++)
        cut += q->values[stem->id].channel_max[c] == 6.0f;
    assert_true(cut >= 2);
    fv_quantizer_destroy(&q);
    /* Nothing is made worse, and the same file comes out. */
    int pairs;
    const double plain = decibels(m, data, &(fv_quantize_options){.calibration = FV_CALIBRATION_MINMAX}, "fc", &pairs);
    const fv_quantize_options o = {.calibration = FV_CALIBRATION_MINMAX, .equalize = true};
    const double equal = decibels(m, data, &o, "fc", &pairs);
    if (!(equal > plain + 1))
        fail_msg("%.1f dB, equalized %.1f dB", plain, equal);
    fv_model *made[2];
    char hex[2][65];
    for (int i = 0; i < 2; i++) {
        OK(fv_quantize(m, data, &o, &made[i]));
        fv_model_sha256(made[i], hex[i]);
        fv_model_destroy(&made[i]);
    }
    assert_string_equal(hex[0], hex[1]);
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
}

/* A matrix whose rows are rounded to few levels, as each has a large weight that meets nothing but zeros: sums of
 * pixels, which are never below 0, are off on average. */
static void test_bias_correction(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(100, "train");
    fv_model *m, *made;
    double off[2] = {0, 0};
    OK(fv_model_create(ctx, &m));
    fv_value x = fv_flatten(m, fv_input(m, 28, 28, 1));
    OK(fv_model_finish(m, fv_dense(m, x, .name = "fc", .units = 10)));
    OK(fv_model_init(m, 1, FV_INIT_HE_NORMAL));
    for (int k = 0; k < 10; k++)
        weights(m, "fc.weight")[k * 784] = 12.0f; /* the corner */
    fv_model_touch(m);
    for (int i = 0; i < 2; i++) {
        fv_quantizer *q;
        const fv_quantize_options o = {.bias_correction = i == 1, .measured = 100};
        double sum[10] = {0};
        OK(fv_quantizer_create(m, data, &o, &q));
        OK(fv_quantizer_make(q, &made));
        for (int64_t n = 0; n < q->n_kept; n++) {
            float a[10], b[10];
            logits(m, q->kept + n * 784, a);
            logits(made, q->kept + n * 784, b);
            for (int k = 0; k < 10; k++)
                sum[k] += (double)(b[k] - a[k]) / (double)q->n_kept;
        }
        for (int k = 0; k < 10; k++)
            off[i] += fabs(sum[k]);
        fv_model_destroy(&made);
        fv_quantizer_destroy(&q);
    }
    if (!(off[1] < 0.2 * off[0]))
        fail_msg("off by %g, corrected by %g", off[0], off[1]);
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
}

static void test_allocations(void **state)
{
    (void)state;
    fv_test_allocator a = {0};
    fv_ctx *kept = ctx;
    fv_dataset *data;
    ctx = fv_test_ctx(1, &a, NULL);
    data = net_digits(20, "train");
    OK(fv_dataset_keep(data, 10, 1));
    fv_model *m = uneven(10.0f);
    const fv_quantize_options o = {
        .equalize = true, .bias_correction = true, .force = true, .workers = -1, .measured = -1};
    fv_quantizer *q;
    for (int64_t i = 0, calls = 0; i <= calls; i += 1 + calls / 40) {
        const int64_t live = a.live_blocks;
        a.calls = 0;
        a.fail_at = i;
        const fv_status status = fv_quantizer_create(m, data, &o, &q);
        a.fail_at = 0;
        calls = i == 0 ? a.calls : calls;
        fv_quantizer_destroy(&q);
        if (i > 0 && status != FV_OK && status != FV_ERR_NO_MEMORY)
            fail_msg("allocation %d: %s", (int)i, fv_ctx_error(ctx));
        if (i > 0 && status != FV_OK)
            assert_int_equal(a.live_blocks, live);
    }
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
    fv_ctx_destroy(&ctx);
    ctx = kept;
    assert_int_equal(a.live_blocks, 0);
    assert_int_equal(a.errors, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_uneven, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_function, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bias_correction, setup, teardown),
        cmocka_unit_test_setup_teardown(test_allocations, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
