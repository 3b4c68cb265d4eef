/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the engine described in conv_igemm.h; its tables are made in conv_igemm_plan.c. */
#include "backend/cpu/conv_igemm_data.h"

#include <math.h>

#include "backend/cpu/split.h"

typedef struct igemm_job {
    const fv_plan *plan;
    const fv_conv_igemm *e;
    const fv_call *call;
    const fv_conv_epilogue *epilogue;
    const void *src;
    float *workspace;     /* of worker 0 */
    int64_t images, rows; /* those that matter: of a product with samples as images, of a plain product */
} igemm_job;

/* One block of pixels against one block of panels. */
typedef struct igemm_block {
    int64_t group, image, images, p, rows, panel, panels;
} igemm_block;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Element `at` of an operand or of packed weights. */
static const void *element(const fv_conv_igemm *e, const void *p, int64_t at)
{
    return e->half ? (const void *)((const uint16_t *)p + at) : (const float *)p + at;
}

/* One task's; without rows or images where none of them matters. */
static igemm_block igemm_block_of(const igemm_job *job, const fv_conv_phase *f, int64_t task)
{
    const fv_conv_igemm *e = job->e;
    igemm_block b;
    int64_t part, pixels;
    if (f->panels_outer) {
        pixels = task % f->pixel_blocks;
        task /= f->pixel_blocks;
        part = task % f->panel_blocks;
        b.group = task / f->panel_blocks;
    } else {
        part = task % f->panel_blocks;
        task /= f->panel_blocks;
        b.group = task % e->groups;
        pixels = task / e->groups;
    }
    const int64_t blocks_p = fv_div_up(f->p, f->block_rows);
    b.image = pixels / blocks_p * f->block_images;
    b.images = least(job->images - b.image, f->block_images);
    b.p = pixels % blocks_p * f->block_rows;
    b.rows = least((f->flat ? job->rows : f->p) - b.p, f->block_rows);
    b.panel = part * f->panels_per_block;
    b.panels = e->panels - b.panel < f->panels_per_block ? e->panels - b.panel : f->panels_per_block;
    return b;
}

/* First element that row 0, tap offset 0 of the block reads: in the image itself or in a padded copy of it. */
static const float *igemm_source(const igemm_job *job, const fv_conv_phase *f, const igemm_block *b, int worker)
{
    const fv_conv_igemm *e = job->e;
    const int64_t image = e->h * e->w * e->c, y0 = b->p * e->step[0] + f->y0;
    const int64_t at = b->image * image + b->group * e->depth;
    if (f->direct)
        return (const float *)job->src + at + (y0 * e->w + f->strip.x0) * e->c;
    float *strip = job->workspace + worker * e->worker_floats;
    const int64_t rows = (b->rows - 1) * e->step[0] + f->span_y;
    for (int64_t i = 0; i < b->images; i++)
        fv_strip_copy(&f->strip, element(e, job->src, at + i * image), y0, rows, strip + i * f->image_step);
    return strip;
}

/* One panel, its taps cut so that the piece stays in the second-level cache while all pixels pass over it. */
static void igemm_pieces(const fv_gemm_kernels *gemm, const fv_conv_phase *f, const fv_igemm *whole)
{
    fv_igemm g = *whole;
    for (int64_t at = 0; at < f->runs; at += f->piece) {
        const bool last = at + f->piece >= f->runs;
        g.taps = last ? f->runs - at : f->piece;
        g.a_tap = whole->a_tap + at;
        g.b = whole->b + at * f->run_depth * g.b_step;
        g.load = at > 0;
        g.shift = last ? whole->shift : NULL;
        g.add = last ? whole->add : NULL;
        g.clamp = last && whole->clamp;
        gemm->igemm(&g);
    }
}

/* Columns [panel, panel + count) of the block: where their operands are. */
static void igemm_set_panels(const igemm_job *job, const fv_conv_phase *f, const igemm_block *b, int64_t panel,
                             int64_t count, fv_igemm *g)
{
    const fv_conv_igemm *e = job->e;
    const fv_conv_epilogue *epilogue = job->epilogue;
    const float *packed = job->call->packed;
    float *dst = job->call->out[0];
    const int64_t nr = job->plan->kernels->gemm->nr, col = panel * nr, left = e->cols - col;
    const int64_t channel = b->group * e->cols + col;
    const int64_t dst_at = b->image * e->dst_image + f->dst_at + b->p * f->dst_row + channel;
    g->n = left < count * nr ? left : count * nr;
    if (!e->lazy)
        g->b = packed + f->packed_at + (b->group * e->panels + panel) * g->b_panel;
    g->bias = epilogue->bias ? epilogue->bias + channel : NULL;
    g->shift = epilogue->shift ? epilogue->shift + channel : NULL;
    g->dst = dst + dst_at;
    g->add = epilogue->add ? epilogue->add + dst_at : NULL;
}

/* Packs depth [at, at + depth) of panels [panel, panel + count) of a plain product. */
static void igemm_pack_lazy(const igemm_job *job, int64_t group, int64_t panel, int64_t count, int64_t at,
                            int64_t depth, float *packed)
{
    const fv_conv_igemm *e = job->e;
    const fv_gemm_kernels *gemm = job->plan->kernels->gemm;
    const int64_t col = panel * gemm->nr, left = e->cols - col;
    const int64_t cols = left < count * gemm->nr ? left : count * gemm->nr;
    const float *wei = (const float *)job->call->in[1] + group * e->cols * e->depth;
    if (e->direction == FV_CONV_FORWARD)
        gemm->pack(packed, depth * gemm->nr, wei + col * e->depth + at, depth, cols, 1, e->depth);
    else
        gemm->pack(packed, depth * gemm->nr, wei + at * e->cols + col, depth, cols, e->cols, 1);
}

/* A plain product: pieces of the depth outside, so that a piece of all the block's rows stays in the cache. */
static void igemm_flat(const igemm_job *job, const fv_conv_phase *f, const igemm_block *b, int worker, fv_igemm *g)
{
    const fv_conv_igemm *e = job->e;
    const float *src = (const float *)job->src + b->p * e->c + b->group * e->depth;
    float *strip = job->workspace + worker * e->worker_floats, *lazy = strip + e->strip_floats;
    const bool clamp = g->clamp;
    const int64_t end = b->panel + b->panels, step = e->lazy ? FV_LAZY_PANELS : b->panels;
    for (int64_t at = 0; at < e->depth; at += f->piece) {
        const bool last = at + f->piece >= e->depth;
        fv_strip copy = f->strip;
        copy.depth = g->depth = last ? e->depth - at : f->piece;
        copy.pitch = fv_strip_pitch(copy.depth);
        if (!f->direct)
            fv_strip_copy(&copy, src + at, 0, b->rows, strip);
        g->a = f->direct ? src + at : strip;
        g->a_step = f->direct ? e->c : copy.pitch;
        for (int64_t panel = b->panel; panel < end; panel += step) {
            const int64_t count = end - panel < step ? end - panel : step;
            igemm_set_panels(job, f, b, panel, count, g);
            if (e->lazy) {
                igemm_pack_lazy(job, b->group, panel, count, at, g->depth, lazy);
                g->b = lazy;
                g->b_panel = g->depth * g->b_step;
            } else {
                g->b += at * g->b_step;
            }
            g->load = at > 0;
            g->shift = last ? g->shift : NULL;
            g->add = last ? g->add : NULL;
            g->clamp = last && clamp;
            job->plan->kernels->gemm->igemm(g);
        }
    }
}

/* One panel after another: its filters become floats, and its sums halves. */
static void igemm_half(const igemm_job *job, const fv_conv_phase *f, const igemm_block *b, int worker,
                       const fv_igemm *whole)
{
    const fv_conv_igemm *e = job->e;
    const fv_conv_epilogue *end = job->epilogue;
    const int64_t nr = whole->b_step, piece = f->piece > 0 ? f->piece : f->runs;
    float *wide = job->workspace + worker * e->worker_floats + e->strip_floats, *sums = wide + e->wide_floats;
    fv_igemm g = *whole;
    g.clamp = false;
    g.b = wide;
    g.dst = sums;
    g.dst_row = NULL;
    g.dst_step = nr;
    for (int64_t panel = b->panel; panel < b->panel + b->panels; panel++) {
        const int64_t channel = b->group * e->cols + panel * nr;
        const int64_t dst_at = b->image * e->dst_image + f->dst_at + b->p * f->dst_row + channel;
        const uint16_t *packed = job->call->packed;
        packed += f->packed_at + (b->group * e->panels + panel) * whole->b_panel;
        g.n = least(e->cols - panel * nr, nr);
        g.bias = end->bias ? end->bias + channel : NULL;
        for (int64_t at = 0; at < f->runs; at += piece) {
            g.taps = least(f->runs - at, piece);
            g.a_tap = whole->a_tap + at;
            g.load = at > 0;
            e->half->widen(wide, packed + at * f->run_depth * nr, g.taps * f->run_depth * nr);
            job->plan->kernels->gemm->igemm(&g);
        }
        e->half->narrow_rows(&(fv_half_rows){.rows = g.m,
                                             .cols = g.n,
                                             .src = sums,
                                             .src_step = nr,
                                             .add = end->add ? element(e, end->add, dst_at) : NULL,
                                             .dst = (uint16_t *)job->call->out[0] + dst_at,
                                             .dst_row = f->dst_off,
                                             .clamp = whole->clamp,
                                             .lo = whole->lo,
                                             .hi = whole->hi});
    }
}

static void igemm_block_run(const igemm_job *job, const fv_conv_phase *f, const igemm_block *b, int worker)
{
    const fv_gemm_kernels *gemm = job->plan->kernels->gemm;
    const int32_t activation = job->epilogue->activation;
    fv_igemm g = {.m = b->images * b->rows * f->q,
                  .taps = f->runs,
                  .depth = f->run_depth,
                  .b_panel = f->runs * f->run_depth * gemm->nr,
                  .b_step = gemm->nr,
                  .dst_row = f->dst_off,
                  .clamp = activation != FV_ACT_NONE,
                  .lo = 0.0f,
                  .hi = activation == FV_RELU6 ? 6.0f : INFINITY};
    if (f->flat) {
        igemm_flat(job, f, b, worker, &g);
        return;
    }
    g.a = igemm_source(job, f, b, worker);
    g.a_row = f->a_row;
    g.a_tap = f->a_tap;
    if (job->e->half) {
        igemm_half(job, f, b, worker, &g);
        return;
    }
    /* A cut costs a pass over dst and pays only where several tiles of rows share the piece. */
    const bool whole = f->piece == 0 || g.m <= gemm->mr;
    const int64_t step = whole ? b->panels : 1;
    for (int64_t panel = b->panel; panel < b->panel + b->panels; panel += step) {
        igemm_set_panels(job, f, b, panel, step, &g);
        if (whole)
            gemm->igemm(&g);
        else
            igemm_pieces(gemm, f, &g);
    }
}

static void igemm_task(void *arg, int64_t task, int worker)
{
    const igemm_job *job = arg;
    const fv_conv_phase *f = job->e->phases;
    while (task >= f->tasks)
        task -= (f++)->tasks;
    igemm_block b = igemm_block_of(job, f, task);
    if (b.images > 0 && b.rows > 0)
        igemm_block_run(job, f, &b, worker);
}

void fv_conv_igemm_run(const fv_plan *plan, const fv_call *call)
{
    const fv_conv_igemm *e = plan->data;
    const fv_conv_use *use = plan->solver->arg;
    fv_conv_epilogue epilogue = use->epilogue ? use->epilogue(call) : (fv_conv_epilogue){0};
    igemm_job job = {
        .plan = plan, .e = e, .call = call, .epilogue = &epilogue, .src = call->in[0], .workspace = call->workspace};
    if (e->half && epilogue.bias) {
        e->half->widen(call->workspace, (const void *)epilogue.bias, e->groups * e->cols);
        epilogue.bias = call->workspace;
    }
    job.workspace += e->bias_floats;
    /* A plain product has one image, whose rows are the pixels of all samples. */
    job.images = e->n > 1 ? fv_call_part(call, e->n) : 1;
    job.rows = fv_call_part(call, e->phases[0].p);
    fv_parallel(plan->ctx, e->tasks, e->max_threads, igemm_task, &job);
}

/* ---- packing: one task per panel ---- */

typedef struct pack_job {
    const fv_gemm_kernels *gemm;
    const fv_conv_igemm *e;
    const void *wei;
    void *packed;
} pack_job;

/* Halves of a panel, which move as they are; of filters that are not there 0. */
static void pack_halves(const uint16_t *wei, int64_t inner, int64_t cols, int64_t nr, uint16_t *dst)
{
    for (int64_t i = 0; i < inner; i++, dst += nr)
        for (int64_t j = 0; j < nr; j++)
            dst[j] = j < cols ? wei[j * inner + i] : 0;
}

static void pack_task(void *arg, int64_t task, int worker)
{
    (void)worker;
    const pack_job *job = arg;
    const fv_conv_igemm *e = job->e;
    const int64_t nr = job->gemm->nr;
    const fv_conv_phase *f = &e->phases[task / (e->groups * e->panels)];
    if (!f->packs)
        return;
    task %= e->groups * e->panels;
    const int64_t group = task / e->panels, col = task % e->panels * nr;
    const int64_t cols = e->cols - col < nr ? e->cols - col : nr;
    const int64_t inner = f->taps * e->depth;
    const int64_t at = f->packed_at + task * inner * nr, from = (group * e->cols + col) * inner;
    if (e->half) { /* forward */
        pack_halves((const uint16_t *)job->wei + from, inner, cols, nr, (uint16_t *)job->packed + at);
        return;
    }
    const float *wei = job->wei;
    float *dst = (float *)job->packed + at;
    if (e->direction == FV_CONV_FORWARD) {
        job->gemm->pack(dst, 0, wei + from, inner, cols, 1, inner);
        return;
    }
    const int64_t filter = e->filter_taps * e->cols;
    for (int64_t t = 0; t < f->taps; t++)
        job->gemm->pack(dst + t * e->depth * nr, 0, wei + group * e->depth * filter + f->filter_tap[t] * e->cols + col,
                        e->depth, cols, filter, 1);
}

void fv_conv_igemm_pack(const fv_plan *plan, const fv_call *call, void *packed)
{
    const fv_conv_igemm *e = plan->data;
    if (e->lazy)
        return;
    pack_job job = {.gemm = plan->kernels->gemm, .e = e, .wei = call->in[1], .packed = packed};
    fv_parallel(plan->ctx, e->n_phases * e->groups * e->panels, e->packed_floats < 1 << 14, pack_task, &job);
}
