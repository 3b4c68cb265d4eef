/* SPDX-License-Identifier: Apache-2.0 */
/* Augmentation: the text, what each operator promises, distributions, and what must follow the pixels. */
#include "data/augmented.h"

#include <fovea/augment.h>
#include <math.h>

/* A picture in which every pixel differs from its neighbors. */
static fv_image picture(int64_t h, int64_t w, int64_t c)
{
    fv_image image = {.h = h, .w = w, .c = c};
    image.data = fv_malloc(ctx, (size_t)(h * w * c));
    assert_non_null(image.data);
    for (int64_t i = 0; i < h * w * c; i++)
        image.data[i] = (uint8_t)((i * 2654435761u) >> 13);
    return image;
}

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

/* ---- the text ---- */

static void texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"rotat degrees=3", "no operator 'rotat'; did you mean rotate?"},
        {"hflip; rotate angle=3", "step 2: rotate has no 'angle'"},
        {"rotate degrees=ten",
         "found 'ten', expected a number from -360 to 360 (v stands for -v..v), or two as low..high"},
        {"hflip p=0.1 p=0.9", "hflip has 'p' twice"},
        {"crop pad=1e300", "a whole number from 0 to 4096"},
        {"hflip p=0.50000000000000000000000000000000000000000000000000000000000000000junk", "found '0.5"},
        {"rotate degrees=5..1", "found '5..1'"},
        {"hflip p=1.5", "hflip p: found '1.5', expected a number from 0 to 1"},
        {"crop pad=2.5", "a whole number"},
        {"rotate fill=mirror", "one of constant, edge, reflect, wrap"},
        {"rrc; scale_crop", "keep one"},
        {"hflip p", "hflip: 'p' has no value"},
        {"hflip 0.5", "hflip has no '0.5'"},
        {"posterize bits=4.5", "a whole number from 1 to 8, or two as low..high"},
        {"scale_crop short=256..300.5", "a whole number from 1 to 16384, or two"},
        {"nonesuch", "no operator 'nonesuch'"},
        {"erase area=0.1..", "found '0.1..'"},
        {"jitter hue=0..0.2", "found '0..0.2'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fv_augment *a = (fv_augment *)&wrong;
        assert_int_not_equal(fv_augment_create(ctx, wrong[i].text, &a), FV_OK);
        assert_null(a);
        if (!strstr(fv_ctx_error(ctx), wrong[i].words))
            fail_msg("'%s' gave: %s", wrong[i].text, fv_ctx_error(ctx));
    }
    static const char *const right[] = {NULL,
                                        "",
                                        " ; ",
                                        "hflip",
                                        "none",
                                        "none ; hflip",
                                        "rrc scale=.08..1 ratio=0.75..1.3333;hflip p=0.5,",
                                        "rotate degrees=-10..20 fill=reflect p=0.3\nnoise sigma=3",
                                        "lens k1=0.1, pca sigma=0.1, mixup alpha=0.2 p=0.5, cutmix"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        fv_augment *a = augment_of(right[i]);
        fv_augment_destroy(&a);
        assert_null(a);
    }
    fv_augment *a = augment_of("rrc; hflip; mixup");
    assert_true(fv_augment_has(a, "rrc") && fv_augment_has(a, "hflip") && fv_augment_has(a, "mixup"));
    assert_false(fv_augment_has(a, "vflip") || fv_augment_has(a, "nonsense"));
    fv_augment_destroy(&a);
    for (int i = 0; i < fv_augment_count(); i++) {
        char text[2048];
        fv_augment_describe(i, text, sizeof text);
        assert_non_null(strstr(text, "share of the samples"));
        if (strncmp(text, "rotate:", 7) == 0)
            assert_non_null(strstr(text, "outside the image: constant, edge, reflect, wrap\n"));
    }
    a = augment_of("none");
    assert_true(fv_augment_is_plain(a));
    fv_augment_destroy(&a);
}

/* Every operator runs on 8 bits, 16 bits, floats and other numbers of channels, the same each time. */
static void every_operator(void **state)
{
    (void)state;
    static const int channels[] = {1, 3, 12};
    for (int i = 0; i < fv_augment_count(); i++) {
        char text[2048], note[256], again_note[256];
        fv_augment_describe(i, text, sizeof text);
        *strchr(text, ':') = '\0';
        strcat(text, " p=1");
        fv_augment *a = augment_of(text);
        for (int k = 0; k < 9; k++) {
            const int64_t c = channels[k / 3];
            const fv_pipeline p = pipeline_of(20, 17, c);
            fv_image image = {.h = 33, .w = 41, .c = c, .depth = (fv_depth)(k % 3)};
            const size_t n = (size_t)(image.h * image.w * c);
            image.data = fv_malloc(ctx, n * fv_depth_bytes(image.depth));
            for (size_t e = 0; e < n; e++) {
                const uint32_t v = (uint32_t)(e * 2654435761u) >> 16;
                if (image.depth == FV_DEPTH_8)
                    image.data[e] = (uint8_t)v;
                else if (image.depth == FV_DEPTH_16)
                    ((uint16_t *)(void *)image.data)[e] = (uint16_t)v;
                else
                    ((float *)(void *)image.data)[e] = (float)v / 65535.0f;
            }
            for (uint64_t sample = 0; sample < 3; sample++) {
                fv_image once = applied(a, &p, sample, &image, note),
                         twice = applied(a, &p, sample, &image, again_note);
                assert_memory_equal(once.data, twice.data,
                                    (size_t)(once.h * once.w * once.c) * fv_depth_bytes(once.depth));
                assert_string_equal(note, again_note);
                fv_image_free(ctx, &once);
                fv_image_free(ctx, &twice);
            }
            fv_image_free(ctx, &image);
        }
        fv_augment_destroy(&a);
    }
}

/* ---- exactness ---- */

static void mirrors(void **state)
{
    (void)state;
    const fv_pipeline p = pipeline_of(9, 12, 3);
    fv_image image = picture(9, 12, 3);
    fv_augment *h = augment_of("hflip p=1"), *v = augment_of("vflip p=1"), *both = augment_of("hflip p=1; vflip p=1"),
               *turned = augment_of("rotate degrees=180..180");
    fv_image mirrored = applied(h, &p, 0, &image, NULL), upside = applied(v, &p, 0, &image, NULL);
    fv_image one = applied(both, &p, 0, &image, NULL), other = applied(turned, &p, 0, &image, NULL);
    for (int64_t y = 0; y < 9; y++) {
        for (int64_t x = 0; x < 12 * 3; x++) {
            const int64_t k = x % 3, column = x / 3;
            assert_int_equal(mirrored.data[y * 36 + x], image.data[y * 36 + (11 - column) * 3 + k]);
            assert_int_equal(upside.data[y * 36 + x], image.data[(8 - y) * 36 + x]);
            assert_int_equal(one.data[y * 36 + x], other.data[y * 36 + x]);
        }
    }
    fv_image *images[] = {&image, &mirrored, &upside, &one, &other};
    for (size_t i = 0; i < 5; i++)
        fv_image_free(ctx, images[i]);
    fv_augment *augments[] = {h, v, both, turned};
    for (size_t i = 0; i < 4; i++)
        fv_augment_destroy(&augments[i]);
}

/* About half of 10,000 samples, within three standard deviations. */
static void share_of_flips(void **state)
{
    (void)state;
    fv_augment *a = augment_of("hflip p=0.5");
    const fv_pipeline p = pipeline_of(1, 2, 1);
    uint8_t pixels[2] = {10, 20};
    int flipped = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        const fv_image image = {.data = pixels, .h = 1, .w = 2, .c = 1};
        fv_image out = applied(a, &p, i, &image, NULL);
        flipped += out.data[0] == 20;
        fv_image_free(ctx, &out);
    }
    assert_in_range(flipped, 4850, 5150);
    fv_augment_destroy(&a);
}

static void shifts(void **state)
{
    (void)state;
    const fv_pipeline p = pipeline_of(8, 10, 1);
    fv_image image = picture(8, 10, 1);
    fv_augment *a = augment_of("shift x=0.3..0.3 y=-0.25..-0.25 value=9");
    fv_image out = applied(a, &p, 0, &image, NULL);
    for (int64_t y = 0; y < 8; y++) {
        for (int64_t x = 0; x < 10; x++) {
            const int64_t sy = y + 2, sx = x - 3;
            assert_int_equal(out.data[y * 10 + x], sy < 8 && sx >= 0 ? image.data[sy * 10 + sx] : 9);
        }
    }
    fv_image_free(ctx, &out);
    fv_image_free(ctx, &image);
    fv_augment_destroy(&a);
}

/* Settings that mean "leave it" leave it. */
static void neutral(void **state)
{
    (void)state;
    static const char *const texts_of[] = {
        "brightness factor=1",
        "contrast factor=1",
        "saturation factor=1",
        "hue turn=0",
        "rotate degrees=0",
        "shear x=0",
        "stretch x=1 y=1",
        "lens k1=0",
        "perspective amount=0",
        "jitter brightness=0 contrast=0 saturation=0 hue=0",
        "shift x=0 y=0",
        "crop pad=0",
        "pca sigma=0",
        "noise sigma=0",
        "posterize bits=8",
        "gamma gamma=1",
        "salt share=0",
        "sharpness factor=1",
        "hflip p=0",
        "blur sigma=0 p=1",
        "rotate degrees=90..90; rotate degrees=-90..-90",
    };
    const fv_pipeline p = pipeline_of(16, 16, 3);
    fv_image image = picture(16, 16, 3);
    for (size_t i = 0; i < sizeof texts_of / sizeof *texts_of; i++) {
        fv_augment *a = augment_of(texts_of[i]);
        fv_image out = applied(a, &p, 0, &image, NULL);
        for (int e = 0; e < 16 * 16 * 3; e++) {
            if (out.data[e] != image.data[e])
                fail_msg("%s: element %d is %d, was %d", texts_of[i], e, out.data[e], image.data[e]);
        }
        fv_image_free(ctx, &out);
        fv_augment_destroy(&a);
    }
    fv_image_free(ctx, &image);
}

/* One warp for several steps: less is lost than by one after the other. */
static void one_interpolation(void **state)
{
    (void)state;
    const fv_pipeline p = pipeline_of(64, 64, 1);
    fv_image image = {.h = 64, .w = 64, .c = 1};
    image.data = fv_malloc(ctx, 64 * 64);
    for (int i = 0; i < 64 * 64; i++)
        image.data[i] = (uint8_t)(128 + 100 * sin(i % 64 * 0.9) * cos(i / 64 * 0.7));
    fv_augment *a = augment_of("rotate degrees=17..17; rotate degrees=-17..-17");
    fv_image out = applied(a, &p, 0, &image, NULL);
    int largest = 0;
    for (int y = 20; y < 44; y++)
        for (int x = 20; x < 44; x++) {
            const int d = abs(out.data[y * 64 + x] - image.data[y * 64 + x]);
            largest = d > largest ? d : largest;
        }
    assert_in_range(largest, 0, 2);
    fv_image_free(ctx, &out);
    fv_image_free(ctx, &image);
    fv_augment_destroy(&a);
}

/* ---- distributions ---- */

/* Chi-squared of counts that should be equal; 99 % of draws are below `limit`. */
static void assert_uniform(const int *count, int n, double limit)
{
    double total = 0, chi2 = 0;
    for (int i = 0; i < n; i++)
        total += count[i];
    for (int i = 0; i < n; i++)
        chi2 += (count[i] - total / n) * (count[i] - total / n) / (total / n);
    assert_true(chi2 < limit);
}

/* The short side is uniform over the 225 lengths from 256 to 480; the crop lies inside; small images are enlarged. */
static void scale_crops(void **state)
{
    (void)state;
    const fv_pipeline p = pipeline_of(224, 224, 3);
    fv_augment *a = augment_of("scale_crop short=256..480");
    int count[225] = {0};
    for (uint64_t i = 0; i < 45000; i++) {
        const int64_t h = i % 3 == 0 ? 100 : 333, w = i % 2 ? 500 : 150;
        fv_resize_spec s;
        fv_augment_frame(&(fv_augment_key){.augment = a, .pipeline = &p, .seed = 1, .sample = i}, h, w, &s);
        const int64_t shorter = s.h < s.w ? s.h : s.w;
        assert_in_range(shorter, 256, 480);
        assert_true(s.window.y >= 0 && s.window.x >= 0 && s.window.y + 224 <= s.h && s.window.x + 224 <= s.w);
        count[shorter - 256]++;
    }
    assert_uniform(count, 225, 276.0); /* 224 degrees of freedom */
    fv_augment_destroy(&a);
}

/* Area uniform in the scale, ratio uniform in its logarithm, as far as the image allows: a large square one does. */
static void rrc_boxes(void **state)
{
    (void)state;
    const fv_pipeline p = pipeline_of(224, 224, 3);
    fv_augment *a = augment_of("rrc scale=0.1..0.5 ratio=0.5..2");
    int areas[20] = {0}, ratios[20] = {0};
    for (uint64_t i = 0; i < 20000; i++) {
        fv_resize_spec s;
        fv_augment_frame(&(fv_augment_key){.augment = a, .pipeline = &p, .seed = 1, .sample = i}, 4000, 4000, &s);
        const double h = s.y1 - s.y0, w = s.x1 - s.x0;
        assert_true(s.y0 >= 0 && s.x0 >= 0 && s.y1 <= 4000 && s.x1 <= 4000 && h >= 1 && w >= 1);
        const int area = (int)((h * w / 16e6 - 0.1) / 0.4 * 20), ratio = (int)((log(w / h) / log(2) + 1) / 2 * 20);
        areas[area < 0 ? 0 : area > 19 ? 19 : area]++;
        ratios[ratio < 0 ? 0 : ratio > 19 ? 19 : ratio]++;
    }
    assert_uniform(areas, 20, 36.2); /* 19 degrees of freedom */
    assert_uniform(ratios, 20, 36.2);
    /* No box of such a ratio fits into a line: the central part is taken. */
    fv_resize_spec s;
    fv_augment_frame(&(fv_augment_key){.augment = a, .pipeline = &p, .seed = 1}, 1, 4000, &s);
    assert_true(s.y1 - s.y0 == 1 && s.x1 - s.x0 == 2);
    fv_augment_destroy(&a);
}

static void stretches(void **state)
{
    (void)state;
    fv_augment *a = augment_of("stretch x=0.5..1.5 y=1..1; rotate degrees=20");
    const fv_pipeline p = pipeline_of(4, 4, 1);
    fv_image image = picture(4, 4, 1);
    int x[10] = {0}, angles[10] = {0};
    for (uint64_t i = 0; i < 5000; i++) {
        char note[256];
        double factor, y, degrees;
        fv_image out = applied(a, &p, i, &image, note);
        assert_int_equal(sscanf(note, "stretch %lfx%lf, rotate %lf", &factor, &y, &degrees), 3);
        assert_true(factor >= 0.5 && factor <= 1.5 && y == 1 && fabs(degrees) <= 20);
        x[(int)((factor - 0.5) * 9.99)]++;
        angles[(int)((degrees + 20) / 40 * 9.99)]++;
        fv_image_free(ctx, &out);
    }
    assert_uniform(x, 10, 40.0); /* 9 degrees of freedom: 21.7, and two digits make bins uneven */
    assert_uniform(angles, 10, 40.0);
    fv_image_free(ctx, &image);
    fv_augment_destroy(&a);
}

static void betas(void **state)
{
    (void)state;
    static const double alphas[] = {0.2, 1, 4};
    for (size_t k = 0; k < 3; k++) {
        const double a = alphas[k];
        double sum = 0, squares = 0;
        fv_draw draw;
        fv_draw_begin(&draw, 5, 0, 0, 1);
        for (int i = 0; i < 20000; i++) {
            const double x = fv_draw_beta(&draw, a);
            assert_true(x >= 0 && x <= 1);
            sum += x;
            squares += x * x;
        }
        const double mean = sum / 20000, variance = squares / 20000 - mean * mean;
        assert_true(fabs(mean - 0.5) < 0.012);
        assert_true(fabs(variance - 1 / (4 * (2 * a + 1))) < 0.004);
    }
}

/* ---- what follows the pixels ---- */

/* A bright rectangle, its mask and its box: after any geometry the mask covers the bright pixels and the box the mask.
 */
static void boxes_and_masks(void **state)
{
    (void)state;
    static const char *const texts_of[] = {
        "hflip p=1",
        "vflip p=1",
        "crop pad=6",
        "rotate degrees=40",
        "shift x=0.2 y=0.2",
        "stretch",
        "shear x=20 y=10",
        "perspective amount=0.3",
        "lens k1=0.15 k2=0.05",
        "rrc scale=0.4..1",
        "scale_crop short=64..90",
        "rrc scale=0.5..1; hflip; rotate degrees=30 fill=edge; shear x=10; lens k1=0.1; jitter; erase"};
    const fv_pipeline p = pipeline_of(64, 64, 3);
    for (size_t t = 0; t < sizeof texts_of / sizeof *texts_of; t++) {
        fv_augment *a = augment_of(texts_of[t]);
        for (uint64_t index = 0; index < 20; index++) {
            const int64_t h = 90, w = 110;
            fv_box box = {.x0 = 40, .y0 = 30, .x1 = 71, .y1 = 62, .label = 5};
            fv_sample s = {
                .image = {.h = h, .w = w, .c = 3}, .mask = {.h = h, .w = w, .c = 1}, .boxes = &box, .n_boxes = 1};
            s.image.data = fv_malloc(ctx, (size_t)(h * w * 3));
            s.mask.data = fv_malloc(ctx, (size_t)(h * w));
            for (int64_t i = 0; i < h * w; i++) {
                const int64_t y = i / w, x = i % w;
                const bool in = y >= 30 && y < 62 && x >= 40 && x < 71;
                s.mask.data[i] = in ? 1 : 0;
                memset(s.image.data + 3 * i, in ? 230 : 20, 3);
            }
            assert_int_equal(fv_augment_apply(ctx, a, &p, 11, 0, index, &s, NULL, 0), FV_OK);
            assert_true(s.mask.h == 64 && s.mask.w == 64);
            int64_t marked = 0, wrong = 0, outside = 0;
            for (int64_t i = 0; i < 64 * 64; i++) {
                const int64_t y = i / 64, x = i % 64;
                marked += s.mask.data[i] == 1;
                if (!strstr(texts_of[t], "erase"))
                    wrong += (s.mask.data[i] == 1) != (s.image.data[3 * i] > 125);
                outside += s.mask.data[i] == 1 && s.n_boxes == 1 &&
                           ((double)x + 1 < box.x0 - 0.75 || (double)x > box.x1 + 0.75 ||
                            (double)y + 1 < box.y0 - 0.75 || (double)y > box.y1 + 0.75);
            }
            if (s.n_boxes == 1)
                assert_int_equal(box.label, 5);
            else
                assert_true(marked < 400);
            if (outside > 0 || wrong > 64)
                fail_msg("%s, sample %d: %d pixels outside of the box, %d where mask and image differ", texts_of[t],
                         (int)index, (int)outside, (int)wrong);
            fv_image_free(ctx, &s.image);
            fv_image_free(ctx, &s.mask);
        }
        fv_augment_destroy(&a);
    }
}

/* The offset is the same for all pixels, and as large as eigenvalues and sigma say. */
static void pca_offset(void **state)
{
    (void)state;
    fv_pipeline p = pipeline_of(6, 6, 3);
    const float axis[9] = {0.6f, 0.6f, 0.529150f, 0.8f, -0.6f, 0, 0, 0, 1};
    memcpy(p.pca_axis, axis, sizeof axis);
    p.pca_value[0] = 0.2f;
    fv_image image = {.h = 6, .w = 6, .c = 3};
    image.data = fv_malloc(ctx, 108);
    for (int i = 0; i < 108; i++)
        image.data[i] = (uint8_t)(100 + i / 3);
    fv_augment *a = augment_of("pca sigma=0.1");
    double squares = 0;
    for (uint64_t index = 0; index < 2000; index++) {
        fv_image out = applied(a, &p, index, &image, NULL);
        for (int i = 3; i < 108; i++)
            assert_int_equal(out.data[i] - image.data[i], out.data[i % 3] - image.data[i % 3]);
        const double d = out.data[0] - image.data[0];
        squares += d * d;
        fv_image_free(ctx, &out);
    }
    /* 0.6 * 0.2 * N(0, 0.1) * 255, rounded. */
    assert_true(fabs(sqrt(squares / 2000) - 0.6 * 0.2 * 0.1 * 255) < 0.2);
    fv_image_free(ctx, &image);
    fv_augment_destroy(&a);
}

/* ---- batches ---- */

enum { N = 5, SIDE = 8, CLASSES = 3 };

static void fill_batch(float *images, float *targets)
{
    for (int i = 0; i < N * SIDE * SIDE; i++)
        images[i] = (float)(i / (SIDE * SIDE) + 1);
    for (int i = 0; i < N * CLASSES; i++)
        targets[i] = i % CLASSES == i / CLASSES % CLASSES ? 1.0f : 0.0f;
}

static void mixes(void **state)
{
    (void)state;
    static const char *const texts_of[] = {"mixup alpha=0.4", "cutmix alpha=1", "mixup; cutmix"};
    for (size_t t = 0; t < 3; t++) {
        fv_augment *a = augment_of(texts_of[t]);
        int blended = 0, cut = 0;
        for (int batch = 0; batch < 200; batch++) {
            float images[N * SIDE * SIDE], targets[N * CLASSES], before[N * SIDE * SIDE], was[N * CLASSES];
            float lines[SIDE * SIDE + CLASSES];
            fill_batch(images, targets);
            memcpy(before, images, sizeof images);
            memcpy(was, targets, sizeof targets);
            const fv_mix mix = {images, targets, lines, N, SIDE, SIDE, 1, CLASSES};
            fv_augment_mix(a, 1, 0, batch, &mix);
            for (int i = 0; i < N; i++) {
                const int other = (i + N - 1) % N;
                float sum = 0, mean = 0;
                for (int k = 0; k < CLASSES; k++)
                    sum += targets[i * CLASSES + k];
                assert_true(fabsf(sum - 1) < 1e-6f);
                for (int e = 0; e < SIDE * SIDE; e++)
                    mean += images[i * SIDE * SIDE + e] / (SIDE * SIDE);
                /* Pixels and targets are mixed by the same share. */
                const float own = before[i * SIDE * SIDE], theirs = before[other * SIDE * SIDE];
                const float share = (mean - theirs) / (own - theirs);
                for (int k = 0; k < CLASSES; k++)
                    assert_true(fabsf(targets[i * CLASSES + k] -
                                      (share * was[i * CLASSES + k] + (1 - share) * was[other * CLASSES + k])) < 2e-5f);
                bool pure = true;
                for (int e = 0; e < SIDE * SIDE; e++)
                    pure = pure && (images[i * SIDE * SIDE + e] == own || images[i * SIDE * SIDE + e] == theirs);
                cut += pure;
                blended += !pure;
            }
        }
        if (t == 0)
            assert_true(blended > 800);
        if (t == 1)
            assert_true(blended == 0);
        if (t == 2)
            assert_true(blended > 300 && cut > 300);
        fv_augment_destroy(&a);
    }
}

static fv_status everything(fv_ctx *own, void *arg)
{
    (void)arg;
    fv_augment *a = NULL;
    fv_sample s = {.image = {.h = 30, .w = 30, .c = 3}, .mask = {.h = 30, .w = 30, .c = 1}};
    const fv_pipeline p = pipeline_of(16, 16, 3);
    s.image.data = fv_malloc(own, 2700);
    s.mask.data = fv_malloc(own, 900);
    fv_status status = s.image.data && s.mask.data ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        memset(s.image.data, 7, 2700), memset(s.mask.data, 1, 900);
    if (status == FV_OK)
        status = fv_augment_create(own, "rrc; crop; rotate; lens; blur p=1; clahe p=1; sharpness; erase p=1", &a);
    if (status == FV_OK)
        status = fv_augment_apply(own, a, &p, 0, 0, 0, &s, NULL, 0);
    fv_augment_destroy(&a);
    fv_image_free(own, &s.image);
    fv_image_free(own, &s.mask);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(everything, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(every_operator),
        cmocka_unit_test(mirrors),
        cmocka_unit_test(share_of_flips),
        cmocka_unit_test(shifts),
        cmocka_unit_test(neutral),
        cmocka_unit_test(one_interpolation),
        cmocka_unit_test(scale_crops),
        cmocka_unit_test(rrc_boxes),
        cmocka_unit_test(stretches),
        cmocka_unit_test(betas),
        cmocka_unit_test(boxes_and_masks),
        cmocka_unit_test(pca_offset),
        cmocka_unit_test(mixes),
        cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
