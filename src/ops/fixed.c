/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/fixed.h"

#include "ops/nd.h"

void fv_fixed_factor(double factor, int32_t *multiplier, int32_t *shift)
{
    int exponent = 0;
    *multiplier = *shift = 0;
    if (!(factor > 0.0) || isinf(factor))
        return;
    int64_t fixed = (int64_t)round(frexp(factor, &exponent) * 2147483648.0);
    if (fixed == INT64_C(1) << 31) {
        fixed /= 2;
        exponent++;
    }
    if (exponent < -31) /* too small for any difference */
        return;
    *multiplier = exponent > 30 ? INT32_MAX : (int32_t)fixed;
    *shift = exponent > 30 ? 30 : exponent;
}

void fv_fixed_filter_factor(double src, double wei, double dst, bool floats, int32_t *multiplier, int32_t *shift)
{
    const double product = floats ? (double)((float)src * (float)wei) : (double)(float)src * (double)(float)wei;
    fv_fixed_factor(product / (double)(float)dst, multiplier, shift);
}

/* x * 2^n, saturated. */
static int32_t saturated(int32_t x, int n)
{
    return fv_fixed_clamp((int64_t)x * (INT64_C(1) << n), INT32_MIN, INT32_MAX);
}

static int32_t sum(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* e^x of x in [-1/4, 0), no integer bits: e^(-1/8) times the polynomial of x + 1/8 up to the fourth power. */
static int32_t exp_quarter(int32_t x)
{
    const int32_t base = 1895147668, third = 715827883;
    x = sum(x, 1 << 28);
    const int32_t x2 = fv_fixed_mul(x, x), x3 = fv_fixed_mul(x2, x), x4 = fv_fixed_mul(x2, x2);
    const int32_t high = sum(fv_fixed_mul(sum(fv_fixed_right(x4, 2), x3), third), x2);
    return sum(base, fv_fixed_mul(base, sum(x, fv_fixed_right(high, 1))));
}

int32_t fv_fixed_exp(int32_t x, int bits)
{
    /* e^(-2^k) for k of -2 to 4 */
    static const int32_t power[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int fraction = 31 - bits;
    const int32_t quarter = 1 << (fraction - 2);
    if (x == 0)
        return INT32_MAX;
    const int32_t rest = (x & (quarter - 1)) - quarter, times = (int32_t)((uint32_t)rest - (uint32_t)x);
    int32_t y = exp_quarter(saturated(rest, bits));
    for (int k = -2; k < bits; k++)
        if (times & (INT32_C(1) << (fraction + k)))
            y = fv_fixed_mul(y, power[k + 2]);
    return y;
}

/* Newton's steps for 1 / d, d = (1 + x) / 2 in [1/2, 1]: 2 integer bits. Begins at 48/17 - 32/17 d. */
static int32_t reciprocal(int32_t x)
{
    const int64_t twice = (int64_t)x + INT32_MAX;
    const int32_t d = (int32_t)((twice + (twice >= 0 ? 1 : -1)) / 2);
    int32_t y = sum(1515870810, fv_fixed_mul(d, -1010580540));
    for (int i = 0; i < 3; i++) {
        const int32_t missing = (int32_t)((uint32_t)(1 << 29) - (uint32_t)fv_fixed_mul(d, y));
        y = sum(y, saturated(fv_fixed_mul(y, missing), 2));
    }
    return y;
}

int32_t fv_fixed_inverse(int32_t x)
{
    return saturated(reciprocal(x), 1);
}

int32_t fv_fixed_logistic(int32_t x)
{
    if (x == 0)
        return 1 << 30;
    const int32_t positive = fv_fixed_inverse(fv_fixed_exp(x > 0 ? -x : x, 4));
    return x > 0 ? positive : INT32_MAX - positive;
}

int32_t fv_fixed_tanh(int32_t x)
{
    if (x == 0)
        return 0;
    /* (1 - e) / (1 + e) of e = e^(-2 |x|) */
    const int32_t e = fv_fixed_exp(x > 0 ? -x : x, 5), y = reciprocal(e);
    const int32_t z = saturated((int32_t)((uint32_t)y - (uint32_t)(1 << 29)), 2);
    return x > 0 ? z : -z;
}

fv_status fv_q_operand(fv_ctx *ctx, const fv_node *node, int i, int rank)
{
    const fv_val *val = fv_operand(node, i);
    if (val && val->dtype != FV_I8 && val->dtype != FV_U8)
        return fv_node_fail(ctx, node, "%s is %s; expected i8 or u8", node->op->operands[i], fv_dtype_name(val->dtype));
    return fv_operand_dtype(ctx, node, i, rank, val && i > 0 ? node->in[0]->dtype : val ? val->dtype : FV_I8);
}

fv_status fv_q_binary_infer(fv_ctx *ctx, const fv_node *node)
{
    fv_shape shape;
    FV_TRY(fv_q_operand(ctx, node, 0, 0));
    FV_TRY(fv_q_operand(ctx, node, 1, 0));
    FV_TRY(fv_broadcast(ctx, node, 0, 1, &shape));
    return fv_result(ctx, node, 0, node->in[0]->dtype, shape.rank, shape.dim);
}
