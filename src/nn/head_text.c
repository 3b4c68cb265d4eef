/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/head_text.h"

#include <stdio.h>
#include <string.h>

#include "nn/architecture.h"

enum { UNITS_MOST = 1 << 20 };

/* ---- what items make ---- */

static fv_value make_dense(fv_model *m, const char *name, const fv_head_item *item, fv_value x)
{
    return fv_dense(m, x, .name = name, .units = (int64_t)item->number);
}

static fv_value make_dropout(fv_model *m, const char *name, const fv_head_item *item, fv_value x)
{
    char full[FV_NAME_MAX];
    const fv_dropout_attr attr = {.rate = item->number};
    if (attr.rate == 0 || !fv_nn_name(m, "dropout", name, full))
        return x;
    return fv_nn_append(m, "dropout", full, &attr, &x, 1);
}

static fv_value make_batch_norm(fv_model *m, const char *name, const fv_head_item *item, fv_value x)
{
    (void)item;
    return fv_batch_norm(m, x, .name = name);
}

static fv_value make_layer_norm(fv_model *m, const char *name, const fv_head_item *item, fv_value x)
{
    (void)item;
    return fv_layer_norm(m, x, .name = name);
}

static fv_value make_prelu(fv_model *m, const char *name, const fv_head_item *item, fv_value x)
{
    char full[FV_NAME_MAX];
    (void)item;
    if (!fv_nn_name(m, "prelu", name, full) || !fv_nn_check(m, "prelu", full, &x, 1))
        return fv_no_value;
    const fv_shape *src = fv_nn_shape(m, x);
    const fv_shape shape = {1, {src->dim[src->rank - 1]}};
    const fv_value in[2] = {x, fv_nn_param(m, full, "weight", FV_ROLE_PARAM, &shape, FV_INIT_CONSTANT, 0.25)};
    return fv_nn_append(m, "prelu", full, NULL, in, 2);
}

static fv_value make_activation(fv_model *m, const char *name, const fv_head_item *item, fv_value x)
{
    char full[FV_NAME_MAX];
    const char *op = fv_activation_op(item->activation);
    if (!fv_nn_name(m, op, name, full))
        return fv_no_value;
    return fv_nn_append(m, op, full, fv_activation_attr(item->activation), &x, 1);
}

static const struct {
    const char *name, *other;
    bool takes_rate;
    fv_head_item item;
} words[] = {
    {"drop", "dropout", true, {make_dropout, false, 0, FV_ACT_NONE}},
    {"batch_norm", "bn", false, {make_batch_norm, true, 0, FV_ACT_NONE}},
    {"layer_norm", "ln", false, {make_layer_norm, true, 0, FV_ACT_NONE}},
    {"prelu", "prelu", false, {make_prelu, true, 0, FV_ACT_NONE}},
};
enum { WORDS = sizeof words / sizeof *words };

/* ---- reading ---- */

/* Where an item stands in the text, for messages. */
typedef struct place {
    fv_ctx *ctx;
    const char *text, *item;
    int number;
} place;

static fv_status refuse(const place *p, const char *expected)
{
    return fv_fail(p->ctx, FV_ERR_VALUE, "--head '%.200s': item %d is '%s', expected %s", p->text, p->number, p->item,
                   expected);
}

static fv_status unknown(const place *p)
{
    char known[512] = "";
    const char *names[WORDS + FV_ACTIVATION_COUNT + 1] = {NULL};
    int n = 0;
    for (int i = 0; i < WORDS; i++)
        names[n++] = words[i].name;
    for (int i = 1; i < FV_ACTIVATION_COUNT; i++)
        names[n++] = fv_arch_activations[i];
    for (int i = 1; i < n; i++) /* drop is shown with its rate */
        snprintf(known + strlen(known), sizeof known - strlen(known), ", %s", names[i]);
    const char *nearest = fv_text_nearest(p->item, names);
    const fv_status status =
        fv_fail(p->ctx, FV_ERR_VALUE, "--head '%.200s': item %d is '%s', which is no layer of a head%s%s%s", p->text,
                p->number, p->item, nearest ? ": did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return fv_fail_hint(p->ctx, status, "items are a number of units, drop=P%s; 'linear' alone is none", known);
}

static fv_status read_units(const place *p, fv_head_item *item)
{
    int64_t units;
    if (!fv_text_to_int(p->item, &units) || units < 1 || units > UNITS_MOST)
        return refuse(p, "1 to 1048576 units");
    *item = (fv_head_item){.make = make_dense, .tensors = true, .number = (double)units};
    return FV_OK;
}

static fv_status read_word(const place *p, fv_head_item *item)
{
    char word[64];
    const char *equals = strchr(p->item, '=');
    snprintf(word, sizeof word, "%.*s", equals ? (int)(equals - p->item) : (int)strlen(p->item), p->item);
    for (int i = 0; i < WORDS; i++) {
        if (strcmp(words[i].name, word) != 0 && strcmp(words[i].other, word) != 0)
            continue;
        *item = words[i].item;
        if (words[i].takes_rate &&
            (!equals || !fv_text_to_double(equals + 1, &item->number) || !(item->number >= 0) || item->number > 0.999))
            return refuse(p, "drop=P with a share P from 0 to 0.999");
        return words[i].takes_rate || !equals ? FV_OK : refuse(p, "it without a number");
    }
    for (int i = 1; i < FV_ACTIVATION_COUNT; i++) {
        if (strcmp(fv_arch_activations[i], word) != 0)
            continue;
        *item = (fv_head_item){.make = make_activation, .activation = (fv_activation)i};
        return equals ? refuse(p, "it without a number") : FV_OK;
    }
    return unknown(p);
}

static fv_status read_item(const place *p, fv_head_item *item)
{
    const char first = p->item[0];
    if (!first)
        return refuse(p, "a layer");
    return (first >= '0' && first <= '9') || first == '-' || first == '+' ? read_units(p, item) : read_word(p, item);
}

fv_status fv_head_read(fv_ctx *ctx, const char *text, fv_head_item items[FV_HEAD_ITEMS], int *count)
{
    *count = 0;
    if (!text || strcmp(text, "linear") == 0)
        return FV_OK;
    for (const char *at = text;;) {
        char word[64];
        size_t n = strcspn(at, ",");
        const char *next = at + n;
        while (n > 0 && *at == ' ')
            at++, n--;
        while (n > 0 && at[n - 1] == ' ')
            n--;
        snprintf(word, sizeof word, "%.*s", n < sizeof word ? (int)n : (int)sizeof word - 1, at);
        const place p = {ctx, text, word, *count + 1};
        if (*count == FV_HEAD_ITEMS)
            return refuse(&p, "32 items at most");
        FV_TRY(read_item(&p, &items[(*count)++]));
        if (!*next)
            return FV_OK;
        at = next + 1;
    }
}

fv_status fv_head_check(fv_ctx *ctx, const char *text, int *layers)
{
    fv_head_item items[FV_HEAD_ITEMS];
    int count, with = 1;
    FV_TRY(fv_head_read(ctx, text, items, &count));
    for (int i = 0; i < count; i++)
        with += items[i].tensors;
    if (layers)
        *layers = with;
    return FV_OK;
}
