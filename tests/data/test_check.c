/* SPDX-License-Identifier: Apache-2.0 */
/* Every fault planted, each found with its verdict, and none found where there is none. */
#define FV_TEST_THREADS 2
#include "support/fixture.h"

#include "data/planted.h"

#include <fovea/data.h>

typedef struct expected {
    int fault;
    fv_verdict verdict;
    const char *file, *words;
} expected;

static fv_check_report *check(const fv_dataset_options *options)
{
    fv_check_report *report = NULL;
    const fv_check_options all = {.data = options ? *options : (fv_dataset_options){0}};
    if (fv_dataset_check(ctx, dir, &all, &report) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return report;
}

/* The report has these rows, in any order, and no other. */
static void expect(const fv_check_report *report, const expected *rows, int n)
{
    bool used[64] = {false};
    for (int r = 0; r < n; r++) {
        bool found = false;
        for (int64_t i = 0; i < fv_check_report_count(report) && !found; i++) {
            const fv_finding *f = fv_check_report_row(report, i);
            found = !used[i] && f->fault == rows[r].fault && f->verdict == rows[r].verdict &&
                    strcmp(f->file, rows[r].file) == 0 && strstr(f->detail, rows[r].words);
            used[i] |= found;
        }
        if (!found)
            print_error("missing: %d %s %s\n", rows[r].fault, rows[r].file, rows[r].words);
    }
    for (int64_t i = 0; i < fv_check_report_count(report); i++) {
        const fv_finding *f = fv_check_report_row(report, i);
        if (!used[i])
            print_error("found: %d verdict %d %s: %s\n", f->fault, (int)f->verdict, f->file, f->detail);
    }
    assert_int_equal(fv_check_report_count(report), n);
    for (int i = 0; i < n; i++)
        assert_true(used[i]);
}

static planted changed(planted file, size_t at, int value)
{
    file.data[at] = (uint8_t)value;
    return file;
}

static planted cut(planted file, size_t size)
{
    file.size = size;
    return file;
}

static planted jpeg(planted_jpeg o)
{
    o.h = o.h ? o.h : 40;
    o.w = o.w ? o.w : 48;
    o.c = o.c ? o.c : 3;
    return planted_make_jpeg(o);
}

/* Garbage between the last block and the end-of-image marker. */
static planted with_garbage(planted file)
{
    file.data = realloc(file.data, file.size + 3);
    memcpy(file.data + file.size - 2, "\1\2\3\xFF\xD9", 5);
    file.size += 3;
    return file;
}

static size_t height_of(const planted *file)
{
    for (size_t at = 2;; at += 2 + ((size_t)file->data[at + 2] << 8 | file->data[at + 3])) {
        if (file->data[at + 1] == 0xC0)
            return at + 5;
    }
}

static void images(void **state)
{
    (void)state;
    char base[300];
    snprintf(base, sizeof base, "%s/train/a", dir);
    planted file = jpeg((planted_jpeg){0});
    const size_t height = height_of(&file), kept = file.size * 7 / 8;
    free(file.data);
    planted_save(fv_test_path(base, "fine.jpg"), jpeg((planted_jpeg){0}));
    planted_save(fv_test_path(base, "progressive.jpg"), jpeg((planted_jpeg){.progressive = true}));
    planted_save(fv_test_path(base, "cut.jpg"), cut(jpeg((planted_jpeg){0}), kept));
    planted_save(fv_test_path(base, "garbage.jpg"), with_garbage(jpeg((planted_jpeg){0})));
    fv_test_write(fv_test_path(base, "empty.jpg"), "", 0);
    fv_test_write_text(fv_test_path(base, "page.jpg"), "<!doctype html><html>404</html>");
    planted_save(fv_test_path(base, "really png.jpg"), planted_make_png(9, 9, PNG_COLOR_TYPE_RGB, 8, false, false));
    planted_save(fv_test_path(base, "cmyk.jpg"), jpeg((planted_jpeg){.c = 4}));
    planted_save(fv_test_path(base, "grey.jpg"), jpeg((planted_jpeg){.c = 1}));
    planted_save(fv_test_path(base, "rgba.png"), planted_make_png(9, 9, PNG_COLOR_TYPE_RGB_ALPHA, 8, false, false));
    planted_save(fv_test_path(base, "la.png"), planted_make_png(9, 9, PNG_COLOR_TYPE_GRAY_ALPHA, 8, false, false));
    planted_save(fv_test_path(base, "palette.png"), planted_make_png(9, 9, PNG_COLOR_TYPE_PALETTE, 8, false, false));
    planted_save(fv_test_path(base, "clear.png"), planted_make_png(9, 9, PNG_COLOR_TYPE_PALETTE, 8, false, true));
    planted_save(fv_test_path(base, "deep.png"), planted_make_png(9, 9, PNG_COLOR_TYPE_RGB, 16, false, false));
    planted_save(fv_test_path(base, "turned.jpg"), jpeg((planted_jpeg){.orientation = 6}));
    planted_save(fv_test_path(base, "upright.jpg"), jpeg((planted_jpeg){.orientation = 1}));
    planted_save(fv_test_path(base, "arithmetic.jpg"), jpeg((planted_jpeg){.arithmetic = true}));
    planted_save(fv_test_path(base, "bomb.jpg"),
                 changed(changed(jpeg((planted_jpeg){0}), height, 0xFF), height + 2, 0xFF));
    planted_save(fv_test_path(base, "dot.jpg"), jpeg((planted_jpeg){.h = 1, .w = 1}));
    planted_save(fv_test_path(base, "flat.jpg"), changed(changed(jpeg((planted_jpeg){0}), height, 0), height + 1, 0));
    planted_save(fv_test_path(base, "r\xC3\xB6t\nlich, \xF0\x9F\x8C\xB7.jpg"), jpeg((planted_jpeg){0}));
    planted_save(fv_test_path(dir, "train/b/fine.jpeg"), jpeg((planted_jpeg){.h = 41}));
    char where[96];
    snprintf(where, sizeof where, "truncated JPEG at byte %zu of %zu", kept, kept);
    char bomb[64]; /* the low bytes of the sizes are left as they were: 40 and 48 */
    snprintf(bomb, sizeof bomb, "%d x %d", 0xFF00 + 48, 0xFF00 + 40);
    const expected rows[] = {
        {1, FV_VERDICT_QUARANTINE, "train/a/cut.jpg", where},
        {2, FV_VERDICT_WARN, "train/a/garbage.jpg", "extraneous bytes"},
        {3, FV_VERDICT_QUARANTINE, "train/a/empty.jpg", "empty"},
        {4, FV_VERDICT_QUARANTINE, "train/a/page.jpg", "HTML"},
        {4, FV_VERDICT_WARN, "train/a/really png.jpg", "another format"},
        {5, FV_VERDICT_CONVERT, "train/a/cmyk.jpg", "CMYK"},
        {6, FV_VERDICT_CONVERT, "train/a/grey.jpg", "grey"},
        {6, FV_VERDICT_CONVERT, "train/a/rgba.png", "transparency"},
        {6, FV_VERDICT_CONVERT, "train/a/la.png", "transparency"},
        {6, FV_VERDICT_CONVERT, "train/a/palette.png", "palette"},
        {6, FV_VERDICT_CONVERT, "train/a/clear.png", "transparency"},
        {8, FV_VERDICT_CONVERT, "train/a/deep.png", "16 bits per channel, which are kept"},
        {9, FV_VERDICT_CONVERT, "train/a/turned.jpg", "EXIF"},
        {11, FV_VERDICT_QUARANTINE, "train/a/arithmetic.jpg", "arithmetic coding"},
        {12, FV_VERDICT_REJECT, "train/a/bomb.jpg", bomb},
        {13, FV_VERDICT_WARN, "train/a/dot.jpg", "1 x 1"},
        {13, FV_VERDICT_QUARANTINE, "train/a/flat.jpg", "48 x 0"},
        {23, FV_VERDICT_WARN, "train/a/r\xC3\xB6t\nlich, \xF0\x9F\x8C\xB7.jpg", "control character"},
        {27, FV_VERDICT_WARN, "train", "fewer than 5 usable images: 'b' (1)"},
        {27, FV_VERDICT_WARN, "train",
         "uneven classes, 15 : 1: 'a' has 15 usable images, 'b' 1; try --balance weights"},
    };
    fv_check_report *report = check(NULL);
    int64_t n = 0, classes = 0;
    fv_check_report_totals(report, &n, &classes);
    assert_int_equal(n, 22);
    assert_int_equal(classes, 2);
    expect(report, rows, sizeof rows / sizeof *rows);
    assert_non_null(strstr(fv_check_report_text(report), "      15  a\n"));
    assert_non_null(strstr(fv_check_report_text(report), "       1  b\n"));
    assert_null(fv_check_report_row(report, 1000));
    fv_check_report_destroy(&report);
    assert_null(report);

    report = check(&(fv_dataset_options){.decode = {.salvage = true, .ignore_exif = true}});
    bool salvaged = false;
    for (int64_t i = 0; i < fv_check_report_count(report); i++) {
        const fv_finding *f = fv_check_report_row(report, i);
        assert_int_not_equal(f->fault, 9);
        salvaged |= f->fault == 1 && f->verdict == FV_VERDICT_WARN;
    }
    assert_true(salvaged);
    fv_check_report_destroy(&report);
}

static void all_grey_is_no_fault(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        char name[32];
        snprintf(name, sizeof name, "%c/%d.jpg", "ab"[i % 2], i);
        planted_save(fv_test_path(dir, name), jpeg((planted_jpeg){.c = 1, .h = 30 + i}));
    }
    fv_check_report *report = check(NULL);
    expect(report, NULL, 0);
    fv_check_report_destroy(&report);
}

static void folders(void **state)
{
    (void)state;
    const char *const files[] = {"train/a/1.jpg", "train/a/deep/2.jpg", "train/b/1.jpg", "val/a/1.jpg",
                                 "val/zebra/1.jpg"};
    for (int i = 0; i < 5; i++)
        planted_save(fv_test_path(dir, files[i]), jpeg((planted_jpeg){.h = 30 + i}));
    mkdir(fv_test_path(dir, "train/void"), 0777);
    mkdir(fv_test_path(dir, "val/void"), 0777);
    fv_test_write_text(fv_test_path(dir, "train/a/.DS_Store"), "x");
    fv_test_write_text(fv_test_path(dir, "train/stray.jpg"), "x");
    fv_test_write_text(fv_test_path(dir, "list.csv"), "x");
    assert_int_equal(symlink(".", fv_test_path(dir, "train/b/loop")), 0);
    expected rows[] = {
        {18, FV_VERDICT_REJECT, "val",
         "class 'zebra' is not in the train split: found a, void, zebra (3); expected a, b, void (3)"},
        {18, FV_VERDICT_WARN, "val", "class 'b' of the train split is missing"},
        {19, FV_VERDICT_REJECT, "train/void", "without files"},
        {19, FV_VERDICT_WARN, "val/void", "without files"},
        {24, FV_VERDICT_WARN, "train/a/.DS_Store", "hidden"},
        {24, FV_VERDICT_WARN, "train/a/deep", "inside a class folder"},
        {24, FV_VERDICT_WARN, "train/b/loop", "back up"},
        {24, FV_VERDICT_WARN, "train/stray.jpg", "outside"},
        {24, FV_VERDICT_WARN, "list.csv", "outside"},
        {27, FV_VERDICT_WARN, "train", "2 of 3 classes have fewer than 5 usable images: 'a' (2), 'b' (1)"},
    };
    fv_check_report *report = check(NULL);
    expect(report, rows, 10);
    fv_check_report_destroy(&report);
    rows[0].verdict = rows[2].verdict = FV_VERDICT_WARN;
    report = check(&(fv_dataset_options){.allow_extra = true, .allow_empty = true});
    expect(report, rows, 10);
    fv_check_report_destroy(&report);
}

static void model_classes(void **state)
{
    (void)state;
    const char *const names[] = {"a", "c"};
    planted_save(fv_test_path(dir, "a/1.jpg"), jpeg((planted_jpeg){0}));
    planted_save(fv_test_path(dir, "b/1.jpg"), jpeg((planted_jpeg){0}));
    const expected rows[] = {
        {20, FV_VERDICT_REJECT, ".", "class 'b' is not in the model: found a, b (2); expected a, c (2)"},
        {20, FV_VERDICT_WARN, ".", "class 'c' of the model is missing"},
        {26, FV_VERDICT_WARN, "b/1.jpg", "the same pixels as a/1.jpg, but of another class: 'b' and 'a'"},
        {27, FV_VERDICT_WARN, ".", "2 of 2 classes have fewer than 5 usable images: 'a' (1), 'b' (1)"}};
    fv_check_report *report = check(&(fv_dataset_options){.classes = names, .n_classes = 2});
    expect(report, rows, 4);
    fv_check_report_destroy(&report);
}

/* A finding names its file once, however the data set was given. */
static void a_file_named_once(void **state)
{
    (void)state;
    char path[300], before[300];
    snprintf(path, sizeof path, "%s/cut.tar", dir);
    fv_test_write_text(path, "no archive");
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(dir), 0);
    const char *const given[] = {path, "cut.tar", "./cut.tar"};
    for (int i = 0; i < 3; i++) {
        fv_check_report *report = NULL;
        assert_int_equal(fv_dataset_check(ctx, given[i], NULL, &report), FV_OK);
        for (int64_t k = 0; k < fv_check_report_count(report); k++) {
            assert_string_equal(fv_check_report_row(report, k)->file, "cut.tar");
            assert_null(strstr(fv_check_report_row(report, k)->detail, "cut.tar"));
        }
        assert_true(fv_check_report_count(report) > 0);
        fv_check_report_destroy(&report);
    }
    assert_int_equal(chdir(before), 0);
    planted_save(fv_test_path(dir, "a/1.jpg"), jpeg((planted_jpeg){0}));
    unlink(path);
    fv_test_write_text(fv_test_path(dir, "classes.txt"), "a\na\n");
    fv_check_report *report = check(NULL);
    const fv_finding *f = fv_check_report_row(report, 0);
    assert_string_equal(f->file, "classes.txt");
    assert_string_equal(f->detail, "2: class 'a' is listed twice");
    fv_check_report_destroy(&report);
}

/* A model would store such names changed: two of them as one. */
static void names_not_utf8(void **state)
{
    (void)state;
    fv_dataset *d = NULL;
    for (int i = 0; i < 10; i++) {
        char name[32];
        snprintf(name, sizeof name, "b%c/%d.jpg", "\xFE\xFF"[i % 2], i);
        planted_save(fv_test_path(dir, name), jpeg((planted_jpeg){.h = 30 + i}));
    }
    fv_check_report *report = check(NULL);
    const expected rows[] = {{23, FV_VERDICT_REJECT, ".", "class 'b\xFE': the name is not UTF-8"},
                             {23, FV_VERDICT_REJECT, ".", "class 'b\xFF': the name is not UTF-8"}};
    expect(report, rows, 2);
    fv_check_report_destroy(&report);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_ERR_DATA_CLASSES);
    assert_non_null(strstr(fv_ctx_error(ctx), "the name is not UTF-8"));
    /* As the label of a manifest, and in a list of names that no file has. */
    fv_test_write_text(fv_test_path(dir, "manifest.csv"), "path,label\nb\xFE/0.jpg,caf\xE9\nb\xFF/1.jpg,tea\n");
    report = check(NULL);
    const expected label[] = {{23, FV_VERDICT_REJECT, "train", "class 'caf\xE9': the name is not UTF-8"},
                              {27, FV_VERDICT_WARN, "train", "fewer than 5"}};
    expect(report, label, 2);
    fv_check_report_destroy(&report);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_ERR_DATA_CLASSES);
    fv_test_write_text(fv_test_path(dir, "manifest.csv"), "path,label\nb\xFE/0.jpg,caf\xC3\xA9\nb\xFF/1.jpg,tea\n");
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    fv_dataset_destroy(&d);
    fv_test_write_text(fv_test_path(dir, "classes.txt"), "caf\xC3\xA9\ntea\nrhum\xE9\n");
    report = check(NULL);
    bool found = false;
    for (int64_t i = 0; i < fv_check_report_count(report); i++) {
        const fv_finding *f = fv_check_report_row(report, i);
        found |= f->verdict == FV_VERDICT_REJECT && strcmp(f->file, "classes.txt") == 0 && strstr(f->detail, "'rhum");
    }
    assert_true(found);
    fv_check_report_destroy(&report);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_ERR_DATA_CLASSES);
}

static void in_memory(void **state)
{
    (void)state;
    assert_int_equal(fv_make_digits(ctx, dir, 200, 10, 1), FV_OK);
    fv_check_report *report = check(NULL);
    int64_t n = 0, classes = 0;
    fv_check_report_totals(report, &n, &classes);
    assert_int_equal(n, 210);
    assert_int_equal(classes, 10);
    expect(report, NULL, 0);
    fv_check_report_destroy(&report);
    assert_int_equal(truncate(fv_test_path(dir, "t10k-images-idx3-ubyte"), 1000), 0);
    report = check(NULL);
    expect(report, &(expected){1, FV_VERDICT_REJECT, "test", "truncated at byte 1000"}, 1);
    fv_check_report_destroy(&report);
    unlink(fv_test_path(dir, "t10k-images-idx3-ubyte")); /* its labels are still there */
    report = check(NULL);
    expect(report, &(expected){4, FV_VERDICT_REJECT, "test", "no image file of split 'test'; expected t10k-images"}, 1);
    fv_check_report_destroy(&report);
    assert_int_equal(fv_dataset_check(ctx, fv_test_path(dir, "absent"), NULL, &report), FV_ERR_NOT_FOUND);
    assert_null(report);
}

static void nothing_on_real_data(void **state)
{
    (void)state;
    const char *const names[] = {"mnist", "cifar10", "flowers5"};
    const int64_t images_of[] = {70000, 21000, 500};
    for (int i = 0; i < 3; i++) {
        char path[512];
        fv_check_report *report = NULL;
        int64_t n = 0, classes = 0;
        if (!fv_test_data(names[i], path))
            skip();
        assert_int_equal(fv_dataset_check(ctx, path, NULL, &report), FV_OK);
        fv_check_report_totals(report, &n, &classes);
        assert_int_equal(n, images_of[i]);
        for (int64_t k = 0; k < fv_check_report_count(report); k++) {
            const fv_finding *f = fv_check_report_row(report, k);
            if (f->verdict != FV_VERDICT_CONVERT)
                fail_msg("a false alarm: %d %s: %s", f->fault, f->file, f->detail);
        }
        fv_check_report_destroy(&report);
    }
}

static fv_status check_once(fv_ctx *own, void *arg)
{
    (void)arg;
    fv_check_report *report = NULL;
    fv_status status = fv_dataset_check(own, dir, NULL, &report);
    fv_check_report_destroy(&report);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    planted_save(fv_test_path(dir, "train/a/1.jpg"), jpeg((planted_jpeg){.orientation = 3}));
    planted_save(fv_test_path(dir, "train/b/1.png"), planted_make_png(9, 9, PNG_COLOR_TYPE_RGB_ALPHA, 8, false, false));
    planted_save(fv_test_path(dir, "val/c/1.jpg"), jpeg((planted_jpeg){0}));
    fv_test_write_text(fv_test_path(dir, "train/b/text.jpg"), "x");
    assert_true(fv_test_each_allocation(check_once, NULL) > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(images, setup, teardown),
        cmocka_unit_test_setup_teardown(all_grey_is_no_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(folders, setup, teardown),
        cmocka_unit_test_setup_teardown(model_classes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_named_once, setup, teardown),
        cmocka_unit_test_setup_teardown(names_not_utf8, setup, teardown),
        cmocka_unit_test_setup_teardown(in_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_on_real_data, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
