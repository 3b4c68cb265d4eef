/* SPDX-License-Identifier: Apache-2.0 */
/* The planner: problem text, choice of solver, memory plan. */
#ifndef FV_PLAN_PLAN_H
#define FV_PLAN_PLAN_H

#include "backend/solver.h"

/* Canonical text of a node's problem: operator, dtype, operand dimensions with their letters, attributes that differ
 * from defaults. */
fv_status fv_problem_text(const fv_node *node, fv_dtype dtype, fv_str *out);
/* The reverse, for benchmarks and wisdom: makes a one-node graph. */
fv_status fv_problem_parse(fv_ctx *ctx, const char *text, fv_graph **graph, fv_node **node);

/* How solvers are chosen. */
typedef enum fv_plan_policy {
    FV_PLAN_ESTIMATE, /* cost model only: the same choice on every machine (the default) */
    FV_PLAN_REFERENCE /* the operators' reference loops: for tests */
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
    fv_wisdom *wisdom; /* may be NULL */
    int shards;        /* of what a run has of the batch; 0: fv_shards of its samples */
} fv_planner;

/*
 * Chooses a solver for node: an entry of the planner's wisdom that still exists in that version and is not refused
 * wins, else the cheapest by estimate, ties by table order. Records the choice in wisdom. Topic "plan" logs every
 * candidate with its cost or reason. An entry that no longer holds is said in a warning and replaced.
 */
fv_status fv_plan_create(const fv_planner *planner, const fv_node *node, fv_dtype dtype, uint32_t const_in,
                         fv_plan **plan);
void fv_plan_destroy(fv_plan **plan);

/* ---- memory: offsets for buffers with known lifetimes in one block ---- */
typedef struct fv_block {
    int64_t size;        /* bytes; rounded up to 64 by the planner, FV_TAIL_PAD is added once at the end of the block */
    int32_t first, last; /* steps during which it is in use, inclusive */
    int64_t offset;      /* result */
} fv_block;
/* Greedy by size, best fit (Pisarchyk and Lee, 2020). *total receives the bytes needed. Deterministic. */
fv_status fv_memory_plan(fv_ctx *ctx, fv_block *blocks, int32_t count, int64_t *total);

#endif
