/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a pruned model: layer by layer, and in all. */
#include <jansson.h>

#include "amounts.h"
#include "prune.h"
#include "show.h"

static void print_channels(const pruning *p)
{
    char macs[2][AMOUNT_MAX];
    printf("%-28s %8s   %-8s %12s   %-12s %10s\n", "layer", "channels", "", "parameters", "", "mult-adds");
    for (int i = 0; i < p->count; i++) {
        const fv_prune_row *r = &p->rows[i];
        printf("%-28.28s %8lld > %-8lld %12lld > %-12lld %10s > %s\n", r->layer, (long long)r->channels[0],
               (long long)r->channels[1], (long long)r->parameters[0], (long long)r->parameters[1],
               amount_count(r->macs[0], macs[0]), amount_count(r->macs[1], macs[1]));
    }
}

static void print_weights(const pruning *p)
{
    printf("%-28s %12s %12s   %-12s %7s\n", "layer", "weights", "zeros", "", "zero");
    for (int i = 0; i < p->count; i++) {
        const fv_sparse_row *r = &p->sparse[i];
        printf("%-28.28s %12lld %12lld > %-12lld %5.1f %%%s%s\n", r->layer, (long long)r->weights,
               (long long)r->zeros[0], (long long)r->zeros[1], 100.0 * (double)r->zeros[1] / (double)r->weights,
               r->why ? "  " : "", r->why ? r->why : "");
    }
}

/* Weights in all, and zeros among them before and behind. */
static void count_zeros(const pruning *p, int64_t *weights, int64_t zeros[2])
{
    *weights = zeros[0] = zeros[1] = 0;
    for (int i = 0; i < p->count; i++) {
        *weights += p->sparse[i].weights;
        for (int k = 0; k < 2; k++)
            zeros[k] += p->sparse[i].zeros[k];
    }
}

static void print_score(const pruning *p)
{
    const fv_metric *metric = prune_metric(p->metrics[0].task);
    char text[2][32];
    for (int k = 0; k < 2; k++)
        fv_metric_text(metric, fv_metric_value(metric, &p->metrics[k]), text[k]);
    printf("%-15s %s > %s%s, %lld samples of %s (%s)\n", metric->name, text[0], text[1], metric->percent ? " %" : "",
           (long long)p->metrics[1].samples, p->c->data, p->c->split);
}

static void print_text(const pruning *p)
{
    const fv_totals *t = p->totals;
    const fv_bench_figures *f = p->figures;
    char text[2][AMOUNT_MAX];
    int64_t weights, zeros[2];
    p->sparse ? print_weights(p) : print_channels(p);
    printf("\n");
    if (p->sparse) {
        count_zeros(p, &weights, zeros);
        printf("zeros           %lld > %lld of %lld weights (%.2f %%)\n", (long long)zeros[0], (long long)zeros[1],
               (long long)weights, 100.0 * (double)zeros[1] / (double)weights);
    }
    printf("parameters      %lld > %lld (%.3g of them)\nmultiply-adds   %s > %s (%.3g of them)\n",
           (long long)t[0].parameters, (long long)t[1].parameters, (double)t[1].parameters / (double)t[0].parameters,
           amount_count(t[0].macs, text[0]), amount_count(t[1].macs, text[1]), t[1].macs / t[0].macs);
    if (p->file_bytes[0] > 0)
        printf("file            %s > %s (%.3g of it)\n", amount_bytes((double)p->file_bytes[0], text[0]),
               amount_bytes((double)p->file_bytes[1], text[1]), (double)p->file_bytes[1] / (double)p->file_bytes[0]);
    printf("milliseconds    %.3g > %.3g (%.3g of them), best of %lld and %lld runs by turns on %s\n", f[0].best_ms,
           f[1].best_ms, f[1].best_ms / f[0].best_ms, (long long)f[0].runs, (long long)f[1].runs,
           fv_ctx_processor(p->ctx));
    if (p->data)
        print_score(p);
    if (p->sparse)
        printf(
            "speed           kernels here multiply zeros too: to be faster takes a sparse kernel, or whole channels\n"
            "model           %s (training would give its zeros numbers again)\n",
            p->c->output);
    else
        printf("model           %s\nfine-tune it    fovea train --data PATH --model %s --lr 0.01 --epochs 5\n",
               p->c->output, p->c->output);
}

/* ---- JSON ---- */

static json_t *layers_json(const pruning *p)
{
    json_t *list = json_array();
    for (int i = 0; i < p->count; i++) {
        const fv_prune_row *r = p->sparse ? NULL : &p->rows[i];
        const fv_sparse_row *s = p->sparse ? &p->sparse[i] : NULL;
        const char *why = r ? r->why : s->why;
        json_t *row =
            r ? json_pack("{s:s, s:[I,I], s:[I,I], s:[I,I]}", "layer", r->layer, "channels", (json_int_t)r->channels[0],
                          (json_int_t)r->channels[1], "parameters", (json_int_t)r->parameters[0],
                          (json_int_t)r->parameters[1], "macs", (json_int_t)r->macs[0], (json_int_t)r->macs[1])
              : json_pack("{s:s, s:I, s:[I,I]}", "layer", s->layer, "weights", (json_int_t)s->weights, "zeros",
                          (json_int_t)s->zeros[0], (json_int_t)s->zeros[1]);
        if (why)
            json_object_set_new(row, "why", json_string(why));
        json_array_append_new(list, row);
    }
    return list;
}

static void print_json(const pruning *p)
{
    const fv_totals *t = p->totals;
    int64_t weights, zeros[2];
    json_t *root = json_pack(
        "{s:o, s:s, s:[I,I], s:[I,I], s:[I,I], s:[f,f], s:[f,f], s:b}", "model", show_json(p->c->output), "method",
        p->sparse ? "magnitude" : fv_prune_methods()[p->c->prune_method], "parameters", (json_int_t)t[0].parameters,
        (json_int_t)t[1].parameters, "macs", (json_int_t)t[0].macs, (json_int_t)t[1].macs, "file_bytes",
        (json_int_t)p->file_bytes[0], (json_int_t)p->file_bytes[1], "best_ms", p->figures[0].best_ms,
        p->figures[1].best_ms, "p50_ms", p->figures[0].p50_ms, p->figures[1].p50_ms, "faster", prune_is_faster(p));
    if (p->sparse) {
        count_zeros(p, &weights, zeros);
        json_object_set_new(root, "weights", json_integer((json_int_t)weights));
        json_object_set_new(root, "zeros", json_pack("[I,I]", (json_int_t)zeros[0], (json_int_t)zeros[1]));
    }
    if (p->data) {
        const fv_metric *metric = prune_metric(p->metrics[0].task);
        json_object_set_new(
            root, metric->name,
            json_pack("[f,f]", fv_metric_value(metric, &p->metrics[0]), fv_metric_value(metric, &p->metrics[1])));
        json_object_set_new(root, "samples", json_integer((json_int_t)p->metrics[1].samples));
    }
    json_object_set_new(root, "layers", layers_json(p));
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(root);
}

void prune_print(const pruning *p)
{
    p->c->json ? print_json(p) : print_text(p);
}
