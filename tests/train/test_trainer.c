/* SPDX-License-Identifier: Apache-2.0 */
/* The trainer in pieces: what may follow what, and names of several losses. */
#include "support/support.h"

#include <fovea/fovea.h>

enum { N = 4, CLASSES = 3 };

static fv_ctx *ctx;
static fv_model *m;
static float images[N * 8 * 8];
static int32_t labels[N] = {0, 1, 2, 0};

static int setup(void **state)
{
    (void)state;
    ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_flatten(m, fv_input(m, 8, 8, 1));
    fv_output(m, "main", fv_dense(m, x, .units = CLASSES, .name = "a"));
    fv_output(m, "wide", fv_dense(m, x, .units = CLASSES + 1, .name = "b"));
    assert_int_equal(fv_model_finish_outputs(m), FV_OK);
    assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
    for (int i = 0; i < N * 64; i++)
        images[i] = (float)(i * 7 % 11) / 11.0f;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int64_t now = -1;
    fv_model_destroy(&m);
    fv_ctx_memory(ctx, &now, NULL);
    assert_int_equal(now, 0);
    fv_ctx_destroy(&ctx);
    return 0;
}

static fv_trainer *make(const fv_loss_spec *losses, int n, int64_t pieces)
{
    fv_trainer *t;
    const fv_fit_options o = FV_FIT_OPTIONS(.lr = 0.1, .grad_accum_steps = pieces);
    if (fv_trainer_create_with(m, &o, losses, n, &t) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return t;
}

static void refused(fv_status status, const char *says)
{
    assert_int_equal(status, FV_ERR_ARGUMENT);
    if (!strstr(fv_ctx_error(ctx), says))
        fail_msg("'%s' lacks '%s'", fv_ctx_error(ctx), says);
}

static const fv_loss_spec only[] = {{.loss = "softmax_cross_entropy", .output = "main", .weight = 1}};

static void test_order(void **state)
{
    (void)state;
    double loss, again;
    float value;
    fv_shape shape;
    fv_trainer *t = make(only, 1, 1);
    refused(fv_trainer_compute(t, &loss), "fv_trainer_begin");
    refused(fv_trainer_set(t, "input", images), "fv_trainer_begin");
    refused(fv_trainer_apply(t, 0.1), "no gradient");
    refused(fv_trainer_begin(t, 0), "0 samples");
    assert_int_equal(fv_trainer_begin(t, N), FV_OK);
    refused(fv_trainer_apply(t, 0.1), "no gradient");
    refused(fv_trainer_get(t, "loss", &value, sizeof value), "nothing is computed");
    assert_null(fv_trainer_logits(t, &shape));
    refused(fv_trainer_compute(t, &loss), "'input'");
    assert_int_equal(fv_trainer_set(t, "input", images), FV_OK);
    refused(fv_trainer_compute(t, &loss), "'target'");
    refused(fv_trainer_set(t, "target", NULL), "no data");
    refused(fv_trainer_set(t, NULL, labels), "no input");
    assert_int_equal(fv_trainer_set(t, "target", labels), FV_OK);
    assert_int_equal(fv_trainer_compute(t, &loss), FV_OK);
    assert_int_equal(fv_trainer_get(t, "loss", &value, sizeof value), FV_OK);
    refused(fv_trainer_get(t, "nothing", &value, sizeof value), "'nothing'");
    assert_int_equal(fv_trainer_apply(t, 0.1), FV_OK);
    refused(fv_trainer_apply(t, 0.1), "no gradient"); /* one gradient is one step */
    assert_non_null(fv_trainer_gradient_of(t, "a.weight", &shape));
    assert_int_equal(fv_trainer_gradient(t, images, labels, N, &again), FV_OK);
    assert_true(again < loss);
    fv_trainer_destroy(&t);
}

/* One target for two heads is given once; other clashes of names are refused. */
static void test_names(void **state)
{
    (void)state;
    fv_trainer *t;
    double loss;
    const fv_loss_spec shared[] = {
        {.loss = "softmax_cross_entropy", .output = "main", .target = "label", .name = "x", .weight = 1},
        {.loss = "softmax_cross_entropy", .output = "wide", .target = "label", .name = "y", .weight = 1}};
    const int32_t beyond[N] = {0, 1, 3, 0}; /* a class of the wide head alone */
    t = make(shared, 2, 1);
    assert_int_equal(fv_trainer_begin(t, N), FV_OK);
    assert_int_equal(fv_trainer_set(t, "input", images), FV_OK);
    assert_int_equal(fv_trainer_set(t, "label", beyond), FV_ERR_DATA_CLASSES);
    assert_int_equal(fv_trainer_set(t, "label", labels), FV_OK);
    assert_int_equal(fv_trainer_compute(t, &loss), FV_OK);
    fv_trainer_destroy(&t);
    const fv_fit_options o = FV_FIT_OPTIONS(.lr = 0.1);
    fv_loss_spec clash[] = {shared[0], shared[1]};
    clash[1].name = "x";
    refused(fv_trainer_create_with(m, &o, clash, 2, &t), "'x': the name is taken");
    clash[1] = shared[1];
    clash[1].loss = "mse";
    refused(fv_trainer_create_with(m, &o, clash, 2, &t), "'label'");
    clash[1].target = "input";
    refused(fv_trainer_create_with(m, &o, clash, 2, &t), "a value of the model");
    refused(fv_trainer_create_with(m, &o, NULL, 2, &t), "no losses");
}

/* Named outputs of a batch in pieces are those of the whole. */
static void test_pieces(void **state)
{
    (void)state;
    float out[2][N * (CLASSES + 1)];
    for (int k = 0; k < 2; k++) {
        fv_trainer *t = make(only, 1, k ? 4 : 1);
        double loss;
        fv_shape shape;
        assert_int_equal(fv_trainer_gradient(t, images, labels, N, &loss), FV_OK);
        assert_int_equal(fv_trainer_get(t, "wide", out[k], sizeof out[k]), FV_OK);
        assert_non_null(fv_trainer_logits(t, &shape));
        assert_int_equal(shape.dim[0], N);
        fv_trainer_destroy(&t);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pieces, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
