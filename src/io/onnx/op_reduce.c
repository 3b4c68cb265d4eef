/* SPDX-License-Identifier: Apache-2.0 */
/* Sums, means and extremes along dimensions. */
#include <string.h>

#include "io/onnx/node.h"

/* What is done to each element before it is reduced, and to the result. */
typedef enum step { STEP_NONE, STEP_SQUARE, STEP_SIZE, STEP_ROOT, STEP_LOG } step;

static const struct {
    const char *onnx, *op;
    step before, behind;
} rows[] = {
    {"ReduceMean", "reduce_mean", STEP_NONE, STEP_NONE},    {"ReduceSum", "reduce_sum", STEP_NONE, STEP_NONE},
    {"ReduceMax", "reduce_max", STEP_NONE, STEP_NONE},      {"ReduceMin", "reduce_min", STEP_NONE, STEP_NONE},
    {"ReduceL1", "reduce_sum", STEP_SIZE, STEP_NONE},       {"ReduceL2", "reduce_sum", STEP_SQUARE, STEP_ROOT},
    {"ReduceLogSum", "reduce_sum", STEP_NONE, STEP_LOG},    {"ReduceSumSquare", "reduce_sum", STEP_SQUARE, STEP_NONE},
    {"ReduceLogSumExp", "reduce_sum", STEP_NONE, STEP_LOG}, /* of e^(x - largest), which is added again */
};

static fv_value apply(fv_import *im, step what, fv_value x)
{
    switch (what) {
    case STEP_SQUARE:
        return fv_import_emit2(im, "mul", NULL, x, x);
    case STEP_SIZE:
        return fv_import_emit2(im, "max", NULL, x, fv_import_emit2(im, "mul", NULL, x, fv_import_number(im, -1.0)));
    case STEP_ROOT:
        return fv_import_emit1(im, "sqrt", NULL, x);
    case STEP_LOG:
        return fv_import_emit1(im, "log", NULL, x);
    case STEP_NONE:
        break;
    }
    return x;
}

/* The shape in the file's order, and in which order the result is once dimensions have gone from `order`. */
static fv_order shape_behind(const fv_foreign *f, uint32_t gone, bool keep, fv_order order, fv_shape *to)
{
    *to = (fv_shape){.rank = 0};
    for (int d = 0; d < f->shape.rank; d++)
        if (!(gone >> d & 1) || keep)
            to->dim[to->rank++] = gone >> d & 1 ? 1 : f->shape.dim[d];
    return keep || (to->rank >= 3 && !(gone & 2)) ? order : FV_ORDER_FILE;
}

static fv_status axes_of(const fv_onnx_node *n, const fv_foreign *f, uint32_t *gone)
{
    fv_ints axes;
    FV_TRY(fv_onnx_ints_of(n, 1, "axes", &axes));
    *gone = 0;
    if (axes.count == 0 && !(fv_onnx_int(n, "noop_with_empty_axes", 0) != 0))
        *gone = (1u << f->shape.rank) - 1;
    for (int64_t i = 0; i < axes.count; i++) {
        int axis;
        FV_TRY(fv_onnx_axis(n, axes.value[i], f->shape.rank, &axis));
        *gone |= 1u << axis;
    }
    return f->batched && (*gone & 1) ? fv_import_merges(n->im) : FV_OK;
}

static fv_status map_reduce(const fv_onnx_node *n)
{
    uint32_t gone;
    size_t r = 0;
    fv_shape to;
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, 0));
    fv_foreign *f = n->in[0];
    FV_TRY(axes_of(n, f, &gone));
    while (strcmp(rows[r].onnx, n->op) != 0)
        r++;
    if (gone == 0)
        return fv_import_alias(im, n->out[0], f);
    const int rank = f->shape.rank;
    const bool keep = fv_onnx_int(n, "keepdims", 1) != 0;
    fv_order order = fv_import_common(&f, 1, rank);
    order = order == FV_ORDER_ROW ? FV_ORDER_FILE : order;
    fv_value x = fv_import_get(im, f, order);
    if (rows[r].behind != STEP_NONE && !fv_dtype_is_float(f->dtype))
        return fv_onnx_cannot(n, "of %s", fv_dtype_name(f->dtype));
    x = apply(im, rows[r].before, x);
    if (order == FV_ORDER_LAST && rank == 4 && gone == 12 && r == 0) {
        x = fv_import_emit1(im, "global_avg_pool", NULL, x);
    } else {
        fv_reduce_attr attr = {.keepdims = true};
        for (int d = 0; d < rank; d++)
            if (gone >> d & 1)
                attr.axes.value[attr.axes.count++] = fv_import_axis(order, d, rank);
        fv_value most = fv_no_value;
        if (strcmp(n->op, "ReduceLogSumExp") == 0) {
            most = fv_import_emit1(im, "reduce_max", &attr, x);
            x = fv_import_emit1(im, "exp", NULL, fv_import_emit2(im, "sub", NULL, x, most));
        }
        x = apply(im, rows[r].behind, fv_import_emit1(im, rows[r].op, &attr, x));
        if (most.id >= 0)
            x = fv_import_emit2(im, "add", NULL, x, most);
    }
    const fv_order after = shape_behind(f, gone, keep, order, &to);
    fv_shape here = to; /* as the value has it */
    for (int d = 0; d < to.rank; d++)
        here.dim[after == FV_ORDER_LAST && to.rank >= 3 ? fv_import_axis(after, d, to.rank) : d] = to.dim[d];
    const fv_shape one = {1, {1}};
    x = fv_import_reshape(im, x, here.rank ? &here : &one, f->batched && here.rank > 0);
    return fv_onnx_result_as(n, 0, x, after, &to);
}

static fv_status fold_product(const fv_onnx_node *n)
{
    void *data;
    FV_TRY(fv_onnx_need(n, 0));
    const fv_foreign *f = n->in[0];
    uint32_t gone;
    FV_TRY(axes_of(n, f, &gone));
    if (gone != (1u << f->shape.rank) - 1)
        return fv_onnx_cannot(n, "supported of all elements together");
    fv_shape to = {.rank = fv_onnx_int(n, "keepdims", 1) != 0 ? f->shape.rank : 0, .dim = {1, 1, 1, 1, 1, 1, 1, 1}};
    double product = 1.0;
    FV_TRY(fv_onnx_result_constant(n, 0, f->dtype, &to, &data));
    for (int64_t i = 0; i < fv_foreign_count(f); i++)
        product *= fv_foreign_real(f, i);
    fv_set(f->dtype, data, 0, product);
    return FV_OK;
}

const fv_onnx_op fv_onnx_reduce_ops[] = {
    {"ReduceMean", map_reduce, NULL, NULL},
    {"ReduceSum", map_reduce, NULL, NULL},
    {"ReduceMax", map_reduce, NULL, NULL},
    {"ReduceMin", map_reduce, NULL, NULL},
    {"ReduceL1", map_reduce, NULL, NULL},
    {"ReduceL2", map_reduce, NULL, NULL},
    {"ReduceLogSum", map_reduce, NULL, NULL},
    {"ReduceLogSumExp", map_reduce, NULL, NULL},
    {"ReduceSumSquare", map_reduce, NULL, NULL},
    {"ReduceProd", NULL, fold_product, "it is supported of constants alone"},
    {"ArgMax", NULL, NULL, "supported is ReduceMax"},
    {"TopK", NULL, NULL, "supported is ReduceMax"},
    {0},
};
