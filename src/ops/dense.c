/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channels.h"
#include "ops/epilogue.h"

static const fv_attr dense_attrs[] = {FV_EPILOGUE_ROW(fv_dense_attr), {0}};

/* The shape with another last dimension. */
static fv_shape with_last(const fv_shape *shape, int64_t last)
{
    fv_shape s = *shape;
    s.dim[s.rank - 1] = last;
    return s;
}

static fv_status dense_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    const fv_shape *src = &node->in[0]->shape;
    char text[96];
    if (src->rank < 2)
        return fv_node_fail(ctx, node, "src must have at least 2 dimensions (n i), found shape %s",
                            fv_shape_text(src, text));
    FV_TRY(fv_operand_float(ctx, node, 1, 2));
    const int64_t *wei = node->in[1]->shape.dim, features = fv_shape_last(src);
    if (wei[1] != features && src->rank > 2)
        return fv_node_fail(ctx, node,
                            "wei has %lld inputs per unit, expected %lld (features of src, shape %s); put a flatten "
                            "before it, if all of a sample is meant",
                            (long long)wei[1], (long long)features, fv_shape_text(src, text));
    if (wei[1] != features)
        return fv_node_fail(ctx, node, "wei has %lld inputs per unit, expected %lld (features of src, shape %s)",
                            (long long)wei[1], (long long)features, fv_shape_text(src, text));
    const fv_shape dst = with_last(src, wei[0]);
    if (fv_operand(node, 2) != NULL)
        FV_TRY(fv_operand_dims(ctx, node, 2, 1, wei, "one per unit"));
    if (fv_operand(node, 3) != NULL)
        FV_TRY(fv_operand_dims(ctx, node, 3, dst.rank, dst.dim, "that of dst"));
    return fv_result(ctx, node, 0, node->in[0]->dtype, dst.rank, dst.dim);
}

static fv_status dense_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_val *d_dst = fv_epilogue_grad(b, node, ((const fv_dense_attr *)node->attr)->activation, d_out[0]);
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "dense_bwd_data", NULL, (fv_val *[]){d_dst, node->in[1]}, 2);
    if (fv_emit_wanted(b, node->in[1]))
        d_in[1] = fv_emit(b, "dense_bwd_weights", NULL, (fv_val *[]){d_dst, node->in[0]}, 2);
    if (fv_operand(node, 2) != NULL && fv_emit_wanted(b, node->in[2]))
        d_in[2] = fv_emit(b, "channel_sum", NULL, &d_dst, 1);
    if (fv_operand(node, 3) != NULL && fv_emit_wanted(b, node->in[3]))
        d_in[3] = d_dst;
    return FV_OK;
}

static fv_cost dense_cost(const fv_node *node)
{
    int extra = (fv_operand(node, 2) != NULL) + (fv_operand(node, 3) != NULL) +
                (((const fv_dense_attr *)node->attr)->activation != FV_ACT_NONE);
    return fv_cost_of(node, fv_count_in(node, 0) * (double)node->in[1]->shape.dim[0], extra * fv_count_out(node, 0));
}

static void dense_ref(const fv_call *call)
{
    fv_dtype dtype = fv_call_dtype(call);
    const int64_t *wei = fv_in_dims(call, 1), rows = fv_shape_rows(&call->node->in[0]->shape);
    const void *bia = fv_call_in(call, 2), *res = fv_call_in(call, 3);
    int32_t activation = ((const fv_dense_attr *)call->node->attr)->activation;
    for (int64_t n = 0; n < rows; n++)
        for (int64_t o = 0; o < wei[0]; o++) {
            double acc = bia == NULL ? 0.0 : fv_get(dtype, bia, o);
            for (int64_t i = 0; i < wei[1]; i++)
                acc = fv_chain_fma(dtype, acc, fv_get(dtype, call->in[0], n * wei[1] + i),
                                   fv_get(dtype, call->in[1], o * wei[1] + i));
            if (res != NULL)
                acc = fv_chain_add(dtype, acc, fv_get(dtype, res, n * wei[0] + o));
            fv_set(dtype, call->out[0], n * wei[0] + o, fv_epilogue_apply(activation, acc));
        }
}

static void dense_channels(fv_channels *c, const fv_node *node)
{
    fv_channels_weighted(c, node, 1);
}

const fv_op fv_op_dense = {
    .name = "dense",
    .doc = "Fully connected layer: dst[n,o] = act(bia[o] + sum over i of src[n,i] * wei[o,i] + res[n,o]), one chain "
           "over i from the bias. Of n,h,w,i, or any other dimensions, every row of the last is such an n.",
    .n_in_min = 2,
    .n_in_max = 4,
    .n_out = 1,
    .traits = FV_T_FUSES_ACTIVATION | FV_T_FUSES_RESIDUAL | FV_T_WEIGHTED,
    .operands = (const char *const[]){"src", "wei", "bia", "res", "dst"},
    .kinds = fv_weighted_kinds,
    .letters = (const char *const[]){"ni", "oi", "o", "no"},
    .attr_size = sizeof(fv_dense_attr),
    .attrs = dense_attrs,
    .infer = dense_infer,
    .grad = dense_grad,
    .cost = dense_cost,
    .ref = dense_ref,
    .channels = dense_channels,
};

/* ---- gradient to the input ---- */

static fv_status need_rows(fv_ctx *ctx, const fv_node *node, int i)
{
    const int rank = node->in[i]->shape.rank;
    return rank >= 2
               ? FV_OK
               : fv_node_fail(ctx, node, "%s must have at least 2 dimensions, found %d", node->op->operands[i], rank);
}

static fv_status dense_bwd_data_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(need_rows(ctx, node, 0));
    FV_TRY(fv_operand_float(ctx, node, 1, 2));
    const fv_shape *dst = &node->in[0]->shape;
    const int64_t *wei = node->in[1]->shape.dim;
    if (wei[0] != fv_shape_last(dst))
        return fv_node_fail(ctx, node, "d_dst has %lld features but wei has %lld units; they must be equal",
                            (long long)fv_shape_last(dst), (long long)wei[0]);
    const fv_shape src = with_last(dst, wei[1]);
    return fv_result(ctx, node, 0, node->in[0]->dtype, src.rank, src.dim);
}

static fv_cost dense_bwd_data_cost(const fv_node *node)
{
    return fv_cost_of(node, fv_count_in(node, 0) * (double)node->in[1]->shape.dim[1], 0.0);
}

static void dense_bwd_data_ref(const fv_call *call)
{
    fv_dtype dtype = fv_call_dtype(call);
    const int64_t *wei = fv_in_dims(call, 1), rows = fv_shape_rows(&call->node->in[0]->shape);
    for (int64_t n = 0; n < rows; n++)
        for (int64_t i = 0; i < wei[1]; i++) {
            double acc = 0.0;
            for (int64_t o = 0; o < wei[0]; o++)
                acc = fv_chain_fma(dtype, acc, fv_get(dtype, call->in[0], n * wei[0] + o),
                                   fv_get(dtype, call->in[1], o * wei[1] + i));
            fv_set(dtype, call->out[0], n * wei[1] + i, acc);
        }
}

const fv_op fv_op_dense_bwd_data = {
    .name = "dense_bwd_data",
    .doc = "Gradient of dense with respect to src: d_src[n,i] = sum over o of d_dst[n,o] * wei[o,i], one chain over o "
           "from 0.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD,
    .operands = (const char *const[]){"d_dst", "wei", "d_src"},
    .letters = (const char *const[]){"no", "oi"},
    .infer = dense_bwd_data_infer,
    .cost = dense_bwd_data_cost,
    .ref = dense_bwd_data_ref,
};

/* ---- gradient to the weights ---- */

static fv_status dense_bwd_weights_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(fv_operand_float(ctx, node, 0, 0));
    FV_TRY(need_rows(ctx, node, 0));
    FV_TRY(fv_operand_float(ctx, node, 1, node->in[0]->shape.rank));
    const fv_shape *dst = &node->in[0]->shape, *src = &node->in[1]->shape;
    for (int d = 0; d < dst->rank - 1; d++)
        if (src->dim[d] != dst->dim[d])
            return fv_node_fail(ctx, node, "d_dst has %lld %s but src has %lld; they must be equal",
                                (long long)dst->dim[d], d == 0 ? "samples" : "rows", (long long)src->dim[d]);
    return fv_result(ctx, node, 0, node->in[0]->dtype, 2, (const int64_t[]){fv_shape_last(dst), fv_shape_last(src)});
}

static fv_cost dense_bwd_weights_cost(const fv_node *node)
{
    return fv_cost_of(node, fv_count_in(node, 0) * (double)fv_shape_last(&node->in[1]->shape), 0.0);
}

static void dense_bwd_weights_ref(const fv_call *call)
{
    fv_dtype dtype = fv_call_dtype(call);
    const int64_t *wei = fv_out_dims(call, 0);
    int shards = fv_call_shards(call, fv_in_dims(call, 1)[0]);
    int64_t per_shard = fv_shape_rows(&call->node->in[1]->shape) / shards;
    for (int64_t o = 0; o < wei[0]; o++)
        for (int64_t i = 0; i < wei[1]; i++) {
            double sum[FV_SHARDS_MAX] = {0};
            for (int j = 0; j < shards; j++)
                for (int64_t n = j * per_shard; n < (j + 1) * per_shard; n++)
                    sum[j] = fv_chain_fma(dtype, sum[j], fv_get(dtype, call->in[0], n * wei[0] + o),
                                          fv_get(dtype, call->in[1], n * wei[1] + i));
            fv_set(dtype, call->out[0], o * wei[1] + i, fv_tree_sum(dtype, sum, shards));
        }
}

const fv_op fv_op_dense_bwd_weights = {
    .name = "dense_bwd_weights",
    .doc = "Gradient of dense with respect to wei: d_wei[o,i] = sum over n of d_dst[n,o] * src[n,i]; per shard one "
           "chain over n from 0, then a binary tree over shards.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .traits = FV_T_BACKWARD | FV_T_SHARDED,
    .operands = (const char *const[]){"d_dst", "src", "d_wei"},
    .letters = (const char *const[]){"no", "ni"},
    .infer = dense_bwd_weights_infer,
    .cost = dense_bwd_weights_cost,
    .ref = dense_bwd_weights_ref,
};
