/* SPDX-License-Identifier: Apache-2.0 */
/* Receptive fields and strides against what images show. */
#include <fovea/design.h>

#include <math.h>

#include "model/model.h"

static int64_t least(const int64_t both[2])
{
    return both[0] < both[1] ? both[0] : both[1];
}

fv_status fv_model_sight(const fv_model *model, fv_sight *sight)
{
    int64_t size = 0; /* of the last map */
    *sight = (fv_sight){0};
    for (int i = 0; i < fv_model_layer_count(model); i++) {
        fv_layer_info l;
        fv_model_layer(model, i, &l);
        const fv_node *node = model->graph->nodes[i];
        if (l.training)
            continue;
        if (fv_node_weighted(node) && fv_shape_count(&node->in[0]->shape) == size)
            sight->apart = true;
        if (l.output.rank != 4 || l.output.dim[1] * l.output.dim[2] <= 1)
            continue;
        size = fv_shape_count(&l.output);
        sight->apart = false;
        if (sight->first == 0 && fv_node_weighted(node)) {
            sight->filter = least(l.receptive_field);
            sight->first = least(l.jump);
        }
        sight->field = least(l.receptive_field);
        sight->step = least(l.jump);
        sight->whole = l.whole[0] && l.whole[1];
    }
    return sight->first > 0 ? FV_OK
                            : fv_fail(model->ctx, FV_ERR_UNSUPPORTED, "model '%s' computes no map of an image",
                                      fv_model_name(model));
}

unsigned fv_sight_misfits(const fv_sight *s, double detail, double extent)
{
    unsigned bits = 0;
    if (!isnan(extent)) {
        bits |= !s->whole && !s->apart && (double)s->field < 0.8 * extent ? FV_SIGHT_NARROW : 0;
        bits |= (double)s->step > extent / 2 ? FV_SIGHT_COARSE : 0;
    }
    if (!isnan(detail)) {
        bits |= (double)s->first > 2 * detail ? FV_SIGHT_BLUNT : 0;
        bits |= detail >= 4 ? FV_SIGHT_EMPTY : 0;
    }
    return bits;
}
