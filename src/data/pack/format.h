/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packed file, .fvpack: a whole data set in one file that is read in any order. Little-endian.
 *
 *     header      4,096 bytes; magic, version, checksum
 *     records     pixels (rows without gaps), or an image file's bytes; of the train split first, then val, then test
 *     tables      one entry of 64 bytes per record, names, class names, targets
 *     footer      128 bytes: where the tables are, what all records have in common, file size, checksums
 *
 * A file without its footer was cut off or never finished. Records have a CRC-32C each, so that one flipped bit costs
 * one image. They follow each other with no more gap than their element type needs.
 */
#ifndef FV_DATA_PACK_FORMAT_H
#define FV_DATA_PACK_FORMAT_H

#include <string.h>

#include "data/source/source.h"

#define FV_PACK_MAGIC   "FVPACK\x1A\n"
#define FV_PACK_END     "FVPKEND\n"
#define FV_PACK_VERSION 1u
#define FV_PACK_HEADER  ((int64_t)4096)
#define FV_PACK_FOOTER  ((int64_t)128)
#define FV_PACK_ENTRY   ((int64_t)64)

enum { FV_PACK_UNIFORM = 1, FV_PACK_WEIGHTS = 2, FV_PACK_GROUPS = 4 }; /* flags */
enum { FV_PACK_PIXELS = 0, FV_PACK_FILE = 1 };                         /* what a record is */
enum { FV_PACK_BANDS = 0x80 }; /* in an entry's depth: the last of 4 channels is no opacity */

/* Where things are in the header. Its checksum covers what is before it. */
enum { FV_PACK_H_VERSION = 8, FV_PACK_H_CRC = 4092 };
/* In an entry of the index. */
enum {
    FV_PACK_E_OFFSET = 0,
    FV_PACK_E_SIZE = 8,
    FV_PACK_E_GROUP = 16,
    FV_PACK_E_KEY = 24,
    FV_PACK_E_NAME = 32,
    FV_PACK_E_CRC = 40,
    FV_PACK_E_LABEL = 44,
    FV_PACK_E_WEIGHT = 48,
    FV_PACK_E_H = 52,
    FV_PACK_E_W = 56,
    FV_PACK_E_C = 60,
    FV_PACK_E_DEPTH = 62,
    FV_PACK_E_KIND = 63
};
/* In the footer. */
enum {
    FV_PACK_F_FILE_SIZE = 8,
    FV_PACK_F_COUNT = 16,
    FV_PACK_F_INDEX = 24,
    FV_PACK_F_NAMES = 32,
    FV_PACK_F_CLASSES = 40,
    FV_PACK_F_TARGETS = 48,
    FV_PACK_F_SPLITS = 56, /* three counts */
    FV_PACK_F_KIND = 80,
    FV_PACK_F_N_CLASSES = 84,
    FV_PACK_F_FLAGS = 88,
    FV_PACK_F_TABLES_CRC = 92,
    FV_PACK_F_H = 96,
    FV_PACK_F_W = 100,
    FV_PACK_F_C = 104,
    FV_PACK_F_DEPTH = 108,
    FV_PACK_F_CRC = 124
};

static inline void fv_pack_put(uint8_t *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t fv_pack_get(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static inline float fv_pack_float(const uint8_t *p)
{
    const uint32_t bits = (uint32_t)fv_pack_get(p, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
