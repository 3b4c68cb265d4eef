/* SPDX-License-Identifier: Apache-2.0 */
/* A graph without some of its channels: leaves of smaller shapes, and nodes whose attributes count what is left. */
#include <string.h>

#include "graph/channels.h"
#include "graph/internal.h"

static fv_status narrow_shape(const fv_channels *c, const fv_val *val, fv_shape *shape)
{
    *shape = val->shape;
    for (int d = 0; d < shape->rank; d++) {
        shape->dim[d] = fv_channels_keep(c, c->gone, val, d, NULL);
        if (shape->dim[d] == 0)
            return fv_fail(c->g->ctx, FV_ERR_ARGUMENT, "nothing would be left of dimension %d of '%s'", d, val->name);
    }
    return FV_OK;
}

/* Elements of a constant that is not one number repeated. */
static fv_status narrow_elements(const fv_channels *c, const fv_val *val, const fv_shape *shape, fv_tensor **elements)
{
    fv_ctx *ctx = c->g->ctx;
    size_t positions = 1;
    for (int d = 0; d < val->shape.rank; d++)
        positions += (size_t)val->shape.dim[d];
    bool *room = fv_malloc(ctx, positions * sizeof *room);
    fv_status status = room ? fv_tensor_create(ctx, val->dtype, shape, elements) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        fv_channels_gather(c, c->gone, val, fv_dtype_size(val->dtype), fv_tensor_const_data(val->elements),
                           fv_tensor_data(*elements), room);
    fv_free(ctx, room);
    return status;
}

static fv_status narrow_leaf(fv_rewrite *rw, const fv_channels *c, const fv_val *val)
{
    fv_val like = *val;
    fv_tensor *made = NULL;
    FV_TRY(narrow_shape(c, val, &like.shape));
    if (val->role == FV_ROLE_CONST && !fv_const_is_splat(val) && !fv_shape_equal(&like.shape, &val->shape)) {
        FV_TRY(narrow_elements(c, val, &like.shape, &made));
        like.elements = made;
    }
    const fv_status status = fv_graph_copy_leaf(rw->out, &like, &rw->map[val->id]);
    fv_tensor_destroy(&made);
    return status;
}

static fv_status narrow_node(fv_rewrite *rw, const fv_channels *c, const fv_node *node)
{
    const fv_op *op = node->op;
    if (!op->narrow || op->attr_size == 0)
        return fv_rewrite_copy(rw, node, NULL, NULL);
    void *attr = fv_arena_memdup(rw->out->arena, node->attr, op->attr_size);
    if (!attr)
        return FV_ERR_NO_MEMORY;
    op->narrow(c, node, attr);
    return fv_rewrite_copy(rw, node, attr, NULL);
}

fv_status fv_pass_narrow(fv_channels *channels, const bool *gone, fv_graph **out, fv_val **map)
{
    const fv_graph *g = channels->g;
    fv_rewrite rw;
    *out = NULL;
    channels->gone = gone;
    fv_status status = fv_rewrite_begin(&rw, g, false);
    for (int32_t v = 0; status == FV_OK && v < g->n_vals; v++) {
        const fv_val *val = g->vals[v];
        if (!val->def)
            status = narrow_leaf(&rw, channels, val);
        else if (val->def_index == 0)
            status = narrow_node(&rw, channels, val->def);
    }
    channels->gone = NULL;
    return fv_rewrite_end(&rw, status, out, map);
}
