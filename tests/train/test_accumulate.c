/* SPDX-License-Identifier: Apache-2.0 */
/* Batches computed in pieces (--grad-accum-steps) against the same batches at once: the same bits at every step. */
#include "golden.h"

#include <math.h>

enum { STEPS = 3, MOST = 32 };

typedef struct accumulate_case {
    const char *zoo; /* NULL: opnet */
    int64_t n[STEPS];
    fv_fit_options options;
} accumulate_case;

#pragma GCC diagnostic push
FV_OVERRIDE_QUIETLY
/* Batches of 32 have 8 shards, of 20 four, of 7 one, which cannot be cut. */
static const accumulate_case cases[] = {
    {"mnist_cnn", {32, 32, 20}, {FV_FIT_DEFAULTS.optimizer = FV_ADAM, .lr = 1e-3}},
    {"lenet", {16, 7, 24}, {FV_FIT_DEFAULTS.lr = 0.05, .weight_decay = 1e-3, .l1 = 1e-5, .label_smoothing = 0.1}},
    {"squeezenet1_1", {8, 4, 2}, {FV_FIT_DEFAULTS.lr = 1e-3}}, /* dropout */
    {"resnet8", {32, 16, 12}, {FV_FIT_DEFAULTS.lr = 0.05, .nesterov = true, .freeze_norm = true}},
    {NULL, {16, 8, 8}, {FV_FIT_DEFAULTS.optimizer = FV_ADAMW, .lr = 1e-3, .weight_decay = 1e-2, .freeze_norm = true}},
};
#pragma GCC diagnostic pop

typedef struct trained {
    fv_model *model;
    fv_trainer *trainer;
    int64_t h, w, c;
    float *images;
    int32_t labels[MOST];
} trained;

static void begin(trained *r, fv_ctx *ctx, const accumulate_case *x, int64_t steps)
{
    fv_fit_options o = x->options;
    fv_zoo_options zoo = {.classes = 10, .dropout = -1};
    if (x->zoo && strcmp(x->zoo, "squeezenet1_1") == 0)
        zoo.img_size[0] = zoo.img_size[1] = 65;
    if (x->zoo)
        assert_int_equal(fv_model_zoo(ctx, x->zoo, &zoo, &r->model), FV_OK);
    else
        r->model = golden_opnet(ctx);
    assert_int_equal(fv_model_init(r->model, 7, FV_INIT_DEFAULT), FV_OK);
    o.batch_size = x->n[0];
    o.grad_accum_steps = steps;
    o.seed = 3;
    if (fv_trainer_create(r->model, &o, &r->trainer) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    fv_model_input_size(r->model, &r->h, &r->w, &r->c);
    r->images = malloc((size_t)(MOST * r->h * r->w * r->c) * sizeof *r->images);
    assert_non_null(r->images);
}

static double step(trained *r, const accumulate_case *x, int64_t i)
{
    double loss;
    golden_batch(i, x->n[i], r->h, r->w, r->c, r->images, r->labels);
    assert_int_equal(fv_trainer_gradient(r->trainer, r->images, r->labels, x->n[i], &loss), FV_OK);
    return loss;
}

static void end(trained *r)
{
    fv_trainer_destroy(&r->trainer);
    fv_model_destroy(&r->model);
    free(r->images);
}

static void expect_same(trained *a, trained *b, const accumulate_case *x, int64_t steps, int64_t i)
{
    fv_shape s1, s2;
    const float *l1 = fv_trainer_logits(a->trainer, &s1), *l2 = fv_trainer_logits(b->trainer, &s2);
    assert_true(fv_shape_equal(&s1, &s2) && s1.dim[0] == x->n[i]);
    if (memcmp(l1, l2, (size_t)fv_shape_count(&s1) * sizeof *l1) != 0)
        fail_msg("%s, %d pieces, step %d: other logits", x->zoo, (int)steps, (int)i);
    for (int k = 0; k < a->model->n_slots; k++) {
        const char *name = a->model->slots[k].name;
        const float *g1 = fv_trainer_gradient_of(a->trainer, name, &s1);
        const float *g2 = fv_trainer_gradient_of(b->trainer, name, &s2);
        assert_true((g1 == NULL) == (g2 == NULL));
        if (g1 && memcmp(g1, g2, (size_t)fv_shape_count(&s1) * sizeof *g1) != 0)
            fail_msg("%s, %d pieces, step %d: other gradient of %s", x->zoo, (int)steps, (int)i, name);
    }
}

static void check_case(fv_ctx *ctx, const accumulate_case *x, int64_t steps)
{
    trained a, b;
    char hex[2][65];
    begin(&a, ctx, x, 1);
    begin(&b, ctx, x, steps);
    for (int64_t i = 0; i < STEPS; i++) {
        double one = step(&a, x, i), other = step(&b, x, i);
        if (memcmp(&one, &other, sizeof one) != 0)
            fail_msg("%s, %d pieces, step %d: loss %.17g, expected %.17g", x->zoo, (int)steps, (int)i, other, one);
        expect_same(&a, &b, x, steps, i);
        assert_int_equal(fv_trainer_apply(a.trainer, x->options.lr), FV_OK);
        assert_int_equal(fv_trainer_apply(b.trainer, x->options.lr), FV_OK);
    }
    fv_model_sha256(a.model, hex[0]);
    fv_model_sha256(b.model, hex[1]);
    assert_string_equal(hex[0], hex[1]);
    end(&a);
    end(&b);
}

static void test_same_bits(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        for (int64_t steps = FV_TEST_CASES(2, 4); steps <= FV_TEST_CASES(8, 4); steps *= 2)
            check_case(ctx, &cases[k], steps);
    fv_ctx_destroy(&ctx);
}

/* Of the small networks, whoever computes their convolutions. */
static void test_algorithms(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    for (uint64_t i = FV_TEST_CASES(1, 4); i < FV_TEST_ALGORITHMS; i += FV_TEST_CASES(1, 4)) {
        fv_test_ask_for(ctx, i);
        check_case(ctx, &cases[i % 2], 4);
        check_case(ctx, &cases[(i + 1) % 2], 2);
    }
    fv_ctx_destroy(&ctx);
}

/* With batch norm at work a piece is normalized by itself: another run, as good and as repeatable. */
static void test_batch_norm(void **state)
{
    (void)state;
    const accumulate_case x = {"resnet8", {32, 32, 32}, FV_FIT_OPTIONS(.lr = 0.05)};
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    trained r[3];
    char hex[3][65];
    double loss[3];
    for (int k = 0; k < 3; k++) {
        begin(&r[k], ctx, &x, k < 2 ? 4 : 1);
        for (int64_t i = 0; i < STEPS; i++) {
            loss[k] = step(&r[k], &x, i);
            assert_int_equal(fv_trainer_apply(r[k].trainer, x.options.lr), FV_OK);
        }
        fv_model_sha256(r[k].model, hex[k]);
        end(&r[k]);
    }
    assert_string_equal(hex[0], hex[1]);
    assert_string_not_equal(hex[0], hex[2]);
    assert_true(fabs(loss[0] - loss[2]) < 0.3 * loss[2]);
    fv_ctx_destroy(&ctx);
}

/* Less memory: that is what it is for. */
static void test_memory(void **state)
{
    (void)state;
    const accumulate_case x = {"resnet8", {32, 32, 32}, FV_FIT_OPTIONS(.lr = 0.05, .freeze_norm = true)};
    int64_t peak[2];
    for (int k = 0; k < 2; k++) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        trained r;
        begin(&r, ctx, &x, k ? 8 : 1);
        step(&r, &x, 0);
        fv_ctx_memory(ctx, NULL, &peak[k]);
        end(&r);
        fv_ctx_destroy(&ctx);
    }
    assert_true(peak[1] < peak[0] / 2);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        int64_t batch, steps;
        const char *text;
    } refused[] = {
        {32, 3, "--grad-accum-steps 3: expected 1, 2, 4 or 8"},
        {32, 16, "--grad-accum-steps: found 16, expected"},
        {12, 8, "--grad-accum-steps 8: a batch of 12 can be cut into at most 4 pieces"},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = golden_opnet(ctx);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        fv_trainer *t;
        fv_fit_options o =
            FV_FIT_OPTIONS(.batch_size = refused[i].batch, .grad_accum_steps = refused[i].steps, .lr = 0.1);
        assert_int_not_equal(fv_trainer_create(m, &o, &t), FV_OK);
        if (!strstr(fv_ctx_error(ctx), refused[i].text))
            fail_msg("'%s' lacks '%s'", fv_ctx_error(ctx), refused[i].text);
    }
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits), cmocka_unit_test(test_algorithms), cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_memory),    cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
