/* SPDX-License-Identifier: Apache-2.0 */
#include "train/freeze.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* ---- layers ---- */

/* Characters of a tensor's name that are its layer's: "features.0.weight" is of "features.0". */
static size_t layer_size(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : strlen(name);
}

static bool begins_layer(const fv_model *m, int i)
{
    if (i == 0)
        return true;
    const char *a = m->slots[i - 1].name, *b = m->slots[i].name;
    const size_t n = layer_size(b);
    return layer_size(a) != n || strncmp(a, b, n) != 0;
}

static int count_layers(const fv_model *m)
{
    int n = 0;
    for (int i = 0; i < m->n_slots; i++)
        n += begins_layer(m, i);
    return n;
}

static fv_status mark_first(const fv_model *m, long long n, bool *frozen)
{
    const int layers = count_layers(m);
    const long long first = n < 0 ? layers + n : n;
    if (first < 1 || first >= layers)
        return fv_fail(m->ctx, FV_ERR_VALUE,
                       "--freeze %lld: model '%s' has %d layers with tensors: expected 1 to %d, or -1 to -%d", n,
                       m->name, layers, layers - 1, layers - 1);
    int layer = 0;
    for (int i = 0; i < m->n_slots; i++) {
        layer += begins_layer(m, i);
        frozen[i] = layer <= first;
    }
    return FV_OK;
}

/* ---- patterns ---- */

/* Whether a pattern names a tensor, or what its name begins with. */
static bool names(const char *pattern, const char *tensor)
{
    char part[256];
    if (fnmatch(pattern, tensor, 0) == 0)
        return true;
    for (const char *dot = strchr(tensor, '.'); dot; dot = strchr(dot + 1, '.')) {
        snprintf(part, sizeof part, "%.*s", (int)(dot - tensor), tensor);
        if (fnmatch(pattern, part, 0) == 0)
            return true;
    }
    return false;
}

/* "features.0, features.3.squeeze, ..." */
static void list_layers(const fv_model *m, fv_str *list)
{
    enum { SHOWN = 12 };
    int n = 0;
    for (int i = 0; i < m->n_slots; i++)
        if (begins_layer(m, i) && n++ < SHOWN)
            fv_str_printf(list, "%s%.*s", n > 1 ? ", " : "", (int)layer_size(m->slots[i].name), m->slots[i].name);
    if (n > SHOWN)
        fv_str_printf(list, ", ... (%d layers)", n);
}

static fv_status mark_pattern(const fv_model *m, const char *pattern, bool *frozen)
{
    bool any = false;
    for (int i = 0; i < m->n_slots; i++) {
        const bool named = names(pattern, m->slots[i].name);
        frozen[i] = frozen[i] || named;
        any = any || named;
    }
    if (any)
        return FV_OK;
    fv_str list = {.ctx = m->ctx};
    list_layers(m, &list);
    fv_status status = fv_fail_hint(
        m->ctx, fv_fail(m->ctx, FV_ERR_VALUE, "--freeze: no tensor of model '%s' is called '%s'", m->name, pattern),
        "its layers are %s", fv_str_get(&list));
    fv_str_free(&list);
    return status;
}

static fv_status mark_patterns(const fv_model *m, const char *text, bool *frozen)
{
    char pattern[256];
    for (const char *at = text; *at;) {
        const size_t n = strcspn(at, ",");
        if (n > 0 && n < sizeof pattern) {
            snprintf(pattern, sizeof pattern, "%.*s", (int)n, at);
            FV_TRY(mark_pattern(m, pattern, frozen));
        } else {
            return fv_fail(m->ctx, FV_ERR_VALUE, "--freeze: found '%.60s', expected names separated by commas", text);
        }
        at += n + (at[n] == ',');
    }
    return FV_OK;
}

fv_status fv_freeze_mark(const fv_model *m, const char *text, bool *frozen)
{
    char *end;
    if (!text || !*text || strcmp(text, "none") == 0)
        return FV_OK;
    const long long n = strtoll(text, &end, 10);
    FV_TRY(*end == '\0' ? mark_first(m, n, frozen) : mark_patterns(m, text, frozen));
    for (int i = 0; i < m->n_slots; i++)
        if (m->slots[i].kind != FV_SLOT_STATE && !frozen[i])
            return FV_OK;
    return fv_fail_hint(m->ctx, fv_fail(m->ctx, FV_ERR_VALUE, "--freeze %s: nothing is left to train", text),
                        "leave out the last layer: --freeze -1");
}
