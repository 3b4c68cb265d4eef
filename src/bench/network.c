/* SPDX-License-Identifier: Apache-2.0 */
/* A model's inference under the clock. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "bench/internal.h"
#include "exec/internal.h"
#include "model/model.h"

/* Of so many runs the spread is known; what comes behind them is not kept. */
#define RUNS_MAX 65536

struct fv_bench_network {
    fv_ctx *ctx;
    fv_program *program;
    fv_instance *instance;
    int64_t weight_bytes;
    int64_t runs;
    double *seconds; /* of each run */
    int32_t *order;  /* steps that every run takes */
    int n_layers;
};

static int64_t bytes_of(const fv_val *val)
{
    return fv_shape_count(&val->shape) * (int64_t)fv_dtype_size(val->dtype);
}

/* Filters in integers are constants. */
static int64_t weight_bytes(const fv_graph *g)
{
    int64_t bytes = 0;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_role role = g->vals[i]->role;
        if (role == FV_ROLE_PARAM || role == FV_ROLE_STATE || role == FV_ROLE_CONST)
            bytes += bytes_of(g->vals[i]);
    }
    return bytes;
}

/* Floats are normal numbers, integers 0. */
static fv_status fill_input(fv_bench_network *b, const fv_port *port)
{
    const int64_t count = fv_shape_count(&port->val->shape);
    void *data = fv_calloc(b->ctx, (size_t)count, fv_dtype_size(port->val->dtype));
    if (!data)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; fv_dtype_is_float(port->val->dtype) && i < count; i += 2) {
        uint32_t word[4];
        float pair[2];
        fv_philox(0, FV_RANDOM_TEST, (uint64_t)i, 0, word);
        fv_normal2(word[0], word[1], pair);
        fv_dtype_set(port->val->dtype, data, i, (double)pair[0]);
        if (i + 1 < count)
            fv_dtype_set(port->val->dtype, data, i + 1, (double)pair[1]);
    }
    fv_status status = fv_instance_write(b->instance, port, data, (size_t)bytes_of(port->val));
    fv_free(b->ctx, data);
    return status;
}

static fv_status make(fv_bench_network *b, fv_model *model, int64_t batch, bool layers)
{
    const fv_program_options options = {
        .batch = batch, .dtype = FV_F32, .optimize = true, .profile = layers, .stores = {fv_model_store(model)}};
    const fv_port *port;
    FV_TRY(fv_program_create(b->ctx, model->graph, &options, &b->program));
    FV_TRY(fv_instance_create(b->program, NULL, NULL, &b->instance));
    b->weight_bytes = weight_bytes(model->graph);
    b->seconds = fv_calloc(b->ctx, RUNS_MAX, sizeof *b->seconds);
    b->order = fv_calloc(b->ctx, (size_t)b->program->n_steps + 1, sizeof *b->order);
    if (!b->seconds || !b->order)
        return FV_ERR_NO_MEMORY;
    for (int32_t n = 0; layers && n < b->program->n_steps; n++)
        if (b->program->steps[n].plan && !b->program->steps[n].once)
            b->order[b->n_layers++] = n;
    for (int32_t i = 0; (port = fv_program_port_at(b->program, FV_PORT_INPUT, i)); i++)
        FV_TRY(fill_input(b, port));
    return fv_instance_run(b->instance, NULL); /* weights are packed, caches warm */
}

fv_status fv_bench_network_create(fv_model *model, int64_t batch, bool layers, fv_bench_network **network)
{
    fv_ctx *ctx = model->ctx;
    *network = NULL;
    if (!model->finished || batch < 1)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_bench_network_create: %s",
                       batch < 1 ? "the batch must be 1 or more" : "the model is not finished");
    fv_bench_network *b = fv_new(ctx, fv_bench_network);
    if (!b)
        return FV_ERR_NO_MEMORY;
    b->ctx = ctx;
    fv_status status = make(b, model, batch, layers);
    if (status != FV_OK)
        fv_bench_network_destroy(&b);
    *network = b;
    return status;
}

void fv_bench_network_destroy(fv_bench_network **network)
{
    fv_bench_network *b = network ? *network : NULL;
    if (!b)
        return;
    fv_instance_destroy(&b->instance);
    fv_program_release(&b->program);
    fv_free(b->ctx, b->seconds);
    fv_free(b->ctx, b->order);
    fv_free(b->ctx, b);
    *network = NULL;
}

fv_status fv_bench_network_run(fv_bench_network *b, double seconds)
{
    const double begin = fv_time_monotonic();
    double now = begin;
    do {
        const double start = now;
        FV_TRY(fv_instance_run(b->instance, NULL));
        now = fv_time_monotonic();
        if (b->runs < RUNS_MAX)
            b->seconds[b->runs++] = now - start;
    } while (now - begin < seconds);
    return FV_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The smallest time that so large a share of the runs did not exceed. */
static double percentile(const double *sorted, int64_t count, double share)
{
    const int64_t at = (int64_t)ceil(share * (double)count) - 1;
    return count > 0 ? 1e3 * sorted[at < 0 ? 0 : at] : 0.0;
}

void fv_bench_network_figures(fv_bench_network *b, fv_bench_figures *f)
{
    *f = (fv_bench_figures){.runs = b->runs, .weight_bytes = b->weight_bytes};
    qsort(b->seconds, (size_t)b->runs, sizeof *b->seconds, by_value);
    f->best_ms = percentile(b->seconds, b->runs, 0.0);
    f->p50_ms = percentile(b->seconds, b->runs, 0.5);
    f->p90_ms = percentile(b->seconds, b->runs, 0.9);
    f->p99_ms = percentile(b->seconds, b->runs, 0.99);
    f->planned_bytes = b->weight_bytes + fv_program_memory_use(b->program).total;
    fv_ctx_memory(b->ctx, NULL, &f->peak_bytes);
}

bool fv_bench_network_layer(const fv_bench_network *b, int i, fv_bench_layer *layer)
{
    if (i < 0 || i >= b->n_layers)
        return false;
    const fv_instance_step *t = &b->instance->steps[b->order[i]];
    const fv_step *s = &b->program->steps[b->order[i]];
    const fv_cost cost = fv_node_cost(s->node);
    const double runs = b->instance->runs > 0 ? (double)b->instance->runs : 1.0;
    *layer = (fv_bench_layer){.name = s->node->name,
                              .op = s->node->op->name,
                              .solver = s->plan->solver->name,
                              .ms = 1e3 * t->seconds / runs,
                              .flops = cost.flops,
                              .bytes = cost.bytes};
    return true;
}
