/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the exec floor share. */
#ifndef FV_EXEC_INTERNAL_H
#define FV_EXEC_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "exec/program.h"

/* Which memory a value lives in. */
typedef enum fv_section {
    FV_IN_NONE,    /* not placed yet */
    FV_IN_BLOCK,   /* the instance's, shared by values with other lifetimes */
    FV_IN_INPUTS,  /* the instance's, filled by the caller */
    FV_IN_LASTING, /* the program's, written by refresh: constants and what depends on parameters only */
    FV_IN_REFRESH, /* needed only while refresh runs (folded weights that are packed): in the block, before runs use it
                    */
    FV_IN_STORE    /* a tensor of a store */
} fv_section;

/* Where one value lives; views and in-place results share the place of their root. */
typedef struct fv_placement {
    fv_section section;
    int32_t root; /* id of the value whose memory it is */
    bool lasting; /* does not change between runs */
    int32_t last; /* last step that needs it; of a root: that needs any of those that share it */
    int64_t bytes, offset;
    int64_t room; /* of a root: bytes kept for the place, those that may be read behind it included */
    void *data;   /* FV_IN_STORE: device address */
} fv_placement;

/* One node and how it is run. */
typedef struct fv_step {
    const fv_node *node;
    fv_plan *plan;  /* NULL: a view, no work */
    bool once;      /* run by refresh only */
    bool pack_once; /* packed by refresh only */
    int64_t packed, workspace;
    int64_t packed_offset;
} fv_step;

struct fv_program {
    fv_ctx *ctx;
    const fv_device *device;
    fv_program_options options; /* without what was borrowed for creation: objectives, values, wisdom */
    fv_graph *graph;            /* compiled */
    bool owns_graph;
    fv_arena *arena; /* steps, places, ports */
    fv_port *ports;
    int32_t n_ports, cap_ports;
    fv_step *steps;
    int32_t n_steps;
    int shards;           /* of a piece of a batch; 0: runs are whole batches */
    bool moves_samples;   /* some node does: every run computes the whole batch */
    int32_t first_update; /* steps from here on are FV_STAGE_UPDATE */
    fv_placement *places; /* by value id */
    fv_program_memory memory;

    atomic_int references;
    pthread_mutex_t mutex; /* guards what follows while instances are made or refresh runs */
    void *lasting;         /* memory.packed bytes, made with the first instance */
    atomic_bool refreshed; /* lasting holds what the parameters say */
    double roof;           /* profile: floating-point operations per second that all threads reach on registers */
};

/* One node of an instance: its addresses and its times. */
typedef struct fv_instance_step {
    fv_call call;
    void **in, **out;
    double seconds, last_begin, last_seconds; /* profile */
} fv_instance_step;

struct fv_instance {
    fv_program *program;
    fv_arena *arena;
    fv_scratch *scratch;
    bool owns_scratch;
    fv_instance *next; /* of the same scratch */
    void **data;       /* by value id: device address of its root */
    fv_instance_step *steps;
    void **own_states; /* by value id: the instance's own STATE tensors; NULL: none */
    int64_t runs;
};

/* Memory of the device that instances take turns in. */
struct fv_scratch {
    fv_ctx *ctx;
    const fv_device *device;
    void *data;
    int64_t size;
    fv_instance *instances;
};

/* ---- program ---- */

/* Runs the passes: sets graph, ports and first_update. */
fv_status fv_program_compile(fv_program *program, const fv_graph *g);
/* With what its plans are made. */
fv_planner fv_program_planner(const fv_program *p);
/* Plans every node and lays out memory: sets steps, places and memory. */
fv_status fv_program_build(fv_program *program);
/* Lifetimes, shared places and offsets; sets places and memory. */
fv_status fv_program_layout(fv_program *program);
/* A program of the same compiled graph, which it borrows, and the same solvers, in which every value has memory of its
 * own. */
fv_status fv_program_keep_all(fv_program *program, fv_program **kept);
/* Measures roof with the kernels' own loop of fused multiply-adds; takes milliseconds. */
void fv_program_measure_roof(fv_program *program);

#endif
