/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions and products by every algorithm that there is: time, memory, error. */
#ifndef FOVEA_BENCH_H
#define FOVEA_BENCH_H

#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fv_bench_direction {
    FV_BENCH_FWD,
    FV_BENCH_BWD_DATA,    /* gradient to the data */
    FV_BENCH_BWD_WEIGHTS, /* gradient to the weights */
    FV_BENCH_DIRECTIONS
} fv_bench_direction;
/** "fwd", "bwd-data", "bwd-weights"; ends with NULL. */
FV_API const char *const *fv_bench_direction_names(void);

/** One computation: a convolution or a product, or a gradient of one. */
typedef struct fv_bench_problem {
    const char *name;  /* of the first layer that is it; "" where no model names it */
    const char *shape; /* "n1h56w56c64 k64r3s3 p1"; of a product "3136x64x576": rows, columns, depth */
    const char *text;  /* as plans know it: "conv2d f32 n1h56w56c64 k64r3s3c64:const pad=1" */
    fv_bench_direction direction;
    int64_t count; /* layers of the model that are it */
    double macs;   /* multiply-adds of direct computation */
    double flops;  /* its operations: two for each of them, and what follows (bias, activation) */
    double bytes;  /* operands and results, each once */
} fv_bench_problem;

/** A list of problems. One thread at a time. */
typedef struct fv_bench fv_bench;
FV_API fv_status fv_bench_create(fv_ctx *ctx, fv_bench **bench);
/** Takes NULL and pointers to NULL. */
FV_API void fv_bench_destroy(fv_bench **bench);

/** How the operands and results of what is added from now on are stored: FV_F32 (the default), or FV_F16, of forward
 * convolutions alone: sums are float32 then, too. VALUE for another dtype. */
FV_API fv_status fv_bench_store(fv_bench *bench, fv_dtype dtype);
/**
 * Adds a convolution in the directions of a mask (bit 1 << FV_BENCH_FWD, ...), told in one of two ways:
 * "[n1]h56w56c64 k64r3s3 [p1] [u1] [d1] [g1] [key=value...]": n images of h x w pixels (one of them alone: both) with c
 * channels; k filters of r x s taps (the same); padding, strides, dilation ("p1", or "p0x3" for rows and columns),
 * groups; attributes of the operator (activation=relu). Or a problem as plans know it, of a convolution or a product.
 * UNSUPPORTED for what is not stored as FV_F16.
 * Forward, weights are constant; in gradients they change from run to run. VALUE and UNKNOWN_OPTION name the word;
 * SHAPE, OVER_BUDGET.
 */
FV_API fv_status fv_bench_add_conv(fv_bench *bench, const char *text, unsigned directions);
/** Adds a product of m x k numbers with k x n that are constant; VALUE where one is below 1. */
FV_API fv_status fv_bench_add_gemm(fv_bench *bench, int64_t m, int64_t n, int64_t k, unsigned directions);
/** Adds the convolutions and dense layers of a finished model at a batch size, as inference compiles them: batch norms
 * folded, activations and additions with them. Those that are alike once, with their number. `layers`: NULL, or names
 * separated by commas, with * and ?. VALUE where there is no such layer. */
FV_API fv_status fv_bench_add_model(fv_bench *bench, const fv_model *model, int64_t batch, const char *layers,
                                    unsigned directions);
FV_API int fv_bench_count(const fv_bench *bench);
/** Valid until the list grows or is destroyed; NULL: no such problem. */
FV_API const fv_bench_problem *fv_bench_problem_at(const fv_bench *bench, int i);

typedef struct fv_bench_options {
    double seconds; /* for each algorithm, in five turns with the others; at least one run behind a first one [0] */
    const char *algorithms; /* NULL: all; else last words of solvers' names, separated by commas */
    bool processor_time;    /* times are what the thread worked, without what other programs made it wait: one thread */
    bool no_error;          /* leaves max_error and bound at 0 */
} fv_bench_options;

/** An algorithm on a problem. */
typedef struct fv_bench_row {
    const char *solver;    /* "cpu.conv2d.winograd_4"; static */
    const char *algorithm; /* its last word */
    char refused[160];     /* "": it computed the problem; else why not, and all behind this is 0 */
    bool chosen;           /* what the context's plans take */
    bool eligible;         /* plans may take it without being asked: its stated error is small */
    int runs;              /* that were timed */
    double ms, best_ms;    /* the median of the turns' medians, and the best of all */
    double pack_ms;        /* rearranging weights; in each run where they change */
    bool packs_each;
    int64_t packed_bytes, workspace_bytes; /* of rearranged weights; of scratch */
    double max_error; /* largest difference from the result in float64, of operands drawn evenly from [-1, 1) */
    double bound;     /* that the solver states for these operands; for sums in a chain: of its roundings */
} fv_bench_row;

enum { FV_BENCH_ROWS_MAX = 32 };
typedef struct fv_bench_rows {
    int count;
    fv_bench_row row[FV_BENCH_ROWS_MAX]; /* in the order in which plans ask them */
    /* Results that were compared with float64, of how many: all, or as many as 2^25 multiply-adds give, spread evenly.
     */
    int64_t compared, results;
} fv_bench_rows;

/**
 * Runs every solver of a problem with the context's threads. What is read again is where the run before it left it: in
 * caches as far as it fits. CONFLICT: processor_time with several threads; VALUE for an unknown algorithm (the message
 * lists them) and for a problem of another operator; OVER_BUDGET before anything is allocated where the operands do not
 * fit into the context's memory; a solver whose scratch does not is refused. NO_MEMORY.
 */
FV_API fv_status fv_bench_run(fv_ctx *ctx, const char *problem, const fv_bench_options *options, fv_bench_rows *rows);

/* ---- whole networks ---- */

/** A model's inference under the clock. One thread at a time; the model must outlive it and keep its weights. */
typedef struct fv_bench_network fv_bench_network;

/** Compiles the model for a batch size, fills its inputs with numbers drawn at random and runs it once. `layers`: the
 * clock is read at every node too. OVER_BUDGET names the largest consumers; NO_MEMORY. */
FV_API fv_status fv_bench_network_create(fv_model *model, int64_t batch, bool layers, fv_bench_network **network);
/** Takes NULL and pointers to NULL. */
FV_API void fv_bench_network_destroy(fv_bench_network **network);
/** Runs for so many seconds, and once at least. May be called again: several networks, by turns. */
FV_API fv_status fv_bench_network_run(fv_bench_network *network, double seconds);

typedef struct fv_bench_figures {
    int64_t runs; /* that were timed */
    /* Milliseconds: the best, and what half, 90 % and 99 % of the runs did not exceed. */
    double best_ms, p50_ms, p90_ms, p99_ms;
    int64_t weight_bytes;  /* of the model's tensors */
    int64_t planned_bytes; /* these, packed weights, activations and scratch, as compiling plans them */
    int64_t peak_bytes;    /* the most that was ever allocated through the context: building or reading the model
                              and compiling it included */
} fv_bench_figures;
FV_API void fv_bench_network_figures(fv_bench_network *network, fv_bench_figures *figures);

/** One node of a run, in the order of computation. */
typedef struct fv_bench_layer {
    const char *name, *op, *solver;
    double ms; /* mean */
    double flops, bytes;
} fv_bench_layer;
/** False: there is no layer i, or layers were not asked for. Texts are valid as long as the network. */
FV_API bool fv_bench_network_layer(const fv_bench_network *network, int i, fv_bench_layer *layer);

#ifdef __cplusplus
}
#endif
#endif
