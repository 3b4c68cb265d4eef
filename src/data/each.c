/* SPDX-License-Identifier: Apache-2.0 */
/* Many independent items on some threads: for work that allocates and can fail, which the pool is not for. */
#include <signal.h>

#include "data/dataset.h"

#define MAX_THREADS 64

typedef struct each {
    _Atomic int64_t next, done;
    _Atomic int failed; /* the first failure's status */
    fv_failure failure; /* and its texts: whoever met it wrote them */
    fv_ctx *ctx;
    const char *done_what, *unit; /* NULL: nobody is told */
    pthread_t caller;
    int64_t count;
    fv_status (*fn)(void *arg, int64_t i);
    void *arg;
} each;

static void *work(void *user)
{
    each *e = user;
    while (atomic_load(&e->failed) == FV_OK) {
        const int64_t i = atomic_fetch_add(&e->next, 1);
        if (i >= e->count)
            break;
        fv_status status = e->fn(e->arg, i);
        const int64_t done = atomic_fetch_add(&e->done, 1) + 1;
        if (status == FV_OK && e->done_what && pthread_equal(pthread_self(), e->caller))
            status = fv_watch(e->ctx, e->done_what, e->unit, done, e->count);
        int expected = FV_OK;
        if (status != FV_OK && atomic_compare_exchange_strong(&e->failed, &expected, status))
            fv_fail_save(e->ctx, &e->failure);
    }
    return NULL;
}

fv_status fv_data_each(fv_ctx *ctx, const char *done_what, const char *unit, int64_t count,
                       fv_status (*fn)(void *arg, int64_t i), void *arg)
{
    each e = {.ctx = ctx, .count = count, .fn = fn, .arg = arg, .done_what = done_what, .unit = unit};
    e.caller = pthread_self();
    pthread_t threads[MAX_THREADS];
    int wanted = fv_ctx_threads(ctx) - 1, started = 0;
    wanted = wanted > MAX_THREADS ? MAX_THREADS : wanted;
    if (count < wanted + 1)
        wanted = count > 0 ? (int)count - 1 : 0;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals belong to the caller's thread */
    while (started < wanted && pthread_create(&threads[started], NULL, work, &e) == 0)
        started++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    work(&e); /* also does it all when no thread could be started */
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    const fv_status status = (fv_status)atomic_load(&e.failed);
    return status == FV_OK ? FV_OK : fv_fail_restore(ctx, status, &e.failure);
}
