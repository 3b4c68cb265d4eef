/* SPDX-License-Identifier: Apache-2.0 */
/* A Keras network on its way into a model: the file, the graph that its JSON tells of, the weights of its layers. */
#ifndef FV_IO_KERAS_NET_H
#define FV_IO_KERAS_NET_H

#include <string.h>

#include "io/hdf5/hdf5.h"
#include "io/keras/node.h"
#include "io/import.h"

enum { FV_KERAS_LAYERS_MAX = 10000, FV_KERAS_CALLS_MAX = 50000, FV_KERAS_TRIES_MAX = 4000000 };

/* An operand of a call: a result of a layer, or a number. */
typedef struct fv_keras_ref {
    const char *name; /* of the layer; NULL: a number */
    int64_t call, tensor;
    double value;
    int layer; /* in the graph */
} fv_keras_ref;

typedef struct fv_keras_call {
    fv_keras_ref *ref;
    int n_refs;
    const fv_doc_node *kwargs, *extra[4];
    int n_extra;
} fv_keras_call;

typedef struct fv_keras_layer {
    const char *name, *kind;
    const fv_doc_node *node, *config;
    const fv_keras_op *op;        /* NULL: unknown, or a network */
    struct fv_keras_graph *inner; /* of a network; NULL: none */
    const fv_doc_node *constants; /* of an old TensorFlowOpLayer: numbers by place */
    fv_keras_call **call;
    int n_calls, cap_calls;
    int64_t first_call; /* how its calls are numbered: from 0, of some networks from 1 */
    int taken;          /* how often its results are operands */
    bool trainable;
    const fv_foreign *weight[FV_KERAS_WEIGHTS_MAX];
} fv_keras_layer;

typedef struct fv_keras_graph {
    const char *name;
    const fv_doc_node *config;
    fv_keras_layer *layers;
    int n_layers;
    fv_keras_ref *in, *out;
    int n_in, n_out;
} fv_keras_graph;

typedef struct fv_keras_net {
    fv_ctx *ctx;
    const char *path;
    fv_arena *arena; /* lives as long as the import */
    fv_doc *doc;
    fv_hdf5_file weights;
    const fv_hdf5_node *root; /* of the weights */
    bool archive;             /* a .keras: weights by the order of layers, not by names */
    const char *container;    /* there: what a network calls the folder of its layers */
    bool three;               /* written by Keras 3 */
    fv_keras_graph *graph;
    const fv_import_options *options;
    fv_import im;
    int parsed;     /* calls that the JSON tells of */
    int calls;      /* made so far */
    int64_t tries;  /* of making one */
    int64_t copied; /* bytes of weights */
} fv_keras_net;

/* MODEL_FORMAT "FILE: Keras: text". */
fv_status fv_keras_bad(const fv_keras_net *net, const char *format, ...) FV_PRINTF(2, 3);
/* Opens a .h5 or a .keras: net->doc is its network, to be destroyed by the caller, net->root its weights. */
fv_status fv_keras_open(fv_keras_net *net, const uint8_t *data, int64_t size);
/* The row of a layer's class, or of a function; NULL: none. */
const fv_keras_op *fv_keras_find_op(const char *kind, bool function);
/* Why there is no row for a class, with the nearest that there is. */
const char *fv_keras_nearest(const char *kind, char text[160]);
/* The graph that a node of the JSON describes, {"class_name", "config"}. */
fv_status fv_keras_parse(fv_keras_net *net, const fv_doc_node *model, int depth, fv_keras_graph **graph);
/* Gives every layer its weights. */
fv_status fv_keras_assign(fv_keras_net *net);
/* Whether a layer has that weight of its row. */
bool fv_keras_has_weight(const fv_keras_layer *layer, const fv_keras_weight *weight);
/* A string attribute, whole or in parts KEY0, KEY1, ..; *count 0: absent. */
fv_status fv_keras_texts(const fv_keras_net *net, const fv_hdf5_node *node, const char *key, const char ***texts,
                         int64_t *count);
/* The layer of that class that an input of the network goes to, behind none but those that resize, scale or do nothing;
 * NULL: there is none. */
const fv_keras_layer *fv_keras_front(const fv_keras_graph *g, int input, const char *kind);
/* Makes the graph in net->im. */
fv_status fv_keras_walk(fv_keras_net *net);

static inline bool fv_keras_is_network(const char *kind)
{
    return strcmp(kind, "Sequential") == 0 || strcmp(kind, "Functional") == 0 || strcmp(kind, "Model") == 0;
}

#endif
