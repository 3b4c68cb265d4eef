/* SPDX-License-Identifier: Apache-2.0 */
/* Where a run goes, and how a new output layer meets old weights. */
#ifndef FOVEA_RUN_DIR_H
#define FOVEA_RUN_DIR_H

#include "head.h"

/* runs/train/exp, exp2, ... (never an existing one; the folder is made), or the folder of the run that is resumed. */
fv_status run_dir_choose(fv_ctx *ctx, const settings *c, char *dir, size_t size);
/* Makes the folder root/name, or name2, name3, ... */
fv_status run_dir_claim(const char *root, const char *name, char *dir, size_t size);
/* --output and --experiment as they are for that folder, and the folder from which paths are, so that args.yaml has
 * them. */
void run_dir_name(settings *c, const char *dir);
/* Removes the folders that run_dir_choose has made, as far as nothing is in them. */
void run_dir_release(void);
/* Loads --weights and tells what came of each tensor. MODEL_MISMATCH unless everything but the output layer, a
 * new head (of the architecture) and auxiliary heads that are not in the file, was
 * loaded, or --partial. */
fv_status run_load_weights(const settings *c, fv_model *model, const new_head *h);
/* Replaces *model, loaded from a file, by its architecture with another output layer and the file's other weights. */
fv_status run_reset_head(fv_ctx *ctx, const settings *c, const fv_zoo_options *options, fv_model **model);

#endif
