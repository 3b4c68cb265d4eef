/* SPDX-License-Identifier: Apache-2.0 */
/* What elementwise functions of two operands share, which are repeated over each other as in NumPy. */
#ifndef FV_OPS_BINARY_H
#define FV_OPS_BINARY_H

#include "ops/nd.h"

/* f(a, b) of floats, in float64 and rounded once; of integers, exactly. */
typedef double (*fv_binary_fn)(double a, double b);
typedef int64_t (*fv_binary_integer_fn)(int64_t a, int64_t b);

extern const char *const fv_binary_operands[], *const fv_binary_letters[];
extern const char *const fv_binary_bwd_operands[], *const fv_binary_bwd_letters[];

/* a and b have one dtype, any but bool; dst has it too, and the shape of both repeated over each other. */
fv_status fv_binary_infer(fv_ctx *ctx, const fv_node *node);
void fv_binary_ref(const fv_call *call, fv_binary_fn f, fv_binary_integer_fn integer);
/* x * factor. */
fv_val *fv_emit_scaled(fv_builder *b, fv_val *x, double factor);

/* b has one value per sample and channel beside a of n,h,w,c: n,1,1,c, or n,c that is computed from samples or
 * cannot be meant as w,c. */
bool fv_mul_by_channel(const fv_val *a, const fv_val *b);

/* Gradient of the larger or smaller of two: (d_dst, mine, other) -> d_dst where mine was chosen, half of it where both
 * are equal, else 0; before the sum over repetitions. */
fv_status fv_choice_infer(fv_ctx *ctx, const fv_node *node);
void fv_choice_ref(const fv_call *call, bool larger);
fv_status fv_choice_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in, const char *bwd);

#endif
