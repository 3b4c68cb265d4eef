/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the mapping of a TFLite operator sees: a node with its operands, options and scales. A mapping is a function in
 * the file of its kind (op_*.c) and a row of that file's table; nothing else names the operator.
 *
 * Images are n h w c in the file as here: values are in FV_ORDER_FILE. One that was transposed to n c h w is also the
 * image that it came from (FV_ORDER_LAST), so that transposes that cancel are never made.
 */
#ifndef FV_IO_TFLITE_NODE_H
#define FV_IO_TFLITE_NODE_H

#include "io/import/walk.h"
#include "io/tflite/flat.h"

enum { FV_TFLITE_OPERANDS = 128 };

/* Types of tensors by their numbers in the schema; others are named by fv_tflite_type_name. */
enum {
    FV_TFLITE_F32 = 0,
    FV_TFLITE_F16 = 1,
    FV_TFLITE_I32 = 2,
    FV_TFLITE_U8 = 3,
    FV_TFLITE_I64 = 4,
    FV_TFLITE_BOOL = 6,
    FV_TFLITE_I16 = 7,
    FV_TFLITE_I8 = 9,
    FV_TFLITE_F64 = 10,
    FV_TFLITE_BF16 = 18
};

/* Fused activations by their numbers in the schema. */
enum { FV_TFLITE_NONE, FV_TFLITE_RELU, FV_TFLITE_RELU_N1, FV_TFLITE_RELU6, FV_TFLITE_TANH, FV_TFLITE_SIGN_BIT };

/* What SPACE_TO_BATCH_ND did to a value, which is kept as it was: convolutions of it are dilated. */
typedef struct fv_tflite_spread {
    int64_t block[2], pad[4]; /* top, left, bottom, right */
} fv_tflite_spread;

/* The file and its only subgraph. */
typedef struct fv_tflite_file {
    fv_ctx *ctx;
    const char *path;
    fv_flat flat;
    fv_flat_table model, graph;
    fv_flat_vector tensors, buffers, codes, operators, inputs, outputs;
    fv_foreign **value;        /* by tensor; NULL: not met yet */
    fv_tflite_spread **spread; /* by tensor; NULL: it is not */
    int64_t graphs;            /* subgraphs */
    bool scores;               /* its only result is a softmax in integers */
} fv_tflite_file;

/* real = scale * (q - zero), one pair, or one for each position along `axis`. count 0: not quantized. */
typedef struct fv_tflite_scales {
    fv_flat_vector scale, zero;
    int64_t count, axis;
} fv_tflite_scales;

typedef struct fv_tflite_node {
    fv_import *im;
    fv_tflite_file *file;
    const char *op, *name;
    fv_flat_table options;
    fv_foreign *in[FV_TFLITE_OPERANDS]; /* NULL where an optional operand is absent, and behind */
    int64_t in_at[FV_TFLITE_OPERANDS];  /* their tensors; -1: absent */
    int64_t out_at[FV_TFLITE_OPERANDS];
    int n_in, n_out;
} fv_tflite_node;

/*
 * `map` appends what computes the node and declares its results. `fold`, where the library has no operator for it,
 * computes the result of constants; it and `map` may be the same function. Other nodes of constants are mapped to a
 * graph of their own, which is computed at once.
 */
typedef struct fv_tflite_op {
    const char *name;
    fv_status (*map)(const fv_tflite_node *n);
    fv_status (*fold)(const fv_tflite_node *n);
    const char *near; /* map NULL: what is supported instead */
} fv_tflite_op;

/* The tables, each ends with a NULL name. */
extern const fv_tflite_op fv_tflite_conv_ops[], fv_tflite_pool_ops[], fv_tflite_dense_ops[], fv_tflite_math_ops[],
    fv_tflite_activation_ops[], fv_tflite_shape_ops[], fv_tflite_part_ops[], fv_tflite_resize_ops[],
    fv_tflite_quant_ops[], fv_tflite_reduce_ops[];

/* ---- the file ---- */

/* Name of an operator by its number in the schema; NULL: not known. */
const char *fv_tflite_op_name(int64_t number);
const char *fv_tflite_type_name(int64_t number);
/* A type as the model has it; false: none that can be had. */
bool fv_tflite_dtype(int64_t number, fv_dtype *dtype);
int64_t fv_tflite_type(const fv_tflite_file *file, int64_t tensor);
const char *fv_tflite_tensor_name(const fv_tflite_file *file, int64_t tensor);
fv_tflite_scales fv_tflite_scales_of(const fv_tflite_file *file, int64_t tensor);
double fv_tflite_scale(const fv_tflite_scales *s, int64_t i);
int64_t fv_tflite_zero(const fv_tflite_scales *s, int64_t i);
/* The value of a tensor: one that was computed, or its constant, read now. *f NULL: it is neither. */
fv_status fv_tflite_value(fv_import *im, fv_tflite_file *file, int64_t tensor, fv_foreign **f);
/* Makes a value of a tensor, which has none yet. */
fv_status fv_tflite_new_value(fv_import *im, fv_tflite_file *file, int64_t tensor, fv_foreign **f);
/* The graph into im->model. */
fv_status fv_tflite_build(fv_import *im, fv_tflite_file *file, const fv_import_options *options);
/* What the file's metadata say of the pixels and the names of classes; nothing where it has none. */
fv_status fv_tflite_describe(fv_tflite_file *file, fv_model *model);

/* ---- operands and results ---- */

/* UNSUPPORTED "text", for a mapping to return. */
#define fv_tflite_cannot(n, ...) fv_import_cannot((n)->im, __VA_ARGS__)
/* What all formats have of it. */
fv_import_node fv_tflite_common(const fv_tflite_node *n);
/* Operands 0 to count - 1 are there. */
fv_status fv_tflite_need(const fv_tflite_node *n, int count);
/* Operand i is there and constant. */
fv_status fv_tflite_need_constant(const fv_tflite_node *n, int i, const char *what);
/* Operand i as at most 16 integers. */
fv_status fv_tflite_ints(const fv_tflite_node *n, int i, const char *what, fv_ints *ints);
/* A vector of the options as the same. */
fv_status fv_tflite_option_ints(const fv_tflite_node *n, int field, fv_ints *ints);
/* An axis of `rank` dimensions, counted from the front. */
fv_status fv_tflite_axis(const fv_tflite_node *n, int64_t given, int rank, int *axis);
/* The same, and it is not the batch of f. */
fv_status fv_tflite_free_axis(const fv_tflite_node *n, const fv_foreign *f, int64_t given, int *axis);
/* Operand i in the file's order. */
fv_value fv_tflite_in(const fv_tflite_node *n, int i);
/* A constant float operand: integers with scales and halves as the numbers that they stand for. */
fv_status fv_tflite_reals(const fv_tflite_node *n, int i, fv_foreign **f);

/* Declares result i: v holds it in that order; the file says another way to write its shape (_as). */
fv_status fv_tflite_result(const fv_tflite_node *n, int i, fv_value v, fv_order order);
fv_status fv_tflite_result_as(const fv_tflite_node *n, int i, fv_value v, fv_order order, const fv_shape *shape);
/* Result i is operand f. */
fv_status fv_tflite_alias(const fv_tflite_node *n, int i, const fv_foreign *f);
/* Result i is a constant of `shape`, whose elements are to be written to *data. */
fv_status fv_tflite_result_constant(const fv_tflite_node *n, int i, fv_dtype dtype, const fv_shape *shape, void **data);
/* The fused activation of a float node. */
fv_status fv_tflite_activated(const fv_tflite_node *n, int64_t activation, fv_value *v);
/* Operand i is of one of the float types or of quantized integers; fails by name for others. *quantized says which. */
fv_status fv_tflite_kind(const fv_tflite_node *n, int i, bool *quantized);

/* ---- shapes and parts, for several files ---- */

/* Operand 0 under other dimensions of the same number of elements. */
fv_status fv_tflite_reshaped(const fv_tflite_node *n, const fv_shape *to);
/* Elements start, start + step, ... of dimension `axis` of a value. */
fv_value fv_tflite_strided(fv_import *im, fv_value x, int axis, int64_t start, int64_t step, int64_t count);
/* Elements of x at positions along an axis. */
fv_value fv_tflite_picked(fv_import *im, fv_value x, int axis, const int64_t *at, int64_t count);

/* ---- windows ---- */

typedef struct fv_tflite_window {
    int64_t size[2], stride[2], dilation[2], pad[4]; /* top, left, bottom, right */
} fv_tflite_window;

/* Padding of a window (size, stride, dilation are set) over an image: padding 0 is SAME, 1 VALID. */
fv_status fv_tflite_pad(const fv_tflite_node *n, int64_t padding, const fv_shape *image, fv_tflite_window *win);

#endif
