/* SPDX-License-Identifier: Apache-2.0 */
/* fovea info A B: networks side by side. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "amounts.h"
#include "compare.h"
#include "info.h"
#include "show.h"

typedef struct column {
    const char *name; /* as it was typed */
    char title[40];
    fv_model *model;
    info_totals t;
    bool measured; /* memory: of networks that take one image and give one row of numbers */
} column;

/* ---- opening ---- */

static fv_status refuse_options(const settings *c)
{
    static const char *const keys[] = {"lr", "graph", "dot", "svg", "suggest", "profile", "selftest"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (option_given(keys[i]))
            return complain(FV_ERR_CONFLICT, "name one network, or leave it out",
                            "--%s is of one network, and %d are named", keys[i], c->n_positional);
    return FV_OK;
}

/* A name as the head of a column: the end of a long one. */
static void set_title(column *k)
{
    const size_t length = strlen(k->name), room = 30;
    snprintf(k->title, sizeof k->title, "%s%s", length > room ? "..." : "",
             length > room ? k->name + length - room + 3 : k->name);
}

static fv_status open_column(fv_ctx *ctx, const settings *c, int i, column *k)
{
    settings own = *c;
    bool loaded;
    char *weights = compare_weights(c, i);
    own.weights = weights;
    k->name = c->positional[i];
    set_title(k);
    fv_status status = info_open(ctx, &own, k->name, &k->model, &loaded);
    if (status == FV_OK && weights && !loaded)
        status = fv_model_load_weights(k->model, weights, false, NULL);
    if (status == FV_OK) {
        status = info_measure(k->model, c, &k->t);
        k->measured = status == FV_OK;
        if (status == FV_ERR_UNSUPPORTED)
            status = FV_OK;
    }
    free(weights);
    return status;
}

/* ---- totals ---- */

typedef enum unit { UNIT_COUNT, UNIT_BYTES, UNIT_NUMBER, UNIT_FIELD } unit;

typedef struct total_row {
    const char *title, *key;
    unit unit;
    double (*of)(const column *k); /* below 0: it has none */
} total_row;

static double parameters_of(const column *k)
{
    return (double)k->t.network.parameters;
}

static double macs_of(const column *k)
{
    return k->t.network.macs;
}

static double flops_of(const column *k)
{
    return k->t.network.flops;
}

static double activations_of(const column *k)
{
    return (double)k->t.network.activation_bytes;
}

static double training_of(const column *k)
{
    return k->measured ? (double)k->t.training.total : -1;
}

static double inference_of(const column *k)
{
    return k->measured ? (double)k->t.inference.total : -1;
}

static double field_of(const column *k)
{
    return k->t.network.receptive_field[0] > 0 ? (double)k->t.network.receptive_field[0] : -1;
}

static double depth_of(const column *k)
{
    return k->t.network.depth;
}

static double weighted_of(const column *k)
{
    return k->t.network.weighted_layers;
}

static double layers_of(const column *k)
{
    return k->t.network.layers;
}

static const total_row total_rows[] = {
    {"parameters", "parameters", UNIT_COUNT, parameters_of},
    {"multiply-adds", "macs", UNIT_COUNT, macs_of},
    {"floating-point", "flops", UNIT_COUNT, flops_of},
    {"activations", "activation_bytes", UNIT_BYTES, activations_of},
    {"training memory", "training_bytes", UNIT_BYTES, training_of},
    {"inference memory", "inference_bytes", UNIT_BYTES, inference_of},
    {"receptive field", "receptive_field", UNIT_FIELD, field_of},
    {"depth", "depth", UNIT_NUMBER, depth_of},
    {"weighted layers", "weighted_layers", UNIT_NUMBER, weighted_of},
    {"layers", "layers", UNIT_NUMBER, layers_of},
};
enum { TOTAL_ROWS = sizeof total_rows / sizeof *total_rows };

static const char *total_text(const total_row *r, const column *k, char text[48])
{
    const double value = r->of(k);
    if (value < 0)
        snprintf(text, 48, "-");
    else if (r->unit == UNIT_FIELD)
        info_field_text(k->t.network.receptive_field, k->t.network.whole, text);
    else if (r->unit == UNIT_BYTES)
        amount_bytes(value, text);
    else if (r->unit == UNIT_COUNT)
        amount_count(value, text);
    else
        snprintf(text, 48, "%.0f", value);
    return text;
}

/* The second as a share of the first; false: there is none. */
static bool ratio_of(const total_row *r, const column *k, double *ratio)
{
    const double a = r->of(&k[0]), b = r->of(&k[1]);
    *ratio = a > 0 ? b / a : 0;
    return a > 0 && b >= 0;
}

static void print_row(const char *title, char (*cells)[48], const int *widths, int n, const char *ratio)
{
    printf("%-17s", title);
    for (int i = 0; i < n; i++)
        printf("  %-*s", i + 1 < n || *ratio ? widths[i] : 0, cells[i]);
    printf("%s%s\n", *ratio ? "  " : "", ratio);
}

static void print_totals(const column *k, int n)
{
    char cells[MAX_NETWORKS][48], ratio[32];
    int widths[MAX_NETWORKS] = {0};
    double share;
    for (int i = 0; i < n; i++) {
        widths[i] = (int)strlen(k[i].title) > 14 ? (int)strlen(k[i].title) : 14;
        snprintf(cells[i], sizeof cells[i], "%s", k[i].title);
    }
    print_row("", cells, widths, n, n == 2 ? "ratio" : "");
    for (int i = 0; i < n; i++) {
        int64_t h, w, c;
        fv_model_input_size(k[i].model, &h, &w, &c);
        snprintf(cells[i], sizeof cells[i], "%lldx%lldx%lld", (long long)h, (long long)w, (long long)c);
    }
    print_row("input", cells, widths, n, "");
    for (int i = 0; i < n; i++)
        snprintf(cells[i], sizeof cells[i], "%lld", (long long)fv_model_classes(k[i].model));
    print_row("classes", cells, widths, n, "");
    for (int r = 0; r < TOTAL_ROWS; r++) {
        for (int i = 0; i < n; i++)
            total_text(&total_rows[r], &k[i], cells[i]);
        ratio[0] = 0;
        if (n == 2 && ratio_of(&total_rows[r], k, &share))
            snprintf(ratio, sizeof ratio, "%.3g", share);
        print_row(total_rows[r].title, cells, widths, n, ratio);
    }
}

/* ---- layers ---- */

static const char *const match_names[FV_LAYER_MATCH_COUNT] = {"same", "changed", "removed", "added"};

static void count_matches(const fv_layer_pair *pairs, int count, int n[FV_LAYER_MATCH_COUNT])
{
    memset(n, 0, FV_LAYER_MATCH_COUNT * sizeof *n);
    for (int i = 0; i < count; i++)
        n[pairs[i].match]++;
}

static fv_status print_layer(const char *mark, fv_ctx *ctx, const fv_model *model, int i)
{
    fv_layer_info l;
    char shape[96], macs[AMOUNT_MAX], *words;
    fv_model_layer(model, i, &l);
    FV_TRY(fv_model_layer_words(model, i, &words));
    printf("%-2s %-32.32s %-16s %-34s %-14s %12lld %10s\n", mark, l.name, l.op, words,
           info_shape_text(&l.output, shape), (long long)l.parameters, amount_count(l.macs, macs));
    fv_text_free(ctx, words);
    return FV_OK;
}

static fv_status print_layers(fv_ctx *ctx, const column *k, const fv_layer_pair *pairs, int count)
{
    int n[FV_LAYER_MATCH_COUNT], same = 0;
    count_matches(pairs, count, n);
    printf("\nlayers: %d the same, %d changed (~), %d only in %s (-), %d only in %s (+)\n", n[FV_LAYER_SAME],
           n[FV_LAYER_CHANGED], n[FV_LAYER_REMOVED], k[0].title, n[FV_LAYER_ADDED], k[1].title);
    if (n[FV_LAYER_SAME] == count)
        return FV_OK;
    printf("\n%-2s %-32s %-16s %-34s %-14s %12s %10s\n", "", "layer", "operator", "", "output", "parameters",
           "mult-adds");
    for (int i = 0; i < count; i++) {
        const fv_layer_pair *p = &pairs[i];
        same += p->match == FV_LAYER_SAME;
        if (same > 0 && (p->match != FV_LAYER_SAME || i + 1 == count)) {
            printf("   (%d the same)\n", same);
            same = 0;
        }
        if (p->match == FV_LAYER_SAME)
            continue;
        const bool changed = p->match == FV_LAYER_CHANGED;
        if (p->a >= 0)
            FV_TRY(print_layer(changed ? "~-" : "-", ctx, k[0].model, p->a));
        if (p->b >= 0)
            FV_TRY(print_layer(changed ? "~+" : "+", ctx, k[1].model, p->b));
    }
    return FV_OK;
}

/* ---- JSON ---- */

static json_t *layer_json(fv_ctx *ctx, const fv_model *model, int i)
{
    fv_layer_info l;
    char shape[96], *words = NULL;
    if (i < 0 || fv_model_layer_words(model, i, &words) != FV_OK)
        return json_null();
    fv_model_layer(model, i, &l);
    json_t *layer = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "name", l.name, "op", l.op, "words", words, "output",
                              info_shape_text(&l.output, shape), "parameters", (json_int_t)l.parameters, "macs",
                              (json_int_t)l.macs);
    fv_text_free(ctx, words);
    return layer;
}

static json_t *column_json(const column *k)
{
    int64_t h, w, c;
    fv_model_input_size(k->model, &h, &w, &c);
    json_t *o =
        json_pack("{s:o, s:s, s:[I,I,I], s:I}", "network", show_json(k->name), "name", fv_model_name(k->model), "input",
                  (json_int_t)h, (json_int_t)w, (json_int_t)c, "classes", (json_int_t)fv_model_classes(k->model));
    for (int r = 0; r < TOTAL_ROWS; r++) {
        const total_row *row = &total_rows[r];
        const fv_totals *t = &k->t.network;
        if (row->unit == UNIT_FIELD)
            json_object_set_new(
                o, row->key, json_pack("[I,I]", (json_int_t)t->receptive_field[0], (json_int_t)t->receptive_field[1]));
        else if (row->of(k) >= 0)
            json_object_set_new(o, row->key, json_integer((json_int_t)row->of(k)));
    }
    if (k->t.network.whole[0] || k->t.network.whole[1])
        json_object_set_new(o, "whole", json_pack("[b,b]", k->t.network.whole[0], k->t.network.whole[1]));
    return o;
}

static void print_json(fv_ctx *ctx, const column *k, int n, const fv_layer_pair *pairs, int count)
{
    json_t *networks = json_array(), *ratios = json_object(), *differ = json_array(), *layers = json_object();
    int counts[FV_LAYER_MATCH_COUNT];
    double ratio;
    for (int i = 0; i < n; i++)
        json_array_append_new(networks, column_json(&k[i]));
    for (int r = 0; r < TOTAL_ROWS && n == 2; r++)
        if (ratio_of(&total_rows[r], k, &ratio))
            json_object_set_new(ratios, total_rows[r].key, json_real(ratio));
    count_matches(pairs, count, counts);
    for (int i = 0; i < FV_LAYER_MATCH_COUNT; i++)
        json_object_set_new(layers, match_names[i], json_integer(counts[i]));
    for (int i = 0; i < count; i++)
        if (pairs[i].match != FV_LAYER_SAME)
            json_array_append_new(differ, json_pack("{s:s, s:o, s:o}", "match", match_names[pairs[i].match], "a",
                                                    layer_json(ctx, k[0].model, pairs[i].a), "b",
                                                    layer_json(ctx, k[1].model, pairs[i].b)));
    json_t *root = json_pack("{s:o}", "networks", networks);
    if (n == 2) {
        json_object_set(root, "ratios", ratios);
        json_object_set(layers, "differ", differ);
        json_object_set(root, "layers", layers);
    }
    json_decref(ratios);
    json_decref(differ);
    json_decref(layers);
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(root);
}

fv_status info_compare(fv_ctx *ctx, const settings *c)
{
    column k[MAX_NETWORKS] = {{.name = NULL}};
    const int n = c->n_positional;
    fv_layer_pair *pairs = NULL;
    int count = 0;
    fv_status status = refuse_options(c);
    for (int i = 0; i < n && status == FV_OK; i++)
        status = open_column(ctx, c, i, &k[i]);
    if (status == FV_OK && n == 2)
        status = fv_model_align(k[0].model, k[1].model, &pairs, &count);
    if (status == FV_OK && c->json) {
        print_json(ctx, k, n, pairs, count);
    } else if (status == FV_OK) {
        print_totals(k, n);
        status = n == 2 ? print_layers(ctx, k, pairs, count) : FV_OK;
    }
    fv_layer_pairs_free(ctx, pairs);
    for (int i = 0; i < n; i++)
        fv_model_destroy(&k[i].model);
    return status;
}
