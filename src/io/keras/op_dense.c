/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layers. */
#include "io/keras/node.h"

static const fv_keras_weight kernel_and_bias[] = {{"kernel", NULL, false}, {"bias", "use_bias", false}, {0}};

/* x [n, ..., c] times a matrix [c][k]: more than two dimensions as a convolution of 1 x 1. */
static fv_status map_dense(const fv_keras_node *n)
{
    fv_import *im = n->im;
    FV_TRY(fv_keras_need(n, 1));
    fv_foreign *f = n->in[0];
    const fv_shape *w = &n->weight[0]->shape;
    const int rank = f->shape.rank;
    if (w->rank != 2 || rank < 2)
        return fv_keras_cannot(n, "a matrix of %d dimensions times an operand of %d", w->rank, rank);
    const int64_t c = w->dim[0], k = w->dim[1];
    if (f->shape.dim[rank - 1] != c)
        return fv_keras_cannot(n, "its matrix takes %lld numbers, and its operand has %lld", (long long)c,
                               (long long)f->shape.dim[rank - 1]);
    FV_TRY(fv_keras_expect(n, "units", k));
    const bool wide = rank > 2, biased = n->weight[1] != NULL;
    const fv_shape shape = wide ? (fv_shape){4, {k, 1, 1, c}} : (fv_shape){2, {k, c}};
    const fv_pick pick = {2, {k, c}, {1, k}};
    fv_shape image = {4, {1, 1, 1, c}}, to = f->shape;
    for (int d = 1; d < rank - 1; d++)
        image.dim[d == 1 && rank == 4 ? 1 : 2] *= f->shape.dim[d];
    fv_value x = fv_import_get(im, f, FV_ORDER_FILE);
    fv_value in[3] = {wide ? fv_import_reshape(im, x, &image, true) : x,
                      fv_import_weight(im, n->weight[0], FV_ROLE_PARAM, &shape, &pick, 1.0, NULL)};
    if (biased)
        in[2] = fv_keras_vector(n, 1, FV_ROLE_PARAM);
    fv_value y = fv_import_emit(im, wide ? "conv2d" : "dense", NULL, in, biased ? 3 : 2);
    to.dim[rank - 1] = k;
    return fv_keras_activated(n, fv_keras_get(n, "activation"), fv_import_reshape(im, y, &to, true), FV_ORDER_FILE);
}

const fv_keras_op fv_keras_dense_ops[] = {
    {"Dense", map_dense, kernel_and_bias, NULL},
    {"EinsumDense", NULL, NULL, "supported is Dense"},
    {"MultiHeadAttention", NULL, NULL, "attention is not supported"},
    {"LSTM", NULL, NULL, "recurrent layers are not supported"},
    {"GRU", NULL, NULL, "recurrent layers are not supported"},
    {"SimpleRNN", NULL, NULL, "recurrent layers are not supported"},
    {"ConvLSTM2D", NULL, NULL, "recurrent layers are not supported"},
    {"Bidirectional", NULL, NULL, "recurrent layers are not supported"},
    {"Embedding", NULL, NULL, "texts are not supported"},
    {0},
};
