/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of conv2d, dense, their gradients to the data and conv_transpose2d: products over one engine. */
#include <string.h>

#include "backend/cpu/conv_igemm.h"
#include "ops/ref.h"

/* ---- which convolution ---- */

/* Pixels of a plain product are one column. */
static fv_conv_geom flat_geom(const fv_node *node)
{
    const fv_conv_geom geom = fv_conv_geom_forward(node);
    return fv_conv_geom_flat(&geom);
}

/* A 1x1 convolution is a plain product in this direction too. */
static fv_conv_geom bwd_data_geom(const fv_node *node)
{
    const fv_conv_geom geom = fv_conv_geom_bwd_data(node);
    return fv_conv_is_flat(&geom) ? fv_conv_geom_flat(&geom) : geom;
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

/* A dense layer is a 1x1 convolution whose pixels are the rows: samples, or pixels of them. Both directions see n rows
 * and wei [out][in]. */
static fv_conv_geom dense_geom(const fv_node *node)
{
    const int64_t n = fv_shape_rows(fv_in_shape(node, 0)), *wei = fv_in_shape(node, 1)->dim;
    return (fv_conv_geom){
        .n = 1,
        .c = wei[1],
        .k = wei[0],
        .groups = 1,
        .win = {.h = n, .w = 1, .p = n, .q = 1, .size = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}}};
}

/* ---- what is done to dst ---- */

/* conv2d and dense: attributes begin with the activation. */
static fv_conv_epilogue layer_epilogue(const fv_call *call)
{
    fv_conv_epilogue epilogue = {.bias = fv_call_in(call, 2), .add = fv_call_in(call, 3)};
    memcpy(&epilogue.activation, call->node->attr, sizeof epilogue.activation);
    return epilogue;
}

static fv_conv_epilogue transpose_epilogue(const fv_call *call)
{
    return (fv_conv_epilogue){.shift = fv_call_in(call, 2)};
}

static const fv_conv_use conv_use = {FV_CONV_FORWARD, fv_conv_geom_forward, layer_epilogue};
static const fv_conv_use flat_use = {FV_CONV_FORWARD, flat_geom, layer_epilogue};
static const fv_conv_use bwd_data_use = {FV_CONV_BWD_DATA, bwd_data_geom, NULL};
static const fv_conv_use transpose_use = {FV_CONV_BWD_DATA, transpose_geom, transpose_epilogue};
static const fv_conv_use dense_use = {FV_CONV_FORWARD, dense_geom, layer_epilogue};
static const fv_conv_use dense_bwd_data_use = {FV_CONV_BWD_DATA, dense_geom, NULL};

/* ---- a plain product where the filter is 1x1 ---- */

static const char *gemm_reject(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_geom geom = fv_conv_geom_forward(problem->node);
    if (!fv_conv_is_flat(&geom))
        return "not 1x1 with stride 1 and no padding";
    return problem->dtype == FV_F16 ? "halves" : fv_conv_igemm_reject(self, problem);
}

/* The same arithmetic without any addresses to keep. */
static double gemm_cost(const fv_solver *self, const fv_problem *problem)
{
    return 0.9 * fv_conv_igemm_cost(self, problem);
}

#define FV_IGEMM_SOLVER(name_, op_, use_, reject_, cost_)                                                              \
    {                                                                                                                  \
        .name = name_, .op = op_, .version = 1, .arg = &(use_), .packs = 1 << 1, .reject = reject_, .cost = cost_,     \
        .prepare = fv_conv_igemm_prepare, .release = fv_conv_igemm_release,                                            \
        .packed_bytes = fv_conv_igemm_packed_bytes, .pack = fv_conv_igemm_pack,                                        \
        .workspace_bytes = fv_conv_igemm_workspace_bytes, .run = fv_conv_igemm_run                                     \
    }
#define FV_IGEMM_ROW(name_, op_, use_) FV_IGEMM_SOLVER(name_, op_, use_, fv_conv_igemm_reject, fv_conv_igemm_cost)

extern const fv_solver fv_cpu_conv_igemm_solvers[];
const fv_solver fv_cpu_conv_igemm_solvers[] = {
    FV_IGEMM_SOLVER("cpu.conv2d.gemm", "conv2d", flat_use, gemm_reject, gemm_cost),
    FV_IGEMM_ROW("cpu.conv2d.igemm", "conv2d", conv_use),
    FV_IGEMM_ROW("cpu.conv2d_bwd_data.igemm", "conv2d_bwd_data", bwd_data_use),
    FV_IGEMM_ROW("cpu.conv_transpose2d.igemm", "conv_transpose2d", transpose_use),
    FV_IGEMM_ROW("cpu.dense.gemm", "dense", dense_use),
    FV_IGEMM_ROW("cpu.dense_bwd_data.gemm", "dense_bwd_data", dense_bwd_data_use),
    {.name = NULL},
};
