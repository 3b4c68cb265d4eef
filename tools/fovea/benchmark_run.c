/* SPDX-License-Identifier: Apache-2.0 */
/* Networks under the clock. */
#include "benchmark.h"

#include <string.h>
#include <sys/stat.h>

#include "watch.h"

enum { TURNS = 5, SCORING_BATCH = 32 };

/* ---- making ready ---- */

void benchmark_close_all(benchmark_network *networks, int count)
{
    for (int i = 0; i < count; i++) {
        fv_bench_network_destroy(&networks[i].network);
        fv_model_destroy(&networks[i].model);
        fv_ctx_destroy(&networks[i].ctx);
    }
}

static fv_status open_model(settings *c, benchmark_network *x)
{
    const fv_zoo_options zoo = {.img_size = {c->img_size[0], c->img_size[1]}, .dropout = -1};
    FV_TRY(context_open(c, &x->ctx));
    return report(x->ctx, model_open(x->ctx, c, x->path, &zoo, &x->model, &x->loaded));
}

static fv_status open_one(settings *c, int64_t batch, benchmark_network *x)
{
    struct stat file;
    fv_footprint need;
    FV_TRY(open_model(c, x));
    x->row.file_bytes = x->loaded && stat(x->path, &file) == 0 ? (int64_t)file.st_size : 0;
    fv_status status = x->loaded ? FV_OK : fv_model_init(x->model, 0, FV_INIT_DEFAULT);
    if (status == FV_OK)
        status = fv_model_footprint(x->model, FV_NUMBERS_FLOAT32, &need);
    if (status == FV_OK)
        status = fv_bench_network_create(x->model, batch, c->benchmark_layers, &x->network);
    if (status == FV_OK) {
        x->row.parameters = need.parameters;
        x->row.macs = need.macs;
    }
    return report(x->ctx, status);
}

/* ---- how good they are ---- */

/* The first metric of the model's task: top-1, mAP, ... */
static const fv_metric *metric_of(fv_task task)
{
    int count;
    const fv_metric *list = fv_metric_list(&count);
    for (int i = 1; i < count; i++)
        if (list[i].called[task])
            return &list[i];
    return &list[0];
}

static fv_status score_model(fv_ctx *ctx, settings *c, const char *name, fv_model *model, benchmark_score *s)
{
    fv_metrics m;
    fv_dataset *data = NULL;
    if (!c->split)
        FV_TRY(split_choose(ctx, c));
    fv_status status = data_open(ctx, c, c->split, model, &data);
    if (status == FV_OK)
        status = fv_evaluate(model, data, SCORING_BATCH, 0, &m);
    if (status == FV_OK)
        status = metrics_lost(&m, data, name);
    fv_dataset_destroy(&data);
    if (status != FV_OK)
        return status;
    *s = (benchmark_score){.metric = metric_of(m.task), .samples = m.samples};
    s->value = fv_metric_value(s->metric, &m);
    return FV_OK;
}

/* In a context of its own, as what it takes is no memory of the runs that are timed. */
static fv_status score_one(settings *c, benchmark_network *x)
{
    fv_status status = open_model(c, x);
    if (status == FV_OK && !x->loaded)
        status = complain(FV_ERR_CONFLICT, "name a model file, or leave --data out",
                          "%s has no weights: --data scores networks that are trained", x->path);
    if (status == FV_OK) {
        watch_begin(c, x->ctx);
        status = report(x->ctx, score_model(x->ctx, c, x->row.name, x->model, &x->row.score));
        watch_end();
    }
    benchmark_close_all(x, 1);
    return status;
}

fv_status benchmark_score_all(settings *c, benchmark_network *networks, int count)
{
    for (int i = 0; c->data && i < count; i++)
        FV_TRY(score_one(c, &networks[i]));
    return FV_OK;
}

/* ---- running ---- */

fv_status benchmark_run_all(settings *c, benchmark_network *networks, int count, int64_t threads, int64_t batch)
{
    benchmark_close_all(networks, count);
    c->threads = threads;
    for (int i = 0; i < count; i++)
        FV_TRY(open_one(c, batch, &networks[i]));
    for (int turn = 0; turn < (c->bench_seconds > 0 ? TURNS : 1); turn++)
        for (int i = 0; i < count; i++)
            FV_TRY(report(networks[i].ctx, fv_bench_network_run(networks[i].network, c->bench_seconds / TURNS)));
    for (int i = 0; i < count; i++) {
        benchmark_row *r = &networks[i].row;
        fv_bench_network_figures(networks[i].network, &r->figures);
        r->threads = threads;
        r->batch = batch;
        r->images_a_second = r->figures.p50_ms > 0 ? 1e3 * (double)batch / r->figures.p50_ms : 0;
    }
    return FV_OK;
}

fv_status benchmark_files(settings *c, const char *const *files, const char *const *names, int count, int64_t threads,
                          int64_t batch, benchmark_row *rows)
{
    benchmark_network networks[MAX_NETWORKS];
    if (count > MAX_NETWORKS)
        return complain(FV_ERR_VALUE, "compare fewer", "%d networks side by side: %d at most", count, MAX_NETWORKS);
    for (int i = 0; i < count; i++)
        networks[i] = (benchmark_network){.path = files[i], .row.name = names ? names[i] : files[i]};
    c->threads = threads;
    fv_status status = benchmark_score_all(c, networks, count);
    if (status == FV_OK)
        status = benchmark_run_all(c, networks, count, threads, batch);
    for (int i = 0; i < count; i++)
        rows[i] = networks[i].row;
    benchmark_close_all(networks, count);
    return status;
}
