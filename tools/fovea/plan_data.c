/* SPDX-License-Identifier: Apache-2.0 */
/* fovea plan --data --from: the table of transfer learning for a network and data, with the command of each cell. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone.h"
#include "plan.h"
#include "sanity.h"
#include "show.h"
#include "start.h"
#include "watch.h"

/* The network, and how a command names it. */
typedef struct network {
    fv_model *model;
    const char *name, *weights; /* --model, --weights; NULL: it is a file with its own */
    bool own_head;              /* its last layer came with the weights */
} network;

/* What each cell is called, and what is done in it. */
static const struct {
    const char *where, *what;
} cells[FV_CELL_COUNT] = {{"similar data, little of them", "a linear classifier on top"},
                          {"similar data, much of them", "fine-tune the last stages"},
                          {"different data, little of them", "linear classifiers from several stages"},
                          {"different data, much of them", "fine-tune more"}};

/* ---- the network ---- */

/* Whether all but the last layer came; the last one is a trained one where it came, too. */
static fv_status take_weights(network *n, const char *path)
{
    fv_load_report *r = NULL;
    fv_status status = fv_model_load_weights(n->model, path, true, &r);
    n->own_head = true;
    for (int i = 0; status == FV_OK && i < fv_load_report_count(r); i++) {
        const fv_load_row *row = fv_load_report_row(r, i);
        if (row->verdict == FV_LOADED || row->verdict == FV_UNUSED || row->aux)
            continue;
        if (!row->head)
            status = complain(FV_ERR_MODEL_MISMATCH, "name the architecture that the weights are of with --from",
                              "%s: tensor '%s' of %s is %s", path, row->name, n->name,
                              row->verdict == FV_MISSING ? "not there" : "of another shape");
        n->own_head = false;
    }
    fv_load_report_destroy(&r);
    n->weights = path;
    return status;
}

static fv_status open_network(fv_ctx *ctx, const settings *c, network *n)
{
    const fv_zoo_options options = {.img_size = {c->img_size[0], c->img_size[1]}, .dropout = -1};
    bool loaded = false;
    n->name = c->from;
    n->own_head = true;
    fv_status status = model_open(ctx, c, c->from, &options, &n->model, &loaded);
    if (status == FV_ERR_MODEL && !c->weights) { /* weights alone, maybe, whose architecture is among ours */
        FV_TRY(start_find_architecture(ctx, c->from, &n->name));
        note("%s: weights of %s", c->from, n->name);
        FV_TRY(fv_model_zoo(ctx, n->name, &options, &n->model));
        return take_weights(n, c->from);
    }
    FV_TRY(status);
    model_note_pixels(c->from, n->model);
    if (loaded)
        return FV_OK;
    if (!c->weights)
        return complain(FV_ERR_MODEL, "give --weights FILE, or a trained network as --from",
                        "--from %s is an architecture without weights", c->from);
    return take_weights(n, c->weights);
}

/* ---- commands ---- */

static void put_option(FILE *out, const char *key, const char *value)
{
    fprintf(out, " --%s", key);
    show_word(out, value);
}

static void put_number(FILE *out, const char *key, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%g", value);
    put_option(out, key, text);
}

static void put_network(FILE *out, const settings *c, const network *n)
{
    char size[64];
    put_option(out, "data", c->data);
    put_option(out, "model", n->name);
    if (n->weights)
        put_option(out, "weights", n->weights);
    if (option_given("img-size"))
        put_option(out, "img-size", option_text("img-size", c, size, sizeof size));
}

/* The command line of a cell; the caller frees. NULL: no memory. */
static char *command_of(const settings *c, const network *n, const fv_advice *advice, fv_transfer_cell cell,
                        bool has_val)
{
    const fv_transfer_recipe *r = fv_advice_recipe(advice, cell);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fprintf(out, "fovea %s", r->c > 0 ? "linear" : "train");
    put_network(out, c, n);
    if (r->c > 0) {
        if (cell == FV_CELL_STAGES)
            fputs(" --layers all", out);
        if (r->grid > 1)
            put_number(out, "grid", (double)r->grid);
        fputs(" --standardize", out);
        put_number(out, "C", r->c);
        fputs(" --folds 5 --save classifier.safetensors", out);
    } else {
        if (!n->weights)
            fputs(" --reset-head", out);
        if (!has_val)
            put_number(out, "val-split", r->val_split);
        put_option(out, "opt", "adamw");
        put_number(out, "lr", r->lr);
        if (r->freeze)
            put_option(out, "freeze", r->freeze);
        if (r->lr_mult)
            put_option(out, "lr-mult", r->lr_mult);
        put_number(out, "epochs", (double)r->epochs);
        put_number(out, "batch-size", (double)r->batch_size);
        if (r->drop > 0)
            put_number(out, "drop", r->drop);
        put_option(out, "augment", r->augment);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- showing ---- */

typedef struct shown {
    const settings *c;
    const network *n;
    const fv_advice *advice;
    const char *commands[FV_CELL_COUNT];
} shown;

static const char *likeness_word(double ratio)
{
    return ratio > 1 ? "different" : "similar";
}

static void print_likeness(const fv_advice *advice)
{
    const fv_likeness *k = fv_advice_likeness(advice);
    const fv_stage_probe *last = fv_advice_probe(advice, k->n_probes - 1), *best = fv_advice_probe(advice, k->best);
    printf("likeness    of %lld images to what the network was trained on, which is not at hand\n",
           (long long)k->samples);
    if (k->norms > 0)
        printf("  norm      %-6.3g deviations from the running means, over %d batch norms: %s (%g)\n", k->norm,
               k->norms, likeness_word(k->norm / FV_NEAR_NORM), FV_NEAR_NORM);
    else
        printf("  norm      -      it has no batch norms\n");
    if (!isnan(k->answers))
        printf("  answers   %-6.3g of what tells the classes apart is in its own answers: %s (%g)\n", k->answers,
               likeness_word(k->answers > 0 ? FV_NEAR_ANSWERS / k->answers : 4), FV_NEAR_ANSWERS);
    else
        printf("  answers   -      its last layer is no trained one\n");
    printf("  probes    %-6.3g times the errors on its last stage, %s, of those on the best, %s: %s (%g)\n", k->probes,
           last->name, best->name, likeness_word(k->probes / FV_NEAR_PROBES), FV_NEAR_PROBES);
    printf("  together  %-6.3g %s%s\n\n", k->distance, likeness_word(k->distance),
           fabs(log(k->distance)) < 0.1 ? ", but near the border, which is 1" : "");
}

static void print_text(const shown *s)
{
    const fv_amounts *a = fv_advice_amounts(s->advice);
    const fv_likeness *k = fv_advice_likeness(s->advice);
    const fv_transfer_cell cell = fv_advice_cell(s->advice);
    printf("data        ");
    show_text(stdout, s->c->data);
    printf(": %lld images of %lld classes, %lld to %lld of each, %lld in the mean: %s (much from %d on)\n",
           (long long)a->images, (long long)a->classes, (long long)a->smallest, (long long)a->largest,
           (long long)a->typical, a->typical < FV_MUCH_DATA ? "little" : "much", FV_MUCH_DATA);
    print_likeness(s->advice);
    printf("%-34s %8s  %s\n", "stage", "channels", "linear classifier");
    for (int i = 0; i < k->n_probes; i++) {
        const fv_stage_probe *p = fv_advice_probe(s->advice, i);
        printf("%-34s %8lld  %.1f +- %.1f %%%s\n", p->name, (long long)p->width, 100 * p->accuracy, 100 * p->error,
               i == k->best ? "  best" : "");
    }
    const fv_transfer_cell choice = fv_advice_choice(s->advice);
    printf("\ncell        %s: %s\n", cells[cell].where, cells[cell].what);
    if (choice != cell)
        printf("            but its best stage tells %lld classes apart in %.0f %% of the images: too few for a linear "
               "classifier, so %s\n",
               (long long)a->classes, 100 * fv_advice_probe(s->advice, k->best)->accuracy, cells[choice].what);
    printf("\n    %s\n\n", s->commands[choice]);
    for (int i = 0; i < FV_RULE_COUNT; i++)
        printf("%s%s\n", i ? "            " : "because     ", fv_advice_rule(s->advice, choice, (fv_recipe_rule)i));
    printf("\nthe other cells\n");
    for (int i = 0; i < FV_CELL_COUNT; i++)
        if (i != (int)choice)
            printf("  %s: %s\n    %s\n", cells[i].where, cells[i].what, s->commands[i]);
}

static json_t *number_or_null(double x)
{
    return isnan(x) ? json_null() : json_real(x);
}

static json_t *cell_json(const shown *s, int i)
{
    static const char *const keys[FV_RULE_COUNT] = {"trained", "epochs", "drop", "augment"};
    const fv_transfer_recipe *r = fv_advice_recipe(s->advice, (fv_transfer_cell)i);
    json_t *rules = json_object();
    for (int k = 0; k < FV_RULE_COUNT; k++)
        json_object_set_new(rules, keys[k],
                            json_string(fv_advice_rule(s->advice, (fv_transfer_cell)i, (fv_recipe_rule)k)));
    json_t *cell = json_pack("{s:s, s:s, s:s, s:o, s:o}", "cell", fv_transfer_cell_names()[i], "where", cells[i].where,
                             "what", cells[i].what, "command", show_json(s->commands[i]), "rules", rules);
    if (r->c > 0)
        json_object_update_new(cell, json_pack("{s:f, s:I}", "C", r->c, "grid", (json_int_t)r->grid));
    else
        json_object_update_new(cell, json_pack("{s:f, s:I, s:I, s:f, s:s}", "lr", r->lr, "epochs",
                                               (json_int_t)r->epochs, "batch_size", (json_int_t)r->batch_size, "drop",
                                               r->drop, "augment", r->augment));
    json_object_set_new(cell, "freeze", r->freeze ? json_string(r->freeze) : json_null());
    json_object_set_new(cell, "lr_mult", r->lr_mult ? json_string(r->lr_mult) : json_null());
    return cell;
}

static void print_json(const shown *s)
{
    const fv_amounts *a = fv_advice_amounts(s->advice);
    const fv_likeness *k = fv_advice_likeness(s->advice);
    const fv_transfer_cell cell = fv_advice_cell(s->advice), choice = fv_advice_choice(s->advice);
    json_t *probes = json_array(), *all = json_array();
    for (int i = 0; i < k->n_probes; i++) {
        const fv_stage_probe *p = fv_advice_probe(s->advice, i);
        json_array_append_new(probes, json_pack("{s:s, s:I, s:f, s:f}", "stage", p->name, "channels",
                                                (json_int_t)p->width, "accuracy", p->accuracy, "error", p->error));
    }
    for (int i = 0; i < FV_CELL_COUNT; i++)
        json_array_append_new(all, cell_json(s, i));
    json_t *likeness =
        json_pack("{s:I, s:i, s:o, s:o, s:f, s:f, s:b, s:o}", "images", (json_int_t)k->samples, "norms", k->norms,
                  "norm", number_or_null(k->norm), "answers", number_or_null(k->answers), "probe_ratio", k->probes,
                  "distance", k->distance, "similar", k->distance <= 1, "probes", probes);
    json_t *data =
        json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:b}", "path", show_json(s->c->data), "images", (json_int_t)a->images,
                  "classes", (json_int_t)a->classes, "smallest", (json_int_t)a->smallest, "typical",
                  (json_int_t)a->typical, "largest", (json_int_t)a->largest, "much", a->typical >= FV_MUCH_DATA);
    json_t *root = json_pack("{s:o, s:o, s:s, s:s, s:o, s:o}", "data", data, "likeness", likeness, "cell",
                             fv_transfer_cell_names()[cell], "choice", fv_transfer_cell_names()[choice], "command",
                             show_json(s->commands[choice]), "cells", all);
    json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

static fv_status show_advice(const settings *c, const network *n, const fv_advice *advice, bool has_val)
{
    shown s = {.c = c, .n = n, .advice = advice};
    fv_status status = FV_OK;
    for (int i = 0; i < FV_CELL_COUNT; i++) {
        s.commands[i] = command_of(c, n, advice, (fv_transfer_cell)i, has_val);
        status = s.commands[i] ? status : complain(FV_ERR_NO_MEMORY, NULL, "no memory for the commands");
    }
    if (status == FV_OK)
        c->json ? print_json(&s) : print_text(&s);
    for (int i = 0; i < FV_CELL_COUNT; i++)
        free((char *)(uintptr_t)s.commands[i]);
    return status;
}

fv_status plan_data(fv_ctx *ctx, const settings *c)
{
    network n = {.model = NULL};
    fv_dataset *data = NULL;
    fv_advice *advice = NULL;
    bool has_val = false;
    fv_status status = open_network(ctx, c, &n);
    if (status == FV_OK)
        status = data_open(ctx, c, "train", NULL, &data);
    if (status == FV_OK)
        status = backbone_need_classes(c, data);
    if (status == FV_OK)
        status = fv_dataset_has_split(ctx, c->data, "val", &has_val);
    if (status == FV_OK)
        status = sanity_advise(c->from, n.model, NULL, fv_dataset_count(data), true);
    if (status == FV_OK) {
        const fv_advise_options o = {.samples = c->limit, .seed = (uint64_t)c->fit.seed, .own_head = n.own_head};
        watch_begin(c, ctx);
        status = fv_advise(n.model, data, &o, &advice);
        watch_end();
        if (status == FV_ERR_DATA_EMPTY)
            complain(status, fv_ctx_hint(ctx), "%s: %s", c->data, fv_ctx_error(ctx));
    }
    if (status == FV_OK)
        status = show_advice(c, &n, advice, has_val);
    fv_advice_destroy(&advice);
    fv_dataset_destroy(&data);
    fv_model_destroy(&n.model);
    return status;
}
