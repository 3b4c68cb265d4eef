/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of values from histograms whose range grows. */
#include "support/support.h"

#include <math.h>

#include "compress/histogram.h"

enum { N = 20000 };

/* A normal distribution, as a sum of twelve numbers. */
static void draw(float *x, uint32_t seed)
{
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int k = 0; k < 12; k++) {
            seed = seed * 1664525u + 1013904223u;
            sum += (double)(seed >> 8) / (1 << 24);
        }
        x[i] = (float)(sum - 6);
    }
}

static double error_of(const float *x, double low, double high)
{
    const double step = (high - low) / 255, zero = rint(-low / step);
    double sum = 0;
    for (int i = 0; i < N; i++) {
        const double q = fmin(fmax(rint((double)x[i] / step) + zero, 0), 255), gap = (double)x[i] - (q - zero) * step;
        sum += gap * gap;
    }
    return sum / N;
}

/* Pieces of any size, the largest last, leave what one piece leaves. */
static void test_growth(void **state)
{
    (void)state;
    static float x[N];
    static fv_histogram whole, parts;
    draw(x, 1);
    x[N - 1] = 64;
    x[0] = x[1] = 0;
    memset(&whole, 0, sizeof whole);
    memset(&parts, 0, sizeof parts);
    const float first = 0.5f;
    assert_true(fv_histogram_add(&whole, &first, 1));
    assert_true(fv_histogram_add(&parts, &first, 1));
    assert_true(fv_histogram_add(&whole, x, N));
    for (int i = 0; i < N; i += 100)
        assert_true(fv_histogram_add(&parts, x + i, 100));
    assert_true(whole.limit > 64 && whole.limit < 128.5 && parts.limit == whole.limit);
    assert_int_equal(whole.zeros, 2);
    assert_int_equal(whole.zeros + whole.others, N + 1);
    assert_memory_equal(whole.bin, parts.bin, sizeof whole.bin);
    assert_true(whole.low == parts.low && whole.high == parts.high);
    assert_false(fv_histogram_add(&parts, (const float[]){1, NAN}, 2));
    assert_false(fv_histogram_add(&parts, (const float[]){INFINITY}, 1));
}

static void test_rules(void **state)
{
    (void)state;
    static float x[N];
    static fv_histogram h;
    double low, high, all[2], best, found;
    draw(x, 7);
    x[5] = 40; /* one outlier */
    memset(&h, 0, sizeof h);
    assert_true(fv_histogram_add(&h, x, N));
    fv_histogram_range(&h, FV_CALIBRATION_MINMAX, 0, &all[0], &all[1]);
    assert_true(all[1] == 40 && all[0] < -3);
    assert_true(fv_histogram_beyond(&h, all[0], all[1]) == 0);
    fv_histogram_range(&h, FV_CALIBRATION_PERCENTILE, 99, &low, &high);
    assert_true(low > -2.8 && low < -2.3 && high > 2.3 && high < 2.8); /* 2.576 deviations, and bins of 40 / 2048 */
    assert_true(fabs(fv_histogram_beyond(&h, low, high) - 0.01) < 0.002);
    fv_histogram_range(&h, FV_CALIBRATION_MSE, 0, &low, &high);
    found = error_of(x, low, high);
    assert_true(found < error_of(x, all[0], all[1]));
    best = INFINITY;
    for (int i = 1; i <= 100; i++)
        best = fmin(best, error_of(x, all[0], all[1] * i / 100));
    assert_true(found <= 1.1 * best);
    fv_histogram_range(&h, FV_CALIBRATION_ENTROPY, 0, &low, &high);
    assert_true(high < 20 && high > 2 && low < -2);
}

/* What never varies, and what is never negative. */
static void test_edges(void **state)
{
    (void)state;
    static fv_histogram h;
    static float x[N];
    double low, high;
    memset(&h, 0, sizeof h);
    for (int i = 0; i < FV_CALIBRATION_COUNT; i++) {
        fv_histogram_range(&h, (fv_calibration)i, 99.99, &low, &high);
        assert_true(low == 0 && high == 0);
    }
    assert_true(fv_histogram_add(&h, (const float[]){3, 3, 3}, 3));
    for (int i = 0; i < FV_CALIBRATION_COUNT; i++) {
        fv_histogram_range(&h, (fv_calibration)i, 99.99, &low, &high);
        assert_true(low == 0 && high > 2.9 && high <= 3);
    }
    draw(x, 3);
    for (int i = 0; i < N; i++)
        x[i] = x[i] < 0 ? 0 : x[i];
    memset(&h, 0, sizeof h);
    assert_true(fv_histogram_add(&h, x, N));
    for (int i = 0; i < FV_CALIBRATION_COUNT; i++) {
        fv_histogram_range(&h, (fv_calibration)i, 99.9, &low, &high);
        if (!(low == 0 && high > 1.5 && high <= h.high))
            fail_msg("%s: %g to %g of %g to %g", fv_calibration_names()[i], low, high, h.low, h.high);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_growth), cmocka_unit_test(test_rules),
                                       cmocka_unit_test(test_edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
