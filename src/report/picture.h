/* SPDX-License-Identifier: Apache-2.0 */
/* Small pictures inside a page. */
#ifndef FV_REPORT_PICTURE_H
#define FV_REPORT_PICTURE_H

#include <fovea/data.h>

#include "base/text.h"

/* Pixels of the longer side at most. */
enum { FV_PICTURE_SIDE = 112 };
/* Appends an <img> with the picture in it, made smaller by averages of areas; small ones stay as they are. NO_MEMORY.
 */
fv_status fv_put_picture(fv_str *out, const fv_image *image);

#endif
