/* SPDX-License-Identifier: Apache-2.0 */
/* For TensorBoard: how the weights of each layer and their gradients are spread, and what the model is wrong about. */
#include <math.h>
#include <string.h>

#include "report/internal.h"
#include "report/proto.h"
#include "train/trainer.h"

enum { BINS = 30 };

/*
 * A HistogramProto (TensorFlow, core/framework/summary.proto): 1 min, 2 max, 3 num, 4 sum, 5 sum_squares, all double; 6
 * the upper ends of the bins and 7 how many are in each, packed doubles. Between min and max the bins are equally wide.
 */
static void put_histogram(fv_str *summary, const char *kind, const char *name, const float *data, int64_t n)
{
    fv_str value = {.ctx = summary->ctx}, histogram = {.ctx = summary->ctx}, limits = {.ctx = summary->ctx},
           counts = {.ctx = summary->ctx}, tag = {.ctx = summary->ctx};
    double low = INFINITY, high = -INFINITY, sum = 0, squares = 0, count[BINS] = {0};
    int64_t finite = 0;
    for (int64_t i = 0; i < n; i++) {
        const double x = (double)data[i];
        if (!isfinite(x))
            continue;
        finite++;
        low = x < low ? x : low;
        high = x > high ? x : high;
        sum += x;
        squares += x * x;
    }
    if (finite == 0)
        return;
    const int bins = high > low ? BINS : 1;
    for (int64_t i = 0; i < n; i++) {
        const int at = high > low && isfinite(data[i]) ? (int)(((double)data[i] - low) / (high - low) * BINS) : 0;
        if (isfinite(data[i]))
            count[at < bins ? at : bins - 1]++;
    }
    for (int i = 0; i < bins; i++) {
        fv_proto_fixed_double(&limits, i + 1 < bins ? low + (high - low) * (i + 1) / bins : high);
        fv_proto_fixed_double(&counts, count[i]);
    }
    const double facts[] = {low, high, (double)finite, sum, squares};
    for (int i = 0; i < 5; i++)
        fv_proto_double(&histogram, i + 1, facts[i]);
    fv_proto_message(&histogram, 6, &limits);
    fv_proto_message(&histogram, 7, &counts);
    fv_str_printf(&tag, "%s/%s", kind, name);
    fv_proto_message(&value, 1, &tag);
    fv_proto_message(&value, 5, &histogram);
    fv_proto_message(summary, 1, &value);
}

fv_status fv_report_spread(fv_report *r, const fv_fit_event *e)
{
    fv_trainer *t = e->trainer;
    fv_str summary = {.ctx = r->ctx};
    if (r->histogram_interval == 0 || !t || e->step != e->steps || e->epoch % r->histogram_interval != 0)
        return FV_OK;
    fv_model_sync(t->model);
    for (int i = 0; i < t->n_params; i++) {
        const fv_trainer_param *p = &t->params[i];
        const fv_shape *shape = fv_tensor_shape(p->tensor);
        const float *gradient = shape->rank >= 2 ? fv_trainer_gradient_of(t, p->name, NULL) : NULL;
        if (!gradient) /* frozen, or no filter or matrix: a bias, a scale */
            continue;
        put_histogram(&summary, "weights", p->name, fv_tensor_data(p->tensor), fv_shape_count(shape));
        put_histogram(&summary, "gradients", p->name, gradient, fv_shape_count(shape));
    }
    return fv_events_add_summary(r->train, e->epoch, &summary);
}

fv_status fv_report_histograms(fv_report *r, int64_t interval)
{
    if (interval < 0)
        return fv_fail(r->ctx, FV_ERR_ARGUMENT, "fv_report_histograms: every %lld epochs: expected a number from 0",
                       (long long)interval);
    r->histogram_interval = interval;
    return FV_OK;
}

/* Samples that are wrong, the worst first; of numbers, those that are furthest off. */
static int list_mistakes(const fv_evaluation *e, const fv_judged_sample *list[FV_SHEET_SHOWN])
{
    const bool numbers = fv_evaluation_task(e) == FV_TASK_REGRESS;
    const fv_judged_sample *s;
    int n = 0;
    for (int64_t i = 0; n < FV_SHEET_SHOWN && (s = fv_evaluation_worst(e, i)) != NULL; i++)
        if (numbers || !s->right)
            list[n++] = s;
    return n;
}

static fv_status fill_sheet(fv_report *r, const fv_evaluation_page *page, const fv_judged_sample *const *list, int n,
                            fv_picture *sheet)
{
    uint8_t rgb[FV_PICTURE_SIDE * FV_PICTURE_SIDE * 3];
    for (int i = 0; i < n; i++) {
        fv_image image = {0};
        const fv_status status = fv_dataset_image(page->data, list[i]->sample, &image, NULL);
        if (status == FV_OK) {
            const fv_picture small = fv_picture_shrink(&image, rgb);
            fv_picture_place(sheet, i, &small);
        }
        fv_image_free(r->ctx, &image);
        if (status == FV_ERR_NO_MEMORY)
            return status;
        if (status != FV_OK)
            fv_fail_clear(r->ctx); /* its place stays empty */
    }
    return FV_OK;
}

fv_status fv_report_mistakes(fv_report *r, const fv_evaluation_page *page)
{
    static const char tag[] = "epoch_mistakes";
    const fv_judged_sample *list[FV_SHEET_SHOWN];
    bool there = false;
    const int n = page->epoch > 0 ? list_mistakes(page->evaluation, list) : 0,
              rows = (n + FV_SHEET_COLUMNS - 1) / FV_SHEET_COLUMNS, side = FV_SHEET_COLUMNS * FV_PICTURE_SIDE;
    if (n == 0)
        return FV_OK;
    FV_TRY(fv_events_find(r->ctx, r->validation_dir, tag, page->epoch, &there));
    if (there)
        return FV_OK;
    fv_picture sheet = {fv_calloc(r->ctx, (size_t)(rows * FV_PICTURE_SIDE * side), 3), rows * FV_PICTURE_SIDE, side};
    if (!sheet.rgb)
        return FV_ERR_NO_MEMORY;
    fv_status status = fill_sheet(r, page, list, n, &sheet);
    if (status == FV_OK)
        status = fv_report_events(r, r->validation_dir, &r->validation);
    if (status == FV_OK)
        status = fv_events_put_image(r->validation, page->epoch, tag, &sheet);
    fv_free(r->ctx, sheet.rgb);
    return status;
}
