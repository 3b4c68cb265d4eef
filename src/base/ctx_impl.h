/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the context; only src/base may include it. */
#ifndef FV_BASE_CTX_IMPL_H
#define FV_BASE_CTX_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/threads.h"

#define FV_TOPICS_MAX  256
#define FV_THREADS_MAX 1024
#define FV_FAILURES    8

/* The tasks of one worker in the loop that runs; on a cache line of its own, as thieves write to it. */
typedef struct fv_task_range {
    _Alignas(64) _Atomic int64_t next;
    int64_t end;
    pthread_t thread; /* the worker itself; unused for worker 0, the caller */
} fv_task_range;

/* The loop that runs now, and how workers come into it and leave it (threads.c). */
typedef struct fv_job {
    fv_task_fn fn;
    void *arg;
    int workers;
    _Alignas(64) _Atomic uint64_t gate; /* number of the loop, whether it is open, workers inside */
    _Alignas(64) _Atomic int sleepers;
    _Atomic bool quit;
    pthread_mutex_t mutex; /* sleeping workers wait for `bell` */
    pthread_cond_t bell;
    _Alignas(64) _Atomic bool taken; /* by a caller; another one that comes meanwhile does its tasks itself */
} fv_job;

/* The failure that a thread recorded last. Records stay until the context goes; those of ended threads are used again.
 */
typedef struct fv_failure_record {
    _Atomic int thread; /* the system's number of it; 0: nobody's */
    fv_failure failure; /* its thread alone reads and writes it */
    struct fv_failure_record *next;
} fv_failure_record;

/* An object of an upper floor that goes with the context. */
typedef struct fv_attachment {
    const void *key;
    void *object;
    void (*destroy)(fv_ctx *ctx, void *object);
    struct fv_attachment *next; /* attached before this one */
} fv_attachment;

struct fv_ctx {
    fv_allocator allocator;
    size_t block_size; /* of this struct with its ranges */
    fv_log_sink sink;  /* under log_mutex */
    fv_watch_fn watch; /* NULL: nobody watches */
    void *watch_user;
    char topics[FV_TOPICS_MAX];
    fv_cpu cpu;
    fv_isa isa;
    int threads;
    int64_t memory_limit;
    _Atomic int64_t bytes_now, bytes_peak;
    _Atomic int pins;              /* the owner's, and fv_ctx_pin's */
    pthread_mutex_t log_mutex;     /* recursive: a callback may log */
    pthread_mutex_t failure_mutex; /* of who takes which record */
    _Atomic(fv_failure_record *) failures;
    fv_failure_record first_failures[FV_FAILURES]; /* the end of that list: enough for most without allocating */
    _Atomic int speechless;                        /* a thread for whose record there was no memory */
    bool pool_started;
    fv_attachment *attachments; /* last one first */
    fv_job job;
    fv_task_range range[]; /* one per thread */
};

void fv_failures_init(fv_ctx *ctx);
void fv_failures_free(fv_ctx *ctx);

/* Destroys what is attached, last one first. */
void fv_ctx_detach_all(fv_ctx *ctx);

/* Starts and stops the pool of ctx->threads threads. */
fv_status fv_pool_start(fv_ctx *ctx);
void fv_pool_stop(fv_ctx *ctx);

#endif
