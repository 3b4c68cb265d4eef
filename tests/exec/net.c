/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <math.h>

#include "base/ctx.h"

uint64_t net_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double net_uniform(uint64_t *state)
{
    return (double)(net_random(state) >> 40) / (double)(1 << 23) - 1.0;
}

int64_t net_int(uint64_t *state, int64_t lo, int64_t hi)
{
    return lo + (int64_t)(net_random(state) % (uint64_t)(hi - lo + 1));
}

void net_init(net *t, fv_ctx *ctx, fv_dtype dtype, uint64_t seed)
{
    *t = (net){.ctx = ctx, .dtype = dtype, .rng = seed};
    assert_int_equal(fv_graph_create(ctx, fv_op_find, &t->g), FV_OK);
}

void net_free(net *t)
{
    for (int i = 0; i < t->n_tensors; i++) {
        free(t->tensor[i].data);
        fv_free(t->ctx, t->tensor[i].bound);
    }
    fv_graph_destroy(&t->g);
}

void net_bind(net *t, fv_dtype dtype)
{
    t->dtype = dtype;
    for (int i = 0; i < t->n_tensors; i++) {
        net_tensor *p = &t->tensor[i];
        fv_free(t->ctx, p->bound);
        p->bound = fv_malloc(t->ctx, (size_t)p->count * fv_dtype_size(dtype));
        assert_non_null(p->bound);
        for (int64_t j = 0; j < p->count; j++)
            fv_set(dtype, p->bound, j, p->data[j]);
    }
}

net_tensor *net_find(net *t, const char *name)
{
    for (int i = 0; i < t->n_tensors; i++) {
        if (strcmp(t->tensor[i].name, name) == 0)
            return &t->tensor[i];
    }
    return NULL;
}

double net_get(const net *t, const net_tensor *tensor, int64_t i)
{
    return fv_get(t->dtype, tensor->bound, i);
}

void net_set(const net *t, const net_tensor *tensor, int64_t i, double value)
{
    fv_set(t->dtype, tensor->bound, i, value);
}

static fv_shape shape_of(int rank, const int64_t *dim)
{
    fv_shape shape = {.rank = rank};
    memcpy(shape.dim, dim, (size_t)rank * sizeof *dim);
    return shape;
}

fv_val *net_input(net *t, const char *name, int rank, const int64_t *dim)
{
    fv_val *val = NULL;
    fv_shape shape = shape_of(rank, dim);
    assert_int_equal(fv_graph_input(t->g, name, FV_F32, &shape, &val), FV_OK);
    return val;
}

fv_val *net_param(net *t, const char *name, fv_role role, int rank, const int64_t *dim)
{
    fv_val *val = NULL;
    fv_shape shape = shape_of(rank, dim);
    if (fv_graph_param(t->g, name, role, FV_F32, &shape, &val) != FV_OK)
        fail_msg("%s", fv_ctx_error(t->ctx));
    assert_true(t->n_tensors < NET_MAX_TENSORS);
    net_tensor *p = &t->tensor[t->n_tensors++];
    snprintf(p->name, sizeof p->name, "%s", name);
    p->count = fv_shape_count(&shape);
    p->role = role;
    p->data = malloc((size_t)p->count * sizeof(double));
    assert_non_null(p->data);
    double scale = rank > 1 ? 1.5 / sqrt((double)p->count / (double)dim[0]) : 0.3;
    for (int64_t i = 0; i < p->count; i++) {
        double u = net_uniform(&t->rng);
        bool positive = strstr(name, "gamma") || strstr(name, "var");
        /* Float32 exactly, so that f32 and f64 runs see the same numbers. */
        p->data[i] = (double)(float)(positive ? 1.0 + 0.5 * u : scale * u);
    }
    return val;
}

fv_val *net_op(net *t, const char *op, const void *attr, int n_in, fv_val *const *in)
{
    fv_node *node = NULL;
    char name[64];
    snprintf(name, sizeof name, "%s%d", op, t->n_nodes++);
    const fv_op *row = fv_op_find(t->ctx, op);
    if (!row)
        fail_msg("there is no operator %s", op);
    if (fv_graph_add(t->g, row, name, attr, in, n_in, &node) != FV_OK)
        fail_msg("%s", fv_ctx_error(t->ctx));
    return node->out[0];
}

fv_val *net_unary(net *t, const char *op, fv_val *x)
{
    return net_op(t, op, NULL, 1, &x);
}

fv_val *net_conv(net *t, fv_val *x, int64_t k, int64_t size, int64_t stride, int64_t pad, bool bias)
{
    char name[64];
    fv_conv2d_attr attr;
    fv_attr_defaults(fv_op_find(t->ctx, "conv2d"), &attr);
    attr.stride[0] = attr.stride[1] = stride;
    for (int i = 0; i < 4; i++)
        attr.pad[i] = pad;
    snprintf(name, sizeof name, "conv2d%d.weight", t->n_nodes);
    fv_val *wei = net_param(t, name, FV_ROLE_PARAM, 4, (const int64_t[]){k, size, size, x->shape.dim[3]}), *bia = NULL;
    snprintf(name, sizeof name, "conv2d%d.bias", t->n_nodes);
    if (bias)
        bia = net_param(t, name, FV_ROLE_PARAM, 1, &k);
    return net_op(t, "conv2d", &attr, 3, (fv_val *[]){x, wei, bia});
}

fv_val *net_norm(net *t, fv_val *x)
{
    static const struct {
        const char *suffix;
        fv_role role;
    } parts[] = {{"gamma", FV_ROLE_PARAM}, {"beta", FV_ROLE_PARAM}, {"mean", FV_ROLE_STATE}, {"var", FV_ROLE_STATE}};
    fv_val *in[5] = {x};
    char name[64];
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "norm%d.%s", t->n_nodes, parts[i].suffix);
        in[i + 1] = net_param(t, name, parts[i].role, 1, &x->shape.dim[3]);
    }
    return net_op(t, "batch_norm", NULL, 5, in);
}

fv_val *net_pool(net *t, fv_val *x, int64_t size, int64_t stride)
{
    fv_pool2d_attr attr;
    fv_attr_defaults(fv_op_find(t->ctx, "max_pool2d"), &attr);
    attr.size[0] = attr.size[1] = size;
    attr.stride[0] = attr.stride[1] = stride;
    return net_op(t, "max_pool2d", &attr, 1, &x);
}

fv_val *net_dense(net *t, fv_val *x, int64_t units)
{
    char name[64];
    snprintf(name, sizeof name, "dense%d.weight", t->n_nodes);
    fv_val *wei = net_param(t, name, FV_ROLE_PARAM, 2, (const int64_t[]){units, x->shape.dim[1]});
    snprintf(name, sizeof name, "dense%d.bias", t->n_nodes);
    fv_val *bia = net_param(t, name, FV_ROLE_PARAM, 1, &units);
    return net_op(t, "dense", NULL, 3, (fv_val *[]){x, wei, bia});
}

fv_val *net_add(net *t, fv_val *a, fv_val *b)
{
    return net_op(t, "add", NULL, 2, (fv_val *[]){a, b});
}

void net_output(net *t, fv_val *x)
{
    assert_int_equal(fv_graph_output(t->g, x), FV_OK);
}

void net_small(net *t, int64_t classes)
{
    fv_val *x = net_input(t, "image", 4, (const int64_t[]){1, 8, 8, 3});
    x = net_unary(t, "relu", net_norm(t, net_conv(t, x, 8, 3, 1, 1, false)));
    x = net_pool(t, x, 2, 2);
    fv_val *y = net_unary(t, "relu", net_norm(t, net_conv(t, x, 8, 3, 1, 1, false)));
    y = net_norm(t, net_conv(t, y, 8, 3, 1, 1, false));
    x = net_unary(t, "relu", net_add(t, y, x));
    x = net_unary(t, "relu", net_conv(t, x, 12, 3, 2, 1, true));
    x = net_unary(t, "flatten", net_unary(t, "global_avg_pool", x));
    net_output(t, net_dense(t, x, classes));
    net_bind(t, t->dtype);
}

/* One random layer on top of random earlier values. */
static fv_val *random_layer(net *t, fv_val **made, int n, bool exact)
{
    static const char *const loose[] = {"sigmoid", "tanh", "silu", "hard_swish", "hard_sigmoid"};
    fv_val *x = made[net_int(&t->rng, n > 4 ? n - 4 : 0, n - 1)], *y;
    int64_t side = x->shape.dim[1];
    switch (net_int(&t->rng, 0, exact ? 8 : 10)) {
    case 0:
        return net_conv(t, x, net_int(&t->rng, 1, 9), 3, 1, 1, net_int(&t->rng, 0, 1));
    case 1:
        return net_conv(t, x, net_int(&t->rng, 1, 9), 1, 1, 0, net_int(&t->rng, 0, 1));
    case 2:
        return net_unary(t, "relu6", x);
    case 3:
        return side >= 4 ? net_pool(t, x, 2, 2) : net_unary(t, "relu", x);
    case 4:
        return side >= 4 ? net_pool(t, net_unary(t, "relu", x), 3, 1) : net_unary(t, "leaky_relu", x);
    case 5:
        y = net_conv(t, x, x->shape.dim[3], 3, 1, 1, false);
        return net_add(t, net_int(&t->rng, 0, 1) ? x : y, y);
    case 6:
        y = net_conv(t, x, x->shape.dim[3], 1, 1, 0, true);
        return net_unary(t, "relu", net_int(&t->rng, 0, 1) ? net_add(t, y, x) : net_add(t, x, y));
    case 7:
        y = net_unary(t, "relu", x);
        return net_op(t, "concat", NULL, 3, (fv_val *[]){x, y, x});
    case 8:
        return net_unary(t, "relu", net_conv(t, x, net_int(&t->rng, 1, 9), 3, 1, 1, true));
    case 9:
        return net_unary(t, "relu", net_norm(t, x));
    default:
        return net_unary(t, loose[net_int(&t->rng, 0, 4)], x);
    }
}

void net_random_graph(net *t, int layers, int64_t classes, bool exact)
{
    fv_val *made[64], *tops[3];
    assert_true(layers < 60);
    made[0] = net_input(t, "image", 4, (const int64_t[]){1, 8, 8, 3});
    int n = 1;
    while (n <= layers) {
        fv_val *v = random_layer(t, made, n, exact);
        if (v->shape.dim[3] > 40)
            v = net_conv(t, v, 6, 1, 1, 0, false);
        made[n++] = v;
    }
    for (int i = 0; i < 3; i++)
        tops[i] = net_unary(t, "global_avg_pool", made[i == 0 ? n - 1 : net_int(&t->rng, 1, n - 1)]);
    fv_val *x = net_op(t, "concat", NULL, 3, tops);
    net_output(t, net_dense(t, net_unary(t, "flatten", x), classes));
    net_bind(t, t->dtype);
}

static void *find_bound(void *user, const char *name, const fv_shape *shape)
{
    net_tensor *p = net_find(user, name);
    return p && p->count == fv_shape_count(shape) ? p->bound : NULL;
}

net_exec_options net_options(net *t, int64_t batch, bool training)
{
    return (net_exec_options){
        .batch = batch,
        .dtype = t->dtype,
        .training = training,
        .loss = fv_op_find(t->ctx, "softmax_cross_entropy"),
        .target_dtype = FV_I32,
        .optimize = true,
        .binding = {.find = find_bound, .user = t},
    };
}

static fv_status compile(net_exec *e, const fv_graph *g, const net_exec_options *o)
{
    fv_objective objective = {.weight = 1.0};
    fv_program_options options = {.batch = o->batch,
                                  .dtype = o->dtype,
                                  .lowering = o->training ? FV_LOWER_TRAINING : FV_LOWER_INFERENCE,
                                  .part = o->part,
                                  .own_statistics = o->own_statistics,
                                  .optimize = o->optimize,
                                  .keep_all = o->keep_all,
                                  .profile = o->profile,
                                  .policy = o->policy,
                                  .wisdom = o->wisdom,
                                  .values = o->values,
                                  .n_values = o->n_values};
    if (o->lowering != FV_LOWER_INFERENCE)
        options.lowering = o->lowering;
    if (o->training || o->with_loss) {
        const fv_loss loss = {.op = o->loss, .attr = o->loss_attr, .target_dtype = o->target_dtype};
        FV_TRY(fv_pass_loss(g, &loss, 1, &e->with_loss, NULL));
        objective.loss = e->with_loss->outputs[g->n_outputs]->name;
        options.objectives = &objective;
        options.n_objectives = o->training;
    }
    FV_TRY(fv_store_create(e->ctx, &o->binding, &e->store));
    options.stores[0] = e->store;
    FV_TRY(fv_program_create(e->ctx, e->with_loss ? e->with_loss : g, &options, &e->program));
    return fv_instance_create(e->program, o->scratch, NULL, &e->instance);
}

fv_status net_exec_create(fv_ctx *ctx, const fv_graph *g, const net_exec_options *options, net_exec **exec)
{
    *exec = fv_new(ctx, net_exec);
    if (!*exec)
        return FV_ERR_NO_MEMORY;
    (*exec)->ctx = ctx;
    fv_status status = compile(*exec, g, options);
    if (status != FV_OK)
        net_exec_destroy(exec);
    return status;
}

void net_exec_destroy(net_exec **exec)
{
    net_exec *e = *exec;
    if (!e)
        return;
    fv_instance_destroy(&e->instance);
    fv_program_release(&e->program);
    fv_store_destroy(&e->store);
    fv_graph_destroy(&e->with_loss);
    fv_free(e->ctx, e);
    *exec = NULL;
}

net_exec *net_compile(net *t, const net_exec_options *options)
{
    net_exec *exec = NULL;
    if (net_exec_create(t->ctx, t->g, options, &exec) != FV_OK)
        fail_msg("%s", fv_ctx_error(t->ctx));
    return exec;
}

fv_status net_exec_run(net_exec *exec, uint64_t seed, uint64_t step)
{
    return fv_instance_run(exec->instance, &(fv_run){.seed = seed, .step = step});
}

/* The port of a kind by number, or by name unless that is NULL. */
static const fv_port *port(const net_exec *exec, fv_port_kind kind, const char *name, int i)
{
    return name ? fv_program_port(exec->program, kind, name) : fv_program_port_at(exec->program, kind, i);
}

void *net_exec_input(net_exec *exec, int i)
{
    const fv_port *p = port(exec, FV_PORT_INPUT, NULL, i);
    return p && !(exec->with_loss && strncmp(p->name, "target", 6) == 0) ? fv_instance_map(exec->instance, p) : NULL;
}

void *net_exec_target(net_exec *exec)
{
    return exec->with_loss ? fv_instance_map(exec->instance, port(exec, FV_PORT_INPUT, "target", 0)) : NULL;
}

const void *net_exec_output(const net_exec *exec, int i, fv_shape *shape)
{
    const fv_port *p = port(exec, FV_PORT_OUTPUT, NULL, i);
    if (!p || strncmp(p->name, "loss", 4) == 0)
        return NULL;
    if (shape)
        *shape = p->val->shape;
    return fv_instance_map(exec->instance, p);
}

double net_exec_loss(const net_exec *exec)
{
    return fv_instance_scalar(exec->instance, port(exec, FV_PORT_OUTPUT, "loss", 0));
}

const float *net_exec_losses(const net_exec *exec)
{
    const fv_port *p = port(exec, FV_PORT_OUTPUT, "loss:1", 0);
    return p && p->val->dtype == FV_F32 ? fv_instance_map(exec->instance, p) : NULL;
}

void *net_exec_gradient(net_exec *exec, const char *param)
{
    return fv_instance_map(exec->instance, port(exec, FV_PORT_GRADIENT, param, 0));
}

const void *net_exec_value(const net_exec *exec, const char *name, fv_shape *shape)
{
    const fv_port *p = port(exec, FV_PORT_OUTPUT, name, 0);
    if (!p)
        p = port(exec, FV_PORT_INPUT, name, 0);
    if (p && shape)
        *shape = p->val->shape;
    return fv_instance_map(exec->instance, p);
}

const fv_graph *net_exec_graph(const net_exec *exec)
{
    return fv_program_graph(exec->program);
}

void net_fill(const net *t, net_exec *exec, int64_t batch, int64_t classes, uint64_t seed)
{
    int64_t count = 0;
    const fv_graph *g = t->g;
    for (int32_t i = 0; i < g->n_vals && count == 0; i++) {
        if (g->vals[i]->role == FV_ROLE_INPUT)
            count = fv_shape_count(&g->vals[i]->shape) * batch;
    }
    void *x = net_exec_input(exec, 0);
    int32_t *target = net_exec_target(exec);
    assert_non_null(x);
    for (int64_t i = 0; i < count; i++)
        fv_set(t->dtype, x, i, (double)(float)net_uniform(&seed));
    for (int64_t i = 0; target && i < batch; i++)
        target[i] = (int32_t)net_int(&seed, 0, classes - 1);
}
