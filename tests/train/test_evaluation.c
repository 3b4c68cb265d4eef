/* SPDX-License-Identifier: Apache-2.0 */
/* What an evaluation finds, against numbers worked out by hand. */
#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

#include "train/evaluation.h"
#include "train/tally.h"

enum { MOST = 4 };

/* Fills findings through a tally, as fv_evaluate does. */
static void judge(fv_evaluation *e, bool logits, int n, const float *scores, const int32_t *labels,
                  const float *targets, fv_metrics *m, fv_ctx *ctx)
{
    const int64_t classes = fv_evaluation_classes(e);
    fv_tally t;
    assert_int_equal(fv_evaluation_begin(e, fv_evaluation_task(e), classes), FV_OK);
    fv_tally_begin(ctx, fv_evaluation_task(e), classes, e, &t);
    for (int i = 0; i < n; i++)
        assert_int_equal(fv_tally_add(&t, 100 + i, scores + i * classes, logits, labels ? labels[i] : -1,
                                      targets ? targets + i * classes : NULL),
                         FV_OK);
    assert_int_equal(fv_tally_end(&t, m), FV_OK);
    assert_int_equal(fv_evaluation_count(e), n - m->lost);
}

static void near(double value, double expected)
{
    if (!(fabs(value - expected) < 2e-7))
        fail_msg("found %.12g, expected %.12g", value, expected);
}

static void score_is(const fv_class_score *s, double precision, double recall, double f1)
{
    near(s->precision, precision);
    near(s->recall, recall);
    near(s->f1, f1);
}

/* Class 3 neither occurs nor is said; class 2 occurs once and is said once, of another sample. */
static const float one_each[8][MOST] = {{.8f, .1f, .1f},   {.2f, .7f, .1f},   {.1f, .6f, .3f},   {.3f, .3f, .4f},
                                        {.05f, .9f, .05f}, {.5f, .25f, .25f}, {.1f, .89f, .01f}, {.12f, .88f, 0}};
static const int32_t classes_of[8] = {0, 0, 1, 1, 1, 2, 1, 0};

static void check_one_each(const fv_evaluation *e)
{
    static const int64_t matrix[MOST][MOST] = {{1, 2}, {0, 3, 1}, {1}};
    static const int worst[8] = {7, 1, 5, 3,
                                 2, 0, 6, 4}; /* by the probability of the truth: .12 .2 .25 .3 .6 .8 .89 .9 */
    static const fv_confused_pair pairs[3] = {{0, 1, 2}, {1, 2, 1}, {2, 0, 1}};
    fv_class_score s, macro, weighted;
    fv_confused_pair p;
    fv_calibration_bin b;
    fv_evaluation_class(e, 0, &s);
    score_is(&s, 1 / 2.0, 1 / 3.0, 2 / 5.0);
    assert_true(s.samples == 3 && s.said == 2 && s.right == 1);
    fv_evaluation_class(e, 1, &s);
    score_is(&s, 3 / 5.0, 3 / 4.0, 6 / 9.0);
    fv_evaluation_class(e, 2, &s);
    score_is(&s, 0, 0, 0);
    fv_evaluation_class(e, 3, &s);
    assert_true(isnan(s.precision) && isnan(s.recall) && isnan(s.f1) && s.samples == 0 && s.said == 0);
    fv_evaluation_means(e, &macro, &weighted);
    score_is(&macro, 1.1 / 3, 13 / 36.0, 16 / 45.0);
    score_is(&weighted, 3.9 / 8, 4 / 8.0, (1.2 + 8 / 3.0) / 8);
    assert_true(macro.samples == 8 && weighted.samples == 8);
    for (int t = 0; t < MOST; t++)
        for (int k = 0; k < MOST; k++)
            assert_int_equal(fv_evaluation_confusion(e, t, k), matrix[t][k]);
    assert_int_equal(fv_evaluation_confusion(e, -1, 0) + fv_evaluation_confusion(e, 0, MOST), 0);
    for (int i = 0; i < 3; i++) {
        assert_true(fv_evaluation_pair(e, i, &p));
        assert_memory_equal(&p, &pairs[i], sizeof p);
    }
    assert_false(fv_evaluation_pair(e, 3, &p));
    for (int i = 0; i < 8; i++) {
        const fv_judged_sample *j = fv_evaluation_worst(e, i);
        const int k = worst[i];
        assert_int_equal(j->sample, 100 + k);
        assert_int_equal(j->truth, classes_of[k]);
        near((double)j->truth_confidence, (double)one_each[k][classes_of[k]]);
        near((double)j->confidence, (double)one_each[k][j->said]);
        assert_true(fabs((double)j->loss + log((double)one_each[k][classes_of[k]])) < 1e-6);
        assert_int_equal(j->right, k == 0 || k == 2 || k == 4 || k == 6);
    }
    assert_null(fv_evaluation_worst(e, 8));
    /* .9, .89 right and .88 wrong share the bin (13/15, 14/15]; all others have one of their own. */
    fv_evaluation_bin(e, 13, &b);
    assert_int_equal(b.count, 3);
    near(b.confidence, 2.67 / 3);
    near(b.accuracy, 2 / 3.0);
    near(b.low, 13 / 15.0);
    near(b.high, 14 / 15.0);
    fv_evaluation_bin(e, 14, &b);
    assert_true(b.count == 0 && isnan(b.confidence) && isnan(b.accuracy));
    near(fv_evaluation_calibration_error(e), (.2 + .7 + .4 + .4 + .5 + .67) / 8);
}

static void one_class(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_evaluation *e;
    fv_metrics m;
    float logits[8][MOST];
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < MOST; k++)
            logits[i][k] = one_each[i][k] > 0 ? 3 + logf(one_each[i][k]) : -200;
    assert_int_equal(fv_evaluation_create(ctx, FV_TASK_CLASSIFY, MOST, &e), FV_OK);
    judge(e, false, 8, one_each[0], classes_of, NULL, &m, ctx);
    near(m.top1, 4 / 8.0);
    check_one_each(e);
    judge(e, true, 8, logits[0], classes_of, NULL, &m, ctx); /* what was found before is forgotten */
    near(m.top1, 4 / 8.0);
    check_one_each(e);
    judge(e, true, 0, logits[0], classes_of, NULL, &m, ctx);
    assert_true(isnan(fv_evaluation_calibration_error(e)));
    assert_null(fv_evaluation_worst(e, 0));
    assert_int_equal(fv_evaluation_begin(e, FV_TASK_CLASSIFY, MOST + 1), FV_ERR_ARGUMENT);
    assert_int_equal(fv_evaluation_begin(e, FV_TASK_MULTILABEL, MOST), FV_ERR_ARGUMENT);
    fv_evaluation_destroy(&e);
    assert_int_equal(fv_evaluation_create(ctx, FV_TASK_CLASSIFY, 0, &e), FV_ERR_ARGUMENT);
    fv_ctx_destroy(&ctx);
}

/* Probabilities that are rounded alike though one logit is larger; samples that have no answer are no findings. */
static void scores_decide(void **state)
{
    (void)state;
    const float logits[3][2] = {{17.0f, 17.000001f}, {NAN, 0}, {0, 0}};
    const int32_t labels[3] = {1, 0, 1};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_evaluation *e;
    fv_metrics m;
    assert_int_equal(fv_evaluation_create(ctx, FV_TASK_CLASSIFY, 2, &e), FV_OK);
    judge(e, true, 1, logits[0], labels, NULL, &m, ctx);
    assert_true(m.top1 == 1.0 && fv_evaluation_worst(e, 0)->right);
    judge(e, true, 3, logits[0], labels, NULL, &m, ctx);
    assert_int_equal(m.lost, 1);
    assert_int_equal(fv_evaluation_worst(e, 0)->sample, 102); /* of equal scores the first class is said */
    assert_int_equal(fv_evaluation_worst(e, 0)->said, 0);
    fv_evaluation_destroy(&e);
    fv_ctx_destroy(&ctx);
}

static void several_classes(void **state)
{
    (void)state;
    const float answers[4][3] = {{.9f, .8f, .1f}, {.7f, .2f, .3f}, {.4f, .6f, .2f}, {.1f, .9f, .05f}};
    const float targets[4][3] = {{1, 1, 0}, {1, 1, 0}, {1, 0, 0}, {0, 1, 0}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_evaluation *e;
    fv_class_score s, macro, weighted;
    fv_metrics m;
    assert_int_equal(fv_evaluation_create(ctx, FV_TASK_MULTILABEL, 3, &e), FV_OK);
    judge(e, false, 4, answers[0], NULL, targets[0], &m, ctx);
    fv_evaluation_class(e, 0, &s);
    score_is(&s, 1, 2 / 3.0, 4 / 5.0);
    fv_evaluation_class(e, 1, &s);
    score_is(&s, 2 / 3.0, 2 / 3.0, 2 / 3.0);
    fv_evaluation_class(e, 2, &s);
    assert_true(isnan(s.f1));
    fv_evaluation_means(e, &macro, &weighted);
    score_is(&macro, 5 / 6.0, 2 / 3.0, (4 / 5.0 + 2 / 3.0) / 2);
    score_is(&weighted, 5 / 6.0, 2 / 3.0, (4 / 5.0 + 2 / 3.0) / 2);
    near(m.top1, 2 / 4.0);
    const fv_judged_sample *j = fv_evaluation_worst(e, 0); /* the second misses one: -(2 ln .7 + ln .2) / 3 */
    near((double)j->loss, -(2 * log(.7) + log(.2)) / 3);
    assert_true(j->sample == 101 && j->truth == 1 && j->said == 0 && !j->right);
    j = fv_evaluation_worst(e, 1); /* the third misses one and makes one up: -(2 ln .4 + ln .8) / 3 */
    near((double)j->loss, -(2 * log(.4) + log(.8)) / 3);
    assert_true(j->sample == 102 && j->truth == 1 && j->said == 1 && !j->right);
    assert_true(fv_evaluation_worst(e, 3)->right);
    /* Bins by their number: 0: .05; 1: .1 .1; 3: .2 .2 (0.2f lies above 3/15); 4: .3 (above 3/15, below 5/15); 6: .4;
     * 9: .6; 10: .7; 12: .8; 13: .9 .9. The class is there for .9 .8 .7 .2 .4 .9. */
    near(fv_evaluation_calibration_error(e), (.05 + .2 + fabs(1 - .4) + .3 + .6 + .6 + .3 + .2 + fabs(2 - 1.8)) / 12);
    fv_evaluation_destroy(&e);
    fv_ctx_destroy(&ctx);
}

static void numbers(void **state)
{
    (void)state;
    /* Errors of target 0: 1, -1, 2; of target 1, whose truths are all the same: 0, 0, 3. */
    const float values[3][2] = {{2, 5}, {1, 5}, {8, 8}}, targets[3][2] = {{1, 5}, {2, 5}, {6, 5}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_evaluation *e;
    fv_target_score s;
    fv_class_score macro, weighted;
    fv_metrics m;
    assert_int_equal(fv_evaluation_create(ctx, FV_TASK_REGRESS, 2, &e), FV_OK);
    judge(e, true, 3, values[0], NULL, targets[0], &m, ctx);
    fv_evaluation_target(e, 0, &s);
    near(s.mae, 4 / 3.0);
    near(s.rmse, sqrt(2));
    near(s.bias, 2 / 3.0);
    near(s.r2, 1 - 6 / 14.0); /* truths 1, 2, 6 around 3: 4 + 1 + 9 */
    fv_evaluation_target(e, 1, &s);
    near(s.mae, 1);
    near(s.rmse, sqrt(3));
    assert_true(isnan(s.r2));
    assert_int_equal(fv_evaluation_worst(e, 0)->sample, 102);
    near((double)fv_evaluation_worst(e, 0)->loss, 13 / 2.0);
    fv_evaluation_means(e, &macro, &weighted);
    assert_true(isnan(macro.f1) && isnan(weighted.f1) && isnan(fv_evaluation_calibration_error(e)));
    fv_evaluation_destroy(&e);
    fv_ctx_destroy(&ctx);
}

/* Of class 0, from the surest on: has it (0.8), has it not and has it (0.6 both), has it not (0.1). */
static void curves(void **state)
{
    static const float scores[] = {0.6f, 0.4f, 0.8f, 0.2f, 0.1f, 0.9f, 0.6f, 0.4f};
    static const int32_t labels[] = {1, 0, 1, 0};
    fv_metrics m;
    fv_evaluation *e;
    fv_curve_point *p;
    double auc, ap;
    int64_t n;
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_evaluation_create(ctx, FV_TASK_CLASSIFY, 2, &e), FV_OK);
    judge(e, false, 4, scores, labels, NULL, &m, ctx);
    assert_false(fv_evaluation_has_curves(e)); /* nobody asked */
    assert_int_equal(fv_evaluation_curve(e, 0, &p, &n), FV_OK);
    assert_null(p);
    fv_evaluation_keep_answers(e, 1 << 20);
    judge(e, false, 4, scores, labels, NULL, &m, ctx);
    assert_true(fv_evaluation_has_curves(e));
    assert_int_equal(fv_evaluation_curve(e, 0, &p, &n), FV_OK);
    assert_int_equal(n, 4);
    assert_true(isinf(p[0].threshold) && p[0].recall == 0 && p[0].false_rate == 0 && p[0].precision == 1);
    near(p[1].recall, 0.5);
    near(p[1].false_rate, 0);
    near(p[2].threshold, (double)0.6f); /* equal answers share a threshold */
    near(p[2].recall, 1);
    near(p[2].false_rate, 0.5);
    near(p[2].precision, 2.0 / 3);
    near(p[3].false_rate, 1);
    near(p[3].precision, 0.5);
    fv_curve_free(e, &p);
    assert_int_equal(fv_evaluation_areas(e, 0, &auc, &ap), FV_OK);
    near(auc, 0.5 * 0.75 + 0.5);
    near(ap, 0.5 + 0.5 * 2 / 3);
    assert_int_equal(fv_evaluation_areas(e, 2, &auc, &ap), FV_OK);
    assert_true(isnan(auc) && isnan(ap));
    /* No room for the fourth. */
    fv_evaluation_keep_answers(e, 3 * 2 * 5);
    judge(e, false, 4, scores, labels, NULL, &m, ctx);
    assert_false(fv_evaluation_has_curves(e));
    judge(e, false, 3, scores, labels, NULL, &m, ctx);
    assert_true(fv_evaluation_has_curves(e));
    /* One class alone has no curve. */
    judge(e, false, 1, scores, labels, NULL, &m, ctx);
    assert_int_equal(fv_evaluation_curve(e, 1, &p, &n), FV_OK);
    assert_null(p);
    fv_evaluation_destroy(&e);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_class), cmocka_unit_test(scores_decide), cmocka_unit_test(several_classes),
        cmocka_unit_test(numbers),   cmocka_unit_test(curves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
