/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled graph and its memory: run it, profile it. */
#ifndef FV_EXEC_EXEC_H
#define FV_EXEC_EXEC_H

#include "plan/plan.h"

typedef struct fv_exec fv_exec;

/* Where an executable finds the model's tensors: the address and dtype of a PARAM or STATE value by its name; NULL:
 * unknown. */
typedef struct fv_binding {
    void *(*find)(void *user, const char *name, const fv_shape *shape);
    void *user;
} fv_binding;

typedef struct fv_exec_options {
    int64_t batch;         /* n */
    fv_dtype dtype;        /* FV_F32, or FV_F64 for gradient checks */
    bool training;         /* forward, loss and gradients; else inference */
    const fv_op *loss;     /* training: operator with trait LOSS ... */
    const void *loss_attr; /* ... its attributes */
    fv_dtype target_dtype; /* ... and what its target operand is: I32 labels [n] or float [n][classes] */
    bool optimize;         /* run fold, fusion and pool-first passes */
    bool keep_all;         /* every value gets memory of its own and can be read after a run (tests, features) */
    bool with_loss;        /* inference that also computes the loss (validation) */
    bool sampling;         /* inference with dropout at work, keyed by fv_exec_run's seed and step */
    const fv_solver_provider *const *providers; /* who may compute, ends with NULL; NULL: fv_cpu_providers */
    fv_plan_policy policy;
    fv_wisdom *wisdom; /* may be NULL */
    fv_binding binding;
    bool profile; /* time every node; creation also measures the machine's peak, which takes milliseconds */
} fv_exec_options;

/*
 * Compiles g (a model's forward graph, batch 1) for a batch: lowering, gradient, passes, a plan per node, a memory
 * plan. MODEL_MISMATCH when the binding lacks a tensor; OVER_BUDGET when memory above the context's limit would be
 * needed (the largest consumers are named).
 */
fv_status fv_exec_create(fv_ctx *ctx, const fv_graph *g, const fv_exec_options *options, fv_exec **exec);
void fv_exec_destroy(fv_exec **exec);

/* Buffers owned by the executable, to be filled before a run: the i-th INPUT of the graph; the loss's target. */
void *fv_exec_input(fv_exec *exec, int i);
void *fv_exec_target(fv_exec *exec);
/* The i-th output of the model's graph, valid until the next run; its shape. */
const void *fv_exec_output(const fv_exec *exec, int i, fv_shape *shape);
/* Mean loss over the batch (training, or with_loss). */
double fv_exec_loss(const fv_exec *exec);
/* Per-sample losses [n], when the loss operator gives them and the executable computes in f32; else NULL. */
const float *fv_exec_losses(const fv_exec *exec);
/* Gradient of a PARAM by name after a training run; NULL when the loss does not depend on it. Two parameters that are
 * added to each other have one gradient in one place. */
void *fv_exec_gradient(fv_exec *exec, const char *param);
/* Any value by name when keep_all; else NULL. */
const void *fv_exec_value(const fv_exec *exec, const char *name, fv_shape *shape);

/* Packs constant operands and runs nodes that depend on parameters only. Must be called again after parameters changed
 * in an inference executable; fv_exec_run does it by itself the first time. Outputs of the last run are lost. */
fv_status fv_exec_refresh(fv_exec *exec);
/* One step. Allocates nothing after the first. `step` keys random numbers (dropout). */
fv_status fv_exec_run(fv_exec *exec, uint64_t seed, uint64_t step);

/* Memory: bytes of the activation block, of what refresh computes (packed and folded weights, constants), of
 * workspace, of inputs; the sum. */
typedef struct fv_exec_memory {
    int64_t activations, packed, workspace, inputs, total;
} fv_exec_memory;
fv_exec_memory fv_exec_memory_use(const fv_exec *exec);
/* The compiled graph (for printing). */
const fv_graph *fv_exec_graph(const fv_exec *exec);

/* Profile: per node the mean time of a run since creation. Table as text (ms, share of time, GFLOP/s, share of the peak
 * that the threads reach on registers, GB/s, solver), slowest first, and Chrome trace JSON of the last run. */
void fv_exec_profile_text(const fv_exec *exec, fv_str *out);
void fv_exec_profile_trace(const fv_exec *exec, fv_str *out);

/* After a run whose loss is NaN or Inf: the name of the first node (in order) whose output holds one; "" when all are
 * finite. Needs memory of its own and a second run with the same seed and step; inputs must still be in place. States
 * are not updated by it. */
fv_status fv_exec_find_nonfinite(fv_exec *exec, uint64_t seed, uint64_t step, char *name, size_t size);

#endif
