/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/fixed.h"
#include "ops/nd.h"

#define T fv_q_add_attr
static const fv_attr q_add_attrs[] = {
    FV_Q_ZERO(T, "src0_zero", zero[0], "What stands for 0 in src0."),
    FV_Q_ZERO(T, "src1_zero", zero[1], "What stands for 0 in src1."),
    FV_Q_ZERO(T, "dst_zero", zero[2], "What stands for 0 in dst."),
    FV_Q_ROW(T, "left", left, 20, 0, 22, "Powers of 2 that both operands are multiplied by first."),
    FV_Q_MUL(T, "src0_mul", mul[0], "Multiplier of src0."),
    FV_Q_MUL(T, "src1_mul", mul[1], "Multiplier of src1."),
    FV_Q_MUL(T, "dst_mul", mul[2], "Multiplier of the sum."),
    FV_Q_SHIFT(T, "src0_shift", shift[0], "Shift of src0."),
    FV_Q_SHIFT(T, "src1_shift", shift[1], "Shift of src1."),
    FV_Q_SHIFT(T, "dst_shift", shift[2], "Shift of the sum."),
    {"subtract", FV_ATTR_BOOL, offsetof(T, subtract), 0, 0, 1, NULL, "src0 - src1 instead of the sum."},
    FV_Q_RANGE(T),
    {0},
};
#undef T

static void q_add_ref(const fv_call *call)
{
    const fv_q_add_attr *a = call->node->attr;
    const fv_shape *dst = &call->node->out[0]->shape;
    const fv_dtype dtype = call->node->out[0]->dtype;
    int64_t stride[2][FV_MAX_RANK];
    for (int k = 0; k < 2; k++)
        fv_broadcast_strides(&call->node->in[k]->shape, dst, stride[k]);
    const bool same = fv_shape_equal(&call->node->in[0]->shape, dst) && fv_shape_equal(&call->node->in[1]->shape, dst);
    for (int64_t i = 0; i < fv_shape_count(dst); i++) {
        int32_t x[2];
        for (int k = 0; k < 2; k++) {
            const int64_t at = same ? i : fv_strided(dst, i, stride[k]);
            const int32_t shifted = fv_q_get(dtype, call->in[k], at) - (int32_t)a->zero[k];
            x[k] = fv_fixed_scale(fv_fixed_left(shifted, (int)a->left), (int32_t)a->mul[k], a->shift[k]);
        }
        const uint32_t sum = a->subtract ? (uint32_t)x[0] - (uint32_t)x[1] : (uint32_t)x[0] + (uint32_t)x[1];
        fv_q_set(dtype, call->out[0], i, fv_fixed_scale((int32_t)sum, (int32_t)a->mul[2], a->shift[2]) + a->zero[2],
                 a->min, a->max);
    }
}

static fv_cost q_add_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 6.0 * fv_count_out(node, 0));
}

const fv_op fv_op_q_add = {
    .name = "q_add",
    .doc = "src0 + src1 (or the difference) of 8-bit integers of different scales, with broadcasting: each less its "
           "zero point, times 2^left, times its factor; the sum times dst's factor, plus dst_zero, within min and max.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .operands = (const char *const[]){"src0", "src1", "dst"},
    .letters = (const char *const[]){"nhwc", "nhwc"},
    .attr_size = sizeof(fv_q_add_attr),
    .attrs = q_add_attrs,
    .infer = fv_q_binary_infer,
    .cost = q_add_cost,
    .moves_samples = fv_broadcast_moves_samples,
    .ref = q_add_ref,
};
