/* SPDX-License-Identifier: Apache-2.0 */
/* What fovea bench conv and gemm found, as text, CSV and JSON. */
#include <string.h>

#include "amounts.h"
#include "bench.h"
#include "show.h"

/* Of the best run, as the roof is that of the best round. */
static double rate(double flops, double ms)
{
    return ms > 0 ? flops / ms * 1e-6 : 0;
}

void bench_print_machine(const bench_job *j)
{
    const bench_crew *crew = &j->crew;
    printf("%s, %s; float32 roof (fused multiply-adds):", fv_ctx_processor(crew->ctx[0]), fv_ctx_isa(crew->ctx[0]));
    for (int t = 0; t < crew->count; t++)
        printf("%s %.1f GFLOP/s on %lld thread%s", t ? "," : "", crew->gflops[t], (long long)crew->threads[t],
               crew->threads[t] == 1 ? "" : "s");
    puts(j->options.processor_time ? "; ms of processor time" : "");
}

void bench_print_begin(bench_job *j)
{
    if (j->c->out == OUT_TEXT)
        bench_print_machine(j);
    else if (j->c->out == OUT_CSV)
        printf(
            "name,shape,problem,direction,layers,threads,algorithm,solver,refused,chosen,runs,ms,best_ms,gflops,roof,"
            "workspace_bytes,packed_bytes,pack_ms,packs_each,max_error,bound,eligible\n");
    else
        j->problems = json_array();
}

/* ---- text ---- */

static void print_title(const fv_bench_problem *p)
{
    char macs[AMOUNT_MAX], bytes[AMOUNT_MAX];
    printf("\n%s  %s", p->shape, fv_bench_direction_names()[p->direction]);
    if (p->name[0]) {
        fputs("  ", stdout);
        show_text(stdout, p->name);
    }
    if (p->count > 1)
        printf(" and %lld more like it", (long long)p->count - 1);
    printf("\n%s multiply-adds, %s of operands and results\n", amount_count(p->macs, macs),
           amount_bytes(p->bytes, bytes));
    printf("threads  algorithm          ms      best  GFLOP/s  of roof  workspace     packed  max error      bound\n");
}

static void print_row(const bench_job *j, const fv_bench_problem *p, int t, const fv_bench_row *r)
{
    char work[AMOUNT_MAX], packed[AMOUNT_MAX];
    printf("%7lld  %-12s", (long long)j->crew.threads[t], r->algorithm);
    if (r->refused[0]) {
        printf("   no: %s\n", r->refused);
        return;
    }
    printf("%9.*f %9.*f %8.1f %7.0f%%  %9s  %9s%s %9.1e  %9.1e%s\n", r->ms < 10 ? 4 : 2, r->ms, r->ms < 10 ? 4 : 2,
           r->best_ms, rate(p->flops, r->best_ms), 100 * rate(p->flops, r->best_ms) / j->crew.gflops[t],
           amount_bytes((double)r->workspace_bytes, work), amount_bytes((double)r->packed_bytes, packed),
           r->packs_each ? "*" : " ", r->max_error, r->bound, r->chosen ? "  <- chosen" : "");
}

static void print_text(const bench_job *j, const fv_bench_problem *p, int t, const fv_bench_rows *rows)
{
    bool each = false;
    if (t == 0)
        print_title(p);
    for (int i = 0; i < rows->count; i++) {
        print_row(j, p, t, &rows->row[i]);
        each = each || rows->row[i].packs_each;
    }
    if (t + 1 < j->crew.count)
        return;
    if (each)
        printf("         * in every run, as the weights change\n");
    if (rows->compared > 0 && rows->compared < rows->results)
        printf("         errors of %lld results of %lld\n", (long long)rows->compared, (long long)rows->results);
    fflush(stdout);
}

/* ---- CSV and JSON ---- */

static void print_csv(const bench_job *j, const fv_bench_problem *p, int t, const fv_bench_rows *rows)
{
    for (int i = 0; i < rows->count; i++) {
        const fv_bench_row *r = &rows->row[i];
        show_csv(stdout, p->name);
        printf(",%s,", p->shape);
        show_csv(stdout, p->text);
        printf(",%s,%lld,%lld,%s,%s,", fv_bench_direction_names()[p->direction], (long long)p->count,
               (long long)j->crew.threads[t], r->algorithm, r->solver);
        show_csv(stdout, r->refused);
        if (r->refused[0]) {
            printf(",,,,,,,,,,,,,\n");
            continue;
        }
        printf(",%d,%d,%.6g,%.6g,%.6g,%.6g,%lld,%lld,%.6g,%d,%.6g,%.6g,%d\n", r->chosen, r->runs, r->ms, r->best_ms,
               rate(p->flops, r->best_ms), rate(p->flops, r->best_ms) / j->crew.gflops[t],
               (long long)r->workspace_bytes, (long long)r->packed_bytes, r->pack_ms, r->packs_each, r->max_error,
               r->bound, r->eligible);
    }
    fflush(stdout);
}

static json_t *row_json(const bench_job *j, const fv_bench_problem *p, int t, const fv_bench_row *r)
{
    json_t *row = json_pack("{s:I, s:s, s:s}", "threads", (json_int_t)j->crew.threads[t], "algorithm", r->algorithm,
                            "solver", r->solver);
    json_object_set_new(row, "refused", r->refused[0] ? show_json(r->refused) : json_null());
    if (r->refused[0])
        return row;
    json_t *more =
        json_pack("{s:b, s:i, s:f, s:f, s:f, s:f, s:I, s:I, s:f, s:b, s:f, s:f, s:b}", "chosen", r->chosen, "runs",
                  r->runs, "ms", r->ms, "best_ms", r->best_ms, "gflops", rate(p->flops, r->best_ms), "roof",
                  rate(p->flops, r->best_ms) / j->crew.gflops[t], "workspace_bytes", (json_int_t)r->workspace_bytes,
                  "packed_bytes", (json_int_t)r->packed_bytes, "pack_ms", r->pack_ms, "packs_each", r->packs_each,
                  "max_error", r->max_error, "bound", r->bound, "eligible", r->eligible);
    json_object_update(row, more);
    json_decref(more);
    return row;
}

static void add_json(bench_job *j, const fv_bench_problem *p, int t, const fv_bench_rows *rows)
{
    json_t *problem = json_array_get(j->problems, json_array_size(j->problems) - 1), *list;
    if (t == 0) {
        problem =
            json_pack("{s:o, s:s, s:s, s:s, s:I, s:f, s:f, s:f, s:I, s:I, s:[]}", "name", show_json(p->name), "shape",
                      p->shape, "problem", p->text, "direction", fv_bench_direction_names()[p->direction], "layers",
                      (json_int_t)p->count, "macs", p->macs, "flops", p->flops, "bytes", p->bytes, "results",
                      (json_int_t)rows->results, "compared", (json_int_t)rows->compared, "rows");
        json_array_append_new(j->problems, problem);
    }
    list = json_object_get(problem, "rows");
    for (int i = 0; i < rows->count; i++)
        json_array_append_new(list, row_json(j, p, t, &rows->row[i]));
}

json_t *bench_json_head(const bench_job *j)
{
    const bench_crew *crew = &j->crew;
    json_t *roofs = json_array();
    for (int t = 0; t < crew->count; t++)
        json_array_append_new(
            roofs, json_pack("{s:I, s:f}", "threads", (json_int_t)crew->threads[t], "gflops", crew->gflops[t]));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:o}", "version", fv_version(), "processor",
                     fv_ctx_processor(crew->ctx[0]), "instruction_set", fv_ctx_isa(crew->ctx[0]), "dtype", j->dtype,
                     "clock", j->options.processor_time ? "processor" : "wall", "seconds", j->c->bench_seconds, "roofs",
                     roofs);
}

/* ---- all ---- */

void bench_print_rows(bench_job *j, const fv_bench_problem *p, int t, const fv_bench_rows *rows)
{
    double chosen = 0, best = 0;
    for (int i = 0; i < rows->count; i++) {
        const fv_bench_row *r = &rows->row[i];
        chosen = r->chosen ? r->best_ms : chosen;
        best = !r->refused[0] && r->eligible && (best == 0 || r->best_ms < best) ? r->best_ms : best;
    }
    j->chosen[t] += chosen * (double)p->count;
    j->best[t] += best * (double)p->count;
    j->layers += t == 0 && p->name[0] ? p->count : 0;
    if (j->c->out == OUT_TEXT)
        print_text(j, p, t, rows);
    else if (j->c->out == OUT_CSV)
        print_csv(j, p, t, rows);
    else
        add_json(j, p, t, rows);
}

void bench_print_end(bench_job *j)
{
    if (j->c->out == OUT_JSON) {
        json_t *all = bench_json_head(j);
        json_object_set(all, "problems", j->problems);
        json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
        putchar('\n');
        json_decref(all);
    }
    if (j->c->out != OUT_TEXT || j->layers < 2)
        return;
    putchar('\n');
    for (int t = 0; t < j->crew.count; t++) {
        printf("%lld thread%s, %lld layers: %.3f ms by the fastest that plans may take", (long long)j->crew.threads[t],
               j->crew.threads[t] == 1 ? "" : "s", (long long)j->layers, j->best[t]);
        if (!j->c->bench_algo)
            printf(", %.3f ms by those that are chosen", j->chosen[t]);
        putchar('\n');
    }
}
