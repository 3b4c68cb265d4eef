/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the JPEG kernels: integers, so bytes must equal the formulas; and the transform must be one. */
#include "fvcheck.h"

#include <math.h>
#include <string.h>

#include "kernels/jpeg/jpeg.h"

static void equal_bytes(fvc *t, const char *what, const uint8_t *got, const uint8_t *want, int64_t n)
{
    for (int64_t i = 0; i < n && !t->failed; i++) {
        if (got[i] != want[i])
            fvc_fail(t, "%s: byte %lld of %lld is %d, expected %d", what, (long long)i, (long long)n, got[i], want[i]);
    }
}

static uint8_t *bytes(fvc *t, int64_t n)
{
    uint8_t *p = fvc_buffer(t, (size_t)n, 1);
    for (int64_t i = 0; i < n; i++)
        p[i] = (uint8_t)fvc_random(t);
    return p;
}

static const uint8_t zigzag[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                   12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                   35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                   58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

/* Against the scalar variant exactly, and against cosines within one level. */
static void run_idct(fvc *t)
{
    for (int round = 0; round < fvc_rounds(2000) && !t->failed; round++) {
        const int64_t stride = 8 + fvc_int(t, 0, 9), size = 7 * stride + 8;
        int16_t *coef = fvc_buffer(t, 64 * sizeof *coef, 2);
        uint16_t *quant = fvc_buffer(t, 64 * sizeof *quant, 2);
        uint8_t *got = bytes(t, size), *want = bytes(t, size);
        const int last = (int)fvc_int(t, 0, 63);
        const bool broken_file = round % 5 == 4; /* numbers that no picture gives: overflows are the same everywhere */
        const int range = broken_file ? 32767 : (int)fvc_int(t, 1, 60);
        memcpy(want, got, (size_t)size);
        memset(coef, 0, 64 * sizeof *coef);
        for (int i = 0; i < 64; i++) {
            quant[i] = (uint16_t)fvc_int(t, 1, broken_file ? 65535 : 12);
            if (i <= last)
                coef[zigzag[i]] = (int16_t)fvc_int(t, -range, range);
        }
        t->k->jpeg->idct(coef, quant, last, got, stride);
        t->scalar->jpeg->idct(coef, quant, 63, want, stride);
        equal_bytes(t, "idct", got, want, size);
        for (int i = 0; i < 64 && round % 20 == 0 && !t->failed; i++) {
            double sum = 0;
            for (int j = 0; j < 64; j++)
                sum += (j / 8 ? 1.0 : sqrt(0.5)) * (j % 8 ? 1.0 : sqrt(0.5)) * coef[j] * quant[j] *
                       cos((2 * (i / 8) + 1) * (j / 8) * acos(-1.0) / 16) *
                       cos((2 * (i % 8) + 1) * (j % 8) * acos(-1.0) / 16);
            sum = fmin(fmax(sum / 4 + 128, 0), 255);
            if (fabs(sum - got[i / 8 * stride + i % 8]) > 1.0)
                fvc_fail(t, "idct: pixel %d is %d, cosines give %g", i, got[i / 8 * stride + i % 8], sum);
        }
        fvc_reset(t);
    }
}

/* Against the scalar variant exactly, and against means of cosines within one level. */
static void run_reduce(fvc *t)
{
    for (int round = 0; round < fvc_rounds(2000) && !t->failed; round++) {
        const int bw = 1 << fvc_int(t, 0, 2), bh = 1 << fvc_int(t, 0, 2), much = round % 5 == 4 ? 1000 : 1,
                  range = much * (int)fvc_int(t, 1, 32);
        const int64_t stride = bw + fvc_int(t, 0, 9), size = (bh - 1) * stride + bw;
        int16_t *coef = fvc_buffer(t, 64 * sizeof *coef, 2);
        uint16_t *quant = fvc_buffer(t, 64 * sizeof *quant, 2);
        uint8_t *got = bytes(t, size), *want = bytes(t, size);
        memcpy(want, got, (size_t)size);
        const int last = (int)fvc_int(t, 0, 63);
        memset(coef, 0, 64 * sizeof *coef);
        for (int i = 0; i < 64; i++) {
            quant[i] = (uint16_t)fvc_int(t, 1, 12 * much);
            if (i <= last)
                coef[zigzag[i]] = (int16_t)fvc_int(t, -range, range);
        }
        t->k->jpeg->reduce(coef, quant, last, bw, bh, got, stride);
        t->scalar->jpeg->reduce(coef, quant, 63, bw, bh, want, stride);
        equal_bytes(t, "reduce", got, want, size);
        for (int i = 0; i < bw * bh && round % 20 == 0 && !t->failed; i++) {
            double sum = 0;
            for (int p = 0; p < 64; p++) {
                const int y = p / 8, x = p % 8;
                for (int j = 0; j < 64 && y * bh / 8 == i / bw && x * bw / 8 == i % bw; j++)
                    sum += (j / 8 ? 1.0 : sqrt(0.5)) * (j % 8 ? 1.0 : sqrt(0.5)) * coef[j] * quant[j] *
                           cos((2 * y + 1) * (j / 8) * acos(-1.0) / 16) * cos((2 * x + 1) * (j % 8) * acos(-1.0) / 16);
            }
            sum = fmin(fmax(sum / 4 * bw * bh / 64 + 128, 0), 255);
            if (fabs(sum - got[i / bw * stride + i % bw]) > 1.0)
                fvc_fail(t, "reduce to %d x %d: mean %d is %d, cosines give %g", bh, bw, i,
                         got[i / bw * stride + i % bw], sum);
        }
        fvc_reset(t);
    }
}

static uint8_t cut(int64_t v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void run_rgb(fvc *t)
{
    for (int round = 0; round < fvc_rounds(400) && !t->failed; round++) {
        const int64_t n = fvc_size(t, 400);
        uint8_t *y = bytes(t, n), *cb = bytes(t, n), *cr = bytes(t, n), *got = bytes(t, 3 * n), *want = bytes(t, 3 * n);
        for (int64_t i = 0; i < n; i++) {
            /* 1.402, 0.344136, 0.714136 and 1.772 in 16 fractional bits. */
            const int64_t b = cb[i] - 128, r = cr[i] - 128;
            want[3 * i] = cut(y[i] + ((91881 * r + 32768) >> 16));
            want[3 * i + 1] = cut(y[i] + ((-22554 * b - 46802 * r + 32768) >> 16));
            want[3 * i + 2] = cut(y[i] + ((116130 * b + 32768) >> 16));
        }
        t->k->jpeg->rgb(y, cb, cr, n, got);
        equal_bytes(t, "rgb", got, want, 3 * n);
        fvc_reset(t);
    }
}

static void run_up(fvc *t)
{
    for (int round = 0; round < fvc_rounds(400) && !t->failed; round++) {
        const int64_t n = fvc_size(t, 300);
        const uint8_t *a = bytes(t, n + 2) + 1, *b = bytes(t, n + 2) + 1;
        uint8_t *got = bytes(t, 2 * n), *want = bytes(t, 2 * n);
        for (int64_t i = 0; i < 2 * n; i++) {
            const int64_t here = i / 2, side = i % 2 ? here + 1 : here - 1;
            want[i] = (uint8_t)((3 * a[here] + a[side] + 1 + i % 2) / 4);
        }
        t->k->jpeg->up_across(a, n, got);
        equal_bytes(t, "up_across", got, want, 2 * n);
        for (int64_t i = 0; i < 2 * n; i++) {
            const int64_t here = i / 2, side = i % 2 ? here + 1 : here - 1;
            want[i] = (uint8_t)((9 * a[here] + 3 * b[here] + 3 * a[side] + b[side] + 8 - i % 2) / 16);
        }
        t->k->jpeg->up_both(a, b, n, got);
        equal_bytes(t, "up_both", got, want, 2 * n);
        fvc_reset(t);
    }
}

const fv_check fv_check_jpeg[] = {{"jpeg.idct", run_idct, NULL},
                                  {"jpeg.reduce", run_reduce, NULL},
                                  {"jpeg.rgb", run_rgb, NULL},
                                  {"jpeg.up", run_up, NULL},
                                  {NULL, NULL, NULL}};

/* ---- broken on purpose ---- */

static const fv_jpeg_kernels *sound;
static fv_jpeg_kernels broken;

static fv_jpeg_kernels *broken_begin(fv_kernels *k)
{
    sound = k->jpeg;
    broken = *sound;
    k->jpeg = &broken;
    return &broken;
}

static void idct_sparse(const int16_t *coef, const uint16_t *quant, int last, uint8_t *dst, ptrdiff_t stride)
{
    sound->idct(coef, quant, last < 12 ? 9 : last, dst, stride);
}

static void reduce_turned(const int16_t *coef, const uint16_t *quant, int last, int bw, int bh, uint8_t *dst,
                          ptrdiff_t stride)
{
    sound->reduce(coef, quant, last, bw == 2 ? bh : bw, bw == 2 ? bw : bh, dst, stride);
}

static void rgb_short(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int64_t n, uint8_t *dst)
{
    sound->rgb(y, cb, cr, n - 1, dst);
}

static void up_rounded(const uint8_t *near_row, const uint8_t *far_row, int64_t n, uint8_t *dst)
{
    sound->up_both(near_row, far_row, n, dst);
    for (int64_t i = 1; i < 2 * n; i += 2) {
        const int64_t here = i / 2;
        dst[i] =
            (uint8_t)((9 * near_row[here] + 3 * far_row[here] + 3 * near_row[here + 1] + far_row[here + 1] + 8) / 16);
    }
}

static void install_sparse(fv_kernels *k)
{
    broken_begin(k)->idct = idct_sparse;
}
static void install_turned(fv_kernels *k)
{
    broken_begin(k)->reduce = reduce_turned;
}
static void install_short(fv_kernels *k)
{
    broken_begin(k)->rgb = rgb_short;
}
static void install_rounded(fv_kernels *k)
{
    broken_begin(k)->up_both = up_rounded;
}

const fv_broken fv_broken_jpeg[] = {{"jpeg.idct: drops coefficients", "jpeg.idct", install_sparse},
                                    {"jpeg.reduce: takes width for height", "jpeg.reduce", install_turned},
                                    {"jpeg.rgb: leaves the last pixel", "jpeg.rgb", install_short},
                                    {"jpeg.up_both: always rounds up", "jpeg.up", install_rounded},
                                    {NULL, NULL, NULL}};
