/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/binary.h"
#include "ops/channels.h"

/* NaN when either is. */
static double smaller(double a, double b)
{
    return a < b || a != a ? a : b;
}

static int64_t smaller_integer(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void min_ref(const fv_call *call)
{
    fv_binary_ref(call, smaller, smaller_integer);
}

static fv_status min_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_choice_grad(b, node, d_out, d_in, "min_bwd");
}

const fv_op fv_op_min = {
    .name = "min",
    .doc =
        "The smaller of a and b, elementwise; a and b are repeated over each other as in NumPy. NaN where either is.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .operands = fv_binary_operands,
    .letters = fv_binary_letters,
    .infer = fv_binary_infer,
    .moves_samples = fv_broadcast_moves_samples,
    .grad = min_grad,
    .ref = min_ref,
    .channels = fv_channels_each,
};

static void min_bwd_ref(const fv_call *call)
{
    fv_choice_ref(call, false);
}

const fv_op fv_op_min_bwd = {
    .name = "min_bwd",
    .doc = "Gradient of min to one operand: d_dst where it was chosen, half of it where both are equal, else 0.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = fv_binary_bwd_operands,
    .letters = fv_binary_bwd_letters,
    .infer = fv_choice_infer,
    .ref = min_bwd_ref,
};
