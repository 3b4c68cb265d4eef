/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time goes: a table for people, a trace for a browser. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/file.h"
#include "exec/internal.h"
#include "kernels/gemm/gemm.h"

/* ---- the roof ---- */

#define FV_ROOF_ROUNDS 40000
#define FV_ROOF_TRIES  5

typedef struct roof_job {
    const fv_gemm_kernels *gemm;
} roof_job;

static void roof_task(void *arg, int64_t task, int worker)
{
    const roof_job *roof = arg;
    float sink = 1.0f;
    (void)task;
    (void)worker;
    roof->gemm->peak(FV_ROOF_ROUNDS, &sink);
}

void fv_program_measure_roof(fv_program *p)
{
    int threads = fv_ctx_threads(p->ctx);
    roof_job roof = {0};
    for (int32_t n = 0; n < p->n_steps && !roof.gemm; n++)
        roof.gemm = p->steps[n].plan ? p->steps[n].plan->kernels->gemm : NULL;
    if (!roof.gemm)
        return;
    float sink = 1.0f;
    double work = (double)roof.gemm->peak(FV_ROOF_ROUNDS, &sink) * threads;
    /* The best of several: the first ones wake threads and raise the clock. */
    for (int i = 0; i < FV_ROOF_TRIES; i++) {
        double begin = fv_time_monotonic();
        fv_parallel(p->ctx, threads, 0, roof_task, &roof);
        double seconds = fv_time_monotonic() - begin;
        if (seconds > 0.0 && work / seconds > p->roof)
            p->roof = work / seconds;
    }
}

/* ---- text ---- */

static int profile_order(const void *pa, const void *pb)
{
    const fv_instance_step *a = *(const fv_instance_step *const *)pa, *b = *(const fv_instance_step *const *)pb;
    if (a->seconds != b->seconds)
        return a->seconds > b->seconds ? -1 : 1;
    return a->call.node->id < b->call.node->id ? -1 : 1;
}

fv_cost fv_node_cost(const fv_node *node)
{
    if (node->op->cost)
        return node->op->cost(node);
    fv_cost cost = {0};
    for (int32_t i = 0; i < node->n_out; i++)
        cost.flops += (double)fv_shape_count(&node->out[i]->shape);
    for (int32_t i = 0; i < node->n_in; i++) {
        if (node->in[i])
            cost.bytes += (double)fv_shape_count(&node->in[i]->shape) * (double)fv_dtype_size(node->in[i]->dtype);
    }
    for (int32_t i = 0; i < node->n_out; i++)
        cost.bytes += (double)fv_shape_count(&node->out[i]->shape) * (double)fv_dtype_size(node->out[i]->dtype);
    return cost;
}

void fv_instance_profile_text(const fv_instance *x, fv_str *out)
{
    const fv_program *p = x->program;
    double total = 0.0, flops = 0.0;
    const fv_instance_step **order = fv_malloc(p->ctx, ((size_t)p->n_steps + 1) * sizeof *order);
    int32_t count = 0;
    if (!order) {
        out->failed = true;
        return;
    }
    for (int32_t n = 0; n < p->n_steps; n++) {
        const fv_step *s = &p->steps[n];
        if (!s->plan || s->once)
            continue;
        order[count++] = &x->steps[n];
        total += x->steps[n].seconds;
        flops += fv_node_cost(s->node).flops;
    }
    qsort(order, (size_t)count, sizeof *order, profile_order);
    double runs = x->runs > 0 ? (double)x->runs : 1.0;
    double percent = p->roof > 0.0 ? 100.0 / (p->roof * 1e-9) : 0.0;
    fv_str_printf(out, "%10s %7s %10s %7s %9s  %-22s %-28s %s\n", "ms", "share", "GFLOP/s", "of peak", "GB/s",
                  "operator", "solver", "node");
    for (int32_t i = 0; i < count; i++) {
        const fv_instance_step *t = order[i];
        const fv_step *s = &p->steps[t->call.node->id];
        fv_cost cost = fv_node_cost(s->node);
        double seconds = t->seconds / runs, per = seconds > 0.0 ? 1e-9 / seconds : 0.0;
        fv_str_printf(out, "%10.4f %6.2f%% %10.2f %6.2f%% %9.2f  %-22s %-28s %s\n", seconds * 1e3,
                      total > 0.0 ? 100.0 * t->seconds / total : 0.0, cost.flops * per, cost.flops * per * percent,
                      cost.bytes * per, s->node->op->name, s->plan->solver->name, s->node->name);
    }
    double rate = total > 0.0 ? flops * runs / total * 1e-9 : 0.0;
    fv_str_printf(out,
                  "%10.4f %6.2f%% %10.2f %6.2f%% %9s  %" PRId64 " runs, %" PRId32
                  " nodes; peak %.1f GFLOP/s on %d threads\n",
                  total / runs * 1e3, total > 0.0 ? 100.0 : 0.0, rate, rate * percent, "", x->runs, count,
                  p->roof * 1e-9, fv_ctx_threads(p->ctx));
    fv_free(p->ctx, order);
}

void fv_instance_profile_trace(const fv_instance *x, fv_str *out)
{
    const fv_program *p = x->program;
    char number[32];
    fv_json j = {.out = out};
    fv_json_begin_object(&j);
    fv_json_key(&j, "displayTimeUnit");
    fv_json_string(&j, "ms");
    fv_json_key(&j, "traceEvents");
    fv_json_begin_array(&j);
    for (int32_t n = 0; n < p->n_steps; n++) {
        const fv_step *s = &p->steps[n];
        if (!s->plan || s->once)
            continue;
        fv_json_begin_object(&j);
        fv_json_key(&j, "name");
        fv_json_string(&j, s->node->name);
        fv_json_key(&j, "cat");
        fv_json_string(&j, s->node->op->name);
        fv_json_key(&j, "ph");
        fv_json_string(&j, "X");
        fv_json_key(&j, "pid");
        fv_json_int(&j, 1);
        fv_json_key(&j, "tid");
        fv_json_int(&j, 1);
        fv_json_key(&j, "ts");
        fv_json_real(&j, x->steps[n].last_begin * 1e6);
        fv_json_key(&j, "dur");
        fv_json_real(&j, x->steps[n].last_seconds * 1e6);
        fv_json_key(&j, "args");
        fv_json_begin_object(&j);
        fv_json_key(&j, "problem");
        fv_json_string(&j, s->plan->problem.text);
        fv_json_key(&j, "solver");
        fv_json_string(&j, s->plan->solver->name);
        fv_json_key(&j, "flops");
        fv_json_string(&j, fv_double_text(fv_node_cost(s->node).flops, number));
        fv_json_end_object(&j);
        fv_json_end_object(&j);
    }
    fv_json_end_array(&j);
    fv_json_end_object(&j);
}
