/* SPDX-License-Identifier: Apache-2.0 */
/* The context as the library sees it: failing with a text, logging, allocating. */
#ifndef FV_BASE_CTX_H
#define FV_BASE_CTX_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fovea/context.h>

#include "base/cpu.h"

/* Readable bytes behind every buffer: kernels may over-read that far and never over-write. */
#define FV_TAIL_PAD ((size_t)256)
/* Alignment of every buffer that kernels touch. */
#define FV_ALIGN ((size_t)64)
/* Room for a message and for its hint, with their ends; longer ones are cut. */
#define FV_MESSAGE_MAX 4096
#define FV_HINT_MAX    1024

/*
 * Records the text of a failure and returns `status`, so that `return fv_fail(ctx, FV_ERR_SHAPE, "conv2d '%s': ...")`
 * reads as one statement. The text is one line: what, where, found, expected. Every thread has a message of its own,
 * so that a failing call finds what it said itself. Any thread.
 */
fv_status fv_fail(fv_ctx *ctx, fv_status status, const char *format, ...) FV_PRINTF(3, 4);
/* Adds the cure to the failure that the thread recorded last: `fv_fail_hint(ctx, fv_fail(...), "use --lr below 1")`.
 * Returns status. */
fv_status fv_fail_hint(fv_ctx *ctx, fv_status status, const char *format, ...) FV_PRINTF(3, 4);
/* Records an errno failure of `verb` ("open", "write") on path: NOT_FOUND, PERMISSION, NO_SPACE or IO by errno. */
fv_status fv_fail_errno(fv_ctx *ctx, int error, const char *verb, const char *path);
/* Puts "prefix: " in front of the recorded message (a file name around a parser's message). Returns status. */
fv_status fv_fail_prefix(fv_ctx *ctx, fv_status status, const char *prefix);
/* Records "out of memory: N bytes for WHAT" and returns FV_ERR_NO_MEMORY. */
fv_status fv_fail_memory(fv_ctx *ctx, size_t size, const char *what);
/* Forgets the thread's recorded failure (after a caller has dealt with it). */
void fv_fail_clear(fv_ctx *ctx);

/* A failure's texts on their way from the thread that it happened in to the thread that reports it. */
typedef struct fv_failure {
    char message[FV_MESSAGE_MAX];
    char hint[FV_HINT_MAX];
} fv_failure;
/* What the calling thread recorded last. */
void fv_fail_save(const fv_ctx *ctx, fv_failure *failure);
/* Records it as the calling thread's. Returns status. */
fv_status fv_fail_restore(fv_ctx *ctx, fv_status status, const fv_failure *failure);

/* Sends one line to the log callback, which gets one line at a time. DEBUG lines go out only for topics asked for. Any
 * thread. */
void fv_log(fv_ctx *ctx, fv_log_level level, const char *topic, const char *format, ...) FV_PRINTF(4, 5);
/* Who receives log lines. */
typedef struct fv_log_sink {
    fv_log_fn fn; /* NULL: lines are dropped */
    void *user;
    bool all; /* it keeps a list: who would show the first few of many lines sends all of them */
} fv_log_sink;
/* Sends log lines elsewhere from here on and returns where they went before, for callers who make something else of
 * them. Not while other threads of the context log. */
fv_log_sink fv_log_redirect(fv_ctx *ctx, fv_log_sink sink);
/* Whether lines go to a sink that wants all of many. */
bool fv_log_wants_all(const fv_ctx *ctx);
/* Whether debug lines of a topic would go out (to skip costly formatting). */
bool fv_log_wants(const fv_ctx *ctx, const char *topic);

/* Tells who watches (fv_ctx_watch) that `done` of `total` `unit` are `done_what`. FV_ERR_INTERRUPTED where they want no
 * more of it: on the way out nothing is left under a name that somebody would take for the result. */
fv_status fv_watch(fv_ctx *ctx, const char *done_what, const char *unit, int64_t done, int64_t total);

/*
 * Memory through the context's allocator. All return NULL on failure, having recorded NO_MEMORY; sizes are checked
 * for overflow. Memory is 64-byte aligned and has FV_TAIL_PAD readable bytes behind it. fv_free takes NULL. Any thread.
 */
void *fv_malloc(fv_ctx *ctx, size_t size);
void *fv_calloc(fv_ctx *ctx, size_t count, size_t size);
/* Grows or shrinks; on failure the old block stays valid and is still the caller's. */
void *fv_realloc(fv_ctx *ctx, void *ptr, size_t size);
char *fv_strdup(fv_ctx *ctx, const char *text);
void fv_free(fv_ctx *ctx, void *ptr);
/* The whole-object idiom: T *x = fv_new(ctx, T); zeroed. */
#define fv_new(ctx, T) ((T *)fv_calloc((ctx), 1, sizeof(T)))

/* Overflow-checked sizes: true and *out on success, false on overflow or a negative operand. */
bool fv_size_mul(int64_t a, int64_t b, int64_t *out);
bool fv_size_add(int64_t a, int64_t b, int64_t *out);

/*
 * Objects of upper floors that live as long as the context (registries, caches). `key` is the address of any static
 * object of the owner; attach takes ownership and calls `destroy(ctx, object)` in reverse order when the context goes.
 * On failure (NO_MEMORY) the object stays the caller's. `attached` gives the object of a key, or NULL. Attaching is not
 * for while other threads use the context.
 */
fv_status fv_ctx_attach(fv_ctx *ctx, const void *key, void *object, void (*destroy)(fv_ctx *ctx, void *object));
void *fv_ctx_attached(const fv_ctx *ctx, const void *key);

/* The most bytes that this process ever had in memory; 0: the system does not say. */
int64_t fv_process_peak(void);

/* The context's memory and its allocator stay usable until unpinned, beyond fv_ctx_destroy if need be: for a thread
 * that cannot be made to end. Any thread. */
void fv_ctx_pin(fv_ctx *ctx);
void fv_ctx_unpin(fv_ctx *ctx);

/* Whether this build has kernels for an instruction set. */
bool fv_isa_built(fv_isa isa);
/* The processor's facts, and the instruction set in use: the strongest that processor and build both have, or the
 * weaker one asked for. */
const fv_cpu *fv_ctx_cpu(const fv_ctx *ctx);
fv_isa fv_ctx_isa_id(const fv_ctx *ctx);

#endif
