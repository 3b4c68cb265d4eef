/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the table of a tar archive: ustar, with long names and sizes as pax and GNU tar write them. */
#ifndef FV_DATA_TAR_SCAN_H
#define FV_DATA_TAR_SCAN_H

#include "base/ctx.h"

typedef struct fv_tar_member {
    const char *name; /* valid during the call */
    int64_t offset, size;
    int fd; /* the archive, to read the member by pread */
} fv_tar_member;

/* How the archive ended. */
typedef struct fv_tar_end {
    int64_t members; /* regular files, whole */
    int64_t byte;    /* where the archive is cut off or damaged; -1: it is whole */
    char what[128];  /* what is wrong there */
} fv_tar_end;

/*
 * Calls fn for every regular file, in order, that is there as a whole. A damaged or cut archive is read up to the
 * damage, which *end tells. Fails when the file cannot be read or fn fails.
 */
fv_status fv_tar_scan(fv_ctx *ctx, const char *path, fv_status (*fn)(void *arg, const fv_tar_member *member), void *arg,
                      fv_tar_end *end);
/* Whether a file begins like a tar archive; `size` at least 512. */
bool fv_tar_sniff(const uint8_t *head, size_t size);
/* The 512 bytes of a ustar header for a regular file; false: the name does not fit (100 bytes, or 155 + 100 cut at a
 * slash) or the size does not. */
bool fv_tar_header(uint8_t header[512], const char *name, int64_t size, char type);

#endif
