/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tflite/flat.h"

#include <string.h>

/* Little-endian numbers at a place that was checked. */
static uint64_t number(const fv_flat *f, int64_t at, int width)
{
    uint64_t value = 0;
    for (int i = 0; i < width; i++)
        value |= (uint64_t)f->data[at + i] << (8 * i);
    return value;
}

static int64_t signed_number(const fv_flat *f, int64_t at, int width)
{
    const uint64_t value = number(f, at, width);
    return width == 8 ? (int64_t)value : (int64_t)(value << (64 - 8 * width)) >> (64 - 8 * width);
}

static double real_number(const fv_flat *f, int64_t at)
{
    const uint32_t bits = (uint32_t)number(f, at, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

/* Whether [at, at + size) lies in the file; remembers when not. */
static bool within(fv_flat *f, int64_t at, int64_t size)
{
    if (at >= 0 && size >= 0 && at <= f->size && size <= f->size - at)
        return true;
    f->bad = true;
    return false;
}

/* The place that the offset at `at` leads to; 0: none. */
static int64_t follow(fv_flat *f, int64_t at)
{
    if (!within(f, at, 4))
        return 0;
    const int64_t to = at + (int64_t)number(f, at, 4);
    return to > at && within(f, to, 4) ? to : 0;
}

/* A table must have its own table of fields, which is checked here once. */
static fv_flat_table table_at(fv_flat *f, int64_t at)
{
    const fv_flat_table none = {f, 0};
    if (at <= 0 || !within(f, at, 4))
        return none;
    const int64_t fields = at - signed_number(f, at, 4);
    if (!within(f, fields, 4) || !within(f, fields, (int64_t)number(f, fields, 2)) ||
        !within(f, at, (int64_t)number(f, fields + 2, 2)))
        return none;
    return (fv_flat_table){f, at};
}

fv_flat_table fv_flat_root(fv_flat *flat)
{
    return table_at(flat, follow(flat, 0));
}

/* Where a field of `width` bytes stands; 0: absent. */
static int64_t field_at(fv_flat_table t, int field, int width)
{
    if (t.at == 0)
        return 0;
    const int64_t fields = t.at - signed_number(t.flat, t.at, 4), size = (int64_t)number(t.flat, fields, 2);
    if (4 + 2 * field + 2 > size)
        return 0;
    const int64_t offset = (int64_t)number(t.flat, fields + 4 + 2 * field, 2);
    return offset && within(t.flat, t.at + offset, width) ? t.at + offset : 0;
}

bool fv_flat_has(fv_flat_table t, int field)
{
    return field_at(t, field, 1) != 0;
}

static int64_t integer(fv_flat_table t, int field, int width, int64_t otherwise)
{
    const int64_t at = field_at(t, field, width);
    return at ? signed_number(t.flat, at, width) : otherwise;
}

int64_t fv_flat_byte(fv_flat_table t, int field, int64_t otherwise)
{
    return integer(t, field, 1, otherwise);
}

int64_t fv_flat_int(fv_flat_table t, int field, int64_t otherwise)
{
    return integer(t, field, 4, otherwise);
}

int64_t fv_flat_long(fv_flat_table t, int field, int64_t otherwise)
{
    return integer(t, field, 8, otherwise);
}

double fv_flat_real(fv_flat_table t, int field, double otherwise)
{
    const int64_t at = field_at(t, field, 4);
    return at ? real_number(t.flat, at) : otherwise;
}

fv_flat_table fv_flat_child(fv_flat_table t, int field)
{
    const int64_t at = field_at(t, field, 4);
    return at ? table_at(t.flat, follow(t.flat, at)) : (fv_flat_table){t.flat, 0};
}

static fv_flat_vector vector_at(fv_flat *f, int64_t at, int width)
{
    const fv_flat_vector none = {f, 0, 0};
    if (at <= 0 || !within(f, at, 4))
        return none;
    const int64_t count = (int64_t)number(f, at, 4);
    return within(f, at + 4, count * width) ? (fv_flat_vector){f, at + 4, count} : none;
}

fv_flat_vector fv_flat_list(fv_flat_table t, int field, int width)
{
    const int64_t at = field_at(t, field, 4);
    return vector_at(t.flat, at ? follow(t.flat, at) : 0, width);
}

/* A text whose NUL is where it should be. */
static const char *text_at(fv_flat *f, int64_t at)
{
    const fv_flat_vector v = vector_at(f, at, 1);
    if (v.count == 0 || !within(f, v.at, v.count + 1))
        return "";
    if (f->data[v.at + v.count] == 0)
        return (const char *)f->data + v.at;
    f->bad = true;
    return "";
}

const char *fv_flat_text(fv_flat_table t, int field)
{
    const int64_t at = field_at(t, field, 4);
    return at ? text_at(t.flat, follow(t.flat, at)) : "";
}

int64_t fv_flat_list_byte(fv_flat_vector v, int64_t i)
{
    return v.flat->data[v.at + i];
}

int64_t fv_flat_list_short(fv_flat_vector v, int64_t i)
{
    return (int64_t)number(v.flat, v.at + 2 * i, 2);
}

int64_t fv_flat_list_int(fv_flat_vector v, int64_t i)
{
    return signed_number(v.flat, v.at + 4 * i, 4);
}

int64_t fv_flat_list_long(fv_flat_vector v, int64_t i)
{
    return signed_number(v.flat, v.at + 8 * i, 8);
}

double fv_flat_list_real(fv_flat_vector v, int64_t i)
{
    return real_number(v.flat, v.at + 4 * i);
}

fv_flat_table fv_flat_list_child(fv_flat_vector v, int64_t i)
{
    return table_at(v.flat, follow(v.flat, v.at + 4 * i));
}

const char *fv_flat_list_text(fv_flat_vector v, int64_t i)
{
    return text_at(v.flat, follow(v.flat, v.at + 4 * i));
}
