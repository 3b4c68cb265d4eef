/* SPDX-License-Identifier: Apache-2.0 */
/* What reductions over any axes share. */
#ifndef FV_OPS_REDUCE_H
#define FV_OPS_REDUCE_H

#include "ops/nd.h"

extern const fv_attr fv_reduce_attrs[];
extern const char *const fv_reduce_operands[], *const fv_reduce_letters[];
extern const char *const fv_extreme_bwd_operands[], *const fv_extreme_bwd_letters[];

/* Any dtype but bool; dst has it too. */
fv_status fv_reduce_infer(fv_ctx *ctx, const fv_node *node);
fv_cost fv_reduce_cost(const fv_node *node);
/*
 * Sums: floats in float64, integers exactly (wrapping). Where the first dimension is reduced, its logical shards are
 * summed each in memory order and then by a tree; otherwise all terms in memory order. `mean`: divided by the terms.
 */
void fv_reduce_sum_ref(const fv_call *call, bool mean);
/* Whether the first dimension is among the terms. */
bool fv_reduces_samples(const fv_node *node);
/* The largest or smallest; NaN where one is. */
void fv_reduce_extreme_ref(const fv_call *call, bool largest);

/* d repeated over what a node reduced: the shape of its operand. */
fv_val *fv_emit_unreduced(fv_builder *b, const fv_node *node, fv_val *d);
/* (d_dst, src, dst) -> d_src: shared evenly among the terms that are equal to the result. */
fv_status fv_extreme_bwd_infer(fv_ctx *ctx, const fv_node *node);
void fv_extreme_bwd_ref(const fv_call *call);
fv_status fv_extreme_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in, const char *bwd);

#endif
