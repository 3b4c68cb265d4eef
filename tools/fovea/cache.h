/* SPDX-License-Identifier: Apache-2.0 */
/* `fovea train --cache`: decoded images kept in memory or in a packed file. */
#ifndef FOVEA_CACHE_H
#define FOVEA_CACHE_H

#include "cli.h"

/* --cache disk: packs the data as pixels into DIR/cache-KEY.fvpack and has data_open open that. The key is of the data
 * set (names, sizes, labels, classes, splits) and of the rule of decoding: a resumed run uses the file of an earlier
 * one only when both are the same and every record is sound; else it packs anew. Samples that cannot be decoded stay in
 * it as they are. */
fv_status cache_on_disk(fv_ctx *ctx, settings *c, const char *dir);
/* Whether the run came to be: then caches of other data are removed, else the one that was made for it. */
void cache_settle(const char *dir, bool begun);
/* --cache ram: of *left bytes, which nobody needs, as many as the images take. `val` may be NULL. */
fv_status cache_in_memory(const settings *c, const fv_model *model, int64_t *left, fv_dataset *train, fv_dataset *val);

#endif
