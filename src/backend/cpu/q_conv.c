/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of convolutions of 8-bit integers: as a product without an im2col buffer, and of single channels. A task
   widens the rows that its block of results needs into a strip of its worker's, padding as zeros. */
#include <string.h>

#include "backend/cpu/split.h"
#include "kernels/quant/quant.h"
#include "ops/conv_geom.h"
#include "ops/qat.h"

/* Pairs of a strip: it stays in the second-level cache beside a panel of filters. */
#define STRIP_PAIRS 24576
/* Channels of a task of single channels. */
#define CHANNELS 64
/* Multiply-adds below which one thread is enough. */
#define SMALL 60000.0

typedef struct q_layout {
    fv_conv_geom g;
    bool single;           /* a channel each: pairs are columns, else channels */
    int64_t depth, cols;   /* of a group: channels, filters */
    int64_t pixel, width;  /* of a strip: pairs of a pixel, pixels of a row */
    int64_t rows, blocks;  /* rows of results of a task, such blocks of an image */
    int64_t panels, parts; /* of the filters of a group: panels, tasks that share them */
    int64_t strip;         /* int32 of a worker */
    int64_t packed, panel; /* int32 of packed filters, of a panel */
    int nr;
    double macs;
} q_layout;

typedef struct q_job {
    const fv_quant_kernels *k;
    q_layout l;
    fv_q_byte byte;
    fv_q_end end;
    const float *line; /* scale and zero point of each image; NULL: those of the node */
    const uint8_t *src;
    const int32_t *packed;
    uint8_t *dst;
    size_t dst_size;
    int32_t *workspace;
} q_job;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Whether results are floats, of images that have a scale and a zero point each (q_conv2d_real). */
static bool is_real(const fv_node *node)
{
    return node->out[0]->dtype == FV_F32;
}

/* 1x1 filters that see each pixel once: one column of pixels, of all images or of each. */
static void flatten(fv_conv_geom *g, bool all)
{
    fv_window *w = &g->win;
    for (int i = 0; i < 2; i++)
        if (w->size[i] != 1 || w->stride[i] != 1 || w->pad[i] != 0 || w->pad[i + 2] != 0)
            return;
    w->h = w->p = (all ? g->n : 1) * w->h * w->w;
    w->w = w->q = 1;
    g->n = all ? 1 : g->n;
}

/* Rows of the image that `rows` rows of results need. */
static int64_t rows_in(const fv_window *w, int64_t rows)
{
    return (rows - 1) * w->stride[0] + (w->size[0] - 1) * w->dilation[0] + 1;
}

static q_layout layout_of(const fv_plan *plan, bool single)
{
    q_layout l = {.g = fv_conv_geom_forward(plan->problem.node), .single = single, .nr = plan->kernels->quant->nr};
    l.macs = fv_conv_macs(&l.g);
    if (!single)
        flatten(&l.g, !is_real(plan->problem.node));
    const fv_window *w = &l.g.win;
    l.depth = l.g.c / l.g.groups;
    l.cols = l.g.k / l.g.groups;
    l.panels = single ? fv_div_up(l.g.c, CHANNELS) : fv_div_up(l.cols, l.nr);
    l.parts = single ? l.panels : 1;
    l.pixel = single ? least(l.g.c, CHANNELS) : fv_div_up(l.depth, 2);
    const int64_t last = single ? (w->size[1] - 1) / 2 * 2 : w->size[1] - 1;
    l.width = (w->q - 1) * w->stride[1] + last * w->dilation[1] + 1;
    l.rows = w->p;
    while (l.rows > 1 && rows_in(w, l.rows) * l.width * l.pixel > STRIP_PAIRS)
        l.rows = (l.rows + 1) / 2;
    const int64_t groups = single ? 1 : l.g.groups, want = plan->threads > 1 ? 4 * plan->threads : 1;
    while (l.rows > 1 && l.rows * w->q > 32 && l.g.n * groups * l.parts * fv_div_up(w->p, l.rows) < want)
        l.rows = (l.rows + 1) / 2;
    l.blocks = fv_div_up(w->p, l.rows);
    while (!single && l.parts < l.panels && l.g.n * groups * l.parts * l.blocks < want)
        l.parts++;
    l.strip = (rows_in(w, l.rows) * l.width * l.pixel + FV_Q_SLACK + 15) / 16 * 16;
    const int64_t taps = w->size[0] * (single ? (w->size[1] + 1) / 2 : w->size[1]);
    l.panel = taps * l.pixel * l.nr;
    l.packed = single ? taps * l.g.c + FV_Q_SLACK : l.g.groups * l.panels * l.panel;
    return l;
}

static bool is_single(const fv_solver *self)
{
    return self->arg != NULL;
}

/* Attributes of q_conv2d, or such as the operands of qat_conv2d make. */
static bool has_pairs(const fv_node *node)
{
    return node->n_in == 6;
}

static fv_q_conv2d_attr attr_of(const fv_call *call)
{
    fv_q_conv2d_attr attr = {.src_zero = 0};
    if (has_pairs(call->node))
        fv_qat_conv2d_set(call, &attr);
    else if (!is_real(call->node))
        attr = *(const fv_q_conv2d_attr *)call->node->attr;
    return attr;
}

static const char *q_conv_reject(const fv_solver *self, const fv_problem *problem)
{
    const fv_node *node = problem->node;
    const fv_conv_geom g = fv_conv_geom_forward(node);
    if (node->op->attr_size == sizeof(fv_q_conv2d_attr) && !has_pairs(node)) {
        const fv_q_conv2d_attr *attr = node->attr;
        if (node->n_in == 4)
            return "scales in the place of factors";
        if (node->n_in == 5 && attr->min > attr->max)
            return "min above max";
    } else if (!has_pairs(node) && !is_real(node)) {
        return "only f32";
    } else if (!has_pairs(node) && fv_in_shape(node, 2)->dim[1] != 1) {
        return "a scale for each pixel";
    }
    return is_single(self) && (g.groups != g.c || g.k != g.c) ? "groups of more than one channel" : NULL;
}

/* A pair of channels or columns costs the same where one of them is missing, and so do 16 filters. */
static double q_conv_cost(const fv_solver *self, const fv_problem *problem)
{
    const fv_conv_geom g = fv_conv_geom_forward(problem->node);
    const double pixels = (double)g.n * (double)g.win.p * (double)g.win.q;
    const int64_t depth = g.c / g.groups, cols = g.k / g.groups;
    const double stream = fv_stream_cost(self, problem),
                 widened = 0.2 * (double)g.n * (double)(g.win.h * g.win.w * g.c);
    if (is_single(self))
        return stream + widened + fv_conv_macs(&g) / 40.0;
    const double products = (double)g.groups * (double)(g.win.size[0] * g.win.size[1]) *
                            (double)(fv_div_up(depth, 2) * 2) * (double)(fv_div_up(cols, 16) * 16);
    return stream + widened + pixels * products / 90.0;
}

static size_t q_conv_packed_bytes(const fv_plan *plan)
{
    return (size_t)layout_of(plan, is_single(plan->solver)).packed * sizeof(int32_t);
}

/* Strips of the workers, and behind them the factors of filters where they are to be made. */
static size_t q_conv_workspace_bytes(const fv_plan *plan)
{
    const q_layout l = layout_of(plan, is_single(plan->solver));
    const int64_t factors = has_pairs(plan->problem.node) ? 2 * l.g.k : 0;
    return (size_t)(l.strip * plan->threads + factors) * sizeof(int32_t);
}

/* ---- filters ---- */

/* How bytes are read: unsigned integers stand for signed ones of 128 less, and their zero points with them. */
static fv_q_byte byte_of(fv_dtype dtype, int64_t zero)
{
    const int64_t less = dtype == FV_U8 ? 128 : 0, near = zero - less;
    const int32_t clamped = (int32_t)(near < -128 ? -128 : near > 127 ? 127 : near);
    return (fv_q_byte){dtype == FV_U8 ? 0 : 128, clamped + 128};
}

static int32_t pair_of(fv_q_byte byte, const uint8_t *w, int64_t step, bool both)
{
    const int32_t x = (w[0] ^ byte.flip) - byte.zero, y = both ? (w[step] ^ byte.flip) - byte.zero : 0;
    return (int32_t)((uint32_t)y << 16 | ((uint32_t)x & 0xffff));
}

static void pack_panel(const q_layout *l, fv_q_byte byte, const uint8_t *wei, int64_t cols, int32_t *to)
{
    const int64_t taps = l->g.win.size[0] * l->g.win.size[1];
    for (int64_t t = 0; t < taps; t++)
        for (int64_t c = 0; c < l->depth; c += 2, to += l->nr)
            for (int64_t j = 0; j < l->nr; j++)
                to[j] = j < cols ? pair_of(byte, wei + (j * taps + t) * l->depth + c, 1, c + 1 < l->depth) : 0;
}

static void q_conv_pack(const fv_plan *plan, const fv_call *call, void *packed)
{
    const q_layout l = layout_of(plan, is_single(plan->solver));
    const fv_node *node = plan->problem.node;
    const bool plain = !has_pairs(node) && !is_real(node);
    const fv_q_byte byte = byte_of(node->in[1]->dtype, plain ? ((const fv_q_conv2d_attr *)node->attr)->wei_zero : 0);
    const uint8_t *wei = call->in[1];
    const int64_t r = l.g.win.size[0], s = l.g.win.size[1];
    int32_t *to = packed;
    if (!l.single) {
        for (int64_t i = 0; i < l.g.groups * l.panels; i++, to += l.panel) {
            const int64_t col = i % l.panels * l.nr;
            pack_panel(&l, byte, wei + (i / l.panels * l.cols + col) * r * s * l.depth, least(l.cols - col, l.nr), to);
        }
        return;
    }
    for (int64_t i = 0; i < r; i++)
        for (int64_t j = 0; j < s; j += 2)
            for (int64_t c = 0; c < l.g.c; c++)
                *to++ = pair_of(byte, wei + (c * r + i) * s + j, 1, j + 1 < s);
    memset(to, 0, FV_Q_SLACK * sizeof *to);
}

/* ---- strips ---- */

static int32_t *zeros(int32_t *to, int64_t count)
{
    if (count > 0)
        memset(to, 0, (size_t)count * sizeof *to);
    return count > 0 ? to + count : to;
}

/* One row, of the channels of a group from src on; what is written behind a pixel is overwritten by the next. */
static void widen_row(const q_job *x, const uint8_t *src, int32_t *to)
{
    const q_layout *l = &x->l;
    const int64_t x0 = -l->g.win.pad[1], w = l->g.win.w, c = l->g.c;
    const int64_t begin = x0 < 0 ? 0 : x0, end = least(w, x0 + l->width);
    to = zeros(to, least(begin - x0, l->width) * l->pixel);
    if (l->g.groups == 1 && c % 2 == 0 && end > begin) {
        x->k->widen(x->byte, (end - begin) * c, src + begin * c, to);
        to += (end - begin) * l->pixel;
    } else {
        for (int64_t i = begin; i < end; i++, to += l->pixel)
            x->k->widen(x->byte, l->depth, src + i * c, to);
    }
    zeros(to, (x0 + l->width - (end > begin ? end : begin)) * l->pixel);
}

static const uint8_t *column(const q_layout *l, const uint8_t *src, int64_t i)
{
    return i >= 0 && i < l->g.win.w ? src + i * l->g.c : NULL;
}

static void widen_columns(const q_job *x, const uint8_t *src, int64_t channels, int32_t *to)
{
    const q_layout *l = &x->l;
    for (int64_t i = 0; i < l->width; i++, to += channels) {
        const int64_t at = i - l->g.win.pad[1];
        x->k->widen_columns(x->byte, channels, column(l, src, at), column(l, src, at + l->g.win.dilation[1]), to);
    }
}

/* Rows from `y` on of an image whose first channel that matters is src's. */
static void fill_strip(const q_job *x, const uint8_t *src, int64_t y, int64_t rows, int64_t channels, int32_t *to)
{
    const q_layout *l = &x->l;
    const int64_t row = l->width * (l->single ? channels : l->pixel);
    for (int64_t i = 0; i < rows; i++, y++, to += row) {
        const uint8_t *from = src + y * l->g.win.w * l->g.c;
        if (y < 0 || y >= l->g.win.h)
            zeros(to, row);
        else if (l->single)
            widen_columns(x, from, channels, to);
        else
            widen_row(x, from, to);
    }
}

/* ---- running ---- */

static fv_q_end end_from(const fv_q_end *end, int64_t channel)
{
    fv_q_end e = *end;
    e.bias = e.bias ? e.bias + channel : NULL;
    e.factor = e.factor ? e.factor + channel : NULL;
    e.shifted = e.shifted ? e.shifted + channel : NULL;
    e.mul = e.mul ? e.mul + channel : NULL;
    e.shift = e.shift ? e.shift + channel : NULL;
    return e;
}

/* A block of rows of one image. */
typedef struct q_block {
    int64_t image, p, rows;
    int32_t *strip;
} q_block;

static q_block block_of(const q_job *x, int64_t at, int worker)
{
    const q_layout *l = &x->l;
    q_block b = {.image = at / l->blocks, .p = at % l->blocks * l->rows, .strip = x->workspace + worker * l->strip};
    b.rows = least(l->rows, l->g.win.p - b.p);
    return b;
}

/* What the job is for one image. */
static q_job job_of(const q_job *x, int64_t image)
{
    q_job own = *x;
    if (x->line) {
        const float zero = x->line[2 * image + 1];
        own.byte = byte_of(FV_I8, zero >= -128.0f && zero <= 127.0f ? (int64_t)zero : 0);
        own.end.line = x->line[2 * image];
    }
    return own;
}

static void product_task(void *arg, int64_t task, int worker)
{
    const q_job *all = arg;
    const q_layout *l = &all->l;
    const fv_window *w = &l->g.win;
    const int64_t part = task % l->parts, group = task / l->parts % l->g.groups;
    const q_block b = block_of(all, task / l->parts / l->g.groups, worker);
    const q_job own = job_of(all, b.image), *x = &own;
    const int64_t first = part * l->panels / l->parts, end = (part + 1) * l->panels / l->parts;
    const int64_t row = l->width * l->pixel, rows = w->q == 1 ? 1 : b.rows;
    fill_strip(x, x->src + b.image * w->h * w->w * l->g.c + group * l->depth, fv_window_begin(w, 0, b.p),
               rows_in(w, b.rows), l->depth, b.strip);
    const bool joined = w->dilation[1] == 1;
    fv_q_gemm g = {.m = w->q == 1 ? b.rows : w->q,
                   .taps = {w->size[0], joined ? 1 : w->size[1]},
                   .depth = joined ? w->size[1] * l->pixel : l->pixel,
                   .a_step = w->q == 1 ? w->stride[0] * row : w->stride[1] * l->pixel,
                   .a_tap = {w->dilation[0] * row, w->dilation[1] * l->pixel},
                   .dst_step = l->g.k};
    for (int64_t panel = first; panel < end; panel++) {
        const int64_t channel = group * l->cols + panel * l->nr;
        g.n = least(l->nr, l->cols - panel * l->nr);
        g.b = x->packed + (group * l->panels + panel) * l->panel;
        g.end = end_from(&x->end, channel);
        for (int64_t i = 0; i < rows; i++) {
            g.a = b.strip + i * w->stride[0] * row;
            g.dst = x->dst + (size_t)(((b.image * w->p + b.p + i) * w->q) * l->g.k + channel) * x->dst_size;
            x->k->gemm(&g);
        }
    }
}

static void single_task(void *arg, int64_t task, int worker)
{
    const q_job *all = arg;
    const q_layout *l = &all->l;
    const fv_window *w = &l->g.win;
    const q_block b = block_of(all, task / l->parts, worker);
    const q_job own = job_of(all, b.image), *x = &own;
    const int64_t channel = task % l->parts * CHANNELS, channels = least(CHANNELS, l->g.c - channel);
    const int64_t row = l->width * channels;
    fill_strip(x, x->src + b.image * w->h * w->w * l->g.c + channel, fv_window_begin(w, 0, b.p), rows_in(w, b.rows),
               channels, b.strip);
    fv_q_depthwise d = {.m = w->q,
                        .c = channels,
                        .taps = {w->size[0], (w->size[1] + 1) / 2},
                        .a_step = w->stride[1] * channels,
                        .a_tap = {w->dilation[0] * row, 2 * w->dilation[1] * channels},
                        .b = x->packed + channel,
                        .b_step = l->g.c,
                        .end = end_from(&x->end, channel),
                        .dst_step = l->g.c};
    for (int64_t i = 0; i < b.rows; i++) {
        d.a = b.strip + i * w->stride[0] * row;
        d.dst = x->dst + (size_t)(((b.image * w->p + b.p + i) * w->q) * l->g.c + channel) * x->dst_size;
        x->k->depthwise(&d);
    }
}

static fv_q_end end_of(const fv_call *call, const fv_q_conv2d_attr *attr, int64_t filters, int32_t *factors)
{
    const fv_node *node = call->node;
    if (is_real(node))
        return (fv_q_end){.factor = call->in[3], .shifted = call->in[4]};
    fv_q_end end = {.bias = call->in[2]};
    if (node->n_in < 5)
        return end;
    const int64_t bottom = node->in[0]->dtype == FV_U8 ? 0 : -128, top = bottom + 255;
    const int64_t low = attr->min < bottom ? bottom : least(attr->min, top);
    const int64_t high = attr->max < bottom ? bottom : least(attr->max, top);
    for (int64_t k = 0; has_pairs(node) && k < filters; k++)
        fv_qat_conv2d_factor(call, attr, k, &factors[k], &factors[filters + k]);
    end.mul = has_pairs(node) ? factors : call->in[3];
    end.shift = has_pairs(node) ? factors + filters : call->in[4];
    end.once = attr->once;
    end.zero = (int32_t)attr->dst_zero;
    end.low = (int32_t)(low - attr->dst_zero);
    end.high = (int32_t)(high - attr->dst_zero);
    return end;
}

static void q_conv_run(const fv_plan *plan, const fv_call *call)
{
    const fv_node *node = call->node;
    const fv_q_conv2d_attr attr = attr_of(call);
    q_job job = {.k = plan->kernels->quant, .l = layout_of(plan, is_single(plan->solver))};
    const q_layout *l = &job.l;
    job.end = end_of(call, &attr, l->g.k, (int32_t *)call->workspace + l->strip * plan->threads);
    if (is_real(node))
        job.line = call->in[2];
    else
        job.byte = byte_of(node->in[0]->dtype, attr.src_zero);
    job.src = call->in[0];
    job.packed = call->packed;
    job.dst = call->out[0];
    job.dst_size = fv_dtype_size(node->out[0]->dtype);
    job.workspace = call->workspace;
    /* Of an image that is a column of all pixels only those that matter. */
    const int64_t images = node->in[0]->shape.dim[0];
    if (l->g.n == images)
        job.l.g.n = fv_call_part(call, images);
    else
        job.l.g.win.p = fv_call_part(call, l->g.win.p);
    job.l.blocks = fv_div_up(l->g.win.p, l->rows);
    const int64_t tasks = l->g.n * l->blocks * l->parts * (l->single ? 1 : l->g.groups);
    fv_parallel(plan->ctx, tasks, l->macs < SMALL ? 1 : 0, l->single ? single_task : product_task, &job);
}

/* The two solvers of an operator: sums of pairs of channels, and of single channels. */
#define Q_CONV_SOLVER(op_, last_, arg_)                                                                                \
    {                                                                                                                  \
        .name = "cpu." op_ last_, .op = op_, .version = 1, .arg = arg_, .packs = 1 << 1, .reject = q_conv_reject,      \
        .cost = q_conv_cost, .packed_bytes = q_conv_packed_bytes, .pack = q_conv_pack,                                 \
        .workspace_bytes = q_conv_workspace_bytes, .run = q_conv_run                                                   \
    }
#define Q_CONV_SOLVERS(op_) Q_CONV_SOLVER(op_, ".igemm", NULL), Q_CONV_SOLVER(op_, ".depthwise", &fv_cpu_q_conv_solvers)

extern const fv_solver fv_cpu_q_conv_solvers[];
const fv_solver fv_cpu_q_conv_solvers[] = {
    Q_CONV_SOLVERS("q_conv2d"),
    Q_CONV_SOLVERS("qat_conv2d"),
    Q_CONV_SOLVERS("q_conv2d_real"),
    {.name = NULL},
};
