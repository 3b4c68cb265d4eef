/* SPDX-License-Identifier: Apache-2.0 */
/* Images with boxes in a JSON file as COCO has them: whether ids meet, and boxes lie in their images. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "data/check/check.h"
#include "data/marks/coco_json.h"

/* ---- samples ---- */

static fv_split split_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    name = slash ? slash + 1 : name;
    return strcasestr(name, "test") ? FV_SPLIT_TEST : strcasestr(name, "val") ? FV_SPLIT_VAL : FV_SPLIT_TRAIN;
}

static fv_status has_file(const fv_check_report *r, const char *dir, const char *name, bool *yes)
{
    fv_str path = {.ctx = r->ctx};
    fv_str_printf(&path, "%s/%s%s%s", r->root, dir, dir[0] ? "/" : "", name);
    fv_status status = fv_str_status(&path);
    *yes = status == FV_OK && fv_path_exists(fv_str_get(&path));
    fv_str_free(&path);
    return status;
}

/* The folder that a file's images are in: the first where one of them is. */
static fv_status find_folder(const fv_check_report *r, const char *json, const fv_coco *coco, char dir[256])
{
    const char *slash = strrchr(json, '/'), *base = slash ? slash + 1 : json, *part = strrchr(base, '_');
    char stem[96];
    snprintf(stem, sizeof stem, "%.*s", (int)strcspn(part ? part + 1 : base, "."), part ? part + 1 : base);
    for (int k = 0; k < 4; k++) { /* beside the file, in images/, in train2017/, in images/train2017/ */
        char tried[256];
        snprintf(tried, sizeof tried, "%s%s%s", k & 1 ? "images" : "", k == 3 ? "/" : "", k & 2 ? stem : "");
        for (int64_t i = 0; i < coco->n_images && i < 16; i++) {
            bool there = false;
            FV_TRY(has_file(r, tried, coco->images[i].name, &there));
            if (there) {
                snprintf(dir, 256, "%s", tried);
                return FV_OK;
            }
        }
    }
    dir[0] = '\0';
    return FV_OK;
}

/* ---- findings ---- */

typedef struct judged {
    fv_check_report *r;
    const char *json; /* as findings name it */
    const fv_coco *coco;
} judged;

static int by_image_id(const void *a, const void *b)
{
    const fv_coco_image *x = a, *y = b;
    return x->id != y->id ? (x->id < y->id ? -1 : 1) : x->line < y->line ? -1 : x->line > y->line;
}

static int by_box_id(const void *a, const void *b)
{
    const fv_coco_box *x = a, *y = b;
    return x->id != y->id ? (x->id < y->id ? -1 : 1) : x->line < y->line ? -1 : x->line > y->line;
}

static const fv_coco_image *find_image(const fv_coco *c, int64_t id)
{
    const fv_coco_image key = {.id = id};
    int64_t low = 0, high = c->n_images;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (c->images[middle].id < key.id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->n_images && c->images[low].id == id ? &c->images[low] : NULL;
}

/* Its number, or -1. */
static int64_t find_category(const fv_coco *c, int64_t id)
{
    for (int64_t i = 0; i < c->n_categories; i++) {
        if (c->categories[i].id == id)
            return i;
    }
    return -1;
}

/* Counts of one kind of fault, with the first place. */
typedef struct tally {
    int64_t count, id, line;
} tally;

static void count(tally *t, int64_t id, int64_t line)
{
    if (t->count == 0 || line < t->line) {
        t->id = id;
        t->line = line;
    }
    t->count++;
}

static fv_status tell(const judged *j, const tally *t, int64_t of, fv_verdict verdict, const char *what)
{
    if (t->count == 0)
        return FV_OK;
    char id[32] = "without an id";
    if (t->id != INT64_MIN)
        snprintf(id, sizeof id, "id %lld", (long long)t->id);
    return fv_check_add(j->r, FV_FAULT_COCO, verdict, j->json, -1, -1, "%s: %lld of %lld, the first %s in line %lld",
                        what, (long long)t->count, (long long)of, id, (long long)t->line);
}

static fv_status judge_ids(const judged *j)
{
    const fv_coco *c = j->coco;
    tally images = {0}, boxes = {0}, lost = {0}, unknown = {0}, crowds = {0};
    for (int64_t i = 1; i < c->n_images; i++) {
        if (c->images[i].id == c->images[i - 1].id)
            count(&images, c->images[i].id, c->images[i].line);
    }
    for (int64_t i = 0; i < c->n_boxes; i++) {
        const fv_coco_box *b = &c->boxes[i];
        if (i > 0 && b->id == c->boxes[i - 1].id)
            count(&boxes, b->id, b->line);
        if (!find_image(c, b->image))
            count(&lost, b->id, b->line);
        if (find_category(c, b->category) < 0)
            count(&unknown, b->id, b->line);
        if (b->crowd)
            count(&crowds, b->id, b->line);
    }
    FV_TRY(tell(j, &images, c->n_images, FV_VERDICT_REJECT, "images with an id that another has"));
    FV_TRY(tell(j, &boxes, c->n_boxes, FV_VERDICT_REJECT, "annotations with an id that another has"));
    FV_TRY(tell(j, &lost, c->n_boxes, FV_VERDICT_REJECT, "annotations of an image that is not listed"));
    FV_TRY(tell(j, &unknown, c->n_boxes, FV_VERDICT_REJECT, "annotations of a category that is not listed"));
    return tell(j, &crowds, c->n_boxes, FV_VERDICT_WARN, "crowds (iscrowd), which are left out of training");
}

/* Boxes given as two corners instead of corner and size stick out of their images, yet as corners all would fit. */
static fv_status judge_boxes(const judged *j)
{
    const fv_coco *c = j->coco;
    tally empty = {0}, outside = {0};
    int64_t corners = 0, boxes = 0;
    for (int64_t i = 0; i < c->n_boxes; i++) {
        const fv_coco_box *b = &c->boxes[i];
        const fv_coco_image *image = b->has_box ? find_image(c, b->image) : NULL;
        if (!image)
            continue;
        boxes++;
        if (b->at[2] <= 0 || b->at[3] <= 0)
            count(&empty, b->id, b->line);
        else if (image->w > 0 && image->h > 0 &&
                 (b->at[0] < -1 || b->at[1] < -1 || b->at[0] + b->at[2] > image->w + 1 ||
                  b->at[1] + b->at[3] > image->h + 1))
            count(&outside, b->id, b->line);
        corners += b->at[2] > b->at[0] && b->at[3] > b->at[1] && b->at[2] <= image->w + 1 && b->at[3] <= image->h + 1;
    }
    FV_TRY(tell(j, &empty, boxes, FV_VERDICT_REJECT, "boxes without area"));
    return tell(j, &outside, boxes, FV_VERDICT_REJECT,
                corners == boxes ? "boxes that reach outside their image, while all fit as x1 y1 x2 y2: expected x y "
                                   "width height"
                                 : "boxes that reach outside their image");
}

static fv_status set_classes(fv_check_report *r, const fv_coco *c)
{
    if (r->classes.count > 0)
        return FV_OK;
    const char **names = fv_arena_alloc(r->arena, (size_t)(c->n_categories + 1) * sizeof *names);
    for (int64_t i = 0; names && i < c->n_categories; i++)
        names[i] = c->categories[i].name;
    r->classes = (fv_names){names, c->n_categories};
    return names ? FV_OK : FV_ERR_NO_MEMORY;
}

/* ---- how many there are ---- */

typedef struct pair {
    int64_t sample, class;
} pair;

static int by_pair(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    return x->sample != y->sample ? (x->sample < y->sample ? -1 : 1) : x->class < y->class ? -1 : x->class > y->class;
}

/* The image and class of each box that can be used; class[k]: of category k. */
static int64_t list_pairs(const fv_coco *c, const int64_t *class, pair *pairs)
{
    int64_t n = 0;
    for (int64_t i = 0; i < c->n_boxes; i++) {
        const fv_coco_box *b = &c->boxes[i];
        const fv_coco_image *image = find_image(c, b->image);
        const int64_t category = find_category(c, b->category);
        if (image && category >= 0 && class[category] >= 0 && !b->crowd && b->has_box && b->at[2] > 0 && b->at[3] > 0)
            pairs[n++] = (pair){image->sample, class[category]};
    }
    if (n > 1)
        qsort(pairs, (size_t)n, sizeof *pairs, by_pair);
    return n;
}

/* Categories are the report's classes by name: another file may list them in another order. */
static fv_status mark_boxes(const judged *j)
{
    const fv_coco *c = j->coco;
    fv_check_report *r = j->r;
    const char **names = fv_malloc(r->ctx, (size_t)(c->n_categories + 1) * sizeof *names);
    int64_t *class = fv_malloc(r->ctx, (size_t)(c->n_categories + 1) * sizeof *class);
    pair *pairs = fv_malloc(r->ctx, (size_t)(c->n_boxes + 1) * sizeof *pairs);
    fv_status status = names && class && pairs ? FV_OK : FV_ERR_NO_MEMORY;
    for (int64_t k = 0; status == FV_OK && k < c->n_categories; k++)
        names[k] = c->categories[k].name;
    if (status == FV_OK)
        status = fv_names_map(r->ctx, &(fv_names){names, c->n_categories}, &r->classes, class);
    const int64_t n = status == FV_OK ? list_pairs(c, class, pairs) : 0;
    for (int64_t i = 0, next; i < n && status == FV_OK; i = next) {
        for (next = i + 1; next < n && by_pair(&pairs[i], &pairs[next]) == 0;)
            next++;
        status = fv_check_mark(r, pairs[i].sample, pairs[i].class, next - i);
    }
    fv_free(r->ctx, (void *)names);
    fv_free(r->ctx, class);
    fv_free(r->ctx, pairs);
    return status;
}

static fv_status take(fv_check_report *r, const char *name, fv_coco *c)
{
    const fv_split split = split_of(name);
    fv_check_split *s = &r->splits[split];
    char dir[256];
    const judged j = {r, name, c};
    if (s->present)
        return fv_check_add(r, FV_FAULT_COCO, FV_VERDICT_WARN, j.json, -1, -1,
                            "a second file for the %s split: not looked at", fv_split_name(split));
    FV_TRY(find_folder(r, name, c, dir));
    fv_check_begin_split(r, split, fv_split_name(split));
    for (int64_t i = 0; i < c->n_images; i++) {
        fv_check_sample *sample = NULL;
        fv_str path = {.ctx = r->ctx};
        fv_str_printf(&path, "%s%s%s", dir, dir[0] ? "/" : "", c->images[i].name);
        fv_status status = fv_str_status(&path);
        if (status == FV_OK)
            status = fv_check_add_sample(r, split, path.data, &sample);
        fv_str_free(&path);
        FV_TRY(status);
        c->images[i].sample = r->n_samples - 1;
        sample->declared_h = (int64_t)c->images[i].h;
        sample->declared_w = (int64_t)c->images[i].w;
    }
    fv_check_end_split(r, split);
    FV_TRY(set_classes(r, c));
    if (c->n_images > 1)
        qsort(c->images, (size_t)c->n_images, sizeof *c->images, by_image_id);
    if (c->n_boxes > 1)
        qsort(c->boxes, (size_t)c->n_boxes, sizeof *c->boxes, by_box_id);
    FV_TRY(judge_ids(&j));
    FV_TRY(judge_boxes(&j));
    return mark_boxes(&j);
}

static fv_status read_file(void *arg, const char *name)
{
    fv_check_report *r = arg;
    fv_blob file = {0};
    fv_coco coco = {0};
    char *path = fv_path_join(r->ctx, r->root, name);
    fv_status status = path ? fv_blob_read(r->ctx, path, &file) : FV_ERR_NO_MEMORY;
    fv_free(r->ctx, path);
    FV_TRY(status);
    status = fv_coco_parse(r->ctx, r->arena, (const char *)file.data, file.size, &coco);
    if (status == FV_OK && coco.bad_line > 0)
        status = fv_check_add(r, FV_FAULT_COCO, FV_VERDICT_REJECT, name, -1, coco.bad_byte,
                              "line %lld, byte %lld: expected %s", (long long)coco.bad_line, (long long)coco.bad_byte,
                              coco.expected);
    else if (status == FV_OK)
        status = take(r, name, &coco);
    fv_coco_free(r->ctx, &coco);
    fv_blob_free(r->ctx, &file);
    return status;
}

static fv_status list(fv_check_report *r)
{
    const fv_marks_place place = fv_check_place(r);
    return fv_coco_each_file(&place, read_file, r);
}

static fv_status judge(fv_check_report *r)
{
    tally sizes = {0};
    int64_t first = -1;
    for (int64_t i = 0; i < r->n_samples; i++) {
        const fv_check_sample *s = &r->samples[i];
        if (s->error || s->declared_h <= 0 || (s->declared_h == s->h && s->declared_w == s->w))
            continue;
        first = first < 0 ? i : first;
        sizes.count++;
    }
    if (first < 0)
        return FV_OK;
    const fv_check_sample *s = &r->samples[first];
    return fv_check_add(r, FV_FAULT_COCO, FV_VERDICT_WARN, s->name, first, -1,
                        "%lld x %lld pixels, but the annotations say %lld x %lld%s (%lld such images)", (long long)s->w,
                        (long long)s->h, (long long)s->declared_w, (long long)s->declared_h,
                        s->notes && s->notes->exif_rotated ? ": the boxes were drawn before EXIF's turn" : "",
                        (long long)sizes.count);
}

const fv_check_layout fv_check_coco = {.marks = &fv_marks_coco, .list = list, .judge = judge};
