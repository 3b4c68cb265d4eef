/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/epilogue.h"

static const fv_attr add_attrs[] = {FV_EPILOGUE_ROW(fv_eltwise_attr), {0}};

static fv_status add_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    return fv_result_like(ctx, node, 0, 0);
}

static fv_status add_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_val *d_dst = fv_epilogue_grad(b, node, ((const fv_eltwise_attr *)node->attr)->activation, d_out[0]);
    for (int i = 0; i < 2; i++)
        if (fv_emit_wanted(b, node->in[i]))
            d_in[i] = d_dst;
    return FV_OK;
}

static fv_cost add_cost(const fv_node *node)
{
    bool activation = ((const fv_eltwise_attr *)node->attr)->activation != FV_ACT_NONE;
    return fv_cost_of(node, 0.0, (1 + activation) * fv_count_out(node, 0));
}

static void add_ref(const fv_call *call)
{
    fv_dtype dtype = fv_call_dtype(call);
    int32_t activation = ((const fv_eltwise_attr *)call->node->attr)->activation;
    int64_t count = fv_shape_count(&call->node->out[0]->shape);
    for (int64_t i = 0; i < count; i++) {
        double sum = fv_chain_add(dtype, fv_get(dtype, call->in[0], i), fv_get(dtype, call->in[1], i));
        fv_set(dtype, call->out[0], i, fv_epilogue_apply(activation, sum));
    }
}

const fv_op fv_op_add = {
    .name = "add",
    .doc = "dst = act(a + b), elementwise; a and b have the same shape.",
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
    .ref = add_ref,
};
