/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solvers of regions around a depthwise convolution: it and the 1x1 convolution behind it, as in MobileNets, and the
 * same with a 1x1 convolution before it, an inverted residual. A few rows at a time pass through all of them in the
 * worker's scratch, where each product finds them in the cache; what lies between never reaches memory. Rows of the
 * first product that the next rows need, too, are kept. The chains are those of the parts.
 */
#include <math.h>
#include <string.h>

#include "backend/cpu/depthwise.h"
#include "backend/cpu/split.h"
#include "kernels/gemm/gemm.h"
#include "ops/region.h"

/* Rows at a time: of both kinds together at most so many floats, where one row of results allows it. */
#define BLOCK_FLOATS ((int64_t)64 << 10)
/* Tasks for each thread where there are several. */
#define BLOCK_TASKS 4
/* Where it pays: pixels of all results, floats of what an image is expanded to. */
#define BLOCK_PIXELS   784
#define BLOCK_EXPANDED ((int64_t)256 << 10)
/* Weights of a product that stay in the cache beside the rows. */
#define BLOCK_WEIGHTS ((int64_t)64 << 10)

/* Operands of a part. */
enum { WEI = 1, BIA = 2, RES = 3 };

/* arg of the solvers. */
typedef struct block_use {
    int depthwise; /* which part is; the one before it expands, the one behind it projects */
} block_use;

typedef struct block_geoms {
    fv_conv_geom expand, depthwise, project;
} block_geoms;

typedef struct block {
    fv_depthwise_shape d;
    bool expands;
    fv_activation act[3];        /* of the parts */
    int64_t c, k;                /* channels of the source and of the results */
    int64_t bands, band, step;   /* of an image; rows of results in one, and at a time */
    int64_t filters, project_at; /* floats of a packed block: depthwise filters, then the products' panels */
    int64_t rows_at;             /* in scratch: expanded rows, then depthwise ones */
    int64_t worker_floats;
} block;

/* ---- what is accepted ---- */

static bool block_parts(const fv_solver *self, const fv_node *node, block_geoms *g)
{
    const int at = ((const block_use *)self->arg)->depthwise;
    fv_region_nodes parts;
    if (fv_region_expand(NULL, node, &parts) != FV_OK)
        return false;
    if (at > 0)
        g->expand = fv_conv_geom_forward(&parts.node[0]);
    g->depthwise = fv_conv_geom_forward(&parts.node[at]);
    g->project = fv_conv_geom_forward(&parts.node[at + 1]);
    return true;
}

static bool is_pointwise(const fv_conv_geom *g)
{
    const fv_window *w = &g->win;
    return g->groups == 1 && w->size[0] == 1 && w->size[1] == 1 && w->stride[0] == 1 && w->stride[1] == 1 &&
           (w->pad[0] | w->pad[1] | w->pad[2] | w->pad[3]) == 0;
}

static const char *block_reject(const fv_solver *self, const fv_problem *problem)
{
    const fv_region_attr *attr = problem->node->attr;
    const int at = ((const block_use *)self->arg)->depthwise;
    block_geoms g;
    if (!block_parts(self, problem->node, &g) || g.depthwise.groups != g.depthwise.c ||
        g.depthwise.k != g.depthwise.c || g.depthwise.c == 1)
        return at > 0 ? "the second part is not depthwise" : "the first part is not depthwise";
    if (!is_pointwise(&g.project) || (at > 0 && !is_pointwise(&g.expand)))
        return "a part beside it is not 1x1";
    for (int p = 0; p <= at; p++)
        if (problem->node->in[fv_region_operand(attr, p, RES)])
            return "a residual between the parts";
    if (g.project.n * g.project.win.p * g.project.win.q < BLOCK_PIXELS)
        return "few pixels";
    if (at > 0 && g.expand.win.p * g.expand.win.q * g.expand.k < BLOCK_EXPANDED)
        return "what lies between stays in the cache anyhow";
    if (g.project.c * g.project.k > BLOCK_WEIGHTS || (at > 0 && g.expand.c * g.expand.k > BLOCK_WEIGHTS))
        return "the weights of a product do not stay in the cache";
    return fv_f32_reject(self, problem);
}

/* ---- what it costs ---- */

/* Nanoseconds of a product as the parts' estimates have it: over whole vectors of 16 channels at 100 operations a
 * nanosecond, and a tenth less. */
static double product_cost(const fv_conv_geom *g)
{
    return 0.9 * 2.0 * fv_conv_macs(g) * ((double)(fv_div_up(g->k, 16) * 16) / (double)g->k) / 100.0;
}

/*
 * By the estimates of the parts: what is read and written in the end (fv_stream_cost), the operations, depthwise at 50
 * a nanosecond (dw_cost), and the values between, written and read. Of a pair these fit a second-level cache or nearly:
 * whether the saved traffic shows depends on the machine, which an estimate may not know. So they count as memory, 10
 * bytes a nanosecond, which keeps the parts apart, and measuring takes the pair where it is faster. What an image is
 * expanded to is several times as much; those values count as the cache's, four times as fast.
 */
static double block_cost(const fv_solver *self, const fv_problem *problem)
{
    const bool expands = ((const block_use *)self->arg)->depthwise > 0;
    block_geoms g;
    if (!block_parts(self, problem->node, &g))
        return 1e30;
    const fv_window *w = &g.depthwise.win;
    const double results = (double)(g.depthwise.n * w->p * w->q * g.depthwise.k);
    const double expanded = expands ? (double)(g.depthwise.n * w->h * w->w * g.depthwise.c) : 0.0;
    return 500.0 + fv_stream_cost(self, problem) + 8.0 * (results + expanded) / (expands ? 40.0 : 10.0) +
           2.0 * fv_conv_macs(&g.depthwise) / 50.0 + product_cost(&g.project) +
           (expands ? product_cost(&g.expand) : 0.0);
}

/* ---- hooks ---- */

/* Rows of the depthwise part's source that so many rows of its results read. */
static int64_t rows_read(const fv_depthwise_shape *d, int64_t rows)
{
    const int64_t all = (rows - 1) * d->stride_h + (d->r - 1) * d->dilation_h + 1;
    return all < d->h ? all : d->h;
}

static fv_status block_prepare(fv_plan *plan)
{
    const fv_region_attr *attr = plan->problem.node->attr;
    const int64_t nr = plan->kernels->gemm->nr, tail = (int64_t)(FV_TAIL_PAD / sizeof(float)) + nr;
    block_geoms g;
    block *x = fv_new(plan->ctx, block);
    if (!x || !block_parts(plan->solver, plan->problem.node, &g)) {
        fv_free(plan->ctx, x);
        return FV_ERR_NO_MEMORY;
    }
    plan->data = x;
    x->expands = ((const block_use *)plan->solver->arg)->depthwise > 0;
    for (int p = 0; p < attr->n_parts; p++)
        x->act[p] = (fv_activation)((const fv_conv2d_attr *)(const void *)attr->part[p].attr)->activation;
    x->d = fv_depthwise_shape_of(&g.depthwise);
    x->c = x->expands ? g.expand.c : x->d.c;
    x->k = g.project.k;
    const int64_t row = x->d.w * x->d.c * x->expands, result = x->d.q * x->d.c;
    while (x->step < x->d.p &&
           (x->step == 0 || rows_read(&x->d, x->step + 1) * row + (x->step + 1) * result <= BLOCK_FLOATS))
        x->step++;
    const int64_t tasks = plan->threads > 1 ? BLOCK_TASKS * plan->threads : 1;
    x->band = fv_div_up(x->d.p, fv_div_up(tasks, x->d.n));
    x->step = x->step < x->band ? x->step : x->band;
    x->bands = fv_div_up(x->d.p, x->band);
    x->filters = fv_div_up(x->d.r * x->d.s * x->d.c, 16) * 16;
    x->project_at = x->filters + (x->expands ? fv_div_up(x->d.c, nr) * x->c * nr : 0);
    x->rows_at = x->expands ? fv_div_up(rows_read(&x->d, x->step) * row + tail, 16) * 16 : 0;
    x->worker_floats = x->rows_at + fv_div_up(x->step * result + tail, 16) * 16;
    return FV_OK;
}

static void block_release(fv_plan *plan)
{
    fv_free(plan->ctx, plan->data);
    plan->data = NULL;
}

static size_t block_packed_bytes(const fv_plan *plan)
{
    const block *x = plan->data;
    const int64_t nr = plan->kernels->gemm->nr;
    return (size_t)(x->project_at + fv_div_up(x->k, nr) * x->d.c * nr) * sizeof(float);
}

/* Operand i of a part; part 0 is the expansion, whether there is one or not. */
static void *operand(const block *x, const fv_call *call, int part, int i)
{
    return call->in[fv_region_operand(call->node->attr, part - !x->expands, i)];
}

static void block_pack(const fv_plan *plan, const fv_call *call, void *packed)
{
    const block *x = plan->data;
    const fv_gemm_kernels *gemm = plan->kernels->gemm;
    float *to = packed;
    plan->kernels->depthwise->pack(&x->d, operand(x, call, 1, WEI), to);
    if (x->expands)
        gemm->pack(to + x->filters, x->c * gemm->nr, operand(x, call, 0, WEI), x->c, x->d.c, 1, x->c);
    gemm->pack(to + x->project_at, x->d.c * gemm->nr, operand(x, call, 2, WEI), x->d.c, x->k, 1, x->d.c);
}

static size_t block_workspace_bytes(const fv_plan *plan)
{
    const block *x = plan->data;
    return (size_t)(x->worker_floats * plan->threads) * sizeof(float);
}

typedef struct block_job {
    const fv_plan *plan;
    const fv_call *call;
} block_job;

/* A product of pixels with the panels of a part. */
static void multiply(const block_job *job, int part, int64_t pixels, int64_t depth, int64_t n, const float *src,
                     const float *panels, const float *add, float *dst)
{
    const block *x = job->plan->data;
    const fv_gemm_kernels *gemm = job->plan->kernels->gemm;
    const fv_activation act = x->act[part - !x->expands];
    gemm->igemm(&(fv_igemm){.m = pixels,
                            .n = n,
                            .taps = 1,
                            .depth = depth,
                            .a = src,
                            .a_step = depth,
                            .b = panels,
                            .b_panel = depth * gemm->nr,
                            .b_step = gemm->nr,
                            .bias = operand(x, job->call, part, BIA),
                            .dst = dst,
                            .dst_step = n,
                            .add = add,
                            .clamp = act != FV_ACT_NONE,
                            .lo = 0.0f,
                            .hi = act == FV_RELU6 ? 6.0f : INFINITY});
}

/* The kernel counts rows from the first one of all: row `first` is to lie at `rows`. */
static float *as_if_all(float *rows, int64_t first, int64_t row)
{
    return (float *)((uintptr_t)rows - (uintptr_t)(first * row) * sizeof(float));
}

/* Expanded rows of an image that lie in scratch: [first, end). */
typedef struct window_rows {
    float *at;
    int64_t image, first, end;
} window_rows;

/* Slides it to the rows that results [p, p + rows) read: those that are there move, the others are computed. */
static void slide(const block_job *job, window_rows *v, int64_t p, int64_t rows)
{
    const block *x = job->plan->data;
    const fv_depthwise_shape *d = &x->d;
    const int64_t row = d->w * d->c, top = p * d->stride_h - d->pad_top;
    const int64_t bottom = top + (rows - 1) * d->stride_h + (d->r - 1) * d->dilation_h + 1;
    const int64_t first = top > 0 ? top : 0, end = bottom < d->h ? bottom : d->h;
    if (first > v->first) {
        if (first < v->end)
            memmove(v->at, v->at + (first - v->first) * row, (size_t)((v->end - first) * row) * sizeof(float));
        v->first = first;
        v->end = v->end > first ? v->end : first;
    }
    if (end <= v->end)
        return;
    multiply(job, 0, (end - v->end) * d->w, x->c, d->c,
             (const float *)job->call->in[0] + (v->image * d->h + v->end) * d->w * x->c,
             (const float *)job->call->packed + x->filters, NULL, v->at + (v->end - v->first) * row);
    v->end = end;
}

static void block_task(void *arg, int64_t task, int worker)
{
    const block_job *job = arg;
    const fv_call *call = job->call;
    const block *x = job->plan->data;
    const fv_depthwise_shape *d = &x->d;
    const float *packed = call->packed, *add = operand(x, call, 2, RES);
    const int64_t image = task / x->bands, begin = task % x->bands * x->band, row = d->q * d->c;
    const int64_t end = begin + x->band < d->p ? begin + x->band : d->p;
    float *scratch = (float *)call->workspace + worker * x->worker_floats, *results = scratch + x->rows_at;
    const int64_t top = begin * d->stride_h - d->pad_top, first = top > 0 ? top : 0;
    window_rows window = {.at = scratch, .image = image, .first = first, .end = first};
    for (int64_t p = begin, rows; p < end; p += rows) {
        const int64_t at = image * d->p + p;
        const float *src = call->in[0];
        rows = end - p < x->step ? end - p : x->step;
        if (x->expands) {
            slide(job, &window, p, rows);
            src = as_if_all(scratch, image * d->h + window.first, d->w * d->c);
        }
        job->plan->kernels->depthwise->forward(d, x->act[x->expands], 0.0f, src, packed, operand(x, call, 1, BIA),
                                               as_if_all(results, at, row), at, at + rows);
        multiply(job, 2, rows * d->q, d->c, x->k, results, packed + x->project_at, add ? add + at * d->q * x->k : NULL,
                 (float *)call->out[0] + at * d->q * x->k);
    }
}

static void block_run(const fv_plan *plan, const fv_call *call)
{
    const block *x = plan->data;
    block_job job = {.plan = plan, .call = call};
    fv_parallel(plan->ctx, fv_call_part(call, x->d.n) * x->bands, 0, block_task, &job);
}

static const char *const pair_chain[] = {"conv2d", "conv2d", NULL};
static const char *const residual_chain[] = {"conv2d", "conv2d", "conv2d", NULL};
static const block_use pair_use = {.depthwise = 0}, residual_use = {.depthwise = 1};

#define ROW(name_, chain_, use_, packs_)                                                                               \
    {                                                                                                                  \
        .name = name_, .op = "region", .chain = chain_, .version = 1, .arg = &(use_), .packs = packs_,                 \
        .reject = block_reject, .cost = block_cost, .prepare = block_prepare, .release = block_release,                \
        .packed_bytes = block_packed_bytes, .pack = block_pack, .workspace_bytes = block_workspace_bytes,              \
        .run = block_run                                                                                               \
    }

/* Weights are operands 1, 4, 7 of a region of conv2d. The longer chain is proposed first. */
extern const fv_solver fv_cpu_conv_block_solvers[];
const fv_solver fv_cpu_conv_block_solvers[] = {
    ROW("cpu.region.inverted_residual", residual_chain, residual_use, 1 << 1 | 1 << 4 | 1 << 7),
    ROW("cpu.region.depthwise_pointwise", pair_chain, pair_use, 1 << 1 | 1 << 4),
    {.name = NULL},
};
