/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of the functions of one number that operators of floats are. */
#include "ops/quantized.h"

#include <math.h>

#include "ops/unary.h"

static double hard_sigmoid(double x, double alpha)
{
    (void)alpha;
    return fmin(fmax(x / 6.0 + 0.5, 0.0), 1.0);
}

static double hard_swish(double x, double alpha)
{
    return x * hard_sigmoid(x, alpha);
}

static double silu(double x, double alpha)
{
    (void)alpha;
    return x * fv_sigmoid(x);
}

void fv_q_table_curve(const fv_q_curve *curve, const fv_q_pair *in, const fv_q_pair *out, fv_q_table *t)
{
    *t = (fv_q_table){.in = *in, .out = *out};
    switch ((fv_q_function)curve->function) {
    case FV_Q_RESCALE:
        fv_q_table_rescale(t);
        break;
    case FV_Q_CLAMP:
        (void)fv_q_limit(&t->out, &curve->least, &curve->most); /* nothing of it is left: its nearest integer */
        fv_q_table_relu(t);
        break;
    case FV_Q_LEAKY_RELU:
        fv_q_table_leaky_relu(t, curve->alpha);
        break;
    case FV_Q_SIGMOID:
        fv_q_table_logistic(t);
        break;
    case FV_Q_TANH:
        fv_q_table_tanh(t);
        break;
    case FV_Q_GELU:
        fv_q_table_gelu(t, curve->rough);
        break;
    case FV_Q_HARD_SIGMOID:
        fv_q_table_exact(t, hard_sigmoid, 0);
        break;
    case FV_Q_HARD_SWISH: /* of a scale that is too fine for 16 bits: the function itself */
        if (!fv_q_table_hard_swish(t))
            fv_q_table_exact(t, hard_swish, 0);
        break;
    case FV_Q_SILU:
        fv_q_table_exact(t, silu, 0);
        break;
    }
}
