/* SPDX-License-Identifier: Apache-2.0 */
#include "train/freeze.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/layers.h"

static fv_status mark_first(const fv_model *m, const char *key, long long n, int least, bool *named)
{
    const int layers = fv_layer_count(m);
    const long long first = n < 0 ? layers + n : n;
    if (first < least || first >= layers)
        return fv_fail(m->ctx, FV_ERR_VALUE,
                       "--%s %lld: model '%s' has %d layers with tensors: expected %d to %d, or -1 to -%d", key, n,
                       m->name, layers, least, layers - 1, layers - least);
    int layer = 0;
    for (int i = 0; i < m->n_slots; i++) {
        layer += fv_layer_begins(m, i);
        named[i] = layer <= first;
    }
    return FV_OK;
}

static fv_status mark_pattern(const fv_model *m, const char *key, const char *pattern, bool *named)
{
    bool any = false;
    for (int i = 0; i < m->n_slots; i++) {
        const bool is = fv_layer_named(pattern, m->slots[i].name);
        named[i] = named[i] || is;
        any = any || is;
    }
    return any ? FV_OK : fv_layer_unknown(m, key, pattern);
}

static fv_status mark_patterns(const fv_model *m, const char *key, const char *text, bool *named)
{
    char pattern[256];
    for (const char *at = text; *at;) {
        const size_t n = strcspn(at, ",");
        if (n > 0 && n < sizeof pattern) {
            snprintf(pattern, sizeof pattern, "%.*s", (int)n, at);
            FV_TRY(mark_pattern(m, key, pattern, named));
        } else {
            return fv_fail(m->ctx, FV_ERR_VALUE, "--%s: found '%.60s', expected names separated by commas", key, text);
        }
        at += n + (at[n] == ',');
    }
    return FV_OK;
}

fv_status fv_freeze_layers(const fv_model *m, const char *key, const char *text, int least, bool *named, bool *number)
{
    char *end;
    const long long n = strtoll(text, &end, 10);
    *number = *end == '\0';
    return *number ? mark_first(m, key, n, least, named) : mark_patterns(m, key, text, named);
}

fv_status fv_freeze_mark(const fv_model *m, const char *text, bool *frozen)
{
    bool number;
    if (!text || !*text || strcmp(text, "none") == 0)
        return FV_OK;
    FV_TRY(fv_freeze_layers(m, "freeze", text, 1, frozen, &number));
    for (int i = 0; i < m->n_slots; i++)
        if (m->slots[i].kind != FV_SLOT_STATE && !frozen[i])
            return FV_OK;
    return fv_fail_hint(m->ctx, fv_fail(m->ctx, FV_ERR_VALUE, "--freeze %s: nothing is left to train", text),
                        "leave out the last layer: --freeze -1");
}
