/* SPDX-License-Identifier: Apache-2.0 */
/* The operator table: built-in rows from ops.def plus those registered with a context. */
#ifndef FV_OPS_OPS_H
#define FV_OPS_OPS_H

#include "graph/graph.h"

/* The operator of that name, or NULL. Built-in first, then those registered with ctx. */
const fv_op *fv_op_find(fv_ctx *ctx, const char *name);
/* NULL-terminated names for "did you mean". */
const char *const *fv_op_names(void);

/* One declaration per row of ops.def: extern const fv_op fv_op_conv2d; ... */
#define FV_OP_ROW(name) extern const fv_op fv_op_##name;
#include "ops/ops.def"
#undef FV_OP_ROW

/* What fv_op_register checks about a row by itself: hooks, counts, names, attributes. ARGUMENT naming the flaw. */
fv_status fv_op_check(fv_ctx *ctx, const fv_op *op);

/* Number of logical shards for a batch of n: the largest power of two that divides n, at most 8. */
int fv_shards(int64_t n);

#endif
