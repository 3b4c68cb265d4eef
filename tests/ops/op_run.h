/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a graph by the operators' own reference loops. Header only; used by the tests of this folder. */
#ifndef FV_TESTS_OPS_OP_RUN_H
#define FV_TESTS_OPS_OP_RUN_H

#include "support/support.h"

#include <math.h>

#include "ops/attr.h"
#include "ops/ops.h"

/* A value to feed: elements as doubles. rank 0: an absent operand. */
typedef struct op_array {
    fv_dtype dtype; /* F64 stands for the float type of the run */
    fv_role role;   /* PARAM or STATE */
    fv_shape shape;
    double *data;
} op_array;

#define OP_OK(ctx, call)                                                                                               \
    do {                                                                                                               \
        if ((call) != FV_OK)                                                                                           \
            fail_msg("%s: %s", #call, fv_ctx_error(ctx));                                                              \
    } while (0)

static inline int64_t op_count(const fv_shape *shape)
{
    return fv_shape_count(shape);
}

/* One operator followed by a mean squared error against a target of our choice, with its gradient. */
typedef struct op_run {
    fv_ctx *ctx;
    fv_graph *graph;           /* lowered, with gradient */
    void **data;               /* by value id */
    fv_val *in[16], *d_in[16]; /* in the graph; d_in NULL where there is no gradient */
    fv_val *out[8], *target;   /* results of the operator */
    fv_val *loss;
    int n_in;
    uint64_t seed, step;
    int shards;
} op_run;

static inline void op_set(const fv_val *val, void *data, const double *from)
{
    for (int64_t i = 0; i < op_count(&val->shape); i++)
        fv_set(val->dtype, data, i, from[i]);
}

static inline void op_run_nodes(op_run *run)
{
    const fv_graph *g = run->graph;
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        void *in[FV_MAX_OPERANDS] = {NULL}, *out[FV_MAX_RESULTS] = {NULL};
        for (int32_t i = 0; i < node->n_in; i++)
            in[i] = node->in[i] ? run->data[node->in[i]->id] : NULL;
        for (int32_t i = 0; i < node->n_out; i++)
            out[i] = run->data[node->out[i]->id];
        node->op->ref(&(fv_call){
            .node = node, .in = in, .out = out, .seed = run->seed, .step = run->step, .shards = run->shards});
    }
}

static inline void op_run_alloc(op_run *run)
{
    const fv_graph *g = run->graph;
    run->data = calloc((size_t)g->n_vals, sizeof *run->data);
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_val *val = g->vals[i];
        run->data[i] = calloc((size_t)op_count(&val->shape), sizeof(double));
        if (val->role == FV_ROLE_CONST)
            fv_const_fill(val, run->data[i]);
    }
}

/* The forward graph of one node on the operands; NULL when the operator refuses them (its message is in ctx). */
static inline fv_graph *op_graph(fv_ctx *ctx, const char *op, const void *attr, const op_array *in, int n_in,
                                 fv_val **vals, fv_node **node)
{
    fv_graph *g = NULL;
    OP_OK(ctx, fv_graph_create(ctx, fv_op_find, &g));
    for (int i = 0; i < n_in; i++) {
        char name[16];
        snprintf(name, sizeof name, "in%d", i);
        vals[i] = NULL;
        fv_dtype dtype = in[i].dtype == FV_F64 ? FV_F32 : in[i].dtype;
        if (in[i].shape.rank > 0)
            OP_OK(ctx, fv_graph_param(g, name, in[i].role ? in[i].role : FV_ROLE_PARAM, dtype, &in[i].shape, &vals[i]));
    }
    if (fv_graph_add(g, fv_op_find(ctx, op), "it", attr, vals, n_in, node) != FV_OK)
        fv_graph_destroy(&g);
    return g;
}

/* Builds everything. Gradients are those of the mean squared error between the first result and the target, or of the
   first result itself when the operator is a loss. */
static inline op_run op_run_create(fv_ctx *ctx, const char *op, const void *attr, const op_array *in, int n_in,
                                   fv_dtype dtype, bool training)
{
    op_run run = {.ctx = ctx, .n_in = n_in, .seed = 7, .step = 3};
    fv_val *vals[16], *wanted[16], *d_wanted[16];
    fv_node *node = NULL, *mse = NULL;
    fv_graph *g = op_graph(ctx, op, attr, in, n_in, vals, &node), *lowered = NULL;
    if (!g)
        fail_msg("%s", fv_ctx_error(ctx));
    fv_val *out = node->out[0], *loss = out;
    if (!(node->op->traits & FV_T_LOSS)) {
        fv_val *target;
        OP_OK(ctx, fv_graph_param(g, "target", FV_ROLE_PARAM, FV_F32, &out->shape, &target));
        OP_OK(ctx, fv_graph_add(g, fv_op_find(ctx, "mse"), "loss", NULL, (fv_val *[]){out, target}, 2, &mse));
        loss = mse->out[0];
    }
    OP_OK(ctx, fv_graph_output(g, loss));
    for (int i = 0; i < node->n_out; i++)
        OP_OK(ctx, fv_graph_output(g, node->out[i]));
    fv_val **map = calloc((size_t)g->n_vals, sizeof(fv_val *));
    OP_OK(ctx, fv_pass_lower(g, 1, dtype, training, &lowered, map));
    int n_wanted = 0, place[16];
    for (int i = 0; i < n_in; i++)
        if (vals[i] && vals[i]->role == FV_ROLE_PARAM && vals[i]->dtype == FV_F32 &&
            !((node->op->traits & FV_T_LOSS) && i == 1)) {
            place[n_wanted] = i;
            wanted[n_wanted++] = map[vals[i]->id];
        }
    fv_val **second = calloc((size_t)lowered->n_vals, sizeof(fv_val *));
    if (training) {
        OP_OK(ctx, fv_pass_gradient(lowered, &(fv_gradient_loss){map[loss->id], 1.0}, 1, wanted, n_wanted, d_wanted,
                                    &run.graph, second));
    } else {
        run.graph = lowered;
        for (int i = 0; i < lowered->n_vals; i++)
            second[i] = lowered->vals[i];
    }
    for (int i = 0; i < n_in; i++)
        run.in[i] = vals[i] ? second[map[vals[i]->id]->id] : NULL;
    for (int i = 0; training && i < n_wanted; i++)
        run.d_in[place[i]] = d_wanted[i];
    for (int i = 0; i < node->n_out; i++)
        run.out[i] = second[map[node->out[i]->id]->id];
    run.loss = second[map[loss->id]->id];
    run.target = mse ? second[map[mse->in[1]->id]->id] : NULL;
    free(map);
    free(second);
    fv_graph_destroy(&g);
    if (training)
        fv_graph_destroy(&lowered);
    op_run_alloc(&run);
    for (int i = 0; i < n_in; i++)
        if (run.in[i])
            op_set(run.in[i], run.data[run.in[i]->id], in[i].data);
    return run;
}

static inline void op_run_destroy(op_run *run)
{
    for (int32_t i = 0; i < run->graph->n_vals; i++)
        free(run->data[i]);
    free(run->data);
    fv_graph_destroy(&run->graph);
}

/* Element i of a value. */
static inline double op_at(const op_run *run, const fv_val *val, int64_t i)
{
    return fv_get(val->dtype, run->data[val->id], i);
}

/* SplitMix64 to [-1, 1). */
static inline double op_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return (double)((z ^ (z >> 31)) >> 11) / 4503599627370496.0 - 1.0;
}

#endif
