/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/partial.h"

/* Slopes (operand i) are one, or one per channel of operand j. */
static fv_status prelu_check(fv_ctx *ctx, const fv_node *node, int i, int j)
{
    FV_TRY(fv_operand_float(ctx, node, i, 1));
    const fv_shape *src = &node->in[j]->shape;
    int64_t slopes = node->in[i]->shape.dim[0], channels = src->dim[src->rank - 1];
    if (slopes != 1 && slopes != channels)
        return fv_node_fail(ctx, node, "alpha has %lld slopes, expected 1 or %lld (one per channel of src)",
                            (long long)slopes, (long long)channels);
    return FV_OK;
}

static fv_status prelu_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(prelu_check(ctx, node, 1, 0));
    return fv_result_like(ctx, node, 0, 0);
}

static fv_status prelu_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (!fv_emit_wanted(b, node->in[0]) && !fv_emit_wanted(b, node->in[1]))
        return FV_OK;
    fv_val *first = fv_emit(b, "prelu_bwd", NULL, (fv_val *[]){d_out[0], node->in[0], node->in[1]}, 3);
    for (int i = 0; i < 2; i++)
        if (fv_emit_wanted(b, node->in[i]))
            d_in[i] = fv_emit_out(b, first, i);
    return FV_OK;
}

static void prelu_ref(const fv_call *call)
{
    const fv_shape *shape = &call->node->in[0]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    int64_t slopes = fv_in_dims(call, 1)[0], count = fv_shape_count(shape);
    for (int64_t i = 0; i < count; i++) {
        double x = fv_get(dtype, call->in[0], i), alpha = fv_get(dtype, call->in[1], i % slopes);
        fv_set(dtype, call->out[0], i, x > 0.0 ? x : alpha * x);
    }
}

const fv_op fv_op_prelu = {
    .name = "prelu",
    .doc =
        "dst = src > 0 ? src : alpha[c] * src with trained slopes, one per channel or one for all (He et al., 2015).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_INPLACE,
    .operands = (const char *const[]){"src", "alpha", "dst"},
    .letters = (const char *const[]){"nhwc", "a"},
    .infer = prelu_infer,
    .grad = prelu_grad,
    .ref = prelu_ref,
    .channels = fv_channels_each,
};

/* ---- gradient ---- */

static fv_status prelu_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    FV_TRY(prelu_check(ctx, node, 2, 1));
    FV_TRY(fv_result_like(ctx, node, 0, 1));
    return fv_result_like(ctx, node, 1, 2);
}

static fv_cost prelu_bwd_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 3.0 * fv_count_in(node, 0));
}

/* d_alpha of one slope: float64 sums over the elements that it serves, in order, by shards. */
static double prelu_bwd_alpha(const fv_call *call, int64_t slope, int64_t slopes)
{
    const fv_shape *shape = &call->node->in[1]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    int shards = fv_call_shards(call, shape->dim[0]);
    int64_t per_shard = fv_shape_count(shape) / shards;
    double sum[FV_SHARDS_MAX] = {0};
    for (int j = 0; j < shards; j++)
        for (int64_t i = j * per_shard + slope; i < (j + 1) * per_shard; i += slopes) {
            double x = fv_get(dtype, call->in[1], i);
            if (!(x > 0.0))
                sum[j] = fma(x, fv_get(dtype, call->in[0], i), sum[j]);
        }
    return fv_tree_sum(FV_F64, sum, shards);
}

static void prelu_bwd_ref(const fv_call *call)
{
    fv_dtype dtype = fv_call_dtype(call);
    int64_t slopes = fv_in_dims(call, 2)[0], count = fv_shape_count(&call->node->in[1]->shape);
    for (int64_t s = 0; s < slopes; s++)
        fv_set(call->node->out[1]->dtype, call->out[1], s, prelu_bwd_alpha(call, s, slopes));
    for (int64_t i = 0; i < count; i++) {
        double d = fv_get(dtype, call->in[0], i), alpha = fv_get(dtype, call->in[2], i % slopes);
        fv_set(dtype, call->out[0], i, fv_get(dtype, call->in[1], i) > 0.0 ? d : alpha * d);
    }
}

static fv_status prelu_bwd_split(fv_builder *b, const fv_node *node, bool pooled, fv_val *const *in, fv_val **out)
{
    (void)pooled;
    out[0] = fv_emit(b, "prelu_bwd_partial", NULL, in, 3);
    out[1] = fv_emit_rounded(b, fv_emit_out(b, out[0], 1), node->out[1]->dtype);
    return FV_OK;
}

const fv_op fv_op_prelu_bwd = {
    .name = "prelu_bwd",
    .doc =
        "Gradient of prelu: d_src = src > 0 ? d_dst : alpha[c] * d_dst, d_alpha[c] = sum of d_dst * src where src is "
        "not above 0, in float64: per shard in order, then a binary tree over shards.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 2,
    .traits = FV_T_BACKWARD | FV_T_SHARDED,
    .operands = (const char *const[]){"d_dst", "src", "alpha", "d_src", "d_alpha"},
    .letters = (const char *const[]){"nhwc", "nhwc", "a"},
    .infer = prelu_bwd_infer,
    .cost = prelu_bwd_cost,
    .ref = prelu_bwd_ref,
    .partial = prelu_bwd_split,
};

/* ---- before d_alpha is rounded ---- */

static fv_status prelu_bwd_partial_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(prelu_bwd_infer(ctx, node));
    return fv_result(ctx, node, 1, FV_F64, 1, node->in[2]->shape.dim);
}

const fv_op fv_op_prelu_bwd_partial = {
    .name = "prelu_bwd_partial",
    .doc = "prelu_bwd before d_alpha is rounded: its sums stay float64.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 2,
    .traits = FV_T_BACKWARD | FV_T_SHARDED,
    .operands = (const char *const[]){"d_dst", "src", "alpha", "d_src", "sums"},
    .letters = (const char *const[]){"nhwc", "nhwc", "a"},
    .infer = prelu_bwd_partial_infer,
    .cost = prelu_bwd_cost,
    .ref = prelu_bwd_ref,
};
