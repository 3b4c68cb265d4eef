/* SPDX-License-Identifier: Apache-2.0 */
#include "report/crc32c.h"

/* The remainders of the sixteen values of half a byte. */
static const uint32_t nibble[16] = {
    0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
    0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
};

uint32_t fv_crc32c(const void *data, size_t size)
{
    const uint8_t *p = data;
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < size; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

uint32_t fv_crc32c_masked(const void *data, size_t size)
{
    uint32_t crc = fv_crc32c(data, size);
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}
