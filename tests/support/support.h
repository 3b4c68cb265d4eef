/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What many tests need: an allocator that fails on command and keeps the balance, a log that can be read, folders for
 * scratch files, the data folder. Header only; it brings cmocka with it.
 */
#ifndef FV_TESTS_SUPPORT_H
#define FV_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fovea/context.h>
#include <fovea/plan.h>

/* Cases of a test that would take long where everything is watched (sanitizers, valgrind, emulation): there `reduced`
 * of them. */
#ifdef FV_TEST_REDUCED
#define FV_TEST_CASES(full, reduced) (reduced)
#else
#define FV_TEST_CASES(full, reduced) (full)
#endif

/* FOVEA_TEST_SHARE=SEED/N: of many cases that are alike one in N is tried, the seed says which; unset: all. The number
 * of the first one, from 1 on, goes to *first; returns N. */
static inline int64_t fv_test_share(int64_t *first)
{
    const char *text = getenv("FOVEA_TEST_SHARE");
    long long seed, n;
    *first = 1;
    if (!text || sscanf(text, "%lld/%lld", &seed, &n) != 2 || seed < 0 || n < 1)
        return 1;
    *first = 1 + seed % n;
    return n;
}

/* --- allocator ----------------------------------------------------------------------------------------------- */

/*
 * Zero-initialize; `fail_at` = n makes the n-th call from now (1-based) fail, `fail_all` every one. Reset `calls` to 0
 * to count from now. Any thread.
 */
typedef struct fv_test_allocator {
    _Atomic int64_t fail_at, calls, failed;
    _Atomic bool fail_all;
    _Atomic int64_t live_blocks, live_bytes, peak_bytes;
    _Atomic int64_t errors; /* releases with another size than was allocated, or of what was not allocated here */
} fv_test_allocator;

#define FV_TEST_MAGIC 0xF07EAB10C4D1E5EDull

typedef struct fv_test_block {
    uint64_t magic;
    size_t size;
    void *base;
} fv_test_block;

static inline void *fv_test_alloc(void *user, size_t size, size_t align)
{
    fv_test_allocator *a = user;
    if (atomic_fetch_add(&a->calls, 1) + 1 == a->fail_at || a->fail_all) {
        a->failed++;
        return NULL;
    }
    void *base = NULL;
    size_t shift = align > 64 ? align : 64; /* room for the block's record that keeps the alignment */
    if (size > (size_t)1 << 40 || posix_memalign(&base, shift, size + shift))
        return NULL;
    char *ptr = (char *)base + shift;
    memset(ptr, 0xA5, size); /* what a caller does not set is not zero */
    fv_test_block *block = (fv_test_block *)(void *)ptr - 1;
    *block = (fv_test_block){FV_TEST_MAGIC, size, base};
    a->live_blocks++;
    int64_t live = atomic_fetch_add(&a->live_bytes, (int64_t)size) + (int64_t)size;
    if (live > a->peak_bytes)
        a->peak_bytes = live;
    return ptr;
}

static inline void fv_test_release(void *user, void *ptr, size_t size)
{
    fv_test_allocator *a = user;
    if (!ptr)
        return;
    fv_test_block *block = (fv_test_block *)ptr - 1;
    if (block->magic != FV_TEST_MAGIC || block->size != size) {
        a->errors++;
        return;
    }
    block->magic = 0;
    a->live_blocks--;
    a->live_bytes -= (int64_t)size;
    free(block->base);
}

static inline fv_allocator fv_test_allocator_of(fv_test_allocator *a)
{
    return (fv_allocator){fv_test_alloc, fv_test_release, a};
}

/* --- log ----------------------------------------------------------------------------------------------------- */

/* Collects lines "level topic: text\n" (level as a digit). */
typedef struct fv_test_log {
    char text[1 << 16];
    size_t size;
    int lines;
    bool stderr_too;
} fv_test_log;

static inline void fv_test_log_line(void *user, fv_log_level level, const char *topic, const char *line)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    fv_test_log *log = user;
    pthread_mutex_lock(&mutex);
    int n = snprintf(log->text + log->size, sizeof log->text - log->size, "%d %s: %s\n", (int)level, topic, line);
    if (n > 0 && (size_t)n < sizeof log->text - log->size)
        log->size += (size_t)n;
    log->lines++;
    if (log->stderr_too)
        fprintf(stderr, "%s: %s\n", topic, line);
    pthread_mutex_unlock(&mutex);
}

/* --- contexts ------------------------------------------------------------------------------------------------ */

/* A context that must come to be. `allocator` and `log` may be NULL. */
static inline fv_ctx *fv_test_ctx(int threads, fv_test_allocator *allocator, fv_test_log *log)
{
    fv_ctx_options options = {.threads = threads};
    if (allocator)
        options.allocator = fv_test_allocator_of(allocator);
    if (log) {
        options.log = fv_test_log_line;
        options.log_user = log;
    }
    fv_ctx *ctx = NULL;
    assert_int_equal(fv_ctx_create(&options, &ctx), FV_OK);
    assert_non_null(ctx);
    return ctx;
}

/* Ways to compute convolutions, to be asked for in turn; 0 is the planner's own choice. A layer that one cannot compute
 * is left to the others. */
#define FV_TEST_ALGORITHMS 9
static inline const char *fv_test_ask_for(fv_ctx *ctx, uint64_t i)
{
    static const char *const names[FV_TEST_ALGORITHMS] = {
        NULL, "direct", "im2col", "winograd_2", "winograd_4", "winograd_6", "winograd_2_5", "winograd_4_7", "fft"};
    const char *name = names[i % FV_TEST_ALGORITHMS];
    assert_int_equal(fv_ctx_plan(ctx, &(fv_plan_options){.algorithm = name}), FV_OK);
    return name ? name : "any";
}

/*
 * Runs fn again and again, with the first, second, ... allocation failing, until it runs through untouched. Each run
 * has a context of its own and must free all it made. Where an allocation failed fn must return NO_MEMORY with a
 * message. Reduced, it is every third allocation; fv_test_share applies. Returns how many allocations fn makes.
 */
static inline int64_t fv_test_each_allocation(fv_status (*fn)(fv_ctx *ctx, void *arg), void *arg)
{
    int64_t first;
    const int64_t step = FV_TEST_CASES(1, 3) * fv_test_share(&first);
    for (int64_t n = first;; n += step) {
        fv_test_allocator a = {0};
        fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
        int64_t blocks = a.live_blocks, calls;
        a.calls = 0;
        a.fail_at = n;
        fv_status status = fn(ctx, arg);
        bool failed = a.failed > 0;
        calls = a.calls;
        if (failed && status != FV_ERR_NO_MEMORY)
            fail_msg("allocation %lld failed, but the status was %s: %s", (long long)n, fv_status_name(status),
                     fv_ctx_error(ctx));
        if (failed)
            assert_true(fv_ctx_error(ctx)[0] != '\0');
        else if (status != FV_OK)
            fail_msg("no allocation failed, but the status was %s: %s", fv_status_name(status), fv_ctx_error(ctx));
        int64_t now = -1;
        fv_ctx_memory(ctx, &now, NULL);
        if (now != 0 || a.live_blocks != blocks)
            fail_msg("allocation %lld failed, and %lld bytes were not freed", (long long)n, (long long)now);
        fv_ctx_destroy(&ctx);
        assert_int_equal(a.live_blocks, 0);
        assert_int_equal(a.live_bytes, 0);
        assert_int_equal(a.errors, 0);
        if (!failed)
            return calls;
    }
}

/* --- files --------------------------------------------------------------------------------------------------- */

/* A folder for scratch files, made under TMPDIR or /tmp; its path goes to `path`. */
static inline void fv_test_dir_create(char path[256])
{
    const char *base = getenv("TMPDIR");
    int n = snprintf(path, 256, "%s/fovea-test-XXXXXX", base && *base ? base : "/tmp");
    assert_true(n > 0 && n < 256);
    assert_non_null(mkdtemp(path));
}

static inline int fv_test_remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    (void)type;
    (void)place;
    return remove(path);
}

/* Removes the folder and all in it. */
static inline void fv_test_dir_remove(const char *path)
{
    assert_int_equal(nftw(path, fv_test_remove_one, 32, FTW_DEPTH | FTW_PHYS), 0);
}

/* "DIR/NAME" into one of eight static buffers. */
static inline const char *fv_test_path(const char *dir, const char *name)
{
    static char paths[8][1024];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

/* Writes a file with plain calls, making its folders. */
static inline void fv_test_write(const char *path, const void *data, size_t size)
{
    char part[1024];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = strchr(part + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        (void)mkdir(part, 0777);
        *p = '/';
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void fv_test_write_text(const char *path, const char *text)
{
    fv_test_write(path, text, strlen(text));
}

/*
 * The path of NAME in the data folder (FOVEA_TEST_DATA, else ../shared/data beside the source). NULL when it is not
 * there, having said so: the test should then skip().
 */
static inline const char *fv_test_data(const char *name, char path[512])
{
    const char *base = getenv("FOVEA_TEST_DATA"), *source = getenv("FOVEA_SOURCE_DIR");
    if (base && *base)
        snprintf(path, 512, "%s/%s", base, name);
    else
        snprintf(path, 512, "%s/../shared/data/%s", source && *source ? source : ".", name);
    if (!access(path, R_OK))
        return path;
    print_message("skipped: %s is not there (set FOVEA_TEST_DATA to the data folder)\n", path);
    return NULL;
}

#endif
