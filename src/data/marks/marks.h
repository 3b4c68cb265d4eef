/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data sets whose images have boxes or masks instead of a label each. A kind is one file with one `fv_marks_type` and
 * one row in marks.def. They can be checked (data/check has a layout for each), and cannot be loaded: their folders
 * would pass for classes, so that they are told of instead.
 */
#ifndef FV_DATA_MARKS_H
#define FV_DATA_MARKS_H

#include "base/ctx.h"

typedef enum fv_marks_kind { FV_MARKS_BOXES, FV_MARKS_PIXELS } fv_marks_kind;

/* Where marks are looked for. */
typedef struct fv_marks_place {
    fv_ctx *ctx;
    const char *root; /* a folder */
    const char *file; /* the file in it that was given; NULL: the folder itself was */
} fv_marks_place;

typedef struct fv_marks_type {
    const char *name; /* "yolo" */
    fv_marks_kind kind;
    const char *text;         /* what is there, and what tells it */
    const char *const *homes; /* folders that would pass for classes (ends with NULL): one is there; NULL: any */
    /* Whether what is there is of this kind; *yes is false before. NO_MEMORY. */
    fv_status (*probe)(const fv_marks_place *place, bool *yes);
} fv_marks_type;

#define FV_MARKS(name) extern const fv_marks_type fv_marks_##name;
#include "data/marks/marks.def"
#undef FV_MARKS

/* DATA, which says what was found, where a folder has marks and would pass for one of classes. */
fv_status fv_marks_refuse(fv_ctx *ctx, const char *root);

/* ---- files beside images: images/ and `other`/ (labels, masks) in the root, or in each split's folder ---- */

/* Folder number k that may hold both: "" for the root, then every split's. NULL behind the last. */
const char *fv_marks_holder(int k);
/* Whether root/a/b is a folder; "" for a: root/b. */
fv_status fv_marks_is_dir(const fv_marks_place *place, const char *a, const char *b, bool *yes);
fv_status fv_marks_pairs_probe(const fv_marks_place *place, const char *other, bool *yes);

/* ---- COCO ---- */

/* Calls fn for each annotation file, with its name relative to the root: JSON with lists of images and annotations in
 * it, or what was meant to be that. */
fv_status fv_coco_each_file(const fv_marks_place *place, fv_status (*fn)(void *arg, const char *name), void *arg);

#endif
