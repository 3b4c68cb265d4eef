/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/fixed.h"

#define T fv_q_resize_attr
static const fv_attr q_resize2d_attrs[] = {
    {"size", FV_ATTR_INT2, offsetof(T, size), 1, 1, 1 << 24, NULL, "Height and width of dst."},
    {"align", FV_ATTR_BOOL, offsetof(T, align), 0, 0, 1, NULL, "The corner pixels keep their places."},
    {"half", FV_ATTR_BOOL, offsetof(T, half), 0, 0, 1, NULL, "Pixels are squares, and their places the middles."},
    {0},
};
#undef T

static fv_status q_resize2d_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_q_operand(ctx, node, 0, 4));
    const fv_q_resize_attr *attr = node->attr;
    const int64_t *src = node->in[0]->shape.dim;
    if (src[1] > 1 << 20 || src[2] > 1 << 20)
        return fv_node_fail(ctx, node, "src has %lld x %lld pixels; expected at most 2^20 a side", (long long)src[1],
                            (long long)src[2]);
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4,
                     (const int64_t[]){src[0], attr->size[0], attr->size[1], src[3]});
}

/* Place of output o in units of 1/1024, and the pixels around it. */
static int64_t place(const fv_q_resize_attr *attr, int side, int64_t in, int64_t o, int64_t pixel[2])
{
    const int64_t out = attr->size[side];
    int64_t scale = (1024 * in + out / 2) / out;
    if (attr->align && out > 1)
        scale = (1024 * (in - 1) + (out - 1) / 2) / (out - 1);
    const int64_t at = attr->half ? o * scale + scale / 2 - 512 : o * scale;
    pixel[0] = at / 1024 < 0 ? 0 : at / 1024;
    pixel[1] = (at + 1023) / 1024 > in - 1 ? in - 1 : (at + 1023) / 1024;
    pixel[0] = pixel[0] > in - 1 ? in - 1 : pixel[0];
    return at;
}

static void q_resize2d_ref(const fv_call *call)
{
    const fv_q_resize_attr *attr = call->node->attr;
    const int64_t *src = fv_in_dims(call, 0), *dst = fv_out_dims(call, 0);
    const fv_dtype dtype = call->node->in[0]->dtype;
    for (int64_t n = 0, i = 0; n < dst[0]; n++)
        for (int64_t p = 0; p < dst[1]; p++)
            for (int64_t q = 0; q < dst[2]; q++) {
                int64_t h[2], w[2];
                const int64_t y = place(attr, 0, src[1], p, h), x = place(attr, 1, src[2], q, w);
                const int64_t fy = y - 1024 * h[0], fx = x - 1024 * w[0];
                for (int64_t c = 0; c < dst[3]; c++, i++) {
                    int64_t sum = 0;
                    for (int k = 0; k < 4; k++)
                        sum += (int64_t)fv_q_get(dtype, call->in[0], fv_index4(src, n, h[k / 2], w[k % 2], c)) *
                               (k / 2 ? fy : 1024 - fy) * (k % 2 ? fx : 1024 - fx);
                    const int64_t half = INT64_C(1) << 19;
                    fv_q_set(dtype, call->out[0], i, (sum + (sum > 0 ? half : -half)) / (INT64_C(1) << 20), -128, 255);
                }
            }
}

static fv_cost q_resize2d_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 12.0 * fv_count_out(node, 0));
}

const fv_op fv_op_q_resize2d = {
    .name = "q_resize2d",
    .doc = "src (n h w c), 8-bit integers, at another size: bilinear, places in units of 1/1024, the sum over four "
           "pixels rounded once, halves away from 0.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_q_resize_attr),
    .attrs = q_resize2d_attrs,
    .infer = q_resize2d_infer,
    .cost = q_resize2d_cost,
    .ref = q_resize2d_ref,
};
