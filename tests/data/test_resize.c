/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing and the pipeline: against Pillow's bytes, against a plain reference, against the rules. */
#define FV_TEST_THREADS 1
#include "support/fixture.h"

#include <fovea/data.h>

#include "data/image/resize.h"

static fv_image make_image(int64_t h, int64_t w, int64_t c)
{
    fv_image image = {.data = malloc((size_t)(h * w * c)), .h = h, .w = w, .c = c};
    assert_non_null(image.data);
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++)
            for (int64_t k = 0; k < c; k++)
                image.data[(y * w + x) * c + k] = (uint8_t)(x * x * 7 + y * 13 * (x + 1) + k * 57 + (x * y) % 11 * 19);
    return image;
}

static uint64_t splitmix64(uint64_t s)
{
    uint64_t z = s + 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static int slope(int64_t v)
{
    v = v < 510 - v ? v : 510 - v;
    return (int)(v < 255 ? v : 255);
}

/* The pictures of tests/golden/make_resize.py. */
static fv_image golden_image(const int *v)
{
    fv_image image = make_image(v[0], v[1], v[2]);
    for (int64_t i = 0; v[3] > 0 && i < image.h * image.w * image.c; i++) {
        const int64_t y = i / image.c / image.w, x = i / image.c % image.w, k = i % image.c;
        image.data[i] = (uint8_t)(v[3] == 1 ? slope((x * 5 + y * 3 + k * 40) % 510) : (x / 3 + y / 4 + k) % 2 * 255);
    }
    return image;
}

/* One result of Pillow: `count` of its bytes against ours. Returns how many differ; none by more than a level. */
static int golden_result(FILE *file, const fv_image *src, const fv_resize_spec *spec, uint64_t number)
{
    const int64_t size = spec->h * spec->w * src->c, count = size < 200 ? size : 200;
    fv_resize_scratch scratch = {.ctx = ctx};
    uint8_t *dst = malloc((size_t)size);
    int different = 0;
    assert_int_equal(fv_resize(&scratch, src, spec, dst), FV_OK);
    for (int64_t i = 0; i < count; i++) {
        const uint64_t at = size > 200 ? splitmix64((number << 20) + (uint64_t)i) % (uint64_t)size : (uint64_t)i;
        const int want = fgetc(file), d = want - dst[at];
        if (want == EOF || d < -1 || d > 1)
            fail_msg("result %d, filter %d, byte %d: %d instead of %d", (int)number, (int)spec->filter, (int)at,
                     dst[at], want);
        different += d != 0;
    }
    free(dst);
    fv_scratch_free(&scratch);
    return different;
}

/* tests/golden/resize.bin: 200 sizes and boxes, five filters. */
static void as_pillow(void **state)
{
    (void)state;
    static const fv_filter filters[] = {FV_FILTER_NEAREST, FV_FILTER_BILINEAR, FV_FILTER_BICUBIC, FV_FILTER_AREA,
                                        FV_FILTER_LANCZOS};
    char path[600];
    const char *source = getenv("FOVEA_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/golden/resize.bin", source ? source : ".");
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t head[20];
    int records = 0, different[5] = {0};
    for (; fread(head, 1, 20, file) == 20; records++) {
        int v[10];
        for (int i = 0; i < 10; i++)
            v[i] = head[2 * i] | head[2 * i + 1] << 8;
        fv_image src = golden_image(v);
        for (int f = 0; f < 5; f++) {
            const fv_resize_spec spec = {.y0 = v[6] / 8.0,
                                         .x0 = v[7] / 8.0,
                                         .y1 = v[8] / 8.0,
                                         .x1 = v[9] / 8.0,
                                         .h = v[4],
                                         .w = v[5],
                                         .filter = filters[f],
                                         .antialias = true};
            different[f] += golden_result(file, &src, &spec, (uint64_t)(5 * records + f));
        }
        free(src.data);
    }
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
    assert_int_equal(records, 200);
    /* A level more or less is what was promised; it is none. */
    for (int f = 0; f < 5; f++)
        assert_int_equal(different[f], 0);
}

/* Triangle filter in floating point, without the rounding between the passes. */
static double reference(const fv_image *src, int64_t h, int64_t w, bool antialias, int64_t y, int64_t x, int64_t k)
{
    const double sy = (double)src->h / (double)h, sx = (double)src->w / (double)w;
    const double ry = antialias && sy > 1 ? sy : 1, rx = antialias && sx > 1 ? sx : 1;
    double sum = 0, weights = 0;
    for (int64_t i = 0; i < src->h; i++) {
        for (int64_t j = 0; j < src->w; j++) {
            double dy = ((double)i + 0.5 - ((double)y + 0.5) * sy) / ry,
                   dx = ((double)j + 0.5 - ((double)x + 0.5) * sx) / rx;
            dy = dy < 0 ? -dy : dy;
            dx = dx < 0 ? -dx : dx;
            const double weight = dy < 1 && dx < 1 ? (1 - dy) * (1 - dx) : 0;
            sum += weight * src->data[(i * src->w + j) * src->c + k];
            weights += weight;
        }
    }
    return sum / weights;
}

static void as_the_formula(void **state)
{
    (void)state;
    const int sizes[][5] = {{13, 17, 3, 9, 31}, {30, 20, 1, 7, 6}, {8, 8, 4, 8, 5},    {6, 40, 3, 6, 40},
                            {25, 3, 2, 4, 9},   {25, 7, 3, 4, 7},  {9, 30, 3, 20, 30}, {9, 30, 3, 9, 55}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (int antialias = 0; antialias < 2; antialias++) {
            fv_image src = make_image(sizes[s][0], sizes[s][1], sizes[s][2]), dst;
            assert_int_equal(fv_image_resize(ctx, &src, sizes[s][3], sizes[s][4], antialias, &dst), FV_OK);
            for (int64_t i = 0; i < dst.h * dst.w * dst.c; i++) {
                const double want =
                    reference(&src, dst.h, dst.w, antialias, i / dst.c / dst.w, i / dst.c % dst.w, i % dst.c);
                assert_true(want - dst.data[i] < 1.02 && dst.data[i] - want < 1.02);
            }
            fv_image_free(ctx, &dst);
            free(src.data);
        }
    }
}

/* A part of the result is the part of the result. */
static void windows(void **state)
{
    (void)state;
    fv_image src = make_image(37, 53, 3), whole;
    fv_resize_scratch scratch = {.ctx = ctx};
    const int sizes[][2] = {{20, 24}, {37, 90}, {60, 53}, {37, 53}, {10, 53}, {12, 70}, {9, 50}, {37, 20}};
    for (int s = 0; s < 8; s++) {
        const int h = sizes[s][0], w = sizes[s][1];
        const fv_resize_window window = {.y = h / 3, .x = w / 4, .h = h / 2, .w = w / 2};
        uint8_t *part = malloc((size_t)(window.h * window.w * 3));
        assert_int_equal(fv_image_resize(ctx, &src, h, w, true, &whole), FV_OK);
        fv_resize_spec spec = fv_resize_whole(&src, h, w, FV_FILTER_BILINEAR, true);
        spec.window = window;
        assert_int_equal(fv_resize(&scratch, &src, &spec, part), FV_OK);
        for (int64_t y = 0; y < window.h; y++)
            assert_memory_equal(part + y * window.w * 3, whole.data + ((window.y + y) * w + window.x) * 3,
                                (size_t)window.w * 3);
        if (h == 37 && w == 53)
            assert_memory_equal(whole.data, src.data, 37 * 53 * 3);
        fv_image_free(ctx, &whole);
        free(part);
    }
    fv_scratch_free(&scratch);
    free(src.data);
}

/* A part of the image that has what the window needs gives the bytes of the whole. */
static void parts(void **state)
{
    (void)state;
    fv_resize_scratch scratch = {.ctx = ctx};
    for (int n = 0; n < 400; n++) {
        const int h = 20 + n * 7 % 90, w = 15 + n * 13 % 70, c = 1 + n % 4;
        fv_resize_spec spec = {.y0 = n % 5,
                               .x0 = n % 7 * 0.5,
                               .y1 = h - n % 3,
                               .x1 = w - n % 4 * 0.25,
                               .h = 9 + n % 40,
                               .w = 8 + n * 5 % 50,
                               .filter = (fv_filter)(n % FV_FILTER_COUNT),
                               .antialias = n % 6 != 5};
        spec.window = (fv_resize_window){spec.h / 4, spec.w / 3, spec.h / 2, spec.w / 2};
        fv_image src = make_image(h, w, c);
        const size_t size = (size_t)(spec.window.h * spec.window.w * c);
        uint8_t *whole = malloc(size), *from_part = malloc(size);
        assert_int_equal(fv_resize(&scratch, &src, &spec, whole), FV_OK);
        /* What three lobes can reach around the window. */
        const double sy = (spec.y1 - spec.y0) / (double)spec.h, sx = (spec.x1 - spec.x0) / (double)spec.w;
        const double ry = 3 * (sy > 1 ? sy : 1) + 1, rx = 3 * (sx > 1 ? sx : 1) + 1;
        const double top = spec.y0 + sy * (double)spec.window.y - ry, left = spec.x0 + sx * (double)spec.window.x - rx;
        const double bottom = spec.y0 + sy * (double)(spec.window.y + spec.window.h) + ry;
        const double right = spec.x0 + sx * (double)(spec.window.x + spec.window.w) + rx;
        const int y0 = top > 0 ? (int)top : 0, x0 = left > 0 ? (int)left : 0;
        const int y1 = bottom + 1 < h ? (int)bottom + 1 : h, x1 = right + 1 < w ? (int)right + 1 : w;
        fv_image part = {.h = y1 - y0, .w = x1 - x0, .c = c};
        part.data = malloc((size_t)(part.h * part.w * c));
        for (int y = 0; y < part.h; y++)
            memcpy(part.data + y * part.w * c, src.data + ((y + y0) * w + x0) * c, (size_t)(part.w * c));
        spec.full_h = h;
        spec.full_w = w;
        spec.top = y0;
        spec.left = x0;
        assert_int_equal(fv_resize(&scratch, &part, &spec, from_part), FV_OK);
        assert_memory_equal(from_part, whole, size);
        /* One that lacks rows is refused. */
        part.h = part.h / 3;
        assert_int_equal(fv_resize(&scratch, &part, &spec, from_part), FV_ERR_ARGUMENT);
        free(part.data);
        free(whole);
        free(from_part);
        free(src.data);
    }
    fv_scratch_free(&scratch);
}

static void wrong_sizes(void **state)
{
    (void)state;
    fv_image src = make_image(3, 3, 3), dst;
    assert_int_equal(fv_image_resize(ctx, &src, 0, 3, true, &dst), FV_ERR_ARGUMENT);
    assert_int_equal(fv_image_resize(ctx, &src, 3, INT64_MAX, true, &dst), FV_ERR_ARGUMENT);
    assert_null(dst.data);
    free(src.data);
}

static fv_pipeline pipeline_of(int64_t h, int64_t w, int64_t c)
{
    fv_pipeline p = {.h = h, .w = w, .c = c, .antialias = true, .background = {10, 200, 90}};
    for (int i = 0; i < 16; i++) {
        p.mean[i] = 0.485f - 0.03f * (float)i;
        p.std[i] = 0.229f - 0.005f * (float)i;
    }
    return p;
}

static float normalized(const fv_pipeline *p, int v, int k)
{
    return ((float)v / 255.0f - p->mean[k]) / p->std[k];
}

static void channels(void **state)
{
    (void)state;
    uint8_t grey[2] = {7, 250}, rgb[6] = {255, 0, 0, 30, 60, 90}, rgba[8] = {100, 100, 100, 0, 200, 100, 50, 128};
    float out[6];
    fv_pipeline p = pipeline_of(1, 2, 3);
    assert_int_equal(fv_pipeline_apply(ctx, &p, &(fv_image){.data = grey, .h = 1, .w = 2, .c = 1}, out), FV_OK);
    for (int i = 0; i < 6; i++)
        assert_true(out[i] == normalized(&p, grey[i / 3], i % 3));
    assert_int_equal(fv_pipeline_apply(ctx, &p, &(fv_image){.data = rgb, .h = 1, .w = 2, .c = 3}, out), FV_OK);
    for (int i = 0; i < 6; i++)
        assert_true(out[i] == normalized(&p, rgb[i], i % 3));
    /* On the background (10, 200, 90): nothing of the first pixel, half of the second. */
    const int over[6] = {10, 200, 90, 105, 150, 70};
    assert_int_equal(fv_pipeline_apply(ctx, &p, &(fv_image){.data = rgba, .h = 1, .w = 2, .c = 4}, out), FV_OK);
    for (int i = 0; i < 6; i++)
        assert_true(out[i] == normalized(&p, over[i], i % 3));
    p = pipeline_of(1, 2, 1);
    assert_int_equal(fv_pipeline_apply(ctx, &p, &(fv_image){.data = rgb, .h = 1, .w = 2, .c = 3}, out), FV_OK);
    assert_true(out[0] == normalized(&p, 76, 0)); /* 0.299 of 255 */
    assert_true(out[1] == normalized(&p, 54, 0)); /* 8.97 + 35.22 + 10.26 */
    assert_int_equal(fv_pipeline_apply(ctx, &p, &(fv_image){.data = rgba, .h = 1, .w = 2, .c = 4}, out), FV_OK);
    assert_true(out[0] == normalized(&p, 131, 0)); /* of (10, 200, 90) */
}

/* SHORT_CROP is the short side resized, then the middle taken. */
static void short_crop(void **state)
{
    (void)state;
    const int sizes[][4] = {{50, 80, 24, 32}, {81, 50, 24, 24}, {40, 40, 24, 31}, {24, 24, 24, 24}, {10, 90, 24, 20}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int h = sizes[s][0], w = sizes[s][1], crop = sizes[s][2];
        fv_image src = make_image(h, w, 3), resized;
        fv_pipeline p = pipeline_of(crop, crop, 3);
        p.resize = FV_RESIZE_SHORT_CROP;
        p.resize_size = sizes[s][3];
        float *out = malloc((size_t)(crop * crop * 3) * sizeof *out);
        assert_int_equal(fv_pipeline_apply(ctx, &p, &src, out), FV_OK);
        const int size = sizes[s][3] < crop ? crop : sizes[s][3]; /* never smaller than the crop */
        const int rh = h <= w ? size : h * size / w, rw = h <= w ? w * size / h : size;
        assert_int_equal(fv_image_resize(ctx, &src, rh, rw, true, &resized), FV_OK);
        const int top = (rh - crop + (((rh - crop) / 2) & 1)) / 2, left = (rw - crop + (((rw - crop) / 2) & 1)) / 2;
        for (int i = 0; i < crop * crop * 3; i++) {
            const int y = i / 3 / crop + top, x = i / 3 % crop + left;
            assert_true(out[i] == normalized(&p, resized.data[(y * rw + x) * 3 + i % 3], i % 3));
        }
        fv_image_free(ctx, &resized);
        free(out);
        free(src.data);
    }
}

static void wrong_pipelines(void **state)
{
    (void)state;
    float out[64];
    uint8_t grey[4] = {0};
    const fv_image image = {.data = grey, .h = 2, .w = 2, .c = 1};
    fv_pipeline p = pipeline_of(2, 2, 1);
    assert_int_equal(fv_pipeline_apply(ctx, &p, &(fv_image){.data = grey, .h = 2, .w = 1, .c = 2}, out),
                     FV_ERR_ARGUMENT);
    p.c = 17;
    assert_int_equal(fv_pipeline_apply(ctx, &p, &image, out), FV_ERR_ARGUMENT);
    p = pipeline_of(2, 2, 1);
    p.std[0] = 0;
    assert_int_equal(fv_pipeline_apply(ctx, &p, &image, out), FV_ERR_ARGUMENT);
    assert_non_null(strstr(fv_ctx_error(ctx), "deviation 0"));
    p = pipeline_of(2, 0, 1);
    assert_int_equal(fv_pipeline_apply(ctx, &p, &image, out), FV_ERR_ARGUMENT);
    p = pipeline_of(2, 2, 1);
    p.resize = FV_RESIZE_SHORT_CROP;
    assert_int_equal(fv_pipeline_apply(ctx, &p, &image, out), FV_ERR_ARGUMENT);
}

static fv_status apply_once(fv_ctx *own, void *arg)
{
    static float out[9 * 9];
    static uint8_t pixels[300];
    return fv_pipeline_apply(own, arg, &(fv_image){.data = pixels, .h = 10, .w = 10, .c = 3}, out);
}

static void allocation_failures(void **state)
{
    (void)state;
    fv_pipeline p = pipeline_of(9, 9, 1);
    assert_int_equal(fv_test_each_allocation(apply_once, &p), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(as_pillow, setup, teardown),
        cmocka_unit_test_setup_teardown(as_the_formula, setup, teardown),
        cmocka_unit_test_setup_teardown(windows, setup, teardown),
        cmocka_unit_test_setup_teardown(parts, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(channels, setup, teardown),
        cmocka_unit_test_setup_teardown(short_crop, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_pipelines, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
