/* SPDX-License-Identifier: Apache-2.0 */
/* fovea plan --data: a run before it is one. What it takes, whether network and images go together, the command. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "amounts.h"
#include "memory_text.h"
#include "plan.h"
#include "progress.h"
#include "show.h"
#include "train_check.h"
#include "trial.h"
#include "watch.h"

const char plan_idle[] = " resume experiment license data-name date log-interval no-color progress ";

/* Of dense layers and dropout. */
typedef struct drop {
    bool has;        /* the network draws at random */
    int64_t weights; /* of the last layer */
    double rate;
} drop;

typedef struct estimate {
    const trial *t;
    fv_forecast time; /* steps 0: not probed */
    fv_detail detail;
    fv_sight sight;
    unsigned misfits;
    drop drop;
    double macs;
    double before, scoring, total; /* seconds until fv_fit, of the scores at the end, in all */
    const char *cache;             /* what is said of it; NULL: nothing */
    char *command;
} estimate;

static double begun; /* when the verb began */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- measuring ---- */

static bool on_step(void *user, double seconds)
{
    const settings *c = user;
    return watch_step("probed", "seconds", (int64_t)seconds, (int64_t)c->probe);
}

/* The best model scores the validation set once more for the page, and the test set. */
static double scoring(const trial *t, const fv_forecast *f)
{
    const double images = (double)((t->val ? fv_dataset_count(t->val) : 0) + (t->test ? fv_dataset_count(t->test) : 0));
    return isnan(f->scored) ? 0 : images * f->scored;
}

static fv_status probe(estimate *e)
{
    const trial *t = e->t;
    char weights[4200];
    snprintf(weights, sizeof weights, "%s/weights", t->folder);
    const fv_forecast_options o = {
        .seconds = t->c->probe, .folder = weights, .test = t->test, .on_step = on_step, .user = t->c};
    e->before = now() - begun;
    if (t->c->probe == 0)
        return FV_OK;
    FV_TRY(fv_fit_forecast(t->model, t->train, &t->options, &o, &e->time));
    e->scoring = scoring(t, &e->time);
    e->total = e->before + e->time.total + e->scoring;
    return FV_OK;
}

static void look_at_layers(estimate *e)
{
    for (int i = 0; i < fv_model_layer_count(e->t->model); i++) {
        fv_layer_info l;
        fv_model_layer(e->t->model, i, &l);
        if (l.training)
            continue;
        e->macs += l.macs;
        e->drop.has |= strcmp(l.op, "dropout") == 0;
        e->drop.weights = l.parameters > 0 ? l.parameters : e->drop.weights;
    }
    e->drop.rate = e->drop.has ? fv_drop_rule(e->drop.weights, fv_dataset_count(e->t->train)) : 0;
}

static fv_status look_at_images(estimate *e)
{
    const trial *t = e->t;
    const settings *c = t->c;
    FV_TRY(fv_dataset_detail(t->train, fv_model_pipeline(t->model), 0, (uint64_t)c->fit.seed, (int)c->fit.workers,
                             &e->detail));
    const fv_status status = fv_model_sight(t->model, &e->sight);
    if (status == FV_ERR_UNSUPPORTED) /* there is nothing to compare then */
        return FV_OK;
    FV_TRY(status);
    e->misfits = fv_sight_misfits(&e->sight, e->detail.detail, e->detail.extent);
    return FV_OK;
}

/* ---- the command ---- */

static void advise_number(FILE *out, const char *key, double value)
{
    if (!option_given(key))
        fprintf(out, " --%s %g", key, value);
}

static char *command_of(const estimate *e)
{
    const settings *c = e->t->c;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fputs("fovea train", out);
    for (int i = 0; i < c->n_words; i++) {
        const int skip = option_at_word(c, i, " json quiet probe price-per-hour verbose batch-size ");
        if (skip > 0)
            i += skip - 1;
        else
            show_word(out, c->words[i]);
    }
    fprintf(out, " --batch-size %lld", (long long)e->t->options.batch_size);
    if (e->drop.has && !train_takes_model_file(c))
        advise_number(out, "drop", e->drop.rate);
    if (!option_given("sched"))
        fprintf(out, " --sched %s", fv_schedule_names()[e->t->options.schedule]);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- text ---- */

static const char *span(double seconds, char text[48])
{
    if (seconds < 1)
        snprintf(text, 48, "%.0f ms", 1000 * seconds);
    else if (seconds < 100)
        snprintf(text, 48, "%.3g s", seconds);
    else if (seconds < 6000)
        snprintf(text, 48, "%ld min %02ld s", lround(seconds) / 60, lround(seconds) % 60);
    else
        snprintf(text, 48, "%ld h %02ld min", lround(seconds / 60) / 60, lround(seconds / 60) % 60);
    return text;
}

static void print_sets(const estimate *e)
{
    const trial *t = e->t;
    char text[4][64];
    printf("data        ");
    show_text(stdout, t->c->data);
    printf(": %s of %s", count_of(fv_dataset_count(t->train), "training image", "training images", text[0]),
           count_of(fv_dataset_classes(t->train), "class", "classes", text[1]));
    if (t->val)
        printf(", %s", count_of(fv_dataset_count(t->val), "for validation", "for validation", text[2]));
    if (t->test)
        printf(", %s", count_of(fv_dataset_count(t->test), "for the test", "for the test", text[3]));
    putchar('\n');
}

static void print_network(const estimate *e)
{
    int64_t h, w, c;
    char text[2][AMOUNT_MAX];
    fv_model_input_size(e->t->model, &h, &w, &c);
    printf("network     %s at %lldx%lldx%lld: %s parameters, %s multiply-adds an image\n", fv_model_name(e->t->model),
           (long long)h, (long long)w, (long long)c, amount_count((double)fv_model_parameters(e->t->model), text[0]),
           amount_count(e->macs, text[1]));
}

static void print_time(const estimate *e)
{
    const fv_forecast *f = &e->time;
    char text[5][48], count[64];
    if (f->steps == 0) {
        printf("time        not measured (--probe 20)\n");
        return;
    }
    const bool phases = e->t->options.progressive_resize || e->t->options.unfreeze_at;
    printf("time        %s in all: %s, the first %s, the %s %s\n", span(e->total, text[0]),
           count_of(f->epochs, "epoch", "epochs", count), span(f->first_epoch, text[1]), phases ? "last" : "others",
           span(f->epoch, text[2]));
    printf("            %lld steps an epoch of %s each (%.4g images a second); %s until the first one\n",
           (long long)f->steps, span(f->step, text[0]), (double)f->samples / f->epoch,
           span(e->before + f->open, text[1]));
    printf("            %s for a checkpoint", span(f->checkpoint, text[0]));
    if (e->t->val)
        printf(", %s for each of %s", span(f->validation, text[1]),
               count_of(f->validations, "validation", "validations", count));
    if (e->scoring > 0)
        printf(", %s for scores at the end", span(e->scoring, text[2]));
    printf("\n            from %lld steps that were timed%s%s; rules that end a run early are not in it\n",
           (long long)f->timed, e->cache ? "; " : "", e->cache ? e->cache : "");
    if (e->t->c->price >= 0)
        printf("cost        %.2f, at %g an hour\n", e->total / 3600 * e->t->c->price, e->t->c->price);
}

/* What the geometry comes to, a line for each bit. */
static int misfit_lines(const estimate *e, char lines[4][256])
{
    const fv_sight *s = &e->sight;
    const double detail = e->detail.detail, extent = e->detail.extent;
    int64_t h, w, c;
    int n = 0;
    fv_model_input_size(e->t->model, &h, &w, &c);
    if (e->misfits & FV_SIGHT_NARROW)
        snprintf(lines[n++], 256,
                 "a place of the last map sees %lld pixels of things of %.0f: more pooling or stride, larger filters, "
                 "more layers, or a smaller --img-size",
                 (long long)s->field, extent);
    if (e->misfits & FV_SIGHT_COARSE)
        snprintf(
            lines[n++], 256,
            "places of the last map are %lld pixels apart, things %.0f large: less pooling and stride, or a larger "
            "--img-size",
            (long long)s->step, extent);
    if (e->misfits & FV_SIGHT_BLUNT)
        snprintf(lines[n++], 256,
                 "the first layer steps over %lld pixels, detail is %.1f: smaller filters and less stride at the "
                 "beginning, or a larger --img-size",
                 (long long)s->first, detail);
    if (e->misfits & FV_SIGHT_EMPTY) {
        const double by = detail / 2; /* what sharp photographs have */
        snprintf(lines[n++], 256,
                 "images hold hardly anything finer than %.1f pixels, sharp ones than 2: --img-size %.0fx%.0f shows as "
                 "much for %.0f %% of the work; or larger filters and more pooling at the beginning",
                 detail, ceil((double)h / by), ceil((double)w / by), ceil(100 / (by * by)));
    }
    if (n == 0 && s->first > 0 && !isnan(detail))
        snprintf(lines[n++], 256,
                 "filters of %lld pixels, stride and depth fit such images: no less and no more pooling is called for",
                 (long long)s->filter);
    return n;
}

static void print_images(const estimate *e)
{
    char lines[4][256];
    if (isnan(e->detail.detail)) {
        printf("detail      the %lld images looked at are flat\n", (long long)e->detail.samples);
        return;
    }
    printf("detail      %.1f pixels; what is shown is %.0f pixels large (%lld images, as the network sees them)\n",
           e->detail.detail, e->detail.extent, (long long)e->detail.samples);
    if (e->sight.first > 0)
        printf(
            "sight       first filters of %lld pixels, every %lld; places of the last map see %s%lld, every %lld%s\n",
            (long long)e->sight.filter, (long long)e->sight.first, e->sight.whole ? "all, by fields of " : "",
            (long long)e->sight.field, (long long)e->sight.step, e->sight.apart ? ", and are told apart" : "");
    const int n = misfit_lines(e, lines);
    for (int i = 0; i < n; i++)
        printf("            %s\n", lines[i]);
}

enum { RULES = 3 };
static const char *const rule_keys[RULES] = {"batch", "dropout", "schedule"};

static void rules_of(const estimate *e, char rules[RULES][256])
{
    const trial *t = e->t;
    const fv_fit_options *o = &t->options;
    const int64_t images = fv_dataset_count(t->train);
    snprintf(rules[0], 256, "%lld: %s", (long long)o->batch_size,
             option_given("batch-size") ? "as asked for"
                                        : "the largest from 64 down by halves with 10 steps or more an epoch, in the "
                                          "memory that there is");
    if (!e->drop.has)
        snprintf(rules[1], 256, "none: the network has no layer that drops");
    else
        snprintf(
            rules[1], 256,
            "%g: the last layer has %lld weights for %lld images, %.3g for each; log10 of that by 4, from 0 to 0.5",
            e->drop.rate, (long long)e->drop.weights, (long long)images, (double)e->drop.weights / (double)images);
    if (option_given("sched"))
        snprintf(rules[2], 256, "%s: as asked for", fv_schedule_names()[o->schedule]);
    else
        snprintf(rules[2], 256,
                 "%s: from --lr to %g at the last step, whatever the epochs, so that no decay has to be timed",
                 fv_schedule_names()[o->schedule], o->min_lr);
}

static void print_text(const estimate *e)
{
    char parts[512], rules[RULES][256];
    print_sets(e);
    print_network(e);
    memory_text(e->t->memory, 4, parts, sizeof parts);
    printf("memory      %.1f MB: ", ceil((double)(e->t->memory->total + e->time.kept_bytes) / 1048576 * 10) / 10);
    if (e->time.kept_bytes > 0)
        printf("what frozen layers make of images %.1f MiB, ", (double)e->time.kept_bytes / 1048576);
    printf("%s, ...\n", parts);
    print_time(e);
    print_images(e);
    rules_of(e, rules);
    for (int i = 0; i < RULES; i++)
        printf("%-11s %s\n", rule_keys[i], rules[i]);
    printf("\n    %s\n", e->command);
}

/* ---- JSON ---- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *time_json(const estimate *e)
{
    const fv_forecast *f = &e->time;
    if (f->steps == 0)
        return json_null();
    json_t *time =
        json_pack("{s:f, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:o, s:f, s:I}", "total_s", e->total,
                  "epochs", (json_int_t)f->epochs, "steps_per_epoch", (json_int_t)f->steps, "images_per_epoch",
                  (json_int_t)f->samples, "img_per_s", (double)f->samples / f->epoch, "step_s", f->step,
                  "first_epoch_s", f->first_epoch, "epoch_s", f->epoch, "open_s", e->before + f->open, "checkpoint_s",
                  f->checkpoint, "validations", (json_int_t)f->validations, "validation_s",
                  number(e->t->val ? f->validation : NAN), "scores_s", e->scoring, "timed_steps", (json_int_t)f->timed);
    if (e->t->c->price >= 0)
        json_object_update_new(
            time, json_pack("{s:f, s:f}", "price_per_hour", e->t->c->price, "cost", e->total / 3600 * e->t->c->price));
    return time;
}

static json_t *images_json(const estimate *e)
{
    static const char *const bits[] = {"narrow", "coarse", "blunt", "empty"};
    char lines[4][256];
    json_t *misfits = json_array(), *told = json_array();
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        if (e->misfits >> i & 1)
            json_array_append_new(misfits, json_string(bits[i]));
    const int n = misfit_lines(e, lines);
    for (int i = 0; i < n; i++)
        json_array_append_new(told, json_string(lines[i]));
    const fv_sight *s = &e->sight;
    return json_pack("{s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:b, s:o, s:o}", "looked_at", (json_int_t)e->detail.samples,
                     "detail", number(e->detail.detail), "extent", number(e->detail.extent), "first_filter",
                     (json_int_t)s->filter, "first_stride", (json_int_t)s->first, "last_field", (json_int_t)s->field,
                     "last_stride", (json_int_t)s->step, "sees_all", s->whole, "misfits", misfits, "words", told);
}

static void print_json(const estimate *e)
{
    const trial *t = e->t;
    char rules[RULES][256];
    const char *title;
    int64_t bytes;
    json_t *said = json_object(),
           *memory = json_pack("{s:I, s:I}", "total", (json_int_t)(t->memory->total + e->time.kept_bytes), "features",
                               (json_int_t)e->time.kept_bytes);
    for (int i = 0; (title = fv_memory_part(t->memory, i, &bytes)); i++)
        json_object_set_new(memory, title, json_integer((json_int_t)bytes));
    rules_of(e, rules);
    for (int i = 0; i < RULES; i++)
        json_object_set_new(said, rule_keys[i], json_string(rules[i]));
    json_t *root = json_pack("{s:o, s:I, s:I, s:I, s:I, s:s, s:I, s:f, s:I, s:o, s:o, s:o, s:o, s:o}", "data",
                             show_json(t->c->data), "training_images", (json_int_t)fv_dataset_count(t->train),
                             "validation_images", (json_int_t)(t->val ? fv_dataset_count(t->val) : 0), "test_images",
                             (json_int_t)(t->test ? fv_dataset_count(t->test) : 0), "classes",
                             (json_int_t)fv_dataset_classes(t->train), "model", fv_model_name(t->model), "parameters",
                             (json_int_t)fv_model_parameters(t->model), "macs", e->macs, "batch_size",
                             (json_int_t)t->options.batch_size, "memory_bytes", memory, "time", time_json(e), "images",
                             images_json(e), "rules", said, "command", show_json(e->command));
    json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

/* ---- the question ---- */

static fv_status run(const trial *t)
{
    estimate e = {.t = t, .detail = {.detail = NAN, .extent = NAN}};
    fv_status status = probe(&e);
    if (status == FV_OK)
        status = look_at_images(&e);
    watch_end();
    FV_TRY(status);
    look_at_layers(&e);
    e.command = command_of(&e);
    if (!e.command)
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for the command");
    t->c->json ? print_json(&e) : print_text(&e);
    free(e.command);
    return FV_OK;
}

fv_status plan_run(settings *c)
{
    static const trial_plan plan = {.verb = "plan", .augmented = true, .whole = true, .run = run};
    begun = now();
    if (c->resume)
        return complain(FV_ERR_CONFLICT, "give its settings with -c RUN/args.yaml, and --model RUN for its weights",
                        "fovea plan: --resume: nothing goes on here");
    if (c->price >= 0 && c->probe == 0)
        return complain(FV_ERR_CONFLICT, "leave --probe out", "--price-per-hour %g: without a probe there is no time",
                        c->price);
    if (c->cache == CACHE_DISK) {
        note("--cache disk: timed as --cache ram, which it is hardly slower than");
        c->cache = CACHE_RAM;
    }
    trial_tell_idle(plan_idle, "nothing is trained");
    return train_try(c, &plan);
}
