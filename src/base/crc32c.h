/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), as in RFC 3720 section B.4, and the masked form that event files store. */
#ifndef FV_BASE_CRC32C_H
#define FV_BASE_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Polynomial 0x1EDC6F41 reflected, start and end inverted: "123456789" gives 0xE3069283. Through the processor's
 * instruction where it has one (SSE4.2, ARMv8). */
uint32_t fv_crc32c(const void *data, size_t size);
/* Goes on: fv_crc32c_more(fv_crc32c(a), b) is that of a and b in one piece; fv_crc32c of nothing is 0. */
uint32_t fv_crc32c_more(uint32_t crc, const void *data, size_t size);
/* Those of `count` pieces of `size` bytes each that follow each other: faster than one by one. */
void fv_crc32c_each(const void *data, size_t size, size_t count, uint32_t *crc);
/* The same without the instruction, for processors that lack it and for tests. */
uint32_t fv_crc32c_plain(uint32_t crc, const void *data, size_t size);
/* Rotated right by 15 and added to 0xA282EAD8, so that a checksum over bytes that hold checksums stays a good one. */
uint32_t fv_crc32c_masked(const void *data, size_t size);

#endif
