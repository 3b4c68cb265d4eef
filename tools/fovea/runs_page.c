/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runs.h"

enum {
    WIDTH = 400,
    HEIGHT = 240,
    LEFT = 50,
    RIGHT = 10,
    TOP = 12,
    BOTTOM = 26,
    STRETCHES = 150,
    COLORS = 8,
    DASHES = 4
};

static const char head[] =
    "<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<style>\n"
    ":root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--text:#1b1f24;--muted:#5d6671;--line:#e3e6ea;"
    "--best:#1a7f37;--open:#8a5200;--c0:#2366d1;--c1:#c2570a;--c2:#1a7f37;--c3:#a626a4;--c4:#b3261e;--c5:#00798c;"
    "--c6:#7a5c00;--c7:#5b6b7f}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#15181c;--card:#1d2126;--text:#e6e9ed;--muted:#a0aab5;"
    "--line:#31373e;--best:#6fd388;--open:#f0b35a;--c0:#6ea3ff;--c1:#ffa050;--c2:#6fd388;--c3:#e08be0;--c4:#ff8a80;"
    "--c5:#5ccbdc;--c6:#d8bd55;--c7:#a9b7c8}}\n"
    "body{margin:0;background:var(--page);color:var(--text);font:15px/1.45 system-ui,-apple-system,\"Segoe UI\","
    "Roboto,\"Helvetica Neue\",sans-serif}\n"
    "main{max-width:75rem;margin:0 auto;padding:1.6rem 1.25rem 3rem}h1{font-size:1.5rem;margin:0;"
    "overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2rem 0 .6rem}.sub{color:var(--muted);margin:.2rem 0 1rem;"
    "overflow-wrap:anywhere}\n"
    ".legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;list-style:none;margin:0 0 .75rem;padding:0;font-size:.9rem}"
    ".legend li{display:flex;align-items:center;gap:.4rem;overflow-wrap:anywhere;min-width:0}"
    ".legend svg{flex:none;width:28px;height:8px}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(21rem,100%),1fr));gap:.75rem}\n"
    "figure,.scroll{background:var(--card);border:1px solid var(--line);border-radius:8px}"
    "figure{margin:0;padding:.7rem .85rem .4rem;min-width:0}figcaption{font-weight:600;font-size:.95rem}"
    "figcaption span{font-weight:400;color:var(--muted);font-size:.85rem}\n"
    "figure svg{display:block;width:100%;height:auto;margin-top:.3rem;font-size:12.5px}svg text{fill:var(--muted);"
    "font-variant-numeric:tabular-nums}.grid{stroke:var(--line)}.axis{stroke:var(--muted)}"
    "polyline{fill:none;stroke-width:2;stroke-linejoin:round}\n"
    ".faded polyline,.faded circle{opacity:.15}.faded .lit{opacity:1;stroke-width:3}\n"
    ".scroll{overflow:auto}table{border-collapse:collapse;width:100%;font-size:.87rem;"
    "font-variant-numeric:tabular-nums}th,td{padding:.35rem .75rem;text-align:right;white-space:nowrap;"
    "border-bottom:1px solid var(--line)}th{color:var(--muted);font-weight:600}tr:last-child>*{border-bottom:0}"
    "tbody th{position:sticky;left:0;background:var(--card);color:var(--text);text-align:left;max-width:14rem;"
    "overflow:hidden;text-overflow:ellipsis}thead th[data-word=\"1\"]{text-align:left}td.word{text-align:left}"
    "td.best{color:var(--best);font-weight:600}td.open{color:var(--open)}\n"
    "th.sorts{cursor:pointer}th.sorts:hover,th[aria-sort]{color:var(--text)}th[aria-sort=ascending]::after{content:\" "
    "\\25B2\"}th[aria-sort=descending]::after{content:\" \\25BC\"}\n"
    "@media(max-width:40rem){main{padding:1rem .75rem 2rem}th,td{padding:.35rem .5rem}tbody th{max-width:8rem}"
    "figure{padding:.6rem .6rem .3rem}}\n";

/* Sorting by a click on a head, the better end first; a run under the pointer stands out. */
static const char script[] =
    "<script>\n"
    "const body=document.querySelector('tbody');\n"
    "document.querySelectorAll('thead th').forEach((th,i)=>{\n"
    " const sort=()=>{\n"
    "  const now=th.getAttribute('aria-sort'),up=now?now=='descending':th.dataset.up=='1';\n"
    "  document.querySelectorAll('thead th').forEach(o=>o.removeAttribute('aria-sort'));\n"
    "  th.setAttribute('aria-sort',up?'ascending':'descending');\n"
    "  const key=r=>r.children[i].dataset.v,word=th.dataset.word=='1';\n"
    "  [...body.rows].sort((a,b)=>{\n"
    "   const x=key(a),y=key(b);\n"
    "   if(x===''||y==='')return (x==='')-(y==='');\n"
    "   const d=word?x.localeCompare(y,undefined,{numeric:true}):x-y;\n"
    "   return up?d:-d}).forEach(r=>body.append(r))};\n"
    " th.classList.add('sorts');th.tabIndex=0;th.onclick=sort;\n"
    " th.onkeydown=e=>{if(e.key=='Enter'||e.key==' '){e.preventDefault();sort()}}});\n"
    "document.querySelectorAll('[data-run]').forEach(e=>{\n"
    " const light=on=>{document.body.classList.toggle('faded',on);\n"
    "  document.querySelectorAll('.r'+e.dataset.run).forEach(l=>l.classList.toggle('lit',on))};\n"
    " e.onmouseenter=()=>light(true);e.onmouseleave=()=>light(false)});\n"
    "</script>\n";

static void put_text(FILE *out, const char *text)
{
    static const char special[] = "&<>\"'";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (; *text; text++) {
        const char *at = strchr(special, *text);
        if (at)
            fputs(entities[at - special], out);
        else
            fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
}

/* The classes of run i: its color, its dashes, and itself. */
static void put_style(FILE *out)
{
    static const char *const dashes[DASHES] = {"none", "7 4", "2 4", "9 3 2 3"};
    for (int i = 0; i < COLORS; i++)
        fprintf(out, "polyline.c%d,line.c%d{stroke:var(--c%d)}circle.c%d{fill:var(--c%d)}", i, i, i, i, i);
    for (int i = 0; i < DASHES; i++)
        fprintf(out, ".d%d{stroke-dasharray:%s}", i, dashes[i]);
    fputs("\n</style>\n", out);
}

static void put_class(FILE *out, int i)
{
    fprintf(out, "class=\"c%d d%d r%d\"", i % COLORS, i / COLORS % DASHES, i);
}

static void put_legend(FILE *out, const run_list *runs)
{
    fputs("<ul class=\"legend\">\n", out);
    for (int i = 0; i < runs->count; i++) {
        fprintf(out,
                "<li data-run=\"%d\"><svg viewBox=\"0 0 28 8\" aria-hidden=\"true\"><line x1=\"0\" x2=\"28\" "
                "y1=\"4\" y2=\"4\" stroke-width=\"3\" ",
                i);
        put_class(out, i);
        fputs("/></svg>", out);
        put_text(out, runs->list[i].name);
        fputs("</li>\n", out);
    }
    fputs("</ul>\n", out);
}

/* ---- charts ---- */

typedef struct chart {
    const run_list *runs;
    const char *column, *title, *unit;
    double scale;
    double low, high, step; /* of the axis of values; of their logarithms where `log` */
    bool log;
    int epochs; /* of the longest run */
} chart;

static double value_at(const chart *c, const run *r, int epoch)
{
    const double v = run_number(r, epoch, run_column(r, c->column)) * c->scale;
    return c->log ? (v > 0 ? log10(v) : NAN) : v;
}

static double epoch_of(const run *r, int row)
{
    const double epoch = run_number(r, row, run_column(r, "epoch"));
    return isfinite(epoch) ? epoch : row + 1;
}

/* False: no run has a number. */
static bool set_axes(chart *c)
{
    double low = INFINITY, high = -INFINITY;
    c->log = false;
    c->epochs = 1;
    for (int i = 0; i < c->runs->count; i++)
        for (int e = 0; e < c->runs->list[i].epochs; e++) {
            const double v = value_at(c, &c->runs->list[i], e);
            if (!isfinite(v))
                continue;
            low = v < low ? v : low;
            high = v > high ? v : high;
            const double epoch = epoch_of(&c->runs->list[i], e);
            c->epochs = epoch > c->epochs && epoch < 1e7 ? (int)epoch : c->epochs;
        }
    if (!(low <= high))
        return false;
    c->log = low > 0 && high > 100 * low;
    if (c->log) {
        c->low = floor(log10(low) + 1e-9);
        c->high = ceil(log10(high) - 1e-9);
        c->step = ceil((c->high - c->low) / 5);
        c->high = c->low + ceil((c->high - c->low) / c->step) * c->step;
        return true;
    }
    const double room = high > low ? high - low : high != 0 ? fabs(high) : 1;
    const double rough = room / 5, power = pow(10, floor(log10(rough))), times = rough / power;
    c->step = power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
    c->low = floor(low / c->step + 1e-9) * c->step;
    c->high = ceil(high / c->step - 1e-9) * c->step;
    if (c->high <= c->low && high >= 100 && *c->unit) /* nothing is above 100 % */
        c->low -= c->step;
    c->high += c->high <= c->low ? c->step : 0;
    return true;
}

static double x_of(const chart *c, double epoch)
{
    return c->epochs == 1 ? (LEFT + WIDTH - RIGHT) / 2.0
                          : LEFT + (epoch - 1) / (c->epochs - 1) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const chart *c, double value)
{
    return HEIGHT - BOTTOM - (value - c->low) / (c->high - c->low) * (HEIGHT - TOP - BOTTOM);
}

static void put_axes(FILE *out, const chart *c)
{
    for (double v = c->low; v <= c->high + 1e-6 * c->step; v += c->step) {
        const double y = y_of(c, v), shown = c->log ? pow(10, v) : fabs(v) < 1e-9 * c->step ? 0 : v;
        fprintf(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, WIDTH - RIGHT, y, y);
        fprintf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>\n", LEFT - 6, y + 4, shown);
    }
    const int step = (c->epochs + 4) / 5;
    for (int e = 1; e <= c->epochs; e += step)
        fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>", x_of(c, e), HEIGHT - 8, e);
    fprintf(out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", LEFT, WIDTH - RIGHT,
            HEIGHT - BOTTOM, HEIGHT - BOTTOM);
}

/* The rows in [begin, end): the smallest and the largest value, in the order in which they come. */
static void put_stretch(FILE *out, const chart *c, const run *r, int begin, int end)
{
    int low = -1, high = -1;
    for (int e = begin; e < end; e++) {
        const double v = value_at(c, r, e);
        if (!isfinite(v))
            continue;
        low = low < 0 || v < value_at(c, r, low) ? e : low;
        high = high < 0 || v > value_at(c, r, high) ? e : high;
    }
    const int order[2] = {low < high ? low : high, low < high ? high : low};
    for (int k = low == high; k < 2 && low >= 0; k++)
        fprintf(out, "%.1f,%.1f ", x_of(c, epoch_of(r, order[k])), y_of(c, value_at(c, r, order[k])));
}

static void put_run(FILE *out, const chart *c, int i)
{
    const run *r = &c->runs->list[i];
    const int stretches = r->epochs <= 2 * STRETCHES ? r->epochs : STRETCHES;
    int last = r->epochs - 1;
    while (last >= 0 && !isfinite(value_at(c, r, last)))
        last--;
    if (last < 0)
        return;
    fputs("<polyline ", out);
    put_class(out, i);
    fputs(" points=\"", out);
    for (int k = 0; k < stretches; k++)
        put_stretch(out, c, r, (int)((int64_t)r->epochs * k / stretches),
                    (int)((int64_t)r->epochs * (k + 1) / stretches));
    fputs("\"><title>", out);
    put_text(out, r->name);
    fprintf(out, "</title></polyline><circle r=\"3\" cx=\"%.1f\" cy=\"%.1f\" ", x_of(c, epoch_of(r, last)),
            y_of(c, value_at(c, r, last)));
    put_class(out, i);
    fputs("/>\n", out);
}

static void put_chart(FILE *out, chart c)
{
    if (!set_axes(&c))
        return;
    fputs("<figure><figcaption>", out);
    put_text(out, c.title);
    fprintf(out, " <span>%s%sby epoch%s</span></figcaption>\n", c.unit, c.unit[0] ? ", " : "",
            c.log ? ", logarithmic" : "");
    fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
    put_text(out, c.title);
    fputs(" of every run by epoch\">\n", out);
    put_axes(out, &c);
    for (int i = 0; i < c.runs->count; i++)
        put_run(out, &c, i);
    fputs("</svg></figure>\n", out);
}

static void put_charts(FILE *out, const run_list *runs)
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    fputs("<div class=\"charts\">\n", out);
    for (int validation = 1; validation >= 0; validation--)
        for (int i = 0; i < count; i++) {
            char title[96];
            const fv_metric *m = list[i].metric;
            snprintf(title, sizeof title, "%s, %s", m->title, validation ? "validation" : "training");
            if (list[i].validation == (validation != 0))
                put_chart(out, (chart){.runs = runs,
                                       .column = list[i].name,
                                       .title = title,
                                       .unit = m->percent ? "%" : "",
                                       .scale = m->percent ? 100 : 1});
        }
    put_chart(out, (chart){.runs = runs, .column = "lr", .title = "Learning rate", .unit = "", .scale = 1});
    fputs("</div>\n", out);
}

/* ---- the table ---- */

/* `up`: the lower end comes first when it is sorted. */
static void put_head(FILE *out, const char *name, bool up, bool word)
{
    fprintf(out, "<th scope=\"col\" data-up=\"%d\" data-word=\"%d\">", up, word);
    put_text(out, name);
    fputs("</th>", out);
}

static void put_word(FILE *out, const char *class, const char *word)
{
    fprintf(out, "<td class=\"%s\" data-v=\"", class);
    put_text(out, word);
    fputs("\">", out);
    put_text(out, *word ? word : "\xE2\x80\x93");
    fputs("</td>", out);
}

static void put_number(FILE *out, double value, const char *text, bool best)
{
    if (isfinite(value))
        fprintf(out, "<td data-v=\"%.17g\"%s>%s</td>", value, best ? " class=\"best\"" : "", text);
    else
        fputs("<td data-v=\"\">\xE2\x80\x93</td>", out);
}

/* The best value of all runs; NaN: none has one. */
static double best_of_all(const run_list *runs, const run_measure *m)
{
    const int sign = m->metric->higher_is_better ? 1 : -1;
    double best = NAN;
    for (int i = 0; i < runs->count; i++) {
        const double v = run_measure_of(&runs->list[i], m);
        best = isfinite(v) && (isnan(best) || sign * (v - best) > 0) ? v : best;
    }
    return best;
}

enum { MEASURES = FV_MONITOR_COUNT + FV_METRIC_COUNT, SETTINGS = 60 };
typedef struct columns {
    run_measure measure[MEASURES];
    double best[MEASURES];
    int n_measures;
    const char *setting[SETTINGS]; /* that differ */
    int n_settings;
} columns;

static void add_measure(columns *c, const run_list *runs, const run_measure *m)
{
    const double best = best_of_all(runs, m);
    if (isfinite(best)) {
        c->best[c->n_measures] = best;
        c->measure[c->n_measures++] = *m;
    }
}

static bool differs(const run_list *runs, const char *key)
{
    for (int i = 1; i < runs->count; i++)
        if (strcmp(run_setting_of(&runs->list[0], key), run_setting_of(&runs->list[i], key)) != 0)
            return true;
    return false;
}

static void add_settings(columns *c, const run_list *runs)
{
    for (int i = 0; i < runs->count; i++)
        for (int k = 0; k < runs->list[i].n_settings; k++) {
            const char *key = runs->list[i].settings[k].key;
            bool known = run_is_place(key) || !differs(runs, key);
            for (int s = 0; s < c->n_settings; s++)
                known = known || strcmp(c->setting[s], key) == 0;
            if (!known && c->n_settings < SETTINGS)
                c->setting[c->n_settings++] = key;
        }
}

static void choose_columns(columns *c, const run_list *runs)
{
    static char names[FV_METRIC_COUNT][40];
    int monitors, metrics;
    const fv_monitor *list = fv_monitor_list(&monitors);
    const fv_metric *rows = fv_metric_list(&metrics);
    for (int validation = 1; validation >= 0; validation--)
        for (int i = 0; i < monitors; i++)
            if (list[i].validation == (validation != 0))
                add_measure(c, runs, &(run_measure){list[i].name, list[i].metric, &list[i]});
    for (int i = 0; i < metrics; i++) {
        snprintf(names[i], sizeof names[i], "test_%s", rows[i].name);
        add_measure(c, runs, &(run_measure){names[i], &rows[i], NULL});
    }
    add_settings(c, runs);
}

static void put_row(FILE *out, const run *r, int i, const columns *c)
{
    char date[32], text[48], number[32];
    const double seconds = r->epochs > 0 ? run_number(r, r->epochs - 1, run_column(r, "time_s")) : NAN;
    fprintf(out, "<tr data-run=\"%d\"><th scope=\"row\" data-v=\"", i);
    put_text(out, r->name);
    fputs("\" title=\"", out);
    put_text(out, r->dir);
    fputs("\">", out);
    put_text(out, r->name);
    fputs("</th>", out);
    put_word(out, r->facts.status == RUN_FINISHED ? "word" : "word open", run_status_name(r->facts.status));
    put_word(out, "word", run_date(r, "%Y-%m-%d %H:%M", date));
    snprintf(text, sizeof text, "%d", r->epochs);
    put_number(out, r->epochs, text, false);
    for (int k = 0; k < c->n_measures; k++) {
        const run_measure *m = &c->measure[k];
        const double value = run_measure_of(r, m);
        snprintf(text, sizeof text, "%s%s", fv_metric_text(m->metric, value, number), m->metric->percent ? " %" : "");
        put_number(out, value, text, value == c->best[k]);
    }
    snprintf(text, sizeof text, "%.1f", isfinite(seconds) ? seconds : 0);
    put_number(out, seconds, text, false);
    for (int k = 0; k < c->n_settings; k++)
        put_word(out, "word", run_setting_of(r, c->setting[k]));
    fputs("</tr>\n", out);
}

static void put_table(FILE *out, const run_list *runs)
{
    columns c = {.n_measures = 0};
    choose_columns(&c, runs);
    fputs(
        "<h2>All runs</h2>\n<p class=\"sub\">The best value of each run's epochs, and of the test where one was made; "
        "then the settings in which runs differ. A click on a head sorts.</p>\n<div "
        "class=\"scroll\"><table>\n<thead><tr>",
        out);
    put_head(out, "run", true, true);
    put_head(out, "status", true, true);
    put_head(out, "began", true, true);
    put_head(out, "epochs", false, false);
    for (int k = 0; k < c.n_measures; k++)
        put_head(out, c.measure[k].name, !c.measure[k].metric->higher_is_better, false);
    put_head(out, "seconds", true, false);
    for (int k = 0; k < c.n_settings; k++)
        put_head(out, c.setting[k], true, true);
    fputs("</tr></thead>\n<tbody>\n", out);
    for (int i = 0; i < runs->count; i++)
        put_row(out, &runs->list[i], i, &c);
    fputs("</tbody></table></div>\n", out);
}

/* What all runs have in common, of what one asks first. */
static void put_common(FILE *out, const run_list *runs)
{
    static const char *const keys[] = {"model", "data", "opt", "sched", "batch-size"};
    int open = 0;
    for (int i = 0; i < runs->count; i++)
        open += runs->list[i].facts.status != RUN_FINISHED;
    fprintf(out, "<p class=\"sub\">%d %s", runs->count, runs->count == 1 ? "run" : "runs");
    if (open)
        fprintf(out, ", %d of them not finished", open);
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        const char *value = runs->count ? run_setting_of(&runs->list[0], keys[k]) : "";
        if (!*value || differs(runs, keys[k]))
            continue;
        fprintf(out, " \xC2\xB7 %s ", keys[k]);
        put_text(out, value);
    }
    fputs("</p>\n", out);
}

char *runs_page(const run_list *runs, const char *title, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (!out)
        return NULL;
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head>\n<title>", out);
    put_text(out, title);
    fprintf(out, "</title>\n%s", head);
    put_style(out);
    fputs("</head><body><main>\n<h1>", out);
    put_text(out, title);
    fputs("</h1>\n", out);
    put_common(out, runs);
    put_legend(out, runs);
    put_charts(out, runs);
    put_table(out, runs);
    fprintf(out, "</main>\n%s</body></html>\n", script);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}
