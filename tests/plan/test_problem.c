/* SPDX-License-Identifier: Apache-2.0 */
/* Problem lines: text to node and back. */
#include "support/support.h"

#include "ops/ops.h"
#include "plan/plan.h"

static void test_round_trip(void **state)
{
    static const char *const lines[] = {
        "conv2d f32 n8h56w56c64 k64r3s3c64 pad=1",
        "conv2d f32 n8h56w56c64 k128r1s1c64 k128 - activation=relu stride=2",
        "conv2d f64 n1h9w7c6 k8r3s2c3 k8 n1p4q4k8 stride=2 dilation=2 pad=2,1,1,1 groups=2",
        "conv2d_bwd_data f32 n2p4q4k8 k8r3s3c4 pad=1 size=4",
        "dense f32 n64i784 o10i784 o10",
        "relu f32 64x10",
        "relu f32 2x3x4x5",
        "reshape f32 2x3x4 dims=12",
        "softmax_cross_entropy f32 n64k10 n64:i32",
        "batch_norm_train f32 n8h4w4c16 c16 c16 c16:state c16:state momentum=0.01",
    };
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        fv_graph *g, *again;
        fv_node *node, *node2;
        if (fv_problem_parse(ctx, lines[i], &g, &node) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        fv_str text = {.ctx = ctx}, text2 = {.ctx = ctx};
        fv_dtype dtype = node->in[0]->dtype;
        assert_int_equal(fv_problem_text(node, dtype, &text), FV_OK);
        if (fv_problem_parse(ctx, text.data, &again, &node2) != FV_OK)
            fail_msg("%s: %s", text.data, fv_ctx_error(ctx));
        assert_int_equal(fv_problem_text(node2, dtype, &text2), FV_OK);
        assert_string_equal(text.data, text2.data);
        assert_int_equal(g->n_outputs, node->n_out);
        for (int k = 0; k < node->n_out; k++)
            assert_true(fv_shape_equal(&node->out[k]->shape, &node2->out[k]->shape));
        fv_str_free(&text);
        fv_str_free(&text2);
        fv_graph_destroy(&g);
        fv_graph_destroy(&again);
    }
    fv_ctx_destroy(&ctx);
}

/* The canonical line itself: wisdom of one build must mean the same in another. */
static void test_canonical(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_graph *g;
    fv_node *node;
    fv_str text = {.ctx = ctx};
    const char *loose = "conv2d   f32 8x56x56x64 k64r3s3c64  - - pad=1,1 stride=1,1 groups=1";
    if (fv_problem_parse(ctx, loose, &g, &node) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_problem_text(node, FV_F32, &text), FV_OK);
    assert_string_equal(text.data, "conv2d f32 n8h56w56c64 k64r3s3c64 pad=1");
    fv_str_free(&text);
    fv_graph_destroy(&g);
    fv_ctx_destroy(&ctx);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *line, *says;
    } bad[] = {
        {"", "operator"},
        {"conv3d f32 8x8", "did you mean 'conv2d'"},
        {"conv2d", "f32, f64 or f16"},
        {"conv2d i32 n1h4w4c1 k1r1s1c1", "f32, f64 or f16"},
        {"conv2d f32 n1h4w4c1", "missing"},
        {"conv2d f32 n1h4w4c1 k1r1s1c1 k1 - -", "no more operands"},
        {"conv2d f32 n1h4w4c1x k1r1s1c1", "operand"},
        {"conv2d f32 n1h99999999999999999999w4c1 k1r1s1c1", "operand"},
        {"conv2d f32 1x1x1x1x1x1x1x1x1 k1r1s1c1", "operand"},
        {"conv2d f32 n1h4w4c1:f15 k1r1s1c1", "dtype"},
        {"conv2d f32 n1h4w4c1 k1r1s1c1 strde=2", "stride"},
        {"conv2d f32 n1h4w4c1 k1r9s1c1", "conv2d 'problem'"},
        {"conv2d f32 n1h0w4c1 k1r1s1c1", "impossible"},
    };
    (void)state;
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fv_graph *g;
        fv_node *node;
        fv_status status = fv_problem_parse(ctx, bad[i].line, &g, &node);
        if (status == FV_OK || g || node || !strstr(fv_ctx_error(ctx), bad[i].says))
            fail_msg("'%s': %s '%s'", bad[i].line, fv_status_name(status), fv_ctx_error(ctx));
    }
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
