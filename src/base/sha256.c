/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 as FIPS 180-4 section 6.2 states it. */
#include "base/file.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate_right(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

/* One round; a stands at v[first], b behind it and so on around. */
static inline void mix(uint32_t v[8], int first, uint32_t added)
{
    const uint32_t a = v[first], b = v[(first + 1) & 7], c = v[(first + 2) & 7], e = v[(first + 4) & 7],
                   f = v[(first + 5) & 7], g = v[(first + 6) & 7];
    const uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
    const uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
    const uint32_t t1 = v[(first + 7) & 7] + s1 + ((e & f) ^ (~e & g)) + added;
    v[(first + 3) & 7] += t1;
    v[(first + 7) & 7] = t1 + s0 + ((a & b) ^ (a & c) ^ (b & c));
}

static void compress_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64];
    for (int t = 0; t < 16; t++, block += 4)
        w[t] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
    for (int t = 16; t < 64; t++) {
        uint32_t x = w[t - 15], y = w[t - 2];
        uint32_t s0 = rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3;
        uint32_t s1 = rotate_right(y, 17) ^ rotate_right(y, 19) ^ y >> 10;
        w[t] = s1 + w[t - 7] + s0 + w[t - 16];
    }
    uint32_t v[8]; /* a to h; instead of moving them on, a round takes each from one place before */
    memcpy(v, state, sizeof v);
    for (int t = 0; t < 64; t += 8) {
        mix(v, 0, round_constants[t] + w[t]);
        mix(v, 7, round_constants[t + 1] + w[t + 1]);
        mix(v, 6, round_constants[t + 2] + w[t + 2]);
        mix(v, 5, round_constants[t + 3] + w[t + 3]);
        mix(v, 4, round_constants[t + 4] + w[t + 4]);
        mix(v, 3, round_constants[t + 5] + w[t + 5]);
        mix(v, 2, round_constants[t + 6] + w[t + 6]);
        mix(v, 1, round_constants[t + 7] + w[t + 7]);
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

static void compress_plain(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    for (; count > 0; count--, blocks += 64)
        compress_block(state, blocks);
}

/* ---- by the SHA extensions of x86-64 ---- */

#if defined(__x86_64__)
#define SHA_CODE __attribute__((target("sha,sse4.1")))

static bool has_sha(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 19 /* SSE4.1 */))
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29) != 0;
}

/* The working variables as the instructions want them, highest element first. */
typedef struct sha_state {
    __m128i abef, cdgh;
} sha_state;

/* Four rounds with the words w and the constants k. */
SHA_CODE static inline void rounds4(sha_state *s, __m128i w, const uint32_t k[4])
{
    const __m128i wk = _mm_add_epi32(w, _mm_loadu_si128((const __m128i *)(const void *)k));
    s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, wk);
    s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(wk, 0x0E));
}

/* The four words of the schedule behind w[0] to w[3], of which w0 is the oldest. */
SHA_CODE static inline __m128i next4(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
    return _mm_sha256msg2_epu32(sum, w3);
}

SHA_CODE static void compress_sha(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    uint32_t v[8];
    memcpy(v, state, sizeof v);
    sha_state s = {_mm_set_epi32((int)v[0], (int)v[1], (int)v[4], (int)v[5]),
                   _mm_set_epi32((int)v[2], (int)v[3], (int)v[6], (int)v[7])};
    for (; count > 0; count--, blocks += 64) {
        const sha_state before = s;
        __m128i w[4];
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(blocks + 16 * i)), big_endian);
        for (int t = 0; t < 64; t += 16) {
            rounds4(&s, w[0], round_constants + t);
            rounds4(&s, w[1], round_constants + t + 4);
            rounds4(&s, w[2], round_constants + t + 8);
            rounds4(&s, w[3], round_constants + t + 12);
            w[0] = next4(w[0], w[1], w[2], w[3]); /* the last four are not used */
            w[1] = next4(w[1], w[2], w[3], w[0]);
            w[2] = next4(w[2], w[3], w[0], w[1]);
            w[3] = next4(w[3], w[0], w[1], w[2]);
        }
        s.abef = _mm_add_epi32(s.abef, before.abef);
        s.cdgh = _mm_add_epi32(s.cdgh, before.cdgh);
    }
    _mm_storeu_si128((__m128i *)(void *)v, s.abef); /* f e b a */
    _mm_storeu_si128((__m128i *)(void *)(v + 4), s.cdgh);
    const uint32_t out[8] = {v[3], v[2], v[7], v[6], v[1], v[0], v[5], v[4]};
    memcpy(state, out, sizeof out);
}
#endif

/* ---- the stream ---- */

void fv_sha256_init_plain(fv_sha256 *h)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memset(h, 0, sizeof *h);
    memcpy(h->state, start, sizeof start);
    h->compress = compress_plain;
}

void fv_sha256_init(fv_sha256 *h)
{
    fv_sha256_init_plain(h);
#if defined(__x86_64__)
    if (has_sha())
        h->compress = compress_sha;
#endif
}

void fv_sha256_update(fv_sha256 *h, const void *data, size_t size)
{
    const uint8_t *p = data;
    while (size) {
        size_t used = h->bytes % 64, n = 64 - used < size ? 64 - used : size;
        if (n == 64) {
            n = size / 64 * 64;
            h->compress(h->state, p, n / 64);
        } else {
            memcpy(h->block + used, p, n);
            if (used + n == 64)
                h->compress(h->state, h->block, 1);
        }
        h->bytes += n;
        p += n;
        size -= n;
    }
}

void fv_sha256_final(fv_sha256 *h, uint8_t digest[32])
{
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = h->bytes * 8;
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    size_t used = h->bytes % 64;
    fv_sha256_update(h, padding, used < 56 ? 56 - used : 120 - used);
    fv_sha256_update(h, length, sizeof length);
    for (int i = 0; i < 32; i++)
        digest[i] = (uint8_t)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

void fv_sha256_hex(const uint8_t digest[32], char hex[65])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = '\0';
}
