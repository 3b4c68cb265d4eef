/* SPDX-License-Identifier: Apache-2.0 */
/* Some samples in place of all, for a look at a data set. */
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/dataset.h"

typedef struct drawn {
    int32_t label;
    uint64_t rank; /* among the samples of its class */
    int64_t sample;
    double turn;
} drawn;

static int by_class_and_rank(const void *a, const void *b)
{
    const drawn *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->sample < y->sample ? -1 : x->sample > y->sample;
}

static int by_turn(const void *a, const void *b)
{
    const drawn *x = a, *y = b;
    if (x->turn != y->turn)
        return x->turn < y->turn ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->sample < y->sample ? -1 : x->sample > y->sample;
}

/* Sample k of a class of n has its turn at (k + 1/2) / n, which is Webster's way to give each class its share; but the
 * first ones come before all others, so that no class is missed that there is room for. */
static void give_turns(drawn *row, int64_t count)
{
    for (int64_t from = 0, to; from < count; from = to) {
        for (to = from; to < count && row[to].label == row[from].label;)
            to++;
        for (int64_t k = from; k < to; k++)
            row[k].turn = k == from ? -1 : ((double)(k - from) + 0.5) / (double)(to - from);
    }
}

static void move_sample(fv_dataset *d, int64_t to, int64_t from)
{
    const int64_t classes = d->classes.count;
    d->index[to] = d->index[from];
    d->labels[to] = d->labels[from];
    if (d->targets)
        memmove(d->targets + to * classes, d->targets + from * classes, (size_t)classes * sizeof *d->targets);
    if (d->weights)
        d->weights[to] = d->weights[from];
    if (d->groups)
        d->groups[to] = d->groups[from];
}

fv_status fv_dataset_keep(fv_dataset *d, int64_t count, uint64_t seed)
{
    if (count < 1)
        return fv_fail(d->ctx, FV_ERR_VALUE, "fv_dataset_keep: %lld samples: expected at least 1", (long long)count);
    if (d->cache || d->n_rows > 0)
        return fv_fail(d->ctx, FV_ERR_ARGUMENT, "fv_dataset_keep: samples have been read already");
    if (count >= d->count)
        return FV_OK;
    drawn *row = fv_malloc(d->ctx, (size_t)d->count * sizeof *row);
    uint8_t *kept = fv_calloc(d->ctx, (size_t)d->count, 1);
    for (int64_t i = 0; row && kept && i < d->count; i++) {
        uint32_t word[4];
        fv_philox(seed, FV_RANDOM_KEEP, (uint64_t)i, 0, word);
        row[i] = (drawn){d->labels[i], (uint64_t)word[0] << 32 | word[1], i, 0};
    }
    const bool there = row && kept;
    if (there) {
        int64_t n = 0;
        qsort(row, (size_t)d->count, sizeof *row, by_class_and_rank);
        give_turns(row, d->count);
        qsort(row, (size_t)d->count, sizeof *row, by_turn);
        for (int64_t k = 0; k < count; k++)
            kept[row[k].sample] = 1;
        for (int64_t i = 0; i < d->count; i++)
            if (kept[i])
                move_sample(d, n++, i);
        d->count = n;
    }
    fv_free(d->ctx, row);
    fv_free(d->ctx, kept);
    return there ? FV_OK : FV_ERR_NO_MEMORY;
}
