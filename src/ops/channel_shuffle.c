/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/ref.h"

static const fv_attr channel_shuffle_attrs[] = {
    {"groups", FV_ATTR_INT, offsetof(fv_groups_attr, groups), 2, 1, 1 << 24, NULL,
     "Number of channel groups; divides the channels."},
    {0},
};

static fv_status channel_shuffle_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_moved(ctx, node, 0));
    int64_t groups = ((const fv_groups_attr *)node->attr)->groups, channels = fv_shape_last(&node->in[0]->shape);
    if (channels % groups != 0)
        return fv_node_fail(ctx, node, "groups=%lld does not divide %lld channels", (long long)groups,
                            (long long)channels);
    return fv_result_like(ctx, node, 0, 0);
}

/* The way back is a shuffle of the other factor. */
static fv_status channel_shuffle_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    int64_t groups = ((const fv_groups_attr *)node->attr)->groups;
    fv_groups_attr attr = {.groups = fv_shape_last(&node->in[0]->shape) / groups};
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "channel_shuffle", &attr, d_out, 1);
    return FV_OK;
}

/* Copying is no arithmetic. */
static fv_cost channel_shuffle_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 0.0);
}

static void channel_shuffle_ref(const fv_call *call)
{
    const fv_val *src = call->node->in[0];
    int64_t groups = ((const fv_groups_attr *)call->node->attr)->groups;
    int64_t rows = fv_shape_rows(&src->shape), channels = fv_shape_last(&src->shape), each = channels / groups;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t g = 0; g < groups; g++)
            for (int64_t j = 0; j < each; j++)
                fv_set(src->dtype, call->out[0], row * channels + j * groups + g,
                       fv_get(src->dtype, call->in[0], row * channels + g * each + j));
}

/* The number of groups stays: channel j goes of all of them. */
static void channel_shuffle_channels(fv_channels *c, const fv_node *node)
{
    const fv_val *src = node->in[0], *dst = node->out[0];
    const int64_t groups = ((const fv_groups_attr *)node->attr)->groups;
    const int last = src->shape.rank - 1;
    const int64_t each = src->shape.dim[last] / groups;
    for (int64_t j = 0; j < each; j++)
        for (int64_t g = 0; g < groups; g++) {
            fv_channels_tie(c, src, last, g * each + j, dst, last, j * groups + g, 1);
            fv_channels_tie(c, src, last, g * each + j, src, last, j, 1);
        }
}

const fv_op fv_op_channel_shuffle = {
    .name = "channel_shuffle",
    .doc =
        "dst[..., j * groups + g] = src[..., g * (c / groups) + j]: channel j of every group comes together (Zhang et "
        "al., ShuffleNet, 2018).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_groups_attr),
    .attrs = channel_shuffle_attrs,
    .infer = channel_shuffle_infer,
    .grad = channel_shuffle_grad,
    .cost = channel_shuffle_cost,
    .ref = channel_shuffle_ref,
    .channels = channel_shuffle_channels,
};
