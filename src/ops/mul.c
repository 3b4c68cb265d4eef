/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ref.h"

/* b has one value per sample and channel: n,1,1,c or n,c beside n,h,w,c. */
static bool mul_broadcasts(const fv_shape *a, const fv_shape *b)
{
    if (a->rank != 4 || b->dim[0] != a->dim[0] || b->dim[b->rank - 1] != a->dim[3])
        return false;
    return b->rank == 2 || (b->rank == 4 && b->dim[1] == 1 && b->dim[2] == 1);
}

static fv_status mul_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_operand_float(ctx, node, 1, 0));
    const fv_shape *a = &node->in[0]->shape, *b = &node->in[1]->shape;
    char found[96], other[96];
    if (!fv_shape_equal(a, b) && !mul_broadcasts(a, b))
        return fv_node_fail(ctx, node, "b has shape %s beside a of %s; expected the same shape, or n,1,1,c or n,c",
                            fv_shape_text(b, found), fv_shape_text(a, other));
    return fv_result_like(ctx, node, 0, 0);
}

static fv_status mul_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_val *x = node->in[0], *y = node->in[1];
    if (fv_emit_wanted(b, x))
        d_in[0] = fv_emit(b, "mul", NULL, (fv_val *[]){d_out[0], y}, 2);
    if (!fv_emit_wanted(b, y))
        return FV_OK;
    bool same = fv_shape_equal(&x->shape, &y->shape);
    d_in[1] = fv_emit(b, same ? "mul" : "mul_reduce", NULL, (fv_val *[]){d_out[0], x}, 2);
    if (y->shape.rank == 2 && !same)
        d_in[1] = fv_emit(b, "flatten", NULL, &d_in[1], 1);
    return FV_OK;
}

static void mul_ref(const fv_call *call)
{
    const fv_shape *a = &call->node->in[0]->shape, *b = &call->node->in[1]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    bool same = fv_shape_equal(a, b);
    int64_t count = fv_shape_count(a), channels = fv_shape_last(a), per_sample = count / a->dim[0];
    for (int64_t i = 0; i < count; i++) {
        int64_t j = same ? i : i / per_sample * channels + i % channels;
        fv_set(dtype, call->out[0], i, fv_get(dtype, call->in[0], i) * fv_get(dtype, call->in[1], j));
    }
}

const fv_op fv_op_mul = {
    .name = "mul",
    .doc =
        "dst = a * b, elementwise; b has the shape of a, or one value per sample and channel (n,1,1,c or n,c), as in "
        "squeeze-and-excitation (Hu et al., 2018).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .operands = (const char *const[]){"a", "b", "dst"},
    .letters = (const char *const[]){"nhwc", "nhwc"},
    .infer = mul_infer,
    .grad = mul_grad,
    .ref = mul_ref,
};

/* ---- gradient to a broadcast operand ---- */

static fv_status mul_reduce_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 4));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    const int64_t *a = node->in[1]->shape.dim;
    return fv_result(ctx, node, 0, node->in[0]->dtype, 4, (const int64_t[]){a[0], 1, 1, a[3]});
}

static fv_cost mul_reduce_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 2.0 * fv_count_in(node, 0));
}

static void mul_reduce_ref(const fv_call *call)
{
    const int64_t *a = fv_in_dims(call, 1);
    fv_dtype dtype = fv_call_dtype(call);
    int64_t pixels = a[1] * a[2];
    for (int64_t n = 0; n < a[0]; n++)
        for (int64_t c = 0; c < a[3]; c++) {
            double sum = 0.0;
            for (int64_t i = 0; i < pixels; i++) {
                int64_t at = (n * pixels + i) * a[3] + c;
                sum = fma(fv_get(dtype, call->in[0], at), fv_get(dtype, call->in[1], at), sum);
            }
            fv_set(dtype, call->out[0], n * a[3] + c, sum);
        }
}

const fv_op fv_op_mul_reduce = {
    .name = "mul_reduce",
    .doc =
        "Gradient of mul with respect to a broadcast b: d_b[n,0,0,c] = sum over h, w of d_dst[n,h,w,c] * a[n,h,w,c], "
        "in float64 in order of h and w.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "a", "d_b"},
    .letters = (const char *const[]){"nhwc", "nhwc"},
    .infer = mul_reduce_infer,
    .cost = mul_reduce_cost,
    .ref = mul_reduce_ref,
};
