/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/batch_norm.h"
#include "ops/channels.h"

#define FV_BATCH_NORM_EPS_ROW                                                                                          \
    {                                                                                                                  \
        "eps", FV_ATTR_REAL, offsetof(fv_batch_norm_attr, eps), 1e-5, 0, 1, NULL, "Added to the variance."             \
    }
#define FV_BATCH_NORM_MOMENTUM_ROW                                                                                     \
    {                                                                                                                  \
        "momentum", FV_ATTR_REAL, offsetof(fv_batch_norm_attr, momentum), 0.1, 0, 1, NULL,                             \
            "Weight of the batch in the running statistics: running = (1 - momentum) * running + momentum * batch."    \
    }

const fv_attr fv_batch_norm_attrs[] = {
    FV_EPILOGUE_ROW(fv_batch_norm_attr),
    FV_BATCH_NORM_EPS_ROW,
    FV_BATCH_NORM_MOMENTUM_ROW,
    {0},
};

fv_status fv_batch_norm_infer(fv_ctx *ctx, const fv_node *node)
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

void fv_batch_norm_apply(const fv_call *call, int64_t c, double mean, double rstd)
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

double fv_batch_norm_rstd(fv_dtype dtype, double var, double eps)
{
    return fv_round(dtype, 1.0 / sqrt(var + eps));
}

static void batch_norm_ref(const fv_call *call)
{
    fv_dtype dtype = fv_call_dtype(call);
    double eps = ((const fv_batch_norm_attr *)call->node->attr)->eps;
    int64_t channels = fv_shape_last(&call->node->in[0]->shape);
    for (int64_t c = 0; c < channels; c++)
        fv_batch_norm_apply(call, c, fv_get(dtype, call->in[3], c),
                            fv_batch_norm_rstd(dtype, fv_get(dtype, call->in[4], c), eps));
}

fv_status fv_batch_norm_grad(fv_builder *b, const fv_node *node, bool frozen, fv_val *mean, fv_val *rstd, fv_val *d_dst,
                             fv_val **d_in)
{
    fv_batch_norm_attr attr = *(const fv_batch_norm_attr *)node->attr;
    attr.frozen = frozen;
    bool masks = attr.activation != FV_ACT_NONE;
    fv_val *in[6] = {d_dst, node->in[0], node->in[1], mean, rstd, masks ? node->out[0] : NULL};
    fv_val *first = fv_emit(b, "batch_norm_bwd", &attr, in, masks ? 6 : 5);
    for (int i = 0; i < 3; i++)
        if (fv_emit_wanted(b, node->in[i]))
            d_in[i] = fv_emit_out(b, first, i);
    return FV_OK;
}

/* In a training graph the running statistics are constants: the layer is frozen. */
static fv_status batch_norm_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (fv_emit_wanted(b, node->in[3]) || fv_emit_wanted(b, node->in[4]))
        return fv_emit_fail(b, node, "the running statistics cannot be differentiated");
    fv_val *rstd = fv_emit(b, "batch_norm_rstd", node->attr, &node->in[4], 1);
    return fv_batch_norm_grad(b, node, true, node->in[3], rstd, d_out[0], d_in);
}

/* Training takes mean and variance from the batch. */
static fv_status batch_norm_lower(fv_builder *b, const fv_node *node, bool training, fv_val *const *in, fv_val **out)
{
    /* One value per channel, of a last batch of one sample, has no variance: it is normalized as in inference. */
    const bool measures = training && fv_shape_rows(&in[0]->shape) > 1;
    out[0] = fv_emit(b, measures ? "batch_norm_train" : "batch_norm", node->attr, in, 5);
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
    .attrs = fv_batch_norm_attrs,
    .infer = fv_batch_norm_infer,
    .grad = batch_norm_grad,
    .cost = batch_norm_cost,
    .ref = batch_norm_ref,
    .lower = batch_norm_lower,
    .fold = batch_norm_fold,
    .channels = fv_channels_each,
};
