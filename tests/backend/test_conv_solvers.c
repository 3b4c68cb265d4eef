/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution and dense solvers against the operators' references on random shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/solver.h"
#include "ops/attr.h"
#include "solver_check.h"
#include "support/support.h"

#define ROUNDS FV_TEST_CASES(240, 40)

static solver_check *check;

static int setup(void **state)
{
    (void)state;
    check = solver_check_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    solver_check_destroy(check);
    return 0;
}

static int64_t pick(int64_t lo, int64_t hi)
{
    return solver_check_int(check, lo, hi);
}

/* A random convolution: its attributes and the shapes of src, wei, bia and dst. */
typedef struct conv_case {
    fv_conv2d_attr attr;
    fv_shape src, wei, bia, dst;
} conv_case;

static bool make_conv(conv_case *x)
{
    memset(x, 0, sizeof *x);
    fv_conv2d_attr *a = &x->attr;
    const bool pointwise = pick(0, 4) == 0, plain = pointwise && pick(0, 1);
    int64_t size[2], hw[2], out[2];
    a->groups = pick(0, 3) ? 1 : pick(2, 4);
    const int64_t c = a->groups * pick(1, pick(0, 3) ? 9 : 70), k = a->groups * pick(1, pick(0, 3) ? 20 : 80);
    for (int i = 0; i < 2; i++) {
        hw[i] = pick(1, pick(0, 4) ? 9 : 20);
        size[i] = pointwise ? 1 : pick(1, 4);
        a->stride[i] = plain ? 1 : pick(1, 3);
        a->dilation[i] = pick(0, 2) ? 1 : pick(1, 3);
        a->pad[i] = plain ? 0 : pick(0, 3);
        a->pad[i + 2] = plain ? 0 : pick(0, 3);
        const int64_t room = hw[i] + a->pad[i] + a->pad[i + 2] - a->dilation[i] * (size[i] - 1) - 1;
        if (room < 0)
            return false;
        out[i] = room / a->stride[i] + 1;
    }
    const int64_t n = pick(0, 2) ? pick(1, 4) : pick(5, 16);
    x->src = (fv_shape){4, {n, hw[0], hw[1], c}};
    x->wei = (fv_shape){4, {k, size[0], size[1], c / a->groups}};
    x->bia = (fv_shape){1, {k}};
    x->dst = (fv_shape){4, {n, out[0], out[1], k}};
    return true;
}

static void test_conv2d(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS;) {
        conv_case x;
        if (!make_conv(&x))
            continue;
        x.attr.activation = (int32_t)pick(0, 2);
        fv_shape in[4] = {x.src, x.wei, x.bia, x.dst};
        if (pick(0, 1))
            in[2].rank = 0;
        if (pick(0, 2))
            in[3].rank = 0;
        assert_true(solver_check_problem(check, "conv2d", &x.attr, in, 4) > 0);
        round++;
    }
    assert_true(solver_check_count(check, "cpu.conv2d.igemm") >= ROUNDS);
    assert_true(solver_check_count(check, "cpu.conv2d.gemm") > FV_TEST_CASES(5, 0));
    assert_true(solver_check_count(check, "cpu.conv2d.im2col") > FV_TEST_CASES(50, 5));
}

static void test_conv2d_bwd_data(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS;) {
        conv_case x;
        if (!make_conv(&x))
            continue;
        x.attr.size[0] = x.src.dim[1];
        x.attr.size[1] = x.src.dim[2];
        const fv_shape in[2] = {x.dst, x.wei};
        assert_true(solver_check_problem(check, "conv2d_bwd_data", &x.attr, in, 2) > 0);
        round++;
    }
}

static void test_conv2d_bwd_weights(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS;) {
        conv_case x;
        if (!make_conv(&x))
            continue;
        x.attr.size[0] = x.wei.dim[1];
        x.attr.size[1] = x.wei.dim[2];
        const fv_shape in[2] = {x.dst, x.src};
        assert_true(solver_check_problem(check, "conv2d_bwd_weights", &x.attr, in, 2) > 0);
        round++;
    }
}

static void check_forward(fv_conv2d_attr a, fv_shape src, fv_shape wei, fv_shape dst)
{
    const fv_shape bia = {1, {wei.dim[0]}}, none = {0, {0}};
    const fv_shape in[4] = {src, wei, pick(0, 1) ? bia : none, pick(0, 2) ? none : dst};
    assert_true(solver_check_problem(check, "conv2d", &a, in, 4) > 0);
}

/* The convolution, with and without bias and residual, and its gradient to the data. */
static void check_both_ways(fv_conv2d_attr a, fv_shape src, fv_shape wei, fv_shape dst)
{
    check_forward(a, src, wei, dst);
    a.activation = 0;
    a.size[0] = src.dim[1];
    a.size[1] = src.dim[2];
    assert_true(solver_check_problem(check, "conv2d_bwd_data", &a, (fv_shape[]){dst, wei}, 2) > 0);
}

/* Convolutions with stride 1 that minimal filtering computes too: maps and tiles of all kinds of remainders, any
 * padding. */
static void check_minimal(int rounds, void (*run)(fv_conv2d_attr a, fv_shape src, fv_shape wei, fv_shape dst))
{
    static const int64_t sizes[][2] = {{3, 3}, {3, 3}, {3, 3}, {1, 3}, {3, 1}, {5, 5}, {1, 7}, {7, 1}};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    for (int round = 0; round < SIZES * rounds;) {
        const int64_t *size = sizes[round % SIZES];
        fv_conv2d_attr a = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1, .activation = (int32_t)pick(0, 2)};
        const int64_t c = pick(1, pick(0, 2) ? 9 : 90), k = pick(1, pick(0, 2) ? 20 : 80);
        const int64_t n = pick(1, pick(0, 2) ? 3 : 9), side = pick(0, 3) ? 9 : 26;
        const fv_shape src = {4, {n, pick(1, side), pick(1, side), c}}, wei = {4, {k, size[0], size[1], c}};
        int64_t out[2];
        for (int i = 0; i < 2; i++) {
            a.pad[i] = pick(0, size[i]);
            a.pad[i + 2] = pick(0, size[i]);
            out[i] = src.dim[1 + i] + a.pad[i] + a.pad[i + 2] - size[i] + 1;
        }
        if (out[0] < 1 || out[1] < 1)
            continue;
        run(a, src, wei, (fv_shape){4, {n, out[0], out[1], k}});
        round++;
    }
}

/* The solvers, and how many of the sizes are theirs. */
static const struct {
    const char *name;
    int sizes;
} minimal[] = {{"winograd_2", 5}, {"winograd_4", 5}, {"winograd_6", 5}, {"winograd_2_5", 1}, {"winograd_4_7", 2}};
enum { MINIMAL = sizeof minimal / sizeof minimal[0] };

static void test_conv2d_minimal(void **state)
{
    (void)state;
    const int rounds = FV_TEST_CASES(10, 2);
    check_minimal(rounds, check_both_ways);
    for (int i = 0; i < MINIMAL; i++) {
        char name[48];
        snprintf(name, sizeof name, "cpu.conv2d.%s", minimal[i].name);
        assert_true(solver_check_count(check, name) >= minimal[i].sizes * rounds);
        snprintf(name, sizeof name, "cpu.conv2d_bwd_data.%s", minimal[i].name);
        assert_true(solver_check_count(check, name) >= minimal[i].sizes * rounds);
    }
}

/* What is stored as halves: the direct sums with the reference's bits, minimal filtering with one class of bits each;
 * any geometry, and those that minimal filtering takes. */
static void test_conv2d_halves(void **state)
{
    int before[MINIMAL];
    (void)state;
    char name[48];
    solver_check_store(check, FV_F16);
    const int direct = solver_check_count(check, "cpu.conv2d.igemm"), rounds = FV_TEST_CASES(4, 1);
    for (int i = 0; i < MINIMAL; i++) {
        snprintf(name, sizeof name, "cpu.conv2d.%s", minimal[i].name);
        before[i] = solver_check_count(check, name);
    }
    for (int round = 0; round < FV_TEST_CASES(40, 10);) {
        conv_case x;
        if (!make_conv(&x))
            continue;
        x.attr.activation = (int32_t)pick(0, 2);
        check_forward(x.attr, x.src, x.wei, x.dst);
        round++;
    }
    check_minimal(rounds, check_forward);
    /* Several blocks, and filters that are widened in pieces. */
    const fv_conv2d_attr a = {.stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}, .groups = 1};
    check_forward(a, (fv_shape){4, {2, 30, 31, 24}}, (fv_shape){4, {40, 3, 3, 24}}, (fv_shape){4, {2, 30, 31, 40}});
    check_forward(a, (fv_shape){4, {3, 6, 5, 520}}, (fv_shape){4, {36, 3, 3, 520}}, (fv_shape){4, {3, 6, 5, 36}});
    assert_true(solver_check_count(check, "cpu.conv2d.igemm") - direct >= FV_TEST_CASES(40, 10) + rounds * 8 + 2);
    for (int i = 0; i < MINIMAL; i++) {
        snprintf(name, sizeof name, "cpu.conv2d.%s", minimal[i].name);
        assert_true(solver_check_count(check, name) - before[i] >= minimal[i].sizes * rounds);
    }
    solver_check_store(check, FV_F32);
}

/* Large filters with stride 1, which Fourier transforms compute too: squares of 16, 32 and 64 points. */
static void test_conv2d_large_filters(void **state)
{
    (void)state;
    for (int round = 0; round < FV_TEST_CASES(18, 6); round++) {
        fv_conv2d_attr a = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1, .activation = (int32_t)pick(0, 2)};
        const int64_t kind = round % 6, c = pick(1, kind < 3 ? 20 : 4), k = pick(1, kind < 3 ? 40 : 4);
        const fv_shape wei = {4, {k, kind < 3 ? pick(5, 9) : pick(9, 36), kind < 3 ? pick(5, 7) : pick(3, 36), c}};
        fv_shape src = {4, {pick(1, 3), pick(1, 30), pick(1, 30), c}}, dst = {4, {src.dim[0], 0, 0, k}};
        for (int i = 0; i < 2; i++) {
            const int64_t size = wei.dim[1 + i];
            a.pad[i] = pick(0, size < 9 ? size : 9);
            a.pad[i + 2] = pick(0, size < 9 ? size : 9);
            if (src.dim[1 + i] + a.pad[i] + a.pad[i + 2] < size)
                src.dim[1 + i] = size;
            dst.dim[1 + i] = src.dim[1 + i] + a.pad[i] + a.pad[i + 2] - size + 1;
        }
        check_both_ways(a, src, wei, dst);
    }
    assert_true(solver_check_count(check, "cpu.conv2d.fft") >= FV_TEST_CASES(18, 6));
    assert_true(solver_check_count(check, "cpu.conv2d_bwd_data.fft") >= FV_TEST_CASES(18, 6));
}

static void test_conv_transpose2d(void **state)
{
    (void)state;
    for (int round = 0, tries = 0; round < ROUNDS; tries++) {
        fv_conv_transpose2d_attr a = {.groups = pick(0, 3) ? 1 : pick(2, 3)};
        const int64_t c = a.groups * pick(1, pick(0, 3) ? 9 : 60), k = a.groups * pick(1, pick(0, 3) ? 9 : 60);
        fv_shape src = {4, {pick(1, 4), pick(1, 8), pick(1, 8), c}},
                 wei = {4, {c, pick(1, 4), pick(1, 4), k / a.groups}};
        fv_shape bia = {pick(0, 1) ? 1 : 0, {k}};
        for (int i = 0; i < 2; i++) {
            a.stride[i] = pick(1, 3);
            a.dilation[i] = pick(0, 2) ? 1 : 2;
            a.output_pad[i] = pick(0, a.stride[i] - 1);
            a.pad[i] = pick(0, 2);
            a.pad[i + 2] = pick(0, 2);
        }
        assert_true(tries < 20 * ROUNDS);
        round += solver_check_problem(check, "conv_transpose2d", &a, (fv_shape[]){src, wei, bia}, 3) > 0;
    }
}

/* Shapes that reach the blockings: several blocks of pixels, panels and pieces. */
static void test_large(void **state)
{
    (void)state;
    static const struct {
        int64_t n, h, w, c, k, size, stride, pad, groups;
    } shapes[] = {
        {2, 48, 46, 16, 8, 3, 2, 1, 1},     {1, 30, 30, 3, 8, 7, 2, 3, 1},   {2, 17, 40, 16, 16, 3, 1, 1, 1},
        {1, 4, 4, 512, 40, 3, 1, 1, 1},     {9, 4, 4, 24, 40, 3, 1, 1, 1},   {1, 9, 9, 300, 70, 3, 1, 1, 1},
        {2, 12, 12, 1024, 130, 1, 1, 0, 1}, {16, 7, 7, 40, 33, 3, 2, 1, 1},  {4, 28, 28, 1, 32, 3, 1, 1, 1},
        {8, 1, 1, 1536, 160, 1, 1, 0, 1},   {1, 40, 40, 32, 32, 3, 1, 1, 8}, {8, 14, 14, 48, 70, 1, 2, 0, 1},
        {3, 10, 10, 96, 64, 5, 1, 2, 1},    {4, 7, 7, 64, 512, 1, 1, 0, 1},  {2, 6, 6, 512, 512, 1, 1, 0, 1},
        {3, 5, 5, 256, 256, 3, 1, 1, 1},    {8, 3, 3, 32, 1024, 1, 1, 0, 1},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i += FV_TEST_CASES(1, 2)) {
        const int64_t out_h = (shapes[i].h + 2 * shapes[i].pad - shapes[i].size) / shapes[i].stride + 1;
        const int64_t out_w = (shapes[i].w + 2 * shapes[i].pad - shapes[i].size) / shapes[i].stride + 1;
        fv_conv2d_attr a = {.stride = {shapes[i].stride, shapes[i].stride},
                            .dilation = {1, 1},
                            .pad = {shapes[i].pad, shapes[i].pad, shapes[i].pad, shapes[i].pad},
                            .groups = shapes[i].groups};
        const fv_shape src = {4, {shapes[i].n, shapes[i].h, shapes[i].w, shapes[i].c}};
        const fv_shape wei = {4, {shapes[i].k, shapes[i].size, shapes[i].size, shapes[i].c / shapes[i].groups}};
        const fv_shape dst = {4, {shapes[i].n, out_h, out_w, shapes[i].k}}, none = {0, {0}};
        assert_true(solver_check_problem(check, "conv2d", &a, (fv_shape[]){src, wei, none, none}, 4) > 0);
        a.size[0] = shapes[i].h;
        a.size[1] = shapes[i].w;
        assert_true(solver_check_problem(check, "conv2d_bwd_data", &a, (fv_shape[]){dst, wei}, 2) > 0);
        a.size[0] = a.size[1] = shapes[i].size;
        assert_true(solver_check_problem(check, "conv2d_bwd_weights", &a, (fv_shape[]){dst, src}, 2) > 0);
    }
}

static void test_dense(void **state)
{
    (void)state;
    for (int round = 0; round < FV_TEST_CASES(60, 12); round++) {
        const int64_t n = pick(1, pick(0, 2) ? 9 : 40), i = pick(1, pick(0, 2) ? 40 : 1100),
                      o = pick(1, pick(0, 2) ? 40 : 150);
        const fv_shape src = {2, {n, i}}, wei = {2, {o, i}}, bia = {1, {o}}, dst = {2, {n, o}}, none = {0, {0}};
        const fv_dense_attr a = {.activation = (int32_t)pick(0, 2)};
        fv_shape in[4] = {src, wei, pick(0, 1) ? bia : none, pick(0, 2) ? none : dst};
        assert_true(solver_check_problem(check, "dense", &a, in, 4) > 0);
        assert_true(solver_check_problem(check, "dense_bwd_data", NULL, (fv_shape[]){dst, wei}, 2) > 0);
        assert_true(solver_check_problem(check, "dense_bwd_weights", NULL, (fv_shape[]){dst, src}, 2) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv2d),
        cmocka_unit_test(test_conv2d_bwd_data),
        cmocka_unit_test(test_conv2d_bwd_weights),
        cmocka_unit_test(test_conv2d_minimal),
        cmocka_unit_test(test_conv2d_halves),
        cmocka_unit_test(test_conv2d_large_filters),
        cmocka_unit_test(test_conv_transpose2d),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_dense),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
