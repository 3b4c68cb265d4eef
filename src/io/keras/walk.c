/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the graph: every call of a layer once its operands are there. */
#include <stdio.h>

#include "io/keras/net.h"

/* The result of a call; calls of a layer that is used several times are numbered. */
static const char *key_of(const fv_keras_net *net, const char *prefix, const fv_keras_layer *layer, int64_t call,
                          int64_t tensor)
{
    if (call == 0 && tensor == 0)
        return fv_arena_printf(net->arena, "%s%s", prefix, layer->name);
    if (tensor == 0)
        return fv_arena_printf(net->arena, "%s%s:%lld", prefix, layer->name, (long long)call);
    return fv_arena_printf(net->arena, "%s%s:%lld:%lld", prefix, layer->name, (long long)call, (long long)tensor);
}

/* *value NULL: not computed yet. A name of thousands of characters is none that is found. */
static void value_of(const fv_keras_net *net, const fv_keras_graph *g, const char *prefix, const fv_keras_ref *ref,
                     fv_foreign **value)
{
    char key[2048], more[64] = "";
    const fv_keras_layer *layer = &g->layers[ref->layer];
    const long long call = (long long)(ref->call - layer->first_call), tensor = (long long)ref->tensor;
    if (tensor)
        snprintf(more, sizeof more, ":%lld:%lld", call, tensor);
    else if (call)
        snprintf(more, sizeof more, ":%lld", call);
    const int length = snprintf(key, sizeof key, "%s%s%s", prefix, layer->name, more);
    *value = length < (int)sizeof key ? fv_import_find(&net->im, key) : NULL;
}

/* ---- inputs ---- */

static const fv_doc_node *shape_of(const fv_doc_node *config)
{
    static const char *const keys[] = {"batch_shape", "batch_input_shape", "build_input_shape"};
    for (size_t i = 0; config && config->kind == FV_DOC_MAP && i < sizeof keys / sizeof keys[0]; i++) {
        const fv_doc_node *node = fv_doc_get(config, keys[i]);
        if (node && node->kind == FV_DOC_LIST)
            return node;
        const fv_doc_node *inner = node && node->kind == FV_DOC_MAP ? fv_doc_get(node, "items") : NULL; /* a tuple */
        if (inner && inner->kind == FV_DOC_LIST)
            return inner;
    }
    return NULL;
}

/* The shape that a network takes: of its input, of a network that is its first layer, or of what built it. */
static const fv_doc_node *input_shape(const fv_keras_graph *g, int input)
{
    const fv_keras_layer *layer = &g->layers[input];
    const fv_doc_node *shape = shape_of(layer->config);
    if (!shape && input == 0 && g->n_layers > 1 && g->layers[1].inner)
        shape = input_shape(g->layers[1].inner, g->layers[1].inner->in[0].layer);
    if (!shape)
        shape = shape_of(g->config);
    const fv_doc_node *built = !shape && layer->node ? fv_doc_get(layer->node, "build_config") : NULL;
    shape = built && built->kind == FV_DOC_MAP ? fv_doc_get(built, "input_shape") : shape;
    return shape && shape->kind == FV_DOC_LIST ? shape : NULL;
}

/* What resizes or crops images in front of all others: then its size is the network's. */
static const fv_keras_layer *resizer(const fv_keras_graph *g, int input)
{
    const fv_keras_layer *layer = fv_keras_front(g, input, "Resizing");
    return layer ? layer : fv_keras_front(g, input, "CenterCrop");
}

static int64_t side_of(const fv_keras_layer *layer, int side)
{
    const fv_doc_node *node = layer && layer->config && layer->config->kind == FV_DOC_MAP
                                  ? fv_doc_get(layer->config, side ? "width" : "height")
                                  : NULL;
    return node && node->kind == FV_DOC_INT && node->integer > 0 && node->integer < 65536 ? node->integer : 0;
}

static bool is_first(const fv_keras_layer *layer)
{
    const fv_doc_node *format =
        layer->config && layer->config->kind == FV_DOC_MAP ? fv_doc_get(layer->config, "data_format") : NULL;
    return format && format->kind == FV_DOC_STRING && strcmp(format->text, "channels_first") == 0;
}

/* Whether the network has images as c h w: one of its layers says so. */
static bool channels_first(const fv_keras_graph *g)
{
    for (int i = 0; i < g->n_layers; i++)
        if (is_first(&g->layers[i]) || (g->layers[i].inner && channels_first(g->layers[i].inner)))
            return true;
    return false;
}

static fv_status add_input(fv_keras_net *net, const fv_keras_graph *g, const fv_keras_ref *ref)
{
    const fv_keras_layer *layer = &g->layers[ref->layer];
    const fv_doc_node *node = input_shape(g, ref->layer);
    const fv_keras_layer *resize = resizer(g, ref->layer);
    const bool first = channels_first(g);
    fv_shape shape = {.rank = 1, .dim = {1}};
    if (!node)
        return fv_fail_hint(net->ctx,
                            fv_fail(net->ctx, FV_ERR_MODEL,
                                    "%s: Keras: the file does not say the shape of the input '%.100s'", net->path,
                                    layer->name),
                            "build the network with an Input layer, load these weights, and save it");
    if (node->count < 1 || node->count > FV_MAX_RANK)
        return fv_fail(net->ctx, FV_ERR_MODEL,
                       "%s: Keras: the input '%.100s' has %lld dimensions: at most %d are "
                       "supported",
                       net->path, layer->name, (long long)node->count, FV_MAX_RANK);
    for (int d = 1; d < node->count; d++) {
        const int side = node->count == 4 ? d - (first ? 2 : 1) : -1;
        int64_t size = node->child[d].kind == FV_DOC_INT ? node->child[d].integer : 0;
        if (size <= 0 && (side == 0 || side == 1))
            size = side_of(resize, side) ? side_of(resize, side) : net->options->img_size[side];
        if (size <= 0)
            FV_TRY(fv_import_given_size(&net->im, net->options, layer->name, (int)node->count, d, !first, &size));
        if (size <= 0)
            return fv_fail_hint(
                net->ctx,
                fv_fail(net->ctx, FV_ERR_MODEL, "%s: Keras: input '%.100s': dimension %d is left open by the file%s",
                        net->path, layer->name, d,
                        side == 0 || side == 1 ? ", and nothing says how large an image is" : ""),
                side == 0 || side == 1 ? "give its size: --img-size HxW" : "build the network with that size fixed");
        shape.dim[shape.rank++] = size;
    }
    if (fv_shape_count(&shape) < 0)
        return fv_keras_bad(net, "input '%.100s': its dimensions are impossible", layer->name);
    return fv_import_input(&net->im, layer->name, FV_F32, &shape, first && shape.rank >= 3);
}

/* ---- calls ---- */

/* A number as an operand. */
static fv_foreign *number(const fv_keras_net *net, double value)
{
    fv_foreign *f = fv_arena_alloc(net->arena, sizeof *f);
    float *data = fv_arena_alloc(net->arena, sizeof *data);
    if (!f || !data)
        return NULL;
    *data = (float)value;
    *f = (fv_foreign){.name = "number", .dtype = FV_F32, .shape = {1, {1}}, .data = data, .form = {-1, -1, -1}};
    return f;
}

/* Lists of a network within are read by their order where every layer of it is known. */
static bool has_weights(const fv_keras_layer *layer)
{
    for (int i = 0; layer->op->weights && layer->op->weights[i].leaf; i++)
        if (!layer->weight[i] && fv_keras_has_weight(layer, &layer->op->weights[i]))
            return false;
    return true;
}

static const char *why_not(const fv_keras_layer *layer, char text[160])
{
    if (layer->op && layer->op->map)
        return "its weights are not told from those of a layer beside it that is not known";
    if (layer->op && layer->op->near)
        return layer->op->near;
    return fv_keras_nearest(layer->kind, text);
}

/* What was refused is noted, and what depends on it is passed over. */
static fv_status settle(fv_keras_net *net, const fv_keras_layer *layer, const char *key, fv_status status)
{
    fv_import *im = &net->im;
    bool refused;
    FV_TRY(fv_import_settle(im, layer->kind, key, status, &refused));
    if (!refused)
        return FV_OK;
    fv_foreign *f = fv_import_find(im, key);
    if (!f)
        FV_TRY(fv_import_add(im, key, &f));
    f->missing = true;
    return FV_OK;
}

static fv_status make_layer(fv_keras_net *net, const fv_keras_layer *layer, const fv_keras_call *call, const char *key,
                            fv_foreign *const *in)
{
    char text[160];
    fv_keras_node n = {.im = &net->im,
                       .doc = net->doc,
                       .kind = layer->kind,
                       .name = layer->name,
                       .out = key,
                       .config = layer->config,
                       .kwargs = call->kwargs,
                       .n_extra = call->n_extra,
                       .three = net->three,
                       .n_in = call->n_refs};
    bool missing = false;
    for (int i = 0; i < call->n_refs; i++) {
        n.in[i] = in[i];
        missing = missing || in[i]->missing;
    }
    memcpy(n.weight, layer->weight, sizeof n.weight);
    memcpy(n.extra, call->extra, sizeof n.extra);
    net->im.label = net->im.base = key;
    const bool supported = layer->op && layer->op->map && has_weights(layer);
    if (!supported)
        FV_TRY(fv_import_refuse(&net->im, layer->kind, key, why_not(layer, text)));
    if (!supported || missing) {
        fv_foreign *f;
        FV_TRY(fv_import_add(&net->im, key, &f));
        f->missing = true;
        return FV_OK;
    }
    return settle(net, layer, key, layer->op->map(&n));
}

static fv_status walk(fv_keras_net *net, const fv_keras_graph *g, const char *prefix);

/* A network within: its inputs are the operands, its outputs the results. */
static fv_status make_network(fv_keras_net *net, const fv_keras_layer *layer, const fv_keras_call *call,
                              const char *prefix, int number_of_call, fv_foreign *const *in)
{
    const fv_keras_graph *g = layer->inner;
    const char *key = key_of(net, prefix, layer, number_of_call, 0);
    const char *inside = key ? fv_arena_printf(net->arena, "%s/", key) : NULL;
    if (!inside)
        return FV_ERR_NO_MEMORY;
    if (call->n_refs != g->n_in)
        return fv_keras_bad(net, "the network '%.100s' has %d inputs and is given %d", layer->name, g->n_in,
                            call->n_refs);
    for (int i = 0; i < g->n_in; i++) {
        const char *name = key_of(net, inside, &g->layers[g->in[i].layer], 0, 0);
        if (!name)
            return FV_ERR_NO_MEMORY;
        FV_TRY(fv_import_alias(&net->im, name, in[i]));
    }
    FV_TRY(walk(net, g, inside));
    for (int i = 0; i < g->n_out; i++) {
        fv_foreign *f;
        const char *name = key_of(net, prefix, layer, number_of_call, i);
        value_of(net, g, inside, &g->out[i], &f);
        if (!name)
            return FV_ERR_NO_MEMORY;
        if (!f)
            return fv_keras_bad(net, "output %d of '%.100s' is computed by nothing", i, layer->name);
        FV_TRY(fv_import_alias(&net->im, name, f));
    }
    return FV_OK;
}

/* Makes a call if its operands are there. */
static fv_status try_call(fv_keras_net *net, const fv_keras_graph *g, const char *prefix, const fv_keras_layer *layer,
                          int c, bool *done)
{
    const fv_keras_call *call = layer->call[c];
    fv_foreign *in[FV_KERAS_OPERANDS_MAX];
    if (++net->tries > FV_KERAS_TRIES_MAX)
        return fv_keras_bad(net, "its layers are listed in an order that nothing can be made of");
    for (int i = 0; i < call->n_refs; i++) {
        if (!call->ref[i].name)
            in[i] = number(net, call->ref[i].value);
        else
            value_of(net, g, prefix, &call->ref[i], &in[i]);
        if (!in[i])
            return call->ref[i].name ? FV_OK : FV_ERR_NO_MEMORY;
    }
    *done = true;
    if (++net->calls > FV_KERAS_CALLS_MAX)
        return fv_keras_bad(net, "more than %d calls of layers", FV_KERAS_CALLS_MAX);
    if (layer->inner)
        return make_network(net, layer, call, prefix, c, in);
    const char *key = key_of(net, prefix, layer, c, 0);
    return key ? make_layer(net, layer, call, key, in) : FV_ERR_NO_MEMORY;
}

/* Passes over the calls until all are made: files list most layers in an order that needs one pass. */
static fv_status make_calls(fv_keras_net *net, const fv_keras_graph *g, const char *prefix, bool *done)
{
    for (bool progress = true; progress;) {
        progress = false;
        int at = 0;
        for (int i = 0; i < g->n_layers; i++)
            for (int c = 0; c < g->layers[i].n_calls; c++, at++) {
                if (!done[at])
                    FV_TRY(try_call(net, g, prefix, &g->layers[i], c, &done[at]));
                else
                    continue;
                progress = progress || done[at];
            }
    }
    int at = 0;
    for (int i = 0; i < g->n_layers; i++)
        for (int c = 0; c < g->layers[i].n_calls; c++, at++)
            if (!done[at])
                return fv_keras_bad(net, "'%.100s' takes what no layer computes", g->layers[i].name);
    return FV_OK;
}

static fv_status walk(fv_keras_net *net, const fv_keras_graph *g, const char *prefix)
{
    size_t calls = 0;
    for (int i = 0; i < g->n_layers; i++)
        calls += (size_t)g->layers[i].n_calls;
    bool *done = fv_calloc(net->ctx, calls + 1, sizeof *done);
    if (!done)
        return FV_ERR_NO_MEMORY;
    fv_status status = make_calls(net, g, prefix, done);
    fv_free(net->ctx, done);
    return status;
}

/* ---- the whole ---- */

/* The value that is the network's only output, and that nothing takes; NULL: there is none. */
static const char *answer_of(const fv_keras_net *net, const fv_keras_graph *g, const char *prefix)
{
    const fv_keras_layer *layer = &g->layers[g->out[0].layer];
    if (g->n_out != 1 || layer->taken || layer->n_calls != 1)
        return NULL;
    const char *key = key_of(net, prefix, layer, 0, 0);
    if (!layer->inner || !key)
        return key;
    const char *inside = fv_arena_printf(net->arena, "%s/", key);
    return inside ? answer_of(net, layer->inner, inside) : NULL;
}

static fv_status add_output(fv_keras_net *net, const fv_keras_graph *g, int i)
{
    fv_foreign *f;
    const char *name = g->layers[g->out[i].layer].name;
    value_of(net, g, "", &g->out[i], &f);
    if (!f)
        return fv_keras_bad(net, "the output '%.100s' is computed by nothing", name);
    for (int k = 0; k < i; k++)
        if (strcmp(g->layers[g->out[k].layer].name, name) == 0)
            name = fv_arena_printf(net->arena, "%s:%d", g->layers[g->out[i].layer].name, i);
    return name ? fv_import_output(&net->im, name, f) : FV_ERR_NO_MEMORY;
}

fv_status fv_keras_walk(fv_keras_net *net)
{
    const fv_keras_graph *g = net->graph;
    for (int i = 0; i < g->n_in; i++)
        FV_TRY(add_input(net, g, &g->in[i]));
    net->im.answer = answer_of(net, g, "");
    FV_TRY(walk(net, g, ""));
    if (net->im.n_refusals > 0)
        return FV_OK;
    for (int i = 0; i < g->n_out; i++)
        FV_TRY(add_output(net, g, i));
    return FV_OK;
}
