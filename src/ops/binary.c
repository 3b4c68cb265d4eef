/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/binary.h"

const char *const fv_binary_operands[] = {"a", "b", "dst"};
const char *const fv_binary_letters[] = {"nhwc", "nhwc"};
const char *const fv_binary_bwd_operands[] = {"d_dst", "mine", "other", "d_mine"};
const char *const fv_binary_bwd_letters[] = {"nhwc", "nhwc", "nhwc"};

static fv_status check_numbers(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_any(ctx, node, 0));
    FV_TRY(fv_operand_like(ctx, node, 1));
    if (node->in[0]->dtype == FV_BOOL)
        return fv_node_fail(ctx, node, "%s is bool; expected numbers", node->op->operands[0]);
    return FV_OK;
}

fv_status fv_binary_infer(fv_ctx *ctx, const fv_node *node)
{
    fv_shape shape;
    FV_TRY(check_numbers(ctx, node));
    FV_TRY(fv_broadcast(ctx, node, 0, 1, &shape));
    return fv_result(ctx, node, 0, node->in[0]->dtype, shape.rank, shape.dim);
}

void fv_binary_ref(const fv_call *call, fv_binary_fn f, fv_binary_integer_fn integer)
{
    const fv_shape *dst = &call->node->out[0]->shape;
    const fv_dtype dtype = call->node->out[0]->dtype;
    int64_t stride[2][FV_MAX_RANK];
    for (int i = 0; i < 2; i++)
        fv_broadcast_strides(&call->node->in[i]->shape, dst, stride[i]);
    for (int64_t i = 0; i < fv_shape_count(dst); i++) {
        const int64_t a = fv_strided(dst, i, stride[0]), b = fv_strided(dst, i, stride[1]);
        if (fv_dtype_is_float(dtype))
            fv_set(dtype, call->out[0], i, f(fv_get(dtype, call->in[0], a), fv_get(dtype, call->in[1], b)));
        else
            fv_dtype_set_integer(
                dtype, call->out[0], i,
                integer(fv_dtype_get_integer(dtype, call->in[0], a), fv_dtype_get_integer(dtype, call->in[1], b)));
    }
}

fv_val *fv_emit_scaled(fv_builder *b, fv_val *x, double factor)
{
    fv_val *constant = fv_emit_const(b, factor, &(fv_shape){0});
    return fv_emit(b, "mul", NULL, (fv_val *[]){x, constant}, 2);
}

/* ---- gradient of the larger or smaller of two ---- */

fv_status fv_choice_infer(fv_ctx *ctx, const fv_node *node)
{
    fv_shape shape;
    for (int i = 0; i < 3; i++)
        FV_TRY(fv_operand_float(ctx, node, i, 0));
    FV_TRY(fv_broadcast(ctx, node, 1, 2, &shape));
    FV_TRY(fv_operand_dims(ctx, node, 0, shape.rank, shape.dim, "mine and other, repeated over each other"));
    return fv_result_like(ctx, node, 0, 0);
}

void fv_choice_ref(const fv_call *call, bool larger)
{
    const fv_shape *dst = &call->node->out[0]->shape;
    const fv_dtype dtype = fv_call_dtype(call);
    int64_t stride[2][FV_MAX_RANK];
    for (int i = 0; i < 2; i++)
        fv_broadcast_strides(&call->node->in[1 + i]->shape, dst, stride[i]);
    for (int64_t i = 0; i < fv_shape_count(dst); i++) {
        const double mine = fv_get(dtype, call->in[1], fv_strided(dst, i, stride[0]));
        const double other = fv_get(dtype, call->in[2], fv_strided(dst, i, stride[1]));
        const double share = mine == other ? 0.5 : (larger ? mine > other : mine < other) || mine != mine ? 1.0 : 0.0;
        fv_set(dtype, call->out[0], i, share * fv_get(dtype, call->in[0], i));
    }
}

fv_status fv_choice_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in, const char *bwd)
{
    for (int i = 0; i < 2; i++)
        if (fv_emit_wanted(b, node->in[i])) {
            fv_val *d = fv_emit(b, bwd, NULL, (fv_val *[]){d_out[0], node->in[i], node->in[1 - i]}, 3);
            d_in[i] = fv_emit_unbroadcast(b, d, node->in[i]);
        }
    return FV_OK;
}
