/* SPDX-License-Identifier: Apache-2.0 */
/* Image files made by the tests themselves, sound ones and broken ones. */
#ifndef FV_TESTS_DATA_PLANTED_H
#define FV_TESTS_DATA_PLANTED_H

#include "support/support.h"

#include <jpeglib.h>
#include <png.h>

typedef struct planted {
    uint8_t *data; /* malloc */
    size_t size;
} planted;

/* The picture: smooth, so that JPEG keeps it within a few grey levels. */
static inline uint8_t planted_pixel(int y, int x, int k, int h, int w)
{
    const int v[4] = {255 * x / (w > 1 ? w - 1 : 1), 255 * y / (h > 1 ? h - 1 : 1), 128 + (x - y) % 64, 255};
    return (uint8_t)v[k];
}

typedef struct planted_jpeg {
    int h, w, c; /* c = 1, 3, or 4: CMYK with Adobe's marker */
    int quality; /* 0: 90 */
    bool progressive, arithmetic, no_adobe, ycck;
    int restart;     /* rows between restart markers */
    int orientation; /* EXIF; 0: none */
    bool big_endian;
} planted_jpeg;

/* A TIFF directory with the orientation in it; 26 bytes. */
static inline void planted_exif(uint8_t *p, int orientation, bool big)
{
    static const uint8_t little_endian[26] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0};
    static const uint8_t big_endian[26] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1};
    memcpy(p, big ? big_endian : little_endian, 26);
    p[big ? 19 : 18] = (uint8_t)orientation;
}

static inline planted planted_make_jpeg(planted_jpeg o)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr err;
    unsigned char *mem = NULL;
    unsigned long size = 0;
    cinfo.err = jpeg_std_error(&err);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &mem, &size);
    cinfo.image_height = (JDIMENSION)o.h;
    cinfo.image_width = (JDIMENSION)o.w;
    cinfo.input_components = o.c;
    cinfo.in_color_space = o.c == 1 ? JCS_GRAYSCALE : o.c == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&cinfo);
    if (o.ycck)
        jpeg_set_colorspace(&cinfo, JCS_YCCK);
    jpeg_set_quality(&cinfo, o.quality ? o.quality : 90, TRUE);
    cinfo.arith_code = o.arithmetic;
    cinfo.restart_in_rows = o.restart;
    if (o.no_adobe)
        cinfo.write_Adobe_marker = FALSE;
    else if (o.c == 4)
        cinfo.write_Adobe_marker = TRUE;
    if (o.progressive)
        jpeg_simple_progression(&cinfo);
    jpeg_start_compress(&cinfo, TRUE);
    if (o.orientation) {
        uint8_t app1[32] = {'E', 'x', 'i', 'f', 0, 0};
        planted_exif(app1 + 6, o.orientation, o.big_endian);
        jpeg_write_marker(&cinfo, JPEG_APP0 + 1, app1, sizeof app1);
    }
    JSAMPLE *row = malloc((size_t)o.w * (size_t)o.c);
    assert_non_null(row);
    for (int y = 0; y < o.h; y++) {
        for (int i = 0; i < o.w * o.c; i++) {
            int k = i % o.c, v = planted_pixel(y, i / o.c, k, o.h, o.w);
            /* The light of a CMYK picture is that of the RGB one, with no black ink: stored inverted by Adobe. */
            row[i] = (JSAMPLE)(o.c == 4 && o.no_adobe ? 255 - v : v);
        }
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    free(row);
    return (planted){mem, size};
}

/* PNG of a color type and depth; palette pictures count through a palette of 256 whose last entry is transparent. */
static inline planted planted_make_png(int h, int w, int type, int depth, bool interlaced, bool trns)
{
    char *mem = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&mem, &size);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, depth, type,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_color palette[256];
        png_byte alpha[256];
        for (int i = 0; i < 256; i++) {
            palette[i] = (png_color){(png_byte)i, (png_byte)(255 - i), 7};
            alpha[i] = i == 255 ? 0 : 255;
        }
        png_set_PLTE(png, info, palette, 1 << depth);
        if (trns)
            png_set_tRNS(png, info, alpha, 1 << depth, NULL);
    } else if (trns) {
        png_color_16 key = {.gray = 0, .red = 0, .green = 0, .blue = 0};
        png_set_tRNS(png, info, NULL, 0, &key);
    }
    png_write_info(png, info);
    const int c = png_get_channels(png, info);
    uint8_t *rows = calloc((size_t)h, (size_t)w * (size_t)c * 2);
    png_bytep *row = calloc((size_t)h, sizeof *row);
    assert_true(rows && row);
    for (int y = 0; y < h; y++) {
        row[y] = rows + (size_t)y * (size_t)w * (size_t)c * 2;
        for (int i = 0; i < w * c; i++) {
            int k = i % c;
            uint8_t v = planted_pixel(y, i / c, (c == 2 || c == 4) && k == c - 1 ? 0 : k, h, w);
            if (depth == 16) {
                row[y][2 * i] = v;
                row[y][2 * i + 1] = v;
            } else if (depth == 8) {
                row[y][i] = v;
            } else {
                row[y][i * depth / 8] |= (uint8_t)((v >> (8 - depth)) << (8 - depth - i * depth % 8));
            }
        }
    }
    png_write_image(png, row);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(file);
    free(row);
    free(rows);
    return (planted){(uint8_t *)mem, size};
}

static inline void planted_save(const char *path, planted file)
{
    fv_test_write(path, file.data, file.size);
    free(file.data);
}

/* A JPEG that differs from all others of other numbers. */
static inline void planted_jpeg_file(const char *path, int number)
{
    planted_save(path, planted_make_jpeg((planted_jpeg){.h = 20 + number % 7, .w = 24 + number % 5, .c = 3}));
}

#endif
