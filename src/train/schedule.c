/* SPDX-License-Identifier: Apache-2.0 */
/* Learning-rate schedules as functions of the position in epochs. */
#include <math.h>

#include <fovea/train.h>

#include "train/settings.h"

/* A schedule maps the share of the run behind the warm-up, or the epochs since it began, to a learning rate. */
typedef double (*schedule_fn)(const fv_fit_options *options, double epoch, double epochs);

static double schedule_constant(const fv_fit_options *options, double epoch, double epochs)
{
    (void)epoch;
    (void)epochs;
    return options->lr;
}

static double schedule_step(const fv_fit_options *options, double epoch, double epochs)
{
    double lr = options->lr;
    (void)epochs;
    for (double next = options->decay_epochs; next <= epoch && lr > 0; next += options->decay_epochs)
        lr *= options->decay_rate;
    return lr > options->min_lr ? lr : options->min_lr;
}

/* Loshchilov and Hutter, "SGDR", 2016: lr = min + (max - min) * (1 + cos(pi * t / T)) / 2. */
static double schedule_cosine(const fv_fit_options *options, double epoch, double epochs)
{
    if (epoch >= epochs)
        return options->min_lr;
    return options->min_lr + (options->lr - options->min_lr) * 0.5 * (1.0 + fv_cos_pi(epoch / epochs));
}

static const schedule_fn schedules[] = {
#define FV_SCHEDULE_ROW(id, name) schedule_##name,
    FV_SCHEDULE_LIST(FV_SCHEDULE_ROW)
#undef FV_SCHEDULE_ROW
};

static const char *const names[] = {
#define FV_SCHEDULE_ROW(id, name) #name,
    FV_SCHEDULE_LIST(FV_SCHEDULE_ROW)
#undef FV_SCHEDULE_ROW
        NULL};

const char *const *fv_schedule_names(void)
{
    return names;
}

/*
 * cos(pi x) for x in [0, 1] by its Taylor series around the nearest of 0, 1/2 and 1, with plain double operations only:
 * a learning rate is part of a run's bits, and the C library's cosine is not the same everywhere.
 */
double fv_cos_pi(double x)
{
    const double pi = 3.14159265358979323846;
    if (x > 0.5)
        return -fv_cos_pi(1.0 - x);
    double sign = 1, sum, term;
    if (x <= 0.25) {
        double t = pi * x, tt = t * t;
        sum = term = 1;
        for (int k = 1; k < 12; k++) {
            term = term * tt / (double)((2 * k - 1) * (2 * k));
            sign = -sign;
            sum += sign * term;
        }
        return sum;
    }
    double t = pi * (0.5 - x), tt = t * t;
    sum = term = t;
    for (int k = 1; k < 12; k++) {
        term = term * tt / (double)((2 * k) * (2 * k + 1));
        sign = -sign;
        sum += sign * term;
    }
    return sum;
}

double fv_schedule_lr(const fv_fit_options *options, double epoch)
{
    fv_fit_options o = *options;
    fv_settings_resolve(&o);
    if ((size_t)o.schedule >= sizeof schedules / sizeof *schedules || isnan(epoch))
        return NAN;
    if (epoch < o.warmup_epochs)
        return o.warmup_lr + (o.lr - o.warmup_lr) * (epoch / o.warmup_epochs);
    return schedules[o.schedule](&o, epoch - o.warmup_epochs, (double)o.epochs - o.warmup_epochs);
}
