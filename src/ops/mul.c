/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/binary.h"
#include "ops/channels.h"

bool fv_mul_by_channel(const fv_val *x, const fv_val *y)
{
    const fv_shape *a = &x->shape, *b = &y->shape;
    /* What is trained or constant and can be aligned as in NumPy is, also where its first dimension happens to be the
     * batch's size. */
    const bool of_samples = y->role == FV_ROLE_COMPUTED || y->role == FV_ROLE_INPUT || !fv_broadcasts_to(b, a);
    if (a->rank != 4 || b->rank < 2 || b->dim[0] != a->dim[0] || b->dim[b->rank - 1] != a->dim[3])
        return false;
    return (b->rank == 2 && of_samples) || (b->rank == 4 && b->dim[1] == 1 && b->dim[2] == 1);
}

static bool is_by_channel(const fv_node *node)
{
    return fv_mul_by_channel(node->in[0], node->in[1]);
}

static fv_status mul_infer(fv_ctx *ctx, const fv_node *node)
{
    const fv_val *a = fv_operand(node, 0), *b = fv_operand(node, 1);
    if (!a || !b || !is_by_channel(node))
        return fv_binary_infer(ctx, node);
    FV_TRY(fv_operand_any(ctx, node, 0));
    FV_TRY(fv_operand_like(ctx, node, 1));
    return fv_result_like(ctx, node, 0, 0);
}

static fv_status mul_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_val *x = node->in[0], *y = node->in[1];
    bool by_channel = is_by_channel(node) && !fv_shape_equal(&x->shape, &y->shape);
    if (fv_emit_wanted(b, x))
        d_in[0] = fv_emit_unbroadcast(b, fv_emit(b, "mul", NULL, (fv_val *[]){d_out[0], y}, 2), x);
    if (!fv_emit_wanted(b, y))
        return FV_OK;
    d_in[1] = fv_emit(b, by_channel ? "mul_reduce" : "mul", NULL, (fv_val *[]){d_out[0], x}, 2);
    if (y->shape.rank == 2 && by_channel)
        d_in[1] = fv_emit(b, "flatten", NULL, &d_in[1], 1);
    if (!by_channel)
        d_in[1] = fv_emit_unbroadcast(b, d_in[1], y);
    return FV_OK;
}

static bool mul_moves_samples(const fv_node *node)
{
    return !is_by_channel(node) && fv_broadcast_moves_samples(node);
}

static double multiply(double a, double b)
{
    return a * b;
}

/* Wraps around, as the processor does. */
static int64_t multiply_integers(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

static void mul_ref(const fv_call *call)
{
    const fv_shape *a = &call->node->in[0]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    if (!is_by_channel(call->node)) {
        fv_binary_ref(call, multiply, multiply_integers);
        return;
    }
    int64_t count = fv_shape_count(a), channels = fv_shape_last(a), per_sample = count / a->dim[0];
    for (int64_t i = 0; i < count; i++) {
        int64_t j = i / per_sample * channels + i % channels;
        fv_set(dtype, call->out[0], i, fv_get(dtype, call->in[0], i) * fv_get(dtype, call->in[1], j));
    }
}

const fv_op fv_op_mul = {
    .name = "mul",
    .doc =
        "dst = a * b, elementwise; a and b are repeated over each other as in NumPy. A b of n,c beside n,h,w,c has one "
        "value per sample and channel, as in squeeze-and-excitation (Hu et al., 2018). Integers wrap around.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .operands = fv_binary_operands,
    .letters = fv_binary_letters,
    .infer = mul_infer,
    .moves_samples = mul_moves_samples,
    .grad = mul_grad,
    .ref = mul_ref,
    .channels = fv_channels_each,
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
