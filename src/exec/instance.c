/* SPDX-License-Identifier: Apache-2.0 */
/* Instances: memory and addresses, running, writing and reading. */
#include "exec/internal.h"

#include <string.h>

#include "base/file.h"
#include "exec/scratch.h"

/* ---- memory and addresses ---- */

/* The elements of a constant, through host memory. */
static fv_status fill_constant(fv_program *p, const fv_val *val)
{
    const fv_device *d = p->device;
    const fv_placement *place = &p->places[val->id];
    void *host = fv_malloc(p->ctx, (size_t)place->bytes + 1);
    if (!host)
        return FV_ERR_NO_MEMORY;
    fv_const_fill(val, host);
    d->upload(d->user, (char *)p->lasting + place->offset, host, (size_t)place->bytes);
    fv_free(p->ctx, host);
    return FV_OK;
}

/* The program's own memory, made with its first instance. */
static fv_status make_lasting(fv_program *p)
{
    const fv_graph *g = p->graph;
    size_t bytes = p->memory.packed > 0 ? (size_t)p->memory.packed : 1;
    p->lasting = p->device->alloc(p->device->user, p->ctx, bytes);
    if (!p->lasting)
        return FV_ERR_NO_MEMORY;
    fv_status status = FV_OK;
    for (int32_t i = 0; status == FV_OK && i < g->n_vals; i++) {
        if (g->vals[i]->role == FV_ROLE_CONST && p->places[i].root == i)
            status = fill_constant(p, g->vals[i]);
    }
    if (status != FV_OK) {
        p->device->release(p->device->user, p->ctx, p->lasting);
        p->lasting = NULL;
    }
    return status;
}

static void *address(const fv_instance *x, int32_t id)
{
    const fv_program *p = x->program;
    const fv_placement *place = &p->places[p->places[id].root];
    const int64_t block = p->memory.inputs_end;
    char *scratch = x->scratch->data;
    switch (place->section) {
    case FV_IN_BLOCK:
    case FV_IN_REFRESH:
        return scratch + block + place->offset;
    case FV_IN_INPUTS:
        return scratch + place->offset;
    case FV_IN_LASTING:
        return (char *)p->lasting + place->offset;
    case FV_IN_STORE:
        id = p->places[id].root;
        return x->own_states && x->own_states[id] ? x->own_states[id] : place->data;
    case FV_IN_NONE:
        break;
    }
    return NULL;
}

void fv_instance_bind(fv_instance *x)
{
    const fv_program *p = x->program;
    char *workspace = (char *)x->scratch->data + p->memory.workspace_begin;
    for (int32_t i = 0; i < p->graph->n_vals; i++)
        x->data[i] = address(x, i);
    for (int32_t n = 0; n < p->n_steps; n++) {
        const fv_step *s = &p->steps[n];
        fv_instance_step *t = &x->steps[n];
        for (int32_t i = 0; i < s->node->n_in; i++)
            t->in[i] = s->node->in[i] ? x->data[s->node->in[i]->id] : NULL;
        for (int32_t i = 0; i < s->node->n_out; i++)
            t->out[i] = x->data[s->node->out[i]->id];
        char *packed = s->pack_once ? (char *)p->lasting : workspace;
        t->call.workspace = workspace;
        t->call.packed = s->packed > 0 ? packed + s->packed_offset : NULL;
    }
}

/* Everything of an instance that does not depend on where its memory lies. */
static fv_status make_steps(fv_instance *x)
{
    const fv_program *p = x->program;
    x->data = fv_arena_alloc(x->arena, ((size_t)p->graph->n_vals + 1) * sizeof *x->data);
    x->steps = fv_arena_alloc(x->arena, ((size_t)p->n_steps + 1) * sizeof *x->steps);
    if (!x->data || !x->steps)
        return FV_ERR_NO_MEMORY;
    for (int32_t n = 0; n < p->n_steps; n++) {
        const fv_step *s = &p->steps[n];
        const fv_node *node = s->node;
        fv_instance_step *t = &x->steps[n];
        size_t room = (size_t)(node->op->n_in_max > node->n_in ? node->op->n_in_max : node->n_in) + 1;
        t->in = fv_arena_alloc(x->arena, room * sizeof *t->in);
        t->out = fv_arena_alloc(x->arena, ((size_t)node->n_out + 1) * sizeof *t->out);
        if (!t->in || !t->out)
            return FV_ERR_NO_MEMORY;
        t->call = (fv_call){
            .node = node,
            .in = t->in,
            .out = t->out,
            .shards = s->plan ? s->plan->problem.shards : 1,
            .piece = p->options.part.total > 0 ? p->options.batch : 0,
            .total = p->options.part.total,
        };
    }
    return FV_OK;
}

/* Copies of the STATE tensors that the instance has for itself. */
static fv_status copy_states(fv_instance *x, const fv_binding *states)
{
    const fv_program *p = x->program;
    const fv_device *d = p->device;
    x->own_states = fv_arena_alloc(x->arena, ((size_t)p->graph->n_vals + 1) * sizeof *x->own_states);
    if (!x->own_states)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; i < p->graph->n_vals; i++) {
        const fv_val *v = p->graph->vals[i];
        const void *host = v->role == FV_ROLE_STATE ? states->find(states->user, v->name, &v->shape) : NULL;
        if (!host)
            continue;
        x->own_states[i] = d->alloc(d->user, p->ctx, (size_t)p->places[i].bytes + 1);
        if (!x->own_states[i])
            return FV_ERR_NO_MEMORY;
        d->upload(d->user, x->own_states[i], host, (size_t)p->places[i].bytes);
    }
    return FV_OK;
}

static fv_status make_memory(fv_instance *x, fv_scratch *shared)
{
    fv_program *p = x->program;
    const fv_device *d = p->device;
    fv_scratch *s = shared;
    if (!s) {
        FV_TRY(fv_scratch_create(p->ctx, &s));
        x->owns_scratch = true;
    }
    fv_scratch_join(s, x);
    int64_t more = p->memory.instance - (s->data ? s->size : 0);
    FV_TRY(fv_program_check_budget(p, (p->lasting ? 0 : p->memory.packed) + (more > 0 ? more : 0)));
    if (!p->lasting)
        FV_TRY(make_lasting(p));
    FV_TRY(fv_scratch_reserve(s, p->memory.instance));
    if (!shared) /* inputs that nobody writes read as zero */
        d->fill(d->user, s->data, 0, (size_t)p->memory.inputs);
    fv_instance_bind(x);
    return FV_OK;
}

fv_status fv_instance_create(fv_program *program, fv_scratch *scratch, const fv_binding *states, fv_instance **instance)
{
    *instance = NULL;
    fv_instance *x = fv_new(program->ctx, fv_instance);
    if (!x)
        return FV_ERR_NO_MEMORY;
    x->program = fv_program_retain(program);
    fv_status status = fv_arena_create(program->ctx, &x->arena);
    if (status == FV_OK)
        status = make_steps(x);
    if (status == FV_OK && states && states->find)
        status = copy_states(x, states);
    if (status == FV_OK) {
        pthread_mutex_lock(&program->mutex);
        status = make_memory(x, scratch);
        if (status == FV_OK && program->options.profile && program->roof == 0.0)
            fv_program_measure_roof(program);
        pthread_mutex_unlock(&program->mutex);
    }
    if (status != FV_OK)
        fv_instance_destroy(&x);
    *instance = x;
    return status;
}

void fv_instance_destroy(fv_instance **instance)
{
    fv_instance *x = instance ? *instance : NULL;
    if (!x)
        return;
    fv_program *p = x->program;
    const fv_device *d = p->device;
    for (int32_t i = 0; x->own_states && i < p->graph->n_vals; i++) {
        if (x->own_states[i])
            d->release(d->user, p->ctx, x->own_states[i]);
    }
    if (x->scratch)
        fv_scratch_leave(x->scratch, x);
    if (x->owns_scratch)
        fv_scratch_destroy(&x->scratch);
    fv_arena_destroy(&x->arena);
    fv_free(p->ctx, x);
    fv_program_release(&p);
    *instance = NULL;
}

fv_program *fv_instance_program(const fv_instance *x)
{
    return x->program;
}

/* ---- running ---- */

typedef struct step_job {
    const fv_step *step;
    fv_instance_step *own;
    bool pack, run;
} step_job;

static void step_work(void *arg)
{
    const step_job *job = arg;
    const fv_plan *plan = job->step->plan;
    const fv_call *call = &job->own->call;
    if (job->pack)
        plan->solver->pack(plan, call, (void *)(uintptr_t)call->packed);
    if (job->run)
        plan->solver->run(plan, call);
}

static void step_submit(const fv_instance *x, int32_t n, bool pack, bool run)
{
    const fv_device *d = x->program->device;
    step_job job = {&x->program->steps[n], &x->steps[n], pack, run};
    d->submit(d->user, step_work, &job);
}

static void refresh(fv_program *p, fv_instance *x)
{
    /* In order, so that what is packed may itself have been computed here. */
    for (int32_t n = 0; n < p->n_steps; n++) {
        const fv_step *s = &p->steps[n];
        if (!s->plan)
            continue;
        if (s->once)
            step_submit(x, n, s->packed > 0 && !s->pack_once, true);
        else if (s->packed > 0 && s->pack_once)
            step_submit(x, n, true, false);
    }
    p->device->synchronize(p->device->user);
    atomic_store_explicit(&p->refreshed, true, memory_order_release);
}

fv_status fv_program_refresh(fv_program *program, fv_instance *instance)
{
    pthread_mutex_lock(&program->mutex);
    refresh(program, instance);
    pthread_mutex_unlock(&program->mutex);
    return FV_OK;
}

static void run_step(fv_instance *x, int32_t n, double origin)
{
    const fv_step *s = &x->program->steps[n];
    fv_instance_step *t = &x->steps[n];
    if (!x->program->options.profile) {
        step_submit(x, n, s->packed > 0 && !s->pack_once, true);
        return;
    }
    double begin = fv_time_monotonic();
    step_submit(x, n, s->packed > 0 && !s->pack_once, true);
    x->program->device->synchronize(x->program->device->user);
    t->last_begin = begin - origin;
    t->last_seconds = fv_time_monotonic() - begin;
    t->seconds += t->last_seconds;
}

/* The value that all pieces of the batch make one sum of, which their peers do on the host. */
static fv_status meet(const fv_instance *x, const fv_val *val, int32_t index, const fv_peers *peers)
{
    const fv_device *d = x->program->device;
    void *data = x->data[val->id], *host = data;
    const int64_t count = fv_shape_count(&val->shape);
    const size_t bytes = (size_t)count * fv_dtype_size(val->dtype);
    d->synchronize(d->user);
    if (!d->host_memory) {
        host = fv_malloc(x->program->ctx, bytes);
        if (!host)
            return FV_ERR_NO_MEMORY;
        d->download(d->user, host, data, bytes);
    }
    fv_status status = peers->combine(peers->user, index, host, count, val->dtype);
    if (host != data) {
        d->upload(d->user, data, host, bytes);
        fv_free(x->program->ctx, host);
    }
    return status;
}

static fv_status check_run(const fv_program *p, const fv_run *run)
{
    const fv_program_options *o = &p->options;
    if (run->samples < 0 || run->samples > o->batch)
        return fv_fail(p->ctx, FV_ERR_ARGUMENT, "a run of %lld samples: compiled for at most %lld",
                       (long long)run->samples, (long long)o->batch);
    const int64_t total = o->part.total > 0 ? o->part.total : o->batch;
    if (run->offset < 0 || run->offset % o->batch != 0 || run->offset + o->batch > total)
        return fv_fail(p->ctx, FV_ERR_ARGUMENT,
                       "a run from sample %lld on: pieces of %lld samples begin at a multiple "
                       "of that and lie in a batch of %lld",
                       (long long)run->offset, (long long)o->batch, (long long)total);
    return FV_OK;
}

fv_status fv_instance_run(fv_instance *x, const fv_run *run)
{
    static const fv_run plain;
    fv_program *p = x->program;
    run = run ? run : &plain;
    FV_TRY(fv_scratch_reserve(x->scratch, p->memory.instance)); /* gone where it could not be grown for another */
    FV_TRY(check_run(p, run));
    if (!atomic_load_explicit(&p->refreshed, memory_order_acquire)) {
        pthread_mutex_lock(&p->mutex);
        if (!atomic_load_explicit(&p->refreshed, memory_order_relaxed))
            refresh(p, x);
        pthread_mutex_unlock(&p->mutex);
    }
    const int64_t samples = run->samples < p->options.batch && !p->moves_samples ? run->samples : 0;
    const bool update = run->stage == FV_STAGE_UPDATE;
    double origin = p->options.profile ? fv_time_monotonic() : 0.0;
    int32_t meetings = 0;
    for (int32_t n = update ? p->first_update : 0; n < (update ? p->n_steps : p->first_update); n++) {
        const fv_step *s = &p->steps[n];
        if (!s->plan || s->once)
            continue;
        x->steps[n].call.seed = run->seed;
        x->steps[n].call.step = run->step;
        x->steps[n].call.samples = samples;
        x->steps[n].call.offset = run->offset;
        run_step(x, n, origin);
        if (run->peers && (s->node->op->traits & FV_T_MEETS))
            FV_TRY(meet(x, s->node->out[0], meetings++, run->peers));
    }
    p->device->synchronize(p->device->user);
    x->runs += !update;
    return FV_OK;
}

/* ---- writing and reading ---- */

static fv_status check_size(const fv_instance *x, const fv_port *port, size_t bytes)
{
    const fv_program *p = x->program;
    if (bytes <= (size_t)p->places[port->val->id].bytes)
        return FV_OK;
    return fv_fail(p->ctx, FV_ERR_ARGUMENT, "'%s': %zu bytes asked for, and it has %lld", port->name, bytes,
                   (long long)p->places[port->val->id].bytes);
}

fv_status fv_instance_write(fv_instance *x, const fv_port *port, const void *src, size_t bytes)
{
    const fv_device *d = x->program->device;
    FV_TRY(check_size(x, port, bytes));
    FV_TRY(fv_scratch_reserve(x->scratch, x->program->memory.instance));
    d->upload(d->user, x->data[port->val->id], src, bytes);
    return FV_OK;
}

fv_status fv_instance_read(const fv_instance *x, const fv_port *port, void *dst, size_t bytes)
{
    const fv_device *d = x->program->device;
    FV_TRY(check_size(x, port, bytes));
    FV_TRY(fv_scratch_reserve(x->scratch, x->program->memory.instance));
    d->download(d->user, dst, x->data[port->val->id], bytes);
    return FV_OK;
}

void *fv_instance_map(const fv_instance *x, const fv_port *port)
{
    return port && x->scratch->data && x->program->device->host_memory ? x->data[port->val->id] : NULL;
}

double fv_instance_scalar(const fv_instance *x, const fv_port *port)
{
    double room[1] = {0.0};
    if (!port)
        return 0.0;
    (void)fv_instance_read(x, port, room, fv_dtype_size(port->val->dtype));
    return fv_get(port->val->dtype, room, 0);
}
