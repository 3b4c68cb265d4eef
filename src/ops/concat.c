/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/ref.h"

enum { FV_CONCAT_MAX = FV_MAX_OPERANDS };

static fv_status concat_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    fv_shape dst = node->in[0]->shape;
    int last = dst.rank - 1;
    for (int i = 1; i < node->n_in; i++) {
        FV_TRY(fv_operand_float(ctx, node, i, 0));
        const fv_shape *src = &node->in[i]->shape;
        bool fits = src->rank == dst.rank && memcmp(src->dim, dst.dim, (size_t)last * sizeof *dst.dim) == 0;
        char found[96], first[96];
        if (!fits)
            return fv_node_fail(ctx, node, "%s has shape %s beside %s of %s; all dimensions but the last must be equal",
                                node->op->operands[i], fv_shape_text(src, found), node->op->operands[0],
                                fv_shape_text(&node->in[0]->shape, first));
        if (!fv_size_add(dst.dim[last], src->dim[last], &dst.dim[last]))
            return fv_node_fail(ctx, node, "the operands have too many channels in total");
    }
    return fv_result(ctx, node, 0, node->in[0]->dtype, dst.rank, dst.dim);
}

static fv_status concat_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_slice_attr attr = {0};
    for (int i = 0; i < node->n_in; i++) {
        attr.begin += attr.count;
        attr.count = fv_shape_last(&node->in[i]->shape);
        if (fv_emit_wanted(b, node->in[i]))
            d_in[i] = fv_emit(b, "slice", &attr, d_out, 1);
    }
    return FV_OK;
}

static void concat_ref(const fv_call *call)
{
    const fv_val *dst = call->node->out[0];
    int64_t total = fv_shape_last(&dst->shape), rows = fv_shape_rows(&dst->shape), begin = 0;
    for (int i = 0; i < call->node->n_in; i++) {
        int64_t channels = fv_shape_last(&call->node->in[i]->shape);
        for (int64_t row = 0; row < rows; row++)
            for (int64_t c = 0; c < channels; c++)
                fv_set(dst->dtype, call->out[0], row * total + begin + c,
                       fv_get(dst->dtype, call->in[i], row * channels + c));
        begin += channels;
    }
}

/* Copying is no arithmetic. */
static fv_cost concat_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 0.0);
}

const fv_op fv_op_concat = {
    .name = "concat",
    .doc = "The channels (last dimension) of 2 to 64 operands one behind the other; all other dimensions are equal.",
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
    .infer = concat_infer,
    .grad = concat_grad,
    .cost = concat_cost,
    .ref = concat_ref,
};
