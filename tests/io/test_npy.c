/* SPDX-License-Identifier: Apache-2.0 */
/* NPY images: every layout NumPy writes, and everything that is no image. */
#include "io/formats.h"

#include <math.h>

static const fv_decode_options keep = {.keep_depth = true};

/* A file of version 1 to 3 with that dictionary, padded as NumPy does. */
static bytes make_header(int version, const char *dictionary)
{
    bytes b = {.size = 0};
    const size_t prefix = version == 1 ? 10 : 12;
    const size_t length = (prefix + strlen(dictionary) + 1 + 63) / 64 * 64 - prefix;
    put(&b, "\x93NUMPY", 6);
    put_uint(&b, (uint64_t)version, 1, false);
    put_uint(&b, 0, 1, false);
    put_uint(&b, length, version == 1 ? 2 : 4, false);
    put_text(&b, dictionary);
    while (b.size < prefix + length - 1)
        put_text(&b, " ");
    put_text(&b, "\n");
    return b;
}

static uint32_t value_at(int64_t y, int64_t x, int64_t k)
{
    return (uint32_t)(y * 1031 + x * 77 + k * 13) & 0xFFFF;
}

static void put_element(bytes *b, const char *kind, uint32_t v, bool big)
{
    const float f = (float)v / 65535.0f;
    const double d = f;
    uint32_t f_bits;
    uint64_t d_bits;
    memcpy(&f_bits, &f, 4);
    memcpy(&d_bits, &d, 8);
    if (strcmp(kind, "f8") == 0)
        put_uint(b, d_bits, 8, big);
    else if (strcmp(kind, "f4") == 0)
        put_uint(b, f_bits, 4, big);
    else if (strcmp(kind, "u2") == 0)
        put_uint(b, v, 2, big);
    else
        put_uint(b, v & 255, 1, big);
}

/* All dtypes, orders and versions, 1 and 12 channels, against the values put in. */
static void npy_kinds(void **state)
{
    (void)state;
    static const char *const kinds[] = {"u1", "u2", "f4", "f8"};
    const int64_t h = 5, w = 7;
    for (int i = 0; i < 4 * 2 * 2 * 3 * 2; i++) {
        const char *kind = kinds[i % 4];
        const bool big = i / 4 % 2, fortran = i / 8 % 2, many = i / 16 % 2;
        const int version = 1 + i / 32;
        const int64_t c = many ? 12 : 1;
        char text[128];
        snprintf(text, sizeof text, "{'descr': '%c%s', 'fortran_order': %s, 'shape': (5, 7%s), }",
                 kind[1] == '1' ? '|'
                 : big          ? '>'
                                : '<',
                 kind, fortran ? "True" : "False", many ? ", 12" : "");
        bytes b = make_header(version, text);
        for (int64_t e = 0; e < h * w * c; e++) {
            const int64_t y = fortran ? e % h : e / c / w, x = fortran ? e / h % w : e / c % w;
            put_element(&b, kind, value_at(y, x, fortran ? e / h / w : e % c), big);
        }
        decoded d = decode_sound(b.data, b.size, keep);
        assert_int_equal(d.image.h * 100 + d.image.w * 10 + d.image.c, 570 + c);
        assert_int_equal(d.notes.sixteen_bit, kind[1] == '2');
        assert_int_equal(d.notes.float_pixels, kind[0] == 'f');
        assert_int_equal(d.notes.warnings, 0);
        for (int64_t e = 0; e < h * w * c; e++) {
            const uint32_t v = value_at(e / c / w, e / c % w, e % c);
            if (d.image.depth == FV_DEPTH_8)
                assert_int_equal(d.image.data[e], v & 255);
            else if (d.image.depth == FV_DEPTH_16)
                assert_int_equal(((uint16_t *)d.image.data)[e], v);
            else
                assert_true(((float *)d.image.data)[e] == (float)v / 65535.0f);
        }
        decoded_free(&d);
        d = decode_sound(b.data, b.size, (fv_decode_options){0});
        assert_int_equal(d.image.depth, FV_DEPTH_8);
        for (int64_t e = 0; e < h * w * c; e++) {
            const uint32_t v = value_at(e / c / w, e / c % w, e % c);
            assert_int_equal(d.image.data[e], kind[1] == '1' ? (int)(v & 255) : (int)(v / 257.0 + 0.5));
        }
        decoded_free(&d);
        expect_truncated_anywhere(b.data, b.size, 8);
    }
}

static void npy_halves_and_bools(void **state)
{
    (void)state;
    bytes b = make_header(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 6), }");
    static const uint16_t halves[6] = {0x0000, 0x3C00, 0x3800, 0x0001, 0x8400, 0x7BFF};
    static const float floats[6] = {0.0f, 1.0f, 0.5f, 0x1p-24f, -0x1p-14f, 65504.0f};
    for (int i = 0; i < 6; i++)
        put_uint(&b, halves[i], 2, false);
    decoded d = decode_sound(b.data, b.size, keep);
    for (int i = 0; i < 6; i++)
        assert_true(((float *)d.image.data)[i] == floats[i]);
    assert_true(d.notes.clipped);
    decoded_free(&d);
    d = decode_sound(b.data, b.size, (fv_decode_options){0});
    assert_true(d.notes.clipped);
    assert_memory_equal(d.image.data, "\0\xFF\x80\0\0\xFF", 6);
    decoded_free(&d);

    b = make_header(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (2, 2)}");
    put(&b, "\0\1\1\0", 4);
    d = decode_sound(b.data, b.size, (fv_decode_options){0});
    assert_false(d.notes.clipped);
    assert_memory_equal(d.image.data, "\0\xFF\xFF\0", 4);
    decoded_free(&d);
}

static void npy_not_finite(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        int bytes;
        uint64_t bits;
        const char *words;
    } kinds[] = {{"<f4", 4, 0x7FC00000, "NaN at row 1, column 2, channel 1 (value 11 of 12)"},
                 {">f4", 4, 0xFF800000, "infinity at row 1, column 2, channel 1"},
                 {"<f2", 2, 0x7C00, "infinity at row 1"},
                 {"<f8", 8, 0x7E37E43C8800759C, "infinity at row 1"}, /* 1e300 is too large for a float */
                 {">f8", 8, 0x7FF8000000000000, "NaN at row 1"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char text[128];
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (2, 3, 2), }", kinds[i].kind);
        bytes b = make_header(1, text);
        for (int e = 0; e < 12; e++)
            put_uint(&b, e == 11 ? kinds[i].bits : 0, kinds[i].bytes, kinds[i].kind[0] == '>');
        expect_refused(b.data, b.size, FV_ERR_DATA_FORMAT, FV_FAULT_NOT_FINITE, kinds[i].words);
    }
}

static void npy_refused(void **state)
{
    (void)state;
    static const struct {
        const char *dictionary;
        fv_status status;
        int fault;
        const char *words;
    } files[] = {
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }", FV_ERR_DATA_FORMAT, FV_FAULT_NPY,
         "array of objects (dtype '|O') holds pickled Python code, which is never loaded"},
        {"{'descr': [('a', '<f4'), ('b', '<u2')], 'fortran_order': False, 'shape': (2, 2), }", FV_ERR_DATA_FORMAT,
         FV_FAULT_NPY, "array of records"},
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (2, 2), }", FV_ERR_DATA_FORMAT, FV_FAULT_NOT_FINITE,
         "dtype 'i8' has no scale of brightness"},
        {"{'descr': '<c16', 'fortran_order': False, 'shape': (2, 2), }", FV_ERR_DATA_FORMAT, FV_FAULT_NPY,
         "dtype '<c16'"},
        {"{'descr': '<U4', 'fortran_order': False, 'shape': (2, 2), }", FV_ERR_DATA_FORMAT, FV_FAULT_NPY,
         "dtype '<U4'"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }", FV_ERR_DATA_FORMAT, FV_FAULT_NPY,
         "shape (4) is no image: expected (height, width)"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 2, 2), }", FV_ERR_DATA_FORMAT, FV_FAULT_NPY,
         "shape (1, 1, 2, 2)"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (), }", FV_ERR_DATA_FORMAT, FV_FAULT_NPY, "shape ()"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (0, 4), }", FV_ERR_DATA_FORMAT, FV_FAULT_TINY, "4 x 0"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (4, 4, 0), }", FV_ERR_DATA_FORMAT, FV_FAULT_TINY,
         "0 channels"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (100000, 100000), }", FV_ERR_DATA_TOO_LARGE,
         FV_FAULT_TOO_LARGE, "100000 x 100000"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (100, 100, 1000000), }", FV_ERR_DATA_TRUNCATED,
         FV_FAULT_NPY, "the shape of the header needs 10000000000 bytes"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }", FV_ERR_DATA_FORMAT,
         FV_FAULT_NPY, "product overflows"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999, 1), }", FV_ERR_DATA_FORMAT,
         FV_FAULT_NPY, "too large"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (-2, 2), }", FV_ERR_DATA_FORMAT, FV_FAULT_NPY,
         "malformed NPY header at byte 61: expected a dimension"},
        {"{'descr': '|u1', 'fortran_order': 1, 'shape': (2, 2), }", FV_ERR_DATA_FORMAT, FV_FAULT_NPY, "True or False"},
        {"{'descr': '|u1', 'shape': (2, 2), }", FV_ERR_DATA_FORMAT, FV_FAULT_NPY, "is missing"},
        {"{'descr': '|u1', 'descr': '|u1', 'shape': (2, 2), }", FV_ERR_DATA_FORMAT, FV_FAULT_NPY, "repeated key"},
        {"{'descr': __import__('os'), 'shape': (2, 2), }", FV_ERR_DATA_FORMAT, FV_FAULT_NPY, "expected a quoted word"},
        {"('descr')", FV_ERR_DATA_FORMAT, FV_FAULT_NPY, "expected '{'"},
        {"{'descr': '|u1", FV_ERR_DATA_FORMAT, FV_FAULT_NPY, "without its end"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        bytes b = make_header(1, files[i].dictionary);
        put(&b, "abcd", 4);
        expect_refused(b.data, b.size, files[i].status, files[i].fault, files[i].words);
    }
    bytes b = make_header(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }");
    b.data[6] = 9;
    expect_refused(b.data, b.size, FV_ERR_DATA_FORMAT, FV_FAULT_NPY, "NPY version 9");
    b.data[6] = 2;
    expect_refused(b.data, b.size, FV_ERR_DATA_FORMAT, FV_FAULT_NPY, "the limit is 65536");
    b.data[6] = 1;
    put(&b, "abcdef", 6);
    decoded d = decode_sound(b.data, b.size, (fv_decode_options){0});
    assert_non_null(strstr(d.notes.warning, "bytes behind the array"));
    decoded_free(&d);
    d = decode_sound(b.data, b.size - 3, (fv_decode_options){.salvage = true});
    assert_true(d.notes.salvaged);
    assert_memory_equal(d.image.data, "ab\x80\x80", 4);
    decoded_free(&d);
}

static void allocation_failures(void **state)
{
    (void)state;
    bytes b = make_header(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }");
    put(&b, "\0\0\0\0\0\0\0\0", 8);
    assert_true(fv_test_each_allocation(decode_for_allocation, &b) >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(npy_kinds),   cmocka_unit_test(npy_halves_and_bools), cmocka_unit_test(npy_not_finite),
        cmocka_unit_test(npy_refused), cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
