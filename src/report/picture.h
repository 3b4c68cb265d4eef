/* SPDX-License-Identifier: Apache-2.0 */
/* Small pictures inside a page. */
#ifndef FV_REPORT_PICTURE_H
#define FV_REPORT_PICTURE_H

#include <fovea/data.h>

#include "base/text.h"

/* Pixels of the longer side at most. */
enum { FV_PICTURE_SIDE = 112 };
/* 8-bit RGB pixels, row by row. */
typedef struct fv_picture {
    uint8_t *rgb;
    int h, w;
} fv_picture;
/* Appends bytes as "data:TYPE;base64,...". */
void fv_put_data(fv_str *out, const char *type, const void *data, size_t size);
/* Appends a PNG file. NO_MEMORY. */
fv_status fv_picture_png(fv_str *out, const fv_picture *picture);
/* An image made smaller by averages of areas; small ones stay as they are. `rgb` has room for FV_PICTURE_SIDE^2 x 3
 * bytes. */
fv_picture fv_picture_shrink(const fv_image *image, uint8_t *rgb);
/* Appends an <img> of a picture as it is; `attributes` stand in it, too. NO_MEMORY. */
fv_status fv_put_pixels(fv_str *out, const fv_picture *picture, const char *attributes);
/* Appends an <img> with the picture in it, made smaller by averages of areas; small ones stay as they are. NO_MEMORY.
 */
fv_status fv_put_picture(fv_str *out, const fv_image *image);

#endif
