/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ref.h"

static const fv_attr lrn_attrs[] = {
    {"size", FV_ATTR_INT, offsetof(fv_lrn_attr, size), 5, 1, 63, NULL, "Number of channels in a sum."},
    {"alpha", FV_ATTR_REAL, offsetof(fv_lrn_attr, alpha), 1e-4, 0, 1e6, NULL, "Factor of the mean square."},
    {"beta", FV_ATTR_REAL, offsetof(fv_lrn_attr, beta), 0.75, 0, 1e3, NULL, "Exponent."},
    {"k", FV_ATTR_REAL, offsetof(fv_lrn_attr, k), 1, 1e-6, 1e6, NULL, "Added to the weighted mean square."},
    {0},
};

static fv_status lrn_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    return fv_result_like(ctx, node, 0, 0);
}

static fv_status lrn_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "lrn_bwd", node->attr, (fv_val *[]){d_out[0], node->in[0], node->out[0]}, 3);
    return FV_OK;
}

static fv_cost lrn_cost(const fv_node *node)
{
    int64_t size = ((const fv_lrn_attr *)node->attr)->size;
    return fv_cost_of(node, 0.0, fv_count_out(node, 0) * (2.0 * (double)size + 4.0));
}

/* Pixels as rows of channels. */
typedef struct lrn_rows {
    const fv_lrn_attr *attr;
    fv_dtype dtype;
    const void *src;
    int64_t rows, channels;
} lrn_rows;

static lrn_rows lrn_begin(const fv_call *call, int i)
{
    const fv_val *src = call->node->in[i];
    return (lrn_rows){.attr = call->node->attr,
                      .dtype = src->dtype,
                      .src = call->in[i],
                      .rows = fv_shape_rows(&src->shape),
                      .channels = fv_shape_last(&src->shape)};
}

/* k + alpha / size * sum of squares over channels c - size / 2 to c + (size - 1) / 2. */
static double lrn_denominator(const lrn_rows *r, int64_t row, int64_t c)
{
    int64_t size = r->attr->size, begin = c - size / 2, end = c + (size - 1) / 2;
    double sum = 0.0;
    for (int64_t i = begin < 0 ? 0 : begin; i <= end && i < r->channels; i++) {
        double x = fv_get(r->dtype, r->src, row * r->channels + i);
        sum = fma(x, x, sum);
    }
    return r->attr->k + r->attr->alpha / (double)size * sum;
}

static void lrn_ref(const fv_call *call)
{
    lrn_rows r = lrn_begin(call, 0);
    for (int64_t row = 0, i = 0; row < r.rows; row++)
        for (int64_t c = 0; c < r.channels; c++, i++) {
            double x = fv_get(r.dtype, r.src, i);
            fv_set(r.dtype, call->out[0], i, x * pow(lrn_denominator(&r, row, c), -r.attr->beta));
        }
}

const fv_op fv_op_lrn = {
    .name = "lrn",
    .doc =
        "Local response normalization across channels (Krizhevsky et al., 2012): dst[c] = src[c] / (k + alpha / size * "
        "sum of src[i]^2 over i = c - size/2 .. c + (size-1)/2) ^ beta.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_lrn_attr),
    .attrs = lrn_attrs,
    .infer = lrn_infer,
    .grad = lrn_grad,
    .cost = lrn_cost,
    .ref = lrn_ref,
};

/* ---- gradient ---- */

static fv_status lrn_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    FV_TRY(fv_operand_same(ctx, node, 2, 0));
    return fv_result_like(ctx, node, 0, 1);
}

static void lrn_bwd_ref(const fv_call *call)
{
    lrn_rows r = lrn_begin(call, 1);
    int64_t size = r.attr->size;
    double factor = 2.0 * r.attr->alpha * r.attr->beta / (double)size;
    for (int64_t row = 0, i = 0; row < r.rows; row++)
        for (int64_t c = 0; c < r.channels; c++, i++) {
            /* The channels whose sum holds c: the window turned around. */
            int64_t begin = c - (size - 1) / 2, end = c + size / 2;
            double sum = 0.0;
            for (int64_t j = begin < 0 ? 0 : begin; j <= end && j < r.channels; j++) {
                int64_t at = row * r.channels + j;
                sum +=
                    fv_get(r.dtype, call->in[0], at) * fv_get(r.dtype, call->in[2], at) / lrn_denominator(&r, row, j);
            }
            double own = fv_get(r.dtype, call->in[0], i) * pow(lrn_denominator(&r, row, c), -r.attr->beta);
            fv_set(r.dtype, call->out[0], i, own - factor * fv_get(r.dtype, r.src, i) * sum);
        }
}

const fv_op fv_op_lrn_bwd = {
    .name = "lrn_bwd",
    .doc = "Gradient of lrn with D[c] = the term in parentheses: d_src[c] = d_dst[c] * D[c]^-beta - 2 * alpha * beta / "
           "size * src[c] * sum of d_dst[j] * dst[j] / D[j] over the channels j whose sum holds c.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "src", "dst", "d_src"},
    .letters = (const char *const[]){"nhwc", "nhwc", "nhwc"},
    .attr_size = sizeof(fv_lrn_attr),
    .attrs = lrn_attrs,
    .infer = lrn_bwd_infer,
    .cost = lrn_cost,
    .ref = lrn_bwd_ref,
};
