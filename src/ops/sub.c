/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/binary.h"
#include "ops/channels.h"

static double subtract(double a, double b)
{
    return a - b;
}

/* Wraps around, as the processor does. */
static int64_t subtract_integers(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static void sub_ref(const fv_call *call)
{
    fv_binary_ref(call, subtract, subtract_integers);
}

static fv_status sub_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit_unbroadcast(b, d_out[0], node->in[0]);
    if (fv_emit_wanted(b, node->in[1]))
        d_in[1] = fv_emit_scaled(b, fv_emit_unbroadcast(b, d_out[0], node->in[1]), -1.0);
    return FV_OK;
}

const fv_op fv_op_sub = {
    .name = "sub",
    .doc = "dst = a - b, elementwise; a and b are repeated over each other as in NumPy. Integers wrap around.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .operands = fv_binary_operands,
    .letters = fv_binary_letters,
    .infer = fv_binary_infer,
    .moves_samples = fv_broadcast_moves_samples,
    .grad = sub_grad,
    .ref = sub_ref,
    .channels = fv_channels_each,
};
