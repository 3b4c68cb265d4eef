/* SPDX-License-Identifier: Apache-2.0 */
/* Which classes a data set has, and which samples are held out. */
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/dataset.h"

#include <stdio.h>

/* Samples that stay together. */
typedef struct unit {
    uint64_t key, rank;
    int64_t first, size; /* members: places in the list sorted by key */
    int32_t label;       /* the most frequent one */
} unit;

typedef struct member {
    uint64_t key;
    int32_t label;
    int64_t sample;
} member;

static int by_key_and_label(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return x->sample < y->sample ? -1 : 1;
}

static int by_label_and_rank(const void *a, const void *b)
{
    const unit *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->key < y->key ? -1 : x->key > y->key;
}

/* The most frequent label of members in order of label; of equally frequent ones the smallest. */
static int32_t main_label(const member *m, int64_t n)
{
    int32_t best = m[0].label;
    int64_t most = 0;
    for (int64_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && m[to].label == m[from].label;)
            to++;
        if (to - from > most) {
            most = to - from;
            best = m[from].label;
        }
    }
    return best;
}

static int64_t make_units(const fv_split_input *in, uint64_t seed, member *members, unit *units)
{
    int64_t n = 0;
    for (int64_t i = 0; i < in->count; i++)
        members[i] = (member){in->unit[i], in->labels[i], i};
    qsort(members, (size_t)in->count, sizeof *members, by_key_and_label);
    for (int64_t from = 0, to; from < in->count; from = to) {
        for (to = from; to < in->count && members[to].key == members[from].key;)
            to++;
        uint32_t word[4];
        fv_philox(seed, FV_RANDOM_SPLIT, members[from].key, 0, word);
        units[n++] = (unit){members[from].key, (uint64_t)word[0] << 32 | word[1], from, to - from,
                            main_label(members + from, to - from)};
    }
    qsort(units, (size_t)n, sizeof *units, by_label_and_rank);
    return n;
}

/*
 * The units of one class, in order of rank: as many for side 1 and then for side 2 as come nearest to their shares, at
 * least one unit each where a share is asked for and one is left for side 0.
 */
static void divide_class(const unit *units, int64_t n, const member *members, const double share[2], uint8_t *side)
{
    int64_t samples = 0, at = 0;
    for (int64_t u = 0; u < n; u++)
        samples += units[u].size;
    for (int s = 0; s < 2; s++) {
        const int64_t later = 1 + (s == 0 && share[1] > 0); /* units that must be left */
        const int64_t want = (int64_t)((double)samples * share[s] + 0.5);
        int64_t taken = 0;
        while (share[s] > 0 && n - at > later) {
            const int64_t size = units[at].size;
            if (taken > 0 && (taken >= want || taken + size - want > want - taken))
                break;
            for (int64_t m = 0; m < size; m++)
                side[members[units[at].first + m].sample] = (uint8_t)(s + 1);
            taken += size;
            at++;
        }
    }
}

static fv_status fail_few(fv_ctx *ctx, const fv_split_input *in, int32_t label, int64_t units, int parts)
{
    const char *why = !in->copies  ? "samples of one group"
                      : in->groups ? "samples of one group and files with the same content"
                                   : "files with the same content";
    char together[128] = "";
    int64_t samples = 0;
    for (int64_t i = 0; i < in->count; i++)
        samples += in->labels[i] == label;
    if (units < samples)
        snprintf(together, sizeof together, " in %lld piece%s (%s stay together)", (long long)units,
                 units == 1 ? "" : "s", why);
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_DATA,
                                "class '%s' has %lld sample%s%s: too few to divide into %d parts with one of each "
                                "class",
                                in->classes->name[label], (long long)samples, samples == 1 ? "" : "s", together, parts),
                        parts > 3 ? "add images, remove the class, or make fewer folds"
                                  : "add images, remove the class, or give a split of your own (a folder or a split "
                                    "column)");
}

fv_status fv_split_assign(fv_ctx *ctx, const fv_split_input *in, const double share[2], uint64_t seed, uint8_t *side)
{
    member *members = fv_malloc(ctx, (size_t)in->count * sizeof *members);
    unit *units = fv_malloc(ctx, (size_t)in->count * sizeof *units);
    fv_status status = members && units ? FV_OK : FV_ERR_NO_MEMORY;
    const int parts = 1 + (share[0] > 0) + (share[1] > 0);
    const int64_t n = status == FV_OK ? make_units(in, seed, members, units) : 0;
    memset(side, 0, (size_t)in->count);
    for (int64_t from = 0, to; from < n && status == FV_OK; from = to) {
        for (to = from; to < n && units[to].label == units[from].label;)
            to++;
        if (to - from < parts && in->strict)
            status = fail_few(ctx, in, units[from].label, to - from, parts);
        else
            divide_class(units + from, to - from, members, share, side);
    }
    fv_free(ctx, members);
    fv_free(ctx, units);
    return status;
}

/* ---- folds ---- */

static int by_label_and_size(const void *a, const void *b)
{
    const unit *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return by_label_and_rank(a, b);
}

static int64_t emptiest(const int64_t *of_class, const int64_t *in_all, int64_t folds)
{
    int64_t best = 0;
    for (int64_t k = 1; k < folds; k++)
        if (of_class[k] < of_class[best] || (of_class[k] == of_class[best] && in_all[k] < in_all[best]))
            best = k;
    return best;
}

fv_status fv_split_deal(fv_ctx *ctx, const fv_split_input *in, int64_t folds, uint64_t seed, int32_t *fold)
{
    member *members = fv_malloc(ctx, (size_t)in->count * sizeof *members);
    unit *units = fv_malloc(ctx, (size_t)in->count * sizeof *units);
    int64_t *of_class = fv_calloc(ctx, 2 * (size_t)folds, sizeof *of_class), *in_all = of_class + folds;
    fv_status status = members && units && of_class ? FV_OK : FV_ERR_NO_MEMORY;
    const int64_t n = status == FV_OK ? make_units(in, seed, members, units) : 0;
    if (n > 0)
        qsort(units, (size_t)n, sizeof *units, by_label_and_size);
    for (int64_t from = 0, to; from < n && status == FV_OK; from = to) {
        for (to = from; to < n && units[to].label == units[from].label;)
            to++;
        if (to - from < folds && in->strict)
            status = fail_few(ctx, in, units[from].label, to - from, (int)folds);
        memset(of_class, 0, (size_t)folds * sizeof *of_class);
        for (int64_t u = from; u < to; u++) {
            const int64_t k = emptiest(of_class, in_all, folds);
            of_class[k] += units[u].size;
            in_all[k] += units[u].size;
            for (int64_t m = 0; m < units[u].size; m++)
                fold[members[units[u].first + m].sample] = (int32_t)k;
        }
    }
    fv_free(ctx, members);
    fv_free(ctx, units);
    fv_free(ctx, of_class);
    return status;
}

fv_status fv_split_hold_out(fv_source *source, double share, uint64_t seed, bool *held)
{
    fv_ctx *ctx = source->ctx;
    uint64_t *units = fv_malloc(ctx, (size_t)source->count * sizeof *units);
    uint8_t *side = fv_malloc(ctx, (size_t)source->count);
    fv_status status = units && side ? FV_OK : FV_ERR_NO_MEMORY;
    fv_split_copies copies = {0};
    if (status == FV_OK)
        status = fv_split_units(source, NULL, source->count, FV_SPLIT_READ_WHOLE, units, &copies);
    const fv_split_input in = {source->labels,
                               units,
                               source->count,
                               &source->classes,
                               source->kind == FV_TASK_CLASSIFY,
                               .groups = source->groups,
                               .copies = copies.files > 0};
    const double shares[2] = {share, 0.0};
    if (status == FV_OK)
        status = fv_split_assign(ctx, &in, shares, seed, side);
    for (int64_t i = 0; status == FV_OK && i < source->count; i++)
        held[i] = side[i] == 1;
    fv_free(ctx, units);
    fv_free(ctx, side);
    return status;
}

/* How many names of `of` have no place in the map, and the first of them. */
static int64_t count_missing(const fv_names *of, const int64_t *map, const char **first)
{
    int64_t n = 0;
    for (int64_t i = 0; i < of->count; i++) {
        if (map[i] < 0 && n++ == 0)
            *first = of->name[i];
    }
    return n;
}

fv_status fv_classes_map(fv_ctx *ctx, const char *what, const fv_names *have, const fv_names *want, bool allow_extra,
                         int64_t *map)
{
    const char *extra = NULL, *missing = NULL;
    int64_t *back = fv_malloc(ctx, (size_t)(want->count + 1) * sizeof *back), n_missing = 0;
    fv_status mapped = back ? fv_names_map(ctx, want, have, back) : FV_ERR_NO_MEMORY;
    if (mapped == FV_OK) {
        n_missing = count_missing(want, back, &missing);
        mapped = fv_names_map(ctx, have, want, map);
    }
    fv_free(ctx, back);
    if (mapped != FV_OK)
        return mapped;
    const int64_t n_extra = count_missing(have, map, &extra);
    if (n_extra > 0 && !allow_extra) {
        char *found = fv_names_text(ctx, have), *expected = fv_names_text(ctx, want);
        char more[64] = "";
        fv_status status = FV_ERR_NO_MEMORY;
        if (n_extra > 1)
            snprintf(more, sizeof more, ", as are %lld more", (long long)n_extra - 1);
        if (found && expected)
            status =
                fv_fail_hint(ctx,
                             fv_fail(ctx, FV_ERR_DATA_CLASSES, "%s: class '%s' is unknown%s: found %s; expected %s",
                                     what, extra, more, found, expected),
                             "rename the folders, or leave them out with --allow-extra");
        fv_free(ctx, found);
        fv_free(ctx, expected);
        return status;
    }
    if (n_extra > 0)
        fv_log(ctx, FV_LOG_WARN, "data", "%s: %lld unknown class%s left out (first: '%s')", what, (long long)n_extra,
               n_extra == 1 ? "" : "es", extra);
    if (n_missing > 0)
        fv_log(ctx, FV_LOG_WARN, "data", "%s: no samples of %lld of the %lld classes (first: '%s')", what,
               (long long)n_missing, (long long)want->count, missing);
    return FV_OK;
}
