/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ref.h"

static const fv_attr trust_ratio_attrs[] = {
    {"coefficient", FV_ATTR_REAL, offsetof(fv_trust_attr, coefficient), 1, 0, 1e6, NULL, "Factor of the ratio."},
    {"weight_decay", FV_ATTR_REAL, offsetof(fv_trust_attr, weight_decay), 0, 0, 1e3, NULL,
     "Weight decay that joins the step later: its norm is added to the step's."},
    {"eps", FV_ATTR_REAL, offsetof(fv_trust_attr, eps), 0, 0, 1, NULL, "Added to the denominator."},
    {0},
};

static fv_status trust_ratio_infer(fv_ctx *ctx, const fv_node *node)
{
    for (int i = 0; i < node->n_in; i++)
        if (i < 2 || fv_operand(node, i))
            FV_TRY(fv_operand_dims(ctx, node, i, 1, &(int64_t){1}, i < 2 ? "one norm" : "one factor"));
    return fv_result_like(ctx, node, 0, 0);
}

static void trust_ratio_ref(const fv_call *call)
{
    const fv_trust_attr *attr = call->node->attr;
    const fv_dtype dtype = fv_call_dtype(call);
    const void *factor = fv_call_in(call, 2);
    const double wei = fv_get(dtype, call->in[0], 0);
    const double step = fv_get(dtype, call->in[1], 0) * (factor ? fv_get(dtype, factor, 0) : 1.0);
    double ratio = 1.0;
    if (wei > 0 && step > 0)
        ratio = attr->coefficient * wei / (step + attr->weight_decay * wei + attr->eps);
    fv_set(dtype, call->out[0], 0, ratio);
}

const fv_op fv_op_trust_ratio = {
    .name = "trust_ratio",
    .doc = "How far a layer may be moved: coefficient * norm_wei / (norm_step * scale + weight_decay * norm_wei + "
           "eps), and 1 where a norm is 0 (You, Gitman and Ginsburg, 2017; You et al., 2020).",
    .n_in_min = 2,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"norm_wei", "norm_step", "scale", "ratio"},
    .letters = (const char *const[]){"s", "s", "s"},
    .attr_size = sizeof(fv_trust_attr),
    .attrs = trust_ratio_attrs,
    .infer = trust_ratio_infer,
    .ref = trust_ratio_ref,
};
