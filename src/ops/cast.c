/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/nd.h"

#define FV_DTYPE_ROW(NAME, name, size, kind, file) #name,
static const char *const dtype_names[] = {FV_DTYPE_LIST(FV_DTYPE_ROW) NULL};
#undef FV_DTYPE_ROW

static const fv_attr cast_attrs[] = {
    {"dtype", FV_ATTR_ENUM, offsetof(fv_cast_attr, dtype), 0, 0, FV_DTYPE_COUNT - 1, dtype_names, "Of the result."},
    {0},
};

static fv_status cast_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_any(ctx, node, 0));
    const fv_shape *src = &node->in[0]->shape;
    return fv_result(ctx, node, 0, (fv_dtype)((const fv_cast_attr *)node->attr)->dtype, src->rank, src->dim);
}

static fv_status cast_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    const fv_cast_attr attr = {.dtype = (int32_t)node->in[0]->dtype};
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "cast", &attr, d_out, 1);
    return FV_OK;
}

/* A program for float64 has float64 where the model has float32. */
static fv_status cast_lower(fv_builder *b, const fv_node *node, bool training, fv_val *const *in, fv_val **out)
{
    fv_cast_attr attr = *(const fv_cast_attr *)node->attr;
    (void)training;
    if (attr.dtype == FV_F32)
        attr.dtype = (int32_t)fv_emit_float(b);
    out[0] = fv_emit(b, "cast", &attr, in, 1);
    return FV_OK;
}

static void cast_ref(const fv_call *call)
{
    const fv_val *src = call->node->in[0], *dst = call->node->out[0];
    const bool exact = !fv_dtype_is_float(src->dtype) && !fv_dtype_is_float(dst->dtype) && dst->dtype == FV_I64;
    for (int64_t i = 0; i < fv_shape_count(&src->shape); i++) {
        if (exact)
            fv_dtype_set_integer(dst->dtype, call->out[0], i, fv_dtype_get_integer(src->dtype, call->in[0], i));
        else
            fv_set(dst->dtype, call->out[0], i, fv_get(src->dtype, call->in[0], i));
    }
}

const fv_op fv_op_cast = {
    .name = "cast",
    .doc = "src in another dtype, rounded once: floats to nearest even, integers towards 0 and not beyond their "
           "limits, bool "
           "to whether it differs from 0.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_cast_attr),
    .attrs = cast_attrs,
    .infer = cast_infer,
    .grad = cast_grad,
    .cost = fv_move_cost,
    .ref = cast_ref,
    .lower = cast_lower,
    .channels = fv_channels_each,
};
