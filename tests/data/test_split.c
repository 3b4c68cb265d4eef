/* SPDX-License-Identifier: Apache-2.0 */
/* Dividing data: stratified, by seed, stable, groups and equal files together, written as a manifest. */
#define FV_TEST_THREADS 2
#include "support/fixture.h"

#include "data/planted.h"

#include <fovea/data.h>

#include "data/dataset.h"

enum { N = 600 };
static int32_t labels[N];
static uint64_t units[N];
static uint8_t side[N];

static void assign(int64_t n, double val, double test, uint64_t seed)
{
    static const char *const names[] = {"a", "b", "c"};
    const fv_names classes = {names, 3};
    const fv_split_input in = {labels, units, n, &classes, .strict = true};
    assert_int_equal(fv_split_assign(ctx, &in, (double[]){val, test}, seed, side), FV_OK);
}

static void shares_of_each_class(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++) {
        labels[i] = i < 20 ? 0 : i < 200 ? 1 : 2;
        units[i] = (uint64_t)i * 7919 + 1;
    }
    assign(N, 0.2, 0.1, 3);
    int64_t counts[3][3] = {{0}};
    for (int i = 0; i < N; i++)
        counts[labels[i]][side[i]]++;
    const int64_t expected[3][3] = {{14, 4, 2}, {126, 36, 18}, {280, 80, 40}};
    assert_memory_equal(counts, expected, sizeof counts);
    /* Files added to class c leave a and b as they are; the val part does not change with a test part. */
    uint8_t before[N];
    memcpy(before, side, sizeof before);
    assign(400, 0.2, 0.1, 3);
    assert_memory_equal(before, side, 200);
    assign(N, 0.2, 0.0, 3);
    for (int i = 0; i < N; i++)
        assert_int_equal(side[i] == 1, before[i] == 1);
    assign(N, 0.2, 0.1, 4);
    int64_t same = 0;
    for (int i = 0; i < N; i++)
        same += before[i] == 1 && side[i] == 1;
    assert_true(same < 60); /* of 120, 24 by chance */
}

static void units_stay_together(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++) {
        labels[i] = i % 3;
        units[i] = (uint64_t)(i / 12) + 100; /* 50 units with 4 of each class */
    }
    assign(N, 0.25, 0.25, 1);
    int64_t counts[3] = {0};
    for (int i = 0; i < N; i++) {
        assert_int_equal(side[i], side[i / 12 * 12]);
        counts[side[i]]++;
    }
    assert_true(counts[1] >= 138 && counts[1] <= 162 && counts[2] >= 138 && counts[2] <= 162);
    /* Too few units for the parts. */
    static const char *const names[] = {"a", "b", "c"};
    const fv_names classes = {names, 3};
    const fv_split_input in = {labels, units, 20, &classes, .strict = true};
    for (int i = 0; i < 20; i++) {
        labels[i] = i / 10;
        units[i] = i < 10 ? (uint64_t)i : 50;
    }
    assert_int_equal(fv_split_assign(ctx, &in, (double[]){0.2, 0}, 1, side), FV_ERR_DATA);
    assert_non_null(
        strstr(fv_ctx_error(ctx), "class 'b' has 10 samples in 1 piece (samples of one group stay together): too few"));
    units[10] = 51;
    assert_int_equal(fv_split_assign(ctx, &in, (double[]){0.2, 0}, 1, side), FV_OK);
    assert_int_equal(fv_split_assign(ctx, &in, (double[]){0.2, 0.2}, 1, side), FV_ERR_DATA);
}

/* As a folder: two classes of 10 files, two of them with the same content. */
static void a_folder(void **state)
{
    (void)state;
    char name[64], out[300], sub[300];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "data/%s/%d.jpg", i < 10 ? "a, \"x\"" : "b", i);
        planted_save(fv_test_path(dir, name), planted_make_jpeg((planted_jpeg){.h = 8 + i, .w = 9, .c = 3}));
    }
    planted_save(fv_test_path(dir, "data/b/copy.jpg"), planted_make_jpeg((planted_jpeg){.h = 18, .w = 9, .c = 3}));
    snprintf(out, sizeof out, "%s/lists/split.csv", dir);
    fv_test_write(out, "", 0); /* makes the folder */
    snprintf(sub, sizeof sub, "%s/data", dir);
    fv_split_report r;
    int together = 0;
    for (uint64_t seed = 0; seed < 8; seed++) {
        const fv_dataset_options o = {.seed = seed};
        if (fv_dataset_split(ctx, sub, &o, 0.3, 0.2, out, &r) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_int_equal(r.same_content, 1);
        assert_int_equal(r.samples[0] + r.samples[1] + r.samples[2], 21);
        bool seen[3][21] = {{false}};
        int64_t total = 0;
        static const char *const splits[] = {"train", "val", "test"};
        for (int s = 0; s < 3; s++) {
            fv_dataset *d = NULL;
            assert_int_equal(fv_dataset_open(ctx, out, &(fv_dataset_options){.split = splits[s]}, &d), FV_OK);
            assert_int_equal(fv_dataset_count(d), r.samples[s]);
            assert_int_equal(fv_dataset_classes(d), 2);
            assert_string_equal(fv_dataset_class_name(d, 0), "a, \"x\"");
            for (int64_t i = 0; i < fv_dataset_count(d); i++) {
                fv_image image;
                fv_dataset_sample_name(d, i, name, sizeof name);
                assert_memory_equal(name, "../data/", 8);
                const int number = strstr(name, "copy") ? 20 : atoi(strrchr(name, '/') + 1);
                assert_int_equal(fv_dataset_label(d, i), number >= 10);
                assert_int_equal(fv_dataset_image(d, i, &image, NULL), FV_OK);
                assert_int_equal(image.h, number == 20 ? 18 : 8 + number);
                fv_image_free(ctx, &image);
                seen[s][number] = true;
                total++;
            }
            fv_dataset_destroy(&d);
        }
        assert_int_equal(total, 21);
        for (int s = 0; s < 3; s++)
            together += seen[s][10] && seen[s][20];
    }
    assert_int_equal(together, 8);
    /* --val-split of the folder holds the same files out, copies with what they are copies of. */
    bool held[2] = {false};
    for (uint64_t seed = 0; seed < 8; seed++) {
        bool has[2] = {false};
        fv_dataset *x = NULL, *y = NULL;
        const fv_dataset_options o = {.split = "val", .val_split = 0.3, .seed = seed};
        assert_int_equal(fv_dataset_split(ctx, sub, &(fv_dataset_options){.seed = seed}, 0.3, 0, out, &r), FV_OK);
        assert_int_equal(fv_dataset_open(ctx, sub, &o, &x), FV_OK);
        assert_int_equal(fv_dataset_open(ctx, out, &(fv_dataset_options){.split = "val"}, &y), FV_OK);
        assert_int_equal(fv_dataset_count(x), fv_dataset_count(y));
        for (int64_t i = 0; i < fv_dataset_count(x); i++) {
            char other[64];
            fv_dataset_sample_name(x, i, name, sizeof name);
            fv_dataset_sample_name(y, i, other, sizeof other);
            assert_string_equal(name, other + 8);
            has[0] |= strcmp(name, "b/10.jpg") == 0;
            has[1] |= strcmp(name, "b/copy.jpg") == 0;
        }
        assert_true(has[0] == has[1]);
        held[has[0]] = true;
        fv_dataset_destroy(&x);
        fv_dataset_destroy(&y);
    }
    assert_true(held[0] && held[1]);
    unlink(fv_test_path(dir, "data/b/copy.jpg"));
    assert_int_equal(fv_dataset_split(ctx, sub, &(fv_dataset_options){.seed = 5}, 0.3, 0, out, &r), FV_OK);
    /* What is divided already stays so. */
    assert_int_equal(fv_dataset_split(ctx, out, NULL, 0.3, 0, fv_test_path(dir, "2.csv"), &r), FV_ERR_CONFLICT);
    assert_int_equal(fv_dataset_split(ctx, out, NULL, 0, 0.2, fv_test_path(dir, "2.csv"), &r), FV_OK);
    assert_true(r.samples[1] == 6 && r.samples[2] == 2);
    assert_int_equal(fv_dataset_split(ctx, sub, NULL, 0.6, 0.5, out, &r), FV_ERR_VALUE);
    assert_int_equal(fv_dataset_split(ctx, sub, NULL, 0.2, 0, fv_test_path(dir, "no/2.csv"), &r), FV_ERR_NOT_FOUND);
}

/* Classes keep their numbers in the manifest: by a list beside it where it would give others. */
static void classes_keep_their_numbers(void **state)
{
    (void)state;
    char out[300], in[300], name[64];
    fv_split_report r;
    fv_dataset *d = NULL;
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "data/%s/%d.jpg", i % 2 ? "cat" : "dog", i);
        planted_save(fv_test_path(dir, name), planted_make_jpeg((planted_jpeg){.h = 8 + i, .w = 9, .c = 3}));
    }
    snprintf(in, sizeof in, "%s/data", dir);
    snprintf(out, sizeof out, "%s/lists/split.csv", dir);
    fv_test_write(out, "", 0);
    assert_int_equal(fv_dataset_split(ctx, in, NULL, 0.3, 0, out, &r), FV_OK);
    assert_false(r.lists_classes);
    assert_int_equal(access(fv_test_path(dir, "lists/classes.txt"), F_OK), -1);
    /* Another order, and a class without samples. */
    fv_test_write_text(fv_test_path(in, "classes.txt"), "owl\ndog\ncat\n");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(fv_dataset_split(ctx, in, NULL, 0.3, 0, out, &r), FV_OK);
        assert_int_equal(r.lists_classes, !again);
        for (int val = 0; val < 2; val++) {
            assert_int_equal(fv_dataset_open(ctx, out, &(fv_dataset_options){.split = val ? "val" : "train"}, &d),
                             FV_OK);
            assert_int_equal(fv_dataset_classes(d), 3);
            for (int64_t i = 0; i < fv_dataset_count(d); i++) {
                fv_dataset_sample_name(d, i, name, sizeof name);
                assert_int_equal(fv_dataset_label(d, i), strstr(name, "/cat/") ? 2 : 1);
            }
            fv_dataset_destroy(&d);
        }
    }
    /* Without the data's list the one beside the manifest is wrong, and stays as it is. */
    unlink(fv_test_path(in, "classes.txt"));
    unlink(out);
    assert_int_equal(fv_dataset_split(ctx, in, NULL, 0.3, 0, out, &r), FV_ERR_CONFLICT);
    assert_non_null(strstr(fv_ctx_error(ctx), "lists/classes.txt: lists other classes than"));
    assert_int_equal(access(out, F_OK), -1);
}

/* Groups of a manifest stay together, with val_split too. */
static void groups(void **state)
{
    (void)state;
    char text[4096] = "path,label,group\n", out[300], in[300];
    for (int i = 0; i < 40; i++) {
        char name[64];
        snprintf(name, sizeof name, "%d.jpg", i);
        planted_save(fv_test_path(dir, name), planted_make_jpeg((planted_jpeg){.h = 8 + i, .w = 9, .c = 1}));
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d.jpg,%s,patient %d\n", i, i % 2 ? "x" : "y",
                 i / 5);
    }
    snprintf(in, sizeof in, "%s/in.csv", dir);
    snprintf(out, sizeof out, "%s/out.csv", dir);
    fv_test_write_text(in, text);
    fv_split_report r;
    assert_int_equal(fv_dataset_split(ctx, in, &(fv_dataset_options){.seed = 2}, 0.25, 0, out, &r), FV_OK);
    int8_t of_group[2][8];
    memset(of_group, -1, sizeof of_group);
    for (int form = 0; form < 2; form++) {
        int64_t total = 0;
        for (int s = 0; s < 2; s++) {
            fv_dataset *d = NULL;
            const fv_dataset_options o = {.split = s ? "val" : "train", .val_split = form ? 0.25 : 0.0, .seed = 2};
            assert_int_equal(fv_dataset_open(ctx, form ? in : out, &o, &d), FV_OK);
            for (int64_t i = 0; i < fv_dataset_count(d); i++) {
                char name[64];
                fv_dataset_sample_name(d, i, name, sizeof name);
                const int group = atoi(name) / 5;
                assert_true(of_group[form][group] == -1 || of_group[form][group] == s);
                of_group[form][group] = (int8_t)s;
            }
            total += fv_dataset_count(d);
            fv_dataset_destroy(&d);
        }
        assert_int_equal(total, 40);
    }
    assert_memory_equal(of_group[0], of_group[1], 8);
    assert_int_equal(r.samples[1] % 5, 0);
    assert_true(r.samples[1] > 0);
}

/* Only files of one size are read; above the limit their beginnings are compared first, with the same result. */
static void copies(void **state)
{
    (void)state;
    static const char *const texts[] = {"same", "some", "longer", "same", "", "", "even longer"};
    enum { FILES = sizeof texts / sizeof *texts };
    for (int i = 0; i < FILES; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s/%d.jpg", i < 3 ? "x" : "y", i); /* across classes too */
        fv_test_write(fv_test_path(dir, name), texts[i], strlen(texts[i]));
    }
    for (int limited = 0; limited < 2; limited++) {
        uint64_t unit[FILES];
        fv_split_copies c;
        fv_dataset *d = NULL;
        assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
        assert_int_equal(fv_split_units(d->source, NULL, FILES, limited ? 11 : 12, unit, &c), FV_OK);
        assert_int_equal(c.alike, 3);
        assert_int_equal(c.bytes, 12);
        assert_int_equal(c.read, limited ? 2 : 3);
        assert_int_equal(c.files, 1);
        for (int i = 0; i < FILES; i++)
            for (int k = 0; k < i; k++)
                assert_int_equal(unit[i] == unit[k], i == 3 && k == 0);
        fv_dataset_destroy(&d);
    }
}

static fv_status split_once(fv_ctx *own, void *arg)
{
    fv_split_report r;
    return fv_dataset_split(own, fv_test_path(dir, "in.csv"), NULL, 0.5, 0, fv_test_path(dir, arg), &r);
}

static void allocation_failures(void **state)
{
    (void)state;
    planted_jpeg_file(fv_test_path(dir, "0.jpg"), 0);
    planted_jpeg_file(fv_test_path(dir, "1.jpg"), 1);
    fv_test_write_text(fv_test_path(dir, "in.csv"), "path,target0,group,weight\n0.jpg,1,a,1\n1.jpg,2,,3\n");
    assert_true(fv_test_each_allocation(split_once, "out.csv") > 20);
    /* With a list of classes to write, then to compare. */
    planted_jpeg_file(fv_test_path(dir, "2.jpg"), 2);
    planted_jpeg_file(fv_test_path(dir, "3.jpg"), 3);
    fv_test_write_text(fv_test_path(dir, "in.csv"), "path,label\n0.jpg,a\n1.jpg,a\n2.jpg,b\n3.jpg,b\n");
    fv_test_write_text(fv_test_path(dir, "classes.txt"), "b\na\n");
    fv_test_write(fv_test_path(dir, "listed/out.csv"), "", 0); /* makes the folder */
    assert_true(fv_test_each_allocation(split_once, "listed/out.csv") > 20);
    assert_int_equal(access(fv_test_path(dir, "listed/classes.txt"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shares_of_each_class, setup, teardown),
        cmocka_unit_test_setup_teardown(units_stay_together, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(classes_keep_their_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(groups, setup, teardown),
        cmocka_unit_test_setup_teardown(copies, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
