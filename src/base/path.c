/* SPDX-License-Identifier: Apache-2.0 */
/* Folders, locks and clocks. */
#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

bool fv_path_exists(const char *path)
{
    struct stat st;
    return !stat(path, &st);
}

bool fv_path_is_dir(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

fv_status fv_path_mkdirs(fv_ctx *ctx, const char *path)
{
    char *part = fv_strdup(ctx, path);
    if (!part)
        return FV_ERR_NO_MEMORY;
    fv_status status = FV_OK;
    for (char *p = part; status == FV_OK && *p;) {
        p += strspn(p, "/");
        p += strcspn(p, "/");
        char end = *p;
        *p = '\0';
        /* Another process may make the same folder at the same time. */
        int error = *part && mkdir(part, 0777) ? errno : 0;
        if (error && !fv_path_is_dir(part)) {
            if (error == EEXIST)
                status = fv_fail(ctx, FV_ERR_IO, "%s: is a file, expected a folder", part);
            else
                status = fv_fail_errno(ctx, error, "create the folder", part);
        }
        *p = end;
    }
    fv_free(ctx, part);
    return status;
}

int64_t fv_path_free_bytes(const char *path)
{
    struct statvfs st;
    if (statvfs(path, &st))
        return -1;
    int64_t bytes;
    return fv_size_mul((int64_t)st.f_bavail, (int64_t)st.f_frsize, &bytes) ? bytes : INT64_MAX;
}

char *fv_path_join(fv_ctx *ctx, const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    bool slash = na && nb && a[na - 1] != '/';
    char *path = fv_malloc(ctx, na + slash + nb + 1);
    if (!path)
        return NULL;
    memcpy(path, a, na);
    if (slash)
        path[na] = '/';
    memcpy(path + na + slash, b, nb + 1);
    return path;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Appends the names, each with its NUL, and counts them. */
static fv_status read_names(fv_ctx *ctx, const char *path, fv_str *names, int64_t *count)
{
    DIR *dir = opendir(path);
    if (!dir)
        return fv_fail_errno(ctx, errno, "open the folder", path);
    fv_status status = FV_OK;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno)
                status = fv_fail_errno(ctx, errno, "read the folder", path);
            break;
        }
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        fv_str_append_n(names, entry->d_name, strlen(entry->d_name) + 1);
        ++*count;
    }
    closedir(dir);
    return status == FV_OK ? fv_str_status(names) : status;
}

fv_status fv_path_list(fv_ctx *ctx, const char *path, char ***names, int64_t *count)
{
    *names = NULL;
    *count = 0;
    fv_str text = {.ctx = ctx};
    int64_t n = 0;
    fv_status status = read_names(ctx, path, &text, &n);
    size_t table = (size_t)(n + 1) * sizeof(char *); /* ends with NULL */
    char **list = status == FV_OK ? fv_malloc(ctx, table + text.size) : NULL;
    if (!list) {
        fv_str_free(&text);
        return status == FV_OK ? FV_ERR_NO_MEMORY : status;
    }
    char *p = (char *)list + table;
    if (text.size)
        memcpy(p, text.data, text.size);
    fv_str_free(&text);
    for (int64_t i = 0; i < n; i++, p += strlen(p) + 1)
        list[i] = p;
    list[n] = NULL;
    qsort(list, (size_t)n, sizeof *list, compare_names);
    *names = list;
    *count = n;
    return FV_OK;
}

fv_status fv_lock_take(fv_ctx *ctx, const char *path, fv_lock *lock)
{
    lock->fd = -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return fv_fail_errno(ctx, errno, "create the lock", path);
    char pid[24] = "";
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        int error = errno;
        ssize_t n = error == EWOULDBLOCK ? pread(fd, pid, sizeof pid - 1, 0) : 0;
        close(fd);
        if (error != EWOULDBLOCK)
            return fv_fail_errno(ctx, error, "lock", path);
        pid[n > 0 ? n : 0] = '\0';
        int64_t holder = 0;
        pid[strcspn(pid, "\n")] = '\0';
        if (fv_text_to_int(pid, &holder))
            return fv_fail(ctx, FV_ERR_LOCKED, "%s: is held by process %lld", path, (long long)holder);
        return fv_fail(ctx, FV_ERR_LOCKED, "%s: is held by another process", path);
    }
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    /* The number only serves the message of others: a full disk must not keep us from the lock. */
    if (!ftruncate(fd, 0) && pwrite(fd, pid, (size_t)n, 0) != n)
        fv_log(ctx, FV_LOG_WARN, "file", "%s: the process number could not be written", path);
    lock->fd = fd;
    return FV_OK;
}

void fv_lock_release(fv_lock *lock)
{
    if (lock->fd < 0)
        return;
    (void)!ftruncate(lock->fd, 0); /* an old number in a free lock does no harm */
    close(lock->fd);
    lock->fd = -1;
}

static double seconds(clockid_t clock)
{
    struct timespec t = {0, 0};
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double fv_time_monotonic(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double fv_time_wall(void)
{
    return seconds(CLOCK_REALTIME);
}
