/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ref.h"

static const fv_attr clip_by_value_attrs[] = {
    {"limit", FV_ATTR_REAL, offsetof(fv_limit_attr, limit), 1, 0, 1e30, NULL, "Largest magnitude."},
    {0},
};

static fv_status clip_by_value_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    return fv_result_like(ctx, node, 0, 0);
}

static void clip_by_value_ref(const fv_call *call)
{
    const fv_dtype dtype = fv_call_dtype(call);
    const double limit = fv_round(dtype, ((const fv_limit_attr *)call->node->attr)->limit);
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++) {
        double x = fv_get(dtype, call->in[0], i);
        fv_set(dtype, call->out[0], i, x > limit ? limit : x < -limit ? -limit : x);
    }
}

const fv_op fv_op_clip_by_value = {
    .name = "clip_by_value",
    .doc = "dst = src cut to [-limit, limit], element by element; NaN stays.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"n"},
    .attr_size = sizeof(fv_limit_attr),
    .attrs = clip_by_value_attrs,
    .infer = clip_by_value_infer,
    .ref = clip_by_value_ref,
};
