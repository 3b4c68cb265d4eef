/* SPDX-License-Identifier: Apache-2.0 */
/* Other sizes of images. An element along an axis is a weighted sum of two others, or one of them. */
#include <math.h>
#include <string.h>

#include "io/tflite/quant.h"

typedef struct resizing {
    int64_t in[2], out[2];
    bool align, half;
} resizing;

static fv_status read_resizing(const fv_tflite_node *n, int field, resizing *r)
{
    fv_ints size;
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_ints(n, 1, "the size", &size));
    r->align = fv_flat_byte(n->options, field, 0) != 0;
    r->half = fv_flat_byte(n->options, field + 1, 0) != 0;
    if (n->in[0]->shape.rank != 4 || size.count != 2)
        return fv_tflite_cannot(n, "of %d dimensions, expected 4", n->in[0]->shape.rank);
    for (int i = 0; i < 2; i++) {
        r->in[i] = n->in[0]->shape.dim[1 + i];
        r->out[i] = size.value[i];
        if (r->out[i] < 1 || r->out[i] > (1 << 24))
            return fv_tflite_cannot(n, "to %lld pixels", (long long)r->out[i]);
    }
    return FV_OK;
}

static float scale_of(const resizing *r, int i)
{
    return r->align && r->out[i] > 1 ? (float)(r->in[i] - 1) / (float)(r->out[i] - 1)
                                     : (float)r->in[i] / (float)r->out[i];
}

/* Whole factors, as upsample2d has them. */
static bool is_plain(const resizing *r, bool linear, fv_upsample_attr *attr)
{
    attr->mode = linear;
    for (int i = 0; i < 2; i++) {
        attr->scale[i] = r->out[i] / r->in[i];
        if (attr->scale[i] < 1 || attr->scale[i] > 1024 || attr->scale[i] * r->in[i] != r->out[i])
            return false;
    }
    return !r->align && (r->half || !linear);
}

static fv_status map_nearest(const fv_tflite_node *n)
{
    resizing r;
    fv_upsample_attr attr;
    void *data;
    FV_TRY(read_resizing(n, 0, &r));
    fv_value x = fv_tflite_in(n, 0);
    if (n->in[0]->dtype == FV_F32 && is_plain(&r, false, &attr))
        return fv_tflite_result(n, 0, fv_import_emit1(n->im, "upsample2d", &attr, x), FV_ORDER_FILE);
    for (int i = 0; i < 2; i++) {
        const float scale = scale_of(&r, i), offset = r.half ? 0.5f : 0.0f;
        FV_TRY(fv_import_alloc(n->im, r.out[i] * (int64_t)sizeof(int64_t), &data));
        int64_t *at = data;
        bool same = r.in[i] == r.out[i];
        for (int64_t o = 0; o < r.out[i]; o++) {
            const float place = ((float)o + offset) * scale;
            at[o] = (int64_t)(r.align ? roundf(place) : floorf(place));
            at[o] = at[o] < 0 ? 0 : at[o] >= r.in[i] ? r.in[i] - 1 : at[o];
            same = same && at[o] == o;
        }
        if (!same)
            x = fv_tflite_picked(n->im, x, 1 + i, at, r.out[i]);
    }
    return fv_tflite_result(n, 0, x, FV_ORDER_FILE);
}

/* Along one axis: (1 - w) x[low] + w x[high]. */
static fv_status blend(const fv_tflite_node *n, const resizing *r, int i, fv_value *x)
{
    void *data;
    fv_import *im = n->im;
    const int64_t out = r->out[i], last = r->in[i] - 1;
    const float scale = scale_of(r, i);
    fv_shape beside = {4, {1, 1, 1, 1}};
    beside.dim[1 + i] = out;
    FV_TRY(fv_import_alloc(im, out * (int64_t)(2 * sizeof(int64_t) + 2 * sizeof(float)), &data));
    int64_t *low = data, *high = low + out;
    float *w = (float *)(high + out), *v = w + out;
    for (int64_t o = 0; o < out; o++) {
        const float place = r->half ? ((float)o + 0.5f) * scale - 0.5f : (float)o * scale, floor = floorf(place);
        low[o] = floor < 0 ? 0 : (int64_t)floor > last ? last : (int64_t)floor;
        high[o] = ceilf(place) < 0 ? 0 : (int64_t)ceilf(place) > last ? last : (int64_t)ceilf(place);
        w[o] = low[o] == high[o] ? 0.0f : place - (float)low[o];
        v[o] = 1.0f - w[o];
    }
    fv_value a = fv_tflite_picked(im, *x, 1 + i, low, out), b = fv_tflite_picked(im, *x, 1 + i, high, out);
    a = fv_import_emit2(im, "mul", NULL, a, fv_import_constant(im, FV_F32, &beside, v));
    b = fv_import_emit2(im, "mul", NULL, b, fv_import_constant(im, FV_F32, &beside, w));
    *x = fv_import_emit2(im, "add", NULL, a, b);
    return FV_OK;
}

/* Of integers: places in units of 1/1024, the sum over four pixels rounded once, halves away from 0. */
static fv_status integer_bilinear(const fv_tflite_node *n, const resizing *r)
{
    fv_q_resize_attr attr = {.size = {r->out[0], r->out[1]}, .align = r->align, .half = r->half};
    return fv_tflite_result(n, 0, fv_import_emit1(n->im, "q_resize2d", &attr, fv_tflite_in(n, 0)), FV_ORDER_FILE);
}

static fv_status map_bilinear(const fv_tflite_node *n)
{
    resizing r;
    bool quantized;
    fv_upsample_attr attr;
    FV_TRY(read_resizing(n, 2, &r));
    FV_TRY(fv_tflite_kind(n, 0, &quantized));
    if (quantized)
        return integer_bilinear(n, &r);
    fv_value x = fv_tflite_in(n, 0);
    if (is_plain(&r, true, &attr))
        return fv_tflite_result(n, 0, fv_import_emit1(n->im, "upsample2d", &attr, x), FV_ORDER_FILE);
    for (int i = 0; i < 2; i++)
        if (r.in[i] != r.out[i])
            FV_TRY(blend(n, &r, i, &x));
    return fv_tflite_result(n, 0, x, FV_ORDER_FILE);
}

const fv_tflite_op fv_tflite_resize_ops[] = {
    {"RESIZE_BILINEAR", map_bilinear, NULL, NULL},
    {"RESIZE_NEAREST_NEIGHBOR", map_nearest, NULL, NULL},
    {0},
};
