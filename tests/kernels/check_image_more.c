/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of warps, sharpening and noise. What is an integer or one stated order of operations must be equal to plain
   loops; normal numbers must be equal to the scalar variant's and follow float64. */
#include "check_image.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/image/image.h"

static double uniform(fvc *t, double lo, double hi)
{
    return lo + (hi - lo) * ((double)fvc_real(t) * 0.5 + 0.5);
}

void image_run_positions(fvc *t)
{
    for (int round = 0; round < fvc_rounds(400) && !t->failed; round++) {
        const int64_t n = fvc_size(t, 256), y = fvc_int(t, 0, 500), x = fvc_int(t, 0, 500);
        fv_warp_map map = {.cx = uniform(t, 1, 300), .cy = uniform(t, 1, 300), .scale = 1e-5};
        for (int i = 0; i < 6; i++)
            map.m[i] = i % 3 == 2 ? uniform(t, -200, 200) : uniform(t, -2, 2);
        map.m[8] = 1;
        map.shift = fvc_int(t, 0, 1) ? 0.5 : 0.0;
        if (round % 3 == 1) {
            map.m[6] = uniform(t, -0.02, 0.02);
            map.m[7] = uniform(t, -0.02, 0.02);
        }
        if (round % 4 > 1)
            map.k1 = uniform(t, -0.5, 0.5);
        if (round % 4 > 2)
            map.k2 = uniform(t, -0.5, 0.5);
        if (round % 50 == 49)
            map.m[0] = 1e300; /* far outside: clamped, never undefined */
        int32_t *qx = fvc_buffer(t, (size_t)n * 4, 4), *qy = fvc_buffer(t, (size_t)n * 4, 4);
        int32_t *ux = fvc_buffer(t, (size_t)n * 4, 4), *uy = fvc_buffer(t, (size_t)n * 4, 4);
        t->k->image->warp_positions(&map, y, x, n, qx, qy);
        t->scalar->image->warp_positions(&map, y, x, n, ux, uy);
        fvc_equal_bytes(t, "x against scalar", qx, ux, (size_t)n * 4);
        fvc_equal_bytes(t, "y against scalar", qy, uy, (size_t)n * 4);
        for (int64_t i = 0; i < n && !t->failed; i++) {
            const double fx = (double)(x + i) + 0.5, fy = (double)y + 0.5, *m = map.m;
            const double w = m[6] * fx + m[7] * fy + m[8];
            const double dx = (m[0] * fx + m[1] * fy + m[2]) / w - map.cx;
            const double dy = (m[3] * fx + m[4] * fy + m[5]) / w - map.cy, r2 = (dx * dx + dy * dy) * map.scale;
            const double grow = 1 + r2 * map.k1 + r2 * r2 * map.k2;
            const double want[2] = {map.cx + dx * grow - map.shift, map.cy + dy * grow - map.shift};
            const int32_t got[2] = {qx[i], qy[i]};
            if (fabs(w) < 1e-9)
                continue;
            for (int k = 0; k < 2; k++) {
                const double limit = FV_WARP_LIMIT, v = want[k] < -limit ? -limit : want[k] > limit ? limit : want[k];
                if (w < 0 ? got[k] != FV_WARP_NOWHERE : fabs(got[k] / 1024.0 - v) > 0.5 / 1024 + 1e-6 * (1 + fabs(v)))
                    fvc_fail(t, "position %lld is %d / 1024, expected %g (w = %g)", (long long)i, got[k], v, w);
            }
        }
        fvc_reset(t);
    }
}

void image_run_bilinear(fvc *t)
{
    static const int channels[] = {3, 3, 3, 1, 4, 2, 7};
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        const int64_t c = channels[fvc_int(t, 0, 6)], w = fvc_int(t, 2, 30), h = fvc_int(t, 2, 12), n = fvc_size(t, 80);
        /* All of the picture before the unreadable page, but for what the kernel may read behind it. */
        const int64_t size = h * w * c, used = size + FV_WARP_OVERREAD - FVC_TAIL;
        uint8_t *src = fvc_buffer(t, (size_t)(used > size ? used : size), 1);
        uint8_t *dst = fvc_buffer(t, (size_t)(n * c), 1), *want = fvc_buffer(t, (size_t)(n * c), 1);
        int32_t *qx = fvc_buffer(t, (size_t)n * 4, 4), *qy = fvc_buffer(t, (size_t)n * 4, 4);
        for (int64_t i = 0; i < size; i++)
            src[i] = (uint8_t)(round % 5 ? fvc_int(t, 0, 255) : 255);
        for (int64_t i = 0; i < n; i++) {
            qx[i] = (int32_t)fvc_int(t, 0, (w - 1) * FV_WARP_ONE - 1);
            qy[i] = (int32_t)fvc_int(t, 0, (h - 1) * FV_WARP_ONE - 1);
            const int64_t fx = qx[i] % FV_WARP_ONE, fy = qy[i] % FV_WARP_ONE;
            for (int64_t k = 0; k < c; k++) {
                const uint8_t *p = src + (qy[i] / FV_WARP_ONE * w + qx[i] / FV_WARP_ONE) * c + k;
                const int64_t top = p[0] * (FV_WARP_ONE - fx) + p[c] * fx;
                const int64_t bottom = p[w * c] * (FV_WARP_ONE - fx) + p[w * c + c] * fx;
                want[i * c + k] = (uint8_t)((top * (FV_WARP_ONE - fy) + bottom * fy + (1 << 19)) >> 20);
            }
        }
        t->k->image->warp_bilinear(src, w * c, c, n, qx, qy, dst);
        fvc_equal_bytes(t, "bilinear", dst, want, (size_t)(n * c));
        fvc_reset(t);
    }
}

void image_run_sharpen(fvc *t)
{
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        const int64_t c = fvc_int(t, 1, 5), n = fvc_size(t, 200), stride = n + 2 * c;
        const float factor = fvc_real(t) * 3.0f;
        uint8_t *src = fvc_buffer(t, (size_t)(3 * stride), 1), *dst = fvc_buffer(t, (size_t)n, 1);
        uint8_t *want = fvc_buffer(t, (size_t)n, 1);
        for (int64_t i = 0; i < 3 * stride; i++)
            src[i] = (uint8_t)fvc_int(t, 0, 255);
        const uint8_t *p = src + stride + c;
        for (int64_t i = 0; i < n; i++) {
            int sum = 4 * p[i];
            for (int64_t dy = -stride; dy <= stride; dy += stride)
                sum += p[i + dy - c] + p[i + dy] + p[i + dy + c];
            const float smooth = (float)floor(sum / 13.0 + 0.5);
            const float v = smooth + factor * ((float)p[i] - smooth);
            want[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
        t->k->image->sharpen(n, c, stride, factor, p, dst);
        fvc_equal_bytes(t, "sharpen", dst, want, (size_t)n);
        fvc_reset(t);
    }
}

/* Philox 4x32-10 by its definition. */
static void philox(const uint32_t word[4], uint64_t block, uint32_t c[4])
{
    uint32_t k0 = word[0], k1 = word[1];
    c[0] = (uint32_t)block;
    c[1] = (uint32_t)(block >> 32);
    c[2] = word[2];
    c[3] = word[3];
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
        c[1] = (uint32_t)p1;
        c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
        c[3] = (uint32_t)p0;
    }
}

void image_run_noise(fvc *t)
{
    for (int round = 0; round < fvc_rounds(60) && !t->failed; round++) {
        const uint32_t word[4] = {(uint32_t)fvc_random(t), (uint32_t)fvc_random(t), (uint32_t)fvc_random(t), 9};
        const int64_t n = fvc_int(t, 1, 6) * 64, count = fvc_int(t, 1, n);
        const uint64_t first = (fvc_random(t) >> fvc_int(t, 2, 60)) & ~UINT64_C(63);
        float *got = fvc_floats(t, n), *plain = fvc_floats(t, n), scale = fvc_real(t) * 60.0f;
        uint8_t *v = fvc_buffer(t, (size_t)count, 1), *want = fvc_buffer(t, (size_t)count, 1);
        t->k->image->normals(word, first, n, got);
        t->scalar->image->normals(word, first, n, plain);
        fvc_equal(t, "normals against scalar", got, plain, n);
        for (int64_t i = 0; i < n && !t->failed; i++) {
            const uint64_t e = first + (uint64_t)i;
            uint32_t r[4];
            philox(word, e / 64 * 16 + e % 16, r);
            const uint64_t number = e / 16 % 4;
            const double u = ((double)(r[number & 2] >> 8) + 1) / 16777216.0, a = r[(number & 2) + 1] / 4294967296.0;
            const double angle = 6.283185307179586 * a;
            const double exact = sqrt(-2 * log(u)) * (number & 1 ? sin(angle) : cos(angle));
            if (fabs((double)got[i] - exact) > 4e-6)
                fvc_fail(t, "normal number %lld is %g, expected %g", (long long)i, (double)got[i], exact);
        }
        for (int64_t i = 0; i < count; i++) {
            v[i] = (uint8_t)fvc_int(t, 0, 255);
            float y = (float)v[i] + scale * got[i];
            y = y < 0 ? 0 : y > 255 ? 255 : y;
            want[i] = (uint8_t)(y + 0.5f);
        }
        t->k->image->add_noise(count, scale, got, v);
        fvc_equal_bytes(t, "add_noise", v, want, (size_t)count);
        fvc_reset(t);
    }
}

/* ---- timing: a row of 224 pixels, 224 times ---- */

typedef struct bench {
    const fv_image_kernels *k;
    fv_warp_map map;
    int32_t qx[228], qy[228];
    uint8_t src[230 * 230 * 3], dst[672];
    float normal[704];
} bench;

static void call_positions(void *arg)
{
    bench *b = arg;
    for (int y = 0; y < 224; y++)
        b->k->warp_positions(&b->map, y, 0, 224, b->qx, b->qy);
}

static void call_bilinear(void *arg)
{
    bench *b = arg;
    for (int y = 0; y < 224; y++)
        b->k->warp_bilinear(b->src, 690, 3, 224, b->qx, b->qy, b->dst);
}

static void call_sharpen(void *arg)
{
    bench *b = arg;
    for (int y = 0; y < 224; y++)
        b->k->sharpen(672, 3, 690, 1.5f, b->src + 690 * (y + 1) + 3, b->dst);
}

static void call_noise(void *arg)
{
    bench *b = arg;
    const uint32_t word[4] = {1, 2, 3, 4};
    for (uint64_t y = 0; y < 224; y++) {
        b->k->normals(word, y * 704, 704, b->normal);
        b->k->add_noise(672, 9.0f, b->normal, b->dst);
    }
}

void image_bench_more(fvc *t)
{
    bench *b = calloc(1, sizeof *b);
    if (!b)
        return;
    b->k = t->k->image;
    b->map = (fv_warp_map){.m = {0.8, -0.1, 20, 0.1, 0.8, 10, 0, 0, 1}, .shift = 0.5};
    fvc_time(t, "positions, affine, 224 x 224", 0, 224.0 * 224 * 8, call_positions, b);
    fvc_time(t, "bilinear warp, 224 x 224 x 3", 0, 224.0 * 224 * 3, call_bilinear, b);
    b->map.k1 = 0.1;
    fvc_time(t, "positions, lens, 224 x 224", 0, 224.0 * 224 * 8, call_positions, b);
    fvc_time(t, "sharpen, 224 x 224 x 3", 0, 224.0 * 224 * 3, call_sharpen, b);
    fvc_time(t, "noise, 224 x 224 x 3", 0, 224.0 * 224 * 3, call_noise, b);
    free(b);
}
