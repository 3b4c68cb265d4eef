/* SPDX-License-Identifier: Apache-2.0 */
/* What a choice may depend on: classes of bits on one sample alone, the rest on the policy. And plans within plans. */
#include "support/support.h"

#include "backend/device.h"
#include "base/file.h"
#include "ops/ops.h"
#include "plan/plan.h"

#define PROBLEM "conv2d f32 n%dh8w8c16 k16r3s3c16:const pad=1"

/* ---- solvers of the test's own ---- */

typedef struct own {
    double fixed, per_sample; /* nanoseconds that it claims */
    int64_t refuses;          /* batches from this size on; 0: none */
    size_t workspace;
    double spends; /* seconds of a run */
} own;

static const char *own_reject(const fv_solver *self, const fv_problem *problem)
{
    const own *o = self->arg;
    return o->refuses && fv_in_shape(problem->node, 0)->dim[0] >= o->refuses ? "too many samples" : NULL;
}

/* The text and the node that a solver is asked about are those of one problem. */
static double own_cost(const fv_solver *self, const fv_problem *problem)
{
    const own *o = self->arg;
    char batch[32];
    snprintf(batch, sizeof batch, " n%lldh", (long long)fv_in_shape(problem->node, 0)->dim[0]);
    if (!strstr(problem->text, batch))
        fail_msg("'%s' lacks '%s'", problem->text, batch);
    return o->fixed + o->per_sample * (double)fv_in_shape(problem->node, 0)->dim[0];
}

static size_t own_workspace(const fv_plan *plan)
{
    return ((const own *)plan->solver->arg)->workspace;
}

static void own_run(const fv_plan *plan, const fv_call *call)
{
    const double begin = fv_time_monotonic();
    (void)call;
    while (fv_time_monotonic() - begin < ((const own *)plan->solver->arg)->spends)
        ;
}

#define OWN(name_, bits_, arg_)                                                                                        \
    {                                                                                                                  \
        .name = name_, .op = "conv2d", .version = 3, .bits = bits_, .arg = arg_, .reject = own_reject,                 \
        .cost = own_cost, .workspace_bytes = own_workspace, .run = own_run                                             \
    }

/* One sample costs least by "few", many by "many"; both lie far below what the CPU's solvers claim. */
static const own chain_few = {.fixed = 1.0, .per_sample = 1.0, .workspace = 100, .spends = 1e-3};
static const own chain_many = {.fixed = 4.0, .per_sample = 0.1, .workspace = 1 << 20, .spends = 1e-6};
static const own other_many = {.fixed = 5.0, .per_sample = 0.01};
static const own dear = {.fixed = 1e9};
static const own refusing = {.fixed = 0.5, .per_sample = 0.01, .refuses = 8};

static const fv_solver own_solvers[] = {OWN("own.conv2d.few", NULL, &chain_few),
                                        OWN("own.conv2d.many", NULL, &chain_many),
                                        OWN("own.conv2d.other", "other", &other_many),
                                        {.name = NULL}};
static const fv_solver dear_solvers[] = {OWN("own.conv2d.dear", "other", &dear), {.name = NULL}};
static const fv_solver small_solvers[] = {OWN("own.conv2d.small", "small", &refusing), {.name = NULL}};
/* Costs nothing; its stated error is too large to be chosen by itself. */
static const fv_solver inexact_solvers[] = {{.name = "own.conv2d.inexact",
                                             .op = "conv2d",
                                             .version = 1,
                                             .bits = "inexact",
                                             .error = 2e-5,
                                             .arg = &refusing,
                                             .cost = own_cost,
                                             .run = own_run},
                                            {.name = NULL}};
static const fv_solver *const inexact_tables[] = {inexact_solvers, NULL};
static const fv_solver_provider inexact_provider = {.name = "inexact", .tables = inexact_tables};
static const fv_solver *const own_tables[] = {own_solvers, NULL}, *const small_tables[] = {small_solvers, NULL};
static const fv_solver *const dear_tables[] = {dear_solvers, NULL};
static const fv_solver_provider dear_provider = {.name = "dear", .tables = dear_tables};
static const fv_solver_provider own_provider = {.name = "own", .tables = own_tables};
static const fv_solver_provider small_provider = {.name = "small", .tables = small_tables};

/* ---- fixture ---- */

typedef struct fixture {
    fv_test_log *log;
    fv_ctx *ctx;
    char name[64], record[512]; /* of the last choice */
} fixture;

static fixture begin(const fv_solver_provider *provider, const char *topics)
{
    fixture f = {.log = calloc(1, sizeof(fv_test_log))};
    assert_non_null(f.log);
    fv_ctx_options options = {.log = fv_test_log_line, .log_user = f.log, .topics = topics, .threads = 1};
    assert_int_equal(fv_ctx_create(&options, &f.ctx), FV_OK);
    if (provider)
        assert_int_equal(fv_ctx_add_solvers(f.ctx, provider), FV_OK);
    return f;
}

static void end(fixture *f)
{
    fv_ctx_destroy(&f->ctx);
    free(f->log);
}

/* The solver that is chosen for a problem, "PROBLEM" with a batch of n. */
static const char *chosen_for(fixture *f, const char *problem)
{
    fv_graph *g = NULL;
    fv_node *node = NULL;
    fv_plan *plan = NULL;
    fv_wisdom *wisdom = NULL;
    fv_str text = {.ctx = f->ctx};
    int64_t before, after;
    fv_ctx_memory(f->ctx, &before, NULL);
    if (fv_problem_parse(f->ctx, problem, &g, &node) != FV_OK)
        fail_msg("%s", fv_ctx_error(f->ctx));
    assert_int_equal(fv_wisdom_create(f->ctx, &wisdom), FV_OK);
    const fv_planner planner = fv_planner_of(f->ctx, wisdom);
    if (fv_plan_create(&planner, node, FV_F32, 2, &plan) != FV_OK)
        fail_msg("%s", fv_ctx_error(f->ctx));
    snprintf(f->name, sizeof f->name, "%s", plan->solver->name);
    fv_wisdom_text(wisdom, &text);
    snprintf(f->record, sizeof f->record, "%s", fv_str_get(&text));
    fv_str_free(&text);
    fv_plan_destroy(&plan);
    fv_wisdom_destroy(&wisdom);
    fv_graph_destroy(&g);
    fv_ctx_memory(f->ctx, &after, NULL);
    assert_int_equal(before, after);
    return f->name;
}

static const char *chosen(fixture *f, int n)
{
    char problem[128];
    snprintf(problem, sizeof problem, PROBLEM, n);
    return chosen_for(f, problem);
}

static void set(fixture *f, fv_plan_options options)
{
    if (fv_ctx_plan(f->ctx, &options) != FV_OK)
        fail_msg("%s", fv_ctx_error(f->ctx));
}

/* ---- classes ---- */

/* Bits do not depend on the batch, speed may: the class is that of one sample, the solver within it that of the batch.
 */
static void test_class_is_of_one_sample(void **state)
{
    (void)state;
    fixture f = begin(&own_provider, NULL);
    assert_string_equal(chosen(&f, 1), "own.conv2d.few");
    assert_string_equal(chosen(&f, 64), "own.conv2d.many"); /* "other" is cheaper still */
    assert_int_equal(f.log->lines, 0);
    end(&f);
}

/* When the class of one sample cannot take the batch, that is said. */
static void test_class_that_refuses_the_batch(void **state)
{
    (void)state;
    fixture f = begin(&small_provider, NULL);
    assert_string_equal(chosen(&f, 2), "own.conv2d.small");
    assert_int_equal(f.log->lines, 0);
    assert_string_equal(chosen(&f, 8), "cpu.conv2d.winograd_4");
    assert_int_equal(f.log->lines, 1);
    assert_non_null(strstr(f.log->text, "depend on the size of the batch"));
    end(&f);
}

/* Scratch memory chooses within the class; when nothing there fits, the least is taken (a
 * program says so). */
static void test_workspace(void **state)
{
    (void)state;
    fixture f = begin(&own_provider, NULL);
    set(&f, (fv_plan_options){.workspace = 1000});
    assert_string_equal(chosen(&f, 64), "own.conv2d.few");
    assert_int_equal(f.log->lines, 0);
    set(&f, (fv_plan_options){.workspace = 50});
    assert_string_equal(chosen(&f, 64), "own.conv2d.few");
    assert_int_equal(f.log->lines, 0);
    set(&f, (fv_plan_options){0});
    assert_string_equal(chosen(&f, 64), "own.conv2d.many");
    end(&f);
}

/* ---- measuring ---- */

/* "few" claims least for one sample and takes a thousand times as long. */
static void test_measure_stays_in_the_class(void **state)
{
    (void)state;
    fixture f = begin(&own_provider, NULL);
    for (int effort = 1; effort <= 3; effort++) {
        set(&f, (fv_plan_options){.plan = "measure", .effort = effort});
        assert_string_equal(chosen(&f, 1), effort == 1 ? "own.conv2d.few" : "own.conv2d.many");
    }
    assert_int_equal(f.log->lines, 0);
    end(&f);
}

static void test_measure_all_crosses_and_says_so(void **state)
{
    (void)state;
    fixture f = begin(&own_provider, NULL);
    set(&f, (fv_plan_options){.plan = "measure-all", .effort = 3});
    assert_string_equal(chosen(&f, 1), "own.conv2d.other");
    assert_int_equal(f.log->lines, 1);
    assert_non_null(strstr(f.log->text, "class 'other' in place of 'chain'"));
    assert_non_null(strstr(f.record, " => own.conv2d.other@3\n"));
    end(&f);
}

/* Real solvers: all candidates are timed, and the choice is one of them. */
static void test_measure_times_real_solvers(void **state)
{
    (void)state;
    fixture f = begin(NULL, "plan");
    set(&f, (fv_plan_options){.plan = "measure", .effort = 3});
    chosen_for(&f, "conv2d f32 n2h7w7c32 k32r1s1c32:const");
    assert_non_null(strstr(f.log->text, "cpu.conv2d.gemm"));
    assert_non_null(strstr(f.log->text, "us measured"));
    assert_non_null(strstr(f.log->text, "(fastest)"));
    assert_null(strstr(f.name, "reference"));
    end(&f);
}

/* What the host may not touch is not timed. */
static void test_measure_needs_host_memory(void **state)
{
    (void)state;
    fixture f = begin(NULL, NULL);
    fv_device apart = fv_cpu_device;
    apart.host_memory = false;
    assert_int_equal(fv_device_use(f.ctx, &apart), FV_OK);
    assert_int_equal(fv_ctx_plan(f.ctx, &(fv_plan_options){.plan = "measure"}), FV_ERR_UNSUPPORTED);
    assert_non_null(strstr(fv_ctx_error(f.ctx), "cannot be timed"));
    assert_string_equal(chosen(&f, 1), "cpu.conv2d.winograd_4");
    assert_int_equal(fv_device_use(f.ctx, &fv_cpu_device), FV_OK);
    end(&f);
}

/* ---- which bits ---- */

/* Neither an estimate nor a measurement takes a solver whose stated error is large; who asks by name gets it. */
static void test_stated_errors(void **state)
{
    static const char *const plans[] = {NULL, "measure", "measure-all"};
    (void)state;
    fixture f = begin(&inexact_provider, NULL);
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        set(&f, (fv_plan_options){.plan = plans[i], .effort = 3});
        assert_string_not_equal(chosen(&f, 2), "own.conv2d.inexact");
    }
    set(&f, (fv_plan_options){.algorithm = "inexact"});
    assert_string_equal(chosen(&f, 2), "own.conv2d.inexact");
    end(&f);
}

/* The cost model's choices among fast convolutions, and none of them where direct sums are asked for. */
static void test_fast_convolutions(void **state)
{
    static const struct {
        const char *problem, *chosen, *direct;
    } rows[] = {
        {"conv2d f32 n1h56w56c64 k64r3s3c64:const pad=1", "winograd_4", "igemm"},
        {"conv2d f32 n1h7w7c512 k512r3s3c512:const pad=1", "winograd_2", "igemm"},
        {"conv2d f32 n1h224w224c3 k64r3s3c3:const pad=1", "igemm", "igemm"},
        {"conv2d f32 n1h56w56c64 k64r3s3c64:const stride=2 pad=1", "igemm", "igemm"},
        {"conv2d f32 n1h17w17c128 k128r1s7c128:const pad=0,3", "winograd_4_7", "igemm"},
        {"conv2d f32 n1h35w35c48 k64r5s5c48:const pad=2", "fft", "igemm"},
        {"conv2d f32 n1h64w64c64 k64r15s15c64:const pad=7", "fft", "igemm"},
        {"conv2d f32 n1h28w28c64 k256r1s1c64:const", "gemm", "gemm"},
        {"conv2d_bwd_data f32 n2p28q28k64 k64r3s3c32 pad=1 size=28", "winograd_4", "igemm"},
    };
    (void)state;
    fixture f = begin(NULL, NULL);
    for (int direct = 0; direct < 2; direct++) {
        set(&f, (fv_plan_options){.algorithm = direct ? "direct" : NULL});
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            const char *wanted = direct ? rows[i].direct : rows[i].chosen, *name = chosen_for(&f, rows[i].problem);
            if (strcmp(strrchr(name, '.') + 1, wanted) != 0)
                fail_msg("%s: %s, expected %s", rows[i].problem, name, wanted);
        }
    }
    end(&f);
}

/* ---- algorithm, file ---- */

static void test_algorithm(void **state)
{
    static const char pointwise[] = "conv2d f32 n2h8w8c16 k16r1s1c16:const";
    (void)state;
    fixture f = begin(&own_provider, NULL);
    set(&f, (fv_plan_options){.algorithm = "igemm"});
    assert_string_equal(chosen_for(&f, pointwise), "cpu.conv2d.igemm");
    assert_string_equal(chosen(&f, 2), "cpu.conv2d.igemm");
    assert_string_equal(chosen_for(&f, "relu f32 n2h8w8c16"), "cpu.relu"); /* has no such solver */
    set(&f, (fv_plan_options){.algorithm = "gemm"});
    assert_string_equal(chosen_for(&f, pointwise), "cpu.conv2d.gemm");
    assert_string_equal(chosen(&f, 1), "own.conv2d.few"); /* gemm refuses 3x3 */
    assert_int_equal(f.log->lines, 0);
    set(&f, (fv_plan_options){.algorithm = "other"}); /* a class */
    assert_string_equal(chosen(&f, 1), "own.conv2d.other");
    assert_int_equal(f.log->lines, 1);
    assert_int_equal(fv_ctx_plan(f.ctx, &(fv_plan_options){.algorithm = "igem"}), FV_ERR_VALUE);
    assert_non_null(strstr(fv_ctx_hint(f.ctx), "did you mean 'igemm'"));
    assert_string_equal(chosen(&f, 1), "own.conv2d.other"); /* a refused setting changes nothing */
    end(&f);
}

static void test_file(void **state)
{
    (void)state;
    fixture f = begin(&own_provider, NULL);
    char path[] = "/tmp/fv_plan_XXXXXX", line[256];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    snprintf(line, sizeof line, "# chosen by hand\n" PROBLEM " => cpu.conv2d.igemm@1\n", 4);
    assert_int_equal(write(fd, line, strlen(line)), (int)strlen(line));
    close(fd);
    set(&f, (fv_plan_options){.plan = path});
    assert_string_equal(chosen(&f, 4), "cpu.conv2d.igemm");
    assert_non_null(strstr(f.record, "cpu.conv2d.igemm@1")); /* the run's own record has it too */
    assert_string_equal(chosen(&f, 1), "own.conv2d.few");    /* not listed */
    unlink(path);
    assert_int_equal(fv_ctx_plan(f.ctx, &(fv_plan_options){.plan = path}), FV_ERR_NOT_FOUND);
    assert_int_equal(fv_ctx_plan(f.ctx, &(fv_plan_options){.effort = 4}), FV_ERR_VALUE);
    assert_int_equal(fv_ctx_plan(f.ctx, &(fv_plan_options){.workspace = -1}), FV_ERR_VALUE);
    assert_string_equal(chosen(&f, 4), "cpu.conv2d.igemm");
    end(&f);
}

/* ---- plans within plans ---- */

#define UNFOLDED "conv2d f32 n2h9w9c8 k16r3s3c8%s k16%s n2h9w9c16 pad=1 activation=relu"

/* The part is planned by the same planner, recorded, counted in the memory of the whole and gone with it. */
static void test_parts(void **state)
{
    (void)state;
    fixture f = begin(NULL, NULL);
    set(&f, (fv_plan_options){.algorithm = "im2col"});
    for (int constant = 0; constant < 2; constant++) {
        char problem[200], part[200];
        const char *mark = constant ? ":const" : "";
        snprintf(problem, sizeof problem, UNFOLDED, mark, mark);
        snprintf(part, sizeof part, "dense f32 n162i72 o16i72%s o16%s n162o16 activation=relu => cpu.dense.gemm@1\n",
                 mark, mark);
        fv_graph *g = NULL;
        fv_node *node = NULL;
        fv_plan *plan = NULL;
        fv_wisdom *wisdom = NULL;
        fv_str text = {.ctx = f.ctx};
        assert_int_equal(fv_problem_parse(f.ctx, problem, &g, &node), FV_OK);
        assert_int_equal(fv_wisdom_create(f.ctx, &wisdom), FV_OK);
        const fv_planner planner = fv_planner_of(f.ctx, wisdom);
        assert_int_equal(fv_plan_create(&planner, node, FV_F32, constant ? 6 : 0, &plan), FV_OK);
        assert_string_equal(plan->solver->name, "cpu.conv2d.im2col");
        assert_non_null(plan->first_sub);
        fv_wisdom_text(wisdom, &text);
        if (!strstr(fv_str_get(&text), part) || !strstr(fv_str_get(&text), "=> cpu.conv2d.im2col@1"))
            fail_msg("%s", fv_str_get(&text));
        fv_str_free(&text);
        /* Constant filters are packed with the whole, others in its scratch. */
        const size_t filters = fv_plan_packed_bytes(plan->first_sub), patches = 162 * 72 * sizeof(float);
        assert_true(constant == 0 || filters >= 16 * 72 * sizeof(float));
        assert_int_equal(fv_plan_packed_bytes(plan), constant ? filters : 0);
        assert_true(fv_plan_workspace_bytes(plan) >=
                    patches + fv_plan_workspace_bytes(plan->first_sub) + (constant ? 0 : filters));
        const fv_plan *late = NULL;
        assert_int_equal(fv_plan_sub(plan, "relu f32 n1h1w1c1", &late), FV_ERR_ARGUMENT);
        assert_null(late);
        fv_plan_destroy(&plan);
        fv_wisdom_destroy(&wisdom);
        fv_graph_destroy(&g);
    }
    end(&f);
}

static fv_status plan_unfolded(fv_ctx *ctx, void *arg)
{
    fv_graph *g = NULL;
    fv_node *node = NULL;
    fv_plan *plan = NULL;
    fv_wisdom *wisdom = NULL;
    char problem[200];
    (void)arg;
    snprintf(problem, sizeof problem, UNFOLDED, "", "");
    fv_status status = fv_problem_parse(ctx, problem, &g, &node);
    if (status == FV_OK)
        status = fv_wisdom_create(ctx, &wisdom);
    /* Classes differ, two solvers are timed, and one of them has a part. */
    const fv_planner planner = {.ctx = ctx,
                                .providers =
                                    (const fv_solver_provider *const[]){&dear_provider, &fv_cpu_provider, NULL},
                                .policy = {.mode = FV_PLAN_MEASURE, .effort = 2},
                                .wisdom = wisdom};
    if (status == FV_OK)
        status = fv_plan_create(&planner, node, FV_F32, 0, &plan);
    fv_plan_destroy(&plan);
    fv_wisdom_destroy(&wisdom);
    fv_graph_destroy(&g);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(plan_unfolded, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_class_is_of_one_sample),
        cmocka_unit_test(test_class_that_refuses_the_batch),
        cmocka_unit_test(test_workspace),
        cmocka_unit_test(test_measure_stays_in_the_class),
        cmocka_unit_test(test_measure_times_real_solvers),
        cmocka_unit_test(test_measure_all_crosses_and_says_so),
        cmocka_unit_test(test_stated_errors),
        cmocka_unit_test(test_fast_convolutions),
        cmocka_unit_test(test_algorithm),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_measure_needs_host_memory),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
