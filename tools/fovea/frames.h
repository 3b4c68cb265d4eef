/* SPDX-License-Identifier: Apache-2.0 */
/* Images that come one after another: raw frames from a pipe, and the order of numbered files. */
#ifndef FOVEA_FRAMES_H
#define FOVEA_FRAMES_H

#include "cli.h"

/* The form of a raw frame: h x w x c numbers without gaps, in this machine's byte order. */
typedef struct frame_form {
    int64_t h, w, c;
    fv_depth depth;
    size_t bytes;
} frame_form;

/* Reads "HxWxC[:u8|u16|f32]". Returns 0, or an exit code after a message. */
fv_status frame_form_parse(const char *text, frame_form *form);
/* Fills `data` (form->bytes) with the next frame. 1: a frame; 0: the end; -1: the input ends inside of a frame, *got
 * bytes into it; -2: reading fails (errno). */
int frame_read(const frame_form *form, FILE *f, void *data, size_t *got);
/* Where a frame of floats is not finite; -1: nowhere. */
int64_t frame_not_finite(const frame_form *form, const void *data);

/* Like strcmp, but digits compare as numbers: frame9 before frame10. */
int natural_compare(const char *a, const char *b);

#endif
