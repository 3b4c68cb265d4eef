/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each worker gets a contiguous range of the tasks, the same in every step, so that it finds its data in its own
 * cache; when it is done it takes from the ranges of the others, so that a late or slow worker delays nobody.
 */
#include "base/ctx_impl.h"

#include <pthreadpool.h>

/* Runs in each worker: its own range first, then those of the others in turn. */
static void run_ranges(void *ptr, size_t worker)
{
    fv_ctx *ctx = ptr;
    fv_job *job = &ctx->job;
    /* The pool orders memory itself; these two say so in the language's own terms, which race detectors need. */
    (void)atomic_load_explicit(&job->started, memory_order_acquire);
    for (int i = 0; i < job->workers; i++) {
        fv_task_range *range = &ctx->range[((int)worker + i) % job->workers];
        while (atomic_load_explicit(&range->next, memory_order_relaxed) < range->end) {
            int64_t task = atomic_fetch_add_explicit(&range->next, 1, memory_order_relaxed);
            if (task >= range->end)
                break;
            job->fn(job->arg, task, (int)worker);
        }
    }
    atomic_fetch_add_explicit(&job->finished, 1, memory_order_release);
}

void fv_parallel(fv_ctx *ctx, int64_t count, int max_threads, fv_task_fn fn, void *arg)
{
    int64_t workers = max_threads > 0 && max_threads < ctx->threads ? max_threads : ctx->threads;
    workers = workers < count ? workers : count;
    if (workers <= 1 || !ctx->pool) {
        for (int64_t task = 0; task < count; task++)
            fn(arg, task, 0);
        return;
    }
    int64_t share = count / workers, rest = count % workers, begin = 0;
    for (int64_t w = 0; w < workers; w++) {
        atomic_store_explicit(&ctx->range[w].next, begin, memory_order_relaxed);
        begin += share + (w < rest);
        ctx->range[w].end = begin;
    }
    ctx->job.fn = fn;
    ctx->job.arg = arg;
    ctx->job.workers = (int)workers;
    atomic_fetch_add_explicit(&ctx->job.started, 1, memory_order_release);
    pthreadpool_parallelize_1d(ctx->pool, run_ranges, ctx, (size_t)workers, 0);
    (void)atomic_load_explicit(&ctx->job.finished, memory_order_acquire);
}

static void do_nothing(void *arg, size_t task)
{
    (void)arg;
    (void)task;
}

void fv_parallel_rest(fv_ctx *ctx)
{
    if (ctx->pool)
        pthreadpool_parallelize_1d(ctx->pool, do_nothing, NULL, (size_t)ctx->threads, PTHREADPOOL_FLAG_YIELD_WORKERS);
}

static void *wait_for_gate(void *arg)
{
    pthread_mutex_lock(arg);
    pthread_mutex_unlock(arg);
    return NULL;
}

/*
 * How many threads (of `wanted` beside the caller) the system lets us have at once. pthreadpool does not look at what
 * pthread_create returns and would wait for ever for a thread that a limit on processes or memory kept from starting.
 */
static int threads_possible(fv_ctx *ctx, int wanted)
{
    /* The ranges are not in use yet; there is one per thread, which is large enough for a handle. */
    _Static_assert(sizeof(pthread_t) <= sizeof(fv_task_range), "a range holds a thread handle");
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&gate);
    int started = 0;
    while (started < wanted && !pthread_create((pthread_t *)(void *)&ctx->range[started], NULL, wait_for_gate, &gate))
        started++;
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < started; i++)
        pthread_join(*(pthread_t *)(void *)&ctx->range[i], NULL);
    pthread_mutex_destroy(&gate);
    return started;
}

fv_status fv_pool_start(fv_ctx *ctx)
{
    if (ctx->threads <= 1)
        return FV_OK;
    int possible = 1 + threads_possible(ctx, ctx->threads - 1);
    if (possible < ctx->threads) {
        fv_log(ctx, FV_LOG_WARN, "context", "only %d of %d threads can be started (limit on processes or memory)",
               possible, ctx->threads);
        ctx->threads = possible;
        if (possible == 1)
            return FV_OK;
    }
    ctx->pool = pthreadpool_create((size_t)ctx->threads);
    if (!ctx->pool)
        return fv_fail(ctx, FV_ERR_NO_MEMORY, "out of memory: a pool of %d threads", ctx->threads);
    return FV_OK;
}

void fv_pool_stop(fv_ctx *ctx)
{
    if (ctx->pool)
        pthreadpool_destroy(ctx->pool);
    ctx->pool = NULL;
}
