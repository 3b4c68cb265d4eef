/* SPDX-License-Identifier: Apache-2.0 */
/* fovea prune: a model without the channels, or weights, that matter least, and what that costs and brings. */
#include "prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "output.h"
#include "watch.h"

/* Models take turns, so that a busy moment of the machine meets both; each for so many seconds. */
enum { TURNS = 9 };
#define TURN_SECONDS 0.015

/* Images that are scored at a time. */
enum { SCORING_BATCH = 32 };

/* Halvings of what is left of the multiply-adds until the time fits. */
enum { HALVINGS = 7 };

/* ---- words ---- */

static fv_status check_amounts(const settings *c)
{
    static const char *const structured[] = {"target-macs", "target-ms", "method", "round-to",
                                             "samples",     "steps",     "epochs", "recipe"};
    const bool amount = option_given("amount"), macs = option_given("target-macs"), ms = option_given("target-ms");
    if (c->structured && c->unstructured)
        return complain(FV_ERR_CONFLICT, "give one of them",
                        "--structured takes whole channels, --unstructured weights");
    for (size_t i = 0; c->unstructured && i < sizeof structured / sizeof *structured; i++)
        if (option_given(structured[i]))
            return complain(FV_ERR_CONFLICT, "leave it out, or leave out --unstructured",
                            "--%s is about whole channels, --unstructured about single weights", structured[i]);
    if (c->nm && !c->unstructured)
        return complain(FV_ERR_CONFLICT, "add --unstructured", "--nm is about single weights");
    if (c->nm && amount)
        return complain(FV_ERR_CONFLICT, "give one of them",
                        "--nm %s says how many weights are left, and so does --amount", c->nm);
    if (amount + macs + ms > 1)
        return complain(FV_ERR_CONFLICT, "give one of them",
                        "--amount, --target-macs and --target-ms are three ways to say the same, and %d are given",
                        amount + macs + ms);
    if (amount + macs + ms == 0 && !c->nm && !c->sensitivity)
        return complain(FV_ERR_USAGE,
                        c->unstructured ? "add --amount 0.5, or --nm 2:4"
                                        : "add --target-macs 0.6, --target-ms 5 or --amount 0.3",
                        "fovea prune: how much?");
    if (amount && !(c->amount < 1))
        return complain(FV_ERR_VALUE, "give a share below 1", "--amount 1 would leave nothing of the layers");
    return FV_OK;
}

static fv_status check_steps(const settings *c)
{
    static const char *const steps[] = {"steps", "epochs", "recipe"};
    const bool trains = c->prune_steps > 1 || c->prune_epochs > 0;
    for (size_t i = 0; c->sensitivity && i < sizeof steps / sizeof *steps; i++)
        if (option_given(steps[i]))
            return complain(FV_ERR_CONFLICT, "leave it out", "--%s has no part in --sensitivity", steps[i]);
    if (trains && !c->data)
        return complain(FV_ERR_USAGE, "add --data PATH", "--steps and --epochs: train on which data?");
    if (c->prune_steps > 1 && c->prune_epochs == 0)
        return complain(FV_ERR_USAGE, "add --epochs 2", "--steps %lld: train for how long behind each?",
                        (long long)c->prune_steps);
    if (trains && option_given("target-ms"))
        return complain(FV_ERR_CONFLICT, "give --target-macs or --amount",
                        "--target-ms is found by measuring, and steps would not come out the same again");
    if (c->prune_recipe && !trains)
        return complain(FV_ERR_CONFLICT, "add --epochs N", "--recipe has no effect here: nothing is trained");
    return FV_OK;
}

static fv_status check_words(settings *c)
{
    const bool reads = c->prune_method == FV_PRUNE_TAYLOR || c->prune_method == FV_PRUNE_ACTIVATION;
    if (!c->positional[0])
        return complain(FV_ERR_USAGE, "fovea prune MODEL --output FILE --target-macs 0.6", "fovea prune: which model?");
    if (!c->output && !c->sensitivity)
        return complain(FV_ERR_USAGE, "add --output FILE", "fovea prune: where does the smaller model go?");
    if (c->sensitivity && (c->output || c->unstructured))
        return complain(FV_ERR_CONFLICT, "look at the layers first, then prune",
                        "--sensitivity measures channels and writes no model: it goes without --output and "
                        "--unstructured");
    FV_TRY(check_amounts(c));
    FV_TRY(check_steps(c));
    if (c->sensitivity && !c->data)
        return complain(FV_ERR_USAGE, "add --data PATH", "--sensitivity: on which data?");
    if (reads && !c->data)
        return complain(FV_ERR_USAGE, "add --data PATH, or use --method l1", "--method %s: on which data?",
                        fv_prune_methods()[c->prune_method]);
    if (c->output && (output_same(c->output, c->positional[0]) || (c->weights && output_same(c->output, c->weights))))
        return complain(FV_ERR_CONFLICT, "name another file with --output", "%s: this is the model to be pruned",
                        c->output);
    return output_check(c, c->data, "output", c->output, OUTPUT_MODEL);
}

/* "2:4". */
static fv_status read_pattern(const settings *c, fv_sparsify_options *o)
{
    char *end = NULL;
    if (!c->nm)
        return FV_OK;
    o->keep = strtoll(c->nm, &end, 10);
    if (end != c->nm && *end == ':') {
        const char *second = end + 1;
        o->of = strtoll(second, &end, 10);
        if (end != second && !*end && o->keep >= 1 && o->of > o->keep && o->of <= 64)
            return FV_OK;
    }
    return complain(FV_ERR_VALUE, "2:4 is what sparse tensor cores take", "--nm %s: expected N:M with 1 <= N < M <= 64",
                    c->nm);
}

/* ---- measuring ---- */

const fv_metric *prune_metric(fv_task task)
{
    int count;
    const fv_metric *list = fv_metric_list(&count);
    for (int i = 1; i < count; i++)
        if (list[i].called[task])
            return &list[i];
    return &list[0];
}

fv_status prune_score(const pruning *p, fv_model *model, const char *name, fv_metrics *metrics)
{
    FV_TRY(fv_evaluate(model, p->data, SCORING_BATCH, 0, metrics));
    return metrics_lost(metrics, p->data, name);
}

static fv_status run_turns(fv_bench_network *const network[2], int turns, double seconds)
{
    for (int turn = 0; turn < turns; turn++)
        for (int k = 0; k < 2; k++)
            FV_TRY(fv_bench_network_run(network[k], seconds));
    return FV_OK;
}

fv_status prune_time(pruning *p)
{
    fv_bench_network *network[2] = {NULL, NULL};
    fv_status status = fv_bench_network_create(p->model, 1, false, &network[0]);
    if (status == FV_OK)
        status = fv_bench_network_create(p->copy, 1, false, &network[1]);
    if (status == FV_OK)
        status = run_turns(network, TURNS, TURN_SECONDS);
    for (int k = 0; k < 2; k++) {
        if (status == FV_OK)
            fv_bench_network_figures(network[k], &p->figures[k]);
        fv_bench_network_destroy(&network[k]);
    }
    return status;
}

/* The best of runs that took turns differ by some hundredths. */
bool prune_is_faster(const pruning *p)
{
    return p->figures[1].best_ms < 0.97 * p->figures[0].best_ms;
}

static int64_t bytes_of(const char *path)
{
    struct stat st;
    return path && stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : 0;
}

/* ---- pruning ---- */

static fv_status open_pruner(pruning *p)
{
    settings *c = p->c;
    fv_dataset *look = NULL;
    fv_pruner_destroy(&p->pruner);
    bool has = false;
    const bool reads = c->prune_method == FV_PRUNE_TAYLOR || c->prune_method == FV_PRUNE_ACTIVATION;
    if (reads) { /* of what it was trained on, where there is that */
        FV_TRY(fv_dataset_has_split(p->ctx, c->data, "train", &has));
        FV_TRY(data_open(p->ctx, c, has ? "train" : c->split, p->model, &look));
    }
    const fv_prune_options o = {.method = (fv_prune_method)c->prune_method,
                                .data = look,
                                .samples = c->prune_samples,
                                .round_to = c->round_to,
                                .skip = c->skip};
    const fv_status status = fv_pruner_create(p->model, &o, &p->pruner);
    fv_dataset_destroy(&look);
    return status;
}

static fv_status apply(pruning *p)
{
    fv_prune_rows_free(p->ctx, p->rows);
    p->rows = NULL;
    fv_model_destroy(&p->copy);
    return fv_pruner_apply(p->pruner, &p->copy, &p->rows, &p->count);
}

/* The largest share of the multiply-adds that is fast enough, by halving; `least`: a share that can be had. */
static fv_status fit_time(pruning *p)
{
    const settings *c = p->c;
    double low = 0, high = 1, macs, best = 0;
    FV_TRY(fv_pruner_choose(p->pruner, 0.999999, c->per_layer, -1));
    FV_TRY(fv_pruner_macs(p->pruner, &macs));
    FV_TRY(apply(p));
    FV_TRY(prune_time(p));
    if (p->figures[1].best_ms > c->target_ms)
        return complain(FV_ERR_VALUE, "ask for more milliseconds, use more --threads, or take another network",
                        "--target-ms %g: with the least of every layer an image takes %.3g ms", c->target_ms,
                        p->figures[1].best_ms);
    if (p->figures[0].best_ms <= c->target_ms)
        return complain(FV_ERR_VALUE, "ask for less", "--target-ms %g: an image takes %.3g ms as it is", c->target_ms,
                        p->figures[0].best_ms);
    low = best = macs / p->totals[0].macs;
    for (int i = 0; i < HALVINGS; i++) {
        const double share = (low + high) / 2;
        FV_TRY(fv_pruner_choose_macs(p->pruner, share, c->per_layer));
        FV_TRY(apply(p));
        FV_TRY(prune_time(p));
        if (p->figures[1].best_ms <= c->target_ms)
            low = best = share;
        else
            high = share;
    }
    return fv_pruner_choose_macs(p->pruner, best * (1 + 1e-12), c->per_layer);
}

fv_status prune_once(pruning *p, double amount, double macs)
{
    FV_TRY(open_pruner(p));
    if (option_given("target-ms"))
        FV_TRY(fit_time(p));
    else if (option_given("target-macs"))
        FV_TRY(fv_pruner_choose_macs(p->pruner, macs, p->c->per_layer));
    else
        FV_TRY(fv_pruner_choose(p->pruner, amount, p->c->per_layer, -1));
    return apply(p);
}

static fv_status prune_channels(pruning *p)
{
    const bool once = p->c->prune_steps == 1 && p->c->prune_epochs == 0;
    return once ? prune_once(p, p->c->amount, p->c->target_macs) : prune_steps(p);
}

static fv_status prune_weights(pruning *p)
{
    fv_sparsify_options o = {.per_layer = p->c->per_layer, .skip = p->c->skip};
    o.amount = option_given("amount") ? p->c->amount : 0;
    FV_TRY(read_pattern(p->c, &o));
    return fv_model_sparsify(p->model, &o, &p->copy, &p->sparse, &p->count);
}

static fv_status measure(pruning *p)
{
    FV_TRY(fv_model_totals(p->copy, &p->totals[1]));
    FV_TRY(prune_time(p));
    if (!p->data)
        return FV_OK;
    FV_TRY(prune_score(p, p->model, p->name, &p->metrics[0]));
    return prune_score(p, p->copy, p->c->output, &p->metrics[1]);
}

/* What is smaller and no faster is not to be taken for it. */
static void warn_of_speed(const pruning *p)
{
    if (p->sparse)
        return; /* its page says so in any case */
    if (p->totals[1].macs >= p->totals[0].macs)
        warn("%s: nothing went: ask for more, or round to fewer channels (--round-to)", p->c->output);
    else if (!prune_is_faster(p))
        warn("%s: %.0f %% fewer multiply-adds, but no faster on this machine: %.3g ms, %.3g ms before", p->c->output,
             100 * (1 - p->totals[1].macs / p->totals[0].macs), p->figures[1].best_ms, p->figures[0].best_ms);
}

static fv_status execute(pruning *p)
{
    settings *c = p->c;
    c->model = p->name; /* which messages speak of */
    FV_TRY(model_open_trained(p->ctx, c, &p->model));
    model_note_temperature(c->model, p->model, "the pruned model");
    FV_TRY(fv_model_totals(p->model, &p->totals[0]));
    if (c->data && !c->split)
        FV_TRY(split_choose(p->ctx, c));
    if (c->data)
        FV_TRY(data_open(p->ctx, c, c->split, p->model, &p->data));
    if (c->sensitivity) {
        FV_TRY(open_pruner(p));
        return prune_sensitivity(p);
    }
    FV_TRY(c->unstructured ? prune_weights(p) : prune_channels(p));
    FV_TRY(measure(p));
    FV_TRY(fv_model_save(p->copy, c->output));
    p->file_bytes[0] = bytes_of(c->weights ? c->weights : p->name);
    p->file_bytes[1] = bytes_of(c->output);
    return FV_OK;
}

fv_status verb_prune(settings *c)
{
    pruning p = {.c = c, .name = c->positional[0]};
    FV_TRY(check_words(c));
    fv_status status = context_open(c, &p.ctx);
    if (status != FV_OK)
        return status;
    watch_begin(c, p.ctx);
    status = report(p.ctx, execute(&p));
    watch_end();
    if (status == FV_OK && !c->sensitivity) {
        prune_print(&p);
        warn_of_speed(&p);
    }
    fv_prune_rows_free(p.ctx, p.rows);
    fv_sparse_rows_free(p.ctx, p.sparse);
    fv_pruner_destroy(&p.pruner);
    fv_dataset_destroy(&p.data);
    fv_model_destroy(&p.copy);
    fv_model_destroy(&p.model);
    fv_ctx_destroy(&p.ctx);
    return status;
}
