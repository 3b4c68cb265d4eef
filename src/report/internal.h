/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a run's report. */
#ifndef FV_REPORT_INTERNAL_H
#define FV_REPORT_INTERNAL_H

#include <fovea/report.h>

#include "base/text.h"
#include "report/events.h"
#include "report/steps.h"

/* Findings that were made into a part of the page. */
typedef struct fv_report_part {
    char *title;
    fv_str html;
} fv_report_part;
enum { FV_REPORT_PARTS = 4 };

struct fv_report {
    fv_ctx *ctx;
    char *dir, *title, *train_dir, *validation_dir;
    fv_events *train, *validation, *run; /* opened at the first event they get */
    fv_str warnings;                     /* one a line */
    bool warnings_full, begun;           /* begun: there is a run to tell of */
    int64_t epochs;
    const fv_monitor *monitor; /* NULL: not known yet */
    const char *ended;         /* points into why */
    char why[1024], cure[512];
    bool failed;
    fv_steps steps;
    fv_report_part parts[FV_REPORT_PARTS]; /* those with a title */
    fv_str pictures, facts, network;
    int64_t histogram_interval; /* epochs; 0: none are written */
    fv_picture batch;           /* the training images on one sheet, until it is written; rgb NULL: none */
};

/* Opens the events of a folder, unless they are open. */
fv_status fv_report_events(fv_report *report, const char *dir, fv_events **events);
/* Of an epoch's last step: histograms of weights and gradients, into the events of training, which are open. */
fv_status fv_report_spread(fv_report *report, const fv_fit_event *event);
/* The samples that the model is most wrong about as one picture, TensorBoard's epoch_mistakes, unless it has those of
 * that epoch. */
fv_status fv_report_mistakes(fv_report *report, const fv_evaluation_page *page);
/* The k-th place of a sheet of pictures, FV_SHEET_COLUMNS a row. */
enum { FV_SHEET_COLUMNS = 4, FV_SHEET_SHOWN = 16 };
void fv_picture_place(fv_picture *sheet, int k, const fv_picture *picture);
/* Writes DIR/report.html. */
fv_status fv_report_write(fv_report *report);

#endif
