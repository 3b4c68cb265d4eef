/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient to the weights. The sums of one vector of channels stay in registers over a stretch of output pixels of one
   row and in memory ([r][s][k], small enough for the caches) between stretches; chains run on through both. */
#include "kernels/depthwise/internal.h"

/* Output pixels per stretch: loading and storing the sums is then a small part, and the pixels stay in L1. */
enum { STRETCH = 16, MAX_COLS = 8 };
#if VF >= 16
enum { MAX_ROWS = 5 };
#else
enum { MAX_ROWS = 3 };
#endif

/* `count` output pixels times a rectangle of taps. Steps count floats. */
typedef struct wg_job {
    int64_t count;
    const float *src; /* what the first tap reads for the first pixel */
    int64_t src_row, src_col, src_step;
    const float *d_dst;
    int64_t dst_step;
    float *sum; /* of the first tap */
    int64_t sum_row, sum_col;
} wg_job;

/* Lanes behind the last belong to the next tap, which another thread may be writing. */
FV_INLINE vf load_lanes(const float *p, int lanes)
{
    return lanes == VF ? vf_load(p) : vf_load_n(p, lanes);
}

FV_INLINE void wg_block(const wg_job *job, int lanes, const int rows, const int cols)
{
    vf acc[MAX_ROWS * MAX_COLS];
    for (int r = 0; r < rows; r++)
        for (int s = 0; s < cols; s++)
            acc[r * cols + s] = load_lanes(job->sum + r * job->sum_row + s * job->sum_col, lanes);
    const float *src = job->src, *d_dst = job->d_dst;
    for (int64_t i = 0; i < job->count; i++, src += job->src_step, d_dst += job->dst_step) {
        vf g = vf_load(d_dst);
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < cols; s++)
                acc[r * cols + s] = vf_fma(vf_load(src + r * job->src_row + s * job->src_col), g, acc[r * cols + s]);
    }
    for (int r = 0; r < rows; r++)
        for (int s = 0; s < cols; s++) {
            float *to = job->sum + r * job->sum_row + s * job->sum_col;
            if (lanes == VF)
                vf_store(to, acc[r * cols + s]);
            else
                vf_store_n(to, acc[r * cols + s], lanes);
        }
}

static void block_1_1(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 1, 1);
}

static void block_1_2(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 1, 2);
}

static void block_1_3(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 1, 3);
}

static void block_1_4(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 1, 4);
}

static void block_1_5(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 1, 5);
}

static void block_1_6(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 1, 6);
}

static void block_1_7(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 1, 7);
}

static void block_1_8(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 1, 8);
}

static void block_2_2(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 2, 2);
}

static void block_3_2(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 3, 2);
}

static void block_2_3(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 2, 3);
}

static void block_3_3(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 3, 3);
}

static void block_2_5(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 2, 5);
}

#if VF >= 16
static void block_5_5(const wg_job *job, int lanes)
{
    wg_block(job, lanes, 5, 5);
}
#endif

/* The tallest block that fits comes first for each width; a width of 0 ends the table. */
static const struct {
    int rows, cols;
    void (*run)(const wg_job *job, int lanes);
} block_table[] = {
#if VF >= 16
    {5, 5, block_5_5},
#endif
    {3, 3, block_3_3}, {3, 2, block_3_2}, {2, 2, block_2_2}, {2, 3, block_2_3}, {2, 5, block_2_5},
    {1, 1, block_1_1}, {1, 2, block_1_2}, {1, 3, block_1_3}, {1, 4, block_1_4}, {1, 5, block_1_5},
    {1, 6, block_1_6}, {1, 7, block_1_7}, {1, 8, block_1_8}};

/* All taps of a rectangle, in blocks. */
static void run_rectangle(const wg_job *whole, int lanes, int64_t rows, int64_t cols)
{
    for (int64_t s = 0; s < cols;) {
        int64_t width = cols - s < MAX_COLS ? cols - s : MAX_COLS;
        for (int64_t r = 0; r < rows;) {
            size_t t = 0;
            while (block_table[t].cols != width || block_table[t].rows > rows - r)
                t++;
            wg_job job = *whole;
            job.src += r * job.src_row + s * job.src_col;
            job.sum += r * job.sum_row + s * job.sum_col;
            block_table[t].run(&job, lanes);
            r += block_table[t].rows;
        }
        s += width;
    }
}

/* Taps in the padding: each pixel adds 0 * d_dst to their chains. All of them add the same zeros, and a sum of zeros is
   -0 only if every one of them is, so the chain of zeros is computed once and added: the same bits, NaN included. */
static void add_zeros(const wg_job *job, int lanes, const fv_dw_line *down, const fv_dw_line *line)
{
    vf zero = vf_zero(), chain = vf_neg(zero);
    for (int64_t i = 0; i < job->count; i++)
        chain = vf_fma(zero, vf_load(job->d_dst + i * job->dst_step), chain);
    for (int64_t r = 0; r < down->count; r++)
        for (int64_t s = 0; s < line->count; s++) {
            if (r >= down->begin && r < down->end && s >= line->begin && s < line->end)
                continue;
            float *to = job->sum + r * job->sum_row + s * job->sum_col;
            vf_store_n(to, vf_add(load_lanes(to, lanes), chain), lanes);
        }
}

static void run_row(const fv_depthwise_shape *d, const float *src, const float *d_dst, float *d_packed,
                    const fv_dw_line *down, int64_t c0, int64_t c1)
{
    wg_job job = {.src_row = d->dilation_h * d->w * d->c,
                  .src_col = d->dilation_w * d->c,
                  .src_step = d->stride_w * d->c,
                  .dst_step = d->c,
                  .sum_row = d->s * d->c,
                  .sum_col = d->c};
    for (int64_t q = 0; q < d->q;) {
        fv_dw_line line = fv_dw_line_forward(q, d->s, d->stride_w, d->dilation_w, d->pad_left, d->w);
        bool whole = fv_dw_line_whole(&line);
        int64_t count = 1;
        if (whole) {
            int64_t room = (d->w - 1 - (line.i0 + (line.count - 1) * d->dilation_w)) / d->stride_w + 1;
            count = room < d->q - q ? room : d->q - q;
            if (count > STRETCH)
                count = STRETCH;
        }
        job.count = count;
        for (int64_t j = c0; j < c1; j += VF) {
            int lanes = c1 - j < VF ? (int)(c1 - j) : VF;
            job.d_dst = d_dst + q * d->c + j;
            job.sum = d_packed + j;
            if (!whole || !fv_dw_line_whole(down))
                add_zeros(&job, lanes, down, &line);
            int64_t h = down->i0 + down->begin * down->di, w = line.i0 + line.begin * line.di;
            job.src = src + (h * d->w + w) * d->c + j;
            job.sum += (down->begin * d->s + line.begin) * d->c;
            run_rectangle(&job, lanes, down->end - down->begin, line.end - line.begin);
        }
        q += count;
    }
}

/* mul > 1: one sum at a time. */
static void run_multiplied(const fv_depthwise_shape *d, const float *src, const float *d_dst, float *d_packed,
                           const fv_dw_line *down, int64_t c0, int64_t c1)
{
    int64_t k = d->c * d->mul;
    for (int64_t q = 0; q < d->q; q++) {
        fv_dw_line line = fv_dw_line_forward(q, d->s, d->stride_w, d->dilation_w, d->pad_left, d->w);
        for (int64_t r = 0; r < d->r; r++)
            for (int64_t s = 0; s < d->s; s++) {
                bool inside = r >= down->begin && r < down->end && s >= line.begin && s < line.end;
                int64_t at = inside ? (down->i0 + r * down->di) * d->w + line.i0 + s * line.di : 0;
                float *sum = d_packed + (r * d->s + s) * k;
                for (int64_t j = c0 * d->mul; j < c1 * d->mul; j++)
                    sum[j] = fmaf(inside ? src[at * d->c + j / d->mul] : 0.0f, d_dst[q * k + j], sum[j]);
            }
    }
}

void FV_SYM(fv_dw_backward_weights)(const fv_depthwise_shape *d, const float *src, const float *d_dst, float *d_packed,
                                    int64_t n0, int64_t n1, int64_t c0, int64_t c1)
{
    for (int64_t i = n0; i < n1; i++)
        for (int64_t p = 0; p < d->p; p++) {
            fv_dw_line down = fv_dw_line_forward(p, d->r, d->stride_h, d->dilation_h, d->pad_top, d->h);
            const float *plane = src + i * d->h * d->w * d->c;
            const float *row = d_dst + (i * d->p + p) * d->q * d->c * d->mul;
            if (d->mul == 1)
                run_row(d, plane, row, d_packed, &down, c0, c1);
            else
                run_multiplied(d, plane, row, d_packed, &down, c0, c1);
        }
}
