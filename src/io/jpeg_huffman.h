/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Huffman decoding of baseline JPEG (ITU-T T.81, annex F), for blocks whose coefficients are wanted and for blocks that
 * are only stepped over. It works on a scan whose stuffed bytes and markers were taken out, so that it need not look
 * for them bit by bit.
 */
#ifndef FV_IO_JPEG_HUFFMAN_H
#define FV_IO_JPEG_HUFFMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

enum { FV_HUFFMAN_BITS = 10 };

/*
 * The code that the next FV_HUFFMAN_BITS bits begin with, as
 *   advance << 24 | size << 16 | length of the code << 8 | length with the value's bits
 * `size` bits of value follow the code; `advance` is the number of zeros before the coefficient + 1, 128 for the end of
 * the block. 0: a longer code.
 */
typedef struct fv_huffman {
    uint32_t one[1 << FV_HUFFMAN_BITS];
    /* Two of them with their values in one step: the length of both; from bit 8 on what `one` has of the first from
     * there on; from bit 32 on where the value of the second begins, its size at 40, its advance at 48. If there is no
     * second, it has no size and no advance. 0: as in `one`. */
    uint64_t two[1 << FV_HUFFMAN_BITS];
    /* Several of them with their values in one step, for stepping over: advance << 8 | length; 0: not even one. */
    uint16_t many[1 << FV_HUFFMAN_BITS];
    int32_t last[18];   /* the largest code of each length, -1: none; last[17] stops every search */
    int32_t offset[17]; /* from code to index into symbols */
    uint8_t symbols[256];
    bool ac;
} fv_huffman;

/* From the counts and symbols of a DHT segment. False: no prefix code, or symbols that 8-bit JPEG does not have. */
bool fv_huffman_build(fv_huffman *h, bool ac, const uint8_t counts[16], const uint8_t *symbols, int n);

/* Bits from the top of `buffer`; 8 bytes behind `end` must be readable. */
typedef struct fv_bits {
    uint64_t buffer;
    int count; /* valid bits in buffer */
    const uint8_t *at, *end;
} fv_bits;

void fv_bits_init(fv_bits *b, const uint8_t *at, const uint8_t *end);
/* Whether exactly all bytes were used, up to the padding of the last one; false also when more were. */
bool fv_bits_finished(const fv_bits *b);

/* What a block of a plane is coded by. */
typedef struct fv_huffman_unit {
    const fv_huffman *dc, *ac;
    int32_t *last_dc;
} fv_huffman_unit;

typedef struct fv_huffman_decoder {
    /* A block into coef (zeroed here; natural order); *dc is the running DC value.
     * Returns the last index in zigzag order, -1 for a broken code. */
    int (*block)(fv_bits *b, const fv_huffman *dc_table, const fv_huffman *ac_table, int32_t *dc, int16_t coef[64]);
    /* The same without the coefficients. */
    bool (*skip)(fv_bits *b, const fv_huffman *dc_table, const fv_huffman *ac_table, int32_t *dc);
    /* Over `count` times n blocks. */
    bool (*skip_units)(fv_bits *b, const fv_huffman_unit *units, int n, int64_t count);
} fv_huffman_decoder;
/* The fastest for an instruction set; all give the same. */
const fv_huffman_decoder *fv_huffman_decoder_get(fv_isa isa);

#endif
