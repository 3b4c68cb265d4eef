/* SPDX-License-Identifier: Apache-2.0 */
/* What elementwise functions of one variable share: their files only give the functions. */
#ifndef FV_OPS_UNARY_H
#define FV_OPS_UNARY_H

#include "ops/ref.h"

/* f(x). alpha is the attribute of leaky_relu, rounded to the float type; 0 elsewhere. */
typedef double (*fv_unary_fn)(double x, double alpha);
/* d * f'(.), from the result y or the operand x of f, whichever the operator keeps. */
typedef double (*fv_unary_bwd_fn)(double d, double v, double alpha);

/* dst has the shape of src, any rank. */
fv_status fv_unary_infer(fv_ctx *ctx, const fv_node *node);
/* d_src has the shape of d_dst and of the kept operand. */
fv_status fv_unary_bwd_infer(fv_ctx *ctx, const fv_node *node);
/* d_in[0] = bwd(d_dst, kept), with the node's attributes. */
fv_status fv_unary_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in, const char *bwd,
                        fv_val *kept);
/* f32 is computed in float64 and rounded once. Results may overwrite in[0]. */
void fv_unary_ref(const fv_call *call, fv_unary_fn f);
void fv_unary_bwd_ref(const fv_call *call, fv_unary_bwd_fn f);

/* 1 / (1 + e^-x) without overflow. */
double fv_sigmoid(double x);

/* Names of operands and letters of all of them. */
extern const char *const fv_unary_operands[], *const fv_unary_letters[];
extern const char *const fv_unary_bwd_dst_operands[], *const fv_unary_bwd_src_operands[], *const fv_unary_bwd_letters[];

#endif
