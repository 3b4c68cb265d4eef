/* SPDX-License-Identifier: Apache-2.0 */
/* How far data are from a network's own: what advice is made of. */
#ifndef FV_TRANSFER_LIKENESS_H
#define FV_TRANSFER_LIKENESS_H

#include <fovea/advise.h>

#include "base/arena.h"
#include "model/model.h"

enum { FV_PROBES_MAX = 8 };

/* Runs the network over the data set and fills *likeness and the probes, whose names are in the arena. */
fv_status fv_likeness_measure(fv_model *model, fv_dataset *data, const fv_advise_options *options, fv_arena *arena,
                              fv_stage_probe probes[FV_PROBES_MAX], fv_likeness *likeness);

#endif
