/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a data set: a source, which of its samples belong, and what has been found bad. */
#ifndef FV_DATA_DATASET_H
#define FV_DATA_DATASET_H

#include <pthread.h>
#include <stdatomic.h>

#include "data/cache.h"
#include "data/source/source.h"

/* Bytes of a text for fv_dataset_sample_path. */
enum { FV_SAMPLE_PATH = 4200 };
/* What is known about a sample. */
enum { FV_SAMPLE_BAD = 1, FV_SAMPLE_WARNED = 2, FV_SAMPLE_TOLD = 4 };

typedef struct fv_quarantine_row {
    int64_t sample, byte;
    fv_status status;
    char text[256];
} fv_quarantine_row;

struct fv_dataset {
    fv_ctx *ctx;
    _Atomic int pins; /* the owner's, and fv_dataset_pin's */
    fv_arena *arena;
    const fv_source_type *type;
    fv_source *source;
    const char *path; /* "": the samples' names are paths */
    int64_t count;
    int64_t *index;   /* sample -> sample of the source */
    int32_t *labels;  /* numbered by `classes` */
    float *targets;   /* count x classes, NULL for labels that are classes */
    float *weights;   /* NULL: 1 */
    uint64_t *groups; /* NULL: none */
    fv_names classes;
    fv_decode_options decode;
    fv_cache *cache; /* NULL: none */
    double max_bad;
    long first_pause; /* of fv_read_again */
    const char *quarantine_csv;
    _Atomic uint8_t *state; /* per sample */
    _Atomic uint32_t told;  /* conversions that have been logged, a bit each */
    pthread_mutex_t mutex;  /* of what follows */
    fv_quarantine_row *rows;
    int64_t n_rows, rows_capacity;
    int64_t n_told; /* quarantined samples that a consumer has met */
    bool csv_due;
};

/* Maps a split's class names to the wanted ones: map[i] = index in want, -1 for an extra class. DATA_CLASSES naming
 * both lists unless allow_extra; missing classes are logged. */
fv_status fv_classes_map(fv_ctx *ctx, const char *what, const fv_names *have, const fv_names *want, bool allow_extra,
                         int64_t *map);
/* What is divided: samples of one unit stay together. */
typedef struct fv_split_input {
    const int32_t *labels;
    const uint64_t *unit;
    int64_t count;
    const fv_names *classes;
    bool strict;         /* a class with fewer units than parts is DATA; else it stays as whole as it must */
    bool groups, copies; /* what units are made by, for messages */
} fv_split_input;
/* side[i] = 1 or 2 for about share[0] and share[1] of each class, 0 for the rest; at least one unit of each class on
 * each side that is asked for. Where a unit goes depends on the seed and on its class mates only: by the rank that its
 * key draws. */
fv_status fv_split_assign(fv_ctx *ctx, const fv_split_input *in, const double share[2], uint64_t seed, uint8_t *side);
/* Samples that repeat another one, as fv_split_units finds them. */
typedef struct fv_split_copies {
    int64_t files;        /* with the content of another one before them */
    int64_t alike, bytes; /* samples of a size that others have too; bytes in all */
    int64_t read;         /* of these, as their beginnings or checksums are alike too */
} fv_split_copies;
/* Bytes that are read whole to find copies; of more the beginnings are compared first. */
#define FV_SPLIT_READ_WHOLE (INT64_C(1) << 30)
/*
 * unit[i] for n samples of a source, those in `index` (NULL: the first n): equal for samples that must stay together,
 * as they are of one group or have the same content, and not changed by samples that come to others. They are read only
 * where others have their size; where these have more than `limit` bytes, their beginnings are compared before.
 * NO_MEMORY.
 */
fv_status fv_split_units(fv_source *source, const int64_t *index, int64_t n, int64_t limit, uint64_t *unit,
                         fv_split_copies *copies);
/*
 * fold[i] in [0, folds): of each class every fold gets its share. The largest units of a class come first, then by the
 * rank that their key draws; each goes to the fold that has the fewest samples of the class, of equals the one with the
 * fewest in all. DATA where a class has fewer units than folds (in->strict).
 */
fv_status fv_split_deal(fv_ctx *ctx, const fv_split_input *in, int64_t folds, uint64_t seed, int32_t *fold);
/* Chooses the samples of one fold (from 0) of a train split. `group_by`: an extended regular expression; samples in
 * whose names it finds the same text (its first part in parentheses, where it has one) stay together. NULL: none.
 * VALUE: it is no such expression, or no name has it. */
fv_status fv_split_fold(fv_source *source, int64_t folds, int64_t fold, const char *group_by, uint64_t seed,
                        bool *held);
/* Chooses the held-out samples of a train split; groups and samples with the same content stay together. */
fv_status fv_split_hold_out(fv_source *source, double share, uint64_t seed, bool *held);

/* DATA_EMPTY for a class that has images and none that can be used, which is only logged with allow_empty. */
fv_status fv_dataset_check_usable(fv_dataset *dataset, bool allow_empty);

/* The data set and its context stay until unpinned, even if they are destroyed meanwhile. Any thread. */
void fv_dataset_pin(fv_dataset *dataset);
void fv_dataset_unpin(fv_dataset *dataset);

/* Sample i without messages in the context. `decode` NULL: the data set's own options; `request` NULL: the whole image.
 * Any thread. */
fv_status fv_dataset_fetch(fv_dataset *dataset, int64_t i, const fv_decode_options *decode, fv_image_request *request,
                           fv_image *image, fv_decode_notes *notes, fv_image_error *error);
/* The same without the log: what decoding noticed is in *notes, for fv_dataset_tell. */
fv_status fv_dataset_fetch_quiet(fv_dataset *dataset, int64_t i, const fv_decode_options *decode,
                                 fv_image_request *request, fv_image *image, fv_decode_notes *notes,
                                 fv_image_error *error);
void fv_dataset_tell(fv_dataset *dataset, int64_t i, const fv_image *image, const fv_decode_notes *notes);
/* The target of sample i: its numbers, or 1 at its class; zeros up to n elements. */
void fv_dataset_target(const fv_dataset *dataset, int64_t i, float *target, int64_t n);
/* Whether an error is one file's, which can be left out, rather than a reason to stop. */
bool fv_error_is_quarantine(const fv_image_error *error);
/* Remembers that sample i is bad. Any thread. */
fv_status fv_dataset_quarantine(fv_dataset *dataset, int64_t i, const fv_image_error *error);
bool fv_dataset_is_bad(const fv_dataset *dataset, int64_t i);
/* Why it is bad: "ROOT/NAME: the file is empty". */
fv_status fv_dataset_verdict(fv_dataset *dataset, int64_t i, char *text, size_t size);
/* A sample's name behind the path of the data set, for messages. */
void fv_dataset_sample_path(const fv_dataset *dataset, int64_t i, char *text, size_t size);
/* Logs a quarantined sample once; DATA_TOO_BAD when there are too many. */
fv_status fv_dataset_tell_bad(fv_dataset *dataset, int64_t i, bool *first);
/* Writes the list if it has changed. */
fv_status fv_dataset_write_quarantine(fv_dataset *dataset);

/* Calls fn(arg, i) for i in [0, count) on some threads; stops after a failure and returns it. Who watches the context
 * is told "checked 12 of 30 images" by done_what and unit; NULL: is told nothing. */
fv_status fv_data_each(fv_ctx *ctx, const char *done_what, const char *unit, int64_t count,
                       fv_status (*fn)(void *arg, int64_t i), void *arg);

#endif
