/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/partial.h"

static const fv_attr layer_norm_attrs[] = {
    {"eps", FV_ATTR_REAL, offsetof(fv_layer_norm_attr, eps), 1e-6, 0, 1, NULL, "Added to the variance."},
    {0},
};

/* Operand i, where it is there, has one number per channel of operand `src`. */
static fv_status need_channels(fv_ctx *ctx, const fv_node *node, int i, int src)
{
    const fv_shape *shape = &node->in[src]->shape;
    if (fv_operand(node, i) == NULL)
        return FV_OK;
    return fv_operand_dims(ctx, node, i, 1, &shape->dim[shape->rank - 1], "one per channel of src");
}

static fv_status need_rows(fv_ctx *ctx, const fv_node *node, int i)
{
    const int rank = node->in[i]->shape.rank;
    return rank >= 2
               ? FV_OK
               : fv_node_fail(ctx, node, "%s must have at least 2 dimensions, found %d", node->op->operands[i], rank);
}

static fv_status layer_norm_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(need_rows(ctx, node, 0));
    FV_TRY(need_channels(ctx, node, 1, 0));
    FV_TRY(need_channels(ctx, node, 2, 0));
    return fv_result_like(ctx, node, 0, 0);
}

static fv_status layer_norm_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_val *scale = node->n_in > 1 ? node->in[1] : NULL, *shift = node->n_in > 2 ? node->in[2] : NULL;
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "layer_norm_bwd", node->attr, (fv_val *[]){d_out[0], node->in[0], scale}, scale ? 3 : 2);
    if (scale && fv_emit_wanted(b, scale))
        d_in[1] = fv_emit(b, "layer_norm_bwd_scale", node->attr, (fv_val *[]){d_out[0], node->in[0]}, 2);
    if (shift && fv_emit_wanted(b, shift))
        d_in[2] = fv_emit(b, "channel_sum", NULL, d_out, 1);
    return FV_OK;
}

static fv_cost layer_norm_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 8.0 * fv_count_in(node, 0));
}

/* Mean and 1 / sqrt(variance + eps) of the channels of a row. */
typedef struct row_stats {
    double mean, rstd;
} row_stats;

static row_stats stats_of(const fv_call *call, const void *src, int64_t row, int64_t channels)
{
    fv_dtype dtype = fv_call_dtype(call);
    double sum = 0.0, square = 0.0;
    for (int64_t i = row * channels; i < (row + 1) * channels; i++)
        sum += fv_get(dtype, src, i);
    const double mean = sum / (double)channels;
    for (int64_t i = row * channels; i < (row + 1) * channels; i++) {
        double d = fv_get(dtype, src, i) - mean;
        square = fma(d, d, square);
    }
    const double eps = ((const fv_layer_norm_attr *)call->node->attr)->eps;
    return (row_stats){mean, 1.0 / sqrt(square / (double)channels + eps)};
}

static void layer_norm_ref(const fv_call *call)
{
    const fv_shape *shape = &call->node->in[0]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    const void *scale = fv_call_in(call, 1), *shift = fv_call_in(call, 2);
    const int64_t channels = fv_shape_last(shape), rows = fv_shape_rows(shape);
    for (int64_t row = 0; row < rows; row++) {
        const row_stats s = stats_of(call, call->in[0], row, channels);
        for (int64_t c = 0; c < channels; c++) {
            double y = (fv_get(dtype, call->in[0], row * channels + c) - s.mean) * s.rstd;
            y = scale ? y * fv_get(dtype, scale, c) : y;
            fv_set(dtype, call->out[0], row * channels + c, shift ? y + fv_get(dtype, shift, c) : y);
        }
    }
}

const fv_op fv_op_layer_norm = {
    .name = "layer_norm",
    .doc =
        "dst = (src - m) / sqrt(v + eps) * scale[c] + shift[c], m and v the mean and the variance of the channels at "
        "each place by itself (Ba, Kiros and Hinton, 2016); the same in training. Channels are the last dimension. "
        "Without scale or shift these are 1 and 0.",
    .n_in_min = 1,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_INPLACE,
    .operands = (const char *const[]){"src", "scale", "shift", "dst"},
    .kinds = (const fv_operand_kind[]){FV_OPERAND_DATA, FV_OPERAND_NORM, FV_OPERAND_NORM},
    .letters = (const char *const[]){"nhwc", "c", "c"},
    .attr_size = sizeof(fv_layer_norm_attr),
    .attrs = layer_norm_attrs,
    .infer = layer_norm_infer,
    .grad = layer_norm_grad,
    .cost = layer_norm_cost,
    .ref = layer_norm_ref,
};

/* ---- gradient to src ---- */

static fv_status layer_norm_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(need_rows(ctx, node, 0));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    FV_TRY(need_channels(ctx, node, 2, 1));
    return fv_result_like(ctx, node, 0, 0);
}

static fv_cost layer_norm_bwd_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 16.0 * fv_count_in(node, 0));
}

static void layer_norm_bwd_ref(const fv_call *call)
{
    const fv_shape *shape = &call->node->in[1]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    const void *scale = fv_call_in(call, 2);
    const int64_t channels = fv_shape_last(shape), rows = fv_shape_rows(shape);
    for (int64_t row = 0; row < rows; row++) {
        const row_stats s = stats_of(call, call->in[1], row, channels);
        double sum = 0.0, dot = 0.0;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t c = 0, i = row * channels; c < channels; c++, i++) {
                double y = (fv_get(dtype, call->in[1], i) - s.mean) * s.rstd;
                double g = fv_get(dtype, call->in[0], i) * (scale ? fv_get(dtype, scale, c) : 1.0);
                if (pass == 0) {
                    sum += g;
                    dot = fma(g, y, dot);
                } else {
                    fv_set(dtype, call->out[0], i, (g - (sum + y * dot) / (double)channels) * s.rstd);
                }
            }
    }
}

const fv_op fv_op_layer_norm_bwd = {
    .name = "layer_norm_bwd",
    .doc =
        "Gradient of layer_norm with respect to src: with g = d_dst * scale[c] and y the standardized src, d_src = (g "
        "- mean of g - y * mean of g * y) / sqrt(v + eps), means over the channels.",
    .n_in_min = 2,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE,
    .operands = (const char *const[]){"d_dst", "src", "scale", "d_src"},
    .letters = (const char *const[]){"nhwc", "nhwc", "c"},
    .attr_size = sizeof(fv_layer_norm_attr),
    .attrs = layer_norm_attrs,
    .infer = layer_norm_bwd_infer,
    .cost = layer_norm_bwd_cost,
    .ref = layer_norm_bwd_ref,
};

/* ---- gradient to scale ---- */

static fv_status bwd_scale_result(fv_ctx *ctx, const fv_node *node, fv_dtype dtype)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(need_rows(ctx, node, 0));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    const fv_shape *shape = &node->in[0]->shape;
    return fv_result(ctx, node, 0, dtype, 1, &shape->dim[shape->rank - 1]);
}

static fv_status bwd_scale_infer(fv_ctx *ctx, const fv_node *node)
{
    return bwd_scale_result(ctx, node, node->in[0] ? node->in[0]->dtype : FV_F32);
}

static void bwd_scale_ref(const fv_call *call)
{
    const fv_shape *shape = &call->node->in[1]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    const int shards = fv_call_shards(call, shape->dim[0]);
    const int64_t channels = fv_shape_last(shape), rows = fv_shape_rows(shape) / shards;
    for (int64_t c = 0; c < channels; c++) {
        double sum[FV_SHARDS_MAX] = {0};
        for (int j = 0; j < shards; j++)
            for (int64_t row = j * rows; row < (j + 1) * rows; row++) {
                const row_stats s = stats_of(call, call->in[1], row, channels);
                const int64_t i = row * channels + c;
                double y = fv_round(dtype, (fv_get(dtype, call->in[1], i) - s.mean) * s.rstd);
                sum[j] = fma(y, fv_get(dtype, call->in[0], i), sum[j]);
            }
        fv_set(call->node->out[0]->dtype, call->out[0], c, fv_tree_sum(FV_F64, sum, shards));
    }
}

static fv_status bwd_scale_split(fv_builder *b, const fv_node *node, bool pooled, fv_val *const *in, fv_val **out)
{
    (void)pooled;
    out[0] = fv_emit_rounded(b, fv_emit(b, "layer_norm_bwd_scale_partial", node->attr, in, 2), node->out[0]->dtype);
    return FV_OK;
}

const fv_op fv_op_layer_norm_bwd_scale = {
    .name = "layer_norm_bwd_scale",
    .doc = "Gradient of layer_norm with respect to scale: d_scale[c] = sum over all places of d_dst times the "
           "standardized src, in float64: per shard in order, then a binary tree over shards.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_SHARDED,
    .operands = (const char *const[]){"d_dst", "src", "d_scale"},
    .letters = (const char *const[]){"nhwc", "nhwc"},
    .attr_size = sizeof(fv_layer_norm_attr),
    .attrs = layer_norm_attrs,
    .infer = bwd_scale_infer,
    .cost = layer_norm_cost,
    .ref = bwd_scale_ref,
    .partial = bwd_scale_split,
};

/* ---- before it is rounded ---- */

static fv_status bwd_scale_partial_infer(fv_ctx *ctx, const fv_node *node)
{
    return bwd_scale_result(ctx, node, FV_F64);
}

const fv_op fv_op_layer_norm_bwd_scale_partial = {
    .name = "layer_norm_bwd_scale_partial",
    .doc = "layer_norm_bwd_scale before it is rounded: the sums stay float64.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_SHARDED,
    .operands = (const char *const[]){"d_dst", "src", "sums"},
    .letters = (const char *const[]){"nhwc", "nhwc"},
    .attr_size = sizeof(fv_layer_norm_attr),
    .attrs = layer_norm_attrs,
    .infer = bwd_scale_partial_infer,
    .cost = layer_norm_cost,
    .ref = bwd_scale_ref,
};
