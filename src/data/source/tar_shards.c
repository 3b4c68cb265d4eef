/* SPDX-License-Identifier: Apache-2.0 */
/* Which shards are at a path, and the splits that their names say. */
#include "data/source/tar_shards.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/file.h"
#include "data/source/aside.h"

bool fv_tar_is_shard(const char *name)
{
    static const char *const endings[] = {".tar", NULL};
    return fv_text_has_ending(name, endings);
}

bool fv_tar_is_packed(const char *name)
{
    static const char *const endings[] = {".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2", NULL};
    return fv_text_has_ending(name, endings);
}

/* "val-000001.tar", "imagenet_Validation-00.tar": by the first of its words that is a split's name. */
static fv_split split_of(const char *name)
{
    static const char between[] = "-_. ";
    char word[48];
    for (name += strspn(name, between); *name; name += strspn(name, between)) {
        const size_t n = strcspn(name, between);
        snprintf(word, sizeof word, "%.*s", (int)n, name);
        const int split = n < sizeof word ? fv_split_parse(word) : -1;
        if (split >= 0)
            return (fv_split)split;
        name += n;
    }
    return FV_SPLIT_TRAIN;
}

/* Calls fn for the shards of the folder root/dir (dir "": root itself), relative to root. */
static fv_status each_in(fv_ctx *ctx, const char *root, const char *dir,
                         fv_status (*fn)(void *arg, const char *shard, fv_split split), void *arg)
{
    char **names = NULL;
    int64_t count = 0;
    char *path = fv_path_join(ctx, root, dir);
    if (!path)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_path_list(ctx, path, &names, &count);
    fv_free(ctx, path);
    for (int64_t i = 0; i < count && status == FV_OK; i++) {
        if ((!fv_tar_is_shard(names[i]) && !fv_tar_is_packed(names[i])) || fv_name_is_system(names[i]))
            continue;
        char *shard = dir[0] ? fv_path_join(ctx, dir, names[i]) : fv_strdup(ctx, names[i]);
        const fv_split split = dir[0] ? (fv_split)fv_split_parse(dir) : split_of(names[i]);
        status = shard ? fn(arg, shard, split) : FV_ERR_NO_MEMORY;
        fv_free(ctx, shard);
    }
    fv_free(ctx, names);
    return status;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

fv_status fv_tar_each_shard(fv_ctx *ctx, const char *path,
                            fv_status (*fn)(void *arg, const char *shard, fv_split split), void *arg)
{
    if (!fv_path_is_dir(path))
        return fn(arg, last_part(path), split_of(last_part(path)));
    char **names = NULL;
    int64_t count = 0;
    FV_TRY(each_in(ctx, path, "", fn, arg));
    FV_TRY(fv_path_list(ctx, path, &names, &count));
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count && status == FV_OK; i++) {
        if (fv_split_parse(names[i]) < 0)
            continue;
        char *dir = fv_path_join(ctx, path, names[i]);
        if (!dir)
            status = FV_ERR_NO_MEMORY;
        else if (fv_path_is_dir(dir))
            status = each_in(ctx, path, names[i], fn, arg);
        fv_free(ctx, dir);
    }
    fv_free(ctx, names);
    return status;
}

const char *fv_tar_root(fv_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return fv_path_is_dir(path) ? fv_arena_strdup(arena, path)
           : !slash             ? fv_arena_strdup(arena, ".")
                                : fv_arena_printf(arena, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}
