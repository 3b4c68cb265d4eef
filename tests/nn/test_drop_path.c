/* SPDX-License-Identifier: Apache-2.0 */
/* fv_zoo_options.drop_path: which residual branches are left out how often, and what that leaves as it is. */
#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

#include "model/model.h"
#include "ops/dropout.h"

static fv_ctx *ctx;

static fv_model *build(const char *name, double drop_path)
{
    fv_model *m;
    const fv_zoo_options o = {.classes = 4, .img_size = {64, 64}, .dropout = -1, .drop_path = drop_path};
    if (fv_model_zoo(ctx, name, &o, &m) != FV_OK)
        fail_msg("%s: %s", name, fv_ctx_error(ctx));
    return m;
}

/* Rates in the order of the network; how many branches have one. */
static int rates_of(const fv_model *m, double rate[64])
{
    int n = 0;
    for (int32_t i = 0; i < m->graph->n_nodes; i++)
        if (strcmp(m->graph->nodes[i]->op->name, "stochastic_depth") == 0 && n < 64)
            rate[n++] = ((const fv_dropout_attr *)m->graph->nodes[i]->attr)->rate;
    return n;
}

static int count_of(const fv_model *m, const char *op)
{
    int n = 0;
    for (int32_t i = 0; i < m->graph->n_nodes; i++)
        n += strcmp(m->graph->nodes[i]->op->name, op) == 0;
    return n;
}

/* From nothing at the first branch to the whole rate at the last one, in a line. */
static void in_a_line(void **state)
{
    (void)state;
    static const char *const nets[] = {"resnet8",         "resnet20",           "resnet50",        "wide_resnet50_2",
                                       "resnext50_32x4d", "regnet_y_400mf",     "mobilenet_v2",    "mobilenet_v3_large",
                                       "mnasnet1_0",      "efficientnet_lite0", "efficientnet_b0", "convnext_tiny"};
    for (size_t k = 0; k < sizeof nets / sizeof *nets; k++) {
        double rate[64];
        fv_model *m = build(nets[k], 0.3), *plain = build(nets[k], -1);
        const int n = rates_of(m, rate), branches = count_of(m, "add");
        if (n != branches - 1)
            fail_msg("%s: %d of %d branches are left out at times", nets[k], n, branches);
        for (int i = 0; i < n; i++)
            assert_true(fabs(rate[i] - 0.3 * (i + 1) / n) < 1e-12);
        assert_int_equal(count_of(plain, "stochastic_depth"), 0);
        assert_int_equal(m->n_slots, plain->n_slots);
        for (int i = 0; i < m->n_slots; i++) {
            assert_string_equal(m->slots[i].name, plain->slots[i].name);
            assert_true(fv_shape_equal(&m->slots[i].shape, &plain->slots[i].shape));
        }
        fv_model_destroy(&plain);
        fv_model_destroy(&m);
    }
}

static void of_its_own(void **state)
{
    (void)state;
    double rate[64];
    fv_model *m = build("convnext_tiny", 0);
    assert_int_equal(rates_of(m, rate), 17);
    assert_true(fabs(rate[16] - 0.1) < 1e-12);
    fv_model_destroy(&m);
    m = build("resnet20", 0);
    assert_int_equal(rates_of(m, rate), 0);
    fv_model_destroy(&m);
}

/* Inference is that of the network without it, to the bit. */
static void inference(void **state)
{
    (void)state;
    float p[2][4];
    for (int k = 0; k < 2; k++) {
        fv_session *session;
        fv_shape shape;
        fv_model *m = build("resnet20", k ? 0.5 : -1);
        assert_int_equal(fv_model_init(m, 5, FV_INIT_DEFAULT), FV_OK);
        if (fv_session_create(m, 1, &session) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        float *image = fv_session_input(session);
        for (int i = 0; i < 64 * 64 * 3; i++)
            image[i] = (float)(i % 255) / 255;
        assert_int_equal(fv_session_run(session), FV_OK);
        memcpy(p[k], fv_session_output(session, &shape), sizeof p[k]);
        assert_int_equal(fv_shape_count(&shape), 4);
        fv_session_destroy(&session);
        fv_model_destroy(&m);
    }
    assert_memory_equal(p[0], p[1], sizeof p[0]);
}

static void refused(void **state)
{
    (void)state;
    fv_model *m;
    assert_int_equal(fv_model_zoo(ctx, "vgg11", &(fv_zoo_options){.dropout = -1, .drop_path = 0.1}, &m),
                     FV_ERR_CONFLICT);
    assert_non_null(strstr(fv_ctx_error(ctx), "vgg11 has no residual blocks"));
    assert_int_equal(fv_model_zoo(ctx, "resnet8", &(fv_zoo_options){.dropout = -1, .drop_path = 1}, &m), FV_ERR_VALUE);
    assert_null(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_a_line), cmocka_unit_test(of_its_own),
                                       cmocka_unit_test(inference), cmocka_unit_test(refused)};
    ctx = fv_test_ctx(1, NULL, NULL);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fv_ctx_destroy(&ctx);
    return failed;
}
