/* SPDX-License-Identifier: Apache-2.0 */
/* The page of a run that failed; the losses of its steps. */
#include "pages.h"

#include <math.h>

#include <fovea/report.h>

#include "report/steps.h"

/* Losses by step, thinned out; a run that failed says why, and draws a loss that explodes over powers of ten. */
static void test_failed_run(void **state)
{
    (void)state;
    char dir[256];
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_report *r = NULL;
    assert_int_equal(fv_report_create(ctx, dir, "net", &r), FV_OK);
    assert_int_equal(fv_report_fact(r, "command", "fovea train --data 'a & b'"), FV_OK);
    fv_test_write_text(fv_test_path(dir, "results.csv"), header);
    fv_report_event(r, &(fv_fit_event){.kind = FV_EVENT_START, .epoch = 1, .epochs = 6});
    for (int i = 1; i <= 8; i++) {
        fv_fit_event e = {.kind = FV_EVENT_STEP, .epoch = 1, .epochs = 6, .global_step = i, .loss = pow(10, i - 2)};
        fv_report_event(r, &e);
    }
    (void)fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_DIVERGED, "x"), "try --lr 0.1");
    fv_fit_event end = {
        .kind = FV_EVENT_END, .stop = FV_STOP_FAILED, .status = FV_ERR_DIVERGED, .text = "conv1 <is> bad"};
    fv_report_event(r, &end);
    char *page = read_page(ctx, dir);
    check_page(page);
    assert_non_null(strstr(page, "<b>The run failed</b><p>conv1 &lt;is&gt; bad</p><p>try --lr 0.1</p>"));
    assert_non_null(strstr(page, "<dt>command</dt><dd>fovea train --data &#39;a &amp; b&#39;</dd>"));
    assert_non_null(strstr(page, "<b>Loss by step</b>"));
    /* From 0.1 to 1e6 on an axis from 0.01 up, 162 units high: the first an eighth above the bottom, the last on top.
     */
    assert_non_null(strstr(page, "points=\"60.0,159.8 "));
    assert_non_null(strstr(page, " 330.0,18.0 \""));
    fv_free(ctx, page);
    end.status = FV_ERR_INTERRUPTED;
    fv_report_event(r, &end);
    page = read_page(ctx, dir);
    assert_null(strstr(page, "The run failed"));
    fv_free(ctx, page);
    fv_report_destroy(&r);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

static void test_steps(void **state)
{
    (void)state;
    static fv_steps s, again;
    enum { N = 10000 };
    char dir[256];
    for (int i = 1; i <= N; i++)
        fv_steps_add(&s, i, i);
    assert_true(s.n > FV_STEPS_MAX / 2 && s.n <= FV_STEPS_MAX && s.stride == 16);
    for (int64_t i = 0; i < s.n; i++) { /* means of 16 steps in a row */
        assert_true(i + 1 == s.n || s.step[i] == 16.0 * (double)(i + 1));
        assert_true(i + 1 == s.n || s.loss[i] == 16.0 * (double)i + 8.5);
    }
    assert_true(s.step[s.n - 1] == N);
    fv_steps_add(&s, 161, 7); /* a run that goes on from an earlier state */
    assert_true(s.n == 11 && s.step[9] == 160 && s.step[10] == 161 && s.loss[10] == 7);
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_steps_read(ctx, fv_test_path(dir, "none"), &again), FV_OK);
    assert_int_equal(again.n, 0);
    fv_test_write_text(fv_test_path(dir, "log"),
                       "{\"t\":1,\"ev\":\"start\",\"step\":0}\n"
                       "{\"t\":2,\"ev\":\"step\",\"epoch\":1,\"step\":1,\"loss\":2.5,\"lr\":0.1}\n"
                       "{\"t\":3,\"ev\":\"step\",\"epoch\":1,\"step\":2,\"loss\":1e-3}\n"
                       "{\"t\":4,\"ev\":\"epoch\",\"step\":2,\"loss\":9}\n"
                       "{\"t\":5,\"ev\":\"step\",\"step\":3,\"lo");
    assert_int_equal(fv_steps_read(ctx, fv_test_path(dir, "log"), &again), FV_OK);
    assert_true(again.n == 2 && again.step[1] == 2 && again.loss[0] == 2.5 && again.loss[1] == 1e-3);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_failed_run), cmocka_unit_test(test_steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
