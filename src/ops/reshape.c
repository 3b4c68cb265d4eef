/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/channels.h"
#include "ops/nd.h"

static const fv_attr reshape_attrs[] = {
    {"dims", FV_ATTR_INTS, offsetof(fv_reshape_attr, dims), 0, -1, (double)(INT64_C(1) << 40), NULL,
     "Dimensions behind the batch; one may be -1 and is computed."},
    {"whole", FV_ATTR_BOOL, offsetof(fv_reshape_attr, whole), 0, 0, 1, NULL,
     "dims are all dimensions, the batch included; one of 0 is as src has it there."},
    {0},
};

static fv_status reshape_infer(fv_ctx *ctx, const fv_node *node)
{
    const fv_reshape_attr *attr = node->attr;
    const fv_ints *dims = &attr->dims;
    FV_TRY(fv_operand_any(ctx, node, 0));
    const fv_shape *src = &node->in[0]->shape;
    const int first = attr->whole ? 0 : 1;
    if (src->rank < first)
        return fv_node_fail(ctx, node, "src is a scalar: it has no batch to keep");
    if (dims->count < 0 || dims->count > FV_MAX_RANK - first)
        return fv_node_fail(ctx, node, "dims has %lld numbers, expected at most %d%s", (long long)dims->count,
                            FV_MAX_RANK - first, first ? " (the batch is not among them)" : "");
    int64_t dst[FV_MAX_RANK] = {0}, features = fv_shape_count(src), product = 1, open = -1;
    if (first) {
        dst[0] = src->dim[0];
        features /= dst[0];
    }
    for (int64_t i = 0; i < dims->count; i++) {
        int64_t value = dims->value[i];
        if (value == -1 && open < 0) {
            open = i + first;
            continue;
        }
        if (value == 0 && !first && i < src->rank)
            value = src->dim[i];
        if (value < 1)
            return fv_node_fail(ctx, node,
                                "dims[%lld] is %lld; every dimension must be at least 1, and only one may be -1",
                                (long long)i, (long long)value);
        dst[i + first] = value;
        if (!fv_size_mul(product, value, &product))
            return fv_node_fail(ctx, node, "dims multiply to more elements than can be addressed");
    }
    if (open >= 0) {
        if (features % product != 0)
            return fv_node_fail(ctx, node, "%lld elements per sample are no multiple of the %lld that dims fix",
                                (long long)features, (long long)product);
        dst[open] = features / product;
        product = features;
    }
    if (product != features)
        return fv_node_fail(ctx, node, "dims hold %lld elements per sample, src has %lld", (long long)product,
                            (long long)features);
    return fv_result(ctx, node, 0, node->in[0]->dtype, (int)dims->count + first, dst);
}

static fv_status reshape_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    const fv_shape *src = &node->in[0]->shape;
    const bool whole = ((const fv_reshape_attr *)node->attr)->whole;
    fv_reshape_attr attr = {.dims.count = src->rank - !whole, .whole = whole};
    memcpy(attr.dims.value, src->dim + !whole, (size_t)attr.dims.count * sizeof *src->dim);
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "reshape", &attr, d_out, 1);
    return FV_OK;
}

static fv_cost reshape_cost(const fv_node *node)
{
    (void)node;
    return (fv_cost){0};
}

static bool reshape_moves_samples(const fv_node *node)
{
    return ((const fv_reshape_attr *)node->attr)->whole;
}

static void reshape_ref(const fv_call *call)
{
    const fv_val *dst = call->node->out[0];
    if (call->out[0] != call->in[0])
        memmove(call->out[0], call->in[0], (size_t)fv_shape_count(&dst->shape) * fv_dtype_size(dst->dtype));
}

/* The last dimension of the result is that of src, or has it at each of several places. */
static void reshape_channels(fv_channels *c, const fv_node *node)
{
    const fv_val *src = node->in[0], *dst = node->out[0];
    const int s = src->shape.rank - 1, d = dst->shape.rank - 1,
              first = ((const fv_reshape_attr *)node->attr)->whole ? 0 : 1;
    int64_t places = 1;
    int k = s;
    if (s < first || d < first)
        return;
    while (k > first && places * src->shape.dim[k] < dst->shape.dim[d])
        places *= src->shape.dim[k--];
    if (places * src->shape.dim[k] != dst->shape.dim[d])
        return;
    for (int64_t at = 0; at < dst->shape.dim[d]; at += src->shape.dim[s])
        fv_channels_tie(c, src, s, 0, dst, d, at, src->shape.dim[s]);
}

static void reshape_narrow(const fv_channels *c, const fv_node *node, void *attr)
{
    fv_ints *dims = &((fv_reshape_attr *)attr)->dims;
    const fv_val *dst = node->out[0];
    const int d = dst->shape.rank - 1;
    if (dims->count > 0 && dims->value[dims->count - 1] > 0)
        dims->value[dims->count - 1] = fv_channels_left(c, dst, d, 0, dst->shape.dim[d]);
}

const fv_op fv_op_reshape = {
    .name = "reshape",
    .doc =
        "The elements of every sample under other dimensions, in memory order; the batch stays unless whole is true. "
        "Any dtype. No work is done.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .traits = FV_T_VIEW,
    .operands = (const char *const[]){"src", "dst"},
    .letters = (const char *const[]){"nhwc"},
    .attr_size = sizeof(fv_reshape_attr),
    .attrs = reshape_attrs,
    .infer = reshape_infer,
    .grad = reshape_grad,
    .cost = reshape_cost,
    .moves_samples = reshape_moves_samples,
    .ref = reshape_ref,
    .channels = reshape_channels,
    .narrow = reshape_narrow,
};
