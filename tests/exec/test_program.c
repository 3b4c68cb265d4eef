/* SPDX-License-Identifier: Apache-2.0 */
/* Programs shared by instances: named values, one memory for several, threads, fewer samples, several losses. */
#include <math.h>

#include "net.h"

#include "base/ctx.h"
#include "support/guarded_device.h"

#define BATCH   8
#define CLASSES 5

/* ---- what was asked for by name ---- */

static void test_values_by_name(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    net t;
    net_init(&t, ctx, FV_F32, 3);
    net_small(&t, CLASSES);
    net_exec_options o = net_options(&t, BATCH, false);
    o.optimize = false;
    o.keep_all = true;
    net_exec *truth = net_compile(&t, &o);
    net_fill(&t, truth, BATCH, CLASSES, 4);
    assert_int_equal(net_exec_run(truth, 0, 0), FV_OK);
    o.optimize = true;
    o.keep_all = false;
    /* Every value of the graph, one program each: also what batch norm folding and fusing would have swallowed. */
    for (int32_t n = 0; n < t.g->n_nodes; n++) {
        const char *name = t.g->nodes[n]->out[0]->name;
        fv_shape shape;
        o.values = &name;
        o.n_values = 1;
        net_exec *exec = net_compile(&t, &o);
        net_fill(&t, exec, BATCH, CLASSES, 4);
        assert_int_equal(net_exec_run(exec, 0, 0), FV_OK);
        const float *v = net_exec_value(exec, name, &shape), *w = net_exec_value(truth, name, NULL);
        assert_non_null(v);
        for (int64_t i = 0; i < fv_shape_count(&shape); i++)
            assert_true(fabs((double)v[i] - (double)w[i]) <= 2e-5 * (1.0 + fabs((double)w[i])));
        net_exec_destroy(&exec);
    }
    const char *nothing = "nothing";
    o.values = &nothing;
    assert_int_equal(net_exec_create(ctx, t.g, &o, &(net_exec *){NULL}), FV_ERR_ARGUMENT);
    assert_non_null(strstr(fv_ctx_error(ctx), "'nothing'"));
    net_exec_destroy(&truth);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

/* ---- gradients of values, in inference ---- */

/* Of the sum of the logits of a batch, by normalization with running statistics: against differences, sample by sample,
 * and of an inner value by the chain rule: of x behind y = x * 3, three times that of y. */
static void test_wanted_values(void **state)
{
    static const char *const wanted[] = {"image", "tripled"};
    enum { FEW = 2, SIZE = 8 * 8 * 3 };
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    for (int optimize = 0; optimize < 2; optimize++) {
        net t;
        fv_store *store;
        fv_program *program;
        fv_instance *instance;
        net_init(&t, ctx, FV_F64, 11);
        net_small(&t, CLASSES);
        fv_val *tripled = NULL;
        fv_node *node;
        fv_val *three;
        assert_int_equal(fv_graph_const(t.g, 3, FV_F32, &t.g->outputs[0]->shape, &three), FV_OK);
        const fv_op *mul = fv_op_find(ctx, "mul"), *sum = fv_op_find(ctx, "reduce_sum");
        assert_int_equal(fv_graph_add(t.g, mul, "tripled", NULL, (fv_val *[]){t.g->outputs[0], three}, 2, &node),
                         FV_OK);
        tripled = node->out[0];
        assert_int_equal(fv_graph_add(t.g, sum, "sum", NULL, &tripled, 1, &node), FV_OK);
        net_bind(&t, FV_F64);
        const net_exec_options as = net_options(&t, FEW, false);
        assert_int_equal(fv_store_create(ctx, &as.binding, &store), FV_OK);
        const fv_program_options o = {.batch = FEW,
                                      .dtype = FV_F64,
                                      .lowering = FV_LOWER_DIFFERENTIABLE,
                                      .optimize = optimize,
                                      .objectives = &(fv_objective){"sum", 1},
                                      .n_objectives = 1,
                                      .values = &(const char *){"sum"},
                                      .n_values = 1,
                                      .wanted = wanted,
                                      .n_wanted = 2,
                                      .stores = {store}};
        if (fv_program_create(ctx, t.g, &o, &program) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_int_equal(fv_instance_create(program, NULL, NULL, &instance), FV_OK);
        assert_null(fv_program_port_at(program, FV_PORT_GRADIENT, 2)); /* none of a parameter */
        double *x = fv_instance_map(instance, fv_program_port(program, FV_PORT_INPUT, "image")), d[FEW * SIZE];
        const fv_port *loss = fv_program_port(program, FV_PORT_OUTPUT, "sum");
        for (int i = 0; i < FEW * SIZE; i++)
            x[i] = net_uniform(&t.rng);
        assert_int_equal(fv_instance_run(instance, NULL), FV_OK);
        const double *inner = fv_instance_map(instance, fv_program_port(program, FV_PORT_GRADIENT, "tripled"));
        for (int i = 0; i < FEW * CLASSES; i++)
            assert_true(inner[i] == 1.0);
        memcpy(d, fv_instance_map(instance, fv_program_port(program, FV_PORT_GRADIENT, "image")), sizeof d);
        for (int i = 0; i < FEW * SIZE; i += 37) {
            const double at = x[i], step = 1e-6;
            x[i] = at + step;
            assert_int_equal(fv_instance_run(instance, NULL), FV_OK);
            const double above = fv_instance_scalar(instance, loss);
            x[i] = at - step;
            assert_int_equal(fv_instance_run(instance, NULL), FV_OK);
            const double slope = (above - fv_instance_scalar(instance, loss)) / (2 * step);
            x[i] = at;
            if (fabs(slope - d[i]) > 1e-6 * (1 + fabs(d[i])))
                fail_msg("element %d: gradient %.9g, slope %.9g", i, d[i], slope);
        }
        fv_instance_destroy(&instance);
        fv_program_release(&program);
        fv_store_destroy(&store);
        net_free(&t);
    }
    fv_ctx_destroy(&ctx);
}

/* ---- one memory, taken in turns ---- */

static void test_scratch(void **state)
{
    (void)state;
    static fv_test_allocator a;
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    net t;
    fv_scratch *scratch;
    net_init(&t, ctx, FV_F32, 5);
    net_small(&t, CLASSES);
    assert_int_equal(fv_scratch_create(ctx, &scratch), FV_OK);
    net_exec *own[3], *shared[3];
    int64_t largest = 0, sum = 0;
    for (int i = 0; i < 3; i++) { /* the largest one comes second, so that the memory grows and then suffices */
        net_exec_options o = net_options(&t, i == 1 ? 2 * BATCH : BATCH, i < 2);
        int64_t before = a.live_bytes;
        own[i] = net_compile(&t, &o);
        int64_t alone = a.live_bytes - before;
        before = a.live_bytes;
        o.scratch = scratch;
        shared[i] = net_compile(&t, &o);
        const fv_program_memory m = fv_program_memory_use(shared[i]->program);
        largest = m.instance > largest ? m.instance : largest;
        sum += m.instance;
        if (i == 2)
            assert_true(a.live_bytes - before <= alone - m.instance); /* no block of its own */
    }
    assert_true(largest < sum);
    for (int round = 0; round < 6; round++) {
        int i = round % 3, n = i == 1 ? 2 * BATCH : BATCH;
        net_exec *pair[2] = {own[i], shared[i]};
        for (int k = 0; k < 2; k++) {
            net_fill(&t, pair[k], n, CLASSES, (uint64_t)round);
            assert_int_equal(net_exec_run(pair[k], 1, (uint64_t)round), FV_OK);
        }
        assert_memory_equal(net_exec_output(own[i], 0, NULL), net_exec_output(shared[i], 0, NULL),
                            (size_t)(n * CLASSES) * sizeof(float));
    }
    for (int i = 0; i < 3; i++) {
        net_exec_destroy(&own[i]);
        net_exec_destroy(&shared[i]);
    }
    fv_scratch_destroy(&scratch);
    net_free(&t);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
}

/* ---- threads ---- */

enum { THREADS = 8, ROUNDS = 12 };

typedef struct caller {
    net *t;
    fv_program *program;
    uint64_t first;
    float outputs[ROUNDS][BATCH * CLASSES];
    fv_status status;
} caller;

static void fill_port(const fv_port *port, uint64_t seed, float *images)
{
    for (int64_t i = 0; i < fv_shape_count(&port->val->shape); i++)
        images[i] = (float)net_uniform(&seed);
}

static void *call(void *arg)
{
    caller *c = arg;
    fv_instance *x = NULL;
    const fv_port *in = fv_program_port_at(c->program, FV_PORT_INPUT, 0);
    const fv_port *out = fv_program_port_at(c->program, FV_PORT_OUTPUT, 0);
    static _Thread_local float images[BATCH * 8 * 8 * 3];
    c->status = fv_instance_create(c->program, NULL, NULL, &x);
    for (int r = 0; c->status == FV_OK && r < ROUNDS; r++) {
        fill_port(in, c->first + (uint64_t)r, images);
        c->status = fv_instance_write(x, in, images, sizeof images);
        if (c->status == FV_OK)
            c->status = fv_instance_run(x, NULL);
        if (c->status == FV_OK)
            c->status = fv_instance_read(x, out, c->outputs[r], sizeof c->outputs[r]);
    }
    fv_instance_destroy(&x);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    net t;
    net_init(&t, ctx, FV_F32, 6);
    net_small(&t, CLASSES);
    net_exec_options o = net_options(&t, BATCH, false);
    net_exec *exec = net_compile(&t, &o);
    static caller together[THREADS], alone;
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++) {
        together[i] = (caller){.t = &t, .program = exec->program, .first = (uint64_t)i * 1000};
        assert_int_equal(pthread_create(&thread[i], NULL, call, &together[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(together[i].status, FV_OK);
        alone = (caller){.t = &t, .program = exec->program, .first = (uint64_t)i * 1000};
        call(&alone);
        assert_memory_equal(alone.outputs, together[i].outputs, sizeof alone.outputs);
    }
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

/* The memory of a second instance is its own part of the plan; packed weights are there once. */
static void test_memory(void **state)
{
    (void)state;
    static fv_test_allocator a;
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    net t;
    fv_instance *more[4];
    net_init(&t, ctx, FV_F32, 7);
    net_small(&t, CLASSES);
    net_exec_options o = net_options(&t, BATCH, false);
    net_exec *exec = net_compile(&t, &o);
    assert_int_equal(net_exec_run(exec, 0, 0), FV_OK);
    const fv_program_memory m = fv_program_memory_use(exec->program);
    assert_true(m.packed > 0);
    int64_t before = a.live_bytes;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fv_instance_create(exec->program, NULL, NULL, &more[i]), FV_OK);
        assert_int_equal(fv_instance_run(more[i], NULL), FV_OK);
    }
    int64_t each = (a.live_bytes - before) / 4;
    assert_true(each >= m.instance && each < m.instance + 64 * 1024); /* and the tables of addresses */
    for (int i = 0; i < 4; i++)
        fv_instance_destroy(&more[i]);
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

/* ---- fewer samples ---- */

static void test_fewer_samples(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
        net t;
        float all[BATCH * CLASSES];
        net_init(&t, ctx, FV_F32, seed);
        net_random_graph(&t, 14, CLASSES, false);
        net_exec_options o = net_options(&t, BATCH, false);
        net_exec *exec = net_compile(&t, &o);
        net_fill(&t, exec, BATCH, CLASSES, seed);
        assert_int_equal(net_exec_run(exec, 0, 0), FV_OK);
        memcpy(all, net_exec_output(exec, 0, NULL), sizeof all);
        for (int64_t n = 1; n <= BATCH; n++) {
            net_fill(&t, exec, BATCH, CLASSES, 99);
            assert_int_equal(fv_instance_run(exec->instance, NULL), FV_OK); /* something else stands in the memory */
            net_fill(&t, exec, BATCH, CLASSES, seed);
            assert_int_equal(fv_instance_run(exec->instance, &(fv_run){.samples = n}), FV_OK);
            assert_memory_equal(net_exec_output(exec, 0, NULL), all, (size_t)(n * CLASSES) * sizeof(float));
        }
        assert_int_equal(fv_instance_run(exec->instance, &(fv_run){.samples = BATCH + 1}), FV_ERR_ARGUMENT);
        net_exec_destroy(&exec);
        net_free(&t);
        fv_ctx_destroy(&ctx);
    }
}

/* Where rows are not samples every run computes all of them. */
static void test_moved_samples(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    net t;
    float all[BATCH * CLASSES];
    net_init(&t, ctx, FV_F32, 3);
    fv_val *x =
        net_dense(&t, net_unary(&t, "flatten", net_input(&t, "image", 4, (const int64_t[]){1, 8, 8, 3})), CLASSES);
    const fv_axis_attr first = {.axis = 0};
    fv_val *both = net_unary(&t, "relu", net_op(&t, "concat", &first, 2, (fv_val *[]){x, x}));
    net_output(&t, net_op(&t, "softmax", &first, 1, (fv_val *[]){both}));
    net_bind(&t, FV_F32);
    net_exec_options o = net_options(&t, BATCH, false);
    net_exec *exec = net_compile(&t, &o);
    net_fill(&t, exec, BATCH, CLASSES, 5);
    assert_int_equal(fv_instance_run(exec->instance, NULL), FV_OK);
    memcpy(all, net_exec_output(exec, 0, NULL), sizeof all);
    net_fill(&t, exec, BATCH, CLASSES, 6);
    assert_int_equal(fv_instance_run(exec->instance, NULL), FV_OK);
    net_fill(&t, exec, BATCH, CLASSES, 5);
    assert_int_equal(fv_instance_run(exec->instance, &(fv_run){.samples = 2}), FV_OK);
    assert_memory_equal(net_exec_output(exec, 0, NULL), all, sizeof all);
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

/* An addition of something smaller is no residual: it is not fused, and gives what it gave unfused. */
static void test_small_addition(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    net t;
    float out[2][BATCH * 8 * 8 * 4];
    net_init(&t, ctx, FV_F32, 3);
    fv_val *x = net_conv(&t, net_input(&t, "image", 4, (const int64_t[]){1, 8, 8, 3}), 4, 3, 1, 1, true);
    fv_val *small = net_param(&t, "small", FV_ROLE_PARAM, 1, (const int64_t[]){4});
    net_output(&t, net_unary(&t, "relu", net_add(&t, x, small)));
    net_bind(&t, FV_F32);
    for (int k = 0; k < 2; k++) {
        net_exec_options o = net_options(&t, BATCH, false);
        o.optimize = k == 1;
        net_exec *exec = net_compile(&t, &o);
        net_fill(&t, exec, BATCH, CLASSES, 5);
        assert_int_equal(net_exec_run(exec, 0, 0), FV_OK);
        memcpy(out[k], net_exec_output(exec, 0, NULL), sizeof out[k]);
        net_exec_destroy(&exec);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

static int count_op(const fv_graph *g, const char *op)
{
    int count = 0;
    for (int32_t i = 0; i < g->n_nodes; i++)
        count += strcmp(g->nodes[i]->op->name, op) == 0;
    return count;
}

/* Sums of weights are no sums over samples; what met once does not meet again. */
static void test_meetings(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    net t;
    fv_graph *g;
    const fv_reduce_attr rows = {.axes = {1, {0}}};
    net_init(&t, ctx, FV_F32, 3);
    fv_val *x = net_input(&t, "x", 2, (const int64_t[]){8, 5});
    fv_val *w = net_param(&t, "w", FV_ROLE_PARAM, 2, (const int64_t[]){8, 5});
    net_output(&t, net_op(&t, "reduce_sum", &rows, 1, (fv_val *[]){w}));
    assert_int_equal(fv_pass_partial(t.g, true, &g, NULL), FV_OK);
    assert_int_equal(count_op(g, "all_reduce"), 0);
    fv_graph_destroy(&g);
    fv_val *sum = net_op(&t, "reduce_sum", &rows, 1, (fv_val *[]){x});
    net_output(&t, net_op(&t, "reduce_sum", &rows, 1, (fv_val *[]){sum}));
    assert_int_equal(fv_pass_partial(t.g, true, &g, NULL), FV_OK);
    assert_int_equal(count_op(g, "all_reduce"), 1);
    fv_graph_destroy(&g);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

/* ---- several losses ---- */

/* The gradient of a * x + b * y is a times that of x and b times that of y. */
static void test_losses(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    net t;
    fv_graph *g;
    fv_store *store;
    net_init(&t, ctx, FV_F64, 8);
    net_small(&t, CLASSES);
    net_exec_options o = net_options(&t, BATCH, true);
    const fv_loss losses[] = {
        {.op = o.loss, .target_dtype = FV_I32, .name = "labels", .target = "classes"},
        {.op = fv_op_find(ctx, "mse"), .target_dtype = FV_F32, .name = "values", .target = "numbers"}};
    assert_int_equal(fv_pass_loss(t.g, losses, 2, &g, NULL), FV_OK);
    assert_int_equal(fv_store_create(ctx, &o.binding, &store), FV_OK);
    static const double weights[][2] = {{1, 0}, {0, 1}, {0.25, 3}};
    const char *param = t.tensor[0].name;
    double gradient[3][4096];
    int64_t count = t.tensor[0].count;
    assert_true(count <= 4096 && t.tensor[0].role == FV_ROLE_PARAM);
    for (int k = 0; k < 3; k++) {
        const fv_objective objectives[] = {{"labels", weights[k][0]}, {"values", weights[k][1]}};
        fv_program *p;
        fv_instance *x;
        uint64_t seed = 9;
        double images[BATCH * 8 * 8 * 3], numbers[BATCH * CLASSES];
        int32_t classes[BATCH];
        const fv_program_options options = {.batch = BATCH,
                                            .dtype = FV_F64,
                                            .lowering = FV_LOWER_TRAINING,
                                            .optimize = true,
                                            .objectives = objectives,
                                            .n_objectives = 2,
                                            .stores = {store}};
        assert_int_equal(fv_program_create(ctx, g, &options, &p), FV_OK);
        assert_int_equal(fv_instance_create(p, NULL, NULL, &x), FV_OK);
        for (size_t i = 0; i < sizeof images / sizeof *images; i++)
            images[i] = net_uniform(&seed);
        for (int i = 0; i < BATCH * CLASSES; i++)
            numbers[i] = net_uniform(&seed);
        for (int i = 0; i < BATCH; i++)
            classes[i] = (int32_t)net_int(&seed, 0, CLASSES - 1);
        assert_int_equal(fv_instance_write(x, fv_program_port(p, FV_PORT_INPUT, "image"), images, sizeof images),
                         FV_OK);
        assert_int_equal(fv_instance_write(x, fv_program_port(p, FV_PORT_INPUT, "numbers"), numbers, sizeof numbers),
                         FV_OK);
        assert_int_equal(fv_instance_write(x, fv_program_port(p, FV_PORT_INPUT, "classes"), classes, sizeof classes),
                         FV_OK);
        assert_int_equal(fv_instance_run(x, NULL), FV_OK);
        assert_true(fv_instance_scalar(x, fv_program_port(p, FV_PORT_OUTPUT, "labels")) > 0.0);
        assert_true(fv_instance_scalar(x, fv_program_port(p, FV_PORT_OUTPUT, "values")) > 0.0);
        assert_int_equal(fv_instance_read(x, fv_program_port(p, FV_PORT_GRADIENT, param), gradient[k],
                                          (size_t)count * sizeof(double)),
                         FV_OK);
        fv_instance_destroy(&x);
        fv_program_release(&p);
    }
    double largest = 0.0;
    for (int64_t i = 0; i < count; i++) {
        double expected = 0.25 * gradient[0][i] + 3 * gradient[1][i];
        largest = fmax(largest, fabs(expected));
        assert_true(fabs(gradient[2][i] - expected) <= 1e-12 * (1.0 + fabs(expected)));
    }
    assert_true(largest > 1e-6);
    fv_store_destroy(&store);
    fv_graph_destroy(&g);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

/* ---- constants ---- */

/* What depends on constants alone is not in the program, keeps its name, and has the bits of a run. */
static void test_constants(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    net t;
    fv_tensor *numbers;
    fv_val *c;
    float out[2][BATCH * CLASSES], inner[2][CLASSES];
    net_init(&t, ctx, FV_F32, 9);
    net_small(&t, CLASSES);
    assert_int_equal(fv_tensor_create(ctx, FV_F32, &(fv_shape){1, {CLASSES}}, &numbers), FV_OK);
    for (int i = 0; i < CLASSES; i++)
        ((float *)fv_tensor_data(numbers))[i] = 0.3f * (float)(i - 1);
    assert_int_equal(fv_graph_tensor(t.g, "numbers", numbers, &c), FV_OK);
    fv_tensor_destroy(&numbers);
    fv_val *twice = net_op(&t, "add", NULL, 2, (fv_val *[]){c, c});
    fv_val *shift = net_op(&t, "mul", NULL, 2, (fv_val *[]){twice, c});
    net_output(&t, net_op(&t, "add", NULL, 2, (fv_val *[]){t.g->outputs[0], shift}));
    const char *name = shift->name;
    int32_t nodes[2];
    for (int k = 0; k < 2; k++) {
        net_exec_options o = net_options(&t, BATCH, true);
        o.optimize = k == 1;
        o.values = &name;
        o.n_values = 1;
        net_exec *exec = net_compile(&t, &o);
        net_fill(&t, exec, BATCH, CLASSES, 4);
        assert_int_equal(net_exec_run(exec, 0, 0), FV_OK);
        memcpy(out[k], net_exec_output(exec, 1, NULL), sizeof out[k]);
        memcpy(inner[k], net_exec_value(exec, name, NULL), sizeof inner[k]);
        nodes[k] = 0;
        for (int32_t i = 0; i < net_exec_graph(exec)->n_nodes; i++)
            nodes[k] += strcmp(net_exec_graph(exec)->nodes[i]->op->name, "mul") == 0;
        net_exec_destroy(&exec);
    }
    assert_int_equal(nodes[0], 1);
    assert_int_equal(nodes[1], 0);
    assert_memory_equal(inner[0], inner[1], sizeof inner[0]);
    const float last = 0.3f * 3.0f;
    assert_true(inner[1][4] == (last + last) * last);
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

/* ---- another device ---- */

static void test_guarded_device(void **state)
{
    (void)state;
    guarded_memory memory;
    fv_device device;
    float out[2][BATCH * CLASSES];
    guarded_begin(&memory, &device);
    for (int k = 0; k < 2; k++) {
        fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
        if (k)
            assert_int_equal(fv_device_use(ctx, &device), FV_OK);
        net t;
        net_init(&t, ctx, FV_F32, 6);
        net_small(&t, CLASSES);
        net_exec_options o = net_options(&t, BATCH, false);
        net_exec *exec = net_compile(&t, &o);
        const fv_port *in = fv_program_port_at(exec->program, FV_PORT_INPUT, 0);
        const fv_port *result = fv_program_port_at(exec->program, FV_PORT_OUTPUT, 0);
        float images[BATCH * 8 * 8 * 3];
        fill_port(in, 77, images);
        assert_int_equal(fv_instance_write(exec->instance, in, images, sizeof images), FV_OK);
        assert_int_equal(fv_instance_run(exec->instance, NULL), FV_OK);
        assert_true((fv_instance_map(exec->instance, result) == NULL) == (k == 1));
        assert_int_equal(fv_instance_read(exec->instance, result, out[k], sizeof out[k]), FV_OK);
        assert_int_equal(fv_instance_read(exec->instance, result, out[k], sizeof out[k] + 1), FV_ERR_ARGUMENT);
        net_exec_destroy(&exec);
        net_free(&t);
        fv_ctx_destroy(&ctx);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    assert_true(memory.submits > 5);
    assert_int_equal(memory.live, 0);
    guarded_end(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_by_name), cmocka_unit_test(test_wanted_values),
        cmocka_unit_test(test_scratch),        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_memory),         cmocka_unit_test(test_fewer_samples),
        cmocka_unit_test(test_losses),         cmocka_unit_test(test_constants),
        cmocka_unit_test(test_moved_samples),  cmocka_unit_test(test_small_addition),
        cmocka_unit_test(test_meetings),       cmocka_unit_test(test_guarded_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
