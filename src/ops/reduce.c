/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/reduce.h"

#include <string.h>

const fv_attr fv_reduce_attrs[] = {
    {"axes", FV_ATTR_INTS, offsetof(fv_reduce_attr, axes), 0, -FV_MAX_RANK, FV_MAX_RANK - 1, NULL,
     "Dimensions that are reduced; negative: counted from behind; none: all."},
    {"keepdims", FV_ATTR_BOOL, offsetof(fv_reduce_attr, keepdims), 0, 0, 1, NULL,
     "Reduced dimensions stay as 1 instead of being left out."},
    {0},
};
const char *const fv_reduce_operands[] = {"src", "dst"};
const char *const fv_reduce_letters[] = {"nhwc"};
const char *const fv_extreme_bwd_operands[] = {"d_dst", "src", "dst", "d_src"};
const char *const fv_extreme_bwd_letters[] = {"nhwc", "nhwc", "nhwc"};

static const fv_reduce_attr *attr_of(const fv_node *node)
{
    return node->attr;
}

fv_status fv_reduce_infer(fv_ctx *ctx, const fv_node *node)
{
    fv_shape dst;
    FV_TRY(fv_operand_any(ctx, node, 0));
    if (node->in[0]->dtype == FV_BOOL)
        return fv_node_fail(ctx, node, "src is bool; expected numbers");
    FV_TRY(fv_reduction_check(ctx, node, &attr_of(node)->axes, &node->in[0]->shape));
    fv_reduction_shape(&attr_of(node)->axes, &node->in[0]->shape, attr_of(node)->keepdims, &dst);
    return fv_result(ctx, node, 0, node->in[0]->dtype, dst.rank, dst.dim);
}

fv_cost fv_reduce_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, fv_count_in(node, 0));
}

/* ---- sums ---- */

static double sum_floats(const fv_call *call, const fv_reduction *r, int shards, int64_t at)
{
    const fv_dtype dtype = call->node->in[0]->dtype;
    double sum[FV_SHARDS_MAX] = {0};
    const int64_t terms = r->terms / shards;
    for (int j = 0; j < shards; j++)
        for (int64_t t = j * terms; t < (j + 1) * terms; t++)
            sum[j] += fv_get(dtype, call->in[0], at + fv_reduction_term(r, t));
    return fv_tree_sum(FV_F64, sum, shards);
}

static int64_t sum_integers(const fv_call *call, const fv_reduction *r, int64_t at)
{
    uint64_t sum = 0;
    for (int64_t t = 0; t < r->terms; t++)
        sum += (uint64_t)fv_dtype_get_integer(call->node->in[0]->dtype, call->in[0], at + fv_reduction_term(r, t));
    return (int64_t)sum;
}

void fv_reduce_sum_ref(const fv_call *call, bool mean)
{
    const fv_val *src = call->node->in[0];
    const fv_reduction r = fv_reduction_of(&attr_of(call->node)->axes, &src->shape);
    const int shards = r.over_samples ? fv_call_shards(call, src->shape.dim[0]) : 1;
    for (int64_t o = 0; o < r.outputs; o++) {
        const int64_t at = fv_reduction_output(&r, o);
        if (fv_dtype_is_float(src->dtype))
            fv_set(call->node->out[0]->dtype, call->out[0], o,
                   sum_floats(call, &r, shards, at) / (mean ? (double)r.terms : 1.0));
        else
            fv_dtype_set_integer(src->dtype, call->out[0], o, sum_integers(call, &r, at) / (mean ? r.terms : 1));
    }
}

bool fv_reduces_samples(const fv_node *node)
{
    return fv_reduction_of(&attr_of(node)->axes, &node->in[0]->shape).over_samples;
}

/* ---- extremes ---- */

static double extreme_float(const fv_call *call, const fv_reduction *r, bool largest, int64_t at)
{
    const fv_dtype dtype = call->node->in[0]->dtype;
    double best = fv_get(dtype, call->in[0], at);
    for (int64_t t = 1; t < r->terms; t++) {
        const double x = fv_get(dtype, call->in[0], at + fv_reduction_term(r, t));
        if (x != x || (largest ? x > best : x < best))
            best = x;
    }
    return best;
}

static int64_t extreme_integer(const fv_call *call, const fv_reduction *r, bool largest, int64_t at)
{
    const fv_dtype dtype = call->node->in[0]->dtype;
    int64_t best = fv_dtype_get_integer(dtype, call->in[0], at);
    for (int64_t t = 1; t < r->terms; t++) {
        const int64_t x = fv_dtype_get_integer(dtype, call->in[0], at + fv_reduction_term(r, t));
        if (largest ? x > best : x < best)
            best = x;
    }
    return best;
}

void fv_reduce_extreme_ref(const fv_call *call, bool largest)
{
    const fv_val *src = call->node->in[0];
    const fv_reduction r = fv_reduction_of(&attr_of(call->node)->axes, &src->shape);
    for (int64_t o = 0; o < r.outputs; o++) {
        const int64_t at = fv_reduction_output(&r, o);
        if (fv_dtype_is_float(src->dtype))
            fv_set(src->dtype, call->out[0], o, extreme_float(call, &r, largest, at));
        else
            fv_dtype_set_integer(src->dtype, call->out[0], o, extreme_integer(call, &r, largest, at));
    }
}

/* ---- gradients ---- */

fv_val *fv_emit_unreduced(fv_builder *b, const fv_node *node, fv_val *d)
{
    const fv_shape *src = &node->in[0]->shape;
    fv_shape kept;
    fv_reduction_shape(&attr_of(node)->axes, src, true, &kept);
    if (d && !fv_shape_equal(&d->shape, &kept)) {
        fv_reshape_attr attr = {.dims.count = kept.rank, .whole = true};
        memcpy(attr.dims.value, kept.dim, (size_t)kept.rank * sizeof *kept.dim);
        d = fv_emit(b, "reshape", &attr, &d, 1);
    }
    fv_dims_attr attr = {.dims.count = src->rank};
    memcpy(attr.dims.value, src->dim, (size_t)src->rank * sizeof *src->dim);
    return fv_emit(b, "expand", &attr, &d, 1);
}

fv_status fv_extreme_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in, const char *bwd)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, bwd, node->attr, (fv_val *[]){d_out[0], node->in[0], node->out[0]}, 3);
    return FV_OK;
}

fv_status fv_extreme_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    fv_shape dst;
    for (int i = 0; i < 3; i++)
        if (node->in[i] && (node->in[i]->dtype != node->in[1]->dtype || !fv_dtype_is_float(node->in[i]->dtype)))
            return fv_node_fail(ctx, node, "%s is %s; expected one float type", node->op->operands[i],
                                fv_dtype_name(node->in[i]->dtype));
    FV_TRY(fv_reduction_check(ctx, node, &attr_of(node)->axes, &node->in[1]->shape));
    fv_reduction_shape(&attr_of(node)->axes, &node->in[1]->shape, attr_of(node)->keepdims, &dst);
    for (int i = 0; i < 3; i += 2)
        if (!fv_shape_equal(&node->in[i]->shape, &dst)) {
            char found[96], wanted[96];
            return fv_node_fail(ctx, node, "%s has shape %s, expected %s (src without its axes)", node->op->operands[i],
                                fv_shape_text(&node->in[i]->shape, found), fv_shape_text(&dst, wanted));
        }
    return fv_result_like(ctx, node, 0, 1);
}

void fv_extreme_bwd_ref(const fv_call *call)
{
    const fv_shape *src = &call->node->in[1]->shape;
    const fv_dtype dtype = fv_call_dtype(call);
    const fv_reduction r = fv_reduction_of(&attr_of(call->node)->axes, src);
    for (int64_t o = 0; o < r.outputs; o++) {
        const int64_t at = fv_reduction_output(&r, o);
        const double best = fv_get(dtype, call->in[2], o);
        double equal = 0.0;
        for (int64_t t = 0; t < r.terms; t++)
            equal += fv_get(dtype, call->in[1], at + fv_reduction_term(&r, t)) == best;
        for (int64_t t = 0; t < r.terms; t++) {
            const int64_t i = at + fv_reduction_term(&r, t);
            const bool chosen = fv_get(dtype, call->in[1], i) == best;
            fv_set(dtype, call->out[0], i, chosen ? fv_get(dtype, call->in[0], o) / equal : 0.0);
        }
    }
}
