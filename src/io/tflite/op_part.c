/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of values: joining, splitting, cutting, padding, picking, and pixels to channels and back. */
#include <string.h>

#include "io/tflite/quant.h"

/* A value in the order that it is there in; image: pixels and channels may have changed places. */
static fv_value work_on(const fv_tflite_node *n, fv_foreign *f, fv_order *order)
{
    *order = fv_import_common(&f, 1, f->shape.rank) == FV_ORDER_LAST ? FV_ORDER_LAST : FV_ORDER_FILE;
    return fv_import_get(n->im, f, *order);
}

/* Operands of other scales than the result's are brought to it. */
static fv_status map_concat(const fv_tflite_node *n)
{
    int axis;
    fv_value in[FV_MAX_OPERANDS];
    fv_tflite_pair from, to;
    FV_TRY(fv_tflite_need(n, n->n_in > 0 ? n->n_in : 1));
    const int rank = n->in[0]->shape.rank;
    const fv_dtype dtype = n->in[0]->dtype;
    const bool quantized = (dtype == FV_I8 || dtype == FV_U8) && fv_tflite_scales_of(n->file, n->out_at[0]).count > 0;
    if (n->n_in > FV_MAX_OPERANDS)
        return fv_tflite_cannot(n, "%d operands: at most %d", n->n_in, FV_MAX_OPERANDS);
    const fv_order order = fv_import_common(n->in, n->n_in, rank) == FV_ORDER_LAST ? FV_ORDER_LAST : FV_ORDER_FILE;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i]->shape.rank != rank || n->in[i]->dtype != dtype)
            return fv_tflite_cannot(n, "operands of different dimensions or types");
        FV_TRY(fv_tflite_free_axis(n, n->in[i], fv_flat_int(n->options, 0, 0), &axis));
        in[i] = fv_import_get(n->im, n->in[i], order);
        if (!quantized)
            continue;
        FV_TRY(fv_tflite_in_pair(n, i, &from));
        FV_TRY(fv_tflite_out_pair(n, 0, &to));
        if (from.scale != to.scale || from.zero != to.zero)
            in[i] = fv_tflite_rescaled(n->im, in[i], &from, &to);
    }
    const fv_axis_attr attr = {.axis = fv_import_axis(order, axis, rank)};
    fv_value y = n->n_in == 1 ? in[0] : fv_import_emit(n->im, "concat", &attr, in, n->n_in);
    if (!quantized)
        FV_TRY(fv_tflite_activated(n, fv_flat_byte(n->options, 1, 0), &y));
    else if (fv_flat_byte(n->options, 1, 0) != FV_TFLITE_NONE)
        return fv_tflite_cannot(n, "a fused activation of integers");
    return fv_tflite_result(n, 0, y, order);
}

/* Parts of these sizes of dimension `axis`; -1: what is left. */
static fv_status split(const fv_tflite_node *n, int i, int64_t axis_given, const fv_ints *sizes)
{
    int axis;
    int64_t known = 0;
    fv_order order;
    fv_slice_attr attr = {.begin = 0};
    fv_foreign *f = n->in[i];
    FV_TRY(fv_tflite_free_axis(n, f, axis_given, &axis));
    const int64_t size = f->shape.dim[axis];
    for (int64_t k = 0; k < sizes->count; k++)
        known += sizes->value[k] > 0 ? sizes->value[k] : 0;
    fv_value x = work_on(n, f, &order);
    attr.axis = fv_import_axis(order, axis, f->shape.rank);
    for (int k = 0; k < n->n_out; k++) {
        attr.count = sizes->value[k] == -1 ? size - known : sizes->value[k];
        if (attr.count < 1 || attr.count > size - attr.begin)
            return fv_tflite_cannot(n, "part %d has %lld of %lld elements", k, (long long)attr.count,
                                    (long long)(size - attr.begin));
        FV_TRY(fv_tflite_result(n, k, attr.count == size ? x : fv_import_emit1(n->im, "slice", &attr, x), order));
        attr.begin += attr.count;
    }
    return FV_OK;
}

/* Operands: axis, value. */
static fv_status map_split(const fv_tflite_node *n)
{
    fv_ints axis, sizes = {.count = n->n_out};
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_ints(n, 0, "the axis", &axis));
    const int rank = n->in[1]->shape.rank;
    const int64_t at = axis.count == 1 && axis.value[0] < 0 ? axis.value[0] + rank : axis.value[0];
    if (n->n_out > 16 || at < 0 || at >= rank || n->in[1]->shape.dim[at] % n->n_out)
        return fv_tflite_cannot(n, "%d equal parts, at most 16, of an axis of %d", n->n_out, rank);
    for (int i = 0; i < n->n_out; i++)
        sizes.value[i] = n->in[1]->shape.dim[at] / n->n_out;
    return split(n, 1, at, &sizes);
}

/* Operands: value, sizes, axis. */
static fv_status map_split_v(const fv_tflite_node *n)
{
    fv_ints axis, sizes;
    FV_TRY(fv_tflite_need(n, 3));
    FV_TRY(fv_tflite_ints(n, 1, "the sizes", &sizes));
    FV_TRY(fv_tflite_ints(n, 2, "the axis", &axis));
    if (sizes.count != n->n_out || axis.count != 1)
        return fv_tflite_cannot(n, "%lld sizes for %d results", (long long)sizes.count, n->n_out);
    return split(n, 0, axis.value[0], &sizes);
}

fv_value fv_tflite_strided(fv_import *im, fv_value x, int axis, int64_t start, int64_t step, int64_t count)
{
    const fv_slice_attr slice = {.begin = start, .count = count, .axis = axis};
    void *data;
    if (step == 1)
        return fv_import_shape(im, x)->dim[axis] == count ? x : fv_import_emit1(im, "slice", &slice, x);
    if (im->model->error != FV_OK ||
        fv_model_set_error(im->model, fv_import_alloc(im, count * (int64_t)sizeof(int64_t), &data)) != FV_OK)
        return fv_no_value;
    int64_t *at = data;
    for (int64_t i = 0; i < count; i++)
        at[i] = start + i * step;
    return fv_tflite_picked(im, x, axis, at, count);
}

/* One axis of STRIDED_SLICE: where it starts, and how many elements there are. Masks: the bound is open. */
static int64_t range_of(int64_t size, int64_t step, bool open_begin, bool open_end, int64_t *start, int64_t end)
{
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    int64_t begin = *start < 0 ? *start + size : *start;
    end = end < 0 ? end + size : end;
    begin = open_begin ? (step > 0 ? 0 : size - 1) : begin < low ? low : begin > high ? high : begin;
    end = open_end ? (step > 0 ? size : -1) : end < low ? low : end > high ? high : end;
    *start = begin;
    const int64_t span = step > 0 ? end - begin : begin - end, pace = step > 0 ? step : -step;
    return span > 0 ? (span + pace - 1) / pace : 0;
}

typedef struct slicing {
    fv_ints begin, end, step;
    int64_t open_begin, open_end, shrink;
} slicing;

static fv_status read_slicing(const fv_tflite_node *n, slicing *s)
{
    FV_TRY(fv_tflite_need(n, 4));
    FV_TRY(fv_tflite_ints(n, 1, "begin", &s->begin));
    FV_TRY(fv_tflite_ints(n, 2, "end", &s->end));
    FV_TRY(fv_tflite_ints(n, 3, "the strides", &s->step));
    s->open_begin = fv_flat_int(n->options, 0, 0);
    s->open_end = fv_flat_int(n->options, 1, 0);
    s->shrink = fv_flat_int(n->options, 4, 0);
    if (fv_flat_int(n->options, 2, 0) || fv_flat_int(n->options, 3, 0) || fv_flat_byte(n->options, 5, 0))
        return fv_tflite_cannot(n, "an ellipsis, a new axis or ends as offsets: begin, end and shrink masks are "
                                   "supported");
    if (s->begin.count > n->in[0]->shape.rank || s->end.count != s->begin.count || s->step.count != s->begin.count)
        return fv_tflite_cannot(n, "begin, end and strides of different lengths");
    return FV_OK;
}

static fv_status map_strided_slice(const fv_tflite_node *n)
{
    slicing s;
    fv_order order;
    fv_shape to = {.rank = 0};
    FV_TRY(read_slicing(n, &s));
    fv_foreign *f = n->in[0];
    const int rank = f->shape.rank;
    fv_value x = s.shrink ? fv_import_get(n->im, f, order = FV_ORDER_FILE) : work_on(n, f, &order);
    for (int d = 0; d < rank; d++) {
        const int64_t size = f->shape.dim[d];
        int64_t start = d < s.begin.count ? s.begin.value[d] : 0, step = d < s.begin.count ? s.step.value[d] : 1;
        const bool given = d < s.begin.count, shrinks = given && (s.shrink >> d & 1);
        if (step == 0)
            return fv_tflite_cannot(n, "a step of 0");
        step = step > size ? size + 1 : step < -size ? -size - 1 : step;
        int64_t count = range_of(size, step, !given || (s.open_begin >> d & 1), !given || (s.open_end >> d & 1), &start,
                                 given ? s.end.value[d] : 0);
        if (shrinks) {
            start = s.begin.value[d] < 0 ? s.begin.value[d] + size : s.begin.value[d];
            count = start >= 0 && start < size;
            step = 1;
        }
        if (d == 0 && f->batched && (start != 0 || step != 1 || count != 1 || shrinks))
            return fv_import_merges(n->im);
        if (d == 0 && f->batched && !(s.open_end & 1) && given && s.end.value[0] == 1 && !n->im->whole)
            return fv_import_merges(n->im); /* the first sample alone */
        if (count < 1)
            return fv_tflite_cannot(n, "nothing is left of dimension %d", d);
        x = fv_tflite_strided(n->im, x, fv_import_axis(order, d, rank), start, step, count);
        if (!shrinks)
            to.dim[to.rank++] = count;
    }
    const fv_shape one = {1, {1}};
    if (s.shrink)
        x = fv_import_reshape(n->im, x, to.rank ? &to : &one, f->batched && to.rank > 0);
    return s.shrink ? fv_tflite_result_as(n, 0, x, order, &to) : fv_tflite_result(n, 0, x, order);
}

static fv_status map_slice(const fv_tflite_node *n)
{
    fv_ints begin, size;
    fv_order order;
    FV_TRY(fv_tflite_need(n, 3));
    FV_TRY(fv_tflite_ints(n, 1, "begin", &begin));
    FV_TRY(fv_tflite_ints(n, 2, "the size", &size));
    fv_foreign *f = n->in[0];
    const int rank = f->shape.rank;
    if (begin.count != rank || size.count != rank)
        return fv_tflite_cannot(n, "begin and size of %lld and %lld numbers for %d dimensions", (long long)begin.count,
                                (long long)size.count, rank);
    fv_value x = work_on(n, f, &order);
    for (int d = 0; d < rank; d++) {
        const int64_t all = f->shape.dim[d], count = size.value[d] == -1 ? all - begin.value[d] : size.value[d];
        if (begin.value[d] < 0 || count < 1 || begin.value[d] > all || count > all - begin.value[d])
            return fv_tflite_cannot(n, "%lld elements from %lld of dimension %d", (long long)count,
                                    (long long)begin.value[d], d);
        x = fv_tflite_strided(n->im, x, fv_import_axis(order, d, rank), begin.value[d], 1, count);
    }
    return fv_tflite_result(n, 0, x, order);
}

/* ---- padding ---- */

typedef struct padding {
    int64_t pad[FV_MAX_RANK][2];
    bool any;
} padding;

static fv_status read_padding(const fv_tflite_node *n, padding *p)
{
    *p = (padding){.any = false};
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_need_constant(n, 1, "the padding"));
    const fv_foreign *list = n->in[1], *f = n->in[0];
    if (fv_foreign_count(list) != 2 * f->shape.rank || fv_dtype_is_float(list->dtype))
        return fv_tflite_cannot(n, "%lld numbers of padding for %d dimensions", (long long)fv_foreign_count(list),
                                f->shape.rank);
    for (int i = 0; i < 2 * f->shape.rank; i++) {
        const int64_t pad = p->pad[i / 2][i % 2] = fv_foreign_integer(list, i);
        p->any = p->any || pad;
        if (pad < 0 || pad > (1 << 24))
            return fv_tflite_cannot(n, "a padding of %lld", (long long)pad);
    }
    return f->batched && (p->pad[0][0] || p->pad[0][1]) ? fv_import_merges(n->im) : FV_OK;
}

/* The number around a value: the third operand, or 0, which integers have as their zero point. */
static fv_status pad_value(const fv_tflite_node *n, double *value)
{
    const fv_foreign *f = n->in[0];
    const fv_tflite_scales s = fv_tflite_scales_of(n->file, n->in_at[0]);
    const bool quantized = (f->dtype == FV_I8 || f->dtype == FV_U8) && s.count == 1;
    *value = quantized ? (double)fv_tflite_zero(&s, 0) : 0.0;
    if (n->n_in < 3 || !n->in[2])
        return FV_OK;
    FV_TRY(fv_tflite_need_constant(n, 2, "the value"));
    if (fv_foreign_count(n->in[2]) != 1 || n->in[2]->dtype != f->dtype)
        return fv_tflite_cannot(n, "its value is no single %s", fv_dtype_name(f->dtype));
    *value = fv_foreign_real(n->in[2], 0);
    return FV_OK;
}

/* Up to 4 dimensions, the last 3 of which are padded: as an image. Floats hold the integers exactly. */
static fv_status map_pad(const fv_tflite_node *n)
{
    padding p;
    double value;
    FV_TRY(read_padding(n, &p));
    FV_TRY(pad_value(n, &value));
    fv_foreign *f = n->in[0];
    const int rank = f->shape.rank, more = 4 - rank;
    if (!p.any)
        return fv_tflite_alias(n, 0, f);
    if (rank > 4 || rank < 2 || p.pad[0][0] || p.pad[0][1] || f->dtype == FV_I32 || f->dtype == FV_I64)
        return fv_tflite_cannot(n,
                                "of %d dimensions of %s, the first one too: 2 to 4 are supported, the first as it "
                                "is",
                                rank, fv_dtype_name(f->dtype));
    fv_shape image = {4, {f->shape.dim[0], 1, 1, 1}}, to = f->shape;
    fv_pad_attr attr = {.value = value};
    for (int d = 1; d < rank; d++) {
        const int at = d + more;
        image.dim[at] = f->shape.dim[d];
        to.dim[d] += p.pad[d][0] + p.pad[d][1];
        for (int k = 0; k < 2; k++)
            *(at == 3 ? &attr.channels[k] : &attr.pad[at - 1 + 2 * k]) = p.pad[d][k];
    }
    fv_value x = fv_import_cast(n->im, fv_tflite_in(n, 0), FV_F32);
    x = fv_import_emit1(n->im, "pad", &attr, fv_import_reshape(n->im, x, &image, f->batched));
    x = fv_import_cast(n->im, fv_import_reshape(n->im, x, &to, f->batched), f->dtype);
    return fv_tflite_result(n, 0, x, FV_ORDER_FILE);
}

/* Elements beyond the edge are those in front of it, from behind: without the edge itself (mode 0) or with it. */
static fv_status map_mirror_pad(const fv_tflite_node *n)
{
    padding p;
    FV_TRY(read_padding(n, &p));
    const int64_t mode = fv_flat_byte(n->options, 0, 0), edge = mode == 0 ? 1 : 0;
    const fv_foreign *f = n->in[0];
    fv_value x = fv_tflite_in(n, 0);
    for (int d = 0; d < f->shape.rank; d++) {
        const int64_t size = f->shape.dim[d], *pad = p.pad[d], total = size + pad[0] + pad[1];
        void *data;
        if (!pad[0] && !pad[1])
            continue;
        if (pad[0] > size - edge || pad[1] > size - edge || mode > 1)
            return fv_tflite_cannot(n, "%lld and %lld elements around %lld", (long long)pad[0], (long long)pad[1],
                                    (long long)size);
        FV_TRY(fv_import_alloc(n->im, total * (int64_t)sizeof(int64_t), &data));
        for (int64_t i = 0; i < total; i++) {
            const int64_t at = i - pad[0];
            ((int64_t *)data)[i] = at < 0 ? -at - 1 + edge : at >= size ? 2 * size - at - 1 - edge : at;
        }
        x = fv_tflite_picked(n->im, x, d, data, total);
    }
    return fv_tflite_result(n, 0, x, FV_ORDER_FILE);
}

/* As often along every dimension as the second operand says. */
static fv_status map_tile(const fv_tflite_node *n)
{
    fv_ints times;
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_ints(n, 1, "how often", &times));
    const fv_foreign *f = n->in[0];
    fv_value x = fv_tflite_in(n, 0);
    if (times.count != f->shape.rank)
        return fv_tflite_cannot(n, "%lld numbers for %d dimensions", (long long)times.count, f->shape.rank);
    for (int d = 0; d < f->shape.rank; d++) {
        const int64_t size = f->shape.dim[d], many = times.value[d];
        void *data;
        if (many == 1)
            continue;
        if (d == 0 && f->batched)
            return fv_import_merges(n->im);
        if (many < 1 || many > (1 << 24) / size)
            return fv_tflite_cannot(n, "%lld times dimension %d", (long long)many, d);
        FV_TRY(fv_import_alloc(n->im, many * size * (int64_t)sizeof(int64_t), &data));
        for (int64_t i = 0; i < many * size; i++)
            ((int64_t *)data)[i] = i % size;
        x = fv_tflite_picked(n->im, x, d, data, many * size);
    }
    return fv_tflite_result(n, 0, x, FV_ORDER_FILE);
}

/* ---- picking ---- */

static fv_status map_gather(const fv_tflite_node *n)
{
    int axis;
    void *data;
    FV_TRY(fv_tflite_need(n, 2));
    FV_TRY(fv_tflite_need_constant(n, 1, "the indices"));
    const fv_foreign *f = n->in[0], *index = n->in[1];
    FV_TRY(fv_tflite_free_axis(n, f, fv_flat_int(n->options, 0, 0), &axis));
    const int64_t count = fv_foreign_count(index), size = f->shape.dim[axis];
    if (fv_flat_int(n->options, 1, 0) != 0 || index->shape.rank > 1 || count < 1 || fv_dtype_is_float(index->dtype))
        return fv_tflite_cannot(n, "indices of %d dimensions, or of batches: a list of them is supported",
                                index->shape.rank);
    FV_TRY(fv_import_alloc(n->im, count * (int64_t)sizeof(int64_t), &data));
    for (int64_t i = 0; i < count; i++) {
        const int64_t k = ((int64_t *)data)[i] = fv_foreign_integer(index, i);
        if (k < 0 || k >= size)
            return fv_tflite_cannot(n, "index %lld of %lld", (long long)k, (long long)size);
    }
    fv_value x = fv_tflite_picked(n->im, fv_tflite_in(n, 0), axis, data, count);
    fv_shape to = {.rank = 0};
    for (int d = 0; d < f->shape.rank; d++)
        if (d != axis || index->shape.rank)
            to.dim[to.rank++] = d == axis ? count : f->shape.dim[d];
    const fv_shape one = {1, {1}};
    x = fv_import_reshape(n->im, x, to.rank ? &to : &one, f->batched && to.rank > 0);
    return fv_tflite_result_as(n, 0, x, FV_ORDER_FILE, &to);
}

/* One part for each position along an axis, which goes. */
static fv_status map_unpack(const fv_tflite_node *n)
{
    int axis;
    fv_shape to = {.rank = 0};
    FV_TRY(fv_tflite_need(n, 1));
    const fv_foreign *f = n->in[0];
    FV_TRY(fv_tflite_free_axis(n, f, fv_flat_int(n->options, 1, 0), &axis));
    if (f->shape.dim[axis] != n->n_out || f->shape.rank < 2)
        return fv_tflite_cannot(n, "%d parts of %lld", n->n_out, (long long)f->shape.dim[axis]);
    for (int d = 0; d < f->shape.rank; d++)
        if (d != axis)
            to.dim[to.rank++] = f->shape.dim[d];
    fv_value x = fv_tflite_in(n, 0);
    for (int i = 0; i < n->n_out; i++) {
        fv_value part = fv_tflite_strided(n->im, x, axis, i, 1, 1);
        FV_TRY(fv_tflite_result_as(n, i, fv_import_reshape(n->im, part, &to, f->batched), FV_ORDER_FILE, &to));
    }
    return FV_OK;
}

/* Blocks of b x b pixels as channels, and back: six dimensions, two of which change places. */
static fv_status map_blocks(const fv_tflite_node *n)
{
    FV_TRY(fv_tflite_need(n, 1));
    const bool deep = strcmp(n->op, "SPACE_TO_DEPTH") == 0;
    const int64_t b = fv_flat_int(n->options, 0, 0), *d = n->in[0]->shape.dim;
    if (n->in[0]->shape.rank != 4 || b < 1 || b > 4096 || (deep ? d[1] % b || d[2] % b : d[3] % (b * b)))
        return fv_tflite_cannot(n, "blocks of %lld pixels", (long long)b);
    const fv_shape six = deep ? (fv_shape){6, {d[0], d[1] / b, b, d[2] / b, b, d[3]}}
                              : (fv_shape){6, {d[0], d[1], d[2], b, b, d[3] / (b * b)}};
    const fv_shape to = deep ? (fv_shape){4, {d[0], d[1] / b, d[2] / b, b * b * d[3]}}
                             : (fv_shape){4, {d[0], d[1] * b, d[2] * b, d[3] / (b * b)}};
    const bool batched = n->in[0]->batched;
    fv_value v = fv_import_reshape(n->im, fv_tflite_in(n, 0), &six, batched);
    v = fv_import_transpose(n->im, v, deep ? (const int[]){0, 1, 3, 2, 4, 5} : (const int[]){0, 1, 3, 2, 4, 5});
    return fv_tflite_result(n, 0, fv_import_reshape(n->im, v, &to, batched), FV_ORDER_FILE);
}

/* ---- dilated convolutions, as older converters write them ---- */

/* Blocks, and numbers before and behind rows and columns. */
static fv_status read_spread(const fv_tflite_node *n, fv_tflite_spread *s)
{
    fv_ints block, pads;
    FV_TRY(fv_tflite_need(n, 3));
    FV_TRY(fv_tflite_ints(n, 1, "the block", &block));
    FV_TRY(fv_tflite_ints(n, 2, "the padding", &pads));
    if (n->in[0]->shape.rank != 4 || block.count != 2 || pads.count != 4)
        return fv_tflite_cannot(n, "of %d dimensions, %lld of them spread: images (4, 2) are supported",
                                n->in[0]->shape.rank, (long long)block.count);
    for (int i = 0; i < 4; i++) {
        s->block[i % 2] = block.value[i % 2];
        s->pad[i / 2 + 2 * (i % 2)] = pads.value[i];
        if (pads.value[i] < 0 || pads.value[i] > 65536 || s->block[i % 2] < 1 || s->block[i % 2] > 65536)
            return fv_tflite_cannot(n, "blocks of %lld and padding of %lld", (long long)s->block[i % 2],
                                    (long long)pads.value[i]);
    }
    return FV_OK;
}

static fv_status map_space_to_batch(const fv_tflite_node *n)
{
    fv_tflite_spread *s = fv_arena_alloc(n->im->arena, sizeof *s);
    if (!s)
        return FV_ERR_NO_MEMORY;
    FV_TRY(read_spread(n, s));
    FV_TRY(fv_tflite_alias(n, 0, n->in[0]));
    n->file->spread[n->out_at[0]] = s;
    return FV_OK;
}

static fv_status refuse_constant(const fv_tflite_node *n)
{
    return fv_tflite_cannot(n, "of constants alone");
}

static fv_status map_batch_to_space(const fv_tflite_node *n)
{
    fv_tflite_spread crop;
    FV_TRY(read_spread(n, &crop));
    const fv_tflite_spread *s = n->file->spread[n->in_at[0]];
    const fv_shape *shape = &n->in[0]->shape;
    if (!s || memcmp(s->block, crop.block, sizeof crop.block) != 0 || s->pad[0] || s->pad[1] || s->pad[2] || s->pad[3])
        return fv_tflite_cannot(n, "it is supported behind SPACE_TO_BATCH_ND of the same blocks and a convolution");
    fv_value x = fv_tflite_in(n, 0);
    for (int i = 0; i < 2; i++) {
        const int64_t count = shape->dim[1 + i] - crop.pad[i] - crop.pad[2 + i];
        if (count < 1)
            return fv_tflite_cannot(n, "nothing is left of dimension %d", 1 + i);
        x = fv_tflite_strided(n->im, x, 1 + i, crop.pad[i], 1, count);
    }
    return fv_tflite_result(n, 0, x, FV_ORDER_FILE);
}

const fv_tflite_op fv_tflite_part_ops[] = {
    {"CONCATENATION", map_concat, NULL, NULL},
    {"SPLIT", map_split, NULL, NULL},
    {"SPLIT_V", map_split_v, NULL, NULL},
    {"STRIDED_SLICE", map_strided_slice, NULL, NULL},
    {"SLICE", map_slice, NULL, NULL},
    {"PAD", map_pad, NULL, NULL},
    {"PADV2", map_pad, NULL, NULL},
    {"MIRROR_PAD", map_mirror_pad, NULL, NULL},
    {"TILE", map_tile, NULL, NULL},
    {"GATHER", map_gather, NULL, NULL},
    {"UNPACK", map_unpack, NULL, NULL},
    {"SPACE_TO_DEPTH", map_blocks, NULL, NULL},
    {"DEPTH_TO_SPACE", map_blocks, NULL, NULL},
    {"SPACE_TO_BATCH_ND", map_space_to_batch, refuse_constant, NULL},
    {"BATCH_TO_SPACE_ND", map_batch_to_space, refuse_constant, NULL},
    {0},
};
