/* SPDX-License-Identifier: Apache-2.0 */
/* From the model's graph to one for a batch: batch size, float type, and the operators' own lowering. */
#include <string.h>

#include "graph/internal.h"

static fv_status lower_leaf(fv_rewrite *rw, const fv_val *val, int64_t n, fv_dtype dtype)
{
    fv_val like = *val;
    fv_tensor *converted = NULL;
    if (like.dtype == FV_F32 || like.dtype == FV_F64)
        like.dtype = dtype;
    if (like.role == FV_ROLE_INPUT && like.shape.rank > 0)
        like.shape.dim[0] = n;
    if (like.role == FV_ROLE_CONST && like.dtype != val->dtype) {
        FV_TRY(fv_const_convert(rw->out->ctx, val, like.dtype, &converted));
        like.elements = converted;
    }
    fv_status status = fv_graph_copy_leaf(rw->out, &like, &rw->map[val->id]);
    fv_tensor_destroy(&converted);
    return status;
}

/* Whether a node reads a state; of those, only the frozen. */
static bool keeps_statistics(const fv_node *node, bool frozen)
{
    for (int32_t i = 0; i < node->n_in; i++) {
        if (node->in[i] && node->in[i]->role == FV_ROLE_STATE && (!frozen || node->in[i]->frozen))
            return true;
    }
    return false;
}

static bool lowers_to_training(const fv_node *node, fv_lowering lowering)
{
    const bool draws = (node->op->traits & FV_T_STOCHASTIC) != 0;
    return (lowering == FV_LOWER_TRAINING && !keeps_statistics(node, true)) ||
           (lowering == FV_LOWER_FROZEN && !keeps_statistics(node, false)) ||
           (lowering == FV_LOWER_DIFFERENTIABLE && !keeps_statistics(node, false) && !draws) ||
           (lowering == FV_LOWER_SAMPLING && draws);
}

static fv_status lower_node(fv_rewrite *rw, const fv_node *node, fv_lowering lowering)
{
    fv_val *in[FV_MAX_OPERANDS] = {NULL}, *out[FV_MAX_RESULTS] = {NULL};
    const bool training = lowers_to_training(node, lowering);
    fv_graph *g = rw->out;
    int32_t before = g->n_nodes;
    for (int32_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? rw->map[node->in[i]->id] : NULL;
    rw->b.base = node->name;
    FV_TRY(node->op->lower(&rw->b, node, training, in, out));
    FV_TRY(rw->b.status);
    for (int32_t i = 0; i < node->n_out; i++) {
        if (!out[i])
            return fv_node_error(g->ctx, FV_ERR_INTERNAL, node, "lowering left output %d unset", (int)i);
        rw->map[node->out[i]->id] = out[i];
    }
    /* The node that takes its place takes its name, so that messages speak of the layer the user knows. */
    fv_node *def = out[0]->def;
    return def && def->id >= before ? fv_graph_rename(g, def, node->name) : FV_OK;
}

fv_status fv_pass_lower(const fv_graph *g, int64_t n, fv_dtype dtype, fv_lowering lowering, fv_graph **out,
                        fv_val **map)
{
    fv_rewrite rw;
    *out = NULL;
    if (n < 1 || (dtype != FV_F32 && dtype != FV_F64))
        return fv_fail(g->ctx, FV_ERR_ARGUMENT, "fv_pass_lower: expected a batch of at least 1 and dtype f32 or f64");
    fv_status status = fv_rewrite_begin(&rw, g, false);
    rw.b.dtype = dtype;
    for (int32_t i = 0; status == FV_OK && i < g->n_vals; i++) {
        if (g->vals[i]->role != FV_ROLE_COMPUTED)
            status = lower_leaf(&rw, g->vals[i], n, dtype);
    }
    for (int32_t i = 0; status == FV_OK && i < g->n_nodes; i++) {
        const fv_node *node = g->nodes[i];
        status = node->op->lower ? lower_node(&rw, node, lowering) : fv_rewrite_copy(&rw, node, NULL, NULL);
    }
    return fv_rewrite_end(&rw, status, out, map);
}
