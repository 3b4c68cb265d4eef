/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/reduce/reduce.h"

#include "kernels/eltwise/map.h"

/* 16 lanes of doubles. */
typedef struct lanes {
    vd2 v[V16_PARTS];
} lanes;

static double lanes_sum(const lanes *a)
{
    double t[16];
    for (int i = 0; i < V16_PARTS; i++)
        vd2_store(t + i * VF, a->v[i]);
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            t[i] += t[i + half];
    return t[0];
}

FV_INLINE void lanes_take(lanes *a, v16 x, const int squares)
{
    for (int i = 0; i < V16_PARTS; i++) {
        vd2 d = vf_to_vd2(x.v[i]);
        a->v[i] = squares ? vd2_fma(d, d, a->v[i]) : vd2_add(a->v[i], d);
    }
}

FV_INLINE double flat_sum(int64_t n, const float *src, const int squares)
{
    lanes a;
    for (int i = 0; i < V16_PARTS; i++)
        a.v[i] = vd2_zero();
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        lanes_take(&a, v16_load(src + i), squares);
    if (i < n)
        lanes_take(&a, v16_load_n(src + i, (int)(n - i)), squares);
    return lanes_sum(&a);
}

static double reduce_sum(int64_t n, const float *src)
{
    return flat_sum(n, src, 0);
}

static double reduce_sum_squares(int64_t n, const float *src)
{
    return flat_sum(n, src, 1);
}

/* Without their sign, floats are ordered as integers, with NaN above infinity. */
static vi max_bits(int64_t n, const float *src)
{
    const vi magnitude = vi_set1(INT32_MAX);
    vi best = vi_set1(0);
    int64_t i = 0;
    for (; i < n; i += VF) {
        vf x = n - i >= VF ? vf_load(src + i) : vf_load_n(src + i, (int)(n - i));
        vi bits = vi_and(vf_as_vi(x), magnitude);
        best = vi_select(vi_gt(bits, best), bits, best);
    }
    return best;
}

static int32_t max_magnitude(int64_t n, const float *src)
{
    int32_t lane[VF], best = 0;
    vi_store(lane, max_bits(n, src));
    for (int i = 0; i < VF; i++)
        best = lane[i] > best ? lane[i] : best;
    return best;
}

static float reduce_max_abs(int64_t n, const float *src)
{
    int32_t bits = max_magnitude(n, src);
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static bool reduce_finite(int64_t n, const float *src)
{
    enum { PIECE = 1 << 14 };
    for (int64_t i = 0; i < n; i += PIECE)
        if (max_magnitude(n - i < PIECE ? n - i : PIECE, src + i) >= 0x7f800000)
            return false;
    return true;
}

static void reduce_sum_channels(int64_t rows, int64_t c, int64_t stride, const float *src, double *sum)
{
    enum { GROUP = 8 };
    for (int64_t i = 0; i < rows; i += GROUP) {
        int64_t count = rows - i < GROUP ? rows - i : GROUP;
        for (int64_t j = 0; j < c; j += VF) {
            int m = c - j < VF ? (int)(c - j) : VF;
            vd2 s = fv_vd2_load_n(sum + j, m);
            for (int64_t k = i; k < i + count; k++)
                s = vd2_add(s, vf_to_vd2(vf_load(src + k * stride + j)));
            fv_vd2_store_n(sum + j, s, m);
        }
    }
}

FV_INLINE vf map_add(const vf *k, vf a, vf b)
{
    (void)k;
    return vf_add(a, b);
}

static void reduce_tree(int64_t shards, int64_t n, float *parts)
{
    for (int64_t step = 1; step < shards; step *= 2)
        for (int64_t i = 0; i + step < shards; i += 2 * step)
            fv_map2(n, parts + i * n, parts + (i + step) * n, parts + i * n, map_add, NULL);
}

static void reduce_tree_f64(int64_t shards, int64_t n, double *parts)
{
    for (int64_t step = 1; step < shards; step *= 2)
        for (int64_t i = 0; i + step < shards; i += 2 * step)
            for (int64_t j = 0; j < n; j++)
                parts[i * n + j] += parts[(i + step) * n + j];
}

static void reduce_narrow(int64_t n, const double *src, float *dst)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = (float)src[i];
}

static void reduce_argmax(int64_t rows, int64_t c, const float *src, int32_t *dst)
{
    for (int64_t i = 0; i < rows; i++, src += c) {
        int64_t best = 0;
        for (int64_t j = 1; j < c && src[best] == src[best]; j++)
            if (src[j] > src[best] || src[j] != src[j])
                best = j;
        dst[i] = (int32_t)best;
    }
}

extern const fv_reduce_kernels FV_SYM(fv_reduce_kernels);
const fv_reduce_kernels FV_SYM(fv_reduce_kernels) = {.sum = reduce_sum,
                                                     .sum_squares = reduce_sum_squares,
                                                     .max_abs = reduce_max_abs,
                                                     .finite = reduce_finite,
                                                     .sum_channels = reduce_sum_channels,
                                                     .tree = reduce_tree,
                                                     .tree_f64 = reduce_tree_f64,
                                                     .narrow = reduce_narrow,
                                                     .argmax = reduce_argmax};
