/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an explainer: the network's input made of an image, and a method that makes a map of it. */
#ifndef FV_TRANSFER_EXPLAIN_H
#define FV_TRANSFER_EXPLAIN_H

#include <fovea/explain.h>

#include "data/pipeline.h"
#include "model/model.h"

/* What a method does. `open` sets h, w and forwards; `run` fills map and answers for the input at hand: *class_index
 * is -1 until it knows better. Both fail as fv_explainer_create and fv_explainer_run do. */
typedef struct fv_explain_row {
    fv_status (*open)(fv_explainer *e, const fv_explain_options *o);
    fv_status (*run)(fv_explainer *e, int64_t *class_index);
} fv_explain_row;
extern const fv_explain_row fv_explain_gradcam, fv_explain_occlusion;

/* GRADCAM: a program that computes the layer's map A and the gradient to it of the score that `choice` points out. */
typedef struct fv_gradcam {
    fv_program *program;
    fv_instance *instance;
    const fv_port *image, *choice, *scores, *value, *slope;
    float *chosen, *features, *slopes; /* what is written to choice; what is read from value and slope */
} fv_gradcam;

typedef struct fv_occlusion {
    fv_session *session;
    int64_t batch, patch[2], stride[2];
    double *sums;    /* by pixel of the input: of the losses where it was covered, */
    int32_t *counts; /* and how often it was */
} fv_occlusion;

/* The randomization test: a copy of the model, its explainer, and its layers, the last first. */
typedef struct fv_randomization {
    fv_model *copy;
    fv_explainer *explainer;
    const fv_node **layers;
    fv_randomized *rows;
    int count;
} fv_randomization;

struct fv_explainer {
    fv_ctx *ctx;
    fv_model *model;
    const fv_explain_row *method;
    fv_explain_options options; /* layer: the explainer's own copy */
    char *layer;
    fv_applier applier;
    int64_t size; /* floats of an input */
    float *input;
    int64_t h, w, forwards;
    float *map;     /* h x w */
    float *answers; /* of the input as it is */
    fv_gradcam gradcam;
    fv_occlusion occlusion;
    fv_randomization random;
};

/* The class with the largest answer, the first of equal ones. */
int64_t fv_explain_top(const float *answers, int64_t n);
/* Frees what the randomization test made. */
void fv_explain_forget_copy(fv_explainer *e);

#endif
