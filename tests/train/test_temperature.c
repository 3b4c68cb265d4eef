/* SPDX-License-Identifier: Apache-2.0 */
/* The temperature of outputs whose own is known; what it makes of answers; where it is kept, and where it goes. */
#define FV_TEST_THREADS 1
#include "compress/nets.h"

#include "train/tally.h"

enum { CLASSES = 4 };

/* z = T0 log q for distributions q, and of each sample as many copies as make the labels' shares just q: the likelihood
 * of softmax(z / T) is then largest where softmax(z / T) = q, at T0, exactly. */
static int64_t make_rows(double t0, float *rows, int32_t *labels)
{
    static const int shares[5][CLASSES] = {{7, 1, 1, 1}, {2, 5, 2, 1}, {1, 1, 3, 5}, {6, 2, 1, 1}, {1, 8, 0, 1}};
    int64_t n = 0;
    for (int repeat = 0; repeat < 3; repeat++)
        for (int i = 0; i < 5; i++)
            for (int k = 0; k < CLASSES; k++)
                for (int copy = 0; copy < shares[i][k]; copy++, n++) {
                    for (int j = 0; j < CLASSES; j++)
                        rows[n * CLASSES + j] = (float)(t0 * (shares[i][j] ? log(shares[i][j] / 10.0) : -40));
                    labels[n] = k;
                }
    return n;
}

static void test_recovered(void **state)
{
    (void)state;
    float rows[200 * CLASSES];
    int32_t labels[200];
    static const double known[] = {0.01, 0.5, 1, 1.7, 12, 900};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        fv_logits *l;
        fv_reliability right, before, other;
        double t, error;
        const int64_t n = make_rows(known[i], rows, labels);
        OK(fv_logits_from(ctx, FV_TASK_CLASSIFY, CLASSES, n, rows, labels, NULL, &l));
        assert_int_equal(fv_logits_count(l), n);
        OK(fv_logits_temperature(l, &t, &error));
        assert_true(fabs(t / known[i] - 1) < 1e-6);
        assert_true(error > 0 && error < 0.3 * t);
        OK(fv_logits_reliability(l, t, &right));
        OK(fv_logits_reliability(l, 1, &before));
        assert_true(right.top1 == before.top1 && right.loss <= before.loss + 1e-7);
        /* On both sides it is worse, by about what the curvature says. */
        for (int side = -1; side <= 1; side += 2) {
            OK(fv_logits_reliability(l, t + side * error, &other));
            const double more = (other.loss - right.loss) * (double)n;
            assert_true(more > 0.3 && more < 0.8);
        }
        fv_logits_destroy(&l);
    }
}

/* Sigmoids; and the figures of a few answers by hand. */
static void test_several_classes(void **state)
{
    (void)state;
    enum { N = 100 };
    float rows[N * 2], targets[N * 2];
    fv_logits *l;
    fv_reliability r;
    double t, brier = 0, loss = 0, error = 0;
    for (int i = 0; i < N; i++) { /* 2.5 times what 80 and 30 of 100 are worth */
        rows[2 * i] = (float)(2.5 * log(4));
        rows[2 * i + 1] = (float)(-2.5 * log(7.0 / 3));
        targets[2 * i] = i < 80;
        targets[2 * i + 1] = i >= 70;
    }
    OK(fv_logits_from(ctx, FV_TASK_MULTILABEL, 2, N, rows, NULL, targets, &l));
    OK(fv_logits_temperature(l, &t, NULL));
    assert_true(fabs(t - 2.5) < 1e-6);
    OK(fv_logits_reliability(l, t, &r));
    assert_true(r.calibration_error < 1e-6);
    assert_true(fabs(r.brier - (0.8 * 0.2 + 0.7 * 0.3) / 2) < 1e-6);
    OK(fv_logits_reliability(l, 1, &r));
    for (int k = 0; k < 2; k++) {
        const double p = 1 / (1 + exp(-(double)rows[k])), share = k ? 0.3 : 0.8;
        brier += (share * (1 - p) * (1 - p) + (1 - share) * p * p) / 2;
        loss -= (share * log(p) + (1 - share) * log(1 - p)) / 2;
        error += fabs(p - share) / 2; /* they lie in bins of their own */
    }
    assert_true(fabs(r.brier - brier) < 1e-6 && fabs(r.loss - loss) < 1e-6);
    assert_true(fabs(r.calibration_error - error) < 1e-6);
    fv_logits_destroy(&l);
}

static void test_refused(void **state)
{
    (void)state;
    enum { N = 100 };
    float rows[N * 2];
    int32_t labels[N];
    fv_logits *l;
    fv_reliability r;
    double t;
    for (int i = 0; i < N; i++) {
        rows[2 * i] = i % 2 ? 1.0f : -1.0f;
        rows[2 * i + 1] = 0;
        labels[i] = i % 2 ? 0 : 1;
    }
    assert_int_equal(fv_logits_from(ctx, FV_TASK_CLASSIFY, 2, N - 1, rows, labels, NULL, &l), FV_ERR_DATA_EMPTY);
    assert_non_null(strstr(fv_ctx_error(ctx), "99 samples: a temperature needs at least 100"));
    assert_null(l);
    assert_int_equal(fv_logits_from(ctx, FV_TASK_REGRESS, 2, N, rows, NULL, rows, &l), FV_ERR_ARGUMENT);
    OK(fv_logits_from(ctx, FV_TASK_CLASSIFY, 2, N, rows, labels, NULL, &l));
    assert_int_equal(fv_logits_temperature(l, &t, NULL), FV_ERR_DATA);
    assert_non_null(strstr(fv_ctx_error(ctx), "all 100 answers are right"));
    assert_int_equal(fv_logits_reliability(l, 0, &r), FV_ERR_ARGUMENT);
    assert_int_equal(fv_logits_reliability(l, NAN, &r), FV_ERR_ARGUMENT);
    fv_logits_destroy(&l);
    for (int i = 0; i < N; i++) /* right in half of them */
        labels[i] = i % 4 / 2;
    OK(fv_logits_from(ctx, FV_TASK_CLASSIFY, 2, N, rows, labels, NULL, &l));
    assert_int_equal(fv_logits_temperature(l, &t, NULL), FV_ERR_DATA);
    assert_non_null(strstr(fv_ctx_error(ctx), "no better than chance"));
    fv_logits_destroy(&l);
    labels[3] = 2;
    assert_int_equal(fv_logits_from(ctx, FV_TASK_CLASSIFY, 2, N, rows, labels, NULL, &l), FV_ERR_ARGUMENT);
    labels[3] = 0;
    rows[5] = NAN;
    assert_int_equal(fv_logits_from(ctx, FV_TASK_CLASSIFY, 2, N, rows, labels, NULL, &l), FV_ERR_DIVERGED);
    assert_null(l);
}

/* Outputs that are the next floats of each other are still apart at a temperature that makes their answers alike. */
static void test_top1(void **state)
{
    (void)state;
    fv_model *m;
    float z[3] = {nextafterf(0.5f, 0), 0.5f, 0.5f}, p[3];
    OK(fv_model_create(ctx, &m));
    OK(fv_model_finish(m, fv_dense(m, fv_flatten(m, fv_input(m, 1, 1, 1)), .name = "fc", .units = 3)));
    OK(fv_model_set_temperature(m, 1000));
    fv_model_answer(m, z, 3, p);
    assert_true(p[0] < p[1] && p[1] >= p[2]);
    assert_true(fabs((double)p[0] + (double)p[1] + (double)p[2] - 1) < 1e-6);
    OK(fv_model_set_temperature(m, 2));
    fv_model_answer(m, z, 3, z); /* in place */
    assert_true(z[0] < z[1]);
    assert_int_equal(fv_model_set_temperature(m, -1), FV_ERR_ARGUMENT);
    assert_int_equal(fv_model_set_temperature(m, 1e7), FV_ERR_ARGUMENT);
    assert_int_equal(fv_model_set_temperature(m, NAN), FV_ERR_ARGUMENT);
    OK(fv_model_set_task(m, FV_TASK_REGRESS));
    assert_true(fv_model_temperature(m) == 0);
    assert_int_equal(fv_model_set_temperature(m, 2), FV_ERR_ARGUMENT);
    fv_model_destroy(&m);
}

/* An overconfident network: the last layer's weights ten times as large. */
static void test_network(void **state)
{
    (void)state;
    fv_dataset *data = net_digits(200, "train"), *test = net_digits(200, "test");
    fv_model *m, *copy;
    fv_logits *l;
    fv_metrics before, after;
    fv_evaluation *e;
    fv_reliability r[2];
    fv_predictor *p;
    char path[300];
    float one[10], two[10];
    double t;
    OK(fv_model_create(ctx, &m));
    fv_value x = fv_conv2d(m, fv_input(m, 28, 28, 1), .name = "conv", .filters = 4, .kernel = {5, 5}, .stride = {2, 2});
    OK(fv_model_finish(m, fv_dense(m, fv_flatten(m, fv_activate(m, x, FV_RELU)), .name = "fc", .units = 10)));
    net_train(m, data);
    fv_slot *fc = fv_model_slot(m, "fc.weight");
    for (int64_t i = 0; i < fv_tensor_count(fc->data); i++)
        fv_slot_data(fc)[i] *= 10;
    fv_model_touch(m);
    OK(fv_logits_create(m, test, 0, -1, &l));
    OK(fv_logits_temperature(l, &t, NULL));
    OK(fv_logits_reliability(l, 1, &r[0]));
    OK(fv_logits_reliability(l, t, &r[1]));
    assert_true(t > 2 && r[1].calibration_error < r[0].calibration_error && r[1].loss < r[0].loss);
    assert_true(r[1].brier < r[0].brier && r[1].top1 == r[0].top1);
    fv_logits_destroy(&l);

    /* The figures are those of an evaluation, with the temperature and without. */
    OK(fv_evaluate(m, test, 7, -1, &before));
    OK(fv_model_set_temperature(m, t));
    OK(fv_evaluation_create(ctx, FV_TASK_CLASSIFY, 10, &e));
    OK(fv_evaluate_into(m, test, 32, -1, &after, e));
    assert_true(before.loss == r[0].loss && after.loss == r[1].loss && before.top1 == after.top1);
    assert_true(fv_evaluation_calibration_error(e) == r[1].calibration_error);
    fv_evaluation_destroy(&e);

    /* One place for all: one image, predictors, copies, files. */
    fv_image image = {0};
    OK(fv_dataset_image(test, 3, &image, NULL));
    OK(fv_predict(m, &image, one));
    for (int kind = 0; kind < 2; kind++) {
        OK(fv_predictor_create(&m, 1, &(fv_predictor_options){.mean_logits = kind == 1}, &p));
        OK(fv_predictor_run(p, &image, 0, two, NULL));
        assert_memory_equal(one, two, sizeof one);
        OK(fv_predictor_evaluate(p, test, &after));
        assert_true(fabs(after.loss - r[1].loss) < 1e-5);
        fv_predictor_destroy(&p);
    }
    OK(fv_model_clone(m, &copy));
    assert_true(fv_model_temperature(copy) == t);
    fv_model_destroy(&copy);
    snprintf(path, sizeof path, "%s/calibrated.safetensors", dir);
    OK(fv_model_save(m, path));
    OK(fv_model_load(ctx, path, &copy));
    assert_true(fv_model_temperature(copy) == t);
    OK(fv_predict(copy, &image, two));
    assert_memory_equal(one, two, sizeof one);
    fv_image_free(ctx, &image);

    /* Other weights have another one. */
    OK(fv_fit(copy, data, .epochs = 1, .batch_size = 50, .lr = 0.001));
    assert_true(fv_model_temperature(copy) == 0);
    fv_model_destroy(&copy);
    OK(fv_model_set_task(m, FV_TASK_REGRESS));
    assert_int_equal(fv_logits_create(m, test, 0, -1, &l), FV_ERR_CONFLICT);
    assert_non_null(strstr(fv_ctx_error(ctx), "predicts numbers"));
    fv_model_destroy(&m);
    fv_dataset_destroy(&data);
    fv_dataset_destroy(&test);
}

/* A small network, so that each of its allocations can fail. */
static fv_status measure_once(fv_ctx *own, void *path)
{
    fv_model *m = NULL;
    fv_dataset *data = NULL;
    fv_logits *l = NULL;
    fv_reliability r;
    fv_status status = fv_model_create(own, &m);
    if (status == FV_OK)
        status = fv_model_finish(m, fv_dense(m, fv_flatten(m, fv_input(m, 28, 28, 1)), .units = 10));
    if (status == FV_OK)
        status = fv_model_init(m, 1, FV_INIT_DEFAULT);
    if (status == FV_OK)
        status = fv_dataset_open(own, path, &(fv_dataset_options){.split = "train"}, &data);
    if (status == FV_OK)
        status = fv_logits_create(m, data, 50, -1, &l);
    if (status == FV_OK)
        status = fv_logits_reliability(l, 2, &r);
    fv_logits_destroy(&l);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/hundred", dir);
    OK(fv_make_digits(ctx, path, 100, 10, 5));
    assert_true(fv_test_each_allocation(measure_once, path) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_recovered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_several_classes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_top1, setup, teardown),
        cmocka_unit_test_setup_teardown(test_network, setup, teardown),
        cmocka_unit_test_setup_teardown(test_allocations, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
