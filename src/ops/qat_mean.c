/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/nd.h"
#include "ops/qat.h"

static const fv_attr qat_mean_attrs[] = {
    {"axes", FV_ATTR_INTS, offsetof(fv_q_mean_attr, axes), 0, -FV_MAX_RANK, FV_MAX_RANK - 1, NULL,
     "Dimensions that are reduced; none: all."},
    {"keepdims", FV_ATTR_BOOL, offsetof(fv_q_mean_attr, keepdims), 0, 0, 1, NULL, "Reduced dimensions stay as 1."},
    {0},
};

static fv_status qat_mean_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_dtype(ctx, node, 0, 0, FV_I8));
    for (int i = 1; i < 3; i++)
        FV_TRY(fv_qat_pair_check(ctx, node, i));
    return fv_op_q_mean.infer(ctx, node);
}

static fv_cost qat_mean_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, fv_count_in(node, 0));
}

static bool qat_mean_moves_samples(const fv_node *node)
{
    return fv_op_q_mean.moves_samples(node);
}

static void qat_mean_ref(const fv_call *call)
{
    const fv_q_mean_attr *own = call->node->attr;
    const fv_q_pair in = fv_qat_pair(call, 1), out = fv_qat_pair(call, 2);
    fv_q_mean_attr attr;
    fv_q_mean_set(&in, &out, &own->axes, false, &attr);
    attr.keepdims = own->keepdims;
    fv_qat_run_as(call, &fv_op_q_mean, &attr, 1);
}

const fv_op fv_op_qat_mean = {
    .name = "qat_mean",
    .doc = "q_mean of i8 whose scales and zero points are operands: pairs of src and dst.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .operands = (const char *const[]){"src", "src_pair", "dst_pair", "dst"},
    .letters = (const char *const[]){"nhwc", "n", "n"},
    .attr_size = sizeof(fv_q_mean_attr),
    .attrs = qat_mean_attrs,
    .infer = qat_mean_infer,
    .cost = qat_mean_cost,
    .moves_samples = qat_mean_moves_samples,
    .ref = qat_mean_ref,
};
