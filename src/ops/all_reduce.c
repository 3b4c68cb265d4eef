/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/ref.h"

static fv_status all_reduce_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    return fv_result_like(ctx, node, 0, 0);
}

static void all_reduce_ref(const fv_call *call)
{
    const fv_val *src = call->node->in[0];
    if (call->out[0] != call->in[0])
        memcpy(call->out[0], call->in[0], (size_t)fv_shape_count(&src->shape) * fv_dtype_size(src->dtype));
}

const fv_op fv_op_all_reduce = {
    .name = "all_reduce",
    .doc =
        "Where sums over samples meet: dst = src, of which a run of a piece of a batch and those of the other pieces "
        "make one sum before anything reads it (binary tree over pieces). A run of a whole batch leaves it as it is.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE | FV_T_MEETS,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"x"},
    .infer = all_reduce_infer,
    .ref = all_reduce_ref,
};
