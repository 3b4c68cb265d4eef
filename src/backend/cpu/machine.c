/* SPDX-License-Identifier: Apache-2.0 */
/* The roofs of a machine: multiply-adds on registers, and copying. */
#include <fovea/machine.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/threads.h"
#include "kernels/gemm/gemm.h"
#include "kernels/kernels.h"

enum { ROUNDS = 5, CHUNKS = 8 };
static const double round_seconds = 0.01;
/* Of a roof alone: so short that some pass between two interruptions of a busy machine. */
enum { SHORT_ROUNDS = 40 };
static const double short_seconds = 0.0005;

/* "0-3,8" is five processors; 0: no such list. */
static int count_list(const char *text)
{
    int count = 0;
    for (char *end; *text >= '0' && *text <= '9'; text = *end == ',' ? end + 1 : end) {
        const long first = strtol(text, &end, 10);
        const long last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        count += last >= first ? (int)(last - first + 1) : 0;
    }
    return count;
}

static bool read_line(const char *dir, int index, const char *name, char text[256])
{
    char path[128];
    snprintf(path, sizeof path, "%s%d/%s", dir, index, name);
    FILE *f = fopen(path, "r");
    const bool read = f && fgets(text, 256, f);
    if (f)
        fclose(f);
    return read;
}

static void find_caches(const fv_cpu *cpu, fv_machine *m)
{
    const char *dir = "/sys/devices/system/cpu/cpu0/cache/index";
    char level[256], type[256], list[256];
    m->cache[0].bytes = cpu->l1d;
    m->cache[1].bytes = cpu->l2;
    m->cache[2].bytes = cpu->l3;
    for (int i = 0; i < 16 && read_line(dir, i, "level", level); i++) {
        const int at = level[0] - '1';
        if (at >= 0 && at < 3 && read_line(dir, i, "type", type) && strncmp(type, "Instruction", 11) != 0 &&
            read_line(dir, i, "shared_cpu_list", list))
            m->cache[at].shared_by = count_list(list);
    }
}

/* ---- multiply-adds ---- */

/* What a thread does, on a cache line of its own. */
typedef struct fma_task {
    _Alignas(64) float sink;
    int64_t flops;
} fma_task;

typedef struct fma_job {
    const fv_gemm_kernels *gemm;
    int64_t rounds; /* of the loop, in a round that is timed */
    int count;      /* of these */
    double seconds; /* the least that one of them takes */
    fma_task *task;
} fma_job;

static void fma_run(void *arg, int64_t task, int worker)
{
    const fma_job *j = arg;
    (void)worker;
    j->task[task].flops = j->gemm->peak(j->rounds, &j->task[task].sink);
}

/* Operations a second when `threads` work; `rounds` is made so many that a round takes long enough to time. */
static double measure_fma(fv_ctx *ctx, fma_job *j, int threads)
{
    double best = 0;
    for (int round = 0; round < j->count;) {
        double flops = 0;
        const double start = fv_time_monotonic();
        fv_parallel(ctx, threads, threads, fma_run, j);
        const double seconds = fv_time_monotonic() - start;
        for (int i = 0; i < threads; i++)
            flops += (double)j->task[i].flops;
        if (seconds < j->seconds && j->rounds < INT64_C(1) << 40) {
            j->rounds *= 2;
            continue;
        }
        best = seconds > 0 && flops / seconds > best ? flops / seconds : best;
        round++;
    }
    return best;
}

/* ---- copying ---- */

typedef struct copy_job {
    char *dst;
    const char *src;
    int64_t chunk;
} copy_job;

static void copy_run(void *arg, int64_t task, int worker)
{
    const copy_job *j = arg;
    (void)worker;
    memcpy(j->dst + task * j->chunk, j->src + task * j->chunk, (size_t)j->chunk);
}

/* Four times the last cache, within what the context may have. */
static int64_t copy_bytes(const fv_ctx *ctx, const fv_machine *m)
{
    const int64_t least = INT64_C(16) << 20, most = INT64_C(128) << 20, room = fv_ctx_memory_limit(ctx) / 4;
    int64_t bytes = 4 * (m->cache[2].bytes ? m->cache[2].bytes : m->cache[1].bytes);
    bytes = bytes < least ? least : bytes > most ? most : bytes;
    return bytes < room ? bytes : room;
}

static fv_status measure_copy(fv_ctx *ctx, fv_machine *m)
{
    const int tasks = fv_ctx_threads(ctx) * CHUNKS;
    const int64_t chunk = copy_bytes(ctx, m) / tasks / 64 * 64, size = chunk * tasks;
    char *src = fv_malloc(ctx, (size_t)size), *dst = fv_malloc(ctx, (size_t)size);
    fv_status status = src && dst ? FV_OK : FV_ERR_NO_MEMORY;
    for (int round = 0; status == FV_OK && round < ROUNDS; round++) {
        if (round == 0) { /* pages come to be when they are written */
            memset(src, 1, (size_t)size);
            memset(dst, 2, (size_t)size);
        }
        copy_job j = {dst, src, chunk};
        const double start = fv_time_monotonic();
        fv_parallel(ctx, tasks, 0, copy_run, &j);
        const double rate = 2e-9 * (double)size / (fv_time_monotonic() - start);
        m->copy_gb_per_s = rate > m->copy_gb_per_s ? rate : m->copy_gb_per_s;
    }
    fv_free(ctx, src);
    fv_free(ctx, dst);
    return status;
}

static fv_status fma_start(fv_ctx *ctx, int count, double seconds, fma_job *j)
{
    *j = (fma_job){fv_kernels_of(ctx)->gemm, 1 << 12, count, seconds,
                   fv_calloc(ctx, (size_t)fv_ctx_threads(ctx), sizeof(fma_task))};
    return j->task ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_machine_measure(fv_ctx *ctx, fv_machine *machine)
{
    const int threads = fv_ctx_threads(ctx);
    fma_job j;
    *machine = (fv_machine){.copy_gb_per_s = 0};
    find_caches(fv_ctx_cpu(ctx), machine);
    FV_TRY(fma_start(ctx, ROUNDS, round_seconds, &j));
    machine->gflops_one = 1e-9 * measure_fma(ctx, &j, 1);
    machine->gflops_all = threads > 1 ? 1e-9 * measure_fma(ctx, &j, threads) : machine->gflops_one;
    fv_free(ctx, j.task);
    return measure_copy(ctx, machine);
}

fv_status fv_machine_roof(fv_ctx *ctx, double *gflops)
{
    fma_job j;
    FV_TRY(fma_start(ctx, SHORT_ROUNDS, short_seconds, &j));
    *gflops = 1e-9 * measure_fma(ctx, &j, fv_ctx_threads(ctx));
    fv_free(ctx, j.task);
    return FV_OK;
}
