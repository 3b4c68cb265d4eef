/* SPDX-License-Identifier: Apache-2.0 */
/* The HTML page of a data set: one file with its charts, findings and small pictures inside. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/chart.h"
#include "report/findings.h"
#include "report/page.h"
#include "report/picture.h"
#include "report/plot.h"

#include <fovea/report.h>

enum { PICTURES = 200, ROWS = 2000, DOTS = 4000, GALLERY = 60, EACH = 6 };

static const char *const verdicts[] = {"reject", "quarantine", "warn", "convert"};

/* ---- parts of the page ---- */

static void put_tile(fv_str *out, double value, int digits, const char *unit, const char *label)
{
    fv_str_append(out, "<div class=\"tile\"><b>");
    fv_put_short(out, value, digits);
    fv_str_printf(out, "%s</b><small>%s</small></div>\n", unit, label);
}

static void put_tiles(fv_str *out, const fv_check_report *r, const fv_data_summary *s)
{
    int64_t found[4] = {0};
    static const char *const labels[] = {"to reject", "to quarantine", "warnings", "converted"};
    for (int64_t i = 0; i < fv_check_report_count(r); i++)
        found[fv_check_report_row(r, i)->verdict]++;
    fv_str_append(out, "<div class=\"tiles\">\n");
    put_tile(out, (double)s->images, 9, "", "images");
    put_tile(out, (double)s->classes, 9, "", "classes");
    put_tile(out, (double)s->bytes / 1e6, 3, " MB", "in all");
    if (s->imbalance > 0)
        put_tile(out, s->imbalance, 3, " : 1", "largest to smallest class");
    for (int k = 0; k < 4; k++)
        put_tile(out, (double)found[k], 9, "", labels[k]);
    fv_str_append(out, "</div>\n");
    if (s->strategy[0]) {
        fv_str_append(out, "<ul>");
        for (int k = 0; k < 4 && s->strategy[k]; k++)
            fv_str_printf(out, "<li>%s</li>", s->strategy[k]);
        fv_str_append(out, "</ul>\n");
    }
}

typedef int64_t (*count_fn)(const fv_check_report *r, int64_t i, const char *split);

static fv_status put_classes(fv_str *out, const char *title, const fv_check_report *r, const fv_data_summary *s,
                             count_fn count)
{
    static const char *const names[3] = {"train", "val", "test"};
    const int64_t there[3] = {s->train, s->val, s->test};
    const char *kinds[3];
    fv_bar *bars = fv_malloc(out->ctx, ((size_t)s->classes + 1) * sizeof *bars);
    if (!bars)
        return FV_ERR_NO_MEMORY;
    for (int k = 0; k < 3; k++)
        kinds[k] = there[k] >= 0 ? names[k] : NULL;
    for (int64_t i = 0; i < s->classes; i++) {
        bars[i] = (fv_bar){.name = fv_check_report_class(r, i)};
        for (int k = 0; k < 3; k++)
            bars[i].value[k] = count(r, i, names[k]);
    }
    if (s->classes > 0)
        fv_put_bars(out, title, kinds, bars, s->classes);
    fv_free(out->ctx, bars);
    return FV_OK;
}

static bool has_boxes(const fv_check_report *r)
{
    return fv_check_report_class_boxes(r, 0, "train") >= 0 || fv_check_report_class_boxes(r, 0, "val") >= 0 ||
           fv_check_report_class_boxes(r, 0, "test") >= 0;
}

static int by_place(const void *a, const void *b)
{
    const fv_dot *p = a, *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return p->y < q->y ? -1 : p->y > q->y;
}

/* One dot per size, its area how often it comes. */
static fv_status put_sizes(fv_str *out, const fv_check_report *r, const fv_data_summary *s)
{
    fv_dot *dots = fv_malloc(out->ctx, ((size_t)s->images + 1) * sizeof *dots);
    int64_t n = 0, kept = 0;
    if (!dots)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < s->images; i++) {
        fv_check_file f;
        fv_check_report_sample(r, i, &f);
        if (f.usable)
            dots[n++] = (fv_dot){(double)f.w, (double)f.h, 1};
    }
    qsort(dots, (size_t)n, sizeof *dots, by_place);
    for (int64_t i = 0; i < n; i++) {
        if (kept > 0 && by_place(&dots[kept - 1], &dots[i]) == 0)
            dots[kept - 1].count++;
        else
            dots[kept++] = dots[i];
    }
    fv_put_scatter(out, "Sizes in pixels", "width", "height", dots, kept < DOTS ? kept : DOTS);
    fv_free(out->ctx, dots);
    return FV_OK;
}

static fv_status put_findings(fv_str *out, const fv_check_report *r)
{
    const int64_t n = fv_check_report_count(r), shown = n < ROWS ? n : ROWS;
    int pictures = 0;
    if (n == 0) {
        fv_str_append(out, "<h2>Findings</h2>\n<p class=\"sub\">None.</p>\n");
        return FV_OK;
    }
    fv_str_append(out, "<h2>Findings</h2>\n");
    if (shown < n)
        fv_str_printf(out, "<p class=\"sub\">The first %lld of %lld.</p>\n", (long long)shown, (long long)n);
    fv_str_append(out, "<div class=\"scroll findings\"><table>\n<thead><tr><th></th><th>verdict</th><th>fault</th>"
                       "<th>file</th><th>what</th></tr></thead>\n<tbody>\n");
    for (int64_t i = 0; i < shown; i++) {
        const fv_finding *f = fv_check_report_row(r, i);
        fv_image image = {0};
        fv_str_append(out, "<tr><td>");
        if (f->sample >= 0 && pictures++ < PICTURES) {
            fv_status status = fv_check_report_image(r, f->sample, &image);
            if (status == FV_OK)
                status = fv_put_picture(out, &image);
            fv_image_free(out->ctx, &image);
            if (status == FV_ERR_NO_MEMORY)
                return status;
        }
        fv_str_printf(out, "</td><td class=\"%s\">%s</td><td>%d</td><td>", verdicts[f->verdict], verdicts[f->verdict],
                      f->fault);
        fv_put_escaped(out, f->file);
        fv_str_append(out, "</td><td>");
        fv_put_escaped(out, f->detail);
        fv_str_append(out, "</td></tr>\n");
    }
    fv_str_append(out, "</tbody></table></div>\n");
    return FV_OK;
}

/* ---- gallery ---- */

/* Usable images of the first classes, a few of each. */
typedef struct gallery {
    int64_t classes, each; /* how many are looked for */
    int64_t sample[GALLERY][EACH], n[GALLERY], found;
} gallery;

static void choose(const fv_check_report *r, const fv_data_summary *s, gallery *g)
{
    g->classes = s->classes == 0 ? 1 : s->classes < GALLERY ? s->classes : GALLERY;
    g->each = s->classes == 0 ? EACH : GALLERY / g->classes < EACH ? GALLERY / g->classes : EACH;
    int64_t k = 0;
    for (int64_t i = 0; i < s->images && g->found < g->classes * g->each; i++) {
        fv_check_file f;
        fv_check_report_sample(r, i, &f);
        if (!f.usable || (s->classes > 0 && !f.class_name))
            continue;
        for (int64_t tried = 0; s->classes > 0 && strcmp(fv_check_report_class(r, k), f.class_name) != 0; tried++) {
            k = (k + 1) % g->classes; /* mostly images of one class lie together */
            if (tried == g->classes) {
                k = -1;
                break;
            }
        }
        if (k >= 0 && g->n[k] < g->each) {
            g->sample[k][g->n[k]++] = i;
            g->found++;
        }
        k = k < 0 ? 0 : k;
    }
}

static fv_status put_gallery(fv_str *out, const fv_check_report *r, const fv_data_summary *s)
{
    gallery g = {.classes = 0};
    choose(r, s, &g);
    if (g.found == 0)
        return FV_OK;
    fv_str_append(out, "<h2>Images</h2>\n<p class=\"sub\">A few of each class.</p>\n<div class=\"gallery\">\n");
    for (int64_t k = 0; k < g.classes; k++) {
        for (int64_t i = 0; i < g.n[k]; i++) {
            fv_image image = {0};
            fv_check_file f;
            fv_check_report_sample(r, g.sample[k][i], &f);
            fv_str_append(out, "<figure class=\"shot\">");
            fv_status status = fv_check_report_image(r, g.sample[k][i], &image);
            if (status == FV_OK)
                status = fv_put_picture(out, &image);
            fv_image_free(out->ctx, &image);
            if (status == FV_ERR_NO_MEMORY)
                return status;
            fv_str_append(out, "<figcaption><b>");
            fv_put_escaped(out, f.class_name ? f.class_name : "");
            fv_str_append(out, "</b>");
            fv_put_escaped(out, f.name);
            fv_str_append(out, "</figcaption></figure>\n");
        }
    }
    fv_str_append(out, "</div>\n");
    return FV_OK;
}

static fv_status put_page(fv_str *out, const fv_check_report *r, const char *title)
{
    static const char style[] =
        ".findings td{white-space:normal;text-align:left;overflow-wrap:break-word;vertical-align:middle}"
        ".findings td:nth-child(4){min-width:13rem;max-width:26rem}.findings td:nth-child(2){white-space:nowrap}"
        ".findings th{text-align:left}.findings img{display:block;max-width:112px;max-height:112px}"
        ".findings{max-height:none}td.reject,td.quarantine{color:#c5221f;font-weight:600}"
        ".charts{align-items:start}.tiles{grid-template-columns:repeat(auto-fit,minmax(8rem,1fr))}"
        "rect.train{fill:var(--train)}rect.validation{fill:var(--validation)}rect.value{fill:var(--value)}"
        "circle.dot{fill:var(--train);fill-opacity:.55}ul{margin:.2rem 0 1rem;padding-left:1.2rem}\n"
        "@media(max-width:40rem){.findings thead{display:none}.findings tr{display:block;padding:.5rem;"
        "border-bottom:1px solid var(--line)}.findings td{display:inline-block;border:0;padding:.1rem .3rem}"
        ".findings td:nth-child(4),.findings td:nth-child(5){display:block;min-width:0;max-width:none;"
        "overflow-wrap:anywhere}}\n"
        "@media(prefers-color-scheme:dark){td.reject,td.quarantine{color:#ff8a80}}\n";
    fv_data_summary s;
    FV_TRY(fv_check_report_summary(r, &s));
    fv_str rules = {.ctx = out->ctx};
    fv_str_append(&rules, fv_findings_style);
    fv_str_append(&rules, style);
    fv_put_page_head(out, title, fv_str_get(&rules));
    out->failed |= rules.failed;
    fv_str_free(&rules);
    fv_str_append(out, "<h1>");
    fv_put_escaped(out, title);
    fv_str_printf(out, "</h1>\n<p class=\"sub\">%s", fv_check_report_format(r));
    if (s.usable > 0)
        fv_str_printf(out, " \xC2\xB7 %lld x %lld to %lld x %lld pixels \xC2\xB7 %lld of %lld images usable",
                      (long long)s.w_min, (long long)s.h_min, (long long)s.w_max, (long long)s.h_max,
                      (long long)s.usable, (long long)s.images);
    fv_str_append(out, "</p>\n");
    put_tiles(out, r, &s);
    fv_str_append(out, "<div class=\"charts\">\n");
    FV_TRY(put_classes(out, "Usable images per class", r, &s, fv_check_report_class_count));
    if (has_boxes(r))
        FV_TRY(put_classes(out, "Boxes per class", r, &s, fv_check_report_class_boxes));
    FV_TRY(put_sizes(out, r, &s));
    fv_str_append(out, "</div>\n");
    FV_TRY(put_findings(out, r));
    FV_TRY(put_gallery(out, r, &s));
    fv_str_append(out, "</main>\n</body>\n</html>\n");
    return fv_str_status(out);
}

fv_status fv_check_report_write_html(fv_ctx *ctx, const fv_check_report *report, const char *title, const char *path)
{
    fv_str page = {.ctx = ctx};
    fv_status status = put_page(&page, report, title);
    if (status == FV_OK)
        status = fv_file_write(ctx, path, page.data, page.size);
    fv_str_free(&page);
    return status;
}
