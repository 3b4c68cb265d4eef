/* SPDX-License-Identifier: Apache-2.0 */
/* Curves of classes against the rest. */
#ifndef FV_REPORT_CURVES_H
#define FV_REPORT_CURVES_H

#include <fovea/report.h>

#include "base/text.h"

/* Appends two figures and a table of areas; nothing where answers were not kept. NO_MEMORY. */
fv_status fv_put_curves(fv_str *out, const fv_evaluation *e, const fv_model *model);

#endif
