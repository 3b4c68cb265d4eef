/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdio.h>
#include <string.h>

#define ARENA_ALIGN     ((size_t)16)
#define ARENA_CHUNK     ((size_t)4 << 10)
#define ARENA_CHUNK_MAX ((size_t)1 << 20)

typedef struct arena_chunk {
    struct arena_chunk *next;
    size_t used, size; /* of data */
    _Alignas(16) char data[];
} arena_chunk;

struct fv_arena {
    fv_ctx *ctx;
    arena_chunk *first; /* the one that is being filled */
    size_t chunk_size;
};

fv_status fv_arena_create(fv_ctx *ctx, fv_arena **out)
{
    *out = NULL;
    fv_arena *arena = fv_new(ctx, fv_arena);
    if (!arena)
        return FV_ERR_NO_MEMORY;
    arena->ctx = ctx;
    arena->chunk_size = ARENA_CHUNK;
    *out = arena;
    return FV_OK;
}

void fv_arena_destroy(fv_arena **ptr)
{
    if (!ptr || !*ptr)
        return;
    fv_arena *arena = *ptr;
    *ptr = NULL;
    for (arena_chunk *chunk = arena->first, *next; chunk; chunk = next) {
        next = chunk->next;
        fv_free(arena->ctx, chunk);
    }
    fv_free(arena->ctx, arena);
}

/* A chunk with room for `size` bytes. One made for a large object goes behind the first, which has room left. */
static arena_chunk *chunk_for(fv_arena *arena, size_t size)
{
    arena_chunk *first = arena->first;
    if (first && size <= first->size - first->used)
        return first;
    bool large = size > arena->chunk_size / 4;
    size_t capacity = large ? size : arena->chunk_size;
    arena_chunk *chunk = fv_malloc(arena->ctx, sizeof *chunk + capacity);
    if (!chunk)
        return NULL;
    *chunk = (arena_chunk){.size = capacity};
    if (large && first) {
        chunk->next = first->next;
        first->next = chunk;
    } else {
        chunk->next = first;
        arena->first = chunk;
    }
    if (!large && arena->chunk_size < ARENA_CHUNK_MAX)
        arena->chunk_size *= 2;
    return chunk;
}

/* Memory as it is: what of a chunk is never used is never touched, which the system would have to bring pages for. */
static void *take(fv_arena *arena, size_t size)
{
    if (size > (size_t)INT64_MAX) {
        fv_fail_memory(arena->ctx, size, "an arena");
        return NULL;
    }
    size = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    size += size ? 0 : ARENA_ALIGN;
    arena_chunk *chunk = chunk_for(arena, size);
    if (!chunk)
        return NULL;
    void *ptr = chunk->data + chunk->used;
    chunk->used += size;
    return ptr;
}

void *fv_arena_alloc(fv_arena *arena, size_t size)
{
    void *ptr = take(arena, size);
    if (ptr)
        memset(ptr, 0, size);
    return ptr;
}

void *fv_arena_memdup(fv_arena *arena, const void *data, size_t size)
{
    void *copy = take(arena, size);
    if (copy && size)
        memcpy(copy, data, size);
    return copy;
}

char *fv_arena_strdup(fv_arena *arena, const char *text)
{
    return fv_arena_memdup(arena, text, strlen(text) + 1);
}

char *fv_arena_printf(fv_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    char small[256];
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : take(arena, (size_t)n + 1);
    if (text && (size_t)n < sizeof small)
        memcpy(text, small, (size_t)n + 1);
    else if (text)
        vsnprintf(text, (size_t)n + 1, format, again);
    else if (n < 0)
        fv_fail(arena->ctx, FV_ERR_INTERNAL, "a text cannot be formatted with '%s'", format);
    va_end(again);
    return text;
}
