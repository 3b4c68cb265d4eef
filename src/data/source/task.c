/* SPDX-License-Identifier: Apache-2.0 */
/* What samples are labeled with, as people name it. */
#include <string.h>

#include "base/text.h"
#include "data/source/source.h"

fv_status fv_task_parse(fv_ctx *ctx, const char *task, fv_task *kind)
{
    static const char *const words[FV_TASK_COUNT + 1] = {"class", "multi-label", "regression", NULL};
    *kind = FV_TASK_COUNT;
    if (!task)
        return FV_OK;
    for (int k = 0; k < FV_TASK_COUNT; k++) {
        if (strcmp(task, words[k]) == 0)
            *kind = (fv_task)k;
    }
    const char *near = fv_text_nearest(task, words);
    return *kind < FV_TASK_COUNT
               ? FV_OK
               : fv_fail(ctx, FV_ERR_VALUE, "task '%s': expected class, multi-label or regression%s%s%s", task,
                         near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

const char *fv_task_labels(fv_task kind)
{
    static const char *const texts[FV_TASK_COUNT + 1] = {"one class each", "several classes each", "numbers to predict",
                                                         "boxes or masks"};
    return texts[kind];
}

fv_status fv_task_fits(fv_ctx *ctx, const char *path, const char *task, fv_task kind)
{
    fv_task wanted;
    FV_TRY(fv_task_parse(ctx, task, &wanted));
    if (!task || wanted == kind)
        return FV_OK;
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_CONFLICT, "%s: task '%s' wants %s, but the samples have %s", path, task,
                                fv_task_labels(wanted), fv_task_labels(kind)),
                        "leave out --task, or give data or a model of the other kind");
}
