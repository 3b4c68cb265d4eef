/* SPDX-License-Identifier: Apache-2.0 */
/* Grad-CAM: a layer's map, weighted by the mean gradient of a class's score to each channel. */
#include <stdio.h>
#include <string.h>

#include "train/tally.h"
#include "transfer/explain.h"
#include "transfer/stages.h"

/* ---- the layer ---- */

static bool is_map(const fv_val *v)
{
    return v->dtype == FV_F32 && v->shape.rank == 4 && v->shape.dim[1] * v->shape.dim[2] > 1;
}

static bool same_places(const fv_val *a, const fv_val *b)
{
    return is_map(b) && a->shape.dim[1] == b->shape.dim[1] && a->shape.dim[2] == b->shape.dim[2];
}

static bool reads(const fv_node *node, const fv_val *v)
{
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i] == v)
            return true;
    return false;
}

/* The last convolution whose result is a map, and what follows it place by place. */
static const fv_val *last_map(const fv_model *m)
{
    const fv_val *v = NULL;
    for (int32_t n = 0; n < m->graph->n_nodes; n++) {
        const fv_node *node = m->graph->nodes[n];
        const fv_val *out = node->n_out > 0 ? node->out[0] : NULL;
        if (!out || fv_model_for_training(m, out->id))
            continue;
        if ((fv_node_weighted(node) && is_map(out)) || (v && reads(node, v) && same_places(v, out)))
            v = out;
    }
    return v;
}

static fv_status fail_no_map(const fv_explainer *e, const fv_val *v)
{
    static const char cure[] = "explain by --explain occlusion, which needs no layer";
    char text[96];
    if (!v)
        return fv_fail_hint(e->ctx,
                            fv_fail(e->ctx, FV_ERR_VALUE,
                                    "model '%s' has no convolution in float32 whose result is a map of several places, "
                                    "which Grad-CAM needs",
                                    e->model->name),
                            cure);
    v = v->dtype == FV_F32 ? v : e->model->graph->outputs[0];
    return fv_fail_hint(e->ctx,
                        fv_fail(e->ctx, FV_ERR_VALUE,
                                "layer '%s' of model '%s' gives %s, which is no map of several places (n h w c)",
                                v->name, e->model->name, fv_shape_text(&v->shape, text)),
                        "name a convolution with --layer, `fovea info` lists them; or explain by --explain occlusion");
}

static fv_status choose_layer(const fv_explainer *e, const char *name, const fv_val **v)
{
    const fv_val **list;
    int count;
    *v = NULL;
    if (!name) {
        *v = last_map(e->model);
        return *v ? FV_OK : fail_no_map(e, NULL);
    }
    FV_TRY(fv_stages_find(e->model, name, &list, &count));
    *v = list[0];
    fv_free(e->ctx, list);
    if (count != 1)
        return fv_fail(e->ctx, FV_ERR_VALUE, "layer '%s' of model '%s': %d layers: expected one", name, e->model->name,
                       count);
    return is_map(*v) ? FV_OK : fail_no_map(e, *v);
}

/* ---- the program ---- */

static const char chosen_name[] = "explained class";

static fv_status compile(fv_explainer *e, const fv_graph *g, const fv_val *score)
{
    const char *values[2] = {g->outputs[0]->name, score->name};
    const fv_program_options options = {.batch = 1,
                                        .dtype = FV_F32,
                                        .lowering = FV_LOWER_DIFFERENTIABLE,
                                        .optimize = true,
                                        .objectives = &(fv_objective){score->name, 1},
                                        .n_objectives = 1,
                                        .values = values,
                                        .n_values = 2,
                                        .wanted = (const char *const *)&e->layer,
                                        .n_wanted = 1,
                                        .stores = {fv_model_store(e->model)}};
    FV_TRY(fv_program_create(e->ctx, g, &options, &e->gradcam.program));
    FV_TRY(fv_instance_create(e->gradcam.program, NULL, NULL, &e->gradcam.instance));
    e->gradcam.image =
        fv_program_port(e->gradcam.program, FV_PORT_INPUT, e->model->graph->vals[e->model->input.id]->name);
    e->gradcam.choice = fv_program_port(e->gradcam.program, FV_PORT_INPUT, chosen_name);
    e->gradcam.scores = fv_program_port(e->gradcam.program, FV_PORT_OUTPUT, values[0]);
    e->gradcam.value = fv_program_port(e->gradcam.program, FV_PORT_OUTPUT, e->layer);
    e->gradcam.slope = fv_program_port(e->gradcam.program, FV_PORT_GRADIENT, e->layer);
    return FV_OK;
}

static fv_status open(fv_explainer *e, const fv_explain_options *o)
{
    const fv_val *v;
    fv_graph *g = NULL;
    fv_val *score;
    FV_TRY(choose_layer(e, o->layer, &v));
    const size_t n = (size_t)fv_shape_count(&v->shape);
    e->h = v->shape.dim[1];
    e->w = v->shape.dim[2];
    e->forwards = 1;
    e->layer = fv_strdup(e->ctx, v->name);
    e->gradcam.chosen = fv_calloc(e->ctx, (size_t)e->model->n_classes, sizeof *e->gradcam.chosen);
    e->gradcam.features = fv_calloc(e->ctx, n, sizeof *e->gradcam.features);
    e->gradcam.slopes = fv_calloc(e->ctx, n, sizeof *e->gradcam.slopes);
    if (!e->layer || !e->gradcam.chosen || !e->gradcam.features || !e->gradcam.slopes)
        return FV_ERR_NO_MEMORY;
    FV_TRY(fv_pass_choice(e->model->graph, chosen_name, &g, &score));
    fv_status status = compile(e, g, score);
    fv_graph_destroy(&g);
    if (status == FV_ERR_UNSUPPORTED)
        return fv_fail_hint(e->ctx, status, "explain by --explain occlusion, which needs no gradient");
    if (status == FV_OK && !e->gradcam.slope)
        return fv_fail_hint(
            e->ctx,
            fv_fail(e->ctx, FV_ERR_VALUE, "no answer of model '%s' depends on layer '%s'", e->model->name, e->layer),
            "name another one with --layer");
    return status;
}

/* ---- a run ---- */

static fv_status run_once(fv_explainer *e)
{
    const size_t classes = (size_t)e->model->n_classes;
    FV_TRY(fv_instance_write(e->gradcam.instance, e->gradcam.image, e->input, (size_t)e->size * sizeof *e->input));
    FV_TRY(fv_instance_write(e->gradcam.instance, e->gradcam.choice, e->gradcam.chosen,
                             classes * sizeof *e->gradcam.chosen));
    FV_TRY(fv_instance_run(e->gradcam.instance, NULL));
    FV_TRY(fv_instance_read(e->gradcam.instance, e->gradcam.scores, e->answers, classes * sizeof *e->answers));
    fv_model_answer(e->model, e->answers, e->model->n_classes, e->answers);
    return FV_OK;
}

/* With what is known now of answers, the class is chosen, which takes a run of its own. */
static fv_status run(fv_explainer *e, int64_t *class_index)
{
    const int64_t places = e->h * e->w, channels = e->gradcam.value->val->shape.dim[3];
    const size_t bytes = (size_t)(places * channels) * sizeof(float);
    memset(e->gradcam.chosen, 0, (size_t)e->model->n_classes * sizeof *e->gradcam.chosen);
    if (*class_index < 0) {
        FV_TRY(run_once(e));
        *class_index = fv_explain_top(e->answers, e->model->n_classes);
    }
    e->gradcam.chosen[*class_index] = 1;
    FV_TRY(run_once(e));
    FV_TRY(fv_instance_read(e->gradcam.instance, e->gradcam.value, e->gradcam.features, bytes));
    FV_TRY(fv_instance_read(e->gradcam.instance, e->gradcam.slope, e->gradcam.slopes, bytes));
    for (int64_t k = 0; k < channels; k++) {
        double sum = 0;
        for (int64_t i = 0; i < places; i++)
            sum += (double)e->gradcam.slopes[i * channels + k];
        e->gradcam.slopes[k] = (float)(sum / (double)places); /* the first place has been read by then */
    }
    for (int64_t i = 0; i < places; i++) {
        double sum = 0;
        for (int64_t k = 0; k < channels; k++)
            sum += (double)e->gradcam.slopes[k] * (double)e->gradcam.features[i * channels + k];
        e->map[i] = sum > 0 ? (float)sum : sum <= 0 ? 0.0f : (float)sum; /* NaN stays one */
    }
    return FV_OK;
}

const fv_explain_row fv_explain_gradcam = {open, run};
