/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: order, augmentation, workers, quarantine, stopping at any moment. */
#include "data/planted.h"
#define FV_TEST_THREADS 2
#include "support/fixture.h"

#include <fovea/data.h>

#include "base/file.h"
#include "base/random.h"

static fv_pipeline pipeline_of(int64_t h, int64_t w, int64_t c)
{
    fv_pipeline p = {.h = h, .w = w, .c = c, .antialias = true};
    for (int i = 0; i < 16; i++) {
        p.mean[i] = 0.25f * (float)(i % 3);
        p.std[i] = 0.5f;
    }
    return p;
}

static fv_dataset *open_digits(int64_t n)
{
    fv_dataset *d = NULL;
    assert_int_equal(fv_make_digits(ctx, dir, n, 0, 7), FV_OK);
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    return d;
}

static void name_of(int i, char name[64])
{
    snprintf(name, 64, "%c/img%02d.jpg", 'a' + i % 3, i);
}

static fv_dataset *open_images(int n, const fv_dataset_options *options)
{
    fv_dataset *d = NULL;
    char name[64];
    for (int i = 0; i < n; i++) {
        name_of(i, name);
        if (!fv_path_exists(fv_test_path(dir, name)))
            planted_jpeg_file(fv_test_path(dir, name), i);
    }
    assert_int_equal(fv_dataset_open(ctx, dir, options, &d), FV_OK);
    assert_int_equal(fv_dataset_count(d), n);
    return d;
}

/* SHA-256 over all that the epoch's batches hold. */
static void hash_epoch(fv_dataset *d, const fv_pipeline *p, const fv_loader_options *options, int64_t epoch,
                       int64_t first, char hex[65])
{
    fv_loader *l = NULL;
    fv_sha256 hash;
    fv_batch batch;
    uint8_t digest[32];
    fv_sha256_init(&hash);
    assert_int_equal(fv_loader_create(d, p, options, &l), FV_OK);
    assert_int_equal(fv_loader_start(l, epoch, first), FV_OK);
    int64_t batches = 0;
    for (;; batches++) {
        if (fv_loader_next(l, &batch) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        if (batch.n == 0)
            break;
        if (batches + first < 3 && first == 0)
            continue; /* so that a run resumed at batch 3 has the same hash */
        fv_sha256_update(&hash, batch.images, (size_t)(batch.n * p->h * p->w * p->c) * sizeof(float));
        fv_sha256_update(&hash, batch.labels, (size_t)batch.n * sizeof *batch.labels);
        fv_sha256_update(&hash, batch.samples, (size_t)batch.n * sizeof *batch.samples);
        if (batch.targets)
            fv_sha256_update(&hash, batch.targets, (size_t)(batch.n * batch.n_targets) * sizeof *batch.targets);
    }
    assert_int_equal(batches + first, fv_loader_batches(l));
    fv_loader_destroy(&l);
    assert_null(l);
    fv_sha256_final(&hash, digest);
    fv_sha256_hex(digest, hex);
}

static const char *const plain = "crop pad=2; hflip";
static const char *const everything =
    "rrc scale=0.3..1; hflip; vflip p=0.2; rotate degrees=20 fill=reflect p=0.5; shift; stretch p=0.3; shear y=5; "
    "perspective p=0.5; lens k2=0.05; brightness; contrast; saturation; hue; gamma p=0.3; posterize; solarize; grey; "
    "invert; autocontrast; equalize p=0.2; clahe tiles=4; sharpness; pca; blur; noise; salt; erase; randaugment; "
    "mixup; cutmix";

static void same_bits(fv_dataset *d, const fv_pipeline *pipeline, const char *augment)
{
    fv_pipeline with_colors = *pipeline;
    with_colors.pca_value[0] = 0.1f;
    with_colors.pca_axis[0] = 1;
    const fv_pipeline *p = &with_colors;
    char want[65], got[65];
    fv_loader_options o = {.batch_size = 8, .shuffle = true, .seed = 9, .workers = -1, .augment = augment};
    hash_epoch(d, p, &o, 4, 0, want);
    const struct {
        int workers, queue;
    } kinds[] = {{1, 0}, {2, 0}, {4, 1}, {3, 7}, {0, 0}};
    for (int i = 0; i < 5; i++) {
        o.workers = kinds[i].workers;
        o.queue = kinds[i].queue;
        hash_epoch(d, p, &o, 4, 0, got);
        assert_string_equal(got, want);
        hash_epoch(d, p, &o, 4, 3, got);
        assert_string_equal(got, want);
    }
    hash_epoch(d, p, &o, 5, 0, got);
    assert_string_not_equal(got, want);
    o.seed = 10;
    hash_epoch(d, p, &o, 4, 0, got);
    assert_string_not_equal(got, want);
}

static void bits_do_not_depend_on_workers(void **state)
{
    (void)state;
    fv_dataset *d = open_digits(101);
    fv_pipeline p = pipeline_of(28, 28, 1);
    same_bits(d, &p, plain);
    same_bits(d, &p, everything);
    p = pipeline_of(20, 24, 3);
    same_bits(d, &p, plain);
    same_bits(d, &p, everything);
    fv_dataset_destroy(&d);
}

static void bits_of_decoded_images(void **state)
{
    (void)state;
    fv_dataset *d = open_images(40, NULL);
    fv_pipeline p = pipeline_of(16, 18, 3);
    same_bits(d, &p, plain);
    same_bits(d, &p, everything);
    /* A file that goes bad: still the same on any number of workers. */
    fv_dataset_destroy(&d);
    char name[64];
    for (int i = 5; i < 8; i++) {
        name_of(i, name);
        fv_test_write_text(fv_test_path(dir, name), "no image");
    }
    d = open_images(40, &(fv_dataset_options){.max_bad = 0.2});
    same_bits(d, &p, plain);
    same_bits(d, &p, everything);
    fv_dataset_destroy(&d);
}

static void order_and_values(void **state)
{
    (void)state;
    fv_dataset *d = open_digits(25);
    fv_loader *l = NULL;
    fv_batch batch;
    const fv_pipeline p = pipeline_of(28, 28, 3);
    int64_t order[25], at = 0;
    assert_int_equal(fv_loader_create(d, &p, &(fv_loader_options){.batch_size = 10, .shuffle = true, .seed = 3}, &l),
                     FV_OK);
    assert_int_equal(fv_loader_batches(l), 3);
    assert_int_equal(fv_loader_next(l, &batch), FV_OK);
    assert_int_equal(batch.n, 0); /* not started */
    assert_int_equal(fv_loader_start(l, 2, 0), FV_OK);
    fv_permutation(3, FV_RANDOM_SHUFFLE, 2, 25, order);
    for (int b = 0; b < 3; b++) {
        assert_int_equal(fv_loader_next(l, &batch), FV_OK);
        assert_int_equal(batch.n, b < 2 ? 10 : 5);
        for (int64_t i = 0; i < batch.n; i++, at++) {
            fv_image image;
            assert_int_equal(batch.samples[i], order[at]);
            assert_int_equal(batch.labels[i], fv_dataset_label(d, order[at]));
            assert_int_equal(fv_dataset_image(d, order[at], &image, NULL), FV_OK);
            for (int j = 0; j < 784 * 3; j++) {
                const float want = ((float)image.data[j / 3] / 255.0f - p.mean[j % 3]) / p.std[j % 3];
                assert_true(batch.images[i * 784 * 3 + j] == want);
            }
            fv_image_free(ctx, &image);
        }
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fv_loader_next(l, &batch), FV_OK);
        assert_int_equal(batch.n, 0);
    }
    assert_int_equal(fv_loader_start(l, 0, 3), FV_OK);
    assert_int_equal(fv_loader_next(l, &batch), FV_OK);
    assert_int_equal(batch.n, 0);
    assert_int_equal(fv_loader_start(l, 0, 4), FV_ERR_ARGUMENT);
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
}

static int64_t count_samples(fv_dataset *d, const fv_loader_options *options, int64_t *batches)
{
    fv_loader *l = NULL;
    fv_batch batch;
    int64_t n = 0;
    const fv_pipeline p = pipeline_of(28, 28, 1);
    assert_int_equal(fv_loader_create(d, &p, options, &l), FV_OK);
    *batches = fv_loader_batches(l);
    assert_int_equal(fv_loader_start(l, 0, 0), FV_OK);
    do {
        assert_int_equal(fv_loader_next(l, &batch), FV_OK);
        n += batch.n;
    } while (batch.n > 0);
    fv_loader_destroy(&l);
    return n;
}

static void last_batches(void **state)
{
    (void)state;
    fv_dataset *d = open_digits(25);
    int64_t batches = 0;
    assert_int_equal(count_samples(d, &(fv_loader_options){.batch_size = 10}, &batches), 25);
    assert_int_equal(batches, 3);
    assert_int_equal(count_samples(d, &(fv_loader_options){.batch_size = 10, .drop_last = true}, &batches), 20);
    assert_int_equal(batches, 2);
    /* Smaller than a batch: one smaller batch, never none. */
    assert_int_equal(count_samples(d, &(fv_loader_options){.batch_size = 100, .drop_last = true}, &batches), 25);
    assert_int_equal(batches, 1);
    assert_int_equal(count_samples(d, &(fv_loader_options){.batch_size = 25, .drop_last = true}, &batches), 25);
    fv_dataset_destroy(&d);
}

/* Each of the shifts and mirrors occurs about as often as it should, and is what it says. */
static void augmentation(void **state)
{
    (void)state;
    enum { N = 1200, PAD = 1 };
    fv_dataset *d = open_digits(N);
    fv_loader *l = NULL;
    fv_batch batch;
    const fv_pipeline p = pipeline_of(28, 28, 1);
    int seen[18] = {0};
    assert_int_equal(
        fv_loader_create(d, &p, &(fv_loader_options){.batch_size = N, .augment = "crop pad=1; hflip", .seed = 1}, &l),
        FV_OK);
    assert_int_equal(fv_loader_start(l, 0, 0), FV_OK);
    assert_int_equal(fv_loader_next(l, &batch), FV_OK);
    for (int64_t i = 0; i < N; i++) {
        fv_image image;
        int found = -1;
        assert_int_equal(fv_dataset_image(d, i, &image, NULL), FV_OK);
        for (int kind = 0; kind < 18 && found < 0; kind++) {
            const int dy = kind % 3 - PAD, dx = kind / 3 % 3 - PAD, flip = kind / 9;
            bool same = true;
            for (int at = 0; at < 784 && same; at++) {
                const int y = at / 28 + dy, column = at % 28, x = (flip ? 27 - column : column) + dx;
                const int v = y < 0 || y > 27 || x < 0 || x > 27 ? 0 : image.data[y * 28 + x];
                same = batch.images[i * 784 + at] == ((float)v / 255.0f - p.mean[0]) / p.std[0];
            }
            found = same ? kind : -1;
        }
        assert_true(found >= 0);
        seen[found]++;
        fv_image_free(ctx, &image);
    }
    for (int kind = 0; kind < 18; kind++)
        assert_in_range(seen[kind], 35, 105); /* expected 67 */
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
}

/* Takes the whole epoch; returns how many samples it had, or -1 with *status. */
static int64_t take_all(fv_loader *l, int64_t epoch, fv_status *status)
{
    fv_batch batch;
    int64_t n = 0;
    assert_int_equal(fv_loader_start(l, epoch, 0), FV_OK);
    do {
        *status = fv_loader_next(l, &batch);
        if (*status != FV_OK)
            return -1;
        n += batch.n;
    } while (batch.n > 0);
    return n;
}

static int count_lines(const char *words)
{
    int n = 0;
    for (const char *at = strstr(messages.text, words); at; at = strstr(at + 1, words))
        n++;
    return n;
}

/* A cut file, an empty one and one that vanishes: left out, listed, told once; the steps of an epoch stay. */
static void quarantine(void **state)
{
    (void)state;
    enum { N = 30 };
    char names[N][64], csv[300], *text = NULL;
    int64_t size = 0;
    for (int i = 0; i < N; i++)
        name_of(i, names[i]);
    planted good = planted_make_jpeg((planted_jpeg){.h = 60, .w = 60, .c = 3});
    fv_test_write(fv_test_path(dir, names[4]), good.data, 900);
    fv_test_write(fv_test_path(dir, names[7]), "", 0);
    free(good.data);
    snprintf(csv, sizeof csv, "%s/../%s.csv", dir, strrchr(dir, '/') + 1);
    fv_dataset *d = open_images(N, &(fv_dataset_options){.max_bad = 0.1, .quarantine_csv = csv});
    rename(fv_test_path(dir, names[5]), fv_test_path(dir, "a/comma, \"quote\".jpg"));
    fv_dataset_destroy(&d);
    assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.max_bad = 0.1, .quarantine_csv = csv}, &d),
                     FV_OK);
    unlink(fv_test_path(dir, "a/comma, \"quote\".jpg"));

    const fv_pipeline p = pipeline_of(16, 16, 3);
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        fv_loader *l = NULL;
        fv_status status;
        int64_t bad = -1;
        assert_int_equal(
            fv_loader_create(d, &p, &(fv_loader_options){.batch_size = 4, .shuffle = shuffle, .workers = 2}, &l),
            FV_OK);
        for (int epoch = 0; epoch < 2; epoch++)
            assert_int_equal(take_all(l, epoch, &status), shuffle ? N : N - 3);
        fv_loader_stats(l, NULL, &bad);
        assert_int_equal(bad, shuffle ? 0 : 3); /* met by the first loader */
        fv_loader_destroy(&l);
    }
    assert_int_equal(count_lines("quarantined"), 3);
    assert_int_equal(count_lines("quarantined: truncated JPEG at byte 900 of 900"), 1);
    assert_int_equal(count_lines("quarantined: the file is empty"), 1);
    assert_int_equal(fv_file_read(ctx, csv, 0, false, (uint8_t **)&text, &size), FV_OK);
    const char *want =
        "path,verdict,byte\r\n\"a/comma, \"\"quote\"\".jpg\",cannot open: No such file or directory,\r\n";
    assert_memory_equal(text, want, strlen(want));
    assert_non_null(strstr(text, "b/img04.jpg,truncated JPEG at byte 900 of 900"));
    assert_non_null(strstr(text, ",900\r\nb/img07.jpg,the file is empty (0 bytes),0\r\n"));
    fv_free(ctx, text);
    fv_dataset_destroy(&d);
    unlink(csv);
}

/* The next good sample of the epoch's order takes a bad one's place, wherever the batches are cut. */
static void who_takes_the_place(void **state)
{
    (void)state;
    enum { N = 20 };
    char name[64];
    bool bad[N] = {false};
    int64_t order[N];
    fv_permutation(8, FV_RANDOM_SHUFFLE, 1, N, order);
    fv_dataset *d = open_images(N, &(fv_dataset_options){.max_bad = 0.5});
    for (int place = 0; place < N; place++) {
        if (place != 6 && place != 7 && place != N - 1) /* two in a row, and the last of the order */
            continue;
        bad[order[place]] = true;
        fv_dataset_sample_name(d, order[place], name, sizeof name);
        fv_test_write_text(fv_test_path(dir, name), "bad");
    }
    const fv_pipeline p = pipeline_of(8, 8, 3);
    fv_loader *l = NULL;
    fv_batch batch;
    int64_t at = 0;
    assert_int_equal(
        fv_loader_create(d, &p, &(fv_loader_options){.batch_size = 7, .shuffle = true, .seed = 8, .workers = 2}, &l),
        FV_OK);
    assert_int_equal(fv_loader_start(l, 1, 0), FV_OK);
    while (fv_loader_next(l, &batch) == FV_OK && batch.n > 0) {
        for (int64_t i = 0; i < batch.n; i++, at++) {
            int64_t want = at;
            while (bad[order[want % N]])
                want++;
            assert_int_equal(batch.samples[i], order[want % N]);
            assert_int_equal(batch.labels[i], fv_dataset_label(d, batch.samples[i]));
        }
    }
    assert_int_equal(at, N);
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
}

static void too_many_bad(void **state)
{
    (void)state;
    char name[64];
    for (int i = 0; i < 4; i++) {
        name_of(5 * i, name);
        fv_test_write_text(fv_test_path(dir, name), "<html>");
    }
    fv_dataset *d = open_images(30, &(fv_dataset_options){.max_bad = 0.1});
    const fv_pipeline p = pipeline_of(16, 16, 3);
    for (int workers = -1; workers <= 2; workers += 3) {
        fv_loader *l = NULL;
        fv_status status;
        assert_int_equal(fv_loader_create(d, &p, &(fv_loader_options){.batch_size = 4, .workers = workers}, &l), FV_OK);
        take_all(l, 0, &status);
        assert_int_equal(status, FV_ERR_DATA_TOO_BAD);
        fv_loader_destroy(&l);
        assert_non_null(strstr(fv_ctx_error(ctx), "4 of 30 files cannot be used"));
        assert_non_null(strstr(fv_ctx_error(ctx), "looks like HTML"));
        assert_non_null(strstr(fv_ctx_hint(ctx), "--max-bad"));
    }
    fv_dataset_destroy(&d);
}

/* An image above the limit is no single file's trouble: the run stops and names it. */
static void too_large_stops(void **state)
{
    (void)state;
    planted_save(fv_test_path(dir, "a/huge.jpg"), planted_make_jpeg((planted_jpeg){.h = 90, .w = 90, .c = 3}));
    planted_jpeg_file(fv_test_path(dir, "b/x.jpg"), 1);
    fv_dataset *d = NULL;
    fv_loader *l = NULL;
    fv_status status;
    const fv_pipeline p = pipeline_of(16, 16, 3);
    assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.decode = {.max_pixels = 8000}}, &d), FV_OK);
    assert_int_equal(fv_loader_create(d, &p, &(fv_loader_options){.batch_size = 2, .workers = 2}, &l), FV_OK);
    take_all(l, 0, &status);
    assert_int_equal(status, FV_ERR_DATA_TOO_LARGE);
    assert_non_null(strstr(fv_ctx_error(ctx), "a/huge.jpg: the header says 90 x 90 pixels, the limit is 8000"));
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
}

static void conversions_are_told_once(void **state)
{
    (void)state;
    char name[64];
    for (int i = 0; i < 4; i++) {
        name_of(i, name);
        planted_save(fv_test_path(dir, name), planted_make_jpeg((planted_jpeg){.h = 20, .w = 20, .c = 4}));
    }
    fv_dataset *d = open_images(9, NULL);
    fv_loader *l = NULL;
    fv_status status;
    const fv_pipeline p = pipeline_of(16, 16, 3);
    assert_int_equal(fv_loader_create(d, &p, &(fv_loader_options){.batch_size = 2, .workers = 2}, &l), FV_OK);
    for (int epoch = 0; epoch < 2; epoch++)
        assert_int_equal(take_all(l, epoch, &status), 9);
    assert_int_equal(count_lines("CMYK converted to RGB"), 1);
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
}

/* Whether EXIF orientation counts is the model's rule. */
static void orientation_as_the_pipeline_says(void **state)
{
    (void)state;
    planted_save(fv_test_path(dir, "a/x.jpg"),
                 planted_make_jpeg((planted_jpeg){.h = 16, .w = 16, .c = 1, .orientation = 3, .quality = 100}));
    fv_dataset *d = NULL;
    assert_int_equal(fv_dataset_open(ctx, dir, NULL, &d), FV_OK);
    for (int ignore = 0; ignore < 2; ignore++) {
        fv_loader *l = NULL;
        fv_batch batch;
        fv_pipeline p = pipeline_of(16, 16, 1);
        p.ignore_exif = ignore;
        assert_int_equal(fv_loader_create(d, &p, &(fv_loader_options){.batch_size = 1}, &l), FV_OK);
        assert_int_equal(fv_loader_start(l, 0, 0), FV_OK);
        assert_int_equal(fv_loader_next(l, &batch), FV_OK);
        assert_int_equal(batch.n, 1);
        /* planted.h's first channel grows to the right. */
        assert_true(ignore ? batch.images[0] < batch.images[15] : batch.images[0] > batch.images[15]);
        fv_loader_destroy(&l);
    }
    fv_dataset_destroy(&d);
}

/* Destroyed, or started anew, at any moment. */
static void stops_at_any_moment(void **state)
{
    (void)state;
    fv_dataset *d = open_images(24, NULL);
    const fv_pipeline p = pipeline_of(16, 16, 3);
    for (int round = 0; round < 40; round++) {
        fv_loader *l = NULL;
        fv_batch batch;
        assert_int_equal(
            fv_loader_create(d, &p, &(fv_loader_options){.batch_size = 5, .workers = 1 + round % 4, .queue = round % 3},
                             &l),
            FV_OK);
        for (int starts = 0; starts < round % 4; starts++) {
            assert_int_equal(fv_loader_start(l, starts, round % 5), FV_OK);
            for (int i = 0; i < round % 6; i++)
                assert_int_equal(fv_loader_next(l, &batch), FV_OK);
        }
        fv_loader_destroy(&l);
    }
    fv_dataset_destroy(&d);
}

static void wrong_options(void **state)
{
    (void)state;
    fv_dataset *d = open_digits(5);
    fv_loader *l = NULL;
    const fv_loader_options wrong[] = {{.batch_size = 0},
                                       {.batch_size = 2, .workers = -2},
                                       {.batch_size = 2, .workers = 1000},
                                       {.batch_size = 2, .queue = -1},
                                       {.batch_size = 2, .augment = "crop pad=-1"}};
    fv_pipeline p = pipeline_of(28, 28, 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(fv_loader_create(d, &p, &wrong[i], &l), wrong[i].augment ? FV_ERR_VALUE : FV_ERR_ARGUMENT);
    p.std[0] = 0;
    assert_int_equal(fv_loader_create(d, &p, &(fv_loader_options){.batch_size = 2}, &l), FV_ERR_ARGUMENT);
    assert_null(l);
    fv_dataset_destroy(&d);
}

/* Once it runs, a loader over data in memory allocates nothing. */
static void steady_state(void **state)
{
    (void)state;
    fv_dataset *digits = open_digits(64);
    fv_dataset_destroy(&digits);
    fv_test_allocator a = {0};
    fv_ctx *own = fv_test_ctx(2, &a, NULL);
    fv_dataset *d = NULL;
    fv_loader *l = NULL;
    const fv_pipeline p = pipeline_of(20, 20, 3);
    fv_status status;
    assert_int_equal(fv_dataset_open(own, dir, NULL, &d), FV_OK);
    assert_int_equal(
        fv_loader_create(d, &p, &(fv_loader_options){.batch_size = 8, .shuffle = true, .augment = "hflip"}, &l), FV_OK);
    assert_int_equal(take_all(l, 0, &status), 64);
    a.fail_all = true;
    for (int epoch = 1; epoch < 4; epoch++)
        assert_int_equal(take_all(l, epoch, &status), 64);
    a.fail_all = false;
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
    fv_ctx_destroy(&own);
    assert_int_equal(a.live_blocks, 0);
}

static fv_status load_once(fv_ctx *own, void *arg)
{
    const int workers = *(const int *)arg;
    fv_dataset *d = NULL;
    fv_loader *l = NULL;
    fv_batch batch = {.n = 1};
    const fv_pipeline p = pipeline_of(9, 9, 1);
    fv_status status = fv_dataset_open(own, dir, &(fv_dataset_options){.max_bad = 0.5}, &d);
    if (status == FV_OK)
        status =
            fv_loader_create(d, &p, &(fv_loader_options){.batch_size = 2, .shuffle = true, .workers = workers}, &l);
    if (status == FV_OK)
        status = fv_loader_start(l, 0, 0);
    while (status == FV_OK && batch.n > 0)
        status = fv_loader_next(l, &batch);
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
    return status;
}

static void allocation_failures(void **state)
{
    (void)state;
    fv_dataset *d = open_images(5, NULL);
    fv_dataset_destroy(&d);
    fv_test_write_text(fv_test_path(dir, "a/bad.jpg"), "text");
    for (int workers = -1; workers <= 2; workers += 3)
        assert_true(fv_test_each_allocation(load_once, &workers) > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bits_do_not_depend_on_workers, setup, teardown),
        cmocka_unit_test_setup_teardown(bits_of_decoded_images, setup, teardown),
        cmocka_unit_test_setup_teardown(order_and_values, setup, teardown),
        cmocka_unit_test_setup_teardown(last_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(augmentation, setup, teardown),
        cmocka_unit_test_setup_teardown(quarantine, setup, teardown),
        cmocka_unit_test_setup_teardown(who_takes_the_place, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_bad, setup, teardown),
        cmocka_unit_test_setup_teardown(too_large_stops, setup, teardown),
        cmocka_unit_test_setup_teardown(conversions_are_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(orientation_as_the_pipeline_says, setup, teardown),
        cmocka_unit_test_setup_teardown(stops_at_any_moment, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_options, setup, teardown),
        cmocka_unit_test_setup_teardown(steady_state, setup, teardown),
        cmocka_unit_test_setup_teardown(allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
