/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pruning and training by turns. Step i of N leaves what the whole is to leave to the power of i / N, so that each
 * takes the same share of what is there. OUTPUT.steps holds the model of each step and the run folder behind it:
 * pruning is computed again, training goes on where it was.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "prune.h"
#include "series.h"
#include "watch.h"

static const series_kind kind = {.command = "prune"};

typedef struct steps {
    pruning *p;
    series s;
    fv_prune_row *first; /* of step 1 */
    double macs;         /* of the model that was given */
} steps;

static bool word(words *w, const char *key, const char *value)
{
    char *text = NULL;
    return asprintf(&text, "--%s=%s", key, value) >= 0 && words_set(w, text);
}

/* What the training of a step is told; `given`: what it is to be had without a recipe. */
static fv_status make_words(const steps *t, const char *model, words *w)
{
    const settings *c = t->p->c;
    char epochs[32], threads[32], share[64];
    snprintf(epochs, sizeof epochs, "%lld", (long long)c->prune_epochs);
    snprintf(threads, sizeof threads, "%lld", (long long)c->threads);
    snprintf(share, sizeof share, "%.9g", c->val_split);
    bool fits = word(w, "data", c->data) && word(w, "model", model) && word(w, "epochs", epochs);
    if (fits && c->prune_recipe)
        fits = word(w, "config", c->prune_recipe);
    else
        fits = fits && word(w, "lr", "0.01");
    if (option_given("threads"))
        fits = fits && word(w, "threads", threads);
    if (option_given("val-split"))
        fits = fits && word(w, "val-split", share);
    return fits ? FV_OK : complain(FV_ERR_NO_MEMORY, "raise --memory", "no memory for a command");
}

/* Whether two files hold the same bytes. */
static bool same_files(const char *a, const char *b)
{
    FILE *x = fopen(a, "rb"), *y = fopen(b, "rb");
    bool same = x && y;
    while (same) {
        char one[8192], two[8192];
        const size_t n = fread(one, 1, sizeof one, x), m = fread(two, 1, sizeof two, y);
        same = n == m && memcmp(one, two, n) == 0;
        if (n == 0)
            break;
    }
    if (x)
        fclose(x);
    if (y)
        fclose(y);
    return same;
}

/* The model of a step, which is what it was where it is there already. */
static fv_status save_step(const steps *t, int64_t i, char path[4300])
{
    char again[4400];
    struct stat st;
    snprintf(path, 4300, "%s/step-%lld.safetensors", t->s.dir, (long long)i);
    if (stat(path, &st) != 0)
        return fv_model_save(t->p->copy, path);
    snprintf(again, sizeof again, "%s.new", path);
    FV_TRY(fv_model_save(t->p->copy, again));
    const bool same = same_files(path, again);
    remove(again);
    return same ? FV_OK
                : complain(FV_ERR_CONFLICT, "take the folder away, or name another --output",
                           "%s: the steps there are of another model, other data or other settings", t->s.dir);
}

/* The best epoch's weights where there was a validation split, else the last's. */
static fv_status take_trained(const steps *t, const series_run *run)
{
    pruning *p = t->p;
    static const char *const names[] = {"best", "last"};
    char path[4400];
    struct stat st;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s/weights/%s.safetensors", t->s.dir, run->name, names[i]);
        if (stat(path, &st) != 0)
            continue;
        fv_model_destroy(&p->copy);
        return fv_model_load(p->ctx, path, &p->copy);
    }
    return complain(FV_ERR_MODEL, "`fovea runs ls` lists what came of it", "%s/%s: no weights are there", t->s.dir,
                    run->name);
}

static fv_status train_step(const steps *t, int64_t i)
{
    series_run run = {.trained = false};
    char path[4300];
    snprintf(run.name, sizeof run.name, "step-%lld", (long long)i);
    fv_status status = save_step(t, i, path);
    if (status == FV_OK)
        status = make_words(t, path, &run.words);
    if (status == FV_OK) {
        note("step %lld of %lld: %.3g of the multiply-adds, training for %lld epochs", (long long)i,
             (long long)t->p->c->prune_steps, t->p->totals[1].macs / t->macs, (long long)t->p->c->prune_epochs);
        status = series_train(&t->s, &run, 0, false);
    }
    if (status == FV_OK)
        status = take_trained(t, &run);
    words_free(&run.words);
    return status;
}

/* Rows of all steps together: what the first one began with. */
static void join_rows(steps *t)
{
    pruning *p = t->p;
    for (int i = 0; t->first && i < p->count; i++) {
        p->rows[i].layer = t->first[i].layer; /* of the model that was given, which stays */
        p->rows[i].channels[0] = t->first[i].channels[0];
        p->rows[i].parameters[0] = t->first[i].parameters[0];
        p->rows[i].macs[0] = t->first[i].macs[0];
    }
    if (t->first)
        fv_prune_rows_free(p->ctx, t->first);
    t->first = p->rows;
    p->rows = NULL;
}

/* One step from p->model, which becomes p->copy's trained self. */
static fv_status take_step(steps *t, int64_t i)
{
    pruning *p = t->p;
    const double n = (double)p->c->prune_steps;
    fv_totals now;
    FV_TRY(fv_model_totals(p->model, &now));
    const double macs = pow(p->c->target_macs, (double)i / n) * t->macs / now.macs;
    FV_TRY(prune_once(p, 1 - pow(1 - p->c->amount, 1 / n), macs < 1 ? macs : 1));
    join_rows(t);
    FV_TRY(fv_model_totals(p->copy, &p->totals[1]));
    return train_step(t, i);
}

static fv_status take_all(steps *t)
{
    pruning *p = t->p;
    fv_model *given = p->model;
    fv_status status = FV_OK;
    t->macs = p->totals[0].macs;
    for (int64_t i = 1; status == FV_OK && i <= p->c->prune_steps; i++) {
        fv_model *from = p->model;
        status = take_step(t, i);
        fv_pruner_destroy(&p->pruner);
        if (status != FV_OK || i == p->c->prune_steps)
            continue;
        p->model = p->copy;
        p->copy = NULL;
        if (from != given)
            fv_model_destroy(&from);
    }
    if (p->model != given)
        fv_model_destroy(&p->model);
    p->model = given;
    p->rows = t->first;
    return status;
}

fv_status prune_steps(pruning *p)
{
    steps t = {.p = p, .s = {.kind = &kind, .c = p->c}};
    const size_t size = strlen(p->c->output), ending = strlen(".safetensors");
    const bool ends = size > ending && strcmp(p->c->output + size - ending, ".safetensors") == 0;
    snprintf(t.s.dir, sizeof t.s.dir, "%.*s.steps", (int)(ends ? size - ending : size), p->c->output);
    if (mkdir(t.s.dir, 0777) != 0) {
        struct stat st;
        if (stat(t.s.dir, &st) != 0 || !S_ISDIR(st.st_mode))
            return complain(FV_ERR_IO, "name another --output", "%s: cannot be made", t.s.dir);
    }
    watch_end();
    const fv_status status = take_all(&t);
    watch_begin(p->c, p->ctx);
    return status;
}
