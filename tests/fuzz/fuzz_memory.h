/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzing of what reads models: a context whose memory is bound to the size of the file that it reads. */
#ifndef FV_TESTS_FUZZ_MEMORY_H
#define FV_TESTS_FUZZ_MEMORY_H

#include <stdlib.h>

#include <fovea/fovea.h>

typedef struct fuzz_memory {
    size_t used, limit;
    bool refuses; /* more is refused: the input may ask for what it likes; false: it is a finding */
} fuzz_memory;

static void *fuzz_alloc(void *user, size_t size, size_t align)
{
    fuzz_memory *memory = user;
    void *ptr = NULL;
    if (memory->used + size > memory->limit) {
        if (!memory->refuses)
            abort();
        return NULL;
    }
    if (posix_memalign(&ptr, align, size) != 0)
        return NULL;
    memory->used += size;
    return ptr;
}

static void fuzz_release(void *user, void *ptr, size_t size)
{
    ((fuzz_memory *)user)->used -= ptr ? size : 0;
    free(ptr);
}

/* A context for files of `size` bytes together: 16 times that and 64 MB. Aborts when there is none. */
static inline fv_ctx *fuzz_ctx(fuzz_memory *memory, size_t size, bool refuses)
{
    *memory = (fuzz_memory){0, 16 * size + ((size_t)64 << 20), refuses};
    const fv_ctx_options options = {.threads = 1, .allocator = {fuzz_alloc, fuzz_release, memory}};
    fv_ctx *ctx = NULL;
    if (fv_ctx_create(&options, &ctx) != FV_OK)
        abort();
    return ctx;
}

/* Ends it; what was not given back is a finding. */
static inline void fuzz_ctx_end(fv_ctx *ctx, const fuzz_memory *memory)
{
    fv_ctx_destroy(&ctx);
    if (memory->used)
        abort();
}

/* What an importer gave: a model, which has an output, or a refusal, which says why. Ends the model. */
static inline void fuzz_imported(fv_ctx *ctx, fv_status status, fv_model *model)
{
    fv_port_info port;
    if (status != FV_OK && (model || !*fv_ctx_error(ctx)))
        abort();
    if (status == FV_OK && (!fv_model_port(model, true, 0, &port) || !port.name))
        abort();
    fv_model_destroy(&model);
}

#endif
