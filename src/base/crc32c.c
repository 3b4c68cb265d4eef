/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#include <string.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

/* The remainders of the sixteen values of half a byte. */
static const uint32_t nibble[16] = {
    0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
    0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
};

uint32_t fv_crc32c_plain(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *p = data;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__) || defined(__aarch64__)
#if defined(__x86_64__)
#define TARGET           __attribute__((target("sse4.2")))
#define STEP8(crc, word) ((uint32_t)__builtin_ia32_crc32di((crc), (word)))
#define STEP1(crc, byte) __builtin_ia32_crc32qi((crc), (byte))
static bool has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2");
}
#else
#if defined(__clang__)
#define TARGET           __attribute__((target("crc")))
#define STEP8(crc, word) __builtin_arm_crc32cd((crc), (word))
#define STEP1(crc, byte) __builtin_arm_crc32cb((crc), (byte))
#else
#define TARGET           __attribute__((target("+crc")))
#define STEP8(crc, word) __builtin_aarch64_crc32cx((crc), (word))
#define STEP1(crc, byte) __builtin_aarch64_crc32cb((crc), (byte))
#endif
static bool has_instruction(void)
{
    return getauxval(AT_HWCAP) & (1u << 7); /* HWCAP_CRC32 */
}
#endif

static uint64_t load8(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* a x^32 mod the polynomial: what a remainder becomes behind four more bytes of zeros. */
static uint32_t times_x32(uint32_t a)
{
    for (int i = 0; i < 8; i++)
        a = a >> 4 ^ nibble[a & 15];
    return a;
}

/* a b mod the polynomial, both as remainders are stored: the lowest bit is that of the highest power. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (uint32_t bit = 0x80000000u; bit; bit >>= 1) {
        product ^= a & bit ? b : 0;
        b = b >> 1 ^ (b & 1 ? 0x82F63B78u : 0);
    }
    return product;
}

/* x^(32 words): to shift a remainder over that many bytes of data. */
static uint32_t power(size_t words)
{
    uint32_t square = times_x32(0x80000000u), result = 0x80000000u; /* x^32 and 1 */
    for (; words; words >>= 1) {
        if (words & 1)
            result = multiply(result, square);
        square = multiply(square, square);
    }
    return result;
}

#define LANE ((size_t)2048)

/* The instruction waits three cycles for its own result: three independent lanes keep it busy. */
TARGET static uint32_t with_instruction(uint32_t crc, const uint8_t *p, size_t size)
{
    crc = ~crc;
    if (size >= 3 * LANE) {
        const uint32_t shift = power(LANE / 4);
        for (; size >= 3 * LANE; size -= 3 * LANE, p += 3 * LANE) {
            uint32_t b = 0, c = 0;
            for (size_t i = 0; i < LANE; i += 8) {
                crc = STEP8(crc, load8(p + i));
                b = STEP8(b, load8(p + LANE + i));
                c = STEP8(c, load8(p + 2 * LANE + i));
            }
            crc = multiply(multiply(crc, shift) ^ b, shift) ^ c;
        }
    }
    for (; size >= 8; size -= 8, p += 8)
        crc = STEP8(crc, load8(p));
    for (; size; size--, p++)
        crc = STEP1(crc, *p);
    return ~crc;
}

/* Three pieces at a time, for the same reason. */
TARGET static void three_with_instruction(const uint8_t *p, size_t size, uint32_t crc[3])
{
    const uint8_t *q = p + size, *r = q + size;
    uint32_t a = ~0u, b = ~0u, c = ~0u;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        a = STEP8(a, load8(p + i));
        b = STEP8(b, load8(q + i));
        c = STEP8(c, load8(r + i));
    }
    for (; i < size; i++) {
        a = STEP1(a, p[i]);
        b = STEP1(b, q[i]);
        c = STEP1(c, r[i]);
    }
    crc[0] = ~a;
    crc[1] = ~b;
    crc[2] = ~c;
}

void fv_crc32c_each(const void *data, size_t size, size_t count, uint32_t *crc)
{
    const uint8_t *p = data;
    size_t i = 0;
    for (; has_instruction() && i + 3 <= count; i += 3)
        three_with_instruction(p + i * size, size, crc + i);
    for (; i < count; i++)
        crc[i] = fv_crc32c(p + i * size, size);
}

uint32_t fv_crc32c_more(uint32_t crc, const void *data, size_t size)
{
    return has_instruction() ? with_instruction(crc, data, size) : fv_crc32c_plain(crc, data, size);
}
#else
uint32_t fv_crc32c_more(uint32_t crc, const void *data, size_t size)
{
    return fv_crc32c_plain(crc, data, size);
}

void fv_crc32c_each(const void *data, size_t size, size_t count, uint32_t *crc)
{
    for (size_t i = 0; i < count; i++)
        crc[i] = fv_crc32c_plain(0, (const uint8_t *)data + i * size, size);
}
#endif

uint32_t fv_crc32c(const void *data, size_t size)
{
    return fv_crc32c_more(0, data, size);
}

uint32_t fv_crc32c_masked(const void *data, size_t size)
{
    uint32_t crc = fv_crc32c(data, size);
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}
