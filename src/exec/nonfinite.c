/* SPDX-License-Identifier: Apache-2.0 */
/* Which node made the first NaN or Inf: the same step once more with every value kept. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "exec/internal.h"
#include "plan/internal.h"

/* The model's tensors for the second run; states are copies, so that they are not updated twice. */
typedef struct shadow_memory {
    const fv_exec *exec;
    fv_arena *arena;
    void **data; /* by value id */
} shadow_memory;

static fv_status shadow_make(shadow_memory *shadow)
{
    const fv_exec *exec = shadow->exec;
    FV_TRY(fv_arena_create(exec->ctx, &shadow->arena));
    shadow->data = fv_arena_alloc(shadow->arena, ((size_t)exec->graph->n_vals + 1) * sizeof *shadow->data);
    if (!shadow->data)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; i < exec->graph->n_vals; i++) {
        const fv_placement *p = &exec->places[i];
        shadow->data[i] = p->data;
        if (exec->graph->vals[i]->role != FV_ROLE_STATE)
            continue;
        /* Kernels may read behind the end of a buffer. */
        char *copy = fv_arena_alloc(shadow->arena, (size_t)p->bytes + FV_TAIL_PAD + FV_ALIGN);
        if (!copy)
            return FV_ERR_NO_MEMORY;
        copy += (FV_ALIGN - (uintptr_t)copy % FV_ALIGN) % FV_ALIGN;
        shadow->data[i] = memcpy(copy, p->data, (size_t)p->bytes);
    }
    return FV_OK;
}

static void *shadow_find(void *user, const char *name, const fv_shape *shape)
{
    const shadow_memory *shadow = user;
    const fv_val *val = fv_graph_find(shadow->exec->graph, name);
    return val && fv_shape_equal(&val->shape, shape) ? shadow->data[val->id] : NULL;
}

static bool has_nonfinite(const fv_val *val, const void *data)
{
    int64_t count = fv_shape_count(&val->shape);
    if (val->dtype != FV_F32 && val->dtype != FV_F64)
        return false;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(fv_get(val->dtype, data, i)))
            return true;
    }
    return false;
}

/* The solvers this executable uses, so that the second run has the same bits. */
static fv_status remember_solvers(const fv_exec *exec, fv_wisdom *wisdom)
{
    for (int32_t n = 0; n < exec->n_steps; n++) {
        const fv_plan *plan = exec->steps[n].plan;
        if (plan)
            FV_TRY(fv_wisdom_put(wisdom, plan->problem.text, plan->solver->name, plan->solver->version));
    }
    return FV_OK;
}

static fv_status clone_keeping_all(const fv_exec *exec, shadow_memory *shadow, fv_wisdom *wisdom, fv_exec **clone)
{
    fv_exec *e = fv_new(exec->ctx, fv_exec);
    *clone = e;
    if (!e)
        return FV_ERR_NO_MEMORY;
    e->ctx = exec->ctx;
    e->options = exec->options;
    e->options.keep_all = true;
    e->options.profile = false;
    e->options.wisdom = wisdom;
    e->options.binding = (fv_binding){.find = shadow_find, .user = shadow};
    e->graph = exec->graph;
    e->n_model_inputs = exec->n_model_inputs;
    e->n_model_outputs = exec->n_model_outputs;
    e->loss_output = exec->loss_output;
    e->losses_output = exec->losses_output;
    FV_TRY(fv_arena_create(exec->ctx, &e->arena));
    FV_TRY(fv_exec_build(e));
    memcpy(e->inputs, exec->inputs, (size_t)exec->memory.inputs);
    return FV_OK;
}

fv_status fv_exec_find_nonfinite(fv_exec *exec, uint64_t seed, uint64_t step, char *name, size_t size)
{
    shadow_memory shadow = {.exec = exec};
    fv_wisdom *wisdom = NULL;
    fv_exec *clone = NULL;
    if (size > 0)
        name[0] = '\0';
    fv_status status = shadow_make(&shadow);
    if (status == FV_OK)
        status = fv_wisdom_create(exec->ctx, &wisdom);
    if (status == FV_OK)
        status = remember_solvers(exec, wisdom);
    if (status == FV_OK)
        status = clone_keeping_all(exec, &shadow, wisdom, &clone);
    if (status == FV_OK)
        status = fv_exec_run(clone, seed, step);
    bool found = false;
    for (int32_t n = 0; status == FV_OK && !found && n < clone->n_steps; n++) {
        const fv_node *node = clone->steps[n].node;
        for (int32_t i = 0; !found && i < node->n_out; i++) {
            found = has_nonfinite(node->out[i], fv_exec_data(clone, node->out[i]));
            if (found)
                snprintf(name, size, "%s", node->name);
        }
    }
    fv_exec_destroy(&clone);
    fv_wisdom_destroy(&wisdom);
    fv_arena_destroy(&shadow.arena);
    return status;
}
