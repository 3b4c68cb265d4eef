/* SPDX-License-Identifier: Apache-2.0 */
/* From an image of any depth and number of channels to the network's numbers; and the order of epochs. */
#define FV_TEST_THREADS 1
#include "support/fixture.h"

#include <fovea/augment.h>
#include <math.h>

#include "base/ctx.h"

static fv_pipeline pipeline_of(int64_t h, int64_t w, int64_t c)
{
    fv_pipeline p = {.h = h, .w = w, .c = c, .antialias = true, .background = {255, 255, 255}};
    for (int k = 0; k < 16; k++) {
        p.mean[k] = 0.1f + 0.02f * (float)k;
        p.std[k] = 0.3f + 0.01f * (float)k;
    }
    return p;
}

/* 65,536 levels in, 65,536 numbers out: nothing is cut to 8 bits on the way. */
static void sixteen_bit_ramp(void **state)
{
    (void)state;
    enum { SIDE = 256 };
    const fv_pipeline p = pipeline_of(SIDE, SIDE, 1);
    uint16_t *ramp = malloc(SIDE * SIDE * sizeof *ramp);
    float *out = malloc(SIDE * SIDE * sizeof *out);
    for (int i = 0; i < SIDE * SIDE; i++)
        ramp[i] = (uint16_t)i;
    const fv_image image = {.data = (uint8_t *)ramp, .h = SIDE, .w = SIDE, .c = 1, .depth = FV_DEPTH_16};
    assert_int_equal(fv_pipeline_apply(ctx, &p, &image, out), FV_OK);
    for (int i = 0; i < SIDE * SIDE; i++) {
        assert_true(out[i] == ((float)i / 65535.0f - p.mean[0]) / p.std[0]);
        assert_true(i == 0 || out[i] > out[i - 1]);
    }
    free(ramp);
    free(out);
}

/* The three depths of the same levels give the same numbers, up to rounding. */
static void depths_agree(void **state)
{
    (void)state;
    static const struct {
        int64_t from, to;
    } channels[] = {{1, 1}, {1, 3}, {3, 3}, {3, 1}, {4, 3}, {4, 1}, {2, 2}, {12, 12}, {16, 16}, {1, 5}, {4, 4}};
    for (size_t k = 0; k < sizeof channels / sizeof *channels; k++) {
        const int64_t c = channels[k].from, n = 9 * 7 * c, outputs = 6 * 5 * channels[k].to;
        const fv_pipeline p = pipeline_of(6, 5, channels[k].to);
        uint8_t bytes[9 * 7 * 16];
        uint16_t wide[9 * 7 * 16];
        float real[9 * 7 * 16], out[3][6 * 5 * 16];
        for (int64_t i = 0; i < n; i++) {
            bytes[i] = (uint8_t)(i * 37 + i * i);
            wide[i] = (uint16_t)(bytes[i] * 257);
            real[i] = (float)bytes[i] / 255.0f;
        }
        void *const data[] = {bytes, wide, real};
        for (int d = 0; d < 3; d++) {
            const fv_image image = {.data = data[d], .h = 9, .w = 7, .c = c, .depth = (fv_depth)d};
            assert_int_equal(fv_pipeline_apply(ctx, &p, &image, out[d]), FV_OK);
        }
        for (int64_t i = 0; i < outputs; i++) {
            assert_true(fabsf(out[0][i] - out[2][i]) < 0.015f); /* 8 bits are rounded twice while resizing */
            assert_true(fabsf(out[1][i] - out[2][i]) < 1e-4f);
        }
    }
    float out[48];
    uint8_t pixels[48] = {0};
    const fv_pipeline p = pipeline_of(2, 2, 3);
    assert_int_equal(fv_pipeline_apply(ctx, &p, &(fv_image){.data = pixels, .h = 2, .w = 2, .c = 12}, out),
                     FV_ERR_ARGUMENT);
    assert_non_null(strstr(fv_ctx_error(ctx), "12 channels for a network with 3"));
}

static void standardized(void **state)
{
    (void)state;
    fv_pipeline p = pipeline_of(8, 8, 3);
    uint8_t pixels[192];
    float out[192];
    p.standardize = true;
    for (int kind = 0; kind < 2; kind++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < 192; i++)
            pixels[i] = kind == 0 ? (uint8_t)(i * 31) : 77;
        for (int k = 0; k < 16; k++) {
            p.mean[k] = 0;
            p.std[k] = 1;
        }
        assert_int_equal(fv_pipeline_apply(ctx, &p, &(fv_image){.data = pixels, .h = 8, .w = 8, .c = 3}, out), FV_OK);
        for (int i = 0; i < 192; i++) {
            assert_true(isfinite(out[i]));
            sum += (double)out[i];
            squares += (double)out[i] * (double)out[i];
        }
        assert_true(fabs(sum / 192) < 1e-5);
        assert_true(fabs(squares / 192 - (kind == 0 ? 1 : 0)) < 1e-5); /* a constant image: no division by zero */
    }
}

/* A dark, flat picture comes out with its whole scale used; the limit of CLAHE lets local slopes about double. */
static void contrasts(void **state)
{
    (void)state;
    enum { SIDE = 256 };
    static uint8_t pixels[SIDE * SIDE];
    static float out[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++)
        pixels[i] = (uint8_t)(40 + (i % SIDE + i / SIDE) * 20 / 510);
    for (int rule = FV_CONTRAST_NONE; rule <= FV_CONTRAST_CLAHE; rule++) {
        fv_pipeline p = pipeline_of(SIDE, SIDE, 1);
        p.contrast = (fv_contrast)rule;
        p.mean[0] = 0;
        p.std[0] = 1;
        assert_int_equal(fv_pipeline_apply(ctx, &p, &(fv_image){.data = pixels, .h = SIDE, .w = SIDE, .c = 1}, out),
                         FV_OK);
        float low = 1, high = 0;
        for (int i = 0; i < SIDE * SIDE; i++) {
            low = out[i] < low ? out[i] : low;
            high = out[i] > high ? out[i] : high;
        }
        const double spread = (double)(high - low) * 255;
        assert_true(rule == FV_CONTRAST_NONE       ? fabs(spread - 20) < 0.01
                    : rule == FV_CONTRAST_EQUALIZE ? spread > 240
                                                   : spread > 24);
    }
}

/* In five epochs no two batches hold the same samples, and every epoch holds each sample once. */
static void no_batch_twice(void **state)
{
    (void)state;
    enum { N = 330, BATCH = 30, BATCHES = N / BATCH * 5 };
    fv_dataset *d = NULL;
    fv_loader *l = NULL;
    static uint8_t member[BATCHES][N];
    int batches = 0;
    const fv_pipeline p = pipeline_of(28, 28, 1);
    memset(member, 0, sizeof member);
    assert_int_equal(fv_make_digits(ctx, dir, N, 1, 0), FV_OK);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    assert_int_equal(fv_loader_create(d, &p, &(fv_loader_options){.batch_size = BATCH, .shuffle = true}, &l), FV_OK);
    for (int epoch = 0; epoch < 5; epoch++) {
        int seen[N] = {0};
        fv_batch batch;
        assert_int_equal(fv_loader_start(l, epoch, 0), FV_OK);
        for (;;) {
            assert_int_equal(fv_loader_next(l, &batch), FV_OK);
            if (batch.n == 0)
                break;
            for (int64_t i = 0; i < batch.n; i++) {
                member[batches][batch.samples[i]] = 1;
                seen[batch.samples[i]]++;
            }
            batches++;
        }
        for (int i = 0; i < N; i++)
            assert_int_equal(seen[i], 1);
    }
    assert_int_equal(batches, BATCHES);
    for (int a = 0; a < BATCHES; a++) {
        for (int b = 0; b < a; b++)
            assert_memory_not_equal(member[a], member[b], N);
    }
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
}

/* The colors of a data set: two images whose pixels lie on a line have one component. */
static void colors(void **state)
{
    (void)state;
    char path[600];
    uint8_t pixels[48];
    fv_dataset *d = NULL;
    float value[3], axis[9];
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 48; i++)
            pixels[i] = (uint8_t)(100 + (i % 3 == 0 ? 4 : i % 3 == 1 ? -2 : 1) * (i / 3 - 8 + k));
        snprintf(path, sizeof path, "%s/a%d", dir, k);
        mkdir(path, 0777);
        snprintf(path, sizeof path, "%s/a%d/x.png", dir, k);
        assert_int_equal(fv_image_write_png(ctx, path, &(fv_image){.data = pixels, .h = 4, .w = 4, .c = 3}), FV_OK);
    }
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    assert_int_equal(fv_dataset_color_axes(d, 0, value, axis), FV_OK);
    const double length = sqrt(16 + 4 + 1);
    assert_true(value[0] > 0 && value[1] < 1e-9f && value[2] < 1e-9f);
    assert_true(fabs((double)axis[0] - 4 / length) < 1e-5 && fabs((double)axis[1] + 2 / length) < 1e-5 &&
                fabs((double)axis[2] - 1 / length) < 1e-5);
    fv_dataset_destroy(&d);
}

/* Mean and deviation of 16-bit files are those of their 65,536 levels, and the model's rule counts for decoding. */
static void statistics_of_16_bits(void **state)
{
    (void)state;
    char path[300];
    fv_dataset *d = NULL;
    for (int k = 0; k < 2; k++) {
        uint16_t pixels[4] = {20, 30, 20, 30}; /* nothing on a scale of 8 bits */
        snprintf(path, sizeof path, "%s/%c", dir, 'a' + k);
        mkdir(path, 0777);
        snprintf(path, sizeof path, "%s/%c/x.png", dir, 'a' + k);
        const fv_image image = {.data = (uint8_t *)pixels, .h = 2, .w = 2, .c = 1, .depth = FV_DEPTH_16};
        assert_int_equal(fv_image_write_png(ctx, path, &image), FV_OK);
    }
    float mean[16], std[16];
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    assert_int_equal(fv_dataset_statistics(d, 0, mean, std), FV_OK);
    assert_true(fabs((double)mean[0] * 65535.0 - 25.0) < 1e-2 && fabs((double)std[0] * 65535.0 - 5.0) < 1e-2);
    fv_dataset_destroy(&d);
    fv_pipeline p = pipeline_of(2, 2, 1);
    assert_true(fv_pipeline_decoding(&p, NULL).keep_depth && !fv_pipeline_decoding(&p, NULL).ignore_exif);
    p.ignore_exif = true;
    const fv_decode_options more = {.max_pixels = 7, .salvage = true};
    const fv_decode_options o = fv_pipeline_decoding(&p, &more);
    assert_true(o.keep_depth && o.ignore_exif && o.salvage && o.max_pixels == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sixteen_bit_ramp, setup, teardown),
        cmocka_unit_test_setup_teardown(depths_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(standardized, setup, teardown),
        cmocka_unit_test_setup_teardown(contrasts, setup, teardown),
        cmocka_unit_test_setup_teardown(no_batch_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(colors, setup, teardown),
        cmocka_unit_test_setup_teardown(statistics_of_16_bits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
