/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One look over a data set: a layout lists its samples (layouts in check.c), every sample is decoded once (look.c), and
 * a table of checks turns what is known into findings. A kind of layout or of check is one file and one row.
 */
#ifndef FV_DATA_CHECK_H
#define FV_DATA_CHECK_H

#include <pthread.h>

#include "base/text.h"
#include "data/pixel_range.h"
#include "data/marks/marks.h"
#include "data/pixel_sums.h"
#include "data/source/folder_scan.h"

/* Rows of the published table of faults that are not a single image's (those are in io/image.h). */
enum {
    FV_FAULT_CONSTANT = 15,
    FV_FAULT_MODEL_CLASSES = 20,
    FV_FAULT_NAME_CLASH = 21,
    FV_FAULT_NAME_ORDER = 22,
    FV_FAULT_NAME_ODD = 23,
    FV_FAULT_DUPLICATE = 25,
    FV_FAULT_TWO_LABELS = 26,
    FV_FAULT_IMBALANCE = 27,
    FV_FAULT_MANIFEST = 28,
    FV_FAULT_BOXES = 29,
    FV_FAULT_COCO = 30,
    FV_FAULT_MASK = 31,
    FV_FAULT_BATCH = 33,
    FV_FAULT_TAR = 36,
    FV_FAULT_STALL = 37,
    FV_FAULT_SCALE = 89,
};

/* The side of the small grey pictures by which similar images are compared. */
enum { FV_THUMB = 16 };

typedef struct fv_check_thumb {
    uint64_t hash;
    uint8_t grey[FV_THUMB * FV_THUMB];
} fv_check_thumb;

/* One image and what decoding it told. Texts are the arena's. */
typedef struct fv_check_sample {
    const char *name;             /* relative to the data set's root */
    const char *format;           /* NULL: not known */
    const char *error;            /* why it cannot be decoded; NULL: it can be */
    const fv_decode_notes *notes; /* NULL: there is nothing to note */
    fv_check_thumb *thumb;        /* NULL: not made */
    int64_t index;                /* in the split's source */
    int64_t bytes, h, w, c, bad_byte;
    int64_t declared_h, declared_w; /* what annotations say; 0: nothing */
    uint64_t hash[2];               /* of size and pixels */
    fv_status status;
    fv_image_fault fault;
    int32_t label; /* into the split's classes; -1: none */
    uint8_t split, depth;
    bool constant, wrong_extension;
} fv_check_sample;

/* That an image has boxes or pixels of a class. */
typedef struct fv_check_class_mark {
    int64_t sample, boxes;
    int32_t class; /* of the report's */
} fv_check_class_mark;

typedef struct fv_check_split {
    bool present;
    const char *where;    /* the split in findings: "train", "." */
    fv_names classes;     /* of the split itself */
    int64_t first, count; /* samples */
    int64_t usable;
    int64_t *per_class; /* usable ones with that label */
    int64_t *marked;    /* usable ones with a mark of each of the report's classes; NULL: there are labels instead */
    int64_t *boxes;     /* in them */
    int64_t *own;       /* where each of the report's classes is among the split's, -1: nowhere */
    fv_source *source;  /* NULL: the samples are files below the root */
    fv_folder_scan scan;
    fv_pixel_range range;
} fv_check_split;

struct fv_check_report {
    fv_ctx *ctx;
    fv_arena *arena;
    const struct fv_check_layout *layout;
    const char *source_name;  /* of the kind of source, where the layout is one */
    const char *path;         /* as given */
    const char *root;         /* the folder that names of samples are relative to */
    const char *file;         /* in it, when the path given is a file; NULL: it is a folder */
    fv_check_options options; /* texts and names in it are the arena's */
    fv_check_split splits[FV_SPLIT_COUNT];
    fv_check_sample *samples;
    int64_t n_samples, samples_capacity;
    fv_names classes; /* that labels are numbered by: the train split's, or a list's */
    fv_finding *rows;
    int64_t n_rows, rows_capacity;
    fv_check_class_mark *marks; /* each image and class once */
    int64_t n_marks, marks_capacity;
    int64_t copies; /* samples that repeat another one of their class and split */
    fv_pixel_sums sums;
    pthread_mutex_t mutex; /* of arena and sums while threads decode */
    fv_str text;
};

typedef struct fv_check_layout {
    const fv_marks_type *marks; /* what images have instead of a label; NULL: they have one, and */
    const char *name;           /* "folder", */
    /* whether the report's data are of this kind; *yes is false before. */
    fv_status (*probe)(fv_check_report *r, bool *yes);
    /* Fills splits and samples; adds findings about what cannot become a sample. */
    fv_status (*list)(fv_check_report *r);
    /* What only this layout has, once all is decoded. May be NULL. */
    fv_status (*judge)(fv_check_report *r);
} fv_check_layout;

extern const fv_check_layout fv_check_folder, fv_check_sources, fv_check_yolo, fv_check_coco, fv_check_masks;

/* The report's data, as marks are looked for in them. */
fv_marks_place fv_check_place(const fv_check_report *r);
/* A message "ROOT/FILE: text" without the root: "FILE: text"; of "ROOT: text" the part ": text". Points into `text`,
 * and is all of it where it begins otherwise. */
const char *fv_check_inside(const fv_check_report *r, const char *text);
/* The context's error without "ROOT/" and without "file: ", as the text of a finding that names the file. */
const char *fv_check_said(const fv_check_report *r, const char *file);
/* Adds a finding; `sample` is its number, -1: none. */
fv_status fv_check_add(fv_check_report *r, int fault, fv_verdict verdict, const char *file, int64_t sample,
                       int64_t byte, const char *format, ...) FV_PRINTF(7, 8);
/* Adds a sample (the name is copied) of a split, without a label. */
fv_status fv_check_add_sample(fv_check_report *r, fv_split split, const char *name, fv_check_sample **sample);
/* Begins a split: what is added from here on is its. */
void fv_check_begin_split(fv_check_report *r, fv_split split, const char *where);
void fv_check_end_split(fv_check_report *r, fv_split split);

/* Calls fn for every file below root/dir, hidden ones skipped, with its path relative to the root; dir "": the root. */
typedef fv_status (*fv_check_file_fn)(fv_check_report *r, const char *name, int64_t bytes, void *arg);
fv_status fv_check_walk(fv_check_report *r, const char *dir, fv_check_file_fn fn, void *arg);
/*
 * Layouts with a file beside each image: images/ and `other`/ (labels, masks) in the root, perhaps with split folders
 * in both, or in each split folder.
 */
fv_status fv_check_pairs_list(fv_check_report *r);
/* The name of an image's companion without its extension ("labels/train/a" for "images/train/a.jpg"); the caller's. */
char *fv_check_pairs_name(const fv_check_report *r, const char *image, const char *other);
/* Calls fn for every file in the `other` folders. */
fv_status fv_check_pairs_walk(fv_check_report *r, const char *other, fv_check_file_fn fn, void *arg);
/* Class names from classes.txt, or from what `names` of data.yaml says; none where there is neither. */
fv_status fv_check_pairs_classes(fv_check_report *r, int fault);
/* Tells of companions of `extension` (NULL: any) without an image. */
fv_status fv_check_pairs_lone(fv_check_report *r, const char *other, const char *extension, int fault);

/* Decodes sample i: any thread. */
fv_status fv_check_image(const fv_check_report *r, int64_t i, const fv_decode_options *decode, fv_image *image,
                         fv_decode_notes *notes, fv_image_error *error);
/* Decodes all samples. */
fv_status fv_check_look(fv_check_report *r);

/* Notes that an image has `boxes` boxes (0: pixels) of a class; once for each image and class. Before fv_check_marks,
 * which counts those of usable images. */
fv_status fv_check_mark(fv_check_report *r, int64_t sample, int64_t class, int64_t boxes);
fv_status fv_check_marks(fv_check_report *r);
/* Usable images of each class in a split: by label, of its own classes, or by mark, of the report's. */
typedef struct fv_check_counts {
    const fv_names *classes;
    const int64_t *images;
} fv_check_counts;
fv_check_counts fv_check_split_counts(const fv_check_report *r, const fv_check_split *s);

/* The perceptual hash and thumbnail of an image. */
void fv_check_thumb_make(const fv_image *image, fv_check_thumb *thumb);
/* How much two thumbnails differ, in deviations of their grey levels; infinite where there is next to nothing in one.
 */
double fv_check_thumb_distance(const fv_check_thumb *a, const fv_check_thumb *b);

/* Writes the report's text. */
fv_status fv_check_describe(fv_check_report *r);

/* The checks. */
fv_status fv_check_files(fv_check_report *r);
fv_status fv_check_classes(fv_check_report *r);
fv_status fv_check_names(fv_check_report *r);
fv_status fv_check_duplicates(fv_check_report *r);
fv_status fv_check_balance(fv_check_report *r);

#endif
