/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/half/half.h"
#include "kernels/simd/simd.h"

static void widen(float *dst, const uint16_t *src, int64_t count)
{
    int64_t i = 0;
    for (; i + VF <= count; i += VF)
        vf_store(dst + i, vf_load_half(src + i));
    if (i < count)
        vf_store_n(dst + i, vf_load_half_n(src + i, (int)(count - i)), (int)(count - i));
}

static void narrow(uint16_t *dst, const float *src, int64_t count)
{
    int64_t i = 0;
    for (; i + VF <= count; i += VF)
        vf_store_half(dst + i, vf_load(src + i));
    if (i < count)
        vf_store_half_n(dst + i, vf_load_n(src + i, (int)(count - i)), (int)(count - i));
}

static void widen_scaled(float *dst, const uint16_t *src, int64_t rows, int64_t cols, const float *scale)
{
    for (int64_t i = 0; i < rows; i++, src += cols, dst += cols) {
        int64_t j = 0;
        for (; j + VF <= cols; j += VF)
            vf_store(dst + j, vf_mul(vf_load_half(src + j), vf_load(scale + j)));
        if (j < cols) {
            const int left = (int)(cols - j);
            vf_store_n(dst + j, vf_mul(vf_load_half_n(src + j, left), vf_load_n(scale + j, left)), left);
        }
    }
}

static inline vf finish(const fv_half_rows *r, vf sum, vf add)
{
    if (r->add)
        sum = vf_add(sum, add);
    return r->clamp ? vf_min(vf_set1(r->hi), vf_max(vf_set1(r->lo), sum)) : sum;
}

static void narrow_rows(const fv_half_rows *r)
{
    for (int64_t i = 0; i < r->rows; i++) {
        const float *src = r->src + i * r->src_step;
        const uint16_t *add = r->add ? r->add + r->dst_row[i] : NULL;
        uint16_t *dst = r->dst + r->dst_row[i];
        int64_t j = 0;
        for (; j + VF <= r->cols; j += VF)
            vf_store_half(dst + j, finish(r, vf_load(src + j), add ? vf_load_half(add + j) : vf_zero()));
        if (j < r->cols) {
            const int left = (int)(r->cols - j);
            const vf more = add ? vf_load_half_n(add + j, left) : vf_zero();
            vf_store_half_n(dst + j, finish(r, vf_load_n(src + j, left), more), left);
        }
    }
}

extern const fv_half_kernels FV_SYM(fv_half_kernels);
const fv_half_kernels FV_SYM(fv_half_kernels) = {
    .widen = widen, .narrow = narrow, .widen_scaled = widen_scaled, .narrow_rows = narrow_rows};
