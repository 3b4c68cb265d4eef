/* SPDX-License-Identifier: Apache-2.0 */
#include "conform.h"

#include <math.h>

#include "base/ctx.h"

#define SEED 17
#define STEP 3

static void collect(void *arg, const fv_solver *solver)
{
    conform *c = arg;
    if (solver->chain) /* of regions: tests/plan/test_region.c */
        return;
    assert_true(c->n_solvers < 160);
    c->solver[c->n_solvers++] = solver;
}

void conform_begin(conform *c, int threads)
{
    int count;
    *c = (conform){.ctx = fv_test_ctx(threads, NULL, NULL), .rng = 1};
    fv_solvers_visit((const fv_solver_provider *const[]){&fv_cpu_provider, NULL}, collect, c);
    fv_op_list(&count);
    c->seen = calloc((size_t)count, sizeof *c->seen);
    c->graded = calloc((size_t)count, sizeof *c->graded);
    assert_true(c->seen && c->graded);
}

void conform_end(conform *c)
{
    int64_t now;
    fv_ctx_memory(c->ctx, &now, NULL);
    assert_int_equal(now, 0);
    free(c->seen);
    free(c->graded);
    fv_ctx_destroy(&c->ctx);
}

int conform_op(const char *name)
{
    int count;
    const fv_op *const *ops = fv_op_list(&count);
    for (int i = 0; i < count; i++) {
        if (strcmp(ops[i]->name, name) == 0)
            return i;
    }
    return -1;
}

bool conform_parse(conform *c, const char *line, fv_graph **g, fv_node **node)
{
    return fv_problem_parse(c->ctx, line, g, node) == FV_OK;
}

/* ---- values ---- */

/*
 * Operand data. The first operand gets distinct values in random order with a gap between any two and around every
 * multiple of 1/100, so that no maximum has ties and no finite difference crosses the kink of a piecewise function.
 */
static void fill_spread(uint64_t *rng, double *data, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        data[i] = ((double)(i - count / 2) + 0.5) * 0.01;
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t j = net_int(rng, 0, i);
        double swap = data[i];
        data[i] = data[j];
        data[j] = swap;
    }
}

/* Rows of positive numbers that sum to 1: targets of every loss. */
static void fill_rows(uint64_t *rng, double *data, int64_t count, int64_t width)
{
    for (int64_t row = 0; row < count / width; row++) {
        double sum = 0.0;
        for (int64_t i = 0; i < width; i++)
            sum += data[row * width + i] = 1.05 + net_uniform(rng);
        for (int64_t i = 0; i < width; i++)
            data[row * width + i] /= sum;
    }
}

static void fill_operand(uint64_t *rng, const char *name, int index, double *data, int64_t count)
{
    static const char *const positives[] = {"var",      "rstd", "square",  "scale",   "norm",
                                            "radicand", "base", "divisor", "argument"};
    bool positive = false;
    for (size_t i = 0; i < sizeof positives / sizeof *positives; i++)
        positive = positive || strcmp(name, positives[i]) == 0;
    if (strcmp(name, "run") == 0) { /* learning rate and number of a step */
        data[0] = 0.125;
        data[count - 1] = 3.0;
        return;
    }
    if (index == 0)
        fill_spread(rng, data, count);
    for (int64_t i = 0; index == 0 && positive && i < count; i++)
        data[i] = 0.5 + fabs(data[i]);
    for (int64_t i = 0; (index > 0 || positive) && i < count; i++)
        data[i] = positive ? 1.0 + 0.5 * net_uniform(rng) : net_uniform(rng);
    for (int64_t i = 0; i < count; i++)
        data[i] = (double)(float)data[i];
}

/* ---- a problem as a model: the node, followed by a squared error unless it is a loss itself ---- */

typedef struct model {
    net t;
    const fv_node *problem;
    const fv_op *loss;
    const void *loss_attr;
    fv_dtype target_dtype;
    int64_t batch;
} model;

/* Integers that are positions along every dimension of a shape, as a constant. */
static fv_val *positions(conform *c, fv_graph *g, const fv_val *like, const fv_shape *of)
{
    fv_tensor *tensor = NULL;
    fv_val *val = NULL;
    int64_t smallest = INT64_MAX;
    for (int d = 0; d < of->rank; d++)
        smallest = of->dim[d] < smallest ? of->dim[d] : smallest;
    assert_int_equal(fv_tensor_create(c->ctx, like->dtype, &like->shape, &tensor), FV_OK);
    for (int64_t i = 0; i < fv_tensor_count(tensor); i++)
        fv_set(like->dtype, fv_tensor_data(tensor), i, (double)net_int(&c->rng, -smallest, smallest - 1));
    assert_int_equal(fv_graph_tensor(g, like->name, tensor, &val), FV_OK);
    fv_tensor_destroy(&tensor);
    return val;
}

/* One row per position of the first dimension. */
static fv_reshape_attr rows_of(const fv_shape *shape)
{
    fv_reshape_attr attr = {.dims = {1, {-1}}};
    if (shape->rank == 0)
        attr = (fv_reshape_attr){.dims = {2, {1, 1}}, .whole = true};
    return attr;
}

static void model_make(conform *c, const char *line, const fv_node *node, model *m)
{
    bool is_loss = node->op->traits & FV_T_LOSS;
    fv_val *in[FV_MAX_OPERANDS] = {NULL}, *top;
    net *t = &m->t;
    net_init(t, c->ctx, FV_F64, 5);
    m->problem = node;
    m->batch = node->in[0]->shape.dim[0];
    m->loss = is_loss ? node->op : fv_op_find(c->ctx, "mse");
    m->loss_attr = is_loss ? node->attr : NULL;
    m->target_dtype = is_loss ? node->in[1]->dtype : FV_F32;
    for (int i = 0; i < (is_loss ? 1 : node->n_in); i++) {
        const fv_val *v = node->in[i];
        if (!v)
            continue;
        if (!fv_dtype_is_float(v->dtype)) {
            in[i] = positions(c, t->g, v, &node->in[0]->shape);
            continue;
        }
        fv_role role = v->role == FV_ROLE_STATE ? FV_ROLE_STATE : FV_ROLE_PARAM;
        in[i] = net_param(t, v->name, role, v->shape.rank, v->shape.dim);
        const char *name = node->op->operands[i];
        fill_operand(&c->rng, name, i, net_find(t, v->name)->data, net_find(t, v->name)->count);
    }
    top = in[0];
    if (!is_loss) {
        fv_node *made;
        if (fv_graph_add(t->g, node->op, "problem", node->attr, in, node->n_in, &made) != FV_OK)
            fail_msg("%s: %s", line, fv_ctx_error(c->ctx));
        fv_reshape_attr flat = rows_of(&made->out[0]->shape);
        m->batch = made->out[0]->shape.rank > 0 ? made->out[0]->shape.dim[0] : 1;
        top = net_op(t, "reshape", &flat, 1, &made->out[0]);
    }
    net_output(t, top);
}

static net_exec_options model_options(model *m, bool training)
{
    net_exec_options o = net_options(&m->t, m->batch, training);
    o.loss = m->loss;
    o.loss_attr = m->loss_attr;
    o.target_dtype = m->target_dtype == FV_F32 ? m->t.dtype : m->target_dtype;
    o.optimize = false;
    o.keep_all = true;
    o.with_loss = true;
    o.policy = FV_PLAN_REFERENCE;
    return o;
}

static void model_fill_target(const model *m, net_exec *exec)
{
    const fv_graph *g = net_exec_graph(exec);
    const fv_val *target = NULL;
    uint64_t rng = 99;
    for (int32_t i = 0; i < g->n_vals; i++)
        target = g->vals[i]->role == FV_ROLE_INPUT ? g->vals[i] : target;
    assert_non_null(target);
    int64_t count = fv_shape_count(&target->shape), width = target->shape.dim[target->shape.rank - 1];
    double *rows = malloc((size_t)count * sizeof(double));
    assert_non_null(rows);
    fill_rows(&rng, rows, count, width);
    int64_t classes = g->outputs[0]->shape.dim[g->outputs[0]->shape.rank - 1];
    for (int64_t i = 0; i < count; i++) {
        double value = m->target_dtype == FV_I32 ? (double)net_int(&rng, 0, classes - 1) : (double)(float)rows[i];
        fv_set(target->dtype, net_exec_target(exec), i, value);
    }
    free(rows);
}

/* ---- every node of the compiled graphs, by everyone who can compute it ---- */

static void check_nodes(conform *c, const char *line, model *m, bool training, bool optimize)
{
    net_bind(&m->t, FV_F32);
    net_exec_options o = model_options(m, training);
    o.optimize = optimize;
    net_exec *exec = NULL;
    if (net_exec_create(c->ctx, m->t.g, &o, &exec) != FV_OK) {
        /* An operator without a gradient is still checked in the inference graph. */
        if (!training || !strstr(fv_ctx_error(c->ctx), "has no gradient"))
            fail_msg("%s: %s", line, fv_ctx_error(c->ctx));
        return;
    }
    model_fill_target(m, exec);
    assert_int_equal(net_exec_run(exec, SEED, STEP), FV_OK);
    const fv_graph *g = net_exec_graph(exec);
    assert_int_equal(fv_graph_verify(g), FV_OK);
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        void *in[FV_MAX_OPERANDS] = {NULL};
        char where[512];
        for (int32_t i = 0; i < node->n_in; i++) {
            if (node->in[i])
                in[i] = (void *)(uintptr_t)net_exec_value(exec, node->in[i]->name, NULL);
        }
        snprintf(where, sizeof where, "%s [%s]", line, node->op->name);
        conform_node(c, where, node, in, SEED, STEP);
    }
    net_exec_destroy(&exec);
}

/* ---- gradients against finite differences, in float64 ---- */

static double loss_at(model *m, net_exec *exec, net_tensor *p, int64_t i, double value)
{
    double kept = net_get(&m->t, p, i);
    net_set(&m->t, p, i, value);
    assert_int_equal(net_exec_run(exec, SEED, STEP), FV_OK);
    net_set(&m->t, p, i, kept);
    return net_exec_loss(exec);
}

/* Fourth-order central difference. */
static double difference(model *m, net_exec *exec, net_tensor *p, int64_t i, double h)
{
    double x = net_get(&m->t, p, i);
    double far = loss_at(m, exec, p, i, x + 2.0 * h) - loss_at(m, exec, p, i, x - 2.0 * h);
    double near = loss_at(m, exec, p, i, x + h) - loss_at(m, exec, p, i, x - h);
    return (8.0 * near - far) / (12.0 * h);
}

static void check_element(conform *c, const char *line, model *m, net_exec *exec, net_tensor *p, int64_t i, double d,
                          double largest)
{
    /* A smaller step where a kink of an unspread operand lies inside the first one. */
    static const double steps[] = {1e-3, 1e-4, 1e-5};
    double best = INFINITY, best_fd = 0.0;
    for (int s = 0; s < 3 && best > 1.0; s++) {
        double fd = difference(m, exec, p, i, steps[s]);
        double error = fabs(fd - d) / (1e-6 * fabs(d) + 1e-7 * largest + 1e-11);
        if (error < best) {
            best = error;
            best_fd = fd;
        }
    }
    if (!(best <= 1.0))
        fail_msg("%s: gradient of %s at %lld is %.15g, finite differences say %.15g", line, p->name, (long long)i, d,
                 best_fd);
    c->worst = fmax(c->worst, best * 1e-6);
    c->elements++;
}

/* Whether there was a gradient to check. */
static bool check_gradient(conform *c, const char *line, model *m)
{
    net *t = &m->t;
    net_bind(t, FV_F64);
    net_exec_options o = model_options(m, true);
    net_exec *exec = NULL;
    if (net_exec_create(c->ctx, t->g, &o, &exec) != FV_OK) {
        if (!strstr(fv_ctx_error(c->ctx), "has no gradient"))
            fail_msg("%s: %s", line, fv_ctx_error(c->ctx));
        return false;
    }
    model_fill_target(m, exec);
    for (int k = 0; k < t->n_tensors; k++) {
        net_tensor *p = &t->tensor[k];
        /* Again for every operand: the differences of the last one left the gradients of another point. */
        assert_int_equal(net_exec_run(exec, SEED, STEP), FV_OK);
        const void *gradient = net_exec_gradient(exec, p->name);
        if (p->role != FV_ROLE_PARAM)
            continue;
        if (!gradient)
            fail_msg("%s: no gradient for %s", line, p->name);
        double *d = malloc((size_t)p->count * sizeof(double)), largest = 0.0;
        assert_non_null(d);
        for (int64_t i = 0; i < p->count; i++) {
            d[i] = fv_get(FV_F64, gradient, i);
            largest = fmax(largest, fabs(d[i]));
        }
        for (int sample = 0; sample < 6 && sample < p->count; sample++) {
            int64_t i = p->count <= 6 ? sample : net_int(&c->rng, 0, p->count - 1);
            check_element(c, line, m, exec, p, i, d[i], largest);
        }
        free(d);
    }
    net_exec_destroy(&exec);
    return true;
}

/* ---- texts ---- */

/* The dtype that a problem's text begins with. */
static fv_dtype float_of(const fv_node *node)
{
    return node->in[0]->dtype == FV_F64 ? FV_F64 : FV_F32;
}

static void check_texts(conform *c, const char *line, const fv_graph *g, const fv_node *node)
{
    fv_ctx *ctx = c->ctx;
    fv_str text = {.ctx = ctx}, again = {.ctx = ctx}, json = {.ctx = ctx}, json2 = {.ctx = ctx};
    fv_json j1 = {.out = &json}, j2 = {.out = &json2};
    fv_graph *g2 = NULL, *g3 = NULL;
    fv_node *node2 = NULL;
    fv_doc *doc = NULL;
    assert_int_equal(fv_problem_text(node, float_of(node), &text), FV_OK);
    if (fv_problem_parse(ctx, text.data, &g2, &node2) != FV_OK)
        fail_msg("%s: its own text '%s' does not parse: %s", line, text.data, fv_ctx_error(ctx));
    assert_int_equal(fv_problem_text(node2, float_of(node2), &again), FV_OK);
    assert_string_equal(text.data, again.data);
    fv_graph_json(g, &j1);
    if (fv_doc_parse_json(ctx, "model", json.data, json.size, &doc) != FV_OK ||
        fv_graph_read_json(ctx, fv_op_find, doc, fv_doc_root(doc), NULL, &g3) != FV_OK)
        fail_msg("%s: its JSON does not read back: %s", line, fv_ctx_error(ctx));
    fv_graph_json(g3, &j2);
    assert_string_equal(json.data, json2.data);
    fv_doc_destroy(&doc);
    fv_graph_destroy(&g2);
    fv_graph_destroy(&g3);
    fv_str_free(&text);
    fv_str_free(&again);
    fv_str_free(&json);
    fv_str_free(&json2);
}

/* A backward operator has no place in a model, and what is no f32 cannot be trained: they run on operands of their own.
 */
static void check_alone(conform *c, const char *line, const fv_node *node)
{
    void *in[FV_MAX_OPERANDS] = {NULL};
    for (int i = 0; i < node->n_in; i++) {
        const fv_val *v = node->in[i];
        if (!v)
            continue;
        int64_t count = fv_shape_count(&v->shape), classes = node->op->n_in_max > 1 && node->in[1]
                                                                 ? node->in[1]->shape.dim[node->in[1]->shape.rank - 1]
                                                                 : 1;
        double *data = malloc((size_t)count * sizeof(double));
        in[i] = fv_malloc(c->ctx, (size_t)count * fv_dtype_size(v->dtype));
        assert_true(data && in[i]);
        fill_operand(&c->rng, node->op->operands[i], i, data, count);
        for (int64_t k = 0; k < count; k++) {
            double label = (double)net_int(&c->rng, 0, classes - 1);
            fv_set(v->dtype, in[i], k, fv_dtype_is_float(v->dtype) ? data[k] : label);
        }
        free(data);
    }
    conform_node(c, line, node, in, SEED, STEP);
    for (int i = 0; i < node->n_in; i++)
        fv_free(c->ctx, in[i]);
}

void conform_problem(conform *c, const char *line, bool gradient)
{
    fv_graph *g = NULL;
    fv_node *node = NULL;
    model m;
    if (!conform_parse(c, line, &g, &node))
        fail_msg("%s", fv_ctx_error(c->ctx));
    c->problems++;
    check_texts(c, line, g, node);
    /* A cast names its dtype, which the dtype of a run does not change. */
    bool other = node->in[0]->dtype != FV_F32 || (node->n_out > 0 && node->out[0]->dtype != FV_F32) ||
                 strcmp(node->op->name, "cast") == 0;
    if ((node->op->traits & FV_T_BACKWARD) || other) {
        check_alone(c, line, node);
        fv_graph_destroy(&g);
        return;
    }
    model_make(c, line, node, &m);
    check_nodes(c, line, &m, true, false);
    check_nodes(c, line, &m, true, true);
    check_nodes(c, line, &m, false, false);
    /* A straight-through gradient is none of what is computed: tests/ops/test_op_values.c */
    const bool straight = strcmp(node->op->name, "qat_straight") == 0;
    if (gradient && !straight && check_gradient(c, line, &m))
        c->graded[conform_op(node->op->name)]++;
    net_free(&m.t);
    fv_graph_destroy(&g);
}

/* ---- random problems from an operator's row ---- */

static void random_attrs(conform *c, const fv_op *op, fv_str *line)
{
    for (const fv_attr *a = op->attrs; a && a->key; a++) {
        int width = a->kind == FV_ATTR_INT2 ? 2 : a->kind == FV_ATTR_PAD ? 4 : 1;
        if (a->kind == FV_ATTR_INTS || net_int(&c->rng, 0, 1))
            continue;
        fv_str_printf(line, " %s=", a->key);
        for (int i = 0; i < width; i++) {
            double low = fmax(a->min, -2.0), high = fmin(a->max, low + 3.0);
            fv_str_append(line, i ? "," : "");
            if (a->kind == FV_ATTR_REAL)
                fv_str_printf(line, "%.3f", low + (high - low) * 0.5 * (net_uniform(&c->rng) + 1.0));
            else if (a->kind == FV_ATTR_ENUM)
                fv_str_append(line, a->names[net_int(&c->rng, (int64_t)a->min, (int64_t)a->max)]);
            else if (a->kind == FV_ATTR_BOOL)
                fv_str_append(line, net_int(&c->rng, 0, 1) ? "true" : "false");
            else
                fv_str_printf(line, "%lld", (long long)net_int(&c->rng, (int64_t)low, (int64_t)high));
        }
    }
}

/* What is updated in place is a state; rows do not say which other operands are: those of batch norm go by names. */
static bool is_state(const fv_op *op, int i)
{
    return fv_op_updates(op, i) || strcmp(op->operands[i], "mean") == 0 || strcmp(op->operands[i], "var") == 0;
}

static void random_operands(conform *c, const fv_op *op, fv_str *line)
{
    int64_t size[26];
    for (int i = 0; i < 26; i++)
        size[i] = net_int(&c->rng, 1, 6);
    int most = op->n_in_max > op->n_in_min + 3 ? op->n_in_min + 3 : op->n_in_max;
    int n = (int)net_int(&c->rng, op->n_in_min, most);
    for (int i = 0; i < n; i++) {
        if (i >= op->n_in_min && i + 1 < n && net_int(&c->rng, 0, 3) == 0) {
            fv_str_append(line, " -");
            continue;
        }
        fv_str_append(line, " ");
        for (const char *l = op->letters[i]; *l; l++)
            fv_str_printf(line, "%c%lld", *l, (long long)size[*l - 'a']);
        if (is_state(op, i))
            fv_str_append(line, ":state");
    }
}

bool conform_random(conform *c, const fv_op *op, int tries, char *line, size_t size)
{
    for (int attempt = 0; attempt < tries; attempt++) {
        fv_str text = {.ctx = c->ctx};
        fv_graph *g = NULL;
        fv_node *node = NULL;
        fv_str_printf(&text, "%s f32", op->name);
        random_operands(c, op, &text);
        random_attrs(c, op, &text);
        assert_int_equal(fv_str_status(&text), FV_OK);
        bool good = conform_parse(c, text.data, &g, &node);
        snprintf(line, size, "%s", text.data);
        fv_str_free(&text);
        fv_graph_destroy(&g);
        if (good)
            return true;
    }
    return false;
}
