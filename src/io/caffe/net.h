/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Caffe network on its way into a model. Its layers are chosen by their rules, connected by the names of blobs (a
 * layer may write what it reads: the later value has the same name), and those that an output needs are mapped in
 * order. A mapping is a function in the file of its kind (op_*.c) and a row of that file's table; nothing else names
 * the layer.
 */
#ifndef FV_IO_CAFFE_NET_H
#define FV_IO_CAFFE_NET_H

#ifdef FV_WITH_CAFFE
#include "caffe.pb-c.h"
#include "io/caffe/text.h"
#include "io/import/walk.h"

#define FV_CAFFE_SIDE_MAX 65535

typedef struct fv_caffe_layer fv_caffe_layer;

typedef enum fv_caffe_kind {
    FV_CAFFE_PLAIN,
    FV_CAFFE_SOURCE, /* makes the network's inputs */
    FV_CAFFE_LOSS,   /* for training: left out, and what it takes first is an output */
    FV_CAFFE_WATCH,  /* left out: it looks at values */
    FV_CAFFE_SILENCE /* left out: what it takes is no output */
} fv_caffe_kind;

/* A kind of layers. PLAIN without `map`: refused, `near` is there instead. */
typedef struct fv_caffe_op {
    const char *type;
    fv_status (*map)(fv_caffe_layer *l);
    const char *param; /* the field of its settings; NULL: none */
    const char *near;
    fv_caffe_kind kind;
    int takes; /* blobs, and it makes one or more; 0: the mapping looks itself */
} fv_caffe_op;

/* The tables, each ends with a NULL type. */
extern const fv_caffe_op fv_caffe_conv_ops[], fv_caffe_dense_ops[], fv_caffe_pool_ops[], fv_caffe_norm_ops[],
    fv_caffe_activation_ops[], fv_caffe_math_ops[], fv_caffe_shape_ops[], fv_caffe_part_ops[], fv_caffe_resize_ops[],
    fv_caffe_other_ops[];

/* A blob at one point of the network. */
typedef struct fv_caffe_value {
    const char *name;
    fv_foreign *f; /* NULL until it is mapped, and when it was refused */
    fv_caffe_layer *maker, *user;
    int users;   /* layers that compute from it; `user` is the last of them */
    bool answer; /* to be an output */
    bool silenced;
    float weight; /* of the loss that takes it */
} fv_caffe_value;

typedef struct fv_caffe_net fv_caffe_net;

struct fv_caffe_layer {
    fv_caffe_net *net;
    const char *name, *type;
    const ProtobufCMessage *message; /* a Layer or a V1Layer */
    const fv_caffe_op *op;
    const void *param; /* the message of the row's `param`, as defaults have it where the layer has none */
    FvCaffe__Blob **blobs;
    char **bottom, **top;
    float *loss_weight;
    int n_blobs, n_bottom, n_top, n_loss_weight;
    fv_caffe_value **in; /* n_bottom; NULL: nothing before it makes that blob */
    fv_caffe_value *out; /* n_top */
    bool live;           /* an output needs it */
    bool done;           /* it was mapped with the layer before it */
};

/* What a data layer says of images. */
typedef struct fv_caffe_pixels {
    const FvCaffe__Transform *transform; /* NULL: nothing is said */
    bool color;                          /* of pictures: blue, green, red */
    float mean[16];                      /* of a .binaryproto, by channels */
    int n_mean;
} fv_caffe_pixels;

struct fv_caffe_net {
    fv_import im;
    const char *path, *weights_path;
    const fv_import_options *options;
    const FvCaffe__Net *text;       /* the layers */
    const FvCaffe__NetBlobs *blobs; /* of another file; NULL: the layers have them */
    fv_caffe_unknown *unknown;
    fv_caffe_layer *layers;
    int n_layers, n_answers;
    int64_t batch; /* of the inputs, in the file */
    fv_caffe_pixels pixels;
};

/* ---- the walk (plan.c, net.c, input.c) ---- */

const fv_caffe_op *fv_caffe_find_op(const char *type);
/* Chooses the layers, connects them, and marks those that an output needs. */
fv_status fv_caffe_plan(fv_caffe_net *net);
/* Maps them into im.model. */
fv_status fv_caffe_build(fv_caffe_net *net);
/* The inputs that a data layer makes. */
fv_status fv_caffe_source(fv_caffe_layer *l);
/* What the data layer says of images. */
fv_status fv_caffe_set_pipeline(fv_caffe_net *net, fv_model *m);

/* ---- for mappings (layer.c) ---- */

/* The message of the layer's settings, as defaults have it where the layer has none. */
const void *fv_caffe_param_of(const fv_caffe_layer *l, const char *field, const ProtobufCMessageDescriptor *type);
#define FV_CAFFE_PARAM(l, field, Type, type)                                                                           \
    ((const FvCaffe__##Type *)fv_caffe_param_of(l, field, &fv_caffe__##type##__descriptor))

/* UNSUPPORTED "text", for a mapping to return. */
#define fv_caffe_cannot(l, ...) fv_import_cannot(&(l)->net->im, __VA_ARGS__)
/* Bottom i; NULL once something failed. */
fv_foreign *fv_caffe_in(const fv_caffe_layer *l, int i);
/* An axis of `rank` dimensions, counted from the front; not the batch where that is `free`. */
fv_status fv_caffe_axis(const fv_caffe_layer *l, int64_t given, int rank, int *axis);
fv_status fv_caffe_free_axis(const fv_caffe_layer *l, const fv_foreign *f, int64_t given, int *axis);
bool fv_caffe_batched(const fv_caffe_layer *l);

/* Blob i as a constant of exactly `count` numbers. UNSUPPORTED: it is not there, or has others. */
fv_status fv_caffe_blob(const fv_caffe_layer *l, int i, int64_t count, fv_foreign **blob);
/* The number of elements of a blob; -1: it is not there. */
int64_t fv_caffe_blob_count(const fv_caffe_layer *l, int i);
/* A parameter LAYER.LEAF of a blob. */
fv_value fv_caffe_weight(const fv_caffe_layer *l, const fv_foreign *blob, fv_role role, const fv_shape *shape,
                         const fv_pick *pick, double factor, const char *leaf);
fv_value fv_caffe_vector(const fv_caffe_layer *l, const fv_foreign *blob, fv_role role, double factor,
                         const char *leaf);

/* Declares top i: v holds it in that order. */
fv_status fv_caffe_result(fv_caffe_layer *l, int i, fv_value v, fv_order order);
fv_status fv_caffe_result_as(fv_caffe_layer *l, int i, fv_value v, fv_order order, const fv_shape *shape);
/* Top i is bottom 0. */
fv_status fv_caffe_same(fv_caffe_layer *l, int i);
/* Bottom 0 for operators that work element by element. */
fv_value fv_caffe_unary(const fv_caffe_layer *l, fv_order *order);
/* f in an order in which dimensions are apart. */
fv_value fv_caffe_apart(const fv_caffe_layer *l, fv_foreign *f, fv_order *order);
/* f under other dimensions; channels stay last where that is possible. */
fv_status fv_caffe_reshape(fv_caffe_layer *l, int i, const fv_shape *to);
/* The image that bottom i is, n h w c. */
fv_status fv_caffe_image(const fv_caffe_layer *l, int i, fv_value *v);

/* a * x + b, with nothing to do for 1 and 0. */
fv_value fv_caffe_linear(fv_import *im, fv_value x, double a, double b);

#endif

#endif
