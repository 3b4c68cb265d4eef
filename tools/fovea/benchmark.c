/* SPDX-License-Identifier: Apache-2.0 */
/* fovea benchmark: what networks cost to run, side by side. */
#include "benchmark.h"

#include <math.h>
#include <string.h>

#include "amounts.h"
#include "bench.h"
#include "formats.h"
#include "options.h"
#include "output.h"
#include "show.h"

typedef struct benchmark {
    settings *c;
    int64_t threads[BENCH_COUNTS], batches[BENCH_COUNTS];
    int n_threads, n_batches;
    benchmark_network networks[MAX_NETWORKS];
    int count;
    int64_t thread_count, batch; /* of now */
    formats formats;             /* of --formats: files of one network; else none */
    bool began;
    json_t *rows;
} benchmark;

/* ---- showing ---- */

/* "91.50 % top-1", or "". */
static const char *score_text(const benchmark_score *s, char text[64])
{
    char value[32];
    text[0] = '\0';
    if (s->metric)
        snprintf(text, 64, "%s%s %s", fv_metric_text(s->metric, s->value, value), s->metric->percent ? " %" : "",
                 s->metric->name);
    return text;
}

static int name_width(const benchmark *b)
{
    int width = 8;
    for (int i = 0; i < b->count; i++) {
        const int n = (int)strlen(b->networks[i].row.name);
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
        printf("scored on %s (%s): %lld samples\n", b->c->data, b->c->split,
               (long long)b->networks[0].row.score.samples);
    printf("\n%-*s  %-12s  parameters  multiply-adds    weights       file%s\n", width, "network", "input",
           b->c->data ? "  score" : "");
    for (int i = 0; i < b->count; i++) {
        const benchmark_network *x = &b->networks[i];
        char size[48], scored[64];
        int64_t h, w, channels;
        fv_model_input_size(x->model, &h, &w, &channels);
        snprintf(size, sizeof size, "%lldx%lldx%lld", (long long)h, (long long)w, (long long)channels);
        if (x->row.file_bytes > 0)
            amount_bytes((double)x->row.file_bytes, file);
        show_text(stdout, x->row.name);
        printf("%*s  %-12s  %10s  %13s %10s %10s%s%s\n", width - (int)strlen(x->row.name), "", size,
               amount_count((double)x->row.parameters, params), amount_count(x->row.macs, macs),
               amount_bytes((double)x->row.figures.weight_bytes, weights), file, b->c->data ? "  " : "",
               score_text(&x->row.score, scored));
        snprintf(file, sizeof file, "-");
    }
    printf("\n%-*s  threads  batch     p50 ms     p90 ms     p99 ms   images/s   runs    planned       peak\n", width,
           "network");
}

static void print_layers(const benchmark_network *x)
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
        const benchmark_network *x = &b->networks[i];
        char planned[AMOUNT_MAX], peak[AMOUNT_MAX];
        show_text(stdout, x->row.name);
        printf("%*s  %7lld %6lld %10.3f %10.3f %10.3f %10.1f %6lld %10s %10s\n",
               name_width(b) - (int)strlen(x->row.name), "", (long long)b->thread_count, (long long)b->batch,
               x->row.figures.p50_ms, x->row.figures.p90_ms, x->row.figures.p99_ms, x->row.images_a_second,
               (long long)x->row.figures.runs, amount_bytes((double)x->row.figures.planned_bytes, planned),
               amount_bytes((double)x->row.figures.peak_bytes, peak));
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
        const benchmark_network *x = &b->networks[i];
        const fv_bench_figures *f = &x->row.figures;
        show_csv(stdout, x->row.name);
        printf(",%lld,%lld,,,,,%.6g,%.6g,%.6g,%.6g,%lld,%.6g,%lld,%.0f,%lld,%lld,%lld,%lld", (long long)b->thread_count,
               (long long)b->batch, f->p50_ms, f->p90_ms, f->p99_ms, f->best_ms, (long long)f->runs,
               x->row.images_a_second, (long long)x->row.parameters, x->row.macs, (long long)f->weight_bytes,
               (long long)x->row.file_bytes, (long long)f->planned_bytes, (long long)f->peak_bytes);
        const benchmark_score *s = &x->row.score;
        if (s->metric)
            printf(",%s,%.10g,%lld\n", s->metric->name, s->value, (long long)s->samples);
        else
            puts(",,,");
        for (int k = 0; fv_bench_network_layer(x->network, k, &l); k++) {
            show_csv(stdout, x->row.name);
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
        const benchmark_network *x = &b->networks[i];
        const fv_bench_figures *f = &x->row.figures;
        json_t *row = json_pack("{s:o, s:I, s:I, s:f, s:f, s:f, s:f, s:I, s:f, s:I, s:f, s:I, s:I, s:I, s:I}",
                                "network", show_json(x->row.name), "threads", (json_int_t)b->thread_count, "batch",
                                (json_int_t)b->batch, "p50_ms", f->p50_ms, "p90_ms", f->p90_ms, "p99_ms", f->p99_ms,
                                "best_ms", f->best_ms, "runs", (json_int_t)f->runs, "img_per_s", x->row.images_a_second,
                                "parameters", (json_int_t)x->row.parameters, "macs", x->row.macs, "weight_bytes",
                                (json_int_t)f->weight_bytes, "file_bytes", (json_int_t)x->row.file_bytes,
                                "planned_bytes", (json_int_t)f->planned_bytes, "peak_bytes", (json_int_t)f->peak_bytes);
        const benchmark_score *s = &x->row.score;
        if (b->formats.count > 0)
            json_object_set_new(row, "what", json_string(b->formats.format[i].what));
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

/* One table: what each format is, and what it costs. */
static void print_formats(const benchmark *b)
{
    char text[3][AMOUNT_MAX], scored[64];
    if (!b->began) {
        const benchmark_network *x = &b->networks[0];
        printf("%s, %s\n", fv_ctx_processor(x->ctx), fv_ctx_isa(x->ctx));
        show_text(stdout, b->c->positional[0]);
        printf(": %s parameters, %s multiply-adds\n", amount_count((double)x->row.parameters, text[0]),
               amount_count(x->row.macs, text[1]));
        if (b->c->data)
            printf("scored on %s (%s): %lld samples\n", b->c->data, b->c->split, (long long)x->row.score.samples);
        putchar('\n');
        for (int i = 0; i < b->count; i++)
            printf("%-13s %s\n", b->formats.format[i].name, b->formats.format[i].what);
        printf("\n%-13s threads  batch      bytes  share     p50 ms     p99 ms    planned       peak%s\n", "format",
               b->c->data ? "  score" : "");
    }
    for (int i = 0; i < b->count; i++) {
        const benchmark_row *r = &b->networks[i].row;
        printf("%-13s %7lld %6lld %10s %6.3f %10.3f %10.3f %10s %10s%s%s\n", r->name, (long long)b->thread_count,
               (long long)b->batch, amount_bytes((double)r->file_bytes, text[0]),
               (double)r->file_bytes / (double)b->networks[0].row.file_bytes, r->figures.p50_ms, r->figures.p99_ms,
               amount_bytes((double)r->figures.planned_bytes, text[1]),
               amount_bytes((double)r->figures.peak_bytes, text[2]), b->c->data ? "  " : "",
               score_text(&r->score, scored));
        if (b->c->benchmark_layers)
            print_layers(&b->networks[i]);
    }
    fflush(stdout);
}

/* ---- the verb ---- */

static void show(benchmark *b)
{
    if (b->c->out == OUT_CSV)
        print_csv(b);
    else if (b->c->out == OUT_JSON)
        add_json(b);
    else if (b->formats.count > 0)
        print_formats(b);
    else
        print_text(b);
    b->began = true;
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

/* The networks: those that are named, or one in every format. */
static fv_status prepare(benchmark *b)
{
    const settings *c = b->c;
    b->count = c->n_positional;
    for (int i = 0; i < b->count; i++)
        b->networks[i] = (benchmark_network){.path = c->positional[i], .row.name = c->positional[i]};
    if (!c->formats)
        return FV_OK;
    FV_TRY(formats_make(b->c, c->positional[0], &b->formats));
    b->count = b->formats.count;
    for (int i = 0; i < b->count; i++)
        b->networks[i] = (benchmark_network){.path = b->formats.path[i], .row.name = b->formats.format[i].name};
    return FV_OK;
}

static fv_status run_all(benchmark *b, char processor[256], char isa[32])
{
    b->c->threads = b->threads[0];
    FV_TRY(benchmark_score_all(b->c, b->networks, b->count));
    for (int t = 0; t < b->n_threads; t++)
        for (int k = 0; k < b->n_batches; k++) {
            b->thread_count = b->threads[t];
            b->batch = b->batches[k];
            FV_TRY(benchmark_run_all(b->c, b->networks, b->count, b->thread_count, b->batch));
            snprintf(processor, 256, "%s", fv_ctx_processor(b->networks[0].ctx));
            snprintf(isa, 32, "%s", fv_ctx_isa(b->networks[0].ctx));
            show(b);
        }
    return FV_OK;
}

fv_status verb_benchmark(settings *c)
{
    static benchmark b;
    char processor[256] = "", isa[32] = "";
    b = (benchmark){.c = c};
    if (c->n_positional == 0)
        return complain(FV_ERR_USAGE, NULL, "fovea benchmark: say which network: a name, or a file");
    if (c->formats && c->n_positional > 1)
        return complain(FV_ERR_CONFLICT, "name one network",
                        "--formats makes every format of one network, and %d are named", c->n_positional);
    FV_TRY(output_form(c));
    FV_TRY(check_options(c));
    FV_TRY(read_counts(&b));
    b.rows = json_array();
    fv_status status = prepare(&b);
    if (status == FV_OK)
        status = run_all(&b, processor, isa);
    if (status == FV_OK && c->out == OUT_JSON)
        print_json(&b, processor, isa);
    benchmark_close_all(b.networks, MAX_NETWORKS);
    formats_forget(&b.formats);
    json_decref(b.rows);
    return status;
}
