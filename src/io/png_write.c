/* SPDX-License-Identifier: Apache-2.0 */
/* Writing PNG through libpng, atomically. */
#include <setjmp.h>
#include <stdio.h>

#include <fovea/data.h>

#include "base/file.h"

#include <png.h>

typedef struct png_out {
    fv_ctx *ctx;
    fv_writer *writer;
    png_structp png;
    png_infop info;
    const fv_image *image;
    fv_status status; /* of the writer, or NO_MEMORY */
    char message[96];
} png_out;

static void on_error(png_structp png, png_const_charp message)
{
    png_out *out = png_get_error_ptr(png);
    snprintf(out->message, sizeof out->message, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp on_alloc(png_structp png, png_alloc_size_t size)
{
    png_out *out = png_get_mem_ptr(png);
    void *ptr = fv_malloc(out->ctx, size);
    if (!ptr)
        out->status = FV_ERR_NO_MEMORY;
    return ptr;
}

static void on_free(png_structp png, png_voidp ptr)
{
    png_out *out = png_get_mem_ptr(png);
    fv_free(out->ctx, ptr);
}

static void on_write(png_structp png, png_bytep data, size_t size)
{
    png_out *out = png_get_io_ptr(png);
    out->status = fv_writer_put(out->writer, data, size);
    if (out->status != FV_OK)
        png_error(png, "write failed");
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* False: libpng gave up. */
static bool write_rows(png_out *out)
{
    const fv_image *image = out->image;
    const int type = image->c == 1   ? PNG_COLOR_TYPE_GRAY
                     : image->c == 3 ? PNG_COLOR_TYPE_RGB
                                     : PNG_COLOR_TYPE_RGB_ALPHA;
    if (setjmp(png_jmpbuf(out->png)))
        return false;
    png_set_write_fn(out->png, out, on_write, on_flush);
    png_set_user_limits(out->png, 0x7FFFFFFF, 0x7FFFFFFF);
    const int64_t bytes = (int64_t)fv_depth_bytes(image->depth);
    png_set_IHDR(out->png, out->info, (png_uint_32)image->w, (png_uint_32)image->h, (int)bytes * 8, type,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(out->png, out->info);
    if (bytes == 2 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        png_set_swap(out->png);
    for (int64_t y = 0; y < image->h; y++)
        png_write_row(out->png, image->data + y * image->w * image->c * bytes);
    png_write_end(out->png, out->info);
    return true;
}

fv_status fv_image_write_png(fv_ctx *ctx, const char *path, const fv_image *image)
{
    if (!image || !image->data || image->h < 1 || image->w < 1 || image->h > 0x7FFFFFFF || image->w > 0x7FFFFFFF ||
        (image->c != 1 && image->c != 3 && image->c != 4) ||
        (image->depth != FV_DEPTH_8 && image->depth != FV_DEPTH_16))
        return fv_fail(ctx, FV_ERR_ARGUMENT,
                       "fv_image_write_png: needs an image with 1, 3 or 4 channels of 8 or 16 bits");
    png_out out = {.ctx = ctx, .image = image};
    FV_TRY(fv_writer_open(ctx, path, &out.writer));
    fv_status status = FV_OK;
    out.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &out, on_error, on_warning, &out, on_alloc, on_free);
    out.info = out.png ? png_create_info_struct(out.png) : NULL;
    if (!out.info)
        status = fv_fail_memory(ctx, 0, "writing a PNG");
    else if (!write_rows(&out))
        status = out.status != FV_OK ? out.status : fv_fail(ctx, FV_ERR_FAILED, "%s: libpng: %s", path, out.message);
    png_destroy_write_struct(&out.png, &out.info);
    if (status == FV_OK)
        return fv_writer_commit(&out.writer);
    fv_writer_abort(&out.writer);
    return status;
}
