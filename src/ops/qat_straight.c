/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/qat.h"

static fv_status qat_straight_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    if (fv_operand(node, 2))
        FV_TRY(fv_qat_pair_check(ctx, node, 2));
    return fv_result_like(ctx, node, 0, 0);
}

static fv_cost qat_straight_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 2.0 * fv_count_in(node, 0));
}

/* In inference nothing is left of what the numbers were before. */
static fv_status qat_straight_lower(fv_builder *b, const fv_node *node, bool training, fv_val *const *in, fv_val **out)
{
    out[0] = training ? fv_emit(b, "qat_straight", NULL, in, node->n_in) : in[1];
    return FV_OK;
}

static fv_status qat_straight_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_val *in[3] = {d_out[0], node->in[0], fv_operand(node, 2) ? node->in[2] : NULL};
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = in[2] ? fv_emit(b, "qat_straight_bwd", NULL, in, 3) : d_out[0];
    return FV_OK;
}

static void qat_straight_ref(const fv_call *call)
{
    const fv_dtype dtype = fv_call_dtype(call);
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++)
        fv_set(dtype, call->out[0], i, fv_get(dtype, call->in[1], i));
}

const fv_op fv_op_qat_straight = {
    .name = "qat_straight",
    .doc = "dst = value, with the gradient that src would have in its place (straight-through: Bengio et al., 2013): "
           "value is what integers make of src. With a pair, no gradient where src lies beyond its integers.",
    .n_in_min = 2,
    .n_in_max = 3,
    .n_out = 1,
    .operands = (const char *const[]){"src", "value", "pair", "dst"},
    .kinds = (const fv_operand_kind[]){FV_OPERAND_DATA, FV_OPERAND_DATA, FV_OPERAND_DATA}, /* no layer to build with */
    .letters = (const char *const[]){"nhwc", "nhwc", "n"},
    .infer = qat_straight_infer,
    .grad = qat_straight_grad,
    .cost = qat_straight_cost,
    .lower = qat_straight_lower,
    .ref = qat_straight_ref,
};

static fv_status qat_straight_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    FV_TRY(fv_qat_pair_check(ctx, node, 2));
    return fv_result_like(ctx, node, 0, 0);
}

static void qat_straight_bwd_ref(const fv_call *call)
{
    const fv_dtype dtype = fv_call_dtype(call);
    const fv_q_pair pair = fv_qat_pair(call, 2);
    const double low = pair.scale * ((double)(-128 - pair.zero) - 0.5);
    const double high = pair.scale * ((double)(127 - pair.zero) + 0.5);
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++) {
        const double x = fv_get(dtype, call->in[1], i);
        fv_set(dtype, call->out[0], i, x >= low && x <= high ? fv_get(dtype, call->in[0], i) : 0);
    }
}

const fv_op fv_op_qat_straight_bwd = {
    .name = "qat_straight_bwd",
    .doc = "Gradient of qat_straight with a pair: d_src = d_dst where src rounds to one of its integers, else 0.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "src", "pair", "d_src"},
    .letters = (const char *const[]){"nhwc", "nhwc", "n"},
    .infer = qat_straight_bwd_infer,
    .cost = qat_straight_cost,
    .ref = qat_straight_bwd_ref,
};
