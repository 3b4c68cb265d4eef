/* SPDX-License-Identifier: Apache-2.0 */
/* WebDataset shards: as others write them, cut off, damaged, with colliding names. */
#define FV_TEST_THREADS 1
#include "support/fixture.h"

#include "data/planted.h"

#include <fovea/data.h>

#include "data/dataset.h"
#include "data/source/tar_scan.h"

/* An archive being written. */
static uint8_t archive[1 << 20];
static size_t used;

static void put(const char *name, char type, const void *data, size_t size)
{
    assert_true(fv_tar_header(archive + used, name, (int64_t)size, type));
    memcpy(archive + used + 512, data, size);
    memset(archive + used + 512 + size, 0, (512 - size % 512) % 512);
    used += 512 + (size + 511) / 512 * 512;
}

static void put_text(const char *name, const char *text)
{
    put(name, '0', text, strlen(text));
}

static void put_jpeg(const char *name, int number)
{
    planted jpeg = planted_make_jpeg((planted_jpeg){.h = 20 + number % 7, .w = 24 + number % 5, .c = 3});
    put(name, '0', jpeg.data, jpeg.size);
    free(jpeg.data);
}

/* `cut`: without that many bytes of what there is, and no end mark; 0: whole. */
static void finish(const char *name, size_t cut)
{
    if (cut == 0) {
        memset(archive + used, 0, 1024);
        used += 1024;
    }
    fv_test_write(fv_test_path(dir, name), archive, used - cut);
    used = 0;
}

static fv_dataset *open_shards(const char *name, const char *split)
{
    fv_dataset *d = NULL;
    const fv_status status =
        fv_dataset_open(ctx, name ? fv_test_path(dir, name) : dir, &(fv_dataset_options){.split = split}, &d);
    if (status != FV_OK)
        fail_msg("%s: %s", fv_status_name(status), fv_ctx_error(ctx));
    return d;
}

static void check_image(fv_dataset *d, int64_t i, int number)
{
    fv_image image;
    if (fv_dataset_image(d, i, &image, NULL) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(image.h, 20 + number % 7);
    assert_int_equal(image.w, 24 + number % 5);
    fv_image_free(ctx, &image);
}

static void class_indices(void **state)
{
    (void)state;
    char name[64];
    for (int i = 0; i < 12; i++) {
        char member[64], label[16];
        snprintf(member, sizeof member, "a/%03d.jpg", i);
        put_jpeg(member, i);
        snprintf(member, sizeof member, "a/%03d.cls", i);
        snprintf(label, sizeof label, "%d\n", i);
        put_text(member, label);
        snprintf(member, sizeof member, "a/%03d.txt", i);
        put_text(member, "a caption");
    }
    finish("shard.tar", 0);
    fv_dataset *d = open_shards("shard.tar", NULL);
    assert_string_equal(fv_dataset_format(d), "tar");
    assert_int_equal(fv_dataset_count(d), 12);
    assert_int_equal(fv_dataset_classes(d), 12);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(fv_dataset_label(d, i), i); /* by number: 10 is not between 1 and 2 */
        check_image(d, i, i);
    }
    fv_dataset_sample_name(d, 3, name, sizeof name);
    assert_string_equal(name, "shard.tar:a/003.jpg");
    assert_string_equal(fv_dataset_class_name(d, 11), "11");
    fv_dataset_destroy(&d);
    assert_int_equal(messages.size, 0);
}

/* Letter case does not tell members apart. */
static void capital_letters(void **state)
{
    (void)state;
    put_jpeg("0.JPG", 0);
    put_text("0.CLS", "cat");
    put_jpeg("1.jpeg", 1);
    put_text("1.JSON", "{\"label\": \"dog\"}");
    put_jpeg("2.Jpg", 2);
    put_text("2.Json", "{\"label\": \"cat\", \"split\": \"val\"}");
    finish("shard.tar", 0);
    fv_dataset *d = open_shards("shard.tar", NULL);
    assert_int_equal(fv_dataset_count(d), 2);
    assert_string_equal(fv_dataset_class_name(d, fv_dataset_label(d, 0)), "cat");
    assert_string_equal(fv_dataset_class_name(d, fv_dataset_label(d, 1)), "dog");
    fv_dataset_destroy(&d);
    d = open_shards("shard.tar", "val");
    assert_int_equal(fv_dataset_count(d), 1);
    fv_dataset_destroy(&d);
}

static void splits_names_and_json(void **state)
{
    (void)state;
    put_jpeg("x.jpg", 1);
    put_text("x.cls", "tulip");
    put_jpeg("y.jpg", 2);
    put_text("y.cls", "rose");
    put_text("y.json", "{\"weight\": 0.5, \"group\": \"p1\", \"caption\": {\"a\": [1]}}");
    finish("train-000000.tar", 0);
    put_jpeg("x.jpg", 3);
    put_text("x.json", "{\"label\": \"tulip\", \"path\": 7}");
    finish("train-000001.tar", 0);
    put_jpeg("z.jpg", 4);
    put_text("z.cls", "tulip");
    finish("val-000000.tar", 0);
    fv_dataset *d = open_shards(NULL, NULL);
    assert_int_equal(fv_dataset_count(d), 3);
    assert_string_equal(fv_dataset_class_name(d, 0), "rose");
    assert_int_equal(fv_dataset_label(d, 0), 1);
    assert_int_equal(fv_dataset_label(d, 1), 0);
    assert_true(fv_dataset_weight(d, 1) == 0.5f && fv_dataset_weight(d, 2) == 1.0f);
    assert_true(fv_dataset_group(d, 1) != 0);
    check_image(d, 2, 3);
    fv_dataset_destroy(&d);
    d = open_shards(NULL, "val");
    assert_int_equal(fv_dataset_count(d), 1);
    assert_int_equal(fv_dataset_classes(d), 2);
    assert_int_equal(fv_dataset_label(d, 0), 1);
    fv_dataset_destroy(&d);
    assert_null(strstr(messages.text, "collide"));
}

static void sets_and_numbers(void **state)
{
    (void)state;
    put_jpeg("0.jpg", 1);
    put_text("0.json", "{\"label\": [\"sky\", \"cat\"]}");
    put_jpeg("1.jpg", 2);
    put_text("1.json", "{\"label\": []}");
    finish("sets.tar", 0);
    put_jpeg("0.jpg", 1);
    put_text("0.json", "{\"label\": [1.5, 2]}");
    finish("numbers.tar", 0);
    fv_dataset *d = open_shards("sets.tar", NULL);
    assert_int_equal(fv_dataset_task(d), FV_TASK_MULTILABEL);
    assert_true(fv_dataset_targets(d, 0)[0] == 1.0f && fv_dataset_targets(d, 1)[1] == 0.0f);
    fv_dataset_destroy(&d);
    d = open_shards("numbers.tar", NULL);
    assert_int_equal(fv_dataset_task(d), FV_TASK_REGRESS);
    assert_true(fv_dataset_targets(d, 0)[0] == 1.5f);
    fv_dataset_destroy(&d);
}

static void long_names(void **state)
{
    (void)state;
    char deep[220] = "", longest[400], pax[500];
    for (int i = 0; i < 20; i++)
        strcat(deep, "folder/");
    strcat(deep, "key.jpg"); /* 147 bytes: fits into prefix and name */
    put_jpeg(deep, 1);
    memcpy(deep + strlen(deep) - 3, "cls", 3);
    put_text(deep, "one");
    memset(longest, 'k', 300);
    strcpy(longest + 300, ".jpg");
    uint8_t header[512];
    assert_false(fv_tar_header(header, longest, 1, '0'));
    put("././@LongLink", 'L', longest, 305);
    put_jpeg("kkk.jpg", 2);
    memcpy(longest + 301, "cls", 3);
    int n = snprintf(pax, sizeof pax, "319 path=%s\n12 mtime=1.\n", longest); /* 4 + 5 + 304 + 1 */
    memcpy(pax, "314", 3);
    put("PaxHeaders/kkk", 'x', pax, (size_t)n);
    put_text("kkk.cls", "two");
    put("folder", '5', "", 0);
    put("link.jpg", '2', "", 0);
    finish("long.tar", 0);
    fv_dataset *d = open_shards("long.tar", NULL);
    assert_int_equal(fv_dataset_count(d), 2);
    check_image(d, 1, 2);
    assert_string_equal(fv_dataset_class_name(d, 1), "two");
    assert_int_equal(fv_dataset_label(d, 1), 1);
    fv_dataset_destroy(&d);
}

static void five(size_t cut)
{
    for (int i = 0; i < 5; i++) {
        char member[64];
        snprintf(member, sizeof member, "%d.cls", i);
        put_text(member, i % 2 ? "a" : "b");
        snprintf(member, sizeof member, "%d.jpg", i);
        put_jpeg(member, i);
    }
    finish("five.tar", cut);
}

/* What is before the cut is used, and the cut is told. */
static void cut_off(void **state)
{
    (void)state;
    five(700); /* in the last image */
    fv_dataset *d = open_shards("five.tar", NULL);
    assert_int_equal(fv_dataset_count(d), 4);
    check_image(d, 3, 3);
    fv_dataset_destroy(&d);
    assert_non_null(strstr(messages.text, "cut off inside of a member; the 9 members before it are used"));
    assert_non_null(strstr(messages.text, "1 sample without an image left out"));
    /* Damage in a header. */
    five(0);
    FILE *file = fopen(fv_test_path(dir, "five.tar"), "r+b");
    uint8_t first[512];
    assert_int_equal(fread(first, 1, 512, file), 512);
    fseek(file, 1024, SEEK_SET); /* the header of 0.jpg */
    fputc('X', file);
    fclose(file);
    fv_dataset *none = NULL;
    assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, "five.tar"), NULL, &none), FV_ERR_DATA_EMPTY);
    assert_non_null(strstr(messages.text, "five.tar: byte 1024: a damaged header; the 1 members before it are used"));
    fv_test_write(fv_test_path(dir, "five.tar"), "", 0);
    assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, "five.tar"), NULL, &none), FV_ERR_DATA_EMPTY);
}

static void collisions(void **state)
{
    (void)state;
    put_jpeg("a.jpg", 1);
    put_jpeg("a.jpg", 2);
    put_text("a.cls", "x");
    put_jpeg("b.jpg", 3);
    put_text("b.cls", "x");
    put_jpeg("a.jpg", 4);
    put_text("a.cls", "x");
    finish("twice.tar", 0);
    fv_dataset *d = open_shards("twice.tar", NULL);
    assert_int_equal(fv_dataset_count(d), 3);
    check_image(d, 0, 1);
    check_image(d, 2, 4);
    fv_dataset_destroy(&d);
    assert_non_null(strstr(messages.text, "2 member names collide, first key a;"));
}

static void refused(void **state)
{
    (void)state;
    fv_dataset *d = NULL;
    fv_test_write(fv_test_path(dir, "s.tar.gz"), "\x1F\x8B\x08", 3);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_ERR_UNSUPPORTED);
    assert_non_null(strstr(fv_ctx_error(ctx), "s.tar.gz: a compressed archive"));
    assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, "s.tar.gz"), NULL, &d), FV_ERR_UNSUPPORTED);
    put_text("readme.md", "no image here");
    finish("none.tar", 0);
    assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, "none.tar"), NULL, &d), FV_ERR_DATA_EMPTY);
    /* A shard that vanishes or shrinks meanwhile: the sample cannot be had, the program goes on. */
    five(0);
    d = open_shards("five.tar", NULL);
    fv_image image;
    assert_int_equal(truncate(fv_test_path(dir, "five.tar"), 3000), 0);
    assert_int_equal(fv_dataset_image(d, 4, &image, NULL), FV_ERR_DATA_TRUNCATED);
    assert_non_null(strstr(fv_ctx_error(ctx), "five.tar:4.jpg: the shard has become shorter"));
    unlink(fv_test_path(dir, "five.tar"));
    assert_int_equal(fv_dataset_image(d, 4, &image, NULL), FV_ERR_NOT_FOUND);
    fv_dataset_destroy(&d);
}

/* A GIF of one black pixel. */
static void put_gif(const char *name)
{
    static const uint8_t gif[] = "GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;";
    put(name, '0', gif, sizeof gif - 1);
}

/* A sample's own split comes before its shard's; its own path and key are its identity. */
static void what_json_says(void **state)
{
    (void)state;
    put_gif("a.gif");
    put_text("a.json", "{\"label\": \"x\", \"path\": \"img/a.gif\", \"group\": \"00000000000000ff\"}");
    put_jpeg("b.jpg", 1);
    put_text("b.json", "{\"label\": \"x\", \"split\": \"val\", \"path\": \"b\", \"key\": \"0000000000000007\"}");
    finish("shard.tar", 0);
    fv_dataset *d = open_shards(NULL, NULL);
    assert_int_equal(fv_dataset_count(d), 1);
    assert_true(d->source->ops->key(d->source, 0) == fv_text_key("img/a.gif"));
    assert_true(fv_dataset_group(d, 0) == 0xff);
    fv_image image;
    assert_int_equal(fv_dataset_image(d, 0, &image, NULL), FV_OK);
    assert_int_equal(image.h, 1);
    fv_image_free(ctx, &image);
    fv_dataset_destroy(&d);
    d = open_shards(NULL, "val");
    assert_int_equal(fv_dataset_count(d), 1);
    assert_true(d->source->ops->key(d->source, 0) == 7);
    check_image(d, 0, 1);
    fv_dataset_destroy(&d);
    assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.split = "test"}, &d), FV_ERR_NOT_FOUND);
}

/* Samples with labels that cannot be read are named, and count as bad. */
static void bad_samples(void **state)
{
    (void)state;
    fv_dataset *d = NULL;
    for (int i = 0; i < 10; i++) {
        char member[64];
        snprintf(member, sizeof member, "%d.jpg", i);
        put_jpeg(member, i);
        snprintf(member, sizeof member, "%d.json", i);
        put_text(member, i == 7 ? "{\"label\": tru" : "{\"label\": \"x\"}");
    }
    finish("s.tar", 0);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_ERR_DATA_TOO_BAD);
    assert_non_null(strstr(fv_ctx_error(ctx), "1 of 10 samples cannot be used"));
    assert_non_null(strstr(fv_ctx_error(ctx), "s.tar:7.json: line 1, column 13: invalid token"));
    assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.max_bad = 0.1}, &d), FV_OK);
    assert_int_equal(fv_dataset_count(d), 9);
    fv_dataset_destroy(&d);
    /* The place is one in the member, whatever it is that is wrong there. */
    static const struct {
        const char *json, *place;
    } wrong[] = {{"{\"label\": \"x\",\n \"split\": \"trian\"}", "s.tar:in/k.json: line 2, column 11: split 'trian'"},
                 {"{\"label\": \"x\",\n\n  \"weight\": -1}", "s.tar:in/k.json: line 3, column 13: weight '-1'"},
                 {"{\"label\": [\"x\",\n\"a|b\"]}", "s.tar:in/k.json: line 2, column 1: a class name with |"},
                 {"{\n\"label\": {}}", "s.tar:in/k.json: line 2, column 10: a label must be"},
                 {"[1]", "s.tar:in/k.json: line 1, column 1: expected an object"},
                 {"{\n\"label\": \"\"}", "s.tar:in/k.json: line 2, column 10: no label"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        put_jpeg("in/k.jpg", 1);
        put_text("in/k.json", wrong[i].json);
        put_jpeg("l.jpg", 1);
        put_text("l.cls", "x");
        finish("s.tar", 0);
        assert_int_not_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
        assert_non_null(strstr(fv_ctx_error(ctx), wrong[i].place));
    }
    put_jpeg("a.jpg", 1);
    put_text("a.cls", "1");
    put_jpeg("b.jpg", 2);
    put_text("b.json", "{\"weight\": 2}");
    finish("s.tar", 0);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_ERR_DATA_FORMAT);
    assert_non_null(strstr(fv_ctx_error(ctx), "the first: s.tar:b.jpg: no label"));
    put_jpeg("a.jpg", 1);
    put_text("a.cls", "9999999");
    finish("s.tar", 0);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_ERR_DATA_CLASSES);
    assert_non_null(strstr(fv_ctx_error(ctx), "a label is 9999999, expected a class below 1048576"));
}

static void shard_with_bad(const char *name, int samples, int bad)
{
    for (int i = 0; i < samples; i++) {
        char member[64];
        snprintf(member, sizeof member, "%03d.jpg", i);
        put_jpeg(member, i);
        snprintf(member, sizeof member, "%03d.json", i);
        put_text(member, i < bad ? "{\"label\": \"x\", \"weight\": -1}" : "{\"label\": \"x\"}");
    }
    finish(name, 0);
}

static int lines_with(const char *part)
{
    int n = 0;
    for (const char *at = messages.text; (at = strstr(at, part)); at++)
        n++;
    return n;
}

/* Of many bad samples the first are shown, of the split that is opened; a check lists all, each once. */
static void many_bad_samples(void **state)
{
    (void)state;
    fv_dataset *d = NULL;
    shard_with_bad("train.tar", 60, 26);
    shard_with_bad("val.tar", 60, 21);
    assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.max_bad = 0.5}, &d), FV_OK);
    assert_int_equal(fv_dataset_count(d), 34);
    assert_int_equal(d->source->n_bad, 26);
    fv_dataset_destroy(&d);
    assert_int_equal(lines_with("train.tar:0"), 20);
    assert_int_equal(lines_with("val.tar:0"), 0);
    assert_int_equal(lines_with(": and 6 more\n"), 1);
    fv_check_report *r = NULL;
    assert_int_equal(fv_dataset_check(ctx, dir, NULL, &r), FV_OK);
    int64_t of[2] = {0};
    for (int64_t i = 0; i < fv_check_report_count(r); i++) {
        const fv_finding *f = fv_check_report_row(r, i);
        if (f->verdict == FV_VERDICT_QUARANTINE)
            of[strncmp(f->file, "val.tar:", 8) == 0]++;
    }
    fv_check_report_destroy(&r);
    assert_int_equal(of[0], 26);
    assert_int_equal(of[1], 21);
}

static fv_status open_once(fv_ctx *own, void *arg)
{
    fv_dataset *d = NULL;
    fv_image image = {0};
    fv_status status = fv_dataset_open(own, arg, NULL, &d);
    if (status == FV_OK)
        status = fv_dataset_image(d, 0, &image, NULL);
    fv_image_free(own, &image);
    fv_dataset_destroy(&d);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/train-1.tar", dir);
    put_jpeg("a.jpg", 1);
    put_text("a.json", "{\"label\": [\"x\", \"y\"], \"weight\": 2}");
    put("././@LongLink", 'L', "b.jpg", 6);
    put_jpeg("b", 2);
    put_text("b.cls", "x|y");
    finish("train-1.tar", 0);
    assert_true(fv_test_each_allocation(open_once, path) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(class_indices, setup, teardown),
        cmocka_unit_test_setup_teardown(capital_letters, setup, teardown),
        cmocka_unit_test_setup_teardown(splits_names_and_json, setup, teardown),
        cmocka_unit_test_setup_teardown(sets_and_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(long_names, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_off, setup, teardown),
        cmocka_unit_test_setup_teardown(collisions, setup, teardown),
        cmocka_unit_test_setup_teardown(refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_json_says, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_samples, setup, teardown),
        cmocka_unit_test_setup_teardown(many_bad_samples, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
