/* SPDX-License-Identifier: Apache-2.0 */
/* Replacements of layers, as counted by hand. */
#include "support/support.h"

#include <fovea/design.h>
#include <fovea/fovea.h>

static const fv_suggestion *find(const fv_suggestion *list, int count, int layer, fv_suggestion_kind kind)
{
    for (int i = 0; i < count; i++)
        if (list[i].layer == layer && list[i].kind == kind)
            return &list[i];
    return NULL;
}

/* One convolution r x r of C channels to C, without a bias, of images h x w: what stacks and others come to. */
static void test_windows(void **state)
{
    static const struct {
        int64_t r, stack, spatial; /* in units of C^2; 0: none */
    } rows[] = {{3, 0, 6}, {5, 18, 10}, {7, 27, 14}, {9, 36, 18}, {4, 0, 8}};
    enum { C = 64, H = 20, W = 24 };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fv_model *m = NULL;
        fv_suggestion *list;
        int count;
        const int64_t r = rows[i].r, p = r / 2;
        assert_int_equal(fv_model_create(ctx, &m), FV_OK);
        fv_value x = fv_conv2d(m, fv_input(m, H, W, 3), .filters = C, .kernel = {1, 1});
        x = fv_conv2d(m, x, .filters = C, .kernel = {r, r}, .pad = {p, p, r - 1 - p, r - 1 - p}, .no_bias = true);
        assert_int_equal(fv_model_finish(m, x), FV_OK);
        assert_int_equal(fv_model_suggest(m, &list, &count), FV_OK);
        const struct {
            fv_suggestion_kind kind;
            int64_t weights;
        } wanted[] = {{FV_SUGGEST_STACK, rows[i].stack * C * C},
                      {FV_SUGGEST_SPATIAL, rows[i].spatial * C * C},
                      {FV_SUGGEST_SEPARABLE, r * r * C + C * C},
                      {FV_SUGGEST_BOTTLENECK, 2 * C * C / 4 + r * r * C * C / 16}};
        for (size_t k = 0; k < sizeof wanted / sizeof wanted[0]; k++) {
            const fv_suggestion *s = find(list, count, 1, wanted[k].kind);
            if ((s != NULL) != (wanted[k].weights > 0))
                fail_msg("%dx%d: %s", (int)r, (int)r, fv_suggestion_kinds()[wanted[k].kind]);
            if (!s)
                continue;
            assert_int_equal(s->parameters[0], r * r * C * C);
            assert_int_equal(s->parameters[1], wanted[k].weights);
            assert_true(s->macs[0] == (double)(r * r * C * C * H * W));
            /* An even window's halves fall on other rows: only the whole ones keep h x w on the way. */
            assert_true(r % 2 == 0 || s->macs[1] == (double)(wanted[k].weights * H * W));
            assert_true(s->field[1][0] == r && s->field[1][1] == r && !s->exact);
        }
        fv_suggestions_free(ctx, list);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* Strides, no padding, biases, groups; layers for which nothing is less. */
static void test_other_windows(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    fv_suggestion *list;
    int count;
    (void)state;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 33, 33, 3);
    x = fv_conv2d(m, x, .filters = 16, .kernel = {7, 7}, .stride = {2, 2}, .pad = {3, 3, 3, 3}); /* 0: an image's */
    x = fv_conv2d(m, x, .filters = 32, .kernel = {5, 5});                                        /* 1: 17 > 13 */
    x = fv_conv2d(m, x, .filters = 32, .kernel = {5, 5}, .groups = -1, .pad = {2, 2, 2, 2});     /* 2 */
    x = fv_conv2d(m, x, .filters = 32, .kernel = {5, 5}, .dilation = {2, 2});                    /* 3: left alone */
    x = fv_conv2d(m, x, .filters = 8, .kernel = {1, 1});                                         /* 4 */
    assert_int_equal(fv_model_finish(m, x), FV_OK);
    assert_int_equal(fv_model_suggest(m, &list, &count), FV_OK);
    for (int i = 0; i < count; i++) {
        assert_true(list[i].layer != 3 && list[i].layer != 4);
        assert_true(list[i].parameters[1] <= list[i].parameters[0] && list[i].macs[1] <= list[i].macs[0]);
    }
    const fv_suggestion *s = find(list, count, 1, FV_SUGGEST_STACK);
    assert_non_null(s);
    assert_int_equal(s->parameters[0], 25 * 16 * 32 + 32);
    assert_int_equal(s->parameters[1], 9 * 16 * 16 + 16 + 9 * 16 * 32 + 32);
    assert_true(s->macs[1] == 9.0 * 16 * 16 * 15 * 15 + 9.0 * 16 * 32 * 13 * 13);
    s = find(list, count, 2, FV_SUGGEST_STACK);
    assert_non_null(s);
    assert_int_equal(s->parameters[1], 2 * (9 * 32 + 32));
    assert_null(find(list, count, 2, FV_SUGGEST_SEPARABLE));
    assert_null(find(list, count, 0, FV_SUGGEST_STACK)); /* 3 x 3 of 16 channels cost more than 7 x 7 of 3 */
    fv_suggestions_free(ctx, list);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

/* Matrices behind a flattened map, and biases that normalization takes away. */
static void test_exact(void **state)
{
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    fv_suggestion *list;
    int count;
    (void)state;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    fv_value x = fv_input(m, 6, 5, 3);
    x = fv_conv2d(m, x, .filters = 4, .kernel = {1, 1});
    x = fv_batch_norm(m, x, .eps = 1e-5);
    x = fv_dropout(m, fv_flatten(m, x), 0.5);
    x = fv_dense(m, x, .units = 10, .activation = FV_RELU);
    assert_int_equal(fv_model_finish(m, fv_dense(m, x, .units = 7)), FV_OK);
    assert_int_equal(fv_model_suggest(m, &list, &count), FV_OK);
    assert_int_equal(count, 4);
    const int last = fv_model_layer_count(m) - 1;
    assert_true(list[0].kind == FV_SUGGEST_BIAS && list[0].exact);
    assert_int_equal(list[0].parameters[0] - list[0].parameters[1], 4);
    assert_true(list[1].kind == FV_SUGGEST_CONV && list[1].exact);
    assert_int_equal(list[1].parameters[1], 6 * 5 * 4 * 10 + 10);
    assert_true(list[1].field[1][0] == 6 && list[1].field[1][1] == 5);
    assert_true(list[2].kind == FV_SUGGEST_POOL && !list[2].exact);
    assert_int_equal(list[2].parameters[1], 4 * 10 + 10);
    assert_true(list[2].macs[1] == 40);
    assert_true(list[3].kind == FV_SUGGEST_CONV && list[3].layer == last && list[3].field[1][0] == 1);
    fv_suggestions_free(ctx, list);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_windows), cmocka_unit_test(test_other_windows),
                                       cmocka_unit_test(test_exact)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
