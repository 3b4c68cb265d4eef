/* SPDX-License-Identifier: Apache-2.0 */
/* What TensorBoard gets beside the epochs: steps, pictures, hyperparameters. */
#include "data/corpus.h"
#include "decode.h"

#include <fovea/fovea.h>

#include "train/evaluation.h"

static void send(fv_report *r, fv_event_kind kind, int64_t step, const char *text, fv_stop stop, fv_status status)
{
    const fv_fit_event e = {.kind = kind,
                            .epoch = 1,
                            .epochs = 2,
                            .global_step = step,
                            .loss = 1.0 / (double)step,
                            .lr = 0.5,
                            .train_loss = 3,
                            .train_top1 = 0.5,
                            .val_loss = NAN,
                            .val_top1 = NAN,
                            .val_top5 = NAN,
                            .val_mae = NAN,
                            .val_mean_ap = NAN,
                            .text = text,
                            .stop = stop,
                            .status = status};
    fv_report_event(r, &e);
}

static void decode_last(const char *dir, const char *name, decoded *d)
{
    char path[768];
    assert_int_equal(find_files(dir, name, path), 1);
    decode_file(path, d);
}

static void steps_and_settings(void **state)
{
    (void)state;
    static decoded d;
    char dir[256];
    fv_report *r = NULL;
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_test_write_text(
        fv_test_path(dir, "args.yaml"),
        "# a recipe\nlr: 0.25\nopt: adam\nname: \"it's\"\ndeterministic: true\nnothing:\naug:\n  deep: 1\n");
    assert_int_equal(fv_report_create(ctx, dir, "net", &r), FV_OK);
    send(r, FV_EVENT_START, 0, NULL, FV_STOP_NOT, FV_OK);
    for (int i = 1; i <= 20; i++)
        send(r, FV_EVENT_STEP, i, NULL, FV_STOP_NOT, FV_OK);
    decode_last(dir, "train", &d);
    assert_int_equal(d.n, 0); /* they wait: steps may be quick */
    send(r, FV_EVENT_CHECKPOINT, 20, "x", FV_STOP_NOT, FV_OK);
    decode_last(dir, "train", &d);
    assert_int_equal(d.n, 40); /* what is saved has its steps in the file */
    for (int i = 1; i <= 20; i++) {
        assert_true(find_point(&d, "batch_loss", i)->value == (float)(1.0 / i));
        assert_true(find_point(&d, "batch_learning_rate", i)->value == 0.5f);
    }
    send(r, FV_EVENT_STEP, 21, NULL, FV_STOP_NOT, FV_OK);
    send(r, FV_EVENT_END, 21, "interrupted", FV_STOP_FAILED, FV_ERR_INTERRUPTED);
    decode_last(dir, "train", &d);
    assert_non_null(find_point(&d, "batch_loss", 21));
    decode_last(dir, ".", &d);
    assert_int_equal(d.n, 1); /* a run that may go on has not ended */
    assert_string_equal(find_point(&d, "_hparams_/session_start_info", 0)->settings,
                        "lr=0.25 opt='adam' name='it's' deterministic=yes ");
    fv_report_destroy(&r);
    /* It goes on behind step 10, and ends. */
    assert_int_equal(fv_report_create(ctx, dir, "net", &r), FV_OK);
    send(r, FV_EVENT_START, 10, "resumed", FV_STOP_NOT, FV_OK);
    decode_last(dir, "train", &d);
    assert_non_null(find_point(&d, "batch_loss", 10));
    assert_null(find_point(&d, "batch_loss", 11));
    send(r, FV_EVENT_STEP, 11, NULL, FV_STOP_NOT, FV_OK);
    send(r, FV_EVENT_END, 11, "all epochs done", FV_STOP_DONE, FV_OK);
    char path[768];
    assert_int_equal(find_files(dir, ".", path), 2);
    decode_file(path, &d);
    assert_string_equal(find_point(&d, "_hparams_/session_end_info", 0)->settings, "end=1");
    fv_report_destroy(&r);
    /* A fresh one in the same folder begins anew, and fails. */
    assert_int_equal(fv_report_create(ctx, dir, "net", &r), FV_OK);
    send(r, FV_EVENT_START, 0, NULL, FV_STOP_NOT, FV_OK);
    send(r, FV_EVENT_END, 3, "bad", FV_STOP_FAILED, FV_ERR_DIVERGED);
    decode_last(dir, ".", &d);
    assert_string_equal(find_point(&d, "_hparams_/session_end_info", 0)->settings, "end=2");
    fv_report_destroy(&r);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

static void pictures(void **state)
{
    (void)state;
    static decoded d;
    char dir[256], run[300];
    fv_report *r = NULL;
    fv_model *m = NULL;
    fv_dataset *data = NULL;
    fv_evaluation *e = NULL;
    fv_metrics metrics;
    fv_test_dir_create(dir);
    snprintf(run, sizeof run, "%s/run", dir);
    mkdir(run, 0777);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    planted_save(fv_test_path(dir, "train/ant/0.png"), corpus_flat(20, 20, 7));
    planted_save(fv_test_path(dir, "train/bee/0.png"), corpus_flat(30, 10, 9));
    assert_int_equal(fv_dataset_open(ctx, fv_test_path(dir, ""), NULL, &data), FV_OK);
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 8, 8, 3);
    assert_int_equal(fv_model_finish(m, fv_dense(m, fv_flatten(m, x), .units = 2)), FV_OK);
    assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_evaluation_create(ctx, FV_TASK_CLASSIFY, 2, &e), FV_OK);
    assert_int_equal(fv_evaluate_into(m, data, 2, -1, &metrics, e), FV_OK);
    fv_test_write_text(fv_test_path(run, "results.csv"), "epoch,step\n");
    assert_int_equal(fv_report_create(ctx, run, "net", &r), FV_OK);
    assert_int_equal(fv_report_batch(r, data, fv_model_pipeline(m), "hflip p=0.5", 1), FV_OK);
    fv_evaluation_page page = {"Validation", NULL, m, data, &metrics, e, 1, NULL};
    send(r, FV_EVENT_START, 0, NULL, FV_STOP_NOT, FV_OK);
    send(r, FV_EVENT_STEP, 1, NULL, FV_STOP_NOT, FV_OK);
    assert_int_equal(fv_report_evaluation(r, &page), FV_OK);
    send(r, FV_EVENT_END, 1, "done", FV_STOP_DONE, FV_OK);
    decode_last(run, "train", &d);
    const point *p = find_point(&d, "training_images", 0);
    assert_true(p && p->height == 112 && p->width == 4 * 112);
    decode_last(run, "validation", &d);
    p = find_point(&d, "epoch_confusion_matrix", 1);
    assert_true(p && p->height == 48 && p->width == 48); /* 2 x 2 cells of 24 */
    p = find_point(&d, "epoch_mistakes", 1);
    assert_true(p && p->height == 112 && p->width == 4 * 112); /* one of two like images is wrong */
    const int values = d.n;
    assert_int_equal(fv_report_evaluation(r, &page), FV_OK); /* the run went on, and the epoch is still the best */
    page.epoch = 0;
    page.title = "Test";
    assert_int_equal(fv_report_evaluation(r, &page), FV_OK);
    decode_last(run, "validation", &d);
    assert_int_equal(d.n, values);
    fv_report_destroy(&r);
    fv_evaluation_destroy(&e);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

/* ---- histograms ---- */

static void check_histogram(const decoded *d, const char *tag, int64_t step, const float *data, int64_t n)
{
    const point *p = find_point(d, tag, step);
    double low = INFINITY, high = -INFINITY, sum = 0, squares = 0, counted = 0;
    if (!p)
        fail_msg("no %s at %d", tag, (int)step);
    for (int64_t i = 0; i < n; i++) {
        low = fmin(low, (double)data[i]);
        high = fmax(high, (double)data[i]);
        sum += (double)data[i];
        squares += (double)data[i] * (double)data[i];
    }
    assert_true(p->spread[0] == low && p->spread[1] == high && p->spread[2] == (double)n);
    assert_true(p->spread[3] == sum && p->spread[4] == squares);
    assert_int_equal(p->bins, high > low ? 30 : 1);
    assert_true(p->limit[p->bins - 1] == high);
    for (int b = 0; b < p->bins; b++) {
        double inside = 0;
        const double slack = 1e-12 * (high - low); /* a value on a limit is on either side of it */
        for (int64_t i = 0; i < n; i++)
            inside += (double)data[i] < p->limit[b] + slack && (b == 0 || (double)data[i] >= p->limit[b - 1] + slack);
        assert_true(b == 0 || p->limit[b] > p->limit[b - 1]);
        assert_true(fabs(p->count[b] - inside) <= 1);
        counted += p->count[b];
    }
    assert_true(counted == (double)n);
}

typedef struct bench {
    fv_model *m;
    fv_trainer *t;
    float images[4 * 6 * 6];
    int32_t labels[4];
} bench;

/* A step of a run of two steps an epoch; the weights are those behind it. */
static void step(fv_report *r, bench *b, int64_t epoch, int64_t number)
{
    double loss;
    for (int i = 0; i < 4 * 6 * 6; i++)
        b->images[i] = (float)((i * 7 + (int)(epoch * 2 + number) * 13) % 31) / 31;
    assert_int_equal(fv_trainer_gradient(b->t, b->images, b->labels, 4, &loss), FV_OK);
    assert_int_equal(fv_trainer_apply(b->t, 0.1), FV_OK);
    const fv_fit_event e = {.kind = FV_EVENT_STEP,
                            .epoch = epoch,
                            .step = number,
                            .steps = 2,
                            .global_step = 2 * (epoch - 1) + number,
                            .loss = loss,
                            .lr = 0.1,
                            .trainer = b->t};
    fv_report_event(r, &e);
}

static void begin(fv_report *r, int64_t epoch, int64_t done)
{
    const fv_fit_event e = {.kind = FV_EVENT_START,
                            .epoch = epoch,
                            .step = done,
                            .steps = 2,
                            .global_step = 2 * (epoch - 1) + done,
                            .text = epoch > 1 || done > 0 ? "resumed" : NULL};
    fv_report_event(r, &e);
}

/* Once an epoch, whatever was killed when. */
static void histograms(void **state)
{
    (void)state;
    static decoded d;
    char dir[256];
    int counts[16];
    fv_report *r = NULL;
    bench b = {.labels = {0, 1, 2, 1}};
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_model_create(ctx, &b.m), FV_OK);
    fv_value x = fv_conv2d(b.m, fv_input(b.m, 6, 6, 1), .name = "conv", .filters = 2, .kernel = {3, 3});
    assert_int_equal(fv_model_finish(b.m, fv_dense(b.m, fv_flatten(b.m, x), .name = "fc", .units = 3)), FV_OK);
    assert_int_equal(fv_model_init(b.m, 1, FV_INIT_DEFAULT), FV_OK);
    const fv_fit_options o = FV_FIT_OPTIONS(.batch_size = 4);
    assert_int_equal(fv_trainer_create(b.m, &o, &b.t), FV_OK);
    assert_int_equal(fv_report_create(ctx, dir, "net", &r), FV_OK);
    assert_int_equal(fv_report_histograms(r, -1), FV_ERR_ARGUMENT);
    begin(r, 1, 0);
    step(r, &b, 1, 1);
    step(r, &b, 1, 2); /* nothing is asked for yet */
    assert_int_equal(fv_report_histograms(r, 1), FV_OK);
    step(r, &b, 2, 1);
    step(r, &b, 2, 2);
    fv_report_destroy(&r);
    decode_last(dir, "train", &d);
    assert_int_equal(d.n, 4 * 2 + 4); /* losses and rates; two layers, without their biases */
    fv_shape shape;
    const float *gradient = fv_trainer_gradient_of(b.t, "conv.weight", &shape);
    check_histogram(&d, "gradients/conv.weight", 2, gradient, fv_shape_count(&shape));
    check_histogram(&d, "weights/conv.weight", 2, fv_tensor_data(fv_model_find_tensor(b.m, "conv.weight")), 18);
    check_histogram(&d, "weights/fc.weight", 2, fv_tensor_data(fv_model_find_tensor(b.m, "fc.weight")), 2 * 16 * 3);
    /* From a state behind the last step of epoch 2, that epoch's are there; from one before it they come again. */
    for (int done = 2; done >= 0; done--) {
        assert_int_equal(fv_report_create(ctx, dir, "net", &r), FV_OK);
        assert_int_equal(fv_report_histograms(r, 1), FV_OK);
        begin(r, 2, done);
        for (int64_t i = done + 1; i <= 2; i++)
            step(r, &b, 2, i);
        step(r, &b, 3, 1);
        step(r, &b, 3, 2);
        fv_report_destroy(&r);
        count_points(dir, "train", "weights/fc.weight", counts);
        for (int i = 0; i < 16; i++)
            assert_int_equal(counts[i], i == 2 || i == 3);
        count_points(dir, "train", "batch_loss", counts);
        for (int i = 1; i < 16; i++)
            assert_int_equal(counts[i], i <= 6);
    }
    fv_trainer_destroy(&b.t);
    fv_model_destroy(&b.m);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_and_settings), cmocka_unit_test(pictures),
                                       cmocka_unit_test(histograms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
