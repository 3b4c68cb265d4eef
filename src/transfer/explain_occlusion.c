/* SPDX-License-Identifier: Apache-2.0 */
/* Occlusion: what an answer loses where a grey patch covers the input. */
#include <string.h>

#include "train/tally.h"
#include "transfer/explain.h"

/* Floats of a run's inputs and images of a run at most, as of features. */
enum { RUN_FLOATS = 1 << 17, MOST_IMAGES = 32 };

/* Places of a patch along an axis: steps of the stride, and one more that ends at the edge. */
static int64_t places(int64_t size, int64_t patch, int64_t stride)
{
    return (size - patch + stride - 1) / stride + 1;
}

static int64_t place_at(int64_t i, int64_t size, int64_t patch, int64_t stride)
{
    return i * stride < size - patch ? i * stride : size - patch;
}

static fv_status open(fv_explainer *e, const fv_explain_options *o)
{
    const fv_pipeline *p = &e->model->pipeline;
    const int64_t size[2] = {p->h, p->w};
    const int64_t fit = RUN_FLOATS / e->size;
    e->h = p->h;
    e->w = p->w;
    e->forwards = 1;
    for (int k = 0; k < 2; k++) {
        e->occlusion.patch[k] = o->patch[k] > 0 ? o->patch[k] : (size[k] + 6) / 7;
        e->occlusion.stride[k] = o->stride[k] > 0 ? o->stride[k] : (e->occlusion.patch[k] + 1) / 2;
        if (e->occlusion.patch[k] > size[k])
            return fv_fail(e->ctx, FV_ERR_VALUE,
                           "a patch of %lld x %lld pixels: expected at most the input of model '%s', %lld x %lld",
                           (long long)o->patch[0], (long long)o->patch[1], e->model->name, (long long)p->h,
                           (long long)p->w);
        e->forwards *= places(size[k], e->occlusion.patch[k], e->occlusion.stride[k]);
    }
    e->forwards++;
    e->occlusion.batch = fit < 1 ? 1 : fit < MOST_IMAGES ? fit : MOST_IMAGES;
    if (fv_model_check_batch(e->model, e->occlusion.batch) != FV_OK) {
        fv_fail_clear(e->ctx);
        e->occlusion.batch = 1;
    }
    e->occlusion.sums = fv_calloc(e->ctx, (size_t)(e->h * e->w), sizeof *e->occlusion.sums);
    e->occlusion.counts = fv_calloc(e->ctx, (size_t)(e->h * e->w), sizeof *e->occlusion.counts);
    if (!e->occlusion.sums || !e->occlusion.counts)
        return FV_ERR_NO_MEMORY;
    return fv_session_create(e->model, e->occlusion.batch, &e->occlusion.session);
}

/* Half of full scale in the network's numbers. */
static float grey_of(const fv_pipeline *p, int64_t channel)
{
    const int64_t k = p->bgr ? 2 - channel : channel;
    return p->standardize ? 0.0f : (0.5f - p->mean[k]) / p->std[k];
}

/* The input with a patch at place number `number`; -1: without. */
static void cover(const fv_explainer *e, int64_t number, float *dst)
{
    const fv_pipeline *p = &e->model->pipeline;
    const int64_t columns = places(p->w, e->occlusion.patch[1], e->occlusion.stride[1]);
    memcpy(dst, e->input, (size_t)e->size * sizeof *dst);
    if (number < 0)
        return;
    const int64_t top = place_at(number / columns, p->h, e->occlusion.patch[0], e->occlusion.stride[0]),
                  left = place_at(number % columns, p->w, e->occlusion.patch[1], e->occlusion.stride[1]);
    for (int64_t y = top; y < top + e->occlusion.patch[0]; y++)
        for (int64_t x = left; x < left + e->occlusion.patch[1]; x++)
            for (int64_t k = 0; k < p->c; k++)
                dst[(y * p->w + x) * p->c + k] = grey_of(p, k);
}

static void add_drop(fv_explainer *e, int64_t number, double drop)
{
    const fv_pipeline *p = &e->model->pipeline;
    const int64_t columns = places(p->w, e->occlusion.patch[1], e->occlusion.stride[1]);
    const int64_t top = place_at(number / columns, p->h, e->occlusion.patch[0], e->occlusion.stride[0]),
                  left = place_at(number % columns, p->w, e->occlusion.patch[1], e->occlusion.stride[1]);
    for (int64_t y = top; y < top + e->occlusion.patch[0]; y++)
        for (int64_t x = left; x < left + e->occlusion.patch[1]; x++) {
            e->occlusion.sums[y * p->w + x] += drop;
            e->occlusion.counts[y * p->w + x]++;
        }
}

/* Number of a place, or -1 for the input as it is: the answer comes in. */
static fv_status take(fv_explainer *e, int64_t number, const float *output, int64_t *class_index, float *answer)
{
    const int64_t classes = e->model->n_classes;
    if (number < 0) {
        fv_model_answer(e->model, output, classes, e->answers);
        if (*class_index < 0)
            *class_index = fv_explain_top(e->answers, classes);
        return FV_OK;
    }
    fv_model_answer(e->model, output, classes, answer);
    FV_TRY(fv_answer_check(e->model, answer, classes));
    add_drop(e, number, (double)e->answers[*class_index] - (double)answer[*class_index]);
    return FV_OK;
}

static fv_status run_all(fv_explainer *e, int64_t *class_index, float *answer)
{
    const int64_t all = e->forwards - 1;
    memset(e->occlusion.sums, 0, (size_t)(e->h * e->w) * sizeof *e->occlusion.sums);
    memset(e->occlusion.counts, 0, (size_t)(e->h * e->w) * sizeof *e->occlusion.counts);
    for (int64_t at = -1; at < all; at += e->occlusion.batch) {
        const int64_t n = all - at < e->occlusion.batch ? all - at : e->occlusion.batch;
        for (int64_t i = 0; i < n; i++)
            cover(e, at + i, fv_session_input(e->occlusion.session) + i * e->size);
        FV_TRY(fv_session_run_n(e->occlusion.session, n));
        const float *output = fv_session_output(e->occlusion.session, NULL);
        for (int64_t i = 0; i < n; i++)
            FV_TRY(take(e, at + i, output + i * e->model->n_classes, class_index, answer));
        FV_TRY(fv_watch(e->ctx, "covered", "places", at + n, all));
    }
    for (int64_t i = 0; i < e->h * e->w; i++)
        e->map[i] = e->occlusion.counts[i] > 0 ? (float)(e->occlusion.sums[i] / e->occlusion.counts[i])
                                               : 0.0f; /* a stride may jump over some */
    return FV_OK;
}

static fv_status run(fv_explainer *e, int64_t *class_index)
{
    float *answer = fv_malloc(e->ctx, (size_t)e->model->n_classes * sizeof *answer);
    fv_status status = answer ? run_all(e, class_index, answer) : FV_ERR_NO_MEMORY;
    fv_free(e->ctx, answer);
    return status;
}

const fv_explain_row fv_explain_occlusion = {open, run};
