/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/build.h"

#include <stdio.h>
#include <string.h>

const fv_value fv_no_value = {-1};

static const char *const activation_ops[FV_ACTIVATION_COUNT] = {
    [FV_RELU] = "relu",
    [FV_RELU6] = "relu6",
    [FV_LEAKY_RELU] = "leaky_relu",
    [FV_SIGMOID] = "sigmoid",
    [FV_TANH] = "tanh",
    [FV_HARD_SIGMOID] = "hard_sigmoid",
    [FV_HARD_SWISH] = "hard_swish",
    [FV_SILU] = "silu",
    [FV_GELU] = "gelu",
    [FV_GELU_TANH] = "gelu",
    [FV_SOFTMAX] = "softmax",
};

const char *fv_activation_op(fv_activation activation)
{
    return (unsigned)activation < FV_ACTIVATION_COUNT ? activation_ops[activation] : NULL;
}

const void *fv_activation_attr(fv_activation activation)
{
    static const fv_act_attr rough = {.approximate = 1};
    return activation == FV_GELU_TANH ? &rough : NULL;
}

fv_value fv_nn_refuse(fv_model *m, fv_status status, const char *hint, const char *op, const char *full,
                      const char *format, ...)
{
    char text[512];
    va_list args;
    if (m->error != FV_OK)
        return fv_no_value;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fv_fail(m->ctx, status, "%s '%s': %s", op, full, text);
    if (hint)
        fv_fail_hint(m->ctx, status, "%s", hint);
    fv_model_set_error(m, status);
    return fv_no_value;
}

/* How many layers of that operator had no name, this one included; 0: out of memory. */
static int64_t next_number(fv_model *m, const char *op)
{
    fv_name_counts *c = &m->counts.names;
    for (int i = 0; i < c->count; i++) {
        if (strcmp(c->list[i].op, op) == 0)
            return ++c->list[i].count;
    }
    if (c->count == c->capacity) {
        int grown = c->capacity ? c->capacity * 2 : 16;
        fv_name_count *list = fv_realloc(m->ctx, c->list, (size_t)grown * sizeof *list);
        if (!list)
            return 0;
        c->list = list;
        c->capacity = grown;
    }
    char *copy = fv_arena_strdup(m->arena, op);
    if (!copy)
        return 0;
    c->list[c->count++] = (fv_name_count){copy, 1};
    return 1;
}

bool fv_nn_name(fv_model *m, const char *op, const char *name, char full[FV_NAME_MAX])
{
    const char *dot = m->prefix[0] ? "." : "";
    int size;
    full[0] = 0;
    if (m->error != FV_OK)
        return false;
    if (m->finished) {
        fv_nn_refuse(m, FV_ERR_ARGUMENT, NULL, op, name ? name : "", "the model is finished: nothing can be added");
        return false;
    }
    if (name && *name) {
        size = snprintf(full, FV_NAME_MAX, "%s%s%s", m->prefix, dot, name);
    } else {
        do {
            int64_t number = next_number(m, op);
            if (number == 0) {
                fv_model_set_error(m, FV_ERR_NO_MEMORY);
                return false;
            }
            size = snprintf(full, FV_NAME_MAX, "%s%s%s_%lld", m->prefix, dot, op, (long long)number);
        } while (size < FV_NAME_MAX && fv_graph_find(m->graph, full));
    }
    if (size >= FV_NAME_MAX) {
        fv_nn_refuse(m, FV_ERR_ARGUMENT, NULL, op, full, "the name is longer than %d bytes", FV_NAME_MAX - 1);
        return false;
    }
    return true;
}

bool fv_nn_check(fv_model *m, const char *op, const char *full, const fv_value *x, int count)
{
    if (m->error != FV_OK)
        return false;
    for (int i = 0; i < count; i++) {
        if (x[i].id < 0 || x[i].id >= m->graph->n_vals) {
            fv_nn_refuse(m, FV_ERR_ARGUMENT, NULL, op, full, "operand %d is not a value of this model", i);
            return false;
        }
    }
    return true;
}

const fv_shape *fv_nn_shape(const fv_model *m, fv_value x)
{
    return &m->graph->vals[x.id]->shape;
}

/* "its input is 1x2x2x64 from 'pool2'": what somebody needs who looks for the layer to change. */
static void hint_operands(fv_model *m, const fv_value *in, int n_in)
{
    char text[384] = "", shape[96];
    size_t used = 0;
    for (int i = 0; i < n_in && used < sizeof text; i++) {
        const fv_val *val = m->graph->vals[in[i].id];
        if (val->role == FV_ROLE_PARAM || val->role == FV_ROLE_STATE)
            continue;
        int size = snprintf(text + used, sizeof text - used, "%s%s from '%s'", used ? ", " : "",
                            fv_shape_text(&val->shape, shape), val->name);
        used += size > 0 ? (size_t)size : 0;
    }
    fv_fail_hint(m->ctx, m->error, "it is fed with %s: change this layer or those before it", text);
}

fv_value fv_nn_append(fv_model *m, const char *op, const char *full, const void *attr, const fv_value *in, int n_in)
{
    fv_val *operands[FV_MAX_OPERANDS];
    fv_node *node = NULL;
    if (!fv_nn_check(m, op, full, in, n_in))
        return fv_no_value;
    if (n_in > FV_MAX_OPERANDS)
        return fv_nn_refuse(m, FV_ERR_ARGUMENT, NULL, op, full, "%d operands: at most %d", n_in, FV_MAX_OPERANDS);
    const fv_op *row = fv_op_find(m->ctx, op);
    if (!row) {
        const char *nearest = fv_text_nearest(op, fv_op_names());
        return fv_nn_refuse(m, FV_ERR_UNKNOWN_OPTION, NULL, op, full, "there is no operator '%s'%s%s%s", op,
                            nearest ? "; the nearest is '" : "", nearest ? nearest : "", nearest ? "'" : "");
    }
    for (int i = 0; i < n_in; i++)
        operands[i] = m->graph->vals[in[i].id];
    fv_status status = fv_graph_add(m->graph, row, full, attr, operands, n_in, &node);
    if (status != FV_OK) {
        if (status == FV_ERR_SHAPE && !*fv_ctx_hint(m->ctx))
            hint_operands(m, in, n_in);
        fv_model_set_error(m, status);
        return fv_no_value;
    }
    return node->n_out > 0 ? (fv_value){node->out[0]->id} : fv_no_value;
}

fv_value fv_nn_param(fv_model *m, const char *full, const char *leaf, fv_role role, const fv_shape *shape, fv_init init,
                     double init_value)
{
    char name[FV_NAME_MAX + 32];
    snprintf(name, sizeof name, "%s.%s", full, leaf);
    return fv_model_new_param(m, name, role, FV_F32, shape, init, init_value);
}

fv_value fv_nn_activate(fv_model *m, const char *full, fv_value x, fv_activation activation)
{
    char name[FV_NAME_MAX + 32];
    const char *op = fv_activation_op(activation);
    if (m->error != FV_OK || activation == FV_ACT_NONE)
        return x;
    if (!op)
        return fv_nn_refuse(m, FV_ERR_ARGUMENT, NULL, "layer", full, "activation %d is not one of fv_activation",
                            (int)activation);
    snprintf(name, sizeof name, "%s.%s", full, op);
    return fv_nn_append(m, op, name, fv_activation_attr(activation), &x, 1);
}
