/* SPDX-License-Identifier: Apache-2.0 */
/* The packed file and shards: what goes in comes out, and every damage is told. */
#include "data/planted.h"
#include "support/fixture.h"

#include <fovea/data.h>

#include "base/crc32c.h"
#include "data/dataset.h"
#include "data/pack/format.h"

static int setup(void **state)
{
    (void)state;
    fv_test_begin(2);
    /* A manifest with splits, weights, groups, grey and color, JPEG and PNG. */
    char text[4096] = "path,label,split,weight,group\n";
    for (int i = 0; i < 12; i++) {
        char name[64];
        snprintf(name, sizeof name, "img/%d.%s", i, i % 3 == 2 ? "png" : "jpg");
        if (i % 3 == 2)
            planted_save(fv_test_path(dir, name),
                         planted_make_png(9 + i, 7, i % 2 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, 8, false, false));
        else
            planted_jpeg_file(fv_test_path(dir, name), i);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s,%s,%s,%g,g%d\n", name, i % 2 ? "dog" : "cat",
                 i < 8    ? "train"
                 : i < 11 ? "val"
                          : "test",
                 0.5 * i, i / 2);
    }
    fv_test_write_text(fv_test_path(dir, "m.csv"), text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return fv_test_end();
}

static fv_pack_report pack(const char *from, const fv_pack_options *options, const char *to)
{
    char input[300], output[300];
    fv_packer *p = NULL;
    fv_pack_report report = {0};
    int64_t samples = 0, bytes = 0;
    snprintf(input, sizeof input, "%s/%s", dir, from);
    snprintf(output, sizeof output, "%s/%s", dir, to);
    fv_status status = fv_packer_create(ctx, input, NULL, options, &p);
    if (status == FV_OK)
        status = fv_packer_size(p, &samples, &bytes);
    if (status == FV_OK)
        status = fv_packer_write(p, output, &report);
    if (status != FV_OK)
        fail_msg("%s: %s", fv_status_name(status), fv_ctx_error(ctx));
    assert_int_equal(samples, report.samples[0] + report.samples[1] + report.samples[2] + report.left_out);
    assert_true(llabs(report.bytes - bytes) < bytes / 2 + 4096 * report.files);
    fv_packer_destroy(&p);
    return report;
}

static fv_dataset *open_split(const char *name, const char *split)
{
    fv_dataset *d = NULL;
    const fv_status status =
        fv_dataset_open(ctx, fv_test_path(dir, name), &(fv_dataset_options){.split = split, .max_bad = 1}, &d);
    if (status != FV_OK)
        fail_msg("%s: %s", fv_status_name(status), fv_ctx_error(ctx));
    return d;
}

/* The same samples in the same order with the same labels, and unless `other` the same pixels. */
static void same_data(const char *a, const char *b, bool groups, bool other)
{
    static const char *const splits[] = {"train", "val", "test"};
    for (int s = 0; s < 3; s++) {
        bool has_a = false, has_b = false;
        assert_int_equal(fv_dataset_has_split(ctx, fv_test_path(dir, a), splits[s], &has_a), FV_OK);
        assert_int_equal(fv_dataset_has_split(ctx, fv_test_path(dir, b), splits[s], &has_b), FV_OK);
        assert_int_equal(has_a, has_b);
        if (!has_a)
            continue;
        fv_dataset *x = open_split(a, splits[s]), *y = open_split(b, splits[s]);
        assert_int_equal(fv_dataset_count(x), fv_dataset_count(y));
        assert_int_equal(fv_dataset_classes(x), fv_dataset_classes(y));
        assert_int_equal(fv_dataset_task(x), fv_dataset_task(y));
        for (int64_t k = 0; k < fv_dataset_classes(x); k++)
            assert_string_equal(fv_dataset_class_name(x, k), fv_dataset_class_name(y, k));
        for (int64_t i = 0; i < fv_dataset_count(x); i++) {
            fv_image p, q;
            assert_int_equal(fv_dataset_label(x, i), fv_dataset_label(y, i));
            assert_true(fv_dataset_weight(x, i) == fv_dataset_weight(y, i));
            assert_true(x->source->ops->key(x->source, x->index[i]) == y->source->ops->key(y->source, y->index[i]));
            if (groups)
                assert_true(fv_dataset_group(x, i) == fv_dataset_group(y, i));
            if (fv_dataset_targets(x, i))
                assert_memory_equal(fv_dataset_targets(x, i), fv_dataset_targets(y, i),
                                    (size_t)fv_dataset_classes(x) * sizeof(float));
            assert_int_equal(fv_dataset_image(x, i, &p, NULL), FV_OK);
            assert_int_equal(fv_dataset_image(y, i, &q, NULL), FV_OK);
            if (!other) {
                assert_true(p.h == q.h && p.w == q.w && p.c == q.c && p.depth == q.depth);
                assert_memory_equal(p.data, q.data, (size_t)(p.h * p.w * p.c) * fv_depth_bytes(p.depth));
            }
            fv_image_free(ctx, &p);
            fv_image_free(ctx, &q);
        }
        fv_dataset_destroy(&x);
        fv_dataset_destroy(&y);
    }
}

static void round_trips(void **state)
{
    (void)state;
    fv_pack_report r = pack("m.csv", NULL, "files.fvpack");
    assert_true(r.samples[0] == 8 && r.samples[1] == 3 && r.samples[2] == 1 && r.left_out == 0 && r.files == 1);
    same_data("m.csv", "files.fvpack", true, false);
    pack("m.csv", &(fv_pack_options){.raw = true}, "raw.fvpack");
    same_data("m.csv", "raw.fvpack", true, false);
    /* From one packed file to another, and to shards. */
    pack("files.fvpack", NULL, "again.fvpack");
    same_data("m.csv", "again.fvpack", true, false);
    pack("raw.fvpack", NULL, "rawer.fvpack");
    same_data("m.csv", "rawer.fvpack", true, false);
    r = pack("m.csv", &(fv_pack_options){.shards = true, .shard_bytes = 6000}, "shards");
    assert_true(r.files > 3);
    same_data("m.csv", "shards", true, false);
    pack("m.csv", &(fv_pack_options){.shards = true, .raw = true}, "pixels");
    same_data("m.csv", "pixels", true, false);
    fv_packer *p = NULL;
    fv_packer_create(ctx, fv_test_path(dir, "m.csv"), NULL, &(fv_pack_options){.shards = true}, &p);
    assert_int_equal(fv_packer_write(p, fv_test_path(dir, "shards"), &r), FV_ERR_CONFLICT);
    fv_packer_destroy(&p);
    /* The same bytes each time. */
    pack("m.csv", NULL, "twice.fvpack");
    fv_dataset *d = open_split("twice.fvpack", "train");
    assert_string_equal(fv_dataset_format(d), "pack");
    fv_dataset_destroy(&d);
}

static void sizes(void **state)
{
    (void)state;
    int64_t h, w, c;
    fv_image image;
    pack("m.csv", &(fv_pack_options){.raw = true, .h = 10, .w = 12}, "stretched.fvpack");
    pack("m.csv", &(fv_pack_options){.raw = true, .h = 6, .w = 14, .crop = true}, "cropped.fvpack");
    same_data("m.csv", "stretched.fvpack", true, true);
    fv_dataset *d = open_split("cropped.fvpack", "train");
    for (int64_t i = 0; i < fv_dataset_count(d); i++) {
        assert_int_equal(fv_dataset_image(d, i, &image, NULL), FV_OK);
        assert_true(image.h == 6 && image.w == 14);
        fv_image_free(ctx, &image);
    }
    fv_dataset_destroy(&d);
    /* All of one size and kind: told for the whole set. */
    fv_test_write_text(fv_test_path(dir, "jpegs.csv"), "path,label\nimg/0.jpg,a\nimg/1.jpg,b\n");
    pack("jpegs.csv", &(fv_pack_options){.raw = true, .h = 10, .w = 12}, "jpegs.fvpack");
    d = open_split("jpegs.fvpack", "train");
    fv_dataset_size(d, &h, &w, &c);
    assert_true(h == 10 && w == 12 && c == 3);
    fv_dataset_destroy(&d);
    fv_packer *p = NULL;
    assert_int_equal(fv_packer_create(ctx, fv_test_path(dir, "m.csv"), NULL, &(fv_pack_options){.h = 3, .w = 3}, &p),
                     FV_ERR_CONFLICT);
    assert_int_equal(
        fv_packer_create(ctx, fv_test_path(dir, "m.csv"), NULL, &(fv_pack_options){.raw = true, .h = 3}, &p),
        FV_ERR_VALUE);
}

/* A file that gets shorter while it is in use: what is gone is told, and nothing ends the program. */
static void cut_while_open(void **state)
{
    (void)state;
    for (int raw = 0; raw < 2; raw++) {
        fv_image image;
        pack("m.csv", &(fv_pack_options){.raw = raw}, "cut.fvpack");
        fv_dataset *d = open_split("cut.fvpack", "train");
        const int64_t n = fv_dataset_count(d);
        assert_int_equal(truncate(fv_test_path(dir, "cut.fvpack"), FV_PACK_HEADER + 10), 0);
        for (int64_t i = 0; i < n; i++) {
            char name[64];
            assert_int_equal(fv_dataset_image(d, i, &image, NULL), FV_ERR_DATA_TRUNCATED);
            assert_non_null(strstr(fv_ctx_error(ctx), "became shorter"));
            fv_dataset_sample_name(d, i, name, sizeof name);
            assert_non_null(strstr(fv_ctx_error(ctx), name));
        }
        fv_dataset_destroy(&d);
    }
}

/* A strip is cropped without being resized as a whole, which would be gigabytes. */
static void strip(void **state)
{
    (void)state;
    int64_t peak = 0;
    fv_image image;
    planted_save(fv_test_path(dir, "img/strip.png"), planted_make_png(1, 60000, PNG_COLOR_TYPE_RGB, 8, false, false));
    fv_test_write_text(fv_test_path(dir, "s.csv"), "path,label\nimg/strip.png,a\nimg/0.jpg,b\n");
    pack("s.csv", &(fv_pack_options){.raw = true, .h = 224, .w = 224, .crop = true}, "strip.fvpack");
    fv_ctx_memory(ctx, NULL, &peak);
    assert_true(peak < 64 << 20);
    fv_dataset *d = open_split("strip.fvpack", "train");
    assert_int_equal(fv_dataset_image(d, 0, &image, NULL), FV_OK);
    assert_true(image.h == 224 && image.w == 224);
    fv_image_free(ctx, &image);
    fv_dataset_destroy(&d);
}

static void labels_of_each_kind(void **state)
{
    (void)state;
    fv_test_write_text(fv_test_path(dir, "sets.csv"), "path,label\nimg/0.jpg,a|b\nimg/1.jpg,\nimg/3.jpg,b\n");
    fv_test_write_text(fv_test_path(dir, "numbers.csv"), "path,target0,target1\nimg/0.jpg,1,0.1\nimg/1.jpg,-3,4e9\n");
    const char *const kinds[] = {"sets", "numbers"};
    for (int k = 0; k < 2; k++) {
        char from[32], to[32];
        snprintf(from, sizeof from, "%s.csv", kinds[k]);
        snprintf(to, sizeof to, "%s.fvpack", kinds[k]);
        pack(from, NULL, to);
        same_data(from, to, true, false);
        pack(from, &(fv_pack_options){.shards = true}, kinds[k]);
        same_data(from, kinds[k], true, false);
    }
}

/* What cannot be read is left out and counted, up to a share. */
static void unreadable(void **state)
{
    (void)state;
    fv_test_write(fv_test_path(dir, "img/1.jpg"), "", 0);
    fv_test_write_text(fv_test_path(dir, "img/3.jpg"), "<html>");
    const fv_dataset_options options = {.max_bad = 0.5};
    for (int raw = 0; raw < 2; raw++) {
        fv_packer *p = NULL;
        fv_pack_report r;
        assert_int_equal(
            fv_packer_create(ctx, fv_test_path(dir, "m.csv"), &options, &(fv_pack_options){.raw = raw}, &p), FV_OK);
        assert_int_equal(fv_packer_write(p, fv_test_path(dir, "some.fvpack"), &r), FV_OK);
        assert_int_equal(r.left_out, 1 + raw); /* as files only the empty one: content is not looked at */
        assert_int_equal(r.samples[0], 8 - 1 - raw);
        fv_packer_destroy(&p);
    }
    assert_non_null(strstr(messages.text, "img/1.jpg: quarantined: the file is empty"));
    fv_packer *p = NULL;
    fv_pack_report r;
    unlink(fv_test_path(dir, "some.fvpack"));
    assert_int_equal(fv_packer_create(ctx, fv_test_path(dir, "m.csv"), NULL, NULL, &p), FV_OK);
    assert_int_equal(fv_packer_write(p, fv_test_path(dir, "some.fvpack"), &r), FV_ERR_DATA_TOO_BAD);
    fv_packer_destroy(&p);
    assert_int_equal(access(fv_test_path(dir, "some.fvpack"), F_OK), -1);
}

static uint8_t *load(const char *name, size_t *size)
{
    static uint8_t data[1 << 20];
    FILE *file = fopen(fv_test_path(dir, name), "rb");
    assert_non_null(file);
    *size = fread(data, 1, sizeof data, file);
    fclose(file);
    return data;
}

static void expect(const char *name, fv_status status, const char *words)
{
    fv_dataset *d = NULL;
    const fv_status got = fv_dataset_open(ctx, fv_test_path(dir, name), NULL, &d);
    fv_dataset_destroy(&d);
    if (got != status || !strstr(fv_ctx_error(ctx), words))
        fail_msg("%s: %s", fv_status_name(got), fv_ctx_error(ctx));
}

/* Small pixels lie in memory, unless they are too many for it or one is damaged; they are the same in any case. */
static void small_pixels(void **state)
{
    (void)state;
    enum { COUNT = 70, SIZE = 28 * 28 };
    static uint8_t pixels[COUNT][SIZE];
    fv_image image;
    fv_dataset *d = NULL;
    assert_int_equal(fv_make_digits(ctx, fv_test_path(dir, "digits"), COUNT, 1, 1), FV_OK);
    pack("digits", &(fv_pack_options){.raw = true}, "small.fvpack");
    const char *path = fv_test_path(dir, "small.fvpack");
    fv_ctx *poor = NULL;
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.threads = 1, .memory = 8 * COUNT * SIZE - 8}, &poor), FV_OK);
    assert_int_equal(fv_dataset_open(poor, path, NULL, &d), FV_OK);
    assert_null(d->source->pixels);
    for (int64_t i = 0; i < COUNT; i++) {
        assert_int_equal(fv_dataset_image(d, i, &image, NULL), FV_OK);
        memcpy(pixels[i], image.data, SIZE);
        fv_image_free(poor, &image);
    }
    fv_dataset_destroy(&d);
    fv_ctx_destroy(&poor);
    size_t size = 0;
    uint8_t *data = load("small.fvpack", &size);
    for (int damage = 0; damage < 2; damage++) {
        data[FV_PACK_HEADER + 33 * SIZE + 5] ^= (uint8_t)damage;
        fv_test_write(path, data, size);
        d = open_split("small.fvpack", "train");
        assert_true((d->source->pixels != NULL) == (damage == 0));
        if (damage == 0)
            assert_int_equal(truncate(path, FV_PACK_HEADER), 0); /* nothing is read any more */
        for (int64_t i = 0; i < COUNT; i++) {
            const bool bad = damage && i == 33;
            assert_int_equal(fv_dataset_image(d, i, &image, NULL), bad ? FV_ERR_DATA_FORMAT : FV_OK);
            if (!bad)
                assert_memory_equal(image.data, pixels[i], SIZE);
            fv_image_free(ctx, &image);
        }
        fv_dataset_destroy(&d);
    }
}

static void damaged(void **state)
{
    (void)state;
    size_t size = 0;
    pack("m.csv", &(fv_pack_options){.raw = true}, "good.fvpack");
    uint8_t *data = load("good.fvpack", &size);
    /* Cut off anywhere. */
    const size_t cuts[] = {1, 100, size - 20, size / 2, size - 4096, size - 13};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        fv_test_write(fv_test_path(dir, "cut.fvpack"), data, size - cuts[i]);
        if (size - cuts[i] >= 16)
            expect("cut.fvpack", FV_ERR_DATA_TRUNCATED, "the end of a packed file is not there");
    }
    /* Another version. */
    data[8] = 9;
    fv_test_write(fv_test_path(dir, "new.fvpack"), data, size);
    expect("new.fvpack", FV_ERR_DATA_FORMAT, "a packed file of version 9, this program reads version 1");
    data[8] = 1;
    /* A flipped bit: in a record it costs that sample, elsewhere the file is refused. */
    const size_t index = (size_t)fv_pack_get(data + size - 128 + FV_PACK_F_INDEX, 8);
    for (size_t at = 0; at < size; at += at < 128 ? 1 : at < index ? 997 : 3) {
        data[at] ^= 0x10;
        fv_test_write(fv_test_path(dir, "flip.fvpack"), data, size);
        fv_dataset *d = NULL;
        const fv_status status = fv_dataset_open(ctx, fv_test_path(dir, "flip.fvpack"), NULL, &d);
        if (at < 4096 || at >= index) {
            assert_true(status == FV_ERR_DATA_FORMAT || status == FV_ERR_DATA_TRUNCATED || status == FV_ERR_DATA);
        } else {
            assert_int_equal(status, FV_OK);
            int64_t bad = 0;
            for (int64_t i = 0; i < fv_dataset_count(d); i++) {
                fv_image image;
                const fv_status got = fv_dataset_image(d, i, &image, NULL);
                bad += got == FV_ERR_DATA_FORMAT && strstr(fv_ctx_error(ctx), "its checksum is wrong");
                fv_image_free(ctx, &image);
            }
            assert_true(bad <= 1);
            const size_t train_end = (size_t)fv_pack_get(data + index + 8 * 64, 8);
            if (at < train_end)
                assert_int_equal(bad, 1);
        }
        fv_dataset_destroy(&d);
        data[at] ^= 0x10;
    }
}

/* Entries that lie, with checksums that are right. */
static void forged(void **state)
{
    (void)state;
    size_t size = 0;
    pack("m.csv", &(fv_pack_options){.raw = true}, "good.fvpack");
    uint8_t *data = load("good.fvpack", &size);
    uint8_t *footer = data + size - 128;
    const size_t index = (size_t)fv_pack_get(footer + FV_PACK_F_INDEX, 8);
    const struct {
        size_t at;
        int bytes;
        uint64_t value;
    } lies[] = {
        {index + FV_PACK_E_OFFSET, 8, UINT64_MAX},
        {index + FV_PACK_E_OFFSET, 8, index},
        {index + FV_PACK_E_OFFSET, 8, 0},
        {index + FV_PACK_E_SIZE, 8, UINT64_MAX - 4000},
        {index + FV_PACK_E_H, 4, 0xFFFFFFFF},
        {index + FV_PACK_E_W, 4, 0},
        {index + FV_PACK_E_DEPTH, 1, 7},
        {index + FV_PACK_E_KIND, 1, 2},
        {index + FV_PACK_E_LABEL, 4, 2},
        {index + FV_PACK_E_NAME, 8, 1 << 20},
        {index + FV_PACK_E_WEIGHT, 4, 0x7FC00000},
        {size - 128 + FV_PACK_F_COUNT, 8, 13},
        {size - 128 + FV_PACK_F_COUNT, 8, 1ull << 60},
        {size - 128 + FV_PACK_F_N_CLASSES, 4, 9},
        {size - 128 + FV_PACK_F_N_CLASSES, 4, 0},
        {size - 128 + FV_PACK_F_KIND, 4, 1},
        {size - 128 + FV_PACK_F_KIND, 4, 77},
        {size - 128 + FV_PACK_F_SPLITS, 8, 100},
        {size - 128 + FV_PACK_F_SPLITS, 8, 1},
        {size - 128 + FV_PACK_F_NAMES, 8, 5},
        {size - 128 + FV_PACK_F_TARGETS, 8, size},
        {size - 128 + FV_PACK_F_INDEX, 8, size},
    };
    static uint8_t copy[1 << 20];
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        memcpy(copy, data, size);
        fv_pack_put(copy + lies[i].at, lies[i].value, lies[i].bytes);
        fv_pack_put(copy + size - 128 + FV_PACK_F_TABLES_CRC, fv_crc32c(copy + index, size - 128 - index), 4);
        fv_pack_put(copy + size - 128 + FV_PACK_F_CRC, fv_crc32c(copy + size - 128, FV_PACK_F_CRC), 4);
        fv_test_write(fv_test_path(dir, "lie.fvpack"), copy, size);
        fv_dataset *d = NULL;
        const fv_status status = fv_dataset_open(ctx, fv_test_path(dir, "lie.fvpack"), NULL, &d);
        if (status != FV_ERR_DATA_FORMAT)
            fail_msg("lie %zu: %s: %s", i, fv_status_name(status), fv_ctx_error(ctx));
    }
}

static fv_status pack_once(fv_ctx *own, void *arg)
{
    char output[300];
    fv_packer *p = NULL;
    fv_pack_report r;
    snprintf(output, sizeof output, "%s/%s", dir, ((fv_pack_options *)arg)->shards ? "once" : "once.fvpack");
    fv_status status = fv_packer_create(own, fv_test_path(dir, "two.csv"), NULL, arg, &p);
    if (status == FV_OK)
        status = fv_packer_write(p, output, &r);
    fv_packer_destroy(&p);
    if (((fv_pack_options *)arg)->shards) {
        unlink(fv_test_path(output, "train-000000.tar"));
        unlink(fv_test_path(output, "val-000000.tar"));
    }
    return status;
}

static fv_status open_once(fv_ctx *own, void *arg)
{
    fv_dataset *d = NULL;
    fv_image image = {0};
    fv_status status = fv_dataset_open(own, fv_test_path(dir, arg), NULL, &d);
    if (status == FV_OK)
        status = fv_dataset_image(d, 1, &image, NULL);
    fv_image_free(own, &image);
    fv_dataset_destroy(&d);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    fv_pack_options raw = {.raw = true, .h = 5, .w = 5, .crop = true}, shards = {.shards = true};
    fv_test_write_text(fv_test_path(dir, "two.csv"),
                       "path,label,split,weight,group\nimg/0.jpg,a,,1,x\nimg/1.jpg,b,,2,\nimg/3.jpg,b,val,,\n");
    assert_true(fv_test_each_allocation(pack_once, &raw) > 20);
    assert_true(fv_test_each_allocation(pack_once, &shards) > 20);
    pack("two.csv", &raw, "raw.fvpack");
    pack("two.csv", NULL, "files.fvpack");
    assert_true(fv_test_each_allocation(open_once, "raw.fvpack") > 10);
    assert_true(fv_test_each_allocation(open_once, "files.fvpack") > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trips, setup, teardown),
        cmocka_unit_test_setup_teardown(sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(strip, setup, teardown),
        cmocka_unit_test_setup_teardown(small_pixels, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_while_open, setup, teardown),
        cmocka_unit_test_setup_teardown(labels_of_each_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(unreadable, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(forged, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
