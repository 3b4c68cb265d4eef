/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding sound and broken image files, all made here. */
#include "data/planted.h"

#include <fovea/data.h>

#include "io/image.h"

static fv_test_log log_lines;

static int differ(int a, int b)
{
    return a > b ? a - b : b - a;
}

/* Decodes, and compares with the picture that planted.h draws. */
static fv_decode_notes decode_and_compare(planted file, int h, int w, int c, int tolerance)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_image image;
    fv_decode_notes notes;
    if (fv_image_decode(ctx, "a.jpg", file.data, file.size, NULL, &image, &notes) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(image.h, h);
    assert_int_equal(image.w, w);
    assert_int_equal(image.c, c);
    for (int i = 0; i < h * w * c; i++) {
        int want = planted_pixel(i / c / w, i / c % w, i % c, h, w);
        if (differ(image.data[i], want) > tolerance)
            fail_msg("value %d is %d, expected %d", i, image.data[i], want);
    }
    assert_int_equal(notes.warnings, 0);
    fv_image_free(ctx, &image);
    assert_null(image.data);
    fv_ctx_destroy(&ctx);
    free(file.data);
    return notes;
}

static void jpeg_kinds(void **state)
{
    (void)state;
    fv_decode_notes notes =
        decode_and_compare(planted_make_jpeg((planted_jpeg){.h = 37, .w = 53, .c = 3}), 37, 53, 3, 40);
    assert_string_equal(notes.format, "jpeg");
    assert_false(notes.grey || notes.cmyk || notes.corrupt_markers || notes.exif_rotated);
    decode_and_compare(planted_make_jpeg((planted_jpeg){.h = 64, .w = 48, .c = 3, .progressive = true}), 64, 48, 3, 40);
    notes = decode_and_compare(planted_make_jpeg((planted_jpeg){.h = 40, .w = 41, .c = 1}), 40, 41, 1, 12);
    assert_true(notes.grey);
    decode_and_compare(planted_make_jpeg((planted_jpeg){.h = 1, .w = 1, .c = 3}), 1, 1, 3, 12);
    decode_and_compare(planted_make_jpeg((planted_jpeg){.h = 64, .w = 64, .c = 3, .restart = 1}), 64, 64, 3, 40);
}

/* The black channel of planted.h is 255: full light with Adobe's inversion, none of the ink without. */
static void jpeg_cmyk(void **state)
{
    (void)state;
    const planted_jpeg kinds[] = {{.h = 32, .w = 40, .c = 4},
                                  {.h = 32, .w = 40, .c = 4, .no_adobe = true},
                                  {.h = 32, .w = 40, .c = 4, .ycck = true}};
    for (int i = 0; i < 3; i++) {
        fv_decode_notes notes = decode_and_compare(planted_make_jpeg(kinds[i]), 32, 40, 3, 48);
        assert_true(notes.cmyk);
    }
}

static fv_status try_decode(planted file, const fv_decode_options *options, fv_image_error *error,
                            fv_decode_notes *notes)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_image image;
    *error = (fv_image_error){.byte = -2};
    fv_status status = fv_image_decode_quiet(ctx, file.data, file.size, options, NULL, &image, notes, error);
    fv_image_free(ctx, &image);
    int64_t now = -1;
    fv_ctx_memory(ctx, &now, NULL);
    assert_int_equal(now, 0);
    fv_ctx_destroy(&ctx);
    return status;
}

/* Cut anywhere, a JPEG is truncated there; only what follows the last block may be missing. */
static void jpeg_truncated(void **state)
{
    (void)state;
    const planted_jpeg kinds[] = {{.h = 80, .w = 64, .c = 3},
                                  {.h = 80, .w = 64, .c = 3, .progressive = true},
                                  {.h = 80, .w = 64, .c = 3, .restart = 1}};
    for (int k = 0; k < 3; k++) {
        planted file = planted_make_jpeg(kinds[k]);
        for (size_t cut = 4; cut + 8 < file.size; cut += 1 + file.size / 97) {
            fv_image_error error;
            fv_decode_notes notes;
            char part[96];
            fv_status status = try_decode((planted){file.data, cut}, NULL, &error, &notes);
            if (status != FV_ERR_DATA_TRUNCATED)
                fail_msg("kind %d cut at %zu of %zu: %s %s", k, cut, file.size, fv_status_name(status), error.text);
            assert_int_equal(error.byte, cut);
            assert_int_equal(error.fault, FV_FAULT_TRUNCATED);
            assert_int_equal(notes.bad_byte, cut);
            snprintf(part, sizeof part, "truncated JPEG at byte %zu of %zu", cut, cut);
            assert_non_null(strstr(error.text, part));
        }
        free(file.data);
    }
}

static void jpeg_without_end_marker(void **state)
{
    (void)state;
    planted file = planted_make_jpeg((planted_jpeg){.h = 80, .w = 64, .c = 3});
    fv_image_error error;
    fv_decode_notes notes;
    assert_int_equal(try_decode((planted){file.data, file.size - 2}, NULL, &error, &notes), FV_OK);
    assert_true(notes.corrupt_markers);
    assert_int_equal(notes.warnings, 1);
    free(file.data);
}

/* An end-of-image marker in the middle: the place is told, not the end of the file. */
static void jpeg_ends_early(void **state)
{
    (void)state;
    planted file = planted_make_jpeg((planted_jpeg){.h = 160, .w = 160, .c = 3});
    size_t at = file.size / 2;
    while (file.data[at] == 0xFF || file.data[at - 1] == 0xFF)
        at++;
    file.data[at] = 0xFF;
    file.data[at + 1] = 0xD9;
    fv_image_error error;
    fv_decode_notes notes;
    char part[96];
    assert_int_equal(try_decode(file, NULL, &error, &notes), FV_ERR_DATA_TRUNCATED);
    snprintf(part, sizeof part, "truncated JPEG at byte %zu of %zu", at, file.size);
    assert_non_null(strstr(error.text, part));
    free(file.data);
}

static void jpeg_salvage(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    planted file = planted_make_jpeg((planted_jpeg){.h = 160, .w = 64, .c = 3});
    fv_image image;
    fv_decode_notes notes;
    const fv_decode_options options = {.salvage = true};
    assert_int_equal(fv_image_decode(ctx, "a", file.data, file.size / 2, &options, &image, &notes), FV_OK);
    assert_true(notes.salvaged);
    assert_int_equal(notes.bad_byte, file.size / 2);
    for (int i = 0; i < 64 * 3; i++) {
        assert_true(differ(image.data[i], planted_pixel(0, i / 3, i % 3, 160, 64)) < 40);
        assert_int_equal(image.data[159 * 64 * 3 + i], 128);
    }
    fv_image_free(ctx, &image);
    free(file.data);
    fv_ctx_destroy(&ctx);
}

/* Bytes between markers that do not belong there: a warning with the decoder's words. */
static void jpeg_extraneous_bytes(void **state)
{
    (void)state;
    char dir[256];
    fv_test_dir_create(dir);
    planted file = planted_make_jpeg((planted_jpeg){.h = 48, .w = 48, .c = 3});
    planted wider = {malloc(file.size + 5), file.size + 5};
    memcpy(wider.data, file.data, file.size - 2);
    memcpy(wider.data + file.size - 2, "\1\2\3\4\5", 5);
    memcpy(wider.data + file.size + 3, file.data + file.size - 2, 2);
    const char *path = fv_test_path(dir, "odd name.jpg");
    planted_save(path, wider);
    memset(&log_lines, 0, sizeof log_lines);
    fv_ctx *ctx = fv_test_ctx(1, NULL, &log_lines);
    fv_image image;
    fv_decode_notes notes;
    assert_int_equal(fv_image_read(ctx, path, NULL, &image, &notes), FV_OK);
    assert_true(notes.corrupt_markers);
    assert_non_null(strstr(notes.warning, "extraneous"));
    assert_non_null(strstr(log_lines.text, "odd name.jpg: Corrupt JPEG data"));
    assert_int_equal(log_lines.lines, 1);
    fv_image_free(ctx, &image);
    fv_ctx_destroy(&ctx);
    free(file.data);
    fv_test_dir_remove(dir);
}

static size_t find_sof(const planted *file)
{
    size_t at = 2;
    while (!(file->data[at] == 0xFF && (file->data[at + 1] & 0xF0) == 0xC0 && file->data[at + 1] != 0xC4))
        at += 2 + ((size_t)file->data[at + 2] << 8 | file->data[at + 3]);
    return at;
}

static void jpeg_refused(void **state)
{
    (void)state;
    fv_image_error error;
    planted file = planted_make_jpeg((planted_jpeg){.h = 48, .w = 48, .c = 3, .arithmetic = true});
    assert_int_equal(try_decode(file, NULL, &error, NULL), FV_ERR_DATA_FORMAT);
    assert_int_equal(error.fault, FV_FAULT_CODING);
    assert_non_null(strstr(error.text, "arithmetic coding is not supported"));
    free(file.data);

    file = planted_make_jpeg((planted_jpeg){.h = 48, .w = 48, .c = 3});
    const size_t sof = find_sof(&file);
    file.data[sof + 4] = 12;
    assert_int_equal(try_decode(file, NULL, &error, NULL), FV_ERR_DATA_FORMAT);
    assert_non_null(strstr(error.text, "12-bit"));
    file.data[sof + 4] = 8;
    file.data[sof + 1] = 0xC3;
    assert_int_equal(try_decode(file, NULL, &error, NULL), FV_ERR_DATA_FORMAT);
    assert_non_null(strstr(error.text, "lossless"));
    file.data[sof + 1] = 0xC0;

    memset(file.data + sof + 5, 0, 2);
    assert_int_equal(try_decode(file, NULL, &error, NULL), FV_ERR_DATA_FORMAT);
    assert_int_equal(error.fault, FV_FAULT_TINY);
    memset(file.data + sof + 5, 0xFF, 4);
    assert_int_equal(try_decode(file, NULL, &error, NULL), FV_ERR_DATA_TOO_LARGE);
    assert_int_equal(error.fault, FV_FAULT_TOO_LARGE);
    assert_non_null(strstr(error.text, "65535 x 65535"));
    free(file.data);
}

/* A header of 65535 x 65535 pixels may not cost memory. */
static void max_pixels_comes_first(void **state)
{
    (void)state;
    planted files[2] = {planted_make_jpeg((planted_jpeg){.h = 400, .w = 500, .c = 3}),
                        planted_make_png(400, 500, PNG_COLOR_TYPE_RGB, 8, false, false)};
    for (int k = 0; k < 2; k++) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_image image;
        int64_t before = 0, peak = 0;
        fv_ctx_memory(ctx, NULL, &before);
        assert_int_equal(fv_image_decode(ctx, "bomb.png", files[k].data, files[k].size,
                                         &(fv_decode_options){.max_pixels = 199999}, &image, NULL),
                         FV_ERR_DATA_TOO_LARGE);
        assert_non_null(strstr(fv_ctx_error(ctx), "bomb.png: the header says 500 x 400 pixels, the limit is 199999"));
        fv_ctx_memory(ctx, NULL, &peak);
        assert_int_equal(peak, before);
        assert_int_equal(fv_image_decode(ctx, "a", files[k].data, files[k].size,
                                         &(fv_decode_options){.max_pixels = 200000}, &image, NULL),
                         FV_OK);
        fv_image_free(ctx, &image);
        fv_ctx_destroy(&ctx);
        free(files[k].data);
    }
}

static void png_kinds(void **state)
{
    (void)state;
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        fv_decode_notes n =
            decode_and_compare(planted_make_png(21, 34, PNG_COLOR_TYPE_RGB, 8, interlaced, false), 21, 34, 3, 0);
        assert_string_equal(n.format, "png");
        assert_false(n.alpha || n.palette || n.grey || n.sixteen_bit);
        n = decode_and_compare(planted_make_png(21, 34, PNG_COLOR_TYPE_GRAY, 8, interlaced, false), 21, 34, 1, 0);
        assert_true(n.grey);
        n = decode_and_compare(planted_make_png(21, 34, PNG_COLOR_TYPE_RGB, 16, interlaced, false), 21, 34, 3, 0);
        assert_true(n.sixteen_bit);
        n = decode_and_compare(planted_make_png(21, 34, PNG_COLOR_TYPE_GRAY, 4, interlaced, false), 21, 34, 1, 16);
        assert_true(n.grey);
        decode_and_compare(planted_make_png(21, 34, PNG_COLOR_TYPE_GRAY, 1, interlaced, false), 21, 34, 1, 128);
    }
}

static void png_alpha_and_palette(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const struct {
        int type, depth;
        bool trns;
        int c;
        bool alpha, palette;
    } kinds[] = {
        {PNG_COLOR_TYPE_RGB_ALPHA, 8, false, 4, true, false},  {PNG_COLOR_TYPE_GRAY_ALPHA, 8, false, 4, true, false},
        {PNG_COLOR_TYPE_PALETTE, 8, false, 3, false, true},    {PNG_COLOR_TYPE_PALETTE, 8, true, 4, true, true},
        {PNG_COLOR_TYPE_PALETTE, 2, false, 3, false, true},    {PNG_COLOR_TYPE_RGB, 8, true, 4, true, false},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 16, false, 4, true, false}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        planted file = planted_make_png(9, 256, kinds[i].type, kinds[i].depth, false, kinds[i].trns);
        fv_image image;
        fv_decode_notes notes;
        assert_int_equal(fv_image_decode(ctx, "a", file.data, file.size, NULL, &image, &notes), FV_OK);
        assert_int_equal(image.c, kinds[i].c);
        assert_int_equal(notes.alpha, kinds[i].alpha);
        assert_int_equal(notes.palette, kinds[i].palette);
        if (kinds[i].type == PNG_COLOR_TYPE_PALETTE && kinds[i].depth == 8) {
            for (int x = 0; x < 256; x++) {
                const uint8_t *p = image.data + x * image.c;
                assert_true(p[0] == x && p[1] == 255 - x && p[2] == 7);
                assert_true(image.c == 3 || p[3] == (x == 255 ? 0 : 255));
            }
        }
        fv_image_free(ctx, &image);
        free(file.data);
    }
    fv_ctx_destroy(&ctx);
}

static void png_truncated_and_corrupt(void **state)
{
    (void)state;
    planted file = planted_make_png(60, 60, PNG_COLOR_TYPE_RGB, 8, false, false);
    fv_image_error error;
    fv_decode_notes notes;
    /* IEND is the last 12 bytes; in front of it stands IDAT's checksum. */
    for (size_t cut = 9; cut < file.size - 20; cut += 1 + file.size / 61) {
        char part[96];
        assert_int_equal(try_decode((planted){file.data, cut}, NULL, &error, &notes), FV_ERR_DATA_TRUNCATED);
        assert_int_equal(error.byte, cut);
        snprintf(part, sizeof part, "truncated PNG at byte %zu of %zu", cut, cut);
        assert_string_equal(error.text, part);
    }
    assert_int_equal(try_decode((planted){file.data, file.size - 6}, NULL, &error, &notes), FV_OK);
    assert_true(notes.corrupt_markers);

    assert_int_equal(
        try_decode((planted){file.data, file.size / 2}, &(fv_decode_options){.salvage = true}, &error, &notes), FV_OK);
    assert_true(notes.salvaged);

    file.data[file.size / 2] ^= 0x55;
    assert_int_equal(try_decode(file, NULL, &error, &notes), FV_ERR_DATA_FORMAT);
    assert_non_null(strstr(error.text, "corrupt PNG at byte "));
    file.data[file.size / 2] ^= 0x55;
    memset(file.data + 16, 0, 4);
    assert_int_equal(try_decode(file, NULL, &error, &notes), FV_ERR_DATA_FORMAT);
    assert_int_equal(error.fault, FV_FAULT_TINY);
    free(file.data);
}

/* The stored picture is turned so that this one results; each orientation against the EXIF specification's words. */
static void exif_orientation(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (int orientation = 1; orientation <= 8; orientation++) {
        const int h = 24, w = 40;
        planted file = planted_make_jpeg((planted_jpeg){
            .h = h, .w = w, .c = 1, .orientation = orientation, .big_endian = orientation % 2, .quality = 100});
        fv_image image, plain;
        fv_decode_notes notes;
        assert_int_equal(fv_image_decode(ctx, "a", file.data, file.size, NULL, &image, &notes), FV_OK);
        assert_int_equal(notes.exif_rotated, orientation > 1);
        assert_int_equal(
            fv_image_decode(ctx, "a", file.data, file.size, &(fv_decode_options){.ignore_exif = true}, &plain, &notes),
            FV_OK);
        assert_false(notes.exif_rotated);
        assert_int_equal(plain.h, h);
        const bool turned = orientation >= 5;
        assert_int_equal(image.h, turned ? w : h);
        assert_int_equal(image.w, turned ? h : w);
        for (int r = 0; r < h; r++) {
            for (int s = 0; s < w; s++) {
                /* Where the specification puts row r ("the 0th row is the visual ...") and column s. */
                const int y[9] = {0, r, r, h - 1 - r, h - 1 - r, s, s, w - 1 - s, w - 1 - s};
                const int x[9] = {0, s, w - 1 - s, w - 1 - s, s, r, h - 1 - r, h - 1 - r, r};
                assert_int_equal(image.data[y[orientation] * image.w + x[orientation]], plain.data[r * w + s]);
            }
        }
        fv_image_free(ctx, &image);
        fv_image_free(ctx, &plain);
        free(file.data);
    }
    fv_ctx_destroy(&ctx);
}

/* Nothing in the bytes may lead out of them. */
static void exif_broken(void **state)
{
    (void)state;
    uint8_t sound[26];
    planted_exif(sound, 6, false);
    assert_int_equal(fv_exif_orientation(sound, sizeof sound), 6);
    for (size_t size = 0; size < 22; size++) {
        uint8_t *exact = malloc(size ? size : 1); /* so that a sanitizer sees a step too far */
        memcpy(exact, sound, size);
        assert_int_equal(fv_exif_orientation(exact, size), 1);
        free(exact);
    }
    const struct {
        int at, value;
    } changes[] = {{0, 'X'}, {4, 255}, {7, 255}, {8, 0}, {12, 2}, {14, 2}, {18, 9}, {18, 0}, {19, 1}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        uint8_t broken[26];
        memcpy(broken, sound, sizeof broken);
        broken[changes[i].at] = (uint8_t)changes[i].value;
        assert_int_equal(fv_exif_orientation(broken, sizeof broken), 1);
    }
}

static void not_images(void **state)
{
    (void)state;
    const struct {
        const char *text;
        size_t size;
        int fault;
        const char *words;
    } kinds[] = {{"", 0, FV_FAULT_EMPTY, "empty (0 bytes)"},
                 {"<!DOCTYPE html><html><body>404", 30, FV_FAULT_NOT_IMAGE, "looks like HTML"},
                 {"\n  <html lang=en>", 17, FV_FAULT_NOT_IMAGE, "looks like HTML"},
                 {"just words\n", 11, FV_FAULT_NOT_IMAGE, "looks like text"},
                 {"%PDF-1.7\n", 9, FV_FAULT_NOT_IMAGE, "a PDF document"},
                 {"\0\0\0\x18"
                  "ftypavif",
                  12, FV_FAULT_NOT_IMAGE, "an AVIF image"},
                 {"\0\1\2\3\4\5\6\7", 8, FV_FAULT_NOT_IMAGE, "no known kind of file"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        fv_image_error error;
        assert_int_equal(try_decode((planted){(uint8_t *)kinds[i].text, kinds[i].size}, NULL, &error, NULL),
                         FV_ERR_DATA_FORMAT);
        assert_int_equal(error.fault, kinds[i].fault);
        if (!strstr(error.text, kinds[i].words))
            fail_msg("%s", error.text);
    }
}

static void files_of_all_sorts(void **state)
{
    (void)state;
    char dir[256];
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_image image;
    const char *png = fv_test_path(dir, "png in disguise.jpg");
    planted_save(png, planted_make_png(5, 6, PNG_COLOR_TYPE_RGB, 8, false, false));
    assert_int_equal(fv_image_read(ctx, png, NULL, &image, NULL), FV_OK);
    const char *copy = fv_test_path(dir, "copy.png");
    assert_int_equal(fv_image_write_png(ctx, copy, &image), FV_OK);
    fv_image again;
    assert_int_equal(fv_image_read(ctx, copy, NULL, &again, NULL), FV_OK);
    assert_int_equal(again.h * 100 + again.w * 10 + again.c, 563);
    assert_memory_equal(again.data, image.data, 5 * 6 * 3);
    fv_image_free(ctx, &again);
    image.c = 2;
    assert_int_equal(fv_image_write_png(ctx, copy, &image), FV_ERR_ARGUMENT);
    fv_image_free(ctx, &image);

    assert_int_equal(fv_image_read(ctx, fv_test_path(dir, "absent.jpg"), NULL, &image, NULL), FV_ERR_NOT_FOUND);
    assert_null(image.data);
    assert_int_equal(fv_image_read(ctx, dir, NULL, &image, NULL), FV_ERR_DATA_FORMAT);
    const char *fifo = fv_test_path(dir, "fifo.jpg");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(fv_image_read(ctx, fifo, NULL, &image, NULL), FV_ERR_DATA_FORMAT);
    assert_non_null(strstr(fv_ctx_error(ctx), "not a regular file"));
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

static fv_status decode_once(fv_ctx *ctx, void *arg)
{
    const planted *file = arg;
    fv_image image;
    fv_status status = fv_image_decode(ctx, "a", file->data, file->size, NULL, &image, NULL);
    fv_image_free(ctx, &image);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    planted files[] = {planted_make_jpeg((planted_jpeg){.h = 20, .w = 30, .c = 3, .orientation = 6}),
                       planted_make_jpeg((planted_jpeg){.h = 20, .w = 30, .c = 4}),
                       planted_make_png(20, 30, PNG_COLOR_TYPE_RGB_ALPHA, 8, true, false),
                       planted_make_png(20, 30, PNG_COLOR_TYPE_PALETTE, 8, false, true)};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_true(fv_test_each_allocation(decode_once, &files[i]) >= 2);
        free(files[i].data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_kinds),
        cmocka_unit_test(jpeg_cmyk),
        cmocka_unit_test(jpeg_truncated),
        cmocka_unit_test(jpeg_without_end_marker),
        cmocka_unit_test(jpeg_ends_early),
        cmocka_unit_test(jpeg_salvage),
        cmocka_unit_test(jpeg_extraneous_bytes),
        cmocka_unit_test(jpeg_refused),
        cmocka_unit_test(max_pixels_comes_first),
        cmocka_unit_test(png_kinds),
        cmocka_unit_test(png_alpha_and_palette),
        cmocka_unit_test(png_truncated_and_corrupt),
        cmocka_unit_test(exif_orientation),
        cmocka_unit_test(exif_broken),
        cmocka_unit_test(not_images),
        cmocka_unit_test(files_of_all_sorts),
        cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
