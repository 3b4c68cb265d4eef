/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FV_TRAIN_EVALUATE_H
#define FV_TRAIN_EVALUATE_H

#include "train/trunk.h"
#include "train/tally.h"

/* What is kept between epochs. The loader's batches are no larger than the session's, and have targets as wide as the
 * model's output unless it classifies. */
typedef struct fv_scorer {
    fv_model *model;
    fv_session *session; /* of the model, or of what is behind the trunk */
    fv_loader *loader;
    fv_trunk *trunk; /* may be NULL */
    fv_rows *rows;   /* of the trunk, that are kept; may be NULL */
} fv_scorer;
/* fv_evaluate_into with these. */
fv_status fv_evaluate_with(const fv_scorer *scorer, fv_metrics *metrics, fv_evaluation *findings);
/* The first batches, at least one, until about so much time has passed or so many samples are scored. */
fv_status fv_evaluate_some(const fv_scorer *scorer, double seconds, int64_t samples, fv_metrics *metrics);
/* The model does what the data ask for, and its classes get the names that the data have, unless it has some. */
fv_status fv_labels_adopt(fv_model *model, const fv_dataset *dataset);
/* DATA_CLASSES with both lists. */
fv_status fv_fail_classes(fv_model *model, const fv_dataset *dataset);

#endif
