/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of values: joining, splitting, cutting, padding, picking, and pixels to channels and back. */
#include <string.h>

#include "io/onnx/node.h"

/* The axis in the order that a value of `rank` is worked on in. */
static fv_value work_on(const fv_onnx_node *n, fv_foreign *f, fv_order *order)
{
    *order = fv_import_common(&f, 1, f->shape.rank);
    if (*order == FV_ORDER_ROW)
        *order = FV_ORDER_FILE;
    return fv_import_get(n->im, f, *order);
}

/* Numbers as a constant of the graph. */
static fv_value integers(fv_import *im, const int64_t *value, int64_t count)
{
    const fv_shape shape = {1, {count}};
    fv_tensor *t = NULL;
    if (im->model->error != FV_OK ||
        fv_model_set_error(im->model, fv_tensor_create(im->ctx, FV_I64, &shape, &t)) != FV_OK)
        return fv_no_value;
    memcpy(fv_tensor_data(t), value, (size_t)count * sizeof *value);
    fv_value v = fv_constant(im->model, NULL, t);
    fv_tensor_destroy(&t);
    return v;
}

/* `value` everywhere, of the dtype of x and its shape but for dimension `axis`, which is `size`. */
static fv_value filled(fv_import *im, fv_value x, int axis, int64_t size, double value)
{
    fv_shape shape = *fv_import_shape(im, x);
    fv_tensor *t = NULL;
    shape.dim[axis] = size;
    if (im->model->error != FV_OK ||
        fv_model_set_error(im->model, fv_tensor_create(im->ctx, fv_import_dtype(im, x), &shape, &t)) != FV_OK)
        return fv_no_value;
    for (int64_t i = 0; i < fv_shape_count(&shape); i++)
        fv_set(fv_tensor_dtype(t), fv_tensor_data(t), i, value);
    fv_value v = fv_constant(im->model, NULL, t);
    fv_tensor_destroy(&t);
    return v;
}

static fv_status map_concat(const fv_onnx_node *n)
{
    int axis, count = 0;
    fv_foreign *f[64];
    fv_value in[64];
    for (int i = 0; i < n->n_in; i++) {
        FV_TRY(fv_onnx_need(n, i));
        if (n->in[i]->data && fv_foreign_count(n->in[i]) == 0)
            continue;
        if (count == 64)
            return fv_onnx_cannot(n, "%d operands: at most 64", n->n_in);
        f[count++] = n->in[i];
    }
    if (count == 0)
        return fv_onnx_cannot(n, "no operand has elements");
    const int rank = f[0]->shape.rank;
    for (int i = 0; i < count; i++) {
        if (f[i]->shape.rank != rank)
            return fv_onnx_cannot(n, "operands of %d and %d dimensions", rank, f[i]->shape.rank);
        FV_TRY(fv_onnx_free_axis(n, f[i], fv_onnx_int(n, "axis", 1), &axis));
    }
    if (count == 1)
        return fv_import_alias(n->im, n->out[0], f[0]);
    fv_order order = fv_import_common(f, count, rank);
    order = order == FV_ORDER_ROW ? FV_ORDER_FILE : order;
    for (int i = 0; i < count; i++)
        in[i] = fv_import_get(n->im, f[i], order);
    const fv_axis_attr attr = {.axis = fv_import_axis(order, axis, rank)};
    return fv_onnx_result(n, 0, fv_import_emit(n->im, "concat", &attr, in, count), order);
}

static fv_status map_split(const fv_onnx_node *n)
{
    int axis;
    fv_order order;
    FV_TRY(fv_onnx_need(n, 0));
    fv_foreign *f = n->in[0];
    FV_TRY(fv_onnx_free_axis(n, f, fv_onnx_int(n, "axis", 0), &axis));
    const int64_t size = f->shape.dim[axis];
    const bool given = n->n_in > 1 ? n->in[1] != NULL : fv_onnx_has(n, "split");
    if (n->n_in > 1 && n->in[1])
        FV_TRY(fv_onnx_need_constant(n, 1, "split"));
    const fv_ints attribute = fv_onnx_ints(n, "split");
    const int64_t count = n->n_in > 1 && n->in[1] ? fv_foreign_count(n->in[1]) : attribute.count;
    if (given && count != n->n_out)
        return fv_onnx_cannot(n, "%lld sizes for %d results", (long long)count, n->n_out);
    const int64_t even = n->n_out > 0 ? (size + n->n_out - 1) / n->n_out : 0;
    fv_slice_attr attr = {.begin = 0};
    fv_value x = work_on(n, f, &order);
    attr.axis = fv_import_axis(order, axis, f->shape.rank);
    for (int i = 0; i < n->n_out; i++) {
        const int64_t left = size - attr.begin;
        attr.count = !given ? (left < even ? left : even)
                            : (n->n_in > 1 && n->in[1] ? fv_foreign_integer(n->in[1], i) : attribute.value[i]);
        if (attr.count < 1 || attr.count > left)
            return fv_onnx_cannot(n, "part %d has %lld of %lld elements", i, (long long)attr.count, (long long)left);
        FV_TRY(fv_onnx_result(n, i, attr.count == size ? x : fv_import_emit1(n->im, "slice", &attr, x), order));
        attr.begin += attr.count;
    }
    return FV_OK;
}

/* Elements start, start + step, ... of dimension `axis` of a value. */
static fv_value strided(fv_import *im, fv_value x, int axis, int64_t start, int64_t step, int64_t count)
{
    const fv_axis_attr along = {.axis = axis};
    const fv_slice_attr slice = {.begin = start, .count = count, .axis = axis};
    if (step == 1)
        return fv_import_shape(im, x)->dim[axis] == count ? x : fv_import_emit1(im, "slice", &slice, x);
    void *data;
    if (im->model->error != FV_OK ||
        fv_model_set_error(im->model, fv_import_alloc(im, count * (int64_t)sizeof(int64_t), &data)) != FV_OK)
        return fv_no_value;
    int64_t *at = data;
    for (int64_t i = 0; i < count; i++)
        at[i] = start + i * step;
    return fv_import_emit2(im, "gather", &along, x, integers(im, at, count));
}

/* One axis of a Slice as the specification has it: bounds clamped, negative ones counted from behind. */
static int64_t clip_range(int64_t size, int64_t step, int64_t *start, int64_t end)
{
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    *start = *start < 0 ? *start + size : *start;
    end = end < 0 ? end + size : end;
    *start = *start < 0 ? (step > 0 ? 0 : -1) : *start > high ? high : *start;
    end = end < low ? low : end > (step > 0 ? size : size) ? size : end;
    if (step > 0)
        return end > *start ? (end - *start + step - 1) / step : 0;
    return *start > end ? (*start - end - step - 1) / -step : 0;
}

static fv_status map_slice(const fv_onnx_node *n)
{
    fv_ints starts, ends, axes, steps;
    fv_order order;
    FV_TRY(fv_onnx_need(n, 0));
    fv_foreign *f = n->in[0];
    FV_TRY(fv_onnx_ints_of(n, 1, "starts", &starts));
    FV_TRY(fv_onnx_ints_of(n, 2, "ends", &ends));
    FV_TRY(fv_onnx_ints_of(n, 3, "axes", &axes));
    FV_TRY(fv_onnx_ints_of(n, 4, "steps", &steps));
    const int rank = f->shape.rank;
    if (ends.count != starts.count || (axes.count && axes.count != starts.count) ||
        (steps.count && steps.count != starts.count) || (!axes.count && starts.count > rank))
        return fv_onnx_cannot(n, "starts, ends, axes and steps of different lengths");
    fv_value x = work_on(n, f, &order);
    for (int64_t i = 0; i < starts.count; i++) {
        int axis;
        int64_t start = starts.value[i], step = steps.count ? steps.value[i] : 1;
        FV_TRY(fv_onnx_axis(n, axes.count ? axes.value[i] : i, rank, &axis));
        if (step == 0 || step == INT64_MIN)
            return fv_onnx_cannot(n, "a step of %lld", (long long)step);
        const int64_t size = f->shape.dim[axis];
        int64_t end = ends.value[i];
        start = start < -size - 1 ? -size - 1 : start;
        end = end < -size - 1 ? -size - 1 : end > size ? size : end;
        step = step > size ? size + 1 : step < -size ? -size - 1 : step;
        const int64_t count = clip_range(size, step, &start, end);
        if (axis == 0 && f->batched &&
            !(start == 0 && step == 1 && end >= 1 && starts.value[i] == 0 && ends.value[i] > 1))
            return fv_import_merges(n->im);
        void *none;
        if (count < 1 && f->data && rank == 1) /* of a list of sizes, which another is joined to */
            return fv_onnx_result_constant(n, 0, f->dtype, &(fv_shape){1, {0}}, &none);
        if (count < 1)
            return fv_onnx_cannot(n, "nothing is left of dimension %d", axis);
        x = strided(n->im, x, fv_import_axis(order, axis, rank), start, step, count);
    }
    return fv_onnx_result(n, 0, x, order);
}

/* ---- padding ---- */

/* Index within [0, size) of position i in front of or behind it. */
static int64_t reflected(const char *mode, int64_t i, int64_t size)
{
    if (strcmp(mode, "edge") == 0)
        return i < 0 ? 0 : i >= size ? size - 1 : i;
    if (strcmp(mode, "wrap") == 0)
        return ((i % size) + size) % size;
    const int64_t period = size > 1 ? 2 * (size - 1) : 1;
    i = ((i % period) + period) % period;
    return i < size ? i : period - i;
}

/* A number in front of and behind one dimension of samples, as the columns of an image. */
static fv_value pad_columns(fv_import *im, fv_value x, int axis, int64_t begin, int64_t end, double value)
{
    fv_shape to = *fv_import_shape(im, x);
    fv_shape image = {4, {to.dim[0], 1, to.dim[axis], 1}};
    const fv_pad_attr attr = {.pad = {0, begin, 0, end}, .value = value};
    for (int d = 1; d < to.rank; d++)
        if (d != axis)
            image.dim[d < axis ? 1 : 3] *= to.dim[d];
    x = fv_import_emit1(im, "pad", &attr, fv_import_reshape(im, x, &image, true));
    to.dim[axis] += begin + end;
    return fv_import_reshape(im, x, &to, true);
}

static fv_value pad_axis(const fv_onnx_node *n, const char *mode, fv_value x, int axis, const int64_t pad[2],
                         double value)
{
    fv_import *im = n->im;
    int64_t size = fv_import_shape(im, x)->dim[axis];
    int64_t begin = pad[0] < 0 ? -pad[0] : 0, end = pad[1] < 0 ? size + pad[1] : size;
    const fv_axis_attr along = {.axis = axis};
    void *data;
    if (x.id < 0)
        return x;
    if (strcmp(mode, "constant") == 0) {
        fv_value in[3];
        int count = 0;
        if (end <= begin)
            return fv_nn_refuse(im->model, FV_ERR_SHAPE, NULL, n->op, n->name, "nothing is left of dimension %d", axis);
        x = strided(im, x, axis, begin, 1, end - begin);
        if (n->in[0]->batched)
            return pad_columns(im, x, axis, pad[0] > 0 ? pad[0] : 0, pad[1] > 0 ? pad[1] : 0, value);
        if (pad[0] > 0)
            in[count++] = filled(im, x, axis, pad[0], value);
        in[count++] = x;
        if (pad[1] > 0)
            in[count++] = filled(im, x, axis, pad[1], value);
        return count == 1 ? x : fv_import_emit(im, "concat", &along, in, count);
    }
    const int64_t total = size + pad[0] + pad[1];
    if (total < 1 || fv_model_set_error(im->model, fv_import_alloc(im, total * 8, &data)) != FV_OK)
        return fv_no_value;
    int64_t *at = data;
    for (int64_t i = 0; i < total; i++)
        at[i] = reflected(mode, i - pad[0], size);
    return fv_import_emit2(im, "gather", &along, x, integers(im, at, total));
}

/* Zeros or another number around an image: one operator. */
static fv_value pad_image(const fv_onnx_node *n, fv_value x, int64_t pads[FV_MAX_RANK][2], double value)
{
    const fv_pad_attr attr = {
        .pad = {pads[2][0], pads[3][0], pads[2][1], pads[3][1]}, .channels = {pads[1][0], pads[1][1]}, .value = value};
    return fv_import_emit1(n->im, "pad", &attr, x);
}

/* Numbers of elements in front of and behind each dimension of the file's order. */
static fv_status pads_of(const fv_onnx_node *n, int rank, int64_t pads[FV_MAX_RANK][2])
{
    fv_ints list, axes;
    FV_TRY(fv_onnx_ints_of(n, 1, fv_onnx_has(n, "pads") ? "pads" : "paddings", &list));
    FV_TRY(fv_onnx_ints_of(n, 3, NULL, &axes));
    const int64_t count = axes.count ? axes.count : rank;
    memset(pads, 0, FV_MAX_RANK * sizeof *pads);
    if (list.count != 2 * count)
        return fv_onnx_cannot(n, "pads has %lld numbers for %lld dimensions", (long long)list.count, (long long)count);
    for (int64_t i = 0; i < count; i++) {
        int axis;
        FV_TRY(fv_onnx_axis(n, axes.count ? axes.value[i] : i, rank, &axis));
        for (int k = 0; k < 2; k++) {
            pads[axis][k] = list.value[i + k * count];
            if (pads[axis][k] > (1 << 24) || pads[axis][k] < -(1 << 24))
                return fv_onnx_cannot(n, "a padding of %lld", (long long)pads[axis][k]);
        }
    }
    return FV_OK;
}

static fv_status map_pad(const fv_onnx_node *n)
{
    char text[64];
    int64_t pads[FV_MAX_RANK][2];
    double value = fv_onnx_real(n, "value", 0.0);
    fv_order order;
    FV_TRY(fv_onnx_need(n, 0));
    fv_foreign *f = n->in[0];
    const int rank = f->shape.rank;
    const char *mode = fv_onnx_text(n, "mode", "constant", text);
    FV_TRY(pads_of(n, rank, pads));
    if (n->n_in > 2 && n->in[2] && fv_foreign_count(n->in[2]) > 0) {
        FV_TRY(fv_onnx_need_constant(n, 2, "the value"));
        value = fv_foreign_real(n->in[2], 0);
    }
    if (strcmp(mode, "constant") != 0 && strcmp(mode, "reflect") != 0 && strcmp(mode, "edge") != 0 &&
        strcmp(mode, "wrap") != 0)
        return fv_onnx_cannot(n, "mode '%s'", mode);
    bool cuts = false, any = false;
    for (int d = 0; d < rank; d++) {
        cuts = cuts || pads[d][0] < 0 || pads[d][1] < 0;
        any = any || pads[d][0] || pads[d][1];
    }
    if (!any)
        return fv_import_alias(n->im, n->out[0], f);
    if (f->batched && (pads[0][0] || pads[0][1]))
        return fv_import_merges(n->im);
    if (rank == 4 && !pads[0][0] && !pads[0][1] && !cuts && strcmp(mode, "constant") == 0 && f->dtype == FV_F32)
        return fv_onnx_result(n, 0, pad_image(n, fv_import_get(n->im, f, FV_ORDER_LAST), pads, value), FV_ORDER_LAST);
    if (f->batched && strcmp(mode, "constant") == 0 && f->dtype != FV_F32)
        return fv_onnx_cannot(n, "constant padding of %s", fv_dtype_name(f->dtype));
    fv_value x = work_on(n, f, &order);
    for (int d = 0; d < rank; d++)
        if (pads[d][0] || pads[d][1])
            x = pad_axis(n, mode, x, fv_import_axis(order, d, rank), pads[d], value);
    return fv_onnx_result(n, 0, x, order);
}

/* ---- picking ---- */

/* Whether indices name all elements of a flattened value in order, under its own dimensions: PyTorch writes as_strided
 * so, where nothing is moved. */
static bool puts_back(const fv_foreign *f, const fv_foreign *index)
{
    bool same = f->flat && index->data && fv_shape_equal(&f->flat->shape, &index->shape);
    for (int64_t i = 0; same && i < fv_foreign_count(index); i++)
        same = fv_foreign_integer(index, i) == i;
    return same;
}

static fv_status map_gather(const fv_onnx_node *n)
{
    int axis;
    fv_order order;
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_need(n, 1));
    fv_foreign *f = n->in[0], *index = n->in[1];
    FV_TRY(fv_onnx_free_axis(n, f, fv_onnx_int(n, "axis", 0), &axis));
    if (puts_back(f, index))
        return fv_import_alias(im, n->out[0], f->flat);
    const int rank = f->shape.rank, inner = index->shape.rank;
    if (index->batched || rank - 1 + inner > FV_MAX_RANK)
        return index->batched ? fv_import_merges(im) : fv_onnx_cannot(n, "too many dimensions");
    fv_shape to = {.rank = 0};
    for (int d = 0; d < axis; d++)
        to.dim[to.rank++] = f->shape.dim[d];
    for (int d = 0; d < inner; d++)
        to.dim[to.rank++] = index->shape.dim[d];
    for (int d = axis + 1; d < rank; d++)
        to.dim[to.rank++] = f->shape.dim[d];
    if (index->data && fv_foreign_count(index) == 0)
        return fv_onnx_cannot(n, "no indices");
    const int64_t size = f->shape.dim[axis], count = fv_foreign_count(index);
    fv_value x = inner == 1 ? work_on(n, f, &order) : fv_import_get(im, f, order = FV_ORDER_FILE), at;
    if (index->data) {
        void *data;
        FV_TRY(fv_import_alloc(im, count * 8, &data));
        for (int64_t i = 0; i < count; i++) {
            const int64_t k = fv_foreign_integer(index, i);
            if (k < -size || k >= size)
                return fv_onnx_cannot(n, "index %lld of %lld", (long long)k, (long long)size);
            ((int64_t *)data)[i] = k < 0 ? k + size : k;
        }
        const bool one = count == 1, run = !one && ((int64_t *)data)[count - 1] - ((int64_t *)data)[0] == count - 1;
        (void)run;
        at = one ? fv_no_value : integers(im, data, count);
        if (one)
            x = strided(im, x, fv_import_axis(order, axis, rank), ((int64_t *)data)[0], 1, 1);
    } else {
        const fv_shape flat = {1, {count}};
        at = fv_import_reshape(im, fv_import_get(im, index, FV_ORDER_FILE), &flat, false);
    }
    const fv_axis_attr attr = {.axis = fv_import_axis(order, axis, rank)};
    if (at.id >= 0)
        x = fv_import_emit2(im, "gather", &attr, x, at);
    if (inner == 1)
        return fv_onnx_result(n, 0, x, order);
    const fv_shape scalar = {1, {1}};
    x = fv_import_reshape(im, x, to.rank ? &to : &scalar, f->batched && to.rank > 0);
    return fv_onnx_result_as(n, 0, x, FV_ORDER_FILE, &to);
}

/* Every dimension several times behind itself. */
static fv_status map_tile(const fv_onnx_node *n)
{
    fv_ints times;
    fv_order order;
    void *data;
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, 0));
    FV_TRY(fv_onnx_need_constant(n, 1, "repeats"));
    FV_TRY(fv_onnx_ints_of(n, 1, NULL, &times));
    fv_foreign *f = n->in[0];
    const int rank = f->shape.rank;
    if (times.count != rank)
        return fv_onnx_cannot(n, "repeats has %lld numbers for %d dimensions", (long long)times.count, rank);
    fv_value x = work_on(n, f, &order);
    bool any = false;
    for (int d = 0; d < rank; d++) {
        const int64_t size = f->shape.dim[d];
        const fv_axis_attr along = {.axis = fv_import_axis(order, d, rank)};
        if (times.value[d] == 1)
            continue;
        if (d == 0 && f->batched)
            return fv_import_merges(im);
        if (times.value[d] < 1 || times.value[d] > (1 << 24) / size)
            return fv_onnx_cannot(n, "dimension %d %lld times", d, (long long)times.value[d]);
        FV_TRY(fv_import_alloc(im, size * times.value[d] * 8, &data));
        for (int64_t i = 0; i < size * times.value[d]; i++)
            ((int64_t *)data)[i] = i % size;
        x = fv_import_emit2(im, "gather", &along, x, integers(im, data, size * times.value[d]));
        any = true;
    }
    return any ? fv_onnx_result(n, 0, x, order) : fv_import_alias(im, n->out[0], f);
}

/* ---- pixels and channels ---- */

/* Through six dimensions n h w (a b c) in an order: block rows and columns go between pixels and channels. */
static fv_status map_depth_to_space(const fv_onnx_node *n)
{
    char text[64];
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, 0));
    fv_foreign *f = n->in[0];
    const int64_t b = fv_onnx_int(n, "blocksize", 0), *d = f->shape.dim;
    const bool crd = strcmp(fv_onnx_text(n, "mode", "DCR", text), "CRD") == 0;
    if (f->shape.rank != 4 || b < 1 || b > 4096 || d[1] % (b * b) != 0)
        return fv_onnx_cannot(n, "blocks of %lld do not fit its operand", (long long)b);
    const int64_t c = d[1] / (b * b);
    const fv_shape six = {6, {d[0], d[2], d[3], crd ? c : b, b, crd ? b : c}}, to = {4, {d[0], d[2] * b, d[3] * b, c}};
    const int dcr_perm[6] = {0, 1, 3, 2, 4, 5}, crd_perm[6] = {0, 1, 4, 2, 5, 3};
    fv_value v = fv_import_reshape(im, fv_import_get(im, f, FV_ORDER_LAST), &six, f->batched);
    v = fv_import_transpose(im, v, crd ? crd_perm : dcr_perm);
    return fv_onnx_result(n, 0, fv_import_reshape(im, v, &to, f->batched), FV_ORDER_LAST);
}

static fv_status map_space_to_depth(const fv_onnx_node *n)
{
    fv_import *im = n->im;
    FV_TRY(fv_onnx_need(n, 0));
    fv_foreign *f = n->in[0];
    const int64_t b = fv_onnx_int(n, "blocksize", 0), *d = f->shape.dim;
    if (f->shape.rank != 4 || b < 1 || b > 4096 || d[2] % b != 0 || d[3] % b != 0)
        return fv_onnx_cannot(n, "blocks of %lld do not fit its operand", (long long)b);
    const fv_shape six = {6, {d[0], d[2] / b, b, d[3] / b, b, d[1]}},
                   to = {4, {d[0], d[2] / b, d[3] / b, b * b * d[1]}};
    fv_value v = fv_import_reshape(im, fv_import_get(im, f, FV_ORDER_LAST), &six, f->batched);
    v = fv_import_transpose(im, v, (const int[]){0, 1, 3, 2, 4, 5});
    return fv_onnx_result(n, 0, fv_import_reshape(im, v, &to, f->batched), FV_ORDER_LAST);
}

const fv_onnx_op fv_onnx_part_ops[] = {
    {"Concat", map_concat, NULL, NULL},
    {"Split", map_split, NULL, NULL},
    {"Slice", map_slice, NULL, NULL},
    {"Pad", map_pad, NULL, NULL},
    {"Gather", map_gather, NULL, NULL},
    {"Tile", map_tile, NULL, NULL},
    {"DepthToSpace", map_depth_to_space, NULL, NULL},
    {"SpaceToDepth", map_space_to_depth, NULL, NULL},
    {0},
};
