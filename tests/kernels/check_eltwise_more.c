/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of resampling, local response normalization and dropout. */
#include "check_eltwise.h"

#include <math.h>
#include <string.h>

enum { AXIS = 24, ENTRIES = 2 * AXIS };

/* One axis with its matrix and the transposed one. */
typedef struct axis {
    int64_t in, out;
    int32_t start[AXIS + 1], index[ENTRIES], back_start[AXIS + 1], back_index[ENTRIES];
    float weight[ENTRIES], back_weight[ENTRIES];
    fv_resample_axis forward, backward;
} axis;

static void axis_make(fvc *t, axis *a, fv_resample_mode mode)
{
    a->in = fvc_int(t, 1, AXIS);
    a->out = fvc_int(t, 0, 2) ? fvc_int(t, 1, AXIS) : a->in * (a->in <= AXIS / 2 ? 2 : 1);
    fv_resample_forward(mode, a->in, a->out, a->start, a->index, a->weight);
    a->forward = (fv_resample_axis){a->start, a->index, a->weight};
    fv_resample_backward(&a->forward, a->in, a->out, a->back_start, a->back_index, a->back_weight);
    a->backward = (fv_resample_axis){a->back_start, a->back_index, a->back_weight};
}

/* Weight of input i in output o by the definition of the mode. */
static double weight_of(fv_resample_mode mode, const axis *a, int64_t o, int64_t i)
{
    if (mode == FV_RESAMPLE_NEAREST)
        return (int64_t)floor((double)o * (double)a->in / (double)a->out) == i;
    double at = mode == FV_RESAMPLE_LINEAR_ALIGNED
                    ? (a->out > 1 ? (double)o * (double)(a->in - 1) / (double)(a->out - 1) : 0)
                    : fmax(((double)o + 0.5) * (double)a->in / (double)a->out - 0.5, 0);
    at = fmin(at, (double)(a->in - 1));
    return fmax(1 - fabs(at - (double)i), 0);
}

static double entry(const fv_resample_axis *a, int64_t row, int64_t column)
{
    double sum = 0;
    for (int32_t e = a->start[row]; e < a->start[row + 1]; e++)
        sum += a->index[e] == column ? (double)a->weight[e] : 0;
    return sum;
}

static void check_tables(fvc *t, fv_resample_mode mode, const axis *a)
{
    for (int64_t o = 0; o < a->out; o++)
        for (int64_t i = 0; i < a->in; i++) {
            double want = weight_of(mode, a, o, i), got = entry(&a->forward, o, i);
            if (fabs(got - want) > 1e-6)
                fvc_fail(t, "mode %d, %d -> %d: weight of input %d in output %d is %g, expected %g", mode, (int)a->in,
                         (int)a->out, (int)i, (int)o, got, want);
            if (entry(&a->backward, i, o) != got)
                fvc_fail(t, "mode %d, %d -> %d: the transposed table differs", mode, (int)a->in, (int)a->out);
        }
}

static void plain_resample(const fv_resample_axis *y, const fv_resample_axis *x, int64_t w, int64_t p, int64_t q,
                           int64_t c, const float *src, float *dst)
{
    for (int64_t i = 0; i < p * q * c; i++) {
        int64_t k = i % c, col = i / c % q, row = i / c / q;
        float sum = 0;
        bool first = true;
        for (int32_t a = y->start[row]; a < y->start[row + 1]; a++)
            for (int32_t b = x->start[col]; b < x->start[col + 1]; b++) {
                volatile float weight = y->weight[a] * x->weight[b];
                float v = src[(y->index[a] * w + x->index[b]) * c + k];
                sum = first ? weight * v : fmaf(weight, v, sum);
                first = false;
            }
        dst[i] = sum;
    }
}

void fvc_run_resample(fvc *t)
{
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        fv_resample_mode mode = (fv_resample_mode)(round % 3);
        axis y, x;
        axis_make(t, &y, mode);
        axis_make(t, &x, mode);
        check_tables(t, mode, &y);
        int64_t c = fvc_size(t, 40), n = y.in * x.in * c, m = y.out * x.out * c;
        float *src = fvc_floats(t, n), *dst = fvc_floats(t, m), *want = fvc_floats(t, m);
        fvc_fill_kind(t, src, n, round / 3 % 3);
        plain_resample(&y.forward, &x.forward, x.in, y.out, x.out, c, src, want);
        int64_t cut = fvc_int(t, 0, y.out);
        t->k->eltwise->resample(0, cut, x.in, x.out, c, &y.forward, &x.forward, src, dst);
        t->k->eltwise->resample(cut, y.out, x.in, x.out, c, &y.forward, &x.forward, src, dst);
        fvc_equal(t, "resample", dst, want, m);
        float *d_src = fvc_floats(t, n), *d_want = fvc_floats(t, n);
        plain_resample(&y.backward, &x.backward, x.out, y.in, x.in, c, want, d_want);
        t->k->eltwise->resample(0, y.in, x.out, x.in, c, &y.backward, &x.backward, want, d_src);
        fvc_equal(t, "resample gradient", d_src, d_want, n);
        fvc_reset(t);
    }
}

/* Sum of squares over the window of channel j. */
static double window_sum(const float *x, int64_t c, int size, int64_t j)
{
    double sum = 0;
    for (int64_t i = j - size / 2; i <= j + (size - 1) / 2; i++)
        if (i >= 0 && i < c)
            sum += (double)x[i] * (double)x[i];
    return sum;
}

void fvc_run_lrn(fvc *t)
{
    static const float betas[] = {0.75f, 0.5f, 1.0f, 0.6f};
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        int64_t rows = fvc_int(t, 1, 3), c = fvc_int(t, 0, 5) ? fvc_size(t, 90) : fvc_int(t, 250, 600), n = rows * c;
        int size = (int)fvc_int(t, 1, fvc_int(t, 0, 3) ? 7 : FV_LRN_MAX);
        float alpha = 0.5f, beta = betas[fvc_int(t, 0, 3)], k = 2.0f;
        float *x = fvc_floats(t, n), *y = fvc_floats(t, n), *dy = fvc_floats(t, n), *want = fvc_floats(t, n);
        double *exact = fvc_doubles(t, n), *d = fvc_doubles(t, n);
        fvc_fill_kind(t, x, n, round % 3);
        fvc_fill_kind(t, dy, n, round % 3);
        for (int64_t i = 0; i < n; i++) {
            d[i] = (double)k + (double)alpha / size * window_sum(x + i / c * c, c, size, i % c);
            exact[i] = (double)x[i] * pow(d[i], -(double)beta);
        }
        t->k->eltwise->lrn(rows, c, size, alpha, beta, k, x, y);
        t->scalar->eltwise->lrn(rows, c, size, alpha, beta, k, x, want);
        fvc_equal(t, "lrn", y, want, n);
        if (round % 3 != 2)
            fvc_near(t, "lrn", y, exact, n, 24, 0);
        for (int64_t i = 0; i < n; i++) {
            double sum = 0;
            int64_t j = i % c, first = j - (size - 1) / 2, last = j + size / 2;
            for (int64_t m = first < 0 ? 0 : first; m <= last && m < c; m++) {
                int64_t at = i - j + m;
                sum += (double)dy[at] * (double)x[at] * pow(d[at], -(double)beta - 1);
            }
            exact[i] =
                (double)dy[i] * pow(d[i], -(double)beta) - 2 * (double)alpha * (double)beta / size * (double)x[i] * sum;
        }
        t->k->eltwise->lrn_grad(rows, c, size, alpha, beta, k, x, dy, y);
        t->scalar->eltwise->lrn_grad(rows, c, size, alpha, beta, k, x, dy, want);
        fvc_equal(t, "lrn gradient", y, want, n);
        if (round % 3 != 2)
            fvc_near(t, "lrn gradient", y, exact, n, 64, round % 3 == 0 ? 32 : 1);
        fvc_reset(t);
    }
}

/* Philox 4x32-10 as published. */
static uint32_t philox_word(const fv_dropout *d, uint64_t block, int word)
{
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)d->stream, (uint32_t)(d->stream >> 32)};
    uint32_t k[2] = {d->key[0], d->key[1]};
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k[0], (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k[1],
                            (uint32_t)a};
        memcpy(c, next, sizeof c);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    return c[word];
}

void fvc_run_dropout(fvc *t)
{
    static const float rates[] = {0.0f, 0.5f, 0.1f, 0.9f, 1.0f, 1e-7f};
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        int64_t n = fvc_size(t, 300), first = fvc_int(t, 0, 1) ? fvc_int(t, 0, 500) : (int64_t)1 << 36;
        float *x = fvc_floats(t, n), *y = fvc_floats(t, n), *want = fvc_floats(t, n);
        fv_dropout d = {
            {(uint32_t)fvc_random(t), (uint32_t)fvc_random(t)}, fvc_random(t), rates[fvc_int(t, 0, 5)], 1.25f};
        fvc_fill_kind(t, x, n, round % 3);
        for (int64_t i = 0; i < n; i++) {
            uint64_t e = (uint64_t)(first + i);
            uint32_t word = philox_word(&d, 16 * (e / 64) + e % 16, (int)(e / 16 % 4));
            float uniform = (float)(word >> 8) * 0x1p-24f;
            want[i] = uniform < d.p ? 0.0f : x[i] * d.scale;
        }
        int64_t cut = fvc_int(t, 0, n);
        t->k->eltwise->dropout(&d, first, cut, x, y);
        t->k->eltwise->dropout(&d, first + cut, n - cut, x + cut, y + cut);
        fvc_equal(t, "dropout", y, want, n);
        fvc_reset(t);
    }
}
