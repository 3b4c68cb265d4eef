/* SPDX-License-Identifier: Apache-2.0 */
/* Learning-rate schedules as functions of the position in epochs. A rate is part of a run's bits: double operations and
 * functions made of them, nothing of the C library that rounds. */
#include <math.h>
#include <string.h>

#include <fovea/train.h>

#include "base/real.h"
#include "train/optimizer.h"
#include "train/settings.h"

/* A position of a run, in epochs. */
typedef struct place {
    double epoch;   /* since the run began */
    double at, all; /* since the warm-up ended, and from there to the end of the run */
    double tick;    /* what a step takes */
} place;

typedef double (*schedule_fn)(const fv_fit_options *options, const place *p);

static double at_least(double lr, double least)
{
    return lr > least ? lr : least;
}

static double schedule_constant(const fv_fit_options *o, const place *p)
{
    (void)p;
    return o->lr;
}

static double schedule_step(const fv_fit_options *o, const place *p)
{
    double lr = o->lr;
    for (double next = o->decay_epochs; next <= p->at && lr > 0; next += o->decay_epochs)
        lr *= o->decay_rate;
    return at_least(lr, o->min_lr);
}

static double schedule_multistep(const fv_fit_options *o, const place *p)
{
    double lr = o->lr;
    for (int i = 0; i < o->decay_milestones.count && i < FV_LIST_MAX; i++)
        if (o->decay_milestones.value[i] <= p->epoch)
            lr *= o->decay_rate;
    return at_least(lr, o->min_lr);
}

static double schedule_exp(const fv_fit_options *o, const place *p)
{
    return at_least(o->lr * fv_pow64(o->decay_rate, p->at / o->decay_epochs), o->min_lr);
}

static double schedule_poly(const fv_fit_options *o, const place *p)
{
    const double left = p->at < p->all ? 1.0 - p->at / p->all : 0.0;
    return o->min_lr + (o->lr - o->min_lr) * fv_pow64(left, o->poly_power);
}

/* Loshchilov and Hutter, "SGDR", 2016: lr = min + (max - min) * (1 + cos(pi * t / T)) / 2. */
static double half_wave(const fv_fit_options *o, double share)
{
    return o->min_lr + (o->lr - o->min_lr) * 0.5 * (1.0 + fv_cos_pi(share));
}

static double schedule_cosine(const fv_fit_options *o, const place *p)
{
    return p->at >= p->all ? o->min_lr : half_wave(o, p->at / p->all);
}

static double schedule_cosine_restarts(const fv_fit_options *o, const place *p)
{
    double at = p->at, length = o->restart_epochs;
    if (o->restart_mult == 1)
        at -= floor(at / length) * length;
    for (; o->restart_mult > 1 && at >= length; length *= (double)o->restart_mult)
        at -= length;
    return half_wave(o, at < 0 ? 0 : at < length ? at / length : 1);
}

/* Smith, "Cyclical Learning Rates for Training Neural Networks", 2017. */
static double schedule_cyclic(const fv_fit_options *o, const place *p)
{
    const double up = o->cycle_up, down = o->cycle_down > 0 ? o->cycle_down : up;
    const double cycle = floor(p->at / (up + down)), at = p->at - cycle * (up + down);
    const double share = at <= up ? at / up : 1.0 - (at - up) / down;
    double height = (o->lr - o->min_lr) * share;
    if (o->cycle_mode == FV_TRIANGULAR2)
        height = ldexp(height, cycle < 2000 ? -(int)cycle : -2000);
    if (o->cycle_mode == FV_EXP_RANGE)
        height *= fv_pow64(o->decay_rate, p->at / o->decay_epochs);
    return o->min_lr + height;
}

static double anneal(const fv_fit_options *o, double from, double to, double share)
{
    if (share >= 1)
        return to;
    return o->anneal == FV_ANNEAL_LINEAR ? from + (to - from) * share
                                         : to + (from - to) * 0.5 * (1.0 + fv_cos_pi(share));
}

/* Smith and Topin, "Super-Convergence", 2018, as PyTorch has it: the ends are steps, not points between them. */
static double one_cycle(const fv_fit_options *o, const place *p, double first, double middle, double last)
{
    const double top = o->pct_start * p->all - p->tick, end = p->all - p->tick;
    if (p->at < top)
        return anneal(o, first, middle, p->at / top);
    return anneal(o, middle, last, end > top ? (p->at - top) / (end - top) : 0);
}

static double schedule_onecycle(const fv_fit_options *o, const place *p)
{
    const double first = o->lr / o->div_factor;
    return one_cycle(o, p, first, o->lr, first / o->final_div_factor);
}

/* What comes of it follows from how the run goes: src/train/plateau.c. */
static double schedule_plateau(const fv_fit_options *o, const place *p)
{
    return schedule_constant(o, p);
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

/* Settings that belong to some schedules. */
static const struct {
    const char *key;
    uint32_t schedules;
} takers[] = {
#define BIT(id) ((uint32_t)1 << (id))
    {"min-lr", ~(BIT(FV_CONSTANT) | BIT(FV_ONECYCLE))},
    {"decay-epochs", BIT(FV_STEP) | BIT(FV_EXP) | BIT(FV_CYCLIC)},
    {"decay-rate", BIT(FV_STEP) | BIT(FV_MULTISTEP) | BIT(FV_EXP) | BIT(FV_CYCLIC) | BIT(FV_PLATEAU)},
    {"decay-milestones", BIT(FV_MULTISTEP)},
    {"patience-epochs", BIT(FV_PLATEAU)},
    {"plateau-threshold", BIT(FV_PLATEAU)},
    {"cooldown-epochs", BIT(FV_PLATEAU)},
    {"poly-power", BIT(FV_POLY)},
    {"restart-epochs", BIT(FV_COSINE_RESTARTS)},
    {"restart-mult", BIT(FV_COSINE_RESTARTS)},
    {"cycle-mode", BIT(FV_CYCLIC)},
    {"cycle-up", BIT(FV_CYCLIC)},
    {"cycle-down", BIT(FV_CYCLIC)},
    {"pct-start", BIT(FV_ONECYCLE)},
    {"div-factor", BIT(FV_ONECYCLE)},
    {"final-div-factor", BIT(FV_ONECYCLE)},
    {"anneal", BIT(FV_ONECYCLE)},
    {"max-momentum", BIT(FV_ONECYCLE)},
    {"base-momentum", BIT(FV_ONECYCLE)},
#undef BIT
};

bool fv_schedule_takes(int kind, const char *key)
{
    for (size_t i = 0; i < sizeof takers / sizeof *takers; i++)
        if (strcmp(takers[i].key, key) == 0)
            return kind >= 0 && kind < FV_SCHEDULE_COUNT && (takers[i].schedules >> kind & 1) != 0;
    return false;
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

/* `tick`: epochs that a step takes; 0: not known. Behind the end of the warm-up, or how far it is. */
static place place_of(const fv_fit_options *o, double epoch, double tick, double *warmed)
{
    const double warmup = o->warmup_steps > 0 ? (double)o->warmup_steps * tick : o->warmup_epochs;
    *warmed = epoch < warmup ? epoch / warmup : 1;
    return (place){epoch, epoch - warmup, (double)o->epochs - warmup, tick};
}

static double rate_at(const fv_fit_options *options, double epoch, double tick)
{
    fv_fit_options o = *options;
    fv_settings_resolve(&o);
    if ((size_t)o.schedule >= sizeof schedules / sizeof *schedules || isnan(epoch) || (o.warmup_steps > 0 && tick == 0))
        return NAN;
    double warmed;
    const place p = place_of(&o, epoch, tick, &warmed);
    return warmed < 1 ? o.warmup_lr + (o.lr - o.warmup_lr) * warmed : schedules[o.schedule](&o, &p);
}

double fv_schedule_lr(const fv_fit_options *options, double epoch)
{
    return rate_at(options, epoch, 0);
}

double fv_schedule_at(const fv_fit_options *options, int64_t epoch, int64_t step, int64_t steps)
{
    return rate_at(options, (double)epoch + (double)step / (double)steps, 1.0 / (double)steps);
}

bool fv_schedule_cycles_momentum(const fv_fit_options *options)
{
    return options->schedule == FV_ONECYCLE && options->max_momentum > 0;
}

double fv_schedule_momentum(const fv_fit_options *options, int64_t epoch, int64_t step, int64_t steps)
{
    fv_fit_options o = *options;
    double warmed;
    fv_settings_resolve(&o);
    const place p = place_of(&o, (double)epoch + (double)step / (double)steps, 1.0 / (double)steps, &warmed);
    if (!fv_schedule_cycles_momentum(&o))
        return fv_optimizer_momentum(&o);
    return warmed < 1 ? o.max_momentum : one_cycle(&o, &p, o.max_momentum, o.base_momentum, o.max_momentum);
}
