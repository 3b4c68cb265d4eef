/* SPDX-License-Identifier: Apache-2.0 */
/* Getting single samples, and keeping account of those that cannot be had. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "data/dataset.h"

/* What is said once per data set, with the first sample it happens to. */
static void tell_conversions(fv_dataset *d, int64_t i, const fv_image *image, const fv_decode_notes *notes)
{
    const struct {
        bool happened;
        fv_log_level level;
        const char *text;
    } kinds[] = {
        {notes->cmyk, FV_LOG_WARN, "CMYK converted to RGB"},
        {notes->sixteen_bit && image->depth == FV_DEPTH_8, FV_LOG_WARN, "16 bits per channel reduced to 8"},
        {image->h == 1 || image->w == 1, FV_LOG_WARN, "an image one pixel high or wide"},
        {notes->alpha, FV_LOG_INFO, "transparency, put on the background color"},
        {notes->exif_rotated, FV_LOG_INFO, "turned upright as its EXIF orientation says"},
        {notes->preview, FV_LOG_INFO, "the first page is a preview: the picture that it is of is used"},
        {notes->bands, FV_LOG_WARN, "bands beyond the color that are not declared as opacity: used as they are"},
    };
    for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (!kinds[k].happened || (atomic_load_explicit(&d->told, memory_order_relaxed) & (1u << k)) ||
            (atomic_fetch_or(&d->told, 1u << k) & (1u << k)))
            continue;
        char path[FV_SAMPLE_PATH];
        fv_dataset_sample_path(d, i, path, sizeof path);
        fv_log(d->ctx, kinds[k].level, "data", "%s: %s (said once; `fovea data check` lists all)", path, kinds[k].text);
    }
}

static void tell_damage(fv_dataset *d, int64_t i, const fv_decode_notes *notes)
{
    if ((!notes->corrupt_markers && !notes->salvaged) ||
        (atomic_fetch_or(&d->state[i], FV_SAMPLE_WARNED) & FV_SAMPLE_WARNED))
        return;
    char path[FV_SAMPLE_PATH];
    fv_dataset_sample_path(d, i, path, sizeof path);
    if (notes->corrupt_markers)
        fv_log(d->ctx, FV_LOG_WARN, "data", "%s: %s; the image is used as it decodes", path, notes->warning);
    if (notes->salvaged)
        fv_log(d->ctx, FV_LOG_WARN, "data", "%s: salvaged, damaged at byte %lld; the rest is grey", path,
               (long long)notes->bad_byte);
}

/* A sample of those that are all in memory. */
static fv_status copy_pixels(const fv_dataset *d, int64_t i, fv_image *image, fv_image_error *error)
{
    const fv_source *source = d->source;
    const size_t size = (size_t)(source->h * source->w * source->c);
    *image = (fv_image){
        .data = fv_malloc(d->ctx, size), .h = source->h, .w = source->w, .c = source->c, .bands = source->bands};
    if (!image->data) {
        *image = (fv_image){0};
        return fv_sample_fail(error, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for an image");
    }
    memcpy(image->data, source->pixels + (size_t)d->index[i] * size, size);
    return FV_OK;
}

static fv_status read_patiently(fv_dataset *d, int64_t i, const fv_decode_options *decode, fv_image_request *request,
                                fv_image *image, fv_decode_notes *notes, fv_image_error *error)
{
    fv_source *source = d->source;
    for (int tries = 1;; tries++) {
        *error = (fv_image_error){.byte = -1};
        const fv_status status = source->ops->image(source, d->index[i], decode, request, image, notes, error);
        if (status == FV_OK || !fv_read_again(error, tries, d->first_pause))
            return status;
    }
}

fv_status fv_dataset_fetch_quiet(fv_dataset *d, int64_t i, const fv_decode_options *decode, fv_image_request *request,
                                 fv_image *image, fv_decode_notes *notes, fv_image_error *error)
{
    fv_source *source = d->source;
    *image = (fv_image){0};
    *notes = (fv_decode_notes){.bad_byte = -1};
    if (source->pixels) {
        FV_TRY(copy_pixels(d, i, image, error));
        fv_image_answer_whole(request, image);
        return FV_OK;
    }
    decode = decode ? decode : &d->decode;
    const bool cached = d->cache && fv_cache_serves(d->cache, decode);
    bool hit = false;
    if (cached)
        fv_cache_get(d->cache, i, image, notes, &hit);
    /* With a cache images are whole, those that are not in it too: what a batch holds must not depend on what fits. */
    if (!hit)
        FV_TRY(read_patiently(d, i, decode, cached ? NULL : request, image, notes, error));
    if (cached && !hit)
        fv_cache_put(d->cache, i, image, notes);
    if (cached)
        fv_image_answer_whole(request, image);
    return FV_OK;
}

void fv_dataset_tell(fv_dataset *d, int64_t i, const fv_image *image, const fv_decode_notes *notes)
{
    tell_damage(d, i, notes);
    tell_conversions(d, i, image, notes);
}

fv_status fv_dataset_fetch(fv_dataset *d, int64_t i, const fv_decode_options *decode, fv_image_request *request,
                           fv_image *image, fv_decode_notes *notes, fv_image_error *error)
{
    fv_decode_notes own;
    notes = notes ? notes : &own;
    FV_TRY(fv_dataset_fetch_quiet(d, i, decode, request, image, notes, error));
    if (!d->source->pixels)
        fv_dataset_tell(d, i, image, notes);
    return FV_OK;
}

fv_status fv_dataset_check_sums(fv_dataset *d)
{
    for (int64_t i = 0; d->source->ops->crc && i < d->count; i++) {
        fv_image image = {0};
        fv_decode_notes notes;
        fv_image_error error = {0};
        const fv_status status = fv_dataset_fetch_quiet(d, i, NULL, NULL, &image, &notes, &error);
        fv_image_free(d->ctx, &image);
        if (status != FV_OK && (error.fault == FV_FAULT_PACK || !fv_error_is_quarantine(&error) || status == FV_ERR_IO))
            return fv_fail(d->ctx, status, "%s: %s", d->path, error.text);
    }
    return FV_OK;
}

/* ---- keeping them in memory ---- */

/* Bytes that all samples would take, from some of them. */
static fv_status estimate(fv_dataset *d, const fv_decode_options *decode, int64_t *bytes)
{
    const int64_t looked_at = d->count < 24 ? d->count : 24;
    int64_t sum = 0, n = 0;
    for (int64_t t = 0; t < looked_at; t++) {
        fv_image image = {0};
        fv_image_error error = {0};
        const fv_status status = fv_dataset_fetch(d, t * d->count / looked_at, decode, NULL, &image, NULL, &error);
        if (status == FV_ERR_NO_MEMORY)
            return status;
        if (status != FV_OK)
            continue; /* it will be quarantined when its turn comes */
        sum += fv_cache_cost(&image);
        n++;
        fv_image_free(d->ctx, &image);
    }
    *bytes = n ? (int64_t)((double)sum / (double)n * (double)d->count) : 0;
    return FV_OK;
}

fv_status fv_dataset_cache(fv_dataset *dataset, const fv_pipeline *pipeline, int64_t limit, int64_t *bytes)
{
    fv_dataset *d = dataset;
    const fv_decode_options decode = fv_pipeline_decoding(pipeline, &d->decode);
    *bytes = 0;
    if (pipeline->fast_decode)
        return fv_fail_hint(d->ctx,
                            fv_fail(d->ctx, FV_ERR_CONFLICT,
                                    "%s: a cache holds whole images, and this model's come reduced (fast_decode)",
                                    d->path),
                            "leave the cache out");
    if (d->source->pixels || d->source->stored)
        return FV_OK;
    FV_TRY(estimate(d, &decode, bytes));
    fv_cache_destroy(&d->cache);
    const int64_t table = fv_cache_least(d->count);
    if (limit <= table)
        return fv_fail_hint(d->ctx,
                            fv_fail(d->ctx, FV_ERR_OVER_BUDGET,
                                    "%s: %lld bytes are left for a cache, its table needs %lld", d->path,
                                    (long long)limit, (long long)table),
                            "raise --memory, or leave the cache out");
    return fv_cache_create(d->ctx, d->count, limit, &decode, &d->cache);
}

void fv_dataset_cached(const fv_dataset *dataset, int64_t *bytes, int64_t *samples)
{
    *bytes = *samples = 0;
    if (dataset->cache)
        fv_cache_stats(dataset->cache, bytes, samples);
}

/* ---- targets and bad samples ---- */

void fv_dataset_target(const fv_dataset *d, int64_t i, float *target, int64_t n)
{
    const int64_t classes = fv_dataset_classes(d);
    const float *own = fv_dataset_targets(d, i);
    memset(target, 0, (size_t)n * sizeof *target);
    if (own)
        memcpy(target, own, (size_t)(classes < n ? classes : n) * sizeof *target);
    else if (d->labels[i] < n)
        target[d->labels[i]] = 1.0f;
}

bool fv_error_is_quarantine(const fv_image_error *error)
{
    if (error->fault == FV_FAULT_MACHINE)
        return false;
    switch (error->status) {
    case FV_ERR_DATA_TRUNCATED:
    case FV_ERR_DATA_FORMAT:
    case FV_ERR_NOT_FOUND:
    case FV_ERR_PERMISSION:
    case FV_ERR_IO:
        return true;
    default:
        return false;
    }
}

bool fv_dataset_is_bad(const fv_dataset *d, int64_t i)
{
    return atomic_load_explicit(&d->state[i], memory_order_acquire) & FV_SAMPLE_BAD;
}

fv_status fv_dataset_quarantine(fv_dataset *d, int64_t i, const fv_image_error *error)
{
    fv_status status = FV_OK;
    pthread_mutex_lock(&d->mutex);
    if (!fv_dataset_is_bad(d, i)) {
        if (d->n_rows == d->rows_capacity) {
            int64_t more = d->rows_capacity ? d->rows_capacity * 2 : 16;
            fv_quarantine_row *rows = fv_realloc(d->ctx, d->rows, (size_t)more * sizeof *rows);
            if (rows) {
                d->rows = rows;
                d->rows_capacity = more;
            } else {
                status = FV_ERR_NO_MEMORY;
            }
        }
        if (status == FV_OK) {
            fv_quarantine_row *row = &d->rows[d->n_rows++];
            *row = (fv_quarantine_row){.sample = i, .byte = error->byte, .status = error->status};
            memcpy(row->text, error->text, sizeof row->text);
            atomic_fetch_or_explicit(&d->state[i], FV_SAMPLE_BAD, memory_order_release);
        }
    }
    pthread_mutex_unlock(&d->mutex);
    return status;
}

/* The row of sample i, copied. */
static fv_quarantine_row row_of(fv_dataset *d, int64_t i)
{
    fv_quarantine_row row = {.sample = i, .byte = -1};
    pthread_mutex_lock(&d->mutex);
    for (int64_t r = 0; r < d->n_rows; r++) {
        if (d->rows[r].sample == i)
            row = d->rows[r];
    }
    pthread_mutex_unlock(&d->mutex);
    return row;
}

fv_status fv_dataset_verdict(fv_dataset *d, int64_t i, char *text, size_t size)
{
    char path[FV_SAMPLE_PATH];
    const fv_quarantine_row row = row_of(d, i);
    fv_dataset_sample_path(d, i, path, sizeof path);
    snprintf(text, size, "%s: %s", path, row.text);
    return row.status;
}

/* Files that were lost before the first was decoded. Where samples are held out they count for the whole split only. */
static int64_t lost(const fv_dataset *d)
{
    return d->count == d->source->count ? d->source->n_bad : 0;
}

static fv_status fail_too_bad(fv_dataset *d, int64_t n, int64_t last)
{
    char name[1024];
    fv_dataset_sample_name(d, last, name, sizeof name);
    FV_TRY(fv_dataset_write_quarantine(d));
    return fv_fail_hint(
        d->ctx,
        fv_fail(d->ctx, FV_ERR_DATA_TOO_BAD,
                "%s: %lld of %lld files cannot be used, more than the share of %g allowed; one is "
                "%s: %s",
                d->path, (long long)n, (long long)(d->count + lost(d)), d->max_bad, name, row_of(d, last).text),
        "see %s, repair the files or raise --max-bad", d->quarantine_csv ? d->quarantine_csv : "`fovea data check`");
}

fv_status fv_dataset_tell_bad(fv_dataset *d, int64_t i, bool *first)
{
    *first = !(atomic_fetch_or(&d->state[i], FV_SAMPLE_TOLD) & FV_SAMPLE_TOLD);
    if (*first) {
        char path[FV_SAMPLE_PATH];
        fv_dataset_sample_path(d, i, path, sizeof path);
        fv_log(d->ctx, FV_LOG_WARN, "data", "%s: quarantined: %s", path, row_of(d, i).text);
    }
    pthread_mutex_lock(&d->mutex);
    d->n_told += *first;
    d->csv_due |= *first && d->quarantine_csv;
    const int64_t n = d->n_told + lost(d);
    pthread_mutex_unlock(&d->mutex);
    return (double)n > d->max_bad * (double)(d->count + lost(d)) ? fail_too_bad(d, n, i) : FV_OK;
}

static int compare_rows(const fv_dataset *d, int64_t a, int64_t b)
{
    const int64_t x = d->rows[a].sample, y = d->rows[b].sample;
    return x < y ? -1 : x > y;
}

/* Insertion sort: the rows are few, and nearly in order. */
static void sort_rows(fv_dataset *d)
{
    for (int64_t i = 1; i < d->n_rows; i++) {
        for (int64_t j = i; j > 0 && compare_rows(d, j - 1, j) > 0; j--) {
            fv_quarantine_row swap = d->rows[j];
            d->rows[j] = d->rows[j - 1];
            d->rows[j - 1] = swap;
        }
    }
}

fv_status fv_dataset_write_quarantine(fv_dataset *d)
{
    if (!d->quarantine_csv)
        return FV_OK;
    fv_str csv = {.ctx = d->ctx};
    fv_str_append(&csv, "path,verdict,byte\r\n");
    for (int64_t i = 0; d->source->losses && i < d->source->n_bad; i++) {
        fv_str_csv(&csv, d->source->losses[i].name);
        fv_str_append(&csv, ",");
        fv_str_csv(&csv, d->source->losses[i].why);
        fv_str_append(&csv, ",\r\n");
    }
    pthread_mutex_lock(&d->mutex);
    sort_rows(d);
    for (int64_t r = 0; r < d->n_rows; r++) {
        const fv_quarantine_row *row = &d->rows[r];
        if (!(atomic_load(&d->state[row->sample]) & FV_SAMPLE_TOLD))
            continue; /* decoded ahead, but no batch with it has been taken yet */
        char name[4200];
        fv_dataset_sample_name(d, row->sample, name, sizeof name);
        fv_str_csv(&csv, name);
        fv_str_append(&csv, ",");
        fv_str_csv(&csv, row->text);
        if (row->byte >= 0)
            fv_str_printf(&csv, ",%lld\r\n", (long long)row->byte);
        else
            fv_str_append(&csv, ",\r\n");
    }
    d->csv_due = false;
    pthread_mutex_unlock(&d->mutex);
    fv_status status = fv_str_status(&csv);
    if (status == FV_OK)
        status = fv_file_write(d->ctx, d->quarantine_csv, csv.data, csv.size);
    fv_str_free(&csv);
    return status;
}
