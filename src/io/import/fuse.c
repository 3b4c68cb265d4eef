/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What files compute node by node for want of an operator: gelu from erf or tanh, layer normalization from means. It
 * is recognized when its last node is made, which the operator takes the place of; the nodes before it are removed at
 * the end where nothing else uses them.
 */
#include <math.h>
#include <string.h>

#include "io/import/fuse.h"

static const fv_val *val_of(const fv_import *im, fv_value v)
{
    return im->model->graph->vals[v.id];
}

/* The node of that operator that computes v; NULL: another. */
static const fv_node *made_by(const fv_val *v, const char *op)
{
    return v->def && strcmp(v->def->op->name, op) == 0 ? v->def : NULL;
}

/* A constant of one element. */
static bool is_number(const fv_val *v, double *number)
{
    if (v->role != FV_ROLE_CONST || v->dtype != FV_F32 || fv_shape_count(&v->shape) != 1)
        return false;
    *number = (double)*(const float *)fv_tensor_const_data(v->elements);
    return true;
}

static bool near(double x, double expected)
{
    return fabs(x - expected) <= 1e-4 * fabs(expected);
}

/* Whether v is factor * x, which may be x itself. */
static bool is_times(const fv_val *v, const fv_val *x, double *factor)
{
    const fv_node *mul = made_by(v, "mul"), *div = made_by(v, "div");
    *factor = 1.0;
    if (v == x)
        return true;
    if (div && div->in[0] == x && is_number(div->in[1], factor)) {
        *factor = 1.0 / *factor;
        return true;
    }
    return mul &&
           ((mul->in[0] == x && is_number(mul->in[1], factor)) || (mul->in[1] == x && is_number(mul->in[0], factor)));
}

/* v = factor * *x, where *x is not a number. */
static bool split_factor(const fv_val *v, const fv_val **x, double *factor)
{
    const fv_node *mul = made_by(v, "mul"), *div = made_by(v, "div");
    if (!mul && !div)
        return false;
    for (int i = 0; i < (mul ? 2 : 1); i++) {
        *x = (mul ? mul : div)->in[i];
        if (is_times(v, *x, factor))
            return true;
    }
    return false;
}

/* v = *other + number */
static bool is_plus(const fv_val *v, double number, const fv_val **other)
{
    const fv_node *add = made_by(v, "add");
    double x;
    for (int i = 0; add && i < 2; i++) {
        *other = add->in[i];
        if (is_number(add->in[1 - i], &x) && near(x, number))
            return true;
    }
    return false;
}

/* x^3 */
static bool is_cube(const fv_val *v, const fv_val *x)
{
    const fv_node *pow = made_by(v, "pow"), *mul = made_by(v, "mul");
    if (pow)
        return pow->in[0] == x && ((const fv_pow_attr *)pow->attr)->exponent == 3.0;
    for (int i = 0; mul && i < 2; i++) {
        const fv_node *square = made_by(mul->in[i], "mul");
        if (mul->in[1 - i] == x && square && square->in[0] == x && square->in[1] == x)
            return true;
    }
    return false;
}

/* sqrt(2 / pi) (x + 0.044715 x^3) of some *x */
static bool is_tanh_inner(const fv_val *v, const fv_val **x)
{
    const fv_val *sum;
    double factor;
    if (!split_factor(v, &sum, &factor) || !near(factor, 0.79788456080286536))
        return false;
    const fv_node *add = made_by(sum, "add");
    for (int i = 0; add && i < 2; i++) {
        const fv_val *cube;
        *x = add->in[i];
        if (split_factor(add->in[1 - i], &cube, &factor) && near(factor, 0.044715) && is_cube(cube, *x))
            return true;
    }
    return false;
}

/* v = factor * (1 + erf(*x / sqrt 2)), or the like by tanh. */
static bool is_gate(const fv_val *v, const fv_val **x, double *factor, bool *rough)
{
    const fv_val *inner = v, *sum = v;
    double part;
    *factor = 1.0;
    if (!made_by(v, "add") && !split_factor(v, &sum, factor))
        return false;
    if (!is_plus(sum, 1.0, &inner))
        return false;
    const fv_node *erf = made_by(inner, "erf"), *tanh = made_by(inner, "tanh");
    *rough = tanh != NULL;
    if (erf)
        return split_factor(erf->in[0], x, &part) && near(part, 0.70710678118654752);
    return tanh && is_tanh_inner(tanh->in[0], x);
}

/* The product of a and b is factor * gelu(*x). */
static bool is_gated(const fv_val *a, const fv_val *b, const fv_val **x, double *factor, bool *rough)
{
    for (int i = 0; i < 2; i++) {
        double gate, side;
        if (is_gate(i ? b : a, x, &gate, rough) && is_times(i ? a : b, *x, &side)) {
            *factor = 2.0 * gate * side;
            return true;
        }
    }
    return false;
}

static bool fuse_gelu(const fv_val *a, const fv_val *b, fv_fusion *f)
{
    const fv_val *x = NULL;
    double number = 1.0, factor = 0.0;
    bool rough = false, found = is_gated(a, b, &x, &factor, &rough);
    for (int i = 0; !found && i < 2; i++) {
        const fv_node *mul = is_number(i ? b : a, &number) ? made_by(i ? a : b, "mul") : NULL;
        found = mul && is_gated(mul->in[0], mul->in[1], &x, &factor, &rough);
        factor *= number;
    }
    if (!found || !near(factor, 1.0) || x->dtype != FV_F32)
        return false;
    *f = (fv_fusion){.op = "gelu", .in = {{x->id}}, .n = 1, .attr.act.approximate = rough};
    return true;
}

/* ---- layer normalization ---- */

/* The mean of v over its last dimension, which stays as 1. */
static bool is_mean_of(const fv_val *mean, const fv_val *v)
{
    const fv_node *node = made_by(mean, "reduce_mean");
    if (!node || node->in[0] != v)
        return false;
    const fv_reduce_attr *attr = node->attr;
    return attr->keepdims && attr->axes.count == 1 &&
           (attr->axes.value[0] == -1 || attr->axes.value[0] == v->shape.rank - 1);
}

/* v = x - mean of x */
static const fv_val *centered(const fv_val *v)
{
    const fv_node *sub = made_by(v, "sub");
    return sub && is_mean_of(sub->in[1], sub->in[0]) ? sub->in[0] : NULL;
}

/* v = the mean of the squares of x - mean of x, plus *eps */
static bool is_variance(const fv_val *v, const fv_val *x, double *eps)
{
    const fv_node *add = made_by(v, "add");
    for (int i = 0; add && i < 2; i++) {
        const fv_node *mean = made_by(add->in[i], "reduce_mean");
        const fv_node *mul = mean ? made_by(mean->in[0], "mul") : NULL,
                      *pow = mean ? made_by(mean->in[0], "pow") : NULL;
        const bool square = mul ? mul->in[0] == mul->in[1] : pow && ((const fv_pow_attr *)pow->attr)->exponent == 2.0;
        if (square && is_mean_of(add->in[i], mean->in[0]) && centered((mul ? mul : pow)->in[0]) == x &&
            is_number(add->in[1 - i], eps))
            return *eps >= 0.0 && *eps <= 1.0;
    }
    return false;
}

/* (x - mean) / sqrt(var + eps) */
static bool fuse_norm(const fv_val *a, const fv_val *b, fv_fusion *f)
{
    const fv_val *x = centered(a);
    const fv_node *root = made_by(b, "sqrt");
    double eps;
    if (!x || !root || x->dtype != FV_F32 || x->shape.rank < 2 || !is_variance(root->in[0], x, &eps))
        return false;
    *f = (fv_fusion){.op = "layer_norm", .in = {{x->id}}, .n = 1, .attr.norm.eps = eps};
    return true;
}

/* One number per channel behind a layer normalization that has none of its kind yet: its scale, then its shift. */
static bool fuse_affine(const fv_val *a, const fv_val *b, int operand, fv_fusion *f)
{
    for (int i = 0; i < 2; i++) {
        const fv_node *norm = made_by(i ? b : a, "layer_norm");
        const fv_val *v = i ? a : b;
        if (!norm || norm->n_in != operand || (v->role != FV_ROLE_PARAM && v->role != FV_ROLE_CONST) ||
            v->dtype != FV_F32 || v->shape.rank != 1 ||
            v->shape.dim[0] != norm->out[0]->shape.dim[norm->out[0]->shape.rank - 1])
            continue;
        *f = (fv_fusion){.op = "layer_norm", .n = operand + 1, .attr.norm = *(const fv_layer_norm_attr *)norm->attr};
        for (int k = 0; k < operand; k++)
            f->in[k].id = norm->in[k]->id;
        f->in[operand].id = v->id;
        return true;
    }
    return false;
}

bool fv_import_fuses(const fv_import *im, const char *op, fv_value a, fv_value b, fv_fusion *f)
{
    if (im->model->error != FV_OK || a.id < 0 || b.id < 0)
        return false;
    const fv_val *va = val_of(im, a), *vb = val_of(im, b);
    if (strcmp(op, "mul") == 0)
        return fuse_gelu(va, vb, f) || fuse_affine(va, vb, 1, f);
    if (strcmp(op, "add") == 0)
        return fuse_affine(va, vb, 2, f);
    return strcmp(op, "div") == 0 && fuse_norm(va, vb, f);
}

fv_status fv_import_drop_unused(fv_import *im)
{
    fv_model *m = im->model;
    fv_graph *without = NULL;
    int kept = 0;
    fv_val **map = fv_calloc(im->ctx, (size_t)m->graph->n_vals + 1, sizeof *map);
    fv_status status = map ? fv_pass_dead(m->graph, &without, map) : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        for (int i = 0; i < im->n_fills; i++)
            if (map[im->fills[i].val]) {
                im->fills[kept] = im->fills[i];
                im->fills[kept++].val = map[im->fills[i].val]->id;
            }
        im->n_fills = kept;
        kept = 0;
        for (int i = 0; i < m->n_notes; i++)
            if (map[m->notes[i].val]) {
                m->notes[kept] = m->notes[i];
                m->notes[kept++].val = map[m->notes[i].val]->id;
            }
        m->n_notes = kept;
        if (m->input.id >= 0)
            m->input.id = map[m->input.id]->id;
        fv_graph_destroy(&m->graph);
        m->graph = without;
    }
    fv_free(im->ctx, map);
    return status;
}
