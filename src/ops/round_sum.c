/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/partial.h"

static const char *const round_sum_dtypes[] = {"f32", "f64", NULL};

static const fv_attr round_sum_attrs[] = {
    {"dtype", FV_ATTR_ENUM, offsetof(fv_round_sum_attr, dtype), 0, 0, 1, round_sum_dtypes, "Type of the result."},
    {0},
};

static fv_status round_sum_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_dtype(ctx, node, 0, 0, FV_F64));
    const fv_val *like = fv_operand(node, 1);
    if (like != NULL && like->shape.rank < 1)
        return fv_node_fail(ctx, node, "like must have a dimension for the samples, found a scalar");
    fv_dtype dtype = ((const fv_round_sum_attr *)node->attr)->dtype == 0 ? FV_F32 : FV_F64;
    return fv_result(ctx, node, 0, dtype, node->in[0]->shape.rank, node->in[0]->shape.dim);
}

static void round_sum_ref(const fv_call *call)
{
    const fv_val *dst = call->node->out[0];
    double count = fv_call_in(call, 1) == NULL ? 1.0 : (double)fv_call_total(call, fv_in_dims(call, 1)[0]);
    const double *sums = call->in[0];
    for (int64_t i = 0; i < fv_shape_count(&dst->shape); i++)
        fv_set(dst->dtype, call->out[0], i, sums[i] / count);
}

const fv_op fv_op_round_sum = {
    .name = "round_sum",
    .doc = "dst = sums, rounded once; with like, whose first dimension counts samples: dst = sums / (samples of the "
           "whole batch).",
    .n_in_min = 1,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_MIXED,
    .operands = (const char *const[]){"sums", "like", "dst"},
    .letters = (const char *const[]){"c", "n"},
    .attr_size = sizeof(fv_round_sum_attr),
    .attrs = round_sum_attrs,
    .infer = round_sum_infer,
    .ref = round_sum_ref,
};

fv_val *fv_emit_mean(fv_builder *b, fv_val *sums, fv_val *like, fv_dtype dtype)
{
    const fv_round_sum_attr attr = {.dtype = dtype == FV_F32 ? 0 : 1};
    return fv_emit(b, "round_sum", &attr, (fv_val *[]){fv_emit_meet(b, sums), like}, like == NULL ? 1 : 2);
}

fv_val *fv_emit_rounded(fv_builder *b, fv_val *sums, fv_dtype dtype)
{
    return fv_emit_mean(b, sums, NULL, dtype);
}
