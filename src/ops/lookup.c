/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/fixed.h"
#include "ops/nd.h"

static fv_status lookup_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_q_operand(ctx, node, 0, 0));
    FV_TRY(fv_operand_any(ctx, node, 1));
    const fv_shape *table = &node->in[1]->shape, *src = &node->in[0]->shape;
    if (table->rank != 1 || table->dim[0] != 256)
        return fv_node_fail(ctx, node, "table has %d dimensions and %lld elements; expected 256 in one", table->rank,
                            (long long)fv_shape_count(table));
    return fv_result(ctx, node, 0, node->in[1]->dtype, src->rank, src->dim);
}

static void lookup_ref(const fv_call *call)
{
    const fv_val *src = call->node->in[0];
    const fv_dtype dtype = call->node->in[1]->dtype;
    const int32_t least = src->dtype == FV_I8 ? -128 : 0;
    for (int64_t i = 0; i < fv_shape_count(&src->shape); i++)
        fv_move(dtype, call->out[0], i, call->in[1], fv_q_get(src->dtype, call->in[0], i) - least);
}

const fv_op fv_op_lookup = {
    .name = "lookup",
    .doc = "dst[i] = table[src[i] - least], where src is i8 (least -128) or u8 (least 0) and table has 256 elements of "
           "any dtype: any function of one 8-bit integer.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_MIXED,
    .operands = (const char *const[]){"src", "table", "dst"},
    .letters = (const char *const[]){"nhwc", "v"},
    .infer = lookup_infer,
    .cost = fv_move_cost,
    .ref = lookup_ref,
};
