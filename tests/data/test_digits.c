/* SPDX-License-Identifier: Apache-2.0 */
/* Drawn digits: the same everywhere, all classes, telling apart. */
#include "support/folder.h"

#include <fovea/data.h>

#include "base/file.h"

static void hash_file(fv_ctx *ctx, const char *name, char hex[65])
{
    uint8_t *data = NULL, digest[32];
    int64_t size = 0;
    fv_sha256 hash;
    assert_int_equal(fv_file_read(ctx, fv_test_path(dir, name), 0, false, &data, &size), FV_OK);
    fv_sha256_init(&hash);
    fv_sha256_update(&hash, data, (size_t)size);
    fv_sha256_final(&hash, digest);
    fv_sha256_hex(digest, hex);
    fv_free(ctx, data);
}

/* Fixed hashes: the demo's figures belong to these bytes, on every machine. */
static void same_bytes_everywhere(void **state)
{
    (void)state;
    char images[65], labels[65], test[65], again[65];
    for (int threads = 1; threads <= 3; threads += 2) {
        fv_ctx *ctx = fv_test_ctx(threads, NULL, NULL);
        assert_int_equal(fv_make_digits(ctx, dir, 200, 50, 1), FV_OK);
        hash_file(ctx, "train-images-idx3-ubyte", images);
        hash_file(ctx, "train-labels-idx1-ubyte", labels);
        hash_file(ctx, "t10k-images-idx3-ubyte", test);
        assert_string_equal(images, "d83d187aceb17684643b2e7046dc1337bfc4319c5d92f8345673131401f64012");
        assert_string_equal(labels, "a4d1e20a7053be51041316889ec3903c47f8f42e2a7add255004dfa40bfa91b6");
        assert_string_equal(test, "b123d43b3549b0de82273aae3f1df389ecbfec5f2889f7ff7a7a5c540ba9a550");
        /* More training digits leave the test digits as they are; another seed does not. */
        assert_int_equal(fv_make_digits(ctx, dir, 300, 50, 1), FV_OK);
        hash_file(ctx, "t10k-images-idx3-ubyte", again);
        assert_string_equal(again, test);
        assert_int_equal(fv_make_digits(ctx, dir, 200, 50, 2), FV_OK);
        hash_file(ctx, "train-images-idx3-ubyte", again);
        assert_string_not_equal(again, images);
        fv_ctx_destroy(&ctx);
    }
}

/* All classes are there in like number, and the mean digit of the right class is the nearest one for most: far above
 * chance, far below what a network reaches. */
static void learnable(void **state)
{
    (void)state;
    enum { N = 3000, TEST = 500 };
    static double mean[10][784];
    int count[10] = {0}, right = 0;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_dataset *d = NULL;
    fv_image image;
    assert_int_equal(fv_make_digits(ctx, dir, N, TEST, 5), FV_OK);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    for (int64_t i = 0; i < N; i++) {
        const int label = fv_dataset_label(d, i);
        assert_int_equal(fv_dataset_image(d, i, &image, NULL), FV_OK);
        count[label]++;
        for (int j = 0; j < 784; j++)
            mean[label][j] += image.data[j];
        fv_image_free(ctx, &image);
    }
    fv_dataset_destroy(&d);
    for (int k = 0; k < 10; k++) {
        assert_in_range(count[k], N / 10 - 70, N / 10 + 70);
        for (int j = 0; j < 784; j++)
            mean[k][j] /= count[k];
    }
    assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.split = "test"}, &d), FV_OK);
    for (int64_t i = 0; i < TEST; i++) {
        double best = 1e30;
        int guess = -1;
        assert_int_equal(fv_dataset_image(d, i, &image, NULL), FV_OK);
        for (int k = 0; k < 10; k++) {
            double distance = 0;
            for (int j = 0; j < 784; j++)
                distance += (image.data[j] - mean[k][j]) * (image.data[j] - mean[k][j]);
            guess = distance < best ? k : guess;
            best = distance < best ? distance : best;
        }
        right += guess == fv_dataset_label(d, i);
        fv_image_free(ctx, &image);
    }
    assert_in_range(right, TEST / 2, TEST * 9 / 10);
    fv_dataset_destroy(&d);
    fv_ctx_destroy(&ctx);
}

static void wrong_numbers(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_make_digits(ctx, dir, 0, 5, 1), FV_ERR_VALUE);
    assert_int_equal(fv_make_digits(ctx, dir, 5, -1, 1), FV_ERR_VALUE);
    fv_ctx_destroy(&ctx);
}

static fv_status make_once(fv_ctx *ctx, void *arg)
{
    (void)arg;
    return fv_make_digits(ctx, dir, 5, 5, 1);
}

static void allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(make_once, NULL) > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(same_bytes_everywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(learnable, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
