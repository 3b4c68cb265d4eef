/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/ref.h"

enum { FV_UPSAMPLE_NEAREST, FV_UPSAMPLE_BILINEAR };

static const char *const upsample_modes[] = {"nearest", "bilinear", NULL};

static const fv_attr upsample2d_attrs[] = {
    {"scale", FV_ATTR_INT2, offsetof(fv_upsample_attr, scale), 2, 1, 1024, NULL, "Factor of height and of width."},
    {"mode", FV_ATTR_ENUM, offsetof(fv_upsample_attr, mode), 0, 0, 1, upsample_modes,
     "nearest repeats pixels; bilinear interpolates with half-pixel centers, clamped at the border."},
    {0},
};

static fv_status upsample2d_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    const fv_upsample_attr *attr = node->attr;
    const int64_t *src = node->in[0]->shape.dim;
    int64_t size[2];
    for (int i = 0; i < 2; i++)
        if (!fv_size_mul(src[i + 1], attr->scale[i], &size[i]))
            return fv_node_fail(ctx, node, "%lld times scale=%lld is larger than can be addressed",
                                (long long)src[i + 1], (long long)attr->scale[i]);
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, (const int64_t[]){src[0], size[0], size[1], src[3]});
}

static fv_status upsample2d_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "upsample2d_bwd", node->attr, d_out, 1);
    return FV_OK;
}

static fv_cost upsample2d_cost(const fv_node *node)
{
    bool bilinear = ((const fv_upsample_attr *)node->attr)->mode == FV_UPSAMPLE_BILINEAR;
    double larger = fmax(fv_count_in(node, 0), fv_count_out(node, 0));
    return fv_cost_of(node, 0.0, bilinear ? 8.0 * larger : 0.0);
}

/* Weight of input position i in output position p along an axis of `in` inputs. */
static double upsample_weight(const fv_upsample_attr *attr, int axis, int64_t in, int64_t p, int64_t i)
{
    int64_t scale = attr->scale[axis];
    if (attr->mode == FV_UPSAMPLE_NEAREST)
        return p / scale == i ? 1.0 : 0.0;
    double center = fmax(0.0, ((double)p + 0.5) / (double)scale - 0.5);
    int64_t low = (int64_t)center, high = low + 1 < in ? low + 1 : low;
    double share = center - (double)low;
    return (low == i ? 1.0 - share : 0.0) + (high == i ? share : 0.0);
}

/* The sum over inputs that an output position can see: rows from floor(p / scale) - 1 on, three of them. */
static double upsample2d_at(const fv_call *call, const int64_t at[4])
{
    const fv_upsample_attr *attr = call->node->attr;
    const int64_t *src = fv_in_dims(call, 0);
    int64_t h0 = at[1] / attr->scale[0] - 1, w0 = at[2] / attr->scale[1] - 1;
    double sum = 0.0;
    for (int64_t h = h0 < 0 ? 0 : h0; h < src[1] && h < h0 + 3; h++)
        for (int64_t w = w0 < 0 ? 0 : w0; w < src[2] && w < w0 + 3; w++) {
            double weight = upsample_weight(attr, 0, src[1], at[1], h) * upsample_weight(attr, 1, src[2], at[2], w);
            if (weight != 0.0)
                sum += weight * fv_get(fv_call_dtype(call), call->in[0], fv_index4(src, at[0], h, w, at[3]));
        }
    return sum;
}

static void upsample2d_ref(const fv_call *call)
{
    const int64_t *dst = fv_out_dims(call, 0);
    for (int64_t n = 0, i = 0; n < dst[0]; n++)
        for (int64_t p = 0; p < dst[1]; p++)
            for (int64_t q = 0; q < dst[2]; q++)
                for (int64_t c = 0; c < dst[3]; c++, i++)
                    fv_set(fv_call_dtype(call), call->out[0], i, upsample2d_at(call, (const int64_t[]){n, p, q, c}));
}

/* nearest: the pixel that (i + 1/2) / scale lies in; bilinear: those around (i + 1/2) / scale - 1/2. */
static fv_reach upsample2d_reach(const fv_node *node, int axis)
{
    const fv_upsample_attr *attr = node->attr;
    const double step = 1 / (double)attr->scale[axis];
    if (attr->mode == FV_UPSAMPLE_NEAREST)
        return (fv_reach){.taps = step, .gap = 1, .step = step};
    return (fv_reach){.taps = 1, .gap = 1, .step = step, .start = 0.5 * step - 0.5};
}

const fv_op fv_op_upsample2d = {
    .name = "upsample2d",
    .doc =
        "Enlarges images by whole factors. nearest: dst[n,p,q,c] = src[n, p/scale, q/scale, c]; bilinear: between the "
        "four pixels around ((p + 1/2) / scale - 1/2, ...), clamped at the border.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_upsample_attr),
    .attrs = upsample2d_attrs,
    .infer = upsample2d_infer,
    .grad = upsample2d_grad,
    .cost = upsample2d_cost,
    .reach = upsample2d_reach,
    .ref = upsample2d_ref,
    .channels = fv_channels_last,
};

/* ---- gradient ---- */

static fv_status upsample2d_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    const fv_upsample_attr *attr = node->attr;
    const int64_t *dst = node->in[0]->shape.dim;
    for (int i = 0; i < 2; i++)
        if (dst[i + 1] % attr->scale[i] != 0)
            return fv_node_fail(ctx, node, "d_dst is %lldx%lld, no multiple of scale=%lld,%lld", (long long)dst[1],
                                (long long)dst[2], (long long)attr->scale[0], (long long)attr->scale[1]);
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4,
                     (const int64_t[]){dst[0], dst[1] / attr->scale[0], dst[2] / attr->scale[1], dst[3]});
}

/* The sum over the output positions that can see an input: rows from scale * (h - 1) to scale * (h + 2) - 1. */
static double upsample2d_bwd_at(const fv_call *call, const int64_t at[4])
{
    const fv_upsample_attr *attr = call->node->attr;
    const int64_t *dst = fv_in_dims(call, 0), *src = fv_out_dims(call, 0);
    int64_t p0 = attr->scale[0] * (at[1] - 1), p1 = attr->scale[0] * (at[1] + 2);
    int64_t q0 = attr->scale[1] * (at[2] - 1), q1 = attr->scale[1] * (at[2] + 2);
    double sum = 0.0;
    for (int64_t p = p0 < 0 ? 0 : p0; p < dst[1] && p < p1; p++)
        for (int64_t q = q0 < 0 ? 0 : q0; q < dst[2] && q < q1; q++) {
            double weight = upsample_weight(attr, 0, src[1], p, at[1]) * upsample_weight(attr, 1, src[2], q, at[2]);
            if (weight != 0.0)
                sum += weight * fv_get(fv_call_dtype(call), call->in[0], fv_index4(dst, at[0], p, q, at[3]));
        }
    return sum;
}

static void upsample2d_bwd_ref(const fv_call *call)
{
    const int64_t *src = fv_out_dims(call, 0);
    for (int64_t n = 0, i = 0; n < src[0]; n++)
        for (int64_t h = 0; h < src[1]; h++)
            for (int64_t w = 0; w < src[2]; w++)
                for (int64_t c = 0; c < src[3]; c++, i++)
                    fv_set(fv_call_dtype(call), call->out[0], i,
                           upsample2d_bwd_at(call, (const int64_t[]){n, h, w, c}));
}

const fv_op fv_op_upsample2d_bwd = {
    .name = "upsample2d_bwd",
    .doc =
        "Gradient of upsample2d: every d_dst[n,p,q,c] goes to the pixels it was made of with their weights, summed in "
        "order of p and q.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "d_src"},
    .letters = (const char *const[]){"npqc"},
    .attr_size = sizeof(fv_upsample_attr),
    .attrs = upsample2d_attrs,
    .infer = upsample2d_bwd_infer,
    .cost = upsample2d_cost,
    .ref = upsample2d_bwd_ref,
};
