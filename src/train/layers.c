/* SPDX-License-Identifier: Apache-2.0 */
#include "train/layers.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define ENDS "./" /* of a part */

size_t fv_layer_size(const char *name)
{
    size_t size = strlen(name);
    for (size_t at = size; at-- > 0;)
        if (strchr(ENDS, name[at]))
            return at;
    return size;
}

bool fv_layer_begins(const fv_model *m, int i)
{
    if (i == 0)
        return true;
    const char *a = m->slots[i - 1].name, *b = m->slots[i].name;
    const size_t n = fv_layer_size(b);
    return fv_layer_size(a) != n || strncmp(a, b, n) != 0;
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
    for (const char *end = strpbrk(tensor, ENDS); end; end = strpbrk(end + 1, ENDS)) {
        snprintf(part, sizeof part, "%.*s", (int)(end - tensor), tensor);
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
            fv_str_printf(list, "%s%.*s", n > 1 ? ", " : "", (int)fv_layer_size(m->slots[i].name), m->slots[i].name);
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

/* ---- blocks ---- */

/* Bytes up to and with the end of the part that begins at `at`; 0: it is the last one. */
static size_t next_part(const char *name, size_t at)
{
    at += strspn(name + at, ENDS);
    at += strcspn(name + at, ENDS);
    return name[at] ? at + 1 : 0;
}

static int count_beginning(const char *const *names, int n, const char *with, size_t size)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        count += strncmp(names[i], with, size) == 0;
    return count;
}

size_t fv_names_trunk(const char *const *names, int n, const char **of)
{
    size_t size = 0;
    *of = "";
    for (int i = 0; i < n; i++) {
        if (size > 0 && strncmp(names[i], *of, size) != 0)
            continue;
        for (size_t more; (more = next_part(names[i], size)) && 2 * count_beginning(names, n, names[i], more) > n;) {
            size = more;
            *of = names[i];
        }
    }
    return size;
}

/* Bytes of a part of n bytes up to a number between underscores; 0: there is none. */
static size_t numbered(const char *part, size_t n)
{
    for (size_t at = 1; at < n; at++) {
        const size_t digits = part[at - 1] == '_' ? strspn(part + at, "0123456789") : 0;
        if (digits > 0 && at > 1 && at + digits < n && part[at + digits] == '_')
            return at + digits;
    }
    return 0;
}

size_t fv_block_size(const char *name, const char *trunk, size_t trunk_size)
{
    const size_t begin = strncmp(name, trunk, trunk_size) == 0 ? trunk_size : 0;
    size_t first = 0;
    for (size_t at = begin + strspn(name + begin, ENDS); name[at]; at += strspn(name + at, ENDS)) {
        const size_t n = strcspn(name + at, ENDS), some = numbered(name + at, n);
        if (n == strspn(name + at, "0123456789") && at > 0)
            return at + n;
        if (some)
            return at + some;
        at += n;
        first = first ? first : at;
    }
    return first;
}
