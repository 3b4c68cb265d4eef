/* SPDX-License-Identifier: Apache-2.0 */
/* fovea quantize: a model in 8-bit integers, and what each layer lost. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "amounts.h"
#include "cli.h"
#include "output.h"
#include "show.h"
#include "walk.h"
#include "watch.h"

typedef struct job {
    const char *name; /* as it was typed */
    fv_model *model, *made;
    fv_dataset *images, *labeled;
    fv_quantizer *quantizer;
    fv_quantize_gate gate;
    bool scored;
    double before, after; /* accuracy, % */
    int64_t n_labeled;
    char split[8]; /* of the labeled */
    int64_t bytes[2];
} job;

static fv_status check_words(const settings *c)
{
    if (!c->positional[0])
        return complain(FV_ERR_USAGE, "fovea quantize MODEL --data PATH --output FILE", "fovea quantize: which model?");
    if (!c->output)
        return complain(FV_ERR_USAGE, "add --output FILE", "fovea quantize: where does the model in integers go?");
    if (output_same(c->output, c->positional[0]) || (c->weights && output_same(c->output, c->weights)))
        return complain(FV_ERR_CONFLICT, "name another file with --output", "%s: this is the model to be quantized",
                        c->output);
    if (option_given("percentile") && strcmp(fv_calibration_names()[c->calibration], "percentile") != 0)
        return complain(FV_ERR_CONFLICT, "add --calibration percentile",
                        "--percentile %g is of --calibration percentile, and that is %s", c->percentile,
                        fv_calibration_names()[c->calibration]);
    if (option_given("max-drop") && c->val_samples == 0)
        return complain(FV_ERR_CONFLICT, "leave out --val-samples 0",
                        "--max-drop %g needs images that both models are scored on", c->max_drop);
    return output_check(c, c->data, "output", c->output, OUTPUT_MODEL);
}

/* ---- data ---- */

/* Files of a folder. */
typedef struct file_list {
    char **path;
    int64_t count;
} file_list;

static fv_status add_file(void *user, const char *path)
{
    file_list *l = user;
    char **list = realloc(l->path, ((size_t)l->count + 1) * sizeof *list);
    if (list)
        l->path = list;
    if (!list || !(list[l->count] = strdup(path)))
        return complain(FV_ERR_NO_MEMORY, "name a folder with fewer files", "no memory for the names of %lld files",
                        (long long)l->count);
    l->count++;
    return FV_OK;
}

static fv_status nothing_put_off(void *user)
{
    (void)user;
    return FV_OK;
}

static bool never_enough(void *user)
{
    (void)user;
    return false;
}

/* A folder of images without classes will do, too. `status` is what it was refused with. */
static fv_status open_folder(fv_ctx *ctx, const settings *c, const fv_decode_options *decode, fv_status status, job *j)
{
    file_list l = {NULL, 0};
    struct stat st;
    if (stat(c->data, &st) != 0 || !S_ISDIR(st.st_mode))
        return status;
    const fv_status walked = walk_folder(&(walk){add_file, nothing_put_off, never_enough}, &l, c->data);
    if (walked == FV_OK && l.count > 0)
        status = fv_dataset_files(ctx, (const char *const *)l.path, l.count, decode, &j->images);
    for (int64_t i = 0; i < l.count; i++)
        free(l.path[i]);
    free(l.path);
    return walked == FV_OK ? status : walked;
}

/* What ranges are observed on: the train split, or the one that is named. Their classes need not be the model's. */
static fv_status open_images(fv_ctx *ctx, const settings *c, job *j)
{
    fv_dataset_options o = data_options(c);
    o.split = c->split;
    o.decode.keep_depth = true;
    o.decode = fv_pipeline_decoding(fv_model_pipeline(j->model), &o.decode);
    fv_status status = fv_dataset_open(ctx, c->data, &o, &j->images);
    if (status == FV_ERR_DATA_EMPTY && !c->split)
        status = open_folder(ctx, c, &o.decode, status, j);
    FV_TRY(status);
    return fv_dataset_count(j->images) > c->samples ? fv_dataset_keep(j->images, c->samples, (uint64_t)c->fit.seed)
                                                    : FV_OK;
}

/* What the models are scored on: a split of its own, so that no image is used twice. */
static fv_status open_labeled(fv_ctx *ctx, const settings *c, job *j)
{
    static const char *const order[] = {"val", "test"};
    const bool asked = option_given("max-drop");
    bool has = c->val_split > 0;
    if (fv_dataset_classes(j->images) == 0)
        return asked
                   ? complain(FV_ERR_DATA, "name data with classes", "%s: --max-drop needs images with labels", c->data)
                   : FV_OK;
    snprintf(j->split, sizeof j->split, "val");
    for (int i = 0; i < 2 && !has; i++) {
        snprintf(j->split, sizeof j->split, "%s", order[i]);
        FV_TRY(fv_dataset_has_split(ctx, c->data, j->split, &has));
    }
    if (c->val_samples == 0 || fv_model_task(j->model) != FV_TASK_CLASSIFY)
        return FV_OK;
    if (!has && !asked) {
        note("%s has neither a val nor a test split: the accuracy is not measured (--val-split 0.2 makes one)",
             c->data);
        return FV_OK;
    }
    if (!has) {
        warn("%s has neither a val nor a test split: the accuracy is that on the calibration images, which flatters it",
             c->data);
        snprintf(j->split, sizeof j->split, "train");
    }
    settings own = *c;
    own.model = j->name;
    const fv_status status = data_open(ctx, &own, j->split, j->model, &j->labeled);
    if (status != FV_OK && !asked) {
        note("the accuracy is not measured: %s", fv_ctx_error(ctx));
        fv_dataset_destroy(&j->labeled);
        return FV_OK;
    }
    FV_TRY(status);
    if (fv_dataset_count(j->labeled) > c->val_samples)
        FV_TRY(fv_dataset_keep(j->labeled, c->val_samples, (uint64_t)c->fit.seed));
    j->n_labeled = fv_dataset_count(j->labeled);
    return FV_OK;
}

/* ---- making it ---- */

static int64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

/* Bytes of the model in floats: of its file where that is one of ours, else of its weights. */
static int64_t bytes_before(const job *j)
{
    const int64_t file = file_bytes(j->name), weights = 4 * fv_model_parameters(j->model);
    return fv_model_origin(j->model) == NULL && file > weights ? file : weights;
}

static fv_status score(job *j, const settings *c)
{
    fv_metrics before, after;
    FV_TRY(fv_evaluate(j->model, j->labeled, 16, (int)c->fit.workers, &before));
    FV_TRY(fv_evaluate(j->made, j->labeled, 16, (int)c->fit.workers, &after));
    j->before = 100 * before.top1;
    j->after = 100 * after.top1;
    j->scored = true;
    return metrics_lost(&before, j->labeled, j->name);
}

static fv_status make(job *j, const settings *c)
{
    if (option_given("max-drop")) {
        j->gate = (fv_quantize_gate){.max_drop = c->max_drop, .batch_size = 16, .workers = (int)c->fit.workers};
        FV_TRY(fv_quantizer_meet(j->quantizer, j->model, j->labeled, &j->gate, &j->made));
        j->before = j->gate.before;
        j->after = j->gate.after;
        j->scored = true;
    } else {
        FV_TRY(fv_quantizer_make(j->quantizer, &j->made));
        if (j->labeled)
            FV_TRY(score(j, c));
    }
    return fv_quantizer_measure(j->quantizer, j->made);
}

/* A model that was trained for integers has ranges and all else. */
static fv_status execute_trained(const settings *c, job *j)
{
    static const char *const keys[] = {"data",        "calibration", "percentile", "samples",    "per-tensor",
                                       "weight-bits", "skip",        "max-drop",   "val-samples"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (option_given(keys[i]))
            return complain(FV_ERR_CONFLICT, "leave it out; `fovea eval` scores what comes out",
                            "--%s has no effect here: %s was trained for integers, and has its ranges", keys[i],
                            j->name);
    FV_TRY(fv_quantizer_of_trained(j->model, &(fv_quantize_options){.io = (fv_quantize_io)c->io}, &j->quantizer));
    FV_TRY(fv_quantizer_make(j->quantizer, &j->made));
    FV_TRY(fv_model_save(j->made, c->output));
    j->bytes[0] = bytes_before(j);
    j->bytes[1] = file_bytes(c->output);
    return FV_OK;
}

static fv_status execute(fv_ctx *ctx, settings *c, job *j)
{
    const fv_quantize_options o = {.calibration = (fv_calibration)c->calibration,
                                   .percentile = c->percentile,
                                   .per_tensor = c->per_tensor,
                                   .weight_bits = (int)c->weight_bits,
                                   .skip = c->skip,
                                   .io = (fv_quantize_io)c->io,
                                   .workers = (int)c->fit.workers,
                                   .force = c->force};
    settings own = *c;
    own.model = j->name;
    FV_TRY(model_open_trained(ctx, &own, &j->model));
    model_note_temperature(j->name, j->model, "the model in integers");
    if (fv_model_trains_integers(j->model))
        return execute_trained(c, j);
    if (!c->data)
        return complain(FV_ERR_USAGE, "add --data PATH: images like those that the model will see, a few hundred",
                        "fovea quantize: which images are the ranges of values taken from?");
    FV_TRY(open_images(ctx, c, j));
    FV_TRY(open_labeled(ctx, c, j));
    FV_TRY(fv_quantizer_create(j->model, j->images, &o, &j->quantizer));
    for (int i = 0; fv_quantizer_warning(j->quantizer, i); i++)
        warn("%s", fv_quantizer_warning(j->quantizer, i));
    FV_TRY(make(j, c));
    FV_TRY(fv_model_save(j->made, c->output));
    j->bytes[0] = bytes_before(j);
    j->bytes[1] = file_bytes(c->output);
    return FV_OK;
}

/* ---- telling ---- */

static void decibel_text(double db, char text[16])
{
    snprintf(text, 16, isnan(db) ? "-" : isinf(db) ? "exact" : "%.1f", db);
}

static void print_row(const fv_quantize_row *r)
{
    char own[16], all[16], range[48], left[48] = "";
    if (!r->weighted && r->integer && !r->why[0])
        return; /* nothing to say of it */
    decibel_text(r->own_db, own);
    decibel_text(r->db, all);
    snprintf(range, sizeof range, "%.3g to %.3g", r->low, r->high);
    if (!isnan(r->left_out))
        snprintf(left, sizeof left, "%s%.2f %% with it in floats", r->why[0] ? "; " : "", r->left_out);
    printf("%-28.28s %-6s %6s %6s  %-20s %s%s\n", r->layer, r->integer ? "int8" : "float", own, all, range, r->why,
           left);
}

static void count_layers(const job *j, int *integer, int *real)
{
    *integer = *real = 0;
    for (int i = 0; i < fv_quantizer_count(j->quantizer); i++) {
        const fv_quantize_row *r = fv_quantizer_row(j->quantizer, i);
        *integer += r->integer;
        *real += !r->integer;
    }
}

/* The layer with the largest error of its own; NULL: none was measured. */
static const fv_quantize_row *worst_row(const job *j)
{
    const fv_quantize_row *worst = NULL;
    for (int i = 0; i < fv_quantizer_count(j->quantizer); i++) {
        const fv_quantize_row *r = fv_quantizer_row(j->quantizer, i);
        if (r->weighted && !isnan(r->own_db) && (!worst || r->own_db < worst->own_db))
            worst = r;
    }
    return worst;
}

static void print_text(const settings *c, const job *j)
{
    int integer, real;
    char text[2][AMOUNT_MAX], images[64];
    const fv_quantize_row *worst = worst_row(j);
    printf("%-28s %-6s %6s %6s  %-20s\n", "layer", "", "dB own", "dB all", "range");
    for (int i = 0; i < fv_quantizer_count(j->quantizer); i++)
        print_row(fv_quantizer_row(j->quantizer, i));
    count_layers(j, &integer, &real);
    printf("\nlayers          %d in integers, %d in floats\n", integer, real);
    if (worst)
        printf("largest error   %s: its noise is %.1f dB below its numbers, by itself\n", worst->layer, worst->own_db);
    if (fv_quantizer_images(j->quantizer))
        printf("calibrated      on %s, %s\n", count_of(fv_quantizer_images(j->quantizer), "image", "images", images),
               fv_calibration_names()[c->calibration]);
    else
        printf("ranges          as training has left them\n");
    printf("bytes           %s > %s (%.3g of them)\n", amount_bytes((double)j->bytes[0], text[0]),
           amount_bytes((double)j->bytes[1], text[1]), (double)j->bytes[1] / (double)j->bytes[0]);
    if (j->scored)
        printf("accuracy        %.2f %% > %.2f %% on %s of the %s split\n", j->before, j->after,
               count_of(j->n_labeled, "image", "images", images), j->split);
    if (j->gate.trials)
        printf("kept in floats  %s, to lose at most %.3g points (all in integers: %.2f %%)\n",
               count_of(j->gate.kept, "layer", "layers", images), c->max_drop, j->gate.all);
    printf("model           %s\n", c->output);
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static void print_json(const settings *c, const job *j)
{
    json_t *layers = json_array(), *warnings = json_array();
    for (int i = 0; i < fv_quantizer_count(j->quantizer); i++) {
        const fv_quantize_row *r = fv_quantizer_row(j->quantizer, i);
        json_t *row =
            json_pack("{s:s, s:s, s:b, s:s, s:[f,f], s:f, s:I, s:f, s:I, s:I, s:I, s:f, s:I}", "layer", r->layer, "op",
                      r->op, "integer", r->integer, "why", r->why, "range", r->low, r->high, "scale", r->scale, "zero",
                      (json_int_t)r->zero, "beyond", r->beyond, "dead_filters", (json_int_t)r->dead, "outlier_channels",
                      (json_int_t)r->outliers, "worst_channel", (json_int_t)r->worst, "outlier_ratio", r->outlier_ratio,
                      "parameters", (json_int_t)r->parameters);
        json_object_set_new(row, "own_db", number(r->own_db));
        json_object_set_new(row, "db", number(r->db));
        if (!isnan(r->left_out))
            json_object_set_new(row, "left_out", json_real(r->left_out));
        json_array_append_new(layers, row);
    }
    for (int i = 0; fv_quantizer_warning(j->quantizer, i); i++)
        json_array_append_new(warnings, show_json(fv_quantizer_warning(j->quantizer, i)));
    json_t *root = json_pack("{s:o, s:s, s:I, s:[I,I], s:o, s:o}", "model", show_json(c->output), "calibration",
                             fv_quantizer_images(j->quantizer) ? fv_calibration_names()[c->calibration] : "trained",
                             "images", (json_int_t)fv_quantizer_images(j->quantizer), "bytes", (json_int_t)j->bytes[0],
                             (json_int_t)j->bytes[1], "warnings", warnings, "layers", layers);
    if (j->scored)
        json_object_set_new(root, "accuracy",
                            json_pack("{s:f, s:f, s:I, s:s}", "before", j->before, "after", j->after, "samples",
                                      (json_int_t)j->n_labeled, "split", j->split));
    if (j->gate.trials)
        json_object_set_new(root, "max_drop",
                            json_pack("{s:f, s:f, s:i, s:i}", "points", c->max_drop, "all_integers", j->gate.all,
                                      "kept", j->gate.kept, "trials", j->gate.trials));
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(root);
}

fv_status verb_quantize(settings *c)
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
        c->json ? print_json(c, &j) : print_text(c, &j);
    if (status == FV_OK && j.bytes[1] > (int64_t)(0.27 * (double)j.bytes[0]))
        note("%s: more than 0.27 of the bytes: constants and names do not become smaller", c->output);
    fv_quantizer_destroy(&j.quantizer);
    fv_model_destroy(&j.made);
    fv_dataset_destroy(&j.images);
    fv_dataset_destroy(&j.labeled);
    fv_model_destroy(&j.model);
    fv_ctx_destroy(&ctx);
    return status;
}
