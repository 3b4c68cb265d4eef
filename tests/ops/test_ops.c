/* SPDX-License-Identifier: Apache-2.0 */
/* The operator table: order, lookup, soundness of every row, registration from outside. */
#include "support/support.h"

#include "ops/attr.h"
#include "ops/ops.h"

static void table_is_sorted_and_found(void **state)
{
    (void)state;
    int count;
    const fv_op *const *op = fv_op_list(&count);
    const char *const *names = fv_op_names();
    assert_true(count > 70);
    for (int i = 0; i < count; i++) {
        assert_string_equal(op[i]->name, names[i]);
        assert_true(i == 0 || strcmp(op[i - 1]->name, op[i]->name) < 0);
        assert_ptr_equal(fv_op_find(NULL, op[i]->name), op[i]);
    }
    assert_null(names[count]);
    assert_null(fv_op_find(NULL, "conv3d"));
    assert_null(fv_op_find(NULL, ""));
    assert_null(fv_op_find(NULL, "zzz"));
}

/* What has no gradient must be backward itself, replaced in training, or for inference alone: made by a pass, or an
 * operator of 8-bit integers. */
static bool is_of_inference(const char *name)
{
    static const char *const begins[] = {"bn_fold", "lookup", "q_", "qat_", "quantize"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (strncmp(name, begins[i], strlen(begins[i])) == 0)
            return true;
    return false;
}

static void every_row_is_sound(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    int count;
    const fv_op *const *op = fv_op_list(&count);
    for (int i = 0; i < count; i++) {
        if (fv_op_check(ctx, op[i]) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        size_t length = strlen(op[i]->name);
        bool backward = op[i]->traits & FV_T_BACKWARD;
        bool named = length > 4 && strcmp(op[i]->name + length - 4, "_bwd") == 0;
        if (named && !backward)
            fail_msg("%s lacks FV_T_BACKWARD", op[i]->name);
        if (!backward && !op[i]->grad && !op[i]->lower && !is_of_inference(op[i]->name))
            fail_msg("%s has neither a gradient nor a lowering", op[i]->name);
        if ((op[i]->traits & FV_T_LOSS) && op[i]->n_out != 2)
            fail_msg("%s: a loss gives loss and losses", op[i]->name);
        if (op[i]->fuses_as != FV_ACT_NONE)
            assert_true(op[i]->n_in_max == 1 && op[i]->n_out == 1);
    }
    fv_ctx_destroy(&ctx);
}

static void shards_divide_the_batch(void **state)
{
    (void)state;
    static const int expected[][2] = {{1, 1}, {2, 2},  {3, 1},  {4, 4},  {6, 2},
                                      {8, 8}, {12, 4}, {16, 8}, {64, 8}, {100, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_int_equal(fv_shards(expected[i][0]), expected[i][1]);
}

static fv_status any_infer(fv_ctx *ctx, const fv_node *node)
{
    (void)ctx;
    node->out[0]->dtype = node->in[0]->dtype;
    node->out[0]->shape = node->in[0]->shape;
    return FV_OK;
}

static void any_ref(const fv_call *call)
{
    (void)call;
}

static const fv_attr good_attrs[] = {
    {"alpha", FV_ATTR_REAL, offsetof(fv_act_attr, alpha), 1, 0, 2, NULL, "A number."},
    {0},
};

static fv_op good_op(const char *name)
{
    static const char *const operands[] = {"src", "dst"}, *const letters[] = {"nhwc"};
    return (fv_op){.name = name,
                   .doc = "Copies.",
                   .n_in_min = 1,
                   .n_in_max = 1,
                   .n_out = 1,
                   .operands = operands,
                   .letters = letters,
                   .attr_size = sizeof(fv_act_attr),
                   .attrs = good_attrs,
                   .infer = any_infer,
                   .ref = any_ref};
}

static void expect_refused(fv_ctx *ctx, const fv_op *op, const char *fragment)
{
    assert_int_equal(fv_op_register(ctx, op), FV_ERR_ARGUMENT);
    if (!strstr(fv_ctx_error(ctx), fragment))
        fail_msg("'%s' lacks '%s'", fv_ctx_error(ctx), fragment);
}

static void registers_from_outside(void **state)
{
    (void)state;
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL), *other = fv_test_ctx(1, NULL, NULL);
    fv_op op[20];
    char name[20][8];
    for (int i = 0; i < 20; i++) { /* more than the first block of the registry holds */
        snprintf(name[i], sizeof name[i], "own_%d", i);
        op[i] = good_op(name[i]);
        assert_int_equal(fv_op_register(ctx, &op[i]), FV_OK);
    }
    for (int i = 0; i < 20; i++) {
        assert_ptr_equal(fv_op_find(ctx, name[i]), &op[i]);
        assert_null(fv_op_find(other, name[i]));
    }
    expect_refused(ctx, &op[3], "operator 'own_3': the name is taken");
    fv_op taken = good_op("conv2d");
    expect_refused(ctx, &taken, "operator 'conv2d': the name is taken");
    fv_ctx_destroy(&ctx);
    fv_ctx_destroy(&other);
    assert_int_equal(a.live_blocks, 0);
}

static void registering_survives_lack_of_memory(void **state)
{
    (void)state;
    fv_op op = good_op("own");
    for (int n = 1;; n++) {
        fv_test_allocator a = {0};
        fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
        a.calls = 0;
        a.fail_at = n;
        fv_status status = fv_op_register(ctx, &op);
        bool failed = a.failed > 0;
        assert_int_equal(status, failed ? FV_ERR_NO_MEMORY : FV_OK);
        assert_ptr_equal(fv_op_find(ctx, "own"), failed ? NULL : &op);
        assert_int_equal(fv_op_register(ctx, &op), failed ? FV_OK : FV_ERR_ARGUMENT);
        fv_ctx_destroy(&ctx);
        assert_int_equal(a.live_blocks, 0);
        assert_int_equal(a.errors, 0);
        if (!failed) {
            assert_true(n > 3); /* registry, attachment and list were each refused once */
            return;
        }
    }
}

static void refuses_unsound_rows(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_op op = good_op("Copy");
    expect_refused(ctx, &op, "lower-case");
    op = good_op(NULL);
    expect_refused(ctx, &op, "lower-case");
    expect_refused(ctx, NULL, "operator ''");
    op = good_op("copy");
    op.ref = NULL;
    expect_refused(ctx, &op, "infer and ref are required");
    op = good_op("copy");
    op.n_in_min = 2;
    expect_refused(ctx, &op, "operand counts");
    op = good_op("copy");
    op.operands = (const char *const[]){"src", NULL};
    expect_refused(ctx, &op, "operands must name");
    op = good_op("copy");
    op.attr_size = 0;
    expect_refused(ctx, &op, "attr_size and attrs");
    op = good_op("copy");
    op.attr_size = 4;
    expect_refused(ctx, &op, "attribute 'alpha': the offset");
    op = good_op("copy");
    op.traits = FV_T_FUSES_ACTIVATION;
    expect_refused(ctx, &op, "FV_T_FUSES_ACTIVATION needs");
    op = good_op("copy");
    op.traits = FV_T_FUSES_RESIDUAL;
    expect_refused(ctx, &op, "FV_T_FUSES_RESIDUAL needs");
    op = good_op("copy");
    op.traits = FV_T_WEIGHTED;
    expect_refused(ctx, &op, "FV_T_WEIGHTED needs");
    op = good_op("copy");
    op.traits = FV_T_BACKWARD;
    op.grad = fv_op_relu.grad;
    expect_refused(ctx, &op, "FV_T_BACKWARD");
    fv_attr attrs[3] = {good_attrs[0]};
    op = good_op("copy");
    op.attrs = attrs;
    attrs[0].def = 3;
    expect_refused(ctx, &op, "outside min..max");
    attrs[0] = good_attrs[0];
    attrs[1] = good_attrs[0];
    expect_refused(ctx, &op, "twice");
    attrs[1] = (fv_attr){0};
    attrs[0].doc = NULL;
    expect_refused(ctx, &op, "doc");
    attrs[0] = (fv_attr){"mode", FV_ATTR_ENUM, 0, 0, 0, 2, (const char *const[]){"a", "b", NULL}, "A mode."};
    expect_refused(ctx, &op, "beyond the last name");
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sorted_and_found),
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(shards_divide_the_batch),
        cmocka_unit_test(registers_from_outside),
        cmocka_unit_test(registering_survives_lack_of_memory),
        cmocka_unit_test(refuses_unsound_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
