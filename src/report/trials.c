/* SPDX-License-Identifier: Apache-2.0 */
/* Runs side by side: facts, parallel coordinates, a chart, a table; one file without scripts. */
#include <fovea/trials.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/chart.h"
#include "report/page.h"

/* Units of the drawing: it scrolls sideways where it does not fit, so that its text stays readable. */
enum { STEP = 128, SIDE = 44, TOP = 40, BOTTOM = 16, HEIGHT = 320, LABEL = 18, WORDS = 32 };

typedef struct axis {
    const fv_trials_column *column;
    int at; /* number of the column */
    double low, high;
    const char *word[WORDS]; /* places of values that are none */
    int n_words;
    double x;
} axis;

static const fv_trials_cell *cell_of(const fv_trials_page *p, int64_t row, int column)
{
    return &p->cells[row * p->n_columns + column];
}

static double on_axis(const axis *a, double value)
{
    return a->column->logarithmic ? log10(value) : value;
}

/* Numbers by their size, before all else by its letters. */
static int by_word(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    char *end[2];
    const double p = strtod(x, &end[0]), q = strtod(y, &end[1]);
    const bool numbers[2] = {*x && !*end[0], *y && !*end[1]};
    if (numbers[0] != numbers[1])
        return numbers[0] ? -1 : 1;
    if (numbers[0] && p != q)
        return p < q ? -1 : 1;
    return strcmp(x, y);
}

static void make_axis(const fv_trials_page *p, int column, int number, axis *a)
{
    *a = (axis){.column = &p->columns[column], .at = column, .low = INFINITY, .high = -INFINITY};
    a->x = SIDE + (double)STEP * number;
    for (int64_t i = 0; i < p->n_rows; i++) {
        const fv_trials_cell *c = cell_of(p, i, column);
        const double v = on_axis(a, c->value);
        if (isfinite(v)) {
            a->low = v < a->low ? v : a->low;
            a->high = v > a->high ? v : a->high;
            continue;
        }
        bool known = !*c->text;
        for (int k = 0; k < a->n_words; k++)
            known = known || strcmp(a->word[k], c->text) == 0;
        if (!known && a->n_words < WORDS)
            a->word[a->n_words++] = c->text;
    }
    if (a->n_words > 1)
        qsort(a->word, (size_t)a->n_words, sizeof *a->word, by_word);
    if (!(a->high > a->low)) {
        a->low = isfinite(a->low) ? a->low - 1 : 0;
        a->high = a->low + 2;
    }
}

/* The height of a cell on its axis; NaN: it has no place there. */
static double place(const axis *a, const fv_trials_cell *c)
{
    const double v = on_axis(a, c->value), length = HEIGHT - TOP - BOTTOM;
    if (isfinite(v))
        return HEIGHT - BOTTOM - length * (v - a->low) / (a->high - a->low);
    for (int k = 0; k < a->n_words; k++)
        if (strcmp(a->word[k], c->text) == 0)
            return HEIGHT - BOTTOM - length * (k + 0.5) / a->n_words;
    return NAN;
}

/* At most LABEL characters, an ellipsis behind what was cut. */
static void put_label(fv_str *out, const char *text)
{
    char cut[4 * LABEL + 8];
    size_t n = 0, shown = 0;
    while (text[n] && shown < LABEL && n < 4 * LABEL) {
        n++;
        while (((unsigned char)text[n] & 0xc0) == 0x80)
            n++;
        shown++;
    }
    const int taken = (int)(n < sizeof cut - 4 ? n : sizeof cut - 4);
    snprintf(cut, sizeof cut, "%.*s%s", taken, text, text[n] ? "\xE2\x80\xA6" : "");
    fv_put_escaped(out, cut);
}

static void put_at(fv_str *out, const char *name, double value)
{
    fv_str_printf(out, " %s=\"%lld.%lld\"", name, llround(value * 10) / 10, llabs(llround(value * 10)) % 10);
}

static void put_axis(fv_str *out, const axis *a)
{
    fv_str_append(out, "<line class=\"axis\"");
    put_at(out, "x1", a->x);
    put_at(out, "x2", a->x);
    fv_str_printf(out, " y1=\"%d\" y2=\"%d\"/><text class=\"middle name\"", TOP, HEIGHT - BOTTOM);
    put_at(out, "x", a->x);
    fv_str_append(out, " y=\"16\">");
    put_label(out, a->column->name);
    fv_str_append(out, "</text>");
    for (int end = 0; end < 2 && a->n_words == 0; end++) {
        const double v = end ? a->high : a->low;
        fv_str_append(out, "<text class=\"over\"");
        put_at(out, "x", a->x + 6);
        fv_str_printf(out, " y=\"%d\">", end ? TOP + 4 : HEIGHT - BOTTOM + 4);
        fv_put_short(out, a->column->logarithmic ? pow(10, v) : v, 3);
        fv_str_append(out, "</text>");
    }
    for (int k = 0; k < a->n_words; k++) {
        const fv_trials_cell c = {a->word[k], NAN};
        fv_str_append(out, "<text class=\"over\"");
        put_at(out, "x", a->x + 6);
        put_at(out, "y", place(a, &c) + 4);
        fv_str_append(out, ">");
        put_label(out, a->word[k]);
        fv_str_append(out, "</text>");
    }
}

/* The share of rows that are no better: 1 is the best. */
static double rank_of(const fv_trials_page *p, int64_t row)
{
    const double mine = cell_of(p, row, p->score)->value;
    int64_t below = 0, all = 0;
    for (int64_t i = 0; isfinite(mine) && i < p->n_rows; i++) {
        const double v = cell_of(p, i, p->score)->value;
        all += isfinite(v);
        below += isfinite(v) && (p->higher ? v <= mine : v >= mine);
    }
    return all > 0 ? (double)below / (double)all : 0;
}

/* One line; where a cell has no place the line begins anew behind it. */
static void put_row(fv_str *out, const fv_trials_page *p, const axis *axes, int n, int64_t row)
{
    const bool best = row == p->best;
    fv_str_printf(out, "<path class=\"run%s\"", best ? " top" : "");
    if (!best) {
        fv_str_append(out, " stroke-opacity=\"");
        fv_put_fixed(out, 0.12 + 0.7 * pow(rank_of(p, row), 2), 2);
        fv_str_append(out, "\"");
    }
    fv_str_append(out, " d=\"");
    bool begins = true;
    for (int k = 0; k < n; k++) {
        const double y = place(&axes[k], cell_of(p, row, axes[k].at));
        if (isfinite(y))
            fv_str_printf(out, "%c%.0f %lld.%lld", begins ? 'M' : 'L', axes[k].x, llround(y * 10) / 10,
                          llround(y * 10) % 10);
        begins = !isfinite(y);
    }
    fv_str_append(out, "\"><title>");
    for (int k = 0; k < p->n_columns; k++) {
        const char *text = cell_of(p, row, k)->text;
        if (!*text)
            continue;
        fv_put_escaped(out, p->columns[k].name);
        fv_str_append(out, " ");
        fv_put_escaped(out, text);
        fv_str_append(out, k + 1 < p->n_columns ? ", " : "");
    }
    fv_str_append(out, "</title></path>\n");
}

static fv_status put_parallel(fv_str *out, const fv_trials_page *p)
{
    axis *axes = fv_calloc(out->ctx, (size_t)p->n_columns, sizeof *axes);
    int n = 0;
    if (!axes)
        return FV_ERR_NO_MEMORY;
    for (int k = 0; k < p->n_columns; k++)
        if (p->columns[k].axis) {
            make_axis(p, k, n, &axes[n]);
            n++;
        }
    if (n >= 2) {
        const int width = SIDE + STEP * n + 24; /* the last axis has labels, too */
        fv_str_append(out, "<h2>Settings and what came of them</h2>\n<p class=\"sub\">A line is a run; darker ones "
                           "score better, the best one is green.</p>\n<div class=\"scroll wide parallel\">");
        fv_str_printf(out,
                      "<svg viewBox=\"0 0 %d %d\" style=\"min-width:%dpx\" role=\"img\" aria-label=\"parallel "
                      "coordinates\">\n",
                      width, HEIGHT + 4, width);
        for (int64_t i = 0; i < p->n_rows; i++)
            if (i != p->best)
                put_row(out, p, axes, n, i);
        if (p->best >= 0)
            put_row(out, p, axes, n, p->best);
        for (int k = 0; k < n; k++)
            put_axis(out, &axes[k]);
        fv_str_append(out, "</svg></div>\n");
    }
    fv_free(out->ctx, axes);
    return FV_OK;
}

typedef struct point {
    double x, y;
} point;

static int by_x(const void *a, const void *b)
{
    const point *p = a, *q = b;
    return p->x < q->x ? -1 : p->x > q->x;
}

static fv_status put_curve(fv_str *out, const fv_trials_page *p)
{
    point *points = fv_calloc(out->ctx, (size_t)p->n_rows + 1, sizeof *points);
    double *columns = fv_calloc(out->ctx, 2 * ((size_t)p->n_rows + 1), sizeof *columns);
    int64_t n = 0;
    for (int64_t i = 0; points && i < p->n_rows; i++) {
        const point at = {cell_of(p, i, p->curve_x)->value, cell_of(p, i, p->score)->value};
        if (isfinite(at.x) && isfinite(at.y))
            points[n++] = at;
    }
    if (points && columns && n > 1) {
        qsort(points, (size_t)n, sizeof *points, by_x);
        for (int64_t i = 0; i < n; i++) {
            columns[i] = points[i].x;
            columns[n + i] = points[i].y;
        }
        const double best = p->best >= 0 ? cell_of(p, p->best, p->curve_x)->value : NAN;
        const fv_chart chart = {.title = p->columns[p->score].name,
                                .unit = "",
                                .scale = 1,
                                .x_name = p->columns[p->curve_x].name,
                                .mark = best,
                                .mark_name = "best",
                                .x = columns,
                                .n = n,
                                .series = {{"validation", columns + n}},
                                .n_series = 1};
        fv_str_append(out, "<div class=\"charts\">\n");
        fv_put_chart(out, &chart);
        fv_str_append(out, "</div>\n");
    }
    const bool made = points && columns;
    fv_free(out->ctx, points);
    fv_free(out->ctx, columns);
    return made ? FV_OK : FV_ERR_NO_MEMORY;
}

/* ---- intervals ---- */

/* Units; names stand above their lines, so that narrow screens have room for both. */
enum { INTERVAL = 34, INTERVALS_WIDTH = 440, INTERVALS_SIDE = 14 };

static double over(double low, double high, double v)
{
    return INTERVALS_SIDE + (INTERVALS_WIDTH - 2 * INTERVALS_SIDE) * (v - low) / (high - low);
}

static void put_interval(fv_str *out, const fv_trials_page *p, int64_t row, double low, double high, int y)
{
    const double mean = cell_of(p, row, p->mean)->value, margin = cell_of(p, row, p->margin)->value;
    const char *side = mean - margin > 0 ? " up" : mean + margin < 0 ? " down" : "";
    fv_str_printf(out, "<text x=\"%d\" y=\"%d\">", INTERVALS_SIDE, y - 9);
    put_label(out, cell_of(p, row, 0)->text);
    fv_str_printf(out, " %s \xC2\xB1 %s</text><line class=\"interval%s\"", cell_of(p, row, p->mean)->text,
                  cell_of(p, row, p->margin)->text, side);
    put_at(out, "x1", over(low, high, mean - margin));
    put_at(out, "x2", over(low, high, mean + margin));
    fv_str_printf(out, " y1=\"%d\" y2=\"%d\"/><circle class=\"interval%s\" r=\"4\" cy=\"%d\"", y, y, side, y);
    put_at(out, "cx", over(low, high, mean));
    fv_str_append(out, "/>\n");
}

static void put_intervals(fv_str *out, const fv_trials_page *p)
{
    double low = 0, high = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < p->n_rows; i++) {
        const double mean = cell_of(p, i, p->mean)->value, margin = cell_of(p, i, p->margin)->value;
        if (!isfinite(mean) || !isfinite(margin))
            continue;
        n++;
        low = fmin(low, mean - margin);
        high = fmax(high, mean + margin);
    }
    if (!(high > low))
        return;
    const int height = 10 + (int)n * INTERVAL;
    fv_str_append(out, "<h2>");
    fv_put_escaped(out, p->columns[p->mean].name);
    fv_str_printf(out,
                  "</h2>\n<p class=\"sub\">The upright line is 0; what does not reach it is no chance.</p>\n"
                  "<div class=\"scroll parallel\"><svg viewBox=\"0 0 %d %d\" style=\"max-width:32rem\" role=\"img\" "
                  "aria-label=\"means with their margins\">\n<line class=\"axis\" y1=\"4\" y2=\"%d\"",
                  INTERVALS_WIDTH, height, height - 4);
    put_at(out, "x1", over(low, high, 0));
    put_at(out, "x2", over(low, high, 0));
    fv_str_append(out, "/>\n");
    int y = INTERVAL - 4;
    for (int64_t i = 0; i < p->n_rows; i++)
        if (isfinite(cell_of(p, i, p->mean)->value) && isfinite(cell_of(p, i, p->margin)->value)) {
            put_interval(out, p, i, low, high, y);
            y += INTERVAL;
        }
    fv_str_append(out, "</svg></div>\n");
}

static void put_table(fv_str *out, const fv_trials_page *p)
{
    fv_str_append(out, "<h2>Runs</h2>\n");
    if (p->note) {
        fv_str_append(out, "<p class=\"sub\">");
        fv_put_escaped(out, p->note);
        fv_str_append(out, "</p>\n");
    }
    fv_str_append(out, "<div class=\"scroll wide\"><table>\n<thead><tr>");
    for (int k = 0; k < p->n_columns; k++) {
        fv_str_append(out, "<th>");
        fv_put_escaped(out, p->columns[k].name);
        fv_str_append(out, "</th>");
    }
    fv_str_append(out, "</tr></thead>\n<tbody>\n");
    for (int64_t i = 0; i < p->n_rows; i++) {
        fv_str_append(out, i == p->best ? "<tr class=\"best\">" : "<tr>");
        for (int k = 0; k < p->n_columns; k++) {
            fv_str_append(out, "<td>");
            fv_put_escaped(out, cell_of(p, i, k)->text);
            fv_str_append(out, "</td>");
        }
        fv_str_append(out, "</tr>\n");
    }
    fv_str_append(out, "</tbody></table></div>\n");
}

static fv_status put_page(fv_str *out, const fv_trials_page *p)
{
    static const char style[] =
        "dl.facts{margin-bottom:.75rem}.parallel{max-height:none;padding:.4rem .2rem}.parallel svg{margin:0 "
        "auto;max-width:70rem}"
        "path.run{fill:none;stroke:var(--train);stroke-width:1.6;stroke-linejoin:round}"
        "path.run:hover{stroke-width:3.5;stroke-opacity:1}path.top{stroke:var(--good);stroke-width:3.2}"
        ".parallel text{paint-order:stroke;stroke:var(--card);stroke-width:3px;fill:var(--muted)}"
        ".parallel text.name{font-weight:600;fill:var(--text)}"
        "line.interval{stroke:var(--muted);stroke-width:3;stroke-linecap:round}circle.interval{fill:var(--muted)}"
        "line.up{stroke:var(--good)}circle.up{fill:var(--good)}line.down{stroke:var(--bad)}circle.down{fill:var(--bad)}"
        "\n";
    fv_put_page_head(out, p->title, style);
    fv_str_append(out, "<h1>");
    fv_put_escaped(out, p->title);
    fv_str_append(out, "</h1>\n<p class=\"sub\">");
    fv_put_escaped(out, p->about);
    fv_str_append(out, "</p>\n");
    if (p->n_facts > 0)
        fv_str_append(out, "<dl class=\"facts box\">\n");
    for (int i = 0; i < p->n_facts; i++) {
        fv_str_append(out, "<dt>");
        fv_put_escaped(out, p->facts[i].name);
        fv_str_append(out, "</dt><dd>");
        fv_put_escaped(out, p->facts[i].value);
        fv_str_append(out, "</dd>\n");
    }
    if (p->n_facts > 0)
        fv_str_append(out, "</dl>\n");
    if (p->curve_x >= 0 && p->score >= 0)
        FV_TRY(put_curve(out, p));
    if (p->score >= 0)
        FV_TRY(put_parallel(out, p));
    if (p->margin > 0)
        put_intervals(out, p);
    put_table(out, p);
    fv_str_append(out, "</main>\n</body>\n</html>\n");
    return fv_str_status(out);
}

fv_status fv_trials_write_html(fv_ctx *ctx, const fv_trials_page *page, const char *path)
{
    fv_str out = {.ctx = ctx};
    fv_status status = put_page(&out, page);
    if (status == FV_OK)
        status = fv_file_write(ctx, path, out.data, out.size);
    fv_str_free(&out);
    return status;
}
