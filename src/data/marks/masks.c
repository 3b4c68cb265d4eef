/* SPDX-License-Identifier: Apache-2.0 */
/* Segmentation: a picture of class indices beside each image. */
#include "data/marks/marks.h"

static fv_status probe(const fv_marks_place *place, bool *yes)
{
    return fv_marks_pairs_probe(place, "masks", yes);
}

const fv_marks_type fv_marks_masks = {
    .name = "masks", .kind = FV_MARKS_PIXELS, .text = "masks (images/ beside masks/)", .probe = probe};
