/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/binary.h"
#include "ops/channels.h"

/* NaN when either is. */
static double larger(double a, double b)
{
    return a > b || a != a ? a : b;
}

static int64_t larger_integer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void max_ref(const fv_call *call)
{
    fv_binary_ref(call, larger, larger_integer);
}

static fv_status max_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_choice_grad(b, node, d_out, d_in, "max_bwd");
}

const fv_op fv_op_max = {
    .name = "max",
    .doc = "The larger of a and b, elementwise; a and b are repeated over each other as in NumPy. NaN where either is.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .operands = fv_binary_operands,
    .letters = fv_binary_letters,
    .infer = fv_binary_infer,
    .moves_samples = fv_broadcast_moves_samples,
    .grad = max_grad,
    .ref = max_ref,
    .channels = fv_channels_each,
};

static void max_bwd_ref(const fv_call *call)
{
    fv_choice_ref(call, true);
}

const fv_op fv_op_max_bwd = {
    .name = "max_bwd",
    .doc = "Gradient of max to one operand: d_dst where it was chosen, half of it where both are equal, else 0.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = fv_binary_bwd_operands,
    .letters = fv_binary_bwd_letters,
    .infer = fv_choice_infer,
    .ref = max_bwd_ref,
};
