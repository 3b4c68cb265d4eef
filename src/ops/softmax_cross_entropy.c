/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/loss.h"

static const fv_attr softmax_cross_entropy_attrs[] = {
    {"smoothing", FV_ATTR_REAL, offsetof(fv_loss_attr, smoothing), 0, 0, 0.999, NULL,
     "Label smoothing: the target becomes (1 - smoothing) * target + smoothing / k * (sum of the target)."},
    {0},
};

/* Logits are operand i, the target operand i + 1: labels [n] or probabilities [n][k]. */
static fv_status softmax_cross_entropy_check(fv_ctx *ctx, const fv_node *node, int i)
{
    FV_TRY(fv_operand_float(ctx, node, i, 2));
    const fv_val *logits = node->in[i], *target = fv_operand(node, i + 1);
    if (target == NULL || target->dtype == logits->dtype)
        return fv_operand_same(ctx, node, i + 1, i);
    char text[96];
    if (target->dtype != FV_I32)
        return fv_node_fail(ctx, node, "target must be i32 labels or %s probabilities, found %s",
                            fv_dtype_name(logits->dtype), fv_dtype_name(target->dtype));
    if (target->shape.rank != 1 || target->shape.dim[0] != logits->shape.dim[0])
        return fv_node_fail(ctx, node, "target must be %lld labels (one per row of logits), found shape %s",
                            (long long)logits->shape.dim[0], fv_shape_text(&target->shape, text));
    return FV_OK;
}

static fv_status softmax_cross_entropy_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(softmax_cross_entropy_check(ctx, node, 0));
    return fv_loss_results(ctx, node);
}

static fv_status softmax_cross_entropy_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_loss_grad(b, node, d_out, d_in, "softmax_cross_entropy_bwd");
}

static fv_cost softmax_cross_entropy_cost(const fv_node *node)
{
    const fv_val *logits = node->in[node->op == &fv_op_softmax_cross_entropy ? 0 : 1];
    return fv_cost_of(node, 0.0, 6.0 * (double)fv_shape_count(&logits->shape));
}

/* One row of logits with its target. */
typedef struct logit_row {
    fv_dtype dtype;
    const void *logits, *target;
    bool labels; /* target holds class numbers */
    int64_t n, k;
    double smoothing;
    double sum;              /* of the target: 1, or the weight of a sample whose target is multiplied by it */
    double largest, log_sum; /* log of the sum of e^logit = largest + log_sum */
} logit_row;

static logit_row row_begin(const fv_call *call, int i, int64_t n)
{
    const fv_val *logits = call->node->in[i];
    logit_row row = {.dtype = logits->dtype,
                     .logits = call->in[i],
                     .target = call->in[i + 1],
                     .labels = call->node->in[i + 1]->dtype == FV_I32,
                     .n = n,
                     .k = logits->shape.dim[1],
                     .smoothing = ((const fv_loss_attr *)call->node->attr)->smoothing};
    row.largest = fv_get(row.dtype, row.logits, n * row.k);
    for (int64_t j = 1; j < row.k; j++)
        row.largest = fmax(row.largest, fv_get(row.dtype, row.logits, n * row.k + j));
    double sum = 0.0;
    for (int64_t j = 0; j < row.k; j++)
        sum += exp(fv_get(row.dtype, row.logits, n * row.k + j) - row.largest);
    row.log_sum = log(sum);
    row.sum = row.labels ? 1.0 : 0.0;
    for (int64_t j = 0; !row.labels && j < row.k; j++)
        row.sum += fv_get(row.dtype, row.target, n * row.k + j);
    return row;
}

/* log of the probability of class j. */
static double row_log_softmax(const logit_row *row, int64_t j)
{
    return fv_get(row->dtype, row->logits, row->n * row->k + j) - row->largest - row->log_sum;
}

/* The smoothed target. A label that is no class makes it NaN, so that the loss cannot hide it. */
static double row_target(const logit_row *row, int64_t j)
{
    double t;
    if (row->labels) {
        int64_t label = ((const int32_t *)row->target)[row->n];
        t = label < 0 || label >= row->k ? NAN : (double)(label == j);
    } else {
        t = fv_get(row->dtype, row->target, row->n * row->k + j);
    }
    return (1.0 - row->smoothing) * t + row->smoothing * row->sum / (double)row->k;
}

static void softmax_cross_entropy_ref(const fv_call *call)
{
    int64_t n = fv_in_dims(call, 0)[0];
    for (int64_t i = 0; i < n; i++) {
        logit_row row = row_begin(call, 0, i);
        double sum = 0.0;
        for (int64_t j = 0; j < row.k; j++) {
            double t = row_target(&row, j);
            /* A class of probability 0 that is not asked for adds nothing, though its logarithm is -infinity. */
            sum -= t == 0.0 ? 0.0 : t * row_log_softmax(&row, j);
        }
        fv_set(row.dtype, call->out[1], i, sum);
    }
    fv_loss_mean(call);
}

const fv_op fv_op_softmax_cross_entropy = {
    .name = "softmax_cross_entropy",
    .doc = "losses[n] = -sum over k of t[n,k] * log softmax(logits[n])[k], loss = their mean. The target is labels "
           "(i32 [n]) or probabilities [n][k]; t is the target after smoothing (Szegedy et al., 2016). A label outside "
           "0..k-1 gives NaN.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 2,
    .traits = FV_T_LOSS | FV_T_SHARDED | FV_T_CLASS_LABELS,
    .operands = (const char *const[]){"logits", "target", "loss", "losses"},
    .letters = fv_loss_letters,
    .attr_size = sizeof(fv_loss_attr),
    .attrs = softmax_cross_entropy_attrs,
    .infer = softmax_cross_entropy_infer,
    .grad = softmax_cross_entropy_grad,
    .cost = softmax_cross_entropy_cost,
    .ref = softmax_cross_entropy_ref,
    .partial = fv_loss_split,
};

/* ---- gradient ---- */

static fv_status softmax_cross_entropy_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_loss_check_d_loss(ctx, node));
    FV_TRY(softmax_cross_entropy_check(ctx, node, 1));
    return fv_result_like(ctx, node, 0, 1);
}

static void softmax_cross_entropy_bwd_ref(const fv_call *call)
{
    int64_t n = fv_in_dims(call, 1)[0];
    for (int64_t i = 0; i < n; i++) {
        logit_row row = row_begin(call, 1, i);
        double scale = fv_get(row.dtype, call->in[0], 0) / (double)fv_call_total(call, n), total = 0.0;
        for (int64_t j = 0; j < row.k; j++)
            total += row_target(&row, j);
        for (int64_t j = 0; j < row.k; j++) {
            double d = total * exp(row_log_softmax(&row, j)) - row_target(&row, j);
            fv_set(row.dtype, call->out[0], i * row.k + j, scale * d);
        }
    }
}

const fv_op fv_op_softmax_cross_entropy_bwd = {
    .name = "softmax_cross_entropy_bwd",
    .doc = "Gradient of softmax_cross_entropy: d_logits[n,k] = d_loss / n * (softmax(logits[n])[k] * sum of t[n] - "
           "t[n,k]).",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_loss", "logits", "target", "d_logits"},
    .letters = fv_loss_bwd_letters,
    .attr_size = sizeof(fv_loss_attr),
    .attrs = softmax_cross_entropy_attrs,
    .infer = softmax_cross_entropy_bwd_infer,
    .cost = softmax_cross_entropy_cost,
    .ref = softmax_cross_entropy_bwd_ref,
};
