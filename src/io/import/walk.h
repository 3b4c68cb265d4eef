/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the walks over the nodes of files share, whatever the format: rows of operators by name, operands and results,
 * nodes that are refused, and nodes of constants, which are computed at once.
 */
#ifndef FV_IO_IMPORT_WALK_H
#define FV_IO_IMPORT_WALK_H

#include "io/import/build.h"

/* ---- rows ---- */

/* Tables of a format's rows: each row begins with its name, the next is `size` bytes behind, and one without a name
 * ends the table. */
typedef struct fv_import_rows {
    const void *const *table;
    size_t n_tables, size;
    bool (*is_mapped)(const void *row); /* whether what it names can be had */
} fv_import_rows;

const void *fv_import_find_row(const fv_import_rows *rows, const char *name);
/* "this layer is not supported; the nearest that is: Conv2D", where `what` is "layer". */
const char *fv_import_nearest(const fv_import_rows *rows, const char *what, const char *name, char text[160]);

/* An activation by the name that a format has for it: an operator, or what makes it; neither: x itself. */
typedef struct fv_import_activation {
    const char *name, *op;
    fv_value (*make)(fv_import *im, fv_value x);
} fv_import_activation;

/* UNSUPPORTED, with the nearest name, where no row has that one. */
fv_status fv_import_activate(fv_import *im, const fv_import_activation *rows, int count, const char *name, fv_value x,
                             fv_value *y);

/* ---- nodes ---- */

/* A node, as far as all formats have it. */
typedef struct fv_import_node {
    fv_import *im;
    const char *format, *op, *name; /* "ONNX", for messages */
    fv_foreign *const *in;          /* NULL where an optional operand is absent */
    int n_in;
} fv_import_node;

/* UNSUPPORTED "text", for a mapping to return. */
fv_status fv_import_cannot(const fv_import *im, const char *format, ...) FV_PRINTF(2, 3);
/* An axis of `rank` dimensions, counted from the front; MODEL_FORMAT. */
fv_status fv_import_axis_of(const fv_import_node *n, int64_t given, int rank, int *axis);
/* The same, and it is not the batch of f. */
fv_status fv_import_free_axis_of(const fv_import_node *n, const fv_foreign *f, int64_t given, int *axis);
/* Whether an operand's first dimension is the batch. */
bool fv_import_batched(const fv_import_node *n);
/* Whether every operand that is there is a constant. */
bool fv_import_constants(const fv_import_node *n);
/* Whether f is a constant, or an input whose value was told, which becomes one. */
bool fv_foreign_is_known(fv_foreign *f);

/* What a result is that v holds in that order, all but its name: checked, and none that merges the batch. */
fv_status fv_import_result(const fv_import_node *n, bool batched, fv_value v, fv_order order, const fv_shape *shape,
                           fv_foreign *result);
/* Memory for a result that is a constant. */
fv_status fv_import_result_data(const fv_import_node *n, fv_dtype dtype, const fv_shape *shape, void **data);

/* Ends a node: what failed and concerns it alone is noted, and *refused: what depends on it is to be passed over. */
fv_status fv_import_settle(fv_import *im, const char *op, const char *name, fv_status status, bool *refused);

/* ---- nodes of constants ---- */

/* A node of constants is mapped to a model of its own, `sub`, with copies of its operands. */
typedef struct fv_import_fold {
    fv_import sub;
    fv_foreign **in; /* as many as the node has, and `more` NULLs */
    bool initial;    /* what is computed of weights is a weight */
    fv_graph *graph; /* of constants */
    int taken;
} fv_import_fold;

/* End with fv_import_fold_end either way. */
fv_status fv_import_fold_begin(const fv_import_node *n, int more, fv_import_fold *fold);
/* Computes results that were mapped; NULL: one that is not wanted. */
fv_status fv_import_fold_compute(fv_import_fold *fold, fv_foreign *const *out, int n_out);
/* Whether all of it could be computed. */
bool fv_import_fold_done(const fv_import_fold *fold);
/* The elements of the next of them. */
fv_status fv_import_fold_take(fv_import_fold *fold, const fv_foreign *out, void *data);
void fv_import_fold_end(fv_import_fold *fold);

/* ---- the whole ---- */

typedef fv_status (*fv_import_build)(fv_import *im, void *file, const fv_import_options *options);
/* The first dimension is taken for the batch; a graph that does something else with it is read as it stands. `bytes`:
 * size of the file. */
fv_status fv_import_read(fv_ctx *ctx, const char *path, int64_t bytes, fv_import_build build, void *file,
                         const fv_import_options *options, fv_model **model);

#endif
