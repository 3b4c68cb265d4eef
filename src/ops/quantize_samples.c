/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/fixed.h"

static const fv_attr quantize_samples_attrs[] = {
    {"pixels", FV_ATTR_BOOL, offsetof(fv_quantize_samples_attr, pixels), 0, 0, 1, NULL,
     "Every row along the last dimension by itself, instead of every sample."},
    {0},
};

/* Rows of a sample that have a scale of their own. */
static int64_t rows_of(const fv_node *node)
{
    const fv_shape *src = &node->in[0]->shape;
    return ((const fv_quantize_samples_attr *)node->attr)->pixels ? fv_shape_rows(src) / src->dim[0] : 1;
}

static fv_status quantize_samples_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    const fv_shape *src = &node->in[0]->shape;
    if (src->rank < 2)
        return fv_node_fail(ctx, node, "src has %d dimensions; expected 2 or more", src->rank);
    FV_TRY(fv_result(ctx, node, 0, FV_I8, src->rank, src->dim));
    return fv_result(ctx, node, 1, node->in[0]->dtype, 3, (const int64_t[]){src->dim[0], rows_of(node), 2});
}

float fv_q_sample_zero(const float range[2], float scale)
{
    const float low = range[0] * scale, high = range[1] * scale;
    const float zero = (-128.0f + low) + (127.0f + high) > 0.0f ? -128.0f - low : 127.0f - high;
    return rintf(zero < -128.0f ? -128.0f : zero > 127.0f ? 127.0f : zero);
}

/* One row: its scale and zero point, from the least and the largest number, so that 0 is an integer. */
static void quantize_row(fv_dtype dtype, const void *src, int64_t at, int64_t count, int8_t *dst, void *line,
                         int64_t row)
{
    float least = 0.0f, most = 0.0f;
    for (int64_t i = 0; i < count; i++) {
        const float x = (float)fv_get(dtype, src, at + i);
        least = x < least ? x : least;
        most = x > most ? x : most;
    }
    const float scale = least == most ? 1.0f : 255.0f / (most - least);
    const float zero = fv_q_sample_zero((const float[2]){least, most}, scale);
    for (int64_t i = 0; i < count; i++) {
        const float x = rintf((float)fv_get(dtype, src, at + i) * scale) + zero;
        dst[at + i] = (int8_t)(isnan(x) ? 0.0f : x < -128.0f ? -128.0f : x > 127.0f ? 127.0f : x);
    }
    fv_set(dtype, line, 2 * row, (double)(1.0f / scale));
    fv_set(dtype, line, 2 * row + 1, isnan(zero) ? 0.0 : (double)zero);
}

static void quantize_samples_ref(const fv_call *call)
{
    const fv_val *src = call->node->in[0];
    const int64_t n = src->shape.dim[0] * rows_of(call->node), count = fv_shape_count(&src->shape) / n;
    for (int64_t i = 0; i < n; i++)
        quantize_row(src->dtype, call->in[0], i * count, count, call->out[0], call->out[1], i);
}

static fv_cost quantize_samples_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 5.0 * fv_count_in(node, 0));
}

const fv_op fv_op_quantize_samples = {
    .name = "quantize_samples",
    .doc = "Every sample of src, or every pixel, as i8 with a scale and a zero point of its own, from its least and "
           "largest number and 0: src = line[0] * (dst - line[1]). Computed in f32.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 2,
    .operands = (const char *const[]){"src", "dst", "line"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_quantize_samples_attr),
    .attrs = quantize_samples_attrs,
    .infer = quantize_samples_infer,
    .cost = quantize_samples_cost,
    .ref = quantize_samples_ref,
};
