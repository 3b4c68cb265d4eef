/* SPDX-License-Identifier: Apache-2.0 */
/* The planner: problem text, choice of solver, memory plan. */
#ifndef FV_PLAN_PLAN_H
#define FV_PLAN_PLAN_H

#include <fovea/plan.h>

#include "backend/solver.h"

/* Canonical text of a node's problem: operator, dtype, operand dimensions with their letters, attributes that differ
 * from defaults. */
fv_status fv_problem_text(const fv_node *node, fv_dtype dtype, fv_str *out);
/* The reverse, for benchmarks and wisdom: makes a one-node graph. */
fv_status fv_problem_parse(fv_ctx *ctx, const char *text, fv_graph **graph, fv_node **node);

/* The operands that a problem's text calls ":const", bit i for in[i]: parameters of the one-node graph. */
uint32_t fv_problem_const_in(const fv_node *node);

/* How solvers are chosen. */
typedef enum fv_plan_mode {
    FV_PLAN_ESTIMATE, /* by the cost model: the same choice on every machine (the default) */
    FV_PLAN_MEASURE,  /* by timing on this machine those of the class of bits that the estimate chose */
    FV_PLAN_REFERENCE /* the operators' reference loops: for tests */
} fv_plan_mode;

typedef struct fv_plan_policy {
    fv_plan_mode mode;
    bool across_classes; /* MEASURE: those of all classes; the bits then belong to the recorded plan */
    int effort;          /* MEASURE: 1, 2 or 3, how many are timed and how long; 0: 2 */
    int64_t workspace; /* bytes of packed operands and scratch that a solver may need; 0: any. Chooses within a class */
    const char *algorithm; /* NULL; else the last word of a solver's name ("igemm"), a class of bits or "direct", the
                              class "chain": where a solver of that kind accepts the problem no other is asked */
} fv_plan_policy;

/* Choices made before: problem text -> solver name and version; what a run stores and a resumed run reads back. */
typedef struct fv_wisdom fv_wisdom;
fv_status fv_wisdom_create(fv_ctx *ctx, fv_wisdom **wisdom);
void fv_wisdom_destroy(fv_wisdom **wisdom);
/* One line per entry "problem => solver@version", sorted. */
void fv_wisdom_text(const fv_wisdom *wisdom, fv_str *out);
/* Reads such lines; malformed ones are SYNTAX with the line number. */
fv_status fv_wisdom_read(fv_wisdom *wisdom, const char *name, const char *text);

/* With what plans are made: who may solve, how to choose, what was chosen before. */
typedef struct fv_planner {
    fv_ctx *ctx;
    const fv_solver_provider *const *providers; /* ends with NULL; of equal costs the first asked wins */
    fv_plan_policy policy;
    fv_wisdom *wisdom;         /* the run's record, which receives the choices; may be NULL */
    const fv_wisdom *recorded; /* more choices made before, asked second; may be NULL */
    int shards;                /* of what a run has of the batch; 0: fv_shards of its samples */
    bool parts;                /* plans parts of a plan, of which the whole says what its bits belong to */
} fv_planner;
/* What the context says (fv_ctx_plan, fv_ctx_add_solvers), with the record of one run. */
fv_planner fv_planner_of(const fv_ctx *ctx, fv_wisdom *wisdom);
/* A program's own solvers, asked before those of the context's device. The provider must outlive the context. */
fv_status fv_ctx_add_solvers(fv_ctx *ctx, const fv_solver_provider *provider);

/*
 * Chooses a solver for node. An entry of the records that still exists in that version and is not refused wins. Else
 * the class of bits is that of the cheapest solver by the estimate for one sample, so that it depends on nothing but
 * the network, and within the class the cheapest by estimate or by time, ties in the order asked. Records the choice in
 * wisdom. Topic "plan" logs every candidate with its cost or reason. An entry that no longer holds is said in a warning
 * and replaced.
 */
fv_status fv_plan_create(const fv_planner *planner, const fv_node *node, fv_dtype dtype, uint32_t const_in,
                         fv_plan **plan);
/* A plan with a certain solver, which must accept the problem: for benchmarks and tests. */
fv_status fv_plan_create_with(const fv_planner *planner, const fv_solver *solver, const fv_node *node, fv_dtype dtype,
                              uint32_t const_in, fv_plan **plan);
void fv_plan_destroy(fv_plan **plan);

/* A graph for inference in which chains of nodes that some solver computes together have become one node where that is
 * cheaper and the bits stay. Topic "plan" says both prices. */
fv_status fv_pass_regions(const fv_planner *planner, fv_dtype dtype, const fv_graph *g, fv_graph **out);

/* ---- memory: offsets for buffers with known lifetimes in one block ---- */
typedef struct fv_block {
    int64_t size;        /* bytes; rounded up to 64 by the planner, FV_TAIL_PAD is added once at the end of the block */
    int32_t first, last; /* steps during which it is in use, inclusive */
    int64_t offset;      /* result */
} fv_block;
/* Greedy by size, best fit (Pisarchyk and Lee, 2020). *total receives the bytes needed. Deterministic. */
fv_status fv_memory_plan(fv_ctx *ctx, fv_block *blocks, int32_t count, int64_t *total);

#endif
