/* SPDX-License-Identifier: Apache-2.0 */
#include "data/image/pca.h"

#include <math.h>
#include <string.h>

/* The 16-bit value of element i. */
static uint32_t level16(const fv_image *image, int64_t i)
{
    if (image->depth == FV_DEPTH_8)
        return image->data[i] * 257u;
    if (image->depth == FV_DEPTH_16)
        return ((const uint16_t *)(const void *)image->data)[i];
    const float v = ((const float *)(const void *)image->data)[i];
    return v > 0.0f ? v < 1.0f ? (uint32_t)(v * 65535.0f + 0.5f) : 65535u : 0u;
}

void fv_color_sums_add(fv_color_sums *sums, const fv_image *image)
{
    const int64_t c = sums->c, pixels = image->h * image->w;
    if (image->c != c)
        return;
    for (int64_t begin = 0; begin < pixels;) {
        /* 2^31 pixels of 32-bit products fit in 64 bits. */
        const int64_t end = pixels - begin < 1 << 30 ? pixels : begin + (1 << 30);
        uint64_t product[16 * 17 / 2] = {0};
        for (int64_t at = begin; at < end; at++) {
            uint32_t v[16];
            for (int64_t i = 0, k = 0; i < c; i++) {
                v[i] = level16(image, at * c + i);
                sums->sum[i] += v[i];
                for (int64_t j = 0; j <= i; j++)
                    product[k++] += (uint64_t)v[i] * v[j];
            }
        }
        for (int64_t k = 0; k < c * (c + 1) / 2; k++)
            sums->product[k] += product[k];
        begin = end;
    }
    sums->n += pixels;
}

void fv_color_sums_merge(fv_color_sums *sums, const fv_color_sums *more)
{
    for (int64_t i = 0; i < sums->c; i++)
        sums->sum[i] += more->sum[i];
    for (int64_t k = 0; k < sums->c * (sums->c + 1) / 2; k++)
        sums->product[k] += more->product[k];
    sums->n += more->n;
}

void fv_pca_rgb(const fv_color_sums *sums, fv_pca *pca)
{
    __extension__ typedef __int128 wide;
    const int64_t c = sums->c;
    const double n = (double)sums->n, scale = n > 1.0 ? 1.0 / (n * (n - 1.0) * 65535.0 * 65535.0) : 0.0;
    double covariance[16 * 16];
    for (int64_t i = 0, k = 0; i < c; i++)
        for (int64_t j = 0; j <= i; j++, k++) {
            /* n * sum(xy) - sum(x) sum(y), exact: nothing cancels. */
            const wide exact = (wide)(sums->product[k] * (fv_u128)sums->n) - (wide)sums->sum[i] * (wide)sums->sum[j];
            covariance[i * c + j] = covariance[j * c + i] = (double)exact * scale;
        }
    fv_pca_solve(c, covariance, pca);
}

/* Turns the plane of axes p and q so that a[p][q] becomes 0; v gathers the turns, an eigenvector per row. */
static void rotate(int64_t c, double *a, double *v, int64_t p, int64_t q)
{
    const double apq = a[p * c + q];
    if (apq == 0.0)
        return;
    const double theta = (a[q * c + q] - a[p * c + p]) / (2.0 * apq);
    const double t = (theta < 0.0 ? -1.0 : 1.0) / (fabs(theta) + sqrt(theta * theta + 1.0));
    const double cosine = 1.0 / sqrt(t * t + 1.0), sine = t * cosine;
    for (int64_t k = 0; k < c; k++) {
        const double kp = a[k * c + p], kq = a[k * c + q];
        a[k * c + p] = cosine * kp - sine * kq;
        a[k * c + q] = sine * kp + cosine * kq;
    }
    for (int64_t k = 0; k < c; k++) {
        const double pk = a[p * c + k], qk = a[q * c + k], vp = v[p * c + k], vq = v[q * c + k];
        a[p * c + k] = cosine * pk - sine * qk;
        a[q * c + k] = sine * pk + cosine * qk;
        v[p * c + k] = cosine * vp - sine * vq;
        v[q * c + k] = sine * vp + cosine * vq;
    }
}

void fv_pca_solve(int64_t c, const double *matrix, fv_pca *pca)
{
    double a[16 * 16], v[16 * 16] = {0};
    memcpy(a, matrix, (size_t)(c * c) * sizeof *a);
    for (int64_t i = 0; i < c; i++)
        v[i * c + i] = 1.0;
    for (int sweep = 0; sweep < 60; sweep++) {
        double off = 0.0, all = 0.0;
        for (int64_t i = 0; i < c * c; i++) {
            all += a[i] * a[i];
            off += i / c == i % c ? 0.0 : a[i] * a[i];
        }
        if (off <= 1e-36 * all)
            break;
        for (int64_t p = 0; p < c; p++)
            for (int64_t q = p + 1; q < c; q++)
                rotate(c, a, v, p, q);
    }
    bool taken[16] = {false};
    *pca = (fv_pca){.c = c};
    for (int64_t i = 0; i < c; i++) {
        int64_t best = -1, most = 0;
        for (int64_t j = 0; j < c; j++)
            if (!taken[j] && (best < 0 || a[j * c + j] > a[best * c + best]))
                best = j;
        taken[best] = true;
        const double *row = v + best * c;
        for (int64_t k = 1; k < c; k++)
            most = fabs(row[k]) > fabs(row[most]) ? k : most;
        pca->value[i] = a[best * c + best];
        for (int64_t k = 0; k < c; k++)
            pca->vector[i * c + k] = row[most] < 0.0 ? -row[k] : row[k];
    }
}
