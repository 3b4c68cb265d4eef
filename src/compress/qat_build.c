/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network that is trained for integers (Jacob et al., 2018). Beside each layer of floats stands the one of
 * integers, whose scales follow from ranges and weights at every step. What goes on is what the integers stand for, so
 * that a layer sees what it will see in the model in integers, to the bit; gradients take the way of the floats.
 */
#include <stdio.h>
#include <string.h>

#include "compress/qat.h"
#include "ops/many.h"
#include "ops/qat.h"

typedef struct building {
    fv_quantizer *q;
    fv_graph *to;
    /* By id of the folded graph: what layers of floats see, and those beside integers; the integers. */
    fv_val **real, **rounded, **integer;
    fv_val **pair;  /* by id: of those that stand for others, and of weights */
    fv_val **range; /* by id: of observed ones */
} building;

static fv_status add(building *b, const char *op, const char *name, const void *attr, fv_val *const *in, int n_in,
                     fv_val **out)
{
    fv_node *node;
    FV_TRY(fv_graph_add(b->to, fv_op_find(b->to->ctx, op), name, attr, in, n_in, &node));
    *out = node->out[0];
    return FV_OK;
}

static bool is_weight(const fv_val *val)
{
    return val->role == FV_ROLE_PARAM || val->role == FV_ROLE_STATE || val->role == FV_ROLE_CONST;
}

/* ---- pairs ---- */

static fv_status add_fixed(building *b, int32_t root, const char *name)
{
    const fv_q_pair *pair = &b->q->values[root].pair;
    fv_tensor *tensor;
    FV_TRY(fv_tensor_create(b->q->ctx, FV_F32, &(fv_shape){1, {2}}, &tensor));
    ((float *)fv_tensor_data(tensor))[0] = (float)pair->scale;
    ((float *)fv_tensor_data(tensor))[1] = (float)pair->zero;
    const fv_status status = fv_graph_tensor(b->to, name, tensor, &b->pair[root]);
    fv_tensor_destroy(&tensor);
    return status;
}

/* One pair for all that share a scale, from the range of each. */
static fv_status add_shared(building *b, int32_t root, const char *name)
{
    const fv_graph *g = b->q->model->graph;
    fv_val *ranges[FV_MANY];
    int n = 0;
    char text[256];
    for (int32_t v = 0; v < g->n_vals; v++) {
        if (!b->q->values[v].observed || fv_q_root(b->q, v) != root)
            continue;
        if (n == FV_MANY)
            return fv_fail(b->q->ctx, FV_ERR_UNSUPPORTED,
                           "training for integers: more than %d values share the scale of '%s'", (int)FV_MANY,
                           g->vals[root]->name);
        snprintf(text, sizeof text, FV_QAT_RANGE, g->vals[v]->name);
        FV_TRY(fv_graph_param(b->to, text, FV_ROLE_STATE, FV_F32, &(fv_shape){1, {2}}, &b->range[v]));
        ranges[n++] = b->range[v];
    }
    return n > 0 ? add(b, "qat_pair", name, NULL, ranges, n, &b->pair[root]) : FV_OK;
}

/* All of them stand first: they are made of the ranges as the step before has left them. */
static fv_status add_pairs(building *b)
{
    const fv_graph *g = b->q->model->graph;
    for (int32_t v = 0; v < g->n_vals; v++) {
        char name[256];
        if (b->q->values[v].same != v || is_weight(g->vals[v]))
            continue;
        snprintf(name, sizeof name, "%.200s.pair", g->vals[v]->name);
        FV_TRY(b->q->values[v].fixed ? add_fixed(b, v, name) : add_shared(b, v, name));
    }
    return FV_OK;
}

/* ---- values in their forms ---- */

static fv_status get_real(building *b, const fv_val *val, fv_val **real)
{
    if (!b->real[val->id])
        FV_TRY(fv_graph_copy_leaf(b->to, val, &b->real[val->id]));
    *real = b->real[val->id];
    return FV_OK;
}

static fv_status get_pair(building *b, const fv_val *val, fv_val **pair)
{
    const int32_t id = is_weight(val) ? val->id : fv_q_root(b->q, val->id);
    char name[256];
    fv_val *real;
    if (!b->pair[id] && is_weight(val)) {
        FV_TRY(get_real(b, val, &real));
        snprintf(name, sizeof name, "%.200s.pair", val->name);
        FV_TRY(add(b, "qat_pair", name, NULL, &real, 1, &b->pair[id]));
    }
    *pair = b->pair[id];
    return *pair ? FV_OK : fv_fail(b->q->ctx, FV_ERR_INTERNAL, "training for integers: '%s' has no range", val->name);
}

static fv_status add_quantize(building *b, const fv_val *val, const char *name, fv_val *real)
{
    fv_val *pair;
    FV_TRY(get_pair(b, val, &pair));
    return add(b, "qat_quantize", name, NULL, (fv_val *[]){real, pair}, 2, &b->integer[val->id]);
}

/* What integers of a pair stand for, with the gradient of x. */
static fv_status add_straight(building *b, const char *name, fv_val *x, fv_val *integers, fv_val *pair, fv_val **out)
{
    char text[256];
    fv_val *in[3] = {x, NULL, pair};
    snprintf(text, sizeof text, "%.200s.value", name);
    FV_TRY(add(b, "qat_dequantize", text, NULL, (fv_val *[]){integers, pair}, 2, &in[1]));
    snprintf(text, sizeof text, "%.200s.straight", name);
    return add(b, "qat_straight", text, NULL, in, 3, out);
}

/* An operand of a layer of integers: its integers, their pair, and what they stand for. */
static fv_status get_operand(building *b, const fv_val *val, fv_val **integer, fv_val **pair, fv_val **rounded)
{
    FV_TRY(get_pair(b, val, pair));
    if (!b->integer[val->id]) {
        char name[256];
        fv_val *real;
        snprintf(name, sizeof name, "%.200s.int8", val->name);
        FV_TRY(get_real(b, val, &real));
        FV_TRY(add_quantize(b, val, name, real));
        FV_TRY(add_straight(b, val->name, real, b->integer[val->id], *pair, &b->rounded[val->id]));
    }
    *integer = b->integer[val->id];
    *rounded = b->rounded[val->id];
    return FV_OK;
}

/* ---- layers ---- */

typedef struct layer {
    const fv_q_unit *u;
    const fv_node *node;
    fv_val *in[FV_MAX_OPERANDS]; /* operands: integers, their pairs, what they stand for */
    fv_val *pair[FV_MAX_OPERANDS], *rounded[FV_MAX_OPERANDS];
    fv_val *out;        /* pair of the result */
    double least, most; /* limits by the activation that rides in it */
} layer;

/* NAME.what */
static const char *named(const layer *l, const char *what, char text[256])
{
    snprintf(text, 256, "%.200s.%s", l->node->name, what);
    return text;
}

static fv_status add_product(building *b, const layer *l, fv_val *const *weights, bool rows, fv_val **out)
{
    char text[256];
    const fv_shape *w = &l->node->in[1]->shape;
    const bool dense = strcmp(l->node->op->name, "dense") == 0;
    fv_qat_conv2d_attr attr = {.least = l->least, .most = l->most, .q.once = dense};
    const fv_reshape_attr pixel = {.dims = {3, {1, 1, w->dim[w->rank - 1]}}}, row = {.dims = {1, {w->dim[0]}}};
    fv_val *in[6] = {l->in[0], weights[0], weights[1], weights[2], l->pair[0], l->out};
    if (dense) {
        attr.q.conv = (fv_conv2d_attr){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
        FV_TRY(add(b, "reshape", named(l, "filters_pixel", text), &pixel, &in[1], 1, &in[1]));
    } else {
        attr.q.conv = *(const fv_conv2d_attr *)l->node->attr;
        attr.q.conv.activation = FV_ACT_NONE;
    }
    if (rows)
        FV_TRY(add(b, "reshape", named(l, "pixel", text), &pixel, &in[0], 1, &in[0]));
    FV_TRY(add(b, "qat_conv2d", named(l, rows ? "sums" : FV_QAT_INTEGERS, text), &attr, in, 6, out));
    return rows ? add(b, "reshape", named(l, FV_QAT_INTEGERS, text), &row, out, 1, out) : FV_OK;
}

/* The layer of floats, with what the integers of its weights stand for, beside that of integers. */
static fv_status add_weighted(building *b, const layer *l, fv_val **real, fv_val **out)
{
    char text[256];
    const fv_node *node = l->node;
    const fv_qat_weights_attr attr = {b->q->o.per_tensor, b->q->o.weight_bits};
    fv_val *wei, *bia = NULL, *in[3], *straight;
    FV_TRY(get_real(b, node->in[1], &wei));
    if (node->n_in > 2 && node->in[2])
        FV_TRY(get_real(b, node->in[2], &bia));
    in[0] = wei;
    in[1] = l->pair[0];
    in[2] = bia;
    FV_TRY(add(b, "qat_weights", named(l, "filters_int8", text), &attr, in, bia ? 3 : 2, &straight));
    fv_val *const *weights = straight->def->out;
    FV_TRY(
        add(b, "qat_straight", named(l, "weight_straight", text), NULL, (fv_val *[]){wei, weights[3]}, 2, &straight));
    in[0] = l->rounded[0];
    in[1] = straight;
    FV_TRY(add(b, node->op->name, node->name, node->attr, in, bia ? 3 : 2, real));
    return add_product(b, l, weights, node->in[0]->shape.rank == 2, out);
}

static fv_status add_binary(building *b, const layer *l, const char *op, bool other, fv_val **out)
{
    char text[256];
    const fv_qat_binary_attr attr = {other, l->least, l->most};
    fv_val *in[5] = {l->in[0], l->in[1], l->pair[0], l->pair[1], l->out};
    return add(b, op, named(l, FV_QAT_INTEGERS, text), &attr, in, 5, out);
}

static fv_status add_mean(building *b, const layer *l, fv_val **out)
{
    char text[256];
    const bool reduces = strcmp(l->node->op->name, "reduce_mean") == 0;
    const fv_reduce_attr *reduce = l->node->attr;
    fv_q_mean_attr attr = {.axes = {2, {1, 2}}, .keepdims = true};
    if (reduces) {
        attr.axes = reduce->axes;
        attr.keepdims = reduce->keepdims;
    }
    return add(b, "qat_mean", named(l, FV_QAT_INTEGERS, text), &attr, (fv_val *[]){l->in[0], l->pair[0], l->out}, 3,
               out);
}

static fv_status add_averages(building *b, const layer *l, fv_val **out)
{
    char text[256];
    const fv_q_avg_pool2d_attr attr = {.pool = *(const fv_pool2d_attr *)l->node->attr, -128, 127};
    return add(b, "q_avg_pool2d", named(l, FV_QAT_INTEGERS, text), &attr, l->in, 1, out);
}

static const char *const means[] = {"adaptive_avg_pool2d", "global_avg_pool", "reduce_mean", NULL};

static bool is_one_of(const char *op, const char *const *names)
{
    while (*names && strcmp(*names, op) != 0)
        names++;
    return *names != NULL;
}

/* Its integers from those of its operands. False: they are those of the floats, which are exact. */
static fv_status add_integers(building *b, const layer *l, bool *own, fv_val **out)
{
    const char *op = l->node->op->name;
    char text[256];
    fv_q_curve curve;
    *own = true;
    if (strcmp(op, "add") == 0 || strcmp(op, "sub") == 0)
        return add_binary(b, l, "qat_add", op[0] == 's', out);
    if (strcmp(op, "mul") == 0 || strcmp(op, "prelu") == 0)
        return add_binary(b, l, "qat_mul", op[0] == 'p', out);
    if (is_one_of(op, means))
        return add_mean(b, l, out);
    if (strcmp(op, "avg_pool2d") == 0)
        return add_averages(b, l, out);
    if (strcmp(op, "softmax") == 0)
        return add(b, "qat_softmax", named(l, FV_QAT_INTEGERS, text), NULL, (fv_val *[]){l->in[0], l->pair[0]}, 2, out);
    if (fv_q_curve_of(l->node, &curve))
        return add(b, "qat_lookup", named(l, FV_QAT_INTEGERS, text), &curve, (fv_val *[]){l->in[0], l->pair[0], l->out},
                   3, out);
    *own = false;
    return FV_OK;
}

/* ---- units ---- */

/* Operands of what shares a scale are brought to it. */
static fv_status rescale_operands(building *b, layer *l)
{
    const fv_q_curve curve = {.function = FV_Q_RESCALE, .least = -FV_Q_FAR, .most = FV_Q_FAR};
    for (int32_t i = 0; i < l->node->n_in; i++) {
        char name[256], text[256];
        if (l->pair[i] == l->out)
            continue;
        snprintf(name, sizeof name, "%.190s.from%d", l->node->name, (int)i);
        snprintf(text, sizeof text, "%.200s.int8", name);
        FV_TRY(add(b, "qat_lookup", text, &curve, (fv_val *[]){l->in[i], l->pair[i], l->out}, 3, &l->in[i]));
        FV_TRY(add_straight(b, name, l->rounded[i], l->in[i], l->out, &l->rounded[i]));
    }
    return FV_OK;
}

/* The range follows what a layer gives before it is rounded. */
static fv_status observe(building *b, const fv_val *val, fv_val *real)
{
    char name[256];
    fv_val *unused;
    if (!b->range[val->id])
        return FV_OK;
    snprintf(name, sizeof name, "%.200s.observed", val->name);
    return add(b, "qat_observe", name, NULL, (fv_val *[]){real, b->range[val->id]}, 2, &unused);
}

static fv_status add_clamp(building *b, const fv_q_unit *u, fv_val **real)
{
    return u->clamp ? add(b, u->clamp->op->name, u->clamp->name, u->clamp->attr, real, 1, real) : FV_OK;
}

/* The one layer that moves numbers and has others beside them, which are to be rounded. */
static bool pads_numbers(const fv_node *node)
{
    return strcmp(node->op->name, "pad") == 0 && ((const fv_pad_attr *)node->attr)->value != 0;
}

static fv_status add_integer_unit(building *b, fv_q_unit *u)
{
    layer l = {.u = u, .node = u->node, .least = -FV_Q_FAR, .most = FV_Q_FAR};
    fv_val *real, *made = NULL;
    bool bounded, own = true;
    const int32_t id = u->result->id;
    if (u->clamp && fv_q_is_clamp(u->clamp, &l.least, &l.most, &bounded) && !bounded)
        l.most = FV_Q_FAR;
    for (int32_t i = 0; i < (u->row.weighted ? 1 : u->node->n_in); i++)
        if (u->node->in[i])
            FV_TRY(get_operand(b, u->node->in[i], &l.in[i], &l.pair[i], &l.rounded[i]));
    FV_TRY(get_pair(b, u->result, &l.out));
    if (u->row.weighted) {
        FV_TRY(add_weighted(b, &l, &real, &made));
    } else {
        if (u->rule->range == FV_Q_SAME)
            FV_TRY(rescale_operands(b, &l));
        FV_TRY(add(b, u->node->op->name, u->node->name, u->node->attr, l.rounded, u->node->n_in, &real));
        FV_TRY(add_integers(b, &l, &own, &made));
    }
    FV_TRY(add_clamp(b, u, &real));
    FV_TRY(observe(b, u->result, real));
    if (own) {
        b->integer[id] = made;
    } else {
        char name[256];
        b->real[id] = b->rounded[id] = real;
        FV_TRY(add_quantize(b, u->result, named(&l, FV_QAT_INTEGERS, name), real));
    }
    if (!own && !pads_numbers(u->node))
        return FV_OK;
    FV_TRY(add_straight(b, u->result->name, real, b->integer[id], l.out, &b->rounded[id]));
    b->real[id] = b->rounded[id];
    return FV_OK;
}

static fv_status add_float_unit(building *b, const fv_q_unit *u)
{
    fv_val *in[FV_MAX_OPERANDS] = {NULL}, *real;
    for (int32_t i = 0; i < u->node->n_in; i++)
        if (u->node->in[i])
            FV_TRY(get_real(b, u->node->in[i], &in[i]));
    FV_TRY(add(b, u->node->op->name, u->node->name, u->node->attr, in, u->node->n_in, &real));
    for (int32_t i = 0; i < u->node->n_out; i++)
        b->real[u->node->out[i]->id] = real->def->out[i];
    FV_TRY(add_clamp(b, u, &real));
    b->real[u->result->id] = real;
    return observe(b, u->result, real);
}

static fv_status build(building *b)
{
    fv_quantizer *q = b->q;
    const fv_graph *g = q->model->graph;
    for (int32_t v = 0; v < g->n_vals; v++)
        if (g->vals[v]->role == FV_ROLE_INPUT)
            FV_TRY(fv_graph_copy_leaf(b->to, g->vals[v], &b->real[v]));
    FV_TRY(add_pairs(b));
    for (int i = 0; i < q->n_units; i++) {
        fv_q_unit *u = &q->units[i];
        FV_TRY(fv_q_becomes_integer(u, b->integer) ? add_integer_unit(b, u) : add_float_unit(b, u));
    }
    for (int32_t i = 0; i < g->n_outputs; i++) {
        fv_val *out;
        FV_TRY(get_real(b, g->outputs[i], &out));
        FV_TRY(fv_graph_add_output(b->to, out, g->output_names[i]));
    }
    return FV_OK;
}

fv_status fv_qat_build(fv_quantizer *q, fv_graph **graph)
{
    const size_t n = (size_t)q->model->graph->n_vals + 1;
    building b = {.q = q};
    fv_val **room = fv_calloc(q->ctx, 5 * n, sizeof *room);
    *graph = NULL;
    if (!room)
        return FV_ERR_NO_MEMORY;
    b.real = room;
    b.rounded = room + n;
    b.integer = room + 2 * n;
    b.pair = room + 3 * n;
    b.range = room + 4 * n;
    fv_status status = fv_graph_create(q->ctx, fv_op_find, &b.to);
    if (status == FV_OK)
        status = build(&b);
    fv_free(q->ctx, room);
    if (status != FV_OK)
        fv_graph_destroy(&b.to);
    *graph = b.to;
    return status;
}
