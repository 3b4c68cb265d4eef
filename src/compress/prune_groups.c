/* SPDX-License-Identifier: Apache-2.0 */
/* Which layers make channels, and which of those share them: groups, in which channels are counted and rounded. */
#include "compress/prune.h"

static int64_t class_at(const fv_pruner *p, const prune_maker *m, int64_t i)
{
    return fv_channels_class(p->channels, m->val, m->dim, i);
}

/* What a class's layers are, as one number: 0 where none makes it, or one does that is to be kept. */
static void sign_classes(const fv_pruner *p, uint64_t *sign, int32_t *last)
{
    const int64_t n = p->channels->classes;
    for (int64_t k = 0; k < n; k++)
        last[k] = -1;
    for (int32_t i = 0; i < p->n_makers; i++)
        for (int64_t c = 0; c < p->makers[i].val->shape.dim[p->makers[i].dim]; c++) {
            const int64_t k = class_at(p, &p->makers[i], c);
            if (k < 0 || last[k] == i)
                continue;
            last[k] = i;
            sign[k] = (sign[k] ^ (uint64_t)(i + 1)) * UINT64_C(0x9E3779B97F4A7C15);
            sign[k] ^= sign[k] >> 29;
        }
    for (int32_t i = 0; i < p->n_makers; i++)
        for (int64_t c = 0; c < p->makers[i].val->shape.dim[p->makers[i].dim]; c++) {
            const int64_t k = class_at(p, &p->makers[i], c);
            if (k >= 0 && fv_text_match_any(p->o.skip, p->makers[i].node->name))
                sign[k] = 0;
        }
}

static int32_t group_of(const fv_pruner *p, const uint64_t *signs, uint64_t sign)
{
    int32_t g = p->n_groups;
    while (g > 0 && signs[g - 1] != sign)
        g--;
    return g - 1;
}

/* Classes of the same layers are a group, so that each is rounded by itself and with them the layers; in the order of
 * their first layers. */
static void number_groups(fv_pruner *p, const uint64_t *sign, uint64_t *signs)
{
    for (int64_t k = 0; k < p->channels->classes; k++)
        p->classes[k].group = -1;
    for (int32_t i = 0; i < p->n_makers; i++) {
        prune_maker *m = &p->makers[i];
        for (int64_t c = 0; c < m->val->shape.dim[m->dim]; c++) {
            const int64_t k = class_at(p, m, c);
            if (k < 0 || !sign[k])
                continue;
            int32_t g = p->classes[k].group;
            if (g < 0) {
                g = group_of(p, signs, sign[k]);
                if (g < 0) {
                    g = p->n_groups++;
                    signs[g] = sign[k];
                    p->groups[g].maker = m;
                }
                p->classes[k].group = g;
            }
            if (p->groups[g].seen != i + 1) {
                p->groups[g].seen = i + 1;
                p->groups[g].layers++;
            }
            m->can_shrink = true;
            if (p->groups[g].maker == m) {
                p->groups[g].channels++;
                p->classes[k].channels++;
            }
        }
    }
}

static fv_status make_groups(fv_pruner *p)
{
    fv_ctx *ctx = p->model->ctx;
    const size_t n = (size_t)p->channels->classes + 1;
    p->groups = fv_calloc(ctx, n, sizeof *p->groups);
    p->classes = fv_calloc(ctx, n, sizeof *p->classes);
    uint64_t *sign = fv_calloc(ctx, n, sizeof *sign), *signs = fv_calloc(ctx, n, sizeof *signs);
    int32_t *last = fv_calloc(ctx, n, sizeof *last);
    fv_status status = p->groups && p->classes && sign && signs && last ? FV_OK : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        sign_classes(p, sign, last);
        number_groups(p, sign, signs);
    }
    fv_free(ctx, sign);
    fv_free(ctx, signs);
    fv_free(ctx, last);
    return status;
}

/* Where a class has elements. */
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
        p->groups[g].left = p->groups[g].channels;
        p->all += p->groups[g].channels;
    }
    return FV_OK;
}

fv_status fv_prune_find_groups(fv_pruner *p)
{
    FV_TRY(fv_prune_find_makers(p->model, p->o.skip, &p->makers, &p->n_makers));
    FV_TRY(make_groups(p));
    return find_spans(p);
}
