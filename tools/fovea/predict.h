/* SPDX-License-Identifier: Apache-2.0 */
/* What `fovea predict` is doing, and how its answers are printed. */
#ifndef FOVEA_PREDICT_VERB_H
#define FOVEA_PREDICT_VERB_H

#include "explain.h"
#include "sheet.h"
#include "test_time.h"
#include "truth.h"

typedef struct prediction {
    settings *c;
    fv_ctx *ctx;
    ensemble models;
    fv_model *model; /* the first of them */
    fv_task task;
    fv_dataset *data;
    char **paths;                   /* n_paths files to be answered together */
    float *probability, *deviation; /* or values; the deviation of a pass with dropout */
    int64_t *order;
    int64_t n_paths, classes, topk, done, bad, lost; /* lost: of the bad, those read but not answered */
    int64_t shown;                                   /* of the done, those that --wrong-only leaves */
    truth truth;
    sheet *sheet;
    explaining *explaining; /* NULL: without --explain */
    bool shared_line;       /* answers stand on the terminal's line: no progress on it */
    char piped[32];         /* where an image from standard input is kept */
} prediction;

/* In front of all answers. */
void prediction_print_head(const prediction *p);
/* The answer in p->probability, ranked in p->order; in place of one that there is not. */
void prediction_print_good(const prediction *p, const char *name);
void prediction_print_bad(const prediction *p, const char *name, const char *error);

#endif
