/* SPDX-License-Identifier: Apache-2.0 */
/* fovea calibrate: a model whose probabilities are shares of right answers. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "cli.h"
#include "output.h"
#include "show.h"
#include "watch.h"

/* What answers are worth on a split. */
typedef struct part {
    char split[8];
    fv_logits *logits; /* NULL: there is no such split */
    fv_reliability before, after;
} part;

typedef struct job {
    const char *name; /* as it was typed */
    fv_model *model;
    part found, test; /* what the temperature is from, and what it has not seen */
    double was, temperature, error;
} job;

static fv_status check_words(const settings *c)
{
    if (!c->positional[0])
        return complain(FV_ERR_USAGE, "fovea calibrate MODEL --data PATH --output FILE",
                        "fovea calibrate: which model?");
    if (!c->data)
        return complain(FV_ERR_USAGE, "add --data PATH: labeled images that the model was not trained on",
                        "fovea calibrate: which images is the temperature found on?");
    if (!c->output)
        return complain(FV_ERR_USAGE, "add --output FILE", "fovea calibrate: where does the calibrated model go?");
    if (output_same(c->output, c->positional[0]) || (c->weights && output_same(c->output, c->weights)))
        return complain(FV_ERR_CONFLICT, "name another file with --output", "%s: this is the model to be calibrated",
                        c->output);
    return output_check(c, c->data, "output", c->output, OUTPUT_MODEL);
}

/* ---- data ---- */

static fv_status has_split(fv_ctx *ctx, const settings *c, const char *split, bool *has)
{
    *has = strcmp(split, "val") == 0 && c->val_split > 0;
    return *has ? FV_OK : fv_dataset_has_split(ctx, c->data, split, has);
}

/* val, else test, else all there is. */
static fv_status choose(fv_ctx *ctx, const settings *c, char split[8])
{
    static const char *const order[] = {"val", "test"};
    bool has = false;
    snprintf(split, 8, "%s", c->split ? c->split : "train");
    for (int i = 0; i < 2 && !c->split && !has; i++) {
        FV_TRY(has_split(ctx, c, order[i], &has));
        if (has)
            snprintf(split, 8, "%s", order[i]);
    }
    return FV_OK;
}

static const char unseen[] = "calibrate on images that it has not seen: --split val, or other --data";

/* Refused when the model's card says that it was trained on just so many images. */
static fv_status compare_card(const settings *c, const job *j, const fv_dataset *data)
{
    const char *card = fv_model_card(j->model, FV_CARD_DATA);
    char summary[96];
    fv_dataset_summary(data, summary);
    const size_t n = strlen(summary);
    if (card && strncmp(card, summary, n) == 0 && (card[n] == '\0' || card[n] == ';'))
        return complain(FV_ERR_CONFLICT, unseen,
                        "%s: its train split is %s, and those are what %s says it was trained on", c->data, summary,
                        j->name);
    return FV_OK;
}

/* With --val-split: whether it was trained without what is set aside here. */
static fv_status check_set_aside(fv_ctx *ctx, const settings *c, const job *j)
{
    settings whole = *c;
    fv_dataset *data = NULL;
    bool has = false;
    FV_TRY(fv_dataset_has_split(ctx, c->data, "val", &has));
    if (has)
        return FV_OK;
    whole.val_split = 0;
    whole.model = j->name;
    fv_status status = data_open(ctx, &whole, "train", j->model, &data);
    if (status == FV_OK)
        status = compare_card(c, j, data);
    fv_dataset_destroy(&data);
    return status;
}

/* Confidence on what a network has learned by heart says nothing of other images. */
static fv_status check_unseen(fv_ctx *ctx, const settings *c, const job *j, const fv_dataset *data)
{
    bool val = false, test = false;
    if (strcmp(j->found.split, "val") == 0 && c->val_split > 0)
        return check_set_aside(ctx, c, j);
    if (strcmp(j->found.split, "train") != 0)
        return FV_OK;
    FV_TRY(has_split(ctx, c, "val", &val));
    FV_TRY(has_split(ctx, c, "test", &test));
    if (val || test)
        return complain(FV_ERR_CONFLICT, unseen,
                        "--split train: models are trained on it, and surer of it than of anything else; %s has a %s "
                        "split",
                        c->data, val ? "val" : "test");
    FV_TRY(compare_card(c, j, data));
    note("%s has no splits: the temperature is right only if %s was not trained on these images", c->data, j->name);
    return FV_OK;
}

static fv_status run(fv_ctx *ctx, const settings *c, job *j, part *p)
{
    settings own = *c;
    fv_dataset *data = NULL;
    own.model = j->name;
    fv_status status = data_open(ctx, &own, p->split, j->model, &data);
    if (status == FV_OK && p == &j->found)
        status = check_unseen(ctx, c, j, data);
    if (status == FV_OK && p == &j->test && fv_dataset_count(data) < FV_CALIBRATE_LEAST)
        note("%s: the test split has %lld samples: too few to say what the temperature is worth on it", c->data,
             (long long)fv_dataset_count(data));
    else if (status == FV_OK)
        status = fv_logits_create(j->model, data, c->fit.batch_size, (int)c->fit.workers, &p->logits);
    fv_dataset_destroy(&data);
    return status;
}

/* ---- making it ---- */

static fv_status measure(const job *j, part *p)
{
    if (!p->logits)
        return FV_OK;
    FV_TRY(fv_logits_reliability(p->logits, j->was > 0 ? j->was : 1, &p->before));
    return fv_logits_reliability(p->logits, j->temperature, &p->after);
}

static fv_status execute(fv_ctx *ctx, const settings *c, job *j)
{
    settings own = *c;
    bool has = false;
    own.model = j->name;
    FV_TRY(model_open_trained(ctx, &own, &j->model));
    j->was = fv_model_temperature(j->model);
    if (fv_model_task(j->model) == FV_TASK_REGRESS)
        return complain(FV_ERR_CONFLICT, "name a model that tells classes apart",
                        "%s predicts numbers: a temperature is of probabilities, and it gives none", j->name);
    FV_TRY(choose(ctx, c, j->found.split));
    FV_TRY(run(ctx, c, j, &j->found));
    FV_TRY(fv_logits_temperature(j->found.logits, &j->temperature, &j->error));
    if (strcmp(j->found.split, "test") != 0)
        FV_TRY(fv_dataset_has_split(ctx, c->data, "test", &has));
    snprintf(j->test.split, sizeof j->test.split, "test");
    if (has)
        FV_TRY(run(ctx, c, j, &j->test));
    else
        note("%s: no other labeled split: the figures are of the samples that the temperature was found on", c->data);
    FV_TRY(measure(j, &j->found));
    FV_TRY(measure(j, &j->test));
    FV_TRY(fv_model_set_temperature(j->model, j->temperature));
    return fv_model_save(j->model, c->output);
}

/* ---- telling ---- */

typedef double (*figure)(const fv_reliability *r);

static double figure_error(const fv_reliability *r)
{
    return r->calibration_error;
}

static double figure_loss(const fv_reliability *r)
{
    return r->loss;
}

static double figure_brier(const fv_reliability *r)
{
    return r->brier;
}

static double figure_top1(const fv_reliability *r)
{
    return r->top1;
}

static const struct {
    const char *title, *key;
    figure of;
} figures[] = {{"calibration error", "calibration_error", figure_error},
               {"negative log-likelihood", "loss", figure_loss},
               {"Brier score", "brier", figure_brier},
               {"top-1", "top1", figure_top1}};
enum { FIGURES = sizeof figures / sizeof *figures };

static void print_text(const settings *c, const job *j)
{
    const part *parts[2] = {&j->found, j->test.logits ? &j->test : NULL};
    char head[64];
    printf("temperature      %.6g, with a standard error of %.2g: outputs are divided by it\n\n%-26s", j->temperature,
           j->error, "");
    for (int k = 0; k < 2 && parts[k]; k++) {
        snprintf(head, sizeof head, "%s (%lld)", parts[k]->split, (long long)parts[k]->before.samples);
        printf("%-24s", head);
    }
    for (int i = 0; i < FIGURES; i++) {
        printf("\n%-26s", figures[i].title);
        for (int k = 0; k < 2 && parts[k]; k++) {
            snprintf(head, sizeof head, "%.4f > %.4f", figures[i].of(&parts[k]->before),
                     figures[i].of(&parts[k]->after));
            printf("%-24s", head);
        }
    }
    printf("\n\nmodel            %s\n", c->output);
}

static json_t *part_json(const part *p)
{
    json_t *object = json_pack("{s:s, s:I}", "split", p->split, "samples", (json_int_t)p->before.samples);
    for (int i = 0; i < FIGURES; i++)
        json_object_set_new(
            object, figures[i].key,
            json_pack("{s:f, s:f}", "before", figures[i].of(&p->before), "after", figures[i].of(&p->after)));
    return object;
}

static void print_json(const settings *c, const job *j)
{
    json_t *root = json_pack("{s:o, s:f, s:f, s:o}", "model", show_json(c->output), "temperature", j->temperature,
                             "standard_error", j->error, "calibration", part_json(&j->found));
    json_object_set_new(root, "temperature_before", json_real(j->was > 0 ? j->was : 1));
    json_object_set_new(root, "test", j->test.logits ? part_json(&j->test) : json_null());
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(root);
}

static void tell(const settings *c, const job *j)
{
    const part *judge = j->test.logits ? &j->test : &j->found;
    c->json ? print_json(c, j) : print_text(c, j);
    if (j->was > 0)
        note("%s had a temperature of %.6g: that is what stands before", j->name, j->was);
    if (fabs(j->temperature - 1) <= 2 * j->error)
        note("1 is within two standard errors: the outputs may be right as they are");
    if (judge->after.loss > judge->before.loss)
        warn("%s: on the %s split the likelihood fell: its images are unlike those of the %s split, or the model was "
             "trained on these",
             c->output, judge->split, j->found.split);
}

fv_status verb_calibrate(settings *c)
{
    fv_ctx *ctx;
    FV_TRY(check_words(c));
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    job j = {.name = c->positional[0]};
    watch_begin(c, ctx);
    status = report(ctx, execute(ctx, c, &j));
    watch_end();
    if (status == FV_OK)
        tell(c, &j);
    fv_logits_destroy(&j.found.logits);
    fv_logits_destroy(&j.test.logits);
    fv_model_destroy(&j.model);
    fv_ctx_destroy(&ctx);
    return status;
}
