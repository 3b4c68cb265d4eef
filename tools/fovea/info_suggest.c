/* SPDX-License-Identifier: Apache-2.0 */
/* fovea info --suggest: what layers of a network could be had for less. */
#include <jansson.h>
#include <string.h>

#include "amounts.h"
#include "info.h"

/* All suggestions of a kind, of the layers for which there is one. */
typedef struct sums {
    int layers;
    int64_t parameters[2];
    double macs[2];
} sums;

static const char *field_text(const int64_t field[2], char text[48])
{
    snprintf(text, 48, "%lldx%lld", (long long)field[0], (long long)field[1]);
    return text;
}

static void print_row(const fv_model *model, const fv_suggestion *s)
{
    fv_layer_info l;
    char field[2][48], macs[2][AMOUNT_MAX];
    fv_model_layer(model, s->layer, &l);
    field_text(s->field[0], field[0]);
    if (memcmp(s->field[0], s->field[1], sizeof s->field[0]) != 0)
        snprintf(field[0] + strlen(field[0]), 24, " > %.20s", field_text(s->field[1], field[1]));
    printf("%-26.26s %-10s %-24s %-52s %11lld > %-11lld %10s > %-10s %-8s %s\n", l.name, fv_suggestion_kinds()[s->kind],
           s->now, s->instead, (long long)s->parameters[0], (long long)s->parameters[1],
           amount_count(s->macs[0], macs[0]), amount_count(s->macs[1], macs[1]), field[0],
           s->exact ? "exact" : "training");
}

static void print_text(const fv_model *model, const fv_suggestion *list, int count)
{
    sums all[FV_SUGGEST_COUNT] = {{.layers = 0}};
    char macs[2][AMOUNT_MAX];
    if (count == 0) {
        printf("%s: nothing: no layer has a replacement that costs less\n", fv_model_name(model));
        return;
    }
    printf("%-26s %-10s %-24s %-52s %11s   %-11s %10s   %-10s %-8s %s\n", "layer", "kind", "now", "instead",
           "parameters", "", "mult-adds", "", "sees", "wants");
    for (int i = 0; i < count; i++) {
        sums *t = &all[list[i].kind];
        print_row(model, &list[i]);
        t->layers++;
        for (int k = 0; k < 2; k++) {
            t->parameters[k] += list[i].parameters[k];
            t->macs[k] += list[i].macs[k];
        }
    }
    printf(
        "\nexact: weights are known with which all numbers stay the same; training: the shape stays, the weights are "
        "to be learned\n");
    for (int k = 0; k < FV_SUGGEST_COUNT; k++)
        if (all[k].layers > 0)
            printf("%-10s %3d layer%s parameters %lld > %lld, multiply-adds %s > %s\n", fv_suggestion_kinds()[k],
                   all[k].layers, all[k].layers == 1 ? ": " : "s:", (long long)all[k].parameters[0],
                   (long long)all[k].parameters[1], amount_count(all[k].macs[0], macs[0]),
                   amount_count(all[k].macs[1], macs[1]));
}

static void print_json(const fv_model *model, const fv_suggestion *list, int count)
{
    json_t *rows = json_array();
    for (int i = 0; i < count; i++) {
        const fv_suggestion *s = &list[i];
        fv_layer_info l;
        fv_model_layer(model, s->layer, &l);
        json_array_append_new(
            rows, json_pack("{s:s, s:s, s:s, s:s, s:[I,I], s:[I,I], s:[[I,I],[I,I]], s:b}", "layer", l.name, "kind",
                            fv_suggestion_kinds()[s->kind], "now", s->now, "instead", s->instead, "parameters",
                            (json_int_t)s->parameters[0], (json_int_t)s->parameters[1], "macs", (json_int_t)s->macs[0],
                            (json_int_t)s->macs[1], "field", (json_int_t)s->field[0][0], (json_int_t)s->field[0][1],
                            (json_int_t)s->field[1][0], (json_int_t)s->field[1][1], "exact", s->exact));
    }
    json_t *root = json_pack("{s:s, s:I, s:I, s:o}", "name", fv_model_name(model), "parameters",
                             (json_int_t)fv_model_parameters(model), "count", (json_int_t)count, "suggestions", rows);
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(root);
}

fv_status info_suggest(fv_ctx *ctx, const settings *c, const fv_model *model)
{
    fv_suggestion *list;
    int count;
    FV_TRY(fv_model_suggest(model, &list, &count));
    c->json ? print_json(model, list, count) : print_text(model, list, count);
    fv_suggestions_free(ctx, list);
    return FV_OK;
}
