/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/fixed.h"
#include "ops/nd.h"

#define T fv_q_mean_attr
static const fv_attr q_mean_attrs[] = {
    {"axes", FV_ATTR_INTS, offsetof(T, axes), 0, -FV_MAX_RANK, FV_MAX_RANK - 1, NULL,
     "Dimensions that are reduced; none: all."},
    {"keepdims", FV_ATTR_BOOL, offsetof(T, keepdims), 0, 0, 1, NULL, "Reduced dimensions stay as 1."},
    FV_Q_ZERO(T, "src_zero", src_zero, "What stands for 0 in src."),
    FV_Q_ZERO(T, "dst_zero", dst_zero, "What stands for 0 in dst."),
    FV_Q_MUL(T, "mul", mul, "Multiplier: the scale of src by that of dst."),
    FV_Q_SHIFT(T, "shift", shift, "Shift of the same."),
    {"sum", FV_ATTR_BOOL, offsetof(T, sum), 0, 0, 1, NULL, "The sum instead of the mean."},
    {0},
};
#undef T

static fv_status q_mean_infer(fv_ctx *ctx, const fv_node *node)
{
    const fv_q_mean_attr *attr = node->attr;
    fv_shape dst;
    FV_TRY(fv_q_operand(ctx, node, 0, 0));
    FV_TRY(fv_reduction_check(ctx, node, &attr->axes, &node->in[0]->shape));
    fv_reduction_shape(&attr->axes, &node->in[0]->shape, attr->keepdims, &dst);
    return fv_result(ctx, node, 0, node->in[0]->dtype, dst.rank, dst.dim);
}

void fv_q_mean_factor(const fv_q_mean_attr *attr, int64_t terms, int32_t *mul, int64_t *shift)
{
    *mul = (int32_t)attr->mul;
    *shift = attr->shift;
    if (attr->sum || terms < 1)
        return;
    int k = 0;
    while (k < 32 && terms >> (k + 1))
        k++;
    k = k > 31 + attr->shift ? (int)(31 + attr->shift) : k;
    *mul = (int32_t)(attr->mul * (INT64_C(1) << k) / terms);
    *shift = attr->shift - k;
}

static void q_mean_ref(const fv_call *call)
{
    const fv_q_mean_attr *attr = call->node->attr;
    const fv_dtype dtype = call->node->in[0]->dtype;
    const fv_reduction r = fv_reduction_of(&attr->axes, &call->node->in[0]->shape);
    int32_t mul;
    int64_t shift;
    fv_q_mean_factor(attr, r.terms, &mul, &shift);
    for (int64_t o = 0; o < r.outputs; o++) {
        const int64_t at = fv_reduction_output(&r, o);
        uint32_t sum = 0;
        for (int64_t t = 0; t < r.terms; t++)
            sum += (uint32_t)fv_q_get(dtype, call->in[0], at + fv_reduction_term(&r, t));
        sum -= (uint32_t)(uint64_t)(attr->src_zero * r.terms);
        fv_q_set(dtype, call->out[0], o, fv_fixed_scale((int32_t)sum, mul, shift) + attr->dst_zero, -128, 255);
    }
}

static fv_cost q_mean_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, fv_count_in(node, 0));
}

static bool q_mean_moves_samples(const fv_node *node)
{
    const fv_q_mean_attr *attr = node->attr;
    return fv_reduction_of(&attr->axes, &node->in[0]->shape).over_samples;
}

const fv_op fv_op_q_mean = {
    .name = "q_mean",
    .doc = "Mean (or sum) of 8-bit integers over `axes`: the sum less its zero points in 32 bits, times mul * 2^k / "
           "terms * 2^(shift - k - 31), plus dst_zero.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_q_mean_attr),
    .attrs = q_mean_attrs,
    .infer = q_mean_infer,
    .cost = q_mean_cost,
    .moves_samples = q_mean_moves_samples,
    .ref = q_mean_ref,
};
