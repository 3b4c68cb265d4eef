/* SPDX-License-Identifier: Apache-2.0 */
/* A network as parts of a page. */
#ifndef FV_REPORT_NETWORK_H
#define FV_REPORT_NETWORK_H

#include <fovea/data.h>

#include "base/text.h"

/* Appends its drawing, the filters of its first convolution and, with `data` (may be NULL), what its layers make of
 * some of their images. What cannot be computed, as there is no memory for it within the context's limit, is said.
 * NO_MEMORY.
 */
fv_status fv_put_network(fv_str *out, fv_model *model, fv_dataset *data);
/* The last of them by itself. */
fv_status fv_put_activity(fv_str *out, fv_model *model, fv_dataset *data);

#endif
