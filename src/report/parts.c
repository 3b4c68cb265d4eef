/* SPDX-License-Identifier: Apache-2.0 */
/* What a caller adds to a run's page. */
#include <string.h>

#include "report/findings.h"
#include "report/internal.h"
#include "report/network.h"
#include "report/page.h"
#include "report/picture.h"

#include <fovea/augment.h>

enum { MATRIX_CLASSES = 500, MATRIX_SIDE = 500 };

fv_status fv_report_fact(fv_report *r, const char *name, const char *value)
{
    fv_str_append(&r->facts, "<dt>");
    fv_put_escaped(&r->facts, name);
    fv_str_append(&r->facts, "</dt><dd>");
    fv_put_escaped(&r->facts, value);
    fv_str_append(&r->facts, "</dd>\n");
    return fv_str_status(&r->facts);
}

/* Cells of the confusion matrix from white to blue by the share of their row; rows: what it is. */
static fv_status put_matrix_image(fv_report *r, const fv_evaluation_page *page)
{
    const fv_evaluation *e = page->evaluation;
    const int64_t classes = fv_evaluation_classes(e);
    bool there = false;
    if (page->epoch == 0 || fv_evaluation_task(e) != FV_TASK_CLASSIFY || classes > MATRIX_CLASSES)
        return FV_OK;
    FV_TRY(fv_events_find(r->ctx, r->validation_dir, "epoch_confusion_matrix", page->epoch, &there));
    if (there) /* the run went on, and this epoch is still the best */
        return FV_OK;
    const int cell = (int)(MATRIX_SIDE / classes < 24 ? MATRIX_SIDE / classes : 24), side = cell * (int)classes;
    fv_picture picture = {fv_malloc(r->ctx, (size_t)side * (size_t)side * 3), side, side};
    if (!picture.rgb)
        return FV_ERR_NO_MEMORY;
    for (int y = 0; y < side; y++) {
        fv_class_score s;
        fv_evaluation_class(e, y / cell, &s);
        for (int x = 0; x < side; x++) {
            static const int white[3] = {255, 255, 255}, blue[3] = {8, 48, 107};
            const int64_t n = fv_evaluation_confusion(e, y / cell, x / cell), all = s.samples > 0 ? s.samples : 1;
            for (int k = 0; k < 3; k++)
                picture.rgb[(y * side + x) * 3 + k] = (uint8_t)(white[k] + (blue[k] - white[k]) * n / all);
        }
    }
    fv_status status = fv_report_events(r, r->validation_dir, &r->validation);
    if (status == FV_OK)
        status = fv_events_put_image(r->validation, page->epoch, "epoch_confusion_matrix", &picture);
    fv_free(r->ctx, picture.rgb);
    return status;
}

/* The part of that title, or a free one; the last where all are taken. */
static fv_report_part *part_of(fv_report *r, const char *title)
{
    int i = 0;
    while (i < FV_REPORT_PARTS - 1 && r->parts[i].title && strcmp(r->parts[i].title, title) != 0)
        i++;
    fv_report_part *part = &r->parts[i];
    fv_free(r->ctx, part->title);
    fv_str_free(&part->html);
    part->html = (fv_str){.ctx = r->ctx};
    part->title = fv_strdup(r->ctx, title);
    return part->title ? part : NULL;
}

fv_status fv_report_evaluation(fv_report *r, const fv_evaluation_page *page)
{
    fv_report_part *part = part_of(r, page->title);
    if (!part)
        return FV_ERR_NO_MEMORY;
    fv_str_append(&part->html, "<h2>");
    fv_put_escaped(&part->html, page->title);
    fv_str_append(&part->html, "</h2>\n");
    if (page->about) {
        fv_str_append(&part->html, "<p class=\"sub\">");
        fv_put_escaped(&part->html, page->about);
        fv_str_append(&part->html, "</p>\n");
    }
    fv_status status = fv_put_findings(&part->html, page);
    if (status != FV_OK)
        fv_str_free(&part->html);
    if (status == FV_OK && r->begun)
        status = put_matrix_image(r, page);
    if (status == FV_OK && r->begun)
        status = fv_report_mistakes(r, page);
    return status == FV_OK && r->ended && r->begun ? fv_report_write(r) : status;
}

fv_status fv_report_network(fv_report *r, fv_model *model, fv_dataset *data)
{
    fv_str_free(&r->network);
    r->network = (fv_str){.ctx = r->ctx};
    fv_status status = fv_put_network(&r->network, model, data);
    if (status != FV_OK)
        fv_str_free(&r->network);
    return status == FV_OK && r->ended && r->begun ? fv_report_write(r) : status;
}

void fv_picture_place(fv_picture *sheet, int k, const fv_picture *from)
{
    const int top = k / FV_SHEET_COLUMNS * FV_PICTURE_SIDE, left = k % FV_SHEET_COLUMNS * FV_PICTURE_SIDE;
    const int side = from->h > from->w ? from->h : from->w, times = FV_PICTURE_SIDE / side; /* small ones larger */
    for (int y = 0; y < from->h * times; y++)
        for (int x = 0; x < from->w * times; x++)
            memcpy(sheet->rgb + ((size_t)(top + y) * (size_t)sheet->w + (size_t)(left + x)) * 3,
                   from->rgb + ((size_t)(y / times) * (size_t)from->w + (size_t)(x / times)) * 3, 3);
}

/* ---- training images ---- */

static fv_status put_sample(fv_report *r, fv_dataset *train, const fv_pipeline *p, const fv_augment *augment,
                            uint64_t seed, int64_t i, int k)
{
    uint8_t rgb[FV_PICTURE_SIDE * FV_PICTURE_SIDE * 3];
    fv_sample sample = {0};
    char note[512] = "";
    fv_status status = fv_dataset_image(train, i, &sample.image, NULL);
    if (status == FV_OK)
        status = fv_augment_apply(r->ctx, augment, p, seed, 0, (uint64_t)i, &sample, note, sizeof note);
    if (status == FV_OK) {
        const bool classes = fv_dataset_task(train) == FV_TASK_CLASSIFY;
        const fv_picture small = fv_picture_shrink(&sample.image, rgb);
        fv_picture_place(&r->batch, k, &small);
        fv_str_append(&r->pictures, "<figure class=\"shot\">");
        status = fv_put_picture(&r->pictures, &sample.image);
        fv_str_append(&r->pictures, "<figcaption>");
        if (classes)
            fv_put_escaped(&r->pictures, fv_dataset_class_name(train, fv_dataset_label(train, i)));
        fv_str_append(&r->pictures, classes && note[0] ? ": " : "");
        fv_put_escaped(&r->pictures, note);
        fv_str_append(&r->pictures, "</figcaption></figure>\n");
    }
    fv_image_free(r->ctx, &sample.image);
    return status;
}

fv_status fv_report_batch(fv_report *r, fv_dataset *train, const fv_pipeline *pipeline, const char *augment,
                          uint64_t seed)
{
    fv_augment *steps = NULL;
    const int64_t count = fv_dataset_count(train), n = count < FV_SHEET_SHOWN ? count : FV_SHEET_SHOWN;
    const int rows = (int)((n + FV_SHEET_COLUMNS - 1) / FV_SHEET_COLUMNS), side = FV_SHEET_COLUMNS * FV_PICTURE_SIDE;
    fv_free(r->ctx, r->batch.rgb);
    r->batch =
        (fv_picture){fv_calloc(r->ctx, (size_t)(rows * FV_PICTURE_SIDE * side), 3), rows * FV_PICTURE_SIDE, side};
    if (!r->batch.rgb)
        return FV_ERR_NO_MEMORY;
    FV_TRY(fv_augment_create(r->ctx, augment, &steps));
    fv_str_free(&r->pictures);
    r->pictures = (fv_str){.ctx = r->ctx};
    fv_str_append(&r->pictures, "<h2>Training images, as the network gets them</h2>\n<p class=\"sub\">Augmentation: ");
    fv_put_escaped(&r->pictures, augment && *augment ? augment : "none");
    fv_str_append(&r->pictures, "</p>\n<div class=\"gallery\">\n");
    fv_status status = FV_OK;
    for (int64_t i = 0; status != FV_ERR_NO_MEMORY && i < n; i++) {
        status = put_sample(r, train, pipeline, steps, seed, i * count / n, (int)i);
        if (status != FV_OK && status != FV_ERR_NO_MEMORY)
            fv_fail_clear(r->ctx); /* one that cannot be read is told of in training */
    }
    fv_str_append(&r->pictures, "</div>\n");
    fv_augment_destroy(&steps);
    return status == FV_ERR_NO_MEMORY ? status : fv_str_status(&r->pictures);
}
