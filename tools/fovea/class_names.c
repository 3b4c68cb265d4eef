/* SPDX-License-Identifier: Apache-2.0 */
#include "class_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lines "0 ant", "1 bee", as some tools write them: numbers from 0 on, which are dropped when all lines have them. */
static void drop_numbers(const char **names, int64_t n)
{
    char number[32];
    for (int64_t i = 0; i < n; i++) {
        const int length = snprintf(number, sizeof number, "%lld ", (long long)i);
        if (strncmp(names[i], number, (size_t)length) != 0 || !names[i][length])
            return;
    }
    for (int64_t i = 0; i < n; i++) {
        char *name = (char *)names[i];
        memmove(name, strchr(name, ' ') + 1, strlen(strchr(name, ' ')));
    }
    if (n > 0)
        note("--classes: the numbers in front of the names are left out");
}

/* The lines of --classes, which a model without class names is given; empty ones do not count. */
static fv_status read_classes(const settings *c, fv_model *model)
{
    const int64_t n = fv_model_classes(model);
    const char **names = calloc((size_t)n + 1, sizeof *names);
    char *line = NULL;
    size_t room = 0;
    int64_t count = 0;
    FILE *f = fopen(c->classes, "r");
    fv_status status = !names ? FV_ERR_NO_MEMORY : f ? FV_OK : FV_ERR_NOT_FOUND;
    if (names && !f)
        status = complain(errno == ENOENT ? FV_ERR_NOT_FOUND : FV_ERR_IO, NULL, "--classes %s: %s", c->classes,
                          strerror(errno));
    while (status == FV_OK && getline(&line, &room, f) >= 0) {
        line[strcspn(line, "\r\n")] = 0;
        const char *text = line + (count == 0 && strncmp(line, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0);
        if (*text && count++ < n && !(names[count - 1] = strdup(text)))
            status = FV_ERR_NO_MEMORY;
    }
    if (status == FV_OK && count != n)
        status = complain(FV_ERR_DATA_CLASSES, "write one name a line, in the order of the model's outputs",
                          "--classes %s: %lld names, but %s has %lld classes", c->classes, (long long)count, c->model,
                          (long long)n);
    if (status == FV_OK) {
        drop_numbers(names, n);
        status = fv_model_set_class_names(model, names, n);
    }
    for (int64_t i = 0; names && i < n; i++)
        free((char *)names[i]);
    free(names);
    free(line);
    if (f)
        fclose(f);
    return status;
}

fv_status class_names_take(const settings *c, fv_model *model)
{
    if (!c->classes)
        return FV_OK;
    if (fv_model_has_class_names(model))
        return complain(FV_ERR_CONFLICT, "drop --classes", "--classes %s: %s has names for its classes", c->classes,
                        c->model);
    return read_classes(c, model);
}

/* "cat, dog, ..." */
static void list_names(const fv_dataset *data, char *list, size_t size)
{
    const int64_t n = fv_dataset_classes(data);
    list[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        const char *name = fv_dataset_class_name(data, i);
        const size_t used = strlen(list);
        if (used + strlen(name) + 12 > size) {
            strcat(list, i ? ", ..." : "...");
            return;
        }
        sprintf(list + used, "%s%s", i ? ", " : "", name);
    }
}

static bool are_numbers(const fv_dataset *data)
{
    char number[24];
    for (int64_t i = 0; i < fv_dataset_classes(data); i++) {
        snprintf(number, sizeof number, "%lld", (long long)i);
        if (strcmp(number, fv_dataset_class_name(data, i)) != 0)
            return false;
    }
    return true;
}

fv_status class_names_guess(const settings *c, fv_model *model, const fv_dataset *data)
{
    char list[256];
    const char *what = c->weights ? c->weights : c->model;
    const int64_t n = fv_dataset_classes(data);
    if (fv_model_has_class_names(model) || n == 0)
        return FV_OK;
    list_names(data, list, sizeof list);
    if (n != fv_model_classes(model))
        return complain(FV_ERR_DATA_CLASSES, "use data with the model's classes, or name these with --classes FILE",
                        "%s knows %lld classes, which have no names, %s has %lld (%s)", what,
                        (long long)fv_model_classes(model), c->data, (long long)n, list);
    const char **names = calloc((size_t)n + 1, sizeof *names);
    for (int64_t i = 0; names && i < n; i++)
        names[i] = fv_dataset_class_name(data, i);
    fv_status status = names ? fv_model_set_class_names(model, names, n) : FV_ERR_NO_MEMORY;
    free(names);
    if (status == FV_OK && !are_numbers(data))
        warn("%s: its classes have no names; taken to be numbered as the data's: %s (--classes FILE says it otherwise)",
             what, list);
    return status;
}

fv_status class_names_share(fv_model *const *models, int count)
{
    for (int i = 1; i < count; i++) {
        if (fv_model_has_class_names(models[i]) || !fv_model_has_class_names(models[0]) ||
            fv_model_classes(models[i]) != fv_model_classes(models[0]))
            continue;
        const char **names = model_class_names(models[0]);
        fv_status status =
            names ? fv_model_set_class_names(models[i], names, fv_model_classes(models[0])) : FV_ERR_NO_MEMORY;
        free(names);
        FV_TRY(status);
        warn("model %d: its classes have no names; taken to be numbered as the first model's", i + 1);
    }
    return FV_OK;
}
