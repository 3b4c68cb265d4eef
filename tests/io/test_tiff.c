/* SPDX-License-Identifier: Apache-2.0 */
/* TIFF of many kinds, written by libtiff; and what a build without it says. */
#include "io/formats.h"

#ifdef FV_WITH_TIFF
#include <math.h>
#include <tiffio.h>

static const fv_decode_options keep = {.keep_depth = true};

typedef struct kind {
    int bits, bands, photometric, extra; /* extra: EXTRASAMPLE_..., -1: none */
    bool tiled, apart, real;
    int compression, predictor, orientation, pages;
    const char *mode; /* "w", "wb" big-endian, "w8" BigTIFF */
} kind;

static uint32_t value_at(const kind *o, int y, int x, int k)
{
    const uint32_t v = (uint32_t)(y * 53 + x * 7 + k * 31 + 1) * 40503u;
    return o->real ? v & 0xFFFF : v >> 7 & (uint32_t)((UINT64_C(1) << o->bits) - 1);
}

/* One sample into a zeroed row, in the machine's byte order. */
static void set_sample(const kind *o, uint8_t *row, int i, uint32_t v)
{
    const float f = (float)v / 65535.0f;
    const uint16_t wide = (uint16_t)v;
    if (o->real)
        memcpy(row + 4 * i, &f, 4);
    else if (o->bits == 16)
        memcpy(row + 2 * i, &wide, 2);
    else if (o->bits <= 8) /* wider ones are only refused */
        row[i * o->bits / 8] |= (uint8_t)(v << (8 - o->bits - i * o->bits % 8));
}

static void set_tags(TIFF *t, const kind *o, int h, int w)
{
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, h);
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, w);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, o->bits);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, o->bands);
    TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, o->real ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, o->photometric);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG, o->apart ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    TIFFSetField(t, TIFFTAG_COMPRESSION, o->compression ? o->compression : COMPRESSION_NONE);
    if (o->predictor)
        TIFFSetField(t, TIFFTAG_PREDICTOR, o->predictor);
    if (o->orientation)
        TIFFSetField(t, TIFFTAG_ORIENTATION, o->orientation);
    if (o->extra >= 0) {
        uint16_t extra[16] = {(uint16_t)o->extra};
        const int colors = o->photometric == PHOTOMETRIC_RGB ? 3 : 1;
        TIFFSetField(t, TIFFTAG_EXTRASAMPLES, o->bands - colors, extra);
    }
    if (o->photometric == PHOTOMETRIC_PALETTE) {
        uint16_t map[3][256];
        for (int i = 0; i < 256; i++) {
            map[0][i] = (uint16_t)(i << 8 | 17);
            map[1][i] = (uint16_t)((255 - i) << 8);
            map[2][i] = 7 << 8;
        }
        TIFFSetField(t, TIFFTAG_COLORMAP, map[0], map[1], map[2]);
    }
    if (o->tiled) {
        TIFFSetField(t, TIFFTAG_TILELENGTH, 16);
        TIFFSetField(t, TIFFTAG_TILEWIDTH, 32);
    } else {
        TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, 5);
    }
}

static void put_row(const kind *o, uint8_t *row, int y, int x0, int n, int w, int plane)
{
    const int bands = o->apart ? 1 : o->bands;
    for (int i = 0; i < n * bands; i++) {
        const int x = x0 + i / bands;
        set_sample(o, row, i, x < w ? value_at(o, y, x, o->apart ? plane : i % bands) : 0);
    }
}

static void write_page(TIFF *t, const kind *o, int h, int w)
{
    uint8_t *buffer = calloc(1, 1 << 16);
    set_tags(t, o, h, w);
    for (int plane = 0; plane < (o->apart ? o->bands : 1); plane++) {
        if (o->tiled) {
            const int64_t stride = TIFFTileRowSize(t);
            for (int y0 = 0; y0 < h; y0 += 16) {
                for (int x0 = 0; x0 < w; x0 += 32) {
                    memset(buffer, 0, 1 << 16);
                    for (int y = y0; y < y0 + 16 && y < h; y++)
                        put_row(o, buffer + (y - y0) * stride, y, x0, 32, w, plane);
                    assert_true(TIFFWriteTile(t, buffer, (uint32_t)x0, (uint32_t)y0, 0, (uint16_t)plane) > 0);
                }
            }
        } else {
            for (int y = 0; y < h; y++) {
                memset(buffer, 0, 1 << 16);
                put_row(o, buffer, y, 0, w, w, plane);
                assert_int_equal(TIFFWriteScanline(t, buffer, (uint32_t)y, (uint16_t)plane), 1);
            }
        }
    }
    free(buffer);
    assert_int_equal(TIFFWriteDirectory(t), 1);
}

static planted make_tiff(kind o, int h, int w)
{
    char dir[256];
    fv_test_dir_create(dir);
    const char *path = fv_test_path(dir, "a.tif");
    TIFF *t = TIFFOpen(path, o.mode ? o.mode : "w");
    assert_non_null(t);
    for (int i = 0; i < (o.pages ? o.pages : 1); i++)
        write_page(t, &o, h, w);
    TIFFClose(t);
    FILE *f = fopen(path, "rb");
    planted file = {malloc(1 << 20), 0};
    file.size = fread(file.data, 1, 1 << 20, f);
    fclose(f);
    fv_test_dir_remove(dir);
    return file;
}

static void check_sample(const kind *o, const fv_image *image, int y, int x, int k, bool alpha)
{
    const int64_t i = (y * image->w + x) * image->c + k;
    const int full = o->real ? 1 : (1 << o->bits) - 1;
    const int band = alpha && o->bands == 2 ? (k == 3 ? 1 : 0) : k;
    uint32_t v = value_at(o, y, x, band);
    if (o->photometric == PHOTOMETRIC_MINISWHITE)
        v = (uint32_t)full - v;
    if (o->photometric == PHOTOMETRIC_PALETTE) {
        v = value_at(o, y, x, 0);
        assert_int_equal(image->data[i], k == 0 ? v : k == 1 ? 255 - v : 7);
    } else if (o->photometric == PHOTOMETRIC_SEPARATED) {
        const uint32_t ink = value_at(o, y, x, k), black = value_at(o, y, x, 3);
        assert_int_equal(image->data[i], (int)((255 - ink) * (255 - black) / 255.0 + 0.5));
    } else if (o->real) {
        assert_true(((const float *)image->data)[i] == (float)v / 65535.0f);
    } else if (o->bits == 16) {
        assert_int_equal(((const uint16_t *)image->data)[i], v);
    } else {
        assert_int_equal(image->data[i], v * 255u / (unsigned)full);
    }
}

static void tiff_kinds(void **state)
{
    (void)state;
    static const struct {
        kind o;
        int c;
        bool alpha;
    } kinds[] = {
        {{.bits = 8, .bands = 1, .photometric = PHOTOMETRIC_MINISBLACK, .extra = -1}, .c = 1},
        {{.bits = 8,
          .bands = 1,
          .photometric = PHOTOMETRIC_MINISWHITE,
          .extra = -1,
          .compression = COMPRESSION_PACKBITS},
         .c = 1},
        {{.bits = 1, .bands = 1, .photometric = PHOTOMETRIC_MINISWHITE, .extra = -1}, .c = 1},
        {{.bits = 4, .bands = 1, .photometric = PHOTOMETRIC_MINISBLACK, .extra = -1, .tiled = true}, .c = 1},
        {{.bits = 16,
          .bands = 1,
          .photometric = PHOTOMETRIC_MINISBLACK,
          .extra = -1,
          .compression = COMPRESSION_LZW,
          .predictor = 2},
         .c = 1},
        {{.bits = 16, .bands = 3, .photometric = PHOTOMETRIC_RGB, .extra = -1, .mode = "wb"}, .c = 3},
        {{.bits = 32, .bands = 1, .photometric = PHOTOMETRIC_MINISBLACK, .extra = -1, .real = true, .mode = "wb"},
         .c = 1},
        {{.bits = 32,
          .bands = 3,
          .photometric = PHOTOMETRIC_RGB,
          .extra = -1,
          .real = true,
          .tiled = true,
          .compression = COMPRESSION_ADOBE_DEFLATE,
          .predictor = 3},
         .c = 3},
        {{.bits = 8,
          .bands = 3,
          .photometric = PHOTOMETRIC_RGB,
          .extra = -1,
          .compression = COMPRESSION_ADOBE_DEFLATE,
          .predictor = 2},
         .c = 3},
        {{.bits = 8, .bands = 3, .photometric = PHOTOMETRIC_RGB, .extra = -1, .apart = true, .tiled = true}, .c = 3},
        {{.bits = 8, .bands = 3, .photometric = PHOTOMETRIC_RGB, .extra = -1, .mode = "w8"}, .c = 3},
        {{.bits = 8, .bands = 4, .photometric = PHOTOMETRIC_RGB, .extra = EXTRASAMPLE_UNASSALPHA},
         .c = 4,
         .alpha = true},
        {{.bits = 8, .bands = 2, .photometric = PHOTOMETRIC_MINISBLACK, .extra = EXTRASAMPLE_UNASSALPHA},
         .c = 4,
         .alpha = true},
        {{.bits = 16, .bands = 2, .photometric = PHOTOMETRIC_MINISBLACK, .extra = EXTRASAMPLE_UNASSALPHA},
         .c = 4,
         .alpha = true},
        {{.bits = 16, .bands = 12, .photometric = PHOTOMETRIC_MINISBLACK, .extra = EXTRASAMPLE_UNSPECIFIED}, .c = 12},
        {{.bits = 16,
          .bands = 12,
          .photometric = PHOTOMETRIC_MINISBLACK,
          .extra = EXTRASAMPLE_UNSPECIFIED,
          .apart = true},
         .c = 12},
        {{.bits = 8, .bands = 1, .photometric = PHOTOMETRIC_PALETTE, .extra = -1, .tiled = true}, .c = 3},
        {{.bits = 8, .bands = 4, .photometric = PHOTOMETRIC_SEPARATED, .extra = -1}, .c = 3},
        {{.bits = 8, .bands = 1, .photometric = PHOTOMETRIC_MINISBLACK, .extra = -1, .pages = 2}, .c = 1},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const kind *o = &kinds[i].o;
        planted file = make_tiff(*o, 37, 51);
        decoded d = decode_sound(file.data, file.size, keep);
        assert_string_equal(d.notes.format, "tiff");
        assert_true(d.image.h == 37 && d.image.w == 51);
        assert_int_equal(d.image.c, kinds[i].c);
        assert_int_equal(d.image.depth, o->real ? FV_DEPTH_F32 : o->bits == 16 ? FV_DEPTH_16 : FV_DEPTH_8);
        assert_int_equal(d.notes.alpha, kinds[i].alpha);
        assert_int_equal(d.notes.palette, o->photometric == PHOTOMETRIC_PALETTE);
        assert_int_equal(d.notes.cmyk, o->photometric == PHOTOMETRIC_SEPARATED);
        assert_int_equal(d.notes.animated, o->pages > 1);
        assert_int_equal(d.notes.sixteen_bit, o->bits == 16);
        assert_int_equal(d.notes.warnings, 0);
        assert_int_equal(d.notes.bands, o->bands == 12);
        assert_int_equal(d.image.bands, o->bands == 12);
        for (int e = 0; e < 37 * 51 * kinds[i].c; e++)
            check_sample(o, &d.image, e / kinds[i].c / 51, e / kinds[i].c % 51, e % kinds[i].c, kinds[i].alpha);
        decoded_free(&d);
        d = decode_sound(file.data, file.size, (fv_decode_options){0});
        assert_int_equal(d.image.depth, FV_DEPTH_8);
        decoded_free(&d);
        free(file.data);
    }
}

/* A fourth band is opacity where the file says so, and what is multiplied by it is divided by it. */
static void tiff_opacity(void **state)
{
    (void)state;
    static const kind kinds[] = {
        {.bits = 8, .bands = 4, .photometric = PHOTOMETRIC_RGB, .extra = EXTRASAMPLE_UNSPECIFIED},
        {.bits = 16, .bands = 4, .photometric = PHOTOMETRIC_RGB, .extra = EXTRASAMPLE_UNSPECIFIED},
        {.bits = 8, .bands = 4, .photometric = PHOTOMETRIC_RGB, .extra = EXTRASAMPLE_ASSOCALPHA},
        {.bits = 16, .bands = 4, .photometric = PHOTOMETRIC_RGB, .extra = EXTRASAMPLE_ASSOCALPHA},
        {.bits = 8, .bands = 2, .photometric = PHOTOMETRIC_MINISBLACK, .extra = EXTRASAMPLE_ASSOCALPHA},
        {.bits = 32, .bands = 4, .photometric = PHOTOMETRIC_RGB, .extra = EXTRASAMPLE_ASSOCALPHA, .real = true}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const kind *o = &kinds[i];
        const bool divided = o->extra == EXTRASAMPLE_ASSOCALPHA;
        const double full = o->real ? 1.0 : (1 << o->bits) - 1;
        planted file = make_tiff(*o, 21, 33);
        decoded d = decode_sound(file.data, file.size, keep);
        assert_int_equal(d.image.c, 4);
        assert_int_equal(d.notes.alpha, divided);
        assert_int_equal(d.image.bands, !divided);
        for (int e = 0; e < 21 * 33 * 4; e++) {
            const int y = e / 4 / 33, x = e / 4 % 33, band = o->bands == 2 ? (e % 4 == 3) : e % 4;
            const double scale = o->real ? 65535.0 : 1.0, a = value_at(o, y, x, o->bands - 1) / scale;
            double want = value_at(o, y, x, band) / scale;
            if (divided && e % 4 < 3)
                want = a > 0 ? fmin(o->real ? INFINITY : full, want * full / a) : 0;
            const double have = o->real         ? (double)((const float *)d.image.data)[e]
                                : o->bits == 16 ? ((const uint16_t *)d.image.data)[e]
                                                : d.image.data[e];
            assert_true(fabs(have - want) <= (o->real ? 1e-6 * want : 0.5));
        }
        decoded_free(&d);
        free(file.data);
    }
}

typedef struct page {
    int h, w;
    uint32_t kind; /* NewSubfileType */
    int inside;    /* so many of the pages behind it are referred to by it */
} page;

static planted make_pages(const page *pages, int n)
{
    char dir[256];
    fv_test_dir_create(dir);
    const char *path = fv_test_path(dir, "a.tif");
    TIFF *t = TIFFOpen(path, "w");
    for (int i = 0; i < n; i++) {
        const kind o = {.bits = 8, .bands = 1, .photometric = PHOTOMETRIC_MINISBLACK, .extra = -1};
        toff_t none[4] = {0};
        TIFFSetField(t, TIFFTAG_SUBFILETYPE, pages[i].kind);
        if (pages[i].inside)
            TIFFSetField(t, TIFFTAG_SUBIFD, pages[i].inside, none);
        write_page(t, &o, pages[i].h, pages[i].w);
    }
    TIFFClose(t);
    FILE *f = fopen(path, "rb");
    planted file = {malloc(1 << 20), 0};
    file.size = fread(file.data, 1, 1 << 20, f);
    fclose(f);
    fv_test_dir_remove(dir);
    return file;
}

/* The picture is the page that is none of another: previews may come first. */
static void tiff_pages(void **state)
{
    (void)state;
    static const struct {
        page pages[3];
        int n, h;
        bool preview, more;
    } files[] = {
        {{{12, 16, 1, 0}, {240, 320, 0, 0}}, 2, 240, true, false},
        {{{240, 320, 0, 0}, {120, 160, 1, 0}, {60, 80, 1, 0}}, 3, 240, false, true}, /* a pyramid */
        {{{12, 16, 1, 1}, {240, 320, 0, 0}}, 2, 240, true, false},
        {{{15, 20, 0, 0}, {150, 200, 0, 0}}, 2, 150, true, false}, /* only its size says so */
        {{{60, 80, 1, 0}, {30, 40, 1, 0}, {240, 320, 0, 0}}, 3, 240, true, false},
        {{{100, 100, 0, 0}, {200, 300, 0, 0}}, 2, 100, false, true}, /* of another shape: pages of their own */
        {{{100, 120, 0, 0}, {110, 132, 0, 0}}, 2, 100, false, true},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        planted file = make_pages(files[i].pages, files[i].n);
        decoded d = decode_sound(file.data, file.size, keep);
        assert_int_equal(d.image.h, files[i].h);
        assert_int_equal(d.notes.preview, files[i].preview);
        assert_int_equal(d.notes.animated, files[i].more);
        assert_int_equal(d.notes.warnings, 0);
        const kind o = {.bits = 8, .bands = 1};
        for (int x = 0; x < d.image.w; x++)
            assert_int_equal(d.image.data[d.image.w + x], value_at(&o, 1, x, 0));
        decoded_free(&d);
        free(file.data);
    }
    planted file = make_pages((const page[]){{12, 16, 1, 0}}, 1);
    expect_refused(file.data, file.size, FV_ERR_DATA_FORMAT, FV_FAULT_CODING, "a reduced picture (16 x 12)");
    free(file.data);
}

static void tiff_ramp_and_orientation(void **state)
{
    (void)state;
    planted file = make_tiff(
        (kind){.bits = 16, .bands = 1, .photometric = PHOTOMETRIC_MINISBLACK, .extra = -1, .orientation = 6}, 20, 30);
    decoded d = decode_sound(file.data, file.size, keep);
    assert_true(d.notes.exif_rotated && d.image.h == 30 && d.image.w == 20);
    const kind o = {.bits = 16, .bands = 1, .photometric = PHOTOMETRIC_MINISBLACK, .extra = -1};
    /* Row 0 is the visual right side, column 0 the visual top. */
    assert_int_equal(((uint16_t *)d.image.data)[19], value_at(&o, 0, 0, 0));
    assert_int_equal(((uint16_t *)d.image.data)[29 * 20], value_at(&o, 19, 29, 0));
    decoded_free(&d);
    free(file.data);
}

static void tiff_broken(void **state)
{
    (void)state;
    planted file = make_tiff((kind){.bits = 8, .bands = 3, .photometric = PHOTOMETRIC_RGB, .extra = -1}, 37, 51);
    /* libtiff writes the directory behind the pixels. */
    for (size_t cut = 8; cut < file.size; cut += 97) {
        decoded d = decode_bytes(file.data, cut, (fv_decode_options){0});
        if (d.status != FV_ERR_DATA_TRUNCATED || d.error.byte != (int64_t)cut)
            fail_msg("cut at %zu: %s '%s'", cut, fv_status_name(d.status), d.error.text);
        decoded_free(&d);
    }
    free(file.data);
    file = make_tiff((kind){.bits = 32, .bands = 1, .photometric = PHOTOMETRIC_MINISBLACK, .extra = -1, .real = true},
                     4, 4);
    const float nan = NAN;
    memcpy(file.data + 8 + 4 * 6, &nan, 4);
    expect_refused(file.data, file.size, FV_ERR_DATA_FORMAT, FV_FAULT_NOT_FINITE, "NaN at row 1, column 2, channel 0");
    free(file.data);
    file = make_tiff((kind){.bits = 16, .bands = 3, .photometric = PHOTOMETRIC_CIELAB, .extra = -1}, 4, 4);
    expect_refused(file.data, file.size, FV_ERR_DATA_FORMAT, FV_FAULT_CODING, "photometric interpretation 8");
    free(file.data);
    file = make_tiff((kind){.bits = 32, .bands = 1, .photometric = PHOTOMETRIC_MINISBLACK, .extra = -1}, 4, 4);
    expect_refused(file.data, file.size, FV_ERR_DATA_FORMAT, FV_FAULT_CODING, "32 bits of sample format 1");
    free(file.data);
    expect_refused("II*\0\xFF\xFF\xFF\x7F", 8, FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, "truncated TIFF at byte 8");
    file = make_tiff((kind){.bits = 8, .bands = 3, .photometric = PHOTOMETRIC_RGB, .extra = -1}, 37, 51);
    decoded d = decode_bytes(file.data, file.size, (fv_decode_options){.max_pixels = 37 * 51 - 1});
    assert_int_equal(d.status, FV_ERR_DATA_TOO_LARGE);
    decoded_free(&d);
    bytes b = {.size = 0};
    put(&b, file.data, file.size);
    free(file.data);
    assert_true(fv_test_each_allocation(decode_for_allocation, &b) >= 2);
}

#else

static void tiff_absent(void **state)
{
    (void)state;
    expect_refused("II*\0\x08\0\0\0", 8, FV_ERR_DATA_FORMAT, FV_FAULT_CODING,
                   "a TIFF image: this build of fovea is without libtiff (install it and build again)");
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef FV_WITH_TIFF
        cmocka_unit_test(tiff_kinds),  cmocka_unit_test(tiff_opacity),
        cmocka_unit_test(tiff_pages),  cmocka_unit_test(tiff_ramp_and_orientation),
        cmocka_unit_test(tiff_broken),
#else
        cmocka_unit_test(tiff_absent),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
