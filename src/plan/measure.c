/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates against the clock. */
#include "base/file.h"
#include "plan/internal.h"

/* What an effort means: candidates whose estimate exceeds the best by more than `factor` are not timed; the others run
 * at least `runs` times and for `seconds`. */
static const struct effort {
    double factor, seconds;
    int runs;
} efforts[] = {{2.0, 0.002, 2}, {5.0, 0.02, 5}, {50.0, 0.2, 15}};

/* Operands of a node with made-up contents. */
typedef struct scene {
    fv_ctx *ctx;
    void *in[FV_MAX_OPERANDS], *out[FV_MAX_RESULTS];
    int n_in, n_out;
} scene;

static void *operand_make(fv_ctx *ctx, const fv_val *val)
{
    const int64_t count = fv_shape_count(&val->shape);
    void *data = fv_calloc(ctx, (size_t)count, fv_dtype_size(val->dtype));
    /* Integers stay 0, which is a class; numbers of any size of float lie in [-1, 1). */
    for (int64_t i = 0; data && fv_dtype_is_float(val->dtype) && i < count; i++)
        fv_dtype_set(val->dtype, data, i, (double)((uint32_t)i * 2654435761u >> 8) / 8388608.0 - 1.0);
    return data;
}

static void scene_free(scene *s)
{
    for (int i = 0; i < s->n_in; i++)
        fv_free(s->ctx, s->in[i]);
    for (int i = 0; i < s->n_out; i++)
        fv_free(s->ctx, s->out[i]);
}

static fv_status scene_make(fv_ctx *ctx, const fv_node *node, scene *s)
{
    *s = (scene){.ctx = ctx, .n_in = node->n_in, .n_out = node->n_out};
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
        scene_free(s);
    return whole ? FV_OK : FV_ERR_NO_MEMORY;
}

static void run_once(const fv_plan *plan, const fv_call *call, bool pack)
{
    if (pack)
        plan->solver->pack(plan, call, (void *)(uintptr_t)call->packed);
    plan->solver->run(plan, call);
}

/* The shortest of several runs, in nanoseconds. The plan is bound. */
static fv_status time_plan(const fv_plan *plan, const scene *s, const struct effort *effort, double *nanoseconds)
{
    const size_t packed_bytes = fv_plan_packed_bytes(plan), work_bytes = fv_plan_workspace_bytes(plan);
    void *packed = fv_malloc(plan->ctx, packed_bytes + 1), *work = fv_malloc(plan->ctx, work_bytes + 1);
    if (packed && work) {
        const fv_call call = {.node = plan->problem.node,
                              .in = s->in,
                              .out = s->out,
                              .packed = packed_bytes ? packed : NULL,
                              .workspace = work,
                              .shards = plan->problem.shards};
        const bool each = packed_bytes > 0 && !fv_plan_packs_once(plan);
        run_once(plan, &call, packed_bytes > 0);
        double best = 0.0;
        const double begin = fv_time_monotonic();
        for (int i = 0; i < effort->runs || fv_time_monotonic() - begin < effort->seconds; i++) {
            const double start = fv_time_monotonic();
            run_once(plan, &call, each);
            const double spent = fv_time_monotonic() - start;
            best = i == 0 || spent < best ? spent : best;
        }
        *nanoseconds = best * 1e9 + 1e-3;
    }
    const bool whole = packed && work;
    fv_free(plan->ctx, packed);
    fv_free(plan->ctx, work);
    return whole ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_plan_time(fv_plan *plan, int effort, double *nanoseconds)
{
    scene s;
    FV_TRY(scene_make(plan->ctx, plan->problem.node, &s));
    fv_status status = time_plan(plan, &s, &efforts[(effort > 0 && effort < 4 ? effort : 2) - 1], nanoseconds);
    scene_free(&s);
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
