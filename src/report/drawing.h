/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network as boxes and edges: a weighted layer, a pooling or a join with what works on its numbers one by one, in
 * ranks from the input on, ranks in columns. drawing.c makes the boxes, drawing_layout.c places them, drawing_svg.c and
 * drawing_dot.c write them.
 */
#ifndef FV_REPORT_DRAWING_H
#define FV_REPORT_DRAWING_H

#include <fovea/design.h>

#include "model/model.h"

typedef enum fv_box_kind {
    FV_BOX_INPUT,
    FV_BOX_CONV,
    FV_BOX_DEPTHWISE,
    FV_BOX_MATRIX,
    FV_BOX_POOL,
    FV_BOX_JOIN,
    FV_BOX_OTHER,
    FV_BOX_OUTPUT,
    FV_BOX_KIND_COUNT
} fv_box_kind;

enum { FV_BOX_LINES = 3, FV_BOX_LINE = 48 };

typedef struct fv_drawn_box {
    fv_box_kind kind;
    bool single;       /* nothing but numbers one by one: may go into the layer behind it */
    const char *name;  /* of its layer, or of the input or output */
    const fv_val *val; /* what leaves it; NULL: an output */
    int64_t parameters;
    char words[64];              /* what the layer is */
    char before[64], behind[64]; /* operators that work on numbers one by one, before and behind it */
    char lines[FV_BOX_LINES][FV_BOX_LINE];
    int n_lines;
    int rank, column;
    double x, y, w, h; /* x: of the middle; y: of the top */
    int in, out;       /* number of edges */
} fv_drawn_box;

typedef struct fv_drawn_edge {
    int from, to;       /* boxes */
    int first, n_items; /* of the items between them, one in each rank; see fv_drawing */
} fv_drawn_edge;

/* A place in a rank: a box, or an edge that passes. */
typedef struct fv_drawn_item {
    int box; /* -1: passes */
    int rank;
    double x, w;
} fv_drawn_item;

/* Ranks that belong together: from where ways part to where they meet again. */
typedef struct fv_drawn_block {
    int first, last; /* ranks */
    char name[64];   /* what the names of its layers begin with; "": nothing in common */
} fv_drawn_block;

typedef struct fv_drawn_rank {
    int first, count;  /* in order, into drawing.order */
    double y, h;       /* within its column */
    int column, block; /* block -1: none */
    bool cut;          /* one box and nothing beside it */
} fv_drawn_rank;

typedef struct fv_drawing {
    fv_ctx *ctx;
    const fv_model *model;
    fv_drawn_box *boxes;
    int n_boxes;
    fv_drawn_edge *edges;
    int n_edges;
    fv_drawn_item *items; /* boxes first, by number */
    int n_items;
    int *order; /* items by rank, from left to right */
    fv_drawn_rank *ranks;
    int n_ranks;
    fv_drawn_block *blocks;
    int n_blocks;
    double *column_x; /* left edge of each column's content, and its width */
    double *column_w;
    int n_columns;
    double width, height;
} fv_drawing;

fv_status fv_drawing_create(const fv_model *model, fv_drawing **drawing);
void fv_drawing_destroy(fv_drawing **drawing);
/* Ranks, order and places of the boxes. */
fv_status fv_drawing_place(fv_drawing *drawing);
void fv_drawing_svg(const fv_drawing *drawing, fv_str *out);
void fv_drawing_dot(const fv_drawing *drawing, fv_str *out);
/* "conv", "depthwise", ... as people read it. */
const char *fv_box_kind_name(fv_box_kind kind);

/* Sizes in pixels: text, a line of it, and what a character is taken to be wide. */
#define FV_DRAW_TEXT  12.0
#define FV_DRAW_SMALL 11.0
#define FV_DRAW_LINE  15.0
#define FV_DRAW_WIDE  7.4
#define FV_DRAW_GAP   38.0 /* between ranks, where sizes stand */
#define FV_DRAW_HEAD  22.0 /* above a block, where its name stands */
#define FV_DRAW_TOP   96.0 /* title and legend */

#endif
