/* SPDX-License-Identifier: Apache-2.0 */
/* fovea benchmark: what networks cost to run, side by side. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "amounts.h"
#include "bench.h"
#include "options.h"
#include "output.h"
#include "show.h"
#include "watch.h"

/* Networks take turns, so that a busy moment of the machine meets all of them. */
enum { TURNS = 5 };

/* A network at a batch size and a number of threads. */
typedef struct contestant {
    const char *name;
    fv_ctx *ctx;
    fv_model *model;
    fv_bench_network *network;
    fv_footprint need;
    fv_bench_figures figures;
    int64_t file_bytes; /* 0: it has none */
    bool loaded;        /* has trained weights */
} contestant;

/* How good a network is on --data. */
typedef struct score {
    const fv_metric *metric; /* NULL: not scored */
    double value;
    int64_t samples;
} score;

typedef struct benchmark {
    settings *c;
    int64_t threads[BENCH_COUNTS], batches[BENCH_COUNTS];
    int n_threads, n_batches;
    contestant networks[MAX_NETWORKS];
    score scores[MAX_NETWORKS]; /* found once: neither threads nor the batch change them */
    int count;
    int64_t thread_count, batch; /* of now */
    bool began;
    json_t *rows;
} benchmark;

/* ---- making ready ---- */

static void close_all(benchmark *b)
{
    for (int i = 0; i < MAX_NETWORKS; i++) {
        contestant *x = &b->networks[i];
        fv_bench_network_destroy(&x->network);
        fv_model_destroy(&x->model);
        fv_ctx_destroy(&x->ctx);
    }
}

/* A context of its own for each, so that its memory is known. */
static fv_status open_model(benchmark *b, contestant *x)
{
    settings *c = b->c;
    const fv_zoo_options zoo = {.img_size = {c->img_size[0], c->img_size[1]}, .dropout = -1};
    c->threads = b->thread_count;
    FV_TRY(context_open(c, &x->ctx));
    return report(x->ctx, model_open(x->ctx, c, x->name, &zoo, &x->model, &x->loaded));
}

static fv_status open_one(benchmark *b, contestant *x)
{
    struct stat file;
    FV_TRY(open_model(b, x));
    x->file_bytes = x->loaded && stat(x->name, &file) == 0 ? (int64_t)file.st_size : 0;
    fv_status status = x->loaded ? FV_OK : fv_model_init(x->model, 0, FV_INIT_DEFAULT);
    if (status == FV_OK)
        status = fv_model_footprint(x->model, FV_NUMBERS_FLOAT32, &x->need);
    if (status == FV_OK)
        status = fv_bench_network_create(x->model, b->batch, b->c->benchmark_layers, &x->network);
    return report(x->ctx, status);
}

/* ---- how good they are ---- */

enum { SCORING_BATCH = 32 };

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

static fv_status score_model(fv_ctx *ctx, settings *c, const char *name, fv_model *model, score *s)
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
    *s = (score){.metric = metric_of(m.task), .samples = m.samples};
    s->value = fv_metric_value(s->metric, &m);
    return FV_OK;
}

/* In a context of its own, as what it takes is no memory of the runs that are timed. */
static fv_status score_one(benchmark *b, const char *name, score *s)
{
    contestant x = {.name = name};
    fv_status status = open_model(b, &x);
    if (status == FV_OK && !x.loaded)
        status = complain(FV_ERR_CONFLICT, "name a model file, or leave --data out",
                          "%s has no weights: --data scores networks that are trained", name);
    if (status == FV_OK) {
        watch_begin(b->c, x.ctx);
        status = report(x.ctx, score_model(x.ctx, b->c, name, x.model, s));
        watch_end();
    }
    fv_model_destroy(&x.model);
    fv_ctx_destroy(&x.ctx);
    return status;
}

static fv_status score_all(benchmark *b)
{
    b->thread_count = b->threads[0];
    for (int i = 0; b->c->data && i < b->count; i++)
        FV_TRY(score_one(b, b->c->positional[i], &b->scores[i]));
    return FV_OK;
}

/* "91.50 % top-1", or "". */
static const char *score_text(const score *s, char text[64])
{
    char value[32];
    text[0] = '\0';
    if (s->metric)
        snprintf(text, 64, "%s%s %s", fv_metric_text(s->metric, s->value, value), s->metric->percent ? " %" : "",
                 s->metric->name);
    return text;
}

/* ---- showing ---- */

static double images_a_second(const benchmark *b, const contestant *x)
{
    return x->figures.p50_ms > 0 ? 1e3 * (double)b->batch / x->figures.p50_ms : 0;
}

static int name_width(const benchmark *b)
{
    int width = 8;
    for (int i = 0; i < b->count; i++) {
        const int n = (int)strlen(b->networks[i].name);
        width = n > width ? n : width;
    }
    return width;
}

static void print_networks(const benchmark *b)
{
    const int width = name_width(b);
    char params[AMOUNT_MAX], macs[AMOUNT_MAX], weights[AMOUNT_MAX], file[AMOUNT_MAX] = "-";
    printf("%s, %s\n", fv_ctx_processor(b->networks[0].ctx), fv_ctx_isa(b->networks[0].ctx));
    if (b->c->data)
        printf("scored on %s (%s): %lld samples\n", b->c->data, b->c->split, (long long)b->scores[0].samples);
    printf("\n%-*s  %-12s  parameters  multiply-adds    weights       file%s\n", width, "network", "input",
           b->c->data ? "  score" : "");
    for (int i = 0; i < b->count; i++) {
        const contestant *x = &b->networks[i];
        char size[48], scored[64];
        int64_t h, w, channels;
        fv_model_input_size(x->model, &h, &w, &channels);
        snprintf(size, sizeof size, "%lldx%lldx%lld", (long long)h, (long long)w, (long long)channels);
        if (x->file_bytes > 0)
            amount_bytes((double)x->file_bytes, file);
        show_text(stdout, x->name);
        printf("%*s  %-12s  %10s  %13s %10s %10s%s%s\n", width - (int)strlen(x->name), "", size,
               amount_count((double)x->need.parameters, params), amount_count(x->need.macs, macs),
               amount_bytes((double)x->figures.weight_bytes, weights), file, b->c->data ? "  " : "",
               score_text(&b->scores[i], scored));
        snprintf(file, sizeof file, "-");
    }
    printf("\n%-*s  threads  batch     p50 ms     p90 ms     p99 ms   images/s   runs    planned       peak\n", width,
           "network");
}

static void print_layers(const contestant *x)
{
    fv_bench_layer l;
    double total = 0;
    for (int i = 0; fv_bench_network_layer(x->network, i, &l); i++)
        total += l.ms;
    printf("\n        ms  share  GFLOP/s     GB/s  %-18s %-30s layer\n", "operator", "solver");
    for (int i = 0; fv_bench_network_layer(x->network, i, &l); i++) {
        printf("%10.4f %5.1f%% %8.1f %8.2f  %-18s %-30s ", l.ms, total > 0 ? 100 * l.ms / total : 0,
               l.ms > 0 ? 1e-6 * l.flops / l.ms : 0, l.ms > 0 ? 1e-6 * l.bytes / l.ms : 0, l.op, l.solver);
        show_text(stdout, l.name);
        putchar('\n');
    }
    putchar('\n');
}

static void print_text(const benchmark *b)
{
    if (!b->began)
        print_networks(b);
    for (int i = 0; i < b->count; i++) {
        const contestant *x = &b->networks[i];
        char planned[AMOUNT_MAX], peak[AMOUNT_MAX];
        show_text(stdout, x->name);
        printf("%*s  %7lld %6lld %10.3f %10.3f %10.3f %10.1f %6lld %10s %10s\n", name_width(b) - (int)strlen(x->name),
               "", (long long)b->thread_count, (long long)b->batch, x->figures.p50_ms, x->figures.p90_ms,
               x->figures.p99_ms, images_a_second(b, x), (long long)x->figures.runs,
               amount_bytes((double)x->figures.planned_bytes, planned),
               amount_bytes((double)x->figures.peak_bytes, peak));
        if (b->c->benchmark_layers)
            print_layers(x);
    }
    fflush(stdout);
}

static void print_csv(const benchmark *b)
{
    fv_bench_layer l;
    if (!b->began)
        printf("network,threads,batch,layer,operator,solver,ms,p50_ms,p90_ms,p99_ms,best_ms,runs,img_per_s,parameters,"
               "macs,weight_bytes,file_bytes,planned_bytes,peak_bytes,metric,score,samples\n");
    for (int i = 0; i < b->count; i++) {
        const contestant *x = &b->networks[i];
        const fv_bench_figures *f = &x->figures;
        show_csv(stdout, x->name);
        printf(",%lld,%lld,,,,,%.6g,%.6g,%.6g,%.6g,%lld,%.6g,%lld,%.0f,%lld,%lld,%lld,%lld", (long long)b->thread_count,
               (long long)b->batch, f->p50_ms, f->p90_ms, f->p99_ms, f->best_ms, (long long)f->runs,
               images_a_second(b, x), (long long)x->need.parameters, x->need.macs, (long long)f->weight_bytes,
               (long long)x->file_bytes, (long long)f->planned_bytes, (long long)f->peak_bytes);
        const score *s = &b->scores[i];
        if (s->metric)
            printf(",%s,%.10g,%lld\n", s->metric->name, s->value, (long long)s->samples);
        else
            puts(",,,");
        for (int k = 0; fv_bench_network_layer(x->network, k, &l); k++) {
            show_csv(stdout, x->name);
            printf(",%lld,%lld,", (long long)b->thread_count, (long long)b->batch);
            show_csv(stdout, l.name);
            printf(",%s,%s,%.6g,,,,,,,,,,,,,,,\n", l.op, l.solver, l.ms);
        }
    }
    fflush(stdout);
}

static void add_json(benchmark *b)
{
    fv_bench_layer l;
    for (int i = 0; i < b->count; i++) {
        const contestant *x = &b->networks[i];
        const fv_bench_figures *f = &x->figures;
        json_t *row = json_pack("{s:o, s:I, s:I, s:f, s:f, s:f, s:f, s:I, s:f, s:I, s:f, s:I, s:I, s:I, s:I}",
                                "network", show_json(x->name), "threads", (json_int_t)b->thread_count, "batch",
                                (json_int_t)b->batch, "p50_ms", f->p50_ms, "p90_ms", f->p90_ms, "p99_ms", f->p99_ms,
                                "best_ms", f->best_ms, "runs", (json_int_t)f->runs, "img_per_s", images_a_second(b, x),
                                "parameters", (json_int_t)x->need.parameters, "macs", x->need.macs, "weight_bytes",
                                (json_int_t)f->weight_bytes, "file_bytes", (json_int_t)x->file_bytes, "planned_bytes",
                                (json_int_t)f->planned_bytes, "peak_bytes", (json_int_t)f->peak_bytes);
        const score *s = &b->scores[i];
        if (s->metric) {
            json_object_set_new(row, "metric", json_string(s->metric->name));
            json_object_set_new(row, "score", isfinite(s->value) ? json_real(s->value) : json_null());
            json_object_set_new(row, "samples", json_integer((json_int_t)s->samples));
        }
        json_t *layers = json_array();
        for (int k = 0; fv_bench_network_layer(x->network, k, &l); k++)
            json_array_append_new(layers,
                                  json_pack("{s:o, s:s, s:s, s:f, s:f, s:f}", "layer", show_json(l.name), "operator",
                                            l.op, "solver", l.solver, "ms", l.ms, "flops", l.flops, "bytes", l.bytes));
        if (b->c->benchmark_layers)
            json_object_set(row, "layers", layers);
        json_decref(layers);
        json_array_append_new(b->rows, row);
    }
}

/* ---- the verb ---- */

static fv_status run_all(benchmark *b)
{
    for (int i = 0; i < b->count; i++)
        FV_TRY(open_one(b, &b->networks[i]));
    for (int turn = 0; turn < (b->c->bench_seconds > 0 ? TURNS : 1); turn++)
        for (int i = 0; i < b->count; i++)
            FV_TRY(
                report(b->networks[i].ctx, fv_bench_network_run(b->networks[i].network, b->c->bench_seconds / TURNS)));
    for (int i = 0; i < b->count; i++)
        fv_bench_network_figures(b->networks[i].network, &b->networks[i].figures);
    if (b->c->out == OUT_TEXT)
        print_text(b);
    else if (b->c->out == OUT_CSV)
        print_csv(b);
    else
        add_json(b);
    b->began = true;
    return FV_OK;
}

static void print_json(const benchmark *b, const char *processor, const char *isa)
{
    json_t *all = json_pack("{s:s, s:s, s:s, s:f, s:O}", "version", fv_version(), "processor", processor,
                            "instruction_set", isa, "seconds", b->c->bench_seconds, "rows", b->rows);
    json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(all);
}

static fv_status read_counts(benchmark *b)
{
    const settings *c = b->c;
    b->batches[0] = b->n_batches = 1;
    if (c->bench_batches)
        FV_TRY(bench_counts("batch-size", c->bench_batches, 1000000, b->batches, &b->n_batches));
    return bench_threads(b->c, b->threads, &b->n_threads);
}

/* What says something of data has no effect without any. */
static fv_status check_options(const settings *c)
{
    for (int i = 0; !c->data && i < n_options; i++)
        if (((options[i].verbs & V_ALL_DATA) == V_ALL_DATA || strcmp(options[i].key, "split") == 0) &&
            option_given(options[i].key))
            return complain(FV_ERR_CONFLICT, "add --data, on which the networks are scored",
                            "--%s has no effect here: it needs --data", options[i].key);
    return FV_OK;
}

fv_status verb_benchmark(settings *c)
{
    static benchmark b;
    char processor[256] = "", isa[32] = "";
    b = (benchmark){.c = c, .count = c->n_positional};
    if (b.count == 0)
        return complain(FV_ERR_USAGE, NULL, "fovea benchmark: say which network: a name, or a file");
    FV_TRY(output_form(c));
    FV_TRY(check_options(c));
    FV_TRY(read_counts(&b));
    b.rows = json_array();
    fv_status status = score_all(&b);
    for (int t = 0; status == FV_OK && t < b.n_threads; t++)
        for (int k = 0; status == FV_OK && k < b.n_batches; k++) {
            b.thread_count = b.threads[t];
            b.batch = b.batches[k];
            for (int i = 0; i < b.count; i++)
                b.networks[i] = (contestant){.name = c->positional[i]};
            status = run_all(&b);
            if (status == FV_OK) {
                snprintf(processor, sizeof processor, "%s", fv_ctx_processor(b.networks[0].ctx));
                snprintf(isa, sizeof isa, "%s", fv_ctx_isa(b.networks[0].ctx));
            }
            close_all(&b);
        }
    if (status == FV_OK && c->out == OUT_JSON)
        print_json(&b, processor, isa);
    json_decref(b.rows);
    return status;
}
