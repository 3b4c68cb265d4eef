/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Atomic writing through `.NAME.tmp-PID` in the same folder. The temporary file is locked while it is written, so that
 * one left by a killed process with our number (in containers most processes are number 1) is told from one in use.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITER_BUFFER ((size_t)64 << 10)
#define TEMP_MARK     ".tmp-"

struct fv_writer {
    fv_ctx *ctx;
    char *path, *folder;
    char *temp; /* NULL for a device or pipe, which is written to directly */
    int fd;
    bool temp_exists;
    int64_t written;
    size_t used;
    fv_status failed; /* the first failure; sticks */
    uint8_t buffer[WRITER_BUFFER];
};

/* Whether a file's name is one of ours: `.NAME.tmp-PID`. */
static bool is_temp_name(const char *name)
{
    const char *mark = NULL;
    for (const char *p = name; (p = strstr(p, TEMP_MARK)); p++)
        mark = p + strlen(TEMP_MARK);
    return *name == '.' && mark && *mark && !mark[strspn(mark, "0123456789")];
}

/* Records the failure of writing and removes the temporary file at once. */
static fv_status writer_fail(fv_writer *w, int error, const char *verb)
{
    if (error == ENOSPC || error == EDQUOT)
        w->failed = fv_fail(w->ctx, FV_ERR_NO_SPACE, "%s: %s after %lld bytes", w->path,
                            error == EDQUOT ? "disk quota used up" : "disk full", (long long)w->written);
    else
        w->failed = fv_fail_errno(w->ctx, error, verb, w->path);
    if (w->temp_exists)
        unlink(w->temp);
    w->temp_exists = false;
    return w->failed;
}

static void writer_destroy(fv_writer **writer)
{
    fv_writer *w = *writer;
    *writer = NULL;
    if (w->fd >= 0)
        close(w->fd);
    if (w->temp_exists)
        unlink(w->temp);
    fv_ctx *ctx = w->ctx;
    fv_free(ctx, w->path);
    fv_free(ctx, w->folder);
    fv_free(ctx, w->temp);
    fv_free(ctx, w);
}

static int open_retry(const char *path, int flags, mode_t mode)
{
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Opens and locks the temporary file, emptied. */
static fv_status open_temp(fv_writer *w)
{
    for (;;) {
        w->fd = open_retry(w->temp, O_RDWR | O_CREAT | O_NOFOLLOW, 0666);
        if (w->fd < 0)
            return fv_fail_errno(w->ctx, errno, "create", w->path);
        if (flock(w->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
            return fv_fail(w->ctx, FV_ERR_LOCKED, "%s: is being written by another thread or process", w->path);
        /* Whoever held the lock until now may have renamed or removed the file that we opened. */
        struct stat ours, named;
        if (fstat(w->fd, &ours))
            return fv_fail_errno(w->ctx, errno, "create", w->path);
        if (!lstat(w->temp, &named) && named.st_dev == ours.st_dev && named.st_ino == ours.st_ino)
            break;
        close(w->fd);
        w->fd = -1;
    }
    w->temp_exists = true;
    if (ftruncate(w->fd, 0))
        return fv_fail_errno(w->ctx, errno, "create", w->path);
    return FV_OK;
}

static fv_status open_target(fv_writer *w)
{
    struct stat st;
    bool exists = !stat(w->path, &st);
    if (exists && S_ISDIR(st.st_mode))
        return fv_fail(w->ctx, FV_ERR_IO, "%s: is a folder, expected a file name", w->path);
    if (exists && !S_ISREG(st.st_mode)) {
        fv_free(w->ctx, w->temp);
        w->temp = NULL;
        w->fd = open_retry(w->path, O_WRONLY, 0);
        return w->fd < 0 ? fv_fail_errno(w->ctx, errno, "open", w->path) : FV_OK;
    }
    FV_TRY(open_temp(w));
    if (exists)
        (void)fchmod(w->fd, st.st_mode & 07777); /* the new file keeps the old one's rights where we may set them */
    return FV_OK;
}

fv_status fv_writer_open(fv_ctx *ctx, const char *path, fv_writer **writer)
{
    *writer = NULL;
    fv_writer *w = fv_malloc(ctx, sizeof *w);
    if (!w)
        return FV_ERR_NO_MEMORY;
    memset(w, 0, offsetof(fv_writer, buffer));
    w->ctx = ctx;
    w->fd = -1;
    fv_status status = FV_ERR_NO_MEMORY;
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t folder_length = (size_t)(name - path), temp_size = strlen(path) + 32;
    if (!(w->path = fv_strdup(ctx, path)) || !(w->folder = fv_strdup(ctx, slash ? path : ".")) ||
        !(w->temp = fv_malloc(ctx, temp_size)))
        goto fail;
    if (slash)
        w->folder[folder_length] = '\0';
    snprintf(w->temp, temp_size, "%.*s.%s" TEMP_MARK "%ld", (int)folder_length, path, name, (long)getpid());
    if (!*name) {
        status = fv_fail(ctx, FV_ERR_ARGUMENT, "'%s': expected a file name", path);
        goto fail;
    }
    status = open_target(w);
    if (status != FV_OK)
        goto fail;
    *writer = w;
    return FV_OK;
fail:
    writer_destroy(&w);
    return status;
}

static fv_status write_all(fv_writer *w, const uint8_t *data, size_t size)
{
    while (size) {
        ssize_t n = write(w->fd, data, size < (size_t)1 << 30 ? size : (size_t)1 << 30);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return writer_fail(w, errno, "write");
        data += n;
        size -= (size_t)n;
        w->written += n;
    }
    return FV_OK;
}

static fv_status flush(fv_writer *w)
{
    size_t used = w->used;
    w->used = 0;
    return write_all(w, w->buffer, used);
}

fv_status fv_writer_put(fv_writer *w, const void *data, size_t size)
{
    if (w->failed != FV_OK)
        return w->failed;
    if (size > WRITER_BUFFER - w->used)
        FV_TRY(flush(w));
    if (size >= WRITER_BUFFER)
        return write_all(w, data, size);
    if (size)
        memcpy(w->buffer + w->used, data, size);
    w->used += size;
    return FV_OK;
}

static int sync_retry(int fd)
{
    int result;
    do
        result = fsync(fd);
    while (result && errno == EINTR);
    /* Pipes, devices and some network file systems have nothing to sync. */
    return result && (errno == EINVAL || errno == ENOTSUP || errno == EROFS) ? 0 : result;
}

static fv_status finish(fv_writer *w)
{
    if (w->failed != FV_OK)
        return w->failed;
    FV_TRY(flush(w));
    if (sync_retry(w->fd))
        return writer_fail(w, errno, "write");
    if (w->temp && rename(w->temp, w->path))
        return writer_fail(w, errno, "rename the temporary file to");
    w->temp_exists = false;
    int fd = w->fd;
    w->fd = -1;
    if (close(fd) && errno != EINTR)
        return writer_fail(w, errno, "close");
    if (!w->temp)
        return FV_OK;
    /* The file is there; only its name may still be lost in a power cut. */
    fd = open_retry(w->folder, O_RDONLY | O_DIRECTORY, 0);
    int error = fd < 0 || sync_retry(fd) ? errno : 0;
    if (fd >= 0)
        close(fd);
    /* A folder that may be written to but not read cannot be synced. */
    return error && error != EACCES ? writer_fail(w, error, "sync the folder of") : FV_OK;
}

fv_status fv_writer_commit(fv_writer **writer)
{
    fv_status status = finish(*writer);
    writer_destroy(writer);
    return status;
}

void fv_writer_abort(fv_writer **writer)
{
    if (writer && *writer)
        writer_destroy(writer);
}

fv_status fv_writer_sweep(fv_ctx *ctx, const char *folder)
{
    char **names;
    int64_t count;
    FV_TRY(fv_path_list(ctx, folder, &names, &count));
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count && status == FV_OK; i++) {
        if (!is_temp_name(names[i]))
            continue;
        char *path = fv_path_join(ctx, folder, names[i]);
        int fd = path ? open_retry(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0) : -1;
        if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
            unlink(path);
        if (fd >= 0)
            close(fd);
        status = path ? FV_OK : FV_ERR_NO_MEMORY;
        fv_free(ctx, path);
    }
    fv_free(ctx, names);
    return status;
}

fv_status fv_file_write(fv_ctx *ctx, const char *path, const void *data, size_t size)
{
    fv_writer *writer;
    FV_TRY(fv_writer_open(ctx, path, &writer));
    (void)fv_writer_put(writer, data, size); /* a failure sticks and comes back from commit */
    return fv_writer_commit(&writer);
}
