/* SPDX-License-Identifier: Apache-2.0 */
/* Explanations: PyTorch's maps, where they lie in the image, that they depend on the weights, and what has none. */
#include <math.h>

#define DIGITS_TRAIN 10
#define DIGITS_TEST  20
#include "train/digits_fixture.h"
#include "train/golden.h"
#include "transfer/explain.h"

/* The first image of input.0 as floats; its pixels are the network's numbers. */
static fv_image golden_image(fv_model *m, int64_t size, int64_t channels, float *pixels)
{
    int32_t label;
    fv_pipeline p = *fv_model_pipeline(m);
    for (int k = 0; k < 16; k++) {
        p.mean[k] = 0;
        p.std[k] = 1;
    }
    p.resize = FV_RESIZE_STRETCH;
    assert_int_equal(fv_model_set_pipeline(m, &p), FV_OK);
    golden_start(m);
    golden_batch(0, 1, size, size, channels, pixels, &label);
    return (fv_image){.data = (uint8_t *)pixels, .h = size, .w = size, .c = channels, .depth = FV_DEPTH_F32};
}

/* ---- PyTorch (tests/golden/make_explain.py) ---- */

static void test_pytorch(void **state)
{
    char path[600], zoo[32], method[32], layer[64];
    long long size, channels, k, h, w, stride;
    double most;
    int lines = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/tests/golden/explain.txt", getenv("FOVEA_SOURCE_DIR"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    float *pixels = malloc(64 * 64 * 3 * sizeof *pixels);
    while (fscanf(file, "%31s %31s %63s %lld %lld %lld %lld %lld %lld %lf", zoo, method, layer, &size, &channels, &k,
                  &h, &w, &stride, &most) == 10) {
        fv_ctx *ctx = fv_test_ctx(1 + lines % 2, NULL, NULL);
        fv_model *m = digits_net(ctx, zoo, size, channels);
        const bool occlusion = strcmp(method, "occlusion") == 0;
        const fv_explain_options o = {.method = occlusion ? FV_EXPLAIN_OCCLUSION : FV_EXPLAIN_GRADCAM,
                                      .layer = occlusion ? NULL : layer,
                                      .patch = {8, 8},
                                      .stride = {7, 7}};
        fv_explainer *e;
        fv_explanation x;
        const fv_image image = golden_image(m, size, channels, pixels);
        if (fv_explainer_create(m, &o, &e) != FV_OK)
            fail_msg("%s %s: %s", zoo, layer, fv_ctx_error(ctx));
        if (fv_explainer_run(e, &image, k, &x) != FV_OK)
            fail_msg("%s %s: %s", zoo, layer, fv_ctx_error(ctx));
        assert_int_equal(x.h, h);
        assert_int_equal(x.w, w);
        for (int64_t i = 0; i < h * w; i += stride) {
            double expected;
            assert_int_equal(fscanf(file, "%lf", &expected), 1);
            if (!(fabs((double)x.map[i] - expected) <= 1e-4 * most))
                fail_msg("%s %s %s: number %lld is %.9g, expected %.9g, the largest is %g", zoo, method, layer,
                         (long long)i, (double)x.map[i], expected, most);
        }
        fv_explainer_destroy(&e);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
        lines++;
    }
    fclose(file);
    free(pixels);
    assert_int_equal(lines, 10);
}

/* ---- layers ---- */

static void test_layers(void **state)
{
    static const struct {
        const char *zoo;
        int64_t size;
        const char *layer, *found;
    } rows[] = {
        {"resnet8", 32, NULL, "layer3.0.relu_3"},
        {"resnet8", 32, "layer2", "layer2.0.relu_2"},
        {"squeezenet1_1", 64, NULL, "classifier.1.relu"},
        {"lenet", 28, NULL, "conv2.relu"}, /* in front of the pooling */
        {"mobilenet_v2", 64, NULL, "features.18.1.relu6"},
        {"densenet121", 64, NULL, "relu"},
        {"shufflenet_v2_x0_5", 64, NULL, "conv5.1.relu"},
    };
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_model *m = digits_net(ctx, rows[i].zoo, rows[i].size, rows[i].size == 28 ? 1 : 3);
        fv_explainer *e;
        if (fv_explainer_create(m, &(fv_explain_options){.layer = rows[i].layer}, &e) != FV_OK)
            fail_msg("%s: %s", rows[i].zoo, fv_ctx_error(ctx));
        assert_string_equal(fv_explainer_layer(e), rows[i].found);
        fv_explainer_destroy(&e);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

static void test_refused(void **state)
{
    static const struct {
        fv_explain_options options;
        const char *text, *cure;
    } rows[] = {
        {{.layer = "fc2"}, "gives 1x84", "--layer"},
        {{.layer = "conv7"}, "no layer 'conv7'", "conv1"},
        {{.layer = "conv1,conv2"}, "2 layers: expected one", ""},
        {{.method = FV_EXPLAIN_OCCLUSION, .patch = {29, 3}}, "at most the input", ""},
    };
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "lenet", 28, 1);
    fv_explainer *e;
    fv_explanation x;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(fv_explainer_create(m, &rows[i].options, &e), FV_ERR_VALUE);
        assert_null(e);
        if (!strstr(fv_ctx_error(ctx), rows[i].text) || !strstr(fv_ctx_hint(ctx), rows[i].cure))
            fail_msg("'%s', '%s' do not say '%s', '%s'", fv_ctx_error(ctx), fv_ctx_hint(ctx), rows[i].text,
                     rows[i].cure);
    }
    assert_int_equal(fv_explainer_create(m, NULL, &e), FV_OK);
    uint8_t pixels[28 * 28 * 2] = {0};
    fv_image image = {.data = pixels, .h = 28, .w = 28, .c = 2};
    assert_int_equal(fv_explainer_run(e, &image, -1, &x), FV_ERR_DATA_FORMAT);
    image.c = 1;
    assert_int_equal(fv_explainer_run(e, &image, 10, &x), FV_ERR_ARGUMENT);
    fv_explainer_destroy(&e);
    fv_model_destroy(&m);

    /* Without a convolution there is occlusion; of a vector there is nothing. */
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    assert_int_equal(fv_model_finish(m, fv_dense(m, fv_flatten(m, fv_input(m, 28, 28, 1)), .units = 10)), FV_OK);
    assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_explainer_create(m, NULL, &e), FV_ERR_VALUE);
    assert_non_null(strstr(fv_ctx_error(ctx), "no convolution"));
    assert_non_null(strstr(fv_ctx_hint(ctx), "occlusion"));
    assert_int_equal(fv_explainer_create(m, &(fv_explain_options){.method = FV_EXPLAIN_OCCLUSION}, &e), FV_OK);
    assert_int_equal(fv_explainer_run(e, &image, -1, &x), FV_OK);
    fv_explainer_destroy(&e);
    fv_model_destroy(&m);

    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    assert_int_equal(fv_model_finish(m, fv_dense(m, fv_flatten(m, fv_input(m, 1, 1, 16)), .units = 10)), FV_OK);
    for (int method = 0; method < FV_EXPLAIN_COUNT; method++) {
        const fv_explain_options o = {.method = (fv_explain_method)method};
        assert_int_equal(fv_explainer_create(m, &o, &e), FV_ERR_VALUE);
        assert_non_null(strstr(fv_ctx_error(ctx), "a vector"));
    }
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* ---- in the image ---- */

/* A part of the image is not seen: the map is 0 there; cells lie where the crop was taken. */
static void test_places(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "resnet8", 32, 3);
    fv_pipeline p = *fv_model_pipeline(m);
    p.resize = FV_RESIZE_SHORT_CROP;
    p.resize_size = 40;
    assert_int_equal(fv_model_set_pipeline(m, &p), FV_OK);
    enum { H = 80, W = 160 };
    uint8_t *pixels = malloc(H * W * 3);
    for (int i = 0; i < H * W * 3; i++)
        pixels[i] = (uint8_t)((uint32_t)i * 2654435761u >> 24);
    const fv_image image = {.data = pixels, .h = H, .w = W, .c = 3};
    fv_explainer *e;
    fv_explanation x;
    assert_int_equal(fv_explainer_create(m, &(fv_explain_options){.layer = "layer2"}, &e), FV_OK);
    assert_int_equal(fv_explainer_run(e, &image, -1, &x), FV_OK);
    assert_int_equal(x.h, 16);
    /* 80 rows to 40, of these 32 in the middle: 8 rows are cut off above and below, 48 columns on either side. */
    assert_true(fabs(x.y0 - 8) < 1e-9 && fabs(x.y1 - 72) < 1e-9 && fabs(x.x0 - 48) < 1e-9 && fabs(x.x1 - 112) < 1e-9);
    float *spread = malloc(H * W * sizeof *spread);
    fv_explanation_spread(&x, spread);
    for (int v = 0; v < H; v++)
        for (int u = 0; u < W; u++)
            if (v < 8 || v >= 72 || u < 48 || u >= 112)
                assert_true(spread[v * W + u] == 0.0f);
    /* A cell is 4 x 4 pixels; between four of them lies their mean, half a pixel from it nearly so. */
    for (int i = 0; i < 15; i++) {
        const double mean = ((double)x.map[i * 17] + (double)x.map[i * 17 + 1] + (double)x.map[i * 17 + 16] +
                             (double)x.map[i * 17 + 17]) /
                            4;
        const float *at = spread + (8 + 4 * i + 3) * W + 48 + 4 * i + 3;
        const double around = ((double)at[0] + (double)at[1] + (double)at[W] + (double)at[W + 1]) / 4;
        assert_true(fabs(around - mean) <= 1e-6 * (1 + fabs(mean)));
    }
    fv_image picture;
    assert_int_equal(fv_explanation_draw(ctx, &x, &image, &picture), FV_OK);
    assert_int_equal(picture.h, H);
    assert_int_equal(picture.w, W);
    fv_image_free(ctx, &picture);
    const fv_image other = {.data = pixels, .h = W, .w = H, .c = 3};
    assert_int_equal(fv_explanation_draw(ctx, &x, &other, &picture), FV_ERR_ARGUMENT);
    free(spread);
    free(pixels);
    fv_explainer_destroy(&e);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* ---- bits ---- */

static void test_threads(void **state)
{
    float maps[2][2][32 * 32];
    (void)state;
    memset(maps, 0, sizeof maps);
    float pixels[32 * 32 * 3];
    for (int t = 0; t < 2; t++) {
        fv_ctx *ctx = fv_test_ctx(1 + 2 * t, NULL, NULL);
        fv_model *m = digits_net(ctx, "resnet8", 32, 3);
        const fv_image image = golden_image(m, 32, 3, pixels);
        for (int k = 0; k < FV_EXPLAIN_COUNT; k++) {
            const fv_explain_options o = {.method = (fv_explain_method)k, .layer = k ? NULL : "layer1"};
            fv_explainer *e;
            fv_explanation x;
            assert_int_equal(fv_explainer_create(m, &o, &e), FV_OK);
            assert_int_equal(fv_explainer_run(e, &image, -1, &x), FV_OK);
            memcpy(maps[t][k], x.map, (size_t)(x.h * x.w) * sizeof(float));
            fv_explainer_destroy(&e);
        }
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
    assert_memory_equal(maps[0], maps[1], sizeof maps[0]);
}

/* ---- the randomization test ---- */

/* Maps of a trained network are other ones once its weights are drawn anew, from the last layer on; the model is what
 * it was. */
static void test_randomized(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    char path[600];
    fv_model *m;
    snprintf(path, sizeof path, "%s/zoo/lenet-digits.safetensors", getenv("FOVEA_SOURCE_DIR"));
    assert_int_equal(fv_model_load(ctx, path, &m), FV_OK);
    fv_dataset *test = digits_of(ctx, "test");
    char before[65], after[65];
    fv_model_sha256(m, before);
    for (int method = 0; method < FV_EXPLAIN_COUNT; method++) {
        const fv_explain_options o = {.method = (fv_explain_method)method, .patch = {7, 7}, .stride = {3, 3}};
        fv_explainer *e;
        fv_explanation x;
        const fv_randomized *rows;
        double sum[5] = {0};
        int count, measured[5] = {0};
        enum { IMAGES = 12 };
        assert_int_equal(fv_explainer_create(m, &o, &e), FV_OK);
        for (int64_t i = 0; i < IMAGES; i++) {
            fv_image image = {0};
            assert_int_equal(fv_dataset_image(test, i, &image, NULL), FV_OK);
            assert_int_equal(fv_explainer_run(e, &image, -1, &x), FV_OK);
            if (fv_explainer_randomize(e, &image, x.class_index, 7, &rows, &count) != FV_OK)
                fail_msg("%s", fv_ctx_error(ctx));
            assert_int_equal(count, 5);
            assert_string_equal(rows[0].layer, "fc3");
            assert_string_equal(rows[4].layer, "conv1");
            for (int k = 0; k < 5; k++)
                if (isfinite(rows[k].correlation)) {
                    assert_true(fabs(rows[k].correlation) < 1 + 1e-9);
                    sum[k] += rows[k].correlation;
                    measured[k]++;
                }
            fv_image_free(ctx, &image);
        }
        for (int k = 0; k < 5; k++) {
            assert_true(measured[k] >= IMAGES - 3);
            if (!(sum[k] / measured[k] < 0.75))
                fail_msg("%s: the map does not depend on the weights from '%s' on: rank correlation %.3f",
                         fv_explain_methods()[method], rows[k].layer, sum[k] / measured[k]);
        }
        fv_explainer_destroy(&e);
    }
    fv_model_sha256(m, after);
    assert_string_equal(before, after);
    fv_dataset_destroy(&test);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* ---- memory ---- */

static fv_status explain_all(fv_ctx *ctx, void *arg)
{
    const fv_explain_options *o = arg;
    uint8_t pixels[28 * 28] = {0};
    const fv_image image = {.data = pixels, .h = 28, .w = 28, .c = 1};
    const fv_zoo_options options = {.classes = 10, .channels = 1, .dropout = -1, .img_size = {28, 28}};
    fv_model *m = NULL;
    fv_explainer *e = NULL;
    fv_explanation x;
    fv_image picture = {0};
    const fv_randomized *rows;
    int count;
    fv_status status = fv_model_zoo(ctx, "lenet", &options, &m);
    if (status == FV_OK)
        status = fv_explainer_create(m, o, &e);
    if (status == FV_OK)
        status = fv_explainer_run(e, &image, -1, &x);
    if (status == FV_OK)
        status = fv_explanation_draw(ctx, &x, &image, &picture);
    if (status == FV_OK)
        status = fv_explainer_randomize(e, &image, 3, 0, &rows, &count);
    fv_image_free(ctx, &picture);
    fv_explainer_destroy(&e);
    fv_model_destroy(&m);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    for (int method = 0; method < FV_EXPLAIN_COUNT; method++)
        fv_test_each_allocation(explain_all,
                                &(fv_explain_options){.method = (fv_explain_method)method, .patch = {28, 28}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch),   cmocka_unit_test(test_layers),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_places),    cmocka_unit_test(test_threads), cmocka_unit_test(test_randomized),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
