/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/qat.h"

static fv_status qat_softmax_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_dtype(ctx, node, 0, 0, FV_I8));
    FV_TRY(fv_qat_pair_check(ctx, node, 1));
    return fv_op_q_softmax.infer(ctx, node);
}

static fv_cost qat_softmax_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 80.0 * fv_count_in(node, 0));
}

static void qat_softmax_ref(const fv_call *call)
{
    const fv_q_pair src = fv_qat_pair(call, 1);
    fv_q_softmax_attr attr = {1 << 30, 0, -255};
    (void)fv_q_softmax_set(&src, 1.0, &attr); /* of a scale that is too fine: as if it were coarser */
    fv_qat_run_as(call, &fv_op_q_softmax, &attr, 1);
}

const fv_op fv_op_qat_softmax = {
    .name = "qat_softmax",
    .doc = "q_softmax of i8 whose scale and zero point are an operand.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .operands = (const char *const[]){"src", "pair", "dst"},
    .letters = (const char *const[]){"nhwc", "n"},
    .infer = qat_softmax_infer,
    .cost = qat_softmax_cost,
    .ref = qat_softmax_ref,
};
