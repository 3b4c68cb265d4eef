/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of conv2d_bwd_weights and dense_bwd_weights. */
#include "backend/cpu/conv_wgrad.h"

/* A 1x1 convolution needs no second dimension of pixels. */
static fv_conv_geom bwd_weights_geom(const fv_node *node)
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

static double bwd_weights_cost(const fv_problem *problem)
{
    const fv_conv_geom geom = bwd_weights_geom(problem->node);
    return fv_conv_wgrad_cost(problem, &geom);
}

static fv_status bwd_weights_prepare(fv_plan *plan)
{
    const fv_conv_geom geom = bwd_weights_geom(plan->problem.node);
    return fv_conv_wgrad_prepare(plan, &geom);
}

/* Samples of a dense layer are images of one pixel. */
static fv_conv_geom dense_geom(const fv_node *node)
{
    return (fv_conv_geom){
        .n = fv_in_shape(node, 0)->dim[0],
        .c = fv_in_shape(node, 1)->dim[1],
        .k = fv_in_shape(node, 0)->dim[1],
        .groups = 1,
        .win = {.h = 1, .w = 1, .p = 1, .q = 1, .size = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}}};
}

static double dense_cost(const fv_problem *problem)
{
    const fv_conv_geom geom = dense_geom(problem->node);
    return fv_conv_wgrad_cost(problem, &geom);
}

static fv_status dense_prepare(fv_plan *plan)
{
    const fv_conv_geom geom = dense_geom(plan->problem.node);
    return fv_conv_wgrad_prepare(plan, &geom);
}

extern const fv_solver fv_cpu_conv_bwd_weights_solvers[];
const fv_solver fv_cpu_conv_bwd_weights_solvers[] = {
    {.name = "cpu.conv2d_bwd_weights.gemm",
     .op = "conv2d_bwd_weights",
     .version = 1,
     .reject = fv_conv_wgrad_reject,
     .cost = bwd_weights_cost,
     .prepare = bwd_weights_prepare,
     .release = fv_conv_wgrad_release,
     .workspace_bytes = fv_conv_wgrad_workspace_bytes,
     .run = fv_conv_wgrad_run},
    {.name = "cpu.dense_bwd_weights.gemm",
     .op = "dense_bwd_weights",
     .version = 1,
     .reject = fv_conv_wgrad_reject,
     .cost = dense_cost,
     .prepare = dense_prepare,
     .release = fv_conv_wgrad_release,
     .workspace_bytes = fv_conv_wgrad_workspace_bytes,
     .run = fv_conv_wgrad_run},
    {.name = NULL},
};
