/* SPDX-License-Identifier: Apache-2.0 */
/* What `fovea quantize` makes of a model, and what that cost. */
#ifndef FOVEA_QUANTIZE_H
#define FOVEA_QUANTIZE_H

#include "cli.h"

/* What weights and activations become. */
enum { FORMAT_INT8, FORMAT_DYNAMIC, FORMAT_WEIGHTS_ONLY, FORMAT_BF16, FORMAT_FP16, FORMAT_COUNT };
typedef struct quantize_format {
    const char *name;
    const char *option; /* NULL: the one that is taken where none is named */
    bool calibrates;    /* needs images for the ranges of values */
    fv_storage storage; /* of files, where nothing else changes; FLOAT32: layers become integers */
    const char *honest; /* what it is, in words */
} quantize_format;
extern const quantize_format quantize_formats[FORMAT_COUNT];
/* The one that the options name. CONFLICT, after a message: several. */
fv_status quantize_format_of(const settings *c, const quantize_format **format);

typedef struct quantize_job {
    const quantize_format *format;
    const char *name;                /* as it was typed */
    fv_model *model, *made, *ranges; /* ranges: the model that they are taken from; NULL: images */
    fv_dataset *images, *labeled;    /* NULL: none */
    fv_quantizer *quantizer;
    fv_round_report rounded;
    fv_dynamic_report dynamic;
    fv_quantize_gate gate;
    bool equalize, bias_correction; /* as asked, or as --auto chose */
    double plain_db, chosen_db;     /* of --auto: of the network's last layer, plain and as it is made */
    bool scored;
    double before, after; /* accuracy, % */
    int64_t n_labeled;
    char split[8]; /* of the labeled */
    int64_t bytes[2];
} quantize_job;

/* What ranges are observed on: the train split, or the one that is named. Their classes need not be the model's. */
fv_status quantize_open_images(fv_ctx *ctx, const settings *c, quantize_job *j);
/* What the models are scored on: a split of its own, so that no image is used twice. */
fv_status quantize_open_labeled(fv_ctx *ctx, const settings *c, quantize_job *j);
/* j->made from j->model, and j->quantizer, in the job's format; nothing is scored. */
fv_status quantize_make(const settings *c, quantize_job *j);
void quantize_print_text(const settings *c, const quantize_job *j);
void quantize_print_json(const settings *c, const quantize_job *j);

#endif
