/* SPDX-License-Identifier: Apache-2.0 */
#include "toys.h"

static const char *const activation_names[] = {"none", "relu", "relu6", NULL};

static const fv_attr toy_attrs[] = {
    {"activation", FV_ATTR_ENUM, offsetof(toy_attr, activation), 0, 0, 2, activation_names, "Applied last."},
    {"stride", FV_ATTR_INT2, offsetof(toy_attr, stride), 1, 1, 100, NULL, "Step."},
    {"pad", FV_ATTR_PAD, offsetof(toy_attr, pad), 0, 0, 100, NULL, "Padding."},
    {"groups", FV_ATTR_INT, offsetof(toy_attr, groups), 1, 1, 1 << 20, NULL, "Groups."},
    {"alpha", FV_ATTR_REAL, offsetof(toy_attr, alpha), 0.1, 0, 1, NULL, "A share."},
    {"ceil", FV_ATTR_BOOL, offsetof(toy_attr, ceil), 0, 0, 1, NULL, "Round up."},
    {"dims", FV_ATTR_INTS, offsetof(toy_attr, dims), 0, -1, 1000, NULL, "A list."},
    {0},
};

static const fv_attr activation_only[] = {
    {"activation", FV_ATTR_ENUM, 0, 0, 0, 2, activation_names, "Applied last."},
    {0},
};

static fv_status same_infer(fv_ctx *ctx, const fv_node *node)
{
    if (node->in[0]->shape.rank != 2)
        return fv_node_fail(ctx, node, "rank %d, expected 2", (int)node->in[0]->shape.rank);
    for (int i = 0; i < node->n_out; i++) {
        node->out[i]->dtype = node->in[0]->dtype;
        node->out[i]->shape = node->in[0]->shape;
    }
    return FV_OK;
}

static fv_status any_infer(fv_ctx *ctx, const fv_node *node)
{
    (void)ctx;
    for (int i = 0; i < node->n_out; i++) {
        node->out[i]->dtype = node->in[0]->dtype;
        node->out[i]->shape = node->in[0]->shape;
    }
    return FV_OK;
}

static fv_status pool_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(same_infer(ctx, node));
    for (int i = 0; i < node->n_out; i++)
        node->out[i]->shape.dim[1] /= 2;
    return FV_OK;
}

static fv_status like_last_infer(fv_ctx *ctx, const fv_node *node)
{
    (void)ctx;
    node->out[0]->dtype = node->in[node->n_in - 1]->dtype;
    node->out[0]->shape = node->in[node->n_in - 1]->shape;
    return FV_OK;
}

static fv_status loss_infer(fv_ctx *ctx, const fv_node *node)
{
    (void)ctx;
    node->out[0]->dtype = node->in[0]->dtype;
    node->out[0]->shape = (fv_shape){1, {1}};
    return FV_OK;
}

static fv_status norm_bwd_infer(fv_ctx *ctx, const fv_node *node)
{
    FV_TRY(same_infer(ctx, node));
    node->out[1]->shape = node->in[2]->shape;
    return FV_OK;
}

static fv_status relu_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    d_in[0] = fv_emit(b, "toy_relu_bwd", NULL, (fv_val *[]){d_out[0], node->out[0]}, 2);
    return FV_OK;
}

static fv_status scale_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    if (fv_emit_wanted(b, node->in[0]))
        d_in[0] = fv_emit(b, "toy_bwd_data", NULL, (fv_val *[]){d_out[0], node->in[1], node->in[0]}, 3);
    if (fv_emit_wanted(b, node->in[1]))
        d_in[1] = fv_emit(b, "toy_bwd_weights", NULL, (fv_val *[]){d_out[0], node->in[0], node->in[1]}, 3);
    return FV_OK;
}

static fv_status add_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    (void)b;
    (void)node;
    d_in[0] = d_out[0];
    d_in[1] = d_out[0];
    return FV_OK;
}

static fv_status loss_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    d_in[0] = fv_emit(b, "toy_loss_bwd", NULL, (fv_val *[]){d_out[0], node->in[0]}, 2);
    return FV_OK;
}

static fv_status norm_train_grad(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in)
{
    fv_val *d = fv_emit(b, "toy_norm_bwd", NULL, (fv_val *[]){d_out[0], node->in[0], node->in[1]}, 3);
    d_in[0] = d;
    d_in[1] = fv_emit_out(b, d, 1);
    return FV_OK;
}

static fv_status norm_lower(fv_builder *b, const fv_node *node, bool training, fv_val *const *in, fv_val **out)
{
    out[0] = fv_emit(b, training ? "toy_norm_train" : "toy_norm", node->attr, in, 3);
    return FV_OK;
}

static fv_status norm_fold(fv_builder *b, const fv_node *node, const fv_node *producer, fv_val *const *in,
                           fv_val *const *producer_in, fv_val **out)
{
    (void)node;
    if (strncmp(producer->name, "keep", 4) == 0) /* declines some, as real ones do */
        return FV_OK;
    fv_val *wei = fv_emit(b, "toy_fold", NULL, (fv_val *[]){in[1], in[2], producer_in[1]}, 3);
    *out = fv_emit(b, "toy_scale", producer->attr, (fv_val *[]){producer_in[0], wei}, 2);
    return FV_OK;
}

static fv_status drop_lower(fv_builder *b, const fv_node *node, bool training, fv_val *const *in, fv_val **out)
{
    out[0] = training ? fv_emit(b, "toy_mono", node->attr, in, 1) : in[0];
    return FV_OK;
}

#define WITH_ATTR   .attr_size = sizeof(toy_attr), .attrs = toy_attrs
#define WITH_ACTIVE .attr_size = sizeof(int32_t), .attrs = activation_only

static const fv_op toys[] = {
    {.name = "add",
     .n_in_min = 2,
     .n_in_max = 2,
     .n_out = 1,
     .traits = FV_T_ADD | FV_T_FUSES_ACTIVATION | FV_T_INPLACE,
     .infer = any_infer,
     .grad = add_grad,
     WITH_ACTIVE},
    {.name = "toy_relu",
     .n_in_min = 1,
     .n_in_max = 1,
     .n_out = 1,
     .traits = FV_T_INPLACE | FV_T_MONOTONE,
     .fuses_as = FV_RELU,
     .infer = same_infer,
     .grad = relu_grad},
    {.name = "toy_relu_bwd",
     .n_in_min = 2,
     .n_in_max = 2,
     .n_out = 1,
     .traits = FV_T_BACKWARD | FV_T_INPLACE,
     .backward_of = FV_RELU,
     .infer = same_infer},
    {.name = "toy_tanh",
     .n_in_min = 1,
     .n_in_max = 1,
     .n_out = 1,
     .traits = FV_T_MONOTONE,
     .fuses_as = FV_TANH,
     .infer = same_infer},
    {.name = "toy_mono",
     .n_in_min = 1,
     .n_in_max = 1,
     .n_out = 1,
     .traits = FV_T_MONOTONE,
     .infer = same_infer,
     .grad = relu_grad,
     WITH_ATTR},
    {.name = "toy_drop", .n_in_min = 1, .n_in_max = 1, .n_out = 1, .infer = same_infer, .lower = drop_lower, WITH_ATTR},
    {.name = "toy_opaque", .n_in_min = 1, .n_in_max = 1, .n_out = 1, .infer = same_infer},
    {.name = "toy_scale",
     .n_in_min = 2,
     .n_in_max = 4,
     .n_out = 1,
     .traits = FV_T_FUSES_ACTIVATION | FV_T_FUSES_RESIDUAL | FV_T_WEIGHTED,
     .operands = (const char *const[]){"src", "wei", "bia", "res", "dst"},
     .infer = same_infer,
     .grad = scale_grad,
     WITH_ATTR},
    {.name = "toy_bwd_data",
     .n_in_min = 3,
     .n_in_max = 3,
     .n_out = 1,
     .traits = FV_T_BACKWARD,
     .infer = like_last_infer},
    {.name = "toy_bwd_weights",
     .n_in_min = 3,
     .n_in_max = 3,
     .n_out = 1,
     .traits = FV_T_BACKWARD,
     .infer = like_last_infer},
    {.name = "toy_pool",
     .n_in_min = 1,
     .n_in_max = 1,
     .n_out = 1,
     .traits = FV_T_MAXIMUM | FV_T_FUSES_ACTIVATION,
     .infer = pool_infer,
     WITH_ACTIVE},
    {.name = "toy_pool_train",
     .n_in_min = 1,
     .n_in_max = 1,
     .n_out = 2,
     .traits = FV_T_MAXIMUM | FV_T_FUSES_ACTIVATION,
     .infer = pool_infer,
     WITH_ACTIVE},
    {.name = "toy_norm",
     .n_in_min = 3,
     .n_in_max = 3,
     .n_out = 1,
     .infer = same_infer,
     .lower = norm_lower,
     .fold = norm_fold},
    {.name = "toy_norm_train",
     .n_in_min = 3,
     .n_in_max = 3,
     .n_out = 1,
     .traits = FV_T_FUSES_ACTIVATION,
     .updates = 1 << 2,
     .infer = same_infer,
     .grad = norm_train_grad,
     WITH_ACTIVE},
    {.name = "toy_norm_bwd",
     .n_in_min = 3,
     .n_in_max = 4,
     .n_out = 2,
     .traits = FV_T_BACKWARD | FV_T_FUSES_ACTIVATION,
     .infer = norm_bwd_infer,
     WITH_ACTIVE},
    {.name = "toy_step", .n_in_min = 2, .n_in_max = 3, .updates = 1 << 0 | 1 << 2, .infer = any_infer},
    {.name = "toy_fold", .n_in_min = 3, .n_in_max = 3, .n_out = 1, .infer = like_last_infer},
    {.name = "toy_loss",
     .n_in_min = 2,
     .n_in_max = 2,
     .n_out = 1,
     .traits = FV_T_LOSS,
     .infer = loss_infer,
     .grad = loss_grad},
    {.name = "toy_loss_bwd",
     .n_in_min = 2,
     .n_in_max = 2,
     .n_out = 1,
     .traits = FV_T_BACKWARD,
     .infer = like_last_infer},
};

const fv_op *toy_find(fv_ctx *ctx, const char *name)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof toys / sizeof *toys; i++) {
        if (strcmp(toys[i].name, name) == 0)
            return &toys[i];
    }
    return NULL;
}

fv_val *toy_input(fv_graph *g, const char *name, int64_t n, int64_t width)
{
    fv_val *val = NULL;
    assert_int_equal(fv_graph_input(g, name, FV_F32, &(fv_shape){2, {n, width}}, &val), FV_OK);
    return val;
}

fv_val *toy_param(fv_graph *g, const char *name, fv_role role, int64_t width)
{
    fv_val *val = NULL;
    assert_int_equal(fv_graph_param(g, name, role, FV_F32, &(fv_shape){1, {width}}, &val), FV_OK);
    return val;
}

fv_val *toy_node(fv_graph *g, const char *op, const char *name, int n_in, fv_val *a, fv_val *b, fv_val *c, fv_val *d)
{
    fv_node *node = NULL;
    fv_status status = fv_graph_add(g, toy_find(g->ctx, op), name, NULL, (fv_val *[]){a, b, c, d}, n_in, &node);
    if (status != FV_OK)
        fail_msg("%s", fv_ctx_error(g->ctx));
    return node->n_out > 0 ? node->out[0] : NULL;
}

const char *toy_text(const fv_graph *g)
{
    static char text[1 << 16];
    fv_str s = {.ctx = g->ctx};
    fv_graph_text(g, &s);
    assert_int_equal(fv_str_status(&s), FV_OK);
    assert_true(s.size < sizeof text);
    snprintf(text, sizeof text, "%s", fv_str_get(&s));
    fv_str_free(&s);
    return text;
}
