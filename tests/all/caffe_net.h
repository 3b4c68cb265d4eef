/* SPDX-License-Identifier: Apache-2.0 */
/* A small network for tests of what reads Caffe's files: its numbers, and its answer by definition. */
#ifndef FV_TESTS_CAFFE_NET_H
#define FV_TESTS_CAFFE_NET_H

#include <math.h>

#include "support/caffe_write.h"
#include "support/support.h"

/* The small network: c x h x w -> a convolution of K filters in two groups -> normalized -> ReLU -> pooled -> M
 * classes. */
enum { C = 4, H = 7, W = 6, K = 6, M = 5, P = 4, Q = 4, HIDDEN = K * P * Q };

typedef struct numbers {
    float conv[K][C / 2][3][3], bias[K], mean[K], var[K], total[1], scale[K], shift[K], fc[M][HIDDEN], fc_bias[M];
} numbers;

typedef struct files {
    char dir[256], text[512], weights[512];
} files;

static void files_begin(files *f)
{
    fv_test_dir_create(f->dir);
    snprintf(f->text, sizeof f->text, "%s/a.prototxt", f->dir);
    snprintf(f->weights, sizeof f->weights, "%s/a.caffemodel", f->dir);
}

static void fill(numbers *n)
{
    uint32_t seed = 3;
    float *all = (float *)n;
    for (size_t i = 0; i < sizeof *n / sizeof *all; i++)
        all[i] = onnx_draw(&seed);
    for (int k = 0; k < K; k++)
        n->var[k] = 1.5f + n->var[k];
    n->total[0] = 2.0f;
}

/* ---- the small network by its definition ---- */

static float convolved(const numbers *n, const float *x, int k, int h, int w)
{
    double sum = (double)n->bias[k];
    const int group = k / (K / 2);
    for (int c = 0; c < C / 2; c++)
        for (int r = 0; r < 3; r++)
            for (int s = 0; s < 3; s++) {
                const int y = h + r - 1, z = w + s - 1;
                if (y >= 0 && y < H && z >= 0 && z < W)
                    sum += (double)n->conv[k][c][r][s] * (double)x[((group * (C / 2) + c) * H + y) * W + z];
            }
    const double mean = (double)(n->mean[k] / n->total[0]), var = (double)(n->var[k] / n->total[0]);
    sum = (sum - mean) / sqrt(var + 1e-5) * (double)n->scale[k] + (double)n->shift[k];
    return sum > 0 ? (float)sum : 0.0f;
}

/* Windows of 3 x 3 by 2, padded by 1, rounded up; a mean counts the padding but nothing behind it. */
static float pooled(const float *plane, bool average, int p, int q)
{
    const int y0 = 2 * p - 1, x0 = 2 * q - 1, y1 = y0 + 3 < H + 1 ? y0 + 3 : H + 1,
              x1 = x0 + 3 < W + 1 ? x0 + 3 : W + 1;
    double sum = 0, most = -INFINITY;
    for (int y = y0 < 0 ? 0 : y0; y < y1 && y < H; y++)
        for (int x = x0 < 0 ? 0 : x0; x < x1 && x < W; x++) {
            sum += (double)plane[y * W + x];
            most = fmax(most, (double)plane[y * W + x]);
        }
    return (float)(average ? sum / ((y1 - y0) * (x1 - x0)) : most);
}

static void answer(const numbers *n, const float *x, bool average, float y[M])
{
    static float map[K][H * W], flat[HIDDEN];
    for (int k = 0; k < K; k++) {
        for (int i = 0; i < H * W; i++)
            map[k][i] = convolved(n, x, k, i / W, i % W);
        for (int i = 0; i < P * Q; i++)
            flat[k * P * Q + i] = pooled(map[k], average, i / Q, i % Q);
    }
    for (int m = 0; m < M; m++) {
        double sum = (double)n->fc_bias[m];
        for (int i = 0; i < HIDDEN; i++)
            sum += (double)n->fc[m][i] * (double)flat[i];
        y[m] = (float)sum;
    }
}

#endif
