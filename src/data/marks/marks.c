/* SPDX-License-Identifier: Apache-2.0 */
/* The table of marks, and what it is asked. */
#include "data/marks/marks.h"

#include "base/file.h"

static const fv_marks_type *const types[] = {
#define FV_MARKS(name) &fv_marks_##name,
#include "data/marks/marks.def"
#undef FV_MARKS
};

/* Else its files are not worth reading: class folders may have any JSON beside them. */
static fv_status has_home(const fv_marks_place *place, const fv_marks_type *type, bool *yes)
{
    *yes = !type->homes;
    for (const char *const *home = type->homes; !*yes && *home; home++)
        FV_TRY(fv_marks_is_dir(place, "", *home, yes));
    return FV_OK;
}

static fv_status find(const fv_marks_place *place, const fv_marks_type **type)
{
    *type = NULL;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        bool home = false, yes = false;
        FV_TRY(has_home(place, types[i], &home));
        if (home)
            FV_TRY(types[i]->probe(place, &yes));
        if (yes) {
            *type = types[i];
            break;
        }
    }
    return FV_OK;
}

fv_status fv_marks_refuse(fv_ctx *ctx, const char *root)
{
    const fv_marks_place place = {.ctx = ctx, .root = root};
    const fv_marks_type *marks;
    FV_TRY(find(&place, &marks));
    if (!marks)
        return FV_OK;
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_DATA, "%s: found %s, expected one folder per class", root, marks->text),
                        "`fovea data check` and `fovea data stats` look at boxes and masks; everything else needs a "
                        "label for each image: folders of classes, or a manifest");
}
