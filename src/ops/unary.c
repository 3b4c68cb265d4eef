/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/unary.h"

const char *const fv_unary_operands[] = {"src", "dst"};
const char *const fv_unary_letters[] = {"nhwc"};
const char *const fv_unary_bwd_dst_operands[] = {"d_dst", "dst", "d_src"};
const char *const fv_unary_bwd_src_operands[] = {"d_dst", "src", "d_src"};
const char *const fv_unary_bwd_letters[] = {"nhwc", "nhwc"};

fv_status fv_unary_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    return fv_result_like(ctx, node, 0, 0);
}

fv_status fv_unary_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    return fv_result_like(ctx, node, 0, 0);
}

fv_status fv_unary_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in, const char *bwd,
                        fv_val *kept)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, bwd, node->attr, (fv_val *[]){d_out[0], kept}, 2);
    return FV_OK;
}

/* fv_act_attr is the only attribute struct of this family. */
static double unary_alpha(const fv_call *call)
{
    const fv_act_attr *attr = call->node->op->attr_size == 0 ? NULL : call->node->attr;
    return attr == NULL ? 0.0 : fv_round(fv_call_dtype(call), attr->alpha);
}

void fv_unary_ref(const fv_call *call, fv_unary_fn f)
{
    fv_dtype dtype = fv_call_dtype(call);
    double alpha = unary_alpha(call);
    int64_t count = fv_shape_count(&call->node->out[0]->shape);
    for (int64_t i = 0; i < count; i++)
        fv_set(dtype, call->out[0], i, f(fv_get(dtype, call->in[0], i), alpha));
}

void fv_unary_bwd_ref(const fv_call *call, fv_unary_bwd_fn f)
{
    fv_dtype dtype = fv_call_dtype(call);
    double alpha = unary_alpha(call);
    int64_t count = fv_shape_count(&call->node->out[0]->shape);
    for (int64_t i = 0; i < count; i++)
        fv_set(dtype, call->out[0], i, f(fv_get(dtype, call->in[0], i), fv_get(dtype, call->in[1], i), alpha));
}

double fv_sigmoid(double x)
{
    double e = exp(-fabs(x));
    return (x >= 0.0 ? 1.0 : e) / (1.0 + e);
}
