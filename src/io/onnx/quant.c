/* SPDX-License-Identifier: Apache-2.0 */
#include "io/onnx/quant.h"

#include <math.h>
#include <string.h>

const char fv_onnx_integers[] = "of integers";

const fv_onnx_numbers *fv_onnx_numbers_of(const fv_onnx_node *n, int i)
{
    return i >= 0 && i < n->n_in && n->in[i] ? n->in[i]->origin : NULL;
}

const fv_onnx_numbers *fv_onnx_sums_of(const fv_onnx_node *n, int i)
{
    const fv_onnx_numbers *numbers = fv_onnx_numbers_of(n, i);
    return numbers && !numbers->q ? numbers : NULL;
}

fv_status fv_onnx_note(const fv_onnx_node *n, const fv_onnx_numbers *numbers, const fv_shape *shape)
{
    fv_import *im = n->im;
    fv_foreign *f;
    const bool batched = fv_onnx_batched(n);
    FV_TRY(im->model->error);
    if (n->n_out < 1 || !*n->out[0])
        return FV_OK;
    if (batched && (shape->rank < 1 || shape->dim[0] != 1))
        return fv_import_merges(im);
    fv_onnx_numbers *kept = fv_arena_alloc(im->arena, sizeof *kept);
    if (!kept)
        return FV_ERR_NO_MEMORY;
    *kept = *numbers;
    FV_TRY(fv_import_add(im, n->out[0], &f));
    f->dtype = FV_F32;
    f->shape = *shape;
    f->batched = batched;
    f->origin = kept;
    return FV_OK;
}

/* ---- as floats ---- */

fv_status fv_onnx_along(fv_import *im, fv_foreign *f, const fv_foreign *x, fv_order order, int axis, fv_value *v)
{
    const int rank = x->shape.rank;
    const int64_t count = fv_foreign_count(f);
    fv_shape shape = {.rank = rank};
    if (f->batched)
        return fv_import_merges(im);
    *v = fv_import_cast(im, fv_import_get(im, f, FV_ORDER_FILE), FV_F32);
    if (count == 1) {
        const fv_shape one = {1, {1}};
        *v = fv_import_reshape(im, *v, &one, false);
        return FV_OK;
    }
    if (f->shape.rank != 1 || axis >= rank || x->shape.dim[axis] != count)
        return fv_fail(im->ctx, FV_ERR_UNSUPPORTED,
                       "scales of %d dimensions: one, or one for each position along an axis is supported",
                       f->shape.rank);
    for (int d = 0; d < rank; d++)
        shape.dim[d] = 1;
    shape.dim[fv_import_axis(order, axis, rank)] = count;
    *v = fv_import_reshape(im, *v, &shape, false);
    return FV_OK;
}

fv_status fv_onnx_dequantize(fv_import *im, const fv_onnx_numbers *numbers, fv_value *y, fv_order *order)
{
    fv_value v;
    fv_foreign *q = numbers->q;
    *order = fv_import_common(&q, 1, q->shape.rank);
    if (*order == FV_ORDER_ROW && fv_foreign_count(numbers->scale) > 1)
        *order = FV_ORDER_FILE;
    *y = fv_import_cast(im, fv_import_get(im, q, *order), FV_F32);
    if (numbers->zero) {
        FV_TRY(fv_onnx_along(im, numbers->zero, q, *order, numbers->axis, &v));
        *y = fv_import_emit2(im, "sub", NULL, *y, v);
    }
    FV_TRY(fv_onnx_along(im, numbers->scale, q, *order, numbers->axis, &v));
    *y = fv_import_emit2(im, "mul", NULL, *y, v);
    return FV_OK;
}

/* scale * sum / count, within its limits. */
static fv_value sums_in_floats(fv_import *im, const fv_onnx_numbers *sums)
{
    const double most = 3.4028234663852886e38;
    const fv_clamp_attr limits = {fmax((double)sums->low, -most), fmin((double)sums->high, most)};
    fv_value y = fv_import_emit2(im, "mul", NULL, fv_import_cast(im, sums->sum, FV_F32),
                                 fv_import_get(im, sums->scale, FV_ORDER_FILE));
    if (sums->count != 1.0f)
        y = fv_import_emit2(im, "div", NULL, y, fv_import_number(im, (double)sums->count));
    if (sums->low == 0.0f && isinf(sums->high))
        y = fv_import_emit1(im, "relu", NULL, y);
    else if (!isinf(sums->low) || !isinf(sums->high))
        y = fv_import_emit1(im, "clamp", &limits, y);
    return y;
}

fv_status fv_onnx_settle(fv_import *im, fv_foreign *f)
{
    const fv_onnx_numbers *numbers = f->origin;
    fv_order order;
    fv_value y;
    if (!numbers || f->data || f->form[FV_ORDER_FILE] >= 0 || f->form[FV_ORDER_LAST] >= 0 || f->form[FV_ORDER_ROW] >= 0)
        return FV_OK;
    const char *label = im->label, *base = im->base;
    im->label = im->base = f->name;
    if (numbers->q) {
        FV_TRY(fv_onnx_dequantize(im, numbers, &y, &order));
    } else {
        order = numbers->order;
        y = sums_in_floats(im, numbers);
    }
    im->label = label;
    im->base = base;
    f->form[order] = y.id;
    if (order == FV_ORDER_ROW)
        memcpy(f->image, numbers->q->image, sizeof f->image);
    return im->model->error;
}

fv_status fv_onnx_settle_all(const fv_onnx_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i])
            FV_TRY(fv_onnx_settle(n->im, n->in[i]));
    return FV_OK;
}

/* ---- as integers ---- */

static bool is_8_bit(const fv_foreign *f)
{
    return f->dtype == FV_I8 || f->dtype == FV_U8;
}

bool fv_onnx_is_scalar(const fv_foreign *scale, const fv_foreign *zero)
{
    return scale->data && scale->dtype == FV_F32 && fv_foreign_count(scale) == 1 &&
           (!zero || (zero->data && is_8_bit(zero) && fv_foreign_count(zero) == 1));
}

static float real_at(const fv_foreign *f, int64_t i)
{
    return (float)fv_foreign_real(f, fv_foreign_count(f) > 1 ? i : 0);
}

/* x / scale + zero as an integer. */
static int64_t limit_of(float x, float scale, int64_t zero)
{
    const float q = rintf(x / scale);
    return zero + (q > 1e6f ? 1000000 : q < -1e6f ? -1000000 : isnan(q) ? 0 : (int64_t)q);
}

/* A constant of floats in the arena. */
static fv_status new_floats(fv_import *im, int64_t count, fv_foreign **f, float **data)
{
    void *bytes;
    FV_TRY(fv_import_alloc(im, count * (int64_t)sizeof(float), &bytes));
    *f = fv_arena_alloc(im->arena, sizeof **f);
    if (!*f)
        return FV_ERR_NO_MEMORY;
    **f = (fv_foreign){.name = im->base ? im->base : "scale",
                       .dtype = FV_F32,
                       .shape = {1, {count}},
                       .data = bytes,
                       .form = {-1, -1, -1}};
    *data = bytes;
    return FV_OK;
}

fv_status fv_onnx_quantize_sums(const fv_onnx_node *n, const fv_onnx_numbers *sums, const fv_foreign *scale,
                                const fv_foreign *zero, fv_value *y)
{
    const int64_t count = fv_foreign_count(sums->scale), middle = zero ? fv_foreign_integer(zero, 0) : 0;
    const bool sign = zero && zero->dtype == FV_I8;
    const float one = real_at(scale, 0);
    fv_foreign *factor;
    float *data;
    FV_TRY(new_floats(n->im, count, &factor, &data));
    for (int64_t k = 0; k < count; k++)
        data[k] = real_at(sums->scale, k) / (one * sums->count);
    fv_quantize_sums_attr attr = {.zero = middle, .min = sign ? -128 : 0, .max = sign ? 127 : 255, .to = !sign};
    const int64_t low = isinf(sums->low) ? attr.min : limit_of(sums->low, one, middle);
    const int64_t high = isinf(sums->high) ? attr.max : limit_of(sums->high, one, middle);
    const int64_t least = attr.min, most = attr.max;
    attr.min = low < least ? least : low > most ? most : low;
    attr.max = high < least ? least : high > most ? most : high;
    *y = fv_import_emit2(n->im, "quantize_sums", &attr, sums->sum, fv_import_get(n->im, factor, FV_ORDER_FILE));
    return FV_OK;
}

/* ---- products ---- */

/* Whether every zero point is the same one. */
static bool is_uniform(const fv_foreign *zero)
{
    for (int64_t k = 1; zero && k < fv_foreign_count(zero); k++)
        if (fv_foreign_integer(zero, k) != fv_foreign_integer(zero, 0))
            return false;
    return true;
}

static int64_t zero_of(const fv_foreign *zero)
{
    return zero ? fv_foreign_integer(zero, 0) : 0;
}

/* x of one scale, constant weights with one scale, or one for each filter. */
static bool is_product(fv_onnx_product *p, int axis)
{
    const fv_foreign *w = p->w.q, *x = p->x.q;
    if (!x || !w || !w->data || w->shape.rank < 2 || !is_8_bit(x) || !is_8_bit(w) ||
        !fv_onnx_is_scalar(p->x.scale, p->x.zero))
        return false;
    p->filters = w->shape.dim[axis];
    const int64_t scales = fv_foreign_count(p->w.scale), zeros = p->w.zero ? fv_foreign_count(p->w.zero) : 1;
    return p->w.scale->data && p->w.scale->dtype == FV_F32 && (!p->w.zero || p->w.zero->data) && p->filters > 0 &&
           (scales == 1 || (scales == p->filters && p->w.axis == axis)) && (zeros == 1 || zeros == scales) &&
           is_uniform(p->w.zero);
}

static bool is_bias(const fv_onnx_product *p, const fv_foreign *b)
{
    const int rank = b->shape.rank;
    return b->data && b->dtype == FV_I32 && rank > 0 && b->shape.dim[rank - 1] == p->filters &&
           fv_foreign_count(b) == p->filters;
}

bool fv_onnx_product_of(const fv_onnx_node *n, const int at[3], int axis, fv_onnx_product *p, bool *apart)
{
    const fv_onnx_numbers *x = fv_onnx_numbers_of(n, at[0]), *w = fv_onnx_numbers_of(n, at[1]);
    *p = (fv_onnx_product){.alpha = 1.0f};
    *apart = false;
    if (!x || !w)
        return false;
    p->x = *x;
    p->w = *w;
    if (!is_product(p, axis))
        return false;
    if (at[2] < 0 || at[2] >= n->n_in || !n->in[at[2]])
        return true;
    /* scales of a bias are products of floats, in some order */
    const fv_onnx_numbers *b = fv_onnx_numbers_of(n, at[2]);
    bool fits = b && b->q && is_bias(p, b->q) && is_uniform(b->zero) && zero_of(b->zero) == 0;
    for (int64_t k = 0; fits && k < p->filters; k++) {
        const double want = (double)real_at(p->x.scale, 0) * (double)real_at(p->w.scale, k);
        fits = fabs((double)real_at(b->scale, k) - want) <= 1e-6 * want;
    }
    p->bias = fits ? b->q : NULL;
    *apart = !fits;
    return true;
}

bool fv_onnx_product_given(const fv_onnx_node *n, const int at[3], int axis, fv_onnx_product *p)
{
    fv_onnx_numbers *of[2];
    *p = (fv_onnx_product){.alpha = 1.0f};
    of[0] = &p->x;
    of[1] = &p->w;
    for (int k = 0; k < 2; k++) {
        const int i = at[k];
        if (i + 2 >= n->n_in || !n->in[i] || !n->in[i + 1])
            return false;
        *of[k] = (fv_onnx_numbers){.q = n->in[i], .scale = n->in[i + 1], .zero = n->in[i + 2], .axis = axis};
    }
    if (!is_product(p, axis))
        return false;
    p->bias = at[2] >= 0 && at[2] < n->n_in ? n->in[at[2]] : NULL;
    return !p->bias || is_bias(p, p->bias);
}

/* Elements of a constant as another one of the graph. */
static fv_value picked(fv_import *im, const fv_foreign *f, const fv_shape *shape, const fv_pick *pick)
{
    fv_tensor *t = NULL;
    if (im->model->error != FV_OK ||
        fv_model_set_error(im->model, fv_tensor_create(im->ctx, f->dtype, shape, &t)) != FV_OK)
        return fv_no_value;
    int64_t at[FV_MAX_RANK] = {0}, from = 0;
    uint8_t *dst = fv_tensor_data(t);
    const uint8_t *src = f->data;
    for (int64_t i = 0; i < fv_shape_count(shape); i++) {
        dst[i] = src[from];
        for (int d = pick->rank - 1; d >= 0; d--) {
            from += pick->stride[d];
            if (++at[d] < pick->dim[d])
                break;
            from -= pick->stride[d] * pick->dim[d];
            at[d] = 0;
        }
    }
    fv_value v = fv_constant(im->model, NULL, t);
    fv_tensor_destroy(&t);
    return v;
}

/* The bias, or zeros. */
static fv_value bias_of(fv_import *im, const fv_onnx_product *p)
{
    const fv_shape list = {1, {p->filters}};
    fv_tensor *t = NULL;
    if (im->model->error != FV_OK ||
        fv_model_set_error(im->model, fv_tensor_create(im->ctx, FV_I32, &list, &t)) != FV_OK)
        return fv_no_value;
    if (p->bias)
        memcpy(fv_tensor_data(t), p->bias->data, fv_tensor_bytes(t));
    else
        memset(fv_tensor_data(t), 0, fv_tensor_bytes(t));
    fv_value v = fv_constant(im->model, NULL, t);
    fv_tensor_destroy(&t);
    return v;
}

fv_status fv_onnx_product_sums(const fv_onnx_node *n, const fv_onnx_product *p, const fv_conv2d_attr *conv,
                               fv_value src, const fv_shape *shape, const fv_pick *pick, fv_onnx_numbers *sums)
{
    fv_import *im = n->im;
    const int64_t count = fv_foreign_count(p->w.scale);
    float *data;
    *sums = (fv_onnx_numbers){.order = FV_ORDER_LAST, .count = 1.0f, .low = -INFINITY, .high = INFINITY};
    FV_TRY(new_floats(im, count, &sums->scale, &data));
    for (int64_t k = 0; k < count; k++)
        data[k] = p->alpha * real_at(p->x.scale, 0) * real_at(p->w.scale, k);
    const fv_q_conv2d_attr attr = {
        .conv = *conv, .src_zero = zero_of(p->x.zero), .wei_zero = zero_of(p->w.zero), .min = -128, .max = 127};
    const fv_value in[3] = {src, picked(im, p->w.q, shape, pick), bias_of(im, p)};
    sums->sum = fv_import_emit(im, "q_conv2d", &attr, in, 3);
    return FV_OK;
}
