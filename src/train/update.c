/* SPDX-License-Identifier: Apache-2.0 */
#include "train/update.h"

#include <stdio.h>
#include <string.h>

#include "ops/many.h"

typedef struct updater {
    fv_graph *g;
    const fv_fit_options *fit;
    const fv_update_options *options;
    const fv_optimizer *optimizer;
    fv_step_operands *step; /* [count]; d_wei is what L1 and clipping have made of the gradient */
    bool *decays;           /* [count] */
    double *rates;          /* [count]: shares of the learning rate */
    int64_t *since;         /* [count]: steps before the first that trained it */
    int32_t count;
    int32_t at; /* the parameter that is worked on */
    /* gather: values not yet gathered by op */
    const char *op;
    fv_val **list;
    int32_t n_list;
    /* emit_average: the average and what it is taken of */
    fv_val *average[2];
} updater;

/* ---- operators over any number of tensors ---- */

static fv_status gather_groups(fv_builder *b, void *arg)
{
    updater *u = arg;
    int32_t n = 0;
    for (int32_t i = 0; i < u->n_list; i += FV_MANY) {
        int32_t left = u->n_list - i;
        u->list[n++] = fv_emit(b, u->op, NULL, u->list + i, left < FV_MANY ? left : FV_MANY);
    }
    u->n_list = n;
    return FV_OK;
}

/* op(all gradients) as the output `name`: in groups where there are many, then op(what the groups gave). */
static fv_status gather(updater *u, const char *op, const char *name, fv_val **result)
{
    fv_graph *g = u->g;
    fv_node *node;
    u->op = op;
    u->n_list = u->count;
    for (int32_t i = 0; i < u->count; i++)
        u->list[i] = u->step[i].d_wei;
    while (u->n_list > FV_MANY)
        FV_TRY(fv_graph_extend(g, "update", gather_groups, u));
    FV_TRY(fv_graph_add(g, g->find_op(g->ctx, op), name, NULL, u->list, u->n_list, &node));
    *result = node->out[0];
    return fv_graph_output(g, node->out[0]);
}

/* ---- one parameter ---- */

/* L1 is part of the loss, so clipping comes behind it. */
static fv_status emit_gradient(fv_builder *b, void *arg)
{
    updater *u = arg;
    fv_step_operands *s = &u->step[u->at];
    if (u->decays[u->at] && u->fit->l1 > 0)
        s->d_wei = fv_emit(b, "l1_grad", &(fv_l1_attr){u->fit->l1}, (fv_val *[]){s->d_wei, s->wei}, 2);
    if (u->fit->clip_value > 0)
        s->d_wei = fv_emit(b, "clip_by_value", &(fv_limit_attr){u->fit->clip_value}, &s->d_wei, 1);
    return FV_OK;
}

static fv_status emit_scale(fv_builder *b, void *arg)
{
    updater *u = arg;
    fv_val *scale = fv_emit(b, "clip_scale", &(fv_limit_attr){u->fit->clip_norm}, u->list, 1);
    for (int32_t i = 0; i < u->count; i++)
        u->step[i].scale = scale;
    return FV_OK;
}

/* run = run op (rate, step); a momentum stays. */
static fv_status change_run(fv_builder *b, updater *u, const char *op, double rate, double step)
{
    fv_step_operands *s = &u->step[u->at];
    fv_tensor *by;
    FV_TRY(fv_tensor_create(u->g->ctx, FV_F64, &s->run->shape, &by));
    double *values = fv_tensor_data(by);
    values[0] = rate;
    values[1] = step;
    for (int64_t i = 2; i < s->run->shape.dim[0]; i++)
        values[i] = strcmp(op, "mul") == 0 ? 1 : 0;
    s->run = fv_emit(b, op, NULL, (fv_val *[]){s->run, fv_emit_tensor(b, by)}, 2);
    fv_tensor_destroy(&by);
    return FV_OK;
}

/* The learning rate times a parameter's share, and the number of the step among those that train it: one value for all
 * of that share that are trained since then. */
static fv_status scale_run(fv_builder *b, updater *u)
{
    fv_step_operands *s = &u->step[u->at];
    for (int32_t i = 0; i < u->at; i++) {
        if (u->rates[i] == u->rates[u->at] && u->since[i] == u->since[u->at]) {
            s->run = u->step[i].run;
            return FV_OK;
        }
    }
    if (u->rates[u->at] != 1)
        FV_TRY(change_run(b, u, "mul", u->rates[u->at], 1));
    if (u->since[u->at] != 0)
        FV_TRY(change_run(b, u, "add", 0, -(double)u->since[u->at]));
    return FV_OK;
}

static fv_status emit_step(fv_builder *b, void *arg)
{
    updater *u = arg;
    const fv_fit_options *fit = u->fit;
    fv_step_operands *s = &u->step[u->at];
    FV_TRY(scale_run(b, u));
    u->optimizer->emit(b, fit, s);
    if (fit->max_norm > 0 && s->wei->shape.rank >= 2)
        fv_emit(b, "max_norm", &(fv_limit_attr){fit->max_norm}, &s->wei, 1);
    if (fit->lookahead > 0)
        fv_emit(b, "lookahead", &(fv_lookahead_attr){fit->lookahead_alpha, fit->lookahead},
                (fv_val *[]){s->wei, s->slow, s->run}, 3);
    return FV_OK;
}

/* A STATE "<of's name>.<what>" of its dtype and shape. */
static fv_status add_state(updater *u, const fv_val *of, const char *what, fv_val **state)
{
    const char *name = fv_arena_printf(u->g->arena, "%s.%s", of->name, what);
    if (!name)
        return FV_ERR_NO_MEMORY;
    return fv_graph_param(u->g, name, FV_ROLE_STATE, of->dtype, &of->shape, state);
}

static fv_status add_steps(updater *u)
{
    const int slots = fv_optimizer_slots(u->fit);
    for (u->at = 0; u->at < u->count; u->at++) {
        fv_step_operands *s = &u->step[u->at];
        for (int k = 0; k < slots; k++)
            FV_TRY(add_state(u, s->wei, fv_optimizer_slot_name(u->fit, k),
                             fv_optimizer_slot_copies(u->fit, k) ? &s->slow : &s->slot[k]));
        FV_TRY(fv_graph_extend(u->g, s->wei->name, emit_step, u));
    }
    return FV_OK;
}

static fv_status emit_average(fv_builder *b, void *arg)
{
    updater *u = arg;
    fv_emit(b, "ema", &(fv_ema_attr){u->fit->model_ema_decay}, u->average, 2);
    return FV_OK;
}

/* Of every parameter and every state among the first n_vals values: what the model is made of. */
static fv_status add_averages(updater *u, int32_t n_vals)
{
    for (int32_t i = 0; u->fit->model_ema && i < n_vals; i++) {
        fv_val *of = u->g->vals[i];
        if ((of->role != FV_ROLE_PARAM && of->role != FV_ROLE_STATE) || (of->dtype != FV_F32 && of->dtype != FV_F64) ||
            (u->options->averages && !u->options->averages(u->options->user, of->name)))
            continue;
        u->average[1] = of;
        FV_TRY(add_state(u, of, FV_UPDATE_AVERAGE, &u->average[0]));
        FV_TRY(fv_graph_extend(u->g, of->name, emit_average, u));
    }
    return FV_OK;
}

/* ---- the whole ---- */

static fv_status collect(updater *u, const fv_update_options *options, const char *const *params,
                         fv_val *const *gradients)
{
    for (int32_t i = 0; i < u->count; i++) {
        fv_step_operands *s = &u->step[i];
        s->wei = fv_graph_find(u->g, params[i]);
        s->d_wei = gradients[i];
        if (!s->wei || s->wei->role != FV_ROLE_PARAM)
            return fv_fail(u->g->ctx, FV_ERR_ARGUMENT, "update: the graph has no parameter '%s'", params[i]);
        u->decays[i] = options->decays(options->user, params[i]);
        u->rates[i] = options->rate ? options->rate(options->user, params[i]) : 1;
        u->since[i] = options->since ? options->since(options->user, params[i]) : 0;
        s->decay = u->decays[i] ? u->fit->weight_decay : 0;
        s->adapts = s->wei->shape.rank >= 2;
    }
    return FV_OK;
}

static fv_status append(updater *u, int32_t *first)
{
    fv_val *finite, *run, *norm;
    const int32_t n_vals = u->g->n_vals;
    FV_TRY(gather(u, "all_finite", FV_UPDATE_FINITE, &finite));
    *first = u->g->n_nodes;
    const fv_shape shape = {1, {fv_schedule_cycles_momentum(u->fit) ? FV_RUN_MOST : FV_RUN_MOST - 1}};
    FV_TRY(fv_graph_input(u->g, FV_UPDATE_RUN, FV_F64, &shape, &run));
    for (u->at = 0; u->at < u->count; u->at++) {
        u->step[u->at].run = run;
        FV_TRY(fv_graph_extend(u->g, u->step[u->at].wei->name, emit_gradient, u));
    }
    if (u->fit->clip_norm > 0) {
        FV_TRY(gather(u, "global_norm", FV_UPDATE_NORM, &norm));
        u->list[0] = norm;
        FV_TRY(fv_graph_extend(u->g, "update", emit_scale, u));
    }
    FV_TRY(add_steps(u));
    return add_averages(u, n_vals);
}

fv_status fv_add_update(fv_graph *g, const fv_update_options *options, const char *const *params,
                        fv_val *const *gradients, int32_t count, int32_t *first)
{
    fv_ctx *ctx = g->ctx;
    const size_t room = (size_t)count + 1;
    updater u = {.g = g,
                 .fit = options->fit,
                 .options = options,
                 .optimizer = fv_optimizer_get(options->fit->optimizer),
                 .count = count};
    *first = g->n_nodes;
    if (count == 0)
        return FV_OK;
    u.step = fv_calloc(ctx, room, sizeof *u.step);
    u.decays = fv_calloc(ctx, room, sizeof *u.decays);
    u.rates = fv_calloc(ctx, room, sizeof *u.rates);
    u.since = fv_calloc(ctx, room, sizeof *u.since);
    u.list = fv_calloc(ctx, room, sizeof *u.list);
    fv_status status = u.step && u.decays && u.rates && u.since && u.list ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = collect(&u, options, params, gradients);
    if (status == FV_OK)
        status = append(&u, first);
    fv_free(ctx, u.step);
    fv_free(ctx, u.decays);
    fv_free(ctx, u.rates);
    fv_free(ctx, u.since);
    fv_free(ctx, u.list);
    return status;
}
