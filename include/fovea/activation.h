/* SPDX-License-Identifier: Apache-2.0 */
/* Activation functions, as attributes of layers and as epilogues of kernels. */
#ifndef FOVEA_ACTIVATION_H
#define FOVEA_ACTIVATION_H

/** Activations that can ride in another operator's epilogue. */
typedef enum fv_activation {
    FV_ACT_NONE = 0,
    FV_RELU,         /* max(x, 0) */
    FV_RELU6,        /* min(max(x, 0), 6) */
    FV_LEAKY_RELU,   /* x > 0 ? x : alpha*x */
    FV_SIGMOID,      /* 1 / (1 + e^-x) */
    FV_TANH,         /* tanh(x) */
    FV_HARD_SIGMOID, /* min(max(x/6 + 1/2, 0), 1) */
    FV_HARD_SWISH,   /* x * hard_sigmoid(x) */
    FV_SILU,         /* x * sigmoid(x) */
    FV_GELU,         /* x * (1 + erf(x / sqrt 2)) / 2 */
    FV_GELU_TANH,    /* x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715*x^3))) / 2: what FV_GELU is sometimes taken for */
    FV_SOFTMAX,      /* e^x_i / sum e^x_j along the channels: no kernel epilogue */
    FV_ACTIVATION_COUNT
} fv_activation;

#endif
