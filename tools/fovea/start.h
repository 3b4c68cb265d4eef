/* SPDX-License-Identifier: Apache-2.0 */
/* What a training run starts from where nothing else was asked for: a pretrained network, and a recipe for photographs.
 */
#ifndef FOVEA_PROGRAM_START_H
#define FOVEA_PROGRAM_START_H

#include "cli.h"

/* Whether the images are photographs by their size and colors: three channels, not small. */
bool start_is_photographs(const fv_dataset *data);

/* The architecture that a file of weights fits, the last layer aside: the first by name. */
fv_status start_find_architecture(fv_ctx *ctx, const char *weights, const char **architecture);

/*
 * Sets what the command line left open, and says so: for --model auto the architecture, for photographs with the best
 * weights at hand (--weights, else a file of the folder that FOVEA_ZOO names), frozen but for the output layer where
 * the data are few, or for few photographs without weights a small network and its recipe; for --preset photos
 * augmentation and warm-up.
 */
fv_status start_choose(fv_ctx *ctx, settings *c, const fv_dataset *train);

/* The learning rate of a training from nothing: with --preset photos in proportion to the batch, for few photographs
 * to its square root. */
double start_rate(const settings *c, double usual);
/* The largest batch of --batch-size auto. */
int64_t start_batch(const settings *c);

#endif
