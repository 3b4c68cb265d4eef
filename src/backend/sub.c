/* SPDX-License-Identifier: Apache-2.0 */
/* Plans within plans: memory of the whole is the solver's own, then that of the parts in the order they were made. */
#include "backend/solver.h"

/* Parts begin where vectors may. */
static size_t aligned(size_t bytes)
{
    return (bytes + FV_ALIGN - 1) / FV_ALIGN * FV_ALIGN;
}

size_t fv_plan_packed_bytes(const fv_plan *plan)
{
    size_t bytes = plan->solver->packed_bytes ? plan->solver->packed_bytes(plan) : 0;
    for (const fv_plan *sub = plan->first_sub; sub; sub = sub->next_sub)
        if (fv_plan_packs_once(sub))
            bytes = aligned(bytes) + fv_plan_packed_bytes(sub);
    return bytes;
}

/* What a part packs at every run lies behind its scratch. */
size_t fv_plan_workspace_bytes(const fv_plan *plan)
{
    size_t bytes = plan->solver->workspace_bytes ? plan->solver->workspace_bytes(plan) : 0;
    for (const fv_plan *sub = plan->first_sub; sub; sub = sub->next_sub) {
        bytes = aligned(bytes) + fv_plan_workspace_bytes(sub);
        if (!fv_plan_packs_once(sub))
            bytes = aligned(bytes) + fv_plan_packed_bytes(sub);
    }
    return bytes;
}

fv_status fv_plan_sub(fv_plan *plan, const char *problem, const fv_plan **sub)
{
    fv_plan *made = NULL;
    *sub = NULL;
    if (!plan->make_sub)
        return fv_fail(plan->ctx, FV_ERR_ARGUMENT, "'%s': a part can be planned in prepare only", problem);
    FV_TRY(plan->make_sub(plan, problem, &made));
    fv_plan **last = &plan->first_sub;
    while (*last)
        last = &(*last)->next_sub;
    *last = made;
    *sub = made;
    return FV_OK;
}

void fv_plan_place_subs(fv_plan *plan)
{
    size_t packed = plan->solver->packed_bytes ? plan->solver->packed_bytes(plan) : 0;
    size_t work = plan->solver->workspace_bytes ? plan->solver->workspace_bytes(plan) : 0;
    for (fv_plan *sub = plan->first_sub; sub; sub = sub->next_sub) {
        sub->workspace_at = aligned(work);
        work = sub->workspace_at + fv_plan_workspace_bytes(sub);
        if (fv_plan_packs_once(sub)) {
            sub->packed_at = aligned(packed);
            packed = sub->packed_at + fv_plan_packed_bytes(sub);
        } else {
            sub->packed_at = aligned(work);
            work = sub->packed_at + fv_plan_packed_bytes(sub);
        }
    }
}

static fv_call part_call(const fv_plan *sub, const fv_call *call, void *const *in)
{
    return (fv_call){.node = sub->problem.node,
                     .in = in,
                     .workspace = (char *)call->workspace + sub->workspace_at,
                     .seed = call->seed,
                     .step = call->step,
                     .shards = sub->problem.shards};
}

void fv_plan_pack_sub(const fv_plan *sub, const fv_call *call, void *const *in, void *packed)
{
    if (!fv_plan_packs_once(sub) || fv_plan_packed_bytes(sub) == 0)
        return;
    const fv_call part = part_call(sub, call, in);
    sub->solver->pack(sub, &part, (char *)packed + sub->packed_at);
}

void fv_plan_run_sub(const fv_plan *sub, const fv_call *call, void *const *in, void *const *out, int64_t samples)
{
    fv_call part = part_call(sub, call, in);
    part.out = out;
    part.samples = samples;
    if (fv_plan_packs_once(sub)) {
        part.packed = (const char *)call->packed + sub->packed_at;
    } else if (fv_plan_packed_bytes(sub) > 0) {
        char *packed = (char *)call->workspace + sub->packed_at;
        sub->solver->pack(sub, &part, packed);
        part.packed = packed;
    }
    sub->solver->run(sub, &part);
}
