/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of conv2d_bwd_weights and dense_bwd_weights. */
#include "backend/cpu/conv_wgrad.h"

/* A 1x1 convolution needs no second dimension of pixels. */
static fv_conv_geom conv_geom(const fv_node *node)
{
    fv_conv_geom geom = fv_conv_geom_bwd_weights(node);
    fv_window *w = &geom.win;
    if (w->size[0] == 1 && w->size[1] == 1 && w->stride[0] == 1 && w->stride[1] == 1 &&
        (w->pad[0] | w->pad[1] | w->pad[2] | w->pad[3]) == 0) {
        w->h = w->p = w->h * w->w;
        w->w = w->q = 1;
    }
    return geom;
}

/* Samples of a dense layer are images of as many pixels as they have rows. */
static fv_conv_geom dense_geom(const fv_node *node)
{
    const int64_t n = fv_in_shape(node, 0)->dim[0], rows = fv_shape_rows(fv_in_shape(node, 0)) / n;
    return (fv_conv_geom){
        .n = n,
        .c = fv_shape_last(fv_in_shape(node, 1)),
        .k = fv_shape_last(fv_in_shape(node, 0)),
        .groups = 1,
        .win = {.h = rows, .w = 1, .p = rows, .q = 1, .size = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}}};
}

static const fv_conv_wgrad_use conv_merged = {conv_geom, FV_WGRAD_MERGED}, conv_packed = {conv_geom, FV_WGRAD_PACKED},
                               conv_turned = {conv_geom, FV_WGRAD_TURNED}, dense_packed = {dense_geom, FV_WGRAD_PACKED},
                               dense_turned = {dense_geom, FV_WGRAD_TURNED};

#define FV_WGRAD_SOLVER(name_, op_, use_)                                                                              \
    {                                                                                                                  \
        .name = name_, .op = op_, .version = 1, .arg = &(use_), .reject = fv_conv_wgrad_reject,                        \
        .cost = fv_conv_wgrad_cost, .prepare = fv_conv_wgrad_prepare, .release = fv_conv_wgrad_release,                \
        .workspace_bytes = fv_conv_wgrad_workspace_bytes, .run = fv_conv_wgrad_run                                     \
    }

extern const fv_solver fv_cpu_conv_wgrad_solvers[];
const fv_solver fv_cpu_conv_wgrad_solvers[] = {
    /* Of equal estimates the merged layout wins, which copies less. */
    FV_WGRAD_SOLVER("cpu.conv2d_bwd_weights.merged", "conv2d_bwd_weights", conv_merged),
    FV_WGRAD_SOLVER("cpu.conv2d_bwd_weights.packed", "conv2d_bwd_weights", conv_packed),
    FV_WGRAD_SOLVER("cpu.conv2d_bwd_weights.turned", "conv2d_bwd_weights", conv_turned),
    FV_WGRAD_SOLVER("cpu.dense_bwd_weights.packed", "dense_bwd_weights", dense_packed),
    FV_WGRAD_SOLVER("cpu.dense_bwd_weights.turned", "dense_bwd_weights", dense_turned),
    {.name = NULL},
};
