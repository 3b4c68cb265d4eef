/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernels/eltwise/internal.h"
#include "kernels/eltwise/map.h"

/* One output pixel: all entries of its row list times all of its column list, vectors over channels. */
FV_INLINE void resample_pixel(const fv_resample_axis *y, int64_t p, const fv_resample_axis *x, int64_t q, int64_t w,
                              int64_t c, const float *src, float *dst)
{
    for (int64_t j = 0; j < c; j += VF) {
        vf acc = vf_zero();
        int first = 1;
        for (int32_t a = y->start[p]; a < y->start[p + 1]; a++) {
            const float *row = src + (int64_t)y->index[a] * w * c + j;
            for (int32_t b = x->start[q]; b < x->start[q + 1]; b++) {
                vf weight = vf_set1(y->weight[a] * x->weight[b]);
                vf v = vf_load(row + (int64_t)x->index[b] * c);
                acc = first ? vf_mul(weight, v) : vf_fma(weight, v, acc);
                first = 0;
            }
        }
        if (c - j >= VF)
            vf_store(dst + j, acc);
        else
            vf_store_n(dst + j, acc, (int)(c - j));
    }
}

void FV_SYM(fv_elt_resample)(int64_t p0, int64_t p1, int64_t w, int64_t q, int64_t c, const fv_resample_axis *y,
                             const fv_resample_axis *x, const float *src, float *dst)
{
    for (int64_t i = p0; i < p1; i++)
        for (int64_t j = 0; j < q; j++)
            resample_pixel(y, i, x, j, w, c, src, dst + (i * q + j) * c);
}

#ifdef FV_KERNEL_SCALAR
/* Position of output o on the input axis, in float64. */
static double input_position(fv_resample_mode mode, int64_t n_in, int64_t n_out, int64_t o)
{
    if (mode == FV_RESAMPLE_LINEAR_ALIGNED)
        return n_out > 1 ? (double)o * (double)(n_in - 1) / (double)(n_out - 1) : 0.0;
    double at = ((double)o + 0.5) * (double)n_in / (double)n_out - 0.5;
    return at > 0.0 ? at : 0.0;
}

void fv_resample_forward(fv_resample_mode mode, int64_t n_in, int64_t n_out, int32_t *start, int32_t *index,
                         float *weight)
{
    int32_t count = 0;
    for (int64_t o = 0; o < n_out; o++) {
        start[o] = count;
        if (mode == FV_RESAMPLE_NEAREST) {
            index[count] = (int32_t)(o * n_in / n_out);
            weight[count++] = 1.0f;
            continue;
        }
        double at = input_position(mode, n_in, n_out, o);
        int64_t low = (int64_t)at;
        if (low > n_in - 1)
            low = n_in - 1;
        float part = low < n_in - 1 ? (float)(at - (double)low) : 0.0f;
        index[count] = (int32_t)low;
        weight[count++] = 1.0f - part;
        if (part > 0.0f) {
            index[count] = (int32_t)low + 1;
            weight[count++] = part;
        }
    }
    start[n_out] = count;
}

void fv_resample_backward(const fv_resample_axis *forward, int64_t n_in, int64_t n_out, int32_t *start, int32_t *index,
                          float *weight)
{
    int32_t total = forward->start[n_out];
    for (int64_t i = 0; i <= n_in; i++)
        start[i] = 0;
    for (int32_t e = 0; e < total; e++)
        start[forward->index[e] + 1]++;
    for (int64_t i = 0; i < n_in; i++)
        start[i + 1] += start[i];
    for (int64_t o = 0; o < n_out; o++)
        for (int32_t e = forward->start[o]; e < forward->start[o + 1]; e++) {
            int32_t at = start[forward->index[e]]++;
            index[at] = (int32_t)o;
            weight[at] = forward->weight[e];
        }
    /* Filling moved every start to its end, which is the next one's start. */
    for (int64_t i = n_in; i > 0; i--)
        start[i] = start[i - 1];
    start[0] = 0;
}
#endif
