/* SPDX-License-Identifier: Apache-2.0 */
/* What layers are made with: names, nodes, refusals. Every function does nothing once the model has an error. */
#ifndef FV_NN_BUILD_H
#define FV_NN_BUILD_H

#include "model/model.h"
#include "ops/attr.h"

#define FV_NAME_MAX 256

extern const fv_value fv_no_value;

/* The full name of a layer: PREFIX.NAME, or PREFIX.OP_<number> without a name. False once the model has an error. */
bool fv_nn_name(fv_model *m, const char *op, const char *name, char full[FV_NAME_MAX]);
/* Whether the operands are values of the model; if not, the model's error says so for layer `full`. */
bool fv_nn_check(fv_model *m, const char *op, const char *full, const fv_value *x, int count);
/* The shape of a checked value. */
const fv_shape *fv_nn_shape(const fv_model *m, fv_value x);
/* Appends a node with exactly that name; attr NULL: defaults. A refusal gets a hint that shows the operands. */
fv_value fv_nn_append(fv_model *m, const char *op, const char *full, const void *attr, const fv_value *in, int n_in);
/* Makes "OP 'FULL': text" the model's error, with a hint (NULL: none), and returns fv_no_value. */
fv_value fv_nn_refuse(fv_model *m, fv_status status, const char *hint, const char *op, const char *full,
                      const char *format, ...) FV_PRINTF(6, 7);
/* A parameter FULL.LEAF. */
fv_value fv_nn_param(fv_model *m, const char *full, const char *leaf, fv_role role, const fv_shape *shape, fv_init init,
                     double init_value);
/* The activation as a node FULL.<activation>; x itself for NONE. */
fv_value fv_nn_activate(fv_model *m, const char *full, fv_value x, fv_activation activation);
/* Names of activations as operators: NULL for NONE. */
const char *fv_activation_op(fv_activation activation);
/* The operator's attributes; NULL: its defaults. */
const void *fv_activation_attr(fv_activation activation);

#endif
