/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of every loss: results loss [1] and losses [n], their sum by shards, the gradient's operands. */
#ifndef FV_OPS_LOSS_H
#define FV_OPS_LOSS_H

#include "ops/ref.h"

/* Result 0: the mean [1]; result 1: one loss per sample [n]. */
fv_status fv_loss_results(fv_ctx *ctx, const fv_node *node);
/* Operand 0 of a backward operator: the gradient of the mean, [1]. */
fv_status fv_loss_check_d_loss(fv_ctx *ctx, const fv_node *node);
/* Fills result 0 from result 1: in float64, per shard in order from 0, a binary tree over shards, divided by n. */
void fv_loss_mean(const fv_call *call);
/* d_in[0] = bwd(d_loss, src, target). UNSUPPORTED for the target or when single losses are differentiated. */
fv_status fv_loss_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in, const char *bwd);
/* fv_op.partial of a loss: the mean of single losses over the whole batch. */
fv_status fv_loss_split(fv_builder *b, const fv_node *node, bool pooled, fv_val *const *in, fv_val **out);

/* Losses that compare src (n, ...) with a float target of the same shape, element by element, and take the mean. */
typedef double (*fv_loss_fn)(double x, double t, const fv_loss_attr *attr);
fv_status fv_pair_loss_infer(fv_ctx *ctx, const fv_node *node);
fv_status fv_pair_loss_bwd_infer(fv_ctx *ctx, const fv_node *node);
fv_cost fv_pair_loss_cost(const fv_node *node);
void fv_pair_loss_ref(const fv_call *call, fv_loss_fn loss);
void fv_pair_loss_bwd_ref(const fv_call *call, fv_loss_fn slope);

extern const char *const fv_loss_operands[], *const fv_loss_letters[];
extern const char *const fv_loss_bwd_operands[], *const fv_loss_bwd_letters[];

#endif
