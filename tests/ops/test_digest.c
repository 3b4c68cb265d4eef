/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of a graph: every single change changes it, and nothing else does. */
#include "support/support.h"

#include <math.h>

#include "graph/internal.h"
#include "ops/ops.h"

static fv_status any_infer(fv_ctx *ctx, const fv_node *node)
{
    (void)ctx;
    for (int i = 0; i < node->n_out; i++) {
        node->out[i]->dtype = FV_F32;
        node->out[i]->shape = (fv_shape){2, {2, 3}};
    }
    return FV_OK;
}

/* A graph of one node of the operator, whatever its shapes must be: with inputs, a state and constants beside it. */
static fv_graph *graph_of(fv_ctx *ctx, fv_op *row)
{
    fv_graph *g;
    fv_val *in[FV_MAX_OPERANDS], *unused;
    fv_node *node;
    fv_tensor *tensor;
    row->infer = any_infer;
    assert_int_equal(fv_graph_create(ctx, fv_op_find, &g), FV_OK);
    const int n_in = row->n_in_max > 0 ? row->n_in_max : 1;
    for (int i = 0; i < n_in; i++) {
        char name[16];
        snprintf(name, sizeof name, "in%d", i);
        if (fv_op_updates(row, i))
            assert_int_equal(fv_graph_param(g, name, FV_ROLE_PARAM, FV_F32, &(fv_shape){2, {2, 3}}, &in[i]), FV_OK);
        else
            assert_int_equal(fv_graph_input(g, name, FV_F32, &(fv_shape){2, {2, 3}}, &in[i]), FV_OK);
    }
    assert_int_equal(fv_graph_param(g, "state", FV_ROLE_STATE, FV_I64, &(fv_shape){1, {4}}, &unused), FV_OK);
    assert_int_equal(fv_graph_const(g, 0.25, FV_F16, &(fv_shape){1, {9}}, &unused), FV_OK);
    assert_int_equal(fv_tensor_create(ctx, FV_I32, &(fv_shape){1, {5}}, &tensor), FV_OK);
    for (int i = 0; i < 5; i++)
        fv_set(FV_I32, fv_tensor_data(tensor), i, i * i);
    assert_int_equal(fv_graph_tensor(g, "table", tensor, &unused), FV_OK);
    fv_tensor_destroy(&tensor);
    if (fv_graph_add(g, row, "node", NULL, in, row->n_in_max, &node) != FV_OK)
        fail_msg("%s: %s", row->name, fv_ctx_error(ctx));
    for (int i = 0; i < node->n_out; i++)
        assert_int_equal(fv_graph_output(g, node->out[i]), FV_OK);
    assert_int_equal(fv_graph_output_as(g, node->n_out > 0 ? node->out[0] : in[0], "again"), FV_OK);
    return g;
}

typedef struct watch {
    const char *op;
    const fv_graph *g;
    uint8_t before[32];
    int changes;
} watch;

/* One change has been made: the digest must differ. */
static void changed(watch *w, const char *what)
{
    uint8_t now[32];
    fv_graph_digest(w->g, now);
    if (memcmp(now, w->before, sizeof now) == 0)
        fail_msg("%s: the digest does not notice a change of %s", w->op, what);
    w->changes++;
}

static void restored(watch *w, const char *what)
{
    uint8_t now[32];
    fv_graph_digest(w->g, now);
    if (memcmp(now, w->before, sizeof now) != 0)
        fail_msg("%s: %s was restored, the digest was not", w->op, what);
}

static void change_attributes(watch *w, fv_node *node)
{
    for (const fv_attr *a = node->op->attrs; a && a->key; a++) {
        void *attr = (void *)(uintptr_t)node->attr;
        if (a->kind == FV_ATTR_INTS) {
            fv_ints *ints = (fv_ints *)(void *)((char *)attr + a->offset), kept = *ints;
            ints->value[ints->count++] = 3;
            changed(w, a->key);
            ints->value[ints->count - 1] = 4;
            changed(w, a->key);
            *ints = kept;
            restored(w, a->key);
            continue;
        }
        for (int64_t i = 0; i < fv_attr_width(a, attr); i++) {
            const double real = fv_attr_get(a, attr, i);
            const int64_t integer = a->kind == FV_ATTR_REAL ? 0 : fv_attr_get_int(a, attr, i);
            fv_attr_set(a, attr, i, real + fabs(real) + 0.001, a->kind == FV_ATTR_BOOL ? !integer : integer + 1);
            changed(w, a->key);
            fv_attr_set(a, attr, i, real, integer);
            restored(w, a->key);
        }
    }
}

static void change_value(watch *w, fv_val *val)
{
    fv_val kept = *val;
    if (val->role != FV_ROLE_COMPUTED) {
        val->name = "other";
        changed(w, "a name");
        *val = kept;
        val->role = val->role == FV_ROLE_PARAM ? FV_ROLE_STATE : FV_ROLE_PARAM;
        if (kept.role != FV_ROLE_CONST)
            changed(w, "a role");
        *val = kept;
    }
    for (int d = 0; d < val->shape.rank; d++) {
        val->shape.dim[d]++;
        changed(w, "a dimension");
        *val = kept;
    }
    val->shape.dim[val->shape.rank++] = 1;
    changed(w, "a rank");
    *val = kept;
    for (int t = 0; t < FV_DTYPE_COUNT; t++) {
        val->dtype = (fv_dtype)t;
        if (val->dtype != kept.dtype && fv_dtype_size(val->dtype) <= fv_dtype_size(kept.dtype))
            changed(w, "a dtype");
        *val = kept;
    }
    for (int64_t i = 0; val->elements && i < fv_tensor_count(val->elements); i++) {
        const double element = fv_get(val->dtype, fv_tensor_data(val->elements), i);
        fv_set(val->dtype, fv_tensor_data(val->elements), i, element + 1.0);
        changed(w, "an element of a constant");
        fv_set(val->dtype, fv_tensor_data(val->elements), i, element);
    }
    restored(w, "a value");
}

static void change_node(watch *w, fv_node *node, const fv_graph *g)
{
    const fv_node kept = *node;
    fv_op other = *node->op;
    other.name = "other";
    node->op = &other;
    changed(w, "an operator");
    *node = kept;
    node->name = "other";
    changed(w, "the name of a node");
    *node = kept;
    for (int32_t i = 0; i < node->n_in; i++) {
        fv_val *edge = node->in[i];
        node->in[i] = fv_graph_find(g, "state");
        changed(w, "an edge");
        node->in[i] = NULL;
        changed(w, "an absent operand");
        node->in[i] = edge;
    }
    if (node->n_in > 0) {
        node->n_in--;
        changed(w, "the number of operands");
        *node = kept;
    }
    restored(w, "a node");
}

static void change_outputs(watch *w, fv_graph *g)
{
    for (int32_t i = 0; i < g->n_outputs; i++) {
        fv_val *val = g->outputs[i];
        const char *name = g->output_names[i];
        g->outputs[i] = fv_graph_find(g, "table");
        changed(w, "an output");
        g->outputs[i] = val;
        g->output_names[i] = "other";
        changed(w, "the name of an output");
        g->output_names[i] = name;
    }
    g->n_outputs--;
    changed(w, "the number of outputs");
    g->n_outputs++;
    restored(w, "the outputs");
}

static void test_every_change(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    int count, changes = 0;
    const fv_op *const *ops = fv_op_list(&count);
    for (int k = 0; k < count; k++) {
        fv_op row = *ops[k];
        fv_graph *g = graph_of(ctx, &row);
        watch w = {.op = row.name, .g = g};
        fv_graph_digest(g, w.before);
        change_attributes(&w, g->nodes[0]);
        change_node(&w, g->nodes[0], g);
        for (int32_t i = 0; i < g->n_vals; i++)
            change_value(&w, g->vals[i]);
        change_outputs(&w, g);
        changes += w.changes;
        fv_graph_destroy(&g);
    }
    print_message("%d changes of graphs of %d operators\n", changes, count);
    assert_true(changes > 40 * count);
    fv_ctx_destroy(&ctx);
}

static fv_graph *network(fv_ctx *ctx, const char *constant)
{
    fv_graph *g;
    fv_val *x, *w, *c;
    fv_node *node;
    fv_tensor *tensor;
    assert_int_equal(fv_graph_create(ctx, fv_op_find, &g), FV_OK);
    assert_int_equal(fv_graph_input(g, "x", FV_F32, &(fv_shape){2, {1, 6}}, &x), FV_OK);
    assert_int_equal(fv_graph_param(g, "w", FV_ROLE_PARAM, FV_F32, &(fv_shape){2, {4, 6}}, &w), FV_OK);
    assert_int_equal(fv_graph_add(g, fv_op_find(ctx, "dense"), "fc", NULL, (fv_val *[]){x, w}, 2, &node), FV_OK);
    assert_int_equal(fv_tensor_create(ctx, FV_F32, &(fv_shape){2, {1, 4}}, &tensor), FV_OK);
    const float values[] = {1.5f, -INFINITY, 3e-40f, 0.1f};
    memcpy(fv_tensor_data(tensor), values, sizeof values);
    assert_int_equal(fv_graph_tensor(g, constant, tensor, &c), FV_OK);
    fv_tensor_destroy(&tensor);
    assert_int_equal(fv_graph_add(g, fv_op_find(ctx, "add"), "sum", NULL, (fv_val *[]){node->out[0], c}, 2, &node),
                     FV_OK);
    assert_int_equal(fv_graph_output_as(g, node->out[0], "scores"), FV_OK);
    assert_int_equal(fv_graph_output(g, node->in[0]), FV_OK);
    return g;
}

static void test_equal(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_graph *g = network(ctx, "shift"), *same = network(ctx, "shift"), *other = network(ctx, "shift2");
    fv_graph *copy = NULL, *back = NULL;
    fv_str json = {.ctx = ctx};
    fv_json j = {.out = &json};
    fv_doc *doc = NULL;
    uint8_t first[32], second[32];
    fv_graph_digest(g, first);
    fv_graph_digest(same, second);
    assert_memory_equal(first, second, 32);
    fv_graph_digest(other, second);
    assert_memory_not_equal(first, second, 32);
    assert_int_equal(fv_pass_dead(g, &copy, NULL), FV_OK);
    fv_graph_digest(copy, second);
    assert_memory_equal(first, second, 32);
    fv_graph_json(g, &j);
    assert_int_equal(fv_doc_parse_json(ctx, "graph", json.data, json.size, &doc), FV_OK);
    if (fv_graph_read_json(ctx, fv_op_find, doc, fv_doc_root(doc), NULL, &back) != FV_OK)
        fail_msg("%s in %s", fv_ctx_error(ctx), json.data);
    assert_int_equal(fv_graph_verify(back), FV_OK);
    fv_graph_digest(back, second);
    assert_memory_equal(first, second, 32);
    assert_string_equal(back->output_names[0], "scores");
    assert_string_equal(back->output_names[1], "fc");
    assert_int_equal(fv_graph_output_as(back, back->vals[0], "scores"), FV_ERR_ARGUMENT);
    fv_doc_destroy(&doc);
    fv_str_free(&json);
    fv_graph_destroy(&g);
    fv_graph_destroy(&same);
    fv_graph_destroy(&other);
    fv_graph_destroy(&copy);
    fv_graph_destroy(&back);
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_change), cmocka_unit_test(test_equal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
