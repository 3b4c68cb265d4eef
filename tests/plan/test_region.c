/* SPDX-License-Identifier: Apache-2.0 */
/* Regions: the bits of the parts, the price of both forms, and what keeps nodes apart. */
#include "support/support.h"

#include "ops/ops.h"
#include "ops/region.h"
#include "plan/internal.h"

/* src, depthwise filters and bias, no residual between, filters, bias, residual. */
#define PAIR                                                                                                           \
    "region f32 2x28x30x24 24x3x3x1:const x24:const - 20x1x1x24:const x20:const 2x28x30x20 "                           \
    "conv2d{activation=relu6 pad=1 groups=24}+conv2d{activation=relu}"

extern const fv_solver fv_cpu_conv_block_solvers[];

/* ---- bits ---- */

static float *floats(fv_ctx *ctx, const fv_val *val, uint32_t salt)
{
    const int64_t count = fv_shape_count(&val->shape);
    float *data = fv_malloc(ctx, (size_t)count * sizeof *data);
    assert_non_null(data);
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)(((uint32_t)i + salt) * 2654435761u >> 8) / 8388608.0f - 1.0f;
    return data;
}

/* The parts, one after the other, by their reference loops. */
static float *apart(fv_ctx *ctx, const fv_node *node, void *const *in)
{
    const fv_region_attr *attr = node->attr;
    fv_region_nodes parts;
    float *src = NULL;
    assert_int_equal(fv_region_expand(ctx, node, &parts), FV_OK);
    for (int p = 0; p < parts.n; p++) {
        void *operands[FV_REGION_OPERANDS] = {p == 0 ? in[0] : src};
        for (int i = 1; i < parts.node[p].op->n_in_max; i++)
            operands[i] = in[fv_region_operand(attr, p, i)];
        float *dst = floats(ctx, &parts.val[p], 0);
        const fv_call call = {.node = &parts.node[p], .in = operands, .out = (void *[]){dst}, .shards = 1};
        parts.node[p].op->ref(&call);
        fv_free(ctx, src);
        src = dst;
    }
    return src;
}

/* A plan's results on these operands; what is behind the first `samples` stays NaN or not. */
static float *together(fv_ctx *ctx, const fv_node *node, const char *solver, void *const *in, int64_t samples)
{
    const fv_planner planner = fv_planner_of(ctx, NULL);
    const int64_t count = fv_shape_count(&node->out[0]->shape);
    fv_plan *plan = NULL;
    if (fv_plan_create(&planner, node, FV_F32, fv_problem_const_in(node), &plan) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_string_equal(plan->solver->name, solver);
    float *dst = fv_malloc(ctx, (size_t)count * sizeof *dst);
    void *packed = fv_malloc(ctx, fv_plan_packed_bytes(plan)), *work = fv_malloc(ctx, fv_plan_workspace_bytes(plan));
    assert_true(dst && packed && work);
    memset(dst, 0xff, (size_t)count * sizeof *dst);
    memset(work, 0xff, fv_plan_workspace_bytes(plan));
    const fv_call call = {.node = node,
                          .in = in,
                          .out = (void *[]){dst},
                          .packed = packed,
                          .workspace = work,
                          .shards = 1,
                          .samples = samples};
    assert_true(fv_plan_packs_once(plan));
    plan->solver->pack(plan, &call, packed);
    plan->solver->run(plan, &call);
    fv_free(ctx, packed);
    fv_free(ctx, work);
    fv_plan_destroy(&plan);
    return dst;
}

static void check_bits(const char *solver, const char *problem)
{
    fv_cpu cpu;
    fv_cpu_detect(&cpu);
    for (int isa = 0; isa < FV_ISA_COUNT; isa++)
        for (int threads = 1; threads <= 3 && cpu.has[isa] && fv_kernels_get((fv_isa)isa); threads += 2) {
            const fv_ctx_options options = {.isa = fv_isa_name((fv_isa)isa), .threads = threads};
            fv_ctx *ctx = NULL;
            fv_graph *g = NULL;
            fv_node *node = NULL;
            void *in[FV_REGION_OPERANDS] = {NULL};
            assert_int_equal(fv_ctx_create(&options, &ctx), FV_OK);
            if (fv_problem_parse(ctx, problem, &g, &node) != FV_OK)
                fail_msg("%s", fv_ctx_error(ctx));
            for (int i = 0; i < node->n_in; i++)
                in[i] = node->in[i] ? floats(ctx, node->in[i], (uint32_t)i * 1000u) : NULL;
            const size_t bytes = (size_t)fv_shape_count(&node->out[0]->shape) * sizeof(float);
            float *want = apart(ctx, node, in), *got = together(ctx, node, solver, in, 0);
            float *some = together(ctx, node, solver, in, 1);
            if (memcmp(want, got, bytes) != 0)
                fail_msg("%s with %d threads: other bits: %s", fv_ctx_isa(ctx), threads, problem);
            const size_t sample = bytes / (size_t)node->out[0]->shape.dim[0];
            assert_memory_equal(want, some, sample);
            assert_true(((const unsigned char *)some)[bytes - 1] == 0xff); /* the last sample was not computed */
            for (int i = 0; i < node->n_in; i++)
                fv_free(ctx, in[i]);
            fv_free(ctx, want);
            fv_free(ctx, got);
            fv_free(ctx, some);
            fv_graph_destroy(&g);
            fv_ctx_destroy(&ctx);
        }
}

static void test_bits(void **state)
{
    (void)state;
    static const char pair[] = "cpu.region.depthwise_pointwise", residual[] = "cpu.region.inverted_residual";
    check_bits(pair, PAIR);
    check_bits(pair, "region f32 3x33x33x40 40x5x5x1:const - - 7x1x1x40:const "
                     "conv2d{activation=relu stride=2 pad=2 groups=40}+conv2d{activation=relu6}");
    check_bits(pair, "region f32 2x40x40x3 3x3x3x1:const - - 33x1x1x3:const 33:const conv2d{groups=3}+conv2d{}");
    check_bits(residual, "region f32 2x41x43x12 160x1x1x12:const x160:const - 160x3x3x1:const x160:const - "
                         "12x1x1x160:const x12:const 2x41x43x12 "
                         "conv2d{activation=relu6}+conv2d{activation=relu6 pad=1 groups=160}+conv2d{}");
    check_bits(residual, "region f32 2x61x60x5 75x1x1x5:const - - 75x5x5x1:const - - 9x1x1x75:const "
                         "conv2d{activation=relu}+conv2d{stride=2 pad=2 groups=75}+conv2d{activation=relu6}");
    check_bits(residual, "region f32 2x120x64x4 70x1x1x4:const x70:const - 70x3x2x1:const - - 3x1x1x70:const "
                         "conv2d{}+conv2d{stride=4 dilation=3,1 pad=3,0 groups=70}+conv2d{}");
    check_bits(residual, "region f32 2x90x90x4 70x1x1x4:const x70:const - 70x2x2x1:const - - 3x1x1x70:const "
                         "conv2d{}+conv2d{stride=3 groups=70}+conv2d{}");
}

/* Nothing is gained where what lies between stays in a cache, and rows that skip pixels would be computed for nothing.
 */
static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *problem, *reason;
    } rows[] = {
        {"region f32 1x28x28x32 192x1x1x32 - - 192x3x3x1 - - 32x1x1x192 conv2d{}+conv2d{pad=1 groups=192}+conv2d{}",
         "stays in the cache"},
        {"region f32 1x64x64x8 80x1x1x8 - - 80x3x3x2 - - 8x1x1x80 conv2d{}+conv2d{pad=1 groups=40}+conv2d{}",
         "not depthwise"},
        {"region f32 1x64x64x8 80x3x3x8 - - 80x3x3x1 - - 8x1x1x80 conv2d{pad=1}+conv2d{pad=1 groups=80}+conv2d{}",
         "not 1x1"},
        {"region f32 1x64x64x8 80x1x1x8 - 1x64x64x80 80x3x3x1 - - 8x1x1x80 "
         "conv2d{}+conv2d{pad=1 groups=80}+conv2d{}",
         "a residual between the parts"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_graph *g = NULL;
        fv_node *node = NULL;
        if (fv_problem_parse(ctx, rows[i].problem, &g, &node) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        const fv_solver *solver = &fv_cpu_conv_block_solvers[0];
        const fv_problem problem = fv_problem_of(node, rows[i].problem, FV_F32, 0);
        const char *reason = solver->reject(solver, &problem);
        if (!reason || !strstr(reason, rows[i].reason))
            fail_msg("%s: '%s', expected '%s'", rows[i].problem, reason ? reason : "accepted", rows[i].reason);
        fv_graph_destroy(&g);
        fv_ctx_destroy(&ctx);
    }
}

static void test_text_reads_back(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "region f32 2x28x30x24 24x3x3x1",
        "region f32 2x28x30x24 24x3x3x1 conv2d{groups=24",
        "region f32 2x28x30x24 24x3x3x1 nothing{}",
        "region f32 2x28x30x24 24x3x3x1 conv2d{group=24}",
        "region f32 2x28x30x24 24x3x3x1 conv2d{groups=5}",
        "region f32 1x1x1x1 - relu{}+relu{}+relu{}+relu{}+relu{}",
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_graph *g = NULL;
    fv_node *node = NULL;
    fv_str text = {.ctx = ctx};
    if (fv_problem_parse(ctx, PAIR, &g, &node) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_problem_text_const(node, FV_F32, fv_problem_const_in(node), &text), FV_OK);
    assert_string_equal(fv_str_get(&text), PAIR);
    fv_str_free(&text);
    fv_graph_destroy(&g);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (fv_problem_parse(ctx, bad[i], &g, &node) == FV_OK)
            fail_msg("accepted '%s'", bad[i]);
    }
    fv_ctx_destroy(&ctx);
}

/* ---- both forms priced ---- */

static double own_cost(const fv_solver *self, const fv_problem *problem)
{
    (void)problem;
    return *(const double *)self->arg;
}

static void own_run(const fv_plan *plan, const fv_call *call)
{
    (void)plan;
    (void)call;
}

static const double cheap = 1.0, dear = 1e12;
static const char *const two_tanh[] = {"tanh", "tanh", NULL};
#define OWN(name_, bits_, cost_)                                                                                       \
    {                                                                                                                  \
        .name = name_, .op = "region", .chain = two_tanh, .version = 1, .bits = bits_, .arg = cost_, .cost = own_cost, \
        .run = own_run                                                                                                 \
    }
static const fv_solver cheap_table[] = {OWN("own.region.cheap", NULL, &cheap), {.name = NULL}};
static const fv_solver dear_table[] = {OWN("own.region.dear", NULL, &dear), {.name = NULL}};
static const fv_solver other_table[] = {OWN("own.region.other", "other", &cheap), {.name = NULL}};
static const fv_solver *const cheap_tables[] = {cheap_table, NULL}, *const dear_tables[] = {dear_table, NULL},
                              *const other_tables[] = {other_table, NULL};
static const fv_solver_provider cheap_provider = {"cheap", cheap_tables}, dear_provider = {"dear", dear_tables},
                                other_provider = {"other", other_tables};

/* tanh(tanh(x)), and also tanh(x) where `shown`. */
static fv_graph *two_nodes(fv_ctx *ctx, bool shown)
{
    fv_graph *g = NULL;
    fv_val *x;
    fv_node *first, *second;
    const fv_op *op = fv_op_find(ctx, "tanh");
    assert_int_equal(fv_graph_create(ctx, fv_op_find, &g), FV_OK);
    assert_int_equal(fv_graph_input(g, "x", FV_F32, &(fv_shape){2, {3, 5}}, &x), FV_OK);
    assert_int_equal(fv_graph_add(g, op, "first", NULL, &x, 1, &first), FV_OK);
    assert_int_equal(fv_graph_add(g, op, "second", NULL, first->out, 1, &second), FV_OK);
    assert_int_equal(fv_graph_output(g, second->out[0]), FV_OK);
    if (shown)
        assert_int_equal(fv_graph_output(g, first->out[0]), FV_OK);
    return g;
}

/* Nodes after the pass. */
static int nodes_after(fv_ctx *ctx, const fv_solver_provider *provider, bool shown, fv_wisdom *wisdom)
{
    const fv_planner planner = {
        .ctx = ctx,
        .providers = (const fv_solver_provider *const[]){provider, &fv_cpu_provider, &fv_reference_provider, NULL},
        .wisdom = wisdom};
    fv_graph *g = two_nodes(ctx, shown), *joined = NULL;
    assert_int_equal(fv_pass_regions(&planner, FV_F32, g, &joined), FV_OK);
    assert_int_equal(fv_graph_verify(joined), FV_OK);
    const int nodes = joined->n_nodes;
    assert_string_equal(joined->outputs[0]->name, "second");
    fv_graph_destroy(&g);
    fv_graph_destroy(&joined);
    return nodes;
}

static void test_the_cheaper_form_is_kept(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_wisdom *wisdom = NULL;
    assert_int_equal(nodes_after(ctx, &cheap_provider, false, NULL), 1);
    assert_int_equal(nodes_after(ctx, &dear_provider, false, NULL), 2);
    assert_int_equal(nodes_after(ctx, &other_provider, false, NULL), 2); /* bits would change */
    assert_int_equal(nodes_after(ctx, &cheap_provider, true, NULL), 2);  /* the value between is asked for */
    /* What was chosen before is chosen again. */
    assert_int_equal(fv_wisdom_create(ctx, &wisdom), FV_OK);
    assert_int_equal(fv_wisdom_read(wisdom, "w", "region f32 3x5 tanh{}+tanh{} => own.region.dear@1\n"), FV_OK);
    assert_int_equal(nodes_after(ctx, &dear_provider, false, wisdom), 1);
    fv_wisdom_destroy(&wisdom);
    int64_t now;
    fv_ctx_memory(ctx, &now, NULL);
    assert_int_equal(now, 0);
    fv_ctx_destroy(&ctx);
}

static fv_status join_once(fv_ctx *ctx, void *arg)
{
    const fv_planner planner = {
        .ctx = ctx, .providers = (const fv_solver_provider *const[]){&cheap_provider, &fv_cpu_provider, NULL}};
    fv_graph *g = NULL, *joined = NULL;
    fv_node *node = NULL, *second = NULL;
    (void)arg;
    fv_status status = fv_problem_parse(ctx, "tanh f32 3x5", &g, &node);
    if (status == FV_OK)
        status = fv_graph_add(g, node->op, "second", NULL, node->out, 1, &second);
    if (status == FV_OK)
        status = fv_graph_output(g, second->out[0]);
    if (status == FV_OK)
        status = fv_pass_regions(&planner, FV_F32, g, &joined);
    fv_graph_destroy(&g);
    fv_graph_destroy(&joined);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(join_once, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_text_reads_back),
        cmocka_unit_test(test_the_cheaper_form_is_kept),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
