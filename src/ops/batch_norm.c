/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/epilogue.h"

#define FV_BATCH_NORM_EPS_ROW                                                                                          \
    {                                                                                                                  \
        "eps", FV_ATTR_REAL, offsetof(fv_batch_norm_attr, eps), 1e-5, 0, 1, NULL, "Added to the variance."             \
    }
#define FV_BATCH_NORM_MOMENTUM_ROW                                                                                     \
    {                                                                                                                  \
        "momentum", FV_ATTR_REAL, offsetof(fv_batch_norm_attr, momentum), 0.1, 0, 1, NULL,                             \
            "Weight of the batch in the running statistics: running = (1 - momentum) * running + momentum * batch."    \
    }

static const fv_attr batch_norm_attrs[] = {
    FV_EPILOGUE_ROW(fv_batch_norm_attr),
    FV_BATCH_NORM_EPS_ROW,
    FV_BATCH_NORM_MOMENTUM_ROW,
    {0},
};

static fv_status batch_norm_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    const fv_shape *src = &node->in[0]->shape;
    if (src->rank < 2)
        return fv_node_fail(ctx, node, "src must have at least 2 dimensions, found %d", (int)src->rank);
    for (int i = 1; i < 5; i++)
        FV_TRY(fv_operand_dims(ctx, node, i, 1, &src->dim[src->rank - 1], "one per channel of src"));
    return fv_result_like(ctx, node, 0, 0);
}

static fv_cost batch_norm_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 2.0 * fv_count_in(node, 0));
}

/* dst = act(src * scale[c] + shift[c]) with scale = gamma * rstd, shift = beta - mean * scale, each rounded once. */
static void batch_norm_apply(const fv_call *call, int64_t c, double mean, double rstd)
{
    const fv_shape *shape = &call->node->in[0]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    int32_t activation = ((const fv_batch_norm_attr *)call->node->attr)->activation;
    double scale = fv_round(dtype, fv_get(dtype, call->in[1], c) * rstd);
    double shift = fv_chain_fma(dtype, fv_get(dtype, call->in[2], c), -mean, scale);
    int64_t channels = fv_shape_last(shape), rows = fv_shape_rows(shape);
    for (int64_t i = c; i < rows * channels; i += channels) {
        double y = fv_chain_fma(dtype, shift, fv_get(dtype, call->in[0], i), scale);
        fv_set(dtype, call->out[0], i, fv_epilogue_apply(activation, y));
    }
}

static double batch_norm_rstd(fv_dtype dtype, double var, double eps)
{
    return fv_round(dtype, 1.0 / sqrt(var + eps));
}

static void batch_norm_ref(const fv_call *call)
{
    fv_dtype dtype = fv_call_dtype(call);
    double eps = ((const fv_batch_norm_attr *)call->node->attr)->eps;
    int64_t channels = fv_shape_last(&call->node->in[0]->shape);
    for (int64_t c = 0; c < channels; c++)
        batch_norm_apply(call, c, fv_get(dtype, call->in[3], c),
                         batch_norm_rstd(dtype, fv_get(dtype, call->in[4], c), eps));
}

/* Training takes mean and variance from the batch. */
static fv_status batch_norm_lower(fv_builder *b, const fv_node *node, bool training, fv_val *const *in, fv_val **out)
{
    out[0] = fv_emit(b, training ? "batch_norm_train" : "batch_norm", node->attr, in, 5);
    return FV_OK;
}

/* The weighted node before takes the scale and shift into its weights and bias, and the activation along. */
static fv_status batch_norm_fold(fv_builder *b, const fv_node *node, const fv_node *producer, fv_val *const *in,
                                 fv_val *const *producer_in, fv_val **out)
{
    _Alignas(16) unsigned char attr[256];
    const fv_op *op = producer->op;
    if (!(op->traits & FV_T_FUSES_ACTIVATION) || op->attr_size > sizeof attr || fv_operand(producer, 3) != NULL)
        return FV_OK;
    fv_batch_norm_attr own = *(const fv_batch_norm_attr *)node->attr;
    memcpy(attr, producer->attr, op->attr_size);
    memcpy(attr, &own.activation, sizeof own.activation);
    own.activation = FV_ACT_NONE;
    fv_val *bia = fv_operand(producer, 2) == NULL ? NULL : producer_in[2];
    fv_val *wei = fv_emit(b, "bn_fold", &own, (fv_val *[]){producer_in[1], bia, in[1], in[2], in[3], in[4]}, 6);
    *out = fv_emit(b, op->name, attr, (fv_val *[]){producer_in[0], wei, fv_emit_out(b, wei, 1)}, 3);
    return FV_OK;
}

const fv_op fv_op_batch_norm = {
    .name = "batch_norm",
    .doc =
        "dst = act((src - mean[c]) / sqrt(var[c] + eps) * gamma[c] + beta[c]) with the running statistics (Ioffe and "
        "Szegedy, 2015); training uses those of the batch (batch_norm_train). Channels are the last dimension.",
    .n_in_min = 5,
    .n_in_max = 5,
    .n_out = 1,
    .traits = FV_T_FUSES_ACTIVATION,
    .operands = (const char *const[]){"src", "gamma", "beta", "mean", "var", "dst"},
    .kinds = (const fv_operand_kind[]){FV_OPERAND_DATA, FV_OPERAND_DATA, FV_OPERAND_DATA, FV_OPERAND_COUNTED,
                                       FV_OPERAND_DATA},
    .letters = (const char *const[]){"nhwc", "c", "c", "c", "c"},
    .attr_size = sizeof(fv_batch_norm_attr),
    .attrs = batch_norm_attrs,
    .infer = batch_norm_infer,
    .cost = batch_norm_cost,
    .ref = batch_norm_ref,
    .lower = batch_norm_lower,
    .fold = batch_norm_fold,
};

/* ---- training ---- */

static fv_status batch_norm_train_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(batch_norm_infer(ctx, node));
    const fv_shape *src = &node->in[0]->shape;
    char text[96];
    if (fv_shape_rows(src) < 2)
        return fv_node_fail(ctx, node,
                            "training needs at least 2 values per channel to have a variance, found 1 (src has shape "
                            "%s); use a batch of 2 or more",
                            fv_shape_text(src, text));
    FV_TRY(fv_result(ctx, node, 1, node->in[0]->dtype, 1, &src->dim[src->rank - 1]));
    return fv_result(ctx, node, 2, node->in[0]->dtype, 1, &src->dim[src->rank - 1]);
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
    const fv_batch_norm_attr *attr = node->attr;
    bool masks = attr->activation != FV_ACT_NONE;
    fv_val *in[6] = {d_out[0], node->in[0], node->in[1], node->out[1], node->out[2], masks ? node->out[0] : NULL};
    fv_val *first = fv_emit(b, "batch_norm_bwd", attr, in, masks ? 6 : 5);
    for (int i = 0; i < 3; i++)
        if (fv_emit_wanted(b, node->in[i]))
            d_in[i] = fv_emit_out(b, first, i);
    return FV_OK;
}

static fv_cost batch_norm_train_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 6.0 * fv_count_in(node, 0));
}

/* Sums over samples of one channel by shards, in float64: of src - about, or of its square. */
static double batch_norm_sum(const fv_call *call, int64_t c, double about, bool square)
{
    const fv_shape *shape = &call->node->in[0]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    int shards = fv_call_shards(call, shape->dim[0]);
    int64_t channels = fv_shape_last(shape), rows = fv_shape_rows(shape) / shards;
    double sum[FV_SHARDS_MAX] = {0};
    for (int j = 0; j < shards; j++)
        for (int64_t i = j * rows; i < (j + 1) * rows; i++) {
            double x = fv_get(dtype, call->in[0], i * channels + c) - about;
            sum[j] = square ? fma(x, x, sum[j]) : sum[j] + x;
        }
    return fv_tree_sum(FV_F64, sum, shards);
}

static void batch_norm_train_ref(const fv_call *call)
{
    const fv_batch_norm_attr *attr = call->node->attr;
    fv_dtype dtype = fv_call_dtype(call);
    double count = (double)fv_shape_rows(&call->node->in[0]->shape);
    int64_t channels = fv_shape_last(&call->node->in[0]->shape);
    for (int64_t c = 0; c < channels; c++) {
        double mean = batch_norm_sum(call, c, 0.0, false) / count;
        double squares = batch_norm_sum(call, c, mean, true);
        fv_set(dtype, call->out[1], c, mean);
        fv_set(dtype, call->out[2], c, batch_norm_rstd(dtype, squares / count, attr->eps));
        double batch[2] = {mean, squares / (count - 1.0)};
        for (int i = 0; i < 2; i++) {
            double running = fv_get(dtype, call->in[3 + i], c);
            fv_set(dtype, call->in[3 + i], c, (1.0 - attr->momentum) * running + attr->momentum * batch[i]);
        }
        batch_norm_apply(call, c, fv_round(dtype, mean), fv_get(dtype, call->out[2], c));
    }
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
    .attrs = batch_norm_attrs,
    .infer = batch_norm_train_infer,
    .grad = batch_norm_train_grad,
    .cost = batch_norm_train_cost,
    .ref = batch_norm_train_ref,
};

/* ---- gradient ---- */

static const fv_attr batch_norm_bwd_attrs[] = {FV_EPILOGUE_ROW(fv_batch_norm_attr), {0}};

static fv_status batch_norm_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    const fv_shape *src = &node->in[1]->shape;
    if (src->rank < 2)
        return fv_node_fail(ctx, node, "src must have at least 2 dimensions, found %d", (int)src->rank);
    const int64_t *c = &src->dim[src->rank - 1];
    for (int i = 2; i < 5; i++)
        FV_TRY(fv_operand_dims(ctx, node, i, 1, c, "one per channel of src"));
    bool masks = ((const fv_batch_norm_attr *)node->attr)->activation != FV_ACT_NONE;
    if (masks != (fv_operand(node, 5) != NULL))
        return fv_node_fail(ctx, node, masks ? "activation=%s needs the operand dst" : "the operand dst needs an %s",
                            masks ? fv_epilogue_names[((const fv_batch_norm_attr *)node->attr)->activation]
                                  : "activation");
    if (masks)
        FV_TRY(fv_operand_same(ctx, node, 5, 0));
    FV_TRY(fv_result_like(ctx, node, 0, 1));
    FV_TRY(fv_result(ctx, node, 1, node->in[0]->dtype, 1, c));
    return fv_result(ctx, node, 2, node->in[0]->dtype, 1, c);
}

static fv_cost batch_norm_bwd_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 8.0 * fv_count_in(node, 0));
}

/* d_dst in front of the forward's activation. */
static double batch_norm_bwd_d(const fv_call *call, int64_t i)
{
    fv_dtype dtype = fv_call_dtype(call);
    int32_t activation = ((const fv_batch_norm_attr *)call->node->attr)->activation;
    double d = fv_get(dtype, call->in[0], i);
    return activation == FV_ACT_NONE ? d : fv_epilogue_mask(activation, fv_get(dtype, call->in[5], i), d);
}

static void batch_norm_bwd_channel(const fv_call *call, int64_t c)
{
    const fv_shape *shape = &call->node->in[1]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    int shards = fv_call_shards(call, shape->dim[0]);
    int64_t channels = fv_shape_last(shape), rows = fv_shape_rows(shape);
    double gamma = fv_get(dtype, call->in[2], c), mean = fv_get(dtype, call->in[3], c);
    double rstd = fv_get(dtype, call->in[4], c), sum_d[FV_SHARDS_MAX] = {0}, sum_dx[FV_SHARDS_MAX] = {0};
    for (int64_t row = 0; row < rows; row++) {
        int64_t i = row * channels + c, shard = row / (rows / shards);
        double d = batch_norm_bwd_d(call, i);
        sum_d[shard] += d;
        sum_dx[shard] = fma(d, fv_get(dtype, call->in[1], i) - mean, sum_dx[shard]);
    }
    double d_beta = fv_tree_sum(FV_F64, sum_d, shards);
    double d_gamma = fv_tree_sum(FV_F64, sum_dx, shards) * rstd;
    fv_set(dtype, call->out[1], c, d_gamma);
    fv_set(dtype, call->out[2], c, d_beta);
    for (int64_t row = 0; row < rows; row++) {
        int64_t i = row * channels + c;
        double normed = (fv_get(dtype, call->in[1], i) - mean) * rstd;
        double d = batch_norm_bwd_d(call, i) - (d_beta + normed * d_gamma) / (double)rows;
        fv_set(dtype, call->out[0], i, gamma * rstd * d);
    }
}

static void batch_norm_bwd_ref(const fv_call *call)
{
    int64_t channels = fv_shape_last(&call->node->in[1]->shape);
    for (int64_t c = 0; c < channels; c++)
        batch_norm_bwd_channel(call, c);
}

const fv_op fv_op_batch_norm_bwd = {
    .name = "batch_norm_bwd",
    .doc = "Gradient of batch_norm_train with m values per channel and x = (src - batch_mean) * rstd: d_beta = sum of "
           "d_dst, d_gamma = sum of d_dst * x, d_src = gamma * rstd * (d_dst - (d_beta + x * d_gamma) / m). With an "
           "activation, d_dst is first masked where dst, the forward's result, sits on a flat part.",
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
};
