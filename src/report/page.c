/* SPDX-License-Identifier: Apache-2.0 */
#include "report/page.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include <fovea/config.h>

#include "base/file.h"
#include "report/chart.h"
#include "report/findings.h"

enum { TABLE_ROWS = 500, RELOAD_SECONDS = 20 };

static const char style[] =
    ":root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--text:#1b1f24;--muted:#5d6671;--line:#e3e6ea;"
    "--train:#2366d1;--validation:#c2570a;--value:#5b6b7f;--best:#e9f3ec;--warn:#8a5200;--bad:#c5221f;--good:#1a7f37;"
    "--shade:rgba(0,0,0,.22)}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#15181c;--card:#1d2126;--text:#e6e9ed;--muted:#a0aab5;"
    "--line:#31373e;--train:#6ea3ff;--validation:#ffa050;--value:#a9b7c8;--best:#22342a;--warn:#f0b35a;--bad:#ff8a80;"
    "--good:#6fd388;--shade:rgba(0,0,0,.6)}}\n"
    "body{margin:0;background:var(--page);color:var(--text);font:15px/1.45 system-ui,-apple-system,\"Segoe UI\","
    "Roboto,\"Helvetica Neue\",sans-serif}\n"
    "main{max-width:75rem;margin:0 auto;padding:1.6rem 1.25rem 3rem}\n"
    "h1{font-size:1.5rem;margin:0;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2rem 0 .6rem}\n"
    "h2+.sub{margin-top:-.4rem}.sub{color:var(--muted);margin:.2rem 0 1.2rem;overflow-wrap:anywhere}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;margin-bottom:.75rem}\n"
    ".tile,figure,.scroll,details,.box{background:var(--card);border:1px solid var(--line);border-radius:8px}\n"
    ".tile{padding:.6rem .85rem}.tile small{display:block;color:var(--muted);font-size:.8rem}\n"
    ".tile b{font-size:1.3rem;font-weight:600;font-variant-numeric:tabular-nums}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(21rem,100%),1fr));gap:.75rem;"
    "align-items:start}\n"
    "figure{margin:0;padding:.75rem .85rem .35rem;min-width:0}figcaption{display:flex;flex-wrap:wrap;gap:.1rem .4rem;"
    "align-items:center;font-size:.87rem;color:var(--muted)}figcaption b{color:var(--text);font-size:.97rem;"
    "margin-right:auto}\n"
    ".key{width:.95rem;height:3px;border-radius:2px;margin-left:.6rem;background:var(--value)}"
    ".number{color:var(--text);font-variant-numeric:tabular-nums}\n"
    "svg{display:block;width:100%;height:auto;margin-top:.3rem;font-size:12.5px}svg text{fill:var(--muted);"
    "font-variant-numeric:tabular-nums}.end{text-anchor:end}.middle{text-anchor:middle}\n"
    ".grid{stroke:var(--line)}.axis{stroke:var(--muted)}.mark{stroke:var(--good);stroke-dasharray:3 3}"
    "polyline{fill:none;stroke:var(--value);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}"
    "circle{fill:var(--value);stroke:var(--card)}\n"
    "polyline.train{stroke:var(--train)}circle.train{fill:var(--train)}.key.train{background:var(--train)}\n"
    "polyline.validation{stroke:var(--validation)}circle.validation{fill:var(--validation)}"
    ".key.validation{background:var(--validation)}\n"
    ".scroll{overflow:auto;max-height:34rem;background:linear-gradient(90deg,var(--card) 40%,transparent) left/3rem "
    "100% no-repeat local,linear-gradient(270deg,var(--card) 40%,transparent) right/3rem 100% no-repeat local,"
    "linear-gradient(90deg,var(--shade),transparent) left/.8rem 100% no-repeat,"
    "linear-gradient(270deg,var(--shade),transparent) right/.8rem 100% no-repeat,var(--card)}"
    "table{border-collapse:collapse;width:100%;font-size:.87rem;"
    "font-variant-numeric:tabular-nums}th,td{padding:.3rem .75rem;text-align:right;white-space:nowrap;"
    "border-bottom:1px solid var(--line)}th{position:sticky;top:0;background:var(--card);color:var(--muted);"
    "font-weight:600}tr.best td{background:var(--best)}tr:last-child td{border-bottom:0}\n"
    "ul.warn{color:var(--warn);margin:.2rem 0 1rem;padding-left:1.2rem;overflow-wrap:anywhere}\n"
    ".box{padding:.7rem .85rem;margin:0 0 1rem;overflow-wrap:anywhere}.box.bad{border-color:var(--bad);"
    "border-left-width:5px}.box.bad b,td.bad{color:var(--bad)}.box p{margin:.25rem 0 0}\n"
    ".facts{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:0;padding:.7rem .85rem;"
    "font-size:.9rem}.facts dt{color:var(--muted)}.facts dd{margin:0;overflow-wrap:anywhere}\n"
    "details{padding:.55rem .85rem;margin-top:2rem}summary{cursor:pointer;font-weight:600}"
    "pre{overflow:auto;font-size:.83rem;margin:.6rem 0 .2rem}\n"
    "@media(max-width:40rem){main{padding:1rem .75rem 2rem}th,td{padding:.3rem .5rem}figure{padding:.6rem .6rem .3rem}"
    ".facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:.4rem}"
    ".wide::before{content:\"\\2194  scrolls sideways\";display:block;position:sticky;left:0;width:max-content;"
    "padding:.3rem .6rem 0;font-size:.8rem;color:var(--muted)}}\n";

void fv_put_escaped(fv_str *out, const char *text)
{
    static const struct {
        char c;
        const char *entity;
    } rows[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    char shown[8];
    for (size_t n; (n = fv_text_show(text, shown)) > 0; text += n) {
        const char *put = shown;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            put = rows[i].c == shown[0] ? rows[i].entity : put;
        fv_str_append(out, put);
    }
}

/* Calls put for each line of a text, without its end. */
static void each_line(fv_str *out, const char *text, void (*put)(fv_str *out, const char *line, bool last))
{
    while (*text) {
        const size_t n = strcspn(text, "\n");
        fv_str line = {.ctx = out->ctx};
        fv_str_append_n(&line, text, n);
        text += n + (text[n] == '\n');
        put(out, fv_str_get(&line), !*text);
        out->failed |= line.failed;
        fv_str_free(&line);
    }
}

static void put_duration(fv_str *out, double seconds)
{
    long long s = seconds >= 0 && seconds < 1e9 ? llround(seconds) : 0;
    fv_str_printf(out, "%02lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

/* ---- the most important numbers ---- */

static void begin_tile(fv_str *out)
{
    fv_str_append(out, "<div class=\"tile\"><b>");
}

static void end_tile(fv_str *out, const char *label)
{
    fv_str_printf(out, "</b><small>%s</small></div>\n", label);
}

/* "Top-1" in the middle of a line: "top-1". */
static void put_title(fv_str *out, const fv_metric *metric)
{
    const char first = metric->title[0] >= 'A' && metric->title[0] <= 'Z' ? (char)(metric->title[0] + 32) : '\0';
    fv_str_append_n(out, first ? &first : metric->title, 1);
    fv_str_append(out, metric->title + 1);
}

/* The column of a monitor. */
static fv_result_column column_of(const fv_monitor *monitor)
{
    int c = 0;
    while (fv_column_get((fv_result_column)c)->monitor != monitor)
        c++;
    return (fv_result_column)c;
}

static int64_t best_row(const fv_results *r, const fv_monitor *monitor)
{
    return fv_results_best(r, column_of(monitor), monitor->metric->higher_is_better ? 1 : -1);
}

/* The best number of a monitor as a tile that also names its epoch; nothing when it was never measured. */
static void put_best_tile(fv_str *out, const fv_results *r, const fv_monitor *monitor)
{
    const fv_metric *metric = monitor->metric;
    int64_t row = best_row(r, monitor);
    if (row < 0)
        return;
    begin_tile(out);
    fv_put_short(out, r->column[column_of(monitor)][row] * (metric->percent ? 100 : 1), 4);
    fv_str_printf(out, "%s</b><small>%s %s ", metric->percent ? " %" : "", metric->higher_is_better ? "best" : "lowest",
                  monitor->validation ? "validation" : "training");
    put_title(out, metric);
    fv_str_append(out, ", epoch ");
    fv_put_fixed(out, r->column[FV_RESULT_EPOCH][row], 0);
    fv_str_append(out, "</small></div>\n");
}

/* Those of validation where there was one, else those of training. */
static void put_best_tiles(fv_str *out, const fv_results *r)
{
    int count;
    bool validated = false;
    const fv_monitor *list = fv_monitor_list(&count);
    for (int i = 0; i < count; i++)
        validated |= list[i].validation && best_row(r, &list[i]) >= 0;
    for (int i = 0; i < count; i++)
        if (list[i].validation == validated)
            put_best_tile(out, r, &list[i]);
}

static void put_tiles(fv_str *out, const fv_page *page)
{
    const fv_results *r = page->results;
    double epoch = fv_results_last(r, FV_RESULT_EPOCH);
    fv_str_append(out, "<div class=\"tiles\">\n");
    begin_tile(out);
    fv_put_fixed(out, isfinite(epoch) ? epoch : 0, 0);
    fv_str_printf(out, " of %lld", (long long)page->epochs);
    end_tile(out, "epochs");
    put_best_tiles(out, r);
    if (r->rows > 0) {
        begin_tile(out);
        fv_put_fixed(out, fv_results_last(r, FV_RESULT_SPEED), 0);
        end_tile(out, "images/s, last epoch");
        begin_tile(out);
        put_duration(out, fv_results_last(r, FV_RESULT_TIME));
        end_tile(out, "time since the last start");
        begin_tile(out);
        fv_put_fixed(out, fv_results_last(r, FV_RESULT_MEMORY), 0);
        fv_str_append(out, " MB");
        end_tile(out, "peak memory");
    }
    fv_str_append(out, "</div>\n");
}

/* ---- charts ---- */

/* A metric in training and validation. */
static void put_metric_chart(fv_str *out, const fv_results *r, fv_chart chart, const fv_metric *metric)
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    chart.title = metric->title;
    chart.unit = metric->percent ? " %" : "";
    chart.scale = metric->percent ? 100 : 1;
    chart.limit = metric->percent ? 100 : 0;
    chart.from_zero = !metric->percent;
    for (int i = 0; i < count; i++)
        if (list[i].metric == metric)
            chart.series[chart.n_series++] =
                (fv_series){list[i].validation ? "validation" : "train", r->column[column_of(&list[i])]};
    fv_put_chart(out, &chart);
}

/* Whether the values, all above 0, differ by more than a thousandfold: as those of a run that diverges. */
static bool spans_much(const double *values, int64_t n)
{
    double low = INFINITY, high = 0;
    for (int64_t i = 0; i < n; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    return low > 0 && high < INFINITY && high > 1000 * low;
}

/* Over the steps, where a run that diverged has its last word. */
static void put_step_chart(fv_str *out, const fv_page *page)
{
    fv_chart chart = {
        .title = "Loss by step", .unit = "", .scale = 1, .from_zero = true, .x_name = "step", .mark = NAN};
    chart.x = page->steps;
    chart.n = page->n_steps;
    chart.logarithmic = page->n_steps > 0 && spans_much(page->step_loss, page->n_steps);
    chart.series[chart.n_series++] = (fv_series){"train", page->step_loss};
    if (page->n_steps > 0)
        fv_put_chart(out, &chart);
}

static void put_charts(fv_str *out, const fv_page *page)
{
    const fv_results *r = page->results;
    static const struct {
        const char *title, *name;
        fv_result_column column;
    } rows[] = {{"Learning rate", "rate", FV_RESULT_LR}, {"Images per second", "images/s", FV_RESULT_SPEED}};
    fv_chart chart = {.unit = "", .scale = 1, .from_zero = true, .x = r->column[FV_RESULT_EPOCH], .n = r->rows};
    const int64_t best = page->monitor ? best_row(r, page->monitor) : -1;
    chart.x_name = "epoch";
    chart.mark = best >= 0 ? chart.x[best] : NAN;
    chart.mark_name = "best";
    int count;
    const fv_metric *metrics = fv_metric_list(&count);
    fv_str_append(out, "<div class=\"charts\">\n");
    for (int i = 0; r->rows > 0 && i < count; i++)
        put_metric_chart(out, r, chart, &metrics[i]);
    for (size_t i = 0; r->rows > 0 && i < sizeof rows / sizeof rows[0]; i++) {
        fv_chart own = chart;
        own.title = rows[i].title;
        own.series[own.n_series++] = (fv_series){rows[i].name, r->column[rows[i].column]};
        fv_put_chart(out, &own);
    }
    put_step_chart(out, page);
    fv_str_append(out, "</div>\n");
}

/* ---- table ---- */

/* Metrics that were never measured have no column. */
static bool is_shown(const fv_results *r, int column)
{
    return !fv_column_get((fv_result_column)column)->monitor || fv_results_best(r, (fv_result_column)column, 1) >= 0;
}

static void put_heads(fv_str *out, const fv_results *r)
{
    fv_str_append(out, "<tr>");
    for (int c = 0; c < FV_RESULT_COLUMNS; c++) {
        const fv_column *column = fv_column_get((fv_result_column)c);
        if (!is_shown(r, c))
            continue;
        fv_str_append(out, "<th>");
        if (column->monitor) {
            fv_str_append(out, column->monitor->validation ? "val " : "train ");
            put_title(out, column->monitor->metric);
            fv_str_append(out, column->monitor->metric->percent ? " %" : "");
        } else {
            fv_str_append(out, column->head);
        }
        fv_str_append(out, "</th>");
    }
    fv_str_append(out, "</tr>");
}

static void put_cell(fv_str *out, const fv_results *r, int c, int64_t row)
{
    const fv_column *column = fv_column_get((fv_result_column)c);
    const double value = r->column[c][row];
    fv_str_append(out, "<td>");
    if (column->show == FV_SHOW_DURATION)
        put_duration(out, value);
    else if (column->show == FV_SHOW_SHORT)
        fv_put_short(out, value, column->digits);
    else if (column->digits < 0)
        fv_put_short(out, value, -column->digits);
    else
        fv_put_fixed(out, value * (column->monitor && column->monitor->metric->percent ? 100 : 1), column->digits);
    fv_str_append(out, "</td>");
}

static void put_table(fv_str *out, const fv_page *page)
{
    const fv_results *r = page->results;
    int64_t first = r->rows > TABLE_ROWS ? r->rows - TABLE_ROWS : 0, best = -1;
    if (r->rows == 0)
        return;
    if (page->monitor)
        best = best_row(r, page->monitor);
    fv_str_append(out, "<h2>Results by epoch</h2>\n");
    if (first > 0)
        fv_str_printf(out, "<p class=\"sub\">The last %d of %lld epochs; results.csv has them all.</p>\n", TABLE_ROWS,
                      (long long)r->rows);
    fv_str_append(out, "<div class=\"scroll wide\"><table>\n<thead>");
    put_heads(out, r);
    fv_str_append(out, "</thead>\n<tbody>\n");
    for (int64_t row = r->rows - 1; row >= first; row--) {
        fv_str_append(out, row == best ? "<tr class=\"best\">" : "<tr>");
        for (int c = 0; c < FV_RESULT_COLUMNS; c++)
            if (is_shown(r, c))
                put_cell(out, r, c, row);
        fv_str_append(out, "</tr>\n");
    }
    fv_str_append(out, "</tbody></table></div>\n");
}

/* ---- the page ---- */

static void put_top(fv_str *out, const char *title, const char *more, int reload)
{
    fv_str_append(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    if (reload > 0)
        fv_str_printf(out, "<meta http-equiv=\"refresh\" content=\"%d\">\n", reload);
    fv_str_append(out, "<title>");
    fv_put_escaped(out, title);
    fv_str_printf(out, "</title>\n<style>\n%s%s</style>\n</head>\n<body>\n<main>\n", style, more);
}

void fv_put_page_head(fv_str *out, const char *title, const char *more)
{
    put_top(out, title, more, 0);
}

/* What made the run end: layer, files and cure stand in the texts. */
static void put_failure(fv_str *out, const fv_page *page)
{
    if (!page->ended || !page->failed)
        return;
    fv_str_append(out, "<div class=\"box bad\"><b>The run failed</b><p>");
    fv_put_escaped(out, page->ended);
    fv_str_append(out, "</p>");
    if (page->cure && *page->cure) {
        fv_str_append(out, "<p>");
        fv_put_escaped(out, page->cure);
        fv_str_append(out, "</p>");
    }
    fv_str_append(out, "</div>\n");
}

static void put_head(fv_str *out, const fv_page *page)
{
    char when[64] = "";
    time_t now = (time_t)fv_time_wall();
    struct tm tm;
    if (gmtime_r(&now, &tm))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &tm);
    put_top(out, page->title, fv_findings_style, page->ended ? 0 : RELOAD_SECONDS);
    fv_str_append(out, "<h1>");
    fv_put_escaped(out, page->title);
    fv_str_append(out, "</h1>\n<p class=\"sub\">");
    fv_put_escaped(out, page->run);
    fv_str_append(out, !page->ended   ? " \xC2\xB7 in progress"
                       : page->failed ? " \xC2\xB7 failed"
                                      : " \xC2\xB7 ended: ");
    fv_put_escaped(out, page->ended && !page->failed ? page->ended : "");
    fv_str_printf(out, " \xC2\xB7 written %s</p>\n", when);
    put_failure(out, page);
}

static void put_warning(fv_str *out, const char *line, bool last)
{
    fv_put_escaped(out, line);
    fv_str_append(out, last ? "" : "</li><li>");
}

static void put_recipe_line(fv_str *out, const char *line, bool last)
{
    (void)last;
    fv_put_escaped(out, line);
    fv_str_append(out, "\n");
}

static void put_warnings(fv_str *out, const char *text)
{
    if (!*text)
        return;
    fv_str_append(out, "<ul class=\"warn\"><li>");
    each_line(out, text, put_warning);
    fv_str_append(out, "</li></ul>\n");
}

void fv_put_page(fv_str *out, const fv_page *page)
{
    put_head(out, page);
    put_tiles(out, page);
    put_warnings(out, page->warnings);
    put_charts(out, page);
    if (page->findings)
        fv_str_append(out, page->findings);
    put_table(out, page);
    if (page->lengths)
        fv_str_append(out, page->lengths);
    if (page->pictures)
        fv_str_append(out, page->pictures);
    if (page->network)
        fv_str_append(out, page->network);
    if (page->facts)
        fv_str_printf(out, "<h2>About this run</h2>\n<dl class=\"box facts\">\n%s</dl>\n", page->facts);
    if (page->recipe) {
        fv_str_append(out, "<details><summary>Recipe (args.yaml)</summary><pre>");
        each_line(out, page->recipe, put_recipe_line);
        fv_str_append(out, "</pre></details>\n");
    }
    fv_str_append(out, "</main>\n</body>\n</html>\n");
}
