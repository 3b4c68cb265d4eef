/* SPDX-License-Identifier: Apache-2.0 */
/*
 * left = steps left * step + epochs left * rest + validations left * validation
 *
 * where a step is the mean of those behind the first one, which compiles, warms caches and waits for the first images,
 * a pixel of it where images grow; rest is what passes between an epoch's numbers and its successor's first step,
 * checkpoints above all.
 */
#include <math.h>

#include "train/image_size.h"

/* What is longer ago than so many steps counts half and less. */
#define WINDOW 128
/* The share of a step that is spent on what scoring does too, until a validation has been seen. */
#define FORWARD_SHARE 0.35

static void add_time(fv_eta_mean *m, double seconds)
{
    m->sum += seconds > 0 ? seconds : 0;
    if (++m->count < WINDOW)
        return;
    m->sum /= 2;
    m->count /= 2;
}

static double mean_of(const fv_eta_mean *m, double otherwise)
{
    return m->count > 0 ? m->sum / m->count : otherwise;
}

/* Pixels of images by epoch, where they change; else 1. */
typedef struct work {
    fv_image_size list[FV_PHASES_MAX];
    int count;
} work;

static work work_of(const fv_eta *eta)
{
    work w = {.count = 0};
    char word[64];
    if (eta->sizes && fv_image_sizes_parse(eta->sizes, w.list, &w.count, word))
        w.count = 0; /* the run says so */
    return w;
}

static double work_in(const work *w, int64_t epoch)
{
    int i = w->count - 1;
    while (i > 0 && w->list[i].after >= epoch)
        i--;
    return i < 0 ? 1 : (double)(w->list[i].side[0] * w->list[i].side[1]);
}

/* That of the next steps, `here` of them done in the epoch. */
static double work_left(const work *w, int64_t epoch, int64_t per_epoch, int64_t here, int64_t steps)
{
    double sum = 0;
    if (w->count == 0)
        return (double)steps;
    for (; steps > 0; epoch++, here = 0) {
        const int64_t n = steps < per_epoch - here ? steps : per_epoch - here;
        sum += (double)n * work_in(w, epoch);
        steps -= n;
    }
    return sum;
}

void fv_eta_begin(fv_eta *eta, const fv_fit_options *options)
{
    *eta = (fv_eta){.last = NAN, .val_interval = options->val_interval > 0 ? options->val_interval : 1};
    eta->max_steps = options->max_steps;
    eta->sizes = options->progressive_resize;
    eta->batch = options->batch_size > 0 ? options->batch_size : 64;
    eta->validation_samples = options->validation ? fv_dataset_count(options->validation) : 0;
}

void fv_eta_event(fv_eta *eta, const fv_fit_event *e)
{
    const double passed = e->seconds - eta->last;
    const work w = work_of(eta);
    if (e->kind == FV_EVENT_START) {
        eta->begin = e->seconds;
        eta->first_step = e->global_step;
        eta->last = NAN;
    }
    if (e->kind == FV_EVENT_EPOCH && isfinite(passed)) {
        if (isfinite(e->val_loss))
            add_time(&eta->validation, passed);
        eta->ended = true;
        eta->last = e->seconds;
    }
    if (e->kind == FV_EVENT_STEP) {
        if (isfinite(passed) && eta->ended)
            add_time(&eta->rest, passed - mean_of(&eta->step, 0) * work_in(&w, e->epoch));
        else if (isfinite(passed))
            add_time(&eta->step, passed / work_in(&w, e->epoch));
        eta->ended = false;
        eta->last = e->seconds;
    }
}

double fv_eta_left(const fv_eta *eta, const fv_fit_event *e)
{
    const int64_t per_epoch = e->steps > 0 ? e->steps : 1, here = e->step < per_epoch ? e->step : per_epoch;
    const int64_t done = e->global_step - eta->first_step;
    const bool counted = e->kind == FV_EVENT_EPOCH; /* this epoch's end is over */
    int64_t steps = (e->epochs - e->epoch + 1) * per_epoch - here, validations = 0;
    if (eta->max_steps > 0 && eta->max_steps - e->global_step < steps)
        steps = eta->max_steps - e->global_step;
    steps = steps > 0 ? steps : 0;
    const int64_t first = e->epoch + counted, last = e->epoch + (here + steps - 1) / per_epoch;
    for (int64_t epoch = first; epoch <= last && eta->validation_samples > 0; epoch++)
        validations += epoch == last || epoch % eta->val_interval == 0;
    const work w = work_of(eta);
    const double step =
        mean_of(&eta->step, done > 0 ? (e->seconds - eta->begin) / (double)done / work_in(&w, e->epoch) : NAN);
    const double scoring =
        FORWARD_SHARE * step * work_in(&w, INT64_MAX) * (double)eta->validation_samples / (double)eta->batch;
    const double ends = last >= first ? (double)(last - first + 1) : 0;
    return work_left(&w, e->epoch, per_epoch, here, steps) * step + ends * mean_of(&eta->rest, 0) +
           (validations > 0 ? (double)validations * mean_of(&eta->validation, scoring) : 0);
}
