/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the mapping of an ONNX operator sees: a node with its operands, attributes and operator set. A mapping is a
 * function in the file of its kind (op_*.c) and a row of that file's table; nothing else names the operator.
 */
#ifndef FV_IO_ONNX_NODE_H
#define FV_IO_ONNX_NODE_H

#include "io/import/walk.h"

typedef struct fv_onnx_node {
    fv_import *im;
    const void *message; /* of the file */
    const char *op, *name;
    int64_t opset;
    fv_foreign **in; /* NULL where an optional operand is absent; n_in of them and 8 NULLs behind */
    int n_in;
    const char *const *out; /* names; "" where a result is not wanted */
    int n_out;
} fv_onnx_node;

/*
 * `map` appends what computes the node and declares its results. `fold`, where the library has no operator for it,
 * computes the result of constants; it and `map` may be the same function. A node whose operands are all constants is
 * mapped to a graph of its own, which is computed at once. `since`: the first operator set with this meaning.
 */
typedef struct fv_onnx_op {
    const char *name;
    fv_status (*map)(const fv_onnx_node *n);
    fv_status (*fold)(const fv_onnx_node *n);
    const char *near; /* map NULL: what is supported instead; fv_onnx_integers: map looks for integers behind its
                         operands first, which become floats before any other map (quant.h) */
} fv_onnx_op;
extern const char fv_onnx_integers[];

/* The tables, each ends with a NULL name. */
extern const fv_onnx_op fv_onnx_conv_ops[], fv_onnx_pool_ops[], fv_onnx_dense_ops[], fv_onnx_norm_ops[],
    fv_onnx_activation_ops[], fv_onnx_math_ops[], fv_onnx_shape_ops[], fv_onnx_constant_ops[], fv_onnx_part_ops[],
    fv_onnx_reduce_ops[], fv_onnx_resize_ops[], fv_onnx_quant_ops[];
/* Those of the domain com.microsoft. */
extern const fv_onnx_op fv_onnx_microsoft_ops[];
/* Maps a node by the standard operator that it names (graph.c). */
fv_status fv_onnx_map_standard(const fv_onnx_node *n);

/* ---- attributes ---- */

bool fv_onnx_has(const fv_onnx_node *n, const char *name);
int64_t fv_onnx_int(const fv_onnx_node *n, const char *name, int64_t otherwise);
double fv_onnx_real(const fv_onnx_node *n, const char *name, double otherwise);
/* The text of an attribute, or `otherwise`. `text` has room for 64 bytes and is returned. */
const char *fv_onnx_text(const fv_onnx_node *n, const char *name, const char *otherwise, char text[64]);
/* Up to 16 integers; count 0: absent. */
fv_ints fv_onnx_ints(const fv_onnx_node *n, const char *name);
/* Elements of a list of floats; *count 0: absent. */
const float *fv_onnx_floats(const fv_onnx_node *n, const char *name, int64_t *count);
/* A tensor attribute as a constant without a name; NULL: absent. */
fv_status fv_onnx_tensor(const fv_onnx_node *n, const char *name, const fv_foreign **tensor);
/* Integers from operand i where it is given, else from an attribute. UNSUPPORTED when the operand is no constant. */
fv_status fv_onnx_ints_of(const fv_onnx_node *n, int i, const char *attribute, fv_ints *ints);
/* A dtype by ONNX's number, as the model has it; false: none that can be had. */
bool fv_onnx_dtype(int64_t number, fv_dtype *dtype);

/* ---- operands and results ---- */

/* UNSUPPORTED "text", for a mapping to return. */
#define fv_onnx_cannot(n, ...) fv_import_cannot((n)->im, __VA_ARGS__)
/* What all formats have of it. */
fv_import_node fv_onnx_common(const fv_onnx_node *n);
/* Operand i is there. */
fv_status fv_onnx_need(const fv_onnx_node *n, int i);
/* Operand i is there and constant. */
fv_status fv_onnx_need_constant(const fv_onnx_node *n, int i, const char *what);
/* An axis of `rank` dimensions, counted from the front. */
fv_status fv_onnx_axis(const fv_onnx_node *n, int64_t given, int rank, int *axis);
/* The same, and it is not the batch of f. */
fv_status fv_onnx_free_axis(const fv_onnx_node *n, const fv_foreign *f, int64_t given, int *axis);
/* Whether an operand's first dimension is the batch. */
bool fv_onnx_batched(const fv_onnx_node *n);

/* Declares result i: v holds it in that order. */
fv_status fv_onnx_result(const fv_onnx_node *n, int i, fv_value v, fv_order order);
/* The same for a result whose shape in the file is another way to write that of v: 0 dimensions, or an image of n c w
 * that is n 1 w c. */
fv_status fv_onnx_result_as(const fv_onnx_node *n, int i, fv_value v, fv_order order, const fv_shape *shape);
/* An image n h w c, for operands of three dimensions n 1 w c. */
fv_status fv_onnx_result_image(const fv_onnx_node *n, fv_value v);
/* Result i is a constant of `shape`, whose elements are to be written to *data. */
fv_status fv_onnx_result_constant(const fv_onnx_node *n, int i, fv_dtype dtype, const fv_shape *shape, void **data);
/* The single operand goes through operators that work element by element. */
fv_value fv_onnx_unary(const fv_onnx_node *n, fv_order *order);

#endif
