/* SPDX-License-Identifier: Apache-2.0 */
#include "io/jpeg_baseline.h"

#include <string.h>

#include "io/jpeg_huffman.h"
#include "kernels/jpeg/jpeg.h"
#include "kernels/kernels.h"

enum { PAD = 16 }; /* bytes behind the scan that the bit reader may read */

/* One of the planes: sizes of the whole image, and the blocks of it that are decoded. */
typedef struct plane {
    int id, h_samp, v_samp, quant, dc, ac;
    int64_t w, h;               /* in samples */
    int bw, bh;                 /* a block's size in samples: 8 unless the image is reduced */
    int64_t bx0, bx1, by0, by1; /* blocks wanted */
    uint8_t *data; /* the rows of two rows of MCUs, in turns, from column bw bx0 on; room for a sample on each side */
    int64_t stride;
    int32_t last_dc;
} plane;

/* What the markers say; everything in it is checked against what this decoder can do. */
typedef struct baseline {
    const uint8_t *data;
    size_t size, at;
    int64_t h, w;
    int n_planes, h_max, v_max;
    int denom;         /* the image comes at 1 / denom of its size */
    bool across, down; /* chroma has half as many columns or rows, which are interpolated */
    plane planes[3];
    uint16_t quant[4][64];
    bool have_quant[4], have_frame, jfif, adobe;
    int adobe_transform;
    int64_t restart;       /* blocks of all planes ("MCUs") between restart markers; 0: none */
    fv_huffman *tables[8]; /* 4 for DC, 4 for AC; NULL until defined */
    fv_huffman *memory;
    uint8_t *scan; /* without stuffing and markers */
    size_t *ends;  /* of its intervals */
    int64_t n_ends, ends_room;
    uint8_t *samples;
    uint8_t *wide;   /* two rows of chroma at full width */
    int64_t written; /* rows of the image up to here are done */
    const fv_jpeg_kernels *kernels;
    const fv_huffman_decoder *huffman;
} baseline;

static int u16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

/* ---- markers: false means that libjpeg has to look at it ---- */

static bool read_quant(baseline *b, const uint8_t *p, size_t n)
{
    static const uint8_t zigzag[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                       12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                       35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                       58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};
    while (n > 0) {
        const int wide = p[0] >> 4, t = p[0] & 15;
        const size_t need = wide ? 129 : 65;
        if (wide > 1 || t > 3 || n < need)
            return false;
        for (int i = 0; i < 64; i++)
            b->quant[t][zigzag[i]] = (uint16_t)(wide ? u16(p + 1 + 2 * i) : p[1 + i]);
        b->have_quant[t] = true;
        p += need;
        n -= need;
    }
    return true;
}

static bool read_huffman(baseline *b, const uint8_t *p, size_t n)
{
    while (n > 0) {
        if (n < 17 || (p[0] & 0xEC))
            return false;
        const int t = (p[0] >> 4) * 4 + (p[0] & 3);
        int count = 0;
        for (int i = 1; i <= 16; i++)
            count += p[i];
        if (count > 256 || n < 17 + (size_t)count || !fv_huffman_build(&b->memory[t], t >= 4, p + 1, p + 17, count))
            return false;
        b->tables[t] = &b->memory[t];
        p += 17 + count;
        n -= 17 + (size_t)count;
    }
    return true;
}

static bool read_frame(baseline *b, const uint8_t *p, size_t n)
{
    if (b->have_frame || n < 6 || p[0] != 8 || n != 6 + 3 * (size_t)p[5] || (p[5] != 1 && p[5] != 3))
        return false;
    b->have_frame = true;
    b->h = u16(p + 1);
    b->w = u16(p + 3);
    b->n_planes = p[5];
    for (int i = 0; i < b->n_planes; i++) {
        plane *c = &b->planes[i];
        c->id = p[6 + 3 * i];
        c->h_samp = p[7 + 3 * i] >> 4;
        c->v_samp = p[7 + 3 * i] & 15;
        c->quant = p[8 + 3 * i];
        if (c->quant > 3)
            return false;
    }
    plane *c = b->planes;
    if (b->n_planes == 1) {
        if (c->h_samp < 1 || c->h_samp > 4 || c->v_samp < 1 || c->v_samp > 4)
            return false;
        c->h_samp = c->v_samp = 1; /* alone, its blocks come row by row whatever the factors are */
    }
    b->h_max = c->h_samp;
    b->v_max = c->v_samp;
    const int luma = c->h_samp * 10 + c->v_samp;
    if (luma != 11 && luma != 21 && luma != 22)
        return false;
    for (int i = 1; i < b->n_planes; i++) {
        if (c[i].h_samp != 1 || c[i].v_samp != 1)
            return false;
    }
    return true;
}

/* The rules of libjpeg for what three planes are. */
static bool is_ycc(const baseline *b)
{
    const plane *c = b->planes;
    if (b->n_planes == 1 || b->jfif)
        return true;
    if (b->adobe)
        return b->adobe_transform == 1;
    return !(c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B');
}

static bool read_scan_header(baseline *b, const uint8_t *p, size_t n)
{
    if (!b->have_frame || n != 4 + 2 * (size_t)b->n_planes || p[0] != b->n_planes)
        return false;
    for (int i = 0; i < b->n_planes; i++) {
        plane *c = &b->planes[i];
        c->dc = p[2 + 2 * i] >> 4;
        c->ac = 4 + (p[2 + 2 * i] & 15);
        if (p[1 + 2 * i] != c->id || c->dc > 3 || c->ac > 7 || !b->tables[c->dc] || !b->tables[c->ac] ||
            !b->have_quant[c->quant])
            return false;
    }
    const uint8_t *spectral = p + 1 + 2 * b->n_planes;
    return spectral[0] == 0 && spectral[1] == 63 && spectral[2] == 0 && is_ycc(b);
}

static bool read_application(baseline *b, int marker, const uint8_t *p, size_t n)
{
    if (marker == 0xE0 && n >= 14 && memcmp(p, "JFIF", 5) == 0) {
        b->jfif = true;
        return p[5] == 1;
    }
    if (marker == 0xEE && n >= 12 && memcmp(p, "Adobe", 5) == 0) {
        b->adobe = true;
        b->adobe_transform = p[11];
    }
    return true;
}

/* Everything in front of the scan, whose first byte is at b->at then. */
static bool read_markers(baseline *b)
{
    b->at = 2;
    while (b->size - b->at >= 4) {
        const uint8_t *p = b->data + b->at;
        const int marker = p[1];
        const size_t length = (size_t)u16(p + 2);
        if (p[0] != 0xFF || length < 2 || length > b->size - b->at - 2)
            return false;
        const uint8_t *body = p + 4;
        const size_t n = length - 2;
        bool ok = marker == 0xFE || (marker >= 0xE0 && marker <= 0xEF && read_application(b, marker, body, n));
        if (marker == 0xDB)
            ok = read_quant(b, body, n);
        else if (marker == 0xC4)
            ok = read_huffman(b, body, n);
        else if (marker == 0xC0 || marker == 0xC1)
            ok = read_frame(b, body, n);
        else if (marker == 0xDD && n == 2)
            ok = (b->restart = u16(body), true);
        if (marker == 0xDA)
            return (b->at += length + 2, read_scan_header(b, body, n));
        if (!ok)
            return false;
        b->at += length + 2;
    }
    return false;
}

/* Copies the scan without stuffing, up to the end-of-image marker. False: another marker, or none. */
static bool unstuff(baseline *b)
{
    const uint8_t *p = b->data + b->at, *end = b->data + b->size;
    uint8_t *dst = b->scan;
    int next = 0;
    for (;;) {
        const uint8_t *ff = memchr(p, 0xFF, (size_t)(end - p));
        if (!ff || end - ff < 2)
            return false;
        const size_t n = (size_t)(ff - p);
        memcpy(dst, p, n);
        dst += n;
        p = ff + 2;
        if (ff[1] == 0) {
            *dst++ = 0xFF;
            continue;
        }
        if (b->n_ends == b->ends_room)
            return false;
        b->ends[b->n_ends++] = (size_t)(dst - b->scan);
        if (ff[1] == 0xD9) {
            memset(dst, 0, PAD);
            return true;
        }
        if (ff[1] != 0xD0 + next)
            return false;
        next = (next + 1) & 7;
        /* A reader of the interval before may look ahead: into the next interval, which it then has to fail at. */
    }
}

/* ---- the part ---- */

/* Which blocks of `size` samples hold samples [lo, hi] of a plane. */
static void wanted(int64_t lo, int64_t hi, int64_t samples, int size, int64_t *b0, int64_t *b1)
{
    lo = lo < 0 ? 0 : lo;
    hi = hi > samples - 1 ? samples - 1 : hi;
    *b0 = lo / size;
    *b1 = hi / size + 1;
}

/* Rows of samples that are kept: those of the row of MCUs being decoded and of the one before. */
static int64_t ring(const plane *c)
{
    return (int64_t)c->v_samp * 2 * c->bh;
}

/* Sample x of row y of a plane; rows are repeated beyond the image's edges. */
static uint8_t *sample(const plane *c, int64_t y, int64_t x)
{
    y = y < 0 ? 0 : y >= c->h ? c->h - 1 : y;
    return c->data + y % ring(c) * c->stride + (x - c->bx0 * c->bw);
}

/* Sizes of the planes' blocks. Where the image is reduced, chroma's are larger instead of being interpolated. False: a
 * size that there is no transform for. */
static bool size_blocks(baseline *b)
{
    const int n = 8 / b->denom;
    b->across = b->denom == 1 && b->h_max == 2;
    b->down = b->denom == 1 && b->v_max == 2;
    for (int i = 0; i < b->n_planes; i++) {
        plane *c = &b->planes[i];
        c->bw = b->denom == 1 ? n : n * b->h_max / c->h_samp;
        c->bh = b->denom == 1 ? n : n * b->v_max / c->v_samp;
        if (c->bw != c->bh && (c->bw == 8 || c->bh == 8))
            return false;
    }
    return true;
}

static bool place_planes(fv_image_job *job, baseline *b, const fv_image_part *part)
{
    int64_t total = 0, at[3];
    for (int i = 0; i < b->n_planes; i++) {
        plane *c = &b->planes[i];
        const int64_t sx = b->across ? b->h_max / c->h_samp : 1, sy = b->down ? b->v_max / c->v_samp : 1;
        c->w = (b->w + sx * b->denom - 1) / (sx * b->denom);
        c->h = (b->h + sy * b->denom - 1) / (sy * b->denom);
        /* Halved planes are interpolated: one sample more on each side. */
        wanted(part->x0 / sx - (sx > 1), (part->x1 - 1) / sx + (sx > 1), c->w, c->bw, &c->bx0, &c->bx1);
        wanted(part->y0 / sy - (sy > 1), (part->y1 - 1) / sy + (sy > 1), c->h, c->bh, &c->by0, &c->by1);
        c->stride = (c->bx1 - c->bx0) * c->bw + 2 * PAD;
        at[i] = total + PAD;
        total += c->stride * ring(c);
    }
    b->samples = fv_malloc(job->ctx, (size_t)(total + 2 * (part->x1 - part->x0 + 4)));
    for (int i = 0; i < b->n_planes && b->samples; i++)
        b->planes[i].data = b->samples + at[i];
    b->wide = b->samples ? b->samples + total : NULL;
    return b->samples != NULL;
}

/* A block of one color, which its mean is: of that alone both passes of the transform leave (4 dc + 16) / 32. */
static void fill_block(const plane *c, int32_t dc, uint16_t quant, uint8_t *dst)
{
    const int32_t mean = ((int32_t)((uint32_t)(int16_t)dc * quant * 4u + 16u) >> 5) + 128;
    for (int row = 0; row < c->bh; row++)
        memset(dst + row * c->stride, mean < 0 ? 0 : mean > 255 ? 255 : mean, (size_t)c->bw);
}

/* One block of plane c at block column x of the row whose first block's place is `row`, if that is wanted. False:
 * broken code. */
static bool read_block(const baseline *b, plane *c, fv_bits *bits, uint8_t *row, bool row_wanted, int64_t x)
{
    const fv_huffman *dc = b->tables[c->dc], *ac = b->tables[c->ac];
    const bool inside = row_wanted && x >= c->bx0 && x < c->bx1, mean_only = c->bw == 1 && c->bh == 1;
    if ((!inside || mean_only) && !b->huffman->skip(bits, dc, ac, &c->last_dc))
        return false;
    if (!inside)
        return true;
    int16_t coef[64];
    const uint16_t *quant = b->quant[c->quant];
    uint8_t *dst = row + (x - c->bx0) * c->bw;
    const int last = mean_only ? 0 : b->huffman->block(bits, dc, ac, &c->last_dc, coef);
    if (last < 0)
        return false;
    if (last == 0)
        fill_block(c, c->last_dc, quant[0], dst);
    else if (c->bw == 8)
        b->kernels->idct(coef, quant, last, dst, c->stride);
    else
        b->kernels->reduce(coef, quant, last, c->bw, c->bh, dst, c->stride);
    return true;
}

/* MCUs from to end - 1 of row my, some of whose blocks are wanted. */
static bool read_mcus(baseline *b, fv_bits *bits, int64_t my, int64_t from, int64_t end)
{
    uint8_t *row[3][2];
    bool row_wanted[3][2];
    for (int i = 0; i < b->n_planes; i++) {
        const plane *c = &b->planes[i];
        for (int v = 0; v < c->v_samp; v++) {
            const int64_t y = my * c->v_samp + v;
            row[i][v] = c->data + y * c->bh % ring(c) * c->stride;
            row_wanted[i][v] = y >= c->by0 && y < c->by1;
        }
    }
    for (int64_t mx = from; mx < end; mx++) {
        for (int i = 0; i < b->n_planes; i++) {
            plane *c = &b->planes[i];
            for (int v = 0; v < c->v_samp; v++) {
                for (int h = 0; h < c->h_samp; h++) {
                    if (!read_block(b, c, bits, row[i][v], row_wanted[i][v], mx * c->h_samp + h))
                        return false;
                }
            }
        }
    }
    return true;
}

/* `count` MCUs of which nothing is wanted. */
static bool skip_mcus(baseline *b, fv_bits *bits, int64_t count)
{
    fv_huffman_unit units[12];
    int n = 0;
    for (int i = 0; i < b->n_planes; i++) {
        plane *c = &b->planes[i];
        for (int j = 0; j < c->h_samp * c->v_samp; j++)
            units[n++] = (fv_huffman_unit){b->tables[c->dc], b->tables[c->ac], &c->last_dc};
    }
    return b->huffman->skip_units(bits, units, n, count);
}

/* The MCUs [x0, x1) x [y0, y1) that have blocks which are wanted. */
typedef struct mcu_range {
    int64_t x0, x1, y0, y1;
} mcu_range;

static mcu_range wanted_mcus(const baseline *b)
{
    mcu_range r = {INT64_MAX, 0, INT64_MAX, 0};
    for (int i = 0; i < b->n_planes; i++) {
        const plane *c = &b->planes[i];
        const int64_t x0 = c->bx0 / c->h_samp, x1 = (c->bx1 - 1) / c->h_samp + 1;
        const int64_t y0 = c->by0 / c->v_samp, y1 = (c->by1 - 1) / c->v_samp + 1;
        r.x0 = x0 < r.x0 ? x0 : r.x0;
        r.x1 = x1 > r.x1 ? x1 : r.x1;
        r.y0 = y0 < r.y0 ? y0 : r.y0;
        r.y1 = y1 > r.y1 ? y1 : r.y1;
    }
    return r;
}

/* ---- from planes to pixels ---- */

/* At the image's edges interpolation takes the outermost sample twice. */
static void repeat_edges(const plane *c, int64_t y0, int64_t y1)
{
    for (int64_t y = y0; y < y1 && y < c->h; y++) {
        if (c->bx0 == 0)
            *sample(c, y, -1) = *sample(c, y, 0);
        if (c->bx1 * c->bw >= c->w)
            *sample(c, y, c->w) = *sample(c, y, c->w - 1);
    }
}

/* The part's columns of row `row` of the image. */
static void write_row(const baseline *b, const fv_image_part *part, int64_t row, uint8_t *dst)
{
    const int64_t w = part->x1 - part->x0, first = part->x0 / 2, n = (part->x1 - 1) / 2 - first + 1;
    const uint8_t *line[3] = {sample(b->planes, row, part->x0)};
    if (b->n_planes == 1) {
        memcpy(dst, line[0], (size_t)w);
        return;
    }
    for (int i = 1; i < 3; i++) {
        const plane *c = &b->planes[i];
        if (!b->across) {
            line[i] = sample(c, row, part->x0);
            continue;
        }
        uint8_t *wide = b->wide + (i - 1) * (w + 4);
        const uint8_t *near_row = sample(c, b->down ? row / 2 : row, first);
        if (b->down)
            b->kernels->up_both(near_row, sample(c, row / 2 + (row % 2 ? 1 : -1), first), n, wide);
        else
            b->kernels->up_across(near_row, n, wide);
        line[i] = wide + part->x0 % 2;
    }
    b->kernels->rgb(line[0], line[1], line[2], w, dst);
}

/* A row of MCUs is decoded: writes the rows that it completes, while they are in the processor's cache. */
static void finish_mcu_row(baseline *b, const fv_image_part *part, fv_image *image, int64_t my)
{
    const int64_t end = (my + 1) * b->v_max * 8 / b->denom, h = (b->h + b->denom - 1) / b->denom;
    for (int i = 1; b->across && i < b->n_planes; i++)
        repeat_edges(&b->planes[i], my * 8, (my + 1) * 8);
    /* Where chroma rows are interpolated, the last row waits for the next row of MCUs, unless there is none. */
    const int64_t ready = end >= h ? h : end - (b->down ? 1 : 0);
    for (; b->written < ready && b->written < part->y1; b->written++)
        write_row(b, part, b->written, image->data + (b->written - part->y0) * image->w * image->c);
}

/* MCUs from to end - 1 of row my. */
static bool read_row_part(baseline *b, fv_bits *bits, const mcu_range *r, int64_t my, int64_t from, int64_t end)
{
    if (my < r->y0 || my >= r->y1)
        return skip_mcus(b, bits, end - from);
    const int64_t x0 = r->x0 < from ? from : r->x0 < end ? r->x0 : end;
    const int64_t x1 = r->x1 < x0 ? x0 : r->x1 < end ? r->x1 : end;
    return skip_mcus(b, bits, x0 - from) && read_mcus(b, bits, my, x0, x1) && skip_mcus(b, bits, end - x1);
}

static bool read_blocks(baseline *b, const fv_image_part *part, fv_image *image)
{
    const int64_t mcus_x = (b->w + b->h_max * 8 - 1) / (b->h_max * 8),
                  mcus_y = (b->h + b->v_max * 8 - 1) / (b->v_max * 8);
    const int64_t n = mcus_x * mcus_y, interval = b->restart ? b->restart : n;
    const mcu_range range = wanted_mcus(b);
    if (b->n_ends != (n + interval - 1) / interval)
        return false;
    for (int64_t s = 0; s < b->n_ends; s++) {
        fv_bits bits;
        fv_bits_init(&bits, b->scan + (s ? b->ends[s - 1] : 0), b->scan + b->ends[s]);
        for (int i = 0; i < b->n_planes; i++)
            b->planes[i].last_dc = 0;
        const int64_t last = (s + 1) * interval < n ? (s + 1) * interval : n;
        for (int64_t m = s * interval, end; m < last; m = end) {
            const int64_t my = m / mcus_x;
            end = (my + 1) * mcus_x < last ? (my + 1) * mcus_x : last;
            if (!read_row_part(b, &bits, &range, my, m - my * mcus_x, end - my * mcus_x))
                return false;
            if (end == (my + 1) * mcus_x)
                finish_mcu_row(b, part, image, my);
        }
        if (!fv_bits_finished(&bits))
            return false;
    }
    return true;
}

static fv_status run(fv_image_job *job, baseline *b, const fv_image_part *part, bool *done)
{
    b->kernels = fv_kernels_of(job->ctx)->jpeg;
    b->huffman = fv_huffman_decoder_get(fv_ctx_isa_id(job->ctx));
    b->memory = fv_malloc(job->ctx, 8 * sizeof *b->memory);
    if (!b->memory)
        return FV_ERR_NO_MEMORY;
    /* Planes of two columns are too narrow for interpolation. */
    if (!read_markers(b) || !size_blocks(b) || (b->across && b->w <= 4))
        return FV_OK;
    if (part->y1 > (b->h + b->denom - 1) / b->denom || part->x1 > (b->w + b->denom - 1) / b->denom)
        return FV_OK;
    const int64_t least = b->restart ? (b->h + 7) / 8 * ((b->w + 7) / 8) / b->restart + 2 : 1;
    b->ends_room = least < (int64_t)b->size ? least : (int64_t)b->size;
    b->scan = fv_malloc(job->ctx, b->size - b->at + PAD);
    b->ends = fv_malloc(job->ctx, (size_t)b->ends_room * sizeof *b->ends);
    if (!b->scan || !b->ends)
        return FV_ERR_NO_MEMORY;
    if (!unstuff(b))
        return FV_OK;
    if (!place_planes(job, b, part))
        return FV_ERR_NO_MEMORY;
    FV_TRY(fv_image_alloc(job, part->y1 - part->y0, part->x1 - part->x0, b->n_planes, FV_DEPTH_8));
    b->written = part->y0;
    if (!read_blocks(b, part, &job->image)) {
        fv_image_free(job->ctx, &job->image);
        return FV_OK;
    }
    job->notes.grey = b->n_planes == 1;
    *done = true;
    return FV_OK;
}

fv_status fv_jpeg_baseline(fv_image_job *job, const fv_image_part *part, int denom, bool *done)
{
    baseline b = {.data = job->data, .size = job->size, .denom = denom};
    *done = false;
    fv_status status = run(job, &b, part, done);
    fv_free(job->ctx, b.memory);
    fv_free(job->ctx, b.scan);
    fv_free(job->ctx, b.ends);
    fv_free(job->ctx, b.samples);
    if (status == FV_ERR_NO_MEMORY)
        return fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for decoding");
    return status;
}
