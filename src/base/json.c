/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <math.h>
#include <string.h>

/* has_item is one word of bits: a deeper document is a mistake of the caller and fails the text. */
#define JSON_DEPTH_MAX 63

/* A comma where one is due, before a value or a key. */
static void separate(fv_json *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    uint64_t bit = (uint64_t)1 << j->depth;
    if (j->has_item & bit)
        fv_str_append_n(j->out, ",", 1);
    j->has_item |= bit;
}

static void value_text(fv_json *j, const char *text)
{
    separate(j);
    fv_str_append(j->out, text);
}

static void open_level(fv_json *j, const char *bracket)
{
    value_text(j, bracket);
    if (j->depth >= JSON_DEPTH_MAX) {
        j->out->failed = true;
        return;
    }
    j->depth++;
    j->has_item &= ~((uint64_t)1 << j->depth);
}

static void close_level(fv_json *j, const char *bracket)
{
    j->depth -= j->depth > 0;
    fv_str_append(j->out, bracket);
}

void fv_json_begin_object(fv_json *j)
{
    open_level(j, "{");
}

void fv_json_end_object(fv_json *j)
{
    close_level(j, "}");
}

void fv_json_begin_array(fv_json *j)
{
    open_level(j, "[");
}

void fv_json_end_array(fv_json *j)
{
    close_level(j, "]");
}

void fv_json_key(fv_json *j, const char *key)
{
    separate(j);
    fv_str_json(j->out, key);
    fv_str_append_n(j->out, ":", 1);
    j->after_key = true;
}

void fv_json_string(fv_json *j, const char *value)
{
    separate(j);
    fv_str_json(j->out, value);
}

void fv_json_int(fv_json *j, int64_t value)
{
    separate(j);
    fv_str_printf(j->out, "%lld", (long long)value);
}

void fv_json_real(fv_json *j, double value)
{
    char buf[32];
    value_text(j, isfinite(value) ? fv_double_text(value, buf) : "null");
}

void fv_json_float(fv_json *j, float value)
{
    char buf[32];
    value_text(j, isfinite(value) ? fv_float_text(value, buf) : "null");
}

void fv_json_bool(fv_json *j, bool value)
{
    value_text(j, value ? "true" : "false");
}

void fv_json_null(fv_json *j)
{
    value_text(j, "null");
}
