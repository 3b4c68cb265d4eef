/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance run's machinery: what is checked for one problem, whatever its operator. It takes everything it knows
 * about operators from their rows.
 */
#ifndef FV_TESTS_EXEC_CONFORM_H
#define FV_TESTS_EXEC_CONFORM_H

#include "net.h"

typedef struct conform {
    fv_ctx *ctx;
    uint64_t rng;
    const fv_solver *solver[160];
    int n_solvers;
    int compared[160];   /* by solver: problems on which it was compared with the reference */
    int shortened[160];  /* by solver: runs of some samples that left the others alone */
    int *seen, *graded;  /* by operator of fv_op_list: nodes checked, gradients checked */
    int problems, nodes; /* totals */
    int64_t elements;    /* gradient elements compared with finite differences */
    double worst;        /* largest relative error of a gradient */
} conform;

void conform_begin(conform *c, int threads);
void conform_end(conform *c);

/* Index in fv_op_list, or -1. */
int conform_op(const char *name);

/* The line as a one-node graph; false when the operator refuses it (the failure is in the context). */
bool conform_parse(conform *c, const char *line, fv_graph **g, fv_node **node);

/* Everything that can be checked for a problem line. Fails the test naming the line. `gradient`: also finite
 * differences. */
void conform_problem(conform *c, const char *line, bool gradient);

/* A random line for an operator whose operands and attributes follow from its row; false when none was accepted in
 * `tries` attempts. */
bool conform_random(conform *c, const fv_op *op, int tries, char *line, size_t size);

/* Runs a node on given operands by its reference (twice: same bits, all written, nothing written behind) and by every
 * solver that accepts it, and compares. */
void conform_node(conform *c, const char *line, const fv_node *node, void *const *in, uint64_t seed, uint64_t step);

#endif
