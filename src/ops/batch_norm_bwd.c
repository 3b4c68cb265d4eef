/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/batch_norm.h"

static const fv_attr batch_norm_bwd_attrs[] = {
    FV_EPILOGUE_ROW(fv_batch_norm_attr),
    {"frozen", FV_ATTR_BOOL, offsetof(fv_batch_norm_attr, frozen), 0, 0, 1, NULL,
     "Whether mean and variance were constants of the forward layer."},
    {0},
};

/* What both halves know: d_dst (operand 0) and src (operand 1) are alike, dst is there when an activation masks. */
static fv_status batch_norm_bwd_check(fv_ctx *ctx, const fv_node *node, int dst)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    const fv_shape *src = &node->in[1]->shape;
    if (src->rank < 2)
        return fv_node_fail(ctx, node, "src must have at least 2 dimensions, found %d", (int)src->rank);
    int32_t activation = ((const fv_batch_norm_attr *)node->attr)->activation;
    bool masks = activation != FV_ACT_NONE;
    if (masks != (fv_operand(node, dst) != NULL))
        return fv_node_fail(ctx, node, masks ? "activation=%s needs the operand dst" : "the operand dst needs an %s",
                            masks ? fv_epilogue_names[activation] : "activation");
    return masks ? fv_operand_same(ctx, node, dst, 0) : FV_OK;
}

static fv_status batch_norm_bwd_channels(fv_ctx *ctx, const fv_node *node, int first, int last)
{
    const fv_shape *src = &node->in[1]->shape;
    for (int i = first; i <= last; i++)
        FV_TRY(fv_operand_dims(ctx, node, i, 1, &src->dim[src->rank - 1], "one per channel of src"));
    return FV_OK;
}

static fv_status batch_norm_bwd_results(fv_ctx *ctx, const fv_node *node)
{
    int64_t c = fv_shape_last(&node->in[1]->shape);
    FV_TRY(fv_result_like(ctx, node, 0, 1));
    FV_TRY(fv_result(ctx, node, 1, node->in[0]->dtype, 1, &c));
    return fv_result(ctx, node, 2, node->in[0]->dtype, 1, &c);
}

static fv_status batch_norm_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(batch_norm_bwd_check(ctx, node, 5));
    FV_TRY(batch_norm_bwd_channels(ctx, node, 2, 4));
    return batch_norm_bwd_results(ctx, node);
}

static fv_cost batch_norm_bwd_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 8.0 * fv_count_in(node, 0));
}

/* d_dst in front of the forward's activation, whose result is operand `dst`. */
static double batch_norm_bwd_d(const fv_call *call, int dst, int64_t i)
{
    fv_dtype dtype = fv_call_dtype(call);
    int32_t activation = ((const fv_batch_norm_attr *)call->node->attr)->activation;
    double d = fv_get(dtype, call->in[0], i);
    return activation == FV_ACT_NONE ? d : fv_epilogue_mask(activation, fv_get(dtype, call->in[dst], i), d);
}

/* Sums of one channel over the samples, of d and of d * (src - mean), in float64: by shards, then a tree. */
static void batch_norm_bwd_sums(const fv_call *call, int dst, int64_t c, double mean, double sums[2])
{
    const fv_shape *shape = &call->node->in[1]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    int shards = fv_call_shards(call, shape->dim[0]);
    int64_t channels = fv_shape_last(shape), rows = fv_shape_rows(shape);
    double sum_d[FV_SHARDS_MAX] = {0}, sum_dx[FV_SHARDS_MAX] = {0};
    for (int64_t row = 0; row < rows; row++) {
        int64_t i = row * channels + c, shard = row / (rows / shards);
        double d = batch_norm_bwd_d(call, dst, i);
        sum_d[shard] += d;
        sum_dx[shard] = fma(d, fv_get(dtype, call->in[1], i) - mean, sum_dx[shard]);
    }
    sums[0] = fv_tree_sum(FV_F64, sum_d, shards);
    sums[1] = fv_tree_sum(FV_F64, sum_dx, shards);
}

/* The results of one channel from its sums over `count` values. */
static void batch_norm_bwd_finish(const fv_call *call, int dst, int64_t c, const double sums[2], double count)
{
    const fv_shape *shape = &call->node->in[1]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    bool frozen = ((const fv_batch_norm_attr *)call->node->attr)->frozen;
    int64_t channels = fv_shape_last(shape), rows = fv_shape_rows(shape);
    double gamma = fv_get(dtype, call->in[2], c), mean = fv_get(dtype, call->in[3], c);
    double rstd = fv_get(dtype, call->in[4], c), d_beta = sums[0], d_gamma = sums[1] * rstd;
    fv_set(dtype, call->out[1], c, d_gamma);
    fv_set(dtype, call->out[2], c, d_beta);
    for (int64_t row = 0; row < rows; row++) {
        int64_t i = row * channels + c;
        double normed = (fv_get(dtype, call->in[1], i) - mean) * rstd;
        double d = batch_norm_bwd_d(call, dst, i) - (frozen ? 0.0 : (d_beta + normed * d_gamma) / count);
        fv_set(dtype, call->out[0], i, gamma * rstd * d);
    }
}

static void batch_norm_bwd_ref(const fv_call *call)
{
    const fv_shape *shape = &call->node->in[1]->shape;
    int64_t channels = fv_shape_last(shape);
    for (int64_t c = 0; c < channels; c++) {
        double sums[2];
        batch_norm_bwd_sums(call, 5, c, fv_get(fv_call_dtype(call), call->in[3], c), sums);
        batch_norm_bwd_finish(call, 5, c, sums, (double)fv_shape_rows(shape));
    }
}

static fv_status batch_norm_bwd_split(fv_builder *b, const fv_node *node, bool pooled, fv_val *const *in, fv_val **out)
{
    const fv_batch_norm_attr *attr = node->attr;
    fv_val *dst = fv_operand(node, 5) != NULL ? in[5] : NULL;
    if (!pooled && !attr->frozen) {
        fv_val *first = fv_emit(b, "batch_norm_bwd", attr, in, node->n_in);
        out[0] = first;
        for (int i = 1; i < 3; i++)
            out[i] = fv_emit_meet(b, fv_emit_out(b, first, i));
        return FV_OK;
    }
    fv_val *first = fv_emit(b, "batch_norm_bwd_partial", attr, (fv_val *[]){in[0], in[1], in[3], dst}, dst ? 4 : 3);
    fv_val *sums = fv_emit_meet(b, first);
    first = fv_emit(b, "batch_norm_bwd_finish", attr, (fv_val *[]){in[0], in[1], in[2], in[3], in[4], sums, dst},
                    dst ? 7 : 6);
    for (int i = 0; i < 3; i++)
        out[i] = fv_emit_out(b, first, i);
    return FV_OK;
}

const fv_op fv_op_batch_norm_bwd = {
    .name = "batch_norm_bwd",
    .doc = "Gradient of batch_norm_train with m values per channel and x = (src - batch_mean) * rstd: d_beta = sum of "
           "d_dst, d_gamma = sum of d_dst * x, d_src = gamma * rstd * (d_dst - (d_beta + x * d_gamma) / m). With an "
           "activation, d_dst is first masked where dst, the forward's result, sits on a flat part. frozen, of "
           "batch_norm: d_src = gamma * rstd * d_dst.",
    .n_in_min = 5,
    .n_in_max = 6,
    .n_out = 3,
    .traits = FV_T_BACKWARD | FV_T_SHARDED | FV_T_FUSES_ACTIVATION,
    .operands =
        (const char *const[]){"d_dst", "src", "gamma", "batch_mean", "rstd", "dst", "d_src", "d_gamma", "d_beta"},
    .letters = (const char *const[]){"nhwc", "nhwc", "c", "c", "c", "nhwc"},
    .attr_size = sizeof(fv_batch_norm_attr),
    .attrs = batch_norm_bwd_attrs,
    .infer = batch_norm_bwd_infer,
    .cost = batch_norm_bwd_cost,
    .ref = batch_norm_bwd_ref,
    .partial = batch_norm_bwd_split,
};

/* ---- in two halves, between which sums over several pieces of a batch can be made one ---- */

fv_status fv_batch_norm_check_sums(fv_ctx *ctx, const fv_node *node, int i, int src)
{
    FV_TRY(fv_operand_dtype(ctx, node, i, 2, FV_F64));
    const int64_t *found = node->in[i]->shape.dim, channels = fv_shape_last(&node->in[src]->shape);
    if (found[0] != 2 || found[1] != channels)
        return fv_node_fail(ctx, node, "%s has shape %lldx%lld, expected 2x%lld (two per channel of src)",
                            node->op->operands[i], (long long)found[0], (long long)found[1], (long long)channels);
    return FV_OK;
}

static fv_status batch_norm_bwd_partial_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(batch_norm_bwd_check(ctx, node, 3));
    FV_TRY(batch_norm_bwd_channels(ctx, node, 2, 2));
    return fv_result(ctx, node, 0, FV_F64, 2, (const int64_t[]){2, fv_shape_last(&node->in[1]->shape)});
}

static void batch_norm_bwd_partial_ref(const fv_call *call)
{
    int64_t channels = fv_shape_last(&call->node->in[1]->shape);
    double *dst = call->out[0], sums[2];
    for (int64_t c = 0; c < channels; c++) {
        batch_norm_bwd_sums(call, 3, c, fv_get(fv_call_dtype(call), call->in[2], c), sums);
        dst[c] = sums[0];
        dst[channels + c] = sums[1];
    }
}

const fv_op fv_op_batch_norm_bwd_partial = {
    .name = "batch_norm_bwd_partial",
    .doc = "First half of batch_norm_bwd: sums[0][c] = sum of d_dst, sums[1][c] = sum of d_dst * (src - batch_mean), "
           "with d_dst masked as there, in float64: per shard in order from 0, then a binary tree over shards.",
    .n_in_min = 3,
    .n_in_max = 4,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_SHARDED,
    .operands = (const char *const[]){"d_dst", "src", "batch_mean", "dst", "sums"},
    .letters = (const char *const[]){"nhwc", "nhwc", "c", "nhwc"},
    .attr_size = sizeof(fv_batch_norm_attr),
    .attrs = batch_norm_bwd_attrs,
    .infer = batch_norm_bwd_partial_infer,
    .cost = batch_norm_bwd_cost,
    .ref = batch_norm_bwd_partial_ref,
};

static fv_status batch_norm_bwd_finish_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(batch_norm_bwd_check(ctx, node, 6));
    FV_TRY(batch_norm_bwd_channels(ctx, node, 2, 4));
    FV_TRY(fv_batch_norm_check_sums(ctx, node, 5, 1));
    return batch_norm_bwd_results(ctx, node);
}

static void batch_norm_bwd_finish_ref(const fv_call *call)
{
    const fv_shape *shape = &call->node->in[1]->shape;
    int64_t channels = fv_shape_last(shape);
    const double *sums = call->in[5], count = (double)fv_call_total(call, fv_shape_rows(shape));
    for (int64_t c = 0; c < channels; c++)
        batch_norm_bwd_finish(call, 6, c, (const double[]){sums[c], sums[channels + c]}, count);
}

const fv_op fv_op_batch_norm_bwd_finish = {
    .name = "batch_norm_bwd_finish",
    .doc = "Second half of batch_norm_bwd: the same results from sums over the whole batch, of which src may be a "
           "piece.",
    .n_in_min = 6,
    .n_in_max = 7,
    .n_out = 3,
    .traits = FV_T_BACKWARD | FV_T_MIXED,
    .operands = (const char *const[]){"d_dst", "src", "gamma", "batch_mean", "rstd", "sums", "dst", "d_src", "d_gamma",
                                      "d_beta"},
    .letters = (const char *const[]){"nhwc", "nhwc", "c", "c", "c", "tc", "nhwc"},
    .attr_size = sizeof(fv_batch_norm_attr),
    .attrs = batch_norm_bwd_attrs,
    .infer = batch_norm_bwd_finish_infer,
    .cost = batch_norm_bwd_cost,
    .ref = batch_norm_bwd_finish_ref,
};

/* ---- 1 / sqrt(var + eps) of a frozen layer ---- */

static const fv_attr batch_norm_rstd_attrs[] = {
    {"eps", FV_ATTR_REAL, offsetof(fv_batch_norm_attr, eps), 1e-5, 0, 1, NULL, "Added to the variance."},
    {0},
};

static fv_status batch_norm_rstd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 1));
    return fv_result_like(ctx, node, 0, 0);
}

static void batch_norm_rstd_ref(const fv_call *call)
{
    fv_dtype dtype = fv_call_dtype(call);
    double eps = ((const fv_batch_norm_attr *)call->node->attr)->eps;
    for (int64_t c = 0; c < fv_in_dims(call, 0)[0]; c++)
        fv_set(dtype, call->out[0], c, fv_batch_norm_rstd(dtype, fv_get(dtype, call->in[0], c), eps));
}

const fv_op fv_op_batch_norm_rstd = {
    .name = "batch_norm_rstd",
    .doc = "rstd[c] = 1 / sqrt(var[c] + eps): what the gradient of a frozen batch_norm needs of its variance.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"var", "rstd"},
    .letters = (const char *const[]){"c"},
    .attr_size = sizeof(fv_batch_norm_attr),
    .attrs = batch_norm_rstd_attrs,
    .infer = batch_norm_rstd_infer,
    .ref = batch_norm_rstd_ref,
};
