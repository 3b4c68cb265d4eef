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

    /* GRADCAM */
    fv_program *program;
    fv_instance *instance;
    const fv_port *image, *choice, *scores, *value, *slope; /* the class's share of the score that is differentiated;
                                                               A; the score's gradient to it */
    float *chosen, *features, *slopes;

    /* OCCLUSION */
    fv_session *session;
    int64_t batch, patch[2], stride[2];
    double *sums; /* h x w */
    int32_t *counts;

    /* the randomization test: a copy of the model, and its explainer */
    fv_model *copy;
    fv_explainer *other;
    fv_randomized *rows;
    const fv_node **layers; /* of the copy, the last first */
    int n_layers;
};

/* The class with the largest answer, the first of equal ones. */
int64_t fv_explain_top(const float *answers, int64_t n);
/* Frees what the randomization test made. */
void fv_explain_forget_copy(fv_explainer *e);

#endif
