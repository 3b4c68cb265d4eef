/* SPDX-License-Identifier: Apache-2.0 */
/* How weights start: variances, bounds, purity. Models here are built by hand, one
 * floor below the layers. */
#include "support/support.h"

#include <math.h>

#include "model/model.h"

/* One convolution with a million weights and a bias. */
static fv_model *make(fv_ctx *ctx, fv_init init, double value)
{
    fv_model *m = NULL;
    fv_val *in = NULL;
    fv_node *node = NULL;
    const fv_shape image = {4, {1, 12, 12, 10}}, filters = {4, {1250, 10, 8, 10}}, bias = {1, {1250}};
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    assert_int_equal(fv_graph_input(m->graph, "input", FV_F32, &image, &in), FV_OK);
    m->input.id = in->id;
    fv_value w = fv_model_new_param(m, "c.weight", FV_ROLE_PARAM, FV_F32, &filters, init, value);
    fv_value b = fv_model_new_param(m, "c.bias", FV_ROLE_PARAM, FV_F32, &bias,
                                    init == FV_INIT_DEFAULT ? init : FV_INIT_CONSTANT, 0);
    fv_val *operands[3] = {in, m->graph->vals[w.id], m->graph->vals[b.id]};
    assert_int_equal(fv_graph_add(m->graph, fv_op_find(ctx, "conv2d"), "c", NULL, operands, 3, &node), FV_OK);
    if (fv_model_finish(m, (fv_value){node->out[0]->id}) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    return m;
}

static void test_variance(void **state)
{
    const double fan_in = 800, fan_out = 1250 * 80;
    const struct {
        fv_init init;
        double value, variance, bound; /* of uniform draws; 0: none */
    } rows[] = {
        {FV_INIT_DEFAULT, 0, 1 / fan_in / 3, sqrt(1 / fan_in)},
        {FV_INIT_XAVIER_UNIFORM, 0, 2 / (fan_in + fan_out), sqrt(6 / (fan_in + fan_out))},
        {FV_INIT_XAVIER_NORMAL, 0, 2 / (fan_in + fan_out), 0},
        {FV_INIT_HE_UNIFORM, 0, 2 / fan_in, sqrt(6 / fan_in)},
        {FV_INIT_HE_NORMAL, 0, 2 / fan_in, 0},
        {FV_INIT_LECUN_NORMAL, 0, 1 / fan_in, 0},
        {FV_INIT_GAUSSIAN, 0, 1e-4, 0},
        {FV_INIT_GAUSSIAN, 0.3, 0.09, 0},
        {FV_INIT_HE_NORMAL_FAN_OUT, 0, 2 / fan_out, 0},
    };
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_model *m = make(ctx, rows[i].init, rows[i].value);
        assert_int_equal(fv_model_init(m, 7, FV_INIT_DEFAULT), FV_OK);
        const fv_slot *slot = fv_model_slot(m, "c.weight");
        const int64_t count = fv_tensor_count(slot->data);
        const float *w = fv_slot_data(slot);
        double sum = 0, square = 0, fourth = 0, largest = 0;
        assert_int_equal(count, 1000000);
        for (int64_t k = 0; k < count; k++) {
            sum += (double)w[k];
            square += (double)w[k] * (double)w[k];
            fourth += pow((double)w[k], 4);
            largest = fmax(largest, fabs((double)w[k]));
        }
        const double variance = square / (double)count, kurtosis = fourth / (double)count / variance / variance;
        if (fabs(variance / rows[i].variance - 1) > 0.02 || fabs(sum / (double)count) > 0.005 * sqrt(rows[i].variance))
            fail_msg("scheme %d: mean %g, variance %g: expected %g", (int)rows[i].init, sum / (double)count, variance,
                     rows[i].variance);
        assert_true(rows[i].bound == 0 || (largest <= rows[i].bound * (1 + 1e-6) && largest > 0.999 * rows[i].bound));
        assert_true(fabs(kurtosis - (rows[i].bound > 0 ? 1.8 : 3)) < 0.03); /* uniform 9/5, normal 3 */
        const float *b = fv_slot_data(fv_model_slot(m, "c.bias"));
        largest = 0;
        for (int k = 0; k < 1250; k++)
            largest = fmax(largest, fabs((double)b[k]));
        if (rows[i].init == FV_INIT_DEFAULT)
            assert_true(largest <= rows[i].bound && largest > 0.98 * rows[i].bound);
        else
            assert_true(largest == 0);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* Same seed, same bits, on one thread or three; another seed or another name, other bits. */
static void test_pure(void **state)
{
    fv_ctx *one = fv_test_ctx(1, NULL, NULL), *three = fv_test_ctx(3, NULL, NULL);
    fv_model *a = make(one, FV_INIT_HE_NORMAL, 0), *b = make(three, FV_INIT_HE_NORMAL, 0);
    char x[65], y[65];
    (void)state;
    assert_int_equal(fv_model_init(a, 1, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_model_init(b, 1, FV_INIT_DEFAULT), FV_OK);
    fv_model_sha256(a, x);
    fv_model_sha256(b, y);
    assert_string_equal(x, y);
    assert_int_equal(fv_model_init(b, 1ull << 40 | 1, FV_INIT_DEFAULT), FV_OK);
    fv_model_sha256(b, y);
    assert_string_not_equal(x, y);
    assert_int_equal(fv_model_init(b, 1, FV_INIT_XAVIER_UNIFORM), FV_OK);
    fv_model_sha256(b, y);
    assert_string_not_equal(x, y);
    assert_int_equal(fv_model_init(b, 1, FV_INIT_DEFAULT), FV_OK);
    fv_model_sha256(b, y);
    assert_string_equal(x, y);
    assert_int_equal(fv_model_init(b, 1, FV_INIT_CONSTANT), FV_ERR_ARGUMENT);
    assert_int_equal(fv_model_init(b, 1, FV_INIT_COUNT), FV_ERR_ARGUMENT);
    for (int i = 0; i < FV_INIT_COUNT; i++)
        assert_non_null(fv_init_names()[i]);
    assert_null(fv_init_names()[FV_INIT_COUNT]);
    fv_model_destroy(&a);
    fv_model_destroy(&b);
    fv_ctx_destroy(&one);
    fv_ctx_destroy(&three);
}

/* The weights of a large model lie in one block, one behind the other, those whose rows are whole vectors; the rest by
 * itself; all of it zero. */
static void test_one_block(void **state)
{
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    fv_model *m = NULL;
    fv_val *in = NULL, *operands[3];
    const fv_shape image = {2, {1, 1024}}, wei[3] = {{2, {800, 1024}}, {2, {640, 800}}, {2, {7, 640}}};
    const fv_shape bia[3] = {{1, {800}}, {1, {640}}, {1, {7}}};
    int64_t together = 0, weights = 0;
    (void)state;
    assert_int_equal(fv_model_create(ctx, &m), FV_OK);
    assert_int_equal(fv_graph_input(m->graph, "input", FV_F32, &image, &in), FV_OK);
    for (int i = 0; i < 3; i++) {
        char name[3][16];
        fv_node *node = NULL;
        for (int k = 0; k < 3; k++)
            snprintf(name[k], sizeof name[k], "%d%s", i, (const char *[]){".weight", ".bias", ""}[k]);
        fv_value w = fv_model_new_param(m, name[0], FV_ROLE_PARAM, FV_F32, &wei[i], FV_INIT_DEFAULT, 0);
        fv_value b = fv_model_new_param(m, name[1], FV_ROLE_PARAM, FV_F32, &bia[i], FV_INIT_DEFAULT, 0);
        operands[0] = i ? operands[0] : in;
        operands[1] = m->graph->vals[w.id];
        operands[2] = m->graph->vals[b.id];
        assert_int_equal(fv_graph_add(m->graph, fv_op_find(ctx, "dense"), name[2], NULL, operands, 3, &node), FV_OK);
        operands[0] = node->out[0];
    }
    if (fv_model_finish(m, (fv_value){operands[0]->id}) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(m->n_slots, 6);
    for (int i = 0; i < m->n_slots; i++) {
        const float *data = fv_slot_data(&m->slots[i]);
        const int64_t bytes = (int64_t)fv_tensor_bytes(m->slots[i].data);
        assert_int_equal((uintptr_t)data % 64, 0);
        for (int64_t k = 0; k < bytes / 4; k++)
            assert_true(data[k] == 0);
        together += i > 0 && i < 5 && data == fv_slot_data(&m->slots[i - 1]) + fv_tensor_count(m->slots[i - 1].data);
        weights += bytes;
    }
    assert_int_equal(together, 4); /* all but the bias of 7 */
    assert_true(a.live_bytes < weights + (256 << 10));
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_variance), cmocka_unit_test(test_pure),
                                       cmocka_unit_test(test_one_block)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
