/* SPDX-License-Identifier: Apache-2.0 */
/* Blur, noise, erasing, mirrors and crops; resizes of 16 bits and floats. */
#include "data/scratch.h"

#include <fovea/data.h>
#include <math.h>

static double get(const fv_image *image, int64_t i)
{
    if (image->depth == FV_DEPTH_8)
        return image->data[i];
    if (image->depth == FV_DEPTH_16)
        return ((const uint16_t *)(const void *)image->data)[i] / 257.0;
    return (double)((const float *)(const void *)image->data)[i] * 255.0;
}

static size_t size_of(const fv_image *image)
{
    return (size_t)(image->h * image->w * image->c) * fv_depth_bytes(image->depth);
}

/* Noise, or one level everywhere. 16 bits and floats have values between the levels. */
static fv_image picture(int64_t h, int64_t w, int64_t c, fv_depth depth, int flat)
{
    fv_image image = {.h = h, .w = w, .c = c, .depth = depth};
    image.data = malloc(size_of(&image));
    assert_non_null(image.data);
    for (int64_t i = 0; i < h * w * c; i++) {
        const int64_t y = i / c / w, x = i / c % w, k = i % c;
        const uint32_t v = (uint32_t)(x * x * 1847 + y * 3391 * (x + 1) + k * 14731 + x * y % 11 * 4999) & 65535u;
        if (depth == FV_DEPTH_8)
            image.data[i] = (uint8_t)(flat >= 0 ? (uint32_t)flat : v >> 8);
        else if (depth == FV_DEPTH_16)
            ((uint16_t *)(void *)image.data)[i] = (uint16_t)(flat >= 0 ? (uint32_t)flat * 257 : v);
        else
            ((float *)(void *)image.data)[i] = flat >= 0 ? (float)flat / 255.0f : (float)v / 65535.0f;
    }
    return image;
}

static fv_image copy_of(const fv_image *image)
{
    fv_image copy = *image;
    copy.data = malloc(size_of(image));
    assert_non_null(copy.data);
    memcpy(copy.data, image->data, size_of(image));
    return copy;
}

/* ---- blur ---- */

static void gaussian(void **state)
{
    (void)state;
    static const int sizes[][3] = {{13, 17, 3}, {9, 40, 1}, {30, 4, 4}, {1, 1, 3}, {5, 6, 12}};
    static const double sigmas[] = {0.3, 1.0, 2.6};
    for (int n = 0; n < 5 * 3 * 3; n++) {
        const int *z = sizes[n / 9];
        const double sigma = sigmas[n % 3];
        const int64_t r = (int64_t)ceil(3 * sigma);
        fv_image image = picture(z[0], z[1], z[2], (fv_depth)(n / 3 % 3), -1), src = copy_of(&image);
        assert_int_equal(fv_filter_gaussian(&scratch, &image, sigma), FV_OK);
        for (int64_t i = 0; i < image.h * image.w * image.c; i++) {
            const int64_t y = i / image.c / image.w, x = i / image.c % image.w;
            double sum = 0, weights = 0;
            for (int64_t dy = -r; dy <= r; dy++)
                for (int64_t dx = -r; dx <= r; dx++) {
                    const double weight = exp(-(double)(dy * dy + dx * dx) / (2 * sigma * sigma));
                    const int64_t fy = fv_fill_index(y + dy, image.h, FV_FILL_REFLECT);
                    const int64_t fx = fv_fill_index(x + dx, image.w, FV_FILL_REFLECT);
                    sum += weight * get(&src, (fy * image.w + fx) * image.c + i % image.c);
                    weights += weight;
                }
            assert_true(fabs(get(&image, i) - sum / weights) < (image.depth == FV_DEPTH_8 ? 1.01 : 0.01));
        }
        free(image.data);
        free(src.data);
    }
    /* What is flat stays so, at either end of the scale too. */
    for (int n = 0; n < 9; n++) {
        fv_image image = picture(20, 22, 3, (fv_depth)(n / 3), (const int[]){0, 77, 255}[n % 3]), src = copy_of(&image);
        assert_int_equal(fv_filter_gaussian(&scratch, &image, 4.0), FV_OK);
        for (int64_t i = 0; i < 20 * 22 * 3; i++)
            assert_true(fabs(get(&image, i) - get(&src, i)) < 1e-4);
        free(image.data);
        free(src.data);
    }
}

/* ---- noise ---- */

static void noise(void **state)
{
    (void)state;
    const fv_noise_key key = {{11, 22, 33, 44}}, other = {{11, 22, 34, 44}};
    enum { N = 150 * 200 * 3 };
    for (fv_depth depth = FV_DEPTH_8; depth <= FV_DEPTH_F32; depth++) {
        fv_image image = picture(150, 200, 3, depth, 128), again = copy_of(&image), else_where = copy_of(&image);
        fv_filter_noise(ctx, &image, 12.0f, &key);
        fv_filter_noise(ctx, &again, 12.0f, &key);
        fv_filter_noise(ctx, &else_where, 12.0f, &other);
        assert_memory_equal(image.data, again.data, size_of(&image));
        double mean = 0, square = 0, neighbor = 0, beyond = 0, cube = 0, same = 0;
        for (int i = 0; i < N; i++) {
            const double d = get(&image, i) - 128;
            mean += d / N;
            square += d * d / N;
            cube += d * d * d / N / 1728;
            beyond += fabs(d) > 1.96 * 12 ? 1.0 / N : 0;
            neighbor += i ? d * (get(&image, i - 1) - 128) / 144 / N : 0;
            same += d * (get(&else_where, i) - 128) / 144 / N;
        }
        /* Five standard errors of a normal sample of N. */
        assert_true(fabs(mean) < 5 * 12 / sqrt(N));
        assert_true(fabs(sqrt(square) - 12) < 5 * 12 / sqrt(2.0 * N) + 0.01);
        assert_true(fabs(cube) < 5 * sqrt(15.0 / N));
        assert_true(fabs(beyond - 0.05) < 0.01);
        assert_true(fabs(neighbor) < 5 / sqrt(N) && fabs(same) < 5 / sqrt(N));
        free(image.data);
        free(again.data);
        free(else_where.data);
    }
    /* A small picture takes the same numbers as the beginning of a large one. */
    fv_image small = picture(1, 37, 1, FV_DEPTH_F32, 128), large = picture(50, 50, 1, FV_DEPTH_F32, 128);
    fv_filter_noise(ctx, &small, 9.0f, &key);
    fv_filter_noise(ctx, &large, 9.0f, &key);
    assert_memory_equal(small.data, large.data, size_of(&small));
    free(small.data);
    free(large.data);
}

static void salt_and_pepper(void **state)
{
    (void)state;
    const fv_noise_key key = {{5, 6, 7, 8}};
    for (fv_depth depth = FV_DEPTH_8; depth <= FV_DEPTH_F32; depth++) {
        fv_image image = picture(200, 200, 4, depth, 128);
        int salt = 0, pepper = 0;
        fv_filter_salt_pepper(&image, 0.1f, &key);
        for (int i = 0; i < 40000; i++) {
            const double v = get(&image, 4 * i);
            salt += v > 254.9;
            pepper += v < 0.1;
            assert_true(v > 254.9 || v < 0.1 || fabs(v - 128) < 1e-3);
            assert_true(get(&image, 4 * i + 1) == v && get(&image, 4 * i + 2) == v);
            assert_true(fabs(get(&image, 4 * i + 3) - 128) < 1e-3); /* transparency stays */
        }
        assert_true(abs(salt - 2000) < 250 && abs(pepper - 2000) < 250);
        free(image.data);
    }
}

static void erase(void **state)
{
    (void)state;
    const fv_noise_key key = {{5, 6, 7, 8}};
    const float value[3] = {10, 20, 30};
    const fv_resize_window windows[] = {{2, 3, 4, 5}, {-3, -2, 6, 6}, {8, 10, 50, 50}, {30, 30, 4, 4}};
    for (int n = 0; n < 4 * 3 * 2; n++) {
        const fv_resize_window *w = &windows[n % 4];
        fv_image image = picture(11, 14, 3, (fv_depth)(n / 8), -1), src = copy_of(&image);
        double sum = 0, squares = 0;
        int count = 0;
        fv_filter_erase(&image, w, value, n / 4 % 2 ? &key : NULL);
        for (int64_t i = 0; i < 11 * 14 * 3; i++) {
            const int64_t y = i / 3 / 14, x = i / 3 % 14;
            if (y < w->y || y >= w->y + w->h || x < w->x || x >= w->x + w->w) {
                assert_true(get(&image, i) == get(&src, i));
                continue;
            }
            if (n / 4 % 2 == 0)
                assert_true(fabs(get(&image, i) - (double)value[i % 3]) < 1e-3);
            sum += get(&image, i);
            squares += get(&image, i) * get(&image, i);
            count++;
        }
        /* Uniform noise: mean 127.5, deviation 73.9. */
        if (n / 4 % 2 && count > 30) {
            assert_true(fabs(sum / count - 127.5) < 5 * 74 / sqrt(count));
            assert_true(fabs(sqrt(squares / count - sum / count * sum / count) - 74) < 30);
        }
        free(image.data);
        free(src.data);
    }
}

/* ---- moves ---- */

static void mirrors(void **state)
{
    (void)state;
    for (int n = 0; n < 3 * 5 * 2; n++) {
        fv_image image = picture(7 + n % 2, 9 + n % 2, n / 2 % 5 + 1, (fv_depth)(n / 10), -1), src = copy_of(&image);
        fv_mirror_horizontal(&image);
        for (int64_t i = 0; i < image.h * image.w * image.c; i++) {
            const int64_t y = i / image.c / image.w, x = i / image.c % image.w;
            assert_true(get(&image, i) == get(&src, (y * image.w + image.w - 1 - x) * image.c + i % image.c));
        }
        fv_mirror_horizontal(&image);
        assert_memory_equal(image.data, src.data, size_of(&src));
        fv_mirror_vertical(&image);
        for (int64_t i = 0; i < image.h * image.w * image.c; i++) {
            const int64_t row = image.w * image.c;
            assert_true(get(&image, i) == get(&src, (image.h - 1 - i / row) * row + i % row));
        }
        fv_mirror_vertical(&image);
        assert_memory_equal(image.data, src.data, size_of(&src));
        free(image.data);
        free(src.data);
    }
}

static void crops(void **state)
{
    (void)state;
    static const int places[][4] = {{2, 3, 4, 5}, {-4, -3, 6, 7}, {5, 4, 9, 12}, {-30, -40, 80, 90}, {0, 0, 10, 8}};
    const uint8_t value[3] = {1, 2, 3};
    for (int n = 0; n < 5 * 4 * 3; n++) {
        const int *p = places[n % 5];
        const fv_fill fill = (fv_fill)(n / 5 % 4);
        fv_image src = picture(10, 8, 3, (fv_depth)(n / 20), -1), dst = picture(p[2], p[3], 3, src.depth, 0);
        fv_crop(&src, p[0], p[1], fill, value, &dst);
        for (int64_t i = 0; i < dst.h * dst.w * 3; i++) {
            const int64_t y = fv_fill_index(p[0] + i / 3 / dst.w, 10, fill);
            const int64_t x = fv_fill_index(p[1] + i / 3 % dst.w, 8, fill);
            if (y < 0 || x < 0)
                assert_true(fabs(get(&dst, i) - value[i % 3]) < 1e-4);
            else
                assert_true(get(&dst, i) == get(&src, (y * 8 + x) * 3 + i % 3));
        }
        free(src.data);
        free(dst.data);
    }
}

/* ---- resizes of other depths ---- */

static double kernel(fv_filter filter, double x)
{
    const double pi = 3.14159265358979323846;
    x = fabs(x);
    if (filter == FV_FILTER_BILINEAR)
        return x < 1 ? 1 - x : 0;
    if (filter == FV_FILTER_BICUBIC)
        return x < 1 ? 1.5 * x * x * x - 2.5 * x * x + 1 : x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0;
    return x >= 3 ? 0 : x < 1e-9 ? 1 : 3 * sin(pi * x) * sin(pi * x / 3) / (pi * pi * x * x);
}

static double mean_at(const fv_image *src, const fv_resize_spec *s, int64_t y, int64_t x, int64_t k)
{
    const double sy = (s->y1 - s->y0) / (double)s->h, sx = (s->x1 - s->x0) / (double)s->w;
    const double ry = s->antialias && sy > 1 ? sy : 1, rx = s->antialias && sx > 1 ? sx : 1;
    const double cy = s->y0 + ((double)y + 0.5) * sy, cx = s->x0 + ((double)x + 0.5) * sx;
    double sum = 0, weights = 0;
    for (int64_t i = 0; i < src->h; i++)
        for (int64_t j = 0; j < src->w; j++) {
            const double w =
                kernel(s->filter, ((double)i + 0.5 - cy) / ry) * kernel(s->filter, ((double)j + 0.5 - cx) / rx);
            sum += w * get(src, (i * src->w + j) * src->c + k);
            weights += w;
        }
    return sum / weights;
}

static void deep_resizes(void **state)
{
    (void)state;
    const fv_filter filters[] = {FV_FILTER_BILINEAR, FV_FILTER_BICUBIC, FV_FILTER_LANCZOS};
    for (int n = 0; n < 2 * 3 * 4; n++) {
        const int64_t c = (const int[]){1, 3, 4, 12}[n % 4];
        fv_image src = picture(15, 22, c, (fv_depth)(1 + n / 12), -1);
        fv_resize_spec spec = fv_resize_whole(&src, n % 2 ? 9 : 31, n % 3 ? 40 : 8, filters[n / 4 % 3], n % 5 > 0);
        if (n % 2) {
            spec.y0 = 1.25;
            spec.x1 = 17.5;
        }
        fv_image dst = picture(spec.h, spec.w, c, src.depth, 0), part = picture(4, 5, c, src.depth, 0);
        assert_int_equal(fv_resize(&scratch, &src, &spec, dst.data), FV_OK);
        for (int64_t i = 0; i < dst.h * dst.w * c; i++) {
            double want = mean_at(&src, &spec, i / c / dst.w, i / c % dst.w, i % c);
            if (src.depth == FV_DEPTH_16) /* floats keep what overshoots */
                want = want < 0 ? 0 : want > 255 ? 255 : want;
            assert_true(fabs(get(&dst, i) - want) < (src.depth == FV_DEPTH_16 ? 0.004 : 0.0005));
        }
        spec.window = (fv_resize_window){.y = 3, .x = 2, .h = 4, .w = 5};
        assert_int_equal(fv_resize(&scratch, &src, &spec, part.data), FV_OK);
        const size_t pixel = (size_t)c * fv_depth_bytes(src.depth);
        for (int64_t y = 0; y < 4; y++)
            assert_memory_equal(part.data + (size_t)(5 * y) * pixel, dst.data + (size_t)((y + 3) * dst.w + 2) * pixel,
                                5 * pixel);
        free(src.data);
        free(dst.data);
        free(part.data);
    }
    /* A ramp of 16 bits, unchanged in size, keeps every value. */
    fv_image ramp = picture(256, 256, 1, FV_DEPTH_16, 0), out = picture(256, 256, 1, FV_DEPTH_16, 0);
    for (int i = 0; i < 65536; i++)
        ((uint16_t *)(void *)ramp.data)[i] = (uint16_t)i;
    const fv_resize_spec same = fv_resize_whole(&ramp, 256, 256, FV_FILTER_LANCZOS, true);
    assert_int_equal(fv_resize(&scratch, &ramp, &same, out.data), FV_OK);
    assert_memory_equal(ramp.data, out.data, 65536 * 2);
    free(ramp.data);
    free(out.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gaussian, setup, teardown),
        cmocka_unit_test_setup_teardown(noise, setup, teardown),
        cmocka_unit_test_setup_teardown(salt_and_pepper, setup, teardown),
        cmocka_unit_test_setup_teardown(erase, setup, teardown),
        cmocka_unit_test_setup_teardown(mirrors, setup, teardown),
        cmocka_unit_test_setup_teardown(crops, setup, teardown),
        cmocka_unit_test_setup_teardown(deep_resizes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
