/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Augmentation: a pipeline of named operators, written as text, that turns a sample into what one epoch shows of it.
 * What happens is a pure function of (seed, epoch, sample, text). An operator is a function in this folder with one
 * `fv_augment_op` and one row in augment_ops.def.
 *
 *     rrc scale=0.08..1; hflip p=0.5; rotate degrees=-15..15 fill=reflect p=0.3; mixup alpha=0.2
 *
 * Steps run in the order of the text, except that the one that frames (rrc, scale_crop) comes first and those over
 * whole batches (mixup, cutmix) come last. Geometric steps in a row are multiplied into one warp, so that the pixels
 * are interpolated once; boxes and masks follow.
 */
#ifndef FV_DATA_AUGMENT_H
#define FV_DATA_AUGMENT_H

#include <fovea/augment.h>

#include "base/ctx.h"
#include "data/image/resize.h"
#include "data/image/warp.h"

#define FV_AUGMENT_PARAMS 10

/* A number is given as one value, which low and high both hold, or as low..high to be drawn from. */
typedef struct fv_range {
    double low, high;
} fv_range;

typedef enum fv_param_kind {
    FV_PARAM_NUMBER, /* one value */
    FV_PARAM_RANGE,  /* low..high; one value v stands for v..v */
    FV_PARAM_SPREAD, /* low..high; one value v stands for -v..v */
    FV_PARAM_WHOLE,  /* one whole number */
    FV_PARAM_WHOLES, /* low..high, whole numbers; one value v stands for v..v */
    FV_PARAM_CHOICE, /* one of `names`; the value is the index */
} fv_param_kind;

typedef struct fv_augment_param {
    const char *key;
    fv_param_kind kind;
    fv_range def;
    double min, max;
    const char *const *names; /* CHOICE, NULL-terminated */
    const char *doc;
} fv_augment_param;

/* Random numbers of one step for one sample; a step's numbers do not change when others come or go behind it. */
typedef struct fv_draw {
    uint64_t seed, epoch, sample;
    uint32_t step, calls;
    uint32_t word[4];
    int used;
} fv_draw;
void fv_draw_begin(fv_draw *draw, uint64_t seed, uint64_t epoch, uint64_t sample, uint32_t step);
uint32_t fv_draw_word(fv_draw *draw);
double fv_draw_uniform(fv_draw *draw, double low, double high); /* in [low, high); low when they are equal */
double fv_draw_range(fv_draw *draw, fv_range range);
int64_t fv_draw_whole(fv_draw *draw, fv_range range); /* each of low..high alike */
int64_t fv_draw_below(fv_draw *draw, int64_t n);      /* in [0, n) */
double fv_draw_normal(fv_draw *draw);                 /* mean 0, deviation 1 */
double fv_draw_beta(fv_draw *draw, double a);         /* Beta(a, a) */

/* A sample on its way through the steps. */
typedef struct fv_canvas {
    fv_image image; /* in one of the buffers, or borrowed */
    bool borrowed;
    fv_image mask; /* no data: none */
    fv_box *boxes;
    int64_t n_boxes;
    fv_warp warp; /* to be done before the pixels are looked at */
    bool warped;
    fv_resize_scratch buffer[2], work; /* the image is in buffer[at] */
    int at;
    fv_resize_scratch mask_buffer[2];
    int mask_at;
} fv_canvas;

typedef struct fv_augment_call {
    const fv_range *arg; /* by the index of the parameter */
    fv_draw draw;
    const fv_pipeline *pipeline;
    fv_canvas *canvas;
    char *note; /* what was drawn, for people; NULL: not wanted */
    size_t note_size;
} fv_augment_call;

typedef enum fv_augment_stage { FV_STAGE_FRAME, FV_STAGE_SAMPLE, FV_STAGE_BATCH } fv_augment_stage;

/* A batch as floats n x size, with targets n x n_targets, partners being mixed in place. */
typedef struct fv_mix {
    float *images, *targets, *lines; /* lines: room for one sample */
    int64_t n, h, w, c, n_targets;
} fv_mix;

typedef struct fv_augment_op {
    const char *name, *doc;
    fv_augment_stage stage;
    bool cuts; /* SAMPLE: works on the scale from 0 to full, and cuts off what floats have beyond */
    double p;  /* default of `p`, the share of the samples it happens to; 0: 1 */
    const fv_augment_param *params; /* ended by a NULL key; NULL: none */
    /* FRAME: which box of an image of h x w becomes the network's input. */
    void (*frame)(fv_augment_call *call, int64_t h, int64_t w, fv_resize_spec *spec);
    /* SAMPLE: changes the canvas. NO_MEMORY. */
    fv_status (*apply)(fv_augment_call *call);
    /* BATCH: mixes samples. */
    void (*mix)(fv_draw *draw, const fv_range *arg, const fv_mix *mix);
} fv_augment_op;

#define FV_AUGMENT(name) extern const fv_augment_op fv_augment_##name;
#include "data/augment/augment_ops.def"
#undef FV_AUGMENT

const fv_augment_op *fv_augment_op_find(const char *name);

/* All that the augmentation of one sample depends on, apart from its pixels. */
typedef struct fv_augment_key {
    const fv_augment *augment; /* NULL: none */
    const fv_pipeline *pipeline;
    uint64_t seed, epoch, sample;
    char *note; /* what was drawn, for people; NULL: not wanted */
    size_t note_size;
} fv_augment_key;

/* The frame of a sample, an image of h x w: by the framing step, or as the model's own rule says. */
void fv_augment_frame(const fv_augment_key *key, int64_t h, int64_t w, fv_resize_spec *spec);
/* The steps after the frame. canvas->image is h x w of the pipeline. */
fv_status fv_augment_run(const fv_augment_key *key, fv_canvas *canvas);
/* Whether samples are mixed, so that targets are needed; mixing batch `batch` of an epoch. */
bool fv_augment_mixes(const fv_augment *augment);
void fv_augment_mix(const fv_augment *augment, uint64_t seed, uint64_t epoch, int64_t batch, const fv_mix *mix);
/* Whether there is nothing but the model's own frame. augment may be NULL. */
bool fv_augment_is_plain(const fv_augment *augment);

/* The name of the first step that cuts off floats beyond full scale; NULL: there is none. augment may be NULL. */
const char *fv_augment_cuts(const fv_augment *augment);

/* The model's own frame: STRETCH, or the central h x w of the image with its short side at resize_size. */
void fv_frame_default(const fv_pipeline *pipeline, int64_t h, int64_t w, fv_resize_spec *spec);
/* A look at an image: a crop of the network's size where the image has its short side at `size`. */
typedef enum fv_view_place {
    FV_VIEW_TOP_LEFT,
    FV_VIEW_TOP_RIGHT,
    FV_VIEW_LOW_LEFT,
    FV_VIEW_LOW_RIGHT,
    FV_VIEW_CENTER
} fv_view_place;
typedef struct fv_image_view {
    int64_t size; /* 0: no crop; the frame is the augmentation's or the model's own */
    fv_view_place place;
} fv_image_view;
/* Its frame. An image that is too elongated is scaled until it covers the crop. The center's odd pixel goes where
 * fv_frame_default has it. */
void fv_frame_view(const fv_pipeline *pipeline, const fv_image_view *view, int64_t h, int64_t w, fv_resize_spec *spec);

/* ---- what operators use ---- */

/* Frees the buffers. */
void fv_canvas_free(fv_canvas *canvas);
/* The other buffer, with room for an image of that size: the canvas' image is set to it, the old one returned in *old
 * and still readable. */
fv_status fv_canvas_turn(fv_canvas *canvas, int64_t h, int64_t w, fv_image *old);
/* Makes the image one that may be written, with all geometry done. Operators on pixels begin with this. */
fv_status fv_canvas_pixels(fv_canvas *canvas);
/* Adds a warp of the current image (same size), done later together with those that follow. */
fv_status fv_canvas_warp(fv_canvas *canvas, const fv_warp *warp);
/* Adds to the note. */
void fv_augment_note(fv_augment_call *call, const char *format, ...) FV_PRINTF(2, 3);

#endif
