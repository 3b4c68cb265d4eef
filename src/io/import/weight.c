/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters from constants of a file. */
#include <stdio.h>
#include <string.h>

#include "io/import/build.h"

fv_pick fv_pick_all(const fv_shape *shape)
{
    fv_pick pick = {.rank = shape->rank};
    int64_t step = 1;
    for (int d = shape->rank - 1; d >= 0; d--) {
        pick.dim[d] = shape->dim[d];
        pick.stride[d] = step;
        step *= shape->dim[d];
    }
    return pick;
}

static bool same_fill(const fv_import *im, const fv_import_fill *f, const fv_import_fill *g, fv_role role,
                      const fv_shape *shape)
{
    const fv_val *val = im->model->graph->vals[f->val];
    bool same = f->from->data == g->from->data && f->factor == g->factor && f->pick.rank == g->pick.rank &&
                val->role == role && fv_shape_equal(&val->shape, shape);
    for (int d = 0; same && d < f->pick.rank; d++)
        same = f->pick.dim[d] == g->pick.dim[d] && f->pick.stride[d] == g->pick.stride[d];
    return same;
}

static fv_status add_fill(fv_import *im, const fv_import_fill *f)
{
    if (im->n_fills == im->cap_fills) {
        const int grown = im->cap_fills ? 2 * im->cap_fills : 64;
        fv_import_fill *fills = fv_realloc(im->ctx, im->fills, (size_t)grown * sizeof *fills);
        if (!fills)
            return FV_ERR_NO_MEMORY;
        im->fills = fills;
        im->cap_fills = grown;
    }
    im->fills[im->n_fills++] = *f;
    return FV_OK;
}

fv_value fv_import_weight(fv_import *im, const fv_foreign *from, fv_role role, const fv_shape *shape,
                          const fv_pick *pick, double factor, const char *name)
{
    char full[FV_NAME_MAX];
    fv_import_fill f = {.from = from, .pick = *pick, .factor = factor};
    if (im->model->error != FV_OK)
        return fv_no_value;
    for (int i = 0; i < im->n_fills; i++)
        if (same_fill(im, &im->fills[i], &f, role, shape))
            return (fv_value){im->fills[i].val};
    snprintf(full, sizeof full, "%.230s", name ? name : from->name);
    for (int i = 2; fv_graph_find(im->model->graph, full) && i < 10000000; i++)
        snprintf(full, sizeof full, "%.230s_%d", name ? name : from->name, i);
    fv_value v = fv_model_new_param(im->model, full, role, FV_F32, shape, FV_INIT_DEFAULT, 0);
    f.val = v.id;
    if (v.id >= 0 && fv_model_set_error(im->model, add_fill(im, &f)) != FV_OK)
        return fv_no_value;
    return v;
}

fv_value fv_import_vector(fv_import *im, const fv_foreign *from, fv_role role, double factor)
{
    const fv_shape shape = {1, {fv_foreign_count(from)}};
    const fv_pick pick = fv_pick_all(&shape);
    return fv_import_weight(im, from, role, &shape, &pick, factor, NULL);
}
