/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics, sample by sample. Sums are float64 in the order of the samples. */
#ifndef FV_TRAIN_TALLY_H
#define FV_TRAIN_TALLY_H

#include <fovea/evaluate.h>
#include <fovea/train.h>

/* Number of classes that score above `label` (ties: the smaller index scores above): 0 = top-1 correct. */
int fv_rank_of(const float *scores, int64_t classes, int64_t label);
/* Whether every class is on the right side: of 0 for logits, of 1/2 for probabilities. */
bool fv_all_right(const float *scores, const float *target, int64_t classes, float threshold);
/* Samples of a batch whose row of `logits` has its class, or all its classes, right; 0 where answers are numbers. */
int64_t fv_count_right(fv_task task, const float *logits, int64_t classes, const fv_batch *batch);
/* Outputs of a model -> answers: softmax, sigmoids, or as they are; in place allowed. All NaN where an output is no
 * answer (fv_task_answers). */
void fv_task_answer(fv_task task, const float *output, int64_t count, float *answer);
/* Outputs of a model -> answers at its temperature; in place allowed. The class that is said is that of the largest
 * output, whatever rounding makes of the probabilities. */
void fv_model_answer(const fv_model *model, const float *output, int64_t count, float *answer);
/* Outputs by a temperature; in place allowed. */
void fv_temper(const float *output, int64_t count, double temperature, float *tempered);
/* Whether outputs or answers are numbers: none is NaN, nor infinite where that is no answer. */
bool fv_task_answers(fv_task task, const float *output, int64_t count);
/* DIVERGED unless the model's answer is finite. */
fv_status fv_answer_check(const fv_model *model, const float *answer, int64_t count);
/* CONFLICT unless the data's labels are what the task asks for. */
fv_status fv_task_check(fv_model *model, const fv_dataset *dataset);

typedef struct fv_tally {
    fv_ctx *ctx;
    fv_task task;
    int64_t classes, samples;
    int64_t answer, label;       /* of the first sample; -1: other samples have others */
    double temperature;          /* losses and findings are of logits divided by it; 0: as they are */
    float *tempered;             /* one sample's */
    int64_t *counts;             /* CLASSIFY: by class, samples taken for it, then samples of it */
    int64_t lost, first_lost;    /* samples without an answer, and the first of them */
    double sum[FV_METRIC_COUNT]; /* of the metrics that are means */
    bool keeps_rows;             /* a metric needs all samples together */
    float *rows;                 /* scores and targets, 2 x classes a sample */
    int64_t capacity;            /* samples */
    fv_evaluation *findings;     /* borrowed; NULL: nobody asks */
} fv_tally;

/* `findings` (may be NULL) are filled, too; they are for that task and number of classes. */
void fv_tally_begin(fv_ctx *ctx, fv_task task, int64_t classes, fv_evaluation *findings, fv_tally *tally);
/* One sample, by its number in the data set: its class, or its targets (classes floats). `scores` are logits, or
 * answers (fv_task_answer). NO_MEMORY. */
fv_status fv_tally_add(fv_tally *tally, int64_t sample, const float *scores, bool logits, int32_t label,
                       const float *target);
/* The metrics, but for img_per_s and quarantined; frees what the tally holds, which may also be done with NULL. */
fv_status fv_tally_end(fv_tally *tally, fv_metrics *metrics);

#endif
