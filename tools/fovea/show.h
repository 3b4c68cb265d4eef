/* SPDX-License-Identifier: Apache-2.0 */
/* File and class names in output: they may hold anything but NUL. */
#ifndef FOVEA_SHOW_H
#define FOVEA_SHOW_H

#include <jansson.h>
#include <stdio.h>

/* For lines of text, as fv_text_show has it: a name can neither break the line nor move the cursor. */
void show_text(FILE *f, const char *text);
/* A JSON string; bytes of a name that is not UTF-8 are shown as \xe9. The caller owns it; NULL: no memory. */
json_t *show_json(const char *text);
/* A field as RFC 4180 has it: quoted where it must be, the bytes as they are. */
void show_csv(FILE *f, const char *text);
/* A space, and the word as a shell takes it. */
void show_word(FILE *f, const char *word);

#endif
