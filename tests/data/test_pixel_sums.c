/* SPDX-License-Identifier: Apache-2.0 */
/* Mean and deviation of pixels: the numbers themselves, for every depth, and the same in any order. */
#include "support/support.h"

#include <math.h>

#include "data/pixel_sums.h"

static void near(double a, double b)
{
    if (!(fabs(a - b) < 1e-9))
        fail_msg("%.12g is not %.12g", a, b);
}

static void depths(void **state)
{
    (void)state;
    uint8_t bytes[4] = {0, 51, 102, 255};
    uint16_t words[4] = {0, 13107, 26214, 65535};
    float floats[4] = {0.0f, 0.25f, 0.5f, 1.0f};
    const fv_image images[3] = {{.data = bytes, .h = 2, .w = 2, .c = 1, .depth = FV_DEPTH_8},
                                {.data = (uint8_t *)words, .h = 2, .w = 2, .c = 1, .depth = FV_DEPTH_16},
                                {.data = (uint8_t *)floats, .h = 2, .w = 2, .c = 1, .depth = FV_DEPTH_F32}};
    const double second[3] = {0.2, 0.2, 0.25}, third[3] = {0.4, 0.4, 0.5};
    for (int k = 0; k < 3; k++) {
        fv_pixel_sums sums;
        double mean[16], std[16];
        fv_pixel_sums_image(&images[k], false, &sums);
        assert_int_equal(fv_pixel_sums_result(&sums, mean, std), 1);
        const double m = (second[k] + third[k] + 1) / 4;
        near(mean[0], m);
        near(std[0], sqrt((second[k] * second[k] + third[k] * third[k] + 1) / 4 - m * m));
    }
}

/* Grey counts in each channel beside color; transparency does not count; bands have numbers of their own. */
static void channels(void **state)
{
    (void)state;
    uint8_t grey[2] = {255, 255}, rgba[8] = {0, 51, 102, 7, 0, 51, 102, 9}, bands[5] = {0, 51, 102, 153, 255};
    fv_pixel_sums all = {0}, one;
    double mean[16], std[16];
    assert_int_equal(fv_pixel_sums_result(&all, mean, std), 0);
    fv_pixel_sums_image(&(fv_image){.data = grey, .h = 1, .w = 2, .c = 1, .depth = FV_DEPTH_8}, false, &one);
    fv_pixel_sums_add(&all, &one);
    fv_pixel_sums_image(&(fv_image){.data = rgba, .h = 1, .w = 2, .c = 4, .depth = FV_DEPTH_8}, true, &one);
    fv_pixel_sums_add(&all, &one);
    assert_int_equal(fv_pixel_sums_result(&all, mean, std), 3);
    for (int k = 0; k < 3; k++)
        near(mean[k], (1 + 0.2 * k) / 2);
    fv_pixel_sums_image(&(fv_image){.data = bands, .h = 1, .w = 1, .c = 5, .depth = FV_DEPTH_8}, false, &one);
    assert_int_equal(fv_pixel_sums_result(&one, mean, std), 5);
    near(mean[3], 0.6);
    near(mean[4], 1.0);
    near(std[3], 0.0);
}

static void any_order(void **state)
{
    (void)state;
    enum { N = 40 };
    static float pixels[N][3 * 35];
    fv_pixel_sums one, forward = {0}, backward = {0};
    unsigned seed = 1;
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 3 * 35; k++)
            pixels[i][k] = (float)((seed = seed * 1664525u + 1013904223u) >> 8) / 16777216.0f;
    }
    for (int i = 0; i < N; i++) {
        fv_pixel_sums_image(&(fv_image){.data = (uint8_t *)pixels[i], .h = 5, .w = 7, .c = 3, .depth = FV_DEPTH_F32},
                            false, &one);
        fv_pixel_sums_add(&forward, &one);
        fv_pixel_sums_image(
            &(fv_image){.data = (uint8_t *)pixels[N - 1 - i], .h = 5, .w = 7, .c = 3, .depth = FV_DEPTH_F32}, false,
            &one);
        fv_pixel_sums_add(&backward, &one);
    }
    assert_memory_equal(&forward, &backward, sizeof forward);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(depths), cmocka_unit_test(channels),
                                       cmocka_unit_test(any_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
