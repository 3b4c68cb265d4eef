/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the plan floor share. */
#ifndef FV_PLAN_INTERNAL_H
#define FV_PLAN_INTERNAL_H

#include "plan/plan.h"

/* fv_problem_text with ":const" behind operands that do not change between runs: the key of wisdom. */
fv_status fv_problem_text_const(const fv_node *node, fv_dtype dtype, uint32_t const_in, fv_str *out);
/* A node of an operator on operands like `in`, as a one-node graph. */
fv_status fv_problem_like(fv_ctx *ctx, const fv_op *op, const void *attr, fv_val *const *in, int n_in, bool one_sample,
                          fv_graph **graph, fv_node **node);
/* The same node for a batch of one sample. */
fv_status fv_problem_one_sample(fv_ctx *ctx, const fv_node *node, fv_graph **graph, fv_node **one);
/* What a planner is asked to solve; `text` stays the caller's. */
fv_problem fv_problem_of(const fv_node *node, const char *text, fv_dtype dtype, uint32_t const_in);

/* The remembered solver of a problem, or NULL; its version into *version. */
const char *fv_wisdom_find(const fv_wisdom *wisdom, const char *problem, int *version);
/* Remembers or replaces. Texts are copied. */
fv_status fv_wisdom_put(fv_wisdom *wisdom, const char *problem, const char *solver, int version);

/* ---- candidates: the solvers that accept a problem ---- */

#define FV_CANDIDATES_MAX 64

typedef struct fv_candidate {
    const fv_solver *solver;
    double estimate; /* nanoseconds */
    double measured; /* nanoseconds; 0: not measured */
} fv_candidate;

typedef struct fv_candidates {
    fv_candidate row[FV_CANDIDATES_MAX]; /* in the order asked */
    int count;
    bool several_classes; /* of the solvers of this operator, whether they accept or not; the reference apart */
} fv_candidates;

/* Asks every solver of the providers (of the reference policy: the reference loops) that is of the problem's operator.
 * `reason`: why it refuses, or NULL; `cost`: its estimate, in nanoseconds. */
typedef void (*fv_answer_fn)(void *arg, const fv_solver *solver, const char *reason, double cost);
void fv_candidates_visit(const fv_planner *planner, const fv_problem *problem, fv_answer_fn visit, void *arg);
/* Those that accept. `log`: says what each answers. */
void fv_candidates_ask(const fv_planner *planner, const fv_problem *problem, bool log, fv_candidates *all);
/* Whether it is of the node's operator, or of the chain of its region. */
bool fv_solver_solves(const fv_solver *solver, const fv_node *node);
const char *fv_solver_bits(const fv_solver *solver);
/* Whether it is of that algorithm: the last word of its name, or its class; FV_DIRECT is another word for the class of
 * the sums as they are written. */
#define FV_DIRECT "direct"
bool fv_solver_is(const fv_solver *solver, const char *algorithm);
/* VALUE with a list of them where no solver of the context is called so. */
fv_status fv_algorithm_check(fv_ctx *ctx, const char *name);
/* Keeps those for which `keep` says so. */
void fv_candidates_keep(fv_candidates *all, bool (*keep)(const fv_candidate *c, const void *arg), const void *arg);
/* Without the reference loops, where others accept. */
void fv_candidates_drop_reference(fv_candidates *all);
/* Whether its stated error (fv_solver_error) is no larger than this: others are only asked for by name. A rounding to
 * halves is of 5e-4, one to floats of 6e-8. */
#define FV_ERROR_MOST      1e-5
#define FV_HALF_ERROR_MOST 5e-3
bool fv_solver_is_exact(const fv_solver *solver, fv_dtype dtype);
void fv_candidates_drop_inexact(fv_candidates *all, fv_dtype dtype);
/* Drops the first of them while it does not pass its own probe (fv_solver.probe), from `others` too. `all`: every one
 * that does not. Says so in a warning. */
fv_status fv_candidates_probe(const fv_planner *planner, const fv_problem *problem, bool all, fv_candidates *some,
                              fv_candidates *others);
/* Keeps those that the policy lets choose from. *bits: the class that the estimate says. */
fv_status fv_candidates_narrow(const fv_planner *planner, const fv_problem *problem, fv_candidates *all,
                               const char **bits);
/* Cheapest first, by what is measured or else estimated. */
void fv_candidates_sort(fv_candidates *all);

/* Operands and results of a node, with made-up contents: numbers in [-1, 1), integers 0. */
typedef struct fv_scene {
    fv_ctx *ctx;
    void *in[FV_MAX_OPERANDS], *out[FV_MAX_RESULTS];
    int n_in, n_out;
} fv_scene;
fv_status fv_scene_make(fv_ctx *ctx, const fv_node *node, fv_scene *scene);
/* Of one operand such numbers, times `scale`; integers are left. */
void fv_operand_fill(fv_ctx *ctx, const fv_val *val, double scale, void *data);
void fv_scene_free(fv_scene *scene);

/* Nanoseconds. */
typedef struct fv_timing {
    double best, median;
    double pack; /* of packing, which runs contain where operands change between them */
    int runs;
} fv_timing;
/* Packs and runs a bound plan on a scene once to warm up, then until `runs` are timed and `seconds` have passed; with
 * `runs` 0 and `seconds` 0 nothing is timed. NO_MEMORY. */
typedef struct fv_timing_options {
    int runs;
    double seconds;
    bool processor; /* times are what the calling thread worked, which others on the machine do not lengthen */
} fv_timing_options;
fv_status fv_plan_time_on(const fv_plan *plan, const fv_scene *scene, const fv_timing_options *options,
                          fv_timing *timing);
/* The shortest run of a bound plan on made-up operands, in nanoseconds, with the effort of a policy. */
fv_status fv_plan_time(fv_plan *plan, int effort, double *nanoseconds);
/* Times those candidates that are worth it by the policy's effort and sets `measured`; others are dropped. */
fv_status fv_candidates_measure(const fv_planner *planner, fv_plan *plan, fv_candidates *all);

/* Chooses and binds. */
fv_status fv_plan_choose(const fv_planner *planner, fv_plan *plan);
/* Binds the plan to a solver and prepares it; `unbind` undoes that. */
fv_status fv_plan_bind(fv_plan *plan, const fv_candidate *candidate);
void fv_plan_unbind(fv_plan *plan);

#endif
