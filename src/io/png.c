/* SPDX-License-Identifier: Apache-2.0 */
/* PNG (ISO/IEC 15948) through libpng, whose allocations go through the context. The first frame of an animation. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "io/image.h"

#include <png.h>

#define MAX_CHUNK_BYTES (8 << 20)

/* Everything that must survive a longjmp or be freed after one. */
typedef struct png_state {
    png_structp png;
    png_infop info;
    fv_image_job *job;
    png_bytep *rows;
    size_t at;
    bool eof;       /* the decoder asked for bytes behind the end */
    bool complete;  /* all rows are there */
    bool no_memory; /* an allocation of ours failed */
    bool refused;   /* a check of ours failed and has filled the job's error */
    char message[96];
} png_state;

static bool png_sniff(const uint8_t *data, size_t size)
{
    return size >= 8 && memcmp(data, "\x89PNG\r\n\x1A\n", 8) == 0;
}

static void on_error(png_structp png, png_const_charp message)
{
    png_state *s = png_get_error_ptr(png);
    snprintf(s->message, sizeof s->message, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    png_state *s = png_get_error_ptr(png);
    fv_image_warn(s->job, message);
}

static png_voidp on_alloc(png_structp png, png_alloc_size_t size)
{
    png_state *s = png_get_mem_ptr(png);
    void *ptr = fv_malloc(s->job->ctx, size);
    s->no_memory |= ptr == NULL;
    return ptr;
}

static void on_free(png_structp png, png_voidp ptr)
{
    png_state *s = png_get_mem_ptr(png);
    fv_free(s->job->ctx, ptr);
}

static void on_read(png_structp png, png_bytep dst, size_t size)
{
    png_state *s = png_get_io_ptr(png);
    if (size > s->job->size - s->at) {
        s->eof = true;
        png_error(png, "unexpected end of file");
    }
    memcpy(dst, s->job->data + s->at, size);
    s->at += size;
}

/* Asks libpng for grey, RGB or RGBA of 8 or 16 bits, and notes what that changes. */
static int set_conversions(png_state *s)
{
    fv_decode_notes *notes = &s->job->notes;
    const int depth = png_get_bit_depth(s->png, s->info), type = png_get_color_type(s->png, s->info);
    const bool trns = png_get_valid(s->png, s->info, PNG_INFO_tRNS) != 0;
    notes->alpha = trns || (type & PNG_COLOR_MASK_ALPHA);
    notes->palette = type == PNG_COLOR_TYPE_PALETTE;
    notes->grey = !(type & PNG_COLOR_MASK_COLOR);
    notes->sixteen_bit = depth == 16;
    if (notes->palette)
        png_set_palette_to_rgb(s->png);
    if (notes->grey && depth < 8)
        png_set_expand_gray_1_2_4_to_8(s->png);
    if (trns)
        png_set_tRNS_to_alpha(s->png);
    if (depth == 16 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        png_set_swap(s->png);
    notes->icc = png_get_valid(s->png, s->info, PNG_INFO_iCCP) != 0;
    if (notes->grey && notes->alpha)
        png_set_gray_to_rgb(s->png);
    return png_set_interlace_handling(s->png);
}

static void read_orientation(png_state *s)
{
    png_uint_32 size = 0;
    png_bytep exif = NULL;
    if (png_get_eXIf_1(s->png, s->info, &size, &exif) && exif)
        s->job->orientation = fv_exif_orientation(exif, size);
}

/* The library's part; it may leave by longjmp to its caller. */
static fv_status decode_rows(png_state *s)
{
    fv_image_job *job = s->job;
    png_set_read_fn(s->png, s, on_read);
    png_set_user_limits(s->png, 0x7FFFFFFF, 0x7FFFFFFF);
    png_set_chunk_malloc_max(s->png, MAX_CHUNK_BYTES);
    png_read_info(s->png, s->info);
    const int64_t h = png_get_image_height(s->png, s->info), w = png_get_image_width(s->png, s->info);
    FV_TRY(fv_image_check_size(job, h, w));
    read_orientation(s);
    set_conversions(s);
    png_read_update_info(s->png, s->info);
    const int64_t c = png_get_channels(s->png, s->info);
    const fv_depth depth = job->notes.sixteen_bit ? FV_DEPTH_16 : FV_DEPTH_8;
    const int64_t stride = w * c * (int64_t)fv_depth_bytes(depth);
    if (png_get_rowbytes(s->png, s->info) != (size_t)stride)
        return fv_image_fail(job, FV_ERR_INTERNAL, FV_FAULT_NONE, -1, "PNG rows of an unexpected size");
    FV_TRY(fv_image_alloc(job, h, w, c, depth));
    memset(job->image.data, 128, (size_t)(h * stride));
    s->rows = fv_malloc(job->ctx, (size_t)h * sizeof *s->rows);
    if (!s->rows)
        return fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for rows");
    for (int64_t y = 0; y < h; y++)
        s->rows[y] = job->image.data + y * stride;
    png_read_image(s->png, s->rows);
    s->complete = true;
    png_read_end(s->png, NULL);
    return FV_OK;
}

/* The width and height of a header are checked before libpng sees it: libpng refuses zero with a text of its own. */
static fv_status check_header(fv_image_job *job)
{
    const uint8_t *p = job->data;
    if (job->size < 24 || memcmp(p + 12, "IHDR", 4) != 0)
        return FV_OK;
    const uint32_t w = (uint32_t)p[16] << 24 | (uint32_t)p[17] << 16 | (uint32_t)p[18] << 8 | p[19];
    const uint32_t h = (uint32_t)p[20] << 24 | (uint32_t)p[21] << 16 | (uint32_t)p[22] << 8 | p[23];
    return fv_image_check_size(job, h, w);
}

static fv_status judge_error(png_state *s)
{
    fv_image_job *job = s->job;
    if (s->no_memory && !s->complete)
        return fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for decoding");
    if (s->complete) {
        fv_image_warn(job, s->message); /* all pixels are there: what follows them is damaged */
        return FV_OK;
    }
    const int64_t byte = (int64_t)(s->eof ? job->size : s->at);
    if (job->options.salvage && s->rows) {
        job->notes.salvaged = true;
        job->notes.bad_byte = byte;
        return FV_OK;
    }
    if (s->eof)
        return fv_image_fail(job, FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, byte, "truncated PNG at byte %lld of %zu",
                             (long long)byte, job->size);
    return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, byte, "corrupt PNG at byte %lld of %zu: %s",
                         (long long)byte, job->size, s->message);
}

/* setjmp has a function of its own, without locals that a jump could spoil. False: libpng gave up. */
static bool guarded(png_state *s, fv_status *status)
{
    if (setjmp(png_jmpbuf(s->png)))
        return false;
    *status = decode_rows(s);
    return true;
}

/* An animation says so in front of its first image data; that image is the first frame, or what stands in for it. */
static bool is_animated(const uint8_t *data, size_t size)
{
    size_t at = 8;
    while (size - at >= 12) {
        const uint8_t *p = data + at;
        const size_t length = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        if (memcmp(p + 4, "acTL", 4) == 0)
            return true;
        if (memcmp(p + 4, "IDAT", 4) == 0 || length > size - at - 12)
            return false;
        at += length + 12;
    }
    return false;
}

static fv_status png_decode(fv_image_job *job)
{
    FV_TRY(check_header(job));
    job->notes.animated = is_animated(job->data, job->size);
    png_state s = {.job = job};
    fv_status status = FV_OK;
    s.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning, &s, on_alloc, on_free);
    s.info = s.png ? png_create_info_struct(s.png) : NULL;
    if (!s.info)
        status = fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for decoding");
    else if (!guarded(&s, &status))
        status = judge_error(&s);
    png_destroy_read_struct(&s.png, &s.info, NULL);
    fv_free(job->ctx, s.rows);
    return status;
}

const fv_image_format fv_image_png = {
    .name = "png", .title = "PNG", .extensions = " png apng ", .sniff = png_sniff, .decode = png_decode};
