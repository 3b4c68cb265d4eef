/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/quantized.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

/* Ranges below it are none. */
#define FV_RANGE_FLOOR 1e-6
/* Biases are int32 of the scale src * wei: that must not be so fine that one does not fit. */
#define FV_BIAS_MOST 1073741824.0
/* The scale of filters that are all zero. */
#define FV_SCALE_FLOOR 1e-8

double fv_q_short(double scale)
{
    char text[32];
    double x = scale;
    for (int digits = 6; digits <= 9; digits++) {
        (void)fv_text_format(text, sizeof text, "%.*g", digits, scale);
        if (fv_text_to_double(text, &x) && (float)x == (float)scale)
            return x;
    }
    return scale;
}

int64_t fv_q_integer(const fv_q_pair *pair, float x)
{
    const float q = roundf(x / (float)pair->scale); /* of a tiny scale beyond any integer */
    return pair->zero + (q > 1e9f ? INT64_C(1000000000) : q < -1e9f ? INT64_C(-1000000000) : (int64_t)q);
}

bool fv_q_pair_set(double low, double high, fv_q_pair *pair)
{
    *pair = (fv_q_pair){.low = -128, .high = 127, .dtype = FV_I8};
    low = isfinite(high - low) ? fmin(low, 0) : 0;
    high = isfinite(high - low) ? fmax(high, 0) : 0;
    const bool any = high - low >= FV_RANGE_FLOOR;
    high = any ? high : low + 1;
    pair->scale = (double)(float)((high - low) / 255);
    pair->zero = fv_fixed_clamp((int64_t)round(-128 - low / pair->scale), -128, 127);
    return any;
}

/* The next bfloat16, which takes half the bytes and loses nothing: weights are made by it. */
double fv_q_filter_scale(double most, double bias, double src_scale, int bits)
{
    const double least = bias / (FV_BIAS_MOST * src_scale);
    const float scale = (float)fmax(fmax(most / ((1 << (bits - 1)) - 1), FV_SCALE_FLOOR), least);
    uint32_t word;
    float up;
    memcpy(&word, &scale, sizeof word);
    word = (word + 0xffff) & 0xffff0000u;
    memcpy(&up, &word, sizeof up);
    return (double)up;
}

void fv_q_filter(const float *x, int64_t count, double scale, int bits, int8_t *out)
{
    const double most = (1 << (bits - 1)) - 1;
    for (int64_t i = 0; i < count; i++)
        out[i] = (int8_t)fmin(fmax(round((double)x[i] / scale), -most), most);
}

int32_t fv_q_bias(double bias, double scale, double src_scale)
{
    return (int32_t)fmin(fmax(round(bias / (scale * src_scale)), -2147483647.0), 2147483647.0);
}

bool fv_q_limit(fv_q_pair *out, const double *least, const double *most)
{
    const int64_t low = least ? fv_q_integer(out, (float)*least) : out->low;
    const int64_t high = most ? fv_q_integer(out, (float)*most) : out->high;
    out->low = low > out->low ? low : out->low;
    out->high = high < out->high ? high : out->high;
    return out->low <= out->high;
}

void fv_q_add_set(const fv_q_pair pair[3], bool subtract, fv_q_add_attr *attr)
{
    const double twice = 2.0 * (pair[0].scale > pair[1].scale ? pair[0].scale : pair[1].scale);
    const double factor[3] = {pair[0].scale / twice, pair[1].scale / twice,
                              twice / ((double)(1 << 20) * pair[2].scale)};
    *attr = (fv_q_add_attr){.left = 20, .subtract = subtract, .min = pair[2].low, .max = pair[2].high};
    for (int k = 0; k < 3; k++) {
        int32_t mul, shift;
        fv_fixed_factor(factor[k], &mul, &shift);
        attr->zero[k] = pair[k].zero;
        attr->mul[k] = mul;
        attr->shift[k] = shift;
    }
}

static void set_product(const fv_q_pair pair[3], double positive, double negative, fv_q_mul_attr *attr)
{
    int32_t mul[2], shift[2];
    fv_fixed_factor(positive, &mul[0], &shift[0]);
    fv_fixed_factor(negative, &mul[1], &shift[1]);
    *attr = (fv_q_mul_attr){.zero = {pair[0].zero, pair[1].zero, pair[2].zero},
                            .mul = {mul[0], mul[1]},
                            .shift = {shift[0], shift[1]},
                            .min = pair[2].low,
                            .max = pair[2].high};
}

void fv_q_mul_set(const fv_q_pair pair[3], fv_q_mul_attr *attr)
{
    const double factor = (double)((float)pair[0].scale * (float)pair[1].scale / (float)pair[2].scale);
    set_product(pair, factor, factor, attr);
}

void fv_q_prelu_set(const fv_q_pair pair[3], fv_q_mul_attr *attr)
{
    set_product(pair, (double)((float)pair[0].scale / (float)pair[2].scale),
                (double)((float)pair[0].scale * (float)pair[1].scale / (float)pair[2].scale), attr);
    attr->by_sign = true;
}

void fv_q_mean_set(const fv_q_pair *in, const fv_q_pair *out, const fv_ints *axes, bool sum, fv_q_mean_attr *attr)
{
    int32_t mul, shift;
    fv_fixed_factor(in->scale / out->scale, &mul, &shift);
    *attr = (fv_q_mean_attr){*axes, true, in->zero, out->zero, mul, shift, sum};
}

bool fv_q_softmax_set(const fv_q_pair *in, double beta, fv_q_softmax_attr *attr)
{
    int32_t mul, left;
    const double factor = beta * in->scale * (double)(1 << 26);
    fv_fixed_factor(factor < 2147483647.0 ? factor : 2147483647.0, &mul, &left);
    if (left < 0)
        return false;
    *attr = (fv_q_softmax_attr){mul, left, -(int64_t)floor(31.0 * (double)(1 << 26) / ldexp(1.0, left))};
    return true;
}

/* ---- tables ---- */

static double limited(const fv_q_table *t, int64_t y)
{
    return (double)fv_fixed_clamp(y, t->out.low, t->out.high);
}

static double scaled_entry(const fv_q_table *t, int64_t q)
{
    return limited(t, fv_fixed_scale((int32_t)(q - t->in.zero), t->mul, t->shift) + t->out.zero);
}

void fv_q_table_rescale(fv_q_table *t)
{
    fv_fixed_factor(t->in.scale / t->out.scale, &t->mul, &t->shift);
    t->entry = scaled_entry;
}

void fv_q_table_relu(fv_q_table *t)
{
    fv_fixed_factor((double)((float)t->in.scale / (float)t->out.scale), &t->mul, &t->shift);
    t->entry = scaled_entry;
}

static double leaky_entry(const fv_q_table *t, int64_t q)
{
    const int32_t x = (int32_t)(q - t->in.zero);
    const int64_t y = x >= 0 ? fv_fixed_scale(x, t->mul, t->shift) : fv_fixed_scale(x, t->low_mul, t->low_shift);
    return limited(t, y + t->out.zero);
}

void fv_q_table_leaky_relu(fv_q_table *t, double alpha)
{
    fv_fixed_factor((double)((float)t->in.scale / (float)t->out.scale), &t->mul, &t->shift);
    fv_fixed_factor((double)((float)t->in.scale * (float)alpha / (float)t->out.scale), &t->low_mul, &t->low_shift);
    t->entry = leaky_entry;
}

/* A function of numbers with 4 integer bits, to `bits` bits behind the point. */
static double curve(const fv_q_table *t, int64_t q, int32_t (*f)(int32_t x), int bits)
{
    const int64_t x = q - t->in.zero;
    if (x <= -t->radius)
        return (double)t->out.low;
    if (x >= t->radius)
        return (double)t->out.high;
    return limited(t, fv_fixed_right(f(fv_fixed_scale((int32_t)x, t->mul, t->shift)), 31 - bits) + t->out.zero);
}

static double logistic_entry(const fv_q_table *t, int64_t q)
{
    return curve(t, q, fv_fixed_logistic, 8);
}

static double tanh_entry(const fv_q_table *t, int64_t q)
{
    return curve(t, q, fv_fixed_tanh, 7);
}

static void set_curve(fv_q_table *t, double (*entry)(const fv_q_table *t, int64_t q))
{
    fv_fixed_factor(t->in.scale * (double)(1 << 27), &t->mul, &t->shift);
    t->radius = (int64_t)floor(15.0 * (double)(1 << 27) / ldexp(1.0, t->shift));
    t->entry = entry;
}

void fv_q_table_logistic(fv_q_table *t)
{
    set_curve(t, logistic_entry);
}

void fv_q_table_tanh(fv_q_table *t)
{
    set_curve(t, tanh_entry);
}

/* 16 bits: a * b / 2^15, saturated, rounded or not. */
static int32_t product16(int32_t a, int32_t b, bool rounded)
{
    const int32_t ab = a * b;
    if (a == INT16_MIN && b == INT16_MIN)
        return INT16_MAX;
    return (ab + (!rounded ? 0 : ab >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15);
}

static int32_t left16(int32_t x, int n)
{
    return fv_fixed_clamp((int64_t)x * (INT64_C(1) << n), INT16_MIN, INT16_MAX);
}

/* A multiplier of 32 bits as one of 16. */
static int32_t halved(int32_t multiplier)
{
    return multiplier >= INT32_MAX - (1 << 15) ? INT16_MAX : (multiplier + (1 << 15)) >> 16;
}

/* x * relu6(x + 3) / 6: the second factor is clamped in units of 3 / 2^15. */
static double hard_swish_entry(const fv_q_table *t, int64_t q)
{
    const int32_t fine = ((int32_t)q - (int32_t)t->in.zero) * (1 << 7);
    const int32_t x = product16(fine, halved(t->mul), true);
    int32_t gate = fine;
    if (t->low_shift > 0)
        gate = left16(gate, t->low_shift - 1);
    gate = product16(gate, halved(t->low_mul), true);
    if (t->low_shift > 0)
        gate = left16(gate, 1);
    if (t->low_shift < 0)
        gate = fv_fixed_right(gate, -t->low_shift);
    gate = (gate + (1 << 15)) >> 1;
    const int32_t y = fv_fixed_right(product16(gate, x, false), t->shift < 0 ? -t->shift : 0);
    return limited(t, (int64_t)y + t->out.zero);
}

bool fv_q_table_hard_swish(fv_q_table *t)
{
    const float fine = (1.0f / 128.0f) * (float)t->in.scale;
    fv_fixed_factor((double)(fine / (float)t->out.scale), &t->mul, &t->shift);
    fv_fixed_factor((double)(fine / (3.0f / 32768.0f)), &t->low_mul, &t->low_shift);
    t->entry = hard_swish_entry;
    return t->shift <= 0;
}

/* In floats, rounded to the nearest integer, as the reference's table is made. */
static double gelu_entry(const fv_q_table *t, int64_t q)
{
    const float x = (float)t->in.scale * (float)(q - t->in.zero);
    const double y = t->rough
                         ? 0.5 * (double)x * (1.0 + tanh(0.79788456080286536 * (double)(x + 0.044715f * x * x * x)))
                         : 0.5 * (double)x * erfc(-(double)x * 0.70710678118654752);
    const double scaled = round((double)((float)y * (1.0f / (float)t->out.scale))) + (double)t->out.zero;
    return fmin(fmax(scaled, (double)t->out.low), (double)t->out.high);
}

void fv_q_table_gelu(fv_q_table *t, bool rough)
{
    t->rough = rough;
    t->entry = gelu_entry;
}

static double exact_entry(const fv_q_table *t, int64_t q)
{
    const double x = t->in.scale * (double)(q - t->in.zero);
    const double y = round(t->f(x, t->alpha) / t->out.scale) + (double)t->out.zero;
    return fmin(fmax(y, (double)t->out.low), (double)t->out.high);
}

void fv_q_table_exact(fv_q_table *t, double (*f)(double x, double alpha), double alpha)
{
    t->f = f;
    t->alpha = alpha;
    t->entry = exact_entry;
}

void fv_q_table_fill(const fv_q_table *t, void *entries)
{
    for (int i = 0; i < 256; i++)
        fv_set(t->out.dtype, entries, i, t->entry(t, i - (t->in.dtype == FV_I8 ? 128 : 0)));
}

void fv_q_table_reals(const fv_q_pair *pair, float entries[256])
{
    for (int i = 0; i < 256; i++)
        entries[i] = (float)(pair->scale * (double)(i - (pair->dtype == FV_I8 ? 128 : 0) - pair->zero));
}
