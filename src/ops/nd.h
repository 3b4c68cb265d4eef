/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays of any rank and dtype: axes, broadcasting as in NumPy, strides, and the gradients of what they do. */
#ifndef FV_OPS_ND_H
#define FV_OPS_ND_H

#include "ops/ref.h"

/* The attribute `axis` of struct T; negative: counted from behind. */
#define FV_AXIS_ROW(T, default_)                                                                                       \
    {                                                                                                                  \
        "axis", FV_ATTR_INT, offsetof(T, axis), default_, -FV_MAX_RANK, FV_MAX_RANK - 1, NULL,                         \
            "Which dimension; -1 is the last."                                                                         \
    }

/* Operand i is there; any dtype and rank. */
fv_status fv_operand_any(fv_ctx *ctx, const fv_node *node, int i);
/* The same, and its dtype is that of operand 0. */
fv_status fv_operand_like(fv_ctx *ctx, const fv_node *node, int i);
/* The axis that an attribute means among `rank` dimensions. SHAPE when there is none. */
fv_status fv_axis_check(fv_ctx *ctx, const fv_node *node, int64_t given, int rank);
static inline int fv_axis_of(int64_t given, int rank)
{
    return (int)(given < 0 ? given + rank : given);
}

/* For fv_op.moves_samples of operators whose attributes are fv_axis_attr: along the first dimension they do. */
bool fv_axis_moves_samples(const fv_node *node);
/* For elementwise ones: a computed operand is repeated to another first dimension. */
bool fv_broadcast_moves_samples(const fv_node *node);

/* An array as outer x count x inner around an axis. */
typedef struct fv_around {
    int64_t outer, count, inner;
} fv_around;
fv_around fv_around_axis(const fv_shape *shape, int axis);

/* ---- broadcasting: shapes are aligned behind; a dimension of 1, or none, is repeated ---- */

/* Shape of operands i and j (or of i alone: j < 0) repeated over each other. SHAPE naming both. */
fv_status fv_broadcast(fv_ctx *ctx, const fv_node *node, int i, int j, fv_shape *shape);
/* Whether `from` can be repeated to `to`. */
bool fv_broadcasts_to(const fv_shape *from, const fv_shape *to);
/* Elements between neighbors of `of` along each dimension of `over`, which it is repeated to; 0 where it is repeated.
 */
void fv_broadcast_strides(const fv_shape *of, const fv_shape *over, int64_t stride[FV_MAX_RANK]);
/* Position under strides of element i of an array of that shape. */
int64_t fv_strided(const fv_shape *shape, int64_t i, const int64_t stride[FV_MAX_RANK]);
/* The sum of d over everything that `like` was repeated along: the gradient to it. */
fv_val *fv_emit_unbroadcast(fv_builder *b, fv_val *d, const fv_val *like);

/* ---- reductions ---- */

/* Which dimensions go, and what is kept: outputs and terms in memory order. */
typedef struct fv_reduction {
    int n_kept, n_gone;
    int64_t kept[FV_MAX_RANK], kept_stride[FV_MAX_RANK];
    int64_t gone[FV_MAX_RANK], gone_stride[FV_MAX_RANK];
    int64_t outputs, terms;
    bool over_samples; /* the first dimension goes, as the outermost of the terms */
} fv_reduction;

/* From attribute axes, none of which stands for all. SHAPE when one does not exist or is there twice. */
fv_status fv_reduction_check(fv_ctx *ctx, const fv_node *node, const fv_ints *axes, const fv_shape *src);
fv_reduction fv_reduction_of(const fv_ints *axes, const fv_shape *src);
/* Position of the first term of output o; of term t relative to it. */
int64_t fv_reduction_output(const fv_reduction *r, int64_t o);
int64_t fv_reduction_term(const fv_reduction *r, int64_t t);
/* The shape with reduced dimensions left out, or kept as 1. */
void fv_reduction_shape(const fv_ints *axes, const fv_shape *src, bool keepdims, fv_shape *dst);

/* ---- moving elements ---- */

/* Elements of src between neighbors of dst along each of its dimensions, for a node of transpose. */
void fv_transpose_strides(const fv_node *node, int64_t stride[FV_MAX_RANK]);
/* Row of `rows` that index i means; -1: none. Logical shards of gather_bwd's samples. */
int64_t fv_gather_row(const fv_val *indices, const void *data, int64_t i, int64_t rows);
int fv_gather_shards(const fv_call *call);

/* Element j of dst = element i of src, both of the dtype. */
void fv_move(fv_dtype dtype, void *dst, int64_t j, const void *src, int64_t i);
/* Copying is no arithmetic. */
fv_cost fv_move_cost(const fv_node *node);

#endif
