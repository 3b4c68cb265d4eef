/* SPDX-License-Identifier: Apache-2.0 */
/* Reverse-mode differentiation: walks the nodes backwards and lets every operator append its own gradient. */
#include <string.h>

#include "graph/internal.h"

/* One use's share of a value's gradient. Nodes are visited last first, so putting each in front of the list leaves
 * it in order of use. */
typedef struct share_link {
    fv_val *d;
    struct share_link *next;
} share_link;

typedef struct gradient_pass {
    fv_rewrite rw;
    fv_arena *arena;
    bool *needs;        /* by id: a wanted value is among what it is computed from */
    share_link **share; /* by id */
    int32_t n_vals;     /* of the forward part */
} gradient_pass;

static bool is_differentiable(const fv_val *v)
{
    return v->dtype == FV_F32 || v->dtype == FV_F64;
}

static fv_status share_add(gradient_pass *p, const fv_val *val, fv_val *d)
{
    share_link *s = fv_arena_alloc(p->arena, sizeof *s);
    if (!s)
        return FV_ERR_NO_MEMORY;
    *s = (share_link){.d = d, .next = p->share[val->id]};
    p->share[val->id] = s;
    return FV_OK;
}

/* The whole gradient of a value: its shares added in order of use; NULL when there are none. */
static fv_val *share_sum(gradient_pass *p, const fv_val *val)
{
    share_link *s = p->share[val->id];
    if (!s)
        return NULL;
    fv_val *sum = s->d;
    p->rw.b.base = val->name;
    for (s = s->next; s; s = s->next) {
        fv_val *in[] = {sum, s->d};
        sum = fv_emit(&p->rw.b, "add", NULL, in, 2);
    }
    /* Once summed it is one share, however often it is asked for. */
    p->share[val->id]->d = sum;
    p->share[val->id]->next = NULL;
    return sum;
}

static fv_status gradient_begin(gradient_pass *p, const fv_graph *g)
{
    fv_ctx *ctx = g->ctx;
    FV_TRY(fv_rewrite_begin(&p->rw, g, true));
    for (int32_t i = 0; i < g->n_nodes; i++)
        FV_TRY(fv_rewrite_copy(&p->rw, g->nodes[i], NULL, NULL));
    p->n_vals = p->rw.out->n_vals;
    FV_TRY(fv_arena_create(ctx, &p->arena));
    p->needs = fv_calloc(ctx, (size_t)p->n_vals + 1, sizeof *p->needs);
    p->share = fv_calloc(ctx, (size_t)p->n_vals + 1, sizeof *p->share);
    return p->needs && p->share ? FV_OK : FV_ERR_NO_MEMORY;
}

static void gradient_mark(gradient_pass *p, fv_val *const *wanted, int n_wanted)
{
    const fv_graph *out = p->rw.out;
    for (int i = 0; i < n_wanted; i++)
        p->needs[p->rw.map[wanted[i]->id]->id] = is_differentiable(wanted[i]);
    for (int32_t n = 0; n < out->n_nodes; n++) {
        const fv_node *node = out->nodes[n];
        bool any = false;
        for (int32_t i = 0; i < node->n_in; i++)
            any = any || (node->in[i] && p->needs[node->in[i]->id]);
        for (int32_t i = 0; i < node->n_out; i++)
            p->needs[node->out[i]->id] = p->needs[node->out[i]->id] || (any && is_differentiable(node->out[i]));
    }
    p->rw.b.wanted = p->needs;
    p->rw.b.n_wanted = p->n_vals;
}

/* Appends the gradient of one node, if anything depends on it and it depends on anything wanted. */
static fv_status gradient_node(gradient_pass *p, const fv_node *node)
{
    fv_val *d_out[FV_MAX_RESULTS] = {NULL}, *d_in[FV_MAX_OPERANDS] = {NULL};
    fv_ctx *ctx = p->rw.out->ctx;
    bool any_out = false, any_in = false;
    for (int32_t i = 0; i < node->n_in; i++)
        any_in = any_in || fv_emit_wanted(&p->rw.b, node->in[i]);
    for (int32_t i = 0; i < node->n_out; i++)
        any_out = any_out || p->share[node->out[i]->id];
    if (!any_in || !any_out)
        return FV_OK;
    for (int32_t i = 0; i < node->n_out; i++)
        d_out[i] = share_sum(p, node->out[i]);
    FV_TRY(p->rw.b.status);
    if (!node->op->grad)
        return fv_node_error(ctx, FV_ERR_UNSUPPORTED, node,
                             "this operator has no gradient, and the loss depends on it");
    p->rw.b.base = node->name;
    FV_TRY(node->op->grad(&p->rw.b, node, d_out, d_in));
    FV_TRY(p->rw.b.status);
    for (int32_t i = node->n_in - 1; i >= 0; i--) {
        if (!fv_emit_wanted(&p->rw.b, node->in[i]) || !d_in[i])
            continue;
        char a[96], b[96];
        if (!fv_shape_equal(&d_in[i]->shape, &node->in[i]->shape) || d_in[i]->dtype != node->in[i]->dtype)
            return fv_node_error(ctx, FV_ERR_INTERNAL, node, "the gradient of '%s' is %s %s: expected %s %s",
                                 node->in[i]->name, fv_dtype_name(d_in[i]->dtype), fv_shape_text(&d_in[i]->shape, a),
                                 fv_dtype_name(node->in[i]->dtype), fv_shape_text(&node->in[i]->shape, b));
        FV_TRY(share_add(p, node->in[i], d_in[i]));
    }
    return FV_OK;
}

static fv_status gradient_run(gradient_pass *p, const fv_gradient_loss *losses, int n_losses, fv_val *const *wanted,
                              int n_wanted, fv_val **d_wanted)
{
    int32_t n_nodes = p->rw.out->n_nodes;
    gradient_mark(p, wanted, n_wanted);
    for (int i = 0; i < n_losses; i++) {
        const fv_val *loss = losses[i].val;
        p->rw.b.dtype = loss->dtype;
        p->rw.b.base = loss->name;
        fv_val *weight = fv_emit_const(&p->rw.b, losses[i].weight, &loss->shape);
        FV_TRY(p->rw.b.status);
        FV_TRY(share_add(p, p->rw.map[loss->id], weight));
    }
    for (int32_t i = n_nodes - 1; i >= 0; i--)
        FV_TRY(gradient_node(p, p->rw.out->nodes[i]));
    for (int i = 0; i < n_wanted; i++) {
        d_wanted[i] = p->needs[p->rw.map[wanted[i]->id]->id] ? share_sum(p, p->rw.map[wanted[i]->id]) : NULL;
        FV_TRY(p->rw.b.status);
    }
    return FV_OK;
}

fv_status fv_pass_gradient(const fv_graph *g, const fv_gradient_loss *losses, int n_losses, fv_val *const *wanted,
                           int n_wanted, fv_val **d_wanted, fv_graph **out, fv_val **map)
{
    fv_ctx *ctx = g->ctx;
    char text[96];
    *out = NULL;
    for (int i = 0; i < n_losses; i++) {
        const fv_val *loss = losses[i].val;
        if (!is_differentiable(loss) || fv_shape_count(&loss->shape) != 1)
            return fv_fail(ctx, FV_ERR_ARGUMENT, "gradient: '%s' is %s %s: expected a loss of one float", loss->name,
                           fv_dtype_name(loss->dtype), fv_shape_text(&loss->shape, text));
    }
    gradient_pass p = {.arena = NULL};
    fv_status status = gradient_begin(&p, g);
    if (status == FV_OK)
        status = gradient_run(&p, losses, n_losses, wanted, n_wanted, d_wanted);
    fv_free(ctx, p.needs);
    fv_free(ctx, p.share);
    fv_arena_destroy(&p.arena);
    return fv_rewrite_end(&p.rw, status, out, map);
}
