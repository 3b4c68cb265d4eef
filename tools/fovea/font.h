/* SPDX-License-Identifier: Apache-2.0 */
/* A small font for captions: printable ASCII, 5 x 7 dots and two rows for what hangs below the line. */
#ifndef FOVEA_FONT_H
#define FOVEA_FONT_H

#include <stdint.h>

enum { FONT_WIDTH = 5, FONT_HEIGHT = 9 };

/* Rows of a character, most significant of the five bits on the left; a box for what is not in the font. */
const uint8_t *font_glyph(char c);

#endif
