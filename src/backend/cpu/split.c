/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/cpu/split.h"

/* Less than this much memory per piece costs more to hand out than it saves. */
#define FV_PIECE_BYTES 32768.0
/* Pieces per thread, so that a thread that starts late does not hold up the others. */
#define FV_PIECES_PER_THREAD 4

typedef struct split {
    fv_range_fn fn;
    void *arg;
    int64_t count, piece;
} split;

static void split_task(void *arg, int64_t task, int worker)
{
    const split *s = arg;
    (void)worker;
    int64_t begin = task * s->piece, end = begin + s->piece;
    s->fn(s->arg, begin, end < s->count ? end : s->count);
}

void fv_parallel_range(const fv_plan *plan, int64_t count, double unit_bytes, int64_t multiple, fv_range_fn fn,
                       void *arg)
{
    if (count <= 0)
        return;
    double pieces = (double)count * unit_bytes / FV_PIECE_BYTES;
    double most = (double)(plan->threads * FV_PIECES_PER_THREAD);
    int64_t wanted = plan->threads == 1 || pieces < 2.0 ? 1 : (int64_t)(pieces < most ? pieces : most);
    int64_t piece = ((count + wanted - 1) / wanted + multiple - 1) / multiple * multiple;
    if (piece >= count) {
        fn(arg, 0, count);
        return;
    }
    split s = {fn, arg, count, piece};
    fv_parallel(plan->ctx, (count + piece - 1) / piece, 0, split_task, &s);
}

typedef struct shard_split {
    fv_shard_fn fn;
    void *arg;
    int64_t blocks, block, channels;
} shard_split;

static void shard_task(void *arg, int64_t task, int worker)
{
    const shard_split *s = arg;
    (void)worker;
    int64_t begin = task % s->blocks * s->block, end = begin + s->block;
    s->fn(s->arg, task / s->blocks, begin, end < s->channels ? end : s->channels);
}

void fv_parallel_shards(const fv_plan *plan, int shards, int64_t channels, fv_shard_fn fn, void *arg)
{
    int64_t wanted = (plan->threads + shards - 1) / shards;
    int64_t block = ((channels + wanted - 1) / wanted + 15) / 16 * 16;
    shard_split s = {fn, arg, (channels + block - 1) / block, block, channels};
    fv_parallel(plan->ctx, shards * s.blocks, 0, shard_task, &s);
}

int fv_plan_shards(const fv_plan *plan, int64_t n)
{
    int most = fv_shards(n);
    return plan->problem.shards > most ? plan->problem.shards : most;
}

const char *fv_f32_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    return problem->dtype == FV_F32 ? NULL : "only f32";
}

const char *fv_all_f32_reject(const fv_solver *self, const fv_problem *problem)
{
    const fv_node *node = problem->node;
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i] && node->in[i]->dtype != FV_F32)
            return "only f32";
    return fv_f32_reject(self, problem);
}

double fv_stream_cost(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    const fv_node *node = problem->node;
    double bytes = 0.0;
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i])
            bytes += (double)fv_shape_count(fv_in_shape(node, i)) * (double)fv_dtype_size(node->in[i]->dtype);
    for (int i = 0; i < node->n_out; i++)
        bytes += (double)fv_shape_count(fv_out_shape(node, i)) * (double)fv_dtype_size(node->out[i]->dtype);
    return 200.0 + bytes / 10.0;
}
