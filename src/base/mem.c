/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory through the context's allocator. A block is
 *
 *     [ header, 64 bytes ][ size bytes for the user ][ FV_TAIL_PAD zeroed bytes ]
 *
 * where the header remembers `size`, so that release and the accounting know it. Both count the whole block.
 */
#include "base/ctx_impl.h"

#include <string.h>
#include <sys/resource.h>

typedef struct mem_header {
    _Alignas(64) size_t size;
} mem_header;

#define MEM_EXTRA (sizeof(mem_header) + FV_TAIL_PAD)

static mem_header *header_of(void *ptr)
{
    return (mem_header *)ptr - 1;
}

static void account(fv_ctx *ctx, int64_t change)
{
    int64_t now = atomic_fetch_add_explicit(&ctx->bytes_now, change, memory_order_relaxed) + change;
    int64_t peak = atomic_load_explicit(&ctx->bytes_peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&ctx->bytes_peak, &peak, now, memory_order_relaxed,
                                                                memory_order_relaxed)) {
    }
}

void *fv_malloc(fv_ctx *ctx, size_t size)
{
    mem_header *header = NULL;
    if (size <= (size_t)INT64_MAX - MEM_EXTRA)
        header = ctx->allocator.alloc(ctx->allocator.user, size + MEM_EXTRA, FV_ALIGN);
    if (!header) {
        fv_fail_memory(ctx, size, "a buffer");
        return NULL;
    }
    header->size = size;
    void *ptr = header + 1;
    memset((char *)ptr + size, 0, FV_TAIL_PAD);
    account(ctx, (int64_t)(size + MEM_EXTRA));
    return ptr;
}

void *fv_calloc(fv_ctx *ctx, size_t count, size_t size)
{
    size_t total = 0;
    if (__builtin_mul_overflow(count, size, &total)) {
        fv_fail(ctx, FV_ERR_NO_MEMORY, "out of memory: %zu objects of %zu bytes", count, size);
        return NULL;
    }
    void *ptr = fv_malloc(ctx, total);
    if (ptr)
        memset(ptr, 0, total);
    return ptr;
}

void *fv_realloc(fv_ctx *ctx, void *ptr, size_t size)
{
    void *grown = fv_malloc(ctx, size);
    if (grown && ptr) {
        size_t old = header_of(ptr)->size;
        memcpy(grown, ptr, old < size ? old : size);
        fv_free(ctx, ptr);
    }
    return grown;
}

char *fv_strdup(fv_ctx *ctx, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = fv_malloc(ctx, size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

void fv_free(fv_ctx *ctx, void *ptr)
{
    if (!ptr)
        return;
    mem_header *header = header_of(ptr);
    size_t total = header->size + MEM_EXTRA;
    account(ctx, -(int64_t)total);
    ctx->allocator.release(ctx->allocator.user, header, total);
}

void fv_ctx_memory(const fv_ctx *ctx, int64_t *now, int64_t *peak)
{
    if (now)
        *now = atomic_load_explicit(&ctx->bytes_now, memory_order_relaxed);
    if (peak)
        *peak = atomic_load_explicit(&ctx->bytes_peak, memory_order_relaxed);
}

int64_t fv_process_peak(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

bool fv_size_mul(int64_t a, int64_t b, int64_t *out)
{
    return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, out);
}

bool fv_size_add(int64_t a, int64_t b, int64_t *out)
{
    return a >= 0 && b >= 0 && !__builtin_add_overflow(a, b, out);
}
