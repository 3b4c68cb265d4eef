/* SPDX-License-Identifier: Apache-2.0 */
#include "report/network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <fovea/design.h>

#include "model/model.h"
#include "report/page.h"
#include "report/picture.h"

/* Filters shown at most, and in a row; pixels between them. */
enum { FILTERS = 256, ROW = 16, GAP = 1 };

/* ---- the drawing ---- */

static fv_status put_drawing(fv_str *out, const fv_model *model)
{
    char *text;
    FV_TRY(fv_model_draw(model, FV_DRAWING_SVG, &text));
    fv_str_append(out,
                  "<h2>Network</h2>\n<div class=\"scroll drawing\"><img alt=\"The network's layers, with shapes and "
                  "costs\" src=\"");
    fv_put_data(out, "image/svg+xml", text, strlen(text));
    fv_str_append(out, "\"></div>\n");
    fv_text_free(out->ctx, text);
    return fv_str_status(out);
}

/* ---- filters ---- */

/* Filter k's weight as a color: grey is 0, darker and lighter (of three channels each for itself) by the share of the
 * filter's largest; of other numbers of channels the mean over them. */
static void put_filter(const fv_slot *slot, int64_t k, bool bgr, const fv_picture *to, int top, int left)
{
    const int64_t *d = slot->shape.dim, size = d[1] * d[2] * d[3];
    const float *w = fv_slot_data(slot) + k * size;
    double most = 1e-30;
    for (int64_t i = 0; i < size; i++)
        most = fmax(most, fabs((double)w[i]));
    for (int64_t y = 0; y < d[1]; y++)
        for (int64_t x = 0; x < d[2]; x++) {
            const float *at = w + (y * d[2] + x) * d[3];
            uint8_t *rgb = to->rgb + (((int64_t)top + y) * to->w + left + x) * 3;
            for (int c = 0; c < 3; c++) {
                double v = 0;
                for (int64_t i = 0; d[3] != 3 && i < d[3]; i++)
                    v += (double)at[i] / (double)d[3];
                if (d[3] == 3)
                    v = (double)at[bgr ? 2 - c : c];
                rgb[c] = (uint8_t)lround(127.5 + 127.5 * v / most);
            }
        }
}

static fv_status put_filters(fv_str *out, const fv_model *m)
{
    const fv_node *layer = NULL;
    const fv_slot *slot = fv_model_first_filters(m, &layer);
    if (!slot)
        return FV_OK;
    const int64_t *d = slot->shape.dim;
    const int n = (int)(d[0] < FILTERS ? d[0] : FILTERS), columns = n < ROW ? n : ROW,
              rows = (n + columns - 1) / columns;
    const int h = (int)d[1] + GAP, w = (int)d[2] + GAP;
    fv_picture sheet = {NULL, rows * h + GAP, columns * w + GAP};
    sheet.rgb = fv_malloc(out->ctx, (size_t)sheet.h * (size_t)sheet.w * 3);
    if (!sheet.rgb)
        return FV_ERR_NO_MEMORY;
    memset(sheet.rgb, 0, (size_t)sheet.h * (size_t)sheet.w * 3);
    for (int k = 0; k < n; k++)
        put_filter(slot, k, m->pipeline.bgr, &sheet, GAP + k / columns * h, GAP + k % columns * w);
    fv_str_append(out, "<h2>Filters of the first layer</h2>\n<p class=\"sub\">");
    fv_put_escaped(out, layer->name);
    fv_str_printf(out,
                  ": %lld filters of %lld x %lld x %lld%s. Grey is 0, each filter in shares of its largest weight%s. "
                  "A filter that looks like noise has learned nothing yet.</p>\n<figure>",
                  (long long)d[0], (long long)d[1], (long long)d[2], (long long)d[3],
                  d[0] > FILTERS ? ", the first 256" : "",
                  d[3] == 3   ? ", red, green and blue as they are"
                  : d[3] == 1 ? ""
                              : "; means over the channels");
    char style[64];
    snprintf(style, sizeof style, " class=\"filters\" style=\"max-width:%drem\"", 3 * columns);
    fv_status status = fv_put_pixels(out, &sheet, style);
    fv_str_append(out, "</figure>\n");
    fv_free(out->ctx, sheet.rgb);
    return status;
}

fv_status fv_put_network(fv_str *out, fv_model *model, fv_dataset *data)
{
    fv_model_sync(model);
    FV_TRY(put_drawing(out, model));
    FV_TRY(put_filters(out, model));
    if (data)
        FV_TRY(fv_put_activity(out, model, data));
    return fv_str_status(out);
}
