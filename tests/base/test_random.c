/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <math.h>

#include "base/file.h"
#include "base/random.h"

/* The known answers that the authors publish with their code (Random123, kat_vectors, philox4x32 10). */
static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t out[4];
        fv_philox4x32(rows[i].counter, rows[i].key, out);
        assert_memory_equal(out, rows[i].out, sizeof out);
    }
}

static void test_arguments_reach_key_and_counter(void **state)
{
    (void)state;
    const uint64_t seed = 0x0123456789abcdefull, a = 0x1122334455667788ull, b = 0x99aabbccddeeff00ull;
    const uint32_t counter[4] = {0x55667788, 0x11223344, 0xddeeff00, 0x99aabbcc};
    const uint32_t key[2] = {0x89abcdef, 0x01234567 ^ (FV_RANDOM_AUGMENT * 0x9E3779B9u)};
    uint32_t expected[4], out[4];
    fv_philox4x32(counter, key, expected);
    fv_philox(seed, FV_RANDOM_AUGMENT, a, b, out);
    assert_memory_equal(out, expected, sizeof out);
    fv_philox(seed, FV_RANDOM_DROPOUT, a, b, out);
    assert_memory_not_equal(out, expected, sizeof out);
}

static void test_uniform(void **state)
{
    (void)state;
    assert_true(fv_uniform(0) == 0.0f);
    assert_true(fv_uniform(0xFFFFFFFFu) == 1.0f - 0x1p-24f);
    assert_true(fv_uniform(0x80000000u) == 0.5f);
    double sum = 0, squares = 0;
    const int n = 400000;
    for (int i = 0; i < n; i += 4) {
        uint32_t word[4];
        fv_philox(7, FV_RANDOM_TEST, 0, (uint64_t)i, word);
        for (int k = 0; k < 4; k++) {
            double x = (double)fv_uniform(word[k]);
            sum += x;
            squares += x * x;
        }
    }
    assert_true(fabs(sum / n - 0.5) < 0.002);
    assert_true(fabs(squares / n - 1.0 / 3) < 0.002);
}

static void test_normal_against_the_formula(void **state)
{
    (void)state;
    static const uint32_t edges[] = {0,          1,          2,          0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000,
                                     0xBFFFFFFF, 0xC0000000, 0xB504F333, 0xB504F334, 0xFFFFFFFE, 0xFFFFFFFF};
    const size_t n = sizeof edges / sizeof *edges;
    const double two_pi = 6.283185307179586476925;
    for (size_t i = 0; i < n * n + 100000; i++) {
        uint32_t word[4] = {edges[i % n], edges[i / n % n]};
        if (i >= n * n)
            fv_philox(3, FV_RANDOM_TEST, 1, i, word);
        float out[2];
        fv_normal2(word[0], word[1], out);
        double radius = sqrt(-2 * log(((double)word[0] + 1) * 0x1p-32)), angle = two_pi * ((double)word[1] * 0x1p-32);
        double bound = radius * 1e-7 + 1e-14; /* half a unit in the last place of a float, and some */
        assert_true(fabs((double)out[0] - radius * cos(angle)) <= bound);
        assert_true(fabs((double)out[1] - radius * sin(angle)) <= bound);
    }
}

static void test_normal_moments(void **state)
{
    (void)state;
    double sum = 0, squares = 0, fourth = 0, mixed = 0;
    const int n = 200000;
    for (int i = 0; i < n; i++) {
        uint32_t word[4];
        float x[2];
        fv_philox(11, FV_RANDOM_TEST, 5, (uint64_t)i, word);
        fv_normal2(word[0], word[1], x);
        for (int k = 0; k < 2; k++) {
            double v = (double)x[k];
            sum += v;
            squares += v * v;
            fourth += v * v * v * v;
        }
        mixed += (double)x[0] * (double)x[1];
    }
    assert_true(fabs(sum / (2 * n)) < 0.01);
    assert_true(fabs(squares / (2 * n) - 1) < 0.015);
    assert_true(fabs(fourth / (2 * n) - 3) < 0.1);
    assert_true(fabs(mixed / n) < 0.01);
}

/* One digest over many draws: every compiler, instruction set and C library has to arrive at the same bits. */
static void test_bits_are_the_same_everywhere(void **state)
{
    (void)state;
    fv_sha256 hash;
    fv_sha256_init(&hash);
    for (uint64_t i = 0; i < 50000; i++) {
        uint32_t word[4];
        float x[2];
        fv_philox(2024, FV_RANDOM_INIT, 1, i, word);
        fv_normal2(word[0], word[1], x);
        for (int k = 0; k < 2; k++) {
            uint32_t bits;
            memcpy(&bits, &x[k], sizeof bits);
            const uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16),
                                      (uint8_t)(bits >> 24)};
            fv_sha256_update(&hash, bytes, 4);
        }
    }
    uint8_t digest[32];
    char hex[65];
    fv_sha256_final(&hash, digest);
    fv_sha256_hex(digest, hex);
    assert_string_equal(hex, "ab8d0c47048e87d7dec2179f560da01211835334be8478165bd9421db5482eda");
}

static void test_below(void **state)
{
    (void)state;
    const uint32_t zero[2] = {0, 0}, ones[2] = {0xFFFFFFFF, 0xFFFFFFFF}, half[2] = {0, 0x80000000};
    assert_int_equal(fv_random_below(zero, 10), 0);
    assert_int_equal(fv_random_below(ones, 10), 9);
    assert_int_equal(fv_random_below(half, 10), 5);
    assert_int_equal(fv_random_below(ones, 1), 0);
    assert_int_equal(fv_random_below(ones, 1ull << 40), (1ull << 40) - 1);
    int counts[7] = {0};
    for (uint64_t i = 0; i < 70000; i++) {
        uint32_t word[4];
        fv_philox(1, FV_RANDOM_TEST, 2, i, word);
        counts[fv_random_below(word, 7)]++;
    }
    for (int i = 0; i < 7; i++)
        assert_true(abs(counts[i] - 10000) < 400);
}

static void test_permutation(void **state)
{
    (void)state;
    enum { N = 1000 };
    int64_t p[N], q[N];
    bool seen[N] = {false};
    fv_permutation(5, FV_RANDOM_SHUFFLE, 3, N, p);
    int fixed = 0;
    for (int i = 0; i < N; i++) {
        assert_true(p[i] >= 0 && p[i] < N && !seen[p[i]]);
        seen[p[i]] = true;
        fixed += p[i] == i;
    }
    assert_true(fixed < 10);
    fv_permutation(5, FV_RANDOM_SHUFFLE, 3, N, q);
    assert_memory_equal(p, q, sizeof p);
    fv_permutation(5, FV_RANDOM_SHUFFLE, 4, N, q);
    assert_memory_not_equal(p, q, sizeof p);
    fv_permutation(6, FV_RANDOM_SHUFFLE, 3, N, q);
    assert_memory_not_equal(p, q, sizeof p);
    /* All six orders of three come equally often. */
    int counts[27] = {0};
    for (uint64_t epoch = 0; epoch < 12000; epoch++) {
        fv_permutation(9, FV_RANDOM_SHUFFLE, epoch, 3, p);
        counts[p[0] * 9 + p[1] * 3 + p[2]]++;
    }
    int orders = 0;
    for (int i = 0; i < 27; i++) {
        orders += counts[i] > 0;
        assert_true(!counts[i] || abs(counts[i] - 2000) < 200);
    }
    assert_int_equal(orders, 6);
    fv_permutation(1, FV_RANDOM_SHUFFLE, 0, 0, p);
    fv_permutation(1, FV_RANDOM_SHUFFLE, 0, 1, p);
    assert_int_equal(p[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),  cmocka_unit_test(test_arguments_reach_key_and_counter),
        cmocka_unit_test(test_uniform),        cmocka_unit_test(test_normal_against_the_formula),
        cmocka_unit_test(test_normal_moments), cmocka_unit_test(test_bits_are_the_same_everywhere),
        cmocka_unit_test(test_below),          cmocka_unit_test(test_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
