/* SPDX-License-Identifier: Apache-2.0 */
/* Building, checking, printing and reading graphs. */
#include "toys.h"

static fv_graph *new_graph(fv_ctx *ctx)
{
    fv_graph *g = NULL;
    assert_int_equal(fv_graph_create(ctx, toy_find, &g), FV_OK);
    return g;
}

static void test_building(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_graph *g = new_graph(ctx);
    fv_val *x = toy_input(g, "x", 4, 8), *w = toy_param(g, "fc.weight", FV_ROLE_PARAM, 8);
    fv_val *y = toy_node(g, "toy_scale", "fc", 4, x, w, NULL, x);
    fv_val *z = toy_unary(g, "toy_relu", NULL, y), *z2 = toy_unary(g, "toy_relu", "", z);
    assert_int_equal(fv_graph_output(g, z2), FV_OK);
    assert_string_equal(y->name, "fc");
    assert_int_equal(y->def->n_in, 4);
    assert_null(y->def->in[2]);
    assert_string_not_equal(z->name, z2->name);
    assert_ptr_equal(fv_graph_find(g, "fc.weight"), w);
    assert_null(fv_graph_find(g, "fc.bias"));
    int32_t uses[16];
    fv_graph_uses(g, uses);
    assert_int_equal(uses[x->id], 2);
    assert_int_equal(uses[z2->id], 1);
    assert_int_equal(fv_graph_verify(g), FV_OK);
    /* absent operands at the end do not count */
    fv_val *t = toy_node(g, "toy_scale", "fc2", 4, x, w, NULL, NULL);
    assert_int_equal(t->def->n_in, 2);
    assert_null(t->def->in[3]);
    fv_graph_destroy(&g);
    fv_ctx_destroy(&ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_graph *g = new_graph(ctx), *other = new_graph(ctx);
    fv_val *x = toy_input(g, "x", 4, 8), *w = toy_param(g, "w", FV_ROLE_PARAM, 8), *v = NULL;
    fv_val *far = toy_input(other, "far", 4, 8), *d = NULL;
    const fv_op *scale = toy_find(ctx, "toy_scale"), *relu = toy_find(ctx, "toy_relu");
    fv_node *node;
    int32_t vals = g->n_vals, nodes = g->n_nodes;

    assert_int_equal(fv_graph_input(g, "x", FV_F32, &(fv_shape){1, {3}}, &v), FV_ERR_ARGUMENT);
    assert_null(v);
    assert_int_equal(fv_graph_input(g, "", FV_F32, &(fv_shape){1, {3}}, &v), FV_ERR_ARGUMENT);
    assert_int_equal(fv_graph_input(g, "y", FV_F32, &(fv_shape){2, {3, 0}}, &v), FV_ERR_SHAPE);
    assert_int_equal(fv_graph_input(g, "y", FV_F32, &(fv_shape){2, {INT64_MAX, 2}}, &v), FV_ERR_SHAPE);
    assert_int_equal(fv_graph_param(g, "y", FV_ROLE_INPUT, FV_F32, &(fv_shape){1, {3}}, &v), FV_ERR_ARGUMENT);
    assert_int_equal(fv_graph_add(g, scale, "s", NULL, (fv_val *[]){x}, 1, &node), FV_ERR_ARGUMENT);
    assert_non_null(strstr(fv_ctx_error(ctx), "toy_scale 's'"));
    assert_non_null(strstr(fv_ctx_error(ctx), "wei"));
    assert_null(node);
    assert_int_equal(fv_graph_add(g, relu, "s", NULL, (fv_val *[]){x, x}, 2, &node), FV_ERR_ARGUMENT);
    assert_int_equal(fv_graph_add(g, relu, "s", NULL, (fv_val *[]){far}, 1, &node), FV_ERR_ARGUMENT);
    assert_non_null(strstr(fv_ctx_error(ctx), "another graph"));
    assert_int_equal(fv_graph_add(g, relu, "s", NULL, (fv_val *[]){w}, 1, &node), FV_ERR_SHAPE);
    assert_non_null(strstr(fv_ctx_error(ctx), "rank 1"));
    assert_int_equal(fv_graph_add(g, relu, "x", NULL, (fv_val *[]){x}, 1, &node), FV_ERR_ARGUMENT);
    toy_attr attr;
    fv_attr_defaults(scale, &attr);
    attr.stride[1] = 0;
    assert_int_equal(fv_graph_add(g, scale, "s", &attr, (fv_val *[]){x, w}, 2, &node), FV_ERR_VALUE);
    assert_non_null(strstr(fv_ctx_error(ctx), "stride=0"));
    assert_int_equal(g->n_vals, vals);
    assert_int_equal(g->n_nodes, nodes);
    assert_int_equal(fv_graph_input(g, "d", FV_F64, &(fv_shape){2, {4, 8}}, &d), FV_OK);
    assert_int_equal(fv_graph_add(g, scale, "s", NULL, (fv_val *[]){x, d}, 2, &node), FV_ERR_SHAPE);
    assert_non_null(strstr(fv_ctx_error(ctx), "f64"));
    assert_int_equal(fv_graph_output(g, far), FV_ERR_ARGUMENT);
    assert_int_equal(fv_graph_output(g, NULL), FV_ERR_ARGUMENT);
    /* a pool that leaves nothing */
    fv_val *thin = toy_input(g, "thin", 4, 1);
    assert_int_equal(fv_graph_add(g, toy_find(ctx, "toy_pool"), "p", NULL, &thin, 1, &node), FV_ERR_SHAPE);
    fv_graph_destroy(&g);
    fv_graph_destroy(&other);
    fv_ctx_destroy(&ctx);
}

static void test_verify_catches(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_graph *g = new_graph(ctx);
    fv_val *x = toy_input(g, "x", 4, 8), *a = toy_unary(g, "toy_relu", "a", x), *b = toy_unary(g, "toy_relu", "b", a);
    assert_int_equal(fv_graph_verify(g), FV_OK);
    a->shape.dim[1] = 7;
    assert_int_equal(fv_graph_verify(g), FV_ERR_INTERNAL);
    a->shape.dim[1] = 8;
    a->def->in[0] = b;
    assert_int_equal(fv_graph_verify(g), FV_ERR_INTERNAL);
    a->def->in[0] = x;
    const char *name = a->name;
    a->name = "b";
    assert_int_equal(fv_graph_verify(g), FV_ERR_INTERNAL);
    a->name = name;
    assert_int_equal(fv_graph_verify(g), FV_OK);
    fv_graph_destroy(&g);
    fv_ctx_destroy(&ctx);
}

/* Values, several outputs, absent operands, attributes of every kind, constants. */
static fv_graph *sample(fv_ctx *ctx)
{
    fv_graph *g = new_graph(ctx);
    fv_val *x = toy_input(g, "im\"age", 4, 8), *w = toy_param(g, "w", FV_ROLE_PARAM, 8), *c;
    fv_val *s = toy_param(g, "s", FV_ROLE_STATE, 8);
    assert_int_equal(fv_graph_const(g, 0.1, FV_F32, &(fv_shape){2, {4, 8}}, &c), FV_OK);
    toy_attr attr;
    const fv_op *scale = toy_find(ctx, "toy_scale");
    fv_attr_defaults(scale, &attr);
    attr = (toy_attr){.activation = 2,
                      .stride = {2, 3},
                      .pad = {1, 2, 1, 2},
                      .groups = 5,
                      .alpha = 0.3,
                      .ceil = true,
                      .dims = {3, {4, -1, 7}}};
    fv_node *node;
    assert_int_equal(fv_graph_add(g, scale, "a", &attr, (fv_val *[]){x, w, NULL, c}, 4, &node), FV_OK);
    fv_val *n = toy_node(g, "toy_norm", "n", 3, node->out[0], w, s, NULL);
    fv_val *p = toy_unary(g, "toy_pool_train", "p", n);
    assert_int_equal(fv_graph_output(g, p->def->out[1]), FV_OK);
    assert_int_equal(fv_graph_output(g, n), FV_OK);
    return g;
}

static void test_text(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_graph *g = sample(ctx);
    const char *text = toy_text(g);
    assert_non_null(strstr(text, "input  im\"age: f32 4x8\n"));
    assert_non_null(strstr(text, "state  s: f32 8\n"));
    assert_non_null(strstr(text, " = 0.1\n"));
    assert_non_null(strstr(text, "node   a = toy_scale(im\"age, w, -, const_3) activation=relu6 stride=2,3 pad=1,2,1,2 "
                                 "groups=5 alpha=0.3 ceil=true dims=4,-1,7 -> f32 4x8\n"));
    assert_non_null(strstr(text, "output p:1\noutput n\n"));
    fv_graph_destroy(&g);
    fv_ctx_destroy(&ctx);
}

static fv_status read_text(fv_ctx *ctx, const char *text, fv_graph **g)
{
    fv_doc *doc = NULL;
    *g = NULL;
    FV_TRY(fv_doc_parse_json(ctx, "model", text, strlen(text), &doc));
    fv_status status = fv_graph_read_json(ctx, toy_find, doc, fv_doc_root(doc), NULL, g);
    fv_doc_destroy(&doc);
    return status;
}

/* Nodes that change operands in place and compute nothing: they have names all the same. */
static void test_updates(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_graph *g = new_graph(ctx);
    const fv_op *step = toy_find(ctx, "toy_step");
    fv_val *x = toy_input(g, "x", 4, 8), *w = toy_param(g, "w", FV_ROLE_PARAM, 8),
           *d = toy_param(g, "d", FV_ROLE_PARAM, 8);
    fv_val *m = toy_param(g, "m", FV_ROLE_STATE, 8), *y = toy_unary(g, "toy_relu", "y", x);
    fv_node *node;
    assert_int_equal(fv_graph_add(g, step, "s", NULL, (fv_val *[]){w, d, m}, 3, &node), FV_OK);
    assert_int_equal(node->n_out, 0);
    assert_null(fv_graph_find(g, "s"));
    assert_int_equal(fv_graph_add(g, step, "s", NULL, (fv_val *[]){w, d}, 2, NULL), FV_ERR_ARGUMENT);
    assert_non_null(strstr(fv_ctx_error(ctx), "the name 's' is taken"));
    assert_int_equal(fv_graph_input(g, "s", FV_F32, &(fv_shape){1, {8}}, NULL), FV_ERR_ARGUMENT);
    assert_int_equal(fv_graph_add(g, toy_find(ctx, "toy_relu"), "s", NULL, &x, 1, NULL), FV_ERR_ARGUMENT);
    assert_int_equal(fv_graph_add(g, step, "y", NULL, (fv_val *[]){w, d}, 2, NULL), FV_ERR_ARGUMENT);
    assert_int_equal(fv_graph_add(g, step, "t", NULL, (fv_val *[]){x, d}, 2, NULL), FV_ERR_ARGUMENT);
    assert_non_null(
        strstr(fv_ctx_error(ctx), "is written in place: expected a parameter or a state, found 'x' (input)"));
    assert_int_equal(fv_graph_add(g, step, "t", NULL, (fv_val *[]){w, d, y}, 3, NULL), FV_ERR_ARGUMENT);
    for (int i = 0; i < 100; i++) /* the table of names grows */
        assert_int_equal(fv_graph_add(g, step, NULL, NULL, (fv_val *[]){w, d}, 2, NULL), FV_OK);
    assert_int_equal(fv_graph_add(g, step, "s", NULL, (fv_val *[]){w, d}, 2, NULL), FV_ERR_ARGUMENT);
    assert_int_equal(fv_graph_output(g, y), FV_OK);
    assert_int_equal(fv_graph_verify(g), FV_OK);
    assert_non_null(strstr(toy_text(g), "node   s = toy_step(w, d, m) -> w m\n"));
    fv_graph *out, *back;
    assert_int_equal(fv_pass_dead(g, &out, NULL), FV_OK);
    assert_int_equal(out->n_nodes, g->n_nodes);
    fv_str first = {.ctx = ctx}, second = {.ctx = ctx};
    fv_json j1 = {.out = &first}, j2 = {.out = &second};
    fv_graph_json(out, &j1);
    assert_int_equal(read_text(ctx, fv_str_get(&first), &back), FV_OK);
    fv_graph_json(back, &j2);
    assert_string_equal(first.data, second.data);
    fv_str_free(&first);
    fv_str_free(&second);
    fv_graph_destroy(&out);
    fv_graph_destroy(&back);
    fv_graph_destroy(&g);
    fv_ctx_destroy(&ctx);
}

static void test_json_round_trip(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_graph *g = sample(ctx), *back;
    fv_str first = {.ctx = ctx}, second = {.ctx = ctx};
    fv_json j1 = {.out = &first}, j2 = {.out = &second};
    fv_graph_json(g, &j1);
    if (read_text(ctx, fv_str_get(&first), &back) != FV_OK)
        fail_msg("%s in %s", fv_ctx_error(ctx), fv_str_get(&first));
    fv_graph_json(back, &j2);
    assert_string_equal(first.data, second.data);
    char text[4096];
    snprintf(text, sizeof text, "%s", toy_text(g));
    assert_string_equal(text, toy_text(back));
    assert_int_equal(fv_graph_verify(back), FV_OK);
    fv_str_free(&first);
    fv_str_free(&second);
    fv_graph_destroy(&g);
    fv_graph_destroy(&back);
    fv_ctx_destroy(&ctx);
}

#define VALUE_X "{\"name\":\"x\",\"role\":\"input\",\"dtype\":\"f32\",\"shape\":[2,2]}"
#define GRAPH(values, nodes, outputs)                                                                                  \
    "{\"version\":1,\"values\":[" values "],\"nodes\":[" nodes "],\"outputs\":[" outputs "]}"

static void test_json_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"[]", "map"},
        {"{}", "version"},
        {"{\"version\":99,\"values\":[],\"nodes\":[],\"outputs\":[]}", "99"},
        {"{\"version\":1,\"values\":{},\"nodes\":[],\"outputs\":[]}", "values"},
        {GRAPH("3", "", ""), "map"},
        {GRAPH("{\"name\":\"x\",\"role\":\"computed\",\"dtype\":\"f32\",\"shape\":[1]}", "", ""), "computed"},
        {GRAPH("{\"name\":\"x\",\"role\":\"input\",\"dtype\":\"f12\",\"shape\":[1]}", "", ""), "f12"},
        {GRAPH("{\"name\":\"x\",\"role\":\"input\",\"dtype\":\"f32\",\"shape\":[1,1,1,1,1,1,1,1,1]}", "", ""), "x"},
        {GRAPH("{\"name\":\"x\",\"role\":\"input\",\"dtype\":\"f32\",\"shape\":[9000000000000000000,9]}", "", ""), "x"},
        {GRAPH("{\"name\":\"x\",\"role\":\"input\",\"dtype\":\"f32\",\"shape\":[-1]}", "", ""), "x"},
        {GRAPH("{\"name\":\"x\",\"role\":\"const\",\"dtype\":\"f32\",\"shape\":[1]}", "", ""), "value"},
        {GRAPH(VALUE_X "," VALUE_X, "", ""), "taken"},
        {GRAPH(VALUE_X, "{\"op\":\"nothing\",\"name\":\"a\",\"in\":[\"x\"]}", ""), "nothing"},
        {GRAPH(VALUE_X, "{\"op\":\"toy_relu\",\"name\":\"a\",\"in\":[\"b\"]}", ""), "b"},
        {GRAPH(VALUE_X, "{\"op\":\"toy_relu\",\"name\":\"a\",\"in\":[\"x\",\"x\",\"x\"]}", ""), "3"},
        {GRAPH(VALUE_X, "{\"op\":\"toy_relu\",\"name\":\"a\",\"in\":[null]}", ""), "missing"},
        {GRAPH(VALUE_X, "{\"op\":\"toy_relu\",\"name\":\"a\",\"in\":\"x\"}", ""), "in"},
        {GRAPH(VALUE_X, "{\"op\":\"toy_mono\",\"name\":\"a\",\"in\":[\"x\"],\"attr\":{\"strid\":3}}", ""), "stride"},
        {GRAPH(VALUE_X, "{\"op\":\"toy_mono\",\"name\":\"a\",\"in\":[\"x\"],\"attr\":{\"stride\":[1,2,3]}}", ""),
         "stride"},
        {GRAPH(VALUE_X, "{\"op\":\"toy_mono\",\"name\":\"a\",\"in\":[\"x\"],\"attr\":{\"groups\":1.5}}", ""), "groups"},
        {GRAPH(VALUE_X, "", "\"y\""), "y"},
        {GRAPH(VALUE_X, "", "null"), "name"},
    };
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fv_graph *g;
        fv_status status = read_text(ctx, bad[i].text, &g);
        if (status == FV_OK || g)
            fail_msg("accepted: %s", bad[i].text);
        if (!strstr(fv_ctx_error(ctx), bad[i].says))
            fail_msg("%s gave '%s', which lacks '%s'", bad[i].text, fv_ctx_error(ctx), bad[i].says);
    }
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
}

/* Damaged files: whatever is read is a sound graph, and nothing is lost on the way. */
static void test_json_damage(void **state)
{
    (void)state;
    static const char bytes[] = "0123456789-\"[]{},:.etrufalsnx \\";
    fv_test_allocator a = {0};
    fv_ctx *ctx = fv_test_ctx(1, &a, NULL);
    fv_graph *g = sample(ctx);
    fv_str json = {.ctx = ctx};
    fv_json j = {.out = &json};
    fv_graph_json(g, &j);
    fv_graph_destroy(&g);
    uint64_t seed = 3;
    int read = 0;
    for (int i = 0; i < 4000; i++) {
        char *text = strdup(json.data);
        assert_non_null(text);
        for (int k = 0; k <= i % 3; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[(seed >> 33) % json.size] = bytes[(seed >> 20) % (sizeof bytes - 1)];
        }
        if (read_text(ctx, text, &g) == FV_OK) {
            assert_int_equal(fv_graph_verify(g), FV_OK);
            read++;
        }
        fv_graph_destroy(&g);
        free(text);
    }
    assert_true(read > 0 && read < 4000);
    fv_str_free(&json);
    fv_ctx_destroy(&ctx);
    assert_int_equal(a.live_blocks, 0);
}

static void test_many_names(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_graph *g = new_graph(ctx);
    fv_val *x = toy_input(g, "x", 1, 2);
    for (int i = 0; i < 3000; i++)
        x = toy_unary(g, "toy_relu", NULL, x);
    assert_int_equal(g->n_nodes, 3000);
    assert_int_equal(fv_graph_verify(g), FV_OK);
    fv_graph_destroy(&g);
    fv_ctx_destroy(&ctx);
}

static fv_status build_and_copy(fv_ctx *ctx, void *arg)
{
    fv_graph *g = NULL, *out = NULL;
    fv_val *x = NULL;
    fv_node *node = NULL;
    (void)arg;
    fv_status status = fv_graph_create(ctx, toy_find, &g);
    if (status == FV_OK)
        status = fv_graph_input(g, "x", FV_F32, &(fv_shape){2, {2, 2}}, &x);
    for (int i = 0; status == FV_OK && i < 100; i++) {
        status = fv_graph_add(g, toy_find(ctx, i % 3 ? "toy_relu" : "toy_mono"), NULL, NULL, &x, 1, &node);
        x = node ? node->out[0] : x;
    }
    if (status == FV_OK)
        status = fv_graph_output(g, x);
    if (status == FV_OK)
        status = fv_pass_dead(g, &out, NULL);
    fv_graph_destroy(&out);
    fv_graph_destroy(&g);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(build_and_copy, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_building),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_verify_catches),  cmocka_unit_test(test_text),
        cmocka_unit_test(test_json_round_trip), cmocka_unit_test(test_updates),
        cmocka_unit_test(test_json_refusals),   cmocka_unit_test(test_json_damage),
        cmocka_unit_test(test_many_names),      cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
