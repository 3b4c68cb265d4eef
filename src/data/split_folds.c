/* SPDX-License-Identifier: Apache-2.0 */
/* One fold of several held out, with groups by the names of samples. */
#include <regex.h>
#include <string.h>

#include "base/hash.h"
#include "data/dataset.h"

enum { NAME_BYTES = 4096 };

/* The group of a name by what the expression finds in it; 0: nothing. */
static uint64_t group_of(const regex_t *pattern, const char *name)
{
    regmatch_t match[2];
    uint64_t lanes[2] = {1, 0};
    if (regexec(pattern, name, 2, match, 0) != 0)
        return 0;
    const regmatch_t *m = pattern->re_nsub > 0 && match[1].rm_so >= 0 ? &match[1] : &match[0];
    fv_hash_add(lanes, name + m->rm_so, (size_t)(m->rm_eo - m->rm_so));
    const uint64_t group = lanes[0] ^ lanes[1];
    return group ? group : 1;
}

static fv_status make_groups(const fv_source *source, const char *expression, uint64_t *groups)
{
    regex_t pattern;
    char name[NAME_BYTES], text[256];
    int64_t found = 0;
    const int error = regcomp(&pattern, expression, REG_EXTENDED);
    if (error) {
        regerror(error, &pattern, text, sizeof text);
        return fv_fail_hint(
            source->ctx,
            fv_fail(source->ctx, FV_ERR_VALUE, "group-by: '%s' is no regular expression: %s", expression, text),
            "write an extended one, such as 'patient-([0-9]+)'");
    }
    for (int64_t i = 0; i < source->count; i++) {
        source->ops->name(source, i, name, sizeof name);
        groups[i] = group_of(&pattern, name);
        found += groups[i] != 0;
    }
    regfree(&pattern);
    if (found > 0)
        return FV_OK;
    source->ops->name(source, 0, name, sizeof name);
    return fv_fail_hint(source->ctx,
                        fv_fail(source->ctx, FV_ERR_VALUE,
                                "group-by: '%s' is in none of the %lld names of samples (the first: %s)", expression,
                                (long long)source->count, name),
                        "write what names of one group have in common, such as 'patient-([0-9]+)'");
}

fv_status fv_split_fold(fv_source *source, int64_t folds, int64_t fold, const char *group_by, uint64_t seed, bool *held)
{
    fv_ctx *ctx = source->ctx;
    const size_t n = (size_t)source->count;
    uint64_t *units = fv_malloc(ctx, n * sizeof *units), *groups = fv_malloc(ctx, n * sizeof *groups);
    uint64_t *own = source->groups;
    int32_t *of = fv_malloc(ctx, n * sizeof *of);
    fv_status status = units && groups && of ? FV_OK : FV_ERR_NO_MEMORY;
    fv_split_copies copies = {0};
    if (status == FV_OK && group_by && own)
        status = fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_CONFLICT, "group-by: the data have groups of their own"),
                              "leave it out, or the column of groups");
    if (status == FV_OK && group_by)
        status = make_groups(source, group_by, groups);
    if (status == FV_OK) {
        source->groups = group_by ? groups : own; /* while units are made of them */
        status = fv_split_units(source, NULL, source->count, FV_SPLIT_READ_WHOLE, units, &copies);
        source->groups = own;
    }
    const fv_split_input in = {source->labels,
                               units,
                               source->count,
                               &source->classes,
                               source->kind == FV_TASK_CLASSIFY,
                               .groups = group_by || own,
                               .copies = copies.files > 0};
    if (status == FV_OK)
        status = fv_split_deal(ctx, &in, folds, seed, of);
    for (int64_t i = 0; status == FV_OK && i < source->count; i++)
        held[i] = of[i] == fold;
    fv_free(ctx, units);
    fv_free(ctx, groups);
    fv_free(ctx, of);
    return status;
}
