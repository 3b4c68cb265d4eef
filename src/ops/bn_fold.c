/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ref.h"

static const fv_attr bn_fold_attrs[] = {
    {"eps", FV_ATTR_REAL, offsetof(fv_batch_norm_attr, eps), 1e-5, 0, 1, NULL, "Added to the variance."},
    {0},
};

static fv_status bn_fold_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    const int64_t *filters = node->in[0]->shape.dim;
    for (int i = 1; i < 6; i++)
        if (i > 1 || fv_operand(node, 1) != NULL)
            FV_TRY(fv_operand_dims(ctx, node, i, 1, filters, "one per filter of wei"));
    FV_TRY(fv_result_like(ctx, node, 0, 0));
    return fv_result(ctx, node, 1, node->in[0]->dtype, 1, filters);
}

static fv_cost bn_fold_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, fv_count_in(node, 0) + 6.0 * fv_count_in(node, 2));
}

static void bn_fold_ref(const fv_call *call)
{
    const fv_shape *wei = &call->node->in[0]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    double eps = ((const fv_batch_norm_attr *)call->node->attr)->eps;
    const void *bia = fv_call_in(call, 1);
    int64_t taps = fv_shape_count(wei) / wei->dim[0];
    for (int64_t k = 0; k < wei->dim[0]; k++) {
        double scale = fv_get(dtype, call->in[2], k) / sqrt(fv_get(dtype, call->in[5], k) + eps);
        double start = bia == NULL ? 0.0 : fv_get(dtype, bia, k);
        fv_set(dtype, call->out[1], k, (start - fv_get(dtype, call->in[4], k)) * scale + fv_get(dtype, call->in[3], k));
        for (int64_t i = k * taps; i < (k + 1) * taps; i++)
            fv_set(dtype, call->out[0], i, fv_get(dtype, call->in[0], i) * scale);
    }
}

const fv_op fv_op_bn_fold = {
    .name = "bn_fold",
    .doc =
        "Weights that make a batch_norm behind a weighted operator unnecessary: with scale = gamma / sqrt(var + eps) "
        "per filter, folded_wei = wei * scale, folded_bia = (bia - mean) * scale + beta. bia is 0 when absent. "
        "Computed in float64, rounded once.",
    .n_in_min = 1,
    .n_in_max = 6,
    .n_out = 2,
    .operands = (const char *const[]){"wei", "bia", "gamma", "beta", "mean", "var", "folded_wei", "folded_bia"},
    .letters = (const char *const[]){"krsc", "k", "k", "k", "k", "k"},
    .attr_size = sizeof(fv_batch_norm_attr),
    .attrs = bn_fold_attrs,
    .infer = bn_fold_infer,
    .cost = bn_fold_cost,
    .ref = bn_fold_ref,
};
