/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/threads.h"

#define TASKS 1000

typedef struct loop {
    int threads, max_threads;
    int32_t runs[TASKS];      /* plain: each task is run by one thread, and its caller sees it */
    _Atomic int32_t busy[16]; /* by worker: two at once may never have one number */
    _Atomic int32_t clashes, active, most_active;
    int meet; /* tasks wait until this many have been active at once (or ten seconds) */
} loop;

static void count_task(void *arg, int64_t task, int worker)
{
    loop *l = arg;
    if (worker < 0 || worker >= l->threads || (l->max_threads && worker >= l->max_threads) ||
        atomic_fetch_add(&l->busy[worker], 1) != 0)
        l->clashes++;
    int32_t active = ++l->active;
    if (active > l->most_active)
        l->most_active = active;
    for (int i = 0; i < 10000 && l->most_active < l->meet; i++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    l->runs[task]++;
    l->active--;
    l->busy[worker]--;
}

static void test_every_task_runs_once(void **state)
{
    (void)state;
    static loop l;
    const int64_t counts[] = {0, 1, 2, 3, 5, 17, TASKS};
    for (int threads = 1; threads <= 5; threads++) {
        fv_ctx *ctx = fv_test_ctx(threads, NULL, NULL);
        for (int max_threads = 0; max_threads <= 6; max_threads++) {
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                memset(&l, 0, sizeof l);
                l.threads = threads;
                l.max_threads = max_threads;
                fv_parallel(ctx, counts[c], max_threads, count_task, &l);
                for (int64_t i = 0; i < TASKS; i++)
                    assert_int_equal(l.runs[i], i < counts[c]);
                assert_int_equal(l.clashes, 0);
                if (max_threads)
                    assert_true(l.most_active <= max_threads);
            }
        }
        fv_ctx_destroy(&ctx);
    }
}

static void test_threads_do_run_at_once(void **state)
{
    (void)state;
    static loop l;
    fv_ctx *ctx = fv_test_ctx(4, NULL, NULL);
    const int limits[] = {0, 2};
    for (int i = 0; i < 2; i++) {
        memset(&l, 0, sizeof l);
        l.threads = 4;
        l.max_threads = limits[i];
        l.meet = limits[i] ? limits[i] : 4;
        fv_parallel(ctx, 60, limits[i], count_task, &l);
        assert_int_equal(l.most_active, limits[i] ? limits[i] : 4);
        assert_int_equal(l.clashes, 0);
    }
    fv_ctx_destroy(&ctx);
}

static void uneven_task(void *arg, int64_t task, int worker)
{
    /* The first quarter takes all the time: the others have to take from it. */
    if (task < 10)
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    ((int32_t *)arg)[task] = worker;
}

static void test_idle_workers_take_from_others(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(4, NULL, NULL);
    int32_t worker[40];
    memset(worker, -1, sizeof worker);
    fv_parallel(ctx, 40, 0, uneven_task, worker);
    int taken = 0;
    for (int i = 0; i < 40; i++) {
        assert_true(worker[i] >= 0);
        taken += i < 10 && worker[i] != 0;
    }
    assert_true(taken >= 3);
    fv_ctx_destroy(&ctx);
}

static void nothing_task(void *arg, int64_t task, int worker)
{
    (void)arg;
    (void)task;
    (void)worker;
}

static double process_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void test_resting_workers_use_no_time(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    static loop l;
    for (int round = 0; round < 3; round++) {
        memset(&l, 0, sizeof l);
        l.threads = 2;
        fv_parallel(ctx, TASKS, 0, count_task, &l);
        nanosleep(&(struct timespec){0, 5000000}, NULL);
        double begin = process_seconds();
        nanosleep(&(struct timespec){0, 30000000}, NULL);
        assert_true(process_seconds() - begin < 0.010);
        fv_parallel(ctx, TASKS, 0, count_task, &l); /* and they wake again */
        for (int64_t i = 0; i < TASKS; i++)
            assert_int_equal(l.runs[i], 2);
    }
    fv_parallel(ctx, 2, 0, nothing_task, NULL);
    fv_ctx_destroy(&ctx);
}

static void test_nothing_is_allocated(void **state)
{
    (void)state;
    static loop l;
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(3, &a, NULL);
    a.calls = 0;
    memset(&l, 0, sizeof l);
    l.threads = 3;
    for (int i = 0; i < 100; i++)
        fv_parallel(ctx, 7, 0, count_task, &l);
    assert_int_equal(a.calls, 0);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
}

static void test_contexts_are_independent(void **state)
{
    (void)state;
    static loop l;
    fv_ctx *ctx[3];
    for (int i = 0; i < 3; i++)
        ctx[i] = fv_test_ctx(i + 1, NULL, NULL);
    for (int round = 0; round < 30; round++) {
        memset(&l, 0, sizeof l);
        l.threads = round % 3 + 1;
        fv_parallel(ctx[round % 3], TASKS, 0, count_task, &l);
        assert_int_equal(l.runs[0] + l.runs[TASKS - 1], 2);
    }
    for (int i = 0; i < 3; i++)
        fv_ctx_destroy(&ctx[i]);
}

enum { CALLERS = 8, ROUNDS = 200 };

typedef struct caller {
    fv_ctx *ctx;
    int number, wrong;
} caller;

typedef struct sums {
    int64_t task[64];
    int from;
} sums;

static void sum_task(void *arg, int64_t task, int worker)
{
    sums *s = arg;
    (void)worker;
    for (int64_t i = 0; i < 200; i++)
        s->task[task] += s->from + i;
}

static void *call_often(void *arg)
{
    caller *c = arg;
    for (int round = 0; round < ROUNDS; round++) {
        sums s = {.from = c->number * round};
        const int64_t count = 1 + (c->number + round) % 64;
        fv_parallel(c->ctx, count, round % 4, sum_task, &s);
        for (int64_t i = 0; i < 64; i++)
            c->wrong += s.task[i] != (i < count ? 200 * (int64_t)s.from + 19900 : 0);
    }
    return NULL;
}

static void test_many_threads_call_at_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        fv_ctx *ctx = fv_test_ctx(threads, NULL, NULL);
        pthread_t thread[CALLERS];
        caller c[CALLERS];
        for (int i = 0; i < CALLERS; i++) {
            c[i] = (caller){.ctx = ctx, .number = i};
            assert_int_equal(pthread_create(&thread[i], NULL, call_often, &c[i]), 0);
        }
        for (int i = 0; i < CALLERS; i++) {
            pthread_join(thread[i], NULL);
            assert_int_equal(c[i].wrong, 0);
        }
        fv_ctx_destroy(&ctx);
    }
}

typedef struct two_loops {
    fv_ctx *ctx;
    _Atomic int begun, workers; /* of the second loop: highest worker + 1 */
    _Atomic bool second_is_done;
    _Atomic int timeouts;
} two_loops;

static void wait_task(void *arg, int64_t task, int worker)
{
    two_loops *t = arg;
    (void)task;
    (void)worker;
    t->begun++;
    for (int i = 0; i < 10000 && !t->second_is_done; i++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    t->timeouts += !t->second_is_done;
}

static void note_worker(void *arg, int64_t task, int worker)
{
    two_loops *t = arg;
    (void)task;
    if (worker + 1 > t->workers)
        t->workers = worker + 1;
}

static void *hold_the_pool(void *arg)
{
    two_loops *t = arg;
    fv_parallel(t->ctx, 3, 0, wait_task, t);
    return NULL;
}

/* The first loop ends only after the second one has: who finds the pool taken does not wait for it. */
static void test_a_busy_pool_is_not_waited_for(void **state)
{
    (void)state;
    two_loops t = {.ctx = fv_test_ctx(3, NULL, NULL)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, hold_the_pool, &t), 0);
    while (t.begun == 0)
        sched_yield();
    fv_parallel(t.ctx, 100, 0, note_worker, &t);
    assert_int_equal(t.workers, 1); /* the caller did it all */
    t.second_is_done = true;
    pthread_join(thread, NULL);
    assert_int_equal(t.timeouts, 0);
    fv_ctx_destroy(&t.ctx);
}

typedef struct nest {
    fv_ctx *ctx;
    int32_t runs[20][30];
    int32_t others[20]; /* inner tasks that ran as another worker than 0 */
} nest;

static void inner_task(void *arg, int64_t task, int worker)
{
    int32_t **to = arg;
    to[0][task]++;
    *to[1] += worker != 0;
}

static void outer_task(void *arg, int64_t task, int worker)
{
    nest *n = arg;
    (void)worker;
    int32_t *to[2] = {n->runs[task], &n->others[task]};
    fv_parallel(n->ctx, 30, 0, inner_task, to);
}

static void test_loops_within_tasks(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        nest n = {.ctx = fv_test_ctx(threads, NULL, NULL)};
        fv_parallel(n.ctx, 20, 0, outer_task, &n);
        for (int i = 0; i < 20; i++) {
            for (int k = 0; k < 30; k++)
                assert_int_equal(n.runs[i][k], 1);
            assert_int_equal(n.others[i], 0);
        }
        fv_ctx_destroy(&n.ctx);
    }
}

/* A limit that keeps threads from starting must give fewer threads and a warning, not a hang. */
static void test_refused_threads(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit few = {3, 3};
        alarm(20);
        /* The limit on processes does not bind the administrator: give that up first. */
        if ((!getuid() && (setgid(61234) || setuid(61234))) || setrlimit(RLIMIT_NPROC, &few))
            _exit(77);
        static fv_test_log log;
        fv_ctx_options options = {.threads = 64, .log = fv_test_log_line, .log_user = &log};
        fv_ctx *ctx = NULL;
        if (fv_ctx_create(&options, &ctx) != FV_OK)
            _exit(1);
        static loop l;
        l.threads = fv_ctx_threads(ctx);
        fv_parallel(ctx, TASKS, 0, count_task, &l);
        bool ok = l.threads >= 1 && l.threads < 64 && l.runs[0] == 1 && l.runs[TASKS - 1] == 1 &&
                  strstr(log.text, "of 64 threads can be started");
        fv_ctx_destroy(&ctx);
        _exit(ok ? 0 : 2);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_threads), /* before others have used the pool: it forks */
        cmocka_unit_test(test_every_task_runs_once),
        cmocka_unit_test(test_threads_do_run_at_once),
        cmocka_unit_test(test_idle_workers_take_from_others),
        cmocka_unit_test(test_resting_workers_use_no_time),
        cmocka_unit_test(test_nothing_is_allocated),
        cmocka_unit_test(test_contexts_are_independent),
        cmocka_unit_test(test_many_threads_call_at_once),
        cmocka_unit_test(test_a_busy_pool_is_not_waited_for),
        cmocka_unit_test(test_loops_within_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
