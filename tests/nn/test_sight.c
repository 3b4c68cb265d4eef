/* SPDX-License-Identifier: Apache-2.0 */
/* What maps see, as counted by hand, and what that comes to for things of known size. */
#include "support/support.h"

#include <fovea/design.h>
#include <fovea/fovea.h>

#include <math.h>

/* One 5x5 of stride 2, a pool of 2, a 3x3: fields of 5, 7, 15, steps of 2, 4, 4. */
static fv_model *net(fv_ctx *ctx, bool flatten)
{
    fv_model *m = NULL;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x =
        fv_conv2d(m, fv_input(m, 64, 48, 3), .filters = 4, .kernel = {5, 5}, .stride = {2, 2}, .pad = {2, 2, 2, 2});
    x = fv_max_pool2d(m, x, .size = {2, 2}, .stride = {2, 2});
    x = fv_conv2d(m, x, .filters = 4, .kernel = {3, 3}, .pad = {1, 1, 1, 1});
    x = fv_dense(m, flatten ? fv_flatten(m, x) : fv_flatten(m, fv_global_avg_pool(m, x)), .units = 3);
    if (fv_model_finish(m, x) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return m;
}

static void test_counted(void **state)
{
    (void)state;
    for (int flatten = 0; flatten < 2; flatten++) {
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_model *m = net(ctx, flatten);
        fv_sight s;
        assert_int_equal(fv_model_sight(m, &s), FV_OK);
        assert_int_equal(s.filter, 5);
        assert_int_equal(s.first, 2);
        assert_int_equal(s.field, 15);
        assert_int_equal(s.step, 4);
        assert_false(s.whole);
        assert_int_equal(s.apart, flatten);
        assert_int_equal(fv_sight_misfits(&s, 1.5, 20), flatten ? 0 : FV_SIGHT_NARROW);
        assert_int_equal(fv_sight_misfits(&s, 1.5, 18.7), 0); /* 15 is more than 0.8 of it */
        assert_int_equal(fv_sight_misfits(&s, 0.9, 15), FV_SIGHT_BLUNT);
        assert_int_equal(fv_sight_misfits(&s, 4, 8), FV_SIGHT_EMPTY);
        assert_int_equal(fv_sight_misfits(&s, 1.9, 7.9), FV_SIGHT_COARSE);
        assert_int_equal(fv_sight_misfits(&s, NAN, NAN), 0);
        fv_model_destroy(&m);
        fv_ctx_destroy(&ctx);
    }
}

/* ResNet-18 sees all of 32 pixels with its last map of one; the last larger one is every 16. A network of vectors has
 * no map. */
static void test_others(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    fv_sight s;
    const fv_zoo_options options = {.img_size = {32, 32}, .dropout = -1};
    assert_int_equal(fv_model_zoo(ctx, "resnet18", &options, &m), FV_OK);
    assert_int_equal(fv_model_sight(m, &s), FV_OK);
    assert_int_equal(s.filter, 7);
    assert_int_equal(s.first, 2);
    assert_int_equal(s.step, 16);
    assert_int_equal(fv_sight_misfits(&s, 1, 30) & FV_SIGHT_COARSE, FV_SIGHT_COARSE);
    fv_model_destroy(&m);
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    assert_int_equal(fv_model_finish(m, fv_dense(m, fv_flatten(m, fv_input(m, 8, 8, 1)), .units = 2)), FV_OK);
    assert_int_equal(fv_model_sight(m, &s), FV_ERR_UNSUPPORTED);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counted), cmocka_unit_test(test_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
