/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/epilogue.h"
#include "ops/pool.h"

/* Tap numbers of max_pool2d_train are bytes. */
#define FV_POOL_TAPS_MAX 255

static const fv_attr max_pool2d_attrs[] = {
    FV_EPILOGUE_ROW(fv_pool2d_attr),
    FV_POOL_ROWS,
    {0},
};

static fv_status max_pool2d_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    const int64_t *src = node->in[0]->shape.dim;
    fv_window win;
    FV_TRY(fv_pool_window(ctx, node, src[1], src[2], &win));
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, (const int64_t[]){src[0], win.p, win.q, src[3]});
}

static fv_cost max_pool2d_cost(const fv_node *node)
{
    const fv_pool2d_attr *attr = node->attr;
    double taps = (double)(attr->size[0] * attr->size[1]) + (attr->activation != FV_ACT_NONE);
    return fv_cost_of(node, 0.0, fv_count_out(node, 0) * taps);
}

/* Training needs to know which element won. */
static fv_status max_pool2d_lower(fv_builder *b, const fv_node *node, bool training, fv_val *const *in, fv_val **out)
{
    out[0] = fv_emit(b, training ? "max_pool2d_train" : "max_pool2d", node->attr, in, 1);
    return FV_OK;
}

/* The first largest tap of a window, or the last NaN; taps in the padding never win. at: n, p, q, c. */
static double max_pool2d_at(const fv_call *call, const fv_window *win, const int64_t at[4], int64_t *arg)
{
    double best = 0.0;
    *arg = -1;
    for (int64_t r = 0; r < win->size[0]; r++)
        for (int64_t s = 0; s < win->size[1]; s++) {
            int64_t h = fv_window_begin(win, 0, at[1]) + r, w = fv_window_begin(win, 1, at[2]) + s;
            if (h < 0 || h >= win->h || w < 0 || w >= win->w)
                continue;
            double x = fv_get(fv_call_dtype(call), call->in[0], fv_index4(fv_in_dims(call, 0), at[0], h, w, at[3]));
            if (*arg < 0 || x > best || isnan(x)) {
                best = x;
                *arg = r * win->size[1] + s;
            }
        }
    return best;
}

static void max_pool2d_ref(const fv_call *call)
{
    const int64_t *dst = fv_out_dims(call, 0);
    fv_window win = fv_pool_window_of(call->node, fv_in_dims(call, 0), dst);
    int32_t activation = ((const fv_pool2d_attr *)call->node->attr)->activation;
    for (int64_t n = 0, i = 0; n < dst[0]; n++)
        for (int64_t p = 0; p < win.p; p++)
            for (int64_t q = 0; q < win.q; q++)
                for (int64_t c = 0; c < dst[3]; c++, i++) {
                    int64_t arg;
                    double best = max_pool2d_at(call, &win, (const int64_t[]){n, p, q, c}, &arg);
                    fv_set(fv_call_dtype(call), call->out[0], i, fv_epilogue_apply(activation, best));
                    if (call->node->n_out > 1)
                        fv_set(FV_U8, call->out[1], i, (double)arg);
                }
}

const fv_op fv_op_max_pool2d = {
    .name = "max_pool2d",
    .doc = "dst[n,p,q,c] = act(max over the window of src[n, p*stride-pad+r, q*stride-pad+s, c]). Padding counts as "
           "-infinity. NaN wins.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_MAXIMUM | FV_T_FUSES_ACTIVATION,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_pool2d_attr),
    .attrs = max_pool2d_attrs,
    .infer = max_pool2d_infer,
    .lower = max_pool2d_lower,
    .cost = max_pool2d_cost,
    .reach = fv_pool_reach,
    .ref = max_pool2d_ref,
    .channels = fv_channels_last,
};

/* ---- training ---- */

static fv_status max_pool2d_train_infer(fv_ctx *ctx, const fv_node *node)
{
    const fv_pool2d_attr *attr = node->attr;
    if (attr->size[0] * attr->size[1] > FV_POOL_TAPS_MAX)
        return fv_node_fail(ctx, node,
                            "a %lldx%lld window has more than the %d taps that training allows; use global_max_pool "
                            "or several smaller windows",
                            (long long)attr->size[0], (long long)attr->size[1], FV_POOL_TAPS_MAX);
    FV_TRY(max_pool2d_infer(ctx, node));
    return fv_result(ctx, node, 1, FV_U8, 4, node->out[0]->shape.dim);
}

static fv_status max_pool2d_train_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_pool2d_attr attr = *(const fv_pool2d_attr *)node->attr;
    if (d_out[0] == NULL || !fv_emit_wanted(b, node->in[0]))
        return FV_OK;
    fv_val *d_dst = fv_epilogue_grad(b, node, attr.activation, d_out[0]);
    attr.activation = FV_ACT_NONE;
    attr.src_size[0] = node->in[0]->shape.dim[1];
    attr.src_size[1] = node->in[0]->shape.dim[2];
    d_in[0] = fv_emit(b, "max_pool2d_bwd", &attr, (fv_val *[]){d_dst, node->out[1]}, 2);
    return FV_OK;
}

const fv_op fv_op_max_pool2d_train = {
    .name = "max_pool2d_train",
    .doc = "max_pool2d that also tells which tap of its window won: arg = r * width + s, the first of equal ones. "
           "Windows of up to 255 taps.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 2,
    .traits = FV_T_MAXIMUM | FV_T_FUSES_ACTIVATION,
    .operands = (const char *const[]){"src", "dst", "arg"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_pool2d_attr),
    .attrs = max_pool2d_attrs,
    .infer = max_pool2d_train_infer,
    .grad = max_pool2d_train_grad,
    .cost = max_pool2d_cost,
    .ref = max_pool2d_ref,
};

/* ---- gradient ---- */

static const fv_attr max_pool2d_bwd_attrs[] = {
    FV_POOL_ROWS,
    FV_POOL_SRC_SIZE_ROW,
    {0},
};

static fv_status max_pool2d_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_pool_bwd_infer(ctx, node));
    FV_TRY(fv_operand_dtype(ctx, node, 1, 4, FV_U8));
    char found[96], wanted[96];
    if (!fv_shape_equal(&node->in[0]->shape, &node->in[1]->shape))
        return fv_node_fail(ctx, node, "arg has shape %s but d_dst has %s; they must be equal",
                            fv_shape_text(&node->in[1]->shape, found), fv_shape_text(&node->in[0]->shape, wanted));
    return FV_OK;
}

/* Windows are visited in order of p and q, so every pixel's sum is a chain in that order from 0. */
static void max_pool2d_bwd_ref(const fv_call *call)
{
    const int64_t *dst = fv_in_dims(call, 0), *src = fv_out_dims(call, 0);
    fv_window win = fv_pool_window_of(call->node, src, dst);
    fv_dtype dtype = fv_call_dtype(call);
    int64_t count = fv_shape_count(&call->node->out[0]->shape);
    for (int64_t i = 0; i < count; i++)
        fv_set(dtype, call->out[0], i, 0.0);
    for (int64_t n = 0, i = 0; n < dst[0]; n++)
        for (int64_t p = 0; p < win.p; p++)
            for (int64_t q = 0; q < win.q; q++)
                for (int64_t c = 0; c < dst[3]; c++, i++) {
                    int64_t arg = ((const uint8_t *)call->in[1])[i];
                    int64_t h = fv_window_begin(&win, 0, p) + arg / win.size[1];
                    int64_t w = fv_window_begin(&win, 1, q) + arg % win.size[1];
                    if (h < 0 || h >= win.h || w < 0 || w >= win.w)
                        continue;
                    int64_t at = fv_index4(src, n, h, w, c);
                    double sum = fv_get(dtype, call->out[0], at) + fv_get(dtype, call->in[0], i);
                    fv_set(dtype, call->out[0], at, sum);
                }
}

const fv_op fv_op_max_pool2d_bwd = {
    .name = "max_pool2d_bwd",
    .doc = "Gradient of max_pool2d_train: every d_dst[n,p,q,c] is added to the pixel of d_src that its arg names, in "
           "order of p and q from 0.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "arg", "d_src"},
    .letters = (const char *const[]){"npqc", "npqc"},
    .attr_size = sizeof(fv_pool2d_attr),
    .attrs = max_pool2d_bwd_attrs,
    .infer = max_pool2d_bwd_infer,
    .ref = max_pool2d_bwd_ref,
};
