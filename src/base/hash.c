/* SPDX-License-Identifier: Apache-2.0 */
/* Two lanes of multiply and rotate over words of 8 bytes. */
#include "base/hash.h"

#include <string.h>

void fv_hash_add(uint64_t lanes[2], const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t a = lanes[0], b = lanes[1];
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + at, size - at < 8 ? size - at : 8);
        a = (a ^ word) * UINT64_C(0x9FB21C651E98DF25);
        a ^= a >> 29;
        b = (b + word) * UINT64_C(0xD6E8FEB86659FD93);
        b ^= b >> 32;
    }
    lanes[0] = a;
    lanes[1] = b;
}

uint32_t fv_hash_text(const char *text)
{
    uint32_t h = 2166136261u;
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * 16777619u;
    return h;
}

uint64_t fv_hash_name(const char *name)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 0x100000001B3u;
    return h;
}
