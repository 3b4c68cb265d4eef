/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow Lite files: small ones written here, and real ones of other tools. */
#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

#include "base/file.h"
#include "support/tflite_write.h"

static fv_ctx *open_context(int threads)
{
    fv_ctx *ctx = NULL;
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.threads = threads}, &ctx), FV_OK);
    return ctx;
}

static fv_status load_file(fv_ctx *ctx, const char *path, const tflite_out *file, fv_model **m)
{
    assert_int_equal(fv_file_write(ctx, path, file->data, file->size), FV_OK);
    return fv_model_load(ctx, path, m);
}

/* Output i of a model for `in`, as its file has it. */
static fv_tensor *answer(fv_model *m, const fv_tensor *in, int64_t batch, int i)
{
    fv_port_info port;
    fv_session *s = NULL;
    fv_tensor *out = NULL;
    assert_true(fv_model_port(m, false, 0, &port));
    assert_int_equal(fv_session_create(m, batch, &s), FV_OK);
    assert_int_equal(fv_session_set_tensor(s, port.name, port.layout, in), FV_OK);
    assert_int_equal(fv_session_run(s), FV_OK);
    assert_true(fv_model_port(m, true, i, &port));
    assert_int_equal(fv_session_get_tensor(s, port.name, port.layout, &out), FV_OK);
    fv_session_destroy(&s);
    return out;
}

/* ---- floats ---- */

static void small_by_hand(const tflite_small *w, const float *image, double answer[3])
{
    double mean[4] = {0}, sum = 0;
    for (int k = 0; k < 4; k++)
        for (int at = 0; at < 36; at++) {
            double v = (double)w->conv_bias[k];
            for (int t = 0; t < 18; t++) {
                const int y = at / 6 + t / 6 - 1, x = at % 6 + t / 2 % 3 - 1;
                if (y >= 0 && y < 6 && x >= 0 && x < 6)
                    v += (double)image[(y * 6 + x) * 2 + t % 2] * (double)w->conv[k][t / 6][t / 2 % 3][t % 2];
            }
            mean[k] += v > 0 ? v / 36 : 0;
        }
    for (int o = 0; o < 3; o++) {
        answer[o] = (double)w->dense_bias[o];
        for (int k = 0; k < 4; k++)
            answer[o] += mean[k] * (double)w->dense[o][k];
        sum += exp(answer[o]);
    }
    for (int o = 0; o < 3; o++)
        answer[o] = exp(answer[o]) / sum;
}

static void check_small(fv_ctx *ctx, fv_model *m, const tflite_small *w)
{
    enum { BATCH = 3 };
    fv_tensor *in = NULL;
    fv_port_info port;
    assert_true(fv_model_port(m, true, 0, &port));
    assert_string_equal(port.name, "probabilities");
    assert_int_equal(port.layout, FV_LAYOUT_SCORES);
    assert_int_equal(fv_tensor_create(ctx, FV_F32, &(fv_shape){4, {BATCH, 6, 6, 2}}, &in), FV_OK);
    for (int i = 0; i < BATCH * 72; i++)
        ((float *)fv_tensor_data(in))[i] = (float)(i * 37 % 101) / 50.0f - 1.0f;
    fv_tensor *out = answer(m, in, BATCH, 0);
    for (int b = 0; b < BATCH; b++) {
        double want[3];
        small_by_hand(w, (const float *)fv_tensor_data(in) + b * 72, want);
        for (int o = 0; o < 3; o++)
            assert_true(fabs(want[o] - (double)((const float *)fv_tensor_data(out))[b * 3 + o]) < 1e-6);
    }
    fv_tensor_destroy(&in);
    fv_tensor_destroy(&out);
}

/* Numbers and names, as read and as saved and read again. */
static void test_small(void **state)
{
    char folder[256];
    fv_ctx *ctx = open_context(1);
    tflite_small w;
    tflite_out *file = calloc(1, sizeof *file);
    fv_model *m = NULL;
    (void)state;
    fv_test_dir_create(folder);
    tflite_small_weights(&w);
    tflite_small_file(file, &w, 0);
    assert_int_equal(load_file(ctx, fv_test_path(folder, "small.tflite"), file, &m), FV_OK);
    assert_string_equal(fv_model_origin(m), "TFLite");
    assert_int_equal(fv_model_classes(m), 3);
    assert_non_null(fv_model_find_tensor(m, "conv/weights"));
    check_small(ctx, m, &w);
    assert_int_equal(fv_model_save(m, fv_test_path(folder, "small.safetensors")), FV_OK);
    fv_model_destroy(&m);
    assert_int_equal(fv_model_load(ctx, fv_test_path(folder, "small.safetensors"), &m), FV_OK);
    check_small(ctx, m, &w);
    fv_model_destroy(&m);
    free(file);
    fv_test_dir_remove(folder);
    fv_ctx_destroy(&ctx);
}

/* What is not supported is named, with its tensor; a file of another version is told from a damaged one. */
static void test_refused(void **state)
{
    char folder[256];
    fv_ctx *ctx = open_context(1);
    tflite_small w;
    tflite_out *file = calloc(1, sizeof *file);
    fv_model *m = NULL;
    (void)state;
    fv_test_dir_create(folder);
    const char *path = fv_test_path(folder, "refused.tflite");
    tflite_small_weights(&w);
    tflite_small_file(file, &w, 1);
    assert_int_equal(load_file(ctx, path, file, &m), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "RFFT2D 'more'"));
    assert_non_null(strstr(fv_ctx_error(ctx), "1 node"));
    tflite_small_file(file, &w, 0);
    tflite_int(file, file->data[0], 0, 9); /* the root's first field */
    assert_int_equal(load_file(ctx, path, file, &m), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "version 9"));
    assert_null(m);
    free(file);
    fv_test_dir_remove(folder);
    fv_ctx_destroy(&ctx);
}

/* Cut short anywhere, or with a byte changed: refused with a reason, or a model; nothing else. */
static void test_damaged(void **state)
{
    char folder[256];
    fv_ctx *ctx = open_context(1);
    tflite_small w;
    tflite_out *file = calloc(1, sizeof *file), *broken = calloc(1, sizeof *broken);
    (void)state;
    fv_test_dir_create(folder);
    const char *path = fv_test_path(folder, "broken.tflite");
    tflite_small_weights(&w);
    tflite_small_file(file, &w, 0);
    for (size_t i = 8; i < file->size; i += 5) {
        fv_model *m = NULL;
        *broken = *file;
        broken->size = i;
        if (load_file(ctx, path, broken, &m) != FV_OK)
            assert_true(*fv_ctx_error(ctx));
        fv_model_destroy(&m);
        *broken = *file;
        broken->data[i] ^= (uint8_t)(1 + i % 255);
        if (load_file(ctx, path, broken, &m) != FV_OK)
            assert_true(*fv_ctx_error(ctx));
        fv_model_destroy(&m);
    }
    free(file);
    free(broken);
    fv_test_dir_remove(folder);
    fv_ctx_destroy(&ctx);
}

/* ---- integers ---- */

/* acc * factor of filter k to the nearest integer, from whole numbers: the factor has 31 bits, and products round
 * twice.
 */
static int scaled_by_hand(const tflite_integers *w, int64_t acc, int k)
{
    int exponent;
    const double factor = frexp((double)w->in * (double)w->scale[k] / (double)w->out, &exponent);
    const int64_t high = (int64_t)floor((double)acc * round(factor * 2147483648.0) / 2147483648.0 + 0.5);
    const double y = round(ldexp((double)high, exponent)) + (double)w->out_zero;
    const double most = (double)w->out_zero + round((double)(6.0f / w->out));
    return (int)fmin(fmax(y, (double)w->out_zero), fmin(most, 127.0));
}

static int integer_by_hand(const tflite_integers *w, const int8_t *image, int at, int k)
{
    int64_t acc = w->bias[k];
    for (int t = 0; t < 18; t++) {
        const int y = at / 6 + t / 6 - 1, x = at % 6 + t / 2 % 3 - 1;
        if (y >= 0 && y < 6 && x >= 0 && x < 6)
            acc += (image[(y * 6 + x) * 2 + t % 2] - w->in_zero) * w->conv[k][t / 6][t / 2 % 3][t % 2];
    }
    return scaled_by_hand(w, acc, k);
}

/* Every pixel adds its window to the result. */
static void test_transposed(void **state)
{
    enum { BATCH = 2, PIXELS = 3 * 4 };
    char folder[256];
    tflite_integers w;
    tflite_out *file = calloc(1, sizeof *file);
    (void)state;
    fv_test_dir_create(folder);
    tflite_integer_weights(&w);
    for (int valid = 0; valid < 2; valid++) {
        const int rows = valid ? 7 : 6, columns = valid ? 9 : 8, count = rows * columns * 4;
        fv_ctx *ctx = open_context(1);
        fv_tensor *in = NULL;
        fv_model *m = NULL;
        tflite_transposed_file(file, &w, valid);
        if (load_file(ctx, fv_test_path(folder, "transposed.tflite"), file, &m) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_int_equal(fv_tensor_create(ctx, FV_I8, &(fv_shape){4, {BATCH, 3, 4, 2}}, &in), FV_OK);
        int8_t *x = fv_tensor_data(in);
        for (int i = 0; i < BATCH * PIXELS * 2; i++)
            x[i] = (int8_t)(i * 89 % 256 - 128);
        fv_tensor *out = answer(m, in, BATCH, 0);
        const int8_t *y = fv_tensor_data(out);
        for (int n = 0; n < BATCH; n++)
            for (int i = 0; i < count; i++) {
                const int p = i / 4 / columns, q = i / 4 % columns, k = i % 4;
                int64_t acc = w.bias[k];
                for (int t = 0; t < PIXELS * 18; t++) {
                    const int h = t / 18 / 4, v = t / 18 % 4, r = t / 6 % 3, s = t / 2 % 3, c = t % 2;
                    if (h * 2 + r == p && v * 2 + s == q) /* SAME has its only row or column too much at the end */
                        acc += (x[(n * PIXELS + h * 4 + v) * 2 + c] - w.in_zero) * w.conv[k][r][s][c];
                }
                assert_int_equal(y[n * count + i], scaled_by_hand(&w, acc, k));
            }
        fv_tensor_destroy(&in);
        fv_tensor_destroy(&out);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
    free(file);
    fv_test_dir_remove(folder);
}

static double gelu_by_hand(double x, bool rough)
{
    return rough ? x / (1 + exp(-1.5957691216 * (x + 0.044715 * x * x * x))) : x * erfc(-x / sqrt(2.0)) / 2;
}

/* GELU of 16 numbers, exact and by tanh: of floats, and of integers by a table. */
static void test_gelu(void **state)
{
    enum { COUNT = 16, GELU = 150 };
    static const float in_scale = 0.04f, out_scale = 0.021f;
    static const int64_t in_zero = 5, out_zero = -120;
    static const int codes[] = {GELU};
    char folder[256];
    fv_ctx *ctx = open_context(1);
    (void)state;
    fv_test_dir_create(folder);
    for (int turn = 0; turn < 4; turn++) {
        const bool integers = turn & 1, rough = turn & 2;
        const int type = integers ? 9 : 0, scales = integers ? 1 : 0;
        const tflite_tensor tensors[] = {
            {"in", type, {1, COUNT}, 2, NULL, 0, scales, 0, &in_scale, &in_zero},
            {"out", type, {1, COUNT}, 2, NULL, 0, scales, 0, &out_scale, &out_zero},
        };
        const tflite_node nodes[] = {{0, {0}, 1, 1, 1, {rough}}};
        const tflite_net net = {codes, 1, tensors, 2, nodes, 1, 0, 1};
        tflite_out *file = calloc(1, sizeof *file);
        fv_model *m = NULL;
        fv_tensor *in = NULL;
        tflite_write(file, &net);
        if (load_file(ctx, fv_test_path(folder, "gelu.tflite"), file, &m) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_int_equal(fv_tensor_create(ctx, integers ? FV_I8 : FV_F32, &(fv_shape){2, {1, COUNT}}, &in), FV_OK);
        for (int i = 0; i < COUNT; i++)
            fv_dtype_set(fv_tensor_dtype(in), fv_tensor_data(in), i, integers ? 17 * i - 128 : (i - 8) / 1.5);
        fv_tensor *out = answer(m, in, 1, 0);
        for (int i = 0; i < COUNT; i++) {
            const double x =
                integers ? (double)in_scale * (17 * i - 128 - (double)in_zero) : (double)(float)((i - 8) / 1.5);
            const double want = gelu_by_hand(x, rough),
                         got = fv_dtype_get(fv_tensor_dtype(out), fv_tensor_data(out), i);
            if (integers)
                assert_true(got == fmin(round(want / (double)out_scale) + (double)out_zero, 127));
            else
                assert_true(fabs(got - want) < 1e-6);
        }
        fv_tensor_destroy(&in);
        fv_tensor_destroy(&out);
        fv_model_destroy(&m);
        free(file);
    }
    fv_test_dir_remove(folder);
    fv_ctx_destroy(&ctx);
}

/* The file's integers in and out; inside they are numbers, which an image is made of. */
static void test_integers(void **state)
{
    enum { BATCH = 2 };
    char folder[256];
    tflite_integers w;
    tflite_out *file = calloc(1, sizeof *file);
    fv_model *m = NULL;
    fv_port_info port;
    (void)state;
    fv_test_dir_create(folder);
    tflite_integer_weights(&w);
    tflite_integer_file(file, &w);
    for (int round = 0; round < 3; round++) { /* on 1 thread, on 4, and saved and read again */
        fv_ctx *ctx = open_context(round ? 4 : 1);
        fv_tensor *in = NULL;
        if (round < 2)
            assert_int_equal(load_file(ctx, fv_test_path(folder, "integers.tflite"), file, &m), FV_OK);
        else
            assert_int_equal(fv_model_load(ctx, fv_test_path(folder, "integers.safetensors"), &m), FV_OK);
        assert_true(fv_model_port(m, false, 0, &port));
        assert_int_equal(port.layout, FV_LAYOUT_INTEGERS);
        assert_int_equal(port.integers, FV_I8);
        assert_int_equal(port.dtype, FV_F32);
        assert_int_equal(port.zero, -7);
        assert_int_equal(fv_tensor_create(ctx, FV_I8, &(fv_shape){4, {BATCH, 6, 6, 2}}, &in), FV_OK);
        int8_t *x = fv_tensor_data(in);
        for (int i = 0; i < BATCH * 72; i++)
            x[i] = (int8_t)(i * 89 % 256 - 128);
        fv_tensor *out = answer(m, in, BATCH, 0);
        assert_int_equal(fv_tensor_dtype(out), FV_I8);
        for (int i = 0; i < BATCH * 144; i++)
            assert_int_equal(((const int8_t *)fv_tensor_data(out))[i],
                             integer_by_hand(&w, x + i / 144 * 72, i % 144 / 4, i % 4));
        if (round == 1)
            assert_int_equal(fv_model_save(m, fv_test_path(folder, "integers.safetensors")), FV_OK);
        fv_tensor_destroy(&in);
        fv_tensor_destroy(&out);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
    free(file);
    fv_test_dir_remove(folder);
}

/* ---- files of others ---- */

static const struct {
    const char *name;
    bool exact;     /* of integers: what the reference kernels answer */
    double allowed; /* of the largest number */
} files[] = {
    {"edgeimpulse-fomo/trained", true, 0},
    {"edgeimpulse-mask/trained", true, 0},
    {"fer/emotion_model_quantized", false, 1e-4},
    {"mediapipe/face_detection_short_range", false, 1e-4},
    {"mediapipe/face_landmark", false, 1e-4},
    {"teachable-raghad/model_unquant", false, 1e-4},
    {"ultraface/version-slim-320_without_postprocessing", false, 1e-4},
    {"yolox-bigisland/yolox_nano_int8_quantize", true, 0},
};

static const fv_tensor *array_of(const fv_arrays *a, const char *name)
{
    for (int i = 0; i < fv_arrays_count(a); i++)
        if (strcmp(fv_arrays_name(a, i), name) == 0)
            return fv_arrays_tensor(a, i);
    return NULL;
}

static void check_file(fv_ctx *ctx, const char *base, const char *name, bool exact, double allowed)
{
    char path[800];
    fv_arrays *given = NULL, *wanted = NULL;
    fv_model *m = NULL;
    snprintf(path, sizeof path, "%s/%s.vec.npz", base, name);
    assert_int_equal(fv_arrays_read(ctx, path, &given), FV_OK);
    snprintf(path, sizeof path, "%s/%s.%s.npz", base, name, exact ? "ref" : "vec");
    assert_int_equal(fv_arrays_read(ctx, path, &wanted), FV_OK);
    snprintf(path, sizeof path, "%s/%s.tflite", base, name);
    if (fv_model_load(ctx, path, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    for (int i = 0; i < fv_model_port_count(m, true); i++) {
        double largest = 0, worst = 0;
        char y[16];
        snprintf(y, sizeof y, "y%d", i);
        const fv_tensor *want = array_of(wanted, y);
        fv_tensor *got = answer(m, array_of(given, "x0"), 1, i);
        assert_non_null(want);
        assert_int_equal(fv_tensor_count(got), fv_tensor_count(want));
        assert_int_equal(fv_tensor_dtype(got), fv_tensor_dtype(want));
        for (int64_t k = 0; k < fv_tensor_count(got); k++) {
            const double a = fv_dtype_get(fv_tensor_dtype(got), fv_tensor_const_data(got), k);
            const double b = fv_dtype_get(fv_tensor_dtype(want), fv_tensor_const_data(want), k);
            worst = fmax(worst, fabs(a - b));
            largest = fmax(largest, fabs(b));
        }
        print_message("%s y%d: %g of %g\n", name, i, worst, largest);
        assert_true(worst <= allowed * largest);
        fv_tensor_destroy(&got);
    }
    fv_model_destroy(&m);
    fv_arrays_destroy(&given);
    fv_arrays_destroy(&wanted);
}

static void test_foreign(void **state)
{
    char base[512], path[800];
    const char *folder = fv_test_data("foreign/tflite", base);
    fv_ctx *ctx = open_context(2);
    fv_model *m = NULL;
    (void)state;
    for (size_t i = 0; folder && i < sizeof files / sizeof files[0]; i++)
        check_file(ctx, folder, files[i].name, files[i].exact, files[i].allowed);
    if (folder) {
        snprintf(path, sizeof path, "%s/microwakeword/vad.tflite", folder);
        assert_int_equal(fv_model_load(ctx, path, &m), FV_ERR_MODEL);
        assert_non_null(strstr(fv_ctx_error(ctx), "VAR_HANDLE"));
        assert_non_null(strstr(fv_ctx_error(ctx), "CALL_ONCE"));
        assert_non_null(strstr(fv_ctx_error(ctx), "2 subgraphs"));
        assert_null(m);
    }
    fv_ctx_destroy(&ctx);
}

/* MLPerf Tiny's 200 images: `y_labels.csv` has name, number of classes and class of each. */
enum { TINY = 200, TINY_BYTES = 32 * 32 * 3 };

static int64_t read_tiny(fv_ctx *ctx, const char *folder, uint8_t *pixels, int *label)
{
    char path[900];
    uint8_t *list, *image;
    int64_t size, count = 0;
    snprintf(path, sizeof path, "%s/ic01/y_labels.csv", folder);
    assert_int_equal(fv_file_read(ctx, path, 0, false, &list, &size), FV_OK);
    for (char *line = (char *)list; line && *line && count < TINY; count++) {
        char *end = strchr(line, '\n'), *comma = strchr(line, ',');
        if (end)
            *end++ = 0;
        assert_non_null(comma);
        snprintf(path, sizeof path, "%s/ic01/%.*s", folder, (int)(comma - line), line);
        assert_int_equal(fv_file_read(ctx, path, 0, false, &image, &size), FV_OK);
        assert_int_equal(size, TINY_BYTES);
        memcpy(pixels + count * TINY_BYTES, image, TINY_BYTES);
        fv_free(ctx, image);
        label[count] = atoi(strrchr(line, ',') + 1);
        line = end;
    }
    fv_free(ctx, list);
    return count;
}

/* How many of them a network names rightly: pixels as floats, or less 128 as int8. */
static int64_t right_of(fv_ctx *ctx, const char *path, const uint8_t *pixels, const int *label, bool integers)
{
    fv_model *m = NULL;
    fv_tensor *in = NULL;
    int64_t right = 0;
    assert_int_equal(fv_model_load(ctx, path, &m), FV_OK);
    assert_int_equal(fv_tensor_create(ctx, integers ? FV_I8 : FV_F32, &(fv_shape){4, {TINY, 32, 32, 3}}, &in), FV_OK);
    for (int64_t i = 0; i < TINY * TINY_BYTES; i++)
        fv_dtype_set(fv_tensor_dtype(in), fv_tensor_data(in), i, (double)pixels[i] - (integers ? 128 : 0));
    fv_tensor *out = answer(m, in, TINY, 0);
    for (int i = 0; i < TINY; i++) {
        int best = 0;
        for (int k = 1; k < 10; k++)
            if (fv_dtype_get(fv_tensor_dtype(out), fv_tensor_const_data(out), i * 10 + k) >
                fv_dtype_get(fv_tensor_dtype(out), fv_tensor_const_data(out), i * 10 + best))
                best = k;
        right += best == label[i];
    }
    fv_tensor_destroy(&in);
    fv_tensor_destroy(&out);
    fv_model_destroy(&m);
    return right;
}

/* 85.5 % of floats; of integers what TensorFlow Lite's reference kernels get. */
static void test_tiny(void **state)
{
    char base[512], path[800];
    const char *folder = fv_test_data("mlperf-tiny", base);
    (void)state;
    if (!folder)
        return;
    fv_ctx *ctx = open_context(2);
    uint8_t *pixels = malloc(TINY * TINY_BYTES);
    int label[TINY];
    assert_int_equal(read_tiny(ctx, folder, pixels, label), TINY);
    snprintf(path, sizeof path, "%s/image_classification/pretrainedResnet.tflite", folder);
    assert_int_equal(right_of(ctx, path, pixels, label, false), 171);
    snprintf(path, sizeof path, "%s/image_classification/pretrainedResnet_quant.tflite", folder);
    assert_int_equal(right_of(ctx, path, pixels, label, true), 173);
    free(pixels);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),    cmocka_unit_test(test_refused),    cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_integers), cmocka_unit_test(test_transposed), cmocka_unit_test(test_gelu),
        cmocka_unit_test(test_foreign),  cmocka_unit_test(test_tiny),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
