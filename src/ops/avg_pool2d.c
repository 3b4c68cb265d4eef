/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/pool.h"

#define FV_AVG_POOL_ROWS                                                                                               \
    FV_POOL_ROWS,                                                                                                      \
    {                                                                                                                  \
        "count_include_pad", FV_ATTR_BOOL, offsetof(fv_pool2d_attr, count_include_pad), 1, 0, 1, NULL,                 \
            "Whether padding counts as elements of the mean."                                                          \
    }

static const fv_attr avg_pool2d_attrs[] = {FV_AVG_POOL_ROWS, {0}};

static fv_status avg_pool2d_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    const int64_t *src = node->in[0]->shape.dim;
    fv_window win;
    FV_TRY(fv_pool_window(ctx, node, src[1], src[2], &win));
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, (const int64_t[]){src[0], win.p, win.q, src[3]});
}

static fv_status avg_pool2d_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_pool2d_attr attr = *(const fv_pool2d_attr *)node->attr;
    attr.src_size[0] = node->in[0]->shape.dim[1];
    attr.src_size[1] = node->in[0]->shape.dim[2];
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "avg_pool2d_bwd", &attr, d_out, 1);
    return FV_OK;
}

static fv_cost avg_pool2d_cost(const fv_node *node)
{
    const fv_pool2d_attr *attr = node->attr;
    double outputs = fmin(fv_count_in(node, 0), fv_count_out(node, 0));
    return fv_cost_of(node, 0.0, outputs * (double)(attr->size[0] * attr->size[1] + 1));
}

/* A window clipped to [0, size); *counted: its extent inside the padded input, or inside the input. */
static void avg_clip(const fv_window *win, int axis, int64_t i, bool include_pad, int64_t range[2], int64_t *counted)
{
    int64_t size = axis == 0 ? win->h : win->w, begin = fv_window_begin(win, axis, i), end = begin + win->size[axis];
    int64_t padded = size + win->pad[axis + 2];
    range[0] = begin < 0 ? 0 : begin;
    range[1] = end > size ? size : end;
    *counted = include_pad ? (end > padded ? padded : end) - begin : range[1] - range[0];
}

static fv_pool_box avg_pool2d_box(const fv_node *node, const int64_t *src, const int64_t *dst, int64_t p, int64_t q)
{
    fv_window win = fv_pool_window_of(node, src, dst);
    bool include_pad = ((const fv_pool2d_attr *)node->attr)->count_include_pad;
    int64_t h[2], w[2], rows, columns;
    avg_clip(&win, 0, p, include_pad, h, &rows);
    avg_clip(&win, 1, q, include_pad, w, &columns);
    return (fv_pool_box){h[0], h[1], w[0], w[1], (double)(rows * columns)};
}

static void avg_pool2d_ref(const fv_call *call)
{
    fv_box_mean_ref(call, avg_pool2d_box);
}

const fv_op fv_op_avg_pool2d = {
    .name = "avg_pool2d",
    .doc =
        "dst[n,p,q,c] = mean over the window of src[n, p*stride-pad+r, q*stride-pad+s, c]. Padding is 0 and counts as "
        "elements unless count_include_pad is false; what a window of ceil reaches beyond the padding never counts.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_pool2d_attr),
    .attrs = avg_pool2d_attrs,
    .infer = avg_pool2d_infer,
    .grad = avg_pool2d_grad,
    .cost = avg_pool2d_cost,
    .reach = fv_pool_reach,
    .ref = avg_pool2d_ref,
    .channels = fv_channels_last,
};

/* ---- gradient ---- */

static const fv_attr avg_pool2d_bwd_attrs[] = {FV_AVG_POOL_ROWS, FV_POOL_SRC_SIZE_ROW, {0}};

static void avg_pool2d_bwd_ref(const fv_call *call)
{
    fv_box_mean_bwd_ref(call, avg_pool2d_box);
}

const fv_op fv_op_avg_pool2d_bwd = {
    .name = "avg_pool2d_bwd",
    .doc =
        "Gradient of avg_pool2d: d_src[n,h,w,c] = sum of d_dst[n,p,q,c] / count over the windows that hold the pixel, "
        "in order of p and q from 0. src_size is height and width of src.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "d_src"},
    .letters = (const char *const[]){"npqc"},
    .attr_size = sizeof(fv_pool2d_attr),
    .attrs = avg_pool2d_bwd_attrs,
    .infer = fv_pool_bwd_infer,
    .cost = avg_pool2d_cost,
    .ref = avg_pool2d_bwd_ref,
};
