/* SPDX-License-Identifier: Apache-2.0 */
/* The planted corpus: every fault found with its verdict and place, and nothing found that was not planted. */
#include "data/corpus.h"

#define FV_TEST_THREADS 2
#include "support/fixture.h"

#include <fovea/data.h>

/* What must be found; byte -2: any. */
static const struct {
    const char *set;
    int fault;
    fv_verdict verdict;
    const char *file, *words;
    int64_t byte;
} rows[] = {
#define R FV_VERDICT_REJECT
#define Q FV_VERDICT_QUARANTINE
#define W FV_VERDICT_WARN
#define C FV_VERDICT_CONVERT
    {"images", 1, Q, "train/a/cut.jpg", "truncated JPEG at byte ", -2},
    {"images", 2, W, "train/a/garbage.jpg", "extraneous bytes", -2},
    {"images", 3, Q, "train/a/empty.jpg", "the file is empty (0 bytes)", 0},
    {"images", 4, Q, "train/a/page.jpg", "the content looks like HTML", 0},
    {"images", 4, W, "train/a/png.jpg", "the name says another format than the content", -2},
    {"images", 5, C, "train/a/cmyk.jpg", "CMYK converted to RGB", -2},
    {"images", 6, C, "train/a/grey.jpg", "grey among color images", -2},
    {"images", 6, C, "train/a/rgba.png", "transparency put on the background color", -2},
    {"images", 6, C, "train/a/la.png", "transparency put on the background color", -2},
    {"images", 6, C, "train/a/palette.png", "palette expanded to RGB", -2},
    {"images", 6, C, "train/a/clear.png", "transparency put on the background color", -2},
    {"images", 6, C, "train/a/grey.bmp", "grey among color images", -2}, /* row 7: it loads */
    {"images", 8, C, "train/a/deep.png", "16 bits per channel", -2},
    {"images", 9, C, "train/a/turned.jpg", "turned upright as EXIF says", -2},
    {"images", 10, C, "train/a/profile.png", "its color profile is not applied", -2},
    {"images", 11, Q, "train/a/lossless.jpg", "lossless JPEG is not supported", -2},
    {"images", 11, Q, "train/a/twelve.jpg", "12-bit JPEG is not supported", -2},
    {"images", 12, R, "train/a/bomb.jpg", "the limit is 178956970 pixels", -2},
    {"images", 13, W, "train/a/dot.png", "1 x 1 pixels", -1},
    {"images", 13, W, "train/a/line.png", "20 x 1 pixels", -1},
    {"images", 13, Q, "train/a/none.jpg", "30 x 0 pixels", -2},
    {"images", 14, C, "train/a/moving.png", "more frames or pages than one", -2},
    {"images", 15, W, "train/a/black.png", "every pixel is the same", -1},
    {"images", 16, Q, "train/a/nan.npy", "NaN at row 1, column 1, channel 0 (value 4 of 6)", -2},
    {"images", 16, Q, "train/a/signed.npy", "dtype 'i4' has no scale of brightness", -2},
    {"images", 17, Q, "train/a/object.npy", "pickled Python code, which is never loaded", -2},
    {"images", 17, Q, "train/a/bogus.npy", "", -2},
    {"images", 6, C, "train/a/fortran.npy", "grey among color images", -2}, /* row 17: it loads */
    {"images", 23, W, "train/a/new\nline.jpg", "a control character in the name", -1},
    {"images", 23, W, "train/a/latin\xE9.jpg", "a name that is not UTF-8", -1},
    {"images", 24, W, "train/a/.DS_Store", "hidden or system file", -1},
    {"images", 24, W, "train/a/deeper", "a folder inside a class folder", -1},
    {"images", 24, W, "train/stray.jpg", "outside the class folders", -1},
    {"images", 32, Q, "train/a/vanished.jpg", "a link to something that is not there", -1},
    {"images", 37, Q, "train/a/pipe.jpg", "reading it could wait forever", -1},

    {"formats", 6, C, "train/a/moving.gif", "palette expanded", -2},
    {"formats", 14, C, "train/a/moving.gif", "more frames or pages than one", -2},
    {"formats", 6, C, "train/a/deep.tif", "grey among color images", -2},
    {"formats", 8, C, "train/a/deep.tif", "16 bits per channel", -2},
    {"formats", 16, Q, "train/a/nan.tif", "NaN at row 2, column 1", -2},
    {"formats", 6, C, "train/a/deep.pgm", "grey among color images", -2},
    {"formats", 8, C, "train/a/deep.pgm", "16 bits per channel", -2},
    {"formats", 11, Q, "train/a/arithmetic.jpg", "arithmetic coding is not supported", -2},

    {"classes", 18, R, "val",
     "class 'zebra' is not in the train split: found cat, zebra (2); expected cat, dog, void (3)", -1},
    {"classes", 18, W, "val", "class 'dog' of the train split is missing, and 1 more", -1},
    {"classes", 19, R, "train/void", "a class folder without files", -1},

    {"model", 20, R, "train",
     "class 'dog' is not in the model: found cat, dog (2); expected cat, horse (2); `fovea train --reset-head` trains "
     "a new output layer",
     -1},
    {"model", 20, W, "train", "class 'horse' of the model is missing", -1},

    {"names", 21, R, ".", "'Cat' and 'cat' differ only in case:", -1},
    {"names", 21, R, ".", "(Unicode NFC and NFD)", -1},
    {"names", 21, R, ".", "'dog' and 'dog ' differ only in spaces or dots at the end", -1},
    {"names", 22, W, ".", "byte order puts class '10' before '2'", -1},
    {"names", 23, W, ".", "class 'dog ': a space at the end of the name", -1},

    {"copies", 25, W, "val/a/same.jpg", "the same pixels as train/a/00.jpg of the train split", -1},
    {"copies", 25, W, "val/b/alike.jpg", "nearly the same picture as train/b/01.jpg of the train split", -1},
    {"copies", 25, W, "val/b/alike too.jpg", "nearly the same picture as train/b/02.jpg of the train split", -1},
    {"copies", 26, W, "train/b/same.jpg", "the same pixels as train/a/01.jpg, but of another class: 'b' and 'a'", -1},

    {"uneven", 27, R, ".", "1 of 3 classes have fewer than 2 usable images: 'one' (1); a stratified split", -1},
    {"uneven", 27, W, ".", "2 of 3 classes have fewer than 5 usable images: 'few' (3), 'one' (1)", -1},
    {"uneven", 27, W, ".", "uneven classes, 40 : 1: 'many' has 40 usable images, 'one' 1; try --balance weights", -1},
    {"uneven", 33, W, ".", "44 usable images are fewer than a batch of 64", -1},

    {"manifest", 28, R, "manifest.csv", "line 3, column 1: img/gone.jpg", -1},
    {"manifest", 28, R, "manifest.csv", "line 4, column 12: no label", -1},
    {"manifest", 28, R, "manifest.csv", "line 5, column 16: split 'tarin'", -1},
    {"manifest", 28, R, "manifest.csv", "line 6, column 12: 2 fields, the header has 3", -1},
    {"manifest", 28, R, "manifest.csv", "line 7, column 12: the quote that opens here is never closed", -1},

    {"yolo", 29, Q, "labels/train/01.txt", "line 1: x = 1.5 is outside 0 to 1 (1 of 1 lines", 0},
    {"yolo", 29, Q, "labels/train/02.txt", "line 2: y = -0.25 is negative (1 of 2 lines", 18},
    {"yolo", 29, Q, "labels/train/03.txt", "class 7, but there are 2: 0 to 1", 0},
    {"yolo", 29, Q, "labels/train/04.txt", "40 looks like pixels, expected shares of the image (80 x 64)", 0},
    {"yolo", 29, C, "labels/train/05.txt", "1 of 2 lines are polygons", -1},
    {"yolo", 29, Q, "labels/train/06.txt", "class 'cat' is no number", 0},
    {"yolo", 29, Q, "labels/train/07.txt", "2 numbers behind the class, expected 4", 0},
    {"yolo", 29, Q, "labels/train/08.txt", "the box reaches outside the image", 0},
    {"yolo", 29, W, "labels/train/lost.txt", "no image that it belongs to", -1},
    {"yolo", 27, W, "images/train", "2 of 2 classes have fewer than 5 usable images: 'cat' (2), 'dog' (2)", -1},

    {"coco", 30, R, "annotations/instances_train2017.json",
     "images with an id that another has: 1 of 4, the first id 2 in line 4", -1},
    {"coco", 30, R, "annotations/instances_train2017.json",
     "annotations with an id that another has: 1 of 4, the first id 2 in line 9", -1},
    {"coco", 30, R, "annotations/instances_train2017.json",
     "an image that is not listed: 1 of 4, the first id 2 in line 8", -1},
    {"coco", 30, R, "annotations/instances_train2017.json",
     "a category that is not listed: 1 of 4, the first id 5 in line 10", -1},
    {"coco", 30, R, "annotations/instances_train2017.json",
     "all fit as x1 y1 x2 y2: expected x y width height: 1 of 3, the first id 1 in line 7", -1},
    {"coco", 30, W, "annotations/instances_train2017.json", "crowds (iscrowd), which are left out of training: 1 of 4",
     -1},
    {"coco", 30, W, "train2017/02.jpg", "80 x 64 pixels, but the annotations say 64 x 80 (1 such images)", -1},
    {"coco", 32, Q, "train2017/missing.jpg", "cannot open: No such file or directory", -2},
    {"coco_cut", 30, R, "labels.json", "line 3, byte 88: expected a string", 88},

    {"masks", 31, R, "masks/01.png", "the mask has 40 x 32 pixels, the image 80 x 64", -1},
    {"masks", 31, R, "masks/02.png", "value 9 at row 5, column 6: there are 2 classes", -1},
    {"masks", 31, R, "masks/03.png", "a color picture, expected one channel of class indices", -1},
    {"masks", 31, R, "masks/05.png", "value 7 at row 5, column 6: there are 2 classes", -1},
    {"masks", 31, Q, "images/06.jpg", "there is no mask for it", -1},
    {"masks", 31, W, "masks/lost.png", "there is no image that it belongs to", -1},
    {"masks", 27, W, "images", "2 of 2 classes have fewer than 5 usable images: 'ground' (2), 'plant' (2)", -1},

    {"one", 34, W, "train", "a single class", -1},

    {"tar", 36, W, "train-000.tar", "cut off inside of a member; the 22 members before it are used", 44380},
    {"tar", 36, W, "train-000.tar", "2 member names collide", -1},
    {"tar", 27, W, "train", "1 of 2 classes have fewer than 5 usable images: '1' (4)", -1},

    {"pack", 35, Q, "train/cat/02.jpg", "", -2}, /* one bit of its record */
    {"pack_cut", 35, R, "cut.fvpack", "truncated at byte ", -2},
    {"pack_new", 35, R, "new.fvpack", "a packed file of version 99, this program reads version", 8},
#undef R
#undef Q
#undef W
#undef C
};
enum { ROWS = sizeof rows / sizeof *rows };

static fv_check_options options_of(const char *set)
{
    static const char *const names[] = {"cat", "horse"};
    const bool uneven = strcmp(set, "uneven") == 0, model = strcmp(set, "model") == 0;
    return (fv_check_options){
        .data = {.val_split = uneven ? 0.2 : 0, .classes = model ? names : NULL, .n_classes = model ? 2 : 0},
        .near_duplicates = true,
        .batch_size = uneven ? 64 : 0};
}

/* The findings of one set are the rows of that set. Returns how many findings are not. */
static int compare(const char *set, const fv_check_report *report)
{
    bool used[256] = {false};
    int wrong = 0;
    assert_true(fv_check_report_count(report) <= 256);
    for (int k = 0; k < ROWS; k++) {
        if (strcmp(rows[k].set, set) != 0)
            continue;
        bool found = false;
        for (int64_t i = 0; i < fv_check_report_count(report) && !found; i++) {
            const fv_finding *f = fv_check_report_row(report, i);
            found = !used[i] && f->fault == rows[k].fault && f->verdict == rows[k].verdict &&
                    strcmp(f->file, rows[k].file) == 0 && strstr(f->detail, rows[k].words) &&
                    (rows[k].byte == -2 || rows[k].byte == f->byte);
            used[i] |= found;
        }
        if (!found)
            print_error("%s: missing: %d %s: %s\n", set, rows[k].fault, rows[k].file, rows[k].words);
        wrong += !found;
    }
    for (int64_t i = 0; i < fv_check_report_count(report); i++) {
        const fv_finding *f = fv_check_report_row(report, i);
        if (!used[i])
            print_error("%s: found: %d verdict %d %s: %s (byte %lld)\n", set, f->fault, (int)f->verdict, f->file,
                        f->detail, (long long)f->byte);
        wrong += !used[i];
    }
    return wrong;
}

/* Whether this build reads a format. */
static bool reads(const char *name)
{
    fv_image_format_info info;
    for (int64_t i = 0; fv_image_format_at(i, &info); i++) {
        if (strcmp(info.name, name) == 0)
            return info.available;
    }
    return false;
}

static void every_fault_and_nothing_else(void **state)
{
    (void)state;
    int wrong = 0;
    for (int k = 0; k < CORPUS_SETS; k++) {
        char path[300];
        if (strcmp(corpus_sets[k].name, "formats") == 0 && (!reads("tiff") || !reads("gif"))) {
            print_message("skipped: %s, for want of a library\n", corpus_sets[k].name);
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", dir, corpus_sets[k].name);
        corpus_make(path, k);
        const fv_check_options options = options_of(corpus_sets[k].name);
        fv_check_report *report = NULL;
        if (fv_dataset_check(ctx, path, &options, &report) != FV_OK)
            fail_msg("%s: %s", corpus_sets[k].name, fv_ctx_error(ctx));
        wrong += compare(corpus_sets[k].name, report);
        fv_check_report_destroy(&report);
    }
    assert_int_equal(wrong, 0);
}

/* A packed file of the set "model", a copy of it cut off, and one of another version: each a data set by itself. */
static void packed_files(void **state)
{
    (void)state;
    char from[300], path[300];
    fv_packer *packer = NULL;
    fv_pack_report packed;
    snprintf(from, sizeof from, "%s/model", dir);
    snprintf(path, sizeof path, "%s/data.fvpack", dir);
    for (int k = 0; k < CORPUS_SETS; k++) {
        if (strcmp(corpus_sets[k].name, "model") == 0)
            corpus_make(from, k);
    }
    assert_int_equal(fv_packer_create(ctx, from, NULL, NULL, &packer), FV_OK);
    if (fv_packer_write(packer, path, &packed) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    fv_packer_destroy(&packer);

    /* Where 02.jpg lies in it. */
    static uint8_t file[1 << 20], member[1 << 16];
    FILE *f = fopen(path, "rb");
    const size_t size = fread(file, 1, sizeof file, f);
    fclose(f);
    f = fopen(fv_test_path(from, "train/cat/02.jpg"), "rb");
    const size_t length = fread(member, 1, sizeof member, f);
    fclose(f);
    uint8_t *at = memmem(file, size, member, length);
    assert_non_null(at);

    const struct {
        const char *set, *name;
        size_t kept, changed;
        int mask;
    } kinds[] = {{"pack", "flip.fvpack", size, (size_t)(at - file) + length / 2, 0x10},
                 {"pack_cut", "cut.fvpack", size - 100, 0, 0},
                 {"pack_new", "new.fvpack", size, 8, file[8] ^ 99}};
    for (size_t k = 0; k < 3; k++) {
        fv_check_report *report = NULL;
        snprintf(path, sizeof path, "%s/%s", dir, kinds[k].name);
        file[kinds[k].changed] ^= (uint8_t)kinds[k].mask;
        fv_test_write(path, file, kinds[k].kept);
        file[kinds[k].changed] ^= (uint8_t)kinds[k].mask;
        if (fv_dataset_check(ctx, path, NULL, &report) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_int_equal(compare(kinds[k].set, report), 0);
        fv_check_report_destroy(&report);
    }
}

/* Findings, their order, and the numbers of the summary do not depend on threads. */
static void any_number_of_threads(void **state)
{
    (void)state;
    char path[300], *text[2] = {NULL, NULL};
    fv_data_summary summary[2];
    snprintf(path, sizeof path, "%s/images", dir);
    corpus_make(path, 0);
    for (int t = 0; t < 2; t++) {
        size_t size = 0;
        fv_ctx *own = fv_test_ctx(t ? 4 : 1, NULL, NULL);
        fv_check_report *report = NULL;
        assert_int_equal(fv_dataset_check(own, path, &(fv_check_options){.near_duplicates = true}, &report), FV_OK);
        FILE *f = open_memstream(&text[t], &size);
        fputs(fv_check_report_text(report), f);
        for (int64_t i = 0; i < fv_check_report_count(report); i++) {
            const fv_finding *row = fv_check_report_row(report, i);
            fprintf(f, "%d %s %s %lld\n", row->fault, row->file, row->detail, (long long)row->byte);
        }
        fclose(f);
        memset(&summary[t], 0, sizeof summary[t]);
        assert_int_equal(fv_check_report_summary(report, &summary[t]), FV_OK);
        fv_check_report_destroy(&report);
        fv_ctx_destroy(&own);
    }
    assert_string_equal(text[0], text[1]);
    assert_memory_equal(&summary[0], &summary[1], sizeof summary[0]);
    assert_int_equal(summary[0].channels, 3);
    free(text[0]);
    free(text[1]);
}

static void strict_rejects_duplicates(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/copies", dir);
    for (int k = 0; k < CORPUS_SETS; k++) {
        if (strcmp(corpus_sets[k].name, "copies") == 0)
            corpus_make(path, k);
    }
    fv_check_report *report = NULL;
    assert_int_equal(fv_dataset_check(ctx, path, &(fv_check_options){.strict = true}, &report), FV_OK);
    assert_int_equal(fv_check_report_count(report), 2); /* without near_duplicates */
    for (int64_t i = 0; i < 2; i++)
        assert_int_equal(fv_check_report_row(report, i)->verdict, FV_VERDICT_REJECT);
    assert_non_null(strstr(fv_check_report_text(report), "copies  1 images repeat another one"));
    fv_check_report_destroy(&report);
}

/* What an image shows can be had again, also what is left of a damaged one. */
static void images_of_findings(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/images", dir);
    corpus_make(path, 0);
    fv_check_report *report = NULL;
    assert_int_equal(fv_dataset_check(ctx, path, NULL, &report), FV_OK);
    int seen = 0;
    for (int64_t i = 0; i < fv_check_report_count(report); i++) {
        const fv_finding *f = fv_check_report_row(report, i);
        fv_check_file file;
        fv_image image;
        if (strcmp(f->file, "train/a/cut.jpg") != 0)
            continue;
        fv_check_report_sample(report, f->sample, &file);
        assert_string_equal(file.name, "train/a/cut.jpg");
        assert_string_equal(file.class_name, "a");
        assert_false(file.usable);
        assert_int_equal(fv_check_report_image(report, f->sample, &image), FV_OK);
        assert_int_equal(image.h, 64);
        assert_int_equal(image.w, 80);
        fv_image_free(ctx, &image);
        seen++;
    }
    assert_int_equal(seen, 1);
    fv_check_report_destroy(&report);
}

static fv_status check_once(fv_ctx *own, void *arg)
{
    fv_check_report *report = NULL;
    const fv_check_options options = {.near_duplicates = true};
    fv_status status = fv_dataset_check(own, arg, &options, &report);
    fv_check_report_destroy(&report);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    static const char *const names[] = {"coco", "coco_cut", "masks", "manifest", "names", "copies"};
    for (int k = 0; k < CORPUS_SETS; k++) {
        for (size_t n = 0; n < FV_TEST_CASES(sizeof names / sizeof *names, 2); n++) {
            char path[300];
            if (strcmp(names[n], corpus_sets[k].name) != 0)
                continue;
            snprintf(path, sizeof path, "%s/%s", dir, names[n]);
            corpus_make(path, k);
            assert_true(fv_test_each_allocation(check_once, path) > 40);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_fault_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(packed_files, setup, teardown),
        cmocka_unit_test_setup_teardown(any_number_of_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(strict_rejects_duplicates, setup, teardown),
        cmocka_unit_test_setup_teardown(images_of_findings, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
