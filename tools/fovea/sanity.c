/* SPDX-License-Identifier: Apache-2.0 */
/* fovea sanity: what would be trained learns two batches by heart, or the likely cause is told. */
#include "sanity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "train_check.h"
#include "trial.h"

const char sanity_idle[] =
    " epochs patience min-delta monitor restore-best val-interval recovery-interval save-period "
    "checkpoint-hist " TRIAL_SCHEDULE
    "label-smoothing balance model-ema model-ema-decay unfreeze-at progressive-resize augment scale ratio crop-pad "
    "hflip vflip degrees translate shear perspective lens aa color-jitter pca-jitter reprob mixup cutmix cache "
    "no-prefetch no-feature-cache teacher teacher-weights kd-temperature distill-loss-weight task-loss-weight hint "
    "hint-loss-weight attention attention-loss-weight license data-name date output experiment resume force "
    "log-interval "
    "histogram-interval no-color ";

/* ---- advice ---- */

static void tell_advice(void *user, const char *line)
{
    (void)user;
    note("advice: %s", line);
}

fv_status sanity_advise(const char *name, const fv_model *model, const fv_fit_options *fit, int64_t images,
                        bool trained)
{
    const fv_lint_options o = {.fit = fit, .images = images, .trained = trained, .own = model_is_recipe(name)};
    return fv_lint(model, &o, tell_advice, NULL);
}

static fv_status advise(const trial *t)
{
    return sanity_advise(t->c->model, t->model, &t->options, fv_dataset_count(t->train),
                         t->c->weights || train_takes_model_file(t->c));
}

/* ---- the command that cures ---- */

/* Options that would contradict others of the command. */
static bool contradicts(const settings *c, const char *options)
{
    const bool started = c->weights || (train_takes_model_file(c) && !c->reset_head);
    return (strncmp(options, "--init ", 7) == 0 && started) ||
           (strncmp(options, "--norm ", 7) == 0 && (option_given("mean") || option_given("std")));
}

/* The words as they were typed with the cure's; the caller frees. NULL: the cure is no option, or no memory. */
static char *command_of(const trial *t, const fv_sanity *s)
{
    char keys[64], *text = NULL;
    size_t size;
    if (!s->options || contradicts(t->c, s->options))
        return NULL;
    snprintf(keys, sizeof keys, " json quiet %.*s ", (int)strcspn(s->options + 2, " "), s->options + 2);
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fprintf(out, "fovea %s",
            s->verdict == FV_SANITY_RATE_HIGH || s->verdict == FV_SANITY_RATE_LOW ? "train" : "sanity");
    for (int i = 0; i < t->c->n_words; i++) {
        const int skip = option_at_word(t->c, i, keys);
        if (skip > 0)
            i += skip - 1;
        else
            show_word(out, t->c->words[i]);
    }
    fprintf(out, " %s", s->options);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- text ---- */

static void print_tries(const fv_sanity *s)
{
    printf("%-12s %8s %6s %12s %12s %9s\n", "learning", "rate", "steps", "first loss", "last loss", "right");
    for (int i = 0; i < s->n_tries; i++) {
        const fv_sanity_try *t = &s->tries[i];
        char last[32] = "infinite", right[32] = "-";
        if (t->finite)
            snprintf(last, sizeof last, "%.4g", t->last);
        if (!isnan(t->top1))
            snprintf(right, sizeof right, "%.1f %%", 100 * t->top1);
        printf("  %-10s %8.3g %6lld %12.4g %12s %9s\n", i ? "again" : "as asked", t->lr, (long long)t->steps, t->first,
               last, right);
    }
}

/* "12.5 %", "-" where an operator cannot be so. */
static const char *share(double x, char text[16])
{
    snprintf(text, 16, "-");
    if (!isnan(x))
        snprintf(text, 16, "%.1f %%", 100 * x);
    return text;
}

/* Of many layers the first and the last ones, unless all are asked for. True: leave row i out. */
static bool is_inner(int i, int n, bool all)
{
    enum { SHOWN = 8 };
    if (all || n <= 2 * SHOWN + 1 || i < SHOWN || i >= n - SHOWN)
        return false;
    if (i == SHOWN)
        printf("  ... (%d more: --verbose)\n", n - 2 * SHOWN);
    return true;
}

static void print_units(const fv_sanity *s, bool all)
{
    char text[4][16];
    if (s->n_units > 0)
        printf("%-34s %6s %17s   %17s\n", "activations", "units", "dead at 0", "at their bounds");
    for (int i = 0; i < s->n_units; i++) {
        const fv_sanity_units *u = &s->units[i];
        if (is_inner(i, s->n_units, all))
            continue;
        printf("  %-32s %6lld %8s %8s   %8s %8s\n", u->name, (long long)u->units, share(u->dead[0], text[0]),
               share(u->dead[1], text[1]), share(u->bound[0], text[2]), share(u->bound[1], text[3]));
    }
}

/* "-" where there is none. */
static const char *length(double x, char text[16])
{
    snprintf(text, 16, "-");
    if (!isnan(x))
        snprintf(text, 16, "%.3g", x);
    return text;
}

static void print_weights(const fv_sanity *s, bool all)
{
    char text[2][16];
    if (s->n_weights > 0)
        printf("%-34s %9s %9s %9s %12s\n", "weights", "length", "gradient", "behind", "first change");
    for (int i = 0; i < s->n_weights; i++) {
        const fv_sanity_weights *w = &s->weights[i];
        if (is_inner(i, s->n_weights, all))
            continue;
        printf("  %-32s %9.3g %9s %9s %12.2e\n", w->name, w->norm, length(w->gradient[0], text[0]),
               length(w->gradient[1], text[1]), w->norm > 0 ? w->change / w->norm : 0);
    }
}

static void print_odds(const char *what, const fv_sanity_odds *o)
{
    if (o->images > 0)
        printf("%s %.1f %% of %lld right, by chance %.1f %%\n", what, 100 * o->right, (long long)o->images,
               100 * o->chance);
}

static void print_text(const trial *t, const fv_sanity *s)
{
    const bool inside = s->verdict >= FV_SANITY_DEAD && s->verdict != FV_SANITY_STEPS;
    printf("network      %s: %lld parameters\n", fv_model_name(t->model), (long long)fv_model_parameters(t->model));
    printf("data         ");
    show_text(stdout, t->c->data);
    printf(": %lld images in %lld batch%s, without augmentation and dropout\n", (long long)s->samples,
           (long long)s->batches, s->batches > 1 ? "es" : "");
    printf("inputs       %.3g to %.3g, mean %.3g, deviation %.3g\n", s->inputs.low, s->inputs.high, s->inputs.mean,
           s->inputs.deviation);
    print_odds("neighbors   ", &s->neighbors);
    print_tries(s);
    print_odds("other images", &s->others);
    if (inside || t->c->verbose) { /* else it has nothing to do with layers */
        print_units(s, t->c->verbose);
        print_weights(s, t->c->verbose);
    }
    printf("verdict      %s: %s\n", fv_sanity_name(s->verdict), fv_sanity_title(s->verdict));
}

/* ---- JSON ---- */

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *odds_json(const fv_sanity_odds *o)
{
    return o->images > 0 ? json_pack("{s:I, s:f, s:f, s:f}", "images", (json_int_t)o->images, "right", o->right,
                                     "chance", o->chance, "sigmas", o->sigmas)
                         : json_null();
}

static json_t *tries_json(const fv_sanity *s)
{
    json_t *list = json_array();
    for (int i = 0; i < s->n_tries; i++) {
        const fv_sanity_try *t = &s->tries[i];
        json_array_append_new(list, json_pack("{s:f, s:I, s:o, s:o, s:o, s:o, s:b, s:b}", "lr", t->lr, "steps",
                                              (json_int_t)t->steps, "first_loss", number(t->first), "lowest_loss",
                                              number(t->lowest), "last_loss", number(t->last), "top1", number(t->top1),
                                              "finite", t->finite, "learned", t->learned));
    }
    return list;
}

static json_t *layers_json(const fv_sanity *s, bool weights)
{
    json_t *list = json_array();
    for (int i = 0; i < (weights ? s->n_weights : s->n_units); i++)
        if (weights)
            json_array_append_new(list,
                                  json_pack("{s:o, s:f, s:[o, o], s:f}", "name", show_json(s->weights[i].name),
                                            "length", s->weights[i].norm, "gradient", number(s->weights[i].gradient[0]),
                                            number(s->weights[i].gradient[1]), "first_change", s->weights[i].change));
        else
            json_array_append_new(list, json_pack("{s:o, s:I, s:[o, o], s:[o, o]}", "name", show_json(s->units[i].name),
                                                  "units", (json_int_t)s->units[i].units, "dead",
                                                  number(s->units[i].dead[0]), number(s->units[i].dead[1]), "bound",
                                                  number(s->units[i].bound[0]), number(s->units[i].bound[1])));
    return list;
}

static json_t *text_json(const char *text)
{
    return text && *text ? show_json(text) : json_null();
}

static void print_json(const trial *t, const fv_sanity *s, const char *command)
{
    const fv_sanity_inputs *in = &s->inputs;
    json_t *inputs = s->n_tries > 0 ? json_pack("{s:f, s:f, s:f, s:f, s:I, s:I, s:b, s:b, s:o}", "low", in->low, "high",
                                                in->high, "mean", in->mean, "deviation", in->deviation, "images",
                                                (json_int_t)in->images, "constant", (json_int_t)in->constant, "same",
                                                in->same, "odd", in->odd, "files", text_json(s->pixels))
                                    : json_null();
    json_t *pair = s->pairs > 0 ? json_pack("[o, o]", show_json(s->pair[0]), show_json(s->pair[1])) : json_null();
    json_t *root = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "verdict",
        fv_sanity_name(s->verdict), "title", fv_sanity_title(s->verdict), "evidence", text_json(s->evidence), "cure",
        text_json(s->cure), "command", text_json(command), "model", fv_model_name(t->model), "data",
        show_json(t->c->data), "batches", (json_int_t)s->batches, "samples", (json_int_t)s->samples, "inputs", inputs,
        "tries", tries_json(s), "neighbors", odds_json(&s->neighbors), "other_images", odds_json(&s->others),
        "activations", layers_json(s, false), "weights", layers_json(s, true), "contradictions", (json_int_t)s->pairs,
        "contradictions_in_batches", (json_int_t)s->pairs_within, "contradiction", pair);
    json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

/* ---- the verb ---- */

static void warn_of_rest(const fv_sanity *s)
{
    if (s->pixels && s->verdict != FV_SANITY_PIXELS)
        warn("%s", s->pixels);
    if (s->pairs > 0 && s->verdict != FV_SANITY_LABELS && s->verdict != FV_SANITY_CONSTANT)
        warn("%lld pair%s of pictures that are the same but for the label, as %s and %s", (long long)s->pairs,
             s->pairs > 1 ? "s" : "", s->pair[0], s->pair[1]);
    if (s->inputs.constant > 0 && s->verdict != FV_SANITY_CONSTANT)
        warn("%lld of %lld images have one value all over", (long long)s->inputs.constant, (long long)s->inputs.images);
}

static fv_status conclude(const trial *t, const fv_sanity *s)
{
    char *command = command_of(t, s), *hint = NULL;
    size_t size;
    fv_status status = FV_OK;
    if (t->c->json)
        print_json(t, s, command);
    else if (s->n_tries > 0)
        print_text(t, s);
    warn_of_rest(s);
    FILE *out = open_memstream(&hint, &size);
    if (out) {
        fprintf(out, command ? "%s: `%s`" : "%s", s->cure, command);
        if (fclose(out) != 0)
            *hint = '\0';
    }
    if (s->verdict != FV_SANITY_LEARNED)
        status = complain(FV_ERR_SANITY, hint, "%s on %s: %s: %s", fv_model_name(t->model), t->c->data,
                          fv_sanity_title(s->verdict), s->evidence);
    free(hint);
    free(command);
    return status;
}

/* What training refuses is a verdict here. */
static fv_status look_at_scores(const trial *t, bool *goes_on)
{
    fv_sanity *s;
    FV_TRY(fv_sanity_scores(t->model, &t->c->fit, &s));
    if (!s)
        return FV_OK;
    const fv_status status = conclude(t, s);
    *goes_on = false;
    fv_sanity_destroy(&s);
    return status;
}

static fv_status run(const trial *t)
{
    fv_sanity *s;
    FV_TRY(advise(t));
    FV_TRY(fv_sanity_run(t->model, t->train, &t->options, &s));
    const fv_status status = conclude(t, s);
    fv_sanity_destroy(&s);
    return status;
}

fv_status verb_sanity(settings *c)
{
    static const trial_plan plan = {.verb = "sanity", .before = look_at_scores, .run = run};
    if (c->resume)
        return complain(FV_ERR_CONFLICT, "give its settings with -c RUN/args.yaml, and --model RUN for its weights",
                        "fovea sanity: --resume: nothing goes on here");
    trial_tell_idle(sanity_idle, "two batches are learned by heart, and nothing is written");
    return train_try(c, &plan);
}
