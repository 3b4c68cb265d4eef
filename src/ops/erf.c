/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/binary.h"
#include "ops/channels.h"
#include "ops/unary.h"

static double erf_of(double x, double alpha)
{
    (void)alpha;
    return erf(x);
}

static void erf_ref(const fv_call *call)
{
    fv_unary_ref(call, erf_of);
}

/* d_src = d_dst * 2 / sqrt(pi) * e^(-src^2) */
static fv_status erf_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_val *x = node->in[0];
    if (!fv_emit_wanted(b, x))
        return FV_OK;
    fv_val *e = fv_emit_scaled(b, fv_emit(b, "mul", NULL, (fv_val *[]){x, x}, 2), -1.0);
    e = fv_emit_scaled(b, fv_emit(b, "exp", NULL, &e, 1), 1.12837916709551257390);
    d_in[0] = fv_emit(b, "mul", NULL, (fv_val *[]){d_out[0], e}, 2);
    return FV_OK;
}

const fv_op fv_op_erf = {
    .name = "erf",
    .doc = "dst = the error function of src, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to src.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE | FV_T_BOUNDED,
    .operands = fv_unary_operands,
    .letters = fv_unary_letters,
    .infer = fv_unary_infer,
    .grad = erf_grad,
    .ref = erf_ref,
    .channels = fv_channels_each,
};
