/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers between guard pages, fills, comparison and timing for the checks. */
#include "fvcheck.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kernels/gemm/gemm.h"

#define CANARY   0xffu /* as floats: NaN, so that a value read from there spoils the result */
#define FRONT    64
#define MAX_LIVE 64

/* Buffers alive now: kept outside fvc so that they are found again after a crash in the middle of a check. */
static struct {
    unsigned char *map, *data;
    size_t mapped, bytes, guard;
} live[MAX_LIVE];
static int n_live;

void fvc_fail(fvc *t, const char *format, ...)
{
    if (t->failed)
        return;
    t->failed = true;
    va_list args;
    va_start(args, format);
    vsnprintf(t->message, sizeof t->message, format, args);
    va_end(args);
}

uint64_t fvc_random(fvc *t)
{
    uint64_t z = (t->rng += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

int64_t fvc_int(fvc *t, int64_t lo, int64_t hi)
{
    return lo + (int64_t)(fvc_random(t) % (uint64_t)(hi - lo + 1));
}

float fvc_real(fvc *t)
{
    return (float)((double)(fvc_random(t) >> 40) / 8388608.0 - 1.0);
}

int64_t fvc_size(fvc *t, int64_t max)
{
    int64_t n = fvc_int(t, 0, 2) ? fvc_int(t, 1, 40) : fvc_int(t, 1, 1 + max / 16) * 16 + fvc_int(t, -1, 1);
    return n > max ? fvc_int(t, 1, max) : n;
}

void *fvc_buffer(fvc *t, size_t bytes, size_t align)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t guard = 16 * page; /* wide, so that a wild read does not fly over it */
    const size_t shift = (size_t)fvc_int(t, 0, 15) * align;
    const size_t inside = (FRONT + bytes + shift + FVC_TAIL + page - 1) / page * page;
    if (n_live == MAX_LIVE) {
        fprintf(stderr, "fvcheck: more than %d buffers alive; a check forgot fvc_reset\n", MAX_LIVE);
        exit(2);
    }
    unsigned char *map = mmap(NULL, inside + 2 * guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + guard, inside, PROT_READ | PROT_WRITE) != 0) {
        perror("fvcheck: mmap");
        exit(2);
    }
    memset(map + guard, CANARY, inside);
    /* The tail ends at the unreadable page; with a shift the readable rest behind it is only larger. */
    size_t end = inside - FVC_TAIL - shift;
    unsigned char *data = map + guard + (end - bytes) / align * align;
    live[n_live].map = map;
    live[n_live].mapped = inside + 2 * guard;
    live[n_live].data = data;
    live[n_live].bytes = bytes;
    live[n_live].guard = guard;
    n_live++;
    return data;
}

void fvc_reset(fvc *t)
{
    for (int i = 0; i < n_live; i++) {
        const unsigned char *begin = live[i].map + live[i].guard, *end = live[i].map + live[i].mapped - live[i].guard;
        for (const unsigned char *p = begin; p < end && !t->failed; p++) {
            if (p == live[i].data)
                p += live[i].bytes;
            if (p < end && *p != CANARY)
                fvc_fail(t, "wrote outside a buffer of %zu bytes, at byte %td", live[i].bytes, p - live[i].data);
        }
        munmap(live[i].map, live[i].mapped);
    }
    n_live = 0;
}

void fvc_fill_int(fvc *t, float *p, int64_t n, int range)
{
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)fvc_int(t, -range, range);
}

void fvc_fill_real(fvc *t, float *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        p[i] = fvc_real(t);
}

void fvc_fill_special(fvc *t, float *p, int64_t n)
{
    const float special[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-40f, -1e-45f, 3e38f, -3e38f};
    for (int64_t i = 0; i < n; i++)
        if (fvc_int(t, 0, 9) == 0)
            p[i] = special[fvc_int(t, 0, (int64_t)(sizeof special / sizeof special[0]) - 1)];
}

bool fvc_same_value(double a, double b)
{
#ifdef FV_TEST_EMULATED
    if (a == b)
        return true;
#endif
    return isnan(a) && isnan(b);
}

bool fvc_equal(fvc *t, const char *what, const float *got, const float *want, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (memcmp(&got[i], &want[i], sizeof(float)) != 0 && !fvc_same_value(got[i], want[i])) {
            fvc_fail(t, "%s: element %lld of %lld is %a, expected %a", what, (long long)i, (long long)n, (double)got[i],
                     (double)want[i]);
            return false;
        }
    }
    return true;
}

bool fvc_equal_bytes(fvc *t, const char *what, const void *got, const void *want, size_t bytes)
{
    const unsigned char *g = got, *w = want;
    for (size_t i = 0; i < bytes; i++) {
        if (g[i] != w[i]) {
            fvc_fail(t, "%s: byte %zu of %zu is %d, expected %d", what, i, bytes, g[i], w[i]);
            return false;
        }
    }
    return true;
}

/* Kernels run on one thread; processor time leaves out what other programs take. */
static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void fvc_time(fvc *t, const char *label, double flops, double bytes, void (*call)(void *arg), void *arg)
{
    const fv_gemm_kernels *gemm = t->k->gemm;
    double best = INFINITY, roof = 0;
    call(arg);
    double begin = seconds();
    call(arg);
    double once = seconds() - begin;
    int64_t repeat = once > 2e-3 ? 1 : (int64_t)(2e-3 / (once + 1e-9)) + 1;
    begin = seconds();
    for (int round = 0; round < 9 || (round < 40 && seconds() - begin < 0.3); round++) {
        float sink = 1.0f;
        double start = seconds();
        int64_t work = gemm->peak(40000, &sink);
        double now = seconds(), rate = (double)work / (now - start) * 1e-9;
        roof = rate > roof ? rate : roof;
        for (int64_t i = 0; i < repeat; i++)
            call(arg);
        double each = (seconds() - now) / (double)repeat;
        best = each < best ? each : best;
    }
    printf("%-7s %-44s %10.1f us", fv_isa_name(t->k->isa), label, best * 1e6);
    if (flops > 0)
        printf(" %8.1f GF/s %5.1f %% of %.0f", flops / best * 1e-9, 100 * flops / best * 1e-9 / roof, roof);
    if (bytes > 0)
        printf(" %8.2f GB/s", bytes / best * 1e-9);
    printf("\n");
    fflush(stdout);
}
