/* SPDX-License-Identifier: Apache-2.0 */
#include "train/layers.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Characters of a tensor's name that are its layer's: "features.0.weight" is of "features.0". */
static size_t layer_size(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : strlen(name);
}

bool fv_layer_begins(const fv_model *m, int i)
{
    if (i == 0)
        return true;
    const char *a = m->slots[i - 1].name, *b = m->slots[i].name;
    const size_t n = layer_size(b);
    return layer_size(a) != n || strncmp(a, b, n) != 0;
}

int fv_layer_count(const fv_model *m)
{
    int n = 0;
    for (int i = 0; i < m->n_slots; i++)
        n += fv_layer_begins(m, i);
    return n;
}

bool fv_layer_named(const char *pattern, const char *tensor)
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
        if (fv_layer_begins(m, i) && n++ < SHOWN)
            fv_str_printf(list, "%s%.*s", n > 1 ? ", " : "", (int)layer_size(m->slots[i].name), m->slots[i].name);
    if (n > SHOWN)
        fv_str_printf(list, ", ... (%d layers)", n);
}

fv_status fv_layer_unknown(const fv_model *m, const char *key, const char *pattern)
{
    fv_str list = {.ctx = m->ctx};
    list_layers(m, &list);
    const fv_status status = fv_fail_hint(
        m->ctx, fv_fail(m->ctx, FV_ERR_VALUE, "--%s: no tensor of model '%s' is called '%s'", key, m->name, pattern),
        "its layers are %s", fv_str_get(&list));
    fv_str_free(&list);
    return status;
}
