/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which channels of a graph can be taken away, and which only together. Every position along every dimension of every
 * value is an element; operators tie those of their operands and results (fv_op.channels). Elements that are tied,
 * directly or by others, are one class: all of it goes, or nothing.
 */
#ifndef FV_GRAPH_CHANNELS_H
#define FV_GRAPH_CHANNELS_H

#include "graph/graph.h"

struct fv_channels {
    const fv_graph *g;
    int64_t n;      /* elements */
    int64_t *first; /* by FV_MAX_RANK * value + dimension: its first element */
    int64_t *of;    /* by element: its class, -1 where it stays; while ties are made, the way to the one that stands for
                       all that it is tied to */
    bool *stays;    /* by element, of those that stand for others */
    bool *touched;  /* by FV_MAX_RANK * value + dimension: the node that is looked at said something of it */
    int64_t classes;
    int64_t *begin;   /* by class: its first element in `list`; classes + 1 */
    int64_t *list;    /* elements, class by class, ascending */
    const bool *gone; /* by class, while the graph is narrowed */
};

/* Classes are numbered in the order of their first elements. Inputs, outputs and the n values of `also` stay whole. The
 * graph must stay. */
fv_status fv_channels_create(const fv_graph *g, const fv_val *const *also, int n, fv_channels **channels);
void fv_channels_destroy(fv_ctx *ctx, fv_channels **channels);
/* The class of a position, or -1. */
static inline int64_t fv_channels_class(const fv_channels *c, const fv_val *val, int dim, int64_t at)
{
    return c->of[c->first[FV_MAX_RANK * val->id + dim] + at];
}
/* Value and dimension of an element, as FV_MAX_RANK * value + dimension. */
int64_t fv_channels_row(const fv_channels *c, int64_t element);
/* Positions of dimension `dim` that are left without the classes that are gone: as many as are set in keep, which may
 * be NULL. */
int64_t fv_channels_keep(const fv_channels *c, const bool *gone, const fv_val *val, int dim, bool *keep);
/* What an array of that value's shape is without them: src to dst, elements of that size. */
void fv_channels_gather(const fv_channels *c, const bool *gone, const fv_val *val, size_t size, const void *src,
                        void *dst, bool *room);

/* A copy of the graph without the classes that are gone. ARGUMENT: nothing would be left of a dimension. */
fv_status fv_pass_narrow(fv_channels *channels, const bool *gone, fv_graph **out, fv_val **map);

#endif
