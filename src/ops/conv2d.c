/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/conv_geom.h"
#include "ops/epilogue.h"

static const fv_attr conv2d_attrs[] = {
    FV_EPILOGUE_ROW(fv_conv2d_attr),
    FV_CONV_ROWS,
    {0},
};

static fv_status conv2d_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    FV_TRY(fv_operand_float(ctx, node, 1, 4));
    const fv_conv2d_attr *attr = node->attr;
    const int64_t *src = node->in[0]->shape.dim, *wei = node->in[1]->shape.dim;
    fv_conv_geom geom;
    FV_TRY(fv_conv_geom_set(ctx, node, attr, src[0], src + 1, wei[0], wei + 1, &geom));
    if (wei[3] != geom.c / geom.groups)
        return fv_node_fail(ctx, node,
                            "wei has %lld channels per filter, expected %lld (%lld input channels / %lld "
                            "groups)",
                            (long long)wei[3], (long long)(geom.c / geom.groups), (long long)geom.c,
                            (long long)geom.groups);
    const int64_t dst[4] = {geom.n, geom.win.p, geom.win.q, geom.k};
    if (fv_operand(node, 2) != NULL)
        FV_TRY(fv_operand_dims(ctx, node, 2, 1, &geom.k, "one per filter"));
    if (fv_operand(node, 3) != NULL)
        FV_TRY(fv_operand_dims(ctx, node, 3, 4, dst, "that of dst"));
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, dst);
}

static fv_status conv2d_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_conv2d_attr attr = *(const fv_conv2d_attr *)node->attr;
    fv_val *d_dst = fv_epilogue_grad(b, node, attr.activation, d_out[0]);
    attr.activation = FV_ACT_NONE;
    const int64_t *src = node->in[0]->shape.dim, *wei = node->in[1]->shape.dim;
    if (fv_emit_wanted(b, node->in[0])) {
        attr.size[0] = src[1];
        attr.size[1] = src[2];
        d_in[0] = fv_emit(b, "conv2d_bwd_data", &attr, (fv_val *[]){d_dst, node->in[1]}, 2);
    }
    if (fv_emit_wanted(b, node->in[1])) {
        attr.size[0] = wei[1];
        attr.size[1] = wei[2];
        d_in[1] = fv_emit(b, "conv2d_bwd_weights", &attr, (fv_val *[]){d_dst, node->in[0]}, 2);
    }
    if (fv_operand(node, 2) != NULL && fv_emit_wanted(b, node->in[2]))
        d_in[2] = fv_emit(b, "channel_sum", NULL, &d_dst, 1);
    if (fv_operand(node, 3) != NULL && fv_emit_wanted(b, node->in[3]))
        d_in[3] = d_dst;
    return FV_OK;
}

static fv_cost conv2d_cost(const fv_node *node)
{
    fv_conv_geom geom = fv_conv_geom_forward(node);
    int extra = (fv_operand(node, 2) != NULL) + (fv_operand(node, 3) != NULL) +
                (((const fv_conv2d_attr *)node->attr)->activation != FV_ACT_NONE);
    return fv_cost_of(node, fv_conv_macs(&geom), extra * fv_count_out(node, 0));
}

/* One chain over (r, s, c) from the bias; taps in the padding multiply by 0. */
static double conv2d_at(const fv_call *call, const fv_conv_geom *geom, const int64_t at[4])
{
    fv_dtype dtype = fv_call_dtype(call);
    const fv_window *win = &geom->win;
    const void *src = call->in[0], *wei = call->in[1], *bia = fv_call_in(call, 2);
    int64_t per_group = geom->c / geom->groups, first = at[3] / (geom->k / geom->groups) * per_group;
    double acc = bia == NULL ? 0.0 : fv_get(dtype, bia, at[3]);
    for (int64_t r = 0; r < win->size[0]; r++)
        for (int64_t s = 0; s < win->size[1]; s++) {
            int64_t h = fv_window_begin(win, 0, at[1]) + r * win->dilation[0];
            int64_t w = fv_window_begin(win, 1, at[2]) + s * win->dilation[1];
            bool inside = h >= 0 && h < win->h && w >= 0 && w < win->w;
            for (int64_t c = 0; c < per_group; c++) {
                double x = inside ? fv_get(dtype, src, fv_index4(fv_in_dims(call, 0), at[0], h, w, first + c)) : 0.0;
                acc = fv_chain_fma(dtype, acc, x, fv_get(dtype, wei, fv_index4(fv_in_dims(call, 1), at[3], r, s, c)));
            }
        }
    return acc;
}

static void conv2d_ref(const fv_call *call)
{
    fv_conv_geom geom = fv_conv_geom_forward(call->node);
    fv_dtype dtype = fv_call_dtype(call);
    const void *res = fv_call_in(call, 3);
    int32_t activation = ((const fv_conv2d_attr *)call->node->attr)->activation;
    for (int64_t n = 0, i = 0; n < geom.n; n++)
        for (int64_t p = 0; p < geom.win.p; p++)
            for (int64_t q = 0; q < geom.win.q; q++)
                for (int64_t k = 0; k < geom.k; k++, i++) {
                    double acc = conv2d_at(call, &geom, (const int64_t[]){n, p, q, k});
                    if (res != NULL)
                        acc = fv_chain_add(dtype, acc, fv_get(dtype, res, i));
                    fv_set(dtype, call->out[0], i, fv_epilogue_apply(activation, acc));
                }
}

static fv_reach conv2d_reach(const fv_node *node, int axis)
{
    const fv_conv_geom geom = fv_conv_geom_forward(node);
    return fv_window_reach(&geom.win, axis);
}

static void conv2d_channels(fv_channels *c, const fv_node *node)
{
    fv_channels_weighted(c, node, ((const fv_conv2d_attr *)node->attr)->groups);
}

static void conv2d_narrow(const fv_channels *c, const fv_node *node, void *attr)
{
    fv_conv2d_attr *conv = attr;
    conv->groups = fv_channels_groups(c, node, conv->groups);
}

const fv_op fv_op_conv2d = {
    .name = "conv2d",
    .doc =
        "Cross-correlation of src (n h w c) with k filters wei (k r s c/groups), then bias, residual and "
        "activation: dst[n,p,q,k] = act(bia[k] + sum over r,s,c of src[n, p*stride-pad+r*dilation, ...] * wei[k,r,s,c] "
        "+ res[n,p,q,k]). The sum is one chain over r, s, c from the bias.",
    .n_in_min = 2,
    .n_in_max = 4,
    .n_out = 1,
    .traits = FV_T_FUSES_ACTIVATION | FV_T_FUSES_RESIDUAL | FV_T_WEIGHTED | FV_T_HALF,
    .operands = (const char *const[]){"src", "wei", "bia", "res", "dst"},
    .kinds = fv_weighted_kinds,
    .letters = (const char *const[]){"nhwc", "krsc", "k", "npqk"},
    .attr_size = sizeof(fv_conv2d_attr),
    .attrs = conv2d_attrs,
    .infer = conv2d_infer,
    .grad = conv2d_grad,
    .cost = conv2d_cost,
    .reach = conv2d_reach,
    .ref = conv2d_ref,
    .channels = conv2d_channels,
    .narrow = conv2d_narrow,
};

/* ---- gradient to the input ---- */

static const fv_attr conv2d_bwd_data_attrs[] = {
    FV_CONV_ROWS,
    {"size", FV_ATTR_INT2, offsetof(fv_conv2d_attr, size), 1, 1, 1 << 30, NULL, "Height and width of src."},
    {0},
};

static fv_status conv2d_bwd_data_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    FV_TRY(fv_operand_float(ctx, node, 1, 4));
    const fv_conv2d_attr *attr = node->attr;
    const int64_t *dst = node->in[0]->shape.dim, *wei = node->in[1]->shape.dim;
    int64_t c;
    if (!fv_size_mul(wei[3], attr->groups, &c))
        return fv_node_fail(ctx, node, "%lld channels per filter times %lld groups is too large", (long long)wei[3],
                            (long long)attr->groups);
    const int64_t src[4] = {dst[0], attr->size[0], attr->size[1], c};
    fv_conv_geom geom;
    FV_TRY(fv_conv_geom_set(ctx, node, attr, src[0], src + 1, wei[0], wei + 1, &geom));
    const int64_t expected[4] = {geom.n, geom.win.p, geom.win.q, geom.k};
    FV_TRY(fv_operand_dims(ctx, node, 0, 4, expected, "the result of the convolution of a src of this size"));
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, src);
}

static fv_cost conv2d_bwd_data_cost(const fv_node *node)
{
    fv_conv_geom geom = fv_conv_geom_bwd_data(node);
    return fv_cost_of(node, fv_conv_macs(&geom), 0.0);
}

static void conv2d_bwd_data_ref(const fv_call *call)
{
    fv_conv_geom geom = fv_conv_geom_bwd_data(call->node);
    fv_dtype dtype = fv_call_dtype(call);
    for (int64_t n = 0, i = 0; n < geom.n; n++)
        for (int64_t h = 0; h < geom.win.h; h++)
            for (int64_t w = 0; w < geom.win.w; w++)
                for (int64_t c = 0; c < geom.c; c++, i++)
                    fv_set(dtype, call->out[0], i,
                           fv_conv_bwd_data_at(&geom, dtype, call->in[0], call->in[1], (const int64_t[]){n, h, w, c}));
}

const fv_op fv_op_conv2d_bwd_data = {
    .name = "conv2d_bwd_data",
    .doc = "Gradient of conv2d with respect to src: d_src[n,h,w,c] = sum over r,s,k of d_dst[n,p,q,k] * wei[k,r,s,c] "
           "over the taps that read the pixel, one chain over r, s, k from 0. size is height and width of src.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "wei", "d_src"},
    .letters = (const char *const[]){"npqk", "krsc"},
    .attr_size = sizeof(fv_conv2d_attr),
    .attrs = conv2d_bwd_data_attrs,
    .infer = conv2d_bwd_data_infer,
    .cost = conv2d_bwd_data_cost,
    .ref = conv2d_bwd_data_ref,
};

/* ---- gradient to the filters ---- */

static const fv_attr conv2d_bwd_weights_attrs[] = {
    FV_CONV_ROWS,
    {"size", FV_ATTR_INT2, offsetof(fv_conv2d_attr, size), 1, 1, FV_WINDOW_MAX, NULL, "Rows and columns of a filter."},
    {0},
};

static fv_status conv2d_bwd_weights_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    FV_TRY(fv_operand_float(ctx, node, 1, 4));
    const fv_conv2d_attr *attr = node->attr;
    const int64_t *dst = node->in[0]->shape.dim, *src = node->in[1]->shape.dim;
    fv_conv_geom geom;
    FV_TRY(fv_conv_geom_set(ctx, node, attr, src[0], src + 1, dst[3], attr->size, &geom));
    const int64_t expected[4] = {geom.n, geom.win.p, geom.win.q, geom.k};
    FV_TRY(fv_operand_dims(ctx, node, 0, 4, expected, "the result of the convolution of src by filters of this size"));
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4,
                     (const int64_t[]){geom.k, attr->size[0], attr->size[1], geom.c / geom.groups});
}

static fv_cost conv2d_bwd_weights_cost(const fv_node *node)
{
    fv_conv_geom geom = fv_conv_geom_bwd_weights(node);
    return fv_cost_of(node, fv_conv_macs(&geom), 0.0);
}

/* Samples [n0, n1) of one element: a chain over (n, p, q) from 0. at: k, r, s, c inside the group. */
static double conv2d_bwd_weights_at(const fv_call *call, const fv_conv_geom *geom, const int64_t at[4], int64_t n0,
                                    int64_t n1)
{
    fv_dtype dtype = fv_call_dtype(call);
    const fv_window *win = &geom->win;
    int64_t c = at[0] / (geom->k / geom->groups) * (geom->c / geom->groups) + at[3];
    double acc = 0.0;
    for (int64_t n = n0; n < n1; n++)
        for (int64_t p = 0; p < win->p; p++)
            for (int64_t q = 0; q < win->q; q++) {
                int64_t h = fv_window_begin(win, 0, p) + at[1] * win->dilation[0];
                int64_t w = fv_window_begin(win, 1, q) + at[2] * win->dilation[1];
                bool inside = h >= 0 && h < win->h && w >= 0 && w < win->w;
                double x = inside ? fv_get(dtype, call->in[1], fv_index4(fv_in_dims(call, 1), n, h, w, c)) : 0.0;
                double d = fv_get(dtype, call->in[0], fv_index4(fv_in_dims(call, 0), n, p, q, at[0]));
                acc = fv_chain_fma(dtype, acc, d, x);
            }
    return acc;
}

static void conv2d_bwd_weights_ref(const fv_call *call)
{
    fv_conv_geom geom = fv_conv_geom_bwd_weights(call->node);
    int shards = fv_call_shards(call, geom.n);
    int64_t per_shard = geom.n / shards, per_group = geom.c / geom.groups;
    for (int64_t k = 0, i = 0; k < geom.k; k++)
        for (int64_t r = 0; r < geom.win.size[0]; r++)
            for (int64_t s = 0; s < geom.win.size[1]; s++)
                for (int64_t c = 0; c < per_group; c++, i++) {
                    double sum[FV_SHARDS_MAX];
                    for (int j = 0; j < shards; j++)
                        sum[j] = conv2d_bwd_weights_at(call, &geom, (const int64_t[]){k, r, s, c}, j * per_shard,
                                                       (j + 1) * per_shard);
                    fv_set(fv_call_dtype(call), call->out[0], i, fv_tree_sum(fv_call_dtype(call), sum, shards));
                }
}

const fv_op fv_op_conv2d_bwd_weights = {
    .name = "conv2d_bwd_weights",
    .doc = "Gradient of conv2d with respect to wei: d_wei[k,r,s,c] = sum over n,p,q of d_dst[n,p,q,k] * src[n, "
           "p*stride-pad+r*dilation, ..., c]; per shard of the batch one chain over n, p, q from 0, then a binary tree "
           "over shards. size is r, s.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_SHARDED,
    .operands = (const char *const[]){"d_dst", "src", "d_wei"},
    .letters = (const char *const[]){"npqk", "nhwc"},
    .attr_size = sizeof(fv_conv2d_attr),
    .attrs = conv2d_bwd_weights_attrs,
    .infer = conv2d_bwd_weights_infer,
    .cost = conv2d_bwd_weights_cost,
    .ref = conv2d_bwd_weights_ref,
};
