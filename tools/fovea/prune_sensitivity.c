/* SPDX-License-Identifier: Apache-2.0 */
/* How much each layer alone can lose: a score for each layer and amount, as CSV and as a drawing of cells. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curve.h"
#include "output.h"
#include "prune.h"
#include "watch.h"

static const double amounts[] = {0.1, 0.3, 0.5, 0.7, 0.9};
enum { AMOUNTS = sizeof amounts / sizeof *amounts };

typedef struct cell {
    int64_t left;
    double macs, score, loss; /* macs: share of all that is left */
} cell;

typedef struct scan {
    pruning *p;
    const fv_metric *metric;
    fv_metrics whole;
    double macs;
    int groups;
    cell *cells; /* groups x AMOUNTS */
} scan;

static fv_status measure_cell(scan *s, int group, int a)
{
    pruning *p = s->p;
    cell *c = &s->cells[group * AMOUNTS + a];
    fv_prune_group g;
    fv_metrics m;
    FV_TRY(fv_pruner_choose(p->pruner, amounts[a], true, group));
    FV_TRY(fv_pruner_group(p->pruner, group, &g));
    c->left = g.left;
    if (a > 0 && c[-1].left == g.left) { /* rounded to the same */
        *c = c[-1];
        return FV_OK;
    }
    FV_TRY(fv_pruner_macs(p->pruner, &c->macs));
    c->macs /= s->macs;
    FV_TRY(fv_pruner_apply(p->pruner, &p->copy, NULL, NULL));
    FV_TRY(prune_score(p, p->copy, p->name, &m));
    c->score = fv_metric_value(s->metric, &m);
    c->loss = m.loss;
    fv_model_destroy(&p->copy);
    return FV_OK;
}

static fv_status scan_all(scan *s)
{
    pruning *p = s->p;
    FV_TRY(prune_score(p, p->model, p->name, &s->whole));
    FV_TRY(fv_pruner_macs(p->pruner, &s->macs));
    for (int g = 0; g < s->groups; g++)
        for (int a = 0; a < AMOUNTS; a++) {
            FV_TRY(measure_cell(s, g, a));
            FV_TRY(watch_own("measured", "cells", g * AMOUNTS + a + 1, (int64_t)s->groups * AMOUNTS));
        }
    return FV_OK;
}

static double shown(const scan *s, double score)
{
    return s->metric->percent ? 100 * score : score;
}

/* ---- files ---- */

static void put_csv(const scan *s, FILE *out)
{
    fprintf(out, "layer,layers,channels,amount,left,macs,%s,loss\n", s->metric->name);
    for (int g = 0; g < s->groups; g++)
        for (int a = -1; a < AMOUNTS; a++) {
            const cell *c = &s->cells[g * AMOUNTS + (a < 0 ? 0 : a)];
            fv_prune_group of;
            fv_pruner_group(s->p->pruner, g, &of);
            if (a < 0)
                fprintf(out, "%s,%d,%lld,0,%lld,1,%.6g,%.6g\n", of.layer, of.layers, (long long)of.channels,
                        (long long)of.channels, fv_metric_value(s->metric, &s->whole), s->whole.loss);
            else
                fprintf(out, "%s,%d,%lld,%g,%lld,%.4g,%.6g,%.6g\n", of.layer, of.layers, (long long)of.channels,
                        amounts[a], (long long)c->left, c->macs, c->score, c->loss);
        }
}

static const char style[] =
    "<style>text{font:13px system-ui,sans-serif;fill:#333}.t{font-size:17px;font-weight:600}.p{fill:#fff}"
    ".v{font-size:12px;fill:#111}@media(prefers-color-scheme:dark){text{fill:#ddd}.p{fill:#181a1b}}</style>\n";

enum { LEFT = 230, CELL = 92, ROW = 24, TOP = 84, BOTTOM = 16 };

static void put_name(FILE *out, const char *text)
{
    for (int i = 0; text[i] && i < 30; i++) {
        if (text[i] == '<' || text[i] == '&')
            fputs(text[i] == '<' ? "&lt;" : "&amp;", out);
        else
            fputc(text[i], out);
    }
}

/* From green, where nothing is lost, by way of yellow to red, where all of it is. */
static void put_cell(const scan *s, const cell *c, int g, int a, FILE *out)
{
    const double whole = fv_metric_value(s->metric, &s->whole), gone = 1 - c->score / whole;
    const double share = !(gone > 0) ? 0 : gone > 1 ? 1 : sqrt(gone);
    const int x = LEFT + a * CELL, y = TOP + g * ROW;
    const int red = (int)(share < 0.5 ? 120 + 270 * share : 255), green = (int)(share < 0.5 ? 205 : 410 - 410 * share);
    fprintf(
        out,
        "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"rgb(%d,%d,110)\"><title>%lld channels left, %.3g "
        "of the multiply-adds</title></rect><text class=\"v\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%.4g</text>\n",
        x + 1, y + 1, CELL - 2, ROW - 2, red, green, (long long)c->left, c->macs, x + CELL / 2, y + 16,
        shown(s, c->score));
}

static void put_svg(const scan *s, FILE *out)
{
    const int width = LEFT + AMOUNTS * CELL + 16, height = TOP + s->groups * ROW + BOTTOM;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n%s"
            "<rect class=\"p\" width=\"%d\" height=\"%d\"/>\n<text class=\"t\" x=\"10\" y=\"24\">",
            width, height, width, height, style, width, height);
    fprintf(out,
            "%s when a layer alone loses channels</text>\n<text x=\"10\" y=\"46\">%.4g with all of them, %lld samples",
            s->metric->name, shown(s, fv_metric_value(s->metric, &s->whole)), (long long)s->whole.samples);
    fprintf(out, "; by %s</text>\n", fv_prune_methods()[s->p->c->prune_method]);
    for (int a = 0; a < AMOUNTS; a++)
        fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">\xE2\x88\x92%.0f %%</text>\n",
                LEFT + a * CELL + CELL / 2, TOP - 10, 100 * amounts[a]);
    for (int g = 0; g < s->groups; g++) {
        fv_prune_group of;
        fv_pruner_group(s->p->pruner, g, &of);
        fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LEFT - 8, TOP + g * ROW + 16);
        put_name(out, of.layer);
        if (of.layers > 1)
            fprintf(out, " +%d", of.layers - 1);
        fputs("</text>\n", out);
        for (int a = 0; a < AMOUNTS; a++)
            put_cell(s, &s->cells[g * AMOUNTS + a], g, a, out);
    }
    fputs("</svg>\n", out);
}

static fv_status write_by(const scan *s, void (*put)(const scan *s, FILE *out), const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out)
        put(s, out);
    const bool whole = out && !ferror(out);
    const bool closed = out && fclose(out) == 0;
    const fv_status status = whole && closed ? output_write(path, text, size)
                                             : complain(FV_ERR_NO_MEMORY, "raise --memory", "no memory for %s", path);
    free(text);
    return status;
}

/* ---- telling ---- */

static void print_table(const scan *s, const curve_files *files)
{
    printf("%-28s %8s", s->metric->name, "0 %");
    for (int a = 0; a < AMOUNTS; a++)
        printf(" %6.0f %%", 100 * amounts[a]);
    printf("\n");
    for (int g = 0; g < s->groups; g++) {
        fv_prune_group of;
        fv_pruner_group(s->p->pruner, g, &of);
        printf("%-28.28s %8.4g", of.layer, shown(s, fv_metric_value(s->metric, &s->whole)));
        for (int a = 0; a < AMOUNTS; a++)
            printf(" %8.4g", shown(s, s->cells[g * AMOUNTS + a].score));
        printf("\n");
    }
    printf("\nnumbers  %s\ndrawing  %s\n", files->csv, files->svg);
}

static void print_json(const scan *s, const curve_files *files)
{
    json_t *rows = json_array();
    for (int i = 0; i < s->groups * AMOUNTS; i++) {
        const cell *c = &s->cells[i];
        fv_prune_group of;
        fv_pruner_group(s->p->pruner, i / AMOUNTS, &of);
        json_array_append_new(rows, json_pack("{s:s, s:i, s:I, s:f, s:I, s:f, s:f, s:f}", "layer", of.layer, "layers",
                                              of.layers, "channels", (json_int_t)of.channels, "amount",
                                              amounts[i % AMOUNTS], "left", (json_int_t)c->left, "macs", c->macs,
                                              s->metric->name, c->score, "loss", c->loss));
    }
    json_t *root =
        json_pack("{s:s, s:s, s:f, s:I, s:o}", "csv", files->csv, "svg", files->svg, s->metric->name,
                  fv_metric_value(s->metric, &s->whole), "samples", (json_int_t)s->whole.samples, "rows", rows);
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(root);
}

fv_status prune_sensitivity(pruning *p)
{
    scan s = {.p = p, .metric = prune_metric(fv_model_task(p->model)), .groups = fv_pruner_groups(p->pruner)};
    curve_files files;
    FV_TRY(curve_files_check(p->c, "sensitivity", p->c->sensitivity, &files));
    s.cells = calloc((size_t)s.groups * AMOUNTS, sizeof *s.cells);
    const bool quiet = cli_quiet;
    cli_quiet = true; /* of what each score would say again */
    fv_status status =
        s.cells ? scan_all(&s) : complain(FV_ERR_NO_MEMORY, "raise --memory", "no memory for %d layers", s.groups);
    cli_quiet = quiet;
    if (status == FV_OK)
        status = write_by(&s, put_csv, files.csv);
    if (status == FV_OK)
        status = write_by(&s, put_svg, files.svg);
    if (status == FV_OK)
        p->c->json ? print_json(&s, &files) : print_table(&s, &files);
    free(s.cells);
    return status;
}
