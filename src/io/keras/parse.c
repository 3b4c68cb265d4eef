/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of a network from its JSON. Keras 2: "inbound_nodes" are lists of [layer, call, tensor, keywords]; Keras 3:
 * {"args", "kwargs"} with "__keras_tensor__" objects among them. A Sequential lists its layers alone.
 */
#include <stdarg.h>
#include <stdio.h>

#include "io/keras/net.h"

enum { DEPTH_MAX = 12 };

fv_status fv_keras_bad(const fv_keras_net *net, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    fv_text_vformat(text, sizeof text, format, args);
    va_end(args);
    return fv_fail(net->ctx, FV_ERR_MODEL_FORMAT, "%s: Keras: %s", net->path, text);
}

/* ---- rows ---- */

static const void *const layer_tables[] = {
    fv_keras_conv_ops,       fv_keras_pool_ops,  fv_keras_dense_ops, fv_keras_norm_ops,
    fv_keras_activation_ops, fv_keras_merge_ops, fv_keras_shape_ops, fv_keras_plain_ops,
};
static const void *const function_tables[] = {
    fv_keras_function_ops,       fv_keras_function_shape_ops, fv_keras_function_activation_ops,
    fv_keras_function_merge_ops, fv_keras_function_pool_ops,
};

static bool is_mapped(const void *row)
{
    return ((const fv_keras_op *)row)->map != NULL;
}

static const fv_import_rows layer_rows = {layer_tables, sizeof layer_tables / sizeof layer_tables[0],
                                          sizeof(fv_keras_op), is_mapped},
                            function_rows = {function_tables, sizeof function_tables / sizeof function_tables[0],
                                             sizeof(fv_keras_op), is_mapped};

const fv_keras_op *fv_keras_find_op(const char *kind, bool function)
{
    char plain[64];
    const char *dot = strrchr(kind, '.');
    size_t n = 0;
    const fv_keras_op *op = function ? NULL : fv_import_find_row(&layer_rows, kind);
    for (const char *at = dot ? dot + 1 : kind; *at && n < sizeof plain - 1; at++)
        if (*at != '_')
            plain[n++] = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
    plain[n] = '\0';
    return op ? op : fv_import_find_row(&function_rows, plain);
}

const char *fv_keras_nearest(const char *kind, char text[160])
{
    return fv_import_nearest(&layer_rows, "layer", kind, text);
}

/* ---- JSON ---- */

static const fv_doc_node *get(const fv_doc_node *map, const char *key)
{
    const fv_doc_node *node = map && map->kind == FV_DOC_MAP ? fv_doc_get(map, key) : NULL;
    return node && node->kind != FV_DOC_NULL ? node : NULL;
}

static const char *text(const fv_doc_node *map, const char *key)
{
    const fv_doc_node *node = get(map, key);
    return node && node->kind == FV_DOC_STRING ? node->text : NULL;
}

/* [layer, call, tensor, ...] */
static bool is_ref(const fv_doc_node *node)
{
    return node->kind == FV_DOC_LIST && node->count >= 3 && node->child[0].kind == FV_DOC_STRING &&
           node->child[1].kind == FV_DOC_INT;
}

static fv_status add_ref(const fv_keras_net *net, fv_keras_call *call, const fv_keras_ref *ref)
{
    if (call->n_refs == FV_KERAS_OPERANDS_MAX)
        return fv_fail(net->ctx, FV_ERR_MODEL, "%s: Keras: a layer of more than %d operands", net->path,
                       FV_KERAS_OPERANDS_MAX);
    call->ref[call->n_refs++] = *ref;
    return FV_OK;
}

static fv_status add_number(const fv_keras_net *net, fv_keras_call *call, const fv_doc_node *node)
{
    return add_ref(net, call, &(fv_keras_ref){.value = node->real});
}

static bool is_number(const fv_doc_node *node)
{
    return node->kind == FV_DOC_INT || node->kind == FV_DOC_REAL;
}

/* A reference, or a number that stands where one could; *keywords: what follows it. */
static fv_status read_ref(const fv_keras_net *net, const fv_doc_node *node, fv_keras_call *call)
{
    const fv_doc_node *c = node->child;
    if (strcmp(c[0].text, "_CONSTANT_VALUE") == 0)
        return is_number(&c[2]) ? add_number(net, call, &c[2])
                                : fv_keras_bad(net, "an operand that is neither a layer's result nor a number");
    if (c[2].kind != FV_DOC_INT)
        return fv_keras_bad(net, "an operand of '%.100s' without its number", c[0].text);
    if (node->count > 3 && c[3].kind == FV_DOC_MAP && !call->kwargs)
        call->kwargs = &c[3];
    return add_ref(net, call, &(fv_keras_ref){.name = c[0].text, .call = c[1].integer, .tensor = c[2].integer});
}

/* Keywords of a function may be operands: results, or numbers called y (x, b). */
static fv_status read_keywords(const fv_keras_net *net, fv_keras_call *call)
{
    static const char *const keys[] = {"x", "y", "a", "b", "x1", "x2"};
    for (int64_t i = 0; call->kwargs && i < call->kwargs->count; i++) {
        const fv_doc_node *node = &call->kwargs->child[i];
        if (is_ref(node) && node->child[2].kind == FV_DOC_INT)
            FV_TRY(add_ref(net, call,
                           &(fv_keras_ref){.name = node->child[0].text,
                                           .call = node->child[1].integer,
                                           .tensor = node->child[2].integer}));
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
            if (is_number(node) && strcmp(node->key, keys[k]) == 0)
                FV_TRY(add_number(net, call, node));
    }
    return FV_OK;
}

static const fv_doc_node *keras_tensor(const fv_doc_node *node)
{
    const char *kind = node->kind == FV_DOC_MAP ? text(node, "class_name") : NULL;
    return kind && strcmp(kind, "__keras_tensor__") == 0 ? get(get(node, "config"), "keras_history") : NULL;
}

static bool holds_tensor(const fv_doc_node *node, int depth)
{
    if (keras_tensor(node))
        return true;
    for (int64_t i = 0; depth < 4 && (node->kind == FV_DOC_LIST || node->kind == FV_DOC_MAP) && i < node->count; i++)
        if (holds_tensor(&node->child[i], depth + 1))
            return true;
    return false;
}

static fv_status read_argument(const fv_keras_net *net, const fv_doc_node *node, fv_keras_call *call)
{
    const fv_doc_node *history = keras_tensor(node);
    if (history)
        return is_ref(history) ? read_ref(net, history, call)
                               : fv_keras_bad(net, "a tensor that does not say which layer it is from");
    if (is_number(node))
        return add_number(net, call, node);
    if ((node->kind == FV_DOC_LIST || node->kind == FV_DOC_MAP) && holds_tensor(node, 0)) {
        for (int64_t i = 0; i < node->count; i++)
            FV_TRY(read_argument(net, &node->child[i], call));
    } else if (call->n_extra < 4) {
        call->extra[call->n_extra++] = node;
    }
    return FV_OK;
}

/* One of "inbound_nodes". */
static fv_status read_call(const fv_keras_net *net, const fv_doc_node *node, fv_keras_call *call)
{
    if (node->kind == FV_DOC_MAP) {
        const fv_doc_node *args = get(node, "args"), *kwargs = get(node, "kwargs");
        for (int64_t i = 0; args && args->kind == FV_DOC_LIST && i < args->count; i++)
            FV_TRY(read_argument(net, &args->child[i], call));
        for (int64_t i = 0; kwargs && kwargs->kind == FV_DOC_MAP && i < kwargs->count; i++)
            if (holds_tensor(&kwargs->child[i], 0))
                FV_TRY(read_argument(net, &kwargs->child[i], call));
        call->kwargs = kwargs && kwargs->kind == FV_DOC_MAP ? kwargs : NULL;
        return FV_OK;
    }
    if (is_ref(node)) {
        FV_TRY(read_ref(net, node, call));
        if (!call->kwargs && node->count > 3 && node->child[3].kind == FV_DOC_MAP)
            call->kwargs = &node->child[3];
        return read_keywords(net, call);
    }
    for (int64_t i = 0; node->kind == FV_DOC_LIST && i < node->count; i++) {
        if (!is_ref(&node->child[i]))
            return fv_keras_bad(net, "an operand of a layer is none");
        FV_TRY(read_ref(net, &node->child[i], call));
    }
    return FV_OK;
}

/* Numbers of a TensorFlowOpLayer by their place among the operands. */
static fv_status insert_constants(const fv_keras_net *net, const fv_doc_node *constants, fv_keras_call *call)
{
    for (int64_t i = 0; constants && constants->kind == FV_DOC_MAP && i < constants->count; i++) {
        const fv_doc_node *node = &constants->child[i];
        int64_t at;
        if (!fv_text_to_int(node->key, &at) || !is_number(node) || at < 0 || at > call->n_refs)
            continue;
        FV_TRY(add_number(net, call, node));
        const fv_keras_ref added = call->ref[call->n_refs - 1];
        memmove(call->ref + at + 1, call->ref + at, (size_t)(call->n_refs - 1 - at) * sizeof added);
        call->ref[at] = added;
    }
    return FV_OK;
}

/* ---- layers ---- */

static fv_status add_call(fv_keras_net *net, fv_keras_layer *layer, const fv_keras_call *draft)
{
    if (++net->parsed > FV_KERAS_CALLS_MAX)
        return fv_keras_bad(net, "more than %d calls of layers", FV_KERAS_CALLS_MAX);
    if (layer->n_calls == layer->cap_calls) {
        const int grown = layer->cap_calls ? 2 * layer->cap_calls : 1;
        fv_keras_call **list = fv_arena_alloc(net->arena, (size_t)grown * sizeof(fv_keras_call *));
        if (!list)
            return FV_ERR_NO_MEMORY;
        if (layer->n_calls)
            memcpy(list, layer->call, (size_t)layer->n_calls * sizeof(fv_keras_call *));
        layer->call = list;
        layer->cap_calls = grown;
    }
    fv_keras_call *call = fv_arena_memdup(net->arena, draft, sizeof *draft);
    if (!call)
        return FV_ERR_NO_MEMORY;
    call->ref = fv_arena_memdup(net->arena, draft->ref, ((size_t)draft->n_refs + 1) * sizeof *draft->ref);
    layer->call[layer->n_calls++] = call;
    return call->ref ? FV_OK : FV_ERR_NO_MEMORY;
}

/* Which row it is: a class of layers, the function that an operator layer calls, or a network of its own. */
static fv_status set_kind(fv_keras_net *net, fv_keras_layer *layer, int depth)
{
    static const char *const functions[] = {"TFOpLambda", "SlicingOpLambda", "ClassMethod", NULL};
    const char *prefix = strrchr(layer->kind, '>'), *function = text(layer->config, "function");
    if (prefix)
        layer->kind = prefix + 1;
    if (fv_keras_is_network(layer->kind))
        return fv_keras_parse(net, layer->node, depth + 1, &layer->inner);
    for (int i = 0; functions[i]; i++)
        if (strcmp(layer->kind, functions[i]) == 0 && function) {
            layer->kind = function;
            layer->op = fv_keras_find_op(function, true);
            return FV_OK;
        }
    const fv_doc_node *def = strcmp(layer->kind, "TensorFlowOpLayer") == 0 ? get(layer->config, "node_def") : NULL;
    if (text(def, "op")) {
        layer->kind = text(def, "op");
        layer->constants = get(layer->config, "constants");
        layer->op = fv_keras_find_op(layer->kind, true);
        return FV_OK;
    }
    layer->op = fv_keras_find_op(layer->kind, false);
    return FV_OK;
}

static fv_status read_layer(fv_keras_net *net, const fv_doc_node *node, int index, int depth, fv_keras_layer *layer)
{
    layer->node = node;
    layer->kind = text(node, "class_name");
    layer->config = get(node, "config");
    layer->name = text(node, "name") ? text(node, "name") : text(layer->config, "name");
    if (!layer->kind)
        return fv_keras_bad(net, "layer %d has no class_name", index);
    if (!layer->name)
        layer->name = fv_arena_printf(net->arena, "layer_%d", index);
    if (!layer->name)
        return FV_ERR_NO_MEMORY;
    const fv_doc_node *trainable = get(layer->config, "trainable"), *nodes = get(node, "inbound_nodes");
    layer->trainable = !trainable || trainable->kind != FV_DOC_BOOL || trainable->integer;
    FV_TRY(set_kind(net, layer, depth));
    for (int64_t i = 0; nodes && nodes->kind == FV_DOC_LIST && i < nodes->count; i++) {
        fv_keras_ref room[FV_KERAS_OPERANDS_MAX + 1] = {{0}};
        fv_keras_call draft = {.ref = room};
        FV_TRY(read_call(net, &nodes->child[i], &draft));
        FV_TRY(insert_constants(net, layer->constants, &draft));
        FV_TRY(add_call(net, layer, &draft));
    }
    return FV_OK;
}

/* The layer that a reference names. */
static fv_status resolve(const fv_keras_net *net, const fv_keras_graph *g, fv_keras_ref *ref)
{
    for (int i = 0; i < g->n_layers; i++)
        if (strcmp(g->layers[i].name, ref->name) == 0) {
            fv_keras_layer *layer = &g->layers[i];
            ref->layer = i;
            layer->taken++;
            const int64_t calls = layer->n_calls ? layer->n_calls : 1;
            if (ref->call < 0 || ref->call > calls || ref->tensor < 0 || ref->tensor > 1000)
                return fv_keras_bad(net, "result %lld of '%.100s', which is called %lld times", (long long)ref->call,
                                    ref->name, (long long)calls);
            if (ref->call == calls)
                layer->first_call = 1;
            return FV_OK;
        }
    return fv_keras_bad(net, "an operand is of '%.100s', and there is no such layer", ref->name);
}

static fv_status resolve_all(const fv_keras_net *net, fv_keras_graph *g)
{
    for (int i = 0; i < g->n_layers; i++)
        for (int c = 0; c < g->layers[i].n_calls; c++) {
            fv_keras_call *call = g->layers[i].call[c];
            for (int k = 0; k < call->n_refs; k++)
                if (call->ref[k].name)
                    FV_TRY(resolve(net, g, &call->ref[k]));
        }
    for (int i = 0; i < g->n_in; i++)
        FV_TRY(resolve(net, g, &g->in[i]));
    for (int i = 0; i < g->n_out; i++) {
        FV_TRY(resolve(net, g, &g->out[i]));
        g->layers[g->out[i].layer].taken--;
    }
    return FV_OK;
}

/* ---- networks ---- */

/* "input_layers" or "output_layers": a reference, or a list or map of them. */
static fv_status read_ports(const fv_keras_net *net, const fv_doc_node *node, fv_keras_ref **refs, int *count)
{
    if (is_ref(node) && node->child[2].kind == FV_DOC_INT) {
        fv_keras_ref *grown = fv_arena_alloc(net->arena, (size_t)(*count + 1) * sizeof *grown);
        if (!grown)
            return FV_ERR_NO_MEMORY;
        if (*count >= 256)
            return fv_keras_bad(net, "more than 256 inputs or outputs");
        if (*count)
            memcpy(grown, *refs, (size_t)*count * sizeof *grown);
        grown[*count] = (fv_keras_ref){
            .name = node->child[0].text, .call = node->child[1].integer, .tensor = node->child[2].integer};
        *refs = grown;
        ++*count;
        return FV_OK;
    }
    for (int64_t i = 0; (node->kind == FV_DOC_LIST || node->kind == FV_DOC_MAP) && i < node->count; i++)
        FV_TRY(read_ports(net, &node->child[i], refs, count));
    return FV_OK;
}

/* Layers one behind the other; in front of them an input, which may be implied. */
static fv_status chain(fv_keras_net *net, fv_keras_graph *g)
{
    const fv_keras_layer *first = &g->layers[1];
    if (g->n_layers < 2)
        return fv_keras_bad(net, "'%.100s' has no layers", g->name);
    if (strcmp(first->kind, "InputLayer") == 0) {
        g->layers++;
        g->n_layers--;
    } else {
        g->layers[0] = (fv_keras_layer){.kind = "InputLayer", .node = first->node, .config = first->config};
        g->layers[0].name = fv_arena_printf(net->arena, "%s_input", first->name);
        g->layers[0].trainable = true;
        if (!g->layers[0].name)
            return FV_ERR_NO_MEMORY;
    }
    for (int i = 1; i < g->n_layers; i++) {
        fv_keras_ref before[2] = {{.name = g->layers[i - 1].name, .layer = i - 1}};
        g->layers[i].n_calls = 0;
        FV_TRY(add_call(net, &g->layers[i], &(fv_keras_call){.ref = before, .n_refs = 1}));
        g->layers[i - 1].taken++;
    }
    g->in = fv_arena_alloc(net->arena, 2 * sizeof *g->in);
    if (!g->in)
        return FV_ERR_NO_MEMORY;
    g->out = g->in + 1;
    *g->in = (fv_keras_ref){.name = g->layers[0].name, .layer = 0};
    *g->out = (fv_keras_ref){.name = g->layers[g->n_layers - 1].name, .layer = g->n_layers - 1};
    g->n_in = g->n_out = 1;
    return FV_OK;
}

fv_status fv_keras_parse(fv_keras_net *net, const fv_doc_node *model, int depth, fv_keras_graph **out)
{
    const char *kind = text(model, "class_name");
    const fv_doc_node *config = get(model, "config");
    const bool sequential = kind && strcmp(kind, "Sequential") == 0;
    const fv_doc_node *layers = config && config->kind == FV_DOC_LIST ? config : get(config, "layers");
    fv_keras_graph *g = *out = fv_arena_alloc(net->arena, sizeof *g);
    if (!g)
        return FV_ERR_NO_MEMORY;
    *g = (fv_keras_graph){.name = text(config, "name") ? text(config, "name") : "model", .config = config};
    if (depth > DEPTH_MAX)
        return fv_keras_bad(net, "networks within each other, more than %d deep", DEPTH_MAX);
    if (!kind || !config)
        return fv_keras_bad(net, "a network without class_name and config");
    if (!fv_keras_is_network(kind))
        return fv_fail_hint(net->ctx,
                            fv_fail(net->ctx, FV_ERR_MODEL,
                                    "%s: Keras: the network is of a class of its own, '%.100s': its code is in no file",
                                    net->path, kind),
                            "build it of layers by the functional API, load these weights, and save it");
    if (!layers || layers->kind != FV_DOC_LIST || layers->count < 1 || layers->count > FV_KERAS_LAYERS_MAX)
        return fv_keras_bad(net, "'%.100s' has no layers, or more than %d", g->name, FV_KERAS_LAYERS_MAX);
    const int room = sequential ? 1 : 0;
    g->n_layers = (int)layers->count + room;
    g->layers = fv_arena_alloc(net->arena, (size_t)g->n_layers * sizeof *g->layers);
    if (!g->layers)
        return FV_ERR_NO_MEMORY;
    memset(g->layers, 0, (size_t)g->n_layers * sizeof *g->layers);
    for (int i = 0; i < layers->count; i++)
        FV_TRY(read_layer(net, &layers->child[i], i, depth, &g->layers[i + room]));
    if (sequential)
        return chain(net, g);
    const fv_doc_node *in = get(config, "input_layers"), *from = get(config, "output_layers");
    if (in)
        FV_TRY(read_ports(net, in, &g->in, &g->n_in));
    if (from)
        FV_TRY(read_ports(net, from, &g->out, &g->n_out));
    if (!g->n_in || !g->n_out)
        return fv_keras_bad(net, "'%.100s' does not say what its inputs and outputs are", g->name);
    return resolve_all(net, g);
}
