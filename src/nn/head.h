/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that are built with another head than their own. */
#ifndef FV_NN_HEAD_H
#define FV_NN_HEAD_H

#include "model/model.h"

/* fv_model_finish, and then fv_model_replace_head where the options (NULL: none) ask for it, but what the new head
 * takes the place of never has tensors. */
fv_status fv_model_finish_as(fv_model *model, fv_value output, const fv_zoo_options *options);

#endif
