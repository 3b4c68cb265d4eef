/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/binary.h"
#include "ops/channels.h"
#include "ops/unary.h"

static double log_of(double x, double alpha)
{
    (void)alpha;
    return log(x);
}

static void log_ref(const fv_call *call)
{
    fv_unary_ref(call, log_of);
}

/* d_dst / src */
static fv_status log_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "div", NULL, (fv_val *[]){d_out[0], node->in[0]}, 2);
    return FV_OK;
}

const fv_op fv_op_log = {
    .name = "log",
    .doc = "dst = natural logarithm of src; -infinity of 0, NaN below.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE,
    .operands = (const char *const[]){"argument", "dst"},
    .letters = fv_unary_letters,
    .infer = fv_unary_infer,
    .grad = log_grad,
    .ref = log_ref,
    .channels = fv_channels_each,
};
