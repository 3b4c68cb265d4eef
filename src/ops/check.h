/* SPDX-License-Identifier: Apache-2.0 */
/* What infer hooks share: checking operands with precise messages, setting results. */
#ifndef FV_OPS_CHECK_H
#define FV_OPS_CHECK_H

#include "ops/attr.h"
#include "ops/ops.h"

/* Operand i, or NULL when it is absent (also when the node was given fewer operands). */
static inline const fv_val *fv_operand(const fv_node *node, int i)
{
    return i < node->n_in ? node->in[i] : NULL;
}

/* Operands src, weight, bias, residual: fv_op.kinds of operators with weights. */
extern const fv_operand_kind fv_weighted_kinds[4];

/* Operand i is there, has `rank` dimensions (0: any), none below 1, and is f32 or f64 (or f16, of FV_T_HALF), the same
 * as operand 0. */
fv_status fv_operand_float(fv_ctx *ctx, const fv_node *node, int i, int rank);
/* Operand 0, whose elements are only moved: any dtype, `rank` dimensions (0: any). */
fv_status fv_operand_moved(fv_ctx *ctx, const fv_node *node, int rank);
/* The same for an operand of a fixed dtype. */
fv_status fv_operand_dtype(fv_ctx *ctx, const fv_node *node, int i, int rank, fv_dtype dtype);
/* fv_operand_float, and the shape is dim[0..rank). `why` says where the expected shape comes from. */
fv_status fv_operand_dims(fv_ctx *ctx, const fv_node *node, int i, int rank, const int64_t *dim, const char *why);
/* fv_operand_float, and the shape is that of operand j. */
fv_status fv_operand_same(fv_ctx *ctx, const fv_node *node, int i, int j);

/* Sets result i. SHAPE when a dimension is below 1 or the element count overflows. */
fv_status fv_result(fv_ctx *ctx, const fv_node *node, int i, fv_dtype dtype, int rank, const int64_t *dim);
/* Result i has the dtype and shape of operand j. */
fv_status fv_result_like(fv_ctx *ctx, const fv_node *node, int i, int j);

/* Work: all operands and results are read or written once; flops = 2 * macs + other. */
fv_cost fv_cost_of(const fv_node *node, double macs, double other);
/* Elements of operand i or of result i, as a factor of costs. */
double fv_count_in(const fv_node *node, int i);
double fv_count_out(const fv_node *node, int i);

#endif
