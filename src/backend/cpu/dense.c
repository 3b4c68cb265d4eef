/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of dense and dense_bwd_data: a dense layer is a 1x1 convolution whose pixels are the samples. */
#include "backend/cpu/conv_igemm.h"

/* Both directions see the same layer: n samples, wei [out][in]. */
static fv_conv_geom dense_geom(const fv_node *node)
{
    const int64_t *wei = fv_in_shape(node, 1)->dim;
    return fv_conv_geom_dense(fv_in_shape(node, 0)->dim[0], wei[1], wei[0]);
}

static const char *dense_reject(const fv_problem *problem)
{
    const fv_conv_geom geom = dense_geom(problem->node);
    return fv_conv_igemm_reject(problem, &geom, FV_CONV_FORWARD);
}

static double dense_cost(const fv_problem *problem)
{
    const fv_conv_geom geom = dense_geom(problem->node);
    return fv_conv_igemm_cost(problem, &geom, FV_CONV_FORWARD);
}

static fv_status dense_prepare(fv_plan *plan)
{
    const fv_conv_geom geom = dense_geom(plan->problem.node);
    return fv_conv_igemm_prepare(plan, &geom, FV_CONV_FORWARD);
}

static double dense_bwd_data_cost(const fv_problem *problem)
{
    const fv_conv_geom geom = dense_geom(problem->node);
    return fv_conv_igemm_cost(problem, &geom, FV_CONV_BWD_DATA);
}

static fv_status dense_bwd_data_prepare(fv_plan *plan)
{
    const fv_conv_geom geom = dense_geom(plan->problem.node);
    return fv_conv_igemm_prepare(plan, &geom, FV_CONV_BWD_DATA);
}

static void dense_run(const fv_plan *plan, const fv_call *call)
{
    const fv_dense_attr *attr = call->node->attr;
    const fv_conv_epilogue epilogue = {
        .bias = fv_call_in(call, 2), .add = fv_call_in(call, 3), .activation = attr->activation};
    fv_conv_igemm_run_with(plan, call, &epilogue);
}

extern const fv_solver fv_cpu_dense_solvers[];
const fv_solver fv_cpu_dense_solvers[] = {
    {.name = "cpu.dense.gemm",
     .op = "dense",
     .version = 1,
     .reject = dense_reject,
     .cost = dense_cost,
     .prepare = dense_prepare,
     .release = fv_conv_igemm_release,
     .packed_bytes = fv_conv_igemm_packed_bytes,
     .pack = fv_conv_igemm_pack,
     .workspace_bytes = fv_conv_igemm_workspace_bytes,
     .run = dense_run},
    {.name = "cpu.dense_bwd_data.gemm",
     .op = "dense_bwd_data",
     .version = 1,
     .reject = dense_reject,
     .cost = dense_bwd_data_cost,
     .prepare = dense_bwd_data_prepare,
     .release = fv_conv_igemm_release,
     .packed_bytes = fv_conv_igemm_packed_bytes,
     .pack = fv_conv_igemm_pack,
     .workspace_bytes = fv_conv_igemm_workspace_bytes,
     .run = fv_conv_igemm_run},
    {.name = NULL},
};
