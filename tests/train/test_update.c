/* SPDX-License-Identifier: Apache-2.0 */
/* The update as nodes: against the kernels called as the formulas say, bit for bit. */
#include "golden.h"

#include <math.h>

#include "kernels/optim/optim.h"
#include "ops/many.h"
#include "plan/plan.h"
#include "train/state.h"
#include "train/trainer.h"
#include "train/update.h"

/* A graph of parameters w0, w1, ... and their gradients d0, d1, ... as inputs, and memory for all values. */
typedef struct bench {
    fv_ctx *ctx;
    fv_graph *g;
    fv_val **d;
    const char **names;
    char (*text)[8];
    int32_t count, first;
    void **data; /* by value id */
} bench;

/* Odd parameters are exempt from decay and L1. */
static bool decays(void *user, const char *param)
{
    (void)user;
    return atoi(param + 1) % 2 == 0;
}

static fv_shape shape_of(int32_t i)
{
    return i % 3 == 0   ? (fv_shape){1, {5 + i}}
           : i % 3 == 1 ? (fv_shape){2, {3, 40 + i}}
                        : (fv_shape){4, {64, 3, 3, 40}};
}

static fv_status build(fv_ctx *ctx, bench *b, const fv_fit_options *fit, int32_t count)
{
    const fv_update_options options = {.fit = fit, .decays = decays};
    *b = (bench){.ctx = ctx, .count = count};
    b->d = calloc((size_t)count, sizeof *b->d);
    b->names = calloc((size_t)count, sizeof *b->names);
    b->text = calloc((size_t)count, sizeof *b->text);
    assert_true(b->d && b->names && b->text);
    FV_TRY(fv_graph_create(ctx, fv_op_find, &b->g));
    for (int32_t i = 0; i < count; i++) {
        fv_shape shape = shape_of(i);
        char name[16];
        snprintf(b->text[i], sizeof b->text[i], "w%d", (int)i % 1000);
        snprintf(name, sizeof name, "d%d", (int)i);
        b->names[i] = b->text[i];
        FV_TRY(fv_graph_param(b->g, b->names[i], FV_ROLE_PARAM, FV_F32, &shape, NULL));
        FV_TRY(fv_graph_input(b->g, name, FV_F32, &shape, &b->d[i]));
    }
    return fv_add_update(b->g, &options, b->names, b->d, count, &b->first);
}

static void bench_free(bench *b)
{
    for (int32_t i = 0; b->data && i < b->g->n_vals; i++)
        fv_free(b->ctx, b->data[i]);
    free(b->data);
    fv_graph_destroy(&b->g);
    free(b->d);
    free(b->names);
    free(b->text);
}

static float *floats(const bench *b, const char *format, int32_t i, const char *behind)
{
    char name[64];
    snprintf(name, sizeof name, format, (int)i, behind);
    fv_val *val = fv_graph_find(b->g, name);
    if (!val)
        fail_msg("the graph has no value '%s'", name);
    return b->data[val->id];
}

static float number(uint64_t *rng)
{
    *rng = *rng * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(*rng >> 32) * 0x1p-31f;
}

static void fill(uint64_t *rng, float *data, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        data[i] = number(rng);
}

static bench open(fv_ctx *ctx, const fv_fit_options *fit, int32_t count)
{
    bench b;
    uint64_t rng = 7;
    if (build(ctx, &b, fit, count) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_graph_verify(b.g), FV_OK);
    b.data = calloc((size_t)b.g->n_vals, sizeof *b.data);
    assert_non_null(b.data);
    for (int32_t i = 0; i < b.g->n_vals; i++) {
        const fv_val *v = b.g->vals[i];
        b.data[i] = fv_calloc(ctx, (size_t)fv_shape_count(&v->shape) + 16, sizeof(double));
        assert_non_null(b.data[i]);
    }
    for (int32_t i = 0; i < count; i++)
        fill(&rng, floats(&b, "w%d", i, ""), fv_shape_count(&b.d[i]->shape));
    return b;
}

static void run_nodes(bench *b, int32_t begin, int32_t end)
{
    for (int32_t n = begin; n < end; n++) {
        const fv_node *node = b->g->nodes[n];
        void *in[FV_MAX_OPERANDS] = {NULL}, *out[FV_MAX_RESULTS] = {NULL};
        fv_plan *plan;
        for (int32_t i = 0; i < node->n_in; i++)
            in[i] = node->in[i] ? b->data[node->in[i]->id] : NULL;
        for (int32_t i = 0; i < node->n_out; i++)
            out[i] = b->data[node->out[i]->id];
        const fv_planner planner = {.ctx = b->ctx, .providers = fv_cpu_providers};
        assert_int_equal(fv_plan_create(&planner, node, FV_F32, 0, &plan), FV_OK);
        const fv_solver *solver = plan->solver;
        size_t bytes = solver->workspace_bytes ? solver->workspace_bytes(plan) : 0;
        void *workspace = fv_malloc(b->ctx, bytes + 64);
        assert_non_null(workspace);
        solver->run(plan, &(fv_call){.node = node, .in = in, .out = out, .workspace = workspace, .shards = 1});
        fv_free(b->ctx, workspace);
        fv_plan_destroy(&plan);
    }
}

/* ---- the same by calls of the kernels ---- */

static double power(double x, int n)
{
    return n == 0 ? 1 : x * power(x, n - 1);
}

static void kernel_step(const fv_fit_options *o, const fv_optim_kernels *k, float lr, double lr64, int t, float decay,
                        float scale, int64_t n, const float *d, float *w, float *m, float *v)
{
    fv_sgd sgd = {.lr = lr, .momentum = (float)o->momentum, .weight_decay = decay, .grad_scale = scale};
    fv_rmsprop rmsprop = {.lr = lr,
                          .eps = (float)o->eps,
                          .weight_decay = decay,
                          .momentum = (float)o->momentum,
                          .grad_scale = scale,
                          .alpha = o->alpha};
    fv_adam adam = {.eps = (float)o->eps,
                    .weight_decay = decay,
                    .grad_scale = scale,
                    .lr = lr64,
                    .beta1 = o->betas[0],
                    .beta2 = o->betas[1],
                    .correction1 = 1 - power(o->betas[0], t),
                    .correction2 = 1 - power(o->betas[1], t),
                    .decoupled = o->optimizer == FV_ADAMW};
    sgd.nesterov = o->nesterov;
    if (o->optimizer == FV_SGD)
        k->sgd(&sgd, n, d, w, m);
    else if (o->optimizer == FV_RMSPROP)
        k->rmsprop(&rmsprop, n, d, w, m, NULL, v);
    else
        k->adam(&adam, n, d, w, m, v);
}

/* What L1 and clipping by value make of a gradient. */
static void shape_gradient(const fv_fit_options *o, bool decay, int64_t n, const float *w, float *d)
{
    const float l1 = (float)o->l1, most = (float)o->clip_value;
    for (int64_t i = 0; i < n; i++) {
        if (decay && l1 > 0)
            d[i] += w[i] > 0 ? l1 : w[i] < 0 ? -l1 : 0.0f;
        if (most > 0)
            d[i] = d[i] > most ? most : d[i] < -most ? -most : d[i];
    }
}

static void check_fit(fv_ctx *ctx, const fv_fit_options *fit, int32_t count)
{
    const fv_optim_kernels *k = fv_kernels_get(fv_ctx_isa_id(ctx))->optim;
    bench b = open(ctx, fit, count), e = open(ctx, fit, count);
    uint64_t rng = 99;
    double *run = b.data[fv_graph_find(b.g, FV_UPDATE_RUN)->id];
    for (int t = 1; t <= 3; t++) {
        double squares = 0, lr = 0.1 / t;
        for (int32_t i = 0; i < count; i++) {
            int64_t n = fv_shape_count(&b.d[i]->shape);
            float *d = floats(&b, "d%d", i, ""), *de = floats(&e, "d%d", i, "");
            fill(&rng, d, n);
            memcpy(de, d, (size_t)n * sizeof(float));
            shape_gradient(fit, i % 2 == 0, n, floats(&e, "w%d", i, ""), de);
            for (int64_t j = 0; j < n; j++)
                squares += (double)de[j] * (double)de[j];
        }
        run[0] = lr;
        run[1] = t;
        run_nodes(&b, 0, b.g->n_nodes);
        float scale = 1;
        if (fit->clip_norm > 0) {
            float norm = *floats(&b, FV_UPDATE_NORM, 0, "");
            assert_true(fabs((double)norm - sqrt(squares)) <= 1e-6 * sqrt(squares));
            scale = (float)(fit->clip_norm / ((double)norm + 1e-6));
            scale = scale < 1 ? scale : 1;
        }
        assert_int_equal(*(uint8_t *)b.data[fv_graph_find(b.g, FV_UPDATE_FINITE)->id], 1);
        const fv_optimizer *row = fv_optimizer_get((fv_optimizer_kind)fit->optimizer);
        for (int32_t i = 0; i < count; i++) {
            int64_t n = fv_shape_count(&b.d[i]->shape);
            float *slot[2] = {NULL, NULL};
            for (int s = 0; s < row->slots(fit); s++)
                slot[s] = floats(&e, "w%d.%s", i, row->slot_names[s]);
            kernel_step(fit, k, (float)lr, lr, t, i % 2 == 0 ? (float)fit->weight_decay : 0, scale, n,
                        floats(&e, "d%d", i, ""), floats(&e, "w%d", i, ""), slot[0], slot[1]);
            assert_memory_equal(floats(&b, "w%d", i, ""), floats(&e, "w%d", i, ""), (size_t)n * sizeof(float));
            for (int s = 0; s < row->slots(fit); s++)
                assert_memory_equal(floats(&b, "w%d.%s", i, row->slot_names[s]), slot[s], (size_t)n * sizeof(float));
        }
    }
    bench_free(&b);
    bench_free(&e);
}

static void test_optimizers(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads += 2) {
        fv_ctx *ctx = fv_test_ctx(threads, NULL, NULL);
        for (int i = 0; i <= FV_RMSPROP; i++) /* the others are made of more than one kernel: test_optimizers.c */
            for (int kind = 0; kind < 16; kind++) {
                fv_fit_options fit = {.optimizer = (fv_optimizer_kind)i,
                                      .momentum = kind & 1 ? 0.9 : 0,
                                      .nesterov = i == FV_SGD && kind == 15,
                                      .betas = {0.9, 0.99},
                                      .eps = 1e-8,
                                      .alpha = 0.98,
                                      .weight_decay = kind & 2 ? 0.01 : 0,
                                      .l1 = kind & 4 ? 0.001 : 0,
                                      .clip_norm = kind & 8 ? (kind & 1 ? 20 : 1e6) : 0,
                                      .clip_value = kind & 2 ? 0.75 : 0};
                check_fit(ctx, &fit, 4);
            }
        fv_ctx_destroy(&ctx);
    }
}

/* More parameters than one node takes: the checks come in groups. */
static void test_many(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_fit_options fit = {.optimizer = FV_SGD, .clip_norm = 5};
    const int32_t count = 2 * FV_MANY + 6;
    check_fit(ctx, &fit, count);
    bench b = open(ctx, &fit, count);
    const uint8_t *finite = b.data[fv_graph_find(b.g, FV_UPDATE_FINITE)->id];
    for (int32_t i = 0; i < count; i += 7) {
        float *d = floats(&b, "d%d", i, "") + fv_shape_count(&b.d[i]->shape) - 1;
        *d = i % 2 ? NAN : INFINITY;
        run_nodes(&b, 0, b.first); /* nothing has changed yet */
        assert_int_equal(*finite, 0);
        *d = 0;
        run_nodes(&b, 0, b.first);
        assert_int_equal(*finite, 1);
    }
    for (int32_t n = 0; n < b.g->n_nodes; n++)
        assert_true(b.g->nodes[n]->op->updates == 0 || n >= b.first);
    bench_free(&b);
    fv_ctx_destroy(&ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_fit_options fit = {.optimizer = FV_SGD};
    const fv_update_options options = {.fit = &fit, .decays = decays};
    bench b = open(ctx, &fit, 2);
    int32_t first, nodes = b.g->n_nodes;
    assert_int_equal(fv_add_update(b.g, &options, (const char *const[]){"d0"}, b.d, 1, &first), FV_ERR_ARGUMENT);
    assert_non_null(strstr(fv_ctx_error(ctx), "no parameter 'd0'"));
    assert_int_equal(fv_add_update(b.g, &options, b.names, b.d, 0, &first), FV_OK); /* nothing to do */
    assert_int_equal(first, nodes);
    assert_int_equal(b.g->n_nodes, nodes);
    bench_free(&b);
    /* A model, which is what runs without training, has no such nodes. */
    fv_model *m;
    fv_val *average, *src;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_flatten(m, fv_input(m, 4, 4, 3));
    x = fv_dense(m, x, .units = 10);
    assert_int_equal(fv_graph_param(m->graph, "a", FV_ROLE_STATE, FV_F32, &(fv_shape){1, {3}}, &average), FV_OK);
    assert_int_equal(fv_graph_param(m->graph, "b", FV_ROLE_STATE, FV_F32, &(fv_shape){1, {3}}, &src), FV_OK);
    assert_int_equal(fv_graph_add(m->graph, fv_op_find(ctx, "ema"), "e", NULL, (fv_val *[]){average, src}, 2, NULL),
                     FV_OK);
    assert_int_equal(fv_model_finish(m, x), FV_ERR_UNSUPPORTED);
    assert_non_null(strstr(fv_ctx_error(ctx), "'e' (ema) belongs to training"));
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* ---- in a trainer ---- */

enum { BATCH = 6 };

typedef struct small_net {
    fv_model *model;
    fv_trainer *trainer;
    float *images;
    int32_t labels[BATCH];
} small_net;

static small_net small_open(fv_ctx *ctx, const char *zoo, const fv_fit_options *options)
{
    small_net x;
    int64_t h, w, c;
    assert_int_equal(fv_model_zoo(ctx, zoo, &(fv_zoo_options){.classes = 10, .dropout = -1}, &x.model), FV_OK);
    assert_int_equal(fv_model_init(x.model, 7, FV_INIT_DEFAULT), FV_OK);
    if (fv_trainer_create(x.model, options, &x.trainer) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    fv_model_input_size(x.model, &h, &w, &c);
    x.images = malloc((size_t)(BATCH * h * w * c) * sizeof *x.images);
    assert_non_null(x.images);
    golden_batch(0, BATCH, h, w, c, x.images, x.labels);
    return x;
}

static void small_close(small_net *x)
{
    free(x->images);
    fv_trainer_destroy(&x->trainer);
    fv_model_destroy(&x->model);
}

static double gradient_norm(fv_trainer *t)
{
    double squares = 0;
    for (int i = 0; i < t->n_params; i++) {
        const float *d = fv_trainer_gradient_of(t, t->params[i].name, NULL);
        for (int64_t k = 0; k < fv_tensor_count(t->params[i].tensor); k++)
            squares += (double)d[k] * (double)d[k];
    }
    return sqrt(squares);
}

/* Gradients too long are scaled down together; what a caller sees of them stays as it was. */
static void test_clipped_run(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    const float lr = 0.5f;
    for (int round = 0; round < 2; round++) {
        const fv_fit_options options =
            FV_FIT_OPTIONS(.momentum = 0, .weight_decay = 0, .clip_norm = round ? 0.125 : 1e6);
        small_net x = small_open(ctx, "lenet", &options);
        fv_trainer *t = x.trainer;
        double loss;
        float norm, *weights[64], *gradients[64];
        assert_int_equal(fv_trainer_gradient(t, x.images, x.labels, BATCH, &loss), FV_OK);
        assert_true(fv_trainer_finite(t) && t->n_params < 64);
        double expected = gradient_norm(t);
        assert_true(expected > 0.25 && expected < 1e6);
        for (int i = 0; i < t->n_params; i++) {
            size_t bytes = (size_t)fv_tensor_count(t->params[i].tensor) * sizeof(float);
            weights[i] = malloc(bytes);
            gradients[i] = malloc(bytes);
            assert_true(weights[i] && gradients[i]);
            memcpy(weights[i], fv_tensor_data(t->params[i].tensor), bytes);
            memcpy(gradients[i], fv_trainer_gradient_of(t, t->params[i].name, NULL), bytes);
        }
        assert_int_equal(fv_trainer_apply(t, (double)lr), FV_OK);
        assert_int_equal(fv_trainer_get(t, FV_UPDATE_NORM, &norm, sizeof norm), FV_OK);
        assert_true(fabs((double)norm - expected) < 1e-6 * expected);
        float scale = round ? (float)(0.125 / ((double)norm + 1e-6)) : 1.0f;
        for (int i = 0; i < t->n_params; i++) {
            const float *now = fv_tensor_data(t->params[i].tensor);
            size_t count = (size_t)fv_tensor_count(t->params[i].tensor);
            for (size_t k = 0; k < count; k++)
                assert_true(now[k] == fmaf(-lr, gradients[i][k] * scale, weights[i][k]));
            assert_memory_equal(gradients[i], fv_trainer_gradient_of(t, t->params[i].name, NULL),
                                count * sizeof(float));
            free(weights[i]);
            free(gradients[i]);
        }
        small_close(&x);
    }
    fv_ctx_destroy(&ctx);
}

/* One pixel that is not a number spoils gradients, and the check says so; then all is well again. */
static void test_finite_run(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    const fv_fit_options options = FV_FIT_OPTIONS(.optimizer = FV_ADAM);
    small_net x = small_open(ctx, "lenet", &options);
    double loss;
    float pixel = x.images[300];
    x.images[300] = NAN;
    assert_int_equal(fv_trainer_gradient(x.trainer, x.images, x.labels, BATCH, &loss), FV_OK);
    assert_false(fv_trainer_finite(x.trainer));
    x.images[300] = pixel;
    assert_int_equal(fv_trainer_gradient(x.trainer, x.images, x.labels, BATCH, &loss), FV_OK);
    assert_true(fv_trainer_finite(x.trainer));
    small_close(&x);
    fv_ctx_destroy(&ctx);
}

/* Averages of weights and running statistics follow the formula, are in the state, and can be looked at as a model. */
static void test_average_run(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    const double decay = 0.75;
    fv_fit_options options = FV_FIT_OPTIONS(.lr = 0.1, .model_ema = true, .model_ema_decay = decay);
    small_net x = small_open(ctx, "resnet8", &options), y = small_open(ctx, "resnet8", &options);
    fv_model *m = x.model;
    char dir[256], path[300], before[65], after[65];
    double loss;
    float **expected = calloc((size_t)m->n_slots, sizeof *expected);
    assert_non_null(expected);
    for (int i = 0; i < m->n_slots; i++) {
        size_t bytes = (size_t)fv_tensor_count(m->slots[i].data) * sizeof(float);
        expected[i] = malloc(bytes);
        assert_non_null(expected[i]);
        memcpy(expected[i], fv_slot_data(&m->slots[i]), bytes);
    }
    for (int step = 0; step < 3; step++) {
        assert_int_equal(fv_trainer_gradient(x.trainer, x.images, x.labels, BATCH, &loss), FV_OK);
        assert_int_equal(fv_trainer_apply(x.trainer, 0.1), FV_OK);
        for (int i = 0; i < m->n_slots; i++)
            for (int64_t k = 0; k < fv_tensor_count(m->slots[i].data); k++)
                expected[i][k] =
                    fmaf((float)(1 - decay), fv_slot_data(&m->slots[i])[k] - expected[i][k], expected[i][k]);
    }
    fv_test_dir_create(dir);
    snprintf(path, sizeof path, "%s/a.state", dir);
    const fv_identity identity = {.model = "resnet8", .options = &options};
    fv_progress progress = {.epoch = 1};
    assert_int_equal(fv_state_save(x.trainer, &progress, &identity, path), FV_OK);
    if (fv_state_load(y.trainer, &progress, &identity, path, false) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    fv_model_sha256(m, before);
    for (int i = 0; i < m->n_slots; i++) {
        fv_shape shape;
        size_t bytes = (size_t)fv_tensor_count(m->slots[i].data) * sizeof(float);
        assert_memory_equal(fv_trainer_average_of(x.trainer, m->slots[i].name, &shape), expected[i], bytes);
        assert_true(fv_shape_equal(&shape, &m->slots[i].shape));
        assert_memory_equal(fv_trainer_average_of(y.trainer, m->slots[i].name, NULL), expected[i], bytes);
        fv_average_swap(x.trainer->average);
        assert_memory_equal(fv_slot_data(&m->slots[i]), expected[i], bytes);
        fv_average_swap(x.trainer->average);
        free(expected[i]);
    }
    fv_model_sha256(m, after);
    assert_string_equal(before, after);
    assert_null(fv_trainer_average_of(x.trainer, "nothing", NULL));
    free(expected);
    fv_test_dir_remove(dir);
    small_close(&x);
    small_close(&y);
    options.model_ema = false;
    small_net z = small_open(ctx, "resnet8", &options);
    assert_null(fv_trainer_average_of(z.trainer, z.model->slots[0].name, NULL));
    small_close(&z);
    fv_ctx_destroy(&ctx);
}

static fv_status build_once(fv_ctx *ctx, void *arg)
{
    bench b;
    fv_status status = build(ctx, &b, arg, FV_MANY + 3);
    bench_free(&b);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    fv_fit_options fit = {.optimizer = FV_ADAM, .betas = {0.9, 0.9}, .eps = 1, .clip_norm = 1, .l1 = 1};
    assert_true(fv_test_each_allocation(build_once, &fit) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_optimizers),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_clipped_run),
        cmocka_unit_test(test_finite_run),
        cmocka_unit_test(test_average_run),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
