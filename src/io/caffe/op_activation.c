/* SPDX-License-Identifier: Apache-2.0 */
/* Activations. */
#ifdef FV_WITH_CAFFE
#include <math.h>
#include <string.h>

#include "io/caffe/net.h"

/* Those that are one operator here, without settings. */
static const struct {
    const char *type, *op;
} plain[] = {
    {"Sigmoid", "sigmoid"},       {"TanH", "tanh"}, {"ReLU6", "relu6"}, {"HSwish", "hard_swish"},
    {"HSigmoid", "hard_sigmoid"},
};

static fv_status map_plain(fv_caffe_layer *l)
{
    fv_order order;
    size_t i = 0;
    fv_value x = fv_caffe_unary(l, &order);
    while (strcmp(plain[i].type, l->type) != 0)
        i++;
    return fv_caffe_result(l, 0, fv_import_emit1(&l->net->im, plain[i].op, NULL, x), order);
}

static fv_status map_relu(fv_caffe_layer *l)
{
    const FvCaffe__Relu *p = l->param;
    fv_order order;
    fv_value x = fv_caffe_unary(l, &order);
    const fv_act_attr slope = {.alpha = (double)p->negative_slope};
    x = p->negative_slope == 0.0f ? fv_import_emit1(&l->net->im, "relu", NULL, x)
                                  : fv_import_emit1(&l->net->im, "leaky_relu", &slope, x);
    return fv_caffe_result(l, 0, x, order);
}

static fv_status map_prelu(fv_caffe_layer *l)
{
    const FvCaffe__Prelu *p = l->param;
    fv_import *im = &l->net->im;
    fv_foreign *slopes;
    fv_foreign *f = fv_caffe_in(l, 0);
    if (f->shape.rank < 2)
        return fv_caffe_cannot(l, "it takes %d dimensions, expected 2 or more", f->shape.rank);
    FV_TRY(fv_caffe_blob(l, 0, p->channel_shared ? 1 : f->shape.dim[1], &slopes));
    const fv_order order = f->shape.rank >= 3 ? FV_ORDER_LAST : FV_ORDER_FILE;
    fv_value x = fv_import_get(im, f, order);
    fv_value s = fv_caffe_vector(l, slopes, FV_ROLE_PARAM, 1.0, "weight");
    im->label = l->name;
    return fv_caffe_result(l, 0, fv_import_emit2(im, "prelu", NULL, x, s), order);
}

/* x, below 0 alpha (e^x - 1) */
static fv_status map_elu(fv_caffe_layer *l)
{
    const FvCaffe__Elu *p = l->param;
    fv_import *im = &l->net->im;
    fv_order order;
    fv_value x = fv_caffe_unary(l, &order), zero = fv_import_number(im, 0.0);
    fv_value low = fv_import_emit1(im, "exp", NULL, fv_import_emit2(im, "min", NULL, x, zero));
    low = fv_caffe_linear(im, fv_caffe_linear(im, low, 1.0, -1.0), (double)p->alpha, 0.0);
    return fv_caffe_result(l, 0, fv_import_emit2(im, "add", NULL, fv_import_emit2(im, "max", NULL, x, zero), low),
                           order);
}

/* x sigmoid(beta x) */
static fv_status map_swish(fv_caffe_layer *l)
{
    const FvCaffe__Swish *p = l->param;
    fv_import *im = &l->net->im;
    fv_order order;
    fv_value x = fv_caffe_unary(l, &order);
    if (p->beta == 1.0f)
        return fv_caffe_result(l, 0, fv_import_emit1(im, "silu", NULL, x), order);
    fv_value s = fv_import_emit1(im, "sigmoid", NULL, fv_caffe_linear(im, x, (double)p->beta, 0.0));
    return fv_caffe_result(l, 0, fv_import_emit2(im, "mul", NULL, x, s), order);
}

static fv_status map_clip(fv_caffe_layer *l)
{
    const FvCaffe__Clip *p = l->param;
    fv_order order;
    const fv_clamp_attr range = {(double)p->min, (double)p->max};
    fv_value x = fv_caffe_unary(l, &order);
    return fv_caffe_result(l, 0, fv_import_emit1(&l->net->im, "clamp", &range, x), order);
}

/* The only output, a row of classes: its softmax is left out, as training and predictors take scores; whoever asks for
 * the file's output gets it. */
static bool is_answer(const fv_caffe_layer *l, const fv_foreign *f, int axis)
{
    const bool row = f->shape.rank == 2 || (f->shape.rank == 4 && f->shape.dim[2] == 1 && f->shape.dim[3] == 1);
    return l->net->n_answers == 1 && l->out[0].answer && f->batched && row && axis == 1;
}

static fv_status map_softmax(fv_caffe_layer *l)
{
    const FvCaffe__Softmax *p = l->param;
    fv_order order;
    int axis;
    fv_foreign *f = fv_caffe_in(l, 0);
    FV_TRY(fv_caffe_free_axis(l, f, p->axis, &axis));
    if (is_answer(l, f, axis)) {
        l->net->im.scores = true;
        return fv_caffe_same(l, 0);
    }
    fv_value x = fv_caffe_apart(l, f, &order);
    const fv_axis_attr attr = {.axis = fv_import_axis(order, axis, f->shape.rank)};
    return fv_caffe_result(l, 0, fv_import_emit1(&l->net->im, "softmax", &attr, x), order);
}

const fv_caffe_op fv_caffe_activation_ops[] = {
    {"ReLU", map_relu, "relu_param", NULL, FV_CAFFE_PLAIN, 1},
    {"PReLU", map_prelu, "prelu_param", NULL, FV_CAFFE_PLAIN, 1},
    {"ELU", map_elu, "elu_param", NULL, FV_CAFFE_PLAIN, 1},
    {"Sigmoid", map_plain, NULL, NULL, FV_CAFFE_PLAIN, 1},
    {"TanH", map_plain, NULL, NULL, FV_CAFFE_PLAIN, 1},
    {"ReLU6", map_plain, NULL, NULL, FV_CAFFE_PLAIN, 1},
    {"HSwish", map_plain, NULL, NULL, FV_CAFFE_PLAIN, 1},
    {"HSigmoid", map_plain, NULL, NULL, FV_CAFFE_PLAIN, 1},
    {"Swish", map_swish, "swish_param", NULL, FV_CAFFE_PLAIN, 1},
    {"Clip", map_clip, "clip_param", NULL, FV_CAFFE_PLAIN, 1},
    {"Softmax", map_softmax, "softmax_param", NULL, FV_CAFFE_PLAIN, 1},
    {"BNLL", NULL, NULL, "supported are ReLU and ELU", FV_CAFFE_PLAIN, 0},
    {"Threshold", NULL, NULL, "supported are ReLU and Clip", FV_CAFFE_PLAIN, 0},
    {0},
};

#endif
