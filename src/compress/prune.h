/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a pruner. */
#ifndef FV_COMPRESS_PRUNE_H
#define FV_COMPRESS_PRUNE_H

#include <fovea/prune.h>

#include "graph/channels.h"
#include "model/model.h"

/* A tensor of weights and the dimension that its layer's channels are counted by. */
typedef struct prune_maker {
    const fv_node *node;
    const fv_val *val;
    int dim;
    bool can_shrink; /* some of its channels can go */
} prune_maker;

/* Elements of a class along one dimension of one value. */
typedef struct prune_span {
    int64_t row, count; /* FV_MAX_RANK * value + dimension */
} prune_span;

typedef struct prune_group {
    const prune_maker *maker; /* the first */
    int layers, seen;         /* seen: while they are counted */
    int64_t channels, left, goal;
} prune_group;

/* What goes together. */
typedef struct prune_class {
    int32_t group;     /* -1: no weights make it, or they are to be kept */
    int64_t channels;  /* of the group's first maker */
    int64_t span, end; /* its spans */
    double score;
    int64_t scored; /* numbers that it was made of */
} prune_class;

struct fv_pruner {
    fv_model *model;
    fv_prune_options o;
    fv_channels *channels;
    prune_maker *makers;
    int32_t n_makers;
    prune_group *groups;
    int32_t n_groups;
    prune_class *classes;
    prune_span *spans;
    int64_t *order;       /* classes that can go, the least worth first */
    int64_t n_order, all; /* channels of all groups */
    bool *gone;           /* by class */
    int64_t *left;        /* by row */
};

/* The layers with weights, each tensor once; the caller's, also on failure. VALUE: none is called so. */
fv_status fv_prune_find_makers(const fv_model *model, const char *skip, prune_maker **makers, int32_t *n);
/* MODEL: there are none. */
fv_status fv_prune_fail_weightless(const fv_model *model);
/* Makers, groups and spans. */
fv_status fv_prune_find_groups(fv_pruner *p);
/* Scores of classes and their order. */
fv_status fv_prune_score(fv_pruner *p);
/* A number for each position along a dimension becomes part of its classes' scores, divided by their mean. */
void fv_prune_note(fv_pruner *p, const fv_val *val, int dim, const double *numbers);
/* The same of a maker: `numbers` has room for its channels; f of each element, summed up, root taken or not. */
void fv_prune_note_filters(fv_pruner *p, const prune_maker *maker, const float *elements, bool squares,
                           double *numbers);
/* By samples: gradients, or activations. */
fv_status fv_prune_score_taylor(fv_pruner *p);
fv_status fv_prune_score_activation(fv_pruner *p);

#endif
