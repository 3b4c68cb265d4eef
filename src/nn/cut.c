/* SPDX-License-Identifier: Apache-2.0 */
/* A part of the graph (fv_pass_slice) becomes the graph of a new model, to which poolings and a head are appended. */
#include "nn/cut.h"

#include <stdio.h>
#include <string.h>

#include "nn/build.h"

/* Of the generalized mean (Radenovic et al., "Fine-tuning CNN image retrieval with no human annotation", 2018). */
#define GEM_POWER "exponent=3"
#define GEM_ROOT  "exponent=0.33333333333333331"
#define GEM_LEAST "min=1e-6"

static const fv_val *find(const fv_model *m, const char *name)
{
    return fv_graph_named(m->graph, name);
}

/* The part of the graph that the cuts need, without outputs. */
static fv_status slice(fv_model *m, const fv_cut *cuts, int n, fv_graph **graph)
{
    const char **names = fv_calloc(m->ctx, (size_t)n + 1, sizeof *names);
    const fv_val *last = NULL;
    if (!names)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < n; i++) {
        const fv_val *v = find(m, cuts[i].value);
        names[i] = cuts[i].value;
        last = v && (!last || v->id > last->id) ? v : last;
    }
    fv_status status = fv_pass_slice(m->graph, NULL, last ? last->name : NULL, names, n, graph);
    if (status == FV_OK)
        (*graph)->n_outputs = 0;
    fv_free(m->ctx, names);
    return status;
}

/* ---- poolings ---- */

static fv_value apply(fv_model *m, const char *op, fv_value x, const char *full, const char *attributes)
{
    return fv_layer(m, op, &x, 1, &(fv_layer_options){full, attributes});
}

static fv_value means(fv_model *m, fv_value x, const int64_t grid[2], const char *base)
{
    char name[FV_NAME_MAX], text[64];
    snprintf(name, sizeof name, "%.200s.mean", base);
    if (grid[0] * grid[1] == 1)
        return apply(m, "global_avg_pool", x, name, NULL);
    snprintf(text, sizeof text, "output=%lld,%lld", (long long)grid[0], (long long)grid[1]);
    return apply(m, "adaptive_avg_pool2d", x, name, text);
}

/* Cells [i h / g, ceil((i + 1) h / g)) of each axis, as adaptive pooling has them, one after another in n x 1 x 1 x
 * (cells c). */
static fv_value largest(fv_model *m, fv_value x, const int64_t grid[2], const char *base)
{
    char name[FV_NAME_MAX], text[96];
    snprintf(name, sizeof name, "%.200s.max", base);
    if (grid[0] * grid[1] == 1)
        return apply(m, "global_max_pool", x, name, NULL);
    const fv_shape shape = *fv_nn_shape(m, x);
    fv_value row = fv_no_value;
    for (int64_t r = 0; r < grid[0]; r++)
        for (int64_t c = 0; c < grid[1]; c++) {
            const int64_t cell[2] = {r, c};
            fv_value part = x;
            for (int a = 0; a < 2; a++) {
                const int64_t size = shape.dim[1 + a], begin = cell[a] * size / grid[a];
                const int64_t end = ((cell[a] + 1) * size + grid[a] - 1) / grid[a];
                snprintf(name, sizeof name, "%.190s.%c%lld_%lld", base, a ? 'x' : 'y', (long long)r, (long long)c);
                snprintf(text, sizeof text, "axis=%d begin=%lld count=%lld", 1 + a, (long long)begin,
                         (long long)(end - begin));
                part = apply(m, "slice", part, name, text);
            }
            snprintf(name, sizeof name, "%.190s.max%lld_%lld", base, (long long)r, (long long)c);
            part = apply(m, "global_max_pool", part, name, NULL);
            const fv_value both[2] = {row, part};
            snprintf(name, sizeof name, "%.190s.row%lld_%lld", base, (long long)r, (long long)c);
            row = r + c == 0 ? part : fv_layer(m, "concat", both, 2, &(fv_layer_options){name, NULL});
        }
    return row;
}

static fv_value generalized(fv_model *m, fv_value x, const int64_t grid[2], const char *base)
{
    char name[FV_NAME_MAX];
    snprintf(name, sizeof name, "%.200s.least", base);
    x = apply(m, "clamp", x, name, GEM_LEAST);
    snprintf(name, sizeof name, "%.200s.power", base);
    x = means(m, apply(m, "pow", x, name, GEM_POWER), grid, base);
    snprintf(name, sizeof name, "%.200s.root", base);
    return apply(m, "pow", x, name, GEM_ROOT);
}

typedef fv_value (*pooling_fn)(fv_model *m, fv_value x, const int64_t grid[2], const char *base);
static const pooling_fn poolings[FV_POOLING_COUNT] = {
    [FV_POOLING_AVG] = means, [FV_POOLING_MAX] = largest, [FV_POOLING_GEM] = generalized};

static const char *const pooling_names[FV_POOLING_COUNT + 1] = {
    [FV_POOLING_NONE] = "none", [FV_POOLING_AVG] = "avg", [FV_POOLING_MAX] = "max", [FV_POOLING_GEM] = "gem"};

const char *const *fv_pooling_names(void)
{
    return pooling_names;
}

/* The cut's value in the model under construction, pooled; names of what is appended begin with `base`. */
static fv_value pool(fv_model *m, const fv_cut *cut, const char *base)
{
    const fv_val *v = find(m, cut->value);
    fv_value x = {v ? v->id : -1};
    if (!v || v->shape.rank != 4 || !poolings[cut->pool])
        return x;
    const int64_t grid[2] = {cut->grid[0] < v->shape.dim[1] ? cut->grid[0] : v->shape.dim[1],
                             cut->grid[1] < v->shape.dim[2] ? cut->grid[1] : v->shape.dim[2]};
    return poolings[cut->pool](m, x, grid, base);
}

/* ---- the model ---- */

static fv_status begin(fv_model *model, const fv_cut *cuts, int n, fv_model **out)
{
    fv_graph *graph = NULL;
    FV_TRY(slice(model, cuts, n, &graph));
    fv_status status = fv_model_create(model->ctx, out);
    if (status == FV_OK) {
        fv_model_take_graph(*out, &graph);
        snprintf((*out)->name, sizeof(*out)->name, "%s", model->name);
    }
    fv_graph_destroy(&graph);
    return status;
}

static fv_status cut_values(fv_model *model, const fv_cut *cuts, int n, fv_model *part)
{
    char base[32];
    for (int i = 0; i < n; i++) {
        snprintf(base, sizeof base, "features.%d.pool", i);
        fv_output(part, cuts[i].value, pool(part, &cuts[i], base));
    }
    if (part->error != FV_OK)
        return fv_model_finish_outputs(part);
    FV_TRY(fv_model_complete_sharing(part, model));
    part->pipeline = model->pipeline;
    part->task = model->task;
    return FV_OK;
}

fv_status fv_model_cut(fv_model *model, const fv_cut *cuts, int n, fv_model **out)
{
    *out = NULL;
    fv_status status = begin(model, cuts, n, out);
    if (status == FV_OK)
        status = cut_values(model, cuts, n, *out);
    if (status != FV_OK)
        fv_model_destroy(out);
    return status;
}

/* ---- a head ---- */

/* A name that no tensor of the part has: PREFERRED, PREFERRED2, ... */
static void free_name(const fv_model *part, const char *preferred, char name[64])
{
    char weight[80];
    snprintf(name, 64, "%s", preferred);
    snprintf(weight, sizeof weight, "%s.weight", name);
    for (int i = 2; fv_graph_find(part->graph, name) || fv_graph_find(part->graph, weight); i++) {
        snprintf(name, 64, "%s%d", preferred, i);
        snprintf(weight, sizeof weight, "%s.weight", name);
    }
}

static fv_status copy_tensors(fv_model *from, fv_model *to)
{
    fv_model_sync(from);
    for (int i = 0; i < to->n_slots; i++) {
        const fv_slot *slot = fv_model_slot(from, to->slots[i].name);
        if (slot && fv_shape_equal(&slot->shape, &to->slots[i].shape))
            memcpy(fv_tensor_data(to->slots[i].data), fv_tensor_const_data(slot->data), fv_tensor_bytes(slot->data));
    }
    for (int i = 0; i < to->n_counters; i++)
        if (fv_model_counter(from, to->counters[i].name))
            to->counters[i].value = fv_model_counter(from, to->counters[i].name)->value;
    return FV_OK;
}

static fv_status add_head(fv_model *model, const fv_cut *cut, const fv_cut_head *head, fv_model *to)
{
    char name[64], flat[64], tensor[80];
    free_name(to, "pool", name);
    fv_value x = pool(to, cut, name);
    if (to->error == FV_OK && fv_nn_shape(to, x)->rank > 2) {
        free_name(to, "flatten", flat);
        x = apply(to, "flatten", x, flat, NULL);
    }
    if (to->error == FV_OK && fv_nn_shape(to, x)->dim[1] != head->width)
        return fv_fail(model->ctx, FV_ERR_VALUE, "a classifier of %lld numbers behind '%s', which has %lld",
                       (long long)head->width, cut->value, (long long)fv_nn_shape(to, x)->dim[1]);
    free_name(to, "linear", name);
    FV_TRY(fv_model_finish(to, fv_dense(to, x, .name = name, .units = head->classes)));
    FV_TRY(copy_tensors(model, to));
    snprintf(tensor, sizeof tensor, "%s.weight", name);
    memcpy(fv_tensor_data(fv_model_slot(to, tensor)->data), head->weights,
           (size_t)(head->classes * head->width) * sizeof(float));
    snprintf(tensor, sizeof tensor, "%s.bias", name);
    memcpy(fv_tensor_data(fv_model_slot(to, tensor)->data), head->bias, (size_t)head->classes * sizeof(float));
    to->pipeline = model->pipeline;
    to->task = FV_TASK_CLASSIFY;
    FV_TRY(fv_model_set_class_names(to, head->class_names, head->classes));
    fv_model_touch(to);
    return FV_OK;
}

fv_status fv_model_cut_head(fv_model *model, const fv_cut *cut, const fv_cut_head *head, fv_model **out)
{
    *out = NULL;
    fv_status status = begin(model, cut, 1, out);
    if (status == FV_OK)
        status = add_head(model, cut, head, *out);
    if (status != FV_OK)
        fv_model_destroy(out);
    return status;
}
