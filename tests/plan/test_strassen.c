/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strassen's algorithm in dense products: its seven products are the matrix product exactly where numbers are integers,
 * every level takes 7/8 of the multiplications, and no planner takes it unasked.
 */
#include "support/support.h"

#include <math.h>

#include "backend/device.h"
#include "ops/ops.h"
#include "plan/plan.h"

/* Odd in every direction: halves reach over the ends. */
#define ROWS  1025
#define DEPTH 1027
#define UNITS 1039
/* Of the problem with all that may be asked for beside the product. */
#define SAMPLES FV_TEST_CASES(2, 1)

typedef struct fixture {
    fv_ctx *ctx;
    fv_graph *graph;
    fv_node *node;
    fv_plan *plan;
    int64_t before; /* bytes of the context alone */
} fixture;

/* The plan of a problem by an algorithm that is asked for, or by the planner's own choice. */
static fixture planned(const char *isa, int threads, const char *algorithm, const char *problem)
{
    fixture f = {.ctx = NULL};
    const fv_ctx_options options = {.isa = isa, .threads = threads};
    assert_int_equal(fv_ctx_create(&options, &f.ctx), FV_OK);
    assert_int_equal(fv_ctx_plan(f.ctx, &(fv_plan_options){.algorithm = algorithm}), FV_OK);
    fv_ctx_memory(f.ctx, &f.before, NULL);
    if (fv_problem_parse(f.ctx, problem, &f.graph, &f.node) != FV_OK)
        fail_msg("%s", fv_ctx_error(f.ctx));
    const fv_planner planner = fv_planner_of(f.ctx, NULL);
    if (fv_plan_create(&planner, f.node, FV_F32, fv_problem_const_in(f.node), &f.plan) != FV_OK)
        fail_msg("%s", fv_ctx_error(f.ctx));
    return f;
}

static void end(fixture *f)
{
    int64_t left;
    fv_plan_destroy(&f->plan);
    fv_graph_destroy(&f->graph);
    fv_ctx_memory(f->ctx, &left, NULL);
    assert_int_equal(left, f->before);
    fv_ctx_destroy(&f->ctx);
}

/* Memory of `bytes`, with what kernels may read behind it. */
static void *room(size_t bytes)
{
    void *p = aligned_alloc(FV_ALIGN, (bytes + FV_TAIL_PAD + FV_ALIGN - 1) / FV_ALIGN * FV_ALIGN);
    assert_non_null(p);
    return p;
}

/* The result of one run of so many samples (0: all of them), NaN where nothing is written; freed by the caller. */
static float *result_of(const fixture *f, float *const *in, int64_t samples)
{
    const size_t bytes = (size_t)fv_shape_count(&f->node->out[0]->shape) * sizeof(float);
    float *out = room(bytes);
    void *packed = room(fv_plan_packed_bytes(f->plan)), *workspace = room(fv_plan_workspace_bytes(f->plan));
    const fv_call pack = {.node = f->node, .in = (void *const *)in, .workspace = workspace};
    fv_call call = pack;
    call.out = (void *[]){out};
    call.packed = packed;
    call.shards = 1;
    call.samples = samples;
    memset(out, 0xff, bytes);
    f->plan->solver->pack(f->plan, &pack, packed);
    f->plan->solver->run(f->plan, &call);
    free(packed);
    free(workspace);
    return out;
}

static float *result(const fixture *f, float *const *in)
{
    return result_of(f, in, 0);
}

/* Values of -8 to 8 by a whole step, or of [-1, 1). */
static float *filled(int64_t count, uint64_t seed, bool integers)
{
    float *x = room((size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        x[i] = integers ? (float)((int)(seed >> 40) % 17 - 8) : (float)((double)(seed >> 40) / 8388608.0 - 1.0);
    }
    return x;
}

static void texts(char problem[160], char asked[160])
{
    snprintf(problem, 160, "dense f32 %dx%dx%d o%di%d:const o%d:const %dx%dx%d activation=relu", SAMPLES, ROWS, DEPTH,
             UNITS, DEPTH, UNITS, SAMPLES, ROWS, UNITS);
    snprintf(asked, 160, "dense f32 1x%dx%d o%di%d:const", ROWS, DEPTH, UNITS, DEPTH);
}

/* Sums of up to 2^17 in size, and of such: all exact, so that any order gives the same. */
static void test_integers(void **state)
{
    (void)state;
    char problem[160], plain[160];
    texts(problem, plain);
    float *in[] = {filled(SAMPLES * ROWS * DEPTH, 1, true), filled(UNITS * DEPTH, 2, true), filled(UNITS, 3, true),
                   filled(SAMPLES * ROWS * UNITS, 4, true)};
    fixture chain = planned(NULL, 1, "gemm", problem), fast = planned(NULL, 1, "strassen", problem);
    assert_string_equal(chain.plan->solver->name, "cpu.dense.gemm");
    assert_string_equal(fast.plan->solver->name, "cpu.dense.strassen");
    float *want = result(&chain, in), *got = result(&fast, in);
    for (int64_t i = 0; i < SAMPLES * ROWS * UNITS; i++)
        if (want[i] != got[i])
            fail_msg("result %lld is %.9g in place of %.9g", (long long)i, (double)got[i], (double)want[i]);
    free(got);
    /* Samples that do not matter are not computed. */
    got = result_of(&fast, in, 1);
    assert_memory_equal(want, got, ROWS * UNITS * sizeof *got);
    for (int64_t i = ROWS * UNITS; i < SAMPLES * ROWS * UNITS; i++)
        assert_true(isnan(got[i]));
    free(want);
    free(got);
    end(&chain);
    end(&fast);
    for (int i = 0; i < 4; i++)
        free(in[i]);
}

/* Within what the solver states, a sample's bits whatever threads and others there are. */
static void test_error_and_bits(void **state)
{
    (void)state;
    char problem[160], plain[160];
    texts(problem, plain);
    float *in[] = {filled(ROWS * DEPTH, 5, false), filled(UNITS * DEPTH, 6, false), NULL, NULL};
    fixture chain = planned(NULL, 2, "gemm", plain), fast = planned(NULL, 1, "strassen", plain),
            threads = planned(NULL, 3, "strassen", plain);
    float *near = result(&chain, in), *got = result(&fast, in), *again = result(&threads, in);
    const double bound = fv_solver_bound(fast.plan->solver, fast.node, (void *const *)in);
    double largest = 0;
    assert_memory_equal(got, again, ROWS * UNITS * sizeof *got);
    for (int64_t i = 0; i < ROWS * UNITS; i++)
        largest = fmax(largest, fabs((double)got[i] - (double)near[i]));
    assert_true(largest > 0 && largest < bound);
    free(near);
    free(got);
    free(again);
    end(&chain);
    end(&fast);
    end(&threads);
    free(in[0]);
    free(in[1]);
}

/* Multiplications of a plan, and the levels of parts that it has. */
static double multiplications(const fv_plan *plan, int *levels)
{
    double sum = 0;
    int deepest = 0, parts = 0;
    for (const fv_plan *sub = plan->first_sub; sub; sub = sub->next_sub, parts++) {
        int below;
        sum += multiplications(sub, &below);
        deepest = below + 1;
    }
    *levels = deepest;
    if (parts > 0) {
        assert_int_equal(parts, 7);
        return sum;
    }
    return (double)fv_shape_count(&plan->problem.node->in[0]->shape) * (double)plan->problem.node->in[1]->shape.dim[0];
}

static void test_multiplications(void **state)
{
    (void)state;
    for (int size = 1024, expected = 1; size <= 4096; size *= 2, expected++) {
        char problem[96];
        int levels;
        snprintf(problem, sizeof problem, "dense f32 1x%dx%d o%di%d:const", size, size, size, size);
        fixture f = planned(NULL, 1, "strassen", problem);
        const double all = (double)size * size * size;
        assert_true(multiplications(f.plan, &levels) == all * pow(7.0 / 8.0, expected));
        assert_int_equal(levels, expected);
        end(&f);
    }
}

/* Off where nobody asks; refused where rows are samples, and where halves are small. */
static void test_asked_for_only(void **state)
{
    (void)state;
    static const struct {
        const char *algorithm, *problem;
    } rows[] = {
        {NULL, "dense f32 1x2048x2048 o2048i2048:const"},       {"strassen", "dense f32 n2048i2048 o2048i2048:const"},
        {"strassen", "dense f32 1x1023x2048 o2048i2048:const"}, {"strassen", "dense f32 1x2048x1023 o2048i1023:const"},
        {"strassen", "dense f32 1x2048x2048 o1023i2048:const"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture f = planned(NULL, 1, rows[i].algorithm, rows[i].problem);
        assert_string_equal(f.plan->solver->name, "cpu.dense.gemm");
        end(&f);
    }
}

/* The same bits on every instruction set. */
static void test_instruction_sets(void **state)
{
    (void)state;
    char problem[160], plain[160];
    fv_cpu cpu;
    fv_cpu_detect(&cpu);
    texts(problem, plain);
    float *in[] = {filled(ROWS * DEPTH, 7, false), filled(UNITS * DEPTH, 8, false), NULL, NULL}, *first = NULL;
    for (int isa = FV_TEST_CASES(0, FV_ISA_COUNT); isa < FV_ISA_COUNT; isa++) {
        if (!cpu.has[isa] || !fv_kernels_get((fv_isa)isa))
            continue;
        fixture f = planned(fv_isa_name((fv_isa)isa), 2, "strassen", plain);
        float *got = result(&f, in);
        if (first)
            assert_memory_equal(first, got, ROWS * UNITS * sizeof *got);
        end(&f);
        free(first);
        first = got;
    }
    free(first);
    free(in[0]);
    free(in[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),         cmocka_unit_test(test_error_and_bits),
        cmocka_unit_test(test_multiplications),  cmocka_unit_test(test_asked_for_only),
        cmocka_unit_test(test_instruction_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
