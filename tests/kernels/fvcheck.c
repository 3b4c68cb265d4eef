/* SPDX-License-Identifier: Apache-2.0 */
/* Proves every kernel on every instruction set that this machine has, times it, and proves that the checks themselves
 * can fail. */
#include "fvcheck.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const fv_check *const check_tables[] = {
#define FVC_ROW(family) fv_check_##family,
    FV_CHECK_FAMILIES(FVC_ROW)
#undef FVC_ROW
};

static const fv_broken *const broken_tables[] = {
#define FVC_ROW(family) fv_broken_##family,
    FV_CHECK_FAMILIES(FVC_ROW)
#undef FVC_ROW
};

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

typedef struct options {
    const char *pattern, *isa;
    bool bench, self, list;
    uint64_t seed;
} options;

static sigjmp_buf crash_point;
static volatile sig_atomic_t crash_armed;

static void on_crash(int signal_number)
{
    if (crash_armed)
        siglongjmp(crash_point, signal_number);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void catch_crashes(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_crash;
    action.sa_flags = SA_NODEFER;
    for (int i = 0; i < COUNT(signals); i++)
        sigaction(signals[i], &action, NULL);
}

static uint64_t hash_text(const char *text, uint64_t h)
{
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3ull;
    return h;
}

/* Runs one check; true when it passed. A crash is a failure with the signal's name. */
static bool run_check(const fv_check *check, const fv_kernels *k, uint64_t seed, fvc *t)
{
    memset(t, 0, sizeof *t);
    t->k = k;
    t->scalar = fv_kernels_get(FV_ISA_SCALAR);
    t->rng = hash_text(check->name, seed + 0xcbf29ce484222325ull);
    int crash = sigsetjmp(crash_point, 1);
    if (crash == 0) {
        crash_armed = 1;
        check->run(t);
    } else {
        fvc_fail(t, "%s (an access outside the buffers, or an instruction that the processor lacks)", strsignal(crash));
    }
    crash_armed = 0;
    fvc_reset(t);
    return !t->failed;
}

static bool wanted(const options *o, const char *name)
{
    return !o->pattern || strstr(name, o->pattern);
}

static int run_all(const options *o, const fv_cpu *cpu)
{
    int passed = 0, failed = 0;
    for (int isa = 0; isa < FV_ISA_COUNT; isa++) {
        const fv_kernels *k = fv_kernels_get((fv_isa)isa);
        if (!k || !cpu->has[isa] || (o->isa && strcmp(o->isa, fv_isa_name((fv_isa)isa)) != 0))
            continue;
        for (int f = 0; f < COUNT(check_tables); f++) {
            for (const fv_check *c = check_tables[f]; c->name; c++) {
                if (!wanted(o, c->name))
                    continue;
                fvc t;
                memset(&t, 0, sizeof t);
                t.k = k;
                if (o->bench) {
                    if (c->bench)
                        c->bench(&t);
                    continue;
                }
                if (run_check(c, k, o->seed, &t)) {
                    passed++;
                } else {
                    failed++;
                    printf("FAIL %-7s %s: %s (--seed %llu)\n", fv_isa_name((fv_isa)isa), c->name, t.message,
                           (unsigned long long)o->seed);
                }
                fflush(stdout);
            }
        }
    }
    if (o->bench)
        return 0;
    printf("fvcheck: %d passed, %d failed on %s\n", passed, failed, cpu->name);
    return failed || !passed;
}

static const fv_check *find_check(const char *name)
{
    for (int f = 0; f < COUNT(check_tables); f++)
        for (const fv_check *c = check_tables[f]; c->name; c++)
            if (strcmp(c->name, name) == 0)
                return c;
    return NULL;
}

/* Every broken kernel must be caught, on the strongest instruction set here and on scalar. */
static int run_self(const options *o, const fv_cpu *cpu)
{
    int caught = 0, missed = 0;
    for (int isa = 0; isa < FV_ISA_COUNT; isa++) {
        const fv_kernels *k = fv_kernels_get((fv_isa)isa);
        if (!k || !cpu->has[isa] || (o->isa && strcmp(o->isa, fv_isa_name((fv_isa)isa)) != 0))
            continue;
        for (int f = 0; f < COUNT(broken_tables); f++) {
            for (const fv_broken *b = broken_tables[f]; b->name; b++) {
                const fv_check *c = find_check(b->check);
                if (!wanted(o, b->name))
                    continue;
                fv_kernels copy = *k;
                fvc t;
                b->install(&copy);
                bool passed = !c || run_check(c, &copy, o->seed, &t);
                if (passed) {
                    missed++;
                    printf("MISSED %-7s %s: %s\n", fv_isa_name((fv_isa)isa), b->name,
                           c ? "the check passed" : "no such check");
                } else {
                    caught++;
                }
                fflush(stdout);
            }
        }
    }
    printf("fvcheck --self: %d broken kernels caught, %d missed\n", caught, missed);
    return missed || !caught;
}

static int list_all(void)
{
    for (int f = 0; f < COUNT(check_tables); f++)
        for (const fv_check *c = check_tables[f]; c->name; c++)
            printf("%s%s\n", c->name, c->bench ? " (timed by --bench)" : "");
    for (int f = 0; f < COUNT(broken_tables); f++)
        for (const fv_broken *b = broken_tables[f]; b->name; b++)
            printf("broken: %s\n", b->name);
    return 0;
}

static int usage(const char *argument)
{
    fprintf(stderr,
            "fvcheck: cannot read '%s'\n"
            "usage: fvcheck [-k PATTERN] [--isa NAME] [--seed N] [--bench | --self | --list]\n",
            argument);
    return 2;
}

int fvc_share = 1;

int fvc_rounds(int full)
{
    return full > fvc_share ? full / fvc_share : 1;
}

/* Cases that are alike: other ones with each seed. */
static void take_share(options *o)
{
    const char *text = getenv("FOVEA_TEST_SHARE");
    long long seed, n;
    if (!text || sscanf(text, "%lld/%lld", &seed, &n) != 2 || seed < 0 || n < 1)
        return;
    fvc_share = n < 4 ? (int)n : 4;
    o->seed += (uint64_t)seed;
}

int main(int argc, char **argv)
{
    options o = {.seed = 1};
    if (argc == 1)
        take_share(&o);
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(a, "--bench") == 0) {
            o.bench = true;
        } else if (strcmp(a, "--self") == 0) {
            o.self = true;
        } else if (strcmp(a, "--list") == 0) {
            o.list = true;
        } else if (strcmp(a, "-k") == 0 && value) {
            o.pattern = argv[++i];
        } else if (strcmp(a, "--isa") == 0 && value) {
            fv_isa isa;
            if (!fv_isa_parse(value, &isa))
                return usage(value);
            o.isa = argv[++i];
        } else if (strcmp(a, "--seed") == 0 && value) {
            char *end;
            o.seed = strtoull(value, &end, 10);
            if (*end || end == value)
                return usage(value);
            i++;
        } else {
            return usage(a);
        }
    }
    fv_cpu cpu;
    fv_cpu_detect(&cpu);
    catch_crashes();
    if (o.list)
        return list_all();
    return o.self ? run_self(&o, &cpu) : run_all(&o, &cpu);
}
