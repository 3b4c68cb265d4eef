/* SPDX-License-Identifier: Apache-2.0 */
/* A fast hash of many bytes, to find what is likely equal. Who must withstand those who make collisions on purpose uses
 * fv_sha256. */
#ifndef FV_BASE_HASH_H
#define FV_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Goes on with two lanes that the caller begins, by what else shall be equal; the last 1 to 7 bytes of a piece count as
 * eight. The same on every machine of little-endian order. */
void fv_hash_add(uint64_t lanes[2], const void *data, size_t size);
/* Of a text, for tables of names (FNV-1a). */
uint32_t fv_hash_text(const char *text);
/* The same of 64 bits, of which random draws for what has a name begin: values are part of the contract on bits. */
uint64_t fv_hash_name(const char *name);

#endif
