/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing here calls a transcendental function of the C library, whose last bit differs between versions: the normal
 * distribution uses +, -, *, / and sqrt in float64 only, which IEEE 754 fixes bit for bit.
 */
#include "base/random.h"

#include <math.h>
#include <string.h>

#include "base/angle.h"

void fv_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void fv_philox(uint64_t seed, fv_purpose purpose, uint64_t a, uint64_t b, uint32_t out[4])
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32) ^ ((uint32_t)purpose * 0x9E3779B9u)};
    const uint32_t counter[4] = {(uint32_t)a, (uint32_t)(a >> 32), (uint32_t)b, (uint32_t)(b >> 32)};
    fv_philox4x32(counter, key, out);
}

float fv_uniform(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24f;
}

/*
 * ln(x) for a normal x > 0: x = 2^e m with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh(f), f = (m - 1) / (m + 1), by
 * artanh's series; |f| <= 0.1716, so the first term left out is below 2^-60.
 */
static double own_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int e = (int)(bits >> 52) - 1023;
    bits = (bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m = m * 0.5;
        e = e + 1;
    }
    double f = (m - 1.0) / (m + 1.0), g = f * f, sum = 0.0;
    for (int k = 23; k >= 1; k -= 2)
        sum = sum * g + 1.0 / (double)k;
    return (double)e * 0.6931471805599453 + 2.0 * f * sum;
}

void fv_normal2(uint32_t u, uint32_t v, float out[2])
{
    double radius = sqrt(-2.0 * own_log(((double)u + 1.0) * 0x1p-32));
    double s, c;
    fv_sincos_turns((double)v * 0x1p-32, &s, &c);
    out[0] = (float)(radius * c);
    out[1] = (float)(radius * s);
}

uint64_t fv_random_below(const uint32_t word[2], uint64_t n)
{
    __extension__ typedef unsigned __int128 wide;
    uint64_t x = (uint64_t)word[1] << 32 | word[0];
    return (uint64_t)((wide)x * n >> 64);
}

void fv_permutation(uint64_t seed, fv_purpose purpose, uint64_t epoch, int64_t n, int64_t *permutation)
{
    for (int64_t i = 0; i < n; i++)
        permutation[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        uint32_t word[4];
        fv_philox(seed, purpose, epoch, (uint64_t)i, word);
        int64_t j = (int64_t)fv_random_below(word, (uint64_t)i + 1);
        int64_t swap = permutation[i];
        permutation[i] = permutation[j];
        permutation[j] = swap;
    }
}
