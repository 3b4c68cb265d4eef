/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes: one table per operator says how to default, check and print them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/internal.h"

/* What a kind of attribute is made of. */
static const struct {
    int64_t width;
    size_t item;
    const char *noun;
} fv_attr_kinds[] = {
    [FV_ATTR_INT] = {1, sizeof(int64_t), "an integer"},
    [FV_ATTR_INT2] = {2, sizeof(int64_t), "one or two integers (height, width)"},
    [FV_ATTR_PAD] = {4, sizeof(int64_t), "1, 2 (vertical, horizontal) or 4 (top, left, bottom, right) integers"},
    [FV_ATTR_INTS] = {0, sizeof(int64_t), "a list of up to 16 integers"},
    [FV_ATTR_REAL] = {1, sizeof(double), "a number"},
    [FV_ATTR_BOOL] = {1, sizeof(bool), "true or false"},
    [FV_ATTR_ENUM] = {1, sizeof(int32_t), "one of"},
};

static const int64_t ints_room = (int64_t)(sizeof((fv_ints *)0)->value / sizeof(int64_t));

int64_t fv_attr_width(const fv_attr *a, const void *attr)
{
    if (a->kind != FV_ATTR_INTS)
        return fv_attr_kinds[a->kind].width;
    fv_ints ints;
    memcpy(&ints, (const char *)attr + a->offset, sizeof ints);
    return ints.count;
}

static size_t attr_place(const fv_attr *a, int64_t i)
{
    size_t start = a->offset + (a->kind == FV_ATTR_INTS ? offsetof(fv_ints, value) : 0);
    return start + (size_t)i * fv_attr_kinds[a->kind].item;
}

int64_t fv_attr_get_int(const fv_attr *a, const void *attr, int64_t i)
{
    const char *from = (const char *)attr + attr_place(a, i);
    int64_t integer;
    int32_t index;
    bool flag;
    switch (a->kind) {
    case FV_ATTR_BOOL:
        memcpy(&flag, from, sizeof flag);
        return flag;
    case FV_ATTR_ENUM:
        memcpy(&index, from, sizeof index);
        return index;
    default:
        memcpy(&integer, from, sizeof integer);
        return integer;
    }
}

double fv_attr_get(const fv_attr *a, const void *attr, int64_t i)
{
    double real;
    if (a->kind != FV_ATTR_REAL)
        return (double)fv_attr_get_int(a, attr, i);
    memcpy(&real, (const char *)attr + attr_place(a, i), sizeof real);
    return real;
}

void fv_attr_set(const fv_attr *a, void *attr, int64_t i, double real, int64_t integer)
{
    char *to = (char *)attr + attr_place(a, i);
    int32_t index = (int32_t)integer;
    bool flag = integer != 0;
    switch (a->kind) {
    case FV_ATTR_REAL:
        memcpy(to, &real, sizeof real);
        break;
    case FV_ATTR_BOOL:
        memcpy(to, &flag, sizeof flag);
        break;
    case FV_ATTR_ENUM:
        memcpy(to, &index, sizeof index);
        break;
    default:
        memcpy(to, &integer, sizeof integer);
        break;
    }
}

void fv_attr_defaults(const fv_op *op, void *attr)
{
    memset(attr, 0, op->attr_size);
    for (const fv_attr *a = op->attrs; a && a->key; a++) {
        for (int64_t i = 0; i < fv_attr_width(a, attr); i++)
            fv_attr_set(a, attr, i, a->def, (int64_t)a->def);
    }
}

static int64_t enum_count(const fv_attr *a)
{
    int64_t count = 0;
    while (a->names && a->names[count])
        count++;
    return count;
}

/* A range whose ends are equal means no limit. */
bool fv_attr_in_range(const fv_attr *a, double value)
{
    if (a->kind == FV_ATTR_ENUM && (value < 0 || value >= (double)enum_count(a)))
        return false;
    if (a->min < a->max && !(value >= a->min && value <= a->max))
        return false;
    return value == value;
}

const char *fv_attr_expects(const fv_attr *a, char text[256])
{
    char low[32], high[32];
    size_t at = (size_t)snprintf(text, 256, "%s", fv_attr_kinds[a->kind].noun);
    for (int64_t i = 0; a->kind == FV_ATTR_ENUM && i < enum_count(a) && at < 255; i++) {
        if (fv_attr_in_range(a, (double)i))
            at += (size_t)snprintf(text + at, 256 - at, " %s", a->names[i]);
    }
    if (a->min < a->max && a->kind != FV_ATTR_ENUM && a->kind != FV_ATTR_BOOL && at < 255)
        snprintf(text + at, 256 - at, " from %s to %s", fv_double_text(a->min, low), fv_double_text(a->max, high));
    return text;
}

fv_status fv_attr_check(fv_ctx *ctx, const fv_op *op, const char *node, const void *attr)
{
    char expects[256], found[32];
    for (const fv_attr *a = op->attrs; a && a->key; a++) {
        int64_t width = fv_attr_width(a, attr);
        if (width < 0 || width > ints_room)
            return fv_fail(ctx, FV_ERR_VALUE, "%s '%s': %s has %" PRId64 " numbers: expected %s", op->name, node,
                           a->key, width, fv_attr_expects(a, expects));
        for (int64_t i = 0; i < width; i++) {
            double value = fv_attr_get(a, attr, i);
            if (!fv_attr_in_range(a, value))
                return fv_fail(ctx, FV_ERR_VALUE, "%s '%s': %s=%s is out of range: expected %s", op->name, node, a->key,
                               fv_double_text(value, found), fv_attr_expects(a, expects));
        }
    }
    return FV_OK;
}

/* ---- printing ---- */

static bool attr_is_default(const fv_attr *a, const void *attr)
{
    if (a->kind == FV_ATTR_INTS)
        return fv_attr_width(a, attr) == 0;
    for (int64_t i = 0; i < fv_attr_width(a, attr); i++) {
        double def = a->kind == FV_ATTR_REAL ? a->def : (double)(int64_t)a->def;
        if (fv_attr_get(a, attr, i) != def)
            return false;
    }
    return true;
}

static void attr_item_text(const fv_attr *a, const void *attr, int64_t i, fv_str *out)
{
    char number[32];
    switch (a->kind) {
    case FV_ATTR_REAL:
        fv_str_append(out, fv_double_text(fv_attr_get(a, attr, i), number));
        break;
    case FV_ATTR_BOOL:
        fv_str_append(out, fv_attr_get_int(a, attr, i) ? "true" : "false");
        break;
    case FV_ATTR_ENUM:
        fv_str_append(out, a->names[fv_attr_get_int(a, attr, i)]);
        break;
    default:
        fv_str_printf(out, "%" PRId64, fv_attr_get_int(a, attr, i));
        break;
    }
}

void fv_attr_text(const fv_op *op, const void *attr, fv_str *out)
{
    const char *space = "";
    for (const fv_attr *a = op->attrs; a && a->key; a++) {
        if (attr_is_default(a, attr))
            continue;
        int64_t width = fv_attr_width(a, attr), shown = a->kind == FV_ATTR_INTS ? width : 1;
        for (int64_t i = 1; i < width; i++) {
            if (fv_attr_get_int(a, attr, i) != fv_attr_get_int(a, attr, 0))
                shown = width;
        }
        fv_str_printf(out, "%s%s=", space, a->key);
        for (int64_t i = 0; i < shown; i++) {
            fv_str_append(out, i > 0 ? "," : "");
            attr_item_text(a, attr, i, out);
        }
        space = " ";
    }
}

void fv_attr_json(const fv_op *op, const void *attr, bool all, fv_json *out)
{
    fv_json_begin_object(out);
    for (const fv_attr *a = op->attrs; a && a->key; a++) {
        if (!all && attr_is_default(a, attr))
            continue;
        int64_t width = fv_attr_width(a, attr);
        bool list = a->kind == FV_ATTR_INTS || width > 1;
        fv_json_key(out, a->key);
        if (list)
            fv_json_begin_array(out);
        for (int64_t i = 0; i < width; i++) {
            if (a->kind == FV_ATTR_REAL)
                fv_json_real(out, fv_attr_get(a, attr, i));
            else if (a->kind == FV_ATTR_BOOL)
                fv_json_bool(out, fv_attr_get_int(a, attr, i) != 0);
            else if (a->kind == FV_ATTR_ENUM)
                fv_json_string(out, a->names[fv_attr_get_int(a, attr, i)]);
            else
                fv_json_int(out, fv_attr_get_int(a, attr, i));
        }
        if (list)
            fv_json_end_array(out);
    }
    fv_json_end_object(out);
}
