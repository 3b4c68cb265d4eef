/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small Keras network in all the ways in which versions of Keras wrote one: images of 2 x 3 x 2, a convolution with
 * 3 filters of 2 x 2, a batch norm, a ReLU, 4 classes with a softmax.
 */
#ifndef FV_TESTS_KERAS_WRITE_H
#define FV_TESTS_KERAS_WRITE_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "support/hdf5_write.h"

enum { KERAS_H = 2, KERAS_W = 3, KERAS_C = 2, KERAS_K = 3, KERAS_Q = 2, KERAS_CLASSES = 4 };

/* Where weights are, and how the graph is told. */
typedef enum keras_form {
    KERAS_LIST,       /* Sequential, its configuration a list (2.0) */
    KERAS_SEQUENTIAL, /* Sequential */
    KERAS_FUNCTIONAL, /* lists of calls (2.x) */
    KERAS_NESTED,     /* the first three layers in a network of their own */
    KERAS_THREE,      /* .keras of version 3 */
    KERAS_WINDOWS,    /* the same with strokes of Windows in the names */
    KERAS_FORMS
} keras_form;

#define KERAS_CONV                                                                                                     \
    "{\"class_name\":\"Conv2D\",\"name\":\"c\",\"config\":{\"name\":\"c\",\"filters\":3,\"kernel_size\":[2,2],"        \
    "\"batch_input_shape\":[null,2,3,2],\"padding\":\"valid\",\"data_format\":\"channels_last\"}"
#define KERAS_NORM                                                                                                     \
    "{\"class_name\":\"BatchNormalization\",\"name\":\"b\",\"config\":{\"name\":\"b\",\"axis\":-1,\"epsilon\":0.5}"
#define KERAS_RELU "{\"class_name\":\"ReLU\",\"name\":\"r\",\"config\":{\"name\":\"r\"}"
#define KERAS_FLAT "{\"class_name\":\"Flatten\",\"name\":\"f\",\"config\":{\"name\":\"f\"}"
#define KERAS_LAST                                                                                                     \
    "{\"class_name\":\"Dense\",\"name\":\"d\",\"config\":{\"name\":\"d\",\"units\":4,\"activation\":\"softmax\"}"
#define KERAS_INPUT                                                                                                    \
    "{\"class_name\":\"InputLayer\",\"name\":\"i\",\"config\":{\"name\":\"i\",\"batch_shape\":[null,2,3,2]}"
#define KERAS_CALL(of) ",\"inbound_nodes\":[[[\"" of "\",0,0,{}]]]}"
#define KERAS_CALL_3(of)                                                                                               \
    ",\"inbound_nodes\":[{\"args\":[{\"class_name\":\"__keras_tensor__\",\"config\":{\"shape\":[null],"                \
    "\"keras_history\":[\"" of "\",0,0]}}],\"kwargs\":{}}]}"

static const char *const keras_json[KERAS_FORMS] = {
    "{\"class_name\":\"Sequential\",\"config\":[" KERAS_CONV "}," KERAS_NORM "}," KERAS_RELU "}," KERAS_FLAT
    "}," KERAS_LAST "}]}",
    "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"s\",\"layers\":[" KERAS_CONV "}," KERAS_NORM "}," KERAS_RELU
    "}," KERAS_FLAT "}," KERAS_LAST "}]}}",
    "{\"class_name\":\"Model\",\"config\":{\"name\":\"m\",\"layers\":[" KERAS_INPUT ",\"inbound_nodes\":[]}," KERAS_CONV
        KERAS_CALL("i") "," KERAS_NORM KERAS_CALL("c") "," KERAS_RELU KERAS_CALL("b") "," KERAS_FLAT KERAS_CALL(
            "r") "," KERAS_LAST KERAS_CALL("f") "],\"input_layers\":[[\"i\",0,0]],\"output_layers\":[[\"d\",0,0]]}}",
    "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"s\",\"layers\":[{\"class_name\":\"Functional\",\"config\":{"
    "\"name\":\"n\",\"layers\":[" KERAS_INPUT
    ",\"inbound_nodes\":[]}," KERAS_CONV KERAS_CALL("i") "," KERAS_NORM KERAS_CALL("c") "," KERAS_RELU KERAS_CALL(
        "b") "],\"input_layers\":[[\"i\",0,0]],\"output_layers\":[[\"r\",0,0]"
             "]}}," KERAS_FLAT "}," KERAS_LAST "}]}}",
    "{\"class_name\":\"Functional\",\"config\":{\"name\":\"m\",\"layers\":[" KERAS_INPUT
    ",\"inbound_nodes\":[]}," KERAS_CONV KERAS_CALL_3("i") "," KERAS_NORM KERAS_CALL_3("c") "," KERAS_RELU
        KERAS_CALL_3("b") "," KERAS_FLAT KERAS_CALL_3("r") "," KERAS_LAST KERAS_CALL_3(
            "f") "],\"input_layers\":[\"i\",0,0],\"output_layers\":[\"d\",0,0]}}",
    "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"s\",\"layers\":[" KERAS_INPUT "}," KERAS_CONV "}," KERAS_NORM
    "}," KERAS_RELU "}," KERAS_FLAT "}," KERAS_LAST "}]}}",
};

/* Weights: kernel and bias of c; gamma, beta, mean, variance of b; kernel and bias of d. */
typedef struct keras_weights {
    float kernel[2 * 2 * KERAS_C * KERAS_K], bias[KERAS_K], norm[4][KERAS_K];
    float matrix[KERAS_Q * KERAS_K * KERAS_CLASSES], last[KERAS_CLASSES];
} keras_weights;

static inline void keras_fill(keras_weights *w)
{
    float *all = (float *)(void *)w;
    for (size_t i = 0; i < sizeof *w / sizeof *all; i++)
        all[i] = (float)((int)(i * 37 % 41) - 20) / 16;
    for (int k = 0; k < KERAS_K; k++)
        w->norm[3][k] = 0.5f + (float)k;
}

/* What the network makes of an image: its classes' probabilities, by the definitions of the layers. */
static inline void keras_expect(const keras_weights *w, const float *x, float y[KERAS_CLASSES])
{
    double sum = 0, score[KERAS_CLASSES];
    for (int j = 0; j < KERAS_CLASSES; j++)
        score[j] = (double)w->last[j];
    for (int q = 0; q < KERAS_Q; q++)
        for (int k = 0; k < KERAS_K; k++) {
            double v = (double)w->bias[k];
            for (int r = 0; r < 2; r++)
                for (int s = 0; s < 2; s++)
                    for (int c = 0; c < KERAS_C; c++)
                        v += (double)x[(r * KERAS_W + q + s) * KERAS_C + c] *
                             (double)w->kernel[((r * 2 + s) * KERAS_C + c) * KERAS_K + k];
            v = (v - (double)w->norm[2][k]) / sqrt((double)w->norm[3][k] + 0.5) * (double)w->norm[0][k] +
                (double)w->norm[1][k];
            for (int j = 0; j < KERAS_CLASSES && v > 0; j++)
                score[j] += v * (double)w->matrix[(q * KERAS_K + k) * KERAS_CLASSES + j];
        }
    for (int j = 0; j < KERAS_CLASSES; j++)
        sum += exp(score[j]);
    for (int j = 0; j < KERAS_CLASSES; j++)
        y[j] = (float)(exp(score[j]) / sum);
}

static const int64_t keras_dims[8][4] = {
    {2, 2, KERAS_C, KERAS_K},           {KERAS_K},      {KERAS_K}, {KERAS_K}, {KERAS_K}, {KERAS_K},
    {KERAS_Q * KERAS_K, KERAS_CLASSES}, {KERAS_CLASSES}};

static inline void keras_arrays(hdf5_out *o, const keras_weights *w, uint64_t at[8])
{
    const float *data[8] = {w->kernel, w->bias, w->norm[0], w->norm[1], w->norm[2], w->norm[3], w->matrix, w->last};
    for (int i = 0; i < 8; i++)
        at[i] = hdf5_array(o, keras_dims[i], i == 0 ? 4 : i == 6 ? 2 : 1, data[i]);
}

/* The weights of layers by their names, as in a .h5; `inner`: those of c and b are in the network n. */
static inline uint64_t keras_by_name(hdf5_out *o, const keras_weights *w, bool inner)
{
    static const char *const names[] = {"c/kernel:0",          "c/bias:0",   "b/gamma:0", "b/beta:0", "b/moving_mean:0",
                                        "b/moving_variance:0", "d/kernel:0", "d/bias:0"};
    static const char *const leaves[] = {"kernel:0",          "bias:0",   "gamma:0", "beta:0", "moving_mean:0",
                                         "moving_variance:0", "kernel:0", "bias:0"};
    static const char *const layers[] = {"c", "b", "d"};
    static const int first[] = {0, 2, 6, 8};
    uint64_t at[8];
    hdf5_member folder[3], group[3];
    keras_arrays(o, w, at);
    for (int i = 0; i < 3; i++) {
        hdf5_member members[4];
        for (int k = first[i]; k < first[i + 1]; k++)
            members[k - first[i]] = (hdf5_member){leaves[k], at[k]};
        folder[i] = (hdf5_member){layers[i], hdf5_group(o, members, first[i + 1] - first[i], NULL, 0)};
    }
    const hdf5_attr all[] = {{"weight_names", names, 6}, {"weight_names", names + 6, 2}};
    if (inner) {
        group[0] = (hdf5_member){"n", hdf5_group(o, folder, 2, all, 1)};
        group[1] = (hdf5_member){"d", hdf5_group(o, folder + 2, 1, all + 1, 1)};
        return hdf5_group(o, group, 2, NULL, 0);
    }
    for (int i = 0; i < 3; i++) {
        const hdf5_attr own = {"weight_names", names + first[i], first[i + 1] - first[i]};
        group[i] = (hdf5_member){layers[i], hdf5_group(o, folder + i, 1, &own, 1)};
    }
    return hdf5_group(o, group, 3, NULL, 0);
}

/* A .h5 with that JSON. */
static inline void keras_h5(hdf5_out *o, const keras_weights *w, const char *json, bool inner, const char *version)
{
    hdf5_begin(o);
    const hdf5_attr attrs[] = {{"model_config", &json, -1}, {"keras_version", &version, -1}};
    const hdf5_member weights = {"model_weights", keras_by_name(o, w, inner)};
    hdf5_end(o, hdf5_group(o, &weights, 1, attrs, 2));
}

/* The model.weights.h5 of a .keras. */
static inline void keras_counted(hdf5_out *o, const keras_weights *w, bool windows)
{
    static const char *const numbers[] = {"0", "1", "2", "3"};
    static const char *const plain[] = {"conv2d", "batch_normalization", "dense"};
    static const char *const stroked[] = {"layers\\conv2d", "layers\\batch_normalization", "layers\\dense"};
    static const int first[] = {0, 2, 6, 8};
    uint64_t at[8];
    hdf5_member layers[3];
    hdf5_begin(o);
    keras_arrays(o, w, at);
    for (int i = 0; i < 3; i++) {
        hdf5_member members[4];
        for (int k = first[i]; k < first[i + 1]; k++)
            members[k - first[i]] = (hdf5_member){numbers[k - first[i]], at[k]};
        const hdf5_member vars = {"vars", hdf5_group(o, members, first[i + 1] - first[i], NULL, 0)};
        layers[i] = (hdf5_member){windows ? stroked[i] : plain[i], hdf5_group(o, &vars, 1, NULL, 0)};
    }
    const hdf5_member all = {"layers", hdf5_group(o, layers, 3, NULL, 0)};
    hdf5_end(o, windows ? all.address : hdf5_group(o, &all, 1, NULL, 0));
}

#endif
