/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with weights in integers, of activations whose range is that of each sample. */
#include <stdio.h>
#include <string.h>

#include "compress/quantize.h"
#include "ops/ops.h"

typedef struct dynamic {
    fv_quantizer q; /* its context, folded model and bits of weights alone */
    const char *skip;
    fv_graph *to;
    fv_val **map;          /* by id of the folded graph */
    fv_val *(*rounded)[2]; /* the same as integers, and their scales and zero points */
    fv_dynamic_report report;
} dynamic;

static fv_status add(dynamic *d, const char *op, const char *name, const void *attr, fv_val *const *in, int n_in,
                     fv_node **node)
{
    return fv_graph_add(d->to, fv_op_find(d->to->ctx, op), name, attr, in, n_in, node);
}

/* ---- one layer ---- */

static bool becomes_integer(const dynamic *d, const fv_node *node)
{
    const fv_q_rule *rule = fv_node_weighted(node) ? fv_q_rule_find(node->op) : NULL;
    const fv_val *bia = node->n_in > 2 ? node->in[2] : NULL;
    return rule && !(rule->refuse && rule->refuse(node)) && !node->in[1]->def && !(bia && bia->def) &&
           node->in[0]->dtype == FV_F32 && node->in[0]->role != FV_ROLE_PARAM &&
           !fv_text_match_any(d->skip, node->name);
}

/* The operand as integers of its samples, once for all layers that take it. `src`: as the layer has it. */
static fv_status round_samples(dynamic *d, const fv_val *val, bool pixel, fv_val **integers, fv_val **line)
{
    char name[256];
    fv_val **kept = d->rounded[val->id], *src = d->map[val->id];
    const int64_t *dims = val->shape.dim;
    const fv_reshape_attr image = {.dims = {3, {1, 1, dims[1]}}};
    const fv_quantize_samples_attr attr = {0};
    fv_node *node;
    if (!kept[0]) {
        if (pixel) {
            snprintf(name, sizeof name, "%.200s.pixel", val->name);
            FV_TRY(add(d, "reshape", name, &image, &src, 1, &node));
            src = node->out[0];
        }
        snprintf(name, sizeof name, "%.200s.int8", val->name);
        FV_TRY(add(d, "quantize_samples", name, &attr, &src, 1, &node));
        kept[0] = node->out[0];
        kept[1] = node->out[1];
    }
    *integers = kept[0];
    *line = kept[1];
    return FV_OK;
}

static fv_status add_reals(dynamic *d, const char *layer, const char *what, int64_t n, const double *x, fv_val **out)
{
    char name[256];
    fv_tensor *tensor;
    snprintf(name, sizeof name, "%.200s.%s", layer, what);
    FV_TRY(fv_tensor_create(d->q.ctx, FV_F32, &(fv_shape){1, {n}}, &tensor));
    for (int64_t i = 0; i < n; i++)
        ((float *)fv_tensor_data(tensor))[i] = (float)x[i];
    const fv_status status = fv_graph_tensor(d->to, name, tensor, out);
    fv_tensor_destroy(&tensor);
    return status;
}

/* Constants of the layer: filters, their scales, the bias; the last two are f32. */
static fv_status add_constants(dynamic *d, const fv_node *node, fv_q_layer *l, double *numbers, fv_val *in[5])
{
    char name[256];
    const fv_shape *w = &node->in[1]->shape;
    const fv_shape shape = w->rank == 4 ? *w : (fv_shape){4, {w->dim[0], 1, 1, w->dim[1]}};
    const int64_t filters = w->dim[0];
    fv_tensor *filter;
    FV_TRY(fv_q_weights(&d->q, node, 1.0, l, numbers));
    FV_TRY(fv_tensor_create(d->q.ctx, FV_I8, &shape, &filter));
    memcpy(fv_tensor_data(filter), fv_tensor_const_data(l->wei), fv_tensor_bytes(filter));
    snprintf(name, sizeof name, "%.200s.weight", node->name);
    const fv_status status = fv_graph_tensor(d->to, name, filter, &in[1]);
    fv_tensor_destroy(&filter);
    FV_TRY(status);
    FV_TRY(add_reals(d, node->name, "scale", filters, numbers, &in[3]));
    FV_TRY(fv_q_biases(&d->q, node, numbers));
    return add_reals(d, node->name, "bias", filters, numbers, &in[4]);
}

static fv_status add_product(dynamic *d, const fv_node *node, fv_q_layer *l, double *numbers)
{
    char name[256];
    const bool dense = node->in[1]->shape.rank == 2, row = dense && node->in[0]->shape.rank == 2;
    fv_conv2d_attr attr = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    const fv_reshape_attr flat = {.dims = {1, {node->in[1]->shape.dim[0]}}};
    fv_val *in[5];
    fv_node *made;
    FV_TRY(round_samples(d, node->in[0], row, &in[0], &in[2]));
    FV_TRY(add_constants(d, node, l, numbers, in));
    if (!dense)
        attr = *(const fv_conv2d_attr *)node->attr;
    attr.activation = FV_ACT_NONE;
    snprintf(name, sizeof name, row ? "%.200s.sums" : "%.200s", node->name);
    FV_TRY(add(d, "q_conv2d_real", name, &attr, in, 5, &made));
    if (row)
        FV_TRY(add(d, "reshape", node->name, &flat, made->out, 1, &made));
    d->map[node->out[0]->id] = made->out[0];
    d->report.integer++;
    return FV_OK;
}

static fv_status add_integers(dynamic *d, const fv_node *node)
{
    fv_q_layer l = {.node = node, .name = node->name, .constants = node->name};
    double *numbers = fv_calloc(d->q.ctx, (size_t)node->in[1]->shape.dim[0], sizeof *numbers);
    const fv_status status = numbers ? add_product(d, node, &l, numbers) : FV_ERR_NO_MEMORY;
    fv_tensor_destroy(&l.wei);
    fv_tensor_destroy(&l.bia);
    fv_free(d->q.ctx, numbers);
    return status;
}

static fv_status add_node(dynamic *d, const fv_node *node)
{
    fv_val *in[FV_MAX_OPERANDS] = {NULL};
    fv_node *made;
    for (int32_t i = 0; i < node->n_in; i++) {
        const fv_val *val = node->in[i];
        if (val && !d->map[val->id])
            FV_TRY(fv_graph_copy_leaf(d->to, val, &d->map[val->id]));
        in[i] = val ? d->map[val->id] : NULL;
    }
    FV_TRY(fv_graph_add(d->to, node->op, node->name, node->attr, in, node->n_in, &made));
    for (int32_t i = 0; i < node->n_out; i++)
        d->map[node->out[i]->id] = made->out[i];
    d->report.real += fv_node_weighted(node);
    return FV_OK;
}

/* ---- the network ---- */

static fv_status check_names(const dynamic *d)
{
    char one[256];
    const fv_graph *g = d->q.model->graph;
    for (const char *p = d->skip; p && *p;) {
        const size_t length = strcspn(p, ",");
        bool found = false;
        snprintf(one, sizeof one, "%.*s", (int)length, p);
        for (int32_t n = 0; n < g->n_nodes && !found; n++)
            found = fv_node_weighted(g->nodes[n]) && fv_text_match(one, g->nodes[n]->name);
        if (!found)
            return fv_fail_hint(d->q.ctx,
                                fv_fail(d->q.ctx, FV_ERR_VALUE, "no layer with weights of model '%s' is called '%s'",
                                        d->q.model->name, one),
                                "`fovea info` lists them");
        p += length + (p[length] == ',');
    }
    return FV_OK;
}

static fv_status build(dynamic *d)
{
    const fv_graph *g = d->q.model->graph;
    FV_TRY(check_names(d));
    for (int32_t v = 0; v < g->n_vals; v++)
        if (g->vals[v]->role == FV_ROLE_INPUT)
            FV_TRY(fv_graph_copy_leaf(d->to, g->vals[v], &d->map[v]));
    for (int32_t n = 0; n < g->n_nodes; n++)
        FV_TRY(becomes_integer(d, g->nodes[n]) ? add_integers(d, g->nodes[n]) : add_node(d, g->nodes[n]));
    for (int32_t i = 0; i < g->n_outputs; i++)
        FV_TRY(fv_graph_add_output(d->to, d->map[g->outputs[i]->id], g->output_names[i]));
    if (d->report.integer == 0)
        return fv_fail_hint(d->q.ctx,
                            fv_fail(d->q.ctx, FV_ERR_MODEL, "model '%s' has no layer with weights that can be integers",
                                    d->q.model->name),
                            "convolutions (conv2d) and products (dense) can");
    return FV_OK;
}

static fv_status finish(dynamic *d, fv_model **made)
{
    FV_TRY(fv_model_create(d->q.ctx, made));
    fv_model_take_graph(*made, &d->to);
    FV_TRY(fv_model_complete_sharing(*made, d->q.model));
    FV_TRY(fv_model_copy_card(d->q.model, "quantized", *made));
    fv_model_touch(*made);
    return FV_OK;
}

fv_status fv_quantize_dynamic(fv_model *model, const char *skip, fv_dynamic_report *report, fv_model **quantized)
{
    dynamic d = {.q = {.ctx = model->ctx, .o = {.weight_bits = 8}}, .skip = skip};
    *quantized = NULL;
    FV_TRY(fv_q_check_integers(model));
    FV_TRY(fv_model_fold(model, &d.q.model));
    const size_t n = (size_t)d.q.model->graph->n_vals + 1;
    d.map = fv_calloc(model->ctx, n, sizeof *d.map);
    d.rounded = fv_calloc(model->ctx, n, sizeof *d.rounded);
    fv_status status = d.map && d.rounded ? fv_graph_create(model->ctx, fv_op_find, &d.to) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = build(&d);
    if (status == FV_OK)
        status = finish(&d, quantized);
    if (status != FV_OK)
        fv_model_destroy(quantized);
    if (report)
        *report = d.report;
    fv_graph_destroy(&d.to);
    fv_free(model->ctx, d.map);
    fv_free(model->ctx, d.rounded);
    fv_model_destroy(&d.q.model);
    return status;
}
