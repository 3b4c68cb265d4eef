/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting loops over rows, elements or samples among threads, and what the solvers of simple operators share. */
#ifndef FV_BACKEND_CPU_SPLIT_H
#define FV_BACKEND_CPU_SPLIT_H

#include "backend/solver.h"
#include "ops/ref.h"

/* a / b rounded up; both positive. */
static inline int64_t fv_div_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Works on [begin, end). Must give the same bits however the whole is cut. */
typedef void (*fv_range_fn)(void *arg, int64_t begin, int64_t end);

/*
 * Calls fn on pieces that cover [0, count), in the caller when the work is small. `unit_bytes`: memory that one unit
 * touches, from which the size of a piece follows; pieces begin at multiples of `multiple`.
 */
void fv_parallel_range(const fv_plan *plan, int64_t count, double unit_bytes, int64_t multiple, fv_range_fn fn,
                       void *arg);

/* A grid of tasks: logical shards times blocks of channels (which begin at multiples of 16). */
typedef void (*fv_shard_fn)(void *arg, int64_t shard, int64_t c0, int64_t c1);
void fv_parallel_shards(const fv_plan *plan, int shards, int64_t channels, fv_shard_fn fn, void *arg);

/* Most shards that a run of this plan can be asked to sum n samples by. */
int fv_plan_shards(const fv_plan *plan, int64_t n);

/*
 * Of `count` units that lie in out[0] sample by sample (its floats, rows, pixels): those of the samples that matter to
 * this call. For operators whose results are one sample each of one sample of every operand that has samples; an
 * operator that sums over samples never asks.
 */
static inline int64_t fv_call_part(const fv_call *call, int64_t count)
{
    const int64_t n = call->node->out[0]->shape.dim[0];
    return call->samples > 0 && call->samples < n ? count / n * call->samples : count;
}

/* Whether operands and results are float32, and so is the computation; a constant reason otherwise. */
const char *fv_all_f32_reject(const fv_solver *self, const fv_problem *problem);
/* Hooks: only float32; and the estimate for work that is bound by memory: every operand once, 10 GB/s. */
const char *fv_f32_reject(const fv_solver *self, const fv_problem *problem);
double fv_stream_cost(const fv_solver *self, const fv_problem *problem);

/* The row of a solver "cpu.OP" whose time is that of reading and writing. */
#define FV_STREAM_SOLVER(name_, reject_, run_)                                                                         \
    {                                                                                                                  \
        .name = "cpu." name_, .op = name_, .version = 1, .reject = reject_, .cost = fv_stream_cost, .run = run_        \
    }

#endif
