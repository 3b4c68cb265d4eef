/* SPDX-License-Identifier: Apache-2.0 */
/* Every pass on graphs made by hand: when it fires, what it leaves, and when it must keep its hands off. */
#include "toys.h"

typedef fv_status (*pass_fn)(const fv_graph *g, fv_graph **out, fv_val **map);

typedef struct fixture {
    fv_ctx *ctx;
    fv_graph *g, *out;
    fv_val *map[64];
    fv_val *x, *w;
} fixture;

static fixture *begin(void)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_graph_create(f->ctx, toy_find, &f->g), FV_OK);
    f->x = toy_input(f->g, "x", 1, 8);
    f->w = toy_param(f->g, "w", FV_ROLE_PARAM, 8);
    return f;
}

static void end(fixture *f)
{
    fv_graph_destroy(&f->out);
    fv_graph_destroy(&f->g);
    int64_t now;
    fv_ctx_memory(f->ctx, &now, NULL);
    assert_int_equal(now, 0);
    fv_ctx_destroy(&f->ctx);
    free(f);
}

/* Runs a pass and compares the nodes and outputs, one per line, with what is expected. */
static void check(fixture *f, pass_fn pass, const char *expected)
{
    fv_graph_destroy(&f->out);
    if (pass(f->g, &f->out, f->map) != FV_OK)
        fail_msg("%s", fv_ctx_error(f->ctx));
    assert_int_equal(fv_graph_verify(f->out), FV_OK);
    char found[4096];
    size_t at = 0;
    const char *text = toy_text(f->out);
    for (const char *line = text; *line;) {
        const char *stop = strchr(line, '\n') + 1;
        const char *arrow = strstr(line, " ->");
        if (strncmp(line, "node", 4) == 0)
            at += (size_t)snprintf(found + at, sizeof found - at, "%.*s\n", (int)(arrow - line - 7), line + 7);
        else if (strncmp(line, "output", 6) == 0)
            at += (size_t)snprintf(found + at, sizeof found - at, "%.*s", (int)(stop - line), line);
        line = stop;
    }
    assert_string_equal(found, expected);
    for (int32_t i = 0; i < f->g->n_vals; i++)
        assert_true(!f->map[i] || f->out->vals[f->map[i]->id] == f->map[i]);
}

static fv_val *scale(fixture *f, const char *name, fv_val *x)
{
    return toy_binary(f->g, "toy_scale", name, x, f->w);
}

static void out(fixture *f, fv_val *val)
{
    assert_int_equal(fv_graph_output(f->g, val), FV_OK);
}

static void test_fuse_activation(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *a = scale(f, "a", f->x), *r = toy_unary(f->g, "toy_relu", "r", a);
    fv_val *b = scale(f, "b", r), *s = toy_unary(f->g, "toy_relu", "s", b); /* b has another use: stays */
    fv_val *c = scale(f, "c", s), *t = toy_unary(f->g, "toy_tanh", "t", c); /* not offered by the operator */
    fv_val *d = scale(f, "d", t), *u = toy_unary(f->g, "toy_mono", "u", d); /* not an activation that fuses */
    fv_val *e = scale(f, "e", u), *v = toy_unary(f->g, "toy_relu", "v", e), *v2 = toy_unary(f->g, "toy_relu", "v2", v);
    fv_val *nb = toy_node(f->g, "toy_norm_bwd", "nb", 3, v2, v2, f->w, NULL); /* in backward nodes it means the mask */
    fv_val *z = toy_unary(f->g, "toy_relu", "z", nb);
    out(f, b);
    out(f, z);
    check(f, fv_pass_fuse_activation,
          "a = toy_scale(x, w) activation=relu\nb = toy_scale(a, w)\ns = toy_relu(b)\nc = toy_scale(s, w)\n"
          "t = toy_tanh(c)\nd = toy_scale(t, w)\nu = toy_mono(d)\ne = toy_scale(u, w) activation=relu\n"
          "v2 = toy_relu(e)\nnb = toy_norm_bwd(v2, v2, w)\nz = toy_relu(nb)\noutput b\noutput z\n");
    assert_null(f->map[a->id]);
    assert_string_equal(f->map[r->id]->name, "a");
    end(f);
}

/* In a training graph the activation's result is also read by its gradient, which then reads the fused result. */
static void test_fuse_activation_rewires_gradients(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *s = toy_param(f->g, "s", FV_ROLE_STATE, 8);
    fv_val *c = scale(f, "c", f->x), *n = toy_node(f->g, "toy_norm_train", "n", 3, c, f->w, s, NULL);
    fv_val *r = toy_unary(f->g, "toy_relu", "r", n), *d = toy_unary(f->g, "toy_opaque", "d", r);
    fv_val *rb = toy_binary(f->g, "toy_relu_bwd", "rb", d, r);
    fv_val *nb = toy_node(f->g, "toy_norm_bwd", "nb", 3, rb, c, f->w, NULL);
    out(f, nb);
    check(f, fv_pass_fuse_activation,
          "c = toy_scale(x, w)\nn = toy_norm_train(c, w, s) activation=relu\nd = toy_opaque(n)\n"
          "rb = toy_relu_bwd(d, n)\nnb = toy_norm_bwd(rb, c, w)\noutput nb\n");
    fv_graph *fused = f->out;
    f->out = NULL;
    fv_graph_destroy(&f->g);
    f->g = fused;
    check(f, fv_pass_fuse_activation_backward,
          "c = toy_scale(x, w)\nn = toy_norm_train(c, w, s) activation=relu\nd = toy_opaque(n)\n"
          "nb = toy_norm_bwd(d, c, w, n) activation=relu\noutput nb\n");
    end(f);
}

static void test_fuse_backward_declines(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *a = toy_binary(f->g, "toy_relu_bwd", "a", f->x, f->x); /* two uses */
    fv_val *b = toy_node(f->g, "toy_norm_bwd", "b", 3, a, a, f->w, NULL);
    fv_val *c = toy_binary(f->g, "toy_relu_bwd", "c", f->x, f->x); /* feeds another operand than the gradient */
    fv_val *d = toy_node(f->g, "toy_norm_bwd", "d", 3, f->x, c, f->w, NULL);
    fv_val *e = toy_binary(f->g, "toy_relu_bwd", "e", f->x, f->x); /* the place is taken */
    fv_val *g = toy_node(f->g, "toy_norm_bwd", "g", 4, e, f->x, f->w, f->x);
    fv_val *h = toy_binary(f->g, "toy_relu_bwd", "h", f->x, f->x); /* a forward node takes no backward */
    fv_val *i = scale(f, "i", h);
    out(f, b);
    out(f, d);
    out(f, g);
    out(f, i);
    check(f, fv_pass_fuse_activation_backward,
          "a = toy_relu_bwd(x, x)\nb = toy_norm_bwd(a, a, w)\nc = toy_relu_bwd(x, x)\nd = toy_norm_bwd(x, c, w)\n"
          "e = toy_relu_bwd(x, x)\ng = toy_norm_bwd(e, x, w, x)\nh = toy_relu_bwd(x, x)\ni = toy_scale(h, w)\n"
          "output b\noutput d\noutput g\noutput i\n");
    end(f);
}

static void test_fuse_residual(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *a = scale(f, "a", f->x), *b = scale(f, "b", a);
    fv_val *s = toy_binary(f->g, "add", "s", b, a);      /* b rides along, a has another use */
    fv_val *c = scale(f, "c", s), *d = scale(f, "d", s); /* both could: the later one does */
    fv_val *t = toy_binary(f->g, "add", "t", c, d);
    fv_val *e = scale(f, "e", t), *u = toy_binary(f->g, "add", "u", e, e); /* the same value twice: no */
    fv_val *g = scale(f, "g", u), *r = toy_unary(f->g, "toy_relu", "r", g);
    fv_val *v = toy_binary(f->g, "add", "v", r, u); /* the activation comes in between: no */
    out(f, v);
    check(f, fv_pass_fuse_residual,
          "a = toy_scale(x, w)\nb = toy_scale(a, w, -, a)\nc = toy_scale(b, w)\nd = toy_scale(b, w, -, c)\n"
          "e = toy_scale(d, w)\nu = add(e, e)\ng = toy_scale(u, w)\nr = toy_relu(g)\nv = add(r, u)\noutput v\n");
    assert_string_equal(f->map[t->id]->name, "d");
    assert_null(f->map[b->id]);
    end(f);
}

/* The fused node stands where the addition stood: the other operand may be computed after the weighted node. */
static void test_fuse_residual_order(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *a = scale(f, "a", f->x), *o = toy_unary(f->g, "toy_opaque", "o", f->x);
    fv_val *s = toy_binary(f->g, "add", "s", a, o);
    out(f, s);
    check(f, fv_pass_fuse_residual, "o = toy_opaque(x)\na = toy_scale(x, w, -, o)\noutput s = a\n");
    end(f);
}

static void test_pool_first(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *a = toy_unary(f->g, "toy_relu", "a", f->x), *b = toy_unary(f->g, "toy_mono", "b", a);
    fv_val *p = toy_unary(f->g, "toy_pool", "p", b); /* two in a row move */
    fv_val *c = toy_unary(f->g, "toy_relu", "c", p), *q = toy_unary(f->g, "toy_pool", "q", c);
    out(f, c); /* another use: stays */
    out(f, q);
    check(f, fv_pass_pool_first,
          "p = toy_pool(x)\na = toy_relu(p)\nb = toy_mono(a)\nc = toy_relu(b)\nq = toy_pool(c)\noutput c\noutput q\n");
    assert_string_equal(f->map[p->id]->name, "b");
    end(f);

    f = begin();
    fv_val *o = toy_unary(f->g, "toy_opaque", "o", f->x), *r = toy_unary(f->g, "toy_relu", "r", o);
    fv_val *t = toy_unary(f->g, "toy_pool_train", "t", r);
    out(f, t->def->out[1]); /* the positions of the maxima come from the pool as before */
    out(f, t);
    check(f, fv_pass_pool_first,
          "o = toy_opaque(x)\nt = toy_pool_train(o)\nr = toy_relu(t)\noutput t:1\noutput t = r\n");
    end(f);

    f = begin();
    fv_val *m = toy_unary(f->g, "toy_relu", "m", f->x);
    fv_node *fused;
    const int32_t relu = FV_RELU;
    assert_int_equal(fv_graph_add(f->g, toy_find(f->ctx, "toy_pool"), "n", &relu, &m, 1, &fused), FV_OK);
    out(f, fused->out[0]); /* an activation inside the pool comes after the maximum: they would change places */
    check(f, fv_pass_pool_first, "m = toy_relu(x)\nn = toy_pool(m) activation=relu\noutput n\n");
    end(f);
}

static void test_pool_first_long_chain(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *v = f->x;
    for (int i = 0; i < 40; i++)
        v = toy_unary(f->g, "toy_relu", NULL, v);
    out(f, toy_unary(f->g, "toy_pool", "p", v));
    fv_graph *result = NULL;
    assert_int_equal(fv_pass_pool_first(f->g, &result, NULL), FV_OK);
    assert_int_equal(result->n_nodes, 41);
    assert_int_equal(fv_graph_verify(result), FV_OK);
    fv_graph_destroy(&result);
    end(f);
}

static void test_fold(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *s = toy_param(f->g, "s", FV_ROLE_STATE, 8);
    fv_val *a = scale(f, "a", f->x), *n = toy_node(f->g, "toy_norm", "n", 3, a, f->w, s, NULL);
    fv_val *b = scale(f, "keep", n), *m = toy_node(f->g, "toy_norm", "m", 3, b, f->w, s, NULL); /* declined */
    fv_val *o = toy_unary(f->g, "toy_opaque", "o", m);
    fv_val *k = toy_node(f->g, "toy_norm", "k", 3, o, f->w, s, NULL); /* nothing to fold into */
    fv_val *c = scale(f, "c", k), *l = toy_node(f->g, "toy_norm", "l", 3, c, f->w, s, NULL);
    out(f, c); /* used elsewhere: stays */
    out(f, l);
    /* what is added or cut off before the norm cannot be folded through */
    fv_val *r = toy_node(f->g, "toy_scale", "r", 4, l, f->w, NULL, l);
    fv_val *rn = toy_node(f->g, "toy_norm", "rn", 3, r, f->w, s, NULL);
    toy_attr attr;
    fv_attr_defaults(toy_find(f->ctx, "toy_scale"), &attr);
    attr.activation = FV_RELU;
    fv_node *cut;
    assert_int_equal(fv_graph_add(f->g, toy_find(f->ctx, "toy_scale"), "cut", &attr, (fv_val *[]){rn, f->w}, 2, &cut),
                     FV_OK);
    out(f, toy_node(f->g, "toy_norm", "cn", 3, cut->out[0], f->w, s, NULL));
    check(f, fv_pass_fold,
          "a.toy_fold = toy_fold(w, s, w)\na = toy_scale(x, a.toy_fold)\nkeep = toy_scale(a, w)\n"
          "m = toy_norm(keep, w, s)\no = toy_opaque(m)\nk = toy_norm(o, w, s)\nc = toy_scale(k, w)\n"
          "l = toy_norm(c, w, s)\nr = toy_scale(l, w, -, l)\nrn = toy_norm(r, w, s)\n"
          "cut = toy_scale(rn, w) activation=relu\ncn = toy_norm(cut, w, s)\noutput c\noutput l\noutput cn\n");
    end(f);
}

static void test_dead(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *s = toy_param(f->g, "s", FV_ROLE_STATE, 8), *unused = toy_param(f->g, "unused", FV_ROLE_PARAM, 8);
    fv_val *y = toy_input(f->g, "y", 1, 8);
    fv_val *a = scale(f, "a", f->x), *dead = scale(f, "dead", a);
    toy_unary(f->g, "toy_relu", "dead2", dead);
    toy_node(f->g, "toy_norm_train", "n", 3, a, f->w, s, NULL); /* its output is not used, but it updates s */
    fv_val *b = scale(f, "b", f->x);
    out(f, b);
    check(f, fv_pass_dead, "a = toy_scale(x, w)\nn = toy_norm_train(a, w, s)\nb = toy_scale(x, w)\noutput b\n");
    assert_null(f->map[unused->id]);
    assert_null(f->map[dead->id]);
    assert_non_null(f->map[y->id]);
    end(f);
}

static fv_status lower_training(const fv_graph *g, fv_graph **result, fv_val **map)
{
    return fv_pass_lower(g, 16, FV_F64, true, result, map);
}

static fv_status lower_inference(const fv_graph *g, fv_graph **result, fv_val **map)
{
    return fv_pass_lower(g, 3, FV_F32, false, result, map);
}

static void test_lower(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *s = toy_param(f->g, "s", FV_ROLE_STATE, 8), *labels;
    assert_int_equal(fv_graph_input(f->g, "labels", FV_I32, &(fv_shape){1, {1}}, &labels), FV_OK);
    fv_val *a = scale(f, "a", f->x), *n = toy_node(f->g, "toy_norm", "n", 3, a, f->w, s, NULL);
    fv_val *d = toy_unary(f->g, "toy_drop", "d", n), *e = scale(f, "e", d);
    out(f, e);
    check(f, lower_training,
          "a = toy_scale(x, w)\nn = toy_norm_train(a, w, s)\nd = toy_mono(n)\ne = toy_scale(d, w)\noutput e\n");
    assert_int_equal(f->map[f->x->id]->shape.dim[0], 16);
    assert_int_equal(f->map[f->x->id]->dtype, FV_F64);
    assert_int_equal(f->map[f->w->id]->dtype, FV_F64);
    assert_int_equal(f->map[f->w->id]->shape.dim[0], 8);
    assert_int_equal(f->map[labels->id]->dtype, FV_I32);
    assert_int_equal(f->map[labels->id]->shape.dim[0], 16);
    assert_int_equal(f->map[e->id]->shape.dim[0], 16);
    check(f, lower_inference, "a = toy_scale(x, w)\nn = toy_norm(a, w, s)\ne = toy_scale(n, w)\noutput e\n");
    assert_ptr_equal(f->map[d->id], f->map[n->id]);
    fv_graph *none = NULL;
    assert_int_equal(fv_pass_lower(f->g, 0, FV_F32, false, &none, NULL), FV_ERR_ARGUMENT);
    assert_int_equal(fv_pass_lower(f->g, 1, FV_I32, false, &none, NULL), FV_ERR_ARGUMENT);
    assert_null(none);
    end(f);
}

/* ---- gradient ---- */

static fv_graph *gradient(fixture *f, fv_val *loss, fv_val *const *wanted, int n, fv_val **d)
{
    fv_graph *g = NULL;
    if (fv_pass_gradient(f->g, &(fv_gradient_loss){loss, 1.0}, 1, wanted, n, d, &g, f->map) != FV_OK)
        fail_msg("%s", fv_ctx_error(f->ctx));
    assert_int_equal(fv_graph_verify(g), FV_OK);
    return g;
}

static void test_gradient_chain(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *w2 = toy_param(f->g, "w2", FV_ROLE_PARAM, 8), *off = toy_param(f->g, "off", FV_ROLE_PARAM, 8);
    fv_val *y = toy_input(f->g, "y", 1, 8), *d[3];
    fv_val *a = scale(f, "a", f->x), *r = toy_unary(f->g, "toy_relu", "r", a);
    fv_val *b = toy_binary(f->g, "toy_scale", "b", r, w2), *loss = toy_binary(f->g, "toy_loss", "loss", b, y);
    fv_graph *g = gradient(f, loss, (fv_val *[]){f->w, w2, off}, 3, d);
    assert_string_equal(d[0]->name, "a.toy_bwd_weights");
    assert_string_equal(d[1]->name, "b.toy_bwd_weights");
    assert_null(d[2]); /* the loss does not depend on it */
    const char *text = toy_text(g);
    assert_non_null(strstr(text, "r.toy_relu_bwd = toy_relu_bwd(b.toy_bwd_data, r)"));
    assert_null(strstr(text, "a.toy_bwd_data")); /* nobody wants the gradient of the image */
    fv_graph_destroy(&g);
    end(f);
}

/* Shares are added in order of use, first use first: the bits of a run depend on it. */
static void test_gradient_sums_in_order_of_use(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *y = toy_input(f->g, "y", 1, 8), *d[1];
    fv_val *a = scale(f, "a", f->x);
    fv_val *b = toy_unary(f->g, "toy_relu", "b", a), *c = toy_unary(f->g, "toy_relu", "c", a);
    fv_val *s = toy_binary(f->g, "add", "s", b, c), *t = toy_binary(f->g, "add", "t", a, s);
    fv_val *loss = toy_binary(f->g, "toy_loss", "loss", t, y);
    fv_graph *g = gradient(f, loss, &f->w, 1, d);
    const char *text = toy_text(g);
    assert_non_null(strstr(text, "a.add = add(b.toy_relu_bwd, c.toy_relu_bwd)"));
    assert_non_null(strstr(text, "a.add_2 = add(a.add, loss.toy_loss_bwd)"));
    assert_non_null(strstr(text, "a.toy_bwd_weights = toy_bwd_weights(a.add_2, x, w)"));
    fv_graph_destroy(&g);
    end(f);
}

static void test_gradient_same_operand_twice(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *y = toy_input(f->g, "y", 1, 8), *d[1];
    fv_val *a = scale(f, "a", f->x), *s = toy_binary(f->g, "add", "s", a, a);
    fv_val *loss = toy_binary(f->g, "toy_loss", "loss", s, y);
    fv_graph *g = gradient(f, loss, &f->w, 1, d);
    assert_non_null(strstr(toy_text(g), "a.add = add(loss.toy_loss_bwd, loss.toy_loss_bwd)"));
    fv_graph_destroy(&g);
    fv_val *b = toy_binary(f->g, "toy_scale", "b", a, a), *other = toy_binary(f->g, "toy_loss", "other", b, y);
    g = gradient(f, other, &f->w, 1, d); /* as first operand first, whatever the order the operator emits them in */
    assert_non_null(strstr(toy_text(g), "a.add = add(b.toy_bwd_data, b.toy_bwd_weights)"));
    fv_graph_destroy(&g);
    end(f);
}

static void test_gradient_refusals(void **state)
{
    (void)state;
    fixture *f = begin();
    fv_val *y = toy_input(f->g, "y", 1, 8), *d[1];
    fv_val *a = scale(f, "a", f->x), *o = toy_unary(f->g, "toy_opaque", "o", a);
    fv_val *loss = toy_binary(f->g, "toy_loss", "loss", o, y);
    fv_graph *g = NULL;
    assert_int_equal(fv_pass_gradient(f->g, &(fv_gradient_loss){loss, 1.0}, 1, &f->w, 1, d, &g, NULL),
                     FV_ERR_UNSUPPORTED);
    assert_non_null(strstr(fv_ctx_error(f->ctx), "toy_opaque 'o'"));
    assert_null(g);
    assert_int_equal(fv_pass_gradient(f->g, &(fv_gradient_loss){o, 1.0}, 1, &f->w, 1, d, &g, NULL), FV_ERR_ARGUMENT);
    assert_null(g);
    end(f);
}

/* ---- every allocation of every pass ---- */

static fv_status all_passes(fv_ctx *ctx, void *arg)
{
    static const pass_fn passes[] = {fv_pass_fold,
                                     fv_pass_fuse_residual,
                                     fv_pass_pool_first,
                                     fv_pass_fuse_activation,
                                     fv_pass_fuse_activation_backward,
                                     fv_pass_dead};
    fv_graph *g = NULL, *next = NULL;
    fv_val *x = NULL, *w = NULL, *s = NULL, *d = NULL;
    fv_node *n = NULL;
    (void)arg;
    fv_status status = fv_graph_create(ctx, toy_find, &g);
    if (status == FV_OK)
        status = fv_graph_input(g, "x", FV_F32, &(fv_shape){2, {1, 8}}, &x);
    if (status == FV_OK)
        status = fv_graph_param(g, "w", FV_ROLE_PARAM, FV_F32, &(fv_shape){1, {8}}, &w);
    if (status == FV_OK)
        status = fv_graph_param(g, "s", FV_ROLE_STATE, FV_F32, &(fv_shape){1, {8}}, &s);
    static const char *const ops[] = {"toy_scale", "toy_norm", "toy_relu", "toy_scale", "add", "toy_relu", "toy_loss"};
    fv_val *v = x;
    for (int i = 0; status == FV_OK && i < 7; i++) {
        fv_val *in[3] = {v, i == 4 || i == 6 ? x : w, s};
        const fv_op *op = toy_find(ctx, ops[i]);
        status = fv_graph_add(g, op, NULL, NULL, in, op->n_in_min, &n);
        v = n ? n->out[0] : v;
    }
    if (status == FV_OK)
        status = fv_graph_output(g, v);
    if (status == FV_OK)
        status = fv_pass_lower(g, 4, FV_F32, true, &next, NULL);
    fv_graph_destroy(&g);
    g = next;
    next = NULL;
    if (status == FV_OK)
        status = fv_pass_gradient(g, &(fv_gradient_loss){g->outputs[0], 1.0}, 1, &g->vals[1], 1, &d, &next, NULL);
    if (status == FV_OK)
        status = fv_graph_output(next, d);
    for (size_t i = 0; status == FV_OK && i < sizeof passes / sizeof *passes; i++) {
        fv_graph_destroy(&g);
        g = next;
        next = NULL;
        status = passes[i](g, &next, NULL);
        assert_true(status == FV_OK || next == NULL);
    }
    fv_graph_destroy(&g);
    fv_graph_destroy(&next);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_true(fv_test_each_allocation(all_passes, NULL) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fuse_activation),
        cmocka_unit_test(test_fuse_activation_rewires_gradients),
        cmocka_unit_test(test_fuse_backward_declines),
        cmocka_unit_test(test_fuse_residual),
        cmocka_unit_test(test_fuse_residual_order),
        cmocka_unit_test(test_pool_first),
        cmocka_unit_test(test_pool_first_long_chain),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_dead),
        cmocka_unit_test(test_lower),
        cmocka_unit_test(test_gradient_chain),
        cmocka_unit_test(test_gradient_sums_in_order_of_use),
        cmocka_unit_test(test_gradient_same_operand_twice),
        cmocka_unit_test(test_gradient_refusals),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
