/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of halves: every one of them, every float beside the middle of two, and rows against plain loops. */
#include "fvcheck.h"

#include <math.h>
#include <string.h>

#include "kernels/half/half.h"

enum { HALVES = 1 << 16 };

/* What a half is, by IEEE 754: the fraction over its exponent. */
static double value_of(uint32_t half)
{
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const double size = exponent == 31 ? (fraction ? NAN : INFINITY)
                        : exponent     ? ldexp(1024.0 + fraction, exponent - 25)
                                       : ldexp(fraction, -24);
    return half >> 15 ? -size : size;
}

static void run_widen(fvc *t)
{
    uint16_t *all = fvc_buffer(t, HALVES * sizeof *all, sizeof *all);
    float *got = fvc_floats(t, HALVES);
    for (int i = 0; i < HALVES; i++)
        all[i] = (uint16_t)i;
    t->k->half->widen(got, all, HALVES);
    for (uint32_t i = 0; i < HALVES && !t->failed; i++) {
        const double want = value_of(i);
        if (isnan(want) ? !isnan(got[i]) : (double)got[i] != want || !signbit(got[i]) != !(i >> 15))
            fvc_fail(t, "half %04x becomes %a, which is %a", (unsigned)i, (double)got[i], want);
    }
    fvc_reset(t);
}

/* The nearest half of a number that is not negative, found among all of them; of two the even one. */
static uint16_t nearest(double x)
{
    uint16_t lo = 0, hi = 0x7c00; /* halves grow with their bits */
    while (hi - lo > 1) {
        const uint16_t middle = (uint16_t)((lo + hi) / 2);
        *(value_of(middle) <= x ? &lo : &hi) = middle;
    }
    if (value_of(hi) <= x)
        return hi;
    const double below = value_of(lo), above = hi == 0x7c00 ? 65536.0 : value_of(hi);
    return x - below < above - x ? lo : x - below > above - x ? hi : lo % 2 ? hi : lo;
}

/* Every half itself, the middle behind it, and the floats on both sides of both, of either sign; then any floats. */
static void run_narrow(fvc *t)
{
    enum { EACH = 12, COUNT = (0x7c00 + 1) * EACH, MORE = 1 << 16 };
    float *x = fvc_floats(t, COUNT + MORE);
    uint16_t *got = fvc_buffer(t, (COUNT + MORE) * sizeof *got, sizeof *got);
    for (int i = 0; i <= 0x7c00; i++) {
        const double here = i == 0x7c00 ? 65536.0 : value_of((uint32_t)i);
        const double next = i >= 0x7bff ? 65536.0 : value_of((uint32_t)i + 1);
        const float at[2] = {(float)here, (float)((here + next) / 2)};
        for (int j = 0; j < EACH; j++) {
            const float size = at[j / 6], near = j % 3 == 0 ? size : nextafterf(size, j % 3 == 1 ? 0.0f : INFINITY);
            x[i * EACH + j] = j / 3 % 2 ? -near : near;
        }
    }
    for (int i = 0; i < MORE; i++) {
        const uint32_t bits = (uint32_t)fvc_random(t);
        memcpy(&x[COUNT + i], &bits, sizeof bits);
    }
    t->k->half->narrow(got, x, COUNT + MORE);
    for (int i = 0; i < COUNT + MORE && !t->failed; i++) {
        const uint16_t sign = signbit(x[i]) ? 0x8000 : 0;
        const bool right = isnan(x[i]) ? isnan(value_of(got[i])) : got[i] == (sign | nearest(fabs((double)x[i])));
        if (!right)
            fvc_fail(t, "%a becomes the half %04x", (double)x[i], got[i]);
    }
    fvc_reset(t);
}

/* Rows of all kinds of widths, with special values; what lies between them stays. */
static void run_rows(fvc *t)
{
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        const int64_t rows = fvc_int(t, 1, 5), cols = fvc_size(t, 70), step = cols + fvc_int(t, 0, 9);
        float *src = fvc_floats(t, rows * cols), *scale = fvc_floats(t, cols);
        uint16_t *add = fvc_buffer(t, (size_t)(rows * step) * sizeof *add, sizeof *add);
        int64_t at[5];
        fv_half_rows r = {.rows = rows, .cols = cols, .src = src, .src_step = cols, .dst_row = at};
        fvc_fill_real(t, src, rows * cols);
        fvc_fill_special(t, src, rows * cols);
        for (int64_t i = 0; i < rows * step; i++)
            add[i] = (uint16_t)fvc_int(t, 0, 0x7bff);
        for (int64_t i = 0; i < rows; i++)
            at[i] = (rows - 1 - i) * step;
        for (int64_t i = 0; i < cols; i++)
            scale[i] = ldexpf(1.0f, (int)fvc_int(t, -20, 20));
        r.add = fvc_int(t, 0, 1) ? add : NULL;
        r.clamp = fvc_int(t, 0, 1) == 1;
        r.lo = 0.0f;
        r.hi = 6.0f;
        const fv_kernels *const both[2] = {t->k, t->scalar};
        uint16_t *dst[2];
        float *wide[2];
        for (int i = 0; i < 2; i++) {
            dst[i] = fvc_buffer(t, (size_t)(rows * step) * sizeof *dst[i], sizeof *dst[i]);
            wide[i] = fvc_floats(t, rows * cols);
            memset(dst[i], 0x55, (size_t)(rows * step) * sizeof *dst[i]);
            r.dst = dst[i];
            both[i]->half->narrow_rows(&r);
            both[i]->half->widen_scaled(wide[i], add, rows, cols, scale);
        }
        fvc_equal(t, "widened rows", wide[0], wide[1], rows * cols);
        for (int64_t i = 0; i < rows * step && !t->failed; i++) {
            if (dst[0][i] != dst[1][i] && !(isnan(value_of(dst[0][i])) && isnan(value_of(dst[1][i]))))
                fvc_fail(t, "element %lld is the half %04x, scalar says %04x", (long long)i, dst[0][i], dst[1][i]);
            if (i % step >= cols && dst[0][i] != 0x5555)
                fvc_fail(t, "element %lld lies between rows and was written", (long long)i);
        }
        for (int64_t i = 0; i < rows * cols && !t->failed; i++) {
            const double x = (double)src[i] + (r.add ? value_of(add[at[i / cols] + i % cols]) : 0.0);
            const double end = !r.clamp || isnan(x) ? x : fmin(fmax(x, 0.0), 6.0);
            const double is = value_of(dst[0][at[i / cols] + i % cols]);
            if (isnan(end) ? !isnan(is) : fabs(end) < 6e4 && !(fabs(is - end) <= fabs(end) * 0x1.01p-11 + 0x1p-25))
                fvc_fail(t, "%g becomes the half %g", end, is);
            if (wide[0][i] != (float)value_of(add[i]) * scale[i % cols])
                fvc_fail(t, "the half %04x times %g becomes %g", add[i], (double)scale[i % cols], (double)wide[0][i]);
        }
        fvc_reset(t);
    }
}

const fv_check fv_check_half[] = {{"half.widen", run_widen, NULL},
                                  {"half.narrow", run_narrow, NULL},
                                  {"half.rows", run_rows, NULL},
                                  {NULL, NULL, NULL}};

/* ---- kernels broken on purpose ---- */

static const fv_kernels *right;
static fv_half_kernels broken;

static void install(fv_kernels *k)
{
    right = fv_kernels_get(k->isa);
    broken = *k->half;
    k->half = &broken;
}

/* Denormal halves are lost, as a processor does that flushes them. */
static void widen_flushing(float *dst, const uint16_t *src, int64_t count)
{
    right->half->widen(dst, src, count);
    for (int64_t i = 0; i < count; i++)
        if (fabsf(dst[i]) < 0x1p-14f)
            dst[i] = copysignf(0.0f, dst[i]);
}

static void install_flushing(fv_kernels *k)
{
    install(k);
    broken.widen = widen_flushing;
}

/* Ties go away from zero. */
static void narrow_ties_up(uint16_t *dst, const float *src, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const float x = nextafterf(src[i], copysignf(INFINITY, src[i]));
        right->half->narrow(dst + i, isnan(src[i]) || src[i] == 0.0f ? src + i : &x, 1);
    }
}

static void install_ties_up(fv_kernels *k)
{
    install(k);
    broken.narrow = narrow_ties_up;
}

static void narrow_rows_without_end(const fv_half_rows *rows)
{
    fv_half_rows r = *rows;
    r.add = NULL;
    right->half->narrow_rows(&r);
}

static void install_without_end(fv_kernels *k)
{
    install(k);
    broken.narrow_rows = narrow_rows_without_end;
}

const fv_broken fv_broken_half[] = {{"half.widen: denormals become 0", "half.widen", install_flushing},
                                    {"half.narrow: ties away from zero", "half.narrow", install_ties_up},
                                    {"half.narrow_rows: without the addition", "half.rows", install_without_end},
                                    {NULL, NULL, NULL}};
