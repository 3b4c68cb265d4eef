/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/unary.h"

static const char *const gelu_names[] = {"none", "tanh", NULL};

static const fv_attr gelu_attrs[] = {
    {"approximate", FV_ATTR_ENUM, offsetof(fv_act_attr, approximate), 0, 0, 1, gelu_names,
     "none: by the error function; tanh: the older formula, up to 0.0005 away."},
    {0},
};

/* sqrt(2 / pi) and the factor of x^3, of the formula with tanh. */
#define INNER 0.79788456080286535588
#define CUBE  0.044715

static double gelu_at(double x, double alpha)
{
    (void)alpha;
    return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

static double gelu_tanh_at(double x, double alpha)
{
    (void)alpha;
    return x * fv_sigmoid(2.0 * INNER * (x + CUBE * x * x * x));
}

static double gelu_bwd_at(double d, double x, double alpha)
{
    (void)alpha;
    const double density = 0.39894228040143267794 * exp(-0.5 * x * x);
    return d * (0.5 * erfc(-x * 0.70710678118654752440) + x * density);
}

static double gelu_tanh_bwd_at(double d, double x, double alpha)
{
    (void)alpha;
    const double s = fv_sigmoid(2.0 * INNER * (x + CUBE * x * x * x));
    return d * (s + x * s * (1.0 - s) * 2.0 * INNER * (1.0 + 3.0 * CUBE * x * x));
}

static bool by_tanh(const fv_call *call)
{
    return ((const fv_act_attr *)call->node->attr)->approximate != 0;
}

static void gelu_ref(const fv_call *call)
{
    fv_unary_ref(call, by_tanh(call) ? gelu_tanh_at : gelu_at);
}

static void gelu_bwd_ref(const fv_call *call)
{
    fv_unary_bwd_ref(call, by_tanh(call) ? gelu_tanh_bwd_at : gelu_bwd_at);
}

static fv_status gelu_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_unary_grad(b, node, d_out, d_in, "gelu_bwd", node->in[0]);
}

const fv_op fv_op_gelu = {
    .name = "gelu",
    .doc =
        "dst = src * (1 + erf(src / sqrt 2)) / 2, elementwise: x times the share of the normal distribution below x "
        "(Hendrycks and Gimpel, 2016). approximate=tanh: src * (1 + tanh(sqrt(2 / pi) * (src + 0.044715 * src^3))) / "
        "2.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE | FV_T_BOUNDED,
    .operands = fv_unary_operands,
    .letters = fv_unary_letters,
    .attr_size = sizeof(fv_act_attr),
    .attrs = gelu_attrs,
    .infer = fv_unary_infer,
    .grad = gelu_grad,
    .ref = gelu_ref,
    .channels = fv_channels_each,
};

const fv_op fv_op_gelu_bwd = {
    .name = "gelu_bwd",
    .doc =
        "Gradient of gelu from its operand: d_src = d_dst * (n + src * e^(-src^2 / 2) / sqrt(2 pi)), n = (1 + erf(src "
        "/ sqrt 2)) / 2; with approximate=tanh the derivative of that formula.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE,
    .operands = fv_unary_bwd_src_operands,
    .letters = fv_unary_bwd_letters,
    .attr_size = sizeof(fv_act_attr),
    .attrs = gelu_attrs,
    .infer = fv_unary_bwd_infer,
    .ref = gelu_bwd_ref,
};
