/* SPDX-License-Identifier: Apache-2.0 */
/* What `fovea quantize` tells. */
#include <jansson.h>
#include <math.h>

#include "amounts.h"
#include "quantize.h"
#include "show.h"

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

static void count_layers(const quantize_job *j, int *integer, int *real)
{
    *integer = *real = 0;
    for (int i = 0; i < fv_quantizer_count(j->quantizer); i++) {
        const fv_quantize_row *r = fv_quantizer_row(j->quantizer, i);
        *integer += r->integer;
        *real += !r->integer;
    }
}

/* The layer with the largest error of its own; NULL: none was measured. */
static const fv_quantize_row *worst_row(const quantize_job *j)
{
    const fv_quantize_row *worst = NULL;
    for (int i = 0; i < fv_quantizer_count(j->quantizer); i++) {
        const fv_quantize_row *r = fv_quantizer_row(j->quantizer, i);
        if (r->weighted && !isnan(r->own_db) && (!worst || r->own_db < worst->own_db))
            worst = r;
    }
    return worst;
}

static void print_integers(const settings *c, const quantize_job *j)
{
    int integer, real;
    char images[64];
    const fv_quantize_row *worst = worst_row(j);
    printf("%-28s %-6s %6s %6s  %-20s\n", "layer", "", "dB own", "dB all", "range");
    for (int i = 0; i < fv_quantizer_count(j->quantizer); i++)
        print_row(fv_quantizer_row(j->quantizer, i));
    count_layers(j, &integer, &real);
    printf("\nlayers          %d in integers, %d in floats\n", integer, real);
    if (worst)
        printf("largest error   %s: its noise is %.1f dB below its numbers, by itself\n", worst->layer, worst->own_db);
    count_of(fv_quantizer_images(j->quantizer), "image", "images", images);
    if (c->ranges)
        printf("ranges          those of %s, calibrated on %s\n", c->ranges, images);
    else if (fv_quantizer_images(j->quantizer))
        printf("calibrated      on %s, %s\n", images, fv_calibration_names()[c->calibration]);
    else
        printf("ranges          as training has left them\n");
    if (c->quantize_auto)
        printf("chosen          %s%s%s: outputs %.1f dB above their noise, without %.1f dB\n",
               j->equalize ? "--equalize" : "", j->equalize && j->bias_correction ? " " : "",
               j->bias_correction ? "--bias-correction"
               : j->equalize      ? ""
                                  : "neither equalization nor bias correction",
               j->chosen_db, j->plain_db);
    if (j->equalize)
        printf("equalized       channels between %d pairs of layers\n", fv_quantizer_equalized(j->quantizer));
}

static void print_weights(const quantize_job *j)
{
    char least[300] = "", count[64];
    const fv_round_report *r = &j->rounded;
    if (r->worst)
        snprintf(least, sizeof least, "; least of %.200s, %.1f dB", r->worst, r->worst_db);
    printf("weights         %s, %lld numbers: %s\n", count_of(r->tensors, "tensor", "tensors", count),
           (long long)r->elements, j->format->honest);
    if (isinf(r->db))
        printf("rounding        nothing was lost\n");
    else
        printf("rounding        its noise is %.1f dB below the weights%s\n", r->db, least);
    if (r->vanished > 0)
        printf("                %lld of them became 0\n", (long long)r->vanished);
}

static void print_dynamic(const quantize_job *j)
{
    printf("layers          %d with weights sum integers, %d in floats: %s\n", j->dynamic.integer, j->dynamic.real,
           j->format->honest);
}

void quantize_print_text(const settings *c, const quantize_job *j)
{
    char text[2][AMOUNT_MAX], images[64];
    if (j->quantizer)
        print_integers(c, j);
    else if (j->format->storage == FV_STORAGE_FLOAT32)
        print_dynamic(j);
    else
        print_weights(j);
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

static void add_integers(const settings *c, const quantize_job *j, json_t *root)
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
    json_object_set_new(
        root, c->ranges ? "ranges" : "calibration",
        c->ranges
            ? show_json(c->ranges)
            : json_string(fv_quantizer_images(j->quantizer) ? fv_calibration_names()[c->calibration] : "trained"));
    json_object_set_new(root, "images", json_integer((json_int_t)fv_quantizer_images(j->quantizer)));
    if (c->quantize_auto)
        json_object_set_new(root, "auto",
                            json_pack("{s:b, s:b, s:o, s:o}", "equalize", j->equalize, "bias_correction",
                                      j->bias_correction, "db", number(j->chosen_db), "plain_db", number(j->plain_db)));
    json_object_set_new(root, "equalized", json_integer(fv_quantizer_equalized(j->quantizer)));
    json_object_set_new(root, "warnings", warnings);
    json_object_set_new(root, "layers", layers);
}

static void add_weights(const quantize_job *j, json_t *root)
{
    const fv_round_report *r = &j->rounded;
    json_object_set_new(root, "tensors", json_integer(r->tensors));
    json_object_set_new(root, "elements", json_integer((json_int_t)r->elements));
    json_object_set_new(root, "vanished", json_integer((json_int_t)r->vanished));
    json_object_set_new(root, "db", number(r->db));
    if (r->worst)
        json_object_set_new(root, "worst", json_pack("{s:s, s:f}", "tensor", r->worst, "db", r->worst_db));
}

void quantize_print_json(const settings *c, const quantize_job *j)
{
    json_t *root = json_pack("{s:o, s:s, s:s, s:[I,I]}", "model", show_json(c->output), "format", j->format->name,
                             "what", j->format->honest, "bytes", (json_int_t)j->bytes[0], (json_int_t)j->bytes[1]);
    if (j->quantizer)
        add_integers(c, j, root);
    else if (j->format->storage == FV_STORAGE_FLOAT32)
        json_object_set_new(root, "layers",
                            json_pack("{s:i, s:i}", "integer", j->dynamic.integer, "float", j->dynamic.real));
    else
        add_weights(j, root);
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
