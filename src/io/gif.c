/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GIF (87a, 89a): the first frame on its screen, as RGB, or as RGBA where it is transparent or does not cover the
 * screen.
 */
#include <string.h>

#include "io/image.h"

enum { MAX_CODES = 4096, NONE = 0xFFFF };

typedef struct gif_frame {
    int64_t x, y, h, w;
    bool interlaced;
    const uint8_t *palette; /* triples */
    int colors;
    int transparent; /* index, or -1 */
} gif_frame;

typedef struct gif_state {
    fv_image_job *job;
    size_t at;
    int64_t h, w;
    const uint8_t *palette;
    int colors;
    int transparent;
    gif_frame frame;
    /* The codes of LZW: a string is the string `prefix` and one index. */
    uint16_t prefix[MAX_CODES];
    uint8_t last[MAX_CODES], first[MAX_CODES];
    uint16_t length[MAX_CODES];
    /* Data comes in blocks of up to 255 bytes. */
    uint32_t bits;
    int n_bits, block_left;
    bool ended; /* the terminating block was met */
} gif_state;

static bool gif_sniff(const uint8_t *data, size_t size)
{
    return size >= 6 && (memcmp(data, "GIF87a", 6) == 0 || memcmp(data, "GIF89a", 6) == 0);
}

static int64_t u16(const uint8_t *p)
{
    return p[0] | p[1] << 8;
}

static fv_status fail_corrupt(gif_state *s, const char *what)
{
    return fv_image_fail(s->job, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, (int64_t)s->at,
                         "corrupt GIF at byte %zu of %zu: %s", s->at, s->job->size, what);
}

static bool have(const gif_state *s, size_t n)
{
    return s->job->size - s->at >= n;
}

static fv_status truncated(gif_state *s, int64_t row)
{
    return fv_image_truncated(s->job, "GIF", (int64_t)s->job->size, row);
}

/* A color table announced by `packed`. */
static fv_status read_palette(gif_state *s, int packed, const uint8_t **palette, int *colors)
{
    if (!(packed & 0x80))
        return FV_OK;
    *colors = 2 << (packed & 7);
    if (!have(s, 3 * (size_t)*colors))
        return truncated(s, -1);
    *palette = s->job->data + s->at;
    s->at += 3 * (size_t)*colors;
    return FV_OK;
}

/* Over data blocks up to the empty one. */
static bool skip_blocks(gif_state *s)
{
    while (have(s, 1)) {
        const size_t n = s->job->data[s->at];
        if (!have(s, 1 + n))
            break;
        s->at += 1 + n;
        if (n == 0)
            return true;
    }
    return false;
}

/* Over extensions to the next image. *found is false at the trailer. */
static fv_status find_image(gif_state *s, bool *found)
{
    const uint8_t *data = s->job->data;
    *found = false;
    while (have(s, 1)) {
        const int kind = data[s->at++];
        if (kind == 0x2C) {
            *found = true;
            return FV_OK;
        }
        if (kind == 0x3B)
            return FV_OK;
        if (kind != 0x21)
            return (s->at--, fail_corrupt(s, "expected an image, an extension or the end"));
        if (have(s, 7) && data[s->at] == 0xF9 && data[s->at + 1] == 4) /* graphic control */
            s->transparent = data[s->at + 2] & 1 ? data[s->at + 5] : -1;
        s->at += have(s, 1) ? 1 : 0;
        if (!skip_blocks(s))
            return truncated(s, -1);
    }
    return truncated(s, -1);
}

static fv_status read_header(gif_state *s)
{
    const uint8_t *data = s->job->data;
    s->at = 13;
    if (s->job->size < 13)
        return truncated(s, -1);
    s->w = u16(data + 6);
    s->h = u16(data + 8);
    FV_TRY(fv_image_check_size(s->job, s->h, s->w));
    s->transparent = -1;
    FV_TRY(read_palette(s, data[10], &s->palette, &s->colors));
    bool found = false;
    FV_TRY(find_image(s, &found));
    if (!found)
        return fail_corrupt(s, "there is no image in it");
    if (!have(s, 10))
        return truncated(s, -1);
    const uint8_t *p = data + s->at;
    gif_frame *f = &s->frame;
    *f = (gif_frame){u16(p), u16(p + 2), u16(p + 6), u16(p + 4), p[8] & 0x40, s->palette, s->colors, s->transparent};
    s->at += 9;
    FV_TRY(read_palette(s, p[8], &f->palette, &f->colors));
    if (!f->palette)
        return fail_corrupt(s, "an image without colors");
    if (f->h < 1 || f->w < 1)
        return fv_image_check_size(s->job, f->h, f->w);
    if (f->x + f->w > s->w || f->y + f->h > s->h)
        return fail_corrupt(s, "the first frame is larger than the screen");
    return FV_OK;
}

/* The next code of `size` bits; -1 where the data ends. */
static int next_code(gif_state *s, int size)
{
    while (s->n_bits < size) {
        if (s->block_left == 0 && !s->ended && have(s, 1)) {
            s->block_left = s->job->data[s->at++];
            s->ended = s->block_left == 0;
        }
        if (s->block_left == 0 || !have(s, 1))
            return -1;
        s->bits |= (uint32_t)s->job->data[s->at++] << s->n_bits;
        s->block_left--;
        s->n_bits += 8;
    }
    const int code = (int)(s->bits & ((1u << size) - 1));
    s->bits >>= size;
    s->n_bits -= size;
    return code;
}

/* Decodes n indices; *got is how many there were. False: a code that cannot be. */
static bool decode_indices(gif_state *s, int min_size, uint8_t *dst, int64_t n, int64_t *got)
{
    const int clear = 1 << min_size, end = clear + 1;
    int size = min_size + 1, next = clear + 2, previous = NONE;
    for (int i = 0; i < clear; i++) {
        s->first[i] = s->last[i] = (uint8_t)i;
        s->length[i] = 1;
    }
    for (*got = 0; *got < n;) {
        int code = next_code(s, size);
        if (code < 0 || code == end)
            return true;
        if (code == clear) {
            size = min_size + 1;
            next = clear + 2;
            previous = NONE;
            continue;
        }
        if (code > next || (code == next && (previous == NONE || next == MAX_CODES)) ||
            (code >= clear && previous == NONE))
            return false;
        if (previous != NONE && next < MAX_CODES) {
            s->prefix[next] = (uint16_t)previous;
            s->first[next] = s->first[previous];
            s->last[next] = s->first[code == next ? previous : code];
            s->length[next] = (uint16_t)(s->length[previous] + 1);
            next++;
            if (next == 1 << size && size < 12)
                size++;
        }
        previous = code;
        const int64_t from = *got, to = from + s->length[code];
        *got = to < n ? to : n;
        for (int64_t i = to - 1; i >= from; i--, code = s->prefix[code]) {
            if (i < n)
                dst[i] = s->last[code];
        }
    }
    return true;
}

/* Row of the frame that the i-th coded row is. */
static int64_t row_of(const gif_frame *f, int64_t i)
{
    static const int start[4] = {0, 4, 2, 1}, step[4] = {8, 8, 4, 2};
    for (int pass = 0; f->interlaced && pass < 4; pass++) {
        const int64_t rows = f->h > start[pass] ? (f->h - start[pass] + step[pass] - 1) / step[pass] : 0;
        if (i < rows)
            return start[pass] + i * step[pass];
        i -= rows;
    }
    return i;
}

static void paint(gif_state *s, const uint8_t *indices, int64_t n)
{
    const gif_frame *f = &s->frame;
    const fv_image *image = &s->job->image;
    bool inside = true;
    for (int64_t i = 0; i < n; i++) {
        const int64_t y = f->y + row_of(f, i / f->w), x = f->x + i % f->w;
        const int v = indices[i];
        uint8_t *dst = image->data + (y * image->w + x) * image->c;
        inside &= v < f->colors || v == f->transparent;
        if (v < f->colors)
            memcpy(dst, f->palette + 3 * v, 3);
        else
            memset(dst, 0, 3);
        if (image->c == 4)
            dst[3] = v == f->transparent ? 0 : 255;
    }
    if (!inside)
        fv_image_warn(s->job, "colors outside the palette, taken as black");
}

static fv_status read_frame(gif_state *s, uint8_t *indices)
{
    const gif_frame *f = &s->frame;
    const int64_t n = f->h * f->w;
    if (!have(s, 1))
        return truncated(s, -1);
    const int min_size = s->job->data[s->at++];
    int64_t got = 0;
    if (min_size < 1 || min_size > 8)
        return fail_corrupt(s, "a code size other than 1 to 8");
    const bool sound = decode_indices(s, min_size, indices, n, &got);
    const bool cut = got < n && !s->ended && s->at >= s->job->size;
    if (got < n && !s->job->options.salvage) {
        if (cut)
            return fv_image_truncated(s->job, "GIF", (int64_t)s->job->size, f->y + (f->interlaced ? 0 : got / f->w));
        return fail_corrupt(s, sound ? "the frame ends early" : "a code that cannot be");
    }
    paint(s, indices, got);
    if (got < n) {
        s->job->notes.salvaged = true;
        s->job->notes.bad_byte = (int64_t)s->at;
        memset(indices, 0, (size_t)n);
        for (int64_t i = got; i < n; i++) {
            const int64_t y = f->y + row_of(f, i / f->w), x = f->x + i % f->w;
            memset(s->job->image.data + (y * s->w + x) * s->job->image.c, 128, 3);
        }
    }
    return FV_OK;
}

/* What follows the first frame: another one, the end, or damage that does not concern the picture. */
static void look_behind(gif_state *s)
{
    bool found = false;
    s->at -= s->ended ? 1 : 0; /* the empty block, to be met again */
    s->at += (size_t)s->block_left < s->job->size - s->at ? (size_t)s->block_left : s->job->size - s->at;
    fv_image_job job = *s->job; /* its failures are no failures here */
    fv_image_error error;
    job.error = &error;
    fv_image_job *own = s->job;
    s->job = &job;
    const bool whole = skip_blocks(s) && find_image(s, &found) == FV_OK;
    s->job = own;
    if (!whole)
        fv_image_warn(own, "the end of the file is missing or damaged");
    own->notes.animated = found;
}

static fv_status gif_decode(fv_image_job *job)
{
    gif_state *s = fv_calloc(job->ctx, 1, sizeof *s);
    if (!s)
        return fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for decoding");
    s->job = job;
    uint8_t *indices = NULL;
    fv_status status = read_header(s);
    const gif_frame *f = &s->frame;
    const bool partial = f->h < s->h || f->w < s->w;
    if (status == FV_OK)
        status = fv_image_alloc(job, s->h, s->w, partial || f->transparent >= 0 ? 4 : 3, FV_DEPTH_8);
    if (status == FV_OK)
        status = fv_image_afford(job, f->h * f->w);
    if (status == FV_OK) {
        job->notes.palette = true;
        job->notes.alpha = job->image.c == 4;
        memset(job->image.data, 0, (size_t)(s->h * s->w * job->image.c));
        indices = fv_malloc(job->ctx, (size_t)(f->h * f->w));
        status = indices ? read_frame(s, indices)
                         : fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for the frame");
    }
    if (status == FV_OK && !job->notes.salvaged)
        look_behind(s);
    fv_free(job->ctx, indices);
    fv_free(job->ctx, s);
    return status;
}

const fv_image_format fv_image_gif = {
    .name = "gif", .title = "GIF", .extensions = " gif ", .sniff = gif_sniff, .decode = gif_decode};
