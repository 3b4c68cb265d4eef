/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing is ever thrown out: an epoch comes to every sample once, so that what was used last is what is needed last.
 * Which samples are held may depend on the order in which threads decode them; what a batch holds may not, and does
 * not: with a cache all images are decoded whole, those that do not fit too.
 */
#include "data/cache.h"

#include <stdatomic.h>
#include <string.h>

#define OVERHEAD ((int64_t)(64 + FV_TAIL_PAD)) /* of a block from the context */

/* One image, its pixels behind it. */
typedef struct entry {
    fv_image image;
    fv_decode_notes notes;
} entry;

struct fv_cache {
    fv_ctx *ctx;
    int64_t count, limit;
    fv_decode_options decode;
    _Atomic(entry *) *entries;
    _Atomic int64_t bytes, samples;
};

fv_status fv_cache_create(fv_ctx *ctx, int64_t count, int64_t limit, const fv_decode_options *decode, fv_cache **cache)
{
    *cache = fv_new(ctx, fv_cache);
    if (!*cache)
        return FV_ERR_NO_MEMORY;
    fv_cache *c = *cache;
    c->ctx = ctx;
    c->count = count;
    c->limit = limit;
    c->decode = *decode;
    c->entries = fv_calloc(ctx, (size_t)count, sizeof *c->entries);
    if (!c->entries) {
        fv_cache_destroy(cache);
        return FV_ERR_NO_MEMORY;
    }
    c->bytes = count * (int64_t)sizeof *c->entries + 2 * OVERHEAD + (int64_t)sizeof *c;
    return FV_OK;
}

void fv_cache_destroy(fv_cache **cache)
{
    if (!cache || !*cache)
        return;
    fv_cache *c = *cache;
    for (int64_t i = 0; c->entries && i < c->count; i++)
        fv_free(c->ctx, atomic_load(&c->entries[i]));
    fv_free(c->ctx, (void *)c->entries);
    fv_free(c->ctx, c);
    *cache = NULL;
}

bool fv_cache_serves(const fv_cache *cache, const fv_decode_options *decode)
{
    const fv_decode_options *a = &cache->decode, *b = decode;
    return a->max_pixels == b->max_pixels && a->ignore_exif == b->ignore_exif && a->salvage == b->salvage &&
           a->keep_depth == b->keep_depth;
}

static size_t pixel_bytes(const fv_image *image)
{
    return (size_t)(image->h * image->w * image->c) * fv_depth_bytes(image->depth);
}

int64_t fv_cache_cost(const fv_image *image)
{
    return (int64_t)(sizeof(entry) + pixel_bytes(image)) + OVERHEAD;
}

int64_t fv_cache_least(int64_t count)
{
    return count * (int64_t)sizeof(entry *) + 4 * OVERHEAD;
}

void fv_cache_get(fv_cache *cache, int64_t i, fv_image *image, fv_decode_notes *notes, bool *hit)
{
    const entry *e = atomic_load_explicit(&cache->entries[i], memory_order_acquire);
    *hit = false;
    if (!e)
        return;
    uint8_t *data = fv_malloc(cache->ctx, pixel_bytes(&e->image));
    if (!data)
        return;
    memcpy(data, e + 1, pixel_bytes(&e->image));
    *image = e->image;
    image->data = data;
    *notes = e->notes;
    *hit = true;
}

void fv_cache_put(fv_cache *cache, int64_t i, const fv_image *image, const fv_decode_notes *notes)
{
    const int64_t size = fv_cache_cost(image);
    if (atomic_load_explicit(&cache->entries[i], memory_order_relaxed))
        return;
    if (atomic_fetch_add(&cache->bytes, size) + size > cache->limit) {
        atomic_fetch_sub(&cache->bytes, size);
        return;
    }
    entry *e = fv_malloc(cache->ctx, sizeof *e + pixel_bytes(image)), *none = NULL;
    if (e) {
        *e = (entry){.image = *image, .notes = *notes};
        e->image.data = NULL;
        memcpy(e + 1, image->data, pixel_bytes(image));
        if (atomic_compare_exchange_strong(&cache->entries[i], &none, e)) {
            atomic_fetch_add(&cache->samples, 1);
            return;
        }
        fv_free(cache->ctx, e); /* another thread was faster */
    }
    atomic_fetch_sub(&cache->bytes, size);
}

void fv_cache_stats(const fv_cache *cache, int64_t *bytes, int64_t *samples)
{
    *bytes = atomic_load(&cache->bytes);
    *samples = atomic_load(&cache->samples);
}
