/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of problems: `fvbench list` writes the problems of a network, `fvbench check` runs every solver of every
 * problem of some files, verifies it, times it, and says what the estimate's choice costs against the best one (its
 * regret).
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "fvbench.h"
#include "model/model.h"
#include "ops/ops.h"
#include "plan/internal.h"
#include "train/trainer.h"

/* ---- the problems of a network ---- */

/* Every problem once, as the records of plans know it: inference of `batch`, or training with it. */
static fv_status record_model(fv_model *model, const fvbench_settings *s, fv_wisdom *wisdom)
{
    fv_session *session = NULL;
    fv_trainer *trainer = NULL;
    if (!s->training) {
        FV_TRY(fv_session_create_within(model, s->batch, NULL, wisdom, &session));
        fv_session_destroy(&session);
        return FV_OK;
    }
    const fv_fit_options options = FV_FIT_OPTIONS(.batch_size = s->batch, .lr = 0.1);
    fv_str text = {.ctx = model->ctx};
    fv_status status = fv_trainer_create(model, &options, &trainer);
    if (status == FV_OK)
        status = fv_trainer_prepare(trainer, s->batch);
    if (status == FV_OK) {
        fv_wisdom_text(trainer->wisdom, &text);
        status = fv_str_status(&text);
    }
    if (status == FV_OK)
        status = fv_wisdom_read(wisdom, s->model, fv_str_get(&text));
    fv_str_free(&text);
    fv_trainer_destroy(&trainer);
    return status;
}

fv_status fvbench_list(fv_ctx *ctx, const fvbench_settings *s)
{
    fv_model *model = NULL;
    fv_wisdom *wisdom = NULL;
    fv_str text = {.ctx = ctx};
    fv_zoo_options zoo = {.img_size = {s->img_size, s->img_size}, .dropout = -1};
    fv_status status = fv_model_zoo(ctx, s->model, &zoo, &model);
    if (status == FV_OK)
        status = fv_model_init(model, 0, FV_INIT_DEFAULT);
    if (status == FV_OK)
        status = fv_wisdom_create(ctx, &wisdom);
    if (status == FV_OK)
        status = record_model(model, s, wisdom);
    if (status == FV_OK) {
        fv_wisdom_text(wisdom, &text);
        status = fv_str_status(&text);
    }
    if (status == FV_OK)
        printf("# %s, %s of %lld; written by fvbench list\n", s->model, s->training ? "training" : "inference",
               (long long)s->batch);
    for (const char *at = fv_str_get(&text); status == FV_OK && *at; at = strchr(at, '\n') + 1)
        printf("%.*s\n", (int)(strstr(at, " => ") - at), at);
    fv_str_free(&text);
    fv_wisdom_destroy(&wisdom);
    fv_model_destroy(&model);
    return status;
}

/* ---- one problem ---- */

/* Above this many multiply-adds the reference loops compute one sample of the problem. */
#define REFERENCE_MACS 1e8

typedef struct solver_list {
    const fv_solver *solver[256];
    int count;
} solver_list;

/* Totals over all problems. */
typedef struct bench_total {
    int problems, skipped, compared, failed;
    double chosen, best; /* seconds */
    double worst;        /* largest ratio of chosen to best ... */
    char worst_problem[256];
} bench_total;

/* The operands of a node, its results, and what they should be. */
typedef struct bench_scene {
    const fv_node *node;
    fv_scene of;
    void *want[FV_MAX_RESULTS];
} bench_scene;

static void collect(void *arg, const fv_solver *solver)
{
    solver_list *list = arg;
    if (list->count < (int)(sizeof list->solver / sizeof *list->solver))
        list->solver[list->count++] = solver;
}

static size_t bytes_of(const fv_val *val)
{
    return (size_t)fv_shape_count(&val->shape) * fv_dtype_size(val->dtype);
}

/* Scales, variances and the like, floats of one dimension, are above 0. */
static void make_positive(const fv_val *val, float *x)
{
    for (int64_t i = 0; val && val->dtype == FV_F32 && val->shape.rank <= 1 && i < fv_shape_count(&val->shape); i++)
        x[i] = 0.5f * (x[i] + 1.2f);
}

static void scene_free(bench_scene *s)
{
    for (int i = 0; i < s->of.n_out; i++)
        fv_free(s->of.ctx, s->want[i]);
    fv_scene_free(&s->of);
}

static fv_status scene_make(fv_ctx *ctx, const fv_node *node, bench_scene *s)
{
    *s = (bench_scene){.node = node};
    FV_TRY(fv_scene_make(ctx, node, &s->of));
    bool whole = true;
    for (int i = 0; i < node->n_in; i++)
        make_positive(node->in[i], s->of.in[i]);
    for (int i = 0; i < node->n_out; i++) {
        s->want[i] = fv_calloc(ctx, bytes_of(node->out[i]) + 1, 1);
        whole = whole && s->want[i];
    }
    if (!whole)
        scene_free(s);
    return whole ? FV_OK : FV_ERR_NO_MEMORY;
}

/* One solver on the scene: its results; with seconds > 0 also the shortest of several runs into *best. */
static fv_status run_solver(const fv_planner *planner, const fv_solver *solver, const bench_scene *s, double seconds,
                            double *best)
{
    fv_plan *plan = NULL;
    fv_timing t;
    FV_TRY(fv_plan_create_with(planner, solver, s->node, FV_F32, fv_problem_const_in(s->node), &plan));
    const fv_timing_options options = {.runs = seconds > 0 ? 3 : 0, .seconds = seconds};
    fv_status status = fv_plan_time_on(plan, &s->of, &options, &t);
    *best = t.best * 1e-9;
    fv_plan_destroy(&plan);
    return status;
}

typedef enum verdict { SAME_BITS, NEAR, WRONG } verdict;

/* `bound`: what a solver states of itself. */
static verdict compare(const fv_node *node, void *const *got, void *const *want, double bound)
{
    verdict v = SAME_BITS;
    for (int i = 0; i < node->n_out; i++) {
        const fv_val *val = node->out[i];
        if (memcmp(got[i], want[i], bytes_of(val)) == 0)
            continue;
        if (val->dtype != FV_F32)
            return WRONG;
        const float *g = got[i], *w = want[i];
        double largest = 0.0;
        for (int64_t k = 0; k < fv_shape_count(&val->shape); k++)
            largest = fmax(largest, fabs((double)w[k]));
        for (int64_t k = 0; k < fv_shape_count(&val->shape); k++)
            if (!(fabs((double)g[k] - (double)w[k]) <= 1e-5 * fabs((double)w[k]) + 2e-6 * largest + bound))
                return WRONG;
        v = NEAR;
    }
    return v;
}

/* Whether operands that are made up make sense: bytes are positions of maxima that only a forward run can give. */
static bool is_self_contained(const fv_node *node)
{
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i] && node->in[i]->dtype == FV_U8)
            return false;
    return !(node->op->traits & FV_T_VIEW) && !node->op->updates && node->op->ref;
}

/* Verifies every solver on `node` (the problem, or one sample of it) against the reference loops. */
static fv_status verify(const fv_planner *planner, const solver_list *list, const fv_node *node, const char *text,
                        bench_total *total)
{
    static const char *const words[] = {"same bits", "near", "WRONG"};
    bench_scene s;
    double unused;
    FV_TRY(scene_make(planner->ctx, node, &s));
    const fv_problem problem = fv_problem_of(node, text, FV_F32, fv_problem_const_in(node));
    fv_status status = run_solver(planner, fv_reference_solvers, &s, 0, &unused);
    for (int i = 0; i < node->n_out; i++)
        memcpy(s.want[i], s.of.out[i], bytes_of(node->out[i]));
    for (int i = 0; status == FV_OK && i < list->count; i++) {
        const fv_solver *solver = list->solver[i];
        if ((solver->op && strcmp(solver->op, node->op->name) != 0) || solver == fv_reference_solvers ||
            (solver->reject && solver->reject(solver, &problem)))
            continue;
        for (int k = 0; k < node->n_out; k++)
            memset(s.of.out[k], 0xff, bytes_of(node->out[k])); /* NaN: what is not written shows */
        status = run_solver(planner, solver, &s, 0, &unused);
        const verdict v =
            status == FV_OK ? compare(node, s.of.out, s.want, fv_solver_bound(solver, node, s.of.in)) : SAME_BITS;
        total->compared++;
        if (v == WRONG) {
            total->failed++;
            printf("  %-36s %s\n", solver->name, words[v]);
        }
    }
    scene_free(&s);
    return status;
}

/* Times every solver on the problem. */
static fv_status compete(const fv_planner *planner, const solver_list *list, const fv_node *node, const char *text,
                         double seconds, bench_total *total)
{
    bench_scene s;
    fv_plan *plan = NULL;
    const uint32_t const_in = fv_problem_const_in(node);
    FV_TRY(fv_plan_create(planner, node, FV_F32, const_in, &plan));
    const fv_solver *chosen = plan->solver;
    fv_plan_destroy(&plan);
    FV_TRY(scene_make(planner->ctx, node, &s));
    const fv_problem problem = fv_problem_of(node, text, FV_F32, const_in);
    double of_chosen = 0.0, best = 0.0;
    fv_status status = FV_OK;
    for (int i = 0; status == FV_OK && i < list->count; i++) {
        const fv_solver *solver = list->solver[i];
        double time;
        if ((solver->op && strcmp(solver->op, node->op->name) != 0) ||
            (solver->reject && solver->reject(solver, &problem)) ||
            (solver == fv_reference_solvers && chosen != solver))
            continue;
        status = run_solver(planner, solver, &s, seconds, &time);
        if (status != FV_OK)
            break;
        printf("  %-36s %10.4f ms, estimate %10.4f ms%s\n", solver->name, time * 1e3,
               solver->cost(solver, &problem) * 1e-6, solver == chosen ? "  <- chosen" : "");
        of_chosen = solver == chosen ? time : of_chosen;
        best = best == 0.0 || time < best ? time : best;
    }
    if (status == FV_OK) {
        total->chosen += of_chosen;
        total->best += best;
        if (of_chosen / best > total->worst) {
            total->worst = of_chosen / best;
            snprintf(total->worst_problem, sizeof total->worst_problem, "%s", text);
        }
    }
    scene_free(&s);
    return status;
}

static fv_status check_problem(const fv_planner *planner, const solver_list *list, const char *text,
                               const fvbench_settings *s, bench_total *total)
{
    fv_graph *graph = NULL, *small = NULL;
    fv_node *node = NULL, *one = NULL;
    FV_TRY(fv_problem_parse(planner->ctx, text, &graph, &node));
    fv_status status = FV_OK;
    if (!is_self_contained(node)) {
        total->skipped++;
    } else {
        total->problems++;
        if (!s->verify_only)
            printf("%s\n", text);
        const double macs = node->op->cost ? node->op->cost(node).macs : 0.0;
        if (macs > REFERENCE_MACS)
            status = fv_problem_one_sample(planner->ctx, node, &small, &one);
        const int failed = total->failed;
        if (status == FV_OK)
            status = verify(planner, list, one ? one : node, text, total);
        if (s->verify_only && total->failed > failed)
            printf("%s\n", text);
        if (status == FV_OK && !s->verify_only)
            status = compete(planner, list, node, text, s->seconds, total);
    }
    fv_graph_destroy(&small);
    fv_graph_destroy(&graph);
    return status;
}

/* ---- files of them ---- */

static fv_status check_file(const fv_planner *planner, const solver_list *list, const char *path,
                            const fvbench_settings *s, bench_total *total)
{
    uint8_t *data = NULL;
    int64_t size = 0;
    FV_TRY(fv_file_read(planner->ctx, path, 1 << 24, false, &data, &size));
    fv_status status = FV_OK;
    for (char *line = (char *)data; status == FV_OK && line;) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (*line && *line != '#')
            status = check_problem(planner, list, line, s, total);
        if (status != FV_OK)
            fv_fail_prefix(planner->ctx, status, path);
        line = next;
    }
    fv_free(planner->ctx, data);
    return status;
}

fv_status fvbench_check(fv_ctx *ctx, const fvbench_settings *s)
{
    const fv_planner planner = fv_planner_of(ctx, NULL);
    solver_list list = {.count = 0};
    bench_total total = {.problems = 0};
    fv_solvers_visit(planner.providers, collect, &list);
    for (int i = 0; i < s->n_paths; i++)
        FV_TRY(check_file(&planner, &list, s->paths[i], s, &total));
    printf("%d problems (%d left out: their operands come from another run), %d solvers verified, %d wrong\n",
           total.problems, total.skipped, total.compared, total.failed);
    if (!s->verify_only && total.best > 0.0)
        printf("regret of the estimate: %.3f ms chosen, %.3f ms best, +%.2f %%; largest %.2fx: %s\n",
               total.chosen * 1e3, total.best * 1e3, 100.0 * (total.chosen / total.best - 1.0), total.worst,
               total.worst_problem);
    if (total.failed > 0)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "%d solvers differ from the reference", total.failed);
    if (total.problems == 0)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "no problem was found");
    return FV_OK;
}
