/* SPDX-License-Identifier: Apache-2.0 */
#include "truth.h"

#include <stdlib.h>
#include <string.h>

#include "show.h"

truth truth_of(const fv_model *model, const fv_dataset *data)
{
    truth t = {.model = model, .task = fv_model_task(model), .classes = fv_model_classes(model)};
    t.there = fv_dataset_task(data) == t.task && fv_dataset_classes(data) <= t.classes;
    return t;
}

void truth_take(truth *t, const fv_dataset *data, int64_t sample)
{
    t->label = t->there ? fv_dataset_label(data, sample) : -1;
    t->targets = t->there ? fv_dataset_targets(data, sample) : NULL;
}

static bool has(const truth *t, int64_t k)
{
    return t->targets[k] > 0.5f;
}

bool truth_agrees(const truth *t, const float *answer, int64_t best)
{
    if (t->task == FV_TASK_CLASSIFY)
        return best == t->label;
    for (int64_t k = 0; k < t->classes; k++)
        if ((answer[k] > 0.5f) != has(t, k))
            return false;
    return true;
}

const char *truth_name(const truth *t)
{
    return t->there && t->task == FV_TASK_CLASSIFY ? fv_model_class_name(t->model, t->label) : NULL;
}

void truth_text(const truth *t, const float *answer, int64_t best)
{
    const char *between = "";
    printf(t->task == FV_TASK_MULTILABEL ? " (labels: " : " (label: ");
    if (t->task == FV_TASK_CLASSIFY)
        show_text(stdout, truth_name(t));
    for (int64_t k = 0; t->task != FV_TASK_CLASSIFY && k < t->classes; k++) {
        if (t->task == FV_TASK_MULTILABEL && !has(t, k))
            continue;
        fputs(between, stdout);
        between = ", ";
        if (t->task == FV_TASK_MULTILABEL)
            show_text(stdout, fv_model_class_name(t->model, k));
        else
            printf("%.6g", (double)t->targets[k]);
    }
    if (t->task == FV_TASK_REGRESS)
        putchar(')');
    else
        fputs(truth_agrees(t, answer, best) ? "; right)" : "; wrong)", stdout);
}

/* As a manifest has it. */
static void csv_classes(const truth *t)
{
    size_t size = 1;
    for (int64_t k = 0; k < t->classes; k++)
        size += strlen(fv_model_class_name(t->model, k)) + 1;
    char *text = calloc(size, 1), *to = text;
    for (int64_t k = 0; text && k < t->classes; k++)
        if (has(t, k))
            to += sprintf(to, "%s%s", to > text ? "|" : "", fv_model_class_name(t->model, k));
    show_csv(stdout, text ? text : "");
    free(text);
}

void truth_csv(const truth *t, int64_t k)
{
    if (t->task == FV_TASK_CLASSIFY)
        show_csv(stdout, truth_name(t));
    else if (t->task == FV_TASK_MULTILABEL)
        csv_classes(t);
    else if (k >= 0)
        printf("%.9g", (double)t->targets[k]);
    putchar(',');
}

void truth_json(const truth *t, const float *answer, int64_t best, json_t *line)
{
    if (t->task == FV_TASK_CLASSIFY) {
        json_object_set_new(line, "label", show_json(truth_name(t)));
    } else {
        json_t *list = json_array();
        for (int64_t k = 0; k < t->classes; k++) {
            if (t->task == FV_TASK_REGRESS)
                json_array_append_new(list, json_real((double)t->targets[k]));
            else if (has(t, k))
                json_array_append_new(list, show_json(fv_model_class_name(t->model, k)));
        }
        json_object_set_new(line, "labels", list);
    }
    if (answer && t->task != FV_TASK_REGRESS)
        json_object_set_new(line, "right", json_boolean(truth_agrees(t, answer, best)));
}
