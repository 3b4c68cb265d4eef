/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/fixed.h"
#include "ops/nd.h"

#define T fv_q_mul_attr
static const fv_attr q_mul_attrs[] = {
    FV_Q_ZERO(T, "src0_zero", zero[0], "What stands for 0 in src0."),
    FV_Q_ZERO(T, "src1_zero", zero[1], "What stands for 0 in src1."),
    FV_Q_ZERO(T, "dst_zero", zero[2], "What stands for 0 in dst."),
    FV_Q_MUL(T, "mul", mul[0], "Multiplier of the product; with by_sign where src0 is not negative, of src0 alone."),
    FV_Q_SHIFT(T, "shift", shift[0], "Shift of the same."),
    FV_Q_MUL(T, "slope_mul", mul[1], "With by_sign: multiplier of the product where src0 is negative."),
    FV_Q_SHIFT(T, "slope_shift", shift[1], "Shift of the same."),
    {"by_sign", FV_ATTR_BOOL, offsetof(T, by_sign), 0, 0, 1, NULL,
     "prelu: src0 where it is not negative, else src0 * src1."},
    FV_Q_RANGE(T),
    {0},
};
#undef T

static void q_mul_ref(const fv_call *call)
{
    const fv_q_mul_attr *a = call->node->attr;
    const fv_shape *dst = &call->node->out[0]->shape;
    const fv_dtype dtype = call->node->out[0]->dtype;
    int64_t stride[2][FV_MAX_RANK];
    for (int k = 0; k < 2; k++)
        fv_broadcast_strides(&call->node->in[k]->shape, dst, stride[k]);
    const bool same = fv_shape_equal(&call->node->in[0]->shape, dst) && fv_shape_equal(&call->node->in[1]->shape, dst);
    for (int64_t i = 0; i < fv_shape_count(dst); i++) {
        int32_t x[2];
        for (int k = 0; k < 2; k++)
            x[k] = fv_q_get(dtype, call->in[k], same ? i : fv_strided(dst, i, stride[k])) - (int32_t)a->zero[k];
        const bool alone = a->by_sign && x[0] >= 0;
        const int which = a->by_sign && !alone;
        const int32_t product = alone ? x[0] : (int32_t)((uint32_t)x[0] * (uint32_t)x[1]);
        fv_q_set(dtype, call->out[0], i, fv_fixed_scale(product, (int32_t)a->mul[which], a->shift[which]) + a->zero[2],
                 a->min, a->max);
    }
}

static fv_cost q_mul_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 4.0 * fv_count_out(node, 0));
}

const fv_op fv_op_q_mul = {
    .name = "q_mul",
    .doc = "src0 * src1 of 8-bit integers of different scales, with broadcasting: each less its zero point; the "
           "product times a factor, plus dst_zero, within min and max. With by_sign it is prelu with slopes src1.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .operands = (const char *const[]){"src0", "src1", "dst"},
    .letters = (const char *const[]){"nhwc", "nhwc"},
    .attr_size = sizeof(fv_q_mul_attr),
    .attrs = q_mul_attrs,
    .infer = fv_q_binary_infer,
    .cost = q_mul_cost,
    .moves_samples = fv_broadcast_moves_samples,
    .ref = q_mul_ref,
};
