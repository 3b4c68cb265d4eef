/* SPDX-License-Identifier: Apache-2.0 */
/* What an executable needs and what it tells: memory, budgets, refusals, profile, plans, the first NaN. */
#include <math.h>

#include "net.h"

#include "base/ctx.h"

#define BATCH   8
#define CLASSES 5

static void step(net *t, net_exec *exec, uint64_t seed)
{
    net_fill(t, exec, BATCH, CLASSES, seed);
    if (net_exec_run(exec, 1, seed) != FV_OK)
        fail_msg("%s", fv_ctx_error(t->ctx));
}

/* ---- memory ---- */

static void test_steady_state_allocates_nothing(void **state)
{
    (void)state;
    for (int training = 0; training < 2; training++) {
        fv_test_allocator a = {0};
        fv_ctx *ctx = fv_test_ctx(2, &a, NULL);
        net t;
        net_init(&t, ctx, FV_F32, 4);
        net_small(&t, CLASSES);
        net_exec_options o = net_options(&t, BATCH, training);
        o.profile = true;
        net_exec *exec = net_compile(&t, &o);
        step(&t, exec, 1);
        a.fail_all = true;
        a.calls = 0;
        for (uint64_t i = 2; i < 6; i++)
            step(&t, exec, i);
        assert_int_equal(fv_program_refresh(exec->program, exec->instance), FV_OK);
        assert_int_equal(a.calls, 0);
        a.fail_all = false;
        net_exec_destroy(&exec);
        net_free(&t);
        fv_ctx_destroy(&ctx);
        assert_int_equal(a.live_blocks, 0);
    }
}

typedef struct creation {
    bool training;
} creation;

static fv_status create_and_run(fv_ctx *ctx, void *arg)
{
    const creation *c = arg;
    static float room[4096];
    fv_graph *g = NULL;
    net_exec *exec = NULL;
    fv_wisdom *wisdom = NULL;
    fv_node *node = NULL;
    fv_val *x = NULL, *w = NULL, *v[4] = {NULL};
    fv_status status = fv_graph_create(ctx, fv_op_find, &g);
    if (status == FV_OK)
        status = fv_graph_input(g, "x", FV_F32, &(fv_shape){4, {1, 4, 4, 4}}, &x);
    if (status == FV_OK)
        status = fv_graph_param(g, "w", FV_ROLE_PARAM, FV_F32, &(fv_shape){4, {4, 1, 1, 4}}, &w);
    static const char *const names[] = {"gamma", "beta", "mean", "var"};
    for (int i = 0; status == FV_OK && i < 4; i++)
        status = fv_graph_param(g, names[i], i < 2 ? FV_ROLE_PARAM : FV_ROLE_STATE, FV_F32, &(fv_shape){1, {4}}, &v[i]);
    static const char *const ops[] = {"conv2d", "batch_norm", "relu", "global_avg_pool", "flatten"};
    for (int i = 0; status == FV_OK && i < 5; i++) {
        fv_val *in[5] = {x, i == 0 ? w : v[0], v[1], v[2], v[3]};
        status = fv_graph_add(g, fv_op_find(ctx, ops[i]), NULL, NULL, in, i == 0 ? 2 : i == 1 ? 5 : 1, &node);
        x = node ? node->out[0] : x;
    }
    if (status == FV_OK)
        status = fv_graph_output(g, x);
    if (status == FV_OK)
        status = fv_wisdom_create(ctx, &wisdom);
    net bound = {.dtype = FV_F32, .n_tensors = 0};
    const struct {
        const char *name;
        int64_t count;
    } tensors[] = {{"w", 16}, {"gamma", 4}, {"beta", 4}, {"mean", 4}, {"var", 4}};
    for (int i = 0; i < 5; i++) {
        net_tensor *p = &bound.tensor[bound.n_tensors++];
        snprintf(p->name, sizeof p->name, "%s", tensors[i].name);
        p->count = tensors[i].count;
        p->bound = room + 256 * i;
    }
    bound.ctx = ctx;
    net_exec_options o = net_options(&bound, 2, c->training);
    o.wisdom = wisdom;
    if (status == FV_OK)
        status = net_exec_create(ctx, g, &o, &exec);
    assert_true(status == FV_OK || !exec);
    if (status == FV_OK)
        status = net_exec_run(exec, 0, 0);
    char name[64];
    if (status == FV_OK)
        status = fv_instance_find_nonfinite(exec->instance, &(fv_run){.seed = 0, .step = 0}, name, sizeof name);
    net_exec_destroy(&exec);
    fv_wisdom_destroy(&wisdom);
    fv_graph_destroy(&g);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    for (int training = 0; training < 2; training++) {
        creation c = {.training = training};
        int64_t n = fv_test_each_allocation(create_and_run, &c);
        print_message("%d allocations\n", (int)n);
        assert_true(n > 50);
    }
}

static void test_over_budget(void **state)
{
    (void)state;
    fv_ctx_options options = {.threads = 1, .memory = 8 << 20};
    fv_ctx *ctx = NULL;
    assert_int_equal(fv_ctx_create(&options, &ctx), FV_OK);
    net t;
    net_init(&t, ctx, FV_F32, 4);
    net_small(&t, CLASSES);
    int64_t before, after;
    fv_ctx_memory(ctx, &before, NULL);
    net_exec *exec = NULL;
    net_exec_options o = net_options(&t, 4096, true);
    assert_int_equal(net_exec_create(ctx, t.g, &o, &exec), FV_ERR_OVER_BUDGET);
    assert_null(exec);
    fv_ctx_memory(ctx, &after, NULL);
    assert_int_equal(before, after);
    assert_non_null(strstr(fv_ctx_error(ctx), "batch 4096"));
    assert_non_null(strstr(fv_ctx_error(ctx), "8.00 MiB"));
    assert_non_null(strstr(fv_ctx_error(ctx), "'conv2d0' 8.00 MiB")); /* 4096 * 8 * 8 * 8 floats */
    const char *hint = strstr(fv_ctx_hint(ctx), "at most about ");
    assert_non_null(hint);
    o.batch = atol(hint + strlen("at most about "));
    assert_true(o.batch > 8);
    if (net_exec_create(ctx, t.g, &o, &exec) != FV_OK) /* what the hint promises does fit */
        fail_msg("%s (%s)", fv_ctx_error(ctx), fv_ctx_hint(ctx));
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

/* ---- what is refused ---- */

static void test_refusals(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    net t;
    net_init(&t, ctx, FV_F32, 4);
    net_small(&t, CLASSES);
    net_exec *exec = NULL;
    net_exec_options o = net_options(&t, BATCH, true);
    net_find(&t, "norm1.gamma")->name[0] = 'X';
    assert_int_equal(net_exec_create(ctx, t.g, &o, &exec), FV_ERR_MODEL_MISMATCH);
    assert_non_null(strstr(fv_ctx_error(ctx), "norm1.gamma"));
    assert_null(exec);
    net_find(&t, "Xorm1.gamma")->name[0] = 'n';
    o.loss = NULL;
    assert_int_equal(net_exec_create(ctx, t.g, &o, &exec), FV_ERR_ARGUMENT);
    o.loss = fv_op_find(ctx, "relu");
    assert_int_equal(net_exec_create(ctx, t.g, &o, &exec), FV_ERR_ARGUMENT);
    o.loss = fv_op_find(ctx, "mse");
    assert_int_equal(net_exec_create(ctx, t.g, &o, &exec), FV_ERR_SHAPE); /* labels where floats are needed */
    o = net_options(&t, 0, true);
    assert_int_equal(net_exec_create(ctx, t.g, &o, &exec), FV_ERR_ARGUMENT);
    assert_null(exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

/* ---- profile, wisdom, finding NaN ---- */

static void test_profile(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    net t;
    net_init(&t, ctx, FV_F32, 4);
    net_small(&t, CLASSES);
    net_exec_options o = net_options(&t, BATCH, true);
    o.profile = true;
    net_exec *exec = net_compile(&t, &o);
    step(&t, exec, 1);
    step(&t, exec, 2);
    fv_str text = {.ctx = ctx}, trace = {.ctx = ctx};
    fv_instance_profile_text(exec->instance, &text);
    assert_int_equal(fv_str_status(&text), FV_OK);
    assert_non_null(strstr(text.data, "conv2d_bwd_weights"));
    assert_non_null(strstr(text.data, "GFLOP/s"));
    assert_non_null(strstr(text.data, "2 runs"));
    const char *peak = strstr(text.data, "; peak ");
    assert_non_null(peak);
    assert_true(atof(peak + strlen("; peak ")) >= FV_TEST_CASES(0.1, 0.0));
    double share = 0.0;
    for (const char *p = strchr(text.data, '\n'); p && p[1]; p = strchr(p + 1, '\n')) {
        double ms, percent;
        assert_int_equal(sscanf(p + 1, "%lf %lf%%", &ms, &percent), 2);
        assert_true(ms >= 0.0);
        share += percent;
    }
    assert_true(fabs(share - 200.0) < 1.0); /* the nodes and the total line */
    fv_instance_profile_trace(exec->instance, &trace);
    fv_doc *doc = NULL;
    assert_int_equal(fv_doc_parse_json(ctx, "trace", trace.data, trace.size, &doc), FV_OK);
    const fv_doc_node *events = fv_doc_get(fv_doc_root(doc), "traceEvents");
    double clock = 0.0;
    int nodes = 0;
    for (int64_t i = 0; i < events->count; i++, nodes++) {
        double begin = fv_doc_get(&events->child[i], "ts")->real;
        assert_true(begin >= clock);
        clock = begin + fv_doc_get(&events->child[i], "dur")->real;
        assert_non_null(fv_doc_get(fv_doc_get(&events->child[i], "args"), "solver"));
    }
    assert_true(nodes > 20);
    fv_doc_destroy(&doc);
    fv_str_free(&text);
    fv_str_free(&trace);
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

static void test_wisdom(void **state)
{
    (void)state;
    fv_test_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    fv_ctx *ctx = fv_test_ctx(1, NULL, log);
    net t;
    net_init(&t, ctx, FV_F32, 4);
    net_small(&t, CLASSES);
    net_exec_options o = net_options(&t, BATCH, true);
    fv_str first = {.ctx = ctx}, second = {.ctx = ctx};
    fv_wisdom *w1 = NULL, *w2 = NULL;
    assert_int_equal(fv_wisdom_create(ctx, &w1), FV_OK);
    assert_int_equal(fv_wisdom_create(ctx, &w2), FV_OK);
    o.wisdom = w1;
    net_exec *exec = net_compile(&t, &o);
    net_exec_destroy(&exec);
    fv_wisdom_text(w1, &first);
    assert_non_null(strstr(first.data, "conv2d_bwd_weights f32"));
    assert_int_equal(fv_wisdom_read(w2, "plan", first.data), FV_OK);
    o.wisdom = w2;
    exec = net_compile(&t, &o);
    net_exec_destroy(&exec);
    fv_wisdom_text(w2, &second);
    assert_string_equal(first.data, second.data);
    assert_int_equal(log->lines, 0);
    fv_str_free(&first);
    fv_str_free(&second);
    fv_wisdom_destroy(&w1);
    fv_wisdom_destroy(&w2);
    net_free(&t);
    fv_ctx_destroy(&ctx);
    free(log);
}

static void test_find_nonfinite(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    net t;
    net_init(&t, ctx, FV_F32, 4);
    net_small(&t, CLASSES);
    net_exec_options o = net_options(&t, BATCH, true);
    net_exec *exec = net_compile(&t, &o);
    char name[64];
    step(&t, exec, 1);
    assert_int_equal(fv_instance_find_nonfinite(exec->instance, &(fv_run){.seed = 1, .step = 1}, name, sizeof name),
                     FV_OK);
    assert_string_equal(name, "");
    net_set(&t, net_find(&t, "conv2d7.weight"), 3, (double)INFINITY);
    step(&t, exec, 2);
    assert_false(isfinite(net_exec_loss(exec)));
    net_tensor *mean = net_find(&t, "norm1.mean");
    double before = net_get(&t, mean, 0);
    assert_int_equal(fv_instance_find_nonfinite(exec->instance, &(fv_run){.seed = 1, .step = 2}, name, sizeof name),
                     FV_OK);
    assert_string_equal(name, "conv2d7");
    assert_true(net_get(&t, mean, 0) == before); /* the second run updated copies */
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steady_state_allocates_nothing),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_over_budget),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_profile),
        cmocka_unit_test(test_wisdom),
        cmocka_unit_test(test_find_nonfinite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
