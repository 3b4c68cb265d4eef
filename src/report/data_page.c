/* SPDX-License-Identifier: Apache-2.0 */
/* The HTML page of a data set: one file with its charts, findings and small pictures inside. */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/file.h"
#include "report/chart.h"
#include "report/page.h"
#include "report/plot.h"

#include <fovea/report.h>

enum { THUMB = 112, PICTURES = 200, ROWS = 2000, DOTS = 4000 };

static const char *const verdicts[] = {"reject", "quarantine", "warn", "convert"};

/* ---- small pictures ---- */

static void put_base64(fv_str *out, const uint8_t *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        const uint32_t v =
            (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0u);
        const char four[4] = {digits[v >> 18], digits[v >> 12 & 63], left > 1 ? digits[v >> 6 & 63] : '=',
                              left > 2 ? digits[v & 63] : '='};
        fv_str_append_n(out, four, 4);
    }
}

static uint8_t *put_u32(uint8_t *p, size_t v)
{
    for (int i = 0; i < 4; i++)
        *p++ = (uint8_t)(v >> (24 - 8 * i));
    return p;
}

static uint8_t *put_chunk(uint8_t *p, const char *type, const uint8_t *data, size_t size)
{
    p = put_u32(p, size);
    memcpy(p, type, 4);
    if (size > 0)
        memcpy(p + 4, data, size);
    return put_u32(p + 4 + size, crc32(0, p, (uInt)size + 4));
}

/* 8-bit RGB pixels as a PNG in a data URI. */
static fv_status put_png(fv_str *out, const uint8_t *rgb, int h, int w)
{
    const size_t stride = (size_t)w * 3, raw_size = (size_t)h * (stride + 1);
    uLongf packed = compressBound((uLong)raw_size);
    uint8_t *raw = fv_malloc(out->ctx, raw_size), *data = fv_malloc(out->ctx, packed),
            *file = fv_malloc(out->ctx, packed + 128);
    fv_status status = raw && data && file ? FV_OK : FV_ERR_NO_MEMORY;
    for (int y = 0; y < h && status == FV_OK; y++) {
        raw[(size_t)y * (stride + 1)] = 0; /* no filter */
        memcpy(raw + (size_t)y * (stride + 1) + 1, rgb + (size_t)y * stride, stride);
    }
    if (status == FV_OK && compress2(data, &packed, raw, (uLong)raw_size, 9) != Z_OK)
        status = fv_fail_memory(out->ctx, raw_size, "a small picture");
    if (status == FV_OK) {
        uint8_t header[13] = {0}, *p = file;
        put_u32(put_u32(header, (size_t)w), (size_t)h);
        header[8] = 8;
        header[9] = 2;
        memcpy(p, "\x89PNG\r\n\x1A\n", 8);
        p = put_chunk(p + 8, "IHDR", header, sizeof header);
        p = put_chunk(p, "IDAT", data, packed);
        p = put_chunk(p, "IEND", NULL, 0);
        put_base64(out, file, (size_t)(p - file));
    }
    fv_free(out->ctx, raw);
    fv_free(out->ctx, data);
    fv_free(out->ctx, file);
    return status;
}

static int value_of(const fv_image *image, int64_t pixel, int k)
{
    const int64_t at = pixel * image->c + (image->c >= 3 ? k : 0);
    if (image->depth == FV_DEPTH_16)
        return ((const uint16_t *)(const void *)image->data)[at] >> 8;
    if (image->depth == FV_DEPTH_F32) {
        const float v = ((const float *)(const void *)image->data)[at];
        return v >= 1.0f ? 255 : v > 0.0f ? (int)(v * 255.0f + 0.5f) : 0;
    }
    return image->data[at];
}

/* The picture at most THUMB pixels long, by averages of areas; small ones stay as they are. */
static fv_status put_picture(fv_str *out, const fv_image *image)
{
    const int64_t side = image->h > image->w ? image->h : image->w, kept = side < THUMB ? side : THUMB;
    const int h = (int)(image->h * kept / side > 0 ? image->h * kept / side : 1),
              w = (int)(image->w * kept / side > 0 ? image->w * kept / side : 1);
    uint8_t rgb[THUMB * THUMB * 3];
    for (int y = 0; y < h; y++) {
        const int64_t y0 = y * image->h / h, y1 = (y + 1) * image->h / h;
        for (int x = 0; x < w; x++) {
            const int64_t x0 = x * image->w / w, x1 = (x + 1) * image->w / w, n = (y1 - y0) * (x1 - x0);
            for (int k = 0; k < 3; k++) {
                int64_t sum = 0;
                for (int64_t v = y0; v < y1; v++) {
                    for (int64_t u = x0; u < x1; u++)
                        sum += value_of(image, v * image->w + u, k);
                }
                rgb[(y * w + x) * 3 + k] = (uint8_t)((sum + n / 2) / n);
            }
        }
    }
    fv_str_append(out, "<img alt=\"\" src=\"data:image/png;base64,");
    FV_TRY(put_png(out, rgb, h, w));
    fv_str_append(out, "\">");
    return FV_OK;
}

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
                status = put_picture(out, &image);
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
        "@media(prefers-color-scheme:dark){td.reject,td.quarantine{color:#ff8a80}}\n";
    fv_data_summary s;
    FV_TRY(fv_check_report_summary(r, &s));
    fv_put_page_head(out, title, style);
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
