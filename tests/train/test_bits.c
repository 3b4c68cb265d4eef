/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Promise 3: weights after training are the same for any number of threads and any instruction set, and the same as
 * those in bits.txt, which was written on another machine. `test_bits --print` prints the lines of bits.txt.
 */
#include "runs.h"

typedef struct setting {
    int threads;
    const char *isa;
} setting;

static fv_ctx *open_ctx(int threads, const char *isa)
{
    fv_ctx *ctx = NULL;
    fv_status status = fv_ctx_create(&(fv_ctx_options){.threads = threads, .isa = isa}, &ctx);
    return status == FV_OK ? ctx : NULL;
}

static int64_t steps_of(const bits_run *r, const char *isa)
{
    return isa && strcmp(isa, "scalar") == 0 ? 2 : r->steps;
}

/* The line of bits.txt: "name steps hash". */
static void expected(const bits_run *r, int64_t steps, char hex[65])
{
    char path[1024], line[256], name[64], hash[80];
    snprintf(path, sizeof path, "%s/tests/train/bits.txt", getenv("FOVEA_SOURCE_DIR"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    hex[0] = 0;
    while (fgets(line, sizeof line, f)) {
        long long n;
        if (line[0] != '#' && sscanf(line, "%63s %lld %79s", name, &n, hash) == 3 && strcmp(name, r->name) == 0 &&
            n == steps)
            snprintf(hex, 65, "%.64s", hash);
    }
    fclose(f);
    if (!hex[0])
        fail_msg("bits.txt has no line for %s after %lld steps", r->name, (long long)steps);
}

static void test_run(void **state)
{
    const bits_run *r = *state;
    static const setting settings[] = {{2, NULL},   {2, "scalar"}, {1, NULL},  {4, NULL},
                                       {2, "avx2"}, {3, "avx512"}, {2, "neon"}};
    for (int i = 0; i < FV_TEST_CASES(7, 2); i++) {
#ifdef FV_TEST_EMULATED
        if (!settings[i].isa || strcmp(settings[i].isa, "scalar") != 0)
            continue; /* what emulates other instruction sets there has zeros of its own */
#endif
        char want[65], got[65];
        fv_ctx *ctx = open_ctx(settings[i].threads, settings[i].isa);
        if (!ctx) {
            print_message("%s: this processor has no %s\n", r->name, settings[i].isa);
            continue;
        }
        int64_t steps = steps_of(r, fv_ctx_isa(ctx));
        expected(r, steps, want);
        bits_of_run(ctx, r, steps, got);
        if (strcmp(want, got) != 0)
            fail_msg("%s: %d threads, %s: weights after %lld steps are %s, expected %s", r->name, settings[i].threads,
                     fv_ctx_isa(ctx), (long long)steps, got, want);
        fv_ctx_destroy(&ctx);
    }
}

/* The same for every algorithm that convolutions can be asked for; no machine's bits are recorded. */
static void test_algorithms(void **state)
{
    static const setting settings[] = {{1, NULL}, {4, NULL}, {2, "scalar"}, {2, "avx2"}, {3, "avx512"}, {2, "neon"}};
    (void)state;
    for (uint64_t a = FV_TEST_CASES(1, 4); a < FV_TEST_ALGORITHMS; a += FV_TEST_CASES(1, 4))
        for (int i = 0; i < BITS_RUNS; i++) {
            bits_run r = bits_runs[i];
            char want[65] = "", got[65];
            if (strcmp(r.name, a < 6 ? "resnet8" : "lenet_rmsprop") != 0) /* filters of 3x3, of 5x5 */
                continue;
            for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
                fv_ctx *ctx = open_ctx(settings[k].threads, settings[k].isa);
                if (!ctx)
                    continue;
                const char *name = fv_test_ask_for(ctx, a);
                r.algorithm = name;
                bits_of_run(ctx, &r, 1, got);
                if (k == 0)
                    snprintf(want, sizeof want, "%s", got);
                if (strcmp(want, got) != 0)
                    fail_msg("%s by %s: %d threads, %s: weights are %s, expected %s", r.name, name, settings[k].threads,
                             fv_ctx_isa(ctx), got, want);
                fv_ctx_destroy(&ctx);
            }
        }
}

static int print_bits(void)
{
    fv_ctx *ctx = open_ctx(1, NULL);
    puts("# SHA-256 of all weights and states after so many steps of the runs in runs.h; changes only with the "
         "numerics contract.");
    for (int i = 0; i < BITS_RUNS; i++)
        for (int64_t steps = 2; steps <= bits_runs[i].steps;
             steps += bits_runs[i].steps - 2 ? bits_runs[i].steps - 2 : 1) {
            char hex[65];
            bits_of_run(ctx, &bits_runs[i], steps, hex);
            printf("%s %lld %s\n", bits_runs[i].name, (long long)steps, hex);
        }
    fv_ctx_destroy(&ctx);
    return 0;
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[BITS_RUNS + 1];
    if (argc > 1 && strcmp(argv[1], "--print") == 0)
        return print_bits();
    for (int i = 0; i < BITS_RUNS; i++)
        tests[i] = (struct CMUnitTest){bits_runs[i].name, test_run, NULL, NULL, (void *)(uintptr_t)&bits_runs[i]};
    tests[BITS_RUNS] = (struct CMUnitTest)cmocka_unit_test(test_algorithms);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
