/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/nd.h"
#include "ops/qat.h"

enum { PAIR = 2 };

#define T fv_qat_binary_attr
static const fv_attr qat_add_attrs[] = {
    {"subtract", FV_ATTR_BOOL, offsetof(T, other), 0, 0, 1, NULL, "src0 - src1 instead of the sum."},
    FV_QAT_LIMIT_ROWS(T),
    {0},
};
#undef T

fv_status fv_qat_binary_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_dtype(ctx, node, 0, 0, FV_I8));
    for (int i = PAIR; i < PAIR + 3; i++)
        FV_TRY(fv_qat_pair_check(ctx, node, i));
    return fv_q_binary_infer(ctx, node);
}

fv_cost fv_qat_binary_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 6.0 * fv_count_out(node, 0));
}

void fv_qat_binary_pairs(const fv_call *call, fv_q_pair pair[3])
{
    const fv_qat_binary_attr *attr = call->node->attr;
    pair[0] = fv_qat_pair(call, PAIR);
    pair[1] = fv_qat_pair(call, PAIR + 1);
    pair[2] = fv_qat_limited(call, PAIR + 2, attr->least, attr->most);
}

void fv_qat_add_set(const fv_call *call, fv_q_add_attr *attr)
{
    fv_q_pair pair[3];
    fv_qat_binary_pairs(call, pair);
    fv_q_add_set(pair, ((const fv_qat_binary_attr *)call->node->attr)->other, attr);
}

static void qat_add_ref(const fv_call *call)
{
    fv_q_add_attr attr;
    fv_qat_add_set(call, &attr);
    fv_qat_run_as(call, &fv_op_q_add, &attr, 2);
}

const fv_op fv_op_qat_add = {
    .name = "qat_add",
    .doc = "q_add of i8 whose scales and zero points are operands: pairs of both and of dst. Results stay within least "
           "and most.",
    .n_in_min = 5,
    .n_in_max = 5,
    .n_out = 1,
    .operands = (const char *const[]){"src0", "src1", "pair0", "pair1", "dst_pair", "dst"},
    .letters = (const char *const[]){"nhwc", "nhwc", "n", "n", "n"},
    .attr_size = sizeof(fv_qat_binary_attr),
    .attrs = qat_add_attrs,
    .infer = fv_qat_binary_infer,
    .cost = fv_qat_binary_cost,
    .moves_samples = fv_broadcast_moves_samples,
    .ref = qat_add_ref,
};
