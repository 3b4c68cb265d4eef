/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/binary.h"
#include "ops/channels.h"
#include "ops/unary.h"

static double sqrt_of(double x, double alpha)
{
    (void)alpha;
    return sqrt(x);
}

static void sqrt_ref(const fv_call *call)
{
    fv_unary_ref(call, sqrt_of);
}

/* d_dst / (2 dst) */
static fv_status sqrt_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "div", NULL, (fv_val *[]){d_out[0], fv_emit_scaled(b, node->out[0], 2.0)}, 2);
    return FV_OK;
}

const fv_op fv_op_sqrt = {
    .name = "sqrt",
    .doc = "dst = square root of src; NaN below 0.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE,
    .operands = (const char *const[]){"radicand", "dst"},
    .letters = fv_unary_letters,
    .infer = fv_unary_infer,
    .grad = sqrt_grad,
    .ref = sqrt_ref,
    .channels = fv_channels_each,
};
