/* SPDX-License-Identifier: Apache-2.0 */
/* Folds: disjoint, stratified, groups by the names of files together, a function of the seed and the data alone. */
#define FV_TEST_THREADS 2
#include "support/fixture.h"

#include "data/planted.h"

#include <fovea/data.h>

#include "data/dataset.h"

enum { N = 120, FOLDS = 5 };
static int32_t labels[N], fold[N];
static uint64_t units[N];

static fv_status deal(int64_t n, int64_t folds, uint64_t seed)
{
    static const char *const names[] = {"a", "b", "c"};
    const fv_names classes = {names, 3};
    const fv_split_input in = {labels, units, n, &classes, .strict = true};
    return fv_split_deal(ctx, &in, folds, seed, fold);
}

static void shares_of_each_class(void **state)
{
    (void)state;
    int64_t count[FOLDS][3] = {{0}}, all[FOLDS] = {0};
    int32_t before[N];
    for (int i = 0; i < N; i++) {
        labels[i] = i < 7 ? 0 : i < 50 ? 1 : 2;
        units[i] = (uint64_t)i * 7919 + 1;
    }
    assert_int_equal(deal(N, FOLDS, 3), FV_OK);
    for (int i = 0; i < N; i++) {
        assert_in_range(fold[i], 0, FOLDS - 1);
        count[fold[i]][labels[i]]++;
        all[fold[i]]++;
    }
    const int64_t size[3] = {7, 43, 70};
    for (int k = 0; k < FOLDS; k++) {
        for (int c = 0; c < 3; c++)
            assert_in_range(count[k][c], size[c] / FOLDS, (size[c] + FOLDS - 1) / FOLDS);
        assert_int_equal(all[k], N / FOLDS);
    }
    memcpy(before, fold, sizeof before);
    assert_int_equal(deal(N, FOLDS, 3), FV_OK);
    assert_memory_equal(before, fold, sizeof before);
    assert_int_equal(deal(N, FOLDS, 4), FV_OK);
    assert_memory_not_equal(before, fold, sizeof before);
    assert_int_equal(deal(N, 8, 3), FV_ERR_DATA);
    assert_non_null(strstr(fv_ctx_error(ctx), "class 'a' has 7 samples: too few to divide into 8 parts"));
    assert_non_null(strstr(fv_ctx_hint(ctx), "fewer folds"));
}

static void groups_of_unequal_size(void **state)
{
    (void)state;
    int64_t all[FOLDS] = {0};
    /* Groups of 1, 2, ..., 15 samples of one class: the largest come first, so that folds are about equal. */
    for (int i = 0, g = 1, of = 0; i < N; i++) {
        labels[i] = 0;
        units[i] = (uint64_t)g * 1000003;
        if (++of == g) {
            g++;
            of = 0;
        }
    }
    assert_int_equal(deal(N, FOLDS, 1), FV_OK);
    for (int i = 0; i < N; i++) {
        all[fold[i]]++;
        assert_true(i == 0 || units[i] != units[i - 1] || fold[i] == fold[i - 1]);
    }
    for (int k = 0; k < FOLDS; k++)
        assert_in_range(all[k], N / FOLDS - 2, N / FOLDS + 2);
}

/* How often each file stands in a fold's val split; files of one patient only together. */
static void of_a_folder(void **state)
{
    (void)state;
    enum { PATIENTS = 6, EACH = 3 };
    int seen[2][PATIENTS][EACH] = {{{0}}};
    char name[96], text[256];
    for (int c = 0; c < 2; c++)
        for (int p = 0; p < PATIENTS; p++)
            for (int i = 0; i < EACH; i++) {
                snprintf(name, sizeof name, "data/%s/patient%d-%d.jpg", c ? "dog" : "cat", p + c * PATIENTS, i);
                planted_save(fv_test_path(dir, name),
                             planted_make_jpeg((planted_jpeg){.h = 8 + c, .w = 9 + p, .c = 3, .quality = 60 + i}));
            }
    for (int k = 1; k <= 3; k++) {
        fv_dataset_options o = {.split = "val", .folds = 3, .fold = k, .group_by = "patient([0-9]+)", .seed = 5};
        fv_dataset *val = NULL, *train = NULL;
        assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, "data"), &o, &val), FV_OK);
        o.split = "train";
        assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, "data"), &o, &train), FV_OK);
        assert_int_equal(fv_dataset_count(val), 2 * PATIENTS * EACH / 3);
        assert_int_equal(fv_dataset_count(train) + fv_dataset_count(val), 2 * PATIENTS * EACH);
        int of_patient[2 * PATIENTS] = {0}, of_class[2] = {0};
        for (int64_t i = 0; i < fv_dataset_count(val); i++) {
            int patient, shot;
            fv_dataset_sample_name(val, i, text, sizeof text);
            assert_int_equal(sscanf(strstr(text, "patient"), "patient%d-%d", &patient, &shot), 2);
            seen[patient / PATIENTS][patient % PATIENTS][shot]++;
            of_patient[patient]++;
            of_class[fv_dataset_label(val, i)]++;
        }
        for (int p = 0; p < 2 * PATIENTS; p++)
            assert_true(of_patient[p] == 0 || of_patient[p] == EACH);
        assert_int_equal(of_class[0], of_class[1]);
        fv_dataset_destroy(&val);
        fv_dataset_destroy(&train);
    }
    for (int c = 0; c < 2; c++)
        for (int p = 0; p < PATIENTS; p++)
            for (int i = 0; i < EACH; i++)
                assert_int_equal(seen[c][p][i], 1);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        fv_dataset_options o;
        fv_status status;
        const char *text;
    } cases[] = {
        {{.folds = 1, .fold = 1}, FV_ERR_VALUE, "fold 1 of 1: expected at least 2 folds"},
        {{.folds = 2, .fold = 3}, FV_ERR_VALUE, "fold 3 of 2"},
        {{.folds = 3, .fold = 1}, FV_ERR_DATA, "class 'a' has 2 samples: too few to divide into 3 parts"},
        {{.folds = 2, .fold = 1, .group_by = "x("}, FV_ERR_VALUE, "group-by: 'x(' is no regular expression"},
        {{.folds = 2, .fold = 1, .group_by = "y+"}, FV_ERR_VALUE, "group-by: 'y+' is in none of the 4 names"},
    };
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "few/%s/x%d.jpg", i < 2 ? "a" : "b", i);
        planted_jpeg_file(fv_test_path(dir, name), i);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fv_dataset *d = NULL;
        assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, "few"), &cases[i].o, &d), cases[i].status);
        assert_non_null(strstr(fv_ctx_error(ctx), cases[i].text));
        assert_null(d);
    }
    /* A manifest has groups of its own. */
    fv_test_write_text(fv_test_path(dir, "few/m.csv"), "path,label,group\na/x0.jpg,a,1\na/x1.jpg,a,2\n");
    fv_dataset *d = NULL;
    const fv_dataset_options o = {.folds = 2, .fold = 1, .group_by = "x"};
    assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, "few/m.csv"), &o, &d), FV_ERR_CONFLICT);
    assert_non_null(strstr(fv_ctx_error(ctx), "the data have groups of their own"));
}

static fv_status open_once(fv_ctx *own, void *arg)
{
    fv_dataset *d = NULL;
    const fv_dataset_options o = {.split = arg, .folds = 2, .fold = 2, .group_by = "x[0-9]"};
    const fv_status status = fv_dataset_open(own, fv_test_path(dir, "two"), &o, &d);
    fv_dataset_destroy(&d);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "two/%s/x%d.jpg", i < 2 ? "a" : "b", i);
        planted_jpeg_file(fv_test_path(dir, name), i);
    }
    assert_true(fv_test_each_allocation(open_once, "val") > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shares_of_each_class, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_of_unequal_size, setup, teardown),
        cmocka_unit_test_setup_teardown(of_a_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
