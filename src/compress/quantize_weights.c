/* SPDX-License-Identifier: Apache-2.0 */
/* Weights as integers: symmetric, with 8 bits of -127 to 127, with a scale for each filter or one for all. */
#include <math.h>
#include <string.h>

#include "compress/quantize.h"

static const float *data_of(const fv_quantizer *q, const fv_val *val)
{
    const fv_slot *slot = val->role == FV_ROLE_CONST ? NULL : fv_model_slot_of(q->model, val->id);
    return slot ? fv_slot_data(slot) : NULL;
}

/* A weight or a constant as floats; the caller frees. */
static float *floats_of(const fv_quantizer *q, const fv_val *val)
{
    const size_t bytes = (size_t)fv_shape_count(&val->shape) * sizeof(float);
    const float *slot = data_of(q, val);
    float *data = fv_malloc(q->ctx, bytes + 1);
    if (data && slot)
        memcpy(data, slot, bytes);
    else if (data)
        fv_const_fill(val, data);
    return data;
}

static double largest(const float *x, int64_t count)
{
    double most = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

/* What rounding a filter adds to its sums on average, by the means of what the layer takes: padding is not looked at.
 */
static double shift_of(const fv_quantizer *q, const fv_node *node, const float *w, const int8_t *rounded, double scale,
                       int64_t k)
{
    const fv_val *src = node->in[0];
    const double *sum = q->values ? q->values[src->id].sum : NULL;
    const fv_shape *s = &node->in[1]->shape;
    const int64_t each = fv_shape_count(s) / s->dim[0], depth = fv_shape_last(s), c = fv_shape_last(&src->shape);
    const int64_t groups = s->rank == 4 ? c / depth : 1, first = k / (s->dim[0] / groups) * depth;
    double shift = 0;
    if (!sum || q->images == 0)
        return 0;
    const double count = (double)q->images * (double)(fv_shape_count(&src->shape) / c);
    for (int64_t i = 0; i < each; i++)
        shift += (scale * (double)rounded[i] - (double)w[i]) * sum[first + i % depth] / count;
    return shift;
}

fv_status fv_q_weights(const fv_quantizer *q, const fv_node *node, double src_scale, fv_q_layer *l, double *scale)
{
    const fv_val *wei = node->in[1], *bia = node->n_in > 2 ? node->in[2] : NULL;
    const int64_t filters = wei->shape.dim[0], each = fv_shape_count(&wei->shape) / filters;
    float *w = floats_of(q, wei), *b = bia ? floats_of(q, bia) : NULL;
    fv_status status = w && (b || !bia) ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = fv_tensor_create(q->ctx, FV_I8, &wei->shape, &l->wei);
    if (status == FV_OK)
        status = fv_tensor_create(q->ctx, FV_I32, &(fv_shape){1, {filters}}, &l->bia);
    l->scale = scale;
    l->scales = q->o.per_tensor ? 1 : filters;
    if (status == FV_OK && q->o.per_tensor)
        scale[0] =
            fv_q_filter_scale(largest(w, filters * each), b ? largest(b, filters) : 0, src_scale, q->o.weight_bits);
    for (int64_t k = 0; status == FV_OK && k < filters; k++) {
        int32_t *bias = fv_tensor_data(l->bia);
        if (!q->o.per_tensor)
            scale[k] =
                fv_q_filter_scale(largest(w + k * each, each), b ? fabs((double)b[k]) : 0, src_scale, q->o.weight_bits);
        const double s = scale[q->o.per_tensor ? 0 : k];
        int8_t *to = (int8_t *)fv_tensor_data(l->wei) + k * each;
        fv_q_filter(w + k * each, each, s, q->o.weight_bits, to);
        bias[k] = fv_q_bias((b ? (double)b[k] : 0) - shift_of(q, node, w + k * each, to, s, k), s, src_scale);
    }
    fv_free(q->ctx, w);
    fv_free(q->ctx, b);
    return status;
}

fv_status fv_q_biases(const fv_quantizer *q, const fv_node *node, double *bias)
{
    const fv_val *bia = node->n_in > 2 ? node->in[2] : NULL;
    float *b = bia ? floats_of(q, bia) : NULL;
    if (bia && !b)
        return FV_ERR_NO_MEMORY;
    for (int64_t k = 0; k < node->in[1]->shape.dim[0]; k++)
        bias[k] = b ? (double)b[k] : 0;
    fv_free(q->ctx, b);
    return FV_OK;
}

fv_status fv_q_constant(const fv_quantizer *q, const fv_val *val, fv_tensor **tensor, fv_q_pair *pair)
{
    const int64_t count = fv_shape_count(&val->shape);
    float *x = floats_of(q, val);
    double low = 0, high = 0;
    fv_status status = x ? fv_tensor_create(q->ctx, FV_I8, &val->shape, tensor) : FV_ERR_NO_MEMORY;
    for (int64_t i = 0; status == FV_OK && i < count; i++) {
        low = fmin(low, (double)x[i]);
        high = fmax(high, (double)x[i]);
    }
    (void)fv_q_pair_set(low, high, pair);
    for (int64_t i = 0; status == FV_OK && i < count; i++)
        fv_q_set(FV_I8, fv_tensor_data(*tensor), i, fv_q_integer(pair, x[i]), pair->low, pair->high);
    fv_free(q->ctx, x);
    return status;
}
