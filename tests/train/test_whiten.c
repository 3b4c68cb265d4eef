/* SPDX-License-Identifier: Apache-2.0 */
/* Whitened first layers: what their filters make of the data, counted independently, and what cannot be whitened. */
#define DIGITS_TRAIN 60
#define DIGITS_TEST  10
#include "digits_fixture.h"

#include <fovea/whiten.h>

#include <math.h>
#include <string.h>

#include "model/model.h"

enum { R = 3, N = R * R };

/* A convolution on digits, at the image or behind a pool. */
static fv_model *net(fv_ctx *ctx, int64_t filters, bool behind)
{
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 28, 28, 1);
    if (behind)
        x = fv_max_pool2d(m, x, .size = {2, 2}, .stride = {2, 2});
    x = fv_conv2d(m, x, .filters = filters, .kernel = {R, R}, .activation = FV_RELU);
    x = fv_dense(m, fv_flatten(m, fv_global_avg_pool(m, x)), .units = 10);
    if (fv_model_finish(m, x) != FV_OK || fv_model_init(m, 3, FV_INIT_DEFAULT) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return m;
}

/* The mean of patch patch' over all places of all images. */
static void moments(fv_ctx *ctx, fv_dataset *data, double out[N][N])
{
    const int64_t n = fv_dataset_count(data);
    double patches = 0;
    memset(out, 0, sizeof(double[N][N]));
    for (int64_t i = 0; i < n; i++) {
        fv_image image = {0};
        assert_int_equal(fv_dataset_image(data, i, &image, NULL), FV_OK);
        for (int64_t y = 0; y + R <= image.h; y++)
            for (int64_t x = 0; x + R <= image.w; x++, patches++)
                for (int a = 0; a < N; a++)
                    for (int b = 0; b < N; b++)
                        out[a][b] += image.data[(y + a / R) * image.w + x + a % R] / 255.0 *
                                     (image.data[(y + b / R) * image.w + x + b % R] / 255.0);
        fv_image_free(ctx, &image);
    }
    for (int a = 0; a < N * N; a++)
        out[a / N][a % N] /= patches;
}

static double product(const float *a, double m[N][N], const float *b)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++)
            sum += (double)a[i] * m[i][k] * (double)b[k];
    return sum;
}

/* With variance l along a direction, filters of it give l / (l + eps), two directions nothing together; each filter's
 * neighbor is its negative. */
static void test_filters(void **state)
{
    (void)state;
    enum { FILTERS = 17 };
    const double eps = 1e-3;
    double m[N][N], before = INFINITY;
    char hash[2][65];
    for (int k = 0; k < 2; k++) {
        fv_ctx *ctx = fv_test_ctx(k + 1, NULL, NULL);
        fv_model *model = net(ctx, FILTERS, false);
        fv_dataset *data = digits_of(ctx, "train");
        fv_whiten_report r;
        if (fv_model_whiten(model, data, &(fv_whiten_options){.eps = eps, .workers = k}, &r) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_int_equal(r.filters, FILTERS);
        assert_int_equal(r.directions, N);
        assert_int_equal(r.samples, DIGITS_TRAIN);
        assert_int_equal(r.patches, DIGITS_TRAIN * 26 * 26);
        const float *w = fv_slot_data(fv_model_slot(model, r.tensor)),
                    *bias = fv_slot_data(fv_model_slot(model, "conv2d_1.bias"));
        moments(ctx, data, m);
        for (int i = 0; i < FILTERS; i++) {
            assert_true(bias[i] == 0);
            const double own = product(w + i * N, m, w + i * N), l = own * eps / (1 - own);
            if (i % 2 == 0 && k == 0) {
                assert_true(l <= before * (1 + 1e-4));
                before = l;
                assert_true(i > 0 || fabs(l / r.largest - 1) < 1e-4);
                double length = 0; /* of the filter: 1 / sqrt(l + eps) */
                for (int a = 0; a < N; a++)
                    length += (double)w[i * N + a] * (double)w[i * N + a];
                assert_true(fabs(length * (l + eps) - 1) < 1e-4);
            }
            for (int j = 0; j < i; j++)
                assert_true(j / 2 == i / 2 || fabs(product(w + i * N, m, w + j * N)) < 1e-5);
            for (int a = 0; i % 2 && a < N; a++)
                assert_true(w[i * N + a] == -w[(i - 1) * N + a]);
        }
        fv_model_sha256(model, hash[k]);
        fv_dataset_destroy(&data);
        fv_model_destroy(&model);
        fv_ctx_destroy(&ctx);
    }
    assert_string_equal(hash[0], hash[1]);
}

static void test_refused(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_dataset *data = digits_of(ctx, "train");
    fv_model *many = net(ctx, 2 * N + 1, false), *behind = net(ctx, 4, true);
    assert_int_equal(fv_model_whiten(many, data, NULL, NULL), FV_ERR_VALUE);
    assert_non_null(strstr(fv_ctx_error(ctx), "'conv2d_1.weight' has 19 filters, but patches of 3x3x1 have only 9"));
    assert_int_equal(fv_model_whiten(behind, data, NULL, NULL), FV_ERR_UNSUPPORTED);
    assert_non_null(strstr(fv_ctx_error(ctx), "no convolution reads the image"));
    fv_model_destroy(&behind);
    fv_model_destroy(&many);
    fv_dataset_destroy(&data);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
