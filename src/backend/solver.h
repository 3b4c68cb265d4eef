/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Problem, solver, plan. A problem says what to compute; a solver can compute some problems and refuses others with a
 * reason; a plan is a solver bound to a problem. Which solver runs is decided one floor up (plan/plan.h).
 */
#ifndef FV_BACKEND_SOLVER_H
#define FV_BACKEND_SOLVER_H

#include "base/threads.h"
#include "graph/graph.h"
#include "kernels/kernels.h"

/* What to compute: a node with its shapes, and what is known about its operands. */
typedef struct fv_problem {
    const fv_node *node;
    const char *text;  /* canonical line: "conv2d f32 n8h56w56c64 k64r3s3c64 pad=1" */
    fv_dtype dtype;    /* float type of the computation: F32 or F64; F16: operands and results are stored so */
    int shards;        /* logical shards of the batch (DESIGN section 3) */
    uint32_t const_in; /* bit i: in[i] does not change between runs, so pack may run once (of the first 32 operands) */
} fv_problem;

/* fv_solver.bits of the reference loops, which are asked only where no other solver accepts. */
#define FV_BITS_REFERENCE "reference"
#define FV_BITS_CHAIN     "chain"

typedef struct fv_plan fv_plan;

typedef struct fv_solver fv_solver;
struct fv_solver {
    const char *name; /* "cpu.conv2d.igemm": unique, stored with the run */
    const char *op;   /* operator it solves; NULL: any */
    /* NULL; else it solves a region (ops/region.h): nodes of these operators (ends with NULL), each the only reader of
     * the one before it. `op` is then "region", and hooks see the parts by fv_region_expand. */
    const char *const *chain;
    int version; /* raised when its bits change */
    /*
     * Class of its bits: solvers of one class give the same bits for every problem that they accept. NULL: "chain", the
     * chains that the operator's text states (or, for functions such as exp, the project's one sequence of operations).
     */
    const char *bits;
    double error;      /* of other bits than the chains', as fv_solver_bound takes it; 0: differs as a chain does */
    double half_error; /* the same of F16, where the rounding of the result comes on top */
    const void *arg;   /* what tells apart the solvers that share hooks: a geometry, a direction, an activation */
    /* Operands that pack rearranges, bit i for in[i]: run does not read them. Where all of them are constant
     * (problem.const_in) pack runs once, and again after they changed; else before every run. 0: no pack. */
    uint32_t packs;
    /* NULL: can solve it; else a constant reason ("groups > 1"). Must depend on the problem alone. */
    const char *(*reject)(const fv_solver *self, const fv_problem *problem);
    /* Estimated nanoseconds on a nominal machine (one core, 100 Gflop/s, 10 GB/s), from the problem alone: the same
     * everywhere. */
    double (*cost)(const fv_solver *self, const fv_problem *problem);
    /*
     * A small problem whose errors are those of the given one, for a solver with bits of its own that is not to be
     * trusted with every problem: it is chosen only if there its results are as near the chains' as stated. NULL, and
     * no text: trusted.
     */
    fv_status (*probe)(const fv_solver *self, const fv_problem *problem, fv_str *text);
    /* Tables that depend on the problem (pointers offsets, tile sizes): plan->data. NULL: none. `release` also comes
     * after a `prepare` that failed, and takes plan->data NULL. */
    fv_status (*prepare)(fv_plan *plan);
    void (*release)(fv_plan *plan);
    /* Bytes that pack writes (0 or NULL: nothing to pack; run then reads all operands). */
    size_t (*packed_bytes)(const fv_plan *plan);
    /* Rearranges the operands of `packs`, and reads no others, into `packed`. */
    void (*pack)(const fv_plan *plan, const fv_call *call, void *packed);
    /* Bytes of scratch that run needs for plan->threads threads. NULL: none. */
    size_t (*workspace_bytes)(const fv_plan *plan);
    /* Computes. Cannot fail, allocates nothing, writes only outputs, STATE operands and the workspace. */
    void (*run)(const fv_plan *plan, const fv_call *call);
};

struct fv_plan {
    fv_ctx *ctx;
    const fv_solver *solver;
    fv_problem problem;
    const fv_kernels *kernels; /* of the instruction set in use */
    int threads;               /* of the context */
    void *data;                /* the solver's own, made by prepare, freed by release */
    double cost;               /* nanoseconds: what the cost model said, or what was measured */
    fv_graph *graph;           /* of a plan made from text: holds its node; else NULL */
    /* Plans of parts of the problem (fv_plan_sub). */
    fv_plan *first_sub, *next_sub;
    size_t packed_at, workspace_at; /* of a part: its memory within that of the whole */
    fv_status (*make_sub)(fv_plan *plan, const char *problem, fv_plan **sub); /* the planner's, while prepare runs */
    const void *planner;                                                      /* its argument */
};

/*
 * For prepare: plans a part of the problem, "dense f32 4096x576 64x576:const", as the planner plans everything: with
 * its policy, its records and any solver. The part belongs to `plan`: its memory is part of the plan's, and it is
 * destroyed with it. An operand that the part packs and that is ":const" is packed by fv_plan_pack_sub, from pack;
 * others are packed when the part runs.
 */
fv_status fv_plan_sub(fv_plan *plan, const char *problem, const fv_plan **sub);
/* `in`: the part's operands; only those that it packs are read. `packed`: what pack of the whole received. */
void fv_plan_pack_sub(const fv_plan *sub, const fv_call *call, void *const *in, void *packed);
/* Runs it within a run of the whole; not from a task of fv_parallel. `samples`: see fv_call. */
void fv_plan_run_sub(const fv_plan *sub, const fv_call *call, void *const *in, void *const *out, int64_t samples);
/* Bytes that pack writes, and of scratch that run needs, with those of the parts. */
size_t fv_plan_packed_bytes(const fv_plan *plan);
size_t fv_plan_workspace_bytes(const fv_plan *plan);
/* For planners, after prepare: where the memory of the parts begins. */
void fv_plan_place_subs(fv_plan *plan);
/* Whether pack may run once for many runs. */
static inline bool fv_plan_packs_once(const fv_plan *plan)
{
    const uint32_t packs = plan->solver->packs;
    return packs != 0 && (plan->problem.const_in & packs) == packs;
}

/*
 * Stated for solvers of products whose operands are src and wei: |result - exact| <= error * (largest |src|) * (largest
 * sum of |wei| that meets one result). Without bias and residual, which only add their own rounding, and of F16 without
 * the rounding of the result. 0 where a solver states none.
 */
double fv_solver_bound(const fv_solver *solver, const fv_node *node, void *const *in);
/* The same for any solver of such products, roundings of bias, residual and activation included: of one that states
 * none what the roundings of its chains may add up to. */
double fv_rounding_bound(const fv_solver *solver, const fv_node *node, void *const *in);

/* What it states of problems of a dtype. */
static inline double fv_solver_error(const fv_solver *solver, fv_dtype dtype)
{
    return dtype == FV_F16 ? solver->half_error : solver->error;
}

/* Where solvers come from: a device's, the reference loops, a program's own. */
typedef struct fv_solver_provider {
    const char *name;               /* "cpu" */
    const fv_solver *const *tables; /* ends with NULL; each table ends with a solver whose name is NULL */
} fv_solver_provider;

/* Every row of backend/cpu/solvers.def names a table `const fv_solver fv_cpu_<row>_solvers[]`. */
extern const fv_solver_provider fv_cpu_provider;
/* One solver, which runs an operator's own reference loops: solves all that have them, at a prohibitive cost. */
extern const fv_solver fv_reference_solvers[];
extern const fv_solver_provider fv_reference_provider;
/* What computes on the CPU: fv_cpu_provider, fv_reference_provider, NULL. */
extern const fv_solver_provider *const fv_cpu_providers[];
/* Calls visit(arg, solver) for every solver of every provider (NULL-terminated) in order. */
void fv_solvers_visit(const fv_solver_provider *const *providers, void (*visit)(void *arg, const fv_solver *solver),
                      void *arg);

/* Helpers for hooks. */
static inline const fv_shape *fv_in_shape(const fv_node *node, int i)
{
    return &node->in[i]->shape;
}
static inline const fv_shape *fv_out_shape(const fv_node *node, int i)
{
    return &node->out[i]->shape;
}

#endif
