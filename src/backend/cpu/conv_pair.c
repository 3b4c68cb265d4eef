/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solver of a region: a depthwise convolution and the 1x1 convolution behind it, as in MobileNets. A few rows of the
 * first are computed into the worker's scratch, where the product of the second finds them in the cache; the
 * activations between the two never reach memory. The chains are those of the two apart.
 */
#include <math.h>
#include <string.h>

#include "backend/cpu/depthwise.h"
#include "backend/cpu/split.h"
#include "kernels/gemm/gemm.h"
#include "ops/region.h"

/* Rows at a time: at most this many floats of them, and so many pieces at least. */
#define PAIR_FLOATS ((int64_t)48 << 10)
#define PAIR_PIECES 8
/* Pixels from which it pays, and weights that stay in the cache beside the rows. */
#define PAIR_PIXELS  784
#define PAIR_WEIGHTS ((int64_t)64 << 10)

/* Operands of the region: src, then those of the two parts. */
enum { DW_WEI = 1, DW_BIA = 2, DW_RES = 3, PW_WEI = 4, PW_BIA = 5, PW_RES = 6 };

typedef struct pair {
    fv_depthwise_shape d;
    fv_activation first, second;
    int64_t k;             /* output channels */
    int64_t rows, piece;   /* of all samples; of a task */
    int64_t filters;       /* packed floats of the depthwise part; the panels follow */
    int64_t worker_floats; /* of scratch */
} pair;

static bool pair_geoms(const fv_node *node, fv_conv_geom *dw, fv_conv_geom *pw)
{
    fv_region_nodes parts;
    if (fv_region_expand(NULL, node, &parts) != FV_OK)
        return false;
    *dw = fv_conv_geom_forward(&parts.node[0]);
    *pw = fv_conv_geom_forward(&parts.node[1]);
    return true;
}

static bool is_pointwise(const fv_conv_geom *g)
{
    const fv_window *w = &g->win;
    return g->groups == 1 && w->size[0] == 1 && w->size[1] == 1 && w->stride[0] == 1 && w->stride[1] == 1 &&
           (w->pad[0] | w->pad[1] | w->pad[2] | w->pad[3]) == 0;
}

static const char *pair_reject(const fv_solver *self, const fv_problem *problem)
{
    fv_conv_geom dw, pw;
    if (!pair_geoms(problem->node, &dw, &pw) || dw.groups != dw.c || dw.k != dw.c || dw.c == 1)
        return "the first part is not depthwise";
    if (!is_pointwise(&pw))
        return "the second part is not 1x1";
    if (problem->node->in[DW_RES])
        return "a residual between the parts";
    if (pw.n * pw.win.p * pw.win.q < PAIR_PIXELS)
        return "few pixels";
    if (pw.c * pw.k > PAIR_WEIGHTS)
        return "the weights of the product do not stay in the cache";
    return fv_f32_reject(self, problem);
}

/*
 * Nanoseconds of the two apart, by their own estimates: what both read and write (fv_stream_cost) and the values
 * between them, written and read (8 bytes each at 10 bytes a nanosecond); 2 operations per product, depthwise at 50 a
 * nanosecond (dw_cost), pointwise at 100 over whole vectors of 16 channels and a tenth less (the strips' estimate).
 * Whether the saved traffic shows depends on the machine's caches, which an estimate may not know. So the estimate
 * keeps the parts apart, and measuring takes the pair where it is faster.
 */
static double pair_cost(const fv_solver *self, const fv_problem *problem)
{
    fv_conv_geom dw, pw;
    if (!pair_geoms(problem->node, &dw, &pw))
        return 1e30;
    const double waste = (double)((pw.k + 15) / 16 * 16) / (double)pw.k;
    const double between = (double)(dw.n * dw.win.p * dw.win.q * dw.k);
    return 500.0 + fv_stream_cost(self, problem) + 8.0 * between / 10.0 + 2.0 * fv_conv_macs(&dw) / 50.0 +
           0.9 * 2.0 * fv_conv_macs(&pw) * waste / 100.0;
}

static fv_status pair_prepare(fv_plan *plan)
{
    const fv_region_attr *attr = plan->problem.node->attr;
    const int64_t nr = plan->kernels->gemm->nr;
    fv_conv_geom dw, pw;
    pair *x = fv_new(plan->ctx, pair);
    if (!x || !pair_geoms(plan->problem.node, &dw, &pw)) {
        fv_free(plan->ctx, x);
        return FV_ERR_NO_MEMORY;
    }
    plan->data = x;
    x->d = fv_depthwise_shape_of(&dw);
    x->first = (fv_activation)((const fv_conv2d_attr *)(const void *)attr->part[0].attr)->activation;
    x->second = (fv_activation)((const fv_conv2d_attr *)(const void *)attr->part[1].attr)->activation;
    x->k = pw.k;
    x->rows = x->d.n * x->d.p;
    const int64_t row = x->d.q * x->d.c, fair = x->rows / PAIR_PIECES;
    x->piece = PAIR_FLOATS / row < fair ? PAIR_FLOATS / row : fair;
    x->piece = x->piece > 1 ? x->piece : 1;
    x->filters = (x->d.r * x->d.s * x->d.c + 15) / 16 * 16;
    x->worker_floats = (x->piece * row + (int64_t)(FV_TAIL_PAD / sizeof(float)) + nr) / 16 * 16 + 16;
    return FV_OK;
}

static void pair_release(fv_plan *plan)
{
    fv_free(plan->ctx, plan->data);
    plan->data = NULL;
}

static size_t pair_packed_bytes(const fv_plan *plan)
{
    const pair *x = plan->data;
    const int64_t nr = plan->kernels->gemm->nr, panels = (x->k + nr - 1) / nr;
    return (size_t)(x->filters + panels * x->d.c * nr) * sizeof(float);
}

static void pair_pack(const fv_plan *plan, const fv_call *call, void *packed)
{
    const pair *x = plan->data;
    const fv_gemm_kernels *gemm = plan->kernels->gemm;
    float *filters = packed;
    plan->kernels->depthwise->pack(&x->d, call->in[DW_WEI], filters);
    gemm->pack(filters + x->filters, x->d.c * gemm->nr, call->in[PW_WEI], x->d.c, x->k, 1, x->d.c);
}

static size_t pair_workspace_bytes(const fv_plan *plan)
{
    const pair *x = plan->data;
    return (size_t)(x->worker_floats * plan->threads) * sizeof(float);
}

typedef struct pair_job {
    const fv_plan *plan;
    const fv_call *call;
    int64_t rows; /* that matter */
} pair_job;

static void pair_task(void *arg, int64_t task, int worker)
{
    const pair_job *job = arg;
    const fv_call *call = job->call;
    const pair *x = job->plan->data;
    const fv_kernels *k = job->plan->kernels;
    const float *filters = call->packed, *add = fv_call_in(call, PW_RES);
    const int64_t begin = task * x->piece, left = job->rows - begin, rows = left < x->piece ? left : x->piece;
    const int64_t row = x->d.q * x->d.c, at = begin * x->d.q * x->k;
    float *scratch = (float *)call->workspace + worker * x->worker_floats;
    /* The kernel counts rows from the first of all: row `begin` is to lie at the scratch. */
    float *base = (float *)((uintptr_t)scratch - (uintptr_t)(begin * row) * sizeof(float));
    k->depthwise->forward(&x->d, x->first, 0.0f, call->in[0], filters, fv_call_in(call, DW_BIA), base, begin,
                          begin + rows);
    const fv_igemm g = {.m = rows * x->d.q,
                        .n = x->k,
                        .taps = 1,
                        .depth = x->d.c,
                        .a = scratch,
                        .a_step = x->d.c,
                        .b = filters + x->filters,
                        .b_panel = x->d.c * k->gemm->nr,
                        .b_step = k->gemm->nr,
                        .bias = fv_call_in(call, PW_BIA),
                        .dst = (float *)call->out[0] + at,
                        .dst_step = x->k,
                        .add = add ? add + at : NULL,
                        .clamp = x->second != FV_ACT_NONE,
                        .lo = 0.0f,
                        .hi = x->second == FV_RELU6 ? 6.0f : INFINITY};
    k->gemm->igemm(&g);
}

static void pair_run(const fv_plan *plan, const fv_call *call)
{
    const pair *x = plan->data;
    pair_job job = {.plan = plan, .call = call, .rows = fv_call_part(call, x->rows)};
    fv_parallel(plan->ctx, (job.rows + x->piece - 1) / x->piece, 0, pair_task, &job);
}

static const char *const pair_chain[] = {"conv2d", "conv2d", NULL};

extern const fv_solver fv_cpu_conv_pair_solvers[];
const fv_solver fv_cpu_conv_pair_solvers[] = {
    {.name = "cpu.region.depthwise_pointwise",
     .op = "region",
     .chain = pair_chain,
     .version = 1,
     .packs = 1 << DW_WEI | 1 << PW_WEI,
     .reject = pair_reject,
     .cost = pair_cost,
     .prepare = pair_prepare,
     .release = pair_release,
     .packed_bytes = pair_packed_bytes,
     .pack = pair_pack,
     .workspace_bytes = pair_workspace_bytes,
     .run = pair_run},
    {.name = NULL},
};
