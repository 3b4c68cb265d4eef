/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FV_TRAIN_EVALUATION_H
#define FV_TRAIN_EVALUATION_H

#include <fovea/evaluate.h>

/* Forgets everything; ARGUMENT unless the findings are for that task and number of classes. */
fv_status fv_evaluation_begin(fv_evaluation *evaluation, fv_task task, int64_t classes);
/* One sample: its scores, which are numbers, as fv_tally_add has them; its class or its targets; its loss. What is said
 * is decided by the scores, as the metrics do: answers that are rounded may be alike where scores are not. `logits`:
 * what answers are made of, the scores or these by a temperature; NULL: the scores are answers. NO_MEMORY. */
fv_status fv_evaluation_add(fv_evaluation *evaluation, int64_t sample, const float *scores, const float *logits,
                            int32_t label, const float *target, double loss);
/* What was kept for curves: of sample i in the data's order the answers, a row of as many as there are classes, and
 * whether it has a class. NULL: nothing. */
const float *fv_evaluation_answers(const fv_evaluation *evaluation);
bool fv_evaluation_has(const fv_evaluation *evaluation, int64_t i, int64_t class_index);
fv_ctx *fv_evaluation_ctx(const fv_evaluation *evaluation);
/* Behind the last sample: orders what is read. NO_MEMORY. */
fv_status fv_evaluation_end(fv_evaluation *evaluation);

#endif
