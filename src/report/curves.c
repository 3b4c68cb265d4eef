/* SPDX-License-Identifier: Apache-2.0 */
#include "report/curves.h"

#include <math.h>
#include <string.h>

#include "model/model.h"
#include "report/chart.h"
#include "report/page.h"

/* A diagram, in its own units; classes drawn; points of a line at most, nearly. */
enum { SIZE = 340, LEFT = 44, RIGHT = 12, TOP = 12, BOTTOM = 44, LINES = 10, POINTS = 400 };

static const char *const colors[LINES] = {"#2366d1", "#c2570a", "#1a7f37", "#8a3fc0", "#c0308a",
                                          "#0f8a9c", "#a07800", "#d0342c", "#5b6b7f", "#4f9d2f"};

typedef struct shown {
    int64_t class_index;
    double auc, precision;
} shown;

/* Those with the least average precision, in that order; how many. */
static fv_status choose(const fv_evaluation *e, shown list[LINES + 1], int *count)
{
    *count = 0;
    for (int64_t k = 0; k < fv_evaluation_classes(e); k++) {
        shown s = {.class_index = k};
        FV_TRY(fv_evaluation_areas(e, k, &s.auc, &s.precision));
        int at = *count;
        while (at > 0 && list[at - 1].precision > s.precision)
            at--;
        if (isnan(s.precision) || at == LINES)
            continue;
        *count += *count < LINES;
        memmove(list + at + 1, list + at, (size_t)(*count - 1 - at) * sizeof *list);
        list[at] = s;
    }
    return FV_OK;
}

static void put_number(fv_str *out, const char *before, double value, const char *behind)
{
    fv_str_append(out, before);
    fv_put_fixed(out, value, 1);
    fv_str_append(out, behind);
}

static void put_axes(fv_str *out, const char *x_name, const char *y_name)
{
    const double w = SIZE - LEFT - RIGHT, h = SIZE - TOP - BOTTOM;
    for (int i = 0; i <= 4; i++) {
        put_number(out, "<line class=\"grid\" x1=\"44\" x2=\"328\" y1=\"", SIZE - BOTTOM - h * i / 4, "\"");
        put_number(out, " y2=\"", SIZE - BOTTOM - h * i / 4, "\"/>");
        put_number(out, "<text class=\"end\" x=\"38\" y=\"", SIZE - BOTTOM - h * i / 4 + 4, "\">");
        fv_str_printf(out, "%d</text>", 25 * i);
        put_number(out, "<text class=\"middle\" y=\"314\" x=\"", LEFT + w * i / 4 - (i == 4 ? 6 : 0), "\">");
        fv_str_printf(out, "%d</text>\n", 25 * i);
    }
    fv_str_printf(out,
                  "<text class=\"middle\" x=\"186\" y=\"334\">%s</text><text class=\"middle\" transform=\"translate(14 "
                  "154) rotate(-90)\">%s</text>\n",
                  x_name, y_name);
}

/* The line of a class: steps that are too small to see are left out. */
static fv_status put_line(fv_str *out, const fv_evaluation *e, const fv_model *model, const shown *s, int color,
                          bool roc)
{
    fv_curve_point *p;
    int64_t n;
    double last_x = -1, last_y = -1;
    FV_TRY(fv_evaluation_curve(e, s->class_index, &p, &n));
    fv_str_printf(out, "<polyline style=\"stroke:%s;stroke-width:1.8\" points=\"", colors[color]);
    for (int64_t i = roc ? 0 : 1; i < n; i++) {
        const double x = roc ? p[i].false_rate : p[i].recall, y = roc ? p[i].recall : p[i].precision;
        if (i + 1 < n && fabs(x - last_x) + fabs(y - last_y) < 1.0 / POINTS)
            continue;
        put_number(out, "", LEFT + x * (SIZE - LEFT - RIGHT), ",");
        put_number(out, "", SIZE - BOTTOM - y * (SIZE - TOP - BOTTOM), " ");
        last_x = x;
        last_y = y;
    }
    fv_str_append(out, "\"><title>");
    fv_put_escaped(out, fv_model_class_name(model, s->class_index));
    fv_str_append(out, "</title></polyline>\n");
    fv_curve_free(e, &p);
    return FV_OK;
}

static fv_status put_diagram(fv_str *out, const fv_evaluation *e, const fv_model *model, const shown *list, int count,
                             bool roc)
{
    put_axes(out, roc ? "false alarms, %" : "recall, %", roc ? "recall, %" : "precision, %");
    if (roc)
        fv_str_append(out, "<line class=\"even\" x1=\"44\" y1=\"296\" x2=\"328\" y2=\"12\"/>\n");
    for (int i = 0; i < count; i++)
        FV_TRY(put_line(out, e, model, &list[i], i, roc));
    return FV_OK;
}

static const char *const titles[2] = {"Recall by false alarms (ROC)", "Precision by recall"};

fv_status fv_put_curves(fv_str *out, const fv_evaluation *e, const fv_model *model)
{
    shown list[LINES + 1];
    int count;
    if (!fv_evaluation_has_curves(e))
        return FV_OK;
    FV_TRY(choose(e, list, &count));
    if (count == 0)
        return FV_OK;
    fv_str_printf(out,
                  "<h2>Thresholds</h2>\n<p class=\"sub\">Each class against the rest, said from a threshold on%s."
                  "</p>\n<div class=\"charts\">\n",
                  count == LINES && fv_evaluation_classes(e) > LINES ? ": the 10 with the least average precision"
                                                                     : "");
    for (int i = 0; i < 2; i++) {
        fv_str_printf(out,
                      "<figure>\n<figcaption><b>%s</b></figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" "
                      "aria-label=\"%s\">\n",
                      titles[i], SIZE, SIZE, titles[i]);
        FV_TRY(put_diagram(out, e, model, list, count, i == 0));
        fv_str_append(out, "</svg>\n</figure>\n");
    }
    fv_str_append(out, "<div class=\"scroll\"><table class=\"names\">\n<thead><tr><th>class</th><th>ROC area</th>"
                       "<th>avg. precision</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < count; i++) {
        fv_str_printf(out,
                      "<tr><td><span class=\"key\" style=\"display:inline-block;margin:0 .4rem 0 0;background:%s\">"
                      "</span>",
                      colors[i]);
        fv_put_escaped(out, fv_model_class_name(model, list[i].class_index));
        fv_str_append(out, "</td><td>");
        fv_put_fixed(out, list[i].auc, 4);
        fv_str_append(out, "</td><td>");
        fv_put_fixed(out, list[i].precision, 4);
        fv_str_append(out, "</td></tr>\n");
    }
    fv_str_append(out, "</tbody></table></div>\n</div>\n");
    return fv_str_status(out);
}

/* ---- a drawing of its own ---- */

static const char style[] =
    "<style>\ntext{font:12px Helvetica,Arial,'Liberation "
    "Sans',sans-serif;fill:#4a5666}.t{font-size:14px;font-weight:bold;"
    "fill:#1c2430}.end{text-anchor:end}.middle{text-anchor:middle}.grid{stroke:#e3e6ea}.even{stroke:#8a94a3;"
    "stroke-dasharray:4 4}polyline{fill:none}.p{fill:#fff}\n"
    "@media (prefers-color-scheme:dark){text{fill:#a0aab5}.t{fill:#e6ebf2}.grid{stroke:#31373e}.p{fill:#14181f}}\n"
    "</style>\n";

/* A name of as many characters as there is room for. */
static void put_cut(fv_str *out, const char *name)
{
    enum { CHARS = 14 };
    char text[4 * CHARS + 8];
    size_t n = 0;
    for (int chars = 0; name[n] && n < 4 * CHARS; n++) {
        chars += ((unsigned char)name[n] & 0xC0) != 0x80;
        if (chars > CHARS)
            break;
    }
    memcpy(text, name, n);
    strcpy(text + n, name[n] ? "\xE2\x80\xA6" : "");
    fv_put_escaped(out, text);
}

static fv_status draw(fv_str *out, const fv_evaluation *e, const fv_model *model)
{
    enum { ROW = 20, HEAD = 30 };
    shown list[LINES + 1];
    int count;
    FV_TRY(choose(e, list, &count));
    const int w = 2 * SIZE + 20, h = HEAD + SIZE + 10 + ROW * ((count + 1) / 2);
    fv_str_printf(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n%s"
                  "<rect class=\"p\" width=\"%d\" height=\"%d\"/>\n",
                  w, h, w, h, style, w, h);
    for (int i = 0; i < 2; i++) {
        fv_str_printf(out, "<g transform=\"translate(%d %d)\"><text class=\"t\" x=\"44\" y=\"-8\">%s</text>\n",
                      i * (SIZE + 20), HEAD, titles[i]);
        FV_TRY(put_diagram(out, e, model, list, count, i == 0));
        fv_str_append(out, "</g>\n");
    }
    for (int i = 0; i < count; i++) {
        const int x = LEFT + i % 2 * (SIZE + 20), y = HEAD + SIZE + 14 + i / 2 * ROW;
        fv_str_printf(out, "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"4\" fill=\"%s\"/><text x=\"%d\" y=\"%d\">", x,
                      y - 6, colors[i], x + 20, y);
        put_cut(out, fv_model_class_name(model, list[i].class_index));
        fv_str_append(out, ": area ");
        fv_put_fixed(out, list[i].auc, 4);
        fv_str_append(out, ", avg. precision ");
        fv_put_fixed(out, list[i].precision, 4);
        fv_str_append(out, "</text>\n");
    }
    fv_str_append(out, "</svg>\n");
    return fv_str_status(out);
}

fv_status fv_evaluation_draw_curves(fv_ctx *ctx, const fv_evaluation *e, const fv_model *model, char **svg)
{
    fv_str out = {.ctx = ctx};
    *svg = NULL;
    if (!fv_evaluation_has_curves(e))
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_evaluation_draw_curves: answers were not kept");
    fv_status status = draw(&out, e, model);
    if (status == FV_OK && !(*svg = fv_strdup(ctx, fv_str_get(&out))))
        status = FV_ERR_NO_MEMORY;
    fv_str_free(&out);
    return status;
}
