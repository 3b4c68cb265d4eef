/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the engine described in conv_wgrad.h; its tables are made in conv_wgrad_plan.c. */
#include "backend/cpu/conv_wgrad_data.h"

#include <string.h>

#include "kernels/eltwise/eltwise.h"

typedef struct wgrad_job {
    const fv_plan *plan;
    const fv_conv_wgrad *e;
    const float *d_dst, *src;
    float *d_wei, *workspace;
} wgrad_job;

/* A block of d_wei. */
typedef struct wgrad_block {
    int64_t group, k, filters, c, depth;
} wgrad_block;

static wgrad_block wgrad_block_of(const fv_conv_wgrad *e, int64_t block)
{
    wgrad_block b;
    b.k = block % e->block.n_k * e->block.k;
    block /= e->block.n_k;
    b.c = block % e->block.n_c * e->block.c;
    b.group = block / e->block.n_c;
    b.filters = e->filters - b.k < e->block.k ? e->filters - b.k : e->block.k;
    b.depth = e->depth - b.c < e->block.c ? e->depth - b.c : e->block.c;
    return b;
}

/* The pixels that a block reads: src of the block's channels (itself or a padded copy) and d_dst of its filters. */
typedef struct wgrad_view {
    const float *src, *d_dst;
    const fv_tn_run *runs;
    int64_t n_runs;
} wgrad_view;

/* What a worker has: copies of pixels, then sums. */
typedef struct wgrad_space {
    float *src, *d_dst, *sums;
} wgrad_space;

static wgrad_space wgrad_space_of(const wgrad_job *job, int worker)
{
    float *begin = job->workspace + worker * job->e->worker_floats;
    return (wgrad_space){begin, begin + job->e->src.floats, begin + job->e->src.floats + job->e->dst.floats};
}

/* One row of an image into panels: what lies outside becomes 0. */
static void wgrad_pack_row(const wgrad_job *job, const wgrad_block *b, const float *src, int64_t y, float *copy)
{
    const fv_conv_wgrad *e = job->e;
    const fv_strip *s = &e->src.strip;
    const int64_t nr = s->pitch, x_step = e->piece.compact ? e->geom.win.stride[1] : 1;
    int64_t begin = s->x0 < 0 ? -s->x0 : 0, end = e->piece.compact ? s->cols : s->w - s->x0;
    begin = begin < s->cols ? begin : s->cols;
    end = end < begin ? begin : end < s->cols ? end : s->cols;
    if (y < 0 || y >= s->h)
        begin = end = s->cols;
    for (int64_t c = 0; c < b->depth; c += nr) {
        float *panel = copy + c / nr * e->src.tile;
        memset(panel, 0, (size_t)(begin * nr) * sizeof(float));
        memset(panel + end * nr, 0, (size_t)((s->cols - end) * nr) * sizeof(float));
    }
    if (begin < end)
        job->plan->kernels->gemm->pack(copy + begin * nr, e->src.tile, src + (y * s->w + s->x0 + begin) * s->c,
                                       end - begin, b->depth, x_step * s->c, 1);
}

static void wgrad_pack_src(const wgrad_job *job, const wgrad_block *b, const float *src, int64_t images, int64_t p,
                           int64_t rows, float *copy)
{
    const fv_conv_wgrad *e = job->e;
    const fv_window *w = &e->geom.win;
    const int64_t y0 = fv_window_begin(w, 0, p), y_step = e->piece.compact ? w->stride[0] : 1;
    const int64_t count = e->piece.compact ? rows : (rows - 1) * w->stride[0] + (w->size[0] - 1) * w->dilation[0] + 1;
    if (e->piece.flat) {
        job->plan->kernels->gemm->pack(copy, e->src.tile, src + p * w->w * e->geom.c, images * rows * w->q, b->depth,
                                       e->geom.c, 1);
        return;
    }
    for (int64_t i = 0; i < images; i++)
        for (int64_t y = 0; y < count; y++)
            wgrad_pack_row(job, b, src + i * w->h * w->w * e->geom.c, y0 + y * y_step,
                           copy + i * e->src.image + y * e->src.row);
}

/* src of rows [p, p + rows) of `images` images, first of them `image`. */
static const float *wgrad_src(const wgrad_job *job, const wgrad_block *b, int64_t image, int64_t images, int64_t p,
                              int64_t rows, float *copy)
{
    const fv_conv_wgrad *e = job->e;
    const fv_window *w = &e->geom.win;
    const int64_t image_floats = w->h * w->w * e->geom.c, y0 = fv_window_begin(w, 0, p);
    const float *src = job->src + image * image_floats + b->group * e->depth + b->c;
    if (e->layout == FV_WGRAD_PACKED) {
        wgrad_pack_src(job, b, src, images, p, rows, copy);
        return copy;
    }
    if (!e->src.copied)
        return src + (y0 * w->w + fv_window_begin(w, 1, 0)) * e->geom.c;
    fv_strip strip = e->src.strip;
    strip.depth = b->depth;
    const int64_t reach = (rows - 1) * w->stride[0] + (w->size[0] - 1) * w->dilation[0] + 1;
    for (int64_t i = 0; i < images; i++)
        fv_strip_copy(&strip, src + i * image_floats, y0, reach, copy + i * e->src.image);
    return copy;
}

/* d_dst of the same rows. */
static const float *wgrad_d_dst(const wgrad_job *job, const wgrad_block *b, int64_t image, int64_t images, int64_t p,
                                int64_t rows, float *copy)
{
    const fv_conv_wgrad *e = job->e;
    const fv_window *w = &e->geom.win;
    const float *d_dst = job->d_dst + (image * w->p + p) * w->q * e->geom.k + b->group * e->filters + b->k;
    if (!e->dst.copied)
        return d_dst;
    if (e->layout == FV_WGRAD_PACKED) {
        job->plan->kernels->gemm->tn_pack(copy, e->dst.tile, d_dst, images * rows * w->q, b->filters, e->geom.k);
        return copy;
    }
    fv_strip strip = e->dst.strip;
    strip.w = strip.cols = images * rows * w->q;
    strip.depth = b->filters;
    fv_strip_copy(&strip, d_dst, 0, 1, copy);
    return copy;
}

/* Adds pixels to the sums of one unit of a block, or begins them. */
static void wgrad_unit(const wgrad_job *job, const wgrad_block *b, const wgrad_view *x, int64_t unit, bool load,
                       float *sums)
{
    const fv_conv_wgrad *e = job->e;
    const fv_window *w = &e->geom.win;
    const int64_t src_step = (e->piece.compact ? 1 : w->stride[1]) * e->src.strip.pitch;
    fv_tn g = {.runs = x->runs, .n_runs = x->n_runs, .c = sums, .c_step = e->sum.row_step, .load = load};
    if (e->layout == FV_WGRAD_TURNED) {
        g.m = w->size[0] * w->size[1] * b->depth;
        g.n = b->filters;
        g.a = x->src;
        g.a_col = e->sum.a_col;
        g.a_step = src_step;
        g.b = x->d_dst;
        g.b_step = e->dst.strip.pitch;
    } else {
        g.m = b->filters;
        g.n = e->layout == FV_WGRAD_MERGED ? w->size[1] * b->depth : b->depth;
        g.a = x->d_dst;
        g.a_step = e->dst.strip.pitch;
        g.b = x->src + e->sum.unit_at[unit];
        g.b_step = src_step;
        g.a_tile = e->layout == FV_WGRAD_PACKED ? e->dst.tile : 0;
        g.b_panel = e->layout == FV_WGRAD_PACKED ? e->src.tile : 0;
    }
    job->plan->kernels->gemm->tn(&g);
}

/* The chains of one shard. */
static void wgrad_shard(const wgrad_job *job, const wgrad_block *b, int64_t shard, const wgrad_space *space,
                        float *sums)
{
    const fv_conv_wgrad *e = job->e;
    const int64_t first = shard * e->images, end = first + e->images;
    for (int64_t n = first; n < end; n += e->piece.images) {
        const int64_t images = end - n < e->piece.images ? end - n : e->piece.images;
        for (int64_t p = 0; p < e->geom.win.p; p += e->piece.rows) {
            const int64_t rows = e->geom.win.p - p < e->piece.rows ? e->geom.win.p - p : e->piece.rows;
            const fv_tn_run run = {.count = images * rows * e->geom.win.q};
            const wgrad_view x = {.src = wgrad_src(job, b, n, images, p, rows, space->src),
                                  .d_dst = wgrad_d_dst(job, b, n, images, p, rows, space->d_dst),
                                  .runs = e->piece.one_run ? &run : e->piece.runs,
                                  .n_runs = e->piece.one_run ? 1 : images * rows};
            for (int64_t u = 0; u < e->sum.units; u++)
                wgrad_unit(job, b, &x, u, n > first || p > 0, sums + u * e->sum.unit_floats);
        }
    }
}

/*
 * The sums of one unit to their places in d_wei. `right`: NULL, or the other half of the tree, whose sum with `left` is
 * the result.
 */
static void wgrad_store(const wgrad_job *job, const wgrad_block *b, int64_t unit, const float *left, const float *right)
{
    const fv_conv_wgrad *e = job->e;
    const int64_t taps = e->geom.win.size[0] * e->geom.win.size[1], filter = taps * e->depth;
    float *d_wei = job->d_wei + (b->group * e->filters + b->k) * filter + b->c;
    if (e->layout == FV_WGRAD_TURNED) {
        for (int64_t k = 0; k < b->filters; k++)
            for (int64_t i = 0; i < filter; i++) {
                const int64_t at = i * e->sum.row_step + k;
                d_wei[k * filter + i] = right ? left[at] + right[at] : left[at];
            }
        return;
    }
    const int64_t parts = e->layout == FV_WGRAD_MERGED ? e->geom.win.size[1] : 1;
    for (int64_t k = 0; k < b->filters; k++)
        for (int64_t s = 0; s < parts; s++) {
            const int64_t at = k * e->sum.row_step + s * b->depth;
            float *to = d_wei + k * filter + (unit * parts + s) * e->depth;
            if (right)
                job->plan->kernels->eltwise->binary(FV_BINARY_ADD, b->depth, left + at, right + at, to);
            else
                memcpy(to, left + at, (size_t)b->depth * sizeof(float));
        }
}

static void wgrad_add(const wgrad_job *job, float *left, const float *right, int64_t count)
{
    job->plan->kernels->eltwise->binary(FV_BINARY_ADD, count, left, right, left);
}

/*
 * One more shard's sums lie on top of the stack: adds neighbors of the tree, (0+1)+(2+3) and so on, as soon as both are
 * there; after the last shard all but the last two, which wgrad_store adds. Returns how many sums the stack holds.
 */
static int64_t wgrad_climb(const wgrad_job *job, float *stack, int64_t held, int64_t shard, int64_t floats)
{
    const bool last = shard + 1 == job->e->shards;
    for (int64_t rest = shard + 1; held > (last ? 2 : 1) && (last || rest % 2 == 0); rest /= 2, held--)
        wgrad_add(job, stack + (held - 2) * floats, stack + (held - 1) * floats, floats);
    return held;
}

/* A block, shard by shard, all units at a time. */
static void wgrad_block_task(void *arg, int64_t task, int worker)
{
    const wgrad_job *job = arg;
    const fv_conv_wgrad *e = job->e;
    const wgrad_block b = wgrad_block_of(e, task);
    const wgrad_space space = wgrad_space_of(job, worker);
    float *sums = space.sums;
    int64_t held = 0;
    for (int64_t shard = 0; shard < e->shards; shard++) {
        wgrad_shard(job, &b, shard, &space, sums + held * e->sum.block_floats);
        held = wgrad_climb(job, sums, held + 1, shard, e->sum.block_floats);
    }
    for (int64_t u = 0; u < e->sum.units; u++)
        wgrad_store(job, &b, u, sums + u * e->sum.unit_floats,
                    held == 2 ? sums + e->sum.block_floats + u * e->sum.unit_floats : NULL);
}

/* A block, unit by unit, all pixels of all shards at hand. */
static void wgrad_whole_block(const wgrad_job *job, const wgrad_block *b, const wgrad_view *all, float *sums)
{
    const fv_conv_wgrad *e = job->e;
    const fv_window *w = &e->geom.win;
    for (int64_t u = 0; u < e->sum.units; u++) {
        int64_t held = 0;
        for (int64_t shard = 0; shard < e->shards; shard++) {
            const int64_t first = shard * e->images;
            const fv_tn_run run = {.a = first * w->p * w->q * e->dst.strip.pitch,
                                   .b = first * e->src.image,
                                   .count = e->images * w->p * w->q};
            wgrad_view x = *all;
            x.runs = e->piece.one_run ? &run : e->piece.runs + first * w->p;
            x.n_runs = e->piece.one_run ? 1 : e->images * w->p;
            wgrad_unit(job, b, &x, u, false, sums + held * e->sum.unit_floats);
            held = wgrad_climb(job, sums, held + 1, shard, e->sum.unit_floats);
        }
        wgrad_store(job, b, u, sums, held == 2 ? sums + e->sum.unit_floats : NULL);
    }
}

/* Blocks of the same channels one after the other: they read the same copy of src. */
static void wgrad_whole_task(void *arg, int64_t task, int worker)
{
    const wgrad_job *job = arg;
    const fv_conv_wgrad *e = job->e;
    const wgrad_space space = wgrad_space_of(job, worker);
    const int64_t first = task / e->block.k_tasks * e->block.n_k, part = task % e->block.k_tasks;
    const int64_t begin = part * e->block.n_k / e->block.k_tasks, end = (part + 1) * e->block.n_k / e->block.k_tasks;
    wgrad_block b = wgrad_block_of(e, first + begin);
    wgrad_view x = {.src = wgrad_src(job, &b, 0, e->geom.n, 0, e->geom.win.p, space.src)};
    for (int64_t k = begin; k < end; k++) {
        b = wgrad_block_of(e, first + k);
        x.d_dst = wgrad_d_dst(job, &b, 0, e->geom.n, 0, e->geom.win.p, space.d_dst);
        wgrad_whole_block(job, &b, &x, space.sums);
    }
}

static float *wgrad_partial(const wgrad_job *job, int64_t block, int64_t shard)
{
    const fv_conv_wgrad *e = job->e;
    return job->workspace + e->worker_floats * job->plan->threads + (block * e->shards + shard) * e->sum.block_floats;
}

static void wgrad_shard_task(void *arg, int64_t task, int worker)
{
    const wgrad_job *job = arg;
    const int64_t block = task % job->e->block.count, shard = task / job->e->block.count;
    const wgrad_block b = wgrad_block_of(job->e, block);
    const wgrad_space space = wgrad_space_of(job, worker);
    wgrad_shard(job, &b, shard, &space, wgrad_partial(job, block, shard));
}

static void wgrad_tree_task(void *arg, int64_t task, int worker)
{
    (void)worker;
    const wgrad_job *job = arg;
    const fv_conv_wgrad *e = job->e;
    const int64_t block = task / e->sum.units, unit = task % e->sum.units, at = unit * e->sum.unit_floats;
    const wgrad_block b = wgrad_block_of(e, block);
    for (int64_t step = 1; step < e->shards; step *= 2)
        for (int64_t i = 0; i + step < e->shards; i += 2 * step)
            wgrad_add(job, wgrad_partial(job, block, i) + at, wgrad_partial(job, block, i + step) + at,
                      e->sum.unit_floats);
    wgrad_store(job, &b, unit, wgrad_partial(job, block, 0) + at, NULL);
}

void fv_conv_wgrad_run(const fv_plan *plan, const fv_call *call)
{
    const fv_conv_wgrad *e = plan->data;
    wgrad_job job = {.plan = plan,
                     .e = e,
                     .d_dst = call->in[0],
                     .src = call->in[1],
                     .d_wei = call->out[0],
                     .workspace = call->workspace};
    if (e->order == FV_WGRAD_BY_UNIT) {
        fv_parallel(plan->ctx, e->block.count / e->block.n_k * e->block.k_tasks, e->max_threads, wgrad_whole_task,
                    &job);
    } else if (e->order != FV_WGRAD_BY_SHARD) {
        fv_parallel(plan->ctx, e->block.count, e->max_threads, wgrad_block_task, &job);
    } else {
        fv_parallel(plan->ctx, e->block.count * e->shards, e->max_threads, wgrad_shard_task, &job);
        fv_parallel(plan->ctx, e->block.count * e->sum.units, e->max_threads, wgrad_tree_task, &job);
    }
}
