/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON reader against jansson. */
#include "support/support.h"

#include <jansson.h>

#include "base/doc.h"
#include "base/random.h"

static bool same_value(const fv_doc_node *node, json_t *value)
{
    static const fv_doc_kind kinds[] = {FV_DOC_MAP,  FV_DOC_LIST, FV_DOC_STRING, FV_DOC_INT,
                                        FV_DOC_REAL, FV_DOC_BOOL, FV_DOC_BOOL,   FV_DOC_NULL};
    bool same = node->kind == kinds[json_typeof(value)];
    const char *key;
    json_t *child;
    size_t i = 0;
    if (same && node->kind == FV_DOC_STRING)
        same = strcmp(node->text, json_string_value(value)) == 0;
    if (same && (node->kind == FV_DOC_INT || node->kind == FV_DOC_REAL))
        same = node->real == json_number_value(value) &&
               (node->kind == FV_DOC_REAL || node->integer == json_integer_value(value));
    if (same && node->kind == FV_DOC_BOOL)
        same = (node->integer != 0) == json_is_true(value);
    if (same && (node->kind == FV_DOC_LIST || node->kind == FV_DOC_MAP))
        same = node->count == (int64_t)(node->kind == FV_DOC_LIST ? json_array_size(value) : json_object_size(value));
    if (same && node->kind == FV_DOC_LIST)
        for (; same && i < json_array_size(value); i++)
            same = same_value(&node->child[i], json_array_get(value, i));
    if (same && node->kind == FV_DOC_MAP)
        json_object_foreach(value, key, child)
        {
            same = same && strcmp(node->child[i].key, key) == 0 && same_value(&node->child[i], child);
            i++;
        }
    return same;
}

/* Texts of tokens, most of them wrong: what is taken, and what it means, is what jansson takes. */
static void test_json_as_jansson(void **state)
{
    static const char *const tokens[] = {
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\":",
        "\"b\":",
        "\"\"",
        "\"\\u00e9\"",
        "1",
        "-0",
        "0",
        "12.5",
        "-1e3",
        "1E+2",
        "2e-3",
        "9223372036854775807",
        "9223372036854775808",
        "1e400",
        "1e-400",
        ".5",
        "1.",
        "01",
        "-",
        "+1",
        "true",
        "false",
        "null",
        "nul",
        " ",
        "\n",
        "\t",
        "\"x y\"",
        "\"\\n\\/\\b\\\\\"",
        "\"\\x\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\u0000\"",
        "\"\\u12\"",
        "\"\xC3\xA9\xE2\x82\xAC\"",
        "\"\xC3\"",
        "\"\xED\xA0\x80\"",
        "\"\x01\"",
        "\"",
        "\\",
        "\xEF\xBB\xBF",
        "[[1,2],{\"k\":[]}]",
        "{\"c\":1,\"d\":{}}",
        "1e",
        "1e+",
        "NaN",
        "\"\x7F\"",
        "\"\\u20AC\\u007f\"",
    };
    enum { TOKENS = sizeof tokens / sizeof *tokens };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    int taken = 0;
    (void)state;
    for (uint64_t i = 0; i < FV_TEST_CASES(60000, 10000); i++) {
        char text[512] = "";
        uint32_t word[4];
        fv_philox(1, FV_RANDOM_TEST, 7, i, word);
        const bool list = word[3] & 1, map = !list && word[3] & 2;
        const int n = 1 + (int)(word[3] >> 2) % 6;
        strcpy(text, list ? "[" : map ? "{" : "");
        for (int k = 0; k < n; k++) {
            if (map)
                strcat(text,
                       (const char *[]){"\"a\":", "\"b\" : ", "\"\\u0061\":", "\"c\":"}[word[3] >> (8 + 2 * k) & 3]);
            strcat(text, tokens[(word[k % 3] >> 8 * (k / 3)) % TOKENS]);
            strcat(text, k + 1 < n && word[3] >> (24 + k) & 3 ? "," : "");
        }
        strcat(text, list ? "]" : map ? "}" : "");
        fv_doc *doc = NULL;
        json_error_t error;
        const bool bom = strncmp(text, "\xEF\xBB\xBF", 3) == 0; /* which the reader allows in front */
        json_t *value = json_loads(text + (bom ? 3 : 0), JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        const size_t size = strlen(text);
        char *copy = malloc(size); /* without a NUL: a reader that goes too far is caught by the address sanitizer */
        assert_non_null(memcpy(copy, text, size));
        const fv_status status = fv_doc_parse_json(ctx, "f", copy, size, &doc);
        free(copy);
        if ((status == FV_OK) != (value != NULL) || (doc && !same_value(fv_doc_root(doc), value)))
            fail_msg("%s: %s, jansson: %s", text, status == FV_OK ? "taken" : fv_ctx_error(ctx),
                     value ? "taken" : error.text);
        taken += status == FV_OK;
        json_decref(value);
        fv_doc_destroy(&doc);
    }
    fv_ctx_destroy(&ctx);
    assert_true(taken > FV_TEST_CASES(60000, 10000) / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_json_as_jansson)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
