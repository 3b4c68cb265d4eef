/* SPDX-License-Identifier: Apache-2.0 */
/* A device whose memory the host may not touch trains, evaluates and saves with the bits of the host. */
#include "support/guarded_device.h"
#define DIGITS_TRAIN 72
#define DIGITS_TEST  40
#include "digits_fixture.h"

#include "base/file.h"

/* What a run comes to. */
typedef struct outcome {
    char hex[65]; /* of the weights */
    double loss, top1;
    float probabilities[10];
} outcome;

static void must(fv_ctx *ctx, fv_status status)
{
    if (status != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
}

static void train(const fv_device *device, const char *name, const char *zoo, const fv_fit_options *options,
                  outcome *out)
{
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_model *m;
    fv_dataset *data, *val;
    fv_metrics metrics;
    fv_fit_options fit = *options;
    char dir[600];
    if (device)
        must(ctx, fv_device_use(ctx, device));
    snprintf(dir, sizeof dir, "%s/%s", folder, name);
    must(ctx, fv_model_zoo(ctx, zoo,
                           &(fv_zoo_options){.classes = 10, .channels = 1, .img_size = {28, 28}, .dropout = -1}, &m));
    must(ctx, fv_model_init(m, 1, FV_INIT_DEFAULT));
    must(ctx, fv_dataset_open(ctx, data_dir, &(fv_dataset_options){.split = "train"}, &data));
    must(ctx, fv_dataset_open(ctx, data_dir, &(fv_dataset_options){.split = "test"}, &val));
    fit.validation = val;
    fit.output = dir;
    must(ctx, fv_fit_with(m, data, &fit, NULL));
    must(ctx, fv_evaluate(m, val, 16, 0, &metrics));
    out->loss = metrics.loss;
    out->top1 = metrics.top1;
    fv_image image = {.h = 28, .w = 28, .c = 1};
    static uint8_t pixels[28 * 28];
    for (int i = 0; i < 28 * 28; i++)
        pixels[i] = (uint8_t)(i * 7);
    image.data = pixels;
    must(ctx, fv_predict(m, &image, out->probabilities));
    fv_model_sha256(m, out->hex);
    fv_dataset_destroy(&val);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Both runs wrote the same bytes. */
static void same_file(const char *name)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    char path[2][600];
    uint8_t *data[2] = {NULL, NULL};
    int64_t size[2];
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/%s/weights/%s", folder, i ? "guarded" : "host", name);
        must(ctx, fv_file_read(ctx, path[i], INT64_C(1) << 30, false, &data[i], &size[i]));
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(data[0], data[1], (size_t)size[0]);
    for (int i = 0; i < 2; i++)
        fv_free(ctx, data[i]);
    fv_ctx_destroy(&ctx);
}

static void compare(const char *zoo, const fv_fit_options *options)
{
    guarded_memory memory;
    fv_device device;
    outcome host, guarded;
    guarded_begin(&memory, &device);
    train(NULL, "host", zoo, options, &host);
    train(&device, "guarded", zoo, options, &guarded);
    assert_string_equal(host.hex, guarded.hex);
    assert_true(host.loss == guarded.loss && host.top1 == guarded.top1);
    assert_memory_equal(host.probabilities, guarded.probabilities, sizeof host.probabilities);
    same_file("best.safetensors");
    same_file("last.safetensors");
    assert_true(memory.submits > 100 && memory.uploads > 10 && memory.downloads > 10);
    assert_int_equal(memory.live, 0);
    guarded_end(&memory);
    for (int i = 0; i < 2; i++)
        fv_test_dir_remove(fv_test_path(folder, i ? "guarded" : "host"));
}

static void test_sgd(void **state)
{
    (void)state;
    const fv_fit_options options = FV_FIT_OPTIONS(.epochs = FV_TEST_CASES(2, 1), .batch_size = 16, .seed = 3,
                                                  .lr = 0.05, .weight_decay = 1e-4, .l1 = 1e-6, .workers = 1);
    compare("resnet8", &options);
}

static void test_adam(void **state)
{
    (void)state;
    const fv_fit_options options =
        FV_FIT_OPTIONS(.epochs = FV_TEST_CASES(2, 1), .batch_size = 20, .seed = 3, .optimizer = FV_ADAM, .lr = 1e-3,
                       .restore_best = true, .recovery_interval = 2, .workers = 1);
    compare("mnist_cnn", &options);
}

/* The first layer with a bad number is found there too, and the weights are those before the step. */
static void test_diverged(void **state)
{
    (void)state;
    guarded_memory memory;
    fv_device device;
    guarded_begin(&memory, &device);
    char before[65], after[65], message[512];
    for (int i = 0; i < 2; i++) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_model *m;
        fv_dataset *data;
        if (i)
            must(ctx, fv_device_use(ctx, &device));
        must(ctx,
             fv_model_zoo(ctx, "resnet8",
                          &(fv_zoo_options){.classes = 10, .channels = 1, .img_size = {28, 28}, .dropout = -1}, &m));
        must(ctx, fv_model_init(m, 1, FV_INIT_DEFAULT));
        must(ctx, fv_dataset_open(ctx, data_dir, &(fv_dataset_options){.split = "train"}, &data));
        assert_int_equal(fv_fit(m, data, .epochs = 4, .batch_size = 16, .lr = 9e5, .workers = 1), FV_ERR_DIVERGED);
        fv_model_sha256(m, i ? after : before);
        if (i)
            assert_string_equal(fv_ctx_error(ctx), message);
        else
            snprintf(message, sizeof message, "%s", fv_ctx_error(ctx));
        fv_dataset_destroy(&data);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
    assert_string_equal(before, after);
    assert_int_equal(memory.live, 0);
    guarded_end(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_diverged),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
