/* SPDX-License-Identifier: Apache-2.0 */
/* A darknet network on its way into a model: sections in order, each one layer. */
#ifndef FV_IO_DARKNET_NET_H
#define FV_IO_DARKNET_NET_H

#include "base/text.h"
#include "io/darknet/cfg.h"
#include "io/import/walk.h"

/* The numbers of a .weights, taken in order. */
typedef struct fv_darknet_weights {
    const char *path;
    const uint8_t *data; /* behind the header */
    int64_t count;       /* of floats */
    int64_t taken;       /* may exceed count: told when all of the network is known */
    bool transposed;     /* fully connected layers: input by output */
} fv_darknet_weights;

typedef enum fv_darknet_state {
    FV_DARKNET_DONE,
    FV_DARKNET_MISSING,  /* refused, or of what was refused */
    FV_DARKNET_DETECTION /* its boxes are not computed: nothing may take them */
} fv_darknet_state;

/* A layer's result. n h w c, or n x c of a fully connected one. */
typedef struct fv_darknet_layer {
    fv_value value;
    fv_darknet_state state;
} fv_darknet_layer;

typedef struct fv_darknet_net {
    fv_import im;
    fv_darknet_cfg cfg;
    fv_darknet_weights weights;
    const fv_darknet_section *section; /* at hand */
    int index;                         /* of the layer at hand: the section behind [net] is 0 */
    char label[64];                    /* of the layer at hand, such as conv_0 */
    fv_darknet_layer *layers;
    int n_outputs;
    fv_str refused; /* a text for each section that cannot be had */
    int n_refused;
} fv_darknet_net;

/* Makes a layer of x. UNSUPPORTED, SHAPE: noted, and the walk goes on. */
typedef fv_status fv_darknet_map(fv_darknet_net *net, fv_value x, fv_value *y);

typedef struct fv_darknet_kind {
    const char *section;
    const char *label; /* of its nodes */
    fv_darknet_map *map;
    const char *near; /* map NULL: what there is instead */
    bool source;      /* takes layers by number, not the one before */
    bool detection;   /* ends a network of detection */
} fv_darknet_kind;

/* Tables, each ended by a row without a section. */
extern const fv_darknet_kind fv_darknet_filter_kinds[]; /* filter.c: what has weights */
extern const fv_darknet_kind fv_darknet_plain_kinds[];  /* plain.c: what has none */

/* UNSUPPORTED, why this section cannot be had. */
#define fv_darknet_cannot(net, ...) fv_import_cannot(&(net)->im, __VA_ARGS__)
/* UNSUPPORTED when the section gives one of the keys another value than 0. Ends with NULL. */
fv_status fv_darknet_refuse_keys(const fv_darknet_net *net, const char *const *keys);
/* The next `count` numbers of the weights as a parameter LAYER.leaf. */
fv_value fv_darknet_vector(fv_darknet_net *net, int64_t count, const char *leaf);
/* Rows, columns and channels. */
void fv_darknet_size(const fv_darknet_net *net, fv_value x, int64_t hwc[3]);
/* n h w c of either. */
fv_value fv_darknet_image(fv_darknet_net *net, fv_value x);
/* The activation that the section names, or `fallback`. */
fv_status fv_darknet_activate(fv_darknet_net *net, const char *fallback, fv_value x, fv_value *y);
/* A window's stride_x, stride_y or stride. */
fv_status fv_darknet_strides(const fv_darknet_net *net, int64_t fallback, int64_t stride[2]);

#endif
