/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where boxes stand: ranks by the longest way from an input, an edge that passes ranks holds a lane in each of them,
 * lanes and boxes are ordered by the mean place of what they are tied to (Sugiyama, Tagawa and Toda, 1981) and moved
 * to where it is without coming closer to each other than they may (least squares in order). Long drawings are cut into
 * columns where one box stands alone.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/drawing.h"

enum { SWEEPS = 12, MOVES = 24 };
#define LANE  16.0 /* width of an edge that passes */
#define APART 26.0 /* between boxes of a rank */

/* Neighbors of items in the rank above and below, all in one list. */
typedef struct ties {
    int *first[2], *list[2]; /* [0]: above, [1]: below */
    double *place;           /* by item: its number in its rank */
    double *want, *weight, *middle;
    int *saved;
} ties;

/* ---- ranks ---- */

static void find_ranks(fv_drawing *d)
{
    d->n_ranks = 1;
    for (int i = 0; i < d->n_boxes; i++) /* boxes are in order: edges come from earlier ones */
        for (int e = 0; e < d->n_edges; e++)
            if (d->edges[e].to == i && d->boxes[d->edges[e].from].rank + 1 > d->boxes[i].rank)
                d->boxes[i].rank = d->boxes[d->edges[e].from].rank + 1;
    /* An input stands right above what first takes it. */
    for (int i = 0; i < d->n_boxes; i++) {
        int least = d->n_boxes;
        for (int e = 0; e < d->n_edges && d->boxes[i].in == 0; e++)
            if (d->edges[e].from == i && d->boxes[d->edges[e].to].rank < least)
                least = d->boxes[d->edges[e].to].rank;
        if (d->boxes[i].in == 0 && least < d->n_boxes)
            d->boxes[i].rank = least - 1;
        d->n_ranks = d->boxes[i].rank + 1 > d->n_ranks ? d->boxes[i].rank + 1 : d->n_ranks;
    }
}

static fv_status make_items(fv_drawing *d)
{
    int n = d->n_boxes, at;
    for (int e = 0; e < d->n_edges; e++) {
        d->edges[e].n_items = d->boxes[d->edges[e].to].rank - d->boxes[d->edges[e].from].rank - 1;
        n += d->edges[e].n_items;
    }
    d->n_items = n;
    d->items = fv_calloc(d->ctx, (size_t)n + 1, sizeof *d->items);
    d->order = fv_calloc(d->ctx, (size_t)n + 1, sizeof *d->order);
    d->ranks = fv_calloc(d->ctx, (size_t)d->n_ranks + 1, sizeof *d->ranks);
    if (!d->items || !d->order || !d->ranks)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < d->n_boxes; i++)
        d->items[i] = (fv_drawn_item){.box = i, .rank = d->boxes[i].rank, .w = d->boxes[i].w};
    at = d->n_boxes;
    for (int e = 0; e < d->n_edges; e++) {
        d->edges[e].first = at;
        for (int k = 0; k < d->edges[e].n_items; k++)
            d->items[at++] = (fv_drawn_item){.box = -1, .rank = d->boxes[d->edges[e].from].rank + 1 + k, .w = LANE};
    }
    for (int i = 0; i < n; i++)
        d->ranks[d->items[i].rank].count++;
    for (int r = 1; r < d->n_ranks; r++)
        d->ranks[r].first = d->ranks[r - 1].first + d->ranks[r - 1].count;
    for (int r = 0; r < d->n_ranks; r++)
        d->ranks[r].count = 0;
    for (int i = 0; i < n; i++) {
        fv_drawn_rank *r = &d->ranks[d->items[i].rank];
        d->order[r->first + r->count++] = i;
    }
    return FV_OK;
}

/* ---- ties ---- */

/* Item k of an edge, its ends included: 0 is the box that it comes from. */
static int item_of(const fv_drawn_edge *e, int k)
{
    return k == 0 ? e->from : k > e->n_items ? e->to : e->first + k - 1;
}

static fv_status make_ties(const fv_drawing *d, ties *t)
{
    int links = 0;
    const size_t n = (size_t)d->n_items + 2;
    for (int e = 0; e < d->n_edges; e++)
        links += d->edges[e].n_items + 1;
    for (int side = 0; side < 2; side++) {
        t->first[side] = fv_calloc(d->ctx, n, sizeof(int));
        t->list[side] = fv_calloc(d->ctx, (size_t)links + 1, sizeof(int));
        if (!t->first[side] || !t->list[side])
            return FV_ERR_NO_MEMORY;
        for (int pass = 0; pass < 2; pass++) { /* count, then fill from behind */
            for (int e = 0; e < d->n_edges; e++)
                for (int k = 0; k <= d->edges[e].n_items; k++) {
                    const int above = item_of(&d->edges[e], k), below = item_of(&d->edges[e], k + 1);
                    const int mine = side ? above : below, other = side ? below : above;
                    if (pass == 0)
                        t->first[side][mine + 1]++;
                    else
                        t->list[side][t->first[side][mine]++] = other;
                }
            for (int i = 0; pass == 0 && i < d->n_items; i++)
                t->first[side][i + 1] += t->first[side][i];
        }
        for (int i = d->n_items; i > 0; i--) /* filling moved each to the next one's beginning */
            t->first[side][i] = t->first[side][i - 1];
        t->first[side][0] = 0;
    }
    t->place = fv_calloc(d->ctx, n * 4, sizeof(double));
    t->saved = fv_calloc(d->ctx, n, sizeof(int));
    if (!t->place || !t->saved)
        return FV_ERR_NO_MEMORY;
    t->want = t->place + n;
    t->weight = t->place + 2 * n;
    t->middle = t->place + 3 * n;
    return FV_OK;
}

static void free_ties(fv_ctx *ctx, ties *t)
{
    for (int side = 0; side < 2; side++) {
        fv_free(ctx, t->first[side]);
        fv_free(ctx, t->list[side]);
    }
    fv_free(ctx, t->place);
    fv_free(ctx, t->saved);
}

/* ---- order ---- */

static void number_places(const fv_drawing *d, ties *t)
{
    for (int r = 0; r < d->n_ranks; r++)
        for (int i = 0; i < d->ranks[r].count; i++)
            t->place[d->order[d->ranks[r].first + i]] = i;
}

/* Crossings of edges between neighboring ranks. */
static int64_t count_crossings(const fv_drawing *d, const ties *t)
{
    int64_t crossings = 0;
    for (int r = 0; r + 1 < d->n_ranks; r++)
        for (int i = 0; i < d->ranks[r].count; i++)
            for (int j = i + 1; j < d->ranks[r].count; j++) {
                const int a = d->order[d->ranks[r].first + i], b = d->order[d->ranks[r].first + j];
                for (int x = t->first[1][a]; x < t->first[1][a + 1]; x++)
                    for (int y = t->first[1][b]; y < t->first[1][b + 1]; y++)
                        crossings += t->place[t->list[1][x]] > t->place[t->list[1][y]];
            }
    return crossings;
}

/* Sorts a rank by the mean place of neighbors on one side; who has none, and ties, stay in order. */
static void sort_rank(fv_drawing *d, ties *t, int r, int side)
{
    int *order = d->order + d->ranks[r].first;
    const int n = d->ranks[r].count;
    for (int i = 0; i < n; i++) {
        const int a = order[i], from = t->first[side][a], to = t->first[side][a + 1];
        double sum = 0;
        for (int k = from; k < to; k++)
            sum += t->place[t->list[side][k]];
        t->want[a] = to > from ? sum / (to - from) : t->place[a];
    }
    for (int i = 1; i < n; i++) { /* stable */
        const int a = order[i];
        int j = i;
        for (; j > 0 && t->want[order[j - 1]] > t->want[a]; j--)
            order[j] = order[j - 1];
        order[j] = a;
    }
    for (int i = 0; i < n; i++)
        t->place[order[i]] = i;
}

static void find_order(fv_drawing *d, ties *t)
{
    number_places(d, t);
    int64_t best = count_crossings(d, t);
    memcpy(t->saved, d->order, (size_t)d->n_items * sizeof(int));
    for (int s = 0; s < SWEEPS && best > 0; s++) {
        for (int r = 0; r < d->n_ranks; r++)
            sort_rank(d, t, s % 2 ? d->n_ranks - 1 - r : r, s % 2);
        const int64_t now = count_crossings(d, t);
        if (now < best) {
            best = now;
            memcpy(t->saved, d->order, (size_t)d->n_items * sizeof(int));
        }
    }
    memcpy(d->order, t->saved, (size_t)d->n_items * sizeof(int));
}

/* ---- places along a rank ---- */

static double room_between(const fv_drawn_item *a, const fv_drawn_item *b)
{
    const double gap = a->box < 0 && b->box < 0 ? 2 : a->box < 0 || b->box < 0 ? 12 : APART;
    return (a->w + b->w) / 2 + gap;
}

/* The places next to those wanted, by weighted squares, that keep order and room: what stands too close becomes one
 * group at its mean (pool adjacent violators). */
static void move_rank(fv_drawing *d, ties *t, int r)
{
    const int *order = d->order + d->ranks[r].first;
    const int n = d->ranks[r].count;
    double shift = 0;
    int groups = 0;
    double *mean = t->middle, *mass = t->place;
    int *size = t->saved;
    for (int i = 0; i < n; i++) {
        shift += i > 0 ? room_between(&d->items[order[i - 1]], &d->items[order[i]]) : 0;
        mean[groups] = t->want[order[i]] - shift;
        mass[groups] = t->weight[order[i]];
        size[groups++] = 1;
        while (groups > 1 && mean[groups - 2] > mean[groups - 1]) {
            const double both = mass[groups - 2] + mass[groups - 1];
            mean[groups - 2] = (mean[groups - 2] * mass[groups - 2] + mean[groups - 1] * mass[groups - 1]) / both;
            mass[groups - 2] = both;
            size[groups - 2] += size[groups - 1];
            groups--;
        }
    }
    shift = 0;
    for (int i = 0, g = 0, left = size[0]; i < n; i++, left--) {
        if (left == 0)
            left = size[++g];
        shift += i > 0 ? room_between(&d->items[order[i - 1]], &d->items[order[i]]) : 0;
        d->items[order[i]].x = mean[g] + shift;
    }
}

/* What an item wants: the mean of its neighbors, to which lanes are tied more, so that long edges are straight. */
static void set_wants(fv_drawing *d, ties *t, int r, int sides)
{
    for (int i = 0; i < d->ranks[r].count; i++) {
        const int a = d->order[d->ranks[r].first + i];
        const bool lane = d->items[a].box < 0;
        double sum = 0, mass = 0;
        for (int side = 0; side < 2; side++)
            for (int k = t->first[side][a]; (sides >> side & 1) && k < t->first[side][a + 1]; k++) {
                const double w = lane && d->items[t->list[side][k]].box < 0 ? 8 : lane ? 1 : 2;
                sum += w * d->items[t->list[side][k]].x;
                mass += w;
            }
        t->want[a] = mass > 0 ? sum / mass : d->items[a].x;
        t->weight[a] = mass > 0 ? mass : 0.1;
        if (d->ranks[r].count == 1 && !lane) /* what stands alone stands in line */
            t->want[a] = 0;
    }
}

static void find_places(fv_drawing *d, ties *t)
{
    for (int r = 0; r < d->n_ranks; r++) {
        double x = 0;
        for (int i = 0; i < d->ranks[r].count; i++) {
            const int a = d->order[d->ranks[r].first + i];
            x += i > 0 ? room_between(&d->items[d->order[d->ranks[r].first + i - 1]], &d->items[a]) : 0;
            d->items[a].x = x;
        }
        for (int i = 0; i < d->ranks[r].count; i++)
            d->items[d->order[d->ranks[r].first + i]].x -= x / 2;
    }
    for (int m = 0; m < MOVES; m++)
        for (int k = 0; k < d->n_ranks; k++) {
            const int r = m % 2 ? d->n_ranks - 1 - k : k;
            set_wants(d, t, r, m + 4 >= MOVES ? 3 : m % 2 ? 2 : 1);
            move_rank(d, t, r);
        }
    for (int i = 0; i < d->n_boxes; i++)
        d->boxes[i].x = d->items[i].x;
}

/* ---- blocks ---- */

/* What two names begin with, up to a dot. */
static void cut_common(char *common, const char *name)
{
    size_t n = 0, last = 0;
    for (; common[n] && common[n] == name[n]; n++)
        last = common[n] == '.' ? n : last;
    if (!common[n] && (name[n] == '.' || !name[n]))
        last = n;
    common[last] = 0;
}

/* Layers that have weights say what a block is called: others are numbered as they come. */
static void name_block(const fv_drawing *d, fv_drawn_block *b)
{
    bool any = false;
    b->name[0] = 0;
    for (int i = 0; i < d->n_boxes; i++) {
        const fv_drawn_box *box = &d->boxes[i];
        if (box->rank < b->first || box->rank > b->last || box->parameters == 0)
            continue;
        if (!any) {
            snprintf(b->name, sizeof b->name, "%.60s", box->name);
            char *dot = strrchr(b->name, '.');
            if (dot)
                *dot = 0;
            else
                b->name[0] = 0;
        } else {
            cut_common(b->name, box->name);
        }
        any = true;
    }
}

static fv_status find_blocks(fv_drawing *d)
{
    d->blocks = fv_calloc(d->ctx, (size_t)d->n_ranks + 1, sizeof *d->blocks);
    if (!d->blocks)
        return FV_ERR_NO_MEMORY;
    for (int r = 0; r < d->n_ranks; r++) {
        fv_drawn_rank *k = &d->ranks[r];
        k->cut = k->count == 1 && d->items[d->order[k->first]].box >= 0;
        k->block = -1;
    }
    for (int r = 0; r < d->n_ranks; r++) {
        if (d->ranks[r].cut)
            continue;
        fv_drawn_block *b = &d->blocks[d->n_blocks];
        b->first = r;
        while (r + 1 < d->n_ranks && !d->ranks[r].cut)
            r++;
        b->last = r; /* where ways meet again */
        for (int k = b->first; k <= b->last; k++)
            d->ranks[k].block = d->n_blocks;
        name_block(d, b);
        d->n_blocks++;
    }
    return FV_OK;
}

/* ---- columns ---- */

static double rank_room(const fv_drawing *d, int r)
{
    const int block = d->ranks[r].block;
    const bool begins = block >= 0 && d->blocks[block].first == r, behind = r > 0 && d->ranks[r - 1].block >= 0;
    return d->ranks[r].h + FV_DRAW_GAP + (begins ? FV_DRAW_HEAD : 0) +
           (behind && d->ranks[r - 1].block != block ? 8 : 0);
}

/* A column may end behind a box that stands alone, or that ends a block. */
static bool may_break(const fv_drawing *d, int r)
{
    return d->ranks[r].cut && r + 1 < d->n_ranks && (d->ranks[r].block < 0 || d->blocks[d->ranks[r].block].last == r) &&
           d->n_ranks - r > 2;
}

static fv_status find_columns(fv_drawing *d)
{
    double all = 0, widest = 0, reached = 0;
    for (int r = 0; r < d->n_ranks; r++) {
        double left = 0, right = 0;
        for (int i = 0; i < d->ranks[r].count; i++) {
            const fv_drawn_item *item = &d->items[d->order[d->ranks[r].first + i]];
            const double h = item->box >= 0 ? d->boxes[item->box].h : 0;
            d->ranks[r].h = h > d->ranks[r].h ? h : d->ranks[r].h;
            left = item->x - item->w / 2 < left ? item->x - item->w / 2 : left;
            right = item->x + item->w / 2 > right ? item->x + item->w / 2 : right;
        }
        widest = right - left > widest ? right - left : widest;
    }
    for (int r = 0; r < d->n_ranks; r++)
        all += rank_room(d, r);
    int columns = (int)(sqrt(1.4 * all / (widest + 90)) + 0.5);
    columns = columns < 1 || all < 900 ? 1 : columns > 24 ? 24 : columns;
    const double goal = all / columns;
    int column = 0;
    for (int r = 0; r < d->n_ranks; r++) {
        const double room = rank_room(d, r);
        d->ranks[r].column = column;
        reached += room;
        if (reached >= goal * 0.92 && may_break(d, r)) {
            column++;
            reached = 0;
        }
    }
    d->n_columns = column + 1;
    d->column_x = fv_calloc(d->ctx, (size_t)d->n_columns + 1, sizeof(double));
    d->column_w = fv_calloc(d->ctx, (size_t)d->n_columns + 1, sizeof(double));
    return d->column_x && d->column_w ? FV_OK : FV_ERR_NO_MEMORY;
}

static void shift_columns(fv_drawing *d)
{
    double x = 40;
    for (int c = 0; c < d->n_columns; c++) {
        double left = 1e30, right = -1e30, y = FV_DRAW_TOP + 24;
        for (int r = 0; r < d->n_ranks; r++) {
            if (d->ranks[r].column != c)
                continue;
            for (int i = 0; i < d->ranks[r].count; i++) {
                const fv_drawn_item *item = &d->items[d->order[d->ranks[r].first + i]];
                left = item->x - item->w / 2 < left ? item->x - item->w / 2 : left;
                right = item->x + item->w / 2 > right ? item->x + item->w / 2 : right;
            }
            const double room = rank_room(d, r);
            d->ranks[r].y = y + room - d->ranks[r].h - FV_DRAW_GAP;
            y += room;
        }
        d->height = y > d->height ? y : d->height;
        for (int i = 0; i < d->n_items; i++)
            if (d->ranks[d->items[i].rank].column == c)
                d->items[i].x += x - left;
        d->column_x[c] = x;
        d->column_w[c] = right - left;
        x += right - left + 70;
    }
    d->width = x - 30;
    d->height += 12;
    for (int i = 0; i < d->n_boxes; i++) {
        fv_drawn_box *b = &d->boxes[i];
        const fv_drawn_rank *r = &d->ranks[b->rank];
        b->x = d->items[i].x;
        b->column = r->column;
        b->y = r->y + (r->h - b->h) / 2;
    }
}

fv_status fv_drawing_place(fv_drawing *d)
{
    ties t = {.place = NULL};
    if (d->n_boxes == 0)
        return FV_OK;
    find_ranks(d);
    fv_status status = make_items(d);
    if (status == FV_OK)
        status = make_ties(d, &t);
    if (status == FV_OK) {
        find_order(d, &t);
        find_places(d, &t);
        status = find_blocks(d);
    }
    if (status == FV_OK)
        status = find_columns(d);
    if (status == FV_OK)
        shift_columns(d);
    free_ties(d->ctx, &t);
    return status;
}
