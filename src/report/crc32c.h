/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), as in RFC 3720 section B.4, and the masked form that event files store. */
#ifndef FV_REPORT_CRC32C_H
#define FV_REPORT_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Polynomial 0x1EDC6F41 reflected, start and end inverted: "123456789" gives 0xE3069283. */
uint32_t fv_crc32c(const void *data, size_t size);
/* Rotated right by 15 and added to 0xA282EAD8, so that a checksum over bytes that hold checksums stays a good one. */
uint32_t fv_crc32c_masked(const void *data, size_t size);

#endif
