/* SPDX-License-Identifier: Apache-2.0 */
/* Reading whole files, plain and gzip; reading at places. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define FIRST_SIZE ((size_t)64 << 10)
/* Seconds without a byte after which a pipe counts as dead. */
#define PIPE_PATIENCE 30

/* Bytes that grow; the buffer always has room for a NUL behind `size`. */
typedef struct bytes {
    uint8_t *data;
    size_t size, capacity;
} bytes;

static fv_status bytes_reserve(fv_ctx *ctx, bytes *b, size_t capacity)
{
    if (capacity <= b->capacity && b->data)
        return FV_OK;
    uint8_t *data = fv_realloc(ctx, b->data, capacity + 1);
    if (!data)
        return FV_ERR_NO_MEMORY;
    b->data = data;
    b->capacity = capacity;
    return FV_OK;
}

static fv_status bytes_grow(fv_ctx *ctx, bytes *b)
{
    if (b->capacity > (size_t)INT64_MAX / 4)
        return fv_fail_memory(ctx, b->capacity, "a file");
    return bytes_reserve(ctx, b, b->capacity ? b->capacity * 2 : FIRST_SIZE);
}

static fv_status too_large(fv_ctx *ctx, const char *path, int64_t max, const char *what)
{
    return fv_fail(ctx, FV_ERR_DATA_TOO_LARGE, "%s: %s than the %lld bytes allowed", path, what, (long long)max);
}

/* Waits until a pipe has bytes or has ended; without, a pipe that nobody writes to would keep its reader for ever. */
static fv_status wait_for_bytes(fv_ctx *ctx, const char *path, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int ready = 0;
    /* In pieces: a process that stood still for a while has not waited for so long. */
    for (int waited = 0; waited < PIPE_PATIENCE && ready == 0; waited++)
        while ((ready = poll(&p, 1, 1000)) < 0 && errno == EINTR)
            ;
    if (ready < 0)
        return fv_fail_errno(ctx, errno, "read", path);
    return ready > 0
               ? FV_OK
               : fv_fail_hint(ctx,
                              fv_fail(ctx, FV_ERR_IO, "%s: this pipe has not answered for %d s", path, PIPE_PATIENCE),
                              "see whether the program that should write to it runs; or give a file");
}

/* Reads to the end of the file; what fstat says is only the first guess (a pipe or /proc says 0). */
static fv_status read_all(fv_ctx *ctx, const char *path, int fd, int64_t max, bytes *b)
{
    struct stat st;
    if (fstat(fd, &st))
        return fv_fail_errno(ctx, errno, "read", path);
    if (S_ISDIR(st.st_mode))
        return fv_fail(ctx, FV_ERR_IO, "%s: is a folder, expected a file", path);
    if (S_ISREG(st.st_mode) && max > 0 && st.st_size > max)
        return fv_fail(ctx, FV_ERR_DATA_TOO_LARGE, "%s: has %lld bytes, more than the %lld allowed", path,
                       (long long)st.st_size, (long long)max);
    /* One byte more than expected, so that the end is seen without growing. */
    FV_TRY(bytes_reserve(ctx, b, S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size + 1 : FIRST_SIZE));
    for (;;) {
        if (b->size == b->capacity)
            FV_TRY(bytes_grow(ctx, b));
        if (!S_ISREG(st.st_mode))
            FV_TRY(wait_for_bytes(ctx, path, fd));
        ssize_t got = read(fd, b->data + b->size, b->capacity - b->size);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0)
            return fv_fail_errno(ctx, errno, "read", path);
        if (got == 0)
            return FV_OK;
        b->size += (size_t)got;
        if (max > 0 && b->size > (size_t)max)
            return too_large(ctx, path, max, "is longer");
    }
}

static void *gz_alloc(void *ctx, uInt items, uInt size)
{
    return fv_calloc(ctx, items, size);
}

static void gz_free(void *ctx, void *ptr)
{
    fv_free(ctx, ptr);
}

static fv_status gz_fail(fv_ctx *ctx, const char *path, const z_stream *z, int code, size_t at, size_t inflated)
{
    if (code == Z_MEM_ERROR)
        return fv_fail_memory(ctx, 0, "inflating");
    if (code == Z_BUF_ERROR || code == Z_OK)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_DATA_TRUNCATED,
                                    "%s: gzip data ends too early, at byte %zu (%zu bytes inflated)", path, at,
                                    inflated),
                            "the file was cut short: fetch it again");
    return fv_fail(ctx, FV_ERR_DATA_FORMAT, "%s: gzip data is corrupt before byte %zu: %s", path, at,
                   z->msg ? z->msg : "not a gzip stream");
}

/* Room for what the end of the file says, so that nothing is copied while it grows; damage may say anything, but
 * nothing is packed by more than 1032. */
static fv_status gz_reserve(fv_ctx *ctx, const bytes *in, int64_t max, bytes *out)
{
    const uint8_t *end = in->data + in->size;
    const size_t said =
        in->size < 18 ? 0 : (size_t)end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16 | (size_t)end[-1] << 24;
    if (said == 0 || said / 1032 > in->size || (max > 0 && said > (size_t)max))
        return FV_OK;
    return bytes_reserve(ctx, out, said + 1);
}

/* Inflates one or more gzip members; zero bytes behind the last one are padding. */
static fv_status gunzip_bytes(fv_ctx *ctx, const char *path, const bytes *in, int64_t max, bytes *out)
{
    z_stream z = {.zalloc = gz_alloc, .zfree = gz_free, .opaque = ctx};
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return fv_fail_memory(ctx, 0, "inflating");
    fv_status status = gz_reserve(ctx, in, max, out);
    size_t at = 0;
    while (status == FV_OK) {
        if (out->size == out->capacity && (status = bytes_grow(ctx, out)) != FV_OK)
            break;
        size_t left = in->size - at, room = out->capacity - out->size;
        z.next_in = in->data + at;
        z.avail_in = left < 1u << 30 ? (uInt)left : 1u << 30;
        z.next_out = out->data + out->size;
        z.avail_out = room < 1u << 30 ? (uInt)room : 1u << 30;
        int code = inflate(&z, Z_NO_FLUSH);
        at = (size_t)(z.next_in - in->data);
        out->size = (size_t)(z.next_out - out->data);
        if (max > 0 && out->size > (size_t)max) {
            status = too_large(ctx, path, max, "inflates to more");
            break;
        }
        if (code == Z_STREAM_END) {
            while (at < in->size && !in->data[at])
                at++;
            if (at == in->size)
                break;
            if (in->size - at >= 2 && in->data[at] == 0x1F && in->data[at + 1] == 0x8B) {
                inflateReset(&z);
                continue;
            }
            status = fv_fail(ctx, FV_ERR_DATA_FORMAT, "%s: byte %zu: %zu bytes that are not gzip data follow it", path,
                             at, in->size - at);
            break;
        }
        bool starved = at == in->size && z.avail_out > 0;
        if (code != Z_OK && code != Z_BUF_ERROR) {
            status = gz_fail(ctx, path, &z, code, at, out->size);
            break;
        }
        if (starved) {
            status = gz_fail(ctx, path, &z, Z_BUF_ERROR, at, out->size);
            break;
        }
    }
    inflateEnd(&z);
    return status;
}

fv_status fv_file_read(fv_ctx *ctx, const char *path, int64_t max, bool gunzip, uint8_t **data, int64_t *size)
{
    *data = NULL;
    *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer must not keep it */
    if (fd < 0)
        return fv_fail_errno(ctx, errno, "open", path);
    /* What is compressed is hardly longer than what comes out; members and headers get some room. */
    int64_t read_max = max > 0 && gunzip && max < INT64_MAX / 2 ? max + max / 64 + 65536 : max;
    bytes in = {0}, out = {0};
    fv_status status = read_all(ctx, path, fd, read_max, &in);
    close(fd);
    if (status == FV_OK && gunzip && in.size >= 2 && in.data[0] == 0x1F && in.data[1] == 0x8B) {
        status = gunzip_bytes(ctx, path, &in, max, &out);
        fv_free(ctx, in.data);
        in = out;
    } else if (status == FV_OK && max > 0 && in.size > (size_t)max) {
        status = too_large(ctx, path, max, "is longer");
    }
    if (status != FV_OK) {
        fv_free(ctx, in.data);
        return status;
    }
    in.data[in.size] = '\0';
    *data = in.data;
    *size = (int64_t)in.size;
    return FV_OK;
}

/* Opens a regular file and asks for its size. */
static fv_status open_regular(fv_ctx *ctx, const char *path, int *fd, int64_t *size)
{
    struct stat st;
    fv_status status = FV_OK;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused, not waited for */
    if (*fd < 0)
        return fv_fail_errno(ctx, errno, "open", path);
    if (fstat(*fd, &st))
        status = fv_fail_errno(ctx, errno, "read", path);
    else if (!S_ISREG(st.st_mode))
        status = fv_fail(ctx, FV_ERR_IO, "%s: is %s, expected a regular file", path,
                         S_ISDIR(st.st_mode) ? "a folder" : "a device or pipe");
    if (status != FV_OK)
        close(*fd);
    else
        *size = st.st_size;
    return status;
}

fv_status fv_blob_read(fv_ctx *ctx, const char *path, fv_blob *blob)
{
    int fd = -1;
    int64_t size = 0;
    bytes b = {0};
    *blob = (fv_blob){0};
    FV_TRY(open_regular(ctx, path, &fd, &size));
    const fv_status status = read_all(ctx, path, fd, 0, &b);
    close(fd);
    if (status == FV_OK)
        *blob = (fv_blob){b.data, (int64_t)b.size};
    else
        fv_free(ctx, b.data);
    return status;
}

void fv_blob_free(fv_ctx *ctx, fv_blob *blob)
{
    fv_free(ctx, blob->data);
    *blob = (fv_blob){0};
}

fv_status fv_reader_open(fv_ctx *ctx, const char *path, fv_reader *reader)
{
    *reader = (fv_reader){0};
    FV_TRY(open_regular(ctx, path, &reader->fd, &reader->size));
    reader->open = true;
    return FV_OK;
}

int fv_reader_get(const fv_reader *reader, int64_t at, void *dst, size_t size, size_t *got)
{
    for (*got = 0; *got < size;) {
        const ssize_t n = pread(reader->fd, (uint8_t *)dst + *got, size - *got, (off_t)(at + (int64_t)*got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            return 0;
        *got += (size_t)n;
    }
    return 0;
}

fv_status fv_reader_get_all(fv_ctx *ctx, const char *path, const fv_reader *reader, int64_t at, void *dst, size_t size)
{
    size_t got = 0;
    const int error = fv_reader_get(reader, at, dst, size, &got);
    if (error)
        return fv_fail_errno(ctx, error, "read", path);
    if (got < size)
        return fv_fail(ctx, FV_ERR_DATA_TRUNCATED, "%s: truncated at byte %lld: it had %lld bytes when it was opened",
                       path, (long long)at + (long long)got, (long long)reader->size);
    return FV_OK;
}

void fv_reader_close(fv_reader *reader)
{
    if (reader->open)
        close(reader->fd);
    *reader = (fv_reader){0};
}
