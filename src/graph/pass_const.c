/* SPDX-License-Identifier: Apache-2.0 */
/* Computes at once what depends on constants alone, by the operators' reference loops. */
#include <string.h>

#include "graph/internal.h"

/* Nodes with more operands and results, or more work, stay: a graph, which may come from a file, must not make
 * compiling slow or large. All nodes together: */
#define FOLD_BYTES_MAX (INT64_C(64) << 20)
#define FOLD_FLOPS_MAX 1e9

typedef struct fold_budget {
    int64_t bytes;
    double flops;
} fold_budget;

static int64_t bytes_of(const fv_val *val)
{
    return fv_shape_count(&val->shape) * (int64_t)fv_dtype_size(val->dtype);
}

/* Takes the bytes of a value from the budget. */
static bool takes(fold_budget *left, const fv_val *val)
{
    left->bytes -= bytes_of(val) <= left->bytes ? bytes_of(val) : left->bytes + 1;
    return left->bytes >= 0;
}

/* Whether the node of g, whose operands have counterparts in rw->out, can be computed now within the budget, which it
 * then uses. */
static bool is_foldable(const fv_rewrite *rw, const fv_node *node, fold_budget *budget)
{
    fold_budget left = *budget;
    const uint32_t no = FV_T_STOCHASTIC | FV_T_BACKWARD | FV_T_SHARDED | FV_T_MEETS | FV_T_LOSS;
    bool any = false;
    if (node->op->updates || (node->op->traits & no) || node->n_out < 1 ||
        (!node->op->ref && !(node->op->traits & FV_T_VIEW)))
        return false;
    for (int32_t i = 0; i < node->n_in; i++) {
        const fv_val *in = node->in[i] ? rw->map[node->in[i]->id] : NULL;
        if (node->in[i] && (!in || in->role != FV_ROLE_CONST))
            return false;
        if (in && !takes(&left, in))
            return false;
        any = any || in;
    }
    for (int32_t i = 0; i < node->n_out; i++) {
        if (!takes(&left, node->out[i]))
            return false;
        left.flops -= node->op->cost ? 0.0 : (double)fv_shape_count(&node->out[i]->shape);
    }
    left.flops -= node->op->cost ? node->op->cost(node).flops : 0.0;
    if (!any || left.flops < 0.0)
        return false;
    *budget = left;
    return true;
}

/* What one node is computed from and to. */
typedef struct folding {
    void *in[FV_MAX_OPERANDS];
    fv_tensor *out[FV_MAX_RESULTS];
    void *data[FV_MAX_RESULTS];
} folding;

static fv_status fold_prepare(const fv_rewrite *rw, const fv_node *node, folding *f)
{
    fv_ctx *ctx = rw->out->ctx;
    for (int32_t i = 0; i < node->n_in; i++) {
        const fv_val *in = node->in[i] ? rw->map[node->in[i]->id] : NULL;
        if (!in)
            continue;
        f->in[i] = fv_malloc(ctx, (size_t)bytes_of(in) + 1);
        if (!f->in[i])
            return FV_ERR_NO_MEMORY;
        fv_const_fill(in, f->in[i]);
    }
    for (int32_t i = 0; i < node->n_out; i++) {
        FV_TRY(fv_tensor_create(ctx, node->out[i]->dtype, &node->out[i]->shape, &f->out[i]));
        f->data[i] = fv_tensor_data(f->out[i]);
    }
    return FV_OK;
}

static void fold_compute(const fv_node *node, const folding *f)
{
    const fv_call call = {.node = node, .in = f->in, .out = f->data, .shards = 1};
    if (node->op->traits & FV_T_VIEW)
        memcpy(f->data[0], f->in[0], (size_t)bytes_of(node->out[0]));
    else
        node->op->ref(&call);
}

static fv_status fold(fv_rewrite *rw, const fv_node *node)
{
    folding f = {{NULL}, {NULL}, {NULL}};
    fv_status status = fold_prepare(rw, node, &f);
    if (status == FV_OK)
        fold_compute(node, &f);
    for (int32_t i = 0; i < node->n_out; i++) {
        if (status == FV_OK)
            status = fv_graph_tensor(rw->out, node->out[i]->name, f.out[i], &rw->map[node->out[i]->id]);
        fv_tensor_destroy(&f.out[i]);
    }
    for (int32_t i = 0; i < node->n_in; i++)
        fv_free(rw->out->ctx, f.in[i]);
    return status;
}

fv_status fv_pass_const(const fv_graph *g, fv_graph **out, fv_val **map)
{
    fv_rewrite rw;
    fold_budget budget = {.bytes = FOLD_BYTES_MAX, .flops = FOLD_FLOPS_MAX};
    fv_status status = fv_rewrite_begin(&rw, g, true);
    for (int32_t n = 0; status == FV_OK && n < g->n_nodes; n++)
        status = is_foldable(&rw, g->nodes[n], &budget) ? fold(&rw, g->nodes[n])
                                                        : fv_rewrite_copy(&rw, g->nodes[n], NULL, NULL);
    return fv_rewrite_end(&rw, status, out, map);
}
