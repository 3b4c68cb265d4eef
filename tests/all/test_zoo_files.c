/* SPDX-License-Identifier: Apache-2.0 */
/* Architectures by name as somebody uses them: what `fovea info` computes, two steps of training on drawn images, the
 * file saved and loaded, and the same graph, weights and answers again; two steps from nothing on noise, and finite
 * answers. FOVEA_ALL_ARCHITECTURES=1: of all of them, which takes minutes. */
#include "support/folder.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include <fovea/fovea.h>

/* Small ones of several families, at sizes at which a step takes a moment. */
static const struct {
    const char *name;
    int64_t side; /* 0: its own */
} small[] = {
    {"lenet", 0},
    {"ds_cnn", 0},
    {"resnet8", 0},
    {"mobilenet_v1_0.25", 64},
    {"mobilenet_v3_small", 64},
    {"shufflenet_v2_x0_5", 64},
    {"squeezenet1_1", 64},
};

/* At these sizes the large ones are trained when all are. */
static int64_t side_of(const char *name)
{
    static const struct {
        const char *begins;
        int64_t side;
    } rows[] = {{"inception_v3", 128}, {"alexnet", 64}, {"caffenet", 67}, {"nin", 67}, {"vgg", 64}};
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        if (strcmp(small[i].name, name) == 0)
            return small[i].side;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strncmp(name, rows[i].begins, strlen(rows[i].begins)) == 0)
            return rows[i].side;
    return strncmp(name, "resnet32", 8) == 0 || strncmp(name, "resnet44", 8) == 0 || strncmp(name, "resnet56", 8) == 0
               ? 0
               : 64;
}

static void assert_same_model(fv_ctx *ctx, fv_model *a, fv_model *b)
{
    char *s = NULL, *t = NULL, x[65], y[65];
    double difference;
    assert_int_equal(fv_model_text(a, &s), FV_OK);
    assert_int_equal(fv_model_text(b, &t), FV_OK);
    assert_string_equal(s, t);
    fv_text_free(ctx, s);
    fv_text_free(ctx, t);
    fv_model_sha256(a, x);
    fv_model_sha256(b, y);
    assert_string_equal(x, y);
    assert_string_equal(fv_model_name(a), fv_model_name(b));
    if (fv_model_selftest(b, &difference) != FV_OK || difference != 0)
        fail_msg("%s: %s, difference %g", fv_model_name(b), fv_ctx_error(ctx), difference);
}

/* Untrained statistics normalize nothing: by LeCun's start what deep networks answer stays finite. */
static void round_trip(fv_ctx *ctx, const char *digits, fv_model *m)
{
    fv_dataset *data = NULL;
    fv_model *back = NULL;
    const char *path = fv_test_path(dir, "net.safetensors");
    assert_int_equal(fv_model_init(m, 1, FV_INIT_LECUN_NORMAL), FV_OK);
    assert_int_equal(fv_dataset_open(ctx, digits, NULL, &data), FV_OK);
    if (fv_fit(m, data, .epochs = 1, .batch_size = 4, .max_steps = 2, .lr = 1e-4) != FV_OK)
        fail_msg("%s: %s (%s)", fv_model_name(m), fv_ctx_error(ctx), fv_ctx_hint(ctx));
    assert_int_equal(fv_model_save(m, path), FV_OK);
    assert_int_equal(fv_model_load(ctx, path, &back), FV_OK);
    assert_same_model(ctx, m, back);
    fv_model_destroy(&back);
    fv_dataset_destroy(&data);
}

/* Standard deviation about 1, from a generator of its own. */
static void make_noise(float *x, int64_t count, uint64_t *state)
{
    for (int64_t i = 0; i < count; i++) {
        double sum = 0;
        for (int k = 0; k < 12; k++) {
            *state = *state * 6364136223846793005u + 1442695040888963407u;
            sum += (double)(*state >> 40) / 16777216.0;
        }
        x[i] = (float)(sum - 6.0);
    }
}

/* As every layer starts, and as the program trains where nothing else is said. */
static void stays_finite(fv_ctx *ctx, fv_model *m)
{
    enum { N = 4 };
    const fv_fit_options o = FV_FIT_OPTIONS(.batch_size = N);
    fv_trainer *t = NULL;
    fv_session *s = NULL;
    fv_shape shape;
    int64_t h, w, c;
    int32_t labels[N];
    uint64_t state = 1;
    assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
    fv_model_input_size(m, &h, &w, &c);
    float *images = malloc((size_t)(N * h * w * c) * sizeof *images);
    assert_non_null(images);
    if (fv_trainer_create(m, &o, &t) != FV_OK)
        fail_msg("%s: %s", fv_model_name(m), fv_ctx_error(ctx));
    for (int step = 0; step < 2; step++) {
        double loss;
        make_noise(images, N * h * w * c, &state);
        for (int i = 0; i < N; i++)
            labels[i] = (int32_t)((i * 3 + step) % fv_model_classes(m));
        if (fv_trainer_gradient(t, images, labels, N, &loss) != FV_OK || !isfinite(loss))
            fail_msg("%s: step %d: loss %g, %s", fv_model_name(m), step, loss, fv_ctx_error(ctx));
        assert_int_equal(fv_trainer_apply(t, 0.1), FV_OK);
    }
    fv_trainer_destroy(&t);
    assert_int_equal(fv_session_create(m, 1, &s), FV_OK);
    make_noise(fv_session_input(s), h * w * c, &state);
    assert_int_equal(fv_session_run(s), FV_OK);
    const float *answers = fv_session_output(s, &shape);
    for (int64_t i = 0; i < fv_shape_count(&shape); i++)
        if (!isfinite(answers[i]))
            fail_msg("%s: answer %d after two steps on noise is %g", fv_model_name(m), (int)i, (double)answers[i]);
    fv_session_destroy(&s);
    free(images);
}

/* The processor's time for what `fovea info NAME` shows, at the size that a network is made for. */
static void is_told_within_a_second(fv_ctx *ctx, const char *name)
{
    const fv_fit_options o = FV_FIT_OPTIONS(.batch_size = 1);
    const clock_t begin = clock();
    fv_layer_info info;
    fv_memory memory;
    fv_model *m = NULL;
    assert_int_equal(fv_model_zoo(ctx, name, NULL, &m), FV_OK);
    for (int i = 0; i < fv_model_layer_count(m); i++)
        fv_model_layer(m, i, &info);
    if (fv_fit_memory(m, NULL, &o, &memory) != FV_OK || fv_evaluate_memory(m, NULL, 1, 0, &memory) != FV_OK)
        fail_msg("%s: %s", name, fv_ctx_error(ctx));
    fv_model_destroy(&m);
    const double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
#ifndef FV_TEST_REDUCED
    if (seconds > 1.0)
        fail_msg("%s: %.2f s of the processor, expected 1 at most", name, seconds);
#else
    (void)seconds;
#endif
}

static void check(fv_ctx *ctx, const char *digits, const char *name, int64_t side)
{
    const fv_zoo_options options = {.classes = 10, .img_size = {side, side}, .dropout = -1};
    fv_model *m = NULL;
    if (fv_model_zoo(ctx, name, &options, &m) != FV_OK)
        fail_msg("%s: %s", name, fv_ctx_error(ctx));
    round_trip(ctx, digits, m);
    stays_finite(ctx, m);
    fv_model_destroy(&m);
    is_told_within_a_second(ctx, name);
}

static void test_names(void **state)
{
    const char *all = getenv("FOVEA_ALL_ARCHITECTURES");
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    char folder[512];
    (void)state;
    snprintf(folder, sizeof folder, "%s", fv_test_path(dir, "digits"));
    assert_int_equal(fv_make_digits(ctx, folder, 16, 2, 0), FV_OK);
    for (size_t i = 0; !all && i < sizeof small / sizeof *small; i++)
        check(ctx, folder, small[i].name, small[i].side);
    for (int i = 0; all && fv_zoo_names()[i]; i++)
        check(ctx, folder, fv_zoo_names()[i], side_of(fv_zoo_names()[i]));
    fv_ctx_destroy(&ctx);
}

/* Blocks in an architecture file: the model file has all of it. */
static void test_blocks(void **state)
{
    static const char text[] = "input: [28, 28, 1]\n"
                               "layers:\n"
                               "  - conv2d: {filters: 8, kernel: 3, pad: 1}\n"
                               "  - bottleneck: {filters: 16, groups: 2, stride: 2, name: neck}\n"
                               "  - inverted_residual: {filters: 16, expand: 3, kernel: 5, squeeze: 4, stride: 2}\n"
                               "  - squeeze_excite: 2\n"
                               "  - shuffle_unit: {filters: 24, stride: 2}\n"
                               "  - inception: [4, 2, 8, 3, 6, 2]\n"
                               "  - dense_block: {layers: 2, growth: 4}\n"
                               "  - global_avg_pool\n"
                               "  - dense: 10\n";
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    char folder[512];
    (void)state;
    snprintf(folder, sizeof folder, "%s", fv_test_path(dir, "digits"));
    fv_test_write_text(fv_test_path(dir, "blocks.yaml"), text);
    if (fv_model_read_architecture(ctx, fv_test_path(dir, "blocks.yaml"), NULL, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    round_trip(ctx, folder, m);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* What keeps the deepest networks finite, in little: their blocks, one behind the other. */
static void test_many_blocks(void **state)
{
    static const char text[] = "input: [16, 16, 3]\n"
                               "layers:\n"
                               "  - conv2d: {filters: 16, kernel: 3, pad: 1}\n"
                               "  - repeat: 60\n"
                               "    layers: [{bottleneck: {filters: 16}}]\n"
                               "  - global_avg_pool\n"
                               "  - dense: 10\n";
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    (void)state;
    fv_test_write_text(fv_test_path(dir, "deep.yaml"), text);
    if (fv_model_read_architecture(ctx, fv_test_path(dir, "deep.yaml"), NULL, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    stays_finite(ctx, m);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_many_blocks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
