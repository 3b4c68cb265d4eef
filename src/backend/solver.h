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
    fv_dtype dtype;    /* float type of the computation: F32 or F64 */
    int shards;        /* logical shards of the batch (DESIGN section 3) */
    uint32_t const_in; /* bit i: in[i] does not change between runs, so pack may run once (of the first 32 operands) */
} fv_problem;

typedef struct fv_plan fv_plan;

typedef struct fv_solver fv_solver;
struct fv_solver {
    const char *name; /* "cpu.conv2d.igemm": unique, stored with the run */
    const char *op;   /* operator it solves; NULL: any */
    int version;      /* raised when its bits change */
    const void *arg;  /* what tells apart the solvers that share hooks: a geometry, a direction, an activation */
    /* Operands that pack rearranges, bit i for in[i]: run does not read them. Where all of them are constant
     * (problem.const_in) pack runs once, and again after they changed; else before every run. 0: no pack. */
    uint32_t packs;
    /* NULL: can solve it; else a constant reason ("groups > 1"). Must depend on the problem alone. */
    const char *(*reject)(const fv_solver *self, const fv_problem *problem);
    /* Estimated nanoseconds on a nominal machine (one core, 100 Gflop/s, 10 GB/s), from the problem alone: the same
     * everywhere. */
    double (*cost)(const fv_solver *self, const fv_problem *problem);
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
    double cost;               /* what the cost model said */
};

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
