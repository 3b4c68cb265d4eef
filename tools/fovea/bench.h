/* SPDX-License-Identifier: Apache-2.0 */
/* What the actions of fovea bench share. */
#ifndef FOVEA_PROGRAM_BENCH_H
#define FOVEA_PROGRAM_BENCH_H

#include <jansson.h>

#include "cli.h"

enum { BENCH_COUNTS = 8 };

/* Numbers of threads, each with a context of its own. */
typedef struct bench_crew {
    int count;
    int64_t threads[BENCH_COUNTS];
    fv_ctx *ctx[BENCH_COUNTS];
    double gflops[BENCH_COUNTS]; /* roof: multiply-adds on registers, the best that was measured so far */
} bench_crew;

/* Whole numbers from 1 to `most`, separated by commas; VALUE after a message. */
fv_status bench_counts(const char *option, const char *text, int64_t most, int64_t values[BENCH_COUNTS], int *count);
/* What --threads says; default: one, and what the process may use. */
fv_status bench_threads(settings *c, int64_t threads[BENCH_COUNTS], int *count);
/* Contexts for them, with their roofs. */
fv_status bench_crew_open(settings *c, bench_crew *crew);
/* Measures the roof of one of them once more, for a moment. */
fv_status bench_crew_roof(bench_crew *crew, int t);
void bench_crew_close(bench_crew *crew);

typedef struct bench_job {
    settings *c;
    bench_crew crew;
    fv_bench *list;
    unsigned directions;
    fv_bench_options options;
    json_t *problems;                                /* of --json */
    const char *dtype;                               /* that JSON names */
    double chosen[BENCH_COUNTS], best[BENCH_COUNTS]; /* sums over layers, ms */
    int64_t layers;                                  /* summed */
} bench_job;

/* Runs a problem at one of the numbers of threads: errors are found with the first one, whose bits are those of all. */
fv_status bench_run(bench_job *j, const fv_bench_problem *p, int t, fv_bench_rows *rows);
/* "AMD EPYC, avx2, float32 roof 51.2 GFLOP/s on 1 thread, ..." */
void bench_print_machine(const bench_job *j);
/* Before the first, of a problem with each number of threads, and behind the last. */
void bench_print_begin(bench_job *j);
void bench_print_rows(bench_job *j, const fv_bench_problem *p, int t, const fv_bench_rows *rows);
void bench_print_end(bench_job *j);
/* The machine and what was asked for, of JSON. */
json_t *bench_json_head(const bench_job *j);

/* FV_F32, FV_F16 by the number of their name in --dtype. */
fv_dtype bench_dtype(int choice);

/* The action of that name. */
fv_status bench_vgg(bench_job *j);

#endif
