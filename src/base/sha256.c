/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 as FIPS 180-4 section 6.2 states it. */
#include "base/file.h"

#include <string.h>

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

static void compress(uint32_t state[8], const uint8_t *block)
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

void fv_sha256_init(fv_sha256 *h)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memset(h, 0, sizeof *h);
    memcpy(h->state, start, sizeof start);
}

void fv_sha256_update(fv_sha256 *h, const void *data, size_t size)
{
    const uint8_t *p = data;
    while (size) {
        size_t used = h->bytes % 64, n = 64 - used < size ? 64 - used : size;
        if (n == 64) {
            compress(h->state, p);
        } else {
            memcpy(h->block + used, p, n);
            if (used + n == 64)
                compress(h->state, h->block);
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
