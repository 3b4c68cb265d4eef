/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of training for integers against the operators' references: the same bits on every instruction set, with one
   and several threads, whatever scales and zero points are given. */
#include "op_check.h"

#include "ops/qat.h"

/* Bytes of all values, pairs that are some and such that are none, scales of filters. */
static void any_pairs(const fv_node *node, memory *m)
{
    for (int i = 0; i < node->n_in; i++) {
        const fv_val *v = node->in[i];
        const char *name = node->op->operands[i];
        const int64_t n = v ? fv_shape_count(&v->shape) : 0;
        float *x = (float *)(void *)m->in[i];
        for (int64_t j = 0; j < n; j++) {
            if (v->dtype == FV_I8)
                m->in[i][j] = (unsigned char)(pick(0, 3) ? pick(0, 255) : pick(0, 1) ? 0x80 : 0x7f);
            else if (v->dtype == FV_I32)
                ((int32_t *)(void *)m->in[i])[j] = (int32_t)pick(-40000, 40000);
            else if (strcmp(name, "scale") == 0)
                x[j] = 0.001f * (float)pick(1, 100);
        }
        if (v && v->dtype == FV_F32 && strstr(name, "pair")) {
            x[0] = pick(0, 19) ? 0.0005f * (float)pick(1, 100) : pick(0, 1) ? NAN : -1.0f;
            x[1] = pick(0, 19) ? (float)pick(-128, 127) : pick(0, 1) ? INFINITY : 0.5f;
        }
    }
}

static void check_conv(fv_shape s, int64_t groups, int64_t k)
{
    fv_qat_conv2d_attr a = {
        .q.conv = {.groups = groups}, .q.once = pick(0, 3) == 0, .least = -FV_Q_FAR, .most = FV_Q_FAR};
    const int64_t size = pick(0, 1) ? 3 : 1;
    for (int i = 0; i < 2; i++) {
        a.q.conv.stride[i] = pick(1, 2);
        a.q.conv.dilation[i] = 1;
        a.q.conv.pad[i] = a.q.conv.pad[i + 2] = size / 2;
    }
    if (pick(0, 1)) {
        a.least = pick(0, 3) ? 0 : 1e30; /* nothing is left */
        a.most = pick(0, 1) ? 6 : FV_Q_FAR;
    }
    const fv_shape wei = {4, {k, size, size, s.dim[3] / groups}}, row = {1, {k}}, one = {1, {1}}, pair = {1, {2}};
    check_case(&(op_case){.op = "qat_conv2d",
                          .attr = &a,
                          .shape = {s, wei, row, pick(0, 1) ? row : one, pair, pair},
                          .dtype = {FV_I8, FV_I8, FV_I32},
                          .n_in = 6,
                          .below = 128},
               any_pairs);
}

static void test_conv(void **state)
{
    (void)state;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        fv_shape s = image();
        check_conv(s, 1, pick(1, 40));
        check_conv(s, s.dim[3], s.dim[3]);
        check_conv((fv_shape){4, {pick(1, 40), 1, 1, pick(1, 100)}}, 1, pick(1, 20));
    }
    check_conv((fv_shape){4, {3, 40, 40, 40}}, 1, 17);
}

static void test_elements(void **state)
{
    (void)state;
    const fv_shape pair = {1, {2}};
    for (int round = 0; round < 2 * ROUNDS; round++) {
        const fv_shape s = round % 5 ? image() : (fv_shape){2, {3, pick(20000, 40000)}};
        const fv_qat_binary_attr sum = {pick(0, 1), pick(0, 1) ? 0 : -FV_Q_FAR, FV_Q_FAR};
        const fv_qat_observe_attr observe = {0.25};
        check_case(&(op_case){.op = "qat_add",
                              .attr = &sum,
                              .shape = {s, s, pair, pair, pair},
                              .dtype = {FV_I8, FV_I8},
                              .n_in = 5,
                              .below = 128},
                   any_pairs);
        check_case(&(op_case){.op = "qat_quantize", .shape = {s, pair}, .n_in = 2}, any_pairs);
        check_case(&(op_case){.op = "qat_dequantize", .shape = {s, pair}, .dtype = {FV_I8}, .n_in = 2, .below = 128},
                   any_pairs);
        check_case(&(op_case){.op = "qat_straight", .shape = {s, s, pair}, .n_in = 3}, any_pairs);
        check_case(&(op_case){.op = "qat_straight_bwd", .shape = {s, s, pair}, .n_in = 3}, any_pairs);
        check_case(&(op_case){.op = "qat_observe_train", .attr = &observe, .shape = {s, pair}, .n_in = 2}, NULL);
    }
}

static void test_weights(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        const int64_t k = pick(1, 40);
        const fv_shape wei = {4, {k, pick(1, 3), pick(1, 3), pick(1, 20)}}, none = {0, {0}};
        const fv_qat_weights_attr a = {false, pick(2, 8)};
        check_case(&(op_case){.op = "qat_weights",
                              .attr = &a,
                              .shape = {wei, {1, {2}}, pick(0, 1) ? (fv_shape){1, {k}} : none},
                              .n_in = 3},
                   any_pairs);
    }
}

static bool is_mine(const fv_solver *solver)
{
    return strncmp(solver->op, "qat_", 4) == 0;
}

static void test_all_compared(void **state)
{
    (void)state;
    check_all_compared(is_mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_all_compared),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
