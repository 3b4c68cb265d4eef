/* SPDX-License-Identifier: Apache-2.0 */
/* Colors, blur and principal components: against Pillow, torchvision, OpenCV and NumPy; and other depths against 8
 * bits. */
#include "data/scratch.h"

#include <fovea/data.h>
#include <math.h>

#include "data/image/color.h"
#include "data/image/pca.h"

enum { H = 17, W = 23, GREY_H = 40, GREY_W = 48 };

/* ---- operations with their arguments, as tests/golden/make_color.py lists them ---- */

typedef struct operation {
    const char *name;
    void (*one)(fv_image *image, float argument);
    void (*none)(fv_image *image);
    fv_status (*blur)(fv_resize_scratch *memory, fv_image *image, double sigma);
    fv_status (*sharpen)(fv_resize_scratch *memory, fv_image *image, float factor);
    float argument;
    int tiles_y, tiles_x; /* CLAHE, of the grey picture */
    double near;          /* other depths: how far from 8 bits, in levels; 0: not compared */
} operation;

static void posterize(fv_image *image, float bits)
{
    fv_color_posterize(image, (int)bits);
}

static const operation operations[] = {
    {.name = "brightness", .one = fv_color_brightness, .argument = 0.6f, .near = 1.1},
    {.name = "brightness", .one = fv_color_brightness, .argument = 1.7f, .near = 1.1},
    {.name = "contrast", .one = fv_color_contrast, .argument = 0.4f, .near = 1.6},
    {.name = "contrast", .one = fv_color_contrast, .argument = 1.9f, .near = 1.6},
    {.name = "saturation", .one = fv_color_saturation, .argument = 0.3f, .near = 1.6},
    {.name = "saturation", .one = fv_color_saturation, .argument = 2.5f, .near = 2.1},
    {.name = "hue", .one = fv_color_hue, .argument = 0.1f, .near = 1.1},
    {.name = "hue", .one = fv_color_hue, .argument = -0.35f, .near = 1.1},
    {.name = "hue", .one = fv_color_hue, .argument = 0.5f, .near = 1.1},
    {.name = "grey", .none = fv_color_grey, .near = 0.6},
    {.name = "invert", .none = fv_color_invert, .near = 0.01},
    {.name = "posterize", .one = posterize, .argument = 3},
    {.name = "solarize", .one = fv_color_solarize, .argument = 90, .near = 0.01},
    {.name = "gamma", .one = fv_color_gamma, .argument = 0.5f, .near = 1.1},
    {.name = "gamma", .one = fv_color_gamma, .argument = 2.2f, .near = 1.1},
    {.name = "autocontrast", .none = fv_color_autocontrast, .near = 1.1},
    {.name = "equalize", .none = fv_color_equalize},
    {.name = "sharpness", .sharpen = fv_color_sharpness, .argument = 0.2f, .near = 1.6},
    {.name = "sharpness", .sharpen = fv_color_sharpness, .argument = 2.0f, .near = 1.6},
    {.name = "blur", .blur = fv_filter_gaussian, .argument = 1.0f, .near = 1.1},
    /* 2 ceil(3 sigma) + 1 = 15 taps */
    {.name = "blur", .blur = fv_filter_gaussian, .argument = 2.3f, .near = 1.1},
    {.name = "CLAHE", .tiles_y = 4, .tiles_x = 4, .argument = 2.0f},
    {.name = "CLAHE", .tiles_y = 7, .tiles_x = 5, .argument = 3.5f},
    {.name = "CLAHE", .tiles_y = 1, .tiles_x = 1, .argument = 0.0f},
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

static void apply(const operation *o, fv_image *image)
{
    if (o->one)
        o->one(image, o->argument);
    else if (o->none)
        o->none(image);
    else if (o->sharpen)
        assert_int_equal(o->sharpen(&scratch, image, o->argument), FV_OK);
    else if (o->blur)
        assert_int_equal(o->blur(&scratch, image, (double)o->argument), FV_OK);
    else
        assert_int_equal(fv_color_clahe(&scratch, image, o->tiles_y, o->tiles_x, o->argument), FV_OK);
}

/* ---- pictures ---- */

static int noise(int64_t y, int64_t x, int64_t k)
{
    return (int)((x * x * 7 + y * 13 * (x + 1) + k * 57 + x * y % 11 * 19) & 255);
}

/* The pictures of make_color.py, in any depth: levels on the scale of 8 bits. */
static fv_image picture(bool grey, fv_depth depth)
{
    fv_image image = {.h = grey ? GREY_H : H, .w = grey ? GREY_W : W, .c = grey ? 1 : 3, .depth = depth};
    image.data = malloc((size_t)(image.h * image.w * image.c) * fv_depth_bytes(depth));
    assert_non_null(image.data);
    for (int64_t i = 0; i < image.h * image.w * image.c; i++) {
        const int64_t y = i / image.c / image.w, x = i / image.c % image.w, k = i % image.c;
        const int v = (uint8_t)(grey ? noise(y, x, 0) / 4 + y * 3 : 30 + noise(y, x, k) * (k + 2) / 6);
        if (depth == FV_DEPTH_8)
            image.data[i] = (uint8_t)v;
        else if (depth == FV_DEPTH_16)
            ((uint16_t *)(void *)image.data)[i] = (uint16_t)(v * 257);
        else
            ((float *)(void *)image.data)[i] = (float)v / 255.0f;
    }
    return image;
}

static double level(const fv_image *image, int64_t i)
{
    if (image->depth == FV_DEPTH_8)
        return image->data[i];
    if (image->depth == FV_DEPTH_16)
        return ((const uint16_t *)(const void *)image->data)[i] / 257.0;
    return (double)((const float *)(const void *)image->data)[i] * 255.0;
}

static FILE *golden(void)
{
    char path[600];
    const char *source = getenv("FOVEA_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/golden/color.bin", source ? source : ".");
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    return file;
}

/* ---- tests ---- */

static void as_others(void **state)
{
    (void)state;
    FILE *file = golden();
    for (int o = 0; o < OPERATIONS; o++) {
        fv_image image = picture(operations[o].tiles_y > 0, FV_DEPTH_8);
        const int64_t size = image.h * image.w * image.c;
        apply(&operations[o], &image);
        for (int64_t i = 0; i < size; i++) {
            const int want = fgetc(file), d = want - image.data[i];
            if (want == EOF || d < -1 || d > 1)
                fail_msg("%s %g: element %d is %d, expected %d", operations[o].name, (double)operations[o].argument,
                         (int)i, image.data[i], want);
        }
        free(image.data);
    }
    fclose(file);
}

/* 16 bits and floats: the same numbers but for the rounding of 8 bits. */
static void depths(void **state)
{
    (void)state;
    for (int o = 0; o < OPERATIONS; o++) {
        if (operations[o].near == 0)
            continue;
        fv_image small = picture(false, FV_DEPTH_8);
        apply(&operations[o], &small);
        for (fv_depth depth = FV_DEPTH_16; depth <= FV_DEPTH_F32; depth++) {
            fv_image image = picture(false, depth);
            apply(&operations[o], &image);
            for (int64_t i = 0; i < H * W * 3; i++)
                if (fabs(level(&image, i) - level(&small, i)) > operations[o].near)
                    fail_msg("%s, depth %d: element %d is %g, 8 bits have %g", operations[o].name, (int)depth, (int)i,
                             level(&image, i), level(&small, i));
            free(image.data);
        }
        free(small.data);
    }
}

/* Factor 1, gamma 1, a whole turn and no offset leave every bit; so does what needs colors where there are none. */
static void identities(void **state)
{
    (void)state;
    static void (*const with_one[])(fv_image *, float) = {fv_color_brightness, fv_color_contrast, fv_color_saturation,
                                                          fv_color_gamma, fv_color_hue};
    static const float nothing[3] = {0};
    for (fv_depth depth = FV_DEPTH_8; depth <= FV_DEPTH_F32; depth++) {
        fv_image image = picture(false, depth), same = picture(false, depth);
        const size_t bytes = (size_t)(H * W * 3) * fv_depth_bytes(depth);
        for (size_t i = 0; i < sizeof with_one / sizeof *with_one; i++)
            with_one[i](&image, 1.0f);
        assert_int_equal(fv_color_sharpness(&scratch, &image, 1.0f), FV_OK);
        fv_color_add(&image, nothing);
        assert_memory_equal(image.data, same.data, bytes);
        fv_color_invert(&image);
        fv_color_invert(&image);
        if (depth != FV_DEPTH_F32)
            assert_memory_equal(image.data, same.data, bytes);
        free(image.data);
        image = picture(true, depth);
        free(same.data);
        same = picture(true, depth);
        fv_color_hue(&image, 0.3f);
        fv_color_saturation(&image, 0.3f);
        assert_memory_equal(image.data, same.data, (size_t)(GREY_H * GREY_W) * fv_depth_bytes(depth));
        free(image.data);
        free(same.data);
    }
}

/* Transparency is no color. */
static void alpha_stays(void **state)
{
    (void)state;
    for (int o = 0; o < OPERATIONS; o++) {
        fv_image image = {.h = 9, .w = 7, .c = 4};
        image.data = malloc(9 * 7 * 4);
        for (int i = 0; i < 9 * 7 * 4; i++)
            image.data[i] = (uint8_t)noise(i / 28, i, 1);
        uint8_t alpha[63];
        for (int i = 0; i < 63; i++)
            alpha[i] = image.data[4 * i + 3];
        apply(&operations[o], &image);
        for (int i = 0; i < 63 && !operations[o].blur; i++)
            assert_int_equal(image.data[4 * i + 3], alpha[i]);
        free(image.data);
    }
}

static void offsets(void **state)
{
    (void)state;
    const float offset[3] = {10.4f, -40.0f, 200.0f};
    fv_image image = picture(false, FV_DEPTH_8), same = picture(false, FV_DEPTH_8);
    fv_color_add(&image, offset);
    for (int i = 0; i < H * W * 3; i++) {
        const double v = same.data[i] + (double)offset[i % 3];
        assert_int_equal(image.data[i], (int)(v < 0 ? 0 : v > 255 ? 255 : floor(v + 0.5)));
    }
    free(image.data);
    free(same.data);
}

static void clahe_of_colors(void **state)
{
    (void)state;
    /* The change of luma is added to all three: differences between channels stay where nothing is clamped. */
    fv_image image = picture(false, FV_DEPTH_8), same = picture(false, FV_DEPTH_8);
    assert_int_equal(fv_color_clahe(&scratch, &image, 2, 3, 2.0f), FV_OK);
    int changed = 0;
    for (int i = 0; i < H * W; i++) {
        const uint8_t *a = image.data + 3 * i, *b = same.data + 3 * i;
        changed += a[0] != b[0];
        for (int k = 0; k < 3; k++)
            if (a[k] > 0 && a[k] < 255 && a[0] > 0 && a[0] < 255)
                assert_true(abs((a[k] - a[0]) - (b[k] - b[0])) <= 1);
    }
    assert_true(changed > H * W / 2);
    free(same.data);
    free(image.data);
    /* 16 bits: 65,536 levels, of which the upper 8 bits follow those of 8-bit pictures about. */
    image = picture(true, FV_DEPTH_16);
    same = picture(true, FV_DEPTH_8);
    assert_int_equal(fv_color_clahe(&scratch, &image, 1, 1, 0.0f), FV_OK);
    assert_int_equal(fv_color_clahe(&scratch, &same, 1, 1, 0.0f), FV_OK);
    for (int i = 0; i < GREY_H * GREY_W; i++)
        assert_true(fabs(level(&image, i) - same.data[i]) < 1.0);
    assert_int_equal(fv_color_clahe(&scratch, &image, 0, 1, 0.0f), FV_ERR_ARGUMENT);
    assert_int_equal(fv_color_clahe(&scratch, &image, 1, 1, -1.0f), FV_ERR_ARGUMENT);
    free(same.data);
    free(image.data);
}

static void equalized(void **state)
{
    (void)state;
    for (fv_depth depth = FV_DEPTH_16; depth <= FV_DEPTH_F32; depth++) {
        fv_image image = picture(true, depth);
        fv_color_equalize(&image);
        double sum = 0;
        for (int i = 0; i < GREY_H * GREY_W; i++)
            sum += level(&image, i);
        /* Of a flat histogram; each level keeps its own width. */
        assert_true(fabs(sum / (GREY_H * GREY_W) - 127.5) < 3);
        free(image.data);
    }
}

static void principal_components(void **state)
{
    (void)state;
    fv_image image = picture(false, FV_DEPTH_8);
    FILE *file = golden();
    double want[12];
    fseek(file, -(long)sizeof want, SEEK_END);
    assert_int_equal(fread(want, sizeof want, 1, file), 1);
    fclose(file);
    for (fv_depth depth = FV_DEPTH_8; depth <= FV_DEPTH_F32; depth++) {
        fv_image whole = picture(false, depth), top = whole, rest = whole;
        fv_color_sums sums = {.c = 3}, more = {.c = 3}, once = {.c = 3};
        fv_pca pca;
        top.h = 5;
        rest.h = H - 5;
        rest.data += (size_t)(5 * W * 3) * fv_depth_bytes(depth);
        fv_color_sums_add(&sums, &top);
        fv_color_sums_add(&more, &rest);
        fv_color_sums_merge(&sums, &more);
        fv_color_sums_add(&once, &whole);
        assert_memory_equal(&sums, &once, sizeof sums);
        fv_pca_rgb(&sums, &pca);
        for (int i = 0; i < 3; i++) {
            assert_true(fabs(pca.value[i] - want[i]) < 1e-7);
            for (int k = 0; k < 3; k++)
                assert_true(fabs(pca.vector[3 * i + k] - want[3 + 3 * i + k]) < 1e-5);
        }
        free(whole.data);
    }
    free(image.data);
}

/* matrix = sum of value[i] vector[i] vector[i]^T, with orthonormal vectors in falling order. */
static void eigenvectors(void **state)
{
    (void)state;
    for (int64_t c = 1; c <= 16; c++) {
        double matrix[256];
        fv_pca pca;
        for (int64_t i = 0; i < c; i++)
            for (int64_t j = 0; j <= i; j++)
                matrix[i * c + j] = matrix[j * c + i] = noise(i, j, c) / 100.0 - 1.2;
        fv_pca_solve(c, matrix, &pca);
        for (int64_t i = 0; i < c; i++) {
            double most = 0;
            assert_true(i == 0 || pca.value[i] <= pca.value[i - 1]);
            for (int64_t j = 0; j < c; j++) {
                double dot = 0, sum = 0;
                most = fabs(pca.vector[i * c + j]) > fabs(most) ? pca.vector[i * c + j] : most;
                for (int64_t k = 0; k < c; k++) {
                    dot += pca.vector[i * c + k] * pca.vector[j * c + k];
                    sum += pca.value[k] * pca.vector[k * c + i] * pca.vector[k * c + j];
                }
                assert_true(fabs(dot - (i == j)) < 1e-12);
                assert_true(fabs(sum - matrix[i * c + j]) < 1e-11);
            }
            assert_true(most > 0);
        }
    }
}

static fv_status allocate_all(fv_ctx *own, void *arg)
{
    (void)arg;
    static uint8_t data[20 * 30 * 3];
    fv_image image = {.data = data, .h = 20, .w = 30, .c = 3};
    fv_resize_scratch memory = {.ctx = own};
    fv_status status = fv_color_sharpness(&memory, &image, 2.0f);
    if (status == FV_OK)
        status = fv_color_clahe(&memory, &image, 3, 3, 2.0f);
    if (status == FV_OK)
        status = fv_filter_gaussian(&memory, &image, 2.0);
    fv_scratch_free(&memory);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(allocate_all, NULL) >= 3);
    assert_int_equal(fv_filter_gaussian(&scratch, &(fv_image){.data = NULL, .h = 1, .w = 1, .c = 1}, -1.0),
                     FV_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(as_others, setup, teardown),
        cmocka_unit_test_setup_teardown(depths, setup, teardown),
        cmocka_unit_test_setup_teardown(identities, setup, teardown),
        cmocka_unit_test_setup_teardown(alpha_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(offsets, setup, teardown),
        cmocka_unit_test_setup_teardown(clahe_of_colors, setup, teardown),
        cmocka_unit_test_setup_teardown(equalized, setup, teardown),
        cmocka_unit_test_setup_teardown(principal_components, setup, teardown),
        cmocka_unit_test_setup_teardown(eigenvectors, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
