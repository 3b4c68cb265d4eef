/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/cpu/conv_tiles_half.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "backend/cpu/split.h"
#include "kernels/gemm/gemm.h"

/* Channels of which a task makes the points, or the pixels, where workers share a block, and points of all its tiles.
 */
#define TASK_CHANNELS 64
#define TASK_POINTS   1024
/* Floats of the filters of a panel that are turned at once, and channels of them where taps are too many for that. */
#define PACK_FLOATS   8192
#define PACK_CHANNELS 16
/* Pixels of a row and filters of a probe. */
#define PROBE_SIDE    12
#define PROBE_FILTERS 16

typedef struct conv_tiles {
    const fv_tile_kernels *kernels;
    fv_tiles shape;
    fv_conv_direction direction;
    int64_t points, panels;
    int64_t v_parts, u_parts, s_parts; /* of a point of patches, of filters and of sums */
    int64_t tiles, block;              /* of all samples; of a block */
    bool together;                     /* workers share a block */
    int64_t v_step, s_step;            /* floats from point to point */
    int64_t panel, u_step;             /* floats of a packed panel of a part of a point, of all of them */
    int max_threads;                   /* as fv_parallel takes it */
    bool half;                         /* operands and results are stored as halves */
    fv_tiles_half halves;
    int64_t wide_at; /* of those in the scratch: the bias as floats, then each worker's panel */
} conv_tiles;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

const char *fv_conv_tiles_reject(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_use *use = self->arg;
    if (problem->dtype != FV_F32 && problem->dtype != FV_F16)
        return "not float32 and not halves";
    const fv_conv_geom g = use->geom(problem->node);
    const fv_window *w = &g.win;
    if (g.groups > 1)
        return "groups > 1";
    if (w->stride[0] != 1 || w->stride[1] != 1 || w->dilation[0] != 1 || w->dilation[1] != 1)
        return "not with stride 1 and without dilation";
    return NULL;
}

/* As many channels, a few tiles and filters. */
fv_status fv_conv_tiles_probe(const fv_solver *self, const fv_problem *problem, fv_str *text)
{
    const fv_conv_use *use = self->arg;
    if (problem->dtype != FV_F16)
        return FV_OK;
    const fv_conv_geom g = use->geom(problem->node);
    const int64_t *size = g.win.size;
    fv_str_printf(text, "conv2d f16 n1h%dw%dc%" PRId64 " k%dr%" PRId64 "s%" PRId64 "c%" PRId64 ":const", PROBE_SIDE,
                  PROBE_SIDE, g.c, PROBE_FILTERS, size[0], size[1], g.c);
    return fv_str_status(text);
}

fv_tiles fv_conv_tiles_shape(const fv_conv_use *use, const fv_node *node)
{
    const fv_conv_geom g = use->geom(node);
    const fv_window *w = &g.win;
    if (use->direction == FV_CONV_FORWARD)
        return (fv_tiles){
            .h = w->h, .w = w->w, .c = g.c, .p = w->p, .q = w->q, .k = g.k, .pad = {w->pad[0], w->pad[1]}};
    return (fv_tiles){.h = w->p,
                      .w = w->q,
                      .c = g.k,
                      .p = w->h,
                      .q = w->w,
                      .k = g.c,
                      .pad = {w->size[0] - 1 - w->pad[0], w->size[1] - 1 - w->pad[1]}};
}

/* Nanoseconds to read packed filters: each level of the memory keeps a part of them. */
static double filters_cost(double bytes)
{
    static const struct {
        double keeps, rate; /* bytes; bytes a nanosecond */
    } level[] = {{1 << 20, 40.0}, {7 << 20, 24.0}, {INFINITY, 10.0}};
    double cost = 0.0;
    for (size_t i = 0; i < sizeof level / sizeof *level; i++) {
        const double part = fmin(bytes, level[i].keeps);
        cost += part / level[i].rate;
        bytes -= part;
    }
    return cost;
}

/* Tiles that fill a product however small the cache is; of filters that become floats for each block twice as many. */
#define TILES_LEAST 24
/* Products of real numbers at 100 Gflop/s, whose sums take as long to begin and to end as OVERHEAD channels; transforms
 * at a quarter of that; points and sums written and read in a cache at 40 GB/s; halves of filters widened 12 in a
 * nanosecond. */
#define OVERHEAD 8

double fv_conv_tiles_cost(const fv_tiles *s, const fv_conv_tiles_use *use, int64_t samples)
{
    const int64_t tiles_y = fv_div_up(s->p, use->m[0]), tiles_x = fv_div_up(s->q, use->m[1]);
    const double tiles = (double)samples * (double)tiles_y * (double)tiles_x, points = (double)use->points;
    const double c = (double)s->c, k = (double)s->k, parts = use->complex ? 2.0 : 1.0;
    const double products = 2.0 * parts * parts * tiles * points * (c + OVERHEAD) * k / 100.0;
    const double transforms = tiles * (c + k) * use->flops / 25.0;
    const double widened = use->half ? points * c * k * ceil(tiles / (2 * TILES_LEAST)) / 12.0 : 0.0;
    const double values = 2.0 * 4.0 * tiles * points * (use->complex ? 3.0 * c + 2.0 * k : c + k) / 40.0;
    return 500.0 + products + transforms + filters_cost((use->half ? 2.0 : 4.0) * parts * points * c * k) + widened +
           values;
}

/* Floats from one point's values to the next one's, so that their lines do not crowd into few sets of a cache. */
static int64_t point_step(int64_t floats)
{
    return (floats + 15) / 16 * 16 + 16;
}

/* Points of a worker's block, and their sums, take this part of the second-level cache. */
#define CACHE_PART 2
/* Filters of so many bytes come from memory, once for every block: larger blocks, whose points and sums take so many
 * bytes, read less in all though they spill out of that cache. */
#define BYTES_FAR   (12 << 20)
#define BYTES_LARGE (8 << 20)
/* Complex ones, of which one tile of points does not fit: of a block that workers share so many tiles, and bytes. */
#define TILES_SHARED 48
#define BYTES_SHARED (64 << 20)

static int64_t clamp(int64_t i, int64_t lo, int64_t hi)
{
    return i < lo ? lo : i > hi ? hi : i;
}

/* The tiles in blocks of nearly the same size, none of more than `most`. */
static int64_t even_block(const conv_tiles *x, int64_t most, int64_t mr)
{
    const int64_t blocks = fv_div_up(x->tiles, most);
    return least(fv_div_up(fv_div_up(x->tiles, blocks), mr) * mr, x->tiles);
}

static void choose_block(const fv_plan *plan, conv_tiles *x)
{
    const int64_t mr = plan->kernels->gemm->mr, fill = fv_div_up(TILES_LEAST * (x->half ? 2 : 1), mr) * mr;
    const int64_t l2 = fv_ctx_cpu(plan->ctx)->l2 > 0 ? fv_ctx_cpu(plan->ctx)->l2 : 1 << 20;
    const int64_t tile = x->points * (x->v_parts * x->shape.c + x->s_parts * x->shape.k) * (int64_t)sizeof(float);
    const int64_t filters = (int64_t)fv_conv_tiles_packed_bytes(plan);
    const int threads = x->max_threads == 1 ? 1 : plan->threads;
    if (x->s_parts > 1) {
        x->together = true;
        x->block = even_block(x, clamp(BYTES_SHARED / tile, mr, TILES_SHARED), mr);
        return;
    }
    const int64_t small = clamp(l2 / CACHE_PART / tile / mr * mr, fill, x->tiles);
    const int64_t large = clamp(BYTES_LARGE / tile / mr * mr, fill, x->tiles);
    const bool worth = filters > BYTES_FAR && filters * fv_div_up(x->tiles, large) + 2 * x->tiles * tile <
                                                  filters * fv_div_up(x->tiles, small);
    x->together = threads > 1 && (worth || x->tiles < threads * fill);
    x->block = even_block(x, worth ? large : x->together ? x->tiles : small, mr);
    if (threads == 1 || x->together)
        return;
    const int64_t tasks = fv_div_up(fv_div_up(x->tiles, x->block), threads) * threads;
    x->block = fv_div_up(x->tiles, tasks);
}

fv_status fv_conv_tiles_prepare(fv_plan *plan, const fv_conv_tiles_use *tiles)
{
    const fv_conv_use *use = plan->solver->arg;
    const fv_conv_geom g = use->geom(plan->problem.node);
    const int64_t nr = plan->kernels->gemm->nr;
    conv_tiles *x = fv_new(plan->ctx, conv_tiles);
    if (!x)
        return FV_ERR_NO_MEMORY;
    plan->data = x;
    x->kernels = tiles->kernels;
    x->direction = use->direction;
    x->shape = fv_conv_tiles_shape(use, plan->problem.node);
    for (int i = 0; i < 2; i++) {
        x->shape.m[i] = tiles->m[i];
        x->shape.n[i] = tiles->m[i] + g.win.size[i] - 1;
    }
    x->shape.tiles_y = fv_div_up(x->shape.p, x->shape.m[0]);
    x->shape.tiles_x = fv_div_up(x->shape.q, x->shape.m[1]);
    x->points = tiles->points;
    x->v_parts = tiles->complex ? 3 : 1;
    x->u_parts = x->s_parts = tiles->complex ? 2 : 1;
    x->panels = fv_div_up(x->shape.k, nr);
    x->panel = x->shape.c * nr;
    x->u_step = point_step(x->panels * x->panel);
    x->tiles = g.n * x->shape.tiles_y * x->shape.tiles_x;
    /* Below some ten microseconds of work a second thread costs more than it brings. */
    x->max_threads = fv_conv_macs(&g) < 5e5 ? 1 : 0;
    x->half = plan->problem.dtype == FV_F16;
    x->halves = (fv_tiles_half){plan->kernels->half, plan->kernels->gemm, tiles->kernels};
    choose_block(plan, x);
    x->v_step = point_step(x->block * x->v_parts * x->shape.c);
    x->s_step = point_step(x->block * x->s_parts * x->shape.k);
    x->wide_at = x->points * (x->v_step + x->s_step) * (x->together ? 1 : plan->threads);
    return FV_OK;
}

void fv_conv_tiles_release(fv_plan *plan)
{
    fv_free(plan->ctx, plan->data);
    plan->data = NULL;
}

/* ---- filters ---- */

size_t fv_conv_tiles_packed_bytes(const fv_plan *plan)
{
    const conv_tiles *x = plan->data;
    const size_t numbers = (size_t)(x->points * x->u_parts * x->u_step);
    return x->half ? numbers * sizeof(uint16_t) + (size_t)(x->panels * plan->kernels->gemm->nr) * sizeof(float)
                   : numbers * sizeof(float);
}

/* Of filters that are stored as halves: behind them, one for each column of the panels. */
static float *filter_scales(const conv_tiles *x, const void *packed)
{
    return (float *)(uintptr_t)((const uint16_t *)packed + x->points * x->u_step);
}

typedef struct filter_job {
    const conv_tiles *x;
    const fv_gemm_kernels *gemm;
    const void *wei;
    void *packed;
} filter_job;

/* Weights lie as [filter][row][column][channel of a filter]. */
static void forward_filters(const filter_job *job, const float *wei, int64_t cols, float *to)
{
    const conv_tiles *x = job->x;
    const fv_tiles *s = &x->shape;
    const int64_t nr = job->gemm->nr, r = s->n[0] - s->m[0] + 1, q = s->n[1] - s->m[1] + 1;
    const int64_t most = PACK_FLOATS / (r * q * nr);
    float turned[PACK_FLOATS]; /* [row][column][channel][filter] */
    for (int64_t c = 0, count; c < s->c; c += count) {
        count = least(s->c - c, most > 0 ? most : PACK_CHANNELS);
        for (int64_t i = 0; i < r * q && most > 0; i++)
            job->gemm->pack(turned + i * count * nr, 0, wei + i * s->c + c, count, cols, 1, r * q * s->c);
        if (most > 0)
            x->kernels->filter(s, turned, (int64_t[]){q * count * nr, count * nr}, count * nr, to + c * nr, x->u_step,
                               1);
        for (int64_t k = 0; k < cols && most == 0; k++)
            x->kernels->filter(s, wei + k * r * q * s->c + c, (int64_t[]){q * s->c, s->c}, count, to + c * nr + k,
                               x->u_step, nr);
    }
}

static void filter_task(void *arg, int64_t panel, int worker)
{
    (void)worker;
    const filter_job *job = arg;
    const conv_tiles *x = job->x;
    const fv_tiles *s = &x->shape;
    const int64_t nr = job->gemm->nr, k0 = panel * nr, cols = least(s->k - k0, nr);
    const int64_t r = s->n[0] - s->m[0] + 1, q = s->n[1] - s->m[1] + 1;
    if (x->half) {
        fv_tiles_half_filters(&x->halves, s, (const uint16_t *)job->wei + k0 * r * q * s->c, cols, x->points,
                              (uint16_t *)job->packed + panel * x->panel, x->u_step,
                              filter_scales(x, job->packed) + k0);
        return;
    }
    const float *wei = job->wei;
    float *to = (float *)job->packed + panel * x->panel;
    if (cols < nr)
        for (int64_t i = 0; i < x->points * x->u_parts; i++)
            memset(to + i * x->u_step, 0, (size_t)x->panel * sizeof(float));
    if (x->direction == FV_CONV_FORWARD) {
        forward_filters(job, wei + k0 * r * q * s->c, cols, to);
        return;
    }
    for (int64_t c = 0; c < s->c; c++)
        x->kernels->filter(s, wei + ((c + 1) * r * q - 1) * s->k + k0, (int64_t[]){-q * s->k, -s->k}, cols, to + c * nr,
                           x->u_step, 1);
}

void fv_conv_tiles_pack(const fv_plan *plan, const fv_call *call, void *packed)
{
    const conv_tiles *x = plan->data;
    filter_job job = {.x = x, .gemm = plan->kernels->gemm, .wei = call->in[1], .packed = packed};
    fv_parallel(plan->ctx, x->panels, x->max_threads, filter_task, &job);
}

/* ---- images ---- */

size_t fv_conv_tiles_workspace_bytes(const fv_plan *plan)
{
    const conv_tiles *x = plan->data;
    return (size_t)(x->wide_at + (x->half ? x->shape.k + 16 + plan->threads * x->panel : 0)) * sizeof(float);
}

typedef struct image_job {
    const fv_gemm_kernels *gemm;
    const conv_tiles *x;
    const fv_call *call;
    fv_tile_end end;
    const uint16_t *add;     /* in the place of end.add, where operands are halves */
    float *v, *sums, *wide;  /* of worker 0 */
    int64_t tiles;           /* that matter */
    int64_t first, count;    /* of the block that workers share */
    int64_t tiles_of_a_task; /* of those */
} image_job;

/* Filters of halves, of which a panel at a time becomes floats. */
static void multiply_halves(const image_job *job, int64_t point, fv_igemm *g, float *wide)
{
    const conv_tiles *x = job->x;
    const int64_t nr = job->gemm->nr, k = g->n;
    const uint16_t *filters = (const uint16_t *)job->call->packed + point * x->u_step;
    const float *scale = filter_scales(x, job->call->packed);
    g->b = wide;
    for (int64_t at = 0; at < k; at += nr, g->dst += nr, filters += x->panel) {
        g->n = least(k - at, nr);
        x->halves.half->widen_scaled(wide, filters, x->shape.c, nr, scale + at);
        job->gemm->igemm(g);
    }
}

static void multiply_point(const image_job *job, int64_t point, int64_t count, const float *v, float *sums, int worker)
{
    const conv_tiles *x = job->x;
    const int64_t c = x->shape.c;
    /* Of complex numbers the real sums: re re + (-im) im. */
    fv_igemm g = {.m = count,
                  .n = x->shape.k,
                  .taps = x->u_parts,
                  .depth = c,
                  .a = v + point * x->v_step,
                  .a_step = x->v_parts * c,
                  .a_tap = (int64_t[]){0, 2 * c},
                  .b = (const float *)job->call->packed + point * x->u_parts * x->u_step,
                  .b_panel = x->panel,
                  .b_step = job->gemm->nr,
                  .b_tap = (int64_t[]){0, x->u_step},
                  .dst = sums + point * x->s_step,
                  .dst_step = x->s_parts * x->shape.k};
    if (x->half) {
        multiply_halves(job, point, &g, job->wide + worker * x->panel);
        return;
    }
    job->gemm->igemm(&g);
    if (x->s_parts == 1)
        return;
    /* The imaginary ones: im re + re im. */
    g.a_tap = (int64_t[]){c, 0};
    g.dst += x->shape.k;
    job->gemm->igemm(&g);
}

static void make_points(const image_job *job, int64_t first, int64_t count, int64_t c0, int64_t c1, float *v)
{
    const conv_tiles *x = job->x;
    if (x->half)
        fv_tiles_half_input(&x->halves, &x->shape, job->call->in[0], first, count, c0, c1, v, x->v_step);
    else
        x->kernels->input(&x->shape, job->call->in[0], first, count, c0, c1, v, x->v_step);
}

static void make_pixels(const image_job *job, const float *sums, int64_t first, int64_t count, int64_t k0, int64_t k1)
{
    const conv_tiles *x = job->x;
    if (x->half)
        fv_tiles_half_output(&x->halves, &x->shape, &job->end, job->add, sums, x->s_step, first, count, k0, k1,
                             job->call->out[0]);
    else
        x->kernels->output(&x->shape, &job->end, sums, x->s_step, first, count, k0, k1, job->call->out[0]);
}

static void block_task(void *arg, int64_t task, int worker)
{
    const image_job *job = arg;
    const conv_tiles *x = job->x;
    const int64_t first = task * x->block, count = least(job->tiles - first, x->block);
    float *v = job->v + worker * x->points * (x->v_step + x->s_step), *sums = v + x->points * x->v_step;
    make_points(job, first, count, 0, x->shape.c, v);
    for (int64_t i = 0; i < x->points; i++)
        multiply_point(job, i, count, v, sums, worker);
    make_pixels(job, sums, first, count, 0, x->shape.k);
}

/* ---- a block that workers share ---- */

/* Some tiles of the block and some of `channels` channels. */
static int64_t share_of(const image_job *job, int64_t task, int64_t channels, int64_t *tile, int64_t *c0, int64_t *c1)
{
    const int64_t parts = fv_div_up(channels, TASK_CHANNELS);
    *tile = task / parts * job->tiles_of_a_task;
    *c0 = task % parts * TASK_CHANNELS;
    *c1 = least(*c0 + TASK_CHANNELS, channels);
    return least(job->count - *tile, job->tiles_of_a_task);
}

static void points_task(void *arg, int64_t task, int worker)
{
    (void)worker;
    const image_job *job = arg;
    const conv_tiles *x = job->x;
    int64_t tile, c0, c1;
    const int64_t count = share_of(job, task, x->shape.c, &tile, &c0, &c1);
    make_points(job, job->first + tile, count, c0, c1, job->v + tile * x->v_parts * x->shape.c);
}

static void product_task(void *arg, int64_t point, int worker)
{
    const image_job *job = arg;
    multiply_point(job, point, job->count, job->v, job->sums, worker);
}

static void pixels_task(void *arg, int64_t task, int worker)
{
    (void)worker;
    const image_job *job = arg;
    const conv_tiles *x = job->x;
    int64_t tile, k0, k1;
    const int64_t count = share_of(job, task, x->shape.k, &tile, &k0, &k1);
    make_pixels(job, job->sums + tile * x->s_parts * x->shape.k, job->first + tile, count, k0, k1);
}

static void run_together(const fv_plan *plan, image_job *job)
{
    const conv_tiles *x = job->x;
    job->tiles_of_a_task = fv_div_up(TASK_POINTS, x->points);
    for (job->first = 0; job->first < job->tiles; job->first += x->block) {
        job->count = least(job->tiles - job->first, x->block);
        const int64_t parts = fv_div_up(job->count, job->tiles_of_a_task);
        fv_parallel(plan->ctx, parts * fv_div_up(x->shape.c, TASK_CHANNELS), x->max_threads, points_task, job);
        fv_parallel(plan->ctx, x->points, x->max_threads, product_task, job);
        fv_parallel(plan->ctx, parts * fv_div_up(x->shape.k, TASK_CHANNELS), x->max_threads, pixels_task, job);
    }
}

void fv_conv_tiles_run(const fv_plan *plan, const fv_call *call)
{
    const conv_tiles *x = plan->data;
    const fv_conv_use *use = plan->solver->arg;
    fv_conv_epilogue e = use->epilogue ? use->epilogue(call) : (fv_conv_epilogue){0};
    float *wide = (float *)call->workspace + x->wide_at;
    if (x->half && e.bias) {
        x->halves.half->widen(wide, (const void *)e.bias, x->shape.k);
        e.bias = wide;
    }
    image_job job = {.gemm = plan->kernels->gemm,
                     .x = x,
                     .call = call,
                     .end = {.bias = e.bias,
                             .add = x->half ? NULL : e.add,
                             .clamp = e.activation != FV_ACT_NONE,
                             .lo = 0.0f,
                             .hi = e.activation == FV_RELU6 ? 6.0f : INFINITY},
                     .add = x->half ? (const void *)e.add : NULL,
                     .v = call->workspace,
                     .wide = wide + (x->shape.k + 15) / 16 * 16,
                     .tiles = fv_call_part(call, x->tiles)};
    job.sums = job.v + x->points * x->v_step;
    if (x->together)
        run_together(plan, &job);
    else
        fv_parallel(plan->ctx, fv_div_up(job.tiles, x->block), x->max_threads, block_task, &job);
}

fv_conv_epilogue fv_conv_tiles_epilogue(const fv_call *call)
{
    return (fv_conv_epilogue){.bias = fv_call_in(call, 2),
                              .add = fv_call_in(call, 3),
                              .activation = ((const fv_conv2d_attr *)call->node->attr)->activation};
}
