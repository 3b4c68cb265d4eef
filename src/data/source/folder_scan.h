/* SPDX-License-Identifier: Apache-2.0 */
/* What a folder of classes holds: splits, classes, files, and what is odd about it. */
#ifndef FV_DATA_FOLDER_SCAN_H
#define FV_DATA_FOLDER_SCAN_H

#include "data/source/source.h"

typedef enum fv_folder_oddity {
    FV_ODD_HIDDEN,      /* hidden or system file: skipped */
    FV_ODD_STRAY,       /* a file or folder outside the class folders: skipped */
    FV_ODD_SPECIAL,     /* FIFO, socket, device: skipped */
    FV_ODD_DANGLING,    /* a link to something that is not there: skipped */
    FV_ODD_LOOP,        /* a link that leads back up: not followed */
    FV_ODD_NESTED,      /* a folder inside a class folder: its files belong to the class */
    FV_ODD_OWN,         /* what fovea wrote: a run, a model, a packed file */
    FV_ODD_EMPTY_CLASS, /* a class folder without files */
    FV_ODD_COUNT
} fv_folder_oddity;

typedef struct fv_folder_note {
    fv_folder_oddity kind;
    const char *path; /* relative to the root */
} fv_folder_note;

typedef struct fv_folder_file {
    const char *path; /* relative to the root */
    int64_t bytes;
    int32_t label; /* into the split's classes */
} fv_folder_file;

/* One split. Names and paths live in the arena, the arrays are the scan's own. */
typedef struct fv_folder_scan {
    const char *dir; /* relative to the root, "" when the root has no splits */
    fv_names classes;
    fv_folder_file *files;
    int64_t n_files, files_capacity;
    fv_folder_note *notes;
    int64_t n_notes, notes_capacity;
    int64_t odd[FV_ODD_COUNT];
} fv_folder_scan;

/* Why there is no reading what a note tells of, though it stands where an image should; NULL: it is no such note. */
const char *fv_folder_loss(fv_folder_oddity kind);
/* Folder of a split relative to root: *dir = "" when the root has no splits (that is the train split), NULL when this
 * split is absent. CONFLICT when two folders claim it. The text is the arena's. */
fv_status fv_folder_locate(fv_ctx *ctx, fv_arena *arena, const char *root, fv_split split, const char **dir);
/* "train" with images and folders in it, beside folders that are no splits, may be a split or a class of vehicles:
 * DATA_CLASSES. `dir` is called like a split and has folders in it. */
fv_status fv_folder_refuse_ambiguous(fv_ctx *ctx, const char *root, const char *dir);
/* Folder of a test split whose labels are kept back, as contests do: images without class folders, in it or in one
 * folder in it with a name that says nothing ("all", "images", "unknown"). NULL where there is none. The arena's. */
fv_status fv_folder_unlabeled(fv_ctx *ctx, fv_arena *arena, const char *root, const char **dir);
/* Names of the class folders in root/dir, byte-wise sorted. */
fv_status fv_folder_classes(fv_ctx *ctx, fv_arena *arena, const char *root, const char *dir, fv_names *classes);
/* Everything in root/dir. DATA_CLASSES where its folders are no classes: splits without classes in them, splits inside
 * classes, one folder that holds the whole data set. */
fv_status fv_folder_scan_split(fv_ctx *ctx, fv_arena *arena, const char *root, const char *dir, fv_folder_scan *scan);
void fv_folder_scan_free(fv_ctx *ctx, fv_folder_scan *scan);

#endif
