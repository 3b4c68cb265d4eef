/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/pool.h"

static const fv_attr adaptive_avg_pool2d_attrs[] = {
    {"output", FV_ATTR_INT2, offsetof(fv_adaptive_pool_attr, output), 1, 1, FV_WINDOW_MAX, NULL,
     "Height and width of dst."},
    {0},
};

static fv_status adaptive_avg_pool2d_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    const fv_adaptive_pool_attr *attr = node->attr;
    const int64_t *src = node->in[0]->shape.dim;
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4,
                     (const int64_t[]){src[0], attr->output[0], attr->output[1], src[3]});
}

static fv_status adaptive_avg_pool2d_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_adaptive_pool_attr attr = *(const fv_adaptive_pool_attr *)node->attr;
    attr.src_size[0] = node->in[0]->shape.dim[1];
    attr.src_size[1] = node->in[0]->shape.dim[2];
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "adaptive_avg_pool2d_bwd", &attr, d_out, 1);
    return FV_OK;
}

static fv_cost adaptive_avg_pool2d_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, fv_count_in(node, 0) + fv_count_out(node, 0));
}

static int64_t adaptive_begin(int64_t i, int64_t in, int64_t out)
{
    return i * in / out;
}

static int64_t adaptive_end(int64_t i, int64_t in, int64_t out)
{
    return ((i + 1) * in + out - 1) / out;
}

static fv_pool_box adaptive_avg_pool2d_box(const fv_node *node, const int64_t *src, const int64_t *dst, int64_t p,
                                           int64_t q)
{
    (void)node;
    fv_pool_box box = {adaptive_begin(p, src[1], dst[1]), adaptive_end(p, src[1], dst[1]),
                       adaptive_begin(q, src[2], dst[2]), adaptive_end(q, src[2], dst[2]), 0.0};
    box.count = (double)((box.h1 - box.h0) * (box.w1 - box.w0));
    return box;
}

static void adaptive_avg_pool2d_ref(const fv_call *call)
{
    fv_box_mean_ref(call, adaptive_avg_pool2d_box);
}

const fv_op fv_op_adaptive_avg_pool2d = {
    .name = "adaptive_avg_pool2d",
    .doc = "Averages to an output of given height and width: dst[n,p,q,c] = mean of src over rows floor(p*h/P) to "
           "ceil((p+1)*h/P) - 1 and columns likewise.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_adaptive_pool_attr),
    .attrs = adaptive_avg_pool2d_attrs,
    .infer = adaptive_avg_pool2d_infer,
    .grad = adaptive_avg_pool2d_grad,
    .cost = adaptive_avg_pool2d_cost,
    .reach = fv_parts_reach,
    .ref = adaptive_avg_pool2d_ref,
    .channels = fv_channels_last,
};

/* ---- gradient ---- */

static const fv_attr adaptive_avg_pool2d_bwd_attrs[] = {
    {"src_size", FV_ATTR_INT2, offsetof(fv_adaptive_pool_attr, src_size), 1, 1, 1 << 30, NULL,
     "Height and width of src."},
    {0},
};

static fv_status adaptive_avg_pool2d_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    const fv_adaptive_pool_attr *attr = node->attr;
    const int64_t *dst = node->in[0]->shape.dim;
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4,
                     (const int64_t[]){dst[0], attr->src_size[0], attr->src_size[1], dst[3]});
}

static void adaptive_avg_pool2d_bwd_ref(const fv_call *call)
{
    fv_box_mean_bwd_ref(call, adaptive_avg_pool2d_box);
}

const fv_op fv_op_adaptive_avg_pool2d_bwd = {
    .name = "adaptive_avg_pool2d_bwd",
    .doc = "Gradient of adaptive_avg_pool2d: d_src[n,h,w,c] = sum of d_dst[n,p,q,c] / count over the windows that hold "
           "the pixel, in order of p and q from 0. src_size is height and width of src.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "d_src"},
    .letters = (const char *const[]){"npqc"},
    .attr_size = sizeof(fv_adaptive_pool_attr),
    .attrs = adaptive_avg_pool2d_bwd_attrs,
    .infer = adaptive_avg_pool2d_bwd_infer,
    .cost = adaptive_avg_pool2d_cost,
    .ref = adaptive_avg_pool2d_bwd_ref,
};
