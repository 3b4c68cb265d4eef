/* SPDX-License-Identifier: Apache-2.0 */
/* Networks as PyTorch's exporters write them (tests/golden/make_onnx.py), and graphs that other tools write. */
#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

#include "base/file.h"
#include "io/tensor_file.h"
#include "support/onnx_write.h"
#include "train/golden.h"

static fv_ctx *open_context(void)
{
    fv_ctx *ctx = NULL;
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx), FV_OK);
    return ctx;
}

static void run_net(fv_ctx *ctx, const char *folder, const fv_tensor_file *answers, const char *net, const char *kind)
{
    const fv_shape shape = {4, {2, 3, 20, 20}};
    char path[700], name[160];
    fv_model *m = NULL;
    fv_session *s = NULL;
    fv_tensor *x = NULL;
    fv_port_info port;
    int shuffles = 0;
    snprintf(path, sizeof path, "%s/onnx/%s_%s.onnx", folder, net, kind);
    if (fv_model_load(ctx, path, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    for (int32_t i = 0; strcmp(net, "mobile") == 0 && i < m->graph->n_nodes; i++) { /* channels are shuffled in place */
        shuffles += strcmp(m->graph->nodes[i]->op->name, "channel_shuffle") == 0;
        assert_string_not_equal(m->graph->nodes[i]->op->name, "transpose");
    }
    assert_int_equal(shuffles, strcmp(net, "mobile") == 0);
    snprintf(name, sizeof name, "onnx.%s", net);
    assert_int_equal(fv_tensor_create(ctx, FV_F32, &shape, &x), FV_OK);
    for (int64_t i = 0; i < fv_shape_count(&shape); i++)
        ((float *)fv_tensor_data(x))[i] = (float)golden_x(golden_key(name), i);
    assert_int_equal(fv_session_create(m, 2, &s), FV_OK);
    assert_int_equal(fv_session_set_tensor(s, "image", FV_LAYOUT_NCHW, x), FV_OK);
    assert_int_equal(fv_session_run(s), FV_OK);
    for (int o = 0; fv_model_port(m, true, o, &port); o++) {
        fv_tensor *got = NULL;
        double most = 0, apart = 0;
        snprintf(name, sizeof name, "%s.%s", net, port.name);
        const fv_st_entry *want = fv_tensor_file_find(answers, name);
        assert_non_null(want);
        assert_int_equal(fv_session_get_tensor(s, port.name, port.layout, &got), FV_OK);
        assert_true(fv_shape_equal(fv_tensor_shape(got), &want->shape));
        const float *a = fv_tensor_const_data(got), *b = (const float *)want->data;
        for (int64_t i = 0; i < fv_shape_count(&want->shape); i++) {
            most = fmax(most, fabs((double)b[i]));
            apart = fmax(apart, fabs((double)a[i] - (double)b[i]));
        }
        if (!(apart <= 2e-6 * most))
            fail_msg("%s: %s is %g from PyTorch's, of %g", path, port.name, apart, most);
        fv_tensor_destroy(&got);
    }
    fv_tensor_destroy(&x);
    fv_session_destroy(&s);
    fv_model_destroy(&m);
}

/* Squeeze and excitation, shuffled channels, inception's and dense branches, several outputs; both exporters. */
static void test_exports(void **state)
{
    static const char *const rows[][4] = {{"mobile", "legacy9", "legacy20", "dynamo18"},
                                          {"inception", "legacy9", "kept13", "dynamo23"},
                                          {"detector", "legacy11", "legacy17", "dynamo20"}};
    char folder[512], path[600];
    fv_tensor_file *answers = NULL;
    fv_ctx *ctx = open_context();
    (void)state;
    snprintf(folder, sizeof folder, "%s/tests/golden", getenv("FOVEA_SOURCE_DIR"));
    snprintf(path, sizeof path, "%s/onnx.safetensors", folder);
    assert_int_equal(fv_tensor_file_open(ctx, path, &answers), FV_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int k = 1; k < 4; k++)
            run_net(ctx, folder, answers, rows[i][0], rows[i][k]);
    fv_tensor_file_close(&answers);
    fv_ctx_destroy(&ctx);
}

/* ---- graphs written here ---- */

static fv_status load_graph(fv_ctx *ctx, const onnx_out *graph, int opset, fv_model **m)
{
    char folder[256];
    onnx_out *file = calloc(1, sizeof *file);
    onnx_model(file, graph, 8, opset);
    fv_test_dir_create(folder);
    const char *path = fv_test_path(folder, "graph.onnx");
    assert_int_equal(fv_file_write(ctx, path, file->data, file->size), FV_OK);
    const fv_status status = fv_model_load(ctx, path, m);
    fv_test_dir_remove(folder);
    free(file);
    return status;
}

/* What a network answers to an image 1 .. 8 of two channels. */
static void answer(fv_ctx *ctx, fv_model *m, fv_tensor **y)
{
    const fv_shape shape = {4, {1, 2, 2, 2}};
    fv_tensor *x = NULL;
    fv_session *s = NULL;
    fv_port_info in, out;
    assert_true(fv_model_port(m, false, 0, &in) && fv_model_port(m, true, 0, &out));
    assert_int_equal(fv_tensor_create(ctx, FV_F32, &shape, &x), FV_OK);
    for (int i = 0; i < 8; i++)
        ((float *)fv_tensor_data(x))[i] = (float)(i + 1);
    assert_int_equal(fv_session_create(m, 1, &s), FV_OK);
    assert_int_equal(fv_session_set_tensor(s, in.name, in.layout, x), FV_OK);
    assert_int_equal(fv_session_run(s), FV_OK);
    assert_int_equal(fv_session_get_tensor(s, out.name, out.layout, y), FV_OK);
    fv_tensor_destroy(&x);
    fv_session_destroy(&s);
}

/* The last number of that. */
static double last_of(fv_ctx *ctx, fv_model *m)
{
    fv_tensor *y = NULL;
    answer(ctx, m, &y);
    const double last =
        fv_dtype_get(fv_tensor_dtype(y), fv_tensor_const_data(y), fv_shape_count(fv_tensor_shape(y)) - 1);
    fv_tensor_destroy(&y);
    return last;
}

static void begin(onnx_out *g)
{
    onnx_value(g, 11, "x", (const int64_t[]){-1, 2, 2, 2}, 4);
    onnx_weight(g, "zero", 7, NULL, 0, (const int64_t[]){0}, 8);
    onnx_weight(g, "one", 7, NULL, 0, (const int64_t[]){1}, 8);
    onnx_weight(g, "two", 7, NULL, 0, (const int64_t[]){2}, 8);
    onnx_weight(g, "rest", 7, (const int64_t[]){1}, 1, (const int64_t[]){-1}, 8);
    onnx_weight(g, "first", 7, (const int64_t[]){1}, 1, (const int64_t[]){0}, 8);
}

/* Sizes are numbers of 0 dimensions, also once they were computed with, by any operator. */
static void test_sizes(void **state)
{
    static const struct {
        const char *op, *in;
    } rows[] = {{"Div", "channels,one"},
                {"Mul", "one,channels"},
                {"Max", "channels,one"},
                {"Identity", "channels"},
                {"Cast", "channels"}};
    fv_ctx *ctx = open_context();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        onnx_out *g = calloc(1, sizeof *g), to = {.size = 0}, axis = {.size = 0};
        fv_model *m = NULL;
        begin(g);
        onnx_attr_int(&to, "to", 7);
        onnx_attr_int(&axis, "axis", 0);
        onnx_node(g, "Shape", NULL, "x", "shape", NULL);
        onnx_node(g, "Gather", NULL, "shape,zero", "batch", NULL);
        onnx_node(g, "Gather", NULL, "shape,one", "channels", NULL);
        onnx_node(g, rows[i].op, NULL, rows[i].in, "size", strcmp(rows[i].op, "Cast") == 0 ? &to : NULL);
        onnx_node(g, "Unsqueeze", NULL, "batch,first", "a", NULL);
        onnx_node(g, "Unsqueeze", NULL, "size,first", "b", NULL);
        onnx_node(g, "Concat", NULL, "a,b,rest", "dims", &axis);
        onnx_node(g, "Reshape", NULL, "x,dims", "y", NULL);
        onnx_value(g, 12, "y", (const int64_t[]){-1, 2, 4}, 3);
        if (load_graph(ctx, g, 13, &m) != FV_OK)
            fail_msg("%s: %s", rows[i].op, fv_ctx_error(ctx));
        assert_true(last_of(ctx, m) == 8.0);
        fv_model_destroy(&m);
        free(g);
    }
    fv_ctx_destroy(&ctx);
}

/* A branch that adds `weight` to x, or holds another If. */
static void add_branch(onnx_out *attr, const char *name, const char *result, float weight, const onnx_out *inner)
{
    onnx_out *g = calloc(1, sizeof *g), *a = calloc(1, sizeof *a);
    char own[48];
    snprintf(own, sizeof own, "%s.w", result);
    onnx_weight(g, own, 1, (const int64_t[]){1}, 1, &weight, sizeof weight);
    if (inner)
        onnx_node(g, "If", "inner", "condition", result, inner);
    else {
        char in[64];
        snprintf(in, sizeof in, "x,%s", own);
        onnx_node(g, "Add", NULL, in, result, NULL);
    }
    onnx_value(g, 12, result, (const int64_t[]){-1, 2, 2, 2}, 4);
    onnx_text(a, 1, name);
    onnx_bytes(a, 6, g->data, g->size);
    onnx_int(a, 20, 5);
    onnx_bytes(attr, 5, a->data, a->size);
    free(a);
    free(g);
}

/* The branch that sizes choose stands for an If; one that depends on pixels is refused, and so is one too deep. */
static void test_branches(void **state)
{
    static const struct {
        const char *against, *says;
        int depth;
        double last;
    } rows[] = {{"two", NULL, 1, 8 + 10},
                {"one", NULL, 1, 8 + 20},
                {"one", NULL, 3, 8 + 20},
                {"one", "within each other", 12, 0},
                {NULL, "its condition must be a constant", 1, 0}};
    fv_ctx *ctx = open_context();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        onnx_out *g = calloc(1, sizeof *g), *at = calloc(1, sizeof *at);
        fv_model *m = NULL;
        char in[32], result[32];
        begin(g);
        onnx_node(g, "Shape", NULL, "x", "shape", NULL);
        onnx_node(g, "Gather", NULL, "shape,one", "channels", NULL);
        snprintf(in, sizeof in, "channels,%s", rows[i].against ? rows[i].against : "");
        if (rows[i].against)
            onnx_node(g, "Equal", NULL, in, "condition", NULL);
        else
            onnx_node(g, "GlobalAveragePool", NULL, "x", "condition", NULL);
        for (int d = rows[i].depth; d > 0; d--) {
            onnx_out *outer = calloc(1, sizeof *outer);
            for (int k = 0; k < 2; k++) {
                snprintf(result, sizeof result, "%s%d", k ? "else" : "then", d);
                add_branch(outer, k ? "else_branch" : "then_branch", result, k ? 20.0f : 10.0f,
                           k && d < rows[i].depth ? at : NULL);
            }
            free(at);
            at = outer;
        }
        onnx_node(g, "If", "if", "condition", "y", at);
        onnx_value(g, 12, "y", (const int64_t[]){-1, 2, 2, 2}, 4);
        const fv_status status = load_graph(ctx, g, 13, &m);
        if (status != (rows[i].says ? FV_ERR_MODEL : FV_OK))
            fail_msg("row %d: %s", (int)i, fv_ctx_error(ctx));
        if (rows[i].says && !strstr(fv_ctx_error(ctx), rows[i].says))
            fail_msg("row %d: %s", (int)i, fv_ctx_error(ctx));
        assert_true(!m || last_of(ctx, m) == rows[i].last);
        fv_model_destroy(&m);
        free(at);
        free(g);
    }
    fv_ctx_destroy(&ctx);
}

/* Activations that are put together of others. */
static void test_activations(void **state)
{
    static const char *const names[] = {"Erf", "Gelu", "Softsign", "Mish", "Softplus", "Celu", "Log"};
    static const double at[] = {-4.0, -1.2, -0.3, 0.0, 0.02, 0.7, 2.5, 30.0};
    fv_ctx *ctx = open_context();
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (size_t k = 0; k < sizeof at / sizeof at[0]; k++) {
            const double x = at[k], wants[] = {erf(x),
                                               x * (1 + erf(x / sqrt(2.0))) / 2,
                                               x / (1 + fabs(x)),
                                               x * tanh(log1p(exp(x))),
                                               log1p(exp(x)),
                                               x > 0 ? x : expm1(x),
                                               log(x)};
            const float scale = (float)(x / 8.0);
            onnx_out *g = calloc(1, sizeof *g);
            fv_model *m = NULL;
            begin(g);
            onnx_weight(g, "scale", 1, (const int64_t[]){1}, 1, &scale, sizeof scale);
            onnx_node(g, "Mul", NULL, "x,scale", "scaled", NULL);
            onnx_node(g, names[i], NULL, "scaled", "y", NULL);
            onnx_value(g, 12, "y", (const int64_t[]){-1, 2, 2, 2}, 4);
            if (load_graph(ctx, g, 20, &m) != FV_OK)
                fail_msg("%s: %s", names[i], fv_ctx_error(ctx));
            const double got = last_of(ctx, m);
            const bool same = got == wants[i] || (isnan(got) && isnan(wants[i]));
            if (!same && !(fabs(got - wants[i]) < 1e-6 * (1 + fabs(x))))
                fail_msg("%s(%g): %g, expected %g", names[i], x, got, wants[i]);
            fv_model_destroy(&m);
            free(g);
        }
    fv_ctx_destroy(&ctx);
}

static int count_of(const fv_model *m, const char *op)
{
    int count = 0;
    for (int32_t i = 0; i < m->graph->n_nodes; i++)
        count += strcmp(m->graph->nodes[i]->op->name, op) == 0;
    return count;
}

static void add_number(onnx_out *g, const char *name, float value)
{
    onnx_weight(g, name, 1, NULL, 0, &value, sizeof value);
}

/* A graph as lines "Op operands result"; x is an image of two channels 1 .. 8, y the answer. */
static fv_status load_lines(fv_ctx *ctx, const char *lines, const char *also, fv_model **m)
{
    static const struct {
        const char *name;
        float value;
    } numbers[] = {{"half", 0.5f},           {"almost", 0.4f}, {"one_", 1.0f},     {"root", 1.41421356f},
                   {"inverse", 0.70710678f}, {"cube", 3.0f},   {"square", 2.0f},   {"c", 0.044715f},
                   {"k", 0.79788456f},       {"eps", 1e-3f},   {"eighth", 0.125f}, {"four", 4.0f}};
    onnx_out *g = calloc(1, sizeof *g), axes = {.size = 0}, perm = {.size = 0};
    begin(g);
    onnx_attr_ints(&axes, "axes", (const int64_t[]){-1}, 1);
    onnx_attr_ints(&perm, "perm", (const int64_t[]){0, 2, 3, 1}, 4);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        add_number(g, numbers[i].name, numbers[i].value);
    onnx_weight(g, "scale", 1, (const int64_t[]){2}, 1, (const float[]){2.0f, 3.0f}, 8);
    onnx_weight(g, "shift", 1, (const int64_t[]){2}, 1, (const float[]){0.5f, -1.0f}, 8);
    for (const char *at = lines; *at;) {
        char op[32], in[64], out[32];
        int used;
        assert_int_equal(sscanf(at, "%31s %63s %31s%n", op, in, out, &used), 3);
        const bool mean = strcmp(op, "ReduceMean") == 0, turn = strcmp(op, "Transpose") == 0;
        onnx_node(g, op, NULL, in, out, mean ? &axes : turn ? &perm : NULL);
        at += used + strspn(at + used, "\n");
    }
    onnx_value(g, 12, "y", (const int64_t[]){-1, 2, 2, 2}, 4);
    if (also)
        onnx_value(g, 12, also, (const int64_t[]){-1, 2, 2, 2}, 4);
    const fv_status status = load_graph(ctx, g, 13, m);
    free(g);
    return status;
}

/* What exporters write in place of an operator becomes that operator: one node, the same answer. What only looks like
 * it, or is asked for by itself, stays. */
static void test_patterns(void **state)
{
    const double gelu = (1 + erf(1 / sqrt(2.0))) / 2, rough = 1 / (1 + exp(-2 * 0.7978845608 * 1.044715));
    const double norm = 2 / sqrt(4 + 1e-3); /* of 4 and 8, the channels of the last pixel */
    const struct {
        const char *lines, *op, *also;
        int nodes;
        double last;
    } rows[] = {
        {"Mul x,eighth s\nDiv s,root a\nErf a b\nAdd b,one_ c0\nMul s,c0 d\nMul d,half y", "gelu", NULL, 2, gelu},
        {"Mul x,eighth s\nMul s,inverse a\nErf a b\nAdd one_,b c0\nMul half,c0 d\nMul s,d y", "gelu", NULL, 2, gelu},
        {"Mul x,eighth s\nMul s,half h\nDiv s,root a\nErf a b\nAdd b,one_ c0\nMul h,c0 y", "gelu", NULL, 2, gelu},
        {"Mul x,eighth s\nPow s,cube p\nMul p,c q\nAdd s,q r\nMul k,r t\nTanh t u\nAdd u,one_ v\nMul s,half h\nMul h,v "
         "y",
         "gelu", NULL, 2, rough},
        {"Mul x,eighth s\nMul s,s p\nMul p,s o\nMul c,o q\nAdd s,q r\nMul r,k t\nTanh t u\nAdd u,one_ v\nMul s,v "
         "h\nMul half,h y",
         "gelu", NULL, 2, rough},
        {"Mul x,eighth s\nDiv s,root a\nErf a b\nAdd b,one_ c0\nMul s,c0 d\nMul d,almost y", "erf", NULL, 6,
         0.8 * gelu},
        {"Mul x,eighth s\nDiv s,inverse a\nErf a b\nAdd b,one_ c0\nMul s,c0 d\nMul d,half y", "erf", NULL, 6,
         (1 + erf(sqrt(2.0))) / 2},
        {"Mul x,eighth s\nDiv s,root a\nErf a b\nAdd b,one_ c0\nMul s,c0 d\nMul d,half y", "gelu", "c0", 5, gelu},
        {"Transpose x t\nReduceMean t m\nSub t,m d\nPow d,square q\nReduceMean q v\nAdd v,eps e\nSqrt e s\nDiv d,s y",
         "layer_norm", NULL, 1, norm},
        {"Transpose x t\nReduceMean t m\nSub t,m d\nMul d,d q\nReduceMean q v\nAdd eps,v e\nSqrt e s\nDiv d,s n\nMul "
         "n,scale p\nAdd "
         "p,shift y",
         "layer_norm", NULL, 1, 3 * norm - 1},
        {"Transpose x t\nReduceMean t m\nSub t,m d\nSub t,m f\nPow f,square q\nReduceMean q v\nAdd v,eps e\nSqrt e "
         "s\nDiv d,s n\n"
         "Mul scale,n p\nAdd shift,p y",
         "layer_norm", NULL, 1, 3 * norm - 1},
        {"Transpose x t\nReduceMean t m\nSub t,m d\nPow t,square q\nReduceMean q v\nAdd v,eps e\nSqrt e s\nDiv d,s y",
         "sqrt", NULL, 7, 2 / sqrt(40 + 1e-3)},
    };
    fv_ctx *ctx = open_context();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fv_model *m = NULL;
        if (load_lines(ctx, rows[i].lines, rows[i].also, &m) != FV_OK)
            fail_msg("row %d: %s", (int)i, fv_ctx_error(ctx));
        const double got = last_of(ctx, m);
        int others = count_of(m, "transpose") + count_of(m, "reshape");
        if (count_of(m, rows[i].op) != 1 || m->graph->n_nodes - others != rows[i].nodes)
            fail_msg("row %d: %d of %d nodes are %s, expected 1 of %d", (int)i, count_of(m, rows[i].op),
                     m->graph->n_nodes - others, rows[i].op, rows[i].nodes);
        if (!(fabs(got - rows[i].last) < 2e-6 * (1 + fabs(rows[i].last))))
            fail_msg("row %d: %g, expected %g", (int)i, got, rows[i].last);
        fv_model_destroy(&m);
    }
    fv_ctx_destroy(&ctx);
}

/* All elements as one row and back by their numbers is nothing, for any batch; other numbers pick. */
static void test_strided(void **state)
{
    static const int64_t in_order[8] = {0, 1, 2, 3, 4, 5, 6, 7}, turned[8] = {7, 6, 5, 4, 3, 2, 1, 0};
    fv_ctx *ctx = open_context();
    (void)state;
    for (int k = 0; k < 2; k++) {
        onnx_out *g = calloc(1, sizeof *g);
        fv_model *m = NULL;
        fv_session *s = NULL;
        begin(g);
        onnx_weight(g, "at", 7, (const int64_t[]){1, 2, 2, 2}, 4, k ? turned : in_order, 64);
        onnx_node(g, "Reshape", NULL, "x,rest", "row", NULL);
        onnx_node(g, "Gather", NULL, "row,at", "back", NULL);
        onnx_node(g, "Relu", NULL, "back", "y", NULL);
        onnx_value(g, 12, "y", (const int64_t[]){-1, 2, 2, 2}, 4);
        if (load_graph(ctx, g, 13, &m) != FV_OK)
            fail_msg("%s", fv_ctx_error(ctx));
        assert_true(last_of(ctx, m) == (k ? 1.0 : 8.0));
        assert_int_equal(count_of(m, "gather"), k);
        assert_int_equal(fv_session_create(m, 3, &s) == FV_OK, k == 0);
        fv_session_destroy(&s);
        fv_model_destroy(&m);
        free(g);
    }
    fv_ctx_destroy(&ctx);
}

/* ---- nodes one by one ---- */

typedef struct node_row {
    const char *first, *first_in; /* a node in front of it, whose result is `t`; NULL: none */
    const char *op, *in;
    double sum, last;
    int count;
    bool pixels; /* axes=1,2,3 */
} node_row;

static void fill_graph(onnx_out *g, const node_row *r, int64_t batch)
{
    static const float numbers[] = {5, 8, INFINITY, 3, 4}, left[] = {1, 0, 0, 1, 1, 1};
    onnx_out axes = {.size = 0};
    onnx_value(g, 11, "x", (const int64_t[]){batch, 2, 2, 2}, 4);
    onnx_weight(g, "five", 1, NULL, 0, &numbers[0], 4);
    onnx_weight(g, "eight", 1, (const int64_t[]){1}, 1, &numbers[1], 4);
    onnx_weight(g, "infinite", 1, NULL, 0, &numbers[2], 4);
    onnx_weight(g, "legs", 1, (const int64_t[]){1, 2}, 2, &numbers[3], 8);
    onnx_weight(g, "left", 1, (const int64_t[]){3, 2}, 2, left, sizeof left);
    onnx_weight(g, "times", 7, (const int64_t[]){4}, 1, (const int64_t[]){1, 2, 1, 3}, 32);
    onnx_attr_ints(&axes, "axes", (const int64_t[]){1, 2, 3}, 3);
    if (r->first)
        onnx_node(g, r->first, NULL, r->first_in, "t", NULL);
    onnx_node(g, r->op, "node", r->in, "y", r->pixels ? &axes : NULL);
    onnx_value(g, 12, "y", (const int64_t[]){-1}, 1);
}

/* Comparisons, choices, sums of other kinds, repetitions, products of computed matrices. */
static void test_nodes(void **state)
{
    static const node_row rows[] = {
        {NULL, NULL, "Greater", "x,five", 3, 1, 8, false},
        {NULL, NULL, "Less", "x,five", 4, 0, 8, false},
        {NULL, NULL, "GreaterOrEqual", "x,five", 4, 1, 8, false},
        {NULL, NULL, "LessOrEqual", "x,eight", 8, 1, 8, false},
        {NULL, NULL, "Equal", "eight,x", 1, 1, 8, false},
        {"Greater", "x,five", "Not", "t", 5, 0, 8, false},
        {"Greater", "x,five", "Or", "t,t", 3, 1, 8, false},
        {"Greater", "five,x", "And", "t,t", 4, 0, 8, false},
        {"Less", "x,infinite", "Where", "t,x,infinite", 36, 8, 8, false}, /* what is not chosen does not count */
        {"Less", "x,five", "Where", "t,x,five", 30, 5, 8, false},
        {"Sub", "x,five", "Sign", "t", -1, 1, 8, false},
        {"Sub", "x,five", "ThresholdedRelu", "t", 5, 3, 8, false},
        {NULL, NULL, "ReduceL1", "x", 36, 36, 1, true},
        {NULL, NULL, "ReduceLogSum", "x", 3.58351893845611, 3.58351893845611, 1, true},
        {NULL, NULL, "ReduceLogSumExp", "x", 8.45833958024405, 8.45833958024405, 1, true},
        {NULL, NULL, "Tile", "x,times", 216, 8, 48, false},
        {NULL, NULL, "MatMul", "x,x", 396, 106, 8, false},
        {NULL, NULL, "MatMul", "left,x", 72, 14, 12, false},
        {"ReduceL2", "legs", "Mul", "x,t", 180, 40, 8, false}, /* a constant that is left for the network */
        {"GlobalAveragePool", "x", "Squeeze", "t", 9, 6.5, 2, false},
    };
    fv_ctx *ctx = open_context();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        onnx_out *g = calloc(1, sizeof *g);
        fv_model *m = NULL;
        fv_tensor *y = NULL;
        fv_port_info port;
        double sum = 0, last = 0;
        fill_graph(g, &rows[i], -1);
        if (load_graph(ctx, g, 13, &m) != FV_OK)
            fail_msg("%s: %s", rows[i].op, fv_ctx_error(ctx));
        assert_true(fv_model_port(m, true, 0, &port));
        assert_int_not_equal(port.layout, FV_LAYOUT_WHOLE); /* samples stay apart */
        answer(ctx, m, &y);
        const int64_t count = fv_shape_count(fv_tensor_shape(y));
        for (int64_t k = 0; k < count; k++)
            sum += last = fv_dtype_get(fv_tensor_dtype(y), fv_tensor_const_data(y), k);
        if (count != rows[i].count || !(fabs(sum - rows[i].sum) < 1e-5) || !(fabs(last - rows[i].last) < 1e-6))
            fail_msg("%s: %d numbers, sum %.9g, last %.9g", rows[i].op, (int)count, sum, last);
        fv_tensor_destroy(&y);
        fv_model_destroy(&m);
        free(g);
    }
    fv_ctx_destroy(&ctx);
}

/* A dimension of 1 is the batch where the file fixes it: then there is none, and two samples are refused. */
static void test_no_batch(void **state)
{
    static const node_row row = {"GlobalAveragePool", "x", "Squeeze", "t", 9, 6.5, 2, false};
    onnx_out *g = calloc(1, sizeof *g);
    fv_ctx *ctx = open_context();
    fv_model *m = NULL;
    fv_session *s = NULL;
    fv_port_info port;
    (void)state;
    fill_graph(g, &row, 1);
    assert_int_equal(load_graph(ctx, g, 13, &m), FV_OK);
    assert_true(fv_model_port(m, true, 0, &port));
    assert_int_equal(port.layout, FV_LAYOUT_WHOLE);
    assert_true(last_of(ctx, m) == 6.5);
    assert_int_equal(fv_session_create(m, 2, &s), FV_ERR_SHAPE);
    assert_null(s);
    assert_non_null(strstr(fv_ctx_error(ctx), "2 samples: it takes one at a time"));
    fv_model_destroy(&m);
    free(g);
    fv_ctx_destroy(&ctx);
}

/* A node without results is damage, whichever it is. */
static void test_no_results(void **state)
{
    static const char *const rows[][2] = {{"Constant", ""}, {"Relu", "x"}, {"Shape", "x"}, {"Split", "x"}, {"If", "x"}};
    fv_ctx *ctx = open_context();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        onnx_out *g = calloc(1, sizeof *g);
        fv_model *m = NULL;
        begin(g);
        onnx_node(g, rows[i][0], "bare", rows[i][1], "", NULL);
        onnx_node(g, "Relu", NULL, "x", "y", NULL);
        onnx_value(g, 12, "y", (const int64_t[]){-1, 2, 2, 2}, 4);
        assert_int_equal(load_graph(ctx, g, 13, &m), FV_ERR_MODEL_FORMAT);
        assert_non_null(strstr(fv_ctx_error(ctx), "'bare' has no results"));
        free(g);
    }
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exports),     cmocka_unit_test(test_sizes),    cmocka_unit_test(test_branches),
        cmocka_unit_test(test_activations), cmocka_unit_test(test_patterns), cmocka_unit_test(test_strided),
        cmocka_unit_test(test_nodes),       cmocka_unit_test(test_no_batch), cmocka_unit_test(test_no_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
