/* SPDX-License-Identifier: Apache-2.0 */
/* The zoo: one row per architecture, one builder per family. */
#ifndef FV_NN_ZOO_H
#define FV_NN_ZOO_H

#include "nn/build.h"

/* What a builder gets: the row's own numbers, with the caller's in their place. */
typedef struct fv_zoo_net {
    int depth; /* which member of the family */
    int64_t h, w, c, classes;
    double dropout;
} fv_zoo_net;

/* Builds everything from fv_input to the logits, which it returns. */
typedef fv_value fv_zoo_build(fv_model *m, const fv_zoo_net *net);

fv_zoo_build fv_zoo_alexnet, fv_zoo_cifar_resnet, fv_zoo_lenet, fv_zoo_mnist_cnn, fv_zoo_mobilenet_v2, fv_zoo_resnet,
    fv_zoo_squeezenet1_1, fv_zoo_vgg;

/* Dropout that is not there at all for rate 0. */
fv_value fv_zoo_dropout(fv_model *m, fv_value x, double rate);
/* fv_prefix with a format. */
void fv_zoo_prefix(fv_model *m, const char *format, ...) FV_PRINTF(2, 3);

#endif
