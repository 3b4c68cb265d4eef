/* SPDX-License-Identifier: Apache-2.0 */
/* The same boxes for Graphviz: blocks are clusters, kinds are colors, sizes stand on the edges. */
#include <string.h>

#include "report/drawing.h"

static const char *const colors[FV_BOX_KIND_COUNT] = {"#e8ebef", "#d5e6fb", "#d3f1f2", "#e5dcf8",
                                                      "#d9f1d6", "#fdebc8", "#f1f1f1", "#e8ebef"};

static void put_box(const fv_drawing *d, int i, const char *indent, fv_str *out)
{
    const fv_drawn_box *b = &d->boxes[i];
    const bool round = b->kind == FV_BOX_INPUT || b->kind == FV_BOX_OUTPUT;
    fv_str text = {.ctx = out->ctx};
    for (int l = 0; l < b->n_lines; l++)
        fv_str_printf(&text, "%s%s", l ? "\n" : "", b->lines[l]);
    fv_str_printf(out, "%sb%d [label=", indent, i);
    fv_str_json(out, fv_str_get(&text));
    fv_str_printf(out, ", fillcolor=\"%s\"%s];\n", colors[b->kind], round ? ", shape=ellipse" : "");
    out->failed = out->failed || text.failed;
    fv_str_free(&text);
}

static void put_edge(const fv_drawing *d, const fv_drawn_edge *e, fv_str *out)
{
    char shape[96];
    const fv_val *val = d->boxes[e->from].val;
    fv_shape s = {.rank = val->shape.rank - 1};
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = val->shape.dim[i + 1];
    fv_str_printf(out, "  b%d -> b%d [label=\"%s\"%s];\n", e->from, e->to, fv_shape_text(&s, shape),
                  e->n_items ? ", color=\"#c2571a\"" : ", weight=4");
}

void fv_drawing_dot(const fv_drawing *d, fv_str *out)
{
    fv_str_append(out, "digraph ");
    fv_str_json(out, fv_model_name(d->model));
    fv_str_append(out,
                  " {\n  rankdir=TB; newrank=true; nodesep=0.3; ranksep=0.45;\n"
                  "  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11, height=0.3];\n"
                  "  edge [fontname=\"Helvetica\", fontsize=11, color=\"#6b7686\", arrowsize=0.7];\n");
    for (int k = 0; k < d->n_blocks; k++) {
        fv_str_printf(out, "  subgraph cluster_%d {\n    label=", k);
        fv_str_json(out, d->blocks[k].name);
        fv_str_append(out, "; labeljust=l; style=\"rounded,filled\"; color=\"#d3d9e2\"; fillcolor=\"#f3f5f8\"; "
                           "fontname=\"Helvetica\"; fontsize=12;\n");
        for (int i = 0; i < d->n_boxes; i++)
            if (d->ranks[d->boxes[i].rank].block == k)
                put_box(d, i, "    ", out);
        fv_str_append(out, "  }\n");
    }
    for (int i = 0; i < d->n_boxes; i++)
        if (d->ranks[d->boxes[i].rank].block < 0)
            put_box(d, i, "  ", out);
    for (int r = 0; r < d->n_ranks; r++) { /* branches beside each other stay so */
        int n = 0;
        for (int i = 0; i < d->n_boxes; i++)
            n += d->boxes[i].rank == r;
        if (n < 2)
            continue;
        fv_str_append(out, "  {rank=same;");
        for (int i = 0; i < d->n_boxes; i++)
            if (d->boxes[i].rank == r)
                fv_str_printf(out, " b%d;", i);
        fv_str_append(out, "}\n");
    }
    for (int e = 0; e < d->n_edges; e++)
        put_edge(d, &d->edges[e], out);
    fv_str_append(out, "}\n");
}
