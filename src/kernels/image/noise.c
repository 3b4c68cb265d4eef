/* SPDX-License-Identifier: Apache-2.0 */
/* Normal numbers: Philox 4x32-10 (Salmon et al. 2011), then Box and Muller's formula in float32. */
#include "kernels/image/internal.h"
#include "kernels/math/vmath.h"

enum { LANES = 16, GROUP = 4 * LANES };

typedef struct words {
    vi w[4];
} words;

/* Ten rounds, one counter per lane: lane[] and the three numbers above it. */
FV_INLINE words philox(vi lane, uint32_t upper, const uint32_t word[4])
{
    const vi m0 = vi_set1((int32_t)0xD2511F53u), m1 = vi_set1((int32_t)0xCD9E8D57u);
    vi c0 = lane, c1 = vi_set1((int32_t)upper), c2 = vi_set1((int32_t)word[2]), c3 = vi_set1((int32_t)word[3]);
    uint32_t k0 = word[0], k1 = word[1];
    for (int round = 0; round < 10; round++) {
        const vi hi0 = vi_mulhi_u32(m0, c0), lo0 = vi_mul(m0, c0), hi1 = vi_mulhi_u32(m1, c2), lo1 = vi_mul(m1, c2);
        c0 = vi_xor(vi_xor(hi1, c1), vi_set1((int32_t)k0));
        c2 = vi_xor(vi_xor(hi0, c3), vi_set1((int32_t)k1));
        c1 = lo1;
        c3 = lo0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (words){{c0, c1, c2, c3}};
}

/* sqrt(-2 ln u) (cos, sin)(2 pi v), u = (upper 24 bits + 1) / 2^24, v = word / 2^32. The nearest quarter turn is split
   off; the rest, at most an eighth, goes by Taylor's series to 3e-7. */
FV_INLINE void pair(vi u, vi v, float *cosine, float *sine)
{
    static const float s[] = {0x1p0f, -0x1.555556p-3f, 0x1.111112p-7f, -0x1.a01a02p-13f};
    static const float c[] = {0x1p0f, -0x1p-1f, 0x1.555556p-5f, -0x1.6c16c2p-10f, 0x1.a01a02p-16f};
    const vf share = vf_mul(vi_to_vf(vi_add(vi_shr(u, 8), vi_set1(1))), vf_set1(0x1p-24f));
    const vf radius = vf_sqrt(vf_mul(vf_set1(-2.0f), fv_vf_log(share)));
    const vi quarter = vi_shr(vi_add(v, vi_set1(1 << 29)), 30);
    const vf x = vf_mul(vi_to_vf(vi_sub(v, vi_shl(quarter, 30))), vf_set1(0x1.921fb6p-30f)), x2 = vf_mul(x, x);
    const vf sx = vf_mul(x, fv_vf_poly(x2, s, 3)), cx = fv_vf_poly(x2, c, 4);
    const vm odd = vi_eq(vi_and(quarter, vi_set1(1)), vi_set1(1));
    const vi sign_s = vi_shl(vi_and(quarter, vi_set1(2)), 30);
    const vi sign_c = vi_shl(vi_and(vi_add(quarter, vi_set1(1)), vi_set1(2)), 30);
    const vf a = vf_mul(radius, vf_select(odd, sx, cx)), b = vf_mul(radius, vf_select(odd, cx, sx));
    vf_store(cosine, vi_as_vf(vi_xor(vf_as_vi(a), sign_c)));
    vf_store(sine, vi_as_vf(vi_xor(vf_as_vi(b), sign_s)));
}

void FV_SYM(fv_image_normals)(const uint32_t word[4], uint64_t first, int64_t n, float *dst)
{
    int32_t lane[LANES];
    for (int64_t i = 0; i < n; i += GROUP, dst += GROUP) {
        const uint64_t block = (first + (uint64_t)i) / GROUP * LANES;
        for (int j = 0; j < LANES; j++)
            lane[j] = (int32_t)(uint32_t)(block + (uint64_t)j);
        for (int j = 0; j < LANES; j += VF) {
            const words r = philox(vi_load(lane + j), (uint32_t)(block >> 32), word);
            pair(r.w[0], r.w[1], dst + j, dst + LANES + j);
            pair(r.w[2], r.w[3], dst + 2 * LANES + j, dst + 3 * LANES + j);
        }
    }
}
