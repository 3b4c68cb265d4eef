/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes: defaults, texts, documents, ranges. */
#include "toys.h"

static const fv_op *op(void)
{
    return toy_find(NULL, "toy_scale");
}

static fv_status parse(fv_ctx *ctx, const char *text, toy_attr *attr)
{
    fv_attr_defaults(op(), attr);
    return fv_attr_parse(ctx, op(), attr, text);
}

static void test_defaults(void **state)
{
    (void)state;
    toy_attr attr;
    memset(&attr, 0xff, sizeof attr);
    fv_attr_defaults(op(), &attr);
    assert_int_equal(attr.stride[0], 1);
    assert_int_equal(attr.stride[1], 1);
    assert_int_equal(attr.pad[3], 0);
    assert_true(attr.alpha == 0.1);
    assert_false(attr.ceil);
    assert_int_equal(attr.dims.count, 0);
}

static void test_parse(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    toy_attr a;
    assert_int_equal(parse(ctx, "stride=2 pad=3,4  activation=relu6 alpha=2.5e-1 ceil=true dims=5,-1", &a), FV_OK);
    assert_int_equal(a.stride[0], 2);
    assert_int_equal(a.stride[1], 2);
    assert_int_equal(a.pad[0], 3);
    assert_int_equal(a.pad[1], 4);
    assert_int_equal(a.pad[2], 3);
    assert_int_equal(a.pad[3], 4);
    assert_int_equal(a.activation, FV_RELU6);
    assert_true(a.alpha == 0.25);
    assert_true(a.ceil);
    assert_int_equal(a.dims.count, 2);
    assert_int_equal(a.dims.value[1], -1);
    assert_int_equal(parse(ctx, "stride=1,4 pad=1,2,3,4", &a), FV_OK);
    assert_int_equal(a.stride[1], 4);
    assert_int_equal(a.pad[2], 3);
    assert_int_equal(parse(ctx, "", &a), FV_OK);
    fv_ctx_destroy(&ctx);
}

static void test_parse_refusals(void **state)
{
    static const struct {
        const char *text;
        fv_status status;
        const char *says;
    } bad[] = {
        {"strde=2", FV_ERR_UNKNOWN_OPTION, "did you mean 'stride'"},
        {"stride", FV_ERR_VALUE, "key=value"},
        {"stride=", FV_ERR_VALUE, "stride"},
        {"stride=1,2,3", FV_ERR_VALUE, "one or two"},
        {"stride=0", FV_ERR_VALUE, "from 1 to 100"},
        {"stride=1.5", FV_ERR_VALUE, "1.5"},
        {"pad=1,2,3", FV_ERR_VALUE, "1, 2"},
        {"activation=softplus", FV_ERR_VALUE, "relu6"},
        {"alpha=2", FV_ERR_VALUE, "from 0 to 1"},
        {"alpha=nan", FV_ERR_VALUE, "nan"},
        {"ceil=maybe", FV_ERR_VALUE, "true or false"},
        {"dims=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", FV_ERR_VALUE, "up to 16"},
        {"groups=99999999999999999999", FV_ERR_VALUE, "groups"},
    };
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        toy_attr a;
        fv_status status = parse(ctx, bad[i].text, &a);
        if (status != bad[i].status || !strstr(fv_ctx_error(ctx), bad[i].says))
            fail_msg("%s: %s '%s'", bad[i].text, fv_status_name(status), fv_ctx_error(ctx));
    }
    fv_ctx_destroy(&ctx);
}

static uint64_t next(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return *s >> 33;
}

static toy_attr random_attr(uint64_t *s)
{
    toy_attr a;
    memset(&a, 0, sizeof a);
    a.activation = (int32_t)(next(s) % 3);
    for (int i = 0; i < 2; i++)
        a.stride[i] = 1 + (int64_t)(next(s) % 3);
    for (int i = 0; i < 4; i++)
        a.pad[i] = (int64_t)(next(s) % 3);
    a.groups = 1 + (int64_t)(next(s) % 2);
    a.alpha = (double)(next(s) % 1000003) / 1000003.0;
    a.ceil = next(s) % 2;
    a.dims.count = (int64_t)(next(s) % 9);
    for (int64_t i = 0; i < a.dims.count; i++)
        a.dims.value[i] = (int64_t)(next(s) % 1001) - 1;
    return a;
}

static void assert_same(const toy_attr *a, const toy_attr *b, const char *text)
{
    bool same = a->activation == b->activation && memcmp(a->stride, b->stride, sizeof a->stride) == 0 &&
                memcmp(a->pad, b->pad, sizeof a->pad) == 0 && a->groups == b->groups && a->alpha == b->alpha &&
                a->ceil == b->ceil && memcmp(&a->dims, &b->dims, sizeof a->dims) == 0;
    if (!same)
        fail_msg("did not survive: %s", text);
}

static void test_round_trips(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    uint64_t seed = 1;
    for (int i = 0; i < 2000; i++) {
        toy_attr a = random_attr(&seed), b, c;
        fv_str text = {.ctx = ctx}, json = {.ctx = ctx};
        fv_json j = {.out = &json};
        fv_doc *doc = NULL;
        fv_attr_text(op(), &a, &text);
        assert_int_equal(parse(ctx, fv_str_get(&text), &b), FV_OK);
        assert_same(&a, &b, fv_str_get(&text));
        fv_attr_json(op(), &a, true, &j);
        assert_int_equal(fv_doc_parse_json(ctx, "a", json.data, json.size, &doc), FV_OK);
        fv_attr_defaults(op(), &c);
        assert_int_equal(fv_attr_read(op(), &c, doc, fv_doc_root(doc), NULL), FV_OK);
        assert_same(&a, &c, json.data);
        fv_doc_destroy(&doc);
        fv_str_free(&text);
        fv_str_free(&json);
    }
    fv_ctx_destroy(&ctx);
}

static fv_status read_yaml(fv_ctx *ctx, const char *text, toy_attr *attr, const char *const *also)
{
    fv_doc *doc = NULL;
    fv_attr_defaults(op(), attr);
    FV_TRY(fv_doc_parse_yaml(ctx, "net.yaml", text, strlen(text), &doc));
    fv_status status = fv_attr_read(op(), attr, doc, fv_doc_root(doc), also);
    fv_doc_destroy(&doc);
    return status;
}

static void test_documents(void **state)
{
    (void)state;
    static const char *const also[] = {"filters", NULL};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    toy_attr a;
    assert_int_equal(read_yaml(ctx, "stride: [2, 1]\npad: 1\nactivation: relu\nfilters: 3\nalpha: 1\n", &a, also),
                     FV_OK);
    assert_int_equal(a.stride[0], 2);
    assert_int_equal(a.pad[3], 1);
    assert_int_equal(a.activation, FV_RELU);
    assert_true(a.alpha == 1.0);
    assert_int_equal(read_yaml(ctx, "pad: 1\nfilter: 3\n", &a, also), FV_ERR_UNKNOWN_OPTION);
    assert_non_null(strstr(fv_ctx_error(ctx), "net.yaml:2:"));
    assert_non_null(strstr(fv_ctx_error(ctx), "did you mean 'filters'"));
    assert_int_equal(read_yaml(ctx, "stride: two\n", &a, NULL), FV_ERR_VALUE);
    assert_non_null(strstr(fv_ctx_error(ctx), "found two"));
    assert_int_equal(read_yaml(ctx, "groups: [1]\n", &a, NULL), FV_ERR_VALUE);
    assert_int_equal(read_yaml(ctx, "ceil: 3\n", &a, NULL), FV_ERR_VALUE);
    assert_int_equal(read_yaml(ctx, "pad: {a: 1}\n", &a, NULL), FV_ERR_VALUE);
    assert_int_equal(read_yaml(ctx, "- 1\n", &a, NULL), FV_ERR_VALUE);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),    cmocka_unit_test(test_parse),     cmocka_unit_test(test_parse_refusals),
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
