/* SPDX-License-Identifier: Apache-2.0 */
/* A run that is killed, interrupted or stopped and then resumed ends with the bits of a run that was not. */
#define DIGITS_TRAIN 330
#define DIGITS_TEST  100
#include "digits_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

typedef struct request {
    const char *dir; /* NULL: no run folder */
    int threads, workers;
    int64_t stop_at; /* interrupt after that many steps; 0: never */
    int64_t epochs;
    int delay_us;       /* per step, so that a killer has time */
    uint64_t algorithm; /* as fv_test_ask_for counts them */
} request;

typedef struct watcher {
    const request *q;
    int interrupt;
} watcher;

static bool on_event(void *user, const fv_fit_event *e)
{
    watcher *w = user;
    if (e->kind == FV_EVENT_STEP && w->q->delay_us)
        usleep((useconds_t)w->q->delay_us);
    if (e->kind == FV_EVENT_STEP && w->q->stop_at && e->global_step == w->q->stop_at)
        w->interrupt = 1;
    return false;
}

/* Trains in this process; hex receives the weights' hash. */
static fv_status train(fv_ctx *ctx, const request *q, char hex[65], fv_fit_result *result)
{
    fv_model *m = NULL;
    fv_dataset *data = NULL, *val = NULL;
    watcher w = {.q = q};
    fv_status status = fv_model_zoo(ctx, "lenet", NULL, &m);
    if (status == FV_OK)
        status = fv_model_init(m, 1, FV_INIT_DEFAULT);
    fv_dataset_options o = {.split = "train", .val_split = 0.1, .seed = 1};
    if (status == FV_OK)
        status = fv_dataset_open(ctx, data_dir, &o, &data);
    o.split = "val";
    if (status == FV_OK)
        status = fv_dataset_open(ctx, data_dir, &o, &val);
    fv_fit_options fit =
        FV_FIT_OPTIONS(.weight_decay = 0, .epochs = q->epochs ? q->epochs : 3, .batch_size = 32, .seed = 9,
                       .optimizer = FV_ADAM, .schedule = FV_COSINE, .augment = "crop pad=2", .validation = val,
                       .restore_best = true, .workers = q->workers, .output = q->dir, .resume = q->dir != NULL,
                       .recovery_interval = 2, .on_event = on_event, .user = &w, .interrupt = &w.interrupt);
    if (status == FV_OK)
        status = fv_fit_with(m, data, &fit, result);
    if (status == FV_OK && hex)
        fv_model_sha256(m, hex);
    fv_dataset_destroy(&val);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    return status;
}

static void run_to_end(const request *q, char hex[65], fv_fit_result *result)
{
    fv_ctx *ctx = fv_test_ctx(q->threads, NULL, NULL);
    fv_test_ask_for(ctx, q->algorithm);
    if (train(ctx, q, hex, result) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    fv_ctx_destroy(&ctx);
}

static const char *reference(void)
{
    static char hex[65];
    fv_fit_result r;
    if (!hex[0])
        run_to_end(&(request){.threads = 1, .workers = -1}, hex, &r);
    return hex;
}

static void test_threads_and_workers(void **state)
{
    (void)state;
    static const int settings[][2] = {{1, 1}, {2, 0}, {2, 3}, {4, 2}};
    for (int i = 0; i < FV_TEST_CASES(4, 3); i++) {
        char hex[65];
        fv_fit_result r;
        run_to_end(&(request){.threads = settings[i][0], .workers = settings[i][1]}, hex, &r);
        assert_string_equal(hex, reference());
    }
}

static void test_interrupted(void **state)
{
    (void)state;
    static const int64_t stops[] = {1, 2, 5, 10, 11, 19, 27};
    for (size_t i = 0; i < FV_TEST_CASES(sizeof stops / sizeof stops[0], 3); i++) {
        char dir[300], hex[65];
        fv_fit_result r;
        snprintf(dir, sizeof dir, "%s/stop-%zu", folder, i);
        fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
        fv_status status = train(ctx, &(request){.dir = dir, .threads = 2, .stop_at = stops[i]}, NULL, &r);
        assert_int_equal(status, FV_ERR_INTERRUPTED);
        assert_int_equal(fv_status_exit_code(status), 75);
        fv_ctx_destroy(&ctx);
        run_to_end(&(request){.dir = dir, .threads = 1}, hex, &r);
        assert_int_equal(r.resumed_step, stops[i]);
        assert_string_equal(hex, reference());
        /* Once more: there is nothing left to do, and nothing changes. */
        run_to_end(&(request){.dir = dir, .threads = 1}, hex, &r);
        assert_int_equal(r.steps_run, 0);
        assert_string_equal(hex, reference());
    }
}

/* Whoever computes the convolutions: stopped and resumed with other threads, a run has the bits of one in one go. */
static void test_algorithms(void **state)
{
    (void)state;
    for (uint64_t a = FV_TEST_CASES(1, 6); a < FV_TEST_ALGORITHMS; a += FV_TEST_CASES(1, 3)) {
        char dir[300], whole[65], hex[65];
        fv_fit_result r;
        run_to_end(&(request){.threads = 1, .workers = -1, .epochs = 1, .algorithm = a}, whole, &r);
        snprintf(dir, sizeof dir, "%s/asked-%d", folder, (int)a);
        fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
        const char *name = fv_test_ask_for(ctx, a);
        const request stopped = {.dir = dir, .threads = 2, .stop_at = 5, .epochs = 1, .algorithm = a};
        assert_int_equal(train(ctx, &stopped, NULL, &r), FV_ERR_INTERRUPTED);
        fv_ctx_destroy(&ctx);
        run_to_end(&(request){.dir = dir, .threads = 3, .epochs = 1, .algorithm = a}, hex, &r);
        if (strcmp(hex, whole) != 0)
            fail_msg("%s: other weights after a stop: %s, expected %s", name, hex, whole);
    }
}

/* A child trains slowly and is killed at a random moment, again and again, until it gets through. */
static void test_killed(void **state)
{
    (void)state;
    char dir[300], hex[65];
    int kills = 0;
    unsigned random = 12345;
    for (int round = 0; kills < FV_TEST_CASES(20, 3); round++) {
        snprintf(dir, sizeof dir, "%s/kill-%d", folder, round);
        /* The pause grows, so that a slow machine gets through too. */
        int64_t longest = 150;
        for (bool done = false; !done; longest += 50) {
            pid_t pid = fork();
            assert_true(pid >= 0);
            if (pid == 0) {
                fv_ctx *ctx = NULL;
                fv_fit_result r;
                if (fv_ctx_create(&(fv_ctx_options){.threads = 2}, &ctx) != FV_OK)
                    _exit(1);
                _exit(train(ctx, &(request){.dir = dir, .threads = 2, .delay_us = 3000}, NULL, &r) == FV_OK ? 0 : 1);
            }
            random = random * 1103515245u + 12345u;
            int64_t ms = 20 + (random >> 16) % longest;
            struct timespec pause = {ms / 1000, (ms % 1000) * 1000000};
            nanosleep(&pause, NULL);
            int status;
            kill(pid, SIGKILL);
            assert_int_equal(waitpid(pid, &status, 0), pid);
            done = WIFEXITED(status);
            kills += WIFSIGNALED(status);
            if (done)
                assert_int_equal(WEXITSTATUS(status), 0);
        }
        fv_fit_result r;
        run_to_end(&(request){.dir = dir, .threads = 1}, hex, &r);
        assert_string_equal(hex, reference());
    }
    print_message("%d kills\n", kills);
}

static void damage(const char *dir, const char *name, int64_t at, bool cut)
{
    char path[600];
    snprintf(path, sizeof path, "%s/weights/%s", dir, name);
    if (cut) {
        assert_int_equal(truncate(path, at), 0);
        return;
    }
    int fd = open(path, O_RDWR);
    uint8_t byte;
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* FAULTS 44, 45: a broken newest state is said and an older one is used. */
static void test_broken_state(void **state)
{
    (void)state;
    static const struct {
        int64_t at;
        bool cut;
    } damages[] = {{5000, false}, {30000, true}, {10, true}, {0, true}, {20, false}};
    for (size_t i = 0; i < FV_TEST_CASES(sizeof damages / sizeof damages[0], 2); i++) {
        char dir[300], hex[65];
        fv_fit_result r;
        static fv_test_log log;
        snprintf(dir, sizeof dir, "%s/broken-%zu", folder, i);
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        assert_int_equal(train(ctx, &(request){.dir = dir, .stop_at = 15}, NULL, &r), FV_ERR_INTERRUPTED);
        fv_ctx_destroy(&ctx);
        damage(dir, "recovery-0001-000005.state", damages[i].at, damages[i].cut);
        memset(&log, 0, sizeof log);
        ctx = fv_test_ctx(1, NULL, &log);
        if (train(ctx, &(request){.dir = dir}, hex, &r) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        fv_ctx_destroy(&ctx);
        assert_true(r.resumed_step > 0 && r.resumed_step < 15);
        assert_non_null(strstr(log.text, "recovery-0001-000005.state"));
        assert_non_null(strstr(log.text, "older state"));
        assert_string_equal(hex, reference());
    }
}

/* FAULTS 43: two runs in one folder. */
static void test_locked(void **state)
{
    (void)state;
    char dir[300];
    int pipes[2];
    snprintf(dir, sizeof dir, "%s/locked", folder);
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        fv_ctx *ctx = NULL;
        fv_fit_result r;
        fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx);
        close(pipes[0]);
        train(ctx, &(request){.dir = dir, .delay_us = 50000}, NULL, &r);
        _exit(0);
    }
    char path[400];
    snprintf(path, sizeof path, "%s/results.csv", dir);
    for (int i = 0; i < 1000 && access(path, F_OK) != 0; i++)
        usleep(10000);
    fv_fit_result r;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(train(ctx, &(request){.dir = dir}, NULL, &r), FV_ERR_LOCKED);
    assert_non_null(strstr(fv_ctx_error(ctx), dir));
    fv_ctx_destroy(&ctx);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
}

/* FAULTS 47: other data, seed or batch size are refused; more epochs are welcome. */
static void test_identity(void **state)
{
    (void)state;
    char dir[300], hex[65];
    fv_fit_result r;
    snprintf(dir, sizeof dir, "%s/identity", folder);
    run_to_end(&(request){.dir = dir, .threads = 1, .epochs = 1}, hex, &r);
    run_to_end(&(request){.dir = dir, .threads = 1, .epochs = 2}, hex, &r);
    assert_int_equal(r.epochs_run, 1);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m;
    fv_dataset *data;
    assert_int_equal(fv_model_zoo(ctx, "lenet", NULL, &m), FV_OK);
    assert_int_equal(fv_dataset_open(ctx, data_dir, &(fv_dataset_options){.split = "train"}, &data), FV_OK);
    fv_fit_options fit = FV_FIT_OPTIONS(.weight_decay = 0, .schedule = FV_CONSTANT, .epochs = 3, .batch_size = 32,
                                        .seed = 9, .optimizer = FV_ADAM, .output = dir, .resume = true);
    assert_int_equal(fv_fit_with(m, data, &fit, &r), FV_ERR_CONFLICT);
    assert_non_null(strstr(fv_ctx_error(ctx), "the data"));
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_and_workers),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_algorithms),
        cmocka_unit_test(test_broken_state),
        cmocka_unit_test(test_locked),
        cmocka_unit_test(test_identity),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
