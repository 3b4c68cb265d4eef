/* SPDX-License-Identifier: Apache-2.0 */
#include <fovea/lr_find.h>

#include <math.h>

#include "base/file.h"
#include "base/real.h"
#include "train/run.h"

static fv_status check(fv_ctx *ctx, const fv_lr_find_options *f)
{
    if (!(f->lr_min > 0) || !(f->lr_max > f->lr_min) || f->lr_max > 1e6)
        return fv_fail(ctx, FV_ERR_VALUE,
                       "learning rates from %g to %g: expected numbers above 0, at most 1e6, of which the second is "
                       "larger",
                       f->lr_min, f->lr_max);
    if (f->steps < 2 || f->steps > 1000000)
        return fv_fail(ctx, FV_ERR_VALUE, "%lld steps: expected 2 to 1000000", (long long)f->steps);
    if (!(f->diverged == 0 || f->diverged > 1))
        return fv_fail(ctx, FV_ERR_VALUE, "a loss of %g times its lowest: expected more than 1, or 0", f->diverged);
    return FV_OK;
}

/* Rates have one ratio from step to step. */
static double rate_at(const fv_lr_find_options *f, int64_t step)
{
    const double share = (double)step / (double)(f->steps - 1);
    return step + 1 == f->steps ? f->lr_max : f->lr_min * fv_exp64(share * fv_log64(f->lr_max / f->lr_min));
}

/* ---- what the points say ---- */

/* The median of a loss and its two neighbors on either side, as far as there are any: a batch of its own kind does not
 * count. */
static double median_at(const fv_lr_point *p, int64_t n, int64_t i)
{
    double near[5];
    int count = 0;
    for (int64_t k = i - 2; k <= i + 2; k++) {
        if (k < 0 || k >= n)
            continue;
        int at = count++;
        for (; at > 0 && near[at - 1] > p[k].loss; at--)
            near[at] = near[at - 1];
        near[at] = p[k].loss;
    }
    return count % 2 ? near[count / 2] : 0.5 * (near[count / 2 - 1] + near[count / 2]);
}

/* Means of medians with weights that fall in a line to both sides, over a twentieth of the points. */
static void smooth(fv_lr_point *p, int64_t n, int64_t steps)
{
    const int64_t reach = steps / 20 > 1 ? steps / 20 : 1;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0, weights = 0;
        for (int64_t k = i - reach; k <= i + reach; k++) {
            if (k < 0 || k >= n)
                continue;
            const double weight = (double)(reach + 1 - (k < i ? i - k : k - i));
            sum += weight * median_at(p, n, k);
            weights += weight;
        }
        p[i].smoothed = sum / weights;
    }
}

static void suggest(const fv_lr_point *p, fv_lr_found *found)
{
    int64_t lowest = 0, steepest = 0;
    double fall = 0;
    for (int64_t i = 1; i < found->count; i++)
        lowest = p[i].smoothed < p[lowest].smoothed ? i : lowest;
    /* Steps have one ratio: the slope over the rate's logarithm is that over the steps. */
    for (int64_t i = 1; i < lowest; i++) {
        const double slope = p[i + 1].smoothed - p[i - 1].smoothed;
        if (slope < fall) {
            fall = slope;
            steepest = i;
        }
    }
    found->loss_first = p[0].smoothed;
    found->loss_lowest = p[lowest].smoothed;
    found->minimum = lowest > 0 ? p[lowest].lr : NAN;
    found->steepest = steepest > 0 ? p[steepest].lr : NAN;
}

/* ---- the test ---- */

/* The next batch, of as many passes over the data as are needed. */
static fv_status next_batch(fv_fitting *r, fv_batch *batch)
{
    FV_TRY(fv_loader_next(r->loader, batch));
    if (batch->n > 0)
        return FV_OK;
    FV_TRY(fv_loader_start(r->loader, ++r->progress.pass, 0));
    FV_TRY(fv_loader_next(r->loader, batch));
    return batch->n > 0 ? FV_OK : fv_fail(r->ctx, FV_ERR_DATA_EMPTY, "no image of the training set can be read");
}

static fv_status compute(fv_fitting *r, fv_lr_point *point, bool *finite)
{
    fv_batch batch;
    double loss;
    FV_TRY(next_batch(r, &batch));
    const void *target = batch.targets ? (const void *)batch.targets : batch.labels;
    FV_TRY(fv_trainer_gradient(r->trainer, batch.images, target, batch.n, &loss));
    point->loss = fv_trainer_output_loss(r->trainer);
    *finite = isfinite(loss) && isfinite(point->loss) && fv_trainer_finite(r->trainer);
    return *finite ? fv_trainer_apply(r->trainer, point->lr) : FV_OK;
}

static fv_status run_test(fv_fitting *r, const fv_lr_find_options *f, fv_lr_point *points, fv_lr_found *found)
{
    static const double keep = 0.9; /* of the running mean that tells divergence */
    double mean = 0, kept = 1, lowest = INFINITY;
    FV_TRY(fv_loader_start(r->loader, 0, 0));
    for (int64_t i = 0; i < f->steps && !found->diverged && !found->stopped; i++) {
        fv_lr_point *p = &points[i];
        bool finite;
        *p = (fv_lr_point){.lr = rate_at(f, i)};
        FV_TRY(compute(r, p, &finite));
        if (!finite) {
            found->diverged = true;
            break;
        }
        found->count = i + 1;
        mean = keep * mean + (1 - keep) * p->loss;
        kept *= keep;
        const double now = mean / (1 - kept);
        lowest = now < lowest ? now : lowest;
        found->diverged = f->diverged > 0 && i + 1 < f->steps && now > f->diverged * lowest;
        found->stopped = f->on_point && f->on_point(f->user, p, i + 1);
        if (r->options.interrupt && *r->options.interrupt)
            return fv_fail(r->ctx, FV_ERR_INTERRUPTED, "interrupted at step %lld", (long long)i + 1);
    }
    return FV_OK;
}

static fv_status execute(fv_fitting *r, const fv_lr_find_options *f, fv_lr_point *points, fv_lr_found *found)
{
    FV_TRY(fv_settings_check(r->ctx, &r->options));
    FV_TRY(fv_fitting_open_training(r));
    FV_TRY(run_test(r, f, points, found));
    if (found->count == 0)
        return fv_fail_hint(r->ctx,
                            fv_fail(r->ctx, FV_ERR_DIVERGED,
                                    "the loss or a gradient of the first batch is not finite: no rate is to blame"),
                            "look at the data and their scale: `fovea data stats`");
    smooth(points, found->count, f->steps);
    suggest(points, found);
    return FV_OK;
}

/* What a run has that this has not. */
static fv_fit_options options_of(const fv_fit_options *options, const fv_lr_find_options *f)
{
    fv_fit_options o = *options;
    o.epochs = 1;
    o.steps_per_epoch = o.warmup_steps = 0;
    o.warmup_epochs = 0;
    o.schedule = FV_CONSTANT;
    o.max_momentum = 0;
    o.lr = f->lr_max;
    o.unfreeze_at = o.progressive_resize = NULL;
    o.model_ema = false;
    o.validation = NULL;
    o.output = NULL;
    o.resume = false;
    o.n_callbacks = 0;
    return o;
}

fv_status fv_lr_find(fv_model *model, fv_dataset *train, const fv_fit_options *options, const fv_lr_find_options *find,
                     fv_lr_point *points, fv_lr_found *found)
{
    fv_model *copy = NULL;
    *found = (fv_lr_found){.steepest = NAN, .minimum = NAN, .loss_first = NAN, .loss_lowest = NAN};
    FV_TRY(fv_model_need_plain(model, "fv_lr_find"));
    FV_TRY(check(model->ctx, find));
    FV_TRY(fv_model_clone(model, &copy));
    fv_fitting r = {.ctx = model->ctx,
                    .model = copy,
                    .data = train,
                    .options = options_of(options, find),
                    .start = fv_time_monotonic()};
    r.alarm = (fv_alarm){.tell = fv_fitting_warn, .user = &r};
    fv_status status = fv_labels_adopt(copy, train);
    fv_settings_task(&r.options, copy->task);
    fv_settings_resolve(&r.options);
    if (status == FV_OK)
        status = execute(&r, find, points, found);
    fv_loader_destroy(&r.loader);
    fv_trainer_destroy(&r.trainer);
    fv_model_destroy(&copy);
    return status;
}
