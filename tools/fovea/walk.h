/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a folder, deep, and of a pattern: in the order of their names, numbers by value. */
#ifndef FOVEA_PROGRAM_WALK_H
#define FOVEA_PROGRAM_WALK_H

#include "cli.h"

typedef struct walk {
    fv_status (*file)(void *user, const char *path);
    fv_status (*flush)(void *user); /* before something is said of what was met: says what was put off */
    bool (*enough)(void *user);     /* ends the walk */
} walk;

/* Links that lead back up are not followed; what is neither file nor folder is warned of. */
fv_status walk_folder(const walk *w, void *user, const char *path);
/* A pattern that the shell has not replaced, as where it stands in a recipe or in quotes. NOT_FOUND: nothing fits. */
fv_status walk_pattern(const walk *w, void *user, const char *pattern);

#endif
