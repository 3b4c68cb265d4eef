/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FV_TRAIN_EVALUATE_H
#define FV_TRAIN_EVALUATE_H

#include <fovea/train.h>

/* Number of classes that score above `label` (ties: the smaller index scores above): 0 = top-1 correct. */
int fv_rank_of(const float *logits, int64_t classes, int64_t label);
/* Scores with a session and loader that are kept between epochs. */
fv_status fv_evaluate_with(fv_session *session, fv_loader *loader, int64_t batch_size, int64_t h, int64_t w, int64_t c,
                           fv_metrics *metrics);
/* DATA_CLASSES with both lists. */
fv_status fv_fail_classes(fv_model *model, const fv_dataset *dataset);

#endif
