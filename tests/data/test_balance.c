/* SPDX-License-Identifier: Apache-2.0 */
/* Balanced orders and class weights. */
#include "support/fixture.h"

#include <math.h>

#include "base/random.h"
#include "data/balance.h"

enum { CLASSES = 5, N = 1 + 7 + 40 + 300 + 2000 };
static const int64_t sizes[CLASSES] = {300, 1, 2000, 7, 40};
static int32_t labels[N];

static int setup(void **state)
{
    (void)state;
    fv_test_begin(1);
    int64_t at = 0;
    for (int k = 0; k < CLASSES; k++)
        for (int64_t i = 0; i < sizes[k]; i++)
            labels[at++] = k;
    for (int64_t i = N - 1; i > 0; i--) { /* not in blocks */
        uint32_t word[4];
        fv_philox(3, FV_RANDOM_TEST, (uint64_t)i, 0, word);
        const int64_t j = (int64_t)fv_random_below(word, (uint64_t)i + 1);
        const int32_t swap = labels[i];
        labels[i] = labels[j];
        labels[j] = swap;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return fv_test_end();
}

static int64_t *order_of(fv_balance how, double power, uint64_t seed, int64_t epoch, int64_t *count)
{
    const fv_balance_input in = {labels, N, CLASSES, how, power};
    int64_t again = 0;
    assert_int_equal(fv_balance_order(ctx, &in, seed, epoch, NULL, count), FV_OK);
    int64_t *order = calloc((size_t)*count, sizeof *order);
    assert_int_equal(fv_balance_order(ctx, &in, seed, epoch, order, &again), FV_OK);
    assert_int_equal(*count, again);
    return order;
}

static void draws_per_class(void **state)
{
    (void)state;
    const struct {
        fv_balance how;
        double power;
        int64_t expected[CLASSES];
    } rows[] = {
        {FV_BALANCE_NONE, 1.0, {300, 1, 2000, 7, 40}},
        {FV_BALANCE_WEIGHTS, 1.0, {300, 1, 2000, 7, 40}},
        {FV_BALANCE_OVERSAMPLE, 1.0, {2000, 2000, 2000, 2000, 2000}},
        {FV_BALANCE_OVERSAMPLE, 0.0, {300, 1, 2000, 7, 40}},
        {FV_BALANCE_OVERSAMPLE, 0.5, {775, 45, 2000, 118, 283}}, /* sqrt(2000 n) */
        {FV_BALANCE_UNDERSAMPLE, 1.0, {1, 1, 1, 1, 1}},
        {FV_BALANCE_UNDERSAMPLE, 0.5, {17, 1, 45, 3, 6}}, /* sqrt(n) */
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (int64_t epoch = 0; epoch < 3; epoch++) {
            int64_t count = 0, drawn[CLASSES] = {0}, times[N] = {0};
            int64_t *order = order_of(rows[r].how, rows[r].power, 9, epoch, &count);
            for (int64_t i = 0; i < count; i++) {
                assert_true(order[i] >= 0 && order[i] < N);
                drawn[labels[order[i]]]++;
                times[order[i]]++;
            }
            for (int k = 0; k < CLASSES; k++)
                assert_int_equal(drawn[k], rows[r].expected[k]);
            for (int64_t i = 0; i < N; i++) { /* evenly within the class */
                const int64_t least = drawn[labels[i]] / sizes[labels[i]];
                assert_true(times[i] == least || times[i] == least + 1);
            }
            free(order);
        }
    }
}

/* A class's share in any stretch of the order is that of chance: within 3 sigma in (nearly) all stretches. */
static void batches_are_mixed(void **state)
{
    (void)state;
    int64_t count = 0, outside = 0, stretches = 0;
    enum { BATCH = 500 };
    for (int64_t epoch = 0; epoch < 10; epoch++) {
        int64_t *order = order_of(FV_BALANCE_OVERSAMPLE, 1.0, 4, epoch, &count);
        for (int64_t b = 0; b + BATCH <= count; b += BATCH) {
            int64_t drawn[CLASSES] = {0};
            for (int64_t i = b; i < b + BATCH; i++)
                drawn[labels[order[i]]]++;
            for (int k = 0; k < CLASSES; k++) {
                const double p = 1.0 / CLASSES, sigma = sqrt(BATCH * p * (1 - p));
                outside += fabs((double)drawn[k] - BATCH * p) > 3 * sigma;
                stretches++;
            }
        }
        free(order);
    }
    assert_int_equal(stretches, 1000);
    assert_true(outside < 12); /* 0.27 % expected */
}

static void pure_function_of_seed_and_epoch(void **state)
{
    (void)state;
    int64_t count = 0;
    int64_t *a = order_of(FV_BALANCE_UNDERSAMPLE, 0.5, 1, 5, &count),
            *b = order_of(FV_BALANCE_UNDERSAMPLE, 0.5, 1, 5, &count),
            *c = order_of(FV_BALANCE_UNDERSAMPLE, 0.5, 1, 6, &count),
            *d = order_of(FV_BALANCE_UNDERSAMPLE, 0.5, 2, 5, &count);
    const size_t bytes = (size_t)count * sizeof *a;
    assert_memory_equal(a, b, bytes);
    assert_memory_not_equal(a, c, bytes);
    assert_memory_not_equal(a, d, bytes);
    /* Not the same samples in every epoch: of 2000 that are drawn 45 at a time, few come twice. */
    int64_t both = 0;
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < count; j++)
            both += labels[a[i]] == 2 && a[i] == c[j];
    assert_true(both < 8);
    free(a);
    free(b);
    free(c);
    free(d);
}

static void weights(void **state)
{
    (void)state;
    float w[CLASSES + 1];
    for (int p = 0; p <= 2; p++) {
        const double power = p / 2.0;
        double mean = 0;
        assert_int_equal(
            fv_balance_weights(ctx, &(fv_balance_input){labels, N, CLASSES + 1, FV_BALANCE_WEIGHTS, power}, w), FV_OK);
        for (int64_t i = 0; i < N; i++)
            mean += (double)w[labels[i]] / N;
        assert_true(fabs(mean - 1.0) < 1e-6);
        for (int k = 1; k < CLASSES; k++)
            assert_true(fabs(w[k] / w[0] - pow((double)sizes[k] / (double)sizes[0], -power)) < 1e-4 * w[k] / w[0]);
        assert_true(w[CLASSES] == 0.0f);
    }
    assert_int_equal(fv_balance_weights(ctx, &(fv_balance_input){labels, N, CLASSES, FV_BALANCE_OVERSAMPLE, 1.0}, w),
                     FV_OK);
    for (int k = 0; k < CLASSES; k++)
        assert_true(w[k] == 1.0f);
}

static void words(void **state)
{
    (void)state;
    fv_balance how;
    double power;
    assert_int_equal(fv_balance_parse(ctx, "oversample", &how, &power), FV_OK);
    assert_true(how == FV_BALANCE_OVERSAMPLE && power == 1.0);
    assert_int_equal(fv_balance_parse(ctx, "weights=0.5", &how, &power), FV_OK);
    assert_true(how == FV_BALANCE_WEIGHTS && power == 0.5);
    assert_int_equal(fv_balance_parse(ctx, "oversampel", &how, &power), FV_ERR_VALUE);
    assert_non_null(strstr(fv_ctx_error(ctx), "did you mean 'oversample'"));
    assert_int_equal(fv_balance_parse(ctx, "weights=2", &how, &power), FV_ERR_VALUE);
    assert_int_equal(fv_balance_parse(ctx, "weights=x", &how, &power), FV_ERR_VALUE);
    int64_t count;
    const int32_t bad[2] = {0, 7};
    assert_int_equal(fv_balance_order(ctx, &(fv_balance_input){bad, 2, 3, FV_BALANCE_NONE, 1}, 0, 0, NULL, &count),
                     FV_ERR_ARGUMENT);
    assert_int_equal(
        fv_balance_order(ctx, &(fv_balance_input){labels, N, CLASSES, FV_BALANCE_NONE, NAN}, 0, 0, NULL, &count),
        FV_ERR_VALUE);
}

static fv_status order_once(fv_ctx *own, void *arg)
{
    int64_t count = 0;
    return fv_balance_order(own, &(fv_balance_input){labels, N, CLASSES, FV_BALANCE_UNDERSAMPLE, 1.0}, 1, 1, arg,
                            &count);
}

static void allocation_failures(void **state)
{
    (void)state;
    int64_t order[CLASSES];
    assert_int_equal(fv_test_each_allocation(order_once, order), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_per_class),
        cmocka_unit_test(batches_are_mixed),
        cmocka_unit_test(pure_function_of_seed_and_epoch),
        cmocka_unit_test(weights),
        cmocka_unit_test(words),
        cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
