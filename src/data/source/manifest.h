/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests: a list of image files with their labels, as CSV (RFC 4180, with a header) or JSON lines.
 *
 *     path,label[,split,weight,group]        label: a class; a|b|c: several; a number with --task regression
 *     path,target0,target1,...               numbers to predict
 *     path,class_name[,...]                  the name of a class, whatever it looks like ("0.5", "nan", "a|b")
 *     {"path": "a.jpg", "label": "cat"}      label: text, a number, or a list of texts or numbers
 *
 * Paths are relative to the manifest's folder. What labels are follows from the task when one is given; else columns
 * target0, ... or lists of numbers are numbers to predict, a label with | or a list of texts makes all labels sets of
 * classes, labels that are all numbers, some with a fraction, are numbers to predict, and others are classes.
 */
#ifndef FV_DATA_MANIFEST_H
#define FV_DATA_MANIFEST_H

#include "data/source/source.h"

typedef enum fv_manifest_field {
    FV_FIELD_PATH,
    FV_FIELD_LABEL,
    FV_FIELD_SPLIT,
    FV_FIELD_WEIGHT,
    FV_FIELD_GROUP,
    FV_FIELD_TARGET, /* and those behind it: FV_FIELD_TARGET + k is target k */
    FV_FIELD_OTHER = -1
} fv_manifest_field;
enum { FV_MANIFEST_TARGETS_MAX = 4096 };

typedef struct fv_manifest_row {
    const char *path;
    const char *label; /* NULL: none given */
    int64_t line;
    int path_column, label_column;
    int label_row;       /* of an object: the line of its text that the label is on; 0: it is no object's */
    int64_t first_value; /* of its numbers in `values`; as many as n_targets */
    uint64_t group;
    const char *group_name; /* NULL: none */
    uint64_t key; /* of an object: the sample's identity, by its "key" or its own path, else by the path given */
    float weight;
    fv_split split;
} fv_manifest_row;

/* Texts are the arena's, the arrays are freed by fv_manifest_free. */
typedef struct fv_manifest {
    fv_ctx *ctx;
    fv_arena *arena;
    const char *path;
    fv_task kind;
    fv_manifest_row *rows;
    int64_t n_rows, rows_capacity;
    float *values;
    int64_t n_values, values_capacity;
    int64_t n_targets;
    const char *const *target_names;
    bool has_weights, has_groups, has_lists, any_split[FV_SPLIT_COUNT];
    bool named;      /* labels are names of classes, whatever they look like */
    bool indices;    /* labels are classes given by number: for those who make rows themselves */
    bool keys;       /* a group of 16 hexadecimal digits is a key, not a name: in what a pack wrote */
    fv_split split;  /* of rows that do not say theirs */
    bool quiet;      /* bad lines are counted, not told */
    int64_t n_bad;   /* lines */
    int64_t bad_at;  /* the line that was bad last */
    int object_line; /* of an object that is being read: the line of its text that a bad thing is on; 0: none */
    char first_bad[400];
    /* Set by the caller of fv_manifest_read: takes the place of telling bad lines, which are then told without end. */
    fv_status (*on_bad)(void *arg, int64_t line, int column, const char *text);
    void *on_bad_arg;
} fv_manifest;

/* One row as the readers find it; texts live until it is added. */
typedef struct fv_manifest_cells {
    int64_t line;
    const char *text[FV_FIELD_TARGET]; /* NULL: absent */
    int column[FV_FIELD_TARGET];
    int row[FV_FIELD_TARGET]; /* of an object: lines of its text; else 0 */
    const double *values;     /* targets, as many as n_values */
    int64_t n_values;
    uint64_t key;
    bool list; /* the label was a list of texts, joined by | */
} fv_manifest_cells;

/*
 * Reads a manifest. `check` NULL: only far enough to know the splits; else the root that paths are relative to: files
 * that are missing are bad lines too, the first 20 bad lines are told, and with any DATA_FORMAT is returned. The
 * manifest is zeroed before, but for on_bad and its argument.
 */
fv_status fv_manifest_read(fv_ctx *ctx, fv_arena *arena, const char *path, const char *task, const char *check,
                           fv_manifest *manifest);
void fv_manifest_free(fv_manifest *manifest);
/* For those who make rows themselves: settles the kind of label once all are added, as fv_manifest_read does. */
fv_status fv_manifest_settle(fv_manifest *m, const char *task);
/* Fills a source's labels, classes, targets, weights, groups and count from the rows of a split; *taken: the number of
 * each sample's row, the caller's. root/classes.txt numbers the classes if it is there. Texts of the manifest's arena
 * are referred to. Unfill frees the arrays; it must follow even a failure. */
fv_status fv_manifest_fill(fv_source *base, const fv_manifest *m, fv_split split, const char *root, int64_t **taken);
void fv_manifest_unfill(fv_source *base);
/* Whether a file's name is a manifest's. */
bool fv_manifest_name(const char *name);

/* Whether a label alone would not be read as this class: "0.5", "nan", "a|b". */
bool fv_manifest_misreads(const char *name);
/* For the readers: what a column's or key's name means; a bad line; a row. */
int fv_manifest_field_of(const char *name);
/* Whether it says that labels are names of classes. */
bool fv_manifest_says_names(const char *name);
/* 16 hexadecimal digits, as a pack writes keys. */
bool fv_manifest_key(const char *text, uint64_t *key);
fv_status fv_manifest_bad(fv_manifest *m, int64_t line, int column, const char *format, ...) FV_PRINTF(4, 5);
fv_status fv_manifest_add(fv_manifest *m, const fv_manifest_cells *cells);
fv_status fv_manifest_parse_csv(fv_manifest *m, char *text, size_t size);
fv_status fv_manifest_parse_jsonl(fv_manifest *m, char *text, size_t size);
/* One JSON object, with that path and, unless it is NULL, that label instead of its own. Keys without a meaning are
 * passed over. */
fv_status fv_manifest_parse_object(fv_manifest *m, const char *text, size_t size, int64_t line, const char *path,
                                   const char *label);

#endif
