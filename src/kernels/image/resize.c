/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/image/image.h"

#include "kernels/simd/simd.h"

enum { BLOCK = 64 }; /* columns of a pass whose sums stay in registers and L1 */

static inline uint8_t round_sum(int32_t sum, int32_t bits)
{
    int32_t v = sum >> bits;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void rows(const fv_resize_axis *a, int64_t c, const uint8_t *const src[FV_RESIZE_ROWS],
                 uint8_t *const dst[FV_RESIZE_ROWS])
{
    for (int r = 0; r < FV_RESIZE_ROWS; r++) {
        for (int64_t i = 0; i < a->count; i++) {
            const int16_t *weight = a->weight + i * a->width;
            const uint8_t *p = src[r] + a->first[i] * c;
            const int32_t taps = a->taps[i], bits = a->bits[i];
            for (int64_t k = 0; k < c; k++) {
                int32_t sum = 1 << (bits - 1);
                for (int32_t t = 0; t < taps; t++)
                    sum += weight[t] * p[t * c + k];
                dst[r][i * c + k] = round_sum(sum, bits);
            }
        }
    }
}

static void column(int64_t n, int32_t taps, const int16_t *weight, int32_t bits, const uint8_t *src, int64_t stride,
                   uint8_t *dst)
{
    int32_t sum[BLOCK];
    for (int64_t at = 0; at < n; at += BLOCK) {
        const int64_t m = n - at < BLOCK ? n - at : BLOCK;
        for (int j = 0; j < BLOCK; j++)
            sum[j] = 1 << (bits - 1);
        for (int32_t t = 0; t < taps; t++) {
            const uint8_t *p = src + t * stride + at;
            const int32_t w = weight[t];
            for (int64_t j = 0; j < m; j++)
                sum[j] += w * p[j];
        }
        for (int64_t j = 0; j < m; j++)
            dst[at + j] = round_sum(sum[j], bits);
    }
}

static void rows_f32(const fv_resize_axis *a, int64_t c, const float *src, float *dst)
{
    for (int64_t i = 0; i < a->count; i++) {
        const float *weight = a->real + i * a->width, *p = src + a->first[i] * c;
        for (int64_t k = 0; k < c; k++) {
            float sum = 0.0f;
            for (int32_t t = 0; t < a->taps[i]; t++)
                sum = fmaf(weight[t], p[t * c + k], sum);
            dst[i * c + k] = sum;
        }
    }
}

static void column_f32(int64_t n, int32_t taps, const float *weight, const float *src, int64_t stride, float *dst)
{
    for (int64_t j = 0; j < n; j += VF) {
        const int m = n - j < VF ? (int)(n - j) : VF;
        vf sum = vf_zero();
        for (int32_t t = 0; t < taps; t++) {
            const float *p = src + t * stride + j;
            sum = vf_fma(vf_set1(weight[t]), m == VF ? vf_load(p) : vf_load_n(p, m), sum);
        }
        vf_store_n(dst + j, sum, m);
    }
}

extern const fv_image_kernels FV_SYM(fv_image_kernels);
const fv_image_kernels FV_SYM(fv_image_kernels) = {
    .resize_rows = rows, .resize_column = column, .resize_rows_f32 = rows_f32, .resize_column_f32 = column_f32};
