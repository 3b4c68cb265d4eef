/* SPDX-License-Identifier: Apache-2.0 */
/* Building a graph: every node is checked when it is appended, so a graph that exists is well formed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "graph/internal.h"

#define FV_MAX_NODES (1 << 24)

fv_status fv_graph_create(fv_ctx *ctx, const fv_op *(*find_op)(fv_ctx *, const char *), fv_graph **graph)
{
    *graph = NULL;
    fv_graph *g = fv_new(ctx, fv_graph);
    if (!g)
        return FV_ERR_NO_MEMORY;
    g->ctx = ctx;
    g->find_op = find_op;
    fv_status status = fv_arena_create(ctx, &g->arena);
    if (status != FV_OK) {
        fv_free(ctx, g);
        return status;
    }
    *graph = g;
    return FV_OK;
}

void fv_graph_destroy(fv_graph **graph)
{
    if (!graph || !*graph)
        return;
    fv_graph *g = *graph;
    fv_ctx *ctx = g->ctx;
    for (int32_t i = 0; i < g->n_vals; i++)
        fv_tensor_destroy(&g->vals[i]->elements);
    fv_arena_destroy(&g->arena);
    fv_free(ctx, g);
    *graph = NULL;
}

/* ---- arrays that grow inside the arena ---- */

static fv_status graph_reserve(fv_graph *g, void **array, size_t item, int32_t used, int32_t more, int32_t *capacity)
{
    if (used > FV_MAX_NODES - more)
        return fv_fail(g->ctx, FV_ERR_ARGUMENT, "graph: more than %d nodes or values", FV_MAX_NODES);
    if (used + more <= *capacity)
        return FV_OK;
    int32_t grown = *capacity * 2 > used + more ? *capacity * 2 : used + more + 14;
    void *data = fv_arena_alloc(g->arena, (size_t)grown * item);
    if (!data)
        return FV_ERR_NO_MEMORY;
    if (used > 0)
        memcpy(data, *array, (size_t)used * item);
    *array = data;
    *capacity = grown;
    return FV_OK;
}

/* ---- names ---- */

/* `entry`: a value's id + 1, or -(id + 1) of a node without outputs. */
static void index_put(fv_graph *g, const char *name, int32_t entry)
{
    uint32_t mask = (uint32_t)g->cap_index - 1, at = fv_hash_text(name) & mask;
    while (g->index[at] != 0)
        at = (at + 1) & mask;
    g->index[at] = entry;
}

/* Room for `more` names with the table at most half full. Renamed values may hold two places each. */
static fv_status index_reserve(fv_graph *g, int32_t more)
{
    int64_t need = 2 * ((int64_t)g->n_vals * 2 + g->n_nodes + more);
    if (g->cap_index >= need)
        return FV_OK;
    int32_t capacity = 64;
    while (capacity < need)
        capacity *= 2;
    int32_t *index = fv_arena_alloc(g->arena, (size_t)capacity * sizeof *index);
    if (!index)
        return FV_ERR_NO_MEMORY;
    g->index = index;
    g->cap_index = capacity;
    for (int32_t i = 0; i < g->n_vals; i++)
        index_put(g, g->vals[i]->name, i + 1);
    for (int32_t n = 0; n < g->n_nodes; n++)
        if (g->nodes[n]->n_out == 0)
            index_put(g, g->nodes[n]->name, -(n + 1));
    return FV_OK;
}

/* The entry of a name, 0 when there is none. */
static int32_t index_find(const fv_graph *g, const char *name)
{
    if (!g->index || !name)
        return 0;
    uint32_t mask = (uint32_t)g->cap_index - 1, at = fv_hash_text(name) & mask;
    for (; g->index[at] != 0; at = (at + 1) & mask) {
        int32_t entry = g->index[at];
        if (strcmp(entry > 0 ? g->vals[entry - 1]->name : g->nodes[-entry - 1]->name, name) == 0)
            return entry;
    }
    return 0;
}

fv_val *fv_graph_find(const fv_graph *g, const char *name)
{
    int32_t entry = index_find(g, name);
    return entry > 0 ? g->vals[entry - 1] : NULL;
}

bool fv_graph_taken(const fv_graph *g, const char *name)
{
    return index_find(g, name) != 0;
}

/* A copy of `name` in the arena, checked to be new; NULL with a recorded failure otherwise. */
static const char *graph_name(fv_graph *g, const char *name, fv_status *status)
{
    *status = FV_OK;
    if (!name || !*name) {
        *status = fv_fail(g->ctx, FV_ERR_ARGUMENT, "graph: a value needs a name");
    } else if (fv_graph_taken(g, name)) {
        *status =
            fv_fail(g->ctx, FV_ERR_ARGUMENT, "graph: the name '%s' is taken: names of values must be unique", name);
    } else {
        char *copy = fv_arena_strdup(g->arena, name);
        if (copy)
            return copy;
        *status = FV_ERR_NO_MEMORY;
    }
    return NULL;
}

fv_status fv_graph_rename(fv_graph *g, fv_node *node, const char *name)
{
    if (node->n_out < 1 || strcmp(node->name, name) == 0 || fv_graph_taken(g, name))
        return FV_OK;
    const char *copy = fv_arena_strdup(g->arena, name);
    if (!copy)
        return FV_ERR_NO_MEMORY;
    FV_TRY(index_reserve(g, node->n_out));
    node->name = copy;
    for (int32_t i = 0; i < node->n_out; i++) {
        const char *text = i == 0 ? copy : fv_arena_printf(g->arena, "%s:%d", copy, (int)i);
        if (!text)
            return FV_ERR_NO_MEMORY;
        if (i > 0 && fv_graph_taken(g, text))
            continue;
        node->out[i]->name = text;
        index_put(g, text, node->out[i]->id + 1);
    }
    return FV_OK;
}

/* ---- values ---- */

static fv_status shape_check(fv_ctx *ctx, const char *name, fv_dtype dtype, const fv_shape *shape)
{
    char text[96];
    if (fv_dtype_size(dtype) == 0)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "value '%s': dtype %d is not one of fv_dtype", name, (int)dtype);
    int64_t bytes = fv_shape_count(shape);
    bool good = bytes >= 0 && fv_size_mul(bytes, (int64_t)fv_dtype_size(dtype), &bytes);
    for (int i = 0; good && i < shape->rank; i++)
        good = shape->dim[i] >= 1;
    if (!good)
        return fv_fail(ctx, FV_ERR_SHAPE,
                       "value '%s': shape %s is impossible: expected rank 0 to %d, every dimension at least 1 and a "
                       "size that fits into 63 bits",
                       name, fv_shape_text(shape, text), FV_MAX_RANK);
    return FV_OK;
}

static void graph_push(fv_graph *g, fv_val *val)
{
    val->id = g->n_vals;
    g->vals[g->n_vals++] = val;
    index_put(g, val->name, val->id + 1);
}

static fv_status graph_leaf(fv_graph *g, const fv_val *like, fv_val **out)
{
    fv_status status;
    if (out)
        *out = NULL;
    FV_TRY(shape_check(g->ctx, like->name ? like->name : "", like->dtype, &like->shape));
    const char *name = graph_name(g, like->name, &status);
    if (!name)
        return status;
    fv_val *val = fv_arena_memdup(g->arena, like, sizeof *like);
    if (!val)
        return FV_ERR_NO_MEMORY;
    FV_TRY(graph_reserve(g, (void **)&g->vals, sizeof *g->vals, g->n_vals, 1, &g->cap_vals));
    FV_TRY(index_reserve(g, 1));
    val->name = name;
    if (like->elements)
        FV_TRY(fv_tensor_share(like->elements, &val->elements));
    graph_push(g, val);
    if (out)
        *out = val;
    return FV_OK;
}

fv_status fv_graph_input(fv_graph *g, const char *name, fv_dtype dtype, const fv_shape *shape, fv_val **val)
{
    fv_val like = {.name = name, .dtype = dtype, .role = FV_ROLE_INPUT, .shape = *shape};
    return graph_leaf(g, &like, val);
}

fv_status fv_graph_param(fv_graph *g, const char *name, fv_role role, fv_dtype dtype, const fv_shape *shape,
                         fv_val **val)
{
    if (role != FV_ROLE_PARAM && role != FV_ROLE_STATE)
        return fv_fail(g->ctx, FV_ERR_ARGUMENT, "graph: parameter '%s' must have the role PARAM or STATE",
                       name ? name : "");
    fv_val like = {.name = name, .dtype = dtype, .role = role, .shape = *shape};
    return graph_leaf(g, &like, val);
}

fv_status fv_graph_copy_leaf(fv_graph *g, const fv_val *leaf, fv_val **val)
{
    return graph_leaf(g, leaf, val);
}

/* ---- nodes ---- */

static fv_status node_vfail(fv_ctx *ctx, fv_status status, const fv_node *node, const char *format, va_list args)
{
    char text[512];
    vsnprintf(text, sizeof text, format, args);
    return fv_fail(ctx, status, "%s '%s': %s", node->op->name, node->name ? node->name : "", text);
}

fv_status fv_node_fail(fv_ctx *ctx, const fv_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fv_status status = node_vfail(ctx, FV_ERR_SHAPE, node, format, args);
    va_end(args);
    return status;
}

fv_status fv_node_error(fv_ctx *ctx, fv_status code, const fv_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fv_status status = node_vfail(ctx, code, node, format, args);
    va_end(args);
    return status;
}

static bool is_float(fv_dtype dtype)
{
    return dtype == FV_F32 || dtype == FV_F64;
}

/* What holds for operands of every operator; the rest is for infer to say. */
static fv_status node_check_operands(const fv_graph *g, const fv_node *node)
{
    const fv_op *op = node->op;
    const fv_val *first = NULL;
    if (node->n_in > op->n_in_max)
        return fv_node_error(g->ctx, FV_ERR_ARGUMENT, node, "%d operands: expected at most %d", (int)node->n_in,
                             op->n_in_max);
    for (int32_t i = 0; i < op->n_in_max; i++) {
        const fv_val *in = i < node->n_in ? node->in[i] : NULL;
        const char *what = op->operands && op->operands[i] ? op->operands[i] : "operand";
        if (!in && i < op->n_in_min)
            return fv_node_error(g->ctx, FV_ERR_ARGUMENT, node, "operand %d (%s) is missing: expected at least %d",
                                 (int)i, what, op->n_in_min);
        if (!in)
            continue;
        if (in->id < 0 || in->id >= g->n_vals || g->vals[in->id] != in)
            return fv_node_error(g->ctx, FV_ERR_ARGUMENT, node, "operand %d (%s) is a value of another graph", (int)i,
                                 what);
        if (fv_op_updates(op, i) && in->role != FV_ROLE_PARAM && in->role != FV_ROLE_STATE)
            return fv_node_error(
                g->ctx, FV_ERR_ARGUMENT, node,
                "operand %d (%s) is written in place: expected a parameter or a state, found '%s' (%s)", (int)i, what,
                in->name, fv_role_list()[in->role]);
        if (is_float(in->dtype) && !first)
            first = in;
        if (is_float(in->dtype) && in->dtype != first->dtype && !(op->traits & FV_T_MIXED))
            return fv_node_error(g->ctx, FV_ERR_SHAPE, node, "'%s' is %s and '%s' is %s: expected one float type",
                                 first->name, fv_dtype_name(first->dtype), in->name, fv_dtype_name(in->dtype));
    }
    return FV_OK;
}

/* Node with copies of name, attributes and operands, and empty outputs; not yet part of the graph. */
static fv_status node_make(fv_graph *g, const fv_op *op, const char *name, const void *attr, fv_val *const *in,
                           int n_in, fv_node **out)
{
    fv_node *node = fv_arena_alloc(g->arena, sizeof *node);
    int room = op->n_in_max > n_in ? op->n_in_max : n_in;
    if (!node)
        return FV_ERR_NO_MEMORY;
    node->id = g->n_nodes;
    node->op = op;
    /* Room for every operand the operator may have, so that hooks may look at in[i] of an absent one. */
    node->in = fv_arena_alloc(g->arena, (size_t)(room + 1) * sizeof *node->in);
    node->out = fv_arena_alloc(g->arena, (size_t)(op->n_out + 1) * sizeof *node->out);
    void *copy = fv_arena_alloc(g->arena, op->attr_size);
    node->name = fv_arena_strdup(g->arena, name);
    if (!node->in || !node->out || !copy || !node->name)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < n_in; i++) {
        node->in[i] = in[i];
        node->n_in = in[i] ? i + 1 : node->n_in;
    }
    if (op->attr_size > 0 && attr)
        memcpy(copy, attr, op->attr_size);
    else
        fv_attr_defaults(op, copy);
    node->attr = op->attr_size > 0 ? copy : NULL;
    node->n_out = op->n_out;
    for (int i = 0; i < op->n_out; i++) {
        fv_val *val = fv_arena_alloc(g->arena, sizeof *val);
        if (!val)
            return FV_ERR_NO_MEMORY;
        *val = (fv_val){.id = -1, .role = FV_ROLE_COMPUTED, .def = node, .def_index = i};
        val->name = i == 0 ? node->name : fv_arena_printf(g->arena, "%s:%d", node->name, i);
        if (!val->name)
            return FV_ERR_NO_MEMORY;
        node->out[i] = val;
    }
    *out = node;
    return FV_OK;
}

fv_status fv_node_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(node->op->infer(ctx, node));
    for (int i = 0; i < node->n_out; i++) {
        char text[96];
        const fv_shape *s = &node->out[i]->shape;
        bool good = fv_shape_count(s) >= 1;
        for (int d = 0; good && d < s->rank; d++)
            good = s->dim[d] >= 1;
        if (!good)
            return fv_node_error(ctx, FV_ERR_SHAPE, node, "its output would have the shape %s", fv_shape_text(s, text));
        FV_TRY(shape_check(ctx, node->out[i]->name, node->out[i]->dtype, s));
    }
    return FV_OK;
}

fv_status fv_graph_add(fv_graph *g, const fv_op *op, const char *name, const void *attr, fv_val *const *in, int n_in,
                       fv_node **node)
{
    char made[80];
    fv_node *n = NULL;
    if (node)
        *node = NULL;
    if (!op || !op->infer || n_in < 0 || n_in > FV_MAX_OPERANDS || op->n_in_max > FV_MAX_OPERANDS ||
        op->n_out < (op->updates ? 0 : 1) || op->n_out > FV_MAX_RESULTS)
        return fv_fail(g->ctx, FV_ERR_ARGUMENT,
                       "graph: operator '%s' cannot be used: it needs an infer hook, 1 to %d outputs and at most %d "
                       "operands",
                       op ? op->name : "(none)", FV_MAX_RESULTS, FV_MAX_OPERANDS);
    if (!name || !*name) {
        int32_t number = g->n_nodes;
        do
            snprintf(made, sizeof made, "%.60s_%d", op->name, (int)number++);
        while (fv_graph_taken(g, made));
        name = made;
    }
    FV_TRY(node_make(g, op, name, attr, in, n_in, &n));
    FV_TRY(node_check_operands(g, n));
    FV_TRY(fv_attr_check(g->ctx, op, n->name, n->attr));
    FV_TRY(fv_node_infer(g->ctx, n));
    for (int i = 0; i < (n->n_out > 0 ? n->n_out : 1); i++) {
        if (fv_graph_taken(g, n->n_out > 0 ? n->out[i]->name : n->name))
            return fv_node_error(g->ctx, FV_ERR_ARGUMENT, n, "the name '%s' is taken: names of values must be unique",
                                 n->n_out > 0 ? n->out[i]->name : n->name);
    }
    FV_TRY(graph_reserve(g, (void **)&g->vals, sizeof *g->vals, g->n_vals, n->n_out, &g->cap_vals));
    FV_TRY(graph_reserve(g, (void **)&g->nodes, sizeof *g->nodes, g->n_nodes, 1, &g->cap_nodes));
    FV_TRY(index_reserve(g, n->n_out + 1));
    g->nodes[g->n_nodes++] = n;
    if (n->n_out == 0)
        index_put(g, n->name, -(n->id + 1));
    for (int i = 0; i < n->n_out; i++)
        graph_push(g, n->out[i]);
    if (node)
        *node = n;
    return FV_OK;
}

fv_status fv_graph_add_output(fv_graph *g, fv_val *val, const char *name)
{
    if (!val || val->id < 0 || val->id >= g->n_vals || g->vals[val->id] != val)
        return fv_fail(g->ctx, FV_ERR_ARGUMENT, "graph: output '%s' is not a value of this graph",
                       val && val->name ? val->name : "(none)");
    const char *copy = fv_arena_strdup(g->arena, name);
    if (!copy)
        return FV_ERR_NO_MEMORY;
    FV_TRY(graph_reserve(g, (void **)&g->outputs, sizeof *g->outputs, g->n_outputs, 1, &g->cap_outputs));
    FV_TRY(graph_reserve(g, (void **)&g->output_names, sizeof *g->output_names, g->n_outputs, 1, &g->cap_output_names));
    g->outputs[g->n_outputs] = val;
    g->output_names[g->n_outputs++] = copy;
    return FV_OK;
}

fv_status fv_graph_output(fv_graph *g, fv_val *val)
{
    return fv_graph_add_output(g, val, val && val->name ? val->name : "");
}

fv_val *fv_graph_named(const fv_graph *g, const char *name)
{
    for (int32_t i = 0; i < g->n_outputs; i++) {
        if (strcmp(g->output_names[i], name) == 0)
            return g->outputs[i];
    }
    return fv_graph_find(g, name);
}

fv_status fv_graph_output_as(fv_graph *g, fv_val *val, const char *name)
{
    if (!name || !*name)
        return fv_fail(g->ctx, FV_ERR_ARGUMENT, "graph: an output needs a name");
    for (int32_t i = 0; i < g->n_outputs; i++) {
        if (strcmp(g->output_names[i], name) == 0)
            return fv_fail(g->ctx, FV_ERR_ARGUMENT, "graph: the name '%s' is taken: names of outputs must be unique",
                           name);
    }
    return fv_graph_add_output(g, val, name);
}

void fv_graph_uses(const fv_graph *g, int32_t *uses)
{
    memset(uses, 0, (size_t)g->n_vals * sizeof *uses);
    for (int32_t n = 0; n < g->n_nodes; n++) {
        for (int32_t i = 0; i < g->nodes[n]->n_in; i++) {
            if (g->nodes[n]->in[i])
                uses[g->nodes[n]->in[i]->id]++;
        }
    }
    for (int32_t i = 0; i < g->n_outputs; i++)
        uses[g->outputs[i]->id]++;
}
