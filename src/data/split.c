/* SPDX-License-Identifier: Apache-2.0 */
/* Which classes a data set has, and which samples are held out. */
#include <stdlib.h>

#include "base/random.h"
#include "data/dataset.h"

typedef struct ranked {
    int32_t label;
    uint64_t rank;
    int64_t sample;
} ranked;

static int by_label_and_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->sample < y->sample ? -1 : 1;
}

fv_status fv_split_hold_out(const fv_source *source, double share, uint64_t seed, bool *held)
{
    ranked *all = fv_malloc(source->ctx, (size_t)source->count * sizeof *all);
    if (!all)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < source->count; i++) {
        uint32_t word[4];
        fv_philox(seed, FV_RANDOM_SPLIT, source->ops->key(source, i), 0, word);
        all[i] = (ranked){source->labels[i], (uint64_t)word[0] << 32 | word[1], i};
        held[i] = false;
    }
    qsort(all, (size_t)source->count, sizeof *all, by_label_and_rank);
    for (int64_t from = 0, to; from < source->count; from = to) {
        for (to = from; to < source->count && all[to].label == all[from].label;)
            to++;
        const int64_t n = to - from;
        int64_t hold = (int64_t)((double)n * share + 0.5);
        hold = hold < 1 ? 1 : hold;
        hold = hold > n - 1 ? n - 1 : hold;
        for (int64_t i = 0; i < hold; i++)
            held[all[from + i].sample] = true;
    }
    fv_free(source->ctx, all);
    return FV_OK;
}

/* How many names of `of` are not in `in`, and the first of them. */
static int64_t count_missing(const fv_names *of, const fv_names *in, const char **first)
{
    int64_t n = 0;
    for (int64_t i = 0; i < of->count; i++) {
        if (fv_names_find(in, of->name[i]) >= 0)
            continue;
        if (n++ == 0)
            *first = of->name[i];
    }
    return n;
}

fv_status fv_classes_map(fv_ctx *ctx, const char *what, const fv_names *have, const fv_names *want, bool allow_extra,
                         int64_t *map)
{
    const char *extra = NULL, *missing = NULL;
    const int64_t n_extra = count_missing(have, want, &extra), n_missing = count_missing(want, have, &missing);
    for (int64_t i = 0; i < have->count; i++)
        map[i] = fv_names_find(want, have->name[i]);
    if (n_extra > 0 && !allow_extra) {
        char *found = fv_names_text(ctx, have), *expected = fv_names_text(ctx, want);
        fv_status status = FV_ERR_NO_MEMORY;
        if (found && expected)
            status = fv_fail_hint(ctx,
                                  fv_fail(ctx, FV_ERR_DATA_CLASSES,
                                          "%s: class '%s' is unknown, one of %lld: found %s; "
                                          "expected %s",
                                          what, extra, (long long)n_extra, found, expected),
                                  "rename the folders, or leave them out with --allow-extra");
        fv_free(ctx, found);
        fv_free(ctx, expected);
        return status;
    }
    if (n_extra > 0)
        fv_log(ctx, FV_LOG_WARN, "data", "%s: %lld unknown classes left out (first: '%s')", what, (long long)n_extra,
               extra);
    if (n_missing > 0)
        fv_log(ctx, FV_LOG_WARN, "data", "%s: no samples of %lld of the %lld classes (first: '%s')", what,
               (long long)n_missing, (long long)want->count, missing);
    return FV_OK;
}
