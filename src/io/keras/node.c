/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration, operands and results, as mappings see them. */
#include "io/keras/node.h"

#include <stdio.h>
#include <string.h>

/* ---- configuration ---- */

static const fv_doc_node *of_map(const fv_doc_node *map, const char *key)
{
    const fv_doc_node *node = map && map->kind == FV_DOC_MAP ? fv_doc_get(map, key) : NULL;
    return node && node->kind != FV_DOC_NULL ? node : NULL;
}

const fv_doc_node *fv_keras_get(const fv_keras_node *n, const char *key)
{
    const fv_doc_node *node = of_map(n->kwargs, key);
    return node ? node : of_map(n->config, key);
}

static bool is_number(const fv_doc_node *node)
{
    return node->kind == FV_DOC_INT || node->kind == FV_DOC_REAL;
}

int64_t fv_keras_int(const fv_keras_node *n, const char *key, int64_t otherwise)
{
    const fv_doc_node *node = fv_keras_get(n, key);
    return node && node->kind == FV_DOC_INT ? node->integer : otherwise;
}

double fv_keras_real(const fv_keras_node *n, const char *key, double otherwise)
{
    const fv_doc_node *node = fv_keras_get(n, key);
    if (node && node->kind == FV_DOC_MAP && of_map(node, "value")) /* an array of NumPy's, as Keras writes it */
        node = of_map(node, "value");
    return node && is_number(node) ? node->real : otherwise;
}

bool fv_keras_bool(const fv_keras_node *n, const char *key, bool otherwise)
{
    const fv_doc_node *node = fv_keras_get(n, key);
    return node && (node->kind == FV_DOC_BOOL || node->kind == FV_DOC_INT) ? node->integer != 0 : otherwise;
}

const char *fv_keras_text(const fv_keras_node *n, const char *key, const char *otherwise)
{
    const fv_doc_node *node = fv_keras_get(n, key);
    return node && node->kind == FV_DOC_STRING ? node->text : otherwise;
}

fv_ints fv_keras_ints(const fv_keras_node *n, const char *key)
{
    fv_ints ints = {0};
    const fv_doc_node *node = fv_keras_get(n, key);
    if (node && node->kind == FV_DOC_INT)
        return (fv_ints){1, {node->integer}};
    for (int64_t i = 0; node && node->kind == FV_DOC_LIST && i < node->count && i < 16; i++)
        if (node->child[i].kind == FV_DOC_INT)
            ints.value[ints.count++] = node->child[i].integer;
    return ints;
}

fv_status fv_keras_pair(const fv_keras_node *n, const char *key, int sides, int64_t otherwise, int64_t pair[2])
{
    const fv_ints ints = fv_keras_ints(n, key);
    pair[0] = pair[1] = ints.count || sides == 2 ? otherwise : 1;
    if (sides == 1) {
        pair[0] = 1;
        pair[1] = otherwise;
    }
    if (ints.count == 0)
        return fv_keras_get(n, key) ? fv_keras_cannot(n, "%s is no list of numbers", key) : FV_OK;
    if (ints.count != 1 && ints.count != sides)
        return fv_keras_cannot(n, "%s has %lld numbers, expected %d", key, (long long)ints.count, sides);
    for (int i = 2 - sides; i < 2; i++) {
        pair[i] = ints.value[ints.count == 1 ? 0 : i - (2 - sides)];
        if (pair[i] < 1 || pair[i] > INT32_MAX)
            return fv_keras_cannot(n, "%s holds %lld", key, (long long)pair[i]);
    }
    return FV_OK;
}

fv_status fv_keras_expect(const fv_keras_node *n, const char *key, int64_t value)
{
    const int64_t said = fv_keras_int(n, key, value);
    if (said == value)
        return FV_OK;
    return fv_fail(n->im->ctx, FV_ERR_MODEL_FORMAT,
                   "%s: Keras: %s '%.100s': %s is %lld, and its weights are made for %lld", n->im->file, n->kind,
                   n->name, key, (long long)said, (long long)value);
}

static fv_status add_reals(const fv_keras_node *n, const fv_doc_node *node, const char *key, int room, double *value,
                           int *count)
{
    if (is_number(node)) {
        if (*count == room)
            return fv_keras_cannot(n, "%s has more than %d numbers", key, room);
        value[(*count)++] = node->real;
        return FV_OK;
    }
    if (node->kind == FV_DOC_MAP && of_map(node, "value"))
        return add_reals(n, of_map(node, "value"), key, room, value, count);
    if (node->kind == FV_DOC_MAP && of_map(node, "config"))
        return add_reals(n, of_map(node, "config"), key, room, value, count);
    if (node->kind != FV_DOC_LIST)
        return fv_keras_cannot(n, "%s is no list of numbers", key);
    for (int64_t i = 0; i < node->count; i++)
        FV_TRY(add_reals(n, &node->child[i], key, room, value, count));
    return FV_OK;
}

fv_status fv_keras_reals(const fv_keras_node *n, const char *key, int room, double *value, int *count)
{
    const fv_doc_node *node = fv_keras_get(n, key);
    *count = 0;
    return node ? add_reals(n, node, key, room, value, count) : FV_OK;
}

/* ---- operands ---- */

static fv_import_node common(const fv_keras_node *n)
{
    return (fv_import_node){n->im, "Keras", n->kind, n->name, n->in, n->n_in};
}

fv_status fv_keras_need(const fv_keras_node *n, int count)
{
    if (n->n_in < count)
        return fv_fail(n->im->ctx, FV_ERR_MODEL_FORMAT, "%s: Keras: %s '%.100s' has %d operands, expected %d",
                       n->im->file, n->kind, n->name, n->n_in, count);
    return n->in[0]->data ? fv_keras_cannot(n, "its operand is a number") : FV_OK;
}

fv_status fv_keras_axis(const fv_keras_node *n, int64_t given, int *axis)
{
    const fv_import_node node = common(n);
    FV_TRY(fv_import_axis_of(&node, given, n->in[0]->shape.rank, axis));
    return *axis == 0 ? fv_keras_cannot(n, "it works along the batch, the first dimension") : FV_OK;
}

fv_value fv_keras_operand(const fv_keras_node *n, fv_order *order)
{
    fv_foreign *f = n->in[0];
    *order = fv_import_common(&f, 1, f->shape.rank);
    return fv_import_get(n->im, f, *order);
}

fv_order fv_keras_order(const fv_keras_node *n)
{
    return strcmp(fv_keras_text(n, "data_format", "channels_last"), "channels_first") == 0 ? FV_ORDER_LAST
                                                                                           : FV_ORDER_FILE;
}

fv_status fv_keras_image(const fv_keras_node *n, fv_value *x)
{
    FV_TRY(fv_keras_need(n, 1));
    const int rank = n->in[0]->shape.rank;
    if (rank != 3 && rank != 4)
        return fv_keras_cannot(n, "its operand has %d dimensions: images (4) and rows (3) are supported", rank);
    *x = fv_import_get(n->im, n->in[0], fv_keras_order(n));
    const int64_t *d = fv_import_shape(n->im, *x)->dim;
    if (rank == 3 && x->id >= 0)
        *x = fv_import_reshape(n->im, *x, &(fv_shape){4, {d[0], 1, d[1], d[2]}}, true);
    return n->im->model->error;
}

/* ---- results ---- */

static fv_status declare(const fv_keras_node *n, const char *name, fv_value v, fv_order order, fv_foreign **value)
{
    const fv_import_node node = common(n);
    const fv_shape shape = fv_import_file_shape(n->im, v, order);
    fv_foreign made, *f;
    if (v.id >= 0 && (shape.rank < 1 || shape.dim[0] != 1))
        return fv_keras_cannot(n, "it works along the batch, the first dimension");
    FV_TRY(fv_import_result(&node, true, v, order, &shape, &made));
    FV_TRY(fv_import_add(n->im, name, &f));
    made.name = name;
    *f = made;
    *value = f;
    return FV_OK;
}

fv_status fv_keras_result(const fv_keras_node *n, fv_value v, fv_order order)
{
    fv_foreign *f;
    return declare(n, n->out, v, order, &f);
}

static fv_value of_rank(const fv_keras_node *n, fv_value v)
{
    const int64_t *d = fv_import_shape(n->im, v)->dim;
    if (n->in[0]->shape.rank != 3 || v.id < 0)
        return v;
    return fv_import_reshape(n->im, v, &(fv_shape){3, {d[0], d[2], d[3]}}, true);
}

fv_status fv_keras_result_image(const fv_keras_node *n, fv_value v)
{
    return fv_keras_result(n, of_rank(n, v), fv_keras_order(n));
}

fv_status fv_keras_activated_image(const fv_keras_node *n, fv_value v)
{
    return fv_keras_activated(n, fv_keras_get(n, "activation"), of_rank(n, v), fv_keras_order(n));
}

fv_status fv_keras_same(const fv_keras_node *n)
{
    FV_TRY(fv_keras_need(n, 1));
    return fv_import_alias(n->im, n->out, n->in[0]);
}

/* A softmax that is the file's answer is left out; the value before it goes by a name of its own. */
static fv_status softmax_of(const fv_keras_node *n, fv_value v, fv_order order)
{
    bool left_out;
    fv_foreign *scores;
    const char *name = fv_arena_printf(n->im->arena, "%s/scores", n->out);
    if (!name)
        return FV_ERR_NO_MEMORY;
    FV_TRY(declare(n, name, v, order, &scores));
    FV_TRY(fv_import_scores(n->im, n->out, scores, scores->shape.rank - 1, &left_out));
    const int rank = scores->shape.rank;
    const fv_axis_attr attr = {.axis = fv_import_axis(order, rank - 1, rank)};
    return left_out ? FV_OK : fv_keras_result(n, fv_import_emit1(n->im, "softmax", &attr, v), order);
}

fv_status fv_keras_activated(const fv_keras_node *n, const fv_doc_node *activation, fv_value v, fv_order order)
{
    const char *name = "linear";
    fv_value y = v;
    if (activation && activation->kind == FV_DOC_STRING) {
        name = activation->text;
    } else if (activation && activation->kind == FV_DOC_MAP) { /* an object of Keras: its class, or its name */
        const fv_doc_node *config = of_map(activation, "config"), *kind = of_map(activation, "class_name");
        const fv_doc_node *own = config && config->kind == FV_DOC_MAP ? of_map(config, "name") : NULL;
        if (config && config->kind == FV_DOC_STRING)
            name = config->text;
        else if (own && own->kind == FV_DOC_STRING && kind && strcmp(kind->text, "function") == 0)
            name = own->text;
        else
            name = kind && kind->kind == FV_DOC_STRING ? kind->text : "of no name";
        if (config && config->kind == FV_DOC_MAP && config->count > 1)
            for (int64_t i = 0; i < config->count; i++)
                if (is_number(&config->child[i]))
                    return fv_keras_cannot(n, "the activation %.40s has parameters of its own", name);
    }
    if (strcmp(name, "softmax") == 0)
        return softmax_of(n, v, order);
    FV_TRY(fv_keras_activate(n, name, v, &y));
    return fv_keras_result(n, y, order);
}

fv_value fv_keras_vector(const fv_keras_node *n, int weight, fv_role role)
{
    const fv_foreign *w = n->weight[weight];
    const fv_pick pick = fv_pick_all(&w->shape);
    return fv_import_weight(n->im, w, role, &w->shape, &pick, 1.0, NULL);
}

/* ---- windows ---- */

fv_status fv_keras_window_of(const fv_keras_node *n, fv_value x, const int64_t size[2], fv_keras_window *win)
{
    const fv_shape src = *fv_import_shape(n->im, x);
    const int sides = n->in[0]->shape.rank - 2;
    const char *padding = fv_keras_text(n, "padding", fv_keras_text(n, "border_mode", "valid"));
    *win = (fv_keras_window){.size = {size[0], size[1]}};
    win->same = strcmp(padding, "same") == 0 || strcmp(padding, "SAME") == 0;
    const bool causal = sides == 1 && strcmp(padding, "causal") == 0; /* nothing of what follows an element */
    if (!win->same && !causal && strcmp(padding, "valid") != 0 && strcmp(padding, "VALID") != 0)
        return fv_keras_cannot(n, "padding '%.40s'", padding);
    FV_TRY(fv_keras_pair(n, "strides", sides, 1, win->stride));
    FV_TRY(fv_keras_pair(n, "dilation_rate", sides, 1, win->dilation));
    if (causal)
        win->pad[1] = (size[1] - 1) * win->dilation[1];
    for (int i = 0; i < 2 && win->same; i++) {
        const int64_t in = src.dim[1 + i], out = (in + win->stride[i] - 1) / win->stride[i];
        const int64_t total = (out - 1) * win->stride[i] + (size[i] - 1) * win->dilation[i] + 1 - in;
        win->pad[i] = total > 0 ? total / 2 : 0;
        win->pad[i + 2] = total > 0 ? total - total / 2 : 0;
    }
    return FV_OK;
}
