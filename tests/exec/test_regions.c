/* SPDX-License-Identifier: Apache-2.0 */
/* A program in which a depthwise and a pointwise convolution became one node: packed once, folded weights and all. */
#include "net.h"

#include "plan/plan.h"

enum { BATCH = 3, OUTPUTS = 4 };

extern const fv_solver fv_cpu_conv_block_solvers[];

static double nothing(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    (void)problem;
    return 0.0;
}

/* The CPU's solver of the pair under a name and at a price of its own. */
static fv_solver table[2];
static const fv_solver *const tables[] = {table, NULL};
static const fv_solver_provider provider = {.name = "own", .tables = tables};

/* Depthwise, norm, relu6, pointwise, norm, a sum with what came in when `residual`, pool, dense. */
static void make_net(net *t, bool residual)
{
    fv_conv2d_attr attr;
    fv_attr_defaults(fv_op_find(t->ctx, "conv2d"), &attr);
    attr.groups = 6;
    attr.pad[0] = attr.pad[1] = attr.pad[2] = attr.pad[3] = 1;
    fv_val *in = net_input(t, "images", 4, (const int64_t[]){1, 29, 31, 6});
    fv_val *wei = net_param(t, "dw.weight", FV_ROLE_PARAM, 4, (const int64_t[]){6, 3, 3, 1});
    fv_val *x = net_op(t, "conv2d", &attr, 2, (fv_val *[]){in, wei});
    x = net_unary(t, "relu6", net_norm(t, x));
    x = net_norm(t, net_conv(t, x, 6, 1, 1, 0, false));
    if (residual)
        x = net_add(t, x, in);
    net_output(t, net_dense(t, net_unary(t, "flatten", net_unary(t, "global_avg_pool", x)), OUTPUTS));
}

static int regions(const net_exec *exec)
{
    const fv_graph *g = net_exec_graph(exec);
    int count = 0;
    for (int32_t i = 0; i < g->n_nodes; i++)
        count += strcmp(g->nodes[i]->op->name, "region") == 0;
    return count;
}

static void run(fv_ctx *ctx, bool residual, bool keep_all, int expected, float out[BATCH * OUTPUTS])
{
    net t;
    net_init(&t, ctx, FV_F32, 5);
    make_net(&t, residual);
    net_bind(&t, FV_F32);
    net_exec_options o = net_options(&t, BATCH, false);
    o.optimize = true;
    o.keep_all = keep_all;
    net_exec *exec = net_compile(&t, &o);
    assert_int_equal(regions(exec), expected);
    float *images = net_exec_input(exec, 0);
    uint64_t rng = 3;
    for (int i = 0; i < BATCH * 29 * 31 * 6; i++)
        images[i] = (float)net_uniform(&rng);
    for (int step = 0; step < 2; step++)
        assert_int_equal(net_exec_run(exec, 1, (uint64_t)step), FV_OK);
    memcpy(out, net_exec_output(exec, 0, NULL), BATCH * OUTPUTS * sizeof(float));
    net_exec_destroy(&exec);
    net_free(&t);
}

static void test_same_bits(void **state)
{
    (void)state;
    table[0] = fv_cpu_conv_block_solvers[1];
    table[0].name = "own.region.pair";
    table[0].cost = nothing;
    for (int residual = 0; residual < 2; residual++) {
        float apart[BATCH * OUTPUTS], together[BATCH * OUTPUTS];
        fv_ctx *plain = fv_test_ctx(1, NULL, NULL), *joined = fv_test_ctx(2, NULL, NULL);
        assert_int_equal(fv_ctx_add_solvers(joined, &provider), FV_OK);
        run(plain, residual, false, 0, apart);
        run(joined, residual, false, 1, together);
        assert_memory_equal(apart, together, sizeof apart);
        run(joined, residual, true, 0, together); /* every value is asked for */
        assert_memory_equal(apart, together, sizeof apart);
        fv_ctx_destroy(&plain);
        fv_ctx_destroy(&joined);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
