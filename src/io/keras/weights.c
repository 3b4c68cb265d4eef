/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which array of the file is which weight. In a .h5 every layer of the outermost network has a group that lists its
 * weights; those of a network within are one list: all that are trained, layer by layer, then all that are not. In a
 * .keras a layer's are .../layers/CLASS_N/vars/0, 1, .., CLASS_N counted among the layers of the same class.
 */
#include <stdio.h>

#include "io/keras/net.h"

/* A weight that a layer needs, in the order of a list. */
typedef struct want {
    fv_keras_layer *layer;
    int weight;
} want;

typedef struct wants {
    want *list;
    int count, room;
} wants;

bool fv_keras_has_weight(const fv_keras_layer *layer, const fv_keras_weight *w)
{
    if (!w->when)
        return true;
    const bool absent = *w->when == '!';
    const fv_doc_node *c =
        layer->config && layer->config->kind == FV_DOC_MAP ? fv_doc_get(layer->config, w->when + absent) : NULL;
    if (absent)
        return !c || c->kind == FV_DOC_NULL;
    return !c || c->kind != FV_DOC_BOOL || c->integer;
}

fv_status fv_keras_texts(const fv_keras_net *net, const fv_hdf5_node *node, const char *key, const char ***out,
                         int64_t *out_count)
{
    const fv_hdf5_values *parts[256];
    int n_parts = 0;
    int64_t count = 0, at = 0;
    char name[64];
    parts[0] = fv_hdf5_attribute_of(node, key);
    n_parts = parts[0] != NULL;
    for (int i = 0; !parts[0] || i > 0; i++) { /* a list that is too long for one attribute is in several */
        snprintf(name, sizeof name, "%.40s%d", key, i);
        const fv_hdf5_values *part = i < 256 ? fv_hdf5_attribute_of(node, name) : NULL;
        if (!part)
            break;
        parts[n_parts++] = part;
    }
    for (int i = 0; i < n_parts; i++)
        count += parts[i]->kind == FV_HDF5_TEXT || parts[i]->kind == FV_HDF5_TEXT_APART ? parts[i]->count : 0;
    const char **texts = fv_arena_alloc(net->arena, (size_t)(count + 1) * sizeof *texts);
    if (!texts)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < n_parts; i++)
        for (int64_t k = 0; at < count && k < parts[i]->count; k++) {
            const char *text;
            int64_t size;
            FV_TRY(fv_hdf5_text(&net->weights, parts[i], k, &text, &size));
            if (size > 4096)
                return fv_keras_bad(net, "a name of %lld characters", (long long)size);
            char *copy = fv_arena_alloc(net->arena, (size_t)size + 1);
            if (!copy)
                return FV_ERR_NO_MEMORY;
            memcpy(copy, text, (size_t)size);
            copy[size] = '\0';
            texts[at++] = copy;
        }
    *out = texts;
    *out_count = at;
    return FV_OK;
}

/* ---- one weight ---- */

static fv_status take(fv_keras_net *net, const fv_hdf5_node *node, const char *name, fv_keras_layer *layer, int i)
{
    fv_foreign *f = fv_arena_alloc(net->arena, sizeof *f);
    if (!f)
        return FV_ERR_NO_MEMORY;
    if (node->group || node->problem)
        return fv_fail_hint(net->ctx,
                            fv_fail(net->ctx, FV_ERR_MODEL, "%s: Keras: the weight '%.200s' cannot be read: %s",
                                    net->path, name, node->group ? "it is a group" : node->problem),
                            "save it again with Keras itself");
    *f = (fv_foreign){.name = name, .dtype = node->values.dtype, .shape = node->values.shape, .form = {-1, -1, -1}};
    f->initial = true;
    const uint8_t *data;
    FV_TRY(fv_hdf5_elements(&net->weights, node, &data));
    f->data = data;
    if ((uintptr_t)f->data % fv_dtype_size(f->dtype)) { /* no file of Keras; elements are read where they are */
        const int64_t size = node->values.count * node->values.item_bytes;
        if (size > net->weights.size - net->copied)
            return fv_keras_bad(net, "the weight '%.200s' is larger than a file of this size should have", name);
        net->copied += size;
        f->data = fv_arena_memdup(net->arena, f->data, (size_t)size);
        if (!f->data)
            return FV_ERR_NO_MEMORY;
    }
    layer->weight[i] = f;
    return FV_OK;
}

static fv_status missing(const fv_keras_net *net, const fv_keras_layer *layer, int i)
{
    return fv_keras_bad(net, "the weight '%.60s' of %.60s '%.100s' is not in the file", layer->op->weights[i].leaf,
                        layer->kind, layer->name);
}

static int weights_of(const fv_keras_layer *layer)
{
    int count = 0;
    while (layer->op && layer->op->weights && layer->op->weights[count].leaf)
        count++;
    return count;
}

/* ---- .h5: lists ---- */

static fv_status want_weight(const fv_keras_net *net, wants *w, fv_keras_layer *layer, int i)
{
    if (w->count == w->room) {
        const int grown = w->room ? 2 * w->room : 64;
        want *list = fv_arena_alloc(net->arena, (size_t)grown * sizeof *list);
        if (!list)
            return FV_ERR_NO_MEMORY;
        if (w->count)
            memcpy(list, w->list, (size_t)w->count * sizeof *list);
        w->list = list;
        w->room = grown;
    }
    w->list[w->count++] = (want){layer, i};
    return FV_OK;
}

/* Weights that are trained, or (frozen) those that are not, of a layer and of all within it. */
static fv_status collect(const fv_keras_net *net, fv_keras_layer *layer, bool frozen, bool trainable, wants *w)
{
    trainable = trainable && layer->trainable;
    for (int i = 0; layer->inner && i < layer->inner->n_layers; i++)
        FV_TRY(collect(net, &layer->inner->layers[i], frozen, trainable, w));
    for (int i = 0; i < weights_of(layer); i++) {
        const fv_keras_weight *spec = &layer->op->weights[i];
        if (fv_keras_has_weight(layer, spec) && (!trainable || spec->frozen) == frozen)
            FV_TRY(want_weight(net, w, layer, i));
    }
    return FV_OK;
}

/* The last part of a name without ":0". */
static bool ends_with_leaf(const char *name, const char *leaf)
{
    const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
    const size_t length = strcspn(last, ":");
    return length >= strlen(leaf) && strncmp(last + length - strlen(leaf), leaf, strlen(leaf)) == 0;
}

/* Whether a name is LAYER/leaf:0, whatever stands before. */
static bool is_named(const char *name, const char *layer, const char *leaf)
{
    char tail[512];
    const size_t length = (size_t)snprintf(tail, sizeof tail, "%.200s/%.60s", layer, leaf), all = strcspn(name, ":");
    return all >= length && strncmp(name + all - length, tail, length) == 0 &&
           (all == length || name[all - length - 1] == '/');
}

/* Whether the list is in the order that is expected: every leaf of the names agrees. */
static bool in_order(const wants *w, const char *const *names, int64_t count)
{
    for (int i = 0; i < w->count && w->count == count; i++)
        if (!ends_with_leaf(names[i], w->list[i].layer->op->weights[w->list[i].weight].leaf))
            return false;
    return w->count == count;
}

static bool knows_all(const fv_keras_layer *layer)
{
    for (int i = 0; layer->inner && i < layer->inner->n_layers; i++)
        if (!knows_all(&layer->inner->layers[i]))
            return false;
    return layer->inner || layer->op || strcmp(layer->kind, "InputLayer") == 0;
}

static fv_status assign_listed(fv_keras_net *net, fv_keras_layer *layer)
{
    wants w = {0};
    const char **names = NULL;
    int64_t count = 0;
    FV_TRY(collect(net, layer, false, true, &w));
    FV_TRY(collect(net, layer, true, true, &w));
    const fv_hdf5_node *group = fv_hdf5_find(net->root, layer->name);
    if (group)
        FV_TRY(fv_keras_texts(net, group, "weight_names", &names, &count));
    const bool ordered = in_order(&w, names, count);
    if (!ordered && !layer->inner && w.count != count && layer->op && layer->op->map)
        return fv_keras_bad(net, "%.60s '%.100s' has %lld weights in the file, expected %d", layer->kind, layer->name,
                            (long long)count, w.count);
    for (int i = 0; i < w.count; i++) {
        fv_keras_layer *of = w.list[i].layer;
        const char *leaf = of->op->weights[w.list[i].weight].leaf;
        int64_t at = ordered ? i : 0;
        while (!ordered && at < count && !is_named(names[at], of->name, leaf))
            at++;
        if (at >= count && !layer->inner)
            at = i; /* a layer's own are in order, whatever they are called */
        const fv_hdf5_node *node = at < count ? fv_hdf5_find(group, names[at]) : NULL;
        if (!node && knows_all(layer))
            return missing(net, of, w.list[i].weight);
        if (!node)
            continue;
        const char *name = fv_arena_printf(net->arena, "%.*s", (int)strcspn(names[at], ":"), names[at]);
        if (!name)
            return FV_ERR_NO_MEMORY;
        FV_TRY(take(net, node, name, of, w.list[i].weight));
    }
    return FV_OK;
}

/* ---- .keras: by class and number ---- */

/* SeparableConv2D: separable_conv2d; PReLU: p_re_lu */
static void snake(const char *kind, char out[96])
{
    size_t n = 0;
    for (size_t i = 0; kind[i] && n < 90; i++) {
        const char c = kind[i];
        const bool upper = c >= 'A' && c <= 'Z', letter = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        const char before = i ? kind[i - 1] : '\0', after = kind[i + 1];
        const bool small_before = before >= 'a' && before <= 'z', small_after = after >= 'a' && after <= 'z';
        if (!letter && c != '_')
            continue;
        if (upper && i && (small_before || small_after) && out[n - 1] != '_')
            out[n++] = '_';
        out[n++] = upper ? (char)(c - 'A' + 'a') : c;
    }
    out[n] = '\0';
}

/* FOLDER/vars/I; files of Windows have other strokes between the parts. */
static const fv_hdf5_node *variable(const fv_keras_net *net, const char *folder, int i)
{
    char path[1024];
    for (int form = 0; form < 3; form++) {
        snprintf(path, sizeof path, "%.900s%cvars%c%d", folder, form == 2 ? '\\' : '/', form == 2 ? '\\' : '/', i);
        for (char *p = path; form == 1 && p < path + strlen(folder) && *p; p++)
            *p = *p == '/' ? '\\' : *p;
        for (char *p = path; form == 2 && *p; p++)
            *p = *p == '/' ? '\\' : *p;
        const fv_hdf5_node *node = fv_hdf5_find(net->root, path);
        if (node)
            return node;
    }
    return NULL;
}

/* "conv2d", or "conv2d_2" where two layers of the class are before layer i of its network. */
static const char *folder_of(const fv_keras_net *net, const fv_keras_graph *g, int i)
{
    char kind[96];
    int before = 0;
    for (int k = 0; k < i; k++)
        before += strcmp(g->layers[k].kind, g->layers[i].kind) == 0;
    snake(g->layers[i].kind, kind);
    return before ? fv_arena_printf(net->arena, "%s_%d", kind, before) : fv_arena_strdup(net->arena, kind);
}

/* Weights of a network; `folder`: of its layers in the file, `label`: what goes before their names. */
static fv_status assign_counted(fv_keras_net *net, fv_keras_graph *g, const char *folder, const char *label)
{
    for (int i = 0; i < g->n_layers; i++) {
        fv_keras_layer *layer = &g->layers[i];
        const int weights = weights_of(layer);
        int at = 0;
        if (!weights && !layer->inner)
            continue;
        const char *own = folder_of(net, g, i);
        const char *path = own ? fv_arena_printf(net->arena, "%s/%s", folder, own) : NULL;
        const char *inside = fv_arena_printf(net->arena, "%s%s/", label, layer->name);
        const char *deeper = path ? fv_arena_printf(net->arena, "%s/%s", path, net->container) : NULL;
        if (!inside || !deeper)
            return FV_ERR_NO_MEMORY;
        if (layer->inner)
            FV_TRY(assign_counted(net, layer->inner, deeper, inside));
        for (int w = 0; w < weights; w++) {
            if (!fv_keras_has_weight(layer, &layer->op->weights[w]))
                continue;
            const fv_hdf5_node *node = variable(net, path, at++);
            const char *name = fv_arena_printf(net->arena, "%s%s", inside, layer->op->weights[w].leaf);
            if (!name)
                return FV_ERR_NO_MEMORY;
            if (!node)
                return missing(net, layer, w);
            FV_TRY(take(net, node, name, layer, w));
        }
    }
    return FV_OK;
}

fv_status fv_keras_assign(fv_keras_net *net)
{
    static const char old[] = "_layer_checkpoint_dependencies";
    net->container = "layers";
    for (const fv_hdf5_node *node = net->root->child; node; node = node->next)
        if (strncmp(node->name, old, sizeof old - 1) == 0)
            net->container = old;
    if (net->archive)
        return assign_counted(net, net->graph, net->container, "");
    for (int i = 0; i < net->graph->n_layers; i++)
        FV_TRY(assign_listed(net, &net->graph->layers[i]));
    return FV_OK;
}
