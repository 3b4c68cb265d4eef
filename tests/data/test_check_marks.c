/* SPDX-License-Identifier: Apache-2.0 */
/* How many images and boxes a check counts for each class where images have boxes or masks instead of a label. */
#define FV_TEST_THREADS 2
#include "support/fixture.h"

#include "data/planted.h"

#include <fovea/data.h>

static void picture(const char *name)
{
    static int drawn;
    planted_save(fv_test_path(dir, name), planted_make_jpeg((planted_jpeg){.h = 40 + drawn++ % 32, .w = 48, .c = 3}));
}

static fv_check_report *check(void)
{
    fv_check_report *report = NULL;
    if (fv_dataset_check(ctx, dir, NULL, &report) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return report;
}

static void expect(const fv_check_report *r, const char *name, const char *split, int64_t images, int64_t boxes)
{
    int64_t all, classes, i = 0;
    fv_check_report_totals(r, &all, &classes);
    while (i < classes && strcmp(fv_check_report_class(r, i), name) != 0)
        i++;
    assert_true(i < classes);
    assert_int_equal(fv_check_report_class_count(r, i, split), images);
    assert_int_equal(fv_check_report_class_boxes(r, i, split), boxes);
}

static bool finds(const fv_check_report *r, const char *words)
{
    for (int64_t i = 0; i < fv_check_report_count(r); i++) {
        if (strstr(fv_check_report_row(r, i)->detail, words))
            return true;
    }
    return false;
}

static void label(const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "images/%s.jpg", name);
    picture(path);
    snprintf(path, sizeof path, "labels/%s.txt", name);
    if (text)
        fv_test_write_text(fv_test_path(dir, path), text);
}

/* An image counts once for a class, its boxes each; what is left out counts for nothing. */
static void yolo(void **state)
{
    (void)state;
    fv_test_write_text(fv_test_path(dir, "classes.txt"), "cat\ndog\nowl\n");
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "train/%02d", i);
        label(name, i < 2 ? "0 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1 0.1\n0 0.3 0.3 0.1 0.1\n" : "0 0.5 0.5 0.2 0.2\n");
    }
    label("train/bad line", "1 0.5 0.5 0.2 0.2\n1 7 0.5 0.2 0.2\n");
    label("train/cut", "1 0.5 0.5 0.2 0.2\n");
    fv_test_write_text(fv_test_path(dir, "images/train/cut.jpg"), "x");
    label("train/none", NULL);
    label("val/mark", "\xEF\xBB\xBF"
                      "1 0.5 0.5 0.2 0.2\r\n");
    label("val/a", "1 0.1 0.1 0.9 0.1 0.9 0.9\n");
    fv_check_report *r = check();
    expect(r, "cat", "train", 20, 22);
    expect(r, "dog", "train", 2, 2);
    expect(r, "owl", "train", 0, 0);
    expect(r, "cat", "val", 0, 0);
    expect(r, "dog", "val", 2, 2);
    expect(r, "dog", "test", -1, -1);
    assert_true(finds(r, "2 of 3 classes have fewer than 5 usable images: 'dog' (2), 'owl' (0)"));
    assert_true(finds(r, "uneven classes, 10 : 1: 'cat' has 20 usable images, 'dog' 2"));
    assert_false(finds(r, "--balance"));
    assert_non_null(strstr(fv_check_report_text(r),
                           "   train    boxes     val    boxes  class: images with a box of it, and boxes\n"
                           "      20       22       0        0  cat\n"
                           "       2        2       2        2  dog\n"
                           "       0        0       0        0  owl\n"
                           "      23       24       2        2  in all, 24 of 25 usable\n"));
    fv_data_summary s;
    assert_int_equal(fv_check_report_summary(r, &s), FV_OK);
    assert_int_equal(s.smallest, 0);
    assert_int_equal(s.largest, 20);
    assert_null(s.strategy[0]);
    fv_check_report_destroy(&r);
}

/* Categories of another file are told by name; crowds, boxes without area and images that are not there are left out.
 */
static void coco(void **state)
{
    (void)state;
    picture("train2017/1.jpg");
    picture("train2017/2.jpg");
    picture("val2017/3.jpg");
    fv_test_write_text(fv_test_path(dir, "annotations/instances_train2017.json"),
                       "{\"images\": [{\"id\": 7, \"file_name\": \"1.jpg\"}, {\"id\": 5, \"file_name\": \"2.jpg\"},"
                       " {\"id\": 6, \"file_name\": \"gone.jpg\"}],\n"
                       "\"annotations\": [\n"
                       " {\"id\": 1, \"image_id\": 7, \"category_id\": 3, \"bbox\": [1, 1, 10, 10]},\n"
                       " {\"id\": 2, \"image_id\": 5, \"category_id\": 3, \"bbox\": [1, 1, 10, 10]},\n"
                       " {\"id\": 3, \"image_id\": 7, \"category_id\": 3, \"bbox\": [2, 1, 10, 10]},\n"
                       " {\"id\": 4, \"image_id\": 7, \"category_id\": 9, \"bbox\": [1, 1, 10, 10]},\n"
                       " {\"id\": 5, \"image_id\": 5, \"category_id\": 9, \"bbox\": [1, 1, 10, 10], \"iscrowd\": 1},\n"
                       " {\"id\": 6, \"image_id\": 5, \"category_id\": 9, \"bbox\": [1, 1, 0, 10]},\n"
                       " {\"id\": 7, \"image_id\": 6, \"category_id\": 9, \"bbox\": [1, 1, 10, 10]}],\n"
                       "\"categories\": [{\"id\": 3, \"name\": \"cat\"}, {\"id\": 9, \"name\": \"dog\"}]}\n");
    fv_test_write_text(fv_test_path(dir, "annotations/instances_val2017.json"),
                       "{\"images\": [{\"id\": 1, \"file_name\": \"3.jpg\"}],\n"
                       "\"annotations\": [{\"id\": 1, \"image_id\": 1, \"category_id\": 1, \"bbox\": [1, 1, 5, 5]}],\n"
                       "\"categories\": [{\"id\": 1, \"name\": \"dog\"}, {\"id\": 2, \"name\": \"cat\"}]}\n");
    fv_check_report *r = check();
    expect(r, "cat", "train", 2, 3);
    expect(r, "dog", "train", 1, 1);
    expect(r, "cat", "val", 0, 0);
    expect(r, "dog", "val", 1, 1);
    fv_check_report_destroy(&r);
}

static void mask(const char *name, int h, int first, int value)
{
    uint8_t *pixels = calloc((size_t)h * 48, 1);
    assert_non_null(pixels);
    memset(pixels, first, (size_t)h * 48);
    pixels[h * 48 - 1] = (uint8_t)value;
    png_image image = {.version = PNG_IMAGE_VERSION, .width = 48, .height = (png_uint_32)h, .format = PNG_FORMAT_GRAY};
    assert_true(png_image_write_to_file(&image, fv_test_path(dir, name), 0, pixels, 0, NULL));
    free(pixels);
}

/* A single pixel is enough, and 255 is none; masks that cannot be used count for nothing. */
static void masks(void **state)
{
    (void)state;
    fv_test_write_text(fv_test_path(dir, "classes.txt"), "ground\nplant\n");
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "images/%d.jpg", i);
        planted_save(fv_test_path(dir, name), planted_make_jpeg((planted_jpeg){.h = 40 + i, .w = 48, .c = 3}));
        snprintf(name, sizeof name, "masks/%d.png", i);
        fv_test_write_text(fv_test_path(dir, name), "");
        mask(name, i == 3 ? 39 : 40 + i, i == 0 ? 255 : 0, i == 2 ? 9 : 1);
    }
    fv_check_report *r = check();
    expect(r, "ground", "train", 1, -1);
    expect(r, "plant", "train", 2, -1);
    assert_non_null(strstr(fv_check_report_text(r), "   train  class: images with a pixel of it\n"
                                                    "       1  ground\n       2  plant\n"));
    fv_check_report_destroy(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(yolo, setup, teardown),
        cmocka_unit_test_setup_teardown(coco, setup, teardown),
        cmocka_unit_test_setup_teardown(masks, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
