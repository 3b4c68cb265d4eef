/* SPDX-License-Identifier: Apache-2.0 */
/* Executables: what a run gives, and that neither fusing, nor sharing memory, nor threads change it. */
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

static void test_training_step(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    net t;
    net_init(&t, ctx, FV_F32, 1);
    net_small(&t, CLASSES);
    net_exec_options o = net_options(&t, BATCH, true);
    net_exec *exec = net_compile(&t, &o);
    /* Plain gradient descent on one batch must lower the loss. */
    double first = 0.0, last = 0.0;
    for (int i = 0; i < 30; i++) {
        step(&t, exec, 7);
        last = net_exec_loss(exec);
        first = i == 0 ? last : first;
        for (int p = 0; p < t.n_tensors; p++) {
            const float *d = net_exec_gradient(exec, t.tensor[p].name);
            assert_true((d != NULL) == (t.tensor[p].role == FV_ROLE_PARAM));
            for (int64_t j = 0; d && j < t.tensor[p].count; j++)
                net_set(&t, &t.tensor[p], j, net_get(&t, &t.tensor[p], j) - 0.1 * (double)d[j]);
        }
    }
    assert_true(first > 1.0 && last < 0.3 * first);
    const float *losses = net_exec_losses(exec);
    assert_non_null(losses);
    double mean = 0.0;
    for (int i = 0; i < BATCH; i++)
        mean += (double)losses[i] / BATCH;
    assert_true(fabs(mean - last) < 1e-5);
    fv_shape shape;
    assert_non_null(net_exec_output(exec, 0, &shape));
    assert_int_equal(shape.dim[0], BATCH);
    assert_int_equal(shape.dim[1], CLASSES);
    assert_null(net_exec_output(exec, 1, &shape));
    assert_null(net_exec_input(exec, 1));
    assert_null(net_exec_gradient(exec, "nothing"));
    assert_null(net_exec_value(exec, t.g->nodes[0]->name, &shape)); /* only with keep_all, or asked for */
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

/* Everything a step leaves behind, folded into one number of exact bits. */
static uint64_t digest(net *t, net_exec *exec)
{
    uint64_t h = 1469598103934665603u;
    double loss = net_exec_loss(exec);
    const unsigned char *bytes = (const unsigned char *)&loss;
    for (size_t i = 0; i < sizeof loss; i++)
        h = (h ^ bytes[i]) * 1099511628211u;
    for (int p = 0; p < t->n_tensors; p++) {
        const void *d = net_exec_gradient(exec, t->tensor[p].name);
        for (int64_t i = 0; i < t->tensor[p].count; i++) {
            double v = (d ? fv_get(t->dtype, d, i) : 0.0) + 0.0; /* -0 and 0 are the same number */
            double s = net_get(t, &t->tensor[p], i);
            memcpy(&loss, &v, sizeof v);
            for (size_t k = 0; k < sizeof loss; k++)
                h = (h ^ bytes[k]) * 1099511628211u;
            memcpy(&loss, &s, sizeof s);
            for (size_t k = 0; k < sizeof loss; k++)
                h = (h ^ bytes[k]) * 1099511628211u;
        }
    }
    return h;
}

static uint64_t run_digest(net *t, const net_exec_options *o)
{
    net_bind(t, t->dtype);
    net_exec *exec = net_compile(t, o);
    step(t, exec, 3);
    step(t, exec, 4);
    uint64_t h = digest(t, exec);
    net_exec_destroy(&exec);
    return h;
}

/* Sharing memory, fusing and threads must not change a bit of a training step. */
static void test_bits_of_random_graphs(void **state)
{
    (void)state;
    fv_ctx *one = fv_test_ctx(1, NULL, NULL), *three = fv_test_ctx(3, NULL, NULL);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        net t, u;
        fv_test_ask_for(one, seed);
        fv_test_ask_for(three, seed);
        net_init(&t, one, FV_F32, seed);
        net_random_graph(&t, (int)(3 + seed % 14), CLASSES, seed % 3 != 0);
        net_exec_options o = net_options(&t, BATCH, true);
        uint64_t bits = run_digest(&t, &o);
        if (run_digest(&t, &o) != bits)
            fail_msg("graph %d: a second run has other bits", (int)seed);
        o.keep_all = true;
        if (run_digest(&t, &o) != bits)
            fail_msg("graph %d: sharing memory changes bits", (int)seed);
        o.keep_all = false;
        o.optimize = false;
        if (run_digest(&t, &o) != bits)
            fail_msg("graph %d: fusing changes bits", (int)seed);
        net_init(&u, three, FV_F32, seed);
        net_random_graph(&u, (int)(3 + seed % 14), CLASSES, seed % 3 != 0);
        o = net_options(&u, BATCH, true);
        if (run_digest(&u, &o) != bits)
            fail_msg("graph %d: threads change bits", (int)seed);
        net_free(&t);
        net_free(&u);
    }
    fv_ctx_destroy(&one);
    fv_ctx_destroy(&three);
}

/* Weights whose channel 0 carries the value and channel 1, tiny, which element it was. */
static void step_ties(net *t, net_exec *exec, float value)
{
    net_fill(t, exec, BATCH, CLASSES, 5);
    net_tensor *filter = &t->tensor[0];
    net_set(t, filter, 0, 1.0);
    net_set(t, filter, 1, 0x1p-23);
    float *x = net_exec_input(exec, 0);
    for (int i = 0; i < BATCH * 8 * 8; i++)
        x[2 * i] = value;
    assert_int_equal(net_exec_run(exec, 1, 5), FV_OK);
}

/* Values a rounding apart may share a result: the maximum must be the same element, fused or not. */
static void test_ties_in_a_maximum(void **state)
{
    (void)state;
    static const char *const op[] = {"relu", "relu6", "leaky_relu", "hard_sigmoid", "sigmoid", "tanh", "clamp"};
    static const float value[] = {-3.0f, -0x1p-24f, 0.0f, 0.25f, 1.0f, 2.0f, 6.0f};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t i = 0; i < sizeof op / sizeof *op; i++) {
        net t;
        net_init(&t, ctx, FV_F32, 3);
        fv_val *x = net_input(&t, "x", 4, (const int64_t[]){1, 8, 8, 2});
        x = net_pool(&t, net_unary(&t, op[i], net_conv(&t, x, 1, 1, 1, 0, false)), 3, 2);
        net_output(&t, net_dense(&t, net_op(&t, "flatten", NULL, 1, &x), CLASSES));
        for (size_t v = 0; v < sizeof value / sizeof *value; v++) {
            uint64_t bits[2];
            for (int optimize = 0; optimize < 2; optimize++) {
                net_bind(&t, t.dtype);
                net_exec_options o = net_options(&t, BATCH, true);
                o.optimize = optimize;
                net_exec *exec = net_compile(&t, &o);
                step_ties(&t, exec, value[v]);
                bits[optimize] = digest(&t, exec);
                net_exec_destroy(&exec);
            }
            if (bits[0] != bits[1])
                fail_msg("%s of values near %g: fusing changes bits", op[i], (double)value[v]);
        }
        net_free(&t);
    }
    fv_ctx_destroy(&ctx);
}

static void logits(net *t, bool optimize, bool keep_all, fv_plan_mode policy, float out[BATCH * CLASSES])
{
    net_exec_options o = net_options(t, BATCH, false);
    o.optimize = optimize;
    o.keep_all = keep_all;
    o.policy = policy;
    net_exec *exec = net_compile(t, &o);
    step(t, exec, 11);
    memcpy(out, net_exec_output(exec, 0, NULL), BATCH * CLASSES * sizeof(float));
    net_exec_destroy(&exec);
}

static void test_inference_of_random_graphs(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    for (uint64_t seed = 100; seed < 160; seed++) {
        float plain[BATCH * CLASSES], other[BATCH * CLASSES];
        bool exact = seed % 2;
        net t;
        assert_int_equal(fv_ctx_plan(ctx, &(fv_plan_options){.algorithm = exact ? "direct" : NULL}), FV_OK);
        net_init(&t, ctx, FV_F32, seed);
        net_random_graph(&t, (int)(3 + seed % 14), CLASSES, exact);
        logits(&t, false, true, FV_PLAN_ESTIMATE, plain);
        for (int variant = 0; variant < 3; variant++) {
            logits(&t, variant != 2, false, variant == 1 ? FV_PLAN_REFERENCE : FV_PLAN_ESTIMATE, other);
            for (int i = 0; i < BATCH * CLASSES; i++) {
                /* Folded batch norms, library functions and fast convolutions round differently; the rest has the same
                 * bits. */
                float bound = exact || variant == 2 ? 0.0f : 1e-4f * (1.0f + fabsf(plain[i]));
                if (!(fabsf(plain[i] - other[i]) <= bound))
                    fail_msg("graph %d variant %d: logit %d is %.9g, expected %.9g", (int)seed, variant, i,
                             (double)other[i], (double)plain[i]);
            }
        }
        net_free(&t);
    }
    fv_ctx_destroy(&ctx);
}

/* A sample's logits do not depend on the batch it sits in. */
static void check_batch(fv_ctx *ctx)
{
    net t;
    net_init(&t, ctx, FV_F32, 9);
    net_small(&t, CLASSES);
    float all[BATCH * CLASSES], images[BATCH * 8 * 8 * 3];
    net_exec_options o = net_options(&t, BATCH, false);
    net_exec *exec = net_compile(&t, &o);
    step(&t, exec, 21);
    memcpy(all, net_exec_output(exec, 0, NULL), sizeof all);
    memcpy(images, net_exec_input(exec, 0), sizeof images);
    net_exec_destroy(&exec);
    o = net_options(&t, 1, false);
    exec = net_compile(&t, &o);
    for (int n = 0; n < BATCH; n++) {
        memcpy(net_exec_input(exec, 0), images + n * 8 * 8 * 3, 8 * 8 * 3 * sizeof(float));
        assert_int_equal(net_exec_run(exec, 0, 0), FV_OK);
        assert_memory_equal(net_exec_output(exec, 0, NULL), all + n * CLASSES, CLASSES * sizeof(float));
    }
    net_exec_destroy(&exec);
    net_free(&t);
}

static void test_batch_does_not_matter(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (int i = 0; i < FV_TEST_ALGORITHMS; i++) {
        fv_test_ask_for(ctx, (uint64_t)i);
        check_batch(ctx);
    }
    fv_ctx_destroy(&ctx);
}

static int count_ops(const net_exec *exec, const char *op)
{
    int n = 0;
    const fv_graph *g = net_exec_graph(exec);
    for (int32_t i = 0; i < g->n_nodes; i++)
        n += strcmp(g->nodes[i]->op->name, op) == 0;
    return n;
}

/* The passes do fire on a real network, in both directions. */
static void test_what_is_left(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    net t;
    net_init(&t, ctx, FV_F32, 9);
    net_small(&t, CLASSES);
    net_exec_options o = net_options(&t, BATCH, true);
    net_exec *exec = net_compile(&t, &o);
    assert_int_equal(count_ops(exec, "relu"), 0);
    assert_int_equal(count_ops(exec, "relu_bwd"), 3); /* behind the pool, the addition and the last convolution */
    assert_int_equal(count_ops(exec, "batch_norm_train"), 3);
    assert_int_equal(count_ops(exec, "conv2d_bwd_data"), 3); /* the image needs none */
    net_exec_destroy(&exec);
    o = net_options(&t, BATCH, false);
    exec = net_compile(&t, &o);
    assert_int_equal(count_ops(exec, "relu"), 0);
    assert_int_equal(count_ops(exec, "add"), 0);
    assert_int_equal(count_ops(exec, "batch_norm"), 0);
    assert_int_equal(count_ops(exec, "bn_fold"), 3);
    assert_int_equal(count_ops(exec, "softmax_cross_entropy"), 0);
    assert_true(fv_program_memory_use(exec->program).packed > 0);
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

static void test_refresh(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    net t;
    net_init(&t, ctx, FV_F32, 9);
    net_small(&t, CLASSES);
    float before[CLASSES * BATCH], after[CLASSES * BATCH], fresh[CLASSES * BATCH];
    net_exec_options o = net_options(&t, BATCH, false);
    net_exec *exec = net_compile(&t, &o);
    step(&t, exec, 2);
    memcpy(before, net_exec_output(exec, 0, NULL), sizeof before);
    for (int p = 0; p < t.n_tensors; p++) {
        for (int64_t i = 0; i < t.tensor[p].count; i++)
            net_set(&t, &t.tensor[p], i, 1.25 * net_get(&t, &t.tensor[p], i));
    }
    assert_int_equal(fv_program_refresh(exec->program, exec->instance), FV_OK);
    step(&t, exec, 2);
    memcpy(after, net_exec_output(exec, 0, NULL), sizeof after);
    net_exec_destroy(&exec);
    exec = net_compile(&t, &o);
    step(&t, exec, 2);
    memcpy(fresh, net_exec_output(exec, 0, NULL), sizeof fresh);
    net_exec_destroy(&exec);
    assert_memory_equal(after, fresh, sizeof fresh);
    assert_memory_not_equal(before, after, sizeof after);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

static void test_validation_loss(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    net t;
    net_init(&t, ctx, FV_F32, 4);
    fv_val *x = net_input(&t, "image", 4, (const int64_t[]){1, 8, 8, 3});
    x = net_unary(&t, "relu", net_conv(&t, x, 6, 3, 1, 0, true));
    net_output(&t, net_dense(&t, net_unary(&t, "flatten", x), CLASSES));
    net_bind(&t, FV_F32);
    net_exec_options o = net_options(&t, BATCH, true);
    net_exec *train = net_compile(&t, &o);
    o = net_options(&t, BATCH, false);
    o.with_loss = true;
    net_exec *validate = net_compile(&t, &o);
    step(&t, train, 5);
    step(&t, validate, 5);
    /* No batch norm and no dropout: both executables compute the same function. */
    assert_true(net_exec_loss(train) == net_exec_loss(validate));
    assert_memory_equal(net_exec_losses(train), net_exec_losses(validate), BATCH * sizeof(float));
    net_exec_destroy(&train);
    net_exec_destroy(&validate);
    o.with_loss = false;
    validate = net_compile(&t, &o);
    assert_null(net_exec_target(validate));
    net_exec_destroy(&validate);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

static void test_keep_all(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    net t;
    net_init(&t, ctx, FV_F32, 4);
    net_small(&t, CLASSES);
    net_exec_options o = net_options(&t, BATCH, true);
    o.optimize = false;
    o.keep_all = true;
    net_exec *exec = net_compile(&t, &o);
    step(&t, exec, 5);
    fv_shape shape;
    int relus = 0;
    for (int32_t n = 0; n < t.g->n_nodes; n++) {
        const fv_node *node = t.g->nodes[n];
        const float *v = net_exec_value(exec, node->name, &shape);
        assert_non_null(v);
        assert_int_equal(shape.dim[0], BATCH);
        if (strcmp(node->op->name, "relu") != 0)
            continue;
        const float *src = net_exec_value(exec, node->in[0]->name, NULL);
        for (int64_t i = 0; i < fv_shape_count(&shape); i++)
            assert_true(v[i] == (src[i] > 0.0f ? src[i] : 0.0f));
        relus++;
    }
    assert_int_equal(relus, 4);
    int64_t all = fv_program_memory_use(exec->program).activations;
    net_exec_destroy(&exec);
    o.keep_all = false;
    exec = net_compile(&t, &o);
    assert_true(fv_program_memory_use(exec->program).activations < all);
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

/* ---- an operator from outside ---- */

/* dst[i] = a[i] + b[i + 1], b taken round. May overwrite a, but only if b is not the same memory. */
static fv_status twist_infer(fv_ctx *ctx, const fv_node *node)
{
    if (!fv_shape_equal(&node->in[0]->shape, &node->in[1]->shape))
        return fv_node_fail(ctx, node, "both operands must have one shape");
    node->out[0]->dtype = node->in[0]->dtype;
    node->out[0]->shape = node->in[0]->shape;
    return FV_OK;
}

static void twist_ref(const fv_call *call)
{
    const fv_val *a = call->node->in[0];
    int64_t count = fv_shape_count(&a->shape);
    for (int64_t i = 0; i < count; i++)
        fv_set(a->dtype, call->out[0], i,
               fv_get(a->dtype, call->in[0], i) + fv_get(a->dtype, call->in[1], (i + 1) % count));
}

static const fv_op twist = {
    .name = "twist",
    .doc = "dst[i] = a[i] + b[i + 1].",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_INPLACE,
    .operands = (const char *const[]){"a", "b", "dst"},
    .letters = (const char *const[]){"nc", "nc"},
    .infer = twist_infer,
    .ref = twist_ref,
};

static void test_registered_operator(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    if (fv_op_register(ctx, &twist) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    net t;
    net_init(&t, ctx, FV_F32, 3);
    fv_val *x = net_input(&t, "x", 2, (const int64_t[]){1, 40});
    fv_val *y = net_unary(&t, "relu", x), *flat = net_unary(&t, "flatten", y);
    net_output(&t, net_op(&t, "twist", NULL, 2, (fv_val *[]){y, flat}));
    net_exec_options o = net_options(&t, 1, false);
    net_exec *exec = net_compile(&t, &o);
    float *in = net_exec_input(exec, 0);
    for (int i = 0; i < 40; i++)
        in[i] = (float)(40 - i);
    assert_int_equal(net_exec_run(exec, 0, 0), FV_OK);
    const float *out = net_exec_output(exec, 0, NULL);
    for (int i = 0; i < 40; i++) {
        float a = (float)(40 - i), b = i == 39 ? 40.0f : (float)(39 - i);
        assert_true(out[i] == a + b);
    }
    net_exec_destroy(&exec);
    o = net_options(&t, 1, true);
    o.loss = fv_op_find(ctx, "mse");
    o.target_dtype = FV_F32;
    exec = net_compile(&t, &o); /* no parameter depends on it: it needs no gradient */
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_step),
        cmocka_unit_test(test_bits_of_random_graphs),
        cmocka_unit_test(test_ties_in_a_maximum),
        cmocka_unit_test(test_inference_of_random_graphs),
        cmocka_unit_test(test_batch_does_not_matter),
        cmocka_unit_test(test_what_is_left),
        cmocka_unit_test(test_refresh),
        cmocka_unit_test(test_validation_loss),
        cmocka_unit_test(test_keep_all),
        cmocka_unit_test(test_registered_operator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
