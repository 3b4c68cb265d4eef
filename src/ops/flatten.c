/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/channels.h"
#include "ops/ref.h"

static fv_status flatten_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_moved(ctx, node, 0));
    const fv_shape *src = &node->in[0]->shape;
    int64_t features = fv_shape_count(src) / src->dim[0];
    return fv_result(ctx, node, 0, node->in[0]->dtype, 2, (const int64_t[]){src->dim[0], features});
}

/* The gradient is the way back: a reshape to the dimensions of src. */
static fv_status flatten_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    const fv_shape *src = &node->in[0]->shape;
    fv_reshape_attr attr = {.dims.count = src->rank - 1};
    memcpy(attr.dims.value, src->dim + 1, (size_t)(src->rank - 1) * sizeof *src->dim);
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "reshape", &attr, d_out, 1);
    return FV_OK;
}

static fv_cost flatten_cost(const fv_node *node)
{
    (void)node;
    return (fv_cost){0};
}

static void flatten_ref(const fv_call *call)
{
    const fv_val *dst = call->node->out[0];
    if (call->out[0] != call->in[0])
        memmove(call->out[0], call->in[0], (size_t)fv_shape_count(&dst->shape) * fv_dtype_size(dst->dtype));
}

/* A channel of an image is a number of each of its places. */
static void flatten_channels(fv_channels *c, const fv_node *node)
{
    const fv_val *src = node->in[0], *dst = node->out[0];
    const int last = src->shape.rank - 1;
    for (int64_t at = 0; last > 0 && at < dst->shape.dim[1]; at += src->shape.dim[last])
        fv_channels_tie(c, src, last, 0, dst, 1, at, src->shape.dim[last]);
}

const fv_op fv_op_flatten = {
    .name = "flatten",
    .doc = "dst[n, (h w c)] = src[n,h,w,c]: every sample becomes one row, in memory order. No work is done.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_VIEW,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .infer = flatten_infer,
    .grad = flatten_grad,
    .cost = flatten_cost,
    .ref = flatten_ref,
    .channels = flatten_channels,
};
