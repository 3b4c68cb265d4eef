/* SPDX-License-Identifier: Apache-2.0 */
/* The same nodes for an input of another shape. */
#include "graph/internal.h"

/* Leaves in their order: what is read from the image follows from it, the others stay. */
static fv_status copy_leaf(fv_rewrite *rw, const fv_val *val, const fv_val *input, const fv_shape *shape)
{
    fv_val like = *val;
    if (val == input)
        like.shape = *shape;
    return fv_graph_copy_leaf(rw->out, &like, &rw->map[val->id]);
}

/* What is read behind the graph stays what it was. */
static fv_status check_outputs(const fv_rewrite *rw)
{
    char was[96], is[96];
    for (int32_t i = 0; i < rw->g->n_outputs; i++) {
        const fv_val *before = rw->g->outputs[i], *now = rw->map[before->id];
        if (!fv_shape_equal(&before->shape, &now->shape))
            return fv_fail(rw->g->ctx, FV_ERR_SHAPE, "output '%s' would be %s, and is %s", rw->g->output_names[i],
                           fv_shape_text(&now->shape, is), fv_shape_text(&before->shape, was));
    }
    return FV_OK;
}

fv_status fv_pass_input_shape(const fv_graph *g, const char *input, const fv_shape *shape, fv_graph **out)
{
    fv_rewrite rw;
    const fv_val *val = fv_graph_named(g, input);
    *out = NULL;
    if (!val || val->role != FV_ROLE_INPUT)
        return fv_fail(g->ctx, FV_ERR_ARGUMENT, "fv_pass_input_shape: the graph has no input '%s'", input);
    fv_status status = fv_rewrite_begin(&rw, g, false);
    for (int32_t i = 0; status == FV_OK && i < g->n_vals; i++)
        if (g->vals[i]->role != FV_ROLE_COMPUTED)
            status = copy_leaf(&rw, g->vals[i], val, shape);
    for (int32_t n = 0; status == FV_OK && n < g->n_nodes; n++)
        status = fv_rewrite_copy(&rw, g->nodes[n], NULL, NULL);
    if (status == FV_OK)
        status = check_outputs(&rw);
    return fv_rewrite_end(&rw, status, out, NULL);
}
