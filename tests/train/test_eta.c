/* SPDX-License-Identifier: Apache-2.0 */
/* Time left of runs whose times are made up: no clock is waited for. */
#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

typedef struct eta_run {
    const char *name;
    double start, step, validation, saving; /* seconds */
    int64_t epochs, steps, val_interval, max_steps;
    int64_t done;      /* steps before this process, a resumed run's */
    const char *sizes; /* `step` is that of the last */
} eta_run;

static const eta_run runs[] = {
    {"plain", 0, 0.1, 0, 0, 3, 40, 1, 0, 0, NULL},
    {"a slow start is no step", 30, 0.1, 0, 0, 3, 40, 1, 0, 0, NULL},
    {"validations count", 2, 0.1, 1.4, 0, 5, 40, 1, 0, 0, NULL},
    {"few validations", 2, 0.1, 1.4, 0.2, 9, 40, 4, 0, 0, NULL},
    {"checkpoints", 1, 0.05, 0.7, 0.1, 6, 30, 1, 0, 0, NULL},
    {"stopped early", 10, 0.2, 0, 0, 50, 40, 1, 60, 0, NULL},
    {"one epoch", 5, 0.2, 2.8, 0, 1, 100, 1, 0, 0, NULL},
    {"resumed", 5, 0.2, 2.8, 0.1, 4, 50, 1, 0, 73, NULL},
    {"images grow", 1, 0.4, 5.6, 0.1, 5, 30, 1, 0, 0, "1:10,2:10x15,4:20"},
    {"images grow, stopped early", 1, 0.4, 0, 0, 5, 30, 1, 130, 0, "1:10,2:10x15,4:20"},
};

/* Seconds from step `at` of this process to the run's end; and what is told there. at below 0: the whole run. */
static double play(const eta_run *r, fv_dataset *validation, int64_t at, double *told)
{
    fv_fit_options o = FV_FIT_OPTIONS(.batch_size = 10, .epochs = r->epochs);
    o.val_interval = r->val_interval;
    o.max_steps = r->max_steps;
    o.progressive_resize = r->sizes;
    o.validation = r->validation > 0 ? validation : NULL;
    fv_eta eta;
    double now = 1000 * (r->done > 0), noted = NAN;
    fv_eta_begin(&eta, &o);
    fv_fit_event e = {.kind = FV_EVENT_START, .epochs = r->epochs, .steps = r->steps, .global_step = r->done};
    e.seconds = now;
    fv_eta_event(&eta, &e);
    now += r->start;
    int64_t step = r->done % r->steps, steps = 0;
    bool stop = false;
    for (int64_t epoch = 1 + r->done / r->steps; epoch <= r->epochs && !stop; epoch++, step = 0) {
        const double share = !r->sizes ? 1 : epoch < 2 ? 0.25 : epoch < 4 ? 0.375 : 1; /* of pixels */
        for (; step < r->steps && !stop;) {
            now += share * r->step * (1 + 0.02 * (steps % 5 - 2)); /* a little uneven */
            e.kind = FV_EVENT_STEP;
            e.epoch = epoch;
            e.step = ++step;
            e.global_step++;
            e.seconds = now;
            stop = r->max_steps > 0 && e.global_step >= r->max_steps;
            fv_eta_event(&eta, &e);
            if (++steps == at) {
                noted = now;
                *told = fv_eta_left(&eta, &e);
            }
        }
        const bool validated = r->validation > 0 && (epoch % r->val_interval == 0 || epoch == r->epochs || stop);
        now += validated ? r->validation : 0;
        e.kind = FV_EVENT_EPOCH;
        e.val_loss = validated ? 1.0 : NAN;
        e.seconds = now;
        fv_eta_event(&eta, &e);
        if (epoch == r->epochs || stop)
            assert_true(fv_eta_left(&eta, &e) == 0);
        now += r->saving;
    }
    return now - noted;
}

static void test_within_a_tenth(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_dataset *validation = NULL;
    char folder[256];
    (void)state;
    fv_test_dir_create(folder);
    assert_int_equal(fv_make_digits(ctx, folder, 20, 400, 1), FV_OK);
    assert_int_equal(fv_dataset_open(ctx, folder, &(fv_dataset_options){.split = "test"}, &validation), FV_OK);
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        static const int64_t after[] = {20, 39, 61};
        for (size_t k = 0; k < sizeof after / sizeof *after; k++) {
            double told = NAN;
            const double left = play(&runs[i], validation, after[k], &told);
            if (isnan(left))
                continue; /* the run is shorter */
            print_message("%-26s after %2d steps: %6.2f s left, told %6.2f\n", runs[i].name, (int)after[k], left, told);
            if (fabs(told - left) > 0.1 * left + 0.35)
                fail_msg("%s: %.2f s left, told %.2f", runs[i].name, left, told);
        }
    }
    fv_dataset_destroy(&validation);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_within_a_tenth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
