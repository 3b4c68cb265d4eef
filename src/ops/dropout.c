/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/dropout.h"

#include "ops/ref.h"

static const fv_attr dropout_attrs[] = {
    {"rate", FV_ATTR_REAL, offsetof(fv_dropout_attr, rate), 0.5, 0, 0.999, NULL, "Share of elements set to 0."},
    {"stream", FV_ATTR_INT, offsetof(fv_dropout_attr, stream), 0, 0, (1 << 24) - 1, NULL,
     "Which dropout of the network this is: part of the key of its random numbers. Set when a graph is compiled."},
    {0},
};

static fv_status dropout_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    return fv_result_like(ctx, node, 0, 0);
}

static fv_status dropout_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "dropout_bwd", node->attr, d_out, 1);
    return FV_OK;
}

/* Inference passes everything on. */
static fv_status dropout_lower(fv_builder *b, const fv_node *node, bool training, fv_val *const *in, fv_val **out)
{
    fv_dropout_attr attr = *(const fv_dropout_attr *)node->attr;
    attr.stream = node->id;
    out[0] = training && attr.rate > 0.0 ? fv_emit(b, "dropout", &attr, in, 1) : in[0];
    return FV_OK;
}

static fv_cost dropout_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, fv_count_out(node, 0));
}

static void dropout_ref(const fv_call *call)
{
    const fv_dropout_attr *attr = call->node->attr;
    fv_dtype dtype = fv_call_dtype(call);
    uint64_t counter = fv_dropout_counter(attr, call->step);
    double scale = dtype == FV_F32 ? (double)fv_dropout_scale(attr) : 1.0 / (1.0 - attr->rate);
    int64_t count = fv_shape_count(&call->node->out[0]->shape);
    int64_t first = fv_call_offset(call, count);
    uint32_t word[4];
    for (int64_t i = 0; i < count; i++) {
        int64_t e = first + i; /* among the elements of the whole batch */
        fv_philox(call->seed, FV_RANDOM_DROPOUT, (uint64_t)(16 * (e / 64) + e % 16), counter, word);
        bool keep = !(fv_uniform(word[e / 16 % 4]) < (float)attr->rate);
        fv_set(dtype, call->out[0], i, keep ? fv_get(dtype, call->in[0], i) * scale : 0.0);
    }
}

const fv_op fv_op_dropout = {
    .name = "dropout",
    .doc =
        "Training: dst = src / (1 - rate), or 0 for a random share `rate` of the elements (Srivastava et al., 2014); "
        "which ones is a pure function of seed, step, stream and element. Inference: dst = src.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_STOCHASTIC | FV_T_INPLACE,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_dropout_attr),
    .attrs = dropout_attrs,
    .infer = dropout_infer,
    .grad = dropout_grad,
    .cost = dropout_cost,
    .ref = dropout_ref,
    .lower = dropout_lower,
    .channels = fv_channels_each,
};

const fv_op fv_op_dropout_bwd = {
    .name = "dropout_bwd",
    .doc = "Gradient of dropout: d_src = d_dst / (1 - rate) where the forward kept the element, else 0.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_STOCHASTIC | FV_T_INPLACE | FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "d_src"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_dropout_attr),
    .attrs = dropout_attrs,
    .infer = dropout_infer,
    .cost = dropout_cost,
    .ref = dropout_ref,
};
