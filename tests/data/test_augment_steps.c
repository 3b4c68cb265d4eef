/* SPDX-License-Identifier: Apache-2.0 */
/* Single steps of augmentation at the edges of what they take. */
#include "data/augmented.h"

#include <fovea/augment.h>
#include <math.h>

static fv_image applied(const fv_augment *a, const fv_pipeline *p, uint64_t index, const fv_image *image, char *note)
{
    fv_sample s = {.image = *image};
    const size_t size = (size_t)(image->h * image->w * image->c) * fv_depth_bytes(image->depth);
    s.image.data = fv_malloc(ctx, size);
    memcpy(s.image.data, image->data, size);
    assert_int_equal(fv_augment_apply(ctx, a, p, 7, 3, index, &s, note, 256), FV_OK);
    assert_int_equal(s.image.h, p->h);
    assert_int_equal(s.image.w, p->w);
    return s.image;
}

/* Whole numbers are drawn alike, both ends too; 9,000 draws of three, within four deviations. */
static void whole_numbers(void **state)
{
    (void)state;
    fv_augment *a = augment_of("posterize bits=2..4 p=1");
    const fv_pipeline p = pipeline_of(1, 1, 1);
    uint8_t pixel = 255;
    int seen[256] = {0};
    for (uint64_t i = 0; i < 9000; i++) {
        const fv_image image = {.data = &pixel, .h = 1, .w = 1, .c = 1};
        fv_image out = applied(a, &p, i, &image, NULL);
        seen[out.data[0]]++;
        fv_image_free(ctx, &out);
    }
    for (int bits = 2; bits <= 4; bits++)
        assert_in_range(seen[256 - (256 >> bits)], 2820, 3180);
    fv_augment_destroy(&a);
}

/* A hole takes the model's mean, also where floats have one beyond full scale and integers do not. */
static void erased_to_the_mean(void **state)
{
    (void)state;
    fv_augment *a = augment_of("erase area=0.3 ratio=1 p=1");
    fv_pipeline p = pipeline_of(8, 8, 1);
    const float means[] = {0.25f, 12.5f, -3.0f};
    for (int k = 0; k < 3; k++) {
        p.mean[0] = means[k];
        float reals[64] = {0};
        uint8_t bytes[64];
        memset(bytes, 100, sizeof bytes);
        fv_image deep = applied(
            a, &p, 0, &(fv_image){.data = (uint8_t *)reals, .h = 8, .w = 8, .c = 1, .depth = FV_DEPTH_F32}, NULL);
        fv_image flat = applied(a, &p, 0, &(fv_image){.data = bytes, .h = 8, .w = 8, .c = 1}, NULL);
        const int level = k == 0 ? 64 : k == 1 ? 255 : 0;
        int holes = 0;
        for (int i = 0; i < 64; i++) {
            const float v = ((const float *)(const void *)deep.data)[i];
            assert_true(v == 0.0f || fabsf(v - means[k]) < 1e-5f);
            assert_int_equal(flat.data[i], v == 0.0f ? 100 : level);
            holes += v != 0.0f;
        }
        assert_int_equal(holes, 16); /* the root of 0.3 * 64, rounded, squared */
        fv_image_free(ctx, &deep);
        fv_image_free(ctx, &flat);
    }
    fv_augment_destroy(&a);
}

/* Floats beyond full scale, as a bicubic filter leaves them, are cut off before their bits are. */
static void posterized_floats(void **state)
{
    (void)state;
    fv_augment *a = augment_of("posterize bits=1 p=1");
    const fv_pipeline p = pipeline_of(1, 4, 1);
    float pixels[4] = {-0.5f, 0.4f, 0.6f, 1.5f};
    const fv_image image = {.data = (uint8_t *)pixels, .h = 1, .w = 4, .c = 1, .depth = FV_DEPTH_F32};
    fv_image out = applied(a, &p, 0, &image, NULL);
    const float *v = (const float *)(const void *)out.data;
    assert_true(v[0] == 0.0f && v[1] == 0.0f && v[2] == 128.0f / 255.0f && v[3] == 1.0f);
    fv_image_free(ctx, &out);
    fv_augment_destroy(&a);
}

/* A box follows a lens: what the mask shows lies in it, and it goes only where little is shown. */
static void boxes_behind_a_lens(void **state)
{
    (void)state;
    static const char *const texts_of[] = {"lens k1=-0.3..-0.3", "lens k1=-0.2..-0.2 k2=-0.1..-0.1", "lens k1=0.4..0.4",
                                           "lens k1=0.2..0.2 k2=0.3..0.3"};
    static const fv_box places[] = {
        {0, 0, 60, 40, 0}, {100, 70, 160, 120, 0}, {0, 0, 160, 120, 0}, {20, 10, 140, 110, 0}, {70, 0, 90, 120, 0}};
    const int64_t h = 120, w = 160;
    const fv_pipeline p = pipeline_of(h, w, 1);
    for (size_t t = 0; t < 4 * 5; t++) {
        fv_augment *a = augment_of(texts_of[t / 5]);
        fv_box box = places[t % 5];
        fv_sample s = {
            .image = {.h = h, .w = w, .c = 1}, .mask = {.h = h, .w = w, .c = 1}, .boxes = &box, .n_boxes = 1};
        s.image.data = fv_calloc(ctx, (size_t)h, (size_t)w);
        s.mask.data = fv_malloc(ctx, (size_t)(h * w));
        for (int64_t i = 0; i < h * w; i++) {
            const double x = (double)(i % w), y = (double)(i / w);
            s.mask.data[i] = x >= box.x0 && x < box.x1 && y >= box.y0 && y < box.y1;
        }
        assert_int_equal(fv_augment_apply(ctx, a, &p, 1, 0, 0, &s, NULL, 0), FV_OK);
        int outside = 0;
        double low = 1e9, high = -1e9;
        for (int64_t i = 0; i < h * w; i++) {
            const double x = (double)(i % w), y = (double)(i / w);
            if (s.mask.data[i] != 1)
                continue;
            outside += x + 1 < box.x0 - 1 || x > box.x1 + 1 || y + 1 < box.y0 - 1 || y > box.y1 + 1;
            low = x < low ? x : low;
            high = x > high ? x : high;
        }
        if (s.n_boxes != 1 || outside > 0)
            fail_msg("%s, box %d: %s, %d pixels outside", texts_of[t / 5], (int)(t % 5), s.n_boxes ? "kept" : "dropped",
                     outside);
        if (t % 5 >= 2) /* those in the middle are tight */
            assert_true(fabs(low - box.x0) < 2 && fabs(high + 1 - box.x1) < 2);
        fv_image_free(ctx, &s.image);
        fv_image_free(ctx, &s.mask);
        fv_augment_destroy(&a);
    }
}

/* What encloses nothing, or is turned inside out, is no box. */
static void boxes_that_are_none(void **state)
{
    (void)state;
    fv_augment *a = augment_of("hflip p=1");
    const fv_pipeline p = pipeline_of(20, 20, 1);
    fv_box boxes[] = {{12, 14, 4, 6, 1}, {4, 6, 12, 14, 2}, {5, 5, 5, 9, 3}, {NAN, 1, 5, 5, 4}, {14, 6, 4, 12, 5}};
    fv_sample s = {.image = {.h = 20, .w = 20, .c = 1}, .boxes = boxes, .n_boxes = 5};
    s.image.data = fv_calloc(ctx, 20, 20);
    assert_int_equal(fv_augment_apply(ctx, a, &p, 0, 0, 0, &s, NULL, 0), FV_OK);
    assert_int_equal(s.n_boxes, 1);
    assert_true(boxes[0].label == 2 && boxes[0].x0 == 8 && boxes[0].x1 == 16 && boxes[0].y0 == 6 && boxes[0].y1 == 14);
    fv_image_free(ctx, &s.image);
    fv_augment_destroy(&a);
}

/* The share asked for is erased also where no rectangle of the ratio fits; of one that fits the form is kept. */
static void erased_share(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int h, w, least, most; /* pixels */
    } rows[] = {
        {"erase area=1 ratio=1 fill=value value=7 p=1", 20, 20, 400, 400},
        {"erase area=1 fill=value value=7 p=1", 12, 30, 360, 360},
        {"erase area=0.8..1 fill=value value=7 p=1", 20, 20, 300, 400},
        {"erase area=0.5 ratio=100 fill=value value=7 p=1", 20, 20, 200, 200},
        {"erase area=0.5 ratio=0.01 fill=value value=7 p=1", 20, 30, 300, 300},
        {"erase area=0.25 ratio=1 fill=value value=7 p=1", 20, 20, 100, 100},
        {"erase area=0.9 ratio=1 fill=value value=7 p=1", 1, 1, 1, 1},
        {"erase area=0 fill=value value=7 p=1", 20, 20, 0, 0},
    };
    for (size_t t = 0; t < sizeof rows / sizeof *rows; t++) {
        fv_augment *a = augment_of(rows[t].text);
        const fv_pipeline p = pipeline_of(rows[t].h, rows[t].w, 1);
        fv_image image = {.h = rows[t].h, .w = rows[t].w, .c = 1};
        image.data = fv_malloc(ctx, 400 * 3);
        memset(image.data, 200, 400 * 3);
        for (uint64_t i = 0; i < 50; i++) {
            fv_image out = applied(a, &p, i, &image, NULL);
            int n = 0;
            for (int k = 0; k < rows[t].h * rows[t].w; k++)
                n += out.data[k] == 7;
            if (n < rows[t].least || n > rows[t].most)
                fail_msg("%s, draw %d: %d pixels erased", rows[t].text, (int)i, n);
            fv_image_free(ctx, &out);
        }
        fv_image_free(ctx, &image);
        fv_augment_destroy(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(erased_share),        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(erased_to_the_mean),  cmocka_unit_test(posterized_floats),
        cmocka_unit_test(boxes_behind_a_lens), cmocka_unit_test(boxes_that_are_none),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
