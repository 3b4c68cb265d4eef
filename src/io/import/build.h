/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What importers of whole networks build a model with. A file's graph is walked in order; each of its values becomes a
 * `fv_foreign`, which knows its shape as the file counts dimensions and where it is in the model's graph, in which
 * order of the elements. Channels go from before the pixels (n c h w) to behind them once, at the border: mappings ask
 * for the order that they need, and transposes that cancel are never made.
 */
#ifndef FV_IO_IMPORT_BUILD_H
#define FV_IO_IMPORT_BUILD_H

#include "nn/build.h"

/* In which order a value of the model's graph holds the elements of a foreign value. */
typedef enum fv_order {
    FV_ORDER_FILE, /* the file's; of rank 0: one element */
    FV_ORDER_LAST, /* n c h w, or n c w and so on: as n h w c */
    FV_ORDER_ROW,  /* n x (c h w), a flattened image: as n x (h w c) */
    FV_ORDERS
} fv_order;

/* A value that is made only where it is needed: the channels of an image n h w c in groups, n g k h w, or with both
 * exchanged, n k g h w. Back under c channels the latter is the image, shuffled. */
typedef struct fv_channel_split {
    int32_t image; /* id */
    int64_t groups;
    bool exchanged;
} fv_channel_split;

/* A value of the file's graph. */
typedef struct fv_foreign {
    const char *name;
    fv_dtype dtype;          /* in the model: f16, bf16 and f64 of files are f32 there */
    fv_shape shape;          /* of the file */
    bool batched;            /* dimension 0 is the batch, 1 here */
    bool missing;            /* what it is computed by was refused */
    bool initial;            /* a constant that the file keeps as a weight */
    const fv_tensor *known;  /* an input's value, for where a constant is needed; NULL: not known */
    const void *data;        /* constants: the elements in the file's order; NULL: computed */
    int32_t form[FV_ORDERS]; /* ids of values in the model's graph; -1: not there in that order */
    int64_t image[3];        /* with ROW: h, w, c */
    fv_channel_split split;  /* groups 0: it is none */
    const void *origin;      /* what the format's reader notes of how it is computed; NULL: nothing */
    struct fv_foreign *flat; /* all elements of that value, of which dimension 0 is the batch, as a row; NULL: no */
} fv_foreign;

/* Which elements of a constant a parameter takes: [i0][i1].. is element sum of i * stride. */
typedef struct fv_pick {
    int rank;
    int64_t dim[FV_MAX_RANK], stride[FV_MAX_RANK];
} fv_pick;

/* A parameter that is filled when the model is finished. */
typedef struct fv_import_fill {
    int32_t val;
    const fv_foreign *from;
    fv_pick pick;
    double factor;
} fv_import_fill;

/* A kind of nodes that the model cannot have, and why. */
typedef struct fv_refusal {
    const char *op, *why, *first; /* first: the name of one of them */
    int64_t count;
} fv_refusal;

typedef struct fv_import {
    fv_ctx *ctx;
    fv_arena *arena;    /* lives as long as the import */
    const char *file;   /* for messages */
    fv_model *model;    /* being made */
    int64_t budget;     /* bytes that computed constants may still take */
    bool whole;         /* no dimension of the file's is the batch */
    bool single;        /* the file's batch is fixed as one sample */
    bool merges;        /* a node moves or mixes the batch: the file must be read whole */
    const char *answer; /* the file's output when it has one; NULL: several */
    bool scores;        /* its last softmax was left out */
    bool fused;         /* an operator stands for several nodes, which may be unused now */
    const char *label;  /* of the node at hand; NULL: used up */
    const char *base;   /* the same, for further names */
    fv_foreign **table; /* open-addressed hash by name */
    int32_t n_values, cap_table;
    fv_import_fill *fills;
    int n_fills, cap_fills;
    fv_refusal *refusals;
    int n_refusals, cap_refusals;
} fv_import;

/* Begins a model called `name`. `bytes`: size of the file, by which memory is bounded. End with fv_import_end either
 * way. */
fv_status fv_import_begin(fv_ctx *ctx, const char *file, int64_t bytes, bool whole, fv_import *im);
void fv_import_end(fv_import *im);
/* Finishes and fills the model, which is the caller's then; fails with all refusals at once when there are any. */
fv_status fv_import_finish(fv_import *im, fv_model **model);

/* Memory for the elements of a constant, taken from the budget: MODEL_FORMAT when a file asks for too much. */
fv_status fv_import_alloc(fv_import *im, int64_t size, void **data);

/* ---- values ---- */

fv_foreign *fv_import_find(const fv_import *im, const char *name);
/* Adds a value without a form; `name` must outlive the import. A name that is there already is MODEL_FORMAT. */
fv_status fv_import_add(fv_import *im, const char *name, fv_foreign **value);
/* The same under other names. */
fv_status fv_import_alias(fv_import *im, const char *name, const fv_foreign *of);
/* An input of the file's. Its first dimension is the batch unless the file is read whole. `last`: images, n c h w. */
fv_status fv_import_input(fv_import *im, const char *name, fv_dtype dtype, const fv_shape *shape, bool last);
/* Size of dimension d of `rank` that the array for an input has, where there is one: for what the file leaves open.
 * *size 0: there is none. `last`: the file's images are n h w c. MODEL where the array has more or fewer dimensions. */
fv_status fv_import_given_size(const fv_import *im, const fv_import_options *options, const char *name, int rank, int d,
                               bool last, int64_t *size);
/* Declares an output of the model, which keeps the file's name. */
fv_status fv_import_output(fv_import *im, const char *name, fv_foreign *value);

/* Elements of a constant as numbers; i < their count. */
static inline int64_t fv_foreign_integer(const fv_foreign *f, int64_t i)
{
    return fv_dtype_is_float(f->dtype) ? (int64_t)fv_get(f->dtype, f->data, i)
                                       : fv_dtype_get_integer(f->dtype, f->data, i);
}
static inline double fv_foreign_real(const fv_foreign *f, int64_t i)
{
    return fv_get(f->dtype, f->data, i);
}
static inline int64_t fv_foreign_count(const fv_foreign *f)
{
    return fv_shape_count(&f->shape);
}

/* ---- orders ---- */

/* The value in that order, which is made if it is not there. */
fv_value fv_import_get(fv_import *im, fv_foreign *f, fv_order order);
/* The same beside others of `rank` dimensions: 1s in front. */
fv_value fv_import_get_ranked(fv_import *im, fv_foreign *f, fv_order order, int rank);
/* The order in which to compute element by element from n values a result of `rank` dimensions. */
fv_order fv_import_common(fv_foreign *const *in, int n, int rank);
/* Where dimension `axis` of the file's order is in another order. */
int fv_import_axis(fv_order order, int axis, int rank);
/* f with its dimensions, as the file counts them, in the order `perm`; *order: in which it is, one that needs no
 * transpose where there is such. */
fv_value fv_import_permuted(fv_import *im, fv_foreign *f, const int *perm, fv_order *order);
/* The shape in the file's order of a value that is in another one. */
fv_shape fv_import_file_shape(const fv_import *im, fv_value v, fv_order order);
/* An image n h w c: of three dimensions, n c w, as n 1 w c. */
fv_value fv_import_image(fv_import *im, fv_foreign *f);

/* Whether `name`, the softmax of f along `axis`, is the file's only output, a row of classes: then it is left out, as
 * training and predictors take scores; the value is f, and whoever asks for the file's output gets their softmax. */
fv_status fv_import_scores(fv_import *im, const char *name, const fv_foreign *f, int axis, bool *left_out);

/* ---- nodes ---- */

/* Appends a node called as the file's, or with a name derived from it. */
fv_value fv_import_emit(fv_import *im, const char *op, const void *attr, const fv_value *in, int n);
fv_value fv_import_emit1(fv_import *im, const char *op, const void *attr, fv_value x);
fv_value fv_import_emit2(fv_import *im, const char *op, const void *attr, fv_value a, fv_value b);
/* Under other dimensions, the batch kept when `batched`; itself when they are the same. */
fv_value fv_import_reshape(fv_import *im, fv_value x, const fv_shape *shape, bool batched);
fv_value fv_import_transpose(fv_import *im, fv_value x, const int *perm);
fv_value fv_import_number(fv_import *im, double value);
/* Numbers of any dtype as a constant of the graph. */
fv_value fv_import_constant(fv_import *im, fv_dtype dtype, const fv_shape *shape, const void *data);
fv_value fv_import_cast(fv_import *im, fv_value x, fv_dtype dtype);
const fv_shape *fv_import_shape(const fv_import *im, fv_value x);
fv_dtype fv_import_dtype(const fv_import *im, fv_value x);

/*
 * A parameter (or a state) from a constant: `shape` in this library's order, filled by `pick`, times `factor`. Uses of
 * one constant in the same way share it. `name` NULL: as the constant.
 */
fv_value fv_import_weight(fv_import *im, const fv_foreign *from, fv_role role, const fv_shape *shape,
                          const fv_pick *pick, double factor, const char *name);
/* A vector of a constant's elements in their order. */
fv_value fv_import_vector(fv_import *im, const fv_foreign *from, fv_role role, double factor);

/* The pick that takes everything in order. */
fv_pick fv_pick_all(const fv_shape *shape);

/* ---- refusing ---- */

/* Notes that the model cannot have a node; the walk goes on. */
fv_status fv_import_refuse(fv_import *im, const char *op, const char *name, const char *why);
/* UNSUPPORTED, for a mapping to return: an operation along the batch. */
fv_status fv_import_merges(fv_import *im);

#endif
