/* SPDX-License-Identifier: Apache-2.0 */
/* fovea linear: linear classifiers on what layers of a network make of images, layer by layer. */
#include <stdlib.h>
#include <string.h>

#include "backbone.h"
#include "card.h"
#include "memory_text.h"
#include "output.h"
#include "show.h"
#include "watch.h"

/* What was found of one layer. */
typedef struct stage_result {
    const fv_feature_stage *stage;
    fv_linear_score score;
    double held_out; /* accuracy on the val split; below 0: there is none */
    int64_t iterations;
    bool converged; /* of the classifier on all of the train split */
} stage_result;

/* Rows of one layer with their classes. */
typedef struct rows {
    float *x;
    int32_t *y;
    int64_t n;
} rows;

typedef struct job {
    settings *c;
    fv_ctx *ctx;
    backbone b;
    fv_dataset *train, *held_out; /* held_out NULL: there is no val split */
    fv_feature_table *table, *held_table;
    fv_linear_options options;
    int32_t *fold;
    stage_result *results;
    int stages, done, best; /* best: by mean accuracy */
    fv_linear *saved;       /* the best one's classifier */
    fv_arrays *coefficients;
    const char *split;
} job;

/* ---- data ---- */

/* The val split, where there is one: its classes by the train split's names. */
static fv_status open_held_out(job *j)
{
    bool has = j->c->val_split > 0;
    if (!has)
        FV_TRY(fv_dataset_has_split(j->ctx, j->c->data, "val", &has));
    if (!has || strcmp(j->split, "val") == 0)
        return FV_OK;
    return data_open(j->ctx, j->c, "val", NULL, &j->held_out);
}

static void free_rows(rows *r)
{
    free(r->x);
    free(r->y);
}

/* Room for the rows of one layer and for what fits on them, or OVER_BUDGET. */
static fv_status check_room(const job *j, const fv_feature_stage *s, int64_t n)
{
    int64_t now;
    const int64_t limit = fv_ctx_memory_limit(j->ctx);
    const fv_linear_data d = {.n = n, .width = s->width, .classes = fv_feature_table_classes(j->table)};
    const double need = (double)n * (double)s->width * sizeof(float) + (double)fv_linear_bytes(&d, &j->options);
    fv_ctx_memory(j->ctx, &now, NULL);
    if (need + (double)now <= (double)limit)
        return FV_OK;
    return complain(
        FV_ERR_OVER_BUDGET, "pool the maps (--pool avg, a smaller --grid), name other layers, or raise --memory",
        "layer '%s': a classifier on %lld rows of %lld numbers needs %.1f MiB, %.1f MiB are in use, and the "
        "limit is %.1f MiB",
        s->name, (long long)n, (long long)s->width, need / 1048576, (double)now / 1048576, (double)limit / 1048576);
}

static fv_status take_rows(const job *j, const fv_feature_table *t, int stage, rows *r)
{
    const fv_feature_stage *s = fv_feature_table_stage(t, stage);
    r->n = fv_feature_table_count(t);
    FV_TRY(check_room(j, s, r->n));
    r->x = malloc((size_t)(r->n * s->width) * sizeof *r->x + 256);
    r->y = malloc((size_t)r->n * sizeof *r->y + 256);
    if (!r->x || !r->y)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < r->n; i++)
        r->y[i] = fv_feature_table_label(t, i);
    return fv_feature_table_get(t, stage, 0, r->n, r->x);
}

/* ---- one layer ---- */

/* The share of the val split that is told right, a row at a time. */
static fv_status score_held_out(const job *j, int stage, const fv_linear *l, double *accuracy)
{
    const int64_t n = j->held_table ? fv_feature_table_count(j->held_table) : 0;
    const fv_feature_stage *s = fv_feature_table_stage(j->table, stage);
    float *row = malloc((size_t)s->width * sizeof *row + 256);
    int64_t right = 0;
    fv_status status = row ? FV_OK : FV_ERR_NO_MEMORY;
    for (int64_t i = 0; status == FV_OK && i < n; i++) {
        int32_t said;
        status = fv_feature_table_get(j->held_table, stage, i, 1, row);
        if (status != FV_OK)
            break;
        fv_linear_predict(l, row, 1, &said, NULL);
        right += said == fv_feature_table_label(j->held_table, i);
    }
    free(row);
    *accuracy = n > 0 ? (double)right / (double)n : -1;
    return status;
}

static fv_status keep_coefficients(job *j, const char *layer, const char *what, const double *values, int64_t rows_,
                                   int64_t columns)
{
    char name[400];
    fv_tensor *tensor;
    const fv_shape shape = {columns > 0 ? 2 : 1, {rows_, columns}};
    snprintf(name, sizeof name, "%.380s.%s", layer, what);
    FV_TRY(fv_tensor_create(j->ctx, FV_F64, &shape, &tensor));
    memcpy(fv_tensor_data(tensor), values, (size_t)(rows_ * (columns > 0 ? columns : 1)) * sizeof *values);
    const fv_status status = fv_arrays_add(j->coefficients, name, tensor);
    fv_tensor_destroy(&tensor);
    return status;
}

static fv_status fit_all(job *j, int stage, const fv_linear_data *d)
{
    stage_result *r = &j->results[stage];
    fv_linear *l;
    FV_TRY(fv_linear_fit(j->ctx, d, &j->options, &l));
    r->converged = fv_linear_converged(l, &r->iterations);
    fv_status status = score_held_out(j, stage, l, &r->held_out);
    const int64_t vectors = fv_linear_vectors(l);
    if (status == FV_OK && j->coefficients)
        status = keep_coefficients(j, r->stage->name, "weight", fv_linear_weights(l), vectors, d->width);
    if (status == FV_OK && j->coefficients)
        status = keep_coefficients(j, r->stage->name, "bias", fv_linear_intercepts(l), vectors, 0);
    if (status == FV_OK && j->c->save && (stage == 0 || r->score.mean > j->results[j->best].score.mean)) {
        fv_linear_destroy(&j->saved);
        j->saved = l;
        l = NULL;
    }
    fv_linear_destroy(&l);
    return status;
}

static fv_status try_stage(job *j, int stage)
{
    rows r = {NULL, NULL, 0};
    stage_result *result = &j->results[stage];
    result->stage = fv_feature_table_stage(j->table, stage);
    fv_status status = take_rows(j, j->table, stage, &r);
    const fv_linear_data d = {r.x, r.y, NULL, r.n, result->stage->width, fv_feature_table_classes(j->table)};
    if (status == FV_OK)
        status = fv_linear_folds(j->ctx, &d, &j->options, j->fold, (int)j->c->folds, &result->score);
    if (status == FV_OK)
        status = fit_all(j, stage, &d);
    if (status == FV_OK && result->score.mean > j->results[j->best].score.mean)
        j->best = stage;
    free_rows(&r);
    return status;
}

/* ---- what is said ---- */

static int name_width(const job *j)
{
    int width = 5;
    for (int i = 0; i < j->stages; i++) {
        const int n = (int)strlen(fv_feature_table_stage(j->table, i)->name);
        width = n > width ? n : width;
    }
    return width;
}

static void print_head(const job *j)
{
    const settings *c = j->c;
    char samples[64];
    if (c->out == OUT_CSV) {
        printf("layer,numbers,mean,deviation");
        for (int k = 0; k < c->folds; k++)
            printf(",fold%d", k + 1);
        printf(",val\n");
    } else if (c->out == OUT_TEXT) {
        printf("%s on %s (%s): %s of %lld classes; %s, C %g%s, %lld folds (seed %lld)\n", c->model, c->data, j->split,
               count_of(fv_feature_table_count(j->table), "image", "images", samples),
               (long long)fv_feature_table_classes(j->table), fv_linear_loss_names()[j->options.loss], j->options.c,
               j->options.standardize ? ", standardized" : "", (long long)c->folds, (long long)c->fit.seed);
        printf("%-*s  %8s  %s%s\n", name_width(j), "layer", "numbers", "accuracy (mean +- deviation)",
               j->held_table ? "   val" : "");
    }
}

static void print_stage(const job *j, int i)
{
    const stage_result *r = &j->results[i];
    if (j->c->out == OUT_CSV) {
        show_csv(stdout, r->stage->name);
        printf(",%lld,%.10g,%.10g", (long long)r->stage->width, r->score.mean, r->score.deviation);
        for (int k = 0; k < j->c->folds; k++)
            printf(",%.10g", r->score.accuracy[k]);
        printf(r->held_out < 0 ? ",\n" : ",%.10g\n", r->held_out);
    } else if (j->c->out == OUT_TEXT) {
        printf("%-*s  %8lld  %6.2f +- %5.2f %%            ", name_width(j), r->stage->name, (long long)r->stage->width,
               100 * r->score.mean, 100 * r->score.deviation);
        if (r->held_out >= 0)
            printf("  %6.2f %%", 100 * r->held_out);
        putchar('\n');
    }
    if (r->score.unconverged || !r->converged)
        warn(
            "layer '%s': %d of %lld fits ended before they were at their minimum; --standardize or a smaller --C would "
            "help",
            r->stage->name, r->score.unconverged + !r->converged, (long long)j->c->folds + 1);
}

static void print_json(const job *j)
{
    const settings *c = j->c;
    json_t *list = json_array();
    for (int i = 0; i < j->stages; i++) {
        const stage_result *r = &j->results[i];
        json_t *folds = json_array();
        for (int k = 0; k < c->folds; k++)
            json_array_append_new(folds, json_real(r->score.accuracy[k]));
        json_t *row = json_pack("{s:o, s:s, s:I, s:f, s:f, s:o, s:I, s:b}", "layer", show_json(r->stage->name), "pool",
                                fv_pooling_names()[r->stage->pool], "numbers", (json_int_t)r->stage->width, "mean",
                                r->score.mean, "deviation", r->score.deviation, "folds", folds, "iterations",
                                (json_int_t)(r->score.iterations + r->iterations), "converged",
                                r->converged && !r->score.unconverged);
        json_object_set_new(row, "val", r->held_out < 0 ? json_null() : json_real(r->held_out));
        json_array_append_new(list, row);
    }
    json_t *all = json_pack(
        "{s:o, s:o, s:s, s:I, s:I, s:s, s:f, s:b, s:I, s:I, s:o, s:o}", "model", show_json(c->model), "data",
        show_json(c->data), "split", j->split, "samples", (json_int_t)fv_feature_table_count(j->table), "classes",
        (json_int_t)fv_feature_table_classes(j->table), "loss", fv_linear_loss_names()[j->options.loss], "C",
        j->options.c, "standardize", (int)j->options.standardize, "seed", (json_int_t)c->fit.seed, "samples_val",
        (json_int_t)(j->held_table ? fv_feature_table_count(j->held_table) : 0), "layers", list, "best",
        show_json(j->results[j->best].stage->name));
    json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(10));
    putchar('\n');
    json_decref(all);
}

/* ---- what is written ---- */

/* What the classifier was fitted on, and how well it does on what it was not. */
static fv_status tell_card(const job *j, fv_model *model)
{
    const stage_result *r = &j->results[j->best];
    char text[160], held_out[48] = "";
    FV_TRY(card_take_trained(j->c, j->train, model));
    if (r->held_out >= 0)
        snprintf(held_out, sizeof held_out, ", val_top1 %.2f %%", 100 * r->held_out);
    snprintf(text, sizeof text, "top1 %.2f %% over %lld folds%s", 100 * r->score.mean, (long long)j->c->folds,
             held_out);
    return fv_model_set_card(model, FV_CARD_METRICS, text);
}

static fv_status save(job *j)
{
    fv_model *model;
    fv_features_options one = j->b.options;
    one.layers = j->results[j->best].stage->name;
    const char **names = calloc((size_t)fv_feature_table_classes(j->table) + 1, sizeof *names);
    if (!names)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < fv_feature_table_classes(j->table); i++)
        names[i] = fv_feature_table_class_name(j->table, i);
    fv_status status = fv_linear_model(j->b.model, &one, j->saved, names, &model);
    free(names);
    FV_TRY(status);
    status = tell_card(j, model);
    if (status == FV_OK)
        status = fv_model_save(model, j->c->save);
    fv_model_destroy(&model);
    FV_TRY(status);
    note("%s: the network up to '%s', and its classifier, which was fitted on all of %s: `fovea eval`, `predict` and "
         "`train` take it",
         j->c->save, one.layers, j->split);
    return FV_OK;
}

/* ---- the verb ---- */

/* Whether all images of a class are of one group. */
static bool is_one_group(const fv_feature_table *t, int64_t class)
{
    uint64_t group = 0;
    for (int64_t i = 0; i < fv_feature_table_count(t); i++) {
        const uint64_t own = fv_feature_table_group(t, i);
        if (fv_feature_table_label(t, i) != class)
            continue;
        if (own == 0 || (group != 0 && own != group))
            return false;
        group = own;
    }
    return group != 0;
}

/* Folds hold classes; the message names one. */
static fv_status divide(job *j)
{
    const int64_t n = fv_feature_table_count(j->table), classes = fv_feature_table_classes(j->table);
    int32_t *y = calloc((size_t)n + 1, sizeof *y);
    uint64_t *groups = calloc((size_t)n + 1, sizeof *groups);
    int64_t *count = calloc((size_t)classes + 1, sizeof *count);
    j->fold = calloc((size_t)n + 1, sizeof *j->fold);
    fv_status status = y && groups && count && j->fold ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK && j->c->folds > n)
        status = complain(FV_ERR_VALUE, "ask for fewer", "--folds %lld: %s has %lld images in %s",
                          (long long)j->c->folds, j->c->data, (long long)n, j->split);
    for (int64_t i = 0; status == FV_OK && i < n; i++) {
        y[i] = fv_feature_table_label(j->table, i);
        groups[i] = fv_feature_table_group(j->table, i);
        count[y[i]]++;
    }
    for (int64_t k = 0; status == FV_OK && k < classes; k++) {
        if (count[k] < 2)
            status = complain(FV_ERR_DATA, "remove the class, or add images",
                              "%s: class '%s' has %lld %s in %s: folds need two or more of each", j->c->data,
                              fv_feature_table_class_name(j->table, k), (long long)count[k],
                              count[k] == 1 ? "image" : "images", j->split);
        else if (is_one_group(j->table, k))
            status = complain(FV_ERR_DATA, "add images of other groups, or leave the column out",
                              "%s: all %lld images of class '%s' are of one group: folds need two or more of each",
                              j->c->data, (long long)count[k], fv_feature_table_class_name(j->table, k));
        else if (count[k] < j->c->folds)
            warn("class '%s' has %lld images, fewer than there are folds: some folds do not ask for it",
                 fv_feature_table_class_name(j->table, k), (long long)count[k]);
    }
    if (status == FV_OK)
        status = fv_linear_split(j->ctx, y, groups, n, classes, (int)j->c->folds, (uint64_t)j->c->fit.seed, j->fold);
    free(y);
    free(groups);
    free(count);
    return status;
}

static fv_status open_all(job *j)
{
    settings *c = j->c;
    const fv_features_options options = backbone_options(c, FV_POOLING_AVG);
    FV_TRY(backbone_open(j->ctx, c, &options, &j->b));
    FV_TRY(backbone_data(j->ctx, c, &j->b, "train", &j->split, &j->train));
    FV_TRY(backbone_need_classes(c, j->train));
    FV_TRY(open_held_out(j));
    FV_TRY(backbone_rows(j->ctx, c, &j->b, j->train, NULL, &j->table));
    if (j->held_out)
        FV_TRY(backbone_rows(j->ctx, c, &j->b, j->held_out, NULL, &j->held_table));
    while (fv_feature_table_stage(j->table, j->stages))
        j->stages++;
    j->results = calloc((size_t)j->stages, sizeof *j->results);
    return j->results ? FV_OK : FV_ERR_NO_MEMORY;
}

static fv_status run(job *j)
{
    FV_TRY(open_all(j));
    FV_TRY(divide(j));
    if (j->c->coefficients)
        FV_TRY(fv_arrays_create(j->ctx, &j->coefficients));
    print_head(j);
    for (int i = 0; i < j->stages; i++) {
        FV_TRY(try_stage(j, i));
        watch_end();
        print_stage(j, i);
        fflush(stdout);
    }
    if (j->c->out == OUT_TEXT && j->stages > 1)
        printf("best: %s\n", j->results[j->best].stage->name);
    if (j->c->out == OUT_JSON)
        print_json(j);
    if (j->coefficients)
        FV_TRY(fv_arrays_write(j->coefficients, j->c->coefficients));
    return j->c->save ? save(j) : FV_OK;
}

fv_status verb_linear(settings *c)
{
    job j = {.c = c,
             .options = {.loss = (fv_linear_loss)c->linear_loss, .c = c->linear_c, .standardize = c->standardize}};
    FV_TRY(output_form(c));
    if (!c->data || !option_given("model"))
        return complain(FV_ERR_USAGE, NULL, "fovea linear: --model NAME|FILE and --data PATH are needed");
    FV_TRY(output_check(c, c->data, "save", c->save, OUTPUT_MODEL));
    if (c->save && (output_same(c->save, c->model) || (c->weights && output_same(c->save, c->weights))))
        return complain(FV_ERR_CONFLICT, "name another file with --save",
                        "--save %s: this is the network that is looked at", c->save);
    FV_TRY(output_check(c, c->data, "coefficients", c->coefficients, OUTPUT_FEATURES));
    const char *dot = c->coefficients ? strrchr(c->coefficients, '.') : NULL;
    if (c->coefficients && (!dot || strcmp(dot, ".npz") != 0))
        return complain(FV_ERR_VALUE, "end it with .npz",
                        "--coefficients %s: several arrays are written, which a .npz "
                        "file holds",
                        c->coefficients);
    fv_status status = context_open(c, &j.ctx);
    if (status != FV_OK)
        return status;
    watch_begin(c, j.ctx);
    status = report(j.ctx, run(&j));
    watch_end();
    fv_linear_destroy(&j.saved);
    fv_arrays_destroy(&j.coefficients);
    fv_feature_table_destroy(&j.table);
    fv_feature_table_destroy(&j.held_table);
    fv_dataset_destroy(&j.train);
    fv_dataset_destroy(&j.held_out);
    free(j.fold);
    free(j.results);
    backbone_close(&j.b);
    fv_ctx_destroy(&j.ctx);
    return status;
}
