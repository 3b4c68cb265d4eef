/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/partial.h"

static fv_status channel_sum_result(fv_ctx *ctx, const fv_node *node, fv_dtype dtype)
{
    const fv_shape *src = &node->in[0]->shape;
    if (src->rank < 2)
        return fv_node_fail(ctx, node, "d_dst must have at least 2 dimensions, found %d", (int)src->rank);
    return fv_result(ctx, node, 0, dtype, 1, &src->dim[src->rank - 1]);
}

static fv_status channel_sum_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    return channel_sum_result(ctx, node, node->in[0]->dtype);
}

static fv_cost channel_sum_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, fv_count_in(node, 0));
}

static void channel_sum_ref(const fv_call *call)
{
    const fv_shape *shape = &call->node->in[0]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    int shards = fv_call_shards(call, shape->dim[0]);
    int64_t channels = fv_shape_last(shape), rows = fv_shape_rows(shape) / shards;
    for (int64_t c = 0; c < channels; c++) {
        double sum[FV_SHARDS_MAX] = {0};
        for (int j = 0; j < shards; j++)
            for (int64_t i = j * rows; i < (j + 1) * rows; i++)
                sum[j] += fv_get(dtype, call->in[0], i * channels + c);
        fv_set(call->node->out[0]->dtype, call->out[0], c, fv_tree_sum(FV_F64, sum, shards));
    }
}

static fv_status channel_sum_split(fv_builder *b, const fv_node *node, bool pooled, fv_val *const *in, fv_val **out)
{
    (void)pooled;
    out[0] = fv_emit_rounded(b, fv_emit(b, "channel_sum_partial", NULL, in, 1), node->out[0]->dtype);
    return FV_OK;
}

const fv_op fv_op_channel_sum = {
    .name = "channel_sum",
    .doc = "Sum over everything but the last dimension: d_bia[c] = sum over n,p,q of d_dst[n,p,q,c], the gradient of a "
           "bias. In float64: per shard of the batch in order from 0, then a binary tree over shards.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_SHARDED,
    .operands = (const char *const[]){"d_dst", "d_bia"},
    .letters = (const char *const[]){"nhwc"},
    .infer = channel_sum_infer,
    .cost = channel_sum_cost,
    .ref = channel_sum_ref,
    .partial = channel_sum_split,
};

/* ---- before it is rounded ---- */

static fv_status channel_sum_partial_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    return channel_sum_result(ctx, node, FV_F64);
}

const fv_op fv_op_channel_sum_partial = {
    .name = "channel_sum_partial",
    .doc = "channel_sum before it is rounded: the sums stay float64.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_SHARDED,
    .operands = (const char *const[]){"d_dst", "sums"},
    .letters = (const char *const[]){"nhwc"},
    .infer = channel_sum_partial_infer,
    .cost = channel_sum_cost,
    .ref = channel_sum_ref,
};
