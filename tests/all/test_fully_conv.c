/* SPDX-License-Identifier: Apache-2.0 */
/* Classifiers that slide over larger images: what each place says is what the classifier says of that part alone. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>

#include <fovea/fovea.h>

#include "model/model.h"
#include "train/golden.h"

static fv_ctx *open_context(void)
{
    fv_ctx *ctx = NULL;
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx), FV_OK);
    return ctx;
}

/* Answer of a model to an image h x w x c, of which a part begins at (top, left) of one that is `width` wide. */
static int64_t answer(fv_model *m, const float *image, int64_t width, int64_t top, int64_t left, float *out)
{
    fv_session *s = NULL;
    fv_port_info in, port;
    fv_tensor *x = NULL, *y = NULL;
    assert_true(fv_model_port(m, false, 0, &in) && fv_model_port(m, true, 0, &port));
    const int64_t h = in.shape.dim[1], w = in.shape.dim[2], c = in.shape.dim[3];
    assert_int_equal(fv_tensor_create(m->ctx, FV_F32, &in.shape, &x), FV_OK);
    for (int64_t r = 0; r < h; r++)
        memcpy((float *)fv_tensor_data(x) + r * w * c, image + ((top + r) * width + left) * c,
               (size_t)(w * c) * sizeof(float));
    assert_int_equal(fv_session_create(m, 1, &s), FV_OK);
    assert_int_equal(fv_session_set_tensor(s, in.name, FV_LAYOUT_PLAIN, x), FV_OK);
    assert_int_equal(fv_session_run(s), FV_OK);
    assert_int_equal(fv_session_get_tensor(s, port.name, FV_LAYOUT_PLAIN, &y), FV_OK);
    const int64_t count = fv_shape_count(fv_tensor_shape(y));
    assert_true(count <= 4096);
    memcpy(out, fv_tensor_const_data(y), (size_t)count * sizeof(float));
    fv_tensor_destroy(&x);
    fv_tensor_destroy(&y);
    fv_session_destroy(&s);
    return count;
}

static double apart(const float *a, const float *b, int64_t count)
{
    double most = 0, worst = 0;
    for (int64_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)b[i]));
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
    }
    return worst / most;
}

static float *draw(int64_t h, int64_t w, int64_t c)
{
    float *image = malloc((size_t)(h * w * c) * sizeof *image);
    assert_non_null(image);
    for (int64_t i = 0; i < h * w * c; i++)
        image[i] = (float)golden_x(golden_key("slide"), i);
    return image;
}

enum { STRIDE = 4, SIDE = 26, CLASSES = 5 };

/* Without padding: two convolutions and poolings to a map 5 x 5, and a head of some kind. */
static fv_model *plain_net(fv_ctx *ctx, const char *head)
{
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, SIDE, SIDE, 2);
    x = fv_conv2d(m, x, .name = "a", .filters = 6, .kernel = {3, 3});
    x = golden_layer(m, "relu", x, NULL, "");
    x = golden_layer(m, "max_pool2d", x, NULL, "size=2");
    x = fv_conv2d(m, x, .name = "b", .filters = 8, .kernel = {3, 3});
    x = fv_batch_norm(m, x, .name = "norm");
    x = golden_layer(m, "avg_pool2d", x, NULL, "size=2");
    if (strcmp(head, "flatten") != 0)
        x = golden_layer(m, head, x, NULL, strcmp(head, "adaptive_avg_pool2d") == 0 ? "output=1" : "");
    x = golden_layer(m, "flatten", x, NULL, "");
    x = golden_layer(m, "dropout", x, NULL, "rate=0.5");
    x = fv_dense(m, x, .name = "c", .units = 12);
    x = golden_layer(m, "tanh", x, NULL, "");
    x = fv_dense(m, x, .name = "d", .units = CLASSES);
    if (fv_model_finish(m, x) != FV_OK)
        fail_msg("%s: %s", head, fv_ctx_error(ctx));
    golden_start(m);
    return m;
}

static void test_places(void **state)
{
    static const char *const heads[] = {"flatten", "global_avg_pool", "global_max_pool", "adaptive_avg_pool2d"};
    enum { ROWS = 3, COLUMNS = 5, H = SIDE + (ROWS - 1) * STRIDE, W = SIDE + (COLUMNS - 1) * STRIDE };
    fv_ctx *ctx = open_context();
    float *image = draw(H, W, 2), here[CLASSES], map[ROWS * COLUMNS * CLASSES];
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        fv_model *m = plain_net(ctx, heads[i]), *same = NULL, *large = NULL;
        assert_int_equal(fv_model_fully_conv(m, 0, 0, &same), FV_OK);
        assert_int_equal(answer(m, image, W, 0, 0, here), CLASSES);
        assert_int_equal(answer(same, image, W, 0, 0, map), CLASSES);
        assert_true(apart(map, here, CLASSES) < 1e-6);
        assert_int_equal(fv_model_fully_conv(m, H, W, &large), FV_OK);
        assert_int_equal(fv_model_classes(large), CLASSES);
        assert_int_equal(fv_model_pipeline(large)->w, W);
        assert_int_equal(answer(large, image, W, 0, 0, map), ROWS * COLUMNS * CLASSES);
        for (int p = 0; p < ROWS * COLUMNS; p++) {
            answer(m, image, W, p / COLUMNS * STRIDE, p % COLUMNS * STRIDE, here);
            if (!(apart(map + p * CLASSES, here, CLASSES) < 2e-6))
                fail_msg("%s: place %d differs", heads[i], p);
        }
        fv_model_destroy(&large);
        fv_model_destroy(&same);
        fv_model_destroy(&m);
    }
    free(image);
    fv_ctx_destroy(&ctx);
}

/* A network at its own size says what it says as a classifier; at a larger one there is a map of places along each
 * side (0: any number). */
static void check_zoo(fv_ctx *ctx, const char *name, int64_t more, int64_t places)
{
    float a[4096], b[4096];
    fv_model *m = NULL, *same = NULL, *large = NULL;
    fv_port_info port;
    int64_t h, w, c;
    if (fv_model_zoo(ctx, name, NULL, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
    fv_model_input_size(m, &h, &w, &c);
    float *image = draw(h, w, c);
    if (fv_model_fully_conv(m, 0, 0, &same) != FV_OK || fv_model_fully_conv(m, h + more, w + more, &large) != FV_OK)
        fail_msg("%s: %s", name, fv_ctx_error(ctx));
    const int64_t classes = answer(m, image, w, 0, 0, a);
    assert_int_equal(answer(same, image, w, 0, 0, b), classes);
    if (!(apart(b, a, classes) < 5e-6))
        fail_msg("%s: %g apart", name, apart(b, a, classes));
    assert_true(fv_model_port(large, true, 0, &port));
    if (port.shape.rank != 4 || port.shape.dim[3] != classes || (places && port.shape.dim[1] != places) ||
        port.shape.dim[1] != port.shape.dim[2] || port.shape.dim[1] < 2)
        fail_msg("%s: %dx%d scores of %d", name, (int)port.shape.dim[1], (int)port.shape.dim[2],
                 (int)port.shape.dim[3]);
    free(image);
    fv_model_destroy(&large);
    fv_model_destroy(&same);
    fv_model_destroy(&m);
}

/* FOVEA_ALL_ARCHITECTURES=1: those of the courses too, at their own size (a minute). */
static void test_zoo(void **state)
{
    static const struct {
        const char *name;
        int64_t more, places;
    } rows[] = {{"lenet", 8, 3},          {"mnist_cnn", 8, 3},  {"resnet8", 8, 3},      {"mobilenet_v1_0.25", 32, 2},
                {"squeezenet1_1", 32, 0}, {"alexnet", 64, 3},   {"vgg16", 64, 3},       {"inception_v3", 64, 3},
                {"resnet50", 64, 3},      {"googlenet", 64, 3}, {"densenet121", 64, 3}, {"mobilenet_v2", 64, 3}};
    const size_t count = getenv("FOVEA_ALL_ARCHITECTURES") ? sizeof rows / sizeof rows[0] : 4;
    fv_ctx *ctx = open_context();
    (void)state;
    for (size_t i = 0; i < count; i++)
        check_zoo(ctx, rows[i].name, rows[i].more, rows[i].places);
    fv_ctx_destroy(&ctx);
}

/* A pooling that weighs a map stays one number of it all; what moves pixels is refused by name. */
static void test_others(void **state)
{
    fv_ctx *ctx = open_context();
    fv_model *m = NULL, *large = NULL;
    fv_port_info port;
    (void)state;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 8, 8, 4);
    fv_value gate = fv_conv2d(m, fv_global_avg_pool(m, x), .name = "gate", .filters = 4, .kernel = {1, 1});
    x = fv_mul(m, x, fv_activate(m, gate, FV_SIGMOID));
    x = golden_layer(m, "flatten", golden_layer(m, "global_avg_pool", x, "pool", ""), NULL, "");
    assert_int_equal(fv_model_finish(m, fv_dense(m, x, .name = "fc", .units = 3)), FV_OK);
    golden_start(m);
    assert_int_equal(fv_model_fully_conv(m, 9, 11, &large), FV_OK);
    assert_true(fv_model_port(large, true, 0, &port));
    assert_true(fv_shape_equal(&port.shape, &(fv_shape){4, {1, 2, 4, 3}}));
    fv_model_destroy(&large);
    fv_model_destroy(&m);
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    x = golden_layer(m, "transpose", fv_input(m, 8, 8, 4), "turned", "perm=0,2,1,3");
    x = golden_layer(m, "flatten", x, NULL, "");
    if (fv_model_finish(m, fv_dense(m, x, .name = "fc", .units = 3)) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_model_fully_conv(m, 9, 11, &large), FV_ERR_MODEL);
    assert_non_null(strstr(fv_ctx_error(ctx), "'turned'"));
    assert_null(large);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_zoo),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
