/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that do nothing outside of training, and those that are code. */
#include "io/keras/node.h"

static const char code[] = "it holds code of Python's, which is never run; build the network from layers";

const fv_keras_op fv_keras_plain_ops[] = {
    {"Dropout", fv_keras_same, NULL, NULL},
    {"SpatialDropout1D", fv_keras_same, NULL, NULL},
    {"SpatialDropout2D", fv_keras_same, NULL, NULL},
    {"GaussianDropout", fv_keras_same, NULL, NULL},
    {"GaussianNoise", fv_keras_same, NULL, NULL},
    {"AlphaDropout", fv_keras_same, NULL, NULL},
    {"StochasticDepth", fv_keras_same, NULL, NULL},
    {"FixedDropout", fv_keras_same, NULL, NULL},
    {"ActivityRegularization", fv_keras_same, NULL, NULL},
    {"Identity", fv_keras_same, NULL, NULL},
    {"RandomBrightness", fv_keras_same, NULL, NULL},
    {"RandomContrast", fv_keras_same, NULL, NULL},
    {"RandomFlip", fv_keras_same, NULL, NULL},
    {"RandomHeight", fv_keras_same, NULL, NULL},
    {"RandomRotation", fv_keras_same, NULL, NULL},
    {"RandomShear", fv_keras_same, NULL, NULL},
    {"RandomTranslation", fv_keras_same, NULL, NULL},
    {"RandomWidth", fv_keras_same, NULL, NULL},
    {"RandomZoom", fv_keras_same, NULL, NULL},
    {"Lambda", NULL, NULL, code},
    {"TimeDistributed", NULL, NULL, "supported is the layer itself"},
    {0},
};
