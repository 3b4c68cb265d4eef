/* SPDX-License-Identifier: Apache-2.0 */
/* Positions, bilinear samples, sharpness: plain loops without branches, which the compiler makes vectors of. */
#include "kernels/image/internal.h"

/* v in pixels to 1/1024 pixel, halves up. */
FV_INLINE int32_t to_fixed(double v)
{
    const double limit = (double)FV_WARP_LIMIT * FV_WARP_ONE - 1.0;
    v = v * FV_WARP_ONE;
    v = v < limit ? v : limit; /* NaN too */
    v = v > -limit ? v : -limit;
    /* Above 0 dropping the fraction is rounding down. */
    return (int32_t)(v + (limit + 1.5)) - (int32_t)(limit + 1.0);
}

void FV_SYM(fv_image_positions)(const fv_warp_map *map, int64_t y, int64_t x, int64_t n, int32_t *qx, int32_t *qy)
{
    const double *m = map->m, fy = (double)y + 0.5, x0 = (double)x + 0.5;
    const bool flat = m[6] == 0.0 && m[7] == 0.0 && m[8] == 1.0, bent = map->k1 != 0.0 || map->k2 != 0.0;
    const double row_x = m[1] * fy + m[2], row_y = m[4] * fy + m[5], row_w = m[7] * fy + m[8], shift = map->shift;
    if (flat && !bent) {
        for (int32_t i = 0; i < n; i++) {
            const double fx = x0 + (double)i;
            qx[i] = to_fixed(m[0] * fx + row_x - shift);
            qy[i] = to_fixed(m[3] * fx + row_y - shift);
        }
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        const double fx = x0 + (double)i, w = m[6] * fx + row_w;
        const bool seen = w > 0.0;
        const double safe = seen ? w : 1.0, px = (m[0] * fx + row_x) / safe, py = (m[3] * fx + row_y) / safe;
        const double dx = px - map->cx, dy = py - map->cy, r2 = (dx * dx + dy * dy) * map->scale;
        const double grow = 1.0 + r2 * (map->k1 + r2 * map->k2);
        qx[i] = seen ? to_fixed((bent ? map->cx + dx * grow : px) - shift) : FV_WARP_NOWHERE;
        qy[i] = seen ? to_fixed((bent ? map->cy + dy * grow : py) - shift) : FV_WARP_NOWHERE;
    }
}

FV_INLINE void bilinear(const uint8_t *src, int64_t stride, int64_t c, int64_t n, const int32_t *qx, const int32_t *qy,
                        uint8_t *dst)
{
    for (int64_t i = 0; i < n; i++) {
        const int32_t fx = qx[i] & (FV_WARP_ONE - 1), fy = qy[i] & (FV_WARP_ONE - 1);
        const uint8_t *p = src + (qy[i] >> FV_WARP_FRACTION) * stride + (qx[i] >> FV_WARP_FRACTION) * c;
        for (int64_t k = 0; k < c; k++, p++) {
            const int32_t top = p[0] * (FV_WARP_ONE - fx) + p[c] * fx;
            const int32_t bottom = p[stride] * (FV_WARP_ONE - fx) + p[stride + c] * fx;
            const int32_t sum = top * (FV_WARP_ONE - fy) + bottom * fy + (1 << (2 * FV_WARP_FRACTION - 1));
            dst[i * c + k] = (uint8_t)(sum >> (2 * FV_WARP_FRACTION));
        }
    }
}

#if VF > 1

enum { Z = 0x80 };
/* Channels of two pixels side by side, widened to 16 bits. */
static const uint8_t neighbors[16] = {0, Z, 3, Z, 1, Z, 4, Z, 2, Z, 5, Z, Z, Z, Z, Z};

/* Group g takes number g of four. */
static const uint8_t spread[64] = {0, 1, 2,  3,  0,  1,  2,  3,  0,  1,  2,  3,  0,  1,  2,  3,  4,  5,  6,  7, 4,  5,
                                   6, 7, 4,  5,  6,  7,  4,  5,  6,  7,  8,  9,  10, 11, 8,  9,  10, 11, 8,  9, 10, 11,
                                   8, 9, 10, 11, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15};

/* The fraction of position g in each number of group g, of the positions from q on. */
FV_INLINE vi fractions(const int32_t *q, vb places)
{
    const vb all = vb_shuffle(vb_repeat(q), places);
    return vi_and(vb_as_vi(all), vi_set1(FV_WARP_ONE - 1));
}

/* Three channels: a group of 16 bytes is an output pixel. */
static void bilinear_rgb(const uint8_t *src, int64_t stride, int64_t n, const int32_t *qx, const int32_t *qy,
                         uint8_t *dst)
{
    const vb pairs = vb_repeat(neighbors), places = vb_load(spread);
    const vi one = vi_set1(FV_WARP_ONE), half = vi_set1(1 << (2 * FV_WARP_FRACTION - 1));
    for (int64_t i = 0; i < n; i += VB) {
        const uint8_t *top[VB], *bottom[VB];
        for (int64_t g = 0; g < VB; g++) {
            const int64_t at = i + g < n ? i + g : n - 1;
            top[g] = src + (qy[at] >> FV_WARP_FRACTION) * stride + (qx[at] >> FV_WARP_FRACTION) * 3;
            bottom[g] = top[g] + stride;
        }
        const vi fx = fractions(qx + i, places), fy = fractions(qy + i, places);
        const vb across = vi_as_vb(vi_or(vi_sub(one, fx), vi_shl(fx, 16)));
        const vi upper = vb_madd(vb_shuffle(vb_gather(top), pairs), across);
        const vi lower = vb_madd(vb_shuffle(vb_gather(bottom), pairs), across);
        const vi sum = vi_add(vi_mul(upper, vi_sub(one, fy)), vi_mul(lower, fy));
        const vi pixel = vi_sar(vi_add(sum, half), 2 * FV_WARP_FRACTION);
        uint8_t out[16 * VB];
        vb_store(out, vb_narrow(pixel, pixel, pixel, pixel));
        /* Moves of four bytes: the next pixel writes over the fourth. */
        for (int64_t g = 0; g < VB && i + g < n; g++) {
            if (i + g + 1 < n)
                memcpy(dst + (i + g) * 3, out + 16 * g, 4);
            else
                memcpy(dst + (i + g) * 3, out + 16 * g, 3);
        }
    }
}

#endif

void FV_SYM(fv_image_bilinear)(const uint8_t *src, int64_t stride, int64_t c, int64_t n, const int32_t *qx,
                               const int32_t *qy, uint8_t *dst)
{
#if VF > 1
    if (c == 3) {
        bilinear_rgb(src, stride, n, qx, qy, dst);
        return;
    }
#endif
    if (c == 3)
        bilinear(src, stride, 3, n, qx, qy, dst);
    else if (c == 1)
        bilinear(src, stride, 1, n, qx, qy, dst);
    else
        bilinear(src, stride, c, n, qx, qy, dst);
}

void FV_SYM(fv_image_sharpen)(int64_t n, int64_t c, int64_t stride, float factor, const uint8_t *src, uint8_t *dst)
{
    const uint8_t *restrict above = src - stride, *restrict here = src, *restrict below = src + stride;
    uint8_t *restrict to = dst;
    for (int64_t i = 0; i < n; i++) {
        const int32_t sum = above[i - c] + above[i] + above[i + c] + here[i - c] + 5 * here[i] + here[i + c] +
                            below[i - c] + below[i] + below[i + c];
        const float smooth = (float)((2 * sum + 13) / 26); /* 13 is odd: no halves */
        float v = smooth + factor * ((float)here[i] - smooth);
        v = v > 0.0f ? v : 0.0f;
        v = v < 255.0f ? v : 255.0f;
        to[i] = (uint8_t)(int32_t)v;
    }
}

void FV_SYM(fv_image_add_noise)(int64_t n, float scale, const float *normal, uint8_t *v)
{
    const float *restrict from = normal;
    uint8_t *restrict to = v;
    for (int64_t i = 0; i < n; i++) {
        float y = (float)to[i] + scale * from[i];
        y = y > 0.0f ? y : 0.0f;
        y = y < 255.0f ? y : 255.0f;
        to[i] = (uint8_t)(int32_t)(y + 0.5f);
    }
}
