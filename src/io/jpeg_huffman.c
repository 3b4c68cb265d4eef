/* SPDX-License-Identifier: Apache-2.0 */
#include "io/jpeg_huffman.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum { BITS = FV_HUFFMAN_BITS, END = 128 };

/* Zigzag to natural order. */
static const uint8_t natural[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

static uint32_t entry_of(bool ac, uint32_t symbol, int length)
{
    const uint32_t size = symbol & 15, advance = ac && symbol == 0 ? END : (symbol >> 4) + 1;
    return advance << 24 | size << 16 | (uint32_t)length << 8 | ((uint32_t)length + size);
}

/* The code that follows the first `used` bits of an index; 0 unless all of it lies in the index. */
static uint32_t following(const fv_huffman *h, uint32_t index, uint32_t used)
{
    if (used >= BITS)
        return 0;
    /* The bits behind were shifted in: an entry with a longer code than what is left says nothing. */
    const uint32_t e = h->one[index << used & ((1u << BITS) - 1)];
    return used + (e >> 8 & 63) <= BITS ? e : 0;
}

static uint64_t pair_of(uint32_t first, uint32_t second)
{
    const uint64_t at = (first & 63) + (second >> 8 & 63), total = (first & 63) + (second & 63);
    return total | (first & 0xFFFFFF00u) | at << 32 | (uint64_t)(second >> 16 & 63) << 40 |
           (uint64_t)(second >> 24) << 48;
}

/* Codes with their values that one index begins with, the values of the last perhaps beyond it: two, and many. */
static void join(fv_huffman *h)
{
    for (uint32_t i = 0; i < 1u << BITS; i++) {
        uint32_t e = h->one[i];
        uint32_t used = e & 63, advance = e >> 24;
        const uint32_t second = e && advance < 64 ? following(h, i, used) : 0;
        h->two[i] = pair_of(e, second);
        for (e = second; e && advance < 64; e = following(h, i, used)) {
            advance += e >> 24;
            used += e & 63;
        }
        h->many[i] = (uint16_t)(advance << 8 | used);
    }
}

bool fv_huffman_build(fv_huffman *h, bool ac, const uint8_t counts[16], const uint8_t *symbols, int n)
{
    memset(h->one, 0, sizeof h->one);
    h->ac = ac;
    int32_t code = 0;
    int at = 0;
    for (int length = 1; length <= 16; length++, code <<= 1) {
        const int count = counts[length - 1];
        h->offset[length] = at - code;
        if (at + count > n || code + count > (1 << length))
            return false;
        for (int i = 0; i < count; i++, at++, code++) {
            const uint32_t symbol = symbols[at], size = symbol & 15;
            /* 8-bit samples give differences of up to 11 bits and coefficients of up to 10. */
            if (ac ? size > 10 || (size == 0 && symbol != 0 && symbol != 0xF0) : symbol > 11)
                return false;
            h->symbols[at] = (uint8_t)symbol;
            const uint32_t e = entry_of(ac, symbol, length);
            for (uint32_t k = 0; length <= BITS && k < 1u << (BITS - length); k++)
                h->one[((uint32_t)code << (BITS - length)) | k] = e;
        }
        h->last[length] = count > 0 ? code - 1 : -1;
    }
    h->last[17] = INT32_MAX;
    if (ac)
        join(h);
    return true;
}

INLINE void refill(fv_bits *b)
{
    uint64_t next;
    memcpy(&next, b->at, sizeof next);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    next = __builtin_bswap64(next);
#endif
    b->buffer |= next >> b->count;
    b->at += (63 - b->count) >> 3;
    b->count |= 56;
    /* Behind the end there are 8 bytes of zeros: they may be read over and over. */
    if (b->at > b->end + 8)
        b->at = b->end + 8;
}

void fv_bits_init(fv_bits *b, const uint8_t *at, const uint8_t *end)
{
    *b = (fv_bits){.at = at, .end = end};
}

bool fv_bits_finished(const fv_bits *b)
{
    const ptrdiff_t left = (b->end - b->at) * 8 + b->count;
    return left >= 0 && left < 8;
}

/* The entry of a code that is longer than the table; 0: broken. */
static uint32_t long_code(uint64_t buffer, const fv_huffman *h)
{
    const uint32_t top = (uint32_t)(buffer >> 48);
    int length = BITS + 1;
    while (length <= 16 && (int32_t)(top >> (16 - length)) > h->last[length])
        length++;
    const int index = length > 16 ? -1 : (int)(top >> (16 - length)) + h->offset[length];
    return index < 0 || index > 255 ? 0 : entry_of(h->ac, h->symbols[index], length);
}

INLINE uint32_t look_up(uint64_t buffer, const fv_huffman *h)
{
    const uint32_t e = h->one[buffer >> (64 - BITS)];
    return __builtin_expect(e != 0, 1) ? e : long_code(buffer, h);
}

/* `size` bits from bit `at` of the buffer: those below half of their range stand for negative numbers (T.81, F.2.2.1).
 */
INLINE int32_t value_at(uint64_t buffer, uint32_t at, uint32_t size)
{
    const uint64_t bits = buffer << at;
    const int32_t negative = (int32_t)(bits >> 63) - 1; /* all ones if the first bit is 0 */
    return (int32_t)(bits >> 1 >> (63 - size)) + (negative & (int32_t)(1u - (1u << size)));
}

/* Over the lowest 6 bits of an entry. */
INLINE void drop(fv_bits *b, uint64_t e)
{
    b->buffer <<= e & 63;
    b->count -= (int)(e & 63);
}

/* The DC difference; false for a broken code. Leaves at least 29 bits. */
INLINE bool read_dc(fv_bits *b, const fv_huffman *h, int32_t *dc)
{
    refill(b);
    const uint32_t e = look_up(b->buffer, h);
    *dc = (int32_t)((uint32_t)*dc +
                    (uint32_t)value_at(b->buffer, e >> 8 & 63, e >> 16 & 63)); /* in a broken file it may wrap */
    drop(b, e);
    return e != 0;
}

/* The last codes of a block, or broken ones, with k from the coefficient before: what decode_block returns. */
static int finish_block(fv_bits *b, uint64_t e, int k, int16_t coef[64])
{
    const uint32_t first = (uint32_t)(e >> 8 & 63) + (uint32_t)(e >> 16 & 63), advance = e >> 24 & 255;
    if (e == 0 || (advance != END && k + (int)advance > 63))
        return -1;
    if (advance == END) {
        drop(b, first);
        return k;
    }
    k += (int)advance;
    coef[natural[k]] = (int16_t)value_at(b->buffer, e >> 8 & 63, e >> 16 & 63);
    if (k == 63) { /* what follows is another block's */
        drop(b, first);
        return k;
    }
    drop(b, e);
    return (e >> 48) == END ? k : -1;
}

/* One coefficient or two into coef, *k from the one before to the last of them. False: the block ends here, with
 * the codes *rest. */
INLINE bool read_pair(fv_bits *b, const fv_huffman *h, int *k, int16_t coef[64], uint64_t *rest)
{
    uint64_t e = h->two[b->buffer >> (64 - BITS)];
    if (__builtin_expect(e == 0, 0))
        e = pair_of(long_code(b->buffer, h), 0);
    const int k1 = *k + (int)(e >> 24 & 255), k2 = k1 + (int)(e >> 48);
    if (k2 > 63 || e == 0) {
        *rest = e;
        return false;
    }
    const int32_t v1 = value_at(b->buffer, e >> 8 & 63, e >> 16 & 63);
    const int32_t v2 = value_at(b->buffer, e >> 32 & 63, e >> 40 & 63);
    drop(b, e);
    coef[natural[k2]] = (int16_t)v2; /* without a second, k2 is k1 */
    coef[natural[k1]] = (int16_t)v1;
    *k = k2;
    return true;
}

INLINE int decode_block(fv_bits *bits, const fv_huffman *dc_table, const fv_huffman *ac_table, int32_t *dc,
                        int16_t coef[64])
{
    fv_bits b = *bits;
    memset(coef, 0, 64 * sizeof *coef);
    if (!read_dc(&b, dc_table, dc))
        return -1;
    coef[0] = (int16_t)*dc;
    int k = 0;
    uint64_t rest = 0;
    while (k < 63) {
        refill(&b);
        /* Without a branch on how many bits are left: there are 56 now, and a step takes at most 26. */
        if (!read_pair(&b, ac_table, &k, coef, &rest) || (k < 63 && !read_pair(&b, ac_table, &k, coef, &rest))) {
            *bits = b;
            return finish_block(bits, rest, k, coef);
        }
    }
    *bits = b;
    return k;
}

/* Over one coefficient or more. */
INLINE void skip_ac(fv_bits *b, const fv_huffman *h, int *k)
{
    uint32_t e = h->many[b->buffer >> (64 - BITS)];
    /* Beyond the 64th coefficient the codes are another block's; an end of block may only stand before it. */
    const uint32_t next = (uint32_t)*k + (e >> 8);
    if (e == 0 || (next > 63 && (next < END || next >= END + 63))) {
        e = look_up(b->buffer, h);
        *k += e ? (int)(e >> 24) : 64;
    } else {
        *k = (int)next;
    }
    drop(b, e);
}

INLINE bool skip_block(fv_bits *bits, const fv_huffman *dc_table, const fv_huffman *ac_table, int32_t *dc)
{
    fv_bits b = *bits;
    if (!read_dc(&b, dc_table, dc))
        return false;
    int k = 0;
    while (k < 63) {
        refill(&b);
        skip_ac(&b, ac_table, &k);
        if (k < 63)
            skip_ac(&b, ac_table, &k);
    }
    *bits = b;
    return k == 63 || k >= END;
}

INLINE bool skip_all(fv_bits *bits, const fv_huffman_unit *units, int n, int64_t count)
{
    fv_bits b = *bits;
    for (; count > 0; count--) {
        for (int i = 0; i < n; i++) {
            if (!skip_block(&b, units[i].dc, units[i].ac, units[i].last_dc))
                return false;
        }
    }
    *bits = b;
    return true;
}

static int block_plain(fv_bits *b, const fv_huffman *dc_table, const fv_huffman *ac_table, int32_t *dc,
                       int16_t coef[64])
{
    return decode_block(b, dc_table, ac_table, dc, coef);
}

static bool skip_plain(fv_bits *b, const fv_huffman *dc_table, const fv_huffman *ac_table, int32_t *dc)
{
    return skip_block(b, dc_table, ac_table, dc);
}

static bool skip_units_plain(fv_bits *b, const fv_huffman_unit *units, int n, int64_t count)
{
    return skip_all(b, units, n, count);
}

static const fv_huffman_decoder plain = {block_plain, skip_plain, skip_units_plain};

#ifdef __x86_64__
/* Shifts by a register are what this spends its time on; BMI2, which goes with AVX2, has better ones. */
#define BMI2 __attribute__((target("bmi2")))

BMI2 static int block_bmi2(fv_bits *b, const fv_huffman *dc_table, const fv_huffman *ac_table, int32_t *dc,
                           int16_t coef[64])
{
    return decode_block(b, dc_table, ac_table, dc, coef);
}

BMI2 static bool skip_bmi2(fv_bits *b, const fv_huffman *dc_table, const fv_huffman *ac_table, int32_t *dc)
{
    return skip_block(b, dc_table, ac_table, dc);
}

BMI2 static bool skip_units_bmi2(fv_bits *b, const fv_huffman_unit *units, int n, int64_t count)
{
    return skip_all(b, units, n, count);
}

static const fv_huffman_decoder bmi2 = {block_bmi2, skip_bmi2, skip_units_bmi2};
#endif

const fv_huffman_decoder *fv_huffman_decoder_get(fv_isa isa)
{
#ifdef __x86_64__
    if (isa >= FV_ISA_AVX2)
        return &bmi2;
#endif
    (void)isa;
    return &plain;
}
