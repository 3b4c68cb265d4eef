/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <errno.h>

#include "base/ctx.h"

static void test_failure_messages(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_fail(ctx, FV_ERR_SHAPE, "conv2d '%s': groups=%d", "a", 3), FV_ERR_SHAPE);
    assert_string_equal(fv_ctx_error(ctx), "conv2d 'a': groups=3");
    assert_int_equal(fv_fail_hint(ctx, FV_ERR_SHAPE, "try %d", 4), FV_ERR_SHAPE);
    assert_string_equal(fv_ctx_hint(ctx), "try 4");
    assert_int_equal(fv_fail_prefix(ctx, FV_ERR_SHAPE, "net.yaml"), FV_ERR_SHAPE);
    assert_string_equal(fv_ctx_error(ctx), "net.yaml: conv2d 'a': groups=3");
    assert_string_equal(fv_ctx_hint(ctx), "try 4");
    /* Its own text as an argument. */
    fv_fail(ctx, FV_ERR_DATA, "<%s>", fv_ctx_error(ctx));
    assert_string_equal(fv_ctx_error(ctx), "<net.yaml: conv2d 'a': groups=3>");
    assert_string_equal(fv_ctx_hint(ctx), "");
    fv_fail(ctx, FV_ERR_DATA, "a\nb\tc\x1b[2Jd");
    assert_string_equal(fv_ctx_error(ctx), "a b c?[2Jd");
    fv_fail_clear(ctx);
    assert_string_equal(fv_ctx_error(ctx), "");
    assert_string_equal(fv_ctx_hint(ctx), "");
    assert_int_equal(fv_fail(NULL, FV_ERR_DATA, "nowhere to go"), FV_ERR_DATA);

    char *text = malloc(20000);
    for (size_t i = 0; i < 19998; i += 3)
        memcpy(text + i, "\xE2\x82\xAC", 3);
    text[19998] = '\0';
    fv_fail(ctx, FV_ERR_DATA, "%s", text);
    const char *error = fv_ctx_error(ctx);
    size_t n = strlen(error);
    assert_true(n < 4096 && n > 4000);
    assert_string_equal(error + n - 6, "\xE2\x82\xAC...");
    fv_fail_prefix(ctx, FV_ERR_DATA, "prefix");
    assert_true(strlen(fv_ctx_error(ctx)) < 4096);
    free(text);
    fv_ctx_destroy(&ctx);
}

static void test_errno_failures(void **state)
{
    (void)state;
    static const struct {
        int error;
        fv_status status;
    } rows[] = {{ENOENT, FV_ERR_NOT_FOUND}, {ENOTDIR, FV_ERR_NOT_FOUND}, {EACCES, FV_ERR_PERMISSION},
                {EROFS, FV_ERR_PERMISSION}, {ENOSPC, FV_ERR_NO_SPACE},   {EDQUOT, FV_ERR_NO_SPACE},
                {EIO, FV_ERR_IO},           {EMFILE, FV_ERR_IO}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(fv_fail_errno(ctx, rows[i].error, "open", "a/b"), rows[i].status);
        assert_int_equal(strncmp(fv_ctx_error(ctx), "a/b: cannot open: ", 18), 0);
    }
    fv_ctx_destroy(&ctx);
}

enum { FAILING = 8 };

typedef struct failing {
    fv_ctx *ctx;
    int number, wrong;
} failing;

/* Fails again and again; each time the context must say what this thread said, however many others fail. */
static void *fail_often(void *arg)
{
    failing *f = arg;
    f->wrong += *fv_ctx_error(f->ctx) != '\0'; /* a new thread has not failed */
    for (int i = 0; i < 100; i++) {
        char want[600], hint[200];
        snprintf(want, sizeof want, "file: %d of %0*d", f->number, 500, i);
        snprintf(hint, sizeof hint, "%d and %0*d", f->number, 100, i);
        fv_fail_hint(f->ctx, fv_fail(f->ctx, FV_ERR_DATA, "%d of %0*d", f->number, 500, i), "%s", hint);
        const char *text = fv_ctx_error(f->ctx);
        f->wrong += fv_fail_prefix(f->ctx, FV_ERR_DATA, "file") != FV_ERR_DATA;
        fv_log(f->ctx, FV_LOG_INFO, "t", "%d", i);
        f->wrong += strcmp(text, want) != 0 || text != fv_ctx_error(f->ctx) || strcmp(fv_ctx_hint(f->ctx), hint) != 0;
    }
    fv_fail_clear(f->ctx);
    return NULL;
}

static void test_failures_from_many_threads(void **state)
{
    (void)state;
    static fv_test_log log;
    memset(&log, 0, sizeof log);
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, &log);
    fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_SHAPE, "the first thread's"), "its hint");
    const char *text = fv_ctx_error(ctx);
    /* Far more threads than are alive at once: the records of those that have ended serve again. */
    for (int round = 0; round < 50; round++) {
        pthread_t thread[FAILING];
        failing f[FAILING];
        for (int i = 0; i < FAILING; i++) {
            f[i] = (failing){.ctx = ctx, .number = i};
            assert_int_equal(pthread_create(&thread[i], NULL, fail_often, &f[i]), 0);
        }
        for (int i = 0; i < FAILING; i++) {
            pthread_join(thread[i], NULL);
            assert_int_equal(f[i].wrong, 0);
        }
        assert_true(a.live_blocks < 1 + 3 * FAILING);
    }
    assert_ptr_equal(fv_ctx_error(ctx), text);
    assert_string_equal(text, "the first thread's");
    assert_string_equal(fv_ctx_hint(ctx), "its hint");
    assert_int_equal(log.lines, 50 * FAILING * 100);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
    assert_int_equal(a.errors, 0);
}

typedef struct crowd {
    fv_ctx *ctx;
    pthread_barrier_t failed, judged;
    _Atomic int told, silent;
} crowd;

static void *fail_in_a_crowd(void *arg)
{
    crowd *c = arg;
    fv_fail(c->ctx, FV_ERR_DATA, "mine");
    pthread_barrier_wait(&c->failed); /* all are alive, so each needs a record of its own */
    c->told += strcmp(fv_ctx_error(c->ctx), "mine") == 0;
    c->silent += strcmp(fv_ctx_error(c->ctx), "") == 0;
    pthread_barrier_wait(&c->judged);
    return NULL;
}

/* A thread for whose message there is no memory says that. */
static void test_failures_without_memory(void **state)
{
    (void)state;
    enum { THREADS = 20 };
    fv_test_allocator a = {0};
    crowd c = {.ctx = fv_test_ctx(1, &a, NULL)};
    pthread_t thread[THREADS];
    for (int full = 0; full < 2; full++) {
        c.told = c.silent = 0;
        a.fail_all = full == 0;
        pthread_barrier_init(&c.failed, NULL, THREADS);
        pthread_barrier_init(&c.judged, NULL, THREADS);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, fail_in_a_crowd, &c), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(thread[i], NULL);
        pthread_barrier_destroy(&c.failed);
        pthread_barrier_destroy(&c.judged);
        assert_int_equal(c.silent, full ? 0 : THREADS - 8 - 1);
        assert_true(full ? c.told == THREADS : c.told == 8);
    }
    fv_ctx_destroy(&c.ctx);
    assert_int_equal(a.live_blocks, 0);
}

static void *fail_for_another(void *arg)
{
    failing *f = arg;
    fv_failure failure;
    fv_fail_hint(f->ctx, fv_fail(f->ctx, FV_ERR_DATA, "worker %d", f->number), "cure");
    fv_fail_save(f->ctx, &failure);
    fv_failure *out = malloc(sizeof *out);
    *out = failure;
    return out;
}

static void test_failure_is_handed_over(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    failing f = {.ctx = ctx, .number = 3};
    pthread_t thread;
    void *failure = NULL;
    assert_int_equal(pthread_create(&thread, NULL, fail_for_another, &f), 0);
    pthread_join(thread, &failure);
    assert_string_equal(fv_ctx_error(ctx), "");
    assert_int_equal(fv_fail_restore(ctx, FV_ERR_DATA, failure), FV_ERR_DATA);
    assert_string_equal(fv_ctx_error(ctx), "worker 3");
    assert_string_equal(fv_ctx_hint(ctx), "cure");
    free(failure);
    fv_ctx_destroy(&ctx);
}

typedef struct listener {
    fv_ctx *ctx;
    int inside, most, lines; /* plain: the callback gets one line at a time */
} listener;

static void hear(void *user, fv_log_level level, const char *topic, const char *line)
{
    listener *l = user;
    (void)topic;
    l->inside++;
    l->most = l->inside > l->most ? l->inside : l->most;
    l->lines++;
    if (level == FV_LOG_WARN && l->inside == 1)
        fv_log(l->ctx, FV_LOG_WARN, "again", "%s", line); /* a callback may log */
    l->inside--;
}

static void *log_often(void *arg)
{
    for (int i = 0; i < 1000; i++)
        fv_log(arg, FV_LOG_INFO, "t", "%d", i);
    return NULL;
}

static void test_log_lines_come_one_at_a_time(void **state)
{
    (void)state;
    listener l = {0};
    fv_ctx_options options = {.threads = 1, .log = hear, .log_user = &l};
    assert_int_equal(fv_ctx_create(&options, &l.ctx), FV_OK);
    pthread_t thread[FAILING];
    for (int i = 0; i < FAILING; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, log_often, l.ctx), 0);
    for (int i = 0; i < FAILING; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(l.lines, 1000 * FAILING);
    assert_int_equal(l.most, 1);
    fv_log(l.ctx, FV_LOG_WARN, "t", "twice");
    assert_int_equal(l.lines, 1000 * FAILING + 2);
    fv_ctx_destroy(&l.ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failure_messages),           cmocka_unit_test(test_errno_failures),
        cmocka_unit_test(test_failures_from_many_threads), cmocka_unit_test(test_failures_without_memory),
        cmocka_unit_test(test_failure_is_handed_over),     cmocka_unit_test(test_log_lines_come_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
