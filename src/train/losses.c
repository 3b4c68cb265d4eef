/* SPDX-License-Identifier: Apache-2.0 */
#include "train/losses.h"

#include <string.h>

#include "train/image_size.h"
#include "train/judge.h"

/* One loss as the graph takes it; its attributes in the trainer's options. */
static fv_status describe_loss(fv_trainer *t, const fv_loss_spec *spec, void **attr, fv_loss *loss)
{
    fv_fit_options named = t->options;
    named.loss = spec->loss ? spec->loss : named.loss;
    FV_TRY(fv_settings_loss(t->ctx, &named, &loss->op));
    *attr = fv_calloc(t->ctx, 1, loss->op->attr_size + 1);
    if (!*attr)
        return FV_ERR_NO_MEMORY;
    fv_settings_loss_attr(loss->op, &named, *attr);
    loss->attr = *attr;
    loss->prediction = spec->output;
    loss->target = spec->target;
    loss->name = spec->name;
    loss->target_dtype = (loss->op->traits & FV_T_CLASS_LABELS) && !spec->soft_targets ? FV_I32 : FV_F32;
    return fv_judge_scores(t->model, loss);
}

/* What the losses are called in the graph: each has one or two outputs there, behind those of the model. */
static fv_status note_losses(fv_trainer *t, const fv_loss *losses, const fv_loss_spec *specs)
{
    int32_t output = t->model->graph->n_outputs;
    for (int32_t i = 0; i < t->n_losses; i++) {
        const fv_node *node = t->graph->outputs[output]->def;
        const bool none = specs[i].weight == 0 && t->distill; /* the teacher's alone */
        if ((!(specs[i].weight > 0) && !none) || specs[i].weight > 1e30)
            return fv_fail(t->ctx, FV_ERR_VALUE, "loss '%s': weight %g: expected a number above 0", node->name,
                           specs[i].weight);
        t->losses[i] = (fv_trainer_loss){.name = node->out[0]->name,
                                         .target = node->in[1]->name,
                                         .weight = specs[i].weight,
                                         .target_dtype = losses[i].target_dtype};
        output += node->n_out;
    }
    return FV_OK;
}

/* The frozen beginning, and the graph of what is behind it; neither where there is none. Sessions of the model, which a
 * trunk is computed by, take images of the network's own size alone: for others all is in the graph. */
static fv_status find_trunk(fv_trainer *t, const fv_loss_spec *specs, int32_t n, fv_graph **behind)
{
    const char *outputs[FV_LOSSES_MAX], *cut;
    fv_phases phases;
    FV_TRY(fv_phases_read(t->ctx, &t->options, &phases));
    FV_TRY(fv_image_size_graph(t->model, &phases, t->start.phase, behind));
    if (*behind)
        return FV_OK;
    for (int32_t i = 0; i < n; i++)
        outputs[i] = specs[i].output;
    FV_TRY(fv_trunk_find(t->model, t->frozen, outputs, n, &cut));
    if (!cut)
        return FV_OK;
    FV_TRY(fv_trunk_create(t->model, cut, t->options.batch_size, t->scratch, t->wisdom, &t->trunk));
    return fv_pass_slice(t->model->graph, cut, NULL, outputs, n, behind);
}

/* Losses that teachers have a part in, and what of them stands in the graph before. */
static fv_status add_teachers(const fv_trainer *t, fv_loss_spec *specs, int32_t n, fv_graph **behind)
{
    const char *outputs[FV_LOSSES_MAX];
    fv_graph *extended;
    for (int32_t i = 0; i < n; i++)
        outputs[i] = specs[i].output;
    FV_TRY(fv_distill_layers_append(&t->distill->layers, *behind ? *behind : t->model->graph, outputs, n, &extended));
    fv_graph_destroy(behind);
    *behind = extended;
    fv_distill_rename(t->distill, specs, n);
    return FV_OK;
}

static fv_status add_all(fv_trainer *t, fv_loss_spec *specs, int32_t n)
{
    fv_loss losses[FV_LOSSES_MAX] = {{0}};
    void *attrs[FV_LOSSES_MAX] = {NULL};
    fv_graph *behind = NULL;
    fv_status status = find_trunk(t, specs, n, &behind);
    if (status == FV_OK && t->distill)
        status = add_teachers(t, specs, n, &behind);
    for (int32_t i = 0; status == FV_OK && i < n; i++)
        status = describe_loss(t, &specs[i], &attrs[i], &losses[i]);
    if (status == FV_OK)
        status = fv_pass_loss(behind ? behind : t->model->graph, losses, n, &t->graph, NULL);
    t->n_losses = n;
    if (status == FV_OK)
        status = note_losses(t, losses, specs);
    for (int32_t i = 0; i < n; i++)
        fv_free(t->ctx, attrs[i]);
    fv_graph_destroy(&behind);
    return status;
}

fv_status fv_losses_add(fv_trainer *t, const fv_loss_spec *specs, int32_t n)
{
    fv_loss_spec all[FV_LOSSES_MAX];
    if (n < 1 || n > FV_LOSSES_MAX)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "fv_trainer_create_with: %d losses: expected 1 to %d", (int)n,
                       FV_LOSSES_MAX);
    if (!specs)
        return fv_fail(t->ctx, FV_ERR_ARGUMENT, "fv_trainer_create_with: no losses");
    memcpy(all, specs, (size_t)n * sizeof *all);
    if (t->distill)
        FV_TRY(fv_distill_specs(t->distill, &t->options, all, &n));
    return add_all(t, all, n);
}

fv_status fv_losses_usual(const fv_model *model, const fv_fit_options *options, const bool *frozen,
                          fv_loss_spec specs[1 + FV_AUX_MAX], int32_t *n)
{
    const double task = options->n_teachers > 0 ? options->task_loss_weight : 1.0;
    specs[0] = (fv_loss_spec){.weight = task, .soft_targets = options->soft_targets};
    *n = 1;
    for (int i = 0; i < model->aux.count; i++) {
        const char *value = model->graph->vals[model->aux.head[i].val]->name;
        bool learns = false;
        FV_TRY(fv_trunk_learns(model, frozen, value, &learns));
        if (learns)
            specs[(*n)++] = (fv_loss_spec){
                .output = value, .weight = task * model->aux.head[i].weight, .soft_targets = options->soft_targets};
    }
    return FV_OK;
}
