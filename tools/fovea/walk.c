/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "frames.h"

/* Frames in their order, whether or not their numbers have leading zeros. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return natural_compare((*a)->d_name, (*b)->d_name);
}

/* A folder on the way down, to notice links that lead back to it. */
typedef struct ancestor {
    const struct ancestor *above;
    dev_t dev;
    ino_t ino;
} ancestor;

static bool leads_back(const ancestor *a, const struct stat *st)
{
    for (; a; a = a->above)
        if (a->dev == st->st_dev && a->ino == st->st_ino)
            return true;
    return false;
}

static fv_status folder(const walk *w, void *user, const char *path, const ancestor *above);

/* Warns, behind what there is to say of the files before. */
static fv_status skip(const walk *w, void *user, const char *path, const char *why)
{
    FV_TRY(w->flush(user));
    if (!w->enough(user))
        warn("%s: %s", path, why);
    return FV_OK;
}

static fv_status entry(const walk *w, void *user, const char *path, const ancestor *here)
{
    struct stat st;
    if (fv_path_is_aside(path))
        return FV_OK;
    if (stat(path, &st) != 0 || !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
        return skip(w, user, path, "a FIFO, socket, device or dangling link: skipped");
    if (S_ISREG(st.st_mode))
        return w->file(user, path);
    if (leads_back(here, &st))
        return skip(w, user, path, "a link that leads back up: not followed");
    return folder(w, user, path, here);
}

static fv_status folder(const walk *w, void *user, const char *path, const ancestor *above)
{
    struct dirent **entries;
    struct stat st = {0};
    int n = stat(path, &st) == 0 ? scandir(path, &entries, NULL, by_name) : -1;
    const ancestor here = {above, st.st_dev, st.st_ino};
    const char *slash = *path && path[strlen(path) - 1] == '/' ? "" : "/";
    fv_status status = FV_OK;
    if (n < 0) {
        const int error = errno;
        FV_TRY(w->flush(user));
        return complain(error == EACCES ? FV_ERR_PERMISSION : FV_ERR_IO, NULL, "%s: %s", path, strerror(error));
    }
    for (int i = 0; i < n; i++) {
        char *name = NULL;
        if (status == FV_OK && !w->enough(user) && asprintf(&name, "%s%s%s", path, slash, entries[i]->d_name) > 0)
            status = entry(w, user, name, &here);
        free(name);
        free(entries[i]);
    }
    free(entries);
    return status;
}

fv_status walk_folder(const walk *w, void *user, const char *path)
{
    return folder(w, user, path, NULL);
}

fv_status walk_pattern(const walk *w, void *user, const char *pattern)
{
    glob_t found;
    const int error = glob(pattern, 0, NULL, &found);
    fv_status status = FV_OK;
    if (error)
        return complain(FV_ERR_NOT_FOUND, NULL, "%s: %s", pattern, strerror(ENOENT));
    for (size_t i = 0; status == FV_OK && i < found.gl_pathc && !w->enough(user); i++)
        status = w->file(user, found.gl_pathv[i]);
    globfree(&found);
    return status;
}
