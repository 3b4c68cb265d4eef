/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/eltwise/internal.h"
#include "kernels/eltwise/map.h"

enum { LANES = 16, GROUP = 4 * LANES };

/* Ten rounds of Philox 4x32 (Salmon et al. 2011) on one counter per lane; word j of lane i goes to out[16*j + i]. */
static void philox_group(const fv_dropout *d, uint64_t group, int32_t out[GROUP])
{
    const vi m0 = vi_set1((int32_t)0xD2511F53u), m1 = vi_set1((int32_t)0xCD9E8D57u);
    int32_t lane[LANES];
    for (int i = 0; i < LANES; i++)
        lane[i] = (int32_t)(uint32_t)(group * LANES + (uint64_t)i);
    for (int i = 0; i < LANES; i += VF) {
        vi c0 = vi_load(lane + i), c1 = vi_set1((int32_t)(uint32_t)((group * LANES) >> 32));
        vi c2 = vi_set1((int32_t)(uint32_t)d->stream), c3 = vi_set1((int32_t)(uint32_t)(d->stream >> 32));
        uint32_t k0 = d->key[0], k1 = d->key[1];
        for (int round = 0; round < 10; round++) {
            vi hi0 = vi_mulhi_u32(m0, c0), lo0 = vi_mul(m0, c0);
            vi hi1 = vi_mulhi_u32(m1, c2), lo1 = vi_mul(m1, c2);
            c0 = vi_xor(vi_xor(hi1, c1), vi_set1((int32_t)k0));
            c2 = vi_xor(vi_xor(hi0, c3), vi_set1((int32_t)k1));
            c1 = lo1;
            c3 = lo0;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        vi_store(out + i, c0);
        vi_store(out + LANES + i, c1);
        vi_store(out + 2 * LANES + i, c2);
        vi_store(out + 3 * LANES + i, c3);
    }
}

void FV_SYM(fv_elt_dropout)(const fv_dropout *d, int64_t first, int64_t n, const float *src, float *dst)
{
    int32_t word[GROUP + LANES] = {0};
    /* uniform < p in integers: the upper 24 bits below the smallest integer that is at least p * 2^24 */
    double bound = (double)d->p * 16777216.0;
    int32_t threshold = (int32_t)bound;
    if ((double)threshold < bound)
        threshold++;
    vi limit = vi_set1(threshold);
    vf scale = vf_set1(d->scale);
    for (int64_t i = 0; i < n;) {
        int64_t e = first + i;
        int at = (int)(e % GROUP);
        int64_t count = GROUP - at < n - i ? GROUP - at : n - i;
        philox_group(d, (uint64_t)(e / GROUP), word);
        for (int64_t j = 0; j < count; j += VF) {
            vm dropped = vi_gt(limit, vi_shr(vi_load(word + at + j), 8));
            /* What lies behind the range may be another thread's, which writes it in place. */
            const int m = count - j < VF ? (int)(count - j) : VF;
            vf x = m == VF ? vf_load(src + i + j) : vf_load_n(src + i + j, m);
            vf y = vf_select(dropped, vf_zero(), vf_mul(x, scale));
            if (m == VF)
                vf_store(dst + i + j, y);
            else
                vf_store_n(dst + i + j, y, m);
        }
        i += count;
    }
}
