/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the mapping of a Keras layer sees: a call of it with operands, configuration and weights. A mapping is a
 * function in the file of its kind (op_*.c) and a row of that file's table; nothing else names the layer.
 */
#ifndef FV_IO_KERAS_NODE_H
#define FV_IO_KERAS_NODE_H

#include "base/doc.h"
#include "io/import/walk.h"

enum { FV_KERAS_WEIGHTS_MAX = 4, FV_KERAS_OPERANDS_MAX = 64 };

/* A weight of a layer, in Keras's order. */
typedef struct fv_keras_weight {
    const char *leaf; /* the end of its name */
    /* The key of the configuration that says whether there is one (not given: there is); "!key": where it is not
     * given. NULL: always. */
    const char *when;
    bool frozen; /* never trained: such weights come behind all others of a network */
} fv_keras_weight;

typedef struct fv_keras_node {
    fv_import *im;
    const fv_doc *doc;
    const char *kind;            /* the layer's class, or the function that it calls */
    const char *name;            /* the layer's, with the networks that it is in */
    const char *out;             /* the result's */
    const fv_doc_node *config;   /* a map, or NULL */
    const fv_doc_node *kwargs;   /* of a function's call: a map, or NULL */
    const fv_doc_node *extra[4]; /* operands that are no tensors, in their order */
    int n_extra;
    bool three; /* written by Keras 3 */
    fv_foreign *in[FV_KERAS_OPERANDS_MAX];
    int n_in;
    const fv_foreign *weight[FV_KERAS_WEIGHTS_MAX]; /* as the row lists them; NULL: the layer has none */
} fv_keras_node;

typedef struct fv_keras_op {
    const char *name;
    fv_status (*map)(const fv_keras_node *n);
    const fv_keras_weight *weights; /* ended by a row without a leaf; NULL: none */
    const char *near;               /* map NULL: what is supported instead */
} fv_keras_op;

/* The tables, each ends with a NULL name. */
extern const fv_keras_op fv_keras_conv_ops[], fv_keras_pool_ops[], fv_keras_dense_ops[], fv_keras_norm_ops[],
    fv_keras_activation_ops[], fv_keras_merge_ops[], fv_keras_shape_ops[], fv_keras_plain_ops[],
    fv_keras_function_ops[], fv_keras_function_shape_ops[], fv_keras_function_activation_ops[],
    fv_keras_function_merge_ops[], fv_keras_function_pool_ops[];

/* ---- configuration ---- */

/* A key of a call's keywords or of the configuration; NULL: absent or null. */
const fv_doc_node *fv_keras_get(const fv_keras_node *n, const char *key);
int64_t fv_keras_int(const fv_keras_node *n, const char *key, int64_t otherwise);
double fv_keras_real(const fv_keras_node *n, const char *key, double otherwise);
bool fv_keras_bool(const fv_keras_node *n, const char *key, bool otherwise);
const char *fv_keras_text(const fv_keras_node *n, const char *key, const char *otherwise);
/* Up to 16 integers; a number alone is one. count 0: absent. */
fv_ints fv_keras_ints(const fv_keras_node *n, const char *key);
/* One integer from 1 on for each of `sides` (1: columns alone), or one for all. UNSUPPORTED. */
fv_status fv_keras_pair(const fv_keras_node *n, const char *key, int sides, int64_t otherwise, int64_t pair[2]);
/* The configuration agrees with the size of a weight: MODEL_FORMAT when it says another number. */
fv_status fv_keras_expect(const fv_keras_node *n, const char *key, int64_t value);
/* A number, or a list of them in a list: *count of them, at most `room`. */
fv_status fv_keras_reals(const fv_keras_node *n, const char *key, int room, double *value, int *count);

/* ---- operands and results ---- */

/* UNSUPPORTED "text", for a mapping to return. */
#define fv_keras_cannot(n, ...) fv_import_cannot((n)->im, __VA_ARGS__)
/* There are as many operands, the first of them computed. */
fv_status fv_keras_need(const fv_keras_node *n, int count);
/* An axis of the operand's, counted from the front; MODEL_FORMAT. The batch is UNSUPPORTED. */
fv_status fv_keras_axis(const fv_keras_node *n, int64_t given, int *axis);
/* Where the layer has channels: behind the pixels, which is the file's order, or before them. */
fv_order fv_keras_order(const fv_keras_node *n);
/* Operand 0 in the order that it is there in. */
fv_value fv_keras_operand(const fv_keras_node *n, fv_order *order);
/* Operand 0, an image n h w c or a row n w c as n 1 w c. UNSUPPORTED for other ranks. */
fv_status fv_keras_image(const fv_keras_node *n, fv_value *x);
/* An image as the result, n w c for operands that are rows. */
fv_status fv_keras_result_image(const fv_keras_node *n, fv_value v);
/* The same through the activation that the configuration names. */
fv_status fv_keras_activated_image(const fv_keras_node *n, fv_value v);
fv_status fv_keras_result(const fv_keras_node *n, fv_value v, fv_order order);
/* The result is operand 0. */
fv_status fv_keras_same(const fv_keras_node *n);
/* The result is `activation` (NULL: none) of v. */
fv_status fv_keras_activated(const fv_keras_node *n, const fv_doc_node *activation, fv_value v, fv_order order);
/* A weight as a parameter: everything in order. */
fv_value fv_keras_vector(const fv_keras_node *n, int weight, fv_role role);

/* ---- activations ---- */

/* By a name as Keras or TensorFlow has it, of x whose channels are last; *y x itself for "linear". UNSUPPORTED. */
fv_status fv_keras_activate(const fv_keras_node *n, const char *name, fv_value x, fv_value *y);
fv_value fv_keras_clamp(fv_import *im, fv_value x, double low, double high);

/* ---- windows ---- */

typedef struct fv_keras_window {
    int64_t size[2], stride[2], dilation[2], pad[4];
    bool same;
} fv_keras_window;

/* Strides, dilation and padding of a window over x, n h w c. */
fv_status fv_keras_window_of(const fv_keras_node *n, fv_value x, const int64_t size[2], fv_keras_window *win);

#endif
