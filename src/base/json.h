/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON with a stable order and shortest round-trip numbers. */
#ifndef FV_BASE_JSON_H
#define FV_BASE_JSON_H

#include "base/text.h"

/* A writer over growable text: commas and quotes are its business. Errors stick in `out`. */
typedef struct fv_json {
    fv_str *out;
    uint64_t has_item; /* bit per nesting level: whether a comma is due */
    int depth;
    bool after_key;
} fv_json;

void fv_json_begin_object(fv_json *j);
void fv_json_end_object(fv_json *j);
void fv_json_begin_array(fv_json *j);
void fv_json_end_array(fv_json *j);
void fv_json_key(fv_json *j, const char *key);
void fv_json_string(fv_json *j, const char *value);
void fv_json_int(fv_json *j, int64_t value);
/* Shortest text that reads back to the same double (NaN and Inf become null). */
void fv_json_real(fv_json *j, double value);
/* The same for a float. */
void fv_json_float(fv_json *j, float value);
void fv_json_bool(fv_json *j, bool value);
void fv_json_null(fv_json *j);
/* A number as text into buf[32]: shortest that round-trips; "nan", "inf", "-inf". The same in every locale. */
const char *fv_double_text(double value, char buf[32]);
const char *fv_float_text(float value, char buf[32]);

#endif
