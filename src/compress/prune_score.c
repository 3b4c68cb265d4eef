/* SPDX-License-Identifier: Apache-2.0 */
/* What channels are worth: numbers of weights, normalizations or samples, divided by the mean of their layer. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/prune.h"

void fv_prune_note(fv_pruner *p, const fv_val *val, int dim, const double *numbers)
{
    const int64_t n = val->shape.dim[dim];
    double mean = 0;
    for (int64_t i = 0; i < n; i++)
        mean += numbers[i] / (double)n;
    for (int64_t i = 0; i < n; i++) {
        const int64_t k = fv_channels_class(p->channels, val, dim, i);
        if (k < 0)
            continue;
        p->classes[k].score += mean > 0 ? numbers[i] / mean : 0;
        p->classes[k].scored++;
    }
}

void fv_prune_note_filters(fv_pruner *p, const prune_maker *maker, const float *elements, bool squares, double *numbers)
{
    const fv_shape *s = &maker->val->shape;
    int64_t inner = 1;
    memset(numbers, 0, (size_t)s->dim[maker->dim] * sizeof *numbers);
    for (int d = maker->dim + 1; d < s->rank; d++)
        inner *= s->dim[d];
    for (int64_t i = 0; i < fv_shape_count(s); i++) {
        const double w = (double)elements[i];
        numbers[i / inner % s->dim[maker->dim]] += squares ? w * w : fabs(w);
    }
    for (int64_t k = 0; squares && k < s->dim[maker->dim]; k++)
        numbers[k] = sqrt(numbers[k]);
    fv_prune_note(p, maker->val, maker->dim, numbers);
}

/* Of all makers, or of those that have a class without a number yet. */
static fv_status score_weights(fv_pruner *p, bool squares)
{
    for (int32_t i = 0; i < p->n_makers; i++) {
        const prune_maker *m = &p->makers[i];
        double *numbers = fv_malloc(p->model->ctx, ((size_t)m->val->shape.dim[m->dim] + 1) * sizeof *numbers);
        if (!numbers)
            return FV_ERR_NO_MEMORY;
        fv_prune_note_filters(p, m, fv_slot_data(fv_model_slot_of(p->model, m->val->id)), squares, numbers);
        fv_free(p->model->ctx, numbers);
    }
    return FV_OK;
}

/* A normalization counts its updates, and its scale is the operand behind its data. */
static const fv_val *scale_of(const fv_node *node)
{
    for (int i = 0; node->op->kinds && i < node->n_in; i++)
        if (node->op->kinds[i] == FV_OPERAND_COUNTED && node->in[1] && node->in[1]->role == FV_ROLE_PARAM)
            return node->in[1];
    return NULL;
}

static fv_status score_norms(fv_pruner *p)
{
    const fv_graph *g = p->model->graph;
    bool any = false;
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_val *scale = scale_of(g->nodes[n]);
        if (!scale)
            continue;
        const float *gamma = fv_slot_data(fv_model_slot_of(p->model, scale->id));
        double *numbers = fv_malloc(g->ctx, ((size_t)scale->shape.dim[0] + 1) * sizeof *numbers);
        if (!numbers)
            return FV_ERR_NO_MEMORY;
        for (int64_t i = 0; i < scale->shape.dim[0]; i++)
            numbers[i] = fabs((double)gamma[i]);
        fv_prune_note(p, scale, 0, numbers);
        fv_free(g->ctx, numbers);
        any = true;
    }
    if (!any)
        return fv_fail_hint(g->ctx,
                            fv_fail(g->ctx, FV_ERR_MODEL,
                                    "model '%s' has no batch norm whose scales could tell what "
                                    "its channels are worth",
                                    p->model->name),
                            "use --method l1, or another that does not read them");
    return FV_OK;
}

static fv_status score_l1(fv_pruner *p)
{
    return score_weights(p, false);
}

static fv_status score_l2(fv_pruner *p)
{
    return score_weights(p, true);
}

typedef fv_status (*score_fn)(fv_pruner *p);
static const score_fn methods[FV_PRUNE_METHOD_COUNT] = {
    [FV_PRUNE_L1] = score_l1,
    [FV_PRUNE_L2] = score_l2,
    [FV_PRUNE_BN] = score_norms,
    [FV_PRUNE_TAYLOR] = fv_prune_score_taylor,
    [FV_PRUNE_ACTIVATION] = fv_prune_score_activation,
};

typedef struct ranked {
    double score;
    int64_t number;
} ranked;

static int compare(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* What the method has no number for is worth what its filters say, beside those of its layer. */
static fv_status fill_up(fv_pruner *p)
{
    const int64_t n = p->channels->classes;
    bool *had = fv_calloc(p->model->ctx, (size_t)n + 1, sizeof *had), all = true;
    double *kept = fv_calloc(p->model->ctx, (size_t)n + 1, sizeof *kept);
    fv_status status = had && kept ? FV_OK : FV_ERR_NO_MEMORY;
    for (int64_t k = 0; status == FV_OK && k < n; k++) {
        prune_class *c = &p->classes[k];
        had[k] = c->scored > 0;
        all = all && (had[k] || c->group < 0);
        kept[k] = had[k] ? c->score / (double)c->scored : 0;
        c->score = 0;
        c->scored = 0;
    }
    if (status == FV_OK && !all)
        status = score_weights(p, false);
    for (int64_t k = 0; status == FV_OK && k < n; k++) {
        prune_class *c = &p->classes[k];
        c->score = had[k] ? kept[k] : c->scored > 0 ? c->score / (double)c->scored : 0;
    }
    fv_free(p->model->ctx, had);
    fv_free(p->model->ctx, kept);
    return status;
}

fv_status fv_prune_score(fv_pruner *p)
{
    fv_ctx *ctx = p->model->ctx;
    FV_TRY(methods[p->o.method](p));
    FV_TRY(fill_up(p));
    ranked *list = fv_malloc(ctx, ((size_t)p->channels->classes + 1) * sizeof *list);
    p->order = fv_malloc(ctx, ((size_t)p->channels->classes + 1) * sizeof *p->order);
    if (!list || !p->order) {
        fv_free(ctx, list);
        return FV_ERR_NO_MEMORY;
    }
    for (int64_t k = 0; k < p->channels->classes; k++)
        if (p->classes[k].group >= 0)
            list[p->n_order++] = (ranked){p->classes[k].score, k};
    qsort(list, (size_t)p->n_order, sizeof *list, compare);
    for (int64_t i = 0; i < p->n_order; i++)
        p->order[i] = list[i].number;
    fv_free(ctx, list);
    return FV_OK;
}
