/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TIFF through libtiff, where that was there when fovea was built: the picture among previews and
 * pages; grey, palette, RGB, CMYK, YCbCr in
 * JPEG, or any number of bands; 1 to 8, 16 bits, or floats; strips and tiles; planes together or apart.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/library.h"
#include "io/image.h"

#ifdef FV_WITH_TIFF
#include <tiffio.h>
#endif

static bool tiff_sniff(const uint8_t *data, size_t size)
{
    return size >= 8 && (memcmp(data, "II*\0", 4) == 0 || memcmp(data, "MM\0*", 4) == 0 ||
                         memcmp(data, "II+\0", 4) == 0 || memcmp(data, "MM\0+", 4) == 0);
}

#ifdef FV_WITH_TIFF

#define MAX_BLOCK_BYTES (INT64_C(1) << 30) /* what libtiff may allocate at once */
enum { PAGES_MAX = 64 };

/* What of libtiff is used, which is opened with the first image. */
#define TIFF_CALLS(X)                                                                                                  \
    X(TIFFClientOpenExt)                                                                                               \
    X(TIFFClose)                                                                                                       \
    X(TIFFComputeStrip)                                                                                                \
    X(TIFFComputeTile)                                                                                                 \
    X(TIFFGetField)                                                                                                    \
    X(TIFFGetFieldDefaulted)                                                                                           \
    X(TIFFIsCODECConfigured)                                                                                           \
    X(TIFFIsTiled)                                                                                                     \
    X(TIFFLastDirectory)                                                                                               \
    X(TIFFOpenOptionsAlloc)                                                                                            \
    X(TIFFOpenOptionsFree)                                                                                             \
    X(TIFFOpenOptionsSetErrorHandlerExtR)                                                                              \
    X(TIFFOpenOptionsSetMaxSingleMemAlloc)                                                                             \
    X(TIFFOpenOptionsSetWarningHandlerExtR)                                                                            \
    X(TIFFReadEncodedStrip)                                                                                            \
    X(TIFFReadEncodedTile)                                                                                             \
    X(TIFFSetDirectory)                                                                                                \
    X(TIFFSetField)                                                                                                    \
    X(TIFFSetSubDirectory)                                                                                             \
    X(TIFFStripSize)                                                                                                   \
    X(TIFFTileSize)

#define TIFF_FIELD(name) __typeof__(name) *name;
typedef struct tiff_calls {
    TIFF_CALLS(TIFF_FIELD)
} tiff_calls;
#undef TIFF_FIELD

#define TIFF_ROW(name) {#name, offsetof(tiff_calls, name)},
static const fv_library_call call_rows[] = {TIFF_CALLS(TIFF_ROW)};
#undef TIFF_ROW

typedef struct tiff_state {
    fv_image_job *job;
    tiff_calls call;
    TIFF *tiff;
    uint64_t at;
    int64_t h, w, bands;
    int64_t block_h, block_w; /* of a tile, or of a strip */
    bool tiled, apart;
    uint16_t bits, format, photometric;
    uint16_t *map[3]; /* of a palette; libtiff's */
    uint16_t extra;   /* bands beyond those of the color */
    bool alpha;       /* it is opacity, as the file declares: */
    bool associated;  /* colors are multiplied by it already */
    int64_t colors;   /* bands of the color: 1, 3, 4, or all there are */
    fv_depth depth;
    uint8_t *block;
    tmsize_t block_bytes;
    bool subpage; /* the directory at hand is not in the chain of pages */
    char message[160];
} tiff_state;

/* ---- the file, in memory ---- */

static tmsize_t on_read(thandle_t handle, void *dst, tmsize_t size)
{
    tiff_state *s = handle;
    const uint64_t left = s->at < s->job->size ? s->job->size - s->at : 0;
    const uint64_t n = (uint64_t)size < left ? (uint64_t)size : left;
    memcpy(dst, s->job->data + (s->job->size - left), n);
    s->at += n;
    return (tmsize_t)n;
}

static tmsize_t on_write(thandle_t handle, void *src, tmsize_t size)
{
    (void)handle;
    (void)src;
    (void)size;
    return 0;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence)
{
    tiff_state *s = handle;
    s->at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? s->at + offset : s->job->size + offset;
    return s->at;
}

static int on_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t on_size(thandle_t handle)
{
    const tiff_state *s = handle;
    return s->job->size;
}

/* The first complaint is the cause, those after it are consequences. */
static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    (void)tiff;
    (void)module;
    tiff_state *s = user;
    if (!s->message[0])
        vsnprintf(s->message, sizeof s->message, format, args);
    return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    (void)tiff;
    (void)module;
    tiff_state *s = user;
    char text[96];
    /* Tags of cameras and scanners that libtiff does not know are no damage. */
    if (strstr(format, "nknown field"))
        return 1;
    vsnprintf(text, sizeof text, format, args);
    fv_image_warn(s->job, text);
    return 1;
}

static bool open_file(tiff_state *s)
{
    TIFFOpenOptions *o = s->call.TIFFOpenOptionsAlloc();
    if (!o)
        return false;
    s->call.TIFFOpenOptionsSetErrorHandlerExtR(o, on_error, s);
    s->call.TIFFOpenOptionsSetWarningHandlerExtR(o, on_warning, s);
    s->call.TIFFOpenOptionsSetMaxSingleMemAlloc(o, MAX_BLOCK_BYTES);
    s->tiff =
        s->call.TIFFClientOpenExt("memory", "rm", s, on_read, on_write, on_seek, on_close, on_size, NULL, NULL, o);
    s->call.TIFFOpenOptionsFree(o);
    return s->tiff != NULL;
}

/* ---- what is in it ---- */

static fv_status fail_coding(fv_image_job *job, const char *format, ...) FV_PRINTF(2, 3);
static fv_status fail_coding(fv_image_job *job, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_CODING, -1, "TIFF with %s is not supported", text);
}

static fv_status fail_library(tiff_state *s)
{
    fv_image_job *job = s->job;
    const char *what = s->message[0] ? s->message : "libtiff cannot read it";
    /* A file cut off shows in reads that come back short. */
    if (s->at >= job->size || strstr(what, "Read error") || strstr(what, "got "))
        return fv_image_fail(job, FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, (int64_t)job->size,
                             "truncated TIFF at byte %zu of %zu: %s", job->size, job->size, what);
    return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, -1, "corrupt TIFF: %s", what);
}

static fv_status read_color(tiff_state *s)
{
    fv_image_job *job = s->job;
    uint16_t compression = COMPRESSION_NONE, *extra = NULL, orientation = 1;
    s->call.TIFFGetFieldDefaulted(s->tiff, TIFFTAG_COMPRESSION, &compression);
    if (!s->call.TIFFIsCODECConfigured(compression))
        return fail_coding(job, "compression %u", compression);
    if (!s->call.TIFFGetField(s->tiff, TIFFTAG_PHOTOMETRIC, &s->photometric))
        s->photometric = s->bands >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    if (s->photometric == PHOTOMETRIC_YCBCR && compression == COMPRESSION_JPEG) {
        s->call.TIFFSetField(s->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        s->photometric = PHOTOMETRIC_RGB;
    }
    static const int64_t bands_of[] = {[PHOTOMETRIC_MINISWHITE] = 1,
                                       [PHOTOMETRIC_MINISBLACK] = 1,
                                       [PHOTOMETRIC_RGB] = 3,
                                       [PHOTOMETRIC_PALETTE] = 1,
                                       [PHOTOMETRIC_SEPARATED] = 4};
    s->colors = s->photometric < sizeof bands_of / sizeof *bands_of ? bands_of[s->photometric] : 0;
    if (s->colors == 0)
        return fail_coding(job, "photometric interpretation %u", s->photometric);
    s->call.TIFFGetFieldDefaulted(s->tiff, TIFFTAG_EXTRASAMPLES, &s->extra, &extra);
    if (s->bands < s->colors)
        return fail_coding(job, "%lld bands for a color of %lld", (long long)s->bands, (long long)s->colors);
    s->alpha = s->bands == s->colors + 1 && s->extra == 1 && extra && extra[0] != EXTRASAMPLE_UNSPECIFIED;
    s->associated = s->alpha && extra[0] == EXTRASAMPLE_ASSOCALPHA;
    if (s->photometric == PHOTOMETRIC_PALETTE &&
        (s->bits > 8 || s->bands != 1 ||
         !s->call.TIFFGetField(s->tiff, TIFFTAG_COLORMAP, &s->map[0], &s->map[1], &s->map[2])))
        return fail_coding(job, "a palette of %u bits and %lld bands", s->bits, (long long)s->bands);
    if (s->photometric == PHOTOMETRIC_SEPARATED && (s->bits != 8 || s->bands != 4))
        return fail_coding(job, "CMYK of %u bits and %lld bands", s->bits, (long long)s->bands);
    if (s->call.TIFFGetField(s->tiff, TIFFTAG_ORIENTATION, &orientation) && orientation >= 1 && orientation <= 8)
        job->orientation = orientation;
    uint32_t profile_bytes = 0;
    void *profile = NULL;
    job->notes.icc = s->call.TIFFGetField(s->tiff, TIFFTAG_ICCPROFILE, &profile_bytes, &profile) != 0;
    return FV_OK;
}

static fv_status read_header(tiff_state *s)
{
    fv_image_job *job = s->job;
    uint32_t h = 0, w = 0, bh = 0, bw = 0;
    uint16_t bands = 1, planar = PLANARCONFIG_CONTIG;
    s->call.TIFFGetField(s->tiff, TIFFTAG_IMAGELENGTH, &h);
    s->call.TIFFGetField(s->tiff, TIFFTAG_IMAGEWIDTH, &w);
    FV_TRY(fv_image_check_size(job, h, w));
    s->call.TIFFGetFieldDefaulted(s->tiff, TIFFTAG_SAMPLESPERPIXEL, &bands);
    s->call.TIFFGetFieldDefaulted(s->tiff, TIFFTAG_BITSPERSAMPLE, &s->bits);
    s->call.TIFFGetFieldDefaulted(s->tiff, TIFFTAG_SAMPLEFORMAT, &s->format);
    s->call.TIFFGetFieldDefaulted(s->tiff, TIFFTAG_PLANARCONFIG, &planar);
    s->h = h;
    s->w = w;
    s->bands = bands;
    s->apart = planar == PLANARCONFIG_SEPARATE && bands > 1;
    if (bands < 1)
        return fail_coding(job, "%u bands", bands);
    const bool real = s->format == SAMPLEFORMAT_IEEEFP;
    const bool small = s->bits == 1 || s->bits == 2 || s->bits == 4 || s->bits == 8;
    if (real ? s->bits != 32
             : (s->format != SAMPLEFORMAT_UINT && s->format != SAMPLEFORMAT_VOID) || (!small && s->bits != 16))
        return fail_coding(job, "%u bits of sample format %u (1, 2, 4, 8 or 16 bits unsigned and 32 bits float are)",
                           s->bits, s->format);
    s->depth = real ? FV_DEPTH_F32 : s->bits == 16 ? FV_DEPTH_16 : FV_DEPTH_8;
    FV_TRY(read_color(s));
    s->tiled = s->call.TIFFIsTiled(s->tiff);
    if (s->tiled) {
        s->call.TIFFGetField(s->tiff, TIFFTAG_TILELENGTH, &bh);
        s->call.TIFFGetField(s->tiff, TIFFTAG_TILEWIDTH, &bw);
    } else {
        s->call.TIFFGetFieldDefaulted(s->tiff, TIFFTAG_ROWSPERSTRIP, &bh);
        bh = bh < h ? bh : h;
        bw = w;
    }
    s->block_h = bh;
    s->block_w = bw;
    s->block_bytes = s->tiled ? s->call.TIFFTileSize(s->tiff) : s->call.TIFFStripSize(s->tiff);
    const int64_t row = (s->block_w * (s->apart ? 1 : s->bands) * s->bits + 7) / 8;
    if (bh < 1 || bw < 1 || s->block_bytes <= 0 || s->block_bytes > MAX_BLOCK_BYTES ||
        row > s->block_bytes / s->block_h)
        return fail_library(s);
    return FV_OK;
}

/* ---- pixels ---- */

/* Sample i of a row as the file has it, before anything is made of it. */
static uint32_t raw_sample(const uint8_t *row, int64_t i, int bits)
{
    if (bits == 16) {
        uint16_t v;
        memcpy(&v, row + 2 * i, sizeof v);
        return v;
    }
    const int64_t bit = i * bits;
    return row[bit / 8] >> (8 - bits - bit % 8) & ((1u << bits) - 1);
}

/* Samples [first, first + n) of a row of `bands` samples per pixel into bands [band, ...) of the image's row. */
static void put_samples(const tiff_state *s, const uint8_t *row, int64_t pixels, int64_t bands, int64_t band,
                        uint8_t *dst)
{
    const int64_t c = s->job->image.c;
    const uint32_t full = (uint32_t)((UINT64_C(1) << s->bits) - 1);
    const bool negative = s->photometric == PHOTOMETRIC_MINISWHITE;
    for (int64_t x = 0; x < pixels; x++) {
        for (int64_t k = 0; k < bands; k++) {
            const int64_t to = x * c + band + k;
            if (s->depth == FV_DEPTH_F32) {
                memcpy(dst + 4 * to, row + 4 * (x * bands + k), 4);
                continue;
            }
            uint32_t v = raw_sample(row, x * bands + k, s->bits);
            v = negative && band + k == 0 ? full - v : v;
            if (s->depth == FV_DEPTH_16) {
                const uint16_t v16 = (uint16_t)v;
                memcpy(dst + 2 * to, &v16, sizeof v16);
            } else {
                dst[to] = (uint8_t)(v * (255 / full));
            }
        }
    }
}

static void put_palette(const tiff_state *s, const uint8_t *row, int64_t pixels, uint8_t *dst)
{
    for (int64_t x = 0; x < pixels; x++, dst += 3) {
        const uint32_t v = raw_sample(row, x, s->bits);
        for (int k = 0; k < 3; k++)
            dst[k] = (uint8_t)(s->map[k][v] >> 8);
    }
}

/* C, M, Y, K as amounts of ink. */
static void put_cmyk(const uint8_t *row, int64_t pixels, uint8_t *dst)
{
    for (int64_t x = 0; x < pixels; x++, row += 4, dst += 3) {
        for (int k = 0; k < 3; k++)
            dst[k] = (uint8_t)(((255u - row[k]) * (255u - row[3]) + 127u) / 255u);
    }
}

/* A block that begins at (y0, x0) and holds `plane`, or all bands. */
static void put_block(const tiff_state *s, int64_t y0, int64_t x0, int64_t plane)
{
    const fv_image *image = &s->job->image;
    const int64_t bands = s->apart ? 1 : s->bands, stride = (s->block_w * bands * s->bits + 7) / 8;
    const int64_t pixels = s->w - x0 < s->block_w ? s->w - x0 : s->block_w;
    const int64_t rows = s->h - y0 < s->block_h ? s->h - y0 : s->block_h;
    const int64_t bytes = image->c * (int64_t)fv_depth_bytes(image->depth);
    for (int64_t y = 0; y < rows; y++) {
        const uint8_t *row = s->block + y * stride;
        uint8_t *dst = image->data + ((y0 + y) * s->w + x0) * bytes;
        if (s->photometric == PHOTOMETRIC_PALETTE)
            put_palette(s, row, pixels, dst);
        else if (s->photometric == PHOTOMETRIC_SEPARATED)
            put_cmyk(row, pixels, dst);
        else
            put_samples(s, row, pixels, bands, plane, dst);
    }
}

static fv_status read_blocks(tiff_state *s)
{
    fv_image_job *job = s->job;
    for (int64_t plane = 0; plane < (s->apart ? s->bands : 1); plane++) {
        for (int64_t y = 0; y < s->h; y += s->block_h) {
            for (int64_t x = 0; x < s->w; x += s->block_w) {
                const uint32_t tile =
                    s->tiled ? s->call.TIFFComputeTile(s->tiff, (uint32_t)x, (uint32_t)y, 0, (uint16_t)plane)
                             : s->call.TIFFComputeStrip(s->tiff, (uint32_t)y, (uint16_t)plane);
                memset(s->block, 0, (size_t)s->block_bytes);
                const tmsize_t n = s->tiled ? s->call.TIFFReadEncodedTile(s->tiff, tile, s->block, s->block_bytes)
                                            : s->call.TIFFReadEncodedStrip(s->tiff, tile, s->block, s->block_bytes);
                if (n < 0) {
                    if (!job->options.salvage)
                        return fail_library(s);
                    job->notes.salvaged = true;
                    job->notes.bad_byte = (int64_t)(s->at < job->size ? s->at : job->size);
                    return FV_OK;
                }
                put_block(s, y, x, plane);
            }
        }
    }
    return FV_OK;
}

/* Colors that were multiplied by the opacity behind them are divided by it; where that is 0 there is no color. */
static void divide_alpha(fv_image *image)
{
    const int64_t c = image->c, n = image->h * image->w;
    uint8_t *bytes = image->data;
    uint16_t *words = (uint16_t *)(void *)image->data;
    float *reals = (float *)(void *)image->data;
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = i * c, a = at + c - 1;
        for (int64_t k = at; k < a; k++) {
            if (image->depth == FV_DEPTH_F32) {
                reals[k] = reals[a] > 0.0f ? reals[k] / reals[a] : 0.0f;
                continue;
            }
            const uint32_t full = image->depth == FV_DEPTH_8 ? 255 : 65535;
            const uint32_t opacity = full == 255 ? bytes[a] : words[a], v = full == 255 ? bytes[k] : words[k];
            uint32_t whole = opacity ? (uint32_t)(((uint64_t)v * full + opacity / 2) / opacity) : 0;
            whole = whole < full ? whole : full;
            if (full == 255)
                bytes[k] = (uint8_t)whole;
            else
                words[k] = (uint16_t)whole;
        }
    }
}

/* Grey with alpha -> RGBA, as all of fovea has it. */
static fv_status widen_alpha(fv_image_job *job)
{
    fv_image narrow = job->image;
    const int64_t bytes = (int64_t)fv_depth_bytes(narrow.depth);
    job->image = (fv_image){0};
    fv_status status = fv_image_alloc(job, narrow.h, narrow.w, 4, narrow.depth);
    for (int64_t i = 0; status == FV_OK && i < narrow.h * narrow.w; i++) {
        for (int k = 0; k < 4; k++)
            memcpy(job->image.data + (4 * i + k) * bytes, narrow.data + (2 * i + (k == 3)) * bytes, (size_t)bytes);
    }
    fv_image_free(job->ctx, &narrow);
    return status;
}

/* ---- pages ---- */

/* What the page at hand says of itself. */
typedef struct page {
    uint32_t h, w;
    bool reduced; /* a smaller form of another page, or a mask */
} page;

static page page_here(const tiff_state *s)
{
    page p = {0};
    uint32_t kind = 0;
    uint16_t old_kind = 0;
    s->call.TIFFGetField(s->tiff, TIFFTAG_IMAGELENGTH, &p.h);
    s->call.TIFFGetField(s->tiff, TIFFTAG_IMAGEWIDTH, &p.w);
    if (s->call.TIFFGetField(s->tiff, TIFFTAG_SUBFILETYPE, &kind))
        p.reduced = (kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) != 0;
    else if (s->call.TIFFGetField(s->tiff, TIFFTAG_OSUBFILETYPE, &old_kind))
        p.reduced = old_kind == OFILETYPE_REDUCEDIMAGE;
    return p;
}

/* Whether `small` is what a camera or a program puts in front of `large`: of its shape, within 5 %, at most half as
 * high. */
static bool is_preview(const page *small, const page *large)
{
    const double turned = (double)small->h * large->w, straight = (double)small->w * large->h;
    return small->h <= large->h / 2 && turned < 1.05 * straight && straight < 1.05 * turned;
}

/* The picture in the directories that the first page refers to; false: there is none. */
static bool enter_subpage(tiff_state *s)
{
    uint16_t count = 0;
    toff_t *list = NULL, offsets[PAGES_MAX];
    if (!s->call.TIFFGetField(s->tiff, TIFFTAG_SUBIFD, &count, &list) || !list)
        return false;
    count = count < PAGES_MAX ? count : PAGES_MAX;
    memcpy(offsets, list, count * sizeof *offsets); /* which the next directory takes the place of */
    for (uint16_t i = 0; i < count; i++) {
        if (s->call.TIFFSetSubDirectory(s->tiff, offsets[i]) && !page_here(s).reduced)
            return true;
    }
    return false;
}

/*
 * Goes to the page that is the picture: the first, unless it says that it is a reduced one, or looks like a preview of
 * another. Pages that cannot be read are none. A file of one page is not looked at any further.
 */
static fv_status choose_page(tiff_state *s)
{
    const page first = page_here(s);
    const fv_decode_notes before = s->job->notes;
    page best = first;
    tdir_t chosen = 0;
    if (!first.reduced && s->call.TIFFLastDirectory(s->tiff))
        return FV_OK;
    for (tdir_t i = 1; i < PAGES_MAX && s->call.TIFFSetDirectory(s->tiff, i); i++) {
        const page here = page_here(s);
        if (here.reduced || !(best.reduced || is_preview(&best, &here)))
            continue;
        best = here;
        chosen = i;
    }
    bool found = s->call.TIFFSetDirectory(s->tiff, chosen) && !best.reduced;
    const bool inside = !found && s->call.TIFFSetDirectory(s->tiff, 0) && enter_subpage(s);
    s->job->notes = before; /* what other pages are like is nothing to complain of */
    s->message[0] = '\0';
    s->job->notes.preview = inside || chosen > 0;
    s->subpage = inside;
    if (found || inside)
        return FV_OK;
    return fail_coding(s->job, "nothing but a reduced picture (%u x %u) of one that is not in the file", first.w,
                       first.h);
}

static fv_status decode_page(tiff_state *s)
{
    fv_image_job *job = s->job;
    if (!open_file(s))
        return fail_library(s);
    FV_TRY(choose_page(s));
    FV_TRY(read_header(s));
    const bool palette = s->photometric == PHOTOMETRIC_PALETTE, cmyk = s->photometric == PHOTOMETRIC_SEPARATED;
    if (cmyk && s->apart)
        return fail_coding(job, "CMYK in separate planes");
    FV_TRY(fv_image_alloc(job, s->h, s->w, palette || cmyk ? 3 : s->bands, s->depth));
    const int64_t bytes = s->h * s->w * job->image.c * (int64_t)fv_depth_bytes(s->depth);
    memset(job->image.data, s->depth == FV_DEPTH_F32 ? 0 : 128, (size_t)bytes);
    FV_TRY(fv_image_afford(job, s->block_bytes));
    s->block = fv_malloc(job->ctx, (size_t)s->block_bytes);
    if (!s->block)
        return fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for %lld bytes of a strip",
                             (long long)s->block_bytes);
    job->notes.palette = palette;
    job->notes.cmyk = cmyk;
    job->notes.alpha = s->alpha;
    job->notes.bands = job->image.bands = !s->alpha && !palette && !cmyk && s->bands > s->colors;
    job->notes.grey = s->bands == 1 && !palette;
    job->notes.sixteen_bit = s->depth == FV_DEPTH_16;
    job->notes.float_pixels = s->depth == FV_DEPTH_F32;
    FV_TRY(read_blocks(s));
    FV_TRY(fv_image_check_finite(job));
    if (s->associated)
        divide_alpha(&job->image);
    if (s->alpha && s->bands == 2)
        FV_TRY(widen_alpha(job));
    if (!job->notes.salvaged)
        job->notes.animated = !s->subpage && !job->notes.preview && !s->call.TIFFLastDirectory(s->tiff);
    return FV_OK;
}

static fv_status tiff_decode(fv_image_job *job)
{
    tiff_state s = {.job = job, .bits = 1, .format = SAMPLEFORMAT_UINT};
    static const char *const names[] = {FV_WITH_TIFF, NULL};
    if (!fv_library_open(names, call_rows, sizeof call_rows / sizeof *call_rows, &s.call))
        return fv_image_lacks(job, &fv_image_tiff);
    fv_status status = decode_page(&s);
    if (s.tiff)
        s.call.TIFFClose(s.tiff);
    fv_free(job->ctx, s.block);
    return status;
}

#else

static fv_status tiff_decode(fv_image_job *job)
{
    return fv_image_lacks(job, &fv_image_tiff);
}

#endif

const fv_image_format fv_image_tiff = {.name = "tiff",
                                       .title = "TIFF",
                                       .extensions = " tif tiff ",
                                       .library = "libtiff",
#ifndef FV_WITH_TIFF
                                       .missing = true,
#endif
                                       .sniff = tiff_sniff,
                                       .decode = tiff_decode};
