/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/qat.h"

static fv_status qat_quantize_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_qat_pair_check(ctx, node, 1));
    const fv_shape *src = &node->in[0]->shape;
    return fv_result(ctx, node, 0, FV_I8, src->rank, src->dim);
}

static fv_cost qat_quantize_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 3.0 * fv_count_out(node, 0));
}

static void qat_quantize_ref(const fv_call *call)
{
    const fv_q_pair pair = fv_qat_pair(call, 1);
    const fv_dtype dtype = call->node->in[0]->dtype;
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++) {
        const float x = roundf((float)fv_get(dtype, call->in[0], i) / (float)pair.scale);
        const int64_t q = isnan(x) ? 0 : x > 1e6f ? 1000000 : x < -1e6f ? -1000000 : (int64_t)x;
        fv_q_set(FV_I8, call->out[0], i, q + pair.zero, -128, 127);
    }
}

const fv_op fv_op_qat_quantize = {
    .name = "qat_quantize",
    .doc = "quantize to i8 by an operand's scale and zero point: dst = round(src / scale) + zero.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .operands = (const char *const[]){"src", "pair", "dst"},
    .letters = (const char *const[]){"nhwc", "n"},
    .infer = qat_quantize_infer,
    .cost = qat_quantize_cost,
    .ref = qat_quantize_ref,
};
