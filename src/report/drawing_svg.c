/* SPDX-License-Identifier: Apache-2.0 */
/* A placed drawing as SVG: light, or dark where the reader's page is. */
#include <stdio.h>
#include <string.h>

#include "report/drawing.h"

static const char style[] =
    "<style>\n"
    "text{font-family:Helvetica,Arial,'Liberation Sans',sans-serif;font-size:11px;fill:#1c2430}\n"
    ".t{font-size:18px;font-weight:bold}.m{font-size:12px}.w{font-size:12px}\n"
    ".l{fill:#4a5666;paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}\n"
    ".p{fill:#fff}.b{fill:#f3f5f8;stroke:#d3d9e2}.bt{fill:#5a6676;font-size:12px}\n"
    ".e{fill:none;stroke:#6b7686;stroke-width:1.3}.s{stroke:#c2571a;stroke-width:1.6}.a{fill:#6b7686}\n"
    ".x rect{stroke-width:1.2}\n"
    ".k0 rect,.k7 rect{fill:#e8ebef;stroke:#8a94a3}.k1 rect{fill:#d5e6fb;stroke:#3b78c2}\n"
    ".k2 rect{fill:#d3f1f2;stroke:#23888d}.k3 rect{fill:#e5dcf8;stroke:#7450bd}\n"
    ".k4 rect{fill:#d9f1d6;stroke:#3c8b34}.k5 rect{fill:#fdebc8;stroke:#c08416}\n"
    ".k6 rect{fill:#f1f1f1;stroke:#999}\n"
    "@media (prefers-color-scheme:dark){text{fill:#e6ebf2}.p{fill:#14181f}.b{fill:#1b212a;stroke:#333c49}\n"
    ".l{fill:#b4bfce;stroke:#14181f}.bt{fill:#9aa7b8}.e{stroke:#8b97a8}.s{stroke:#f0945a}.a{fill:#8b97a8}\n"
    ".k0 rect,.k7 rect{fill:#2a313c;stroke:#76818f}.k1 rect{fill:#17355a;stroke:#5b9be6}\n"
    ".k2 rect{fill:#123f42;stroke:#3fb5bb}.k3 rect{fill:#34235c;stroke:#a584ea}\n"
    ".k4 rect{fill:#1b4018;stroke:#62b95a}.k5 rect{fill:#4d3608;stroke:#dda53a}.k6 rect{fill:#2b2b2b;stroke:#888}}\n"
    "</style>\n";

static void put_xml(fv_str *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : NULL;
        if (entity)
            fv_str_append(out, entity);
        else if ((unsigned char)*text >= 0x20)
            fv_str_append_n(out, text, 1);
    }
}

static void put_text(fv_str *out, double x, double y, const char *attributes, const char *text)
{
    fv_str_printf(out, "<text x=\"%.1f\" y=\"%.1f\"%s%s>", x, y, *attributes ? " " : "", attributes);
    put_xml(out, text);
    fv_str_append(out, "</text>\n");
}

static void amount(double value, char text[32])
{
    static const char *const units[] = {"", " k", " M", " G", " T"};
    int i = 0;
    for (; value >= 10000 && i < 4; i++)
        value /= 1000;
    fv_text_format(text, 32, i ? "%.2f%s" : "%.0f%s", value, units[i]);
}

/* "56x56x256": without the batch. */
static void shape_words(const fv_val *val, char text[96])
{
    fv_shape s = {.rank = val->shape.rank - 1};
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = val->shape.dim[i + 1];
    fv_shape_text(&s, text);
}

/* ---- title and legend ---- */

static void put_head(const fv_drawing *d, fv_str *out)
{
    fv_totals t = {0};
    char parameters[32], macs[32], line[256];
    int64_t h, w, c;
    bool seen[FV_BOX_KIND_COUNT] = {false};
    double x = 40;
    if (fv_model_totals(d->model, &t) != FV_OK)
        out->failed = true;
    fv_model_input_size(d->model, &h, &w, &c);
    amount((double)t.parameters, parameters);
    amount(t.macs, macs);
    snprintf(line, sizeof line, "input %lldx%lldx%lld, %s parameters, %s multiply-adds, depth %d%s", (long long)h,
             (long long)w, (long long)c, parameters, macs, t.depth,
             d->model->aux.count ? "; without the heads for training alone" : "");
    put_text(out, 40, 34, "class=\"t\"", fv_model_name(d->model));
    put_text(out, 40, 54, "class=\"m\"", line);
    for (int i = 0; i < d->n_boxes; i++)
        seen[d->boxes[i].kind] = true;
    for (int k = FV_BOX_CONV; k < FV_BOX_OUTPUT; k++) {
        if (!seen[k])
            continue;
        fv_str_printf(out, "<g class=\"x k%d\"><rect x=\"%.1f\" y=\"68\" width=\"14\" height=\"12\" rx=\"3\"/></g>\n",
                      k, x);
        put_text(out, x + 19, 78, "", fv_box_kind_name((fv_box_kind)k));
        x += 36 + FV_DRAW_WIDE * (double)strlen(fv_box_kind_name((fv_box_kind)k));
    }
    fv_str_printf(out, "<path class=\"e s\" d=\"M%.1f 74h24\"/>\n", x);
    put_text(out, x + 30, 78, "", "passes layers");
}

/* ---- blocks ---- */

static void put_blocks(const fv_drawing *d, fv_str *out)
{
    for (int k = 0; k < d->n_blocks; k++) {
        const fv_drawn_block *b = &d->blocks[k];
        double left = 1e30, right = -1e30;
        for (int r = b->first; r <= b->last; r++)
            for (int i = 0; i < d->ranks[r].count; i++) {
                const fv_drawn_item *item = &d->items[d->order[d->ranks[r].first + i]];
                left = item->x - item->w / 2 < left ? item->x - item->w / 2 : left;
                right = item->x + item->w / 2 > right ? item->x + item->w / 2 : right;
            }
        const double top = d->ranks[b->first].y - FV_DRAW_HEAD + 2,
                     bottom = d->ranks[b->last].y + d->ranks[b->last].h + 8;
        fv_str_printf(out, "<rect class=\"b\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"8\"/>\n",
                      left - 14, top, right - left + 28, bottom - top);
        if (b->name[0])
            put_text(out, left - 6, top + 14, "class=\"bt\"", b->name);
    }
}

/* ---- edges ---- */

/* Where the edges that come from the column before begin. */
static void port_of(const fv_drawing *d, int column, double *x, double *y)
{
    *x = 0;
    *y = FV_DRAW_TOP + 14;
    for (int r = 0; r < d->n_ranks; r++) {
        if (d->ranks[r].column != column)
            continue;
        for (int i = 0; i < d->ranks[r].count; i++)
            *x += d->items[d->order[d->ranks[r].first + i]].x / d->ranks[r].count;
        return;
    }
}

/* An edge's end at its box: next to those of others, in order of where they come from. */
static double entry_of(const fv_drawing *d, int e)
{
    const fv_drawn_edge *mine = &d->edges[e];
    const fv_drawn_box *to = &d->boxes[mine->to];
    const double from = d->items[mine->n_items ? mine->first + mine->n_items - 1 : mine->from].x;
    int before = 0;
    for (int k = 0; k < d->n_edges && to->in > 1; k++) {
        const fv_drawn_edge *other = &d->edges[k];
        if (k == e || other->to != mine->to)
            continue;
        const double x = d->items[other->n_items ? other->first + other->n_items - 1 : other->from].x;
        before += x < from || (x == from && k < e);
    }
    double apart = (to->w - 16) / (to->in + 1);
    apart = apart > 18 ? 18 : apart;
    return to->x + (before - (to->in - 1) / 2.0) * apart;
}

static void curve_to(fv_str *out, double x0, double y0, double x1, double y1)
{
    if (x0 - x1 < 0.5 && x1 - x0 < 0.5)
        fv_str_printf(out, "L%.1f %.1f", x1, y1);
    else
        fv_str_printf(out, "C%.1f %.1f %.1f %.1f %.1f %.1f", x0, (y0 + y1) / 2, x1, (y0 + y1) / 2, x1, y1);
}

static void put_edge(const fv_drawing *d, int e, fv_str *out)
{
    const fv_drawn_edge *edge = &d->edges[e];
    const fv_drawn_box *from = &d->boxes[edge->from], *to = &d->boxes[edge->to];
    double x = from->x, y = from->y + from->h;
    const int next = edge->n_items ? d->items[edge->first].rank : to->rank;
    if (d->ranks[next].column != from->column)
        port_of(d, d->ranks[next].column, &x, &y);
    fv_str_printf(out, "<path class=\"e%s\" marker-end=\"url(#a)\" d=\"M%.1f %.1f", edge->n_items ? " s" : "", x, y);
    for (int i = 0; i < edge->n_items; i++) {
        const fv_drawn_item *item = &d->items[edge->first + i];
        const fv_drawn_rank *r = &d->ranks[item->rank];
        curve_to(out, x, y, item->x, r->y);
        x = item->x;
        y = r->y + r->h;
        fv_str_printf(out, "L%.1f %.1f", x, y);
    }
    curve_to(out, x, y, entry_of(d, e), to->y - 5);
    fv_str_append(out, "\"/>\n");
}

/* From the last box of a column to the top of the next. */
static void put_turns(const fv_drawing *d, fv_str *out)
{
    for (int r = 0; r + 1 < d->n_ranks; r++) {
        if (d->ranks[r].column == d->ranks[r + 1].column)
            continue;
        const fv_drawn_box *b = &d->boxes[d->items[d->order[d->ranks[r].first]].box];
        const double gutter = d->column_x[d->ranks[r + 1].column] - 35;
        double x, y;
        port_of(d, d->ranks[r + 1].column, &x, &y);
        fv_str_printf(out, "<path class=\"e\" d=\"M%.1f %.1fv22H%.1fV%.1fH%.1fV%.1f\"/>\n", b->x, b->y + b->h, gutter,
                      FV_DRAW_TOP, x, y);
    }
}

/* ---- boxes ---- */

static void put_box(const fv_drawing *d, const fv_drawn_box *b, fv_str *out)
{
    (void)d;
    fv_str_printf(out, "<g class=\"x k%d\"><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"5\"/>\n",
                  b->kind, b->x - b->w / 2, b->y, b->w, b->h);
    for (int l = 0; l < b->n_lines; l++)
        put_text(out, b->x, b->y + 6 + (l + 0.78) * FV_DRAW_LINE,
                 l == 0 ? "class=\"w\" text-anchor=\"middle\"" : "text-anchor=\"middle\"", b->lines[l]);
    fv_str_append(out, "</g>\n");
}

/* Beside the edge, on the side to which it does not turn. */
static void put_size(const fv_drawing *d, int i, fv_str *out)
{
    const fv_drawn_box *b = &d->boxes[i];
    char shape[96];
    double turn = 0;
    if (!b->val || b->out == 0)
        return;
    for (int e = 0; e < d->n_edges; e++) {
        const fv_drawn_edge *edge = &d->edges[e];
        const fv_drawn_item *next = edge->n_items ? &d->items[edge->first] : &d->items[edge->to];
        if (edge->from == i && d->ranks[next->rank].column == b->column)
            turn += next->x - b->x;
    }
    shape_words(b->val, shape);
    const bool left = turn > 4;
    put_text(out, b->x + (left ? -7 : 7), b->y + b->h + 15, left ? "class=\"l\" text-anchor=\"end\"" : "class=\"l\"",
             shape);
}

void fv_drawing_svg(const fv_drawing *d, fv_str *out)
{
    const double width = d->width < 640 ? 640 : d->width;
    fv_str_printf(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f "
                  "%.0f\">\n<title>",
                  width, d->height, width, d->height);
    put_xml(out, fv_model_name(d->model));
    fv_str_append(out, "</title>\n");
    fv_str_append(out, style);
    fv_str_append(out, "<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"3\" refY=\"4\" markerWidth=\"8\" "
                       "markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"a\" d=\"M0 0L8 "
                       "4L0 8z\"/></marker></defs>\n");
    fv_str_printf(out, "<rect class=\"p\" width=\"%.0f\" height=\"%.0f\"/>\n", width, d->height);
    put_head(d, out);
    put_blocks(d, out);
    put_turns(d, out);
    for (int e = 0; e < d->n_edges; e++)
        put_edge(d, e, out);
    for (int i = 0; i < d->n_boxes; i++)
        put_box(d, &d->boxes[i], out);
    for (int i = 0; i < d->n_boxes; i++)
        put_size(d, i, out);
    fv_str_append(out, "</svg>\n");
}
