/* SPDX-License-Identifier: Apache-2.0 */
/* What the data say of a sample, beside what a model says. */
#ifndef FOVEA_TRUTH_H
#define FOVEA_TRUTH_H

#include <jansson.h>

#include "cli.h"

typedef struct truth {
    const fv_model *model; /* names of the classes */
    fv_task task;
    int64_t classes;
    bool there; /* the data have labels of the model's kind; of the sample: */
    int32_t label;
    const float *targets;
} truth;

truth truth_of(const fv_model *model, const fv_dataset *data);
/* The label of a sample, where there are labels. */
void truth_take(truth *t, const fv_dataset *data, int64_t sample);
/* Whether an answer of classes is what the label says; `best` is its best class. */
bool truth_agrees(const truth *t, const float *answer, int64_t best);
/* The class's name; NULL where there is not one class. */
const char *truth_name(const truth *t);
/* " (label: cat; wrong)", " (labels: left, middle; right)", " (label: 41.5, 1.8)". */
void truth_text(const truth *t, const float *answer, int64_t best);
/* The field behind an answer: cat, left|middle, or the number of target `k` (-1: none), and a comma. */
void truth_csv(const truth *t, int64_t k);
/* Members "label" or "labels" and, where there is an answer (NULL: none) of classes, "right". */
void truth_json(const truth *t, const float *answer, int64_t best, json_t *line);

#endif
