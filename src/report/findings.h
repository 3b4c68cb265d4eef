/* SPDX-License-Identifier: Apache-2.0 */
/* What an evaluation found, as parts of a page. */
#ifndef FV_REPORT_FINDINGS_H
#define FV_REPORT_FINDINGS_H

#include <fovea/report.h>

#include "base/text.h"

/* Rules of style that these parts need. */
extern const char fv_findings_style[];
/* Appends them: tiles, classes, pairs, calibration, pictures of the worst samples and of some that are right. Samples
 * that can no longer be read have no picture. NO_MEMORY. */
fv_status fv_put_findings(fv_str *out, const fv_evaluation_page *page);

#endif
