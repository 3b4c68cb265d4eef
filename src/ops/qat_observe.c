/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/qat.h"

static const fv_attr qat_observe_attrs[] = {
    {"momentum", FV_ATTR_REAL, offsetof(fv_qat_observe_attr, momentum), 0.01, 0, 1, NULL,
     "Weight of the batch: range = (1 - momentum) * range + momentum * batch."},
    {0},
};

static fv_status qat_observe_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_operand_dims(ctx, node, 1, 1, (const int64_t[]){2}, "the least and the largest number"));
    return fv_result_like(ctx, node, 0, 1);
}

static bool qat_observe_moves_samples(const fv_node *node)
{
    (void)node;
    return true;
}

static fv_status qat_observe_lower(fv_builder *b, const fv_node *node, bool training, fv_val *const *in, fv_val **out)
{
    out[0] = fv_emit(b, training ? "qat_observe_train" : "qat_observe", node->attr, in, 2);
    return FV_OK;
}

static fv_cost qat_observe_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 2.0 * fv_count_in(node, 0));
}

static void qat_observe_ref(const fv_call *call)
{
    for (int64_t i = 0; i < 2; i++)
        fv_set(fv_call_dtype(call), call->out[0], i, fv_get(fv_call_dtype(call), call->in[1], i));
}

void fv_qat_follow(const fv_qat_observe_attr *attr, const double seen[2], fv_dtype dtype, void *range)
{
    for (int64_t i = 0; i < 2; i++) {
        const double before = fv_get(dtype, range, i), to = isfinite(seen[i]) ? seen[i] : before;
        fv_set(dtype, range, i, before + attr->momentum * (to - before));
    }
}

static void qat_observe_train_ref(const fv_call *call)
{
    const fv_dtype dtype = fv_call_dtype(call);
    double seen[2] = {INFINITY, -INFINITY};
    for (int64_t i = 0; i < fv_shape_count(&call->node->in[0]->shape); i++) {
        const double x = fv_get(dtype, call->in[0], i);
        seen[0] = x < seen[0] ? x : seen[0];
        seen[1] = x > seen[1] ? x : seen[1];
    }
    fv_qat_follow(call->node->attr, seen, dtype, call->in[1]);
    for (int64_t i = 0; i < 2; i++)
        fv_set(dtype, call->out[0], i, fv_get(dtype, call->in[1], i));
}

const fv_op fv_op_qat_observe = {
    .name = "qat_observe",
    .doc = "Inference: dst = range. Training: the range, a state, first follows the least and the largest number of "
           "src by a moving average (Jacob et al., 2018).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .operands = (const char *const[]){"src", "range", "dst"},
    .letters = (const char *const[]){"nhwc", "n"},
    .attr_size = sizeof(fv_qat_observe_attr),
    .attrs = qat_observe_attrs,
    .infer = qat_observe_infer,
    .cost = qat_observe_cost,
    .lower = qat_observe_lower,
    .moves_samples = qat_observe_moves_samples,
    .ref = qat_observe_ref,
};

const fv_op fv_op_qat_observe_train = {
    .name = "qat_observe_train",
    .doc = "qat_observe of training: range += momentum * (least or largest number of src - range), in place; what is "
           "not finite is passed over.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .updates = 1 << 1,
    .operands = (const char *const[]){"src", "range", "dst"},
    .letters = (const char *const[]){"nhwc", "n"},
    .attr_size = sizeof(fv_qat_observe_attr),
    .attrs = qat_observe_attrs,
    .infer = qat_observe_infer,
    .cost = qat_observe_cost,
    .moves_samples = qat_observe_moves_samples,
    .ref = qat_observe_train_ref,
};
