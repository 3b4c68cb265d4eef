/* SPDX-License-Identifier: Apache-2.0 */
/* Writing protocol buffers: a key is field number * 8 + wire type; numbers are little endian. */
#ifndef FV_REPORT_PROTO_H
#define FV_REPORT_PROTO_H

#include "base/text.h"

enum { FV_PROTO_VARINT = 0, FV_PROTO_FIXED64 = 1, FV_PROTO_BYTES = 2, FV_PROTO_FIXED32 = 5 };

/* `bytes` bytes of a number. */
void fv_proto_fixed(fv_str *out, uint64_t value, int bytes);
void fv_proto_int(fv_str *out, int field, uint64_t value);
/* Eight bytes of a packed row. */
void fv_proto_fixed_double(fv_str *out, double value);
void fv_proto_float(fv_str *out, int field, float value);
void fv_proto_double(fv_str *out, int field, double value);
void fv_proto_bytes(fv_str *out, int field, const void *data, size_t size);
void fv_proto_text(fv_str *out, int field, const char *text);
/* A message that was made before, which is freed. */
void fv_proto_message(fv_str *out, int field, fv_str *message);

#endif
