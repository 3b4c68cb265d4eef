/* SPDX-License-Identifier: Apache-2.0 */
/* What eval writes beside its numbers: curves, and a sheet of the worst samples. */
#ifndef FOVEA_EVAL_FILES_H
#define FOVEA_EVAL_FILES_H

#include "curve.h"

/* Before the work, which may be long: whether the files can be written; whether the model's answers have curves. */
fv_status eval_files_check(const settings *c, curve_files *files);
fv_status eval_files_begin(const settings *c, const fv_model *model);
fv_status eval_files_write(fv_ctx *ctx, const settings *c, const curve_files *files, const fv_model *model,
                           fv_dataset *data, const fv_evaluation *evaluation);

#endif
