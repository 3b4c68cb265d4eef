/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/depthwise/depthwise.h"

#include "kernels/depthwise/internal.h"
#include "kernels/eltwise/vact.h"

/* Outputs that a register tile computes side by side along the row, all for one vector of channels. */
enum { TILE = 8 };

/* A run of outputs in one row whose taps are the same rectangle, shifted. Taps outside rows [row0, row1) and columns
   [col0, col1) of it lie in the padding: zeros. Steps count floats. */
typedef struct dw_job {
    int64_t rows, cols; /* taps down and across */
    int64_t row0, row1, col0, col1;
    const float *src;         /* first tap of the first output */
    int64_t src_row, src_col; /* from tap to tap */
    int64_t src_step;         /* from output to output */
    const float *wei;         /* weight of the first tap */
    int64_t wei_row, wei_col;
    float *dst;
    int64_t dst_step;
    const float *bia;
    int64_t channels;
    fv_activation act;
    float alpha, lo, hi; /* bounds of relu and relu6, infinite for the others */
} dw_job;

FV_INLINE void tile_begin(const dw_job *job, int64_t j, const int outputs, vf *acc)
{
    vf start = job->bia ? vf_load(job->bia + j) : vf_zero();
    for (int i = 0; i < outputs; i++)
        acc[i] = start;
}

/* Clamping to infinite bounds changes nothing, so the usual activations need no branch. */
FV_INLINE void tile_end(const dw_job *job, float *dst, int64_t j, const int outputs, vf *acc)
{
    int64_t left = job->channels - j;
    vf lo = vf_set1(job->lo), hi = vf_set1(job->hi);
    for (int i = 0; i < outputs; i++)
        acc[i] = vf_min(hi, vf_max(lo, acc[i]));
    if (job->act > FV_RELU6) {
        vf alpha = vf_set1(job->alpha);
        for (int i = 0; i < outputs; i++)
            acc[i] = fv_vf_act(job->act, acc[i], alpha);
    }
    if (left >= VF) {
        for (int i = 0; i < outputs; i++)
            vf_store(dst + i * job->dst_step + j, acc[i]);
    } else {
        for (int i = 0; i < outputs; i++)
            vf_store_n(dst + i * job->dst_step + j, acc[i], (int)left);
    }
}

/* `count` taps in the padding, for every output of the tile: 0 * w each. A sum of zeros is -0 only if every one of them
   is, so their chain is computed once and added: the same bits as one step per tap, NaN included. */
FV_INLINE void tile_zeros(const float *wei, int64_t step, int64_t count, const int outputs, vf *acc)
{
    vf zero = vf_zero(), chain = vf_neg(zero);
    for (int64_t s = 0; s < count; s++)
        chain = vf_fma(zero, vf_load(wei + s * step), chain);
    for (int i = 0; i < outputs; i++)
        acc[i] = vf_add(acc[i], chain);
}

/* One output near the left or right border, filters `cols` wide. */
FV_INLINE void tile_edge(const dw_job *job, const int cols)
{
    vf zero = vf_zero();
    for (int64_t j = 0; j < job->channels; j += VF) {
        vf acc[1];
        tile_begin(job, j, 1, acc);
        for (int64_t r = 0; r < job->rows; r++) {
            const float *wei = job->wei + r * job->wei_row + j, *from = job->src + r * job->src_row + j;
            bool inside = r >= job->row0 && r < job->row1;
            for (int s = 0; s < cols; s++) {
                vf v = inside && s >= job->col0 && s < job->col1 ? vf_load(from + s * job->src_col) : zero;
                acc[0] = vf_fma(v, vf_load(wei + s * job->wei_col), acc[0]);
            }
        }
        tile_end(job, job->dst, j, 1, acc);
    }
}

/* Any filter: each tap is read from memory for each output. */
FV_INLINE void tile_any(const dw_job *job, int64_t first, const int outputs)
{
    const float *src = job->src + first * job->src_step;
    float *dst = job->dst + first * job->dst_step;
    for (int64_t j = 0; j < job->channels; j += VF) {
        vf acc[TILE];
        tile_begin(job, j, outputs, acc);
        for (int64_t r = 0; r < job->rows; r++) {
            const float *wei = job->wei + r * job->wei_row + j;
            if (r < job->row0 || r >= job->row1) {
                tile_zeros(wei, job->wei_col, job->cols, outputs, acc);
                continue;
            }
            const float *from = src + r * job->src_row + job->col0 * job->src_col + j;
            tile_zeros(wei, job->wei_col, job->col0, outputs, acc);
            wei += job->col0 * job->wei_col;
            for (int64_t s = job->col0; s < job->col1; s++, from += job->src_col, wei += job->wei_col) {
                vf w = vf_load(wei);
                for (int i = 0; i < outputs; i++)
                    acc[i] = vf_fma(vf_load(from + i * job->src_step), w, acc[i]);
            }
            tile_zeros(wei, job->wei_col, job->cols - job->col1, outputs, acc);
        }
        tile_end(job, dst, j, outputs, acc);
    }
}

/* Filters `cols` wide whose taps lie where the neighbors' taps lie: output i and tap s read column i*stride + s of the
   row (forward), or column i - s when `mirrored` (gradient, stride 1). Each column is read once; the order of columns
   keeps every chain in increasing s. */
FV_INLINE void tile_shared(const dw_job *job, int64_t first, const int outputs, const int cols, const int stride,
                           const int mirrored)
{
    const int width = (outputs - 1) * stride + cols;
    const int64_t step = job->src_step / stride, src_row = job->src_row;
    const int64_t wei_row = job->wei_row, wei_col = job->wei_col, rows = job->rows, row0 = job->row0, row1 = job->row1;
    const float *wei = job->wei, *src = job->src + first * job->src_step - (mirrored ? (cols - 1) * step : 0);
    float *dst = job->dst + first * job->dst_step;
    for (int64_t j = 0; j < job->channels; j += VF) {
        vf acc[TILE];
        tile_begin(job, j, outputs, acc);
        for (int64_t r = 0; r < row0; r++)
            tile_zeros(wei + r * wei_row + j, wei_col, cols, outputs, acc);
        for (int64_t r = row0; r < row1; r++) {
            const float *from = src + r * src_row + j, *at = wei + r * wei_row + j;
            vf w[8];
            for (int s = 0; s < cols; s++)
                w[s] = vf_load(at + s * wei_col);
            for (int k = 0; k < width; k++) {
                int col = mirrored ? width - 1 - k : k;
                vf v = vf_load(from + col * step);
                for (int s = 0; s < cols; s++) {
                    int to = mirrored ? col + s - (cols - 1) : col - s;
                    if (to >= 0 && to % stride == 0 && to / stride < outputs)
                        acc[to / stride] = vf_fma(v, w[s], acc[to / stride]);
                }
            }
        }
        for (int64_t r = row1; r < rows; r++)
            tile_zeros(wei + r * wei_row + j, wei_col, cols, outputs, acc);
        tile_end(job, dst, j, outputs, acc);
    }
}

#if VF >= 16
enum { WIDE = 8 };
#else
enum { WIDE = 4 }; /* 16 registers: accumulators, a row of weights and the column */
#endif

/* `first` is where the tile begins; returns the next one. */
FV_INLINE int64_t run_shared(const dw_job *job, int64_t count, const int cols, const int stride, const int mirrored)
{
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        tile_shared(job, i, WIDE, cols, stride, mirrored);
    if (WIDE > 4)
        for (; i + 4 <= count; i += 4)
            tile_shared(job, i, 4, cols, stride, mirrored);
    for (; i + 2 <= count; i += 2)
        tile_shared(job, i, 2, cols, stride, mirrored);
    for (; i < count; i++)
        tile_shared(job, i, 1, cols, stride, mirrored);
    return i;
}

static int64_t run_3_1(const dw_job *job, int64_t count)
{
    return run_shared(job, count, 3, 1, 0);
}

static int64_t run_3_2(const dw_job *job, int64_t count)
{
    return run_shared(job, count, 3, 2, 0);
}

static int64_t run_5_1(const dw_job *job, int64_t count)
{
    return run_shared(job, count, 5, 1, 0);
}

static int64_t run_5_2(const dw_job *job, int64_t count)
{
    return run_shared(job, count, 5, 2, 0);
}

static int64_t run_3_mirrored(const dw_job *job, int64_t count)
{
    return run_shared(job, count, 3, 1, 1);
}

static int64_t run_5_mirrored(const dw_job *job, int64_t count)
{
    return run_shared(job, count, 5, 1, 1);
}

static const struct {
    int64_t cols, stride, mirrored;
    int64_t (*run)(const dw_job *job, int64_t count);
} shared_table[] = {{3, 1, 0, run_3_1}, {3, 2, 0, run_3_2},        {5, 1, 0, run_5_1},
                    {5, 2, 0, run_5_2}, {3, 1, 1, run_3_mirrored}, {5, 1, 1, run_5_mirrored}};

static void run_job(const dw_job *job, int64_t count)
{
    int64_t i = 0;
    int64_t across = job->src_col < 0 ? -job->src_col : job->src_col;
    bool whole = job->col0 == 0 && job->col1 == job->cols;
    if (count == 1 && !whole && (job->cols == 3 || job->cols == 5)) {
        if (job->cols == 3)
            tile_edge(job, 3);
        else
            tile_edge(job, 5);
        return;
    }
    for (size_t t = 0; t < sizeof shared_table / sizeof *shared_table && whole; t++)
        if (job->cols == shared_table[t].cols && job->src_step == across * shared_table[t].stride &&
            (job->src_col < 0) == shared_table[t].mirrored) {
            i = shared_table[t].run(job, count);
            break;
        }
    for (; i + TILE <= count; i += TILE)
        tile_any(job, i, TILE);
    for (; i + 4 <= count; i += 4)
        tile_any(job, i, 4);
    for (; i < count; i++)
        tile_any(job, i, 1);
}

/* One row of results: `outputs` positions of which each `phases`-th forms a run with the same taps. For the forward
   pass there is one phase and neighbors read `stride` columns further; for the gradient there are `stride` phases whose
   neighbors read one column further. */
typedef struct dw_row {
    fv_dw_line down;
    const float *src; /* plane */
    float *dst;       /* row */
    int64_t outputs, limit;
    int64_t src_width, channels;
    int backward;
} dw_row;

FV_INLINE fv_dw_line line_across(const fv_depthwise_shape *d, const dw_row *row, int64_t o)
{
    return row->backward ? fv_dw_line_backward(o, d->s, d->stride_w, d->dilation_w, d->pad_left, row->limit)
                         : fv_dw_line_forward(o, d->s, d->stride_w, d->dilation_w, d->pad_left, row->limit);
}

/* How many of the `left` outputs from this one on have all their taps inside. */
static int64_t interior_count(const dw_row *row, const fv_dw_line *line, int64_t step, int64_t left)
{
    if (line->count == 0)
        return left;
    int64_t last = line->i0 + (line->count - 1) * line->di;
    int64_t high = line->i0 > last ? line->i0 : last;
    int64_t room = (row->limit - 1 - high) / step + 1;
    return room < left ? room : left;
}

static void run_row(const fv_depthwise_shape *d, const dw_row *row, dw_job *job)
{
    int64_t phases = row->backward ? d->stride_w : 1, step = row->backward ? 1 : d->stride_w;
    const float *packed = job->wei;
    int64_t k = row->channels;
    job->rows = row->down.count;
    job->row0 = row->down.begin;
    job->row1 = row->down.end;
    job->src_row = row->down.di * row->src_width * k;
    job->wei_row = row->down.dt * d->s * k;
    job->src_step = step * k;
    job->dst_step = phases * k;
    job->channels = k;
    for (int64_t phase = 0; phase < phases && phase < row->outputs; phase++) {
        int64_t total = (row->outputs - phase + phases - 1) / phases;
        for (int64_t i = 0; i < total;) {
            fv_dw_line line = line_across(d, row, phase + i * phases);
            int64_t count = fv_dw_line_whole(&line) ? interior_count(row, &line, step, total - i) : 1;
            job->cols = line.count;
            job->col0 = line.begin;
            job->col1 = line.end;
            job->src_col = line.di * k;
            job->wei_col = line.dt * k;
            job->src = row->src + (row->down.i0 * row->src_width + line.i0) * k;
            job->wei = packed + (row->down.t0 * d->s + line.t0) * k;
            job->dst = row->dst + (phase + i * phases) * k;
            run_job(job, count);
            i += count;
        }
    }
    job->wei = packed;
}

/* Where tap (r, s) of a pixel lies in the plane, in pixels; -1 in the padding. */
FV_INLINE int64_t tap_pixel(const dw_row *row, const fv_dw_line *line, int64_t r, int64_t s)
{
    bool inside = r >= row->down.begin && r < row->down.end && s >= line->begin && s < line->end;
    return inside ? (row->down.i0 + r * row->down.di) * row->src_width + line->i0 + s * line->di : -1;
}

/* mul > 1: neighbors in k share source channels, so lanes are collected one by one. */
static void forward_multiplied(const fv_depthwise_shape *d, const dw_row *row, const dw_job *job)
{
    int64_t k = d->c * d->mul;
    vf alpha = vf_set1(job->alpha);
    for (int64_t o = 0; o < d->q; o++) {
        fv_dw_line line = line_across(d, row, o);
        for (int64_t j = 0; j < k; j += VF) {
            int m = k - j < VF ? (int)(k - j) : VF;
            vf acc = job->bia ? vf_load(job->bia + j) : vf_zero();
            for (int64_t r = 0; r < d->r; r++)
                for (int64_t s = 0; s < d->s; s++) {
                    int64_t at = tap_pixel(row, &line, r, s);
                    float lane[VF] = {0};
                    for (int l = 0; l < m && at >= 0; l++)
                        lane[l] = row->src[at * d->c + (j + l) / d->mul];
                    vf w = vf_load(job->wei + (r * d->s + s) * k + j);
                    acc = vf_fma(vf_load(lane), w, acc);
                }
            vf_store_n(row->dst + o * k + j, fv_vf_act(job->act, acc, alpha), m);
        }
    }
}

static void backward_multiplied(const fv_depthwise_shape *d, const dw_row *row, const float *packed)
{
    int64_t k = d->c * d->mul;
    for (int64_t o = 0; o < d->w; o++) {
        fv_dw_line line = line_across(d, row, o);
        for (int64_t j = 0; j < d->c; j++) {
            float acc = 0.0f;
            for (int64_t r = 0; r < row->down.count; r++)
                for (int64_t s = 0; s < line.count; s++) {
                    int64_t at = tap_pixel(row, &line, r, s);
                    int64_t tap = (row->down.t0 + r * row->down.dt) * d->s + line.t0 + s * line.dt;
                    for (int64_t m = j * d->mul; m < (j + 1) * d->mul; m++)
                        acc = fmaf(at >= 0 ? row->src[at * k + m] : 0.0f, packed[tap * k + m], acc);
                }
            row->dst[o * d->c + j] = acc;
        }
    }
}

static void dw_forward(const fv_depthwise_shape *d, fv_activation act, float alpha, const float *src,
                       const float *packed, const float *bia, float *dst, int64_t row0, int64_t row1)
{
    dw_job job = {.wei = packed, .bia = bia, .act = act, .alpha = alpha};
    job.lo = act == FV_RELU || act == FV_RELU6 ? 0.0f : -INFINITY;
    job.hi = act == FV_RELU6 ? 6.0f : INFINITY;
    dw_row row = {.outputs = d->q, .limit = d->w, .src_width = d->w, .channels = d->c};
    for (int64_t i = row0; i < row1; i++) {
        int64_t sample = i / d->p;
        row.down = fv_dw_line_forward(i % d->p, d->r, d->stride_h, d->dilation_h, d->pad_top, d->h);
        row.src = src + sample * d->h * d->w * d->c;
        row.dst = dst + i * d->q * d->c * d->mul;
        if (d->mul == 1)
            run_row(d, &row, &job);
        else
            forward_multiplied(d, &row, &job);
    }
}

static void dw_backward_data(const fv_depthwise_shape *d, const float *d_dst, const float *packed, float *d_src,
                             int64_t row0, int64_t row1)
{
    dw_job job = {.wei = packed, .act = FV_ACT_NONE, .lo = -INFINITY, .hi = INFINITY};
    dw_row row = {.outputs = d->w, .limit = d->q, .src_width = d->q, .channels = d->c, .backward = 1};
    for (int64_t i = row0; i < row1; i++) {
        int64_t sample = i / d->h;
        row.down = fv_dw_line_backward(i % d->h, d->r, d->stride_h, d->dilation_h, d->pad_top, d->p);
        row.src = d_dst + sample * d->p * d->q * d->c * d->mul;
        row.dst = d_src + i * d->w * d->c;
        if (d->mul == 1)
            run_row(d, &row, &job);
        else
            backward_multiplied(d, &row, packed);
    }
}

static void dw_pack(const fv_depthwise_shape *d, const float *wei, float *packed)
{
    int64_t k = d->c * d->mul, taps = d->r * d->s;
    for (int64_t t = 0; t < taps; t++)
        for (int64_t j = 0; j < k; j++)
            packed[t * k + j] = wei[j * taps + t];
}

static void dw_unpack(const fv_depthwise_shape *d, const float *packed, float *wei)
{
    int64_t k = d->c * d->mul, taps = d->r * d->s;
    for (int64_t j = 0; j < k; j++)
        for (int64_t t = 0; t < taps; t++)
            wei[j * taps + t] = packed[t * k + j];
}

extern const fv_depthwise_kernels FV_SYM(fv_depthwise_kernels);
const fv_depthwise_kernels FV_SYM(fv_depthwise_kernels) = {.pack = dw_pack,
                                                           .unpack = dw_unpack,
                                                           .forward = dw_forward,
                                                           .backward_data = dw_backward_data,
                                                           .backward_weights = FV_SYM(fv_dw_backward_weights)};
