/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the exec floor share. */
#ifndef FV_EXEC_INTERNAL_H
#define FV_EXEC_INTERNAL_H

#include "exec/exec.h"

/* Which memory a value lives in. */
typedef enum fv_section {
    FV_IN_NONE,    /* not placed yet */
    FV_IN_BLOCK,   /* shared by values with other lifetimes */
    FV_IN_INPUTS,  /* filled by the caller */
    FV_IN_LASTING, /* written by refresh: constants and what depends on parameters only */
    FV_IN_REFRESH, /* needed only while refresh runs (folded weights that are packed): in the block, before runs use it
                    */
    FV_IN_MODEL    /* bound: belongs to the caller */
} fv_section;

/* Where one value lives; views and in-place results share the place of their root. */
typedef struct fv_placement {
    fv_section section;
    int32_t root; /* id of the value whose memory it is */
    bool lasting; /* does not change between runs */
    int32_t last; /* last step that needs it; of a root: that needs any of those that share it */
    int64_t bytes, offset;
    void *data;
} fv_placement;

/* One node and how it is run. */
typedef struct fv_step {
    const fv_node *node;
    fv_plan *plan; /* NULL: a view, no work */
    fv_call call;
    void **in, **out;
    bool once;      /* run by refresh only */
    bool pack_once; /* packed by refresh only */
    int64_t packed, workspace;
    int64_t packed_offset;
    double seconds, last_begin, last_seconds; /* profile */
} fv_step;

/* Gradient of a parameter: which output of the compiled graph. */
typedef struct fv_exec_grad {
    const char *param;
    int32_t output;
} fv_exec_grad;

struct fv_exec {
    fv_ctx *ctx;
    fv_exec_options options;
    fv_graph *graph; /* compiled */
    bool owns_graph;
    fv_arena *arena; /* steps, places, names */
    int32_t n_model_inputs, n_model_outputs;
    int32_t loss_output, losses_output; /* index of graph->outputs, -1: none */
    fv_exec_grad *grads;
    int32_t n_grads;
    fv_step *steps;
    int32_t n_steps;
    fv_placement *places; /* by value id */
    void *block, *inputs, *lasting, *workspace;
    fv_exec_memory memory;
    bool refreshed;
    int64_t runs;
    double roof; /* profile: floating-point operations per second that the threads reach together on registers */
};

/* Runs the passes: sets exec->graph and what is known about its outputs. */
fv_status fv_exec_compile(fv_exec *exec, const fv_graph *g);
/* Plans every node of exec->graph, lays out memory, allocates it and sets addresses. */
fv_status fv_exec_build(fv_exec *exec);
/* Lifetimes, shared places and offsets; sets exec->places and ->memory. */
fv_status fv_exec_layout(fv_exec *exec);
/* OVER_BUDGET with the largest consumers when the memory does not fit into what the context allows. */
fv_status fv_exec_check_budget(fv_exec *exec);
/* Measures exec->roof with the kernels' own loop of fused multiply-adds; takes milliseconds. */
void fv_exec_measure_roof(fv_exec *exec);
/* Address of a value; NULL when it has none. */
void *fv_exec_data(const fv_exec *exec, const fv_val *val);
/* Value i of role INPUT, or NULL. */
const fv_val *fv_exec_input_val(const fv_exec *exec, int32_t i);

#endif
