/* SPDX-License-Identifier: Apache-2.0 */
#include "report/proto.h"

#include <string.h>

void fv_proto_fixed(fv_str *out, uint64_t value, int bytes)
{
    uint8_t b[8];
    for (int i = 0; i < bytes; i++)
        b[i] = (uint8_t)(value >> 8 * i);
    fv_str_append_n(out, b, (size_t)bytes);
}

static void put_varint(fv_str *out, uint64_t value)
{
    uint8_t b[10];
    size_t n = 0;
    do {
        b[n] = (uint8_t)((value & 0x7F) | (value > 0x7F ? 0x80 : 0));
        value >>= 7;
        n++;
    } while (value);
    fv_str_append_n(out, b, n);
}

static void put_key(fv_str *out, int field, int type)
{
    put_varint(out, (uint64_t)(field * 8 + type));
}

void fv_proto_int(fv_str *out, int field, uint64_t value)
{
    put_key(out, field, FV_PROTO_VARINT);
    put_varint(out, value);
}

void fv_proto_float(fv_str *out, int field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(out, field, FV_PROTO_FIXED32);
    fv_proto_fixed(out, bits, 4);
}

void fv_proto_fixed_double(fv_str *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    fv_proto_fixed(out, bits, 8);
}

void fv_proto_double(fv_str *out, int field, double value)
{
    put_key(out, field, FV_PROTO_FIXED64);
    fv_proto_fixed_double(out, value);
}

void fv_proto_bytes(fv_str *out, int field, const void *data, size_t size)
{
    put_key(out, field, FV_PROTO_BYTES);
    put_varint(out, size);
    fv_str_append_n(out, data, size);
}

void fv_proto_text(fv_str *out, int field, const char *text)
{
    fv_proto_bytes(out, field, text, strlen(text));
}

void fv_proto_message(fv_str *out, int field, fv_str *message)
{
    fv_proto_bytes(out, field, fv_str_get(message), message->size);
    out->failed |= message->failed;
    fv_str_free(message);
}
