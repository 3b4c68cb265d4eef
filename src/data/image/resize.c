/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resampling in two passes by Pillow's choice of taps, weights (22 fractional bits for 8-bit images), rounding and
 * order of passes, so that a network fed by either sees the same pixels.
 */
#include "data/image/resize.h"

#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "kernels/image/image.h"
#include "kernels/kernels.h"

#define MOST_BITS 22 /* 8 bits of pixel, 22 of weight, one for overshoot and the sign fit in 32 */

void *fv_scratch_get(fv_resize_scratch *scratch, size_t size)
{
    if (size > scratch->capacity || !scratch->data) {
        fv_free(scratch->ctx, scratch->data);
        scratch->data = fv_malloc(scratch->ctx, size);
        scratch->capacity = scratch->data ? size : 0;
    }
    return scratch->data;
}

void fv_scratch_free(fv_resize_scratch *scratch)
{
    fv_free(scratch->ctx, scratch->data);
    scratch->data = NULL;
    scratch->capacity = 0;
}

/* ---- filters ---- */

static const struct {
    fv_resize_shape shape;
    double support; /* half the width */
} filters[FV_FILTER_COUNT] = {
    [FV_FILTER_BILINEAR] = {FV_SHAPE_TRIANGLE, 1.0},
    [FV_FILTER_BICUBIC] = {FV_SHAPE_CUBIC, 2.0},
    [FV_FILTER_AREA] = {FV_SHAPE_BOX, 0.5},
    [FV_FILTER_LANCZOS] = {FV_SHAPE_LANCZOS, 3.0},
};

/* One axis of a resize: `in` samples, of which [from, to) becomes `out`; outputs [begin, begin + count) are wanted. */
typedef struct axis_job {
    int64_t in, out, begin;
    int64_t have_from, have; /* samples that are there: a part of `in` */
    double from, to;
    fv_filter filter;
    bool antialias, whole; /* whole: every sample is its own output */
    bool copies;           /* every output is a sample */
    fv_resize_axis axis;
} axis_job;

static double widening(const axis_job *job)
{
    const double scale = (job->to - job->from) / (double)job->out;
    return job->antialias && scale > 1.0 ? scale : 1.0;
}

static void axis_fill(const fv_image_kernels *kernels, axis_job *job, double *line)
{
    fv_resize_axis *a = &job->axis;
    if (job->whole) {
        for (int64_t i = 0; i < a->count; i++) {
            a->first[i] = (int32_t)(job->begin + i);
            a->taps[i] = 1;
        }
        return;
    }
    const double wide = widening(job);
    const fv_resize_curve curve = {.shape = filters[job->filter].shape,
                                   .from = job->from,
                                   .scale = (job->to - job->from) / (double)job->out,
                                   .support = filters[job->filter].support * wide,
                                   .narrow = 1.0 / wide,
                                   .in = job->in,
                                   .begin = job->begin,
                                   .line = line};
    kernels->resize_weights(&curve, a);
}

/* ---- memory ---- */

/* Everything a resize needs, cut out of one block. */
typedef struct plan {
    fv_ctx *ctx;
    const fv_image_kernels *kernels;
    const fv_image *src;
    fv_resize_window window;
    axis_job rows, cols;
    double *weight;                  /* of some outputs, as doubles */
    uint8_t *middle;                 /* the row pass's results, from row `top` on */
    uint8_t *guarded;                /* rows near the end of the image, copied to where they can be read over */
    float *line;                     /* a 16-bit row as floats, or the column pass's result before rounding */
    fv_image_pick pick;              /* of a row, where its outputs are copies */
    uint8_t *narrow_in, *narrow_out; /* the column pass's, where rows are narrow */
    uint8_t *last_in, *last_out;     /* a row at the end of the image and of the result, with room behind it */
    int64_t top;
    int64_t over; /* bytes that the row pass may read behind a row */
} plan;

/* Cuts `count` elements of `size` bytes from the block; at NULL base only adds up. Counts overflow in *total as -1. */
static void *cut(uint8_t *base, int64_t *total, int64_t count, int64_t size)
{
    int64_t bytes = 0, padded = 0;
    if (*total < 0 || !fv_size_mul(count, size, &bytes) || !fv_size_add(bytes, 63, &padded)) {
        *total = -1;
        return NULL;
    }
    void *place = base ? base + *total : NULL;
    if (!fv_size_add(*total, padded & ~(int64_t)63, total))
        *total = -1;
    return place;
}

static void cut_axis(axis_job *job, fv_depth depth, uint8_t *base, int64_t *total)
{
    fv_resize_axis *a = &job->axis;
    const double reach = ceil(filters[job->filter].support * widening(job)) * 2.0 + 1.0;
    int64_t width = reach < (double)job->in ? (int64_t)reach : job->in, weights = 0;
    a->width = (width + FV_RESIZE_TAPS - 1) / FV_RESIZE_TAPS * FV_RESIZE_TAPS;
    if (!fv_size_mul(a->width, a->count, &weights))
        *total = -1;
    a->first = cut(base, total, a->count, (int64_t)sizeof *a->first);
    a->taps = cut(base, total, a->count, (int64_t)sizeof *a->taps);
    if (depth == FV_DEPTH_8) {
        a->high = cut(base, total, weights, (int64_t)sizeof *a->high);
        a->low = cut(base, total, weights, (int64_t)sizeof *a->low);
    } else {
        a->real = cut(base, total, weights, (int64_t)sizeof *a->real);
    }
}

static void cut_quads(fv_resize_axis *a, uint8_t *base, int64_t *total)
{
    const int64_t outputs = a->count + FV_RESIZE_QUADS - 1;
    int64_t weights = 0;
    if (!fv_size_mul(a->width, outputs, &weights))
        *total = -1;
    a->quad_pick = cut(base, total, outputs, 4);
    a->quad_high = cut(base, total, weights, (int64_t)sizeof *a->quad_high);
    a->quad_low = cut(base, total, weights, (int64_t)sizeof *a->quad_low);
}

static void cut_pick(plan *p, uint8_t *base, int64_t *total)
{
    fv_image_pick *pick = &p->pick;
    int64_t bytes = 0, row = 0;
    pick->count = p->window.w;
    pick->pixel = p->src->c * (int64_t)fv_depth_bytes(p->src->depth);
    pick->first = p->cols.axis.first;
    pick->vbmi = fv_ctx_cpu(p->ctx)->vbmi;
    if (!fv_size_mul(pick->count, pick->pixel, &bytes) || !fv_size_add(bytes, 64, &bytes) ||
        !fv_size_mul(p->src->w, pick->pixel, &row) || !fv_size_add(row, FV_PICK_OVER, &row))
        *total = -1;
    pick->at = cut(base, total, bytes, (int64_t)sizeof *pick->at);
    pick->base = cut(base, total, bytes / 16 + 1, (int64_t)sizeof *pick->base);
    pick->pick = cut(base, total, bytes, FV_PICK_WINDOWS);
    p->last_in = cut(base, total, row, 1);
    p->last_out = cut(base, total, bytes + FV_PICK_OVER, 1);
}

static int64_t cut_plan(plan *p, uint8_t *base)
{
    int64_t total = 0, row = 0, middle = 0, line = 0;
    const fv_image *src = p->src;
    const int64_t depth = src->depth == FV_DEPTH_8 ? 1 : (int64_t)sizeof(float);
    cut_axis(&p->rows, src->depth, base, &total);
    cut_axis(&p->cols, src->depth, base, &total);
    if (src->c == 1 && src->depth == FV_DEPTH_8)
        cut_quads(&p->cols.axis, base, &total);
    const int64_t most = p->rows.axis.width > p->cols.axis.width ? p->rows.axis.width : p->cols.axis.width;
    p->weight = cut(base, &total, most + 1, FV_RESIZE_BLOCK * (int64_t)sizeof *p->weight);
    p->over = src->depth == FV_DEPTH_8 ? p->cols.axis.width * src->c + FV_PICK_OVER : 0;
    /* A narrow row has room for another behind it. */
    p->narrow_in = cut(base, &total, src->h + 1, FV_RESIZE_NARROW);
    p->narrow_out = cut(base, &total, p->window.h + 4, FV_RESIZE_NARROW);
    cut_pick(p, base, &total);
    const int64_t wide = src->w > p->window.w ? src->w : p->window.w;
    if (!fv_size_mul(wide, src->c, &line) || !fv_size_add(line, p->over, &row) ||
        !fv_size_mul(p->window.w * src->c, src->h, &middle))
        return -1;
    if (src->depth == FV_DEPTH_8)
        p->guarded = cut(base, &total, row, FV_RESIZE_ROWS);
    else
        p->line = cut(base, &total, row, (int64_t)sizeof *p->line);
    if (!fv_size_add(middle, FV_PICK_OVER, &middle))
        return -1;
    p->middle = cut(base, &total, middle, depth);
    return total;
}

/* ---- copies of pixels ---- */

/* Whether every output has one tap of weight 1. */
static bool all_copies(const fv_resize_axis *a)
{
    bool copies = a->most == 1;
    for (int64_t i = 0; i < a->count && copies; i++)
        copies = a->high[i * a->width] == 1 << (FV_RESIZE_BITS - FV_RESIZE_LOW) && a->low[i * a->width] == 0;
    return copies;
}

/* Tables are worth their while for a few rows. */
static void prepare_pick(plan *p, int64_t rows)
{
    if (rows > 2)
        p->kernels->pick_table(&p->pick);
}

/* Pixels of one row; sizes known to the compiler become single moves. */
static inline void one_by_one(const int32_t *first, int64_t n, size_t pixel, const uint8_t *src, uint8_t *dst)
{
    for (int64_t x = 0; x < n; x++)
        memcpy(dst + (size_t)x * pixel, src + (size_t)first[x] * pixel, pixel);
}

/* Three bytes by moves of four, over what is written next. */
static void three_bytes(const int32_t *first, int64_t n, const uint8_t *src, uint8_t *dst)
{
    for (int64_t x = 0; x < n; x++)
        memcpy(dst + 3 * x, src + 3 * (int64_t)first[x], 4);
}

/* `times` rows of copies from a row that may be read over; `room` bytes behind them may be written over. */
static void pick_rows(plan *p, const uint8_t *from, int64_t times, uint8_t *dst, int64_t room)
{
    const fv_image_pick *pick = &p->pick;
    const int64_t n = pick->count * pick->pixel;
    uint8_t *to = room >= FV_PICK_OVER ? dst : p->last_out;
    int64_t made = 1;
    if (pick->windows > 0)
        p->kernels->pick_rows(pick, from, to == dst ? made = times : 1, to);
    else if (pick->pixel == 3)
        three_bytes(pick->first, pick->count, from, to);
    else if (pick->pixel == 1)
        one_by_one(pick->first, pick->count, 1, from, to);
    else if (pick->pixel == 4)
        one_by_one(pick->first, pick->count, 4, from, to);
    else
        one_by_one(pick->first, pick->count, (size_t)pick->pixel, from, to);
    for (int64_t r = to == dst ? made : 0; r < times; r++)
        memcpy(dst + r * n, to, (size_t)n);
}

/* Row y of the image, to be read over: its own end is the caller's, and not padded for us. */
static const uint8_t *padded_row(plan *p, int64_t y)
{
    const int64_t row = p->src->w * p->pick.pixel;
    const uint8_t *from = p->src->data + y * row;
    if ((p->src->h - 1 - y) * row >= FV_PICK_OVER)
        return from;
    memcpy(p->last_in, from, (size_t)row);
    memset(p->last_in + row, 0, FV_PICK_OVER);
    return p->last_in;
}

static void nearest_samples(const fv_image_kernels *kernels, axis_job *job)
{
    const fv_resize_curve curve = {
        .from = job->from, .scale = (job->to - job->from) / (double)job->out, .in = job->in, .begin = job->begin};
    kernels->nearest_samples(&curve, job->axis.count, job->axis.first);
}

/* Both axes are copies. */
static void resize_copies(plan *p, uint8_t *dst)
{
    const int32_t *row = p->rows.axis.first;
    const int64_t n = p->window.w * p->pick.pixel, h = p->window.h;
    int64_t different = 1;
    for (int64_t y = 1; y < h; y++)
        different += row[y] != row[y - 1];
    prepare_pick(p, different);
    for (int64_t y = 0, end; y < h; y = end) {
        for (end = y + 1; end < h && row[end] == row[y];)
            end++;
        pick_rows(p, padded_row(p, row[y]), end - y, dst + y * n, (h - end) * n);
    }
}

/* ---- 8 bits ---- */

/* The row pass for rows [from, to) of the image, as many as a kernel call takes. */
static void pass_rows(plan *p, int64_t from, int64_t to)
{
    const fv_image *src = p->src;
    const int64_t bytes = src->w * src->c, n = p->window.w * src->c;
    const uint8_t *line[FV_RESIZE_ROWS];
    uint8_t *dst[FV_RESIZE_ROWS];
    if (p->cols.copies) {
        for (int64_t y = from; y < from + FV_RESIZE_ROWS && y < to; y++)
            pick_rows(p, padded_row(p, y), 1, p->middle + (y - p->top) * n, FV_PICK_OVER);
        return;
    }
    for (int64_t r = 0; r < FV_RESIZE_ROWS; r++) {
        const int64_t y = from + r < to ? from + r : to - 1;
        line[r] = src->data + y * bytes;
        dst[r] = p->middle + (y - p->top) * n;
        /* The image's own end is the caller's, and not padded for us. */
        if ((src->h - y) * bytes < bytes + p->over) {
            memcpy(p->guarded + r * (bytes + p->over), line[r], (size_t)bytes);
            line[r] = p->guarded + r * (bytes + p->over);
        }
    }
    p->kernels->resize_rows(&p->cols.axis, src->c, line, dst);
}

/* The column pass over rows of n < FV_RESIZE_NARROW bytes, all at once, into narrow_out; src is where row 0 is or would
 * be. */
static void narrow_columns(plan *p, const uint8_t *src, int64_t n, int64_t stride)
{
    const fv_resize_axis *rows = &p->rows.axis;
    const int64_t first = rows->first[0], last = rows->first[rows->count - 1] + rows->taps[rows->count - 1];
    for (int64_t y = first; y < last; y++)
        memcpy(p->narrow_in + y * n, src + y * stride, (size_t)n);
    memset(p->narrow_in + last * n, 0, FV_RESIZE_NARROW); /* read over, without being seen */
    p->kernels->resize_narrow(rows, n, p->narrow_in, n, p->narrow_out);
}

static void resize_u8_rows_first(plan *p, uint8_t *dst)
{
    const fv_image *src = p->src;
    const fv_resize_axis *rows = &p->rows.axis;
    const int64_t n = p->window.w * src->c;
    /* Rows are made as the columns want them, so that they are still in the cache. */
    int64_t done = p->top = rows->first[0];
    const uint8_t *from = p->middle;
    int64_t stride = n;
    if (p->cols.whole) {
        stride = src->w * src->c;
        from = src->data + p->top * stride + p->window.x * src->c;
    }
    if (n < FV_RESIZE_NARROW && !p->rows.copies) {
        for (; !p->cols.whole && done < src->h; done += FV_RESIZE_ROWS)
            pass_rows(p, done, src->h);
        narrow_columns(p, from - p->top * stride, n, stride);
        memcpy(dst, p->narrow_out, (size_t)(rows->count * n));
        return;
    }
    for (int64_t y = 0; y < rows->count; y++, dst += n) {
        const int64_t end = rows->first[y] + rows->taps[y];
        for (; !p->cols.whole && done < end; done += FV_RESIZE_ROWS)
            pass_rows(p, done, src->h);
        const uint8_t *line = from + (rows->first[y] - p->top) * stride;
        if (p->rows.copies)
            memcpy(dst, line, (size_t)n);
        else
            p->kernels->resize_column(n, rows->taps[y], rows->high + y * rows->width, rows->low + y * rows->width, line,
                                      stride, dst);
    }
}

/* Which pass goes first is seen in the result, since each clamps. This is when Pillow 13 takes the columns first, found
 * by trying sizes; the box plays no part. */
static bool columns_first(const plan *p)
{
    const int64_t h = p->rows.in, w = p->cols.in;
    return p->rows.out < h && h - p->rows.out > 2 * (w - p->cols.out);
}

static void resize_u8_columns_first(plan *p, uint8_t *dst)
{
    const fv_image *src = p->src;
    const fv_resize_axis *rows = &p->rows.axis, *cols = &p->cols.axis;
    const int64_t stride = src->w * src->c, n = p->window.w * src->c, last = cols->count - 1;
    const int64_t begin = cols->first[0] * src->c, end = (cols->first[last] + cols->taps[last]) * src->c;
    const bool narrow = end - begin < FV_RESIZE_NARROW;
    if (narrow)
        narrow_columns(p, src->data + begin, end - begin, stride);
    for (int64_t y = 0; y < rows->count; y += FV_RESIZE_ROWS) {
        const uint8_t *line[FV_RESIZE_ROWS];
        uint8_t *to[FV_RESIZE_ROWS];
        for (int64_t r = 0; r < FV_RESIZE_ROWS; r++) {
            const int64_t at = y + r < rows->count ? y + r : rows->count - 1;
            uint8_t *middle = p->guarded + r * (stride + p->over);
            if (narrow)
                memcpy(middle + begin, p->narrow_out + at * (end - begin), (size_t)(end - begin));
            else
                p->kernels->resize_column(end - begin, rows->taps[at], rows->high + at * rows->width,
                                          rows->low + at * rows->width, src->data + rows->first[at] * stride + begin,
                                          stride, middle + begin);
            line[r] = middle;
            to[r] = dst + at * n;
        }
        if (!p->cols.copies) {
            p->kernels->resize_rows(cols, src->c, line, to);
            continue;
        }
        for (int64_t r = 0; r < FV_RESIZE_ROWS && y + r < rows->count; r++)
            pick_rows(p, line[r], 1, to[r], (rows->count - 1 - y - r) * n);
    }
}

static void resize_u8(plan *p, uint8_t *dst)
{
    p->rows.copies = p->rows.whole || all_copies(&p->rows.axis);
    p->cols.copies = p->cols.whole || all_copies(&p->cols.axis);
    if (p->rows.copies && p->cols.copies) {
        resize_copies(p, dst);
        return;
    }
    if (p->cols.copies && !p->cols.whole)
        prepare_pick(p, p->src->h);
    else if (p->cols.axis.quad_pick && !p->cols.whole && p->window.w >= 4)
        p->kernels->resize_quads(&p->cols.axis);
    /* The order of the passes does not show where one copies: the other takes the fewer columns. */
    if (p->cols.copies ? !p->cols.whole && p->src->w < p->window.w : columns_first(p))
        resize_u8_columns_first(p, dst);
    else
        resize_u8_rows_first(p, dst);
}

/* ---- 16 bits and floats ---- */

static const float *load_row(plan *p, int64_t y)
{
    const fv_image *src = p->src;
    const int64_t n = src->w * src->c;
    if (src->depth == FV_DEPTH_F32)
        return (const float *)(const void *)src->data + y * n;
    const uint16_t *from = (const uint16_t *)(const void *)src->data + y * n;
    for (int64_t i = 0; i < n; i++)
        p->line[i] = (float)from[i];
    return p->line;
}

static void store_row(const plan *p, const float *from, uint8_t *dst, int64_t y, int64_t n)
{
    if (p->src->depth == FV_DEPTH_F32) {
        memcpy(dst + y * n * (int64_t)sizeof(float), from, (size_t)n * sizeof(float));
        return;
    }
    uint16_t *to = (uint16_t *)(void *)dst + y * n;
    for (int64_t i = 0; i < n; i++) {
        const float v = from[i] < 0.0f ? 0.0f : from[i] > 65535.0f ? 65535.0f : from[i];
        to[i] = (uint16_t)(v + 0.5f);
    }
}

static void resize_f32(plan *p, uint8_t *dst)
{
    const fv_resize_axis *rows = &p->rows.axis;
    const int64_t c = p->src->c, n = p->window.w * c;
    float *middle = (float *)(void *)p->middle;
    int64_t done = p->top = rows->first[0];
    for (int64_t y = 0; y < rows->count; y++) {
        for (; done < rows->first[y] + rows->taps[y]; done++) {
            const float *line = load_row(p, done);
            float *to = middle + (done - p->top) * n;
            if (p->cols.whole)
                memcpy(to, line + p->window.x * c, (size_t)n * sizeof *to);
            else
                p->kernels->resize_rows_f32(&p->cols.axis, c, line, to);
        }
        const float *from = middle + (rows->first[y] - p->top) * n;
        if (!p->rows.whole) {
            p->kernels->resize_column_f32(n, rows->taps[y], rows->real + y * rows->width, from, n, p->line);
            from = p->line;
        }
        store_row(p, from, dst, y, n);
    }
}

/* ---- entry ---- */

static bool axis_fits(int64_t in, double from, double to, int64_t out, int64_t begin, int64_t count)
{
    return in >= 1 && in <= INT32_MAX && out >= 1 && out <= INT32_MAX && from >= 0.0 && from < to && to <= (double)in &&
           begin >= 0 && count >= 1 && count <= out - begin;
}

static axis_job axis_of(int64_t in, int64_t have_from, int64_t have, const fv_resize_spec *s, bool columns)
{
    axis_job job = {.in = in, .have_from = have_from, .have = have, .filter = s->filter, .antialias = s->antialias};
    job.out = columns ? s->w : s->h;
    job.from = columns ? s->x0 : s->y0;
    job.to = columns ? s->x1 : s->y1;
    job.whole = job.out == in && job.from == 0.0 && job.to == (double)in;
    return job;
}

/* Counts the samples from where the part begins. False: it lacks some. */
static bool part_suffices(axis_job *job)
{
    fv_resize_axis *a = &job->axis;
    for (int64_t i = 0; i < a->count; i++) {
        const int64_t taps = job->filter == FV_FILTER_NEAREST ? 1 : a->taps[i];
        a->first[i] -= (int32_t)job->have_from;
        if (a->first[i] < 0 || a->first[i] + taps > job->have)
            return false;
    }
    return true;
}

static fv_status resize_failed(fv_ctx *ctx, const fv_image *src, const fv_resize_spec *s)
{
    return fv_fail(ctx, FV_ERR_ARGUMENT,
                   "resize: rows [%g, %g) and columns [%g, %g) of %lld x %lld x %lld to %lld x %lld with filter %d: "
                   "expected a box inside the image, sizes of at least 1 and a known filter",
                   s->y0, s->y1, s->x0, s->x1, (long long)src->h, (long long)src->w, (long long)src->c, (long long)s->h,
                   (long long)s->w, (int)s->filter);
}

fv_status fv_resize(fv_resize_scratch *scratch, const fv_image *src, const fv_resize_spec *spec, uint8_t *dst)
{
    const int64_t full_h = spec->full_h ? spec->full_h : src->h, full_w = spec->full_w ? spec->full_w : src->w;
    fv_resize_window window = spec->window;
    if (window.h == 0)
        window = (fv_resize_window){0, 0, spec->h, spec->w};
    if (!src->data || src->c < 1 || (unsigned)spec->filter >= FV_FILTER_COUNT ||
        !axis_fits(full_h, spec->y0, spec->y1, spec->h, window.y, window.h) ||
        !axis_fits(full_w, spec->x0, spec->x1, spec->w, window.x, window.w))
        return resize_failed(scratch->ctx, src, spec);
    const fv_kernels *kernels = fv_kernels_of(scratch->ctx);
    plan p = {.ctx = scratch->ctx, .kernels = kernels->image, .src = src, .window = window};
    p.rows = axis_of(full_h, spec->top, src->h, spec, false);
    p.cols = axis_of(full_w, spec->left, src->w, spec, true);
    p.rows.begin = window.y;
    p.cols.begin = window.x;
    p.rows.axis.count = window.h;
    p.cols.axis.count = window.w;
    const int64_t size = cut_plan(&p, NULL);
    if (size < 0)
        return fv_fail_memory(scratch->ctx, SIZE_MAX, "resizing an image");
    uint8_t *base = fv_scratch_get(scratch, (size_t)size);
    if (!base)
        return FV_ERR_NO_MEMORY;
    cut_plan(&p, base);
    if (spec->filter == FV_FILTER_NEAREST) {
        nearest_samples(p.kernels, &p.rows);
        nearest_samples(p.kernels, &p.cols);
        if (!part_suffices(&p.rows) || !part_suffices(&p.cols))
            return resize_failed(scratch->ctx, src, spec);
        resize_copies(&p, dst);
        return FV_OK;
    }
    /* What the kernel reads behind a row has no weight, but should be a number all the same. */
    if (p.guarded)
        memset(p.guarded, 0, (size_t)(src->w * src->c + p.over) * FV_RESIZE_ROWS);
    axis_fill(p.kernels, &p.rows, p.weight);
    axis_fill(p.kernels, &p.cols, p.weight);
    if (!part_suffices(&p.rows) || !part_suffices(&p.cols))
        return resize_failed(scratch->ctx, src, spec);
    if (src->depth == FV_DEPTH_8)
        resize_u8(&p, dst);
    else
        resize_f32(&p, dst);
    return FV_OK;
}

fv_status fv_image_resize(fv_ctx *ctx, const fv_image *src, int64_t h, int64_t w, bool antialias, fv_image *dst)
{
    *dst = (fv_image){0};
    if (!src->data || src->h < 1 || src->w < 1 || src->c < 1 || h < 1 || w < 1 || h > INT32_MAX || w > INT32_MAX)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_image_resize: %lld x %lld x %lld to %lld x %lld", (long long)src->h,
                       (long long)src->w, (long long)src->c, (long long)h, (long long)w);
    fv_image image = {.h = h, .w = w, .c = src->c, .depth = src->depth};
    int64_t bytes = 0;
    if (!fv_size_mul(h, w, &bytes) || !fv_size_mul(bytes, src->c * (int64_t)fv_depth_bytes(src->depth), &bytes))
        return fv_fail_memory(ctx, SIZE_MAX, "an image");
    image.data = fv_malloc(ctx, (size_t)bytes);
    if (!image.data)
        return FV_ERR_NO_MEMORY;
    fv_resize_scratch scratch = {.ctx = ctx};
    const fv_resize_spec spec = fv_resize_whole(src, h, w, FV_FILTER_BILINEAR, antialias);
    fv_status status = fv_resize(&scratch, src, &spec, image.data);
    fv_scratch_free(&scratch);
    if (status != FV_OK) {
        fv_image_free(ctx, &image);
        return status;
    }
    *dst = image;
    return FV_OK;
}
