/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The planted corpus: small data sets, each with faults of the published table (rows 1 to 37), drawn and damaged here.
 * corpus_make writes them below a folder; corpus_rows says what must be found in each, and nothing else may be.
 */
#ifndef FV_TESTS_DATA_CORPUS_H
#define FV_TESTS_DATA_CORPUS_H

#include "data/planted.h"

#include <math.h>
#include <zlib.h>

static char corpus_dir[512];

/* A file of the set being made. */
static inline const char *corpus_path(const char *name)
{
    return fv_test_path(corpus_dir, name);
}

static inline planted corpus_cut(planted file, size_t size)
{
    file.size = size;
    return file;
}

static inline planted corpus_poke(planted file, size_t at, int value)
{
    file.data[at] = (uint8_t)value;
    return file;
}

static inline planted corpus_bytes(const void *data, size_t size)
{
    planted file = {malloc(size + 1), size};
    assert_non_null(file.data);
    memcpy(file.data, data, size);
    return file;
}

/* ---- pictures ---- */

/* A scene of discs on a slope of light, of any size: one number, one scene. */
static inline uint8_t *corpus_scene(unsigned number, int h, int w)
{
    uint8_t *rgb = malloc((size_t)h * (size_t)w * 3);
    unsigned state = number * 2654435761u + 12345u;
    double disc[8][6];
    assert_non_null(rgb);
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < 6; k++) {
            state = state * 1664525u + 1013904223u;
            disc[i][k] = (double)(state >> 8) / 16777216.0;
        }
    }
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
            uint8_t *p = rgb + ((size_t)y * (size_t)w + (size_t)x) * 3;
            for (int k = 0; k < 3; k++)
                p[k] = (uint8_t)(60 + 100 * ((k + (int)number) % 3) * y / (2 * h) + 40 * x / w);
            for (int i = 0; i < 8; i++) {
                const double dy = (double)y / h - disc[i][0], dx = (double)x / w - disc[i][1];
                if (dy * dy + dx * dx < 0.005 + 0.05 * disc[i][2]) {
                    for (int k = 0; k < 3; k++)
                        p[k] = (uint8_t)(255 * disc[i][3 + k]);
                }
            }
        }
    }
    return rgb;
}

static inline planted corpus_jpeg(const uint8_t *rgb, int h, int w, int quality)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr err;
    unsigned char *mem = NULL;
    unsigned long size = 0;
    cinfo.err = jpeg_std_error(&err);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &mem, &size);
    cinfo.image_height = (JDIMENSION)h;
    cinfo.image_width = (JDIMENSION)w;
    cinfo.input_components = 3;
    cinfo.in_color_space = JCS_RGB;
    jpeg_set_defaults(&cinfo);
    jpeg_set_quality(&cinfo, quality, TRUE);
    jpeg_start_compress(&cinfo, TRUE);
    for (int y = 0; y < h; y++) {
        JSAMPLE *row = (JSAMPLE *)(uintptr_t)(rgb + (size_t)y * (size_t)w * 3);
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    return (planted){mem, size};
}

static inline planted corpus_picture(unsigned number, int h, int w, int quality)
{
    uint8_t *rgb = corpus_scene(number, h, w);
    planted file = corpus_jpeg(rgb, h, w, quality);
    free(rgb);
    return file;
}

/* `count` sound pictures 00.jpg, ... in a folder, scene numbers from `first` on. */
static inline void corpus_fill(const char *dir, unsigned first, int count)
{
    for (int i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s/%02d.jpg", dir, i);
        planted_save(corpus_path(name), corpus_picture(first + (unsigned)i, 64, 80, 90));
    }
}

/* 8-bit PNG from pixels; `map`: a palette of 3 x 256 bytes. */
static inline planted corpus_png(const uint8_t *pixels, int h, int w, int format, const uint8_t *map)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)w,
                       .height = (png_uint_32)h,
                       .format = (png_uint_32)format,
                       .colormap_entries = map ? 256 : 0};
    png_alloc_size_t size = 0;
    assert_true(png_image_write_to_memory(&image, NULL, &size, 0, pixels, 0, map));
    planted file = {malloc(size), size};
    assert_true(png_image_write_to_memory(&image, file.data, &size, 0, pixels, 0, map));
    file.size = size;
    return file;
}

static inline planted corpus_flat(int h, int w, int value)
{
    uint8_t *pixels = malloc((size_t)h * (size_t)w * 3);
    assert_non_null(pixels);
    memset(pixels, value, (size_t)h * (size_t)w * 3);
    planted file = corpus_png(pixels, h, w, PNG_FORMAT_RGB, NULL);
    free(pixels);
    return file;
}

/* Puts a chunk behind a PNG's header. */
static inline planted corpus_png_chunk(planted file, const char *type, const void *data, size_t size)
{
    planted out = {malloc(file.size + size + 12), file.size + size + 12};
    uint8_t *p = out.data + 33;
    assert_non_null(out.data);
    memcpy(out.data, file.data, 33);
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(size >> (24 - 8 * i));
    memcpy(p + 4, type, 4);
    memcpy(p + 8, data, size);
    const uLong crc = crc32(0, p + 4, (uInt)size + 4);
    for (int i = 0; i < 4; i++)
        p[8 + size + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
    memcpy(p + size + 12, file.data + 33, file.size - 33);
    free(file.data);
    return out;
}

static inline planted corpus_icc(void)
{
    uint8_t *rgb = corpus_scene(900, 24, 24), chunk[1200] = "a profile";
    uint8_t profile[512] = {0, 0, 2, 0};
    uLongf size = sizeof chunk - 11;
    memcpy(profile + 8, "\4\0\0\0mntrRGB XYZ ", 16);
    memcpy(profile + 36, "acsp", 4);
    memcpy(profile + 68, "\0\0\xF6\xD6\0\1\0\0\0\0\xD3\x2D", 12);
    memcpy(profile + 128, "\0\0\0\1cprt\0\0\0\x90\0\0\1\x70", 16);
    for (unsigned k = 144, state = 1; k < sizeof profile; k++) /* as large as profiles are, also when compressed */
        profile[k] = (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
    assert_int_equal(compress(chunk + 11, &size, profile, sizeof profile), Z_OK);
    planted file = corpus_png(rgb, 24, 24, PNG_FORMAT_RGB, NULL);
    free(rgb);
    return corpus_png_chunk(file, "iCCP", chunk, 11 + size);
}

static inline planted corpus_animated(void)
{
    uint8_t *rgb = corpus_scene(901, 24, 24);
    planted file = corpus_png(rgb, 24, 24, PNG_FORMAT_RGB, NULL);
    free(rgb);
    return corpus_png_chunk(file, "acTL", "\0\0\0\2\0\0\0\0", 8);
}

/* 8-bit grey BMP with its palette, rows from the bottom up. */
static inline planted corpus_bmp(int side)
{
    const size_t row = ((size_t)side + 3) / 4 * 4, start = 54 + 1024, size = start + row * (size_t)side;
    planted file = {calloc(1, size), size};
    uint8_t *p = file.data;
    assert_non_null(p);
    memcpy(p, "BM", 2);
    for (int i = 0; i < 4; i++) {
        p[2 + i] = (uint8_t)(size >> (8 * i));
        p[10 + i] = (uint8_t)(start >> (8 * i));
    }
    p[14] = 40;
    p[18] = p[22] = (uint8_t)side;
    p[26] = 1;
    p[28] = 8;
    for (int i = 0; i < 256; i++)
        memset(p + 54 + 4 * i, i, 3);
    for (int i = 0; i < side * side; i++)
        p[start + (size_t)(i / side) * row + (size_t)(i % side)] = (uint8_t)(i * 5);
    return file;
}

/* NPY with a header of its own choosing. */
static inline planted corpus_npy(const char *descr, const char *order, const char *shape, const void *data, size_t size)
{
    char head[128];
    int n = snprintf(head, sizeof head, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, order, shape);
    while ((10 + n + 1) % 64)
        head[n++] = ' ';
    head[n++] = '\n';
    planted file = {malloc(10 + (size_t)n + size), 10 + (size_t)n + size};
    assert_non_null(file.data);
    memcpy(file.data, "\x93NUMPY\1\0", 8);
    file.data[8] = (uint8_t)n;
    file.data[9] = 0;
    memcpy(file.data + 10, head, (size_t)n);
    memcpy(file.data + 10 + n, data, size);
    return file;
}

/* GIF of two frames of 4 x 4 pixels: codes of 3 bits, the table cleared before it grows. */
static inline planted corpus_gif(void)
{
    static const uint8_t head[] = {'G', 'I', 'F', '8', '9', 'a', 4, 0,   4,    0,    0x81, 0, 0, 0, 0, 0, 255,
                                   0,   0,   0,   255, 0,   0,   0, 255, 0x21, 0xF9, 4,    0, 9, 0, 0, 0};
    static const uint8_t frame[] = {0x2C, 0, 0, 0, 0, 4, 0, 4, 0, 0, 2, 10};
    planted file = {calloc(1, 128), 0};
    assert_non_null(file.data);
    memcpy(file.data, head, sizeof head);
    file.size = sizeof head;
    for (int k = 0; k < 2; k++) {
        memcpy(file.data + file.size, frame, sizeof frame);
        file.size += sizeof frame;
        uint8_t *codes = file.data + file.size;
        int bit = 0;
        for (int i = 0; i <= 24; i++) { /* clear and two pixels, eight times; the end */
            const int code = i == 24 ? 5 : i % 3 == 0 ? 4 : (i + k) % 4;
            for (int b = 0; b < 3; b++, bit++)
                codes[bit / 8] |= (uint8_t)((code >> b & 1) << bit % 8);
        }
        file.size += 11; /* and the block that ends the frame */
    }
    file.data[file.size++] = 0x3B;
    return file;
}

/* Uncompressed grey TIFF, 4 x 4: 16 bits, or floats of which one is no number. */
static inline planted corpus_tiff(bool floats)
{
    const uint32_t bytes = floats ? 4 : 2;
    const uint32_t rows[10][3] = {
        {256, 3, 4}, {257, 3, 4}, {258, 3, bytes * 8}, {259, 3, 1},          {262, 3, 1},
        {273, 4, 8}, {277, 3, 1}, {278, 3, 4},         {279, 4, 16 * bytes}, {339, 3, floats ? 3 : 1},
    };
    planted file = {calloc(1, 256), 8 + 16 * bytes};
    uint8_t *p = file.data;
    assert_non_null(p);
    memcpy(p, "II*\0", 4);
    p[4] = (uint8_t)file.size;
    for (uint32_t i = 0; i < 16; i++) {
        const float value = i == 9 ? NAN : (float)i / 16.0f;
        const uint16_t deep = (uint16_t)(i * 4096);
        memcpy(p + 8 + i * bytes, floats ? (const void *)&value : (const void *)&deep, bytes);
    }
    p[file.size] = 10;
    p += file.size + 2;
    for (int i = 0; i < 10; i++, p += 12) {
        memcpy(p, (uint16_t[]){(uint16_t)rows[i][0], (uint16_t)rows[i][1]}, 4);
        memcpy(p + 4, (uint32_t[]){1, rows[i][2]}, 8);
    }
    file.size += 2 + 120 + 4;
    return file;
}

/* ---- tar ---- */

static inline void corpus_tar_member(planted *tar, const char *name, const void *data, size_t size)
{
    const size_t room = (size + 511) / 512 * 512;
    uint8_t *grown = realloc(tar->data, tar->size + 512 + room);
    assert_non_null(grown);
    tar->data = grown;
    char *head = (char *)tar->data + tar->size;
    memset(head, 0, 512 + room);
    snprintf(head, 100, "%s", name);
    memcpy(head + 100, "0000644\0000000000\0000000000\0", 24);
    snprintf(head + 124, 12, "%011zo", size);
    memcpy(head + 136, "00000000000\0        0", 21);
    memcpy(head + 257, "ustar\00000", 8);
    unsigned sum = 0;
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum);
    memcpy(head + 512, data, size);
    tar->size += 512 + room;
}

/* ---- the sets ---- */

static inline void corpus_images(void)
{
    const float nan_at[6] = {0, 0.5f, 1, 0.25f, NAN, 0.75f}, sound[6] = {0, 0.5f, 1, 0.25f, 0.1f, 0.75f};
    corpus_fill("train/a", 0, 12);
    corpus_fill("train/b", 20, 12);
    planted p = corpus_picture(40, 64, 80, 90);
    const size_t kept = p.size / 2;
    planted_save(corpus_path("train/a/cut.jpg"), corpus_cut(p, kept));
    p = corpus_picture(41, 64, 80, 90);
    p.data = realloc(p.data, p.size + 64);
    memset(p.data + p.size - 2, 3, 64); /* more than a decoder has read ahead */
    memcpy(p.data + p.size + 62, "\xFF\xD9", 2);
    p.size += 64;
    planted_save(corpus_path("train/a/garbage.jpg"), p);
    fv_test_write(corpus_path("train/a/empty.jpg"), "", 0);
    fv_test_write_text(corpus_path("train/a/page.jpg"), "<!doctype html><html>404 Not Found</html>");
    planted_save(corpus_path("train/a/png.jpg"), planted_make_png(19, 19, PNG_COLOR_TYPE_RGB, 8, false, false));
    planted_save(corpus_path("train/a/cmyk.jpg"), planted_make_jpeg((planted_jpeg){.h = 31, .w = 30, .c = 4}));
    planted_save(corpus_path("train/a/grey.jpg"), planted_make_jpeg((planted_jpeg){.h = 32, .w = 30, .c = 1}));
    planted_save(corpus_path("train/a/rgba.png"), planted_make_png(21, 20, PNG_COLOR_TYPE_RGB_ALPHA, 8, false, false));
    planted_save(corpus_path("train/a/la.png"), planted_make_png(22, 20, PNG_COLOR_TYPE_GRAY_ALPHA, 8, false, false));
    planted_save(corpus_path("train/a/palette.png"), planted_make_png(23, 20, PNG_COLOR_TYPE_PALETTE, 8, false, false));
    planted_save(corpus_path("train/a/clear.png"), planted_make_png(24, 20, PNG_COLOR_TYPE_PALETTE, 8, false, true));
    planted_save(corpus_path("train/a/grey.bmp"), corpus_bmp(24));
    planted_save(corpus_path("train/a/deep.png"), planted_make_png(25, 20, PNG_COLOR_TYPE_RGB, 16, false, false));
    planted_save(corpus_path("train/a/turned.jpg"),
                 planted_make_jpeg((planted_jpeg){.h = 33, .w = 30, .c = 3, .orientation = 6}));
    planted_save(corpus_path("train/a/profile.png"), corpus_icc());
    planted_save(corpus_path("train/a/progressive.jpg"),
                 planted_make_jpeg((planted_jpeg){.h = 35, .w = 30, .c = 3, .progressive = true}));
    p = planted_make_jpeg((planted_jpeg){.h = 36, .w = 30, .c = 3});
    size_t sof = 2;
    while (p.data[sof + 1] != 0xC0)
        sof += 2 + ((size_t)p.data[sof + 2] << 8 | p.data[sof + 3]);
    planted_save(corpus_path("train/a/twelve.jpg"), corpus_poke(corpus_bytes(p.data, p.size), sof + 4, 12));
    planted_save(corpus_path("train/a/lossless.jpg"), corpus_poke(corpus_bytes(p.data, p.size), sof + 1, 0xC3));
    planted_save(corpus_path("train/a/bomb.jpg"),
                 corpus_poke(corpus_poke(corpus_bytes(p.data, p.size), sof + 5, 0xFF), sof + 7, 0xFF));
    planted_save(corpus_path("train/a/none.jpg"), corpus_poke(p, sof + 6, 0));
    planted_save(corpus_path("train/a/dot.png"), corpus_flat(1, 1, 9));
    planted_save(corpus_path("train/a/line.png"), corpus_flat(1, 20, 9));
    planted_save(corpus_path("train/a/moving.png"), corpus_animated());
    planted_save(corpus_path("train/a/black.png"), corpus_flat(20, 20, 0));
    planted_save(corpus_path("train/a/nan.npy"), corpus_npy("<f4", "False", "(2, 3)", nan_at, sizeof nan_at));
    planted_save(corpus_path("train/a/signed.npy"), corpus_npy("<i4", "False", "(2, 3)", nan_at, sizeof nan_at));
    planted_save(corpus_path("train/a/object.npy"), corpus_npy("|O", "False", "(2, 3)", nan_at, sizeof nan_at));
    planted_save(corpus_path("train/a/bogus.npy"), corpus_npy("<f4", "False", "(999, 99)", sound, sizeof sound));
    planted_save(corpus_path("train/a/fortran.npy"), corpus_npy("<f4", "True", "(2, 3)", sound, sizeof sound));
    planted_save(corpus_path("train/a/new\nline.jpg"), corpus_picture(42, 64, 80, 90));
    planted_save(corpus_path("train/a/\xE8\x8A\xB1 \xF0\x9F\x8C\xB7.jpg"), corpus_picture(43, 64, 80, 90));
    planted_save(corpus_path("train/a/latin\xE9.jpg"), corpus_picture(44, 64, 80, 90));
    planted_save(corpus_path("train/a/deeper/in.jpg"), corpus_picture(45, 64, 80, 90));
    fv_test_write_text(corpus_path("train/a/.DS_Store"), "x");
    fv_test_write_text(corpus_path("train/stray.jpg"), "x");
    assert_int_equal(symlink("gone.jpg", corpus_path("train/a/vanished.jpg")), 0);
    assert_int_equal(mkfifo(corpus_path("train/a/pipe.jpg"), 0666), 0);
}

/* Formats whose libraries a build may lack stand apart. */
static inline void corpus_formats(void)
{
    static const uint8_t deep[] = "P5 2 2 65535\n\0\1\x40\2\x80\3\xFF\xFF";
    corpus_fill("train/a", 0, 8);
    corpus_fill("train/b", 10, 8);
    planted_save(corpus_path("train/a/moving.gif"), corpus_gif());
    planted_save(corpus_path("train/a/deep.tif"), corpus_tiff(false));
    planted_save(corpus_path("train/a/nan.tif"), corpus_tiff(true));
    fv_test_write(corpus_path("train/a/deep.pgm"), deep, sizeof deep - 1);
    planted_save(corpus_path("train/a/arithmetic.jpg"),
                 planted_make_jpeg((planted_jpeg){.h = 37, .w = 30, .c = 3, .arithmetic = true}));
}

static inline void corpus_classes(void)
{
    corpus_fill("train/cat", 0, 6);
    corpus_fill("train/dog", 10, 6);
    corpus_fill("val/cat", 20, 3);
    corpus_fill("val/zebra", 30, 3);
    assert_int_equal(mkdir(corpus_path("train/void"), 0777), 0);
}

static inline void corpus_model(void)
{
    corpus_fill("train/cat", 0, 6);
    corpus_fill("train/dog", 10, 6);
}

static inline void corpus_names(void)
{
    corpus_fill("10", 0, 5);
    corpus_fill("2", 10, 5);
    corpus_fill("Cat", 20, 5);
    corpus_fill("cat", 30, 5);
    corpus_fill("caf\xC3\xA9", 40, 5);
    corpus_fill("cafe\xCC\x81", 50, 5);
    corpus_fill("dog", 60, 5);
    corpus_fill("dog ", 70, 5);
}

static inline void corpus_copies(void)
{
    corpus_fill("train/a", 0, 6);
    corpus_fill("train/b", 10, 6);
    corpus_fill("val/a", 20, 6);
    corpus_fill("val/b", 30, 6);
    planted_save(corpus_path("val/a/same.jpg"), corpus_picture(0, 64, 80, 90));
    planted_save(corpus_path("train/b/same.jpg"), corpus_picture(1, 64, 80, 90));
    planted_save(corpus_path("train/a/again.jpg"), corpus_picture(2, 64, 80, 90)); /* only counted */
    planted_save(corpus_path("val/b/alike.jpg"), corpus_picture(11, 128, 160, 30));
    planted_save(corpus_path("val/b/alike too.jpg"), corpus_picture(12, 64, 80, 40));
}

static inline void corpus_uneven(void)
{
    corpus_fill("many", 0, 40);
    corpus_fill("few", 50, 3);
    corpus_fill("one", 60, 1);
}

static inline void corpus_manifest(void)
{
    corpus_fill("img", 0, 6);
    fv_test_write_text(corpus_path("manifest.csv"), "\xEF\xBB\xBFpath,label,split\r\nimg/00.jpg,cat,train\r\n"
                                                    "img/gone.jpg,dog,train\r\nimg/01.jpg,,train\r\n"
                                                    "img/02.jpg,cat,tarin\r\nimg/03.jpg,dog\r\n"
                                                    "img/04.jpg,\"dog,train\r\n");
}

static inline void corpus_yolo(void)
{
    static const struct {
        const char *name, *text;
    } labels[] = {
        {"00", "0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.1 0.1\n"},
        {"01", "0 1.5 0.5 0.2 0.2\n"},
        {"02", "0 0.5 0.5 0.2 0.2\n1 0.5 -0.25 0.2 0.2\n"},
        {"03", "7 0.5 0.5 0.2 0.2\n"},
        {"04", "0 40 32 20 10\n"},
        {"05", "1 0.1 0.1 0.9 0.1 0.9 0.9\n0 0.5 0.5 0.1 0.1\n"},
        {"06", "cat 0.5 0.5 0.2 0.2\n"},
        {"07", "0 0.5 0.5\n"},
        {"08", "0 0.9 0.5 0.6 0.2\n"},
        {"09", ""},
        {"lost", "0 0.5 0.5 0.2 0.2\n"},
    };
    corpus_fill("images/train", 0, 11); /* 10.jpg has no label file: an image without boxes */
    fv_test_write_text(corpus_path("data.yaml"), "train: images/train\nnames:\n  0: cat\n  1: dog\n");
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        char name[64];
        snprintf(name, sizeof name, "labels/train/%s.txt", labels[i].name);
        fv_test_write_text(corpus_path(name), labels[i].text);
    }
}

static inline void corpus_coco(void)
{
    corpus_fill("train2017", 0, 3);
    fv_test_write_text(
        corpus_path("annotations/instances_train2017.json"),
        "{\"images\": [\n"
        " {\"id\": 1, \"file_name\": \"00.jpg\", \"width\": 80, \"height\": 64},\n"
        " {\"id\": 2, \"file_name\": \"01.jpg\", \"width\": 80, \"height\": 64},\n"
        " {\"id\": 2, \"file_name\": \"02.jpg\", \"width\": 64, \"height\": 80},\n"
        " {\"id\": 4, \"file_name\": \"missing.jpg\", \"width\": 80, \"height\": 64}],\n"
        "\"annotations\": [\n"
        " {\"id\": 1, \"image_id\": 1, \"category_id\": 3, \"bbox\": [40, 30, 70, 60], \"iscrowd\": 0},\n"
        " {\"id\": 2, \"image_id\": 9, \"category_id\": 3, \"bbox\": [1, 1, 10, 10]},\n"
        " {\"id\": 2, \"image_id\": 1, \"category_id\": 3, \"bbox\": [10, 10, 60, 50], \"iscrowd\": 1},\n"
        " {\"id\": 5, \"image_id\": 2, \"category_id\": 8, \"bbox\": [5, 5, 20, 20]}],\n"
        "\"categories\": [{\"id\": 3, \"name\": \"cat\"}]}\n");
}

static inline void corpus_coco_cut(void)
{
    corpus_fill("images", 0, 1);
    fv_test_write_text(corpus_path("labels.json"), "{\"images\": [{\"id\": 1, \"file_name\": \"00.jpg\"}],\n"
                                                   "\"annotations\": [{\"id\": 1, \"image_id\": 1,\n");
}

static inline void corpus_mask(const char *name, int h, int w, int format, int value)
{
    uint8_t *pixels = calloc((size_t)h * (size_t)w, 3), map[768];
    assert_non_null(pixels);
    for (int i = 0; i < 768; i++)
        map[i] = (uint8_t)(i / 3 * (i % 3 + 3));
    for (int i = 0; i < h * w; i++)
        pixels[i] = (uint8_t)(i % 7 == 0 ? 255 : i % 2);
    pixels[5 * w + 6] = (uint8_t)value;
    planted_save(corpus_path(name), corpus_png(pixels, h, w, format, format & PNG_FORMAT_FLAG_COLORMAP ? map : NULL));
    free(pixels);
}

static inline void corpus_masks(void)
{
    corpus_fill("images", 0, 7);
    fv_test_write_text(corpus_path("classes.txt"), "ground\nplant\n");
    corpus_mask("masks/00.png", 64, 80, PNG_FORMAT_GRAY, 1);
    corpus_mask("masks/01.png", 32, 40, PNG_FORMAT_GRAY, 1);
    corpus_mask("masks/02.png", 64, 80, PNG_FORMAT_GRAY, 9);
    corpus_mask("masks/03.png", 64, 80, PNG_FORMAT_RGB, 1);
    corpus_mask("masks/04.png", 64, 80, PNG_FORMAT_RGB_COLORMAP, 1);
    corpus_mask("masks/05.png", 64, 80, PNG_FORMAT_RGB_COLORMAP, 7);
    corpus_mask("masks/lost.png", 64, 80, PNG_FORMAT_GRAY, 1);
}

static inline void corpus_one(void)
{
    corpus_fill("train/only", 0, 6);
}

static inline void corpus_tar(void)
{
    planted tar = {NULL, 0};
    for (int i = 0; i < 12; i++) {
        char name[32];
        planted file = corpus_picture((unsigned)i, 64, 80, 90);
        snprintf(name, sizeof name, "%04d.jpg", i == 8 ? 7 : i); /* 7 comes twice */
        corpus_tar_member(&tar, name, file.data, file.size);
        memcpy(strchr(name, '.'), ".cls", 5);
        corpus_tar_member(&tar, name, i % 2 ? "1" : "0", 1);
        free(file.data);
    }
    planted_save(corpus_path("train-000.tar"), corpus_cut(tar, tar.size - 1700));
}

static const struct {
    const char *name;
    void (*make)(void);
} corpus_sets[] = {
    {"images", corpus_images}, {"formats", corpus_formats},   {"classes", corpus_classes},
    {"model", corpus_model},   {"names", corpus_names},       {"copies", corpus_copies},
    {"uneven", corpus_uneven}, {"manifest", corpus_manifest}, {"yolo", corpus_yolo},
    {"coco", corpus_coco},     {"coco_cut", corpus_coco_cut}, {"masks", corpus_masks},
    {"one", corpus_one},       {"tar", corpus_tar},
};
enum { CORPUS_SETS = sizeof corpus_sets / sizeof *corpus_sets };

/* Makes one set in a folder. */
static inline void corpus_make(const char *dir, int set)
{
    snprintf(corpus_dir, sizeof corpus_dir, "%s", dir);
    corpus_sets[set].make();
}

#endif
