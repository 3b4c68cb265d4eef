/* SPDX-License-Identifier: Apache-2.0 */
#include "report/findings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fovea/explain.h>

#include "base/file.h"
#include "report/chart.h"
#include "report/curves.h"
#include "report/network.h"
#include "report/page.h"
#include "report/picture.h"

enum { CLASSES = 60, ROWS = 200, MATRIX = 30, PAIRS = 40, WORST = 25, RIGHT = 12, SURE = 12, NARROW = 360 };
/* The calibration diagram, in its own units. */
enum { WIDTH = 340, HEIGHT = 250, LEFT = 40, TOP = 10, BOTTOM = 40 };

const char fv_findings_style[] =
    ".matrix td{text-align:center;padding:.3rem .45rem}.matrix th{text-align:center;padding:.3rem .45rem}"
    ".matrix tbody th,.names td:first-child,.names th:first-child{position:sticky;left:0;text-align:left;"
    "background:var(--card);max-width:11rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;z-index:1}\n"
    ".matrix .none{color:var(--muted)}tr.mean td{font-weight:600}\n"
    ".gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(8rem,1fr));gap:.6rem}"
    ".shot{padding:.5rem}.shot img{display:block;width:100%;aspect-ratio:1;object-fit:contain}"
    ".shot figcaption{display:block;margin-top:.35rem;font-size:.8rem;overflow-wrap:anywhere}"
    ".shot b{display:block;font-size:.87rem}.shot.wrong b{color:var(--bad)}.shot.right b{color:var(--good)}\n"
    "rect.bin{fill:var(--train);fill-opacity:.75}line.even{stroke:var(--muted);stroke-dasharray:4 4}\n"
    ".filters{display:block;image-rendering:pixelated;width:100%;margin:.3rem 0 .5rem}"
    "svg.spark{display:inline-block;width:7.5rem;height:1.625rem;margin:0;vertical-align:middle}"
    ".drawing{padding:.5rem}.drawing img{display:block;max-width:none}\n"
    "@media(max-width:40rem){.wide .names td:first-child{min-width:7rem}.names th,.names "
    "td:first-child{white-space:normal}.names "
    "td:first-child{overflow-wrap:anywhere}"
    ".names th,.names td{padding:.3rem .35rem}.names th:first-child,.names td:first-child{max-width:8rem}}\n";

static const char *class_name(const fv_evaluation_page *p, int64_t k)
{
    return fv_model_class_name(p->model, k);
}

/* ---- tiles ---- */

static void put_tile(fv_str *out, double value, bool percent, const char *label)
{
    fv_str_append(out, "<div class=\"tile\"><b>");
    fv_put_short(out, percent ? 100 * value : value, 4);
    fv_str_printf(out, "%s</b><small>%s</small></div>\n", percent ? " %" : "", label);
}

static void put_tiles(fv_str *out, const fv_evaluation_page *p)
{
    const fv_task task = fv_evaluation_task(p->evaluation);
    int count;
    const fv_metric *list = fv_metric_list(&count);
    fv_class_score macro, weighted;
    fv_str_append(out, "<div class=\"tiles\">\n");
    put_tile(out, (double)p->metrics->samples, false, "samples");
    for (int i = 1; i <= count; i++) { /* the loss comes last */
        const fv_metric *m = &list[i % count];
        if (m->called[task])
            put_tile(out, fv_metric_value(m, p->metrics), m->percent, m->called[task]);
    }
    if (task != FV_TASK_REGRESS) {
        fv_evaluation_means(p->evaluation, &macro, &weighted);
        put_tile(out, macro.f1, true, "F1, mean over classes");
        put_tile(out, fv_evaluation_calibration_error(p->evaluation), true, "calibration error");
    }
    fv_str_append(out, "</div>\n");
}

/* ---- pairs ---- */

/* A share of its row, as a color behind the number. */
static void put_cell(fv_str *out, int64_t n, int64_t samples, bool right)
{
    if (n == 0) {
        fv_str_append(out, "<td class=\"none\">\xC2\xB7</td>");
        return;
    }
    fv_str_printf(out, "<td style=\"background:rgba(%s,.%02d)\">%lld</td>", right ? "46,160,67" : "217,72,15",
                  8 + (int)(52 * n / samples), (long long)n);
}

/* About as many pixels as the matrix takes: a column 15 beside its digits of 8, names 176 at most. */
static int64_t matrix_width(const fv_evaluation_page *p)
{
    const int64_t classes = fv_evaluation_classes(p->evaluation);
    int64_t longest = 0, most = 0;
    for (int64_t k = 0; k < classes; k++) {
        const int64_t n = (int64_t)strlen(class_name(p, k)), right = fv_evaluation_confusion(p->evaluation, k, k);
        longest = n > longest ? n : longest;
        most = right > most ? right : most;
    }
    const int64_t names = 8 * longest + 40, digits = most > 999 ? 4 : most > 99 ? 3 : most > 9 || classes > 10 ? 2 : 1;
    return (names < 176 ? names : 176) + classes * (15 + 8 * digits);
}

static void put_matrix(fv_str *out, const fv_evaluation_page *p)
{
    const fv_evaluation *e = p->evaluation;
    const int64_t classes = fv_evaluation_classes(e);
    fv_class_score s;
    char number[24];
    fv_str_printf(out,
                  "<h2>Confusion matrix</h2>\n<p class=\"sub\">Rows: what it is. Columns: what was said.</p>\n"
                  "<div class=\"scroll%s\"><table class=\"matrix\">\n<thead><tr><th></th>",
                  matrix_width(p) > NARROW ? " wide" : "");
    for (int64_t k = 0; k < classes; k++) {
        fv_str_append(out, "<th title=\"");
        fv_put_escaped(out, class_name(p, k));
        fv_str_printf(out, "\">%lld</th>", (long long)k);
    }
    fv_str_append(out, "</tr></thead>\n<tbody>\n");
    for (int64_t t = 0; t < classes; t++) {
        fv_evaluation_class(e, t, &s);
        snprintf(number, sizeof number, "%lld", (long long)t);
        fv_str_printf(out, "<tr><th>%s", number);
        if (strcmp(number, class_name(p, t)) != 0) {
            fv_str_append(out, " ");
            fv_put_escaped(out, class_name(p, t));
        }
        fv_str_append(out, "</th>");
        for (int64_t k = 0; k < classes; k++)
            put_cell(out, fv_evaluation_confusion(e, t, k), s.samples, t == k);
        fv_str_append(out, "</tr>\n");
    }
    fv_str_append(out, "</tbody></table></div>\n");
}

static void put_pairs(fv_str *out, const fv_evaluation_page *p)
{
    fv_confused_pair pair;
    if (!fv_evaluation_pair(p->evaluation, 0, &pair))
        return;
    fv_str_append(out, "<h2>Most often confused</h2>\n<div class=\"scroll\"><table class=\"names\">\n<thead><tr>"
                       "<th>it is</th><th>taken for</th><th>samples</th></tr></thead>\n<tbody>\n");
    for (int64_t i = 0; i < PAIRS && fv_evaluation_pair(p->evaluation, i, &pair); i++) {
        fv_str_append(out, "<tr><td>");
        fv_put_escaped(out, class_name(p, pair.truth));
        fv_str_append(out, "</td><td>");
        fv_put_escaped(out, class_name(p, pair.said));
        fv_str_printf(out, "</td><td>%lld</td></tr>\n", (long long)pair.count);
    }
    fv_str_append(out, "</tbody></table></div>\n");
}

/* ---- classes, targets ---- */

static void put_score(fv_str *out, const fv_class_score *s)
{
    const double shares[] = {s->precision, s->recall, s->f1};
    for (int i = 0; i < 3; i++) {
        fv_str_append(out, "<td>");
        fv_put_fixed(out, 100 * shares[i], 1);
        fv_str_append(out, "</td>");
    }
    fv_str_printf(out, "<td>%lld</td></tr>\n", (long long)s->samples);
}

/* In their order; many of them from the worst on, and those that neither occur nor are said not at all. */
static fv_status put_classes(fv_str *out, const fv_evaluation_page *p)
{
    const fv_evaluation *e = p->evaluation;
    const int64_t classes = fv_evaluation_classes(e);
    const bool many = classes > CLASSES;
    fv_ranked_class *rows = fv_malloc(out->ctx, (size_t)classes * sizeof *rows);
    fv_class_score s, macro, weighted;
    int64_t n = 0;
    if (!rows)
        return FV_ERR_NO_MEMORY;
    if (many)
        n = fv_evaluation_ranking(e, rows);
    for (; !many && n < classes; n++)
        rows[n].class_index = n;
    fv_str_append(out, "<h2>Classes</h2>\n");
    if (n > ROWS)
        fv_str_printf(out, "<p class=\"sub\">The %d of %lld with the lowest F1.</p>\n", ROWS, (long long)n);
    fv_str_append(out, "<div class=\"scroll\"><table class=\"names\">\n<thead><tr><th>class</th><th>precision %</th>"
                       "<th>recall %</th><th>F1 %</th><th>samples</th></tr></thead>\n<tbody>\n");
    for (int64_t i = 0; i < n && i < ROWS; i++) {
        fv_evaluation_class(e, rows[i].class_index, &s);
        fv_str_append(out, "<tr><td>");
        fv_put_escaped(out, class_name(p, rows[i].class_index));
        fv_str_append(out, "</td>");
        put_score(out, &s);
    }
    fv_free(out->ctx, rows);
    fv_evaluation_means(e, &macro, &weighted);
    fv_str_append(out, "<tr class=\"mean\"><td>mean</td>");
    put_score(out, &macro);
    fv_str_append(out, "<tr class=\"mean\"><td>weighted mean</td>");
    put_score(out, &weighted);
    fv_str_append(out, "</tbody></table></div>\n");
    return FV_OK;
}

static void put_targets(fv_str *out, const fv_evaluation_page *p)
{
    fv_str_append(out, "<h2>Targets</h2>\n<div class=\"scroll\"><table class=\"names\">\n<thead><tr><th>target</th>"
                       "<th>mean abs. error</th><th>rms error</th><th>mean error</th><th>R\xC2\xB2</th></tr></thead>\n"
                       "<tbody>\n");
    for (int64_t k = 0; k < fv_evaluation_classes(p->evaluation); k++) {
        fv_target_score s;
        fv_evaluation_target(p->evaluation, k, &s);
        const double values[] = {s.mae, s.rmse, s.bias, s.r2};
        fv_str_append(out, "<tr><td>");
        fv_put_escaped(out, class_name(p, k));
        fv_str_append(out, "</td>");
        for (int i = 0; i < 4; i++) {
            fv_str_append(out, "<td>");
            fv_put_short(out, values[i], 4);
            fv_str_append(out, "</td>");
        }
        fv_str_append(out, "</tr>\n");
    }
    fv_str_append(out, "</tbody></table></div>\n");
}

/* ---- calibration ---- */

static void put_number(fv_str *out, const char *name, double value)
{
    fv_str_printf(out, " %s=\"", name);
    fv_put_fixed(out, value, 1);
    fv_str_append(out, "\"");
}

static void put_bins(fv_str *out, const fv_evaluation *e)
{
    const double w = WIDTH - LEFT - 10, h = HEIGHT - TOP - BOTTOM;
    for (int i = 0; i < FV_CALIBRATION_BINS; i++) {
        fv_calibration_bin b;
        fv_evaluation_bin(e, i, &b);
        if (b.count == 0)
            continue;
        fv_str_append(out, "<rect class=\"bin\"");
        put_number(out, "x", LEFT + w * b.low + 1);
        put_number(out, "width", w / FV_CALIBRATION_BINS - 2);
        put_number(out, "y", TOP + h * (1 - b.accuracy));
        put_number(out, "height", h * b.accuracy);
        fv_str_printf(out, "><title>%lld answers, on average ", (long long)b.count);
        fv_put_fixed(out, 100 * b.confidence, 1);
        fv_str_append(out, " % sure, ");
        fv_put_fixed(out, 100 * b.accuracy, 1);
        fv_str_append(out, " % right</title></rect>\n");
    }
}

static void put_calibration(fv_str *out, const fv_evaluation_page *p)
{
    fv_str_append(out, "<h2>Calibration</h2>\n<p class=\"sub\">How often answers are right, by how sure the model was. "
                       "Calibrated answers end at the dashed line; the calibration error is the mean distance from it."
                       "</p>\n<div class=\"charts\"><figure>\n<figcaption><b>Share of answers that are right, %</b>"
                       "</figcaption>\n");
    fv_str_printf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Accuracy by confidence\">\n", WIDTH,
                  HEIGHT);
    for (int i = 0; i <= 4; i++) {
        const double x = LEFT + (WIDTH - LEFT - 10) * i / 4.0, y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * i / 4.0;
        fv_str_printf(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\"", LEFT, WIDTH - 10);
        put_number(out, "y1", y);
        put_number(out, "y2", y);
        fv_str_printf(out, "/><text class=\"end\" x=\"%d\"", LEFT - 6);
        put_number(out, "y", y + 4);
        fv_str_printf(out, ">%d</text><text class=\"middle\" y=\"%d\"", 25 * i, HEIGHT - BOTTOM + 17);
        put_number(out, "x", i == 4 ? x - 6 : x);
        fv_str_printf(out, ">%d</text>\n", 25 * i);
    }
    put_bins(out, p->evaluation);
    fv_str_printf(out,
                  "<line class=\"even\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/><text class=\"middle\" x=\"%d\" "
                  "y=\"%d\">confidence, %%</text></svg>\n</figure></div>\n",
                  LEFT, HEIGHT - BOTTOM, WIDTH - 10, TOP, (LEFT + WIDTH - 10) / 2, HEIGHT - 6);
}

/* ---- pictures ---- */

static void put_caption(fv_str *out, const fv_evaluation_page *p, const fv_judged_sample *s)
{
    const fv_task task = fv_evaluation_task(p->evaluation);
    char name[4200];
    fv_str_append(out, "<figcaption>");
    if (task == FV_TASK_CLASSIFY) {
        fv_str_append(out, "<b>");
        fv_put_escaped(out, class_name(p, s->said));
        fv_str_append(out, " ");
        fv_put_fixed(out, 100 * (double)s->confidence, 1);
        fv_str_append(out, " %</b>");
        if (!s->right) {
            fv_str_append(out, "is ");
            fv_put_escaped(out, class_name(p, s->truth));
            fv_str_append(out, ", ");
            fv_put_fixed(out, 100 * (double)s->truth_confidence, 1);
            fv_str_append(out, " %<br>");
        }
    } else if (task == FV_TASK_MULTILABEL) {
        fv_str_printf(out, s->right ? "<b>all right</b>" : "<b>%d missed, %d made up</b>", (int)s->truth, (int)s->said);
    } else {
        fv_str_append(out, "squared error ");
        fv_put_short(out, (double)s->loss, 4);
        fv_str_append(out, "<br>");
    }
    fv_dataset_sample_name(p->data, s->sample, name, sizeof name);
    fv_put_escaped(out, name);
    fv_str_append(out, "</figcaption></figure>\n");
}

static fv_status put_shot(fv_str *out, const fv_evaluation_page *p, const fv_judged_sample *s)
{
    fv_image image = {0};
    const char *kind = fv_evaluation_task(p->evaluation) == FV_TASK_REGRESS ? "" : s->right ? " right" : " wrong";
    fv_str_printf(out, "<figure class=\"shot%s\">", kind);
    fv_status status = fv_dataset_image(p->data, s->sample, &image, NULL);
    if (status == FV_OK)
        status = fv_put_picture(out, &image);
    fv_image_free(out->ctx, &image);
    if (status == FV_ERR_NO_MEMORY)
        return status;
    put_caption(out, p, s);
    return FV_OK;
}

static fv_status put_worst(fv_str *out, const fv_evaluation_page *p)
{
    const fv_judged_sample *s;
    fv_str_append(out, "<h2>Worst samples</h2>\n<p class=\"sub\">Those with the largest loss.</p>\n"
                       "<div class=\"gallery\">\n");
    for (int64_t i = 0; i < WORST && (s = fv_evaluation_worst(p->evaluation, i)) != NULL; i++)
        FV_TRY(put_shot(out, p, s));
    fv_str_append(out, "</div>\n");
    return FV_OK;
}

/* The surest of those that are right, of as many classes as there are. */
static fv_status put_right(fv_str *out, const fv_evaluation_page *p)
{
    const fv_evaluation *e = p->evaluation;
    const int64_t classes = fv_evaluation_classes(e), each = classes < RIGHT ? RIGHT / classes : 1;
    const bool by_class = fv_evaluation_task(e) == FV_TASK_CLASSIFY;
    int32_t *shown = fv_calloc(out->ctx, (size_t)classes, sizeof *shown);
    int n = 0;
    fv_status status = shown ? FV_OK : FV_ERR_NO_MEMORY;
    for (int64_t i = fv_evaluation_count(e) - 1; status == FV_OK && n < RIGHT && i >= 0; i--) {
        const fv_judged_sample *s = fv_evaluation_worst(e, i);
        if (!s->right || (by_class && shown[s->truth]++ >= each))
            continue;
        if (n++ == 0)
            fv_str_append(out, "<h2>Right, and sure of it</h2>\n<div class=\"gallery\">\n");
        status = put_shot(out, p, s);
    }
    if (n > 0)
        fv_str_append(out, "</div>\n");
    fv_free(out->ctx, shown);
    return status;
}

/* ---- what mistakes rest on ---- */

/* The wrong answers that the model was surest of, the surest first; how many. */
static int surest(const fv_evaluation *e, const fv_judged_sample *list[SURE])
{
    int n = 0;
    for (int64_t i = 0; i < fv_evaluation_count(e); i++) {
        const fv_judged_sample *s = fv_evaluation_worst(e, i);
        int at = n;
        while (at > 0 && list[at - 1]->confidence < s->confidence)
            at--;
        if (s->right || at == SURE)
            continue;
        n += n < SURE;
        memmove(list + at + 1, list + at, (size_t)(n - 1 - at) * sizeof *list);
        list[at] = s;
    }
    return n;
}

static fv_status put_reason(fv_str *out, const fv_evaluation_page *p, fv_explainer *explainer,
                            const fv_judged_sample *s)
{
    fv_image image = {0}, picture = {0};
    fv_explanation x;
    fv_str_append(out, "<figure class=\"shot wrong\">");
    fv_status status = fv_dataset_image(p->data, s->sample, &image, NULL);
    if (status == FV_OK)
        status = fv_explainer_run(explainer, &image, s->said, &x);
    if (status == FV_OK)
        status = fv_explanation_draw(out->ctx, &x, &image, &picture);
    if (status == FV_OK)
        status = fv_put_picture(out, &picture);
    fv_image_free(out->ctx, &picture);
    fv_image_free(out->ctx, &image);
    if (status == FV_ERR_NO_MEMORY)
        return status;
    if (status != FV_OK)
        fv_fail_clear(out->ctx); /* it has no picture */
    put_caption(out, p, s);
    return FV_OK;
}

static fv_status put_reasons(fv_str *out, const fv_evaluation_page *p)
{
    const fv_judged_sample *list[SURE + 1];
    fv_explainer *explainer;
    const int n = surest(p->evaluation, list);
    if (!p->explained || n == 0)
        return FV_OK;
    fv_str_append(out, "<h2>Sure and wrong</h2>\n");
    fv_status status = fv_explainer_create(p->explained, NULL, &explainer);
    if (status == FV_ERR_NO_MEMORY)
        return status;
    if (status != FV_OK) {
        fv_str_append(out, "<p class=\"sub\">No maps of what these answers rest on: ");
        fv_put_escaped(out, fv_ctx_error(out->ctx));
        fv_str_append(out, "</p>\n");
        fv_fail_clear(out->ctx);
        return FV_OK;
    }
    fv_str_append(out, "<p class=\"sub\">Mistakes that the model was surest of, and what of the image spoke for the "
                       "wrong class, yellow to red: Grad-CAM of layer ");
    fv_put_escaped(out, fv_explainer_layer(explainer));
    fv_str_append(out, ". Dark is what the network does not see.</p>\n<div class=\"gallery\">\n");
    for (int i = 0; status == FV_OK && i < n; i++)
        status = put_reason(out, p, explainer, list[i]);
    fv_str_append(out, "</div>\n");
    fv_explainer_destroy(&explainer);
    return status;
}

fv_status fv_put_findings(fv_str *out, const fv_evaluation_page *p)
{
    const fv_task task = fv_evaluation_task(p->evaluation);
    put_tiles(out, p);
    if (task == FV_TASK_CLASSIFY && fv_evaluation_classes(p->evaluation) <= MATRIX)
        put_matrix(out, p);
    else if (task == FV_TASK_CLASSIFY)
        put_pairs(out, p);
    if (task == FV_TASK_REGRESS)
        put_targets(out, p);
    else
        FV_TRY(put_classes(out, p));
    FV_TRY(put_worst(out, p));
    if (task == FV_TASK_CLASSIFY)
        FV_TRY(put_reasons(out, p));
    if (task != FV_TASK_REGRESS)
        FV_TRY(put_right(out, p));
    if (task != FV_TASK_REGRESS)
        put_calibration(out, p);
    FV_TRY(fv_put_curves(out, p->evaluation, p->model));
    return fv_str_status(out);
}

fv_status fv_evaluation_write_html(fv_ctx *ctx, const fv_evaluation_page *page, const char *path)
{
    fv_str out = {.ctx = ctx};
    fv_put_page_head(&out, page->title, fv_findings_style);
    fv_str_append(&out, "<h1>");
    fv_put_escaped(&out, page->title);
    fv_str_append(&out, "</h1>\n<p class=\"sub\">");
    fv_put_escaped(&out, page->about ? page->about : "");
    fv_str_append(&out, "</p>\n");
    fv_status status = fv_put_findings(&out, page);
    if (status == FV_OK && page->explained)
        status = fv_put_network(&out, page->explained, page->data);
    fv_str_append(&out, "</main>\n</body>\n</html>\n");
    if (status == FV_OK)
        status = fv_str_status(&out);
    if (status == FV_OK)
        status = fv_file_write(ctx, path, out.data, out.size);
    fv_str_free(&out);
    return status;
}
