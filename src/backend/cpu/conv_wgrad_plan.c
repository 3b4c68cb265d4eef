/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the tables of the engine in conv_wgrad.h. Block sizes never change a bit of a result. */
#include "backend/cpu/conv_wgrad_data.h"
#include "backend/cpu/split.h"

#include <string.h>

#include "ops/ops.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* x cut into equal parts of at most `most`, a multiple of `unit` where there are several. */
static int64_t even_part(int64_t x, int64_t most, int64_t unit)
{
    if (x <= most)
        return x;
    const int64_t part = fv_div_up(fv_div_up(x, fv_div_up(x, most)), unit) * unit;
    return least(part, x);
}

/* Share of vector lanes that n columns fill. */
static double lanes_filled(int64_t n)
{
    return (double)n / (double)(fv_div_up(n, 16) * 16);
}

/* Whether no tap of any position falls outside the image. */
static bool all_inside(const fv_conv_geom *geom)
{
    const fv_window *w = &geom->win;
    for (int axis = 0; axis < 2; axis++) {
        const int64_t count = axis ? w->q : w->p, size = axis ? w->w : w->h;
        if (w->pad[axis] > 0 || (count - 1) * w->stride[axis] + (w->size[axis] - 1) * w->dilation[axis] >= size)
            return false;
    }
    return true;
}

/* Channels of a block of d_wei: with several taps a copy of src serves each of them; with one, wide rows pay for it. */
static int64_t block_channels(const fv_conv_geom *geom)
{
    const bool taps = geom->win.size[0] * geom->win.size[1] > 1;
    return even_part(geom->c / geom->groups, taps ? 128 : 256, 32);
}

/* ---- what the layouts can do ---- */

static const char *merged_reject(const fv_conv_geom *geom)
{
    const int64_t depth = geom->c / geom->groups, channels = block_channels(geom);
    if (geom->win.size[1] == 1)
        return "one tap per row of the filter";
    if (geom->win.dilation[1] != 1)
        return "taps of a row lie apart";
    if (channels % 32 == 0)
        return "the channels fill vectors by themselves";
    /* Blocks of unequal width would need unequal distances between pixels. */
    if (depth % channels || (all_inside(geom) && geom->c != channels))
        return "channels of a block do not lie side by side from tap to tap";
    return NULL;
}

static const char *turned_reject(const fv_conv_geom *geom)
{
    const int64_t depth = geom->c / geom->groups, filters = geom->k / geom->groups;
    if (depth > 8 || geom->win.size[0] * geom->win.size[1] * depth > 4096)
        return "more than 8 channels, or than 4096 weights per filter";
    if (lanes_filled(filters) <= 1.15 * lanes_filled(geom->win.size[1] * depth))
        return "filters fill vectors no better than the taps of a row";
    return NULL;
}

/* Columns of the sums, which fill vectors. */
static int64_t layout_columns(const fv_conv_geom *geom, fv_wgrad_layout layout)
{
    const int64_t depth = geom->c / geom->groups;
    return layout == FV_WGRAD_TURNED   ? geom->k / geom->groups
           : layout == FV_WGRAD_MERGED ? geom->win.size[1] * depth
                                       : depth;
}

const char *fv_conv_wgrad_reject(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_wgrad_use *use = self->arg;
    if (problem->dtype != FV_F32)
        return "not float32";
    const fv_conv_geom geom = use->geom(problem->node);
    return use->layout == FV_WGRAD_MERGED   ? merged_reject(&geom)
           : use->layout == FV_WGRAD_TURNED ? turned_reject(&geom)
                                            : NULL;
}

double fv_conv_wgrad_cost(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_wgrad_use *use = self->arg;
    const fv_conv_geom geom = use->geom(problem->node);
    const double filled = lanes_filled(layout_columns(&geom, use->layout));
    const fv_node *node = problem->node;
    double floats = (double)fv_shape_count(fv_out_shape(node, 0));
    for (int i = 0; i < 2; i++)
        floats += (double)fv_shape_count(fv_in_shape(node, i));
    return 500.0 + 2.0 * fv_conv_macs(&geom) / filled / 100.0 + 4.0 * floats / 10.0;
}

/* ---- blocks ---- */

/* Pixels of a shard below which loading, storing and adding sums would show, and filters of a block then. */
#define UNIT_SHARD_PIXELS 256
#define UNIT_FILTERS      64

/* Whether all pixels stay in that much cache beside the sums: then units are finished one by one. */
static bool fits_by_unit(const fv_conv_wgrad *e, int64_t floats)
{
    const fv_window *w = &e->geom.win;
    const int64_t channels = w->size[0] * w->size[1] > 1 ? 128 : 256, pixels = e->geom.n * w->p * w->q;
    const int64_t reach = w->size[0] * w->size[1] == 1
                              ? w->p * w->q
                              : ((w->p - 1) * w->stride[0] + (w->size[0] - 1) * w->dilation[0] + 1) *
                                    ((w->q - 1) * w->stride[1] + (w->size[1] - 1) * w->dilation[1] + 1);
    return e->layout != FV_WGRAD_TURNED && e->images * w->p * w->q <= UNIT_SHARD_PIXELS &&
           pixels * least(e->filters, UNIT_FILTERS) + e->geom.n * reach * least(e->depth, channels) <= floats;
}

static void choose_blocks(fv_conv_wgrad *e, int64_t l2_floats, int threads)
{
    const fv_window *w = &e->geom.win;
    const int64_t taps = w->size[0] * w->size[1];
    const bool by_unit = fits_by_unit(e, l2_floats / 2);
    e->order = by_unit ? FV_WGRAD_BY_UNIT : FV_WGRAD_BY_BLOCK;
    e->block.c = e->layout == FV_WGRAD_TURNED ? e->depth : block_channels(&e->geom);
    int64_t most = UNIT_FILTERS;
    if (!by_unit) {
        most = l2_floats / 5 / (taps * e->block.c);
        most = most < 28 ? 28 : most > 256 ? 256 : most;
    }
    e->block.k = even_part(e->filters, most, 16);
    /* Where shards do not give enough tasks, smaller blocks do. */
    const int64_t per_block = by_unit ? 1 : e->shards;
    while (threads > 1 && e->block.k > 32 &&
           fv_div_up(e->filters, e->block.k) * fv_div_up(e->depth, e->block.c) * e->geom.groups * per_block <
               3 * threads)
        e->block.k = even_part(e->filters, e->block.k / 2, 16);
    e->block.n_k = fv_div_up(e->filters, e->block.k);
    e->block.n_c = fv_div_up(e->depth, e->block.c);
    e->block.count = e->block.n_k * e->block.n_c * e->geom.groups;
    const int64_t tasks = threads > 1 ? 4 * threads : 1;
    e->block.k_tasks = least(fv_div_up(tasks, e->block.n_c * e->geom.groups), e->block.n_k);
}

/* Whether `part` channels of every pixel lie at such a distance that they share few sets of a cache. */
static bool is_crowded(int64_t channels, int64_t part)
{
    return channels % 256 == 0 && channels >= 2 * part;
}

/* Where src and d_dst are read. */
static void choose_sources(fv_conv_wgrad *e, const fv_gemm_kernels *gemm)
{
    const fv_window *w = &e->geom.win;
    e->piece.flat = w->stride[0] == 1 && w->stride[1] == 1 && w->size[0] == 1 && w->size[1] == 1 && w->p == w->h &&
                    w->q == w->w && all_inside(&e->geom);
    e->src.copied = !all_inside(&e->geom) || (e->piece.flat && is_crowded(e->geom.c, e->block.c));
    e->dst.copied = is_crowded(e->geom.k, e->block.k);
    e->dst.strip = (fv_strip){.h = 1, .c = e->geom.k, .pitch = e->dst.copied ? e->block.k : e->geom.k};
    e->src.strip = (fv_strip){.h = w->h,
                              .w = w->w,
                              .c = e->geom.c,
                              .depth = e->block.c,
                              .x0 = -w->pad[1],
                              .cols = (w->q - 1) * w->stride[1] + (w->size[1] - 1) * w->dilation[1] + 1,
                              .pitch = e->src.copied ? e->block.c : e->geom.c};
    e->piece.compact = e->layout == FV_WGRAD_PACKED && w->size[0] == 1 && w->size[1] == 1 && all_inside(&e->geom);
    e->piece.one_run = e->piece.flat || e->piece.compact;
    if (e->layout == FV_WGRAD_PACKED) {
        e->src.copied = e->dst.copied = true;
        e->dst.strip.pitch = gemm->tn_step;
        e->src.strip.pitch = gemm->nr;
        e->src.strip.cols = e->piece.compact ? w->q : e->src.strip.cols;
    }
    e->src.row = e->src.copied ? fv_strip_row(&e->src.strip) : w->w * e->geom.c;
}

/* How the sums of a block lie. */
static void choose_sums(fv_conv_wgrad *e)
{
    const fv_window *w = &e->geom.win;
    if (e->layout == FV_WGRAD_TURNED) {
        e->sum.units = 1;
        e->sum.row_step = fv_div_up(e->block.k, 16) * 16;
        e->sum.unit_floats = w->size[0] * w->size[1] * e->depth * e->sum.row_step;
    } else {
        e->sum.units = e->layout == FV_WGRAD_MERGED ? w->size[0] : w->size[0] * w->size[1];
        e->sum.row_step = fv_div_up(e->layout == FV_WGRAD_MERGED ? w->size[1] * e->block.c : e->block.c, 16) * 16;
        e->sum.unit_floats = e->block.k * e->sum.row_step;
    }
    e->sum.block_floats = e->sum.units * e->sum.unit_floats;
}

/* Pixels of a piece: enough to make loading and storing the sums cheap, few enough to stay in the cache. */
#define PIECE_PIXELS 448

static void choose_pieces(fv_conv_wgrad *e, const fv_gemm_kernels *gemm, int64_t floats)
{
    const fv_window *w = &e->geom.win;
    /* Floats that one output row needs. */
    const int64_t row = w->q * e->block.k + w->stride[0] * w->q * w->stride[1] * e->block.c;
    int64_t rows = least(fv_div_up(PIECE_PIXELS, w->q), floats / row);
    rows = rows < 1 ? 1 : rows;
    e->piece.images = 1;
    e->piece.rows = least(rows, w->p);
    if (rows >= 2 * w->p)
        e->piece.images = least(rows / w->p, e->images);
    else if (e->piece.rows < w->p)
        e->piece.rows = fv_div_up(w->p, fv_div_up(w->p, e->piece.rows));
    if (e->order == FV_WGRAD_BY_UNIT) {
        e->piece.images = e->geom.n;
        e->piece.rows = w->p;
    }
    const int64_t reach =
        e->piece.compact ? e->piece.rows : (e->piece.rows - 1) * w->stride[0] + (w->size[0] - 1) * w->dilation[0] + 1;
    const int64_t pixels = e->piece.images * e->piece.rows * w->q;
    e->src.image = e->src.copied ? reach * e->src.row : w->h * w->w * e->geom.c;
    /* Vectors may read behind the last pixel: the sums come after it in memory. */
    if (e->layout == FV_WGRAD_PACKED) {
        /* The odd line keeps tiles and panels from crowding into the same sets of a cache. */
        e->dst.tile = pixels * gemm->tn_step + 16;
        e->src.tile = e->piece.images * e->src.image + 16;
        e->dst.floats = fv_div_up(fv_div_up(e->block.k, gemm->tn_mr) * e->dst.tile + FV_GEMM_NR_MAX, 16) * 16;
        e->src.floats = fv_div_up(fv_div_up(e->block.c, gemm->nr) * e->src.tile + FV_GEMM_NR_MAX, 16) * 16;
        return;
    }
    e->dst.floats = e->dst.copied ? fv_div_up(pixels * e->block.k + FV_GEMM_NR_MAX, 16) * 16 : 0;
    e->src.floats = e->src.copied ? fv_div_up(e->piece.images * e->src.image + FV_GEMM_NR_MAX, 16) * 16 : 0;
}

static fv_status make_tables(fv_plan *plan, fv_conv_wgrad *e)
{
    const fv_window *w = &e->geom.win;
    const int64_t taps = w->size[0] * w->size[1];
    const bool turned = e->layout == FV_WGRAD_TURNED, merged = e->layout == FV_WGRAD_MERGED;
    e->sum.unit_at = fv_calloc(plan->ctx, (size_t)e->sum.units, sizeof(int64_t));
    e->sum.a_col = fv_calloc(plan->ctx, turned ? (size_t)(taps * e->depth) : 1, sizeof(int64_t));
    e->piece.runs = fv_calloc(plan->ctx, (size_t)(e->piece.images * e->piece.rows), sizeof(fv_tn_run));
    if (!e->sum.unit_at || !e->sum.a_col || !e->piece.runs)
        return FV_ERR_NO_MEMORY;
    for (int64_t u = 0; u < e->sum.units && !turned; u++) {
        const int64_t r = merged ? u : u / w->size[1], s = merged ? 0 : u % w->size[1];
        e->sum.unit_at[u] = r * w->dilation[0] * e->src.row + s * w->dilation[1] * e->src.strip.pitch;
    }
    for (int64_t i = 0; turned && i < taps * e->depth; i++) {
        const int64_t r = i / (w->size[1] * e->depth), s = i / e->depth % w->size[1];
        e->sum.a_col[i] = r * w->dilation[0] * e->src.row + s * w->dilation[1] * e->src.strip.pitch + i % e->depth;
    }
    /* The broadcast operand is d_dst, or src when turned. */
    for (int64_t i = 0; i < e->piece.images * e->piece.rows; i++) {
        const int64_t image = i / e->piece.rows, p = i % e->piece.rows;
        const int64_t d_dst = i * w->q * e->dst.strip.pitch;
        const int64_t src = image * e->src.image + p * (e->piece.compact ? 1 : w->stride[0]) * e->src.row;
        e->piece.runs[i] = (fv_tn_run){.a = turned ? src : d_dst, .b = turned ? d_dst : src, .count = w->q};
    }
    return FV_OK;
}

/* All partial sums of a small d_wei may exist at once, in at most this many floats. */
#define PARTIALS_MAX ((int64_t)4 << 20)

fv_status fv_conv_wgrad_prepare(fv_plan *plan)
{
    const fv_conv_wgrad_use *use = plan->solver->arg;
    const fv_conv_geom geom = use->geom(plan->problem.node);
    fv_conv_wgrad *e = fv_new(plan->ctx, fv_conv_wgrad);
    if (!e)
        return FV_ERR_NO_MEMORY;
    plan->data = e;
    e->layout = use->layout;
    e->geom = geom;
    e->depth = geom.c / geom.groups;
    e->filters = geom.k / geom.groups;
    const int64_t asked = plan->problem.shards;
    e->shards = asked > 0 && asked <= FV_SHARDS_MAX && geom.n % asked == 0 ? asked : fv_shards(geom.n);
    e->images = geom.n / e->shards;
    const int64_t l2 = fv_ctx_cpu(plan->ctx)->l2 > 0 ? fv_ctx_cpu(plan->ctx)->l2 : 1 << 20;
    choose_blocks(e, l2 / 4, plan->threads);
    choose_sources(e, plan->kernels->gemm);
    choose_sums(e);
    choose_pieces(e, plan->kernels->gemm, l2 / 4 / 4);
    if (e->order == FV_WGRAD_BY_BLOCK && plan->threads > 1 && e->shards > 1 && e->block.count < 4 * plan->threads &&
        e->block.count * e->shards * e->sum.block_floats <= PARTIALS_MAX)
        e->order = FV_WGRAD_BY_SHARD;
    for (e->levels = 1; e->levels < FV_WGRAD_LEVELS && ((int64_t)1 << (e->levels - 1)) < e->shards;)
        e->levels++;
    e->worker_floats = e->src.floats + e->dst.floats;
    if (e->order != FV_WGRAD_BY_SHARD)
        e->worker_floats += e->levels * (e->order == FV_WGRAD_BY_UNIT ? e->sum.unit_floats : e->sum.block_floats);
    e->max_threads = fv_conv_macs(&geom) < 5e5 ? 1 : 0;
    if (make_tables(plan, e) != FV_OK) {
        fv_conv_wgrad_release(plan);
        return FV_ERR_NO_MEMORY;
    }
    return FV_OK;
}

void fv_conv_wgrad_release(fv_plan *plan)
{
    fv_conv_wgrad *e = plan->data;
    if (!e)
        return;
    fv_free(plan->ctx, e->sum.unit_at);
    fv_free(plan->ctx, e->sum.a_col);
    fv_free(plan->ctx, e->piece.runs);
    fv_free(plan->ctx, e);
    plan->data = NULL;
}

size_t fv_conv_wgrad_workspace_bytes(const fv_plan *plan)
{
    const fv_conv_wgrad *e = plan->data;
    const int64_t partials = e->order == FV_WGRAD_BY_SHARD ? e->block.count * e->shards * e->sum.block_floats : 0;
    return (size_t)(e->worker_floats * plan->threads + partials) * sizeof(float);
}
