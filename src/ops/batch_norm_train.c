/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/batch_norm.h"

static fv_status batch_norm_train_results(fv_ctx *ctx, const fv_node *node)
{
    const fv_shape *src = &node->in[0]->shape;
    FV_TRY(fv_result(ctx, node, 1, node->in[0]->dtype, 1, &src->dim[src->rank - 1]));
    return fv_result(ctx, node, 2, node->in[0]->dtype, 1, &src->dim[src->rank - 1]);
}

static fv_status batch_norm_train_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_batch_norm_infer(ctx, node));
    const fv_shape *src = &node->in[0]->shape;
    char text[96];
    if (fv_shape_rows(src) < 2)
        return fv_node_fail(ctx, node,
                            "training needs at least 2 values per channel to have a variance, found 1 (src has shape "
                            "%s); use a batch of 2 or more",
                            fv_shape_text(src, text));
    return batch_norm_train_results(ctx, node);
}

static fv_status batch_norm_train_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (d_out[1] != NULL || d_out[2] != NULL)
        return fv_emit_fail(b, node, "the statistics of the batch cannot be differentiated");
    bool wanted = false;
    for (int i = 0; i < 3; i++)
        wanted |= fv_emit_wanted(b, node->in[i]);
    if (!wanted || d_out[0] == NULL)
        return FV_OK;
    return fv_batch_norm_grad(b, node, false, node->out[1], node->out[2], d_out[0], d_in);
}

static fv_cost batch_norm_train_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 6.0 * fv_count_in(node, 0));
}

/* Sums of one channel of operand 0 and of its squares over the samples, in float64: by shards, then a tree. */
static void batch_norm_sums(const fv_call *call, int64_t c, double sums[2])
{
    const fv_shape *shape = &call->node->in[0]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    int shards = fv_call_shards(call, shape->dim[0]);
    int64_t channels = fv_shape_last(shape), rows = fv_shape_rows(shape) / shards;
    double sum[FV_SHARDS_MAX] = {0}, square[FV_SHARDS_MAX] = {0};
    for (int j = 0; j < shards; j++)
        for (int64_t i = j * rows; i < (j + 1) * rows; i++) {
            double x = fv_get(dtype, call->in[0], i * channels + c);
            sum[j] += x;
            square[j] = fma(x, x, square[j]);
        }
    sums[0] = fv_tree_sum(FV_F64, sum, shards);
    sums[1] = fv_tree_sum(FV_F64, square, shards);
}

/* Everything behind the sums of one channel over `count` values. */
static void batch_norm_finish(const fv_call *call, int64_t c, const double sums[2], double count)
{
    const fv_batch_norm_attr *attr = call->node->attr;
    fv_dtype dtype = fv_call_dtype(call);
    double mean = sums[0] / count, var = sums[1] / count - mean * mean;
    var = var < 0.0 ? 0.0 : var;
    fv_set(dtype, call->out[1], c, mean);
    fv_set(dtype, call->out[2], c, fv_batch_norm_rstd(dtype, var, attr->eps));
    double batch[2] = {mean, count > 1.0 ? var * count / (count - 1.0) : var};
    for (int i = 0; i < 2; i++) {
        double running = fv_get(dtype, call->in[3 + i], c);
        fv_set(dtype, call->in[3 + i], c, (1.0 - attr->momentum) * running + attr->momentum * batch[i]);
    }
    fv_batch_norm_apply(call, c, fv_round(dtype, mean), fv_get(dtype, call->out[2], c));
}

static void batch_norm_train_ref(const fv_call *call)
{
    const fv_shape *shape = &call->node->in[0]->shape;
    int64_t channels = fv_shape_last(shape);
    for (int64_t c = 0; c < channels; c++) {
        double sums[2];
        batch_norm_sums(call, c, sums);
        batch_norm_finish(call, c, sums, (double)fv_shape_rows(shape));
    }
}

static fv_status batch_norm_train_split(fv_builder *b, const fv_node *node, bool pooled, fv_val *const *in,
                                        fv_val **out)
{
    fv_val *first;
    if (pooled) {
        fv_val *sums = fv_emit_meet(b, fv_emit(b, "batch_norm_train_partial", NULL, in, 1));
        first =
            fv_emit(b, "batch_norm_train_finish", node->attr, (fv_val *[]){in[0], in[1], in[2], in[3], in[4], sums}, 6);
    } else {
        first = fv_emit(b, "batch_norm_train", node->attr, in, 5);
    }
    for (int i = 0; i < 3; i++)
        out[i] = fv_emit_out(b, first, i);
    return FV_OK;
}

const fv_op fv_op_batch_norm_train = {
    .name = "batch_norm_train",
    .doc = "batch_norm with mean and variance of the batch (over everything but the channels; variance divided by the "
           "count), which it also returns as batch_mean and rstd = 1 / sqrt(variance + eps). Updates the running mean "
           "and variance (the latter divided by count - 1). Sums in float64 per shard, binary tree over shards.",
    .n_in_min = 5,
    .n_in_max = 5,
    .n_out = 3,
    .traits = FV_T_FUSES_ACTIVATION | FV_T_SHARDED,
    .updates = 1 << 3 | 1 << 4,
    .operands = (const char *const[]){"src", "gamma", "beta", "mean", "var", "dst", "batch_mean", "rstd"},
    .letters = (const char *const[]){"nhwc", "c", "c", "c", "c"},
    .attr_size = sizeof(fv_batch_norm_attr),
    .attrs = fv_batch_norm_attrs,
    .infer = batch_norm_train_infer,
    .grad = batch_norm_train_grad,
    .cost = batch_norm_train_cost,
    .ref = batch_norm_train_ref,
    .partial = batch_norm_train_split,
};

/* ---- in two halves, between which sums over several pieces of a batch can be made one ---- */

static fv_status batch_norm_train_partial_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    const fv_shape *src = &node->in[0]->shape;
    if (src->rank < 2)
        return fv_node_fail(ctx, node, "src must have at least 2 dimensions, found %d", (int)src->rank);
    return fv_result(ctx, node, 0, FV_F64, 2, (const int64_t[]){2, fv_shape_last(src)});
}

static fv_cost batch_norm_train_partial_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 3.0 * fv_count_in(node, 0));
}

static void batch_norm_train_partial_ref(const fv_call *call)
{
    int64_t channels = fv_shape_last(&call->node->in[0]->shape);
    double *dst = call->out[0], sums[2];
    for (int64_t c = 0; c < channels; c++) {
        batch_norm_sums(call, c, sums);
        dst[c] = sums[0];
        dst[channels + c] = sums[1];
    }
}

const fv_op fv_op_batch_norm_train_partial = {
    .name = "batch_norm_train_partial",
    .doc = "First half of batch_norm_train: sums[0][c] = sum of src, sums[1][c] = sum of src^2 over everything but the "
           "channels, in float64: per shard in order from 0, then a binary tree over shards.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_SHARDED,
    .operands = (const char *const[]){"src", "sums"},
    .letters = (const char *const[]){"nhwc"},
    .infer = batch_norm_train_partial_infer,
    .cost = batch_norm_train_partial_cost,
    .ref = batch_norm_train_partial_ref,
};

static fv_status batch_norm_train_finish_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_batch_norm_infer(ctx, node));
    FV_TRY(fv_batch_norm_check_sums(ctx, node, 5, 0));
    return batch_norm_train_results(ctx, node);
}

static void batch_norm_train_finish_ref(const fv_call *call)
{
    const fv_shape *shape = &call->node->in[0]->shape;
    int64_t channels = fv_shape_last(shape);
    const double *sums = call->in[5], count = (double)fv_call_total(call, fv_shape_rows(shape));
    for (int64_t c = 0; c < channels; c++)
        batch_norm_finish(call, c, (const double[]){sums[c], sums[channels + c]}, count);
}

const fv_op fv_op_batch_norm_train_finish = {
    .name = "batch_norm_train_finish",
    .doc = "Second half of batch_norm_train: the same results and updates from sums over the whole batch, of which src "
           "may be a piece.",
    .n_in_min = 6,
    .n_in_max = 6,
    .n_out = 3,
    .traits = FV_T_BACKWARD | FV_T_MIXED,
    .updates = 1 << 3 | 1 << 4,
    .operands = (const char *const[]){"src", "gamma", "beta", "mean", "var", "sums", "dst", "batch_mean", "rstd"},
    .letters = (const char *const[]){"nhwc", "c", "c", "c", "c", "tc"},
    .attr_size = sizeof(fv_batch_norm_attr),
    .attrs = fv_batch_norm_attrs,
    .infer = batch_norm_train_finish_infer,
    .cost = batch_norm_train_partial_cost,
    .ref = batch_norm_train_finish_ref,
};
