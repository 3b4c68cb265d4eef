/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/qat.h"

static fv_status qat_dequantize_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_dtype(ctx, node, 0, 0, FV_I8));
    FV_TRY(fv_qat_pair_check(ctx, node, 1));
    const fv_shape *src = &node->in[0]->shape;
    return fv_result(ctx, node, 0, node->in[1]->dtype, src->rank, src->dim);
}

static fv_cost qat_dequantize_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 2.0 * fv_count_out(node, 0));
}

static void qat_dequantize_ref(const fv_call *call)
{
    const fv_q_pair pair = fv_qat_pair(call, 1);
    const int8_t *src = call->in[0];
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++)
        fv_set(call->node->out[0]->dtype, call->out[0], i, (double)(float)(pair.scale * (double)(src[i] - pair.zero)));
}

const fv_op fv_op_qat_dequantize = {
    .name = "qat_dequantize",
    .doc = "dequantize of i8 by an operand's scale and zero point: dst = scale * (src - zero), rounded to f32.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .operands = (const char *const[]){"src", "pair", "dst"},
    .letters = (const char *const[]){"nhwc", "n"},
    .infer = qat_dequantize_infer,
    .cost = qat_dequantize_cost,
    .ref = qat_dequantize_ref,
};
