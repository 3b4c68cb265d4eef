/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/pool/pool.h"

#include "kernels/eltwise/vact.h"

/* Positions [begin, end); `divisor` is the length that averages count, `origin` where tap 0 lies (maybe outside). */
typedef struct pool_span {
    int64_t begin, end, divisor, origin;
} pool_span;

/* One axis of the shape. */
typedef struct pool_axis {
    int64_t in, out, size, stride, pad, pad_end;
    bool adaptive, include_pad;
} pool_axis;

static pool_axis axis_down(const fv_pool_shape *d)
{
    return (pool_axis){d->h, d->p, d->r, d->stride_h, d->pad_top, d->pad_bottom, d->adaptive, d->count_include_pad};
}

static pool_axis axis_across(const fv_pool_shape *d)
{
    return (pool_axis){d->w, d->q, d->s, d->stride_w, d->pad_left, d->pad_right, d->adaptive, d->count_include_pad};
}

/* Input positions of output o. */
static pool_span window(const pool_axis *a, int64_t o)
{
    pool_span s;
    if (a->adaptive) {
        s.begin = s.origin = o * a->in / a->out;
        s.end = ((o + 1) * a->in + a->out - 1) / a->out;
        s.divisor = s.end - s.begin;
        return s;
    }
    s.origin = o * a->stride - a->pad;
    s.end = s.origin + a->size;
    int64_t padded_end = s.end < a->in + a->pad_end ? s.end : a->in + a->pad_end;
    s.begin = s.origin > 0 ? s.origin : 0;
    s.end = s.end < a->in ? s.end : a->in;
    if (s.end < s.begin)
        s.end = s.begin;
    s.divisor = a->include_pad ? padded_end - s.origin : s.end - s.begin;
    return s;
}

/* Outputs whose windows contain input position i. */
static pool_span cover(const pool_axis *a, int64_t i)
{
    pool_span s = {0};
    if (a->adaptive) {
        s.begin = i * a->out / a->in;
        while (s.begin > 0 && window(a, s.begin - 1).end > i)
            s.begin--;
        s.end = s.begin;
        while (s.end < a->out && window(a, s.end).begin <= i)
            s.end++;
        return s;
    }
    int64_t first = i + a->pad - a->size + 1;
    s.begin = first > 0 ? (first + a->stride - 1) / a->stride : 0;
    s.end = (i + a->pad) / a->stride + 1;
    if (s.end > a->out)
        s.end = a->out;
    return s;
}

FV_INLINE void store(float *dst, vf v, int64_t left)
{
    if (left >= VF)
        vf_store(dst, v);
    else
        vf_store_n(dst, v, (int)left);
}

static void max_pixel(const fv_pool_shape *d, const pool_span *y, const pool_span *x, const float *plane,
                      fv_activation act, vf alpha, float *dst)
{
    for (int64_t j = 0; j < d->c; j += VF) {
        const float *row = plane + (y->begin * d->w + x->begin) * d->c + j;
        vf best = vf_load(row);
        for (int64_t h = y->begin; h < y->end; h++, row += d->w * d->c) {
            const float *at = row;
            for (int64_t w = x->begin; w < x->end; w++, at += d->c) {
                vf v = vf_load(at);
                vm take = vm_or(vf_gt(v, best), vm_not(vf_eq(v, v)));
                best = vf_select(take, v, best);
            }
        }
        store(dst + j, fv_vf_act(act, best, alpha), d->c - j);
    }
}

static void max_pixel_index(const fv_pool_shape *d, const pool_span *y, const pool_span *x, const float *plane,
                            fv_activation act, vf alpha, float *dst, uint8_t *index)
{
    int64_t width = d->adaptive ? d->w : d->s;
    int32_t origin = (int32_t)((y->begin - y->origin) * width + x->begin - x->origin);
    for (int64_t j = 0; j < d->c; j += VF) {
        const float *row = plane + (y->begin * d->w + x->begin) * d->c + j;
        vf best = vf_load(row);
        vi where = vi_set1(origin);
        int32_t first = origin;
        for (int64_t h = y->begin; h < y->end; h++, row += d->w * d->c, first += (int32_t)width) {
            const float *at = row;
            int32_t tap = first;
            for (int64_t w = x->begin; w < x->end; w++, at += d->c, tap++) {
                vf v = vf_load(at);
                vm take = vm_or(vf_gt(v, best), vm_not(vf_eq(v, v)));
                best = vf_select(take, v, best);
                where = vi_select(take, vi_set1(tap), where);
            }
        }
        int64_t left = d->c - j;
        store(dst + j, fv_vf_act(act, best, alpha), left);
        vi_store_u8_n(index + j, where, left < VF ? (int)left : VF);
    }
}

static void pool_max(const fv_pool_shape *d, fv_activation act, float alpha, const float *src, float *dst,
                     uint8_t *index, int64_t row0, int64_t row1)
{
    pool_axis down = axis_down(d), across = axis_across(d);
    vf slope = vf_set1(alpha);
    for (int64_t i = row0; i < row1; i++) {
        const float *plane = src + i / d->p * d->h * d->w * d->c;
        pool_span y = window(&down, i % d->p);
        for (int64_t q = 0; q < d->q; q++) {
            pool_span x = window(&across, q);
            int64_t at = (i * d->q + q) * d->c;
            if (index)
                max_pixel_index(d, &y, &x, plane, act, slope, dst + at, index + at);
            else
                max_pixel(d, &y, &x, plane, act, slope, dst + at);
        }
    }
}

/* The windows that contain one input pixel. A list is cut where it is full; the sums then go on from memory. */
enum { LIST = 64 };
typedef struct pool_list {
    int64_t at[LIST];    /* of the window's output pixel in d_dst */
    int32_t tap[LIST];   /* which tap of the window the pixel is */
    float divisor[LIST]; /* of the window's average */
    int64_t count;
} pool_list;

typedef struct pool_grad {
    const fv_pool_shape *d;
    const float *d_dst;
    const uint8_t *index; /* NULL: average */
    float *d_src;
} pool_grad;

/* The caller's own sums: lanes behind the last channel may be another caller's. */
FV_INLINE vf load_sum(const float *sum, int64_t left)
{
    return left >= VF ? vf_load(sum) : vf_load_n(sum, (int)left);
}

FV_INLINE void gather_list(const pool_grad *g, const pool_list *list, const int maximum, const int begins, float *to)
{
    for (int64_t j = 0; j < g->d->c; j += VF) {
        vf acc = begins ? vf_zero() : load_sum(to + j, g->d->c - j);
        for (int64_t e = 0; e < list->count; e++) {
            vf v = vf_load(g->d_dst + list->at[e] + j);
            if (maximum) {
                vm mine = vi_eq(vi_load_u8(g->index + list->at[e] + j), vi_set1(list->tap[e]));
                acc = vf_select(mine, vf_add(acc, v), acc);
            } else {
                acc = vf_add(acc, vf_div(v, vf_set1(list->divisor[e])));
            }
        }
        store(to + j, acc, g->d->c - j);
    }
}

static void flush_list(const pool_grad *g, pool_list *list, bool begins, float *to)
{
    if (g->index && begins)
        gather_list(g, list, 1, 1, to);
    else if (g->index)
        gather_list(g, list, 1, 0, to);
    else if (begins)
        gather_list(g, list, 0, 1, to);
    else
        gather_list(g, list, 0, 0, to);
    list->count = 0;
}

static void grad_rows(const pool_grad *g, int64_t row0, int64_t row1)
{
    const fv_pool_shape *d = g->d;
    pool_axis down = axis_down(d), across = axis_across(d);
    int64_t width = d->adaptive ? d->w : d->s;
    pool_list list = {.count = 0};
    for (int64_t i = row0; i < row1; i++) {
        int64_t h = i % d->h, plane = i / d->h * d->p;
        pool_span y = cover(&down, h);
        for (int64_t w = 0; w < d->w; w++) {
            pool_span x = cover(&across, w);
            float *to = g->d_src + (i * d->w + w) * d->c;
            bool begins = true;
            for (int64_t p = y.begin; p < y.end; p++) {
                pool_span rows = window(&down, p);
                for (int64_t q = x.begin; q < x.end; q++) {
                    pool_span cols = window(&across, q);
                    if (list.count == LIST) {
                        flush_list(g, &list, begins, to);
                        begins = false;
                    }
                    list.at[list.count] = ((plane + p) * d->q + q) * d->c;
                    list.tap[list.count] = (int32_t)((h - rows.origin) * width + w - cols.origin);
                    list.divisor[list.count++] = (float)(rows.divisor * cols.divisor);
                }
            }
            flush_list(g, &list, begins, to);
        }
    }
}

static void pool_max_grad(const fv_pool_shape *d, const float *d_dst, const uint8_t *index, float *d_src, int64_t row0,
                          int64_t row1)
{
    pool_grad g = {d, d_dst, index, d_src};
    grad_rows(&g, row0, row1);
}

static void pool_avg_grad(const fv_pool_shape *d, const float *d_dst, float *d_src, int64_t row0, int64_t row1)
{
    pool_grad g = {d, d_dst, NULL, d_src};
    grad_rows(&g, row0, row1);
}

static void pool_avg(const fv_pool_shape *d, fv_activation act, float alpha, const float *src, float *dst, int64_t row0,
                     int64_t row1)
{
    pool_axis down = axis_down(d), across = axis_across(d);
    vf slope = vf_set1(alpha);
    for (int64_t i = row0; i < row1; i++) {
        const float *plane = src + i / d->p * d->h * d->w * d->c;
        pool_span y = window(&down, i % d->p);
        for (int64_t q = 0; q < d->q; q++) {
            pool_span x = window(&across, q);
            vf count = vf_set1((float)(y.divisor * x.divisor));
            for (int64_t j = 0; j < d->c; j += VF) {
                vf sum = vf_zero();
                for (int64_t h = y.begin; h < y.end; h++)
                    for (int64_t w = x.begin; w < x.end; w++)
                        sum = vf_add(sum, vf_load(plane + (h * d->w + w) * d->c + j));
                store(dst + (i * d->q + q) * d->c + j, fv_vf_act(act, vf_div(sum, count), slope), d->c - j);
            }
        }
    }
}

static void pool_global_avg(int64_t rows, int64_t c, const float *src, float *dst)
{
    vd2 count = vd2_set1((double)rows);
    for (int64_t j = 0; j < c; j += VF) {
        vd2 sum = vd2_zero();
        for (int64_t i = 0; i < rows; i++)
            sum = vd2_add(sum, vf_to_vd2(vf_load(src + i * c + j)));
        store(dst + j, vd2_to_vf(vd2_div(sum, count)), c - j);
    }
}

static void pool_global_avg_grad(int64_t rows, int64_t c, const float *d_dst, float *d_src)
{
    vf count = vf_set1((float)rows);
    for (int64_t j = 0; j < c; j += VF) {
        vf v = vf_div(vf_load(d_dst + j), count);
        for (int64_t i = 0; i < rows; i++)
            store(d_src + i * c + j, v, c - j);
    }
}

static void pool_global_max_grad(int64_t rows, int64_t c, const float *src, const float *dst, const float *d_dst,
                                 float *d_src)
{
    for (int64_t j = 0; j < c; j += VF) {
        vf best = vf_load(dst + j), d = vf_load(d_dst + j), open = vf_set1(1.0f);
        vm none = vm_not(vf_eq(best, best));
        for (int64_t i = 0; i < rows; i++) {
            vf x = vf_load(src + i * c + j);
            vm same = vm_or(vf_eq(x, best), vm_and(none, vm_not(vf_eq(x, x))));
            vm wins = vm_and(same, vf_gt(open, vf_zero()));
            open = vf_select(wins, vf_zero(), open);
            store(d_src + i * c + j, vf_select(wins, d, vf_zero()), c - j);
        }
    }
}

extern const fv_pool_kernels FV_SYM(fv_pool_kernels);
const fv_pool_kernels FV_SYM(fv_pool_kernels) = {.max = pool_max,
                                                 .max_grad = pool_max_grad,
                                                 .avg = pool_avg,
                                                 .avg_grad = pool_avg_grad,
                                                 .global_avg = pool_global_avg,
                                                 .global_avg_grad = pool_global_avg_grad,
                                                 .global_max_grad = pool_global_max_grad};
