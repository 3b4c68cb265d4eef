/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON form of a graph, which model files carry. Files are untrusted: everything is checked on the way in. */
#include <inttypes.h>
#include <string.h>

#include "graph/internal.h"

#define FV_GRAPH_VERSION 1

void fv_graph_json(const fv_graph *g, fv_json *out)
{
    fv_json_begin_object(out);
    fv_json_key(out, "version");
    fv_json_int(out, FV_GRAPH_VERSION);
    fv_json_key(out, "values");
    fv_json_begin_array(out);
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *v = g->vals[i];
        if (v->role == FV_ROLE_COMPUTED)
            continue;
        fv_json_begin_object(out);
        fv_json_key(out, "name");
        fv_json_string(out, v->name);
        fv_json_key(out, "role");
        fv_json_string(out, fv_role_list()[v->role]);
        fv_json_key(out, "dtype");
        fv_json_string(out, fv_dtype_name(v->dtype));
        fv_json_key(out, "shape");
        fv_json_begin_array(out);
        for (int d = 0; d < v->shape.rank; d++)
            fv_json_int(out, v->shape.dim[d]);
        fv_json_end_array(out);
        if (v->role == FV_ROLE_CONST) {
            fv_json_key(out, "value");
            fv_json_real(out, v->constant);
        }
        fv_json_end_object(out);
    }
    fv_json_end_array(out);
    fv_json_key(out, "nodes");
    fv_json_begin_array(out);
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        fv_json_begin_object(out);
        fv_json_key(out, "op");
        fv_json_string(out, node->op->name);
        fv_json_key(out, "name");
        fv_json_string(out, node->name);
        fv_json_key(out, "in");
        fv_json_begin_array(out);
        for (int32_t i = 0; i < node->n_in; i++) {
            if (node->in[i])
                fv_json_string(out, node->in[i]->name);
            else
                fv_json_null(out);
        }
        fv_json_end_array(out);
        if (node->op->attrs) {
            fv_json_key(out, "attr");
            fv_attr_json(node->op, node->attr, out);
        }
        fv_json_end_object(out);
    }
    fv_json_end_array(out);
    fv_json_key(out, "outputs");
    fv_json_begin_array(out);
    for (int32_t i = 0; i < g->n_outputs; i++)
        fv_json_string(out, g->outputs[i]->name);
    fv_json_end_array(out);
    fv_json_end_object(out);
}

/* ---- reading ---- */

static fv_status read_child(const fv_doc *doc, const fv_doc_node *map, const char *what, const char *key,
                            fv_doc_kind kind, const fv_doc_node **child)
{
    static const char *const names[] = {"null",     "true or false", "an integer", "a number",
                                        "a string", "a list",        "a map"};
    *child = fv_doc_get(map, key);
    if (!*child)
        return fv_doc_fail(doc, map, FV_ERR_MODEL_FORMAT, "%s: '%s' is missing", what, key);
    if ((*child)->kind != kind)
        return fv_doc_fail(doc, *child, FV_ERR_MODEL_FORMAT, "%s: '%s': expected %s, found %s", what, key, names[kind],
                           names[(*child)->kind]);
    return FV_OK;
}

static fv_status read_word(const fv_doc *doc, const fv_doc_node *map, const char *key, const char *const *words,
                           int count, int *index)
{
    const fv_doc_node *node;
    FV_TRY(read_child(doc, map, "graph value", key, FV_DOC_STRING, &node));
    for (*index = 0; *index < count; ++*index) {
        if (strcmp(words[*index], node->text) == 0)
            return FV_OK;
    }
    return fv_doc_fail(doc, node, FV_ERR_MODEL_FORMAT, "graph value: unknown %s '%s'", key, node->text);
}

static fv_status read_value(fv_graph *g, const fv_doc *doc, const fv_doc_node *map)
{
    const char *dtypes[FV_DTYPE_COUNT];
    const fv_doc_node *name, *shape;
    int role, dtype;
    if (map->kind != FV_DOC_MAP)
        return fv_doc_fail(doc, map, FV_ERR_MODEL_FORMAT, "graph value: expected a map");
    for (int i = 0; i < FV_DTYPE_COUNT; i++)
        dtypes[i] = fv_dtype_name((fv_dtype)i);
    FV_TRY(read_child(doc, map, "graph value", "name", FV_DOC_STRING, &name));
    FV_TRY(read_child(doc, map, "graph value", "shape", FV_DOC_LIST, &shape));
    FV_TRY(read_word(doc, map, "role", fv_role_list(), FV_ROLE_CONST + 1, &role));
    FV_TRY(read_word(doc, map, "dtype", dtypes, FV_DTYPE_COUNT, &dtype));
    fv_val val = {.name = name->text, .role = (fv_role)role, .dtype = (fv_dtype)dtype};
    if (role == FV_ROLE_COMPUTED || shape->count > FV_MAX_RANK)
        return fv_doc_fail(doc, map, FV_ERR_MODEL_FORMAT,
                           "graph value '%s': expected a role other than computed and "
                           "at most %d dimensions",
                           name->text, FV_MAX_RANK);
    val.shape.rank = (int32_t)shape->count;
    for (int64_t d = 0; d < shape->count; d++)
        FV_TRY(fv_doc_int(doc, &shape->child[d], "graph value: shape", &val.shape.dim[d]));
    if (role == FV_ROLE_CONST) {
        const fv_doc_node *value = fv_doc_get(map, "value");
        if (!value)
            return fv_doc_fail(doc, map, FV_ERR_MODEL_FORMAT, "graph value '%s': 'value' is missing", name->text);
        FV_TRY(fv_doc_real(doc, value, "graph value: value", &val.constant));
    }
    return fv_graph_copy_leaf(g, &val, NULL);
}

static fv_status read_operand(const fv_graph *g, const fv_doc *doc, const fv_doc_node *node, const char *what,
                              fv_val **val)
{
    *val = NULL;
    if (node->kind == FV_DOC_NULL)
        return FV_OK;
    if (node->kind != FV_DOC_STRING)
        return fv_doc_fail(doc, node, FV_ERR_MODEL_FORMAT, "graph %s: expected the name of a value", what);
    *val = fv_graph_find(g, node->text);
    if (!*val)
        return fv_doc_fail(doc, node, FV_ERR_MODEL_FORMAT, "graph %s: no value '%s' stands before it", what,
                           node->text);
    return FV_OK;
}

static fv_status read_node(fv_graph *g, const fv_doc *doc, const fv_doc_node *map)
{
    const fv_doc_node *op, *name, *in, *attr;
    fv_val *operands[FV_MAX_OPERANDS] = {NULL};
    if (map->kind != FV_DOC_MAP)
        return fv_doc_fail(doc, map, FV_ERR_MODEL_FORMAT, "graph node: expected a map");
    FV_TRY(read_child(doc, map, "graph node", "op", FV_DOC_STRING, &op));
    FV_TRY(read_child(doc, map, "graph node", "name", FV_DOC_STRING, &name));
    FV_TRY(read_child(doc, map, "graph node", "in", FV_DOC_LIST, &in));
    const fv_op *row = g->find_op(g->ctx, op->text);
    if (!row)
        return fv_doc_fail(doc, op, FV_ERR_UNSUPPORTED,
                           "graph node '%s': operator '%s' is unknown: it belongs to a newer version or must be "
                           "registered first",
                           name->text, op->text);
    if (in->count > row->n_in_max)
        return fv_doc_fail(doc, in, FV_ERR_MODEL_FORMAT, "graph node '%s': %" PRId64 " operands: %s takes at most %d",
                           name->text, in->count, row->name, row->n_in_max);
    for (int64_t i = 0; i < in->count; i++)
        FV_TRY(read_operand(g, doc, &in->child[i], "node", &operands[i]));
    void *values = fv_arena_alloc(g->arena, row->attr_size);
    if (!values)
        return FV_ERR_NO_MEMORY;
    fv_attr_defaults(row, values);
    attr = fv_doc_get(map, "attr");
    if (attr)
        FV_TRY(fv_attr_read(row, values, doc, attr, NULL));
    fv_status status = fv_graph_add(g, row, name->text, values, operands, (int)in->count, NULL);
    return status == FV_OK ? FV_OK : fv_fail_prefix(g->ctx, status, fv_doc_name(doc));
}

static fv_status read_graph(fv_graph *g, const fv_doc *doc, const fv_doc_node *root)
{
    const fv_doc_node *version, *values, *nodes, *outputs;
    if (!root || root->kind != FV_DOC_MAP)
        return fv_doc_fail(doc, root, FV_ERR_MODEL_FORMAT, "graph: expected a map");
    FV_TRY(read_child(doc, root, "graph", "version", FV_DOC_INT, &version));
    if (version->integer != FV_GRAPH_VERSION)
        return fv_doc_fail(doc, version, FV_ERR_UNSUPPORTED, "graph: version %" PRId64 ": this build reads version %d",
                           version->integer, FV_GRAPH_VERSION);
    FV_TRY(read_child(doc, root, "graph", "values", FV_DOC_LIST, &values));
    FV_TRY(read_child(doc, root, "graph", "nodes", FV_DOC_LIST, &nodes));
    FV_TRY(read_child(doc, root, "graph", "outputs", FV_DOC_LIST, &outputs));
    for (int64_t i = 0; i < values->count; i++)
        FV_TRY(read_value(g, doc, &values->child[i]));
    for (int64_t i = 0; i < nodes->count; i++)
        FV_TRY(read_node(g, doc, &nodes->child[i]));
    for (int64_t i = 0; i < outputs->count; i++) {
        fv_val *val;
        FV_TRY(read_operand(g, doc, &outputs->child[i], "output", &val));
        if (!val)
            return fv_doc_fail(doc, &outputs->child[i], FV_ERR_MODEL_FORMAT, "graph output: expected a name");
        FV_TRY(fv_graph_output(g, val));
    }
    return FV_OK;
}

fv_status fv_graph_read_json(fv_ctx *ctx, const fv_op *(*find_op)(fv_ctx *, const char *), const fv_doc *doc,
                             const fv_doc_node *node, fv_graph **graph)
{
    FV_TRY(fv_graph_create(ctx, find_op, graph));
    fv_status status = read_graph(*graph, doc, node);
    if (status != FV_OK)
        fv_graph_destroy(graph);
    return status;
}
