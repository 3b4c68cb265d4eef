/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/binary.h"

/* All three are repeated over each other. */
static fv_status where_infer(fv_ctx *ctx, const fv_node *node)
{
    fv_shape shape = {.rank = 0};
    for (int i = 0; i < 3; i++)
        FV_TRY(fv_operand_float(ctx, node, i, 0));
    for (int i = 0; i < 3; i++) {
        fv_shape pair;
        FV_TRY(fv_broadcast(ctx, node, i, (i + 1) % 3, &pair));
        shape.rank = pair.rank > shape.rank ? pair.rank : shape.rank;
    }
    for (int d = 0; d < shape.rank; d++) {
        shape.dim[d] = 1;
        for (int i = 0; i < 3; i++) {
            const fv_shape *s = &node->in[i]->shape;
            const int at = d - (shape.rank - s->rank);
            if (at >= 0 && s->dim[at] != 1)
                shape.dim[d] = s->dim[at];
        }
    }
    return fv_result(ctx, node, 0, node->in[0]->dtype, shape.rank, shape.dim);
}

static void where_ref(const fv_call *call)
{
    const fv_shape *dst = &call->node->out[0]->shape;
    const fv_dtype dtype = fv_call_dtype(call);
    int64_t stride[3][FV_MAX_RANK];
    for (int i = 0; i < 3; i++)
        fv_broadcast_strides(&call->node->in[i]->shape, dst, stride[i]);
    for (int64_t i = 0; i < fv_shape_count(dst); i++) {
        const int from = fv_get(dtype, call->in[0], fv_strided(dst, i, stride[0])) > 0.0 ? 1 : 2;
        fv_set(dtype, call->out[0], i, fv_get(dtype, call->in[from], fv_strided(dst, i, stride[from])));
    }
}

/* d_dst where the operand was taken, else 0. Nothing changes with the sign: a trained one gets zeros, as every
 * parameter has a gradient, and what computes one gets none. */
static fv_status where_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_val *none = fv_emit_const(b, 0.0, &(fv_shape){1, {1}});
    for (int i = 1; i < 3; i++)
        if (fv_emit_wanted(b, node->in[i])) {
            fv_val *in[3] = {node->in[0], i == 1 ? d_out[0] : none, i == 1 ? none : d_out[0]};
            d_in[i] = fv_emit_unbroadcast(b, fv_emit(b, "where", NULL, in, 3), node->in[i]);
        }
    if (fv_emit_wanted(b, node->in[0]) && node->in[0]->role == FV_ROLE_PARAM)
        d_in[0] = fv_emit_const(b, 0.0, &node->in[0]->shape);
    return FV_OK;
}

const fv_op fv_op_where = {
    .name = "where",
    .doc =
        "dst = a where sign > 0, else b (also where sign is NaN); the three are repeated over each other as in NumPy.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .operands = (const char *const[]){"sign", "a", "b", "dst"},
    .letters = (const char *const[]){"nhwc", "nhwc", "nhwc"},
    .infer = where_infer,
    .moves_samples = fv_broadcast_moves_samples,
    .grad = where_grad,
    .ref = where_ref,
};
