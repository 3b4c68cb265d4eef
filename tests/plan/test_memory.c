/* SPDX-License-Identifier: Apache-2.0 */
/* The memory planner: never two live buffers in one place, and not much above the least that is possible. */
#include "support/support.h"

#include "plan/plan.h"

static uint64_t next(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return *s >> 33;
}

/* The most that is live at any step: no plan can do with less. */
static int64_t lower_bound(const fv_block *b, int32_t n, int32_t steps)
{
    int64_t most = 0;
    for (int32_t t = 0; t <= steps; t++) {
        int64_t live = 0;
        for (int32_t i = 0; i < n; i++)
            live += b[i].first <= t && t <= b[i].last ? b[i].size : 0;
        most = live > most ? live : most;
    }
    return most;
}

static void check_plan(const fv_block *b, int32_t n, int64_t total)
{
    int64_t end = 0;
    for (int32_t i = 0; i < n; i++) {
        assert_true(b[i].offset >= 0 && b[i].offset % 64 == 0 && b[i].size % 64 == 0);
        end = b[i].offset + b[i].size > end ? b[i].offset + b[i].size : end;
        for (int32_t j = 0; j < i; j++) {
            bool time = b[i].first <= b[j].last && b[j].first <= b[i].last;
            bool space = b[i].offset < b[j].offset + b[j].size && b[j].offset < b[i].offset + b[i].size;
            if (time && space)
                fail_msg("blocks %d and %d overlap", (int)i, (int)j);
        }
    }
    assert_int_equal(total, end);
}

static void test_random(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    uint64_t seed = 5;
    double worst = 0.0, sum = 0.0;
    const int rounds = 300;
    for (int round = 0; round < rounds; round++) {
        fv_block b[200], again[200];
        int32_t n = 1 + (int32_t)(next(&seed) % 200), steps = 1 + (int32_t)(next(&seed) % 100);
        int32_t span = 1 + (int32_t)(next(&seed) % 20);
        for (int32_t i = 0; i < n; i++) {
            int32_t first = (int32_t)(next(&seed) % (uint64_t)steps);
            int32_t last = first + (int32_t)(next(&seed) % (uint64_t)span);
            b[i] = (fv_block){
                .size = (int64_t)(next(&seed) % 100000), .first = first, .last = last < steps ? last : steps};
            again[i] = b[i];
        }
        int64_t total, total2;
        assert_int_equal(fv_memory_plan(ctx, b, n, &total), FV_OK);
        check_plan(b, n, total);
        int64_t bound = lower_bound(b, n, steps);
        assert_true(total >= bound);
        double ratio = bound > 0 ? (double)total / (double)bound : 1.0;
        worst = ratio > worst ? ratio : worst;
        sum += ratio;
        assert_int_equal(fv_memory_plan(ctx, again, n, &total2), FV_OK);
        assert_int_equal(total, total2);
        assert_memory_equal(b, again, (size_t)n * sizeof *b);
    }
    print_message("memory over the lower bound: mean %.3f, worst %.3f\n", sum / rounds, worst);
    assert_true(worst < 1.35);
    assert_true(sum / rounds < 1.10);
    fv_ctx_destroy(&ctx);
}

/* A chain needs two buffers; training keeps everything until its backward step: the bound is met exactly. */
static void test_networks(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_block chain[50], mirror[100];
    int64_t total;
    for (int32_t i = 0; i < 50; i++)
        chain[i] = (fv_block){.size = 6400 - 64 * i, .first = i, .last = i + 1};
    assert_int_equal(fv_memory_plan(ctx, chain, 50, &total), FV_OK);
    check_plan(chain, 50, total);
    assert_int_equal(total, lower_bound(chain, 50, 100));
    for (int32_t i = 0; i < 50; i++) {
        mirror[i] = (fv_block){.size = 6400 - 64 * i, .first = i, .last = 100 - i};
        mirror[50 + i] = (fv_block){.size = 64 * (i + 1), .first = 50 + i, .last = 51 + i};
    }
    assert_int_equal(fv_memory_plan(ctx, mirror, 100, &total), FV_OK);
    check_plan(mirror, 100, total);
    assert_true((double)total <= 1.02 * (double)lower_bound(mirror, 100, 110));
    fv_ctx_destroy(&ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    int64_t total;
    fv_block negative = {.size = -1}, backwards = {.size = 64, .first = 3, .last = 2};
    fv_block huge[] = {{.size = INT64_MAX - 100}, {.size = INT64_MAX - 100}};
    assert_int_equal(fv_memory_plan(ctx, &negative, 1, &total), FV_ERR_ARGUMENT);
    assert_int_equal(fv_memory_plan(ctx, &backwards, 1, &total), FV_ERR_ARGUMENT);
    assert_int_equal(fv_memory_plan(ctx, huge, 2, &total), FV_ERR_OVER_BUDGET);
    assert_int_equal(fv_memory_plan(ctx, NULL, 0, &total), FV_OK);
    assert_int_equal(total, 0);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
