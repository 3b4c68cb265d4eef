/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/nd.h"

#define FV_SLICE_MAX ((double)(1 << 30))

static const fv_attr slice_attrs[] = {
    {"begin", FV_ATTR_INT, offsetof(fv_slice_attr, begin), 0, 0, FV_SLICE_MAX, NULL, "First position along the axis."},
    {"count", FV_ATTR_INT, offsetof(fv_slice_attr, count), 1, 1, FV_SLICE_MAX, NULL, "Number of positions."},
    FV_AXIS_ROW(fv_slice_attr, -1),
    {0},
};

static fv_status slice_check(fv_ctx *ctx, const fv_node *node, int64_t begin, int64_t count, int64_t size)
{
    if (begin + count <= size)
        return FV_OK;
    return fv_node_fail(ctx, node, "positions %lld to %lld do not lie within the %lld of src", (long long)begin,
                        (long long)(begin + count - 1), (long long)size);
}

static int slice_axis(const fv_node *node)
{
    return fv_axis_of(((const fv_slice_attr *)node->attr)->axis, node->in[0]->shape.rank);
}

static bool slice_moves_samples(const fv_node *node)
{
    return slice_axis(node) == 0;
}

static fv_status slice_infer(fv_ctx *ctx, const fv_node *node)
{
    const fv_slice_attr *attr = node->attr;
    FV_TRY(fv_operand_any(ctx, node, 0));
    fv_shape dst = node->in[0]->shape;
    FV_TRY(fv_axis_check(ctx, node, attr->axis, dst.rank));
    FV_TRY(slice_check(ctx, node, attr->begin, attr->count, dst.dim[slice_axis(node)]));
    dst.dim[slice_axis(node)] = attr->count;
    return fv_result(ctx, node, 0, node->in[0]->dtype, dst.rank, dst.dim);
}

static fv_status slice_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_slice_attr attr = *(const fv_slice_attr *)node->attr;
    attr.channels = node->in[0]->shape.dim[slice_axis(node)];
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
    const fv_val *dst = call->node->out[0];
    const fv_around src = fv_around_axis(&call->node->in[0]->shape, slice_axis(call->node));
    const fv_slice_attr *attr = call->node->attr;
    const int64_t row = attr->count * src.inner;
    for (int64_t o = 0; o < src.outer; o++)
        for (int64_t c = 0; c < row; c++)
            fv_move(dst->dtype, call->out[0], o * row + c, call->in[0], (o * src.count + attr->begin) * src.inner + c);
}

static fv_reach slice_reach(const fv_node *node, int axis)
{
    const bool along = slice_axis(node) == 1 + axis;
    return (fv_reach){
        .taps = 1, .gap = 1, .step = 1, .start = along ? (double)((const fv_slice_attr *)node->attr)->begin : 0};
}

static void slice_channels(fv_channels *c, const fv_node *node)
{
    const fv_val *src = node->in[0], *dst = node->out[0];
    for (int d = 0; d < src->shape.rank; d++) {
        const int64_t begin = d == slice_axis(node) ? ((const fv_slice_attr *)node->attr)->begin : 0;
        fv_channels_tie(c, src, d, begin, dst, d, 0, dst->shape.dim[d]);
    }
}

static void slice_narrow(const fv_channels *c, const fv_node *node, void *attr)
{
    fv_slice_attr *slice = attr;
    const int64_t begin = slice->begin;
    slice->begin = fv_channels_left(c, node->in[0], slice_axis(node), 0, begin);
    slice->count = fv_channels_left(c, node->in[0], slice_axis(node), begin, slice->count);
}

const fv_op fv_op_slice = {
    .name = "slice",
    .doc = "`count` positions of src from `begin` on along `axis` (the channels). Several slices split a tensor. Any "
           "dtype.",
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
    .reach = slice_reach,
    .moves_samples = slice_moves_samples,
    .ref = slice_ref,
    .channels = slice_channels,
    .narrow = slice_narrow,
};

/* ---- gradient ---- */

static const fv_attr slice_bwd_attrs[] = {
    {"begin", FV_ATTR_INT, offsetof(fv_slice_attr, begin), 0, 0, FV_SLICE_MAX, NULL, "First position of the slice."},
    {"channels", FV_ATTR_INT, offsetof(fv_slice_attr, channels), 1, 1, FV_SLICE_MAX, NULL,
     "Size of src along the axis."},
    FV_AXIS_ROW(fv_slice_attr, -1),
    {0},
};

static fv_status slice_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    const fv_slice_attr *attr = node->attr;
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    fv_shape src = node->in[0]->shape;
    FV_TRY(fv_axis_check(ctx, node, attr->axis, src.rank));
    int64_t *size = &src.dim[slice_axis(node)];
    if ((double)*size > FV_SLICE_MAX)
        return fv_node_fail(ctx, node, "%lld channels are too many", (long long)*size);
    FV_TRY(slice_check(ctx, node, attr->begin, *size, attr->channels));
    *size = attr->channels;
    return fv_result(ctx, node, 0, node->in[0]->dtype, src.rank, src.dim);
}

static void slice_bwd_ref(const fv_call *call)
{
    const fv_val *src = call->node->out[0];
    const fv_around part = fv_around_axis(&call->node->in[0]->shape, slice_axis(call->node));
    const fv_slice_attr *attr = call->node->attr;
    const int64_t row = attr->channels * part.inner, before = attr->begin * part.inner, kept = part.count * part.inner;
    for (int64_t o = 0; o < part.outer; o++)
        for (int64_t c = 0; c < row; c++) {
            bool inside = c >= before && c < before + kept;
            fv_set(src->dtype, call->out[0], o * row + c,
                   inside ? fv_get(src->dtype, call->in[0], o * kept + c - before) : 0.0);
        }
}

const fv_op fv_op_slice_bwd = {
    .name = "slice_bwd",
    .doc = "Gradient of slice: d_dst in `channels` positions along the axis from `begin` on, zeros around it.",
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
