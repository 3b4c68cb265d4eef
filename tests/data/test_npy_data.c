/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets as NumPy arrays: element types, orders, labels of each kind, broken files. */
#define FV_TEST_THREADS 1
#include "support/fixture.h"

#include <fovea/data.h>

#include <math.h>
#include <time.h>

#include "data/dataset.h"

/* An array file; `cut` bytes are missing at its end. */
static void write_npy(const char *name, const char *descr, bool fortran, const char *shape, const void *data,
                      size_t size, size_t cut)
{
    char header[128];
    uint8_t *file = calloc(1, 128 + size);
    memset(header, ' ', sizeof header);
    int n = snprintf(header, 118, "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }", descr,
                     fortran ? "True" : "False", shape);
    header[n] = ' ';
    header[117] = '\n';
    memcpy(file, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(file + 10, header, 118);
    memcpy(file + 128, data, size);
    fv_test_write(fv_test_path(dir, name), file, 128 + size - cut);
    free(file);
}

/* Labels 0 1 2 0 1 as 8-byte integers. */
static void write_labels(const char *name, int n)
{
    int64_t labels[16];
    char shape[16];
    for (int i = 0; i < n; i++)
        labels[i] = i % 3;
    snprintf(shape, sizeof shape, "%d,", n);
    write_npy(name, "<i8", false, shape, labels, (size_t)n * 8, 0);
}

enum { N = 5, H = 3, W = 4, C = 12 };
static int value_of(int i, int y, int x, int k)
{
    return (i * 131 + y * 37 + x * 11 + k * 3) % 256;
}

/* The same images as 1, 2, 4 or 8 byte elements, in either byte and index order. */
static void write_images(const char *name, const char *descr, bool fortran)
{
    static uint8_t data[N * H * W * C * 8];
    const int item = descr[2] - '0';
    uint8_t *p = data;
    for (int e = 0; e < N * H * W * C; e++, p += item) {
        int i, y, x, k;
        if (fortran) {
            i = e % N;
            y = e / N % H;
            x = e / N / H % W;
            k = e / N / H / W;
        } else {
            k = e % C;
            x = e / C % W;
            y = e / C / W % H;
            i = e / C / W / H;
        }
        const int v = value_of(i, y, x, k);
        uint8_t bytes[8] = {(uint8_t)v};
        if (descr[1] == 'u' && item == 2)
            memcpy(bytes, &(uint16_t){(uint16_t)(v * 257)}, 2);
        if (descr[1] == 'f' && item == 4)
            memcpy(bytes, &(float){(float)v / 256}, 4);
        if (descr[1] == 'f' && item == 8)
            memcpy(bytes, &(double){v / 256.0}, 8);
        for (int b = 0; b < item; b++)
            p[b] = bytes[descr[0] == '>' ? item - 1 - b : b];
    }
    write_npy(name, descr, fortran, "5, 3, 4, 12", data, (size_t)(p - data), 0);
}

static void twelve_bands(void **state)
{
    (void)state;
    const char *const types[] = {"|u1", "<u2", ">u2", "<f4", ">f4", "<f8"};
    for (int t = 0; t < 12; t++) {
        const char *type = types[t / 2];
        fv_dataset *d = NULL;
        int64_t h, w, c;
        char name[64];
        write_images("images.npy", type, t % 2);
        write_labels("labels.npy", N);
        assert_int_equal(fv_dataset_open(ctx, t % 3 ? dir : fv_test_path(dir, "images.npy"), NULL, &d), FV_OK);
        assert_string_equal(fv_dataset_format(d), "npy");
        fv_dataset_size(d, &h, &w, &c);
        assert_true(h == H && w == W && c == C);
        assert_int_equal(fv_dataset_count(d), N);
        assert_int_equal(fv_dataset_classes(d), 3);
        assert_int_equal(fv_dataset_label(d, 4), 1);
        fv_dataset_sample_name(d, 3, name, sizeof name);
        assert_string_equal(name, "images.npy[3]");
        for (int i = 0; i < N; i++) {
            fv_image image;
            assert_int_equal(fv_dataset_image(d, i, &image, NULL), FV_OK);
            assert_int_equal(image.depth, type[1] == 'f' ? FV_DEPTH_F32 : type[2] == '2' ? FV_DEPTH_16 : FV_DEPTH_8);
            for (int e = 0; e < H * W * C; e++) {
                const int v = value_of(i, e / C / W, e / C % W, e % C);
                const float got = image.depth == FV_DEPTH_8    ? image.data[e] / 256.0f
                                  : image.depth == FV_DEPTH_16 ? ((uint16_t *)(void *)image.data)[e] / 257.0f / 256.0f
                                                               : ((float *)(void *)image.data)[e];
                assert_true(fabsf(got - (float)v / 256) < 1e-6f);
            }
            fv_image_free(ctx, &image);
        }
        fv_dataset_destroy(&d);
    }
}

/* A file that gets shorter while it is in use: what is gone is told, and nothing ends the program. */
static void cut_while_open(void **state)
{
    (void)state;
    const char *const types[] = {"|u1", "<f4", ">f4", "|u1"};
    for (int t = 0; t < 4; t++) {
        fv_dataset *d = NULL;
        fv_image image;
        write_images("images.npy", types[t], t == 3);
        write_labels("labels.npy", N);
        assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
        assert_int_equal(truncate(fv_test_path(dir, "images.npy"), 128 + H * W * C), 0);
        for (int i = 0; i < N; i++) {
            const fv_status status = fv_dataset_image(d, i, &image, NULL);
            if (t == 3 || (t == 0 && i == 0)) { /* turned when it was opened; still there */
                assert_int_equal(status, FV_OK);
                assert_int_equal(image.data[13], value_of(i, 0, 1, 1));
                fv_image_free(ctx, &image);
            } else {
                assert_int_equal(status, FV_ERR_DATA_TRUNCATED);
                assert_non_null(strstr(fv_ctx_error(ctx), "became shorter"));
            }
        }
        fv_dataset_destroy(&d);
    }
}

static void splits_in_names_and_folders(void **state)
{
    (void)state;
    fv_dataset *d = NULL;
    bool has;
    const char *const forms[][2] = {{"train_images.npy", "val_images.npy"},
                                    {"training/images.npy", "valid/images.npy"}};
    for (int f = 0; f < 2; f++) {
        for (int s = 0; s < 2; s++) {
            char labels[64];
            const int n = (int)strlen(forms[f][s]) - 10;
            snprintf(labels, sizeof labels, "%.*slabels.npy", n, forms[f][s]);
            fv_test_write(fv_test_path(dir, forms[f][s]), "", 0); /* makes the folder */
            write_images(forms[f][s], "|u1", false);
            write_labels(labels, N);
        }
        assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.split = "val"}, &d), FV_OK);
        assert_int_equal(fv_dataset_count(d), N);
        fv_dataset_destroy(&d);
        assert_int_equal(fv_dataset_has_split(ctx, dir, "test", &has), FV_OK);
        assert_false(has);
        assert_int_equal(fv_dataset_has_split(ctx, dir, "train", &has), FV_OK);
        assert_true(has);
        fv_test_dir_remove(dir);
        assert_int_equal(mkdir(dir, 0777), 0);
    }
}

static void labels_of_each_kind(void **state)
{
    (void)state;
    fv_dataset *d = NULL;
    const float numbers[N] = {0.5f, -1, 2, 3, 1e6f};
    const uint8_t sets[N * 3] = {0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1};
    write_images("images.npy", "|u1", false);
    write_npy("labels.npy", "<f4", false, "5,", numbers, sizeof numbers, 0);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    assert_int_equal(fv_dataset_task(d), FV_TASK_REGRESS);
    assert_true(fv_dataset_targets(d, 4)[0] == 1e6f);
    fv_dataset_destroy(&d);
    write_npy("labels.npy", "|b1", false, "5, 3", sets, sizeof sets, 0);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    assert_int_equal(fv_dataset_task(d), FV_TASK_MULTILABEL);
    assert_int_equal(fv_dataset_classes(d), 3);
    for (int e = 0; e < N * 3; e++)
        assert_true(fv_dataset_targets(d, e / 3)[e % 3] == sets[e]);
    assert_int_equal(fv_dataset_label(d, 0), 1);
    fv_dataset_destroy(&d);
    assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.task = "regression"}, &d), FV_OK);
    assert_int_equal(fv_dataset_task(d), FV_TASK_REGRESS);
    fv_dataset_destroy(&d);
}

/* A column of integers is what (N) of them are, as some tools save classes; the train split's count too. */
static void labels_in_a_column(void **state)
{
    (void)state;
    fv_dataset *d = NULL;
    const char *const tasks[] = {NULL, "class", "multi-label", "regression"};
    const fv_task kinds[] = {FV_TASK_CLASSIFY, FV_TASK_CLASSIFY, FV_TASK_MULTILABEL, FV_TASK_REGRESS};
    write_images("images.npy", "|u1", false);
    write_images("val_images.npy", "|u1", false);
    write_npy("labels.npy", "|u1", false, "5, 1", (uint8_t[]){0, 6, 1, 2, 1}, 5, 0);
    write_npy("val_labels.npy", "|u1", true, "5, 1", (uint8_t[]){0, 1, 1, 0, 1}, 5, 0);
    for (int t = 0; t < 4; t++) {
        const fv_dataset_options options = {.split = "val", .task = tasks[t]};
        if (fv_dataset_open(ctx, dir, &options, &d) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_int_equal(fv_dataset_task(d), kinds[t]);
        assert_int_equal(fv_dataset_classes(d), kinds[t] == FV_TASK_CLASSIFY ? 7 : 1);
        if (kinds[t] == FV_TASK_CLASSIFY)
            assert_int_equal(fv_dataset_label(d, 4), 1);
        else
            assert_true(fv_dataset_targets(d, 4)[0] == 1.0f);
        fv_dataset_destroy(&d);
    }
    /* Several columns of other integers are numbers. */
    write_npy("labels.npy", "|u1", false, "5, 2", (uint8_t[]){0, 6, 1, 2, 1, 3, 1, 4, 1, 5}, 10, 0);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    assert_int_equal(fv_dataset_task(d), FV_TASK_REGRESS);
    fv_dataset_destroy(&d);
}

static void expect(const char *task, fv_status status, const char *words)
{
    fv_dataset *d = NULL;
    const fv_status got = fv_dataset_open(ctx, dir, &(fv_dataset_options){.task = task}, &d);
    fv_dataset_destroy(&d);
    if (got != status || !strstr(fv_ctx_error(ctx), words))
        fail_msg("%s: %s", fv_status_name(got), fv_ctx_error(ctx));
}

/* As many classes as there may be cost about as much as their names. */
static void many_classes(void **state)
{
    (void)state;
    fv_dataset *d = NULL;
    write_images("images.npy", "|u1", false);
    write_images("val_images.npy", "|u1", false);
    write_npy("labels.npy", "<i8", false, "5,", (int64_t[]){0, 1048575, 1, 0, 99}, 40, 0);
    write_npy("val_labels.npy", "<i8", false, "5,", (int64_t[]){7, 1, 2, 1048575, 0}, 40, 0);
    const clock_t from = clock();
    if (fv_dataset_open(ctx, dir, &(fv_dataset_options){.split = "val"}, &d) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_dataset_classes(d), 1 << 20);
    assert_int_equal(fv_dataset_label(d, 3), 1048575);
    fv_dataset_destroy(&d);
    const char *const names[] = {"99", "0", "1048575", "1"}; /* a list in another order, not all of them */
    const fv_dataset_options options = {.classes = names, .n_classes = 4, .allow_extra = true};
    if (fv_dataset_open(ctx, dir, &options, &d) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    const int32_t want[] = {1, 2, 3, 1, 0};
    for (int i = 0; i < 5; i++)
        assert_int_equal(fv_dataset_label(d, i), want[i]);
    fv_dataset_destroy(&d);
    assert_true((double)(clock() - from) / CLOCKS_PER_SEC < 30.0);
    write_npy("labels.npy", "<i8", false, "5,", (int64_t[]){0, 1048576, 1, 0, 99}, 40, 0);
    expect(NULL, FV_ERR_DATA_FORMAT, "element 1 is 1.04858e+06, expected a class, 0 to 1,048,575");
}

static void broken(void **state)
{
    (void)state;
    static uint8_t zeros[4096];
    write_images("images.npy", "|u1", false);
    expect(NULL, FV_ERR_DATA, "no labels.npy beside it");
    fv_test_write(fv_test_path(dir, "labels.npy"), "\x93NUMPY\x01\x00\x76\x00{", 11);
    expect(NULL, FV_ERR_DATA_TRUNCATED, "at byte 11 of 11");
    write_labels("labels.npy", N - 1);
    expect(NULL, FV_ERR_DATA_FORMAT, "4 labels, but there are 5 images");
    write_npy("labels.npy", "<i8", false, "5,", (int64_t[]){0, 1, -2, 0, 0}, 40, 0);
    expect(NULL, FV_ERR_DATA_FORMAT, "element 2 is -2, expected a class");
    write_npy("labels.npy", "<f4", false, "5,", (float[]){0, 1, NAN, 0, 0}, 20, 0);
    expect(NULL, FV_ERR_DATA_FORMAT, "element 2 is nan, expected a finite number");
    expect("class", FV_ERR_DATA_FORMAT, "cannot be classes");
    write_npy("labels.npy", "<U1", false, "5,", zeros, 20, 0);
    expect(NULL, FV_ERR_DATA_FORMAT, "labels.npy: an NPY array of dtype '<U1': expected whole numbers, floats or bool");
    write_npy("labels.npy", "<i8", false, "5,", zeros, 40, 3);
    expect(NULL, FV_ERR_DATA_TRUNCATED, "truncated at byte 165: the header promises 168 bytes");
    write_labels("labels.npy", N);
    write_npy("images.npy", "|u1", false, "5, 3, 4, 12", zeros, N * H * W * C, 1);
    expect(NULL, FV_ERR_DATA_TRUNCATED, "truncated at byte 847: the header promises 848 bytes");
    write_npy("images.npy", "|u1", false, "5, 3, 4, 12", zeros, N * H * W * C + 2, 0);
    expect(NULL, FV_ERR_DATA_FORMAT, "byte 848: 2 bytes more");
    write_npy("images.npy", "|O", false, "5, 3, 4", zeros, 480, 0);
    expect(NULL, FV_ERR_DATA_FORMAT, "images.npy: ");
    write_npy("images.npy", "<i4", false, "5, 3, 4", zeros, 240, 0);
    expect(NULL, FV_ERR_DATA_FORMAT, "no scale of brightness");
    write_npy("images.npy", "|u1", false, "5, 3", zeros, 15, 0);
    expect(NULL, FV_ERR_DATA_FORMAT, "an array of 2 dimensions");
    write_npy("images.npy", "|u1", false, "0, 3, 4", zeros, 0, 0);
    expect(NULL, FV_ERR_DATA_EMPTY, "0 images");
    write_npy("images.npy", "|u1", false, "5, 3, 0", zeros, 0, 0);
    expect(NULL, FV_ERR_DATA_FORMAT, "images of 3 x 0 x 1");
    write_npy("images.npy", "|u1", false, "4294967296, 4294967296, 4294967296", zeros, 64, 0);
    expect(NULL, FV_ERR_DATA_FORMAT, "images.npy: ");
    fv_test_write_text(fv_test_path(dir, "images.npy"), "not an array");
    expect(NULL, FV_ERR_DATA_FORMAT, "looks like text, expected an NPY array");
}

/* One image with a NaN is quarantined; the others are used. */
static void not_finite(void **state)
{
    (void)state;
    static float data[N * H * W];
    data[2 * H * W + 1 * W + 3] = NAN;
    for (int fortran = 0; fortran < 2; fortran++) {
        fv_dataset *d = NULL;
        fv_image image;
        if (fortran)
            memset(data, 0, sizeof data), data[2 + N * (1 + H * 3)] = INFINITY;
        write_npy("images.npy", "<f4", fortran, "5, 3, 4", data, sizeof data, 0);
        write_labels("labels.npy", N);
        assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
        for (int i = 0; i < N; i++) {
            const fv_status status = fv_dataset_image(d, i, &image, NULL);
            assert_int_equal(status, i == 2 ? FV_ERR_DATA_FORMAT : FV_OK);
            fv_image_free(ctx, &image);
        }
        assert_int_equal(fv_dataset_image(d, 2, &image, NULL), FV_ERR_DATA_FORMAT);
        assert_non_null(strstr(fv_ctx_error(ctx), fortran ? "images.npy[2]: inf at row 1, column 3, band 0"
                                                          : "images.npy[2]: nan at row 1, column 3, band 0"));
        fv_dataset_destroy(&d);
    }
}

static fv_status open_once(fv_ctx *own, void *arg)
{
    fv_dataset *d = NULL;
    fv_image image = {0};
    (void)arg;
    fv_status status = fv_dataset_open(own, dir, NULL, &d);
    if (status == FV_OK)
        status = fv_dataset_image(d, 1, &image, NULL);
    fv_image_free(own, &image);
    fv_dataset_destroy(&d);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    write_images("images.npy", "<f4", true);
    write_labels("labels.npy", N);
    assert_true(fv_test_each_allocation(open_once, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(twelve_bands, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_while_open, setup, teardown),
        cmocka_unit_test_setup_teardown(splits_in_names_and_folders, setup, teardown),
        cmocka_unit_test_setup_teardown(labels_of_each_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(labels_in_a_column, setup, teardown),
        cmocka_unit_test_setup_teardown(many_classes, setup, teardown),
        cmocka_unit_test_setup_teardown(broken, setup, teardown),
        cmocka_unit_test_setup_teardown(not_finite, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
