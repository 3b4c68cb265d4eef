/* SPDX-License-Identifier: Apache-2.0 */
/* Models that take large JPEG files reduced. */
#include "data/planted.h"

#include <fovea/data.h>
#include <math.h>

enum { H = 24, W = 16, NUMBERS = H * W * 3 };

/* The first sample as the network gets it. */
static void first_sample(fv_dataset *d, const fv_pipeline *p, const char *augment, float *numbers)
{
    fv_loader *l = NULL;
    fv_batch batch;
    const fv_loader_options options = {.batch_size = 1, .augment = augment};
    assert_int_equal(fv_loader_create(d, p, &options, &l), FV_OK);
    assert_int_equal(fv_loader_start(l, 0, 0), FV_OK);
    assert_int_equal(fv_loader_next(l, &batch), FV_OK);
    memcpy(numbers, batch.images, NUMBERS * sizeof *numbers);
    fv_loader_destroy(&l);
}

/* Nearly the same numbers, from whole images and from parts, whichever way the file's rows lie. */
static void nearly_the_same(void **state)
{
    (void)state;
    static float whole[NUMBERS], reduced[NUMBERS];
    char dir[256], name[32];
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (int orientation = 1; orientation <= 8; orientation++) {
        fv_dataset *d = NULL;
        fv_pipeline p = {.h = H, .w = W, .c = 3, .resize = FV_RESIZE_STRETCH, .antialias = true};
        for (int k = 0; k < 3; k++)
            p.std[k] = 1.0f;
        snprintf(name, sizeof name, "%d/a/x.jpg", orientation);
        planted_save(
            fv_test_path(dir, name),
            planted_make_jpeg((planted_jpeg){.h = 203, .w = 301, .c = 3, .orientation = orientation, .quality = 95}));
        snprintf(name, sizeof name, "%d", orientation);
        assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, name), NULL, &d), FV_OK);
        static const char *const augments[] = {NULL, "rrc scale=0.6..0.8"};
        for (int i = 0; i < 2; i++) {
            double sum = 0;
            p.fast_decode = false;
            first_sample(d, &p, augments[i], whole);
            p.fast_decode = true;
            first_sample(d, &p, augments[i], reduced);
            for (int k = 0; k < NUMBERS; k++)
                sum += fabs((double)whole[k] - (double)reduced[k]);
            assert_true(sum > 0 && sum / NUMBERS < 2.0 / 255);
        }
        int64_t bytes;
        assert_int_equal(fv_dataset_cache(d, &p, 1 << 24, &bytes), FV_ERR_CONFLICT); /* it holds whole images */
        fv_dataset_destroy(&d);
    }
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nearly_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
