/* SPDX-License-Identifier: Apache-2.0 */
/* The indexes of trained networks that this machine has, and their files. */
#ifndef FOVEA_ZOO_FILES_H
#define FOVEA_ZOO_FILES_H

#include "cli.h"

enum { ZOO_INDEXES = 2 };

/* index.json of the folder that FOVEA_ZOO names, then the one that came with the program. */
typedef struct zoo {
    fv_zoo_index *index[ZOO_INDEXES];
    char mirror[4096]; /* FOVEA_ZOO; empty: none */
} zoo;

fv_status zoo_open(fv_ctx *ctx, zoo *z);
void zoo_close(zoo *z);
/* Entry i of all; one that an earlier index has is left out. NULL: there are no more. */
const fv_zoo_entry *zoo_at(const zoo *z, int i);
/* NULL: there is none. */
const fv_zoo_entry *zoo_find(const zoo *z, const char *name);
/* The entry's file in the folder (NULL: none), the mirror, or beside its index; false: it is on none of them. */
bool zoo_file(const zoo *z, const fv_zoo_entry *e, const char *folder, char path[4096]);

/* --model, --weights and the bare word of a verb that takes a model: one that names a network of an index becomes its
 * file, verified; one whose file is not here is told with the command that fetches it. Nothing is fetched. */
fv_status zoo_resolve(const verb *v, settings *c);

#endif
