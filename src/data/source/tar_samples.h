/* SPDX-License-Identifier: Apache-2.0 */
/* Reading WebDataset shards: the members of a key put together, rows of samples, and what is left out. */
#ifndef FV_DATA_SOURCE_TAR_SAMPLES_H
#define FV_DATA_SOURCE_TAR_SAMPLES_H

#include "base/text.h"
#include "data/source/manifest.h"
#include "data/source/tar_scan.h"

enum { FV_TAR_BAD_SHOWN = 20 };
#define FV_TAR_TEXT_MAX (1 << 20) /* bytes of a label or JSON member */

/* An image in a shard. */
typedef struct fv_tar_place {
    const char *shard; /* path relative to the root */
    int64_t offset, size;
} fv_tar_place;

/* The sample that is being put together. */
typedef struct fv_tar_sample {
    fv_str key, image, label, json;
    fv_str odd; /* a member that would be an image, were the key longer: "s1.2.jpg" */
    fv_tar_place where;
    int64_t n_odd; /* such images */
    bool has_image, has_label, has_json;
} fv_tar_sample;

/* Shards on their way into rows. */
typedef struct fv_tar_reader {
    fv_ctx *ctx;
    fv_arena *arena;
    fv_manifest m;
    fv_tar_place *places; /* of the manifest's rows */
    int64_t places_capacity;
    const char *given, *root, *shard, *shard_path;
    fv_split split, wanted;
    fv_tar_sample now;
    int64_t samples, no_image, no_label, twice;
    int64_t bad[FV_SPLIT_COUNT]; /* samples whose label or JSON cannot be used, by the shard's split */
    char first_bad[FV_SPLIT_COUNT][400];
    int64_t told;      /* of those of the split that is wanted; the first few are shown */
    const char **keys; /* of the shard, to find those that come again */
    int64_t n_keys, keys_capacity;
    bool cut;      /* the archive ends in the sample at hand, which is told */
    bool settling; /* all are read */
    bool names;    /* a label that is no index */
    bool other;    /* a label of JSON, or one that is a list */
} fv_tar_reader;

/* Reads a shard into the reader's rows. */
fv_status fv_tar_read_shard(fv_tar_reader *r, const char *root, const char *shard, fv_split split);
/* The text of a small member. */
fv_status fv_tar_read_text(fv_tar_reader *r, const fv_tar_member *member, fv_str *text);
/* fv_manifest.on_bad of a reader's rows: told as SHARD:MEMBER, with the place in the member where that is JSON: which
 * line of the rows it is says nothing. */
fv_status fv_tar_tell_bad(void *reader, int64_t line, int column, const char *text);
/* "b.jpg" of "a/b.jpg". */
const char *fv_tar_last_part(const char *path);

#endif
