/* SPDX-License-Identifier: Apache-2.0 */
/* --unfreeze-at: when what begins to learn, how it begins, and that no stop in between changes a bit. */
#include "support/support.h"

#include <fovea/fovea.h>

#include "base/file.h"
#include "golden.h"
#include "train/phases.h"
#include "train/trainer.h"

#define DIGITS_TRAIN 60
#define DIGITS_TEST  20
#include "digits_fixture.h"

/* Letters of layers that are frozen: c C 1 2 3 of lenet's conv1, conv2, fc1, fc2, fc3. */
static void frozen_text(const fv_model *m, const bool *frozen, char text[8])
{
    static const char *const names[] = {"conv1", "conv2", "fc1", "fc2", "fc3"};
    size_t n = 0;
    for (int k = 0; k < 5; k++)
        for (int i = 0; i < m->n_slots; i++)
            if (frozen[i] && strncmp(m->slots[i].name, names[k], strlen(names[k])) == 0) {
                text[n++] = "cC123"[k];
                break;
            }
    text[n] = '\0';
}

static void test_what_and_when(void **state)
{
    static const struct {
        const char *freeze, *at, *sets; /* the frozen layers of each phase; epochs that they begin with */
        int64_t epochs[4];
    } rows[] = {
        {"-1", NULL, "cC12", {1}},
        {"-1", "3:*", "cC12/", {1, 3}},
        {"-1", "2:fc*,5:conv2", "cC12/cC/c", {1, 2, 5}},
        {"-1", "5:conv2,2:fc2,2:fc1", "cC12/cC/c", {1, 2, 5}},
        {"3", "4:1", "cC1/c", {1, 4}},
        {"-1", "2:-3,3:0", "cC12/cC/", {1, 2, 3}},
        {"conv*", "7:conv[2]", "cC/c", {1, 7}},
        {"fc1,conv1", "9:fc1.weight,9:fc1.bias", "c1/c", {1, 9}},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "lenet", 28, 1);
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const fv_fit_options o = FV_FIT_OPTIONS(.freeze = rows[k].freeze, .unfreeze_at = rows[k].at);
        char sets[64] = "", one[8];
        fv_phases p;
        assert_int_equal(fv_phases_read(ctx, &o, &p), FV_OK);
        for (int i = 0; i < p.count; i++) {
            bool frozen[64] = {false};
            int64_t epoch = -1;
            if (fv_phase_mark(m, &o, i, frozen) != FV_OK)
                fail_msg("%s %s: %s", rows[k].freeze, rows[k].at, fv_ctx_error(ctx));
            frozen_text(m, frozen, one);
            snprintf(sets + strlen(sets), sizeof sets - strlen(sets), "%s%s", i ? "/" : "", one);
            assert_int_equal(fv_fit_phase(m, &o, i, &epoch), FV_OK);
            assert_int_equal(epoch, rows[k].epochs[i]);
            assert_int_equal(fv_phases_at(&p, epoch - 1), i);
            assert_int_equal(fv_phases_at(&p, epoch - 2), i > 0 ? i - 1 : 0);
        }
        assert_string_equal(sets, rows[k].sets);
    }
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

static void test_refused(void **state)
{
    static const struct {
        const char *freeze, *at, *says;
    } rows[] = {
        {"-1", "", "item 1 is '': expected EPOCH:NAMES"},
        {"-1", "3", "item 1 is '3': expected EPOCH:NAMES"},
        {"-1", ":fc1", "item 1 is ':fc1': expected EPOCH:NAMES"},
        {"-1", "3:", "item 1 is '3:': expected a name, or a number of layers, behind the colon"},
        {"-1", "1:fc1", "item 1 is '1:fc1': expected an epoch from 2 on"},
        {"-1", "2:fc1,x:fc2", "item 2 is 'x:fc2': expected an epoch from 2 on"},
        {"-1", "2:fc1,", "item 2 is '': expected EPOCH:NAMES"},
        {"-1", "2.5:fc1", "item 1 is '2.5:fc1': expected an epoch"},
        {"-1", "2:fc9", "--unfreeze-at: no tensor of model 'lenet' is called 'fc9'"},
        {"-1", "2:fc3", "item 1 is '2:fc3': nothing that it names is frozen until then"},
        {"-1", "2:fc*,3:fc1", "item 2 is '3:fc1': nothing that it names is frozen until then"},
        {"-1", "2:5", "--unfreeze-at 5: model 'lenet' has 5 layers with tensors: expected 0 to 4, or -1 to -5"},
        {"-1", "2:4", "item 1 is '2:4': nothing that it names is frozen until then"},
        {NULL, "2:fc1", "--unfreeze-at has no effect here: nothing is frozen"},
        {"none", "2:fc1", "--unfreeze-at has no effect here: nothing is frozen"},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "lenet", 28, 1);
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const fv_fit_options o = FV_FIT_OPTIONS(.freeze = rows[k].freeze, .unfreeze_at = rows[k].at);
        bool frozen[64] = {false};
        assert_int_not_equal(fv_phase_mark(m, &o, FV_PHASES_MAX, frozen), FV_OK);
        if (!strstr(fv_ctx_error(ctx), rows[k].says))
            fail_msg("--unfreeze-at %s: %s", rows[k].at, fv_ctx_error(ctx));
    }
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* ---- the step that something begins with ---- */

enum { N = 8 };

static void steps(fv_ctx *ctx, fv_trainer *t, int from, int to)
{
    static float images[N * 28 * 28];
    int32_t labels[N];
    double loss;
    for (int i = from; i < to; i++) {
        golden_batch(i, N, 28, 28, 1, images, labels);
        if (fv_trainer_gradient(t, images, labels, N, &loss) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_int_equal(fv_trainer_apply(t, 0.01), FV_OK);
    }
}

static void expect_same(fv_model *a, fv_model *b, const char *tensor)
{
    fv_model_sync(a);
    fv_model_sync(b);
    const fv_slot *x = fv_model_slot(a, tensor), *y = fv_model_slot(b, tensor);
    if (memcmp(fv_tensor_const_data(x->data), fv_tensor_const_data(y->data), fv_tensor_bytes(x->data)) != 0)
        fail_msg("%s differs", tensor);
}

/* After three steps of the last layer all learn: it goes on as if nothing had happened, and the others take the step
 * that a run would take that begins there. */
static void test_first_step(void **state)
{
    (void)state;
    for (int kind = 0; kind < FV_OPTIMIZER_COUNT; kind++) {
        fv_fit_options o =
            FV_FIT_OPTIONS(.freeze = "-1", .unfreeze_at = "2:*", .optimizer = kind, .lr_mult = "conv*=0.5");
        fv_fit_options never = o, always = o;
        never.unfreeze_at = NULL;
        always.freeze = always.unfreeze_at = NULL;
        o.model_ema = true;
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_model *a = digits_net(ctx, "lenet", 28, 1), *b = digits_net(ctx, "lenet", 28, 1), *c = NULL;
        fv_trainer *changed = NULL, *frozen = NULL, *fresh = NULL;
        assert_int_equal(fv_trainer_create(a, &o, &changed), FV_OK);
        assert_int_equal(fv_trainer_create(b, &never, &frozen), FV_OK);
        steps(ctx, changed, 0, 3);
        steps(ctx, frozen, 0, 3);
        assert_int_equal(fv_trainer_enter_epoch(&changed, 1), FV_OK);
        assert_non_null(changed->trunk);
        assert_int_equal(fv_model_clone(b, &c), FV_OK);
        assert_int_equal(fv_trainer_create(c, &always, &fresh), FV_OK);
        if (fv_trainer_enter_epoch(&changed, 2) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_null(changed->trunk);
        steps(ctx, changed, 3, 4);
        steps(ctx, frozen, 3, 4);
        steps(ctx, fresh, 3, 4);
        expect_same(a, b, "fc3.weight");
        expect_same(a, b, "fc3.bias");
        static const char *const others[] = {"conv1.weight", "conv1.bias", "conv2.weight", "fc1.bias", "fc2.weight"};
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            expect_same(a, c, others[i]);
        assert_non_null(fv_trainer_average_of(changed, "fc3.weight", NULL));
        assert_int_equal(fv_trainer_enter_epoch(&changed, 1), FV_ERR_ARGUMENT);
        assert_non_null(changed);
        fv_trainer_destroy(&changed);
        fv_trainer_destroy(&frozen);
        fv_trainer_destroy(&fresh);
        fv_model_destroy(&a);
        fv_model_destroy(&b);
        fv_model_destroy(&c);
        fv_ctx_destroy(&ctx);
    }
}

/* A trainer with losses of the caller's own keeps them. */
static void test_own_losses(void **state)
{
    char loss[] = "softmax_cross_entropy", target[] = "label", name[] = "mine";
    const fv_fit_options o = FV_FIT_OPTIONS(.freeze = "-1", .unfreeze_at = "2:fc2");
    const fv_loss_spec spec = {.loss = loss, .target = target, .name = name, .weight = 2};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "lenet", 28, 1);
    fv_trainer *t;
    (void)state;
    assert_int_equal(fv_trainer_create_with(m, &o, &spec, 1, &t), FV_OK);
    loss[0] = target[0] = name[0] = '?'; /* the caller's texts are gone */
    assert_int_equal(fv_trainer_enter_epoch(&t, 2), FV_OK);
    assert_string_equal(t->losses[0].target, "label");
    assert_string_equal(t->losses[0].name, "mine");
    assert_true(t->losses[0].weight == 2);
    fv_trainer_destroy(&t);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* ---- runs ---- */

typedef struct fit_case {
    const char *name, *zoo;
    fv_fit_options options;
} fit_case;

#pragma GCC diagnostic push
FV_OVERRIDE_QUIETLY
#define RUN FV_FIT_DEFAULTS.epochs = 4, .lr = 0.02, .batch_size = 16
static const fit_case fits[] = {
    {"adam", "lenet", {RUN, .freeze = "-1", .unfreeze_at = "2:fc*,4:*", .optimizer = FV_ADAM, .lr = 1e-3}},
    {"batch norm", "resnet8", {RUN, .freeze = "-1", .unfreeze_at = "3:layer3,4:0", .epochs = 4, .batch_size = 30}},
    {"pieces, an average, the best",
     "lenet",
     {RUN, .freeze = "conv*", .unfreeze_at = "3:*", .grad_accum_steps = 2, .model_ema = true, .restore_best = true}},
};
#undef RUN
#pragma GCC diagnostic pop

static int notes;

static bool count_notes(void *user, const fv_fit_event *e)
{
    (void)user;
    notes += e->kind == FV_EVENT_NOTE && strstr(e->text, "--unfreeze-at") != NULL;
    return false;
}

/* Steps that a run may take before it stops; 0: as many as it wants. Afterwards it is resumed with the next number. */
static void run_in_parts(const fit_case *x, const char *name, const int64_t *stops, int threads, int64_t cache,
                         char hex[65], char averages[65])
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (int part = 0; part == 0 || stops[part - 1] != 0; part++) {
        fv_ctx *ctx = fv_test_ctx(threads, NULL, NULL);
        fv_model *m = digits_net(ctx, x->zoo, 28, 1);
        fv_dataset *data = digits_of(ctx, "train"), *val = digits_of(ctx, "test");
        fv_fit_options o = x->options;
        o.validation = val;
        o.output = path;
        o.resume = true;
        o.max_steps = stops[part];
        o.feature_cache = cache;
        o.recovery_interval = 3;
        o.on_event = count_notes;
        if (fv_fit_with(m, data, &o, NULL) != FV_OK)
            fail_msg("%s: %s", x->name, fv_ctx_error(ctx));
        fv_model_sha256(m, hex);
        averages[0] = '\0';
        if (o.model_ema && stops[part] == 0) {
            fv_model *ema = NULL;
            char file[600];
            snprintf(file, sizeof file, "%s/weights/ema.safetensors", path);
            assert_int_equal(fv_model_load(ctx, file, &ema), FV_OK);
            fv_model_sha256(ema, averages);
            fv_model_destroy(&ema);
        }
        if (stops[part] == 0) { /* what normalizations have seen */
            for (int i = 0; i < m->n_counters; i++) {
                const bool late = strncmp(m->counters[i].name, "layer3", 6) == 0;
                assert_int_equal(m->counters[i].value, late ? 4 : 2);
            }
        }
        fv_dataset_destroy(&val);
        fv_dataset_destroy(&data);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
}

/* Stops before, at and behind the epochs at which more begins to learn; other threads; rows kept or not. */
static void test_stops(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof fits / sizeof *fits; k++) {
        static const int64_t straight[] = {0};
        static const int64_t parts[][6] = {{1, 0}, {4, 0}, {5, 8, 0}, {2, 4, 6, 7, 9, 0}, {13, 0}, {15, 0}};
        char first[65], ema[65], hex[65], other[65], name[32];
        notes = 0;
        snprintf(name, sizeof name, "s%d", (int)k);
        run_in_parts(&fits[k], name, straight, 1, 0, first, ema);
        assert_int_equal(notes, k == 2 ? 1 : 2);
        for (size_t i = k == 1 ? 3 : 0; i < (k == 1 ? 4 : sizeof parts / sizeof *parts); i++) {
            snprintf(name, sizeof name, "p%d_%d", (int)k, (int)i);
            run_in_parts(&fits[k], name, parts[i], 2, i % 2 ? 1 << 24 : 0, hex, other);
            if (strcmp(first, hex) != 0 || strcmp(ema, other) != 0)
                fail_msg("%s: stopped at %lld: other bits", fits[k].name, (long long)parts[i][0]);
        }
    }
}

/* The plan is that of the phase that has most, and holds. */
static void test_memory(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "lenet", 28, 1);
    fv_dataset *data = digits_of(ctx, "train");
    fv_memory whole, part, both;
    fv_fit_options o = FV_FIT_OPTIONS(.batch_size = 16, .freeze = "-1");
    (void)state;
    assert_int_equal(fv_fit_memory(m, data, &o, &part), FV_OK);
    o.unfreeze_at = "3:*";
    assert_int_equal(fv_fit_memory(m, data, &o, &both), FV_OK);
    o.freeze = o.unfreeze_at = NULL;
    assert_int_equal(fv_fit_memory(m, data, &o, &whole), FV_OK);
    assert_true(both.total == whole.total && both.optimizer == whole.optimizer && part.total < whole.total);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_and_when), cmocka_unit_test(test_refused), cmocka_unit_test(test_first_step),
        cmocka_unit_test(test_own_losses),    cmocka_unit_test(test_stops),   cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
