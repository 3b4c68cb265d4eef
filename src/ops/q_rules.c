/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/q_rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/ops.h"

/* ---- making nodes ---- */

static fv_status add(fv_graph *g, const char *op, const char *name, const void *attr, fv_val *const *in, int n_in,
                     fv_val **out)
{
    fv_node *node;
    FV_TRY(fv_graph_add(g, fv_op_find(g->ctx, op), name, attr, in, n_in, &node));
    *out = node->out[0];
    return FV_OK;
}

static fv_status add_constant(fv_graph *g, const char *name, fv_dtype dtype, int64_t count, const void *data,
                              fv_val **out)
{
    fv_tensor *tensor;
    FV_TRY(fv_tensor_create(g->ctx, dtype, &(fv_shape){1, {count}}, &tensor));
    memcpy(fv_tensor_data(tensor), data, fv_tensor_bytes(tensor));
    const fv_status status = fv_graph_tensor(g, name, tensor, out);
    fv_tensor_destroy(&tensor);
    return status;
}

static fv_status add_table(fv_graph *g, const char *name, fv_val *x, const fv_q_table *t, fv_val **out)
{
    char table[256];
    uint8_t entries[256];
    fv_val *in[2] = {x};
    fv_q_table_fill(t, entries);
    snprintf(table, sizeof table, "%.200s.table", name);
    FV_TRY(add_constant(g, table, t->out.dtype, 256, entries, &in[1]));
    return add(g, "lookup", name, NULL, in, 2, out);
}

fv_status fv_q_emit_quantize(fv_graph *g, const char *name, fv_val *x, const fv_q_pair *pair, fv_val **out)
{
    const fv_quantize_attr attr = {fv_q_short(pair->scale), pair->zero, pair->dtype == FV_U8};
    return add(g, "quantize", name, &attr, &x, 1, out);
}

fv_status fv_q_emit_reals(fv_graph *g, const char *name, fv_val *x, const fv_q_pair *pair, fv_val **out)
{
    const fv_dequantize_attr attr = {.scale = fv_q_short(pair->scale), .zero = pair->zero};
    return add(g, "dequantize", name, &attr, &x, 1, out);
}

fv_status fv_q_emit_rescale(fv_graph *g, const char *name, fv_val *x, const fv_q_pair *from, const fv_q_pair *to,
                            fv_val **out)
{
    fv_q_table t = {.in = *from, .out = *to};
    fv_q_table_rescale(&t);
    return add_table(g, name, x, &t, out);
}

/* ---- convolutions and products ---- */

static const char *refuse_residual(const fv_node *node)
{
    return node->n_in > 3 && node->in[3] ? "it adds another value" : NULL;
}

static const char *refuse_dense(const fv_node *node)
{
    const int rank = node->in[0]->shape.rank;
    return rank != 2 && rank != 4 ? "its operand has neither 2 nor 4 dimensions" : refuse_residual(node);
}

/* NAME.weight and its like. */
static const char *named(const fv_q_layer *l, const char *what, char text[256])
{
    snprintf(text, 256, "%.200s.%s", l->constants, what);
    return text;
}

/* Half floats of 8 bits: fv_q_layer.scale holds such. */
static fv_status add_scales(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    char name[256];
    fv_tensor *tensor;
    FV_TRY(fv_tensor_create(g->ctx, FV_BF16, &(fv_shape){1, {l->scales}}, &tensor));
    for (int64_t k = 0; k < l->scales; k++)
        fv_dtype_set(FV_BF16, fv_tensor_data(tensor), k, l->scale[k]);
    const fv_status status = fv_graph_tensor(g, named(l, "scale", name), tensor, out);
    fv_tensor_destroy(&tensor);
    return status;
}

static fv_status add_product(fv_graph *g, const fv_q_layer *l, const char *name, fv_val *src, const fv_tensor *wei,
                             const fv_conv2d_attr *conv, bool once, fv_val **out)
{
    char text[256];
    fv_val *in[4] = {src};
    const fv_q_conv2d_attr attr = {.conv = *conv,
                                   .src_zero = l->pair[0].zero,
                                   .dst_zero = l->out.zero,
                                   .min = l->out.low,
                                   .max = l->out.high,
                                   .once = once,
                                   .src_scale = fv_q_short(l->pair[0].scale),
                                   .dst_scale = fv_q_short(l->out.scale)};
    FV_TRY(fv_graph_tensor(g, named(l, "weight", text), wei, &in[1]));
    FV_TRY(fv_graph_tensor(g, named(l, "bias", text), l->bia, &in[2]));
    FV_TRY(add_scales(g, l, &in[3]));
    return add(g, "q_conv2d", name, &attr, in, 4, out);
}

static fv_status emit_conv(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    fv_conv2d_attr conv = *(const fv_conv2d_attr *)l->node->attr;
    conv.activation = FV_ACT_NONE;
    return add_product(g, l, l->name, l->in[0], l->wei, &conv, false, out);
}

/* A row is an image of one pixel. */
static fv_status emit_dense(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    char text[256];
    fv_conv2d_attr one = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    const fv_shape *w = fv_tensor_shape(l->wei);
    const fv_shape filters = {4, {w->dim[0], 1, 1, w->dim[1]}};
    const bool rows = l->node->in[0]->shape.rank == 2;
    const fv_reshape_attr pixel = {.dims = {3, {1, 1, w->dim[1]}}}, row = {.dims = {1, {w->dim[0]}}};
    fv_val *src = l->in[0];
    fv_tensor *wei;
    if (rows)
        FV_TRY(add(g, "reshape", named(l, "pixel", text), &pixel, &src, 1, &src));
    FV_TRY(fv_tensor_create(g->ctx, FV_I8, &filters, &wei));
    memcpy(fv_tensor_data(wei), fv_tensor_const_data(l->wei), fv_tensor_bytes(wei));
    fv_status status = add_product(g, l, rows ? named(l, "sums", text) : l->name, src, wei, &one, true, out);
    fv_tensor_destroy(&wei);
    FV_TRY(status);
    return rows ? add(g, "reshape", l->name, &row, out, 1, out) : FV_OK;
}

/* ---- element by element ---- */

static fv_status emit_sum(fv_graph *g, const fv_q_layer *l, bool subtract, fv_val **out)
{
    fv_q_add_attr attr;
    const fv_q_pair pair[3] = {l->pair[0], l->pair[1], l->out};
    fv_q_add_set(pair, subtract, &attr);
    return add(g, "q_add", l->name, &attr, l->in, 2, out);
}

static fv_status emit_add(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    return emit_sum(g, l, false, out);
}

static fv_status emit_sub(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    return emit_sum(g, l, true, out);
}

static fv_status emit_mul(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    fv_q_mul_attr attr;
    const fv_q_pair pair[3] = {l->pair[0], l->pair[1], l->out};
    fv_q_mul_set(pair, &attr);
    return add(g, "q_mul", l->name, &attr, l->in, 2, out);
}

static fv_status emit_prelu(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    fv_q_mul_attr attr;
    const fv_q_pair pair[3] = {l->pair[0], l->pair[1], l->out};
    fv_q_prelu_set(pair, &attr);
    return add(g, "q_mul", l->name, &attr, l->in, 2, out);
}

bool fv_q_is_clamp(const fv_node *node, double *least, double *most, bool *bounded)
{
    const bool relu = strcmp(node->op->name, "relu") == 0, relu6 = strcmp(node->op->name, "relu6") == 0;
    *least = 0;
    *most = 6;
    *bounded = !relu;
    if (relu || relu6)
        return true;
    if (strcmp(node->op->name, "clamp") != 0)
        return false;
    *least = ((const fv_clamp_attr *)node->attr)->min;
    *most = ((const fv_clamp_attr *)node->attr)->max;
    return true;
}

bool fv_q_curve_of(const fv_node *node, fv_q_curve *curve)
{
    static const struct {
        const char *op;
        fv_q_function function;
    } curves[] = {
        {"leaky_relu", FV_Q_LEAKY_RELU},     {"sigmoid", FV_Q_SIGMOID},       {"tanh", FV_Q_TANH}, {"gelu", FV_Q_GELU},
        {"hard_sigmoid", FV_Q_HARD_SIGMOID}, {"hard_swish", FV_Q_HARD_SWISH}, {"silu", FV_Q_SILU}};
    bool bounded;
    *curve = (fv_q_curve){.function = FV_Q_CLAMP, .least = -FV_Q_FAR, .most = FV_Q_FAR};
    if (fv_q_is_clamp(node, &curve->least, &curve->most, &bounded)) {
        curve->most = bounded ? curve->most : FV_Q_FAR;
        return true;
    }
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        if (strcmp(node->op->name, curves[i].op) != 0)
            continue;
        curve->function = (int32_t)curves[i].function;
        curve->alpha = curves[i].function == FV_Q_LEAKY_RELU ? ((const fv_act_attr *)node->attr)->alpha : 0;
        curve->rough = curves[i].function == FV_Q_GELU && ((const fv_act_attr *)node->attr)->approximate != 0;
        return true;
    }
    return false;
}

static fv_status emit_curve(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    fv_q_curve curve;
    fv_q_table t;
    if (!fv_q_curve_of(l->node, &curve))
        return fv_node_fail(g->ctx, l->node, "it has no table");
    fv_q_table_curve(&curve, &l->pair[0], &l->out, &t);
    return add_table(g, l->name, l->in[0], &t, out);
}

static const char *refuse_leaky(const fv_node *node)
{
    return ((const fv_act_attr *)node->attr)->alpha < 0 ? "its slope is negative" : NULL;
}

/* ---- windows and means ---- */

static fv_status emit_max_pool(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    fv_q_avg_pool2d_attr attr = {.min = l->out.low, .max = l->out.high};
    const int64_t *src = l->node->in[0]->shape.dim;
    if (l->node->op->attr_size)
        attr.pool = *(const fv_pool2d_attr *)l->node->attr;
    else /* of all pixels */
        attr.pool = (fv_pool2d_attr){.size = {src[1], src[2]}};
    attr.pool.activation = FV_ACT_NONE;
    return add(g, "q_max_pool2d", l->name, &attr, l->in, 1, out);
}

static const char *refuse_pad_counted(const fv_node *node)
{
    const fv_pool2d_attr *attr = node->attr;
    const bool pads = attr->pad[0] || attr->pad[1] || attr->pad[2] || attr->pad[3];
    return pads && attr->count_include_pad ? "its mean counts the padding" : NULL;
}

static fv_status emit_avg_pool(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    const fv_q_avg_pool2d_attr attr = {.pool = *(const fv_pool2d_attr *)l->node->attr, l->out.low, l->out.high};
    return add(g, "q_avg_pool2d", l->name, &attr, l->in, 1, out);
}

static fv_status emit_mean(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    fv_q_mean_attr attr;
    fv_q_mean_set(&l->pair[0], &l->out, &(fv_ints){2, {1, 2}}, false, &attr);
    return add(g, "q_mean", l->name, &attr, l->in, 1, out);
}

static const char *refuse_adaptive(const fv_node *node)
{
    const fv_adaptive_pool_attr *attr = node->attr;
    return attr->output[0] != 1 || attr->output[1] != 1 ? "it averages to more than one pixel" : NULL;
}

static const char *refuse_reduction(const fv_node *node)
{
    const fv_reduce_attr *attr = node->attr;
    for (int64_t i = 0; i < attr->axes.count; i++)
        if (attr->axes.value[i] == 0 || attr->axes.value[i] == -node->in[0]->shape.rank)
            return "its mean is one of samples";
    return attr->axes.count ? NULL : "its mean is one of samples";
}

static fv_status emit_reduce_mean(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    const fv_reduce_attr *reduce = l->node->attr;
    fv_q_mean_attr attr;
    fv_q_mean_set(&l->pair[0], &l->out, &reduce->axes, false, &attr);
    attr.keepdims = reduce->keepdims;
    return add(g, "q_mean", l->name, &attr, l->in, 1, out);
}

static const char *refuse_softmax(const fv_node *node)
{
    const int64_t axis = ((const fv_axis_attr *)node->attr)->axis;
    return axis != -1 && axis != node->in[0]->shape.rank - 1 ? "it is not along the last dimension" : NULL;
}

static fv_status emit_softmax(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    fv_q_softmax_attr attr;
    if (!fv_q_softmax_set(&l->pair[0], 1.0, &attr))
        return fv_node_fail(g->ctx, l->node, "the scale %g of its operand is too fine for integers", l->pair[0].scale);
    return add(g, "q_softmax", l->name, &attr, l->in, 1, out);
}

/* ---- what only moves ---- */

static fv_status emit_moved(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    fv_node *node;
    FV_TRY(fv_graph_add(g, l->node->op, l->name, l->node->attr, l->in, l->node->n_in, &node));
    *out = node->out[0];
    return FV_OK;
}

static fv_status emit_pad(fv_graph *g, const fv_q_layer *l, fv_val **out)
{
    fv_pad_attr attr = *(const fv_pad_attr *)l->node->attr;
    attr.value = (double)fv_fixed_clamp(fv_q_integer(&l->out, (float)attr.value), l->out.low, l->out.high);
    return add(g, "pad", l->name, &attr, l->in, 1, out);
}

static const fv_q_rule rules[] = {
    {"adaptive_avg_pool2d", FV_Q_OWN, false, 0, 0, refuse_adaptive, emit_mean},
    {"add", FV_Q_OWN, true, 0, 0, NULL, emit_add},
    {"avg_pool2d", FV_Q_SAME, false, 0, 0, refuse_pad_counted, emit_avg_pool},
    {"channel_shuffle", FV_Q_SAME, false, 0, 0, NULL, emit_moved},
    {"clamp", FV_Q_OWN, false, 0, 0, NULL, emit_curve},
    {"concat", FV_Q_SAME, false, 0, 0, NULL, emit_moved},
    {"conv2d", FV_Q_OWN, true, 0, 0, refuse_residual, emit_conv},
    {"crop", FV_Q_SAME, false, 0, 0, NULL, emit_moved},
    {"dense", FV_Q_OWN, true, 0, 0, refuse_dense, emit_dense},
    {"flatten", FV_Q_SAME, false, 0, 0, NULL, emit_moved},
    {"gelu", FV_Q_OWN, false, 0, 0, NULL, emit_curve},
    {"global_avg_pool", FV_Q_OWN, false, 0, 0, NULL, emit_mean},
    {"global_max_pool", FV_Q_SAME, false, 0, 0, NULL, emit_max_pool},
    {"hard_sigmoid", FV_Q_OWN, false, 0, 0, NULL, emit_curve},
    {"hard_swish", FV_Q_OWN, false, 0, 0, NULL, emit_curve},
    {"leaky_relu", FV_Q_OWN, false, 0, 0, refuse_leaky, emit_curve},
    {"max_pool2d", FV_Q_SAME, false, 0, 0, NULL, emit_max_pool},
    {"mul", FV_Q_OWN, true, 0, 0, NULL, emit_mul},
    {"pad", FV_Q_SAME, false, 0, 0, NULL, emit_pad},
    {"prelu", FV_Q_OWN, false, 0, 0, NULL, emit_prelu},
    {"reduce_mean", FV_Q_OWN, false, 0, 0, refuse_reduction, emit_reduce_mean},
    {"relu", FV_Q_OWN, false, 0, 0, NULL, emit_curve},
    {"relu6", FV_Q_OWN, false, 0, 0, NULL, emit_curve},
    {"reshape", FV_Q_SAME, false, 0, 0, NULL, emit_moved},
    {"sigmoid", FV_Q_FIXED, false, 1.0 / 256, -128, NULL, emit_curve},
    {"silu", FV_Q_OWN, false, 0, 0, NULL, emit_curve},
    {"slice", FV_Q_SAME, false, 0, 0, NULL, emit_moved},
    {"softmax", FV_Q_FIXED, false, 1.0 / 256, -128, refuse_softmax, emit_softmax},
    {"sub", FV_Q_OWN, true, 0, 0, NULL, emit_sub},
    {"tanh", FV_Q_FIXED, false, 1.0 / 128, 0, NULL, emit_curve},
    {"transpose", FV_Q_SAME, false, 0, 0, NULL, emit_moved},
};

const fv_q_rule *fv_q_rule_find(const fv_op *op)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].op, op->name) == 0)
            return &rules[i];
    return NULL;
}

bool fv_q_is_integer(const fv_op *op)
{
    return strncmp(op->name, "q_", 2) == 0 || strncmp(op->name, "quantize", 8) == 0 ||
           strcmp(op->name, "dequantize") == 0 || strcmp(op->name, "lookup") == 0;
}
