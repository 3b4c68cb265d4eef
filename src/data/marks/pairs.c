/* SPDX-License-Identifier: Apache-2.0 */
/* Images with a file beside each: boxes as YOLO has them, and masks. */
#include "base/file.h"
#include "base/text.h"
#include "data/marks/marks.h"

fv_status fv_marks_is_dir(const fv_marks_place *place, const char *a, const char *b, bool *yes)
{
    fv_str path = {.ctx = place->ctx};
    fv_str_printf(&path, "%s/%s%s%s", place->root, a, a[0] ? "/" : "", b);
    fv_status status = fv_str_status(&path);
    *yes = status == FV_OK && fv_path_is_dir(fv_str_get(&path));
    fv_str_free(&path);
    return status;
}

const char *fv_marks_holder(int k)
{
    static const char *const names[] = {"",           "train", "training",   "val",  "valid",
                                        "validation", "eval",  "evaluation", "test", "testing"};
    return k < (int)(sizeof names / sizeof *names) ? names[k] : NULL;
}

fv_status fv_marks_pairs_probe(const fv_marks_place *place, const char *other, bool *yes)
{
    bool images = false, others = false;
    for (int k = 0; fv_marks_holder(k) && !(images && others); k++) {
        FV_TRY(fv_marks_is_dir(place, fv_marks_holder(k), "images", &images));
        FV_TRY(fv_marks_is_dir(place, fv_marks_holder(k), other, &others));
    }
    *yes = images && others;
    return FV_OK;
}
