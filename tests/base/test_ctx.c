/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include "base/arena.h"
#include "base/ctx.h"

static void clear_environment(void)
{
    unsetenv("FOVEA_NUM_THREADS");
    unsetenv("OMP_NUM_THREADS");
    unsetenv("FOVEA_CPU");
    unsetenv("FOVEA_LOG");
}

static fv_status create(fv_ctx_options options, fv_test_log *log, fv_ctx **ctx)
{
    memset(log, 0, sizeof *log);
    options.log = fv_test_log_line;
    options.log_user = log;
    return fv_ctx_create(&options, ctx);
}

static void test_defaults(void **state)
{
    (void)state;
    clear_environment();
    fv_ctx *ctx = NULL;
    assert_int_equal(fv_ctx_create(NULL, &ctx), FV_OK);
    const fv_cpu *cpu = fv_ctx_cpu(ctx);
    assert_int_equal(fv_ctx_threads(ctx), cpu->threads);
    fv_isa best = FV_ISA_SCALAR;
    for (int i = 0; i < FV_ISA_COUNT; i++)
        best = cpu->has[i] && fv_isa_built((fv_isa)i) ? (fv_isa)i : best;
    assert_int_equal(fv_ctx_isa_id(ctx), best);
    assert_string_equal(fv_ctx_isa(ctx), fv_isa_name(best));
    assert_true(strlen(fv_ctx_processor(ctx)) > 0);
    assert_int_equal(fv_ctx_memory_limit(ctx), cpu->memory / 5 * 4);
    assert_string_equal(fv_ctx_error(ctx), "");
    assert_string_equal(fv_ctx_hint(ctx), "");
    assert_int_equal(strspn(fv_version(), "0123456789."), strlen(fv_version()));
    fv_ctx_destroy(&ctx);
    assert_null(ctx);
    fv_ctx_destroy(&ctx);
    fv_ctx_destroy(NULL);
    assert_int_equal(fv_ctx_create(NULL, NULL), FV_ERR_ARGUMENT);
}

static void test_threads_come_from_options_then_environment(void **state)
{
    (void)state;
    static fv_test_log log;
    static const struct {
        int option;
        const char *own, *omp;
        int expected; /* 0: VALUE, -1: whatever the machine has */
    } rows[] = {
        {3, "5", "7", 3},    {0, "5", "7", 5},      {0, NULL, "7", 7},     {0, NULL, "4,2", 4}, {0, "", "2", 2},
        {0, "zwei", "7", 0}, {0, "0", NULL, 0},     {0, "-1", NULL, 0},    {0, "2.5", NULL, 0}, {0, "99999", NULL, 0},
        {-1, NULL, NULL, 0}, {2000, NULL, NULL, 0}, {0, NULL, "many", -1}, {0, NULL, NULL, -1}, {1, "zwei", NULL, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clear_environment();
        if (rows[i].own)
            setenv("FOVEA_NUM_THREADS", rows[i].own, 1);
        if (rows[i].omp)
            setenv("OMP_NUM_THREADS", rows[i].omp, 1);
        fv_ctx *ctx = NULL;
        fv_status status = create((fv_ctx_options){.threads = rows[i].option}, &log, &ctx);
        assert_int_equal(status, rows[i].expected ? FV_OK : FV_ERR_VALUE);
        if (!rows[i].expected) {
            assert_null(ctx);
            assert_non_null(strstr(log.text, "expected"));
        } else if (rows[i].expected > 0) {
            assert_int_equal(fv_ctx_threads(ctx), rows[i].expected);
        } else {
            assert_int_equal(fv_ctx_threads(ctx), fv_ctx_cpu(ctx)->threads);
            assert_int_equal(log.lines, rows[i].omp ? 1 : 0);
        }
        fv_ctx_destroy(&ctx);
    }
    clear_environment();
}

static void test_isa_cap(void **state)
{
    (void)state;
    static fv_test_log log;
    clear_environment();
    fv_cpu cpu;
    fv_cpu_detect(&cpu);
    for (int i = 0; i < FV_ISA_COUNT; i++) {
        for (int from_environment = 0; from_environment < 2; from_environment++) {
            const char *name = fv_isa_name((fv_isa)i);
            fv_ctx *ctx = NULL;
            if (from_environment)
                setenv("FOVEA_CPU", name, 1);
            fv_status status = create((fv_ctx_options){.isa = from_environment ? NULL : name}, &log, &ctx);
            clear_environment();
            const bool built = fv_isa_built((fv_isa)i);
            assert_int_equal(status, cpu.has[i] && built ? FV_OK : FV_ERR_VALUE);
            if (ctx) {
                assert_string_equal(fv_ctx_isa(ctx), name);
            } else {
                assert_non_null(strstr(log.text, name));
                assert_non_null(strstr(log.text, "possible here: scalar"));
                assert_non_null(strstr(log.text, cpu.has[i] ? "this build has no kernels for" : "this processor ("));
            }
            fv_ctx_destroy(&ctx);
        }
    }
    fv_ctx *ctx = NULL;
    setenv("FOVEA_CPU", "avx1024", 1);
    assert_int_equal(create((fv_ctx_options){0}, &log, &ctx), FV_ERR_VALUE);
    assert_non_null(strstr(log.text, "FOVEA_CPU: unknown instruction set 'avx1024'; possible here: scalar"));
    /* The option wins over the environment. */
    assert_int_equal(create((fv_ctx_options){.isa = "scalar"}, &log, &ctx), FV_OK);
    fv_ctx_destroy(&ctx);
    clear_environment();
}

static void test_bad_options(void **state)
{
    (void)state;
    static fv_test_log log;
    fv_ctx *ctx = NULL;
    assert_int_equal(create((fv_ctx_options){.memory = -1}, &log, &ctx), FV_ERR_VALUE);
    assert_int_equal(create((fv_ctx_options){.allocator = {.alloc = fv_test_alloc}}, &log, &ctx), FV_ERR_ARGUMENT);
    char topics[400];
    memset(topics, 'x', sizeof topics - 1);
    topics[sizeof topics - 1] = '\0';
    assert_int_equal(create((fv_ctx_options){.topics = topics}, &log, &ctx), FV_ERR_VALUE);
    fv_test_allocator a = {.fail_at = 1};
    assert_int_equal(create((fv_ctx_options){.allocator = fv_test_allocator_of(&a)}, &log, &ctx), FV_ERR_NO_MEMORY);
    assert_null(ctx);
    assert_int_equal(create((fv_ctx_options){.memory = 12345}, &log, &ctx), FV_OK);
    assert_int_equal(fv_ctx_memory_limit(ctx), 12345);
    fv_ctx_destroy(&ctx);
}

static void test_log_topics(void **state)
{
    (void)state;
    static fv_test_log log;
    clear_environment();
    fv_ctx *ctx = NULL;
    assert_int_equal(create((fv_ctx_options){.topics = "plan,data"}, &log, &ctx), FV_OK);
    assert_true(fv_log_wants(ctx, "plan"));
    assert_true(fv_log_wants(ctx, "data"));
    assert_false(fv_log_wants(ctx, "dat"));
    assert_false(fv_log_wants(ctx, "train"));
    fv_log(ctx, FV_LOG_DEBUG, "train", "no");
    fv_log(ctx, FV_LOG_DEBUG, "plan", "yes %d", 1);
    fv_log(ctx, FV_LOG_INFO, "train", "two\nlines");
    assert_string_equal(log.text, "3 plan: yes 1\n2 train: two lines\n");
    fv_ctx_destroy(&ctx);
    setenv("FOVEA_LOG", "all", 1);
    assert_int_equal(create((fv_ctx_options){0}, &log, &ctx), FV_OK);
    assert_true(fv_log_wants(ctx, "anything"));
    fv_ctx_destroy(&ctx);
    clear_environment();
    ctx = fv_test_ctx(1, NULL, NULL);
    fv_log(ctx, FV_LOG_ERROR, "train", "dropped");
    assert_false(fv_log_wants(ctx, "plan"));
    fv_ctx_destroy(&ctx);
}

static void test_memory_blocks(void **state)
{
    (void)state;
    fv_test_allocator a = {0};
    for (int own = 0; own < 2; own++) {
        fv_ctx *ctx = fv_test_ctx(1, own ? &a : NULL, NULL);
        int64_t before = a.live_bytes;
        const size_t sizes[] = {0, 1, 63, 64, 65, 1000, 4096, 100000, 5 << 20};
        void *blocks[9];
        for (int i = 0; i < 9; i++) {
            unsigned char *p = blocks[i] = fv_malloc(ctx, sizes[i]);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % FV_ALIGN, 0);
            for (size_t k = 0; k < FV_TAIL_PAD; k++)
                assert_int_equal(p[sizes[i] + k], 0);
            memset(p, 1, sizes[i]);
        }
        int64_t now, peak;
        fv_ctx_memory(ctx, &now, &peak);
        assert_int_equal(now, peak);
        assert_true(now > 5 << 20);
        if (own)
            assert_int_equal(now, a.live_bytes - before);
        for (int i = 0; i < 9; i++)
            fv_free(ctx, blocks[i]);
        fv_free(ctx, NULL);
        int64_t end, end_peak;
        fv_ctx_memory(ctx, &end, &end_peak);
        assert_int_equal(end, 0);
        assert_int_equal(end_peak, peak);
        unsigned char *zeros = fv_calloc(ctx, 100, 7);
        for (int i = 0; i < 700; i++)
            assert_int_equal(zeros[i], 0);
        zeros[699] = 9;
        zeros = fv_realloc(ctx, zeros, 5000);
        assert_int_equal(zeros[699], 9);
        zeros = fv_realloc(ctx, zeros, 10);
        for (size_t k = 0; k < FV_TAIL_PAD; k++)
            assert_int_equal(zeros[10 + k], 0);
        fv_free(ctx, zeros);
        void *fresh = fv_realloc(ctx, NULL, 8);
        assert_non_null(fresh);
        fv_free(ctx, fresh);
        fv_ctx_destroy(&ctx);
    }
    assert_int_equal(a.live_blocks, 0);
    assert_int_equal(a.errors, 0);
}

static void test_memory_failures(void **state)
{
    (void)state;
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    assert_null(fv_malloc(ctx, SIZE_MAX));
    assert_null(fv_malloc(ctx, (size_t)INT64_MAX));
    assert_null(fv_calloc(ctx, SIZE_MAX / 2, 3));
    assert_non_null(strstr(fv_ctx_error(ctx), "out of memory"));
    char *kept = fv_strdup(ctx, "kept");
    a.fail_all = true;
    assert_null(fv_realloc(ctx, kept, 1000));
    assert_null(fv_strdup(ctx, "no"));
    assert_non_null(strstr(fv_ctx_error(ctx), "out of memory: 3 bytes"));
    assert_string_equal(kept, "kept");
    fv_free(ctx, kept);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
}

static void *allocate_often(void *arg)
{
    for (size_t i = 0; i < 3000; i++) {
        void *p = fv_malloc(arg, i), *q = fv_malloc(arg, 3 * i);
        p = fv_realloc(arg, p, 2 * i);
        fv_free(arg, q);
        fv_free(arg, p);
    }
    return NULL;
}

static void test_memory_from_many_threads(void **state)
{
    (void)state;
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, allocate_often, ctx), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    int64_t now, peak;
    fv_ctx_memory(ctx, &now, &peak);
    assert_int_equal(now, 0);
    assert_true(peak >= 2999 * 6);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
    assert_int_equal(a.errors, 0);
}

static void test_leak_is_reported(void **state)
{
    (void)state;
    static fv_test_log log;
    memset(&log, 0, sizeof log);
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, &log);
    void *leak = fv_malloc(ctx, 10);
    assert_non_null(leak);
    fv_ctx_destroy(&ctx);
    assert_non_null(strstr(log.text, "bytes are still in use"));
    assert_int_equal(a.live_blocks, 1);
    fv_test_release(&a, (char *)leak - 64, 10 + 64 + FV_TAIL_PAD);
    assert_int_equal(a.errors, 0);
    assert_int_equal(a.live_blocks, 0);
}

static void test_checked_sizes(void **state)
{
    (void)state;
    int64_t out = -7;
    assert_true(fv_size_mul(1LL << 31, 1LL << 31, &out));
    assert_int_equal(out, 1LL << 62);
    assert_true(fv_size_mul(0, INT64_MAX, &out));
    assert_int_equal(out, 0);
    assert_false(fv_size_mul(1LL << 32, 1LL << 31, &out));
    assert_false(fv_size_mul(-1, 2, &out));
    assert_false(fv_size_mul(2, -1, &out));
    assert_true(fv_size_add(INT64_MAX - 1, 1, &out));
    assert_int_equal(out, INT64_MAX);
    assert_false(fv_size_add(INT64_MAX, 1, &out));
    assert_false(fv_size_add(-1, 5, &out));
}

static void test_arena(void **state)
{
    (void)state;
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    fv_arena *arena;
    assert_int_equal(fv_arena_create(ctx, &arena), FV_OK);
    unsigned char *objects[2000];
    for (size_t i = 0; i < 2000; i++) {
        size_t size = i % 97 == 0 ? 20000 + i : i % 64;
        objects[i] = fv_arena_alloc(arena, size);
        assert_non_null(objects[i]);
        assert_int_equal((uintptr_t)objects[i] % 16, 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(objects[i][k], 0);
        memset(objects[i], (int)(i & 255), size);
    }
    for (size_t i = 0; i < 2000; i++) { /* none overlaps another */
        size_t size = i % 97 == 0 ? 20000 + i : i % 64;
        for (size_t k = 0; k < size; k++)
            assert_int_equal(objects[i][k], i & 255);
    }
    assert_true(a.live_blocks < 60);
    assert_string_equal(fv_arena_strdup(arena, "text"), "text");
    assert_string_equal(fv_arena_printf(arena, "%s-%d", "a", 12), "a-12");
    assert_memory_equal(fv_arena_memdup(arena, "\0\1\2", 3), "\0\1\2", 3);
    assert_null(fv_arena_alloc(arena, SIZE_MAX));
    assert_null(fv_arena_alloc(arena, SIZE_MAX - 8));
    fv_arena_destroy(&arena);
    assert_null(arena);
    fv_arena_destroy(&arena);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
}

static fv_status use_arena(fv_ctx *ctx, void *arg)
{
    (void)arg;
    fv_arena *arena;
    FV_TRY(fv_arena_create(ctx, &arena));
    bool ok = true;
    for (int i = 0; i < 300 && ok; i++)
        ok = fv_arena_alloc(arena, 100) && fv_arena_printf(arena, "%d", i) && (i % 50 || fv_arena_alloc(arena, 50000));
    fv_arena_destroy(&arena);
    return ok ? FV_OK : FV_ERR_NO_MEMORY;
}

static void test_arena_allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(use_arena, NULL) >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_threads_come_from_options_then_environment),
        cmocka_unit_test(test_isa_cap),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_log_topics),
        cmocka_unit_test(test_memory_blocks),
        cmocka_unit_test(test_memory_failures),
        cmocka_unit_test(test_memory_from_many_threads),
        cmocka_unit_test(test_leak_is_reported),
        cmocka_unit_test(test_checked_sizes),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_arena_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
