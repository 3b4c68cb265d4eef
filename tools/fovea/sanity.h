/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FOVEA_PROGRAM_SANITY_H
#define FOVEA_PROGRAM_SANITY_H

#include "cli.h"

/* Options of train without a part in it, a blank on both sides of each. */
extern const char sanity_idle[];

/* Says, a line each, what is known to be unwise in the network that was asked for as `name` and, with `fit`, in its
 * recipe (fv_lint). */
fv_status sanity_advise(const char *name, const fv_model *model, const fv_fit_options *fit, int64_t images,
                        bool trained);

#endif
