/* SPDX-License-Identifier: Apache-2.0 */
/* Teachers at work: how their classes are the student's, what they say of a batch, and what of it is kept. */
#include "train/distill.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/real.h"
#include "base/text.h"
#include "data/augment/augment.h"
#include "ops/ref.h"
#include "train/image_size.h"

/* Images that are computed at a time. */
enum { TOGETHER = 16 };

/* ---- classes ---- */

static fv_status fail_classes(const fv_distill *d, const fv_guide *g)
{
    const fv_model *models[2] = {g->model, d->student};
    fv_str list[2] = {{.ctx = d->ctx}, {.ctx = d->ctx}};
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < models[k]->n_classes && i <= 8; i++)
            fv_str_printf(&list[k], "%s%s", i ? ", " : "", i < 8 ? fv_model_class_name(models[k], i) : "...");
    const fv_status status = fv_fail_hint(d->ctx,
                                          fv_fail(d->ctx, FV_ERR_DATA_CLASSES,
                                                  "teacher %s knows %lld classes (%s), the student has %lld (%s)",
                                                  g->name, (long long)g->model->n_classes, fv_str_get(&list[0]),
                                                  (long long)d->student->n_classes, fv_str_get(&list[1])),
                                          "use a teacher of the same classes, in any order; layers alone (--hint, "
                                          "--attention) can be learned from others "
                                          "with --distill-loss-weight 0");
    fv_str_free(&list[0]);
    fv_str_free(&list[1]);
    return status;
}

/* Both have names of their own: else classes are those of the same numbers. */
static bool by_name(const fv_model *student, const fv_model *teacher)
{
    return fv_model_has_class_names(student) && fv_model_has_class_names(teacher);
}

static int64_t find_class(const fv_model *student, const char *name, int64_t first)
{
    if (strcmp(student->class_names[first], name) == 0) /* mostly the same order */
        return first;
    for (int64_t i = 0; i < student->n_classes; i++)
        if (strcmp(student->class_names[i], name) == 0)
            return i;
    return -1;
}

static fv_status match_classes(const fv_distill *d, fv_guide *g)
{
    const fv_model *m = g->model;
    if (m->task != FV_TASK_CLASSIFY || d->student->task != FV_TASK_CLASSIFY)
        return fv_fail_hint(d->ctx,
                            fv_fail(d->ctx, FV_ERR_CONFLICT,
                                    "teacher %s: soft targets are for one class each, its task is %s, the "
                                    "student's %s",
                                    g->name, fv_task_names()[m->task], fv_task_names()[d->student->task]),
                            "learn from its layers alone: --hint or --attention, with --distill-loss-weight 0");
    if (m->n_classes != d->student->n_classes)
        return fail_classes(d, g);
    g->place = fv_calloc(d->ctx, (size_t)m->n_classes + 1, 2 * sizeof *g->place);
    if (!g->place)
        return FV_ERR_NO_MEMORY;
    int64_t *taken = g->place + m->n_classes + 1;
    for (int64_t i = 0; i < m->n_classes; i++) {
        g->place[i] = by_name(d->student, m) ? find_class(d->student, m->class_names[i], i) : i;
        if (g->place[i] < 0 || taken[g->place[i]]++)
            return fail_classes(d, g);
    }
    return FV_OK;
}

/* ---- making ---- */

static fv_status check_teacher(const fv_distill *d, const fv_teacher *t)
{
    if (!t->model || t->model->ctx != d->ctx || !t->model->finished)
        return fv_fail(d->ctx, FV_ERR_ARGUMENT, "teacher '%s': expected a finished model of the student's context",
                       t->name ? t->name : "(unnamed)");
    if (t->model == d->student)
        return fv_fail(d->ctx, FV_ERR_ARGUMENT, "teacher '%s' is the student itself", fv_model_name(t->model));
    if (!(t->weight > 0) || t->weight > 1e30)
        return fv_fail(d->ctx, FV_ERR_VALUE, "teacher %s: weight %g: expected a number above 0",
                       t->name ? t->name : fv_model_name(t->model), t->weight);
    return fv_model_need_plain(t->model, "a teacher");
}

static fv_status check_parts(const fv_distill *d)
{
    if (d->classes == 0 && d->layers.count == 0)
        return fv_fail_hint(d->ctx,
                            fv_fail(d->ctx, FV_ERR_CONFLICT,
                                    "the teacher has no effect here: every part that it has in the loss has weight 0"),
                            "give --distill-loss-weight, or layers with --hint or --attention");
    if (d->classes == 0 && d->count > 1)
        return fv_fail_hint(d->ctx,
                            fv_fail(d->ctx, FV_ERR_CONFLICT,
                                    "%d teachers: with --distill-loss-weight 0 only the first has an effect", d->count),
                            "name one");
    return FV_OK;
}

static fv_status add_guide(fv_distill *d, const fv_teacher *t, double sum)
{
    fv_guide *g = &d->guide[d->count++];
    *g = (fv_guide){.model = t->model,
                    .name = fv_arena_strdup(d->arena, t->name ? t->name : fv_model_name(t->model)),
                    .share = t->weight / sum,
                    .map = {.space.ctx = d->ctx, .work.ctx = d->ctx}};
    if (!g->name)
        return FV_ERR_NO_MEMORY;
    return d->classes > 0 ? match_classes(d, g) : FV_OK;
}

/* Values of the first teacher that its layers' targets are made of, each once. */
static void list_values(fv_distill *d)
{
    for (int i = 0; i < d->layers.count; i++) {
        const char *name = d->layers.list[i].teacher;
        bool known = false;
        for (int k = 0; k < d->n_values; k++)
            known = known || strcmp(d->values[k], name) == 0;
        if (!known)
            d->values[d->n_values++] = name;
    }
}

static void choose_programs(fv_distill *d, const fv_fit_options *o)
{
    d->together = o->batch_size > 0 && o->batch_size < TOGETHER ? o->batch_size : TOGETHER;
    for (int i = 0; i < d->count; i++)
        if (fv_model_check_batch(d->guide[i].model, d->together) != FV_OK) {
            fv_fail_clear(d->ctx);
            d->together = 1;
        }
    for (int i = 0; i < d->count; i++)
        d->guide[i].key = (fv_program_key){
            .batch = d->together, .values = i == 0 ? d->values : NULL, .n_values = i == 0 ? d->n_values : 0};
}

static fv_status make(fv_distill *d, const fv_fit_options *o)
{
    double sum = 0;
    for (int i = 0; i < o->n_teachers; i++) {
        FV_TRY(check_teacher(d, &o->teachers[i]));
        sum += o->teachers[i].weight;
    }
    d->temperature = o->kd_temperature;
    d->classes = o->distill_loss_weight > 0 ? d->student->n_classes : 0;
    for (int i = 0; i < o->n_teachers; i++)
        FV_TRY(add_guide(d, &o->teachers[i], sum));
    FV_TRY(fv_distill_layers_make(d->student, d->guide[0].model, o, d->arena, &d->layers));
    FV_TRY(check_parts(d));
    int64_t full = 0;
    d->size = d->classes;
    for (int i = 0; i < d->layers.count; i++) {
        d->size += d->layers.list[i].size;
        full = d->layers.list[i].full > full ? d->layers.list[i].full : full;
    }
    list_values(d);
    choose_programs(d, o);
    d->sums = fv_calloc(d->ctx, (size_t)(d->together * d->classes) + 1, sizeof *d->sums);
    d->given = fv_calloc(d->ctx, (size_t)(d->together * full) + 1, sizeof *d->given);
    if (!d->sums || !d->given)
        return FV_ERR_NO_MEMORY;
    return fv_scratch_create(d->ctx, &d->scratch);
}

fv_status fv_distill_create(fv_model *student, const fv_fit_options *o, fv_distill **distill)
{
    fv_ctx *ctx = student->ctx;
    *distill = NULL;
    if (o->n_teachers == 0)
        return FV_OK;
    if (o->n_teachers < 0 || o->n_teachers > FV_TEACHERS_MAX || !o->teachers)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "%d teachers: expected at most %d", o->n_teachers, FV_TEACHERS_MAX);
    fv_distill *d = fv_new(ctx, fv_distill);
    if (!d)
        return FV_ERR_NO_MEMORY;
    d->ctx = ctx;
    d->student = student;
    fv_status status = fv_arena_create(ctx, &d->arena);
    if (status == FV_OK)
        status = make(d, o);
    if (status == FV_OK)
        status = fv_distill_enter(d, student->pipeline.h, student->pipeline.w);
    if (status != FV_OK)
        fv_distill_destroy(&d);
    *distill = d;
    return status;
}

static void forget_rows(fv_distill *d)
{
    fv_free(d->ctx, d->cache.at);
    fv_free(d->ctx, d->cache.rows);
    d->cache = (fv_distill_cache){.samples = 0};
}

void fv_distill_destroy(fv_distill **distill)
{
    fv_distill *d = distill ? *distill : NULL;
    if (!d)
        return;
    for (int i = 0; i < d->count; i++) {
        fv_session_destroy(&d->guide[i].session);
        fv_image_map_free(&d->guide[i].map);
        fv_free(d->ctx, d->guide[i].place);
    }
    fv_scratch_destroy(&d->scratch);
    fv_distill_layers_free(&d->layers);
    forget_rows(d);
    fv_free(d->ctx, d->rows);
    fv_free(d->ctx, d->one);
    fv_free(d->ctx, d->sums);
    fv_free(d->ctx, d->given);
    fv_arena_destroy(&d->arena);
    fv_free(d->ctx, d);
    *distill = NULL;
}

fv_status fv_distill_enter(fv_distill *d, int64_t h, int64_t w)
{
    fv_pipeline from = d->student->pipeline;
    fv_pipeline_set_size(&from, h, w);
    for (int i = 0; i < d->count; i++) {
        fv_guide *g = &d->guide[i];
        FV_TRY(fv_image_map_make(d->ctx, g->name, &from, &g->model->pipeline, &g->map));
    }
    d->side[0] = h;
    d->side[1] = w;
    return FV_OK;
}

fv_status fv_distill_check(fv_model *student, const fv_fit_options *options)
{
    fv_distill *d = NULL;
    const fv_status status = fv_distill_create(student, options, &d);
    fv_distill_destroy(&d);
    return status;
}

const char *fv_distill_text(const fv_model *student, const fv_fit_options *o, int i, char text[FV_DISTILL_TEXT])
{
    const fv_model *m = o->teachers[i].model;
    const fv_pipeline *from = &student->pipeline, *to = &m->pipeline;
    bool ordered = true;
    char size[96] = "", parameters[48] = "";
    for (int64_t k = 0; k < m->n_classes && k < student->n_classes; k++)
        ordered = ordered && strcmp(m->class_names[k], student->class_names[k]) == 0;
    if (from->h != to->h || from->w != to->w)
        snprintf(size, sizeof size, ", images resized from %lldx%lld to %lldx%lld", (long long)from->h,
                 (long long)from->w, (long long)to->h, (long long)to->w);
    if (fv_model_parameters(m) > 0) /* one of integers has constants */
        snprintf(parameters, sizeof parameters, ", %lld parameters", (long long)fv_model_parameters(m));
    snprintf(text, FV_DISTILL_TEXT, "teacher %.200s: %.100s%s%s%s",
             o->teachers[i].name ? o->teachers[i].name : fv_model_name(m), fv_model_name(m), parameters,
             !(o->distill_loss_weight > 0)      ? ""
             : !by_name(student, m) && !ordered ? ", classes taken by their numbers, as names are not on both sides"
             : ordered                          ? ""
                                                : ", classes in another order, matched by name",
             size);
    return text;
}

fv_status fv_distill_prepare(fv_distill *d, fv_wisdom *wisdom)
{
    for (int i = 0; i < d->count; i++) {
        fv_guide *g = &d->guide[i];
        g->key.wisdom = wisdom;
        if (!g->session)
            FV_TRY(fv_session_create_by(g->model, &g->key, d->scratch, &g->session));
    }
    return FV_OK;
}

/* ---- what they say ---- */

static fv_status make_room(fv_distill *d, int64_t n)
{
    int64_t largest = d->classes;
    for (int i = 0; i < d->layers.count; i++)
        largest = d->layers.list[i].size > largest ? d->layers.list[i].size : largest;
    if (n <= d->room)
        return FV_OK;
    fv_free(d->ctx, d->rows);
    fv_free(d->ctx, d->one);
    d->room = 0;
    d->rows = fv_calloc(d->ctx, (size_t)n, (size_t)d->size * sizeof *d->rows);
    d->one = fv_calloc(d->ctx, (size_t)n, (size_t)largest * sizeof *d->one);
    if (!d->rows || !d->one)
        return FV_ERR_NO_MEMORY;
    d->room = n;
    return FV_OK;
}

/* Adds a teacher's share of softmax(outputs / T) to a sample's sums, at the student's classes. */
static void add_answer(const fv_distill *d, const fv_guide *g, const float *outputs, double *sums)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < d->classes; j++)
        largest = (double)outputs[j] > largest ? (double)outputs[j] : largest;
    for (int64_t j = 0; j < d->classes; j++)
        sum += fv_exp64(((double)outputs[j] - largest) / d->temperature);
    for (int64_t j = 0; j < d->classes; j++)
        sums[g->place[j]] += g->share * fv_exp64(((double)outputs[j] - largest) / d->temperature) / sum;
}

static fv_status check_answer(const fv_distill *d, const fv_guide *g, const float *outputs, int64_t n)
{
    for (int64_t i = 0; i < n * d->classes; i++)
        if (!isfinite(outputs[i]))
            return fv_fail_hint(d->ctx,
                                fv_fail(d->ctx, FV_ERR_DIVERGED,
                                        "teacher %s: its answer to an image of the batch is not finite", g->name),
                                "`fovea eval` tells which images those are; use another teacher");
    return FV_OK;
}

static fv_status ask_answers(fv_distill *d, const fv_guide *g, int64_t count)
{
    const float *outputs = fv_session_output(g->session, NULL);
    if (d->classes == 0)
        return FV_OK;
    FV_TRY(check_answer(d, g, outputs, count));
    for (int64_t i = 0; i < count; i++)
        add_answer(d, g, outputs + i * d->classes, d->sums + i * d->classes);
    return FV_OK;
}

/* The layers' targets of rows at[0..count). */
static fv_status ask_layers(fv_distill *d, const fv_guide *g, const int64_t *at, int64_t count)
{
    int64_t place = d->classes;
    for (int k = 0; k < d->layers.count; k++) {
        const fv_distill_layer *layer = &d->layers.list[k];
        const size_t bytes = (size_t)(count * layer->full) * sizeof *d->given;
        FV_TRY(fv_session_get(g->session, layer->teacher, d->given, bytes));
        for (int64_t i = 0; i < count; i++)
            fv_distill_layer_target(layer, d->given + i * layer->full, d->rows + at[i] * d->size + place);
        place += layer->size;
    }
    return FV_OK;
}

static void keep_row(fv_distill *d, int64_t sample, const float *row)
{
    fv_distill_cache *c = &d->cache;
    if (sample < 0 || sample >= c->samples || c->at[sample] >= 0 || c->used == c->room)
        return;
    c->at[sample] = (int32_t)c->used;
    memcpy(c->rows + c->used++ * d->size, row, (size_t)d->size * sizeof *row);
}

/* Rows at[0..count) of the batch. */
static fv_status compute(fv_distill *d, const int64_t *at, int64_t count, const float *images, const int64_t *samples)
{
    const int64_t image = d->side[0] * d->side[1] * d->student->pipeline.c;
    memset(d->sums, 0, (size_t)(count * d->classes) * sizeof *d->sums);
    for (int k = 0; k < d->count; k++) {
        fv_guide *g = &d->guide[k];
        const fv_pipeline *to = &g->model->pipeline;
        float *input = fv_session_input(g->session);
        for (int64_t i = 0; i < count; i++)
            FV_TRY(fv_image_map_run(&g->map, images + at[i] * image, input + i * to->h * to->w * to->c));
        FV_TRY(fv_session_run_n(g->session, count));
        FV_TRY(ask_answers(d, g, count));
        if (k == 0)
            FV_TRY(ask_layers(d, g, at, count));
    }
    for (int64_t i = 0; i < count; i++) {
        float *row = d->rows + at[i] * d->size;
        for (int64_t j = 0; j < d->classes; j++)
            row[j] = (float)d->sums[i * d->classes + j];
        if (samples)
            keep_row(d, samples[at[i]], row);
    }
    return FV_OK;
}

fv_status fv_distill_run(fv_distill *d, fv_wisdom *wisdom, const float *images, const int64_t *samples, int64_t n)
{
    int64_t at[TOGETHER], count = 0;
    FV_TRY(fv_distill_prepare(d, wisdom));
    FV_TRY(make_room(d, n));
    d->n = n;
    for (int64_t i = 0; i < n; i++) {
        const bool known = samples && samples[i] >= 0 && samples[i] < d->cache.samples && d->cache.at[samples[i]] >= 0;
        if (known)
            memcpy(d->rows + i * d->size, d->cache.rows + d->cache.at[samples[i]] * d->size,
                   (size_t)d->size * sizeof *d->rows);
        else
            at[count++] = i;
        if (count == d->together || (i == n - 1 && count > 0)) {
            FV_TRY(compute(d, at, count, images, samples));
            count = 0;
        }
    }
    return FV_OK;
}

const float *fv_distill_target(fv_distill *d, int i, const char **input)
{
    const bool soft = d->classes > 0 && i == 0;
    const int layer = i - (d->classes > 0);
    int64_t place = 0, size = d->classes;
    if (!soft && layer >= d->layers.count)
        return NULL;
    *input = soft ? FV_SOFT_TARGET : d->layers.list[layer].target;
    for (int k = 0; !soft && k <= layer; k++) {
        place += size;
        size = d->layers.list[k].size;
    }
    for (int64_t r = 0; r < d->n; r++)
        memcpy(d->one + r * size, d->rows + r * d->size + place, (size_t)size * sizeof *d->one);
    return d->one;
}

/* ---- what is kept ---- */

int64_t fv_distill_kept(const fv_distill *d)
{
    return d ? d->cache.samples * (int64_t)sizeof *d->cache.at + d->cache.room * d->size * (int64_t)sizeof(float) : 0;
}

fv_status fv_distill_keep(fv_distill *d, int64_t bytes, const fv_loader *loader, int64_t *used,
                          char text[FV_DISTILL_TEXT])
{
    const int64_t samples = fv_dataset_count(loader->dataset), row = d->size * (int64_t)sizeof(float);
    const int64_t list = samples * (int64_t)sizeof *d->cache.at;
    const int64_t fits = (bytes - list) / row, room = fits < samples ? fits : samples;
    fv_distill_cache *c = &d->cache;
    text[0] = '\0';
    *used = 0;
    if (c->samples != samples || memcmp(c->size, d->side, sizeof c->size) != 0)
        forget_rows(d);
    if (c->samples == 0 && fv_augment_is_plain(loader->augment) && room > 0 && bytes > list) {
        c->at = fv_malloc(d->ctx, (size_t)list + 1);
        c->rows = fv_malloc(d->ctx, (size_t)(room * row));
        if (!c->at || !c->rows)
            return FV_ERR_NO_MEMORY;
        memset(c->at, 0xff, (size_t)list);
        c->samples = samples;
        c->room = room;
        memcpy(c->size, d->side, sizeof c->size);
    }
    if (c->samples == 0)
        return FV_OK;
    *used = fv_distill_kept(d);
    snprintf(text, FV_DISTILL_TEXT, "the teacher is asked once about an image: %.2f MB for %lld of %lld images",
             (double)*used / 1048576, (long long)c->room, (long long)samples);
    return FV_OK;
}

/* ---- what is trained along ---- */

int fv_distill_params(const fv_distill *d)
{
    int n = 0;
    for (int i = 0; d && i < d->layers.count; i++)
        n += d->layers.list[i].weight ? 2 : 0;
    return n;
}

fv_tensor *fv_distill_param(const fv_distill *d, int i, const char **name)
{
    for (int k = 0; k < d->layers.count; k++) {
        const fv_distill_layer *layer = &d->layers.list[k];
        if (!layer->weight || (i -= 2) >= 0)
            continue;
        *name = i == -2 ? layer->weight_name : layer->bias_name;
        return i == -2 ? layer->weight : layer->bias;
    }
    return NULL;
}

fv_tensor *fv_distill_find(const fv_distill *d, const char *name)
{
    const char *own;
    for (int i = 0; i < fv_distill_params(d); i++) {
        fv_tensor *tensor = fv_distill_param(d, i, &own);
        if (strcmp(own, name) == 0)
            return tensor;
    }
    return NULL;
}

/* ---- memory ---- */

fv_status fv_distill_plan(fv_distill *d, fv_wisdom *wisdom, int64_t n, fv_memory *m)
{
    fv_program *programs[FV_TEACHERS_MAX] = {NULL};
    fv_program_memory largest = {0};
    int64_t before, after, image = 0, targets = d->classes;
    fv_status status = FV_OK;
    fv_ctx_memory(d->ctx, &before, NULL);
    for (int i = 0; status == FV_OK && i < d->count; i++) {
        fv_guide *g = &d->guide[i];
        g->key.wisdom = wisdom;
        status = fv_model_take_program(g->model, &g->key, &programs[i]);
        if (status != FV_OK)
            break;
        const fv_program_memory use = fv_program_memory_use(programs[i]);
        const fv_pipeline *p = &g->model->pipeline;
        m->packed += use.packed;
        largest = use.instance > largest.instance ? use : largest;
        image += g->map.same ? 0 : (d->side[0] * d->side[1] + 2 * p->h * p->w) * p->c;
        m->weights += fv_model_weight_bytes(g->model);
        m->data -= fv_model_weight_bytes(g->model); /* where it was counted as something that is there */
    }
    fv_ctx_memory(d->ctx, &after, NULL);
    for (int i = 0; i < d->count; i++)
        if (programs[i])
            fv_model_give_program(d->guide[i].model, &programs[i]);
    for (int i = 0; i < d->layers.count; i++)
        targets = d->layers.list[i].size > targets ? d->layers.list[i].size : targets;
    m->data += after - before;
    m->workspace += largest.workspace;
    m->activations += largest.instance - largest.workspace + (n * (d->size + targets) + image) * (int64_t)sizeof(float);
    return status;
}
