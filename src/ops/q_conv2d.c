/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conv_geom.h"
#include "ops/fixed.h"

#define Q_CONV_ZERO(key, member, doc) FV_Q_ZERO(fv_q_conv2d_attr, key, member, doc)

static const fv_attr q_conv2d_attrs[] = {
    FV_CONV_ROWS,
    Q_CONV_ZERO("src_zero", src_zero, "What stands for 0 in src."),
    Q_CONV_ZERO("wei_zero", wei_zero, "What stands for 0 in wei."),
    Q_CONV_ZERO("dst_zero", dst_zero, "What stands for 0 in dst."),
    FV_Q_RANGE(fv_q_conv2d_attr),
    {"once", FV_ATTR_BOOL, offsetof(fv_q_conv2d_attr, once), 0, 0, 1, NULL,
     "The product with the factor is rounded once, halves up, instead of twice."},
    {"src_scale", FV_ATTR_REAL, offsetof(fv_q_conv2d_attr, src_scale), 0, 0, 3e38, NULL,
     "With scale: what 1 in src stands for."},
    {"dst_scale", FV_ATTR_REAL, offsetof(fv_q_conv2d_attr, dst_scale), 0, 0, 3e38, NULL,
     "With scale: what 1 in dst stands for."},
    {0},
};

/* Filters may be of the other sign than the image, where the sums are the result. */
static fv_status check_operands(fv_ctx *ctx, const fv_node *node)
{
    const fv_val *wei = fv_operand(node, 1);
    FV_TRY(fv_q_operand(ctx, node, 0, 4));
    const fv_q_conv2d_attr *attr = node->attr;
    if (node->n_in == 4 && !(attr->src_scale > 0 && attr->dst_scale > 0))
        return fv_node_fail(ctx, node, "scales of filters without src_scale and dst_scale");
    return wei && node->n_in == 3 && (wei->dtype == FV_I8 || wei->dtype == FV_U8)
               ? fv_operand_dtype(ctx, node, 1, 4, wei->dtype)
               : fv_q_operand(ctx, node, 1, 4);
}

static fv_dtype scale_dtype(const fv_val *val)
{
    return fv_dtype_is_float(val->dtype) ? val->dtype : FV_F32;
}

static fv_status q_conv2d_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(check_operands(ctx, node));
    const fv_conv2d_attr *attr = node->attr;
    const int64_t *src = node->in[0]->shape.dim, *wei = node->in[1]->shape.dim;
    fv_conv_geom geom;
    FV_TRY(fv_conv_geom_set(ctx, node, attr, src[0], src + 1, wei[0], wei + 1, &geom));
    if (wei[3] != geom.c / geom.groups)
        return fv_node_fail(ctx, node, "wei has %lld channels per filter, expected %lld (%lld channels / %lld groups)",
                            (long long)wei[3], (long long)(geom.c / geom.groups), (long long)geom.c,
                            (long long)geom.groups);
    for (int i = 2; i < node->n_in; i++) {
        const bool scale = i == 3 && node->n_in == 4;
        FV_TRY(fv_operand_dtype(ctx, node, i, 1, scale && node->in[i] ? scale_dtype(node->in[i]) : FV_I32));
        if (node->in[i]->shape.dim[0] != geom.k && !(scale && node->in[i]->shape.dim[0] == 1))
            return fv_node_fail(ctx, node, "%s has %lld elements, expected %lld, one per filter", node->op->operands[i],
                                (long long)node->in[i]->shape.dim[0], (long long)geom.k);
    }
    return fv_result(ctx, node, 0, node->n_in == 3 ? FV_I32 : node->in[0]->dtype, 4,
                     (const int64_t[]){geom.n, geom.win.p, geom.win.q, geom.k});
}

static fv_cost q_conv2d_cost(const fv_node *node)
{
    fv_conv_geom geom = fv_conv_geom_forward(node);
    return fv_cost_of(node, fv_conv_macs(&geom), 2.0 * fv_count_out(node, 0));
}

/* Unsigned integers are read as signed ones of 128 less, and their zero points with them. */
typedef struct q_conv {
    fv_conv_geom geom;
    const uint8_t *src, *wei;
    uint8_t src_flip, wei_flip;
    int32_t src_zero, wei_zero;
    int64_t per_group;
} q_conv;

/* The sum over c of (x - src_zero) * (w - wei_zero), as 32 bits that wrap. */
static uint32_t dot(const q_conv *q, const uint8_t *x, const uint8_t *w)
{
    const uint8_t src_flip = q->src_flip, wei_flip = q->wei_flip;
    const int32_t zx = q->src_zero, zw = q->wei_zero;
    int32_t part;
    uint32_t acc = 0;
    for (int64_t c = 0; c < q->per_group;) { /* stretches whose sums cannot overflow: 255 * 255 * 16384 < 2^31 */
        const int64_t end = q->per_group - c > 16384 ? c + 16384 : q->per_group;
        part = 0;
        for (; c < end; c++)
            part += ((int32_t)(int8_t)(x[c] ^ src_flip) - zx) * ((int32_t)(int8_t)(w[c] ^ wei_flip) - zw);
        acc += (uint32_t)part;
    }
    return acc;
}

static uint32_t q_conv_at(const q_conv *q, int64_t n, int64_t h0, int64_t w0, int64_t k)
{
    const fv_window *win = &q->geom.win;
    const int64_t first = k / (q->geom.k / q->geom.groups) * q->per_group;
    uint32_t acc = 0;
    for (int64_t r = 0; r < win->size[0]; r++) {
        const int64_t h = h0 + r * win->dilation[0];
        if (h < 0 || h >= win->h)
            continue;
        for (int64_t s = 0; s < win->size[1]; s++) {
            const int64_t w = w0 + s * win->dilation[1];
            if (w >= 0 && w < win->w)
                acc += dot(q, q->src + ((n * win->h + h) * win->w + w) * q->geom.c + first,
                           q->wei + ((k * win->size[0] + r) * win->size[1] + s) * q->per_group);
        }
    }
    return acc;
}

static void factor_at(const fv_call *call, int64_t k, int32_t *mul, int32_t *shift)
{
    const fv_q_conv2d_attr *attr = call->node->attr;
    const fv_val *scale = call->node->in[3];
    const bool one = scale->shape.dim[0] == 1;
    fv_fixed_filter_factor(attr->src_scale, fv_get(scale->dtype, call->in[3], one ? 0 : k), attr->dst_scale,
                           one && attr->once, mul, shift);
}

static void q_conv2d_ref(const fv_call *call)
{
    const fv_q_conv2d_attr *attr = call->node->attr;
    const fv_dtype dtype = call->node->in[0]->dtype;
    const int32_t flip[2] = {dtype == FV_U8 ? 128 : 0, call->node->in[1]->dtype == FV_U8 ? 128 : 0};
    const bool scaled = call->node->n_in == 4;
    const int32_t *bia = call->in[2], *mul = scaled ? NULL : fv_call_in(call, 3), *exponent = fv_call_in(call, 4);
    q_conv q = {.geom = fv_conv_geom_forward(call->node), .src = call->in[0], .wei = call->in[1]};
    q.src_flip = (uint8_t)flip[0];
    q.wei_flip = (uint8_t)flip[1];
    q.src_zero = fv_fixed_clamp(attr->src_zero - flip[0], -128, 127);
    q.wei_zero = fv_fixed_clamp(attr->wei_zero - flip[1], -128, 127);
    q.per_group = q.geom.c / q.geom.groups;
    const fv_window *win = &q.geom.win;
    for (int64_t n = 0, i = 0; n < q.geom.n; n++)
        for (int64_t p = 0; p < win->p; p++)
            for (int64_t x = 0; x < win->q; x++)
                for (int64_t k = 0; k < q.geom.k; k++, i++) {
                    const uint32_t acc =
                        (uint32_t)bia[k] + q_conv_at(&q, n, fv_window_begin(win, 0, p), fv_window_begin(win, 1, x), k);
                    if (!mul && !scaled) {
                        ((int32_t *)call->out[0])[i] = (int32_t)acc;
                        continue;
                    }
                    int32_t m = mul ? mul[k] : 0, e = mul ? exponent[k] : 0;
                    if (scaled)
                        factor_at(call, k, &m, &e);
                    const int32_t y =
                        attr->once ? fv_fixed_scale_once((int32_t)acc, m, e) : fv_fixed_scale((int32_t)acc, m, e);
                    fv_q_set(dtype, call->out[0], i, y + attr->dst_zero, attr->min, attr->max);
                }
}

/* Scales become factors. */
static fv_status q_conv2d_lower(fv_builder *b, const fv_node *node, bool training, fv_val *const *in, fv_val **out)
{
    const fv_q_conv2d_attr *attr = node->attr;
    fv_val *all[5] = {in[0], in[1], in[2], node->n_in > 3 ? in[3] : NULL, node->n_in > 4 ? in[4] : NULL};
    (void)training;
    if (node->n_in == 4) {
        const fv_q_factor_attr factor = {attr->src_scale, attr->dst_scale, node->in[1]->shape.dim[0],
                                         attr->once && node->in[3]->shape.dim[0] == 1};
        all[3] = fv_emit(b, "q_factor", &factor, &in[3], 1);
        all[4] = all[3] ? fv_emit_out(b, all[3], 1) : NULL;
    }
    out[0] = fv_emit(b, "q_conv2d", attr, all, node->n_in == 4 ? 5 : node->n_in);
    return FV_OK;
}

static fv_reach q_conv2d_reach(const fv_node *node, int axis)
{
    const fv_conv_geom geom = fv_conv_geom_forward(node);
    return fv_window_reach(&geom.win, axis);
}

const fv_op fv_op_q_conv2d = {
    .name = "q_conv2d",
    .doc = "conv2d of 8-bit integers: acc = bia[k] + sum over r,s,c of (src - src_zero) * (wei - wei_zero) in 32 bits "
           "(padding is src_zero), dst = acc * mul[k] * 2^(shift[k] - 31) + dst_zero, rounded as in ops/fixed.h, "
           "within "
           "min and max. Without mul and shift, dst = acc, as i32. With scale (of the filters, one or one for each) in "
           "their place the factor is src_scale * scale / dst_scale (q_factor).",
    .n_in_min = 3,
    .n_in_max = 5,
    .n_out = 1,
    .operands = (const char *const[]){"src", "wei", "bia", "mul", "shift", "dst"},
    .letters = (const char *const[]){"nhwc", "krsc", "k", "k", "k"},
    .attr_size = sizeof(fv_q_conv2d_attr),
    .attrs = q_conv2d_attrs,
    .infer = q_conv2d_infer,
    .cost = q_conv2d_cost,
    .lower = q_conv2d_lower,
    .reach = q_conv2d_reach,
    .ref = q_conv2d_ref,
};
