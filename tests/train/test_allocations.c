/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Training, evaluation and prediction with each of their allocations failing once: always NO_MEMORY with a message,
 * nothing leaked (memory, files, threads), and a run folder that the next try can use.
 */
#include "support/support.h"

#include <dirent.h>

#include <fovea/fovea.h>

static char folder[256], digits[300], images[300], model_file[300], state_file[400];

/* ---- what all of them use ---- */

/* A small network with an operator of each kind that training treats differently. */
static fv_status small_model(fv_ctx *ctx, int64_t size, int64_t c, int64_t classes, fv_model **model)
{
    fv_status status = fv_model_create(ctx, model);
    if (status != FV_OK)
        return status;
    fv_model *m = *model;
    fv_value x = fv_input(m, size, size, c);
    x = fv_conv2d(m, x, .filters = 4, .kernel = {3, 3}, .stride = {2, 2}, .no_bias = true);
    x = fv_batch_norm(m, x, .activation = FV_RELU);
    x = fv_dropout(m, fv_max_pool2d(m, x, .size = {2, 2}), 0.25);
    x = fv_dense(m, fv_flatten(m, x), .units = classes);
    status = fv_model_finish(m, x);
    return status == FV_OK ? fv_model_init(m, 1, FV_INIT_DEFAULT) : status;
}

static fv_status open_split(fv_ctx *ctx, const char *path, const char *split, fv_dataset **data)
{
    return fv_dataset_open(ctx, path, &(fv_dataset_options){.split = split, .val_split = 0.25, .seed = 1}, data);
}

static int open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;
    if (!dir)
        return 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* The sum of the folder's files whose names are of unfinished writing. */
static int leftovers(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    if (!dir)
        return 0;
    for (struct dirent *e; (e = readdir(dir));)
        n += strstr(e->d_name, "tmp") != NULL;
    closedir(dir);
    return n;
}

static void copy_file(const char *from, const char *to)
{
    static char block[1 << 20];
    FILE *file = fopen(from, "rb");
    assert_non_null(file);
    size_t size = fread(block, 1, sizeof block, file);
    assert_true(size > 0 && size < sizeof block);
    fclose(file);
    fv_test_write(to, block, size);
}

/* ---- a whole run ---- */

typedef struct fit_case {
    const char *name, *data; /* folder of the data */
    bool lenet, folder, resume, one_hot;
    int64_t max_steps;
    int workers;
    int64_t at_least; /* allocations */
} fit_case;

static fv_status fit_once(fv_ctx *ctx, void *arg)
{
    const fit_case *c = arg;
    fv_model *m = NULL;
    fv_dataset *train = NULL, *val = NULL;
    char run[300], path[400];
    snprintf(run, sizeof run, "%s/run", folder);
    snprintf(path, sizeof path, "%s/weights", run);
    /* Every try finds the same folder: none, or one with a state. */
    if (!access(run, F_OK)) {
        assert_int_equal(leftovers(run), 0);
        assert_int_equal(leftovers(path), 0);
        fv_test_dir_remove(run);
    }
    if (c->resume)
        copy_file(state_file, fv_test_path(path, "recovery-0000-000001.state"));
    bool photos = strcmp(c->data, images) == 0;
    fv_status status = c->lenet ? fv_model_zoo(ctx, "lenet", NULL, &m)
                                : small_model(ctx, photos ? 12 : 28, photos ? 3 : 1, photos ? 2 : 10, &m);
    if (status == FV_OK)
        status = open_split(ctx, c->data, "train", &train);
    if (status == FV_OK)
        status = open_split(ctx, c->data, "val", &val);
    fv_fit_options o =
        FV_FIT_OPTIONS(.weight_decay = 0, .schedule = FV_CONSTANT, .epochs = 1, .batch_size = 4,
                       .max_steps = c->max_steps, .optimizer = FV_ADAM, .loss = c->one_hot ? "sigmoid_bce" : NULL,
                       .augment = "crop pad=1; hflip", .validation = val, .restore_best = true, .workers = c->workers,
                       .output = c->folder ? run : NULL, .arguments = "epochs: 1\n", .resume = c->resume,
                       .recovery_interval = 1, .monitor = c->resume ? "train_loss" : NULL);
    if (status == FV_OK)
        status = fv_fit_with(m, train, &o, NULL);
    fv_dataset_destroy(&val);
    fv_dataset_destroy(&train);
    fv_model_destroy(&m);
    return status;
}

static void fit(void **state)
{
    fit_case *c = *state;
    int files = open_files();
    int64_t n = fv_test_each_allocation(fit_once, c);
    print_message("%s: %lld allocations\n", c->name, (long long)n);
    assert_true(n >= c->at_least);
    assert_int_equal(open_files(), files);
}

/* ---- evaluation, prediction, model files ---- */

static fv_status evaluate_once(fv_ctx *ctx, void *arg)
{
    const char *data_dir = arg;
    fv_model *m = NULL;
    fv_dataset *data = NULL;
    fv_metrics metrics;
    fv_status status = fv_model_load(ctx, model_file, &m);
    if (status == FV_OK)
        status = fv_dataset_open(ctx, data_dir, &(fv_dataset_options){.split = "train"}, &data);
    for (int workers = -1; workers <= 2 && status == FV_OK; workers += 3)
        status = fv_evaluate(m, data, 3, workers, &metrics);
    if (status == FV_OK)
        assert_int_equal(metrics.samples, 8);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    return status;
}

static void evaluate(void **state)
{
    (void)state;
    int files = open_files();
    assert_true(fv_test_each_allocation(evaluate_once, images) > 100);
    assert_int_equal(open_files(), files);
}

static fv_status predict_once(fv_ctx *ctx, void *arg)
{
    fv_model *m = NULL;
    float p[2];
    fv_status status = fv_model_load(ctx, model_file, &m);
    for (int i = 0; i < 2 && status == FV_OK; i++) {
        fv_image image = {0};
        status = fv_image_read(ctx, fv_test_path(arg, i ? "wide.png" : "images/a/1.png"), NULL, &image, NULL);
        if (status == FV_OK)
            status = fv_predict(m, &image, p);
        fv_image_free(ctx, &image);
    }
    fv_model_destroy(&m);
    return status;
}

static void predict(void **state)
{
    (void)state;
    int files = open_files();
    assert_true(fv_test_each_allocation(predict_once, folder) > 100);
    assert_int_equal(open_files(), files);
}

/* What a program does with a model file beside predicting: look at it, take its weights, make it a new head, save. */
static fv_status use_once(fv_ctx *ctx, void *arg)
{
    fv_model *m = NULL, *copy = NULL;
    char *text = NULL;
    fv_load_report *report = NULL;
    double difference;
    const fv_fit_options options = FV_FIT_OPTIONS(.batch_size = 2);
    fv_memory memory;
    fv_status status = fv_model_load(ctx, model_file, &m);
    if (status == FV_OK)
        status = fv_model_clone(m, &copy);
    if (status == FV_OK)
        status = fv_model_load_weights(copy, model_file, true, &report);
    fv_load_report_destroy(&report);
    if (status == FV_OK)
        status = fv_model_selftest(m, &difference);
    if (status == FV_OK)
        status = fv_fit_memory(m, NULL, &options, &memory);
    if (status == FV_OK)
        status = fv_model_text(m, &text);
    fv_text_free(ctx, text);
    if (status == FV_OK)
        status = fv_model_reset_head(copy, 5, 1);
    if (status == FV_OK)
        status = fv_model_save(copy, arg);
    fv_model_destroy(&copy);
    fv_model_destroy(&m);
    return status;
}

static void model_files(void **state)
{
    (void)state;
    char path[400];
    int files = open_files();
    snprintf(path, sizeof path, "%s/again.safetensors", folder);
    assert_true(fv_test_each_allocation(use_once, path) > 100);
    assert_int_equal(open_files(), files);
    assert_int_equal(leftovers(folder), 0);
}

/* ---- set up ---- */

static void write_image(fv_ctx *ctx, const char *path, int64_t h, int64_t w, unsigned seed)
{
    uint8_t pixels[64 * 64 * 3];
    for (int64_t i = 0; i < h * w * 3; i++)
        pixels[i] = (uint8_t)((seed = seed * 1103515245u + 12345u) >> 16);
    assert_int_equal(fv_image_write_png(ctx, path, &(fv_image){.data = pixels, .h = h, .w = w, .c = 3}), FV_OK);
}

static bool stop_at_first(void *user, const fv_fit_event *event)
{
    (void)user;
    return event->kind == FV_EVENT_STEP;
}

/* A state after one step of lenet on the digits. */
static void write_state(fv_ctx *ctx)
{
    fv_model *m = NULL;
    fv_dataset *data = NULL;
    char run[300];
    snprintf(run, sizeof run, "%s/first", folder);
    assert_int_equal(fv_model_zoo(ctx, "lenet", NULL, &m), FV_OK);
    assert_int_equal(open_split(ctx, digits, "train", &data), FV_OK);
    fv_fit_options o =
        FV_FIT_OPTIONS(.weight_decay = 0, .schedule = FV_CONSTANT, .augment = "crop pad=1; hflip", .epochs = 1,
                       .batch_size = 4, .optimizer = FV_ADAM, .output = run, .on_event = stop_at_first, .workers = -1);
    assert_int_equal(fv_fit_with(m, data, &o, NULL), FV_OK);
    snprintf(state_file, sizeof state_file, "%s/weights/recovery-0000-000001.state", run);
    assert_int_equal(access(state_file, R_OK), 0);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
}

static int setup(void **state)
{
    (void)state;
    fv_test_dir_create(folder);
    snprintf(digits, sizeof digits, "%s/digits", folder);
    snprintf(images, sizeof images, "%s/images", folder);
    snprintf(model_file, sizeof model_file, "%s/model.safetensors", folder);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_make_digits(ctx, digits, 24, 4, 33), FV_OK); /* at least two of each class */
    for (int i = 0; i < 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s/%d.png", i % 2 ? "a" : "b", i);
        fv_test_write(fv_test_path(images, name), "", 0);
        write_image(ctx, fv_test_path(images, name), 14 + i, 20, (unsigned)i);
    }
    write_image(ctx, fv_test_path(folder, "wide.png"), 9, 60, 99);
    fv_model *m = NULL;
    assert_int_equal(small_model(ctx, 12, 3, 2, &m), FV_OK);
    assert_int_equal(fv_model_save(m, model_file), FV_OK);
    fv_model_destroy(&m);
    write_state(ctx);
    fv_ctx_destroy(&ctx);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fv_test_dir_remove(folder);
    return 0;
}

int main(void)
{
    static fit_case cases[] = {
        {.name = "plain", .data = digits, .one_hot = true, .workers = -1, .max_steps = 2, .at_least = 200},
        {.name = "run folder", .data = digits, .folder = true, .workers = -1, .at_least = 300},
        {.name = "images and workers", .data = images, .workers = 2, .at_least = 300},
        {.name = "resumed",
         .data = digits,
         .lenet = true,
         .folder = true,
         .resume = true,
         .workers = 1,
         .max_steps = 2,
         .at_least = 500},
    };
    struct CMUnitTest tests[] = {
        {"plain", fit, NULL, NULL, &cases[0]},
        {"run folder", fit, NULL, NULL, &cases[1]},
        {"images", fit, NULL, NULL, &cases[2]},
        {"resumed", fit, NULL, NULL, &cases[3]},
        cmocka_unit_test(evaluate),
        cmocka_unit_test(predict),
        cmocka_unit_test(model_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
