/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frozen beginning of a network that is trained: all up to one value, the cut, behind which everything follows from
 * it alone. It computes as in inference, and what it makes of an image that always looks the same can be kept: a row
 * of the cut's values. The trainer's graph begins at the cut.
 */
#ifndef FV_TRAIN_TRUNK_H
#define FV_TRAIN_TRUNK_H

#include "data/loader.h"
#include "model/model.h"

/* Many rows in one piece of memory. */
typedef struct fv_slab {
    struct fv_slab *next;
    int64_t used, room; /* rows */
    float *rows;
} fv_slab;

/* Rows of a data set's samples that are kept, once they have been computed. */
typedef struct fv_rows {
    fv_ctx *ctx;
    fv_slab *slabs;      /* where the rows are */
    float *_Atomic *row; /* by sample; NULL: not yet, or no room for it */
    int64_t count;
} fv_rows;

typedef struct fv_trunk {
    fv_ctx *ctx;
    fv_model *model;
    const char *input, *cut; /* names of the image and of the value, in the model's graph */
    int64_t image, size;     /* floats of an image, and of a row */
    int64_t together;        /* images that are computed at a time: 8, but no more than a batch has */
    fv_session *session;     /* made when it is first needed; none in a trunk for planning */
    fv_scratch *scratch;
    fv_wisdom *wisdom;
    float *batch;        /* rows of a batch */
    int64_t room;        /* of them */
    int64_t limit, left; /* bytes that rows may take, and those that are left of them */
    int64_t planned;     /* samples whose rows may be kept */
    bool changing;       /* there are others, which an augmentation changes */
} fv_trunk;

/* Most images that are computed at a time. */
#define FV_TRUNK_BATCH 8

/*
 * Where the model can be cut, given which of its slots are frozen; *cut NULL: nowhere. `outputs` (n names of values or
 * NULLs) are needed beside the model's outputs. The last value of such a kind: every image reaches the outputs through
 * it; no node before it is trained, draws or keeps statistics; it is computed with frozen parameters; and no layer
 * behind it would be folded into one before it, so that in parts the network computes the bits of the whole.
 */
fv_status fv_trunk_find(const fv_model *model, const bool *frozen, const char *const *outputs, int32_t n,
                        const char **cut);
/* Whether a value depends on a parameter that is trained. */
fv_status fv_trunk_learns(const fv_model *model, const bool *frozen, const char *value, bool *learns);

/* Borrows the model, `cut`, scratch and wisdom. `batch`: samples of a batch of the run. */
fv_status fv_trunk_create(fv_model *model, const char *cut, int64_t batch, fv_scratch *scratch, fv_wisdom *wisdom,
                          fv_trunk **trunk);
/* Compiles it now rather than at the first image. */
fv_status fv_trunk_prepare(fv_trunk *trunk);
void fv_trunk_destroy(fv_trunk **trunk);

/* The rows of n images, in memory that is the trunk's until the next call. */
fv_status fv_trunk_run(fv_trunk *trunk, const float *images, int64_t n, const float **rows);
/* The same for samples of a data set: those that are kept are not computed, and others are kept where there is room. */
fv_status fv_trunk_rows(fv_trunk *trunk, fv_rows *kept, const int64_t *samples, const float *images, int64_t n,
                        const float **rows);

/*
 * Keeps rows of the loader's samples, up to `bytes` in all that the trunk keeps, and lets the loader decode no image
 * whose row is there; *rows stays NULL where an augmentation changes the images. They outlive the loader. Says in
 * `text` what is kept so far.
 */
#define FV_TRUNK_TEXT 400
fv_status fv_trunk_keep(fv_trunk *trunk, int64_t bytes, fv_loader *loader, fv_rows **rows, char text[FV_TRUNK_TEXT]);
void fv_rows_destroy(fv_rows **rows);

#endif
