/* SPDX-License-Identifier: Apache-2.0 */
/* COCO's annotation files: read as they come, without a tree, as they may be large. */
#ifndef FV_DATA_COCO_JSON_H
#define FV_DATA_COCO_JSON_H

#include "base/arena.h"
#include "base/ctx.h"

typedef struct fv_coco_image {
    int64_t id, line;
    double h, w;
    const char *name;
    int64_t sample; /* for who looks at it */
} fv_coco_image;

typedef struct fv_coco_box {
    int64_t id, image, category, line;
    double at[4]; /* x, y, w, h */
    bool has_box, crowd;
} fv_coco_box;

typedef struct fv_coco_category {
    int64_t id, line;
    const char *name;
} fv_coco_category;

/* Arrays are the file's own (fv_coco_free), texts the arena's. */
typedef struct fv_coco {
    fv_coco_image *images;
    fv_coco_box *boxes;
    fv_coco_category *categories;
    int64_t n_images, n_boxes, n_categories;
    int64_t image_room, box_room, category_room;
    int64_t bad_line, bad_byte; /* where the text is no JSON of that kind; bad_line 0: it is */
    const char *expected;
} fv_coco;

/* NO_MEMORY is the only failure: what is wrong with the text is told in bad_line. */
fv_status fv_coco_parse(fv_ctx *ctx, fv_arena *arena, const char *text, int64_t size, fv_coco *coco);
void fv_coco_free(fv_ctx *ctx, fv_coco *coco);

#endif
