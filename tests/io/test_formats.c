/* SPDX-License-Identifier: Apache-2.0 */
/* PNM, BMP, PNG of 16 bits: sound and broken files. */
#include "io/formats.h"

#include <zlib.h>

static const fv_decode_options keep = {.keep_depth = true};

/* ---- PNM ---- */

static void pnm_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        int h, w, c;
        uint8_t want[6];
    } files[] = {
        {"P1 3 2 101 0 1 0", 16, 2, 3, 1, {0, 255, 0, 255, 0, 255}},
        {"P2\n# a comment\n3 #another\n2\n10\n0 5 10 1 2 3\n", 44, 2, 3, 1, {0, 128, 255, 26, 51, 77}},
        {"P3 1 2 255 1 2 3 4 5 255", 24, 2, 1, 3, {1, 2, 3, 4, 5, 255}},
        {"P4 3 2\n\xA0\x40", 9, 2, 3, 1, {0, 255, 0, 255, 0, 255}},
        {"P5 3 2 255\n\0\1\2\3\4\xFF", 17, 2, 3, 1, {0, 1, 2, 3, 4, 255}},
        {"P6 1 2 255\n\0\1\2\3\4\xFF\n", 18, 2, 1, 3, {0, 1, 2, 3, 4, 255}},
        {"P5 3 2 15\n\0\1\2\3\4\xF", 16, 2, 3, 1, {0, 17, 34, 51, 68, 255}},
        {"P5 1 2 65535\n\0\0\xFF\xFF", 17, 2, 1, 1, {0, 255}},
        {"P5 1 2 4095\n\0\0\x0F\xFF", 16, 2, 1, 1, {0, 255}},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        decoded d = decode_sound(files[i].text, files[i].size, (fv_decode_options){0});
        assert_string_equal(d.notes.format, "pnm");
        assert_int_equal(d.image.h, files[i].h);
        assert_int_equal(d.image.w, files[i].w);
        assert_int_equal(d.image.c, files[i].c);
        assert_int_equal(d.notes.grey, files[i].c == 1);
        assert_int_equal(d.notes.warnings, 0);
        assert_memory_equal(d.image.data, files[i].want, (size_t)(d.image.h * d.image.w * d.image.c));
        decoded_free(&d);
    }
}

static void pnm_broken(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        fv_status status;
        int fault;
        const char *words;
    } files[] = {
        {"P5 3", FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, "truncated PNM at byte 4 of 4: the header is not"},
        {"P5 x 2 255\n", FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, "corrupt PNM at byte 3 of 11: expected the width"},
        {"P5 0 2 255\n", FV_ERR_DATA_FORMAT, FV_FAULT_TINY, "0 x 2 pixels"},
        {"P5 2 2 65536\n", FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, "1 to 65535"},
        {"P5 2 2 0\n", FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, "1 to 65535"},
        {"P5 2 2 255\nabc", FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, "at byte 14 of 14: the pixels"},
        {"P4 9 2\nabc", FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, "need 11 bytes"},
        {"P2 2 2 255\n1 2 3    ", FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, "truncated PNM at byte 20 of 20 (row 1"},
        {"P2 2 2 255\n1 2 3x 4  ", FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, "corrupt PNM at byte 16 of 21"},
        {"P5 99999 99999 255\n", FV_ERR_DATA_TOO_LARGE, FV_FAULT_TOO_LARGE, "99999 x 99999"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        expect_refused(files[i].text, strlen(files[i].text), files[i].status, files[i].fault, files[i].words);
    decoded d = decode_sound("P5 2 2 9\n\0\1\2\xA", 13, (fv_decode_options){0});
    assert_non_null(strstr(d.notes.warning, "above the maximum"));
    decoded_free(&d);
    d = decode_sound("P5 1 1 9\n\1bcd", 13, (fv_decode_options){0});
    assert_non_null(strstr(d.notes.warning, "bytes behind the image"));
    decoded_free(&d);
    d = decode_sound("P5 1 1 9\n\1P5 1 1 9\n\1", 20, (fv_decode_options){0});
    assert_true(d.notes.animated && !d.notes.corrupt_markers);
    decoded_free(&d);
    d = decode_sound("P5 2 2 255\nabc", 14, (fv_decode_options){.salvage = true});
    assert_true(d.notes.salvaged && d.notes.bad_byte == 14);
    assert_memory_equal(d.image.data, "ab\x80\x80", 4);
    decoded_free(&d);
}

/* Every value of 16 bits, without loss; and the same ramp in 8 bits. */
static void check_ramp(const void *data, size_t size)
{
    decoded d = decode_sound(data, size, keep);
    assert_int_equal(d.image.depth, FV_DEPTH_16);
    assert_true(d.notes.sixteen_bit);
    assert_int_equal(d.image.h * d.image.w * d.image.c, 65536);
    for (int i = 0; i < 65536; i++)
        assert_int_equal(((const uint16_t *)d.image.data)[i], i);
    decoded_free(&d);
    d = decode_sound(data, size, (fv_decode_options){0});
    assert_int_equal(d.image.depth, FV_DEPTH_8);
    assert_true(d.notes.sixteen_bit);
    for (int i = 0; i < 65536; i++)
        assert_int_equal(d.image.data[i], (int)(i / 257.0 + 0.5));
    decoded_free(&d);
}

static void sixteen_bit_ramps(void **state)
{
    (void)state;
    uint8_t *file = malloc(200000);
    size_t n = (size_t)sprintf((char *)file, "P5 256 256 65535\n");
    for (int i = 0; i < 65536; i++) {
        file[n++] = (uint8_t)(i >> 8);
        file[n++] = (uint8_t)i;
    }
    check_ramp(file, n);
    free(file);

    /* Written as PNG: grey and RGBA. */
    char dir[256];
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    uint16_t *ramp = malloc(65536 * sizeof *ramp);
    for (int i = 0; i < 65536; i++)
        ramp[i] = (uint16_t)i;
    for (int c = 1; c <= 4; c += 3) {
        const char *path = fv_test_path(dir, "ramp.png");
        fv_image image = {.data = (uint8_t *)ramp, .h = 64, .w = 1024 / c, .c = c, .depth = FV_DEPTH_16}, again;
        assert_int_equal(fv_image_write_png(ctx, path, &image), FV_OK);
        fv_decode_notes notes;
        assert_int_equal(fv_image_read(ctx, path, &keep, &again, &notes), FV_OK);
        assert_int_equal(again.depth, FV_DEPTH_16);
        assert_int_equal(again.c, c);
        assert_int_equal(notes.alpha, c == 4);
        assert_memory_equal(again.data, ramp, 65536 * sizeof *ramp);
        fv_image_free(ctx, &again);
        assert_int_equal(fv_image_read(ctx, path, NULL, &again, &notes), FV_OK);
        assert_int_equal(again.depth, FV_DEPTH_8);
        for (int i = 0; i < 65536; i++)
            assert_int_equal(again.data[i], (int)(i / 257.0 + 0.5));
        fv_image_free(ctx, &again);
        image.depth = FV_DEPTH_F32;
        assert_int_equal(fv_image_write_png(ctx, path, &image), FV_ERR_ARGUMENT);
    }
    free(ramp);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

/* Chunks in front of the image data tell of a profile and of an animation. */
static void png_notes(void **state)
{
    (void)state;
    for (int frames = 0; frames < 2; frames++) {
        planted file = planted_make_png(4, 5, PNG_COLOR_TYPE_RGB, 8, false, false);
        bytes b = {.size = 0};
        put(&b, file.data, 33); /* signature and IHDR */
        if (frames) {
            bytes chunk = {.size = 0};
            put_text(&chunk, "acTL");
            put_uint(&chunk, 2, 4, true);
            put_uint(&chunk, 0, 4, true);
            put_uint(&b, 8, 4, true);
            put(&b, chunk.data, chunk.size);
            put_uint(&b, crc32(0, chunk.data, 12), 4, true);
        }
        put(&b, file.data + 33, file.size - 33);
        decoded d = decode_sound(b.data, b.size, (fv_decode_options){0});
        assert_int_equal(d.notes.animated, frames);
        assert_false(d.notes.icc);
        decoded_free(&d);
        free(file.data);
    }
}

/* ---- BMP ---- */

typedef struct bmp {
    int h, w, bits, header; /* h negative: top down */
    int compression, colors;
    uint32_t mask[4];
    bool grey;
} bmp;

/* Palette entry i of n. */
static void bmp_color(const bmp *o, int i, int n, uint8_t rgb[3])
{
    rgb[0] = (uint8_t)(255 * i / (n - 1));
    rgb[1] = o->grey ? rgb[0] : (uint8_t)(255 - rgb[0]);
    rgb[2] = o->grey ? rgb[0] : 9;
}

/* Pixel value at row y, column x: everything the depth can have. */
static uint32_t bmp_value(const bmp *o, int y, int x)
{
    const uint32_t v = (uint32_t)(y * 37 + x * 11) * 2654435761u;
    return o->bits == 32 ? v : v >> (32 - o->bits);
}

static bytes make_bmp(bmp o)
{
    bytes b = {.size = 0};
    const int h = o.h < 0 ? -o.h : o.h, stride = (o.w * o.bits + 31) / 32 * 4;
    const int colors = o.bits > 8 ? 0 : o.colors ? o.colors : 1 << o.bits;
    const int masks = o.compression && o.header == 40 ? 12 : 0;
    const int pixels = 14 + o.header + masks + colors * (o.header == 12 ? 3 : 4);
    put_text(&b, "BM");
    put_uint(&b, (uint64_t)(pixels + stride * h), 4, false);
    put_uint(&b, 0, 4, false);
    put_uint(&b, (uint64_t)pixels, 4, false);
    put_uint(&b, (uint64_t)o.header, 4, false);
    const int n = o.header == 12 ? 2 : 4;
    put_uint(&b, (uint64_t)o.w, n, false);
    put_uint(&b, (uint64_t)(int64_t)o.h, n, false);
    put_uint(&b, 1, 2, false);
    put_uint(&b, (uint64_t)o.bits, 2, false);
    if (o.header >= 40) {
        put_uint(&b, (uint64_t)o.compression, 4, false);
        for (int i = 0; i < 3; i++)
            put_uint(&b, 0, 4, false);
        put_uint(&b, (uint64_t)o.colors, 4, false);
        put_uint(&b, 0, 4, false);
        for (int i = 0; i < (masks ? 3 : o.header >= 56 ? 4 : 0); i++)
            put_uint(&b, o.mask[i], 4, false);
    }
    while (b.size < (size_t)(14 + o.header + masks))
        put_uint(&b, 0, 1, false);
    for (int i = 0; i < colors; i++) {
        uint8_t rgb[3];
        bmp_color(&o, i, 1 << o.bits, rgb);
        put(&b, (const uint8_t[4]){rgb[2], rgb[1], rgb[0], 0}, o.header == 12 ? 3 : 4);
    }
    for (int i = 0; i < h; i++) {
        uint8_t row[4096] = {0};
        const int y = o.h < 0 ? i : h - 1 - i;
        for (int x = 0; x < o.w; x++) {
            const uint32_t v = bmp_value(&o, y, x);
            for (int bit = 0; bit < o.bits; bit++) {
                /* Indices fill bytes from the top, larger pixels are little-endian. */
                const int at = x * o.bits + (o.bits < 8 ? o.bits - 1 - bit : bit);
                row[at / 8] |= (uint8_t)((v >> bit & 1) << (o.bits < 8 ? 7 - at % 8 : at % 8));
            }
        }
        put(&b, row, (size_t)stride);
    }
    return b;
}

static void bmp_kinds(void **state)
{
    (void)state;
    static const struct {
        bmp o;
        int c;
        bool palette, grey, alpha;
    } kinds[] = {
        {{.h = 7, .w = 9, .bits = 1, .header = 40, .grey = true}, 1, false, true, false},
        {{.h = 7, .w = 9, .bits = 1, .header = 40}, 3, true, false, false},
        {{.h = 7, .w = 11, .bits = 2, .header = 40}, 3, true, false, false},
        {{.h = 7, .w = 9, .bits = 4, .header = 12}, 3, true, false, false},
        {{.h = -7, .w = 9, .bits = 4, .header = 108}, 3, true, false, false},
        {{.h = 7, .w = 9, .bits = 8, .header = 40, .grey = true}, 1, false, true, false},
        {{.h = 7, .w = 9, .bits = 8, .header = 124}, 3, true, false, false},
        {{.h = 7, .w = 9, .bits = 24, .header = 40}, 3, false, false, false},
        {{.h = 7, .w = 10, .bits = 24, .header = 12}, 3, false, false, false},
        {{.h = 7, .w = 9, .bits = 16, .header = 40}, 3, false, false, false},
        {{.h = 7, .w = 9, .bits = 16, .header = 40, .compression = 3, .mask = {0xF800, 0x7E0, 0x1F}}, .c = 3},
        {{.h = 7, .w = 9, .bits = 32, .header = 40}, 3, false, false, false},
        {{.h = 7, .w = 9, .bits = 32, .header = 40, .compression = 3, .mask = {0xFF, 0xFF00, 0xFF0000}}, .c = 3},
        {{.h = -7, .w = 9, .bits = 32, .header = 124, .compression = 3, .mask = {0xFF0000, 0xFF00, 0xFF, 0xFF000000}},
         4,
         .alpha = true},
        {{.h = 7, .w = 9, .bits = 32, .header = 56, .compression = 3, .mask = {0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000}},
         4,
         .alpha = true},
    };
    static const uint32_t plain[2][4] = {{0x7C00, 0x3E0, 0x1F}, {0xFF0000, 0xFF00, 0xFF}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const bmp *o = &kinds[i].o;
        bytes b = make_bmp(*o);
        decoded d = decode_sound(b.data, b.size, (fv_decode_options){0});
        assert_string_equal(d.notes.format, "bmp");
        assert_int_equal(d.image.h, 7);
        assert_int_equal(d.image.w, o->w);
        assert_int_equal(d.image.c, kinds[i].c);
        assert_int_equal(d.notes.palette, kinds[i].palette);
        assert_int_equal(d.notes.grey, kinds[i].grey);
        assert_int_equal(d.notes.alpha, kinds[i].alpha);
        assert_int_equal(d.notes.warnings, 0);
        const uint32_t *mask = o->compression ? o->mask : plain[o->bits != 16];
        for (int j = 0; j < 7 * o->w * kinds[i].c; j++) {
            const int k = j % kinds[i].c;
            const uint32_t v = bmp_value(o, j / kinds[i].c / o->w, j / kinds[i].c % o->w);
            uint8_t want[4];
            if (o->bits <= 8) {
                bmp_color(o, (int)v, 1 << o->bits, want);
            } else {
                const uint32_t unit = mask[k] & (~mask[k] + 1);
                want[k] = (uint8_t)((v & mask[k]) / unit * 255.0 / (mask[k] / unit) + 0.5);
            }
            if (d.image.data[j] != want[k])
                fail_msg("kind %zu value %d: %d, expected %d", i, j, d.image.data[j], want[k]);
        }
        decoded_free(&d);
        /* The padding of the last row may be missing, no more. */
        const size_t padding = (size_t)((32 - o->w * o->bits % 32) % 32 / 8);
        expect_truncated_anywhere(b.data, b.size - padding, 18);
    }
}

static void bmp_broken(void **state)
{
    (void)state;
    bytes b = make_bmp((bmp){.h = 4, .w = 4, .bits = 8, .header = 40, .compression = 1});
    expect_refused(b.data, b.size, FV_ERR_DATA_FORMAT, FV_FAULT_CODING, "RLE8 compression is not supported (save it");
    b = make_bmp((bmp){.h = 4, .w = 4, .bits = 24, .header = 40, .compression = 9});
    expect_refused(b.data, b.size, FV_ERR_DATA_FORMAT, FV_FAULT_CODING, "compression 9 of BMP");
    b = make_bmp((bmp){.h = 4, .w = 4, .bits = 24, .header = 40});
    b.data[28] = 13;
    expect_refused(b.data, b.size, FV_ERR_DATA_FORMAT, FV_FAULT_CODING, "BMP of 13 bits per pixel is not supported");
    b.data[28] = 24;
    b.data[18] = 0;
    expect_refused(b.data, b.size, FV_ERR_DATA_FORMAT, FV_FAULT_TINY, "0 x 4");
    memset(b.data + 18, 0x7F, 8);
    expect_refused(b.data, b.size, FV_ERR_DATA_TOO_LARGE, FV_FAULT_TOO_LARGE, "2139062143 x 2139062143");
    b = make_bmp(
        (bmp){.h = 4, .w = 4, .bits = 32, .header = 40, .compression = 3, .mask = {0xFF, 0xF0F00, 0xFF000000}});
    expect_refused(b.data, b.size, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, "must be neighbors");

    /* A palette of 100 for values up to 255; alpha bits that are never set; the end missing. */
    b = make_bmp((bmp){.h = 7, .w = 9, .bits = 8, .header = 40, .colors = 100});
    decoded d = decode_sound(b.data, b.size, (fv_decode_options){0});
    assert_non_null(strstr(d.notes.warning, "outside the palette"));
    decoded_free(&d);
    b = make_bmp(
        (bmp){.h = 1, .w = 2, .bits = 32, .header = 56, .compression = 3, .mask = {255, 0xFF00, 0xFF0000, 1u << 31}});
    for (size_t i = b.size - 8; i < b.size; i++)
        b.data[i] = i % 4 == (b.size - 1) % 4 ? 0 : (uint8_t)i;
    d = decode_sound(b.data, b.size, (fv_decode_options){0});
    assert_int_equal(d.image.c, 3);
    assert_false(d.notes.alpha);
    assert_memory_equal(d.image.data + 3, b.data + b.size - 4, 3);
    decoded_free(&d);
    b = make_bmp((bmp){.h = 4, .w = 4, .bits = 24, .header = 40});
    d = decode_sound(b.data, b.size - 20, (fv_decode_options){.salvage = true});
    assert_true(d.notes.salvaged);
    assert_int_equal(d.image.data[0], 128);
    assert_int_equal(d.image.data[2 * 12 - 1], 128);
    assert_int_equal(d.image.data[2 * 12], bmp_value(&(bmp){.bits = 24}, 2, 0) >> 16);
    decoded_free(&d);
}

static void allocation_failures(void **state)
{
    (void)state;
    bytes files[3] = {make_bmp((bmp){.h = 4, .w = 4, .bits = 8, .header = 40}), {.size = 0}, {.size = 0}};
    put(&files[1], "P5 2 2 65535\n12345678", 21);
    put_text(&files[2], "P3 1 1 255 1 2 3");
    for (int i = 0; i < 3; i++)
        assert_true(fv_test_each_allocation(decode_for_allocation, &files[i]) >= 1);
}

static void formats_are_listed(void **state)
{
    (void)state;
    fv_image_format_info info;
    int64_t n = 0;
    for (; fv_image_format_at(n, &info); n++) {
        assert_true(info.name && info.title);
        assert_true(info.available || info.library);
    }
    assert_true(n >= 5);
    assert_false(fv_image_format_at(-1, &info));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pnm_kinds),           cmocka_unit_test(pnm_broken),
        cmocka_unit_test(sixteen_bit_ramps),   cmocka_unit_test(png_notes),
        cmocka_unit_test(bmp_kinds),           cmocka_unit_test(bmp_broken),
        cmocka_unit_test(allocation_failures), cmocka_unit_test(formats_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
