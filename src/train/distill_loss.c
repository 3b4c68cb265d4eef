/* SPDX-License-Identifier: Apache-2.0 */
/* What teachers add to what is minimized: losses, the nodes of the graph that they look at, and their targets. */
#include <math.h>
#include <string.h>

#include "ops/attr.h"
#include "train/distill.h"

/* ---- losses ---- */

fv_status fv_distill_specs(const fv_distill *d, const fv_fit_options *o, fv_loss_spec *specs, int32_t *n)
{
    if (*n + (d->classes > 0) + d->layers.count > FV_LOSSES_MAX)
        return fv_fail(d->ctx, FV_ERR_ARGUMENT, "%d losses: at most %d", (int)*n + d->layers.count + 1, FV_LOSSES_MAX);
    for (int i = 0; i < d->layers.count; i++) {
        const fv_distill_layer *layer = &d->layers.list[i];
        specs[(*n)++] = (fv_loss_spec){.loss = "mse",
                                       .output = layer->student,
                                       .target = layer->target,
                                       .name = layer->loss,
                                       .weight = layer->attention ? o->attention_loss_weight : o->hint_loss_weight,
                                       .soft_targets = true};
    }
    if (d->classes > 0)
        specs[(*n)++] = (fv_loss_spec){.loss = "softmax_kl",
                                       .target = FV_SOFT_TARGET,
                                       .name = "distill_loss",
                                       .weight = o->distill_loss_weight,
                                       .soft_targets = true};
    return FV_OK;
}

void fv_distill_rename(const fv_distill *d, fv_loss_spec *specs, int32_t n)
{
    for (int i = 0; i < d->layers.count; i++)
        specs[n - (d->classes > 0) - d->layers.count + i].output = d->layers.list[i].prediction;
}

/* ---- in the graph ---- */

/* Squares below it count as it: a map of zeros has no direction. */
#define LEAST_SQUARE 1e-24

typedef struct emitting {
    fv_val *src, *map;
} emitting;

/* mean over c of src^2, divided by the square root of the sum of its squares */
static fv_status emit_attention(fv_builder *b, void *arg)
{
    emitting *e = arg;
    const fv_reduce_attr channels = {.axes = {1, {3}}, .keepdims = true};
    const fv_reduce_attr places = {.axes = {3, {1, 2, 3}}, .keepdims = true};
    fv_val *least = fv_emit_const(b, LEAST_SQUARE, &(fv_shape){1, {1}});
    fv_val *square = fv_emit(b, "mul", NULL, (fv_val *[]){e->src, e->src}, 2);
    fv_val *mean = fv_emit(b, "reduce_mean", &channels, &square, 1);
    fv_val *again = fv_emit(b, "mul", NULL, (fv_val *[]){mean, mean}, 2);
    fv_val *sum = fv_emit(b, "max", NULL, (fv_val *[]){fv_emit(b, "reduce_sum", &places, &again, 1), least}, 2);
    fv_val *length = fv_emit(b, "sqrt", NULL, &sum, 1);
    e->map = fv_emit(b, "div", NULL, (fv_val *[]){mean, length}, 2);
    return FV_OK;
}

static fv_status append_regressor(const fv_distill_layer *layer, fv_graph *g, fv_val *src)
{
    const char *op = src->shape.rank == 4 ? "conv2d" : "dense";
    fv_val *in[3] = {src};
    fv_node *node;
    FV_TRY(fv_graph_param(g, layer->weight_name, FV_ROLE_PARAM, FV_F32, fv_tensor_shape(layer->weight), &in[1]));
    FV_TRY(fv_graph_param(g, layer->bias_name, FV_ROLE_PARAM, FV_F32, fv_tensor_shape(layer->bias), &in[2]));
    return fv_graph_add(g, g->find_op(g->ctx, op), layer->prediction, NULL, in, 3, &node);
}

static fv_status append_layer(const fv_distill_layer *layer, fv_graph *g)
{
    fv_node *node;
    fv_val *src = fv_graph_named(g, layer->student);
    if (!src)
        return fv_fail(g->ctx, FV_ERR_ARGUMENT, "the student's layer '%s' is not in the trained graph", layer->student);
    if (layer->weight)
        return append_regressor(layer, g, src);
    fv_reshape_attr same = {.dims.count = src->shape.rank - 1};
    emitting e = {.src = src, .map = src};
    if (layer->attention)
        FV_TRY(fv_graph_extend(g, layer->prediction, emit_attention, &e));
    for (int d = 1; d < src->shape.rank; d++)
        same.dims.value[d - 1] = e.map->shape.dim[d];
    return fv_graph_add(g, g->find_op(g->ctx, "reshape"), layer->prediction, &same, &e.map, 1, &node);
}

fv_status fv_distill_layers_append(const fv_distill_layers *layers, const fv_graph *graph, const char *const *also,
                                   int32_t n_also, fv_graph **out)
{
    FV_TRY(fv_pass_slice(graph, NULL, NULL, also, n_also, out));
    fv_status status = FV_OK;
    for (int i = 0; status == FV_OK && i < layers->count; i++)
        status = append_layer(&layers->list[i], *out);
    if (status != FV_OK)
        fv_graph_destroy(out);
    return status;
}

/* ---- the teacher's ---- */

/* The graph's own formula, in its order, in double. */
void fv_distill_layer_target(const fv_distill_layer *layer, const float *given, float *target)
{
    const int64_t c = layer->full / layer->size;
    double squares = 0;
    if (!layer->attention) {
        memcpy(target, given, (size_t)layer->size * sizeof *target);
        return;
    }
    for (int64_t i = 0; i < layer->size; i++) {
        double sum = 0;
        for (int64_t k = 0; k < c; k++)
            sum += (double)given[i * c + k] * (double)given[i * c + k];
        target[i] = (float)(sum / (double)c);
        squares += (double)target[i] * (double)target[i];
    }
    const double length = sqrt(squares > LEAST_SQUARE ? squares : LEAST_SQUARE);
    for (int64_t i = 0; i < layer->size; i++)
        target[i] = (float)((double)target[i] / length);
}
