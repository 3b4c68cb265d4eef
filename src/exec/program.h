/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Program and instance. A program is what compiling leaves: graph, plans, packed weights; it does not change while
 * instances of it run and is shared by threads. An instance is one caller's memory: activations, workspace, inputs,
 * profile. Inputs and outputs are ports: named values of any dtype and rank, as many as the graph has.
 */
#ifndef FV_EXEC_PROGRAM_H
#define FV_EXEC_PROGRAM_H

#include "backend/device.h"
#include "exec/peers.h"
#include "plan/plan.h"

typedef struct fv_program fv_program;
typedef struct fv_instance fv_instance;
typedef struct fv_store fv_store;
typedef struct fv_scratch fv_scratch;

/* ---- tensors that belong to others: weights, running statistics, an optimizer's memory ---- */

/* The host address of a PARAM or STATE value by its name; NULL: unknown. */
typedef struct fv_binding {
    void *(*find)(void *user, const char *name, const fv_shape *shape);
    void *user;
} fv_binding;

/*
 * A binding on a device: on the host the tensors themselves; elsewhere a copy of each, made when a program first asks
 * for it. `upload` and `download` make the copies follow the tensors and the tensors the copies; on the host they do
 * nothing; no program of the store may run meanwhile. Programs borrow stores. Any thread.
 */
fv_status fv_store_create(fv_ctx *ctx, const fv_binding *binding, fv_store **store);
void fv_store_destroy(fv_store **store);
/* Device address of a tensor; *data is NULL when the binding does not know it. NO_MEMORY. */
fv_status fv_store_find(fv_store *store, const fv_val *val, void **data);
/* Gives back all copies, when their tensors are replaced: no program of the store may run any more. */
void fv_store_clear(fv_store *store);
void fv_store_upload(fv_store *store);
void fv_store_download(fv_store *store);

/* ---- programs ---- */

/* A named value to be made as small as possible: gradients are those of the sum of weight * value over the losses. */
typedef struct fv_objective {
    const char *loss; /* name of a value of one float */
    double weight;
} fv_objective;

/*
 * What a program computes beyond the gradients: called with the compiled graph, the parameters that have a gradient and
 * those gradients. Appends nodes that change parameters and states in place (fv_op.updates) and may add outputs; sets
 * *first to the first node of the update: nodes from there on run in FV_STAGE_UPDATE.
 */
typedef struct fv_update_hook {
    fv_status (*append)(void *user, fv_graph *g, const char *const *params, fv_val *const *gradients, int32_t count,
                        int32_t *first);
    void *user;
} fv_update_hook;

#define FV_STORES_MAX 2

typedef struct fv_program_options {
    int64_t batch;        /* n: dim 0 of every INPUT */
    fv_dtype dtype;       /* FV_F32, or FV_F64 for gradient checks */
    fv_lowering lowering; /* DIFFERENTIABLE: inference with objectives; dropout is keyed by a run's seed and step */
    bool optimize;        /* fold, fuse, pool first */
    bool unfolded;        /* not fold: every value is what its own layer computes of the one before, to rounding */
    bool keep_all;        /* every value gets memory of its own and is a port */
    bool unbound;         /* for its sizes alone: it has no tensors, and no instances */
    bool profile;         /* instances time every node; the first one measures the machine's peak (milliseconds) */
    /* Gradients of all PARAMs with respect to these become ports; 0: none. */
    const fv_objective *objectives;
    int32_t n_objectives;
    /* ... or gradients of these values, by name, which become ports themselves; 0: of the PARAMs. */
    const char *const *wanted;
    int32_t n_wanted;
    /* Values of the graph that become ports too, by name: what fusion would have swallowed is not fused. */
    const char *const *values;
    int32_t n_values;
    /* part.total above 0: a run computes a piece of `batch` samples of a batch of that many. `own_statistics`: pieces
     * are normalized by themselves and share gradients and losses only, so that they may run one after another. */
    fv_batch_part part;
    bool own_statistics;
    fv_update_hook update;                      /* append NULL: none */
    const fv_solver_provider *const *providers; /* who may compute, ends with NULL; NULL: as the context says */
    fv_plan_mode policy;                        /* REFERENCE; else as the context says (fv_ctx_plan) */
    fv_wisdom *wisdom;                          /* may be NULL; used during creation only */
    /* Where PARAM and STATE values are, the first store that knows a name; borrowed, until the program is gone. */
    fv_store *stores[FV_STORES_MAX];
} fv_program_options;

/*
 * Compiles g (batch 1) for a batch: lowering, gradient, passes, a plan per node, a memory plan. Allocates none of the
 * memory planned. The caller has one reference. MODEL_MISMATCH when no store knows a tensor; ARGUMENT when a loss or
 * value is not in the graph.
 */
fv_status fv_program_create(fv_ctx *ctx, const fv_graph *g, const fv_program_options *options, fv_program **program);
fv_program *fv_program_retain(fv_program *program);
/* Gives a reference back; the last one frees. Takes NULL and nulls. */
void fv_program_release(fv_program **program);

/* Packs constant operands and runs nodes that depend on parameters only, once more, with `instance`'s memory: after
 * parameters changed in an inference program. The first run of any instance does it by itself. Not while another
 * instance of the program runs. Outputs of the instance's last run are lost. */
fv_status fv_program_refresh(fv_program *program, fv_instance *instance);

/* ---- ports ---- */

typedef enum fv_port_kind {
    FV_PORT_INPUT,    /* by the name of the INPUT */
    FV_PORT_OUTPUT,   /* an output of the graph, or a value asked for, by its name */
    FV_PORT_GRADIENT, /* of a PARAM, or of a value wanted, by its name; two that are added to each other share one */
} fv_port_kind;

typedef struct fv_port {
    fv_port_kind kind;
    const char *name;
    const fv_val *val; /* of the compiled graph: dtype and shape */
} fv_port;

/* All ports: inputs and outputs in order of the graph, then values asked for, then gradients. */
const fv_port *fv_program_ports(const fv_program *program, int32_t *count);
/* A port, or NULL. Names are looked up linearly: keep what was found. */
const fv_port *fv_program_port(const fv_program *program, fv_port_kind kind, const char *name);
/* The i-th port of a kind, or NULL. */
const fv_port *fv_program_port_at(const fv_program *program, fv_port_kind kind, int32_t i);

/* Memory: bytes of what refresh computes (packed and folded weights, constants), once per program; and per instance
 * of the activation block, of workspace, of inputs. */
typedef struct fv_program_memory {
    int64_t packed, activations, workspace, inputs;
    int64_t inputs_end, workspace_begin; /* an instance's memory: inputs, activations from inputs_end on, workspace */
    int64_t instance;                    /* all three */
    int64_t total;                       /* packed + instance */
    int64_t running;                     /* of the activations' block: what runs need, without refresh */
} fv_program_memory;
fv_program_memory fv_program_memory_use(const fv_program *program);

/* Work of one run of a node; of operators that do not say: an operation an element, and every operand once. */
fv_cost fv_node_cost(const fv_node *node);
/* What a program needs on any device. */
typedef struct fv_program_needs {
    int64_t weights, others; /* elements of lasting operands: filters and matrices, as they are folded; all else */
    int64_t running;         /* bytes of inputs and of the activations' block */
    double seconds;          /* sum over nodes of the longer of its operations and its bytes at the rates given */
} fv_program_needs;
/* Rates are a second; 0: that takes no time. NO_MEMORY. */
fv_status fv_program_needs_of(const fv_program *program, double flops_rate, double bytes_rate, fv_program_needs *needs);
/* OVER_BUDGET with the largest consumers when `more` bytes do not fit into what the context still allows. */
fv_status fv_program_check_budget(const fv_program *program, int64_t more);
const fv_graph *fv_program_graph(const fv_program *program);
fv_ctx *fv_program_ctx(const fv_program *program);
/* Whether anything in it is drawn at random. */
bool fv_program_is_random(const fv_program *program);

/* ---- instances ---- */

/*
 * Memory that several instances take turns in: each run may overwrite everything of the others. As large as the largest
 * of them. Destroyed after its instances.
 */
fv_status fv_scratch_create(fv_ctx *ctx, fv_scratch **scratch);
void fv_scratch_destroy(fv_scratch **scratch);

/*
 * An instance of the program, which it retains. `scratch` NULL: memory of its own. `states` NULL: STATE tensors are
 * those of the program's stores; else the instance's own where it knows them (host addresses). OVER_BUDGET when memory
 * above the context's limit would be needed (the largest consumers are named).
 */
fv_status fv_instance_create(fv_program *program, fv_scratch *scratch, const fv_binding *states,
                             fv_instance **instance);
void fv_instance_destroy(fv_instance **instance);
fv_program *fv_instance_program(const fv_instance *instance);

/* Which nodes of a program run. */
typedef enum fv_stage {
    FV_STAGE_COMPUTE, /* everything up to outputs and gradients */
    FV_STAGE_UPDATE   /* the update behind them */
} fv_stage;

typedef struct fv_run {
    uint64_t seed, step; /* key of random numbers (dropout) */
    fv_stage stage;
    int64_t samples; /* inference: only the first ones matter; rows behind may hold anything. 0: the whole batch */
    int64_t offset;  /* of a piece: the number of its first sample in the batch, a multiple of the piece's size */
    const fv_peers *peers; /* ... who has the other pieces; NULL: sums stay those of the piece */
} fv_run;
/* One step. Allocates nothing after the first. One thread at a time per instance. `run` NULL: all zero. */
fv_status fv_instance_run(fv_instance *instance, const fv_run *run);

/* Copies host memory into a port and back: `bytes` from the beginning, at most the value's size (ARGUMENT). */
fv_status fv_instance_write(fv_instance *instance, const fv_port *port, const void *src, size_t bytes);
fv_status fv_instance_read(const fv_instance *instance, const fv_port *port, void *dst, size_t bytes);
/* The port's address where the device's memory is the host's; else NULL: write and read copy. Outputs are valid until
 * the next run in the same memory. */
void *fv_instance_map(const fv_instance *instance, const fv_port *port);
/* Element 0 of a port as a number: losses, counts, flags. 0 for NULL. */
double fv_instance_scalar(const fv_instance *instance, const fv_port *port);

/* Profile: per node the mean time of a run since creation. Table as text (ms, share of time, GFLOP/s, share of the peak
 * that the threads reach on registers, GB/s, solver), slowest first, and Chrome trace JSON of the last run. */
void fv_instance_profile_text(const fv_instance *instance, fv_str *out);
void fv_instance_profile_trace(const fv_instance *instance, fv_str *out);

/* After a run whose loss is NaN or Inf: the name of the first node (in order) whose output holds one; "" when all are
 * finite. Needs memory of its own and a second run with the same seed and step; inputs must still be in place. States
 * are not updated by it. */
fv_status fv_instance_find_nonfinite(fv_instance *instance, const fv_run *run, char *name, size_t size);

#endif
