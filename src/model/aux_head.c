/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Auxiliary heads: classifiers on the way to the output, whose losses help layers far from it to learn (Szegedy et al.,
 * 2014). Their nodes stand in the graph like others, and no output needs them: what runs without their losses has none
 * of them (fv_pass_dead).
 */
#include <string.h>

#include "model/model.h"

void fv_aux_head(fv_model *model, fv_value scores, double weight)
{
    fv_status status = FV_OK;
    if (model->error != FV_OK)
        return;
    if (model->finished)
        status = fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' is finished already", model->name);
    else
        status = fv_model_note_aux(model, scores.id, weight);
    fv_model_set_error(model, status);
}

fv_status fv_model_note_aux(fv_model *model, int32_t val, double weight)
{
    const fv_graph *g = model->graph;
    if (val < 0 || val >= g->n_vals || !g->vals[val]->def)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s': an auxiliary head is not a computed value of it",
                       model->name);
    if (!(weight > 0) || weight > 1e30)
        return fv_fail(model->ctx, FV_ERR_VALUE, "auxiliary head '%s': weight %g: expected a number above 0",
                       g->vals[val]->name, weight);
    for (int i = 0; i < model->aux.count; i++)
        if (model->aux.head[i].val == val)
            return fv_fail(model->ctx, FV_ERR_VALUE, "auxiliary head '%s' stands twice", g->vals[val]->name);
    if (model->aux.count == FV_AUX_MAX)
        return fv_fail(model->ctx, FV_ERR_UNSUPPORTED, "model '%s': more than %d auxiliary heads", model->name,
                       FV_AUX_MAX);
    model->aux.head[model->aux.count++] = (fv_aux){val, weight};
    return FV_OK;
}

/* A head is compared with the target of the output. */
fv_status fv_model_check_aux(const fv_model *model)
{
    const fv_graph *g = model->graph;
    char a[96], b[96];
    if (model->aux.count > 0 && g->n_outputs != 1)
        return fv_fail(model->ctx, FV_ERR_UNSUPPORTED,
                       "model '%s': auxiliary heads and %d outputs: expected one output, whose target is theirs too",
                       model->name, (int)g->n_outputs);
    for (int i = 0; i < model->aux.count; i++) {
        const fv_val *val = g->vals[model->aux.head[i].val], *out = g->outputs[0];
        if (val == out || val->dtype != out->dtype || !fv_shape_equal(&val->shape, &out->shape))
            return fv_fail(model->ctx, FV_ERR_SHAPE,
                           "auxiliary head '%s' is %s %s%s: expected scores like those of the output '%s', %s %s",
                           val->name, fv_dtype_name(val->dtype), fv_shape_text(&val->shape, a),
                           val == out ? ", the output itself" : "", out->name, fv_dtype_name(out->dtype),
                           fv_shape_text(&out->shape, b));
    }
    return FV_OK;
}

/* needed[id]: what `val` is computed from. Ids grow along the graph. */
static void mark_needed(const fv_graph *g, int32_t val, bool *needed)
{
    needed[val] = true;
    for (int32_t i = val; i >= 0; i--) {
        const fv_node *node = g->vals[i]->def;
        for (int32_t k = 0; needed[i] && node && k < node->n_in; k++)
            if (node->in[k])
                needed[node->in[k]->id] = true;
    }
}

fv_status fv_model_mark_aux(fv_model *model)
{
    const fv_graph *g = model->graph;
    model->aux.for_output = NULL;
    if (model->aux.count == 0)
        return FV_OK;
    bool *needed = fv_arena_alloc(model->arena, (size_t)g->n_vals * sizeof *needed);
    if (!needed)
        return FV_ERR_NO_MEMORY;
    memset(needed, 0, (size_t)g->n_vals * sizeof *needed);
    for (int32_t i = 0; i < g->n_outputs; i++)
        mark_needed(g, g->outputs[i]->id, needed);
    model->aux.for_output = needed;
    for (int i = 0; i < model->n_slots; i++)
        model->slots[i].aux = !needed[model->slots[i].val];
    return FV_OK;
}

bool fv_model_for_training(const fv_model *model, int32_t val)
{
    return model->aux.for_output && !model->aux.for_output[val];
}

bool fv_model_aux_head(const fv_model *model, int i, fv_aux_info *info)
{
    if (i < 0 || i >= model->aux.count)
        return false;
    *info = (fv_aux_info){model->graph->vals[model->aux.head[i].val]->name, model->aux.head[i].weight};
    return true;
}

int64_t fv_model_aux_parameters(const fv_model *model)
{
    int64_t count = 0;
    for (int i = 0; i < model->n_slots; i++)
        if (model->slots[i].aux && model->slots[i].kind != FV_SLOT_STATE)
            count += fv_shape_count(&model->slots[i].shape);
    return count;
}
