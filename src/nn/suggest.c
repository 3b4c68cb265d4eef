/* SPDX-License-Identifier: Apache-2.0 */
/* What layers could be had for less: the replacements that the courses teach, counted for this network. */
#include <stdio.h>
#include <string.h>

#include <fovea/design.h>

#include "model/model.h"
#include "ops/attr.h"

static const char *const kinds[FV_SUGGEST_COUNT + 1] = {"stack", "spatial", "bottleneck", "separable",
                                                        "pool",  "conv",    "bias",       NULL};

const char *const *fv_suggestion_kinds(void)
{
    return kinds;
}

typedef struct suggester {
    const fv_model *model;
    fv_suggestion *list;
    int count, capacity;
    fv_status status;
} suggester;

static bool is_op(const fv_node *node, const char *name)
{
    return strcmp(node->op->name, name) == 0;
}

static void add(suggester *s, const fv_suggestion *row)
{
    if (s->status != FV_OK)
        return;
    if (s->count == s->capacity) {
        const int grown = s->capacity ? 2 * s->capacity : 64;
        fv_suggestion *list = fv_realloc(s->model->ctx, s->list, (size_t)grown * sizeof *list);
        if (!list) {
            s->status = FV_ERR_NO_MEMORY;
            return;
        }
        s->list = list;
        s->capacity = grown;
    }
    s->list[s->count++] = *row;
}

/* ---- windows in a row ---- */

/* Convolutions that take a layer's place, one behind the other, of images h x w that begin with `channels`. */
typedef struct chain {
    int64_t h, w, channels, field[2], jump[2], parameters;
    double macs;
    bool bias, fits;
    char text[96];
} chain;

static chain begin_chain(const fv_node *node)
{
    const int64_t *d = node->in[0]->shape.dim;
    return (chain){.h = d[1],
                   .w = d[2],
                   .channels = d[3],
                   .field = {1, 1},
                   .jump = {1, 1},
                   .bias = node->n_in > 2 && node->in[2],
                   .fits = true};
}

typedef struct window {
    int64_t size[2], stride[2], pad[2]; /* pad: of both ends together */
    int64_t filters, groups;
} window;

static void chain_conv(chain *c, const window *v)
{
    int64_t *const side[2] = {&c->h, &c->w};
    for (int d = 0; d < 2; d++) {
        *side[d] = (*side[d] + v->pad[d] - v->size[d]) / v->stride[d] + 1;
        c->fits = c->fits && *side[d] > 0;
        c->field[d] += (v->size[d] - 1) * c->jump[d];
        c->jump[d] *= v->stride[d];
    }
    c->fits = c->fits && c->channels % v->groups == 0 && v->filters % v->groups == 0;
    const int64_t weights = v->filters * v->size[0] * v->size[1] * (c->channels / v->groups);
    const size_t used = strlen(c->text);
    snprintf(c->text + used, sizeof c->text - used, "%s%lldx%lld %lld>%lld%s", used ? ", " : "", (long long)v->size[0],
             (long long)v->size[1], (long long)c->channels, (long long)v->filters,
             v->groups == 1             ? ""
             : v->groups == c->channels ? " depthwise"
                                        : " grouped");
    c->parameters += weights + (c->bias ? v->filters : 0);
    c->macs += (double)weights * (double)c->h * (double)c->w;
    c->channels = v->filters;
}

/* ---- convolutions ---- */

typedef struct conv {
    const fv_node *node;
    int layer;
    const fv_conv2d_attr *attr;
    int64_t size[2], in, out;
    int64_t pad[2]; /* of both ends together */
    fv_layer_info info;
} conv;

static void add_chain(suggester *s, const conv *v, fv_suggestion_kind kind, const chain *c)
{
    const int64_t *dst = v->node->out[0]->shape.dim;
    fv_suggestion row = {.layer = v->layer,
                         .kind = kind,
                         .parameters = {v->info.parameters, c->parameters},
                         .macs = {v->info.macs, c->macs},
                         .field = {{v->size[0], v->size[1]}, {c->field[0], c->field[1]}}};
    if (!c->fits || c->h != dst[1] || c->w != dst[2] || c->parameters > v->info.parameters || c->macs > v->info.macs)
        return;
    snprintf(row.now, sizeof row.now, "%lldx%lld %lld>%lld%s", (long long)v->size[0], (long long)v->size[1],
             (long long)v->in, (long long)v->out,
             v->attr->groups == 1       ? ""
             : v->attr->groups == v->in ? " depthwise"
                                        : " grouped");
    snprintf(row.instead, sizeof row.instead, "%s", c->text);
    add(s, &row);
}

/* Channels stay at the fewer of both until the last, or grow at once where an image comes in. */
static void suggest_stack(suggester *s, const conv *v)
{
    const int64_t n = (v->size[0] - 1) / 2;
    chain c = begin_chain(v->node);
    if (v->size[0] != v->size[1] || v->size[0] % 2 == 0 || n < 2 || v->pad[0] > 2 * n || v->pad[1] > 2 * n)
        return;
    const int64_t between = v->in < v->out && v->in >= 16 ? v->in : v->out;
    for (int64_t i = 0; i < n; i++) {
        window w = {
            .size = {3, 3}, .stride = {1, 1}, .filters = i + 1 < n ? between : v->out, .groups = v->attr->groups};
        for (int d = 0; d < 2; d++) {
            const int64_t left = v->pad[d] - 2 * i;
            w.pad[d] = left > 2 ? 2 : left > 0 ? left : 0;
            w.stride[d] = i + 1 < n ? 1 : v->attr->stride[d];
        }
        chain_conv(&c, &w);
    }
    add_chain(s, v, FV_SUGGEST_STACK, &c);
}

static void suggest_spatial(suggester *s, const conv *v)
{
    chain c = begin_chain(v->node);
    const int64_t between = v->in < v->out && v->in >= 16 ? v->in : v->out;
    if (v->size[0] < 3 || v->size[1] < 3 || v->attr->groups != 1)
        return;
    chain_conv(&c, &(window){.size = {1, v->size[1]},
                             .stride = {1, v->attr->stride[1]},
                             .pad = {0, v->pad[1]},
                             .filters = between,
                             .groups = 1});
    chain_conv(&c, &(window){.size = {v->size[0], 1},
                             .stride = {v->attr->stride[0], 1},
                             .pad = {v->pad[0], 0},
                             .filters = v->out,
                             .groups = 1});
    add_chain(s, v, FV_SUGGEST_SPATIAL, &c);
}

static void suggest_bottleneck(suggester *s, const conv *v)
{
    chain c = begin_chain(v->node);
    const int64_t fewer = v->in < v->out ? v->in : v->out, between = fewer / 4;
    if (v->size[0] * v->size[1] < 9 || v->attr->groups != 1 || fewer < 64)
        return;
    chain_conv(&c, &(window){.size = {1, 1}, .stride = {1, 1}, .filters = between, .groups = 1});
    chain_conv(&c, &(window){.size = {v->size[0], v->size[1]},
                             .stride = {v->attr->stride[0], v->attr->stride[1]},
                             .pad = {v->pad[0], v->pad[1]},
                             .filters = between,
                             .groups = 1});
    chain_conv(&c, &(window){.size = {1, 1}, .stride = {1, 1}, .filters = v->out, .groups = 1});
    add_chain(s, v, FV_SUGGEST_BOTTLENECK, &c);
}

static void suggest_separable(suggester *s, const conv *v)
{
    chain c = begin_chain(v->node);
    if (v->size[0] * v->size[1] < 9 || v->attr->groups != 1 || v->in < 16)
        return;
    chain_conv(&c, &(window){.size = {v->size[0], v->size[1]},
                             .stride = {v->attr->stride[0], v->attr->stride[1]},
                             .pad = {v->pad[0], v->pad[1]},
                             .filters = v->in,
                             .groups = v->in});
    chain_conv(&c, &(window){.size = {1, 1}, .stride = {1, 1}, .filters = v->out, .groups = 1});
    add_chain(s, v, FV_SUGGEST_SEPARABLE, &c);
}

static const fv_node *sole_use(const fv_model *m, const fv_val *val)
{
    const fv_node *found = NULL;
    int uses = 0;
    for (int32_t n = 0; n < m->graph->n_nodes; n++)
        for (int32_t i = 0; i < m->graph->nodes[n]->n_in; i++)
            if (m->graph->nodes[n]->in[i] == val) {
                found = m->graph->nodes[n];
                uses++;
            }
    for (int32_t i = 0; i < m->graph->n_outputs; i++)
        uses += m->graph->outputs[i] == val;
    return uses == 1 ? found : NULL;
}

/* A constant that is taken away again with the mean. */
static void suggest_bias(suggester *s, const fv_node *node, int layer)
{
    const fv_val *bia = node->n_in > 2 ? node->in[2] : NULL;
    const fv_node *next = bia && bia->role == FV_ROLE_PARAM ? sole_use(s->model, node->out[0]) : NULL;
    fv_layer_info info;
    if (!next || !is_op(next, "batch_norm") || *(const int32_t *)node->attr != FV_ACT_NONE)
        return;
    fv_model_layer(s->model, layer, &info);
    fv_suggestion row = {.layer = layer,
                         .kind = FV_SUGGEST_BIAS,
                         .parameters = {info.parameters, info.parameters - fv_shape_count(&bia->shape)},
                         .macs = {info.macs, info.macs},
                         .field = {{1, 1}, {1, 1}},
                         .exact = true};
    for (int d = 0; d < 2 && node->in[1]->shape.rank == 4; d++)
        row.field[0][d] = row.field[1][d] = node->in[1]->shape.dim[1 + d];
    snprintf(row.now, sizeof row.now, "bias before '%.40s'", next->name);
    snprintf(row.instead, sizeof row.instead, "none: the running mean less the bias");
    add(s, &row);
}

static void suggest_conv(suggester *s, const fv_node *node, int layer)
{
    const int64_t *wei = node->in[1]->shape.dim;
    conv v = {.node = node,
              .layer = layer,
              .attr = node->attr,
              .size = {wei[1], wei[2]},
              .in = node->in[0]->shape.dim[3],
              .out = wei[0]};
    fv_model_layer(s->model, layer, &v.info);
    for (int d = 0; d < 2; d++)
        v.pad[d] = v.attr->pad[d] + v.attr->pad[d + 2];
    if (v.attr->dilation[0] == 1 && v.attr->dilation[1] == 1) {
        suggest_stack(s, &v);
        suggest_spatial(s, &v);
        suggest_bottleneck(s, &v);
        suggest_separable(s, &v);
    }
    suggest_bias(s, node, layer);
}

/* ---- matrices ---- */

/* The map whose flattened pixels a row is, as far as it is followed through what works element by element (rank 2 in
 * and out, one operand computed); *first: no other matrix stands between. NULL: it is none. */
static const fv_val *map_of(const fv_val *val, bool *first)
{
    *first = true;
    for (int steps = 0; val->def && steps < 1000; steps++) {
        const fv_node *node = val->def;
        const fv_val *in = node->in[0];
        if (!in)
            return NULL;
        if (in->shape.rank == 4)
            return is_op(node, "flatten") || is_op(node, "reshape") ? in : NULL;
        *first = *first && !is_op(node, "dense");
        if (in->shape.rank != 2)
            return NULL;
        val = in;
    }
    return NULL;
}

static void suggest_dense(suggester *s, const fv_node *node, int layer)
{
    bool first;
    const fv_val *map = map_of(node->in[0], &first);
    const int64_t units = node->in[1]->shape.dim[0], inputs = node->in[1]->shape.dim[1];
    fv_layer_info info;
    if (!map || node->in[0]->shape.rank != 2)
        return;
    fv_model_layer(s->model, layer, &info);
    const int64_t h = first ? map->shape.dim[1] : 1, w = first ? map->shape.dim[2] : 1, c = map->shape.dim[3];
    if (first && h * w * c != inputs)
        return;
    fv_suggestion row = {.layer = layer,
                         .kind = FV_SUGGEST_CONV,
                         .parameters = {info.parameters, info.parameters},
                         .macs = {info.macs, info.macs},
                         .field = {{h, w}, {h, w}},
                         .exact = true};
    snprintf(row.now, sizeof row.now, "matrix %lld>%lld", (long long)inputs, (long long)units);
    snprintf(row.instead, sizeof row.instead, "%lldx%lld %lld>%lld (`fovea convert --fully-conv`)", (long long)h,
             (long long)w, (long long)(first ? c : inputs), (long long)units);
    add(s, &row);
    if (!first || h * w == 1)
        return;
    row.kind = FV_SUGGEST_POOL;
    row.exact = false;
    row.parameters[1] = info.parameters - inputs * units + c * units;
    row.macs[1] = (double)(c * units);
    snprintf(row.instead, sizeof row.instead, "global average pooling, matrix %lld>%lld", (long long)c,
             (long long)units);
    add(s, &row);
}

fv_status fv_model_suggest(const fv_model *model, fv_suggestion **list, int *count)
{
    suggester s = {.model = model, .status = FV_OK};
    for (int n = 0; n < fv_model_layer_count(model); n++) {
        const fv_node *node = model->graph->nodes[n];
        if (is_op(node, "conv2d"))
            suggest_conv(&s, node, n);
        else if (is_op(node, "dense"))
            suggest_dense(&s, node, n);
    }
    if (s.status != FV_OK) {
        fv_free(model->ctx, s.list);
        s.list = NULL;
        s.count = 0;
    }
    *list = s.list;
    *count = s.count;
    return s.status;
}

void fv_suggestions_free(fv_ctx *ctx, fv_suggestion *list)
{
    fv_free(ctx, list);
}
