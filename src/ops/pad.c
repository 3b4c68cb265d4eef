/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/pad.h"

static const fv_attr pad_attrs[] = {
    FV_PAD_ROWS,
    {"value", FV_ATTR_REAL, offsetof(fv_pad_attr, value), 0, -3e38, 3e38, NULL, "What the new elements hold."},
    {0},
};

static fv_status pad_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_moved(ctx, node, 4));
    int64_t before[3], total[3], dst[4] = {node->in[0]->shape.dim[0]};
    fv_pad_margins(node->attr, before, total);
    for (int i = 0; i < 3; i++)
        if (!fv_size_add(node->in[0]->shape.dim[i + 1], total[i], &dst[i + 1]))
            return fv_node_fail(ctx, node, "the padded size is larger than can be addressed");
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, dst);
}

static fv_status pad_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "crop", node->attr, d_out, 1);
    return FV_OK;
}

/* Copying is no arithmetic. */
static fv_cost pad_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 0.0);
}

static void pad_ref(const fv_call *call)
{
    const fv_pad_attr *attr = call->node->attr;
    const int64_t *src = fv_in_dims(call, 0), *dst = fv_out_dims(call, 0);
    int64_t before[3], total[3];
    fv_pad_margins(attr, before, total);
    for (int64_t n = 0, i = 0; n < dst[0]; n++)
        for (int64_t p = -before[0]; p < dst[1] - before[0]; p++)
            for (int64_t q = -before[1]; q < dst[2] - before[1]; q++)
                for (int64_t c = -before[2]; c < dst[3] - before[2]; c++, i++) {
                    bool inside = p >= 0 && p < src[1] && q >= 0 && q < src[2] && c >= 0 && c < src[3];
                    double x = attr->value;
                    if (inside)
                        x = fv_get(fv_call_dtype(call), call->in[0], fv_index4(src, n, p, q, c));
                    fv_set(fv_call_dtype(call), call->out[0], i, x);
                }
}

static fv_reach pad_reach(const fv_node *node, int axis)
{
    return (fv_reach){.taps = 1, .gap = 1, .step = 1, .start = -(double)((const fv_pad_attr *)node->attr)->pad[axis]};
}

static void pad_channels(fv_channels *c, const fv_node *node)
{
    const fv_pad_attr *attr = node->attr;
    fv_channels_tie(c, node->in[0], 3, 0, node->out[0], 3, attr->channels[0], node->in[0]->shape.dim[3]);
}

static void pad_narrow(const fv_channels *c, const fv_node *node, void *attr)
{
    fv_pad_attr *pad = attr;
    const int64_t before = pad->channels[0], behind = pad->channels[1];
    pad->channels[0] = fv_channels_left(c, node->out[0], 3, 0, before);
    pad->channels[1] = fv_channels_left(c, node->out[0], 3, node->out[0]->shape.dim[3] - behind, behind);
}

const fv_op fv_op_pad = {
    .name = "pad",
    .doc = "src with `value` around it: rows, columns and channels.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_pad_attr),
    .attrs = pad_attrs,
    .infer = pad_infer,
    .grad = pad_grad,
    .cost = pad_cost,
    .reach = pad_reach,
    .ref = pad_ref,
    .channels = pad_channels,
    .narrow = pad_narrow,
};
