/* SPDX-License-Identifier: Apache-2.0 */
/* Weights over 100 steps against PyTorch's optimizers, and against the papers' formulas in PyTorch where it has none
 * (tests/golden/optimizers.txt). */
#include "golden.h"

#include "train/trainer.h"

/* Of the layer, where a case does not say them; and room for the largest. */
enum { ROWS = 3, COLUMNS = 4, COUNT = ROWS * COLUMNS + ROWS, MOST = 24 };

static fv_ctx *ctx;

static FILE *open_golden(void)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/optimizers.txt", getenv("FOVEA_SOURCE_DIR"));
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s: cannot be read", path);
    return f;
}

/* "case NAME key=value ..." */
static fv_fit_options read_case(char *line, char name[64], int shape[2])
{
    char *save = NULL;
    fv_fit_options o = FV_FIT_OPTIONS(.loss = "mae", .schedule = FV_CONSTANT, .epochs = 1);
    shape[0] = shape[1] = 0;
    strtok_r(line, " \n", &save);
    snprintf(name, 64, "%s", strtok_r(NULL, " \n", &save));
    for (char *word = strtok_r(NULL, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
        char *equals = strchr(word, '=');
        assert_non_null(equals);
        *equals = '\0';
        if (strcmp(word, "shape") == 0)
            assert_int_equal(sscanf(equals + 1, "%dx%d", &shape[0], &shape[1]), 2);
        else if (fv_fit_set(ctx, &o, word, equals + 1) != FV_OK)
            fail_msg("%s: %s", name, fv_ctx_error(ctx));
    }
    return o;
}

/* A dense layer, and a loss that is linear in its outputs: the gradient is known. */
typedef struct subject {
    fv_model *m;
    fv_trainer *t;
    fv_fit_options o;
    int rows, columns, samples;
    int64_t step;
} subject;

static void values_of(const subject *s, float *v)
{
    const size_t n = (size_t)s->rows * (size_t)s->columns;
    fv_model_sync(s->m);
    memcpy(v, fv_slot_data(fv_model_slot(s->m, "w.weight")), n * sizeof *v);
    memcpy(v + n, fv_slot_data(fv_model_slot(s->m, "w.bias")), (size_t)s->rows * sizeof *v);
}

/* `shape` NULL or 0: the usual one, which sees one sample a step. */
static subject subject_of(const fv_fit_options *o, const int *shape)
{
    const fv_loss_spec loss = {.weight = 1.0};
    subject s = {.o = *o, .rows = ROWS, .columns = COLUMNS, .samples = 1};
    if (shape && shape[0] > 0) {
        s.rows = shape[0];
        s.columns = s.samples = shape[1];
    }
    assert_true(s.rows * s.columns + s.rows <= MOST);
    assert_int_equal(fv_model_create(ctx, &s.m), FV_OK);
    fv_value x = fv_input_tensor(s.m, "x", FV_F32, &(fv_shape){2, {1, s.columns}});
    fv_output(s.m, "y", fv_dense(s.m, x, .units = s.rows, .name = "w"));
    if (fv_model_finish_outputs(s.m) != FV_OK || fv_model_init(s.m, 0, FV_INIT_DEFAULT) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    float *w = fv_slot_data(fv_model_slot(s.m, "w.weight")), *b = fv_slot_data(fv_model_slot(s.m, "w.bias"));
    for (int i = 0; i < s.rows * s.columns; i++)
        w[i] = (float)golden_x(golden_key("optimizer.w"), i);
    for (int i = 0; i < s.rows; i++)
        b[i] = (float)golden_x(golden_key("optimizer.b"), i);
    if (fv_trainer_create_with(s.m, &s.o, &loss, 1, &s.t) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return s;
}

static void subject_free(subject *s)
{
    fv_trainer_destroy(&s->t);
    fv_model_destroy(&s->m);
}

static void make_step(subject *s)
{
    float x[MOST * MOST], target[MOST * MOST];
    char name[48];
    snprintf(name, sizeof name, "optimizer.g.%lld", (long long)++s->step);
    for (int i = 0; i < s->samples * s->columns; i++)
        x[i] = (float)golden_x(golden_key(name), i);
    for (int i = 0; i < s->samples * s->rows; i++)
        target[i] = s->samples > 1 && (i / s->rows + i % s->rows) % 3 == 0 ? 1e9f : -1e9f;
    if (fv_trainer_begin(s->t, s->samples) != FV_OK || fv_trainer_set(s->t, "x", x) != FV_OK ||
        fv_trainer_set(s->t, "target", target) != FV_OK || fv_trainer_compute(s->t, NULL) != FV_OK ||
        fv_trainer_apply_with(s->t, fv_schedule_at(&s->o, 0, s->step - 1, 100),
                              fv_schedule_momentum(&s->o, 0, s->step - 1, 100)) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
}

/* "STEP values": within 1e-5 of the largest of them. */
static void check_line(subject *s, const char *name, const char *line)
{
    char *end;
    const int count = s->rows * s->columns + s->rows;
    double expected[MOST], largest = 0;
    float found[MOST];
    const int64_t step = strtoll(line, &end, 10);
    for (int i = 0; i < count; i++) {
        expected[i] = strtod(end, &end);
        largest = fmax(largest, fabs(expected[i]));
    }
    while (s->step < step)
        make_step(s);
    values_of(s, found);
    for (int i = 0; i < count; i++)
        if (!(fabs((double)found[i] - expected[i]) <= 1e-5 * largest))
            fail_msg("%s: element %d after step %lld is %.9g, expected %.10g", name, i, (long long)step,
                     (double)found[i], expected[i]);
}

static void trajectories(void **state)
{
    (void)state;
    FILE *f = open_golden();
    char line[1024], name[64] = "";
    subject s = {0};
    bool met[FV_OPTIMIZER_COUNT] = {false};
    int cases = 0;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "case ", 5) != 0) {
            check_line(&s, name, line);
            continue;
        }
        assert_true(cases == 0 || s.step == 100);
        subject_free(&s);
        int shape[2];
        const fv_fit_options o = read_case(line, name, shape);
        s = subject_of(&o, shape);
        met[o.optimizer] = true;
        cases++;
    }
    assert_int_equal(s.step, 100);
    subject_free(&s);
    fclose(f);
    assert_int_equal(cases, 31);
    for (int i = 0; i < FV_OPTIMIZER_COUNT; i++)
        if (!met[i])
            fail_msg("no case of %s", fv_optimizer_names()[i]);
}

/* Rows of weights obey the limit, biases have none, and a limit that nothing reaches changes no bit. */
static void largest_norm(void **state)
{
    (void)state;
    fv_fit_options o = FV_FIT_OPTIONS(.loss = "mae", .lr = 0.5, .max_norm = 0.75);
    subject s = subject_of(&o, NULL);
    float v[COUNT], free_v[COUNT];
    for (int k = 0; k < 20; k++) {
        make_step(&s);
        values_of(&s, v);
        for (int r = 0; r < ROWS; r++) {
            double sum = 0;
            for (int c = 0; c < COLUMNS; c++)
                sum += (double)v[r * COLUMNS + c] * (double)v[r * COLUMNS + c];
            assert_true(sqrt(sum) <= 0.75 * (1 + 1e-6));
        }
    }
    assert_true(v[COUNT - 1] < -2);
    subject_free(&s);
    for (int k = 0; k < 2; k++) {
        o.max_norm = k ? 1e6 : 0;
        s = subject_of(&o, NULL);
        for (int i = 0; i < 5; i++)
            make_step(&s);
        values_of(&s, k ? v : free_v);
        subject_free(&s);
    }
    assert_memory_equal(v, free_v, sizeof v);
}

/* What is remembered is counted, and Lookahead's weights begin as the model's: the first steps are those without it. */
static void memory(void **state)
{
    (void)state;
    static const int slots[FV_OPTIMIZER_COUNT] = {
        [FV_SGD] = 1, [FV_ADAM] = 2, [FV_ADAMW] = 2, [FV_RMSPROP] = 1, [FV_LARS] = 1, [FV_LAMB] = 2, [FV_MUON] = 1};
    for (int kind = 0; kind < FV_OPTIMIZER_COUNT; kind++) {
        float v[3][COUNT];
        for (int k = 0; k < 3; k++) {
            const fv_fit_options o = FV_FIT_OPTIONS(.loss = "mae", .optimizer = kind, .lr = 0.01,
                                                    .lookahead = k ? 4 : 0, .lookahead_alpha = 1);
            assert_int_equal(fv_optimizer_slots(&o), slots[kind] + (k > 0));
            subject s = subject_of(&o, NULL);
            for (int i = 0; i < (k < 2 ? 3 : 9); i++)
                make_step(&s);
            values_of(&s, v[k]);
            subject_free(&s);
        }
        assert_memory_equal(v[0], v[1], sizeof v[0]);
        assert_memory_not_equal(v[0], v[2], sizeof v[0]);
    }
}

/* A share of the rate leaves the momentum of the step alone; one that nobody cycles, or that is none, is refused. */
static void cycled_momentum(void **state)
{
    (void)state;
    float v[2][COUNT];
    for (int k = 0; k < 2; k++) {
        const fv_fit_options o =
            FV_FIT_OPTIONS(.loss = "mae", .optimizer = FV_ADAM, .lr = k ? 0.02 : 0.04, .epochs = 1,
                           .schedule = FV_ONECYCLE, .max_momentum = 0.95, .lr_mult = k ? NULL : "w=0.5");
        subject s = subject_of(&o, NULL);
        for (int i = 0; i < 40; i++)
            make_step(&s);
        values_of(&s, v[k]);
        make_step(&s);
        assert_int_equal(fv_trainer_apply_with(s.t, 0.1, 0.9), FV_ERR_ARGUMENT); /* no gradient */
        subject_free(&s);
    }
    assert_memory_equal(v[0], v[1], sizeof v[0]);
    static const struct {
        double max, momentum;
        fv_status status;
    } rows[] = {{0, 0.9, FV_OK},
                {0, 0.8, FV_ERR_ARGUMENT},
                {0, NAN, FV_ERR_ARGUMENT},
                {0.95, 0.8, FV_OK},
                {0.95, 0, FV_ERR_ARGUMENT},
                {0.95, 1, FV_ERR_ARGUMENT},
                {0.95, NAN, FV_ERR_ARGUMENT}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const fv_fit_options o = FV_FIT_OPTIONS(.loss = "mae", .schedule = FV_ONECYCLE, .max_momentum = rows[k].max);
        const float x[COLUMNS] = {1, 2, 3, 4}, target[ROWS] = {0};
        subject s = subject_of(&o, NULL);
        assert_int_equal(fv_trainer_begin(s.t, 1), FV_OK);
        assert_int_equal(fv_trainer_set(s.t, "x", x), FV_OK);
        assert_int_equal(fv_trainer_set(s.t, "target", target), FV_OK);
        assert_int_equal(fv_trainer_compute(s.t, NULL), FV_OK);
        assert_int_equal(fv_trainer_apply_with(s.t, 0.1, rows[k].momentum), rows[k].status);
        subject_free(&s);
    }
    static const struct {
        int kind;
        double momentum, beta1;
        const char *hint;
    } none[] = {{FV_SGD, 0, 0.9, "--momentum 0.9"},
                {FV_RMSPROP, 0, 0.9, "--momentum 0.9"},
                {FV_ADAM, 0.9, 0, "--opt-betas 0.9,0.999"}};
    for (size_t k = 0; k < sizeof none / sizeof *none; k++) {
        const fv_fit_options o =
            FV_FIT_OPTIONS(.optimizer = none[k].kind, .momentum = none[k].momentum, .betas = {none[k].beta1, 0.999},
                           .schedule = FV_ONECYCLE, .max_momentum = 0.9);
        assert_int_equal(fv_fit_check(ctx, &o, 10), FV_ERR_CONFLICT);
        assert_non_null(
            strstr(fv_ctx_error(ctx), "--max-momentum 0.9 has no effect here: the optimizer has no momentum"));
        assert_non_null(strstr(fv_ctx_hint(ctx), none[k].hint));
    }
}

/* ---- Muon on filters, in plain double loops ---- */

enum { ELEMENTS = 20 * 8 * 9 };

/* x is k x n; the formula as it is written, whatever side is shorter. */
static void orthogonalize(double *x, int k, int n)
{
    static double square[32 * 32], factor[32 * 32], old[ELEMENTS];
    double norm = 0;
    for (int i = 0; i < k * n; i++)
        norm += x[i] * x[i];
    for (int i = 0; i < k * n; i++)
        x[i] /= sqrt(norm);
    for (int step = 0; step < 5; step++) {
        memcpy(old, x, sizeof *x * (size_t)(k * n));
        for (int i = 0; i < k * k; i++) {
            square[i] = 0;
            for (int j = 0; j < n; j++)
                square[i] += old[i / k * n + j] * old[i % k * n + j];
        }
        for (int i = 0; i < k * k; i++) {
            factor[i] = -4.7750 * square[i];
            for (int j = 0; j < k; j++)
                factor[i] += 2.0315 * square[i / k * k + j] * square[j * k + i % k];
        }
        for (int i = 0; i < k * n; i++) {
            x[i] = 3.4445 * old[i];
            for (int j = 0; j < k; j++)
                x[i] += factor[i / n * k + j] * old[j * n + i % n];
        }
    }
}

/* What a step makes of weights, given the gradient; `mean` is what it remembers. */
static void expect_step(const fv_shape *shape, const float *gradient, double *mean, double *w)
{
    static double x[ELEMENTS];
    const int count = (int)fv_shape_count(shape), k = (int)shape->dim[0], n = count / k;
    const double ratio = k > n ? sqrt((double)k / n) : 1;
    for (int i = 0; i < count; i++) {
        mean[i] += 0.1 * ((double)gradient[i] - mean[i]);
        x[i] = (double)gradient[i] + 0.9 * (mean[i] - (double)gradient[i]);
    }
    orthogonalize(x, k, n);
    for (int i = 0; i < count; i++)
        w[i] -= 0.05 * (ratio * x[i] + 0.2 * w[i]);
}

/* Filters wider and higher than they are many, depthwise ones among them, are matrices k x (r s c). */
static void filters(void **state)
{
    (void)state;
    enum { N = 6, STEPS = 4 };
    static const char *const names[] = {"a.weight", "b.weight", "c.weight", "d.weight"};
    static double mean[4][ELEMENTS], w[4][ELEMENTS];
    static float images[N * 9 * 8 * 2];
    const int32_t labels[N] = {0, 3, 9, 4, 19, 7};
    const fv_fit_options o = FV_FIT_OPTIONS(.optimizer = FV_MUON, .lr = 0.05, .momentum = 0.9, .weight_decay = 0.2);
    fv_model *m;
    fv_trainer *t;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 9, 8, 2);
    x = fv_conv2d(m, x, .filters = 8, .kernel = {3, 3}, .name = "a");
    x = fv_conv2d(m, x, .filters = 8, .kernel = {3, 2}, .groups = 8, .name = "b");
    x = fv_conv2d(m, x, .filters = 20, .kernel = {1, 1}, .name = "c");
    x = fv_dense(m, fv_flatten(m, fv_global_avg_pool(m, x)), .units = 20, .name = "d");
    if (fv_model_finish(m, x) != FV_OK || fv_model_init(m, 5, FV_INIT_DEFAULT) != FV_OK ||
        fv_trainer_create(m, &o, &t) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    for (int i = 0; i < 4; i++)
        for (int64_t j = 0; j < fv_tensor_count(fv_model_slot(m, names[i])->data); j++)
            w[i][j] = (double)fv_slot_data(fv_model_slot(m, names[i]))[j];
    for (int step = 0; step < STEPS; step++) {
        golden_batch(step, N, 9, 8, 2, images, (int32_t[N]){0});
        if (fv_trainer_gradient(t, images, labels, N, NULL) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        for (int i = 0; i < 4; i++) {
            fv_shape shape;
            const float *gradient = fv_trainer_gradient_of(t, names[i], &shape);
            expect_step(&shape, gradient, mean[i], w[i]);
        }
        assert_int_equal(fv_trainer_apply(t, o.lr), FV_OK);
        fv_model_sync(m);
        for (int i = 0; i < 4; i++)
            for (int64_t j = 0; j < fv_tensor_count(fv_model_slot(m, names[i])->data); j++)
                if (!(fabs((double)fv_slot_data(fv_model_slot(m, names[i]))[j] - w[i][j]) <= 1e-5))
                    fail_msg("%s: element %lld after step %d is %.9g, expected %.9g", names[i], (long long)j, step + 1,
                             (double)fv_slot_data(fv_model_slot(m, names[i]))[j], w[i][j]);
    }
    fv_trainer_destroy(&t);
    fv_model_destroy(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(trajectories), cmocka_unit_test(largest_norm),
                                       cmocka_unit_test(memory), cmocka_unit_test(cycled_momentum),
                                       cmocka_unit_test(filters)};
    ctx = fv_test_ctx(1, NULL, NULL);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fv_ctx_destroy(&ctx);
    return failed;
}
