/* SPDX-License-Identifier: Apache-2.0 */
/* Warps: what must be exact, what must follow a plain reference in float64, and where points and boxes go. */
#include "data/scratch.h"

#include <fovea/data.h>
#include <math.h>

#include "data/image/warp.h"

static const fv_filter filters[3] = {FV_FILTER_NEAREST, FV_FILTER_BILINEAR, FV_FILTER_BICUBIC};
static const fv_fill fills[4] = {FV_FILL_CONSTANT, FV_FILL_EDGE, FV_FILL_REFLECT, FV_FILL_WRAP};

static fv_image blank(int64_t h, int64_t w, int64_t c, fv_depth depth)
{
    fv_image image = {.h = h, .w = w, .c = c, .depth = depth};
    image.data = calloc((size_t)(h * w * c), fv_depth_bytes(depth));
    assert_non_null(image.data);
    return image;
}

static void put(fv_image *image, int64_t i, double level)
{
    if (image->depth == FV_DEPTH_8)
        image->data[i] = (uint8_t)level;
    else if (image->depth == FV_DEPTH_16)
        ((uint16_t *)(void *)image->data)[i] = (uint16_t)(level * 257);
    else
        ((float *)(void *)image->data)[i] = (float)(level / 255);
}

static double get(const fv_image *image, int64_t i)
{
    if (image->depth == FV_DEPTH_8)
        return image->data[i];
    if (image->depth == FV_DEPTH_16)
        return ((const uint16_t *)(const void *)image->data)[i] / 257.0;
    return (double)((const float *)(const void *)image->data)[i] * 255.0;
}

static fv_image noise(int64_t h, int64_t w, int64_t c, fv_depth depth)
{
    fv_image image = blank(h, w, c, depth);
    for (int64_t i = 0; i < h * w * c; i++) {
        const int64_t y = i / c / w, x = i / c % w, k = i % c;
        put(&image, i, (double)((x * x * 7 + y * 13 * (x + 1) + k * 57 + x * y % 11 * 19) & 255));
    }
    return image;
}

static fv_image warped(const fv_image *src, const fv_warp *warp, int64_t h, int64_t w)
{
    fv_image dst = blank(h, w, src->c, src->depth);
    assert_int_equal(fv_warp_image(&scratch, src, warp, &dst), FV_OK);
    assert_int_equal(dst.c, src->c);
    assert_int_equal(dst.depth, src->depth);
    return dst;
}

/* ---- exact ---- */

/* Identity, mirrors, quarter turns and whole shifts of an h x w picture: output (y, x) is source (y', x'). */
typedef struct copy_case {
    double degrees, sy, sx, dx, dy;
    int64_t yy, yx, y0, xy, xx, x0; /* y' = yy y + yx x + y0, x' = xy y + xx x + x0 */
    bool turned;
} copy_case;

static void copies(void **state)
{
    (void)state;
    enum { H = 12, W = 17 };
    const copy_case cases[] = {
        {0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0, false},
        {0, 1, -1, 0, 0, 1, 0, 0, 0, -1, W - 1, false},
        {0, -1, 1, 0, 0, -1, 0, H - 1, 0, 1, 0, false},
        {180, 1, 1, 0, 0, -1, 0, H - 1, 0, -1, W - 1, false},
        {360, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0, false},
        /* counter-clockwise: the right side comes on top */
        {90, 1, 1, 0, 0, 0, 1, 0, -1, 0, W - 1, true},
        {-90, 1, 1, 0, 0, 0, -1, H - 1, 1, 0, 0, true},
        {450, 1, 1, 0, 0, 0, 1, 0, -1, 0, W - 1, true},
        {0, 1, 1, 3, -2, 1, 0, 2, 0, 1, -3, false},
        {0, 1, 1, -30, 40, 1, 0, -40, 0, 1, 30, false},
    };
    for (int n = 0; n < 3 * 3 * 4 * (int)(sizeof cases / sizeof *cases); n++) {
        const copy_case *t = &cases[n / 36];
        const int64_t c = n % 4 + 1, h = t->turned ? W : H, w = t->turned ? H : W;
        fv_image src = noise(H, W, c, (fv_depth)(n / 3 % 3));
        fv_warp warp = {.fill = fills[n % 4], .filter = filters[n % 3], .value = {9, 99, 199, 255}};
        fv_warp_identity(&warp);
        fv_warp_rotate(&warp, t->degrees, W / 2.0, H / 2.0);
        fv_warp_scale(&warp, t->sy, t->sx, W / 2.0, H / 2.0);
        fv_warp_translate(&warp, t->dx + (t->turned ? (H - W) / 2.0 : 0), t->dy + (t->turned ? (W - H) / 2.0 : 0));
        fv_image dst = warped(&src, &warp, h, w);
        for (int64_t i = 0; i < h * w * c; i++) {
            const int64_t y = i / c / w, x = i / c % w;
            const int64_t fy = fv_fill_index(t->yy * y + t->yx * x + t->y0, H, warp.fill);
            const int64_t fx = fv_fill_index(t->xy * y + t->xx * x + t->x0, W, warp.fill);
            const size_t size = fv_depth_bytes(src.depth);
            if (fy < 0 || fx < 0)
                assert_true(fabs(get(&dst, i) - warp.value[i % c]) < 1e-4);
            else
                assert_memory_equal(dst.data + (size_t)i * size, src.data + (size_t)((fy * W + fx) * c + i % c) * size,
                                    size);
        }
        free(dst.data);
        free(src.data);
    }
}

/* A shift and a crop with the same fill are the same thing; numpy's pad modes by hand. */
static void fill_rules(void **state)
{
    (void)state;
    static const int want[4][11] = {{-1, -1, -1, -1, 0, 1, 2, -1, -1, -1, -1},
                                    {0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2},
                                    {0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2},
                                    {2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0}};
    for (int f = 0; f < 4; f++) {
        for (int i = 0; i < 11; i++)
            assert_int_equal(fv_fill_index(i - 4, 3, fills[f]), want[f][i]);
        assert_int_equal(fv_fill_index(-5, 1, fills[f]), f == 0 ? -1 : 0);
    }
    fv_image src = noise(9, 8, 3, FV_DEPTH_16);
    for (int f = 0; f < 4; f++) {
        fv_warp warp = {.fill = fills[f], .filter = FV_FILTER_BILINEAR, .value = {1, 2, 3}};
        fv_warp_identity(&warp);
        fv_warp_translate(&warp, 4, 5);
        fv_image dst = warped(&src, &warp, 20, 21), cut = blank(20, 21, 3, FV_DEPTH_16);
        fv_crop(&src, -5, -4, fills[f], warp.value, &cut);
        assert_memory_equal(dst.data, cut.data, 20 * 21 * 3 * 2);
        free(dst.data);
        free(cut.data);
    }
    free(src.data);
}

/* ---- against float64 ---- */

static double sample(const fv_image *src, const fv_warp *warp, int64_t y, int64_t x, int64_t k)
{
    const int64_t fy = fv_fill_index(y, src->h, warp->fill), fx = fv_fill_index(x, src->w, warp->fill);
    return fy < 0 || fx < 0 ? warp->value[k] : get(src, (fy * src->w + fx) * src->c + k);
}

static double weight(fv_filter filter, double d)
{
    d = fabs(d);
    if (filter == FV_FILTER_BILINEAR)
        return d < 1 ? 1 - d : 0;
    return d < 1 ? 1.5 * d * d * d - 2.5 * d * d + 1 : d < 2 ? -0.5 * d * d * d + 2.5 * d * d - 4 * d + 2 : 0;
}

/* Where output (x, y), in pixels, comes from: the formula of warp.h, libm allowed. */
static void formula(const fv_warp *warp, const fv_image *src, double x, double y, double *fx, double *fy)
{
    const double *m = warp->m, z = m[6] * x + m[7] * y + m[8];
    const double cx = (double)src->w / 2, cy = (double)src->h / 2;
    const double dx = (m[0] * x + m[1] * y + m[2]) / z - cx, dy = (m[3] * x + m[4] * y + m[5]) / z - cy;
    const double r = hypot(dx, dy) / hypot(cx, cy), grow = 1 + warp->k1 * r * r + warp->k2 * pow(r, 4);
    *fx = cx + dx * grow;
    *fy = cy + dy * grow;
}

static double reference(const fv_image *src, const fv_warp *warp, int64_t y, int64_t x, int64_t k)
{
    double fx, fy, sum = 0;
    formula(warp, src, (double)x + 0.5, (double)y + 0.5, &fx, &fy);
    const int64_t bx = (int64_t)floor(fx - 0.5), by = (int64_t)floor(fy - 0.5);
    for (int64_t i = by - 1; i <= by + 2; i++)
        for (int64_t j = bx - 1; j <= bx + 2; j++)
            sum += sample(src, warp, i, j, k) * weight(warp->filter, (double)i + 0.5 - fy) *
                   weight(warp->filter, (double)j + 0.5 - fx);
    return sum < 0 ? 0 : sum > 255 ? 255 : sum;
}

/* Output against the reference; positions are rounded to 1/1024 pixel, which noise turns into a quarter of a level each
 * way and a cubic into half of one. */
static void compare(const fv_image *src, const fv_warp *warp, int64_t h, int64_t w, const char *what)
{
    fv_image dst = warped(src, warp, h, w);
    const double rounding = src->depth == FV_DEPTH_8 ? 0.51 : 0.01,
                 position = warp->filter == FV_FILTER_BICUBIC ? 0.9 : 0.5;
    for (int64_t i = 0; i < h * w * src->c; i++) {
        const double want = reference(src, warp, i / src->c / w, i / src->c % w, i % src->c);
        const double got = get(&dst, i), clamped = got < 0 ? 0 : got > 255 ? 255 : got;
        if (fabs(clamped - want) > rounding + position)
            fail_msg("%s, depth %d, filter %d, fill %d: element %d is %g, expected %g", what, (int)src->depth,
                     (int)warp->filter, (int)warp->fill, (int)i, got, want);
    }
    free(dst.data);
}

static void as_the_formula(void **state)
{
    (void)state;
    for (int n = 0; n < 2 * 3 * 4; n++) {
        fv_image src = noise(23, 31, n % 2 ? 3 : 1, (fv_depth)(n / 8));
        fv_warp warp = {.fill = fills[n % 4], .filter = filters[1 + n / 4 % 2], .value = {60, 120, 180}};
        fv_warp_identity(&warp);
        fv_warp_rotate(&warp, 20, 15.5, 11.5);
        compare(&src, &warp, 23, 31, "20 degrees");
        fv_warp_identity(&warp);
        fv_warp_shear(&warp, 0.2, -0.35, 15.5, 11.5);
        compare(&src, &warp, 23, 31, "shear");
        fv_warp_scale(&warp, 1.7, 0.6, 3, 4);
        fv_warp_translate(&warp, 2.25, -3.6);
        compare(&src, &warp, 30, 19, "shear, stretch, shift");
        assert_true(fv_warp_perspective(&warp, 30, 19, (double[8]){1, 2, -3, 1, 2, -4, 0, 3}));
        compare(&src, &warp, 30, 19, "perspective");
        warp.k1 = 0.15;
        warp.k2 = -0.07;
        compare(&src, &warp, 30, 19, "perspective and lens");
        free(src.data);
    }
}

static void nearest(void **state)
{
    (void)state;
    fv_image src = noise(23, 31, 3, FV_DEPTH_8);
    fv_warp warp = {.fill = FV_FILL_REFLECT, .filter = FV_FILTER_NEAREST};
    fv_warp_identity(&warp);
    fv_warp_rotate(&warp, 33, 10, 9);
    fv_image dst = warped(&src, &warp, 23, 31);
    int checked = 0;
    for (int64_t i = 0; i < 23 * 31; i++) {
        double fx, fy;
        formula(&warp, &src, (double)(i % 31) + 0.5, (double)(i / 31) + 0.5, &fx, &fy);
        /* Beside an edge the rounding of positions decides. */
        if (fabs(fx - nearbyint(fx)) < 0.002 || fabs(fy - nearbyint(fy)) < 0.002)
            continue;
        checked++;
        assert_int_equal(dst.data[3 * i + 1], (int)sample(&src, &warp, (int64_t)floor(fy), (int64_t)floor(fx), 1));
    }
    assert_true(checked > 650);
    free(dst.data);
    free(src.data);
}

/* ---- matrices ---- */

static void matrices(void **state)
{
    (void)state;
    /* About (10, 20): output to source, so the turn is the other way round than the content's. */
    const double c = 0.93969262078590843, s = 0.34202014332566871;
    const double turn[9] = {c, -s, 10 - 10 * c + 20 * s, s, c, 20 - 10 * s - 20 * c, 0, 0, 1};
    const double lean[9] = {1, -0.3, 6, 0, 1, 0, 0, 0, 1}; /* x' = x + 0.3 (y - 20) */
    fv_warp warp = {0};
    fv_warp_identity(&warp);
    fv_warp_rotate(&warp, 20, 10, 20);
    for (int i = 0; i < 9; i++)
        assert_true(fabs(warp.m[i] - turn[i]) < 1e-14);
    fv_warp_identity(&warp);
    fv_warp_shear(&warp, 0, 0.3, 10, 20);
    for (int i = 0; i < 9; i++)
        assert_true(fabs(warp.m[i] - lean[i]) < 1e-14);
    double back[9], one[9];
    fv_warp_perspective(&warp, 30, 40, (double[8]){3, 1, -2, 4, 1, 1, -5, 0});
    assert_true(fv_warp_invert(warp.m, back));
    fv_warp_multiply(warp.m, back, one);
    for (int i = 0; i < 9; i++)
        assert_true(fabs(one[i] - (i % 4 == 0)) < 1e-12);
    assert_false(fv_warp_invert((double[9]){1, 2, 3, 2, 4, 6, 0, 0, 1}, back));
    /* Two corners at one place. */
    const fv_warp before = warp;
    assert_false(fv_warp_perspective(&warp, 30, 40, (double[8]){40, 0, 0, 0, 0, 0, 0, 0}));
    assert_memory_equal(&warp, &before, sizeof warp);
}

/* ---- lens ---- */

/* A vertical line bends as the formula says: its center in each row within half a pixel. */
static void straight_line(void **state)
{
    (void)state;
    enum { H = 120, W = 160 };
    static const double lenses[][2] = {{0, 0}, {0.3, 0}, {-0.2, 0.05}, {0.1, 0.2}};
    for (int l = 0; l < 4; l++) {
        for (int column = 20; column < W; column += 40) {
            fv_image src = blank(H, W, 1, FV_DEPTH_8);
            for (int y = 0; y < H; y++)
                for (int x = column - 1; x <= column + 1; x++)
                    put(&src, y * W + x, 255);
            fv_warp warp = {.k1 = lenses[l][0], .k2 = lenses[l][1], .filter = FV_FILTER_BILINEAR};
            fv_warp_identity(&warp);
            fv_image dst = warped(&src, &warp, H, W);
            int rows = 0;
            double bend = 0;
            for (int y = 0; y < H; y++) {
                double sum = 0, mean = 0, lo = -20, hi = W + 20;
                for (int x = 0; x < W; x++) {
                    sum += get(&dst, y * W + x);
                    mean += get(&dst, y * W + x) * (x + 0.5);
                }
                /* The output x that shows the line's middle, by bisection of the formula. */
                for (int i = 0; i < 60; i++) {
                    double fx, fy;
                    formula(&warp, &src, (lo + hi) / 2, y + 0.5, &fx, &fy);
                    *(fx < column + 0.5 ? &lo : &hi) = (lo + hi) / 2;
                }
                double fx, fy;
                formula(&warp, &src, lo, y + 0.5, &fx, &fy);
                if (lo < 4 || lo > W - 4 || fy < 2 || fy > H - 2)
                    continue; /* the line leaves the picture here */
                assert_true(sum > 255);
                assert_true(fabs(mean / sum - lo) < 0.5);
                bend = fabs(lo - column - 0.5) > bend ? fabs(lo - column - 0.5) : bend;
                double point[2] = {fx, fy};
                fv_warp_points(&warp, H, W, point, 1);
                assert_true(fabs(point[0] - lo) < 1e-6 && fabs(point[1] - y - 0.5) < 1e-6);
                rows++;
            }
            assert_true(rows > H / 2);
            assert_true(l == 0 ? bend < 1e-9 : bend > 1);
            if (l == 0)
                assert_memory_equal(dst.data, src.data, H * W);
            free(dst.data);
            free(src.data);
        }
    }
}

/* ---- points and boxes ---- */

static void points(void **state)
{
    (void)state;
    const fv_image src = {.h = 90, .w = 120};
    const double displacement[8] = {3, 1, -12, 4, 10, 11, -5, 0};
    fv_warp warp;
    for (int lens = 0; lens < 2; lens++) {
        warp = (fv_warp){.k1 = lens * 0.1, .k2 = lens * -0.03};
        fv_warp_identity(&warp);
        fv_warp_rotate(&warp, -35, 60, 45);
        fv_warp_scale(&warp, 0.8, 1.3, 60, 45);
        fv_warp_perspective(&warp, 90, 120, displacement);
        for (int i = 0; i < 100; i++) {
            const double x = i % 10 * 13.1, y = i / 10.0 * 9.7;
            double p[2];
            formula(&warp, &src, x, y, &p[0], &p[1]);
            fv_warp_points(&warp, 90, 120, p, 1);
            assert_true(fabs(p[0] - x) < 1e-6 && fabs(p[1] - y) < 1e-6);
        }
    }
    warp = (fv_warp){0};
    fv_warp_identity(&warp);
    fv_warp_perspective(&warp, 90, 120, displacement);
    double corner[8] = {0, 0, 120, 0, 120, 90, 0, 90};
    const double want[8] = {3, 1, 108, 4, 130, 101, -5, 90};
    fv_warp_points(&warp, 90, 120, corner, 4);
    for (int i = 0; i < 8; i++)
        assert_true(fabs(corner[i] - want[i]) < 1e-9);
    /* Beyond the fold of a barrel lens nothing is shown. */
    warp = (fv_warp){.k1 = -0.5};
    fv_warp_identity(&warp);
    double far[4] = {200, 45, 60, 45};
    fv_warp_points(&warp, 90, 120, far, 2);
    assert_true(isnan(far[0]) && isnan(far[1]));
    assert_true(far[2] == 60 && far[3] == 45);
}

static void boxes(void **state)
{
    (void)state;
    fv_warp warp = {.filter = FV_FILTER_NEAREST};
    fv_warp_identity(&warp);
    fv_warp_rotate(&warp, 90, 50, 50);
    fv_box box = {.x0 = 10, .y0 = 20, .x1 = 40, .y1 = 60};
    assert_true(fabs(fv_warp_box(&warp, 100, 100, 100, 100, &box) - 1) < 1e-12);
    assert_true(fabs(box.x0 - 20) < 1e-9 && fabs(box.x1 - 60) < 1e-9 && fabs(box.y0 - 60) < 1e-9 &&
                fabs(box.y1 - 90) < 1e-9);
    /* Pushed half out on the left. */
    fv_warp_translate(&warp, -40, 0);
    box = (fv_box){.x0 = 10, .y0 = 20, .x1 = 40, .y1 = 60};
    assert_true(fabs(fv_warp_box(&warp, 100, 100, 100, 100, &box) - 0.5) < 1e-12);
    assert_true(box.x0 == 0 && fabs(box.x1 - 20) < 1e-9);
    /* And out. */
    fv_warp_translate(&warp, -40, 0);
    box = (fv_box){.x0 = 10, .y0 = 20, .x1 = 40, .y1 = 60};
    assert_true(fv_warp_box(&warp, 100, 100, 100, 100, &box) == 0);
    assert_true(box.x0 == 0 && box.x1 == 0);
    /* A mask goes the same way: a filled box lies in the hull of its corners, and touches each of its sides. */
    fv_image mask = blank(80, 100, 1, FV_DEPTH_8);
    for (int y = 20; y < 50; y++)
        for (int x = 30; x < 70; x++)
            mask.data[y * 100 + x] = 1;
    fv_warp_identity(&warp);
    fv_warp_rotate(&warp, 25, 50, 40);
    fv_warp_shear(&warp, 0.1, 0.2, 50, 40);
    box = (fv_box){.x0 = 30, .y0 = 20, .x1 = 70, .y1 = 50};
    assert_true(fv_warp_box(&warp, 80, 100, 80, 100, &box) > 0.99);
    fv_image dst = warped(&mask, &warp, 80, 100);
    int x0 = 100, x1 = 0, y0 = 80, y1 = 0;
    for (int i = 0; i < 80 * 100; i++) {
        if (!dst.data[i])
            continue;
        x0 = i % 100 < x0 ? i % 100 : x0;
        x1 = i % 100 >= x1 ? i % 100 + 1 : x1;
        y0 = i / 100 < y0 ? i / 100 : y0;
        y1 = i / 100 + 1;
    }
    assert_true(fabs(x0 - box.x0) < 2 && fabs(x1 - box.x1) < 2 && fabs(y0 - box.y0) < 2 && fabs(y1 - box.y1) < 2);
    free(mask.data);
    free(dst.data);
}

/* ---- mistakes ---- */

static void horizon(void **state)
{
    (void)state;
    /* w = 10 - x: right of the tenth column lies behind the horizon. */
    fv_image src = noise(8, 8, 1, FV_DEPTH_8);
    fv_warp warp = {
        .m = {1, 0, 0, 0, 1, 0, -1, 0, 10}, .fill = FV_FILL_EDGE, .filter = FV_FILTER_BILINEAR, .value = {77}};
    fv_image dst = warped(&src, &warp, 8, 20);
    for (int y = 0; y < 8; y++)
        for (int x = 10; x < 20; x++)
            assert_int_equal(dst.data[y * 20 + x], 77);
    free(dst.data);
    free(src.data);
}

static fv_status warp_once(fv_ctx *own, void *arg)
{
    uint8_t data[64] = {0}, out[64];
    fv_image src = {.data = data, .h = 8, .w = 8, .c = 1}, dst = {.data = out, .h = 8, .w = 8};
    fv_resize_scratch memory = {.ctx = own};
    const fv_status status = fv_warp_image(&memory, &src, arg, &dst);
    fv_scratch_free(&memory);
    return status;
}

static void mistakes(void **state)
{
    (void)state;
    fv_warp warp = {.filter = FV_FILTER_BICUBIC};
    fv_warp_identity(&warp);
    assert_true(fv_test_each_allocation(warp_once, &warp) >= 1);
    warp.filter = FV_FILTER_AREA;
    assert_int_equal(warp_once(ctx, &warp), FV_ERR_ARGUMENT);
    assert_non_null(strstr(fv_ctx_error(ctx), "bicubic"));
    warp.filter = (fv_filter)77;
    assert_int_equal(warp_once(ctx, &warp), FV_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(copies, setup, teardown),
        cmocka_unit_test_setup_teardown(fill_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(as_the_formula, setup, teardown),
        cmocka_unit_test_setup_teardown(nearest, setup, teardown),
        cmocka_unit_test_setup_teardown(matrices, setup, teardown),
        cmocka_unit_test_setup_teardown(straight_line, setup, teardown),
        cmocka_unit_test_setup_teardown(points, setup, teardown),
        cmocka_unit_test_setup_teardown(boxes, setup, teardown),
        cmocka_unit_test_setup_teardown(horizon, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
