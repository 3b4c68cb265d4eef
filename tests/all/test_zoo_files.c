/* SPDX-License-Identifier: Apache-2.0 */
/* Architectures by name as somebody uses them: two steps of training on drawn images, the file saved and loaded, and
 * the same graph, weights and answers again. FOVEA_ALL_ARCHITECTURES=1: of all of them, which takes minutes. */
#include "support/folder.h"

#include <stdlib.h>

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
    assert_int_equal(fv_model_text(a, false, &s), FV_OK);
    assert_int_equal(fv_model_text(b, false, &t), FV_OK);
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

static void check(fv_ctx *ctx, const char *digits, const char *name, int64_t side)
{
    const fv_zoo_options options = {.classes = 10, .img_size = {side, side}, .dropout = -1};
    fv_model *m = NULL;
    if (fv_model_zoo(ctx, name, &options, &m) != FV_OK)
        fail_msg("%s: %s", name, fv_ctx_error(ctx));
    round_trip(ctx, digits, m);
    fv_model_destroy(&m);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
