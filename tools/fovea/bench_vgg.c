/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fovea bench vgg-e: the convolutions of network E of Simonyan and Zisserman, batch by batch and algorithm by
 * algorithm, as Lavin and Gray tabled them ("Fast algorithms for convolutional neural networks", arXiv:1509.09308,
 * 2015, section 6).
 */
#include <fnmatch.h>
#include <string.h>

#include "bench.h"
#include "show.h"

enum { LAYERS = 9, COLUMNS = 24, DTYPES = 2 };

/* 3x3 filters, padded by 1. */
static const struct vgg_layer {
    const char *name;
    int size, c, k, count;
} layers[LAYERS] = {{"conv1.1", 224, 3, 64, 1},    {"conv1.2", 224, 64, 64, 1},  {"conv2.1", 112, 64, 128, 1},
                    {"conv2.2", 112, 128, 128, 1}, {"conv3.1", 56, 128, 256, 1}, {"conv3.2", 56, 256, 256, 3},
                    {"conv4.1", 28, 256, 512, 1},  {"conv4.2", 28, 512, 512, 3}, {"conv5", 14, 512, 512, 4}};

/* Their tables of all layers in float32 and in float16 on a Titan X (Maxwell): milliseconds. */
static const struct paper_row {
    int batch;
    double cudnn[DTYPES], f2[DTYPES];
} paper[] = {{1, {12.52, 14.58}, {5.55, 5.53}},       {2, {20.36, 20.94}, {9.89, 9.83}},
             {4, {104.70, 104.19}, {17.72, 17.50}},   {8, {241.21, 241.87}, {33.11, 32.61}},
             {16, {203.09, 204.01}, {65.79, 62.93}},  {32, {237.05, 236.13}, {132.36, 123.12}},
             {64, {394.05, 395.93}, {266.48, 242.98}}};
static const char *const dtypes[DTYPES] = {"fp32", "fp16"}; /* as --dtype numbers them */

/* One algorithm over the layers. */
typedef struct column {
    const char *algorithm;
    int dtype;
    double ms[LAYERS], error[LAYERS]; /* 0: it refuses the layer */
    double all_ms, all_error;         /* a layer that it refuses as the direct one computes it */
    bool borrowed;
} column;

typedef struct table {
    bench_job *j;
    int t; /* which number of threads */
    int64_t batch;
    bool taken[LAYERS], whole;
    bool stored[DTYPES]; /* in which types */
    double flops[LAYERS], all_flops;
    column columns[COLUMNS];
    int count;
} table;

static const char direct[] = "igemm";

static column *column_of(table *v, int dtype, const char *algorithm)
{
    for (int i = 0; i < v->count; i++)
        if (v->columns[i].dtype == dtype && strcmp(v->columns[i].algorithm, algorithm) == 0)
            return &v->columns[i];
    if (v->count == COLUMNS)
        return NULL;
    v->columns[v->count] = (column){.algorithm = algorithm, .dtype = dtype};
    return &v->columns[v->count++];
}

static bool is_taken(const bench_job *j, const char *name)
{
    char patterns[512];
    if (!j->c->bench_layers)
        return true;
    snprintf(patterns, sizeof patterns, "%s", j->c->bench_layers);
    char *rest = NULL;
    for (char *p = strtok_r(patterns, ",", &rest); p; p = strtok_r(NULL, ",", &rest))
        if (fnmatch(p, name, 0) == 0)
            return true;
    return false;
}

/* ---- measuring ---- */

static fv_status measure_layer(table *v, int l, int dtype)
{
    static fv_bench_rows rows;
    const struct vgg_layer *layer = &layers[l];
    fv_ctx *ctx = v->j->crew.ctx[0];
    fv_bench *list = NULL;
    char text[96];
    snprintf(text, sizeof text, "n%lldh%dw%dc%d k%dr3s3 p1", (long long)v->batch, layer->size, layer->size, layer->c,
             layer->k);
    FV_TRY(report(ctx, fv_bench_create(ctx, &list)));
    fv_status status = report(ctx, fv_bench_store(list, bench_dtype(dtype)));
    if (status == FV_OK)
        status = report(ctx, fv_bench_add_conv(list, text, 1u << FV_BENCH_FWD));
    if (status == FV_OK) {
        const fv_bench_problem *p = fv_bench_problem_at(list, 0);
        v->flops[l] = p->flops;
        status = bench_run(v->j, p, v->t, &rows);
    }
    for (int i = 0; status == FV_OK && i < rows.count; i++) {
        column *at = rows.row[i].refused[0] ? NULL : column_of(v, dtype, rows.row[i].algorithm);
        if (at) {
            at->ms[l] = rows.row[i].best_ms;
            at->error[l] = rows.row[i].max_error;
        }
    }
    fv_bench_destroy(&list);
    return status;
}

static void add_up(table *v)
{
    v->all_flops = 0;
    for (int l = 0; l < LAYERS; l++)
        v->all_flops += v->taken[l] ? v->flops[l] * layers[l].count : 0;
    for (int i = 0; i < v->count; i++) {
        column *at = &v->columns[i];
        const column *first = column_of(v, at->dtype, direct);
        at->all_ms = at->all_error = 0;
        at->borrowed = false;
        for (int l = 0; l < LAYERS; l++) {
            const column *from = at->ms[l] > 0 || !first ? at : first;
            at->borrowed = at->borrowed || (v->taken[l] && from != at);
            at->all_ms += v->taken[l] ? from->ms[l] * layers[l].count : 0;
            at->all_error = at->error[l] > at->all_error ? at->error[l] : at->all_error;
        }
    }
}

/* ---- showing ---- */

static double rate(double flops, double ms)
{
    return ms > 0 ? flops / ms * 1e-6 : 0;
}

static const struct paper_row *paper_of(const table *v)
{
    for (size_t i = 0; v->whole && i < sizeof paper / sizeof *paper; i++)
        if (paper[i].batch == v->batch)
            return &paper[i];
    return NULL;
}

/* Against the direct sums of a type. */
static double speed_up(table *v, const column *at, int dtype)
{
    const column *first = column_of(v, dtype, direct);
    return first && first->all_ms > 0 && at->all_ms > 0 ? first->all_ms / at->all_ms : 0;
}

/* Columns of one type, left to right: calls print for each. */
static void each_column(const table *v, int dtype, void (*print)(const table *v, const column *at, int l), int l)
{
    for (int i = 0; i < v->count; i++)
        if (v->columns[i].dtype == dtype)
            print(v, &v->columns[i], l);
}

static void print_head(const table *v, const column *at, int l)
{
    (void)v;
    (void)l;
    printf("  %18s", strcmp(at->algorithm, direct) == 0 ? "direct (igemm)" : at->algorithm);
}

static void print_cell(const table *v, const column *at, int l)
{
    if (at->ms[l] > 0)
        printf("  %10.3f %7.1f", at->ms[l], rate(v->flops[l], at->ms[l]));
    else
        printf("  %18s", "-");
}

static void print_sum(const table *v, const column *at, int l)
{
    (void)l;
    printf("  %10.3f %7.1f", at->all_ms, rate(v->all_flops, at->all_ms));
}

static void print_error(const table *v, const column *at, int l)
{
    (void)l;
    if (v->t == 0)
        printf("  %18.1e", at->all_error);
}

/* Against the direct sums of its own type, or of another. */
static void print_speed_ups(table *v, int dtype, int against)
{
    printf("\n%-16s", dtype == against ? "against direct" : "against fp32");
    for (int i = 0; i < v->count; i++)
        if (v->columns[i].dtype == dtype)
            printf("  %17.2fx", speed_up(v, &v->columns[i], against));
}

static void print_text(table *v, int dtype)
{
    const long long threads = (long long)v->j->crew.threads[v->t];
    const struct paper_row *p = paper_of(v);
    bool borrowed = false;
    printf("\nbatch %lld, %lld thread%s, %s: ms, effective GFLOP/s\n%-16s", (long long)v->batch, threads,
           threads == 1 ? "" : "s", dtypes[dtype], "layer");
    each_column(v, dtype, print_head, 0);
    for (int l = 0; l < LAYERS; l++) {
        char name[32];
        if (!v->taken[l])
            continue;
        snprintf(name, sizeof name, "%s%s%.0d", layers[l].name, layers[l].count > 1 ? " x" : "",
                 layers[l].count > 1 ? layers[l].count : 0);
        printf("\n%-16s", name);
        each_column(v, dtype, print_cell, l);
    }
    printf("\n%-16s", "all");
    each_column(v, dtype, print_sum, 0);
    print_speed_ups(v, dtype, dtype);
    if (dtype == 1 && v->stored[0])
        print_speed_ups(v, dtype, 0);
    printf("\n%-16s", "largest error");
    each_column(v, dtype, print_error, 0);
    printf(v->t == 0 ? "\n" : "  as on the first number of threads\n");
    for (int i = 0; i < v->count; i++)
        borrowed = borrowed || (v->columns[i].dtype == dtype && v->columns[i].borrowed);
    if (borrowed)
        printf("- refused: counted with direct's time\n");
    if (p)
        printf("Lavin and Gray (Titan X, %s): cuDNN %.2f ms, F(2x2,3x3) %.2f ms, %.2fx\n", dtypes[dtype],
               p->cudnn[dtype], p->f2[dtype], p->cudnn[dtype] / p->f2[dtype]);
    fflush(stdout);
}

static void print_csv(table *v)
{
    const struct paper_row *p = paper_of(v);
    for (int i = 0; i < v->count; i++) {
        const column *at = &v->columns[i];
        const long long threads = (long long)v->j->crew.threads[v->t];
        for (int l = 0; l < LAYERS; l++)
            if (v->taken[l] && at->ms[l] > 0)
                printf("%lld,%lld,%s,%d,%s,%.6g,%.6g,,%.6g,,,%s\n", threads, (long long)v->batch, layers[l].name,
                       layers[l].count, at->algorithm, at->ms[l], rate(v->flops[l], at->ms[l]), at->error[l],
                       dtypes[at->dtype]);
        printf("%lld,%lld,all,,%s,%.6g,%.6g,%.6g,%.6g,", threads, (long long)v->batch, at->algorithm, at->all_ms,
               rate(v->all_flops, at->all_ms), speed_up(v, at, at->dtype), at->all_error);
        if (p)
            printf("%.2f,%.2f,%s\n", p->cudnn[at->dtype], p->f2[at->dtype], dtypes[at->dtype]);
        else
            printf(",,%s\n", dtypes[at->dtype]);
    }
    fflush(stdout);
}

static void add_json(table *v, int dtype)
{
    const struct paper_row *p = paper_of(v);
    json_t *list = json_array(), *all = json_array();
    for (int i = 0; i < v->count; i++) {
        const column *at = &v->columns[i];
        for (int l = 0; at->dtype == dtype && l < LAYERS; l++)
            if (v->taken[l] && at->ms[l] > 0)
                json_array_append_new(list,
                                      json_pack("{s:s, s:i, s:s, s:f, s:f, s:f}", "layer", layers[l].name, "count",
                                                layers[l].count, "algorithm", at->algorithm, "ms", at->ms[l], "gflops",
                                                rate(v->flops[l], at->ms[l]), "max_error", at->error[l]));
        if (at->dtype == dtype)
            json_array_append_new(all, json_pack("{s:s, s:f, s:f, s:f, s:f, s:b}", "algorithm", at->algorithm, "ms",
                                                 at->all_ms, "gflops", rate(v->all_flops, at->all_ms), "speed_up",
                                                 speed_up(v, at, dtype), "max_error", at->all_error, "some_direct",
                                                 at->borrowed));
    }
    json_t *one = json_pack("{s:I, s:I, s:s, s:o, s:o}", "threads", (json_int_t)v->j->crew.threads[v->t], "batch",
                            (json_int_t)v->batch, "dtype", dtypes[dtype], "layers", list, "all", all);
    json_object_set_new(one, "paper",
                        p ? json_pack("{s:f, s:f}", "cudnn_ms", p->cudnn[dtype], "f2_ms", p->f2[dtype]) : json_null());
    json_array_append_new(v->j->problems, one);
}

/* ---- the action ---- */

static fv_status run_table(table *v, int64_t batch, int t)
{
    v->batch = batch;
    v->t = t;
    if (t == 0)
        v->count = 0;
    for (int i = 0; i < v->count; i++) /* errors are those of the first number of threads */
        memset(v->columns[i].ms, 0, sizeof v->columns[i].ms);
    for (int l = 0; l < LAYERS; l++) {
        double error[COLUMNS];
        if (!v->taken[l])
            continue;
        for (int i = 0; i < v->count; i++)
            error[i] = v->columns[i].error[l];
        const int before = v->count;
        note("vgg-e: batch %lld, %lld thread%s, %s", (long long)batch, (long long)v->j->crew.threads[t],
             v->j->crew.threads[t] == 1 ? "" : "s", layers[l].name);
        for (int d = 0; d < DTYPES; d++)
            if (v->stored[d])
                FV_TRY(measure_layer(v, l, d));
        for (int i = 0; t > 0 && i < before; i++)
            v->columns[i].error[l] = error[i];
    }
    add_up(v);
    if (v->j->c->out == OUT_CSV)
        print_csv(v);
    for (int d = 0; d < DTYPES; d++)
        if (v->stored[d] && v->j->c->out == OUT_TEXT)
            print_text(v, d);
        else if (v->stored[d] && v->j->c->out == OUT_JSON)
            add_json(v, d);
    return FV_OK;
}

fv_status bench_vgg(bench_job *j)
{
    static table v;
    int64_t batches[BENCH_COUNTS] = {1, 2, 4, 8, 16, 32, 64};
    int count = 7, taken = 0;
    v = (table){.j = j};
    if (j->c->n_positional > 1)
        return complain(FV_ERR_USAGE, NULL, "bench vgg-e: unexpected word '%s'", j->c->positional[1]);
    if (j->c->bench_batches)
        FV_TRY(bench_counts("batch-size", j->c->bench_batches, 4096, batches, &count));
    for (int l = 0; l < LAYERS; l++)
        taken += v.taken[l] = is_taken(j, layers[l].name);
    v.whole = taken == LAYERS;
    for (int d = 0; d < DTYPES; d++)
        v.stored[d] = !option_given("dtype") || j->c->bench_dtype == d;
    if (taken == 0)
        return complain(FV_ERR_VALUE, "conv1.1, conv1.2, conv2.1, conv2.2, conv3.1, conv3.2, conv4.1, conv4.2, conv5",
                        "--layers %s: VGG-E has no such layer", j->c->bench_layers);
    if (j->c->out == OUT_TEXT)
        bench_print_machine(j);
    else if (j->c->out == OUT_CSV)
        printf("threads,batch,layer,count,algorithm,ms,gflops,speed_up,max_error,paper_cudnn_ms,paper_f2_ms,dtype\n");
    else
        j->problems = json_array();
    for (int b = 0; b < count; b++)
        for (int t = 0; t < j->crew.count; t++)
            FV_TRY(run_table(&v, batches[b], t));
    if (j->c->out == OUT_JSON) {
        json_t *all = bench_json_head(j);
        json_object_set(all, "tables", j->problems);
        json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
        putchar('\n');
        json_decref(all);
    }
    return FV_OK;
}
