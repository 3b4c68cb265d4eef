/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The update as nodes behind the gradients: whether all gradients are finite, L1, clipping, the optimizer's steps,
 * the largest norm of filters, Lookahead, the moving average of the model. The nodes are planned, profiled and run like
 * any others.
 */
#ifndef FV_TRAIN_UPDATE_H
#define FV_TRAIN_UPDATE_H

#include "graph/graph.h"
#include "train/optimizer.h"

/* Names of values. RUN is an INPUT, f64 [2]: learning rate, number of the step from 1; or [3], with the step's
 * momentum, where that is cycled. FINITE and NORM are outputs: u8 [1], 1 when every gradient is finite; float [1], what
 * --clip-norm measures. */
enum { FV_RUN_MOST = 3 };
#define FV_UPDATE_RUN    "update.run"
#define FV_UPDATE_FINITE "update.finite"
#define FV_UPDATE_NORM   "update.norm"
/* The moving average of a tensor is the STATE "<its name>.average". */
#define FV_UPDATE_AVERAGE "average"

typedef struct fv_update_options {
    const fv_fit_options *fit;
    /* Whether weight decay and L1 apply to a parameter; its share of the learning rate (NULL: 1). */
    bool (*decays)(void *user, const char *param);
    double (*rate)(void *user, const char *param);
    /* How many steps were done before the first that trains it, which is step 1 to it; NULL: 0. */
    int64_t (*since)(void *user, const char *param);
    bool (*averages)(void *user, const char *name); /* whether a tensor has a moving average; NULL: each */
    void *user;
} fv_update_options;

/*
 * Appends the update of `count` parameters by their names and gradients to g. The optimizer's memory are STATEs named
 * "<parameter>.<slot name>", of the parameter's dtype and shape. *first: the first node that changes anything or serves
 * only that; the finite check stands before it.
 */
fv_status fv_add_update(fv_graph *g, const fv_update_options *options, const char *const *params,
                        fv_val *const *gradients, int32_t count, int32_t *first);

#endif
