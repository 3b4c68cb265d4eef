/* SPDX-License-Identifier: Apache-2.0 */
/* What a run tells, and whom it asks. */
#include <math.h>

#include "train/run.h"

void fv_fitting_emit(fv_fitting *r, fv_event_kind kind, const char *text)
{
    fv_fit_event event = r->event;
    event.kind = kind;
    event.stop = kind == FV_EVENT_END ? r->stop : FV_STOP_NOT;
    event.text = text;
    event.trainer = kind == FV_EVENT_STEP ? r->trainer : NULL;
    if (r->journal)
        fv_journal_event(r->journal, &event);
    if (r->options.on_event && r->options.on_event(r->options.user, &event))
        r->stop_asked = true;
}

void fv_fitting_warn(void *fitting, const char *line)
{
    fv_fitting_emit(fitting, FV_EVENT_WARN, line);
}

static fv_status take_control(fv_fitting *r, const fv_fit_control *c, double *lr)
{
    if (c->note[0])
        fv_fitting_emit(r, FV_EVENT_NOTE, c->note);
    r->stop_asked |= c->stop;
    if (!(c->scale >= 0) || c->scale > 1e30 || !(c->lr >= 0) || c->lr > 1e30)
        return fv_fail(r->ctx, FV_ERR_VALUE,
                       "a callback asks for a learning rate of %g and a factor of %g: expected numbers from 0", c->lr,
                       c->scale);
    r->progress.lr_scale = c->scale;
    if (lr)
        *lr = c->lr;
    return FV_OK;
}

fv_status fv_fitting_call(fv_fitting *r, size_t member, double *lr)
{
    for (int i = 0; i < r->options.n_callbacks; i++) {
        const fv_callback *callback = &r->options.callbacks[i];
        const fv_callback_fn fn = *(const fv_callback_fn *)(const void *)((const char *)callback + member);
        fv_fit_control control = {.lr = lr ? *lr : 0, .scale = r->progress.lr_scale};
        if (!fn)
            continue;
        fn(callback->user, &r->event, &control);
        control.note[sizeof control.note - 1] = '\0';
        FV_TRY(take_control(r, &control, lr));
    }
    return FV_OK;
}
