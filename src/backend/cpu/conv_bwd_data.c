/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of conv2d_bwd_data and of conv_transpose2d, which is the same with a bias. */
#include <string.h>

#include "backend/cpu/conv_igemm.h"

/* A 1x1 convolution is a plain product in this direction too. */
static fv_conv_geom bwd_data_geom(const fv_node *node)
{
    const fv_conv_geom geom = fv_conv_geom_bwd_data(node);
    return fv_conv_is_flat(&geom) ? fv_conv_geom_flat(&geom) : geom;
}

static const char *bwd_data_reject(const fv_problem *problem)
{
    const fv_conv_geom geom = bwd_data_geom(problem->node);
    return fv_conv_igemm_reject(problem, &geom, FV_CONV_BWD_DATA);
}

static double bwd_data_cost(const fv_problem *problem)
{
    const fv_conv_geom geom = bwd_data_geom(problem->node);
    return fv_conv_igemm_cost(problem, &geom, FV_CONV_BWD_DATA);
}

static fv_status bwd_data_prepare(fv_plan *plan)
{
    const fv_conv_geom geom = bwd_data_geom(plan->problem.node);
    return fv_conv_igemm_prepare(plan, &geom, FV_CONV_BWD_DATA);
}

/* The convolution that a transposed one is the gradient of: its input is our dst, its filters are our input channels.
 */
static fv_conv_geom transpose_geom(const fv_node *node)
{
    const fv_conv_transpose2d_attr *attr = node->attr;
    const int64_t *src = fv_in_shape(node, 0)->dim, *wei = fv_in_shape(node, 1)->dim, *dst = fv_out_shape(node, 0)->dim;
    fv_conv_geom geom = {.n = src[0],
                         .c = dst[3],
                         .k = src[3],
                         .groups = attr->groups,
                         .win = {.h = dst[1], .w = dst[2], .p = src[1], .q = src[2], .size = {wei[1], wei[2]}}};
    memcpy(geom.win.stride, attr->stride, sizeof attr->stride);
    memcpy(geom.win.dilation, attr->dilation, sizeof attr->dilation);
    memcpy(geom.win.pad, attr->pad, sizeof attr->pad);
    return geom;
}

static const char *transpose_reject(const fv_problem *problem)
{
    const fv_conv_geom geom = transpose_geom(problem->node);
    return fv_conv_igemm_reject(problem, &geom, FV_CONV_BWD_DATA);
}

static double transpose_cost(const fv_problem *problem)
{
    const fv_conv_geom geom = transpose_geom(problem->node);
    return fv_conv_igemm_cost(problem, &geom, FV_CONV_BWD_DATA);
}

static fv_status transpose_prepare(fv_plan *plan)
{
    const fv_conv_geom geom = transpose_geom(plan->problem.node);
    return fv_conv_igemm_prepare(plan, &geom, FV_CONV_BWD_DATA);
}

static void transpose_run(const fv_plan *plan, const fv_call *call)
{
    const fv_conv_epilogue epilogue = {.shift = fv_call_in(call, 2)};
    fv_conv_igemm_run_with(plan, call, &epilogue);
}

extern const fv_solver fv_cpu_conv_bwd_data_solvers[];
const fv_solver fv_cpu_conv_bwd_data_solvers[] = {
    {.name = "cpu.conv2d_bwd_data.igemm",
     .op = "conv2d_bwd_data",
     .version = 1,
     .reject = bwd_data_reject,
     .cost = bwd_data_cost,
     .prepare = bwd_data_prepare,
     .release = fv_conv_igemm_release,
     .packed_bytes = fv_conv_igemm_packed_bytes,
     .pack = fv_conv_igemm_pack,
     .workspace_bytes = fv_conv_igemm_workspace_bytes,
     .run = fv_conv_igemm_run},
    {.name = "cpu.conv_transpose2d.igemm",
     .op = "conv_transpose2d",
     .version = 1,
     .reject = transpose_reject,
     .cost = transpose_cost,
     .prepare = transpose_prepare,
     .release = fv_conv_igemm_release,
     .packed_bytes = fv_conv_igemm_packed_bytes,
     .pack = fv_conv_igemm_pack,
     .workspace_bytes = fv_conv_igemm_workspace_bytes,
     .run = transpose_run},
    {.name = NULL},
};
