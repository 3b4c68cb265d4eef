/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/binary.h"
#include "ops/channels.h"
#include "ops/unary.h"

static const fv_attr pow_attrs[] = {
    {"exponent", FV_ATTR_REAL, offsetof(fv_pow_attr, exponent), 2, -1e6, 1e6, NULL, "What src is raised to."},
    {0},
};

static void pow_ref(const fv_call *call)
{
    const double exponent = ((const fv_pow_attr *)call->node->attr)->exponent;
    const fv_dtype dtype = fv_call_dtype(call);
    for (int64_t i = 0; i < fv_shape_count(&call->node->out[0]->shape); i++)
        fv_set(dtype, call->out[0], i, pow(fv_get(dtype, call->in[0], i), exponent));
}

/* d_dst * exponent * src^(exponent - 1) */
static fv_status pow_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    const double exponent = ((const fv_pow_attr *)node->attr)->exponent;
    const fv_pow_attr less = {.exponent = exponent - 1.0};
    if (!fv_emit_wanted(b, node->in[0]))
        return FV_OK;
    fv_val *slope = fv_emit_scaled(b, fv_emit(b, "pow", &less, node->in, 1), exponent);
    d_in[0] = fv_emit(b, "mul", NULL, (fv_val *[]){d_out[0], slope}, 2);
    return FV_OK;
}

const fv_op fv_op_pow = {
    .name = "pow",
    .doc = "dst = src^exponent; NaN where src is negative and the exponent no whole number.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE,
    .operands = (const char *const[]){"base", "dst"},
    .letters = fv_unary_letters,
    .attr_size = sizeof(fv_pow_attr),
    .attrs = pow_attrs,
    .infer = fv_unary_infer,
    .grad = pow_grad,
    .ref = pow_ref,
    .channels = fv_channels_each,
};
