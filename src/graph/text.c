/* SPDX-License-Identifier: Apache-2.0 */
/* A graph for people, as text. And the check that a graph is what it says. */
#include <string.h>

#include "graph/internal.h"

static const char *const role_names[] = {
    [FV_ROLE_COMPUTED] = "computed", [FV_ROLE_INPUT] = "input", [FV_ROLE_PARAM] = "param",
    [FV_ROLE_STATE] = "state",       [FV_ROLE_CONST] = "const",
};

const char *const *fv_role_list(void)
{
    return role_names;
}

/* Elements of a constant that are shown. */
#define SHOWN 8

static void const_text(const fv_val *val, fv_str *out)
{
    char number[32];
    const int64_t count = fv_tensor_count(val->elements);
    const bool list = !fv_const_is_splat(val);
    fv_str_append(out, list ? " = [" : " = ");
    for (int64_t i = 0; i < count && i < SHOWN; i++) {
        fv_str_append(out, i > 0 ? ", " : "");
        const double x = fv_get(val->dtype, fv_tensor_const_data(val->elements), i);
        if (val->dtype == FV_F32)
            fv_str_append(out, fv_float_text((float)x, number));
        else
            fv_str_append(out, fv_double_text(x, number));
    }
    fv_str_append(out, count > SHOWN ? ", ...]" : list ? "]" : "");
}

void fv_graph_text(const fv_graph *g, fv_str *out)
{
    char shape[96];
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *v = g->vals[i];
        if (v->role == FV_ROLE_COMPUTED)
            continue;
        fv_str_printf(out, "%-6s %s: %s %s", role_names[v->role], v->name, fv_dtype_name(v->dtype),
                      fv_shape_text(&v->shape, shape));
        if (v->role == FV_ROLE_CONST)
            const_text(v, out);
        fv_str_append(out, "\n");
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        fv_str_printf(out, "node   %s = %s(", node->name, node->op->name);
        for (int32_t i = 0; i < node->n_in; i++)
            fv_str_printf(out, "%s%s", i > 0 ? ", " : "", node->in[i] ? node->in[i]->name : "-");
        fv_str_append(out, ") ");
        size_t before = out->size;
        fv_attr_text(node->op, node->attr, out);
        fv_str_append(out, out->size > before ? " ->" : "->");
        for (int32_t i = 0; node->n_out == 0 && i < node->n_in; i++)
            if (node->in[i] && fv_op_updates(node->op, i))
                fv_str_printf(out, " %s", node->in[i]->name); /* all it writes is among its operands */
        for (int32_t i = 0; i < node->n_out; i++)
            fv_str_printf(out, " %s %s", fv_dtype_name(node->out[i]->dtype),
                          fv_shape_text(&node->out[i]->shape, shape));
        fv_str_append(out, "\n");
    }
    for (int32_t i = 0; i < g->n_outputs; i++)
        if (strcmp(g->output_names[i], g->outputs[i]->name) == 0)
            fv_str_printf(out, "output %s\n", g->outputs[i]->name);
        else
            fv_str_printf(out, "output %s = %s\n", g->output_names[i], g->outputs[i]->name);
}

/* Infers once more into values of its own and compares. */
static fv_status node_verify(fv_ctx *ctx, const fv_node *node)
{
    fv_val vals[FV_MAX_RESULTS];
    fv_val *out[FV_MAX_RESULTS];
    fv_node again = *node;
    char a[96], b[96];
    again.out = out;
    for (int32_t i = 0; i < node->n_out; i++) {
        vals[i] = *node->out[i];
        memset(&vals[i].shape, 0, sizeof vals[i].shape);
        out[i] = &vals[i];
    }
    FV_TRY(fv_node_infer(ctx, &again));
    for (int32_t i = 0; i < node->n_out; i++) {
        const fv_val *v = node->out[i];
        if (vals[i].dtype != v->dtype || !fv_shape_equal(&vals[i].shape, &v->shape))
            return fv_node_error(ctx, FV_ERR_INTERNAL, node, "output %d is %s %s, but its operands make it %s %s",
                                 (int)i, fv_dtype_name(v->dtype), fv_shape_text(&v->shape, a),
                                 fv_dtype_name(vals[i].dtype), fv_shape_text(&vals[i].shape, b));
    }
    return FV_OK;
}

fv_status fv_graph_verify(const fv_graph *g)
{
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *v = g->vals[i];
        if (v->id != i || fv_graph_find(g, v->name) != v)
            return fv_fail(g->ctx, FV_ERR_INTERNAL, "graph: value %d ('%s') is not where its number or name says",
                           (int)i, v->name);
        if ((v->role == FV_ROLE_COMPUTED) != (v->def != NULL) || (v->def && v->def->out[v->def_index] != v))
            return fv_fail(g->ctx, FV_ERR_INTERNAL, "graph: value '%s' and the node that computes it disagree",
                           v->name);
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        if (node->id != n)
            return fv_node_error(g->ctx, FV_ERR_INTERNAL, node, "it stands at place %d with number %d", (int)n,
                                 (int)node->id);
        for (int32_t i = 0; i < node->n_in; i++) {
            const fv_val *v = node->in[i];
            if (v && (v->id < 0 || v->id >= g->n_vals || g->vals[v->id] != v || (v->def && v->def->id >= n)))
                return fv_node_error(g->ctx, FV_ERR_INTERNAL, node, "operand %d is not computed before it", (int)i);
        }
        FV_TRY(fv_attr_check(g->ctx, node->op, node->name, node->attr));
        FV_TRY(node_verify(g->ctx, node));
    }
    for (int32_t i = 0; i < g->n_outputs; i++) {
        if (g->outputs[i]->id >= g->n_vals || g->vals[g->outputs[i]->id] != g->outputs[i])
            return fv_fail(g->ctx, FV_ERR_INTERNAL, "graph: output %d is not a value of the graph", (int)i);
    }
    return FV_OK;
}
