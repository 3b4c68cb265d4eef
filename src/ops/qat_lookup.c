/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/qat.h"

static const char *const functions[] = {"rescale", "clamp",        "leaky_relu", "sigmoid", "tanh",
                                        "gelu",    "hard_sigmoid", "hard_swish", "silu",    NULL};

#define T fv_q_curve
static const fv_attr qat_lookup_attrs[] = {
    {"function", FV_ATTR_ENUM, offsetof(T, function), 0, 0, FV_Q_SILU, functions, "What the table is of."},
    {"alpha", FV_ATTR_REAL, offsetof(T, alpha), 0, 0, 1e6, NULL, "leaky_relu: its slope below 0."},
    {"rough", FV_ATTR_BOOL, offsetof(T, rough), 0, 0, 1, NULL, "gelu: by tanh."},
    FV_QAT_LIMIT_ROWS(T),
    {0},
};
#undef T

static fv_status qat_lookup_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_dtype(ctx, node, 0, 0, FV_I8));
    for (int i = 1; i < 3; i++)
        FV_TRY(fv_qat_pair_check(ctx, node, i));
    const fv_shape *src = &node->in[0]->shape;
    return fv_result(ctx, node, 0, FV_I8, src->rank, src->dim);
}

static void qat_lookup_ref(const fv_call *call)
{
    const fv_q_pair in = fv_qat_pair(call, 1), out = fv_qat_pair(call, 2);
    const int8_t *src = call->in[0];
    int8_t entries[256], *dst = call->out[0];
    fv_q_table t;
    fv_q_table_curve(call->node->attr, &in, &out, &t);
    fv_q_table_fill(&t, entries);
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++)
        dst[i] = entries[src[i] + 128];
}

const fv_op fv_op_qat_lookup = {
    .name = "qat_lookup",
    .doc = "lookup of i8 in the table of a function of one number, by scales and zero points that are operands.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .operands = (const char *const[]){"src", "src_pair", "dst_pair", "dst"},
    .letters = (const char *const[]){"nhwc", "n", "n"},
    .attr_size = sizeof(fv_q_curve),
    .attrs = qat_lookup_attrs,
    .infer = qat_lookup_infer,
    .ref = qat_lookup_ref,
};
