/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the tables of the engine in conv_igemm.h: grids, taps, blocks. Block sizes never change a bit of a result. */
#include "backend/cpu/conv_igemm_data.h"

#include <string.h>

fv_conv_geom fv_conv_geom_flat(const fv_conv_geom *geom)
{
    fv_conv_geom flat = *geom;
    flat.n = 1;
    flat.win.h = flat.win.p = geom->n * geom->win.h * geom->win.w;
    flat.win.w = flat.win.q = 1;
    return flat;
}

bool fv_conv_is_flat(const fv_conv_geom *geom)
{
    const fv_window *w = &geom->win;
    return w->size[0] == 1 && w->size[1] == 1 && w->stride[0] == 1 && w->stride[1] == 1 &&
           (w->pad[0] | w->pad[1] | w->pad[2] | w->pad[3]) == 0;
}

fv_conv_geom fv_conv_geom_dense(int64_t n, int64_t in, int64_t out)
{
    return (fv_conv_geom){
        .n = 1,
        .c = in,
        .k = out,
        .groups = 1,
        .win = {.h = n, .w = 1, .p = n, .q = 1, .size = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}}};
}

const char *fv_conv_igemm_reject(const fv_problem *problem, const fv_conv_geom *geom, fv_conv_direction direction)
{
    if (problem->dtype != FV_F32)
        return "not float32";
    if (direction == FV_CONV_BWD_DATA && geom->win.stride[0] * geom->win.stride[1] > FV_CONV_PHASES_MAX)
        return "more than 64 stride phases";
    return NULL;
}

double fv_conv_igemm_cost(const fv_problem *problem, const fv_conv_geom *geom, fv_conv_direction direction)
{
    const int64_t cols = (direction == FV_CONV_FORWARD ? geom->k : geom->c) / geom->groups;
    /* Vectors are filled by the output channels of one group. */
    const double waste = (double)(fv_div_up(cols, 16) * 16) / (double)cols;
    const fv_node *node = problem->node;
    double floats = (double)fv_shape_count(fv_out_shape(node, 0));
    for (int i = 0; i < 2; i++)
        floats += (double)fv_shape_count(fv_in_shape(node, i));
    const double copied = fv_conv_is_flat(geom) ? 0.0 : (double)fv_shape_count(fv_in_shape(node, 0));
    return 500.0 + 2.0 * fv_conv_macs(geom) * waste / 100.0 + 4.0 * (floats + copied) / 10.0;
}

/* ---- grids and taps ---- */

/* Offset of tap t of one axis: forward in the image, backward the output position it comes from. */
static bool phase_tap(const fv_conv_geom *geom, fv_conv_direction direction, int axis, int64_t phase, int64_t t,
                      int64_t *offset)
{
    const fv_window *w = &geom->win;
    if (direction == FV_CONV_FORWARD) {
        *offset = t * w->dilation[axis] - w->pad[axis];
        return true;
    }
    const int64_t reach = phase + w->pad[axis] - t * w->dilation[axis];
    *offset = reach / w->stride[axis];
    return reach % w->stride[axis] == 0;
}

/* Taps of a phase and the window of the image that they reach; the arrays have room for the whole filter. */
static void phase_taps(fv_conv_igemm *e, fv_conv_phase *f, const fv_conv_geom *geom, const int64_t phase[2],
                       int64_t *ty, int64_t *tx)
{
    const fv_window *w = &geom->win;
    int64_t y_min = 0, y_max = 0, x_min = 0, x_max = 0, y, x;
    for (int64_t r = 0; r < w->size[0]; r++) {
        if (!phase_tap(geom, e->direction, 0, phase[0], r, &y))
            continue;
        for (int64_t s = 0; s < w->size[1]; s++) {
            if (!phase_tap(geom, e->direction, 1, phase[1], s, &x))
                continue;
            const int64_t t = f->taps++;
            f->filter_tap[t] = r * w->size[1] + s;
            ty[t] = y;
            tx[t] = x;
            y_min = t == 0 || y < y_min ? y : y_min;
            y_max = t == 0 || y > y_max ? y : y_max;
            x_min = t == 0 || x < x_min ? x : x_min;
            x_max = t == 0 || x > x_max ? x : x_max;
        }
    }
    const int64_t y_end = (f->p - 1) * e->step[0] + y_max, x_end = (f->q - 1) * e->step[1] + x_max;
    f->y0 = y_min;
    f->span_y = y_max - y_min + 1;
    f->strip = (fv_strip){
        .h = e->h, .w = e->w, .c = e->c, .depth = e->depth, .x0 = x_min, .cols = x_end - x_min + 1, .pitch = e->c};
    f->direct = f->taps == 0 || (y_min >= 0 && x_min >= 0 && y_end < e->h && x_end < e->w);
    if (f->taps == 0)
        f->y0 = f->strip.x0 = 0;
    f->flat = f->direct && f->taps == 1 && e->n == 1 && e->w == 1 && f->q == 1 && e->step[0] == 1 && y_min == 0;
    /* Pixels at a distance of a large power of two crowd into few cache sets: worth a copy where the copy is reused. */
    if (f->flat && e->c % 512 == 0 && e->cols >= 128 && f->p >= 4)
        f->direct = false;
    if (!f->direct)
        f->strip.pitch = fv_strip_pitch(e->depth);
    f->row_step = f->direct ? e->w * e->c : fv_strip_row(&f->strip);
}

/* Turns taps into runs: neighbors whose floats follow each other are one run. */
static void phase_runs(fv_conv_igemm *e, fv_conv_phase *f, const int64_t *ty, const int64_t *tx)
{
    const fv_strip *s = &f->strip;
    for (int64_t t = 0; t < f->taps; t++)
        f->a_tap[t] = (ty[t] - f->y0) * f->row_step + (tx[t] - s->x0) * s->pitch;
    f->runs = f->taps;
    f->run_depth = e->depth;
    /* All runs must have one length: that of the first. */
    int64_t side = 1;
    while (side < f->taps && f->a_tap[side] == f->a_tap[side - 1] + e->depth)
        side++;
    if (side == 1 || f->taps % side)
        return;
    for (int64_t t = 1; t < f->taps; t++)
        if (t % side && f->a_tap[t] != f->a_tap[t - 1] + e->depth)
            return;
    for (int64_t t = 0; t < f->taps / side; t++)
        f->a_tap[t] = f->a_tap[t * side];
    f->runs = f->taps / side;
    f->run_depth = side * e->depth;
}

/* ---- blocks ---- */

/* Pixels of a block where there is a choice, and the least that still keeps the kernel's tiles full. */
#define BLOCK_PIXELS     672
#define BLOCK_PIXELS_MIN 112
#define TASKS_PER_THREAD 4

static int64_t at_least_1(int64_t x)
{
    return x > 1 ? x : 1;
}

static int64_t phase_strip_floats(const fv_conv_igemm *e, const fv_conv_phase *f, int64_t rows)
{
    return ((rows - 1) * e->step[0] + f->span_y) * f->row_step;
}

/* Depth of a plain product that one pass takes, and the most that is not worth a cut. */
#define PIECE_DEPTH     512
#define PIECE_DEPTH_MAX 768

static void phase_flat_blocks(fv_conv_igemm *e, fv_conv_phase *f, int64_t floats, int64_t tasks, int mr)
{
    f->piece = e->depth;
    if (e->depth > PIECE_DEPTH_MAX)
        f->piece = fv_div_up(e->depth, fv_div_up(e->depth, PIECE_DEPTH));
    int64_t rows = floats / f->piece;
    rows = rows < BLOCK_PIXELS ? rows : BLOCK_PIXELS;
    /* Few panels: the threads share the rows. */
    const int64_t fair = f->p * e->groups / tasks;
    if (rows > fair && e->panels * e->groups < tasks)
        rows = fair > BLOCK_PIXELS_MIN ? fair : rows < BLOCK_PIXELS_MIN ? rows : BLOCK_PIXELS_MIN;
    rows = at_least_1(rows < f->p ? rows : f->p);
    rows = fv_div_up(f->p, fv_div_up(f->p, rows));
    rows = rows > mr && rows < f->p ? fv_div_up(rows, mr) * mr : rows;
    f->block_images = 1;
    f->block_rows = rows < f->p ? rows : f->p;
    f->image_step = f->direct ? 0 : f->block_rows * fv_strip_pitch(f->piece);
    f->pixel_blocks = fv_div_up(f->p, f->block_rows);
}

static void phase_pixel_blocks(fv_conv_igemm *e, fv_conv_phase *f, int64_t floats, int64_t tasks, int mr)
{
    const int64_t image = f->p * f->q;
    f->block_images = 1;
    f->block_rows = f->p;
    if (image <= BLOCK_PIXELS_MIN && e->n > 1) {
        /* Small images: several at a time, yet enough blocks for the threads. */
        int64_t count = BLOCK_PIXELS / image;
        count = at_least_1(count < floats / phase_strip_floats(e, f, f->p) ? count
                                                                           : floats / phase_strip_floats(e, f, f->p));
        const int64_t fair = at_least_1(fv_div_up(e->n, tasks)), enough = fv_div_up(BLOCK_PIXELS_MIN, image);
        if (count > fair)
            count = fair > enough ? fair : enough < count ? enough : count;
        f->block_images = count < e->n ? count : e->n;
    } else {
        int64_t rows = at_least_1(BLOCK_PIXELS / f->q);
        while (rows > 1 && phase_strip_floats(e, f, rows < f->p ? rows : f->p) > floats)
            rows = (rows + 1) / 2;
        const int64_t fair = at_least_1(f->p * e->n * e->groups / tasks), enough = fv_div_up(BLOCK_PIXELS_MIN, f->q);
        if (rows > fair)
            rows = fair > enough ? fair : enough < rows ? enough : rows;
        if (f->q == 1 && rows > mr)
            rows = rows / mr * mr;
        else
            rows = fv_div_up(f->p, fv_div_up(f->p, rows));
        f->block_rows = rows < f->p ? rows : f->p;
    }
    f->image_step = f->direct ? e->h * e->w * e->c : phase_strip_floats(e, f, f->block_rows);
    f->pixel_blocks = fv_div_up(e->n, f->block_images) * fv_div_up(f->p, f->block_rows);
}

static void phase_panel_blocks(fv_conv_igemm *e, fv_conv_phase *f, int64_t floats, int64_t tasks, int nr)
{
    const int64_t panel = f->runs * f->run_depth * nr;
    f->panels_per_block = e->panels;
    f->panels_outer = !f->flat && panel * e->panels > floats && f->pixel_blocks > 1;
    if (f->panels_outer)
        f->panels_per_block = at_least_1(floats / panel);
    const int64_t others = f->pixel_blocks * e->groups;
    if (others * fv_div_up(e->panels, f->panels_per_block) < tasks) {
        const int64_t blocks = fv_div_up(tasks, others);
        f->panels_per_block = at_least_1(e->panels / blocks);
    }
    f->panel_blocks = fv_div_up(e->panels, f->panels_per_block);
    f->tasks = f->pixel_blocks * e->groups * f->panel_blocks;
    if (!f->flat && f->runs > 1 && panel > floats / 2) {
        f->piece = at_least_1(floats / 2 / (f->run_depth * nr));
        f->piece = fv_div_up(f->runs, fv_div_up(f->runs, f->piece));
    }
}

static void phase_offsets(const fv_conv_igemm *e, fv_conv_phase *f)
{
    int64_t at = 0;
    for (int64_t i = 0; i < f->block_images; i++)
        for (int64_t p = 0; p < f->block_rows; p++)
            for (int64_t q = 0; q < f->q; q++, at++) {
                f->a_row[at] = i * f->image_step + p * e->step[0] * f->row_step + q * e->step[1] * f->strip.pitch;
                f->dst_off[at] = i * e->dst_image + p * f->dst_row + q * f->dst_col;
            }
}

static fv_status phase_prepare(fv_plan *plan, fv_conv_igemm *e, fv_conv_phase *f, const fv_conv_geom *geom,
                               const int64_t phase[2])
{
    fv_ctx *ctx = plan->ctx;
    const fv_gemm_kernels *gemm = plan->kernels->gemm;
    /* Half of the second-level cache for weights, a quarter for pixels; 1 MiB where its size is unknown. */
    const int64_t l2 = fv_ctx_cpu(ctx)->l2 > 0 ? fv_ctx_cpu(ctx)->l2 : 1 << 20;
    const int64_t tasks = plan->threads > 1 ? TASKS_PER_THREAD * plan->threads : 1;
    const size_t taps = (size_t)e->filter_taps;
    f->filter_tap = fv_calloc(ctx, taps, sizeof(int64_t));
    f->a_tap = fv_calloc(ctx, taps, sizeof(int64_t));
    int64_t *place = fv_calloc(ctx, taps, 2 * sizeof(int64_t));
    if (!f->filter_tap || !f->a_tap || !place) {
        fv_free(ctx, place);
        return FV_ERR_NO_MEMORY;
    }
    phase_taps(e, f, geom, phase, place, place + taps);
    phase_runs(e, f, place, place + taps);
    fv_free(ctx, place);
    if (f->flat)
        phase_flat_blocks(e, f, l2 / 4 / 4, tasks, gemm->mr);
    else
        phase_pixel_blocks(e, f, l2 / 4 / 4, tasks, gemm->mr);
    phase_panel_blocks(e, f, l2 / 2 / 4, tasks, gemm->nr);
    const size_t pixels = (size_t)(f->block_images * f->block_rows * f->q);
    f->a_row = fv_calloc(ctx, pixels, sizeof(int64_t));
    f->dst_off = fv_calloc(ctx, pixels, sizeof(int64_t));
    if (!f->a_row || !f->dst_off)
        return FV_ERR_NO_MEMORY;
    phase_offsets(e, f);
    return FV_OK;
}

/* Pixels up to which packing in the task is worth more than packing once. */
#define LAZY_PIXELS 512

static void choose_lazy(fv_plan *plan, fv_conv_igemm *e)
{
    const fv_conv_phase *f = &e->phases[0];
    const bool changing = !(plan->problem.const_in >> 1 & 1);
    e->lazy = changing && e->n_phases == 1 && f->flat && f->p <= LAZY_PIXELS && f->pixel_blocks <= 2;
    e->worker_floats = e->strip_floats;
    if (e->lazy) {
        e->packed_floats = 0;
        e->worker_floats += FV_LAZY_PANELS * f->piece * plan->kernels->gemm->nr;
    }
}

/* ---- hooks ---- */

/* Everything that does not depend on a phase. */
static void igemm_describe(fv_conv_igemm *e, const fv_plan *plan, const fv_conv_geom *geom, fv_conv_direction direction)
{
    const fv_window *w = &geom->win;
    const bool forward = direction == FV_CONV_FORWARD;
    e->direction = direction;
    e->n = geom->n;
    e->h = forward ? w->h : w->p;
    e->w = forward ? w->w : w->q;
    e->c = forward ? geom->c : geom->k;
    e->groups = geom->groups;
    e->depth = e->c / e->groups;
    e->cols = (forward ? geom->k : geom->c) / e->groups;
    e->filter_taps = w->size[0] * w->size[1];
    e->step[0] = forward ? w->stride[0] : 1;
    e->step[1] = forward ? w->stride[1] : 1;
    e->dst_image = forward ? w->p * w->q * geom->k : w->h * w->w * geom->c;
    e->panels = fv_div_up(e->cols, plan->kernels->gemm->nr);
    /* Below some ten microseconds of work a second thread costs more than it brings. */
    e->max_threads = fv_conv_macs(geom) < 5e5 ? 1 : 0;
}

fv_status fv_conv_igemm_prepare(fv_plan *plan, const fv_conv_geom *geom, fv_conv_direction direction)
{
    const fv_window *w = &geom->win;
    const bool forward = direction == FV_CONV_FORWARD;
    fv_conv_igemm *e = fv_new(plan->ctx, fv_conv_igemm);
    if (!e)
        return FV_ERR_NO_MEMORY;
    plan->data = e;
    igemm_describe(e, plan, geom, direction);
    /* Grids: the outputs forward; the pixels h = phase + stride * i backward. */
    const int64_t stride[2] = {forward ? 1 : w->stride[0], forward ? 1 : w->stride[1]};
    const int64_t size[2] = {forward ? w->p : w->h, forward ? w->q : w->w};
    const int64_t channels = forward ? geom->k : geom->c;
    const int64_t phases[2] = {stride[0] < size[0] ? stride[0] : size[0], stride[1] < size[1] ? stride[1] : size[1]};
    e->phases = fv_calloc(plan->ctx, (size_t)(phases[0] * phases[1]), sizeof(fv_conv_phase));
    if (!e->phases)
        goto fail;
    for (int64_t y = 0; y < phases[0]; y++) {
        for (int64_t x = 0; x < phases[1]; x++) {
            fv_conv_phase *f = &e->phases[e->n_phases++];
            f->p = fv_div_up(size[0] - y, stride[0]);
            f->q = fv_div_up(size[1] - x, stride[1]);
            f->dst_at = (y * size[1] + x) * channels;
            f->dst_row = stride[0] * size[1] * channels;
            f->dst_col = stride[1] * channels;
            f->packed_at = e->packed_floats;
            if (phase_prepare(plan, e, f, geom, (const int64_t[]){y, x}) != FV_OK)
                goto fail;
            e->packed_floats += e->groups * e->panels * f->taps * e->depth * plan->kernels->gemm->nr;
            e->tasks += f->tasks;
            const int64_t strip = f->direct ? 0 : (f->block_images * f->image_step + 127) / 64 * 64;
            e->strip_floats = strip > e->strip_floats ? strip : e->strip_floats;
        }
    }
    choose_lazy(plan, e);
    return FV_OK;
fail:
    fv_conv_igemm_release(plan);
    return FV_ERR_NO_MEMORY;
}

void fv_conv_igemm_release(fv_plan *plan)
{
    fv_conv_igemm *e = plan->data;
    if (!e)
        return;
    for (int64_t i = 0; i < e->n_phases; i++) {
        fv_conv_phase *f = &e->phases[i];
        fv_free(plan->ctx, f->filter_tap);
        fv_free(plan->ctx, f->a_tap);
        fv_free(plan->ctx, f->a_row);
        fv_free(plan->ctx, f->dst_off);
    }
    fv_free(plan->ctx, e->phases);
    fv_free(plan->ctx, e);
    plan->data = NULL;
}

size_t fv_conv_igemm_packed_bytes(const fv_plan *plan)
{
    const fv_conv_igemm *e = plan->data;
    return (size_t)e->packed_floats * sizeof(float);
}

size_t fv_conv_igemm_workspace_bytes(const fv_plan *plan)
{
    const fv_conv_igemm *e = plan->data;
    return (size_t)(e->worker_floats * plan->threads) * sizeof(float);
}
