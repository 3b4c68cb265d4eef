/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes from recipes, model files and problem lines. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/internal.h"

#define FV_ATTR_MAX_ITEMS ((int)(sizeof((fv_ints *)0)->value / sizeof(int64_t)))

/* Numbers as written, before they are spread over the attribute. */
typedef struct attr_items {
    int count;
    double real[FV_ATTR_MAX_ITEMS];
    int64_t integer[FV_ATTR_MAX_ITEMS];
} attr_items;

/* Spreads the numbers: one for all, or vertical and horizontal padding; false when the count or a value is wrong. */
static bool attr_assign(const fv_attr *a, void *attr, const attr_items *items)
{
    int64_t width = a->kind == FV_ATTR_INTS ? items->count : fv_attr_width(a, attr);
    bool halves = a->kind == FV_ATTR_PAD && items->count == 2;
    if (items->count != width && items->count != 1 && !halves)
        return false;
    for (int i = 0; i < items->count; i++) {
        if (!fv_attr_in_range(a, items->real[i]))
            return false;
    }
    if (a->kind == FV_ATTR_INTS) {
        fv_ints ints = {.count = width};
        memcpy((char *)attr + a->offset, &ints, sizeof ints);
    }
    for (int64_t i = 0; i < width; i++) {
        int64_t from = items->count == width ? i : halves ? i % 2 : 0;
        fv_attr_set(a, attr, i, items->real[from], items->integer[from]);
    }
    return true;
}

static int64_t enum_find(const fv_attr *a, const char *name)
{
    for (int64_t i = 0; a->names && a->names[i]; i++) {
        if (strcmp(a->names[i], name) == 0)
            return i;
    }
    return -1;
}

static const fv_attr *attr_find(const fv_op *op, const char *key, size_t size)
{
    for (const fv_attr *a = op->attrs; a && a->key; a++) {
        if (strlen(a->key) == size && memcmp(a->key, key, size) == 0)
            return a;
    }
    return NULL;
}

/* What to write for a wrong key: the nearest one, or all of them. */
static const char *attr_advice(const fv_op *op, const char *key, const char *const *also, char text[512])
{
    const char *keys[64];
    size_t n = 0;
    for (const fv_attr *a = op->attrs; a && a->key && n < 63; a++)
        keys[n++] = a->key;
    for (; also && *also && n < 63; also++)
        keys[n++] = *also;
    keys[n] = NULL;
    const char *nearest = fv_text_nearest(key, keys);
    text[0] = '\0';
    if (nearest)
        snprintf(text, 512, ": did you mean '%s'?", nearest);
    for (size_t i = 0; !nearest && i < n; i++)
        snprintf(text + strlen(text), 512 - strlen(text), "%s%s", i ? ", " : "; it has ", keys[i]);
    return text;
}

/* ---- from a parsed document ---- */

static bool attr_item_from_doc(const fv_attr *a, const fv_doc_node *node, attr_items *items)
{
    int64_t *integer = &items->integer[items->count];
    double *real = &items->real[items->count];
    if (items->count >= FV_ATTR_MAX_ITEMS)
        return false;
    switch (a->kind) {
    case FV_ATTR_REAL:
        if (node->kind != FV_DOC_INT && node->kind != FV_DOC_REAL)
            return false;
        *real = node->real;
        break;
    case FV_ATTR_BOOL:
        if (node->kind != FV_DOC_BOOL)
            return false;
        *integer = node->integer;
        *real = (double)node->integer;
        break;
    case FV_ATTR_ENUM:
        *integer = node->kind == FV_DOC_STRING ? enum_find(a, node->text) : -1;
        *real = (double)*integer;
        break;
    default:
        if (node->kind != FV_DOC_INT)
            return false;
        *integer = node->integer;
        *real = (double)node->integer;
        break;
    }
    items->count++;
    return true;
}

static fv_status attr_from_doc(const fv_op *op, const fv_attr *a, void *attr, const fv_doc *doc,
                               const fv_doc_node *node)
{
    attr_items items = {0};
    bool good = true;
    if (node->kind == FV_DOC_LIST) {
        good = a->kind == FV_ATTR_INT2 || a->kind == FV_ATTR_PAD || a->kind == FV_ATTR_INTS;
        for (int64_t i = 0; good && i < node->count; i++)
            good = attr_item_from_doc(a, &node->child[i], &items);
    } else {
        good = attr_item_from_doc(a, node, &items);
    }
    if (good && attr_assign(a, attr, &items))
        return FV_OK;
    char expects[256];
    const char *found = node->kind == FV_DOC_LIST  ? "a list that does not fit"
                        : node->kind == FV_DOC_MAP ? "a map"
                        : node->text               ? node->text
                                                   : "nothing";
    return fv_doc_fail(doc, node, FV_ERR_VALUE, "%s: %s: expected %s, found %s", op->name, a->key,
                       fv_attr_expects(a, expects), found);
}

fv_status fv_attr_read(const fv_op *op, void *attr, const fv_doc *doc, const fv_doc_node *map,
                       const char *const *also_allowed)
{
    if (map->kind == FV_DOC_NULL)
        return FV_OK;
    if (map->kind != FV_DOC_MAP)
        return fv_doc_fail(doc, map, FV_ERR_VALUE, "%s: expected a map of attributes", op->name);
    for (int64_t i = 0; i < map->count; i++) {
        const fv_doc_node *child = &map->child[i];
        const fv_attr *a = attr_find(op, child->key, strlen(child->key));
        const char *const *also = also_allowed;
        while (!a && also && *also && strcmp(*also, child->key) != 0)
            also++;
        if (a) {
            FV_TRY(attr_from_doc(op, a, attr, doc, child));
        } else if (!also || !*also) {
            char advice[512];
            return fv_doc_fail(doc, child, FV_ERR_UNKNOWN_OPTION, "%s has no attribute '%s'%s", op->name, child->key,
                               attr_advice(op, child->key, also_allowed, advice));
        }
    }
    return FV_OK;
}

/* ---- from "key=value key=1,2" ---- */

static bool attr_item_from_text(const fv_attr *a, const char *text, attr_items *items)
{
    int64_t *integer = &items->integer[items->count];
    double *real = &items->real[items->count];
    bool flag = false, good;
    if (items->count >= FV_ATTR_MAX_ITEMS)
        return false;
    switch (a->kind) {
    case FV_ATTR_REAL:
        good = fv_text_to_double(text, real);
        break;
    case FV_ATTR_BOOL:
        good = fv_text_to_bool(text, &flag);
        *integer = flag;
        *real = flag;
        break;
    case FV_ATTR_ENUM:
        *integer = enum_find(a, text);
        *real = (double)*integer;
        good = *integer >= 0;
        break;
    default:
        good = fv_text_to_int(text, integer);
        *real = (double)*integer;
        break;
    }
    items->count++;
    return good;
}

/* One "key=value" of `size` bytes. */
static fv_status attr_from_text(fv_ctx *ctx, const fv_op *op, void *attr, const char *text, size_t size)
{
    char word[256], expects[256], advice[512];
    if (size >= sizeof word)
        return fv_fail(ctx, FV_ERR_VALUE, "%s: '%.40s...' is too long for an attribute", op->name, text);
    memcpy(word, text, size);
    word[size] = '\0';
    char *value = strchr(word, '=');
    if (!value)
        return fv_fail(ctx, FV_ERR_VALUE, "%s: expected key=value, found '%s'", op->name, word);
    *value++ = '\0';
    const fv_attr *a = attr_find(op, word, strlen(word));
    if (!a)
        return fv_fail(ctx, FV_ERR_UNKNOWN_OPTION, "%s has no attribute '%s'%s", op->name, word,
                       attr_advice(op, word, NULL, advice));
    attr_items items = {0};
    char shown[256];
    memcpy(shown, value, strlen(value) + 1);
    bool good = true;
    for (char *item = value; good && item;) {
        char *comma = strchr(item, ',');
        if (comma)
            *comma = '\0';
        good = attr_item_from_text(a, item, &items);
        item = comma ? comma + 1 : NULL;
    }
    if (good && attr_assign(a, attr, &items))
        return FV_OK;
    return fv_fail(ctx, FV_ERR_VALUE, "%s: %s: expected %s, found '%s'", op->name, a->key, fv_attr_expects(a, expects),
                   shown);
}

fv_status fv_attr_parse(fv_ctx *ctx, const fv_op *op, void *attr, const char *text)
{
    while (*text) {
        size_t blank = strspn(text, " \t"), size = strcspn(text + blank, " \t");
        if (size > 0)
            FV_TRY(attr_from_text(ctx, op, attr, text + blank, size));
        text += blank + size;
    }
    return FV_OK;
}
