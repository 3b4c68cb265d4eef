/* SPDX-License-Identifier: Apache-2.0 */
/* How long weights and their gradients were over a run, as a part of its page. */
#ifndef FV_REPORT_LENGTHS_H
#define FV_REPORT_LENGTHS_H

#include "base/text.h"

/* Appends charts over all tensors and a table of each, from the file norms.csv that a run writes; nothing where there
 * is none, or no line in it. NO_MEMORY, IO. */
fv_status fv_put_lengths(fv_str *out, const char *path);

#endif
