/* SPDX-License-Identifier: Apache-2.0 */
/* Augmentation: what happens to a sample in an epoch. */
#ifndef FV_DATA_AUGMENT_H
#define FV_DATA_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include <fovea/data.h>

/* One sample's draw. A zeroed struct leaves the image as it is. */
typedef struct fv_augment {
    int64_t dy, dx; /* output (y, x) shows (y + dy, x + dx), zero pixels outside */
    bool hflip;     /* mirrored after that */
} fv_augment;

/* Pure function of its arguments. */
fv_augment fv_augment_draw(const fv_loader_options *options, uint64_t epoch, uint64_t sample);

#endif
