/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of decoded images: what a batch holds does not depend on it, and it keeps to its limit. */
#include "data/planted.h"

#include <fovea/data.h>

static char dir[256];

enum { IMAGES = 40, SIDE = 12 };

static int setup(void **state)
{
    (void)state;
    char name[64];
    fv_test_dir_create(dir);
    for (int i = 0; i < IMAGES; i++) {
        snprintf(name, sizeof name, "%d/%d.jpg", i % 2, i);
        planted_save(fv_test_path(dir, name),
                     planted_make_jpeg((planted_jpeg){.h = 90 + i, .w = 120 - i, .c = 3, .orientation = i % 9}));
    }
    fv_test_write_text(fv_test_path(dir, "1/bad.jpg"), "no image");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fv_test_dir_remove(dir);
    return 0;
}

/* Two epochs with a cache of that many bytes (-1: none); a sum over all batches. */
static uint64_t run(int workers, int64_t limit, int64_t *kept, int64_t *peak)
{
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(2, &a, NULL);
    fv_dataset *d = NULL;
    fv_loader *loader = NULL;
    fv_pipeline p = {.h = SIDE, .w = SIDE, .c = 3, .resize = FV_RESIZE_STRETCH, .antialias = true};
    for (int k = 0; k < 3; k++)
        p.std[k] = 1.0f;
    uint64_t sum = 1469598103934665603u;
    assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.max_bad = 0.5}, &d), FV_OK);
    int64_t all = 0, bytes = 0, samples = 0;
    if (limit >= 0) {
        assert_int_equal(fv_dataset_cache(d, &p, limit, &all), FV_OK);
        assert_true(all > IMAGES * 100 * 90 * 3 && all < IMAGES * 100 * 130 * 3);
    }
    assert_int_equal(fv_loader_create(d, &p,
                                      &(fv_loader_options){.batch_size = 7,
                                                           .shuffle = true,
                                                           .workers = workers,
                                                           .augment = "rrc scale=0.2..1; hflip"},
                                      &loader),
                     FV_OK);
    for (int64_t epoch = 0; epoch < 2; epoch++) {
        fv_batch batch;
        assert_int_equal(fv_loader_start(loader, epoch, 0), FV_OK);
        for (;;) {
            assert_int_equal(fv_loader_next(loader, &batch), FV_OK);
            if (batch.n == 0)
                break;
            const uint8_t *bytes_of = (const uint8_t *)batch.images;
            for (size_t i = 0; i < (size_t)batch.n * SIDE * SIDE * 3 * sizeof(float); i++)
                sum = (sum ^ bytes_of[i]) * 1099511628211u;
        }
    }
    fv_dataset_cached(d, &bytes, &samples);
    if (limit >= 0)
        assert_true(bytes <= limit);
    *kept = samples;
    *peak = a.peak_bytes;
    fv_loader_destroy(&loader);
    fv_dataset_destroy(&d);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
    return sum;
}

static void same_batches_within_the_limit(void **state)
{
    (void)state;
    int64_t kept = 0, peak = 0, base = 0, none = 0;
    run(1, -1, &none, &base);
    assert_int_equal(none, 0);
    const uint64_t whole = run(1, 100 << 20, &kept, &peak);
    assert_int_equal(kept, IMAGES);
    for (int workers = -1; workers < 4; workers += 2) {
        const uint64_t some = run(workers, 400000, &kept, &peak);
        assert_true(kept >= 8 && kept < 16); /* of 33 to 36 kB each */
        assert_int_equal(some, whole);
    }
    /* The cache's own part of the peak. */
    int64_t small = 0, large = 0;
    run(-1, 40000, &kept, &small);
    run(-1, 800000, &kept, &large);
    assert_true(large - small <= 800000);
}

static void nothing_to_keep(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_dataset *d = NULL;
    const fv_pipeline p = {.h = 5, .w = 5, .c = 3};
    int64_t bytes = 1;
    assert_int_equal(fv_make_digits(ctx, fv_test_path(dir, "digits"), 20, 10, 1), FV_OK);
    assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, "digits"), NULL, &d), FV_OK);
    assert_int_equal(fv_dataset_cache(d, &p, 1 << 20, &bytes), FV_OK);
    assert_int_equal(bytes, 0);
    fv_dataset_destroy(&d);
    assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, "1"), NULL, &d), FV_ERR_DATA_EMPTY);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    assert_int_equal(fv_dataset_cache(d, &p, 100, &bytes), FV_ERR_OVER_BUDGET);
    fv_dataset_destroy(&d);
    fv_ctx_destroy(&ctx);
}

static fv_status fetch_all(fv_ctx *own, void *arg)
{
    fv_dataset *d = NULL;
    const fv_pipeline p = {.h = 5, .w = 5, .c = 3};
    int64_t bytes = 0;
    (void)arg;
    fv_status status = fv_dataset_open(own, dir, NULL, &d);
    if (status == FV_OK)
        status = fv_dataset_cache(d, &p, 1 << 20, &bytes);
    fv_dataset_destroy(&d);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(fetch_all, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(same_batches_within_the_limit, setup, teardown),
                                       cmocka_unit_test_setup_teardown(nothing_to_keep, setup, teardown),
                                       cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
