/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs and outputs of a session as tensors, in the layout of the file that the model came from. */
#include <math.h>
#include <string.h>

#include "model/model.h"

/* The shape in a layout of a value n h w c. */
static fv_shape shape_in(fv_port_layout layout, const fv_shape *s)
{
    fv_shape shape = *s;
    if (layout == FV_LAYOUT_NCHW && s->rank >= 3) {
        shape.dim[1] = s->dim[s->rank - 1];
        memcpy(shape.dim + 2, s->dim + 1, (size_t)(s->rank - 2) * sizeof *s->dim);
    }
    return shape;
}

/* Whether the tensor's shape is that of the layout; inputs that are whole may lack the 1 in front. */
static bool fits(fv_port_layout layout, const fv_shape *given, const fv_shape *value)
{
    fv_shape shape = shape_in(layout, value);
    if (fv_shape_equal(given, &shape))
        return true;
    if (layout != FV_LAYOUT_WHOLE || value->rank < 1 || value->dim[0] != 1 || given->rank != value->rank - 1)
        return false;
    return memcmp(given->dim, value->dim + 1, (size_t)given->rank * sizeof *given->dim) == 0;
}

static void move(fv_dtype from, const void *src, int64_t i, fv_dtype to, void *dst, int64_t k)
{
    if (fv_dtype_is_float(from) || fv_dtype_is_float(to))
        fv_set(to, dst, k, fv_get(from, src, i));
    else
        fv_dtype_set_integer(to, dst, k, fv_dtype_get_integer(from, src, i));
}

/* Elements of n rows, each [pixels][channels] on one side and, when turned, [channels][pixels] on the other. */
static void copy(fv_port_layout layout, const fv_shape *value, bool in, fv_dtype from, const void *src, fv_dtype to,
                 void *dst)
{
    const int64_t count = fv_shape_count(value), n = value->rank ? value->dim[0] : 1;
    const int64_t c = layout == FV_LAYOUT_NCHW && value->rank >= 3 ? value->dim[value->rank - 1] : 1;
    const int64_t pixels = count / (n * c);
    for (int64_t b = 0, i = 0; b < n; b++)
        for (int64_t p = 0; p < pixels; p++)
            for (int64_t k = 0; k < c; k++, i++) {
                const int64_t turned = (b * c + k) * pixels + p;
                move(from, src, in ? turned : i, to, dst, in ? i : turned);
            }
}

/* What the file's integers of an input or output stand for; NULL: it has none, or it is wanted as it is here. */
static const fv_port_note *integers_of(const fv_session *session, const char *name, fv_port_layout layout)
{
    const fv_port_note *note = layout == FV_LAYOUT_PLAIN ? NULL : fv_model_port_note(fv_session_model(session), name);
    return note && (note->layout == FV_LAYOUT_INTEGERS || note->layout == FV_LAYOUT_INTEGER_SCORES) ? note : NULL;
}

/* scale * (q - zero) */
static void make_numbers(const fv_port_note *note, float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)(note->scale * ((double)x[i] - (double)note->zero));
}

/* The integers that numbers, or their logarithms, were made of: the nearest. */
static void make_integers(const fv_port_note *note, const float *x, int64_t count, void *q)
{
    for (int64_t i = 0; i < count; i++) {
        const double real = note->layout == FV_LAYOUT_INTEGER_SCORES ? exp((double)x[i]) : (double)x[i];
        fv_set(note->integers, q, i, round(real / note->scale) + (double)note->zero);
    }
}

fv_status fv_session_set_tensor(fv_session *session, const char *name, fv_port_layout layout, const fv_tensor *tensor)
{
    fv_dtype dtype;
    fv_shape shape;
    char found[96], wanted[96];
    FV_TRY(fv_session_describe(session, name, &dtype, &shape));
    fv_ctx *ctx = fv_session_ctx(session);
    if (!fits(layout, fv_tensor_shape(tensor), &shape)) {
        const fv_shape expected = shape_in(layout, &shape);
        return fv_fail(ctx, FV_ERR_SHAPE, "input '%s': the tensor is %s, expected %s", name,
                       fv_shape_text(fv_tensor_shape(tensor), found), fv_shape_text(&expected, wanted));
    }
    const size_t bytes = (size_t)fv_shape_count(&shape) * fv_dtype_size(dtype);
    void *data = fv_malloc(ctx, bytes);
    if (!data)
        return FV_ERR_NO_MEMORY;
    copy(layout, &shape, true, fv_tensor_dtype(tensor), fv_tensor_const_data(tensor), dtype, data);
    const fv_port_note *note = integers_of(session, name, layout);
    if (note && dtype == FV_F32 && !fv_dtype_is_float(fv_tensor_dtype(tensor)))
        make_numbers(note, data, fv_shape_count(&shape));
    fv_status status = fv_session_set(session, name, data, bytes);
    fv_free(ctx, data);
    return status;
}

static void make_probabilities(float *scores, const fv_shape *shape)
{
    const int64_t classes = shape->dim[shape->rank - 1];
    for (int64_t i = 0; i < fv_shape_count(shape); i += classes)
        fv_softmax(scores + i, classes, scores + i);
}

fv_status fv_session_get_tensor(const fv_session *session, const char *name, fv_port_layout layout, fv_tensor **tensor)
{
    fv_dtype dtype;
    fv_shape shape;
    *tensor = NULL;
    FV_TRY(fv_session_describe(session, name, &dtype, &shape));
    fv_ctx *ctx = fv_session_ctx(session);
    const fv_shape file = shape_in(layout, &shape);
    const size_t bytes = (size_t)fv_shape_count(&shape) * fv_dtype_size(dtype);
    void *data = fv_malloc(ctx, bytes);
    if (!data)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_session_get(session, name, data, bytes);
    const fv_port_note *note = dtype == FV_F32 ? integers_of(session, name, layout) : NULL;
    const fv_dtype to = note ? note->integers : dtype;
    if (status == FV_OK)
        status = fv_tensor_create(ctx, to, &file, tensor);
    if (status == FV_OK && note)
        make_integers(note, data, fv_shape_count(&shape), data);
    if (status == FV_OK)
        copy(layout, &shape, false, to, data, to, fv_tensor_data(*tensor));
    if (status == FV_OK && layout == FV_LAYOUT_SCORES && dtype == FV_F32)
        make_probabilities(fv_tensor_data(*tensor), &shape);
    fv_free(ctx, data);
    return status;
}
