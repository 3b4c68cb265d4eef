/* SPDX-License-Identifier: Apache-2.0 */
/* fovea factorize: a model whose layers are products of two smaller ones. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "amounts.h"
#include "cli.h"
#include "output.h"
#include "show.h"

/* Random inputs that results are compared on where no image is named. */
enum { RANDOM_INPUTS = 4 };

typedef struct factored {
    const char *name; /* as it was typed */
    fv_model *model, *copy;
    fv_factor_row *rows;
    int count;
    bool measured;
    int64_t images;
    double error; /* of the model's results */
} factored;

static fv_status check_words(const settings *c)
{
    static const char *const ranks[] = {"rank", "energy", "keep"};
    int given = 0;
    if (!c->positional[0])
        return complain(FV_ERR_USAGE, "fovea factorize MODEL --output FILE", "fovea factorize: which model?");
    if (!c->output)
        return complain(FV_ERR_USAGE, "add --output FILE", "fovea factorize: where does the smaller model go?");
    if (output_same(c->output, c->positional[0]) || (c->weights && output_same(c->output, c->weights)))
        return complain(FV_ERR_CONFLICT, "name another file with --output", "%s: this is the model to be factored",
                        c->output);
    FV_TRY(output_check(c, NULL, "output", c->output, OUTPUT_MODEL));
    for (int i = 0; i < 3; i++)
        given += option_given(ranks[i]);
    if (given > 1)
        return complain(FV_ERR_CONFLICT, "give one of them",
                        "--rank, --energy and --keep are three ways to say the same, and %d are given", given);
    return FV_OK;
}

/* ---- what results are compared on ---- */

static fv_status read_images(fv_ctx *ctx, const settings *c, const factored *f, float **images)
{
    const fv_pipeline *p = fv_model_pipeline(f->model);
    const int64_t size = p->h * p->w * p->c;
    *images = calloc((size_t)f->images, (size_t)size * sizeof **images);
    if (!*images)
        return complain(FV_ERR_NO_MEMORY, "name fewer images", "no memory for %lld images", (long long)f->images);
    for (int64_t i = 0; i < f->images; i++) {
        fv_image image = {0};
        fv_status status = fv_image_read(ctx, c->positional[1 + i], NULL, &image, NULL);
        if (status == FV_OK)
            status = fv_pipeline_apply(ctx, p, &image, *images + i * size);
        fv_image_free(ctx, &image);
        FV_TRY(status);
    }
    return FV_OK;
}

static fv_status measure(fv_ctx *ctx, const settings *c, factored *f)
{
    float *images = NULL;
    fv_status status = FV_OK;
    f->images = c->n_positional - 1;
    if (f->images > 0)
        status = read_images(ctx, c, f, &images);
    if (status == FV_OK)
        status = fv_factor_measure(f->model, f->copy, images, images ? f->images : RANDOM_INPUTS, f->rows, f->count,
                                   &f->error);
    free(images);
    f->measured = status == FV_OK;
    if (status == FV_ERR_UNSUPPORTED && f->images == 0) {
        note("%s: results are not compared: it does not make one row of numbers of one image", f->name);
        return FV_OK;
    }
    return status;
}

/* ---- telling ---- */

static void add_up(const factored *f, int64_t parameters[2], double macs[2])
{
    fv_totals t;
    for (int k = 0; k < 2; k++) {
        const bool known = fv_model_totals(k ? f->copy : f->model, &t) == FV_OK;
        parameters[k] = known ? t.parameters : 0;
        macs[k] = known ? t.macs : 0;
    }
}

static void error_text(double error, char text[32])
{
    if (error < 0)
        snprintf(text, 32, "-");
    else
        snprintf(text, 32, "%.3g", error);
}

static void print_row(const fv_factor_row *r)
{
    char rank[48], wrong[32], macs[2][AMOUNT_MAX];
    if (!r->factored) {
        if (strcmp(r->why, "not named") != 0)
            printf("%-28.28s %s\n", r->layer, r->why);
        return;
    }
    error_text(r->output_error, wrong);
    snprintf(rank, sizeof rank, "%lld of %lld", (long long)r->rank, (long long)r->full_rank);
    printf("%-28.28s %-12s %9.3g %9s %12lld > %-12lld %10s > %s\n", r->layer, rank, r->weight_error, wrong,
           (long long)r->parameters[0], (long long)r->parameters[1], amount_count(r->macs[0], macs[0]),
           amount_count(r->macs[1], macs[1]));
}

static void print_text(const settings *c, const factored *f)
{
    int64_t parameters[2];
    double macs[2];
    char text[2][AMOUNT_MAX];
    printf("%-28s %-12s %9s %9s %12s   %-12s %10s\n", "layer", "rank", "weights", "results", "parameters", "",
           "mult-adds");
    for (int i = 0; i < f->count; i++)
        print_row(&f->rows[i]);
    add_up(f, parameters, macs);
    printf("\nparameters      %lld > %lld (%.3g of them)\nmultiply-adds   %s > %s (%.3g of them)\n",
           (long long)parameters[0], (long long)parameters[1], (double)parameters[1] / (double)parameters[0],
           amount_count(macs[0], text[0]), amount_count(macs[1], text[1]), macs[1] / macs[0]);
    if (f->measured && f->images)
        printf("results         %.3g apart, as a share of their size, on %lld image%s\n", f->error,
               (long long)f->images, f->images == 1 ? "" : "s");
    else if (f->measured)
        printf("results         %.3g apart, as a share of their size, on random inputs\n", f->error);
    printf("model           %s\nfine-tune it    fovea train --data PATH --model %s --lr 0.01 --epochs 5\n", c->output,
           c->output);
}

static void print_json(const settings *c, const factored *f)
{
    int64_t parameters[2];
    double macs[2];
    char command[4096];
    json_t *layers = json_array();
    for (int i = 0; i < f->count; i++) {
        const fv_factor_row *r = &f->rows[i];
        json_t *row = json_pack("{s:s, s:b, s:[I,I], s:[I,I]}", "layer", r->layer, "factored", r->factored,
                                "parameters", (json_int_t)r->parameters[0], (json_int_t)r->parameters[1], "macs",
                                (json_int_t)r->macs[0], (json_int_t)r->macs[1]);
        if (r->factored) {
            json_object_set_new(row, "rank", json_integer((json_int_t)r->rank));
            json_object_set_new(row, "full_rank", json_integer((json_int_t)r->full_rank));
            json_object_set_new(row, "weight_error", json_real(r->weight_error));
        } else {
            json_object_set_new(row, "why", json_string(r->why));
        }
        if (r->output_error >= 0)
            json_object_set_new(row, "output_error", json_real(r->output_error));
        json_array_append_new(layers, row);
    }
    add_up(f, parameters, macs);
    snprintf(command, sizeof command, "fovea train --data PATH --model %s --lr 0.01 --epochs 5", c->output);
    json_t *root = json_pack("{s:o, s:s, s:[I,I], s:[I,I], s:o, s:o}", "model", show_json(c->output), "method",
                             fv_factor_methods()[c->factor_method], "parameters", (json_int_t)parameters[0],
                             (json_int_t)parameters[1], "macs", (json_int_t)macs[0], (json_int_t)macs[1], "fine_tune",
                             show_json(command), "layers", layers);
    if (f->measured) {
        json_object_set_new(root, "output_error", json_real(f->error));
        json_object_set_new(root, "images", json_integer((json_int_t)f->images));
    }
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(root);
}

static fv_status execute(fv_ctx *ctx, settings *c, factored *f)
{
    const fv_factor_options o = {.method = (fv_factor_method)c->factor_method,
                                 .rank = c->rank,
                                 .energy = option_given("energy") ? c->energy : 0,
                                 .keep = option_given("keep") ? c->keep : 0,
                                 .layers = c->factor_layers};
    settings own = *c;
    own.model = f->name;
    FV_TRY(model_open_trained(ctx, &own, &f->model));
    model_note_temperature(f->name, f->model, "the factored model");
    FV_TRY(fv_model_factorize(f->model, &o, &f->copy, &f->rows, &f->count));
    FV_TRY(measure(ctx, c, f));
    FV_TRY(fv_model_save(f->copy, c->output));
    c->json ? print_json(c, f) : print_text(c, f);
    if (fv_model_parameters(f->copy) >= fv_model_parameters(f->model))
        warn("%s: no smaller than %s: ask for less with --keep, --energy or --rank", c->output, f->name);
    return FV_OK;
}

fv_status verb_factorize(settings *c)
{
    fv_ctx *ctx;
    FV_TRY(check_words(c));
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    factored f = {.name = c->positional[0]};
    status = report(ctx, execute(ctx, c, &f));
    fv_factor_rows_free(ctx, f.rows);
    fv_model_destroy(&f.copy);
    fv_model_destroy(&f.model);
    fv_ctx_destroy(&ctx);
    return status;
}
