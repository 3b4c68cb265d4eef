/* SPDX-License-Identifier: Apache-2.0 */
/* Optimizers: one file and one row of FV_OPTIMIZER_LIST each. What an optimizer computes is an operator (src/ops),
 * which it appends to the training graph once per parameter. */
#ifndef FV_TRAIN_OPTIMIZER_H
#define FV_TRAIN_OPTIMIZER_H

#include <fovea/op.h>
#include <fovea/train.h>

/* Most tensors of a parameter's size that an optimizer remembers; and with what Lookahead wraps around it. */
#define FV_OPTIMIZER_OWN   2
#define FV_OPTIMIZER_SLOTS 3

/* One parameter and what its step is made of: values of the graph that the step is appended to. */
typedef struct fv_step_operands {
    fv_val *wei, *d_wei;
    fv_val *run;                    /* learning rate, number of the step, and its momentum where that is cycled */
    fv_val *scale;                  /* factor of d_wei; NULL: none */
    fv_val *slot[FV_OPTIMIZER_OWN]; /* the optimizer's memory; NULL behind the last one */
    fv_val *slow;                   /* Lookahead's weights; NULL: none */
    double decay;                   /* weight decay; 0 where the parameter is exempt */
    bool adapts;                    /* LARS, LAMB and Muon see it as a whole: a filter or matrix */
} fv_step_operands;

typedef struct fv_optimizer {
    fv_optimizer_info info;
    /* What the tensors that it remembers are called; they are zero at the start. */
    const char *slot_names[FV_OPTIMIZER_OWN];
    /* How many of them these options need: the first ones. */
    int (*slots)(const fv_fit_options *options);
    /* Appends the step of one parameter. */
    void (*emit)(fv_builder *b, const fv_fit_options *options, const fv_step_operands *u);
} fv_optimizer;

#define FV_OPTIMIZER_ROW(id, name) extern const fv_optimizer fv_optimizer_##name;
FV_OPTIMIZER_LIST(FV_OPTIMIZER_ROW)
#undef FV_OPTIMIZER_ROW

/* The momentum of such options: that of the optimizer, or its beta1. */
double fv_optimizer_momentum(const fv_fit_options *options);

/* What tensor i of those that fv_optimizer_slots counts is called, and whether it begins as a copy of the parameter
 * (else as zeros). */
const char *fv_optimizer_slot_name(const fv_fit_options *options, int i);
bool fv_optimizer_slot_copies(const fv_fit_options *options, int i);

/* The implementation of an enumerator; NULL when out of range. */
const fv_optimizer *fv_optimizer_get(fv_optimizer_kind kind);

#endif
