/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs and outputs, and how the file that a model came from lays them out. */
#include <string.h>

#include "model/model.h"

fv_status fv_model_note_port(fv_model *model, const char *name, fv_port_layout layout)
{
    if (layout == FV_LAYOUT_PLAIN)
        return FV_OK;
    fv_port_note *note = fv_arena_alloc(model->arena, sizeof *note);
    if (!note)
        return FV_ERR_NO_MEMORY;
    *note = (fv_port_note){.name = fv_arena_strdup(model->arena, name), .layout = layout, .next = model->card.ports};
    if (!note->name)
        return FV_ERR_NO_MEMORY;
    model->card.ports = note;
    return FV_OK;
}

fv_status fv_model_note_integers(fv_model *model, const char *name, fv_port_layout layout, fv_dtype dtype, double scale,
                                 int64_t zero)
{
    FV_TRY(fv_model_note_port(model, name, layout));
    model->card.ports->integers = dtype;
    model->card.ports->scale = scale;
    model->card.ports->zero = zero;
    return FV_OK;
}

const fv_port_note *fv_model_port_note(const fv_model *model, const char *name)
{
    for (const fv_port_note *p = model->card.ports; p; p = p->next)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

const char *fv_model_origin(const fv_model *model)
{
    return model->card.origin;
}

bool fv_model_pixels_open(const fv_model *model)
{
    int64_t h, w, channels;
    fv_model_input_size(model, &h, &w, &channels);
    return model->card.origin && !model->card.pixels_said && channels > 0;
}

int fv_model_port_count(const fv_model *model, bool outputs)
{
    int count = 0;
    for (int32_t i = 0; !outputs && i < model->graph->n_vals; i++)
        count += model->graph->vals[i]->role == FV_ROLE_INPUT;
    return outputs ? model->graph->n_outputs : count;
}

bool fv_model_port(const fv_model *model, bool output, int i, fv_port_info *info)
{
    const fv_graph *g = model->graph;
    const fv_val *val = NULL;
    const char *name = NULL;
    if (i < 0 || i >= fv_model_port_count(model, output))
        return false;
    if (output) {
        val = g->outputs[i];
        name = g->output_names[i];
    }
    for (int32_t v = 0; !output && v < g->n_vals; v++) {
        if (g->vals[v]->role != FV_ROLE_INPUT || i-- > 0)
            continue;
        val = g->vals[v];
        name = val->name;
        break;
    }
    *info = (fv_port_info){.name = name, .dtype = val->dtype, .shape = val->shape, .layout = FV_LAYOUT_PLAIN};
    const fv_port_note *note = fv_model_port_note(model, name);
    if (note) {
        info->layout = note->layout;
        info->integers = note->integers;
        info->scale = note->scale;
        info->zero = note->zero;
    }
    return true;
}
