/* SPDX-License-Identifier: Apache-2.0 */
/* Small networks for the tests of the exec floor: a graph, its tensors, and an executable made from them. */
#ifndef FV_TESTS_EXEC_NET_H
#define FV_TESTS_EXEC_NET_H

#include "support/support.h"

#include "exec/exec.h"
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

/* Options with the network's tensors bound, softmax cross-entropy and labels. */
fv_exec_options net_options(net *t, int64_t batch, bool training);
fv_exec *net_exec(net *t, const fv_exec_options *options);
/* Fills the first input and the labels with a batch that depends on `seed` alone. */
void net_fill(const net *t, fv_exec *exec, int64_t batch, int64_t classes, uint64_t seed);

#endif
