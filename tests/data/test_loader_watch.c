/* SPDX-License-Identifier: Apache-2.0 */
/* A loader whose files stall: named, left out, their workers replaced; and the bound on its memory. */
#include "support/support.h"

#include <errno.h>
#include <fovea/data.h>
#include <stdatomic.h>
#include <time.h>

#include "base/file.h"
#include "data/dataset.h"
#include "data/loader.h"

static fv_ctx *ctx;
static fv_test_log log_lines;
static fv_test_allocator allocator;
static char dir[256];

static int setup(void **state)
{
    (void)state;
    fv_test_dir_create(dir);
    log_lines = (fv_test_log){0};
    memset(&allocator, 0, sizeof allocator);
    ctx = fv_test_ctx(2, &allocator, &log_lines);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fv_ctx_destroy(&ctx);
    for (int i = 0; i < 3000 && allocator.live_blocks > 0; i++) /* a thread may have been left behind */
        usleep(10000);
    assert_int_equal(allocator.live_blocks, 0);
    fv_test_dir_remove(dir);
    return 0;
}

/* Sources whose samples are made on the spot, some of them not before the gate opens. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t opened;
    bool open;
    int64_t stuck_from, stuck_to; /* samples that wait for the gate */
    useconds_t takes;             /* microseconds for each */
    int attempts;                 /* of those that wait: only the first so many do; 0: all */
    bool reads_first;             /* they have been read when they begin to wait */
    int failures, failed;         /* so many tries end with an errno, and have */
    int error;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, true, 0, 0, 0, 0, false, 0, 0, 0};

static void set_gate(bool open)
{
    pthread_mutex_lock(&gate.mutex);
    gate.open = open;
    pthread_cond_broadcast(&gate.opened);
    pthread_mutex_unlock(&gate.mutex);
}

static fv_status gated_image(fv_source *source, int64_t i, const fv_decode_options *options, fv_image_request *request,
                             fv_image *image, fv_decode_notes *notes, fv_image_error *error)
{
    if (gate.reads_first && options->on_bytes)
        options->on_bytes(options->user);
    pthread_mutex_lock(&gate.mutex);
    const bool concerned = i >= gate.stuck_from && i < gate.stuck_to;
    const bool fails = concerned && gate.failed < gate.failures;
    gate.failed += fails;
    const bool waits = concerned && gate.attempts >= 0 && gate.failures == 0;
    if (waits && gate.attempts > 0 && --gate.attempts == 0)
        gate.attempts = -1; /* the next one does not */
    while (!gate.open && waits)
        pthread_cond_wait(&gate.opened, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
    if (fails) {
        const fv_read_fault found = fv_read_fault_of(gate.error);
        return fv_sample_fail(error, found.status, found.fault, -1, "cannot read: errno %d", gate.error);
    }
    if (gate.takes > 0)
        usleep(gate.takes);
    *image = (fv_image){.h = 4, .w = 4, .c = 1, .data = fv_malloc(source->ctx, 16)};
    memset(image->data, (int)i, 16);
    if (notes)
        *notes = (fv_decode_notes){.bad_byte = -1};
    if (request) {
        request->full_h = request->full_w = 4;
        request->step = 1;
        request->choose(request, 4, 4);
    }
    return FV_OK;
}

/* A drawn data set whose samples come from gated_image. */
static fv_dataset *open_gated(int64_t n, fv_source_ops *ops)
{
    fv_dataset *d = NULL;
    assert_int_equal(fv_make_digits(ctx, dir, n, 1, 1), FV_OK);
    assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.max_bad = 0.5}, &d), FV_OK);
    *ops = *d->source->ops;
    ops->image = gated_image;
    d->first_pause = 0;
    gate.attempts = gate.failures = gate.failed = 0;
    gate.reads_first = false;
    d->source->ops = ops;
    d->source->pixels = NULL;
    return d;
}

static fv_pipeline pipeline_4x4(void)
{
    fv_pipeline p = {.h = 4, .w = 4, .c = 1, .antialias = true};
    p.std[0] = 1;
    return p;
}

static void stalled_files_are_left_out(void **state)
{
    (void)state;
    enum { COUNT = 24 };
    static fv_source_ops ops; /* outlives threads that are left behind */
    fv_dataset *d = open_gated(COUNT, &ops);
    const fv_pipeline p = pipeline_4x4();
    fv_loader *l = NULL;
    fv_batch batch;
    gate.stuck_from = 3;
    gate.stuck_to = 5;
    set_gate(false);
    const fv_loader_options o = {.batch_size = 6, .shuffle = true, .seed = 1, .workers = 2, .stuck_after = 0.1};
    assert_int_equal(fv_loader_create(d, &p, &o, &l), FV_OK);
    assert_int_equal(fv_loader_start(l, 0, 0), FV_OK);
    int64_t n = 0;
    for (;;) {
        assert_int_equal(fv_loader_next(l, &batch), FV_OK);
        if (batch.n == 0)
            break;
        for (int64_t i = 0; i < batch.n; i++) {
            assert_true(batch.samples[i] != 3 && batch.samples[i] != 4);
            for (int e = 0; e < 16; e++)
                assert_true(batch.images[i * 16 + e] == (float)batch.samples[i] / 255.0f);
        }
        n += batch.n;
    }
    assert_int_equal(n, COUNT); /* others took their places */
    int64_t quarantined = 0;
    fv_loader_stats(l, NULL, &quarantined);
    assert_int_equal(quarantined, 2);
    assert_non_null(
        strstr(log_lines.text, "train-images-idx3-ubyte[3]: quarantined: the file has not answered for 0 s"));
    /* The next epoch does not wait for them. */
    assert_int_equal(fv_loader_start(l, 1, 0), FV_OK);
    assert_int_equal(fv_loader_next(l, &batch), FV_OK);
    assert_int_equal(batch.n, 6);
    set_gate(true);
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
}

/* Who wants to hear of each sample is told which one does not answer, and nothing is logged. */
static void stalled_files_have_a_verdict(void **state)
{
    (void)state;
    enum { COUNT = 12, STUCK = 5 };
    static fv_source_ops ops;
    fv_dataset *d = open_gated(COUNT, &ops);
    const fv_pipeline p = pipeline_4x4();
    const fv_views views[2] = {{.pipeline = p, .crops = 1, .mirrored = true}, fv_views_plain(&p)};
    fv_loader *l = NULL;
    fv_batch batch;
    char text[FV_SAMPLE_PATH];
    gate.stuck_from = STUCK;
    gate.stuck_to = STUCK + 1;
    set_gate(false);
    const fv_loader_options o = {.batch_size = 4, .workers = 2, .stuck_after = 0.1};
    const fv_loader_views what = {.views = views, .n = 2, .each = true};
    assert_int_equal(fv_loader_create_views(d, &what, &o, &l), FV_OK);
    assert_int_equal(fv_loader_start(l, 0, 0), FV_OK);
    for (int64_t next = 0; next < COUNT;) {
        assert_int_equal(fv_loader_next(l, &batch), FV_OK);
        assert_int_equal(batch.n, next == 4 ? 3 : 4);
        for (int64_t i = 0; i < batch.n; i++, next++) {
            next += next == STUCK;
            assert_int_equal(batch.samples[i], next);
            for (int e = 0; e < 3 * 16; e++) /* the view, its mirror image, the other network's */
                assert_true(batch.images[i * 3 * 16 + e] == (float)next / 255.0f);
            fv_loader_tell(l, &batch, i);
        }
    }
    assert_int_equal(fv_loader_next(l, &batch), FV_OK);
    assert_int_equal(batch.n, 0);
    assert_int_equal(fv_dataset_verdict(d, STUCK, text, sizeof text), FV_ERR_IO);
    assert_non_null(strstr(text, "/train-images-idx3-ubyte[5]: the file has not answered for 0 s"));
    assert_null(strstr(log_lines.text, "quarantined"));
    set_gate(true);
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
}

/* When nothing answers any more the run ends, with the reason. */
static void everything_stalls(void **state)
{
    (void)state;
    static fv_source_ops ops; /* outlives threads that are left behind */
    fv_dataset *d = open_gated(40, &ops);
    const fv_pipeline p = pipeline_4x4();
    fv_loader *l = NULL;
    fv_batch batch;
    gate.stuck_from = 0;
    gate.stuck_to = 40;
    set_gate(false);
    const fv_loader_options o = {.batch_size = 6, .shuffle = true, .seed = 1, .workers = 2, .stuck_after = 0.05};
    assert_int_equal(fv_loader_create(d, &p, &o, &l), FV_OK);
    assert_int_equal(fv_loader_start(l, 0, 0), FV_OK);
    assert_int_equal(fv_loader_next(l, &batch), FV_ERR_IO);
    assert_non_null(strstr(fv_ctx_error(ctx), "the file has not answered for 0 s, like 5 others before"));
    set_gate(true);
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
}

/* ---- what is no proof against a file ---- */

/* A clock that the test turns: it goes on by `step` at every look, and by `jump` at the fourth and the eighth. */
static struct {
    _Atomic int looks;
    double step, jump;
} hands;

static double turned_clock(void)
{
    const int n = ++hands.looks;
    return hands.step * n + hands.jump * ((n >= 4) + (n >= 8));
}

/* Opens the gate once the clock has been looked at so often. */
static void *open_later(void *looks)
{
    while (hands.looks < *(const int *)looks)
        usleep(1000);
    set_gate(true);
    return NULL;
}

/* One epoch of 12 samples, of which number 7 waits until the watch has looked `looks` times. */
static void epoch_by_the_clock(double step, double jump, bool reads_first, int attempts, int64_t expected_bad)
{
    static fv_source_ops ops;
    static const int looks = 20;
    fv_dataset *d = open_gated(12, &ops);
    const fv_pipeline p = pipeline_4x4();
    fv_loader *l = NULL;
    fv_batch batch;
    pthread_t thread;
    int64_t quarantined = 0, seen = 0;
    gate.stuck_from = 7;
    gate.stuck_to = 8;
    gate.reads_first = reads_first;
    gate.attempts = attempts;
    set_gate(false);
    const fv_loader_options o = {.batch_size = 6, .shuffle = true, .seed = 1, .workers = 1, .stuck_after = 0.04};
    assert_int_equal(fv_loader_create(d, &p, &o, &l), FV_OK);
    hands.step = step;
    hands.jump = jump;
    hands.looks = 0;
    l->watch.last = 0;
    l->watch.clock = turned_clock;
    assert_int_equal(fv_loader_start(l, 0, 0), FV_OK);
    assert_int_equal(pthread_create(&thread, NULL, open_later, (void *)&looks), 0);
    for (;;) {
        assert_int_equal(fv_loader_next(l, &batch), FV_OK);
        if (batch.n == 0)
            break;
        for (int64_t i = 0; i < batch.n; i++)
            seen += batch.samples[i] == 7;
    }
    fv_loader_stats(l, NULL, &quarantined);
    assert_int_equal(quarantined, expected_bad);
    assert_int_equal(seen, expected_bad ? 0 : 1);
    hands.looks = looks;
    pthread_join(thread, NULL);
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
}

/* The process was stopped, or its machine put to sleep: a single look, however much later it comes. */
static void standing_still_is_no_proof(void **state)
{
    (void)state;
    epoch_by_the_clock(1e-9, 40, false, 0, 0);
    epoch_by_the_clock(1e-9, 1e6, false, 0, 0);
    epoch_by_the_clock(0, -100, false, 0, 0);
}

/* With a clock that goes on at every look, a file that does not answer is left out, as ever. */
static void waiting_is(void **state)
{
    (void)state;
    epoch_by_the_clock(0.02, 0, false, 0, 1);
}

static void slow_decoding_is_no_proof(void **state)
{
    (void)state;
    epoch_by_the_clock(0.02, 0, true, 0, 0);
}

/* Who answers when asked again is not left out. */
static void files_are_asked_twice(void **state)
{
    (void)state;
    epoch_by_the_clock(0.02, 0, false, 1, 0);
}

/* What the machine lacks is no fault of a file: it is waited for, and then the run stops. */
static void errors_of_the_machine(void **state)
{
    (void)state;
    static const struct {
        int error, failures;
        fv_status status;
        int64_t bad;
    } cases[] = {
        {EMFILE, 3, FV_OK, 0},        {ENFILE, 5, FV_OK, 0},        {ESTALE, 1, FV_OK, 0},
        {EMFILE, 1000, FV_ERR_IO, 0}, {ENOMEM, 1000, FV_ERR_IO, 0}, {ETIMEDOUT, 1000, FV_ERR_IO, 0},
        {EINTR, 1000, FV_ERR_IO, 0},  {EIO, 1, FV_OK, 0}, /* once is no proof */
        {EIO, 1000, FV_OK, 1},        {ENOENT, 1000, FV_OK, 1},     {EACCES, 1000, FV_OK, 1},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        static fv_source_ops ops;
        fv_dataset *d = open_gated(12, &ops);
        const fv_pipeline p = pipeline_4x4();
        fv_loader *l = NULL;
        fv_batch batch;
        gate.stuck_from = 7;
        gate.stuck_to = 8;
        gate.failures = cases[k].failures;
        gate.error = cases[k].error;
        const fv_loader_options o = {.batch_size = 6, .shuffle = true, .seed = 1, .workers = 2};
        assert_int_equal(fv_loader_create(d, &p, &o, &l), FV_OK);
        assert_int_equal(fv_loader_start(l, 0, 0), FV_OK);
        fv_status status;
        do
            status = fv_loader_next(l, &batch);
        while (status == FV_OK && batch.n > 0);
        assert_int_equal(status, cases[k].status);
        if (status != FV_OK) {
            assert_int_equal(fv_status_exit_code(status), 9);
            assert_non_null(strstr(fv_ctx_hint(ctx), "the file may be sound"));
            fv_fail_clear(ctx);
        }
        int64_t quarantined = 0;
        fv_loader_stats(l, NULL, &quarantined);
        assert_int_equal(quarantined, cases[k].bad);
        fv_loader_destroy(&l);
        fv_dataset_destroy(&d);
        gate.failures = 0;
    }
}

/* What a file keeps for ever is left behind, with all that it still needs, and gone once it answers. */
static void nobody_waits_at_the_end(void **state)
{
    (void)state;
    static fv_source_ops ops; /* outlives threads that are left behind */
    fv_dataset *d = open_gated(40, &ops);
    const fv_pipeline p = pipeline_4x4();
    fv_loader *l = NULL;
    fv_batch batch;
    gate.stuck_from = 7;
    gate.stuck_to = 8;
    set_gate(false);
    const fv_loader_options o = {
        .batch_size = 6, .shuffle = true, .seed = 1, .workers = 2, .stuck_after = 0.05, .augment = "hflip; mixup"};
    assert_int_equal(fv_loader_create(d, &p, &o, &l), FV_OK);
    assert_int_equal(fv_loader_start(l, 0, 0), FV_OK);
    do
        assert_int_equal(fv_loader_next(l, &batch), FV_OK);
    while (batch.n > 0);
    fv_loader_destroy(&l);
    assert_null(l);
    assert_non_null(
        strstr(log_lines.text, "train-images-idx3-ubyte[7]: still does not answer; a thread stays behind until"));
    fv_dataset_destroy(&d);
    fv_ctx_destroy(&ctx);
    assert_true(allocator.live_blocks > 0);
    const int lines = log_lines.lines;
    set_gate(true);
    for (int i = 0; i < 1000 && allocator.live_blocks > 0; i++)
        usleep(10000);
    assert_int_equal(allocator.live_blocks, 0);
    assert_int_equal(allocator.errors, 0);
    assert_int_equal(log_lines.lines, lines); /* who left does not speak */
}

/* How much longer ten steps take because of a loader that needs 0.8 of a step for a batch. */
static double growth_with(int workers)
{
    enum { BATCH = 8, STEPS = 10, STEP = 40000 };
    static fv_source_ops ops;
    fv_dataset *d = open_gated(BATCH * (STEPS + 1), &ops);
    const fv_pipeline p = pipeline_4x4();
    fv_loader *l = NULL;
    fv_batch batch;
    double stepping = 0, waiting = 0;
    gate.takes = (useconds_t)(0.8 * STEP / BATCH * (workers > 0 ? workers : 1));
    const fv_loader_options o = {.batch_size = BATCH, .shuffle = true, .seed = 1, .workers = workers};
    assert_int_equal(fv_loader_create(d, &p, &o, &l), FV_OK);
    assert_int_equal(fv_loader_start(l, 0, 0), FV_OK);
    assert_int_equal(fv_loader_next(l, &batch), FV_OK); /* there is nothing to do meanwhile */
    for (int k = 0; k < STEPS; k++) {
        const double begin = fv_time_monotonic();
        usleep(STEP);
        const double done = fv_time_monotonic();
        assert_int_equal(fv_loader_next(l, &batch), FV_OK);
        assert_int_equal(batch.n, BATCH);
        stepping += done - begin;
        waiting += fv_time_monotonic() - done;
    }
    double waited = 0;
    fv_loader_stats(l, &waited, NULL);
    assert_true(waited >= 0.9 * waiting); /* what the log says is what it was */
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
    gate.takes = 0;
    return waiting / stepping;
}

/* A loader that is nearly as slow as the training hardly slows it down; without threads of its own it does. */
static void a_slow_loader_is_hidden(void **state)
{
    (void)state;
    double best = 1;
    for (int turn = 0; turn < 5 && best > 0.05; turn++) { /* the machine may be busy */
        const double growth = growth_with(2);
        best = growth < best ? growth : best;
    }
    assert_true(best < 0.05);
    assert_true(growth_with(-1) > 0.6);
}

/* What is said beforehand is not exceeded, whatever the workers do. */
static void memory_is_bounded(void **state)
{
    (void)state;
    static fv_source_ops ops; /* outlives threads that are left behind */
    fv_dataset *d = open_gated(64, &ops);
    const fv_pipeline p = {.h = 64, .w = 64, .c = 1, .antialias = true, .std = {1}};
    static const int workers[] = {-1, 1, 2, 4};
    for (size_t k = 0; k < 4; k++) {
        for (int queue = 0; queue < 4; queue += 3) {
            fv_loader *l = NULL;
            fv_batch batch = {.n = 1};
            const fv_loader_options o = {
                .batch_size = 8, .shuffle = true, .workers = workers[k], .queue = queue, .augment = "hflip; mixup"};
            const int64_t bound = fv_loader_memory(d, &p, &o);
            allocator.peak_bytes = (int64_t)allocator.live_bytes;
            const int64_t before = allocator.live_bytes;
            assert_int_equal(fv_loader_create(d, &p, &o, &l), FV_OK);
            assert_int_equal(fv_loader_start(l, 0, 0), FV_OK);
            while (batch.n > 0)
                assert_int_equal(fv_loader_next(l, &batch), FV_OK);
            /* Beside the batches: the loader's own records, and per worker an applier with its buffers. */
            const int64_t own = (int64_t)sizeof *l + 2 * 4 * (int64_t)(2 * sizeof(fv_worker) + 8 * 64 * 64) + 16384;
            assert_true(allocator.peak_bytes - before <= bound + own);
            assert_true(allocator.peak_bytes - before >= bound);
            fv_loader_destroy(&l);
        }
    }
    fv_dataset_destroy(&d);
}

/* Classes or samples that count more do so in the target. */
static void weights(void **state)
{
    (void)state;
    static fv_source_ops ops; /* outlives threads that are left behind */
    fv_dataset *d = open_gated(60, &ops);
    const fv_pipeline p = pipeline_4x4();
    fv_loader *l = NULL;
    fv_batch batch;
    int64_t count[10] = {0};
    for (int64_t i = 0; i < 60; i++)
        count[fv_dataset_label(d, i)]++;
    const fv_loader_options o = {.batch_size = 60, .shuffle = true, .workers = -1, .balance = FV_BALANCE_WEIGHTS};
    assert_int_equal(fv_loader_create(d, &p, &o, &l), FV_OK);
    assert_int_equal(fv_loader_targets(l), 10);
    assert_int_equal(fv_loader_start(l, 0, 0), FV_OK);
    assert_int_equal(fv_loader_next(l, &batch), FV_OK);
    double per_class[10] = {0}, total = 0;
    for (int64_t i = 0; i < 60; i++) {
        const int32_t label = batch.labels[i];
        for (int k = 0; k < 10; k++)
            assert_true(k == label ? batch.targets[i * 10 + k] > 0 : batch.targets[i * 10 + k] == 0);
        per_class[label] += (double)batch.targets[i * 10 + label];
        total += (double)batch.targets[i * 10 + label];
    }
    for (int k = 0; k < 10; k++)
        assert_true(count[k] == 0 || (per_class[k] > 5.99 && per_class[k] < 6.01)); /* every class the same in all */
    assert_true(total > 59.9 && total < 60.1);
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stalled_files_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(stalled_files_have_a_verdict, setup, teardown),
        cmocka_unit_test_setup_teardown(everything_stalls, setup, teardown),
        cmocka_unit_test_setup_teardown(standing_still_is_no_proof, setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_is, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_decoding_is_no_proof, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_asked_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_of_the_machine, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_waits_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slow_loader_is_hidden, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(weights, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
