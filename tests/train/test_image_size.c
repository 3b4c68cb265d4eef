/* SPDX-License-Identifier: Apache-2.0 */
/* --progressive-resize: which sizes when, what is carried over, and that no stop in between changes a bit. */
#include "support/support.h"

#include <fovea/forecast.h>
#include <fovea/fovea.h>

#include "golden.h"
#include "train/phases.h"
#include "train/trainer.h"

#define DIGITS_TRAIN 60
#define DIGITS_TEST  20
#include "digits_fixture.h"

#define SIZES "1:12,2:20x16,4:28"

static void test_sizes_and_phases(void **state)
{
    static const struct {
        const char *freeze, *unfreeze, *sizes, *says; /* EPOCH:ROWSxCOLUMNS of each phase */
    } rows[] = {
        {NULL, NULL, NULL, "1:28x28 "},
        {NULL, NULL, "1:28", "1:28x28 "},
        {NULL, NULL, SIZES, "1:12x12 2:20x16 4:28x28 "},
        {"-1", "3:*", SIZES, "1:12x12 2:20x16 3:20x16 4:28x28 "},
        {"-1", "2:layer3,6:*", "1:14x28,2:28", "1:14x28 2:28x28 6:28x28 "},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "resnet8", 28, 1);
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const fv_fit_options o = FV_FIT_OPTIONS(.freeze = rows[k].freeze, .unfreeze_at = rows[k].unfreeze,
                                                .progressive_resize = rows[k].sizes);
        char text[128] = "";
        int64_t epoch = 0, size[2];
        for (int i = 0; fv_fit_phase(m, &o, i, &epoch) == FV_OK && epoch > 0; i++) {
            if (fv_fit_image_size(m, &o, epoch, size) != FV_OK)
                fail_msg("%s: %s", rows[k].sizes, fv_ctx_error(ctx));
            snprintf(text + strlen(text), sizeof text - strlen(text), "%lld:%lldx%lld ", (long long)epoch,
                     (long long)size[0], (long long)size[1]);
        }
        assert_string_equal(text, rows[k].says);
    }
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* What a run refuses before its first step, a plan before a run, and a trainer of any phase. */
static void test_refused(void **state)
{
    static const struct {
        const char *zoo, *sizes;
        int64_t epochs;
        fv_status status;
        const char *says;
    } rows[] = {
        {"resnet8", "", 9, FV_ERR_VALUE, "item 1 is '': expected EPOCH:SIZE"},
        {"resnet8", "12", 9, FV_ERR_VALUE, "item 1 is '12': expected EPOCH:SIZE"},
        {"resnet8", "2:12,3:28", 9, FV_ERR_VALUE, "item 1 is '2:12': the first size is that of epoch 1"},
        {"resnet8", "x:12,3:28", 9, FV_ERR_VALUE, "item 1 is 'x:12': the first size is that of epoch 1"},
        {"resnet8", "1:,3:28", 9, FV_ERR_VALUE, "item 1 is '1:': expected a size behind the colon"},
        {"resnet8", "1:12x,3:28", 9, FV_ERR_VALUE, "item 1 is '1:12x': expected a size behind the colon"},
        {"resnet8", "1:0,3:28", 9, FV_ERR_VALUE, "item 1 is '1:0': expected a size behind the colon"},
        {"resnet8", "1:12,1:28", 9, FV_ERR_VALUE, "item 2 is '1:28': expected an epoch behind that"},
        {"resnet8", "1:12,4:20,3:28", 9, FV_ERR_VALUE, "item 3 is '3:28': expected an epoch behind that"},
        {"resnet8", "1:20,2:12,3:28", 9, FV_ERR_VALUE, "item 2 is '2:12': expected a size above that"},
        {"resnet8", "1:12x20,2:20x16,3:28", 9, FV_ERR_VALUE, "item 2 is '2:20x16': expected a size above that"},
        {"resnet8", "1:28,3:28", 9, FV_ERR_VALUE, "item 2 is '3:28': expected a size above that"},
        {"resnet8", "1:12,3:28,", 9, FV_ERR_VALUE, "item 3 is '': expected EPOCH:SIZE"},
        {"resnet8", "1:12,3:20", 9, FV_ERR_VALUE, "ends with images of 20 x 20, but model 'resnet8' is for 28 x 28"},
        {"resnet8", "1:12,3:32", 9, FV_ERR_VALUE, "ends with images of 32 x 32, but model 'resnet8' is for 28 x 28"},
        {"resnet8", "1:12,10:28", 9, FV_ERR_CONFLICT, "the run has --epochs 9, and would end before it"},
        {"lenet", "1:20,3:28", 9, FV_ERR_CONFLICT,
         "--progressive-resize: model 'lenet' cannot take images of 20 x 20 with the weights that it has for 28 x 28: "
         "dense 'fc1'"},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_dataset *data = digits_of(ctx, "train");
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        fv_model *m = digits_net(ctx, rows[k].zoo, 28, 1);
        const fv_fit_options o =
            FV_FIT_OPTIONS(.epochs = rows[k].epochs, .progressive_resize = rows[k].sizes, .batch_size = 16);
        fv_memory memory;
        int64_t size[2];
        for (int way = 0; way < 3; way++) {
            fv_fail_clear(ctx);
            const fv_status status = way == 0   ? fv_fit_with(m, data, &o, NULL)
                                     : way == 1 ? fv_fit_memory(m, data, &o, &memory)
                                                : fv_fit_image_size(m, &o, 1, size);
            if (status != rows[k].status || !strstr(fv_ctx_error(ctx), rows[k].says))
                fail_msg("%s: %d %s", rows[k].sizes, status, fv_ctx_error(ctx));
            assert_true(strlen(fv_ctx_hint(ctx)) > 0);
        }
        fv_model_destroy(&m);
    }
    fv_dataset_destroy(&data);
    fv_ctx_destroy(&ctx);
}

/* ---- what a phase begins with ---- */

static void step(fv_ctx *ctx, fv_trainer *t, int i, int64_t h, int64_t w)
{
    enum { N = 8 };
    static float images[N * 28 * 28];
    int32_t labels[N];
    double loss;
    golden_batch(i, N, h, w, 1, images, labels);
    if (fv_trainer_gradient(t, images, labels, N, &loss) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    const fv_shape *in = &fv_program_port_at(t->current->program, FV_PORT_INPUT, 0)->val->shape;
    assert_true(in->dim[0] == N && in->dim[1] == h && in->dim[2] == w);
    assert_int_equal(fv_trainer_apply(t, 1e-3), FV_OK);
}

/* Weights, statistics, and what the optimizer and the average remember, of all tensors one behind another. */
static size_t everything(fv_trainer *t, float *to)
{
    size_t n = 0;
    fv_model_sync(t->model);
    fv_trainer_sync(t);
    for (int i = 0; i < t->model->n_slots; i++) {
        const fv_slot *slot = &t->model->slots[i];
        const size_t count = (size_t)fv_tensor_count(slot->data);
        memcpy(to + n, fv_tensor_const_data(slot->data), fv_tensor_bytes(slot->data));
        memcpy(to + n + count, fv_trainer_average_of(t, slot->name, NULL), fv_tensor_bytes(slot->data));
        n += 2 * count;
    }
    for (int i = 0; i < t->n_params; i++)
        for (int s = 0; s < t->slots; s++) {
            memcpy(to + n, t->params[i].slot[s], fv_tensor_bytes(t->params[i].tensor));
            n += (size_t)fv_tensor_count(t->params[i].tensor);
        }
    return n;
}

static void test_carried_over(void **state)
{
    enum { ROOM = 600000 };
    static float before[ROOM], after[ROOM];
    const fv_fit_options o =
        FV_FIT_OPTIONS(.progressive_resize = SIZES, .optimizer = FV_ADAM, .lookahead = 2, .model_ema = true);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "resnet8", 28, 1);
    fv_trainer *t = NULL;
    (void)state;
    assert_int_equal(fv_trainer_create(m, &o, &t), FV_OK);
    step(ctx, t, 0, 12, 12);
    step(ctx, t, 1, 12, 12);
    const size_t n = everything(t, before);
    assert_true(n > 200000 && n <= ROOM);
    assert_int_equal(fv_trainer_enter_epoch(&t, 1), FV_OK);
    if (fv_trainer_enter_epoch(&t, 2) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(everything(t, after), n);
    assert_memory_equal(before, after, n * sizeof *before);
    assert_int_equal(t->step, 2);
    for (int i = 0; i < t->n_params; i++)
        assert_int_equal(t->params[i].since, 0);
    step(ctx, t, 2, 20, 16);
    assert_int_equal(fv_trainer_enter_epoch(&t, 9), FV_OK);
    step(ctx, t, 3, 28, 28);
    fv_trainer_destroy(&t);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* ---- runs ---- */

typedef struct fit_case {
    const char *name;
    fv_fit_options options;
} fit_case;

#pragma GCC diagnostic push
FV_OVERRIDE_QUIETLY
#define RUN FV_FIT_DEFAULTS.epochs = 4, .lr = 0.02, .batch_size = 16, .progressive_resize = SIZES
static const fit_case fits[] = {
    {"adam, an average", {RUN, .optimizer = FV_ADAM, .lr = 1e-3, .model_ema = true, .restore_best = true}},
    {"more learns too", {RUN, .freeze = "-1", .unfreeze_at = "3:*", .augment = "rrc; hflip; mixup alpha=0.4"}},
};
#undef RUN
#pragma GCC diagnostic pop

static char seen[256]; /* sizes of images, one an epoch and part of the run */
static double val_loss;

static bool watch(void *user, const fv_fit_event *e)
{
    (void)user;
    if (e->kind == FV_EVENT_EPOCH)
        val_loss = e->val_loss;
    if (e->kind == FV_EVENT_STEP && e->step == 1) {
        const fv_shape *in = &fv_program_port_at(e->trainer->current->program, FV_PORT_INPUT, 0)->val->shape;
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%lldx%lld ", (long long)in->dim[1],
                 (long long)in->dim[2]);
    }
    return false;
}

/* Steps that a run may take before it stops; 0: as many as it wants. Afterwards it is resumed with the next number. */
static void run_in_parts(const fit_case *x, const char *name, const int64_t *stops, int threads, char hex[65])
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    seen[0] = '\0';
    for (int part = 0; part == 0 || stops[part - 1] != 0; part++) {
        fv_ctx *ctx = fv_test_ctx(threads, NULL, NULL);
        fv_model *m = digits_net(ctx, "resnet8", 28, 1);
        fv_dataset *data = digits_of(ctx, "train"), *val = digits_of(ctx, "test");
        fv_fit_options o = x->options;
        fv_metrics metrics;
        o.validation = val;
        o.output = path;
        o.resume = true;
        o.max_steps = stops[part];
        o.recovery_interval = 3;
        o.on_event = watch;
        if (fv_fit_with(m, data, &o, NULL) != FV_OK)
            fail_msg("%s: %s", x->name, fv_ctx_error(ctx));
        fv_model_sha256(m, hex);
        if (!o.restore_best) { /* validation has the network's own size, whatever size training has */
            assert_int_equal(fv_evaluate(m, val, 16, 1, &metrics), FV_OK);
            assert_true(metrics.loss == val_loss);
        }
        fv_dataset_destroy(&val);
        fv_dataset_destroy(&data);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
}

/* Stops before, at and behind the epochs at which images grow, and at a phase's very end; other threads. */
static void test_stops(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof fits / sizeof *fits; k++) {
        static const int64_t straight[] = {0};
        static const struct {
            int threads;
            int64_t stops[6];
        } parts[] = {{2, {2, 4, 6, 9, 0}}, {4, {5, 8, 13, 0}}};
        char first[65], hex[65], name[32];
        snprintf(name, sizeof name, "s%d", (int)k);
        run_in_parts(&fits[k], name, straight, 1, first);
        assert_string_equal(seen, "12x12 20x16 20x16 28x28 ");
        for (size_t i = 0; i < FV_TEST_CASES(sizeof parts / sizeof *parts, 1); i++) {
            snprintf(name, sizeof name, "p%d_%d", (int)k, (int)i);
            run_in_parts(&fits[k], name, parts[i].stops, parts[i].threads, hex);
            if (strcmp(first, hex) != 0)
                fail_msg("%s: stopped at %lld: other bits", fits[k].name, (long long)parts[i].stops[0]);
        }
    }
}

/* Sizes are part of a run: another list does not go on from its state. */
static void test_other_sizes(void **state)
{
    char path[512];
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_dataset *data = digits_of(ctx, "train");
    fv_fit_options o = FV_FIT_OPTIONS(.epochs = 4, .lr = 0.02, .batch_size = 16, .progressive_resize = SIZES,
                                      .resume = true, .max_steps = 6);
    (void)state;
    snprintf(path, sizeof path, "%s/other", folder);
    o.output = path;
    static const char *const others[] = {SIZES, "1:12,2:20x16,3:28", NULL};
    for (size_t i = 0; i < 3; i++) {
        fv_model *m = digits_net(ctx, "resnet8", 28, 1);
        o.progressive_resize = others[i];
        const fv_status status = fv_fit_with(m, data, &o, NULL);
        assert_int_equal(status, i == 0 ? FV_OK : FV_ERR_CONFLICT);
        assert_true(i == 0 || strstr(fv_ctx_error(ctx), "--progressive-resize was '" SIZES "'"));
        fv_model_destroy(&m);
    }
    fv_dataset_destroy(&data);
    fv_ctx_destroy(&ctx);
}

/* The plan is that of the largest images, and a forecast has timed every size. */
static void test_plans(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "resnet8", 28, 1);
    fv_dataset *data = digits_of(ctx, "train");
    fv_memory plain, sized;
    fv_forecast f;
    fv_fit_options o = FV_FIT_OPTIONS(.batch_size = 16, .epochs = 5);
    (void)state;
    assert_int_equal(fv_fit_memory(m, data, &o, &plain), FV_OK);
    o.progressive_resize = SIZES;
    assert_int_equal(fv_fit_memory(m, data, &o, &sized), FV_OK);
    assert_true(sized.activations == plain.activations && sized.loader == plain.loader);
    assert_true(sized.total >= plain.total && sized.total < plain.total + plain.total / 20);
    const fv_forecast_options p = {.seconds = 0.3};
    if (fv_fit_forecast(m, data, &o, &p, &f) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(f.epochs, 5);
    assert_true(f.timed >= 3 * 2 && f.total > f.open + f.first_epoch);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_and_phases), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_carried_over),     cmocka_unit_test(test_stops),
        cmocka_unit_test(test_other_sizes),      cmocka_unit_test(test_plans),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
