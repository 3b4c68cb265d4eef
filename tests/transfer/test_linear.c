/* SPDX-License-Identifier: Apache-2.0 */
/* Linear classifiers against scikit-learn's, their folds, and that threads change no bit. */
#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

typedef struct rows {
    float *x;
    int32_t *y;
    fv_linear_data data;
} rows;

static uint64_t mix(uint64_t s)
{
    uint64_t z = s + 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* The rows of tests/golden/make_linear.py. */
static rows make_rows(const char *name, int64_t classes, int64_t n, int64_t width)
{
    rows r = {malloc((size_t)(n * width) * sizeof(float)), malloc((size_t)n * sizeof(int32_t)), {0}};
    uint64_t key = 0xCBF29CE484222325u;
    for (const char *p = name; *p; p++)
        key = (key ^ (uint8_t)*p) * 0x100000001B3u;
    for (int64_t i = 0; i < n; i++) {
        r.y[i] = i % 5 == 4 ? 0 : (int32_t)(i % classes);
        for (int64_t j = 0; j < width; j++) {
            const double u = (double)(mix(key + (uint64_t)(i * width + j)) >> 40) / 8388608.0 - 1.0;
            const double on = j % classes == r.y[i] ? 1.0 : 0.0;
            r.x[i * width + j] = (float)(2.0 * (double)j + (1.0 + 0.5 * (double)j) * u + 0.7 * on);
        }
    }
    r.data = (fv_linear_data){r.x, r.y, NULL, n, width, classes};
    return r;
}

static void free_rows(rows *r)
{
    free(r->x);
    free(r->y);
}

static fv_linear *fit(fv_ctx *ctx, const rows *r, const fv_linear_options *o)
{
    fv_linear *l;
    if (fv_linear_fit(ctx, &r->data, o, &l) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return l;
}

static int loss_of(const char *name)
{
    for (int i = 0; fv_linear_loss_names()[i]; i++)
        if (strcmp(fv_linear_loss_names()[i], name) == 0)
            return i;
    fail_msg("no loss '%s'", name);
    return -1;
}

/* The same minimum as scikit-learn's: coefficients to 1e-3 of the largest, and the same answers. */
static void test_golden(void **state)
{
    char path[600], name[64], loss[16];
    double c, value;
    long long classes, n, width;
    int standardize, cases = 0;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    (void)state;
    snprintf(path, sizeof path, "%s/tests/golden/linear.txt", getenv("FOVEA_SOURCE_DIR"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fscanf(f, "%63s %15s %lf %d %lld %lld %lld", name, loss, &c, &standardize, &classes, &n, &width) == 7) {
        rows r = make_rows(name, classes, n, width);
        const fv_linear_options o = {.loss = (fv_linear_loss)loss_of(loss),
                                     .c = c,
                                     .standardize = standardize,
                                     .tolerance = 1e-5,
                                     .max_iterations = 100000};
        fv_linear *l = fit(ctx, &r, &o);
        const int64_t vectors = fv_linear_vectors(l);
        double most = 0, off = 0;
        assert_true(fv_linear_converged(l, NULL));
        for (int64_t i = 0; i < vectors * (width + 1); i++) {
            assert_int_equal(fscanf(f, "%lf", &value), 1);
            const double ours =
                i < vectors * width ? fv_linear_weights(l)[i] : fv_linear_intercepts(l)[i - vectors * width];
            most = fabs(value) > most ? fabs(value) : most;
            off = fabs(ours - value) > off ? fabs(ours - value) : off;
        }
        if (!(off <= 1e-3 * most))
            fail_msg("%s: coefficients up to %g, off by %g", name, most, off);
        for (int64_t i = 0; i < n; i++) {
            int32_t said;
            int expected;
            double z[8];
            assert_int_equal(fscanf(f, "%d", &expected), 1);
            fv_linear_predict(l, r.x + i * width, 1, &said, z);
            const double apart = vectors > 1 ? z[said] - z[expected] : fabs(z[0]);
            if (said != expected && apart > 1e-4)
                fail_msg("%s: row %d: %d, expected %d", name, (int)i, said, expected);
        }
        fv_linear_destroy(&l);
        free_rows(&r);
        cases++;
    }
    fclose(f);
    assert_int_equal(cases, 10);
    fv_ctx_destroy(&ctx);
}

static void test_threads(void **state)
{
    (void)state;
    for (int loss = 0; loss < FV_LINEAR_LOSS_COUNT; loss++) {
        rows r = make_rows("threads", 3, 90, 200);
        fv_linear *l[2];
        fv_ctx *ctx[2];
        for (int k = 0; k < 2; k++) {
            ctx[k] = fv_test_ctx(k ? 3 : 1, NULL, NULL);
            l[k] = fit(ctx[k], &r, &(fv_linear_options){.loss = (fv_linear_loss)loss, .standardize = loss > 0});
        }
        assert_memory_equal(fv_linear_weights(l[0]), fv_linear_weights(l[1]), 600 * sizeof(double));
        assert_memory_equal(fv_linear_intercepts(l[0]), fv_linear_intercepts(l[1]), 3 * sizeof(double));
        for (int k = 0; k < 2; k++) {
            fv_linear_destroy(&l[k]);
            fv_ctx_destroy(&ctx[k]);
        }
        free_rows(&r);
    }
}

/* Other rows beside those that count change nothing. */
static void test_subset(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    rows r = make_rows("subset", 3, 60, 7), few = make_rows("subset", 3, 60, 7);
    int64_t list[30];
    for (int64_t i = 0; i < 30; i++) {
        list[i] = 59 - 2 * i;
        memcpy(few.x + i * 7, r.x + list[i] * 7, 7 * sizeof(float));
        few.y[i] = r.y[list[i]];
    }
    r.data.rows = list;
    r.data.n = few.data.n = 30;
    fv_linear *a = fit(ctx, &r, NULL), *b = fit(ctx, &few, NULL);
    assert_memory_equal(fv_linear_weights(a), fv_linear_weights(b), 21 * sizeof(double));
    fv_linear_destroy(&a);
    fv_linear_destroy(&b);
    free_rows(&r);
    free_rows(&few);
    fv_ctx_destroy(&ctx);
}

static void expect_failure(fv_ctx *ctx, const fv_linear_data *d, const fv_linear_options *o, fv_status status,
                           const char *text)
{
    fv_linear *l;
    assert_int_equal(fv_linear_fit(ctx, d, o, &l), status);
    assert_null(l);
    if (!strstr(fv_ctx_error(ctx), text))
        fail_msg("'%s' does not say '%s'", fv_ctx_error(ctx), text);
}

static void test_refused(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    rows r = make_rows("refused", 3, 30, 4);
    fv_linear_data d = r.data;
    expect_failure(ctx, &d, &(fv_linear_options){.c = -1}, FV_ERR_VALUE, "C -1");
    d.classes = 4;
    expect_failure(ctx, &d, NULL, FV_ERR_VALUE, "class 3 has no rows");
    d.classes = 2;
    expect_failure(ctx, &d, NULL, FV_ERR_VALUE, "expected 0 to 1");
    d.classes = 1;
    expect_failure(ctx, &d, NULL, FV_ERR_VALUE, "two classes");
    r.x[5] = NAN;
    expect_failure(ctx, &r.data, NULL, FV_ERR_DIVERGED, "number 1");
    free_rows(&r);
    fv_ctx_destroy(&ctx);
}

/* A classifier for which there is no room is refused before it is begun. */
static void test_budget(void **state)
{
    (void)state;
    fv_ctx *ctx;
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.threads = 1, .memory = 1 << 20}, &ctx), FV_OK);
    rows r = make_rows("budget", 3, 30, 20000);
    expect_failure(ctx, &r.data, NULL, FV_ERR_OVER_BUDGET, "20000 numbers");
    free_rows(&r);
    fv_ctx_destroy(&ctx);
}

/* ---- folds ---- */

static void test_split(void **state)
{
    enum { N = 53, FOLDS = 5 };
    int32_t y[N], fold[N], again[N], other[N];
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (int i = 0; i < N; i++)
        y[i] = i < 7 ? 0 : i < 30 ? 1 : 2;
    assert_int_equal(fv_linear_split(ctx, y, NULL, N, 3, FOLDS, 4, fold), FV_OK);
    assert_int_equal(fv_linear_split(ctx, y, NULL, N, 3, FOLDS, 4, again), FV_OK);
    assert_int_equal(fv_linear_split(ctx, y, NULL, N, 3, FOLDS, 5, other), FV_OK);
    assert_memory_equal(fold, again, sizeof fold);
    assert_memory_not_equal(fold, other, sizeof fold);
    for (int k = 0; k < 3; k++) {
        int count[FOLDS] = {0}, least = N, most = 0;
        for (int i = 0; i < N; i++)
            count[fold[i]] += y[i] == k;
        for (int f = 0; f < FOLDS; f++) {
            least = count[f] < least ? count[f] : least;
            most = count[f] > most ? count[f] : most;
        }
        assert_true(most - least <= 1);
    }
    y[0] = 2;
    for (int i = 1; i < 7; i++)
        y[i] = i == 1 ? 0 : 1;
    assert_int_equal(fv_linear_split(ctx, y, NULL, N, 3, FOLDS, 4, fold), FV_ERR_VALUE);
    assert_int_equal(fv_linear_split(ctx, y, NULL, N, 3, 1, 4, fold), FV_ERR_VALUE);
    fv_ctx_destroy(&ctx);
}

/* Samples of one group are on one side. */
static void test_groups(void **state)
{
    enum { N = 40, FOLDS = 4 };
    int32_t y[N], fold[N];
    uint64_t groups[N];
    int count[FOLDS] = {0};
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (int i = 0; i < N; i++) {
        y[i] = i / 20;
        groups[i] = i % 20 < 8 ? (uint64_t)(100 + i / 4 * 7) : 0;
    }
    assert_int_equal(fv_linear_split(ctx, y, groups, N, 2, FOLDS, 1, fold), FV_OK);
    for (int i = 0; i < N; i++) {
        count[fold[i]]++;
        for (int k = 0; k < N; k++)
            if (groups[i] && groups[i] == groups[k])
                assert_int_equal(fold[i], fold[k]);
    }
    for (int f = 0; f < FOLDS; f++)
        assert_true(count[f] > 0);
    fv_ctx_destroy(&ctx);
}

static void test_folds(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    rows r = make_rows("folds", 2, 80, 6);
    int32_t fold[80];
    fv_linear_score score;
    for (int64_t i = 0; i < 80; i++) /* told by one number */
        r.x[i * 6 + 3] = r.y[i] ? 5.0f : -5.0f;
    assert_int_equal(fv_linear_split(ctx, r.y, NULL, 80, 2, 4, 0, fold), FV_OK);
    assert_int_equal(fv_linear_folds(ctx, &r.data, NULL, fold, 4, &score), FV_OK);
    assert_true(score.mean == 1.0 && score.deviation == 0.0 && score.unconverged == 0 && score.iterations > 0);
    for (int64_t i = 0; i < 80; i++) /* and of one fold's rows the opposite */
        if (fold[i] == 2)
            r.x[i * 6 + 3] = -r.x[i * 6 + 3];
    assert_int_equal(fv_linear_folds(ctx, &r.data, NULL, fold, 4, &score), FV_OK);
    assert_true(score.accuracy[2] < 0.2 && score.deviation > 0.1);
    free_rows(&r);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),  cmocka_unit_test(test_threads), cmocka_unit_test(test_subset),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_budget),  cmocka_unit_test(test_split),
        cmocka_unit_test(test_groups),  cmocka_unit_test(test_folds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
