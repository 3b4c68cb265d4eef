/* SPDX-License-Identifier: Apache-2.0 */
/* A contact sheet: bands of thumbnails with text below each, a heading above each band. */
#ifndef FOVEA_SHEET_H
#define FOVEA_SHEET_H

#include <fovea/data.h>

typedef struct sheet sheet;
/* columns 0: as many as make the sheet about square. */
sheet *sheet_create(int columns);
void sheet_destroy(sheet *s);
/* Whether so many pictures have room on a sheet, and in what the context's limit leaves: else VALUE or OVER_BUDGET,
 * after a message. */
fv_status sheet_check(fv_ctx *ctx, const char *path, int64_t pictures);
/* Begins a new band; NULL: without a heading. */
fv_status sheet_band(sheet *s, const char *heading);
typedef enum sheet_color { SHEET_BLACK, SHEET_GREEN, SHEET_RED } sheet_color;
/* image NULL: a crossed out square. Text is broken into lines between words; '\n' ends one. */
fv_status sheet_add(sheet *s, const fv_image *image, const char *text, sheet_color color);
/* The predicted class and its probability, green when right, red when wrong; `truth` NULL: not known. */
fv_status sheet_add_prediction(sheet *s, const fv_image *image, const char *class, double probability,
                               const char *truth);
/* Pictures on it. */
int sheet_count(const sheet *s);
/* Whether a file that begins so may be a sheet: a PNG of 8-bit RGB, as wide as whole columns are. */
bool sheet_is(const uint8_t *head, size_t size);
fv_status sheet_write(const sheet *s, fv_ctx *ctx, const char *path);

#endif
