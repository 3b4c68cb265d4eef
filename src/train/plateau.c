/* SPDX-License-Identifier: Apache-2.0 */
/* As PyTorch's ReduceLROnPlateau, with a relative threshold. */
#include "train/plateau.h"

#include <math.h>

#include "base/text.h"

static bool improves(const fv_progress *p, double metric, bool higher, double threshold)
{
    if (isnan(p->plateau_best))
        return true;
    return higher ? metric > p->plateau_best * (1 + threshold) : metric < p->plateau_best * (1 - threshold);
}

/* The factor of the next epochs: not so small that the rate falls below its least. */
static double next_scale(const fv_progress *p, const fv_fit_options *o)
{
    const double scale = p->lr_scale * o->decay_rate, least = o->min_lr / o->lr;
    if (scale >= least)
        return scale;
    return least < p->lr_scale ? least : p->lr_scale;
}

bool fv_plateau_epoch(fv_progress *p, const fv_fit_options *o, double warmup, const fv_monitor *monitor,
                      const fv_fit_event *e, char text[FV_PLATEAU_TEXT])
{
    const double metric = fv_monitor_value(monitor, e), before = p->lr_scale;
    if (o->schedule != FV_PLATEAU || !isfinite(metric) || (double)e->epoch <= warmup)
        return false;
    p->plateau_bad++;
    if (improves(p, metric, monitor->metric->higher_is_better, o->plateau_threshold)) {
        p->plateau_best = metric;
        p->plateau_bad = 0;
    }
    if (p->cooldown > 0) {
        p->cooldown--;
        p->plateau_bad = 0;
    }
    if (p->plateau_bad <= o->patience_epochs)
        return false;
    p->cooldown = o->cooldown_epochs;
    p->plateau_bad = 0;
    p->lr_scale = next_scale(p, o);
    if (p->lr_scale == before) /* it is the least already */
        return false;
    fv_text_format(text, FV_PLATEAU_TEXT,
                   "epoch %.0f: %s has not improved on %.4g: the learning rate goes from %.4g to %.4g",
                   (double)e->epoch, monitor->name, p->plateau_best, o->lr * before, o->lr * p->lr_scale);
    return true;
}
