/* SPDX-License-Identifier: Apache-2.0 */
/* Which channels go, and the model without them. */
#include "compress/prune.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const methods[FV_PRUNE_METHOD_COUNT + 1] = {"l1", "l2", "bn", "taylor", "activation", NULL};

const char *const *fv_prune_methods(void)
{
    return methods;
}

/* ---- making ---- */

static fv_status check_options(const fv_model *model, const fv_prune_options *o)
{
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' is not finished: it cannot be pruned", model->name);
    if ((unsigned)o->method >= FV_PRUNE_METHOD_COUNT || o->samples < 0 || o->round_to < 0)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "fv_pruner_create: method %d, %lld samples, round_to %lld",
                       (int)o->method, (long long)o->samples, (long long)o->round_to);
    return FV_OK;
}

static fv_status find_channels(fv_pruner *p)
{
    const fv_model *m = p->model;
    const fv_val *heads[FV_AUX_MAX];
    for (int i = 0; i < m->aux.count; i++)
        heads[i] = m->graph->vals[m->aux.head[i].val];
    FV_TRY(fv_channels_create(m->graph, heads, m->aux.count, &p->channels));
    FV_TRY(fv_prune_find_groups(p));
    if (p->n_groups > 0)
        return FV_OK;
    if (p->n_makers == 0)
        return fv_prune_fail_weightless(m);
    return fv_fail_hint(
        m->ctx,
        fv_fail(m->ctx, FV_ERR_MODEL, "model '%s': no channel can be taken away: those of every layer %s", m->name,
                p->o.skip ? "go into its results, are mixed by what follows, or are named to stay"
                          : "go into its results or are mixed by what follows"),
        "a network with layers between its input and its output has some; single weights can be zero in any "
        "(--unstructured)");
}

static void forget(fv_pruner *p)
{
    const fv_graph *g = p->model->graph;
    memset(p->gone, 0, ((size_t)p->channels->classes + 1) * sizeof *p->gone);
    for (int32_t v = 0; v < g->n_vals; v++)
        for (int d = 0; d < g->vals[v]->shape.rank; d++)
            p->left[FV_MAX_RANK * v + d] = g->vals[v]->shape.dim[d];
    for (int32_t i = 0; i < p->n_groups; i++)
        p->groups[i].left = p->groups[i].channels;
}

static fv_status open_pruner(fv_pruner *p)
{
    fv_ctx *ctx = p->model->ctx;
    FV_TRY(find_channels(p));
    p->gone = fv_calloc(ctx, (size_t)p->channels->classes + 1, sizeof *p->gone);
    p->left = fv_calloc(ctx, (size_t)p->model->graph->n_vals * FV_MAX_RANK + 1, sizeof *p->left);
    if (!p->gone || !p->left)
        return FV_ERR_NO_MEMORY;
    fv_model_sync(p->model);
    FV_TRY(fv_prune_score(p));
    forget(p);
    return FV_OK;
}

fv_status fv_pruner_create(fv_model *model, const fv_prune_options *options, fv_pruner **pruner)
{
    *pruner = NULL;
    FV_TRY(check_options(model, options));
    fv_pruner *p = fv_calloc(model->ctx, 1, sizeof *p);
    if (!p)
        return FV_ERR_NO_MEMORY;
    p->model = model;
    p->o = *options;
    p->o.round_to = options->round_to ? options->round_to : 8;
    p->o.samples = options->samples ? options->samples : 256;
    const fv_status status = open_pruner(p);
    if (status != FV_OK)
        fv_pruner_destroy(&p);
    *pruner = p;
    return status;
}

void fv_pruner_destroy(fv_pruner **pruner)
{
    fv_pruner *p = pruner ? *pruner : NULL;
    if (!p)
        return;
    fv_ctx *ctx = p->model->ctx;
    fv_channels_destroy(ctx, &p->channels);
    fv_free(ctx, p->makers);
    fv_free(ctx, p->groups);
    fv_free(ctx, p->classes);
    fv_free(ctx, p->spans);
    fv_free(ctx, p->order);
    fv_free(ctx, p->gone);
    fv_free(ctx, p->left);
    fv_free(ctx, p);
    *pruner = NULL;
}

int fv_pruner_groups(const fv_pruner *pruner)
{
    return pruner->n_groups;
}

fv_status fv_pruner_group(const fv_pruner *p, int i, fv_prune_group *group)
{
    if (i < 0 || i >= p->n_groups)
        return fv_fail(p->model->ctx, FV_ERR_VALUE, "a pruner with %d groups has no group %d", p->n_groups, i);
    const prune_group *g = &p->groups[i];
    *group = (fv_prune_group){g->maker->node->name, g->layers, g->channels, g->left};
    return FV_OK;
}

/* ---- choosing ---- */

/* What is left of a group of `all` channels that is to lose so many. */
static int64_t round_left(const fv_pruner *p, int64_t all, int64_t lost)
{
    const int64_t step = p->o.round_to, least = all < step ? all : step;
    if (lost <= 0)
        return all;
    const int64_t left = (all - lost + step / 2) / step * step;
    return left < least ? least : left > all ? all : left;
}

/* Nothing may become empty that the class has a part in. */
static bool can_go(const fv_pruner *p, const prune_class *c)
{
    for (int64_t i = c->span; i < c->end; i++)
        if (p->left[p->spans[i].row] <= p->spans[i].count)
            return false;
    return true;
}

static void let_go(fv_pruner *p, int64_t k)
{
    const prune_class *c = &p->classes[k];
    p->gone[k] = true;
    p->groups[c->group].left -= c->channels;
    for (int64_t i = c->span; i < c->end; i++)
        p->left[p->spans[i].row] -= p->spans[i].count;
}

/* The least worth of each group go, down to its goal. */
static void choose_to_goals(fv_pruner *p)
{
    forget(p);
    for (int64_t i = 0; i < p->n_order; i++) {
        const prune_class *c = &p->classes[p->order[i]];
        const prune_group *g = &p->groups[c->group];
        if (g->left - c->channels >= g->goal && can_go(p, c))
            let_go(p, p->order[i]);
    }
}

/* The first so many of all go, as rounding of each group lets them. */
static void choose_first(fv_pruner *p, int64_t first)
{
    for (int32_t g = 0; g < p->n_groups; g++)
        p->groups[g].goal = 0;
    for (int64_t i = 0; i < first; i++)
        p->groups[p->classes[p->order[i]].group].goal += p->classes[p->order[i]].channels;
    for (int32_t g = 0; g < p->n_groups; g++)
        p->groups[g].goal = round_left(p, p->groups[g].channels, p->groups[g].goal);
    choose_to_goals(p);
}

static void choose_alike(fv_pruner *p, double amount, int only)
{
    for (int32_t g = 0; g < p->n_groups; g++) {
        const int64_t lost = only < 0 || only == g ? llround(amount * (double)p->groups[g].channels) : 0;
        p->groups[g].goal = round_left(p, p->groups[g].channels, lost);
    }
    choose_to_goals(p);
}

/* How many of the order make up that share of all channels. */
static int64_t first_of(const fv_pruner *p, double amount)
{
    int64_t i = 0, sum = 0;
    const int64_t lost = llround(amount * (double)p->all);
    while (i < p->n_order && sum < lost)
        sum += p->classes[p->order[i++]].channels;
    return i;
}

fv_status fv_pruner_choose(fv_pruner *p, double amount, bool per_group, int only)
{
    if (!(amount >= 0 && amount < 1))
        return fv_fail_hint(p->model->ctx,
                            fv_fail(p->model->ctx, FV_ERR_VALUE,
                                    "amount %g: expected a share of the channels that "
                                    "go, from 0 to below 1",
                                    amount),
                            "1 would leave layers without a channel");
    if (only >= p->n_groups)
        return fv_fail(p->model->ctx, FV_ERR_VALUE, "a pruner with %d groups has no group %d", p->n_groups, only);
    if (per_group || only >= 0)
        choose_alike(p, amount, only);
    else
        choose_first(p, first_of(p, amount));
    return FV_OK;
}

static double count_macs(const fv_model *model, fv_val *const *map)
{
    const fv_graph *g = model->graph;
    double macs = 0;
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        if (node->n_out > 0 && !fv_model_for_training(model, node->out[0]->id))
            macs += fv_node_cost(map ? map[node->out[0]->id]->def : node).macs;
    }
    return macs;
}

fv_status fv_pruner_macs(fv_pruner *p, double *macs)
{
    fv_ctx *ctx = p->model->ctx;
    fv_graph *graph = NULL;
    fv_val **map = fv_calloc(ctx, (size_t)p->model->graph->n_vals + 1, sizeof(fv_val *));
    fv_status status = map ? fv_pass_narrow(p->channels, p->gone, &graph, map) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        *macs = count_macs(p->model, map);
    fv_graph_destroy(&graph);
    fv_free(ctx, map);
    return status;
}

/* A strength from 0 to `steps`: so many of the order, or that share of each group. */
static void choose_step(fv_pruner *p, bool per_group, int64_t step, int64_t steps)
{
    if (per_group)
        choose_alike(p, (double)step / (double)steps, -1);
    else
        choose_first(p, step);
}

/* The group whose next channels to come back are worth most, of those not tried; -1: there is none. */
static int32_t find_dearest(const fv_pruner *p, const bool *tried)
{
    for (int64_t i = p->n_order; i-- > 0;) {
        const int32_t g = p->classes[p->order[i]].group;
        if (p->gone[p->order[i]] && !tried[g])
            return g;
    }
    return -1;
}

/* Rounding lets go of more than it takes: what is worth most comes back, as far as it fits. */
static fv_status give_back(fv_pruner *p, double most)
{
    fv_ctx *ctx = p->model->ctx;
    bool *tried = fv_calloc(ctx, (size_t)p->n_groups + 1, sizeof *tried);
    fv_status status = tried ? FV_OK : FV_ERR_NO_MEMORY;
    for (int32_t g; status == FV_OK && (g = find_dearest(p, tried)) >= 0;) {
        prune_group *group = &p->groups[g];
        const int64_t goal = group->goal;
        double macs;
        group->goal = goal + p->o.round_to < group->channels ? goal + p->o.round_to : group->channels;
        choose_to_goals(p);
        status = fv_pruner_macs(p, &macs);
        tried[g] = group->goal == goal || status != FV_OK || macs > most;
        if (!tried[g])
            continue;
        group->goal = goal;
        choose_to_goals(p);
    }
    fv_free(ctx, tried);
    return status;
}

static fv_status check_least(fv_pruner *p, double share, double all, int64_t steps, bool per_group)
{
    fv_ctx *ctx = p->model->ctx;
    double macs;
    if (!(share > 0 && share <= 1))
        return fv_fail(ctx, FV_ERR_VALUE, "target of %g of the multiply-adds: expected a share from above 0 to 1",
                       share);
    choose_step(p, per_group, steps, steps);
    FV_TRY(fv_pruner_macs(p, &macs));
    if (macs <= share * all)
        return FV_OK;
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_VALUE,
                                "model '%s' cannot be pruned to %.3g of its multiply-adds: with the least of every "
                                "layer %.3g are left",
                                p->model->name, share, macs / all),
                        p->o.skip || p->o.round_to > 1
                            ? "ask for more, --skip fewer layers, or round to fewer channels (--round-to 1)"
                            : "ask for more");
}

fv_status fv_pruner_choose_macs(fv_pruner *p, double share, bool per_group)
{
    const double all = count_macs(p->model, NULL);
    const int64_t steps = per_group ? 1000 : p->n_order;
    int64_t low = 0, high = steps;
    FV_TRY(check_least(p, share, all, steps, per_group));
    while (low < high) { /* the first step at which so few are left */
        const int64_t middle = low + (high - low) / 2;
        double macs;
        choose_step(p, per_group, middle, steps);
        FV_TRY(fv_pruner_macs(p, &macs));
        if (macs <= share * all)
            high = middle;
        else
            low = middle + 1;
    }
    choose_step(p, per_group, high, steps);
    return per_group ? FV_OK : give_back(p, share * all);
}

/* ---- the model ---- */

static fv_status take_weights(const fv_pruner *p, fv_val *const *map, fv_model *copy)
{
    const fv_model *m = p->model;
    fv_status status = FV_OK;
    for (int i = 0; i < m->n_slots && status == FV_OK; i++) {
        const fv_slot *from = &m->slots[i], *to = fv_model_slot_of(copy, map[from->val]->id);
        size_t positions = 1;
        for (int d = 0; d < from->shape.rank; d++)
            positions += (size_t)from->shape.dim[d];
        bool *room = fv_malloc(m->ctx, positions * sizeof *room);
        if (!room)
            status = FV_ERR_NO_MEMORY;
        else
            fv_channels_gather(p->channels, p->gone, m->graph->vals[from->val], fv_dtype_size(from->dtype),
                               fv_tensor_const_data(from->data), fv_tensor_data(to->data), room);
        fv_free(m->ctx, room);
    }
    for (int i = 0; i < copy->n_counters; i++) {
        const fv_counter *counter = fv_model_counter(p->model, copy->counters[i].name);
        copy->counters[i].value = counter ? counter->value : 0;
    }
    fv_model_touch(copy);
    return status;
}

static fv_status build_copy(const fv_pruner *p, fv_val **map, fv_model *copy)
{
    fv_model *m = p->model;
    fv_graph *graph = NULL;
    FV_TRY(fv_pass_narrow(p->channels, p->gone, &graph, map));
    fv_model_take_graph(copy, &graph);
    FV_TRY(fv_model_complete_copy(m, map, copy));
    FV_TRY(take_weights(p, map, copy));
    if (m->card.has_class_names)
        FV_TRY(fv_model_take_class_names(copy, m->class_names, m->n_classes));
    copy->card.origin = m->card.origin;
    copy->card.pixels_said = m->card.pixels_said;
    return fv_model_note_before(m, "pruned", copy);
}

static const char *reason_to_stay(const fv_pruner *p, const prune_maker *m)
{
    if (m->can_shrink)
        return NULL;
    if (fv_text_match_any(p->o.skip, m->node->name))
        return "named by --skip";
    for (int64_t i = 0; i < m->val->shape.dim[m->dim]; i++)
        if (fv_channels_class(p->channels, m->val, m->dim, i) >= 0)
            return "shares its channels with one named by --skip";
    return "its channels go into the results, or are mixed by what follows";
}

static void fill_row(const fv_pruner *p, const fv_model *copy, fv_val *const *map, const prune_maker *m,
                     fv_prune_row *row)
{
    const fv_val *after = map[m->val->id];
    fv_layer_info info;
    *row = (fv_prune_row){.layer = m->node->name,
                          .channels = {m->val->shape.dim[m->dim], after->shape.dim[m->dim]},
                          .why = reason_to_stay(p, m)};
    for (int k = 0; k < 2; k++) {
        fv_model_layer(k ? copy : p->model, k ? map[m->node->out[0]->id]->def->id : m->node->id, &info);
        row->parameters[k] = info.parameters;
        row->macs[k] = info.macs;
    }
}

fv_status fv_pruner_apply(fv_pruner *p, fv_model **copy, fv_prune_row **rows, int *count)
{
    fv_ctx *ctx = p->model->ctx;
    fv_val **map = fv_calloc(ctx, (size_t)p->model->graph->n_vals + 1, sizeof(fv_val *));
    *copy = NULL;
    fv_status status = map ? fv_model_create(ctx, copy) : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = build_copy(p, map, *copy);
    if (rows) {
        *rows = fv_calloc(ctx, (size_t)p->n_makers + 1, sizeof **rows);
        *count = p->n_makers;
        status = status == FV_OK && !*rows ? FV_ERR_NO_MEMORY : status;
    }
    for (int32_t i = 0; status == FV_OK && rows && i < p->n_makers; i++)
        fill_row(p, *copy, map, &p->makers[i], &(*rows)[i]);
    fv_free(ctx, map);
    if (status != FV_OK)
        fv_model_destroy(copy);
    if (status != FV_OK && rows) {
        fv_free(ctx, *rows);
        *rows = NULL;
    }
    return status;
}

void fv_prune_rows_free(fv_ctx *ctx, fv_prune_row *rows)
{
    fv_free(ctx, rows);
}
