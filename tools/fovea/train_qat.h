/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FOVEA_TRAIN_QAT_H
#define FOVEA_TRAIN_QAT_H

#include "cli.h"

/* --qat: the network that the run begins with becomes one that is trained for integers. */
fv_status train_qat(fv_ctx *ctx, const settings *c, fv_model **model);
/* weights/int8.safetensors of the best model in a run's folder (the last, where there is none). `complete`: the run was
 * over before; only what is missing is made. */
fv_status train_qat_export(fv_ctx *ctx, const char *dir, bool complete);

#endif
