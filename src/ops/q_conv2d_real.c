/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conv_geom.h"
#include "ops/fixed.h"

static const fv_attr q_conv2d_real_attrs[] = {FV_CONV_ROWS, {0}};

/* Whether an output pixel sees one input pixel, of `pixels`: then each may have a scale of its own. */
static bool is_pointwise(const fv_node *node, int64_t pixels)
{
    const fv_conv2d_attr *attr = node->attr;
    const int64_t *src = node->in[0]->shape.dim, *wei = node->in[1]->shape.dim;
    return wei[1] == 1 && wei[2] == 1 && attr->stride[0] == 1 && attr->stride[1] == 1 && attr->pad[0] == 0 &&
           attr->pad[1] == 0 && attr->pad[2] == 0 && attr->pad[3] == 0 && src[1] * src[2] == pixels;
}

static fv_status q_conv2d_real_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_dtype(ctx, node, 0, 4, FV_I8));
    FV_TRY(fv_operand_dtype(ctx, node, 1, 4, FV_I8));
    const int64_t *src = node->in[0]->shape.dim, *wei = node->in[1]->shape.dim;
    fv_conv_geom geom;
    FV_TRY(fv_conv_geom_set(ctx, node, node->attr, src[0], src + 1, wei[0], wei + 1, &geom));
    if (wei[3] != geom.c / geom.groups)
        return fv_node_fail(ctx, node, "wei has %lld channels per filter, expected %lld", (long long)wei[3],
                            (long long)(geom.c / geom.groups));
    for (int i = 2; i < 5; i++) {
        FV_TRY(fv_operand_float(ctx, node, i, i == 2 ? 3 : 1));
        const int64_t *d = node->in[i]->shape.dim, count = i == 2 ? geom.n : geom.k;
        if (d[0] != count || (i == 2 && (d[2] != 2 || (d[1] != 1 && !is_pointwise(node, d[1])))) ||
            node->in[i]->dtype != node->in[2]->dtype)
            return fv_node_fail(ctx, node, "%s has %lld rows of %s, expected %lld of %s", node->op->operands[i],
                                (long long)d[0], fv_dtype_name(node->in[i]->dtype), (long long)count,
                                fv_dtype_name(node->in[2]->dtype));
    }
    return fv_result(ctx, node, 0, node->in[2]->dtype, 4, (const int64_t[]){geom.n, geom.win.p, geom.win.q, geom.k});
}

static fv_cost q_conv2d_real_cost(const fv_node *node)
{
    fv_conv_geom geom = fv_conv_geom_forward(node);
    return fv_cost_of(node, fv_conv_macs(&geom), 3.0 * fv_count_out(node, 0));
}

static int32_t sum_at(const fv_call *call, const fv_conv_geom *geom, const int64_t at[4], int32_t zero)
{
    const fv_window *win = &geom->win;
    const int8_t *src = call->in[0], *wei = call->in[1];
    const int64_t per_group = geom->c / geom->groups, first = at[3] / (geom->k / geom->groups) * per_group;
    uint32_t acc = 0;
    for (int64_t r = 0; r < win->size[0]; r++)
        for (int64_t s = 0; s < win->size[1]; s++) {
            const int64_t h = fv_window_begin(win, 0, at[1]) + r * win->dilation[0];
            const int64_t w = fv_window_begin(win, 1, at[2]) + s * win->dilation[1];
            if (h < 0 || h >= win->h || w < 0 || w >= win->w)
                continue;
            const int8_t *x = src + ((at[0] * win->h + h) * win->w + w) * geom->c + first;
            const int8_t *f = wei + ((at[3] * win->size[0] + r) * win->size[1] + s) * per_group;
            for (int64_t c = 0; c < per_group; c++)
                acc += (uint32_t)((x[c] - zero) * f[c]);
        }
    return (int32_t)acc;
}

static void q_conv2d_real_ref(const fv_call *call)
{
    const fv_conv_geom geom = fv_conv_geom_forward(call->node);
    const fv_dtype dtype = call->node->out[0]->dtype;
    const int64_t rows = call->node->in[2]->shape.dim[1];
    for (int64_t n = 0, i = 0; n < geom.n; n++)
        for (int64_t p = 0; p < geom.win.p; p++)
            for (int64_t q = 0; q < geom.win.q; q++) {
                const int64_t at = n * rows + (rows > 1 ? p * geom.win.q + q : 0);
                const float scale = (float)fv_get(dtype, call->in[2], 2 * at);
                const double given = fv_get(dtype, call->in[2], 2 * at + 1);
                const int32_t zero = given >= -128 && given <= 127 ? (int32_t)given : 0;
                for (int64_t k = 0; k < geom.k; k++, i++) {
                    const int32_t acc = sum_at(call, &geom, (const int64_t[]){n, p, q, k}, zero);
                    const float x = (float)acc * scale;
                    fv_set(dtype, call->out[0], i,
                           (double)(x * (float)fv_get(dtype, call->in[3], k) + (float)fv_get(dtype, call->in[4], k)));
                }
            }
}

const fv_op fv_op_q_conv2d_real = {
    .name = "q_conv2d_real",
    .doc =
        "conv2d of samples that quantize_samples made and filters of i8: dst[n,p,q,k] = bia[k] + scale[k] * line[n][0] "
        "* sum over r,s,c of (src - line[n][1]) * wei. The sum is one of integers.",
    .n_in_min = 5,
    .n_in_max = 5,
    .n_out = 1,
    .traits = FV_T_MIXED,
    .operands = (const char *const[]){"src", "wei", "line", "scale", "bia", "dst"},
    .letters = (const char *const[]){"nhwc", "krsc", "nmv", "k", "k"},
    .attr_size = sizeof(fv_conv2d_attr),
    .attrs = q_conv2d_real_attrs,
    .infer = q_conv2d_real_infer,
    .cost = q_conv2d_real_cost,
    .ref = q_conv2d_real_ref,
};
