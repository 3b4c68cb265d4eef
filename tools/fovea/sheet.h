/* SPDX-License-Identifier: Apache-2.0 */
/* A contact sheet: thumbnails with the predicted class and its probability below, green when right, red when wrong. */
#ifndef FOVEA_SHEET_H
#define FOVEA_SHEET_H

#include <fovea/data.h>

typedef struct sheet sheet;
sheet *sheet_create(void);
void sheet_destroy(sheet *s);
/* `truth` may be NULL: unknown, written in black. */
fv_status sheet_add(sheet *s, const fv_image *image, const char *class, double probability, const char *truth);
fv_status sheet_write(const sheet *s, fv_ctx *ctx, const char *path);

#endif
