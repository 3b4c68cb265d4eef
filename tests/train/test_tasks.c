/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics by task against values made by hand; the task of a model and its file; what training takes from labels. */
#include "support/support.h"

#include <math.h>
#include <png.h>

#include <fovea/fovea.h>

#include "io/safetensors.h"
#include "train/tally.h"

/* ---- metrics ---- */

static fv_metrics tally_of(fv_task task, bool logits, int classes, int n, const float *scores, const float *targets)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_tally t;
    fv_metrics m;
    fv_tally_begin(ctx, task, classes, NULL, &t);
    for (int i = 0; i < n; i++) {
        int32_t label = 0;
        for (int k = 1; k < classes; k++)
            label = targets[i * classes + k] > 0.5f ? k : label;
        assert_int_equal(fv_tally_add(&t, i, scores + i * classes, logits, label, targets + i * classes), FV_OK);
    }
    assert_int_equal(fv_tally_end(&t, &m), FV_OK);
    int64_t now = -1;
    fv_ctx_memory(ctx, &now, NULL);
    assert_int_equal(now, 0);
    fv_ctx_destroy(&ctx);
    assert_int_equal(m.samples, n);
    assert_int_equal(m.task, task);
    return m;
}

/* Nothing compares to NaN, so that every answer would be the best one. */
static void no_answers(void **state)
{
    (void)state;
    const float scores[3][2] = {{0, 1}, {NAN, NAN}, {INFINITY, 0}}, targets[3][2] = {{0, 1}, {1, 0}, {1, 0}};
    for (int task = 0; task < FV_TASK_COUNT; task++) {
        const fv_metrics m = tally_of((fv_task)task, true, 2, 3, scores[0], targets[0]);
        assert_int_equal(m.lost, 2);
        assert_int_equal(m.first_lost, 1);
        assert_true(isnan(m.top1) && isnan(m.top5) && isnan(m.loss) && isnan(m.mae) && isnan(m.mean_ap));
        const fv_metrics sound = tally_of((fv_task)task, true, 2, 1, scores[0], targets[0]);
        assert_int_equal(sound.lost, 0);
        assert_int_equal(sound.first_lost, -1);
        assert_false(isnan(sound.loss));
    }
}

static void one_class(void **state)
{
    (void)state;
    const float logits[3][6] = {{5, 1, 0, 0, 0, 0}, {1, 2, 3, 4, 5, 0}, {0, 1, 2, 3, 4, 5}};
    const float targets[3][6] = {{1}, {0, 0, 0, 1}, {1}}; /* ranks 0, 1, 5 */
    float answers[3][6];
    double loss = 0;
    for (int i = 0; i < 3; i++) {
        fv_task_answer(FV_TASK_CLASSIFY, logits[i], 6, answers[i]);
        for (int k = 0; k < 6; k++)
            loss -= targets[i][k] > 0 ? log((double)answers[i][k]) / 3 : 0;
    }
    for (int kind = 0; kind < 2; kind++) {
        const fv_metrics m = tally_of(FV_TASK_CLASSIFY, kind == 0, 6, 3, kind ? answers[0] : logits[0], targets[0]);
        assert_true(fabs(m.top1 - 1.0 / 3) < 1e-12 && fabs(m.top5 - 2.0 / 3) < 1e-12);
        assert_true(fabs(m.loss - loss) < 1e-6);
        assert_true(isnan(m.mae) && isnan(m.mean_ap));
    }
    /* A probability of 0 costs much, not everything. */
    const fv_metrics m = tally_of(FV_TASK_CLASSIFY, false, 2, 1, (const float[]){0, 1}, (const float[]){1, 0});
    assert_true(m.loss > 87 && m.loss < 88);
}

static void several_classes(void **state)
{
    (void)state;
    /* Class 0: found in places 1 and 3 of 4; class 1: two samples of one score, then a miss; class 2: nowhere. */
    const float logits[4][3] = {{4, 1, -1}, {3, 1, -2}, {2, -1, -3}, {1, -2, 1}};
    const float targets[4][3] = {{1, 1, 0}, {0, 0, 0}, {1, 0, 0}, {0, 1, 0}};
    const double ap[2] = {(1.0 + 2.0 / 3) / 2, (1.0 / 2 + 2.0 / 4) / 2};
    float answers[4][3];
    double loss = 0;
    for (int i = 0; i < 4; i++) {
        fv_task_answer(FV_TASK_MULTILABEL, logits[i], 3, answers[i]);
        for (int k = 0; k < 3; k++) {
            const double p = 1 / (1 + exp(-(double)logits[i][k]));
            assert_true(fabs((double)answers[i][k] - p) < 1e-6);
            loss -= log(targets[i][k] > 0 ? p : 1 - p) / 12;
        }
    }
    for (int kind = 0; kind < 2; kind++) {
        const fv_metrics m = tally_of(FV_TASK_MULTILABEL, kind == 0, 3, 4, kind ? answers[0] : logits[0], targets[0]);
        assert_true(fabs(m.mean_ap - (ap[0] + ap[1]) / 2) < 1e-12);
        assert_true(fabs(m.loss - loss) < 1e-6);
        assert_true(m.top1 == 0.5); /* the first and the third have all three right */
        assert_true(isnan(m.top5) && isnan(m.mae));
    }
    /* More rows than the first block has room for: every positive first is 1, every positive last little. */
    enum { N = 1000 };
    static float score[N], truth[N];
    for (int i = 0; i < N; i++) {
        score[i] = (float)((i * 7919) % N);
        truth[i] = score[i] >= 990;
    }
    assert_true(tally_of(FV_TASK_MULTILABEL, true, 1, N, score, truth).mean_ap == 1.0);
    for (int i = 0; i < N; i++)
        truth[i] = score[i] < 10;
    double least = 0;
    for (int i = 1; i <= 10; i++)
        least += 0.1 * i / (990 + i);
    assert_true(fabs(tally_of(FV_TASK_MULTILABEL, true, 1, N, score, truth).mean_ap - least) < 1e-12);
}

static void numbers(void **state)
{
    (void)state;
    const float values[2][2] = {{1, 2}, {3, -4}}, targets[2][2] = {{0, 4}, {3, -1}};
    const fv_metrics m = tally_of(FV_TASK_REGRESS, true, 2, 2, values[0], targets[0]);
    assert_true(fabs(m.loss - (1 + 4 + 0 + 9) / 4.0) < 1e-12 && fabs(m.mae - (1 + 2 + 0 + 3) / 4.0) < 1e-12);
    assert_true(isnan(m.top1) && isnan(m.top5) && isnan(m.mean_ap));
}

/* ---- models ---- */

static fv_model *small_net(fv_ctx *ctx, int64_t outputs)
{
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 8, 8, 3);
    x = fv_conv2d(m, x, .filters = 8, .kernel = {3, 3}, .activation = FV_RELU);
    x = fv_dense(m, fv_flatten(m, x), .units = outputs);
    assert_int_equal(fv_model_finish(m, x), FV_OK);
    assert_int_equal(fv_model_init(m, 4, FV_INIT_DEFAULT), FV_OK);
    return m;
}

static void task_travels(void **state)
{
    (void)state;
    char dir[256];
    fv_test_dir_create(dir);
    const char *path = fv_test_path(dir, "m.safetensors");
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (int task = 0; task < FV_TASK_COUNT; task++) {
        fv_model *m = small_net(ctx, 3), *copy = NULL, *back = NULL;
        fv_tensor_file *file = NULL;
        assert_int_equal(fv_model_task(m), FV_TASK_CLASSIFY);
        assert_int_equal(fv_model_set_task(m, (fv_task)task), FV_OK);
        assert_int_equal(fv_model_clone(m, &copy), FV_OK);
        assert_int_equal(fv_model_task(copy), task);
        assert_int_equal(fv_model_reset_head(copy, 5, 1), FV_OK);
        assert_int_equal(fv_model_task(copy), task);
        assert_int_equal(fv_model_save(m, path), FV_OK);
        assert_int_equal(fv_model_load(ctx, path, &back), FV_OK);
        assert_int_equal(fv_model_task(back), task);
        /* What classifies looks as it did before there was a choice. */
        assert_int_equal(fv_safetensors_open(ctx, path, &file), FV_OK);
        const char *text = fv_tensor_file_metadata(file, "fovea.task");
        if (task == FV_TASK_CLASSIFY)
            assert_null(text);
        else
            assert_string_equal(text, fv_task_names()[task]);
        fv_tensor_file_close(&file);
        fv_model_destroy(&m);
        fv_model_destroy(&copy);
        fv_model_destroy(&back);
    }
    fv_model *m = small_net(ctx, 3);
    assert_int_equal(fv_model_set_task(m, FV_TASK_COUNT), FV_ERR_VALUE);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

/* ---- training ---- */

/* Images of one color each, with the color as three numbers or as the set of channels above one half. */
static void write_colors(const char *dir, bool sets)
{
    char text[8192] = "", path[32];
    strcat(text, sets ? "path,label,split\n" : "path,split,target0,target1,target2\n");
    for (int i = 0; i < 60; i++) {
        const uint8_t rgb[3] = {(uint8_t)(i * 53 % 256), (uint8_t)(i * 97 % 256), (uint8_t)(i * 29 % 256)};
        const char *split = i % 4 == 3 ? "val" : "train";
        uint8_t pixels[8 * 8 * 3];
        for (int e = 0; e < 8 * 8 * 3; e++)
            pixels[e] = rgb[e % 3];
        snprintf(path, sizeof path, "%02d.png", i);
        png_image png = {.version = PNG_IMAGE_VERSION, .width = 8, .height = 8, .format = PNG_FORMAT_RGB};
        assert_true(png_image_write_to_file(&png, fv_test_path(dir, path), 0, pixels, 0, NULL));
        char *at = text + strlen(text);
        if (sets)
            sprintf(at, "%s,%s%s%s%s,%s\n", path, rgb[0] > 127 ? "red|" : "", rgb[1] > 127 ? "green|" : "",
                    rgb[2] > 127 ? "blue|" : "", "any", split);
        else
            sprintf(at, "%s,%s,%f,%f,%f\n", path, split, rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0);
    }
    fv_test_write_text(fv_test_path(dir, "manifest.csv"), text);
}

typedef struct watched {
    double first, last, least, top1, other;
} watched;

static bool watch(void *user, const fv_fit_event *e)
{
    watched *w = user;
    if (e->kind == FV_EVENT_EPOCH) {
        w->first = e->epoch == 1 ? e->val_loss : w->first;
        w->last = e->val_loss;
        w->least = e->epoch == 1 || e->val_loss < w->least ? e->val_loss : w->least;
        w->top1 = e->train_top1;
        w->other = isnan(e->val_mae) ? e->val_mean_ap : e->val_mae;
    }
    return false;
}

static void labels_choose(void **state)
{
    (void)state;
    for (int sets = 0; sets < 2; sets++) {
        char dir[256];
        fv_test_dir_create(dir);
        write_colors(dir, sets);
        fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
        fv_dataset *train = NULL, *val = NULL;
        fv_metrics metrics;
        watched w = {0};
        assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.split = "train"}, &train), FV_OK);
        assert_int_equal(fv_dataset_open(ctx, dir, &(fv_dataset_options){.split = "val"}, &val), FV_OK);
        fv_model *m = small_net(ctx, fv_dataset_classes(train));
        fv_fit_options o = FV_FIT_OPTIONS(.weight_decay = 0, .schedule = FV_CONSTANT, .epochs = 20, .batch_size = 9,
                                          .optimizer = FV_ADAM, .validation = val);
        fv_fit_result r;
        o.on_event = watch;
        o.user = &w;
        assert_int_equal(fv_fit_with(m, train, &o, &r), FV_OK);
        assert_int_equal(fv_model_task(m), sets ? FV_TASK_MULTILABEL : FV_TASK_REGRESS);
        assert_true(w.last < 0.5 * w.first);
        assert_true(r.best_metric == w.least); /* a loss is watched, not a share */
        assert_int_equal(isnan(w.top1), !sets);
        assert_int_equal(fv_evaluate(m, val, 4, 0, &metrics), FV_OK);
        assert_true(metrics.loss == w.last);
        assert_true((sets ? metrics.mean_ap : metrics.mae) == w.other);
        o.monitor = sets ? "val_mae" : "val_top1";
        assert_int_equal(fv_fit_with(m, train, &o, &r), FV_ERR_CONFLICT);
        /* Asked to do another task the model is not scored on these labels. */
        assert_int_equal(fv_model_set_task(m, FV_TASK_CLASSIFY), FV_OK);
        assert_int_equal(fv_evaluate(m, val, 4, 0, &metrics), FV_ERR_CONFLICT);
        fv_dataset_destroy(&train);
        fv_dataset_destroy(&val);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
        fv_test_dir_remove(dir);
    }
}

static fv_status score_sets(fv_ctx *ctx, void *dir)
{
    fv_dataset *data = NULL;
    fv_model *m = NULL;
    fv_metrics metrics;
    fv_status status = fv_dataset_open(ctx, dir, &(fv_dataset_options){.split = "val"}, &data);
    if (status == FV_OK)
        status = fv_model_zoo(ctx, "lenet", &(fv_zoo_options){.classes = 4, .channels = 3}, &m);
    if (status == FV_OK)
        status = fv_model_set_task(m, FV_TASK_MULTILABEL);
    if (status == FV_OK)
        status = fv_evaluate(m, data, 4, -1, &metrics);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    return status;
}

static void every_allocation(void **state)
{
    (void)state;
    char dir[256];
    fv_test_dir_create(dir);
    write_colors(dir, true);
    assert_true(fv_test_each_allocation(score_sets, dir) > 50);
    fv_test_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_answers),      cmocka_unit_test(one_class),
                                       cmocka_unit_test(several_classes), cmocka_unit_test(numbers),
                                       cmocka_unit_test(task_travels),    cmocka_unit_test(labels_choose),
                                       cmocka_unit_test(every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
