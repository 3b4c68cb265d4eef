/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"

/* So many groups become narrower. */
#define FV_FEW_GROUPS 4

static int last_of(const fv_val *val)
{
    return val->shape.rank - 1;
}

static int64_t channels_of(const fv_val *val)
{
    return val->shape.dim[last_of(val)];
}

void fv_channels_each(fv_channels *c, const fv_node *node)
{
    for (int32_t o = 0; o < node->n_out; o++)
        for (int32_t i = 0; i < node->n_in; i++) {
            const fv_val *src = node->in[i], *dst = node->out[o];
            for (int d = 1; src && d <= src->shape.rank && d <= dst->shape.rank; d++) {
                const int a = src->shape.rank - d, b = dst->shape.rank - d;
                if (src->shape.dim[a] == dst->shape.dim[b])
                    fv_channels_tie(c, src, a, 0, dst, b, 0, src->shape.dim[a]);
            }
        }
}

void fv_channels_last(fv_channels *c, const fv_node *node)
{
    const fv_val *src = node->in[0];
    for (int32_t o = 0; o < node->n_out; o++)
        fv_channels_tie(c, src, last_of(src), 0, node->out[o], last_of(node->out[o]), 0, channels_of(src));
}

/* Channels of a group in front and behind; whether whole groups go. */
static bool by_group(const fv_node *node, int64_t groups, int64_t *before, int64_t *behind)
{
    *before = channels_of(node->in[0]) / groups;
    *behind = channels_of(node->out[0]) / groups;
    return groups > FV_FEW_GROUPS || (groups > 1 && (*before == 1 || *behind == 1));
}

void fv_channels_weighted(fv_channels *c, const fv_node *node, int64_t groups)
{
    const fv_val *src = node->in[0], *wei = node->in[1], *dst = node->out[0];
    const int s = last_of(src), d = last_of(dst), w = last_of(wei);
    int64_t a, b;
    const bool whole = by_group(node, groups, &a, &b);
    for (int32_t i = 1; i < node->n_in; i++) /* weights, bias and residual have the result's channels */
        if (node->in[i])
            fv_channels_tie(c, node->in[i], i == 3 ? last_of(node->in[i]) : 0, 0, dst, d, 0, channels_of(dst));
    for (int64_t g = 0; g < groups; g++) {
        for (int64_t j = 0; whole && j < a; j++)
            fv_channels_tie(c, src, s, g * a + j, dst, d, g * b, 1);
        for (int64_t j = 1; whole && j < b; j++)
            fv_channels_tie(c, dst, d, g * b + j, dst, d, g * b, 1);
        if (!whole) {
            fv_channels_tie(c, src, s, g * a, wei, w, 0, a);
            fv_channels_tie(c, dst, d, g * b, dst, d, 0, b);
        }
    }
}

int64_t fv_channels_groups(const fv_channels *c, const fv_node *node, int64_t groups)
{
    int64_t a, b;
    if (!by_group(node, groups, &a, &b))
        return groups;
    return fv_channels_left(c, node->in[0], last_of(node->in[0]), 0, channels_of(node->in[0])) / a;
}
