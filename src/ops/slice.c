/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/ref.h"

#define FV_SLICE_MAX ((double)(1 << 30))

static const fv_attr slice_attrs[] = {
    {"begin", FV_ATTR_INT, offsetof(fv_slice_attr, begin), 0, 0, FV_SLICE_MAX, NULL, "First channel."},
    {"count", FV_ATTR_INT, offsetof(fv_slice_attr, count), 1, 1, FV_SLICE_MAX, NULL, "Number of channels."},
    {0},
};

static fv_status slice_check(fv_ctx *ctx, const fv_node *node, int64_t begin, int64_t count, int64_t channels)
{
    if (begin + count <= channels)
        return FV_OK;
    return fv_node_fail(ctx, node, "channels %lld to %lld do not lie within the %lld of src", (long long)begin,
                        (long long)(begin + count - 1), (long long)channels);
}

static fv_status slice_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    const fv_slice_attr *attr = node->attr;
    fv_shape dst = node->in[0]->shape;
    FV_TRY(slice_check(ctx, node, attr->begin, attr->count, dst.dim[dst.rank - 1]));
    dst.dim[dst.rank - 1] = attr->count;
    return fv_result(ctx, node, 0, node->in[0]->dtype, dst.rank, dst.dim);
}

static fv_status slice_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_slice_attr attr = *(const fv_slice_attr *)node->attr;
    attr.channels = fv_shape_last(&node->in[0]->shape);
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "slice_bwd", &attr, d_out, 1);
    return FV_OK;
}

/* Copying is no arithmetic. */
static fv_cost slice_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 0.0);
}

static void slice_ref(const fv_call *call)
{
    const fv_val *src = call->node->in[0], *dst = call->node->out[0];
    int64_t channels = fv_shape_last(&src->shape), count = fv_shape_last(&dst->shape);
    int64_t rows = fv_shape_rows(&src->shape), begin = ((const fv_slice_attr *)call->node->attr)->begin;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t c = 0; c < count; c++)
            fv_set(dst->dtype, call->out[0], row * count + c,
                   fv_get(dst->dtype, call->in[0], row * channels + begin + c));
}

const fv_op fv_op_slice = {
    .name = "slice",
    .doc = "`count` channels (last dimension) of src from `begin` on. Several slices split a tensor.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_slice_attr),
    .attrs = slice_attrs,
    .infer = slice_infer,
    .grad = slice_grad,
    .cost = slice_cost,
    .ref = slice_ref,
};

/* ---- gradient ---- */

static const fv_attr slice_bwd_attrs[] = {
    {"begin", FV_ATTR_INT, offsetof(fv_slice_attr, begin), 0, 0, FV_SLICE_MAX, NULL, "First channel of the slice."},
    {"channels", FV_ATTR_INT, offsetof(fv_slice_attr, channels), 1, 1, FV_SLICE_MAX, NULL, "Channels of src."},
    {0},
};

static fv_status slice_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    const fv_slice_attr *attr = node->attr;
    fv_shape src = node->in[0]->shape;
    if (src.dim[src.rank - 1] > FV_SLICE_MAX)
        return fv_node_fail(ctx, node, "%lld channels are too many", (long long)src.dim[src.rank - 1]);
    FV_TRY(slice_check(ctx, node, attr->begin, src.dim[src.rank - 1], attr->channels));
    src.dim[src.rank - 1] = attr->channels;
    return fv_result(ctx, node, 0, node->in[0]->dtype, src.rank, src.dim);
}

static void slice_bwd_ref(const fv_call *call)
{
    const fv_val *dst = call->node->in[0], *src = call->node->out[0];
    int64_t channels = fv_shape_last(&src->shape), count = fv_shape_last(&dst->shape);
    int64_t rows = fv_shape_rows(&src->shape), begin = ((const fv_slice_attr *)call->node->attr)->begin;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t c = 0; c < channels; c++) {
            bool inside = c >= begin && c < begin + count;
            fv_set(src->dtype, call->out[0], row * channels + c,
                   inside ? fv_get(src->dtype, call->in[0], row * count + c - begin) : 0.0);
        }
}

const fv_op fv_op_slice_bwd = {
    .name = "slice_bwd",
    .doc = "Gradient of slice: d_dst in `channels` channels from `begin` on, zeros around it.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "d_src"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_slice_attr),
    .attrs = slice_bwd_attrs,
    .infer = slice_bwd_infer,
    .cost = slice_cost,
    .ref = slice_bwd_ref,
};
