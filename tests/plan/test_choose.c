/* SPDX-License-Identifier: Apache-2.0 */
/* Which solver is chosen, why, and that the choice is remembered. */
#include "support/support.h"

#include "ops/ops.h"
#include "plan/plan.h"

#define PROBLEM "conv2d f32 n2h8w8c16 k16r3s3c16 pad=1"

typedef struct fixture {
    fv_test_log *log;
    fv_ctx *ctx;
    fv_graph *g;
    fv_node *node;
    fv_wisdom *wisdom;
    const fv_solver *chosen; /* the last one */
} fixture;

static fixture begin(const char *topics, int threads)
{
    fixture f = {.log = calloc(1, sizeof(fv_test_log))};
    assert_non_null(f.log);
    fv_ctx_options options = {.log = fv_test_log_line, .log_user = f.log, .topics = topics, .threads = threads};
    assert_int_equal(fv_ctx_create(&options, &f.ctx), FV_OK);
    if (fv_problem_parse(f.ctx, PROBLEM, &f.g, &f.node) != FV_OK)
        fail_msg("%s", fv_ctx_error(f.ctx));
    assert_int_equal(fv_wisdom_create(f.ctx, &f.wisdom), FV_OK);
    return f;
}

static void end(fixture *f)
{
    fv_wisdom_destroy(&f->wisdom);
    fv_graph_destroy(&f->g);
    int64_t now;
    fv_ctx_memory(f->ctx, &now, NULL);
    assert_int_equal(now, 0);
    fv_ctx_destroy(&f->ctx);
    free(f->log);
}

/* Name of the solver chosen. */
static const char *chosen(fixture *f, uint32_t const_in, fv_plan_mode mode, fv_wisdom *wisdom)
{
    fv_plan *plan = NULL;
    const fv_planner planner = {
        .ctx = f->ctx, .providers = fv_cpu_providers, .policy = {.mode = mode}, .wisdom = wisdom};
    if (fv_plan_create(&planner, f->node, FV_F32, const_in, &plan) != FV_OK)
        fail_msg("%s", fv_ctx_error(f->ctx));
    f->chosen = plan->solver;
    fv_plan_destroy(&plan);
    return f->chosen->name;
}

static char *wisdom_text(const fixture *f)
{
    fv_str s = {.ctx = f->ctx};
    fv_wisdom_text(f->wisdom, &s);
    char *copy = strdup(fv_str_get(&s));
    fv_str_free(&s);
    return copy;
}

static void test_reference_policy(void **state)
{
    (void)state;
    fixture f = begin(NULL, 1);
    assert_string_equal(chosen(&f, 0, FV_PLAN_REFERENCE, f.wisdom), "reference");
    char *text = wisdom_text(&f);
    assert_string_equal(text, "");
    free(text);
    assert_string_not_equal(chosen(&f, 0, FV_PLAN_ESTIMATE, NULL), "reference");
    end(&f);
}

static void test_remembers(void **state)
{
    (void)state;
    fixture f = begin(NULL, 1);
    char expected[256];
    chosen(&f, 0, FV_PLAN_ESTIMATE, f.wisdom);
    char *text = wisdom_text(&f);
    snprintf(expected, sizeof expected, PROBLEM " => %s@%d\n", f.chosen->name, f.chosen->version);
    assert_string_equal(text, expected);
    free(text);
    /* constant weights are another problem */
    chosen(&f, 2, FV_PLAN_ESTIMATE, f.wisdom);
    text = wisdom_text(&f);
    assert_non_null(strstr(text, "k16r3s3c16:const"));
    free(text);
    end(&f);
}

static void test_record_wins(void **state)
{
    (void)state;
    fixture f = begin(NULL, 1);
    assert_int_equal(fv_wisdom_read(f.wisdom, "w", "# a run\n\n" PROBLEM " => reference@1\r\n"), FV_OK);
    assert_string_equal(chosen(&f, 0, FV_PLAN_ESTIMATE, f.wisdom), "reference");
    assert_int_equal(f.log->lines, 0);
    end(&f);
}

/* A record that no longer holds is said and replaced; a refused solver is never run. */
static void test_stale_records(void **state)
{
    static const struct {
        const char *record, *says;
    } rows[] = {
        {"cpu.conv2d.gone@1", "no such solver"},
        {"reference@77", "another version"},
        {"cpu.conv2d.gemm@1", "1x1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture f = begin(NULL, 1);
        char line[256], best[64];
        snprintf(best, sizeof best, "%s", chosen(&f, 0, FV_PLAN_ESTIMATE, NULL));
        snprintf(line, sizeof line, PROBLEM " => %s\n", rows[i].record);
        assert_int_equal(fv_wisdom_read(f.wisdom, "w", line), FV_OK);
        assert_string_equal(chosen(&f, 0, FV_PLAN_ESTIMATE, f.wisdom), best);
        assert_int_equal(f.log->lines, 1);
        if (!strstr(f.log->text, rows[i].says))
            fail_msg("%s", f.log->text);
        char *text = wisdom_text(&f);
        assert_non_null(strstr(text, best));
        free(text);
        end(&f);
    }
}

static void test_log_shows_candidates(void **state)
{
    (void)state;
    fixture f = begin("plan", 1);
    chosen(&f, 0, FV_PLAN_ESTIMATE, f.wisdom);
    const char *text = f.log->text;
    assert_non_null(strstr(text, PROBLEM));
    assert_non_null(strstr(text, "reference"));
    assert_non_null(strstr(text, "cpu.conv2d.igemm"));
    assert_non_null(strstr(text, "no: not 1x1"));
    assert_non_null(strstr(text, " us\n"));
    assert_non_null(strstr(text, "(cheapest)"));
    end(&f);
}

/* The choice follows from the problem alone: not from threads or the instruction set. */
static void test_same_everywhere(void **state)
{
    (void)state;
    static const char *const isas[] = {"scalar", NULL};
    fixture f = begin(NULL, 1), g = begin(NULL, 4);
    char name[64];
    snprintf(name, sizeof name, "%s", chosen(&f, 0, FV_PLAN_ESTIMATE, NULL));
    assert_string_equal(name, chosen(&g, 0, FV_PLAN_ESTIMATE, NULL));
    fv_ctx_options options = {.isa = isas[0], .threads = 1};
    fv_ctx *weak = NULL;
    assert_int_equal(fv_ctx_create(&options, &weak), FV_OK);
    fv_plan *plan = NULL;
    const fv_planner planner = {.ctx = weak, .providers = fv_cpu_providers};
    assert_int_equal(fv_plan_create(&planner, f.node, FV_F32, 0, &plan), FV_OK);
    assert_string_equal(plan->solver->name, name);
    assert_int_equal(plan->kernels->isa, FV_ISA_SCALAR);
    fv_plan_destroy(&plan);
    fv_ctx_destroy(&weak);
    end(&f);
    end(&g);
}

static void test_bad_wisdom(void **state)
{
    static const char *const bad[] = {
        "conv2d => x",    "conv2d x@1",      " => x@1",      "conv2d => @1",
        "conv2d => x@-1", "conv2d => x@1.5", "conv2d => x@", "conv2d => x@99999999999",
    };
    (void)state;
    fixture f = begin(NULL, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[128];
        snprintf(text, sizeof text, "a => b@1\n%s\n", bad[i]);
        if (fv_wisdom_read(f.wisdom, "plan.txt", text) != FV_ERR_SYNTAX)
            fail_msg("accepted '%s'", bad[i]);
        assert_non_null(strstr(fv_ctx_error(f.ctx), "plan.txt:2:"));
    }
    end(&f);
}

static void test_wisdom_is_sorted_and_reads_back(void **state)
{
    (void)state;
    fixture f = begin(NULL, 1);
    char line[64];
    for (int i = 0; i < 500; i++) {
        snprintf(line, sizeof line, "p%03d => s%d@%d\n", i * 7 % 500, i, i);
        assert_int_equal(fv_wisdom_read(f.wisdom, "w", line), FV_OK);
    }
    char *text = wisdom_text(&f);
    int lines = 0;
    char last[16] = "";
    for (const char *p = text; *p; p = strchr(p, '\n') + 1, lines++) {
        assert_true(strncmp(last, p, 4) < 0);
        snprintf(last, sizeof last, "%.4s", p);
    }
    assert_int_equal(lines, 500);
    fv_wisdom *other = NULL;
    assert_int_equal(fv_wisdom_create(f.ctx, &other), FV_OK);
    assert_int_equal(fv_wisdom_read(other, "w", text), FV_OK);
    fv_str s = {.ctx = f.ctx};
    fv_wisdom_text(other, &s);
    assert_string_equal(s.data, text);
    fv_str_free(&s);
    fv_wisdom_destroy(&other);
    free(text);
    end(&f);
}

/* ---- providers: a solver of the test's own ---- */

typedef struct own {
    double cost;
    const char *reason;
} own;

static const char *own_reject(const fv_solver *self, const fv_problem *problem)
{
    (void)problem;
    return ((const own *)self->arg)->reason;
}

static double own_cost(const fv_solver *self, const fv_problem *problem)
{
    (void)problem;
    return ((const own *)self->arg)->cost;
}

static void own_run(const fv_plan *plan, const fv_call *call)
{
    plan->problem.node->op->ref(call);
}

#define OWN(name_, arg_)                                                                                               \
    {                                                                                                                  \
        .name = name_, .op = "conv2d", .version = 1, .arg = arg_, .reject = own_reject, .cost = own_cost,              \
        .run = own_run                                                                                                 \
    }

static const own cheap = {.cost = 1.0}, cheapest = {.cost = 0.5, .reason = "not today"}, dear = {.cost = 1e30};

/* Solvers that share hooks are told apart by their argument; equal costs go to the provider that was asked first. */
static void test_providers(void **state)
{
    static const fv_solver first[] = {OWN("own.dear", &dear), OWN("own.cheap", &cheap), {.name = NULL}};
    static const fv_solver second[] = {OWN("own.late", &cheap), OWN("own.refused", &cheapest), {.name = NULL}};
    static const fv_solver *const first_tables[] = {first, NULL}, *const second_tables[] = {second, NULL};
    static const fv_solver_provider a = {.name = "a", .tables = first_tables};
    static const fv_solver_provider b = {.name = "b", .tables = second_tables};
    static const struct {
        const fv_solver_provider *providers[4];
        const char *chosen; /* NULL: nobody can */
    } rows[] = {
        {{&fv_cpu_provider, &a, &b, NULL}, "own.cheap"},
        {{&fv_cpu_provider, &b, &a, NULL}, "own.late"},
        {{&fv_cpu_provider, &fv_reference_provider, NULL}, "cpu.conv2d.winograd_4"},
        {{&fv_reference_provider, NULL}, "reference"},
        {{NULL}, NULL},
    };
    (void)state;
    fixture f = begin(NULL, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const fv_planner planner = {.ctx = f.ctx, .providers = rows[i].providers};
        fv_plan *plan = NULL;
        fv_status status = fv_plan_create(&planner, f.node, FV_F32, 0, &plan);
        assert_int_equal(status, rows[i].chosen ? FV_OK : FV_ERR_UNSUPPORTED);
        if (plan)
            assert_string_equal(plan->solver->name, rows[i].chosen);
        else
            assert_non_null(strstr(fv_ctx_error(f.ctx), PROBLEM));
        fv_plan_destroy(&plan);
    }
    end(&f);
}

static fv_status plan_once(fv_ctx *ctx, void *arg)
{
    fv_graph *g = NULL;
    fv_node *node = NULL;
    fv_wisdom *wisdom = NULL;
    fv_plan *plan = NULL;
    (void)arg;
    fv_status status = fv_problem_parse(ctx, PROBLEM, &g, &node);
    if (status == FV_OK)
        status = fv_wisdom_create(ctx, &wisdom);
    if (status == FV_OK)
        status = fv_wisdom_read(wisdom, "w", "a => b@1\n");
    if (status == FV_OK)
        status = fv_plan_create(&(fv_planner){.ctx = ctx, .providers = fv_cpu_providers, .wisdom = wisdom}, node,
                                FV_F32, 2, &plan);
    fv_plan_destroy(&plan);
    fv_wisdom_destroy(&wisdom);
    fv_graph_destroy(&g);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(plan_once, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_policy),     cmocka_unit_test(test_remembers),
        cmocka_unit_test(test_record_wins),          cmocka_unit_test(test_stale_records),
        cmocka_unit_test(test_log_shows_candidates), cmocka_unit_test(test_same_everywhere),
        cmocka_unit_test(test_bad_wisdom),           cmocka_unit_test(test_wisdom_is_sorted_and_reads_back),
        cmocka_unit_test(test_allocation_failures),  cmocka_unit_test(test_providers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
