/* SPDX-License-Identifier: Apache-2.0 */
/* From a model's graph to the graph that runs: which passes, in which order. */
#include <string.h>

#include "exec/internal.h"
#include "ops/ops.h"

typedef fv_status (*pass_fn)(const fv_graph *g, fv_graph **out, fv_val **map);

/* Puts the result of a pass in the place of the graph. */
static fv_status apply(fv_exec *exec, pass_fn pass)
{
    fv_graph *next;
    FV_TRY(pass(exec->graph, &next, NULL));
    fv_graph_destroy(&exec->graph);
    exec->graph = next;
    return FV_OK;
}

static fv_status apply_all(fv_exec *exec, const pass_fn *passes)
{
    for (; *passes; passes++)
        FV_TRY(apply(exec, *passes));
    return FV_OK;
}

/* What the loss compares with: class numbers, one per position, or as many floats as there are predictions. */
static fv_status add_target(fv_exec *exec, const fv_val *prediction, fv_val **target)
{
    fv_shape shape = prediction->shape;
    fv_dtype dtype = exec->options.target_dtype;
    if (dtype == FV_F32 || dtype == FV_F64)
        dtype = exec->options.dtype;
    else if (shape.rank > 1)
        shape.rank--;
    const char *name = "target";
    for (int i = 2; fv_graph_find(exec->graph, name); i++) {
        name = fv_arena_printf(exec->arena, "target_%d", i);
        if (!name)
            return FV_ERR_NO_MEMORY;
    }
    return fv_graph_input(exec->graph, name, dtype, &shape, target);
}

static fv_status add_loss(fv_exec *exec)
{
    fv_graph *g = exec->graph;
    const fv_op *op = exec->options.loss;
    fv_val *target;
    fv_node *node;
    if (!op || !(op->traits & FV_T_LOSS))
        return fv_fail(exec->ctx, FV_ERR_ARGUMENT,
                       "fv_exec_create: '%s' is not a loss: expected an operator that "
                       "computes one",
                       op ? op->name : "(none)");
    if (g->n_outputs < 1)
        return fv_fail(exec->ctx, FV_ERR_ARGUMENT,
                       "fv_exec_create: the graph has no output to compare with the target");
    FV_TRY(add_target(exec, g->outputs[0], &target));
    const char *name = fv_graph_find(g, "loss") ? NULL : "loss";
    FV_TRY(fv_graph_add(g, op, name, exec->options.loss_attr, (fv_val *[]){g->outputs[0], target}, 2, &node));
    exec->loss_output = g->n_outputs;
    FV_TRY(fv_graph_output(g, node->out[0]));
    if (node->n_out > 1) {
        exec->losses_output = g->n_outputs;
        FV_TRY(fv_graph_output(g, node->out[1]));
    }
    return FV_OK;
}

/* Appends the gradients of all parameters and makes them outputs. */
static fv_status add_gradients(fv_exec *exec)
{
    fv_ctx *ctx = exec->ctx;
    fv_graph *g = exec->graph, *next = NULL;
    size_t room = (size_t)g->n_vals + 1;
    fv_val **wanted = fv_calloc(ctx, room, sizeof(fv_val *)), **d = fv_calloc(ctx, room, sizeof(fv_val *));
    fv_status status = wanted && d ? FV_OK : FV_ERR_NO_MEMORY;
    int32_t n = 0;
    for (int32_t i = 0; status == FV_OK && i < g->n_vals; i++) {
        if (g->vals[i]->role == FV_ROLE_PARAM)
            wanted[n++] = g->vals[i];
    }
    exec->grads = fv_arena_alloc(exec->arena, (size_t)n * sizeof *exec->grads);
    if (status == FV_OK && !exec->grads)
        status = FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = fv_pass_gradient(g, g->outputs[exec->loss_output], wanted, n, d, &next, NULL);
    for (int32_t i = 0; status == FV_OK && i < n; i++) {
        if (!d[i])
            continue;
        fv_exec_grad grad = {.param = fv_arena_strdup(exec->arena, wanted[i]->name), .output = next->n_outputs};
        status = grad.param ? fv_graph_output(next, d[i]) : FV_ERR_NO_MEMORY;
        exec->grads[exec->n_grads++] = grad;
    }
    fv_free(ctx, wanted);
    fv_free(ctx, d);
    if (status != FV_OK) {
        fv_graph_destroy(&next);
        return status;
    }
    fv_graph_destroy(&exec->graph);
    exec->graph = next;
    return FV_OK;
}

fv_status fv_exec_compile(fv_exec *exec, const fv_graph *g)
{
    static const pass_fn before_gradient[] = {fv_pass_pool_first, NULL};
    static const pass_fn after_gradient[] = {fv_pass_fuse_activation, fv_pass_fuse_activation_backward, NULL};
    static const pass_fn inference[] = {fv_pass_fold, fv_pass_fuse_residual, fv_pass_pool_first,
                                        fv_pass_fuse_activation, NULL};
    const fv_exec_options *o = &exec->options;
    const fv_lowering lowering = o->training ? FV_LOWER_TRAINING : o->sampling ? FV_LOWER_SAMPLING : FV_LOWER_INFERENCE;
    for (int32_t i = 0; i < g->n_vals; i++)
        exec->n_model_inputs += g->vals[i]->role == FV_ROLE_INPUT;
    exec->n_model_outputs = g->n_outputs;
    exec->owns_graph = true;
    FV_TRY(fv_pass_lower(g, o->batch, o->dtype, lowering, &exec->graph, NULL));
    if (o->training && o->optimize)
        FV_TRY(apply_all(exec, before_gradient));
    if (o->training || o->with_loss)
        FV_TRY(add_loss(exec));
    if (o->training)
        FV_TRY(add_gradients(exec));
    if (o->optimize)
        FV_TRY(apply_all(exec, o->training ? after_gradient : inference));
    return apply(exec, fv_pass_dead);
}
