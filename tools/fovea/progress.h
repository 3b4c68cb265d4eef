/* SPDX-License-Identifier: Apache-2.0 */
/* The progress line: a bar on a terminal, plain lines elsewhere, JSON for programs. Everything goes to stderr. */
#ifndef FOVEA_PROGRESS_H
#define FOVEA_PROGRESS_H

#include "cli.h"

typedef struct progress {
    int style; /* PROGRESS_BAR, PLAIN, JSON or NONE */
    bool color;
    int64_t interval; /* steps between plain lines */
    double last;      /* seconds of the run when the bar was last drawn */
    fv_eta eta;
} progress;

progress progress_make(const settings *c);
void progress_event(progress *p, const fv_fit_event *event);

#endif
