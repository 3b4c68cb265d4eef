/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the program writes where the user says: never over somebody else's. */
#ifndef FOVEA_OUTPUT_H
#define FOVEA_OUTPUT_H

#include "cli.h"

typedef enum output_kind {
    OUTPUT_SHEET,
    OUTPUT_PAGE,
    OUTPUT_QUARANTINE,
    OUTPUT_DRAWING,
    OUTPUT_CURVE,
    OUTPUT_FEATURES,
    OUTPUT_MODEL
} output_kind;
/* FV_OK when `path` (NULL: nothing is written) is free, empty, no regular file, or a file that an earlier run of the
 * program wrote as output of that kind, and does not lie among the images of `data` (may be NULL); or with --force.
 * Else CONFLICT, after a message; VALUE where the name ends like that of another
 * form. */
fv_status output_check(const settings *c, const char *data, const char *option, const char *path, output_kind kind);

/* CONFLICT, after a message, when --json and --out ask for two forms; else --out is what was asked for. */
fv_status output_form(settings *c);

/* Writes a text: a regular file is the old one or all of the new one whenever one looks. */
fv_status output_write(const char *path, const char *text, size_t size);

/* Whether both are one file, there or not. */
bool output_same(const char *a, const char *b);

#endif
