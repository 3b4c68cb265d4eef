/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of a run's memory against what the run takes from its context. */
#define DIGITS_TRAIN 210
#define DIGITS_TEST  50
#include "digits_fixture.h"

/* What is planned follows from the layers alike; a small network shows it where the larger one takes minutes. */
#define NET  FV_TEST_CASES("resnet8", "lenet")
#define DEEP FV_TEST_CASES("squeezenet1_1", "resnet8")
#define WIDE FV_TEST_CASES("mnist_cnn", "lenet")

typedef struct memory_case {
    const char *name, *zoo;
    bool validation, output;
    fv_fit_options options;
} memory_case;

#pragma GCC diagnostic push
FV_OVERRIDE_QUIETLY
#define RUN FV_FIT_DEFAULTS.epochs = 2, .lr = 0.01
static const memory_case cases[] = {
    {"plain", NET, false, false, {RUN, .batch_size = 32}},
    {"files", NET, false, true, {RUN, .batch_size = 32}},
    {"validation", WIDE, true, true, {RUN, .batch_size = 16, .optimizer = FV_ADAM}},
    {"a last batch of one", WIDE, true, true, {RUN, .batch_size = 11, .momentum = 0}},
    {"fewer samples than a batch", NET, true, true, {RUN, .batch_size = 256}},
    {"pieces", NET, true, true, {RUN, .batch_size = 64, .grad_accum_steps = 4, .freeze_norm = true}},
    {"average", WIDE, true, true, {RUN, .batch_size = 32, .model_ema = true}},
    {"best", WIDE, true, true, {RUN, .batch_size = 32, .restore_best = true}},
    {"repeated samples", "lenet", false, true, {RUN, .batch_size = 60, .balance = FV_BALANCE_OVERSAMPLE}},
    {"a frozen beginning", NET, true, true, {RUN, .batch_size = 32, .freeze = "-1"}},
    {"in phases", NET, true, true, {RUN, .batch_size = 32, .freeze = "-1", .unfreeze_at = "2:*"}},
    {"in phases, by adam",
     WIDE,
     true,
     true,
     {RUN, .batch_size = 16, .freeze = "-1", .unfreeze_at = "2:*", .optimizer = FV_ADAM, .model_ema = true}},
    {"images that grow", "resnet8", true, true, {RUN, .batch_size = 32, .progressive_resize = "1:16,2:32"}},
    {"muon", NET, true, true, {RUN, .batch_size = 8, .optimizer = FV_MUON}},
    {"a teacher", "lenet", true, true, {RUN, .batch_size = 32}},
    {"a teacher's layers",
     "lenet",
     false,
     true,
     {RUN, .batch_size = 32, .hint = "conv1=conv1", .attention = "conv1=conv1"}},
    {"several networks in one", DEEP, false, true, {RUN, .batch_size = 8, .epochs = 1}},
};
#undef RUN
#pragma GCC diagnostic pop

/* Runs that have a teacher. */
static const struct {
    const char *run, *zoo;
} taught[] = {{"a teacher", "mnist_cnn"}, {"a teacher's layers", "lenet"}};

static const char *teacher_of(const memory_case *x)
{
    for (size_t i = 0; i < sizeof taught / sizeof *taught; i++)
        if (strcmp(taught[i].run, x->name) == 0)
            return taught[i].zoo;
    return NULL;
}

static fv_model *make_model(fv_ctx *ctx, const char *zoo)
{
    fv_model *m = NULL;
    fv_zoo_options options = {.classes = 10, .channels = 1, .dropout = -1};
    if (strcmp(zoo, "squeezenet1_1") == 0)
        options.img_size[0] = options.img_size[1] = 64;
    if (fv_model_zoo(ctx, zoo, &options, &m) != FV_OK || fv_model_init(m, 1, FV_INIT_DEFAULT) != FV_OK)
        fail_msg("%s: %s", zoo, fv_ctx_error(ctx));
    return m;
}

static fv_dataset *open_split(fv_ctx *ctx, const char *split)
{
    fv_dataset *d = NULL;
    if (fv_dataset_open(ctx, data_dir, &(fv_dataset_options){.split = split}, &d) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return d;
}

/* What a context must give out: the plan without what is the process's own. */
static int64_t counted(const fv_memory *m)
{
    return m->total - m->code;
}

/* With `limit`, the run has no more than that. Returns what was planned; *peak what the run had. */
static fv_memory run_once(const memory_case *x, int threads, int64_t limit, int64_t *peak)
{
    char out[300];
    fv_ctx *ctx = NULL;
    fv_memory plan;
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.threads = threads, .memory = limit}, &ctx), FV_OK);
    fv_model *m = make_model(ctx, x->zoo);
    fv_dataset *train = open_split(ctx, "train"), *val = x->validation ? open_split(ctx, "test") : NULL;
    fv_fit_options o = x->options;
    const char *zoo = teacher_of(x);
    const fv_teacher teacher = {.model = zoo ? make_model(ctx, zoo) : NULL, .weight = 1};
    o.teachers = &teacher;
    o.n_teachers = zoo != NULL;
    snprintf(out, sizeof out, "%s/run", folder);
    o.output = x->output ? out : NULL;
    o.validation = val;
    if (fv_fit_memory(m, train, &o, &plan) != FV_OK || fv_fit_with(m, train, &o, NULL) != FV_OK)
        fail_msg("%s: %s", x->name, fv_ctx_error(ctx));
    fv_ctx_memory(ctx, NULL, peak);
    fv_dataset_destroy(&val);
    fv_dataset_destroy(&train);
    fv_model *asked = teacher.model;
    fv_model_destroy(&asked);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    if (x->output)
        fv_test_dir_remove(out);
    return plan;
}

/* And a context that has just what was planned lets the run end. */
static void test_runs_as_planned(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int threads = 1 + (int)(i % 2);
        int64_t peak = 0, again = 0;
        const fv_memory plan = run_once(&cases[i], threads, 0, &peak);
        const double planned = (double)counted(&plan), used = (double)peak;
        print_message("%-28s %d threads: planned %6.2f MB, used %6.2f MB\n", cases[i].name, threads, planned / 1e6,
                      used / 1e6);
        if (used > planned || planned - used > 0.05 * used + 1e6)
            fail_msg("%s: %.2f MB planned, %.2f MB used", cases[i].name, planned / 1e6, used / 1e6);
        run_once(&cases[i], threads, counted(&plan), &again);
    }
}

static void test_parts(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = make_model(ctx, NET);
    const fv_fit_options one = FV_FIT_OPTIONS(.batch_size = 1), eight = FV_FIT_OPTIONS(.batch_size = 8),
                         by_adam = FV_FIT_OPTIONS(.batch_size = 8, .optimizer = FV_ADAM);
    fv_memory small, large, adam, scored;
    int64_t bytes, sum = 0;
    (void)state;
    assert_int_equal(fv_fit_memory(m, NULL, &one, &small), FV_OK);
    assert_int_equal(fv_fit_memory(m, NULL, &eight, &large), FV_OK);
    assert_int_equal(fv_fit_memory(m, NULL, &by_adam, &adam), FV_OK);
    assert_int_equal(fv_evaluate_memory(m, NULL, 8, 0, &scored), FV_OK);
    for (int i = 0; fv_memory_part(&large, i, &bytes); i++)
        sum += bytes;
    assert_int_equal(sum, large.total);
    assert_null(fv_memory_part(&large, -1, &bytes));
    assert_int_equal(large.weights, small.weights);
    assert_true(large.weights >= fv_model_parameters(m) * 4 && large.gradients >= fv_model_parameters(m) * 4);
    assert_true(large.activations > 7 * small.activations);
    assert_int_equal(adam.optimizer - large.optimizer, fv_model_parameters(m) * 4);
    assert_true(scored.total < large.total && scored.gradients == 0 && scored.optimizer == 0);
    fv_model_destroy(&m);
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    assert_int_equal(fv_fit_memory(m, NULL, &one, &small), FV_ERR_ARGUMENT);
    assert_int_equal(fv_evaluate_memory(m, NULL, 8, 0, &scored), FV_ERR_ARGUMENT);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_runs_as_planned), cmocka_unit_test(test_parts)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
