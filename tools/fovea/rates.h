/* SPDX-License-Identifier: Apache-2.0 */
/* The learning rate of each tensor: --lr times its share, or frozen. */
#ifndef FOVEA_RATES_H
#define FOVEA_RATES_H

#include "cli.h"

/* A table of all tensors that are trained (text), or an array of them (--json). */
fv_status rates_print(const settings *c, fv_model *model);
/* Where tensors differ: a line per rate, with the tensors that have it. */
fv_status rates_tell(const fv_fit_options *fit, fv_model *model);

#endif
