/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel loops over the context's thread pool (pthreadpool). */
#ifndef FV_BASE_THREADS_H
#define FV_BASE_THREADS_H

#include "base/ctx.h"

/* One task: `task` in [0, count), `worker` in [0, fv_ctx_threads). Must not fail and must not allocate. */
typedef void (*fv_task_fn)(void *arg, int64_t task, int worker);

/*
 * Runs fn for every task, on at most `max_threads` threads (0: all). With one thread or one task it runs in the
 * caller. Allocates nothing. Which worker runs which task must never change a result. Not reentrant per context.
 */
void fv_parallel(fv_ctx *ctx, int64_t count, int max_threads, fv_task_fn fn, void *arg);

/*
 * Sends the workers to sleep until the next loop. Between two loops they otherwise spin for some ten milliseconds, so
 * that the next loop begins within microseconds. Call it where a pause is due (end of an epoch, waiting for data or for
 * a request), and nowhere inside a step: waking costs some ten microseconds.
 */
void fv_parallel_rest(fv_ctx *ctx);

#endif
