/* SPDX-License-Identifier: Apache-2.0 */
/* A model that is trained for integers, from a quantizer and back. */
#include "compress/qat.h"

#include <stdio.h>
#include <string.h>

#include "ops/ops.h"
#include "ops/qat.h"

/* ---- to it ---- */

static const fv_q_value *value_of_range(const fv_quantizer *q, const char *name)
{
    const fv_graph *g = q->model->graph;
    char text[256];
    for (int32_t v = 0; v < g->n_vals; v++) {
        snprintf(text, sizeof text, FV_QAT_RANGE, g->vals[v]->name);
        if (q->values[v].observed && strcmp(text, name) == 0)
            return &q->values[v];
    }
    return NULL;
}

/* Weights are copies: training changes them. */
static fv_status take(void *user, const fv_slot *slot, fv_tensor **tensor)
{
    fv_quantizer *q = user;
    const fv_slot *from = fv_model_slot(q->model, slot->name);
    const fv_q_value *value = from ? NULL : value_of_range(q, slot->name);
    if (!from && !value)
        return fv_fail(q->ctx, FV_ERR_INTERNAL, "training for integers lost the tensor '%s'", slot->name);
    FV_TRY(fv_tensor_create(q->ctx, slot->dtype, &slot->shape, tensor));
    if (from)
        memcpy(fv_tensor_data(*tensor), fv_tensor_const_data(from->data), fv_tensor_bytes(*tensor));
    for (int i = 0; value && i < 2; i++)
        ((float *)fv_tensor_data(*tensor))[i] = (float)value->range[i];
    return FV_OK;
}

static fv_status make(fv_quantizer *q, fv_graph **graph, fv_model **model)
{
    FV_TRY(fv_model_create(q->ctx, model));
    fv_model_take_graph(*model, graph);
    FV_TRY(fv_model_complete_with(*model, &(fv_tensor_source){take, q}));
    FV_TRY(fv_model_copy_card(q->model, NULL, *model));
    fv_model_touch(*model);
    return FV_OK;
}

fv_status fv_quantizer_make_trainable(fv_quantizer *q, fv_model **model)
{
    fv_graph *graph;
    *model = NULL;
    FV_TRY(fv_qat_build(q, &graph));
    const fv_status status = make(q, &graph, model);
    fv_graph_destroy(&graph);
    if (status != FV_OK)
        fv_model_destroy(model);
    return status;
}

/* ---- and back ---- */

static const fv_node *first_of(const fv_graph *g, const char *op)
{
    for (int32_t n = 0; n < g->n_nodes; n++)
        if (strcmp(g->nodes[n]->op->name, op) == 0)
            return g->nodes[n];
    return NULL;
}

bool fv_model_trains_integers(const fv_model *model)
{
    return first_of(model->graph, "qat_straight") != NULL;
}

/* The layers of floats alone. */
static fv_status copy_floats(const fv_graph *g, fv_val **map, fv_graph *to)
{
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *val = g->vals[i];
        const fv_node *node = val->def;
        fv_val *in[FV_MAX_OPERANDS] = {NULL};
        fv_node *made;
        if (!node) {
            FV_TRY(fv_graph_copy_leaf(to, val, &map[i]));
            continue;
        }
        if (strcmp(node->op->name, "qat_straight") == 0)
            map[i] = map[node->in[0]->id];
        bool floats = val->def_index == 0 && strncmp(node->op->name, "qat_", 4) != 0;
        for (int32_t k = 0; floats && k < node->n_in; k++) {
            in[k] = node->in[k] ? map[node->in[k]->id] : NULL;
            floats = !node->in[k] || in[k];
        }
        if (!floats)
            continue;
        FV_TRY(fv_graph_add(to, node->op, node->name, node->attr, in, node->n_in, &made));
        for (int32_t k = 0; k < node->n_out; k++)
            map[node->out[k]->id] = made->out[k];
    }
    for (int32_t i = 0; i < g->n_outputs; i++) {
        fv_val *out = map[g->outputs[i]->id];
        if (!out)
            return fv_fail(g->ctx, FV_ERR_MODEL,
                           "the output '%s' is not computed by layers of floats: this is no "
                           "model that was trained for integers",
                           g->output_names[i]);
        FV_TRY(fv_graph_add_output(to, out, g->output_names[i]));
    }
    return FV_OK;
}

static fv_status float_graph(const fv_graph *g, fv_graph **graph)
{
    fv_graph *all = NULL;
    fv_val **map = fv_calloc(g->ctx, (size_t)g->n_vals + 1, sizeof(fv_val *));
    *graph = NULL;
    fv_status status = map ? fv_graph_create(g->ctx, fv_op_find, &all) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = copy_floats(g, map, all);
    if (status == FV_OK)
        status = fv_pass_dead(all, graph, NULL);
    fv_graph_destroy(&all);
    fv_free(g->ctx, map);
    return status;
}

static fv_status take_trained(void *user, const fv_slot *slot, fv_tensor **tensor)
{
    const fv_slot *from = fv_model_slot(user, slot->name);
    if (!from)
        return fv_fail(((fv_model *)user)->ctx, FV_ERR_INTERNAL, "training for integers lost the tensor '%s'",
                       slot->name);
    return fv_tensor_share(from->data, tensor);
}

static fv_status float_model(fv_model *trained, fv_model **model)
{
    fv_graph *graph;
    FV_TRY(float_graph(trained->graph, &graph));
    fv_status status = fv_model_create(trained->ctx, model);
    if (status == FV_OK) {
        fv_model_take_graph(*model, &graph);
        status = fv_model_complete_with(*model, &(fv_tensor_source){take_trained, trained});
    }
    fv_graph_destroy(&graph);
    return status == FV_OK ? fv_model_copy_card(trained, NULL, *model) : status;
}

static fv_status read_ranges(fv_quantizer *q, fv_model *trained)
{
    const fv_graph *g = q->model->graph;
    for (int32_t v = 0; v < g->n_vals; v++) {
        char name[256];
        if (!q->values[v].observed)
            continue;
        snprintf(name, sizeof name, FV_QAT_RANGE, g->vals[v]->name);
        const fv_slot *slot = fv_model_slot(trained, name);
        if (!slot || fv_shape_count(&slot->shape) != 2 || slot->dtype != FV_F32)
            return fv_fail(q->ctx, FV_ERR_MODEL, "model '%s': the range of '%s' is missing", trained->name,
                           g->vals[v]->name);
        for (int i = 0; i < 2; i++)
            q->values[v].range[i] = (double)fv_slot_data(slot)[i];
    }
    return FV_OK;
}

/* Layers whose integers training did not compute stay in floats. */
static void read_kept(fv_quantizer *q, const fv_model *trained)
{
    for (int i = 0; i < q->n_units; i++) {
        char name[256];
        snprintf(name, sizeof name, "%.200s." FV_QAT_INTEGERS, q->units[i].node->name);
        q->units[i].keep = q->units[i].asked = !fv_graph_find(trained->graph, name);
    }
}

fv_status fv_qat_read(fv_quantizer *q, fv_model *trained)
{
    const fv_node *weights = first_of(trained->graph, "qat_weights");
    if (!fv_model_trains_integers(trained) || !weights)
        return fv_fail_hint(q->ctx,
                            fv_fail(q->ctx, FV_ERR_MODEL, "model '%s' was not trained for integers", trained->name),
                            "`fovea train --qat` trains such a one; calibration images do without training");
    const fv_qat_weights_attr *attr = weights->attr;
    q->o.per_tensor = attr->per_tensor;
    q->o.weight_bits = (int)attr->bits;
    fv_model_sync(trained);
    FV_TRY(float_model(trained, &q->model));
    FV_TRY(fv_q_plan(q));
    FV_TRY(read_ranges(q, trained));
    read_kept(q, trained);
    return fv_q_choose(q);
}
