/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the bench floor share: a problem as a product of two operands. */
#ifndef FV_BENCH_INTERNAL_H
#define FV_BENCH_INTERNAL_H

#include <fovea/bench.h>

#include "ops/conv_geom.h"

/* What a node computes, and in which direction; a dense layer is a convolution of 1 x 1 pixels. */
typedef struct fv_bench_kind {
    fv_bench_direction direction;
    bool dense;
    fv_conv_geom geom;
} fv_bench_kind;
/* False: it is neither a convolution nor a product, nor a gradient of one. */
bool fv_bench_kind_of(const fv_node *node, fv_bench_kind *kind);

/* Some results of a node in float64, from its operands in float32 or halves. */
typedef struct fv_exact {
    fv_ctx *ctx;
    int64_t count, results; /* of so many in all */
    int64_t *at;
    double *value;
} fv_exact;
/* At most as many results as `macs` multiply-adds give, spread evenly. NO_MEMORY. */
fv_status fv_exact_make(fv_ctx *ctx, const fv_node *node, void *const *in, double macs, fv_exact *exact);
void fv_exact_free(fv_exact *exact);
/* Largest difference from results of a dtype; infinite where one is no number. */
double fv_exact_error(const fv_exact *exact, fv_dtype dtype, const void *result);

#endif
