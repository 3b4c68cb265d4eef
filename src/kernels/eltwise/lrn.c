/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/eltwise/internal.h"
#include "kernels/eltwise/map.h"
#include "kernels/math/vmath.h"

/* Channels are taken in pieces whose halo fits a buffer on the stack; zeros stand for channels outside. */
enum { PIECE = 256, HALO = FV_LRN_MAX, WIDTH = PIECE + 2 * HALO + 2 * 16 };

/* d^-beta. The usual exponents have exact-rounding forms; others go through log and exp. */
FV_INLINE vf power(vf d, float beta)
{
    vf one = vf_set1(1.0f);
    if (beta == 0.75f) {
        vf s = vf_sqrt(d);
        return vf_div(one, vf_mul(s, vf_sqrt(s)));
    }
    if (beta == 0.5f)
        return vf_div(one, vf_sqrt(d));
    if (beta == 1.0f)
        return vf_div(one, d);
    return fv_vf_exp(vf_mul(vf_set1(-beta), fv_vf_log(d)));
}

/* buf[i] = row[first + i], 0 where that channel does not exist, for i < count. */
static void gather(float *buf, const float *row, int64_t c, int64_t first, int64_t count)
{
    int64_t begin = first < 0 ? -first : 0, end = c - first < count ? c - first : count;
    if (end < begin)
        end = begin;
    memset(buf, 0, (size_t)begin * sizeof *buf);
    memcpy(buf + begin, row + first + begin, (size_t)(end - begin) * sizeof *buf);
    memset(buf + end, 0, (size_t)(count - end) * sizeof *buf);
}

/* k + alpha * sum of squares of x[0 .. size-1] */
FV_INLINE vf base_of(const float *x, int size, vf alpha, vf k)
{
    vf sum = vf_zero();
    for (int s = 0; s < size; s++) {
        vf v = vf_load(x + s);
        sum = vf_fma(v, v, sum);
    }
    return vf_fma(alpha, sum, k);
}

void FV_SYM(fv_elt_lrn)(int64_t rows, int64_t c, int size, float alpha, float beta, float k, const float *src,
                        float *dst)
{
    float x[WIDTH];
    int left = size / 2;
    vf a = vf_set1(alpha / (float)size), kv = vf_set1(k);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j0 = 0; j0 < c; j0 += PIECE) {
            int64_t n = c - j0 < PIECE ? c - j0 : PIECE;
            gather(x, src + i * c, c, j0 - left, n + size - 1 + VF);
            for (int64_t j = 0; j < n; j += VF) {
                int m = n - j < VF ? (int)(n - j) : VF;
                vf d = base_of(x + j, size, a, kv);
                vf_store_n(dst + i * c + j0 + j, vf_mul(vf_load(x + j + left), power(d, beta)), m);
            }
        }
}

/* Channel i is in the windows of channels j with i - right <= j <= i + left, so
   d_src[i] = d_dst[i] * d[i]^-beta - 2*alpha*beta/size * src[i] * sum over those j of d_dst[j]*src[j]*d[j]^(-beta-1).
 */
void FV_SYM(fv_elt_lrn_grad)(int64_t rows, int64_t c, int size, float alpha, float beta, float k, const float *src,
                             const float *d_dst, float *d_src)
{
    float x[WIDTH], g[WIDTH], t[WIDTH], f[WIDTH];
    int left = size / 2, right = size - 1 - left;
    vf a = vf_set1(alpha / (float)size), kv = vf_set1(k), factor = vf_set1(-2.0f * alpha * beta / (float)size);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j0 = 0; j0 < c; j0 += PIECE) {
            int64_t n = c - j0 < PIECE ? c - j0 : PIECE;
            int64_t n1 = n + size - 1; /* channels j0 - right ... j0 + n - 1 + left */
            gather(x, src + i * c, c, j0 - right - left, n1 + size - 1 + VF);
            gather(g, d_dst + i * c, c, j0 - right, n1 + VF);
            for (int64_t j = 0; j < n1; j += VF) {
                vf d = base_of(x + j, size, a, kv), p = power(d, beta);
                vf_store(f + j, p);
                vf_store(t + j, vf_div(vf_mul(vf_mul(vf_load(g + j), vf_load(x + j + left)), p), d));
            }
            for (int64_t j = 0; j < n; j += VF) {
                int m = n - j < VF ? (int)(n - j) : VF;
                vf sum = vf_zero();
                for (int s = 0; s < size; s++)
                    sum = vf_add(sum, vf_load(t + j + s));
                vf direct = vf_mul(vf_load(g + j + right), vf_load(f + j + right));
                vf y = vf_fma(vf_mul(factor, vf_load(x + j + right + left)), sum, direct);
                vf_store_n(d_src + i * c + j0 + j, y, m);
            }
        }
}
