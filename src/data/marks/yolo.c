/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes as text files, one beside each image. */
#include "data/marks/marks.h"

static fv_status probe(const fv_marks_place *place, bool *yes)
{
    return fv_marks_pairs_probe(place, "labels", yes);
}

const fv_marks_type fv_marks_yolo = {
    .name = "yolo", .kind = FV_MARKS_BOXES, .text = "boxes as YOLO has them (images/ beside labels/)", .probe = probe};
