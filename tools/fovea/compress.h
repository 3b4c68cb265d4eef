/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of `fovea compress` share: a chain of stages, each a verb of the program. */
#ifndef FOVEA_PROGRAM_COMPRESS_H
#define FOVEA_PROGRAM_COMPRESS_H

#include "series.h"

enum { CHAIN_STAGES = 16, CHAIN_LAYERS = 512 };

typedef struct chain_layer {
    char name[64];
    double ms; /* of an image */
} chain_layer;

/* What a model costs and is worth. */
typedef struct chain_figures {
    double score; /* as its metric has it; NaN: not scored */
    int64_t parameters, bytes;
    double macs;
    fv_bench_figures time; /* of an image alone */
} chain_figures;

typedef struct chain_stage {
    const char *name; /* in the recipe: "distill" */
    const verb *verb; /* what it runs: train */
    words words;      /* its settings, those of the whole chain among them */
    double max_drop;  /* points; NaN: no gate */
    char run[48];     /* of its files in the folder: "2-prune-91c4a0d2" */
    char model[4400]; /* the file that it makes, and the next one takes */
    chain_figures figures;
} chain_stage;

typedef struct chain {
    settings *c;
    series s;                            /* of the runs that are trained: its folder is OUTPUT/stages */
    chain_stage stage[CHAIN_STAGES + 1]; /* 0: the model that was given */
    int count;                           /* of all, that one included */
    const fv_metric *metric;
    int64_t samples;
    chain_layer *layers[2]; /* of the first model and the last one, CHAIN_LAYERS each */
    int n_layers[2];
} chain;

/* The stages of --config, each checked as its verb would. */
fv_status chain_read(chain *k);
/* Scores a stage's model on --split. */
fv_status chain_score(chain *k, int i);
/* Sizes and times of all, the times by turns. */
fv_status chain_measure(chain *k);
/* On standard output, in compress.json and report.html. */
fv_status chain_tell(const chain *k);
/* The score as people see it: "83.33 %", "-"; and what a stage lost of it in points. */
const char *chain_score_text(const chain *k, int i, char text[64]);
double chain_lost(const chain *k, int from, int to);

#endif
