/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread pool. Each worker gets a contiguous range of the tasks, the same in every step, so that it finds its data
 * in its own cache; when it is done it takes from the ranges of the others, so that a late or slow worker delays
 * nobody.
 *
 * The pool serves one loop at a time. A caller that finds it taken, by another thread or by the loop whose task it is,
 * runs its loop alone.
 *
 * A loop is a gate: the caller opens it, works, closes it when no task is left, and waits only for workers that came
 * in. One that the system has not woken in time finds the gate closed and is not waited for: on a busy machine the loop
 * loses a worker, not a time slice.
 */
#include "base/ctx_impl.h"

#include <sched.h>

/* gate = number of the loop << 17 | open << 16 | workers inside */
#define GATE_OPEN   ((uint64_t)1 << 16)
#define GATE_INSIDE (GATE_OPEN - 1)
#define GATE_NEXT   ((uint64_t)1 << 17)

/* Looks at the gate before a worker goes to sleep: a fraction of a millisecond, longer than the pauses within a step.
 */
enum { SPINS = 4000 };

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* The worker's own range first, then those of the others in turn. */
static void run_ranges(fv_ctx *ctx, int worker)
{
    fv_job *job = &ctx->job;
    for (int i = 0; i < job->workers; i++) {
        fv_task_range *range = &ctx->range[(worker + i) % job->workers];
        while (atomic_load_explicit(&range->next, memory_order_relaxed) < range->end) {
            int64_t task = atomic_fetch_add_explicit(&range->next, 1, memory_order_relaxed);
            if (task >= range->end)
                break;
            job->fn(job->arg, task, worker);
        }
    }
}

/* Whether a loop is open that the worker has not been in. */
static bool invites(uint64_t gate, uint64_t seen)
{
    return (gate & GATE_OPEN) && gate / GATE_NEXT != seen;
}

static void sleep_until_invited(fv_job *job, uint64_t seen)
{
    pthread_mutex_lock(&job->mutex);
    atomic_fetch_add(&job->sleepers, 1);
    /* Sequential consistency: the caller sees the sleeper, or the sleeper sees the open gate. */
    while (!invites(atomic_load(&job->gate), seen) && !atomic_load(&job->quit))
        pthread_cond_wait(&job->bell, &job->mutex);
    atomic_fetch_sub(&job->sleepers, 1);
    pthread_mutex_unlock(&job->mutex);
}

typedef struct worker_start {
    fv_ctx *ctx;
    int worker;
    _Atomic bool taken;
} worker_start;

static void *work(void *arg)
{
    worker_start *start = arg;
    fv_ctx *ctx = start->ctx;
    fv_job *job = &ctx->job;
    int worker = start->worker, spins = 0;
    uint64_t seen = 0;
    atomic_store_explicit(&start->taken, true, memory_order_release);
    while (!atomic_load_explicit(&job->quit, memory_order_acquire)) {
        uint64_t gate = atomic_load_explicit(&job->gate, memory_order_acquire);
        if (invites(gate, seen)) {
            if (!atomic_compare_exchange_weak_explicit(&job->gate, &gate, gate + 1, memory_order_acq_rel,
                                                       memory_order_relaxed))
                continue;
            seen = gate / GATE_NEXT;
            if (worker < job->workers)
                run_ranges(ctx, worker);
            atomic_fetch_sub_explicit(&job->gate, 1, memory_order_release);
            spins = 0;
        } else if (++spins < SPINS) {
            relax();
        } else {
            sleep_until_invited(job, seen);
            spins = 0;
        }
    }
    return NULL;
}

/* In the calling thread, as worker 0. */
static void run_alone(int64_t count, fv_task_fn fn, void *arg)
{
    for (int64_t task = 0; task < count; task++)
        fn(arg, task, 0);
}

void fv_parallel(fv_ctx *ctx, int64_t count, int max_threads, fv_task_fn fn, void *arg)
{
    fv_job *job = &ctx->job;
    int64_t workers = max_threads > 0 && max_threads < ctx->threads ? max_threads : ctx->threads;
    workers = workers < count ? workers : count;
    if (workers <= 1 || !ctx->pool_started || atomic_exchange_explicit(&job->taken, true, memory_order_acquire)) {
        run_alone(count, fn, arg);
        return;
    }
    int64_t share = count / workers, rest = count % workers, begin = 0;
    for (int64_t w = 0; w < workers; w++) {
        atomic_store_explicit(&ctx->range[w].next, begin, memory_order_relaxed);
        begin += share + (w < rest);
        ctx->range[w].end = begin;
    }
    job->fn = fn;
    job->arg = arg;
    job->workers = (int)workers;
    uint64_t gate = atomic_load_explicit(&job->gate, memory_order_relaxed);
    atomic_store(&job->gate, (gate / GATE_NEXT + 1) * GATE_NEXT + GATE_OPEN);
    if (atomic_load(&job->sleepers) > 0) {
        pthread_mutex_lock(&job->mutex);
        pthread_cond_broadcast(&job->bell);
        pthread_mutex_unlock(&job->mutex);
    }
    run_ranges(ctx, 0);
    atomic_fetch_and_explicit(&job->gate, ~GATE_OPEN, memory_order_acq_rel);
    for (int spins = 0; atomic_load_explicit(&job->gate, memory_order_acquire) & GATE_INSIDE; spins++)
        spins < SPINS ? relax() : (void)sched_yield();
    atomic_store_explicit(&job->taken, false, memory_order_release);
}

fv_status fv_pool_start(fv_ctx *ctx)
{
    if (ctx->threads <= 1)
        return FV_OK;
    int started = 1;
    pthread_mutex_init(&ctx->job.mutex, NULL);
    pthread_cond_init(&ctx->job.bell, NULL);
    while (started < ctx->threads) {
        worker_start start = {.ctx = ctx, .worker = started};
        if (pthread_create(&ctx->range[started].thread, NULL, work, &start) != 0)
            break;
        while (!atomic_load_explicit(&start.taken, memory_order_acquire))
            sched_yield();
        started++;
    }
    if (started < ctx->threads)
        fv_log(ctx, FV_LOG_WARN, "context", "only %d of %d threads can be started (limit on processes or memory)",
               started, ctx->threads);
    ctx->threads = started;
    ctx->pool_started = true;
    return FV_OK;
}

void fv_pool_stop(fv_ctx *ctx)
{
    if (!ctx->pool_started)
        return;
    pthread_mutex_lock(&ctx->job.mutex);
    atomic_store(&ctx->job.quit, true);
    pthread_cond_broadcast(&ctx->job.bell);
    pthread_mutex_unlock(&ctx->job.mutex);
    for (int i = 1; i < ctx->threads; i++)
        pthread_join(ctx->range[i].thread, NULL);
    pthread_cond_destroy(&ctx->job.bell);
    pthread_mutex_destroy(&ctx->job.mutex);
    ctx->pool_started = false;
}
