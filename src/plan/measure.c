/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates against the clock. */
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "kernels/half/half.h"
#include "plan/internal.h"

/* What an effort means: candidates whose estimate exceeds the best by more than `factor` are not timed; the others run
 * at least `runs` times and for `seconds`. */
static const struct effort {
    double factor, seconds;
    int runs;
} efforts[] = {{2.0, 0.002, 2}, {5.0, 0.02, 5}, {50.0, 0.2, 15}};

/* Of so many runs the median is known; what comes behind them counts for the best alone. */
#define MEDIAN_RUNS 1000

static double made_up(int64_t i)
{
    return (double)((uint32_t)i * 2654435761u >> 8) / 8388608.0 - 1.0;
}

void fv_operand_fill(fv_ctx *ctx, const fv_val *val, double scale, void *data)
{
    const int64_t count = fv_shape_count(&val->shape);
    float some[256];
    if (val->dtype == FV_F16) { /* by the kernels: one at a time takes long */
        for (int64_t at = 0, n; at < count; at += n) {
            n = count - at < 256 ? count - at : 256;
            for (int64_t i = 0; i < n; i++)
                some[i] = (float)(scale * made_up(at + i));
            fv_kernels_of(ctx)->half->narrow((uint16_t *)data + at, some, n);
        }
        return;
    }
    for (int64_t i = 0; fv_dtype_is_float(val->dtype) && i < count; i++)
        fv_dtype_set(val->dtype, data, i, scale * made_up(i));
}

/* Integers stay 0, which is a class. */
static void *operand_make(fv_ctx *ctx, const fv_val *val)
{
    void *data = fv_calloc(ctx, (size_t)fv_shape_count(&val->shape), fv_dtype_size(val->dtype));
    if (data)
        fv_operand_fill(ctx, val, 1.0, data);
    return data;
}

void fv_scene_free(fv_scene *s)
{
    for (int i = 0; i < s->n_in; i++)
        fv_free(s->ctx, s->in[i]);
    for (int i = 0; i < s->n_out; i++)
        fv_free(s->ctx, s->out[i]);
    s->n_in = s->n_out = 0;
}

fv_status fv_scene_make(fv_ctx *ctx, const fv_node *node, fv_scene *s)
{
    *s = (fv_scene){.ctx = ctx, .n_in = node->n_in, .n_out = node->n_out};
    bool whole = true;
    for (int i = 0; i < node->n_in; i++) {
        s->in[i] = node->in[i] ? operand_make(ctx, node->in[i]) : NULL;
        whole = whole && (s->in[i] || !node->in[i]);
    }
    for (int i = 0; i < node->n_out; i++) {
        s->out[i] = operand_make(ctx, node->out[i]);
        whole = whole && s->out[i];
    }
    if (!whole)
        fv_scene_free(s);
    return whole ? FV_OK : FV_ERR_NO_MEMORY;
}

static void run_once(const fv_plan *plan, const fv_call *call, bool pack)
{
    if (pack)
        plan->solver->pack(plan, call, (void *)(uintptr_t)call->packed);
    plan->solver->run(plan, call);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double time_now(const fv_timing_options *o)
{
    struct timespec t;
    if (!o->processor)
        return fv_time_monotonic();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of each run into `spent` (room for MEDIAN_RUNS). */
static void time_runs(const fv_plan *plan, const fv_call *call, bool each, const fv_timing_options *o, double *spent,
                      fv_timing *t)
{
    const double begin = fv_time_monotonic();
    while (t->runs < o->runs || fv_time_monotonic() - begin < o->seconds) {
        const double start = time_now(o);
        run_once(plan, call, each);
        const double taken = time_now(o) - start;
        t->best = t->runs == 0 || taken < t->best ? taken : t->best;
        if (t->runs < MEDIAN_RUNS)
            spent[t->runs] = taken;
        t->runs++;
    }
    const int count = t->runs < MEDIAN_RUNS ? t->runs : MEDIAN_RUNS;
    qsort(spent, (size_t)count, sizeof *spent, by_value);
    t->median = count > 0 ? spent[count / 2] * 1e9 : 0.0;
    t->best = count > 0 ? t->best * 1e9 + 1e-3 : 0.0; /* 0 says that nothing was timed */
}

fv_status fv_plan_time_on(const fv_plan *plan, const fv_scene *s, const fv_timing_options *o, fv_timing *timing)
{
    const size_t packed_bytes = fv_plan_packed_bytes(plan), work_bytes = fv_plan_workspace_bytes(plan);
    void *packed = fv_malloc(plan->ctx, packed_bytes + 1), *work = fv_malloc(plan->ctx, work_bytes + 1);
    double *spent = fv_malloc(plan->ctx, MEDIAN_RUNS * sizeof *spent);
    const bool whole = packed && work && spent;
    *timing = (fv_timing){.runs = 0};
    if (whole) {
        const fv_call call = {.node = plan->problem.node,
                              .in = (void **)(uintptr_t)s->in,
                              .out = (void **)(uintptr_t)s->out,
                              .packed = packed_bytes ? packed : NULL,
                              .workspace = work,
                              .shards = plan->problem.shards};
        const double begin = time_now(o);
        if (packed_bytes > 0)
            plan->solver->pack(plan, &call, packed);
        timing->pack = packed_bytes > 0 ? (time_now(o) - begin) * 1e9 : 0.0;
        plan->solver->run(plan, &call);
        time_runs(plan, &call, packed_bytes > 0 && !fv_plan_packs_once(plan), o, spent, timing);
    }
    fv_free(plan->ctx, packed);
    fv_free(plan->ctx, work);
    fv_free(plan->ctx, spent);
    return whole ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_plan_time(fv_plan *plan, int effort, double *nanoseconds)
{
    const struct effort *e = &efforts[(effort > 0 && effort < 4 ? effort : 2) - 1];
    fv_scene s;
    fv_timing timing;
    FV_TRY(fv_scene_make(plan->ctx, plan->problem.node, &s));
    fv_status status = fv_plan_time_on(plan, &s, &(fv_timing_options){.runs = e->runs, .seconds = e->seconds}, &timing);
    fv_scene_free(&s);
    *nanoseconds = timing.best;
    return status;
}

static bool is_worth_timing(const fv_candidate *c, const void *limit)
{
    return c->estimate <= *(const double *)limit;
}

fv_status fv_candidates_measure(const fv_planner *planner, fv_plan *plan, fv_candidates *all)
{
    const int effort = planner->policy.effort > 0 && planner->policy.effort < 4 ? planner->policy.effort : 2;
    double limit = all->row[0].estimate;
    for (int i = 1; i < all->count; i++)
        limit = all->row[i].estimate < limit ? all->row[i].estimate : limit;
    limit *= efforts[effort - 1].factor;
    fv_candidates_keep(all, is_worth_timing, &limit);
    for (int i = 0; all->count > 1 && i < all->count; i++) {
        fv_candidate *c = &all->row[i];
        FV_TRY(fv_plan_bind(plan, c));
        fv_status status = fv_plan_time(plan, effort, &c->measured);
        fv_plan_unbind(plan);
        FV_TRY(status);
        fv_log(planner->ctx, FV_LOG_DEBUG, "plan", "    %-28s %.3f us measured", c->solver->name, c->measured * 1e-3);
    }
    return FV_OK;
}
