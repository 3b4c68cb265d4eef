/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests: CSV and JSON lines, sound and broken. */
#include "support/fixture.h"

#include "data/planted.h"

#include <fovea/data.h>

static int setup(void **state)
{
    (void)state;
    fv_test_begin(1);
    for (int i = 0; i < 6; i++) {
        char name[64];
        snprintf(name, sizeof name, "img/%d.jpg", i);
        planted_jpeg_file(fv_test_path(dir, name), i);
    }
    planted_jpeg_file(fv_test_path(dir, "img/a, \"b\"\nc.jpg"), 6);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return fv_test_end();
}

/* Writes FILE with that text and opens a split of it. */
static fv_dataset *open_text(const char *file, const char *text, const fv_dataset_options *options)
{
    fv_dataset *d = NULL;
    const char *path = fv_test_path(dir, file);
    fv_test_write_text(path, text);
    const fv_status status = fv_dataset_open(ctx, path, options, &d);
    if (status != FV_OK)
        fail_msg("%s: %s", fv_status_name(status), fv_ctx_error(ctx));
    return d;
}

static void refuse(const char *file, const char *text, const fv_dataset_options *options, fv_status expected,
                   const char *words)
{
    fv_dataset *d = NULL;
    const char *path = fv_test_path(dir, file);
    fv_test_write_text(path, text);
    messages.size = 0;
    messages.text[0] = '\0';
    const fv_status status = fv_dataset_open(ctx, path, options, &d);
    fv_dataset_destroy(&d);
    if (status != expected || (!strstr(fv_ctx_error(ctx), words) && !strstr(messages.text, words)))
        fail_msg("%s: %s\n%s", fv_status_name(status), fv_ctx_error(ctx), messages.text);
}

static void check_three(fv_dataset *d)
{
    char name[64];
    assert_string_equal(fv_dataset_format(d), "manifest");
    assert_int_equal(fv_dataset_task(d), FV_TASK_CLASSIFY);
    assert_int_equal(fv_dataset_count(d), 3);
    assert_int_equal(fv_dataset_classes(d), 2);
    assert_string_equal(fv_dataset_class_name(d, 0), "cat");
    assert_string_equal(fv_dataset_class_name(d, 1), "gro\xC3\x9F");
    assert_int_equal(fv_dataset_label(d, 0), 1);
    assert_int_equal(fv_dataset_label(d, 2), 0);
    assert_null(fv_dataset_targets(d, 0));
    fv_dataset_sample_name(d, 2, name, sizeof name);
    assert_string_equal(name, "img/a, \"b\"\nc.jpg");
    fv_image image;
    assert_int_equal(fv_dataset_image(d, 2, &image, NULL), FV_OK);
    assert_int_equal(image.h, 26);
    fv_image_free(ctx, &image);
    fv_dataset_destroy(&d);
}

static void csv_forms(void **state)
{
    (void)state;
    const char *const forms[] = {
        "path,label\nimg/0.jpg,gro\xC3\x9F\nimg/1.jpg,cat\n\"img/a, \"\"b\"\"\nc.jpg\",cat\n",
        "\xEF\xBB\xBFpath,label\r\nimg/0.jpg,gro\xC3\x9F\r\nimg/1.jpg,cat\r\n\"img/a, \"\"b\"\"\nc.jpg\",\"cat\"",
        "\n Label ,\"FILE\"\ngro\xC3\x9F,img/0.jpg\n\ncat,img/1.jpg\ncat,\"img/a, \"\"b\"\"\nc.jpg\"\n\n",
        "path,color,class\nimg/0.jpg,red,gro\xC3\x9F\nimg/1.jpg,,cat\n\"img/a, \"\"b\"\"\nc.jpg\",\"x\"\"y\",cat\n",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        check_three(open_text("m.csv", forms[i], NULL));
    assert_non_null(strstr(messages.text, "m.csv:1:6: column 'color' is not used"));
    assert_null(strstr(messages.text, "not used\n1 data: m")); /* said once */
}

static void jsonl_forms(void **state)
{
    (void)state;
    check_three(open_text("m.jsonl",
                          "{\"path\":\"img/0.jpg\",\"label\":\"gro\xC3\x9F\"}\r\n\n"
                          "{\"label\":\"cat\",\"path\":\"img/1.jpg\",\"split\":\"training\"}\n"
                          "{\"path\":\"img/a, \\\"b\\\"\\nc.jpg\",\"label\":\"cat\",\"by\":\"me\"}",
                          NULL));
    assert_non_null(strstr(messages.text, "m.jsonl:4: key 'by' is not used"));
    /* Numbers without a fraction are names. */
    fv_dataset *d =
        open_text("m.jsonl", "{\"path\":\"img/0.jpg\",\"label\":7}\n{\"path\":\"img/1.jpg\",\"label\":10}", NULL);
    assert_string_equal(fv_dataset_class_name(d, 0), "10");
    assert_string_equal(fv_dataset_class_name(d, 1), "7");
    fv_dataset_destroy(&d);
}

static const char splits[] = "path,label,split,weight,group\n"
                             "img/0.jpg,b,train,0.5,p1\nimg/1.jpg,a,,,p2\nimg/2.jpg,b,training,2,\n"
                             "img/3.jpg,b,val,1,p1\nimg/4.jpg,b,test,1e-3,p9\n";

static void splits_weights_groups(void **state)
{
    (void)state;
    bool has = false;
    fv_dataset *d = open_text("m.csv", splits, NULL);
    assert_int_equal(fv_dataset_count(d), 3);
    assert_true(fv_dataset_weight(d, 0) == 0.5f && fv_dataset_weight(d, 1) == 1.0f && fv_dataset_weight(d, 2) == 2.0f);
    assert_true(fv_dataset_weight(d, 3) == 0.0f);
    const uint64_t first = fv_dataset_group(d, 0);
    assert_true(first != 0 && first != fv_dataset_group(d, 1) && fv_dataset_group(d, 2) == 0);
    fv_dataset_destroy(&d);
    /* The folder with the manifest in it is the same data. */
    fv_test_write_text(fv_test_path(dir, "manifest.csv"), splits);
    const char *const names[] = {"train", "val", "test"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fv_dataset_has_split(ctx, dir, names[i], &has), FV_OK);
        assert_true(has);
    }
    assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.split = "val"}, &d), FV_OK);
    assert_int_equal(fv_dataset_count(d), 1);
    assert_int_equal(fv_dataset_classes(d), 2); /* those of the train split */
    assert_int_equal(fv_dataset_label(d, 0), 1);
    assert_true(fv_dataset_group(d, 0) == first);
    fv_dataset_destroy(&d);
    /* Another list of classes, by name. */
    const char *const wanted[] = {"z", "b", "a"};
    assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.classes = wanted, .n_classes = 3}, &d), FV_OK);
    assert_int_equal(fv_dataset_label(d, 0), 1);
    assert_int_equal(fv_dataset_label(d, 1), 2);
    fv_dataset_destroy(&d);
}

static void several_classes(void **state)
{
    (void)state;
    const char *const texts[] = {
        "path,label,split\nimg/0.jpg,sky|cat,\nimg/1.jpg,,\nimg/2.jpg,cat,\nimg/3.jpg,sky,val\n",
        "{\"path\":\"img/0.jpg\",\"label\":[\"sky\",\"cat\"]}\n{\"path\":\"img/1.jpg\",\"label\":[]}\n"
        "{\"path\":\"img/2.jpg\",\"label\":\"cat\"}\n{\"path\":\"img/3.jpg\",\"label\":[\"sky\"],\"split\":\"val\"}\n"};
    for (int i = 0; i < 2; i++) {
        fv_dataset *d = open_text(i ? "m.jsonl" : "m.csv", texts[i], NULL);
        assert_int_equal(fv_dataset_task(d), FV_TASK_MULTILABEL);
        assert_int_equal(fv_dataset_classes(d), 2);
        const float expected[3][2] = {{1, 1}, {0, 0}, {1, 0}};
        for (int k = 0; k < 3; k++)
            assert_memory_equal(fv_dataset_targets(d, k), expected[k], sizeof expected[k]);
        assert_null(fv_dataset_targets(d, 3));
        fv_dataset_destroy(&d);
        assert_int_equal(
            fv_dataset_open(ctx, fv_test_path(dir, i ? "m.jsonl" : "m.csv"), &(fv_dataset_options){.split = "val"}, &d),
            FV_OK);
        const float sky[2] = {0, 1};
        assert_memory_equal(fv_dataset_targets(d, 0), sky, sizeof sky);
        assert_int_equal(fv_dataset_label(d, 0), 1);
        fv_dataset_destroy(&d);
    }
}

static void numbers_to_predict(void **state)
{
    (void)state;
    const struct {
        const char *file, *text, *task;
        int64_t n;
        float last;
    } rows[] = {
        {"m.csv", "path,target0,target1\nimg/0.jpg,1,2\nimg/1.jpg,-3e2,0.25\n", NULL, 2, 0.25f},
        {"m.csv", "path,label\nimg/0.jpg,1\nimg/1.jpg,7\n", "regression", 1, 7.0f},
        {"m.csv", "path,label\nimg/0.jpg,1\nimg/1.jpg,7.5\n", NULL, 1, 7.5f},
        {"m.csv", "path,label\nimg/0.jpg,1|2|3\nimg/1.jpg,7|8|9\n", "regression", 3, 9.0f},
        {"m.jsonl", "{\"path\":\"img/0.jpg\",\"label\":[1,2]}\n{\"path\":\"img/1.jpg\",\"targets\":[3,4.5]}", NULL, 2,
         4.5f},
        {"m.jsonl", "{\"path\":\"img/0.jpg\",\"target0\":1}\n{\"path\":\"img/1.jpg\",\"target0\":2}", NULL, 1, 2.0f},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_dataset *d = open_text(rows[i].file, rows[i].text, &(fv_dataset_options){.task = rows[i].task});
        assert_int_equal(fv_dataset_task(d), FV_TASK_REGRESS);
        assert_int_equal(fv_dataset_classes(d), rows[i].n);
        assert_string_equal(fv_dataset_class_name(d, 0), "target0");
        assert_true(fv_dataset_targets(d, 1)[rows[i].n - 1] == rows[i].last);
        assert_int_equal(fv_dataset_label(d, 1), 0);
        fv_dataset_destroy(&d);
    }
    /* The same labels as names. */
    fv_dataset *d = open_text("m.csv", rows[2].text, &(fv_dataset_options){.task = "class"});
    assert_string_equal(fv_dataset_class_name(d, 1), "7.5");
    fv_dataset_destroy(&d);
}

static void broken(void **state)
{
    (void)state;
    static const struct {
        const char *file, *text, *task;
        fv_status status;
        const char *words;
    } rows[] = {
        {"m.csv", "img/0.jpg,cat\n", NULL, FV_ERR_DATA_FORMAT, "m.csv:1:1: no header: found 'img/0.jpg,cat'"},
        {"m.jsonl", "\n[\n {\"path\": \"img/0.jpg\", \"label\": \"cat\"}\n]\n", NULL, FV_ERR_DATA_FORMAT,
         "m.jsonl: a JSON array, expected an object on each line"},
        {"m.csv", "path;label\nimg/0.jpg;cat\n", NULL, FV_ERR_DATA_FORMAT, "no header"},
        {"m.csv", "", NULL, FV_ERR_DATA_EMPTY, "an empty file"},
        {"m.csv", "path,label\n", NULL, FV_ERR_DATA_EMPTY, "a header and no line behind it"},
        {"m.csv", "path,label,path\nx,y,z\n", NULL, FV_ERR_DATA_FORMAT, "m.csv:1:12: a second column 'path'"},
        {"m.csv", "path,target1\nimg/0.jpg,1\n", NULL, FV_ERR_DATA_FORMAT, "column target0 is missing"},
        {"m.csv", "path,label\nimg/0.jpg\n", NULL, FV_ERR_DATA_FORMAT, "m.csv:2:1: 1 fields, the header has 2"},
        {"m.csv", "path,label\n\"img/0.jpg,cat\nx,y\n", NULL, FV_ERR_DATA_FORMAT,
         "m.csv:2:1: the quote that opens here is never closed"},
        {"m.csv", "path,label\nimg/0\".jpg,cat\n", NULL, FV_ERR_DATA_FORMAT, "m.csv:2:6: a quote inside"},
        {"m.csv", "path,label\n\"img/0.jpg\"x,cat\n", NULL, FV_ERR_DATA_FORMAT, "m.csv:2:12: text behind"},
        {"m.csv", "path,label\nimg/0.jpg,\n", NULL, FV_ERR_DATA_FORMAT, "m.csv:2:11: no label"},
        {"m.csv", "path,label\n,cat\n", NULL, FV_ERR_DATA_FORMAT, "m.csv:2:1: no path"},
        {"m.csv", "path,label\nimg/nope.jpg,cat\n", NULL, FV_ERR_DATA_FORMAT, "m.csv:2:1: img/nope.jpg: no such file"},
        {"m.csv", "path,label\nimg,cat\n", NULL, FV_ERR_DATA_FORMAT, "img: not a regular file"},
        {"m.csv", "path,label,weight\nimg/0.jpg,cat,-1\n", NULL, FV_ERR_DATA_FORMAT, "m.csv:2:15: weight '-1'"},
        {"m.csv", "path,label,weight\nimg/0.jpg,cat,nan\n", NULL, FV_ERR_DATA_FORMAT, "weight 'nan'"},
        {"m.csv", "path,label,weight\nimg/0.jpg,cat,3e38\n", NULL, FV_ERR_DATA_FORMAT,
         "weight '3e38': expected a number from 0 to 1e30"},
        {"m.csv", "path,label,split\nimg/0.jpg,cat,trian\n", NULL, FV_ERR_DATA_FORMAT, "m.csv:2:15: split 'trian'"},
        {"m.csv", "path,label\nimg/0.jpg,NaN\n", NULL, FV_ERR_DATA_FORMAT, "the label is 'NaN'"},
        {"m.csv", "path,target0\nimg/0.jpg,nan\n", NULL, FV_ERR_DATA_FORMAT, "m.csv:2:"},
        {"m.csv", "path,label\nimg/0.jpg,1\nimg/1.jpg,cat\n", "regression", FV_ERR_DATA_FORMAT,
         "m.csv:3:11: 'cat' is not a finite number"},
        {"m.csv", "path,label\nimg/0.jpg,1|2\nimg/1.jpg,3\n", "regression", FV_ERR_DATA_FORMAT,
         "1 numbers, the lines before have 2"},
        {"m.csv", "path,label,split\nimg/0.jpg,cat,train\nimg/0.jpg,cat,val\n", NULL, FV_ERR_DATA_FORMAT,
         "m.csv:3:1: img/0.jpg: in split 'val', and in 'train' on line 2"},
        {"m.csv", "path,label\nimg/0.jpg,cat\nimg/1.jpg,Cat\n", NULL, FV_ERR_DATA_CLASSES, "'cat'"},
        {"m.csv", "path,label\nimg/0.jpg,cat\n", "regresion", FV_ERR_VALUE, "did you mean 'regression'"},
        {"m.jsonl", "{\"path\":\"img/0.jpg\",\"label\":\"cat\"}\n{\"path\": img}\n", NULL, FV_ERR_DATA_FORMAT,
         "m.jsonl:2:"},
        {"m.jsonl", "{\"path\":\"img/0.jpg\"}\n", NULL, FV_ERR_DATA_FORMAT, "m.jsonl:1:1: no label"},
        {"m.jsonl", "{\"path\":\"img/0.jpg\",\"label\":true}\n", NULL, FV_ERR_DATA_FORMAT, "a label must be"},
        {"m.jsonl", "{\"path\":\"img/0.jpg\",\"label\":[1,\"a\"]}\n", NULL, FV_ERR_DATA_FORMAT, "a label must be"},
        {"m.jsonl", "{\"path\":\"img/0.jpg\",\"label\":[1]}\n{\"path\":\"img/1.jpg\",\"label\":[1,2]}\n", NULL,
         FV_ERR_DATA_FORMAT, "2 numbers, the lines before have 1"},
        {"m.jsonl", "{\"path\":\"img/0.jpg\",\"target1\":1}\n", NULL, FV_ERR_DATA_FORMAT,
         "m.jsonl:1:31: target0 is missing: found 1 such keys, up to target1"},
        {"m.jsonl", "{\"path\":\"img/0.jpg\",\"label\":[1,2],\"target0\":1}\n", NULL, FV_ERR_DATA_FORMAT,
         "m.jsonl:1:29: a list of labels beside target0"},
        {"m.jsonl", "{\"path\":\"img/0.jpg\",\"label\":\"a\",\"class\":\"b\"}\n", NULL, FV_ERR_DATA_FORMAT,
         "'class': given a second time"},
        {"m.jsonl", "{\"path\":\"img/0.jpg\",\"label\":[1]}\n{\"path\":\"img/1.jpg\",\"label\":2}\n", NULL,
         FV_ERR_DATA_FORMAT, "m.jsonl:2:29: 0 numbers, the lines before have 1"},
        {"m.jsonl", "{\"path\":\"img/0.jpg\",\"target0\":1e300}\n", NULL, FV_ERR_DATA_FORMAT, "at most 3e38"},
        {"m.csv", "path,label\nimg/0.jpg,1\nimg/1.jpg,1e300\n", "regression", FV_ERR_DATA_FORMAT,
         "m.csv:3:11: '1e300' is not a finite number, at most 3e38"},
        {"m.jsonl", "{\"path\":[1],\"label\":\"a\"}\n", NULL, FV_ERR_DATA_FORMAT, "must be a text or a number"},
        {"m.jsonl", "{\"path\":\"img/0.jpg\",\"label\":\"a\"}\n[1]\n", NULL, FV_ERR_DATA_FORMAT, "expected an object"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refuse(rows[i].file, rows[i].text, &(fv_dataset_options){.task = rows[i].task}, rows[i].status, rows[i].words);
}

/* A list of as many numbers as there may be, and keys target0, ... beside it: more than one line's buffer. */
static void a_list_beside_targets(void **state)
{
    (void)state;
    const size_t size = 1 << 17;
    char *text = malloc(size);
    assert_non_null(text);
    size_t n = (size_t)snprintf(text, size, "{\"path\":\"img/0.jpg\",\"label\":[0");
    for (int k = 1; k < 4096; k++)
        n += (size_t)snprintf(text + n, size - n, ",%d", k);
    n += (size_t)snprintf(text + n, size - n, "]");
    for (int k = 0; k < 4000; k++)
        n += (size_t)snprintf(text + n, size - n, ",\"target%d\":1", k);
    snprintf(text + n, size - n, "}\n");
    refuse("m.jsonl", text, NULL, FV_ERR_DATA_FORMAT, "m.jsonl:1:29: a list of labels beside target");
    free(text);
}

/* All bad lines in one pass, the first 20 of them told. */
static void all_bad_lines_at_once(void **state)
{
    (void)state;
    char text[4096] = "path,label,weight\nimg/0.jpg,cat,1\n";
    for (int i = 0; i < 30; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), i % 3 ? "gone%d.jpg,cat,1\n" : "img/1.jpg,cat,x%d\n",
                 i);
    refuse("m.csv", text, NULL, FV_ERR_DATA_FORMAT, "m.csv: 30 bad lines, the first ");
    int told = 0;
    for (const char *p = messages.text; (p = strstr(p, "0 data: ")); p++)
        told++;
    assert_int_equal(told, 20);
    assert_non_null(strstr(fv_ctx_hint(ctx), "the first 20 are"));
}

static void a_typo_in_a_class(void **state)
{
    (void)state;
    char text[1024] = "path,label\n";
    for (int i = 0; i < 12; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "img/%d.jpg,tulip\n", i % 5);
    strcat(text, "img/5.jpg,tulpi\n");
    fv_dataset *d = open_text("m.csv", text, NULL);
    fv_dataset_destroy(&d);
    assert_non_null(strstr(messages.text, "class 'tulpi' has one sample: is it a misspelt 'tulip'?"));
    assert_non_null(strstr(messages.text, "7 paths are listed more than once"));
}

static fv_status open_once(fv_ctx *own, void *arg)
{
    fv_dataset *d = NULL;
    const fv_status status = fv_dataset_open(own, arg, &(fv_dataset_options){.split = "train", .val_split = 0.0}, &d);
    fv_dataset_destroy(&d);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/m.csv", dir);
    fv_test_write_text(path, splits);
    assert_true(fv_test_each_allocation(open_once, path) > 10);
    snprintf(path, sizeof path, "%s/m.jsonl", dir);
    fv_test_write_text(path, "{\"path\":\"img/0.jpg\",\"label\":[\"sky\",\"cat\"],\"weight\":2}\n"
                             "{\"path\":\"img/1.jpg\",\"label\":[],\"group\":1}\n");
    assert_true(fv_test_each_allocation(open_once, path) > 10);
    fv_test_write_text(path, "{\"path\":\"img/0.jpg\",\"label\":[1,2]}\n");
    assert_true(fv_test_each_allocation(open_once, path) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(csv_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(jsonl_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(splits_weights_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(several_classes, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_to_predict, setup, teardown),
        cmocka_unit_test_setup_teardown(broken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_beside_targets, setup, teardown),
        cmocka_unit_test_setup_teardown(all_bad_lines_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_typo_in_a_class, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
