/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel loops over the context's threads. */
#ifndef FV_BASE_THREADS_H
#define FV_BASE_THREADS_H

#include "base/ctx.h"

/* One task: `task` in [0, count), `worker` in [0, fv_ctx_threads). Must not fail and must not allocate. */
typedef void (*fv_task_fn)(void *arg, int64_t task, int worker);

/*
 * Runs fn for every task, on at most `max_threads` threads (0: all). With one thread or one task it runs in the
 * caller. Allocates nothing. Which worker runs which task must never change a result.
 * Any thread, several at once, also from within a task: the pool serves one loop at a time, and who finds it busy runs
 * all tasks itself, as worker 0, so that nobody waits for another's loop. What is kept per worker belongs to one loop.
 * Workers look out for the next loop for a fraction of a millisecond, then sleep.
 */
void fv_parallel(fv_ctx *ctx, int64_t count, int max_threads, fv_task_fn fn, void *arg);

#endif
