/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/many.h"

static const fv_attr max_norm_attrs[] = {
    {"limit", FV_ATTR_REAL, offsetof(fv_limit_attr, limit), 1, 0, 1e30, NULL, "Largest norm of a row."},
    {0},
};

static fv_status max_norm_infer(fv_ctx *ctx, const fv_node *node)
{
    return fv_operand_float(ctx, node, 0, 0);
}

static fv_cost max_norm_cost(const fv_node *node)
{
    fv_cost cost = fv_cost_of(node, 0.0, 3.0 * fv_count_in(node, 0));
    cost.bytes += fv_count_in(node, 0) * (double)fv_dtype_size(node->in[0]->dtype);
    return cost;
}

static void max_norm_ref(const fv_call *call)
{
    const double limit = ((const fv_limit_attr *)call->node->attr)->limit;
    const fv_dtype dtype = fv_call_dtype(call);
    const fv_shape *shape = &call->node->in[0]->shape;
    const int64_t rows = shape->rank > 0 ? shape->dim[0] : 1, n = fv_shape_count(shape) / rows;
    for (int64_t r = 0; r < rows; r++) {
        const double norm = sqrt(fv_squares(dtype, call->in[0], r * n, (r + 1) * n));
        const double factor = fv_round(dtype, limit / (norm + 1e-7));
        for (int64_t i = r * n; norm > limit && i < (r + 1) * n; i++)
            fv_set(dtype, call->in[0], i, fv_get(dtype, call->in[0], i) * factor);
    }
}

const fv_op fv_op_max_norm = {
    .name = "max_norm",
    .doc = "Brings rows (all that has one index in the first dimension: what leads to one output) whose norm is above "
           "limit down to it, in place: row *= limit / (norm + 1e-7) (Srebro and Shraibman, 2005). Sums of squares "
           "are float64, in 16 lanes.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 0,
    .traits = FV_T_BACKWARD,
    .updates = 1,
    .operands = (const char *const[]){"wei"},
    .letters = (const char *const[]){"n"},
    .attr_size = sizeof(fv_limit_attr),
    .attrs = max_norm_attrs,
    .infer = max_norm_infer,
    .cost = max_norm_cost,
    .ref = max_norm_ref,
};
