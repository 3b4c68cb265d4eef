/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where samples come from. A kind of source is one file with one `fv_source_type` and one row in sources.def: whether a
 * file or folder is of that kind, which splits it has, and opening a split as {count, labels, names, images}.
 */
#ifndef FV_DATA_SOURCE_H
#define FV_DATA_SOURCE_H

#include "base/arena.h"
#include "base/ctx.h"
#include "base/file.h"
#include "io/image.h"

typedef enum fv_split { FV_SPLIT_TRAIN, FV_SPLIT_VAL, FV_SPLIT_TEST, FV_SPLIT_COUNT } fv_split;

/* A list of class names; the memory is an arena's or the caller's. */
typedef struct fv_names {
    const char *const *name;
    int64_t count;
} fv_names;

/* A file that cannot become a sample, relative to the data set's root, and why. */
typedef struct fv_source_loss {
    const char *name, *why;
} fv_source_loss;

typedef struct fv_source fv_source;

typedef struct fv_source_ops {
    /* Frees what the type allocated apart from the arena. May be NULL. */
    void (*destroy)(fv_source *source);
    /* Name of a sample relative to the data set's root, as it is on the disk. */
    void (*name)(const fv_source *source, int64_t i, char *text, size_t size);
    /* Identity of a sample, kept when others come or go; and its size in bytes. */
    uint64_t (*key)(const fv_source *source, int64_t i);
    int64_t (*bytes)(const fv_source *source, int64_t i);
    /* CRC-32C of these bytes, where it is known without reading them; else NULL. */
    uint32_t (*crc)(const fv_source *source, int64_t i);
    /* Decodes a sample. Any thread. NULL when `pixels` has them all. */
    fv_status (*image)(fv_source *source, int64_t i, const fv_decode_options *options, fv_image_request *request,
                       fv_image *image, fv_decode_notes *notes, fv_image_error *error);
    /* The bytes of a sample's image file, undecoded; *data is the caller's. Any thread. NULL: there is no such file. */
    fv_status (*read)(fv_source *source, int64_t i, uint8_t **data, int64_t *size, fv_image_error *error);
    /* Its first bytes, at most `room`; *got: how many. Any thread. NULL: there is nothing quicker than `read`. */
    fv_status (*head)(fv_source *source, int64_t i, uint8_t *data, size_t room, size_t *got);
} fv_source_ops;

/* One split, opened. Types put their own members behind this one. */
struct fv_source {
    const fv_source_ops *ops;
    fv_ctx *ctx;
    fv_arena *arena; /* lives as long as the source */
    int64_t count;
    fv_task kind;                 /* COUNT: samples have no labels */
    int32_t *labels;              /* into `classes`; MULTILABEL: a sample's first class, REGRESS: 0 */
    fv_names classes;             /* of this split; REGRESS: the names of the targets */
    fv_names train;               /* of the train split: what labels are numbered by */
    float *targets;               /* count x classes, MULTILABEL: 0 or 1, REGRESS: numbers; CLASSIFY: NULL */
    float *weights;               /* per sample; NULL: 1 */
    uint64_t *groups;             /* samples of one group stay on one side of a split; 0: on its own. NULL: none */
    const char **group_names;     /* as the data write them; NULL: they are told by number alone, or there are none */
    int64_t n_bad;                /* samples that there are, but no file or label that can be read */
    const char *bad;              /* the first of them, and why; NULL: none */
    const fv_source_loss *losses; /* all of them; NULL: they are not listed */
    int64_t h, w, c;              /* common to all samples; h = w = 0 when sizes differ */
    const uint8_t *pixels;        /* all samples in memory, count x h x w x c bytes; NULL: decode one by one */
    bool bands;                   /* of those pixels, as fv_image has it */
    bool stored;                  /* samples are pixels in a file, so that keeping them in memory too gains little */
};

/* What is at a path: a folder with names in it, or a file with its first bytes. */
typedef struct fv_location {
    const char *path;
    bool is_file;
    const char *const *names;
    int64_t count;
    uint8_t head[512];
    size_t head_size;
} fv_location;

typedef struct fv_source_type {
    const char *name; /* "folder" */
    /* Whether what is there is of this kind; *yes is false before. */
    fv_status (*probe)(fv_ctx *ctx, const fv_location *place, bool *yes);
    fv_status (*has_split)(fv_ctx *ctx, const char *path, fv_split split, bool *has);
    /* A test split without labels, which has_split does not count; NULL: there are none of this kind. Its path, the
     * caller's; *folder is NULL before. */
    fv_status (*unlabeled)(fv_ctx *ctx, const char *path, char **folder);
    /* allow_empty, allow_extra, classes and task are the only options a source looks at. */
    fv_status (*open)(fv_ctx *ctx, const char *path, fv_split split, const fv_dataset_options *options,
                      fv_source **source);
} fv_source_type;

/* Labels that are indices are below it: a number far off would become as many classes. */
enum { FV_CLASSES_MAX = 1 << 20 };

#define FV_SOURCE(name) extern const fv_source_type fv_source_##name;
#include "data/source/sources.def"
#undef FV_SOURCE

/* Files without labels, each told of by its path (copied). */
fv_status fv_source_files(fv_ctx *ctx, const char *const *paths, int64_t count, fv_source **source);
/* The kind of source at path, a file or a folder: NOT_FOUND, DATA, DATA_EMPTY. */
fv_status fv_source_find(fv_ctx *ctx, const char *path, const fv_source_type **type);
/* Allocates a source of `size` bytes that begins with an fv_source, with its arena. */
fv_source *fv_source_new(fv_ctx *ctx, size_t size, const fv_source_ops *ops);
void fv_source_destroy(fv_source **source);

/* "train", or what people call it too ("Training", "val_set", "test-images", ...): the split, or -1. NULL: train. */
int fv_split_parse(const char *name);
const char *fv_split_name(fv_split split);

/* A task's name as a kind of label; COUNT for NULL. VALUE. */
fv_status fv_task_parse(fv_ctx *ctx, const char *task, fv_task *kind);
/* "one class each": what samples of a kind have; COUNT: no labels. */
const char *fv_task_labels(fv_task kind);
/* Whether samples labeled like that (COUNT: they have no labels) are what a task is about; NULL: always. CONFLICT. */
fv_status fv_task_fits(fv_ctx *ctx, const char *path, const char *task, fv_task kind);

/* Names in the arena: "0", "1", ...; the lines of a file (DATA_CLASSES when a name is empty or comes twice). */
fv_status fv_names_numbers(fv_arena *arena, int64_t count, fv_names *names);
fv_status fv_names_read(fv_arena *arena, fv_ctx *ctx, const char *path, fv_names *names);
/* Whether each name comes back from a line of such a file: DATA_CLASSES for one that holds a line's end. */
fv_status fv_names_check_lines(fv_ctx *ctx, const char *path, const fv_names *names);
fv_status fv_names_write(fv_ctx *ctx, const char *path, const fv_names *names);
fv_status fv_names_copy(fv_arena *arena, const fv_names *from, fv_names *names);
/* map[i]: where the name from->name[i] is in `to` (the first place), -1 when it is absent. NO_MEMORY. */
fv_status fv_names_map(fv_ctx *ctx, const fv_names *from, const fv_names *to, int64_t *map);
/* "daisy, roses, tulips (3)" for messages, cut off after some; the caller's (fv_free), NULL on failure. */
char *fv_names_text(fv_ctx *ctx, const fv_names *names);

/* A name as it is compared for likeness: composed letters taken apart, small letters, wide ones as usual ones; white
 * space around it gone and one blank inside, dots at the end and what is never seen (Unicode's default-ignorable code
 * points) gone. The caller's (fv_free); NULL: no memory. */
char *fv_text_fold(fv_ctx *ctx, const char *name);
bool fv_text_is_ascii(const char *text);
/* A name, where it stands, and what it is folded to; for qsort: by key, then by name. */
typedef struct fv_folded {
    const char *name, *where;
    char *key;
} fv_folded;
int fv_folded_order(const void *a, const void *b);
/* The same without any white space, and Cyrillic and Greek letters as the Latin ones that they look like. */
char *fv_text_skeleton(fv_ctx *ctx, const char *name);
/* A name for a message about likeness: "cat\u00a0" with what is not seen written out. The caller's; NULL: no memory. */
char *fv_text_reveal(fv_ctx *ctx, const char *name);
/* Two names, revealed; the caller's (fv_names_pair_free). */
typedef struct fv_names_pair {
    char *a, *b;        /* NULL: there are none */
    const char *unseen; /* for a message that says what they differ by: "" unless that may be what nobody sees */
} fv_names_pair;
/* Two names that are the same once folded; two of the same skeleton, to be asked where no two are alike. NO_MEMORY. */
fv_status fv_names_alike(fv_ctx *ctx, const fv_names *names, fv_names_pair *pair);
fv_status fv_names_resemble(fv_ctx *ctx, const fv_names *names, fv_names_pair *pair);
void fv_names_pair_free(fv_ctx *ctx, fv_names_pair *pair);
/* A sample's identity from its name: 64 bits of SHA-256. Never 0. */
uint64_t fv_text_key(const char *text);
/* Answers a request (may be NULL) with an image that is there already, whole. */
void fv_image_answer_whole(fv_image_request *request, const fv_image *image);
/* A regular file's bytes, for `read`; at most 1 GiB. */
fv_status fv_sample_read_file(fv_ctx *ctx, const char *root, const char *path, uint8_t **data, int64_t *size,
                              fv_image_error *error);
/* The first bytes behind `at` of a regular file, for `head`. IO, NO_MEMORY. */
fv_status fv_sample_read_head(fv_ctx *ctx, const char *root, const char *path, int64_t at, uint8_t *data, size_t room,
                              size_t *got);
/* A sample's bytes from a file that may be cut short at any time. Any thread. */
fv_status fv_sample_get(const fv_reader *file, int64_t at, void *dst, size_t size, fv_image_error *error);
/* Fills *error and returns status. */
fv_status fv_sample_fail(fv_image_error *error, fv_status status, fv_image_fault fault, int64_t byte,
                         const char *format, ...) FV_PRINTF(5, 6);

#endif
