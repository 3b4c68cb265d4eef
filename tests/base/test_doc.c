/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <math.h>

#include "base/doc.h"
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

typedef fv_status (*parse_fn)(fv_ctx *ctx, const char *name, const char *text, size_t size, fv_doc **doc);

/* Parses an exact copy without a NUL, so that a reader that goes too far is caught by the address sanitizer. */
static fv_status parse_copy(fv_ctx *c, parse_fn parse, const char *text, size_t size, fv_doc **doc)
{
    char *copy = malloc(size ? size : 1);
    memcpy(copy, text, size);
    fv_status status = parse(c, "f", copy, size, doc);
    free(copy);
    return status;
}

static fv_doc *parsed(parse_fn parse, const char *text)
{
    fv_doc *doc = NULL;
    if (parse_copy(ctx, parse, text, strlen(text), &doc) != FV_OK)
        fail_msg("%s\n%s", fv_ctx_error(ctx), text);
    return doc;
}

static const fv_doc_node *get(const fv_doc *doc, const char *key)
{
    const fv_doc_node *node = fv_doc_get(fv_doc_root(doc), key);
    if (!node)
        fail_msg("no key '%s'", key);
    return node;
}

static void expect_place(const fv_doc_node *node, int line, int column)
{
    assert_int_equal(node->line, line);
    assert_int_equal(node->column, column);
}

static void expect_syntax_error(parse_fn parse, const char *text, size_t size, const char *message)
{
    fv_doc *doc = (fv_doc *)&ctx;
    fv_status status = parse_copy(ctx, parse, text, size, &doc);
    if (status != FV_ERR_SYNTAX || strncmp(fv_ctx_error(ctx), message, strlen(message)))
        fail_msg("%s '%s', expected '%s' for\n%.200s", fv_status_name(status), fv_ctx_error(ctx), message, text);
    assert_null(doc);
}

static void test_yaml_tree(void **state)
{
    (void)state;
    fv_doc *doc = parsed(fv_doc_parse_yaml, "# a net\n"
                                            "input: [28, 28, 1]\n"
                                            "layers:\n"
                                            "  - conv2d: {filters: 32, activation: relu}\n"
                                            "  - flatten\n"
                                            "  - dense:\n"
                                            "      units: 10   # classes\n"
                                            "empty: {}\n"
                                            "none:\n"
                                            "  []\n"
                                            "text: |\n"
                                            "  two\n"
                                            "  \tlines\n");
    const fv_doc_node *root = fv_doc_root(doc);
    assert_string_equal(fv_doc_name(doc), "f");
    assert_int_equal(root->kind, FV_DOC_MAP);
    assert_int_equal(root->count, 5);
    const fv_doc_node *input = get(doc, "input");
    assert_int_equal(input->kind, FV_DOC_LIST);
    assert_int_equal(input->count, 3);
    expect_place(input, 2, 8);
    expect_place(&input->child[1], 2, 13);
    assert_int_equal(input->child[1].integer, 28);
    assert_string_equal(input->child[1].text, "28");
    const fv_doc_node *layers = get(doc, "layers");
    assert_int_equal(layers->count, 3);
    expect_place(&layers->child[0], 4, 5);
    const fv_doc_node *conv = fv_doc_get(&layers->child[0], "conv2d");
    expect_place(conv, 4, 13);
    assert_int_equal(conv->key_line, 4);
    assert_int_equal(conv->key_column, 5);
    assert_int_equal(fv_doc_get(conv, "filters")->integer, 32);
    assert_string_equal(fv_doc_get(conv, "activation")->text, "relu");
    assert_string_equal(layers->child[1].text, "flatten");
    assert_null(layers->child[1].key);
    const fv_doc_node *units = fv_doc_get(fv_doc_get(&layers->child[2], "dense"), "units");
    expect_place(units, 7, 14);
    assert_int_equal(get(doc, "empty")->count, 0);
    assert_int_equal(get(doc, "empty")->kind, FV_DOC_MAP);
    assert_int_equal(get(doc, "none")->kind, FV_DOC_LIST);
    assert_string_equal(get(doc, "text")->text, "two\n\tlines\n");
    assert_null(fv_doc_get(root, "absent"));
    assert_null(fv_doc_get(input, "absent"));
    assert_null(fv_doc_get(NULL, "absent"));
    fv_doc_destroy(&doc);
    assert_null(doc);
    fv_doc_destroy(&doc);
}

static void test_yaml_scalars(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        fv_doc_kind kind;
        double number;
    } rows[] = {
        {"12", FV_DOC_INT, 12},
        {"-3", FV_DOC_INT, -3},
        {"+3", FV_DOC_INT, 3},
        {"0o17", FV_DOC_INT, 15},
        {"0x1F", FV_DOC_INT, 31},
        {"017", FV_DOC_INT, 17},
        {"1e-3", FV_DOC_REAL, 1e-3},
        {"0.5", FV_DOC_REAL, 0.5},
        {".5", FV_DOC_REAL, 0.5},
        {"5.", FV_DOC_REAL, 5},
        {"-.inf", FV_DOC_REAL, -INFINITY},
        {"99999999999999999999", FV_DOC_REAL, 1e20},
        {"true", FV_DOC_BOOL, 1},
        {"False", FV_DOC_BOOL, 0},
        {"null", FV_DOC_NULL, 0},
        {"~", FV_DOC_NULL, 0},
        {"", FV_DOC_NULL, 0},
        {"yes", FV_DOC_STRING, 0},
        {"no", FV_DOC_STRING, 0},
        {"on", FV_DOC_STRING, 0},
        {"tRUE", FV_DOC_STRING, 0},
        {"\"12\"", FV_DOC_STRING, 0},
        {"'true'", FV_DOC_STRING, 0},
        {"''", FV_DOC_STRING, 0},
        {"1_000", FV_DOC_STRING, 0},
        {"0x", FV_DOC_STRING, 0},
        {"12:30:45", FV_DOC_STRING, 0},
        {"2024-01-01", FV_DOC_STRING, 0},
        {"0b11", FV_DOC_STRING, 0},
        {"1e400", FV_DOC_STRING, 0},
        {"0xFFFFFFFFFFFFFFFFF", FV_DOC_STRING, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        snprintf(text, sizeof text, "k: %s\n", rows[i].text);
        fv_doc *doc = parsed(fv_doc_parse_yaml, text);
        const fv_doc_node *node = get(doc, "k");
        if (node->kind != rows[i].kind)
            fail_msg("%s has kind %d", rows[i].text, (int)node->kind);
        if (node->kind == FV_DOC_BOOL)
            assert_int_equal(node->integer, (int64_t)rows[i].number);
        else if (node->kind != FV_DOC_STRING && node->kind != FV_DOC_NULL)
            assert_true(node->real == rows[i].number);
        fv_doc_destroy(&doc);
    }
    fv_doc *doc = parsed(fv_doc_parse_yaml, "s: \"a\\tb\\u00e9\"\nt: 'it''s'\nu: >-\n  folded\n  text\n");
    assert_string_equal(get(doc, "s")->text, "a\tb\xC3\xA9");
    assert_string_equal(get(doc, "t")->text, "it's");
    assert_string_equal(get(doc, "u")->text, "folded text");
    fv_doc_destroy(&doc);
}

static void test_yaml_encodings(void **state)
{
    (void)state;
    fv_doc *doc = parsed(fv_doc_parse_yaml, "\xEF\xBB\xBF"
                                            "a: 1\r\nb: 2\r\n");
    expect_place(get(doc, "a"), 1, 4);
    expect_place(get(doc, "b"), 2, 4);
    assert_int_equal(get(doc, "b")->integer, 2);
    fv_doc_destroy(&doc);
    doc = parsed(fv_doc_parse_yaml, "\xC3\xA9\xC3\xA9: \xE2\x82\xAC\n");
    expect_place(get(doc, "\xC3\xA9\xC3\xA9"), 1, 5); /* characters, not bytes */
    fv_doc_destroy(&doc);
    const char *const empties[] = {"", "\n\n", "# only a comment\n", "---\n", "\xEF\xBB\xBF"};
    for (int i = 0; i < 5; i++) {
        doc = parsed(fv_doc_parse_yaml, empties[i]);
        assert_int_equal(fv_doc_root(doc)->kind, FV_DOC_NULL);
        fv_doc_destroy(&doc);
    }
    doc = parsed(fv_doc_parse_yaml, "---\na:\tb\n...\n");
    assert_string_equal(get(doc, "a")->text, "b"); /* a tab that does not indent */
    fv_doc_destroy(&doc);
}

static void test_yaml_errors(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"a: 1\n\tb: 2\n", "f:2:1: a tab is used as indentation"},
        {"a:\n  b: 1\n\tc: 2\n", "f:3:1: a tab is used as indentation"},
        {"a:\n  \tb: 1\n", "f:2:3: a tab is used as indentation"},
        {"a:\n\t- 1\n", "f:2:1: a tab is used as indentation"},
        {"a: b\n\tc\n", "f:2:1: a tab is used as indentation"},
        {"a: [1,\n\t2]\n", "f:2:1: a tab is used as indentation"},
        {"a: 1\nb: 2\na: 3\n", "f:3:1: key 'a' appears a second time (first at line 1, column 1)"},
        {"m: {x: 1, y: 2, x: 3}\n", "f:1:17: key 'x' appears a second time (first at line 1, column 5)"},
        {"z: 1\nq: 1\nz: 2\nq: 2\nz: 3\n", "f:3:1: key 'z' appears a second time (first at line 1"},
        {"a: &x 1\n", "f:1:4: anchors (&) are not supported"},
        {"a: &x [1]\n", "f:1:4: anchors (&) are not supported"},
        {"a: *x\n", "f:1:4: aliases (*) are not supported"},
        {"a: !!str 1\n", "f:1:4: tags (!) are not supported"},
        {"a: !x {b: 1}\n", "f:1:4: tags (!) are not supported"},
        {"a: 1\n---\nb: 2\n", "f:2:1: several documents"},
        {"%TAG ! tag:x,2000:\n---\na: 1\n", "f:1:1: tag directives"},
        {"a: \"open\nb: 1\n", "f:3:1: found unexpected end of stream"},
        {"a: 'open\n", "f:2:1: found unexpected end of stream"},
        {"a: [1, 2\n", "f:2:1: "},
        {"a: {b: 1\n", "f:2:1: "},
        {"a: 1\n b: 2\n", "f:2:3: mapping values are not allowed"},
        {"? [1]\n: 2\n", "f:1:3: found a list as a key"},
        {"{a: 1}: 2\n", "f:1:1: found a map as a key"},
        {"a: \"b\\0c\"\n", "f:1:4: a string with a NUL"},
        {"\"b\\0c\": 1\n", "f:1:1: a key with a NUL"},
        {"a: 1\nb: \x01\n", "f:2:4: control characters are not allowed"},
        {"a: 1\nbb: \xFF\n", "f:2:5: invalid"},
        {"a: 1\nb: \xC3\xA9\xC3\x28\n", "f:2:6: invalid"},
        {"a: @x\n", "f:1:4: "},
        {"- 1\na: 2\n", "f:2:1: "},
        {"\xFF\xFE"
         "a",
         "f:1:1: the file is UTF-16"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_syntax_error(fv_doc_parse_yaml, rows[i][0], strlen(rows[i][0]), rows[i][1]);
    expect_syntax_error(fv_doc_parse_yaml, "a: 1\0b", 6, "f:1:5: control characters");
}

/* `count` times `text` */
static char *repeated(const char *text, size_t count)
{
    size_t n = strlen(text);
    char *all = malloc(n * count + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(all + i * n, text, n);
    all[n * count] = '\0';
    return all;
}

static void test_depth_and_node_limits(void **state)
{
    (void)state;
    const parse_fn parsers[2] = {fv_doc_parse_yaml, fv_doc_parse_json};
    for (int i = 0; i < 2; i++) {
        char deep[256] = "";
        memset(deep, '[', 64);
        memset(deep + 64, ']', 64);
        fv_doc *doc = parsed(parsers[i], deep);
        assert_int_equal(fv_doc_root(doc)->count, 1);
        fv_doc_destroy(&doc);
        memset(deep, '[', 65);
        memset(deep + 65, ']', 65);
        expect_syntax_error(parsers[i], deep, 130, "f:1:65: lists and maps nest more than 64 deep");
    }
    char *text = repeated("[", 100000);
    expect_syntax_error(fv_doc_parse_yaml, text, 100000, "f:1:65: lists and maps nest more than 64 deep");
    expect_syntax_error(fv_doc_parse_json, text, 100000, "f:1:");
    free(text);
    text = repeated("- 1\n", 999999);
    fv_doc *doc = parsed(fv_doc_parse_yaml, text);
    assert_int_equal(fv_doc_root(doc)->count, 999999);
    fv_doc_destroy(&doc);
    free(text);
    text = repeated("- 1\n", 1000000);
    expect_syntax_error(fv_doc_parse_yaml, text, 4000000, "f:1000000:3: more than 1000000 values");
    free(text);
    text = repeated("1,", 1000001);
    text[0] = '[';
    text[1] = '1';
    text[2000001] = ']';
    for (size_t i = 2; i < 2000001; i += 2) {
        text[i] = ',';
        text[i + 1] = i + 1 == 2000001 ? ']' : '1';
    }
    expect_syntax_error(fv_doc_parse_json, text, 2000002, "f:1:");
    free(text);
}

static void test_json_tree(void **state)
{
    (void)state;
    fv_doc *doc = parsed(fv_doc_parse_json, " {\"a\" : [1, -2.5e1, true,\n  false, null, \"x\\\"]\\u20ac\"],\r\n"
                                            "\"z\": {}, \"b\":{\"\xC3\xA9\":\"\xC3\xA9\",\"c\":{\"d\":[ ]}}, \"big\": "
                                            "9223372036854775807}\n");
    const fv_doc_node *root = fv_doc_root(doc), *a = get(doc, "a");
    assert_int_equal(root->count, 4);
    expect_place(root, 1, 2);
    expect_place(a, 1, 9);
    assert_int_equal(a->key_column, 3);
    assert_int_equal(a->count, 6);
    static const fv_doc_kind kinds[] = {FV_DOC_INT, FV_DOC_REAL, FV_DOC_BOOL, FV_DOC_BOOL, FV_DOC_NULL, FV_DOC_STRING};
    static const int places[][2] = {{1, 10}, {1, 13}, {1, 21}, {2, 3}, {2, 10}, {2, 16}};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(a->child[i].kind, kinds[i]);
        expect_place(&a->child[i], places[i][0], places[i][1]);
    }
    assert_true(a->child[1].real == -25);
    assert_string_equal(a->child[1].text, "-2.5e1");
    assert_int_equal(a->child[2].integer, 1);
    assert_string_equal(a->child[5].text, "x\"]\xE2\x82\xAC");
    assert_int_equal(get(doc, "z")->count, 0);
    const fv_doc_node *b = get(doc, "b"), *c = fv_doc_get(b, "c");
    expect_place(b, 3, 14);
    expect_place(c, 3, 27);
    expect_place(fv_doc_get(c, "d"), 3, 32);
    expect_place(get(doc, "big"), 3, 46);
    assert_int_equal(get(doc, "big")->integer, INT64_MAX);
    assert_string_equal(root->child[3].key, "big"); /* in the order of the text */
    fv_doc_destroy(&doc);
    static const char *const scalars[] = {"1", " true ", "\"x\"", "null\n", "\xEF\xBB\xBF[]"};
    for (int i = 0; i < 5; i++) {
        doc = parsed(fv_doc_parse_json, scalars[i]);
        fv_doc_destroy(&doc);
    }
    doc = parsed(fv_doc_parse_json, "12");
    assert_string_equal(fv_doc_root(doc)->text, "12");
    fv_doc_destroy(&doc);
}

static void test_json_errors(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "f:1:1: "},
        {"{", "f:1:1: "},
        {"{\"a\":1,}", "f:1:8: "},
        {"[1,]", "f:1:4: "},
        {"{\"a\":1,\n\"a\":2}", "f:2:3: duplicate object key"},
        {"[1] 2", "f:1:5: "},
        {"{a:1}", "f:1:2: "},
        {"[01]", "f:1:2: "},
        {"[\"\\u0000\"]", "f:1:"},
        {"[\"\xFF\"]", "f:1:"},
        {"[\n\n nul]", "f:3:4: "},
        {"[99999999999999999999]", "f:1:21: too big integer"},
        {"[1e999]", "f:1:6: real number overflow"},
        {"'a'", "f:1:1: "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_syntax_error(fv_doc_parse_json, rows[i][0], strlen(rows[i][0]), rows[i][1]);
    expect_syntax_error(fv_doc_parse_json, "[1\0]", 4, "f:1:3: a NUL character");
    expect_syntax_error(fv_doc_parse_json, "[1,\n\n 2\0]", 9, "f:3:3: a NUL character");
}

static void expect_message(fv_status status, fv_status expected, const char *message)
{
    assert_int_equal(status, expected);
    assert_string_equal(fv_ctx_error(ctx), message);
}

static void test_typed_reading(void **state)
{
    (void)state;
    fv_doc *doc = parsed(fv_doc_parse_yaml, "i: 5\nr: 0.5\nb: true\ns: text\nl: [1]\nm: {x: 1}\nn:\ne: 1e3\nnan: .nan\n"
                                            "big: 1e300\n");
    int64_t i = 0;
    double r = 0;
    bool b = false;
    const char *s = NULL;
    assert_int_equal(fv_doc_int(doc, get(doc, "i"), "i", &i), FV_OK);
    assert_int_equal(i, 5);
    assert_int_equal(fv_doc_int(doc, get(doc, "e"), "e", &i), FV_OK);
    assert_int_equal(i, 1000);
    assert_int_equal(fv_doc_real(doc, get(doc, "i"), "i", &r), FV_OK);
    assert_true(r == 5);
    assert_int_equal(fv_doc_real(doc, get(doc, "r"), "r", &r), FV_OK);
    assert_true(r == 0.5);
    assert_int_equal(fv_doc_bool(doc, get(doc, "b"), "b", &b), FV_OK);
    assert_true(b);
    assert_int_equal(fv_doc_string(doc, get(doc, "s"), "s", &s), FV_OK);
    assert_string_equal(s, "text");
    const fv_status bad = FV_ERR_VALUE;
    expect_message(fv_doc_int(doc, get(doc, "r"), "epochs", &i), bad,
                   "f:2:4: epochs: found the number '0.5', expected a whole number");
    expect_message(fv_doc_int(doc, get(doc, "s"), "epochs", &i), bad,
                   "f:4:4: epochs: found the text 'text', expected a whole number");
    expect_message(fv_doc_int(doc, get(doc, "big"), "epochs", &i), bad,
                   "f:10:6: epochs: found the number '1e300', expected a whole number");
    expect_message(fv_doc_real(doc, get(doc, "l"), "lr", &r), bad, "f:5:4: lr: found a list, expected a finite number");
    expect_message(fv_doc_real(doc, get(doc, "nan"), "lr", &r), bad,
                   "f:9:6: lr: found the number '.nan', expected a finite number");
    expect_message(fv_doc_bool(doc, get(doc, "i"), "amp", &b), bad,
                   "f:1:4: amp: found the number '5', expected true or false");
    expect_message(fv_doc_string(doc, get(doc, "m"), "name", &s), bad, "f:6:4: name: found a map, expected a text");
    expect_message(fv_doc_string(doc, get(doc, "b"), "name", &s), bad,
                   "f:3:4: name: found the boolean 'true', expected a text");
    assert_string_equal(fv_ctx_hint(ctx), "put quotes around it: \"true\"");
    expect_message(fv_doc_string(doc, get(doc, "n"), "name", &s), bad, "f:7:3: name: found nothing, expected a text");
    expect_message(fv_doc_fail(doc, get(doc, "l"), FV_ERR_SHAPE, "wrong %d", 7), FV_ERR_SHAPE, "f:5:4: wrong 7");

    const char *const keys[] = {"i", "r", "b", "s", "l", "m", "n", "e", "nan", NULL};
    expect_message(fv_doc_check_keys(doc, fv_doc_root(doc), keys), FV_ERR_UNKNOWN_OPTION,
                   "f:10:1: unknown key 'big'; valid keys: i, r, b, s, l, m, n, e, nan");
    const char *const near_keys[] = {"i", "r", "b", "s", "l", "m", "n", "e", "nan", "bigger", NULL};
    assert_int_equal(fv_doc_check_keys(doc, fv_doc_root(doc), near_keys), FV_ERR_UNKNOWN_OPTION);
    const char *const all[] = {"i", "r", "b", "s", "l", "m", "n", "e", "nan", "big", NULL};
    assert_int_equal(fv_doc_check_keys(doc, fv_doc_root(doc), all), FV_OK);
    expect_message(fv_doc_check_keys(doc, get(doc, "l"), all), bad,
                   "f:5:4: l: found a list, expected a map (key: value)");
    fv_doc_destroy(&doc);
    doc = parsed(fv_doc_parse_yaml, "train:\n  epocs: 3\n");
    expect_message(fv_doc_check_keys(doc, get(doc, "train"), (const char *const[]){"epochs", "lr", NULL}),
                   FV_ERR_UNKNOWN_OPTION, "f:2:3: unknown key 'epocs'; did you mean 'epochs'?");
    fv_doc_destroy(&doc);
}

static void test_reading_files(void **state)
{
    (void)state;
    char dir[256];
    fv_test_dir_create(dir);
    const char *path = fv_test_path(dir, "doc");
    static const char *const texts[] = {"{\"a\": 1}", " \n[1]", "a: 1\n", "{a: 1}", "\xEF\xBB\xBF{\"a\": 1}"};
    static const bool ok[] = {true, true, true, false, true};
    for (int i = 0; i < 5; i++) {
        fv_doc *doc = NULL;
        fv_test_write_text(path, texts[i]);
        assert_int_equal(fv_doc_read(ctx, path, &doc), ok[i] ? FV_OK : FV_ERR_SYNTAX);
        assert_true((doc != NULL) == ok[i]);
        if (doc)
            assert_string_equal(fv_doc_name(doc), path);
        fv_doc_destroy(&doc);
    }
    fv_doc *doc = NULL;
    assert_int_equal(fv_doc_read(ctx, fv_test_path(dir, "absent"), &doc), FV_ERR_NOT_FOUND);
    assert_null(doc);
    fv_test_dir_remove(dir);
}

/* Damaged documents: every one is either read or refused with a place; the sanitizers watch. */
static void test_damaged_documents(void **state)
{
    (void)state;
    static const char yaml[] = "a: [1, 2.5, {b: c}]\r\nd:\n  - \"x\\ty\"\n  - 'z'\n  - |\n    text\n# end\ne: ~\n";
    static const char json[] = "{\"a\": [1, 2.5, {\"b\": \"c\\u20ac\\n\"}], \"d\": null,\n \"e\": [[], {}, true]}";
    static const char bytes[] = "\t\n\r :-[]{}\"'#&*!|>%@`,?\\\xFF\xC3\xE2\x80\xA8\xC2\x85\xEF\xBB\xBF"
                                "0a";
    int refused = 0;
    for (uint64_t i = 0; i < 40000; i++) {
        char text[128];
        bool is_json = i & 1;
        size_t size = is_json ? sizeof json - 1 : sizeof yaml - 1;
        memcpy(text, is_json ? json : yaml, size);
        uint32_t word[4];
        fv_philox(1, FV_RANDOM_TEST, 6, i, word);
        for (uint32_t k = 0; k <= word[3] % 3; k++)
            text[(word[0] >> 4 * k) % size] = bytes[(word[1] >> 5 * k) % (sizeof bytes - 1)];
        if (word[3] & 64)
            size = word[2] % size;
        fv_doc *doc = NULL;
        fv_status status = parse_copy(ctx, is_json ? fv_doc_parse_json : fv_doc_parse_yaml, text, size, &doc);
        assert_true(status == FV_OK || status == FV_ERR_SYNTAX);
        assert_true((doc != NULL) == (status == FV_OK));
        int line, column;
        if (status != FV_OK && (sscanf(fv_ctx_error(ctx), "f:%d:%d: ", &line, &column) != 2 || line < 1 || column < 1))
            fail_msg("no place in '%s'", fv_ctx_error(ctx));
        refused += status != FV_OK;
        fv_doc_destroy(&doc);
    }
    assert_true(refused > 10000 && refused < 39000);
}

static fv_status use_yaml(fv_ctx *c, void *arg)
{
    fv_doc *doc;
    FV_TRY(parse_copy(c, fv_doc_parse_yaml, arg, strlen(arg), &doc));
    fv_doc_destroy(&doc);
    return FV_OK;
}

static fv_status use_json(fv_ctx *c, void *arg)
{
    fv_doc *doc;
    FV_TRY(parse_copy(c, fv_doc_parse_json, arg, strlen(arg), &doc));
    fv_doc_destroy(&doc);
    return FV_OK;
}

static fv_status use_errors(fv_ctx *c, void *arg)
{
    fv_doc *doc;
    FV_TRY(parse_copy(c, fv_doc_parse_yaml, arg, strlen(arg), &doc));
    fv_status status = fv_doc_check_keys(doc, fv_doc_root(doc), (const char *const[]){"x", NULL});
    fv_doc_destroy(&doc);
    return status == FV_ERR_UNKNOWN_OPTION ? FV_OK : status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    char *items = repeated("{\"k\": [1, \"some text\", {}], \"l\": null}, ", 200);
    size_t size = strlen(items) + 8;
    char *text = malloc(size);
    snprintf(text, size, "[%s 1]", items);
    assert_true(fv_test_each_allocation(use_yaml, text) >= 10);
    assert_true(fv_test_each_allocation(use_json, text) >= 10);
    assert_true(fv_test_each_allocation(use_errors, (char[]){"completely: 1\nother: 2\n"}) >= 6);
    free(items);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml_tree),
        cmocka_unit_test(test_yaml_scalars),
        cmocka_unit_test(test_yaml_encodings),
        cmocka_unit_test(test_yaml_errors),
        cmocka_unit_test(test_depth_and_node_limits),
        cmocka_unit_test(test_json_tree),
        cmocka_unit_test(test_json_errors),
        cmocka_unit_test(test_typed_reading),
        cmocka_unit_test(test_reading_files),
        cmocka_unit_test(test_damaged_documents),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
