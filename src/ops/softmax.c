/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/unary.h"

static fv_status softmax_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_unary_grad(b, node, d_out, d_in, "softmax_bwd", node->out[0]);
}

static fv_cost softmax_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 4.0 * fv_count_out(node, 0));
}

static void softmax_ref(const fv_call *call)
{
    const fv_shape *shape = &call->node->in[0]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    int64_t rows = fv_shape_rows(shape), classes = fv_shape_last(shape);
    for (int64_t row = 0; row < rows; row++) {
        int64_t begin = row * classes, end = begin + classes;
        double largest = fv_get(dtype, call->in[0], begin), sum = 0.0;
        for (int64_t i = begin; i < end; i++)
            largest = fmax(largest, fv_get(dtype, call->in[0], i));
        for (int64_t i = begin; i < end; i++)
            sum += exp(fv_get(dtype, call->in[0], i) - largest);
        for (int64_t i = begin; i < end; i++)
            fv_set(dtype, call->out[0], i, exp(fv_get(dtype, call->in[0], i) - largest) / sum);
    }
}

const fv_op fv_op_softmax = {
    .name = "softmax",
    .doc = "dst = e^(src - m) / sum of e^(src - m) over the last dimension, m its largest element.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = fv_unary_operands,
    .letters = fv_unary_letters,
    .infer = fv_unary_infer,
    .grad = softmax_grad,
    .cost = softmax_cost,
    .ref = softmax_ref,
};

static void softmax_bwd_ref(const fv_call *call)
{
    const fv_shape *shape = &call->node->in[0]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    int64_t rows = fv_shape_rows(shape), classes = fv_shape_last(shape);
    for (int64_t row = 0; row < rows; row++) {
        int64_t begin = row * classes, end = begin + classes;
        double sum = 0.0;
        for (int64_t i = begin; i < end; i++)
            sum = fma(fv_get(dtype, call->in[0], i), fv_get(dtype, call->in[1], i), sum);
        for (int64_t i = begin; i < end; i++)
            fv_set(dtype, call->out[0], i, fv_get(dtype, call->in[1], i) * (fv_get(dtype, call->in[0], i) - sum));
    }
}

const fv_op fv_op_softmax_bwd = {
    .name = "softmax_bwd",
    .doc = "Gradient of softmax from its result: d_src = dst * (d_dst - sum of d_dst * dst over the last dimension).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = fv_unary_bwd_dst_operands,
    .letters = fv_unary_bwd_letters,
    .infer = fv_unary_bwd_infer,
    .cost = softmax_cost,
    .ref = softmax_bwd_ref,
};
