/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ref.h"

static const fv_attr clip_scale_attrs[] = {
    {"limit", FV_ATTR_REAL, offsetof(fv_limit_attr, limit), 1, 0, 1e30, NULL, "Largest norm."},
    {0},
};

static fv_status clip_scale_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_dims(ctx, node, 0, 1, &(int64_t){1}, "one norm"));
    return fv_result_like(ctx, node, 0, 0);
}

static void clip_scale_ref(const fv_call *call)
{
    const fv_dtype dtype = fv_call_dtype(call);
    double factor = ((const fv_limit_attr *)call->node->attr)->limit / (fv_get(dtype, call->in[0], 0) + 1e-6);
    fv_set(dtype, call->out[0], 0, factor < 1.0 ? factor : 1.0);
}

const fv_op fv_op_clip_scale = {
    .name = "clip_scale",
    .doc = "The factor that brings a norm down to at most limit: min(1, limit / (norm + 1e-6)) (Pascanu, Mikolov and "
           "Bengio, 2013).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"norm", "scale"},
    .letters = (const char *const[]){"s"},
    .attr_size = sizeof(fv_limit_attr),
    .attrs = clip_scale_attrs,
    .infer = clip_scale_infer,
    .ref = clip_scale_ref,
};
