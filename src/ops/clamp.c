/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/unary.h"

#define FV_CLAMP_MAX 3.4028234663852886e38 /* the largest float */
#define FV_CLAMP_ROWS                                                                                                  \
    {"min", FV_ATTR_REAL,      offsetof(fv_clamp_attr, min), -FV_CLAMP_MAX, -FV_CLAMP_MAX, FV_CLAMP_MAX,               \
     NULL,  "Smallest result."},                                                                                       \
    {                                                                                                                  \
        "max", FV_ATTR_REAL, offsetof(fv_clamp_attr, max), FV_CLAMP_MAX, -FV_CLAMP_MAX, FV_CLAMP_MAX, NULL,            \
            "Largest result."                                                                                          \
    }

static const fv_attr clamp_attrs[] = {FV_CLAMP_ROWS, {0}};

static fv_status clamp_infer(fv_ctx *ctx, const fv_node *node)
{
    const fv_clamp_attr *attr = node->attr;
    if (!(attr->min <= attr->max))
        return fv_node_fail(ctx, node, "min=%g is above max=%g", attr->min, attr->max);
    return fv_unary_infer(ctx, node);
}

static fv_status clamp_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_unary_grad(b, node, d_out, d_in, "clamp_bwd", node->in[0]);
}

/* NaN fails both comparisons and stays. */
static void clamp_ref(const fv_call *call)
{
    const fv_clamp_attr *attr = call->node->attr;
    const fv_dtype dtype = fv_call_dtype(call);
    for (int64_t i = 0; i < fv_shape_count(&call->node->out[0]->shape); i++) {
        const double x = fv_get(dtype, call->in[0], i);
        fv_set(dtype, call->out[0], i, x < attr->min ? attr->min : x > attr->max ? attr->max : x);
    }
}

const fv_op fv_op_clamp = {
    .name = "clamp",
    .doc = "dst = src, but at least `min` and at most `max`.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_INPLACE | FV_T_BOUNDED,
    .operands = fv_unary_operands,
    .letters = fv_unary_letters,
    .attr_size = sizeof(fv_clamp_attr),
    .attrs = clamp_attrs,
    .infer = clamp_infer,
    .grad = clamp_grad,
    .ref = clamp_ref,
    .channels = fv_channels_each,
};

static void clamp_bwd_ref(const fv_call *call)
{
    const fv_clamp_attr *attr = call->node->attr;
    const fv_dtype dtype = fv_call_dtype(call);
    for (int64_t i = 0; i < fv_shape_count(&call->node->out[0]->shape); i++) {
        const double x = fv_get(dtype, call->in[1], i);
        fv_set(dtype, call->out[0], i, x < attr->min || x > attr->max ? 0.0 : fv_get(dtype, call->in[0], i));
    }
}

const fv_op fv_op_clamp_bwd = {
    .name = "clamp_bwd",
    .doc = "Gradient of clamp: d_dst where src lies within min and max, 0 elsewhere.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_INPLACE,
    .operands = fv_unary_bwd_src_operands,
    .letters = fv_unary_bwd_letters,
    .attr_size = sizeof(fv_clamp_attr),
    .attrs = clamp_attrs,
    .infer = fv_unary_bwd_infer,
    .ref = clamp_bwd_ref,
};
