/* SPDX-License-Identifier: Apache-2.0 */
/* What a search decides by: draws that depend on seed, trial and key alone, rungs, who goes on, means with margins. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include <fovea/tune.h>

static void draws(void **state)
{
    (void)state;
    enum { N = 4000 };
    double sum = 0, squares = 0, together = 0;
    /* A search that is resumed by another version must draw the same. */
    assert_true(fv_tune_draw(0, 1, "lr") == 0x1.a66b51af35db6p-1);
    assert_true(fv_tune_draw(5, 12, "label-smoothing") == 0x1.85270c58a0058p-1);
    for (int64_t i = 0; i < N; i++) {
        const double x = fv_tune_draw(7, i, "lr"), y = fv_tune_draw(7, i, "wd");
        assert_true(x >= 0 && x < 1 && x == fv_tune_draw(7, i, "lr"));
        assert_true(x != y && x != fv_tune_draw(8, i, "lr") && x != fv_tune_draw(7, i + 1, "lr"));
        sum += x;
        squares += x * x;
        together += (x - 0.5) * (y - 0.5);
    }
    /* Uniform to five standard errors: of the mean 1/sqrt(12 N), of the square's 4/sqrt(45 N), of the product's
     * 1/(12 sqrt(N)). */
    assert_true(fabs(sum / N - 0.5) < 5 / sqrt(12.0 * N));
    assert_true(fabs(squares / N - 1.0 / 3) < 5 * sqrt(4.0 / 45 / N));
    assert_true(fabs(together / N) < 5 / (12 * sqrt((double)N)));
}

static void expect_rungs(int64_t epochs, int64_t trials, int64_t reduction, int n, int64_t a, int64_t b, int64_t c)
{
    const int64_t expected[FV_RUNGS_MAX] = {a, b, c};
    int64_t rungs[FV_RUNGS_MAX] = {0};
    assert_int_equal(fv_tune_rungs(epochs, trials, reduction, rungs), n);
    assert_memory_equal(rungs, expected, sizeof rungs);
}

static void rungs(void **state)
{
    (void)state;
    expect_rungs(12, 12, 3, 3, 2, 4, 12);
    expect_rungs(100, 30, 3, 3, 12, 34, 100);
    expect_rungs(81, 27, 3, 3, 9, 27, 81);
    expect_rungs(12, 12, 1, 1, 12, 0, 0); /* nothing is cut short */
    expect_rungs(12, 3, 3, 1, 12, 0, 0);  /* too few to compare */
    expect_rungs(12, 4, 3, 2, 4, 12, 0);
    expect_rungs(1, 100, 3, 1, 1, 0, 0);
    expect_rungs(2, 100, 3, 2, 1, 2, 0);
    expect_rungs(12, 1, 3, 1, 12, 0, 0);
    expect_rungs(1000000, 1000000, 2, 3, 250000, 500000, 1000000);
}

static void promotion(void **state)
{
    (void)state;
    bool goes_on[8];
    const bool all[8] = {true, true, true, true, true, true, true, true};
    /* Trial 0 is the worst and goes on; of seven others two do, of equals those with the lowest numbers. */
    const double score[8] = {0.1, 0.5, 0.9, 0.5, 0.8, 0.8, 0.8, 0.2};
    assert_int_equal(fv_tune_promote(score, all, 8, true, 3, goes_on), 3);
    assert_memory_equal(goes_on, ((bool[8]){true, false, true, false, true, false, false, false}), 8);
    /* Losses. */
    assert_int_equal(fv_tune_promote(score, all, 8, false, 3, goes_on), 3);
    assert_memory_equal(goes_on, ((bool[8]){true, true, false, false, false, false, false, true}), 8);
    /* Diverged ones never do, nor those that are not in the rung; one of two others is the least. */
    const double lost[8] = {NAN, NAN, 0.9, INFINITY, 0.3, 0.2, 0.1, 0.99};
    const bool some[8] = {true, true, true, true, true, true, true, false};
    assert_int_equal(fv_tune_promote(lost, some, 8, true, 2, goes_on), 3);
    assert_memory_equal(goes_on, ((bool[8]){false, false, true, false, true, true, false, false}), 8);
    assert_int_equal(fv_tune_promote(score, all, 3, true, 8, goes_on), 2);
    assert_true(goes_on[0] && !goes_on[1] && goes_on[2]);
    const double none[3] = {0.4, NAN, NAN};
    assert_int_equal(fv_tune_promote(none, all, 3, true, 2, goes_on), 1);
    assert_int_equal(fv_tune_promote(none, all, 1, true, 3, goes_on), 1);
    /* A pure function of the results: whatever order trials are asked in, more of them at the end keep the best. */
    assert_int_equal(fv_tune_promote(score, all, 7, true, 3, goes_on), 3);
    assert_true(goes_on[2] && goes_on[4]);
}

static void means(void **state)
{
    (void)state;
    fv_mean m;
    fv_mean_of((const double[]){1, 2, 3, 4, NAN}, 5, &m);
    assert_int_equal(m.n, 4);
    assert_true(m.mean == 2.5 && fabs(m.deviation - 1.2909944487) < 1e-9 && fabs(m.error - 0.6454972244) < 1e-9);
    assert_true(fabs(m.margin - 3.182 * m.error) < 1e-9);
    fv_mean_of((const double[]){5}, 1, &m);
    assert_true(m.mean == 5 && isnan(m.deviation) && isnan(m.margin));
    fv_mean_of((const double[]){NAN}, 1, &m);
    assert_true(m.n == 0 && isnan(m.mean));
    /* Beyond the table: t of 40 and 120 degrees of freedom is 2.0211 and 1.9799. */
    double many[121];
    for (int i = 0; i < 121; i++)
        many[i] = i % 2;
    fv_mean_of(many, 41, &m);
    assert_true(fabs(m.margin / m.error - 2.0211) < 2e-3);
    fv_mean_of(many, 121, &m);
    assert_true(fabs(m.margin / m.error - 1.9799) < 2e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(draws), cmocka_unit_test(rungs), cmocka_unit_test(promotion),
                                       cmocka_unit_test(means)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
