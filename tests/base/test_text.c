/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <float.h>
#include <locale.h>
#include <math.h>

#include "base/json.h"
#include "base/random.h"
#include "base/text.h"

static fv_ctx *ctx;

static int set_up(void **state)
{
    (void)state;
    ctx = fv_test_ctx(1, NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    int64_t now;
    fv_ctx_memory(ctx, &now, NULL);
    fv_ctx_destroy(&ctx);
    return now != 0;
}

static void test_growable_text(void **state)
{
    (void)state;
    fv_str s = {.ctx = ctx};
    assert_string_equal(fv_str_get(&s), "");
    assert_int_equal(fv_str_status(&s), FV_OK);
    for (int i = 0; i < 1000; i++)
        fv_str_printf(&s, "%d,", i);
    assert_int_equal(s.size, 10 * 2 + 90 * 3 + 900 * 4);
    assert_int_equal(strlen(fv_str_get(&s)), s.size);
    fv_str_append_n(&s, "a\0b", 3);
    assert_memory_equal(s.data + s.size - 3, "a\0b", 4);
    fv_str_append(&s, "");
    fv_str_free(&s);
    fv_str_append(&s, "again");
    assert_string_equal(fv_str_get(&s), "again");
    fv_str_append_n(&s, "x", SIZE_MAX - 3);
    assert_int_equal(fv_str_status(&s), FV_ERR_NO_MEMORY);
    assert_string_equal(fv_str_get(&s), "again");
    fv_str_free(&s);
}

static void check_json(const char *text, const char *expected)
{
    fv_str s = {.ctx = ctx};
    fv_str_json(&s, text);
    assert_string_equal(fv_str_get(&s), expected);
    fv_str_free(&s);
}

static void test_json_strings(void **state)
{
    (void)state;
    check_json("", "\"\"");
    check_json("a\"b\\c/\n\r\t\b\f\x01\x1f", "\"a\\\"b\\\\c/\\n\\r\\t\\b\\f\\u0001\\u001f\"");
    check_json("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
    /* Not UTF-8: a lone byte, an overlong form, a surrogate, beyond U+10FFFF, cut short. */
    check_json("\xFFz", "\"\xEF\xBF\xBDz\"");
    check_json("\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    check_json("\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    check_json("\xF4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    check_json("a\xE2\x82", "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void check_shown(const char *text, const char *expected)
{
    fv_str s = {.ctx = ctx};
    fv_str_show(&s, text);
    assert_string_equal(fv_str_get(&s), expected);
    fv_str_free(&s);
}

static void test_shown_text(void **state)
{
    (void)state;
    check_shown("", "");
    check_shown("a\"b\\c <\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80>", "a\"b\\c <\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80>");
    check_shown("1\n\r\t\x01\x1B\x7F", "1\\n\\r\\t\\x01\\x1b\\x7f");
    check_shown("\xC2\x9B\xC2\xA0\xE2\x80\xAE\xE2\x81\xA9\xD8\x9C", "\\u009b\xC2\xA0\\u202e\\u2069\\u061c");
    check_shown("\xE2\x80\x8D\xE2\x80\xA7\xE2\x80\xAF", "\xE2\x80\x8D\xE2\x80\xA7\xE2\x80\xAF");
    check_shown("\xFFz\xC0\xAF", "\\xffz\\xc0\\xaf");
    check_shown("a\xE2\x82", "a\\xe2\\x82");
}

static void test_csv_fields(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"plain text", "plain text"},
                                          {"a,b", "\"a,b\""},
                                          {"say \"hi\"", "\"say \"\"hi\"\"\""},
                                          {"two\nlines", "\"two\nlines\""},
                                          {"", ""},
                                          {" edge", "\" edge\""},
                                          {"\"", "\"\"\"\""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_str s = {.ctx = ctx};
        fv_str_csv(&s, rows[i][0]);
        assert_string_equal(fv_str_get(&s), rows[i][1]);
        fv_str_free(&s);
    }
}

static void test_nearest_word(void **state)
{
    (void)state;
    static const char *const words[] = {"batch-size", "epochs", "lr", "learning-rate", "momentum", "relu", NULL};
    static const char *const rows[][2] = {
        {"epoch", "epochs"},
        {"epcohs", "epochs"},
        {"batch_size", "batch-size"},
        {"Batch-Size", "batch-size"},
        {"bacth-sise", "batch-size"},
        {"learning-rat", "learning-rate"},
        {"lrn-rate", NULL},
        {"momentmu", "momentum"},
        {"ReLU", "relu"},
        {"x", NULL},
        {"completely-different", NULL},
        {"lt", "lr"},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *nearest = fv_text_nearest(rows[i][0], words);
        if (!rows[i][1])
            assert_null(nearest);
        else {
            assert_non_null(nearest);
            assert_string_equal(nearest, rows[i][1]);
        }
    }
    char longest[500];
    memset(longest, 'e', sizeof longest - 1);
    longest[499] = '\0';
    assert_null(fv_text_nearest(longest, words));
    const char *const long_words[] = {longest, "lr", NULL};
    assert_string_equal(fv_text_nearest("lr", long_words), "lr");
    assert_null(fv_text_nearest("lr", (const char *const[]){NULL}));
}

static void test_whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } rows[] = {{"0", true, 0},
                {"12", true, 12},
                {"-12", true, -12},
                {"+7", true, 7},
                {"007", true, 7},
                {"9223372036854775807", true, INT64_MAX},
                {"-9223372036854775808", true, INT64_MIN},
                {"9223372036854775808", false, 0},
                {"-9223372036854775809", false, 0},
                {"", false, 0},
                {"-", false, 0},
                {"--1", false, 0},
                {" 1", false, 0},
                {"1 ", false, 0},
                {"1.0", false, 0},
                {"1e3", false, 0},
                {"0x10", false, 0},
                {"ten", false, 0},
                {"1\n", false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t value = 77;
        assert_int_equal(fv_text_to_int(rows[i].text, &value), rows[i].ok);
        assert_int_equal(value, rows[i].ok ? rows[i].value : 77);
    }
}

static void test_real_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        double value;
    } rows[] = {{"0", true, 0},     {"1e-3", true, 1e-3}, {"-2.5E+2", true, -250}, {".5", true, 0.5},
                {"5.", true, 5},    {"+1", true, 1},      {"1e400", false, 0},     {"1e-400", true, 0},
                {"", false, 0},     {".", false, 0},      {"e5", false, 0},        {"1e", false, 0},
                {"1e+", false, 0},  {"nan", false, 0},    {"inf", false, 0},       {"0x1p3", false, 0},
                {"1,5", false, 0},  {"1.5 ", false, 0},   {" 1.5", false, 0},      {"1.2.3", false, 0},
                {"0.1", true, 0.1}, {"1_000", false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double value = 77;
        assert_int_equal(fv_text_to_double(rows[i].text, &value), rows[i].ok);
        assert_true(value == (rows[i].ok ? rows[i].value : 77));
    }
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value; /* -1: not a size */
    } rows[] = {{"0", 0},
                {"4096", 4096},
                {"512M", 512ll << 20},
                {"2G", 2ll << 30},
                {"2g", 2ll << 30},
                {"1T", 1ll << 40},
                {"3k", 3072},
                {"3K", 3072},
                {"2GiB", 2ll << 30},
                {"2GB", 2ll << 30},
                {"1.5G", 3ll << 29},
                {"100B", 100},
                {"7KiB", 7168},
                {"", -1},
                {"G", -1},
                {"-1G", -1},
                {"-1", -1},
                {"1.5", -1},
                {"2X", -1},
                {"2iB", -1},
                {"2Gi", -1},
                {"2 G", -1},
                {"8388608T", -1},
                {"8388607T", 8388607ll << 40},
                {"1e9T", -1},
                {"9223372036854775807", INT64_MAX},
                {"80%", -1},
                {"B", -1},
                {"iB", -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t value = -1;
        if (fv_text_to_bytes(rows[i].text, &value) != (rows[i].value >= 0) || value != rows[i].value)
            fail_msg("'%s' gave %lld", rows[i].text, (long long)value);
    }
}

static void test_booleans(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"},
                             *const neither[] = {"", "True ", "maybe", "2", "tru"};
    bool value;
    for (int i = 0; i < 4; i++) {
        assert_true(fv_text_to_bool(yes[i], &value) && value);
        assert_true(fv_text_to_bool(no[i], &value) && !value);
    }
    for (int i = 0; i < 5; i++)
        assert_false(fv_text_to_bool(neither[i], &value));
}

static void test_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool match;
    } rows[] = {{"", "", true},
                {"*", "", true},
                {"*", "abc", true},
                {"a*c", "abbbc", true},
                {"a*c", "abbbd", false},
                {"a?c", "abc", true},
                {"a?c", "ac", false},
                {"?", "", false},
                {"*.bias", "a.b.bias", true},
                {"*.bias", "a.bias2", false},
                {"a*b*c", "aXbXbXc", true},
                {"layer?.*", "layer1.w", true},
                {"abc", "ABC", false},
                {"a**b", "ab", true},
                {"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaac", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(fv_text_match(rows[i].pattern, rows[i].text), rows[i].match);
    /* Of several, however long one is; a * goes no further than its comma. */
    char list[800];
    memset(list, 'a', 600);
    memcpy(list + 600, "?,b*,c", 7);
    assert_true(fv_text_match_any(list, "b1"));
    assert_true(fv_text_match_any(list, "c"));
    assert_false(fv_text_match_any(list, "c1"));
    assert_false(fv_text_match_any("b*,c", "xb,c"));
    assert_false(fv_text_match_any(NULL, "a"));
    assert_false(fv_text_match_any("", "a"));
    list[601] = '\0';
    char name[640];
    memset(name, 'a', 601);
    name[601] = '\0';
    assert_true(fv_text_match_any(list, name));
    name[600] = '\0';
    assert_false(fv_text_match_any(list, name));
}

static void test_shortest_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.1, "0.1"}, {1e-3, "0.001"},   {1e22, "1e+22"},     {1.0 / 3, "0.3333333333333333"},   {5, "5"}, {-0.0, "-0"},
        {NAN, "nan"}, {INFINITY, "inf"}, {-INFINITY, "-inf"}, {0.1 + 0.2, "0.30000000000000004"}};
    char buf[32];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(fv_double_text(rows[i].value, buf), rows[i].text);
    assert_string_equal(fv_float_text(0.1f, buf), "0.1");
    assert_string_equal(fv_float_text(16777216.0f, buf), "16777216");
    assert_string_equal(fv_float_text(INFINITY, buf), "inf");
    for (uint64_t i = 0; i < 20000; i++) {
        uint32_t word[4];
        fv_philox(1, FV_RANDOM_TEST, 3, i, word);
        double x;
        float y;
        memcpy(&x, word, sizeof x);
        memcpy(&y, word + 2, sizeof y);
        if (isfinite(x))
            assert_true(strtod(fv_double_text(x, buf), NULL) == x);
        if (isfinite(y))
            assert_true(strtof(fv_float_text(y, buf), NULL) == y);
    }
    assert_true(strlen(fv_double_text(-DBL_MAX, buf)) < 32);
    assert_true(strtod(fv_double_text(DBL_TRUE_MIN, buf), NULL) == DBL_TRUE_MIN);
}

static void test_numbers_in_another_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    const char *found = NULL;
    for (size_t i = 0; i < 4 && !found; i++)
        found = setlocale(LC_NUMERIC, names[i]);
    if (!found) {
        print_message("skipped: no locale with a decimal comma is installed\n");
        skip();
    }
    char buf[32];
    double x = 0;
    bool ok = fv_text_to_double("1.5", &x) && x == 1.5 && !strcmp(fv_double_text(2.5, buf), "2.5") &&
              !strcmp(fv_float_text(0.1f, buf), "0.1");
    char comma[8];
    snprintf(comma, sizeof comma, "%.1f", 1.5);
    setlocale(LC_NUMERIC, "C");
    assert_true(ok);
    assert_string_equal(comma, "1,5"); /* the caller's locale was left alone */
}

static void test_json_writer(void **state)
{
    (void)state;
    fv_str s = {.ctx = ctx};
    fv_json j = {.out = &s};
    fv_json_begin_object(&j);
    fv_json_key(&j, "name");
    fv_json_string(&j, "a\"b");
    fv_json_key(&j, "list");
    fv_json_begin_array(&j);
    fv_json_int(&j, INT64_MIN);
    fv_json_real(&j, 0.1);
    fv_json_float(&j, 0.1f);
    fv_json_bool(&j, true);
    fv_json_null(&j);
    fv_json_real(&j, NAN);
    fv_json_float(&j, INFINITY);
    fv_json_begin_object(&j);
    fv_json_end_object(&j);
    fv_json_begin_array(&j);
    fv_json_end_array(&j);
    fv_json_end_array(&j);
    fv_json_key(&j, "o");
    fv_json_begin_object(&j);
    fv_json_key(&j, "x");
    fv_json_bool(&j, false);
    fv_json_end_object(&j);
    fv_json_end_object(&j);
    assert_int_equal(fv_str_status(&s), FV_OK);
    assert_string_equal(fv_str_get(&s), "{\"name\":\"a\\\"b\",\"list\":[-9223372036854775808,0.1,0.1,true,null,null,"
                                        "null,{},[]],\"o\":{\"x\":false}}");
    fv_str_free(&s);
    j = (fv_json){.out = &s};
    for (int i = 0; i < 100; i++)
        fv_json_begin_array(&j);
    assert_true(s.failed);
    fv_str_free(&s);
}

static fv_status use_text(fv_ctx *c, void *arg)
{
    (void)arg;
    fv_str s = {.ctx = c};
    fv_json j = {.out = &s};
    fv_json_begin_array(&j);
    for (int i = 0; i < 300; i++)
        fv_json_string(&j, "some text");
    fv_json_end_array(&j);
    fv_str_csv(&s, "a,b");
    fv_status status = fv_str_status(&s);
    fv_str_free(&s);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(use_text, NULL) >= 6);
}

static void test_endings(void **state)
{
    (void)state;
    static const char *const endings[] = {".csv", ".tar.gz", NULL};
    assert_true(fv_text_has_ending("a.csv", endings) && fv_text_has_ending("a.b.TAR.gz", endings));
    assert_false(fv_text_has_ending(".csv", endings) || fv_text_has_ending("a.csv2", endings));
    assert_false(fv_text_has_ending("", endings) || fv_text_has_ending("csv", endings));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growable_text),
        cmocka_unit_test(test_json_strings),
        cmocka_unit_test(test_shown_text),
        cmocka_unit_test(test_csv_fields),
        cmocka_unit_test(test_nearest_word),
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_real_numbers),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_shortest_numbers),
        cmocka_unit_test(test_numbers_in_another_locale),
        cmocka_unit_test(test_json_writer),
        cmocka_unit_test(test_endings),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
