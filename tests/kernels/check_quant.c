/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of kernels of 8-bit integers against plain loops: the same integers, and nothing else written. */
#include "fvcheck.h"

#include <math.h>
#include <string.h>

#include "kernels/quant/quant.h"

static int32_t pair_product(int32_t a, int32_t b)
{
    return (int16_t)(a & 0xffff) * (int16_t)(b & 0xffff) + (a >> 16) * (b >> 16);
}

/* x * 2^shift * mul / 2^31, by division and remainder. */
static int64_t scaled(int32_t x, int32_t mul, int32_t shift, bool once)
{
    const int s = shift > 30 ? 30 : shift < -31 ? -31 : shift;
    if (once) {
        const int64_t y = ((int64_t)x * mul + (INT64_C(1) << (30 - s))) >> (31 - s);
        return y > INT32_MAX ? INT32_MAX : y < INT32_MIN ? INT32_MIN : y;
    }
    x = s > 0 ? (int32_t)((uint32_t)x << s) : x;
    int64_t y = ((int64_t)x * mul + (INT64_C(1) << 30)) >> 31;
    y = y > INT32_MAX ? INT32_MAX : y;
    if (s >= 0)
        return y;
    const int64_t unit = INT64_C(1) << -s, size = y < 0 ? -y : y, rounded = (size + unit / 2) / unit;
    return y < 0 ? -rounded : rounded;
}

static int64_t limited(int64_t y, int32_t low, int32_t high, int32_t zero)
{
    return (y < low ? low : y > high ? high : y) + zero;
}

static int32_t *pairs(fvc *t, int64_t n)
{
    int32_t *p = fvc_buffer(t, (size_t)n * sizeof *p, sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = (int32_t)((uint32_t)fvc_int(t, -255, 255) << 16 | ((uint32_t)fvc_int(t, -255, 255) & 0xffff));
    return p;
}

static int32_t *integers(fvc *t, int64_t n, int64_t lo, int64_t hi)
{
    int32_t *p = fvc_buffer(t, (size_t)n * sizeof *p, sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = (int32_t)fvc_int(t, lo, hi);
    return p;
}

static fv_q_end any_end(fvc *t, int64_t n)
{
    fv_q_end e = {.bias = integers(t, n, -50000, 50000)};
    const int kind = (int)fvc_int(t, 0, 4);
    if (kind == 1) { /* floats */
        e.factor = fvc_floats(t, n);
        e.shifted = fvc_floats(t, n);
        e.line = 0.37f;
        e.bias = fvc_int(t, 0, 1) ? e.bias : NULL;
    }
    if (kind <= 1)
        return e;
    int32_t *mul = integers(t, n, INT64_C(1) << 30, INT32_MAX), *shift = integers(t, n, -16, -2);
    for (int64_t i = 0; i < n; i++)
        if (fvc_int(t, 0, 7) == 0) {
            mul[i] = fvc_int(t, 0, 1) ? (int32_t)fvc_int(t, INT32_MIN, INT32_MAX) : INT32_MIN;
            shift[i] = (int32_t)fvc_int(t, -40, 40);
        }
    e.mul = mul;
    e.shift = shift;
    e.once = fvc_int(t, 0, 3) == 0;
    e.zero = (int32_t)fvc_int(t, -128, 127);
    e.low = -128 - e.zero;
    e.high = 127 - e.zero;
    return e;
}

static void put(const fv_q_end *e, int64_t j, uint32_t sum, void *dst, int64_t at)
{
    const int32_t x = (int32_t)(sum + (e->bias ? (uint32_t)e->bias[j] : 0));
    if (e->factor)
        ((float *)dst)[at] = (float)x * e->line * e->factor[j] + e->shifted[j];
    else if (e->mul)
        ((uint8_t *)dst)[at] = (uint8_t)limited(scaled(x, e->mul[j], e->shift[j], e->once), e->low, e->high, e->zero);
    else
        ((int32_t *)dst)[at] = x;
}

static void run_gemm(fvc *t)
{
    const fv_quant_kernels *k = t->k->quant;
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        const int64_t n = fvc_size(t, 80), m = fvc_size(t, 30), nr = k->nr, panels = (n + nr - 1) / nr;
        fv_q_gemm g = {.m = m, .n = n, .taps = {fvc_int(t, 1, 3), fvc_int(t, 1, 3)}, .depth = fvc_int(t, 1, 20)};
        g.a_step = fvc_int(t, 1, 40);
        g.a_tap[0] = fvc_int(t, 0, 60);
        g.a_tap[1] = fvc_int(t, 0, 30);
        g.dst_step = n + fvc_int(t, 0, 5);
        const int64_t panel = g.taps[0] * g.taps[1] * g.depth * nr;
        g.a = pairs(t, (m - 1) * g.a_step + (g.taps[0] - 1) * g.a_tap[0] + (g.taps[1] - 1) * g.a_tap[1] + g.depth);
        g.b = pairs(t, panels * panel);
        g.end = any_end(t, n);
        const size_t bytes = (size_t)((m - 1) * g.dst_step + n) * (g.end.mul ? 1 : sizeof(int32_t));
        void *want = fvc_buffer(t, bytes, sizeof(int32_t));
        g.dst = fvc_buffer(t, bytes, sizeof(int32_t));
        memcpy(want, g.dst, bytes);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                const int32_t *b = g.b + j / nr * panel + j % nr;
                uint32_t sum = 0;
                for (int64_t r = 0; r < g.taps[0]; r++)
                    for (int64_t s = 0; s < g.taps[1]; s++)
                        for (int64_t c = 0; c < g.depth; c++, b += nr)
                            sum += (uint32_t)pair_product(g.a[i * g.a_step + r * g.a_tap[0] + s * g.a_tap[1] + c], *b);
                put(&g.end, j, sum, want, i * g.dst_step + j);
            }
        k->gemm(&g);
        fvc_equal_bytes(t, "product of integers", g.dst, want, bytes);
        fvc_reset(t);
    }
}

static void run_depthwise(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        const int64_t c = fvc_size(t, 80), m = fvc_int(t, 1, 12);
        fv_q_depthwise d = {.m = m, .c = c, .taps = {fvc_int(t, 1, 3), fvc_int(t, 1, 3)}};
        d.a_step = fvc_int(t, 1, 2) * c;
        d.a_tap[0] = fvc_int(t, 0, 3) * c;
        d.a_tap[1] = fvc_int(t, 0, 2) * c;
        d.b_step = c + fvc_int(t, 0, 9);
        d.dst_step = c + fvc_int(t, 0, 9);
        d.a = pairs(t, (m - 1) * d.a_step + (d.taps[0] - 1) * d.a_tap[0] + (d.taps[1] - 1) * d.a_tap[1] + c);
        d.b = pairs(t, d.taps[0] * d.taps[1] * d.b_step);
        d.end = any_end(t, c);
        const size_t bytes = (size_t)((m - 1) * d.dst_step + c) * (d.end.mul ? 1 : sizeof(int32_t));
        void *want = fvc_buffer(t, bytes, sizeof(int32_t));
        d.dst = fvc_buffer(t, bytes, sizeof(int32_t));
        memcpy(want, d.dst, bytes);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < c; j++) {
                uint32_t sum = 0;
                for (int64_t r = 0; r < d.taps[0]; r++)
                    for (int64_t s = 0; s < d.taps[1]; s++)
                        sum += (uint32_t)pair_product(d.a[i * d.a_step + r * d.a_tap[0] + s * d.a_tap[1] + j],
                                                      d.b[(r * d.taps[1] + s) * d.b_step + j]);
                put(&d.end, j, sum, want, i * d.dst_step + j);
            }
        t->k->quant->depthwise(&d);
        fvc_equal_bytes(t, "depthwise integers", d.dst, want, bytes);
        fvc_reset(t);
    }
}

static void run_widen(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        const int64_t c = fvc_size(t, 80);
        const fv_q_byte byte = {fvc_int(t, 0, 1) ? 128 : 0, (int32_t)fvc_int(t, 0, 255)};
        uint8_t *x = fvc_buffer(t, (size_t)c, 1), *y = fvc_buffer(t, (size_t)c, 1);
        int32_t *got = integers(t, c + FV_Q_SLACK, 0, 0), want[80];
        for (int64_t i = 0; i < c; i++) {
            x[i] = (uint8_t)fvc_int(t, 0, 255);
            y[i] = (uint8_t)fvc_int(t, 0, 255);
        }
        for (int64_t i = 0; i < c; i += 2) {
            const int32_t a = (x[i] ^ byte.flip) - byte.zero, b = i + 1 < c ? (x[i + 1] ^ byte.flip) - byte.zero : 0;
            want[i / 2] = (int32_t)((uint32_t)b << 16 | ((uint32_t)a & 0xffff));
        }
        t->k->quant->widen(byte, c, x, got);
        fvc_equal_bytes(t, "pairs of channels", got, want, (size_t)((c + 1) / 2) * sizeof *got);
        const bool first = fvc_int(t, 0, 3), second = fvc_int(t, 0, 3);
        for (int64_t i = 0; i < c; i++) {
            const int32_t a = first ? (x[i] ^ byte.flip) - byte.zero : 0;
            const int32_t b = second ? (y[i] ^ byte.flip) - byte.zero : 0;
            want[i] = (int32_t)((uint32_t)b << 16 | ((uint32_t)a & 0xffff));
        }
        t->k->quant->widen_columns(byte, c, first ? x : NULL, second ? y : NULL, got);
        fvc_equal_bytes(t, "pairs of columns", got, want, (size_t)c * sizeof *got);
        fvc_reset(t);
    }
}

/* The sum of two, and floats; other instruction sets against the scalar one. */
/* Halves, and a NaN that counts as nothing. */
static void check_sample(fvc *t, int64_t n, float *reals, uint8_t *got, uint8_t *want)
{
    const float zero = (float)fvc_int(t, -128, 127);
    float range[2] = {0.0f, 0.0f}, least = 0.0f, most = 0.0f;
    reals[fvc_int(t, 0, n - 1)] = NAN;
    for (int64_t i = 0; i < n; i++) {
        least = reals[i] < least ? reals[i] : least;
        most = reals[i] > most ? reals[i] : most;
        const float q = rintf(reals[i] * 2.5f) + zero;
        want[i] = (uint8_t)(int8_t)(isnan(q) ? 0.0f : q < -128.0f ? -128.0f : q > 127.0f ? 127.0f : q);
    }
    t->k->quant->range(n, reals, range);
    if (range[0] != least || range[1] != most)
        fvc_fail(t, "range of floats: %g to %g, expected %g to %g", (double)range[0], (double)range[1], (double)least,
                 (double)most);
    t->k->quant->quantize_sample(&(fv_q_sample){2.5f, zero}, n, reals, got);
    fvc_equal_bytes(t, "integers of a sample", got, want, (size_t)n);
}

static void run_bytes(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        const int64_t n = fvc_size(t, 80);
        uint8_t *x = fvc_buffer(t, (size_t)n, 1), *y = fvc_buffer(t, (size_t)n, 1), *got = fvc_buffer(t, (size_t)n, 1);
        uint8_t want[80];
        float *reals = fvc_floats(t, n);
        fv_q_add a = {.left = (int)fvc_int(t, 0, 22), .subtract = fvc_int(t, 0, 1), .low = -100, .high = 90, .zero = 7};
        for (int i = 0; i < 3; i++) {
            a.mul[i] = (int32_t)fvc_int(t, INT32_MIN + 1, INT32_MAX);
            a.shift[i] = (int32_t)fvc_int(t, -20, fvc_int(t, 0, 3) ? 0 : 30);
        }
        a.byte[0] = a.byte[1] = (fv_q_byte){128, (int32_t)fvc_int(t, 0, 255)};
        for (int64_t i = 0; i < n; i++) {
            x[i] = (uint8_t)fvc_int(t, 0, 255);
            y[i] = (uint8_t)fvc_int(t, 0, 255);
            reals[i] = 0.5f * (float)fvc_int(t, -300, 300);
            int64_t part[2] = {(x[i] ^ 128) - a.byte[0].zero, (y[i] ^ 128) - a.byte[1].zero};
            for (int j = 0; j < 2; j++)
                part[j] = scaled((int32_t)((uint32_t)part[j] << a.left), a.mul[j], a.shift[j], false);
            const uint32_t sum = (uint32_t)part[0] + (a.subtract ? 0u - (uint32_t)part[1] : (uint32_t)part[1]);
            want[i] = (uint8_t)limited(scaled((int32_t)sum, a.mul[2], a.shift[2], false), a.low, a.high, a.zero);
        }
        t->k->quant->add(&a, n, x, y, got);
        fvc_equal_bytes(t, "sum of integers", got, want, (size_t)n);
        const fv_q_round to = {.scale = 1.0f, .low = -120, .high = 110, .zero = 9};
        for (int64_t i = 0; i < n; i++) {
            const int64_t twice = (int64_t)(2.0f * reals[i]), q = twice < 0 ? -((1 - twice) / 2) : (twice + 1) / 2;
            want[i] = (uint8_t)limited(q, to.low, to.high, to.zero);
        }
        t->k->quant->quantize(&to, n, reals, got);
        fvc_equal_bytes(t, "integers from floats", got, want, (size_t)n);
        check_sample(t, n, reals, got, want);
        fvc_reset(t);
    }
}

/* Products, the larger of two, sums of rows. */
static void run_pools(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        const int64_t n = fvc_size(t, 80), rows = fvc_int(t, 1, 5), step = n + fvc_int(t, 0, 9);
        uint8_t *x = fvc_buffer(t, (size_t)(rows * step), 1), *y = fvc_buffer(t, (size_t)n, 1);
        uint8_t *got = fvc_buffer(t, (size_t)n, 1), want[80];
        int32_t *sum = integers(t, n, -1000, 1000), total[80];
        const uint8_t flip = fvc_int(t, 0, 1) ? 128 : 0;
        fv_q_mul m = {.low = -100, .high = 90, .zero = 7};
        m.mul = (int32_t)fvc_int(t, INT32_MIN + 1, INT32_MAX);
        m.shift = (int32_t)fvc_int(t, -20, fvc_int(t, 0, 3) ? 0 : 30);
        for (int i = 0; i < 2; i++)
            m.byte[i] = (fv_q_byte){flip, (int32_t)fvc_int(t, 0, 255)};
        for (int64_t i = 0; i < rows * step; i++)
            x[i] = (uint8_t)fvc_int(t, 0, 255);
        for (int64_t i = 0; i < n; i++) {
            y[i] = (uint8_t)fvc_int(t, 0, 255);
            const int32_t product = ((x[i] ^ flip) - m.byte[0].zero) * ((y[i] ^ flip) - m.byte[1].zero);
            want[i] = (uint8_t)limited(scaled(product, m.mul, m.shift, false), m.low, m.high, m.zero);
            total[i] = sum[i];
            for (int64_t r = 0; r < rows; r++)
                total[i] += (x[r * step + i] ^ flip) - m.byte[0].zero;
        }
        t->k->quant->mul(&m, n, x, y, got);
        fvc_equal_bytes(t, "product of two", got, want, (size_t)n);
        for (int64_t i = 0; i < n; i++)
            want[i] = (x[i] ^ flip) > (y[i] ^ flip) ? x[i] : y[i];
        t->k->quant->max(flip, n, x, y);
        fvc_equal_bytes(t, "the larger of two", y, want, (size_t)n);
        t->k->quant->sum(m.byte[0], rows, n, x, step, sum);
        fvc_equal_bytes(t, "sums of rows", sum, total, (size_t)n * sizeof *sum);
        fvc_reset(t);
    }
}

const fv_check fv_check_quant[] = {{"quant.gemm", run_gemm, NULL},   {"quant.depthwise", run_depthwise, NULL},
                                   {"quant.widen", run_widen, NULL}, {"quant.bytes", run_bytes, NULL},
                                   {"quant.pools", run_pools, NULL}, {NULL, NULL, NULL}};

/* ---- kernels broken on purpose ---- */

static fv_quant_kernels broken_table;
static const fv_quant_kernels *right;

static fv_quant_kernels *broken_begin(fv_kernels *k)
{
    right = k->quant;
    broken_table = *right;
    k->quant = &broken_table;
    return &broken_table;
}

static void gemm_without_bias(const fv_q_gemm *g)
{
    static const int32_t none[96];
    fv_q_gemm other = *g;
    other.end.bias = none;
    right->gemm(&other);
}

static void depthwise_rounds_once(const fv_q_depthwise *d)
{
    fv_q_depthwise other = *d;
    other.end.once = !d->end.once;
    right->depthwise(&other);
}

static void max_of_unsigned(uint8_t flip, int64_t n, const uint8_t *src, uint8_t *dst)
{
    (void)flip;
    right->max(0, n, src, dst);
}

static void install_max(fv_kernels *k)
{
    broken_begin(k)->max = max_of_unsigned;
}
static void install_gemm(fv_kernels *k)
{
    broken_begin(k)->gemm = gemm_without_bias;
}
static void install_depthwise(fv_kernels *k)
{
    broken_begin(k)->depthwise = depthwise_rounds_once;
}

const fv_broken fv_broken_quant[] = {
    {"quant.gemm: forgets the bias", "quant.gemm", install_gemm},
    {"quant.depthwise: rounds once where it should twice", "quant.depthwise", install_depthwise},
    {"quant.max: forgets the sign", "quant.pools", install_max},
    {NULL, NULL, NULL}};
