/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with weights, and those that are named. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "compress/prune.h"

/* The operand that holds a layer's weights, or -1. */
static int weight_of(const fv_node *node)
{
    for (int i = 0; node->op->kinds && i < node->n_in; i++)
        if (node->op->kinds[i] == FV_OPERAND_WEIGHT && node->in[i] && node->in[i]->role == FV_ROLE_PARAM)
            return i;
    return -1;
}

static bool is_known(const prune_maker *makers, int32_t n, const fv_val *val)
{
    for (int32_t i = 0; i < n; i++)
        if (makers[i].val == val)
            return true;
    return false;
}

/* Patterns that no layer answers to are mistakes. */
static fv_status check_names(const fv_model *model, const char *skip, const prune_maker *makers, int32_t n)
{
    char one[256];
    for (const char *s = skip; s && *s;) {
        const size_t length = strcspn(s, ",");
        bool any = false;
        snprintf(one, sizeof one, "%.*s", (int)length, s);
        for (int32_t i = 0; i < n && !any; i++)
            any = fv_text_match(one, makers[i].node->name);
        if (!any)
            return fv_fail_hint(
                model->ctx,
                fv_fail(model->ctx, FV_ERR_VALUE, "no weighted layer of model '%s' is called '%s'", model->name, one),
                "`fovea info` lists them: the first is '%s'", n ? makers[0].node->name : "none");
        s += length + (s[length] == ',');
    }
    return FV_OK;
}

fv_status fv_prune_find_makers(const fv_model *model, const char *skip, prune_maker **makers, int32_t *n)
{
    const fv_graph *g = model->graph;
    *n = 0;
    *makers = fv_calloc(g->ctx, (size_t)g->n_nodes + 1, sizeof **makers);
    if (!*makers)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        const fv_node *node = g->nodes[i];
        const int k = weight_of(node);
        if (k < 0 || is_known(*makers, *n, node->in[k]))
            continue;
        const int dim = fv_node_weighted(node) ? 0 : node->in[k]->shape.rank - 1;
        (*makers)[(*n)++] = (prune_maker){node, node->in[k], dim, false};
    }
    return check_names(model, skip, *makers, *n);
}

fv_status fv_prune_fail_weightless(const fv_model *model)
{
    return fv_fail_hint(model->ctx,
                        fv_fail(model->ctx, FV_ERR_MODEL,
                                "model '%s' has no layer with float weights: nothing of it can be pruned", model->name),
                        "prune a network before it is quantized");
}
