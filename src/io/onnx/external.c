/* SPDX-License-Identifier: Apache-2.0 */
/* Elements that lie in a file beside the model, and nowhere else. */
#include "io/onnx/file.h"

#ifdef FV_WITH_ONNX
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static fv_status bad(fv_import *im, const char *name, const char *location, const char *what)
{
    return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT, "%s: ONNX: tensor '%.100s' lies in '%.200s': %s", im->file, name,
                   location, what);
}

/* Opens one part of a path below `folder`: no symbolic link. */
static int open_part(int folder, const char *part, bool last)
{
    return openat(folder, part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
}

/* Opens `location` below the model's folder: every part of it is a real folder or file there. -1: errno says why;
 * EINVAL: it leaves the folder. */
static int open_below(const char *model, const char *location)
{
    char path[4096];
    const char *slash = strrchr(model, '/');
    if ((size_t)snprintf(path, sizeof path, "%.*s", slash ? (int)(slash - model + 1) : 1, slash ? model : ".") >=
            sizeof path ||
        !*location || *location == '/' || strchr(location, '\\')) {
        errno = EINVAL;
        return -1;
    }
    int at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (at >= 0 && location) {
        const char *end = strchr(location, '/');
        const size_t size = end ? (size_t)(end - location) : strlen(location);
        char part[256];
        int next = -1;
        errno = EINVAL;
        if (size > 0 && size < sizeof part) {
            memcpy(part, location, size);
            part[size] = 0;
            if (strcmp(part, ".") == 0)
                next = dup(at);
            else if (strcmp(part, "..") != 0)
                next = open_part(at, part, !end);
        }
        const int error = errno;
        close(at);
        errno = error;
        at = next;
        location = end ? end + 1 : NULL;
    }
    return at;
}

/* The number of a key; `otherwise` when it is not there, -1 for what is no number. */
static int64_t number_of(const FvOnnx__Tensor *t, const char *key, int64_t otherwise)
{
    for (size_t i = 0; i < t->n_external_data; i++) {
        const FvOnnx__Pair *p = t->external_data[i];
        int64_t value;
        if (p->key && strcmp(p->key, key) == 0)
            return p->value && fv_text_to_int(p->value, &value) && value >= 0 ? value : -1;
    }
    return otherwise;
}

static fv_status read_all(int file, int64_t offset, int64_t size, uint8_t *data)
{
    while (size > 0) {
        const ssize_t got = pread(file, data, (size_t)(size < (1 << 30) ? size : 1 << 30), (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return FV_ERR_IO;
        data += got;
        offset += got;
        size -= got;
    }
    return FV_OK;
}

fv_status fv_onnx_read_external(fv_import *im, const FvOnnx__Tensor *t, const char *name, int64_t size,
                                const uint8_t **data)
{
    const char *location = NULL;
    struct stat st;
    for (size_t i = 0; i < t->n_external_data; i++)
        if (t->external_data[i]->key && strcmp(t->external_data[i]->key, "location") == 0)
            location = t->external_data[i]->value;
    if (!location)
        return bad(im, name, "", "it does not say where");
    const int64_t offset = number_of(t, "offset", 0), length = number_of(t, "length", size);
    if (offset < 0 || length < 0)
        return bad(im, name, location,
                   offset < 0 ? "its offset is no number of bytes" : "its length is no number of bytes");
    if (length != size)
        return fv_fail(im->ctx, FV_ERR_MODEL_FORMAT,
                       "%s: ONNX: tensor '%.100s' has %lld bytes at %lld of '%.200s', its dimensions ask for %lld",
                       im->file, name, (long long)length, (long long)offset, location, (long long)size);
    const int file = open_below(im->file, location);
    if (file < 0)
        return bad(im, name, location,
                   errno == EINVAL                      ? "only files in the model's own folder are read"
                   : errno == ELOOP || errno == ENOTDIR ? "symbolic links are not followed"
                   : errno == ENOENT                    ? "there is no such file beside the model"
                                                        : strerror(errno));
    fv_status status = FV_OK;
    if (fstat(file, &st) != 0 || !S_ISREG(st.st_mode))
        status = bad(im, name, location, "it is no regular file");
    else if (offset > st.st_size || size > st.st_size - offset)
        status = fv_fail(im->ctx, FV_ERR_MODEL_FORMAT,
                         "%s: ONNX: tensor '%.100s' has %lld bytes at %lld of '%.200s', which has %lld", im->file, name,
                         (long long)size, (long long)offset, location, (long long)st.st_size);
    uint8_t *bytes = status == FV_OK ? fv_arena_alloc(im->arena, (size_t)size + 1) : NULL;
    if (status == FV_OK && !bytes)
        status = FV_ERR_NO_MEMORY;
    if (status == FV_OK && read_all(file, offset, size, bytes) != FV_OK)
        status = bad(im, name, location, "it cannot be read");
    close(file);
    *data = bytes;
    return status;
}

#endif
