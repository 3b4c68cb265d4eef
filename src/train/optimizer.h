/* SPDX-License-Identifier: Apache-2.0 */
/* Optimizers: one file and one row of FV_OPTIMIZER_LIST each. What an optimizer computes is an operator (src/ops),
 * which it appends to the training graph once per parameter. */
#ifndef FV_TRAIN_OPTIMIZER_H
#define FV_TRAIN_OPTIMIZER_H

#include <fovea/op.h>
#include <fovea/train.h>

/* Most tensors of a parameter's size that an optimizer remembers. */
#define FV_OPTIMIZER_SLOTS 2

/* One parameter and what its step is made of: values of the graph that the step is appended to. */
typedef struct fv_step_operands {
    fv_val *wei, *d_wei;
    fv_val *run;                      /* learning rate and number of the step */
    fv_val *scale;                    /* factor of d_wei; NULL: none */
    fv_val *slot[FV_OPTIMIZER_SLOTS]; /* the optimizer's memory; NULL behind the last one */
    double decay;                     /* weight decay; 0 where the parameter is exempt */
} fv_step_operands;

typedef struct fv_optimizer {
    fv_optimizer_info info;
    /* What the tensors that it remembers are called; they are zero at the start. */
    const char *slot_names[FV_OPTIMIZER_SLOTS];
    /* How many of them these options need: the first ones. */
    int (*slots)(const fv_fit_options *options);
    /* Appends the step of one parameter. */
    void (*emit)(fv_builder *b, const fv_fit_options *options, const fv_step_operands *u);
} fv_optimizer;

#define FV_OPTIMIZER_ROW(id, name) extern const fv_optimizer fv_optimizer_##name;
FV_OPTIMIZER_LIST(FV_OPTIMIZER_ROW)
#undef FV_OPTIMIZER_ROW

/* The implementation of an enumerator; NULL when out of range. */
const fv_optimizer *fv_optimizer_get(fv_optimizer_kind kind);

#endif
