/* SPDX-License-Identifier: Apache-2.0 */
/* Which layers make channels, and which of those share them: groups, in which channels are counted and rounded. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "compress/prune.h"

bool fv_prune_is_named(const char *patterns, const char *name)
{
    char one[256];
    for (const char *p = patterns; p && *p;) {
        const size_t length = strcspn(p, ",");
        snprintf(one, sizeof one, "%.*s", (int)length, p);
        if (fv_text_match(one, name))
            return true;
        p += length + (p[length] == ',');
    }
    return false;
}

/* The operand that holds a layer's weights, or -1. */
static int weight_of(const fv_node *node)
{
    for (int i = 0; node->op->kinds && i < node->n_in; i++)
        if (node->op->kinds[i] == FV_OPERAND_WEIGHT && node->in[i] && node->in[i]->role == FV_ROLE_PARAM)
            return i;
    return -1;
}

static bool is_known(const fv_pruner *p, const fv_val *val)
{
    for (int32_t i = 0; i < p->n_makers; i++)
        if (p->makers[i].val == val)
            return true;
    return false;
}

/* Patterns that no layer answers to are mistakes. */
static fv_status check_names(const fv_pruner *p)
{
    fv_ctx *ctx = p->model->ctx;
    char one[256];
    for (const char *s = p->o.skip; s && *s;) {
        const size_t length = strcspn(s, ",");
        bool any = false;
        snprintf(one, sizeof one, "%.*s", (int)length, s);
        for (int32_t i = 0; i < p->n_makers && !any; i++)
            any = fv_text_match(one, p->makers[i].node->name);
        if (!any)
            return fv_fail_hint(
                ctx, fv_fail(ctx, FV_ERR_VALUE, "no weighted layer of model '%s' is called '%s'", p->model->name, one),
                "`fovea info` lists them: the first is '%s'", p->n_makers ? p->makers[0].node->name : "none");
        s += length + (s[length] == ',');
    }
    return FV_OK;
}

static fv_status find_makers(fv_pruner *p)
{
    const fv_graph *g = p->model->graph;
    p->makers = fv_calloc(g->ctx, (size_t)g->n_nodes + 1, sizeof *p->makers);
    if (!p->makers)
        return FV_ERR_NO_MEMORY;
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        const int i = weight_of(node);
        if (i < 0 || is_known(p, node->in[i]))
            continue;
        const int dim = fv_node_weighted(node) ? 0 : node->in[i]->shape.rank - 1;
        p->makers[p->n_makers++] = (prune_maker){node, node->in[i], dim, -1};
    }
    return check_names(p);
}

static int64_t class_at(const fv_pruner *p, const prune_maker *m, int64_t i)
{
    return fv_channels_class(p->channels, m->val, m->dim, i);
}

static int64_t root_of(int64_t *parent, int64_t k)
{
    while (parent[k] != k) {
        parent[k] = parent[parent[k]];
        k = parent[k];
    }
    return k;
}

/* Classes of one maker are of one group; parent[k] -1: no maker has it, -2: one that is to be kept does. */
static void join_classes(const fv_pruner *p, int64_t *parent)
{
    for (int64_t k = 0; k < p->channels->classes; k++)
        parent[k] = -1;
    for (int pass = 0; pass < 2; pass++)
        for (int32_t i = 0; i < p->n_makers; i++) {
            const prune_maker *m = &p->makers[i];
            const bool kept = fv_prune_is_named(p->o.skip, m->node->name);
            int64_t first = -1;
            if (kept != (pass == 0))
                continue;
            for (int64_t c = 0; c < m->val->shape.dim[m->dim]; c++) {
                const int64_t k = class_at(p, m, c);
                if (k < 0 || parent[k] == -2)
                    continue;
                if (kept) {
                    parent[k] = -2;
                    continue;
                }
                parent[k] = parent[k] < 0 ? k : parent[k];
                const int64_t root = root_of(parent, k);
                if (first >= 0)
                    parent[root] = root_of(parent, first);
                first = root_of(parent, root);
            }
        }
}

/* Numbers groups in the order of their makers. */
static fv_status number_groups(fv_pruner *p, int64_t *parent)
{
    fv_ctx *ctx = p->model->ctx;
    const int64_t n = p->channels->classes;
    p->groups = fv_calloc(ctx, (size_t)p->n_makers + 1, sizeof *p->groups);
    p->classes = fv_calloc(ctx, (size_t)n + 1, sizeof *p->classes);
    int32_t *of = fv_malloc(ctx, ((size_t)n + 1) * sizeof *of);
    if (!p->groups || !p->classes || !of) {
        fv_free(ctx, of);
        return FV_ERR_NO_MEMORY;
    }
    for (int64_t k = 0; k < n; k++)
        of[k] = p->classes[k].group = -1;
    for (int32_t i = 0; i < p->n_makers; i++) {
        prune_maker *m = &p->makers[i];
        int64_t count = 0;
        for (int64_t c = 0; c < m->val->shape.dim[m->dim]; c++) {
            const int64_t k = class_at(p, m, c);
            if (k < 0 || parent[k] < 0)
                continue;
            const int64_t root = root_of(parent, k);
            of[root] = of[root] < 0 ? p->n_groups++ : of[root];
            m->group = p->classes[k].group = of[root];
            count++;
        }
        if (m->group < 0)
            continue;
        prune_group *g = &p->groups[m->group];
        g->layers++;
        if (count > g->channels) {
            g->channels = count;
            g->maker = m;
        }
    }
    fv_free(ctx, of);
    return FV_OK;
}

/* How many channels of its group's largest maker a class has, and where else it has elements. */
static fv_status find_spans(fv_pruner *p)
{
    const fv_channels *c = p->channels;
    int64_t n = 0, row = -1;
    p->spans = fv_malloc(p->model->ctx, ((size_t)c->begin[c->classes] + 1) * sizeof *p->spans);
    if (!p->spans)
        return FV_ERR_NO_MEMORY;
    for (int64_t k = 0; k < c->classes; k++) {
        p->classes[k].span = n;
        row = -1;
        for (int64_t i = c->begin[k]; i < c->begin[k + 1]; i++) {
            const int64_t e = c->list[i];
            if (row < 0 || e >= c->first[row + 1]) {
                row = fv_channels_row(c, e);
                p->spans[n++] = (prune_span){row, 0};
            }
            p->spans[n - 1].count++;
        }
        p->classes[k].end = n;
    }
    for (int32_t g = 0; g < p->n_groups; g++) {
        const prune_maker *m = p->groups[g].maker;
        for (int64_t i = 0; i < m->val->shape.dim[m->dim]; i++)
            if (class_at(p, m, i) >= 0 && p->classes[class_at(p, m, i)].group == g)
                p->classes[class_at(p, m, i)].channels++;
        p->groups[g].left = p->groups[g].channels;
        p->all += p->groups[g].channels;
    }
    return FV_OK;
}

fv_status fv_prune_find_groups(fv_pruner *p)
{
    fv_ctx *ctx = p->model->ctx;
    FV_TRY(find_makers(p));
    int64_t *parent = fv_malloc(ctx, ((size_t)p->channels->classes + 1) * sizeof *parent);
    if (!parent)
        return FV_ERR_NO_MEMORY;
    join_classes(p, parent);
    fv_status status = number_groups(p, parent);
    fv_free(ctx, parent);
    return status == FV_OK ? find_spans(p) : status;
}
