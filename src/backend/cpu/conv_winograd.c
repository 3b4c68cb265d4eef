/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solvers of 3x3 convolutions with stride 1 by minimal filtering (kernels/winograd): forward and the gradient to the
 * data, whose filters are turned by half a turn. Of a block of tiles all points are made, each point is one product of
 * the block's tiles with the packed filters, and the sums become pixels: in a worker's scratch, block by block. Where
 * there are fewer tiles than would fill the workers' products, they share the points of all of them.
 *
 * Bits: of the transforms, and between them chains over the input channels from 0. The bias, the residual and the
 * activation come after the transform back.
 */
#include <math.h>
#include <string.h>

#include "backend/cpu/conv_igemm.h"
#include "backend/cpu/split.h"
#include "kernels/gemm/gemm.h"
#include "kernels/winograd/winograd.h"

/* What tells the solvers apart; begins as conv_igemm's argument does. */
typedef struct winograd_use {
    fv_conv_use use;
    int64_t m;     /* side of a tile of results */
    double spared; /* part of the product's cost that the estimate allows for */
} winograd_use;

/* Channels of which a task makes the points, or the pixels, where workers share all tiles. */
#define CHANNELS 64

typedef struct winograd {
    fv_winograd_shape shape;
    fv_conv_direction direction;
    int64_t points, panels;
    int64_t tiles, block;   /* of all samples; of a task */
    bool together;          /* one block of all tiles */
    int64_t v_step, s_step; /* floats from point to point */
    int64_t panel;          /* floats of a packed panel of one point */
    int max_threads;        /* as fv_parallel takes it */
} winograd;

static int64_t div_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static const char *winograd_reject(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_use *use = self->arg;
    if (problem->dtype != FV_F32)
        return "not float32";
    const fv_conv_geom g = use->geom(problem->node);
    const fv_window *w = &g.win;
    if (g.groups > 1)
        return "groups > 1";
    if (w->size[0] != 3 || w->size[1] != 3)
        return "not 3x3";
    if (w->stride[0] != 1 || w->stride[1] != 1 || w->dilation[0] != 1 || w->dilation[1] != 1)
        return "not with stride 1 and without dilation";
    return fv_f32_reject(self, problem);
}

/* That of the exact chains and a little more: an estimate keeps those, and asking or measuring takes these. */
static double winograd_cost(const fv_solver *self, const fv_problem *problem)
{
    const winograd_use *use = self->arg;
    return (1.0 + use->spared) * fv_conv_igemm_cost(self, problem);
}

static fv_winograd_shape shape_of(const fv_conv_geom *g, fv_conv_direction direction, int64_t m)
{
    const fv_window *w = &g->win;
    const bool forward = direction == FV_CONV_FORWARD;
    fv_winograd_shape s = {.m = m,
                           .h = forward ? w->h : w->p,
                           .w = forward ? w->w : w->q,
                           .c = forward ? g->c : g->k,
                           .p = forward ? w->p : w->h,
                           .q = forward ? w->q : w->w,
                           .k = forward ? g->k : g->c};
    for (int i = 0; i < 2; i++)
        s.pad[i] = forward ? w->pad[i] : 2 - w->pad[i];
    s.tiles_y = div_up(s.p, m);
    s.tiles_x = div_up(s.q, m);
    return s;
}

/* Floats from point to point, so that their lines do not crowd into few sets of a cache. */
static int64_t point_step(int64_t floats)
{
    return (floats + 15) / 16 * 16 + 16;
}

/* Points of a block, and their sums, take this part of the second-level cache; so many tiles fill a product anyhow. */
#define CACHE_PART  2
#define TILES_LEAST 24

static void choose_block(const fv_plan *plan, winograd *x)
{
    const int64_t mr = plan->kernels->gemm->mr, least = div_up(TILES_LEAST, mr) * mr;
    const int64_t l2 = fv_ctx_cpu(plan->ctx)->l2 > 0 ? fv_ctx_cpu(plan->ctx)->l2 : 1 << 20;
    const int64_t tile = x->points * (x->shape.c + x->shape.k) * (int64_t)sizeof(float);
    const int threads = x->max_threads == 1 ? 1 : plan->threads;
    x->together = threads > 1 && x->tiles < threads * least;
    x->block = l2 / CACHE_PART / tile / mr * mr;
    x->block = x->block > least ? x->block : least;
    x->block = x->together || x->block > x->tiles ? x->tiles : x->block;
    if (x->together || threads == 1)
        return;
    const int64_t tasks = div_up(div_up(x->tiles, x->block), threads) * threads;
    x->block = div_up(x->tiles, tasks);
}

static fv_status winograd_prepare(fv_plan *plan)
{
    const winograd_use *use = plan->solver->arg;
    const fv_conv_geom g = use->use.geom(plan->problem.node);
    const int64_t nr = plan->kernels->gemm->nr;
    winograd *x = fv_new(plan->ctx, winograd);
    if (!x)
        return FV_ERR_NO_MEMORY;
    plan->data = x;
    x->direction = use->use.direction;
    x->shape = shape_of(&g, x->direction, use->m);
    x->points = (use->m + 2) * (use->m + 2);
    x->panels = div_up(x->shape.k, nr);
    x->panel = x->shape.c * nr;
    x->tiles = g.n * x->shape.tiles_y * x->shape.tiles_x;
    /* Below some ten microseconds of work a second thread costs more than it brings. */
    x->max_threads = fv_conv_macs(&g) < 5e5 ? 1 : 0;
    choose_block(plan, x);
    x->v_step = point_step(x->block * x->shape.c);
    x->s_step = point_step(x->block * x->shape.k);
    return FV_OK;
}

static void winograd_release(fv_plan *plan)
{
    fv_free(plan->ctx, plan->data);
    plan->data = NULL;
}

/* ---- filters ---- */

static size_t winograd_packed_bytes(const fv_plan *plan)
{
    const winograd *x = plan->data;
    return (size_t)(x->points * x->panels * x->panel) * sizeof(float);
}

typedef struct filter_job {
    const fv_kernels *kernels;
    const winograd *x;
    const float *wei;
    float *packed;
} filter_job;

/* The nine taps of the filters from input channel c to output channel k, by output channel k and input channel c. */
static void taps_of(const winograd *x, const float *wei, int64_t k, int64_t c, const float *tap[9])
{
    const bool forward = x->direction == FV_CONV_FORWARD;
    for (int64_t t = 0; t < 9; t++)
        tap[t] = forward ? wei + (k * 9 + t) * x->shape.c + c : wei + (c * 9 + 8 - t) * x->shape.k + k;
}

static void filter_task(void *arg, int64_t panel, int worker)
{
    (void)worker;
    const filter_job *job = arg;
    const winograd *x = job->x;
    const int64_t nr = job->kernels->gemm->nr, step = x->panels * x->panel, k0 = panel * nr;
    const int64_t cols = x->shape.k - k0 < nr ? x->shape.k - k0 : nr;
    float *to = job->packed + panel * x->panel;
    const float *tap[9];
    if (cols < nr)
        for (int64_t i = 0; i < x->points; i++)
            memset(to + i * step, 0, (size_t)x->panel * sizeof(float));
    if (x->direction == FV_CONV_FORWARD) {
        for (int64_t k = 0; k < cols; k++) {
            taps_of(x, job->wei, k0 + k, 0, tap);
            job->kernels->winograd->filter(x->shape.m, tap, x->shape.c, to + k, step, nr);
        }
        return;
    }
    for (int64_t c = 0; c < x->shape.c; c++) {
        taps_of(x, job->wei, k0, c, tap);
        job->kernels->winograd->filter(x->shape.m, tap, cols, to + c * nr, step, 1);
    }
}

static void winograd_pack(const fv_plan *plan, const fv_call *call, void *packed)
{
    const winograd *x = plan->data;
    filter_job job = {.kernels = plan->kernels, .x = x, .wei = call->in[1], .packed = packed};
    fv_parallel(plan->ctx, x->panels, x->max_threads, filter_task, &job);
}

/* ---- images ---- */

static size_t winograd_workspace_bytes(const fv_plan *plan)
{
    const winograd *x = plan->data;
    const int64_t floats = x->points * (x->v_step + x->s_step);
    return (size_t)(floats * (x->together ? 1 : plan->threads)) * sizeof(float);
}

typedef struct image_job {
    const fv_kernels *kernels;
    const winograd *x;
    const fv_call *call;
    fv_winograd_end end;
    float *v, *sums; /* of worker 0 */
    int64_t tiles;   /* that matter */
} image_job;

static void make_points(const image_job *job, int64_t first, int64_t count, int64_t c0, int64_t c1, float *v)
{
    job->kernels->winograd->input(&job->x->shape, job->call->in[0], first, count, c0, c1, v, job->x->v_step);
}

static void multiply_point(const image_job *job, int64_t point, int64_t count, const float *v, float *sums)
{
    const winograd *x = job->x;
    const fv_igemm g = {.m = count,
                        .n = x->shape.k,
                        .taps = 1,
                        .depth = x->shape.c,
                        .a = v + point * x->v_step,
                        .a_step = x->shape.c,
                        .b = (const float *)job->call->packed + point * x->panels * x->panel,
                        .b_panel = x->panel,
                        .b_step = job->kernels->gemm->nr,
                        .dst = sums + point * x->s_step,
                        .dst_step = x->shape.k};
    job->kernels->gemm->igemm(&g);
}

static void make_pixels(const image_job *job, int64_t first, int64_t count, int64_t k0, int64_t k1, const float *sums)
{
    job->kernels->winograd->output(&job->x->shape, &job->end, sums, job->x->s_step, first, count, k0, k1,
                                   job->call->out[0]);
}

static void block_task(void *arg, int64_t task, int worker)
{
    const image_job *job = arg;
    const winograd *x = job->x;
    const int64_t first = task * x->block, left = job->tiles - first, count = left < x->block ? left : x->block;
    float *v = job->v + worker * x->points * (x->v_step + x->s_step), *sums = v + x->points * x->v_step;
    make_points(job, first, count, 0, x->shape.c, v);
    for (int64_t i = 0; i < x->points; i++)
        multiply_point(job, i, count, v, sums);
    make_pixels(job, first, count, 0, x->shape.k, sums);
}

static void points_task(void *arg, int64_t task, int worker)
{
    (void)worker;
    const image_job *job = arg;
    const int64_t c = task * CHANNELS, left = job->x->shape.c - c;
    make_points(job, 0, job->tiles, c, left < CHANNELS ? c + left : c + CHANNELS, job->v);
}

static void product_task(void *arg, int64_t point, int worker)
{
    (void)worker;
    const image_job *job = arg;
    multiply_point(job, point, job->tiles, job->v, job->sums);
}

static void pixels_task(void *arg, int64_t task, int worker)
{
    (void)worker;
    const image_job *job = arg;
    const int64_t k = task * CHANNELS, left = job->x->shape.k - k;
    make_pixels(job, 0, job->tiles, k, left < CHANNELS ? k + left : k + CHANNELS, job->sums);
}

static void winograd_run(const fv_plan *plan, const fv_call *call)
{
    const winograd *x = plan->data;
    const fv_conv_use *use = plan->solver->arg;
    const fv_conv_epilogue e = use->epilogue ? use->epilogue(call) : (fv_conv_epilogue){0};
    image_job job = {.kernels = plan->kernels,
                     .x = x,
                     .call = call,
                     .end = {.bias = e.bias,
                             .add = e.add,
                             .clamp = e.activation != FV_ACT_NONE,
                             .lo = 0.0f,
                             .hi = e.activation == FV_RELU6 ? 6.0f : INFINITY},
                     .v = call->workspace,
                     .tiles = fv_call_part(call, x->tiles)};
    job.sums = job.v + x->points * x->v_step;
    if (!x->together) {
        fv_parallel(plan->ctx, div_up(job.tiles, x->block), x->max_threads, block_task, &job);
        return;
    }
    fv_parallel(plan->ctx, div_up(x->shape.c, CHANNELS), x->max_threads, points_task, &job);
    fv_parallel(plan->ctx, x->points, x->max_threads, product_task, &job);
    fv_parallel(plan->ctx, div_up(x->shape.k, CHANNELS), x->max_threads, pixels_task, &job);
}

/* ---- rows ---- */

static fv_conv_epilogue conv_epilogue(const fv_call *call)
{
    return (fv_conv_epilogue){.bias = fv_call_in(call, 2),
                              .add = fv_call_in(call, 3),
                              .activation = ((const fv_conv2d_attr *)call->node->attr)->activation};
}

#define FORWARD  .use = {FV_CONV_FORWARD, fv_conv_geom_forward, conv_epilogue}
#define BACKWARD .use = {FV_CONV_BWD_DATA, fv_conv_geom_bwd_data, NULL}

static const winograd_use forward_2 = {FORWARD, .m = 2, .spared = 0.03};
static const winograd_use forward_4 = {FORWARD, .m = 4, .spared = 0.02};
static const winograd_use forward_6 = {FORWARD, .m = 6, .spared = 0.04};
static const winograd_use backward_2 = {BACKWARD, .m = 2, .spared = 0.03};
static const winograd_use backward_4 = {BACKWARD, .m = 4, .spared = 0.02};
static const winograd_use backward_6 = {BACKWARD, .m = 6, .spared = 0.04};

#define FV_WINOGRAD_ROW(name_, op_, bits_, error_, use_)                                                               \
    {                                                                                                                  \
        .name = name_, .op = op_, .version = 1, .bits = bits_, .error = error_, .arg = &(use_), .packs = 1 << 1,       \
        .reject = winograd_reject, .cost = winograd_cost, .prepare = winograd_prepare, .release = winograd_release,    \
        .packed_bytes = winograd_packed_bytes, .pack = winograd_pack, .workspace_bytes = winograd_workspace_bytes,     \
        .run = winograd_run                                                                                            \
    }

extern const fv_solver fv_cpu_conv_winograd_solvers[];
const fv_solver fv_cpu_conv_winograd_solvers[] = {
    FV_WINOGRAD_ROW("cpu.conv2d.winograd_2", "conv2d", "winograd_2", 1e-6, forward_2),
    FV_WINOGRAD_ROW("cpu.conv2d.winograd_4", "conv2d", "winograd_4", 4e-6, forward_4),
    FV_WINOGRAD_ROW("cpu.conv2d.winograd_6", "conv2d", "winograd_6", 1.5e-5, forward_6),
    FV_WINOGRAD_ROW("cpu.conv2d_bwd_data.winograd_2", "conv2d_bwd_data", "winograd_2", 1e-6, backward_2),
    FV_WINOGRAD_ROW("cpu.conv2d_bwd_data.winograd_4", "conv2d_bwd_data", "winograd_4", 4e-6, backward_4),
    FV_WINOGRAD_ROW("cpu.conv2d_bwd_data.winograd_6", "conv2d_bwd_data", "winograd_6", 1.5e-5, backward_6),
    {.name = NULL},
};
