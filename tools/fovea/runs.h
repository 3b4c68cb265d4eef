/* SPDX-License-Identifier: Apache-2.0 */
/* What `fovea runs` makes of runs' folders beside lists. */
#ifndef FOVEA_RUNS_H
#define FOVEA_RUNS_H

#include "run_read.h"

/* One page that needs nothing else: the curves of all runs over each other, a table that is sorted by any column, and
 * the settings in which they differ. The caller frees it. NULL: no memory. */
char *runs_page(const run_list *runs, const char *title, size_t *size);
/* The runs as MLflow's file store in the folder --output, which is made, or holds such a store. */
fv_status runs_mlflow(const settings *c, const run_list *runs);

#endif
