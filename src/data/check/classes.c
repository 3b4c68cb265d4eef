/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the splits have the same classes, and a model's. */
#include <stdio.h>

#include "data/check/check.h"

/* How many names have no place in the other list, and the first of them. */
static int64_t count_absent(const int64_t *map, int64_t count, int64_t *first)
{
    int64_t n = 0;
    for (int64_t i = count; i-- > 0;) {
        *first = map[i] < 0 ? i : *first;
        n += map[i] < 0;
    }
    return n;
}

/* One finding stands for all of them: ", and 7 more". */
static const char *more_text(int64_t n, char text[64])
{
    text[0] = '\0';
    if (n > 1)
        snprintf(text, 64, ", and %lld more", (long long)n - 1);
    return text;
}

static fv_status tell_split(fv_check_report *r, const fv_check_split *s, const fv_names *want, const char *whose,
                            int fault)
{
    const fv_names *have = &s->classes;
    const bool model = fault == FV_FAULT_MODEL_CLASSES;
    char *found = fv_names_text(r->ctx, have), *expected = fv_names_text(r->ctx, want);
    const int64_t most = have->count > want->count ? have->count : want->count;
    int64_t *map = fv_malloc(r->ctx, (size_t)(most + 1) * sizeof *map);
    fv_status status = found && expected && map ? fv_names_map(r->ctx, have, want, map) : FV_ERR_NO_MEMORY;
    int64_t first = 0, n = status == FV_OK ? count_absent(map, have->count, &first) : 0;
    char more[64];
    if (n > 0)
        status = fv_check_add(r, fault, r->options.data.allow_extra ? FV_VERDICT_WARN : FV_VERDICT_REJECT, s->where, -1,
                              -1, "class '%s' is not in %s%s: found %s; expected %s; %s", have->name[first], whose,
                              more_text(n, more), found, expected,
                              model ? "`fovea train --reset-head` trains a new output layer for them"
                                    : "rename the folders, or leave them out with --allow-extra");
    if (status == FV_OK)
        status = fv_names_map(r->ctx, want, have, map);
    n = status == FV_OK ? count_absent(map, want->count, &first) : 0;
    if (n > 0)
        status = fv_check_add(r, fault, FV_VERDICT_WARN, s->where, -1, -1, "class '%s' of %s is missing%s",
                              want->name[first], whose, more_text(n, more));
    fv_free(r->ctx, found);
    fv_free(r->ctx, expected);
    fv_free(r->ctx, map);
    return status;
}

fv_status fv_check_classes(fv_check_report *r)
{
    const fv_names model = {r->options.data.classes, r->options.data.n_classes};
    for (int k = 0; k < FV_SPLIT_COUNT; k++) {
        const fv_check_split *s = &r->splits[k];
        if (!s->present || s->classes.count == 0)
            continue;
        if (model.name)
            FV_TRY(tell_split(r, s, &model, "the model", FV_FAULT_MODEL_CLASSES));
        else if (s->classes.name != r->classes.name && r->classes.count > 0)
            FV_TRY(tell_split(r, s, &r->classes,
                              r->splits[FV_SPLIT_TRAIN].classes.name == r->classes.name ? "the train split"
                                                                                        : "classes.txt",
                              FV_FAULT_CLASSES));
    }
    return FV_OK;
}
