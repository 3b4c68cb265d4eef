/* SPDX-License-Identifier: Apache-2.0 */
/* Which shards are at a path, and the splits that their names say. */
#include "data/source/tar_shards.h"

#include <string.h>

#include "base/text.h"
#include "base/file.h"

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

/* "val-000001.tar": by the letters it begins with. */
static fv_split split_of(const char *name)
{
    char word[16];
    size_t n = 0;
    while ((name[n] >= 'a' && name[n] <= 'z') && n < sizeof word - 1) {
        word[n] = name[n];
        n++;
    }
    word[n] = '\0';
    const int split = fv_split_parse(word);
    return split < 0 ? FV_SPLIT_TRAIN : (fv_split)split;
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
        if ((!fv_tar_is_shard(names[i]) && !fv_tar_is_packed(names[i])) || names[i][0] == '.')
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
