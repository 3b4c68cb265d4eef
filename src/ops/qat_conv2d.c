/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conv_geom.h"
#include "ops/qat.h"

enum { SRC, WEI, BIA, SCALE, SRC_PAIR, DST_PAIR };

static const fv_attr qat_conv2d_attrs[] = {
    FV_CONV_ROWS,
    {"once", FV_ATTR_BOOL, offsetof(fv_qat_conv2d_attr, q.once), 0, 0, 1, NULL,
     "The product with the factor is rounded once, halves up, instead of twice."},
    FV_QAT_LIMIT_ROWS(fv_qat_conv2d_attr),
    {0},
};

static fv_status qat_conv2d_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_dtype(ctx, node, SRC, 4, FV_I8));
    FV_TRY(fv_operand_dtype(ctx, node, WEI, 4, FV_I8));
    const int64_t *src = node->in[SRC]->shape.dim, *wei = node->in[WEI]->shape.dim;
    fv_conv_geom geom;
    FV_TRY(fv_conv_geom_set(ctx, node, node->attr, src[0], src + 1, wei[0], wei + 1, &geom));
    if (wei[3] != geom.c / geom.groups)
        return fv_node_fail(ctx, node, "wei has %lld channels per filter, expected %lld", (long long)wei[3],
                            (long long)(geom.c / geom.groups));
    FV_TRY(fv_operand_dtype(ctx, node, BIA, 1, FV_I32));
    FV_TRY(fv_qat_pair_check(ctx, node, SRC_PAIR));
    FV_TRY(fv_qat_pair_check(ctx, node, DST_PAIR));
    FV_TRY(fv_operand_dtype(ctx, node, SCALE, 1, node->in[SRC_PAIR]->dtype));
    const int64_t scales = node->in[SCALE]->shape.dim[0], biases = node->in[BIA]->shape.dim[0];
    if (biases != geom.k || (scales != geom.k && scales != 1))
        return fv_node_fail(ctx, node, "bia has %lld elements and scale %lld, expected %lld, one per filter",
                            (long long)biases, (long long)scales, (long long)geom.k);
    return fv_result(ctx, node, 0, FV_I8, 4, (const int64_t[]){geom.n, geom.win.p, geom.win.q, geom.k});
}

static fv_cost qat_conv2d_cost(const fv_node *node)
{
    fv_conv_geom geom = fv_conv_geom_forward(node);
    return fv_cost_of(node, fv_conv_macs(&geom), 2.0 * fv_count_out(node, 0));
}

void fv_qat_conv2d_set(const fv_call *call, fv_q_conv2d_attr *attr)
{
    const fv_qat_conv2d_attr *own = call->node->attr;
    const fv_q_pair src = fv_qat_pair(call, SRC_PAIR), dst = fv_qat_limited(call, DST_PAIR, own->least, own->most);
    *attr = own->q;
    attr->src_zero = src.zero;
    attr->wei_zero = 0;
    attr->dst_zero = dst.zero;
    attr->min = dst.low;
    attr->max = dst.high;
    attr->src_scale = src.scale;
    attr->dst_scale = dst.scale;
}

void fv_qat_conv2d_factor(const fv_call *call, const fv_q_conv2d_attr *attr, int64_t k, int32_t *mul, int32_t *shift)
{
    const fv_val *scale = call->node->in[SCALE];
    const bool one = scale->shape.dim[0] == 1;
    fv_fixed_filter_factor(attr->src_scale, fv_get(scale->dtype, call->in[SCALE], one ? 0 : k), attr->dst_scale,
                           one && attr->once, mul, shift);
}

/* The node as q_conv2d has it. */
static void qat_conv2d_ref(const fv_call *call)
{
    fv_q_conv2d_attr attr;
    fv_qat_conv2d_set(call, &attr);
    fv_qat_run_as(call, &fv_op_q_conv2d, &attr, 4);
}

static fv_reach qat_conv2d_reach(const fv_node *node, int axis)
{
    const fv_conv_geom geom = fv_conv_geom_forward(node);
    return fv_window_reach(&geom.win, axis);
}

const fv_op fv_op_qat_conv2d = {
    .name = "qat_conv2d",
    .doc = "q_conv2d of i8 whose scales and zero points are operands: `scale` of the filters (one, or one for each), "
           "pairs of src and dst. Results stay within least and most.",
    .n_in_min = 6,
    .n_in_max = 6,
    .n_out = 1,
    .operands = (const char *const[]){"src", "wei", "bia", "scale", "src_pair", "dst_pair", "dst"},
    .letters = (const char *const[]){"nhwc", "krsc", "k", "k", "n", "n"},
    .attr_size = sizeof(fv_qat_conv2d_attr),
    .attrs = qat_conv2d_attrs,
    .infer = qat_conv2d_infer,
    .cost = qat_conv2d_cost,
    .reach = qat_conv2d_reach,
    .ref = qat_conv2d_ref,
};
