/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of which the smallest are zero. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/prune.h"

/* One weight that may become zero. */
typedef struct candidate {
    float size;
    int32_t maker;
    int64_t at;
} candidate;

typedef struct work {
    fv_model *model, *copy;
    const fv_sparsify_options *o;
    prune_maker *makers;
    int32_t n;
    fv_sparse_row *rows;
    candidate *list;
} work;

static float *weights_of(fv_model *model, const prune_maker *m)
{
    return fv_slot_data(fv_model_slot(model, m->val->name));
}

static int64_t count_zeros(const float *w, int64_t n)
{
    int64_t zeros = 0;
    for (int64_t i = 0; i < n; i++)
        zeros += w[i] == 0;
    return zeros;
}

static int compare(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    if (x->maker != y->maker)
        return x->maker < y->maker ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Inputs of a filter that lie beside each other. */
static int64_t run_of(const prune_maker *m)
{
    return m->val->shape.dim[m->val->shape.rank - 1];
}

static const char *reason_to_stay(const work *w, const prune_maker *m)
{
    if (fv_text_match_any(w->o->skip, m->node->name))
        return "named by --skip";
    if (w->o->of > 0 && !fv_node_weighted(m->node))
        return "its filters do not lie by inputs";
    if (w->o->of > 0 && run_of(m) % w->o->of != 0)
        return "the inputs of a filter are no multiple of M";
    return NULL;
}

static fv_status check_options(fv_ctx *ctx, const fv_sparsify_options *o)
{
    const bool pattern = o->of != 0 || o->keep != 0;
    if (pattern && (o->keep < 1 || o->of <= o->keep || o->of > 64))
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_VALUE, "a pattern of %lld:%lld: expected N:M with 1 <= N < M <= 64",
                                    (long long)o->keep, (long long)o->of),
                            "2:4 is what sparse tensor cores take");
    if (pattern && o->amount > 0)
        return fv_fail(ctx, FV_ERR_CONFLICT, "a pattern says how many weights are left: give it or an amount");
    if (!pattern && !(o->amount >= 0 && o->amount < 1))
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_VALUE,
                                    "amount %g: expected a share of the weights that become zero, from 0 to below 1",
                                    o->amount),
                            "1 would leave layers without a weight");
    return FV_OK;
}

/* Of every M neighbors the smallest, of equal ones the first. */
static void apply_pattern(const work *w, const prune_maker *m)
{
    float *x = weights_of(w->copy, m);
    candidate run[64];
    for (int64_t i = 0; i < fv_shape_count(&m->val->shape); i += w->o->of) {
        for (int64_t k = 0; k < w->o->of; k++)
            run[k] = (candidate){fabsf(x[i + k]), 0, k};
        qsort(run, (size_t)w->o->of, sizeof *run, compare);
        for (int64_t k = 0; k < w->o->of - w->o->keep; k++)
            x[i + run[k].at] = 0;
    }
}

static void list_weights(work *w, int32_t maker, int64_t *count)
{
    const prune_maker *m = &w->makers[maker];
    const float *x = weights_of(w->copy, m);
    for (int64_t i = 0; i < fv_shape_count(&m->val->shape); i++)
        w->list[(*count)++] = (candidate){fabsf(x[i]), maker, i};
}

/* The smallest of the list become zero, but for the last of a layer. */
static fv_status zero_smallest(work *w, int64_t count)
{
    int64_t goes = llround(w->o->amount * (double)count);
    int64_t *left = fv_calloc(w->model->ctx, (size_t)w->n + 1, sizeof *left);
    if (!left)
        return FV_ERR_NO_MEMORY;
    qsort(w->list, (size_t)count, sizeof *w->list, compare);
    for (int64_t i = 0; i < count; i++)
        left[w->list[i].maker]++;
    for (int64_t i = 0; i < count && goes > 0; i++) {
        const candidate *c = &w->list[i];
        if (left[c->maker] == 1)
            continue;
        weights_of(w->copy, &w->makers[c->maker])[c->at] = 0;
        left[c->maker]--;
        goes--;
    }
    fv_free(w->model->ctx, left);
    if (goes > 0)
        return fv_fail_hint(w->model->ctx,
                            fv_fail(w->model->ctx, FV_ERR_VALUE,
                                    "amount %g: %lld of the %lld weights would have to go that are the last of their "
                                    "layer",
                                    w->o->amount, (long long)goes, (long long)count),
                            "ask for less");
    return FV_OK;
}

static fv_status apply_amount(work *w)
{
    int64_t all = 0, count = 0;
    for (int32_t i = 0; i < w->n; i++)
        all += w->rows[i].why ? 0 : w->rows[i].weights;
    w->list = fv_malloc(w->model->ctx, ((size_t)all + 1) * sizeof *w->list);
    fv_status status = w->list ? FV_OK : FV_ERR_NO_MEMORY;
    for (int32_t i = 0; status == FV_OK && i < w->n; i++) {
        if (w->rows[i].why)
            continue;
        count = w->o->per_layer ? 0 : count;
        list_weights(w, i, &count);
        if (w->o->per_layer)
            status = zero_smallest(w, count);
    }
    if (status == FV_OK && !w->o->per_layer)
        status = zero_smallest(w, count);
    fv_free(w->model->ctx, w->list);
    return status;
}

static fv_status make_rows(work *w)
{
    fv_ctx *ctx = w->model->ctx;
    const char *why = "";
    int open = 0;
    w->rows = fv_calloc(ctx, (size_t)w->n + 1, sizeof *w->rows);
    if (!w->rows)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; i < w->n; i++) {
        const prune_maker *m = &w->makers[i];
        const int64_t n = fv_shape_count(&m->val->shape);
        w->rows[i] =
            (fv_sparse_row){m->node->name, n, {count_zeros(weights_of(w->model, m), n), 0}, reason_to_stay(w, m)};
        w->rows[i].zeros[1] = w->rows[i].zeros[0];
        open += !w->rows[i].why;
        why = w->rows[i].why ? w->rows[i].why : why;
    }
    if (open > 0)
        return FV_OK;
    if (w->n == 0)
        return fv_prune_fail_weightless(w->model);
    return fv_fail_hint(
        ctx, fv_fail(ctx, FV_ERR_MODEL, "model '%s': no layer's weights can become zero: %s", w->model->name, why),
        "name fewer layers with --skip, or another pattern");
}

static fv_status sparsify(work *w)
{
    fv_status status = FV_OK;
    FV_TRY(fv_prune_find_makers(w->model, w->o->skip, &w->makers, &w->n));
    FV_TRY(make_rows(w));
    FV_TRY(fv_model_clone(w->model, &w->copy));
    for (int32_t i = 0; w->o->of > 0 && i < w->n; i++)
        if (!w->rows[i].why)
            apply_pattern(w, &w->makers[i]);
    if (w->o->of == 0)
        status = apply_amount(w);
    for (int32_t i = 0; status == FV_OK && i < w->n; i++)
        w->rows[i].zeros[1] = count_zeros(weights_of(w->copy, &w->makers[i]), w->rows[i].weights);
    fv_model_touch(w->copy);
    w->copy->card.sparse = true;
    return status == FV_OK ? fv_model_note_before(w->model, "pruned", w->copy) : status;
}

fv_status fv_model_sparsify(fv_model *model, const fv_sparsify_options *options, fv_model **copy, fv_sparse_row **rows,
                            int *count)
{
    work w = {.model = model, .o = options};
    *copy = NULL;
    if (rows)
        *rows = NULL;
    FV_TRY(check_options(model->ctx, options));
    if (!model->finished)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "model '%s' is not finished: it cannot be pruned", model->name);
    fv_model_sync(model);
    const fv_status status = sparsify(&w);
    if (status != FV_OK)
        fv_model_destroy(&w.copy);
    *copy = w.copy;
    if (rows && status == FV_OK) {
        *rows = w.rows;
        *count = w.n;
    } else {
        fv_free(model->ctx, w.rows);
    }
    fv_free(model->ctx, w.makers);
    return status;
}

void fv_sparse_rows_free(fv_ctx *ctx, fv_sparse_row *rows)
{
    fv_free(ctx, rows);
}
