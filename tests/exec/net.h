/* SPDX-License-Identifier: Apache-2.0 */
/* Small networks for the tests of the exec floor: a graph, its tensors, and an executable made from them. */
#ifndef FV_TESTS_EXEC_NET_H
#define FV_TESTS_EXEC_NET_H

#include "support/support.h"

#include "exec/program.h"
#include "ops/attr.h"
#include "ops/ops.h"

#define NET_MAX_TENSORS 256

typedef struct net_tensor {
    char name[64];
    int64_t count;
    fv_role role;
    double *data; /* the truth; what an executable sees is converted to its dtype */
    void *bound;
} net_tensor;

typedef struct net {
    fv_ctx *ctx;
    fv_graph *g;
    fv_dtype dtype; /* of bound tensors */
    net_tensor tensor[NET_MAX_TENSORS];
    int n_tensors;
    int n_nodes;
    uint64_t rng;
} net;

/* A pseudo-random sequence; uniform in [-1, 1); integer in [lo, hi]. */
uint64_t net_random(uint64_t *state);
double net_uniform(uint64_t *state);
int64_t net_int(uint64_t *state, int64_t lo, int64_t hi);

void net_init(net *t, fv_ctx *ctx, fv_dtype dtype, uint64_t seed);
void net_free(net *t);
/* Frees and converts again: all tensors as they were at the beginning. */
void net_bind(net *t, fv_dtype dtype);
net_tensor *net_find(net *t, const char *name);
/* The bound data, as double. */
double net_get(const net *t, const net_tensor *tensor, int64_t i);
void net_set(const net *t, const net_tensor *tensor, int64_t i, double value);

/* Layers: they fail the test when the graph refuses. `attr` NULL: defaults. */
fv_val *net_input(net *t, const char *name, int rank, const int64_t *dim);
fv_val *net_param(net *t, const char *name, fv_role role, int rank, const int64_t *dim);
fv_val *net_op(net *t, const char *op, const void *attr, int n_in, fv_val *const *in);
fv_val *net_unary(net *t, const char *op, fv_val *x);
fv_val *net_conv(net *t, fv_val *x, int64_t k, int64_t size, int64_t stride, int64_t pad, bool bias);
fv_val *net_norm(net *t, fv_val *x);
fv_val *net_pool(net *t, fv_val *x, int64_t size, int64_t stride);
fv_val *net_dense(net *t, fv_val *x, int64_t units);
fv_val *net_add(net *t, fv_val *a, fv_val *b);
void net_output(net *t, fv_val *x);

/* conv-norm-relu-pool, a residual block, pool, dense: `classes` logits of 8x8x3 images. */
void net_small(net *t, int64_t classes);
/* A network of random layers and branches on 8x8 images ending in `classes` logits. `exact`: only operators whose
 * fusion promises the same bits. */
void net_random_graph(net *t, int layers, int64_t classes, bool exact);

/* How a network is compiled for a test: with softmax cross-entropy on labels unless told otherwise. */
typedef struct net_exec_options {
    int64_t batch;
    fv_dtype dtype;
    bool training, with_loss, optimize, keep_all, profile;
    const fv_op *loss;
    const void *loss_attr;
    fv_dtype target_dtype;
    fv_plan_mode policy;
    fv_wisdom *wisdom;
    fv_binding binding;
    fv_scratch *scratch;
    const char *const *values;
    int32_t n_values;
} net_exec_options;

/* A program and one instance of it. */
typedef struct net_exec {
    fv_ctx *ctx;
    fv_store *store;
    fv_graph *with_loss;
    fv_program *program;
    fv_instance *instance;
} net_exec;

net_exec_options net_options(net *t, int64_t batch, bool training);
fv_status net_exec_create(fv_ctx *ctx, const fv_graph *g, const net_exec_options *options, net_exec **exec);
void net_exec_destroy(net_exec **exec);
net_exec *net_compile(net *t, const net_exec_options *options);
fv_status net_exec_run(net_exec *exec, uint64_t seed, uint64_t step);
/* Addresses and numbers as tests want them; NULL and 0 for what there is not. */
void *net_exec_input(net_exec *exec, int i);
void *net_exec_target(net_exec *exec);
const void *net_exec_output(const net_exec *exec, int i, fv_shape *shape);
double net_exec_loss(const net_exec *exec);
const float *net_exec_losses(const net_exec *exec);
void *net_exec_gradient(net_exec *exec, const char *param);
const void *net_exec_value(const net_exec *exec, const char *name, fv_shape *shape);
const fv_graph *net_exec_graph(const net_exec *exec);
/* Fills the first input and the labels with a batch that depends on `seed` alone. */
void net_fill(const net *t, net_exec *exec, int64_t batch, int64_t classes, uint64_t seed);

#endif
