/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions of halves within a graph: what they give is what float32 gives that is rounded in the same places. */
#include "net.h"

enum { BATCH = 5, OUT = 4 * 4 * 24 };

static fv_val *cast_to(net *t, fv_val *x, fv_dtype dtype)
{
    const fv_cast_attr attr = {.dtype = (int32_t)dtype};
    return net_op(t, "cast", &attr, 1, &x);
}

/* A value as halves, or as the float32 that is equal to them. */
static fv_val *rounded(net *t, fv_val *x, bool halves)
{
    fv_val *half = x->dtype == FV_F16 ? x : cast_to(t, x, FV_F16);
    return halves ? half : cast_to(t, half, FV_F32);
}

/* All of them are direct sums, whose bits are those of one chain. */
static fv_val *convolve(net *t, fv_val *x, int64_t k, int64_t size, int64_t stride, int64_t groups, int32_t activation,
                        bool halves)
{
    char name[2][32];
    fv_conv2d_attr attr = {.activation = activation, .stride = {stride, stride}, .dilation = {1, 1}, .groups = groups};
    for (int i = 0; i < 4; i++)
        attr.pad[i] = size / 2;
    snprintf(name[0], sizeof name[0], "weight%d", t->n_tensors);
    snprintf(name[1], sizeof name[1], "bias%d", t->n_tensors);
    fv_val *wei = net_param(t, name[0], FV_ROLE_PARAM, 4, (int64_t[]){k, size, size, x->shape.dim[3] / groups});
    fv_val *bia = net_param(t, name[1], FV_ROLE_PARAM, 1, &k);
    fv_val *in[3] = {rounded(t, x, halves), rounded(t, wei, halves), rounded(t, bia, halves)};
    return net_op(t, "conv2d", &attr, 3, in);
}

static void compute(bool halves, float all[BATCH * OUT])
{
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    net t;
    net_init(&t, ctx, FV_F32, 3);
    fv_val *x = net_input(&t, "image", 4, (const int64_t[]){1, 8, 8, 3});
    x = convolve(&t, x, 20, 3, 2, 1, FV_RELU, halves);
    x = convolve(&t, x, 20, 3, 1, 20, FV_RELU6, halves);
    x = convolve(&t, x, 24, 1, 1, 1, FV_ACT_NONE, halves);
    net_output(&t, cast_to(&t, rounded(&t, x, true), FV_F32));
    net_bind(&t, FV_F32);
    net_exec_options o = net_options(&t, BATCH, false);
    o.with_loss = false;
    net_exec *exec = net_compile(&t, &o);
    float *image = net_exec_input(exec, 0);
    uint64_t rng = 9;
    for (int i = 0; i < BATCH * 8 * 8 * 3; i++)
        image[i] = (float)net_uniform(&rng);
    assert_int_equal(fv_instance_run(exec->instance, NULL), FV_OK);
    memcpy(all, net_exec_output(exec, 0, NULL), BATCH * OUT * sizeof *all);
    /* Some samples alone. */
    assert_int_equal(fv_instance_run(exec->instance, &(fv_run){.samples = 2}), FV_OK);
    assert_memory_equal(net_exec_output(exec, 0, NULL), all, 2 * OUT * sizeof *all);
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

static void test_graph(void **state)
{
    static float halves[BATCH * OUT], floats[BATCH * OUT];
    int others = 0;
    (void)state;
    compute(true, halves);
    compute(false, floats);
    for (int i = 0; i < BATCH * OUT; i++)
        others += halves[i] != halves[0];
    assert_true(others > BATCH * OUT / 2);
    assert_memory_equal(halves, floats, sizeof halves);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_graph)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
