/* SPDX-License-Identifier: Apache-2.0 */
/* What callbacks see and may do, what --steps-per-epoch and --sched plateau make of a run, and that all of it goes on
 * to the bit when the run was stopped. */
#define DIGITS_TRAIN 200
#define DIGITS_TEST  40
#include "digits_fixture.h"

#include <math.h>

#include "model/model.h"

enum { STEPS = 10, MOST = 200 }; /* of an epoch, with a batch of 20 */

/* Trains lenet; hex receives the weights' hash. */
static fv_status train(const fv_fit_options *options, char hex[65], fv_fit_result *result)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "lenet", 28, 1);
    fv_dataset *data = digits_of(ctx, "train"), *val = digits_of(ctx, "test");
    fv_fit_options o = *options;
    o.batch_size = 20;
    o.validation = val;
    const fv_status status = fv_fit_with(m, data, &o, result);
    fv_model_sha256(m, hex);
    if (status != FV_OK)
        print_message("%s\n", fv_ctx_error(ctx));
    fv_dataset_destroy(&val);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    return status;
}

/* ---- moments ---- */

typedef struct diary {
    char text[4096];
    double lr[MOST];
    int n;
    double halve;       /* factor of every rate, from step 3 on; 0: leave it */
    int64_t stop_epoch; /* stop at its end; 0: never */
    int64_t stop_step;  /* stop at its beginning */
    double odd;         /* a rate that is none, at step 5 */
    bool measured;      /* validation_end had its numbers */
    double val_loss;
} diary;

static void put(diary *d, const char *word)
{
    const size_t used = strlen(d->text);
    snprintf(d->text + used, sizeof d->text - used, "%s ", word);
}

static void fit_begin(void *user, const fv_fit_event *e, fv_fit_control *c)
{
    (void)e;
    snprintf(c->note, sizeof c->note, "the diary begins");
    put(user, "fit{");
}

static void fit_end(void *user, const fv_fit_event *e, fv_fit_control *c)
{
    (void)e;
    (void)c;
    put(user, "}fit");
}

static void epoch_begin(void *user, const fv_fit_event *e, fv_fit_control *c)
{
    (void)c;
    assert_true(e->epoch >= 1);
    put(user, "epoch{");
}

static void epoch_end(void *user, const fv_fit_event *e, fv_fit_control *c)
{
    diary *d = user;
    put(d, "}epoch");
    if (d->measured)
        assert_true(e->val_loss == d->val_loss);
    c->stop = e->epoch == d->stop_epoch;
}

static void step_begin(void *user, const fv_fit_event *e, fv_fit_control *c)
{
    diary *d = user;
    if (e->step == 1)
        put(d, "step{");
    assert_true(c->lr == e->lr && d->n < MOST);
    if (d->odd != 0 && e->step == 5)
        c->lr = d->odd;
    c->stop = d->stop_step && e->global_step + 1 == d->stop_step;
    if (d->halve > 0 && d->n == 2)
        c->scale *= d->halve; /* from the next step on */
    if (d->halve > 0 && d->n == 5)
        c->lr = 0.125; /* this one alone */
    d->lr[d->n] = c->lr;
}

static void step_end(void *user, const fv_fit_event *e, fv_fit_control *c)
{
    diary *d = user;
    (void)c;
    assert_true(e->lr == d->lr[d->n++]);
    assert_true(isfinite(e->loss));
    if (e->step == 1)
        put(d, "}step");
}

static void validation_begin(void *user, const fv_fit_event *e, fv_fit_control *c)
{
    (void)c;
    assert_true(isnan(e->val_loss));
    put(user, "val{");
}

static void validation_end(void *user, const fv_fit_event *e, fv_fit_control *c)
{
    diary *d = user;
    (void)c;
    d->measured = isfinite(e->val_loss) && e->val_top1 >= 0;
    d->val_loss = e->val_loss;
    put(d, "}val");
}

static fv_callback callback_of(diary *d)
{
    return (fv_callback){.fit_begin = fit_begin,
                         .fit_end = fit_end,
                         .epoch_begin = epoch_begin,
                         .epoch_end = epoch_end,
                         .step_begin = step_begin,
                         .step_end = step_end,
                         .validation_begin = validation_begin,
                         .validation_end = validation_end,
                         .user = d};
}

static void moments(void **state)
{
    (void)state;
    char hex[65], plain[65];
    fv_fit_result r;
    diary d = {.n = 0};
    /* The second one has one member, and sees the same. */
    diary other = {.n = 0};
    const fv_callback list[] = {callback_of(&d), {.fit_end = fit_end, .user = &other}};
    fv_fit_options o = FV_FIT_OPTIONS(.epochs = 2, .lr = 0.05, .callbacks = list, .n_callbacks = 2);
    assert_int_equal(train(&o, hex, &r), FV_OK);
    assert_string_equal(d.text, "fit{ epoch{ step{ }step val{ }val }epoch epoch{ step{ }step val{ }val }epoch }fit ");
    assert_string_equal(other.text, "}fit ");
    assert_true(d.measured && d.n == 2 * STEPS && r.stop == FV_STOP_DONE);
    /* Who only looks changes no bit. */
    o.n_callbacks = 0;
    assert_int_equal(train(&o, plain, &r), FV_OK);
    assert_string_equal(hex, plain);
    for (int i = 0; i < d.n; i++)
        assert_true(d.lr[i] == fv_schedule_at(&o, i / STEPS, i % STEPS, STEPS));
}

static void rates(void **state)
{
    (void)state;
    char hex[65], whole[65], dir[300];
    fv_fit_result r;
    diary d = {.halve = 0.5};
    fv_callback callback = callback_of(&d);
    fv_fit_options o =
        FV_FIT_OPTIONS(.epochs = 2, .lr = 0.5, .schedule = FV_CONSTANT, .callbacks = &callback, .n_callbacks = 1);
    assert_int_equal(train(&o, whole, &r), FV_OK);
    for (int i = 0; i < d.n; i++)
        assert_true(d.lr[i] == (i < 3 ? 0.5 : i == 5 ? 0.125 : 0.25));
    /* The factor belongs to the state: a run that goes on has it. */
    snprintf(dir, sizeof dir, "%s/rates", folder);
    diary half = {.halve = 0.5, .stop_step = 14};
    callback = callback_of(&half);
    o.output = dir;
    o.resume = true;
    assert_int_equal(train(&o, hex, &r), FV_OK);
    assert_int_equal(r.stop, FV_STOP_ASKED);
    assert_int_equal(half.n, 14);
    o.n_callbacks = 0;
    assert_int_equal(train(&o, hex, &r), FV_OK);
    assert_int_equal(r.resumed_step, 14);
    assert_string_equal(hex, whole);
    /* What is no rate is refused. */
    static const double none[] = {-1, 1e31, NAN};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        diary odd = {.odd = none[i]};
        callback = callback_of(&odd);
        fv_fit_options again = FV_FIT_OPTIONS(.epochs = 1, .lr = 0.5, .callbacks = &callback, .n_callbacks = 1);
        assert_int_equal(train(&again, hex, &r), FV_ERR_VALUE);
        assert_int_equal(odd.n, 4);
    }
}

static void stops(void **state)
{
    (void)state;
    char hex[65], whole[65], dir[300];
    fv_fit_result r;
    diary d = {.stop_epoch = 2};
    const fv_callback callback = callback_of(&d);
    fv_fit_options o = FV_FIT_OPTIONS(.epochs = 3, .lr = 0.05);
    assert_int_equal(train(&o, whole, &r), FV_OK);
    snprintf(dir, sizeof dir, "%s/stops", folder);
    o.callbacks = &callback;
    o.n_callbacks = 1;
    o.output = dir;
    assert_int_equal(train(&o, hex, &r), FV_OK);
    /* Not a step of the next epoch. */
    assert_int_equal(r.stop, FV_STOP_ASKED);
    assert_int_equal(r.epochs_run, 2);
    assert_int_equal(d.n, 2 * STEPS);
    o.resume = true;
    o.n_callbacks = 0;
    assert_int_equal(train(&o, hex, &r), FV_OK);
    assert_int_equal(r.resumed_step, 2 * STEPS);
    assert_string_equal(hex, whole);
}

/* ---- steps of an epoch ---- */

static void epochs_of_steps(void **state)
{
    (void)state;
    static const int64_t cut[][2] = {{STEPS, 3}, {6, 5}, {15, 2}, {30, 1}, {1, 30}}; /* 30 steps in all */
    char hex[65], whole[65];
    fv_fit_result r;
    fv_fit_options o = FV_FIT_OPTIONS(.epochs = 3, .lr = 0.05, .schedule = FV_CONSTANT, .augment = "crop pad=2");
    assert_int_equal(train(&o, whole, &r), FV_OK);
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        o.steps_per_epoch = cut[i][0];
        o.epochs = cut[i][1];
        assert_int_equal(train(&o, hex, &r), FV_OK);
        assert_int_equal(r.steps_run, 30);
        assert_int_equal(r.epochs_run, cut[i][1]);
        assert_string_equal(hex, whole);
    }
    /* Stopped behind any step, and between the passes: the same. */
    static const int64_t stop[] = {1, 6, 7, 10, 11, 20, 24, 29};
    for (size_t i = 0; i < FV_TEST_CASES(sizeof stop / sizeof *stop, 3); i++) {
        char dir[300];
        snprintf(dir, sizeof dir, "%s/cut-%zu", folder, i);
        diary d = {.stop_step = stop[i]};
        const fv_callback callback = callback_of(&d);
        fv_fit_options part = FV_FIT_OPTIONS(.epochs = 5, .steps_per_epoch = 6, .lr = 0.05, .schedule = FV_CONSTANT,
                                             .augment = "crop pad=2", .output = dir, .resume = true,
                                             .callbacks = &callback, .n_callbacks = 1);
        assert_int_equal(train(&part, hex, &r), FV_OK);
        assert_int_equal(r.stop, FV_STOP_ASKED);
        part.n_callbacks = 0;
        assert_int_equal(train(&part, hex, &r), FV_OK);
        assert_int_equal(r.resumed_step, stop[i]);
        assert_string_equal(hex, whole);
    }
}

/* ---- plateau ---- */

static void plateau_goes_on(void **state)
{
    (void)state;
    char hex[65], whole[65];
    fv_fit_result r;
    diary all = {.n = 0};
    fv_callback callback = callback_of(&all);
    /* A threshold that nothing but the first epoch passes: the rate decays after epochs 3 and 6. */
    const fv_fit_options run =
        FV_FIT_OPTIONS(.epochs = 7, .lr = 0.02, .steps_per_epoch = 4, .schedule = FV_PLATEAU, .decay_rate = 0.5,
                       .patience_epochs = 1, .plateau_threshold = 0.999, .cooldown_epochs = 1, .monitor = "val_loss",
                       .callbacks = &callback, .n_callbacks = 1);
    assert_int_equal(train(&run, whole, &r), FV_OK);
    assert_int_equal(all.n, 28);
    for (int i = 0; i < all.n; i++)
        assert_true(all.lr[i] == (i < 12 ? 0.02 : i < 24 ? 0.01 : 0.005));
    static const int64_t stop[] = {7, 11, 12, 13, 20, 25};
    for (size_t i = 0; i < FV_TEST_CASES(sizeof stop / sizeof *stop, 3); i++) {
        char dir[300];
        diary d = {.stop_step = stop[i]}, rest = {.n = 0};
        fv_fit_options o = run;
        callback = callback_of(&d);
        snprintf(dir, sizeof dir, "%s/plateau-%zu", folder, i);
        o.output = dir;
        o.resume = true;
        assert_int_equal(train(&o, hex, &r), FV_OK);
        callback = callback_of(&rest);
        assert_int_equal(train(&o, hex, &r), FV_OK);
        assert_int_equal(r.resumed_step, stop[i]);
        assert_int_equal(rest.n, 28 - stop[i]);
        for (int k = 0; k < rest.n; k++)
            assert_true(rest.lr[k] == all.lr[stop[i] + k]);
        assert_string_equal(hex, whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments),         cmocka_unit_test(rates),           cmocka_unit_test(stops),
        cmocka_unit_test(epochs_of_steps), cmocka_unit_test(plateau_goes_on),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
