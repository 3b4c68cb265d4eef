/* SPDX-License-Identifier: Apache-2.0 */
/* What the models of a chain cost, and what they are worth. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compress.h"
#include "prune.h"
#include "watch.h"

enum { SCORING_BATCH = 32, TURNS = 5 };

static fv_status open_model(const chain *k, int i, fv_ctx **ctx, fv_model **model)
{
    settings own = *k->c;
    own.model = k->stage[i].model;
    own.weights = i == 0 ? k->c->weights : NULL;
    FV_TRY(context_open(k->c, ctx));
    const fv_status status = report(*ctx, model_open_trained(*ctx, &own, model));
    if (status != FV_OK)
        fv_ctx_destroy(ctx);
    return status;
}

static fv_status score(chain *k, fv_ctx *ctx, fv_model *model, int i)
{
    fv_metrics m;
    fv_dataset *data = NULL;
    if (!k->c->split)
        FV_TRY(split_choose(ctx, k->c));
    fv_status status = data_open(ctx, k->c, k->c->split, model, &data);
    if (status == FV_OK)
        status = fv_evaluate(model, data, SCORING_BATCH, 0, &m);
    if (status == FV_OK)
        status = metrics_lost(&m, data, k->stage[i].model);
    fv_dataset_destroy(&data);
    if (status != FV_OK)
        return status;
    k->metric = prune_metric(m.task);
    k->samples = m.samples;
    k->stage[i].figures.score = fv_metric_value(k->metric, &m);
    return FV_OK;
}

fv_status chain_score(chain *k, int i)
{
    fv_ctx *ctx;
    fv_model *model = NULL;
    FV_TRY(open_model(k, i, &ctx, &model));
    const bool quiet = cli_quiet;
    watch_begin(k->c, ctx);
    cli_quiet = !k->c->verbose;
    const fv_status status = report(ctx, score(k, ctx, model, i));
    cli_quiet = quiet;
    watch_end();
    fv_model_destroy(&model);
    fv_ctx_destroy(&ctx);
    return status;
}

double chain_lost(const chain *k, int from, int to)
{
    const double sign = k->metric->higher_is_better ? 1 : -1;
    return 100 * sign * (k->stage[from].figures.score - k->stage[to].figures.score);
}

const char *chain_score_text(const chain *k, int i, char text[64])
{
    char number[32];
    snprintf(text, 64, "%s%s", fv_metric_text(k->metric, k->stage[i].figures.score, number),
             k->metric->percent ? " %" : "");
    return text;
}

/* ---- time ---- */

/* A model of its own context, so that its memory is known. */
typedef struct timed {
    fv_ctx *ctx;
    fv_model *model;
    fv_bench_network *network;
} timed;

static fv_status size_of(chain *k, int i, fv_model *model)
{
    chain_figures *f = &k->stage[i].figures;
    fv_totals totals;
    struct stat st;
    FV_TRY(fv_model_totals(model, &totals));
    f->macs = totals.macs;
    f->parameters = fv_model_parameters(model);
    /* A file of another tool, or a name with --weights, is as large as its numbers. */
    const bool ours = stat(k->stage[i].model, &st) == 0 && fv_model_origin(model) == NULL;
    f->bytes = ours ? (int64_t)st.st_size : 4 * f->parameters;
    return FV_OK;
}

static fv_status run_all(chain *k, timed *list)
{
    for (int i = 0; i < k->count; i++) {
        FV_TRY(open_model(k, i, &list[i].ctx, &list[i].model));
        fv_status status = size_of(k, i, list[i].model);
        if (status == FV_OK)
            status = fv_bench_network_create(list[i].model, 1, false, &list[i].network);
        FV_TRY(report(list[i].ctx, status));
    }
    for (int turn = 0; turn < TURNS; turn++)
        for (int i = 0; i < k->count; i++)
            FV_TRY(report(list[i].ctx, fv_bench_network_run(list[i].network, k->c->bench_seconds / TURNS)));
    for (int i = 0; i < k->count; i++)
        fv_bench_network_figures(list[i].network, &k->stage[i].figures.time);
    return FV_OK;
}

/* Another run with the clock read at every layer, which costs time of its own. */
static fv_status time_layers(chain *k, timed *t, int which)
{
    fv_bench_layer l;
    k->layers[which] = calloc(CHAIN_LAYERS, sizeof(chain_layer));
    if (!k->layers[which])
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for the layers");
    fv_bench_network_destroy(&t->network);
    fv_status status = fv_bench_network_create(t->model, 1, true, &t->network);
    if (status == FV_OK)
        status = fv_bench_network_run(t->network, k->c->bench_seconds);
    for (int i = 0; status == FV_OK && i < CHAIN_LAYERS && fv_bench_network_layer(t->network, i, &l); i++) {
        chain_layer *at = &k->layers[which][k->n_layers[which]++];
        snprintf(at->name, sizeof at->name, "%s", l.name);
        at->ms = l.ms;
    }
    return report(t->ctx, status);
}

fv_status chain_measure(chain *k)
{
    timed list[CHAIN_STAGES + 1] = {{NULL, NULL, NULL}};
    fv_status status = run_all(k, list);
    for (int which = 0; which < 2 && status == FV_OK; which++)
        status = time_layers(k, &list[which ? k->count - 1 : 0], which);
    for (int i = 0; i < k->count; i++) {
        fv_bench_network_destroy(&list[i].network);
        fv_model_destroy(&list[i].model);
        fv_ctx_destroy(&list[i].ctx);
    }
    return status;
}
