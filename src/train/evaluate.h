/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FV_TRAIN_EVALUATE_H
#define FV_TRAIN_EVALUATE_H

#include "train/tally.h"

/* fv_evaluate_into with a session and loader that are kept between epochs. The loader's batches are no larger than the
 * session's, and have targets as wide as the model's output unless it classifies. */
fv_status fv_evaluate_with(fv_model *model, fv_session *session, fv_loader *loader, fv_metrics *metrics,
                           fv_evaluation *findings);
/* The model does what the data ask for, and its classes get the names that the data have, unless it has some. */
fv_status fv_labels_adopt(fv_model *model, const fv_dataset *dataset);
/* DATA_CLASSES with both lists. */
fv_status fv_fail_classes(fv_model *model, const fv_dataset *dataset);

#endif
