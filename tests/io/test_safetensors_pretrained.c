/* SPDX-License-Identifier: Apache-2.0 */
/* A published network gives its published outputs: SqueezeNet 1.1 on two stored inputs. */
#include "support/support.h"

#include <math.h>

#include "base/file.h"
#include "model/model.h"

/* Reads float32 numbers of a version 1 NPY file; the count must be known. */
static float *read_npy(fv_ctx *ctx, const char *path, int64_t count)
{
    uint8_t *data = NULL;
    int64_t size = 0;
    assert_int_equal(fv_file_read(ctx, path, 0, false, &data, &size), FV_OK);
    assert_true(size > 10 && memcmp(data, "\x93NUMPY\x01", 7) == 0);
    int64_t header = 10 + data[8] + 256 * data[9];
    assert_int_equal(size - header, count * 4);
    assert_non_null(strstr((const char *)data + 10, "'<f4'"));
    float *numbers = malloc((size_t)count * sizeof *numbers);
    assert_non_null(numbers);
    memcpy(numbers, data + header, (size_t)count * sizeof *numbers);
    fv_free(ctx, data);
    return numbers;
}

static void test_squeezenet(void **state)
{
    static const char *const inputs[] = {"input_0.npy", "input_1.npy"}, *const outputs[] = {"logits_0.npy",
                                                                                            "logits_1.npy"};
    char weights[512], vectors[512];
    (void)state;
    if (!fv_test_data("models/squeezenet1_1.safetensors", weights) ||
        !fv_test_data("models/squeezenet1_1_vectors", vectors))
        skip();
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_model *m = NULL;
    fv_session *session = NULL;
    fv_load_report *report = NULL;
    assert_int_equal(fv_model_zoo(ctx, "squeezenet1_1", NULL, &m), FV_OK);
    if (fv_model_load_weights(m, weights, false, &report) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_load_report_count(report), 52);
    for (int i = 0; i < 52; i++)
        assert_int_equal(fv_load_report_row(report, i)->verdict, FV_LOADED);
    fv_load_report_destroy(&report);
    if (fv_session_create(m, 2, &session) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    float *input = fv_session_input(session);
    for (int v = 0; v < 2; v++) {
        float *planes = read_npy(ctx, fv_test_path(vectors, inputs[v]), 3 * 224 * 224);
        for (int64_t pixel = 0; pixel < 224 * 224; pixel++) {
            for (int64_t c = 0; c < 3; c++)
                input[(v * 224 * 224 + pixel) * 3 + c] = planes[c * 224 * 224 + pixel];
        }
        free(planes);
    }
    assert_int_equal(fv_session_run(session), FV_OK);
    fv_shape shape;
    const float *output = fv_session_output(session, &shape);
    assert_true(shape.rank == 2 && shape.dim[0] == 2 && shape.dim[1] == 1000);
    for (int v = 0; v < 2; v++) {
        double worst = 0;
        float *expected = read_npy(ctx, fv_test_path(vectors, outputs[v]), 1000);
        for (int i = 0; i < 1000; i++)
            worst = fmax(worst, fabs((double)output[v * 1000 + i] - (double)expected[i]));
        print_message("vector %d: largest difference %.2e\n", v, worst);
        assert_true(worst <= 1e-3);
        free(expected);
    }
    fv_session_destroy(&session);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* The same file for another number of classes: only the head stays behind. */
static void test_new_head(void **state)
{
    char weights[512];
    (void)state;
    if (!fv_test_data("models/squeezenet1_1.safetensors", weights))
        skip();
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_model *m = NULL;
    fv_load_report *report = NULL;
    assert_int_equal(fv_model_zoo(ctx, "squeezenet1_1", &(fv_zoo_options){.classes = 5, .dropout = -1}, &m), FV_OK);
    assert_int_equal(fv_model_init(m, 3, FV_INIT_DEFAULT), FV_OK);
    char before[65], after[65];
    fv_model_sha256(m, before);
    assert_int_equal(fv_model_load_weights(m, weights, false, &report), FV_ERR_MODEL_MISMATCH);
    assert_non_null(strstr(fv_ctx_error(ctx), "'classifier.1.weight' is 1000x512x1x1 in the file and 5x512x1x1"));
    assert_non_null(strstr(fv_ctx_hint(ctx), "--reset-head"));
    assert_non_null(report); /* the table can be shown */
    fv_load_report_destroy(&report);
    fv_model_sha256(m, after);
    assert_string_equal(before, after);
    assert_int_equal(fv_model_load_weights(m, weights, true, &report), FV_OK);
    int loaded = 0, heads = 0;
    for (int i = 0; i < fv_load_report_count(report); i++) {
        const fv_load_row *row = fv_load_report_row(report, i);
        loaded += row->verdict == FV_LOADED;
        heads += row->verdict == FV_SHAPE_MISMATCH && row->head;
    }
    assert_int_equal(loaded, 50);
    assert_int_equal(heads, 2);
    fv_load_report_destroy(&report);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_squeezenet), cmocka_unit_test(test_new_head)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
