/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/loss.h"

#include "ops/partial.h"

const char *const fv_loss_operands[] = {"src", "target", "loss", "losses"};
const char *const fv_loss_letters[] = {"nk", "nk"};
const char *const fv_loss_bwd_operands[] = {"d_loss", "src", "target", "d_src"};
const char *const fv_loss_bwd_letters[] = {"x", "nk", "nk"};

fv_status fv_loss_results(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_result(ctx, node, 0, node->in[0]->dtype, 1, (const int64_t[]){1}));
    return fv_result(ctx, node, 1, node->in[0]->dtype, 1, node->in[0]->shape.dim);
}

fv_status fv_loss_check_d_loss(fv_ctx *ctx, const fv_node *node)
{
    return fv_operand_dims(ctx, node, 0, 1, (const int64_t[]){1}, "the gradient of one number");
}

void fv_loss_mean(const fv_call *call)
{
    int64_t n = fv_out_dims(call, 1)[0];
    fv_dtype dtype = call->node->out[1]->dtype;
    int shards = fv_call_shards(call, n);
    double sum[FV_SHARDS_MAX] = {0};
    for (int j = 0; j < shards; j++)
        for (int64_t i = j * (n / shards); i < (j + 1) * (n / shards); i++)
            sum[j] += fv_get(dtype, call->out[1], i);
    fv_set(dtype, call->out[0], 0, fv_tree_sum(FV_F64, sum, shards) / (double)n);
}

fv_status fv_loss_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in, const char *bwd)
{
    if (d_out[1] != NULL)
        return fv_emit_fail(b, node, "only the mean loss can be differentiated, not the losses of single samples");
    if (fv_emit_wanted(b, node->in[1]))
        return fv_emit_fail(b, node, "there is no gradient with respect to the target");
    if (d_out[0] != NULL && fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, bwd, node->attr, (fv_val *[]){d_out[0], node->in[0], node->in[1]}, 3);
    return FV_OK;
}

fv_status fv_loss_split(fv_builder *b, const fv_node *node, bool pooled, fv_val *const *in, fv_val **out)
{
    (void)pooled;
    const fv_reshape_attr column = {.dims = {1, {1}}};
    out[1] = fv_emit_out(b, fv_emit(b, node->op->name, node->attr, in, node->n_in), 1);
    fv_val *sums = fv_emit(b, "channel_sum_partial", NULL, (fv_val *[]){fv_emit(b, "reshape", &column, &out[1], 1)}, 1);
    out[0] = fv_emit_mean(b, sums, out[1], node->out[0]->dtype);
    return FV_OK;
}

fv_status fv_pair_loss_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(fv_operand_same(ctx, node, 1, 0));
    return fv_loss_results(ctx, node);
}

fv_status fv_pair_loss_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_loss_check_d_loss(ctx, node));
    FV_TRY(fv_operand_float(ctx, node, 1, 0));
    FV_TRY(fv_operand_same(ctx, node, 2, 1));
    return fv_result_like(ctx, node, 0, 1);
}

fv_cost fv_pair_loss_cost(const fv_node *node)
{
    return fv_cost_of(node, 0.0, 4.0 * fv_count_in(node, 1));
}

void fv_pair_loss_ref(const fv_call *call, fv_loss_fn loss)
{
    const fv_shape *shape = &call->node->in[0]->shape;
    fv_dtype dtype = fv_call_dtype(call);
    int64_t n = shape->dim[0], count = fv_shape_count(shape) / n;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0.0;
        for (int64_t j = i * count; j < (i + 1) * count; j++)
            sum += loss(fv_get(dtype, call->in[0], j), fv_get(dtype, call->in[1], j), call->node->attr);
        fv_set(dtype, call->out[1], i, sum / (double)count);
    }
    fv_loss_mean(call);
}

void fv_pair_loss_bwd_ref(const fv_call *call, fv_loss_fn slope)
{
    fv_dtype dtype = fv_call_dtype(call);
    int64_t count = fv_shape_count(&call->node->in[1]->shape);
    double scale = fv_get(dtype, call->in[0], 0) / (double)fv_call_total(call, count);
    for (int64_t i = 0; i < count; i++) {
        double d = slope(fv_get(dtype, call->in[1], i), fv_get(dtype, call->in[2], i), call->node->attr);
        fv_set(dtype, call->out[0], i, scale * d);
    }
}
