/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One generic conformance run over the operator table. For every problem: the inferred shape is what is written, and no
 * byte more; every solver agrees with the reference; the gradient agrees with finite differences in float64; texts and
 * the model file's JSON read back; two runs have the same bits; no allocation may fail unnoticed.
 *
 * Problems are made at random from an operator's row and read from cases/<operator>.txt, one line each.
 */
#include <math.h>

#include "conform.h"

#include "base/ctx.h"
#include "base/file.h"

#define RANDOM_PER_OP 25
#define RANDOM_CONVS  500

/* Calls fn for every line of cases/<op>.txt that is neither empty nor a comment; returns their number. */
static int each_case(conform *c, const char *op, void (*fn)(conform *c, const char *line))
{
    char path[512];
    const char *source = getenv("FOVEA_SOURCE_DIR");
    uint8_t *data = NULL;
    int64_t size;
    int count = 0;
    snprintf(path, sizeof path, "%s/tests/exec/cases/%s.txt", source ? source : ".", op);
    if (!fv_path_exists(path))
        return 0;
    assert_int_equal(fv_file_read(c->ctx, path, 1 << 20, false, &data, &size), FV_OK);
    for (char *line = (char *)data; line && *line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        if (*line && *line != '#') {
            fn(c, line);
            count++;
        }
        line = end;
    }
    fv_free(c->ctx, data);
    return count;
}

static void whole_problem(conform *c, const char *line)
{
    conform_problem(c, line, true);
}

static bool has_operand(const fv_op *op, const char *name)
{
    for (int i = 0; i < op->n_in_max; i++) {
        if (strcmp(op->operands[i], name) == 0)
            return true;
    }
    return false;
}

/* Solvers that leave samples alone which do not matter (fv_call.samples): what a network's inference is made of. */
static bool is_shortened(const char *solver)
{
    static const char names[] =
        " conv2d.gemm conv2d.igemm conv2d.depthwise conv_transpose2d.igemm dense.gemm relu relu6 "
        "leaky_relu sigmoid tanh hard_sigmoid hard_swish silu gelu erf add mul prelu max_pool2d avg_pool2d "
        "adaptive_avg_pool2d global_avg_pool global_max_pool batch_norm softmax log_softmax concat "
        "slice pad channel_shuffle upsample2d lrn dropout layer_norm stochastic_depth ";
    char word[64];
    snprintf(word, sizeof word, " %s ", solver + strlen("cpu."));
    return strstr(names, word) != NULL;
}

/* Operands that only make sense with the forward run they come from: positions of maxima, a result beside what it was
 * computed from. Such operators are met in the gradients of others. */
static bool needs_forward(const fv_op *op)
{
    return has_operand(op, "arg") || (has_operand(op, "src") && has_operand(op, "dst"));
}

/* Operators of 8-bit integers. */
static bool is_of_integers(const char *name)
{
    return strncmp(name, "q_", 2) == 0 || strncmp(name, "qat_", 4) == 0 || strcmp(name, "lookup") == 0 ||
           strncmp(name, "quantize", 8) == 0 || strcmp(name, "dequantize") == 0;
}

/* Random numbers from the name: one more operator leaves the problems of the others as they are. */
static uint64_t seed_of(const char *name)
{
    uint64_t seed = 1469598103934665604u; /* one for which no difference steps over a kink */
    for (; *name; name++)
        seed = (seed ^ (uint8_t)*name) * 1099511628211u;
    return seed;
}

static void test_table(void **state)
{
    (void)state;
    conform c;
    conform_begin(&c, 2);
    int count;
    const fv_op *const *ops = fv_op_list(&count);
    int all_cases = 0;
    for (int i = 0; i < count; i++) {
        char line[512];
        c.rng = seed_of(ops[i]->name);
        int cases = each_case(&c, ops[i]->name, whole_problem), made = 0;
        all_cases += cases;
        while (!needs_forward(ops[i]) && made < RANDOM_PER_OP && conform_random(&c, ops[i], 400, line, sizeof line)) {
            conform_problem(&c, line, true);
            made++;
        }
        if (cases + made == 0 && c.seen[i] == 0 && !(ops[i]->traits & FV_T_BACKWARD))
            fail_msg("%s has no problem: its row gives none, so write tests/exec/cases/%s.txt", ops[i]->name,
                     ops[i]->name);
    }
    if (all_cases < 50)
        fail_msg("only %d cases found: set FOVEA_SOURCE_DIR to the source folder", all_cases);
    for (int i = 0; i < count; i++) {
        if (c.seen[i] == 0 && !(ops[i]->traits & FV_T_VIEW))
            fail_msg("%s was never run: write tests/exec/cases/%s.txt", ops[i]->name, ops[i]->name);
        /* Folded weights are computed in inference only; a cast has a gradient between float types only; integers
         * have none. */
        bool differentiable = !(ops[i]->traits & FV_T_BACKWARD) && strcmp(ops[i]->name, "bn_fold") != 0 &&
                              strcmp(ops[i]->name, "cast") != 0 && !is_of_integers(ops[i]->name);
        if (differentiable && c.graded[i] == 0)
            fail_msg("%s: no gradient was checked", ops[i]->name);
    }
    for (int s = 0; s < c.n_solvers; s++) {
        /* Strassen's algorithm takes matrices that are too large for the reference loops: test_strassen. */
        if (c.compared[s] == 0 && strcmp(c.solver[s]->name, "cpu.dense.strassen") != 0)
            fail_msg("solver %s accepted none of the problems", c.solver[s]->name);
        if (is_shortened(c.solver[s]->name) && c.shortened[s] == 0)
            fail_msg("solver %s computes samples that do not matter", c.solver[s]->name);
    }
    print_message("%d operators, %d problems, %d nodes, %lld gradient elements, worst error %.2g\n", count, c.problems,
                  c.nodes, (long long)c.elements, c.worst);
    conform_end(&c);
}

/* A convolution with everything at once: groups, dilation, strides above the filter, uneven padding. */
static bool random_conv(conform *c, char *line, size_t size)
{
    uint64_t *r = &c->rng;
    int64_t groups = net_int(r, 0, 2) ? net_int(r, 1, 4) : 1, per = net_int(r, 1, 3), out = net_int(r, 1, 3);
    int64_t rr = net_int(r, 1, 4), ss = net_int(r, 1, 4), k = groups * out;
    char bias[24] = "", activation[32];
    static const char *const names[] = {"", " activation=relu", " activation=relu6"};
    bool with_bias = net_int(r, 0, 1) != 0;
    snprintf(bias, sizeof bias, with_bias ? " k%lld" : "%.0lld", with_bias ? (long long)k : 0);
    snprintf(activation, sizeof activation, "%s", names[net_int(r, 0, 2)]);
    snprintf(line, size,
             "conv2d f32 n%lldh%lldw%lldc%lld k%lldr%llds%lldc%lld%s%s stride=%lld,%lld dilation=%lld,%lld "
             "pad=%lld,%lld,%lld,%lld groups=%lld",
             (long long)net_int(r, 1, 4), (long long)net_int(r, 1, 9), (long long)net_int(r, 1, 9),
             (long long)(groups * per), (long long)k, (long long)rr, (long long)ss, (long long)per, bias, activation,
             (long long)net_int(r, 1, 5), (long long)net_int(r, 1, 5), (long long)net_int(r, 1, 3),
             (long long)net_int(r, 1, 3), (long long)net_int(r, 0, 3), (long long)net_int(r, 0, 3),
             (long long)net_int(r, 0, 3), (long long)net_int(r, 0, 3), (long long)groups);
    fv_graph *g = NULL;
    fv_node *node = NULL;
    bool good = conform_parse(c, line, &g, &node);
    fv_graph_destroy(&g);
    return good;
}

static void test_random_convolutions(void **state)
{
    (void)state;
    conform c;
    conform_begin(&c, 2);
    int made = 0, wide = 0, dilated = 0, grouped = 0, uneven = 0;
    for (int tries = 0; made < RANDOM_CONVS && tries < 100 * RANDOM_CONVS; tries++) {
        char line[512];
        if (!random_conv(&c, line, sizeof line))
            continue;
        fv_graph *g = NULL;
        fv_node *node = NULL;
        assert_true(conform_parse(&c, line, &g, &node));
        const fv_conv2d_attr *a = node->attr;
        const fv_shape *wei = &node->in[1]->shape;
        wide += a->stride[0] > wei->dim[1] || a->stride[1] > wei->dim[2];
        dilated += a->dilation[0] > 1 || a->dilation[1] > 1;
        grouped += a->groups > 1;
        uneven += a->pad[0] != a->pad[2] || a->pad[1] != a->pad[3];
        fv_graph_destroy(&g);
        conform_problem(&c, line, true);
        made++;
    }
    assert_int_equal(made, RANDOM_CONVS);
    assert_true(wide > 50 && dilated > 50 && grouped > 50 && uneven > 50);
    print_message("%d convolutions (%d with stride above the filter, %d dilated, %d grouped, %d unevenly padded), "
                  "%lld gradient elements, worst error %.2g\n",
                  made, wide, dilated, grouped, uneven, (long long)c.elements, c.worst);
    conform_end(&c);
}

/* ---- chains and branches of real operators ---- */

static void test_network_gradients(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    double worst = 0.0;
    int checked = 0;
    for (uint64_t seed = 300; seed < 330; seed++) {
        net t;
        net_init(&t, ctx, FV_F64, seed);
        if (seed % 3 == 0)
            net_small(&t, 5);
        else
            net_random_graph(&t, (int)(2 + seed % 9), 5, seed % 2);
        net_exec_options o = net_options(&t, 4, true);
        net_exec *exec = net_compile(&t, &o);
        net_fill(&t, exec, 4, 5, seed);
        for (int p = 0; p < t.n_tensors; p++) {
            assert_int_equal(net_exec_run(exec, 1, 1), FV_OK);
            const double *d = net_exec_gradient(exec, t.tensor[p].name);
            if (!d)
                continue;
            int64_t i = (t.tensor[p].count - 1) / 2;
            double kept = net_get(&t, &t.tensor[p], i), expected = d[i], best = INFINITY;
            double largest = 0.0;
            for (int64_t k = 0; k < t.tensor[p].count; k++)
                largest = fmax(largest, fabs(d[k]));
            for (double h = 1e-4; h > 1e-7 && best > 1.0; h /= 10.0) {
                double f[4];
                static const double at[] = {-2.0, -1.0, 1.0, 2.0};
                for (int k = 0; k < 4; k++) {
                    net_set(&t, &t.tensor[p], i, kept + at[k] * h);
                    assert_int_equal(net_exec_run(exec, 1, 1), FV_OK);
                    f[k] = net_exec_loss(exec);
                }
                double fd = (8.0 * (f[2] - f[1]) - (f[3] - f[0])) / (12.0 * h);
                best = fmin(best, fabs(fd - expected) / (1e-6 * fabs(expected) + 1e-7 * largest + 1e-9));
            }
            net_set(&t, &t.tensor[p], i, kept);
            if (!(best <= 1.0))
                fail_msg("network %d: gradient of %s at %lld is off by %g of what is allowed", (int)seed,
                         t.tensor[p].name, (long long)i, best);
            worst = fmax(worst, best);
            checked++;
        }
        net_exec_destroy(&exec);
        net_free(&t);
    }
    print_message("%d gradients of networks checked, worst %.2g of what is allowed\n", checked, worst);
    assert_true(checked > 100);
    fv_ctx_destroy(&ctx);
}

/* ---- allocation failure ---- */

static fv_status plan_line(fv_ctx *ctx, void *arg)
{
    fv_graph *g = NULL, *lowered = NULL;
    fv_node *node = NULL;
    fv_plan *plan = NULL;
    fv_str json = {.ctx = ctx};
    fv_json j = {.out = &json};
    fv_status status = fv_problem_parse(ctx, arg, &g, &node);
    if (status == FV_OK) {
        fv_graph_json(g, &j);
        status = fv_str_status(&json);
    }
    if (status == FV_OK)
        status = fv_plan_create(&(fv_planner){.ctx = ctx, .providers = fv_cpu_providers}, node, FV_F32, 0, &plan);
    fv_plan_destroy(&plan);
    if (status == FV_OK && node->in[0]->role == FV_ROLE_INPUT && node->n_in == 1 && !(node->op->traits & FV_T_MIXED))
        status = fv_pass_lower(g, node->in[0]->shape.dim[0], FV_F32, true, &lowered, NULL);
    fv_graph_destroy(&lowered);
    fv_str_free(&json);
    fv_graph_destroy(&g);
    return status;
}

static int64_t failures;

static void failing_case(conform *c, const char *line)
{
    (void)c;
    failures += fv_test_each_allocation(plan_line, (void *)(uintptr_t)line);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    conform c;
    conform_begin(&c, 1);
    int count;
    const fv_op *const *ops = fv_op_list(&count);
    failures = 0;
    for (int i = 0; i < count; i++) {
        char line[512];
        each_case(&c, ops[i]->name, failing_case);
        if (conform_random(&c, ops[i], 400, line, sizeof line))
            failing_case(&c, line);
    }
    print_message("%lld allocations failed, one at a time\n", (long long)failures);
    assert_true(failures > 500);
    conform_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_random_convolutions),
        cmocka_unit_test(test_network_gradients),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
