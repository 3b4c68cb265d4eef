/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/binary.h"
#include "ops/channels.h"
#include "ops/epilogue.h"

static const fv_attr add_attrs[] = {FV_EPILOGUE_ROW(fv_eltwise_attr), {0}};

static fv_status add_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_binary_infer(ctx, node));
    const fv_dtype dtype = node->in[0]->dtype;
    if (dtype != FV_F32 && dtype != FV_F64 && ((const fv_eltwise_attr *)node->attr)->activation != FV_ACT_NONE)
        return fv_node_fail(ctx, node, "activation of %s; expected f32 or f64", fv_dtype_name(dtype));
    return FV_OK;
}

static fv_status add_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_val *d_dst = fv_epilogue_grad(b, node, ((const fv_eltwise_attr *)node->attr)->activation, d_out[0]);
    for (int i = 0; i < 2; i++)
        if (fv_emit_wanted(b, node->in[i]))
            d_in[i] = fv_emit_unbroadcast(b, d_dst, node->in[i]);
    return FV_OK;
}

static fv_cost add_cost(const fv_node *node)
{
    bool activation = ((const fv_eltwise_attr *)node->attr)->activation != FV_ACT_NONE;
    return fv_cost_of(node, 0.0, (1 + activation) * fv_count_out(node, 0));
}

static double add(double a, double b)
{
    return a + b;
}

/* Wraps around, as the processor does. */
static int64_t add_integers(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* The sum is rounded before the activation, which changes nothing. */
static void add_ref(const fv_call *call)
{
    const fv_dtype dtype = fv_call_dtype(call);
    const int32_t activation = ((const fv_eltwise_attr *)call->node->attr)->activation;
    fv_binary_ref(call, add, add_integers);
    for (int64_t i = 0; activation != FV_ACT_NONE && i < fv_shape_count(&call->node->out[0]->shape); i++)
        fv_set(dtype, call->out[0], i, fv_epilogue_apply(activation, fv_get(dtype, call->out[0], i)));
}

const fv_op fv_op_add = {
    .name = "add",
    .doc = "dst = act(a + b), elementwise; a and b are repeated over each other as in NumPy. Integers wrap around.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_ADD | FV_T_FUSES_ACTIVATION | FV_T_INPLACE,
    .operands = (const char *const[]){"a", "b", "dst"},
    .letters = (const char *const[]){"nhwc", "nhwc"},
    .attr_size = sizeof(fv_eltwise_attr),
    .attrs = add_attrs,
    .infer = add_infer,
    .grad = add_grad,
    .cost = add_cost,
    .moves_samples = fv_broadcast_moves_samples,
    .ref = add_ref,
    .channels = fv_channels_each,
};
