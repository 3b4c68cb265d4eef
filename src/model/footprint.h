/* SPDX-License-Identifier: Apache-2.0 */
/* What a network needs, finished or a draft. */
#ifndef FV_MODEL_FOOTPRINT_H
#define FV_MODEL_FOOTPRINT_H

#include <fovea/footprint.h>

#include "model/model.h"

/* fv_model_footprint of a model whose graph was checked, with the seconds of an image at the machine's two rates (a
 * rate of 0: that takes none). */
fv_status fv_model_needs(const fv_model *model, fv_numbers numbers, const fv_machine *machine, fv_footprint *f,
                         double *seconds);

#endif
