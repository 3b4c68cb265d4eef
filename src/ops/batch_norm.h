/* SPDX-License-Identifier: Apache-2.0 */
/* What batch normalization in inference, in training and backwards have in common. */
#ifndef FV_OPS_BATCH_NORM_H
#define FV_OPS_BATCH_NORM_H

#include "ops/epilogue.h"

/* activation, eps, momentum. */
extern const fv_attr fv_batch_norm_attrs[];
/* src (n, ..., c) and gamma, beta, mean, var [c]; dst has the shape of src. */
fv_status fv_batch_norm_infer(fv_ctx *ctx, const fv_node *node);
/* dst = act(src * scale[c] + shift[c]) with scale = gamma * rstd, shift = beta - mean * scale, each rounded once. */
void fv_batch_norm_apply(const fv_call *call, int64_t c, double mean, double rstd);
/* 1 / sqrt(var + eps), rounded once. */
double fv_batch_norm_rstd(fv_dtype dtype, double var, double eps);
/* Operand i is f64 [2][c] where `src` is the number of an operand of c channels. */
fv_status fv_batch_norm_check_sums(fv_ctx *ctx, const fv_node *node, int i, int src);
/*
 * The gradient of the node, which normalizes by operands or results `mean` and `rstd`: batch_norm_bwd behind the
 * gradient d_dst of its result. `frozen`: they do not depend on src.
 */
fv_status fv_batch_norm_grad(fv_builder *b, const fv_node *node, bool frozen, fv_val *mean, fv_val *rstd, fv_val *d_dst,
                             fv_val **d_in);

#endif
