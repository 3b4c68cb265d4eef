/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/nd.h"
#include "ops/unary.h"

static const fv_attr softmax_attrs[] = {FV_AXIS_ROW(fv_axis_attr, -1), {0}};

/* An array as rows x classes, each class `inner` elements from the next. */
static fv_around softmax_around(const fv_node *node)
{
    const fv_shape *shape = &node->in[0]->shape;
    return fv_around_axis(shape, fv_axis_of(((const fv_axis_attr *)node->attr)->axis, shape->rank));
}

static fv_status softmax_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_unary_infer(ctx, node));
    return fv_axis_check(ctx, node, ((const fv_axis_attr *)node->attr)->axis, node->in[0]->shape.rank);
}

static fv_status softmax_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_unary_bwd_infer(ctx, node));
    return fv_axis_check(ctx, node, ((const fv_axis_attr *)node->attr)->axis, node->in[0]->shape.rank);
}

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
    const fv_around a = softmax_around(call->node);
    fv_dtype dtype = fv_call_dtype(call);
    for (int64_t row = 0; row < a.outer * a.inner; row++) {
        int64_t begin = row / a.inner * a.count * a.inner + row % a.inner, end = begin + a.count * a.inner;
        double largest = fv_get(dtype, call->in[0], begin), sum = 0.0;
        for (int64_t i = begin; i < end; i += a.inner)
            largest = fmax(largest, fv_get(dtype, call->in[0], i));
        for (int64_t i = begin; i < end; i += a.inner)
            sum += exp(fv_get(dtype, call->in[0], i) - largest);
        for (int64_t i = begin; i < end; i += a.inner)
            fv_set(dtype, call->out[0], i, exp(fv_get(dtype, call->in[0], i) - largest) / sum);
    }
}

const fv_op fv_op_softmax = {
    .name = "softmax",
    .doc = "dst = e^(src - m) / sum of e^(src - m) over `axis`, m its largest element.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BOUNDED,
    .operands = fv_unary_operands,
    .letters = fv_unary_letters,
    .attr_size = sizeof(fv_axis_attr),
    .attrs = softmax_attrs,
    .infer = softmax_infer,
    .grad = softmax_grad,
    .cost = softmax_cost,
    .moves_samples = fv_axis_moves_samples,
    .ref = softmax_ref,
};

static void softmax_bwd_ref(const fv_call *call)
{
    const fv_around a = softmax_around(call->node);
    fv_dtype dtype = fv_call_dtype(call);
    for (int64_t row = 0; row < a.outer * a.inner; row++) {
        int64_t begin = row / a.inner * a.count * a.inner + row % a.inner, end = begin + a.count * a.inner;
        double sum = 0.0;
        for (int64_t i = begin; i < end; i += a.inner)
            sum = fma(fv_get(dtype, call->in[0], i), fv_get(dtype, call->in[1], i), sum);
        for (int64_t i = begin; i < end; i += a.inner)
            fv_set(dtype, call->out[0], i, fv_get(dtype, call->in[1], i) * (fv_get(dtype, call->in[0], i) - sum));
    }
}

const fv_op fv_op_softmax_bwd = {
    .name = "softmax_bwd",
    .doc = "Gradient of softmax from its result: d_src = dst * (d_dst - sum of d_dst * dst over `axis`).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = fv_unary_bwd_dst_operands,
    .letters = fv_unary_bwd_letters,
    .attr_size = sizeof(fv_axis_attr),
    .attrs = softmax_attrs,
    .infer = softmax_bwd_infer,
    .cost = softmax_cost,
    .ref = softmax_bwd_ref,
};
