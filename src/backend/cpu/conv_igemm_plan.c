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

const char *fv_conv_igemm_reject(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_use *use = self->arg;
    if (problem->dtype != FV_F32 && problem->dtype != FV_F16)
        return "not float32 and not halves";
    const fv_conv_geom geom = use->geom(problem->node);
    if (use->direction == FV_CONV_BWD_DATA && geom.win.stride[0] * geom.win.stride[1] > FV_CONV_PHASES_MAX)
        return "more than 64 stride phases";
    return NULL;
}

double fv_conv_igemm_cost(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_use *use = self->arg;
    const fv_conv_geom geom = use->geom(problem->node);
    const int64_t cols = (use->direction == FV_CONV_FORWARD ? geom.k : geom.c) / geom.groups;
    /* Vectors are filled by the output channels of one group. */
    const double waste = (double)(fv_div_up(cols, 16) * 16) / (double)cols;
    const fv_node *node = problem->node;
    double floats = (double)fv_shape_count(fv_out_shape(node, 0));
    for (int i = 0; i < 2; i++)
        floats += (double)fv_shape_count(fv_in_shape(node, i));
    const double copied = fv_conv_is_flat(&geom) ? 0.0 : (double)fv_shape_count(fv_in_shape(node, 0));
    const double size = (double)fv_dtype_size(problem->dtype);
    return 500.0 + 2.0 * fv_conv_macs(&geom) * waste / 100.0 + (size * floats + 4.0 * copied) / 10.0;
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

/* The taps of a stride phase: offsets in the image that is read, and the least and largest of them. */
typedef struct phase_taps {
    int64_t count;
    int64_t *index, *y, *x; /* r * S + s and the offsets; room for the whole filter */
    int64_t y_min, y_max, x_min, x_max;
} phase_taps;

static void find_taps(const fv_conv_igemm *e, const fv_conv_geom *geom, const int64_t phase[2], phase_taps *taps)
{
    const fv_window *w = &geom->win;
    int64_t y, x;
    taps->count = taps->y_min = taps->y_max = taps->x_min = taps->x_max = 0;
    for (int64_t r = 0; r < w->size[0]; r++) {
        if (!phase_tap(geom, e->direction, 0, phase[0], r, &y))
            continue;
        for (int64_t s = 0; s < w->size[1]; s++) {
            if (!phase_tap(geom, e->direction, 1, phase[1], s, &x))
                continue;
            const int64_t t = taps->count++;
            taps->index[t] = r * w->size[1] + s;
            taps->y[t] = y;
            taps->x[t] = x;
            taps->y_min = t == 0 || y < taps->y_min ? y : taps->y_min;
            taps->y_max = t == 0 || y > taps->y_max ? y : taps->y_max;
            taps->x_min = t == 0 || x < taps->x_min ? x : taps->x_min;
            taps->x_max = t == 0 || x > taps->x_max ? x : taps->x_max;
        }
    }
}

/* Positions [*begin, *end) of `count` whose taps [min, max] all lie inside an axis of `size` pixels. */
static void inside_range(int64_t count, int64_t step, int64_t min, int64_t max, int64_t size, int64_t *begin,
                         int64_t *end)
{
    *begin = min < 0 ? fv_div_up(-min, step) : 0;
    *end = size > max ? (size - 1 - max) / step + 1 : 0;
    *end = *end < count ? *end : count;
    *begin = *begin < *end ? *begin : *end;
}

/* A part of the grid of a stride phase. */
typedef struct grid_part {
    int64_t p, q, rows, cols;
} grid_part;

/* Channels with which the middle of an image is read in place, and its least share of the grid (percent). */
#define MIDDLE_DEPTH_MIN 8
#define MIDDLE_DEPTH_MAX 128
#define MIDDLE_SHARE     80

/*
 * Cuts a grid into at most five parts: where copying rows would show beside the arithmetic, the middle, whose taps
 * never leave the image, is computed without a copy. Returns their number.
 */
static int cut_grid(const fv_conv_igemm *e, const phase_taps *taps, int64_t rows, int64_t cols, grid_part part[5])
{
    int64_t p0, p1, q0, q1;
    int n = 0;
    inside_range(rows, e->step[0], taps->y_min, taps->y_max, e->h, &p0, &p1);
    inside_range(cols, e->step[1], taps->x_min, taps->x_max, e->w, &q0, &q1);
    const int64_t middle = (p1 - p0) * (q1 - q0);
    if (taps->count == 0 || e->half || e->depth < MIDDLE_DEPTH_MIN || e->depth > MIDDLE_DEPTH_MAX ||
        middle == rows * cols || 100 * middle < MIDDLE_SHARE * rows * cols) {
        part[n++] = (grid_part){0, 0, rows, cols};
        return n;
    }
    const grid_part all[5] = {{p0, q0, p1 - p0, q1 - q0},
                              {0, 0, p0, cols},
                              {p1, 0, rows - p1, cols},
                              {p0, 0, p1 - p0, q0},
                              {p0, q1, p1 - p0, cols - q1}};
    for (int i = 0; i < 5; i++)
        if (all[i].rows > 0 && all[i].cols > 0)
            part[n++] = all[i];
    return n;
}

/* What a part of the grid reads: the image itself, or padded copies of its rows. */
static void phase_source(fv_conv_igemm *e, fv_conv_phase *f, const phase_taps *taps, const grid_part *part)
{
    const int64_t y0 = part->p * e->step[0] + taps->y_min, x0 = part->q * e->step[1] + taps->x_min;
    const int64_t y_end = (part->p + f->p - 1) * e->step[0] + taps->y_max;
    const int64_t x_end = (part->q + f->q - 1) * e->step[1] + taps->x_max;
    f->taps = taps->count;
    memcpy(f->filter_tap, taps->index, (size_t)taps->count * sizeof(int64_t));
    f->span_y = taps->y_max - taps->y_min + 1;
    f->direct = !e->half && (f->taps == 0 || (y0 >= 0 && x0 >= 0 && y_end < e->h && x_end < e->w));
    f->y0 = f->taps ? y0 : 0;
    f->strip = (fv_strip){.h = e->h,
                          .w = e->w,
                          .c = e->c,
                          .depth = e->depth,
                          .x0 = f->taps ? x0 : 0,
                          .cols = x_end - x0 + 1,
                          .pitch = e->c,
                          .half = e->half};
    f->flat = f->direct && f->taps == 1 && e->n == 1 && e->w == 1 && f->q == 1 && e->step[0] == 1 && y0 == 0;
    /* Pixels at a distance of a large power of two crowd into few cache sets: worth a copy where the copy is reused. */
    if (f->flat && e->c % 512 == 0 && e->cols >= 128 && f->p >= 4)
        f->direct = false;
    if (!f->direct)
        f->strip.pitch = fv_strip_pitch(e->depth);
    f->row_step = f->direct ? e->w * e->c : fv_strip_row(&f->strip);
}

/* Turns taps into runs: neighbors whose floats follow each other are one run. */
static void phase_runs(fv_conv_igemm *e, fv_conv_phase *f, const phase_taps *taps)
{
    for (int64_t t = 0; t < f->taps; t++)
        f->a_tap[t] = (taps->y[t] - taps->y_min) * f->row_step + (taps->x[t] - taps->x_min) * f->strip.pitch;
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

static fv_status phase_prepare(fv_plan *plan, fv_conv_igemm *e, fv_conv_phase *f, const phase_taps *taps,
                               const grid_part *part)
{
    fv_ctx *ctx = plan->ctx;
    const fv_gemm_kernels *gemm = plan->kernels->gemm;
    /* Half of the second-level cache for weights, a quarter for pixels; 1 MiB where its size is unknown. */
    const int64_t l2 = fv_ctx_cpu(ctx)->l2 > 0 ? fv_ctx_cpu(ctx)->l2 : 1 << 20;
    const int64_t tasks = plan->threads > 1 ? TASKS_PER_THREAD * plan->threads : 1;
    f->filter_tap = fv_calloc(ctx, (size_t)e->filter_taps, sizeof(int64_t));
    f->a_tap = fv_calloc(ctx, (size_t)e->filter_taps, sizeof(int64_t));
    if (!f->filter_tap || !f->a_tap)
        return FV_ERR_NO_MEMORY;
    f->p = part->rows;
    f->q = part->cols;
    phase_source(e, f, taps, part);
    phase_runs(e, f, taps);
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
    e->lazy = changing && !e->half && e->n_phases == 1 && f->flat && f->p <= LAZY_PIXELS && f->pixel_blocks <= 2;
    e->worker_floats = e->strip_floats;
    if (e->lazy) {
        e->packed_floats = 0;
        e->worker_floats += FV_LAZY_PANELS * f->piece * plan->kernels->gemm->nr;
    }
}

/* Scratch for what is stored as halves and computed as floats. */
static void choose_half(const fv_plan *plan, fv_conv_igemm *e)
{
    const int64_t nr = plan->kernels->gemm->nr;
    for (int64_t i = 0; i < e->n_phases; i++) {
        const fv_conv_phase *f = &e->phases[i];
        const int64_t wide = (f->piece > 0 ? f->piece : f->runs) * f->run_depth * nr;
        const int64_t sums = f->block_images * f->block_rows * f->q * nr;
        e->wide_floats = wide > e->wide_floats ? wide : e->wide_floats;
        e->sum_floats = sums > e->sum_floats ? sums : e->sum_floats;
    }
    e->bias_floats = fv_div_up(e->groups * e->cols, 16) * 16;
    e->worker_floats += e->wide_floats + e->sum_floats;
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
    e->half = plan->problem.dtype == FV_F16 ? plan->kernels->half : NULL;
    /* Below some ten microseconds of work a second thread costs more than it brings. */
    e->max_threads = fv_conv_macs(geom) < 5e5 ? 1 : 0;
}

/* One grid: the outputs forward; the pixels h = phase + stride * i backward. Its parts share their weights. */
static fv_status stride_phase(fv_plan *plan, fv_conv_igemm *e, const phase_taps *taps, const int64_t phase[2],
                              const int64_t stride[2], const int64_t size[2], int64_t channels)
{
    grid_part part[5];
    const int parts =
        cut_grid(e, taps, fv_div_up(size[0] - phase[0], stride[0]), fv_div_up(size[1] - phase[1], stride[1]), part);
    for (int i = 0; i < parts; i++) {
        fv_conv_phase *f = &e->phases[e->n_phases++];
        f->dst_row = stride[0] * size[1] * channels;
        f->dst_col = stride[1] * channels;
        f->dst_at = (phase[0] * size[1] + phase[1]) * channels + part[i].p * f->dst_row + part[i].q * f->dst_col;
        f->packed_at = e->packed_floats;
        f->packs = i == 0;
        FV_TRY(phase_prepare(plan, e, f, taps, &part[i]));
        e->tasks += f->tasks;
        const int64_t strip = f->direct ? 0 : (f->block_images * f->image_step + 127) / 64 * 64;
        e->strip_floats = strip > e->strip_floats ? strip : e->strip_floats;
    }
    e->packed_floats += e->groups * e->panels * taps->count * e->depth * plan->kernels->gemm->nr;
    return FV_OK;
}

fv_status fv_conv_igemm_prepare(fv_plan *plan)
{
    const fv_conv_use *use = plan->solver->arg;
    const fv_conv_geom geom = use->geom(plan->problem.node);
    const fv_window *w = &geom.win;
    const bool forward = use->direction == FV_CONV_FORWARD;
    fv_conv_igemm *e = fv_new(plan->ctx, fv_conv_igemm);
    if (!e)
        return FV_ERR_NO_MEMORY;
    plan->data = e;
    igemm_describe(e, plan, &geom, use->direction);
    const size_t room = (size_t)e->filter_taps;
    const int64_t stride[2] = {forward ? 1 : w->stride[0], forward ? 1 : w->stride[1]};
    const int64_t size[2] = {forward ? w->p : w->h, forward ? w->q : w->w};
    const int64_t phases[2] = {stride[0] < size[0] ? stride[0] : size[0], stride[1] < size[1] ? stride[1] : size[1]};
    e->phases = fv_calloc(plan->ctx, (size_t)(5 * phases[0] * phases[1]), sizeof(fv_conv_phase));
    int64_t *place = fv_calloc(plan->ctx, room, 3 * sizeof(int64_t));
    phase_taps taps = {.index = place, .y = place + room, .x = place + 2 * room};
    fv_status status = e->phases && place ? FV_OK : FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < phases[0] * phases[1] && status == FV_OK; i++) {
        const int64_t phase[2] = {i / phases[1], i % phases[1]};
        find_taps(e, &geom, phase, &taps);
        status = stride_phase(plan, e, &taps, phase, stride, size, forward ? geom.k : geom.c);
    }
    fv_free(plan->ctx, place);
    if (status != FV_OK)
        fv_conv_igemm_release(plan);
    else
        choose_lazy(plan, e);
    if (status == FV_OK && e->half)
        choose_half(plan, e);
    return status;
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
    return (size_t)e->packed_floats * (e->half ? sizeof(uint16_t) : sizeof(float));
}

size_t fv_conv_igemm_workspace_bytes(const fv_plan *plan)
{
    const fv_conv_igemm *e = plan->data;
    return (size_t)(e->bias_floats + e->worker_floats * plan->threads) * sizeof(float);
}
