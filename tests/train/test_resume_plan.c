/* SPDX-License-Identifier: Apache-2.0 */
/* A resumed run is computed by the solvers that its state recorded, whatever the cost model says by then. */
#define DIGITS_TRAIN 110
#define DIGITS_TEST  40
#include "digits_fixture.h"

#include "plan/plan.h"

/* ---- two solvers of dense that differ in their bits; which of them is cheaper is for the test to say ---- */

typedef struct variant {
    int *runs;
    const double *cost;
    float factor; /* of every result: the bits of this variant */
} variant;

static int runs_a, runs_b;
static double cost_a, cost_b;

static double variant_cost(const fv_solver *self, const fv_problem *problem)
{
    (void)problem;
    return *((const variant *)self->arg)->cost;
}

static void variant_run(const fv_plan *plan, const fv_call *call)
{
    const variant *v = plan->solver->arg;
    const int64_t count = fv_shape_count(fv_out_shape(call->node, 0));
    call->node->op->ref(call);
    for (int64_t i = 0; i < count; i++)
        ((float *)call->out[0])[i] *= v->factor;
    /* Batches of the run. The self-test that is saved with a model is of fewer samples and of no run. */
    *v->runs += fv_out_shape(call->node, 0)->dim[0] > 2;
}

static const variant variant_a = {&runs_a, &cost_a, 1.0f}, variant_b = {&runs_b, &cost_b, 1.0f - 0x1p-12f};
static const fv_solver solvers[] = {{.name = "own.a",
                                     .op = "dense",
                                     .version = 1,
                                     .bits = "a",
                                     .arg = &variant_a,
                                     .cost = variant_cost,
                                     .run = variant_run},
                                    {.name = "own.b",
                                     .op = "dense",
                                     .version = 1,
                                     .bits = "b",
                                     .arg = &variant_b,
                                     .cost = variant_cost,
                                     .run = variant_run},
                                    {.name = NULL}};
static const fv_solver *const tables[] = {solvers, NULL};
static const fv_solver_provider provider = {.name = "own", .tables = tables};

static bool on_event(void *user, const fv_fit_event *e)
{
    int *interrupt = user;
    if (e->kind == FV_EVENT_STEP && e->global_step == 3)
        *interrupt = 1;
    return false;
}

/* Trains LeNet while variant a costs `a` and b costs `b`. `stop`: interrupts after three steps. */
static fv_status train(const char *dir, bool stop, double a, double b, char hex[65], double *val_loss)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    fv_dataset *data = NULL, *val = NULL;
    fv_fit_result result = {0};
    int interrupt = 0;
    cost_a = a;
    cost_b = b;
    runs_a = runs_b = 0;
    assert_int_equal(fv_ctx_add_solvers(ctx, &provider), FV_OK);
    assert_int_equal(fv_model_zoo(ctx, "lenet", NULL, &m), FV_OK);
    assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
    fv_dataset_options o = {.split = "train", .val_split = 0.1, .seed = 1};
    assert_int_equal(fv_dataset_open(ctx, data_dir, &o, &data), FV_OK);
    o.split = "val";
    assert_int_equal(fv_dataset_open(ctx, data_dir, &o, &val), FV_OK);
    const fv_fit_options fit =
        FV_FIT_OPTIONS(.epochs = 2, .batch_size = 16, .seed = 9, .lr = 0.01, .validation = val, .monitor = "val_loss",
                       .workers = -1, .output = dir, .resume = dir != NULL, .on_event = on_event, .user = &interrupt,
                       .interrupt = stop ? &interrupt : NULL);
    fv_status status = fv_fit_with(m, data, &fit, &result);
    if (status != FV_OK && !stop)
        fail_msg("%s", fv_ctx_error(ctx));
    fv_model_sha256(m, hex);
    *val_loss = result.best_metric;
    fv_dataset_destroy(&val);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    return status;
}

static void test_recorded_solvers_run(void **state)
{
    (void)state;
    char dir[300], by_a[65], by_b[65], resumed[65], unused[65];
    double loss_a, loss_b, loss_resumed, none;
    assert_int_equal(train(NULL, false, 1.0, 2.0, by_a, &loss_a), FV_OK);
    assert_true(runs_a > 0 && runs_b == 0);
    assert_int_equal(train(NULL, false, 2.0, 1.0, by_b, &loss_b), FV_OK);
    assert_true(runs_b > 0 && runs_a == 0);
    assert_string_not_equal(by_a, by_b);
    assert_true(loss_a != loss_b);
    snprintf(dir, sizeof dir, "%s/run", folder);
    assert_int_equal(train(dir, true, 1.0, 2.0, unused, &none), FV_ERR_INTERRUPTED);
    assert_true(runs_a > 0 && runs_b == 0);
    /* The costs are the other way round by now: the record still holds, for validation too. */
    assert_int_equal(train(dir, false, 2.0, 1.0, resumed, &loss_resumed), FV_OK);
    assert_true(runs_a > 0);
    assert_int_equal(runs_b, 0);
    assert_string_equal(resumed, by_a);
    assert_true(loss_resumed == loss_a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recorded_solvers_run)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
