/* SPDX-License-Identifier: Apache-2.0 */
/* The table of dtypes: every value of the 16-bit floats, limits of the integers, names. */
#include "support/support.h"

#include <math.h>

#include <fovea/op.h>

static uint16_t narrowed(fv_dtype dtype, double x)
{
    uint16_t bits = 0xDEAD;
    fv_dtype_set(dtype, &bits, 0, x);
    return bits;
}

/* What IEEE 754 says about bits with e exponent and f fraction bits. */
static double meaning(uint16_t bits, int e, int f)
{
    const int exponent = bits >> f & ((1 << e) - 1), fraction = bits & ((1 << f) - 1), bias = (1 << (e - 1)) - 1;
    const double sign = bits >> 15 ? -1.0 : 1.0;
    if (exponent == (1 << e) - 1)
        return fraction ? NAN : sign * INFINITY;
    double significand = (double)fraction * pow(2.0, -f) + (exponent ? 1.0 : 0.0);
    return sign * significand * pow(2.0, (exponent ? exponent : 1) - bias);
}

/* All 65536 patterns, and what lies between neighbors: the middle goes to the even one, the rest to the nearest. */
static void check_small_float(fv_dtype dtype, int e, int f)
{
    const uint16_t infinite = (uint16_t)(((1 << e) - 1) << f);
    int denormals = 0, middles = 0;
    for (int32_t i = 0; i < 65536; i++) {
        const uint16_t bits = (uint16_t)i, size = bits & 0x7FFF;
        const double x = fv_dtype_get(dtype, &bits, 0), expected = meaning(bits, e, f);
        if (size > infinite) {
            assert_true(isnan(x));
            assert_true((narrowed(dtype, x) & 0x7FFF) > infinite);
            assert_int_equal(narrowed(dtype, x) >> 15, bits >> 15);
            continue;
        }
        assert_true(x == expected && signbit(x) == signbit(expected));
        assert_int_equal(narrowed(dtype, x), bits);
        denormals += size > 0 && size < 1 << f;
        if (size >= infinite - 1)
            continue;
        const uint16_t next = (uint16_t)(bits + 1), even = bits & 1 ? next : bits;
        const double y = meaning(next, e, f), middle = (x + y) / 2.0;
        assert_int_equal(narrowed(dtype, middle), even);
        assert_int_equal(narrowed(dtype, nextafter(middle, x)), bits);
        assert_int_equal(narrowed(dtype, nextafter(middle, y)), next);
        middles++;
    }
    assert_int_equal(denormals, 2 * ((1 << f) - 1));
    assert_int_equal(middles, 2 * (infinite - 1));
    /* Half a step above the largest is infinite already; anything below is not. */
    const double largest = meaning((uint16_t)(infinite - 1), e, f),
                 step = largest - meaning((uint16_t)(infinite - 2), e, f);
    assert_int_equal(narrowed(dtype, largest + step / 2.0), infinite);
    assert_int_equal(narrowed(dtype, nextafter(largest + step / 2.0, 0.0)), infinite - 1);
    assert_int_equal(narrowed(dtype, 1e300), infinite);
    assert_int_equal(narrowed(dtype, -1e300), infinite | 0x8000);
    assert_int_equal(narrowed(dtype, 0x1p-1074), 0);
    assert_int_equal(narrowed(dtype, -0x1p-1074), 0x8000);
}

static void test_small_floats(void **state)
{
    (void)state;
    check_small_float(FV_F16, 5, 10);
    check_small_float(FV_BF16, 8, 7);
    /* Rounded once: by way of a float this would fall on the middle and go down. */
    assert_int_equal(narrowed(FV_F16, 1.0 + 0x1p-11 + 0x1p-40), 0x3C01);
    assert_int_equal(narrowed(FV_BF16, 1.0 + 0x1p-8 + 0x1p-40), 0x3F81);
}

static void check_integer(fv_dtype dtype, double low, double high)
{
    const struct {
        double given, kept;
    } rows[] = {{0, 0},
                {1, 1},
                {2.9, 2},
                {-2.9, low < 0 ? -2 : 0},
                {low, low},
                {high, high},
                {-1e30, low},
                {1e30, high},
                {INFINITY, high},
                {-INFINITY, low},
                {NAN, 0},
                {low - 1, low},
                {high + 1.5, high},
                {0.999, 0},
                {-0.5, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t cells[3] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
        fv_dtype_set(dtype, cells, 1, rows[i].given);
        if (!(fv_dtype_get(dtype, cells, 1) == rows[i].kept))
            fail_msg("%s: %g became %g, expected %g", fv_dtype_name(dtype), rows[i].given,
                     fv_dtype_get(dtype, cells, 1), rows[i].kept);
        assert_int_equal(((uint8_t *)cells)[0], 0xFF);
        assert_int_equal(((uint8_t *)cells)[2 * fv_dtype_size(dtype)], 0xFF);
        fv_set(dtype, cells, 2, rows[i].given);
        assert_true(fv_get(dtype, cells, 2) == rows[i].kept);
    }
}

static void test_integers(void **state)
{
    (void)state;
    check_integer(FV_I32, INT32_MIN, INT32_MAX);
    check_integer(FV_I16, INT16_MIN, INT16_MAX);
    check_integer(FV_I8, INT8_MIN, INT8_MAX);
    check_integer(FV_U8, 0, UINT8_MAX);
    check_integer(FV_I64, -0x1p63, 0x1p63);
    const double given[] = {0.0, -0.0, 0.25, -3.0, NAN};
    const uint8_t kept[] = {0, 0, 1, 1, 1};
    for (int i = 0; i < 5; i++) {
        uint8_t cell = 7;
        fv_dtype_set(FV_BOOL, &cell, 0, given[i]);
        assert_int_equal(cell, kept[i]);
    }
    const uint8_t odd = 0x80;
    assert_true(fv_dtype_get(FV_BOOL, &odd, 0) == 1.0);
}

static void test_exact_integers(void **state)
{
    (void)state;
    /* 2^53 + 1 is no double. */
    const int64_t big[] = {9007199254740993, INT64_MIN, INT64_MAX, -1};
    for (int i = 0; i < 4; i++) {
        int64_t cell[2] = {0, 0};
        fv_dtype_set_integer(FV_I64, cell, 1, big[i]);
        assert_true(cell[1] == big[i] && cell[0] == 0);
        assert_true(fv_dtype_get_integer(FV_I64, cell, 1) == big[i]);
    }
    const int8_t i8[] = {-128, 127};
    const int16_t i16[] = {-32768, 32767};
    const int32_t i32[] = {INT32_MIN, INT32_MAX};
    const uint8_t u8[] = {0, 255};
    assert_true(fv_dtype_get_integer(FV_I8, i8, 0) == -128 && fv_dtype_get_integer(FV_I8, i8, 1) == 127);
    assert_true(fv_dtype_get_integer(FV_I16, i16, 0) == -32768 && fv_dtype_get_integer(FV_I16, i16, 1) == 32767);
    assert_true(fv_dtype_get_integer(FV_I32, i32, 0) == INT32_MIN && fv_dtype_get_integer(FV_I32, i32, 1) == INT32_MAX);
    assert_true(fv_dtype_get_integer(FV_U8, u8, 1) == 255);
    float f = 0;
    fv_dtype_set_integer(FV_F32, &f, 0, -3);
    assert_true(f == -3.0f && fv_dtype_get_integer(FV_F32, &f, 0) == -3);
}

static void test_table(void **state)
{
    static const struct {
        const char *name, *file;
        size_t size;
        bool is_float;
    } rows[FV_DTYPE_COUNT] = {
        [FV_F64] = {"f64", "F64", 8, true},  [FV_F32] = {"f32", "F32", 4, true},
        [FV_F16] = {"f16", "F16", 2, true},  [FV_BF16] = {"bf16", "BF16", 2, true},
        [FV_I64] = {"i64", "I64", 8, false}, [FV_I32] = {"i32", "I32", 4, false},
        [FV_I16] = {"i16", "I16", 2, false}, [FV_I8] = {"i8", "I8", 1, false},
        [FV_U8] = {"u8", "U8", 1, false},    [FV_BOOL] = {"bool", "BOOL", 1, false},
    };
    (void)state;
    for (int i = 0; i < FV_DTYPE_COUNT; i++) {
        const fv_dtype_row *row = fv_dtype_find((fv_dtype)i);
        fv_dtype found = FV_DTYPE_COUNT;
        assert_non_null(row);
        assert_string_equal(row->name, rows[i].name);
        assert_string_equal(row->file, rows[i].file);
        assert_int_equal(row->size, rows[i].size);
        assert_int_equal(fv_dtype_is_float((fv_dtype)i), rows[i].is_float);
        assert_true(fv_dtype_parse(rows[i].name, &found));
        assert_int_equal(found, i);
    }
    fv_dtype kept = FV_I8;
    assert_false(fv_dtype_parse("f80", &kept));
    assert_int_equal(kept, FV_I8);
    assert_null(fv_dtype_find(FV_DTYPE_COUNT));
    assert_true(isnan(fv_dtype_get(FV_DTYPE_COUNT, "12345678", 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_floats),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_exact_integers),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
