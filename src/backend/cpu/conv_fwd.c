/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of conv2d: a plain product where the filter is 1x1, else implicit GEMM on padded rows. */
#include "backend/cpu/conv_igemm.h"

static const char *conv_igemm_reject(const fv_problem *problem)
{
    const fv_conv_geom geom = fv_conv_geom_forward(problem->node);
    return fv_conv_igemm_reject(problem, &geom, FV_CONV_FORWARD);
}

static double conv_igemm_cost(const fv_problem *problem)
{
    const fv_conv_geom geom = fv_conv_geom_forward(problem->node);
    return fv_conv_igemm_cost(problem, &geom, FV_CONV_FORWARD);
}

static fv_status conv_igemm_prepare(fv_plan *plan)
{
    const fv_conv_geom geom = fv_conv_geom_forward(plan->problem.node);
    return fv_conv_igemm_prepare(plan, &geom, FV_CONV_FORWARD);
}

static const char *conv_gemm_reject(const fv_problem *problem)
{
    const fv_conv_geom geom = fv_conv_geom_forward(problem->node);
    return fv_conv_is_flat(&geom) ? conv_igemm_reject(problem) : "not 1x1 with stride 1 and no padding";
}

/* The same arithmetic without any addresses to keep. */
static double conv_gemm_cost(const fv_problem *problem)
{
    return 0.9 * conv_igemm_cost(problem);
}

static fv_status conv_gemm_prepare(fv_plan *plan)
{
    const fv_conv_geom geom = fv_conv_geom_forward(plan->problem.node);
    const fv_conv_geom flat = fv_conv_geom_flat(&geom);
    return fv_conv_igemm_prepare(plan, &flat, FV_CONV_FORWARD);
}

static void conv_run(const fv_plan *plan, const fv_call *call)
{
    const fv_conv2d_attr *attr = call->node->attr;
    const fv_conv_epilogue epilogue = {
        .bias = fv_call_in(call, 2), .add = fv_call_in(call, 3), .activation = attr->activation};
    fv_conv_igemm_run_with(plan, call, &epilogue);
}

extern const fv_solver fv_cpu_conv_fwd_solvers[];
const fv_solver fv_cpu_conv_fwd_solvers[] = {
    {.name = "cpu.conv2d.gemm",
     .op = "conv2d",
     .version = 1,
     .reject = conv_gemm_reject,
     .cost = conv_gemm_cost,
     .prepare = conv_gemm_prepare,
     .release = fv_conv_igemm_release,
     .packed_bytes = fv_conv_igemm_packed_bytes,
     .pack = fv_conv_igemm_pack,
     .workspace_bytes = fv_conv_igemm_workspace_bytes,
     .run = conv_run},
    {.name = "cpu.conv2d.igemm",
     .op = "conv2d",
     .version = 1,
     .reject = conv_igemm_reject,
     .cost = conv_igemm_cost,
     .prepare = conv_igemm_prepare,
     .release = fv_conv_igemm_release,
     .packed_bytes = fv_conv_igemm_packed_bytes,
     .pack = fv_conv_igemm_pack,
     .workspace_bytes = fv_conv_igemm_workspace_bytes,
     .run = conv_run},
    {.name = NULL},
};
