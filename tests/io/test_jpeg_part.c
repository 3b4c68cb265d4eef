/* SPDX-License-Identifier: Apache-2.0 */
/* Our own decoder and parts of images against libjpeg's whole, byte by byte. */
#include "io/formats.h"

#include <glob.h>
#include <math.h>

#include "io/jpeg_baseline.h"

/* A picture of all frequencies, strongly and weakly colored. */
static uint8_t busy(int y, int x, int k)
{
    const uint32_t v = (uint32_t)(y * 7919 + x * 104729 + k * 1299709) * 2654435761u;
    const int wave = (x * x / 7 + y * y / 11 + 40 * k) & 255;
    return (uint8_t)((y / 16 + x / 16) % 3 == 0 ? (int)(v >> 24) : (y / 16 + x / 16) % 3 == 1 ? wave : (x + 2 * y) / 3);
}

typedef struct sampling {
    int c, h, v, quality, restart;
    bool progressive, optimize, rgb;
} sampling;

static planted make(int h, int w, sampling o, int orientation)
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
    cinfo.input_components = o.c;
    cinfo.in_color_space = o.c == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&cinfo);
    if (o.rgb)
        jpeg_set_colorspace(&cinfo, JCS_RGB);
    jpeg_set_quality(&cinfo, o.quality, TRUE);
    cinfo.comp_info[0].h_samp_factor = o.h;
    cinfo.comp_info[0].v_samp_factor = o.v;
    cinfo.restart_interval = (unsigned)o.restart;
    cinfo.optimize_coding = o.optimize;
    if (o.progressive)
        jpeg_simple_progression(&cinfo);
    jpeg_start_compress(&cinfo, TRUE);
    if (orientation) {
        uint8_t app1[32] = {'E', 'x', 'i', 'f', 0, 0};
        planted_exif(app1 + 6, orientation, true);
        jpeg_write_marker(&cinfo, JPEG_APP0 + 1, app1, sizeof app1);
    }
    uint8_t *row = malloc((size_t)(w * o.c));
    for (int y = 0; y < h; y++) {
        for (int i = 0; i < w * o.c; i++)
            row[i] = busy(y, i / o.c, i % o.c);
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    free(row);
    return (planted){mem, size};
}

/* What libjpeg's defaults make of it; without `fancy` chroma is repeated instead of interpolated. */
static uint8_t *reference(planted file, bool fancy, int *h, int *w, int *c)
{
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr err;
    cinfo.err = jpeg_std_error(&err);
    jpeg_create_decompress(&cinfo);
    jpeg_mem_src(&cinfo, file.data, file.size);
    jpeg_read_header(&cinfo, TRUE);
    cinfo.do_fancy_upsampling = fancy;
    jpeg_start_decompress(&cinfo);
    *h = (int)cinfo.output_height;
    *w = (int)cinfo.output_width;
    *c = cinfo.output_components;
    uint8_t *pixels = malloc((size_t)*h * (size_t)*w * (size_t)*c);
    while (cinfo.output_scanline < cinfo.output_height) {
        JSAMPROW line = pixels + (size_t)cinfo.output_scanline * (size_t)*w * (size_t)*c;
        jpeg_read_scanlines(&cinfo, &line, 1);
    }
    jpeg_finish_decompress(&cinfo);
    jpeg_destroy_decompress(&cinfo);
    return pixels;
}

/* A request whose answer stands in the struct around it. */
typedef struct box_request {
    fv_image_request base;
    double y0, x0, y1, x1;
    int asked;
} box_request;

static void choose(fv_image_request *base, int64_t h, int64_t w)
{
    box_request *r = (box_request *)base;
    assert_true(base->full_h == h && base->full_w == w);
    assert_true(base->y == 0.0 && base->x == 0.0 && base->step == 1.0);
    base->y0 = r->y0;
    base->x0 = r->x0;
    base->y1 = r->y1;
    base->x1 = r->x1;
    base->h = base->w = 12;
    r->asked++;
}

static fv_ctx *ctx_of(const char *isa)
{
    fv_ctx *ctx = NULL;
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.threads = 1, .isa = isa}, &ctx), FV_OK);
    return ctx;
}

/* Whether our own decoder takes the file; its pixels of that part must be the whole's. */
static bool own_part(fv_ctx *ctx, planted file, const uint8_t *whole, int w, int c, fv_image_part part)
{
    fv_image_error error = {0};
    fv_image_job job = {.ctx = ctx, .data = file.data, .size = file.size, .error = &error};
    job.options.max_pixels = 1 << 26;
    bool done = false;
    if (fv_jpeg_baseline(&job, &part, 1, &done) != FV_OK)
        fail_msg("%s", error.text);
    if (done) {
        assert_int_equal(job.image.h, part.y1 - part.y0);
        assert_int_equal(job.image.w, part.x1 - part.x0);
        assert_int_equal(job.image.c, c);
        for (int64_t y = part.y0; y < part.y1; y++) {
            const uint8_t *want = whole + (y * w + part.x0) * c,
                          *got = job.image.data + (y - part.y0) * job.image.w * c;
            for (int64_t i = 0; i < job.image.w * c; i++) {
                if (got[i] != want[i])
                    fail_msg("row %lld column %lld channel %lld: %d, libjpeg has %d", (long long)y,
                             (long long)(part.x0 + i / c), (long long)(i % c), got[i], want[i]);
            }
        }
    }
    fv_image_free(ctx, &job.image);
    return done;
}

/* Whole and many parts of each sampling, with odd sizes, on each instruction set. */
static void parts_are_the_whole(void **state)
{
    (void)state;
    static const struct {
        sampling o;
        bool own;
    } kinds[] = {
        {{.c = 3, .h = 1, .v = 1, .quality = 90}, true},
        {{.c = 3, .h = 2, .v = 1, .quality = 85}, true},
        {{.c = 3, .h = 2, .v = 2, .quality = 75}, true},
        {{.c = 3, .h = 2, .v = 2, .quality = 100, .optimize = true}, true},
        {{.c = 3, .h = 1, .v = 1, .quality = 100, .optimize = true}, true},
        {{.c = 3, .h = 2, .v = 2, .quality = 30, .restart = 3}, true},
        {{.c = 3, .h = 1, .v = 1, .quality = 5, .restart = 1}, true},
        {{.c = 1, .h = 1, .v = 1, .quality = 90}, true},
        {{.c = 1, .h = 2, .v = 2, .quality = 95, .restart = 7}, true},
        {{.c = 3, .h = 1, .v = 2, .quality = 90}, false},
        {{.c = 3, .h = 4, .v = 1, .quality = 90}, false},
        {{.c = 3, .h = 1, .v = 1, .quality = 90, .rgb = true}, false},
        {{.c = 3, .h = 2, .v = 2, .quality = 90, .progressive = true}, false},
    };
    static const int sizes[][2] = {{1, 1}, {5, 3}, {8, 8}, {17, 16}, {64, 5}, {33, 47}, {131, 75}, {96, 160}};
    static const char *const isas[] = {"scalar", NULL};
    uint32_t random = 1;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            int h, w, c;
            planted file = make(sizes[s][0], sizes[s][1], kinds[k].o, 0);
            uint8_t *whole = reference(file, true, &h, &w, &c);
            for (int i = 0; i < 2; i++) {
                fv_ctx *ctx = ctx_of(isas[i]);
                const bool own = kinds[k].own && !(kinds[k].o.h == 2 && w <= 4 && c == 3);
                assert_int_equal(own_part(ctx, file, whole, w, c, (fv_image_part){0, 0, h, w}), own);
                for (int n = 0; n < FV_TEST_CASES(40, 6); n++) {
                    random = random * 1664525u + 1013904223u;
                    const int64_t y0 = (random >> 8) % (uint32_t)h, x0 = (random >> 16) % (uint32_t)w;
                    random = random * 1664525u + 1013904223u;
                    const fv_image_part part = {y0, x0, y0 + 1 + (random >> 8) % (uint32_t)(h - y0),
                                                x0 + 1 + (random >> 16) % (uint32_t)(w - x0)};
                    assert_int_equal(own_part(ctx, file, whole, w, c, part), own);
                }
                fv_ctx_destroy(&ctx);
            }
            free(whole);
            free(file.data);
        }
    }
}

/* The part at 1 / denom of the size, or NULL where our own decoder does not take that. */
static uint8_t *own_reduced(fv_ctx *ctx, planted file, fv_image_part part, int denom)
{
    fv_image_error error = {0};
    fv_image_job job = {.ctx = ctx, .data = file.data, .size = file.size, .error = &error};
    job.options.max_pixels = 1 << 26;
    bool done = false;
    if (fv_jpeg_baseline(&job, &part, denom, &done) != FV_OK)
        fail_msg("%s", error.text);
    assert_true(!done || (job.image.h == part.y1 - part.y0 && job.image.w == part.x1 - part.x0));
    return job.image.data;
}

/* How far the reduced image is in the mean from the means of the whole's pixels, where those lie inside. */
static double from_means(const uint8_t *reduced, const uint8_t *whole, int h, int w, int c, int denom)
{
    const int rw = (w + denom - 1) / denom;
    double sum = 0;
    int64_t count = 0;
    for (int y = 0; y < h / denom; y++) {
        for (int x = 0; x < w / denom * c; x++, count++) {
            double mean = 0;
            for (int i = 0; i < denom * denom; i++)
                mean += whole[((y * denom + i / denom) * w + x / c * denom + i % denom) * c + x % c];
            sum += fabs(reduced[y * rw * c + x] - mean / (denom * denom));
        }
    }
    return count ? sum / (double)count : 0.0;
}

/* Reduced, pixels are means of the whole's, but for what is cut off in those. Parts are parts of the whole, and every
 * instruction set has the same. */
static void reduced_parts(void **state)
{
    (void)state;
    static const sampling kinds[] = {{.c = 3, .h = 1, .v = 1, .quality = 90},
                                     {.c = 3, .h = 2, .v = 1, .quality = 85},
                                     {.c = 3, .h = 2, .v = 2, .quality = 75, .restart = 2},
                                     {.c = 1, .h = 1, .v = 1, .quality = 30}};
    static const int sizes[][2] = {{1, 1}, {17, 16}, {33, 47}, {131, 75}};
    uint32_t random = 1;
    fv_ctx *ctx = ctx_of(NULL), *scalar = ctx_of("scalar");
    for (size_t k = 0; k < 4 * sizeof kinds / sizeof *kinds; k++) {
        const sampling kind = kinds[k / 4];
        planted file = make(sizes[k % 4][0], sizes[k % 4][1], kind, 0);
        int h, w, c;
        uint8_t *pixels = reference(file, false, &h, &w, &c);
        for (int denom = 2; denom <= 8; denom *= 2) {
            const int rh = (h + denom - 1) / denom, rw = (w + denom - 1) / denom;
            uint8_t *whole = own_reduced(ctx, file, (fv_image_part){0, 0, rh, rw}, denom);
            assert_int_equal(whole != NULL, kind.h == kind.v || denom > 2);
            if (whole && from_means(whole, pixels, h, w, c, denom) > 2.5)
                fail_msg("sampling %d x %d, 1/%d of %d x %d: %g from the means", kind.h, kind.v, denom, h, w,
                         from_means(whole, pixels, h, w, c, denom));
            for (int n = 0; whole && n < 20; n++) {
                random = random * 1664525u + 1013904223u;
                const int64_t y0 = (random >> 8) % (uint32_t)rh, x0 = (random >> 16) % (uint32_t)rw;
                random = random * 1664525u + 1013904223u;
                const fv_image_part part = {y0, x0, y0 + 1 + (random >> 8) % (uint32_t)(rh - y0),
                                            x0 + 1 + (random >> 16) % (uint32_t)(rw - x0)};
                uint8_t *got = own_reduced(n % 2 ? ctx : scalar, file, part, denom);
                const int64_t row = (part.x1 - x0) * c;
                for (int64_t y = y0; y < part.y1; y++)
                    assert_memory_equal(got + (y - y0) * row, whole + (y * rw + x0) * c, (size_t)row);
                fv_free(n % 2 ? ctx : scalar, got);
            }
            fv_free(ctx, whole);
        }
        free(pixels);
        free(file.data);
    }
    fv_ctx_destroy(&ctx);
    fv_ctx_destroy(&scalar);
}

/* Asked for a box, a decoder gives at least that, tells where it lies, and turns it as EXIF says. */
static void requests(void **state)
{
    (void)state;
    static const sampling kinds[] = {{.c = 3, .h = 2, .v = 2, .quality = 90},
                                     {.c = 3, .h = 1, .v = 1, .quality = 90},
                                     {.c = 1, .h = 1, .v = 1, .quality = 90},
                                     {.c = 3, .h = 1, .v = 2, .quality = 90},
                                     {.c = 3, .h = 2, .v = 2, .quality = 90, .progressive = true}};
    fv_ctx *ctx = ctx_of(NULL);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (int orientation = 1; orientation <= 8; orientation++) {
            planted file = make(61, 90, kinds[k], orientation);
            fv_image whole, image;
            fv_image_error error;
            assert_int_equal(fv_image_decode(ctx, "a", file.data, file.size, NULL, &whole, NULL), FV_OK);
            for (int fast = 0; fast < 2; fast++) {
                box_request r = {.base.choose = choose, .y0 = 10.5, .x0 = 20.25, .y1 = 33.5, .x1 = 50.0};
                const fv_decode_options options = {.fast = fast};
                assert_int_equal(
                    fv_image_decode_quiet(ctx, file.data, file.size, &options, &r.base, &image, NULL, &error), FV_OK);
                assert_int_equal(r.asked, 1);
                assert_true(r.base.full_h == whole.h && r.base.full_w == whole.w && r.base.step == 1.0);
                const int64_t y0 = (int64_t)r.base.y, x0 = (int64_t)r.base.x;
                if (k < 3) {
                    assert_true(y0 == 10 && x0 == 20);
                    assert_true(image.h == 24 && image.w == 30);
                } else {
                    assert_true(y0 == 0 && x0 == 0 && image.h == whole.h && image.w == whole.w);
                }
                for (int64_t y = 0; y < image.h; y++)
                    assert_memory_equal(image.data + y * image.w * image.c,
                                        whole.data + ((y0 + y) * whole.w + x0) * whole.c, (size_t)(image.w * image.c));
                fv_image_free(ctx, &image);
            }
            fv_image_free(ctx, &whole);
            free(file.data);
        }
    }
    fv_ctx_destroy(&ctx);
}

/* Reduced only when that is asked for and far more pixels are there than needed. */
static void fast_reduces(void **state)
{
    (void)state;
    fv_ctx *ctx = ctx_of(NULL);
    planted file = make(331, 250, (sampling){.c = 3, .h = 2, .v = 2, .quality = 90}, 6);
    for (int fast = 0; fast < 2; fast++) {
        box_request r = {.base.choose = choose, .y0 = 0, .x0 = 0, .y1 = 40.0, .x1 = 50.0};
        const fv_decode_options options = {.fast = fast};
        fv_image image;
        fv_image_error error;
        assert_int_equal(fv_image_decode_quiet(ctx, file.data, file.size, &options, &r.base, &image, NULL, &error),
                         FV_OK);
        assert_int_equal(r.asked, 1);
        assert_true(r.base.full_h == 250 && r.base.full_w == 331);
        if (fast) {
            /* Upright, the first column is the stored last row, and half of its last pixel lies outside. */
            assert_true(r.base.step == 2.0 && r.base.y == 0.0 && r.base.x == -1.0);
            assert_true(image.h == 20 && image.w == 26);
        } else {
            assert_true(r.base.step == 1.0 && image.h == 40 && image.w == 50);
        }
        fv_image_free(ctx, &image);
    }
    free(file.data);
    fv_ctx_destroy(&ctx);
}

/* What our own decoder leaves to libjpeg: each damage is found whatever the box is. */
static void damage_is_found(void **state)
{
    (void)state;
    fv_ctx *ctx = ctx_of(NULL);
    planted file = make(160, 160, (sampling){.c = 3, .h = 1, .v = 1, .quality = 80}, 0);
    fv_image image;
    fv_image_error error;
    fv_decode_notes notes;
    for (size_t at = file.size / 8; at < file.size - 8; at += file.size / 16) {
        box_request top = {.base.choose = choose, .y1 = 8, .x1 = 8};
        box_request bottom = {.base.choose = choose, .y0 = 150, .x0 = 150, .y1 = 160, .x1 = 160};
        fv_status status[2];
        int warnings[2];
        uint8_t saved[2] = {file.data[at], file.data[at + 1]};
        memcpy(file.data + at, "\xFF\xD9", 2);
        for (int i = 0; i < 2; i++) {
            status[i] = fv_image_decode_quiet(ctx, file.data, file.size, NULL, i ? &bottom.base : &top.base, &image,
                                              &notes, &error);
            warnings[i] = notes.warnings;
            fv_image_free(ctx, &image);
        }
        assert_int_equal(status[0], FV_ERR_DATA_TRUNCATED);
        assert_int_equal(status[0], status[1]);
        assert_int_equal(warnings[0], warnings[1]);
        memcpy(file.data + at, saved, 2);
        assert_int_equal(fv_image_decode_quiet(ctx, file.data, at, NULL, &top.base, &image, &notes, &error),
                         FV_ERR_DATA_TRUNCATED);
        assert_int_equal(error.byte, at);
    }
    /* Bytes that do not belong to the last block: a warning in libjpeg's words, also for a box in the first. */
    planted wider = {malloc(file.size + 5), file.size + 5};
    memcpy(wider.data, file.data, file.size - 2);
    memcpy(wider.data + file.size - 2, "\1\2\3\4\5\xFF\xD9", 7);
    box_request r = {.base.choose = choose, .y1 = 8, .x1 = 8};
    assert_int_equal(fv_image_decode_quiet(ctx, wider.data, wider.size, NULL, &r.base, &image, &notes, &error), FV_OK);
    assert_non_null(strstr(notes.warning, "extraneous"));
    fv_image_free(ctx, &image);
    free(wider.data);
    free(file.data);
    fv_ctx_destroy(&ctx);
}

/* Random changes: never a pixel that libjpeg would not have given without a complaint. */
static void corrupt_files_agree(void **state)
{
    (void)state;
    fv_ctx *ctx = ctx_of(NULL);
    planted file = make(72, 90, (sampling){.c = 3, .h = 2, .v = 1, .quality = 85}, 0);
    uint32_t random = 7;
    int own = 0, far = 0;
    for (int n = 0; n < FV_TEST_CASES(4000, 300); n++) {
        random = random * 1664525u + 1013904223u;
        const size_t at = 600 + (random >> 8) % (file.size - 600);
        const uint8_t saved = file.data[at];
        file.data[at] ^= (uint8_t)(1u << (random >> 29));
        fv_image_error error = {0};
        fv_image_job job = {.ctx = ctx, .data = file.data, .size = file.size, .error = &error};
        bool done = false;
        job.options.max_pixels = 1 << 20;
        assert_int_equal(fv_jpeg_baseline(&job, &(fv_image_part){0, 0, 72, 90}, 1, &done), FV_OK);
        if (done) {
            int h, w, c;
            uint8_t *whole = reference(file, true, &h, &w, &c);
            int64_t different = 0;
            for (int i = 0; i < h * w * c; i++)
                different += job.image.data[i] != whole[i];
            /* Broken coefficients may exceed 16 bits, which libjpeg, by itself and with its SIMD, takes differently. */
            far += different >= 90 * 72 * 3 / 10;
            free(whole);
            own++;
        }
        fv_image_free(ctx, &job.image);
        file.data[at] = saved;
    }
    assert_true(own > 0 && far <= own / 50);
    free(file.data);
    fv_ctx_destroy(&ctx);
}

/* Photographs, when the data folder is there. */
static void photographs(void **state)
{
    (void)state;
    char path[512], pattern[600];
    const char *root = fv_test_data("flowers5", path);
    if (!root)
        skip();
    glob_t g;
    snprintf(pattern, sizeof pattern, "%s/train/*/*.jpg", root);
    if (glob(pattern, 0, NULL, &g) != 0)
        skip();
    fv_ctx *ctx = ctx_of(NULL);
    int own = 0, n = 0;
    for (size_t i = 0; i < g.gl_pathc; i += FV_TEST_CASES(5, 60), n++) {
        FILE *f = fopen(g.gl_pathv[i], "rb");
        planted file = {malloc(1 << 22), 0};
        file.size = fread(file.data, 1, 1 << 22, f);
        fclose(f);
        int h, w, c;
        uint8_t *whole = reference(file, true, &h, &w, &c);
        own += own_part(ctx, file, whole, w, c, (fv_image_part){0, 0, h, w});
        own_part(ctx, file, whole, w, c, (fv_image_part){h / 3, w / 4, h - 7, w - 5});
        free(whole);
        free(file.data);
    }
    assert_true(own * 2 > n);
    globfree(&g);
    fv_ctx_destroy(&ctx);
}

static fv_status decode_part(fv_ctx *ctx, void *arg)
{
    const planted *file = arg;
    box_request r = {.base.choose = choose, .y0 = 3, .x0 = 5, .y1 = 20, .x1 = 17};
    fv_image image;
    fv_image_error error;
    fv_status status = fv_image_decode_quiet(ctx, file->data, file->size, NULL, &r.base, &image, NULL, &error);
    fv_image_free(ctx, &image);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    planted file = make(33, 40, (sampling){.c = 3, .h = 2, .v = 2, .quality = 90}, 6);
    assert_true(fv_test_each_allocation(decode_part, &file) >= 6);
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_the_whole), cmocka_unit_test(requests),
        cmocka_unit_test(fast_reduces),        cmocka_unit_test(reduced_parts),
        cmocka_unit_test(damage_is_found),     cmocka_unit_test(corrupt_files_agree),
        cmocka_unit_test(photographs),         cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
