/* SPDX-License-Identifier: Apache-2.0 */
/* The soft-target loss of knowledge distillation. Exponentials and logarithms are base/real.h's, so that the bits are
 * those of every machine. */
#include <math.h>

#include "base/real.h"
#include "ops/loss.h"

static const fv_attr softmax_kl_attrs[] = {
    {"temperature", FV_ATTR_REAL, offsetof(fv_loss_attr, temperature), 1, 1e-3, 1e6, NULL,
     "What logits are divided by before the softmax; the target was made at the same one."},
    {0},
};

/* Logits are operand i, the target operand i + 1. */
static fv_status softmax_kl_check(fv_ctx *ctx, const fv_node *node, int i)
{
    FV_TRY(fv_operand_float(ctx, node, i, 2));
    return fv_operand_same(ctx, node, i + 1, i);
}

static fv_status softmax_kl_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(softmax_kl_check(ctx, node, 0));
    return fv_loss_results(ctx, node);
}

static fv_status softmax_kl_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    return fv_loss_grad(b, node, d_out, d_in, "softmax_kl_bwd");
}

static fv_cost softmax_kl_cost(const fv_node *node)
{
    const fv_val *logits = node->in[node->op == &fv_op_softmax_kl ? 0 : 1];
    return fv_cost_of(node, 0.0, 12.0 * (double)fv_shape_count(&logits->shape));
}

/* One row of logits divided by the temperature, with its target. */
typedef struct kl_row {
    fv_dtype dtype;
    const void *logits, *target;
    int64_t at, k;
    double temperature;
    double largest, log_sum; /* log of the sum of e^(logit / T) = largest + log_sum */
    double sum;              /* of the target */
} kl_row;

/* e^x for x <= 0; of NaN, which fv_exp64 does not take, NaN. */
static double small_exp(double x)
{
    return isnan(x) ? NAN : fv_exp64(x);
}

static double row_logit(const kl_row *row, int64_t j)
{
    return fv_get(row->dtype, row->logits, row->at + j) / row->temperature;
}

static double row_target(const kl_row *row, int64_t j)
{
    return fv_get(row->dtype, row->target, row->at + j);
}

static kl_row row_begin(const fv_call *call, int i, int64_t n)
{
    const fv_val *logits = call->node->in[i];
    kl_row row = {.dtype = logits->dtype,
                  .logits = call->in[i],
                  .target = call->in[i + 1],
                  .k = logits->shape.dim[1],
                  .temperature = ((const fv_loss_attr *)call->node->attr)->temperature};
    double sum = 0.0;
    row.at = n * row.k;
    row.largest = row_logit(&row, 0);
    for (int64_t j = 1; j < row.k; j++)
        row.largest = fmax(row.largest, row_logit(&row, j));
    for (int64_t j = 0; j < row.k; j++) {
        sum += small_exp(row_logit(&row, j) - row.largest);
        row.sum += row_target(&row, j);
    }
    row.log_sum = isnan(sum) ? NAN : fv_log64(sum);
    return row;
}

/* t * log(t / p). What the target has no share in adds nothing; what is no share makes it NaN. */
static double share_loss(const kl_row *row, int64_t j)
{
    const double t = row_target(row, j);
    if (!(t > 0.0))
        return t == 0.0 ? 0.0 : NAN;
    return t * (fv_log64(t) - (row_logit(row, j) - row->largest - row->log_sum));
}

static void softmax_kl_ref(const fv_call *call)
{
    const int64_t n = fv_in_dims(call, 0)[0];
    for (int64_t i = 0; i < n; i++) {
        const kl_row row = row_begin(call, 0, i);
        double sum = 0.0;
        for (int64_t j = 0; j < row.k; j++)
            sum += share_loss(&row, j);
        fv_set(row.dtype, call->out[1], i, row.temperature * row.temperature * sum);
    }
    fv_loss_mean(call);
}

const fv_op fv_op_softmax_kl = {
    .name = "softmax_kl",
    .doc = "Divergence from soft targets, for knowledge distillation: losses[n] = T^2 * sum over k of t[n,k] * (log "
           "t[n,k] - log softmax(logits[n] / T)[k]), loss = their mean. The target t is a distribution, a teacher's "
           "softmax at temperature T; T^2 keeps the size of gradients (Hinton et al., 2015).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 2,
    .traits = FV_T_LOSS | FV_T_SHARDED,
    .operands = (const char *const[]){"logits", "target", "loss", "losses"},
    .letters = fv_loss_letters,
    .attr_size = sizeof(fv_loss_attr),
    .attrs = softmax_kl_attrs,
    .infer = softmax_kl_infer,
    .grad = softmax_kl_grad,
    .cost = softmax_kl_cost,
    .ref = softmax_kl_ref,
    .partial = fv_loss_split,
};

/* ---- gradient ---- */

static fv_status softmax_kl_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_loss_check_d_loss(ctx, node));
    FV_TRY(softmax_kl_check(ctx, node, 1));
    return fv_result_like(ctx, node, 0, 1);
}

static void softmax_kl_bwd_ref(const fv_call *call)
{
    const int64_t n = fv_in_dims(call, 1)[0];
    for (int64_t i = 0; i < n; i++) {
        const kl_row row = row_begin(call, 1, i);
        const double scale = row.temperature * fv_get(row.dtype, call->in[0], 0) / (double)fv_call_total(call, n);
        for (int64_t j = 0; j < row.k; j++) {
            const double p = small_exp(row_logit(&row, j) - row.largest - row.log_sum);
            fv_set(row.dtype, call->out[0], row.at + j, scale * (row.sum * p - row_target(&row, j)));
        }
    }
}

const fv_op fv_op_softmax_kl_bwd = {
    .name = "softmax_kl_bwd",
    .doc = "Gradient of softmax_kl: d_logits[n,k] = d_loss / n * T * (softmax(logits[n] / T)[k] * sum of t[n] - "
           "t[n,k]).",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_loss", "logits", "target", "d_logits"},
    .letters = fv_loss_bwd_letters,
    .attr_size = sizeof(fv_loss_attr),
    .attrs = softmax_kl_attrs,
    .infer = softmax_kl_bwd_infer,
    .cost = softmax_kl_cost,
    .ref = softmax_kl_bwd_ref,
};
