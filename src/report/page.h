/* SPDX-License-Identifier: Apache-2.0 */
/* The HTML page of a run: one file without scripts, links or anything fetched. */
#ifndef FV_REPORT_PAGE_H
#define FV_REPORT_PAGE_H

#include "base/text.h"
#include "report/results.h"

typedef struct fv_page {
    const char *title;         /* any text */
    const char *run;           /* the run's folder */
    int64_t epochs;            /* asked for */
    const fv_monitor *monitor; /* what the best epoch goes by; NULL: not known */
    const char *ended;         /* why the run ended; NULL: it goes on, and the page asks to be loaded again */
    bool failed;               /* that is an error, and `cure` (may be NULL) is against it */
    const char *cure;
    const char *warnings; /* one a line; "" */
    const char *recipe;   /* text of args.yaml; NULL: none */
    const fv_results *results;
    const double *steps, *step_loss; /* n_steps; losses as they were */
    int64_t n_steps;
    const char *findings, *pictures, *network, *lengths, *facts; /* parts that were made before; NULL: none */
} fv_page;

/* Appends text as fv_text_show has it, with what HTML gives a meaning to written as entities. */
void fv_put_escaped(fv_str *out, const char *text);
void fv_put_page(fv_str *out, const fv_page *page);
/* Everything up to the first heading of a page; `more`: rules of style behind those that all pages have. */
void fv_put_page_head(fv_str *out, const char *title, const char *more);

#endif
