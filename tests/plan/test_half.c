/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions stored as halves: which solver is chosen, what happens to one that is too far from the direct sums, and
 * how far all of them are from float64 on random layers. FOVEA_HALF_LAYERS=10000 takes so many. */
#include "support/support.h"

#include <math.h>

#include "ops/ops.h"
#include "plan/plan.h"

/* ---- the choice ---- */

static void plan_text(fv_ctx *ctx, const char *problem, char name[64])
{
    fv_graph *g = NULL;
    fv_node *node = NULL;
    fv_plan *plan = NULL;
    int64_t before, after;
    fv_ctx_memory(ctx, &before, NULL);
    const fv_planner planner = fv_planner_of(ctx, NULL);
    if (fv_problem_parse(ctx, problem, &g, &node) != FV_OK ||
        fv_plan_create(&planner, node, FV_F32, fv_problem_const_in(node), &plan) != FV_OK)
        fail_msg("%s: %s", problem, fv_ctx_error(ctx));
    assert_int_equal(plan->problem.dtype, FV_F16); /* of its operands, whatever the program is */
    snprintf(name, 64, "%s", plan->solver->name);
    fv_plan_destroy(&plan);
    fv_graph_destroy(&g);
    fv_ctx_memory(ctx, &after, NULL);
    assert_int_equal(before, after);
}

static void test_choices(void **state)
{
    static const char *const rows[][2] = {
        {"conv2d f16 n1h56w56c64 k64r3s3c64:const pad=1", "cpu.conv2d.winograd_"},
        {"conv2d f16 n16h14w14c512 k512r3s3c512:const pad=1", "cpu.conv2d.winograd_"},
        {"conv2d f16 n1h224w224c3 k64r3s3c3:const pad=1", "cpu.conv2d.igemm"},
        {"conv2d f16 n1h56w56c64 k64r3s3c64:const stride=2 pad=1", "cpu.conv2d.igemm"},
        {"conv2d f16 n1h28w28c64 k256r1s1c64:const", "cpu.conv2d.igemm"},
        {"conv2d f16 n1h28w28c64 k64r3s3c1:const pad=1 groups=64", "cpu.conv2d.igemm"},
        {"conv2d f16 n1h17w17c128 k128r1s7c128:const pad=0,3", "cpu.conv2d.winograd_4_7"},
    };
    fv_test_log log = {.lines = 0};
    fv_ctx *ctx = fv_test_ctx(1, NULL, &log);
    char name[64];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plan_text(ctx, rows[i][0], name);
        if (strncmp(name, rows[i][1], strlen(rows[i][1])) != 0)
            fail_msg("%s: %s, expected %s", rows[i][0], name, rows[i][1]);
    }
    if (log.lines > 0) /* every probe passed */
        fail_msg("%s", log.text);
    assert_int_equal(fv_ctx_plan(ctx, &(fv_plan_options){.algorithm = "direct"}), FV_OK);
    plan_text(ctx, rows[0][0], name);
    assert_string_equal(name, "cpu.conv2d.igemm");
    fv_ctx_destroy(&ctx);
}

/* Nothing else is stored so. */
static void test_refusals(void **state)
{
    static const char *const problems[] = {"dense f16 n3i5 o7i5:const",
                                           "conv2d_bwd_data f16 n1p4q4k2 k2r3s3c3 pad=1 size=4", "relu f16 8x8",
                                           "conv2d f16 n1h8w8c3 k4r1s1c3:f32"};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
        fv_graph *g = NULL;
        fv_node *node = NULL;
        assert_int_not_equal(fv_problem_parse(ctx, problems[i], &g, &node), FV_OK);
        assert_non_null(strstr(fv_ctx_error(ctx), "f16"));
    }
    fv_ctx_destroy(&ctx);
}

/* ---- solvers that are too far off ---- */

#define PROBLEM "conv2d f16 n2h12w12c16 k16r3s3c16:const pad=1"

static double own_cost(const fv_solver *self, const fv_problem *problem)
{
    (void)self;
    (void)problem;
    return 1.0;
}

static fv_status own_probe(const fv_solver *self, const fv_problem *problem, fv_str *text)
{
    (void)self;
    (void)problem;
    fv_str_append(text, "conv2d f16 n1h6w6c16 k8r3s3c16:const");
    return fv_str_status(text);
}

/* The reference's results, and what `arg` says added to one of them. */
static void own_run(const fv_plan *plan, const fv_call *call)
{
    const int64_t at = fv_shape_count(&call->node->out[0]->shape) / 2;
    call->node->op->ref(call);
    fv_dtype_set(FV_F16, call->out[0], at, fv_dtype_get(FV_F16, call->out[0], at) + *(const double *)plan->solver->arg);
}

static const double nothing = 0.0, much = 0.5, infinite = INFINITY, no_number = NAN;

#define OWN(name_, arg_, probe_)                                                                                       \
    {                                                                                                                  \
        .name = "own.conv2d." name_, .op = "conv2d", .version = 1, .bits = name_, .half_error = 1e-4, .arg = arg_,     \
        .cost = own_cost, .probe = probe_, .run = own_run                                                              \
    }

static const struct own_row {
    fv_solver solvers[2];
    const char *chosen; /* NULL: another solver in its place */
} own_rows[] = {{{OWN("near", &nothing, own_probe)}, "own.conv2d.near"},
                {{OWN("trusted", &much, NULL)}, "own.conv2d.trusted"},
                {{OWN("far", &much, own_probe)}, NULL},
                {{OWN("infinite", &infinite, own_probe)}, NULL},
                {{OWN("nan", &no_number, own_probe)}, NULL}};

static void check_own(const struct own_row *row, const char *plan, const char *algorithm)
{
    const fv_solver *const tables[] = {row->solvers, NULL};
    const fv_solver_provider provider = {.name = "own", .tables = tables};
    fv_test_log log = {.lines = 0};
    fv_ctx *ctx = fv_test_ctx(1, NULL, &log);
    char name[64];
    assert_int_equal(fv_ctx_add_solvers(ctx, &provider), FV_OK);
    assert_int_equal(fv_ctx_plan(ctx, &(fv_plan_options){.plan = plan, .algorithm = algorithm}), FV_OK);
    plan_text(ctx, PROBLEM, name);
    if (row->chosen && !plan)
        assert_string_equal(name, row->chosen);
    else if (!row->chosen && strncmp(name, "cpu.conv2d.", 11) != 0)
        fail_msg("%s is chosen in place of %s", name, row->solvers[0].name);
    assert_int_equal(strstr(log.text, "is passed over: the results of 'conv2d f16 n1h6w6c16") != NULL, !row->chosen);
    fv_ctx_destroy(&ctx);
}

static void test_falls_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof own_rows / sizeof *own_rows; i++) {
        check_own(&own_rows[i], NULL, NULL);
        check_own(&own_rows[i], NULL, own_rows[i].solvers[0].bits); /* asked for by name, too */
        check_own(&own_rows[i], "measure-all", NULL);
    }
}

static fv_status plan_once(fv_ctx *ctx, void *arg)
{
    fv_graph *g = NULL;
    fv_node *node = NULL;
    fv_plan *plan = NULL;
    const fv_planner planner = fv_planner_of(ctx, NULL);
    (void)arg;
    fv_status status = fv_problem_parse(ctx, PROBLEM, &g, &node);
    if (status == FV_OK)
        status = fv_plan_create(&planner, node, FV_F32, 2, &plan);
    fv_plan_destroy(&plan);
    fv_graph_destroy(&g);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(plan_once, NULL) > 20);
}

/* ---- random layers ---- */

static uint64_t rng = 12;

static int64_t pick(int64_t lo, int64_t hi)
{
    uint64_t z = (rng += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return lo + (int64_t)((z ^ (z >> 31)) % (uint64_t)(hi - lo + 1));
}

typedef struct layer {
    int64_t n, h, w, c, k, rows, cols, p, q; /* rows and columns of filters */
    int64_t pad[2];
    uint16_t *src, *wei, *dst;
    double *x, *f, *exact; /* src and wei as they are stored, and the sums of their products */
    double largest;        /* of those */
} layer;

/* Halves in [lo, 1) times 2^exponent. */
static void draw(int64_t count, double lo, int exponent, uint16_t **half, double **value)
{
    *half = calloc((size_t)count + 128, sizeof **half);
    *value = calloc((size_t)count, sizeof **value);
    assert_true(*half && *value);
    for (int64_t i = 0; i < count; i++) {
        fv_dtype_set(FV_F16, *half, i, ldexp(lo + (1.0 - lo) * (double)pick(0, 1 << 24) * 0x1p-24, exponent));
        (*value)[i] = fv_dtype_get(FV_F16, *half, i);
    }
}

static void convolve(layer *l)
{
    for (int64_t i = 0; i < l->n * l->p * l->q; i++)
        for (int64_t k = 0; k < l->k; k++) {
            double sum = 0.0;
            for (int64_t t = 0; t < l->rows * l->cols; t++) {
                const int64_t y = i / l->q % l->p - l->pad[0] + t / l->cols, z = i % l->q - l->pad[1] + t % l->cols;
                const double *x = l->x + ((i / l->q / l->p * l->h + y) * l->w + z) * l->c;
                const double *f = l->f + (k * l->rows * l->cols + t) * l->c;
                for (int64_t c = 0; y >= 0 && y < l->h && z >= 0 && z < l->w && c < l->c; c++)
                    sum += x[c] * f[c];
            }
            l->exact[i * l->k + k] = sum;
            l->largest = fmax(l->largest, fabs(sum));
        }
}

/* Activations of both signs or of one, filters of any size that halves have, results that they hold. */
static layer make_layer(int number)
{
    static const int64_t sizes[][2] = {{3, 3}, {3, 3}, {3, 3}, {3, 3}, {1, 3}, {3, 1}, {5, 5}, {1, 7}, {7, 1}};
    const int64_t *size = sizes[(size_t)number % (sizeof sizes / sizeof *sizes)];
    layer l = {.n = pick(1, 2),
               .h = pick(7, 15),
               .w = pick(7, 15),
               .c = pick(1, pick(0, 3) ? 24 : 96),
               .k = pick(4, pick(0, 3) ? 12 : 40),
               .rows = size[0],
               .cols = size[1],
               .pad = {pick(0, size[0] / 2), pick(0, size[1] / 2)}};
    l.p = l.h + 2 * l.pad[0] - l.rows + 1;
    l.q = l.w + 2 * l.pad[1] - l.cols + 1;
    const int both = (int)pick(-4, 4), filters = (int)pick(-16, 15);
    const int images = both - filters < -16 ? -16 : both - filters > 14 ? 14 : both - filters;
    draw(l.n * l.h * l.w * l.c, pick(0, 1) ? -1.0 : 0.0, images, &l.src, &l.x);
    draw(l.k * l.rows * l.cols * l.c, -1.0, filters, &l.wei, &l.f);
    l.dst = calloc((size_t)(l.n * l.p * l.q * l.k) + 128, sizeof *l.dst);
    l.exact = calloc((size_t)(l.n * l.p * l.q * l.k), sizeof *l.exact);
    assert_true(l.dst && l.exact);
    convolve(&l);
    return l;
}

static void free_layer(layer *l)
{
    free(l->src);
    free(l->wei);
    free(l->dst);
    free(l->x);
    free(l->f);
    free(l->exact);
}

/* Returns the largest difference in largest results. */
static double run_layer(fv_ctx *ctx, const layer *l, const char *algorithm, char name[64])
{
    char text[160];
    fv_graph *g = NULL;
    fv_node *node = NULL;
    fv_plan *plan = NULL;
    double worst = 0.0;
    snprintf(text, sizeof text, "conv2d f16 n%dh%dw%dc%d k%dr%ds%dc%d:const pad=%d,%d", (int)l->n, (int)l->h, (int)l->w,
             (int)l->c, (int)l->k, (int)l->rows, (int)l->cols, (int)l->c, (int)l->pad[0], (int)l->pad[1]);
    assert_int_equal(fv_ctx_plan(ctx, &(fv_plan_options){.algorithm = algorithm}), FV_OK);
    const fv_planner planner = fv_planner_of(ctx, NULL);
    assert_int_equal(fv_problem_parse(ctx, text, &g, &node), FV_OK);
    assert_int_equal(fv_plan_create(&planner, node, FV_F16, 2, &plan), FV_OK);
    void *packed = fv_malloc(ctx, fv_plan_packed_bytes(plan) + 1),
         *work = fv_malloc(ctx, fv_plan_workspace_bytes(plan) + 1);
    assert_true(packed && work);
    const fv_call call = {.node = node,
                          .in = (void *[]){l->src, l->wei, NULL, NULL},
                          .out = (void *[]){l->dst},
                          .packed = packed,
                          .workspace = work};
    plan->solver->pack(plan, &call, packed);
    plan->solver->run(plan, &call);
    for (int64_t i = 0; i < l->n * l->p * l->q * l->k; i++) {
        const double got = fv_dtype_get(FV_F16, l->dst, i);
        if (!isfinite(got))
            fail_msg("%s by %s: result %lld is %g, exactly %g", text, plan->solver->name, (long long)i, got,
                     l->exact[i]);
        worst = fmax(worst, fabs(got - l->exact[i]));
    }
    snprintf(name, 64, "%s", plan->solver->name);
    fv_free(ctx, packed);
    fv_free(ctx, work);
    fv_plan_destroy(&plan);
    fv_graph_destroy(&g);
    /* Beside results that are near 0 because halves hold no less. */
    return worst / (l->largest + 0x1p-24);
}

static void test_random_layers(void **state)
{
    static const char *const algorithms[] = {NULL,         "direct",       "winograd_2",
                                             "winograd_4", "winograd_2_5", "winograd_4_7"};
    enum { ALGORITHMS = sizeof algorithms / sizeof *algorithms };
    const char *asked = getenv("FOVEA_HALF_LAYERS");
    const int layers = asked ? atoi(asked) : FV_TEST_CASES(63, 9);
    double worst[ALGORITHMS] = {0.0};
    int runs[ALGORITHMS] = {0};
    fv_test_log log = {.lines = 0};
    fv_ctx *ctx = fv_test_ctx(1, NULL, &log);
    char name[64];
    (void)state;
    assert_true(layers > 0);
    for (int i = 0; i < layers; i++) {
        layer l = make_layer(i);
        for (int a = 0; a < ALGORITHMS; a++) {
            const double off = run_layer(ctx, &l, algorithms[a], name);
            assert_string_not_equal(name, "cpu.conv2d.winograd_6"); /* whose stated error is too large */
            if (a > 1 && strcmp(strrchr(name, '.') + 1, algorithms[a]) != 0)
                continue;
            if (!(off <= 2e-2))
                fail_msg("layer %d by %s: off by %g of the largest result", i, name, off);
            worst[a] = fmax(worst[a], off);
            runs[a]++;
        }
        free_layer(&l);
    }
    for (int a = 0; a < ALGORITHMS; a++) {
        assert_true(runs[a] > 0);
        if (asked)
            print_message("%-14s %6d layers, off by %.1e of the largest result\n",
                          algorithms[a] ? algorithms[a] : "chosen", runs[a], worst[a]);
    }
    assert_null(strstr(log.text, "is passed over"));
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choices),       cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_falls_back),    cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_random_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
