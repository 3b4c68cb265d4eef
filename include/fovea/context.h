/* SPDX-License-Identifier: Apache-2.0 */
/* The context: allocator, log, threads, instruction set. Everything else hangs from one. */
#ifndef FOVEA_CONTEXT_H
#define FOVEA_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fovea/status.h>
#include <fovea/version.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fv_ctx fv_ctx;

/**
 * An allocator. `alloc` returns `size` bytes aligned to `align` (a power of two, at least sizeof(void *)) or NULL;
 * `release` takes NULL. Both may be called from several threads at once.
 */
typedef struct fv_allocator {
    void *(*alloc)(void *user, size_t size, size_t align);
    void (*release)(void *user, void *ptr, size_t size);
    void *user;
} fv_allocator;

typedef enum fv_log_level { FV_LOG_ERROR, FV_LOG_WARN, FV_LOG_INFO, FV_LOG_DEBUG } fv_log_level;

/** Receives one line without its newline. `topic` names the part that speaks ("plan", "data", "train"). Any thread,
 * one line at a time; it must not wait for another thread that uses the context. */
typedef void (*fv_log_fn)(void *user, fv_log_level level, const char *topic, const char *line);

/** Options of a context; a zeroed struct means the defaults. */
typedef struct fv_ctx_options {
    fv_allocator allocator; /* all NULL: aligned malloc */
    fv_log_fn log;          /* NULL: lines are dropped */
    void *log_user;
    int threads;     /* 0: FOVEA_NUM_THREADS, then OMP_NUM_THREADS, then affinity mask and cgroup quota */
    const char *isa; /* "scalar", "neon", "avx2", "avx512": an upper limit; NULL: FOVEA_CPU, then the best there is */
    int64_t memory;  /* bytes that plans may use, at most 95 % of a cgroup limit or ulimit; 0: 80 % of it or of RAM */
    const char *topics; /* comma-separated topics logged at debug level ("plan"); NULL: FOVEA_LOG */
} fv_ctx_options;

/**
 * Creates a context. On failure *ctx is NULL and the status tells why (VALUE for an unknown `isa` or one that the
 * processor or this build lacks, or a thread count out of range; NO_MEMORY); as there is no context to hold a message
 * then, it goes to options->log at error level under the topic "context".
 *
 * Several threads may work under one context at once, each with objects of its own (models, trainers, data sets; what
 * may be shared says so), and share its threads: a loop that finds them busy runs in its caller. Messages belong to the
 * thread whose call failed.
 */
FV_API fv_status fv_ctx_create(const fv_ctx_options *options, fv_ctx **ctx);
/** Destroys *ctx and sets it to NULL. Everything made from it must be gone before, and no other thread in it. Takes
 * NULL and pointers to NULL. */
FV_API void fv_ctx_destroy(fv_ctx **ctx);

/** The message of the calling thread's last failure in this context: one line, file or object first. "" when none.
 * Valid until that thread's next failure. */
FV_API const char *fv_ctx_error(const fv_ctx *ctx);
/** The hint that goes with fv_ctx_error: how to cure it. "" when none. */
FV_API const char *fv_ctx_hint(const fv_ctx *ctx);
/** Number of threads that work in this context. */
FV_API int fv_ctx_threads(const fv_ctx *ctx);
/** Name of the instruction set in use: "scalar", "neon", "avx2" or "avx512". */
FV_API const char *fv_ctx_isa(const fv_ctx *ctx);
/** Name of the processor. */
FV_API const char *fv_ctx_processor(const fv_ctx *ctx);
/** Bytes allocated through this context now, and the most there ever were. Either pointer may be NULL. */
FV_API void fv_ctx_memory(const fv_ctx *ctx, int64_t *now, int64_t *peak);
/** Bytes that plans may use (fv_ctx_options.memory, resolved). */
FV_API int64_t fv_ctx_memory_limit(const fv_ctx *ctx);

/** How far a long call is: "checked 120 of 400 images" is {"checked", "images", 120, 400}. */
typedef struct fv_how_far {
    const char *done_what; /* a past participle */
    const char *unit;
    int64_t done, total;
} fv_how_far;

/** Is told how far the call is, now and then and in the thread that made it; true ends it with FV_ERR_INTERRUPTED. */
typedef bool (*fv_watch_fn)(void *user, const fv_how_far *progress);
/**
 * Has the context's long calls watched from here on: evaluation (a run's validation, too), checks, statistics,
 * splitting, packing and drawing of data. `fn` NULL: nobody watches. What a call that is ended would have
 * written is not there, or as it was. Not while other threads are in the context.
 */
FV_API void fv_ctx_watch(fv_ctx *ctx, fv_watch_fn fn, void *user);

#ifdef __cplusplus
}
#endif
#endif
