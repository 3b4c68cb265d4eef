/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/many.h"
#include "ops/qat.h"

fv_status fv_qat_pair_check(fv_ctx *ctx, const fv_node *node, int i)
{
    const fv_val *val = fv_operand(node, i);
    if (val && val->dtype != FV_F32 && val->dtype != FV_F64)
        return fv_node_fail(ctx, node, "%s is %s, expected floats", node->op->operands[i], fv_dtype_name(val->dtype));
    FV_TRY(fv_operand_dtype(ctx, node, i, 1, val ? val->dtype : FV_F32));
    if (node->in[i]->shape.dim[0] != 2)
        return fv_node_fail(ctx, node, "%s has %lld elements, expected 2: a scale and a zero point",
                            node->op->operands[i], (long long)node->in[i]->shape.dim[0]);
    return FV_OK;
}

/* Whatever the operand holds, it is a pair. */
fv_q_pair fv_qat_pair(const fv_call *call, int i)
{
    const fv_dtype dtype = call->node->in[i]->dtype;
    const double scale = (double)(float)fv_get(dtype, call->in[i], 0), zero = fv_get(dtype, call->in[i], 1);
    return (fv_q_pair){.scale = scale >= 1e-38 && scale <= 3e38 ? scale : 1,
                       .zero = (int64_t)fmin(fmax(zero, -128), 127), /* NaN: -128 */
                       .low = -128,
                       .high = 127,
                       .dtype = FV_I8};
}

fv_q_pair fv_qat_limited(const fv_call *call, int i, double least, double most)
{
    fv_q_pair pair = fv_qat_pair(call, i);
    if (!fv_q_limit(&pair, &least, &most)) /* nothing is left */
        pair.low = pair.high = fv_fixed_clamp(pair.low, -128, 127);
    return pair;
}

void fv_qat_run_as(const fv_call *call, const fv_op *op, const void *attr, int32_t n_in)
{
    fv_node node = *call->node;
    fv_call fixed = *call;
    node.op = op;
    node.attr = attr;
    node.n_in = n_in;
    fixed.node = &node;
    op->ref(&fixed);
}

static fv_status qat_pair_infer(fv_ctx *ctx, const fv_node *node)
{
    for (int i = 0; i < node->n_in; i++)
        FV_TRY(fv_operand_float(ctx, node, i, 0));
    return fv_result(ctx, node, 0, node->in[0]->dtype, 1, (const int64_t[]){2});
}

static void qat_pair_ref(const fv_call *call)
{
    const fv_dtype dtype = call->node->in[0]->dtype;
    double low = 0, high = 0;
    fv_q_pair pair;
    for (int i = 0; i < call->node->n_in; i++)
        for (int64_t k = 0; k < fv_shape_count(&call->node->in[i]->shape); k++) {
            const double x = fv_get(dtype, call->in[i], k);
            low = fmin(low, x);
            high = fmax(high, x);
        }
    (void)fv_q_pair_set(low, high, &pair);
    fv_set(dtype, call->out[0], 0, pair.scale);
    fv_set(dtype, call->out[0], 1, (double)pair.zero);
}

static bool qat_pair_moves_samples(const fv_node *node)
{
    (void)node;
    return true;
}

const fv_op fv_op_qat_pair = {
    .name = "qat_pair",
    .doc = "Scale and zero point of 8-bit integers over all numbers of the operands, and 0: a range is its least and "
           "its largest number.",
    .n_in_min = 1,
    .n_in_max = FV_MANY,
    .n_out = 1,
    .operands = (const char *const[]){FV_MANY_OPERANDS, "pair"},
    .letters = (const char *const[]){FV_MANY_LETTERS},
    .infer = qat_pair_infer,
    .moves_samples = qat_pair_moves_samples,
    .ref = qat_pair_ref,
};
