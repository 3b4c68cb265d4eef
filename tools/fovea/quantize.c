/* SPDX-License-Identifier: Apache-2.0 */
/* fovea quantize: a model in 8-bit integers, or with smaller weights, and what each layer lost. */
#include "quantize.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "output.h"
#include "watch.h"

const quantize_format quantize_formats[FORMAT_COUNT] = {
    [FORMAT_INT8] = {"int8", NULL, true, FV_STORAGE_FLOAT32, "weights and activations are 8-bit integers"},
    [FORMAT_DYNAMIC] = {"dynamic", "dynamic", false, FV_STORAGE_FLOAT32,
                        "weights are int8, activations are measured on each image and rounded to 8 bits; no integers "
                        "between layers"},
    [FORMAT_WEIGHTS_ONLY] = {"weights-only", "weights-only", false, FV_STORAGE_INT8,
                             "weights are int8 in the file and float32 in memory; it computes in float32"},
    [FORMAT_BF16] = {"bf16", "bf16", false, FV_STORAGE_BF16,
                     "weights are bf16 in the file and float32 in memory; it computes in float32"},
    [FORMAT_FP16] = {"fp16", "fp16", false, FV_STORAGE_FP16,
                     "weights are fp16 in the file and float32 in memory; it computes in float32"},
};

fv_status quantize_format_of(const settings *c, const quantize_format **format)
{
    const bool asked[FORMAT_COUNT] = {[FORMAT_DYNAMIC] = c->dynamic,
                                      [FORMAT_WEIGHTS_ONLY] = c->weights_only,
                                      [FORMAT_BF16] = c->bf16,
                                      [FORMAT_FP16] = c->fp16};
    *format = &quantize_formats[FORMAT_INT8];
    for (int i = 0; i < FORMAT_COUNT; i++) {
        if (!asked[i])
            continue;
        if ((*format)->option)
            return complain(FV_ERR_CONFLICT, "give one of them", "--%s and --%s are two formats", (*format)->option,
                            quantize_formats[i].option);
        *format = &quantize_formats[i];
    }
    return FV_OK;
}

/* ---- what was asked for ---- */

/* Ranges that are taken from a model need no images. */
static fv_status check_ranges(const settings *c)
{
    static const char *const of_images[] = {"calibration", "percentile",      "samples",
                                            "equalize",    "bias-correction", "auto"};
    for (size_t i = 0; c->ranges && i < sizeof of_images / sizeof *of_images; i++)
        if (option_given(of_images[i]))
            return complain(FV_ERR_CONFLICT, "leave one of them out",
                            "--%s is of calibration images, and --ranges takes the ranges of a model", of_images[i]);
    return FV_OK;
}

static fv_status check_calibration(const settings *c, const quantize_format *f)
{
    FV_TRY(check_ranges(c));
    static const char *const of_integers[] = {"calibration", "percentile", "samples",  "per-tensor",
                                              "weight-bits", "io",         "equalize", "bias-correction"};
    for (size_t i = 0; f->option && i < sizeof of_integers / sizeof *of_integers; i++)
        if (option_given(of_integers[i]))
            return complain(FV_ERR_CONFLICT, "leave one of them out", "--%s has no effect with --%s: %s",
                            of_integers[i], f->option, f->honest);
    if (c->quantize_auto && (c->equalize || c->bias_correction))
        return complain(FV_ERR_CONFLICT, "leave one of them out", "--auto chooses whether to take --%s",
                        c->equalize ? "equalize" : "bias-correction");
    if (option_given("percentile") && strcmp(fv_calibration_names()[c->calibration], "percentile") != 0)
        return complain(FV_ERR_CONFLICT, "add --calibration percentile",
                        "--percentile %g is of --calibration percentile, and that is %s", c->percentile,
                        fv_calibration_names()[c->calibration]);
    if (option_given("max-drop") && (c->val_samples == 0 || !c->data))
        return complain(FV_ERR_CONFLICT, c->data ? "leave out --val-samples 0" : "add --data PATH",
                        "--max-drop %g needs images that both models are scored on", c->max_drop);
    return FV_OK;
}

static fv_status check_words(const settings *c, const quantize_format **f)
{
    if (!c->positional[0])
        return complain(FV_ERR_USAGE, "fovea quantize MODEL --data PATH --output FILE", "fovea quantize: which model?");
    FV_TRY(quantize_format_of(c, f));
    if (!c->output)
        return complain(FV_ERR_USAGE, "add --output FILE", "fovea quantize: where does the model in integers go?");
    if (output_same(c->output, c->positional[0]) || (c->weights && output_same(c->output, c->weights)))
        return complain(FV_ERR_CONFLICT, "name another file with --output", "%s: this is the model to be quantized",
                        c->output);
    FV_TRY(check_calibration(c, *f));
    return output_check(c, c->data, "output", c->output, OUTPUT_MODEL);
}

/* ---- making it ---- */

static int64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

/* Bytes of the model in floats: of its file where that is one of ours, else of its weights. */
static int64_t bytes_before(const quantize_job *j)
{
    const int64_t file = file_bytes(j->name), weights = 4 * fv_model_parameters(j->model);
    return fv_model_origin(j->model) == NULL && file > weights ? file : weights;
}

/* Decibels of the last layer that is integers, all of them in integers, on the images kept for it. */
static fv_status measure_trial(quantize_job *j, const fv_quantize_options *o, double *db)
{
    fv_quantizer *q;
    fv_model *made = NULL;
    *db = -INFINITY;
    FV_TRY(fv_quantizer_create(j->model, j->images, o, &q));
    fv_status status = fv_quantizer_make(q, &made);
    if (status == FV_OK)
        status = fv_quantizer_measure(q, made);
    for (int i = 0; status == FV_OK && i < fv_quantizer_count(q); i++)
        if (!isnan(fv_quantizer_row(q, i)->db))
            *db = fv_quantizer_row(q, i)->db;
    fv_model_destroy(&made);
    fv_quantizer_destroy(&q);
    return status;
}

/* Of equalization and bias correction, none, either or both: what leaves least noise. More counts by a tenth of 1 dB.
 */
static fv_status choose(quantize_job *j, fv_quantize_options *o)
{
    for (int i = 0; i < 4; i++) {
        fv_quantize_options trial = *o;
        double db;
        trial.equalize = i & 1;
        trial.bias_correction = i & 2;
        FV_TRY(measure_trial(j, &trial, &db));
        j->plain_db = i == 0 ? db : j->plain_db;
        if (i > 0 && !(db > j->chosen_db + 0.1))
            continue;
        j->chosen_db = db;
        j->equalize = trial.equalize;
        j->bias_correction = trial.bias_correction;
    }
    o->equalize = j->equalize;
    o->bias_correction = j->bias_correction;
    return FV_OK;
}

static fv_status make_integers(const settings *c, quantize_job *j)
{
    fv_quantize_options o = {.calibration = (fv_calibration)c->calibration,
                             .percentile = c->percentile,
                             .per_tensor = c->per_tensor,
                             .weight_bits = (int)c->weight_bits,
                             .skip = c->skip,
                             .io = (fv_quantize_io)c->io,
                             .equalize = c->equalize,
                             .bias_correction = c->bias_correction,
                             .ranges = j->ranges,
                             .workers = (int)c->fit.workers,
                             .force = c->force};
    j->equalize = c->equalize;
    j->bias_correction = c->bias_correction;
    if (c->quantize_auto)
        FV_TRY(choose(j, &o));
    FV_TRY(fv_quantizer_create(j->model, j->images, &o, &j->quantizer));
    for (int i = 0; fv_quantizer_warning(j->quantizer, i); i++)
        warn("%s", fv_quantizer_warning(j->quantizer, i));
    return option_given("max-drop") ? FV_OK : fv_quantizer_make(j->quantizer, &j->made);
}

fv_status quantize_make(const settings *c, quantize_job *j)
{
    if (j->format->calibrates)
        return make_integers(c, j);
    if (j->format->storage == FV_STORAGE_FLOAT32)
        return fv_quantize_dynamic(j->model, c->skip, &j->dynamic, &j->made);
    FV_TRY(fv_model_clone(j->model, &j->made));
    return fv_model_round(j->made, j->format->storage, c->skip, &j->rounded);
}

static fv_status score(quantize_job *j, const settings *c)
{
    fv_metrics before, after;
    FV_TRY(fv_evaluate(j->model, j->labeled, 16, (int)c->fit.workers, &before));
    FV_TRY(fv_evaluate(j->made, j->labeled, 16, (int)c->fit.workers, &after));
    j->before = 100 * before.top1;
    j->after = 100 * after.top1;
    j->scored = true;
    return metrics_lost(&before, j->labeled, j->name);
}

/* Makes, among integers, the model in which the fewest layers stay in floats; the other formats are not mixed. */
static fv_status meet(const settings *c, quantize_job *j)
{
    if (j->quantizer) {
        j->gate = (fv_quantize_gate){.max_drop = c->max_drop, .batch_size = 16, .workers = (int)c->fit.workers};
        FV_TRY(fv_quantizer_meet(j->quantizer, j->model, j->labeled, &j->gate, &j->made));
        j->before = j->gate.before;
        j->after = j->gate.after;
        j->scored = true;
        return FV_OK;
    }
    FV_TRY(score(j, c));
    if (j->before - j->after > c->max_drop + 1e-9)
        return complain(FV_ERR_GATE, "allow more with --max-drop, or keep layers as they are with --skip",
                        "accuracy %.2f %% as %s, %.2f %% before: more than %.3g points are lost", j->after,
                        j->format->name, j->before, c->max_drop);
    return FV_OK;
}

/* A model that was trained for integers has ranges and all else. */
static fv_status take_trained(const settings *c, quantize_job *j)
{
    static const char *const keys[] = {
        "data",     "calibration", "percentile", "samples",      "per-tensor", "equalize", "bias-correction",
        "auto",     "ranges",      "dynamic",    "weights-only", "fp16",       "bf16",     "skip",
        "max-drop", "weight-bits", "val-samples"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (option_given(keys[i]))
            return complain(FV_ERR_CONFLICT, "leave it out; `fovea eval` scores what comes out",
                            "--%s has no effect here: %s was trained for integers, and has its ranges", keys[i],
                            j->name);
    FV_TRY(fv_quantizer_of_trained(j->model, &(fv_quantize_options){.io = (fv_quantize_io)c->io}, &j->quantizer));
    return fv_quantizer_make(j->quantizer, &j->made);
}

/* Of any other model, scored where there are images. */
static fv_status take_floats(fv_ctx *ctx, const settings *c, quantize_job *j)
{
    if (!c->data && !c->ranges && j->format->calibrates)
        return complain(FV_ERR_USAGE, "add --data PATH: images like those that the model will see, a few hundred",
                        "fovea quantize: which images are the ranges of values taken from?");
    if (c->ranges)
        FV_TRY(fv_model_load(ctx, c->ranges, &j->ranges));
    else if (j->format->calibrates)
        FV_TRY(quantize_open_images(ctx, c, j));
    if (c->data)
        FV_TRY(quantize_open_labeled(ctx, c, j));
    FV_TRY(quantize_make(c, j));
    if (option_given("max-drop"))
        FV_TRY(meet(c, j));
    else if (j->labeled)
        FV_TRY(score(j, c));
    return j->quantizer ? fv_quantizer_measure(j->quantizer, j->made) : FV_OK;
}

static fv_status execute(fv_ctx *ctx, settings *c, quantize_job *j)
{
    settings own = *c;
    own.model = j->name;
    FV_TRY(model_open_trained(ctx, &own, &j->model));
    model_note_temperature(j->name, j->model, "the model in integers");
    FV_TRY(fv_model_trains_integers(j->model) ? take_trained(c, j) : take_floats(ctx, c, j));
    FV_TRY(fv_model_save(j->made, c->output));
    j->bytes[0] = bytes_before(j);
    j->bytes[1] = file_bytes(c->output);
    return FV_OK;
}

fv_status verb_quantize(settings *c)
{
    fv_ctx *ctx;
    quantize_job j = {.name = c->positional[0]};
    FV_TRY(check_words(c, &j.format));
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    watch_begin(c, ctx);
    status = report(ctx, execute(ctx, c, &j));
    watch_end();
    if (status == FV_OK)
        c->json ? quantize_print_json(c, &j) : quantize_print_text(c, &j);
    if (status == FV_OK && j.quantizer && j.bytes[1] > (int64_t)(0.27 * (double)j.bytes[0]))
        note("%s: more than 0.27 of the bytes: constants and names do not become smaller", c->output);
    fv_quantizer_destroy(&j.quantizer);
    fv_model_destroy(&j.made);
    fv_model_destroy(&j.ranges);
    fv_dataset_destroy(&j.images);
    fv_dataset_destroy(&j.labeled);
    fv_model_destroy(&j.model);
    fv_ctx_destroy(&ctx);
    return status;
}
