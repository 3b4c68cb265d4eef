/* SPDX-License-Identifier: Apache-2.0 */
/* Which samples must stay on one side of a split: those of a group, and files with the same content. */
#include <stdlib.h>

#include "base/hash.h"
#include "data/dataset.h"

typedef struct keyed {
    uint64_t key;
    int64_t sample;
} keyed;

typedef struct joiner {
    fv_source *source;
    const int64_t *index;
    int64_t n, n_alike;
    uint64_t *content; /* 0: it equals nothing */
    int64_t *alike;    /* samples of a size that others have too */
    int64_t *parent;   /* union-find */
    keyed *sorted;
} joiner;

static int by_key(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->sample < y->sample ? -1 : 1;
}

static int64_t place_of(const joiner *j, int64_t i)
{
    return j->index ? j->index[i] : i;
}

/* Only files of one size can be equal: most need not be read. Returns how many bytes the others have. */
static int64_t find_alike(joiner *j)
{
    const fv_source *source = j->source;
    int64_t bytes = 0;
    for (int64_t i = 0; i < j->n; i++) {
        const int64_t size = source->ops->bytes(source, place_of(j, i));
        j->sorted[i] = (keyed){size > 0 ? (uint64_t)size : 0, i};
    }
    qsort(j->sorted, (size_t)j->n, sizeof *j->sorted, by_key);
    for (int64_t i = 0; i < j->n; i++) {
        const uint64_t size = j->sorted[i].key;
        const bool before = i > 0 && j->sorted[i - 1].key == size;
        const bool behind = i + 1 < j->n && j->sorted[i + 1].key == size;
        if (size == 0 || (!before && !behind))
            continue;
        j->alike[j->n_alike++] = j->sorted[i].sample;
        bytes += (int64_t)size;
    }
    return bytes;
}

static fv_status hash_content(void *arg, int64_t k)
{
    const joiner *j = arg;
    fv_source *source = j->source;
    const int64_t i = j->alike[k];
    fv_image_error error = {0};
    uint8_t *data = NULL;
    int64_t size = 0;
    if (source->ops->read(source, place_of(j, i), &data, &size, &error) != FV_OK)
        return error.status == FV_ERR_NO_MEMORY ? FV_ERR_NO_MEMORY : FV_OK;
    uint64_t lanes[2] = {(uint64_t)size, 0};
    fv_hash_add(lanes, data, (size_t)size);
    j->content[i] = lanes[0] ^ lanes[1];
    fv_free(source->ctx, data);
    return FV_OK;
}

static int64_t find(int64_t *parent, int64_t i)
{
    while (parent[i] != i)
        i = parent[i] = parent[parent[i]];
    return i;
}

/* Joins the samples in `sorted` with the same key (0: none); how many joined another one. */
static int64_t join(joiner *j)
{
    int64_t joined = 0;
    qsort(j->sorted, (size_t)j->n, sizeof *j->sorted, by_key);
    for (int64_t i = 1; i < j->n; i++) {
        if (j->sorted[i].key == 0 || j->sorted[i].key != j->sorted[i - 1].key)
            continue;
        j->parent[find(j->parent, j->sorted[i].sample)] = find(j->parent, j->sorted[i - 1].sample);
        joined++;
    }
    return joined;
}

static uint64_t group_of(const joiner *j, int64_t i)
{
    return j->source->groups ? j->source->groups[place_of(j, i)] : 0;
}

/* A unit's key is the least of its members' groups or names, so that a unit keeps it when others come. */
static void name_units(joiner *j, uint64_t *unit)
{
    const fv_source *source = j->source;
    for (int64_t i = 0; i < j->n; i++)
        unit[i] = UINT64_MAX;
    for (int64_t i = 0; i < j->n; i++) {
        const uint64_t group = group_of(j, i), key = group ? group : source->ops->key(source, place_of(j, i));
        uint64_t *least = &unit[find(j->parent, i)];
        *least = key < *least ? key : *least;
    }
    for (int64_t i = 0; i < j->n; i++)
        unit[i] = unit[find(j->parent, i)];
}

fv_status fv_split_units(fv_source *source, const int64_t *index, int64_t n, int64_t limit, uint64_t *unit,
                         fv_split_copies *copies)
{
    fv_ctx *ctx = source->ctx;
    const size_t room = (size_t)n + 1;
    joiner j = {.source = source, .index = index, .n = n};
    j.content = fv_calloc(ctx, room, sizeof *j.content);
    j.alike = fv_malloc(ctx, room * sizeof *j.alike);
    j.parent = fv_malloc(ctx, room * sizeof *j.parent);
    j.sorted = fv_malloc(ctx, room * sizeof *j.sorted);
    fv_status status = j.content && j.alike && j.parent && j.sorted ? FV_OK : FV_ERR_NO_MEMORY;
    *copies = (fv_split_copies){0};
    if (status == FV_OK && source->ops->read) {
        copies->bytes = find_alike(&j);
        copies->alike = j.n_alike;
        copies->skipped = limit > 0 && copies->bytes > limit;
        if (!copies->skipped)
            status = fv_data_each(ctx, j.n_alike, hash_content, &j);
    }
    if (status == FV_OK) {
        for (int64_t i = 0; i < n; i++) {
            j.parent[i] = i;
            j.sorted[i] = (keyed){j.content[i], i};
        }
        copies->files = join(&j);
        for (int64_t i = 0; i < n; i++)
            j.sorted[i] = (keyed){group_of(&j, i), i};
        join(&j);
        name_units(&j, unit);
    }
    fv_free(ctx, j.content);
    fv_free(ctx, j.alike);
    fv_free(ctx, j.parent);
    fv_free(ctx, j.sorted);
    return status;
}
