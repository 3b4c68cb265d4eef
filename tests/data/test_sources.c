/* SPDX-License-Identifier: Apache-2.0 */
/* IDX and CIFAR files, sound and broken. */
#define FV_TEST_THREADS 1
#include "support/fixture.h"

#include <fovea/data.h>
#include <zlib.h>

#include "base/file.h"

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* n images of 3 x 2, pixel = 10 image + place, and labels i % 4. `cut` and `extra` bytes spoil the image file. */
static void write_idx(const char *prefix, uint32_t n, int cut, int extra, bool gz)
{
    char name[64];
    uint8_t *images = calloc(1, 16 + n * 6 + 64), *labels = calloc(1, 8 + n);
    put_u32(images, 0x803);
    put_u32(images + 4, n);
    put_u32(images + 8, 3);
    put_u32(images + 12, 2);
    for (uint32_t i = 0; i < n * 6; i++)
        images[16 + i] = (uint8_t)(10 * (i / 6) + i % 6);
    put_u32(labels, 0x801);
    put_u32(labels + 4, n);
    for (uint32_t i = 0; i < n; i++)
        labels[8 + i] = (uint8_t)(i % 4);
    snprintf(name, sizeof name, "%s-images-idx3-ubyte%s", prefix, gz ? ".gz" : "");
    const char *path = fv_test_path(dir, name);
    const size_t size = (size_t)(16 + (int)n * 6 - cut + extra);
    if (gz) {
        gzFile file = gzopen(path, "wb");
        assert_int_equal(gzwrite(file, images, (unsigned)size), (int)size);
        gzclose(file);
    } else {
        fv_test_write(path, images, size);
    }
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", prefix);
    fv_test_write(fv_test_path(dir, name), labels, 8 + n);
    free(images);
    free(labels);
}

static void expect(const char *split, fv_status status, const char *words)
{
    fv_dataset *d = NULL;
    fv_status got = fv_dataset_open(ctx, dir, &(fv_dataset_options){.split = split}, &d);
    fv_dataset_destroy(&d);
    if (got != status || !strstr(fv_ctx_error(ctx), words))
        fail_msg("%s: %s", fv_status_name(got), fv_ctx_error(ctx));
}

static void idx_opens(void **state)
{
    (void)state;
    for (int gz = 0; gz < 2; gz++) {
        char sub[300];
        fv_dataset *d = NULL;
        fv_image image;
        int64_t h, w, c;
        write_idx("train", 11, 0, 0, gz);
        write_idx("t10k", 3, 0, 0, gz);
        assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
        assert_string_equal(fv_dataset_format(d), "idx");
        assert_int_equal(fv_dataset_count(d), 11);
        assert_int_equal(fv_dataset_classes(d), 4);
        assert_string_equal(fv_dataset_class_name(d, 3), "3");
        assert_string_equal(fv_dataset_class_name(d, 4), "");
        fv_dataset_size(d, &h, &w, &c);
        assert_int_equal(h * 100 + w * 10 + c, 321);
        assert_int_equal(fv_dataset_label(d, 6), 2);
        assert_int_equal(fv_dataset_label(d, 11), -1);
        assert_int_equal(fv_dataset_image(d, 2, &image, NULL), FV_OK);
        assert_int_equal(image.data[5], 25);
        fv_image_free(ctx, &image);
        fv_dataset_sample_name(d, 9, sub, sizeof sub);
        assert_string_equal(sub, gz ? "train-images-idx3-ubyte.gz[9]" : "train-images-idx3-ubyte[9]");
        fv_dataset_destroy(&d);
        assert_null(d);
        /* The test split has labels 0 to 2 only, and four classes all the same. */
        assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.split = "test"}, &d), FV_OK);
        assert_int_equal(fv_dataset_count(d), 3);
        assert_int_equal(fv_dataset_classes(d), 4);
        fv_dataset_destroy(&d);
        unlink(fv_test_path(dir, "train-images-idx3-ubyte"));
    }
}

static void idx_class_names_from_a_file(void **state)
{
    (void)state;
    fv_dataset *d = NULL;
    write_idx("train", 8, 0, 0, false);
    fv_test_write_text(fv_test_path(dir, "classes.txt"), "\xEF\xBB\xBFshirt\r\nshoe\r\nbag\r\ncoat");
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    assert_string_equal(fv_dataset_class_name(d, 0), "shirt");
    assert_string_equal(fv_dataset_class_name(d, 3), "coat");
    fv_dataset_destroy(&d);
    fv_test_write_text(fv_test_path(dir, "classes.txt"), "a\nb\na\nc\n");
    expect("train", FV_ERR_DATA_CLASSES, "classes.txt:3: class 'a' is listed twice");
    fv_test_write_text(fv_test_path(dir, "classes.txt"), "a\nb\nc\n");
    expect("train", FV_ERR_DATA_CLASSES, "3 names, but the labels go up to 3");
    unlink(fv_test_path(dir, "classes.txt"));
}

static void idx_broken(void **state)
{
    (void)state;
    write_idx("train", 8, 5, 0, false);
    expect("train", FV_ERR_DATA_TRUNCATED, "truncated at byte 59: the header promises 8 items, 64 bytes in all");
    write_idx("train", 8, 0, 3, false);
    expect("train", FV_ERR_DATA_FORMAT, "byte 64: 3 bytes more");
    write_idx("train", 8, 8 * 6 + 13, 0, false);
    expect("train", FV_ERR_DATA_TRUNCATED, "truncated at byte 3");
    write_idx("train", 8, 8 * 6 + 4, 0, false);
    expect("train", FV_ERR_DATA_TRUNCATED, "the header has 16 bytes");
    write_idx("train", 0, 0, 0, false);
    expect("train", FV_ERR_DATA_EMPTY, "0 images");
    write_idx("train", 8, 0, 0, false);
    const char *images = fv_test_path(dir, "train-images-idx3-ubyte");
    FILE *file = fopen(images, "r+b");
    fseek(file, 4, SEEK_SET);
    fwrite("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 1, 12, file); /* sizes that overflow 64 bits */
    fclose(file);
    expect("train", FV_ERR_DATA_FORMAT, "more bytes than a file can have");
    fv_test_write_text(images, "<html>not found</html>");
    expect("train", FV_ERR_DATA_FORMAT, "byte 0: magic number 0x3c68746d, expected 0x00000803");
    write_idx("train", 8, 0, 0, false);
    write_idx("t10k", 9, 0, 0, false);
    rename(fv_test_path(dir, "t10k-labels-idx1-ubyte"), fv_test_path(dir, "train-labels-idx1-ubyte"));
    expect("train", FV_ERR_DATA_FORMAT, "9 labels, but there are 8 images");
    unlink(fv_test_path(dir, "train-labels-idx1-ubyte"));
    expect("train", FV_ERR_NOT_FOUND, "no label file");
    expect("val", FV_ERR_NOT_FOUND, "no 'val' split here (found: train, test)");
    assert_non_null(strstr(fv_ctx_hint(ctx), "--val-split"));
    expect("tset", FV_ERR_VALUE, "did you mean 'test'");
    /* Labels without their images are a split that cannot be used, not one less. */
    write_idx("train", 8, 0, 0, false);
    write_idx("t10k", 3, 0, 0, false);
    unlink(fv_test_path(dir, "t10k-images-idx3-ubyte"));
    expect("test", FV_ERR_NOT_FOUND, "no image file of split 'test'");
    assert_non_null(strstr(fv_ctx_hint(ctx), "expected t10k-images-idx3-ubyte[.gz]"));
    write_idx("t10k", 3, 0, 0, false);
    unlink(fv_test_path(dir, "train-images-idx3-ubyte"));
    expect("train", FV_ERR_NOT_FOUND, "no image file of split 'train'");
}

/* n records; label i % classes, planes 1, 2, 3 filled with i, i + 1, i + 2. */
static void write_cifar(const char *name, int n, int label_bytes, int classes, int cut)
{
    const int record = label_bytes + 3072;
    uint8_t *data = calloc((size_t)n, (size_t)record);
    for (int i = 0; i < n; i++) {
        uint8_t *p = data + i * record;
        p[0] = 77;
        p[label_bytes - 1] = (uint8_t)(i % classes);
        for (int k = 0; k < 3; k++)
            memset(p + label_bytes + 1024 * k, i + k, 1024);
        p[label_bytes + 33] = 200; /* red of row 1, column 1 */
    }
    fv_test_write(fv_test_path(dir, name), data, (size_t)(n * record - cut));
    free(data);
}

static void cifar_opens(void **state)
{
    (void)state;
    fv_dataset *d = NULL;
    fv_image image;
    char name[64];
    write_cifar("data_batch_10.bin", 3, 1, 10, 0);
    write_cifar("data_batch_2.bin", 4, 1, 10, 0);
    write_cifar("test_batch.bin", 2, 1, 10, 0);
    fv_test_write_text(fv_test_path(dir, "batches.meta.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    assert_string_equal(fv_dataset_format(d), "cifar");
    assert_int_equal(fv_dataset_count(d), 7);
    assert_int_equal(fv_dataset_classes(d), 10);
    assert_string_equal(fv_dataset_class_name(d, 9), "j");
    fv_dataset_sample_name(d, 5, name, sizeof name);
    assert_string_equal(name, "data_batch_10.bin[1]"); /* by number, not by letter */
    assert_int_equal(fv_dataset_label(d, 5), 1);
    assert_int_equal(fv_dataset_image(d, 3, &image, NULL), FV_OK);
    assert_int_equal(image.c, 3);
    assert_true(image.data[0] == 3 && image.data[1] == 4 && image.data[2] == 5);
    assert_int_equal(image.data[33 * 3], 200);
    fv_image_free(ctx, &image);
    fv_dataset_destroy(&d);

    write_cifar("test_batch.bin", 2, 1, 10, 100);
    expect("test", FV_ERR_DATA_TRUNCATED, "truncated at byte 6046: not a multiple of a record's 3073 bytes, record 1");
    write_cifar("test_batch.bin", 12, 1, 12, 0);
    expect("test", FV_ERR_DATA_FORMAT, "byte 30730: label 10 of record 10, expected 0 to 9");
    fv_test_write(fv_test_path(dir, "test_batch.bin"), "", 0);
    expect("test", FV_ERR_DATA_EMPTY, "no records");
    fv_test_write_text(fv_test_path(dir, "batches.meta.txt"), "a\nb\n");
    expect("train", FV_ERR_DATA_CLASSES, "2 names, expected 10");
}

static void cifar100_opens(void **state)
{
    (void)state;
    fv_dataset *d = NULL;
    write_cifar("train.bin", 5, 2, 100, 0);
    write_cifar("test.bin", 1, 2, 100, 0);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    assert_int_equal(fv_dataset_classes(d), 100);
    assert_int_equal(fv_dataset_count(d), 5);
    assert_int_equal(fv_dataset_label(d, 4), 4); /* the fine label, not the coarse 77 */
    fv_dataset_destroy(&d);
}

static void no_data_here(void **state)
{
    (void)state;
    fv_dataset *d = NULL;
    assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, "absent"), NULL, &d), FV_ERR_NOT_FOUND);
    expect("train", FV_ERR_DATA_EMPTY, "no data set here: found 0 entries");
    fv_test_write_text(fv_test_path(dir, "file"), "x");
    assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, "file"), NULL, &d), FV_ERR_DATA);
    assert_non_null(strstr(fv_ctx_error(ctx), "a file that is no data set: it looks like text"));
}

/* The part held out of a split without files of its own: by class, seeded, and disjoint. */
static void val_split(void **state)
{
    (void)state;
    write_idx("train", 103, 0, 0, false);
    fv_dataset *parts[3] = {0};
    const fv_dataset_options options[3] = {{.split = "train", .val_split = 0.2, .seed = 5},
                                           {.split = "val", .val_split = 0.2, .seed = 5},
                                           {.split = "val", .val_split = 0.2, .seed = 6}};
    bool seen[103] = {false};
    int64_t per_class[4] = {0};
    char name[64], other[64];
    for (int p = 0; p < 3; p++)
        assert_int_equal(fv_dataset_open(ctx, dir, &options[p], &parts[p]), FV_OK);
    assert_int_equal(fv_dataset_count(parts[0]) + fv_dataset_count(parts[1]), 103);
    for (int p = 0; p < 2; p++) {
        for (int64_t i = 0; i < fv_dataset_count(parts[p]); i++) {
            fv_dataset_sample_name(parts[p], i, name, sizeof name);
            const int index = atoi(strchr(name, '[') + 1);
            assert_false(seen[index]);
            seen[index] = true;
            assert_int_equal(fv_dataset_label(parts[p], i), index % 4);
            per_class[index % 4] += p;
        }
    }
    for (int k = 0; k < 4; k++)
        assert_int_equal(per_class[k], 5); /* of 26, 26, 26, 25 */
    int same = 0;
    for (int64_t i = 0; i < 20; i++) {
        fv_dataset_sample_name(parts[1], i, name, sizeof name);
        fv_dataset_sample_name(parts[2], i, other, sizeof other);
        same += strcmp(name, other) == 0;
    }
    assert_true(same < 10);
    for (int p = 0; p < 3; p++)
        fv_dataset_destroy(&parts[p]);
    const fv_dataset_options wrong[] = {{.val_split = 1.0}, {.val_split = -0.1}, {.max_bad = 2}};
    for (int i = 0; i < 3; i++)
        assert_int_equal(fv_dataset_open(ctx, dir, &wrong[i], &parts[0]), FV_ERR_VALUE);
}

static void fingerprint_and_statistics(void **state)
{
    (void)state;
    char a[65], b[65];
    float mean[16], std[16];
    fv_dataset *d = NULL;
    write_idx("train", 8, 0, 0, false);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    fv_dataset_fingerprint(d, a);
    assert_int_equal(strlen(a), 64);
    assert_int_equal(fv_dataset_statistics(d, 0, mean, std), FV_OK);
    /* 10 i + p over i < 8, p < 6: mean 35 + 2.5, variance 100 * 63/12 + 35/12 */
    assert_true(mean[0] * 255 > 37.499f && mean[0] * 255 < 37.501f);
    assert_true(std[0] * 255 > 22.976f && std[0] * 255 < 22.978f);
    assert_int_equal(fv_dataset_statistics(d, 1, mean, std), FV_OK);
    assert_true(mean[0] * 255 > 2.499f && mean[0] * 255 < 2.501f);
    fv_dataset_destroy(&d);
    write_idx("train", 9, 0, 0, false);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    fv_dataset_fingerprint(d, b);
    assert_string_not_equal(a, b);
    fv_dataset_destroy(&d);
}

static void real_mnist_and_cifar(void **state)
{
    (void)state;
    const struct {
        const char *name;
        int64_t train, test, first_label;
        float mean;
    } sets[] = {{"mnist", 60000, 10000, 5, 0.1307f}, {"cifar10", 20000, 1000, 6, 0.4928f}};
    for (int i = 0; i < 2; i++) {
        char path[512];
        fv_dataset *d = NULL;
        float mean[16], std[16];
        if (!fv_test_data(sets[i].name, path))
            skip();
        assert_int_equal(fv_dataset_open(ctx, path, NULL, &d), FV_OK);
        assert_int_equal(fv_dataset_count(d), sets[i].train);
        assert_int_equal(fv_dataset_classes(d), 10);
        assert_int_equal(fv_dataset_label(d, 0), sets[i].first_label);
        assert_int_equal(fv_dataset_statistics(d, 0, mean, std), FV_OK);
        assert_true(mean[0] > sets[i].mean - 1e-3f && mean[0] < sets[i].mean + 1e-3f);
        fv_dataset_destroy(&d);
        assert_int_equal(fv_dataset_open(ctx, path, &(fv_dataset_options){.split = "test"}, &d), FV_OK);
        assert_int_equal(fv_dataset_count(d), sets[i].test);
        fv_dataset_destroy(&d);
    }
}

static fv_status open_once(fv_ctx *own, void *arg)
{
    fv_dataset *d = NULL;
    fv_status status = fv_dataset_open(own, dir, arg, &d);
    fv_dataset_destroy(&d);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    fv_dataset_options options = {.split = "val", .val_split = 0.3};
    write_idx("train", 12, 0, 0, true);
    assert_true(fv_test_each_allocation(open_once, &options) > 5);
    unlink(fv_test_path(dir, "train-images-idx3-ubyte.gz"));
    write_cifar("data_batch_1.bin", 6, 1, 2, 0);
    fv_test_write_text(fv_test_path(dir, "batches.meta.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
    assert_true(fv_test_each_allocation(open_once, &options) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(idx_opens, setup, teardown),
        cmocka_unit_test_setup_teardown(idx_class_names_from_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(idx_broken, setup, teardown),
        cmocka_unit_test_setup_teardown(cifar_opens, setup, teardown),
        cmocka_unit_test_setup_teardown(cifar100_opens, setup, teardown),
        cmocka_unit_test_setup_teardown(no_data_here, setup, teardown),
        cmocka_unit_test_setup_teardown(val_split, setup, teardown),
        cmocka_unit_test_setup_teardown(fingerprint_and_statistics, setup, teardown),
        cmocka_unit_test_setup_teardown(real_mnist_and_cifar, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
