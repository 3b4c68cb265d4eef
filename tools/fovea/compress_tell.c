/* SPDX-License-Identifier: Apache-2.0 */
/* What came of a chain: in the terminal, as JSON, as a page. */
#include <fovea/stages.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "amounts.h"
#include "compress.h"
#include "output.h"
#include "show.h"

/* Whether the whole chain was told that. */
static bool is_common(const char *word)
{
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)strcspn(word, "="), word);
    return option_given(key);
}

/* What a stage alone was told, as one reads it: "target-macs=0.6 epochs=2". */
static char *settings_text(const chain_stage *s)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    for (int i = 0; i < s->words.count; i++)
        if (!is_common(s->words.word[i] + 2))
            fprintf(f, "%s%s", ftell(f) > 0 ? ", " : "", s->words.word[i] + 2);
    return fclose(f) == 0 ? text : NULL;
}

/* The command that makes all of it again. */
static char *command_text(const settings *c)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    fputs("fovea compress", f);
    for (int i = 0; i < c->n_words; i++)
        show_word(f, c->words[i]);
    return fclose(f) == 0 ? text : NULL;
}

static const char *of_first(double now, double first, char text[32])
{
    snprintf(text, 32, "%.3g", now / first);
    return text;
}

static void print_text(const chain *k, const char *command)
{
    const chain_figures *first = &k->stage[0].figures, *last = &k->stage[k->count - 1].figures;
    char score[64], macs[AMOUNT_MAX], params[AMOUNT_MAX], bytes[AMOUNT_MAX], peak[AMOUNT_MAX], share[3][32];
    printf("%-14s %9s %9s %9s %14s %11s %10s %10s\n", "stage", k->metric->name, "ms p50", "ms p99", "multiply-adds",
           "parameters", "file", "memory");
    for (int i = 0; i < k->count; i++) {
        const chain_figures *f = &k->stage[i].figures;
        char name[32];
        snprintf(name, sizeof name, i ? "%d %s" : "%.0d%s", i, k->stage[i].name);
        printf("%-14s %9s %9.3f %9.3f %14s %11s %10s %10s\n", name, chain_score_text(k, i, score), f->time.p50_ms,
               f->time.p99_ms, amount_count(f->macs, macs),
               f->parameters > 0 ? amount_count((double)f->parameters, params) : "-",
               amount_bytes((double)f->bytes, bytes), amount_bytes((double)f->time.peak_bytes, peak));
    }
    printf("\nof what was given: %s of the file, %s of the multiply-adds, %s of the time\n",
           of_first((double)last->bytes, (double)first->bytes, share[0]), of_first(last->macs, first->macs, share[1]),
           of_first(last->time.p50_ms, first->time.p50_ms, share[2]));
    printf("scored on %s (%s), %lld images\n", k->c->data, k->c->split, (long long)k->samples);
    printf("model   %s/model.safetensors\nreport  %s/report.html\nagain   %s\n", k->c->output, k->c->output, command);
}

static json_t *row_json(const chain *k, int i)
{
    const chain_stage *s = &k->stage[i];
    const chain_figures *f = &s->figures;
    json_t *row =
        json_pack("{s:s, s:o, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I}", "stage", s->name, "file", show_json(s->model),
                  "score", f->score, "best_ms", f->time.best_ms, "p50_ms", f->time.p50_ms, "p99_ms", f->time.p99_ms,
                  "macs", f->macs, "parameters", (json_int_t)f->parameters, "bytes", (json_int_t)f->bytes, "peak_bytes",
                  (json_int_t)f->time.peak_bytes);
    json_t *list = json_array();
    for (int n = 0; n < s->words.count; n++)
        json_array_append_new(list, show_json(s->words.word[n]));
    json_object_set_new(row, "settings", list);
    if (!isnan(s->max_drop))
        json_object_set_new(row, "max_drop", json_real(s->max_drop));
    return row;
}

static fv_status write_json(const chain *k, const char *command)
{
    char path[4300];
    json_t *rows = json_array();
    for (int i = 0; i < k->count; i++)
        json_array_append_new(rows, row_json(k, i));
    json_t *root =
        json_pack("{s:s, s:o, s:s, s:s, s:I, s:o}", "version", fv_version(), "command", show_json(command), "metric",
                  k->metric->name, "split", k->c->split, "samples", (json_int_t)k->samples, "stages", rows);
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    if (k->c->json && root) {
        json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
        putchar('\n');
    }
    json_decref(root);
    if (!text)
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for compress.json");
    snprintf(path, sizeof path, "%s/compress.json", k->c->output);
    const fv_status status = output_write(path, text, strlen(text));
    free(text);
    return status;
}

/* ---- the page ---- */

/* Layers of both models by name, those of the first before those that only the last one has. */
static int join_layers(const chain *k, fv_stage_layer *list)
{
    int n = 0;
    for (int i = 0; i < k->n_layers[0]; i++)
        list[n++] = (fv_stage_layer){k->layers[0][i].name, k->layers[0][i].ms, NAN};
    const int first = n;
    for (int i = 0; i < k->n_layers[1]; i++) {
        const chain_layer *l = &k->layers[1][i];
        int at = 0;
        while (at < first && (strcmp(list[at].name, l->name) != 0 || !isnan(list[at].after_ms)))
            at++;
        if (at < first)
            list[at].after_ms = l->ms;
        else
            list[n++] = (fv_stage_layer){l->name, NAN, l->ms};
    }
    return n;
}

static void row_of(const chain *k, int i, fv_stage_row *r, char score[64], char *told)
{
    const chain_figures *f = &k->stage[i].figures;
    *r = (fv_stage_row){.name = k->stage[i].name,
                        .settings = told ? told : "",
                        .score_text = chain_score_text(k, i, score),
                        .score = f->score * (k->metric->percent ? 100 : 1),
                        .ms = f->time.p50_ms,
                        .p99_ms = f->time.p99_ms,
                        .macs = f->macs,
                        .parameters = f->parameters,
                        .bytes = f->bytes,
                        .peak_bytes = f->time.peak_bytes};
}

static fv_status write_page(const chain *k, const char *command)
{
    fv_stage_row rows[CHAIN_STAGES + 1];
    char scores[CHAIN_STAGES + 1][64], *told[CHAIN_STAGES + 1] = {NULL}, about[5000], path[4300], title[4200];
    char processor[320];
    fv_stage_layer *layers = calloc(2 * CHAIN_LAYERS, sizeof *layers);
    fv_ctx *ctx = NULL;
    for (int i = 0; i < k->count; i++)
        row_of(k, i, &rows[i], scores[i], told[i] = i ? settings_text(&k->stage[i]) : NULL);
    const char *slash = strrchr(k->c->model, '/');
    snprintf(title, sizeof title, "%s made small", slash ? slash + 1 : k->c->model);
    snprintf(about, sizeof about, "Scored on %s (%s), %lld images; times are of one image alone, networks by turns.",
             k->c->data, k->c->split, (long long)k->samples);
    snprintf(path, sizeof path, "%s/report.html", k->c->output);
    fv_status status = layers ? context_open(k->c, &ctx) : (fv_status)FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        snprintf(processor, sizeof processor, "%s, %s, %s", fv_ctx_processor(ctx), fv_ctx_isa(ctx),
                 count_of(fv_ctx_threads(ctx), "thread", "threads", (char[64]){0}));
        const fv_stages_page page = {.title = title,
                                     .about = about,
                                     .metric = k->metric->name,
                                     .command = command,
                                     .processor = processor,
                                     .rows = rows,
                                     .n_rows = k->count,
                                     .layers = layers,
                                     .n_layers = join_layers(k, layers)};
        status = report(ctx, fv_stages_write_html(ctx, &page, path));
    }
    for (int i = 0; i < k->count; i++)
        free(told[i]);
    free(layers);
    fv_ctx_destroy(&ctx);
    return status;
}

fv_status chain_tell(const chain *k)
{
    char *command = command_text(k->c);
    if (!command)
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for a command");
    fv_status status = write_page(k, command);
    if (status == FV_OK)
        status = write_json(k, command);
    if (status == FV_OK && !k->c->json)
        print_text(k, command);
    free(command);
    return status;
}
