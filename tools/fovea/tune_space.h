/* SPDX-License-Identifier: Apache-2.0 */
/* What the trials of fovea tune draw their settings from. */
#ifndef FOVEA_TUNE_SPACE_H
#define FOVEA_TUNE_SPACE_H

#include "series.h"

enum { TUNE_ITEMS = 24, TUNE_CHOICES = 32 };

typedef struct tune_item {
    const fv_setting_row *row;
    bool log, relative, usual; /* relative: times what the first run had; usual: not asked for by --space */
    double low, high;          /* a range where there are no choices */
    char *choice[TUNE_CHOICES];
    int n_choices;
} tune_item;

typedef struct tune_space {
    tune_item item[TUNE_ITEMS];
    int count;
} tune_space;

/* --space, or where none is given the usual one without what the command line decides. UNKNOWN_OPTION, VALUE, CONFLICT
 * after a message. */
fv_status tune_space_read(const settings *c, tune_space *space);
/* Fills in what is relative, and in the usual space what fits the data, from what the first run has come to. */
fv_status tune_space_settle(const series *s, const series_run *first, tune_space *space);
/* Adds the words of trial `number` (from 1): each setting drawn by seed, number and key, without those that belong to
 * another optimizer, schedule or loss than the trial's. False: no memory. */
bool tune_space_draw(const tune_space *space, const series *s, const series_run *first, int64_t number, words *w);
void tune_space_free(tune_space *space);

#endif
