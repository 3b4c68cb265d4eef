/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/pad.h"

static const fv_attr crop_attrs[] = {FV_PAD_ROWS, {0}};

static fv_status crop_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_moved(ctx, node, 4));
    const fv_shape *src = &node->in[0]->shape;
    int64_t before[3], total[3], dst[4] = {src->dim[0]};
    char text[96];
    fv_pad_margins(node->attr, before, total);
    for (int i = 0; i < 3; i++) {
        dst[i + 1] = src->dim[i + 1] - total[i];
        if (dst[i + 1] < 1)
            return fv_node_fail(ctx, node, "nothing is left of src (%s) when %lld %s are cut off",
                                fv_shape_text(src, text), (long long)total[i],
                                (const char *const[]){"rows", "columns", "channels"}[i]);
    }
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, dst);
}

static fv_status crop_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_pad_attr attr = *(const fv_pad_attr *)node->attr;
    attr.value = 0.0;
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "pad", &attr, d_out, 1);
    return FV_OK;
}

/* Copying is no arithmetic. */
static fv_cost crop_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 0.0);
}

static void crop_ref(const fv_call *call)
{
    const int64_t *src = fv_in_dims(call, 0), *dst = fv_out_dims(call, 0);
    int64_t before[3], total[3];
    fv_pad_margins(call->node->attr, before, total);
    for (int64_t n = 0, i = 0; n < dst[0]; n++)
        for (int64_t p = 0; p < dst[1]; p++)
            for (int64_t q = 0; q < dst[2]; q++)
                for (int64_t c = 0; c < dst[3]; c++, i++) {
                    int64_t at = fv_index4(src, n, p + before[0], q + before[1], c + before[2]);
                    fv_set(fv_call_dtype(call), call->out[0], i, fv_get(fv_call_dtype(call), call->in[0], at));
                }
}

static fv_reach crop_reach(const fv_node *node, int axis)
{
    return (fv_reach){.taps = 1, .gap = 1, .step = 1, .start = (double)((const fv_pad_attr *)node->attr)->pad[axis]};
}

const fv_op fv_op_crop = {
    .name = "crop",
    .doc = "src without `pad` rows and columns and `channels` channels at its borders: the gradient of pad.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_pad_attr),
    .attrs = crop_attrs,
    .infer = crop_infer,
    .grad = crop_grad,
    .cost = crop_cost,
    .reach = crop_reach,
    .ref = crop_ref,
};
