/* SPDX-License-Identifier: Apache-2.0 */
#include "train/freeze.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/layers.h"

static fv_status mark_first(const fv_model *m, long long n, bool *frozen)
{
    const int layers = fv_layer_count(m);
    const long long first = n < 0 ? layers + n : n;
    if (first < 1 || first >= layers)
        return fv_fail(m->ctx, FV_ERR_VALUE,
                       "--freeze %lld: model '%s' has %d layers with tensors: expected 1 to %d, or -1 to -%d", n,
                       m->name, layers, layers - 1, layers - 1);
    int layer = 0;
    for (int i = 0; i < m->n_slots; i++) {
        layer += fv_layer_begins(m, i);
        frozen[i] = layer <= first;
    }
    return FV_OK;
}

static fv_status mark_pattern(const fv_model *m, const char *pattern, bool *frozen)
{
    bool any = false;
    for (int i = 0; i < m->n_slots; i++) {
        const bool named = fv_layer_named(pattern, m->slots[i].name);
        frozen[i] = frozen[i] || named;
        any = any || named;
    }
    if (any)
        return FV_OK;
    return fv_layer_unknown(m, "freeze", pattern);
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
