/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BMP: Windows bitmaps of all header versions and OS/2's, 1 to 32 bits per pixel, without compression. A palette of
 * greys gives one channel, any other RGB; an alpha channel counts where the header names its bits.
 */
#include <string.h>

#include "io/image.h"

enum { FILE_HEADER = 14, RGB = 0, BITFIELDS = 3, ALPHA_BITFIELDS = 6 };

typedef struct bmp_header {
    size_t size; /* of the header behind the file header */
    int64_t h, w;
    bool top_down;
    uint32_t bits, compression, colors;
    size_t pixels; /* where they begin */
    uint32_t mask[4];
} bmp_header;

static uint32_t u16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
    return u16(p) | u16(p + 2) << 16;
}

static bool known_size(uint32_t size)
{
    static const uint8_t sizes[] = {12, 16, 40, 52, 56, 64, 108, 124};
    for (size_t i = 0; i < sizeof sizes; i++) {
        if (size == sizes[i])
            return true;
    }
    return false;
}

static bool bmp_sniff(const uint8_t *data, size_t size)
{
    return size >= 10 && data[0] == 'B' && data[1] == 'M' && u32(data + 6) == 0 &&
           (size < FILE_HEADER + 4 || known_size(u32(data + FILE_HEADER)));
}

static fv_status fail_corrupt(fv_image_job *job, int64_t byte, const char *what)
{
    return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, byte, "corrupt BMP at byte %lld of %zu: %s",
                         (long long)byte, job->size, what);
}

static fv_status check_coding(fv_image_job *job, const bmp_header *b)
{
    static const struct {
        uint32_t compression;
        const char *name;
    } refused[] = {{1, "RLE8 compression"}, {2, "RLE4 compression"}, {4, "JPEG inside BMP"}, {5, "PNG inside BMP"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (b->compression == refused[i].compression)
            return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_CODING, FILE_HEADER + 16,
                                 "%s is not supported (save it without compression, or as PNG)", refused[i].name);
    }
    if (b->compression != RGB && b->compression != BITFIELDS && b->compression != ALPHA_BITFIELDS)
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_CODING, FILE_HEADER + 16,
                             "compression %u of BMP is not supported", (unsigned)b->compression);
    const bool masks = b->compression != RGB;
    const bool known = b->bits == 16 || b->bits == 32 ||
                       (!masks && (b->bits == 1 || b->bits == 2 || b->bits == 4 || b->bits == 8 || b->bits == 24));
    if (!known)
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_CODING, FILE_HEADER + (b->size < 40 ? 10 : 14),
                             "BMP of %u bits per pixel%s is not supported (1, 2, 4, 8, 16, 24 and 32 are)",
                             (unsigned)b->bits, masks ? " with bit masks" : "");
    return FV_OK;
}

/* Which bits of a pixel are red, green, blue, alpha. */
static fv_status read_masks(fv_image_job *job, bmp_header *b)
{
    static const uint32_t plain[2][4] = {{0x7C00, 0x3E0, 0x1F, 0}, {0xFF0000, 0xFF00, 0xFF, 0}};
    memcpy(b->mask, plain[b->bits == 32], sizeof b->mask);
    if (b->compression == RGB)
        return FV_OK;
    /* Behind the header of 40 bytes, inside of the longer ones: the same place. */
    const bool alpha = b->compression == ALPHA_BITFIELDS || b->size >= 56;
    const size_t at = FILE_HEADER + 40, n = alpha ? 4 : 3;
    if (job->size < at + 4 * n)
        return fv_image_truncated(job, "BMP", (int64_t)job->size, -1);
    for (size_t i = 0; i < n; i++) {
        b->mask[i] = u32(job->data + at + 4 * i);
        const uint32_t low = b->mask[i] & (~b->mask[i] + 1);
        if ((b->mask[i] & (b->mask[i] + low)) != 0 || (i < 3 && b->mask[i] == 0))
            return fail_corrupt(job, (int64_t)(at + 4 * i), "the bits of a channel must be neighbors");
    }
    return FV_OK;
}

static fv_status read_header(fv_image_job *job, bmp_header *b)
{
    const uint8_t *p = job->data + FILE_HEADER;
    if (job->size < FILE_HEADER + 4 || job->size < FILE_HEADER + (b->size = u32(p)))
        return fv_image_truncated(job, "BMP", (int64_t)job->size, -1);
    const bool core = b->size == 12;
    b->pixels = u32(job->data + 10);
    b->w = core ? (int64_t)u16(p + 4) : (int32_t)u32(p + 4);
    b->h = core ? (int64_t)u16(p + 6) : (int32_t)u32(p + 8);
    b->bits = u16(p + (core ? 10 : 14));
    b->compression = b->size >= 40 ? u32(p + 16) : RGB;
    b->colors = b->size >= 40 ? u32(p + 32) : 0;
    b->top_down = b->h < 0;
    b->h = b->top_down ? -b->h : b->h;
    FV_TRY(check_coding(job, b));
    FV_TRY(fv_image_check_size(job, b->h, b->w));
    return b->bits >= 16 ? read_masks(job, b) : FV_OK;
}

/* The palette as 256 RGB triples, black behind its end; *grey when all are greys. */
static fv_status read_palette(fv_image_job *job, const bmp_header *b, uint8_t palette[256][3], uint32_t *count,
                              bool *grey)
{
    const size_t entry = b->size == 12 ? 3 : 4, at = FILE_HEADER + b->size;
    const uint32_t most = 1u << b->bits;
    *count = b->colors > 0 && b->colors < most ? b->colors : most;
    if (b->pixels > at && (b->pixels - at) / entry < *count)
        *count = (uint32_t)((b->pixels - at) / entry);
    if (job->size < at + *count * entry)
        return fv_image_truncated(job, "BMP", (int64_t)job->size, -1);
    memset(palette, 0, 256 * 3);
    *grey = true;
    for (uint32_t i = 0; i < *count; i++) {
        const uint8_t *p = job->data + at + i * entry;
        for (int k = 0; k < 3; k++)
            palette[i][k] = p[2 - k];
        *grey &= p[0] == p[1] && p[1] == p[2];
    }
    return FV_OK;
}

/* A row of indices. False: one is outside the palette. */
static bool indexed_row(const bmp_header *b, const uint8_t *src, const uint8_t palette[256][3], uint32_t count,
                        int64_t c, uint8_t *dst)
{
    const uint32_t per_byte = 8 / b->bits, mask = (1u << b->bits) - 1;
    bool inside = true;
    for (int64_t x = 0; x < b->w; x++, dst += c) {
        const uint32_t shift = (per_byte - 1 - (uint32_t)(x % per_byte)) * b->bits;
        const uint32_t v = src[x / per_byte] >> shift & mask;
        inside &= v < count;
        memcpy(dst, palette[v], (size_t)c);
    }
    return inside;
}

static void rgb_row(const bmp_header *b, const uint8_t *src, uint8_t *dst)
{
    for (int64_t x = 0; x < b->w; x++, src += 3, dst += 3) {
        dst[0] = src[2];
        dst[1] = src[1];
        dst[2] = src[0];
    }
}

static void masked_row(const bmp_header *b, const uint8_t *src, int64_t c, uint8_t *dst)
{
    const uint32_t bytes = b->bits / 8;
    for (int64_t x = 0; x < b->w; x++, src += bytes) {
        const uint32_t pixel = bytes == 2 ? u16(src) : u32(src);
        for (int64_t k = 0; k < c; k++) {
            const int shift = __builtin_ctz(b->mask[k]);
            const uint64_t most = b->mask[k] >> shift, v = (pixel & b->mask[k]) >> shift;
            *dst++ = (uint8_t)((v * 255 + most / 2) / most);
        }
    }
}

static fv_status read_rows(fv_image_job *job, const bmp_header *b, const uint8_t palette[256][3], uint32_t count)
{
    const int64_t stride = (b->w * b->bits + 31) / 32 * 4, c = job->image.c;
    bool inside = true;
    for (int64_t i = 0; i < b->h; i++) {
        const int64_t y = b->top_down ? i : b->h - 1 - i;
        const uint64_t at = b->pixels + (uint64_t)(i * stride);
        uint8_t *dst = job->image.data + y * b->w * c;
        /* The padding of the last row may be missing. */
        if (at > job->size || (uint64_t)((b->w * b->bits + 7) / 8) > job->size - at) {
            if (job->options.salvage && !b->top_down) { /* what is missing is the top */
                memset(job->image.data, 128, (size_t)((y + 1) * b->w * c));
                job->notes.salvaged = true;
                job->notes.bad_byte = (int64_t)job->size;
                return FV_OK;
            }
            return fv_image_truncated(job, "BMP", (int64_t)job->size, i);
        }
        const uint8_t *src = job->data + at;
        if (b->bits <= 8)
            inside &= indexed_row(b, src, palette, count, c, dst);
        else if (b->bits == 24)
            rgb_row(b, src, dst);
        else
            masked_row(b, src, c, dst);
    }
    if (!inside)
        fv_image_warn(job, "colors outside the palette, taken as black");
    return FV_OK;
}

/* Some writers name alpha bits and leave them all zero: such a picture is opaque. */
static void drop_empty_alpha(fv_image_job *job)
{
    fv_image *image = &job->image;
    const int64_t n = image->h * image->w;
    for (int64_t i = 0; i < n; i++) {
        if (image->data[4 * i + 3] != 0) {
            job->notes.alpha = true;
            return;
        }
    }
    for (int64_t i = 0; i < n; i++)
        memmove(image->data + 3 * i, image->data + 4 * i, 3);
    image->c = 3;
}

static fv_status bmp_decode(fv_image_job *job)
{
    bmp_header b = {0};
    uint8_t palette[256][3];
    uint32_t count = 0;
    bool grey = false;
    FV_TRY(read_header(job, &b));
    if (b.bits <= 8) {
        FV_TRY(read_palette(job, &b, palette, &count, &grey));
        job->notes.palette = !grey;
        job->notes.grey = grey;
    }
    const int64_t need = (b.h - 1) * ((b.w * b.bits + 31) / 32 * 4) + (b.w * b.bits + 7) / 8;
    if (!job->options.salvage && (b.pixels > job->size || need > (int64_t)(job->size - b.pixels)))
        return fv_image_fail(job, FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, (int64_t)job->size,
                             "truncated BMP at byte %zu of %zu: the pixels of the header need %lld bytes", job->size,
                             job->size, (long long)need + (long long)b.pixels);
    const int64_t c = b.bits >= 16 ? (b.bits != 24 && b.mask[3] ? 4 : 3) : grey ? 1 : 3;
    FV_TRY(fv_image_alloc(job, b.h, b.w, c, FV_DEPTH_8));
    FV_TRY(read_rows(job, &b, (const uint8_t(*)[3])palette, count));
    if (c == 4)
        drop_empty_alpha(job);
    return FV_OK;
}

const fv_image_format fv_image_bmp = {
    .name = "bmp", .title = "BMP", .extensions = " bmp dib ", .sniff = bmp_sniff, .decode = bmp_decode};
