/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/binary.h"
#include "ops/channels.h"

static double divide(double a, double b)
{
    return a / b;
}

/* Towards 0; by 0: 0. */
static int64_t divide_integers(int64_t a, int64_t b)
{
    if (b == -1)
        return (int64_t)(0 - (uint64_t)a);
    return b == 0 ? 0 : a / b;
}

static void div_ref(const fv_call *call)
{
    fv_binary_ref(call, divide, divide_integers);
}

/* d_a = d_dst / b; d_b = -(d_dst * dst) / b. */
static fv_status div_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_val *divisor = node->in[1];
    if (fv_emit_wanted(b, node->in[0])) {
        fv_val *d = fv_emit(b, "div", NULL, (fv_val *[]){d_out[0], divisor}, 2);
        d_in[0] = fv_emit_unbroadcast(b, d, node->in[0]);
    }
    if (fv_emit_wanted(b, divisor)) {
        fv_val *d = fv_emit(b, "mul", NULL, (fv_val *[]){d_out[0], node->out[0]}, 2);
        d = fv_emit(b, "div", NULL, (fv_val *[]){d, divisor}, 2);
        d_in[1] = fv_emit_scaled(b, fv_emit_unbroadcast(b, d, divisor), -1.0);
    }
    return FV_OK;
}

const fv_op fv_op_div = {
    .name = "div",
    .doc = "dst = a / divisor, elementwise; they are repeated over each other as in NumPy. Integers: towards 0, and 0 "
           "where the divisor is 0.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .operands = (const char *const[]){"a", "divisor", "dst"},
    .letters = fv_binary_letters,
    .infer = fv_binary_infer,
    .moves_samples = fv_broadcast_moves_samples,
    .grad = div_grad,
    .ref = div_ref,
    .channels = fv_channels_each,
};
