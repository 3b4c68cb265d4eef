/* SPDX-License-Identifier: Apache-2.0 */
/* Losses behind a graph: what turns a model's graph into one that can be trained. */
#include "graph/internal.h"

/* The target input called `name`, where one of that dtype and shape is there already. */
static fv_val *find_target(const fv_rewrite *rw, const char *name, fv_dtype dtype, const fv_shape *shape)
{
    fv_val *known = fv_graph_find(rw->out, name);
    const bool fits = known && !fv_graph_find(rw->g, name) && known->role == FV_ROLE_INPUT && known->dtype == dtype &&
                      fv_shape_equal(&known->shape, shape);
    return fits ? known : NULL;
}

/* The INPUT that a prediction is compared with. Losses that name the same target, of one dtype and shape, share it. */
static fv_status add_target(const fv_rewrite *rw, const fv_loss *loss, const fv_val *prediction, fv_val **target)
{
    fv_graph *g = rw->out;
    fv_shape shape = prediction->shape;
    const bool floats = loss->target_dtype == FV_F32 || loss->target_dtype == FV_F64;
    const fv_dtype dtype = floats ? prediction->dtype : loss->target_dtype;
    const char *name = loss->target ? loss->target : "target";
    if (!floats && shape.rank > 1)
        shape.rank--;
    *target = find_target(rw, name, dtype, &shape);
    if (*target)
        return FV_OK;
    const bool of_model = fv_graph_find(rw->g, name) != NULL;
    if (fv_graph_find(g, name) && (loss->target || !of_model))
        return fv_fail(g->ctx, FV_ERR_ARGUMENT, "target '%s' of a loss: the name is taken by %s", name,
                       of_model ? "a value of the model" : "another loss's target of another dtype or shape");
    for (int i = 2; fv_graph_find(g, name); i++) {
        name = fv_arena_printf(g->arena, "target_%d", i);
        if (!name)
            return FV_ERR_NO_MEMORY;
        *target = find_target(rw, name, dtype, &shape);
        if (*target)
            return FV_OK;
    }
    return fv_graph_input(g, name, dtype, &shape, target);
}

static fv_status add_loss(fv_rewrite *rw, const fv_loss *loss, fv_node **node)
{
    fv_graph *g = rw->out;
    const char *name = loss->name ? loss->name : "loss";
    fv_val *target;
    if (!loss->op || !(loss->op->traits & FV_T_LOSS))
        return fv_fail(g->ctx, FV_ERR_ARGUMENT, "'%s' is not a loss: expected an operator that computes one",
                       loss->op ? loss->op->name : "(none)");
    const fv_val *asked = loss->prediction       ? fv_graph_named(rw->g, loss->prediction)
                          : rw->g->n_outputs > 0 ? rw->g->outputs[0]
                                                 : NULL;
    if (!asked)
        return fv_fail(g->ctx, FV_ERR_ARGUMENT, "loss '%s': the graph has no %s%s%s to compare with the target", name,
                       loss->prediction ? "value '" : "output", loss->prediction ? loss->prediction : "",
                       loss->prediction ? "'" : "");
    fv_val *prediction = rw->map[asked->id];
    FV_TRY(add_target(rw, loss, prediction, &target));
    if (fv_graph_find(g, name)) {
        if (loss->name)
            return fv_fail(g->ctx, FV_ERR_ARGUMENT, "loss '%s': the name is taken", name);
        name = NULL;
    }
    return fv_graph_add(g, loss->op, name, loss->attr, (fv_val *[]){prediction, target}, 2, node);
}

fv_status fv_pass_loss(const fv_graph *g, const fv_loss *losses, int n_losses, fv_graph **out, fv_val **map)
{
    fv_rewrite rw;
    fv_node *node[FV_LOSSES_MAX];
    *out = NULL;
    if (n_losses > FV_LOSSES_MAX)
        return fv_fail(g->ctx, FV_ERR_ARGUMENT, "%d losses: at most %d", n_losses, FV_LOSSES_MAX);
    fv_status status = fv_rewrite_begin(&rw, g, true);
    for (int32_t n = 0; status == FV_OK && n < g->n_nodes; n++)
        status = fv_rewrite_copy(&rw, g->nodes[n], NULL, NULL);
    for (int i = 0; status == FV_OK && i < n_losses; i++)
        status = add_loss(&rw, &losses[i], &node[i]);
    FV_TRY(fv_rewrite_end(&rw, status, out, map));
    for (int i = 0; i < n_losses; i++) {
        for (int32_t k = 0; status == FV_OK && k < node[i]->n_out; k++)
            status = fv_graph_output(*out, node[i]->out[k]);
    }
    if (status != FV_OK)
        fv_graph_destroy(out);
    return status;
}
