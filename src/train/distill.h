/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The teachers of a run: what they make of a batch are further inputs of the trained graph, and losses that look at
 * them stand behind it. A sample's row is all that they say of it: the soft target, then what each layer is to be like.
 */
#ifndef FV_TRAIN_DISTILL_H
#define FV_TRAIN_DISTILL_H

#include <fovea/distill.h>

#include "data/image/resize.h"
#include "data/loader.h"
#include "model/model.h"

/* ---- images (distill_images.c) ---- */

/* How a teacher's images come out of the student's. */
typedef struct fv_image_map {
    fv_pipeline from, to;
    bool same;                     /* floats as they are */
    fv_resize_scratch space, work; /* for one image */
} fv_image_map;

/* CONFLICT where images that come through `from` cannot be made what `to` wants; `name`: whose that is. */
fv_status fv_image_map_make(fv_ctx *ctx, const char *name, const fv_pipeline *from, const fv_pipeline *to,
                            fv_image_map *map);
void fv_image_map_free(fv_image_map *map);
fv_status fv_image_map_run(fv_image_map *map, const float *src, float *dst);

/* ---- layers (distill_layers.c) ---- */

/* Most pairs of layers, beside which there are the losses of auxiliary heads. */
enum { FV_DISTILL_LAYERS = 6 };

/* A layer of the student that is to become like one of the first teacher. */
typedef struct fv_distill_layer {
    const char *student, *teacher;          /* their values' names */
    bool attention;                         /* compared by where they are active; else number by number */
    int64_t size, full;                     /* numbers of a sample's target, and of what it is made of */
    const char *prediction, *target, *loss; /* names in the trained graph */
    const char *weight_name, *bias_name;    /* of the regressor; NULL: there is none */
    fv_tensor *weight, *bias;               /* k 1 1 c, or k c; k */
} fv_distill_layer;

typedef struct fv_distill_layers {
    fv_distill_layer list[FV_DISTILL_LAYERS];
    int count;
} fv_distill_layers;

/* The pairs of options->hint and options->attention whose weights are not 0, and regressors started from the seed.
 * Names are the arena's. VALUE, SHAPE. */
fv_status fv_distill_layers_make(const fv_model *student, const fv_model *teacher, const fv_fit_options *options,
                                 fv_arena *arena, fv_distill_layers *layers);
void fv_distill_layers_free(fv_distill_layers *layers);

/* ---- the whole (distill.c) ---- */

typedef struct fv_guide {
    fv_model *model;
    const char *name;
    double share;
    int64_t *place; /* of its classes among the student's; NULL: its answers are not looked at */
    fv_image_map map;
    fv_program_key key; /* of what it is computed by */
    fv_session *session;
} fv_guide;

/* Rows of samples that are kept: `at` by sample, -1: not yet, or no room for it. */
typedef struct fv_distill_cache {
    int32_t *at;
    float *rows;
    int64_t samples, room, used;
    int64_t size[2]; /* of the images that they are of */
} fv_distill_cache;

typedef struct fv_distill {
    fv_ctx *ctx;
    fv_arena *arena;
    const fv_model *student;
    fv_guide guide[FV_TEACHERS_MAX];
    int count;
    double temperature;
    int64_t classes; /* of a soft target; 0: there is none */
    fv_distill_layers layers;
    int64_t size;        /* numbers of a row */
    int64_t together;    /* images that are computed at a time */
    fv_scratch *scratch; /* of the sessions: the trainer's may hold a batch meanwhile */
    const char *values[FV_DISTILL_LAYERS];
    int n_values;
    int64_t side[2]; /* of the student's images */
    float *rows;     /* of the batch */
    float *one;      /* one of its targets, sample behind sample */
    int64_t room, n;
    double *sums; /* together x classes */
    float *given; /* of one layer, together */
    fv_distill_cache cache;
} fv_distill;

/* NULL where the options have no teachers. Borrows the student and the teachers. As fv_distill_check has it. */
fv_status fv_distill_create(fv_model *student, const fv_fit_options *options, fv_distill **distill);
void fv_distill_destroy(fv_distill **distill);
/* From here on the student's images have that size. CONFLICT, as of fv_image_map_make. */
fv_status fv_distill_enter(fv_distill *distill, int64_t h, int64_t w);
/* Compiles what is not compiled yet. */
fv_status fv_distill_prepare(fv_distill *distill, fv_wisdom *wisdom);

/* ---- what is added to the graph (distill_loss.c) ---- */

/* The INPUT of the soft targets. */
#define FV_SOFT_TARGET "teacher"

/* Appends the losses to `specs`, of which there are *n; fv_distill_rename then has them look at what
 * fv_distill_layers_append made. ARGUMENT: there are too many. */
fv_status fv_distill_specs(const fv_distill *distill, const fv_fit_options *options, fv_loss_spec *specs, int32_t *n);
void fv_distill_rename(const fv_distill *distill, fv_loss_spec *specs, int32_t n);

/* A copy of the graph with `prediction` of each layer behind it. `also`: values that stay. */
fv_status fv_distill_layers_append(const fv_distill_layers *layers, const fv_graph *graph, const char *const *also,
                                   int32_t n_also, fv_graph **out);
/* The target of a sample, of what the teacher's layer gives. */
void fv_distill_layer_target(const fv_distill_layer *layer, const float *given, float *target);

/* ---- a batch ---- */

/* What the teachers say of n images. `samples` (of the data set that rows are kept of) may be NULL. */
fv_status fv_distill_run(fv_distill *distill, fv_wisdom *wisdom, const float *images, const int64_t *samples,
                         int64_t n);
/* Target i of what was run, n x its numbers, and the input that it is for; NULL: there are no more. */
const float *fv_distill_target(fv_distill *distill, int i, const char **input);

/* Keeps rows of the loader's samples, up to `bytes`, where nothing changes its images from epoch to epoch: *used of
 * them. Says so in `text`; "": nothing is kept. */
fv_status fv_distill_keep(fv_distill *distill, int64_t bytes, const fv_loader *loader, int64_t *used,
                          char text[FV_DISTILL_TEXT]);

/* Bytes that what is kept takes; distill NULL: none. */
int64_t fv_distill_kept(const fv_distill *distill);

/* Parameters that are trained along, and the tensor of one by its name; NULL: there is none. */
int fv_distill_params(const fv_distill *distill);
fv_tensor *fv_distill_param(const fv_distill *distill, int i, const char **name);
fv_tensor *fv_distill_find(const fv_distill *distill, const char *name);

/* Adds what the teachers take in a run of batches of n, compiled but not made. */
fv_status fv_distill_plan(fv_distill *distill, fv_wisdom *wisdom, int64_t n, fv_memory *memory);

#endif
