/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/fixed.h"

#define T fv_q_softmax_attr
static const fv_attr q_softmax_attrs[] = {
    FV_Q_MUL(T, "mul", mul, "Multiplier of differences to the largest, which makes numbers with 5 integer bits."),
    FV_Q_ROW(T, "left", left, 22, 0, 30, "Powers of 2 before the same."),
    FV_Q_ROW(T, "least", least, -255, -2147483648.0, 0, "Differences below it count as 0."),
    {0},
};
#undef T

static fv_status q_softmax_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_q_operand(ctx, node, 0, 0));
    if (node->in[0]->shape.rank < 1)
        return fv_node_fail(ctx, node, "src has no dimensions; expected 1 or more");
    return fv_result_like(ctx, node, 0, 0);
}

/* e^(x - largest), no integer bits; 0: too small. */
static int32_t exp_of(const fv_q_softmax_attr *attr, int32_t difference)
{
    if (difference < attr->least)
        return 0;
    const int32_t x = fv_fixed_mul(fv_fixed_left(difference, (int)attr->left), (int32_t)attr->mul);
    return fv_fixed_exp(x > 0 ? 0 : x, 5);
}

static void row(const fv_q_softmax_attr *attr, fv_dtype dtype, const void *src, void *dst, int64_t at, int64_t count)
{
    const int32_t least = dtype == FV_I8 ? -128 : 0;
    int32_t largest = -128;
    uint32_t sum = 0; /* 12 integer bits */
    int zeros = 0;
    for (int64_t c = 0; c < count; c++)
        largest = fv_q_get(dtype, src, at + c) > largest ? fv_q_get(dtype, src, at + c) : largest;
    for (int64_t c = 0; c < count; c++)
        sum += (uint32_t)fv_fixed_right(exp_of(attr, fv_q_get(dtype, src, at + c) - largest), 12);
    while (zeros < 31 && !(sum >> (31 - zeros) & 1))
        zeros++;
    /* 1 / sum: sum = (1 + x) 2^(12 - zeros - 1), x in [0, 1) */
    const int32_t inverse = fv_fixed_inverse((int32_t)((sum << zeros) - (UINT32_C(1) << 31)));
    const int shift = 12 - zeros + 31 - 8;
    for (int64_t c = 0; c < count; c++) {
        const int32_t e = exp_of(attr, fv_q_get(dtype, src, at + c) - largest);
        const int32_t y = fv_fixed_right(fv_fixed_mul(inverse, e), shift < 0 ? 0 : shift > 31 ? 31 : shift);
        fv_q_set(dtype, dst, at + c, (int64_t)y + least, -128, 255);
    }
}

static void q_softmax_ref(const fv_call *call)
{
    const fv_shape *shape = &call->node->in[0]->shape;
    const int64_t count = fv_shape_last(shape);
    for (int64_t i = 0; i < fv_shape_rows(shape); i++)
        row(call->node->attr, call->node->in[0]->dtype, call->in[0], call->out[0], i * count, count);
}

static fv_cost q_softmax_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 80.0 * fv_count_in(node, 0));
}

const fv_op fv_op_q_softmax = {
    .name = "q_softmax",
    .doc =
        "softmax of 8-bit integers along the last dimension in fixed point (ops/fixed.h); dst has the scale 1/256 and "
        "the zero point -128 (i8) or 0 (u8).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_q_softmax_attr),
    .attrs = q_softmax_attrs,
    .infer = q_softmax_infer,
    .cost = q_softmax_cost,
    .ref = q_softmax_ref,
};
