/* SPDX-License-Identifier: Apache-2.0 */
#include "report/lengths.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/chart.h"
#include "report/page.h"

/* Larger files are not read: the page does without. Tensors in the table. */
#define FILE_MAX ((int64_t)1 << 26)
enum { TENSORS = 200, SPARK_W = 120, SPARK_H = 26 };

typedef struct entry {
    int64_t epoch;
    int tensor; /* the file's first line of it */
    double norm[2];
} entry;

typedef struct table {
    fv_ctx *ctx;
    entry *entries;
    int64_t count, epochs; /* epochs: different ones */
    char **names;          /* of tensors, in the text */
    int tensors;
    double *x, *y[2]; /* by epoch: its number, norms of all tensors together */
} table;

/* ---- the file ---- */

/* Takes the quotes off a name, in place; what is behind it, or NULL. */
static char *name_end(char **name)
{
    char *at = *name, *to = at + 1;
    if (*at != '"') {
        at += strcspn(at, ",");
        if (!*at)
            return NULL;
        *at = '\0';
        return at + 1;
    }
    *name = to;
    for (at++; *at && !(at[0] == '"' && at[1] != '"'); at += 1 + (at[0] == '"'))
        *to++ = *at;
    if (!*at)
        return NULL;
    *to = '\0';
    return at[1] == ',' ? at + 2 : NULL;
}

static int number_of(table *t, char *name)
{
    for (int i = 0; i < t->tensors; i++) /* mostly the one behind the last */
        if (strcmp(t->names[i], name) == 0)
            return i;
    t->names[t->tensors] = name;
    return t->tensors++;
}

static void read_line(table *t, char *line)
{
    entry e = {.epoch = strtoll(line, &line, 10)};
    char *name = *line == ',' ? strchr(line + 1, ',') : NULL;
    if (!name || e.epoch < 1)
        return;
    char *text = name + 1, *rest = name_end(&text), *comma = rest ? strchr(rest, ',') : NULL;
    if (!comma)
        return;
    *comma = '\0';
    if (!fv_text_to_double(rest, &e.norm[0]) || !fv_text_to_double(comma + 1, &e.norm[1]))
        return;
    e.tensor = number_of(t, text);
    t->entries[t->count++] = e;
}

static fv_status read_table(table *t, char *data)
{
    int64_t lines = 1;
    for (const char *at = data; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    t->entries = fv_calloc(t->ctx, (size_t)lines, sizeof *t->entries);
    t->names = fv_calloc(t->ctx, (size_t)lines, sizeof *t->names);
    for (int k = 0; k < 2; k++)
        t->y[k] = fv_calloc(t->ctx, (size_t)lines, sizeof *t->y[k]);
    t->x = fv_calloc(t->ctx, (size_t)lines, sizeof *t->x);
    if (!t->entries || !t->names || !t->x || !t->y[0] || !t->y[1])
        return FV_ERR_NO_MEMORY;
    for (char *line = data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        read_line(t, line);
    }
    for (int64_t i = 0; i < t->count; i++) {
        const entry *e = &t->entries[i];
        if (t->epochs == 0 || t->x[t->epochs - 1] < (double)e->epoch)
            t->x[t->epochs++] = (double)e->epoch;
        for (int k = 0; k < 2; k++)
            t->y[k][t->epochs - 1] += e->norm[k] * e->norm[k];
    }
    for (int64_t i = 0; i < t->epochs; i++)
        for (int k = 0; k < 2; k++)
            t->y[k][i] = sqrt(t->y[k][i]);
    return FV_OK;
}

/* ---- the part ---- */

/* A tensor's norms as a line, each in its own range. */
static void put_spark(fv_str *out, const table *t, int tensor, int which)
{
    double low = INFINITY, high = -INFINITY, first = NAN, last = NAN;
    for (int64_t i = 0; i < t->count; i++) {
        const double v = t->entries[i].norm[which];
        if (t->entries[i].tensor != tensor)
            continue;
        low = fmin(low, v);
        high = fmax(high, v);
        first = isnan(first) ? v : first;
        last = v;
    }
    fv_str_append(out, "<td>");
    fv_put_short(out, first, 4);
    fv_str_append(out, " \xE2\x86\x92 ");
    fv_put_short(out, last, 4);
    fv_str_printf(out,
                  "</td><td><svg class=\"spark\" viewBox=\"0 0 %d %d\" aria-hidden=\"true\"><polyline class=\"%s\" "
                  "points=\"",
                  SPARK_W, SPARK_H, which ? "validation" : "train");
    const double span = t->x[t->epochs - 1] - t->x[0];
    for (int64_t i = 0; i < t->count; i++) {
        const entry *e = &t->entries[i];
        if (e->tensor != tensor)
            continue;
        fv_put_fixed(out, 2 + (span > 0 ? ((double)e->epoch - t->x[0]) / span : 0.5) * (SPARK_W - 4), 1);
        fv_str_append(out, ",");
        fv_put_fixed(out, SPARK_H - 3 - (high > low ? (e->norm[which] - low) / (high - low) : 0.5) * (SPARK_H - 6), 1);
        fv_str_append(out, " ");
    }
    fv_str_append(out, "\"/></svg></td>");
}

static void put_rows(fv_str *out, const table *t)
{
    fv_str_append(out,
                  "<div class=\"scroll wide\"><table class=\"names\">\n<thead><tr><th>tensor</th><th>weights</th><th>"
                  "</th><th>gradient</th><th></th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < t->tensors && i < TENSORS; i++) {
        fv_str_append(out, "<tr><td>");
        fv_put_escaped(out, t->names[i]);
        fv_str_append(out, "</td>");
        put_spark(out, t, i, 0);
        put_spark(out, t, i, 1);
        fv_str_append(out, "</tr>\n");
    }
    fv_str_append(out, "</tbody></table></div>\n");
}

static void put_chart(fv_str *out, const table *t, const char *title, int which)
{
    fv_chart chart = {.title = title, .unit = "", .scale = 1, .from_zero = true, .x_name = "epoch", .mark = NAN};
    chart.x = t->x;
    chart.n = t->epochs;
    chart.series[chart.n_series++] = (fv_series){which ? "gradient" : "weights", t->y[which]};
    fv_put_chart(out, &chart);
}

static void put_part(fv_str *out, const table *t)
{
    fv_str_printf(out,
                  "<h2>Weights and gradients</h2>\n<p class=\"sub\">2-norms at the first step of each epoch, of all %d "
                  "weights that are trained and of each; norms.csv has every number.</p>\n<div class=\"charts\">\n",
                  t->tensors);
    put_chart(out, t, "Norm of the weights", 0);
    put_chart(out, t, "Norm of the gradient", 1);
    fv_str_append(out, "</div>\n<p></p>\n");
    put_rows(out, t);
}

fv_status fv_put_lengths(fv_str *out, const char *path)
{
    table t = {.ctx = out->ctx};
    uint8_t *data = NULL;
    int64_t size;
    if (!fv_path_exists(path))
        return FV_OK;
    fv_status status = fv_file_read(out->ctx, path, FILE_MAX, false, &data, &size);
    if (status == FV_ERR_DATA_TOO_LARGE) {
        fv_fail_clear(out->ctx);
        return FV_OK;
    }
    if (status == FV_OK)
        status = read_table(&t, (char *)data);
    if (status == FV_OK && t.count > 0)
        put_part(out, &t);
    fv_free(t.ctx, t.entries);
    fv_free(t.ctx, t.names);
    fv_free(t.ctx, t.x);
    fv_free(t.ctx, t.y[0]);
    fv_free(t.ctx, t.y[1]);
    fv_free(out->ctx, data);
    return status == FV_OK ? fv_str_status(out) : status;
}
