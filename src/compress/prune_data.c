/* SPDX-License-Identifier: Apache-2.0 */
/* What channels are worth by samples: how much the loss hangs on their weights, or how much of them is read. */
#include <math.h>
#include <string.h>

#include "compress/prune.h"
#include "data/loader.h"
#include "train/judge.h"
#include "train/settings.h"

/* Samples at a time. */
enum { BATCH = 16 };

typedef struct look {
    fv_pruner *p;
    fv_loader *loader;
    int64_t batch, seen;
} look;

typedef fv_status (*take_fn)(void *user, const fv_batch *batch);

static int64_t batch_of(const fv_pruner *p)
{
    const int64_t all = fv_dataset_count(p->o.data), most = all < p->o.samples ? all : p->o.samples;
    return most < BATCH ? most : BATCH;
}

static fv_status check_data(const fv_pruner *p, const char *what)
{
    fv_ctx *ctx = p->model->ctx;
    FV_TRY(fv_model_need_plain(p->model, what));
    if (!p->o.data)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_pruner_create: %s needs a data set", what);
    if (fv_dataset_count(p->o.data) == 0)
        return fv_fail(ctx, FV_ERR_DATA_EMPTY, "no samples to look at for %s", what);
    return FV_OK;
}

/* The first samples of the shuffled order, in whole batches. */
static fv_status look_at(fv_pruner *p, take_fn take, void *user)
{
    fv_ctx *ctx = p->model->ctx;
    look l = {.p = p, .batch = batch_of(p)};
    const fv_loader_options o = {.batch_size = l.batch, .shuffle = true, .drop_last = true, .seed = 0};
    fv_status status = fv_loader_create(p->o.data, &p->model->pipeline, &o, &l.loader);
    if (status == FV_OK)
        status = fv_loader_start(l.loader, 0, 0);
    for (fv_batch batch; status == FV_OK && l.seen + l.batch <= p->o.samples; l.seen += batch.n) {
        status = fv_loader_next(l.loader, &batch);
        if (status != FV_OK || batch.n < l.batch)
            break;
        status = take(user, &batch);
        if (status == FV_OK)
            status = fv_watch(ctx, "looked at", "images", l.seen + batch.n, p->o.samples);
    }
    if (status == FV_OK && l.seen == 0)
        status = fv_fail(ctx, FV_ERR_DATA_EMPTY, "fewer than %lld of the images could be read", (long long)l.batch);
    fv_loader_destroy(&l.loader);
    return status;
}

/* ---- gradients ---- */

typedef struct slopes {
    fv_pruner *p;
    fv_program *program;
    fv_instance *instance;
    const fv_port *image, *target;
    float *room, **sums; /* by maker: of |w dL/dw| */
    size_t most;
} slopes;

static fv_status take_slopes(void *user, const fv_batch *batch)
{
    slopes *s = user;
    const fv_pipeline *l = &s->p->model->pipeline;
    const size_t size = (size_t)(l->h * l->w * l->c) * sizeof(float);
    FV_TRY(fv_instance_write(s->instance, s->image, batch->images, (size_t)batch->n * size));
    FV_TRY(fv_instance_write(s->instance, s->target, batch->labels, (size_t)batch->n * sizeof *batch->labels));
    FV_TRY(fv_instance_run(s->instance, NULL));
    for (int32_t i = 0; i < s->p->n_makers; i++) {
        const prune_maker *m = &s->p->makers[i];
        const fv_port *port = fv_program_port(s->program, FV_PORT_GRADIENT, m->val->name);
        const int64_t n = fv_shape_count(&m->val->shape);
        const float *w = fv_slot_data(fv_model_slot_of(s->p->model, m->val->id));
        if (!port)
            continue;
        FV_TRY(fv_instance_read(s->instance, port, s->room, (size_t)n * sizeof *s->room));
        for (int64_t e = 0; e < n; e++)
            s->sums[i][e] += fabsf(w[e] * s->room[e]);
    }
    return FV_OK;
}

static fv_status compile_loss(slopes *s, const fv_loss *loss)
{
    const fv_model *m = s->p->model;
    fv_graph *g = NULL;
    FV_TRY(fv_pass_loss(m->graph, loss, 1, &g, NULL));
    const fv_node *node = g->outputs[m->graph->n_outputs]->def;
    const fv_program_options o = {.batch = batch_of(s->p),
                                  .dtype = FV_F32,
                                  .lowering = FV_LOWER_DIFFERENTIABLE,
                                  .optimize = true,
                                  .objectives = &(fv_objective){node->out[0]->name, 1},
                                  .n_objectives = 1,
                                  .stores = {fv_model_store(s->p->model)}};
    fv_status status = fv_program_create(m->ctx, g, &o, &s->program);
    if (status == FV_OK)
        status = fv_instance_create(s->program, NULL, NULL, &s->instance);
    if (status == FV_OK) {
        s->image = fv_program_port(s->program, FV_PORT_INPUT, m->graph->vals[m->input.id]->name);
        s->target = fv_program_port(s->program, FV_PORT_INPUT, node->in[1]->name);
    }
    fv_graph_destroy(&g);
    return status;
}

static fv_status open_slopes(slopes *s)
{
    fv_pruner *p = s->p;
    fv_ctx *ctx = p->model->ctx;
    const fv_fit_options usual = {.loss = NULL};
    fv_loss loss = {.target_dtype = FV_I32};
    if (p->model->task != FV_TASK_CLASSIFY || fv_dataset_task(p->o.data) != FV_TASK_CLASSIFY)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_UNSUPPORTED,
                                    "the taylor method reads the loss of classes, and this is "
                                    "another task"),
                            "use --method activation, or l1, which need no labels");
    FV_TRY(fv_settings_loss(ctx, &usual, &loss.op));
    FV_TRY(fv_judge_scores(p->model, &loss));
    s->sums = fv_calloc(ctx, (size_t)p->n_makers + 1, sizeof *s->sums);
    for (int32_t i = 0; s->sums && i < p->n_makers; i++) {
        const size_t n = (size_t)fv_shape_count(&p->makers[i].val->shape);
        s->most = n > s->most ? n : s->most;
        s->sums[i] = fv_calloc(ctx, n, sizeof **s->sums);
        if (!s->sums[i])
            return FV_ERR_NO_MEMORY;
    }
    s->room = fv_malloc(ctx, (s->most + 1) * sizeof *s->room);
    return s->sums && s->room ? compile_loss(s, &loss) : FV_ERR_NO_MEMORY;
}

fv_status fv_prune_score_taylor(fv_pruner *p)
{
    fv_ctx *ctx = p->model->ctx;
    slopes s = {.p = p};
    FV_TRY(check_data(p, "the taylor method"));
    fv_status status = open_slopes(&s);
    if (status == FV_OK)
        status = look_at(p, take_slopes, &s);
    for (int32_t i = 0; status == FV_OK && i < p->n_makers; i++) {
        const prune_maker *m = &p->makers[i];
        double *numbers = fv_malloc(ctx, ((size_t)m->val->shape.dim[m->dim] + 1) * sizeof *numbers);
        status = numbers ? FV_OK : FV_ERR_NO_MEMORY;
        if (numbers)
            fv_prune_note_filters(p, m, s.sums[i], false, numbers);
        fv_free(ctx, numbers);
    }
    fv_instance_destroy(&s.instance);
    fv_program_release(&s.program);
    for (int32_t i = 0; s.sums && i < p->n_makers; i++)
        fv_free(ctx, s.sums[i]);
    fv_free(ctx, s.sums);
    fv_free(ctx, s.room);
    return status;
}

/* ---- activations ---- */

typedef struct readings {
    fv_pruner *p;
    fv_session *session;
    const fv_val **vals; /* that weights read and of which channels can go */
    const char **names;
    double **sums; /* by value and channel: of |x| */
    int32_t n;
    float *room;
} readings;

static bool has_classes(const fv_pruner *p, const fv_val *val)
{
    const int last = val->shape.rank - 1;
    for (int64_t i = 0; i < val->shape.dim[last]; i++) {
        const int64_t k = fv_channels_class(p->channels, val, last, i);
        if (k >= 0 && p->classes[k].group >= 0)
            return true;
    }
    return false;
}

static bool is_listed(const readings *r, const fv_val *val)
{
    for (int32_t i = 0; i < r->n; i++)
        if (r->vals[i] == val)
            return true;
    return false;
}

static fv_status open_readings(readings *r)
{
    const fv_model *m = r->p->model;
    const fv_graph *g = m->graph;
    int64_t most = 1;
    const int64_t batch = batch_of(r->p);
    r->vals = fv_calloc(m->ctx, (size_t)g->n_nodes + 1, sizeof *r->vals);
    r->names = fv_calloc(m->ctx, (size_t)g->n_nodes + 1, sizeof *r->names);
    r->sums = fv_calloc(m->ctx, (size_t)g->n_nodes + 1, sizeof *r->sums);
    if (!r->vals || !r->names || !r->sums)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; i < r->p->n_makers; i++) {
        const fv_val *val = r->p->makers[i].node->in[0];
        if (val->role != FV_ROLE_COMPUTED || fv_model_for_training(m, val->id) || is_listed(r, val) ||
            !has_classes(r->p, val))
            continue;
        r->vals[r->n] = val;
        r->names[r->n] = val->name;
        r->sums[r->n] = fv_calloc(m->ctx, (size_t)val->shape.dim[val->shape.rank - 1], sizeof **r->sums);
        if (!r->sums[r->n++])
            return FV_ERR_NO_MEMORY;
        most = fv_shape_count(&val->shape) > most ? fv_shape_count(&val->shape) : most;
    }
    r->room = fv_malloc(m->ctx, (size_t)(most * batch) * sizeof *r->room);
    if (!r->room)
        return FV_ERR_NO_MEMORY;
    const fv_session_options o = {.batch = batch, .values = r->names, .n_values = r->n};
    return fv_session_create_with(r->p->model, &o, &r->session);
}

static fv_status take_readings(void *user, const fv_batch *batch)
{
    readings *r = user;
    const fv_pipeline *l = &r->p->model->pipeline;
    memcpy(fv_session_input(r->session), batch->images, (size_t)(batch->n * l->h * l->w * l->c) * sizeof(float));
    FV_TRY(fv_session_run(r->session));
    for (int32_t i = 0; i < r->n; i++) {
        const int64_t n = batch->n * fv_shape_count(&r->vals[i]->shape);
        const int64_t channels = r->vals[i]->shape.dim[r->vals[i]->shape.rank - 1];
        FV_TRY(fv_session_get(r->session, r->names[i], r->room, (size_t)n * sizeof *r->room));
        for (int64_t e = 0; e < n; e++)
            r->sums[i][e % channels] += fabs((double)r->room[e]);
    }
    return FV_OK;
}

fv_status fv_prune_score_activation(fv_pruner *p)
{
    fv_ctx *ctx = p->model->ctx;
    readings r = {.p = p};
    FV_TRY(check_data(p, "the activation method"));
    fv_status status = open_readings(&r);
    if (status == FV_OK)
        status = look_at(p, take_readings, &r);
    for (int32_t i = 0; i < r.n; i++) {
        if (status == FV_OK)
            fv_prune_note(p, r.vals[i], r.vals[i]->shape.rank - 1, r.sums[i]);
        fv_free(ctx, r.sums[i]);
    }
    fv_session_destroy(&r.session);
    fv_free(ctx, r.vals);
    fv_free(ctx, r.names);
    fv_free(ctx, r.sums);
    fv_free(ctx, r.room);
    return status;
}
