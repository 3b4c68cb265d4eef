/* SPDX-License-Identifier: Apache-2.0 */
/* Networks under the clock, side by side: figures, whoever prints them. */
#ifndef FOVEA_BENCHMARK_H
#define FOVEA_BENCHMARK_H

#include "cli.h"

/* How good a network is on --data. */
typedef struct benchmark_score {
    const fv_metric *metric; /* NULL: not scored */
    double value;
    int64_t samples;
} benchmark_score;

/* What a network costs at a batch size and a number of threads, and how good it is. */
typedef struct benchmark_row {
    const char *name; /* as it is shown */
    int64_t threads, batch;
    int64_t parameters, file_bytes; /* 0: it has no file */
    double macs, images_a_second;
    fv_bench_figures figures; /* milliseconds, bytes of weights, planned and peak memory */
    benchmark_score score;
} benchmark_row;

/* A network that is measured. */
typedef struct benchmark_network {
    const char *path; /* file, or name of an architecture */
    benchmark_row row;
    bool loaded; /* has trained weights */
    fv_ctx *ctx; /* of its own, so that its memory is known; NULL, as the two below, while it is not open */
    fv_model *model;
    fv_bench_network *network;
} benchmark_network;

/*
 * Figures of model files at a batch size and a number of threads, c->bench_seconds of runs each, in turns, so that a
 * busy moment of the machine meets all of them; scored on --data (split c->split, or the one that split_choose finds)
 * where it is given. What fails was told when it returns. `names`: as rows show them; NULL: the files.
 */
fv_status benchmark_files(settings *c, const char *const *files, const char *const *names, int count, int64_t threads,
                          int64_t batch, benchmark_row *rows);

/* The parts of it. Scores do not depend on threads and batch, and stay when the networks are closed. */
fv_status benchmark_score_all(settings *c, benchmark_network *networks, int count);
/* Opens them, which may be open at other figures, and runs them; they are to be closed also on failure. */
fv_status benchmark_run_all(settings *c, benchmark_network *networks, int count, int64_t threads, int64_t batch);
void benchmark_close_all(benchmark_network *networks, int count);

#endif
