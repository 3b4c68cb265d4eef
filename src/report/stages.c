/* SPDX-License-Identifier: Apache-2.0 */
/* A chain of ever smaller models: what each stage cost and brought; one file without scripts. */
#include <fovea/stages.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/chart.h"
#include "report/page.h"

/* Units of the drawings. */
enum { WIDTH = 460, HEIGHT = 320, LEFT = 52, RIGHT = 24, TOP = 34, BOTTOM = 46, ROW = 34, SHOWN = 30, NAME = 44 };

static void put_at(fv_str *out, const char *name, double value)
{
    fv_str_printf(out, " %s=\"", name);
    fv_put_fixed(out, value, 1);
    fv_str_append(out, "\"");
}

/* "12.3 kB", "1.4 MB". */
static void put_bytes(fv_str *out, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB"};
    int k = 0;
    for (; k < 3 && bytes >= 1024; k++)
        bytes /= 1024;
    fv_put_short(out, bytes, 3);
    fv_str_printf(out, " %s", units[k]);
}

/* "9216", "25.6 M". */
static void put_count(fv_str *out, double count)
{
    static const char *const units[] = {"", " k", " M", " G"};
    int k = 0;
    for (; k < 3 && count >= 1e4; k++)
        count /= 1000;
    fv_put_short(out, count, 4);
    fv_str_append(out, units[k]);
}

/* ---- the most important numbers ---- */

static void put_tile(fv_str *out, const char *label, const char *before, double value, int digits, const char *behind)
{
    fv_str_printf(out, "<div class=\"tile\"><b>%s", before);
    fv_put_short(out, value, digits);
    fv_str_printf(out, "%s</b><small>", behind);
    fv_put_escaped(out, label);
    fv_str_append(out, "</small></div>\n");
}

static void put_tiles(fv_str *out, const fv_stages_page *p)
{
    const fv_stage_row *first = &p->rows[0], *last = &p->rows[p->n_rows - 1];
    fv_str_append(out, "<div class=\"tiles\">\n<div class=\"tile\"><b>");
    fv_put_escaped(out, last->score_text);
    fv_str_append(out, "</b><small>");
    fv_put_escaped(out, p->metric);
    fv_str_append(out, ", before ");
    fv_put_escaped(out, first->score_text);
    fv_str_append(out, "</small></div>\n");
    put_tile(out, "smaller", "", (double)first->bytes / (double)last->bytes, 3, "\xC3\x97");
    put_tile(out, last->ms <= first->ms ? "faster" : "slower", "",
             last->ms <= first->ms ? first->ms / last->ms : last->ms / first->ms, 3, "\xC3\x97");
    put_tile(out, "of the multiply-adds", "", 100 * last->macs / first->macs, 3, " %");
    put_tile(out, "of the memory of a run", "", 100 * (double)last->peak_bytes / (double)first->peak_bytes, 3, " %");
    fv_str_append(out, "</div>\n");
}

/* ---- score over milliseconds ---- */

typedef struct axis {
    double low, high, step, from, to;
} axis;

/* 1, 2 or 5 times a power of ten, three to six of them over the axis. */
static axis axis_over(double low, double high, double from, double to)
{
    const double span = high > low ? high - low : fabs(high) > 0 ? fabs(high) / 2 : 1;
    double step = pow(10, floor(log10(span)));
    step = span / step < 1.5 ? step / 5 : span / step < 3 ? step / 2 : step;
    return (axis){floor(low / step) * step, ceil(high / step + 1e-9) * step, step, from, to};
}

static double place(const axis *a, double value)
{
    const double span = a->high > a->low ? a->high - a->low : 1;
    return a->from + (value - a->low) / span * (a->to - a->from);
}

static void put_axes(fv_str *out, const axis *x, const axis *y, const char *y_name)
{
    for (int i = 0; y->low + i * y->step <= y->high + y->step / 2; i++) {
        const double v = y->low + i * y->step;
        fv_str_printf(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\"", LEFT, WIDTH - RIGHT);
        put_at(out, "y1", place(y, v));
        put_at(out, "y2", place(y, v));
        fv_str_printf(out, "/><text class=\"end\" x=\"%d\"", LEFT - 8);
        put_at(out, "y", place(y, v) + 4);
        fv_str_append(out, ">");
        fv_put_short(out, v, 4);
        fv_str_append(out, "</text>");
    }
    for (int i = 0; x->low + i * x->step <= x->high + x->step / 2; i++) {
        const double v = x->low + i * x->step;
        fv_str_printf(out, "<text class=\"middle\" y=\"%d\"", HEIGHT - BOTTOM + 18);
        put_at(out, "x", place(x, v));
        fv_str_append(out, ">");
        fv_put_short(out, v, 3);
        fv_str_append(out, "</text>");
    }
    fv_str_printf(out,
                  "<text class=\"middle\" x=\"%d\" y=\"%d\">milliseconds of an image</text><text x=\"4\" y=\"14\">",
                  (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6);
    fv_put_escaped(out, y_name);
    fv_str_append(out, "</text>\n");
}

/* Where a name stands, or a point: from, to, and the height of its middle. */
typedef struct label {
    double from, to, y;
} label;

enum { LABELS = 64, TEXT = 14, LETTER = 7 };

static bool is_free(const label *l, const label *taken, int n)
{
    bool yes = l->from > LEFT && l->to < WIDTH && l->y > 0 && l->y < HEIGHT - BOTTOM + TEXT / 2.0;
    for (int i = 0; i < n; i++)
        yes = yes && (l->to < taken[i].from || l->from > taken[i].to || fabs(l->y - taken[i].y) >= TEXT);
    return yes;
}

/* Beside its point, at the nearest height that is free. */
static void put_name(fv_str *out, const fv_stages_page *p, int i, double x, double y, label *taken, int *n)
{
    char text[64];
    snprintf(text, sizeof text, i ? "%d %.40s" : "%.0d%.40s", i, p->rows[i].name);
    const double width = LETTER * (double)strlen(text);
    label best = {x + 9, x + 9 + width, y};
    bool found = false;
    for (int step = 0; step < 2 * LABELS && !found; step++) {
        const double away = (step / 4 + 1) * (TEXT / 2.0) * (step / 2 % 2 ? 1 : -1);
        const label at = step % 2 ? (label){x - 9 - width, x - 9, y + away} : (label){x + 9, x + 9 + width, y + away};
        if (is_free(&at, taken, *n)) {
            best = at;
            found = true;
        }
    }
    if (*n < 2 * LABELS)
        taken[(*n)++] = best;
    fv_str_append(out, "<text class=\"over\"");
    put_at(out, "x", best.from);
    put_at(out, "y", best.y + 4);
    fv_str_append(out, ">");
    fv_put_escaped(out, text);
    fv_str_append(out, "</text>\n");
}

static void put_drawing(fv_str *out, const fv_stages_page *p)
{
    double low = INFINITY, high = -INFINITY, most = 0;
    for (int i = 0; i < p->n_rows; i++) {
        low = fmin(low, p->rows[i].score);
        high = fmax(high, p->rows[i].score);
        most = fmax(most, p->rows[i].ms);
    }
    const axis x = axis_over(0, most, LEFT, WIDTH - RIGHT), y = axis_over(low, high, HEIGHT - BOTTOM, TOP);
    fv_str_printf(out,
                  "<figure>\n<figcaption><b>What each stage cost and brought</b></figcaption>\n<svg viewBox=\"0 0 %d "
                  "%d\" role=\"img\" aria-label=\"score over milliseconds\">\n",
                  WIDTH, HEIGHT);
    put_axes(out, &x, &y, p->metric);
    fv_str_append(out, "<polyline class=\"way\" points=\"");
    for (int i = 0; i < p->n_rows; i++) {
        fv_put_fixed(out, place(&x, p->rows[i].ms), 1);
        fv_str_append(out, ",");
        fv_put_fixed(out, place(&y, p->rows[i].score), 1);
        fv_str_append(out, i + 1 < p->n_rows ? " " : "\"/>\n");
    }
    label taken[2 * LABELS];
    int n = 0;
    for (int i = 0; i < p->n_rows && n < LABELS; i++) /* names keep clear of all points */
        taken[n++] = (label){place(&x, p->rows[i].ms) - 6, place(&x, p->rows[i].ms) + 6, place(&y, p->rows[i].score)};
    for (int i = 0; i < p->n_rows; i++) {
        fv_str_printf(out, "<circle class=\"%s\" r=\"5\"", i + 1 == p->n_rows ? "last" : "stage");
        put_at(out, "cx", place(&x, p->rows[i].ms));
        put_at(out, "cy", place(&y, p->rows[i].score));
        fv_str_append(out, "/>\n");
    }
    for (int i = 0; i < p->n_rows; i++)
        put_name(out, p, i, place(&x, p->rows[i].ms), place(&y, p->rows[i].score), taken, &n);
    fv_str_append(out, "</svg>\n</figure>\n");
}

/* ---- layers ---- */

static double larger(const fv_stage_layer *l)
{
    return fmax(isfinite(l->before_ms) ? l->before_ms : 0, isfinite(l->after_ms) ? l->after_ms : 0);
}

static int by_time(const void *a, const void *b)
{
    const fv_stage_layer *x = *(const fv_stage_layer *const *)a, *y = *(const fv_stage_layer *const *)b;
    const double p = larger(x), q = larger(y);
    return p != q ? (p > q ? -1 : 1) : x < y ? -1 : 1;
}

static int by_place(const void *a, const void *b)
{
    const fv_stage_layer *x = *(const fv_stage_layer *const *)a, *y = *(const fv_stage_layer *const *)b;
    return x < y ? -1 : x > y;
}

static void put_bar(fv_str *out, const char *class, double ms, double scale, int y)
{
    if (!isfinite(ms))
        return;
    fv_str_printf(out, "<rect class=\"%s\" x=\"0\" y=\"%d\" height=\"7\" rx=\"2\"", class, y);
    put_at(out, "width", fmax(ms * scale, 0.5));
    fv_str_append(out, "/>");
}

static void put_layer(fv_str *out, const fv_stage_layer *l, double scale, int y)
{
    char name[NAME + 8];
    snprintf(name, sizeof name, "%.*s%s", NAME, l->name, strlen(l->name) > NAME ? "..." : "");
    fv_str_printf(out, "<text x=\"0\" y=\"%d\">", y + 12);
    fv_put_escaped(out, name);
    fv_str_printf(out, "</text><text class=\"end\" x=\"%d\" y=\"%d\">", WIDTH, y + 12);
    for (int k = 0; k < 2; k++) {
        const double ms = k ? l->after_ms : l->before_ms;
        fv_str_append(out, k ? " \xE2\x86\x92 " : "");
        if (isfinite(ms))
            fv_put_short(out, ms, 3);
        else
            fv_str_append(out, "gone");
    }
    fv_str_append(out, " ms</text>");
    put_bar(out, "before", l->before_ms, scale, y + 16);
    put_bar(out, "after", l->after_ms, scale, y + 24);
    fv_str_append(out, "\n");
}

static fv_status put_layers(fv_str *out, const fv_stages_page *p)
{
    const fv_stage_layer **list = fv_calloc(out->ctx, (size_t)p->n_layers + 1, sizeof *list);
    if (!list)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < p->n_layers; i++)
        list[i] = &p->layers[i];
    qsort(list, (size_t)p->n_layers, sizeof *list, by_time);
    const int shown = p->n_layers < SHOWN ? p->n_layers : SHOWN;
    double rest[2] = {0, 0};
    for (int i = shown; i < p->n_layers; i++) {
        rest[0] += isfinite(list[i]->before_ms) ? list[i]->before_ms : 0;
        rest[1] += isfinite(list[i]->after_ms) ? list[i]->after_ms : 0;
    }
    const double most = shown > 0 ? larger(list[0]) : 0;
    qsort(list, (size_t)shown, sizeof *list, by_place);
    fv_str_printf(out,
                  "<figure>\n<figcaption><b>Layer by layer</b><span class=\"key before\"></span>given<span class=\"key "
                  "after\"></span>made</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"milliseconds "
                  "of layers before and after\">\n",
                  WIDTH, shown * ROW + 20);
    for (int i = 0; i < shown; i++)
        put_layer(out, list[i], most > 0 ? WIDTH / most : 0, i * ROW);
    if (shown < p->n_layers) {
        fv_str_printf(out, "<text x=\"0\" y=\"%d\">%d others: ", shown * ROW + 14, p->n_layers - shown);
        fv_put_short(out, rest[0], 3);
        fv_str_append(out, " \xE2\x86\x92 ");
        fv_put_short(out, rest[1], 3);
        fv_str_append(out, " ms</text>\n");
    }
    fv_str_append(out, "</svg>\n</figure>\n");
    fv_free(out->ctx, list);
    return FV_OK;
}

/* ---- the page ---- */

static void put_table(fv_str *out, const fv_stages_page *p)
{
    fv_str_append(
        out, "<h2>Stages</h2>\n<div class=\"scroll wide\"><table class=\"stages\">\n<thead><tr><th>stage</th><th>");
    fv_put_escaped(out, p->metric);
    fv_str_append(out, "</th><th>ms</th><th>ms, 99 %</th><th>multiply-adds</th><th>parameters</th><th>file</th>"
                       "<th>memory</th><th>settings</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < p->n_rows; i++) {
        const fv_stage_row *r = &p->rows[i];
        fv_str_append(out, i + 1 == p->n_rows ? "<tr class=\"best\"><td>" : "<tr><td>");
        if (i > 0)
            fv_str_printf(out, "%d ", i);
        fv_put_escaped(out, r->name);
        fv_str_append(out, "</td><td>");
        fv_put_escaped(out, r->score_text);
        fv_str_append(out, "</td><td>");
        fv_put_short(out, r->ms, 4);
        fv_str_append(out, "</td><td>");
        fv_put_short(out, r->p99_ms, 4);
        fv_str_append(out, "</td><td>");
        put_count(out, r->macs);
        fv_str_append(out, "</td><td>");
        if (r->parameters > 0) /* else all are integers, which nothing trains */
            put_count(out, (double)r->parameters);
        fv_str_append(out, "</td><td>");
        put_bytes(out, (double)r->bytes);
        fv_str_append(out, "</td><td>");
        put_bytes(out, (double)r->peak_bytes);
        fv_str_append(out, "</td><td>");
        fv_put_escaped(out, r->settings);
        fv_str_append(out, "</td></tr>\n");
    }
    fv_str_append(out, "</tbody></table></div>\n");
}

static void put_fact(fv_str *out, const char *name, const char *value)
{
    fv_str_printf(out, "<dt>%s</dt><dd>", name);
    fv_put_escaped(out, value);
    fv_str_append(out, "</dd>\n");
}

static fv_status put_page(fv_str *out, const fv_stages_page *p)
{
    static const char style[] =
        "dl.facts{margin-bottom:.75rem}.stages td:first-child,.stages th:first-child,.stages td:last-child,.stages "
        "th:last-child{text-align:left}polyline.way{stroke:var(--muted);stroke-dasharray:4 4;stroke-width:1.5}"
        "circle.stage{fill:var(--train)}circle.last{fill:var(--good)}svg "
        "text.over{fill:var(--text);paint-order:stroke;stroke:var(--card);stroke-width:3px}"
        "rect.before,.key.before{fill:var(--value);background:var(--value)}"
        "rect.after,.key.after{fill:var(--good);background:var(--good)}"
        ".charts.two{grid-template-columns:repeat(auto-fill,minmax(min(26rem,100%),1fr))}\n";
    fv_put_page_head(out, p->title, style);
    fv_str_append(out, "<h1>");
    fv_put_escaped(out, p->title);
    fv_str_append(out, "</h1>\n<p class=\"sub\">");
    fv_put_escaped(out, p->about);
    fv_str_append(out, "</p>\n");
    put_tiles(out, p);
    fv_str_append(out, "<dl class=\"facts box\">\n");
    put_fact(out, "again", p->command);
    put_fact(out, "timed on", p->processor);
    fv_str_append(out, "</dl>\n");
    put_table(out, p);
    fv_str_append(out, "<h2>Where the time went</h2>\n<div class=\"charts two\">\n");
    put_drawing(out, p);
    FV_TRY(put_layers(out, p));
    fv_str_append(out, "</div>\n</main>\n</body>\n</html>\n");
    return fv_str_status(out);
}

fv_status fv_stages_write_html(fv_ctx *ctx, const fv_stages_page *page, const char *path)
{
    fv_str out = {.ctx = ctx};
    fv_status status = put_page(&out, page);
    if (status == FV_OK)
        status = fv_file_write(ctx, path, out.data, out.size);
    fv_str_free(&out);
    return status;
}
