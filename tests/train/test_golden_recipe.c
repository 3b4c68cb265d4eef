/* SPDX-License-Identifier: Apache-2.0 */
/* Optimizers and schedules against PyTorch's trajectories (tests/golden/ops_optimizer.safetensors, ops_schedule), and
 * for longer against the published formulas in double. */
#include "golden.h"

#include "io/safetensors.h"

enum { SIZE = 12, LONG = 100 };

static fv_ctx *ctx;

static fv_tensor_file *open_file(const char *name)
{
    char path[1024];
    fv_tensor_file *f;
    snprintf(path, sizeof path, "%s/tests/golden/%s", getenv("FOVEA_SOURCE_DIR"), name);
    ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_safetensors_open(ctx, path, &f), FV_OK);
    return f;
}

static void close_file(fv_tensor_file **f)
{
    fv_tensor_file_close(f);
    fv_ctx_destroy(&ctx);
}

static int64_t read_floats(const fv_tensor_file *f, const char *name, const char *operand, float *data, int64_t most)
{
    char full[64];
    snprintf(full, sizeof full, "%s.%s", name, operand);
    const fv_st_entry *e = fv_tensor_file_find(f, full);
    if (!e)
        fail_msg("no tensor '%s'", full);
    const int64_t count = fv_shape_count(&e->shape);
    assert_true(count <= most);
    assert_int_equal(fv_tensor_file_floats(f, e, 0, count, data), FV_OK);
    return count;
}

/* "kind=sgd lr=0.1": the number behind a key, or what it is without. */
static double value_of(const char *attributes, const char *key, double otherwise)
{
    const size_t n = strlen(key);
    for (const char *p = attributes; *p; p += strcspn(p, " "), p += strspn(p, " "))
        if (strncmp(p, key, n) == 0 && p[n] == '=')
            return strtod(p + n + 1, NULL);
    return otherwise;
}

/* ---- optimizers ---- */

static const struct {
    const char *name;
    fv_optimizer_kind optimizer;
} kinds[] = {{"sgd", FV_SGD}, {"adam", FV_ADAM}, {"adamw", FV_ADAMW}, {"rmsprop", FV_RMSPROP}};

static fv_fit_options options_of(const char *attributes)
{
    fv_fit_options o = FV_FIT_OPTIONS(.loss = "mae");
    const char *kind = strstr(attributes, "kind=");
    o.optimizer = -1;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kind && strcspn(kind + 5, " ") == strlen(kinds[i].name) &&
            strncmp(kind + 5, kinds[i].name, strlen(kinds[i].name)) == 0)
            o.optimizer = kinds[i].optimizer;
    o.lr = value_of(attributes, "lr", NAN);
    o.momentum = value_of(attributes, "momentum", 0);
    o.nesterov = value_of(attributes, "nesterov", 0) != 0;
    o.weight_decay = value_of(attributes, "weight_decay", 0);
    o.betas[0] = value_of(attributes, "beta1", 0.9);
    o.betas[1] = value_of(attributes, "beta2", 0.999);
    o.eps = value_of(attributes, "eps", 1e-8);
    o.alpha = value_of(attributes, "alpha", 0.99);
    o.l1 = value_of(attributes, "l1", 0);
    return o;
}

/* y = w x with |y - t| as its loss and t far below: the gradient to w is x, exactly. */
static void follow(const fv_fit_options *o, const float *start, int steps,
                   void (*check)(void *arg, int step, const float *w), void *arg)
{
    const fv_loss_spec loss = {.weight = 1.0};
    const float target = -1e9f;
    fv_model *m;
    fv_trainer *t;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input_tensor(m, "x", FV_F32, &(fv_shape){2, {1, SIZE}});
    fv_output(m, "y", fv_dense(m, x, .units = 1, .name = "w", .no_bias = true));
    if (fv_model_finish_outputs(m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_model_init(m, 0, FV_INIT_DEFAULT), FV_OK);
    float *w = fv_slot_data(fv_model_slot(m, "w.weight"));
    memcpy(w, start, SIZE * sizeof *w);
    if (fv_trainer_create_with(m, o, &loss, 1, &t) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    for (int step = 0; step < steps; step++) {
        char name[32];
        float g[SIZE];
        double value;
        snprintf(name, sizeof name, "optimizer.g.%d", step);
        for (int i = 0; i < SIZE; i++)
            g[i] = (float)golden_x(golden_key(name), i);
        assert_int_equal(fv_trainer_begin(t, 1), FV_OK);
        if (fv_trainer_set(t, "x", g) != FV_OK || fv_trainer_set(t, "target", &target) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_int_equal(fv_trainer_compute(t, &value), FV_OK);
        assert_int_equal(fv_trainer_apply(t, o->lr), FV_OK);
        fv_model_sync(m);
        check(arg, step, w);
    }
    fv_trainer_destroy(&t);
    fv_model_destroy(&m);
}

typedef struct track {
    const char *name;
    const float *expected; /* [steps][SIZE] */
} track;

/* Within 1e-5 of the largest weight. */
static void check_track(void *arg, int step, const float *w)
{
    const track *k = arg;
    const float *e = k->expected + (size_t)step * SIZE;
    double largest = 0;
    for (int i = 0; i < SIZE; i++)
        largest = fmax(largest, fabs((double)e[i]));
    for (int i = 0; i < SIZE; i++)
        if (!(fabs((double)w[i] - (double)e[i]) <= 1e-5 * largest))
            fail_msg("%s: weight %d after step %d is %.9g, expected %.9g", k->name, i, step, (double)w[i],
                     (double)e[i]);
}

static void test_trajectories(void **state)
{
    (void)state;
    fv_tensor_file *f = open_file("ops_optimizer.safetensors");
    char *names = strdup(fv_tensor_file_metadata(f, "cases")), *save = NULL;
    int followed = 0;
    for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        float start[SIZE], expected[LONG * SIZE];
        const char *attributes = fv_tensor_file_metadata(f, name);
        if (value_of(attributes, "centered", 0) != 0)
            continue; /* no option of this library */
        const fv_fit_options o = options_of(attributes);
        read_floats(f, name, "start", start, SIZE);
        const int64_t steps = read_floats(f, name, "track", expected, LONG * SIZE) / SIZE;
        follow(&o, start, (int)steps, check_track, &(track){name, expected});
        followed++;
    }
    assert_int_equal(followed, 9);
    free(names);
    close_file(&f);
}

/* ---- the formulas, in double ---- */

typedef struct formula {
    const char *attributes;
    fv_fit_options o;
    double w[SIZE], m[SIZE], v[SIZE];
} formula;

static double sign_of(double x)
{
    return (x > 0) - (x < 0);
}

/* One weight's step t (from 1) with gradient g. */
static void formula_step(formula *s, int i, int t, double g)
{
    const fv_fit_options *o = &s->o;
    double *w = &s->w[i], *m = &s->m[i], *v = &s->v[i];
    g += o->l1 * sign_of(*w);
    if (o->optimizer != FV_ADAMW)
        g += o->weight_decay * *w;
    if (o->optimizer == FV_SGD) {
        *m = t == 1 ? g : o->momentum * *m + g;
        *w -= o->lr * (o->nesterov ? g + o->momentum * *m : *m);
    } else if (o->optimizer == FV_RMSPROP) {
        *v = o->alpha * *v + (1 - o->alpha) * g * g;
        const double step = g / (sqrt(*v) + o->eps);
        *m = o->momentum * *m + step;
        *w -= o->lr * *m;
    } else {
        *m = o->betas[0] * *m + (1 - o->betas[0]) * g;
        *v = o->betas[1] * *v + (1 - o->betas[1]) * g * g;
        if (o->optimizer == FV_ADAMW)
            *w -= o->lr * o->weight_decay * *w;
        *w -= o->lr * (*m / (1 - pow(o->betas[0], t))) / (sqrt(*v / (1 - pow(o->betas[1], t))) + o->eps);
    }
}

static void check_formula(void *arg, int step, const float *w)
{
    formula *s = arg;
    char name[32];
    snprintf(name, sizeof name, "optimizer.g.%d", step);
    double largest = 0;
    for (int i = 0; i < SIZE; i++) {
        formula_step(s, i, step + 1, (double)(float)golden_x(golden_key(name), i));
        largest = fmax(largest, fabs(s->w[i]));
    }
    for (int i = 0; i < SIZE; i++)
        if (!(fabs((double)w[i] - s->w[i]) <= 1e-5 * largest))
            fail_msg("%s: weight %d after step %d is %.9g, expected %.9g", s->attributes, i, step, (double)w[i],
                     s->w[i]);
}

static void test_formulas(void **state)
{
    static const char *const cases[] = {
        "kind=sgd lr=0.1 weight_decay=0.05",
        "kind=sgd lr=0.05 momentum=0.9 nesterov=1 weight_decay=0.01",
        "kind=adam lr=0.01 weight_decay=0.05",
        "kind=adamw lr=0.01 weight_decay=0.1",
        "kind=rmsprop lr=0.01",
        "kind=rmsprop lr=0.01 alpha=0.9 eps=0.001 momentum=0.9 weight_decay=0.01",
        "kind=sgd lr=0.003 momentum=0.5 l1=0.01",
        "kind=adamw lr=0.002 l1=0.02 weight_decay=0.1",
    };
    (void)state;
    ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        formula s = {.attributes = cases[k], .o = options_of(cases[k])};
        float start[SIZE];
        for (int i = 0; i < SIZE; i++)
            s.w[i] = (double)(start[i] = (float)golden_x(golden_key("optimizer.w"), i));
        follow(&s.o, start, LONG, check_formula, &s);
    }
    fv_ctx_destroy(&ctx);
}

/* ---- schedules ---- */

/* What an attribute line of the file is here: one step is one epoch. */
static fv_fit_options schedule_of(const char *name, const char *attributes)
{
    fv_fit_options o = FV_FIT_OPTIONS(.lr = 0.1, .epochs = LONG, .schedule = FV_CONSTANT);
    if (strstr(name, "cosine"))
        o.schedule = FV_COSINE;
    if (strcmp(name, "step") == 0)
        o.schedule = FV_STEP;
    o.min_lr = value_of(attributes, "final", 0);
    o.decay_epochs = value_of(attributes, "step_size", 30);
    o.decay_rate = value_of(attributes, "gamma", 0.1);
    o.warmup_epochs = value_of(attributes, "warmup_steps", 0);
    o.warmup_lr = 0.1 * value_of(attributes, "warmup_factor", 0);
    return o;
}

/* PyTorch's closed forms. */
static double rate(const fv_fit_options *o, double t)
{
    if (t < o->warmup_epochs)
        return o->warmup_lr + (o->lr - o->warmup_lr) * t / o->warmup_epochs;
    const double at = t - o->warmup_epochs, whole = (double)o->epochs - o->warmup_epochs;
    if (o->schedule == FV_STEP)
        return o->lr * pow(o->decay_rate, floor(at / o->decay_epochs));
    if (o->schedule == FV_COSINE)
        return o->min_lr + (o->lr - o->min_lr) * (1 + cos(M_PI * at / whole)) / 2;
    return o->lr;
}

static void test_schedules(void **state)
{
    (void)state;
    fv_tensor_file *f = open_file("ops_schedule.safetensors");
    char *names = strdup(fv_tensor_file_metadata(f, "cases")), *save = NULL;
    int followed = 0;
    for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        float expected[LONG];
        const char *attributes = fv_tensor_file_metadata(f, name);
        if (strcmp(name, "multistep") == 0)
            continue; /* no option of this library */
        const fv_fit_options o = schedule_of(name, attributes);
        assert_int_equal(read_floats(f, name, "rate", expected, LONG), LONG);
        for (int t = 0; t < LONG; t++) {
            const double found = fv_schedule_lr(&o, t), exact = rate(&o, t);
            if (!(fabs(found - (double)expected[t]) <= 1e-7 * fabs((double)expected[t]) + 1e-12)) /* stored as floats */
                fail_msg("%s: rate of step %d is %.12g, PyTorch's %.12g", name, t, found, (double)expected[t]);
            if (!(fabs(found - exact) <= 1e-9 * exact))
                fail_msg("%s: rate of step %d is %.15g, expected %.15g", name, t, found, exact);
        }
        followed++;
    }
    assert_int_equal(followed, 5);
    free(names);
    close_file(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trajectories),
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_schedules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
