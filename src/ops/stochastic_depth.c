/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/dropout.h"
#include "ops/ref.h"

static const fv_attr stochastic_depth_attrs[] = {
    {"rate", FV_ATTR_REAL, offsetof(fv_dropout_attr, rate), 0.1, 0, 0.999, NULL, "Share of samples set to 0."},
    {"stream", FV_ATTR_INT, offsetof(fv_dropout_attr, stream), 0, 0, (1 << 24) - 1, NULL,
     "Which of the network's nodes of this kind this is: part of the key of its random numbers. Set when a graph is "
     "compiled."},
    {0},
};

static fv_status stochastic_depth_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    return fv_result_like(ctx, node, 0, 0);
}

static fv_status stochastic_depth_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "stochastic_depth_bwd", node->attr, d_out, 1);
    return FV_OK;
}

/* Inference passes everything on. */
static fv_status stochastic_depth_lower(fv_builder *b, const fv_node *node, bool training, fv_val *const *in,
                                        fv_val **out)
{
    fv_dropout_attr attr = *(const fv_dropout_attr *)node->attr;
    attr.stream = node->id;
    out[0] = training && attr.rate > 0.0 ? fv_emit(b, "stochastic_depth", &attr, in, 1) : in[0];
    return FV_OK;
}

static fv_cost stochastic_depth_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, fv_count_out(node, 0));
}

static void stochastic_depth_ref(const fv_call *call)
{
    const fv_dropout_attr *attr = call->node->attr;
    fv_dtype dtype = fv_call_dtype(call);
    const double scale = dtype == FV_F32 ? (double)fv_dropout_scale(attr) : 1.0 / (1.0 - attr->rate);
    const int64_t samples = fv_out_dims(call, 0)[0], count = fv_shape_count(&call->node->out[0]->shape) / samples;
    const int64_t first = fv_call_offset(call, samples);
    for (int64_t n = 0; n < samples; n++) {
        const bool keep = fv_dropout_keeps_sample(attr, call->seed, call->step, first + n);
        for (int64_t i = n * count; i < (n + 1) * count; i++)
            fv_set(dtype, call->out[0], i, keep ? fv_get(dtype, call->in[0], i) * scale : 0.0);
    }
}

const fv_op fv_op_stochastic_depth = {
    .name = "stochastic_depth",
    .doc = "Training: dst = src / (1 - rate), or 0 for a random share `rate` of the samples as a whole, so that a "
           "residual branch that ends here is left out for them (Huang et al., 2016); which ones is a pure function of "
           "seed, step, stream and sample. Inference: dst = src.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_STOCHASTIC | FV_T_INPLACE,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_dropout_attr),
    .attrs = stochastic_depth_attrs,
    .infer = stochastic_depth_infer,
    .grad = stochastic_depth_grad,
    .cost = stochastic_depth_cost,
    .ref = stochastic_depth_ref,
    .lower = stochastic_depth_lower,
    .channels = fv_channels_each,
};

const fv_op fv_op_stochastic_depth_bwd = {
    .name = "stochastic_depth_bwd",
    .doc = "Gradient of stochastic_depth: d_src = d_dst / (1 - rate) where the forward kept the sample, else 0.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_STOCHASTIC | FV_T_INPLACE | FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "d_src"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_dropout_attr),
    .attrs = stochastic_depth_attrs,
    .infer = stochastic_depth_infer,
    .cost = stochastic_depth_cost,
    .ref = stochastic_depth_ref,
};
