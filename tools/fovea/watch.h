/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever waits sees how far a verb is: one live line on a terminal, a line every 30 s elsewhere. A signal ends what is
 * watched, and then the program as the signal would have.
 */
#ifndef FOVEA_WATCH_H
#define FOVEA_WATCH_H

#include "cli.h"

/* Watches the context's long calls from here on, and catches signals. Before that nothing is watched. */
void watch_begin(const settings *c, fv_ctx *ctx);
/* From here on a signal is somebody else's to act upon, and so is one that ended what was watched. */
void watch_only(void);
/* From here on a signal ends what is watched again, also one that came meanwhile. */
void watch_again(void);
/* The same of the verb's own loops: `done` of `total` (0: not known) `unit` are `done_what`. True: end, a signal came.
 */
bool watch_step(const char *done_what, const char *unit, int64_t done, int64_t total);
/* Whether one came that is to end the verb. */
bool watch_asked(void);
/* watch_step's answer as a status, told as what a library call would have left. */
fv_status watch_own(const char *done_what, const char *unit, int64_t done, int64_t total);
/* Wipes the line. */
void watch_end(void);
/* Whether a signal ended what was watched. */
bool watch_stopped(void);

#endif
