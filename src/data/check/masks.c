/* SPDX-License-Identifier: Apache-2.0 */
/* Segmentation: an 8-bit mask of class indices beside each image; 255 is left out of the loss. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/check/check.h"
#include "data/dataset.h"

enum { IGNORED = 255 };

/* What a mask is like. */
typedef struct mask_facts {
    const char *problem; /* static text; NULL: none */
    char name[512];      /* relative to the root; "": there is no mask */
    char error[256];
    int64_t h, w, bad_y, bad_x;
    int bad_value; /* -1: none */
    bool has[256]; /* classes there are pixels of; told only of masks of which all was looked at */
} mask_facts;

typedef struct mask_job {
    fv_check_report *r;
    mask_facts *facts;
} mask_job;

static fv_status list(fv_check_report *r)
{
    FV_TRY(fv_check_pairs_classes(r, FV_FAULT_MASK));
    return fv_check_pairs_list(r);
}

static fv_status find_mask(const fv_check_report *r, const fv_check_sample *image, mask_facts *f)
{
    static const char *const extensions[] = {"png", "PNG", "bmp", "pgm", "tif", "tiff", "jpg", "jpeg", "npy"};
    char *stem = fv_check_pairs_name(r, image->name, "masks");
    fv_status status = stem ? FV_OK : FV_ERR_NO_MEMORY;
    for (size_t k = 0; k < sizeof extensions / sizeof *extensions && status == FV_OK && !f->name[0]; k++) {
        snprintf(f->name, sizeof f->name, "%s.%s", stem, extensions[k]);
        char *path = fv_path_join(r->ctx, r->root, f->name);
        status = path ? FV_OK : FV_ERR_NO_MEMORY;
        if (path && !fv_path_exists(path))
            f->name[0] = '\0';
        fv_free(r->ctx, path);
    }
    fv_free(r->ctx, stem);
    return status;
}

/* The index of each color in a PNG's palette: a mask with a palette is one of indices, whatever colors show them. */
static fv_status read_palette(const char *path, fv_ctx *ctx, uint8_t palette[256][3], int64_t *n)
{
    uint8_t *data = NULL;
    int64_t size = 0;
    *n = 0;
    FV_TRY(fv_file_read(ctx, path, 0, false, &data, &size));
    for (int64_t at = 8; at + 12 <= size && *n == 0;) {
        const int64_t length = (int64_t)data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3];
        if (length > size - at - 12)
            break;
        if (memcmp(data + at + 4, "PLTE", 4) == 0) {
            *n = length / 3 < 256 ? length / 3 : 256;
            memcpy(palette, data + at + 8, (size_t)*n * 3);
        }
        at += length + 12;
    }
    fv_free(ctx, data);
    return FV_OK;
}

static int index_of(const uint8_t *pixel, uint8_t palette[256][3], int64_t n)
{
    for (int64_t k = 0; k < n; k++) {
        if (memcmp(pixel, palette[k], 3) == 0)
            return (int)k;
    }
    return -1;
}

/* Which classes there are, up to the first value that is none. */
static void look_at_values(mask_facts *f, const fv_image *mask, int64_t classes, uint8_t palette[256][3], int64_t n)
{
    int known = -1;
    uint8_t last[3] = {0};
    for (int64_t i = 0; i < mask->h * mask->w; i++) {
        const uint8_t *p = mask->data + i * mask->c;
        if (n > 0 && (known < 0 || memcmp(last, p, 3) != 0)) {
            known = index_of(p, palette, n);
            memcpy(last, p, 3);
        }
        const int value = n > 0 ? known : p[0];
        if (value >= classes && value != IGNORED) {
            f->bad_value = value;
            f->bad_y = i / mask->w;
            f->bad_x = i % mask->w;
            return;
        }
        if (value >= 0)
            f->has[value] = true;
    }
}

static fv_status look_at_mask(void *arg, int64_t i)
{
    const mask_job *job = arg;
    const fv_check_report *r = job->r;
    const fv_check_sample *image = &r->samples[i];
    mask_facts *f = &job->facts[i];
    fv_image mask;
    fv_decode_notes notes;
    fv_image_error error = {.byte = -1};
    uint8_t palette[256][3];
    f->bad_value = -1;
    FV_TRY(find_mask(r, image, f));
    if (!f->name[0])
        return FV_OK;
    char *path = fv_path_join(r->ctx, r->root, f->name);
    if (!path)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_image_read_quiet(r->ctx, path, &r->options.data.decode, NULL, &mask, &notes, &error);
    for (int tries = 1; status != FV_OK && fv_read_again(&error, tries, FV_READ_PAUSE); tries++)
        status = fv_image_read_quiet(r->ctx, path, &r->options.data.decode, NULL, &mask, &notes, &error);
    if (status == FV_OK) {
        f->h = mask.h;
        f->w = mask.w;
        const bool depth = mask.depth == FV_DEPTH_8;
        int64_t n = 0;
        if (notes.palette && !notes.alpha && depth)
            status = read_palette(path, r->ctx, palette, &n);
        if (strcmp(notes.format, "jpeg") == 0)
            f->problem = "a JPEG: its compression changes class indices; save masks as PNG";
        else if (mask.c != 1 && n == 0)
            f->problem = "a color picture, expected one channel of class indices: map each color to its class first";
        else if (r->classes.count > 0 && depth)
            look_at_values(f, &mask, r->classes.count, palette, n);
        fv_image_free(r->ctx, &mask);
    } else if (error.fault == FV_FAULT_MACHINE) { /* says nothing about the file */
        status = fv_fail(r->ctx, status, "%s: %s", path, error.text);
    } else if (status != FV_ERR_NO_MEMORY) {
        snprintf(f->error, sizeof f->error, "%s", error.text[0] ? error.text : "cannot be decoded");
        status = FV_OK;
    }
    fv_free(r->ctx, path);
    return status;
}

static fv_status tell(fv_check_report *r, int64_t i, const mask_facts *f)
{
    const fv_check_sample *image = &r->samples[i];
    if (!f->name[0])
        return fv_check_add(r, FV_FAULT_MASK, FV_VERDICT_QUARANTINE, image->name, i, -1, "there is no mask for it");
    if (f->error[0])
        return fv_check_add(r, FV_FAULT_MASK, FV_VERDICT_QUARANTINE, f->name, i, -1, "the mask: %s", f->error);
    if (f->problem)
        return fv_check_add(r, FV_FAULT_MASK, FV_VERDICT_REJECT, f->name, i, -1, "%s", f->problem);
    const bool other_size = !image->error && (f->h != image->h || f->w != image->w);
    if (other_size)
        FV_TRY(fv_check_add(r, FV_FAULT_MASK, FV_VERDICT_REJECT, f->name, i, -1,
                            "the mask has %lld x %lld pixels, the image %lld x %lld%s", (long long)f->w,
                            (long long)f->h, (long long)image->w, (long long)image->h,
                            f->h == image->w && f->w == image->h ? " (turned by EXIF?)" : ""));
    if (f->bad_value >= 0)
        return fv_check_add(r, FV_FAULT_MASK, FV_VERDICT_REJECT, f->name, i, -1,
                            "value %d at row %lld, column %lld: there are %lld classes, and 255 means ignored",
                            f->bad_value, (long long)f->bad_y, (long long)f->bad_x, (long long)r->classes.count);
    for (int64_t k = 0; k < r->classes.count && k < IGNORED && !other_size; k++) {
        if (f->has[k])
            FV_TRY(fv_check_mark(r, i, k, 0));
    }
    return FV_OK;
}

static fv_status judge(fv_check_report *r)
{
    mask_job job = {r, fv_calloc(r->ctx, (size_t)r->n_samples + 1, sizeof *job.facts)};
    fv_status status =
        job.facts ? fv_data_each(r->ctx, "checked", "masks", r->n_samples, look_at_mask, &job) : FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < r->n_samples && status == FV_OK; i++)
        status = tell(r, i, &job.facts[i]);
    fv_free(r->ctx, job.facts);
    return status == FV_OK ? fv_check_pairs_lone(r, "masks", NULL, FV_FAULT_MASK) : status;
}

const fv_check_layout fv_check_masks = {.marks = &fv_marks_masks, .list = list, .judge = judge};
