/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of 8-bit integers against the operators' references: the same integers on every instruction set, with one and
   several threads. */
#include "op_check.h"

/* Bytes of all values, factors as they are and as they should not be, shifts of any sign and beyond their limits. */
static void any_integers(const fv_node *node, memory *m)
{
    for (int i = 0; i < 2; i++)
        for (int64_t j = 0, n = fv_shape_count(&node->in[i]->shape); j < n; j++)
            m->in[i][j] = (unsigned char)(pick(0, 3) ? pick(0, 255) : pick(0, 1) ? 0x80 : 0x7f);
    for (int i = 2; i < node->n_in; i++)
        for (int64_t j = 0, n = fv_shape_count(&node->in[i]->shape); j < n; j++) {
            const bool odd = pick(0, 7) == 0;
            int64_t x = i == 2 ? pick(-40000, 40000) : i == 3 ? pick(INT64_C(1) << 30, INT32_MAX) : pick(-14, -4);
            if (odd)
                x = i == 4 ? pick(-40, 40) : pick(0, 1) ? INT32_MIN : pick(INT32_MIN, INT32_MAX);
            ((int32_t *)(void *)m->in[i])[j] = (int32_t)x;
        }
}

static int64_t one_of(int64_t a, int64_t b, int64_t c)
{
    const int64_t of[] = {a, b, c};
    return of[pick(0, 2)];
}

/* Filters of `size`, within an image that is padded enough. */
static void window_of(const fv_shape *s, fv_conv2d_attr *a, int64_t size[2])
{
    for (int i = 0; i < 2; i++) {
        size[i] = pick(0, 3) ? one_of(1, 3, 3) : pick(1, 5);
        a->stride[i] = pick(0, 2) ? 1 : pick(1, 3);
        a->dilation[i] = pick(0, 3) ? 1 : 2;
        const int64_t reach = (size[i] - 1) * a->dilation[i];
        a->pad[i] = pick(0, 1) ? reach / 2 : pick(0, reach + 1);
        a->pad[i + 2] = reach - a->pad[i] > 0 ? pick(reach - a->pad[i], reach) : 0;
        if (s->dim[i + 1] + a->pad[i] + a->pad[i + 2] <= reach)
            a->pad[i + 2] = reach;
    }
}

static void check_conv(fv_shape s, int64_t groups, int64_t k)
{
    const bool u8 = pick(0, 1), sums = pick(0, 4) == 0;
    const fv_dtype dtype = u8 ? FV_U8 : FV_I8;
    fv_q_conv2d_attr a = {.conv = {.groups = groups}, .once = pick(0, 4) == 0};
    int64_t size[2];
    window_of(&s, &a.conv, size);
    a.src_zero = pick(0, 9) ? pick(u8 ? 0 : -128, u8 ? 255 : 127) : pick(-300, 300);
    a.wei_zero = pick(0, 1) ? (u8 ? 128 : 0) : pick(-300, 300);
    a.dst_zero = pick(0, 9) ? pick(u8 ? 0 : -128, u8 ? 255 : 127) : pick(-32768, 65535);
    a.min = pick(0, 1) ? (u8 ? 0 : -128) : pick(-128, 100);
    a.max = pick(0, 1) ? (u8 ? 255 : 127) : pick(a.min, 255);
    const fv_shape wei = {4, {k, size[0], size[1], s.dim[3] / groups}}, row = {1, {k}};
    op_case x = {.op = "q_conv2d",
                 .attr = &a,
                 .shape = {s, wei, row, row, row},
                 .dtype = {dtype, sums && pick(0, 1) ? FV_U8 : dtype, FV_I32, FV_I32, FV_I32},
                 .n_in = sums ? 3 : 5,
                 .below = 128};
    check_case(&x, any_integers);
}

static void test_conv(void **state)
{
    (void)state;
    for (int round = 0; round < 4 * ROUNDS; round++) {
        fv_shape s = image();
        check_conv(s, 1, pick(1, pick(0, 3) ? 20 : 80));
        const int64_t groups = pick(2, 3);
        s.dim[3] = groups * pick(1, 9);
        check_conv(s, groups, groups * pick(1, 20));
    }
}

/* Dense layers and 1x1 filters; a batch whose pixels are cut into several strips. */
static void test_flat(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++)
        check_conv((fv_shape){4, {pick(1, 40), 1, 1, pick(1, 300)}}, 1, pick(1, 40));
    check_conv((fv_shape){4, {3, 40, 40, 40}}, 1, 17);
    check_conv((fv_shape){4, {1, 20, 90, 64}}, 1, 9);
    for (int round = 0; round < 8; round++) /* rows that no task may cut */
        check_conv((fv_shape){4, {1, round % 2 + 1, 70, 5}}, round % 3 ? 1 : 5, 5);
}

static void test_depthwise(void **state)
{
    (void)state;
    for (int round = 0; round < 4 * ROUNDS; round++) {
        fv_shape s = image();
        check_conv(s, s.dim[3], s.dim[3] * (pick(0, 5) ? 1 : 2));
    }
    check_conv((fv_shape){4, {1, 60, 60, 150}}, 150, 150);
}

static void any_bytes(const fv_node *node, memory *m)
{
    for (int i = 0; i < node->n_in; i++)
        for (int64_t j = 0, n = fv_shape_count(&node->in[i]->shape); j < n; j++)
            m->in[i][j] = (unsigned char)pick(0, 255);
}

static void test_add(void **state)
{
    (void)state;
    for (int round = 0; round < 3 * ROUNDS; round++) {
        const fv_shape s = image();
        const bool u8 = pick(0, 1);
        fv_q_add_attr a = {.left = pick(0, 5) ? 20 : pick(0, 22), .subtract = pick(0, 1), .min = pick(-128, 0)};
        a.max = pick(a.min, 255);
        for (int i = 0; i < 3; i++) {
            a.zero[i] = pick(0, 9) ? pick(u8 ? 0 : -128, u8 ? 255 : 127) : pick(-32768, 65535);
            a.mul[i] = pick(0, 9) ? pick(INT64_C(1) << 30, INT32_MAX) : pick(INT32_MIN + 1, INT32_MAX);
            a.shift[i] = pick(0, 9) ? (i == 2 ? pick(-20, -14) : pick(-3, 0)) : pick(-31, 30);
        }
        const fv_dtype dtype = u8 ? FV_U8 : FV_I8;
        check_case(
            &(op_case){.op = "q_add", .attr = &a, .shape = {s, s}, .dtype = {dtype, dtype}, .n_in = 2, .below = 128},
            any_bytes);
    }
}

/* Of one shape, a number per channel, a number per sample and channel. */
static void test_mul(void **state)
{
    (void)state;
    for (int round = 0; round < 3 * ROUNDS; round++) {
        const fv_shape s = image(), gate = {4, {s.dim[0], 1, 1, s.dim[3]}}, row = {1, {s.dim[3]}};
        const fv_shape others[] = {s, gate, row};
        const bool u8 = pick(0, 1), swap = pick(0, 3) == 0;
        const fv_shape other = others[pick(0, 2)];
        fv_q_mul_attr a = {.min = pick(-128, 0)};
        a.max = pick(a.min, 255);
        for (int i = 0; i < 3; i++)
            a.zero[i] = pick(0, 9) ? pick(u8 ? 0 : -128, u8 ? 255 : 127) : pick(-32768, 65535);
        a.mul[0] = pick(0, 9) ? pick(INT64_C(1) << 30, INT32_MAX) : pick(INT32_MIN + 1, INT32_MAX);
        a.shift[0] = pick(0, 9) ? pick(-12, -4) : pick(-31, 30);
        const fv_dtype dtype = u8 ? FV_U8 : FV_I8;
        check_case(&(op_case){.op = "q_mul",
                              .attr = &a,
                              .shape = {swap ? other : s, swap ? s : other},
                              .dtype = {dtype, dtype},
                              .n_in = 2,
                              .below = 128},
                   any_bytes);
    }
}

static void test_pools(void **state)
{
    (void)state;
    for (int round = 0; round < 3 * ROUNDS; round++) {
        const fv_shape s = image();
        const fv_dtype dtype = pick(0, 1) ? FV_U8 : FV_I8;
        fv_q_avg_pool2d_attr a = {.pool = {.ceil = pick(0, 1)}, .min = pick(-128, 0)};
        a.max = pick(0, 3) ? 255 : pick(a.min, 255);
        a.min = pick(0, 3) ? -128 : a.min;
        for (int i = 0; i < 2; i++) {
            a.pool.size[i] = pick(1, 3);
            a.pool.pad[i] = pick(0, a.pool.size[i] - 1);
            a.pool.pad[i + 2] = pick(0, a.pool.size[i] - 1);
            if (s.dim[i + 1] + a.pool.pad[i] + a.pool.pad[i + 2] < a.pool.size[i])
                a.pool.size[i] = 1, a.pool.pad[i] = a.pool.pad[i + 2] = 0;
            a.pool.stride[i] = pick(0, 3);
        }
        op_case x = {.op = "q_max_pool2d", .attr = &a, .shape = {s}, .dtype = {dtype}, .n_in = 1, .below = 128};
        check_case(&x, any_bytes);
        fv_q_mean_attr mean = {.axes = {2, {1, pick(0, 1) ? 2 : -2}}, .keepdims = pick(0, 1), .sum = pick(0, 3) == 0};
        mean.src_zero = pick(0, 9) ? pick(-128, 255) : pick(-32768, 65535);
        mean.dst_zero = pick(-128, 255);
        mean.mul = pick(0, 9) ? pick(INT64_C(1) << 30, INT32_MAX) : pick(INT32_MIN, INT32_MAX);
        mean.shift = pick(0, 3) ? pick(-3, 1) : pick(-31, 30);
        x.op = "q_mean";
        x.attr = &mean;
        check_case(&x, any_bytes);
    }
}

static void test_lookup(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++)
        check_case(&(op_case){.op = "lookup",
                              .shape = {image(), {1, {256}}},
                              .dtype = {pick(0, 1) ? FV_U8 : FV_I8, pick(0, 1) ? FV_U8 : FV_I8},
                              .n_in = 2,
                              .below = 128},
                   any_bytes);
}

/* Halves, numbers beyond all limits, and what is none. */
static void any_reals(const fv_node *node, memory *m)
{
    static const float odd[] = {1e30f, -1e30f, INFINITY, -INFINITY, NAN, -0.0f, 1e6f, -3e6f};
    for (int64_t j = 0, n = fv_shape_count(&node->in[0]->shape); j < n; j++) {
        float *x = (float *)(void *)m->in[0] + j;
        const int64_t kind = pick(0, 9);
        if (kind == 0)
            *x = odd[pick(0, 7)];
        else
            *x = kind < 6 ? 0.125f * (float)pick(-700, 700) : *x * 60.0f;
    }
}

static void test_quantize(void **state)
{
    (void)state;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        fv_quantize_attr a = {.scale = pick(0, 1) ? 0.25 : 0.1, .to = (int32_t)pick(0, 1)};
        a.zero = pick(0, 9) ? pick(-128, 255) : pick(-32768, 65535);
        check_case(&(op_case){.op = "quantize", .attr = &a, .shape = {image()}, .n_in = 1}, any_reals);
    }
}

/* Images with a scale and a zero point each, sometimes one that is none. */
static void any_samples(const fv_node *node, memory *m)
{
    any_bytes(node, m);
    for (int64_t n = 0; n < node->in[2]->shape.dim[0]; n++) {
        float *line = (float *)(void *)m->in[2] + 2 * n;
        line[0] = 0.01f * (float)pick(1, 300);
        line[1] = pick(0, 9) ? (float)pick(-128, 127) : pick(0, 1) ? NAN : 300.0f;
    }
}

static void check_real(fv_shape s, int64_t groups, int64_t k)
{
    fv_conv2d_attr a = {.groups = groups};
    int64_t size[2];
    window_of(&s, &a, size);
    const fv_shape wei = {4, {k, size[0], size[1], s.dim[3] / groups}}, row = {1, {k}}, line = {3, {s.dim[0], 1, 2}};
    check_case(&(op_case){.op = "q_conv2d_real",
                          .attr = &a,
                          .shape = {s, wei, line, row, row},
                          .dtype = {FV_I8, FV_I8, FV_F32, FV_F32, FV_F32},
                          .n_in = 5},
               any_samples);
}

static void test_real(void **state)
{
    (void)state;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        fv_shape s = image();
        check_real(s, 1, pick(1, pick(0, 3) ? 20 : 80));
        check_real(s, s.dim[3], s.dim[3] * (pick(0, 5) ? 1 : 2));
        check_real((fv_shape){4, {pick(1, 40), 1, 1, pick(1, 300)}}, 1, pick(1, 40));
    }
    check_real((fv_shape){4, {3, 40, 40, 40}}, 1, 17);
}

/* Of any range, of none, and with numbers that are none. */
static void test_samples(void **state)
{
    (void)state;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        const fv_quantize_samples_attr a = {.pixels = pick(0, 3) == 0};
        check_case(&(op_case){.op = "quantize_samples", .attr = &a, .shape = {image()}, .n_in = 1},
                   round % 2 ? any_reals : NULL);
    }
}

static bool is_mine(const fv_solver *solver)
{
    return strncmp(solver->op, "q_", 2) == 0 || strncmp(solver->op, "quantize", 8) == 0 ||
           strcmp(solver->op, "lookup") == 0;
}

static void test_all_compared(void **state)
{
    (void)state;
    check_all_compared(is_mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),    cmocka_unit_test(test_flat),         cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_add),     cmocka_unit_test(test_mul),          cmocka_unit_test(test_pools),
        cmocka_unit_test(test_lookup),  cmocka_unit_test(test_real),         cmocka_unit_test(test_quantize),
        cmocka_unit_test(test_samples), cmocka_unit_test(test_all_compared),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
