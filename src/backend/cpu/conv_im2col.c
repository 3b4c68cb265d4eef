/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solver of conv2d that writes out the patch of every output pixel, (r, s, c) in a row, and multiplies the patches with
 * the filters by a planned dense product: the chains of the convolution, of any solver of dense.
 */
#include <inttypes.h>
#include <string.h>

#include "backend/cpu/split.h"
#include "ops/conv_geom.h"
#include "ops/epilogue.h"

/* Patches that exist at a time, in floats: 4 MiB. */
#define PATCH_FLOATS ((int64_t)1 << 20)

typedef struct im2col {
    fv_conv_geom geom;
    int64_t depth, pixels, rows; /* floats of a patch, output pixels of the batch, patches at a time */
    const fv_plan *product;
} im2col;

static const char *im2col_reject(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_geom g = fv_conv_geom_forward(problem->node);
    if (g.groups > 1)
        return "groups > 1";
    if (g.win.size[0] * g.win.size[1] == 1)
        return "1x1: a pixel is its own patch";
    return fv_f32_reject(self, problem);
}

/* The product, and every patch written and read once. */
static double im2col_cost(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_geom g = fv_conv_geom_forward(problem->node);
    const double patches = (double)(g.n * g.win.p * g.win.q) * (double)(g.win.size[0] * g.win.size[1] * g.c);
    const double filled = (double)g.k / (double)((g.k + 15) / 16 * 16);
    return 500.0 + fv_stream_cost(self, problem) + 2.0 * fv_conv_macs(&g) / filled / 100.0 + 8.0 * patches / 10.0;
}

static void im2col_release(fv_plan *plan)
{
    fv_free(plan->ctx, plan->data);
    plan->data = NULL;
}

/* "dense f32 n4096i576 o64i576:const o64:const n4096o64 activation=relu" */
static fv_status plan_product(fv_plan *plan, im2col *x)
{
    const fv_node *node = plan->problem.node;
    const int32_t activation = ((const fv_conv2d_attr *)node->attr)->activation;
    const uint32_t const_in = plan->problem.const_in;
    const bool bias = node->n_in > 2 && node->in[2], add = node->n_in > 3 && node->in[3];
    fv_str text = {.ctx = plan->ctx};
    fv_str_printf(&text, "dense f32 n%" PRId64 "i%" PRId64 " o%" PRId64 "i%" PRId64 "%s", x->rows, x->depth, x->geom.k,
                  x->depth, const_in >> 1 & 1 ? ":const" : "");
    if (bias)
        fv_str_printf(&text, " o%" PRId64 "%s", x->geom.k, const_in >> 2 & 1 ? ":const" : "");
    else if (add)
        fv_str_append(&text, " -");
    if (add)
        fv_str_printf(&text, " n%" PRId64 "o%" PRId64, x->rows, x->geom.k);
    fv_str_printf(&text, " activation=%s", fv_epilogue_names[activation]);
    fv_status status = fv_str_status(&text);
    if (status == FV_OK)
        status = fv_plan_sub(plan, text.data, &x->product);
    fv_str_free(&text);
    return status;
}

static fv_status im2col_prepare(fv_plan *plan)
{
    im2col *x = fv_new(plan->ctx, im2col);
    if (!x)
        return FV_ERR_NO_MEMORY;
    plan->data = x;
    x->geom = fv_conv_geom_forward(plan->problem.node);
    const fv_window *w = &x->geom.win;
    x->depth = w->size[0] * w->size[1] * x->geom.c;
    x->pixels = x->geom.n * w->p * w->q;
    x->rows = PATCH_FLOATS / x->depth > 64 ? PATCH_FLOATS / x->depth : 64;
    x->rows = x->rows < x->pixels ? x->rows : x->pixels;
    return plan_product(plan, x);
}

/* The patches; the product's memory follows. */
static size_t im2col_workspace(const fv_plan *plan)
{
    const im2col *x = plan->data;
    return (size_t)(x->rows * x->depth) * sizeof(float) + FV_TAIL_PAD;
}

static void im2col_pack(const fv_plan *plan, const fv_call *call, void *packed)
{
    const im2col *x = plan->data;
    fv_plan_pack_sub(x->product, call, call->in, packed);
}

typedef struct patch_job {
    const im2col *x;
    const float *src;
    float *patches;
    int64_t first; /* pixel of the first patch */
} patch_job;

/* Row r of the patch of output pixel (p, q): S pixels of the image, zeros where they lie outside. */
static void patch_row(const im2col *x, const float *image, int64_t r, int64_t p, int64_t q, float *to)
{
    const fv_window *w = &x->geom.win;
    const int64_t c = x->geom.c, y = fv_window_begin(w, 0, p) + r * w->dilation[0], x0 = fv_window_begin(w, 1, q);
    for (int64_t s = 0; s < w->size[1]; s++, to += c) {
        const int64_t at = x0 + s * w->dilation[1];
        if (y < 0 || y >= w->h || at < 0 || at >= w->w)
            memset(to, 0, (size_t)c * sizeof(float));
        else
            memcpy(to, image + (y * w->w + at) * c, (size_t)c * sizeof(float));
    }
}

static void patch_range(void *arg, int64_t begin, int64_t end)
{
    const patch_job *job = arg;
    const fv_window *w = &job->x->geom.win;
    const int64_t image = w->h * w->w * job->x->geom.c, row = job->x->depth / w->size[0];
    for (int64_t i = begin; i < end; i++) {
        const int64_t pixel = job->first + i, n = pixel / (w->p * w->q), p = pixel / w->q % w->p;
        for (int64_t r = 0; r < w->size[0]; r++)
            patch_row(job->x, job->src + n * image, r, p, pixel % w->q, job->patches + i * job->x->depth + r * row);
    }
}

static void im2col_run(const fv_plan *plan, const fv_call *call)
{
    const im2col *x = plan->data;
    const float *add = fv_call_in(call, 3);
    float *dst = call->out[0];
    patch_job job = {.x = x, .src = call->in[0], .patches = call->workspace};
    const int64_t pixels = fv_call_part(call, x->pixels);
    for (int64_t at = 0; at < pixels; at += x->rows) {
        const int64_t count = pixels - at < x->rows ? pixels - at : x->rows;
        job.first = at;
        fv_parallel_range(plan, count, 8.0 * (double)x->depth, 1, patch_range, &job);
        const float *residual = add ? add + at * x->geom.k : NULL;
        void *const in[] = {job.patches, call->in[1], (void *)(uintptr_t)fv_call_in(call, 2),
                            (void *)(uintptr_t)residual};
        fv_plan_run_sub(x->product, call, in, (void *[]){dst + at * x->geom.k}, count);
    }
}

extern const fv_solver fv_cpu_conv_im2col_solvers[];
const fv_solver fv_cpu_conv_im2col_solvers[] = {
    {.name = "cpu.conv2d.im2col",
     .op = "conv2d",
     .version = 1,
     .packs = 1 << 1,
     .reject = im2col_reject,
     .cost = im2col_cost,
     .prepare = im2col_prepare,
     .release = im2col_release,
     .pack = im2col_pack,
     .workspace_bytes = im2col_workspace,
     .run = im2col_run},
    {.name = NULL},
};
