/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which samples must stay on one side of a split: those of a group, and those with the same content. Files are compared
 * by their bytes, arrays and raw pixels by their pixels. What has another size, another checksum (where a pack knows
 * it) or, of many bytes, another beginning is not read.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "data/dataset.h"

enum { HEAD_BYTES = 16 << 10 };

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

/* The bytes of a sample's file, or its pixels. */
static fv_status hash_content(void *arg, int64_t k)
{
    const joiner *j = arg;
    fv_source *source = j->source;
    const int64_t i = j->alike[k], place = place_of(j, i);
    fv_image_error error = {0};
    uint64_t lanes[2] = {0, 0};
    if (source->pixels) {
        const int64_t size = source->h * source->w * source->c;
        fv_hash_add(lanes, source->pixels + (size_t)place * (size_t)size, (size_t)size);
    } else if (source->ops->read) {
        uint8_t *data = NULL;
        int64_t size = 0;
        if (source->ops->read(source, place, &data, &size, &error) != FV_OK)
            return error.status == FV_ERR_NO_MEMORY ? FV_ERR_NO_MEMORY : FV_OK;
        lanes[0] = (uint64_t)size;
        fv_hash_add(lanes, data, (size_t)size);
        fv_free(source->ctx, data);
    } else {
        const fv_decode_options decode = {.keep_depth = true};
        fv_image image = {0};
        fv_decode_notes notes;
        if (source->ops->image(source, place, &decode, NULL, &image, &notes, &error) != FV_OK)
            return error.status == FV_ERR_NO_MEMORY ? FV_ERR_NO_MEMORY : FV_OK;
        lanes[0] = (uint64_t)image.h << 32 ^ (uint64_t)image.w;
        fv_hash_add(lanes, image.data, (size_t)(image.h * image.w * image.c) * fv_depth_bytes(image.depth));
        fv_image_free(source->ctx, &image);
    }
    j->content[i] = lanes[0] ^ lanes[1];
    return FV_OK;
}

/* What is quickly known of a sample that is not equal to another of its size. */
static fv_status hash_head(void *arg, int64_t k)
{
    const joiner *j = arg;
    fv_source *source = j->source;
    const int64_t i = j->alike[k], place = place_of(j, i);
    uint64_t lanes[2] = {(uint64_t)source->ops->bytes(source, place), 0};
    if (source->ops->crc) {
        const uint32_t crc = source->ops->crc(source, place);
        fv_hash_add(lanes, &crc, sizeof crc);
    } else {
        uint8_t *head = fv_malloc(source->ctx, HEAD_BYTES);
        size_t got = 0;
        if (!head)
            return FV_ERR_NO_MEMORY;
        const fv_status status = source->ops->head(source, place, head, HEAD_BYTES, &got);
        fv_hash_add(lanes, head, got);
        fv_free(source->ctx, head);
        if (status == FV_ERR_NO_MEMORY)
            return status;
    }
    j->content[i] = lanes[0] ^ lanes[1];
    return FV_OK;
}

/* Keeps of the alike samples those whose heads are alike too. */
static fv_status compare_heads(joiner *j)
{
    FV_TRY(fv_data_each(j->source->ctx, "compared", "beginnings of files", j->n_alike, hash_head, j));
    for (int64_t k = 0; k < j->n_alike; k++)
        j->sorted[k] = (keyed){j->content[j->alike[k]], j->alike[k]};
    const int64_t n = j->n_alike;
    qsort(j->sorted, (size_t)n, sizeof *j->sorted, by_key);
    j->n_alike = 0;
    for (int64_t k = 0; k < n; k++) {
        const uint64_t key = j->sorted[k].key;
        j->content[j->sorted[k].sample] = 0;
        if ((k > 0 && j->sorted[k - 1].key == key) || (k + 1 < n && j->sorted[k + 1].key == key))
            j->alike[j->n_alike++] = j->sorted[k].sample;
    }
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
    if (status == FV_OK) {
        copies->bytes = find_alike(&j);
        copies->alike = j.n_alike;
        if (source->ops->crc || (source->ops->head && copies->bytes > limit))
            status = compare_heads(&j);
        copies->read = j.n_alike;
    }
    if (status == FV_OK)
        status = fv_data_each(ctx, "compared", "files of one size", j.n_alike, hash_content, &j);
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
