/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that a run learns from, and fovea distill: fovea train with such a network in front. */
#include "train_teacher.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train_check.h"

/* One of the files of --teacher; a name that exists as it stands has no commas. */
static char *next_file(const char *list, const char **at)
{
    const size_t n = access(list, F_OK) == 0 ? strlen(list) : strcspn(*at, ",");
    char *name = strndup(*at, n);
    *at += n + ((*at)[n] == ',');
    return name;
}

static fv_status load(fv_ctx *ctx, const settings *c, char *name, train_teachers *teachers)
{
    const int i = teachers->count;
    fv_teacher *t = &teachers->list[i];
    if (!name)
        return FV_ERR_NO_MEMORY;
    teachers->names[i] = name;
    teachers->count++;
    *t = (fv_teacher){.name = name, .weight = c->teacher_weights.count > 0 ? c->teacher_weights.value[i] : 1};
    if (!*name)
        return complain(FV_ERR_VALUE, "name files, separated by commas", "--teacher %s: an empty name", c->teacher);
    if (model_is_recipe(name) || model_is_architecture(name))
        return complain(FV_ERR_MODEL, "give a model file (.safetensors) that was trained",
                        "--teacher %s is an architecture without weights", name);
    FV_TRY(fv_model_load(ctx, name, &t->model));
    model_note_pixels(name, t->model);
    return FV_OK;
}

static int count_files(const char *list)
{
    int n = 1;
    for (const char *p = list; access(list, F_OK) != 0 && *p; p++)
        n += *p == ',';
    return n;
}

static void tell(const settings *c, const fv_model *student, const fv_fit_options *o)
{
    char text[FV_DISTILL_TEXT];
    for (int i = 0; i < o->n_teachers; i++)
        note("%s", fv_distill_text(student, o, i, text));
    note("learned from: the labels %g, the teacher%s %g at temperature %g%s; what is told is the loss of the labels",
         o->task_loss_weight, o->n_teachers > 1 ? "s" : "", o->distill_loss_weight, o->kd_temperature,
         c->fit.hint || c->fit.attention ? ", layers" : "");
}

fv_status train_teachers_open(fv_ctx *ctx, const settings *c, fv_model *student, train_teachers *teachers)
{
    if (!c->teacher)
        return FV_OK;
    const int files = count_files(c->teacher);
    if (files > FV_TEACHERS_MAX)
        return complain(FV_ERR_VALUE, NULL, "--teacher: %d files: at most %d", files, FV_TEACHERS_MAX);
    if (c->teacher_weights.count > 0 && c->teacher_weights.count != files)
        return complain(FV_ERR_VALUE, "give one for each", "--teacher-weights: %d numbers for %d teachers",
                        c->teacher_weights.count, files);
    for (const char *at = c->teacher; teachers->count < files;)
        FV_TRY(load(ctx, c, next_file(c->teacher, &at), teachers));
    fv_fit_options o = c->fit;
    o.teachers = teachers->list;
    o.n_teachers = teachers->count;
    FV_TRY(fv_distill_check(student, &o));
    tell(c, student, &o);
    return FV_OK;
}

void train_teachers_close(train_teachers *teachers)
{
    for (int i = 0; i < teachers->count; i++) {
        fv_model_destroy(&teachers->list[i].model);
        free(teachers->names[i]);
    }
    teachers->count = 0;
}

/* ---- the verb ---- */

fv_status verb_distill(settings *c)
{
    const char *word = c->positional[0];
    if (word && c->teacher)
        return complain(FV_ERR_CONFLICT, "name it once", "fovea distill: '%s' and --teacher %s are two teachers", word,
                        c->teacher);
    if (word) {
        c->teacher = word;
        option_note_given("teacher");
    }
    if (!c->teacher && !c->resume && !c->config)
        return complain(FV_ERR_USAGE, "fovea distill best.safetensors --data PATH --model NAME",
                        "fovea distill: whose answers are learned from? Name a trained network");
    return verb_train(c);
}
