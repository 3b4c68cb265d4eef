/* SPDX-License-Identifier: Apache-2.0 */
/* Activations. Those of 8-bit integers are tables: each entry is computed as TensorFlow Lite's reference does. */
#include <math.h>
#include <string.h>

#include "io/tflite/quant.h"

/* ---- of integers ---- */

static fv_status integer_activation(const fv_tflite_node *n, const fv_q_table *t)
{
    fv_foreign *x = n->in[0];
    const fv_order order = fv_import_common(&x, 1, x->shape.rank);
    fv_value y = fv_tflite_lookup(n->im, fv_import_get(n->im, x, order), t);
    return fv_tflite_result(n, 0, y, order);
}

/* ---- rows ---- */

static const struct {
    const char *tflite, *op;
    int64_t fused; /* as a fused activation; -1: it is none */
} plain[] = {
    {"RELU", "relu", FV_TFLITE_RELU},
    {"RELU6", "relu6", FV_TFLITE_RELU6},
    {"RELU_N1_TO_1", NULL, FV_TFLITE_RELU_N1},
    {"LOGISTIC", "sigmoid", -1},
    {"TANH", "tanh", -1},
    {"HARD_SWISH", "hard_swish", -1},
};

static fv_status integers(const fv_tflite_node *n, int64_t fused)
{
    fv_q_table t = {.mul = 0};
    FV_TRY(fv_tflite_in_pair(n, 0, &t.in));
    FV_TRY(fv_tflite_out_pair(n, 0, &t.out));
    if (fused >= 0) {
        FV_TRY(fv_tflite_limits(n, fused, &t.out));
        fv_q_table_relu(&t);
    } else if (strcmp(n->op, "HARD_SWISH") == 0) {
        if (!fv_q_table_hard_swish(&t))
            return fv_tflite_cannot(n, "scales %g and %g: the result's is too fine", t.in.scale, t.out.scale);
    } else if (strcmp(n->op, "TANH") == 0) {
        fv_q_table_tanh(&t);
    } else {
        fv_q_table_logistic(&t);
    }
    return integer_activation(n, &t);
}

static fv_status map_plain(const fv_tflite_node *n)
{
    bool quantized;
    size_t r = 0;
    FV_TRY(fv_tflite_need(n, 1));
    FV_TRY(fv_tflite_kind(n, 0, &quantized));
    while (strcmp(plain[r].tflite, n->op) != 0)
        r++;
    if (quantized)
        return integers(n, plain[r].fused);
    fv_foreign *f = n->in[0];
    const fv_order order = fv_import_common(&f, 1, f->shape.rank);
    fv_value y = fv_import_get(n->im, f, order);
    if (plain[r].op)
        y = fv_import_emit1(n->im, plain[r].op, NULL, y);
    else
        FV_TRY(fv_tflite_activated(n, plain[r].fused, &y));
    return fv_tflite_result(n, 0, y, order);
}

static fv_status map_leaky(const fv_tflite_node *n)
{
    bool quantized;
    fv_q_table t = {.mul = 0};
    FV_TRY(fv_tflite_need(n, 1));
    FV_TRY(fv_tflite_kind(n, 0, &quantized));
    const fv_act_attr attr = {.alpha = fv_flat_real(n->options, 0, 0.0)};
    fv_foreign *f = n->in[0];
    const fv_order order = fv_import_common(&f, 1, f->shape.rank);
    if (!quantized)
        return fv_tflite_result(n, 0, fv_import_emit1(n->im, "leaky_relu", &attr, fv_import_get(n->im, f, order)),
                                order);
    FV_TRY(fv_tflite_in_pair(n, 0, &t.in));
    FV_TRY(fv_tflite_out_pair(n, 0, &t.out));
    if (!(attr.alpha >= 0))
        return fv_tflite_cannot(n, "a slope of %g", attr.alpha);
    fv_q_table_leaky_relu(&t, attr.alpha);
    return integer_activation(n, &t);
}

static fv_status map_gelu(const fv_tflite_node *n)
{
    bool quantized;
    fv_q_table t = {.mul = 0};
    FV_TRY(fv_tflite_need(n, 1));
    FV_TRY(fv_tflite_kind(n, 0, &quantized));
    const fv_act_attr attr = {.approximate = fv_flat_byte(n->options, 0, 0) != 0};
    fv_foreign *f = n->in[0];
    const fv_order order = fv_import_common(&f, 1, f->shape.rank);
    if (!quantized)
        return fv_tflite_result(n, 0, fv_import_emit1(n->im, "gelu", &attr, fv_import_get(n->im, f, order)), order);
    FV_TRY(fv_tflite_in_pair(n, 0, &t.in));
    FV_TRY(fv_tflite_out_pair(n, 0, &t.out));
    fv_q_table_gelu(&t, attr.approximate != 0);
    return integer_activation(n, &t);
}

/* Of integers: slopes are the second operand of a product by sign. */
static fv_status integer_prelu(const fv_tflite_node *n)
{
    fv_tflite_pair pair[3];
    fv_q_mul_attr attr;
    FV_TRY(fv_tflite_in_pair(n, 0, &pair[0]));
    FV_TRY(fv_tflite_in_pair(n, 1, &pair[1]));
    FV_TRY(fv_tflite_out_pair(n, 0, &pair[2]));
    fv_q_prelu_set(pair, &attr);
    return fv_tflite_result(n, 0, fv_import_emit2(n->im, "q_mul", &attr, fv_tflite_in(n, 0), fv_tflite_in(n, 1)),
                            FV_ORDER_FILE);
}

/* Slopes along the channels are prelu's; others max(x, 0) + slope min(x, 0). */
static fv_status map_prelu(const fv_tflite_node *n)
{
    bool quantized;
    fv_foreign *s;
    fv_import *im = n->im;
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_kind(n, 0, &quantized));
    if (n->in[1]->batched)
        return fv_import_merges(im);
    if (quantized)
        return integer_prelu(n);
    FV_TRY(fv_tflite_reals(n, 1, &s));
    const fv_shape *shape = &n->in[0]->shape;
    fv_value x = fv_tflite_in(n, 0);
    const int64_t slopes = fv_foreign_count(s);
    if (s->data && shape->rank >= 2 && s->shape.rank > 0 && slopes == shape->dim[shape->rank - 1] &&
        s->shape.dim[s->shape.rank - 1] == slopes)
        return fv_tflite_result(
            n, 0, fv_import_emit2(im, "prelu", NULL, x, fv_import_vector(im, s, FV_ROLE_PARAM, 1.0)), FV_ORDER_FILE);
    fv_value zero = fv_import_number(im, 0.0), high = fv_import_emit2(im, "max", NULL, x, zero);
    fv_value low = fv_import_emit2(im, "min", NULL, x, zero);
    low = fv_import_emit2(im, "mul", NULL, low, fv_import_get(im, s, FV_ORDER_FILE));
    return fv_tflite_result(n, 0, fv_import_emit2(im, "add", NULL, high, low), FV_ORDER_FILE);
}

/* max(x, 0) + e^min(x, 0) - 1 */
static fv_status map_elu(const fv_tflite_node *n)
{
    bool quantized;
    fv_import *im = n->im;
    FV_TRY(fv_tflite_need(n, 1));
    FV_TRY(fv_tflite_kind(n, 0, &quantized));
    if (quantized)
        return fv_tflite_cannot(n, "of integers: supported are RELU, LEAKY_RELU and HARD_SWISH of them");
    fv_value x = fv_tflite_in(n, 0), zero = fv_import_number(im, 0.0), high = fv_import_emit2(im, "max", NULL, x, zero);
    fv_value low = fv_import_emit1(im, "exp", NULL, fv_import_emit2(im, "min", NULL, x, zero));
    low = fv_import_emit2(im, "sub", NULL, low, fv_import_number(im, 1.0));
    return fv_tflite_result(n, 0, fv_import_emit2(im, "add", NULL, high, low), FV_ORDER_FILE);
}

/* ---- softmax ---- */

static fv_status integer_softmax(const fv_tflite_node *n, double beta)
{
    fv_tflite_pair in, out;
    fv_q_softmax_attr attr;
    FV_TRY(fv_tflite_in_pair(n, 0, &in));
    FV_TRY(fv_tflite_out_pair(n, 0, &out));
    if (in.dtype != out.dtype || out.scale != 1.0 / 256 || out.zero != out.low)
        return fv_tflite_cannot(n, "its result has scale %g and zero point %lld: 1/256 and %lld are supported",
                                out.scale, (long long)out.zero, (long long)out.low);
    if (!fv_q_softmax_set(&in, beta, &attr))
        return fv_tflite_cannot(n, "scale %g times beta %g is too fine", in.scale, beta);
    const fv_foreign *f = n->in[0];
    n->file->scores = n->im->answer && f->batched && f->shape.rank == 2 && n->file->outputs.count == 1 &&
                      fv_flat_list_int(n->file->outputs, 0) == n->out_at[0];
    return fv_tflite_result(n, 0, fv_import_emit1(n->im, "q_softmax", &attr, fv_tflite_in(n, 0)), FV_ORDER_FILE);
}

static fv_status map_softmax(const fv_tflite_node *n)
{
    bool quantized, left_out = false;
    const bool logarithm = strcmp(n->op, "LOG_SOFTMAX") == 0;
    FV_TRY(fv_tflite_need(n, 1));
    FV_TRY(fv_tflite_kind(n, 0, &quantized));
    fv_foreign *f = n->in[0];
    const int last = f->shape.rank - 1;
    const double beta = logarithm ? 1.0 : fv_flat_real(n->options, 0, 0.0);
    if (last < 0 || (last == 0 && f->batched))
        return last < 0 ? fv_tflite_cannot(n, "of no dimensions") : fv_import_merges(n->im);
    if (quantized)
        return logarithm ? fv_tflite_cannot(n, "of integers: supported is SOFTMAX of them") : integer_softmax(n, beta);
    if (beta == 1.0 && !logarithm && n->im->answer &&
        strcmp(n->im->answer, fv_tflite_tensor_name(n->file, n->out_at[0])) == 0) {
        FV_TRY(fv_import_scores(n->im, n->im->answer, f, last, &left_out));
        n->file->value[n->out_at[0]] = left_out ? fv_import_find(n->im, n->im->answer) : NULL;
        if (left_out)
            return FV_OK;
    }
    const fv_axis_attr attr = {.axis = last};
    fv_value x = fv_tflite_in(n, 0);
    if (beta != 1.0)
        x = fv_import_emit2(n->im, "mul", NULL, x, fv_import_number(n->im, beta));
    return fv_tflite_result(n, 0, fv_import_emit1(n->im, logarithm ? "log_softmax" : "softmax", &attr, x),
                            FV_ORDER_FILE);
}

const fv_tflite_op fv_tflite_activation_ops[] = {
    {"RELU", map_plain, NULL, NULL},
    {"RELU6", map_plain, NULL, NULL},
    {"RELU_N1_TO_1", map_plain, NULL, NULL},
    {"LOGISTIC", map_plain, NULL, NULL},
    {"TANH", map_plain, NULL, NULL},
    {"HARD_SWISH", map_plain, NULL, NULL},
    {"LEAKY_RELU", map_leaky, NULL, NULL},
    {"PRELU", map_prelu, NULL, NULL},
    {"ELU", map_elu, NULL, NULL},
    {"SOFTMAX", map_softmax, NULL, NULL},
    {"LOG_SOFTMAX", map_softmax, NULL, NULL},
    {"GELU", map_gelu, NULL, NULL},
    {"RELU_0_TO_1", NULL, NULL, "supported are RELU and RELU6"},
    {0},
};
