/* SPDX-License-Identifier: Apache-2.0 */
#include "train/sanity_probe.h"

#include <math.h>
#include <string.h>

/* Images at a time, and bytes that what is looked at of them may take. */
enum { LOOKED_AT = 16, ROOM = 256 << 20 };

/* ---- activations ---- */

/* What an activation may be: 0 for a unit whatever comes in, or at an end of its range. */
typedef struct ways {
    bool dies, saturates;
} ways;

static ways ways_of(const fv_node *node)
{
    const uint32_t traits = node->op->traits, cut = FV_T_MONOTONE | FV_T_BOUNDED;
    int32_t fused = FV_ACT_NONE;
    if (traits & FV_T_FUSES_ACTIVATION)
        memcpy(&fused, node->attr, sizeof fused);
    return (ways){.dies = (traits & cut) == cut || fused == FV_RELU || fused == FV_RELU6,
                  .saturates =
                      (traits & FV_T_SATURATES) || fused == FV_SIGMOID || fused == FV_TANH || fused == FV_HARD_SIGMOID};
}

static int64_t channels(const fv_shape *shape)
{
    return shape->dim[shape->rank - 1];
}

static fv_status list_units(const fv_graph *g, fv_sanity *s)
{
    fv_sanity_units *list = fv_arena_alloc(s->arena, ((size_t)g->n_nodes + 1) * sizeof *list);
    if (!list)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        const fv_val *out = g->nodes[i]->n_out > 0 ? g->nodes[i]->out[0] : NULL;
        const ways can = ways_of(g->nodes[i]);
        if (!out || out->dtype != FV_F32 || out->shape.rank < 2 || !(can.dies || can.saturates))
            continue;
        const double dead = can.dies ? 0 : NAN, bound = can.saturates ? 0 : NAN;
        list[s->n_units++] = (fv_sanity_units){
            .name = out->name, .units = channels(&out->shape), .dead = {dead, dead}, .bound = {bound, bound}};
    }
    s->units = list;
    return FV_OK;
}

fv_status fv_probe_begin(const fv_trainer *t, fv_sanity *s)
{
    const fv_model *m = t->model;
    fv_sanity_weights *list = fv_arena_alloc(s->arena, ((size_t)m->n_slots + 1) * sizeof *list);
    if (!list)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < m->n_slots; i++)
        if (m->slots[i].kind == FV_SLOT_WEIGHT && !t->frozen[i])
            list[s->n_weights++] = (fv_sanity_weights){.name = m->slots[i].name, .gradient = {NAN, NAN}};
    s->weights = list;
    return list_units(m->graph, s);
}

/* A program that computes the activations, and what they have been for the images so far. */
typedef struct look {
    fv_ctx *ctx;
    fv_program *program;
    fv_instance *instance;
    const fv_port *image;
    const char **names;
    bool **alive;      /* by activation, by unit */
    double *ends;      /* by activation: elements at an end */
    int64_t images, n; /* looked at, and at a time */
    float *copy;       /* of what is on a device */
} look;

static void close_look(look *k, int n_units)
{
    fv_instance_destroy(&k->instance);
    fv_program_release(&k->program);
    for (int i = 0; k->alive && i < n_units; i++)
        fv_free(k->ctx, k->alive[i]);
    fv_free(k->ctx, k->alive);
    fv_free(k->ctx, k->ends);
    fv_free(k->ctx, k->names);
    fv_free(k->ctx, k->copy);
}

/* Elements of the largest of the activations, for one image, and of all of them. */
static int64_t sizes(const fv_graph *g, const fv_sanity *s, int64_t *all)
{
    int64_t most = 1;
    *all = 0;
    for (int i = 0; i < s->n_units; i++) {
        const int64_t n = fv_shape_count(&fv_graph_find(g, s->units[i].name)->shape);
        most = n > most ? n : most;
        *all += n;
    }
    return most;
}

static fv_status open_look(const fv_trainer *t, const fv_sanity_data *data, const fv_sanity *s, look *k)
{
    const size_t room = (size_t)s->n_units + 1;
    int64_t all, n = LOOKED_AT;
    const int64_t most = sizes(t->model->graph, s, &all);
    while (n > 2 && n * all * (int64_t)sizeof(float) > ROOM)
        n /= 2;
    k->n = n < data->batches[0].n ? n : data->batches[0].n;
    k->names = fv_calloc(k->ctx, room, sizeof *k->names);
    k->alive = fv_calloc(k->ctx, room, sizeof *k->alive);
    k->ends = fv_calloc(k->ctx, room, sizeof *k->ends);
    k->copy = fv_calloc(k->ctx, (size_t)(k->n * most), sizeof *k->copy);
    if (!k->names || !k->alive || !k->ends || !k->copy)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < s->n_units; i++) {
        k->names[i] = s->units[i].name;
        k->alive[i] = fv_calloc(k->ctx, (size_t)s->units[i].units, sizeof **k->alive);
        if (!k->alive[i])
            return FV_ERR_NO_MEMORY;
    }
    const fv_program_options options = {.batch = k->n,
                                        .dtype = FV_F32,
                                        .lowering = t->options.freeze_norm ? FV_LOWER_FROZEN : FV_LOWER_TRAINING,
                                        .optimize = true,
                                        .values = k->names,
                                        .n_values = s->n_units,
                                        .wisdom = t->wisdom,
                                        .stores = {fv_model_store(t->model)}};
    FV_TRY(fv_program_create(k->ctx, t->model->graph, &options, &k->program));
    FV_TRY(fv_instance_create(k->program, NULL, NULL, &k->instance));
    k->image = fv_program_port_at(k->program, FV_PORT_INPUT, 0);
    return FV_OK;
}

/* Elements of a value at an end of its range: 0 or -1, and 1. */
static int64_t count_ends(const float *v, int64_t n)
{
    static const float near = 0.02f;
    bool below = false;
    int64_t ends = 0;
    for (int64_t i = 0; i < n && !below; i++)
        below = v[i] < 0;
    for (int64_t i = 0; i < n; i++)
        ends += v[i] > 1 - near || (below ? v[i] < near - 1 : v[i] < near);
    return ends;
}

static fv_status take_values(look *k, const fv_sanity *s)
{
    for (int i = 0; i < s->n_units; i++) {
        const fv_port *port = fv_program_port(k->program, FV_PORT_OUTPUT, s->units[i].name);
        const int64_t n = fv_shape_count(&port->val->shape), width = s->units[i].units;
        const float *v = fv_instance_map(k->instance, port);
        if (!v) {
            FV_TRY(fv_instance_read(k->instance, port, k->copy, (size_t)n * sizeof(float)));
            v = k->copy;
        }
        for (int64_t e = 0; !isnan(s->units[i].dead[0]) && e < n; e++)
            k->alive[i][e % width] |= v[e] != 0;
        if (!isnan(s->units[i].bound[0]))
            k->ends[i] += (double)count_ends(v, n) / (double)n;
    }
    k->images += k->n;
    return FV_OK;
}

/* Images one behind the other; the last ones of a batch that would not fill a run again with those before them. */
static fv_status look_at(look *k, const fv_sanity_data *data, const fv_sanity *s)
{
    const size_t size = (size_t)(data->h * data->w * data->c);
    for (int b = 0; b < data->count; b++) {
        const fv_batch *batch = &data->batches[b];
        for (int64_t first = 0; first < batch->n && batch->n >= k->n; first += k->n) {
            const int64_t begin = first + k->n <= batch->n ? first : batch->n - k->n;
            FV_TRY(fv_instance_write(k->instance, k->image, batch->images + (size_t)begin * size,
                                     (size_t)k->n * size * sizeof(float)));
            FV_TRY(fv_instance_run(k->instance, &(fv_run){.seed = 0}));
            FV_TRY(take_values(k, s));
        }
    }
    return FV_OK;
}

fv_status fv_probe_units(const fv_trainer *t, const fv_sanity_data *data, int when, fv_sanity *s)
{
    look k = {.ctx = t->ctx};
    if (s->n_units == 0)
        return FV_OK;
    fv_status status = open_look(t, data, s, &k);
    if (status == FV_OK)
        status = look_at(&k, data, s);
    fv_model_device_changed(t->model); /* running statistics */
    for (int i = 0; status == FV_OK && i < s->n_units; i++) {
        fv_sanity_units *u = (fv_sanity_units *)(uintptr_t)&s->units[i];
        int64_t alive = 0;
        for (int64_t c = 0; c < u->units; c++)
            alive += k.alive[i][c];
        if (!isnan(u->dead[0]))
            u->dead[when] = 1 - (double)alive / (double)u->units;
        if (!isnan(u->bound[0]))
            u->bound[when] = k.ends[i] * (double)k.n / (double)k.images;
    }
    close_look(&k, s->n_units);
    return status;
}

/* ---- weights ---- */

static double length(const float *v, int64_t n)
{
    double squares = 0;
    for (int64_t i = 0; i < n; i++)
        squares += (double)v[i] * (double)v[i];
    return sqrt(squares);
}

void fv_probe_gradients(fv_trainer *t, int when, fv_sanity *s)
{
    fv_model_sync(t->model);
    for (int i = 0; i < s->n_weights; i++) {
        fv_sanity_weights *w = (fv_sanity_weights *)(uintptr_t)&s->weights[i];
        fv_shape shape;
        const float *gradient = fv_trainer_gradient_of(t, w->name, &shape);
        const fv_slot *slot = fv_model_slot(t->model, w->name);
        if (gradient)
            w->gradient[when] = length(gradient, fv_shape_count(&shape));
        if (when == 0)
            w->norm = length(fv_slot_data(slot), fv_shape_count(&slot->shape));
    }
}

void fv_probe_change(const fv_model *m, const char *before, fv_sanity *s)
{
    fv_model_sync(m);
    for (int k = 0, i = 0; k < m->n_slots; k++) {
        const fv_slot *slot = &m->slots[k];
        const int64_t n = fv_shape_count(&slot->shape);
        if (i < s->n_weights && strcmp(s->weights[i].name, slot->name) == 0) {
            const float *now = fv_slot_data(slot), *then = (const float *)(const void *)before;
            double squares = 0;
            for (int64_t e = 0; e < n; e++)
                squares += ((double)now[e] - (double)then[e]) * ((double)now[e] - (double)then[e]);
            ((fv_sanity_weights *)(uintptr_t)&s->weights[i++])->change = sqrt(squares);
        }
        before += fv_tensor_bytes(slot->data);
    }
}
