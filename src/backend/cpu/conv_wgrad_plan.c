/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the tables of the engine in conv_wgrad.h. Block sizes never change a bit of a result. */
#include "backend/cpu/conv_wgrad_data.h"

#include <string.h>

#include "ops/ops.h"

static int64_t div_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* x cut into equal parts of at most `most`, a multiple of `unit` where there are several. */
static int64_t even_part(int64_t x, int64_t most, int64_t unit)
{
    if (x <= most)
        return x;
    const int64_t part = div_up(div_up(x, div_up(x, most)), unit) * unit;
    return least(part, x);
}

/* Share of vector lanes that n columns fill. */
static double lanes_filled(int64_t n)
{
    return (double)n / (double)(div_up(n, 16) * 16);
}

/* With very few channels the filters fill vectors better. */
static bool is_turned(const fv_conv_geom *geom)
{
    const int64_t depth = geom->c / geom->groups, filters = geom->k / geom->groups;
    return depth <= 8 && lanes_filled(filters) > 1.15 * lanes_filled(geom->win.size[1] * depth) &&
           geom->win.size[0] * geom->win.size[1] * depth <= 4096;
}

const char *fv_conv_wgrad_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    if (problem->dtype != FV_F32)
        return "not float32";
    return NULL;
}

double fv_conv_wgrad_cost(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_geom geom = ((const fv_conv_wgrad_use *)self->arg)->geom(problem->node);
    const int64_t depth = geom.c / geom.groups;
    const double filled = is_turned(&geom) ? lanes_filled(geom.k / geom.groups)
                                           : lanes_filled(depth % 32 ? geom.win.size[1] * depth : depth);
    const fv_node *node = problem->node;
    double floats = (double)fv_shape_count(fv_out_shape(node, 0));
    for (int i = 0; i < 2; i++)
        floats += (double)fv_shape_count(fv_in_shape(node, i));
    return 500.0 + 2.0 * fv_conv_macs(&geom) / filled / 100.0 + 4.0 * floats / 10.0;
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

/* Pixels of a shard below which loading, storing and adding sums would show: see fv_conv_wgrad.whole. */
#define WHOLE_SHARD_PIXELS 256

/* Block of d_wei then: with several taps a copy of src serves each of them; with one, wide rows pay for it. */
static void whole_block(const fv_conv_wgrad *e, int64_t block[2])
{
    const bool taps = e->geom.win.size[0] * e->geom.win.size[1] > 1;
    block[0] = 64;
    block[1] = taps ? 128 : 256;
}

static bool is_whole(const fv_conv_wgrad *e, int64_t floats)
{
    const fv_window *w = &e->geom.win;
    int64_t block[2];
    whole_block(e, block);
    const int64_t pixels = e->geom.n * w->p * w->q;
    const int64_t reach = w->size[0] * w->size[1] == 1
                              ? w->p * w->q
                              : ((w->p - 1) * w->stride[0] + (w->size[0] - 1) * w->dilation[0] + 1) *
                                    ((w->q - 1) * w->stride[1] + (w->size[1] - 1) * w->dilation[1] + 1);
    return !e->turned && e->images * w->p * w->q <= WHOLE_SHARD_PIXELS &&
           pixels * least(e->filters, block[0]) + e->geom.n * reach * least(e->depth, block[1]) <= floats;
}

static void choose_blocks(fv_conv_wgrad *e, int64_t l2_floats, int threads)
{
    const fv_window *w = &e->geom.win;
    const int64_t taps = w->size[0] * w->size[1];
    e->turned = is_turned(&e->geom);
    e->whole = is_whole(e, l2_floats / 2);
    int64_t block[2];
    whole_block(e, block);
    e->block_c = e->turned ? e->depth : even_part(e->depth, block[1], 32);
    int64_t most = block[0];
    if (!e->whole) {
        most = l2_floats / 5 / (taps * e->block_c);
        most = most < 28 ? 28 : most > 256 ? 256 : most;
    }
    e->block_k = even_part(e->filters, most, 16);
    /* Where shards do not give enough tasks, smaller blocks do. */
    const int64_t per_block = e->whole ? 1 : e->shards;
    while (threads > 1 && e->block_k > 32 &&
           div_up(e->filters, e->block_k) * div_up(e->depth, e->block_c) * e->geom.groups * per_block < 3 * threads)
        e->block_k = even_part(e->filters, e->block_k / 2, 16);
    e->blocks_k = div_up(e->filters, e->block_k);
    e->blocks_c = div_up(e->depth, e->block_c);
    e->blocks = e->blocks_k * e->blocks_c * e->geom.groups;
    const int64_t tasks = threads > 1 ? 4 * threads : 1;
    e->k_tasks = least(div_up(tasks, e->blocks_c * e->geom.groups), e->blocks_k);
}

/* Whether `part` channels of every pixel lie at such a distance that they share few sets of a cache. */
static bool is_crowded(int64_t channels, int64_t part)
{
    return channels % 256 == 0 && channels >= 2 * part;
}

/* Where src is read and how the sums of a block lie. */
static void choose_layout(fv_conv_wgrad *e, const fv_gemm_kernels *gemm)
{
    const fv_window *w = &e->geom.win;
    e->flat = w->stride[0] == 1 && w->stride[1] == 1 && w->size[0] == 1 && w->size[1] == 1 && w->p == w->h &&
              w->q == w->w && all_inside(&e->geom);
    e->direct = all_inside(&e->geom) && !(e->flat && is_crowded(e->geom.c, e->block_c));
    e->copies_dst = is_crowded(e->geom.k, e->block_k);
    e->dst_strip = (fv_strip){.h = 1, .c = e->geom.k, .pitch = e->copies_dst ? e->block_k : e->geom.k};
    e->strip = (fv_strip){.h = w->h,
                          .w = w->w,
                          .c = e->geom.c,
                          .depth = e->block_c,
                          .x0 = -w->pad[1],
                          .cols = (w->q - 1) * w->stride[1] + (w->size[1] - 1) * w->dilation[1] + 1,
                          .pitch = e->direct ? e->geom.c : e->block_c};
    /* Blocks of unequal width would need unequal pitches; the copy then keeps taps apart. */
    e->merged = !e->turned && w->size[1] > 1 && w->dilation[1] == 1 && e->block_c % 32 != 0 &&
                e->strip.pitch == e->block_c && e->depth % e->block_c == 0;
    e->packs = !e->turned && !e->merged;
    e->compact = e->packs && w->size[0] == 1 && w->size[1] == 1 && all_inside(&e->geom);
    e->one_run = e->flat || e->compact;
    if (e->packs) {
        e->direct = false;
        e->copies_dst = true;
        e->dst_strip.pitch = gemm->tn_step;
        e->strip.pitch = gemm->nr;
        e->strip.cols = e->compact ? w->q : e->strip.cols;
    }
    e->src_row = e->direct ? w->w * e->geom.c : fv_strip_row(&e->strip);
    if (e->turned) {
        e->units = 1;
        e->row_step = div_up(e->block_k, 16) * 16;
        e->unit_floats = w->size[0] * w->size[1] * e->depth * e->row_step;
    } else {
        e->units = e->merged ? w->size[0] : w->size[0] * w->size[1];
        e->row_step = div_up(e->merged ? w->size[1] * e->block_c : e->block_c, 16) * 16;
        e->unit_floats = e->block_k * e->row_step;
    }
    e->block_floats = e->units * e->unit_floats;
}

/* Pixels of a piece: enough to make loading and storing the sums cheap, few enough to stay in the cache. */
#define PIECE_PIXELS 448

static void choose_pieces(fv_conv_wgrad *e, const fv_gemm_kernels *gemm, int64_t floats)
{
    const fv_window *w = &e->geom.win;
    /* Floats that one output row needs. */
    const int64_t row = w->q * e->block_k + w->stride[0] * w->q * w->stride[1] * e->block_c;
    int64_t rows = least(div_up(PIECE_PIXELS, w->q), floats / row);
    rows = rows < 1 ? 1 : rows;
    e->piece_images = 1;
    e->piece_rows = least(rows, w->p);
    if (rows >= 2 * w->p)
        e->piece_images = least(rows / w->p, e->images);
    else if (e->piece_rows < w->p)
        e->piece_rows = div_up(w->p, div_up(w->p, e->piece_rows));
    if (e->whole) {
        e->piece_images = e->geom.n;
        e->piece_rows = w->p;
    }
    const int64_t reach =
        e->compact ? e->piece_rows : (e->piece_rows - 1) * w->stride[0] + (w->size[0] - 1) * w->dilation[0] + 1;
    const int64_t pixels = e->piece_images * e->piece_rows * w->q;
    e->src_image = e->direct ? w->h * w->w * e->geom.c : reach * e->src_row;
    /* Vectors may read behind the last pixel: the sums come after it in memory. */
    if (e->packs) {
        /* The odd line keeps tiles and panels from crowding into the same sets of a cache. */
        e->dst_tile = pixels * gemm->tn_step + 16;
        e->src_panel = e->piece_images * e->src_image + 16;
        e->dst_floats = div_up(div_up(e->block_k, gemm->tn_mr) * e->dst_tile + FV_GEMM_NR_MAX, 16) * 16;
        e->strip_floats = div_up(div_up(e->block_c, gemm->nr) * e->src_panel + FV_GEMM_NR_MAX, 16) * 16;
        return;
    }
    e->dst_floats = e->copies_dst ? div_up(pixels * e->block_k + FV_GEMM_NR_MAX, 16) * 16 : 0;
    e->strip_floats = e->direct ? 0 : div_up(e->piece_images * e->src_image + FV_GEMM_NR_MAX, 16) * 16;
}

static fv_status make_tables(fv_plan *plan, fv_conv_wgrad *e)
{
    const fv_window *w = &e->geom.win;
    const int64_t taps = w->size[0] * w->size[1];
    e->unit_at = fv_calloc(plan->ctx, (size_t)e->units, sizeof(int64_t));
    e->a_col = fv_calloc(plan->ctx, e->turned ? (size_t)(taps * e->depth) : 1, sizeof(int64_t));
    e->runs = fv_calloc(plan->ctx, (size_t)(e->piece_images * e->piece_rows), sizeof(fv_tn_run));
    if (!e->unit_at || !e->a_col || !e->runs)
        return FV_ERR_NO_MEMORY;
    for (int64_t u = 0; u < e->units && !e->turned; u++) {
        const int64_t r = e->merged ? u : u / w->size[1], s = e->merged ? 0 : u % w->size[1];
        e->unit_at[u] = r * w->dilation[0] * e->src_row + s * w->dilation[1] * e->strip.pitch;
    }
    for (int64_t i = 0; e->turned && i < taps * e->depth; i++) {
        const int64_t r = i / (w->size[1] * e->depth), s = i / e->depth % w->size[1];
        e->a_col[i] = r * w->dilation[0] * e->src_row + s * w->dilation[1] * e->strip.pitch + i % e->depth;
    }
    /* The broadcast operand is d_dst, or src when turned. */
    for (int64_t i = 0; i < e->piece_images * e->piece_rows; i++) {
        const int64_t image = i / e->piece_rows, p = i % e->piece_rows;
        const int64_t d_dst = i * w->q * e->dst_strip.pitch;
        const int64_t src = image * e->src_image + p * (e->compact ? 1 : w->stride[0]) * e->src_row;
        e->runs[i] = (fv_tn_run){.a = e->turned ? src : d_dst, .b = e->turned ? d_dst : src, .count = w->q};
    }
    return FV_OK;
}

/* All partial sums of a small d_wei may exist at once, in at most this many floats. */
#define PARTIALS_MAX ((int64_t)4 << 20)

fv_status fv_conv_wgrad_prepare(fv_plan *plan)
{
    const fv_conv_geom geom = ((const fv_conv_wgrad_use *)plan->solver->arg)->geom(plan->problem.node);
    fv_conv_wgrad *e = fv_new(plan->ctx, fv_conv_wgrad);
    if (!e)
        return FV_ERR_NO_MEMORY;
    plan->data = e;
    e->geom = geom;
    e->depth = geom.c / geom.groups;
    e->filters = geom.k / geom.groups;
    const int64_t asked = plan->problem.shards;
    e->shards = asked > 0 && asked <= FV_SHARDS_MAX && geom.n % asked == 0 ? asked : fv_shards(geom.n);
    e->images = geom.n / e->shards;
    const int64_t l2 = fv_ctx_cpu(plan->ctx)->l2 > 0 ? fv_ctx_cpu(plan->ctx)->l2 : 1 << 20;
    choose_blocks(e, l2 / 4, plan->threads);
    choose_layout(e, plan->kernels->gemm);
    choose_pieces(e, plan->kernels->gemm, l2 / 4 / 4);
    e->by_shard = !e->whole && plan->threads > 1 && e->shards > 1 && e->blocks < 4 * plan->threads &&
                  e->blocks * e->shards * e->block_floats <= PARTIALS_MAX;
    for (e->levels = 1; e->levels < FV_WGRAD_LEVELS && ((int64_t)1 << (e->levels - 1)) < e->shards;)
        e->levels++;
    e->worker_floats = e->strip_floats + e->dst_floats;
    if (!e->by_shard)
        e->worker_floats += e->levels * (e->whole ? e->unit_floats : e->block_floats);
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
    fv_free(plan->ctx, e->unit_at);
    fv_free(plan->ctx, e->a_col);
    fv_free(plan->ctx, e->runs);
    fv_free(plan->ctx, e);
    plan->data = NULL;
}

size_t fv_conv_wgrad_workspace_bytes(const fv_plan *plan)
{
    const fv_conv_wgrad *e = plan->data;
    const int64_t partials = e->by_shard ? e->blocks * e->shards * e->block_floats : 0;
    return (size_t)(e->worker_floats * plan->threads + partials) * sizeof(float);
}
