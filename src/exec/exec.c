/* SPDX-License-Identifier: Apache-2.0 */
/* Making, running and asking an executable. */
#include <string.h>

#include "base/file.h"
#include "exec/internal.h"

fv_status fv_exec_create(fv_ctx *ctx, const fv_graph *g, const fv_exec_options *options, fv_exec **exec)
{
    *exec = NULL;
    fv_exec *e = fv_new(ctx, fv_exec);
    if (!e)
        return FV_ERR_NO_MEMORY;
    e->ctx = ctx;
    e->options = *options;
    if (!e->options.providers)
        e->options.providers = fv_cpu_providers;
    e->loss_output = -1;
    e->losses_output = -1;
    fv_status status = fv_arena_create(ctx, &e->arena);
    if (status == FV_OK)
        status = fv_exec_compile(e, g);
    if (status == FV_OK)
        status = fv_exec_build(e);
    if (status == FV_OK && options->profile)
        fv_exec_measure_roof(e);
    if (status != FV_OK)
        fv_exec_destroy(&e);
    *exec = e;
    return status;
}

void fv_exec_destroy(fv_exec **exec)
{
    fv_exec *e = exec ? *exec : NULL;
    if (!e)
        return;
    fv_ctx *ctx = e->ctx;
    for (int32_t n = 0; n < e->n_steps; n++)
        fv_plan_destroy(&e->steps[n].plan);
    fv_free(ctx, e->block);
    fv_free(ctx, e->inputs);
    fv_free(ctx, e->lasting);
    fv_free(ctx, e->workspace);
    fv_arena_destroy(&e->arena);
    if (e->owns_graph)
        fv_graph_destroy(&e->graph);
    fv_free(ctx, e);
    *exec = NULL;
}

/* ---- running ---- */

static void step_run(fv_step *s)
{
    const fv_solver *solver = s->plan->solver;
    if (s->packed > 0 && !s->pack_once)
        solver->pack(s->plan, &s->call, (void *)(uintptr_t)s->call.packed);
    solver->run(s->plan, &s->call);
}

fv_status fv_exec_refresh(fv_exec *exec)
{
    /* In order, so that what is packed may itself have been computed here. */
    for (int32_t n = 0; n < exec->n_steps; n++) {
        fv_step *s = &exec->steps[n];
        if (!s->plan)
            continue;
        if (s->once)
            step_run(s);
        else if (s->packed > 0 && s->pack_once)
            s->plan->solver->pack(s->plan, &s->call, (void *)(uintptr_t)s->call.packed);
    }
    exec->refreshed = true;
    return FV_OK;
}

fv_status fv_exec_run(fv_exec *exec, uint64_t seed, uint64_t step)
{
    bool profile = exec->options.profile;
    if (!exec->refreshed)
        FV_TRY(fv_exec_refresh(exec));
    double origin = profile ? fv_time_monotonic() : 0.0;
    for (int32_t n = 0; n < exec->n_steps; n++) {
        fv_step *s = &exec->steps[n];
        if (!s->plan || s->once)
            continue;
        s->call.seed = seed;
        s->call.step = step;
        double begin = profile ? fv_time_monotonic() : 0.0;
        step_run(s);
        if (profile) {
            s->last_begin = begin - origin;
            s->last_seconds = fv_time_monotonic() - begin;
            s->seconds += s->last_seconds;
        }
    }
    exec->runs++;
    return FV_OK;
}

/* ---- asking ---- */

void *fv_exec_input(fv_exec *exec, int i)
{
    const fv_val *val = i >= 0 && i < exec->n_model_inputs ? fv_exec_input_val(exec, i) : NULL;
    return val ? fv_exec_data(exec, val) : NULL;
}

void *fv_exec_target(fv_exec *exec)
{
    const fv_val *val = exec->loss_output >= 0 ? fv_exec_input_val(exec, exec->n_model_inputs) : NULL;
    return val ? fv_exec_data(exec, val) : NULL;
}

const void *fv_exec_output(const fv_exec *exec, int i, fv_shape *shape)
{
    if (i < 0 || i >= exec->n_model_outputs)
        return NULL;
    const fv_val *val = exec->graph->outputs[i];
    if (shape)
        *shape = val->shape;
    return fv_exec_data(exec, val);
}

double fv_exec_loss(const fv_exec *exec)
{
    if (exec->loss_output < 0)
        return 0.0;
    const fv_val *val = exec->graph->outputs[exec->loss_output];
    return fv_get(val->dtype, fv_exec_data(exec, val), 0);
}

const float *fv_exec_losses(const fv_exec *exec)
{
    const fv_val *val = exec->losses_output >= 0 ? exec->graph->outputs[exec->losses_output] : NULL;
    return val && val->dtype == FV_F32 ? fv_exec_data(exec, val) : NULL;
}

void *fv_exec_gradient(fv_exec *exec, const char *param)
{
    for (int32_t i = 0; i < exec->n_grads; i++) {
        if (strcmp(exec->grads[i].param, param) == 0)
            return fv_exec_data(exec, exec->graph->outputs[exec->grads[i].output]);
    }
    return NULL;
}

const void *fv_exec_value(const fv_exec *exec, const char *name, fv_shape *shape)
{
    const fv_val *val = exec->options.keep_all ? fv_graph_find(exec->graph, name) : NULL;
    if (val && shape)
        *shape = val->shape;
    return val ? fv_exec_data(exec, val) : NULL;
}

fv_exec_memory fv_exec_memory_use(const fv_exec *exec)
{
    return exec->memory;
}

const fv_graph *fv_exec_graph(const fv_exec *exec)
{
    return exec->graph;
}
