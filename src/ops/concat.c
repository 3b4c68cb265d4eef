/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/nd.h"

enum { FV_CONCAT_MAX = FV_MAX_OPERANDS };

static const fv_attr concat_attrs[] = {FV_AXIS_ROW(fv_axis_attr, -1), {0}};

static int concat_axis(const fv_node *node)
{
    return fv_axis_of(((const fv_axis_attr *)node->attr)->axis, node->in[0]->shape.rank);
}

static fv_status concat_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_any(ctx, node, 0));
    fv_shape dst = node->in[0]->shape;
    FV_TRY(fv_axis_check(ctx, node, ((const fv_axis_attr *)node->attr)->axis, dst.rank));
    const int axis = concat_axis(node);
    for (int i = 1; i < node->n_in; i++) {
        FV_TRY(fv_operand_like(ctx, node, i));
        const fv_shape *src = &node->in[i]->shape;
        bool fits = src->rank == dst.rank;
        for (int d = 0; fits && d < dst.rank; d++)
            fits = d == axis || src->dim[d] == dst.dim[d];
        char found[96], first[96];
        if (!fits)
            return fv_node_fail(ctx, node, "%s has shape %s beside %s of %s; all dimensions but the %s must be equal",
                                node->op->operands[i], fv_shape_text(src, found), node->op->operands[0],
                                fv_shape_text(&node->in[0]->shape, first), axis == dst.rank - 1 ? "last" : "axis");
        if (!fv_size_add(dst.dim[axis], src->dim[axis], &dst.dim[axis]))
            return fv_node_fail(ctx, node, "the operands are too large in total");
    }
    return fv_result(ctx, node, 0, node->in[0]->dtype, dst.rank, dst.dim);
}

static fv_status concat_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    const int axis = concat_axis(node);
    fv_slice_attr attr = {.axis = ((const fv_axis_attr *)node->attr)->axis};
    for (int i = 0; i < node->n_in; i++) {
        attr.begin += attr.count;
        attr.count = node->in[i]->shape.dim[axis];
        if (fv_emit_wanted(b, node->in[i]))
            d_in[i] = fv_emit(b, "slice", &attr, d_out, 1);
    }
    return FV_OK;
}

static void concat_ref(const fv_call *call)
{
    const fv_val *dst = call->node->out[0];
    const int axis = concat_axis(call->node);
    const fv_around whole = fv_around_axis(&dst->shape, axis);
    int64_t begin = 0;
    for (int i = 0; i < call->node->n_in; i++) {
        const fv_around part = fv_around_axis(&call->node->in[i]->shape, axis);
        for (int64_t o = 0; o < part.outer; o++)
            for (int64_t c = 0; c < part.count * part.inner; c++)
                fv_move(dst->dtype, call->out[0], (o * whole.count + begin) * whole.inner + c, call->in[i],
                        o * part.count * part.inner + c);
        begin += part.count;
    }
}

/* Copying is no arithmetic. */
static fv_cost concat_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 0.0);
}

static void concat_channels(fv_channels *c, const fv_node *node)
{
    const fv_val *dst = node->out[0];
    const int axis = concat_axis(node);
    int64_t begin = 0;
    for (int i = 0; i < node->n_in; i++) {
        const fv_shape *src = &node->in[i]->shape;
        for (int d = 0; d < src->rank; d++)
            fv_channels_tie(c, node->in[i], d, 0, dst, d, d == axis ? begin : 0, src->dim[d]);
        begin += src->dim[axis];
    }
}

const fv_op fv_op_concat = {
    .name = "concat",
    .doc =
        "2 to 64 operands one behind the other along `axis` (the channels); all other dimensions are equal. Any dtype.",
    .n_in_min = 2,
    .n_in_max = FV_CONCAT_MAX,
    .n_out = 1,
    .operands =
        (const char *const[]){"src0",  "src1",  "src2",  "src3",  "src4",  "src5",  "src6",  "src7",  "src8",  "src9",
                              "src10", "src11", "src12", "src13", "src14", "src15", "src16", "src17", "src18", "src19",
                              "src20", "src21", "src22", "src23", "src24", "src25", "src26", "src27", "src28", "src29",
                              "src30", "src31", "src32", "src33", "src34", "src35", "src36", "src37", "src38", "src39",
                              "src40", "src41", "src42", "src43", "src44", "src45", "src46", "src47", "src48", "src49",
                              "src50", "src51", "src52", "src53", "src54", "src55", "src56", "src57", "src58", "src59",
                              "src60", "src61", "src62", "src63", "dst"},
    .letters =
        (const char *const[]){"nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc",
                              "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc",
                              "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc",
                              "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc",
                              "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc",
                              "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc", "nhwc"},
    .attr_size = sizeof(fv_axis_attr),
    .attrs = concat_attrs,
    .infer = concat_infer,
    .grad = concat_grad,
    .cost = concat_cost,
    .moves_samples = fv_axis_moves_samples,
    .ref = concat_ref,
    .channels = concat_channels,
};
