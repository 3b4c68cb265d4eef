/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON form of a graph, which model files carry. Files are untrusted: everything is checked on the way in. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "graph/internal.h"

#define FV_GRAPH_VERSION 1

bool fv_const_is_apart(const fv_val *val)
{
    return fv_tensor_count(val->elements) > (fv_dtype_is_float(val->dtype) ? FV_CONST_INLINE / 2 : FV_CONST_INLINE);
}

/* Integers and finite floats as numbers, which read back to the same element; other floats as text. */
static void element_json(const fv_val *val, int64_t i, fv_json *out)
{
    const void *data = fv_tensor_const_data(val->elements);
    char number[32];
    if (!fv_dtype_is_float(val->dtype)) {
        fv_json_int(out, fv_dtype_get_integer(val->dtype, data, i));
        return;
    }
    const double x = fv_get(val->dtype, data, i);
    if (!isfinite(x))
        fv_json_string(out, fv_double_text(x, number));
    else
        fv_json_real(out, x);
}

/* "value": one element, repeated; "values": all of them. */
static void const_json(const fv_val *val, fv_json *out)
{
    const bool splat = fv_const_is_splat(val);
    fv_json_key(out, splat ? "value" : "values");
    if (!splat)
        fv_json_begin_array(out);
    for (int64_t i = 0; i < fv_tensor_count(val->elements); i++)
        element_json(val, i, out);
    if (!splat)
        fv_json_end_array(out);
}

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
        if (v->role == FV_ROLE_CONST && !fv_const_is_apart(v))
            const_json(v, out);
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
            /* Networks of integers are small: they are not to be told what goes without saying. */
            fv_attr_json(node->op, node->attr, node->n_out < 1 || fv_dtype_is_float(node->out[0]->dtype), out);
        }
        fv_json_end_object(out);
    }
    fv_json_end_array(out);
    fv_json_key(out, "outputs");
    fv_json_begin_array(out);
    for (int32_t i = 0; i < g->n_outputs; i++) {
        if (strcmp(g->output_names[i], g->outputs[i]->name) == 0) {
            fv_json_string(out, g->outputs[i]->name);
            continue;
        }
        fv_json_begin_object(out);
        fv_json_key(out, "name");
        fv_json_string(out, g->output_names[i]);
        fv_json_key(out, "value");
        fv_json_string(out, g->outputs[i]->name);
        fv_json_end_object(out);
    }
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

static fv_status read_element(const fv_doc *doc, const fv_doc_node *node, const fv_tensor *tensor, int64_t i)
{
    static const struct {
        const char *text;
        double value;
    } words[] = {{"nan", NAN}, {"inf", INFINITY}, {"-inf", -INFINITY}};
    const fv_dtype dtype = fv_tensor_dtype(tensor);
    void *data = fv_tensor_data((fv_tensor *)(uintptr_t)tensor);
    double real;
    int64_t integer;
    if (!fv_dtype_is_float(dtype)) {
        FV_TRY(fv_doc_int(doc, node, "graph value: value", &integer));
        fv_dtype_set_integer(dtype, data, i, integer);
        return FV_OK;
    }
    for (int w = 0; node->kind == FV_DOC_STRING && w < 3; w++) {
        if (strcmp(node->text, words[w].text) == 0) {
            fv_dtype_set(dtype, data, i, words[w].value);
            return FV_OK;
        }
    }
    FV_TRY(fv_doc_real(doc, node, "graph value: value", &real));
    fv_dtype_set(dtype, data, i, real);
    return FV_OK;
}

/* The elements of a constant: one, all in a list, or from where those stand that are apart. */
static fv_status read_elements(fv_graph *g, const fv_doc *doc, const fv_doc_node *map, const fv_const_source *apart,
                               fv_val *val)
{
    const fv_doc_node *value = fv_doc_get(map, "value"), *values = fv_doc_get(map, "values");
    const fv_shape shape = value ? (fv_shape){0} : val->shape;
    if (!value && !values && apart)
        return apart->load(apart->user, val->name, val->dtype, &val->shape, &val->elements);
    if (!value && (!values || values->kind != FV_DOC_LIST))
        return fv_doc_fail(doc, map, FV_ERR_MODEL_FORMAT, "graph value '%s': 'value' is missing", val->name);
    const int64_t count = value ? 1 : values->count;
    if (fv_shape_count(&shape) != count)
        return fv_doc_fail(doc, values, FV_ERR_MODEL_FORMAT,
                           "graph value '%s': %" PRId64 " values do not fit its shape", val->name, count);
    FV_TRY(fv_tensor_create(g->ctx, val->dtype, &shape, &val->elements));
    for (int64_t i = 0; i < count; i++)
        FV_TRY(read_element(doc, value ? value : &values->child[i], val->elements, i));
    return FV_OK;
}

static fv_status read_value(fv_graph *g, const fv_doc *doc, const fv_doc_node *map, const fv_const_source *apart)
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
    fv_status status = role == FV_ROLE_CONST ? read_elements(g, doc, map, apart, &val) : FV_OK;
    if (status == FV_OK)
        status = fv_graph_copy_leaf(g, &val, NULL);
    fv_tensor_destroy(&val.elements);
    return status;
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

/* The name of a value, which is the output's as well; or a map of both. */
static fv_status read_output(fv_graph *g, const fv_doc *doc, const fv_doc_node *node)
{
    const fv_doc_node *name = NULL, *value = node;
    fv_val *val;
    if (node->kind == FV_DOC_MAP) {
        FV_TRY(read_child(doc, node, "graph output", "name", FV_DOC_STRING, &name));
        FV_TRY(read_child(doc, node, "graph output", "value", FV_DOC_STRING, &value));
    }
    FV_TRY(read_operand(g, doc, value, "output", &val));
    if (!val)
        return fv_doc_fail(doc, node, FV_ERR_MODEL_FORMAT, "graph output: expected a name");
    return name ? fv_graph_output_as(g, val, name->text) : fv_graph_output(g, val);
}

static fv_status read_graph(fv_graph *g, const fv_doc *doc, const fv_doc_node *root, const fv_const_source *apart)
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
        FV_TRY(read_value(g, doc, &values->child[i], apart));
    for (int64_t i = 0; i < nodes->count; i++)
        FV_TRY(read_node(g, doc, &nodes->child[i]));
    for (int64_t i = 0; i < outputs->count; i++)
        FV_TRY(read_output(g, doc, &outputs->child[i]));
    return FV_OK;
}

fv_status fv_graph_read_json(fv_ctx *ctx, const fv_op *(*find_op)(fv_ctx *, const char *), const fv_doc *doc,
                             const fv_doc_node *node, const fv_const_source *apart, fv_graph **graph)
{
    FV_TRY(fv_graph_create(ctx, find_op, graph));
    fv_status status = read_graph(*graph, doc, node, apart);
    if (status != FV_OK)
        fv_graph_destroy(graph);
    return status;
}
