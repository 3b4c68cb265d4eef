/* SPDX-License-Identifier: Apache-2.0 */
/* The frozen beginning of a network: where it is cut, its bits, and that keeping what it computes changes none. */
#define DIGITS_TRAIN 40
#define DIGITS_TEST  20
#include "digits_fixture.h"

#include <time.h>

#include "model/model.h"
#include "train/freeze.h"
#include "train/trainer.h"

static const char *cut_of(fv_model *m, const char *freeze, const char *output)
{
    const char *cut;
    bool *frozen = calloc((size_t)m->n_slots + 1, sizeof *frozen);
    assert_int_equal(fv_freeze_mark(m, freeze, frozen), FV_OK);
    assert_int_equal(fv_trunk_find(m, frozen, &output, 1, &cut), FV_OK);
    free(frozen);
    return cut;
}

/* What a network computes in two parts has the bits of the whole. */
static void expect_same(fv_model *m, const char *cut)
{
    fv_session *whole, *first, *second;
    fv_shape shape;
    const fv_pipeline *p = fv_model_pipeline(m);
    const int64_t size = p->h * p->w * p->c;
    assert_int_equal(fv_session_create(m, 2, &whole), FV_OK);
    assert_int_equal(fv_session_create_part(m, 1, NULL, cut, NULL, NULL, &first), FV_OK);
    assert_int_equal(fv_session_create_part(m, 2, cut, NULL, NULL, NULL, &second), FV_OK);
    float *x = fv_session_input(whole);
    for (int64_t i = 0; i < 2 * size; i++)
        x[i] = (float)((i * 2654435761u) % 1999) / 999.0f - 1.0f;
    for (int k = 0; k < 2; k++) {
        memcpy(fv_session_input(first), x + k * size, (size_t)size * sizeof *x);
        assert_int_equal(fv_session_run(first), FV_OK);
        const float *row = fv_session_output(first, &shape);
        memcpy(fv_session_input(second) + k * fv_shape_count(&shape), row,
               (size_t)fv_shape_count(&shape) * sizeof *row);
    }
    assert_int_equal(fv_session_run(second), FV_OK);
    assert_int_equal(fv_session_run(whole), FV_OK);
    const float *a = fv_session_output(whole, &shape), *b = fv_session_output(second, NULL);
    if (memcmp(a, b, (size_t)fv_shape_count(&shape) * sizeof *a) != 0)
        fail_msg("%s: other bits behind '%s'", fv_model_name(m), cut);
    fv_session_destroy(&second);
    fv_session_destroy(&first);
    fv_session_destroy(&whole);
}

/* A cut is behind all that is frozen, or where the branches of the last frozen block meet. */
static void test_where(void **state)
{
    static const struct {
        const char *zoo, *freeze, *output;
        int64_t size, channels;
        const char *cut; /* NULL: none; "": any */
    } rows[] = {
        {"lenet", "-1", NULL, 28, 1, ""},
        {"lenet", "-1", "conv1", 28, 1, NULL}, /* somebody wants a value of its beginning */
        {"lenet", "fc3", NULL, 28, 1, NULL},
        {"lenet", "none", NULL, 28, 1, NULL},
        {"resnet8", "-1", NULL, 32, 3, ""},
        {"resnet8", "conv1,bn1,layer1,layer3,fc", NULL, 32, 3, ""},
        {"resnet8", "conv1", NULL, 32, 3, NULL}, /* its batch norm is trained, and folds into it */
        {"resnet8", "conv1,bn1,layer1.0.conv1", NULL, 32, 3, ""},
        {"squeezenet1_1", "-1", NULL, 64, 3, ""},
        {"mobilenet_v2", "features.*", NULL, 32, 3, ""},
        {"shufflenet_v2_x0_5", "-1", NULL, 32, 3, ""},
        {"densenet121", "features.conv0,features.norm0,features.denseblock1", NULL, 32, 3, ""},
    };
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        fv_model *m = digits_net(ctx, rows[k].zoo, rows[k].size, rows[k].channels);
        const char *cut = cut_of(m, rows[k].freeze, rows[k].output);
        print_message("%-20s %-40s %s\n", rows[k].zoo, rows[k].freeze, cut ? cut : "(none)");
        if ((cut == NULL) != (rows[k].cut == NULL))
            fail_msg("%s, --freeze %s: cut at %s", rows[k].zoo, rows[k].freeze, cut ? cut : "(none)");
        if (cut)
            expect_same(m, cut);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* Every number of frozen layers of a network with branches. */
static void test_each_depth(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = digits_net(ctx, "resnet8", 32, 3);
    int cuts = 0;
    for (int n = 1; n <= 14; n++) {
        char freeze[16];
        snprintf(freeze, sizeof freeze, "%d", n);
        const char *cut = cut_of(m, freeze, NULL);
        if (cut)
            expect_same(m, cut);
        cuts += cut != NULL;
    }
    assert_true(cuts >= 6);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* ---- training ---- */

typedef struct fit_case {
    const char *name, *zoo;
    fv_fit_options options;
} fit_case;

#pragma GCC diagnostic push
FV_OVERRIDE_QUIETLY
#define RUN FV_FIT_DEFAULTS.epochs = 3, .lr = 0.02
static const fit_case fits[] = {
    {"all but the last", "lenet", {RUN, .batch_size = 16, .freeze = "-1"}},
    {"pieces", "lenet", {RUN, .batch_size = 16, .freeze = "-2", .grad_accum_steps = 4}},
    {"with batch norm", "resnet8", {RUN, .batch_size = 12, .freeze = "conv1,bn1,layer1,layer2", .epochs = 2}},
    {"augmented", "lenet", {RUN, .batch_size = 10, .freeze = "-1", .augment = "crop pad=2"}},
    {"in phases", "lenet", {RUN, .batch_size = 16, .freeze = "-1", .unfreeze_at = "2:fc*,3:conv2"}},
    {"repeated", "lenet", {RUN, .batch_size = 8, .freeze = "-1", .balance = FV_BALANCE_OVERSAMPLE}},
};
#undef RUN
#pragma GCC diagnostic pop

/* The weights after a run, the losses of its validation, and how many notes it made. */
static void train(const fit_case *x, int threads, int64_t cache, int workers, char hex[65], double *val_loss)
{
    fv_ctx *ctx = fv_test_ctx(threads, NULL, NULL);
    fv_model *m = digits_net(ctx, x->zoo, 28, 1);
    fv_dataset *data = digits_of(ctx, "train"), *val = digits_of(ctx, "test");
    fv_fit_result result;
    fv_fit_options o = x->options;
    o.validation = val;
    o.feature_cache = cache;
    o.workers = workers;
    o.monitor = "val_loss";
    if (fv_fit_with(m, data, &o, &result) != FV_OK)
        fail_msg("%s: %s", x->name, fv_ctx_error(ctx));
    *val_loss = result.best_metric;
    fv_model_sha256(m, hex);
    fv_dataset_destroy(&val);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* None, some or all rows kept, by however many threads: the same weights and the same score. */
static void test_kept_or_not(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof fits / sizeof *fits; k++) {
        static const int64_t caches[] = {0, 20000, 1 << 26};
        char first[65], hex[65];
        double loss, other;
        train(&fits[k], 1, 0, -1, first, &loss);
        for (int i = 0; i < 3; i++) {
            train(&fits[k], 2, caches[i], i, hex, &other);
            if (strcmp(first, hex) != 0 || loss != other)
                fail_msg("%s: other bits with %lld bytes for rows", fits[k].name, (long long)caches[i]);
        }
    }
}

/* ---- what it saves ---- */

/* When epochs end, in seconds of processor time. */
typedef struct clock_log {
    double at[4];
    int count;
} clock_log;

static bool note_time(void *user, const fv_fit_event *e)
{
    clock_log *log = user;
    if (e->kind == FV_EVENT_START || e->kind == FV_EVENT_EPOCH)
        log->at[log->count++] = (double)clock() / CLOCKS_PER_SEC;
    return false;
}

/* The forward pass of a frozen network is paid in the first epoch, and frozen tensors and statistics keep their bits.
 */
static void test_paid_once(void **state)
{
    static const struct {
        const char *zoo, *frozen;
        fv_head_options head;
    } rows[] = {
        {"mobilenet_v2", "features", {.layers = "linear", .classes = 10}},
        {"vgg16", "features", {.layers = "16,relu,drop=0.5", .pool = FV_POOL_FLATTEN, .classes = 10}},
    };
    (void)state;
    for (size_t k = 0; k < (size_t)FV_TEST_CASES(2, 1); k++) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_model *m = NULL, *before = NULL;
        fv_dataset *data = digits_of(ctx, "train");
        clock_log log = {.count = 0};
        const fv_zoo_options options = {.img_size = {32, 32}, .channels = 1, .dropout = -1, .head = &rows[k].head};
        assert_int_equal(fv_model_zoo(ctx, rows[k].zoo, &options, &m), FV_OK);
        assert_int_equal(fv_model_init(m, 3, FV_INIT_DEFAULT), FV_OK);
        assert_int_equal(fv_model_clone(m, &before), FV_OK);
        const fv_fit_options o =
            FV_FIT_OPTIONS(.epochs = 3, .batch_size = 10, .lr = 0.01, .freeze = rows[k].frozen, .workers = -1,
                           .feature_cache = 1 << 24, .on_event = note_time, .user = &log);
        assert_int_equal(fv_fit_with(m, data, &o, NULL), FV_OK);
        assert_int_equal(log.count, 4);
        const double first = log.at[1] - log.at[0], later = (log.at[3] - log.at[1]) / 2;
        print_message("%s: %.3f s of the first epoch, %.3f s of a later one\n", rows[k].zoo, first, later);
        assert_true(first >= 3 * later);
        for (int i = 0; i < m->n_slots; i++) {
            const fv_slot *a = &m->slots[i], *b = &before->slots[i];
            const bool same =
                memcmp(fv_tensor_const_data(a->data), fv_tensor_const_data(b->data), fv_tensor_bytes(a->data)) == 0;
            if (same != (strncmp(a->name, rows[k].frozen, strlen(rows[k].frozen)) == 0))
                fail_msg("%s: %s %s", rows[k].zoo, a->name, same ? "is what it was" : "changed");
        }
        fv_dataset_destroy(&data);
        fv_model_destroy(&before);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
}

/* What the rows take of the context is what they were given, however small they are. */
static void test_bound(void **state)
{
    (void)state;
    for (int64_t limit = 3000; limit <= 3000000; limit *= 10) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_model *m = digits_net(ctx, "lenet", 28, 1);
        fv_dataset *data = digits_of(ctx, "train");
        fv_loader *loader;
        fv_trunk *x;
        fv_rows *kept = NULL;
        char text[FV_TRUNK_TEXT];
        static float images[40 * 28 * 28];
        int64_t samples[40], before, after;
        const float *rows;
        const fv_loader_options options = {.batch_size = 40, .workers = -1};
        assert_int_equal(fv_loader_create(data, fv_model_pipeline(m), &options, &loader), FV_OK);
        assert_int_equal(fv_trunk_create(m, cut_of(m, "-1", NULL), 40, NULL, NULL, &x), FV_OK);
        assert_int_equal(fv_trunk_run(x, images, 40, &rows), FV_OK);
        fv_ctx_memory(ctx, &before, NULL);
        assert_int_equal(fv_trunk_keep(x, limit, loader, &kept, text), FV_OK);
        for (int64_t i = 0; i < 40; i++)
            samples[i] = i;
        assert_int_equal(fv_trunk_rows(x, kept, samples, images, 40, &rows), FV_OK);
        fv_ctx_memory(ctx, &after, NULL);
        assert_in_range(after - before, 0, limit);
        int64_t have = 0;
        for (int64_t i = 0; i < 40 && kept; i++)
            have += kept->row[i] != NULL;
        assert_true(limit < 30000 ? have < 40 : have == 40);
        fv_trunk_destroy(&x);
        fv_loader_destroy(&loader);
        fv_rows_destroy(&kept);
        fv_dataset_destroy(&data);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
}

/* The trainer by itself, which is given images, does the steps of the loop. */
static void test_images_or_rows(void **state)
{
    (void)state;
    char hex[2][65];
    const fv_fit_options o = FV_FIT_OPTIONS(.freeze = "-1", .lr = 0.05);
    for (int i = 0; i < 2; i++) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_model *m = digits_net(ctx, "lenet", 28, 1);
        fv_trainer *t;
        double loss;
        static float images[4 * 28 * 28];
        const int32_t labels[4] = {1, 5, 9, 0};
        for (size_t k = 0; k < sizeof images / sizeof *images; k++)
            images[k] = (float)(k * 48271 % 1009) / 1009.0f;
        assert_int_equal(fv_trainer_create(m, &o, &t), FV_OK);
        assert_non_null(t->trunk);
        assert_int_equal(fv_trainer_begin(t, 4), FV_OK);
        if (i) {
            const float *rows;
            assert_int_equal(fv_trunk_run(t->trunk, images, 4, &rows), FV_OK);
            assert_int_equal(fv_trainer_set(t, t->trunk->cut, rows), FV_OK);
        } else {
            assert_int_equal(fv_trainer_set(t, t->trunk->input, images), FV_OK);
        }
        assert_int_equal(fv_trainer_set(t, "target", labels), FV_OK);
        assert_int_equal(fv_trainer_compute(t, &loss), FV_OK);
        assert_int_equal(fv_trainer_apply(t, 0.05), FV_OK);
        fv_model_sha256(m, hex[i]);
        fv_trainer_destroy(&t);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
    assert_string_equal(hex[0], hex[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where), cmocka_unit_test(test_each_depth), cmocka_unit_test(test_kept_or_not),
        cmocka_unit_test(test_bound), cmocka_unit_test(test_paid_once),  cmocka_unit_test(test_images_or_rows),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
