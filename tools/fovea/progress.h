/* SPDX-License-Identifier: Apache-2.0 */
/* The progress line: a bar on a terminal, plain lines elsewhere, JSON for programs. Everything goes to stderr. */
#ifndef FOVEA_PROGRESS_H
#define FOVEA_PROGRESS_H

#include "cli.h"

typedef struct progress {
    int style; /* PROGRESS_BAR, PLAIN, JSON or NONE */
    bool color;
    int64_t interval; /* steps between plain lines */
    double last;      /* seconds of the run when the bar was last drawn, or the last line written */
    fv_eta eta;
} progress;

progress progress_make(const settings *c);
/* "00:01:23" */
void progress_duration(double seconds, char text[32]);
/* Columns of the terminal. */
int progress_columns(void);
void progress_event(progress *p, const fv_fit_event *event);

#endif
