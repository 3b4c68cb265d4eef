/* SPDX-License-Identifier: Apache-2.0 */
#include "train_classes.h"

#include <stdlib.h>
#include <string.h>

fv_status classes_set(fv_model *model, const fv_dataset *train)
{
    int64_t n = fv_dataset_classes(train);
    const char **names = calloc((size_t)n + 1, sizeof *names);
    if (!names)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < n; i++)
        names[i] = fv_dataset_class_name(train, i);
    fv_status status = fv_model_set_class_names(model, names, n);
    free(names);
    return status;
}

fv_status classes_compare(const settings *c, const fv_model *model, const fv_dataset *train)
{
    static const char *const tasks[] = {"tells one class", "tells several classes at once", "predicts numbers"},
                             *const kinds[] = {"one class", "several classes", "numbers to predict"};
    const fv_task kind = fv_dataset_task(train);
    const fv_task task = fv_model_task(model);
    if ((int)task != (int)kind)
        return complain(FV_ERR_CONFLICT,
                        "add --reset-head to train a new output layer for such labels, or say with --task "
                        "how labels are read",
                        "%s %s, but the samples of %s have %s each", c->model, tasks[task], c->data, kinds[kind]);
    int64_t have = fv_model_classes(model), data = fv_dataset_classes(train);
    bool same = have == data;
    for (int64_t i = 0; same && i < have; i++)
        same = strcmp(fv_model_class_name(model, i), fv_dataset_class_name(train, i)) == 0;
    if (same)
        return FV_OK;
    char lists[2][512] = {"", ""};
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < (k ? data : have) && i < 10; i++) {
            const char *name = k ? fv_dataset_class_name(train, i) : fv_model_class_name(model, i);
            size_t used = strlen(lists[k]);
            snprintf(lists[k] + used, sizeof lists[k] - used, "%s%s%s", i ? ", " : "", name,
                     i == 9 && (k ? data : have) > 10 ? ", ..." : "");
        }
    return complain(FV_ERR_DATA_CLASSES, "add --reset-head to train a new output layer for the data's classes",
                    "%s knows %lld classes (%s), %s has %lld (%s)", c->model, (long long)have, lists[0], c->data,
                    (long long)data, lists[1]);
}
