/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of classes: layouts, names, splits, and what must be refused or skipped. */
#define FV_TEST_THREADS 2
#include "support/fixture.h"

#include "data/planted.h"

#include <fovea/data.h>

/* n images in dir/folder. */
static void plant(const char *folder, int n)
{
    for (int i = 0; i < n; i++) {
        char name[300];
        snprintf(name, sizeof name, "%s/img%d.jpg", folder, i);
        planted_jpeg_file(fv_test_path(dir, name), i);
    }
}

static fv_dataset *must_open(const fv_dataset_options *options)
{
    fv_dataset *d = NULL;
    if (fv_dataset_open(ctx, dir, options, &d) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return d;
}

static void expect(const fv_dataset_options *options, fv_status status, const char *words)
{
    fv_dataset *d = NULL;
    fv_status got = fv_dataset_open(ctx, dir, options, &d);
    fv_dataset_destroy(&d);
    if (got != status || !strstr(fv_ctx_error(ctx), words))
        fail_msg("%s: %s", fv_status_name(got), fv_ctx_error(ctx));
}

static void expect_log(const char *words)
{
    if (!strstr(messages.text, words))
        fail_msg("not in the log: %s\n%s", words, messages.text);
}

static void with_splits(void **state)
{
    (void)state;
    int64_t h, w, c;
    bool has = false;
    char name[512];
    plant("training/b", 3);
    plant("training/a", 2);
    plant("training/10", 1);
    plant("training/2", 1);
    plant("validation/2", 2);
    plant("validation/b", 1);
    plant("validation/a", 1);
    plant("validation/10", 1);
    fv_dataset *d = must_open(NULL);
    assert_string_equal(fv_dataset_format(d), "folder");
    assert_int_equal(fv_dataset_count(d), 7);
    assert_int_equal(fv_dataset_classes(d), 4);
    const char *const names[] = {"10", "2", "a", "b"}; /* byte-wise */
    for (int i = 0; i < 4; i++)
        assert_string_equal(fv_dataset_class_name(d, i), names[i]);
    fv_dataset_size(d, &h, &w, &c);
    assert_int_equal(h * 100 + w * 10 + c, 3);
    fv_dataset_sample_name(d, 3, name, sizeof name);
    assert_string_equal(name, "training/a/img1.jpg");
    assert_int_equal(fv_dataset_label(d, 3), 2);
    fv_image image;
    assert_int_equal(fv_dataset_image(d, 3, &image, NULL), FV_OK);
    assert_int_equal(image.h * 100 + image.w, 2125);
    fv_image_free(ctx, &image);
    assert_int_equal(fv_dataset_image(d, 7, &image, NULL), FV_ERR_ARGUMENT);
    fv_dataset_destroy(&d);
    d = must_open(&(fv_dataset_options){.split = "eval"});
    assert_int_equal(fv_dataset_count(d), 5);
    fv_dataset_destroy(&d);
    assert_int_equal(fv_dataset_has_split(ctx, dir, "val", &has), FV_OK);
    assert_true(has);
    assert_int_equal(fv_dataset_has_split(ctx, dir, "test", &has), FV_OK);
    assert_false(has);
    expect(&(fv_dataset_options){.split = "test"}, FV_ERR_NOT_FOUND, "no 'test' split here (found: train, val)");
    plant("valid/a", 1);
    expect(&(fv_dataset_options){.split = "val"}, FV_ERR_CONFLICT, "both 'valid' and 'validation'");
}

/* Classes that are called like splits, and a root without splits. */
static void without_splits(void **state)
{
    (void)state;
    bool has = true;
    plant("bus", 5);
    plant("train", 5);
    plant("car", 5);
    fv_dataset *d = must_open(NULL);
    assert_int_equal(fv_dataset_count(d), 15);
    assert_string_equal(fv_dataset_class_name(d, 2), "train");
    fv_dataset_destroy(&d);
    assert_int_equal(fv_dataset_has_split(ctx, dir, "val", &has), FV_OK);
    assert_false(has);
    d = must_open(&(fv_dataset_options){.split = "val", .val_split = 0.2, .seed = 3});
    assert_int_equal(fv_dataset_count(d), 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fv_dataset_label(d, i), i);
    fv_dataset_destroy(&d);
}

/* A test split whose labels are kept back. */
static void test_without_labels(void **state)
{
    (void)state;
    bool has = true;
    char folder[512], small[8];
    plant("train/a", 2);
    plant("train/b", 2);
    assert_int_equal(fv_dataset_unlabeled_test(ctx, dir, folder, sizeof folder), FV_OK);
    assert_string_equal(folder, "");
    plant("test_images/unknown", 3);
    assert_int_equal(fv_dataset_unlabeled_test(ctx, dir, folder, sizeof folder), FV_OK);
    assert_string_equal(folder, fv_test_path(dir, "test_images/unknown"));
    assert_int_equal(fv_dataset_unlabeled_test(ctx, dir, small, sizeof small), FV_ERR_VALUE);
    assert_string_equal(small, "");
    assert_int_equal(fv_dataset_has_split(ctx, dir, "test", &has), FV_OK);
    assert_false(has);
    expect(&(fv_dataset_options){.split = "test"}, FV_ERR_DATA_EMPTY, "test_images/unknown: images without labels");
    plant("train/unknown", 1);
    assert_int_equal(fv_dataset_unlabeled_test(ctx, dir, folder, sizeof folder), FV_OK);
    assert_string_equal(folder, "");
    assert_int_equal(fv_dataset_has_split(ctx, dir, "test", &has), FV_OK);
    assert_true(has);
}

/* Some samples in place of all: of each class its share, and what is known of them comes along. */
static void keeps_some(void **state)
{
    (void)state;
    plant("a", 40);
    plant("b", 1);
    plant("c", 19);
    char first[12][512], name[512];
    for (int round = 0; round < 3; round++) {
        int64_t counts[3] = {0}, same = 0;
        fv_dataset *d = must_open(NULL);
        assert_int_equal(fv_dataset_keep(d, 0, 0), FV_ERR_VALUE);
        assert_int_equal(fv_dataset_keep(d, 60, 0), FV_OK);
        assert_int_equal(fv_dataset_count(d), 60);
        assert_int_equal(fv_dataset_keep(d, 12, round == 2), FV_OK);
        assert_int_equal(fv_dataset_count(d), 12);
        for (int64_t i = 0; i < 12; i++) {
            fv_image image;
            fv_dataset_sample_name(d, i, name, sizeof name);
            counts[fv_dataset_label(d, i)]++;
            assert_int_equal(name[0] - 'a', fv_dataset_label(d, i));
            assert_int_equal(fv_dataset_image(d, i, &image, NULL), FV_OK);
            assert_int_equal(image.h, 20 + atoi(strstr(name, "img") + 3) % 7);
            fv_image_free(ctx, &image);
            assert_true(i == 0 || fv_dataset_label(d, i - 1) <= fv_dataset_label(d, i));
            same += round > 0 && strcmp(name, first[i]) == 0;
            if (round == 0)
                memcpy(first[i], name, sizeof name);
        }
        /* turns 1.5/40, 2.5/40, ... and 1.5/19, 2.5/19, ... behind the first of each */
        assert_int_equal(counts[0] * 10000 + counts[1] * 100 + counts[2], 70104);
        assert_int_equal(round == 1 ? same == 12 : same < 12, 1);
        fv_dataset_destroy(&d);
    }
}

/* n files, no two of them equal. */
static void plant_different(const char *folder, int n)
{
    for (int i = 0; i < n; i++) {
        char name[300];
        snprintf(name, sizeof name, "%s/img%d.jpg", folder, i);
        fv_test_write_text(fv_test_path(dir, name), name);
    }
}

/* What is held out of a class does not change when another class grows. */
static void val_split_is_stable(void **state)
{
    (void)state;
    plant_different("a", 30);
    plant_different("b", 10);
    const fv_dataset_options options = {.split = "val", .val_split = 0.2, .seed = 11};
    char before[6][128], name[128];
    fv_dataset *d = must_open(&options);
    assert_int_equal(fv_dataset_count(d), 8);
    for (int i = 0; i < 6; i++)
        fv_dataset_sample_name(d, i, before[i], sizeof before[i]);
    fv_dataset_destroy(&d);
    plant_different("b", 40);
    plant_different("0", 7); /* in front of the others: all places shift by seven */
    d = must_open(&options);
    assert_int_equal(fv_dataset_count(d), 6 + 1 + 8);
    for (int i = 0; i < 6; i++) {
        fv_dataset_sample_name(d, 1 + i, name, sizeof name);
        assert_string_equal(name, before[i]);
    }
    fv_dataset_destroy(&d);
}

static void classes_by_name(void **state)
{
    (void)state;
    plant("train/a", 2);
    plant("train/b", 2);
    plant("train/c", 2);
    plant("val/c", 3);
    plant("val/a", 1);
    fv_dataset *d = must_open(&(fv_dataset_options){.split = "val"});
    assert_int_equal(fv_dataset_classes(d), 3);
    assert_int_equal(fv_dataset_label(d, 0), 0);
    assert_int_equal(fv_dataset_label(d, 1), 2); /* c is 2 although it is val's second class */
    fv_dataset_destroy(&d);
    expect_log("no samples of 1 of the 3 classes (first: 'b')");

    plant("val/zebra", 2);
    expect(&(fv_dataset_options){.split = "val"}, FV_ERR_DATA_CLASSES,
           "class 'zebra' is unknown: found a, c, zebra (3); expected a, b, c (3)");
    d = must_open(&(fv_dataset_options){.split = "val", .allow_extra = true});
    assert_int_equal(fv_dataset_count(d), 4);
    fv_dataset_destroy(&d);
    expect_log("1 unknown class left out (first: 'zebra')");
    expect_log("2 samples of unknown classes left out");

    /* A model's classes number the labels. */
    const char *const model[] = {"c", "x", "b", "a"};
    d = must_open(&(fv_dataset_options){.classes = model, .n_classes = 4});
    assert_int_equal(fv_dataset_classes(d), 4);
    assert_int_equal(fv_dataset_label(d, 0), 3);
    assert_int_equal(fv_dataset_label(d, 5), 0);
    fv_dataset_destroy(&d);
    expect(&(fv_dataset_options){.classes = model, .n_classes = 3}, FV_ERR_DATA_CLASSES, "class 'a' is unknown");

    fv_test_write_text(fv_test_path(dir, "classes.txt"), "b\nc\na\n");
    d = must_open(NULL);
    assert_string_equal(fv_dataset_class_name(d, 0), "b");
    assert_int_equal(fv_dataset_label(d, 0), 2);
    fv_dataset_destroy(&d);
}

static void empty_classes(void **state)
{
    (void)state;
    plant("train/a", 2);
    plant("train/b", 2);
    plant("val/a", 1);
    mkdir(fv_test_path(dir, "val/b"), 0777);
    fv_dataset *d = must_open(&(fv_dataset_options){.split = "val"});
    assert_int_equal(fv_dataset_classes(d), 2);
    fv_dataset_destroy(&d);
    expect_log("1 class folder without images (first: val/b)");
    mkdir(fv_test_path(dir, "train/aa"), 0777);
    expect(NULL, FV_ERR_DATA_EMPTY, "train/aa: a class without images");
    assert_non_null(strstr(fv_ctx_hint(ctx), "--allow-empty"));
    d = must_open(&(fv_dataset_options){.allow_empty = true});
    assert_int_equal(fv_dataset_classes(d), 3);
    assert_int_equal(fv_dataset_label(d, 3), 2); /* no shift: b stays behind aa */
    fv_dataset_destroy(&d);
}

static void nothing_inside(void **state)
{
    (void)state;
    mkdir(fv_test_path(dir, "a"), 0777);
    mkdir(fv_test_path(dir, "b"), 0777);
    expect(NULL, FV_ERR_DATA_EMPTY, "2 class folders, no file in any of them");
}

static void oddities(void **state)
{
    (void)state;
    plant("train/a", 2);
    plant("train/a/deep/er", 2);
    plant("train/b", 1);
    plant("train/.hidden", 3);
    plant("train/__MACOSX", 3);
    fv_test_write_text(fv_test_path(dir, "train/a/Thumbs.db"), "x");
    fv_test_write_text(fv_test_path(dir, "train/a/._img0.jpg"), "x");
    fv_test_write_text(fv_test_path(dir, "train/readme.txt"), "x");
    fv_test_write_text(fv_test_path(dir, "notes.md"), "x");
    plant("elsewhere/c", 2);
    assert_int_equal(symlink("..", fv_test_path(dir, "train/a/loop")), 0);
    assert_int_equal(symlink("nowhere", fv_test_path(dir, "train/b/dangling.jpg")), 0);
    assert_int_equal(symlink("../../elsewhere/c", fv_test_path(dir, "train/b/linked")), 0);
    assert_int_equal(mkfifo(fv_test_path(dir, "train/b/pipe.jpg"), 0600), 0);
    /* What can never be read counts as what cannot be decoded. */
    char csv[300], text[300] = "";
    snprintf(csv, sizeof csv, "%s/lost.csv", dir);
    expect(
        &(fv_dataset_options){.max_bad = 0.2, .quarantine_csv = csv}, FV_ERR_DATA_TOO_BAD,
        "2 of 9 samples cannot be used, more than the share of 0.2 allowed; the first is train/b/dangling.jpg: a link");
    assert_non_null(strstr(fv_ctx_hint(ctx), "lost.csv"));
    unlink(csv);
    fv_dataset *d = must_open(&(fv_dataset_options){.max_bad = 0.25, .quarantine_csv = csv});
    assert_int_equal(fv_dataset_count(d), 7);
    assert_int_equal(fv_dataset_classes(d), 2);
    fv_dataset_destroy(&d);
    FILE *f = fopen(csv, "rb");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    assert_string_equal(text,
                        "path,verdict,byte\r\n"
                        "train/b/dangling.jpg,a link to something that is not there,\r\n"
                        "train/b/pipe.jpg,\"FIFO, socket or device, no file: reading it could wait forever\",\r\n");
    expect_log(" 4 hidden or system files skipped");
    expect_log(" 3 files or folders outside the class folders skipped (first: elsewhere)");
    expect_log(" 1 FIFO, socket or device skipped");
    expect_log(" 1 link to something that is not there skipped");
    expect_log(" 1 link leading back up not followed (first: train/a/loop)");
    expect_log(" 3 folders inside class folders, whose files belong to the class");
}

static void any_name(void **state)
{
    (void)state;
    const char *const names[] = {"new\nline",       "quote\"comma,", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80",
                                 "bad\xFF\xFEutf8", " lead",         "%s%n"};
    for (int i = 0; i < 6; i++) {
        char path[512];
        /* Bytes that are no UTF-8 may name a file, not a class: a model stores those. */
        snprintf(path, sizeof path, "%s/%s/%s.jpg", dir, i == 3 ? "bytes" : names[i], names[i]);
        planted_jpeg_file(path, i);
    }
    char deep[900] = "deep";
    for (int i = 0; i < 12; i++) {
        size_t n = strlen(deep);
        deep[n] = '/';
        memset(deep + n + 1, 'a' + i, 40);
        deep[n + 41] = '\0';
    }
    char path[1300];
    snprintf(path, sizeof path, "%s/%s", dir, deep);
    for (char *p = strchr(path + strlen(dir) + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        mkdir(path, 0777);
        *p = '/';
    }
    planted made = planted_make_jpeg((planted_jpeg){.h = 8, .w = 8, .c = 3});
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(made.data, 1, made.size, file);
    fclose(file);
    free(made.data);
    fv_dataset *d = must_open(NULL);
    assert_int_equal(fv_dataset_count(d), 7);
    for (int64_t i = 0; i < 7; i++) {
        fv_image image;
        assert_int_equal(fv_dataset_image(d, i, &image, NULL), FV_OK);
        fv_image_free(ctx, &image);
    }
    bool newline = false;
    for (int64_t k = 0; k < fv_dataset_classes(d); k++)
        newline |= strcmp(fv_dataset_class_name(d, k), "new\nline") == 0;
    assert_true(newline);
    fv_dataset_destroy(&d);
}

static void real_flowers(void **state)
{
    (void)state;
    char path[512], again[65], hex[65];
    fv_dataset *d = NULL;
    if (!fv_test_data("flowers5", path))
        skip();
    assert_int_equal(fv_dataset_open(ctx, path, NULL, &d), FV_OK);
    assert_int_equal(fv_dataset_count(d), 350);
    assert_string_equal(fv_dataset_class_name(d, 0), "daisy");
    fv_dataset_fingerprint(d, hex);
    fv_dataset_destroy(&d);
    assert_int_equal(fv_dataset_open(ctx, path, &(fv_dataset_options){.split = "val"}, &d), FV_OK);
    assert_int_equal(fv_dataset_count(d), 150);
    fv_dataset_fingerprint(d, again);
    assert_string_not_equal(hex, again);
    fv_dataset_destroy(&d);
    assert_int_equal(messages.lines, 0);
}

static fv_status open_once(fv_ctx *own, void *arg)
{
    fv_dataset *d = NULL;
    fv_image image = {0};
    fv_status status = fv_dataset_open(own, dir, arg, &d);
    if (status == FV_OK)
        status = fv_dataset_image(d, 0, &image, NULL);
    fv_image_free(own, &image);
    fv_dataset_destroy(&d);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    plant("train/a/nested", 3);
    plant("train/b", 3);
    plant("val/b", 1);
    plant("val/c", 1);
    fv_test_write_text(fv_test_path(dir, "stray"), "x");
    assert_true(fv_test_each_allocation(open_once, &(fv_dataset_options){.split = "val", .allow_extra = true}) > 20);
    assert_true(fv_test_each_allocation(open_once, &(fv_dataset_options){0}) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(with_splits, setup, teardown),
        cmocka_unit_test_setup_teardown(without_splits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_labels, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_some, setup, teardown),
        cmocka_unit_test_setup_teardown(val_split_is_stable, setup, teardown),
        cmocka_unit_test_setup_teardown(classes_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_classes, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_inside, setup, teardown),
        cmocka_unit_test_setup_teardown(oddities, setup, teardown),
        cmocka_unit_test_setup_teardown(any_name, setup, teardown),
        cmocka_unit_test_setup_teardown(real_flowers, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
