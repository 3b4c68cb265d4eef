/* SPDX-License-Identifier: Apache-2.0 */
/* Proves solvers: every one that accepts a problem gives the bits of the operator's reference, on every instruction set
   and with one and several threads, and writes nothing but its output and workspace. */
#ifndef FV_TESTS_BACKEND_SOLVER_CHECK_H
#define FV_TESTS_BACKEND_SOLVER_CHECK_H

#include "backend/solver.h"

/* Contexts on every instruction set here, one and three threads each. */
typedef struct solver_check solver_check;
solver_check *solver_check_create(void);
void solver_check_destroy(solver_check *check);

/* A random integer in [lo, hi]; the sequence depends on nothing but the calls. */
int64_t solver_check_int(solver_check *check, int64_t lo, int64_t hi);

/*
 * One problem: op with attr and operands of these shapes (rank 0: absent), filled with random floats. Runs every solver
 * of the CPU for it and fails the test naming the problem when one differs. Returns how many solvers were compared; 0
 * when the operator refuses the shapes.
 */
int solver_check_problem(solver_check *check, const char *op, const void *attr, const fv_shape *shapes, int count);

/* Operands of the problems from now on: FV_F32 (at first), or FV_F16. */
void solver_check_store(solver_check *check, fv_dtype dtype);

/* Solvers compared so far whose name is `name`. */
int solver_check_count(const solver_check *check, const char *name);

#endif
