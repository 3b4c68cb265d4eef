/* SPDX-License-Identifier: Apache-2.0 */
/* Which shards are at a path: one file, or *.tar in a folder and in its folders named like splits. */
#ifndef FV_DATA_TAR_SHARDS_H
#define FV_DATA_TAR_SHARDS_H

#include "data/source/source.h"

/* Whether a file is called FILE.tar; a compressed archive. */
bool fv_tar_is_shard(const char *name);
bool fv_tar_is_packed(const char *name);
/* Calls fn for each shard, compressed ones too, relative to the root, with the split of its name or folder. */
fv_status fv_tar_each_shard(fv_ctx *ctx, const char *path,
                            fv_status (*fn)(void *arg, const char *shard, fv_split split), void *arg);
/* The folder that shards at the path are relative to, the arena's; NULL: no memory. */
const char *fv_tar_root(fv_arena *arena, const char *path);

#endif
