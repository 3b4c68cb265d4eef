/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/qat.h"

enum { WEI, PAIR, BIA };
enum { INTEGERS, BIASES, SCALE, REALS };

#define T fv_qat_weights_attr
static const fv_attr qat_weights_attrs[] = {
    {"per_tensor", FV_ATTR_BOOL, offsetof(T, per_tensor), 0, 0, 1, NULL, "One scale for all filters."},
    {"bits", FV_ATTR_INT, offsetof(T, bits), 8, 2, 8, NULL, "Bits of a weight: integers of -2^(bits - 1) + 1 on."},
    {0},
};
#undef T

static fv_status qat_weights_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, WEI, 0));
    FV_TRY(fv_qat_pair_check(ctx, node, PAIR));
    const fv_shape *wei = &node->in[WEI]->shape;
    if (wei->rank < 1)
        return fv_node_fail(ctx, node, "wei has no dimension of filters");
    if (fv_operand(node, BIA))
        FV_TRY(fv_operand_dims(ctx, node, BIA, 1, wei->dim, "one per filter"));
    const bool one = ((const fv_qat_weights_attr *)node->attr)->per_tensor;
    FV_TRY(fv_result(ctx, node, INTEGERS, FV_I8, wei->rank, wei->dim));
    FV_TRY(fv_result(ctx, node, BIASES, FV_I32, 1, wei->dim));
    FV_TRY(fv_result(ctx, node, SCALE, node->in[WEI]->dtype, 1, one ? (const int64_t[]){1} : wei->dim));
    return fv_result_like(ctx, node, REALS, WEI);
}

static fv_cost qat_weights_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 5.0 * fv_count_in(node, WEI));
}

static double largest(fv_dtype dtype, const void *x, int64_t begin, int64_t end)
{
    double most = 0;
    for (int64_t i = begin; i < end; i++)
        most = fmax(most, fabs(fv_get(dtype, x, i)));
    return most;
}

void fv_qat_filters(const fv_call *call, int64_t begin, int64_t end)
{
    const fv_qat_weights_attr *attr = call->node->attr;
    const fv_dtype dtype = fv_call_dtype(call);
    const fv_shape *wei = &call->node->in[WEI]->shape;
    const int64_t filters = wei->dim[0], each = fv_shape_count(wei) / filters;
    const double src = fv_qat_pair(call, PAIR).scale;
    const void *w = call->in[WEI], *b = fv_call_in(call, BIA);
    int8_t *q = call->out[INTEGERS];
    double scale = attr->per_tensor ? fv_q_filter_scale(largest(dtype, w, 0, filters * each),
                                                        b ? largest(dtype, b, 0, filters) : 0, src, (int)attr->bits)
                                    : 1;
    for (int64_t k = begin; k < end; k++) {
        const double bias = b ? fv_get(dtype, b, k) : 0;
        if (!attr->per_tensor)
            scale = fv_q_filter_scale(largest(dtype, w, k * each, (k + 1) * each), fabs(bias), src, (int)attr->bits);
        for (int64_t i = k * each; i < (k + 1) * each; i++) {
            const float x = (float)fv_get(dtype, w, i);
            fv_q_filter(&x, 1, scale, (int)attr->bits, q + i);
            fv_set(dtype, call->out[REALS], i, (double)(float)(scale * (double)q[i]));
        }
        ((int32_t *)call->out[BIASES])[k] = b ? fv_q_bias(bias, scale, src) : 0;
        if (k == 0 || !attr->per_tensor)
            fv_set(dtype, call->out[SCALE], k, scale);
    }
}

static void qat_weights_ref(const fv_call *call)
{
    fv_qat_filters(call, 0, call->node->in[WEI]->shape.dim[0]);
}

static bool qat_weights_moves_samples(const fv_node *node)
{
    (void)node;
    return true;
}

const fv_op fv_op_qat_weights = {
    .name = "qat_weights",
    .doc = "Filters and their bias as integers, where the operand of the layer has the scale of `pair`: symmetric i8, "
           "i32 of the product's scale, scales that are bfloat16 (one for each filter, or one), and what the i8 stand "
           "for as floats.",
    .n_in_min = 2,
    .n_in_max = 3,
    .n_out = 4,
    .operands = (const char *const[]){"wei", "pair", "bia", "integers", "biases", "scale", "reals"},
    .kinds = (const fv_operand_kind[]){FV_OPERAND_WEIGHT, FV_OPERAND_DATA, FV_OPERAND_BIAS},
    .letters = (const char *const[]){"krsc", "n", "k"},
    .attr_size = sizeof(fv_qat_weights_attr),
    .attrs = qat_weights_attrs,
    .infer = qat_weights_infer,
    .cost = qat_weights_cost,
    .moves_samples = qat_weights_moves_samples,
    .ref = qat_weights_ref,
};
