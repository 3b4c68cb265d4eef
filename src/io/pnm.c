/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PNM: the portable bitmaps, graymaps and pixmaps of Netpbm, P1 to P6, as text and binary. A maxval above 255 gives 16
 * bits; values are scaled so that maxval becomes 255 or 65535, which changes nothing where it is one of these.
 */
#include <string.h>

#include "io/image.h"

typedef struct pnm_state {
    fv_image_job *job;
    size_t at;
    int kind; /* 1 to 6 */
    int64_t h, w, c;
    uint32_t maxval;
} pnm_state;

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool pnm_sniff(const uint8_t *data, size_t size)
{
    return size >= 3 && data[0] == 'P' && data[1] >= '1' && data[1] <= '6' && (is_space(data[2]) || data[2] == '#');
}

/* Over white space and comments. */
static void skip_space(pnm_state *s)
{
    const uint8_t *data = s->job->data;
    bool comment = false;
    for (; s->at < s->job->size; s->at++) {
        const uint8_t byte = data[s->at];
        if (comment)
            comment = byte != '\n' && byte != '\r';
        else if (byte == '#')
            comment = true;
        else if (!is_space(byte))
            return;
    }
}

static fv_status fail_corrupt(pnm_state *s, const char *what)
{
    return fv_image_fail(s->job, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, (int64_t)s->at,
                         "corrupt PNM at byte %zu of %zu: %s", s->at, s->job->size, what);
}

/* A decimal number, at most `digits` of it. eof: the file ended in front of it. */
static fv_status read_number(pnm_state *s, int digits, const char *what, uint32_t *value, bool *eof)
{
    skip_space(s);
    *eof = s->at >= s->job->size;
    uint32_t v = 0;
    int n = 0;
    for (; s->at < s->job->size && n < digits; s->at++, n++) {
        const uint8_t byte = s->job->data[s->at];
        if (byte < '0' || byte > '9')
            break;
        v = v * 10 + (byte - '0');
    }
    *value = v;
    return n > 0 || *eof ? FV_OK : fail_corrupt(s, what);
}

static fv_status read_header(pnm_state *s)
{
    uint32_t numbers[3] = {0, 0, 1};
    s->at = 2;
    for (int i = 0; i < (s->kind == 1 || s->kind == 4 ? 2 : 3); i++) {
        static const char *const what[3] = {"expected the width", "expected the height", "expected the maximum value"};
        bool eof = false;
        FV_TRY(read_number(s, 9, what[i], &numbers[i], &eof));
        if (eof)
            return fv_image_truncated(s->job, "PNM", (int64_t)s->job->size, -1);
    }
    s->w = numbers[0];
    s->h = numbers[1];
    s->maxval = numbers[2];
    s->c = s->kind == 3 || s->kind == 6 ? 3 : 1;
    if (s->maxval < 1 || s->maxval > 65535)
        return fail_corrupt(s, "the maximum value must be 1 to 65535");
    if (s->kind >= 4) { /* one white space in front of the pixels */
        if (s->at >= s->job->size)
            return fv_image_truncated(s->job, "PNM", (int64_t)s->job->size, -1);
        if (!is_space(s->job->data[s->at]))
            return fail_corrupt(s, "expected white space behind the header");
        s->at++;
    }
    return fv_image_check_size(s->job, s->h, s->w);
}

/* Stores a sample, scaled. False: larger than maxval. */
static bool store(const pnm_state *s, int64_t i, uint32_t v)
{
    const bool wide = s->maxval > 255;
    const uint32_t full = wide ? 65535 : 255;
    const bool fits = v <= s->maxval;
    v = fits ? v : s->maxval;
    if (s->maxval != full)
        v = (v * full + s->maxval / 2) / s->maxval;
    if (wide)
        ((uint16_t *)s->job->image.data)[i] = (uint16_t)v;
    else
        s->job->image.data[i] = (uint8_t)v;
    return fits;
}

/* In bitmaps 1 is black, and rows begin at a byte. */
static fv_status read_bitmap(pnm_state *s)
{
    const int64_t stride = (s->w + 7) / 8;
    uint8_t *dst = s->job->image.data;
    for (int64_t y = 0; y < s->h; y++, s->at += (size_t)stride) {
        if ((size_t)stride > s->job->size - s->at)
            return fv_image_truncated(s->job, "PNM", (int64_t)s->job->size, y);
        const uint8_t *src = s->job->data + s->at;
        for (int64_t x = 0; x < s->w; x++)
            *dst++ = src[x / 8] >> (7 - x % 8) & 1 ? 0 : 255;
    }
    return FV_OK;
}

static fv_status read_binary(pnm_state *s)
{
    const int64_t n = s->w * s->c, bytes = s->maxval > 255 ? 2 : 1;
    bool fits = true;
    for (int64_t y = 0; y < s->h; y++, s->at += (size_t)(n * bytes)) {
        if ((size_t)(n * bytes) > s->job->size - s->at)
            return fv_image_truncated(s->job, "PNM", (int64_t)s->job->size, y);
        const uint8_t *src = s->job->data + s->at;
        for (int64_t x = 0; x < n; x++)
            fits &= store(s, y * n + x, bytes == 2 ? (uint32_t)src[2 * x] << 8 | src[2 * x + 1] : src[x]);
    }
    if (!fits)
        fv_image_warn(s->job, "values above the maximum that the header names");
    return FV_OK;
}

static fv_status read_text(pnm_state *s)
{
    const int64_t n = s->w * s->c;
    const int digits = s->kind == 1 ? 1 : 9; /* bitmaps need no space between their digits */
    bool fits = true, eof = false;
    for (int64_t i = 0; i < n * s->h; i++) {
        uint32_t v = 0;
        FV_TRY(read_number(s, digits, "expected a number", &v, &eof));
        if (eof)
            return fv_image_truncated(s->job, "PNM", (int64_t)s->job->size, i / n);
        fits &= store(s, i, s->kind == 1 ? v == 0 : v);
    }
    if (!fits)
        fv_image_warn(s->job, "values above the maximum that the header names");
    return FV_OK;
}

static fv_status pnm_decode(fv_image_job *job)
{
    pnm_state s = {.job = job, .kind = job->data[1] - '0'};
    FV_TRY(read_header(&s));
    /* At least a digit or an eighth of a byte per sample: a header alone may not cost memory. */
    const int64_t least =
        s.kind == 4 ? s.h * ((s.w + 7) / 8) : s.h * s.w * s.c * (s.kind > 3 && s.maxval > 255 ? 2 : 1);
    if (least > (int64_t)(job->size - s.at) && !job->options.salvage)
        return fv_image_fail(job, FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, (int64_t)job->size,
                             "truncated PNM at byte %zu of %zu: the pixels of the header need %s%lld bytes", job->size,
                             job->size, s.kind < 4 ? "at least " : "", (long long)least + (long long)s.at);
    FV_TRY(fv_image_alloc(job, s.h, s.w, s.c, s.maxval > 255 ? FV_DEPTH_16 : FV_DEPTH_8));
    job->notes.grey = s.c == 1;
    job->notes.sixteen_bit = s.maxval > 255;
    FV_TRY(s.kind < 4 ? read_text(&s) : s.kind == 4 ? read_bitmap(&s) : read_binary(&s));
    if (job->notes.salvaged)
        return FV_OK;
    const size_t end = s.at;
    skip_space(&s);
    if (s.at < job->size) {
        s.at = end;
        job->notes.animated = pnm_sniff(job->data + end, job->size - end);
        if (!job->notes.animated)
            fv_image_warn(job, "bytes behind the image");
    }
    return FV_OK;
}

const fv_image_format fv_image_pnm = {
    .name = "pnm", .title = "PNM", .extensions = " ppm pgm pbm pnm ", .sniff = pnm_sniff, .decode = pnm_decode};
