/* SPDX-License-Identifier: Apache-2.0 */
/* How trainers are made, go over into the next phase of a run, and end. */
#include "train/trainer.h"

#include <string.h>

#include "model/model.h"
#include "train/image_size.h"
#include "train/losses.h"
#include "train/rates.h"
#include "train/update.h"

static bool decays(fv_slot_kind kind, const fv_fit_options *options)
{
    return kind == FV_SLOT_WEIGHT || (kind == FV_SLOT_BIAS && options->decay_bias) ||
           (kind == FV_SLOT_NORM && options->decay_norm);
}

/* What is frozen in the trainer's phase, and by slot how many steps were done before the first that trained it. */
static fv_status mark_phases(fv_trainer *t)
{
    const fv_model *m = t->model;
    for (int i = 0; i < m->n_slots; i++)
        t->since[i] = -1;
    for (int k = 0; k <= t->start.phase; k++) {
        memset(t->frozen, 0, (size_t)m->n_slots * sizeof *t->frozen);
        FV_TRY(fv_phase_mark(m, &t->options, k, t->frozen));
        for (int i = 0; i < m->n_slots; i++)
            if (!t->frozen[i] && t->since[i] < 0)
                t->since[i] = t->start.begun[k];
    }
    return FV_OK;
}

/* What the optimizer remembers of a parameter: as the phase before has left it, or nothing yet. */
static fv_status make_slots(fv_trainer *t, fv_trainer_param *p, fv_trainer_param *before)
{
    for (int s = 0; s < t->slots; s++) {
        if (before && before->slot[s]) {
            p->slot[s] = before->slot[s];
            before->slot[s] = NULL;
            continue;
        }
        p->slot[s] = fv_calloc(t->ctx, (size_t)fv_tensor_count(p->tensor), sizeof(float));
        if (!p->slot[s])
            return FV_ERR_NO_MEMORY;
        if (fv_optimizer_slot_copies(&t->options, s))
            memcpy(p->slot[s], fv_tensor_const_data(p->tensor), fv_tensor_bytes(p->tensor));
    }
    return FV_OK;
}

/* What is trained along and is not the model's: behind its parameters, from the first step on. */
static fv_status collect_others(fv_trainer *t, fv_trainer *before)
{
    fv_status status = FV_OK;
    for (int i = 0; status == FV_OK && i < fv_distill_params(t->distill); i++) {
        fv_trainer_param *p = &t->params[t->n_params++];
        p->tensor = fv_distill_param(t->distill, i, &p->name);
        p->decay = fv_tensor_shape(p->tensor)->rank > 1 || t->options.decay_bias;
        p->rate = 1;
        if (!t->planned)
            status = make_slots(t, p, before ? &before->params[t->n_params - 1] : NULL);
    }
    return status;
}

static fv_status collect_tensors(fv_trainer *t, fv_trainer *before)
{
    fv_model *m = t->model;
    fv_model_sync(m);
    t->params = fv_calloc(t->ctx, (size_t)(m->n_slots + fv_distill_params(t->distill)) + 1, sizeof *t->params);
    t->states = fv_calloc(t->ctx, (size_t)m->n_slots + 1, sizeof *t->states);
    t->frozen = fv_calloc(t->ctx, (size_t)m->n_slots + 1, sizeof *t->frozen);
    t->since = fv_calloc(t->ctx, (size_t)m->n_slots + 1, sizeof *t->since);
    if (!t->params || !t->states || !t->frozen || !t->since)
        return FV_ERR_NO_MEMORY;
    double *rates = fv_calloc(t->ctx, (size_t)m->n_slots + 1, sizeof *rates);
    if (!rates)
        return FV_ERR_NO_MEMORY;
    fv_status status = mark_phases(t);
    if (status == FV_OK)
        status = fv_rates_mark(m, &t->options, rates);
    for (int i = 0; status == FV_OK && i < m->n_slots; i++) {
        const fv_slot *slot = &m->slots[i];
        if (slot->kind == FV_SLOT_STATE) {
            t->states[t->n_states++] = slot->data;
            t->undo.bytes += fv_tensor_bytes(slot->data);
            continue;
        }
        fv_trainer_param *p = &t->params[t->n_params++];
        p->name = slot->name;
        p->tensor = slot->data;
        p->decay = decays(slot->kind, &t->options);
        p->rate = rates[i];
        p->since = t->since[i];
        if (!t->frozen[i] && !t->planned)
            status = make_slots(t, p, before ? &before->params[t->n_params - 1] : NULL);
    }
    fv_free(t->ctx, rates);
    FV_TRY(status);
    FV_TRY(collect_others(t, before));
    t->undo.data = fv_calloc(t->ctx, t->planned ? 1 : t->undo.bytes + 1, 1);
    return t->undo.data ? FV_OK : FV_ERR_NO_MEMORY;
}

/* The trainer's graph has the model's tensors by name. */
static void mark_frozen(const fv_trainer *t)
{
    for (int i = 0; i < t->model->n_slots; i++) {
        fv_val *v = t->frozen[i] ? fv_graph_find(t->graph, t->model->slots[i].name) : NULL;
        if (v) /* else it is the trunk's */
            v->frozen = true;
    }
}

/* ---- the optimizer's memory, as the graph names it ---- */

static fv_trainer_param *find_param(const fv_trainer *t, const char *name, size_t size)
{
    for (int i = 0; i < t->n_params; i++)
        if (strncmp(t->params[i].name, name, size) == 0 && t->params[i].name[size] == '\0')
            return &t->params[i];
    return NULL;
}

/* "<parameter>.<slot name>" or "<tensor>.average"; or a parameter that is not the model's */
static void *find_slot(void *user, const char *name, const fv_shape *shape)
{
    const fv_trainer *t = user;
    const char *dot = strrchr(name, '.');
    fv_tensor *other = fv_distill_find(t->distill, name);
    if (other)
        return fv_tensor_data(other);
    if (dot && t->average && strcmp(dot + 1, FV_UPDATE_AVERAGE) == 0)
        return fv_average_of(t->average, name, (size_t)(dot - name));
    fv_trainer_param *p = dot ? find_param(t, name, (size_t)(dot - name)) : NULL;
    if (!p || !fv_shape_equal(fv_tensor_shape(p->tensor), shape))
        return NULL;
    for (int s = 0; s < t->slots; s++)
        if (strcmp(fv_optimizer_slot_name(&t->options, s), dot + 1) == 0)
            return p->slot[s];
    return NULL;
}

static bool param_decays(void *user, const char *name)
{
    const fv_trainer_param *p = find_param(user, name, strlen(name));
    return p && p->decay;
}

static double param_rate(void *user, const char *name)
{
    const fv_trainer_param *p = find_param(user, name, strlen(name));
    return p ? p->rate : 1;
}

static int64_t param_since(void *user, const char *name)
{
    const fv_trainer_param *p = find_param(user, name, strlen(name));
    return p ? p->since : 0;
}

static bool is_of_model(void *user, const char *name)
{
    return !fv_distill_find(((const fv_trainer *)user)->distill, name);
}

fv_status fv_trainer_append_update(void *user, fv_graph *g, const char *const *params, fv_val *const *gradients,
                                   int32_t count, int32_t *first)
{
    fv_trainer *t = user;
    const fv_update_options options = {.fit = &t->options,
                                       .decays = param_decays,
                                       .rate = param_rate,
                                       .since = param_since,
                                       .averages = is_of_model,
                                       .user = t};
    return fv_add_update(g, &options, params, gradients, count, first);
}

/* What a trainer is made of. */
typedef struct making {
    fv_model *model;
    const fv_fit_options *options;
    const fv_loss_spec *losses; /* NULL: the usual ones */
    int32_t n_losses;
    const fv_trainer_start *start;
    bool planned;
    fv_trainer *before; /* whose record of solvers, averages and optimizer's memory it takes; NULL: none */
} making;

/* Its own copy of the losses, for the trainer of the next phase. */
static fv_status keep_specs(fv_trainer *t, const making *how)
{
    t->specs.count = how->losses ? how->n_losses : 0;
    for (int32_t i = 0; i < t->specs.count && i < FV_LOSSES_MAX; i++) {
        fv_loss_spec *own = &t->specs.list[i];
        const char **texts[] = {&own->loss, &own->output, &own->target, &own->name};
        *own = how->losses[i];
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            const char *copy = *texts[k] ? fv_arena_strdup(t->specs.texts, *texts[k]) : NULL;
            if (*texts[k] && !copy)
                return FV_ERR_NO_MEMORY;
            *texts[k] = copy;
        }
    }
    return FV_OK;
}

static fv_status make_losses(fv_trainer *t, const making *how)
{
    fv_loss_spec usual[1 + FV_AUX_MAX];
    int32_t n;
    FV_TRY(fv_arena_create(t->ctx, &t->specs.texts));
    FV_TRY(keep_specs(t, how));
    if (how->losses)
        return fv_losses_add(t, how->losses, how->n_losses);
    FV_TRY(fv_losses_usual(t->model, &t->options, t->frozen, usual, &n));
    return fv_losses_add(t, usual, n);
}

/* What the trainer of the phase before has made and goes on. */
static void take_over(fv_trainer *t, fv_trainer *before)
{
    t->step = before->step;
    t->wisdom = before->wisdom;
    t->average = before->average;
    t->distill = before->distill;
    before->distill = NULL;
    before->wisdom = NULL;
    before->average = NULL;
}

/* The teachers, and the size of the images that they are given in this phase. */
static fv_status make_distill(fv_trainer *t, const making *how)
{
    fv_phases phases;
    if (t->options.n_teachers == 0)
        return FV_OK;
    if (how->losses)
        return fv_fail(t->ctx, FV_ERR_CONFLICT, "fv_trainer_create_with: teachers go with the usual losses only");
    if (!t->distill)
        FV_TRY(fv_distill_create(t->model, &t->options, &t->distill));
    FV_TRY(fv_phases_read(t->ctx, &t->options, &phases));
    const fv_pipeline sized = fv_image_size_pipeline(t->model, &phases, t->start.phase);
    return fv_distill_enter(t->distill, sized.h, sized.w);
}

static fv_status make(fv_trainer *t, const making *how)
{
    if (how->before)
        take_over(t, how->before);
    FV_TRY(make_distill(t, how));
    FV_TRY(collect_tensors(t, how->before));
    if (!t->wisdom)
        FV_TRY(fv_wisdom_create(t->ctx, &t->wisdom));
    FV_TRY(fv_scratch_create(t->ctx, &t->scratch));
    FV_TRY(make_losses(t, how));
    mark_frozen(t);
    if (t->options.model_ema && !t->planned && !t->average)
        FV_TRY(fv_average_create(t->model, &t->average));
    if (t->options.grad_accum_steps > 1)
        FV_TRY(fv_accumulate_create(t->ctx, &t->accumulate));
    return fv_store_create(t->ctx, &(fv_binding){.find = find_slot, .user = t}, &t->store);
}

static fv_status create(const making *how, fv_trainer **trainer)
{
    *trainer = NULL;
    fv_ctx *ctx = how->model->ctx;
    if (!how->model->finished)
        return fv_fail(ctx, FV_ERR_ARGUMENT,
                       "fv_trainer_create: the model is not finished; call fv_model_finish first");
    fv_fit_options resolved = *how->options;
    fv_settings_resolve(&resolved);
    FV_TRY(fv_settings_check(ctx, &resolved));
    fv_trainer *t = fv_new(ctx, fv_trainer);
    if (!t)
        return FV_ERR_NO_MEMORY;
    t->ctx = ctx;
    t->model = how->model;
    t->options = resolved;
    t->planned = how->planned;
    if (how->start)
        t->start = *how->start;
    t->optimizer = fv_optimizer_get((fv_optimizer_kind)resolved.optimizer);
    t->slots = fv_optimizer_slots(&resolved);
    fv_status status = make(t, how);
    if (status != FV_OK)
        fv_trainer_destroy(&t);
    *trainer = t;
    return status;
}

fv_status fv_trainer_create_with(fv_model *model, const fv_fit_options *options, const fv_loss_spec *losses,
                                 int32_t n_losses, fv_trainer **trainer)
{
    *trainer = NULL;
    if (!losses)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "fv_trainer_create_with: no losses");
    return create(&(making){.model = model, .options = options, .losses = losses, .n_losses = n_losses}, trainer);
}

fv_status fv_trainer_create(fv_model *model, const fv_fit_options *options, fv_trainer **trainer)
{
    return create(&(making){.model = model, .options = options}, trainer);
}

fv_status fv_trainer_create_at(fv_model *model, const fv_fit_options *options, const fv_trainer_start *start,
                               fv_trainer **trainer)
{
    return create(&(making){.model = model, .options = options, .start = start}, trainer);
}

fv_status fv_trainer_create_planned(fv_model *model, const fv_fit_options *options, int phase, fv_trainer **trainer)
{
    const fv_trainer_start start = {.phase = phase};
    return create(&(making){.model = model, .options = options, .start = &start, .planned = true}, trainer);
}

void fv_trainer_free_exec(fv_trainer *t, fv_trainer_exec *e)
{
    fv_pieces_destroy(&e->pieces);
    fv_instance_destroy(&e->instance);
    fv_program_release(&e->program);
    fv_free(t->ctx, e->gradient);
    *e = (fv_trainer_exec){0};
}

/* Everything that is compiled, and the memory that it runs in. */
static void free_compiled(fv_trainer *t)
{
    for (int i = 0; i < FV_TRAINER_EXECS; i++)
        fv_trainer_free_exec(t, &t->exec[i]);
    fv_accumulate_destroy(&t->accumulate);
    fv_trunk_destroy(&t->trunk);
    fv_scratch_destroy(&t->scratch);
    fv_store_destroy(&t->store);
    fv_graph_destroy(&t->graph);
    fv_arena_destroy(&t->specs.texts);
}

void fv_trainer_destroy(fv_trainer **trainer)
{
    fv_trainer *t = trainer ? *trainer : NULL;
    if (!t)
        return;
    free_compiled(t);
    fv_average_destroy(&t->average);
    fv_distill_destroy(&t->distill);
    for (int i = 0; i < t->n_params; i++)
        for (int s = 0; s < FV_OPTIMIZER_SLOTS; s++)
            fv_free(t->ctx, t->params[i].slot[s]);
    fv_free(t->ctx, t->frozen);
    fv_free(t->ctx, t->since);
    fv_free(t->ctx, t->params);
    fv_free(t->ctx, t->states);
    fv_free(t->ctx, t->undo.data);
    fv_free(t->ctx, t->host.gradient);
    fv_free(t->ctx, t->host.logits);
    fv_free(t->ctx, t->host.set);
    fv_wisdom_destroy(&t->wisdom);
    fv_free(t->ctx, t);
    *trainer = NULL;
}

fv_status fv_trainer_enter(fv_trainer **trainer, int phase)
{
    fv_trainer *before = *trainer, *t = NULL;
    fv_trainer_start start = before->start;
    if (phase == start.phase)
        return FV_OK;
    if (phase < start.phase)
        return fv_fail(before->ctx, FV_ERR_ARGUMENT,
                       "fv_trainer_enter_epoch: the trainer is in a phase of later epochs already");
    fv_model_sync(before->model);
    fv_trainer_sync(before);
    while (start.phase < phase)
        start.begun[++start.phase] = before->step;
    fv_loss_spec specs[FV_LOSSES_MAX];
    memcpy(specs, before->specs.list, sizeof specs);
    fv_arena *texts = before->specs.texts; /* what the specs are made of */
    before->specs.texts = NULL;
    free_compiled(before);
    const fv_status status = create(&(making){.model = before->model,
                                              .options = &before->options,
                                              .losses = before->specs.count > 0 ? specs : NULL,
                                              .n_losses = before->specs.count,
                                              .start = &start,
                                              .before = before},
                                    &t);
    fv_arena_destroy(&texts);
    fv_trainer_destroy(trainer);
    *trainer = t;
    return status;
}

fv_status fv_trainer_enter_epoch(fv_trainer **trainer, int64_t epoch)
{
    fv_phases phases;
    FV_TRY(fv_phases_read((*trainer)->ctx, &(*trainer)->options, &phases));
    return fv_trainer_enter(trainer, fv_phases_at(&phases, epoch - 1));
}
