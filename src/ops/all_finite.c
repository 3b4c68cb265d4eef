/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/many.h"

static fv_status all_finite_infer(fv_ctx *ctx, const fv_node *node)
{
    for (int i = 0; i < node->n_in; i++) {
        const fv_val *src = node->in[i];
        if (src && src->dtype != FV_F32 && src->dtype != FV_F64 && src->dtype != FV_U8)
            return fv_node_fail(ctx, node, "%s must be f32 or f64, or u8 (what this operator gives), found %s",
                                node->op->operands[i], fv_dtype_name(src->dtype));
    }
    return fv_result(ctx, node, 0, FV_U8, 1, &(int64_t){1});
}

static fv_cost all_finite_cost(const fv_node *node)
{
    double count = 0.0;
    for (int i = 0; i < node->n_in; i++)
        count += fv_count_in(node, i);
    return fv_cost_of(node, 0.0, count);
}

static void all_finite_ref(const fv_call *call)
{
    bool good = true;
    for (int i = 0; i < call->node->n_in; i++) {
        const fv_val *src = call->node->in[i];
        for (int64_t k = 0; src && k < fv_shape_count(&src->shape); k++) {
            double x = fv_get(src->dtype, call->in[i], k);
            good = good && (src->dtype == FV_U8 ? x != 0.0 : isfinite(x));
        }
    }
    fv_set(FV_U8, call->out[0], 0, good);
}

const fv_op fv_op_all_finite = {
    .name = "all_finite",
    .doc = "1 when no element of any float operand is NaN or infinite and no verdict among the operands (u8, what this "
           "operator gave for others) is 0; else 0.",
    .n_in_min = 1,
    .n_in_max = FV_MANY,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_MIXED,
    .operands = (const char *const[]){FV_MANY_OPERANDS, "finite"},
    .letters = (const char *const[]){FV_MANY_LETTERS},
    .infer = all_finite_infer,
    .cost = all_finite_cost,
    .ref = all_finite_ref,
};
