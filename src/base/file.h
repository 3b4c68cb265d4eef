/* SPDX-License-Identifier: Apache-2.0 */
/* Files: read whole or at places, write atomically, checksums, folders, locks. */
#ifndef FV_BASE_FILE_H
#define FV_BASE_FILE_H

#include "base/ctx.h"

/* Reads a whole file; *data is the caller's (fv_free), NUL-terminated behind *size. `max` > 0 limits the size
 * (DATA_TOO_LARGE). A file that begins with the gzip magic is inflated when `gunzip` is set (max limits the inflated
 * size). A pipe is read to its end; one that gives nothing for half a minute is IO. */
fv_status fv_file_read(fv_ctx *ctx, const char *path, int64_t max, bool gunzip, uint8_t **data, int64_t *size);

/* A regular file's bytes, free with fv_blob_free. Read, not mapped: a file that is cut short meanwhile must not end the
 * process. Pipes, devices and folders: IO. */
typedef struct fv_blob {
    uint8_t *data;
    int64_t size;
} fv_blob;
fv_status fv_blob_read(fv_ctx *ctx, const char *path, fv_blob *blob);
void fv_blob_free(fv_ctx *ctx, fv_blob *blob);

/* A regular file that stays open and is read at places by any thread. Bytes that were cut off since are told, where a
 * mapping would end the process. */
typedef struct fv_reader {
    bool open;
    int fd;
    int64_t size; /* when it was opened */
} fv_reader;
fv_status fv_reader_open(fv_ctx *ctx, const char *path, fv_reader *reader);
/* Reads `size` bytes from `at` on; *got < size when the file ends before. 0 or an errno: nothing is recorded. */
int fv_reader_get(const fv_reader *reader, int64_t at, void *dst, size_t size, size_t *got);
/* The same for what must be there: DATA_TRUNCATED, IO. */
fv_status fv_reader_get_all(fv_ctx *ctx, const char *path, const fv_reader *reader, int64_t at, void *dst, size_t size);
void fv_reader_close(fv_reader *reader);

/*
 * Atomic writing: bytes go to a temporary file in the same folder; `commit` does fsync, rename, fsync of the folder, so
 * that a reader sees the old file or the whole new one. `abort` (or a failed write) removes the temporary file. Full
 * disk: NO_SPACE, old file intact. A failure sticks: later puts and the commit return it. An existing file's rights are
 * kept; a device or pipe (/dev/stdout) is written to directly. Two writers of one path at a time: LOCKED.
 */
typedef struct fv_writer fv_writer;
fv_status fv_writer_open(fv_ctx *ctx, const char *path, fv_writer **writer);
fv_status fv_writer_put(fv_writer *writer, const void *data, size_t size);
fv_status fv_writer_commit(fv_writer **writer); /* destroys the writer either way */
void fv_writer_abort(fv_writer **writer);
/* Removes the temporary files in a folder whose writers were killed; one in use stays. What cannot be removed does no
 * harm: only a lack of memory and a folder that cannot be read are told. */
fv_status fv_writer_sweep(fv_ctx *ctx, const char *folder);
/* All three in one. */
fv_status fv_file_write(fv_ctx *ctx, const char *path, const void *data, size_t size);

bool fv_path_exists(const char *path);
bool fv_path_is_dir(const char *path);
/* Creates a folder and its parents. */
fv_status fv_path_mkdirs(fv_ctx *ctx, const char *path);
/* Free bytes on the file system of path; -1 if unknown. */
int64_t fv_path_free_bytes(const char *path);
/* "a/b" from parts; the caller's (fv_free); NULL on failure. */
char *fv_path_join(fv_ctx *ctx, const char *a, const char *b);

/* Names in a folder, byte-wise sorted, without . and ..; list and names are one block, free with fv_free(ctx, *names).
 */
fv_status fv_path_list(fv_ctx *ctx, const char *path, char ***names, int64_t *count);

/* An exclusive lock file (flock + pid inside); LOCKED names the holder. It stays on disk when released: only the lock
 * on it means anything, and the system drops that when its holder ends in whatever way. */
typedef struct fv_lock {
    int fd; /* -1: not held; take sets it either way */
} fv_lock;
fv_status fv_lock_take(fv_ctx *ctx, const char *path, fv_lock *lock);
void fv_lock_release(fv_lock *lock);

/* SHA-256 (FIPS 180-4), streaming, by the processor's own instructions where it has them. */
typedef struct fv_sha256 {
    void (*compress)(uint32_t state[8], const uint8_t *blocks, size_t count); /* 64 bytes a block */
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
} fv_sha256;
void fv_sha256_init(fv_sha256 *h);
void fv_sha256_init_plain(fv_sha256 *h); /* never by the processor's instructions */
void fv_sha256_update(fv_sha256 *h, const void *data, size_t size);
void fv_sha256_final(fv_sha256 *h, uint8_t digest[32]);
/* Lower-case hex of a digest: 64 characters and NUL. */
void fv_sha256_hex(const uint8_t digest[32], char hex[65]);

/* Monotonic seconds (CLOCK_MONOTONIC), for durations; wall clock seconds since 1970, for logs only. */
double fv_time_monotonic(void);
double fv_time_wall(void);

#endif
