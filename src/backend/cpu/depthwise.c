/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of convolutions whose groups hold one input channel each. */
#include "backend/cpu/depthwise.h"

#include <string.h>

#include "backend/cpu/split.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/reduce/reduce.h"
#include "ops/conv_geom.h"

typedef struct dw_job {
    const fv_kernels *k;
    fv_depthwise_shape d;
    fv_activation act;
    const float *src, *packed, *bia, *add, *d_dst;
    float *out;
    int64_t per_shard, size; /* samples of a shard, floats of the filters */
} dw_job;

fv_depthwise_shape fv_depthwise_shape_of(const fv_conv_geom *g)
{
    const fv_window *w = &g->win;
    return (fv_depthwise_shape){.n = g->n,
                                .h = w->h,
                                .w = w->w,
                                .c = g->c,
                                .p = w->p,
                                .q = w->q,
                                .mul = g->k / g->c,
                                .r = w->size[0],
                                .s = w->size[1],
                                .stride_h = w->stride[0],
                                .stride_w = w->stride[1],
                                .dilation_h = w->dilation[0],
                                .dilation_w = w->dilation[1],
                                .pad_top = w->pad[0],
                                .pad_left = w->pad[1]};
}

/* arg of the solvers: the convolution that the node is or belongs to. */
typedef struct dw_use {
    fv_conv_geom (*geom)(const fv_node *node);
} dw_use;

static const dw_use forward_use = {fv_conv_geom_forward}, data_use = {fv_conv_geom_bwd_data},
                    weights_use = {fv_conv_geom_bwd_weights};

static fv_conv_geom dw_geom(const fv_solver *self, const fv_node *node)
{
    return ((const dw_use *)self->arg)->geom(node);
}

static const char *dw_reject(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_geom g = dw_geom(self, problem->node);
    return g.groups == g.c ? fv_f32_reject(self, problem) : "groups of more than one channel";
}

/* A multiplier above 1 has no vector code. */
static double dw_cost(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_geom g = dw_geom(self, problem->node);
    return fv_stream_cost(self, problem) + 2.0 * fv_conv_macs(&g) / (g.k == g.c ? 50.0 : 0.5);
}

/* wei is operand 1 of both operators that read it. */
static size_t dw_packed_bytes(const fv_plan *plan)
{
    return (size_t)fv_shape_count(fv_in_shape(plan->problem.node, 1)) * sizeof(float);
}

static void dw_pack(const fv_plan *plan, const fv_call *call, void *packed)
{
    const int64_t *wei = fv_in_dims(call, 1);
    const fv_depthwise_shape d = {.c = wei[0], .mul = 1, .r = wei[1], .s = wei[2]};
    plan->kernels->depthwise->pack(&d, call->in[1], packed);
}

/* Memory that a row of results touches. */
static double row_bytes(const fv_depthwise_shape *d, int64_t rows)
{
    return 4.0 * (double)(d->h * d->w + d->p * d->q * d->mul) * (double)d->c / (double)rows;
}

static void fwd_range(void *arg, int64_t begin, int64_t end)
{
    const dw_job *x = arg;
    const int64_t row = x->d.q * x->d.c * x->d.mul;
    if (!x->add) {
        x->k->depthwise->forward(&x->d, x->act, 0.0f, x->src, x->packed, x->bia, x->out, begin, end);
        return;
    }
    /* Row by row, so that the sums are still in the cache when the residual is added. */
    for (int64_t i = begin; i < end; i++) {
        float *dst = x->out + i * row;
        x->k->depthwise->forward(&x->d, FV_ACT_NONE, 0.0f, x->src, x->packed, x->bia, x->out, i, i + 1);
        x->k->eltwise->add_act(x->act, 0.0f, row, dst, x->add + i * row, dst);
    }
}

static void fwd_run(const fv_plan *plan, const fv_call *call)
{
    const fv_conv_geom g = fv_conv_geom_forward(call->node);
    dw_job job = {.k = plan->kernels, .d = fv_depthwise_shape_of(&g), .src = call->in[0], .packed = call->packed};
    job.act = (fv_activation)((const fv_conv2d_attr *)call->node->attr)->activation;
    job.bia = fv_call_in(call, 2);
    job.add = fv_call_in(call, 3);
    job.out = call->out[0];
    fv_parallel_range(plan, fv_call_part(call, job.d.n * job.d.p), row_bytes(&job.d, job.d.p), 1, fwd_range, &job);
}

static void data_range(void *arg, int64_t begin, int64_t end)
{
    const dw_job *x = arg;
    x->k->depthwise->backward_data(&x->d, x->d_dst, x->packed, x->out, begin, end);
}

static void data_run(const fv_plan *plan, const fv_call *call)
{
    const fv_conv_geom g = fv_conv_geom_bwd_data(call->node);
    dw_job job = {.k = plan->kernels, .d = fv_depthwise_shape_of(&g), .d_dst = call->in[0], .packed = call->packed};
    job.out = call->out[0];
    fv_parallel_range(plan, job.d.n * job.d.h, row_bytes(&job.d, job.d.h), 1, data_range, &job);
}

/* The sums of one shard and some channels, [shard][r][s][k]. */
static void weights_shard(void *arg, int64_t shard, int64_t c0, int64_t c1)
{
    const dw_job *x = arg;
    const int64_t k = x->d.c * x->d.mul, first = shard * x->per_shard;
    float *sum = x->out + shard * x->size;
    for (int64_t t = 0; t < x->d.r * x->d.s; t++)
        memset(sum + t * k + c0 * x->d.mul, 0, (size_t)((c1 - c0) * x->d.mul) * sizeof *sum);
    x->k->depthwise->backward_weights(&x->d, x->src, x->d_dst, sum, first, first + x->per_shard, c0, c1);
}

static size_t weights_workspace(const fv_plan *plan)
{
    const fv_node *node = plan->problem.node;
    const size_t shards = (size_t)fv_plan_shards(plan, fv_in_shape(node, 0)->dim[0]);
    return shards * (size_t)fv_shape_count(fv_out_shape(node, 0)) * sizeof(float);
}

static void weights_run(const fv_plan *plan, const fv_call *call)
{
    const fv_conv_geom g = fv_conv_geom_bwd_weights(call->node);
    const int shards = fv_call_shards(call, g.n);
    dw_job job = {.k = plan->kernels, .d = fv_depthwise_shape_of(&g), .d_dst = call->in[0], .src = call->in[1]};
    job.out = call->workspace;
    job.per_shard = g.n / shards;
    job.size = fv_shape_count(fv_out_shape(call->node, 0));
    fv_parallel_shards(plan, shards, job.d.c, weights_shard, &job);
    plan->kernels->reduce->tree(shards, job.size, job.out);
    plan->kernels->depthwise->unpack(&job.d, job.out, call->out[0]);
}

extern const fv_solver fv_cpu_depthwise_solvers[];
const fv_solver fv_cpu_depthwise_solvers[] = {
    {.name = "cpu.conv2d.depthwise",
     .op = "conv2d",
     .version = 1,
     .arg = &forward_use,
     .packs = 1 << 1,
     .reject = dw_reject,
     .cost = dw_cost,
     .packed_bytes = dw_packed_bytes,
     .pack = dw_pack,
     .run = fwd_run},
    {.name = "cpu.conv2d_bwd_data.depthwise",
     .op = "conv2d_bwd_data",
     .version = 1,
     .arg = &data_use,
     .packs = 1 << 1,
     .reject = dw_reject,
     .cost = dw_cost,
     .packed_bytes = dw_packed_bytes,
     .pack = dw_pack,
     .run = data_run},
    {.name = "cpu.conv2d_bwd_weights.depthwise",
     .op = "conv2d_bwd_weights",
     .version = 1,
     .arg = &weights_use,
     .reject = dw_reject,
     .cost = dw_cost,
     .workspace_bytes = weights_workspace,
     .run = weights_run},
    {.name = NULL},
};
