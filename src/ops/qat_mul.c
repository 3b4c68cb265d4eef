/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/nd.h"
#include "ops/qat.h"

#define T fv_qat_binary_attr
static const fv_attr qat_mul_attrs[] = {
    {"by_sign", FV_ATTR_BOOL, offsetof(T, other), 0, 0, 1, NULL,
     "prelu: src0 where it is not negative, else src0 * src1."},
    FV_QAT_LIMIT_ROWS(T),
    {0},
};
#undef T

static void qat_mul_ref(const fv_call *call)
{
    fv_q_mul_attr attr;
    fv_q_pair pair[3];
    fv_qat_binary_pairs(call, pair);
    if (((const fv_qat_binary_attr *)call->node->attr)->other)
        fv_q_prelu_set(pair, &attr);
    else
        fv_q_mul_set(pair, &attr);
    fv_qat_run_as(call, &fv_op_q_mul, &attr, 2);
}

const fv_op fv_op_qat_mul = {
    .name = "qat_mul",
    .doc = "q_mul of i8 whose scales and zero points are operands: pairs of both and of dst. Results stay within least "
           "and most.",
    .n_in_min = 5,
    .n_in_max = 5,
    .n_out = 1,
    .operands = (const char *const[]){"src0", "src1", "pair0", "pair1", "dst_pair", "dst"},
    .letters = (const char *const[]){"nhwc", "nhwc", "n", "n", "n"},
    .attr_size = sizeof(fv_qat_binary_attr),
    .attrs = qat_mul_attrs,
    .infer = fv_qat_binary_infer,
    .cost = fv_qat_binary_cost,
    .moves_samples = fv_broadcast_moves_samples,
    .ref = qat_mul_ref,
};
