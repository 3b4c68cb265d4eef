/* SPDX-License-Identifier: Apache-2.0 */
/* Layers as products of two: equal at full rank, the nearest of a rank, and why some stay as they are. */
#include "support/support.h"

#include <math.h>

#include <fovea/design.h>
#include <fovea/fovea.h>

#include "model/model.h"
#include "nn/low_rank.h"
#include "train/golden.h"

static fv_value value_of(fv_model *m, const char *op, fv_value x, const char *attributes)
{
    return fv_layer(m, op, &x, 1, &(fv_layer_options){.attributes = attributes});
}

/* Strides, uneven padding, dilation, groups, a depthwise one, 1 x 1, normalization behind and not, biases and none. */
static fv_model *network(fv_ctx *ctx)
{
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 21, 19, 3);
    x = fv_conv2d(m, x, .name = "stem", .filters = 8, .kernel = {5, 3}, .stride = {2, 1}, .pad = {2, 0, 1, 2});
    x = fv_batch_norm(m, x, .name = "bn", .activation = FV_RELU);
    x = fv_conv2d(m, x, .name = "wide", .filters = 12, .kernel = {3, 3}, .dilation = {1, 2}, .no_bias = true,
                  .activation = FV_RELU);
    x = fv_conv2d(m, x, .name = "groups", .filters = 8, .kernel = {3, 3}, .groups = 2, .pad = {1, 1, 1, 1});
    x = fv_conv2d(m, x, .name = "deep", .filters = 8, .kernel = {3, 3}, .groups = -1);
    x = fv_conv2d(m, x, .name = "point", .filters = 10, .kernel = {1, 1}, .activation = FV_RELU);
    x = fv_max_pool2d(m, x, .size = {2, 2});
    x = fv_dense(m, fv_flatten(m, x), .name = "fc1", .units = 16, .activation = FV_RELU);
    x = fv_dropout(m, x, 0.5);
    if (fv_model_finish(m, fv_dense(m, x, .name = "fc2", .units = 5)) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_model_init(m, 3, FV_INIT_HE_NORMAL), FV_OK);
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    assert_int_equal(fv_model_set_class_names(m, names, 5), FV_OK);
    assert_int_equal(fv_model_set_card(m, FV_CARD_LICENSE, "CC0-1.0"), FV_OK);
    fv_pipeline p = *fv_model_pipeline(m);
    p.mean[0] = 0.25f;
    assert_int_equal(fv_model_set_pipeline(m, &p), FV_OK);
    return m;
}

static const fv_factor_row *row_of(const fv_factor_row *rows, int count, const char *layer)
{
    for (int i = 0; i < count; i++)
        if (strcmp(rows[i].layer, layer) == 0)
            return &rows[i];
    fail_msg("no row of '%s'", layer);
    return NULL;
}

static void run(fv_model *m, const fv_factor_options *o, fv_model **copy, fv_factor_row **rows, int *count)
{
    if (fv_model_factorize(m, o, copy, rows, count) != FV_OK)
        fail_msg("%s", fv_ctx_error(m->ctx));
}

/* Nothing is lost at full rank; what a model file carries beside the weights stays. */
static void test_full_rank(void **state)
{
    static const char *const stay[FV_FACTOR_METHOD_COUNT][4] = {{"deep"}, {"point", "fc1", "fc2"}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (int method = 0; method < FV_FACTOR_METHOD_COUNT; method++) {
        fv_model *m = network(ctx), *copy = NULL;
        fv_factor_row *rows;
        int count;
        double error;
        run(m, &(fv_factor_options){.method = (fv_factor_method)method, .rank = 1 << 20}, &copy, &rows, &count);
        assert_int_equal(count, 7);
        assert_int_equal(fv_factor_measure(m, copy, NULL, 3, rows, count, &error), FV_OK);
        assert_true(error < 2e-6);
        for (int i = 0; i < count; i++) {
            bool left = false;
            for (int k = 0; k < 4 && stay[method][k]; k++)
                left = left || strcmp(stay[method][k], rows[i].layer) == 0;
            if (rows[i].factored == left || (left && !rows[i].why[0]))
                fail_msg("%s: '%s' became two: %d", fv_factor_methods()[method], rows[i].layer, rows[i].factored);
            assert_true(left || (rows[i].weight_error < 1e-6 && rows[i].output_error < 2e-6));
            assert_true(left || rows[i].rank == rows[i].full_rank);
        }
        assert_string_equal(fv_model_class_name(copy, 3), "d");
        assert_string_equal(fv_model_card(copy, FV_CARD_LICENSE), "CC0-1.0");
        assert_true(fv_model_pipeline(copy)->mean[0] == 0.25f);
        assert_true(fv_model_in_head(copy, method ? "fc2.weight" : "fc2.out.weight"));
        fv_factor_rows_free(ctx, rows);
        fv_model_destroy(&copy);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* Parameters, multiply-adds and ranks as counted by hand; more rank, less error; the same bits on two threads. */
static void test_smaller(void **state)
{
    fv_ctx *ctx[2] = {fv_test_ctx(1, NULL, NULL), fv_test_ctx(2, NULL, NULL)};
    char hex[2][65];
    double before = 2;
    (void)state;
    for (int64_t rank = 1; rank <= 8; rank *= 2) {
        for (int k = 0; k < 2; k++) {
            fv_model *m = network(ctx[k]), *copy = NULL;
            fv_factor_row *rows;
            int count;
            run(m, &(fv_factor_options){.rank = rank, .layers = "wi*,fc1"}, &copy, &rows, &count);
            const fv_factor_row *wide = row_of(rows, count, "wide"), *fc = row_of(rows, count, "fc1");
            assert_int_equal(wide->parameters[0], 12 * 9 * 8);
            assert_int_equal(wide->parameters[1], rank * (9 * 8 + 12));
            assert_true(wide->macs[1] == wide->macs[0] / (12 * 9 * 8) * (double)(rank * (9 * 8 + 12)));
            assert_int_equal(fc->parameters[0] - fc->parameters[1],
                             fc->parameters[0] - 16 - rank * ((fc->parameters[0] - 16) / 16 + 16));
            assert_true(wide->weight_error < before && wide->weight_error > 0.01);
            assert_string_equal(row_of(rows, count, "stem")->why, "not named");
            before = k ? wide->weight_error : before;
            fv_model_sha256(copy, hex[k]);
            fv_factor_rows_free(ctx[k], rows);
            fv_model_destroy(&copy);
            fv_model_destroy(&m);
        }
        assert_string_equal(hex[0], hex[1]);
    }
    fv_ctx_destroy(&ctx[0]);
    fv_ctx_destroy(&ctx[1]);
}

static int64_t take_all(void *arg, const double *singular, int64_t count)
{
    (void)singular;
    return *(int64_t *)arg < count ? *(int64_t *)arg : count;
}

/* A matrix whose singular values are known: 3, 2 and 1, of either shape, and what a rank leaves out of it. */
static void test_known_matrix(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    float a[2][8 * 4];
    static const int64_t sizes[2][2] = {{8, 4}, {4, 8}};
    (void)state;
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 4; j++) {
            /* Columns of Hadamard matrices are orthogonal; 8 and 4 long. */
            double x = 0;
            for (int q = 0; q < 3; q++)
                x += (3 - q) * ((__builtin_popcount((unsigned)(i & (q + 1))) & 1) ? -1 : 1) *
                     ((__builtin_popcount((unsigned)(j & (q + 1))) & 1) ? -1 : 1) / sqrt(8.0 * 4.0);
            a[0][i * 4 + j] = a[1][j * 8 + i] = (float)x;
        }
    for (int k = 0; k < 2; k++)
        for (int64_t rank = 1; rank <= 4; rank++) {
            fv_low_rank f;
            assert_int_equal(fv_low_rank_find(ctx, a[k], sizes[k][0], sizes[k][1], take_all, &rank, &f), FV_OK);
            double left = 0;
            for (int q = 0; q < 4; q++) {
                assert_true(fabs(f.singular[q] - (3 - q)) < 1e-6);
                left += q >= rank ? (3.0 - q) * (3.0 - q) : 0;
            }
            assert_true(fabs(f.error - sqrt(left / 14)) < 1e-6);
            fv_low_rank_clear(ctx, &f);
        }
    fv_ctx_destroy(&ctx);
}

/* |a - left right| / |a| in float64. */
static double distance(const float *a, const fv_low_rank *f)
{
    double wrong = 0, all = 0;
    for (int64_t i = 0; i < f->rows; i++)
        for (int64_t j = 0; j < f->columns; j++) {
            double gap = (double)a[i * f->columns + j];
            all += gap * gap;
            for (int64_t q = 0; q < f->rank; q++)
                gap -= (double)f->left[i * f->rank + q] * (double)f->right[q * f->columns + j];
            wrong += gap * gap;
        }
    return all > 0 ? sqrt(wrong / all) : 0;
}

/* What NumPy gives (tests/golden/make_singular.py): the values, and what a rank leaves out is what they say. The same
 * bits on three threads. */
static void test_singular_values(void **state)
{
    fv_ctx *ctx[2] = {fv_test_ctx(1, NULL, NULL), fv_test_ctx(3, NULL, NULL)};
    char path[600], name[16];
    long long rows, columns;
    double decay;
    int lines = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/tests/golden/singular.txt", getenv("FOVEA_SOURCE_DIR"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fscanf(file, "%15s %lld %lld %lf", name, &rows, &columns, &decay) == 4) {
        const int64_t n = rows < columns ? rows : columns;
        float *a = malloc((size_t)(rows * columns) * sizeof *a);
        double expected[150], all = 0, scale = 1;
        for (int64_t i = 0; i < rows; i++, scale *= decay)
            for (int64_t j = 0; j < columns; j++)
                a[i * columns + j] = (float)(golden_x(golden_key(name), i * columns + j) * scale);
        for (int64_t i = 0; i < n; i++) {
            assert_int_equal(fscanf(file, "%lf", &expected[i]), 1);
            all += expected[i] * expected[i];
        }
        for (int64_t rank = 1; rank <= n; rank = rank == n ? n + 1 : rank * 3 < n ? rank * 3 : n) {
            fv_low_rank f[2];
            double left = 0;
            for (int k = 0; k < 2; k++)
                assert_int_equal(fv_low_rank_find(ctx[k], a, rows, columns, take_all, &rank, &f[k]), FV_OK);
            for (int64_t i = 0; i < n; i++) {
                if (fabs(f[0].singular[i] - expected[i]) > 1e-7 * expected[0])
                    fail_msg("%s: value %d is %.12g, expected %.12g", name, (int)i, f[0].singular[i], expected[i]);
                left += i >= rank ? expected[i] * expected[i] : 0;
            }
            if (fabs(f[0].error - sqrt(left / all)) > 2e-7 || fabs(f[0].error - distance(a, &f[0])) > 1e-9)
                fail_msg("%s, rank %d: %.9g left out, expected %.9g", name, (int)rank, f[0].error, sqrt(left / all));
            assert_memory_equal(f[0].left, f[1].left, (size_t)(rows * rank) * sizeof(float));
            assert_memory_equal(f[0].right, f[1].right, (size_t)(rank * columns) * sizeof(float));
            for (int k = 0; k < 2; k++)
                fv_low_rank_clear(ctx[k], &f[k]);
        }
        free(a);
        lines++;
    }
    fclose(file);
    assert_int_equal(lines, 3);
    fv_ctx_destroy(&ctx[0]);
    fv_ctx_destroy(&ctx[1]);
}

/* Matrices whose singular values are equal, or 0: nothing, ones on a diagonal, one row again and again, a few kinds of
 * rows; of each every part is kept, and one that is not finite is refused. */
static void test_equal_values(void **state)
{
    enum { N = 80, M = 96 };
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    static float a[N * M];
    (void)state;
    for (int kind = 0; kind < 5; kind++) {
        fv_low_rank f;
        int64_t rank = N;
        for (int i = 0; i < N; i++)
            for (int j = 0; j < M; j++)
                a[i * M + j] = kind == 0   ? 0.0f
                               : kind == 1 ? (float)(i == j)
                               : kind == 2 ? (float)(j % 5)
                               : kind == 3 ? (float)(i % 7 == j % 7)
                                           : (float)(2 * (i == j) + (i == j + 1) + (j == i + 1));
        if (fv_low_rank_find(ctx, a, N, M, take_all, &rank, &f) != FV_OK)
            fail_msg("kind %d: %s", kind, fv_ctx_error(ctx));
        if (f.error > 2e-7 || fabs(f.error - distance(a, &f)) > 1e-9)
            fail_msg("kind %d: %g left out", kind, f.error);
        assert_true(kind != 1 || (fabs(f.singular[0] - 1) < 1e-12 && fabs(f.singular[N - 1] - 1) < 1e-12));
        assert_true(kind != 3 || (f.singular[6] > 10 && f.singular[7] < 1e-5));
        fv_low_rank_clear(ctx, &f);
    }
    fv_low_rank f;
    int64_t rank = N;
    a[M + 3] = NAN;
    assert_int_equal(fv_low_rank_find(ctx, a, N, M, take_all, &rank, &f), FV_ERR_INTERNAL);
    fv_ctx_destroy(&ctx);
}

/* Energy and keep leave what does not become smaller; energy finds a rank that is there. */
static void test_choices(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = network(ctx), *copy = NULL;
    fv_factor_row *rows;
    int count;
    (void)state;
    float *w = fv_tensor_data(fv_model_find_tensor(m, "point.weight"));
    for (int o = 0; o < 10; o++) /* rank 2 */
        for (int i = 0; i < 8; i++)
            w[o * 8 + i] = (float)((o + 1) * (i + 2)) + 0.5f * (float)((o * 7 % 5) * (i * 3 % 4));
    run(m, &(fv_factor_options){.energy = 1 - 1e-9}, &copy, &rows, &count);
    assert_int_equal(row_of(rows, count, "point")->rank, 2);
    assert_true(row_of(rows, count, "point")->weight_error < 1e-6);
    assert_false(row_of(rows, count, "wide")->factored);
    assert_non_null(strstr(row_of(rows, count, "wide")->why, "no smaller"));
    fv_factor_rows_free(ctx, rows);
    fv_model_destroy(&copy);
    run(m, &(fv_factor_options){.keep = 0.4}, &copy, &rows, &count);
    for (int i = 0; i < count; i++)
        assert_true(!rows[i].factored || rows[i].rank == 1 ||
                    (double)rows[i].parameters[1] <= 0.4 * (double)rows[i].parameters[0] + 16);
    fv_factor_rows_free(ctx, rows);
    fv_model_destroy(&copy);
    const struct {
        fv_factor_options o;
        fv_status status;
        const char *text;
    } bad[] = {
        {{.rank = 2, .keep = 0.5}, FV_ERR_CONFLICT, "2 of them"},
        {{.energy = 1.5}, FV_ERR_VALUE, "energy 1.5"},
        {{.rank = -1}, FV_ERR_VALUE, "rank -1"},
        {{.layers = "conv*,fc9"}, FV_ERR_VALUE, "is called 'conv*'"},
        {{.layers = "fc1,fc9"}, FV_ERR_VALUE, "is called 'fc9'"},
        {{.layers = "deep"}, FV_ERR_MODEL, "depthwise"},
        {{.method = FV_FACTOR_SPATIAL, .layers = "fc1"}, FV_ERR_MODEL, "use svd"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(fv_model_factorize(m, &bad[i].o, &copy, &rows, &count), bad[i].status);
        assert_null(copy);
        if (!strstr(fv_ctx_error(ctx), bad[i].text))
            fail_msg("'%s' does not say '%s'", fv_ctx_error(ctx), bad[i].text);
        fv_factor_rows_free(ctx, rows);
    }
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* What stays, with the reason; heads for training alone are factored too, and stay heads. */
static void test_others(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL, *copy = NULL;
    fv_factor_row *rows;
    int count;
    fv_aux_info aux;
    (void)state;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 8, 8, 4);
    fv_value shared = fv_parameter(m, "shared", &(fv_shape){4, {4, 3, 3, 4}}, FV_INIT_HE_NORMAL, 0);
    for (int i = 0; i < 2; i++)
        x = fv_layer(m, "conv2d", (fv_value[]){x, shared}, 2, &(fv_layer_options){.attributes = "pad=1"});
    x = fv_conv_transpose2d(m, x, .name = "up", .filters = 4, .kernel = {2, 2}, .stride = {2, 2});
    fv_aux_head(m, fv_dense(m, fv_flatten(m, x), .name = "side", .units = 6), 0.3);
    x = value_of(m, "max_pool2d", x, "size=4");
    assert_int_equal(fv_model_finish(m, fv_dense(m, fv_flatten(m, x), .name = "fc", .units = 6)), FV_OK);
    assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
    run(m, &(fv_factor_options){.rank = 2}, &copy, &rows, &count);
    assert_int_equal(count, 5);
    assert_non_null(strstr(rows[0].why, "other layers"));
    assert_non_null(strstr(row_of(rows, count, "up")->why, "transposed"));
    assert_true(row_of(rows, count, "side")->factored && row_of(rows, count, "fc")->factored);
    assert_true(fv_model_aux_head(copy, 0, &aux));
    assert_string_equal(aux.name, "side");
    double error;
    assert_int_equal(fv_factor_measure(m, copy, NULL, 1, rows, count, &error), FV_OK);
    assert_true(row_of(rows, count, "side")->output_error < 0 && row_of(rows, count, "fc")->output_error == error);
    fv_factor_rows_free(ctx, rows);
    fv_model_destroy(&copy);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_full_rank),    cmocka_unit_test(test_smaller),
                                       cmocka_unit_test(test_known_matrix), cmocka_unit_test(test_singular_values),
                                       cmocka_unit_test(test_equal_values), cmocka_unit_test(test_choices),
                                       cmocka_unit_test(test_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
